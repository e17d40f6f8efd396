//! From a reflectance to what is seen: CIE 1931 under daylight D65.

use super::spectra::{BANDS, Spectrum, wavelength};

/// Daylight D65 at each wavelength, relative.
const DAYLIGHT: Spectrum = [
    82.75, 91.49, 93.43, 86.68, 104.86, 117.01, 117.81, 114.86, 115.92, 108.81, 109.35, 107.80, 104.79, 107.69, 104.41,
    104.05, 100.0, 96.33, 95.79, 88.69, 90.01, 89.60, 87.70, 83.29, 83.70, 80.03, 80.21, 82.28, 78.28, 69.72, 71.61,
    74.35, 61.60,
];

/// A half of one Gaussian lobe on either side of its top.
fn lobe(nm: f64, top: f64, below: f64, above: f64) -> f64 {
    let width = if nm < top { below } else { above };
    (-0.5 * ((nm - top) / width).powi(2)).exp()
}

/// Colour matching functions, multi-lobe fit (Wyman, Sloan and Shirley 2013, JCGT 2(2), equations 2 to 4).
fn matching(nm: f64) -> [f64; 3] {
    [
        1.056 * lobe(nm, 599.8, 37.9, 31.0) + 0.362 * lobe(nm, 442.0, 16.0, 26.7) - 0.065 * lobe(nm, 501.1, 20.4, 26.2),
        0.821 * lobe(nm, 568.8, 46.9, 40.5) + 0.286 * lobe(nm, 530.9, 16.3, 31.1),
        1.217 * lobe(nm, 437.0, 11.8, 36.0) + 0.681 * lobe(nm, 459.0, 26.0, 13.8),
    ]
}

/// XYZ as shares of a white surface's: 1, 1, 1 is white.
pub fn tristimulus(reflectance: &Spectrum) -> [f64; 3] {
    let (mut seen, mut white) = ([0.0; 3], [0.0; 3]);
    for band in 0..BANDS {
        for (axis, matched) in matching(wavelength(band)).into_iter().enumerate() {
            white[axis] += DAYLIGHT[band] * matched;
            seen[axis] += DAYLIGHT[band] * matched * reflectance[band];
        }
    }
    [0, 1, 2].map(|axis| seen[axis] / white[axis])
}

#[cfg(test)]
mod tests {
    use super::super::layers::{Layer, reflectance};
    use super::*;
    use crate::colour::{Lab, encode, linear};

    /// Levels, lightness, red and yellow of stacks by an independent program in Python (tests/fixtures/make_skin.py).
    #[test]
    fn colours_of_skin_agree_with_the_reference() {
        let dermis = |blood| Layer::dermis(blood, 1.0);
        let pigmented = |blood, thickness, melanin| Layer { melanin, ..Layer::dermis(blood, thickness) };
        type Case = (&'static str, Vec<Layer>, [f64; 3], [i32; 3]);
        let cases: [Case; 7] = [
            ("fair", vec![Layer::epidermis(0.02, 0.006), dermis(0.01)], [67.7, 7.6, 16.7], [190, 159, 135]),
            ("medium", vec![Layer::epidermis(0.06, 0.006), dermis(0.01)], [55.4, 9.6, 23.5], [162, 126, 93]),
            ("naevus", vec![Layer::epidermis(0.12, 0.006), dermis(0.01)], [42.1, 11.6, 27.8], [130, 91, 54]),
            ("dark naevus", vec![Layer::epidermis(0.25, 0.006), dermis(0.01)], [22.5, 14.8, 32.2], [83, 44, 0]),
            (
                "melanin .2 mm deep",
                vec![
                    Layer::epidermis(0.02, 0.006),
                    Layer::dermis(0.01, 0.020),
                    pigmented(0.01, 0.03, 0.10),
                    dermis(0.01),
                ],
                [57.1, -0.7, 6.7],
                [141, 137, 126],
            ),
            (
                "blood",
                vec![Layer::epidermis(0.02, 0.006), Layer::dermis(0.20, 0.1), dermis(0.01)],
                [49.7, 19.4, 9.4],
                [155, 106, 103],
            ),
            (
                "scar",
                vec![
                    Layer::epidermis(0.01, 0.006),
                    Layer { scattering: 1.8, ..Layer::dermis(0.002, 0.05) },
                    dermis(0.01),
                ],
                [78.4, 2.2, 11.8],
                [207, 192, 172],
            ),
        ];
        for (name, layers, expected, levels) in cases {
            let shares = tristimulus(&reflectance(&layers));
            let found = Lab::of_shares(shares);
            for (found, expected) in [found.l, found.a, found.b].into_iter().zip(expected) {
                assert!((found - expected).abs() < 0.06, "{name}: {found} {expected}");
            }
            let seen = linear(shares).map(|value| (255.0 * encode(value)).round() as i32);
            assert!(seen.iter().zip(levels).all(|(a, b)| (a - b).abs() <= 1), "{name}: {seen:?}");
        }
    }

    #[test]
    fn what_throws_all_light_back_is_white() {
        assert!(tristimulus(&[1.0; BANDS]).iter().all(|share| (share - 1.0).abs() < 1e-12));
    }
}

//! Colours of pictures: sRGB's curve and primaries (IEC 61966-2-1), CIELAB (CIE 15) under daylight D65.

/// XYZ of sRGB's white.
pub const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

/// XYZ to linear sRGB (IEC 61966-2-1).
const TO_SRGB: [[f64; 3]; 3] = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]];

/// Its inverse.
const FROM_SRGB: [[f64; 3]; 3] = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

/// Lightness, green to red, blue to yellow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    /// 0 to 100.
    pub l: f64,
    /// Red above 0.
    pub a: f64,
    /// Yellow above 0.
    pub b: f64,
}

impl Lab {
    /// Of XYZ as shares of a white surface's: 1, 1, 1 is white.
    pub fn of_shares(shares: [f64; 3]) -> Self {
        let root = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        let [x, y, z] = shares.map(root);
        Self { l: 116.0 * y - 16.0, a: 500.0 * (x - y), b: 200.0 * (y - z) }
    }

    /// Of linear red, green and blue, each 0 to 1.
    pub fn of_linear(rgb: [f64; 3]) -> Self {
        let xyz = FROM_SRGB.map(|row| (0..3).map(|axis| row[axis] * rgb[axis]).sum::<f64>());
        Self::of_shares([0, 1, 2].map(|axis| xyz[axis] / WHITE[axis]))
    }

    /// Individual typology angle in degrees: light skin above 41, dark below -30 (Chardon et al. 1991).
    pub fn typology_angle(self) -> f64 {
        (self.l - 50.0).atan2(self.b).to_degrees()
    }
}

/// Linear red, green and blue of XYZ as shares of a white surface's; 0 to 1 inside the gamut.
pub fn linear(shares: [f64; 3]) -> [f64; 3] {
    TO_SRGB.map(|row| (0..3).map(|axis| row[axis] * WHITE[axis] * shares[axis]).sum())
}

/// sRGB's curve: linear 0..1 to 0..1; clipped to that.
pub fn encode(linear: f64) -> f64 {
    let encoded = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
    encoded.clamp(0.0, 1.0)
}

/// Inverse of [`encode`].
pub fn decode(encoded: f64) -> f64 {
    if encoded <= 0.040_45 { encoded / 12.92 } else { ((encoded + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_and_grey_by_hand() {
        assert_eq!(linear([1.0; 3]).map(|value| (255.0 * encode(value)).round()), [255.0; 3]);
        // 18 % grey is L* 49.5.
        assert!((Lab::of_shares([0.18; 3]).l - 49.496).abs() < 1e-3);
        assert!((Lab::of_linear([decode(128.0 / 255.0); 3]).l - 53.585).abs() < 0.01);
        assert!((decode(encode(0.4)) - 0.4).abs() < 1e-12);
        assert_eq!(Lab { l: 60.0, a: 0.0, b: 10.0 }.typology_angle(), 45.0);
    }

    #[derive(serde::Deserialize)]
    struct Pixel {
        levels: [f64; 3],
        lab: [f64; 3],
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        pixels: Vec<Pixel>,
    }

    /// tests/fixtures/make_skin.py: scikit-image's rgb2lab.
    #[test]
    fn cielab_of_levels_is_scikit_images() {
        let reference: Reference = serde_json::from_str(include_str!("../tests/fixtures/skin.json")).unwrap();
        for Pixel { levels, lab } in reference.pixels {
            let found = Lab::of_linear(levels.map(|level| decode(level / 255.0)));
            for (found, expected) in [found.l, found.a, found.b].into_iter().zip(lab) {
                assert!((found - expected).abs() < 0.05, "{levels:?}: {found} {expected}");
            }
        }
    }
}

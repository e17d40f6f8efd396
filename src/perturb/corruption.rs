//! Ways to spoil an image on purpose: a projection is trusted on contested lesions only where it brings known ones
//! back.
//!
//! Those of the analysis that was made for maps of fractional anisotropy: Gaussian noise, salt and pepper, blur,
//! inpainting.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::filter::gaussian;
use crate::statistics::order::upper_median;

/// How strong each corruption is; values in the network's range of -1..1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Strengths {
    /// Standard deviation of the noise.
    pub noise: f64,
    /// Share of the pixels that become -1 or 1.
    pub salt_and_pepper: f64,
    /// Standard deviation of the blur in pixels.
    pub blur: f64,
    /// Side of the square that is filled with the image's median, as a share of the image's.
    pub inpainting: f64,
}

impl Default for Strengths {
    fn default() -> Self {
        Self { noise: 0.2, salt_and_pepper: 0.1, blur: 1.5, inpainting: 0.2 }
    }
}

/// What is done to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    /// The image as it is.
    None,
    /// Gaussian noise on every pixel.
    Noise,
    /// Pixels that become black or white.
    SaltAndPepper,
    /// A Gaussian blur.
    Blur,
    /// A square filled with the image's median.
    Inpainting,
}

impl Corruption {
    /// In the order of the sheets; the first leaves an image as it is.
    pub const ALL: [Self; 5] = [Self::None, Self::Noise, Self::SaltAndPepper, Self::Blur, Self::Inpainting];

    /// As in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Noise => "Gaussian noise",
            Self::SaltAndPepper => "salt and pepper",
            Self::Blur => "blur",
            Self::Inpainting => "inpainting",
        }
    }

    /// For file names.
    pub fn slug(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Noise => "noise",
            Self::SaltAndPepper => "salt-and-pepper",
            Self::Blur => "blur",
            Self::Inpainting => "inpainting",
        }
    }

    /// Strength in words; `scale` is physical units (`unit`) per unit of the network's range.
    pub fn strength(self, strengths: &Strengths, scale: f64, unit: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Noise => format!("sd {} {unit}", in_short(strengths.noise * scale)),
            Self::SaltAndPepper => format!("{:.0} % of pixels", 100.0 * strengths.salt_and_pepper),
            Self::Blur => format!("sd {} pixels", strengths.blur),
            Self::Inpainting => format!("{:.0} % of the side", 100.0 * strengths.inpainting),
        }
    }
}

/// Spoils `pixels` \[C, H, W\] of `width` pixels a row. What is inpainted lies over the border of `mask` \[H, W\], in
/// the middle without one.
pub fn corrupt(
    pixels: &[f32],
    (height, width): (usize, usize),
    mask: Option<&[bool]>,
    corruption: Corruption,
    strengths: &Strengths,
    draws: &mut impl Rng,
) -> Vec<f32> {
    let plane = height * width;
    match corruption {
        Corruption::None => pixels.to_vec(),
        Corruption::Noise => pixels
            .iter()
            .map(|value| value + strengths.noise as f32 * draws.sample::<f32, _>(StandardNormal))
            .map(|value| value.clamp(-1.0, 1.0))
            .collect(),
        Corruption::SaltAndPepper => {
            let hits: Vec<Option<f32>> = (0..plane)
                .map(|_| {
                    draws
                        .random_bool(strengths.salt_and_pepper)
                        .then(|| if draws.random_bool(0.5) { 1.0 } else { -1.0 })
                })
                .collect();
            let channels = pixels.chunks_exact(plane);
            channels.flat_map(|channel| channel.iter().zip(&hits).map(|(value, hit)| hit.unwrap_or(*value))).collect()
        }
        Corruption::Blur => {
            let channels = pixels.chunks_exact(plane);
            channels.flat_map(|channel| gaussian(channel, (height, width), strengths.blur)).collect()
        }
        Corruption::Inpainting => {
            let [x, y] = border_point(mask, (height, width), draws);
            let reach = strengths.inpainting * width as f64 / 2.0;
            let inside = |at: usize| {
                ((at % width) as f64 - x as f64).abs() <= reach && ((at / width) as f64 - y as f64).abs() <= reach
            };
            let channels = pixels.chunks_exact(plane);
            channels
                .flat_map(|channel| {
                    let fill = upper_median(channel).expect("a channel has pixels");
                    (0..plane).map(move |at| if inside(at) { fill } else { channel[at] })
                })
                .collect()
        }
    }
}

/// A pixel of the mask with a neighbour outside, drawn; the middle where there is none.
fn border_point(mask: Option<&[bool]>, (height, width): (usize, usize), draws: &mut impl Rng) -> [usize; 2] {
    let border: Vec<usize> = mask.map_or(vec![], |mask| {
        let at_border = |&at: &usize| {
            let (x, y) = (at % width, at / width);
            let neighbours = [
                (x > 0, at.wrapping_sub(1)),
                (x + 1 < width, at + 1),
                (y > 0, at.wrapping_sub(width)),
                (y + 1 < height, at + width),
            ];
            mask[at] && neighbours.iter().any(|&(inside, neighbour)| inside && !mask[neighbour])
        };
        (0..mask.len()).filter(at_border).collect()
    });
    match border.len() {
        0 => [width / 2, height / 2],
        count => {
            let at = border[draws.random_range(0..count)];
            [at % width, at / width]
        }
    }
}

/// Two digits of a number below ten, whole ones above: units reach from ppb to shares of a window.
fn in_short(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    const SIZE: (usize, usize) = (16, 16);

    fn spoiled(corruption: Corruption, mask: Option<&[bool]>) -> Vec<f32> {
        let flat = vec![0.5f32; 2 * 256];
        corrupt(&flat, SIZE, mask, corruption, &Strengths::default(), &mut RunSeed(1).stream("corrupt", 0))
    }

    #[test]
    fn noise_has_its_deviation_and_the_rest_leaves_a_flat_image_flat() {
        let noisy = spoiled(Corruption::Noise, None);
        let variance = noisy.iter().map(|v| f64::from(v - 0.5).powi(2)).sum::<f64>() / 512.0;
        assert!((variance.sqrt() - 0.2).abs() < 0.02, "{variance}");
        for flat in [Corruption::None, Corruption::Blur, Corruption::Inpainting] {
            assert!(spoiled(flat, None).iter().all(|v| (v - 0.5).abs() < 1e-6), "{flat:?}");
        }
    }

    #[test]
    fn salt_and_pepper_hit_all_channels_at_the_same_pixels() {
        let hit = spoiled(Corruption::SaltAndPepper, None);
        assert_eq!(hit[..256], hit[256..]);
        let share = hit[..256].iter().filter(|v| v.abs() == 1.0).count() as f64 / 256.0;
        assert!((0.04..0.18).contains(&share), "{share}");
    }

    #[test]
    fn inpainting_covers_the_border_of_the_mask() {
        let ramp: Vec<f32> = (0..256).map(|at| at as f32 / 256.0).collect();
        let mask: Vec<bool> = (0..256).map(|at| (4..12).contains(&(at % 16)) && (4..12).contains(&(at / 16))).collect();
        let mut draws = RunSeed(2).stream("corrupt", 0);
        let strengths = Strengths { inpainting: 0.25, ..Strengths::default() };
        let filled = corrupt(&ramp, SIZE, Some(&mask), Corruption::Inpainting, &strengths, &mut draws);
        let changed: Vec<usize> = (0..256).filter(|&at| filled[at] != ramp[at]).collect();
        assert!((20..=25).contains(&changed.len()), "{}", changed.len());
        assert!(changed.iter().any(|&at| mask[at]) && changed.iter().any(|&at| !mask[at]));
        assert!(changed.iter().all(|&at| filled[at] == 0.5));
    }
}

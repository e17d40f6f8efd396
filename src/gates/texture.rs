//! What the tissue in a slice looks like in numbers: spread, tails, how fast neighbours become unlike.

use crate::statistics::order::quantile;

/// Distances in pixels at which neighbours are compared.
pub const LAGS: [usize; 5] = [1, 2, 4, 8, 16];

/// Pixels within this radius are the centre; `AROUND` is the ring that it is compared with.
const CENTRE_PIXELS: f64 = 2.0;
const AROUND_PIXELS: std::ops::RangeInclusive<f64> = 23.0..=25.0;

/// Texture of one or, averaged, of many slices; ppb but where it is a ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Texture {
    /// Of the pixels.
    pub mean: f64,
    /// sd of the pixels within the slice.
    pub sd: f64,
    /// Root mean square difference of pixels at `LAGS`, along x and along y averaged.
    pub rms_difference: [f64; 5],
    /// 1st, 5th, 25th, 50th, 75th, 95th and 99th percentile.
    pub percentiles: [f64; 7],
    /// Mean within 2 pixels of the slice's middle minus mean at 24 pixels from it.
    pub centre_excess: f64,
}

impl Texture {
    /// Of a slice (rows of `width` pixels); `None` for one that is smaller than 50 x 50, ragged or not finite.
    pub fn of(slice: &[f32], width: usize) -> Option<Self> {
        let height = slice.len().checked_div(width)?;
        if width < 50 || height < 50 || width * height != slice.len() || slice.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let mean = slice.iter().map(|&v| f64::from(v)).sum::<f64>() / slice.len() as f64;
        let variance = slice.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / slice.len() as f64;
        let mut sorted: Vec<f64> = slice.iter().map(|&v| f64::from(v)).collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            mean,
            sd: variance.sqrt(),
            rms_difference: LAGS
                .map(|lag| (rms_difference(slice, width, [lag, 0]) + rms_difference(slice, width, [0, lag])) / 2.0),
            percentiles: [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map(|share| quantile(&sorted, share)),
            centre_excess: ring_mean(slice, width, 0.0..=CENTRE_PIXELS) - ring_mean(slice, width, AROUND_PIXELS),
        })
    }

    /// Mean of each number over slices; all 0 for none.
    pub fn mean_of(all: &[Self]) -> Self {
        let n = all.len().max(1) as f64;
        let over = |of: &dyn Fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / n;
        Self {
            mean: over(&|t| t.mean),
            sd: over(&|t| t.sd),
            rms_difference: std::array::from_fn(|k| over(&|t| t.rms_difference[k])),
            percentiles: std::array::from_fn(|k| over(&|t| t.percentiles[k])),
            centre_excess: over(&|t| t.centre_excess),
        }
    }
}

fn rms_difference(slice: &[f32], width: usize, [dx, dy]: [usize; 2]) -> f64 {
    let height = slice.len() / width;
    let (mut sum, mut n) = (0.0, 0u32);
    for y in 0..height - dy {
        for x in 0..width - dx {
            sum += f64::from(slice[x + dx + (y + dy) * width] - slice[x + y * width]).powi(2);
            n += 1;
        }
    }
    (sum / f64::from(n)).sqrt()
}

/// Mean of the pixels whose distance from the slice's middle lies in `radius`.
fn ring_mean(slice: &[f32], width: usize, radius: std::ops::RangeInclusive<f64>) -> f64 {
    let middle = [(width as f64 - 1.0) / 2.0, (slice.len() / width) as f64 / 2.0 - 0.5];
    let (mut sum, mut n) = (0.0, 0u32);
    for (at, &value) in slice.iter().enumerate() {
        if radius.contains(&((at % width) as f64 - middle[0]).hypot((at / width) as f64 - middle[1])) {
            sum += f64::from(value);
            n += 1;
        }
    }
    sum / f64::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// A ramp of 2 a pixel along x and 1 along y: differences at lag k are 2k and k.
    #[test]
    fn a_ramp_by_hand() {
        let ramp: Vec<f32> = (0..64 * 64).map(|at| (2 * (at % 64) + at / 64) as f32).collect();
        let texture = Texture::of(&ramp, 64).unwrap();
        assert_eq!(texture.rms_difference, [1.5, 3.0, 6.0, 12.0, 24.0]);
        assert_eq!(texture.mean, 1.5 * 63.0);
        assert_abs_diff_eq!(texture.centre_excess, 0.0, epsilon = 1e-9);
        assert_eq!(Texture::mean_of(&[texture, texture]), texture);
    }

    #[test]
    fn a_bright_centre_stands_out() {
        let spot: Vec<f32> = (0..64 * 64usize)
            .map(|at| if (at % 64).abs_diff(32) < 6 && (at / 64).abs_diff(32) < 6 { 39.0 } else { 0.0 })
            .collect();
        assert_eq!(Texture::of(&spot, 64).unwrap().centre_excess, 39.0);
    }

    #[test]
    fn unusable_slices_are_none() {
        assert_eq!(Texture::of(&[0.0; 100], 10), None);
        assert_eq!(Texture::of(&[f32::NAN; 4096], 64), None);
        assert_eq!(Texture::of(&[0.0; 4000], 0), None);
    }

    /// NumPy; see tests/fixtures/make_texture.py.
    #[test]
    fn matches_numpy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/texture.json")).unwrap();
        // The same slice in both languages, from whole numbers: (x * x * 7 + y * 13 + x * y * 5) mod 97.
        let slice: Vec<f32> = (0..64 * 64usize)
            .map(|at| (at % 64, at / 64))
            .map(|(x, y)| ((x * x * 7 + y * 13 + x * y * 5) % 97) as f32)
            .collect();
        let texture = Texture::of(&slice, 64).unwrap();
        let number = |key: &str| reference[key].as_f64().unwrap();
        assert_abs_diff_eq!(texture.mean, number("mean"), epsilon = 1e-9);
        assert_abs_diff_eq!(texture.sd, number("sd"), epsilon = 1e-9);
        assert_abs_diff_eq!(texture.centre_excess, number("centre_excess"), epsilon = 1e-9);
        for (k, value) in texture.rms_difference.iter().enumerate() {
            assert_abs_diff_eq!(*value, reference["rms_difference"][k].as_f64().unwrap(), epsilon = 1e-9);
        }
        for (k, value) in texture.percentiles.iter().enumerate() {
            assert_abs_diff_eq!(*value, reference["percentiles"][k].as_f64().unwrap(), epsilon = 1e-9);
        }
    }
}

//! Factors that pictures of anything have.

use super::{Factor, Meters, Picture};

/// Brightness, contrast, how the middle differs from the border, and sharpness; of any picture of at least 8 x 8.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

const FACTORS: [Factor; 4] = [
    Factor { name: "brightness", unit: "" },
    Factor { name: "contrast", unit: "" },
    Factor { name: "middle", unit: "" },
    Factor { name: "sharpness", unit: "" },
];

/// Share of the side that is border, on each side.
const BORDER: f64 = 0.25;

impl Meters for Plain {
    fn factors(&self) -> &'static [Factor] {
        &FACTORS
    }

    fn takes(&self, [channels, height, width]: [usize; 3]) -> bool {
        channels > 0 && height >= 8 && width >= 8
    }

    /// Mean; standard deviation; mean of the middle quarter less that of the rest; mean step between neighbours over
    /// the standard deviation. Channels count alike.
    fn measure(&self, picture: &Picture<'_>) -> Vec<f64> {
        let [channels, height, width] = picture.shape();
        let mut grey = vec![0.0; height * width];
        for channel in 0..channels {
            grey.iter_mut().zip(picture.channel(channel)).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        grey.iter_mut().for_each(|sum| *sum /= channels as f64);
        let count = grey.len() as f64;
        let mean = grey.iter().sum::<f64>() / count;
        let deviation = (grey.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
        let inside = |at: usize, side: usize| {
            let border = (BORDER * side as f64) as usize;
            (border..side - border).contains(&at)
        };
        let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
        let (mut steps, mut pairs) = (0.0, 0.0);
        for row in 0..height {
            for column in 0..width {
                let value = grey[row * width + column];
                let middle = usize::from(inside(row, height) && inside(column, width));
                sums[middle] += value;
                counts[middle] += 1.0;
                let mut pair = |other: Option<&f64>| {
                    if let Some(other) = other {
                        steps += (value - other).abs();
                        pairs += 1.0;
                    }
                };
                pair((column + 1 < width).then(|| &grey[row * width + column + 1]));
                pair(grey.get((row + 1) * width + column));
            }
        }
        let sharpness = if deviation > 0.0 { steps / pairs / deviation } else { 0.0 };
        vec![mean, deviation, sums[1] / counts[1] - sums[0] / counts[0], sharpness]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bright_middle_by_hand() {
        // 4 x 4 of the 8 x 8 are 1, a quarter of all: mean 1/4, variance 3/16; 16 of 112 pairs differ.
        let values: Vec<f32> =
            (0..64).map(|at| f32::from(u8::from((2..6).contains(&(at / 8)) && (2..6).contains(&(at % 8))))).collect();
        let found = Plain.measure(&Picture::new(&values, [1, 8, 8]));
        let deviation = (3f64 / 16.0).sqrt();
        for (found, expected) in found.iter().zip([0.25, deviation, 1.0, 16.0 / 112.0 / deviation]) {
            approx::assert_abs_diff_eq!(*found, expected, epsilon = 1e-12);
        }
        let three: Vec<f32> = values.iter().map(|_| 0.5).cycle().take(192).collect();
        assert_eq!(Plain.measure(&Picture::new(&three, [3, 8, 8])), [0.5, 0.0, 0.0, 0.0]);
        assert!(!Plain.takes([1, 4, 8]));
    }
}

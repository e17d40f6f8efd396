//! The exponential moving average of the generator that is kept as the result.

use tch::Tensor;

/// Weight that the average keeps at a step of `batch` images after `images` images in all.
///
/// Half-life `half_life` images, but never longer than `ramp` x `images`, so that the average follows the first
/// steps (StyleGAN2-ADA, Karras et al. 2020). `ramp` = `None` leaves the half-life as it is.
pub fn decay(batch: u64, images: u64, half_life: f64, ramp: Option<f64>) -> f64 {
    let half_life = ramp.map_or(half_life, |ramp| half_life.min(images as f64 * ramp));
    0.5f64.powf(batch as f64 / half_life.max(1e-8))
}

/// average <- live + decay (average - live), in place.
pub fn update(average: &Tensor, live: &Tensor, decay: f64) {
    let _ = tch::no_grad(|| average.shallow_clone().lerp_(live, 1.0 - decay));
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    #[test]
    fn half_is_forgotten_after_one_half_life() {
        approx::assert_relative_eq!(decay(100, 1_000_000, 100.0, None), 0.5);
        approx::assert_relative_eq!(decay(32, 1_000_000, 320.0, None).powi(10), 0.5, max_relative = 1e-12);
    }

    #[test]
    fn ramp_shortens_the_half_life_early() {
        approx::assert_relative_eq!(decay(32, 640, 10_000.0, Some(0.05)), 0.5);
        assert_eq!(decay(32, 0, 10_000.0, Some(0.05)), 0.0);
        assert_eq!(decay(32, 1_000_000, 10_000.0, Some(0.05)), decay(32, 0, 10_000.0, None));
    }

    #[test]
    fn a_quarter_of_the_way() {
        let (average, live) = (Tensor::from_slice(&[1f32]), Tensor::from_slice(&[3f32]));
        update(&average, &live, 0.75);
        assert_eq!(average.double_value(&[0]), 1.5);
        assert_eq!(average.kind(), Kind::Float);
    }
}

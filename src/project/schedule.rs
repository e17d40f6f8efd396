//! The projector's two schedules (Karras et al. 2020, appendix D): noise on w, and the learning rate.

use std::f64::consts::PI;

/// Noise on w at first, in units of the deviation of w, as published.
pub const NOISE: f64 = 0.05;
/// Share of the steps after which w is free of noise.
const NOISE_ENDS: f64 = 0.75;
/// Share of the steps over which the rate rises from 0.
const RAMP_UP: f64 = 0.05;
/// Share of the steps over which it falls to 0.
const RAMP_DOWN: f64 = 0.25;

/// Standard deviation of the noise on w at `step` of `steps`, in units of the deviation of w:
/// `peak` max(0, 1 - t/.75)^2.
pub fn w_noise(step: u64, steps: u64, peak: f64) -> f64 {
    let t = step as f64 / steps as f64;
    peak * (1.0 - t / NOISE_ENDS).max(0.0).powi(2)
}

/// Learning rate at `step` of `steps`: linear rise, plateau at `peak`, half-cosine fall. The first step has rate 0.
pub fn learning_rate(step: u64, steps: u64, peak: f64) -> f64 {
    let t = step as f64 / steps as f64;
    let fall = ((1.0 - t) / RAMP_DOWN).min(1.0);
    let rise = (t / RAMP_UP).min(1.0);
    peak * (0.5 - 0.5 * (PI * fall).cos()) * rise
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn noise_falls_quadratically_to_nothing_at_three_quarters() {
        assert!(near(w_noise(0, 1000, NOISE), 0.05));
        assert!(near(w_noise(375, 1000, NOISE), 0.0125));
        assert_eq!(w_noise(750, 1000, NOISE), 0.0);
        assert_eq!(w_noise(999, 1000, NOISE), 0.0);
    }

    #[test]
    fn rate_is_zero_at_first_half_at_the_middle_of_each_ramp() {
        assert_eq!(learning_rate(0, 1000, 0.1), 0.0);
        assert!(near(learning_rate(25, 1000, 0.1), 0.05));
        assert!(near(learning_rate(50, 1000, 0.1), 0.1));
        assert!(near(learning_rate(750, 1000, 0.1), 0.1));
        assert!(near(learning_rate(875, 1000, 0.1), 0.05));
        assert!(near(learning_rate(1000, 1000, 0.1), 0.0));
    }
}

//! Intensities: the window that takes physical values to the network's [-1, 1] and back.

use super::manifest::Window;
use crate::problem::{Problem, Result};

impl Window {
    /// A window of positive width between finite ends.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        let window = Self { low, high };
        if low.is_finite() && high.is_finite() && low < high {
            return Ok(window);
        }
        Err(Problem::usage(format!("window {low}:{high}")).expected("two finite numbers, the lower one first"))
    }

    /// Physical value to \[-1, 1\]; values outside the window are clipped to its ends.
    pub fn to_network(self, value: f32) -> f32 {
        let share = (f64::from(value) - self.low) / (self.high - self.low);
        (2.0 * share - 1.0).clamp(-1.0, 1.0) as f32
    }

    /// Inverse of [`Window::to_network`] inside the window; a network's value outside \[-1, 1\] goes on linearly.
    pub fn to_physical(self, value: f32) -> f32 {
        let share = (f64::from(value) + 1.0) / 2.0;
        (self.low + share * (self.high - self.low)) as f32
    }

    /// Physical units per unit of the network's range: what a difference of network values is multiplied by.
    pub fn scale(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_and_middle_of_a_window_by_hand() {
        let window = Window::new(-120.0, 160.0).unwrap();
        assert_eq!(window.to_network(-120.0), -1.0);
        assert_eq!(window.to_network(20.0), 0.0);
        assert_eq!(window.to_network(160.0), 1.0);
        assert_eq!(window.to_network(300.0), 1.0);
        assert_eq!(window.to_physical(0.5), 90.0);
        assert_eq!(window.scale(), 140.0);
    }

    #[test]
    fn an_empty_or_reversed_or_endless_window_is_refused() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(Window::new(low, high).is_err());
        }
    }

    proptest! {
        #[test]
        fn the_inverse_returns_what_went_in(low in -1e4..1e4f64, width in 1e-2..1e4f64, share in 0.0..1.0f64) {
            let window = Window::new(low, low + width).unwrap();
            let value = (low + share * width) as f32;
            let back = window.to_physical(window.to_network(value));
            let tolerance = 4.0 * f64::from(f32::EPSILON) * (low.abs() + width);
            prop_assert!((f64::from(back) - f64::from(value)).abs() <= tolerance, "{} {}", back, value);
        }
    }
}

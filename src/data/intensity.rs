//! Intensities: units, windows, and what makes patients comparable.
//!
//! Susceptibility is in ppb and is not normalised: it is a physical quantity. FLAIR and other weighted contrasts have
//! no unit; they are divided by the median of the patient's foreground (voxels above a tenth of the 99th percentile),
//! which brain tissue dominates. The rim map is a probability and stays one.

use super::measure::Measure;
use super::ranks::{Ranks, nearest_rank};
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, Window, known_as};

impl Window {
    /// A window of positive width between finite ends.
    ///
    /// # Errors
    /// Ends that are not finite, or the wrong way round.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        let window = Self { low, high };
        // Beyond float32 the values in between are, too.
        if low < high && ((high - low) as f32).is_finite() && (low as f32).is_finite() && (high as f32).is_finite() {
            return Ok(window);
        }
        Err(Problem::usage(format!("window {low}:{high}"))
            .expected("two finite numbers (float32), the lower one first"))
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

/// Name in the data set, unit and default window of a contrast of a cohort.
///
/// Susceptibility: -80..120 ppb. White matter lies near -30 to -50, a demyelinated core near 0, a rim some 15 to 90
/// above it; veins (190 and more) are clipped. One of 256 grey levels is then 0.8 ppb; the simulated cohorts' .5th and
/// 99.5th percentiles lie near -70 and 90, so a wider window would spend the network's range on nothing. Weighted
/// contrasts: 0..2.5 times the foreground median; a FLAIR lesion is 1.5 to 2 times white matter.
pub fn default_contrast(name: &str) -> Contrast {
    let measure = Measure::of(name);
    let (low, high) = match measure {
        Measure::Susceptibility => (-80.0, 120.0),
        Measure::Traced => (0.0, 1.0),
        Measure::Weighted => (0.0, 2.5),
    };
    Contrast { name: Name::of_known(known_as(name)), unit: measure.unit().to_owned(), window: Window { low, high } }
}

/// Median of the foreground: voxels above a tenth of the 99th percentile of the positive ones.
pub fn foreground_median(values: &[f32]) -> Option<f32> {
    let positive = Ranks::new(values, |value| value > 0.0);
    let floor = 0.1 * positive.percentile(0.99)?;
    // Those above the floor are the last of the positive ones.
    let above = values.iter().filter(|&&value| value > floor).count();
    positive.value(positive.total() - above + nearest_rank(above, 0.5)?)
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

    #[test]
    fn the_foreground_by_hand() {
        // Air (0 and noise near 1) is left out; tissue is 90, 100, 110.
        assert_eq!(foreground_median(&[0.0, 0.0, 1.0, 1.0, 1.0, 90.0, 100.0, 110.0]), Some(100.0));
        assert_eq!(foreground_median(&[0.0, -1.0]), None);
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

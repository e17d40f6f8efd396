//! A share of independent items with its interval.

use super::{LEVEL, normal_quantile};
use crate::records::Interval;

/// Wilson's score interval (1927) for `successes` of `n`; `None` when `n` is 0 or smaller than `successes`.
pub fn wilson(successes: u64, n: u64) -> Option<Interval> {
    wilson_at(successes, n, LEVEL)
}

/// The same at another confidence level in (0, 1).
pub fn wilson_at(successes: u64, n: u64, level: f64) -> Option<Interval> {
    if n == 0 || successes > n {
        return None;
    }
    let (total, share) = (n as f64, successes as f64 / n as f64);
    let z = normal_quantile(level);
    let shrink = 1.0 + z * z / total;
    let centre = (share + z * z / (2.0 * total)) / shrink;
    let half = z * (share * (1.0 - share) / total + z * z / (4.0 * total * total)).sqrt() / shrink;
    Some(Interval {
        value: share,
        // At 0 and n the limits are exactly 0 and 1; rounding must not move them past the estimate.
        low: (centre - half).clamp(0.0, share),
        high: (centre + half).clamp(share, 1.0),
        level,
        n,
        method: "Wilson".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// 51 and 57 of 60 test rims: the intervals of the paper's sensitivities .85 and .95.
    #[test]
    fn sixty_test_rims() {
        for (found, low, high) in [(51, 0.739, 0.919), (57, 0.863, 0.983)] {
            let interval = wilson(found, 60).unwrap();
            assert_abs_diff_eq!(interval.low, low, epsilon = 5e-4);
            assert_abs_diff_eq!(interval.high, high, epsilon = 5e-4);
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!(wilson(0, 10).unwrap().low, 0.0);
        assert_eq!(wilson(10, 10).unwrap().high, 1.0);
        // By hand with z^2 = 3.8415: 0 of 10 reaches up to z^2 / (10 + z^2) = .2775.
        assert_abs_diff_eq!(wilson(0, 10).unwrap().high, 0.2775, epsilon = 1e-4);
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(3, 2), None);
    }

    #[test]
    fn matches_statsmodels() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["wilson"].as_array().unwrap() {
            let level = case["level"].as_f64().unwrap();
            let interval = wilson_at(case["successes"].as_u64().unwrap(), case["n"].as_u64().unwrap(), level).unwrap();
            assert_abs_diff_eq!(interval.low, case["low"].as_f64().unwrap(), epsilon = 1e-10);
            assert_abs_diff_eq!(interval.high, case["high"].as_f64().unwrap(), epsilon = 1e-10);
        }
    }
}

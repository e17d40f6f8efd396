//! Medians and quantiles, each with its rule for what lies between two values.

/// Quantile of ascending, non-empty `sorted` by linear interpolation (NumPy's default); `share` is cut to 0..1.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The middle value, of an even number the mean of the two; `None` without any.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    (!values.is_empty()).then(|| quantile(&values, 0.5))
}

/// The middle value, of an even number the upper of the two: a value that is there, such as a pixel's. `None` without
/// any.
pub fn upper_median(values: &[f32]) -> Option<f32> {
    let mut values = values.to_vec();
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn quantile_interpolates_like_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, .25, .5, .9, 1])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.75), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            assert_abs_diff_eq!(quantile(&sorted, share), expected, epsilon = 1e-12);
        }
    }

    #[test]
    fn the_middle_of_an_even_number_is_between_or_above() {
        assert_eq!(median([3.0, 1.0, 2.0, 4.0]), Some(2.5));
        assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([]), None);
        assert_eq!(upper_median(&[3.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(upper_median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(upper_median(&[]), None);
    }
}

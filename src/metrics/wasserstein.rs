//! How far one distribution of numbers lies from another: the mean way that the values of one must be carried to become
//! the other's (Wasserstein-1), in the numbers' own unit.

/// Between two samples, each value of a sample with the same weight; 0 only for equal distributions. `None` without
/// values or with one that is not finite.
pub fn distance(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|value| !value.is_finite()) {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    // The area between the two distribution functions.
    let mut all: Vec<f64> = a.iter().chain(&b).copied().collect();
    all.sort_by(f64::total_cmp);
    let (mut in_a, mut in_b, mut area) = (0, 0, 0.0);
    for two in all.windows(2) {
        while in_a < a.len() && a[in_a] <= two[0] {
            in_a += 1;
        }
        while in_b < b.len() && b[in_b] <= two[0] {
            in_b += 1;
        }
        let apart = in_a as f64 / a.len() as f64 - in_b as f64 / b.len() as f64;
        area += apart.abs() * (two[1] - two[0]);
    }
    Some(area)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn a_shift_is_its_length_and_half_of_a_sample_half_the_way() {
        assert_eq!(distance(&[1.0, 5.0, 2.0], &[4.0, 8.0, 5.0]), Some(3.0));
        assert_eq!(distance(&[0.0, 0.0], &[0.0, 10.0]), Some(5.0));
        assert_eq!(distance(&[0.0], &[3.0, 3.0, -3.0]), Some(3.0));
        assert_eq!(distance(&[1.0, 2.0], &[2.0, 1.0, 1.0, 2.0]), Some(0.0));
        assert_eq!(distance(&[], &[1.0]), None);
        assert_eq!(distance(&[f64::NAN], &[1.0]), None);
    }

    #[test]
    fn agrees_with_scipy() {
        let case = crate::metrics::tests::evaluate().wasserstein;
        assert_relative_eq!(distance(&case.a, &case.b).unwrap(), case.value, max_relative = 1e-12);
    }
}

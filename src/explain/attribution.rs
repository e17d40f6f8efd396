//! How well a map shows where the rim is: against a traced rim, and against the exact difference that a rim makes.
//!
//! Maps are row-major lists of height x width; what of a map is negative speaks against the class and counts as
//! nothing. What a map leaves undefined (it is nowhere positive, or the same everywhere) is `None`.

/// Pixels around a traced rim that count as hit: tracings are no wider than a pixel or two, maps are coarse.
pub const MARGIN: usize = 2;

/// Whether the largest value of `map`, the first of equals, lies in `region`: the pointing game (Zhang et al. 2018,
/// arXiv 1608.00507); `region` is the traced rim with its margin.
pub fn points_into(map: &[f32], region: &[bool]) -> Option<bool> {
    let first = *map.first()?;
    if map.len() != region.len() || map.iter().all(|&value| value == first) {
        return None;
    }
    let mut best = 0;
    for (at, value) in map.iter().enumerate() {
        if *value > map[best] {
            best = at;
        }
    }
    Some(region[best])
}

/// Share of the positive part of `map` that lies in `region` (Wang et al. 2020, arXiv 1910.01279, section 4.3).
pub fn energy_in(map: &[f32], region: &[bool]) -> Option<f64> {
    let weights = shares(map)?;
    (map.len() == region.len())
        .then(|| weights.iter().zip(region).filter(|(_, inside)| **inside).map(|(weight, _)| weight).sum())
}

/// Share of the positive parts of two maps, each made to add up to 1, that lies in the same places: the sum of the
/// smaller of the two at each pixel, 0 to 1.
pub fn overlap(map: &[f32], other: &[f32]) -> Option<f64> {
    let (a, b) = (shares(map)?, shares(other)?);
    (a.len() == b.len()).then(|| a.iter().zip(&b).map(|(a, b)| a.min(*b)).sum())
}

/// The positive part, adding up to 1.
fn shares(map: &[f32]) -> Option<Vec<f64>> {
    let positive: Vec<f64> = map.iter().map(|&value| f64::from(value).max(0.0)).collect();
    let sum: f64 = positive.iter().sum();
    (sum > 0.0 && sum.is_finite()).then(|| positive.iter().map(|value| value / sum).collect())
}

/// Share of the pixels that are in `region`: what a map that knows nothing hits.
pub fn area(region: &[bool]) -> f64 {
    region.iter().filter(|inside| **inside).count() as f64 / region.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn pointing_and_energy_by_hand() {
        let rim = [true, false, false, true];
        assert_eq!(points_into(&[0.0, 1.0, 3.0, 4.0], &rim), Some(true));
        assert_eq!(points_into(&[-1.0, 4.0, 4.0, 4.0], &rim), Some(false));
        assert_eq!(points_into(&[2.0; 4], &rim), None);
        assert_eq!(points_into(&[], &[]), None);
        // 1 + 2 of 1 + 3 + 2; what is negative counts as nothing.
        assert_eq!(energy_in(&[1.0, 3.0, -9.0, 2.0], &rim), Some(0.5));
        assert_eq!(energy_in(&[-1.0, 0.0, 0.0, -2.0], &rim), None);
        assert_eq!(area(&rim), 0.5);
    }

    #[test]
    fn overlap_by_hand() {
        // Shares .25 .75 0 and .5 0 .5: .25 in common.
        assert_abs_diff_eq!(overlap(&[1.0, 3.0, -1.0], &[2.0, 0.0, 2.0]).unwrap(), 0.25, epsilon = 1e-12);
        assert_abs_diff_eq!(overlap(&[1.0, 3.0], &[2.0, 6.0]).unwrap(), 1.0, epsilon = 1e-12);
        assert_eq!(overlap(&[1.0, 3.0], &[0.0, 0.0]), None);
    }
}

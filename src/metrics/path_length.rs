//! Perceptual path length (Karras et al. 2019, section 4.1): how much an image changes along a short step in the latent
//! space, squared perceptual distance over the squared step, mean of what lies between the first and the last percent.

use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;

/// Step in the latent space, as a share of the way between two latents.
pub const STEP: f64 = 1e-4;

/// Percentiles between which lengths count, both included.
const KEPT: [f64; 2] = [0.01, 0.99];

/// The mean of the lengths between the percentiles: the lower is the largest length not above its place, the upper the
/// smallest not below. `None` without any.
pub fn trimmed_mean(lengths: &[f64]) -> Option<f64> {
    let mut sorted = lengths.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[(KEPT[0] * last).floor() as usize], sorted[(KEPT[1] * last).ceil() as usize]);
    let kept: Vec<f64> = sorted.iter().copied().filter(|length| (low..=high).contains(length)).collect();
    Some(kept.iter().sum::<f64>() / kept.len() as f64)
}

/// The trimmed mean with the percentile interval of a bootstrap over paths. `None` without any.
pub fn interval(lengths: &[f64], draws: usize, seed: RunSeed) -> Option<Interval> {
    let each: Vec<usize> = (0..lengths.len()).collect();
    let statistic = |copies: &[u32]| {
        let drawn: Vec<f64> =
            lengths.iter().zip(copies).flat_map(|(&length, &copies)| (0..copies).map(move |_| length)).collect();
        trimmed_mean(&drawn)
    };
    let found = ClusterBootstrap::by_patient(&each, seed).draws(draws).interval(statistic)?;
    Some(Interval { method: format!("bootstrap over paths, {draws} draws"), ..found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn agrees_with_numpys_percentiles() {
        let case = crate::metrics::tests::evaluate().path_length;
        assert_relative_eq!(trimmed_mean(&case.lengths).unwrap(), case.mean, max_relative = 1e-12);
    }

    #[test]
    fn of_few_lengths_none_is_left_out_and_none_is_none() {
        assert_eq!(trimmed_mean(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(trimmed_mean(&[]), None);
        // 300 of 1 and one of a million: the last percent holds it.
        let mut lengths = vec![1.0; 300];
        lengths.push(1e6);
        assert_eq!(trimmed_mean(&lengths), Some(1.0));
        let found = interval(&lengths, 50, RunSeed(1)).unwrap();
        assert_eq!((found.value, found.n), (1.0, 301));
    }
}

//! Which feature net to project with: the one that keeps a known rim's contrast best at equal steps.

use crate::problem::{Kind, Problem, Result};
use crate::records::projection::FeatureChoice;
use crate::statistics::order::quantile;

/// Sums up one candidate from (before, after) contrasts of held-out rims, all with a positive contrast before.
///
/// # Errors
/// No pair.
pub fn summarise(features: &str, contrasts: &[(f64, f64)], seconds: f64) -> Result<FeatureChoice> {
    let mut kept: Vec<f64> = contrasts.iter().map(|(before, after)| after / before).collect();
    if kept.is_empty() {
        return Err(Problem::new(Kind::Input, "no held-out rim to choose a feature net by")
            .expected("validation rims with the contrast of a rim")
            .advice("set choose_features to 0, or prepare with more validation patients"));
    }
    kept.sort_by(f64::total_cmp);
    Ok(FeatureChoice {
        features: features.to_owned(),
        contrast_kept: quantile(&kept, 0.5),
        quartiles: (quantile(&kept, 0.25), quantile(&kept, 0.75)),
        lesions: kept.len() as u64,
        seconds,
        chosen: false,
    })
}

/// Marks the candidate whose quartiles of kept contrast both lie nearest to 1 (a rim made stronger is as wrong as one
/// made weaker, and one that keeps half of the rims well is no better than one that keeps all of them fairly); the
/// first of equals. Returns its position.
pub fn choose(candidates: &mut [FeatureChoice]) -> Option<usize> {
    let error = |choice: &FeatureChoice| (choice.quartiles.0 - 1.0).abs().max((choice.quartiles.1 - 1.0).abs());
    let best = (0..candidates.len()).min_by(|&a, &b| error(&candidates[a]).total_cmp(&error(&candidates[b])))?;
    candidates[best].chosen = true;
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_nearest_to_one_win() {
        let pairs = |shares: [f64; 3]| shares.map(|share| (40.0, 40.0 * share));
        let mut candidates = vec![
            summarise("weak", &pairs([0.1, 0.5, 0.9]), 1.0).unwrap(),
            summarise("strong", &pairs([1.2, 1.3, 1.4]), 1.0).unwrap(),
            summarise("wild", &pairs([0.0, 1.6, 3.0]), 1.0).unwrap(),
        ];
        assert_eq!(candidates[0].contrast_kept, 0.5);
        assert!((candidates[0].quartiles.0 - 0.3).abs() < 1e-12 && (candidates[0].quartiles.1 - 0.7).abs() < 1e-12);
        assert_eq!(choose(&mut candidates), Some(1));
        assert_eq!(candidates.iter().map(|c| c.chosen).collect::<Vec<_>>(), [false, true, false]);
        assert!(summarise("none", &[], 0.0).is_err());
    }
}

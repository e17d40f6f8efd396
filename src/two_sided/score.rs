//! How well something ranks lesions, with an interval over patients.

use std::collections::BTreeSet;

use crate::problem::Result;
use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;
use crate::statistics::ranking::Ranking;

/// Area under the ROC curve; `None` where a class is missing.
///
/// # Errors
/// A score that is not a number.
pub fn auroc(scores: &[f64], labels: &[bool], patients: &[String], seed: RunSeed) -> Result<Option<Interval>> {
    let ranking = Ranking::new(scores, labels)?;
    let with = |wanted: bool| {
        let own = patients.iter().zip(labels).filter(|(_, label)| **label == wanted);
        own.map(|(patient, _)| patient).collect::<BTreeSet<_>>().len()
    };
    let drawn = ClusterBootstrap::by_patient(patients, seed).draw(1, |copies| vec![ranking.auroc_of(Some(copies))]);
    Ok(drawn.interval(0, with(true).min(with(false))))
}

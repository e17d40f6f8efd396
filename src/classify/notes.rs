//! Notes that follow from a comparison's settings, its pool and its test set.

use super::config::{Additions, ClassifyConfig};
use super::label_tables::ENRICHED;
use super::pool::Pool;
use crate::records::classes::Classes;
use crate::records::classify::TestSetRecord;

/// What a reader of the numbers should know.
pub(super) fn facts(
    notes: &mut Vec<String>,
    config: &ClassifyConfig,
    pool: &Pool,
    test: &TestSetRecord,
    classes: &Classes,
) {
    if let Some(control) = config.control {
        notes.push(format!("CONTROL {}: these numbers test the machinery, not the arms.", control.name()));
    }
    let Some(interest) = classes.interest() else {
        notes.push(
            "Batches draw lesions, not slices. The means of macro metrics give every class the same weight.".into(),
        );
        if test.ambiguous > 0 || !pool.material.contested.is_empty() {
            notes.push(format!(
                "{} contested training lesions are learned by no arm, {} contested test lesions are left out \
                 of every number.",
                pool.material.contested.len(),
                test.ambiguous
            ));
        }
        return;
    };
    let (wanted, other) = (&classes.names[interest], &classes.names[1 - interest]);
    if config.arms.iter().any(|arm| arm.adds()) && (pool.extra as u64) < config.extra {
        notes.push(format!(
            "Every arm adds {} {wanted}s instead of {}: the poorest source has no more.",
            pool.extra, config.extra
        ));
    }
    notes.push(match config.additions {
        Additions::InPlace => format!(
            "Batches draw lesions, not slices, and each batch has the None arm's share of {wanted}s: an arm \
             changes which {wanted}s are seen, not how many."
        ),
        Additions::OnTop => format!(
            "Batches draw lesions, not slices. What an arm adds has batches of its own, and the mean loss of such a \
             batch counts {} beside 1 for the real lesions, which every arm sees as None does, except where it is the \
             arm to change that.",
            config.extra_weight
        ),
    });
    if !config.augment.is_none() {
        notes.push(
            "In every arm slices are mirrored, turned by quarters and shifted anew each time that a fit sees them."
                .into(),
        );
    }
    notes.push(format!(
        "Contested training lesions are in neither class unless the arm says so. Contested test lesions count as \
         {other}s, and are left out of the metrics whose names begin with certain."
    ));
    let enriched = test.prevalence > ENRICHED * config.reference_prevalence;
    if enriched {
        notes.push(format!(
            "The test set has {:.1} % {wanted}s, more than the {:.1} % of a clinical cohort; metrics whose \
             names end in at_{:.1}_percent are reweighted to that.",
            100.0 * test.prevalence,
            100.0 * config.reference_prevalence,
            100.0 * config.reference_prevalence
        ));
    }
}

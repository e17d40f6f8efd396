//! Directions, gate and edits in words and rows.

use super::arms::Row;
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::directions::{DirectionRecord, DirectionSet, SweepRow};
use crate::report::numbers::{count, number};

/// A direction's cells.
pub struct DirectionRow {
    /// As `directions` calls it.
    pub id: String,
    /// The factor.
    pub name: String,
    /// Of that factor.
    pub effect: String,
    /// Of its effects.
    pub purity: String,
    /// 95 % quantile of random directions' purity.
    pub null: String,
    /// Correlation of the factor with the step.
    pub monotone: String,
    /// Into the class.
    pub leak: String,
    /// Share of images at both ends.
    pub passing: String,
    /// Whether it is beyond the null.
    pub beats: bool,
    /// Whether images were edited along it.
    pub accepted: bool,
}

/// All directions, set by set.
pub fn directions(study: &DermatoscopyRecord) -> Vec<DirectionRow> {
    let accepted = |id: &str| study.edits.iter().flat_map(|edits| &edits.directions).any(|one| one.id.as_str() == id);
    let row = |set: &DirectionSet, one: &DirectionRecord| {
        let place = study.directions.factors.iter().position(|factor| factor.name == one.name);
        let of = |values: &[f64]| place.and_then(|at| values.get(at)).map_or("—".into(), |value| number(*value, 2));
        DirectionRow {
            id: one.id.to_string(),
            name: one.name.clone(),
            effect: of(&one.effects),
            purity: number(one.purity, 2),
            null: number(set.null.purity, 2),
            monotone: of(&one.monotonicity),
            leak: one.leak.map_or("—".into(), |leak| number(leak, 2)),
            passing: format!("{} %", number(100.0 * one.passing, 0)),
            beats: one.beats_null,
            accepted: accepted(one.id.as_str()),
        }
    };
    study.directions.sets.iter().flat_map(|set| set.directions.iter().map(move |one| row(set, one))).collect()
}

/// How the directions were found: "closed-form and ganspace".
pub fn methods(study: &DermatoscopyRecord) -> String {
    let mut methods: Vec<&str> = study.directions.sets.iter().map(|set| set.method.as_str()).collect();
    methods.dedup();
    methods.sort_unstable();
    methods.dedup();
    methods.join(" and ")
}

/// Random directions of each set.
pub fn random(study: &DermatoscopyRecord) -> u64 {
    study.directions.sets.first().map_or(0, |set| set.null.directions)
}

/// What the gate is.
pub fn gate(study: &DermatoscopyRecord) -> String {
    let gate = &study.directions.gate;
    let threshold = match gate.threshold {
        Some(threshold) => format!("at most {} ({})", number(threshold, 3), gate.from),
        None => "none".into(),
    };
    let said = format!(
        "Distance: {}. Threshold on the distance of an edited image to its {} image: {threshold}.",
        study.directions.distance, gate.against
    );
    match &gate.calibration {
        Some(found) => format!(
            "{said} Calibrated on {} pairs of training photographs of one lesion; {} % of {} pairs of other lesions of \
             the same class lie within it.",
            count(found.same_pairs),
            number(100.0 * found.others_within, 0),
            count(found.other_pairs)
        ),
        None => said,
    }
}

/// Directions' ends and edits within each threshold.
pub fn sweep(study: &DermatoscopyRecord) -> Vec<Row> {
    let share = |row: &SweepRow| format!("{} of {}", row.kept, row.images);
    let row = |ends: &SweepRow| {
        let edits = study.edits.iter().flat_map(|edits| &edits.sweep).find(|edits| edits.threshold == ends.threshold);
        Row {
            arm: String::new(),
            cells: vec![
                ends.threshold.map_or("none".into(), |threshold| number(threshold, 2)),
                share(ends),
                edits.map_or("—".into(), share),
            ],
        }
    };
    study.directions.gate.sweep.iter().map(row).collect()
}

/// How the edits were made.
pub fn edited(study: &DermatoscopyRecord) -> String {
    let Some(edits) = &study.edits else {
        return "No direction was accepted, so no photograph was edited and no arm learns from edits. Review the directions \
                (`rimforge review`) and run the study again, or name some (edit.accept)."
            .into();
    };
    let images: u64 = edits.classes.iter().map(|class| class.images).sum();
    let kept: u64 = edits.classes.iter().map(|class| class.kept).sum();
    format!(
        "{} images: training photographs, inverted ({}), moved along one of {} accepted directions and drawn again, each \
         class in turn. Accepted by: {}. Within the gate: {}.",
        count(images),
        edits.inversion,
        edits.directions.len(),
        edits.accepted_by,
        count(kept)
    )
}

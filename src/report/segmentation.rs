//! What the page shows of masks of rims: a table of arms by measures, and some lesions.

use std::collections::BTreeMap;

use super::images::{Figure, stage_image};
use super::numbers::{count, interval, number};
use crate::problem::Result;
use crate::records::Interval;
use crate::records::label::SUSCEPTIBILITY;
use crate::records::segment::{SegmentRecord, SegmentedArm};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Segmentation<'a> {
    /// As the stage left it.
    pub record: &'a SegmentRecord,
    /// Of one network.
    pub parameters: String,
    /// What it sees.
    pub contrasts: String,
    /// Measures.
    pub heads: Vec<String>,
    /// Arms.
    pub rows: Vec<Row>,
    /// Arms less the arm "Real".
    pub differences: Vec<Row>,
    /// Dice between two readers.
    pub readers: Option<String>,
    /// Some lesions.
    pub figures: Vec<Figure>,
}

/// One arm.
pub struct Row {
    /// Its name.
    pub name: String,
    /// One a measure.
    pub cells: Vec<String>,
    /// Dice of each seed.
    pub seeds: String,
}

/// Reads the record and the picture; `None` where the study has no such stage.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Segmentation<'a>>> {
    let Some(record) = &study.segmentation else { return Ok(None) };
    let cell = |found: Option<&Interval>, unit: &str| match found {
        Some(found) => interval(found, if unit.is_empty() { 2 } else { 1 }),
        None => "\u{2014}".to_owned(),
    };
    let seeds = |arm: &SegmentedArm| -> String {
        arm.dice_by_seed.iter().map(|dice| number(*dice, 2)).collect::<Vec<_>>().join(", ")
    };
    let row = |arm: &SegmentedArm, measures: &BTreeMap<String, Interval>| Row {
        name: arm.name.clone(),
        cells: record.measures.iter().map(|measure| cell(measures.get(&measure.key), &measure.unit)).collect(),
        seeds: seeds(arm),
    };
    let head = |name: &String, unit: &String| if unit.is_empty() { name.clone() } else { format!("{name} ({unit})") };
    let spelled = |name: &String| match name.as_str() {
        SUSCEPTIBILITY => "QSM".to_owned(),
        "flair" => "FLAIR".to_owned(),
        other => other.to_owned(),
    };
    let caption = "Held-out lesions: image, traced rim (yellow), and what the first seed of every arm finds (blue) in \
                   the lesion's own region. The last row is a lesion without rim. The lesions are not chosen by how \
                   well they went.";
    let compared = record.arms.iter().filter(|arm| !arm.differences.is_empty());
    Ok(Some(Segmentation {
        record,
        parameters: count(record.parameters),
        contrasts: record.contrasts.iter().map(spelled).collect::<Vec<_>>().join(" and "),
        heads: record.measures.iter().map(|measure| head(&measure.name, &measure.unit)).collect(),
        rows: record.arms.iter().map(|arm| row(arm, &arm.measures)).collect(),
        differences: compared.map(|arm| row(arm, &arm.differences)).collect(),
        readers: record.readers_dice.as_ref().map(|dice| interval(dice, 2)),
        figures: stage_image(dir.root(), &dir.segmentation(), "rims.png", caption)?,
    }))
}

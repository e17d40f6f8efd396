//! Of section 4: contested lesions projected as of either class.

use super::images::data_uri;
use super::numbers::{interval, number};
use crate::problem::Result;
use crate::records::study::StudyRecord;
use crate::records::two_sided::{AgreedSide, TwoSidedLesion, TwoSidedRecord};
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct TwoSided<'a> {
    /// As the stage left it.
    pub record: &'a TwoSidedRecord,
    /// Lesions beside both projections.
    pub sheet: Option<String>,
    /// A row for each contested lesion.
    pub lesions: Vec<LesionRow>,
    /// A row for each side of the split with agreed lesions.
    pub agreed: Vec<AgreedRow>,
    /// What is true of the contested, where that is known.
    pub truth: Option<Truth>,
    /// What each input does to the log-odds.
    pub slopes: String,
    /// What it shows.
    pub says: String,
    /// What it does not show.
    pub does_not: &'static str,
}

/// A contested lesion.
pub struct LesionRow {
    /// Its name.
    pub lesion: String,
    /// As of interest, and as of the other class.
    pub losses: [String; 2],
    /// Relative, signed.
    pub difference: String,
    /// To be of interest.
    pub probability: String,
    /// "rim", "non-rim", or a dash.
    pub truth: String,
}

/// Agreed lesions of a side.
pub struct AgreedRow {
    /// In words.
    pub side: String,
    /// Of interest and others.
    pub counts: [u64; 2],
    /// Median relative difference of those of interest and of the others.
    pub differences: [String; 2],
    /// Of the difference.
    pub auroc: String,
    /// Of the probability, of the covariates alone, and of the share alone.
    pub brier: [String; 3],
    /// In ten bins.
    pub calibration_error: String,
}

/// Contested lesions against the truth.
pub struct Truth {
    /// Counts and Brier scores.
    pub line: String,
    /// Of what, and the area with its interval.
    pub auroc: Vec<(String, String)>,
}

/// Reads the record and the sheet; `None` where the study has no such section.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<TwoSided<'a>>> {
    let Some(record) = &study.two_sided else { return Ok(None) };
    let sheet = record.sheet.as_ref().map(|file| data_uri(dir.root(), &dir.two_sided(), file)).transpose()?;
    let contested = record.lesions.iter().filter(|lesion| lesion.is_contested(&record.classes));
    Ok(Some(TwoSided {
        record,
        sheet,
        lesions: contested.map(|lesion| lesion_row(lesion, &record.classes)).collect(),
        agreed: record.agreed.iter().map(agreed_row).collect(),
        truth: truth(record),
        slopes: slopes(record),
        says: says(record),
        does_not: "It does not show that a lesion is a rim: both projections are drawings of a generator that learnt \
                   from the readers' agreed lesions, and a probability is no better than the calibration that it \
                   comes from.",
    }))
}

fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "—".into(), |value| number(value, digits))
}

fn signed(value: f64) -> String {
    if value > 0.0 { format!("+{}", number(value, 3)) } else { number(value, 3) }
}

fn lesion_row(lesion: &TwoSidedLesion, classes: &[String; 2]) -> LesionRow {
    LesionRow {
        lesion: lesion.lesion_id.to_string(),
        losses: [lesion.loss_of_interest, lesion.loss_other].map(|loss| number(loss, 4)),
        difference: signed(lesion.difference),
        probability: optional(lesion.probability, 2),
        truth: lesion.true_rim.map_or_else(|| "—".into(), |truth| classes[usize::from(!truth)].clone()),
    }
}

fn agreed_row(side: &AgreedSide) -> AgreedRow {
    let words = match side.side.as_str() {
        "validation" => "validation: not seen by the generator",
        _ => "training: seen by the generator",
    };
    AgreedRow {
        side: words.to_owned(),
        counts: [side.of_interest, side.lesions - side.of_interest.min(side.lesions)],
        differences: [side.of_interest_difference, side.other_difference]
            .map(|value| value.map_or_else(|| "—".into(), signed)),
        auroc: side.auroc.as_ref().map_or_else(|| "—".into(), |found| interval(found, 2)),
        brier: [side.brier, side.brier_without_difference, Some(side.brier_of_share)].map(|score| optional(score, 3)),
        calibration_error: optional(side.calibration_error, 3),
    }
}

fn truth(record: &TwoSidedRecord) -> Option<Truth> {
    let truth = record.truth.as_ref()?;
    let area = |(what, found): &(String, Option<crate::records::Interval>)| {
        (what.clone(), found.as_ref().map_or_else(|| "—".into(), |found| interval(found, 2)))
    };
    Some(Truth {
        line: format!(
            "Known truth: of the {} contested lesions {} are truly of interest, {} were expected. Brier score {} (of \
             the prior alone {}), calibration error {}.",
            truth.lesions,
            truth.of_interest,
            number(truth.expected, 1),
            optional(truth.brier, 3),
            number(truth.brier_of_prior, 3),
            optional(truth.calibration_error, 3)
        ),
        auroc: truth.auroc.iter().map(area).collect(),
    })
}

/// What carries the probability: the difference, or the sizes beside it.
fn slopes(record: &TwoSidedRecord) -> String {
    let of = ["difference", "losses' mean", "lesion's voxels"];
    let one = |(name, slope): (&str, &f64)| format!("{name} {}", signed(*slope));
    let all: Vec<String> = of.into_iter().zip(&record.calibration.slopes).map(one).collect();
    format!("Log-odds for a deviation of each input: {}.", all.join(", "))
}

/// Whether the difference of the losses tells the classes where the generator has not seen the lesions.
fn says(record: &TwoSidedRecord) -> String {
    let held_out = record.agreed.iter().find(|side| side.side == "validation");
    match held_out.and_then(|side| side.auroc.as_ref()) {
        Some(auroc) if auroc.low > 0.5 => format!(
            "It shows that the difference tells held-out agreed lesions apart better than chance: AUROC {}.",
            interval(auroc, 2)
        ),
        Some(auroc) => format!(
            "It does not tell held-out agreed lesions apart beyond chance: AUROC {}; what the probabilities say beyond \
             the prior is then not of fit.",
            interval(auroc, 2)
        ),
        None => "Without held-out lesions of both classes it cannot be said whether the difference tells anything."
            .to_owned(),
    }
}

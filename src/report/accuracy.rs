//! What the page shows of known lesions that were spoiled and projected back.

use super::images::{Figure, data_uri};
use super::numbers::{interval_percent, number};
use crate::problem::Result;
use crate::records::Interval;
use crate::records::perturbation::{PerturbationRecord, PerturbationRow};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Accuracy<'a> {
    /// As the stage left it.
    pub record: &'a PerturbationRecord,
    /// One for each role and corruption.
    pub rows: Vec<AccuracyRow>,
    /// Rims lost and invented, with intervals.
    pub shares: Vec<String>,
    /// Lesions side by side.
    pub sheets: Vec<Figure>,
}

/// Medians over lesions, spoiled → projected.
pub struct AccuracyRow {
    /// "rim", "training rim" or "non-rim".
    pub role: String,
    /// What was done to them, with its strength.
    pub corruption: String,
    /// How many.
    pub lesions: u64,
    /// Structural similarity to the slice as it was.
    pub ssim: String,
    /// Mean squared error, on a scale of 0..1 for the window.
    pub mse: String,
    /// Difference inside the lesion, in physical units.
    pub lesion_rms: String,
    /// Share of the rim's contrast that is left.
    pub kept: String,
}

/// Reads the record and the sheets; `None` where the study spoils no lesions.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Accuracy<'a>>> {
    let Some(record) = &study.perturbation else { return Ok(None) };
    let row = |row: &PerturbationRow| {
        let pair = |before: f64, after: f64, digits| format!("{} → {}", number(before, digits), number(after, digits));
        let (before, after) = (&row.corrupted, &row.projected);
        let strength = if row.strength.is_empty() { String::new() } else { format!(", {}", row.strength) };
        AccuracyRow {
            role: row.role.clone(),
            corruption: match row.corruption.as_str() {
                "none" => "nothing".into(),
                other => format!("{other}{strength}"),
            },
            lesions: row.lesions,
            ssim: pair(before.ssim, after.ssim, 2),
            mse: pair(before.mse, after.mse, 4),
            lesion_rms: pair(before.lesion_rms, after.lesion_rms, 1),
            kept: row.contrast_kept.map_or_else(|| "—".into(), |kept| number(kept, 2)),
        }
    };
    let shares = [("Held-out rims lost", &record.erased), ("Rims invented in non-rims", &record.hallucinated)];
    let share = |(what, share): (&str, &Option<Interval>)| {
        share.as_ref().map(|share| format!("{what}: {} of {}.", interval_percent(share), share.n))
    };
    let sheets = record.sheets.iter().map(|sheet| {
        Ok(Figure { image: data_uri(dir.root(), &dir.perturbed(), &sheet.file)?, caption: sheet.caption.clone() })
    });
    Ok(Some(Accuracy {
        record,
        rows: record.summary.iter().map(row).collect(),
        shares: shares.into_iter().filter_map(share).collect(),
        sheets: sheets.collect::<Result<_>>()?,
    }))
}

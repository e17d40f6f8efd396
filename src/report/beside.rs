//! What the page shows of the stages beside the main path: conditional generator, projection accuracy, several contrasts.

use super::figures;
use super::images::{Figure, data_uri};
use super::numbers::{interval_percent, number};
use crate::problem::Result;
use crate::records::perturbation::{PerturbationRecord, PerturbationRow};
use crate::records::study::{ConditionalRecord, MultiContrastRecord, StudyRecord};
use crate::records::synthesis::MapContrast;
use crate::run_dir::StudyDir;

/// Jointly denoised lesions shown.
const SHOWN: usize = 4;

pub struct Conditional<'a> {
    pub record: &'a ConditionalRecord,
    pub kimg: String,
    pub curve: String,
    pub grid: String,
}

pub struct Accuracy<'a> {
    pub record: &'a PerturbationRecord,
    pub rows: Vec<AccuracyRow>,
    pub shares: Vec<String>,
    pub sheets: Vec<Figure>,
}

pub struct AccuracyRow {
    pub role: String,
    pub corruption: String,
    pub lesions: u64,
    pub ssim: String,
    pub mse: String,
    pub lesion_rms: String,
    pub kept: String,
}

pub struct MultiContrast<'a> {
    pub record: &'a MultiContrastRecord,
    pub kimg: String,
    pub contrasts: String,
    pub real: Option<String>,
    pub synthetic: String,
    pub map_contrast: Option<String>,
    pub denoised: Vec<Figure>,
}

pub fn conditional<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Conditional<'a>>> {
    let Some(record) = &study.conditional else { return Ok(None) };
    Ok(Some(Conditional {
        record,
        kimg: thousands(record.training.images),
        curve: figures::conditional_curve(&study.training, &record.training),
        grid: data_uri(&dir.conditional_synthetic().join(&record.synthesis.synthetic_grid))?,
    }))
}

pub fn accuracy<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Accuracy<'a>>> {
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
    let share = |(what, share): (&str, &Option<crate::records::Interval>)| {
        share.as_ref().map(|share| format!("{what}: {} of {}.", interval_percent(share), share.n))
    };
    let sheets = record.sheets.iter().map(|sheet| {
        Ok(Figure { image: data_uri(&dir.perturbed().join(&sheet.file))?, caption: sheet.caption.clone() })
    });
    Ok(Some(Accuracy {
        record,
        rows: record.summary.iter().map(row).collect(),
        shares: shares.into_iter().filter_map(share).collect(),
        sheets: sheets.collect::<Result<_>>()?,
    }))
}

pub fn multi_contrast<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<MultiContrast<'a>>> {
    let Some(record) = &study.multi_contrast else { return Ok(None) };
    let folder = dir.multi_contrast_synthetic();
    let lesions = record.projection.iter().flat_map(|projection| &projection.lesions);
    let denoised = lesions.filter(|lesion| lesion.role == "ambiguous").take(SHOWN).map(|lesion| {
        let caption = format!(
            "{} slice {}: rim contrast {} → {} ppb",
            lesion.lesion_id,
            lesion.slice,
            number(lesion.contrast_before, 1),
            number(lesion.contrast_after, 1)
        );
        Ok(Figure { image: data_uri(&dir.multi_contrast_denoised().join(&lesion.figure))?, caption })
    });
    Ok(Some(MultiContrast {
        record,
        kimg: thousands(record.training.images),
        contrasts: names(&record.prepare.contrasts),
        real: record.synthesis.real_grid.as_ref().map(|file| data_uri(&folder.join(file))).transpose()?,
        synthetic: data_uri(&folder.join(&record.synthesis.synthetic_grid))?,
        map_contrast: record.synthesis.map_contrast.as_ref().map(map_contrast),
        denoised: denoised.collect::<Result<_>>()?,
    }))
}

fn map_contrast(map: &MapContrast) -> String {
    let one = |(low, middle, high): (f64, f64, f64)| {
        format!("{} ({} to {}) ppb", number(middle, 1), number(low, 1), number(high, 1))
    };
    format!(
        "Susceptibility under the rim map (probability above one half) over its neighbourhood, median (quartiles): \
         synthetic {}, real {}; {} % of the synthetic images have such a map.",
        one(map.synthetic),
        one(map.real),
        number(100.0 * map.synthetic_with_map, 0)
    )
}

fn names(contrasts: &[String]) -> String {
    let name = |contrast: &String| match contrast.as_str() {
        "chimap" => "QSM".to_owned(),
        "rim" => "rim probability".to_owned(),
        "flair" => "FLAIR".to_owned(),
        other => other.to_owned(),
    };
    contrasts.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn thousands(images: u64) -> String {
    number(images as f64 / 1000.0, 1)
}

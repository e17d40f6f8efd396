//! What the page shows of the generator of several contrasts.

use super::images::{Figure, data_uri};
use super::numbers::{number, thousands};
use crate::problem::Result;
use crate::records::label::SUSCEPTIBILITY;
use crate::records::study::{MultiContrastRecord, StudyRecord};
use crate::records::synthesis::MapContrast;
use crate::run_dir::StudyDir;

/// Jointly denoised lesions shown.
const SHOWN: usize = 4;

/// What the section shows.
pub struct MultiContrast<'a> {
    /// As the stages left it.
    pub record: &'a MultiContrastRecord,
    /// Thousands of real images shown to the discriminator.
    pub kimg: String,
    /// Their names, separated by commas.
    pub contrasts: String,
    /// Training rims.
    pub real: Option<String>,
    /// Drawn rims.
    pub synthetic: String,
    /// Whether the drawn rim map lies over the drawn rim.
    pub map_contrast: Option<String>,
    /// Contested lesions, all contrasts at once.
    pub denoised: Vec<Figure>,
}

/// Reads the record and the pictures; `None` where the study has one contrast.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<MultiContrast<'a>>> {
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
        Ok(Figure { image: data_uri(dir.root(), &dir.multi_contrast_denoised(), &lesion.figure)?, caption })
    });
    Ok(Some(MultiContrast {
        record,
        kimg: thousands(record.training.images),
        contrasts: names(&record.prepare.contrasts),
        real: record.synthesis.real_grid.as_ref().map(|file| data_uri(dir.root(), &folder, file)).transpose()?,
        synthetic: data_uri(dir.root(), &folder, &record.synthesis.synthetic_grid)?,
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
        SUSCEPTIBILITY => "QSM".to_owned(),
        "rim" => "rim probability".to_owned(),
        "flair" => "FLAIR".to_owned(),
        other => other.to_owned(),
    };
    contrasts.iter().map(name).collect::<Vec<_>>().join(", ")
}

//! Lesions of each kind as a network sees them: rims, contested ones and non-rims in rows, every contrast of a lesion
//! below the other, anterior up.
//!
//! For the eye alone: what tells the kinds apart on one contrast and not on another.

use std::collections::HashMap;
use std::path::Path;

use super::manifest::{Class, Lesion, Split};
use super::patch_file;
use super::slices::largest_slice;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, text_width};
use crate::records::label::Contrast;
use crate::records::prepare::LesionFigure;

/// Its name in the data folder.
pub const FILE: &str = "lesions.png";

const WARNING: Rgb = [255, 176, 0];

const COLUMNS: usize = 6;

const MOST_OF_ONE_PATIENT: usize = 2;

/// Width of a lesion in the picture, at least.
const LEAST_WIDTH: usize = 96;

const GAP: usize = 4;

/// What is drawn from.
pub(super) struct Cut<'a> {
    /// Folder that the patches lie in.
    pub out: &'a Path,
    /// Of the patches, in their order.
    pub contrasts: &'a [Contrast],
    /// Depth, height and width of a patch.
    pub patch: [u32; 3],
    /// All of them.
    pub lesions: &'a [Lesion],
    pub simulated: bool,
}

/// The first training lesions of each kind, each in the slice that cuts most of it, in all contrasts but traced maps;
/// `None` where there is no such contrast or no lesion on the training side.
///
/// # Errors
/// A patch that cannot be read any more.
pub(super) fn draw(cut: &Cut<'_>) -> Result<Option<(Canvas, LesionFigure)>> {
    let shown: Vec<(usize, &Contrast)> =
        cut.contrasts.iter().enumerate().filter(|(_, contrast)| contrast.unit != "probability").collect();
    let kinds = [
        ("RIM: both readers", Class::RIM),
        ("CONTESTED: one of two readers", Class::AMBIGUOUS),
        ("NO RIM: neither reader", Class::NON_RIM),
    ];
    let mut rows = vec![];
    for (title, class) in kinds {
        let columns = chosen(cut.lesions, &class).into_iter().map(|lesion| cut.column(lesion, &shown));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        if !columns.is_empty() {
            rows.push((title, columns));
        }
    }
    if shown.is_empty() || rows.is_empty() {
        return Ok(None);
    }
    let name =
        |(_, one): &(usize, &Contrast)| format!("{} {} to {} {}", one.name, one.window.low, one.window.high, one.unit);
    let figure = LesionFigure {
        file: FILE.into(),
        contrasts: shown.iter().map(name).collect(),
        lesions: rows.iter().map(|(_, columns)| columns.len() as u64).sum(),
    };
    Ok(Some((sheet(&rows, &figure.contrasts, cut.simulated), figure)))
}

/// For the picture's file.
pub(super) fn texts(figure: &LesionFigure, simulated: bool) -> [(&'static str, String); 1] {
    let origin = if simulated { "SIMULATED, no patient. " } else { "" };
    let about = "Training lesions that both readers, one or neither call a rim, largest slice of each";
    [("Description", format!("{origin}{about}. {}", figure.contrasts.join("; ")))]
}

/// The first of a kind on the training side.
fn chosen<'a>(lesions: &'a [Lesion], class: &Class) -> Vec<&'a Lesion> {
    let mut of_patient: HashMap<&str, usize> = HashMap::new();
    let own = lesions.iter().filter(|lesion| lesion.split == Split::Train && lesion.class == *class);
    let not_too_many = own.filter(|lesion| {
        let seen = of_patient.entry(&lesion.patient).or_default();
        *seen += 1;
        *seen <= MOST_OF_ONE_PATIENT
    });
    not_too_many.take(COLUMNS).collect()
}

impl Cut<'_> {
    /// A lesion's contrasts, one below the other.
    fn column(&self, lesion: &Lesion, shown: &[(usize, &Contrast)]) -> Result<Canvas> {
        let [depth, height, width] = self.patch.map(|size| size as usize);
        let of_patch = [self.contrasts.len() as u64, depth as u64, height as u64, width as u64];
        let values = patch_file::read::<f32>(&self.out.join(&lesion.patch), &of_patch, &lesion.sha256)?;
        let z = match (&lesion.mask, &lesion.mask_sha256) {
            (Some(mask), Some(sha256)) => {
                let mask = patch_file::read::<u8>(&self.out.join(mask), &of_patch[1..], sha256)?;
                largest_slice(&mask, height * width, |&inside| inside == 1)
            }
            _ => depth / 2,
        };
        let part = |&(channel, contrast): &(usize, &Contrast)| {
            let slice = &values[(channel * depth + z) * height * width..][..height * width];
            let upright = slice.chunks(width).rev().flatten();
            let grey: Vec<f32> = upright.map(|&value| contrast.window.to_network(value)).collect();
            Canvas::grey(width, &grey).enlarged(LEAST_WIDTH.div_ceil(width).max(1))
        };
        Ok(Canvas::tiled(&shown.iter().map(part).collect::<Vec<_>>(), 1, GAP / 2, BLACK))
    }
}

fn sheet(rows: &[(&str, Vec<Canvas>)], contrasts: &[String], simulated: bool) -> Canvas {
    let line = GLYPH_HEIGHT + GAP;
    let words = contrasts.join(", then ");
    let [width, height] = rows[0].1.first().map_or([0; 2], |cell| [cell.width(), cell.height()]);
    let across = (COLUMNS * (width + GAP) + GAP).max(text_width(&words, 1) + text_width("SIMULATED", 1) + 4 * GAP);
    let mut sheet = Canvas::new(across, 2 * GAP + line + rows.len() * (line + height + GAP), BLACK);
    let mut x = GAP;
    if simulated {
        sheet.text(x, GAP, "SIMULATED", WARNING, 1);
        x += text_width("SIMULATED", 1) + 2 * GAP;
    }
    sheet.text(x, GAP, &words, WHITE, 1);
    for (at, (title, columns)) in rows.iter().enumerate() {
        let y = GAP + line + at * (line + height + GAP);
        sheet.text(GAP, y, title, WHITE, 1);
        for (column, cell) in columns.iter().enumerate() {
            sheet.blit(cell, GAP + column * (width + GAP), y + line);
        }
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Inside, Name};
    use crate::nifti::Affine;
    use crate::records::label::Window;

    fn contrast(name: &'static str, unit: &str) -> Contrast {
        Contrast { name: Name::of_known(name), unit: unit.into(), window: Window { low: -1.0, high: 1.0 } }
    }

    fn lesion(out: &Path, at: usize, patient: &str, class: Class, split: Split) -> Lesion {
        // Of the second slice, which the lesion is in, the most posterior left pixel is white on the second contrast.
        let mut values = vec![-1.0f32; 3 * 2 * 8 * 8];
        values[(2 + 1) * 64] = 1.0;
        let id = Name::of_known(&format!("l{at}"));
        let (patch, mask) = (Inside::of("patches", &id, ".npy"), Inside::of("patches", &id, "_mask.npy"));
        let inside: Vec<u8> = (0..128).map(|voxel| u8::from(voxel >= 100)).collect();
        let sha256 = patch_file::write(&out.join(&patch), &[3, 2, 8, 8], &values).unwrap();
        let mask_sha256 = patch_file::write(&out.join(&mask), &[2, 8, 8], &inside).unwrap();
        Lesion {
            id,
            patient: patient.into(),
            centre: [0; 3],
            affine: Affine::IDENTITY,
            patch_affine: None,
            reader1: None,
            reader2: None,
            class,
            label: None,
            split,
            voxels: 28,
            patch,
            mask: Some(mask),
            sha256,
            mask_sha256: Some(mask_sha256),
        }
    }

    #[test]
    fn each_kind_has_a_row_and_each_contrast_but_traced_maps_a_place_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("patches")).unwrap();
        let new = |at, patient, class, split| lesion(folder.path(), at, patient, class, split);
        let lesions = [
            new(0, "a", Class::RIM, Split::Train),
            new(1, "b", Class::RIM, Split::Test),
            new(2, "a", Class::NON_RIM, Split::Train),
            new(3, "a", Class::NON_RIM, Split::Train),
            new(4, "a", Class::NON_RIM, Split::Train),
            new(5, "c", Class::NON_RIM, Split::Train),
        ];
        let contrasts = [contrast("chimap", "ppb"), contrast("flair", "a.u."), contrast("rim", "probability")];
        let cut =
            Cut { out: folder.path(), contrasts: &contrasts, patch: [2, 8, 8], lesions: &lesions, simulated: true };
        let (sheet, figure) = draw(&cut).unwrap().unwrap();
        assert_eq!(figure.contrasts, ["chimap -1 to 1 ppb", "flair -1 to 1 a.u."]);
        // A rim of the training side; of patient a two non-rims, of c one.
        assert_eq!(figure.lesions, 4);
        let top = GAP + 2 * (GLYPH_HEIGHT + GAP);
        let white = |at: [usize; 2]| sheet.get(at[0], at[1]) == Some(WHITE);
        // Of the susceptibility map nothing, of the second contrast the lowest pixel on the left, twelvefold.
        assert!((top..top + 96).all(|y| !white([GAP, y])));
        let second = top + 96 + GAP / 2;
        assert!(white([GAP, second + 95]) && white([GAP + 11, second + 84]) && !white([GAP + 12, second + 95]));
        let none = Cut { lesions: &lesions[1..2], ..cut };
        assert!(draw(&none).unwrap().is_none());
    }
}

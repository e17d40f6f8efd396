//! A sheet of examples: axial slices of anisotropy, of FLAIR, of where the lesions are; SIMULATED on its face.

use super::head::SHAPE;
use super::plan::Subject;
use super::subject::Examined;
use crate::raster::{Canvas, GLYPH_HEIGHT, Rgb};

const GAP: usize = 4;

/// Pixels a voxel.
const ZOOM: usize = 2;

const BACKGROUND: Rgb = [18, 18, 22];

const QUIET: Rgb = [170, 170, 178];

const WARNING: Rgb = [255, 176, 0];

const LESION: Rgb = [235, 84, 60];

/// Slices of the grid: basal ganglia with the capsule, ventricles, callosum, above it.
const SLICES: [usize; 5] = [37, 42, 47, 53, 59];

/// Anisotropy that is white.
const BRIGHTEST: f32 = 0.85;

/// The sheet; rows of anisotropy, of FLAIR and of anisotropy with lesions outlined a person.
pub(super) fn of(examples: &[(&Subject, Examined)]) -> Canvas {
    let [wide, deep, _] = SHAPE;
    let (cell, tall) = (ZOOM * wide + GAP, ZOOM * deep + GAP);
    let line = GLYPH_HEIGHT + 2 * GAP;
    let top = 2 * GLYPH_HEIGHT + 3 * GAP;
    let mut sheet = Canvas::new(SLICES.len() * cell, top + examples.len() * (line + 3 * tall), BACKGROUND);
    sheet.text(GAP, GAP, "SIMULATED: no patient", WARNING, 2);
    for (row, (subject, examined)) in examples.iter().enumerate() {
        let y = top + row * (line + 3 * tall);
        let lesions = examined.lesions.count;
        let told = format!("{}, {:.0} years, {lesions} lesions: anisotropy, FLAIR, lesions", subject.id, subject.age);
        sheet.text(GAP, y + GAP, &told, QUIET, 1);
        let brightest = brightest(&examined.flair);
        for (column, z) in SLICES.into_iter().enumerate() {
            let gray = |level: f32| [(level.clamp(0.0, 1.0) * 255.0) as u8; 3];
            let fa = slice(z, |at| gray(examined.fa[at] / BRIGHTEST));
            let flair = slice(z, |at| gray(examined.flair[at] / brightest));
            let outlined =
                slice(
                    z,
                    |at| if is_edge(&examined.lesions.mask, at) { LESION } else { gray(examined.fa[at] / BRIGHTEST) },
                );
            sheet.blit(&fa.enlarged(ZOOM), column * cell, y + line);
            sheet.blit(&flair.enlarged(ZOOM), column * cell, y + line + tall);
            sheet.blit(&outlined.enlarged(ZOOM), column * cell, y + line + 2 * tall);
        }
    }
    sheet
}

/// A slice with the head's right side left and its front above.
fn slice(z: usize, colour: impl Fn(usize) -> Rgb) -> Canvas {
    let [wide, deep, _] = SHAPE;
    let mut picture = Canvas::new(wide, deep, BACKGROUND);
    for y in 0..deep {
        for x in 0..wide {
            let at = (wide - 1 - x) + wide * (deep - 1 - y + deep * z);
            picture.set(x, y, colour(at));
        }
    }
    picture
}

/// Whether a marked voxel has one beside it in its slice that is not.
fn is_edge(mask: &[u8], at: usize) -> bool {
    let beside = [at.wrapping_sub(1), at + 1, at.wrapping_sub(SHAPE[0]), at + SHAPE[0]];
    mask[at] > 0 && beside.into_iter().any(|other| mask.get(other).is_none_or(|&marked| marked == 0))
}

/// The 99.5th hundredth of what is not 0.
fn brightest(levels: &[f32]) -> f32 {
    let mut inside: Vec<f32> = levels.iter().copied().filter(|&level| level > 0.0).collect();
    inside.sort_by(f32::total_cmp);
    inside.get(inside.len().saturating_sub(1) * 995 / 1000).copied().unwrap_or(1.0)
}

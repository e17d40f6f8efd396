//! A sheet of examples: three planes of each contrast and of the labels, SIMULATED on its face.

use super::case::{GRID, Head};
use super::plan::Case;
use super::scanner::CONTRASTS;
use crate::raster::{Canvas, GLYPH_HEIGHT, Rgb};

const GAP: usize = 4;

const BACKGROUND: Rgb = [18, 18, 22];

const QUIET: Rgb = [170, 170, 178];

const WARNING: Rgb = [255, 176, 0];

/// Of necrosis and dark core, of swelling, of what takes up contrast.
const LABELS: [Rgb; 3] = [[214, 69, 65], [88, 166, 92], [240, 210, 80]];

/// Planes by the axis that they lie across: axial, coronal, sagittal.
const ACROSS: [usize; 3] = [2, 1, 0];

/// The sheet; a row of each plane a case.
pub(super) fn of(heads: &[(&Case, Head)]) -> Canvas {
    let [side, deep, tall] = GRID.shape;
    let cell = side + GAP;
    let line = GLYPH_HEIGHT + 2 * GAP;
    // Where each plane begins below a case's line.
    let below = [line, line + deep + GAP, line + deep + tall + 2 * GAP];
    let case_height = below[2] + tall + GAP;
    let top = 2 * GLYPH_HEIGHT + 3 * GAP;
    let columns = CONTRASTS.len() + 1;
    let mut sheet = Canvas::new(columns * cell, top + heads.len() * case_height, BACKGROUND);
    sheet.text(GAP, GAP, "SIMULATED: no patient", WARNING, 2);
    for (row, (case, head)) in heads.iter().enumerate() {
        let y = top + row * case_height;
        let told = format!("{}, {}: t1c, t1n, t2f, t2w, labels", case.id, case.examination.scanner.key());
        sheet.text(GAP, y + GAP, &told, QUIET, 1);
        let middle = middle(head);
        for (column, contrast) in CONTRASTS.into_iter().enumerate() {
            let levels = head.image(contrast, &case.examination);
            let [low, high] = window(&levels, &head.brain.brain);
            let gray = |at: usize| {
                let level = ((levels[at] - low) / (high - low) * 255.0).clamp(0.0, 255.0) as u8;
                if head.brain.brain[at] { [level; 3] } else { [0; 3] }
            };
            for (across, below) in ACROSS.into_iter().zip(below) {
                sheet.blit(&slice(across, middle, &gray), column * cell, y + below);
            }
        }
        let colour = |at: usize| match head.tumour.labels[at] {
            0 => [if head.brain.brain[at] { 50 } else { 0 }; 3],
            label => LABELS[usize::from(label - 1).min(2)],
        };
        for (across, below) in ACROSS.into_iter().zip(below) {
            sheet.blit(&slice(across, middle, &colour), CONTRASTS.len() * cell, y + below);
        }
    }
    sheet
}

/// The slice through a voxel across an axis, the head upright and its right side left.
fn slice(across: usize, middle: [usize; 3], colour: &dyn Fn(usize) -> Rgb) -> Canvas {
    let [right, up] = match across {
        2 => [0, 1],
        1 => [0, 2],
        _ => [1, 2],
    };
    let [width, height] = [GRID.shape[right], GRID.shape[up]];
    let mut picture = Canvas::new(width, height, BACKGROUND);
    for y in 0..height {
        for x in 0..width {
            let mut voxel = middle;
            voxel[right] = if right == 0 { width - 1 - x } else { x };
            voxel[up] = height - 1 - y;
            picture.set(x, y, colour(GRID.index(voxel)));
        }
    }
    picture
}

/// The tumour's middle.
fn middle(head: &Head) -> [usize; 3] {
    let labelled: Vec<usize> = (0..GRID.voxels()).filter(|&at| head.tumour.labels[at] != 0).collect();
    let count = labelled.len();
    [0, 1, 2].map(|axis| match count {
        0 => GRID.shape[axis] / 2,
        _ => labelled.iter().map(|&at| GRID.voxel(at)[axis]).sum::<usize>() / count,
    })
}

/// The half and the 99.5th hundredth of the levels in the brain.
fn window(levels: &[f32], brain: &[bool]) -> [f32; 2] {
    let mut inside: Vec<f32> =
        levels.iter().zip(brain).filter(|(_, inside)| **inside).map(|(level, _)| *level).collect();
    inside.sort_by(f32::total_cmp);
    let last = inside.len().saturating_sub(1);
    let at = |part: usize| inside.get(last * part / 1000).copied().unwrap_or_default();
    let [low, high] = [at(5), at(995)];
    [low, if high > low { high } else { low + 1.0 }]
}

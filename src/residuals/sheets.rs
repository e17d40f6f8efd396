//! The three pictures: images beside their projections with signed differences; one image spoiled in every way;
//! images with lesions, what their projections make of these, and what the residual says.

use super::detection::Pair;
use super::items::{Item, View};
use super::likeness::Likeness;
use crate::name::{Inside, Name};
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, grey, text_width};

/// Pixels that an image's side has at least.
const SIDE: usize = 128;

const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 5;

/// Left of the pictures.
const LABEL: usize = 190;

/// Outlines of lesions.
const OUTLINE: Rgb = [230, 159, 0];

/// Score at which the colours of a normalised residual end, in deviations.
const MOST_DEVIATIONS: f32 = 6.0;

/// Names of the pictures.
pub const NAMES: [&str; 3] = ["projections", "spoiled", "lesions"];

/// The file of a picture, relative to the folder.
pub fn file(name: &str) -> Inside {
    Inside::of("sheets", &Name::of_known(name), ".png")
}

/// A line of pictures.
pub struct Row {
    /// Beside them.
    pub lines: Vec<String>,
    /// Of one size.
    pub cells: Vec<Canvas>,
}

/// The colours of a difference end here, as a share of the window.
const DIFFERENCE: f32 = 0.5;

/// Draws rows under their heads.
pub fn sheet(heads: &[String], rows: &[Row], footer: &str) -> Canvas {
    let side = rows.first().and_then(|row| row.cells.first()).map_or(SIDE, Canvas::width);
    let high = rows.first().and_then(|row| row.cells.first()).map_or(SIDE, Canvas::height);
    let factor = (SIDE / side).max(1);
    let widest = heads.iter().map(|head| text_width(head, 1)).max().unwrap_or(0);
    let (wide, high) = ((side * factor).max(widest) + GAP, high * factor + GAP);
    let lines = rows.iter().flat_map(|row| &row.lines).map(|line| text_width(line, 1)).max().unwrap_or(0);
    let label = LABEL.max(lines + 2 * GAP);
    let whole = (label + heads.len() * wide).max(text_width(footer, 1) + GAP);
    let mut canvas = Canvas::new(whole, 2 * LINE + rows.len() * high, WHITE);
    for (at, head) in heads.iter().enumerate() {
        canvas.text(label + at * wide, 2, head, BLACK, 1);
    }
    for (index, row) in rows.iter().enumerate() {
        let top = LINE + index * high;
        row.lines.iter().enumerate().for_each(|(at, line)| canvas.text(2, top + at * LINE, line, BLACK, 1));
        for (at, cell) in row.cells.iter().enumerate() {
            canvas.blit(&cell.enlarged(factor), label + at * wide, top);
        }
    }
    canvas.text(2, LINE + rows.len() * high + 2, footer, BLACK, 1);
    canvas
}

/// "projected - image (+-0.5 FA)".
pub fn difference_head(view: &View) -> String {
    format!("projected - image (+-{} {})", f64::from(DIFFERENCE) * view.range, view.unit)
}

/// Image, projection and their signed difference.
pub fn compared(view: &View, item: &Item, shown: Option<&[f32]>, projection: &[f32]) -> Vec<Canvas> {
    let width = view.size.1;
    let (before, after) = (view.plane(&item.pixels), view.plane(projection));
    let difference: Vec<f32> = after.iter().zip(before).map(|(after, before)| (after - before) / 2.0).collect();
    let mut cells = vec![Canvas::grey(width, before)];
    cells.extend(shown.map(|pixels| Canvas::grey(width, view.plane(pixels))));
    cells.extend([Canvas::grey(width, after), Canvas::signed(width, &difference, DIFFERENCE)]);
    cells
}

/// "SSIM .85, MSE .0041", and the same inside.
pub fn measured(likeness: &Likeness) -> Vec<String> {
    let Likeness { ssim, ssim_inside, mse, mse_inside, .. } = likeness;
    vec![format!("SSIM {ssim:.3}, MSE {mse:.4}"), format!("inside {ssim_inside:.3}, {mse_inside:.4}")]
}

/// Image with outlined lesions, image, projection, difference, and the normalised residual.
///
/// # Errors
/// An image smaller than SSIM's window.
pub fn lesion_row(view: &View, pair: Pair<'_>, score: &[f32], inside: &[bool]) -> Result<Row> {
    let width = view.size.1;
    let item = pair.item;
    let mut cells = compared(view, item, None, pair.projection);
    cells.insert(0, outlined(view, item));
    let shown: Vec<f32> = score.iter().zip(inside).map(|(score, inside)| if *inside { *score } else { 0.0 }).collect();
    cells.push(Canvas::signed(width, &shown, MOST_DEVIATIONS));
    let count = item.truth.iter().filter(|truth| **truth).count();
    let mut lines = vec![item.id.to_string(), format!("{count} pixels of lesions")];
    lines.extend(measured(&Likeness::of(view, item, pair.projection)?));
    Ok(Row { lines, cells })
}

/// The image, pixels at the border of lesions in colour.
fn outlined(view: &View, item: &Item) -> Canvas {
    let (height, width) = view.size;
    let mut canvas = Canvas::grey(width, view.plane(&item.pixels));
    let is_border = |at: usize| {
        let (x, y) = (at % width, at / width);
        let outside = |inside: bool, other: usize| !inside || !item.truth[other];
        item.truth[at]
            && (outside(x > 0, at.saturating_sub(1))
                || outside(x + 1 < width, (at + 1).min(item.truth.len() - 1))
                || outside(y > 0, at.saturating_sub(width))
                || outside(y + 1 < height, (at + width).min(item.truth.len() - 1)))
    };
    let plane = view.plane(&item.pixels);
    for at in (0..item.truth.len()).filter(|&at| is_border(at)) {
        let below = grey(plane[at]);
        let mixed = [0, 1, 2].map(|level| ((3 * u16::from(OUTLINE[level]) + u16::from(below[level])) / 4) as u8);
        canvas.set(at % width, at / width, mixed);
    }
    canvas
}

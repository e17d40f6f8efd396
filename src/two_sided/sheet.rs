//! Contested lesions beside their projections as of interest and as of the other class.

use std::path::Path;

use crate::data::Prepared;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, WHITE};
use crate::records::label::measured;
use crate::records::two_sided::TwoSidedLesion;

/// Lesions on the sheet, at most.
pub const ROWS: usize = 6;

const PICTURE: usize = 128;
const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 5;
/// Left of the pictures.
const LABEL: usize = 170;

/// A lesion's first slice; pixels \[C, H, W\] in the network's range.
pub struct Row<'a> {
    /// What was measured.
    pub lesion: &'a TwoSidedLesion,
    /// The slice.
    pub original: Vec<f32>,
    /// Its projection as of interest.
    pub of_interest: Vec<f32>,
    /// As of the other class.
    pub other: Vec<f32>,
}

/// Writes the sheet: a row a lesion; last the signed difference of the two projections.
pub fn write(path: &Path, rows: &[Row<'_>], data: &Prepared, classes: &[String; 2]) -> Result<()> {
    let [_, height, width] = data.image_shape();
    let channel = measured(data.contrasts());
    let contrast = &data.contrasts()[channel];
    let range = (contrast.window.scale() / 2.0).round();
    let factor = (PICTURE / width).max(1);
    let (wide, high) = (width * factor, height * factor);
    let [of_interest, other] = classes;
    let heads = [
        "lesion".to_owned(),
        format!("as {of_interest}"),
        format!("as {other}"),
        format!("difference (+-{range} {})", contrast.unit),
    ];
    let left = |at: usize| LABEL + at * (wide + GAP);
    let mut canvas = Canvas::new(left(heads.len()) + 60, LINE + rows.len() * (high + GAP), WHITE);
    for (at, head) in heads.iter().enumerate() {
        canvas.text(left(at), 2, head, BLACK, 1);
    }
    for (index, row) in rows.iter().enumerate() {
        let top = LINE + index * (high + GAP);
        let own = |pixels: &[f32]| pixels[channel * height * width..][..height * width].to_vec();
        let [original, first, second] = [&row.original, &row.of_interest, &row.other].map(|pixels| own(pixels));
        let scale = contrast.window.scale();
        let difference: Vec<f32> = first.iter().zip(&second).map(|(a, b)| (f64::from(a - b) * scale) as f32).collect();
        let grey = [original, first, second].map(|pixels| Canvas::grey(width, &pixels));
        let pictures = grey.into_iter().chain([Canvas::signed(width, &difference, range as f32)]);
        for (at, picture) in pictures.enumerate() {
            canvas.blit(&picture.enlarged(factor), left(at), top);
        }
        let lesion = row.lesion;
        let probability = lesion.probability.map_or_else(|| "-".to_owned(), |p| format!("{p:.2}"));
        let lines = [
            lesion.lesion_id.to_string(),
            format!("loss as {of_interest} {:.3}", lesion.loss_of_interest),
            format!("loss as {other} {:.3}", lesion.loss_other),
            format!("difference {:+.3}", lesion.difference),
            format!("p({of_interest}) {probability}"),
        ];
        for (at, line) in lines.iter().enumerate() {
            canvas.text(2, top + at * LINE, line, BLACK, 1);
        }
    }
    let note = if data.manifest().simulated { "SIMULATED; " } else { "" };
    let description = format!("{note}contested lesions and their projections as {of_interest} and as {other}");
    canvas.write_png(path, &[("Description", &description)])
}

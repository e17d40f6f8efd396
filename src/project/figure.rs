//! A projection at a glance: original, projection, signed difference, with the numbers that judge it.

use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, blue_white_red, text_width};

/// One channel of a projection, in the network's range, row by row.
pub struct Panel<'a> {
    /// "chimap", "flair".
    pub name: &'a str,
    /// "ppb", "a.u.".
    pub unit: &'a str,
    /// Physical units per unit of the network's range.
    pub scale: f64,
    /// The original.
    pub before: &'a [f32],
    /// Its projection.
    pub after: &'a [f32],
}

const GREY: Rgb = [110, 110, 110];
const PICTURE: usize = 256;
const GAP: usize = 12;
const LINE: usize = GLYPH_HEIGHT + 5;

/// Draws a row of three pictures for each channel, under `lines` of text. `width` is that of the pictures in pixels.
///
/// The difference is projection minus original: red where the projection is brighter. Its colours span the same range
/// in every figure of a data set: half the window's half-width, rounded.
pub fn draw(lines: &[String], panels: &[Panel<'_>], width: usize) -> Canvas {
    let factor = (PICTURE / width).max(1);
    let side = width * factor;
    let height = panels.first().map_or(0, |panel| panel.before.len() / width) * factor;
    let head = GAP + lines.len() * LINE;
    let row = LINE + height + LINE + GAP;
    let needed = lines.iter().map(|line| text_width(line, 1)).max().unwrap_or(0) + 2 * GAP;
    let mut canvas = Canvas::new((3 * side + 4 * GAP).max(needed), head + panels.len() * row, WHITE);
    for (i, line) in lines.iter().enumerate() {
        canvas.text(GAP, GAP / 2 + i * LINE, line, BLACK, 1);
    }
    for (i, panel) in panels.iter().enumerate() {
        let top = head + i * row;
        let range = round(panel.scale / 2.0);
        let difference: Vec<f32> =
            panel.after.iter().zip(panel.before).map(|(a, b)| ((a - b) as f64 * panel.scale) as f32).collect();
        let pictures = [
            (format!("original {}", panel.name), Canvas::grey(width, panel.before)),
            (format!("projection {}", panel.name), Canvas::grey(width, panel.after)),
            ("projection - original".to_owned(), Canvas::signed(width, &difference, range as f32)),
        ];
        for (column, (label, picture)) in pictures.into_iter().enumerate() {
            let left = GAP + column * (side + GAP);
            canvas.text(left, top, &label, BLACK, 1);
            canvas.fill(left - 1, top + LINE - 1, side + 2, height + 2, GREY);
            canvas.blit(&picture.enlarged(factor), left, top + LINE);
        }
        colour_bar(&mut canvas, GAP + 2 * (side + GAP), top + LINE + height + 4, side, range, panel.unit);
    }
    canvas
}

/// -range [blue to red] +range unit.
fn colour_bar(canvas: &mut Canvas, left: usize, top: usize, width: usize, range: f64, unit: &str) {
    let low = format!("-{range}");
    let high = format!("+{range} {unit}");
    let bar = width.saturating_sub(text_width(&low, 1) + text_width(&high, 1) + 12).max(1);
    canvas.text(left, top, &low, BLACK, 1);
    let start = left + text_width(&low, 1) + 6;
    for x in 0..bar {
        let value = 2.0 * (x as f32 + 0.5) / bar as f32 - 1.0;
        canvas.fill(start + x, top, 1, GLYPH_HEIGHT, blue_white_red(value));
    }
    canvas.text(start + bar + 6, top, &high, BLACK, 1);
}

/// The nearest of 1, 2, 5 times a power of ten, in the logarithm.
fn round(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let error = |step: f64| (value / power / step).ln().abs();
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap_or(1.0);
    step * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_round() {
        assert_eq!([70.0, 35.0, 6.0, 1.2, 0.02, 900.0].map(round), [50.0, 50.0, 5.0, 1.0, 0.02, 1000.0]);
        assert_eq!(round(f64::NAN), 1.0);
    }

    #[test]
    fn shows_grey_pictures_and_a_red_difference_where_the_projection_is_brighter() {
        let before = vec![-1.0f32; 64 * 64];
        let mut after = before.clone();
        after[0] = 1.0;
        let panel = Panel { name: "chimap", unit: "ppb", scale: 100.0, before: &before, after: &after };
        let canvas = draw(&["a lesion".to_owned()], &[panel], 64);
        let top = GAP + LINE + LINE;
        assert_eq!(canvas.get(GAP + 1, top + 1), Some(BLACK));
        assert_eq!(canvas.get(GAP + 256 + GAP + 1, top + 1), Some(WHITE));
        assert_eq!(canvas.get(GAP + 2 * (256 + GAP) + 3, top + 3), Some(blue_white_red(1.0)));
        assert_eq!(canvas.get(GAP + 2 * (256 + GAP) + 4, top + 3), Some(WHITE));
        assert_eq!(canvas.width(), 3 * 256 + 4 * GAP);
    }
}

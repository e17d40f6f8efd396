//! Pictures of directions: a strip for each, codes in rows and steps in columns, and all of them on one sheet.

use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, GLYPH_WIDTH, Rgb, WHITE};

/// Columns of a strip, the code itself in the middle.
pub const COLUMNS: usize = 7;

/// Pixels between two images, and around text.
const GAP: usize = 2;

/// Smaller images are enlarged to at least this height, or half of it where that overshoots.
const LEAST_HEIGHT: usize = 64;

/// Of what stands beside the images.
const QUIET: Rgb = [190, 190, 190];

/// Deviations of the columns, up to `reach`.
pub fn columns(reach: f64) -> [f64; COLUMNS] {
    std::array::from_fn(|at| reach * (at as f64 - 3.0) / 3.0)
}

/// One direction: for each code its images at the columns' steps. It does not say which direction it is.
pub fn strip(rows: &[Vec<Canvas>], reach: f64, simulated: bool) -> Canvas {
    let height = rows.first().and_then(|row| row.first()).map_or(1, Canvas::height);
    let factor = LEAST_HEIGHT.div_ceil(height.max(1)).max(1);
    let cells: Vec<Canvas> = rows.iter().flatten().map(|image| image.enlarged(factor)).collect();
    let images = Canvas::tiled(&cells, COLUMNS, GAP, BLACK);
    let line = GLYPH_HEIGHT + 2 * GAP;
    let footer = if simulated { line } else { 0 };
    let mut sheet = Canvas::new(images.width(), line + images.height() + footer, BLACK);
    let column = (images.width() + GAP) / COLUMNS;
    for (at, step) in columns(reach).iter().enumerate() {
        sheet.text(at * column + GAP, GAP, &format!("{step:+.1}"), QUIET, 1);
    }
    sheet.blit(&images, 0, line);
    if simulated {
        sheet.text(GAP, line + images.height() + GAP, "SIMULATED", WHITE, 1);
    }
    sheet
}

/// Strips below each other, each under its words.
pub fn atlas(strips: &[(String, Canvas)]) -> Canvas {
    let line = GLYPH_HEIGHT + 2 * GAP;
    let text_width = |text: &str| GAP + text.chars().count() * (GLYPH_WIDTH + 1);
    let width = strips.iter().map(|(words, strip)| strip.width().max(text_width(words))).max().unwrap_or(1);
    let height = strips.iter().map(|(_, strip)| line + strip.height() + GAP).sum::<usize>().max(1);
    let mut sheet = Canvas::new(width, height, BLACK);
    let mut top = 0;
    for (words, strip) in strips {
        sheet.text(GAP, top + GAP, words, WHITE, 1);
        sheet.blit(strip, 0, top + line);
        top += line + strip.height() + GAP;
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_has_a_cell_for_every_code_and_step() {
        let image = Canvas::new(8, 8, [9, 9, 9]);
        let rows = vec![vec![image; COLUMNS]; 2];
        let plain = strip(&rows, 3.0, false);
        // Enlarged eight times: seven of 64 with six gaps, two with one gap, and a line of text.
        assert_eq!((plain.width(), plain.height()), (7 * 64 + 6 * 2, 2 * 64 + 2 + 11));
        assert_eq!(plain.get(0, 11), Some([9, 9, 9]));
        assert_eq!(strip(&rows, 3.0, true).height(), plain.height() + 11);
        assert_eq!(columns(3.0), [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
        let all = atlas(&[("one".into(), plain.clone()), ("two".into(), plain.clone())]);
        assert_eq!(all.height(), 2 * (11 + plain.height() + 2));
    }
}

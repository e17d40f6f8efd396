//! The figure: lesions, their rims, the truth, and what the classifiers of two arms look at.

use super::items::Item;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, blue_white_red, grey};

/// Enlargement of a slice, gap between cells, height of a line of text.
const SCALE: usize = 2;
const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 4;

/// A column of maps.
pub(super) struct Maps<'a> {
    /// Over the column, in two lines.
    pub heading: [&'a str; 2],
    /// One an item, height x width; absent where it is not known.
    pub maps: Vec<Option<&'a [f32]>>,
}

/// One row an item: its slice, the traced rim in green on it, then each column's map as red for the class and blue
/// against it, every map on its own scale.
pub(super) fn draw(items: &[&Item], columns: &[Maps<'_>], [height, width]: [usize; 2], footer: &str) -> Canvas {
    let plane = height * width;
    let (cell_width, cell_height) = (width * SCALE + GAP, height * SCALE + GAP);
    let head = 2 * LINE + GAP;
    let size = [(2 + columns.len()) * cell_width + GAP, head + items.len() * cell_height + LINE + GAP];
    let mut sheet = Canvas::new(size[0], size[1], WHITE);
    let headings = [["test lesion", ""], ["traced rim", ""]].into_iter().chain(columns.iter().map(|one| one.heading));
    for (column, lines) in headings.enumerate() {
        for (line, text) in lines.iter().enumerate() {
            sheet.text(GAP + column * cell_width, GAP + line * LINE, text, BLACK, 1);
        }
    }
    for (row, item) in items.iter().enumerate() {
        let slice = &item.pixels[..plane];
        let mut put = |column: usize, colour: &dyn Fn(usize) -> Rgb| {
            let mut cell = Canvas::new(width, height, BLACK);
            (0..plane).for_each(|at| cell.set(at % width, at / width, colour(at)));
            sheet.blit(&cell.enlarged(SCALE), GAP + column * cell_width, head + row * cell_height);
        };
        put(0, &|at| grey(slice[at]));
        let traced = |at: usize| item.rim.as_ref().is_some_and(|rim| rim.traced[at]);
        put(1, &|at| if traced(at) { [40, 200, 90] } else { grey(slice[at]) });
        for (column, maps) in columns.iter().enumerate() {
            let Some(map) = maps.maps[row] else { continue };
            let largest = map.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
            put(column + 2, &|at| blend(grey(slice[at]), blue_white_red(map[at] / largest)));
        }
    }
    sheet.text(GAP, head + items.len() * cell_height, footer, BLACK, 1);
    sheet
}

/// The slice stays readable below the colour.
fn blend(below: Rgb, above: Rgb) -> Rgb {
    std::array::from_fn(|channel| ((u16::from(below[channel]) + u16::from(above[channel])) / 2) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::items::Rim;
    use crate::name::Name;

    #[test]
    fn a_row_an_item_and_the_rim_is_green() {
        let rim: Vec<bool> = (0..64).map(|at| at == 0).collect();
        let item = Item {
            lesion: 0,
            id: Name::of_known("a"),
            patient: "p".into(),
            z: 0,
            pixels: vec![0.0; 64],
            nothing: vec![0.0; 64],
            rim: Rim::new(rim, 8),
            truth: None,
        };
        let map = vec![1.0; 64];
        let columns = [
            Maps { heading: ["None", "CAM"], maps: vec![Some(&map), None] },
            Maps { heading: ["the truth", ""], maps: vec![None, None] },
        ];
        let sheet = draw(&[&item, &item], &columns, [8, 8], "SIMULATED");
        let (cell, head) = (8 * SCALE + GAP, 2 * LINE + GAP);
        assert_eq!((sheet.width(), sheet.height()), (4 * cell + GAP, head + 2 * cell + LINE + GAP));
        assert_eq!(sheet.get(GAP + cell, head), Some([40, 200, 90]));
        assert_eq!(sheet.get(GAP + cell + 4, head + 4), Some([128; 3]));
        assert_eq!(sheet.get(GAP + 2 * cell, head), Some(blend([128; 3], blue_white_red(1.0))));
        assert_eq!(sheet.get(GAP + 3 * cell, head), Some(WHITE));
    }
}

//! A figure of held-out slices of the rare population: the image contrast by contrast, its regions, and every arm's.

use tch::Device;

use super::material::Held;
use super::regions::Region;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, grey, text_width};

/// Pixels that a slice's side has on the sheet at least.
const SIDE: usize = 128;

/// Gap between cells, height of the headings.
const GAP: usize = 6;
const HEAD: usize = GLYPH_HEIGHT + 12;

/// Of labels 1 core, 2 oedema, 3 enhancing.
const COLOURS: [Rgb; 3] = [[213, 94, 0], [0, 158, 115], [240, 228, 66]];

/// What the colours mean.
pub const LEGEND: &str = "orange: core that does not enhance, green: oedema, yellow: enhancing";

/// Rows of the slices to show: of each patient of the rare population the slice with most tumour, then the second of
/// each, until there are `count`; the first of equals. Chosen by the truth alone.
pub fn choice(held: &Held, count: usize) -> Vec<usize> {
    let tumour = |row: usize| held.labels[row].iter().filter(|&&label| Region::Whole.has(label)).count();
    let ranked = |rows: &Vec<usize>| {
        let mut rows: Vec<usize> = rows.iter().copied().filter(|&row| tumour(row) > 0).collect();
        rows.sort_by_key(|&row| std::cmp::Reverse(tumour(row)));
        rows
    };
    let patients: Vec<Vec<usize>> =
        held.patients.iter().filter(|patient| patient.rare).map(|patient| ranked(&patient.rows)).collect();
    let most = patients.iter().map(Vec::len).max().unwrap_or(0);
    let rows = (0..most).flat_map(|rank| patients.iter().filter_map(move |rows| rows.get(rank).copied()));
    rows.take(count).collect()
}

/// Draws one line a slice. `arms`: names, and labels of the slices in the order of `rows`.
///
/// # Errors
/// Images that cannot be read back.
pub fn figure(
    rows: &[usize],
    held: &Held,
    contrasts: &[String],
    arms: &[(&str, Vec<Vec<u8>>)],
    footer: &str,
) -> Result<Canvas> {
    let side = held.images.size()[3] as usize;
    let scale = (SIDE / side).max(1);
    let headings: Vec<&str> =
        contrasts.iter().map(String::as_str).chain(["labelled"]).chain(arms.iter().map(|(name, _)| *name)).collect();
    let widest = headings.iter().map(|heading| text_width(heading, 1)).max().unwrap_or(0);
    let (width, height) = ((side * scale).max(widest) + GAP, side * scale + GAP);
    let whole = (headings.len() * width).max(text_width(footer, 1)) + GAP;
    let mut sheet = Canvas::new(whole, 2 * HEAD + rows.len() * height, WHITE);
    for (column, heading) in headings.iter().enumerate() {
        sheet.text(GAP + column * width, GAP, heading, BLACK, 1);
    }
    for (line, &row) in rows.iter().enumerate() {
        let image = held.images.get(row as i64).to_device(Device::Cpu).contiguous();
        let plane =
            |channel: usize| -> Result<Vec<f32>> { Ok(Vec::try_from(image.get(channel as i64).reshape([-1]))?) };
        let first = plane(0)?;
        let mut cells = Vec::new();
        for channel in 0..contrasts.len() {
            cells.push(Canvas::grey(side, &plane(channel)?));
        }
        cells.push(coloured(&first, &held.labels[row], side));
        cells.extend(arms.iter().map(|(_, labels)| coloured(&first, &labels[line], side)));
        for (column, cell) in cells.iter().enumerate() {
            sheet.blit(&cell.enlarged(scale), GAP + column * width, HEAD + line * height);
        }
    }
    sheet.text(GAP, HEAD + rows.len() * height + GAP, footer, BLACK, 1);
    Ok(sheet)
}

/// An image with its labels over it, half and half.
fn coloured(image: &[f32], labels: &[u8], side: usize) -> Canvas {
    let mut canvas = Canvas::grey(side, image);
    for (at, (&value, &label)) in image.iter().zip(labels).enumerate().filter(|(_, (_, label))| **label > 0) {
        let colour = COLOURS[usize::from(label.min(3)) - 1];
        let below = grey(value);
        let mixed = [0, 1, 2].map(|level| ((u16::from(colour[level]) + u16::from(below[level])) / 2) as u8);
        canvas.set(at % side, at / side, mixed);
    }
    canvas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tumours::material::HeldPatient;
    use tch::Tensor;

    #[test]
    fn slices_are_chosen_by_their_tumour_patient_by_patient_and_labels_lie_over_the_image() {
        let plane = |inside: usize| (0..64).map(|at| u8::from(at < inside) * 2).collect::<Vec<u8>>();
        let patient = |name: &str, rare, rows: &[usize]| HeldPatient { name: name.into(), rare, rows: rows.to_vec() };
        let held = Held {
            images: Tensor::zeros([6, 1, 8, 8], (tch::Kind::Float, Device::Cpu)),
            labels: [3, 9, 0, 5, 5, 60].map(plane).into(),
            patients: vec![patient("a", true, &[0, 1, 2]), patient("b", true, &[3, 4]), patient("c", false, &[5])],
        };
        assert_eq!(choice(&held, 3), [1, 3, 0]);
        assert_eq!(choice(&held, 9), [1, 3, 0, 4]);
        let sheet = figure(&[1], &held, &["t1c".into()], &[("Frequent", vec![plane(0)])], "").unwrap();
        let mixed = [0, 1, 2].map(|level| ((u16::from(COLOURS[1][level]) + u16::from(grey(0.0)[level])) / 2) as u8);
        let places = (0..sheet.height()).flat_map(|y| (0..sheet.width()).map(move |x| (x, y)));
        // Nine pixels, sixteen times as wide and as high.
        assert_eq!(places.filter(|&(x, y)| sheet.get(x, y) == Some(mixed)).count(), 9 * 256);
    }
}

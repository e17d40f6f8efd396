//! A figure of what the classifiers look at: test rims with their class activation maps, arm by arm.

use tch::Tensor;

use crate::nets::classifiers::cnn::Cnn;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, blue_white_red, grey};

/// Enlargement of a slice, gap between cells, height of the headings.
const SCALE: usize = 3;
const GAP: usize = 6;
const HEAD: usize = GLYPH_HEIGHT + 12;

/// One row a slice, its first channel in grey, then one column a classifier: red speaks for a rim, blue against it, on one
/// scale for the whole figure.
///
/// `slices` is \[N, C, H, W\] in \[-1, 1\]; `footer` is written below (the word SIMULATED, for one).
///
/// # Errors
/// The slices are not \[N, C, H, W\].
pub fn figure(slices: &Tensor, classifiers: &[(&str, &Cnn)], footer: &str) -> Result<Canvas> {
    let (count, _, height, width) = slices.size4()?;
    let (height, width) = (height as usize, width as usize);
    let mut maps = Vec::new();
    for (_, cnn) in classifiers {
        let small = tch::no_grad(|| cnn.rim_activation(slices)).unsqueeze(1);
        let large = small.upsample_bilinear2d([height as i64, width as i64], false, None, None);
        maps.push(large.squeeze_dim(1));
    }
    let mut largest = f32::MIN_POSITIVE;
    for map in &maps {
        largest = largest.max(f64::try_from(map.abs().max())? as f32);
    }
    let columns = 1 + classifiers.len();
    let (cell_width, cell_height) = (width * SCALE + GAP, height * SCALE + GAP);
    let mut sheet = Canvas::new(columns * cell_width + GAP, HEAD + count as usize * cell_height + HEAD, WHITE);
    for (column, name) in std::iter::once("test rim").chain(classifiers.iter().map(|(name, _)| *name)).enumerate() {
        sheet.text(GAP + column * cell_width, GAP, name, BLACK, 1);
    }
    for row in 0..count {
        let pixels = plane(&slices.get(row).get(0))?;
        let top = HEAD + row as usize * cell_height;
        sheet.blit(&Canvas::grey(width, &pixels).enlarged(SCALE), GAP, top);
        for (column, map) in maps.iter().enumerate() {
            let activation = plane(&map.get(row))?;
            let mut cell = Canvas::new(width, height, BLACK);
            for (at, (&value, &weight)) in pixels.iter().zip(&activation).enumerate() {
                cell.set(at % width, at / width, blend(grey(value), blue_white_red(weight / largest)));
            }
            sheet.blit(&cell.enlarged(SCALE), GAP + (column + 1) * cell_width, top);
        }
    }
    sheet.text(GAP, HEAD + count as usize * cell_height + GAP, footer, BLACK, 1);
    Ok(sheet)
}

fn plane(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::try_from(tensor.to_device(tch::Device::Cpu).contiguous().reshape([-1]))?)
}

/// The slice stays readable below the colour: each takes half.
fn blend(below: Rgb, above: Rgb) -> Rgb {
    std::array::from_fn(|channel| ((u16::from(below[channel]) + u16::from(above[channel])) / 2) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::classifiers::cnn::CnnConfig;
    use crate::seed::RunSeed;

    #[test]
    fn has_a_row_a_slice_and_a_column_a_classifier() {
        let cnn = Cnn::new(&CnnConfig::small(1), RunSeed(0), tch::Device::Cpu);
        let slices = Tensor::zeros([2, 1, 16, 16], (tch::Kind::Float, tch::Device::Cpu));
        let sheet = figure(&slices, &[("None", &cnn), ("LD", &cnn)], "SIMULATED").unwrap();
        assert_eq!(sheet.width(), 3 * (16 * SCALE + GAP) + GAP);
        assert_eq!(sheet.height(), 2 * HEAD + 2 * (16 * SCALE + GAP));
        assert_eq!(sheet.get(GAP + 3, HEAD + 3), Some([128; 3]));
    }
}

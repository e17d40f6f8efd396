//! A figure of what the classifiers look at: test lesions with their class activation maps, arm by arm.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::nets::classifiers::Classifier;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, blue_white_red, grey};

/// Enlargement of a slice, gap between cells, height of the headings.
const SCALE: usize = 3;
const GAP: usize = 6;
const HEAD: usize = GLYPH_HEIGHT + 12;

/// Slices to show.
#[derive(Debug)]
pub struct Shown<'a> {
    /// \[N, C, H, W\] in \[-1, 1\].
    pub slices: &'a Tensor,
    /// The class that each slice's maps are of, N.
    pub classes: &'a [i64],
    /// Over their column.
    pub heading: &'a str,
    /// Written below (the word SIMULATED, for one).
    pub footer: &'a str,
}

/// One row a slice, its first channel in grey, then one column a classifier: red speaks for the slice's class, blue
/// against it, on one scale for the whole figure.
///
/// # Errors
/// The slices are not \[N, C, H, W\].
pub fn figure(shown: &Shown<'_>, classifiers: &[(&str, &dyn Classifier)]) -> Result<Canvas> {
    let &Shown { slices, classes, heading, footer } = shown;
    let (count, _, height, width) = slices.size4()?;
    let (height, width) = (height as usize, width as usize);
    let mut maps = Vec::new();
    for (_, network) in classifiers {
        let small = tch::no_grad(|| of_classes(*network, slices, classes)).unsqueeze(1);
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
    for (column, name) in std::iter::once(heading).chain(classifiers.iter().map(|(name, _)| *name)).enumerate() {
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

/// The map of each slice's class, \[N, H', W'\].
fn of_classes(network: &dyn Classifier, slices: &Tensor, classes: &[i64]) -> Tensor {
    let distinct: std::collections::BTreeSet<i64> = classes.iter().copied().collect();
    let maps: BTreeMap<i64, Tensor> =
        distinct.into_iter().map(|class| (class, network.activation(slices, class))).collect();
    let own: Vec<Tensor> = (0..).zip(classes).map(|(row, class)| maps[class].get(row)).collect();
    Tensor::stack(&own, 0)
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
    use crate::nets::classifiers::cnn::{Cnn, CnnConfig};
    use crate::seed::RunSeed;

    #[test]
    fn has_a_row_a_slice_and_a_column_a_classifier() {
        let cnn = Cnn::new(&CnnConfig::small(1), RunSeed(0), tch::Device::Cpu);
        let slices = Tensor::zeros([2, 1, 16, 16], (tch::Kind::Float, tch::Device::Cpu));
        let shown = Shown { slices: &slices, classes: &[1, 0], heading: "test rim", footer: "SIMULATED" };
        let sheet = figure(&shown, &[("None", &cnn), ("LD", &cnn)]).unwrap();
        assert_eq!(sheet.width(), 3 * (16 * SCALE + GAP) + GAP);
        assert_eq!(sheet.height(), 2 * HEAD + 2 * (16 * SCALE + GAP));
        assert_eq!(sheet.get(GAP + 3, HEAD + 3), Some([128; 3]));
    }

    #[test]
    fn each_slice_has_the_map_of_its_own_class() {
        let cnn = Cnn::new(&CnnConfig::small(1).of_classes(3), RunSeed(0), tch::Device::Cpu);
        let slices = Tensor::arange(2 * 256, (tch::Kind::Float, tch::Device::Cpu)).view([2, 1, 16, 16]) / 256.0 - 1.0;
        let maps = tch::no_grad(|| of_classes(&cnn, &slices, &[2, 0]));
        let (third, first) = tch::no_grad(|| (cnn.activation(&slices, 2), cnn.activation(&slices, 0)));
        assert_eq!((maps.get(0), maps.get(1)), (third.get(0), first.get(1)));
        assert_ne!(third.get(0), first.get(0));
    }
}

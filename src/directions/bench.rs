//! Codes moved along a direction, and everything that is measured on the way.

use std::ops::Range;

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};

use super::class_scores::ClassScores;
use crate::feed::padding;
use crate::latent::cloud::LatentCloud;
use crate::meters::{Meters, Picture};
use crate::nets::features::{FeatureNet, squared_distance};
use crate::nets::{Generator, Noise};
use crate::problem::Result;
use crate::records::label::Padding;

/// Steps from one end to the other, the code itself in the middle.
pub const STEPS: usize = 9;

/// Steps of the middle.
pub const MIDDLE: usize = STEPS / 2;

/// Both ends and the middle.
pub const ENDS: [usize; 3] = [0, MIDDLE, STEPS - 1];

/// Every step.
pub const EVERY: [usize; STEPS] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/// Codes whose images are drawn together.
const TOGETHER: i64 = 32;

/// Where the steps lie, in deviations: from `-reach` to `reach`.
pub fn steps(reach: f64) -> [f64; STEPS] {
    std::array::from_fn(|at| reach * (at as f64 - MIDDLE as f64) / MIDDLE as f64)
}

/// Codes to images.
pub trait Draws {
    /// Images \[N, C, R, R\], about -1..1, of ws \[N, num_ws, w_dim\].
    fn images(&self, ws: &Tensor) -> Tensor;

    /// How many w an image takes.
    fn num_ws(&self) -> usize;
}

impl Draws for Generator {
    fn images(&self, ws: &Tensor) -> Tensor {
        let parts = ws.split(TOGETHER, 0);
        let drawn = |part: &Tensor| tch::no_grad(|| self.synthesis.forward(part, &Noise::Const));
        Tensor::cat(&parts.iter().map(drawn).collect::<Vec<_>>(), 0)
    }

    fn num_ws(&self) -> usize {
        self.synthesis.num_ws() as usize
    }
}

/// Along what, how far a deviation is, and which w are moved.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// Of unit length, \[w_dim\].
    pub vector: &'a [f64],
    /// Length of a step of one deviation.
    pub sigma: f64,
    /// The w that are moved.
    pub indices: Range<usize>,
}

impl Way<'_> {
    /// ws \[N, num_ws, w_dim\] moved by `deviations`.
    pub fn moved(&self, ws: &Tensor, deviations: f64) -> Tensor {
        let shift: Vec<f32> = self.vector.iter().map(|value| (value * self.sigma * deviations) as f32).collect();
        let shift = Tensor::from_slice(&shift).to_device(ws.device());
        let moved = ws.copy();
        let (first, length) = (self.indices.start as i64, self.indices.len() as i64);
        let _ = moved.narrow(1, first, length).g_add_(&shift);
        moved
    }
}

/// What was measured of every code at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// \[code\]\[step\]\[factor\].
    pub factors: Vec<Vec<Vec<f64>>>,
    /// Total variation between the class shares of both ends, 0 to 1, \[code\]; `None` where nobody tells classes.
    pub leaks: Option<Vec<f64>>,
    /// Distance to the image of the code itself, \[code\]\[step that was watched\].
    pub distances: Vec<Vec<f64>>,
    /// Distance of the moved w to the cloud of codes in units of its own spacing, \[code\]\[step that was watched\].
    pub cloud: Vec<Vec<f64>>,
}

/// Everything that directions are measured with.
pub struct Bench<'a> {
    /// The network.
    pub draws: &'a dyn Draws,
    /// Where the image lies in the network's square.
    pub padding: Padding,
    /// What is read off a picture.
    pub meters: &'a dyn Meters,
    /// How unlike two images are.
    pub distance: &'a dyn FeatureNet,
    /// Who tells classes, where somebody does.
    pub classes: Option<&'a dyn ClassScores>,
    /// Codes that are what the network draws.
    pub cloud: &'a LatentCloud,
    /// The codes that are moved, \[N, w_dim\].
    pub codes: &'a Tensor,
    /// The outermost steps, in deviations.
    pub reach: f64,
}

impl Bench<'_> {
    /// Images that [`Bench::measure`] draws.
    pub fn images(&self) -> u64 {
        self.codes.size()[0] as u64 * STEPS as u64
    }

    /// Moves every code along `way`. Factors are measured at every step, distances at those of `watched` ([`EVERY`] or
    /// [`ENDS`]): the feature net costs as much as drawing.
    ///
    /// # Errors
    /// What the feature net or the classifier refuses.
    pub fn measure(&self, way: &Way<'_>, watched: &[usize]) -> Result<Measured> {
        let count = self.codes.size()[0];
        let told = self.classes.is_some();
        let mut all = Measured { factors: vec![], leaks: told.then(Vec::new), distances: vec![], cloud: vec![] };
        for first in (0..count).step_by(TOGETHER as usize) {
            let codes = self.codes.narrow(0, first, TOGETHER.min(count - first));
            self.chunk(&codes, way, watched, &mut all)?;
        }
        Ok(all)
    }

    fn chunk(&self, codes: &Tensor, way: &Way<'_>, watched: &[usize], all: &mut Measured) -> Result<()> {
        let ws = codes.unsqueeze(1).repeat([1, self.draws.num_ws() as i64, 1]);
        let steps = steps(self.reach);
        let moved: Vec<Tensor> = steps.iter().map(|&step| way.moved(&ws, step)).collect();
        let images: Vec<Tensor> = moved.iter().map(|ws| self.draws.images(ws)).collect();
        let own = tch::no_grad(|| self.distance.features(&images[MIDDLE]))?;
        let begun = all.factors.len();
        let rows = codes.size()[0] as usize;
        all.factors.extend((0..rows).map(|_| Vec::with_capacity(STEPS)));
        all.distances.extend((0..rows).map(|_| Vec::with_capacity(STEPS)));
        all.cloud.extend((0..rows).map(|_| Vec::with_capacity(STEPS)));
        for drawn in &images {
            for (row, values) in factors(self.meters, &padding::crop(&self.padding, drawn))?.into_iter().enumerate() {
                all.factors[begun + row].push(values);
            }
        }
        for &step in watched {
            let features = tch::no_grad(|| self.distance.features(&images[step]))?;
            let distances = squared_distance(&features, &own).to_device(Device::Cpu).to_kind(Kind::Double);
            let distances = Vec::<f64>::try_from(distances)?;
            let cloud = self.cloud.distance(&moved[step].narrow(1, way.indices.start as i64, 1));
            for row in 0..rows {
                all.distances[begun + row].push(distances[row]);
                all.cloud[begun + row].push(cloud[row]);
            }
        }
        if let (Some(classes), Some(leaks)) = (self.classes, &mut all.leaks) {
            let [low, high] = [&images[0], &images[STEPS - 1]].map(|images| classes.shares(images));
            let variation = (low? - high?).abs().sum_dim_intlist([1i64].as_slice(), false, None::<Kind>) / 2.0;
            leaks.extend(Vec::<f64>::try_from(variation.to_device(Device::Cpu).to_kind(Kind::Double))?);
        }
        Ok(())
    }
}

/// What `meters` read off each of images \[N, C, H, W\] in the network's range.
///
/// # Errors
/// The copy from the device failed.
pub fn factors(meters: &dyn Meters, images: &Tensor) -> Result<Vec<Vec<f64>>> {
    let (_, channels, height, width) = images.size4()?;
    let shape = [channels, height, width].map(|side| side as usize);
    let unit = ((images.to_device(Device::Cpu).to_kind(Kind::Float) + 1.0) / 2.0).clamp(0.0, 1.0);
    let values = Vec::<f32>::try_from(unit.contiguous().reshape([-1]))?;
    Ok(values.par_chunks_exact(shape.iter().product()).map(|one| meters.measure(&Picture::new(one, shape))).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::meters::Plain;
    use crate::nets::features::PixelPyramid;

    /// A network of 8 x 8 pixels and three numbers: the first is the brightness of all, the second of the middle, the
    /// third changes nothing that is measured but the chequerboard a little.
    pub struct Toy;

    impl Draws for Toy {
        fn images(&self, ws: &Tensor) -> Tensor {
            let w = ws.mean_dim([1i64].as_slice(), false, None);
            let image = |code: &[f32]| -> Vec<f32> {
                let pixel = |at: usize| {
                    let (row, column) = (at / 8, at % 8);
                    let middle = (2..6).contains(&row) && (2..6).contains(&column);
                    let chequer = if (row + column) % 2 == 0 { 1.0 } else { -1.0 };
                    0.1 * code[0] + if middle { 0.1 * code[1] } else { 0.0 } + chequer * (0.2 + 0.02 * code[2])
                };
                (0..64).map(pixel).collect()
            };
            let codes = Vec::<f32>::try_from(w.contiguous().reshape([-1])).unwrap();
            let pixels: Vec<f32> = codes.chunks_exact(3).flat_map(image).collect();
            Tensor::from_slice(&pixels).view([ws.size()[0], 1, 8, 8])
        }

        fn num_ws(&self) -> usize {
            4
        }
    }

    /// Codes from a normal distribution whose first axis spreads most.
    pub fn codes(count: i64) -> Tensor {
        let spread = Tensor::from_slice(&[1.0f32, 0.7, 0.5]);
        crate::latent::seeds::RandomState::new(7).randn(count, 3) * spread
    }

    pub fn bench<'a>(cloud: &'a LatentCloud, codes: &'a Tensor) -> Bench<'a> {
        Bench {
            draws: &Toy,
            padding: Padding::none(8),
            meters: &Plain,
            distance: &PixelPyramid,
            classes: None,
            cloud,
            codes,
            reach: 3.0,
        }
    }

    #[test]
    fn steps_are_even_and_the_middle_is_the_code() {
        assert_eq!(steps(3.0), [-3.0, -2.25, -1.5, -0.75, 0.0, 0.75, 1.5, 2.25, 3.0]);
        assert_eq!(steps(1.0)[MIDDLE], 0.0);
    }

    #[test]
    fn only_the_named_w_are_moved_and_by_deviations() {
        let ws = Tensor::zeros([2, 4, 3], (Kind::Float, Device::Cpu));
        let way = Way { vector: &[0.0, 0.6, 0.8], sigma: 0.5, indices: 1..3 };
        let moved = way.moved(&ws, 2.0);
        assert_eq!(
            Vec::<f32>::try_from(moved.get(0).reshape([-1])).unwrap(),
            [0.0, 0.0, 0.0, 0.0, 0.6, 0.8, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0]
        );
        assert_eq!(ws.abs().max().double_value(&[]), 0.0, "the codes themselves stay");
    }

    /// The first number is a tenth of the brightness on -1..1, so .05 on 0..1: by hand.
    #[test]
    fn what_a_step_changes_is_read_off_the_pictures() {
        let (cloud, codes) = (LatentCloud::new(codes(500)), codes(40));
        let bench = bench(&cloud, &codes);
        assert_eq!(bench.images(), 360);
        let found = bench.measure(&Way { vector: &[1.0, 0.0, 0.0], sigma: 0.2, indices: 0..4 }, &EVERY).unwrap();
        assert_eq!((found.factors.len(), found.factors[39].len(), found.leaks.is_none()), (40, STEPS, true));
        for code in 0..40 {
            let change = found.factors[code][STEPS - 1][0] - found.factors[code][0][0];
            approx::assert_abs_diff_eq!(change, 0.05 * 0.2 * 6.0, epsilon = 1e-6);
            assert_eq!(found.distances[code][MIDDLE], 0.0);
            assert!(found.distances[code][0] > found.distances[code][1]);
            approx::assert_abs_diff_eq!(found.distances[code][0], found.distances[code][8], epsilon = 1e-6);
        }
        let ends = bench.measure(&Way { vector: &[1.0, 0.0, 0.0], sigma: 0.2, indices: 0..4 }, &ENDS).unwrap();
        assert_eq!(ends.factors, found.factors);
        assert_eq!(ends.distances[7], ENDS.map(|step| found.distances[7][step]));
        assert_eq!(ends.cloud[7], ENDS.map(|step| found.cloud[7][step]));
    }
}

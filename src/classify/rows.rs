//! Slices in the making: the training side's, and behind them what is read or made for the arms.

use rand::RngExt;
use tch::{Device, Tensor};

use super::affine::{self, Affine};
use super::extras::{Denoised, Synthetic};
use super::material::{Origin, Unit};
use super::training_set::Example;
use crate::data::{TestSlices, TrainSlices};
use crate::feed::batches::Images;
use crate::problem::Result;
use crate::seed::RunSeed;

/// Slices in the order of their row numbers.
#[derive(Debug)]
pub struct Rows {
    parts: Vec<Tensor>,
    count: i64,
    shape: [i64; 3],
    device: Device,
}

impl Rows {
    /// The training slices, in the set's order.
    ///
    /// # Errors
    /// A slice that cannot be read.
    pub fn new(training: &TrainSlices, device: Device) -> Result<Self> {
        let pixels = Images::load(training, device)?.pixels;
        let shape = training.prepared().image_shape().map(|n| n as i64);
        Ok(Self { count: pixels.size()[0], parts: vec![pixels], shape, device })
    }

    /// Appends slices \[N, C, H, W\] and gives their row numbers.
    pub fn push(&mut self, pixels: Tensor) -> std::ops::Range<u32> {
        let first = self.count as u32;
        self.count += pixels.size()[0];
        self.parts.push(pixels.to_device(self.device));
        first..self.count as u32
    }

    /// The training slices alone, \[N, C, H, W\]; their rows come first.
    pub fn training(&self) -> &Tensor {
        &self.parts[0]
    }

    /// All so far, \[N, C, H, W\].
    pub fn stack(&self) -> Tensor {
        Tensor::cat(&self.parts, 0)
    }

    /// Where they are.
    pub fn device(&self) -> Device {
        self.device
    }

    fn tensor(&self, pixels: &[f32]) -> Tensor {
        let [channels, height, width] = self.shape;
        Tensor::from_slice(pixels).view([-1, channels, height, width])
    }

    /// Appends the projection of a lesion.
    pub fn projected(&mut self, lesion: &Denoised, origin: Origin) -> Unit {
        let pixels: Vec<f32> = lesion.slices.iter().flat_map(|(_, pixels)| pixels.iter().copied()).collect();
        let rows = self.push(self.tensor(&pixels)).collect();
        Unit { origin, rows, lesion: Some(lesion.lesion) }
    }

    /// Appends a slice that a generator drew.
    pub fn synthetic(&mut self, slice: &Synthetic, origin: Origin) -> Unit {
        Unit { origin, rows: self.push(self.tensor(&slice.pixels)).collect(), lesion: None }
    }

    /// Appends slices that stand for one lesion of interest each.
    pub fn of_interest(&mut self, pixels: Tensor, origin: Origin) -> Vec<Example> {
        let example = |row| Example { unit: Unit { origin, rows: vec![row], lesion: None }, target: 1.0 };
        self.push(pixels).map(example).collect()
    }

    /// Appends `count` copies, each of one slice of one lesion.
    pub fn affine(&mut self, units: &[Unit], count: usize, seed: RunSeed) -> Vec<Example> {
        let mut rng = seed.stream("affine", 0);
        let (mut sources, mut lesions, mut transforms) = (vec![], vec![], vec![]);
        for _ in 0..count {
            let unit = &units[rng.random_range(0..units.len())];
            sources.push(i64::from(unit.rows[rng.random_range(0..unit.rows.len())]));
            lesions.push(unit.lesion);
            transforms.push(Affine::draw(&mut rng));
        }
        if count == 0 {
            return vec![];
        }
        let originals = self.parts[0].index_select(0, &Tensor::from_slice(&sources).to_device(self.device));
        let rows = self.push(affine::apply(&originals, &transforms));
        let copy = |(row, lesion)| Unit { origin: Origin::Affine, rows: vec![row], lesion };
        rows.zip(lesions).map(copy).map(|unit| Example { unit, target: 1.0 }).collect()
    }

    /// Lesions of the test side by class: only for the control that is meant to leak. Contested ones count as of the
    /// class beside the one of interest, as in scoring.
    ///
    /// # Errors
    /// A slice that cannot be read.
    pub fn leak(&mut self, test: &TestSlices) -> Result<Vec<Vec<Unit>>> {
        let first = self.count as u32;
        self.push(Images::load(test, self.device)?.pixels);
        let data = test.prepared();
        let other = data.classes().interest().map(|interest| 1 - interest);
        let mut leaked = vec![vec![]; data.classes().count()];
        for group in test.by_lesion() {
            let rows = group.positions.iter().map(|&position| first + position as u32).collect();
            let unit = Unit { origin: Origin::Leaked, rows, lesion: Some(group.lesion) };
            if let Some(class) = data.class_of(data.lesion(group.lesion)).or(other) {
                leaked[class].push(unit);
            }
        }
        Ok(leaked)
    }
}

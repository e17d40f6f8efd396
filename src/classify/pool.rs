//! All slices of a comparison in memory: the rows that [`Material`] numbers, and the lesions that are scored.

use std::collections::HashMap;

use rand::RngExt;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use super::affine::{self, Affine};
use super::arms::{self, Source};
use super::config::{ClassifyConfig, Control};
use super::extras::{Denoised, Synthetic};
use super::material::{Material, Origin, Unit};
use crate::data::sides::Side;
use crate::data::slices::{LesionSlices, Slices};
use crate::data::{Prepared, TestSlices, TrainSlices};
use crate::digest;
use crate::feed::batches::Images;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Generated slices, where the caller has some.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Of a generator of the class of interest.
    pub synthetic: Option<Vec<Synthetic>>,
    /// Of a conditional generator, asked for the class of interest.
    pub conditional: Option<Vec<Synthetic>>,
    /// Projections of contested lesions.
    pub denoised: Option<Vec<Denoised>>,
}

/// Lesions to be scored.
#[derive(Debug)]
pub struct Scoring {
    /// \[N, C, H, W\].
    pub pixels: Tensor,
    /// Each lesion with the rows of its slices.
    pub lesions: Vec<LesionSlices>,
}

impl Scoring {
    fn load<S: Side>(slices: &Slices<S>, device: Device) -> Result<Self> {
        Ok(Self { pixels: Images::load(slices, device)?.pixels, lesions: slices.by_lesion() })
    }

    fn clone_for_thread(&self) -> Self {
        Self { pixels: self.pixels.shallow_clone(), lesions: self.lesions.clone() }
    }
}

/// Everything that fits read; shared storage, nobody writes to it.
#[derive(Debug)]
pub struct Pool {
    /// \[N, C, H, W\] in \[-1, 1\]; the rows that `material` speaks of.
    pub pixels: Tensor,
    /// What there is to train on.
    pub material: Material,
    /// Lesions for thresholds.
    pub validation: Scoring,
    /// Lesions that are scored.
    pub test: Scoring,
    /// Lesions that every adding arm adds.
    pub extra: usize,
}

impl Pool {
    /// Loads the data set and lays generated slices behind its training slices.
    ///
    /// # Errors
    /// An arm's source is missing or empty, a projected slice is not one of the data set's, or no test lesion.
    pub fn load(
        data: &Prepared,
        extras: Extras,
        config: &ClassifyConfig,
        seed: RunSeed,
        device: Device,
    ) -> Result<Self> {
        let training = data.training_all();
        let test = data.test();
        if test.is_empty() {
            return Err(Problem::input(data.root(), "no test lesion").advice("prepare with a test share above 0"));
        }
        let mut rows = Rows::new(&training, device)?;
        let mut material = real(&training);
        if let Some(denoised) = &extras.denoised {
            material.contested = originals(&training, denoised)?;
            material.denoised = denoised.iter().map(|lesion| rows.denoised(lesion)).collect();
        }
        let mut drawn = |slices: &Option<Vec<Synthetic>>, origin| -> Vec<Unit> {
            slices.iter().flatten().map(|slice| rows.synthetic(slice, origin)).collect()
        };
        material.synthetic = drawn(&extras.synthetic, Origin::Synthetic);
        material.conditional = drawn(&extras.conditional, Origin::Conditional);
        let extra = extra_count(config, &material, data)?;
        if arms::sources(&config.arms).contains(&Source::Affine) && !material.of_interest().is_empty() {
            material.affine = (0..config.seeds)
                .map(|repetition| rows.affine(material.of_interest(), extra, seed.child("affine", repetition)))
                .collect();
        }
        if config.control == Some(Control::DuplicateLeak) {
            material.leaked = rows.leak(&test, device)?;
        }
        Ok(Self {
            pixels: rows.stack(),
            material,
            validation: Scoring::load(&data.validation(), device)?,
            test: Scoring::load(&test, device)?,
            extra,
        })
    }

    /// A handle for another thread; tensors share storage.
    pub fn clone_for_thread(&self) -> Self {
        Self {
            pixels: self.pixels.shallow_clone(),
            material: self.material.clone(),
            validation: self.validation.clone_for_thread(),
            test: self.test.clone_for_thread(),
            extra: self.extra,
        }
    }

    /// Numbers of the classes that lesions are scored for: the one of interest, or each.
    pub fn scored(&self) -> Vec<i64> {
        match self.material.interest {
            Some(interest) => vec![interest as i64],
            None => (0..self.material.classes.len() as i64).collect(),
        }
    }

    /// SHA-256 over every pixel, so that a finished fit is reused for the same ones only.
    pub fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for pixels in [&self.pixels, &self.validation.pixels, &self.test.pixels] {
            hash.update(format!("{:?}", pixels.size()));
            let values: Vec<f32> = Vec::try_from(pixels.to_device(Device::Cpu).reshape([-1]))?;
            values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        Ok(digest::hex(hash.finalize()))
    }
}

/// The real part: one unit a lesion.
fn real(training: &TrainSlices) -> Material {
    let data = training.prepared();
    let interest = data.classes().interest();
    let none = vec![vec![]; data.classes().count()];
    let mut material = Material { classes: none.clone(), interest, leaked: none, ..Material::default() };
    for group in training.by_lesion() {
        let (list, origin) = match data.class_of(data.lesion(group.lesion)) {
            None => (&mut material.contested, Origin::Contested),
            Some(class) if interest == Some(class) => (&mut material.classes[class], Origin::Interest),
            Some(class) if interest.is_some() => (&mut material.classes[class], Origin::Other),
            Some(class) => (&mut material.classes[class], Origin::Class(class as u32)),
        };
        let rows = group.positions.iter().map(|&position| position as u32).collect();
        list.push(Unit { origin, rows, lesion: Some(group.lesion) });
    }
    material
}

/// The contested slices that were projected, lesion by lesion: what an arm gets of them must not differ in the choice
/// of slices.
fn originals(training: &TrainSlices, denoised: &[Denoised]) -> Result<Vec<Unit>> {
    let places: HashMap<(u32, u32), u32> =
        training.entries().enumerate().map(|(at, (slice, _))| ((slice.lesion, slice.z), at as u32)).collect();
    let row = |lesion: u32, z: u32| {
        places.get(&(lesion, z)).copied().ok_or_else(|| {
            let id = &training.prepared().lesion(lesion).id;
            Problem::input(
                training.prepared().root(),
                format!("slice {z} of {id} was projected but is no training slice"),
            )
            .advice("project the lesions of this data set again")
        })
    };
    let unit = |lesion: &Denoised| -> Result<Unit> {
        let rows = lesion.slices.iter().map(|(z, _)| row(lesion.lesion, *z)).collect::<Result<_>>()?;
        Ok(Unit { origin: Origin::Contested, rows, lesion: Some(lesion.lesion) })
    };
    denoised.iter().map(unit).collect()
}

/// How many lesions each adding arm adds: what was asked for, or what the poorest source of the arms in question has.
fn extra_count(config: &ClassifyConfig, material: &Material, data: &Prepared) -> Result<usize> {
    let mut extra = if material.interest.is_some() { config.extra as usize } else { 0 };
    for arm in config.arms.iter().filter(|arm| arm.adds()) {
        for source in arm.needs() {
            let (available, what, give) = match source {
                Source::Synthetic => {
                    (material.synthetic.len(), "synthetic lesions", "give slices that generate drew (--synthetic), or ")
                }
                Source::Conditional => (
                    material.conditional.len(),
                    "images of a conditional generator",
                    "give slices that generate drew of a class (--conditional), or ",
                ),
                Source::Denoised => {
                    (material.denoised.len(), "denoised lesions", "give lesions that project found (--denoised), or ")
                }
                Source::Ambiguous => (material.contested.len(), "contested training lesions", ""),
                // They take as many of the other class away, and must leave some.
                Source::Affine => {
                    (material.others_count(config.non_rims_per_rim).saturating_sub(1).max(1), "affine copies", "")
                }
            };
            if available == 0 {
                return Err(Problem::usage(format!("arm {} has no {what} to add", arm.name()))
                    .at(data.root())
                    .advice(format!("{give}leave \"{}\" out of classify.arms (--arms)", arm.key())));
            }
            extra = extra.min(available);
        }
    }
    Ok(extra)
}

/// Slices in the making.
struct Rows {
    parts: Vec<Tensor>,
    count: i64,
    shape: [i64; 3],
    device: Device,
}

impl Rows {
    fn new(training: &TrainSlices, device: Device) -> Result<Self> {
        let pixels = Images::load(training, device)?.pixels;
        let shape = training.prepared().image_shape().map(|n| n as i64);
        Ok(Self { count: pixels.size()[0], parts: vec![pixels], shape, device })
    }

    /// Appends slices and gives their row numbers.
    fn push(&mut self, pixels: Tensor) -> std::ops::Range<u32> {
        let first = self.count as u32;
        self.count += pixels.size()[0];
        self.parts.push(pixels);
        first..self.count as u32
    }

    fn tensor(&self, pixels: &[f32]) -> Tensor {
        let [channels, height, width] = self.shape;
        Tensor::from_slice(pixels).view([-1, channels, height, width]).to_device(self.device)
    }

    fn denoised(&mut self, lesion: &Denoised) -> Unit {
        let pixels: Vec<f32> = lesion.slices.iter().flat_map(|(_, pixels)| pixels.iter().copied()).collect();
        let rows = self.push(self.tensor(&pixels)).collect();
        Unit { origin: Origin::Denoised, rows, lesion: Some(lesion.lesion) }
    }

    fn synthetic(&mut self, slice: &Synthetic, origin: Origin) -> Unit {
        Unit { origin, rows: self.push(self.tensor(&slice.pixels)).collect(), lesion: None }
    }

    /// `count` copies, each of one slice of one lesion.
    fn affine(&mut self, units: &[Unit], count: usize, seed: RunSeed) -> Vec<Unit> {
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
        rows.zip(lesions).map(|(row, lesion)| Unit { origin: Origin::Affine, rows: vec![row], lesion }).collect()
    }

    /// Lesions of the test side by class: only for the control that is meant to leak. Contested ones count as of the
    /// class beside the one of interest, as in scoring.
    fn leak(&mut self, test: &TestSlices, device: Device) -> Result<Vec<Vec<Unit>>> {
        let first = self.count as u32;
        self.push(Images::load(test, device)?.pixels);
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

    fn stack(self) -> Tensor {
        Tensor::cat(&self.parts, 0)
    }
}

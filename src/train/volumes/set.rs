//! The training volumes of a run.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::data::{Condition, PreparedVolumes};
use crate::digest;
use crate::feed::batches::{Batches, Images};
use crate::feed::volumes::VolumeBatch;
use crate::nets::class::one_hot;
use crate::nets::weights::bytes_of;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;
use crate::train::{RealBatches, TrainConfig};

/// Training volumes and their classes.
pub(super) struct VolumeSet {
    /// Voxels each way.
    pub side: i64,
    /// \[N, C, S, S, S\] in -1..1, on the host.
    pub images: Images,
    /// Names of the classes; empty without condition.
    pub names: Vec<String>,
    /// Class of each; empty without condition.
    classes: Vec<usize>,
}

impl VolumeSet {
    /// # Errors
    /// Nothing to learn from, sides that differ, or no classes where some are asked for.
    pub fn load(data: &PreparedVolumes, config: &TrainConfig) -> Result<Self> {
        let [_, depth, height, width] = data.shape();
        if depth != height || height != width || !depth.is_power_of_two() || !(8..=256).contains(&depth) {
            let found = format!("items that are whole volumes of {depth} x {height} x {width} voxels");
            return Err(Problem::input(data.root(), found)
                .expected("equal sides of 8, 16, 32, 64, 128 or 256 voxels")
                .advice(
                    "prepare with --volumes and --side (brains), or with prepare.patch of equal sides (a cohort)",
                ));
        }
        let all = &data.manifest().classes;
        if config.condition == Condition::Readers && all.of_interest.is_none() {
            return Err(Problem::usage("readers' classes for a data set whose classes are its labels")
                .at(data.root())
                .advice("train with condition = \"labels\""));
        }
        let told = config.condition != Condition::None;
        let volumes = data.training();
        let class = |position: usize| all.number(&volumes.entry(position).class);
        let wanted = |position: &usize| match class(*position) {
            None => false,
            Some(class) => told || all.interest().is_none_or(|interest| interest == class),
        };
        let positions: Vec<usize> = (0..volumes.len()).filter(wanted).collect();
        if positions.len() < 2 {
            return Err(Problem::input(data.root(), format!("{} training volumes", positions.len()))
                .expected("at least 2")
                .advice("prepare more cases, or with another split"));
        }
        let classes: Vec<usize> =
            if told { positions.iter().filter_map(|&position| class(position)).collect() } else { vec![] };
        if told && classes.iter().collect::<BTreeSet<_>>().len() < 2 {
            return Err(Problem::input(data.root(), "1 class of training volumes")
                .expected("at least 2 for a conditional generator")
                .advice("train without condition, or prepare with other classes (--volume-classes)"));
        }
        let names = if told { all.names.iter().map(|class| class.name().to_owned()).collect() } else { vec![] };
        let batch = VolumeBatch::load(&volumes, &positions, Device::Cpu).map_err(|problem| problem.at(data.root()))?;
        let images = Images { pixels: batch.values, masks: None, lesions: batch.lesions };
        Ok(Self { side: depth as i64, images, names, classes })
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.images.len() as u64
    }

    /// Volumes of each class; empty without classes.
    pub fn counts(&self) -> Vec<u64> {
        let count = |number: usize| self.classes.iter().filter(|&&class| class == number).count() as u64;
        (0..self.names.len()).map(count).collect()
    }

    /// Hash of every voxel, its class, and of the base network.
    pub fn sha256(&self, base: Option<&str>) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(bytes_of(&self.images.pixels.to_kind(Kind::Float))?);
        hash.update(base.unwrap_or_default());
        self.classes.iter().for_each(|class| hash.update(class.to_le_bytes()));
        Ok(digest::hex(hash.finalize()))
    }

    /// The endless batches that training sees.
    pub fn batches(&self, size: u64, seed: RunSeed) -> Result<RealBatches> {
        let numbers: Vec<i64> = self.classes.iter().map(|&class| class as i64).collect();
        let classes = (!self.names.is_empty()).then(|| one_hot(&numbers, self.names.len() as i64, Device::Cpu));
        let batches = Batches::new(self.images.shallow_clone(), size as usize, seed, "train.reals")?;
        Ok(RealBatches { batches, classes })
    }

    /// Positions of the volumes of every second patient, and of the rest.
    pub fn halves(&self, data: &PreparedVolumes) -> [Tensor; 2] {
        let patient = |lesion: u32| data.manifest().lesions[lesion as usize].patient.as_str();
        let patients: BTreeSet<&str> = self.images.lesions.iter().map(|&lesion| patient(lesion)).collect();
        [0, 1].map(|half| {
            let own: BTreeSet<&str> = patients.iter().skip(half).step_by(2).copied().collect();
            let mine = |at: &usize| own.contains(patient(self.images.lesions[*at]));
            let picks: Vec<i64> = (0..self.images.len()).filter(mine).map(|at| at as i64).collect();
            Tensor::from_slice(&picks)
        })
    }
}

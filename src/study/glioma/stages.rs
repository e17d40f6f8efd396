//! The stages, each with what its results depend on.

use std::path::{Path, PathBuf};

use super::Run;
use crate::data::{PrepareConfig, Prepared, Source, brats_inputs, run_stage as prepare};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::brain::BrainRecord;
use crate::records::prepare::PrepareRecord;
use crate::records::synthesis::SynthesisRecord;
use crate::records::training::TrainingRecord;
use crate::records::tumours::TumoursRecord;
use crate::records::variants::VariantsRecord;
use crate::simulate::brain;
use crate::simulate::writing::Writing;
use crate::study::cache::{Done, Stage};
use crate::study::drawn::draw;
use crate::study::trained::train;
use crate::train::settled::in_precision;
use crate::units::{Ready, Share};
use crate::{generate, tumours, variants};

/// Where the volumes lie.
pub struct Brains {
    path: PathBuf,
    /// What was simulated; absent for the user's own.
    pub record: Option<BrainRecord>,
    /// A hash over all files.
    key: String,
}

impl Brains {
    /// Refuses volumes that are not as they were when the study began: results of two states would be
    /// mixed.
    fn require_unchanged(&self, config: &PrepareConfig, observer: &dyn Observer) -> Result<()> {
        if brats_inputs::sha256(&self.path, config.brats.other_neoplasms, observer)? == self.key {
            return Ok(());
        }
        Err(Problem::input(&self.path, "volumes that changed while the study was at work")
            .expected("a folder into which nothing is written meanwhile")
            .advice("run the same command again: what changed is made anew"))
    }
}

impl Run<'_> {
    /// Simulates the volumes, or looks at those that are given.
    pub fn brains(&mut self) -> Result<Brains> {
        let &mut Self { study, dir, ref lab, ref mut stages } = self;
        let key = |path: &Path| brats_inputs::sha256(path, study.prepare.brats.other_neoplasms, lab.observer);
        if let Some(config) = &study.brains.simulate {
            let stage = Stage::new("simulate", dir.cohort(), config, &[])?;
            let done = stages.run(stage, |folder| brain::run_stage(Writing::default(), config, folder, lab))?;
            return Ok(Brains { key: key(&dir.cohort())?, path: dir.cohort(), record: Some(done.record) });
        }
        let path = study.brains.brats.clone().ok_or_else(|| Problem::usage("no brains"))?;
        lab.observer.note(&format!("reading {} to see whether it changed", path.display()));
        let key = key(&path)?;
        Ok(Brains { path, record: None, key })
    }

    /// Cuts the volumes into slices of one size, patients apart.
    pub fn prepare(&mut self, brains: &Brains) -> Result<Done<PrepareRecord>> {
        let config = &self.study.prepare;
        let stage = Stage::new("prepare", self.dir.data(), &(config, self.study.seed), &[&brains.key])?;
        let lab = self.lab.of_stage("prepare");
        let cut = |folder: &Path| {
            let record = prepare(&Source::Brats(brains.path.clone()), config, folder, &lab)?;
            brains.require_unchanged(config, lab.observer)?;
            Ok(record)
        };
        self.stages.run(stage, cut)
    }

    /// Trains the generator, which is told the classes, on the training patients.
    pub fn train(&mut self, prepared: &Prepared, data_key: &str) -> Result<Done<TrainingRecord>> {
        let config = &self.study.train;
        let folder = self.dir.gan().root().to_owned();
        let stage = Stage::new("train", folder, &(config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train");
        train(&mut self.stages, stage, (prepared, config), &lab)
    }

    /// Draws images, each class in turn.
    pub fn generate(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<SynthesisRecord>> {
        let (config, network) = (&self.study.generate, self.dir.gan().best_network());
        let stage = Stage::new("generate", self.dir.synthetic(), config, &[gan_key])?;
        let lab = self.lab.of_stage("generate");
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        draw(&mut self.stages, stage, (inputs, config), &lab)
    }

    /// Learns to find tumours with and without drawn pairs, where asked for.
    pub fn tumours(&mut self, prepared: &Prepared, synthetic_key: &str) -> Result<Option<Done<TumoursRecord>>> {
        let Some(config) = self.study.tumours.as_ref().filter(|_| !self.stages.passes("tumours")) else {
            return Ok(None);
        };
        let stage = Stage::new("tumours", self.dir.tumours(), &(config, self.study.seed), &[synthetic_key])?;
        let lab = self.lab.of_stage("tumours");
        let synthetic = self.dir.synthetic();
        let inputs = tumours::Inputs { data: prepared, synthetic: Some(&synthetic) };
        let learn = |folder: &Path, ready: &Ready| tumours::run_with(inputs, config, (folder, ready), &lab);
        let share = |share: &Share| tumours::run_share(inputs, config, share, &lab);
        self.stages.run_in_units(stage, |_| true, learn, share).map(Some)
    }

    /// Trains variants at equal budget, where asked for, all in the precision of the generator's `training`.
    pub fn variants(
        &mut self,
        prepared: &Prepared,
        data_key: &str,
        training: &TrainingRecord,
    ) -> Result<Option<Done<VariantsRecord>>> {
        let Some(config) = self.study.variants.as_ref().filter(|_| !self.stages.passes("variants")) else {
            return Ok(None);
        };
        let settings = (config, &self.study.train, self.study.seed);
        let stage = Stage::new("variants", self.dir.variants(), &settings, &[data_key])?;
        let lab = self.lab.of_stage("variants");
        let device = self.lab.engine.device;
        let usual = in_precision(training.precision_choice.as_ref(), &self.study.train, device)?;
        let settings = (&usual, config);
        let compare = |folder: &Path, ready: &Ready| variants::run_with(prepared, settings, (folder, ready), &lab);
        let share = |share: &Share| variants::run_share(prepared, settings, share, &lab);
        self.stages.run_in_units(stage, |_| true, compare, share).map(Some)
    }
}

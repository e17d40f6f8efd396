//! The stages, each with what its results depend on.

use std::path::{Path, PathBuf};

use super::Run;
use crate::data::{PrepareConfig, Prepared, Source, fa_inputs, run_stage as prepare};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::diffusion::DiffusionRecord;
use crate::records::prepare::PrepareRecord;
use crate::records::residuals::ResidualsRecord;
use crate::records::synthesis::SynthesisRecord;
use crate::records::training::TrainingRecord;
use crate::residuals::stage::Settings;
use crate::simulate::diffusion;
use crate::simulate::writing::Writing;
use crate::study::cache::{Done, Stage};
use crate::study::drawn::draw;
use crate::study::trained::train;
use crate::units::{Ready, Share};
use crate::{generate, residuals};

/// Where the maps lie.
pub struct Maps {
    path: PathBuf,
    /// What was simulated; absent for the user's own.
    pub record: Option<DiffusionRecord>,
    /// A hash over all files.
    key: String,
}

impl Maps {
    /// Refuses maps that are not as they were when the study began: results of two states would be
    /// mixed.
    fn require_unchanged(&self, config: &PrepareConfig, observer: &dyn Observer) -> Result<()> {
        if fa_inputs::sha256(&self.path, &config.fa, observer)? == self.key {
            return Ok(());
        }
        Err(Problem::input(&self.path, "maps that changed while the study was at work")
            .expected("a folder into which nothing is written meanwhile")
            .advice("run the same command again: what changed is made anew"))
    }
}

impl Run<'_> {
    /// Simulates the maps, or looks at those that are given.
    pub fn maps(&mut self) -> Result<Maps> {
        let &mut Self { study, dir, ref lab, ref mut stages } = self;
        if let Some(config) = &study.maps.simulate {
            let stage = Stage::new("simulate", dir.cohort(), config, &[])?;
            let done = stages.run(stage, |folder| diffusion::run_stage(Writing::default(), config, folder, lab))?;
            let key = fa_inputs::sha256(&dir.cohort(), &study.prepare.fa, lab.observer)?;
            return Ok(Maps { path: dir.cohort(), record: Some(done.record), key });
        }
        let path = study.maps.fa.clone().ok_or_else(|| Problem::usage("no maps"))?;
        lab.observer.note(&format!("reading {} to see whether it changed", path.display()));
        let key = fa_inputs::sha256(&path, &study.prepare.fa, lab.observer)?;
        Ok(Maps { path, record: None, key })
    }

    /// Cuts the maps into slices of one size, persons apart.
    pub fn prepare(&mut self, maps: &Maps) -> Result<Done<PrepareRecord>> {
        let config = &self.study.prepare;
        let stage = Stage::new("prepare", self.dir.data(), &(config, self.study.seed), &[&maps.key])?;
        let lab = self.lab.of_stage("prepare");
        let cut = |folder: &Path| {
            let record = prepare(&Source::Fa(maps.path.clone()), config, folder, &lab)?;
            maps.require_unchanged(config, lab.observer)?;
            Ok(record)
        };
        self.stages.run(stage, cut)
    }

    /// Refuses maps that the last stage could not use, before a network is trained.
    pub fn require_images(&self, prepared: &Prepared) -> Result<()> {
        let seed = self.lab.of_stage("residuals").seed;
        residuals::stage::require_images(prepared, &self.study.residuals, seed)
    }

    /// Trains the generator on the training persons.
    pub fn train(&mut self, prepared: &Prepared, data_key: &str) -> Result<Done<TrainingRecord>> {
        let config = &self.study.train;
        let folder = self.dir.gan().root().to_owned();
        let stage = Stage::new("train", folder, &(config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train");
        train(&mut self.stages, stage, (prepared, config), &lab)
    }

    /// Draws images.
    pub fn generate(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<SynthesisRecord>> {
        let (config, network) = (&self.study.generate, self.dir.gan().best_network());
        let stage = Stage::new("generate", self.dir.synthetic(), config, &[gan_key])?;
        let lab = self.lab.of_stage("generate");
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        draw(&mut self.stages, stage, (inputs, config), &lab)
    }

    /// Projects, compares and detects.
    pub fn residuals(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<ResidualsRecord>> {
        let study = self.study;
        let (config, project) = (&study.residuals, &study.project);
        let settings = (config, project, study.seed);
        let stage = Stage::new("residuals", self.dir.residuals(), &settings, &[gan_key])?;
        let lab = self.lab.of_stage("residuals");
        let network = self.dir.gan().best_network();
        let inputs = residuals::Inputs { network: &network, data: prepared };
        let settings = Settings { residuals: config, project };
        let project = |folder: &Path, ready: &Ready| residuals::run_with(inputs, settings, (folder, ready), &lab);
        let share = |share: &Share| residuals::run_share(inputs, settings, share, &lab);
        self.stages.run_in_units(stage, |_| true, project, share)
    }
}

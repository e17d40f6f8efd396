//! The stages of the main path, each with what its results depend on.

use std::path::{Path, PathBuf};

use super::Run;
use super::agreed::Agreed;
use super::further::StagesOf;
use crate::data::cohort_inputs::CohortInputs;
use crate::data::{PrepareConfig, Prepared, Source, run_stage as prepare};
use crate::files;
use crate::gates::examine;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::feature_choice::with_chosen_features;
use crate::records::classify::ClassifyRecord;
use crate::records::cohort::CohortRecord;
use crate::records::label::SUSCEPTIBILITY;
use crate::records::perturbation::PerturbationRecord;
use crate::records::prepare::PrepareRecord;
use crate::records::projection::ProjectionRecord;
use crate::records::synthesis::SynthesisRecord;
use crate::records::training::TrainingRecord;
use crate::simulate::rim_lesions::{self as simulate, Writing};
use crate::study::cache::{Done, Stage};
use crate::study::drawn::draw;
use crate::study::projected;
use crate::study::trained::train;
use crate::units::{Ready, Share};
use crate::{classify, evaluate, generate, perturb, project};

/// Where the lesions lie.
pub struct Cohort {
    /// The study's own folder, or one of the user's.
    pub folder: PathBuf,
    /// What was found in it.
    pub record: CohortRecord,
    /// A hash over all files that are read.
    pub key: String,
    /// What was in it when the study began, and how it is prepared.
    inputs: CohortInputs,
    configs: Vec<PrepareConfig>,
}

impl Cohort {
    /// `record`, if the cohort is still as it was when the study began: else results of two states would be
    /// mixed, or taken for those of the other one. Whatever reads the cohort asks before it counts as done.
    ///
    /// # Errors
    /// The file that changed.
    pub fn unchanged<R>(&self, record: R, observer: &dyn Observer) -> Result<R> {
        self.inputs.require_unchanged(&self.folder, &self.configs.iter().collect::<Vec<_>>(), observer)?;
        Ok(record)
    }
}

impl Run<'_> {
    /// Simulates the cohort, or looks at the one that is given.
    pub fn cohort(&mut self) -> Result<Cohort> {
        let &mut Self { study, dir, ref lab, ref mut stages } = self;
        let observer = lab.observer;
        let multi = study.multi_contrast.as_ref().map(|multi| study.multi_contrast_stages(multi).0);
        let configs: Vec<PrepareConfig> = std::iter::once(study.prepare.clone()).chain(multi).collect();
        let read = |folder: &Path| CohortInputs::read(folder, &configs.iter().collect::<Vec<_>>(), observer);
        let (folder, record, inputs) = match (&study.cohort.simulate, &study.cohort.path) {
            (Some(config), _) => {
                let stage = Stage::new("simulate", dir.cohort(), config, &[])?;
                let done = stages.run(stage, |folder| simulate::run_stage(Writing::default(), config, folder, lab))?;
                (dir.cohort(), done.record, read(&dir.cohort())?)
            }
            (None, Some(path)) => {
                observer.note(&format!("reading {} to see whether it changed", path.display()));
                let inputs = read(path)?;
                let mut record = examine::describe(path, SUSCEPTIBILITY, &study.prepare, observer)?;
                // The report shows pictures of the study folder alone.
                record.gallery = record.gallery.filter(|_| *path == dir.cohort());
                (path.clone(), record, inputs)
            }
            (None, None) => return Err(Problem::usage("no cohort")),
        };
        Ok(Cohort { folder, record, key: inputs.sha256.clone(), inputs, configs })
    }

    /// Cuts patches and splits the patients.
    pub fn prepare(&mut self, cohort: &Cohort) -> Result<Done<PrepareRecord>> {
        let config = &self.study.prepare;
        let stage = Stage::new("prepare", self.dir.data(), &(config, self.study.seed), &[&cohort.key])?;
        let source = Source::Cohort(cohort.folder.clone());
        let lab = self.lab.of_stage("prepare");
        let cut = |folder: &Path| cohort.unchanged(prepare(&source, config, folder, &lab)?, lab.observer);
        self.stages.run(stage, cut)
    }

    /// Before a network is trained for hours: what the stages after it need of the data set.
    pub fn require_lesions(&self, prepared: &Prepared) -> Result<()> {
        if files::is_there(&self.dir.gan().record())? {
            return Ok(());
        }
        project::require_lesions(prepared, &self.study.project, self.lab.of_stage("project").seed)?;
        if self.study.perturb.lesions > 0 {
            perturb::stage::require_rims(prepared, self.lab.of_stage("perturb").seed)?;
        }
        if self.study.evaluate.is_some() {
            evaluate::require_images(prepared)?;
        }
        Ok(())
    }

    /// Trains the generator on the agreed rims of the training side.
    pub fn train(&mut self, prepared: &Prepared, data_key: &str) -> Result<Done<TrainingRecord>> {
        let config = &self.study.train;
        let folder = self.dir.gan().root().to_owned();
        let stage = Stage::new("train", folder, &(config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train");
        train(&mut self.stages, stage, (prepared, config), &lab)
    }

    /// Draws synthetic rims.
    pub fn generate(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<SynthesisRecord>> {
        let config = &self.study.generate;
        let network = self.dir.gan().best_network();
        let stage = Stage::new("generate", self.dir.synthetic(), config, &[gan_key])?;
        let lab = self.lab.of_stage("generate");
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        draw(&mut self.stages, stage, (inputs, config), &lab)
    }

    /// Projects the contested lesions into the generator's latent space.
    pub fn project(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<ProjectionRecord>> {
        let config = &self.study.project;
        let network = self.dir.gan().best_network();
        let stage = Stage::new("project", self.dir.denoised(), &(config, self.study.seed), &[gan_key])?;
        let lab = self.lab.of_stage("project");
        let inputs = project::Inputs { network: &network, from: project::From::Data(prepared) };
        projected::project(&mut self.stages, stage, (inputs, config), &lab)
    }

    /// Spoils known lesions and projects them back, where that is asked for.
    pub fn perturb(
        &mut self,
        prepared: &Prepared,
        gan_key: &str,
        projection: &ProjectionRecord,
    ) -> Result<Option<PerturbationRecord>> {
        let config = &self.study.perturb;
        if config.lesions == 0 || self.stages.passes("perturb") {
            return Ok(None);
        }
        // What is tested is the projector that made the denoised lesions.
        let project = with_chosen_features(&self.study.project, projection)?;
        let network = self.dir.gan().best_network();
        let stage = Stage::new("perturb", self.dir.perturbed(), &(config, &project, self.study.seed), &[gan_key])?;
        let lab = self.lab.of_stage("perturb");
        let inputs = perturb::Inputs { network: &network, data: prepared };
        let settings = perturb::Settings { perturb: config, project: &project };
        let spoil = |folder: &Path, ready: &Ready| perturb::run_with(inputs, settings, (folder, ready), &lab);
        let share = |share: &Share| perturb::run_share(inputs, settings, share, &lab);
        Ok(Some(self.stages.run_in_units(stage, |_| true, spoil, share)?.record))
    }

    /// Projects the agreed training lesions of a class, where an arm needs their projections.
    pub fn project_agreed(
        &mut self,
        prepared: &Prepared,
        agreed: Agreed,
        (projection, gan_key): (&ProjectionRecord, &str),
    ) -> Result<Option<Done<ProjectionRecord>>> {
        if !self.study.needs_projected(agreed) || self.stages.passes(agreed.stage()) {
            return Ok(None);
        }
        // By the projector that made the denoised lesions.
        let config = self.study.agreed_project(agreed, &with_chosen_features(&self.study.project, projection)?);
        let (name, folder) = (agreed.stage(), agreed.folder(self.dir));
        let network = self.dir.gan().best_network();
        let stage = Stage::new(name, folder, &(&config, self.study.seed), &[gan_key])?;
        let lab = self.lab.of_stage(name);
        let inputs = project::Inputs { network: &network, from: project::From::Data(prepared) };
        projected::project(&mut self.stages, stage, (inputs, &config), &lab).map(Some)
    }

    /// Fits one classifier an arm and compares them; `keys` are those of the slices that arms add.
    pub fn classify(
        &mut self,
        prepared: &Prepared,
        (cohort, truth): (&Cohort, Option<&Path>),
        keys: &[&str],
    ) -> Result<Done<ClassifyRecord>> {
        let config = &self.study.classify;
        let (mut synthetic, mut denoised) = (vec![self.dir.synthetic()], vec![self.dir.denoised()]);
        let mut network = vec![self.dir.gan().best_network()];
        for StagesOf { number, .. } in self.study.further() {
            synthetic.push(self.dir.further_synthetic(*number));
            denoised.push(self.dir.further_denoised(*number));
            network.push(self.dir.further_gan(*number).best_network());
        }
        let conditional = self.study.conditional.as_ref().map(|_| self.dir.conditional_synthetic());
        let agreed = |agreed: Agreed| self.study.needs_projected(agreed).then(|| agreed.folder(self.dir));
        let (rims, others) = (agreed(Agreed::Rims), agreed(Agreed::NonRims));
        let two_sided = self.study.needs_two_sided().then(|| self.dir.two_sided());
        let stage = Stage::new("classify", self.dir.classify(), &(config, self.study.seed), keys)?;
        let lab = self.lab.of_stage("classify");
        let inputs = classify::Inputs {
            data: prepared,
            synthetic: &synthetic,
            conditional: conditional.as_deref(),
            denoised: &denoised,
            projected_interest: rims.as_deref(),
            projected_others: others.as_deref(),
            network: &network,
            two_sided: two_sided.as_deref(),
            edited: None,
            external: None,
            truth,
        };
        let fit = |folder: &Path, ready: &Ready| {
            cohort.unchanged(classify::run_with(inputs, config, (folder, ready), &lab)?, lab.observer)
        };
        let share =
            |share: &Share| cohort.unchanged(classify::units::run_share(inputs, config, share, &lab)?, lab.observer);
        self.stages.run_in_units(stage, |_| true, fit, share)
    }
}

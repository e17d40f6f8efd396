//! Further generators: trained, drawn from and projected into as the first, from other random numbers, so that a
//! difference between arms can be told from one generator's luck.

use std::path::Path;

use super::Run;
use super::config::RimStudy;
use crate::data::Prepared;
use crate::problem::{Kind, Problem, Result};
use crate::project::ProjectConfig;
use crate::project::feature_choice::with_chosen_features;
use crate::records::projection::ProjectionRecord;
use crate::records::study::FurtherGenerator;
use crate::records::training::TrainingRecord;
use crate::study::cache::{ABSENT, Done, Stage};
use crate::study::drawn::draw;
use crate::study::trained::train;
use crate::train::settled::in_precision;
use crate::units::{Ready, Share};
use crate::{generate, project};

/// Stages of one of them.
pub(super) struct StagesOf {
    /// Its place among all, 2 and on.
    pub number: usize,
    pub train: &'static str,
    pub generate: &'static str,
    pub project: &'static str,
}

const FURTHER: [StagesOf; 4] = [
    StagesOf { number: 2, train: "train-2", generate: "generate-2", project: "project-2" },
    StagesOf { number: 3, train: "train-3", generate: "generate-3", project: "project-3" },
    StagesOf { number: 4, train: "train-4", generate: "generate-4", project: "project-4" },
    StagesOf { number: 5, train: "train-5", generate: "generate-5", project: "project-5" },
];

/// Generators of a study at most, the first among them.
pub(super) const MOST: u64 = FURTHER.len() as u64 + 1;

/// One of them, trained.
pub(super) struct FurtherGan {
    names: &'static StagesOf,
    trained: Done<TrainingRecord>,
}

/// One of them, as its stages left it.
pub(super) struct Further {
    pub record: FurtherGenerator,
    /// Of what it drew and of the projections into it.
    pub keys: [String; 2],
}

impl RimStudy {
    /// Those that the settings ask for.
    pub(super) fn further(&self) -> &'static [StagesOf] {
        &FURTHER[..(self.generators.clamp(1, MOST) - 1) as usize]
    }

    /// As the first one's projections, of the contested lesions alone.
    fn further_project(&self, first: &ProjectionRecord) -> Result<ProjectConfig> {
        let config = with_chosen_features(&self.project, first)?;
        Ok(ProjectConfig { controls: 0, choose_features: 0, curve: vec![], film: 0, ..config })
    }
}

impl Run<'_> {
    /// Trains each of them: in the precision of the first one's `training`, from the same base.
    pub fn train_further(
        &mut self,
        prepared: &Prepared,
        data_key: &str,
        training: &TrainingRecord,
    ) -> Result<Vec<FurtherGan>> {
        let (study, seed) = (self.study, self.study.seed);
        let mut all = vec![];
        for names in study.further().iter().filter(|names| !self.stages.passes(names.train)).collect::<Vec<_>>() {
            let lab = self.lab.of_stage(names.train);
            let config = in_precision(training.precision_choice.as_ref(), &study.train, lab.engine.device)?;
            let base = training.base.as_ref().map_or(ABSENT, |base| &base.sha256);
            // As the first one's record says it, not as this machine would compute.
            let chosen = training.precision_choice.as_ref().map_or(ABSENT, |choice| &choice.precision);
            let folder = self.dir.further_gan(names.number).root().to_owned();
            let stage = Stage::new(names.train, folder, &(&study.train, seed), &[data_key, base, chosen])?;
            let trained = train(&mut self.stages, stage, (prepared, &config), &lab);
            // A list that ended in one of them: the others are listed all the same.
            if let Some(trained) = self.stages.aside(trained)? {
                require_same_base(training, &trained.record).map_err(|problem| problem.at(self.dir.gan().root()))?;
                all.push(FurtherGan { names, trained });
            }
        }
        Ok(all)
    }

    /// Draws and projects with each of them, through the feature net of the first one's `projection`.
    pub fn further(
        &mut self,
        prepared: &Prepared,
        gans: Vec<FurtherGan>,
        projection: &ProjectionRecord,
    ) -> Result<Vec<Further>> {
        let mut all = vec![];
        for gan in gans {
            if self.stages.passes(gan.names.generate) {
                continue;
            }
            let one = self.one(gan, prepared, projection);
            all.extend(self.stages.aside(one)?);
        }
        Ok(all)
    }

    fn one(&mut self, gan: FurtherGan, prepared: &Prepared, projection: &ProjectionRecord) -> Result<Further> {
        let FurtherGan { names, trained } = gan;
        let study = self.study;
        let network = self.dir.further_gan(names.number).best_network();
        let stage =
            Stage::new(names.generate, self.dir.further_synthetic(names.number), &study.generate, &[&trained.key])?;
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        let lab = self.lab.of_stage("generate");
        let drawn = draw(&mut self.stages, stage, (inputs, &study.generate), &lab)?;

        let config = study.further_project(projection)?;
        let folder = self.dir.further_denoised(names.number);
        let stage = Stage::new(names.project, folder, &(&config, study.seed), &[&trained.key])?;
        // The seed of the first one's projections: the same lesions, and the same slices of them.
        let lab = self.lab.of_stage("project");
        let inputs = project::Inputs { network: &network, from: project::From::Data(prepared) };
        let project = |folder: &Path, ready: &Ready| project::run_with(inputs, &config, (folder, ready), &lab);
        let share = |share: &Share| project::units::run_share(inputs, &config, share, &lab);
        let denoised = self.stages.run_in_units(stage, ProjectionRecord::has_hashes, project, share)?;
        Ok(Further {
            record: FurtherGenerator {
                training: trained.record,
                synthesis: drawn.record.without_images(),
                projection: denoised.record,
            },
            keys: [drawn.key, denoised.key],
        })
    }
}

/// Refuses generators that differ in more than their random numbers: a base that comes with the program may be another
/// than when the first was trained.
fn require_same_base(first: &TrainingRecord, other: &TrainingRecord) -> Result<()> {
    let [own, others] = [first, other].map(|record| record.base.as_ref().map(|base| &base.sha256));
    if own == others {
        return Ok(());
    }
    Err(Problem::new(Kind::Gate, "trained from another base network than the further generators")
        .expected("generators that differ in their random numbers alone")
        .advice("train it anew with this version: move the folder away, or give the study another `out`"))
}

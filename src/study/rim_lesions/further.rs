//! Further generators: trained, drawn from and projected into as the first, from other random numbers, so that a
//! difference between arms can be told from one generator's luck.

use super::Run;
use super::config::RimStudy;
use crate::data::Prepared;
use crate::problem::{Kind, Problem, Result};
use crate::project::ProjectConfig;
use crate::project::feature_choice::with_chosen_features;
use crate::records::projection::ProjectionRecord;
use crate::records::study::FurtherGenerator;
use crate::records::synthesis::SynthesisRecord;
use crate::records::training::TrainingRecord;
use crate::study::cache::{ABSENT, Done, Stage};
use crate::study::drawn::draw;
use crate::study::projected;
use crate::study::trained::train;
use crate::train::settled::in_precision;
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

/// One of them, trained, and what it drew.
pub(super) struct FurtherGan {
    names: &'static StagesOf,
    trained: Done<TrainingRecord>,
    drawn: Done<SynthesisRecord>,
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
    /// Trains each of them, in the precision of the first one's `training` and from the same base, and draws with it.
    pub fn further_gans(
        &mut self,
        prepared: &Prepared,
        data_key: &str,
        training: &TrainingRecord,
    ) -> Result<Vec<FurtherGan>> {
        let mut all = vec![];
        for names in self.study.further() {
            if self.stages.passes(names.train) {
                continue;
            }
            let gan = self.further_gan(names, prepared, (data_key, training));
            // A list of units that ended in one of them: the others are listed all the same.
            all.extend(self.stages.aside(gan)?);
        }
        Ok(all)
    }

    fn further_gan(
        &mut self,
        names: &'static StagesOf,
        prepared: &Prepared,
        (data_key, training): (&str, &TrainingRecord),
    ) -> Result<FurtherGan> {
        let (study, gan) = (self.study, self.dir.further_gan(names.number));
        let lab = self.lab.of_stage(names.train);
        let config = in_precision(training.precision_choice.as_ref(), &study.train, lab.engine.device)?;
        let base = training.base.as_ref().map_or(ABSENT, |base| &base.sha256);
        // As the first one's record says it, not as this machine would compute.
        let chosen = training.precision_choice.as_ref().map_or(ABSENT, |choice| &choice.precision);
        let inputs = [data_key, base, chosen];
        let stage = Stage::new(names.train, gan.root().to_owned(), &(&study.train, study.seed), &inputs)?;
        let trained = train(&mut self.stages, stage, (prepared, &config), &lab)?;
        require_same_base(training, &trained.record).map_err(|problem| problem.at(self.dir.gan().root()))?;

        let folder = self.dir.further_synthetic(names.number);
        let stage = Stage::new(names.generate, folder, &study.generate, &[&trained.key])?;
        let inputs = generate::Inputs { network: &gan.best_network(), data: Some(prepared) };
        let lab = self.lab.of_stage("generate");
        let drawn = draw(&mut self.stages, stage, (inputs, &study.generate), &lab)?;
        Ok(FurtherGan { names, trained, drawn })
    }

    /// Projects into each of them, through the feature net of the first one's `projection`.
    pub fn project_further(
        &mut self,
        prepared: &Prepared,
        gans: Vec<FurtherGan>,
        projection: &ProjectionRecord,
    ) -> Result<Vec<Further>> {
        let mut all = vec![];
        for FurtherGan { names, trained, drawn } in gans {
            if self.stages.passes(names.project) {
                continue;
            }
            let config = self.study.further_project(projection)?;
            let folder = self.dir.further_denoised(names.number);
            let stage = Stage::new(names.project, folder, &(&config, self.study.seed), &[&trained.key])?;
            // The seed of the first one's projections: the same lesions, and the same slices of them.
            let lab = self.lab.of_stage("project");
            let network = self.dir.further_gan(names.number).best_network();
            let inputs = project::Inputs { network: &network, from: project::From::Data(prepared) };
            let denoised = projected::project(&mut self.stages, stage, (inputs, &config), &lab);
            all.extend(self.stages.aside(denoised)?.map(|denoised| Further {
                record: FurtherGenerator {
                    training: trained.record,
                    synthesis: drawn.record.without_images(),
                    projection: denoised.record,
                },
                keys: [drawn.key, denoised.key],
            }));
        }
        Ok(all)
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

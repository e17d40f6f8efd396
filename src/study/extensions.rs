//! The stages beside the main path: a conditional generator, and one of several contrasts.

use super::cache::Stage;
use super::config::{ConditionalConfig, MultiContrastConfig, StudyConfig};
use crate::data::{Prepared, Source, run_stage as prepare};
use crate::engine::Lab;
use crate::generate::GenerateConfig;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::study::{ConditionalRecord, MultiContrastRecord, StageRun};
use crate::run_dir::StudyDir;
use crate::{generate, project, train};

/// What every stage of a study works with.
pub struct Study<'a> {
    pub config: &'a StudyConfig,
    pub dir: &'a StudyDir,
    pub lab: &'a Lab<'a>,
}

impl Study<'_> {
    /// Trains the conditional generator and draws its rims; returns the key of the drawn ones, too.
    pub fn conditional(
        &self,
        conditional: &ConditionalConfig,
        prepared: &Prepared,
        data_key: &str,
        stages: &mut Vec<StageRun>,
    ) -> Result<(ConditionalRecord, String)> {
        let &Self { config, dir, lab } = self;
        let observer = lab.observer;
        let settings = config.conditional_train(conditional);
        let folder = dir.conditional_gan();
        let stage = Stage::new("train-conditional", folder.root().to_owned(), &(&settings, config.seed), &[data_key])?;
        let (training, run) = stage.run(observer, |folder| {
            train::run_stage(prepared, &settings, folder, &lab.of_stage("train-conditional"))
        })?;
        stages.push(run);
        let generate = GenerateConfig { class: Some(ClassChoice::Name("rim".into())), ..config.generate.clone() };
        let drawn = Stage::new("generate-conditional", dir.conditional_synthetic(), &generate, &[stage.key()])?;
        let network = folder.best_network();
        let (synthesis, run) = drawn.run(observer, |folder| {
            let inputs = generate::Inputs { network: &network, data: Some(prepared) };
            generate::run_stage(inputs, &generate, folder, &lab.of_stage("generate-conditional"))
        })?;
        stages.push(run);
        Ok((ConditionalRecord { training, synthesis }, drawn.key().to_owned()))
    }

    /// Prepares, trains, draws and denoises several contrasts at once.
    pub fn multi_contrast(
        &self,
        multi: &MultiContrastConfig,
        cohort: (&std::path::Path, &str),
        stages: &mut Vec<StageRun>,
    ) -> Result<MultiContrastRecord> {
        let &Self { config, dir, lab } = self;
        let observer = lab.observer;
        let (cohort, cohort_key) = cohort;
        let (prepare_config, train_config, project_config) = config.multi_contrast_stages(multi);
        let data = dir.multi_contrast_data();
        let settings = (&prepare_config, config.seed);
        let prepare_stage = Stage::new("prepare-multi-contrast", data.clone(), &settings, &[cohort_key])?;
        let source = Source::Cohort(cohort.to_owned());
        // The seed of the main data set: the same patients are held out.
        let (prepared_record, run) = prepare_stage
            .run(observer, |folder| prepare(&source, &prepare_config, folder, &lab.of_stage("prepare")))?;
        stages.push(run);
        let prepared = Prepared::open(&data)?;

        let gan = dir.multi_contrast_gan();
        let settings = (&train_config, config.seed);
        let train_stage = Stage::new("train-multi-contrast", gan.root().to_owned(), &settings, &[prepare_stage.key()])?;
        let (training, run) = train_stage.run(observer, |folder| {
            train::run_stage(&prepared, &train_config, folder, &lab.of_stage("train-multi-contrast"))
        })?;
        stages.push(run);

        let network = gan.best_network();
        let synthetic = dir.multi_contrast_synthetic();
        let stage = Stage::new("generate-multi-contrast", synthetic, &config.generate, &[train_stage.key()])?;
        let (synthesis, run) = stage.run(observer, |folder| {
            let inputs = generate::Inputs { network: &network, data: Some(&prepared) };
            generate::run_stage(inputs, &config.generate, folder, &lab.of_stage("generate-multi-contrast"))
        })?;
        stages.push(run);

        let mut projection = None;
        if multi.denoise > 0 {
            let settings = (&project_config, config.seed);
            let denoised = dir.multi_contrast_denoised();
            let stage = Stage::new("project-multi-contrast", denoised, &settings, &[train_stage.key()])?;
            let (record, run) = stage.run(observer, |folder| {
                let inputs = project::Inputs { network: &network, from: project::From::Data(&prepared) };
                project::run_stage(inputs, &project_config, folder, &lab.of_stage("project-multi-contrast"))
            })?;
            stages.push(run);
            projection = Some(record);
        }
        Ok(MultiContrastRecord { prepare: prepared_record, training, synthesis, projection })
    }
}

//! The generators beside the main path: a conditional one, and one of several contrasts.

use std::path::Path;

use super::Run;
use super::config::MultiContrastConfig;
use super::main_path::Cohort;
use crate::data::{Prepared, Source, run_stage as prepare};
use crate::generate::GenerateConfig;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::ProjectConfig;
use crate::records::projection::ProjectionRecord;
use crate::records::study::{ConditionalRecord, MultiContrastRecord};
use crate::records::synthesis::SynthesisRecord;
use crate::study::cache::{ABSENT, Done, Stage};
use crate::study::drawn::draw;
use crate::study::projected;
use crate::study::trained::train;
use crate::{generate, project};

/// The conditional generator, trained and used.
pub struct Conditional {
    /// What was drawn of it.
    pub drawn: Done<ConditionalRecord>,
    /// Key of its training.
    pub gan_key: String,
}

impl Run<'_> {
    /// Trains the conditional generator and draws its rims, where that is asked for.
    pub fn conditional(&mut self, prepared: &Prepared, data_key: &str) -> Result<Option<Conditional>> {
        let Some(conditional) = &self.study.conditional else { return Ok(None) };
        if self.stages.passes("train-conditional") {
            return Ok(None);
        }
        let config = self.study.conditional_train(conditional);
        let gan = self.dir.conditional_gan();
        let folder = gan.root().to_owned();
        let stage = Stage::new("train-conditional", folder, &(&config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train-conditional");
        let trained = train(&mut self.stages, stage, (prepared, &config), &lab)?;

        let class = Some(ClassChoice::Name("rim".into()));
        let config = GenerateConfig { class, ..self.study.generate.clone() };
        let folder = self.dir.conditional_synthetic();
        let stage = Stage::new("generate-conditional", folder, &config, &[&trained.key])?;
        let lab = self.lab.of_stage("generate-conditional");
        let network = gan.best_network();
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        let drawn = draw(&mut self.stages, stage, (inputs, &config), &lab)?;
        let record = ConditionalRecord { training: trained.record, synthesis: drawn.record.without_images() };
        Ok(Some(Conditional { drawn: Done { record, key: drawn.key }, gan_key: trained.key }))
    }

    /// Prepares, trains, draws and denoises several contrasts at once, where that is asked for.
    /// The key is of all that a segmentation learns from: of the data set, the drawn and the denoised.
    pub fn multi_contrast(&mut self, cohort: &Cohort) -> Result<Option<Done<MultiContrastRecord>>> {
        let Some(multi) = &self.study.multi_contrast else { return Ok(None) };
        if self.stages.passes("prepare-multi-contrast") {
            return Ok(None);
        }
        let (config, train_config, project_config) = self.study.multi_contrast_stages(multi);
        let (data, gan) = (self.dir.multi_contrast_data(), self.dir.multi_contrast_gan());
        let seed = self.study.seed;
        let stage = Stage::new("prepare-multi-contrast", data.clone(), &(&config, seed), &[&cohort.key])?;
        let source = Source::Cohort(cohort.folder.clone());
        // The seed of the main data set: the same patients are held out.
        let lab = self.lab.of_stage("prepare");
        let cut = |folder: &Path| cohort.unchanged(prepare(&source, &config, folder, &lab)?, lab.observer);
        let cut = self.stages.run(stage, cut)?;
        let prepared = Prepared::open(&data)?;

        let folder = gan.root().to_owned();
        let stage = Stage::new("train-multi-contrast", folder, &(&train_config, seed), &[&cut.key])?;
        let lab = self.lab.of_stage("train-multi-contrast");
        let trained = train(&mut self.stages, stage, (&prepared, &train_config), &lab)?;

        let network = gan.best_network();
        let drawn = self.multi_contrast_drawn(&prepared, &network, &trained.key)?;
        let denoised = self.multi_contrast_denoised(multi, &project_config, &prepared, &network, &trained.key)?;
        let (projection, denoised_key) = denoised.map_or((None, None), |done| (Some(done.record), Some(done.key)));
        let key = [&cut.key, &drawn.key, denoised_key.as_deref().unwrap_or(ABSENT)].join(" ");
        let (prepare, training, synthesis) = (cut.record, trained.record, drawn.record.without_images());
        Ok(Some(Done { record: MultiContrastRecord { prepare, training, synthesis, projection }, key }))
    }

    fn multi_contrast_drawn(
        &mut self,
        prepared: &Prepared,
        network: &Path,
        gan_key: &str,
    ) -> Result<Done<SynthesisRecord>> {
        let config = &self.study.generate;
        let folder = self.dir.multi_contrast_synthetic();
        let stage = Stage::new("generate-multi-contrast", folder, config, &[gan_key])?;
        let lab = self.lab.of_stage("generate-multi-contrast");
        let inputs = generate::Inputs { network, data: Some(prepared) };
        draw(&mut self.stages, stage, (inputs, config), &lab)
    }

    fn multi_contrast_denoised(
        &mut self,
        multi: &MultiContrastConfig,
        config: &ProjectConfig,
        prepared: &Prepared,
        network: &Path,
        gan_key: &str,
    ) -> Result<Option<Done<ProjectionRecord>>> {
        if multi.denoise == 0 {
            return Ok(None);
        }
        let folder = self.dir.multi_contrast_denoised();
        let stage = Stage::new("project-multi-contrast", folder, &(config, self.study.seed), &[gan_key])?;
        let lab = self.lab.of_stage("project-multi-contrast");
        let inputs = project::Inputs { network, from: project::From::Data(prepared) };
        projected::project(&mut self.stages, stage, (inputs, config), &lab).map(Some)
    }
}

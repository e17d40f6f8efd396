//! The stage that measures the study's sets of images against held-out rims.

use super::Run;
use crate::data::Prepared;
use crate::evaluate::{self, EvaluateConfig, SetFolder};
use crate::generate::Format;
use crate::problem::Result;
use crate::records::classes::{Class, Split};
use crate::records::evaluate::EvaluationRecord;
use crate::study::cache::Stage;

impl Run<'_> {
    /// Measures what was drawn and projected, each set by itself and as an arm's training set, where that is asked for;
    /// `keys` are those of the drawn, the projected and the conditional generator's images.
    pub fn evaluate(
        &mut self,
        prepared: &Prepared,
        gan_key: &str,
        keys: [&str; 3],
    ) -> Result<Option<EvaluationRecord>> {
        let Some(config) = self.study.evaluate.as_ref().filter(|_| !self.stages.passes("evaluate")) else {
            return Ok(None);
        };
        // The class that is drawn, where the generator knows classes.
        let class = config.class.clone().or_else(|| self.study.generate.class.clone());
        let config = EvaluateConfig { class, ..config.clone() };
        let folders = [self.dir.synthetic(), self.dir.denoised(), self.dir.conditional_synthetic()];
        let arrays = self.study.generate.formats.contains(&Format::Npy);
        let contested = self.study.project.class == Class::AMBIGUOUS && self.study.project.split == Split::Train;
        let present = [arrays, contested, arrays && self.study.conditional.is_some()];
        let named = [
            ("synthetic", "ADA-GAN"),
            ("denoised", "ADA-GAN-LD"),
            ("synthetic of the conditional generator", "ADA-cGAN"),
        ];
        let sets: Vec<SetFolder<'_>> = named
            .iter()
            .zip(&folders)
            .zip(present)
            .filter(|(_, present)| *present)
            .map(|((&(name, arm), folder), _)| SetFolder {
                name: name.into(),
                training: arm.into(),
                folder,
                may_lack: true,
            })
            .collect();
        let network = self.dir.gan().best_network();
        let inputs = [gan_key].into_iter().chain(keys).collect::<Vec<_>>();
        let stage = Stage::new("evaluate", self.dir.evaluation(), &(&config, self.study.seed), &inputs)?;
        let lab = self.lab.of_stage("evaluate");
        let inputs = evaluate::Inputs { data: Some(prepared), sets: &sets, network: Some(&network) };
        let done = self.stages.run(stage, |folder| evaluate::run_stage(inputs, &config, folder, &lab))?;
        Ok(Some(done.record))
    }
}

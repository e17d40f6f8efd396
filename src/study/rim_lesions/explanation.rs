//! The stage that asks what the study's classifiers look at.

use std::path::Path;

use super::Run;
use super::main_path::Cohort;
use crate::data::Prepared;
use crate::explain::{self, CohortSide};
use crate::problem::Result;
use crate::records::explain::ExplanationRecord;
use crate::study::cache::Stage;

impl Run<'_> {
    /// Explains the classifiers of the chosen arms, where that is asked for; `keys` are those of the data set and of
    /// the comparison.
    pub fn explain(
        &mut self,
        prepared: &Prepared,
        cohort: &Cohort,
        keys: [&str; 2],
    ) -> Result<Option<ExplanationRecord>> {
        let Some(config) = self.study.explain.as_ref().filter(|_| !self.stages.passes("explain")) else {
            return Ok(None);
        };
        let stage = Stage::new("explain", self.dir.explanation(), &(config, self.study.seed), &keys)?;
        let lab = self.lab.of_stage("explain");
        let classify = self.dir.classify();
        let inputs = explain::Inputs {
            data: prepared,
            classify: &classify,
            cohort: Some(CohortSide { root: &cohort.folder, prepare: &self.study.prepare }),
            simulated_by: self.study.cohort.simulate.as_ref(),
        };
        let look = |folder: &Path| cohort.unchanged(explain::run_stage(inputs, config, folder, &lab)?, lab.observer);
        let done = self.stages.run(stage, look)?;
        Ok(Some(done.record))
    }
}

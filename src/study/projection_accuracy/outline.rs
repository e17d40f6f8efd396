//! The stages that this study will go through, as they are known before any of them has run.

use super::config::ProjectionAccuracyStudy;
use crate::run_dir::StudyDir;
use crate::study::drawn::ranges;
use crate::study::errand::{Planned, Units};
use crate::study::trained;

impl ProjectionAccuracyStudy {
    /// In the order in which [`super::run`] does them.
    pub(super) fn outline(&self, dir: &StudyDir) -> Vec<Planned> {
        let mut stages = vec![];
        let mut maps: &[&'static str] = &[];
        if self.maps.simulate.is_some() {
            stages.push(Planned::whole("simulate", dir.cohort(), &[]));
            maps = &["simulate"];
        }
        stages.push(Planned::whole("prepare", dir.data(), maps));
        stages.push(Planned::in_units("train", dir.gan().root().to_owned(), &["prepare"], trained::whole()));
        stages.push(Planned::in_units("generate", dir.synthetic(), &["train"], ranges(&self.generate)));
        stages.push(Planned::in_units("residuals", dir.residuals(), &["generate"], Units::Found));
        stages
    }
}

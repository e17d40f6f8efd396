//! The stages that this study will go through, as they are known before any of them has run.

use super::config::GliomaStudy;
use crate::run_dir::StudyDir;
use crate::study::drawn::ranges;
use crate::study::errand::{Planned, Units};
use crate::study::trained;
use crate::{tumours, variants};

impl GliomaStudy {
    /// In the order in which [`super::run`] does them.
    pub(super) fn outline(&self, dir: &StudyDir) -> Vec<Planned> {
        let mut stages = vec![];
        let mut brains: &[&'static str] = &[];
        if self.brains.simulate.is_some() {
            stages.push(Planned::whole("simulate", dir.cohort(), &[]));
            brains = &["simulate"];
        }
        stages.push(Planned::whole("prepare", dir.data(), brains));
        stages.push(Planned::in_units("train", dir.gan().root().to_owned(), &["prepare"], trained::whole()));
        if let Some(config) = &self.variants {
            let trainings = Units::Known(variants::units(config));
            stages.push(Planned::in_units("variants", dir.variants(), &["train"], trainings));
        }
        stages.push(Planned::in_units("generate", dir.synthetic(), &["train"], ranges(&self.generate)));
        if let Some(config) = &self.tumours {
            let fits = Units::Known(tumours::units(config));
            stages.push(Planned::in_units("tumours", dir.tumours(), &["generate"], fits));
        }
        stages
    }
}

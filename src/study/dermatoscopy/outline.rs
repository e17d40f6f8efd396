//! The stages that this study will go through, as they are known before any of them has run.

use super::config::DermatoscopyStudy;
use crate::run_dir::StudyDir;
use crate::study::drawn::ranges;
use crate::study::errand::{Planned, Units};
use crate::study::trained;

impl DermatoscopyStudy {
    /// In the order in which [`super::run`] does them. Whether anything is edited hangs on what was accepted.
    pub(super) fn outline(&self, dir: &StudyDir) -> Vec<Planned> {
        let whole = Planned::whole;
        let mut stages = vec![];
        let mut images: &[&'static str] = &[];
        if self.images.simulate.is_some() {
            stages.push(whole("simulate", dir.cohort(), &[]));
            images = &["simulate"];
        }
        stages.push(whole("prepare", dir.data(), images));
        if self.second.is_some() {
            let second = dir.second_gan().root().to_owned();
            stages.push(Planned::in_units("train-second", second, &["prepare"], trained::whole()));
        }
        stages.push(Planned::in_units("train", dir.gan().root().to_owned(), &["prepare"], trained::whole()));
        stages.push(Planned::in_units("generate", dir.synthetic(), &["train"], ranges(&self.generate)));
        stages.push(Planned::in_units("invert", dir.inverted(), &["generate"], Units::Found));
        let second = self.second.as_ref().map(|_| "train-second");
        let needs: Vec<&str> = ["invert"].into_iter().chain(second).collect();
        stages.push(whole("directions", dir.directions(), &needs));
        stages.push(whole("edit", dir.edited(), &["directions"]));
        let mut of_classify = vec!["edit"];
        if let Some(external) = &self.external {
            let mut images: &[&'static str] = &[];
            if external.simulate.is_some() {
                stages.push(whole("simulate-external", dir.external_photographs(), &[]));
                images = &["simulate-external"];
            }
            stages.push(whole("prepare-external", dir.external_data(), images));
            of_classify.push("prepare-external");
        }
        // Where nothing is edited, fits that learn from edits are left out.
        stages.push(Planned::in_units("classify", dir.classify(), &of_classify, Units::Found));
        stages
    }
}

//! The stages that this study will go through, as they are known before any of them has run.

use super::agreed::Agreed;
use super::config::RimStudy;
use super::two_sided::projections;
use crate::run_dir::StudyDir;
use crate::study::drawn::ranges;
use crate::study::errand::{Planned, Units};
use crate::study::trained;
use crate::{classify, segment};

impl RimStudy {
    /// In the order in which [`super::run`] does them.
    pub(super) fn outline(&self, dir: &StudyDir) -> Vec<Planned> {
        let mut stages = vec![];
        let mut cohort: &[&'static str] = &[];
        if self.cohort.simulate.is_some() {
            stages.push(Planned::whole("simulate", dir.cohort(), &[]));
            cohort = &["simulate"];
        }
        let whole = Planned::whole;
        let projected = |stage, folder, needs: &[_]| Planned::in_units(stage, folder, needs, Units::Found);
        stages.push(whole("prepare", dir.data(), cohort));
        let mut of_classify = vec!["project"];
        if self.conditional.is_some() {
            let gan = dir.conditional_gan().root().to_owned();
            stages.push(Planned::in_units("train-conditional", gan, &["prepare"], trained::whole()));
            let drawn = dir.conditional_synthetic();
            let seeds = ranges(&self.generate);
            stages.push(Planned::in_units("generate-conditional", drawn, &["train-conditional"], seeds));
            of_classify.push("generate-conditional");
        }
        stages.extend(self.of_several_contrasts(dir));
        stages.push(Planned::in_units("train", dir.gan().root().to_owned(), &["prepare"], trained::whole()));
        for names in self.further() {
            let gan = dir.further_gan(names.number).root().to_owned();
            stages.push(Planned::in_units(names.train, gan, &["train"], trained::whole()));
            let drawn = dir.further_synthetic(names.number);
            stages.push(Planned::in_units(names.generate, drawn, &[names.train], ranges(&self.generate)));
        }
        stages.push(Planned::in_units("generate", dir.synthetic(), &["train"], ranges(&self.generate)));
        stages.push(projected("project", dir.denoised(), &["generate"]));
        if self.perturb.lesions > 0 {
            stages.push(projected("perturb", dir.perturbed(), &["project"]));
        }
        if let (Some(_), Some(config)) = (&self.conditional, &self.two_sided) {
            let as_either = projections(config, dir);
            for (stage, folder) in &as_either {
                stages.push(projected(stage, folder.clone(), &["project", "generate-conditional"]));
            }
            let needs: Vec<&str> = as_either.iter().map(|(stage, _)| *stage).collect();
            stages.push(whole("two-sided", dir.two_sided(), &needs));
            if self.needs_two_sided() {
                of_classify.push("two-sided");
            }
        }
        for agreed in Agreed::ALL.into_iter().filter(|agreed| self.needs_projected(*agreed)) {
            stages.push(projected(agreed.stage(), agreed.folder(dir), &["project"]));
            of_classify.push(agreed.stage());
        }
        for names in self.further() {
            // Through the feature net that the first one's projections chose.
            let needs = ["project", names.generate];
            stages.push(projected(names.project, dir.further_denoised(names.number), &needs));
            of_classify.push(names.project);
        }
        if self.evaluate.is_some() {
            let drawn = self.conditional.as_ref().map(|_| "generate-conditional");
            let needs: Vec<&str> = ["project"].into_iter().chain(drawn).collect();
            stages.push(whole("evaluate", dir.evaluation(), &needs));
        }
        let fits = Units::Known(classify::units::all(&self.classify));
        stages.push(Planned::in_units("classify", dir.classify(), &of_classify, fits));
        if self.explain.is_some() {
            stages.push(whole("explain", dir.explanation(), &["classify"]));
        }
        stages
    }

    fn of_several_contrasts(&self, dir: &StudyDir) -> Vec<Planned> {
        let Some(multi) = &self.multi_contrast else { return vec![] };
        let [prepare, train] = ["prepare-multi-contrast", "train-multi-contrast"];
        let [generate, project] = ["generate-multi-contrast", "project-multi-contrast"];
        let gan = dir.multi_contrast_gan().root().to_owned();
        let mut stages = vec![
            // The patients of the main data set are held out here, too.
            Planned::whole(prepare, dir.multi_contrast_data(), &["prepare"]),
            Planned::in_units(train, gan, &[prepare], trained::whole()),
            Planned::in_units(generate, dir.multi_contrast_synthetic(), &[train], ranges(&self.generate)),
        ];
        let mut last = generate;
        if multi.denoise > 0 {
            stages.push(Planned::in_units(project, dir.multi_contrast_denoised(), &[generate], Units::Found));
            last = project;
        }
        if let Some(config) = &self.segment {
            let fits = Units::Known(segment::units(config));
            stages.push(Planned::in_units("segment", dir.segmentation(), &[last], fits));
        }
        stages
    }
}

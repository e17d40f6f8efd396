//! The folders that a run of the study writes and the files beside the cohort that it reads.

use std::path::{Path, PathBuf};

use super::agreed::Agreed;
use super::config::RimStudy;
use crate::files::Owner;
use crate::project::FeatureSetting;
use crate::run_dir::StudyDir;
use crate::simulate::rim_lesions as simulate;
use crate::train::BaseChoice;
use crate::{classify, data, evaluate, explain, generate, perturb, project, segment, train, two_sided};

impl RimStudy {
    /// Every stage's folder that this study will use, and whose it is.
    pub(super) fn stage_folders(&self, dir: &StudyDir) -> Vec<(Owner, PathBuf)> {
        let gan = |gan: crate::run_dir::GanDir| (train::run_folder::OWNER, gan.root().to_owned());
        let mut folders = vec![
            (data::prepare::OWNER, dir.data()),
            gan(dir.gan()),
            (generate::stage::OWNER, dir.synthetic()),
            (project::stage::OWNER, dir.denoised()),
            (classify::stage::OWNER, dir.classify()),
        ];
        if self.cohort.simulate.is_some() {
            folders.push((simulate::OWNER, dir.cohort()));
        }
        if self.perturb.lesions > 0 {
            folders.push((perturb::stage::OWNER, dir.perturbed()));
        }
        if self.evaluate.is_some() {
            folders.push((evaluate::stage::OWNER, dir.evaluation()));
        }
        if self.explain.is_some() {
            folders.push((explain::stage::OWNER, dir.explanation()));
        }
        if self.segment.is_some() {
            folders.push((segment::stage::OWNER, dir.segmentation()));
        }
        for names in self.further() {
            folders.extend([
                gan(dir.further_gan(names.number)),
                (generate::stage::OWNER, dir.further_synthetic(names.number)),
                (project::stage::OWNER, dir.further_denoised(names.number)),
            ]);
        }
        let agreed = Agreed::ALL.into_iter().filter(|agreed| self.needs_projected(*agreed));
        folders.extend(agreed.map(|agreed| (project::stage::OWNER, agreed.folder(dir))));
        if self.conditional.is_some() {
            folders.extend([gan(dir.conditional_gan()), (generate::stage::OWNER, dir.conditional_synthetic())]);
        }
        let projections = self.two_sided_projections(dir);
        folders.extend(projections.into_iter().map(|folder| (project::stage::OWNER, folder)));
        if self.two_sided.is_some() {
            folders.push((two_sided::stage::OWNER, dir.two_sided()));
        }
        if self.multi_contrast.is_some() {
            folders.extend([
                (data::prepare::OWNER, dir.multi_contrast_data()),
                gan(dir.multi_contrast_gan()),
                (generate::stage::OWNER, dir.multi_contrast_synthetic()),
                (project::stage::OWNER, dir.multi_contrast_denoised()),
            ]);
        }
        folders
    }

    /// The files that the settings name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let base = match &self.train.base {
            BaseChoice::File(file) => Some(file.as_path()),
            BaseChoice::None | BaseChoice::Embedded => None,
        };
        let features = match &self.project.features {
            FeatureSetting::Weights(file) => Some(file.as_path()),
            FeatureSetting::Auto | FeatureSetting::BuiltIn(_) => None,
        };
        let of_evaluate = self.evaluate.iter().flat_map(|evaluate| evaluate.files().map(|(_, file)| file.as_path()));
        let weights = self.classify.weights.as_deref();
        [base, features, weights].into_iter().flatten().chain(of_evaluate)
    }
}

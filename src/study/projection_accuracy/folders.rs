//! The folders that a run of the study writes and the files that it reads.

use std::path::{Path, PathBuf};

use super::config::ProjectionAccuracyStudy;
use crate::files::Owner;
use crate::project::FeatureSetting;
use crate::run_dir::StudyDir;
use crate::simulate::diffusion;
use crate::{data, generate, residuals, train};

impl ProjectionAccuracyStudy {
    /// Every stage's folder that this study will use, and whose it is.
    pub(super) fn stage_folders(&self, dir: &StudyDir) -> Vec<(Owner, PathBuf)> {
        let simulated = self.maps.simulate.iter().map(|_| (diffusion::OWNER, dir.cohort()));
        let folders = [
            (data::prepare::OWNER, dir.data()),
            (train::run_folder::OWNER, dir.gan().root().to_owned()),
            (generate::stage::OWNER, dir.synthetic()),
            (residuals::OWNER, dir.residuals()),
        ];
        folders.into_iter().chain(simulated).collect()
    }

    /// The files that the settings name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let features = match &self.project.features {
            FeatureSetting::Weights(path) => Some(path.as_path()),
            _ => None,
        };
        self.train.base.file().into_iter().chain(features)
    }
}

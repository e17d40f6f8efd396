//! The folders that a run of the study writes and the files that it reads.

use std::path::{Path, PathBuf};

use super::config::GliomaStudy;
use crate::files::Owner;
use crate::run_dir::StudyDir;
use crate::simulate::brain;
use crate::{data, generate, train, tumours, variants};

impl GliomaStudy {
    /// Every stage's folder that this study will use, and whose it is.
    pub(super) fn stage_folders(&self, dir: &StudyDir) -> Vec<(Owner, PathBuf)> {
        let simulated = self.brains.simulate.iter().map(|_| (brain::OWNER, dir.cohort()));
        let tumours = self.tumours.iter().map(|_| (tumours::stage::OWNER, dir.tumours()));
        let variants = self.variants.iter().map(|_| (variants::stage::OWNER, dir.variants()));
        let folders = [
            (data::prepare::OWNER, dir.data()),
            (train::run_folder::OWNER, dir.gan().root().to_owned()),
            (generate::stage::OWNER, dir.synthetic()),
        ];
        folders.into_iter().chain(simulated).chain(tumours).chain(variants).collect()
    }

    /// The files that the settings name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.train.base.file().into_iter()
    }
}

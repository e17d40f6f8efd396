//! The folders that a run of the study writes and the files that it reads.

use std::path::{Path, PathBuf};

use super::config::{DermatoscopyStudy, ImageSource};
use crate::data::Source;
use crate::files::Owner;
use crate::run_dir::StudyDir;
use crate::simulate::skin;
use crate::{classify, data, directions, edit, generate, invert, train};

impl ImageSource {
    /// The user's folder or zip; `None` where the photographs are simulated.
    pub fn path(&self) -> Option<&Path> {
        [&self.ham10000, &self.isic, &self.folder].into_iter().flatten().map(PathBuf::as_path).next()
    }

    /// The same as `prepare` takes it.
    pub fn source(&self) -> Option<Source> {
        let of = |path: &Option<PathBuf>, source: fn(PathBuf) -> Source| path.clone().map(source);
        of(&self.ham10000, Source::Ham10000)
            .or_else(|| of(&self.isic, Source::Isic))
            .or_else(|| of(&self.folder, Source::Images))
    }
}

impl DermatoscopyStudy {
    /// Every stage's folder that this study will use, and whose it is.
    pub(super) fn stage_folders(&self, dir: &StudyDir) -> Vec<(Owner, PathBuf)> {
        let simulated = self.images.simulate.iter().map(|_| (skin::OWNER, dir.cohort()));
        let external = self.external.iter().flat_map(|images| {
            let simulated = images.simulate.iter().map(|_| (skin::OWNER, dir.external_photographs()));
            simulated.chain([(data::prepare::OWNER, dir.external_data())])
        });
        let second = self.second.iter().map(|_| (train::run_folder::OWNER, dir.second_gan().root().to_owned()));
        let folders = [
            (data::prepare::OWNER, dir.data()),
            (train::run_folder::OWNER, dir.gan().root().to_owned()),
            (generate::stage::OWNER, dir.synthetic()),
            (invert::stage::OWNER, dir.inverted()),
            (directions::stage::OWNER, dir.directions()),
            (edit::stage::OWNER, dir.edited()),
            (classify::stage::OWNER, dir.classify()),
        ];
        folders.into_iter().chain(second).chain(simulated).chain(external).collect()
    }

    /// The files that the settings name.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let bases = [Some(&self.train), self.second.as_ref()].into_iter().flatten().map(|train| &train.base);
        bases.filter_map(|base| base.file())
    }
}

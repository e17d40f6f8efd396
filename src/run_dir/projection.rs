//! Folders of projections: of lesions as they are, spoiled, and as of two classes.

use std::path::{Path, PathBuf};

use super::RECORD;
use crate::name::{Inside, Name};

/// A folder of projections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectionDir(PathBuf);

impl ProjectionDir {
    /// The projections in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// The denoised image of an item ("sub-001_lesion-003_z12"), relative to the folder; float32 npy \[channels,
    /// height, width\].
    pub fn image(item: &Name) -> Inside {
        Inside::of("images", item, ".npy")
    }

    /// Original, projection and difference, relative to the folder.
    pub fn figure(item: &Name) -> Inside {
        Inside::of("figures", item, ".png")
    }

    /// The optimised noise maps of an item, npz.
    pub fn noise(&self, item: &Name) -> PathBuf {
        self.0.join("noise").join(format!("{item}.npz"))
    }

    /// What is known of a finished item; written last, so its presence says that the item is done.
    pub fn item(&self, item: &Name) -> PathBuf {
        self.0.join("items").join(format!("{item}.json"))
    }

    /// The files of an item, relative to the folder; its film among them where it has one.
    pub fn files(item: &Name, film: bool) -> Vec<Inside> {
        let (noise, record) = (Inside::of("noise", item, ".npz"), Inside::of("items", item, ".json"));
        let files = [Self::image(item), Self::figure(item), noise, record];
        files.into_iter().chain(film.then(|| Self::film(item))).collect()
    }

    /// Animated PNG of an item's optimisation, relative to the folder.
    pub fn film(item: &Name) -> Inside {
        Inside::of("films", item, ".png")
    }

    /// Descents that were stopped half-way.
    pub fn underway(&self) -> PathBuf {
        self.0.join("underway")
    }

    /// w of all items, npz with the key `w` \[N, num_ws, w_dim\] in the record's order.
    pub fn latents(&self) -> PathBuf {
        self.0.join("projected_w.npz")
    }

    /// Which feature net keeps how much of a rim.
    pub fn feature_choice(&self) -> PathBuf {
        self.0.join("feature_choice.json")
    }

    /// The same slices from faithful to rim-like.
    pub fn curve(&self) -> PathBuf {
        self.0.join("curve.json")
    }

    /// The summary, written when all items are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// A folder of spoiled and projected lesions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerturbationDir(PathBuf);

impl PerturbationDir {
    /// The results in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A projection, relative to the folder; float32 npy \[channels, height, width\].
    pub fn image(case: &Name) -> Inside {
        Inside::of("images", case, ".npy")
    }

    /// A picture of several cases, relative to the folder.
    pub fn sheet(name: &Name) -> Inside {
        Inside::of("sheets", name, ".png")
    }

    /// The files of a case, relative to the folder.
    pub fn files(case: &Name) -> [Inside; 2] {
        [Self::image(case), Inside::of("cases", case, ".json")]
    }

    /// What is known of a finished case.
    pub fn case(&self, case: &Name) -> PathBuf {
        self.0.join("cases").join(format!("{case}.json"))
    }

    /// The summary, written when all cases are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// Files of a folder of lesions projected as of one class and as of the other.
#[derive(Clone, Copy, Debug)]
pub struct TwoSidedDir;

impl TwoSidedDir {
    /// Contested lesions beside both projections.
    pub const SHEET: &str = "sheet.png";

    /// A slice's projection as of the class that its lesion fits better, relative to the folder; float32 npy
    /// \[channels, height, width\].
    pub fn image(slice: &Name) -> Inside {
        Inside::of("images", slice, ".npy")
    }
}

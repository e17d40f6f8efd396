//! The folder of a study: a folder for each stage.

use std::path::{Path, PathBuf};

use super::{GanDir, ReadingDir};

/// A study folder, e.g. `out/demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyDir(PathBuf);

impl StudyDir {
    /// The study in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Units of stages that shards left.
    pub fn units(&self) -> PathBuf {
        self.0.join("units")
    }

    /// BIDS, simulated or linked.
    pub fn cohort(&self) -> PathBuf {
        self.0.join("cohort")
    }

    /// The prepared data set.
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The generator's training run.
    pub fn gan(&self) -> GanDir {
        GanDir::new(self.0.join("gan"))
    }

    /// The training run of a further generator like the first; `number` is 2 and on.
    pub fn further_gan(&self, number: usize) -> GanDir {
        GanDir::new(self.0.join(format!("gan-{number}")))
    }

    /// Images that the further generator of that number drew.
    pub fn further_synthetic(&self, number: usize) -> PathBuf {
        self.0.join(format!("synthetic-{number}"))
    }

    /// Projections of the contested lesions into the further generator of that number.
    pub fn further_denoised(&self, number: usize) -> PathBuf {
        self.0.join(format!("denoised-{number}"))
    }

    /// The training run of a second generator, from other weights.
    pub fn second_gan(&self) -> GanDir {
        GanDir::new(self.0.join("gan-second"))
    }

    /// Images that the generator drew.
    pub fn synthetic(&self) -> PathBuf {
        self.0.join("synthetic")
    }

    /// Projections of the contested lesions.
    pub fn denoised(&self) -> PathBuf {
        self.0.join("denoised")
    }

    /// Projections of the training side's agreed rims, for the arms that need them.
    pub fn denoised_rims(&self) -> PathBuf {
        self.0.join("denoised-rims")
    }

    /// Projections of the training side's agreed non-rims, for the arms that need them.
    pub fn denoised_non_rims(&self) -> PathBuf {
        self.0.join("denoised-non-rims")
    }

    /// Of the conditional generator.
    pub fn conditional_gan(&self) -> GanDir {
        GanDir::new(self.0.join("gan-conditional"))
    }

    /// Images that it drew.
    pub fn conditional_synthetic(&self) -> PathBuf {
        self.0.join("synthetic-conditional")
    }

    /// Projections of lesions into the conditional generator: of which ("contested", "rims", "non-rims"), and as what
    /// ("rim", "non-rim").
    pub fn projected_as(&self, of: &str, class: &str) -> PathBuf {
        self.0.join(format!("{of}-as-{class}"))
    }

    /// What these say together.
    pub fn two_sided(&self) -> PathBuf {
        self.0.join("two-sided")
    }

    /// Of several contrasts.
    pub fn multi_contrast_data(&self) -> PathBuf {
        self.0.join("data-multi-contrast")
    }

    /// Of several contrasts: the training run.
    pub fn multi_contrast_gan(&self) -> GanDir {
        GanDir::new(self.0.join("gan-multi-contrast"))
    }

    /// Of several contrasts: drawn images.
    pub fn multi_contrast_synthetic(&self) -> PathBuf {
        self.0.join("synthetic-multi-contrast")
    }

    /// Of several contrasts: projections.
    pub fn multi_contrast_denoised(&self) -> PathBuf {
        self.0.join("denoised-multi-contrast")
    }

    /// Tumours found with and without drawn pairs.
    pub fn tumours(&self) -> PathBuf {
        self.0.join("tumours")
    }

    /// What projections leave out.
    pub fn residuals(&self) -> PathBuf {
        self.0.join("residuals")
    }

    /// Variants of the generator at equal budget.
    pub fn variants(&self) -> PathBuf {
        self.0.join("variants")
    }

    /// Known lesions spoiled and projected back.
    pub fn perturbed(&self) -> PathBuf {
        self.0.join("perturbed")
    }

    /// Other photographs, to test on; simulated ones.
    pub fn external_photographs(&self) -> PathBuf {
        self.0.join("cohort-external")
    }

    /// The data set made of other photographs.
    pub fn external_data(&self) -> PathBuf {
        self.0.join("data-external")
    }

    /// Photographs in the generator's latent space.
    pub fn inverted(&self) -> PathBuf {
        self.0.join("inverted")
    }

    /// Directions of that space.
    pub fn directions(&self) -> PathBuf {
        self.0.join("directions")
    }

    /// Photographs edited along them.
    pub fn edited(&self) -> PathBuf {
        self.0.join("edited")
    }

    /// The comparison of arms.
    pub fn classify(&self) -> PathBuf {
        self.0.join("classify")
    }

    /// Sets of images against held-out ones.
    pub fn evaluation(&self) -> PathBuf {
        self.0.join("evaluation")
    }

    /// What the classifiers look at.
    pub fn explanation(&self) -> PathBuf {
        self.0.join("explanation")
    }

    /// Masks of rims.
    pub fn segmentation(&self) -> PathBuf {
        self.0.join("segmentation")
    }

    /// The answers of readers, and what came out of them.
    pub fn reading(&self) -> ReadingDir {
        ReadingDir(self.0.join("reading"))
    }

    /// Every number that the report shows.
    pub fn results(&self) -> PathBuf {
        self.0.join("results.json")
    }

    /// The resolved settings of the run.
    pub fn settings(&self) -> PathBuf {
        self.0.join("study.toml")
    }

    /// The report's one file.
    pub fn report(&self) -> PathBuf {
        self.0.join("report").join("index.html")
    }
}

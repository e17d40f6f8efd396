//! Folders of trained networks: a training's, an imported and an exported network's, and one of compared variants.

use std::path::{Path, PathBuf};

use super::RECORD;

/// A training run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GanDir(PathBuf);

impl GanDir {
    /// The run in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// One line per tick; the same bytes however often training was interrupted.
    pub fn stats(&self) -> PathBuf {
        self.0.join("stats.jsonl")
    }

    /// Wall-clock facts, one line per tick; never the same twice.
    pub fn timing(&self) -> PathBuf {
        self.0.join("timing.jsonl")
    }

    /// What the precision was chosen by, where it was measured.
    pub fn precision(&self) -> PathBuf {
        self.0.join("precision.json")
    }

    /// TensorBoard event files lie directly in the run folder, as TensorBoard expects.
    pub fn events(&self) -> &Path {
        &self.0
    }

    /// `checkpoint-<images>` folders of files, newest valid wins.
    pub fn checkpoints(&self) -> PathBuf {
        self.0.join("checkpoints")
    }

    /// Grids of drawn images, one a preview.
    pub fn previews(&self) -> PathBuf {
        self.0.join("previews")
    }

    /// The network (EMA generator) with the lowest Frechet distance so far.
    pub fn best_network(&self) -> PathBuf {
        self.0.join("network-best.safetensors")
    }

    /// The network of the last checkpoint.
    pub fn last_network(&self) -> PathBuf {
        self.0.join("network-last.safetensors")
    }

    /// The summary, written when training is done.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }

    /// Held for as long as a run works in the folder.
    pub fn lock(&self) -> PathBuf {
        self.0.join(".lock")
    }
}

/// Folder of an imported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportDir(PathBuf);

impl ImportDir {
    /// Name of the network's file.
    pub const NETWORK: &str = "network.safetensors";

    /// Name of the manifest's file.
    pub const MANIFEST: &str = "manifest.json";

    /// The import in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The network, in our format.
    pub fn network(&self) -> PathBuf {
        self.0.join(Self::NETWORK)
    }

    /// Where the network comes from, its settings, and the shape of every tensor.
    pub fn manifest(&self) -> PathBuf {
        self.0.join(Self::MANIFEST)
    }
}

/// Folder of an exported network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportDir(PathBuf);

impl ExportDir {
    /// Name of the state dict's file.
    pub const STATE_DICT: &str = "state_dict.pt";

    /// Name of the manifest's file.
    pub const MANIFEST: &str = "manifest.json";

    /// The export in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// What `torch.load` with `weights_only` reads.
    pub fn state_dict(&self) -> PathBuf {
        self.0.join(Self::STATE_DICT)
    }

    /// Arguments that make the reference's networks, and what the network is.
    pub fn manifest(&self) -> PathBuf {
        self.0.join(Self::MANIFEST)
    }
}

/// A folder of variants trained at equal budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantsDir(PathBuf);

impl VariantsDir {
    /// Of the comparison.
    pub const RECORD: &str = RECORD;
    /// The same latents in each variant.
    pub const SHEET: &str = "variants.png";

    /// The results in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The training of a variant, by its name, with a seed; a folder of its own.
    pub fn training(&self, variant: &str, seed: u64) -> PathBuf {
        self.0.join(format!("{variant}-{seed}"))
    }

    /// The comparison, written when all trainings are done.
    pub fn record(&self) -> PathBuf {
        self.0.join(Self::RECORD)
    }

    /// The picture of it.
    pub fn sheet(&self) -> PathBuf {
        self.0.join(Self::SHEET)
    }
}

//! Folders of inverted images and of directions.

use std::path::{Path, PathBuf};

use super::RECORD;
use crate::name::{Inside, Name};

/// A folder of inverted images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InversionDir(PathBuf);

impl InversionDir {
    /// The summary.
    pub const RECORD: &'static str = RECORD;
    /// Seconds that parts of it took.
    pub const TIMES: &'static str = "times.json";
    /// Name of the encoder's file.
    pub const ENCODER: &'static str = "encoder.safetensors";
    /// Name of the hypernetwork's file.
    pub const HYPERNETWORK: &'static str = "hypernetwork.safetensors";
    /// Sides of the split that have sheets.
    pub const SHEETS: [&'static str; 2] = ["train", "validation"];

    /// The inversions in `root`; nothing is read or made.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// A network's file by its name, relative to the folder.
    pub fn network_file(name: &str) -> Inside {
        Inside::of("nets", &Name::of_known(name), "")
    }

    /// The encoder.
    pub fn encoder(&self) -> PathBuf {
        self.0.join("nets").join(Self::ENCODER)
    }

    /// The hypernetwork.
    pub fn hypernetwork(&self) -> PathBuf {
        self.0.join("nets").join(Self::HYPERNETWORK)
    }

    /// The generator tuned on all training images behind an embedding, a network file.
    pub fn tuned(&self, embed: &str) -> PathBuf {
        self.0.join("nets").join(format!("tuned-{embed}.safetensors"))
    }

    /// What it depends on.
    pub fn tuned_note(&self, embed: &str) -> PathBuf {
        self.0.join("nets").join(format!("tuned-{embed}.json"))
    }

    /// The generator tuned on one image by a method.
    pub fn tuned_for(&self, method: &str, image: &Name) -> PathBuf {
        self.0.join("tuned").join(method).join(format!("{image}.safetensors"))
    }

    /// Codes and offsets by a method, relative to the folder.
    pub fn codes(method: &str) -> Inside {
        Inside::of("codes", &Name::of_known(method), ".safetensors")
    }

    /// Codes of a descent before anything else is done to them.
    pub fn embedded(&self, name: &str) -> PathBuf {
        self.0.join("embedded").join(format!("{name}.safetensors"))
    }

    /// What is not finished.
    pub fn underway(&self, name: &str) -> PathBuf {
        self.0.join("underway").join(format!("{name}.safetensors"))
    }

    /// Images of a side beside what the methods make of them, relative to the folder.
    pub fn sheet(side: &str) -> Inside {
        Inside::of("sheets", &Name::of_known(side), ".png")
    }

    /// The summary.
    pub fn record(&self) -> PathBuf {
        self.0.join(RECORD)
    }
}

/// Files of a folder of directions.
#[derive(Clone, Copy, Debug)]
pub struct DirectionsDir;

impl DirectionsDir {
    /// Unit vectors, deviations and layers.
    pub const VECTORS: &str = "directions.safetensors";

    /// All strips on one sheet.
    pub const ATLAS: &str = "atlas.png";

    /// The same codes moved along a direction, relative to the folder.
    pub fn strip(direction: &Name) -> Inside {
        Inside::of("strips", direction, ".png")
    }
}

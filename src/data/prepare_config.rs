//! What a person sets about the stage.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::manifest::Items;
use super::split::Shares;
use crate::problem::{Problem, Result};
use crate::records::label::{Contrast, Window};

/// Where the images come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A BIDS folder.
    Cohort(PathBuf),
    /// A folder of PNGs.
    Images(PathBuf),
    /// A StyleGAN2-ADA data set.
    Zip(PathBuf),
}

/// What the classes of plain images are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassSource {
    /// One label is of interest (`rim_label`), one may be contested (`ambiguous_label`), all others are one class.
    #[default]
    Interest,
    /// Each label is a class, but for the contested one.
    Labels,
}

impl ClassSource {
    /// Whether it is the default.
    pub fn is_interest(&self) -> bool {
        *self == Self::Interest
    }
}

/// Settings of the stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrepareConfig {
    /// Channels of a cohort's patches: "chimap", "flair", "rim", or another BIDS suffix in lower case.
    pub contrasts: Vec<String>,
    /// Patch size in voxels: depth, height, width.
    pub patch: [u32; 3],
    /// A slice is used if it has at least this share of the lesion voxels of the lesion's largest slice.
    pub slice_area_fraction: f64,
    /// Share of the patients.
    pub test_fraction: f64,
    pub validation_fraction: f64,
    /// Standard deviation in voxels of the blur, within a slice, that turns traced rims into a map of probability: between the
    /// hard edges of a tracing and its own soft ones a discriminator needs no look at anything else.
    pub rim_softness: f64,
    /// Windows that replace the defaults, by contrast.
    pub windows: BTreeMap<String, Window>,
    /// Which session of a cohort, where there are several.
    pub session: Option<String>,
    /// For plain images: what their classes are.
    #[serde(skip_serializing_if = "ClassSource::is_interest")]
    pub classes: ClassSource,
    /// For plain images: the label of interest, and the one that counts as contested.
    pub rim_label: Option<String>,
    pub ambiguous_label: Option<String>,
    /// What one item is: "slices" of the patches, or whole patches ("volumes").
    #[serde(skip_serializing_if = "Items::is_slices")]
    pub items: Items,
    /// For plain images: a table with the columns file and patient.
    pub patients: Option<PathBuf>,
    /// What may come out of a zip.
    pub max_zip_bytes: u64,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            contrasts: vec!["chimap".into()],
            patch: [24, 64, 64],
            slice_area_fraction: 0.5,
            test_fraction: 0.25,
            validation_fraction: 0.15,
            rim_softness: 1.0,
            windows: BTreeMap::new(),
            session: None,
            classes: ClassSource::default(),
            rim_label: None,
            ambiguous_label: None,
            items: Items::default(),
            patients: None,
            max_zip_bytes: 1 << 30,
        }
    }
}

impl PrepareConfig {
    pub(super) fn shares(&self) -> Shares {
        Shares { validation: self.validation_fraction, test: self.test_fraction }
    }

    /// The contrast with its window, asked for or default.
    pub(super) fn with_window(&self, mut contrast: Contrast) -> Contrast {
        if let Some(&window) = self.windows.get(&contrast.name) {
            contrast.window = window;
        }
        contrast
    }

    pub(super) fn check(&self) -> Result<()> {
        let plain =
            |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if self.contrasts.is_empty() || !self.contrasts.iter().all(plain) {
            return Err(Problem::usage(format!("contrasts {:?}", self.contrasts))
                .expected("BIDS suffixes in lower case, such as chimap, flair, rim"));
        }
        if self.contrasts.iter().collect::<HashSet<_>>().len() < self.contrasts.len() {
            return Err(Problem::usage(format!("contrasts {:?}", self.contrasts)).expected("each once"));
        }
        if self.patch.iter().any(|&size| !(1..=1024).contains(&size)) {
            return Err(
                Problem::usage(format!("patch size {:?}", self.patch)).expected("1 to 1024 voxels along each axis")
            );
        }
        if !(0.0..=1.0).contains(&self.slice_area_fraction) {
            return Err(Problem::usage(format!("slice_area_fraction {}", self.slice_area_fraction)).expected("0 to 1"));
        }
        if !(0.0..=10.0).contains(&self.rim_softness) {
            return Err(Problem::usage(format!("rim_softness {}", self.rim_softness)).expected("0 to 10 voxels"));
        }
        self.windows.values().try_for_each(|window| Window::new(window.low, window.high).map(|_| ()))
    }
}

impl PrepareConfig {
    /// Classes of labels where there are readers, or volumes of images one slice deep, are a mistake.
    pub(super) fn check_items(&self, source: &Source) -> Result<()> {
        let cohort = matches!(source, Source::Cohort(_));
        if cohort && self.classes == ClassSource::Labels {
            return Err(Problem::usage("classes = \"labels\" for a cohort, whose readers say what its lesions are")
                .expected("images or a zip with labels"));
        }
        if !cohort && self.items == Items::Volumes {
            return Err(Problem::usage("items = \"volumes\" for images of one slice").expected("a cohort"));
        }
        Ok(())
    }

    /// A window for a contrast that the source does not give would do nothing, silently.
    pub(super) fn check_windows(&self, source: &Source) -> Result<()> {
        let images = ["image0", "image1", "image2"].map(str::to_owned);
        let known: &[String] = if matches!(source, Source::Cohort(_)) { &self.contrasts } else { &images };
        match self.windows.keys().find(|&name| !known.contains(name)) {
            Some(name) => Err(Problem::usage(format!("a window for {name:?}")).expected(known.join(", "))),
            None => Ok(()),
        }
    }
}

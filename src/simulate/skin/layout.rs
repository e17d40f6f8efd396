//! Names of the files of a simulated set: HAM10000's own, as it is downloaded, and beside them the truth.

use std::path::{Path, PathBuf};

use crate::run_dir::RECORD;

/// Name of the picture of example pictures.
pub const GALLERY: &str = "gallery.png";

/// Table of the images: lesion, diagnosis, how it was found, age, sex, place, source.
pub const METADATA: &str = "HAM10000_metadata.csv";

/// Table of every generating factor of every image.
pub const FACTORS: &str = "truth/factors.csv";

/// Hash of the settings that the set was made with.
pub(super) const KEY: &str = ".rimforge/key";

/// The settings.
pub(super) const SETTINGS: &str = ".rimforge/settings.json";

/// Says in words what this is.
pub(super) const README: &str = "README";

/// Says it for programs.
pub(super) const DESCRIPTION: &str = "dataset_description.json";

/// Number of HAM10000's first image.
const FIRST: u32 = 24_306;

/// Where things are in the folder of a set of so many images.
#[derive(Clone, Debug)]
pub struct SkinLayout {
    root: PathBuf,
    images: u32,
}

impl SkinLayout {
    /// Of a folder.
    pub fn new(root: &Path, images: u32) -> Self {
        Self { root: root.to_owned(), images }
    }

    /// A file by its name inside the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Of an image, relative to the folder; the first half lies in the first of two folders.
    pub fn image(&self, number: u32) -> String {
        let part = if number < self.images / 2 { 1 } else { 2 };
        format!("HAM10000_images_part_{part}/{}.jpg", image_id(number))
    }

    /// All files of the set, relative to the folder.
    pub(super) fn written(&self) -> Vec<String> {
        let whole = [METADATA, FACTORS, KEY, SETTINGS, README, DESCRIPTION, GALLERY, RECORD].map(str::to_owned);
        (0..self.images).map(|number| self.image(number)).chain(whole).collect()
    }
}

/// As HAM10000 numbers images.
pub fn image_id(number: u32) -> String {
    format!("ISIC_{:07}", FIRST + number)
}

/// As HAM10000 numbers lesions.
pub fn lesion_id(number: u32) -> String {
    format!("HAM_{number:07}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ham10000s() {
        let layout = SkinLayout::new(Path::new("set"), 10_015);
        assert_eq!(layout.image(0), "HAM10000_images_part_1/ISIC_0024306.jpg");
        assert_eq!(layout.image(10_014), "HAM10000_images_part_2/ISIC_0034320.jpg");
        assert_eq!(lesion_id(7), "HAM_0000007");
        assert_eq!(layout.written().len(), 10_015 + 8);
    }
}

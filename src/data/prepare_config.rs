//! What a person sets about the stage.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bids::Pick;
use super::brats::config::BratsConfig;
use super::brats::layout;
use super::fa_maps::FA;
use super::fa_maps::config::FaConfig;
use super::manifest::Items;
use super::split::Shares;
use crate::nifti::Form;
use crate::problem::Result;
use crate::records::label::{Contrast, SUSCEPTIBILITY, Window, known_as};
use crate::settings::Settings;

/// Where the images come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A BIDS folder.
    Cohort(PathBuf),
    /// A folder of PNGs or JPEGs.
    Images(PathBuf),
    /// A StyleGAN2-ADA data set.
    Zip(PathBuf),
    /// HAM10000 as it is downloaded, a folder or a zip.
    Ham10000(PathBuf),
    /// The training set of an ISIC challenge as it is downloaded, a folder or a zip.
    Isic(PathBuf),
    /// BraTS-Africa or BraTS of another year as it is downloaded, a folder.
    Brats(PathBuf),
    /// Maps of fractional anisotropy, a folder.
    Fa(PathBuf),
}

impl Source {
    /// The folder or file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Cohort(path)
            | Self::Images(path)
            | Self::Zip(path)
            | Self::Ham10000(path)
            | Self::Isic(path)
            | Self::Brats(path)
            | Self::Fa(path) => path,
        }
    }

    /// Whether it is photographs with tables of lesions and diagnoses.
    pub(super) fn is_dermoscopy(&self) -> bool {
        matches!(self, Self::Ham10000(_) | Self::Isic(_))
    }
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
    /// Channels of a cohort's patches: "chimap" (or "qsm" and other names of susceptibility), "flair", "rim", or
    /// another BIDS suffix in lower case.
    pub contrasts: Vec<String>,
    /// Patch size in voxels: depth, height, width.
    pub patch: [u32; 3],
    /// A slice is used if it has at least this share of the lesion voxels of the lesion's largest slice.
    pub slice_area_fraction: f64,
    /// Share of the patients.
    pub test_fraction: f64,
    /// Share of the patients; with `test_fraction` below 1.
    pub validation_fraction: f64,
    /// Standard deviation in voxels of the blur, within a slice, that turns traced rims into a map of probability:
    /// between the hard edges of a tracing and its own soft ones a discriminator needs no look at anything else.
    pub rim_softness: f64,
    /// Windows that replace the defaults, by contrast.
    pub windows: BTreeMap<String, Window>,
    /// Which session of a cohort, where there are several.
    pub session: Option<String>,
    /// Which of several files of a cohort that differ in an entity: "run-2", "part-mag"; "run-none" means those
    /// without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    /// Where a cohort's volumes lie whose headers say it twice and differently: "sform" (the rows) or "qform" (the
    /// quaternion).
    #[serde(skip_serializing_if = "Form::is_sform")]
    pub form: Form,
    /// For plain images: what their classes are.
    // Younger than the rest, as `items` is: not written at its default, so that the stage's key stays
    // (`study::cache::Stage::new`).
    #[serde(skip_serializing_if = "ClassSource::is_interest")]
    pub classes: ClassSource,
    /// For plain images: the label of interest, and the one that counts as contested.
    pub rim_label: Option<String>,
    /// For plain images: the label that counts as contested.
    pub ambiguous_label: Option<String>,
    /// What one item is: "slices" of the patches, or whole patches ("volumes").
    #[serde(skip_serializing_if = "Items::is_slices")]
    pub items: Items,
    /// For plain images: a table with the columns file and patient.
    pub patients: Option<PathBuf>,
    /// What may come out of a zip.
    pub max_zip_bytes: u64,
    /// For plain images: pixels of one, at most; about 10 bytes of memory for each of its channels. Networks take at
    /// most 1024 x 1024.
    // Younger than the rest, as `classes` is.
    #[serde(skip_serializing_if = "is_default_pixels")]
    pub max_pixels: u64,
    /// For plain images and photographs: bring them to this many pixels each way, by the centred square and averages
    /// over areas of levels as stored. Plain images are taken as they are where this is absent, photographs brought to
    /// 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<u32>,
    /// For plain images of `side`: they are photographs in colour, and those that are nearly the same stay on one side.
    /// The tables of HAM10000 and ISIC come with it always.
    #[serde(skip_serializing_if = "is_off")]
    pub near_duplicates: bool,
    /// For brains with gliomas.
    #[serde(skip_serializing_if = "is_default_brats")]
    pub brats: BratsConfig,
    /// For maps of fractional anisotropy.
    #[serde(skip_serializing_if = "is_default_fa")]
    pub fa: FaConfig,
    /// For plain images: files and folders in the folder, or entries of the zip, at most; about 2 kB of memory for
    /// each image.
    #[serde(skip_serializing_if = "is_default_files")]
    pub max_files: u64,
}

/// 2048 x 2048, four times what networks take.
const DEFAULT_PIXELS: u64 = 1 << 22;

/// More than most collections of images have.
const DEFAULT_FILES: u64 = 200_000;

/// 8192 x 8192.
const MOST_PIXELS: u64 = 1 << 26;

const MOST_FILES: u64 = 10_000_000;

fn is_default_pixels(pixels: &u64) -> bool {
    *pixels == DEFAULT_PIXELS
}

fn is_default_brats(brats: &BratsConfig) -> bool {
    *brats == BratsConfig::default()
}

fn is_default_fa(fa: &FaConfig) -> bool {
    *fa == FaConfig::default()
}

fn is_off(switch: &bool) -> bool {
    !switch
}

fn is_default_files(files: &u64) -> bool {
    *files == DEFAULT_FILES
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self {
            contrasts: vec![SUSCEPTIBILITY.into()],
            patch: [24, 64, 64],
            slice_area_fraction: 0.5,
            test_fraction: 0.25,
            validation_fraction: 0.15,
            rim_softness: 1.0,
            windows: BTreeMap::new(),
            session: None,
            entities: Vec::new(),
            form: Form::default(),
            classes: ClassSource::default(),
            rim_label: None,
            ambiguous_label: None,
            items: Items::default(),
            patients: None,
            max_zip_bytes: 1 << 30,
            max_pixels: DEFAULT_PIXELS,
            side: None,
            near_duplicates: false,
            brats: BratsConfig::default(),
            fa: FaConfig::default(),
            max_files: DEFAULT_FILES,
        }
    }
}

impl PrepareConfig {
    pub(super) fn shares(&self) -> Shares {
        Shares { validation: self.validation_fraction, test: self.test_fraction }
    }

    /// Channels of brains: what was asked for, or the one image that shows a tumour's rim.
    pub(super) fn brats_contrasts(&self) -> Vec<String> {
        if self.contrasts == Self::default().contrasts { vec!["t1c".into()] } else { self.contrasts.clone() }
    }

    /// The contrast with its window, asked for or default.
    pub(super) fn with_window(&self, mut contrast: Contrast) -> Contrast {
        if let Some((_, &window)) = self.windows.iter().find(|(name, _)| known_as(name) == contrast.name.as_str()) {
            contrast.window = window;
        }
        contrast
    }

    /// What chooses among a cohort's files.
    pub fn picks(&self) -> Vec<Pick> {
        let session = self.session.iter().map(|name| ("ses".to_owned(), name.trim_start_matches("ses-").to_owned()));
        let entities = self.entities.iter().filter_map(|entity| entity.split_once('-'));
        session.chain(entities.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
    }

    /// Refuses what `source` has no use for: it would do nothing, silently.
    ///
    /// # Errors
    /// `Kind::Usage`, as [`Settings::check`].
    pub fn check_for(&self, source: &Source) -> Result<()> {
        let cohort = matches!(source, Source::Cohort(_));
        let images = ["image0", "image1", "image2"].map(str::to_owned);
        self.check_for_brats(source)?;
        self.check_for_fa(source)?;
        let maps = [FA.to_owned()];
        let known: &[String] = match source {
            Source::Cohort(_) => &self.contrasts,
            Source::Fa(_) => &maps,
            _ => &images,
        };
        let names: HashSet<&str> = known.iter().map(|name| known_as(name)).collect();
        if let Some((name, window)) = self.windows.iter().find(|(name, _)| !names.contains(known_as(name))) {
            let found = format!("{:?}: a window for {name:?}", [window.low, window.high]);
            return Err(Self::refuse(&format!("windows.{name}"), found, known.join(", "))
                .advice("prepare that contrast, or remove the window"));
        }
        if cohort && self.classes == ClassSource::Labels {
            return Err(Self::refuse(
                "classes",
                "\"labels\"",
                "images or a zip with labels: a cohort's readers say what its lesions are",
            )
            .advice("leave prepare.classes out"));
        }
        if !cohort && self.items == Items::Volumes {
            return Err(Self::refuse("items", "\"volumes\"", "a cohort: these are images of one slice")
                .advice("leave prepare.items out"));
        }
        let has_headers = cohort || matches!(source, Source::Brats(_) | Source::Fa(_));
        if !has_headers && !self.form.is_sform() {
            return Err(Self::refuse("form", "\"qform\"", "a cohort: plain images have no header that says it")
                .advice("leave prepare.form out"));
        }
        if self.near_duplicates && (self.side.is_none() || !matches!(source, Source::Images(_) | Source::Zip(_))) {
            let expected = "plain images with prepare.side, which are then compared as photographs";
            return Err(Self::refuse("near_duplicates", "true", expected));
        }
        let side = self.side.map(|side| side.to_string());
        let entities = self.entities.first().cloned();
        let file = self.patients.as_ref().map(|path| path.display().to_string());
        let of_images =
            [("rim_label", &self.rim_label), ("ambiguous_label", &self.ambiguous_label), ("patients", &file)];
        let of_cohort = [("session", &self.session), ("entities", &entities)];
        let unused: Vec<(&str, &Option<String>)> = match source {
            Source::Cohort(_) => of_images.into_iter().chain([("side", &side)]).collect(),
            Source::Images(_) | Source::Zip(_) => of_cohort.to_vec(),
            Source::Ham10000(_) | Source::Isic(_) | Source::Brats(_) | Source::Fa(_) => {
                of_cohort.into_iter().chain(of_images).collect()
            }
        };
        match unused.into_iter().find(|(_, value)| value.is_some()) {
            Some((name, value)) => {
                let expected = match source {
                    Source::Cohort(_) => "plain images: a cohort says it itself",
                    Source::Brats(_) => "plain images or a cohort: the cases' names say it",
                    Source::Fa(_) => "plain images or a cohort: the maps' names and participants.tsv say it",
                    _ if source.is_dermoscopy() && !["session", "entities"].contains(&name) => {
                        "plain images: the set's own tables say it"
                    }
                    _ => "a cohort",
                };
                Err(Self::refuse(name, format!("{:?}", value.as_deref().unwrap_or_default()), expected))
            }
            None => Ok(()),
        }
    }
}

impl PrepareConfig {
    /// Settings of brains go with brains, and their channels are the volumes of a case.
    fn check_for_brats(&self, source: &Source) -> Result<()> {
        if !matches!(source, Source::Brats(_)) {
            if is_default_brats(&self.brats) {
                return Ok(());
            }
            let found = "settings other than the defaults";
            return Err(Self::refuse("brats", found, "brains with gliomas (--brats), which have planes and labels"));
        }
        let contrasts = self.brats_contrasts();
        let known: Vec<&str> = layout::known().collect();
        let images = contrasts.iter().filter(|name| known.contains(&name.as_str()) && name.as_str() != "seg");
        if contrasts.iter().any(|name| !known.contains(&name.as_str())) || images.count() == 0 {
            let expected = format!("volumes of BraTS, one of them an image: {}", known.join(", "));
            return Err(Self::refuse("contrasts", format!("{contrasts:?}"), expected));
        }
        if !self.windows.is_empty() {
            let found = "windows of contrasts";
            return Err(Self::refuse("windows", found, "none: each volume has its own, prepare.brats.window says how"));
        }
        Ok(())
    }
}

impl PrepareConfig {
    /// Settings of maps of anisotropy go with them, and they are the one channel.
    fn check_for_fa(&self, source: &Source) -> Result<()> {
        if !matches!(source, Source::Fa(_)) {
            if is_default_fa(&self.fa) {
                return Ok(());
            }
            return Err(Self::refuse("fa", "settings other than the defaults", "maps of fractional anisotropy (--fa)"));
        }
        if self.contrasts != Self::default().contrasts && self.contrasts != [FA] {
            return Err(Self::refuse("contrasts", format!("{:?}", self.contrasts), format!("{FA}, and no other")));
        }
        Ok(())
    }
}

impl Settings for PrepareConfig {
    const SECTION: &'static str = "prepare";

    fn check(&self) -> Result<()> {
        self.brats.check()?;
        self.fa.check()?;
        if let Err(expected) = check_contrasts(&self.contrasts) {
            return Err(Self::refuse("contrasts", format!("{:?}", self.contrasts), expected));
        }
        if self.patch.iter().any(|size| !(1..=LARGEST_PATCH).contains(size)) {
            let expected = format!("depth, height and width of 1 to {LARGEST_PATCH} voxels");
            return Err(Self::refuse("patch", format!("{:?}", self.patch), expected));
        }
        Self::within("slice_area_fraction", self.slice_area_fraction, 0.0, 1.0)?;
        for (name, share) in [("test_fraction", self.test_fraction), ("validation_fraction", self.validation_fraction)]
        {
            if !(0.0..1.0).contains(&share) {
                return Err(Self::refuse(name, share, "a share from 0 up to 1, 1 not included"));
            }
        }
        if self.test_fraction + self.validation_fraction >= 1.0 {
            let found = format!(
                "{} with {} = {}",
                self.test_fraction,
                Self::key("validation_fraction"),
                self.validation_fraction
            );
            return Err(Self::refuse("test_fraction", found, "a sum below 1, which leaves something to train on"));
        }
        Self::within("rim_softness", self.rim_softness, 0.0, 10.0)?;
        for (name, window) in &self.windows {
            if Window::new(window.low, window.high).is_err() {
                let found = format!("window {}:{}", window.low, window.high);
                return Err(Self::refuse(&format!("windows.{name}"), found, "two finite numbers, the lower one first"));
            }
        }
        if let Some(session) = &self.session {
            let name = session.strip_prefix("ses-").unwrap_or(session);
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                let expected = "letters and digits as after \"ses-\" in the files' names, e.g. \"01\"";
                return Err(Self::refuse("session", format!("{session:?}"), expected));
            }
        }
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = |entity: &String| {
            entity
                .split_once('-')
                .is_some_and(|(key, value)| plain(key) && plain(value) && !["sub", "ses"].contains(&key))
        };
        if !self.entities.iter().all(fits) {
            let expected = "entities as in the files' names, e.g. \"run-2\"; a session has its own setting";
            return Err(Self::refuse("entities", format!("{:?}", self.entities), expected));
        }
        Self::named("rim_label", self.rim_label.as_deref().unwrap_or("absent"))?;
        Self::named("ambiguous_label", self.ambiguous_label.as_deref().unwrap_or("absent"))?;
        if self.rim_label.is_some() && self.rim_label == self.ambiguous_label {
            let found = format!("{:?}", self.ambiguous_label.as_deref().unwrap_or_default());
            return Err(Self::refuse("ambiguous_label", found, "another label than prepare.rim_label"));
        }
        Self::named("patients", &self.patients.as_ref().map_or("absent".into(), |path| path.display().to_string()))?;
        Self::within("max_pixels", self.max_pixels, 1, MOST_PIXELS)?;
        if let Some(side) = self.side {
            Self::within("side", side, 4, LARGEST_PATCH)?;
        }
        Self::within("max_files", self.max_files, 1, MOST_FILES)?;
        Self::at_least("max_zip_bytes", self.max_zip_bytes, 1)
    }
}

/// Voxels of a patch along each axis, at most: what the networks' largest square holds.
const LARGEST_PATCH: u32 = 1024;

/// What contrasts must be where these cannot be used.
///
/// # Errors
/// In words for `expected`: none, one that is no BIDS suffix in lower case, or one twice.
pub fn check_contrasts(contrasts: &[String]) -> std::result::Result<(), &'static str> {
    let plain = |name: &String| {
        (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if contrasts.is_empty() || !contrasts.iter().all(plain) {
        return Err("BIDS suffixes in lower case, such as chimap, flair, rim");
    }
    if contrasts.iter().map(|name| known_as(name)).collect::<HashSet<_>>().len() < contrasts.len() {
        Err("each contrast once")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_has_no_use_for_is_refused() {
        let cohort = Source::Cohort("c".into());
        let images = Source::Images("i".into());
        let config = PrepareConfig::default();
        assert!(config.check_for(&cohort).is_ok() && config.check_for(&images).is_ok());
        let labelled = PrepareConfig { rim_label: Some("light".into()), ..config.clone() };
        assert!(labelled.check_for(&images).is_ok());
        let copies = PrepareConfig { near_duplicates: true, ..config.clone() };
        let problem = copies.check_for(&Source::Images("i".into())).unwrap_err().to_string();
        assert!(problem.contains("prepare.near_duplicates = true") && problem.contains("prepare.side"), "{problem}");
        let tables = labelled.check_for(&Source::Isic("i".into())).unwrap_err().to_string();
        assert!(tables.contains("plain images: the set's own tables say it"), "{tables}");
        let sized = PrepareConfig { side: Some(32), ..config.clone() };
        assert!(sized.check_for(&images).is_ok() && sized.check_for(&Source::Ham10000("h".into())).is_ok());
        assert!(sized.check_for(&cohort).is_err());
        let problem = labelled.check_for(&cohort).unwrap_err().to_string();
        assert!(problem.contains("prepare.rim_label = \"light\"; expected plain images"), "{problem}");
        let session = PrepareConfig { session: Some("01".into()), ..config.clone() };
        assert!(session.check_for(&cohort).is_ok() && session.check_for(&images).is_err());
        let windows = BTreeMap::from([("flair".to_owned(), Window { low: 0.0, high: 2.0 })]);
        let problem = PrepareConfig { windows, ..config.clone() }.check_for(&cohort).unwrap_err().to_string();
        assert!(problem.contains("a window for \"flair\"; expected chimap"), "{problem}");
        let form = PrepareConfig { form: Form::Qform, ..config.clone() };
        assert!(form.check_for(&cohort).is_ok() && form.check_for(&images).is_err());
        let entities = PrepareConfig { entities: vec!["run-2".into()], ..config };
        assert!(entities.check_for(&cohort).is_ok() && entities.check_for(&images).is_err());
    }

    #[test]
    fn susceptibility_has_many_names_and_one_window() {
        let windows = BTreeMap::from([("qsm".to_owned(), Window { low: -1.0, high: 2.0 })]);
        let config = PrepareConfig { contrasts: vec!["chi".into()], windows, ..PrepareConfig::default() };
        config.check().unwrap();
        config.check_for(&Source::Cohort("c".into())).unwrap();
        let contrast = config.with_window(crate::data::intensity::default_contrast("chi"));
        assert_eq!((contrast.name.as_str(), contrast.unit.as_str(), contrast.window.high), ("chimap", "ppb", 2.0));
        let twice = PrepareConfig { contrasts: vec!["chimap".into(), "qsm".into()], ..PrepareConfig::default() };
        assert!(twice.check().unwrap_err().to_string().contains("each contrast once"));
    }

    #[test]
    fn picks_are_the_session_and_the_entities() {
        let entities = vec!["run-2".to_owned(), "part-none".to_owned()];
        let config = PrepareConfig { session: Some("ses-01".into()), entities, ..PrepareConfig::default() };
        let pairs = [("ses", "01"), ("run", "2"), ("part", "none")];
        assert_eq!(config.picks(), pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
        config.check().unwrap();
        for bad in ["run", "run-", "-2", "run-2/..", "ses-01", "sub-1"] {
            let config = PrepareConfig { entities: vec![bad.into()], ..PrepareConfig::default() };
            assert!(config.check().is_err(), "{bad}");
        }
    }
}

//! A prepared data set, opened: training, validation and test slices as values in the network's range.
//!
//! The side a slice belongs to is part of its type, so what takes [`TrainSlices`] cannot be handed a test lesion:
//!
//! ```no_run
//! use rimforge::data::{Prepared, TrainSlices};
//! fn train_generator(_slices: &TrainSlices) {}
//! fn train(prepared: &Prepared) { train_generator(&prepared.training_of_interest()); }
//! ```
//!
//! ```compile_fail,E0308
//! use rimforge::data::{Prepared, TrainSlices};
//! fn train_generator(_slices: &TrainSlices) {}
//! fn leak(prepared: &Prepared) { train_generator(&prepared.test()); }
//! ```
//!
//! A data set of whole volumes is another type again, [`PreparedVolumes`](super::volumes::PreparedVolumes), and is
//! refused here.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::manifest::{Class, Classes, Items, Lesion, Manifest, SCHEMA, Split};
use super::patch_file;
pub use super::sides::Side;
pub use super::slices::{LesionSlices, SliceImage, Slices};
use super::slices::{TestSlices, TrainSlices, ValidationSlices};
use crate::digest;
use crate::files;
use crate::problem::{Kind, Problem, Result};
use crate::records::label::Contrast;

/// File name of the manifest in a prepared data set.
pub const MANIFEST: &str = "manifest.json";

/// Longest manifest: of a quarter of a million items.
pub(super) const MAX_MANIFEST_BYTES: u64 = 256 << 20;

/// A prepared data set of slices on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    root: PathBuf,
    manifest: Manifest,
    /// Of the manifest's file, which holds the hash of every patch.
    sha256: String,
}

impl Prepared {
    /// Opens the data set in `root` and checks its manifest, its split and the hash of every patch.
    ///
    /// # Errors
    /// No data set, one of another layout, one whose items are volumes, or a file that changed since.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let data = Self::open_any(root.as_ref())?;
        match data.manifest().items {
            Items::Slices => Ok(data),
            Items::Volumes => Err(Problem::input(data.root().join(MANIFEST), "items that are whole volumes")
                .expected("slices: what was asked for works on images [channels, height, width]")
                .advice("prepare again without items = \"volumes\" (a cohort) or --volumes (brains)")),
        }
    }

    /// The same whatever its items are.
    pub(super) fn open_any(root: &Path) -> Result<Self> {
        let path = root.join(MANIFEST);
        if !files::is_there(&path)? {
            return Err(Problem::input(&path, "no such file")
                .expected("a prepared data set")
                .advice("give the --out folder of `rimforge prepare`, or of a study its folder data/"));
        }
        let text = files::read(&path, MAX_MANIFEST_BYTES, "a manifest")?;
        let schema = serde_json::from_slice::<SchemaOnly>(&text).map(|manifest| manifest.schema);
        if let Ok(found) = schema
            && found != SCHEMA
        {
            return Err(Problem::input(&path, format!("schema {found}"))
                .expected(format!("schema {SCHEMA}"))
                .advice("run `rimforge prepare` again with this version"));
        }
        let manifest: Manifest = files::parse_json(&path, &text, "a manifest")?;
        check(&manifest).map_err(|problem| problem.at(&path))?;
        tracing::info!("reading {} and the patches of {} lesions", path.display(), manifest.lesions.len());
        let most_of_patch = patch_file::most_bytes::<f32>(&patch_shape(&manifest));
        let most_of_mask = patch_file::most_bytes::<u8>(&manifest.patch.map(u64::from));
        manifest.lesions.par_iter().try_for_each(|lesion| -> Result<()> {
            patch_file::read_verified(&root.join(&lesion.patch), most_of_patch, &lesion.sha256)?;
            if let (Some(mask), Some(sha256)) = (&lesion.mask, &lesion.mask_sha256) {
                patch_file::read_verified(&root.join(mask), most_of_mask, sha256)?;
            }
            Ok(())
        })?;
        Ok(Self(Arc::new(Opened { root: root.to_owned(), manifest, sha256: digest::sha256(&text) })))
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// All that is known of the data set.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// SHA-256 of the manifest, which stands for the whole data set: networks carry it to say what they were trained
    /// on.
    pub fn sha256(&self) -> &str {
        &self.0.sha256
    }

    /// The channels in order.
    pub fn contrasts(&self) -> &[Contrast] {
        &self.0.manifest.contrasts
    }

    /// Shape of one slice: channels, height, width.
    pub fn image_shape(&self) -> [usize; 3] {
        let [_, height, width] = self.0.manifest.patch;
        [self.0.manifest.contrasts.len(), height as usize, width as usize]
    }

    /// One of the manifest's lesions; panics where there is none of this index.
    pub fn lesion(&self, index: u32) -> &Lesion {
        &self.0.manifest.lesions[index as usize]
    }

    /// What its items are told apart by.
    pub fn classes(&self) -> &Classes {
        &self.0.manifest.classes
    }

    /// The number of an item's class; `None` where it is contested.
    pub fn class_of(&self, lesion: &Lesion) -> Option<usize> {
        self.classes().number(&lesion.class)
    }

    /// Training slices of one class, or the contested ones.
    pub fn training(&self, class: &Class) -> TrainSlices {
        self.training_all().of_class(class)
    }

    /// What a generator without condition learns from: training slices of the class of interest; of every class where
    /// none is of more interest than another. Nothing contested.
    pub fn training_of_interest(&self) -> TrainSlices {
        match &self.classes().of_interest {
            Some(class) => self.training(class),
            None => self.training_all().filter(|lesion| self.class_of(lesion).is_some()),
        }
    }

    /// Training slices of the classes beside the one of interest; none where there is no such. Nothing contested.
    pub fn training_of_others(&self) -> TrainSlices {
        let interest = self.classes().interest();
        let other = |lesion: &Lesion| self.class_of(lesion).is_some_and(|class| Some(class) != interest);
        self.training_all().filter(|lesion| interest.is_some() && other(lesion))
    }

    /// All training slices, contested ones too.
    pub fn training_all(&self) -> TrainSlices {
        Slices::of(self)
    }

    /// The slice of a patch that a record at `place` names.
    ///
    /// # Errors
    /// The patches have no such slice.
    pub fn slice_of(&self, place: &Path, slice: u64) -> Result<u32> {
        let depth = self.manifest().patch[0];
        u32::try_from(slice).ok().filter(|slice| *slice < depth).ok_or_else(|| {
            Problem::input(place, format!("slice {slice} of a patch"))
                .expected(format!("slices 0 to {} of {}", depth.saturating_sub(1), self.root().display()))
                .advice("run the command that wrote the record again")
        })
    }

    /// Refuses `what` a record at `place` says was made of the data set `made_of`, unless it is this one: in another,
    /// or in another split of the same lesions, lesions that are tested on here may be trained on. A record that
    /// does not say passes.
    ///
    /// # Errors
    /// `Kind::Gate`.
    pub fn require_made_of_it(&self, place: &Path, what: &str, made_of: Option<&str>) -> Result<()> {
        match made_of.filter(|found| *found != self.sha256()) {
            None => Ok(()),
            Some(found) => Err(Problem::new(Kind::Gate, format!("{what} of data {}", crate::name::shown(found)))
                .at(place)
                .expected(format!("data {} ({})", self.sha256(), self.root().display()))
                .advice("make them of this data set's training side, or test lesions may leak")),
        }
    }

    /// All validation slices.
    pub fn validation(&self) -> ValidationSlices {
        Slices::of(self)
    }

    /// All test slices.
    pub fn test(&self) -> TestSlices {
        Slices::of(self)
    }

    /// The whole patch of a lesion in physical units, \[channels, depth, height, width\].
    ///
    /// # Errors
    /// A file that is missing or not what the manifest promises.
    pub fn patch(&self, lesion: u32) -> Result<Vec<f32>> {
        let entry = self.lesion(lesion);
        patch_file::read(&self.0.root.join(&entry.patch), &patch_shape(&self.0.manifest), &entry.sha256)
    }

    /// The lesion mask of a patch, \[depth, height, width\]; `None` for plain images.
    ///
    /// # Errors
    /// As [`Prepared::patch`].
    pub fn mask(&self, lesion: u32) -> Result<Option<Vec<u8>>> {
        let entry = self.lesion(lesion);
        let shape = self.0.manifest.patch.map(u64::from);
        match (&entry.mask, &entry.mask_sha256) {
            (Some(mask), Some(sha256)) => patch_file::read(&self.0.root.join(mask), &shape, sha256).map(Some),
            _ => Ok(None),
        }
    }

    /// Physical values \[channels, ...\] to the network's range; each channel by its own window, clipped.
    pub fn to_network(&self, physical: &[f32]) -> Vec<f32> {
        self.map_channels(physical, |contrast, value| contrast.window.to_network(value))
    }

    /// Network values \[channels, ...\] back to physical units (ppb for QSM).
    pub fn to_physical(&self, network: &[f32]) -> Vec<f32> {
        self.map_channels(network, |contrast, value| contrast.window.to_physical(value))
    }

    fn map_channels(&self, values: &[f32], map: impl Fn(&Contrast, f32) -> f32) -> Vec<f32> {
        let channels = values.chunks_exact((values.len() / self.contrasts().len()).max(1)).zip(self.contrasts());
        channels
            .flat_map(|(channel, contrast)| channel.iter().map(|&value| map(contrast, value)).collect::<Vec<_>>())
            .collect()
    }

    /// Slice `z` of a patch or mask file's values.
    fn cut(&self, patch: &[f32], z: u32) -> Vec<f32> {
        let [depth, height, width] = self.0.manifest.patch.map(|n| n as usize);
        let plane = height * width;
        let channels = patch.chunks_exact(depth * plane);
        channels.flat_map(|channel| channel[z as usize * plane..][..plane].to_vec()).collect()
    }

    /// Slices `zs` of a lesion's patch.
    pub(super) fn slices_of(&self, lesion: u32, zs: &[u32]) -> Result<Vec<SliceImage>> {
        let patch = self.patch(lesion)?;
        let mask = self.mask(lesion)?;
        let [_, height, width] = self.image_shape();
        let plane = height * width;
        let image = |&z: &u32| SliceImage {
            lesion,
            z,
            pixels: self.to_network(&self.cut(&patch, z)),
            mask: mask.as_ref().map(|mask| mask[z as usize * plane..][..plane].to_vec()),
        };
        Ok(zs.iter().map(image).collect())
    }
}

#[derive(serde::Deserialize)]
struct SchemaOnly {
    schema: u32,
}

/// Of each patch: channels, depth, height, width.
fn patch_shape(manifest: &Manifest) -> [u64; 4] {
    let [depth, height, width] = manifest.patch.map(u64::from);
    [manifest.contrasts.len() as u64, depth, height, width]
}

/// Most voxels of a patch; `prepare` makes none of more than 1024 a side.
const MAX_VOXELS: u64 = 1 << 30;

/// What a manifest must satisfy before any of its numbers is used as an index or a path.
fn check(manifest: &Manifest) -> Result<()> {
    let broken = |found: String| Problem::new(Kind::Input, found).advice("run `rimforge prepare` again");
    if manifest.contrasts.is_empty() || manifest.patch.contains(&0) {
        return Err(broken("no contrast, or an empty patch".into()));
    }
    if manifest.patch.iter().fold(1, |voxels: u64, &side| voxels.saturating_mul(u64::from(side))) > MAX_VOXELS {
        return Err(broken(format!("patches of {:?} voxels", manifest.patch)));
    }
    for contrast in &manifest.contrasts {
        crate::records::label::Window::new(contrast.window.low, contrast.window.high)
            .map_err(|_| broken(format!("contrast {} has the window {:?}", contrast.name, contrast.window)))?;
    }
    if let Some(fault) = manifest.classes.fault() {
        return Err(broken(format!("classes with {fault}")));
    }
    let mut side_of: HashMap<&str, Split> = HashMap::new();
    let mut ids = HashSet::new();
    for lesion in &manifest.lesions {
        if !manifest.classes.has(&lesion.class) {
            return Err(broken(format!("{} is of the class {:?}", lesion.id, lesion.class.name()))
                .expected(manifest.classes.listed()));
        }
        if !ids.insert(&lesion.id) {
            return Err(broken(format!("two lesions called {}", lesion.id)));
        }
        if lesion.mask.is_some() != lesion.mask_sha256.is_some() {
            return Err(broken(format!("lesion {} has a mask without a hash, or the reverse", lesion.id)));
        }
        if *side_of.entry(&lesion.patient).or_insert(lesion.split) != lesion.split {
            return Err(Problem::new(Kind::Gate, format!("patient {} is on two sides of the split", lesion.patient))
                .advice("run `rimforge prepare` again; do not edit its manifest"));
        }
    }
    if manifest.items == Items::Volumes && !manifest.slices.is_empty() {
        return Err(broken(format!("{} slices beside volumes", manifest.slices.len())));
    }
    for slice in &manifest.slices {
        if slice.lesion as usize >= manifest.lesions.len() || slice.z >= manifest.patch[0] {
            return Err(broken(format!("slice {} of lesion {} does not exist", slice.z, slice.lesion)));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::data::manifest::Slice;
    use crate::files;
    use crate::name::{Inside, Name};
    use crate::records::label::Window;

    /// Six patients in pairs on the three sides, each with one lesion of each class; patches 3x4x4, values by formula.
    pub fn small(root: &Path) -> Manifest {
        let mut manifest = Manifest {
            schema: SCHEMA,
            simulated: true,
            contrasts: vec![Contrast {
                name: "chimap".into(),
                unit: "ppb".into(),
                window: Window { low: -100.0, high: 100.0 },
            }],
            patch: [3, 4, 4],
            patient_source: "participant_id".into(),
            voxel_mm: Some([1.0, 0.4, 0.4]),
            seed: 0,
            classes: Classes::of_readers(),
            items: Items::Slices,
            lesions: vec![],
            slices: vec![],
            inputs: vec![],
        };
        std::fs::create_dir_all(root.join("patches")).unwrap();
        for patient in 0..6u32 {
            for (number, (reader1, reader2)) in [(true, true), (true, false), (false, false)].into_iter().enumerate() {
                let index = manifest.lesions.len() as u32;
                let id = Name::of_known(&format!("sub-{patient:03}_lesion-{number:03}"));
                let [patch, mask] = [".npy", "_mask.npy"].map(|ending| Inside::of("patches", &id, ending));
                let values: Vec<f32> = (0..48).map(|at| (index * 48 + at) as f32 * 0.1 - 50.0).collect();
                let inside: Vec<u8> = (0..48).map(|at| u8::from(at % 16 < 5)).collect();
                manifest.lesions.push(Lesion {
                    sha256: patch_file::write(&root.join(&patch), &[1, 3, 4, 4], &values).unwrap(),
                    mask_sha256: Some(patch_file::write(&root.join(&mask), &[3, 4, 4], &inside).unwrap()),
                    id,
                    patient: format!("sub-{patient:03}"),
                    centre: [1, 2, 3],
                    affine: crate::nifti::Affine::IDENTITY,
                    patch_affine: None,
                    reader1: Some(reader1),
                    reader2: Some(reader2),
                    class: Class::of_votes(reader1, reader2),
                    label: None,
                    split: [Split::Train, Split::Validation, Split::Test][patient as usize / 2],
                    voxels: 15,
                    patch,
                    mask: Some(mask),
                });
                manifest.slices.extend((0..3).map(|z| Slice { lesion: index, z, voxels: 4 + z % 2 }));
            }
        }
        files::write_json(root.join(MANIFEST), &manifest).unwrap();
        manifest
    }

    #[test]
    fn sides_and_classes_are_told_apart_and_values_are_windowed() {
        let folder = tempfile::tempdir().unwrap();
        small(folder.path());
        let prepared = Prepared::open(folder.path()).unwrap();
        assert_eq!(prepared.training_all().len(), 18);
        let rims = prepared.training_of_interest();
        assert_eq!(rims.len(), 6);
        assert_eq!(rims.id(1), "sub-000_lesion-000_z01");
        assert!(prepared.test().entries().all(|(_, lesion)| lesion.patient.as_str() >= "sub-004"));
        let image = rims.image(1).unwrap();
        // Slice 1 begins at value 16: 1.6 - 50 = -48.4 ppb, of +-100.
        approx::assert_abs_diff_eq!(image.pixels[0], -0.484, epsilon = 1e-6);
        assert_eq!(image.mask.as_ref().unwrap()[..6], [1, 1, 1, 1, 1, 0]);
        assert_eq!(rims.images().unwrap()[1], image);
        approx::assert_abs_diff_eq!(prepared.to_physical(&image.pixels)[0], -48.4, epsilon = 1e-4);
        let largest = prepared.test().largest_of_each_lesion();
        assert_eq!(largest.len(), 6);
        assert!(largest.entries().all(|(slice, _)| slice.z == 1));
    }

    #[test]
    fn a_patient_on_two_sides_is_refused_on_opening() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = small(folder.path());
        manifest.lesions[0].split = Split::Test;
        files::write_json(folder.path().join(MANIFEST), &manifest).unwrap();
        let problem = Prepared::open(folder.path()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Gate);
        assert!(problem.to_string().contains("sub-000 is on two sides"), "{problem}");
    }

    #[test]
    fn a_changed_patch_a_foreign_path_and_another_schema_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let good = small(folder.path());
        let refused = |manifest: &Manifest| {
            files::write_json(folder.path().join(MANIFEST), manifest).unwrap();
            Prepared::open(folder.path()).unwrap_err().to_string()
        };
        let written = |from: &str, to: &str| {
            let text = files::json_text(&good).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(folder.path().join(MANIFEST), text.replacen(from, to, 1)).unwrap();
            Prepared::open(folder.path()).unwrap_err().to_string()
        };
        let patch = good.lesions[3].patch.as_str();
        let outside = "lesions[3].patch: the path \"../elsewhere.npy\" does not stay inside its folder";
        assert!(written(patch, "../elsewhere.npy").contains(outside));
        let id = format!("\"{}\"", good.lesions[3].id);
        let evil = "lesions[3].id: the name \"../../../evil\" has a path separator";
        assert!(written(&id, "\"../../../evil\"").contains(evil));
        let contrast = format!("\"{}\"", good.contrasts[0].name);
        assert!(written(&contrast, "\"/etc/passwd\"").contains("the name \"/etc/passwd\" has a path separator"));
        let mut manifest = good.clone();
        manifest.schema = 99;
        assert!(refused(&manifest).contains("schema 99"));
        let mut manifest = good.clone();
        manifest.lesions[4].class = Class::new("ring");
        assert!(refused(&manifest).contains("of the class \"ring\"; expected non-rim, rim"));
        let mut manifest = good.clone();
        manifest.classes.names.push(Class::new("non-rim"));
        assert!(refused(&manifest).contains("the class non-rim twice"));
        let mut manifest = good.clone();
        manifest.slices[0].lesion = 1_000_000;
        assert!(refused(&manifest).contains("does not exist"));
        std::fs::write(folder.path().join(&good.lesions[2].patch), b"x").unwrap();
        assert!(refused(&good).contains("changed since it was prepared"));
    }

    #[test]
    fn a_folder_that_is_no_data_set_says_what_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let problem = Prepared::open(folder.path()).unwrap_err();
        assert_eq!(problem.kind(), Kind::Input);
        assert!(problem.to_string().contains("the --out folder of `rimforge prepare`"), "{problem}");
    }
}

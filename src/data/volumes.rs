//! A prepared data set whose items are whole volumes, with the same sides as one of slices.
//!
//! ```compile_fail,E0308
//! use rimforge::data::volumes::{PreparedVolumes, TrainVolumes};
//! fn train_generator(_volumes: &TrainVolumes) {}
//! fn leak(prepared: &PreparedVolumes) { train_generator(&prepared.test()); }
//! ```

use std::marker::PhantomData;
use std::path::Path;

use rayon::prelude::*;

use super::dataset::{MANIFEST, Prepared};
use super::manifest::{Class, Items, Lesion, Manifest};
use super::sides::{Side, Test, Train, Validation};
use crate::problem::{Problem, Result};

/// Volumes to learn from.
pub type TrainVolumes = Volumes<Train>;

/// Volumes for thresholds and early choices.
pub type ValidationVolumes = Volumes<Validation>;

/// Volumes to score.
pub type TestVolumes = Volumes<Test>;

/// A prepared data set of volumes on disk. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PreparedVolumes(Prepared);

/// A prepared data set of slices or of volumes, as its manifest says.
#[derive(Clone, Debug)]
pub enum AnyPrepared {
    /// Its items are slices.
    Slices(Prepared),
    /// Its items are volumes.
    Volumes(PreparedVolumes),
}

impl AnyPrepared {
    /// Opens the data set in `root` and checks its manifest, its split and the hash of every patch.
    ///
    /// # Errors
    /// No data set, one of another layout, or a file that changed since.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let data = Prepared::open_any(root.as_ref())?;
        Ok(match data.manifest().items {
            Items::Slices => Self::Slices(data),
            Items::Volumes => Self::Volumes(PreparedVolumes(data)),
        })
    }

    fn files(&self) -> &Prepared {
        match self {
            Self::Slices(data) => data,
            Self::Volumes(data) => &data.0,
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.files().root()
    }

    /// All that is known of the data set.
    pub fn manifest(&self) -> &Manifest {
        self.files().manifest()
    }

    /// SHA-256 of the manifest, which stands for the whole data set.
    pub fn sha256(&self) -> &str {
        self.files().sha256()
    }

    /// The whole patch of a lesion in physical units, \[channels, depth, height, width\].
    ///
    /// # Errors
    /// A file that is missing or not what the manifest promises.
    pub fn patch(&self, lesion: u32) -> Result<Vec<f32>> {
        self.files().patch(lesion)
    }

    /// The lesion mask of a patch, \[depth, height, width\]; `None` where the source has none.
    ///
    /// # Errors
    /// As [`AnyPrepared::patch`].
    pub fn mask(&self, lesion: u32) -> Result<Option<Vec<u8>>> {
        self.files().mask(lesion)
    }
}

/// One volume.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// \[channels, depth, height, width\] in \[-1, 1\].
    pub values: Vec<f32>,
    /// Lesion mask \[depth, height, width\], 1 inside; absent where the source has none.
    pub mask: Option<Vec<u8>>,
}

impl PreparedVolumes {
    /// Opens the data set in `root` and checks its manifest, its split and the hash of every patch.
    ///
    /// # Errors
    /// No data set, one of another layout, one whose items are slices, or a file that changed since.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        let data = Prepared::open_any(root.as_ref())?;
        match data.manifest().items {
            Items::Volumes => Ok(Self(data)),
            Items::Slices => Err(Problem::input(data.root().join(MANIFEST), "items that are slices")
                .expected("whole volumes [channels, depth, height, width]")
                .advice("prepare again with items = \"volumes\" (a cohort) or --volumes (brains)")),
        }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.0.root()
    }

    /// All that is known of the data set.
    pub fn manifest(&self) -> &Manifest {
        self.0.manifest()
    }

    /// SHA-256 of the manifest, which stands for the whole data set.
    pub fn sha256(&self) -> &str {
        self.0.sha256()
    }

    /// Shape of one volume: channels, depth, height, width.
    pub fn shape(&self) -> [usize; 4] {
        let [depth, height, width] = self.manifest().patch.map(|n| n as usize);
        [self.0.contrasts().len(), depth, height, width]
    }

    /// Network values \[channels, ...\] back to physical units.
    pub fn to_physical(&self, network: &[f32]) -> Vec<f32> {
        self.0.to_physical(network)
    }

    /// All training volumes, contested ones too.
    pub fn training(&self) -> TrainVolumes {
        Volumes::of(self)
    }

    /// All validation volumes.
    pub fn validation(&self) -> ValidationVolumes {
        Volumes::of(self)
    }

    /// All test volumes.
    pub fn test(&self) -> TestVolumes {
        Volumes::of(self)
    }
}

/// Volumes of one side, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Volumes<S: Side> {
    data: PreparedVolumes,
    /// Indices into the manifest's lesions.
    picks: Vec<u32>,
    side: PhantomData<S>,
}

impl<S: Side> Volumes<S> {
    fn of(data: &PreparedVolumes) -> Self {
        let lesions = (0u32..).zip(&data.manifest().lesions);
        let picks = lesions.filter(|(_, lesion)| lesion.split == S::SPLIT).map(|(at, _)| at).collect();
        Self { data: data.clone(), picks, side: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.picks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    /// The data set that they are of.
    pub fn prepared(&self) -> &PreparedVolumes {
        &self.data
    }

    /// What is known of the volume at a position.
    pub fn entry(&self, position: usize) -> &Lesion {
        self.data.0.lesion(self.picks[position])
    }

    /// Those of one class, or the contested ones.
    pub fn of_class(&self, class: &Class) -> Self {
        let own = |pick: &u32| self.data.0.lesion(*pick).class == *class;
        let picks = self.picks.iter().copied().filter(own).collect();
        Self { data: self.data.clone(), picks, side: PhantomData }
    }

    /// Reads the volumes at `positions`, in parallel and in that order.
    ///
    /// # Errors
    /// A patch that is missing or not what the manifest promises.
    pub fn read(&self, positions: &[usize]) -> Result<Vec<Volume>> {
        let read = |&position: &usize| {
            let lesion = self.picks[position];
            let values = self.data.0.to_network(&self.data.0.patch(lesion)?);
            Ok(Volume { lesion, values, mask: self.data.0.mask(lesion)? })
        };
        positions.par_iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::tests::small;
    use crate::files;

    /// The data set of the slices' tests, its patches whole.
    fn volumes(root: &Path) -> PreparedVolumes {
        let mut manifest = small(root);
        assert!(PreparedVolumes::open(root).unwrap_err().to_string().contains("items that are slices"));
        manifest.items = Items::Volumes;
        files::write_json(root.join(MANIFEST), &manifest).unwrap();
        assert!(PreparedVolumes::open(root).unwrap_err().to_string().contains("54 slices beside volumes"));
        manifest.slices.clear();
        files::write_json(root.join(MANIFEST), &manifest).unwrap();
        PreparedVolumes::open(root).unwrap()
    }

    #[test]
    fn a_volume_is_the_whole_patch_in_the_networks_range_on_its_own_side() {
        let folder = tempfile::tempdir().unwrap();
        let data = volumes(folder.path());
        assert_eq!(data.shape(), [1, 3, 4, 4]);
        let training = data.training();
        assert_eq!((training.len(), data.validation().len(), data.test().len()), (6, 6, 6));
        assert!((0..6).all(|at| data.test().entry(at).patient.as_str() >= "sub-004"));
        let rims = training.of_class(&Class::RIM);
        assert_eq!(rims.len(), 2);
        let read = rims.read(&[1, 0]).unwrap();
        // The second training rim is the manifest's fourth lesion: values from 3 * 48 / 10 - 50 = -35.6 ppb on, of
        // +-100.
        assert_eq!((read[0].lesion, read[1].lesion, read[0].values.len()), (3, 0, 48));
        approx::assert_abs_diff_eq!(read[0].values[0], -0.356, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(read[0].values[47], -0.309, epsilon = 1e-6);
        assert_eq!(read[0].mask.as_ref().unwrap()[15..22], [0, 1, 1, 1, 1, 1, 0]);
        approx::assert_abs_diff_eq!(data.to_physical(&read[0].values)[47], -30.9, epsilon = 1e-4);
    }

    #[test]
    fn what_works_on_slices_refuses_volumes_and_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        volumes(folder.path());
        let problem = Prepared::open(folder.path()).unwrap_err().to_string();
        assert!(problem.contains("whole volumes") && problem.contains("without items = \"volumes\""), "{problem}");
    }
}

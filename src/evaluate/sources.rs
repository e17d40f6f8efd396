//! Where images come from: the sides of a prepared data set, and folders that `generate` or `project` wrote.

use std::collections::HashSet;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

use crate::data::sides::Side;
use crate::data::slices::Slices;
use crate::data::{Prepared, patch_file};
use crate::feed::network_source::require_channels;
use crate::files;
use crate::name::{Inside, shown, shown_path};
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::records::classes::Class;
use crate::records::label::Contrast;
use crate::records::projection::ProjectedLesion;
use crate::run_dir::RECORD;

/// Largest record in bytes: an entry of some 600 for each of a hundred thousand images.
const LARGEST_RECORD: u64 = 64 << 20;

/// Largest pixel of a network's image: half of a window is 1, and a thousand of them would be metal.
const LARGEST_VALUE: f32 = 1000.0;

/// One image of a source, by its place there.
pub type Place = usize;

/// What is drawn as a whole: a lesion with its slices, or one image of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The patient, or a name of its own.
    pub group: String,
    /// Which source, and places there; at least one.
    pub images: Vec<(usize, Place)>,
}

/// Images that can be read one by one.
pub enum Source<'a> {
    /// Slices of the training side.
    Training(Slices<crate::data::sides::Train>),
    /// Slices of the test side: read to be compared with, never to be drawn from.
    HeldOut(Slices<crate::data::sides::Test>),
    /// Files of a folder.
    Files(Files<'a>),
    /// Images in memory.
    Made(Vec<Vec<f32>>),
}

/// Images that a record lists.
pub struct Files<'a> {
    folder: &'a Path,
    images: Vec<(Inside, String)>,
    shape: [u64; 3],
}

impl Source<'_> {
    /// \[C, H, W\] in -1..1, row-major.
    ///
    /// # Errors
    /// A file that is missing or not what its manifest or record promises.
    pub fn read(&self, place: Place) -> Result<Vec<f32>> {
        match self {
            Self::Training(slices) => Ok(slices.image(place)?.pixels),
            Self::HeldOut(slices) => Ok(slices.image(place)?.pixels),
            Self::Files(files) => files.read(place),
            Self::Made(images) => Ok(images[place].clone()),
        }
    }
}

impl Files<'_> {
    fn read(&self, place: Place) -> Result<Vec<f32>> {
        let (name, sha256) = &self.images[place];
        let path = name.under(self.folder);
        let again = "write it again with `rimforge generate` or `rimforge project`";
        let read = || patch_file::read::<f32>(&path, &self.shape, sha256);
        let pixels = read().map_err(|problem| problem.advice(again))?;
        match pixels.iter().position(|value| !value.is_finite() || value.abs() > LARGEST_VALUE) {
            Some(at) => Err(Problem::input(&path, format!("value {at} is {}", pixels[at]))
                .expected(format!("pixels about -1 to 1, none beyond {LARGEST_VALUE}"))
                .advice(again)),
            None => Ok(pixels),
        }
    }
}

/// One unit a lesion, its patient the group.
pub fn of_slices<S: Side>(slices: &Slices<S>, source: usize) -> Vec<Unit> {
    let unit = |group: crate::data::slices::LesionSlices| Unit {
        group: slices.prepared().lesion(group.lesion).patient.clone(),
        images: group.positions.into_iter().map(|at| (source, at)).collect(),
    };
    slices.by_lesion().into_iter().map(unit).collect()
}

/// What kind of folder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of `generate`: each image a draw of its own.
    Drawn,
    /// Of `project`: slices of lesions.
    Projected,
}

/// A folder of images as it was found.
pub struct Folder<'a> {
    /// Its images.
    pub source: Source<'a>,
    /// In the order of the record.
    pub units: Vec<Unit>,
    /// Of projected contested lesions: lesion and slice of each image, by place.
    pub originals: Vec<(String, u32)>,
    /// Which kind it is.
    pub kind: Kind,
    /// Of the network behind them: another data set than this one, or an unknown one.
    pub stranger: bool,
    /// What was drawn as another class than the one of interest, in words: left out, or all there is.
    pub other_class: Option<String>,
}

/// What of a record of either stage tells about images.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    data_sha256: Option<String>,
    #[serde(default)]
    ancestor_data: Vec<String>,
    #[serde(default)]
    projected_sha256: Option<String>,
    #[serde(default)]
    contrasts: Vec<Contrast>,
    #[serde(deserialize_with = "listed")]
    images: Option<Vec<FileHash>>,
    /// Of each image, where each class was drawn in turn.
    #[serde(default)]
    image_classes: Vec<String>,
    /// Of all of them, where one was asked of a network that names its classes.
    #[serde(default)]
    class_name: Option<String>,
    #[serde(default)]
    lesions: Vec<ProjectedLesion>,
}

/// Files with their hashes; `None` where an entry is none, so that what a hostile record lists takes no memory.
fn listed<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<Vec<FileHash>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry {
        File(FileHash),
        Other(IgnoredAny),
    }

    struct Entries;

    impl<'de> Visitor<'de> for Entries {
        type Value = Option<Vec<FileHash>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of images")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
            let mut files = Some(vec![]);
            while let Some(entry) = entries.next_element::<Entry>()? {
                match (entry, &mut files) {
                    (Entry::File(file), Some(files)) => files.push(file),
                    _ => files = None,
                }
            }
            Ok(files)
        }
    }

    from.deserialize_seq(Entries)
}

/// Reads the record of a folder of `generate` or `project`, as source number `source`. Of projections those of
/// contested lesions are taken: the others are controls.
///
/// # Errors
/// No such record, or one without images or without hashes.
pub fn folder<'a>(folder: &'a Path, data: &Prepared, source: usize) -> Result<Folder<'a>> {
    let path = folder.join(RECORD);
    let wanted = "the record of a folder that `rimforge generate` or `rimforge project` wrote";
    let text = files::read(&path, LARGEST_RECORD, wanted).map_err(|problem| problem.expected(wanted))?;
    let told: Told = files::parse_json(&path, &text, wanted)?;
    let own = data.sha256();
    let stranger = told.data_sha256.as_deref() != Some(own)
        || told.ancestor_data.iter().any(|before| before != own)
        || told.projected_sha256.as_deref().is_some_and(|projected| projected != own);
    require_channels(&path, "the images were drawn", &told.contrasts, data)?;
    let earlier = || {
        Problem::input(&path, "a record that lists no images with their hashes")
            .expected("images as numpy arrays, each with its hash")
            .advice("run the same `rimforge generate` (with \"npy\" among its formats) or `rimforge project` again")
    };
    let inside = |name: &str| Inside::new(name).map_err(|fault| Problem::input(&path, fault));
    let shape = data.image_shape().map(|side| side as u64);
    let contested: Vec<&ProjectedLesion> = told.lesions.iter().filter(|lesion| lesion.role == "ambiguous").collect();
    if contested.is_empty() {
        let listed = told.images.ok_or_else(earlier)?;
        let is_array = |file: &FileHash| file.path.ends_with(".npy");
        if !listed.iter().any(is_array) {
            return Err(earlier());
        }
        let interest = data.classes().of_interest.as_ref().map(Class::name);
        let of_interest = |at: usize| data.classes().is_of_interest(told.image_classes.get(at).map(String::as_str));
        let arrays = || listed.iter().enumerate().filter(|(_, file)| is_array(file));
        let images: Vec<(Inside, String)> = arrays()
            .filter(|(at, _)| of_interest(*at))
            .map(|(_, file)| Ok((inside(&file.path)?, file.sha256.clone())))
            .collect::<Result<_>>()?;
        if images.is_empty() {
            return Err(Problem::input(&path, "no image of the class of interest")
                .expected(format!("images of class {}", interest.unwrap_or_default()))
                .advice("generate with that class"));
        }
        let left_out = arrays().count() - images.len();
        let other_class = match (&told.class_name, interest) {
            _ if left_out > 0 => Some(format!("{left_out} images of other classes are left out")),
            (Some(class), Some(interest)) if class != interest => {
                Some(format!("all are of class {}, and {interest} is what they are compared with", shown(class)))
            }
            _ => None,
        };
        require_once(&path, &images)?;
        let unit = |at| Unit { group: format!("image {at}"), images: vec![(source, at)] };
        let units = (0..images.len()).map(unit).collect();
        let source = Source::Files(Files { folder, images, shape });
        return Ok(Folder { source, units, originals: vec![], kind: Kind::Drawn, stranger, other_class });
    }
    let mut images = Vec::new();
    let mut originals = Vec::new();
    let mut units: Vec<(String, Unit)> = Vec::new();
    for lesion in &contested {
        let id = lesion.lesion_id.to_string();
        let at = (source, images.len());
        match units.iter_mut().find(|(known, _)| *known == id) {
            Some((_, unit)) => unit.images.push(at),
            None => units.push((id.clone(), Unit { group: lesion.patient.clone(), images: vec![at] })),
        }
        images.push((lesion.image.clone(), lesion.image_sha256.clone().ok_or_else(earlier)?));
        originals.push((id, u32::try_from(lesion.slice).map_err(|_| earlier())?));
    }
    require_once(&path, &images)?;
    let units = units.into_iter().map(|(_, unit)| unit).collect();
    let source = Source::Files(Files { folder, images, shape });
    let others = contested.iter().filter(|entry| !data.classes().is_of_interest(entry.class.as_deref())).count();
    let other_class =
        (others > 0).then(|| format!("{others} of {} were projected as of another class", contested.len()));
    Ok(Folder { source, units, originals, kind: Kind::Projected, stranger, other_class })
}

/// Refuses a record that lists one file as several images: an interval would take them for as many.
fn require_once(record: &Path, images: &[(Inside, String)]) -> Result<()> {
    let mut seen = HashSet::new();
    match images.iter().find(|(file, _)| !seen.insert(file)) {
        None => Ok(()),
        Some((file, _)) => Err(Problem::input(record, format!("{} twice", shown(file.as_str())))
            .expected("each image once")
            .advice("run the same `rimforge generate` or `rimforge project` again")),
    }
}

/// Name of a folder for a table: the last `parts` of its path, or all where it has fewer.
pub fn name_of(folder: &Path, parts: usize) -> String {
    let all: Vec<_> =
        folder.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir)).collect();
    let last: PathBuf = all[all.len().saturating_sub(parts)..].iter().collect();
    shown_path(&last)
}

//! Drawn images that may stand beside a data set: what `generate` left, of a network that knew nothing but its training
//! side.

use std::path::{Path, PathBuf};

use crate::data::AnyPrepared;
use crate::data::manifest::{Class, Items};
use crate::data::origin::Origin;
use crate::data::{listed_image, patch_file};
use crate::files;
use crate::name::{Inside, Name, shown};
use crate::problem::{Kind, Problem, Result};
use crate::records::label::Window;
use crate::records::synthesis::SynthesisRecord;
use crate::run_dir::RECORD;

/// Largest record in bytes: an entry of some 600 for each of a hundred thousand images.
const LARGEST_RECORD: u64 = 64 << 20;

/// Images of one folder.
#[derive(Debug)]
pub struct DrawnSet {
    /// Where they lie.
    pub folder: PathBuf,
    /// As `generate` wrote it.
    pub record: SynthesisRecord,
    /// In the record's order; each with its class, where that is known.
    pub images: Vec<(DrawnImage, Option<Class>)>,
    /// What should be known about them.
    pub notes: Vec<String>,
}

/// One image.
#[derive(Debug)]
pub struct DrawnImage {
    /// "seed0007".
    pub stem: Name,
    /// In the folder.
    pub path: Inside,
    sha256: String,
}

impl DrawnImage {
    /// The file's bytes, at most `most`.
    ///
    /// # Errors
    /// No such file, a longer one, or not the one that the record lists.
    pub fn bytes(&self, folder: &Path, most: u64) -> Result<Vec<u8>> {
        listed_image::bytes(&folder.join(&self.path), most, &self.sha256).map_err(|problem| problem.advice(AGAIN))
    }
}

pub(super) const AGAIN: &str = "draw it again with `rimforge generate`, from a network of this data set";

/// The record of the folder that `generate` wrote.
///
/// # Errors
/// No such record, or one of an earlier version, which lists no images.
pub fn record(folder: &Path) -> Result<SynthesisRecord> {
    let path = folder.join(RECORD);
    let wanted = "the record of a folder that `rimforge generate` wrote";
    let text = files::read(&path, LARGEST_RECORD, wanted)
        .map_err(|problem| problem.expected(wanted).advice("give the --out folder of `rimforge generate`"))?;
    let record: SynthesisRecord = files::parse_json(&path, &text, wanted)?;
    if record.has_hashes() {
        require_sound(&record).map_err(|problem| problem.at(&path).advice(AGAIN))?;
        return Ok(record);
    }
    Err(Problem::input(&path, "a record that lists no images")
        .expected("each image with its hash, as this version writes it")
        .advice("draw the images again with `rimforge generate`"))
}

/// Refuses a record that something else than `generate` changed: images twice, classes of others, no windows, channels
/// of other names than their windows.
fn require_sound(record: &SynthesisRecord) -> Result<()> {
    listed_image::require_list(&record.images, &record.image_classes)?;
    if !record.contrasts.iter().map(|contrast| contrast.name.as_str()).eq(record.channels.iter().map(String::as_str)) {
        let names = record.contrasts.iter().map(|contrast| shown(&contrast.name)).collect::<Vec<_>>().join(", ");
        let found = record.channels.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
        return Err(
            Problem::new(Kind::Input, format!("channels {found}")).expected(format!("{names}, as its contrasts"))
        );
    }
    for contrast in &record.contrasts {
        Window::new(contrast.window.low, contrast.window.high)
            .map_err(|problem| Problem::new(Kind::Input, format!("of {}: {problem}", contrast.name)))?;
    }
    Ok(())
}

/// The npy images that a record lists, each with its place there.
///
/// # Errors
/// A name that leads out of the folder, or no npy among them.
pub fn images(record: &SynthesisRecord, path: &Path) -> Result<Vec<(usize, DrawnImage)>> {
    let mut images = Vec::new();
    for (at, file) in record.images.iter().enumerate() {
        let Some(stem) = file.path.strip_suffix(".npy") else { continue };
        let wrong = |fault: String| Problem::input(path, fault).advice("run the same `rimforge generate` again");
        let stem = Name::new(stem).map_err(wrong)?;
        let path = Inside::new(file.path.as_str()).map_err(wrong)?;
        images.push((at, DrawnImage { stem, path, sha256: file.sha256.clone() }));
    }
    if images.is_empty() {
        return Err(Problem::input(path, "no npy files among the drawn images")
            .expected("float32 images: generate.formats with \"npy\"")
            .advice("draw them with `rimforge generate --format npy`"));
    }
    Ok(images)
}

impl DrawnSet {
    /// The npy images of `folder`, which must have the data set's channels and be of a network of its training side;
    /// with `trusted`, of one that may have started from others.
    ///
    /// # Errors
    /// No usable record, no npy in it, other channels, or a network of other data.
    pub fn open(folder: &Path, data: &AnyPrepared, trusted: bool) -> Result<Self> {
        let path = folder.join(RECORD);
        let record = record(folder)?;
        let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
        let notes = origin.check(&path, "synthetic", data.sha256(), trusted)?;
        if !record.contrasts.is_empty() && record.contrasts != data.manifest().contrasts {
            let names = record.channels.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ");
            return Err(Problem::input(&path, format!("channels {names}"))
                .expected("the channels and windows of the data set")
                .advice("draw from a network that was trained on it"));
        }
        let images = images(&record, &path)?;
        let images = images.into_iter().map(|(at, image)| (image, class(&record, at, data))).collect();
        Ok(Self { folder: folder.to_owned(), record, images, notes })
    }

    /// Values \[channels, (depth,) height, width\] of an image in the network's range.
    ///
    /// # Errors
    /// A file that is missing, not the one that the record lists, of another shape, or with NaN.
    pub fn values(&self, at: usize, data: &AnyPrepared) -> Result<Vec<f32>> {
        let manifest = data.manifest();
        let mut shape = vec![manifest.contrasts.len() as u64];
        let from = usize::from(manifest.items == Items::Slices);
        shape.extend(manifest.patch[from..].iter().map(|&size| u64::from(size)));
        let (image, _) = &self.images[at];
        let path = self.folder.join(&image.path);
        let bytes = image.bytes(&self.folder, patch_file::most_bytes::<f32>(&shape))?;
        listed_image::parse(&path, &bytes, &shape).map_err(|problem| problem.advice(AGAIN))
    }
}

/// The class of an image: its own, that of all, or the one that an unconditional network of this data set learns.
fn class(record: &SynthesisRecord, at: usize, data: &AnyPrepared) -> Option<Class> {
    let classes = &data.manifest().classes;
    let told = record.image_classes.get(at).or(record.class_name.as_ref()).map(|name| Class::new(name.as_str()));
    told.or_else(|| classes.of_interest.clone().filter(|_| record.class.is_none()))
        .filter(|class| classes.number(class).is_some())
}

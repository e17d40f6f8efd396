//! Generated slices from their folders: synthetic ones of `generate`, denoised ones of `project`; and whether they may
//! be used here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tch::{Device, Tensor};
use zip::ZipArchive;

use super::config::ClassifyConfig;
use super::labelled::{Kind as Made, Labelled};
use crate::data::manifest::Split;
use crate::data::name_join::listed;
use crate::data::{Prepared, patch_file};
use crate::digest;
use crate::feed::network_source::{NetworkImages, network_file};
use crate::files;
use crate::files::npy::Npy;
use crate::name::{Inside, Name, shown};
use crate::nets::{Generator, load_image_network};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::classes::Class;
use crate::records::label::{Padding, UNKNOWN_DATA};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::records::two_sided::{BetterImage, TwoSidedRecord};
use crate::run_dir::{ProjectionDir, RECORD};

/// Drawn from a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// \[C, H, W\] in \[-1, 1\], row-major.
    pub pixels: Vec<f32>,
}

/// The projections of one training lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct Denoised {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Slice index within the patch, and its projection \[C, H, W\] in \[-1, 1\]; ascending, at least one.
    pub slices: Vec<(u32, Vec<f32>)>,
}

/// What projections as of either class say of a contested lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoSided {
    /// The projections as of the class that it fits better.
    pub better: Denoised,
    /// To be of interest, 0 to 1.
    pub probability: f32,
}

/// The generator that lesions were projected into, to draw other images with.
#[derive(Debug)]
pub struct Network {
    /// Its moving average.
    pub generator: Generator,
    /// Where an image of the data set lies in its square.
    pub padding: Padding,
    /// The class of interest \[1, c_dim\] where it knows classes.
    pub class: Option<Tensor>,
    /// Of its file.
    pub sha256: String,
}

/// What is handed over beside the data set, as far as an arm asks for it.
#[derive(Debug, Default)]
pub struct Extras {
    /// Of generators of the class of interest, a list of each.
    pub synthetic: Vec<Vec<Synthetic>>,
    /// Of a conditional generator, asked for the class of interest.
    pub conditional: Option<Vec<Synthetic>>,
    /// Projections of contested lesions, a list of each generator, all of the same slices.
    pub denoised: Vec<Vec<Denoised>>,
    /// Projections of agreed lesions of interest.
    pub projected_interest: Option<Vec<Denoised>>,
    /// Projections of agreed lesions of the other class.
    pub projected_others: Option<Vec<Denoised>>,
    /// Contested lesions with their probabilities and the projections that fit better.
    pub two_sided: Option<Vec<TwoSided>>,
    /// Of conditional generators, each image with its class, a list of each generator.
    pub drawn_by_class: Vec<Vec<Labelled>>,
    /// Training lesions edited, each with its class.
    pub edited: Option<Vec<Labelled>>,
    /// Lesion and w \[num_ws, w_dim\] of each projected slice of interest.
    pub latents: Option<Vec<(u32, Vec<f32>)>>,
    /// What contested lesions were projected into, generator by generator.
    pub networks: Vec<Network>,
    /// Whether each of the manifest's lesions truly is of interest; for the control that is given it.
    pub truth: Option<Vec<bool>>,
}

/// What was read, and what the reader of the results should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// In their order.
    pub items: Vec<T>,
    /// For the record.
    pub notes: Vec<String>,
}

impl<T> Loaded<T> {
    /// The items; what should be known about them goes to `notes`.
    pub fn noted(self, notes: &mut Vec<String>) -> Vec<T> {
        notes.extend(self.notes);
        self.items
    }
}

/// What of a record of `generate` tells where images come from.
#[derive(Deserialize)]
struct Drawn {
    #[serde(default)]
    data_sha256: Option<String>,
    #[serde(default)]
    ancestor_data: Vec<String>,
    #[serde(default)]
    images: Vec<FileHash>,
    #[serde(default)]
    image_classes: Vec<String>,
}

/// Reads `seed0000.npy`, `seed0001.npy`, ... of `folder` in the order of their numbers: those that its record lists,
/// each with the hash that stands there.
///
/// # Errors
/// No record, one that lists no such file, a file of that kind that it does not list or whose hash is another, one of
/// another shape or with non-finite values, or a generator that was trained on another data set; unless `trusted`, also
/// one of which that is not known, or that started from one of another. Stopped on request.
pub fn synthetic(folder: &Path, data: &Prepared, trusted: bool, observer: &dyn Observer) -> Result<Loaded<Synthetic>> {
    let path = folder.join(RECORD);
    let record: Drawn = read_record(&path, "generate")?;
    let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
    let notes = origin.check(&path, "synthetic", data.sha256(), trusted)?;
    if !record.image_classes.is_empty() && record.image_classes.len() != record.images.len() {
        let found = format!("{} classes of {} images", record.image_classes.len(), record.images.len());
        return Err(Problem::input(&path, found)
            .expected("one for each image, or none")
            .advice("draw the images again with `rimforge generate`"));
    }
    let of_interest = data.classes().of_interest.as_ref().map(Class::name);
    let wanted = |at: &&usize| match record.image_classes.get(**at) {
        Some(class) => Some(class.as_str()) == of_interest,
        None => true,
    };
    let places = listed_images(folder, &record.images, Made::Drawn)?;
    let read = |&at: &usize| read_image(folder, &path, &record.images[at], (data, observer));
    let items: Vec<Synthetic> = places.values().filter(wanted).map(read).collect::<Result<_>>()?;
    if items.is_empty() {
        return Err(Problem::input(&path, "no image of the class of interest")
            .expected(format!("images of class {}", of_interest.unwrap_or_default()))
            .advice("generate with that class"));
    }
    Ok(Loaded { items, notes })
}

/// Places in `images`, a record's list, by the numbers in the names of their arrays.
///
/// # Errors
/// A record that lists nothing or no such file, or such files in `folder` that it does not list.
pub(super) fn listed_images(folder: &Path, images: &[FileHash], made: Made) -> Result<BTreeMap<u64, usize>> {
    let (command, prefix, words) = made.words();
    if images.is_empty() {
        return Err(Problem::new(Kind::Gate, "a record of an earlier version: it does not list its images")
            .at(folder.join(RECORD))
            .expected("each image with its hash, so that images of another network cannot be among them")
            .advice(format!("run the same `rimforge {command}` command again; it replaces them")));
    }
    let places: BTreeMap<u64, usize> =
        images.iter().enumerate().filter_map(|(at, image)| Some((number(image.path.as_str(), prefix)?, at))).collect();
    if places.is_empty() {
        return Err(Problem::input(folder, format!("no {words} slice"))
            .expected(format!("{prefix}0000.npy, {prefix}0001.npy, ..."))
            .advice("generate into that folder with \"npy\" in generate.formats (--format)"));
    }
    let names = files::list(folder)?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let known: BTreeSet<&str> = images.iter().map(|image| image.path.as_str()).collect();
    let strangers: Vec<String> =
        names.filter(|name| number(name, prefix).is_some() && !known.contains(name.as_str())).collect();
    if !strangers.is_empty() {
        return Err(Problem::new(Kind::Gate, format!("images that the record does not list: {}", listed(&strangers)))
            .at(folder)
            .expected("images of one run, with its record")
            .advice("move them out of the folder: what drew them is not known, and test lesions may leak"));
    }
    Ok(places)
}

/// An image that the record at `path` lists, of the data set's form.
///
/// # Errors
/// Another hash, another form, non-finite values; stopped on request.
pub(super) fn read_image(
    folder: &Path,
    path: &Path,
    image: &FileHash,
    (data, observer): (&Prepared, &dyn Observer),
) -> Result<Synthetic> {
    if observer.stop_requested() {
        return Err(Problem::new(Kind::Interrupted, "stopped while reading generated images")
            .advice("run the same command again; finished fits are kept"));
    }
    Ok(Synthetic { pixels: slice(&inside(folder, path, image.path.as_str())?, &image.sha256, data)? })
}

/// 7 of "seed0007.npy" for the prefix "seed".
fn number(name: &str, prefix: &str) -> Option<u64> {
    name.strip_prefix(prefix)?.strip_suffix(".npy")?.parse().ok()
}

/// The file that a record names, which lies in its folder.
fn inside(folder: &Path, record: &Path, name: &str) -> Result<PathBuf> {
    Inside::new(name).map(|name| name.under(folder)).map_err(|fault| Problem::input(record, fault))
}

/// Which lesions' projections are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Contested ones.
    Contested,
    /// Agreed ones of the class of this number.
    OfClass(usize),
}

/// Reads the projections of training lesions that `folder`'s record lists, in the manifest's order of lesions.
///
/// # Errors
/// No record, an image that is missing or of another shape, a lesion that the data set does not have or that is not one
/// that is wanted on the training side, or a generator that may not be used here, as in [`synthetic`].
pub fn projected(folder: &Path, data: &Prepared, wanted: Wanted, config: &ClassifyConfig) -> Result<Loaded<Denoised>> {
    let path = folder.join(RECORD);
    tracing::info!("reading {} and its images", path.display());
    let record: ProjectionRecord = read_record(&path, "project")?;
    let what = match wanted {
        Wanted::Contested => "denoised",
        Wanted::OfClass(_) => "projected",
    };
    let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
    let mut notes = origin.check(&path, what, data.sha256(), config.trust_origin)?;
    data.require_made_of_it(&path, "projections", record.projected_sha256.as_deref())?;
    let mut lesions: BTreeMap<u32, Vec<(u32, Vec<f32>)>> = BTreeMap::new();
    let mut refused = 0;
    for (_, entry) in entries(&record, data, wanted) {
        let lesion = place(&path, data, wanted, &entry.lesion_id)?;
        if config.accepted_only && entry.rim_erased {
            refused += 1;
            continue;
        }
        let Some(sha256) = &entry.image_sha256 else {
            return Err(Problem::new(Kind::Gate, "a record of an earlier version: it has no hashes of its images")
                .at(&path)
                .expected("each image with its hash, so that images of another network cannot be among them")
                .advice("run the same `rimforge project` command again; what is finished is kept"));
        };
        let file = inside(folder, &path, entry.image.as_str())?;
        lesions.entry(lesion).or_default().push((entry.slice as u32, slice(&file, sha256, data)?));
    }
    if lesions.is_empty() {
        return Err(match wanted {
            Wanted::Contested => Problem::input(&path, "no projection of a contested lesion")
                .expected("at least one with the role \"ambiguous\""),
            Wanted::OfClass(class) => {
                let class = data.classes().names[class].name();
                Problem::input(&path, format!("no projection of an agreed training {class}"))
                    .expected(format!("at least one with the role {class:?}"))
                    .advice(format!("project the training side with `rimforge project --class {class}`"))
            }
        });
    }
    if refused > 0 {
        notes.push(format!("{refused} projections with an erased rim were left out."));
    }
    let sorted = |(lesion, mut slices): (u32, Vec<(u32, Vec<f32>)>)| {
        slices.sort_by_key(|(z, _)| *z);
        Denoised { lesion, slices }
    };
    Ok(Loaded { items: lesions.into_iter().map(sorted).collect(), notes })
}

/// Refuses projections of several generators (`lists`, read from `folders`) that are not of the same slices: fits with
/// one generator and with another must differ in nothing else.
///
/// # Errors
/// Names the folder that departs from the first.
pub fn require_same_slices(lists: &[Vec<Denoised>], folders: &[PathBuf], data: &Prepared) -> Result<()> {
    let slices = |list: &[Denoised]| -> BTreeSet<(u32, u32)> {
        list.iter().flat_map(|lesion| lesion.slices.iter().map(|(z, _)| (lesion.lesion, *z))).collect()
    };
    let Some(first) = lists.first().map(|list| slices(list)) else { return Ok(()) };
    for (list, folder) in lists.iter().zip(folders).skip(1) {
        if let Some((lesion, z)) = slices(list).symmetric_difference(&first).next() {
            let which = if first.contains(&(*lesion, *z)) { "lacks" } else { "has" };
            return Err(Problem::new(Kind::Gate, format!("{which} slice {z} of {}", data.lesion(*lesion).id))
                .at(folder)
                .expected(format!("projections of the slices that {} has", folders[0].display()))
                .advice("project with the same settings and the same seed into each generator"));
        }
    }
    Ok(())
}

/// Refuses folders of several generators that are not each of another, or not the same ones in the same order: in
/// each of `kinds` (what they hold, and the folders) those of one kind.
///
/// # Errors
/// `Kind::Gate`, with the folder.
pub fn require_other_generators(kinds: [(&str, &[PathBuf]); 2]) -> Result<()> {
    #[derive(Deserialize)]
    struct OfNetwork {
        network_sha256: Option<String>,
    }
    let mut first: Vec<String> = vec![];
    for (what, folders) in kinds.into_iter().filter(|(_, folders)| folders.len() > 1) {
        let mut seen: Vec<String> = vec![];
        for (at, folder) in folders.iter().enumerate() {
            let path = folder.join(RECORD);
            let record: OfNetwork = read_record(&path, "generate")?;
            let sha256 = record.network_sha256.unwrap_or_default();
            let refuse = |found: String| {
                Err(Problem::new(Kind::Gate, found)
                    .at(&path)
                    .expected("each folder of another generator, the same ones in the same order")
                    .advice("give --synthetic, --denoised and --network generator by generator"))
            };
            if let Some(before) = seen.iter().position(|other| *other == sha256) {
                return refuse(format!("{what} of the generator that {} is of, too", folders[before].display()));
            }
            if first.get(at).is_some_and(|other| *other != sha256) {
                return refuse(format!("{what} of network {}, the synthetic ones are of another", shown(&sha256)));
            }
            seen.push(sha256);
        }
        first = seen;
    }
    Ok(())
}

/// Entries of the role that is wanted, with their places in the record. Beside contested lesions a folder holds
/// controls of the validation side, which have the role of their class; in a folder of a class they are passed over.
fn entries<'a>(
    record: &'a ProjectionRecord,
    data: &'a Prepared,
    wanted: Wanted,
) -> impl Iterator<Item = (usize, &'a ProjectedLesion)> {
    let role = match wanted {
        Wanted::Contested => "ambiguous",
        Wanted::OfClass(class) => data.classes().names[class].name(),
    };
    let control = move |entry: &ProjectedLesion| {
        let known = data.manifest().lesions.iter().find(|lesion| lesion.id == entry.lesion_id);
        wanted != Wanted::Contested && known.is_some_and(|lesion| lesion.split == Split::Validation)
    };
    record.lesions.iter().enumerate().filter(move |(_, entry)| entry.role == role && !control(entry))
}

/// Place in the manifest of a lesion that a record names.
fn place(path: &Path, data: &Prepared, wanted: Wanted, lesion_id: &Name) -> Result<u32> {
    let lesions = &data.manifest().lesions;
    let Some(lesion) = (0u32..).zip(lesions).find(|(_, lesion)| lesion.id == *lesion_id).map(|(at, _)| at) else {
        return Err(Problem::input(path, format!("lesion {lesion_id} is not in {}", data.root().display()))
            .advice("project the lesions of this data set"));
    };
    let known = data.lesion(lesion);
    let (class, what) = match wanted {
        Wanted::Contested => (None, "contested lesions"),
        Wanted::OfClass(class) => (Some(class), "agreed lesions of its role"),
    };
    if known.split != Split::Train || data.class_of(known) != class {
        let found = format!("{} is {} on the {:?} side", known.id, known.class, known.split).to_lowercase();
        return Err(Problem::new(Kind::Gate, found)
            .at(path)
            .expected(format!("{what} of the training side only"))
            .advice("project this data set's training lesions again; nothing else may be trained on"));
    }
    Ok(lesion)
}

/// Reads what `folder`'s record says of contested training lesions that were projected as of either class, and the
/// images that fit better.
///
/// # Errors
/// No record of `two-sided`, no contested lesion in it or one without a probability, a lesion or an image as in
/// [`projected`], or a generator that may not be used here.
pub fn two_sided(folder: &Path, data: &Prepared, trusted: bool) -> Result<Loaded<TwoSided>> {
    let path = folder.join(RECORD);
    let record: TwoSidedRecord = read_record(&path, "two-sided")?;
    let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
    let notes = origin.check(&path, "two-sided", data.sha256(), trusted)?;
    data.require_made_of_it(&path, "projections", record.projected_sha256.as_deref())?;
    let mut items = vec![];
    for entry in record.lesions.iter().filter(|entry| entry.is_contested(&record.classes)) {
        let lesion = place(&path, data, Wanted::Contested, &entry.lesion_id)?;
        let Some(probability) = entry.probability else {
            return Err(Problem::input(&path, format!("no probability of {}", entry.lesion_id))
                .advice("give `rimforge two-sided` agreed lesions of more patients"));
        };
        let read = |image: &BetterImage| {
            let file = inside(folder, &path, image.image.as_str())?;
            Ok((image.slice as u32, slice(&file, &image.sha256, data)?))
        };
        let mut slices = entry.images.iter().map(read).collect::<Result<Vec<_>>>()?;
        slices.sort_by_key(|(z, _)| *z);
        items.push(TwoSided { better: Denoised { lesion, slices }, probability: probability as f32 });
    }
    if items.is_empty() {
        return Err(Problem::input(&path, "no contested lesion that was projected as of either class")
            .expected("at least one")
            .advice("project contested training lesions both ways"));
    }
    items.sort_by_key(|item| item.better.lesion);
    Ok(Loaded { items, notes })
}

/// Reads the w of the projected lesions of the class of interest, `size` numbers each, in the record's order.
///
/// # Errors
/// As [`projected`]; no `projected_w.npz` of the record's lesions, or one of another network than `network_sha256`.
pub fn latents(
    folder: &Path,
    data: &Prepared,
    interest: usize,
    (size, network_sha256): (usize, &str),
) -> Result<Vec<(u32, Vec<f32>)>> {
    let path = folder.join(RECORD);
    let record: ProjectionRecord = read_record(&path, "project")?;
    if record.network_sha256 != network_sha256 {
        return Err(Problem::new(Kind::Gate, format!("projected into network {}", shown(&record.network_sha256)))
            .at(&path)
            .expected(format!("network {network_sha256}, which is given"))
            .advice("give the network that these lesions were projected into (--network)"));
    }
    let file = ProjectionDir::new(folder).latents();
    data.require_made_of_it(&path, "projections", record.projected_sha256.as_deref())?;
    let values = npz_array(&file, record.latents_sha256.as_deref(), record.lesions.len() * size)?;
    let wanted = Wanted::OfClass(interest);
    let one = |(at, entry): (usize, &ProjectedLesion)| {
        Ok((place(&path, data, wanted, &entry.lesion_id)?, values[at * size..][..size].to_vec()))
    };
    entries(&record, data, wanted).map(one).collect()
}

/// The `count` float32 of the array "w" in an uncompressed npz file that must have the record's hash.
fn npz_array(file: &Path, sha256: Option<&str>, count: usize) -> Result<Vec<f32>> {
    let name = "w";
    let again = "run the same `rimforge project` command again; what is finished is kept";
    let damaged =
        |what: String| Problem::input(file, what).expected(format!("{count} float32 of {name:?}")).advice(again);
    let most = (count * size_of::<f32>()) as u64 + LARGEST_HEADER;
    let bytes = files::read(file, 2 * most, "the w of all projections")?;
    let found = digest::sha256(&bytes);
    if sha256 != Some(found.as_str()) {
        let known = sha256.map_or("a record of this version, which names its SHA-256".into(), shown);
        return Err(Problem::new(Kind::Gate, format!("SHA-256 {found}")).at(file).expected(known).advice(again));
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(error.to_string()).because(error))?;
    let mut array = vec![];
    let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| damaged(error.to_string()).because(error))?;
    entry.take(most).read_to_end(&mut array).map_err(|error| damaged(error.to_string()).because(error))?;
    let values = Npy::open(&array).and_then(Npy::floats).map_err(|problem| problem.at(file).advice(again))?;
    if values.len() == count { Ok(values) } else { Err(damaged(format!("{} values", values.len()))) }
}

/// Of an npy array and of the files around it, in bytes.
const LARGEST_HEADER: u64 = 64 << 10;

/// Opens the generator that lesions were projected into.
///
/// # Errors
/// No network of images, one that draws other images than the data set's, or one that may not be used here, as in
/// [`synthetic`].
pub fn network(path: &Path, data: &Prepared, device: Device, trusted: bool) -> Result<Loaded<Network>> {
    let file = network_file(path)?;
    let saved = load_image_network(&file, device)?;
    let images = NetworkImages::of(&saved.description);
    let origin = Origin { data: images.data_sha256.as_deref(), before: &images.ancestor_data };
    let notes = origin.check(&file, "generator's", data.sha256(), trusted)?;
    let config = saved.generator.config();
    let found = [config.channels as usize, images.padding.height, images.padding.width];
    if found != data.image_shape() || !images.contrasts.is_empty() && images.contrasts != data.contrasts() {
        return Err(Problem::input(&file, format!("draws {found:?} (channels, height, width)"))
            .expected(format!("{:?} and the channels and windows of {}", data.image_shape(), data.root().display()))
            .advice("give the generator that was trained on this data set (--network)"));
    }
    let interest = data.classes().interest().unwrap_or_default() as i64;
    let class = (config.c_dim > 0)
        .then(|| Tensor::from_slice(&[interest]).one_hot(config.c_dim).to_kind(tch::Kind::Float).to_device(device));
    let network = Network { generator: saved.generator, padding: images.padding, class, sha256: saved.sha256 };
    Ok(Loaded { items: vec![network], notes })
}

/// The values of an image that has the given hash.
fn slice(path: &Path, sha256: &str, data: &Prepared) -> Result<Vec<f32>> {
    let shape = data.image_shape().map(|n| n as u64);
    let bytes = files::read(path, patch_file::most_bytes::<f32>(&shape), "an image of the data set's size")?;
    let again = "write it again with `rimforge generate` or `rimforge project`, from a network of this data set";
    let found = digest::sha256(&bytes);
    if found != *sha256 {
        return Err(Problem::new(Kind::Gate, format!("not the image that the record lists: SHA-256 {found}"))
            .at(path)
            .expected(sha256)
            .advice(again));
    }
    let pixels: Vec<f32> = patch_file::parse(path, &bytes, &shape).map_err(|problem| problem.advice(again))?;
    match pixels.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Problem::input(path, format!("value {at} is not a number")).advice(again)),
        None => Ok(pixels),
    }
}

/// Largest record in bytes: an entry of some 600 for each of a hundred thousand images.
const LARGEST_RECORD: u64 = 64 << 20;

pub(super) fn read_record<T: DeserializeOwned>(path: &Path, command: &str) -> Result<T> {
    let wanted = format!("the record of a folder that `rimforge {command}` wrote");
    let text = files::read(path, LARGEST_RECORD, &wanted).map_err(|problem| {
        problem.expected(&*wanted).advice(format!(
            "give the --out folder of `rimforge {command}`: images without their record may be of a network that knows \
             the test lesions"
        ))
    })?;
    files::parse_json(path, &text, &wanted)
}

/// The data sets that a generator knows, as the record of its images says.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// That it was trained on.
    pub data: Option<&'a str>,
    /// Those that its weights knew before.
    pub before: &'a [String],
}

impl Origin<'_> {
    /// Refuses all but the data set `own`: the test lesions of one split are training lesions of another. What is
    /// `trusted` all the same earns a note.
    ///
    /// # Errors
    /// `Kind::Gate`: another data set, or, unless `trusted`, one that is not known.
    pub fn check(&self, record: &Path, what: &str, own: &str, trusted: bool) -> Result<Vec<String>> {
        let refused = |found: String, advice: &str| {
            Err(Problem::new(Kind::Gate, found).at(record).expected(format!("data {own}")).advice(advice))
        };
        if let Some(found) = self.data.filter(|found| *found != own) {
            let advice = "train, generate and project on the data set that the classifier is tested with, or test \
                          lesions may leak";
            return refused(format!("made by a network that was trained on data {}", shown(found)), advice);
        }
        let mut others: Vec<&str> = self.before.iter().map(String::as_str).filter(|before| *before != own).collect();
        others.extend(self.data.is_none().then_some(UNKNOWN_DATA));
        let Some(other) = others.first() else { return Ok(vec![]) };
        let found = match (self.data, *other) {
            (None, _) => "does not say which data set its network was trained on".to_owned(),
            (_, UNKNOWN_DATA) => "is of a network that started from one of unknown data".to_owned(),
            (_, other) => format!("is of a network that started from one of data {}", shown(other)),
        };
        if trusted {
            return Ok(vec![format!("the {what} set {found}; that no test lesion was in it is taken on trust")]);
        }
        let advice = "train without --base or on a base of this data set, or test lesions may leak; where you know that \
                      none was in the other data, say so with classify.trust_origin = true (--trust-origin)";
        refused(format!("the {what} set {found}"), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_that_knew_nothing_but_this_data_set_are_taken_without_trust() {
        let check = |data: Option<&str>, before: &[&str], trusted: bool| {
            let before: Vec<String> = before.iter().map(|&before| before.to_owned()).collect();
            Origin { data, before: &before }.check(Path::new("r"), "synthetic", "own", trusted)
        };
        for trusted in [false, true] {
            assert!(check(Some("own"), &[], trusted).unwrap().is_empty());
            assert!(check(Some("own"), &["own"], trusted).unwrap().is_empty());
            let problem = check(Some("b"), &[], trusted).unwrap_err();
            assert!(problem.kind() == Kind::Gate && problem.to_string().contains("trained on data b"), "{problem}");
        }
        for (data, before, says) in [
            (None, &[][..], "does not say which data set"),
            (None, &["own"], "does not say which data set"),
            (Some("own"), &["b"], "started from one of data b"),
            (Some("own"), &["own", "unknown"], "started from one of unknown data"),
        ] {
            let problem = check(data, before, false).unwrap_err();
            assert!(problem.kind() == Kind::Gate && problem.to_string().contains(says), "{problem}");
            assert!(problem.to_string().contains("--trust-origin"), "{problem}");
            let notes = check(data, before, true).unwrap();
            assert!(notes[0].contains(says) && notes[0].contains("taken on trust"), "{notes:?}");
        }
    }
}

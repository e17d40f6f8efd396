//! Slices that `project` and `two-sided` left, from their folders, and whether they may be used here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::config::ClassifyConfig;
use super::extras::{Denoised, Loaded, TwoSided};
use super::listed::{inside, read_record, values};
use crate::data::Prepared;
use crate::data::manifest::Split;
use crate::data::origin::Origin;
use crate::digest;
use crate::feed::network_source::require_channels;
use crate::files;
use crate::files::npy::Npy;
use crate::name::{Name, shown};
use crate::problem::{Kind, Problem, Result};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::records::two_sided::{BetterImage, TwoSidedRecord};
use crate::run_dir::{ProjectionDir, RECORD};

/// Which lesions' projections are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Contested ones.
    Contested,
    /// Agreed ones of the class of this number.
    OfClass(usize),
}

/// Reads the projections of training lesions that `folder`'s record lists, in the manifest's order of lesions.
/// `as_of_interest`: they are learnt from as of the class of interest, so that a conditional network must have been
/// asked for that class.
///
/// # Errors
/// No record, one projected as of another class than it must be, an image that is missing or of another shape, other
/// channels or windows, a lesion that the data set does not have or that is not one that is wanted on the training
/// side, or a generator that may not be used here, as in
/// [`drawn::synthetic`](super::drawn::synthetic).
pub fn projected(
    folder: &Path,
    data: &Prepared,
    (wanted, as_of_interest): (Wanted, bool),
    config: &ClassifyConfig,
) -> Result<Loaded<Denoised>> {
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
    require_channels(&path, "the images were projected", &record.contrasts, data)?;
    let mut lesions: BTreeMap<u32, Vec<(u32, Vec<f32>)>> = BTreeMap::new();
    let mut refused = 0;
    for (_, entry) in entries(&record, data, wanted) {
        if let (Some(class), Some(interest)) = (&entry.class, &data.classes().of_interest)
            && as_of_interest
            && !data.classes().is_of_interest(Some(class))
        {
            let interest = interest.name();
            return Err(Problem::new(Kind::Gate, format!("{} projected as {}", entry.lesion_id, shown(class)))
                .at(path)
                .expected(format!("all as {interest}: as that they are learnt"))
                .advice(format!("project with --condition {interest} (project.condition)")));
        }
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
        let slice = data.slice_of(&path, entry.slice)?;
        lesions.entry(lesion).or_default().push((slice, values(&file, sha256, data)?));
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
        notes.push(format!("projections with an erased rim, {refused} left out."));
    }
    let sorted = |(lesion, slices)| ascending(&path, data, lesion, slices);
    Ok(Loaded { items: lesions.into_iter().map(sorted).collect::<Result<_>>()?, notes })
}

/// A lesion's slices in their order.
///
/// # Errors
/// One of them twice: it would count twice in what is learnt.
fn ascending(path: &Path, data: &Prepared, lesion: u32, mut slices: Vec<(u32, Vec<f32>)>) -> Result<Denoised> {
    slices.sort_by_key(|(z, _)| *z);
    match slices.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Problem::input(path, format!("slice {} of {} twice", pair[0].0, data.lesion(lesion).id))
            .expected("each slice once")
            .advice("run the command that wrote the record again")),
        None => Ok(Denoised { lesion, slices }),
    }
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

/// What is to be told where a probability was judged on other slices than those that arms of the same lesions take.
pub fn judged_on_others(judged: &[TwoSided], denoised: &[Denoised]) -> Option<String> {
    let slices = |lesion: &Denoised| lesion.slices.iter().map(|(z, _)| *z).collect::<Vec<_>>();
    let of: BTreeMap<u32, Vec<u32>> = judged.iter().map(|one| (one.better.lesion, slices(&one.better))).collect();
    let other = |lesion: &&Denoised| of.get(&lesion.lesion).is_some_and(|judged| *judged != slices(lesion));
    let others = denoised.iter().filter(other).count();
    (others > 0).then(|| {
        format!(
            "Of {others} contested lesions other slices were projected as of either class than are projected into the \
             generator: the two-sided arms and the denoised ones differ in their slices, too."
        )
    })
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
        if !(0.0..=1.0).contains(&probability) {
            return Err(Problem::input(&path, format!("a probability of {probability} of {}", entry.lesion_id))
                .expected("a number from 0 to 1")
                .advice("run `rimforge two-sided` again"));
        }
        let read = |image: &BetterImage| {
            let file = inside(folder, &path, image.image.as_str())?;
            Ok((data.slice_of(&path, image.slice)?, values(&file, &image.sha256, data)?))
        };
        let slices = entry.images.iter().map(read).collect::<Result<Vec<_>>>()?;
        let better = ascending(&path, data, lesion, slices)?;
        items.push(TwoSided { better, probability: probability as f32 });
    }
    if items.is_empty() {
        return Err(Problem::input(&path, "no contested lesion that was projected as of either class")
            .expected("at least one")
            .advice("project contested training lesions both ways"));
    }
    items.sort_by_key(|item: &TwoSided| item.better.lesion);
    if let Some(pair) = items.windows(2).find(|pair| pair[0].better.lesion == pair[1].better.lesion) {
        let id = &data.lesion(pair[0].better.lesion).id;
        return Err(Problem::input(&path, format!("lesion {id} twice"))
            .expected("each lesion once")
            .advice("run `rimforge two-sided` again"));
    }
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

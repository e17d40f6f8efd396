//! Slices that `generate` drew, from their folder, and whether they may be used here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::extras::{Loaded, Synthetic};
use super::labelled::Kind as Made;
use super::listed::{Listed, inside, values};
use super::oddities;
use crate::data::Prepared;
use crate::data::name_join::listed;
use crate::files;
use crate::name::shown;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::classes::Class;
use crate::run_dir::RECORD;

/// Reads `seed0000.npy`, `seed0001.npy`, ... of `folder` in the order of their numbers: those that its record lists,
/// each with the hash that stands there.
///
/// # Errors
/// No record, one that lists no such file, a file of that kind that it does not list or whose hash is another, one of
/// another shape or with non-finite values, or a generator that was trained on another data set; unless `trusted`, also
/// one of which that is not known, or that started from one of another. Stopped on request.
pub fn synthetic(folder: &Path, data: &Prepared, trusted: bool, observer: &dyn Observer) -> Result<Loaded<Synthetic>> {
    let (record, mut notes) = Listed::open(folder, Made::Drawn, data, trusted)?;
    let path = folder.join(RECORD);
    let of_interest = data.classes().of_interest.as_ref().map(Class::name);
    let wanted = |at: &&usize| data.classes().is_of_interest(record.image_classes.get(**at).map(String::as_str));
    require_class(&path, &record, data)?;
    let places = listed_images(folder, &record.images, Made::Drawn)?;
    let taken: Vec<&FileHash> = places.values().filter(wanted).map(|&at| &record.images[at]).collect();
    let read = |&image: &&FileHash| read_image(folder, &path, image, (data, observer));
    let items: Vec<Synthetic> = taken.iter().map(read).collect::<Result<_>>()?;
    if items.is_empty() {
        return Err(Problem::input(&path, "no image of the class of interest")
            .expected(format!("images of class {}", of_interest.unwrap_or_default()))
            .advice("generate with that class"));
    }
    let class = of_interest.filter(|_| !record.image_classes.is_empty());
    let called = class.map_or("synthetic images".into(), |class| format!("synthetic images of class {class}"));
    notes.extend(oddities::told(&called, taken.into_iter().zip(&items)));
    Ok(Loaded { items, notes })
}

/// Refuses images that were all drawn as of another class than the one of interest, as which they would be learnt.
fn require_class(path: &Path, record: &Listed, data: &Prepared) -> Result<()> {
    let (Some(interest), true) = (data.classes().of_interest.as_ref(), record.image_classes.is_empty()) else {
        return Ok(());
    };
    let drawn = match (&record.class_name, record.class) {
        (Some(name), _) => shown(name).into_owned(),
        (None, Some(number)) if data.classes().interest().map(|interest| interest as i64) != Some(number) => {
            format!("number {number}")
        }
        _ => return Ok(()),
    };
    if drawn == interest.name() {
        return Ok(());
    }
    Err(Problem::new(Kind::Gate, format!("images of class {drawn}"))
        .at(path)
        .expected(format!("images of class {}, which classifiers are taught that they are", interest.name()))
        .advice(format!("generate with --class {} (generate.class)", interest.name())))
}

/// Places in `images`, a record's list, by the numbers in the names of their arrays.
///
/// # Errors
/// A record that lists nothing or no such file, or such files in `folder` that it does not list.
pub(super) fn listed_images(folder: &Path, images: &[FileHash], made: Made) -> Result<BTreeMap<u64, usize>> {
    let (_, prefix, words) = made.words();
    if images.is_empty() {
        return Err(Problem::new(Kind::Gate, "a record of an earlier version: it does not list its images")
            .at(folder.join(RECORD))
            .expected("each image with its hash, so that images of another network cannot be among them")
            .advice(format!("{}; it replaces them", made.again())));
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
    Ok(Synthetic { pixels: values(&inside(folder, path, image.path.as_str())?, &image.sha256, data)? })
}

/// 7 of "seed0007.npy" for the prefix "seed".
fn number(name: &str, prefix: &str) -> Option<u64> {
    name.strip_prefix(prefix)?.strip_suffix(".npy")?.parse().ok()
}

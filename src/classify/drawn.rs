//! Slices that `generate` drew, from their folder, and whether they may be used here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::extras::{Loaded, Synthetic};
use super::labelled::Kind as Made;
use super::listed::{Listed, inside, values};
use crate::data::Prepared;
use crate::data::name_join::listed;
use crate::files;
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
    notes.extend(out_of_range(&items).map(|found| format!("{}: {found}", path.display())));
    Ok(Loaded { items, notes })
}

/// Farther from 0 than a network that learned images of -1 to 1 draws but here and there.
const FAR: f32 = 1.5;

/// Share of an image's values that may be.
const FEW: f64 = 0.01;

/// What is to be told of images with values that no image of a data set has.
pub(super) fn out_of_range<'a>(images: impl IntoIterator<Item = &'a Synthetic>) -> Option<String> {
    let (mut all, mut out) = (0, 0);
    for Synthetic { pixels } in images {
        let far = pixels.iter().filter(|value| value.abs() > FAR).count();
        all += 1;
        out += u64::from(far as f64 > FEW * pixels.len() as f64);
    }
    (out > 0).then(|| {
        format!(
            "{out} of {all} images have values far out of the network's range of -1 to 1 (more than {} % beyond {FAR}): \
             the network did not learn, or something else made them",
            100.0 * FEW
        )
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 200 values two may lie beyond 1.5, and any number up to there.
    #[test]
    fn images_out_of_range_are_told() {
        let image = |far: usize| Synthetic { pixels: (0..200).map(|at| if at < far { -1.6 } else { 1.5 }).collect() };
        assert_eq!(out_of_range(&[image(0), image(2)]), None);
        assert!(out_of_range(&[image(2), image(3), image(200)]).unwrap().starts_with("2 of 3 images"));
    }
}

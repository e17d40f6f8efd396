//! Generated slices from their folders: synthetic ones of `generate`, denoised ones of `project`; and whether they may
//! be used here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::config::ClassifyConfig;
use crate::data::manifest::Split;
use crate::data::name_join::listed;
use crate::data::{Prepared, patch_file};
use crate::digest;
use crate::files;
use crate::name::{Inside, shown};
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::label::UNKNOWN_DATA;
use crate::records::projection::ProjectionRecord;
use crate::run_dir::RECORD;

/// Drawn from a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Synthetic {
    /// \[C, H, W\] in \[-1, 1\], row-major.
    pub pixels: Vec<f32>,
}

/// The projections of one contested training lesion.
#[derive(Clone, Debug, PartialEq)]
pub struct Denoised {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Slice index within the patch, and its projection \[C, H, W\] in \[-1, 1\]; ascending, at least one.
    pub slices: Vec<(u32, Vec<f32>)>,
}

/// What was read, and what the reader of the results should know about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// In their order.
    pub items: Vec<T>,
    /// For the record.
    pub notes: Vec<String>,
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
}

/// Reads `seed0000.npy`, `seed0001.npy`, ... of `folder` in the order of their numbers: those that its record lists,
/// each with the hash that stands there.
///
/// # Errors
/// No record, one that lists no such file, a file of that kind that it does not list or whose hash is another, one of
/// another shape or with non-finite values, or a generator that was trained on another data set; unless `trusted`, also
/// one of which that is not known, or that started from one of another.
pub fn synthetic(folder: &Path, data: &Prepared, trusted: bool) -> Result<Loaded<Synthetic>> {
    let path = folder.join(RECORD);
    let record: Drawn = read_record(&path, "generate")?;
    let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
    let notes = origin.check(&path, "synthetic", data.sha256(), trusted)?;
    if record.images.is_empty() {
        return Err(Problem::new(Kind::Gate, "a record of an earlier version: it does not list its images")
            .at(&path)
            .expected("each image with its hash, so that images of another network cannot be among them")
            .advice("run the same `rimforge generate` command again; it replaces them"));
    }
    let images: BTreeMap<u64, &FileHash> =
        record.images.iter().filter_map(|image| Some((number(image.path.as_str())?, image))).collect();
    if images.is_empty() {
        return Err(Problem::input(folder, "no synthetic slice")
            .expected("seed0000.npy, seed0001.npy, ...")
            .advice("generate into that folder with \"npy\" in generate.formats (--format)"));
    }
    let names = files::list(folder)?.into_iter().filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let known: BTreeSet<&str> = record.images.iter().map(|image| image.path.as_str()).collect();
    let strangers: Vec<String> =
        names.filter(|name| number(name).is_some() && !known.contains(name.as_str())).collect();
    if !strangers.is_empty() {
        return Err(Problem::new(Kind::Gate, format!("images that the record does not list: {}", listed(&strangers)))
            .at(folder)
            .expected("images of one run, with its record")
            .advice("move them out of the folder: what drew them is not known, and test lesions may leak"));
    }
    let read = |image: &&FileHash| {
        Ok(Synthetic { pixels: slice(&inside(folder, &path, image.path.as_str())?, &image.sha256, data)? })
    };
    let items = images.values().map(read).collect::<Result<_>>()?;
    Ok(Loaded { items, notes })
}

/// 7 of "seed0007.npy".
fn number(name: &str) -> Option<u64> {
    name.strip_prefix("seed")?.strip_suffix(".npy")?.parse().ok()
}

/// The file that a record names, which lies in its folder.
fn inside(folder: &Path, record: &Path, name: &str) -> Result<PathBuf> {
    Inside::new(name).map(|name| name.under(folder)).map_err(|fault| Problem::input(record, fault))
}

/// Reads the projections of contested lesions that `folder`'s record lists, in the manifest's order of lesions.
///
/// # Errors
/// No record, an image that is missing or of another shape, a lesion that the data set does not have or that is not a
/// contested training lesion, or a generator that may not be used here, as in [`synthetic`].
pub fn denoised(folder: &Path, data: &Prepared, config: &ClassifyConfig) -> Result<Loaded<Denoised>> {
    let path = folder.join(RECORD);
    tracing::info!("reading {} and its images", path.display());
    let record: ProjectionRecord = read_record(&path, "project")?;
    let origin = Origin { data: record.data_sha256.as_deref(), before: &record.ancestor_data };
    let mut notes = origin.check(&path, "denoised", data.sha256(), config.trust_origin)?;
    let places: BTreeMap<&str, u32> = (0..).zip(&data.manifest().lesions).map(|(at, l)| (l.id.as_str(), at)).collect();
    let mut lesions: BTreeMap<u32, Vec<(u32, Vec<f32>)>> = BTreeMap::new();
    let mut refused = 0;
    for entry in record.lesions.iter().filter(|entry| entry.role == "ambiguous") {
        let Some(&lesion) = places.get(entry.lesion_id.as_str()) else {
            return Err(Problem::input(
                &path,
                format!("lesion {} is not in {}", entry.lesion_id, data.root().display()),
            )
            .advice("project the lesions of this data set"));
        };
        let known = data.lesion(lesion);
        if known.split != Split::Train || data.class_of(known).is_some() {
            let found = format!("{} is {} on the {:?} side", known.id, known.class, known.split).to_lowercase();
            return Err(Problem::new(Kind::Gate, found)
                .at(&path)
                .expected("contested lesions of the training side only")
                .advice("project this data set's training lesions again; nothing else may be trained on"));
        }
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
        return Err(Problem::input(&path, "no projection of a contested lesion")
            .expected("at least one with the role \"ambiguous\""));
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

fn read_record<T: DeserializeOwned>(path: &Path, command: &str) -> Result<T> {
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
struct Origin<'a> {
    /// That it was trained on.
    data: Option<&'a str>,
    /// Those that its weights knew before.
    before: &'a [String],
}

impl Origin<'_> {
    /// Refuses all but the data set `own`: the test lesions of one split are training lesions of another. What is
    /// `trusted` all the same earns a note.
    fn check(&self, record: &Path, what: &str, own: &str, trusted: bool) -> Result<Vec<String>> {
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

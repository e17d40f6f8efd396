//! Generated slices from their folders: synthetic ones of `generate`, denoised ones of `project`; and whether they may
//! be used here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::data::manifest::Split;
use crate::data::{Prepared, patch_file};
use crate::problem::{Kind, Problem, Result};
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

/// Reads `seed0000.npy`, `seed0001.npy`, ... of `folder` in the order of their numbers.
///
/// # Errors
/// No such file, one of another shape or with non-finite values, or a generator that was trained on another data set.
pub fn synthetic(folder: &Path, data: &Prepared) -> Result<Loaded<Synthetic>> {
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for path in crate::files::list(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let number = name.strip_prefix("seed").and_then(|rest| rest.strip_suffix(".npy")).map(str::parse);
        if let Some(Ok(number)) = number {
            files.push((number, path));
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Problem::input(folder, "no synthetic slice")
            .expected("seed0000.npy, seed0001.npy, ...")
            .advice("generate into that folder with \"npy\" in generate.formats (--format)"));
    }
    let read = |(_, path): &(u64, PathBuf)| Ok(Synthetic { pixels: slice(path, data)? });
    let items = files.iter().map(read).collect::<Result<_>>()?;
    Ok(Loaded { items, notes: provenance(folder, "synthetic", data.sha256())? })
}

/// Reads the projections of contested lesions that `folder`'s record lists, in the manifest's order of lesions.
///
/// # Errors
/// No record, an image that is missing or of another shape, a lesion that the data set does not have or that is not a
/// contested training lesion, or a generator that was trained on another data set.
pub fn denoised(folder: &Path, data: &Prepared, accepted_only: bool) -> Result<Loaded<Denoised>> {
    let path = folder.join(RECORD);
    tracing::info!("reading {} and its images", path.display());
    let text = std::fs::read(&path)
        .map_err(|error| Problem::io(&path, "reading", error).expected("the folder that `rimforge project` wrote"))?;
    let record: ProjectionRecord = serde_json::from_slice(&text)
        .map_err(|error| Problem::input(&path, format!("not a record of projections: {error}")).because(error))?;
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
        if accepted_only && entry.rim_erased {
            refused += 1;
            continue;
        }
        lesions.entry(lesion).or_default().push((entry.slice as u32, slice(&folder.join(&entry.image), data)?));
    }
    if lesions.is_empty() {
        return Err(Problem::input(&path, "no projection of a contested lesion")
            .expected("at least one with the role \"ambiguous\""));
    }
    let mut notes = provenance(folder, "denoised", data.sha256())?;
    if refused > 0 {
        notes.push(format!("{refused} projections with an erased rim were left out."));
    }
    let sorted = |(lesion, mut slices): (u32, Vec<(u32, Vec<f32>)>)| {
        slices.sort_by_key(|(z, _)| *z);
        Denoised { lesion, slices }
    };
    Ok(Loaded { items: lesions.into_iter().map(sorted).collect(), notes })
}

fn slice(path: &Path, data: &Prepared) -> Result<Vec<f32>> {
    let bytes = std::fs::read(path).map_err(|error| Problem::io(path, "reading", error))?;
    let again = "write it again with `rimforge generate` or `rimforge project`, from a network of this data set";
    let pixels: Vec<f32> = patch_file::parse(path, &bytes, &data.image_shape().map(|n| n as u64))
        .map_err(|problem| problem.advice(again))?;
    match pixels.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(Problem::input(path, format!("value {at} is not a number")).advice(again)),
        None => Ok(pixels),
    }
}

/// Compares the data set that the record names with this one; a record that names none earns a note.
fn provenance(folder: &Path, what: &str, data_sha256: &str) -> Result<Vec<String>> {
    let path = folder.join(RECORD);
    let record: Value = crate::files::read_note(&path)?.unwrap_or_default();
    match record.get("data_sha256").and_then(Value::as_str) {
        Some(found) if found == data_sha256 => Ok(vec![]),
        Some(found) => Err(Problem::new(Kind::Gate, format!("made by a network that was trained on data {found}"))
            .at(&path)
            .expected(format!("data {data_sha256}"))
            .advice(
                "train, generate and project on the data set that the classifier is tested with, or test \
                     lesions may leak",
            )),
        None => Ok(vec![format!(
            "the {what} set does not say which data set its network was trained on; that no test lesion was in it \
             is taken on trust"
        )]),
    }
}

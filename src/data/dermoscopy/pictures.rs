//! Which file holds which photograph: by its name alone, in whatever folder it lies.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::layout::Layout;
use super::photographs::Photographs;
use crate::data::image_files::file_name;
use crate::data::image_store::ImageStore;
use crate::data::name_join::{listed, unmatched};
use crate::data::near_names::one_form;
use crate::digest;
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Longest photograph that is compared with another of its name, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// Ends the names of masks, which lie beside the photographs.
const MASKS: [&str; 2] = ["_segmentation", "_mask"];

/// The file of each photograph, in the rows' order, and what to say about the others.
///
/// # Errors
/// Photographs without a file; pictures without a row in a folder in which others have one; two files of one name that
/// differ.
pub(super) fn of(
    store: &mut dyn ImageStore,
    found: &Photographs,
    layout: &Layout,
) -> Result<(Vec<String>, Vec<String>)> {
    let wanted: BTreeSet<&str> = found.rows.iter().map(|row| row.image.as_str()).collect();
    let mut files: HashMap<String, Vec<&str>> = HashMap::new();
    let mut others: Vec<(&str, &str, String)> = Vec::new();
    let mut folders = BTreeSet::new();
    for path in &layout.pictures {
        let (folder, name) = (path.strip_suffix(file_name(path)).unwrap_or_default(), file_name(path));
        let stem = one_form(name.rsplit_once('.').map_or(name, |(stem, _)| stem)).into_owned();
        if wanted.contains(stem.as_str()) {
            folders.insert(folder);
            files.entry(stem).or_default().push(path);
        } else {
            others.push((folder, path, stem));
        }
    }
    let is_mask =
        |stem: &str| MASKS.iter().any(|end| stem.strip_suffix(end).is_some_and(|image| wanted.contains(image)));
    let (masks, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, _, stem)| is_mask(stem));
    let (beside, elsewhere): (Vec<_>, Vec<_>) = others.into_iter().partition(|(folder, _, _)| folders.contains(folder));
    let stray = beside.iter().map(|(_, path, _)| *path);
    if let Some(found) = unmatched(wanted.iter().copied(), files.keys().map(String::as_str).chain(stray)) {
        return Err(Problem::input(store.place(), found.describe("the table", "the folders of its photographs"))
            .expected("a file for each line of the table and a line for each photograph")
            .advice("complete the download, or leave out lines or photographs that do not belong"));
    }
    let mut notes = Vec::new();
    if !masks.is_empty() {
        notes.push(format!("{} masks of lesions are not used", masks.len()));
    }
    if !elsewhere.is_empty() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        elsewhere.iter().for_each(|(folder, _, _)| *counts.entry(folder.trim_end_matches('/')).or_default() += 1);
        let counts: Vec<String> = counts
            .into_iter()
            .map(|(folder, count)| {
                format!("{} ({count})", if folder.is_empty() { "the folder itself" } else { folder })
            })
            .collect();
        notes.push(format!("folders of pictures of which none is in the table, passed over: {}", listed(&counts)));
    }
    let mut paths = Vec::with_capacity(found.rows.len());
    let mut copies = 0;
    for row in &found.rows {
        let own = &files[&row.image];
        copies += own.len() - 1;
        require_copies(store, &row.image, own)?;
        paths.push(own[0].to_owned());
    }
    if copies > 0 {
        notes.push(format!("{copies} files that are copies of another of the same name are not read again"));
    }
    Ok((paths, notes))
}

/// Holds files of one name to one content: some downloads have every folder twice.
fn require_copies(store: &mut dyn ImageStore, image: &str, paths: &[&str]) -> Result<()> {
    let [first, others @ ..] = paths else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    let kept = digest::sha256(store.read(first, MAX_BYTES, "a photograph")?);
    for other in others {
        if digest::sha256(store.read(other, MAX_BYTES, "a photograph")?) != kept {
            let found = format!("two files for {}: {} and {}", shown(image), shown(first), shown(other));
            return Err(Problem::input(store.place(), found)
                .expected("one, or copies of it")
                .advice("move the one that is not the photograph elsewhere"));
        }
    }
    Ok(())
}

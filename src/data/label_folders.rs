//! Folders as labels: `rim/a.png` is a rim, where every image is in such a folder and nothing speaks against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::name_join::listed;
use super::near_names::{near_key, spelled};
use super::odd_label;
use super::prepare_config::{ClassSource, PrepareConfig};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Folders that name the sides of a split.
const SIDES: [&str; 10] =
    ["train", "training", "val", "valid", "validation", "dev", "test", "testing", "holdout", "eval"];

/// The labels that folders give, and what to say about them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OfFolders {
    /// In the order of the names; absent where folders mean nothing.
    pub label: Option<Vec<String>>,
    /// For the record.
    pub note: Option<String>,
}

/// The first folder, where it is one that may be a label.
fn top(name: &str) -> Option<&str> {
    name.split_once('/').map(|(folder, _)| folder).filter(|folder| !is_numbered(folder))
}

/// Five digits, as StyleGAN2-ADA's own tool numbers its folders: they mean nothing.
fn is_numbered(folder: &str) -> bool {
    folder.len() == 5 && folder.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first folders that may be labels, each once.
pub(super) fn named(names: &[String]) -> Vec<String> {
    let folders: BTreeSet<&str> = names.iter().filter_map(|name| top(name)).collect();
    folders.into_iter().map(str::to_owned).collect()
}

/// The labels: the names of the first folder, if every image is in one; none if no image is, or in numbered ones alone.
///
/// # Errors
/// Images beside such folders, images at several depths, folders that name the sides of a split or that are named alike
/// on two levels, and a name that says that the label is missing.
pub(super) fn of(place: &Path, names: &[String], config: &PrepareConfig) -> Result<OfFolders> {
    let folders = named(names);
    let bad = |found: String| {
        Problem::input(place, found).advice(
            "move or remove what does not belong there, or say what each image is in labels.tsv (columns file and \
             label)",
        )
    };
    if folders.is_empty() {
        return Ok(OfFolders { label: None, note: None });
    }
    let stray: Vec<String> = names.iter().filter(|name| top(name).is_none()).cloned().collect();
    if !stray.is_empty() {
        return Err(bad(format!(
            "images outside the folders {}, which would be the labels: {}",
            listed(&folders),
            listed(&stray)
        ))
        .expected("every image in a folder with its label's name, or none"));
    }
    if let Some(fault) = folders.iter().find_map(|folder| odd_label::fault(folder)) {
        return Err(bad(format!("a folder of images whose name is no label: {fault}")));
    }
    if folders.iter().all(|folder| SIDES.contains(&&*folder.to_lowercase())) {
        return Err(bad(format!("folders that name sides of a split, not labels: {}", listed(&folders)))
            .expected("folders with labels: rimforge makes its own split, by patient"));
    }
    let note = require_one_depth(&bad, names, &folders, config)?;
    let label = names.iter().filter_map(|name| top(name)).map(str::to_owned).collect();
    Ok(OfFolders { label: Some(label), note })
}

/// Below the labels' folders there may be further ones, if they are below all of them and not labels themselves.
fn require_one_depth(
    bad: &impl Fn(String) -> Problem,
    names: &[String],
    folders: &[String],
    config: &PrepareConfig,
) -> Result<Option<String>> {
    let mut depths: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for name in names {
        depths.entry(name.matches('/').count()).or_default().push(name.clone());
    }
    if depths.len() > 1 {
        let few = depths.values().min_by_key(|names| names.len()).map_or(String::new(), |names| listed(names));
        return Err(bad(format!("images at several depths of folders; the fewest are {few}"))
            .expected("every image as deep as the others, directly in the folder with its label's name"));
    }
    if depths.contains_key(&1) {
        return Ok(None);
    }
    let mut under: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        let (label, rest) = name.split_once('/').unwrap_or_default();
        rest.split('/').rev().skip(1).for_each(|folder| _ = under.entry(folder).or_default().insert(label));
    }
    let labels = || folders.iter().map(String::as_str).chain(config.rim_label.as_deref()).chain(["rim"]);
    let as_label = under.keys().find(|folder| labels().any(|label| near_key(label) == near_key(folder)));
    let shared = under.iter().find(|(_, labels)| labels.len() > 1).map(|(folder, _)| folder);
    if let Some(folder) = as_label.or(shared.filter(|_| config.classes == ClassSource::Labels)) {
        return Err(bad(format!(
            "folders on two levels, of which either may be the label: {} below {}",
            spelled(folder),
            listed(folders)
        ))
        .expected("one level of folders, with the labels' names"));
    }
    let inner: Vec<String> = under.keys().map(|&folder| folder.to_owned()).collect();
    Ok(Some(format!("folders below the labels' ones mean nothing, no patients either: {}", listed(&inner))))
}

/// Refuses a table's labels that are the folders' names, but not everywhere the image's own folder's.
///
/// # Errors
/// The first image for which the two differ.
pub(super) fn require_no_contradiction(table: &Path, names: &[String], labels: &[String]) -> Result<()> {
    let known: BTreeSet<String> = labels.iter().map(|label| near_key(label)).collect();
    let folders = named(names);
    if folders.len() < 2 || !folders.iter().all(|folder| known.contains(&near_key(folder))) {
        return Ok(());
    }
    let differs =
        |(name, label): &(&String, &String)| top(name).is_some_and(|folder| near_key(folder) != near_key(label));
    match names.iter().zip(labels).find(differs) {
        None => Ok(()),
        Some((name, label)) => Err(Problem::input(
            table,
            format!("the label {} for {}, whose folder says otherwise", spelled(label), shown(name)),
        )
        .expected("a table and folders that agree")
        .advice("correct one of them, or put the images into folders that are not called as labels")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], classes: ClassSource) -> Result<OfFolders> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        of(Path::new("set"), &names, &PrepareConfig { classes, ..PrepareConfig::default() })
    }

    fn labels(names: &[&str]) -> Option<Vec<String>> {
        found(names, ClassSource::Interest).unwrap().label
    }

    fn refused(names: &[&str]) -> String {
        found(names, ClassSource::Interest).unwrap_err().to_string()
    }

    #[test]
    fn folders_are_labels_unless_they_are_numbered_by_the_packing_tool() {
        assert_eq!(labels(&["other/b.png", "rim/a.png"]).unwrap(), ["other", "rim"]);
        assert_eq!(labels(&["00000/img00000000.png"]), None);
        assert_eq!(labels(&["00000/a.png", "b.png"]), None);
        assert_eq!(labels(&["a.png"]), None);
    }

    #[test]
    fn what_lies_astray_is_named() {
        let said = refused(&["other/b.png", "overview.png", "rim/a.png"]);
        assert!(said.contains("images outside the folders other, rim") && said.contains("overview.png"), "{said}");
        assert!(refused(&["a.png", "b.png", "old/c.png"]).contains("outside the folders old"));
        assert!(
            refused(&["00000/a.png", "rim/b.png"])
                .contains("outside the folders rim, which would be the labels: 00000/a.png")
        );
        let deep = refused(&["other/b.png", "rim/a.png", "rim/excluded/c.png"]);
        assert!(deep.contains("several depths") && deep.contains("rim/excluded/c.png"), "{deep}");
        assert!(refused(&["test/a.png", "train/b.png"]).contains("sides of a split"));
        assert!(refused(&["n a/a.png", "NaN/b.png"]).contains("\"NaN\" means that it is missing"));
    }

    #[test]
    fn further_levels_pass_where_they_cannot_be_the_labels() {
        let nested = ["other/p1/a.png", "rim/p1/b.png", "rim/p2/c.png"];
        let of = found(&nested, ClassSource::Interest).unwrap();
        assert_eq!(of.label.unwrap(), ["other", "rim", "rim"]);
        assert!(of.note.unwrap().contains("p1, p2"));
        assert!(
            found(&nested, ClassSource::Labels).unwrap_err().to_string().contains("either may be the label: \"p1\"")
        );
        assert!(refused(&["siteA/other/a.png", "siteB/rim/a.png"]).contains("\"rim\" below siteA, siteB"));
    }

    #[test]
    fn a_table_that_contradicts_the_folders_is_refused() {
        let names = ["other/b.png", "rim/a.png"].map(str::to_owned);
        let says = |labels: [&str; 2]| require_no_contradiction(Path::new("t"), &names, &labels.map(str::to_owned));
        assert!(says(["other", "rim"]).is_ok() && says(["nv", "mel"]).is_ok());
        assert!(says(["rim", "other"]).unwrap_err().to_string().contains("\"rim\" for other/b.png"));
    }
}

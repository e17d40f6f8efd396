//! Folders as labels: `rim/a.png` is a rim, where every image is in such a folder and nothing speaks against it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::name_join::listed;
use super::near_names::{near_key, spelled};
use super::odd_label;
use super::prepare_config::{ClassSource, PrepareConfig};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Folders that name the sides of a split, as [`near_key`] has them, without "set" or "data" at their end.
const SIDES: [&str; 13] = [
    "train",
    "training",
    "trn",
    "val",
    "valid",
    "validation",
    "dev",
    "test",
    "testing",
    "tst",
    "holdout",
    "eval",
    "evaluation",
];

/// Those that can hardly be a finding: one of them is enough.
const PLAIN_SIDES: [&str; 6] = ["train", "training", "trn", "val", "validation", "holdout"];

/// What the record calls such labels.
pub(super) const SOURCE: &str = "sub-folders";

/// The labels that folders give, and what to say about them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OfFolders {
    /// In the order of the names; absent where folders mean nothing.
    pub label: Option<Vec<String>>,
    /// For the record.
    pub note: Option<String>,
}

/// The first folder.
fn top(name: &str) -> Option<&str> {
    name.split_once('/').map(|(folder, _)| folder)
}

/// Five digits, as StyleGAN2-ADA's own tool numbers its folders.
fn is_numbered(folder: &str) -> bool {
    folder.len() == 5 && folder.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether all images lie as that tool packs them, its folders meaning nothing: 00000/img00000000.png, counting up.
fn is_packed(names: &[String], folders: &BTreeSet<&str>) -> bool {
    let counts_up =
        folders.iter().enumerate().all(|(at, folder)| is_numbered(folder) && **folder == format!("{at:05}"));
    let fits = |name: &String| {
        let number = name.split_once("/img").and_then(|(folder, file)| file.strip_prefix(folder));
        number.is_some_and(|rest| {
            rest.len() == 7 && rest.ends_with(".png") && rest[..3].bytes().all(|it| it.is_ascii_digit())
        })
    };
    counts_up && names.iter().all(fits)
}

/// The first folders that may be labels, each once.
pub(super) fn named(names: &[String]) -> Vec<String> {
    let folders: BTreeSet<&str> = names.iter().filter_map(|name| top(name)).collect();
    if is_packed(names, &folders) {
        return vec![];
    }
    folders.into_iter().map(str::to_owned).collect()
}

/// The first folder of each image, where all are in one and these may be labels.
pub(super) fn first(names: &[String]) -> Option<Vec<String>> {
    let folders: Option<Vec<String>> = names.iter().map(|name| top(name).map(str::to_owned)).collect();
    folders.filter(|_| named(names).len() > 1)
}

/// What a table of `labels` leaves unsaid: folders that hold several images each, and are no labels, may be patients.
pub(super) fn maybe_patients(names: &[String], labels: &[String]) -> Option<String> {
    let folders = named(names);
    let own = ["rim", "nonrim", "ambiguous", "other"].map(str::to_owned);
    let words: BTreeSet<String> = labels.iter().map(|label| near_key(label)).chain(own).collect();
    let are_labels = folders.iter().any(|folder| words.contains(&near_key(folder)));
    (!are_labels && folders.len() > 1 && folders.len() < names.len()).then(|| {
        format!(
            "the folders {} mean nothing, and each image counts as its own patient; if they are patients, say so in \
             patients.tsv (columns file and patient)",
            listed(&folders)
        )
    })
}

/// Whether a folder names a side of a split: "Training_set", "test".
fn is_side(folder: &str, sides: &[&str]) -> bool {
    let key = near_key(folder);
    let ends = ["", "set", "data", "images", "split"];
    ends.iter().filter_map(|end| key.strip_suffix(end)).any(|side| sides.contains(&side))
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
    if let Some(note) = around_everything(names, &folders, config) {
        return Ok(OfFolders { label: None, note: Some(note) });
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
    let numbered: Vec<String> = folders.iter().filter(|folder| is_numbered(folder)).cloned().collect();
    if !numbered.is_empty() {
        return Err(bad(format!(
            "folders of five digits, which may be labels, patients or nothing: {}",
            listed(&numbered)
        ))
        .expected("folders with the labels' names, or 00000/img00000000.png and on, as StyleGAN2-ADA's tool packs"));
    }
    if let Some(fault) = folders.iter().find_map(|folder| odd_label::fault(folder)) {
        return Err(bad(format!("a folder of images whose name is no label: {fault}")));
    }
    let sides: Vec<String> = folders.iter().filter(|folder| is_side(folder, &SIDES)).cloned().collect();
    if sides.len() > 1 || sides.len() == folders.len() || sides.iter().any(|folder| is_side(folder, &PLAIN_SIDES)) {
        return Err(bad(format!("folders that name sides of a split, not labels: {}", listed(&sides)))
            .expected("folders with labels: rimforge makes its own split, by patient"));
    }
    let note = require_one_depth(&bad, names, &folders, config)?;
    let label = names.iter().filter_map(|name| top(name)).map(str::to_owned).collect();
    Ok(OfFolders { label: Some(label), note })
}

/// What to note of the one folder in which all images lie, which tells nothing apart; `None` where there are several or
/// it is called as a label.
fn around_everything(names: &[String], folders: &[String], config: &PrepareConfig) -> Option<String> {
    let [folder] = folders else { return None };
    let asked = config.rim_label.as_deref().into_iter().chain(config.ambiguous_label.as_deref());
    let mut words = ["rim", "nonrim", "norim", "ambiguous", "other", "0", "1"].into_iter().chain(asked).map(near_key);
    let all = names.iter().all(|name| name.matches('/').count() == 1);
    let is_label = words.any(|word| word == near_key(folder));
    (all && !is_label && config.classes == ClassSource::Interest)
        .then(|| format!("the one folder, {}, in which all images lie is no label", shown(folder)))
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
    let labels = folders.iter().map(String::as_str).chain(config.rim_label.as_deref()).chain(["rim"]);
    let labels: BTreeSet<String> = labels.map(near_key).collect();
    let as_label = under.keys().find(|folder| labels.contains(&near_key(folder)));
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
        assert_eq!(labels(&["00000/img00000999.png", "00001/img00001000.png"]), None);
        assert!(refused(&["00000/a.png", "b.png"]).contains("outside the folders 00000"));
        for names in
            [["10001/a.png", "10002/b.png"], ["00000/a.png", "00001/b.png"], ["10253/0/a.png", "10254/1/b.png"]]
        {
            assert!(refused(&names).contains("folders of five digits, which may be labels"), "{names:?}");
        }
        // The folder around everything tells nothing apart.
        assert_eq!(labels(&["mydata/a.png", "mydata/b.png"]), None);
        assert_eq!(labels(&["rim/a.png", "rim/b.png"]).unwrap(), ["rim", "rim"]);
        assert_eq!(labels(&["a.png"]), None);
    }

    #[test]
    fn what_lies_astray_is_named() {
        let said = refused(&["other/b.png", "overview.png", "rim/a.png"]);
        assert!(said.contains("images outside the folders other, rim") && said.contains("overview.png"), "{said}");
        let told = |names: [&str; 3]| maybe_patients(&names.map(str::to_owned), &["mel".to_owned()]);
        assert!(told(["sub-1/a.png", "sub-1/b.png", "sub-2/c.png"]).unwrap().contains("the folders sub-1, sub-2"));
        assert_eq!(told(["1/a.png", "2/b.png", "3/c.png"]), None);
        assert_eq!(told(["Mel/a.png", "Mel/b.png", "nv/c.png"]), None);
        assert!(refused(&["a.png", "b.png", "old/c.png"]).contains("outside the folders old"));
        assert!(
            refused(&["00000/a.png", "rim/b.png"])
                .contains("folders of five digits, which may be labels, patients or nothing: 00000")
        );
        let deep = refused(&["other/b.png", "rim/a.png", "rim/excluded/c.png"]);
        assert!(deep.contains("several depths") && deep.contains("rim/excluded/c.png"), "{deep}");
        for sides in
            [["test/a.png", "train/b.png"], ["training_set/a.png", "Test Set/b.png"], ["train/a.png", "unused/b.png"]]
        {
            assert!(refused(&sides).contains("sides of a split"), "{sides:?}");
        }
        assert_eq!(labels(&["control/a.png", "test/b.png"]).unwrap(), ["control", "test"]);
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

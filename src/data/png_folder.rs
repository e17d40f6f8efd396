//! A folder of PNGs: their names, and the labels beside them.

use std::path::{Path, PathBuf};

use super::image_labels::Labels;
use crate::files;
use crate::problem::{Problem, Result};

/// Folders nested deeper than this are a loop of links or a mistake.
const MAX_DEPTH: usize = 16;

/// A folder and the PNGs in it.
#[derive(Clone, Debug)]
pub struct PngFolder {
    /// The folder.
    pub root: PathBuf,
    /// Relative, with / between folders, sorted.
    pub names: Vec<String>,
    /// Of the images.
    pub labels: Labels,
    /// Files that are neither PNG nor a table of ours.
    pub others: u64,
}

impl PngFolder {
    /// Lists the folder and joins its labels; hidden files are passed over.
    ///
    /// # Errors
    /// No such folder, no PNG in it, a name that is no UTF-8, or labels that do not fit the images.
    pub fn open(root: &Path) -> Result<Self> {
        let mut found = Listing::default();
        found.walk(root, "", 0)?;
        found.names.sort();
        if found.names.is_empty() {
            return Err(Problem::input(root, "no PNG in this folder").expected("*.png, or sub-folders of them"));
        }
        let (json, table) = (root.join("dataset.json"), root.join("labels.tsv"));
        let labels = match (json.is_file(), table.is_file()) {
            (true, true) => {
                return Err(Problem::input(root, "both dataset.json and labels.tsv")
                    .expected("one of them")
                    .advice("remove the one that does not hold"));
            }
            (true, false) => {
                let text = std::fs::read(&json).map_err(|error| Problem::io(&json, "reading", error))?;
                Labels::from_dataset_json(&text, &found.names).map_err(|problem| problem.at(&json))?
            }
            (false, true) => Labels::from_table(&table, &found.names)?,
            (false, false) => Labels::from_folders(&found.names),
        };
        Ok(Self { root: root.to_owned(), names: found.names, labels, others: found.others })
    }
}

#[derive(Default)]
struct Listing {
    names: Vec<String>,
    others: u64,
}

impl Listing {
    fn walk(&mut self, root: &Path, below: &str, depth: usize) -> Result<()> {
        let folder = root.join(below);
        if depth > MAX_DEPTH {
            return Err(
                Problem::input(&folder, "folders nested more than 16 deep").advice("look for a link that leads back")
            );
        }
        for path in files::list(&folder)? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(Problem::input(path, "a file name that is not UTF-8").advice("rename it"));
            };
            if name.starts_with('.') {
                continue;
            }
            let relative = if below.is_empty() { name.to_owned() } else { format!("{below}/{name}") };
            if path.is_dir() {
                self.walk(root, &relative, depth + 1)?;
            } else if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png")) {
                self.names.push(relative);
            } else if !["dataset.json", "labels.tsv", "patients.tsv"].contains(&relative.as_str()) {
                self.others += 1;
            }
        }
        Ok(())
    }
}

//! A folder of images: the names of the files in it and below, and their bytes.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::image_files::{is_jpeg, is_of_a_file, is_png, matters};
use super::image_store::ImageStore;
use super::passed_over::passed_over;
use super::prepare_config::PrepareConfig;
use crate::files::{self, kind_of};
use crate::problem::{Problem, Result};

/// Folders nested deeper than this are a mistake.
const MAX_DEPTH: usize = 16;

/// A folder and the files in it.
#[derive(Clone, Debug)]
pub struct PngFolder {
    root: PathBuf,
    names: Vec<String>,
}

impl PngFolder {
    /// Lists the folder; links are followed.
    ///
    /// # Errors
    /// No such folder, more than `config.max_files` files and folders in it, a link that leads back or nowhere, an
    /// image or table that is no regular file, or a name that is no UTF-8.
    pub fn open(root: &Path, config: &PrepareConfig) -> Result<Self> {
        let facts = root.metadata().map_err(|error| Problem::io(root, "listing", error))?;
        if !facts.is_dir() {
            let zip = root.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
            let advice = if zip { "give a zip as --zip" } else { "give the folder that holds the images" };
            return Err(Problem::input(root, "not a folder").expected("a folder of images").advice(advice));
        }
        let mut found = Listing { root, names: vec![], seen: 0, most: config.max_files, no_jpeg: None };
        found.walk("", &mut vec![identity(&facts)])?;
        found.require_jpegs()?;
        Ok(Self { root: root.to_owned(), names: found.names })
    }
}

impl ImageStore for PngFolder {
    fn place(&self) -> &Path {
        &self.root
    }

    fn files(&mut self) -> Vec<String> {
        std::mem::take(&mut self.names)
    }

    fn read(&mut self, name: &str, most: u64, what: &str) -> Result<Vec<u8>> {
        let path = self.root.join(name);
        tracing::debug!("reading {}", path.display());
        files::read(&path, most, what)
    }
}

/// What a folder is, under whatever name it is reached.
fn identity(facts: &Metadata) -> (u64, u64) {
    (facts.dev(), facts.ino())
}

struct Listing<'a> {
    root: &'a Path,
    names: Vec<String>,
    seen: u64,
    most: u64,
    /// The first JPEG that cannot be read, and why.
    no_jpeg: Option<Problem>,
}

impl Listing<'_> {
    /// Lists the folder `below` the root, reached through the folders `above`.
    fn walk(&mut self, below: &str, above: &mut Vec<(u64, u64)>) -> Result<()> {
        let folder = self.root.join(below);
        let failed = |error| Problem::io(&folder, "listing", error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            self.seen += 1;
            if self.seen > self.most {
                return Err(Problem::input(self.root, format!("more than {} files and folders", self.most))
                    .expected("a folder of images alone")
                    .advice("raise prepare.max_files (--max-files) if there are so many images"));
            }
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let relative = if below.is_empty() { name.to_string() } else { format!("{below}/{name}") };
            if passed_over(&relative).is_some() {
                self.names.push(relative);
                continue;
            }
            let path = entry.path();
            match kind_of::facts(&path) {
                Ok(facts) if facts.is_dir() && is_of_a_file(&relative) => {
                    return Err(Problem::input(path, "a folder").expected("an image or a table, as its name says"));
                }
                Ok(facts) if facts.is_dir() => {
                    if name.contains(char::REPLACEMENT_CHARACTER) {
                        return Err(no_text(&path));
                    }
                    self.descend(&path, &relative, &facts, above)?;
                }
                facts => {
                    let unfit = match facts {
                        Ok(facts) if !facts.is_file() => {
                            Some(Problem::input(&path, "not a regular file").expected("an image or a table"))
                        }
                        Ok(_) => name.contains(char::REPLACEMENT_CHARACTER).then(|| no_text(&path)),
                        Err(problem) => Some(problem),
                    };
                    match unfit {
                        Some(problem) if matters(&relative) => return Err(problem),
                        Some(problem) if is_jpeg(&relative) => _ = self.no_jpeg.get_or_insert(problem),
                        _ => {}
                    }
                    self.names.push(relative);
                }
            }
        }
        Ok(())
    }

    /// JPEGs are read where there is no PNG: then they must be files that can be, as PNGs must.
    fn require_jpegs(&mut self) -> Result<()> {
        let mut visible = self.names.iter().filter(|name| passed_over(name).is_none());
        match self.no_jpeg.take() {
            Some(problem) if !visible.any(|name| is_png(name)) => Err(problem),
            _ => Ok(()),
        }
    }

    fn descend(&mut self, path: &Path, relative: &str, facts: &Metadata, above: &mut Vec<(u64, u64)>) -> Result<()> {
        if above.contains(&identity(facts)) {
            return Err(Problem::input(path, "a link that leads back to a folder above it").advice("remove the link"));
        }
        if above.len() > MAX_DEPTH {
            return Err(Problem::input(path, "folders nested more than 16 deep").expected("folders of images"));
        }
        above.push(identity(facts));
        self.walk(relative, above)?;
        above.pop();
        Ok(())
    }
}

fn no_text(path: &Path) -> Problem {
    Problem::input(path, "a file name that is not UTF-8").advice("rename it")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(root: &Path, max_files: u64) -> Result<Vec<String>> {
        let found = PngFolder::open(root, &PrepareConfig { max_files, ..PrepareConfig::default() });
        found.map(|mut folder| {
            let mut names = folder.files();
            names.sort();
            names
        })
    }

    #[test]
    fn links_are_followed_and_those_that_lead_back_or_nowhere_are_named() {
        let place = tempfile::tempdir().unwrap();
        let (set, elsewhere) = (place.path().join("set"), place.path().join("elsewhere"));
        [&set, &elsewhere].iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
        std::fs::write(elsewhere.join("a.png"), b"x").unwrap();
        symlink(&elsewhere, set.join("rim")).unwrap();
        symlink("gone.txt", set.join("notes.txt")).unwrap();
        assert_eq!(names(&set, 10).unwrap(), ["notes.txt", "rim/a.png"]);
        assert!(names(&set, 2).unwrap_err().to_string().contains("more than 2 files and folders"));
        symlink(&set, elsewhere.join("back")).unwrap();
        let said = names(&set, 10).unwrap_err().to_string();
        assert!(said.contains("rim/back: a link that leads back"), "{said}");
        std::fs::remove_file(elsewhere.join("back")).unwrap();
        symlink("../annex/objects/b.png", elsewhere.join("b.png")).unwrap();
        let said = names(&set, 10).unwrap_err().to_string();
        assert!(said.contains("b.png: not fetched: a link of git-annex whose content is not here"), "{said}");
        assert!(said.contains("git annex get"), "{said}");
    }

    #[test]
    fn hidden_folders_are_not_entered_and_a_file_is_no_folder() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join(".git")).unwrap();
        std::fs::write(place.path().join(".git/a.png"), b"x").unwrap();
        assert_eq!(names(place.path(), 10).unwrap(), [".git"]);
        std::fs::create_dir(place.path().join("dataset.json")).unwrap();
        let said = names(place.path(), 10).unwrap_err().to_string();
        assert!(said.contains("dataset.json: a folder; expected an image or a table"), "{said}");
        let zip = place.path().join("set.zip");
        std::fs::write(&zip, b"x").unwrap();
        assert!(names(&zip, 10).unwrap_err().to_string().contains("give a zip as --zip"));
    }
}

//! Where the units of a stage lie: `STAGE/KEY/UNIT.unit` in a folder of units, KEY being the beginning of the stage's.

use std::path::{Path, PathBuf};

use super::bundle::{self, Content, Label};
use crate::files::{self, Owner};
use crate::name::Name;
use crate::problem::Result;

/// Knows folders of units; no version before this one left any.
pub const OWNER: Owner = Owner::of("run --shard", |_| Ok(None));

/// Digits of the key in a folder's name.
const DIGITS: usize = 16;

/// A stage for one key.
#[derive(Clone, Debug)]
pub struct Shelf {
    stage: String,
    key: String,
}

impl Shelf {
    /// Of the stage `stage`, whose settings and inputs have the hash `key`.
    pub fn new(stage: &str, key: &str) -> Self {
        Self { stage: stage.to_owned(), key: key.to_owned() }
    }

    /// "project".
    pub fn stage(&self) -> &str {
        &self.stage
    }

    /// Of the stage.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The file of a unit in the folder of units `root`.
    pub fn file(&self, root: &Path, unit: &Name) -> PathBuf {
        self.folder(root).join(format!("{unit}.unit"))
    }

    /// Where a unit that takes hours is begun, in the folder of units `root`.
    pub(super) fn begun(&self, root: &Path, unit: &Name) -> Result<PathBuf> {
        // A link would lead to a folder of the user's.
        let folder = self.folder(root).join(format!("{unit}.begun"));
        folder.ancestors().take_while(|above| *above != root).try_for_each(files::refuse_link)?;
        Ok(folder)
    }

    fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.stage).join(&self.key[..DIGITS.min(self.key.len())])
    }

    /// Names of the folders of this stage in `root` that are of other keys, where none is of this one.
    ///
    /// # Errors
    /// A folder that cannot be looked into.
    pub(super) fn of_other_keys(&self, root: &Path) -> Result<Vec<String>> {
        let own = self.folder(root);
        let found = files::list_if_there(&root.join(&self.stage))?;
        if found.contains(&own) {
            return Ok(vec![]);
        }
        Ok(found.iter().filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    pub(super) fn read(&self, root: &Path, unit: &Name) -> Result<Option<Vec<Content>>> {
        bundle::read(&self.file(root, unit), &self.label(unit))
    }

    /// Whether the file of a unit in `root` looks whole: its label and its length are right, its bytes are not read.
    pub fn looks_whole(&self, root: &Path, unit: &Name) -> bool {
        bundle::looks_whole(&self.file(root, unit), &self.label(unit))
    }

    pub(super) fn write(&self, root: &Path, unit: &Name, contents: &[Content]) -> Result<()> {
        // A link would lead to a folder of the user's.
        let folder = self.folder(root);
        folder.ancestors().take_while(|above| *above != root).try_for_each(files::refuse_link)?;
        bundle::write(&self.file(root, unit), &self.label(unit), contents)
    }

    fn label(&self, unit: &Name) -> Label {
        Label { stage: self.stage.clone(), key: self.key.clone(), unit: unit.clone() }
    }
}

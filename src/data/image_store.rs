//! Where plain images lie: a folder or a zip, which differ in how files are listed and read and in nothing else.

use std::path::Path;

use crate::problem::Result;

/// Files by their names relative to the folder or zip, with / between folders.
pub(super) trait ImageStore {
    /// The folder or zip.
    fn place(&self) -> &Path;

    /// The names of all files, in any order, once; of what is passed over at least the first part.
    fn files(&mut self) -> Vec<String>;

    /// The bytes of a file; `what` it should be, for errors.
    ///
    /// # Errors
    /// No such file, one of more than `most` bytes, or one that cannot be read.
    fn read(&mut self, name: &str, most: u64, what: &str) -> Result<Vec<u8>>;
}

//! The files of a folder of images that its results depend on.

use std::path::Path;

use super::cohort_inputs::hash;
use super::image_store::ImageStore;
use super::passed_over::passed_over;
use super::png_folder::PngFolder;
use super::prepare_config::PrepareConfig;
use crate::files;
use crate::observer::Observer;
use crate::problem::Result;

/// SHA-256 over the names and contents of all files below the folder at `path`, hidden ones and those of systems aside,
/// or of the zip there.
///
/// # Errors
/// Nothing there, a file that cannot be read, or stopped on request, within a file, too.
pub fn sha256(path: &Path, config: &PrepareConfig, observer: &dyn Observer) -> Result<String> {
    if path.is_file() {
        return files::sha256_unless_stopped(path, observer);
    }
    let mut names = PngFolder::open(path, config)?.files();
    // What is passed over may be anything, a pipe too.
    names.retain(|name| passed_over(name).is_none() && path.join(name).is_file());
    names.sort_unstable();
    hash(path, &names.iter().map(|name| path.join(name)).collect::<Vec<_>>(), observer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn a_changed_moved_or_added_image_is_another_set() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("nv")).unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        let of = || sha256(dir.path(), &PrepareConfig::default(), &Silent).unwrap();
        write("nv/a.png", b"1");
        let first = of();
        assert_eq!(of(), first);
        write("nv/a.png", b"2");
        assert_ne!(of(), first);
        write("nv/a.png", b"1");
        write("nv/b.png", b"1");
        let two = of();
        assert_ne!(two, first);
        std::fs::rename(dir.path().join("nv/b.png"), dir.path().join("nv/c.png")).unwrap();
        assert_ne!(of(), two);
    }
}

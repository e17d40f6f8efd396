//! What stands where a file should: content that was never fetched, another kind of file, no file at all; so that a
//! reader can name what it was given in place of what it reads.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

pub use super::kinds::FileKind;
use super::kinds::GET;
use crate::name::shown_path;
use crate::problem::{Problem, Result};

/// Bytes from which every kind can be told.
pub const START: usize = 512;

/// Refuses a pointer of Git LFS or git-annex that stands where a file of `expected` should; `bytes`: the file's.
///
/// # Errors
/// It is one; with how the file itself is fetched.
pub fn require_fetched(path: &Path, bytes: &[u8], expected: &str) -> Result<()> {
    match FileKind::of(&bytes[..bytes.len().min(START)]) {
        Some(kind @ (FileKind::LfsPointer | FileKind::AnnexPointer)) => {
            let problem = Problem::input(path, kind.words()).expected(expected);
            Err(kind.remedy().into_iter().fold(problem, Problem::advice))
        }
        _ => Ok(()),
    }
}

/// A regular file, opened, with its length in bytes; `what` was expected.
///
/// # Errors
/// No such file (a link whose target was not fetched is named as one), one that may not be read, or something that is
/// no file, which is told before it is opened.
pub fn open(path: &Path, what: &str) -> Result<(File, u64)> {
    let facts = facts(path)?;
    if !facts.is_file() {
        let found = if facts.is_dir() { "a folder" } else { "not a regular file" };
        return Err(Problem::input(path, found).expected(what));
    }
    let file = File::open(path).map_err(|error| Problem::io(path, "reading", error))?;
    Ok((file, facts.len()))
}

/// The first bytes of an opened file, at most `most`.
///
/// # Errors
/// The file cannot be read.
pub fn start(path: &Path, file: &File, most: usize) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(most as u64).read_to_end(&mut start).map_err(|error| Problem::io(path, "reading", error))?;
    Ok(start)
}

/// Size and kind of a file or folder.
///
/// # Errors
/// No such file; a link whose target is not here is told from a wrong path.
pub fn facts(path: &Path) -> Result<Metadata> {
    path.metadata().map_err(|error| {
        // What may not be looked at may be there.
        let leads_nowhere = error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ELOOP);
        let link = leads_nowhere.then(|| not_fetched(path)).flatten();
        link.unwrap_or_else(|| Problem::io(path, "reading", error))
    })
}

/// The problem of a link that leads nowhere, as git-annex leaves one in place of content that was not fetched; `None`
/// for anything else.
pub fn not_fetched(path: &Path) -> Option<Problem> {
    let target = std::fs::read_link(path).ok().filter(|_| !path.exists())?;
    let parts: Vec<&str> = target.iter().filter_map(|part| part.to_str()).collect();
    Some(if parts.windows(2).any(|parts| parts == ["annex", "objects"]) {
        Problem::input(path, "not fetched: a link of git-annex whose content is not here")
            .expected("the file's content")
            .advice(GET)
    } else {
        Problem::input(path, format!("a link to {}, which is not there", shown_path(&target)))
            .expected("the file's content")
            .advice(format!("copy the file that it stands for, or correct or remove the link; of a data set, {GET}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_fetched_is_told_and_a_device_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("a.nii.gz");
        std::os::unix::fs::symlink("../.git/annex/objects/x/y", &link).unwrap();
        let problem = open(&link, "a volume").unwrap_err().to_string();
        assert!(problem.contains("a link of git-annex") && problem.contains("git annex get"), "{problem}");
        let lost = folder.path().join("b");
        std::os::unix::fs::symlink("nowhere", &lost).unwrap();
        assert!(open(&lost, "a volume").unwrap_err().to_string().contains("a link to nowhere"));
        for (path, says) in [(folder.path(), "a folder; expected a volume"), (Path::new("/dev/zero"), "not a regular")]
        {
            assert!(open(path, "a volume").unwrap_err().to_string().contains(says));
        }
        let turning = folder.path().join("d");
        std::os::unix::fs::symlink("d", &turning).unwrap();
        assert!(facts(&turning).unwrap_err().to_string().contains("a link to d, which is not there"));
        std::fs::write(lost.with_file_name("c"), b"12345").unwrap();
        let (file, length) = open(&lost.with_file_name("c"), "a volume").unwrap();
        assert_eq!((start(&lost, &file, 3).unwrap().as_slice(), length), (b"123".as_slice(), 5));
    }

    #[test]
    fn pointers_are_no_files_and_tables_are() {
        let says = |bytes: &[u8]| require_fetched(Path::new("t.tsv"), bytes, "a table").err().map(|it| it.to_string());
        assert_eq!(says(b"a\tb\n"), None);
        assert_eq!(says(b""), None);
        let told = says(b"/annex/objects/MD5E-s1--x.tsv\n").unwrap();
        assert!(told.contains("t.tsv: git-annex's note") && told.contains("git annex get"), "{told}");
    }
}

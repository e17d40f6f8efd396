//! A folder that is held, and the list of what its command wrote: nothing else in it is deleted or overwritten.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::fault::{self, Operation};
use super::folder::{STAYS, remove};
use super::json::{parse_json, write_json};
use super::lock::FolderLock;
use super::whole::{is_there, lies_there, read, sweep};
use crate::name::{Inside, shown};
use crate::observer::Silent;
use crate::problem::{Kind, Problem, Result};

/// A mark lists every file of its folder: a data set of a million patches has one of some 60 MB.
const MOST_BYTES: u64 = 256 << 20;

/// The mark's contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// Whose folder it is: "prepare".
    #[serde(rename = "rimforge")]
    pub command: String,
    /// Files, and folders with all that is in them, relative to the folder.
    pub files: BTreeSet<Inside>,
}

impl Ledger {
    pub fn new(command: &str) -> Self {
        Self { command: command.to_owned(), files: BTreeSet::new() }
    }

    /// Of a folder that had no mark; names that lead out of it are no files of its.
    pub fn adopted(command: &str, files: Vec<String>) -> Self {
        let files = files.into_iter().filter_map(|name| Inside::new(name).ok()).collect();
        Self { command: command.to_owned(), files }
    }

    /// The mark at `path`; `None` where there is none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        match path.symlink_metadata() {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(Problem::io(path, "reading", error)),
            Ok(facts) if !facts.is_file() => return Err(Problem::input(path, "not a mark that rimforge left")),
            Ok(_) => {}
        }
        let text = read(path, MOST_BYTES, "the mark that rimforge leaves in its folders")?;
        parse_json(path, &text, "a mark that rimforge left").map(Some)
    }

    fn owns(&self, name: &Inside) -> bool {
        let parts = name.as_str().match_indices('/').map(|(end, _)| &name.as_str()[..end]);
        let holds = |part: &str| Inside::new(part).is_ok_and(|part| self.files.contains(&part));
        self.files.contains(name) || parts.into_iter().any(holds)
    }
}

/// A folder held by one run of one command; released when dropped or when the process dies.
#[derive(Debug)]
pub struct Claim {
    _lock: FolderLock,
    pub(super) folder: PathBuf,
    mark: PathBuf,
    pub(super) ledger: Ledger,
}

impl Claim {
    pub(super) fn take(lock: FolderLock, folder: &Path, mark: &str, ledger: Ledger, marked: bool) -> Result<Self> {
        let mut claim = Self { _lock: lock, folder: folder.to_owned(), mark: folder.join(mark), ledger };
        if !marked || !lies_there(&claim.mark)? {
            claim.write_mark()?;
        }
        claim.sweep()?;
        if claim.settle(&Silent)? {
            // Where files were put, copies from disk to disk may have been stopped.
            claim.sweep()?;
        }
        Ok(claim)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn write_mark(&self) -> Result<()> {
        write_json(&self.mark, &self.ledger)
    }

    /// Deletes what a killed run left of unfinished files, wherever this command writes; not behind a link.
    fn sweep(&self) -> Result<()> {
        let mut folders = BTreeSet::from([self.folder.clone()]);
        for name in &self.ledger.files {
            let path = name.under(&self.folder);
            folders.extend(path.ancestors().take_while(|part| *part != self.folder).map(Path::to_owned));
        }
        folders.iter().filter(|folder| self.is_reached(folder)).try_for_each(|folder| sweep(folder))
    }

    /// Whether a path inside the folder leads by way of folders alone to a folder: behind a link all is the user's.
    fn is_reached(&self, path: &Path) -> bool {
        let mut parts = path.ancestors().take_while(|part| *part != self.folder);
        parts.all(|part| part.symlink_metadata().is_ok_and(|facts| facts.is_dir()))
    }

    /// Names, relative to the folder, of what this command wrote.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.ledger.files.iter().map(Inside::as_str)
    }

    /// Where a version before noted a whole folder, notes `files` of it instead: what else lies there is the user's.
    ///
    /// # Errors
    /// The mark cannot be written, or a name leads out of the folder.
    pub fn narrow<N: Into<String>>(&mut self, folder: &str, files: impl IntoIterator<Item = N>) -> Result<()> {
        if !self.ledger.files.iter().any(|name| name.as_str() == folder) {
            return Ok(());
        }
        let files = inside(&self.folder, files)?;
        self.ledger.files.retain(|name| name.as_str() != folder);
        self.ledger.files.extend(files);
        self.write_mark()
    }

    /// Whether a file, or a folder with all in it, is this command's.
    pub fn owns(&self, name: &str) -> bool {
        Inside::new(name).is_ok_and(|name| self.ledger.owns(&name))
    }

    /// Refuses a name, relative to the folder, at which something lies that this command did not write.
    ///
    /// # Errors
    /// `Kind::Usage`, with the name; a name that leads out of the folder.
    pub fn require_free<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Result<Vec<Inside>> {
        let names = inside(&self.folder, names)?;
        names.iter().try_for_each(|name| self.free(name))?;
        Ok(names)
    }

    fn free(&self, name: &Inside) -> Result<()> {
        let path = name.under(&self.folder);
        let above = path.ancestors().skip(1).take_while(|above| *above != self.folder);
        // A link leads to a folder of the user's.
        let in_the_way = above.into_iter().find(|above| above.symlink_metadata().is_ok_and(|facts| !facts.is_dir()));
        let foreign = match in_the_way {
            Some(above) => Some(above.to_owned()),
            None => (lies_there(&path)? && !self.is_own_file(name, &path)?).then(|| path.clone()),
        };
        let Some(foreign) = foreign else { return Ok(()) };
        let link = match foreign.symlink_metadata() {
            Ok(facts) if facts.is_symlink() => " (a link)",
            Ok(facts) if !facts.is_file() && !facts.is_dir() => " (a pipe or a device)",
            _ => "",
        };
        Err(Problem::new(Kind::Usage, format!("not a file of this command's{link}, and in the way of one"))
            .at(foreign)
            .expected("no file of that name")
            .advice(
                "move it out of the folder, or choose another --out (of a study: another `out`); nothing was overwritten",
            ))
    }

    /// Whether what lies at a name is what this command wrote there: it makes no links, and neither pipes nor devices,
    /// at which opening would wait for ever.
    fn is_own_file(&self, name: &Inside, path: &Path) -> Result<bool> {
        if path.is_symlink() {
            // One that cannot be followed may lead to a disk that does not answer, which is told as that.
            return is_there(path).map(|_| false);
        }
        let facts = path.symlink_metadata().map_err(|error| Problem::io(path, "looking at", error))?;
        Ok((facts.is_file() || facts.is_dir()) && self.ledger.owns(name))
    }

    /// Notes the names, relative to the folder, as this command's before they are written; a folder's name stands for
    /// all that will be in it.
    ///
    /// # Errors
    /// Those of [`Claim::require_free`]; the mark cannot be written.
    pub fn will_write<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) -> Result<()> {
        let names = self.require_free(names)?;
        let before = self.ledger.files.len();
        self.ledger.files.extend(names);
        if self.ledger.files.len() == before { Ok(()) } else { self.write_mark() }
    }

    /// Deletes those of this command's files that `gone` says so of, folders that are empty then, too.
    ///
    /// # Errors
    /// A file that cannot be deleted, or the mark cannot be written.
    pub fn forget(&mut self, gone: impl Fn(&str) -> bool) -> Result<()> {
        let names: Vec<Inside> = self.ledger.files.iter().filter(|name| gone(name.as_str())).cloned().collect();
        for name in &names {
            self.remove(name)?;
            self.ledger.files.remove(name);
        }
        if names.is_empty() { Ok(()) } else { self.write_mark() }
    }

    /// Deletes a file, and the folders above it that are empty then.
    pub(super) fn remove(&self, name: &Inside) -> Result<()> {
        let path = name.under(&self.folder);
        let mut above = path.ancestors().skip(1).take_while(|above| *above != self.folder);
        let other = path.symlink_metadata().is_ok_and(|facts| !facts.is_file());
        // A link, and what lies behind one, is the user's; a folder is taken out file by file.
        if other || above.any(Path::is_symlink) {
            return Ok(());
        }
        remove(&path)?;
        for above in path.ancestors().skip(1).take_while(|above| *above != self.folder) {
            match fault::before(Operation::Remove, above).and_then(|()| std::fs::remove_dir(above)) {
                Ok(()) => {}
                Err(error) if STAYS.contains(&error.kind()) => break,
                Err(error) => return Err(Problem::io(above, "deleting", error)),
            }
        }
        Ok(())
    }
}

/// The names, checked to stay in the folder.
pub(super) fn inside<N: Into<String>>(folder: &Path, names: impl IntoIterator<Item = N>) -> Result<Vec<Inside>> {
    let name = |name: N| {
        let name = name.into();
        Inside::new(&name).map_err(|fault| Problem::input(folder, format!("{}: {fault}", shown(&name))))
    };
    names.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::super::out_folder::{OutFolder, Owner};
    use super::*;

    const OWNER: Owner = Owner::of("generate", |_| Ok(None));

    #[test]
    fn only_what_was_noted_is_overwritten_or_deleted() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        {
            let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
            claim.will_write(["a/one", "two", "all"]).unwrap();
        }
        for name in ["a/one", "a/mine", "two", "all/x", "all/y/z"] {
            super::super::write(at(name), b"x").unwrap();
        }
        std::fs::write(at("all/.unfinished-x1y2z3"), b"half").unwrap();
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        assert!(!at("all/.unfinished-x1y2z3").exists());
        assert!(claim.owns("a/one") && claim.owns("all/y/z") && !claim.owns("a/mine") && !claim.owns("../two"));
        let problem = claim.will_write(["two", "a/mine"]).unwrap_err();
        assert!(problem.kind() == Kind::Usage && problem.to_string().contains("a/mine: not a file of"), "{problem}");
        assert!(claim.will_write(["two/below"]).is_err(), "a file in the way of a folder");
        assert!(claim.will_write(["../out"]).is_err());
        claim.forget(|name| name != "all").unwrap();
        assert!(!at("a/one").exists() && !at("two").exists() && at("a/mine").exists() && at("all/x").exists());
        drop(claim);
        let claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        assert!(!claim.owns("two") && claim.owns("all"));
    }

    #[test]
    fn a_link_where_a_folder_would_be_is_refused() {
        let (root, users) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["patches/a"]).unwrap();
        std::os::unix::fs::symlink(users.path(), root.path().join("patches")).unwrap();
        let problem = claim.will_write(["patches/a"]).unwrap_err();
        assert!(problem.kind() == Kind::Usage && problem.to_string().contains("patches: not a file"), "{problem}");
        std::fs::write(users.path().join("a"), b"mine").unwrap();
        claim.forget(|_| true).unwrap();
        assert!(users.path().join("a").exists());
    }

    /// Opening a pipe waits for its other end.
    #[test]
    fn a_pipe_or_a_socket_where_a_file_would_be_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["log"]).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(root.path().join("log")).unwrap();
        let problem = claim.will_write(["log"]).unwrap_err();
        assert!(problem.kind() == Kind::Usage && problem.to_string().contains("(a pipe or a device)"), "{problem}");
        claim.forget(|_| true).unwrap();
        assert!(root.path().join("log").symlink_metadata().is_ok());
    }

    #[test]
    fn no_link_is_followed_whatever_the_mark_says() {
        let (root, users) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (at, theirs) = (|name: &str| root.path().join(name), |name: &str| users.path().join(name));
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["all", "deep/inside/a", "log"]).unwrap();
        drop(claim);
        for file in [".unfinished-mine", "a", "log", "inside/.unfinished-mine", "inside/a"] {
            super::super::write(theirs(file), b"mine").unwrap();
        }
        let link = |from: &str, to: &str| std::os::unix::fs::symlink(theirs(to), at(from)).unwrap();
        link("all", "");
        link("deep", "");
        link("log", "log");
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        for name in ["all", "all/x", "deep/inside/a", "log"] {
            let problem = claim.will_write([name]).unwrap_err();
            assert!(problem.kind() == Kind::Usage && problem.to_string().contains("(a link)"), "{name}: {problem}");
        }
        claim.forget(|_| true).unwrap();
        for file in [".unfinished-mine", "a", "log", "inside/.unfinished-mine", "inside/a"] {
            assert_eq!(std::fs::read(theirs(file)).unwrap(), b"mine", "{file}");
        }
        assert!(["all", "deep", "log"].iter().all(|name| at(name).is_symlink()), "the links are the user's, too");
    }

    #[test]
    fn a_folder_that_a_version_before_noted_whole_is_the_users_but_for_the_files_that_are_known() {
        let root = tempfile::tempdir().unwrap();
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["all"]).unwrap();
        claim.narrow("other", ["other/a"]).unwrap();
        claim.narrow("all", ["all/a"]).unwrap();
        drop(claim);
        let claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        assert_eq!(claim.written().collect::<Vec<_>>(), ["all/a"]);
    }

    #[test]
    fn a_folder_that_empties_goes_with_its_last_file() {
        let root = tempfile::tempdir().unwrap();
        let mut claim = OutFolder::new(OWNER, root.path()).claim().unwrap();
        claim.will_write(["a/b/one"]).unwrap();
        super::super::write(root.path().join("a/b/one"), b"x").unwrap();
        claim.forget(|_| true).unwrap();
        assert!(!root.path().join("a").exists() && root.path().exists());
    }
}

//! A result in the making beside the one before it, which stays whole until the new one is.
//!
//! The files are written into a hidden folder of the claimed one. Once all are there, renaming that folder says so
//! ([`Claim::publish`]); from then on they are put in the place of the old ones, by the next run if this one is killed.
//! Before that the disk has all of them, so that a power cut leaves one of the two results as well.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claim::{Claim, inside};
use super::fault::{self, Operation};
use super::flush::flush_all;
use super::folder::{list, list_if_there, make_folder, remove_folder};
use super::json::{parse_json, write_json};
use super::whole::{copy, lies_there, read_if_there, rename, sweep, sync_folder};
use crate::name::Inside;
use crate::problem::{Problem, Result};

/// Where a result is written.
const NEW: &str = ".rimforge-new";
/// Where it is once it is whole.
const READY: &str = ".rimforge-ready";
/// What of it is to be put in place.
const LIST: &str = ".list.json";
/// As a mark, which lists the same names.
const MOST_BYTES: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct List {
    names: BTreeSet<Inside>,
    /// Those that say that the result is there, in the order in which they appear.
    heads: Vec<Inside>,
}

impl Claim {
    /// The folder for a new result; what a stopped run left in it is still there, its unfinished files are not. It may
    /// not exist.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn staging(&self) -> Result<PathBuf> {
        let folder = self.folder.join(NEW);
        sweep_all(&folder)?;
        Ok(folder)
    }

    /// Deletes what a run left of a result that it did not finish.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn discard(&self) -> Result<()> {
        remove_folder(&self.folder.join(NEW))
    }

    /// Puts the files `names` and then `heads` of [`Claim::staging`] in the place of the result before, whose other
    /// files are deleted; what else was in the staging folder is dropped. `heads` say that a result is there: the old
    /// ones go first, the new ones come last, in their order.
    ///
    /// # Errors
    /// A name at which something lies that is not this command's: then nothing was changed. A failed write: the next
    /// claim goes on.
    pub fn publish(&mut self, names: Vec<String>, heads: &[&str]) -> Result<()> {
        let heads = inside(&self.folder, heads.iter().copied())?;
        let mut names: BTreeSet<Inside> = inside(&self.folder, names)?.into_iter().collect();
        names.extend(heads.iter().cloned());
        self.require_free(names.iter().map(Inside::as_str))?;
        let (new, ready) = (self.folder.join(NEW), self.folder.join(READY));
        // Patches were written without waiting for the disk, and the result before them is deleted next.
        flush_all(&new, names.iter().map(|name| name.under(&new)))?;
        write_json(new.join(LIST), &List { names, heads })?;
        rename(&new, &ready)?;
        sync_folder(&self.folder)?;
        self.settle()
    }

    /// Goes on with a publication, wherever it was stopped.
    pub(super) fn settle(&mut self) -> Result<()> {
        let ready = self.folder.join(READY);
        let list = ready.join(LIST);
        let what = "the list of a finished result";
        // A disk or server that does not answer is not one that says that there is none.
        let Some(text) = read_if_there(&list, MOST_BYTES, what)? else {
            // Stopped at the very end, when only the folder was left.
            return remove_folder(&ready);
        };
        let List { names, heads } = parse_json(&list, &text, what)?;
        let still = |name: &Inside| lies_there(&name.under(&ready));
        for head in &heads {
            if still(head)? {
                self.remove(head)?;
            }
        }
        let stale: Vec<Inside> = self.ledger.files.difference(&names).cloned().collect();
        stale.iter().try_for_each(|name| self.remove(name))?;
        if self.ledger.files != names {
            self.ledger.files.clone_from(&names);
            self.write_mark()?;
        }
        let others = names.iter().filter(|name| !heads.contains(name));
        let mut folders = BTreeSet::from([self.folder.clone()]);
        for name in others {
            if still(name)? {
                folders.extend(put(&name.under(&ready), name.under(&self.folder))?);
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        for head in &heads {
            if still(head)? {
                put(&head.under(&ready), head.under(&self.folder))?;
            }
        }
        sync_folder(&self.folder)?;
        super::folder::remove(&list)?;
        remove_folder(&ready)
    }
}

/// Moves a file, into another file system by way of its bytes; gives the folder that it lies in then.
fn put(from: &Path, to: PathBuf) -> Result<Option<PathBuf>> {
    let folder = to.parent().map(Path::to_owned);
    if let Some(folder) = &folder {
        make_folder(folder)?;
    }
    match fault::before(Operation::Rename, &to).and_then(|()| std::fs::rename(from, &to)) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            copy(from, &to)?;
            super::folder::remove(from)?;
        }
        moved => moved.map_err(|error| Problem::io(&to, "renaming", error))?,
    }
    Ok(folder)
}

/// As [`sweep`], in all folders below, too.
fn sweep_all(folder: &Path) -> Result<()> {
    if list_if_there(folder)?.is_empty() {
        return Ok(());
    }
    sweep(folder)?;
    let is_folder = |path: &PathBuf| path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    list(folder)?.iter().filter(|path| is_folder(path)).try_for_each(|path| sweep_all(path))
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::super::out_folder::{OutFolder, Owner};
    use super::super::write;
    use super::*;

    const OWNER: Owner = Owner::of("prepare", |_| None);

    fn claim(root: &Path) -> Claim {
        OutFolder::new(OWNER, root).claim().unwrap()
    }

    /// Stages `names` with `text` in each, `record` last.
    fn stage(claim: &Claim, names: &[&str], text: &str) -> Vec<String> {
        let staging = claim.staging().unwrap();
        for name in names.iter().chain(&["record"]) {
            write(staging.join(name), text.as_bytes()).unwrap();
        }
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn a_result_that_the_disk_may_not_have_takes_no_place() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut held = claim(root);
        let names = stage(&held, &["a"], "old");
        held.publish(names, &["record"]).unwrap();
        let names = stage(&held, &["a"], "new");
        let (done, _) = under("flush:1", || held.publish(names, &["record"]));
        assert!(done.unwrap_err().to_string().contains("flushing its files"));
        assert_eq!(found(root, "a").as_deref(), Some("old"));
    }

    #[test]
    fn a_result_that_cannot_be_looked_at_just_now_is_not_deleted() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let held = claim(root);
        stage(&held, &["a"], "new");
        drop(held);
        std::fs::rename(root.join(NEW), root.join(READY)).unwrap();
        // A list that is a link to itself stands for all that cannot be told.
        std::os::unix::fs::symlink(LIST, root.join(READY).join(LIST)).unwrap();
        let problem = OutFolder::new(OWNER, root).claim().unwrap_err();
        assert!(problem.to_string().contains("looking for it failed"), "{problem}");
        assert!(root.join(READY).join("a").exists());
    }

    fn found(root: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(root.join(name)).ok()
    }

    #[test]
    fn a_new_result_takes_the_place_of_the_old_one_and_of_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut held = claim(root);
        let names = stage(&held, &["p/a", "p/b"], "old");
        held.publish(names, &["record"]).unwrap();
        std::fs::write(root.join("p/mine"), b"mine").unwrap();
        let names = stage(&held, &["p/b", "p/c"], "new");
        write(root.join(NEW).join("not listed"), b"x").unwrap();
        assert_eq!(found(root, "p/b").as_deref(), Some("old"), "nothing is replaced before all is there");
        held.publish(names, &["record"]).unwrap();
        assert_eq!(found(root, "p/a"), None);
        for (name, text) in [("p/b", "new"), ("p/c", "new"), ("record", "new"), ("p/mine", "mine")] {
            assert_eq!(found(root, name).as_deref(), Some(text), "{name}");
        }
        assert!(!root.join(NEW).exists() && !root.join(READY).exists());
        let names = stage(&held, &["p/mine"], "new");
        held.publish(names, &["record"]).unwrap_err();
        assert_eq!(found(root, "p/mine").as_deref(), Some("mine"));
        assert_eq!(found(root, "p/b").as_deref(), Some("new"));
    }

    /// Every moment at which a publication can be killed: the names moved so far, and whether the ledger was.
    #[test]
    fn a_publication_that_was_killed_anywhere_is_gone_on_with() {
        for (moved, noted) in [(0, false), (0, true), (1, true), (2, true), (3, true)] {
            let root = tempfile::tempdir().unwrap();
            let root = root.path();
            let mut held = claim(root);
            let names = stage(&held, &["a", "b"], "old");
            held.publish(names, &["record"]).unwrap();
            let names = inside(root, stage(&held, &["b", "c"], "new")).unwrap();
            let heads = inside(root, ["record"]).unwrap();
            let all: BTreeSet<Inside> = names.iter().chain(&heads).cloned().collect();
            write_json(root.join(NEW).join(LIST), &List { names: all.clone(), heads: heads.clone() }).unwrap();
            std::fs::rename(root.join(NEW), root.join(READY)).unwrap();
            if noted {
                std::fs::remove_file(root.join("record")).unwrap();
                std::fs::remove_file(root.join("a")).unwrap();
                held.ledger.files = all;
                held.write_mark().unwrap();
            }
            for name in names.iter().chain(&heads).take(moved) {
                put(&name.under(&root.join(READY)), name.under(root)).unwrap();
            }
            drop(held);
            let held = claim(root);
            let left = ["a", "b", "c", "record"].map(|name| found(root, name));
            assert_eq!(left, [None, Some("new".into()), Some("new".into()), Some("new".into())], "{moved} {noted}");
            assert!(!root.join(READY).exists() && held.owns("c") && !held.owns("a"));
        }
    }

    #[test]
    fn what_a_stopped_run_left_is_there_for_the_next_until_it_is_discarded() {
        let root = tempfile::tempdir().unwrap();
        stage(&claim(root.path()), &["p/a"], "half");
        write(root.path().join(NEW).join("p/.unfinished-x"), b"x").unwrap();
        let held = claim(root.path());
        let staging = held.staging().unwrap();
        assert!(staging.join("p/a").exists() && !staging.join("p/.unfinished-x").exists());
        held.discard().unwrap();
        assert!(!staging.exists());
    }
}

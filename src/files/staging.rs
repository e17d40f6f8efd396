//! A result in the making beside the one before it, which stays whole until the new one is.
//!
//! The files are written into a hidden folder of the claimed one. Once all are there, renaming that folder says so
//! ([`Claim::publish`]); from then on they are put in the place of the old ones, by the next run if this one is killed.
//! Before that the disk has all of them, so that a power cut leaves one of the two results as well. Files of the result
//! before that are to be part of the new one may stay where they are.
//!
//! No link is followed: neither to the hidden folders, nor in them, nor from the claimed folder.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claim::{Claim, inside};
use super::fault::{self, Operation};
use super::flush::flush_all;
use super::folder::{list, list_if_there, make_folder, remove_folder};
use super::hashed::sha256;
use super::json::{parse_json, write_json};
use super::whole::{copy, lies_there, read_if_there, rename, sweep, sync_folder};
use crate::name::Inside;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

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
    /// It cannot be read, or is a link or has one in it.
    pub fn staging(&self) -> Result<PathBuf> {
        let folder = self.folder.join(NEW);
        refuse_link(&folder)?;
        sweep_all(&folder)?;
        Ok(folder)
    }

    /// Deletes what a run left of a result that it did not finish.
    ///
    /// # Errors
    /// It cannot be deleted, or is a link.
    pub fn discard(&self) -> Result<()> {
        let folder = self.folder.join(NEW);
        refuse_link(&folder)?;
        remove_folder(&folder)
    }

    /// Puts the files `names` and then `heads` of [`Claim::staging`] in the place of the result before, whose other
    /// files are deleted; what else was in the staging folder is dropped. Those of `names` that are not staged are
    /// files of the result before, which stay. `heads` say that a result is there: the old ones go first, the new ones
    /// come last, in their order.
    ///
    /// # Errors
    /// A name at which something lies that is not this command's, or that is neither staged nor there: then nothing
    /// was changed. A failed write, or `Kind::Interrupted` where the user asks to stop while files are moved: the next
    /// claim goes on.
    pub fn publish(&mut self, names: Vec<String>, heads: &[&str], observer: &dyn Observer) -> Result<()> {
        let heads = inside(&self.folder, heads.iter().copied())?;
        let mut names: BTreeSet<Inside> = inside(&self.folder, names)?.into_iter().collect();
        names.extend(heads.iter().cloned());
        self.require_free(names.iter().map(Inside::as_str))?;
        let (new, ready) = (self.folder.join(NEW), self.folder.join(READY));
        let mut staged = Vec::new();
        for name in &names {
            stop_if_asked(&self.folder, observer)?;
            let path = name.under(&new);
            if lies_there(&path)? {
                staged.push(path);
            } else if heads.contains(name) || !lies_there(&name.under(&self.folder))? {
                return Err(Problem::new(Kind::Environment, "gone since it was written")
                    .at(name.under(&self.folder))
                    .expected("a file of the result")
                    .advice("run the same command again"));
            }
        }
        // Patches were written without waiting for the disk, and the result before them is deleted next.
        flush_all(&new, staged.into_iter())?;
        write_json(new.join(LIST), &List { names, heads })?;
        rename(&new, &ready)?;
        sync_folder(&self.folder)?;
        self.settle(observer).map(drop)
    }

    /// Goes on with a publication, wherever it was stopped; says whether there was one. Until the end the ledger lists
    /// files of the result before alone, so that what the user put at a new name since the kill is told from them.
    pub(super) fn settle(&mut self, observer: &dyn Observer) -> Result<bool> {
        let ready = self.folder.join(READY);
        refuse_link(&self.folder.join(NEW))?;
        refuse_link(&ready)?;
        let list = ready.join(LIST);
        let what = "the list of a finished result";
        // A disk or server that does not answer is not one that says that there is none.
        let Some(text) = read_if_there(&list, MOST_BYTES, what)? else {
            // Stopped at the very end, when only the folder was left.
            return remove_folder(&ready).map(|()| false);
        };
        let List { names, heads } = parse_json(&list, &text, what)?;
        let mut left = BTreeSet::new();
        for name in &names {
            if lies_there(&name.under(&ready))? && !self.is_copied(name, &ready)? {
                left.insert(name);
            }
        }
        self.require_free(left.iter().map(|name| name.as_str()))?;
        for head in heads.iter().filter(|head| left.contains(head)) {
            self.remove(head)?;
        }
        self.drop_stale(&names)?;
        let mut folders = BTreeSet::from([self.folder.clone()]);
        for name in left.iter().filter(|name| !heads.contains(name)) {
            stop_if_asked(&self.folder, observer)?;
            folders.extend(put(&name.under(&ready), name.under(&self.folder))?);
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))?;
        for head in heads.iter().filter(|head| left.contains(head)) {
            put(&head.under(&ready), head.under(&self.folder))?;
        }
        sync_folder(&self.folder)?;
        if !names.is_subset(&self.ledger.files) {
            self.ledger.files.extend(names);
            self.write_mark()?;
        }
        super::folder::remove(&list)?;
        remove_folder(&ready)?;
        Ok(true)
    }

    /// Deletes the files of the result before that are not in `names`; a folder that is noted as a whole stays.
    fn drop_stale(&mut self, names: &BTreeSet<Inside>) -> Result<()> {
        let is_folder = |name: &Inside| name.under(&self.folder).symlink_metadata().is_ok_and(|facts| facts.is_dir());
        let stale = self.ledger.files.iter().filter(|name| !names.contains(*name) && !is_folder(name));
        let stale: Vec<Inside> = stale.cloned().collect();
        for name in &stale {
            self.remove(name)?;
            self.ledger.files.remove(name);
        }
        if stale.is_empty() { Ok(()) } else { self.write_mark() }
    }

    /// Whether a file that still lies in `ready` was copied into its place, on another disk, before the run was killed.
    fn is_copied(&self, name: &Inside, ready: &Path) -> Result<bool> {
        let (from, to) = (name.under(ready), name.under(&self.folder));
        let is_file = to.symlink_metadata().is_ok_and(|facts| facts.is_file());
        Ok(is_file && !self.owns(name.as_str()) && sha256(&from)? == sha256(&to)?)
    }
}

/// Tens of thousands of files take seconds to move, on a network disk minutes: stopped anywhere, it is gone on with.
fn stop_if_asked(folder: &Path, observer: &dyn Observer) -> Result<()> {
    if !observer.stop_requested() {
        return Ok(());
    }
    Err(Problem::new(Kind::Interrupted, "stopped before the new result was in the place of the one before")
        .at(folder)
        .advice("run the same command again"))
}

/// Refuses a link where a folder of the program's own would be: it makes none, so that it is the user's.
///
/// # Errors
/// `Kind::Usage`: there is one.
pub fn refuse_link(folder: &Path) -> Result<()> {
    if !folder.is_symlink() {
        return Ok(());
    }
    Err(Problem::new(Kind::Usage, "a link where this command makes a folder of its own")
        .at(folder)
        .expected("a folder, or nothing")
        .advice("remove the link; nothing behind it was touched"))
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

/// As [`sweep`], in all folders below, too; refuses links.
fn sweep_all(folder: &Path) -> Result<()> {
    if list_if_there(folder)?.is_empty() {
        return Ok(());
    }
    sweep(folder)?;
    for path in list(folder)? {
        refuse_link(&path)?;
        if path.symlink_metadata().is_ok_and(|facts| facts.is_dir()) {
            sweep_all(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::super::out_folder::{OutFolder, Owner};
    use super::super::write;
    use super::*;
    use crate::observer::Silent;
    use crate::observer::tests::StopAfterLooks;

    const OWNER: Owner = Owner::of("prepare", |_| Ok(None));

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
        held.publish(names, &["record"], &Silent).unwrap();
        let names = stage(&held, &["a"], "new");
        let (done, _) = under("flush:1", || held.publish(names, &["record"], &Silent));
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
        held.publish(names, &["record"], &Silent).unwrap();
        std::fs::write(root.join("p/mine"), b"mine").unwrap();
        let names = stage(&held, &["p/b", "p/c"], "new");
        write(root.join(NEW).join("not listed"), b"x").unwrap();
        assert_eq!(found(root, "p/b").as_deref(), Some("old"), "nothing is replaced before all is there");
        held.publish(names, &["record"], &Silent).unwrap();
        assert_eq!(found(root, "p/a"), None);
        for (name, text) in [("p/b", "new"), ("p/c", "new"), ("record", "new"), ("p/mine", "mine")] {
            assert_eq!(found(root, name).as_deref(), Some(text), "{name}");
        }
        assert!(!root.join(NEW).exists() && !root.join(READY).exists());
        let names = stage(&held, &["p/mine"], "new");
        held.publish(names, &["record"], &Silent).unwrap_err();
        assert_eq!(found(root, "p/mine").as_deref(), Some("mine"));
        assert_eq!(found(root, "p/b").as_deref(), Some("new"));
    }

    #[test]
    fn a_request_to_stop_is_answered_between_two_files_and_the_next_claim_goes_on() {
        let mut ends = Vec::new();
        for looks in 0..8 {
            let root = tempfile::tempdir().unwrap();
            let root = root.path();
            let mut held = claim(root);
            let names = stage(&held, &["a", "b", "c"], "old");
            held.publish(names, &["record"], &Silent).unwrap();
            let names = stage(&held, &["b", "c", "d"], "new");
            let stopped = held.publish(names, &["record"], &StopAfterLooks::new(looks)).err();
            assert!(stopped.iter().all(|problem| problem.kind() == Kind::Interrupted), "{stopped:?}");
            drop(held);
            let held = claim(root);
            let is = found(root, "record").unwrap();
            let [gone, stays] = if is == "new" { ["a", "d"] } else { ["d", "a"] };
            assert_eq!(found(root, gone), None, "{looks}");
            assert!([stays, "b", "c"].iter().all(|name| found(root, name).as_deref() == Some(&is)), "{looks}");
            held.discard().unwrap();
            ends.push((stopped.is_some(), is));
        }
        let count = |stopped, is: &str| ends.iter().filter(|end| **end == (stopped, is.to_owned())).count();
        assert_eq!([count(true, "old"), count(true, "new"), count(false, "new")], [4, 3, 1], "{ends:?}");
    }

    /// As a run leaves it that is killed with "b", "c" and "record" ready, of which the first `moved` are in place;
    /// "a", "b" and "record" are of the result before, of which `gone` says that the stale ones are deleted.
    fn killed(root: &Path, moved: usize, gone: bool) -> Claim {
        let mut held = claim(root);
        let names = stage(&held, &["a", "b"], "old");
        held.publish(names, &["record"], &Silent).unwrap();
        let names = inside(root, stage(&held, &["b", "c"], "new")).unwrap();
        let heads = inside(root, ["record"]).unwrap();
        let all: BTreeSet<Inside> = names.iter().chain(&heads).cloned().collect();
        write_json(root.join(NEW).join(LIST), &List { names: all, heads: heads.clone() }).unwrap();
        std::fs::rename(root.join(NEW), root.join(READY)).unwrap();
        if gone {
            std::fs::remove_file(root.join("record")).unwrap();
            std::fs::remove_file(root.join("a")).unwrap();
            held.ledger.files.remove(&Inside::new("a").unwrap());
            held.write_mark().unwrap();
        }
        for name in names.iter().chain(&heads).take(moved) {
            put(&name.under(&root.join(READY)), name.under(root)).unwrap();
        }
        held
    }

    /// Every moment at which a publication can be killed; a version before noted the new names first.
    #[test]
    fn a_publication_that_was_killed_anywhere_is_gone_on_with() {
        for (moved, gone) in [(0, false), (0, true), (1, true), (2, true), (3, true)] {
            for noted in [false, gone] {
                let root = tempfile::tempdir().unwrap();
                let root = root.path();
                let mut held = killed(root, moved, gone);
                if noted {
                    held.ledger.files.insert(Inside::new("c").unwrap());
                    held.write_mark().unwrap();
                }
                drop(held);
                let held = claim(root);
                let left = ["a", "b", "c", "record"].map(|name| found(root, name));
                assert_eq!(left, [None, Some("new".into()), Some("new".into()), Some("new".into())], "{moved} {gone}");
                assert!(!root.join(READY).exists() && held.owns("c") && !held.owns("a"));
            }
        }
    }

    #[test]
    fn what_the_user_puts_in_the_way_between_a_kill_and_the_next_run_is_told_and_stays() {
        for (moved, gone) in [(0, false), (0, true), (1, true)] {
            let root = tempfile::tempdir().unwrap();
            let root = root.path();
            drop(killed(root, moved, gone));
            std::fs::write(root.join("c"), b"mine").unwrap();
            let problem = OutFolder::new(OWNER, root).claim().unwrap_err();
            assert_eq!(problem.kind(), Kind::Usage);
            assert!(problem.to_string().contains("c: not a file of this command's"), "{problem}");
            assert_eq!(found(root, "c").as_deref(), Some("mine"));
            std::fs::remove_file(root.join("c")).unwrap();
            claim(root);
            assert_eq!(found(root, "c").as_deref(), Some("new"));
        }
        // As a copy to another disk leaves it: both files are there.
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        drop(killed(root, 0, true));
        std::fs::write(root.join("c"), b"new").unwrap();
        claim(root);
        assert_eq!(found(root, "c").as_deref(), Some("new"));
    }

    #[test]
    fn no_link_is_followed_that_is_made_between_a_kill_and_the_next_run() {
        let users = tempfile::tempdir().unwrap();
        let theirs = |name: &str| users.path().join(name);
        for file in ["a", "p/a", "p/.unfinished-mine", ".unfinished-mine", ".list.json"] {
            write(theirs(file), b"mine").unwrap();
        }
        let intact = || {
            let all = ["a", "p/a", "p/.unfinished-mine", ".unfinished-mine", ".list.json"];
            all.iter().all(|file| std::fs::read(theirs(file)).is_ok_and(|text| text == b"mine"))
                && list(users.path()).unwrap().len() == 4
        };
        let link = |to: &str, at: &Path| std::os::unix::fs::symlink(theirs(to), at).unwrap();
        for hidden in [NEW, READY] {
            let root = tempfile::tempdir().unwrap();
            drop(claim(root.path()));
            link("", &root.path().join(hidden));
            let problem = OutFolder::new(OWNER, root.path()).claim().unwrap_err();
            assert!(problem.kind() == Kind::Usage && problem.to_string().contains(hidden), "{problem}");
            assert!(intact() && root.path().join(hidden).is_symlink());
        }
        // In the staging folder, and where a finished result is to be put.
        let root = tempfile::tempdir().unwrap();
        stage(&claim(root.path()), &["q/a"], "new");
        link("p", &root.path().join(NEW).join("p"));
        let problem = claim(root.path()).staging().unwrap_err();
        assert!(problem.to_string().contains("p: a link"), "{problem}");
        std::fs::remove_file(root.path().join(NEW).join("p")).unwrap();
        let mut held = claim(root.path());
        let names = stage(&held, &["p/a"], "new");
        link("p", &root.path().join("p"));
        let problem = held.publish(names.clone(), &["record"], &Silent).unwrap_err();
        assert!(problem.to_string().contains("p: not a file of this command's (a link)"), "{problem}");
        let names = inside(root.path(), names).unwrap().into_iter().collect();
        write_json(root.path().join(NEW).join(LIST), &List { names, heads: vec![] }).unwrap();
        std::fs::rename(root.path().join(NEW), root.path().join(READY)).unwrap();
        drop(held);
        let problem = OutFolder::new(OWNER, root.path()).claim().unwrap_err();
        assert!(problem.kind() == Kind::Usage && problem.to_string().contains("(a link)"), "{problem}");
        assert!(intact());
        std::fs::remove_file(root.path().join("p")).unwrap();
        claim(root.path());
        assert_eq!(found(root.path(), "p/a").as_deref(), Some("new"));
    }

    #[test]
    fn files_of_the_result_before_stay_where_they_are_to_be_part_of_the_new_one() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut held = claim(root);
        held.will_write(["scratch"]).unwrap();
        write(root.join("scratch/x"), b"x").unwrap();
        let names = stage(&held, &["a", "b"], "old");
        held.publish(names, &["record"], &Silent).unwrap();
        stage(&held, &["b"], "new");
        let gone = held.publish(vec!["a".into(), "none".into()], &["record"], &Silent).unwrap_err();
        assert!(gone.to_string().contains("none: gone since it was written"), "{gone}");
        held.publish(vec!["a".into(), "b".into()], &["record"], &Silent).unwrap();
        let texts = ["a", "b", "record"].map(|name| found(root, name).unwrap());
        assert_eq!(texts, ["old", "new", "new"]);
        assert!(held.owns("a") && held.owns("scratch/x") && root.join("scratch/x").exists());
    }

    #[test]
    fn what_a_stopped_run_left_is_there_for_the_next_until_it_is_discarded() {
        let root = tempfile::tempdir().unwrap();
        stage(&claim(root.path()), &["p/a"], "half");
        write(root.path().join(NEW).join("p/.unfinished-x1y2z3"), b"x").unwrap();
        let held = claim(root.path());
        let staging = held.staging().unwrap();
        assert!(staging.join("p/a").exists() && !staging.join("p/.unfinished-x1y2z3").exists());
        held.discard().unwrap();
        assert!(!staging.exists());
    }
}

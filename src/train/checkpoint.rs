//! Checkpoints on disk: a folder of files and their hashes that appears whole or not at all.
//!
//! Protocol: the run's mark says which files will come; temporary folder beside the final one, write, fsync every file
//! and the folder, rename, fsync the parent. `SHA256SUMS` covers every file (`sha256sum -c SHA256SUMS` checks it by
//! hand), so a torn or altered checkpoint is noticed and the one before it is used. What the files mean, and which
//! there must be, is [`super::saved`]'s.
//!
//! Any folder of a checkpoint's name is read: a user may have put it back from elsewhere. Only those that the mark
//! lists are replaced, set aside or deleted, and of these no file that it does not list.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::disk_room;
use crate::digest;
use crate::files::{self, Claim};
use crate::name::Name;
use crate::nets::network::Named;
use crate::nets::weights;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

pub(super) const PREFIX: &str = "checkpoint-";
const UNFINISHED: &str = ".unfinished-checkpoint-";
const DAMAGED: &str = "damaged-";
const SUMS: &str = "SHA256SUMS";

/// Bytes of a text in a checkpoint, at most: the log of a million ticks has some 200 MB.
pub(super) const LONGEST_TEXT: u64 = 1 << 30;

/// Checkpoints that are kept.
pub(super) const KEPT: usize = 2;

/// What a checkpoint holds.
pub struct Contents {
    /// Each becomes `<name>.safetensors`.
    pub tensors: Vec<(&'static str, Named)>,
    /// Written as they are.
    pub texts: Vec<(&'static str, String)>,
    /// Existing files: name in the checkpoint, place now, and SHA-256. Each becomes a file of its own, so that damage
    /// to one spares the others.
    pub copies: Vec<(&'static str, PathBuf, String)>,
}

/// Writes `checkpoint-<images>` into `folder`, which lies in the claimed one, and deletes all but the newest two of the
/// claim's.
///
/// # Errors
/// Something lies there that is not the claim's, or the disk is too full (nothing is written then); a write failed.
/// Earlier checkpoints stay valid in any case.
pub fn save(claim: &mut Claim, folder: &Path, images: u64, contents: &Contents) -> Result<PathBuf> {
    let path = folder.join(name(images));
    require_room(claim, &path)?;
    files::make_folder(folder)?;
    let existing = own(claim, folder)?;
    disk_room::check(folder, bytes(contents), existing.len(), disk_room::free_bytes(folder)?)?;
    claim.will_write(names_of(contents).map(|file| relative(claim.folder(), &path.join(file))).collect::<Vec<_>>())?;
    let unfinished = folder.join(format!("{UNFINISHED}{images:012}"));
    files::remove_folder(&unfinished)?;
    let saved = fill(&unfinished, contents).and_then(|()| {
        // One of the same name is left only by a rollback to before it.
        files::remove_folder(&path)?;
        files::rename(&unfinished, &path)?;
        files::sync_folder(folder)
    });
    if let Err(problem) = saved {
        // Gives the space back; the first error is the one to report.
        let _ = files::remove_folder(&unfinished);
        // A full disk, a lost one and a limit each have their advice already.
        return Err(problem.more_advice("the previous checkpoint is intact: the same command goes on from there"));
    }
    prune(claim, folder)?;
    tracing::info!("saved checkpoint {}", path.display());
    Ok(path)
}

/// Deletes all but the newest two of the claim's checkpoints in `folder`, file by file: what the user put among them
/// stays. Names that a run noted and was killed before it wrote them are forgotten.
///
/// # Errors
/// A file cannot be deleted, or the mark not be written.
pub fn prune(claim: &mut Claim, folder: &Path) -> Result<()> {
    let own = own(claim, folder)?;
    let kept = &own[own.len().saturating_sub(KEPT)..];
    let kept: Vec<String> =
        kept.iter().map(|&images| format!("{}/", relative(claim.folder(), &folder.join(name(images))))).collect();
    let all = format!("{}/", relative(claim.folder(), folder));
    claim.forget(|name| name.starts_with(&all) && !kept.iter().any(|kept| name.starts_with(kept)))
}

/// Gives the claim's checkpoints that are newer than `images`, all of them where there is none, names that are no
/// checkpoints'; they are damaged, and never looked at again.
///
/// # Errors
/// One cannot be renamed, or the mark not be written.
pub fn set_aside(claim: &mut Claim, folder: &Path, images: Option<u64>, observer: &dyn Observer) -> Result<()> {
    for damaged in own(claim, folder)?.into_iter().filter(|&damaged| images.is_none_or(|images| damaged > images)) {
        let (path, plain) = (folder.join(name(damaged)), format!("{DAMAGED}{}", name(damaged)));
        let names = std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}-{number}")));
        let aside = names.map(|name| folder.join(name)).find(|path| path.symlink_metadata().is_err());
        let aside = aside.expect("some number is free");
        files::rename(&path, &aside)?;
        let gone = format!("{}/", relative(claim.folder(), &path));
        claim.forget(|name| name.starts_with(&gone))?;
        observer.note(&format!("the damaged checkpoint is kept as {}", aside.display()));
    }
    Ok(())
}

/// Refuses a place for a checkpoint at which something lies that is not the claim's.
fn require_room(claim: &Claim, path: &Path) -> Result<()> {
    let refused = |found: &Path| {
        Problem::new(Kind::Usage, "not a file of this run's, and in the way of a checkpoint")
            .at(found)
            .expected("no file or folder of that name")
            .advice("move it out of the folder and run the same command again; nothing was overwritten")
    };
    let Ok(facts) = path.symlink_metadata() else { return Ok(()) };
    if !facts.is_dir() {
        return Err(refused(path));
    }
    match files::list(path)?.iter().find(|file| !claim.owns(&relative(claim.folder(), file))) {
        Some(file) => Err(refused(file)),
        None => Ok(()),
    }
}

/// Refuses whatever lies at the names of the checkpoints that are to come, those of more than `from` images and up to
/// `to`, and is not the claim's: better before hours of training than after them.
///
/// # Errors
/// `Kind::Usage`, with the name.
pub fn require_way_free(claim: &Claim, folder: &Path, (from, to): (u64, u64)) -> Result<()> {
    for name in names(folder)? {
        if images_of(&name).is_some_and(|images| images > from && images <= to) {
            require_room(claim, &folder.join(name))?;
        }
    }
    Ok(())
}

/// Names, relative to the folder `root`, of all that looks like a checkpoint's file in its folder `folder`: of a
/// version before files were noted one by one.
///
/// # Errors
/// A folder that cannot be listed.
pub fn adopted(root: &Path, folder: &Path, known: &[String]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for images in list(folder)? {
        let path = folder.join(name(images));
        let inner = relative(root, &path);
        found.extend(files::files_in(root, &inner, |file| file == SUMS || known.iter().any(|name| name == file))?);
    }
    Ok(found)
}

/// A checkpoint whose files all have the hashes that it names.
#[derive(Debug)]
pub struct Verified {
    /// Its folder.
    pub path: PathBuf,
    /// Real images shown until then.
    pub images: u64,
}

/// Names the files that a checkpoint must list, as its verified files tell.
pub type Required<'a> = dyn Fn(&Verified) -> Result<Vec<String>> + 'a;

/// The newest whole checkpoint; damaged ones before it are passed over with a note.
///
/// # Errors
/// The folder or a file of a checkpoint cannot be read just now.
pub fn newest(folder: &Path, required: &Required<'_>, observer: &dyn Observer) -> Result<Option<Verified>> {
    let mut found = list(folder)?;
    while let Some(images) = found.pop() {
        let path = folder.join(name(images));
        match verify(Verified { path: path.clone(), images }, required) {
            Ok(checkpoint) => {
                tracing::info!("going on from checkpoint {}", path.display());
                return Ok(Some(checkpoint));
            }
            // No permission, a disk or server that does not answer: that says nothing about the checkpoint.
            Err(problem) if problem.kind() == Kind::Environment => {
                return Err(problem.advice(
                    "see that the file can be read and run the same command again; nothing was set aside, and no \
                     older checkpoint taken",
                ));
            }
            Err(problem) => observer.note(&format!("skipping a damaged checkpoint ({problem})")),
        }
    }
    Ok(None)
}

impl Verified {
    /// The tensors of `<name>.safetensors`.
    ///
    /// # Errors
    /// There is no such file, or it holds no tensors.
    pub fn tensors(&self, name: &str) -> Result<Named> {
        Ok(weights::read_tensors(self.file(&format!("{name}.safetensors")))?.tensors)
    }

    /// The text of one file.
    ///
    /// # Errors
    /// There is no such file, or it is no text.
    pub fn text(&self, name: &str) -> Result<String> {
        let path = self.file(name);
        let bytes = files::read(&path, LONGEST_TEXT, "a text of a checkpoint")?;
        String::from_utf8(bytes).map_err(|error| Problem::input(&path, "no text").because(error))
    }

    /// Where one file lies.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn fill(folder: &Path, contents: &Contents) -> Result<()> {
    files::make_folder(folder)?;
    let mut sums = Vec::new();
    for (name, tensors) in &contents.tensors {
        let name = format!("{name}.safetensors");
        let hash = weights::write_tensors(folder.join(&name), tensors, "")?;
        sums.push((hash, name));
    }
    for (name, text) in &contents.texts {
        files::write(folder.join(name), text.as_bytes())?;
        sums.push((digest::sha256(text.as_bytes()), (*name).to_owned()));
    }
    for (name, from, sha256) in &contents.copies {
        let to = folder.join(name);
        files::copy(from, &to)?;
        let found = files::sha256(&to)?;
        if found != *sha256 {
            return Err(Problem::input(from, format!("SHA-256 {found}")).expected(format!("{sha256}, as written")));
        }
        sums.push((found, (*name).to_owned()));
    }
    let lines: String = sums.iter().map(|(hash, name)| format!("{hash}  {name}\n")).collect();
    files::write(folder.join(SUMS), lines.as_bytes())
}

/// `found`, whose files all have the hashes that it lists, and which lists all that it must: a list that was cut at
/// the end of a line is no worse a list to look at.
fn verify(found: Verified, required: &Required<'_>) -> Result<Verified> {
    let sums_path = found.file(SUMS);
    let sums = found.text(SUMS)?;
    let mut listed = BTreeSet::new();
    for line in sums.lines() {
        let Some((hash, name)) = line.split_once("  ") else {
            return Err(Problem::input(&sums_path, format!("not a line of hashes: {line:?}")));
        };
        let name = Name::new(name).map_err(|fault| Problem::input(&sums_path, fault))?;
        let file = found.file(&name);
        let sha256 = files::sha256(&file)?;
        if sha256 != hash {
            return Err(Problem::input(&file, format!("SHA-256 {sha256}")).expected(hash));
        }
        listed.insert(name.to_string());
    }
    let missing: Vec<String> = required(&found)?.into_iter().filter(|name| !listed.contains(name)).collect();
    if missing.is_empty() {
        Ok(found)
    } else {
        Err(Problem::input(&sums_path, format!("no hash of {}", missing.join(", "))))
    }
}

/// Name of the checkpoint at so many images.
pub(super) fn name(images: u64) -> String {
    format!("{PREFIX}{images:012}")
}

/// Images of a checkpoint of exactly this name.
fn images_of(name: &str) -> Option<u64> {
    let images = name.strip_prefix(PREFIX)?.parse().ok()?;
    (name == self::name(images)).then_some(images)
}

/// Image counts of the checkpoints in `folder`, ascending; none where there is no folder. One is a folder of exactly
/// the name that [`save`] gives it.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>> {
    let is_folder = |name: &String| folder.join(name).symlink_metadata().is_ok_and(|facts| facts.is_dir());
    let mut found: Vec<u64> =
        names(folder)?.iter().filter(|name| is_folder(name)).filter_map(|name| images_of(name)).collect();
    found.sort_unstable();
    Ok(found)
}

/// Image counts of the checkpoints that the claim's mark lists and that are there, ascending.
fn own(claim: &Claim, folder: &Path) -> Result<Vec<u64>> {
    let sums = |images: &u64| relative(claim.folder(), &folder.join(name(*images)).join(SUMS));
    Ok(list(folder)?.into_iter().filter(|images| claim.owns(&sums(images))).collect())
}

/// Names of the files of a checkpoint.
fn names_of(contents: &Contents) -> impl Iterator<Item = String> {
    let tensors = contents.tensors.iter().map(|(name, _)| format!("{name}.safetensors"));
    let texts = contents.texts.iter().map(|(name, _)| (*name).to_owned());
    let copies = contents.copies.iter().map(|(name, ..)| (*name).to_owned());
    tensors.chain(texts).chain(copies).chain([SUMS.to_owned()])
}

/// A path below `root`, relative to it.
fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let name = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    Ok(files::list_if_there(folder)?.into_iter().filter_map(name).collect())
}

/// Bytes that `contents` will take.
fn bytes(contents: &Contents) -> u64 {
    let tensors = contents.tensors.iter().flat_map(|(_, named)| named.values());
    let tensors: usize = tensors.map(|tensor| tensor.numel() * tensor.kind().elt_size_in_bytes()).sum();
    let texts: usize = contents.texts.iter().map(|(_, text)| text.len()).sum();
    // One that cannot be looked at fails when it is copied.
    let copies: u64 = contents.copies.iter().filter_map(|(_, path, _)| Some(path.metadata().ok()?.len())).sum();
    (tensors + texts) as u64 + copies
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use tch::Tensor;

    use super::*;
    use crate::files::fault::tests::under;
    use crate::files::{OutFolder, Owner};
    use crate::observer::Silent;

    /// A run's folder that is held, and where its checkpoints are.
    struct Run {
        root: tempfile::TempDir,
        claim: Option<Claim>,
        folder: PathBuf,
    }

    impl Run {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("checkpoints");
            Self { root, claim: None, folder }
        }

        fn claim(&mut self) -> &mut Claim {
            let claim = || OutFolder::new(Owner::of("train", |_| Ok(None)), self.root.path()).claim().unwrap();
            self.claim.get_or_insert_with(claim)
        }

        fn path(&self) -> &Path {
            &self.folder
        }

        fn save(&mut self, images: u64, contents: &Contents) -> Result<PathBuf> {
            let folder = self.folder.clone();
            save(self.claim(), &folder, images, contents)
        }

        /// As a run begins.
        fn newest(&mut self, observer: &dyn Observer) -> Result<Option<Verified>> {
            self.claim = None;
            let folder = self.folder.clone();
            let claim = self.claim();
            let found = newest(&folder, &both, observer)?;
            set_aside(claim, &folder, found.as_ref().map(|found| found.images), observer)?;
            Ok(found)
        }
    }

    fn contents(value: f32) -> Contents {
        let tensors = Named::from([("x".to_owned(), Tensor::from_slice(&[value; 100]))]);
        Contents {
            tensors: vec![("numbers", tensors)],
            texts: vec![("state.json", format!("{{\"value\": {value}}}"))],
            copies: vec![],
        }
    }

    fn both(_: &Verified) -> Result<Vec<String>> {
        Ok(vec!["numbers.safetensors".into(), "state.json".into()])
    }

    fn value(checkpoint: &Verified) -> f64 {
        checkpoint.tensors("numbers").unwrap()["x"].double_value(&[5])
    }

    #[test]
    fn the_newest_of_two_is_found_and_older_ones_go() {
        let mut folder = Run::new();
        assert!(folder.newest(&Silent).unwrap().is_none());
        for images in [10, 20, 1000] {
            folder.save(images, &contents(images as f32)).unwrap();
        }
        assert_eq!(list(folder.path()).unwrap(), [20, 1000]);
        let found = folder.newest(&Silent).unwrap().unwrap();
        assert_eq!((found.images, value(&found)), (1000, 1000.0));
        assert_eq!(found.text("state.json").unwrap(), "{\"value\": 1000}");
    }

    #[test]
    fn every_torn_or_altered_file_is_noticed_and_the_one_before_wins() {
        struct Notes(Mutex<Vec<String>>);
        impl Observer for Notes {
            fn begin(&self, _: &str, _: &str, _: u64) {}
            fn advance(&self, _: u64) {}
            fn status(&self, _: &str) {}
            fn note(&self, text: &str) {
                self.0.lock().unwrap().push(text.to_owned());
            }
            fn end(&self) {}
            fn stop_requested(&self) -> bool {
                false
            }
        }
        for file in ["numbers.safetensors", "state.json", SUMS] {
            for damage in ["flip", "cut", "cut after a line", "empty", "gone"] {
                let mut folder = Run::new();
                folder.save(1, &contents(1.0)).unwrap();
                let path = folder.save(2, &contents(2.0)).unwrap().join(file);
                let mut bytes = fs::read(&path).unwrap();
                match damage {
                    "flip" => *bytes.last_mut().unwrap() ^= 4,
                    "cut" => bytes.truncate(bytes.len() / 2),
                    "cut after a line" => bytes.truncate(bytes.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1)),
                    _ => bytes.clear(),
                }
                fs::write(&path, bytes).unwrap();
                if damage == "gone" {
                    fs::remove_file(&path).unwrap();
                }
                let notes = Notes(Mutex::default());
                let found = folder.newest(&notes).unwrap().unwrap();
                assert_eq!((found.images, value(&found)), (1, 1.0), "{file} {damage}");
                assert_eq!(notes.0.lock().unwrap().len(), 2, "{file} {damage}");
                assert!(folder.path().join("damaged-checkpoint-000000000002").exists());
            }
        }
    }

    #[test]
    fn only_a_folder_of_the_exact_name_is_a_checkpoint() {
        let mut folder = Run::new();
        folder.save(7, &contents(7.0)).unwrap();
        for other in ["checkpoint-999", "checkpoint-+100", "checkpoint-0000000000100", "checkpoint-00000000010x"] {
            fs::create_dir(folder.path().join(other)).unwrap();
        }
        fs::write(folder.path().join("checkpoint-000000000200"), b"mine").unwrap();
        assert_eq!(list(folder.path()).unwrap(), [7]);
        assert_eq!(folder.newest(&Silent).unwrap().unwrap().images, 7);
        folder.save(8, &contents(8.0)).unwrap();
        folder.save(9, &contents(9.0)).unwrap();
        assert_eq!(list(folder.path()).unwrap(), [8, 9]);
        assert_eq!(names(folder.path()).unwrap().len(), 7, "what is not a checkpoint stays");
    }

    #[test]
    fn what_the_mark_does_not_list_is_read_and_neither_replaced_nor_set_aside_nor_deleted() {
        let mut folder = Run::new();
        folder.save(2, &contents(2.0)).unwrap();
        let at = |images| folder.folder.join(name(images));
        let (second, third, fifth, sixth) = (at(2), at(3), at(5), at(6));
        // Put back from elsewhere: a whole one, and one that is damaged.
        for copy in [&third, &fifth] {
            fs::create_dir(copy).unwrap();
            for file in files::list(&second).unwrap() {
                fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
            }
        }
        fs::write(fifth.join("state.json"), b"torn").unwrap();
        fs::write(second.join("notes.txt"), b"mine").unwrap();
        assert_eq!(folder.newest(&Silent).unwrap().unwrap().images, 3);
        assert!(fifth.join("state.json").exists(), "not set aside");
        for images in [4, 7, 8, 9] {
            folder.save(images, &contents(images as f32)).unwrap();
        }
        assert_eq!(list(folder.path()).unwrap(), [2, 3, 5, 8, 9]);
        assert_eq!(files::list(&second).unwrap(), [second.join("notes.txt")]);
        for (images, text) in [(3, "3/SHA256SUMS: not a file of this run's"), (2, "notes.txt: not a file")] {
            let problem = folder.save(images, &contents(0.0)).unwrap_err();
            assert!(problem.kind() == Kind::Usage && problem.to_string().contains(text), "{problem}");
        }
        fs::write(&sixth, b"mine").unwrap();
        let path = folder.folder.clone();
        assert!(
            require_way_free(folder.claim(), &path, (5, 6)).unwrap_err().to_string().contains("000006: not a file")
        );
        require_way_free(folder.claim(), &path, (6, 100)).unwrap();
        assert_eq!(fs::read(&sixth).unwrap(), b"mine");
    }

    #[test]
    fn a_damaged_checkpoint_that_was_kept_before_stays() {
        let mut folder = Run::new();
        for round in 0..3 {
            folder.save(1, &contents(1.0)).unwrap();
            let path = folder.save(2, &contents(2.0)).unwrap();
            fs::write(path.join("state.json"), format!("{round}")).unwrap();
            assert_eq!(folder.newest(&Silent).unwrap().unwrap().images, 1);
        }
        for (name, round) in [("", "0"), ("-2", "1"), ("-3", "2")] {
            let path = folder.path().join(format!("damaged-checkpoint-000000000002{name}/state.json"));
            assert_eq!(fs::read_to_string(path).unwrap(), round);
        }
    }

    #[test]
    fn a_failing_write_leaves_the_previous_checkpoint_and_no_rest() {
        let mut folder = Run::new();
        folder.save(1, &contents(1.0)).unwrap();
        // A file to copy that is not there makes the save fail after its first files are written.
        let gone = ("gone", folder.path().join("no such file"), String::new());
        let broken = Contents { copies: vec![gone], ..contents(2.0) };
        assert!(folder.save(2, &broken).is_err());
        assert_eq!(names(folder.path()).unwrap(), ["checkpoint-000000000001"]);
        assert_eq!(value(&folder.newest(&Silent).unwrap().unwrap()), 1.0);
    }

    #[test]
    fn a_copied_file_is_a_file_of_the_checkpoints_own() {
        let outside = tempfile::tempdir().unwrap();
        let (best, mut kept) = (outside.path().join("best"), Run::new());
        fs::write(&best, b"network").unwrap();
        let sha256 = digest::sha256(b"network");
        let with_copy = |images| Contents { copies: vec![("best", best.clone(), sha256.clone())], ..contents(images) };
        kept.save(1, &with_copy(1.0)).unwrap();
        kept.save(2, &with_copy(2.0)).unwrap();
        // One flipped bit where it came from: both checkpoints stay as they are, and a third says what is wrong.
        let mut file = fs::OpenOptions::new().write(true).open(&best).unwrap();
        std::io::Write::write_all(&mut file, b"N").unwrap();
        let problem = kept.save(3, &with_copy(3.0)).unwrap_err().to_string();
        assert!(problem.contains("best: SHA-256") && problem.contains(&sha256), "{problem}");
        let found = kept.newest(&Silent).unwrap().unwrap();
        assert_eq!((found.images, fs::read(found.file("best")).unwrap()), (2, b"network".to_vec()));
        // And in one checkpoint: the other is not touched.
        fs::write(found.file("best"), b"netwerk").unwrap();
        assert_eq!(kept.newest(&Silent).unwrap().unwrap().images, 1);
    }

    /// Whatever fails while a checkpoint is saved, the one before is found, or the new one where it was already in its
    /// place; and nothing unfinished stays.
    #[test]
    fn every_operation_of_a_save_may_fail() {
        let outside = tempfile::tempdir().unwrap();
        let best = outside.path().join("best");
        fs::write(&best, b"network").unwrap();
        let full =
            |value| Contents { copies: vec![("best", best.clone(), digest::sha256(b"network"))], ..contents(value) };
        for (mode, tries) in [("", true), ("+", false)] {
            let mut at = 1;
            loop {
                let mut folder = Run::new();
                for images in [1, 2] {
                    folder.save(images, &full(images as f32)).unwrap();
                }
                let (saved, count) = under(&format!("any:{at}{mode}"), || folder.save(3, &full(3.0)));
                let found = folder.newest(&Silent).unwrap().unwrap();
                assert_eq!(value(&found), found.images as f64, "{at}{mode}");
                assert!(
                    !names(folder.path()).unwrap().iter().any(|name| name.starts_with(".unfinished")),
                    "{at}{mode}"
                );
                match saved {
                    Ok(_) => {
                        assert!(found.images == 3 && count > 20, "{count}");
                        break;
                    }
                    Err(problem) => {
                        assert_eq!(problem.kind(), Kind::Environment, "{at}{mode}: {problem}");
                        assert!(problem.path().unwrap().starts_with(folder.root.path()), "{problem}");
                        assert!(found.images >= 2, "{at}{mode}");
                    }
                }
                // Where one operation failed, the next save goes through.
                if tries {
                    folder.save(4, &full(4.0)).unwrap();
                    assert_eq!(folder.newest(&Silent).unwrap().unwrap().images, 4);
                }
                at += 1;
            }
        }
    }

    #[test]
    fn what_cannot_be_read_just_now_is_no_damage() {
        let mut folder = Run::new();
        folder.save(1, &contents(1.0)).unwrap();
        for file in ["numbers.safetensors", "state.json", SUMS] {
            let path = folder.save(2, &contents(2.0)).unwrap().join(file);
            // A chain of links without an end stands for a server that does not answer, whoever runs the test.
            fs::rename(&path, folder.path().join("away")).unwrap();
            std::os::unix::fs::symlink(&path, &path).unwrap();
            let problem = folder.newest(&Silent).unwrap_err();
            assert_eq!((problem.kind(), problem.path()), (Kind::Environment, Some(path.as_path())));
            fs::remove_file(&path).unwrap();
            fs::rename(folder.path().join("away"), &path).unwrap();
            assert_eq!(folder.newest(&Silent).unwrap().unwrap().images, 2, "nothing was set aside");
        }
    }
}

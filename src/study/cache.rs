//! When a stage of a study runs again: only if its settings or inputs changed, or if it was not finished.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::{self, Contents};
use super::errand::{Doing, Errand};
use crate::digest;
use crate::files;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::study::StageRun;
use crate::report::folder::STAMPS;
use crate::units::{Ready, Share, Shelf, Unit};

/// Changes when the meaning of a stage's files changes, so that old results are not taken for new ones.
fn version(stage: &str) -> u32 {
    match stage {
        // Slices as they are are pulled by their lesions.
        "perturb" => 3,
        // Shares take the slices of a patient as one cluster; classifiers descend by the program's own Adam.
        "project" | "project-multi-contrast" | "classify" => 2,
        _ => 1,
    }
}

/// Stands among a stage's inputs for one that the study does without; hashed like any key, so that its place is kept.
pub const ABSENT: &str = "";

/// The key that a stage's results were made for, and its record once they are whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Stamp<R> {
    key: String,
    /// Over all attempts.
    seconds: f64,
    record: Option<R>,
    /// What lay in the stage's folder when it was done: another command may have put other results there since.
    #[serde(flatten)]
    left: Contents,
}

/// A stage that is done: its record, how it went, and what lies in its folder.
type Finished<R> = (R, StageRun, Contents);

/// What a stage of this run left, or what was kept.
struct Left {
    stage: &'static str,
    folder: PathBuf,
    contents: Contents,
}

impl Left {
    fn require_same(&self) -> Result<()> {
        if Contents::of(self.stage, &self.folder)? == self.contents {
            return Ok(());
        }
        Err(Problem::input(&self.folder, format!("the results of {} changed while the study was at work", self.stage))
            .expected("a study's folders, into which nothing else writes meanwhile")
            .advice("run the same command again: what changed is made anew"))
    }
}

/// A stage of a study: its name, its folder, and the hash over everything that its results depend on.
pub struct Stage {
    name: &'static str,
    folder: PathBuf,
    key: String,
}

impl Stage {
    /// `settings`, the files of weights that they name, and `inputs` (what earlier stages handed on, hashes of files)
    /// make the key.
    ///
    /// Every setting that is written is part of it: a setting that is added later would give each stage another key,
    /// and older results would be set aside and made again, though nothing about them changed (training's checkpoints
    /// would be refused likewise, [`crate::train::identity`]). So a new setting is skipped where it has its default.
    ///
    /// # Errors
    /// Settings that cannot be expressed as JSON; a file that they name and that cannot be read.
    pub fn new(name: &'static str, folder: PathBuf, settings: &impl Serialize, inputs: &[&str]) -> Result<Self> {
        let settings = files::json_line(settings)?;
        let named = content::of_named_files(&serde_json::from_str(&settings).unwrap_or_default())?;
        let mut hash = Sha256::new();
        let inputs = inputs.iter().copied().chain(named.iter().map(String::as_str));
        for part in [name, &version(name).to_string(), &settings].into_iter().chain(inputs.clone()) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let key = digest::hex(hash.finalize());
        tracing::debug!("{name}: key {key} of settings {settings} and inputs {:?}", inputs.collect::<Vec<_>>());
        Ok(Self { name, folder, key })
    }

    /// The stage's record: read where it is done for this key, else made by `work` (which resumes what it left).
    ///
    /// A record that does not say all, as `says_all` sees it, is one of an earlier version: the stage runs once more.
    /// So it does where its folder does not hold what it left, another command having run there. Results of another key
    /// or another command are set aside under a new name, never deleted.
    ///
    /// # Errors
    /// As `work`; or the stamp or the folder cannot be written.
    pub fn run<R: Serialize + DeserializeOwned>(
        &self,
        observer: &dyn Observer,
        says_all: impl Fn(&R) -> bool,
        work: impl FnOnce(&Path) -> Result<R>,
    ) -> Result<Finished<R>> {
        files::refuse_link(&self.folder)?;
        let found = self.read_stamp::<R>()?;
        let known = found.is_some();
        let same = found.filter(|stamp| stamp.key == self.key);
        let before = same.as_ref().map_or(0.0, |stamp| stamp.seconds);
        let now = Contents::of(self.name, &self.folder)?;
        match same {
            Some(Stamp { record: Some(_), ref left, .. }) if !left.are_still(&now) => {
                observer.note(&format!("{}: its results were changed by something else; made anew", self.name));
                if left.are_replaced_by(&now) {
                    self.set_aside("results of something else", observer)?;
                }
            }
            Some(Stamp { record: Some(record), .. }) if says_all(&record) => {
                observer.note(&format!("{}: done before, kept", self.name));
                tracing::info!("{}: settings and inputs are those of {}", self.name, self.folder.display());
                return Ok((record, self.stage_run(before), now));
            }
            Some(_) => tracing::info!("{}: goes on where it was stopped after {before:.1} s", self.name),
            None => {
                let why = if known { "settings or inputs changed" } else { "no record of an earlier run" };
                tracing::info!("{}: begins; {why}", self.name);
                self.set_aside("settings or inputs changed; older results", observer)?;
            }
        }
        let start = Instant::now();
        self.write_stamp::<R>(None, before, Contents::default())?;
        let outcome = work(&self.folder);
        let seconds = before + start.elapsed().as_secs_f64();
        match outcome {
            Ok(record) => {
                let left = Contents::of(self.name, &self.folder)?;
                self.write_stamp(Some(&record), seconds, left.clone())?;
                tracing::info!("{}: done, {seconds:.1} s in all", self.name);
                Ok((record, self.stage_run(seconds), left))
            }
            Err(problem) => {
                // The first error is the one to show; a disk that is full may refuse the stamp as well.
                let _ = self.write_stamp::<R>(None, seconds, Contents::default());
                Err(problem)
            }
        }
    }

    /// The stage's record where it is done for this key and says all; nothing is written or set aside.
    fn kept<R: DeserializeOwned>(&self, says_all: &impl Fn(&R) -> bool) -> Result<Option<Finished<R>>> {
        let Some(stamp) = self.read_stamp::<R>()?.filter(|stamp| stamp.key == self.key) else { return Ok(None) };
        let now = Contents::of(self.name, &self.folder)?;
        let unchanged = stamp.left.are_still(&now);
        let record = stamp.record.filter(|record| unchanged && says_all(record));
        Ok(record.map(|record| (record, self.stage_run(stamp.seconds), now)))
    }

    fn stage_run(&self, seconds: f64) -> StageRun {
        let folder = self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        StageRun { stage: self.name.to_owned(), folder, seconds, key: self.key.clone() }
    }

    fn stamp(&self) -> PathBuf {
        self.folder.with_file_name(STAMPS).join(format!("{}.json", self.name))
    }

    fn read_stamp<R: DeserializeOwned>(&self) -> Result<Option<Stamp<R>>> {
        files::read_note(self.stamp())
    }

    fn write_stamp<R: Serialize>(&self, record: Option<&R>, seconds: f64, left: Contents) -> Result<()> {
        let path = self.stamp();
        let folder = path.parent().unwrap_or(&self.folder);
        files::make_folder(folder)?;
        files::write_json(&path, &Stamp { key: self.key.clone(), seconds, record, left })
    }

    /// Whether results of other settings, inputs or commands lie in its folder, which a run would set aside.
    fn sets_aside(&self) -> Result<bool> {
        let stamp = self.read_stamp::<IgnoredAny>()?.filter(|stamp| stamp.key == self.key);
        let now = Contents::of(self.name, &self.folder)?;
        let own = stamp.is_some_and(|stamp| !stamp.left.are_replaced_by(&now));
        Ok(!own && !files::list_if_there(&self.folder)?.is_empty())
    }

    fn set_aside(&self, what: &str, observer: &dyn Observer) -> Result<()> {
        if files::list_if_there(&self.folder)?.is_empty() {
            return Ok(());
        }
        let aside = (1..)
            .map(|n| self.folder.with_extension(format!("superseded-{n}")))
            .find(|path| path.symlink_metadata().is_err())
            .expect("some number is free");
        files::rename(&self.folder, &aside)?;
        observer.note(&format!("{}: {what} are in {}", self.name, aside.display()));
        Ok(())
    }
}

/// What a stage left, and the key that says what it was made of.
pub struct Done<R> {
    /// The stage's record.
    pub record: R,
    /// Hash over the stage's settings and inputs and over what it left; an input of the stages after it.
    pub key: String,
}

/// The stages of a run in the order in which they are done.
pub struct Stages<'a> {
    observer: &'a dyn Observer,
    /// Absent where all is to be done, by a recipe that knows no other errand.
    errand: Option<&'a Errand>,
    runs: Vec<StageRun>,
    left: Vec<Left>,
}

impl<'a> Stages<'a> {
    /// None is done yet.
    pub fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, errand: None, runs: Vec::new(), left: Vec::new() }
    }

    /// None is done yet, and what is to be done of them is the errand's to say.
    pub fn on(errand: &'a Errand, observer: &'a dyn Observer) -> Self {
        Self { errand: Some(errand), ..Self::new(observer) }
    }

    /// Does a stage, or keeps what was done before, and notes it.
    ///
    /// # Errors
    /// As `work`; or the stage's stamp or folder cannot be written.
    pub fn run<R: Serialize + DeserializeOwned>(
        &mut self,
        stage: Stage,
        work: impl FnOnce(&Path) -> Result<R>,
    ) -> Result<Done<R>> {
        self.run_until(stage, |_| true, work)
    }

    /// Holds the records of all stages so far to what they left: a stage that read others' results is not done with
    /// them.
    ///
    /// # Errors
    /// The first that is another one.
    pub fn require_same(&self) -> Result<()> {
        self.left.iter().try_for_each(Left::require_same)
    }

    /// As [`Stages::run`], once more where the record that was kept does not say all.
    ///
    /// # Errors
    /// Those of [`Stages::run`].
    pub fn run_until<R: Serialize + DeserializeOwned>(
        &mut self,
        stage: Stage,
        says_all: impl Fn(&R) -> bool,
        work: impl FnOnce(&Path) -> Result<R>,
    ) -> Result<Done<R>> {
        self.go(stage, says_all, |folder, _| work(folder), None::<fn(&Share) -> Result<()>>)
    }

    /// As [`Stages::run_until`], of a stage that shards can make unit by unit: `work` takes in what is ready, `share`
    /// makes some units, or lists all.
    ///
    /// # Errors
    /// Those of [`Stages::run`] and of `share`; the errand ends here.
    pub fn run_in_units<R: Serialize + DeserializeOwned>(
        &mut self,
        stage: Stage,
        says_all: impl Fn(&R) -> bool,
        work: impl FnOnce(&Path, &Ready) -> Result<R>,
        share: impl FnOnce(&Share) -> Result<()>,
    ) -> Result<Done<R>> {
        self.go(stage, says_all, work, Some(share))
    }

    fn go<R: Serialize + DeserializeOwned>(
        &mut self,
        stage: Stage,
        says_all: impl Fn(&R) -> bool,
        work: impl FnOnce(&Path, &Ready) -> Result<R>,
        share: Option<impl FnOnce(&Share) -> Result<()>>,
    ) -> Result<Done<R>> {
        let Some(errand) = self.errand else { return self.work(stage, says_all, |folder| work(folder, &Ready::NONE)) };
        let name = stage.name;
        match errand.of(name, &stage.key)? {
            Doing::Work(ready) => {
                // A merge that lacks units, by settings that are others, puts nothing out of the way.
                if let (true, true, Some(share)) = (ready.makes_none(), stage.sets_aside()?, share) {
                    let mut missing = vec![];
                    for unit in listed(name, &stage.key, share)? {
                        if !ready.has(&unit.name)? {
                            missing.push(unit.name);
                        }
                    }
                    ready.require_none(&missing)?;
                }
                let done = self.work(stage, says_all, |folder| work(folder, &ready))?;
                if errand.ends_with(name) { Err(errand.end()) } else { Ok(done) }
            }
            Doing::Share(units) => {
                let units = match (stage.kept(&says_all)?, share) {
                    (None, Some(share)) => {
                        share(&units)?;
                        Some(*units)
                    }
                    _ => {
                        self.observer.note(&format!("{name}: done before, kept"));
                        None
                    }
                };
                errand.share_done(name, &stage.key, units);
                Err(errand.end())
            }
            Doing::Read => match stage.kept(&says_all)? {
                Some(kept) if errand.ends_with(name) => {
                    self.keep(stage, kept)?;
                    Err(errand.end())
                }
                Some(kept) => self.keep(stage, kept),
                None => Err(errand.lacks(name, &stage.folder)),
            },
            Doing::Leave => Err(errand.end()),
            Doing::List if errand.is_unknown(name) => Err(errand.end()),
            Doing::List => {
                let units = share.map(|share| listed(name, &stage.key, share)).transpose()?;
                let kept = stage.kept(&says_all)?;
                errand.meet(name, &stage.key, kept.is_some(), units);
                kept.map_or_else(|| Err(errand.end()), |kept| self.keep(stage, kept))
            }
        }
    }

    fn work<R: Serialize + DeserializeOwned>(
        &mut self,
        stage: Stage,
        says_all: impl Fn(&R) -> bool,
        work: impl FnOnce(&Path) -> Result<R>,
    ) -> Result<Done<R>> {
        let of_one_state = |folder: &Path| {
            let record = work(folder)?;
            self.require_same()?;
            Ok(record)
        };
        let done = stage.run(self.observer, says_all, of_one_state)?;
        self.keep(stage, done)
    }

    /// Notes a stage that is done.
    fn keep<R>(&mut self, stage: Stage, (record, run, contents): Finished<R>) -> Result<Done<R>> {
        self.runs.push(run);
        let Stage { name, folder, key } = stage;
        let key = contents.handed_on(name, &key, &folder)?;
        self.left.push(Left { stage: name, folder, contents });
        Ok(Done { record, key })
    }

    /// As [`Errand::aside`].
    ///
    /// # Errors
    /// Those of the part.
    pub fn aside<T>(&self, went: Result<T>) -> Result<Option<T>> {
        match self.errand {
            Some(errand) => errand.aside(went),
            None => went.map(Some),
        }
    }

    /// Whether the errand goes past the stage of this name.
    pub fn passes(&self, stage: &str) -> bool {
        self.errand.is_some_and(|errand| errand.passes(stage))
    }

    /// What was done, in order.
    pub fn into_runs(self) -> Vec<StageRun> {
        self.runs
    }
}

/// The units of a stage.
fn listed(stage: &str, key: &str, share: impl FnOnce(&Share) -> Result<()>) -> Result<Vec<Unit>> {
    let list = Share::list(Shelf::new(stage, key));
    share(&list)?;
    Ok(list.into_told().all)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::observer::Silent;
    use crate::run_dir::RECORD;

    fn stage(folder: &Path, setting: u32) -> Stage {
        Stage::new("demo", folder.join("demo"), &setting, &["upstream"]).unwrap()
    }

    #[test]
    fn a_stage_runs_once_for_a_key_and_again_for_another() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Cell::new(0);
        let run = |setting| {
            let work = |folder: &Path| {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join("result"), b"x").unwrap();
                runs.set(runs.get() + 1);
                Ok(setting)
            };
            stage(dir.path(), setting).run(&Silent, |_| true, work).unwrap().0
        };
        assert_eq!((run(1), run(1), runs.get()), (1, 1, 1));
        assert_eq!((run(2), runs.get()), (2, 2));
        assert!(dir.path().join("demo.superseded-1/result").exists());
    }

    /// Another command, or a person, puts other results into a folder, after a study or while it is at work.
    #[test]
    fn results_that_something_else_wrote_are_neither_kept_nor_used() {
        let dir = tempfile::tempdir().unwrap();
        let observer = Silent;
        let stage = |name| Stage::new(name, dir.path().join(name), &1, &[]).unwrap();
        let work = |folder: &Path| {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(RECORD), b"own").unwrap();
            Ok(1)
        };
        let record = |name: &str| dir.path().join(name).join(RECORD);
        Stages::new(&observer).run(stage("a"), work).unwrap();
        let replace = |path: &Path| std::fs::write(path, b"other").unwrap();
        let remove = |path: &Path| std::fs::remove_file(path).unwrap();
        assert!(!stage("a").sets_aside().unwrap());
        for spoil in [&replace as &dyn Fn(&Path), &remove] {
            spoil(&record("a"));
            assert_eq!(stage("a").sets_aside().unwrap(), record("a").exists());
            Stages::new(&observer).run(stage("a"), work).unwrap();
            assert_eq!(std::fs::read(record("a")).unwrap(), b"own");
        }
        let mut stages = Stages::new(&observer);
        stages.run(stage("a"), |_| -> Result<u32> { panic!("done before") }).unwrap();
        let spoiling = |folder: &Path| {
            std::fs::write(record("a"), b"other").unwrap();
            work(folder)
        };
        let problem = stages.run(stage("b"), spoiling).err().unwrap().to_string();
        assert!(problem.contains("the results of a changed while the study was at work"), "{problem}");
        let mut stages = Stages::new(&observer);
        stages.run(stage("a"), work).unwrap();
        let again = Cell::new(false);
        let second = |folder: &Path| {
            again.set(true);
            work(folder)
        };
        stages.run(stage("b"), second).unwrap();
        assert!(again.get(), "b counted as done with what it read");
        stages.require_same().unwrap();
    }

    #[test]
    fn a_stage_that_failed_runs_again_in_the_same_folder() {
        let dir = tempfile::tempdir().unwrap();
        let failed = stage(dir.path(), 1).run::<u32>(
            &Silent,
            |_| true,
            |folder| {
                std::fs::create_dir_all(folder).unwrap();
                std::fs::write(folder.join("half"), b"x").unwrap();
                Err(Problem::usage("stopped"))
            },
        );
        assert!(failed.is_err());
        let run = |says_all| {
            let work = |folder: &Path| Ok(folder.join("half").exists());
            stage(dir.path(), 1).run(&Silent, |_| says_all, work).unwrap().0
        };
        assert!(run(true), "what the first attempt left must still be there");
        std::fs::remove_file(dir.path().join("demo/half")).unwrap();
        assert!(run(true), "done before, kept");
        assert!(!run(false), "what says too little is done again");
    }
}

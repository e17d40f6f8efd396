//! A training run's folder: its lock, its checkpoints, its networks and its logs, kept in step with the state.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tch::Device;

use super::checkpoint::{self, Verified};
use super::config::Resolved;
use super::identity::Identity;
use super::saved::{self, BEST};
use super::state::TrainState;
use crate::engine::Place;
use crate::files::{self, Claim, OutFolder, Owner};
use crate::nets::weights;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::arithmetic::Stretch;
use crate::records::label::NetworkLabel;
use crate::records::precision::ChosenPrecision;
use crate::records::training::{TickRecord, TimingRecord, TrainingRecord};
use crate::run_dir::GanDir;
use crate::tensorboard::{self, EventWriter};

/// Knows the folders of training runs.
pub const OWNER: Owner = Owner::of("train", unmarked);

/// What a run writes beside checkpoints, previews and event files; these have names of their own each time, which are
/// noted as they come.
fn written(dir: &GanDir) -> Vec<String> {
    let paths = [dir.stats(), dir.timing(), dir.precision(), dir.best_network(), dir.last_network(), dir.record()];
    paths.iter().map(|path| name_of(path)).chain([in_folder(PREVIEWS, REALS)]).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Folders whose files are noted one by one; a version before noted them whole.
const CHECKPOINTS: &str = "checkpoints";
const PREVIEWS: &str = "previews";

/// The preview of real images.
const REALS: &str = "reals.png";

fn in_folder(folder: &str, file: &str) -> String {
    format!("{folder}/{file}")
}

/// Name of the preview at so many images.
fn preview(images: u64) -> String {
    format!("fakes-{images:09}.png")
}

/// Images of a preview of exactly this name.
fn preview_images(name: &str) -> Option<u64> {
    let images = name.strip_prefix("fakes-")?.strip_suffix(".png")?.parse().ok()?;
    (name == preview(images)).then_some(images)
}

/// What lies in a folder of checkpoints and previews that a version before noted whole, as far as it looks like a
/// run's.
fn adopted(folder: &Path) -> Result<Vec<String>> {
    let previews = files::files_in(folder, PREVIEWS, |name| name == REALS || preview_images(name).is_some())?;
    let checkpoints = checkpoint::adopted(folder, &GanDir::new(folder).checkpoints(), &saved::all_files())?;
    // Noted since marks are narrow; no other command writes one.
    let precision = GanDir::new(folder).precision();
    let ours = files::parses::<ChosenPrecision>(&precision)?.then(|| name_of(&precision));
    Ok(checkpoints.into_iter().chain(previews).chain(ours).collect())
}

/// A folder of a version before there were marks: with a record, a log or a checkpoint of a training run.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    if !files::was_locked(folder)? {
        return Ok(None);
    }
    let dir = GanDir::new(folder);
    let checkpoint = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(checkpoint::PREFIX.as_bytes()))
    };
    let known = files::parses::<TrainingRecord>(&dir.record())?
        || !files::read_json_lines::<TickRecord>(&dir.stats())?.is_empty()
        || files::list_if_there(&dir.checkpoints())?.iter().any(checkpoint);
    if known { Ok(Some([written(&dir), adopted(folder)?].concat())) } else { Ok(None) }
}

/// The folder of one run, locked for as long as this lives.
pub struct RunFolder<'a> {
    /// Names of its files.
    pub dir: GanDir,
    /// What a checkpoint must agree with to be gone on with.
    pub identity: Identity<'a>,
    /// Of its network files; the images seen and the distance are added.
    pub label: NetworkLabel,
    /// Where a restored state is put.
    pub device: Device,
    /// What the last bits depend on here.
    pub place: Place,
    /// Absent in a process that writes nothing.
    claim: Option<Mutex<Claim>>,
}

impl<'a> RunFolder<'a> {
    /// Claims the folder and clears what a killed run left unfinished.
    ///
    /// # Errors
    /// Something else is in the folder, another run works there, or it cannot be made.
    pub fn open(
        dir: GanDir,
        identity: Identity<'a>,
        label: NetworkLabel,
        device: Device,
        place: Place,
    ) -> Result<Self> {
        let mut claim = OutFolder::new(OWNER, dir.root()).claim()?;
        if claim.written().any(|name| name == CHECKPOINTS || name == PREVIEWS) {
            claim.narrow(CHECKPOINTS, adopted(dir.root())?)?;
            claim.narrow(PREVIEWS, adopted(dir.root())?)?;
        }
        claim.will_write(written(&dir))?;
        Ok(Self { dir, identity, label, device, place, claim: Some(Mutex::new(claim)) })
    }

    /// The folder of a run that another process has claimed, for one that reads there and writes nothing.
    pub fn joined(dir: GanDir, identity: Identity<'a>, device: Device, place: Place) -> Self {
        Self { dir, identity, label: NetworkLabel::default(), device, place, claim: None }
    }

    /// The claim; what a panic left of it is as good as before.
    fn claim(&self) -> Result<MutexGuard<'_, Claim>> {
        let claim = self.claim.as_ref();
        let claim = claim.ok_or_else(|| Problem::new(Kind::Internal, "a process that writes nothing would write"))?;
        Ok(claim.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Refuses what lies at the names of checkpoints and previews to come, of more than `from` images up to `to`, and
    /// is not this run's.
    ///
    /// # Errors
    /// `Kind::Usage`, with the name.
    pub fn require_way_free(&self, from: u64, to: u64) -> Result<()> {
        let claim = self.claim()?;
        checkpoint::require_way_free(&claim, &self.dir.checkpoints(), (from, to))?;
        let previews = files::list_if_there(&self.dir.previews())?;
        let names = previews.iter().filter_map(|path| path.file_name()?.to_str());
        let to_come = names.filter(|name| preview_images(name).is_some_and(|images| images > from && images <= to));
        claim.require_free(to_come.map(|name| in_folder(PREVIEWS, name))).map(drop)
    }

    /// Writes the preview at so many images.
    ///
    /// # Errors
    /// Something lies there that is not this run's; it cannot be written.
    pub fn write_preview(&self, images: u64, png: &[u8]) -> Result<()> {
        self.claim()?.will_write([in_folder(PREVIEWS, &preview(images))])?;
        files::write(self.dir.previews().join(preview(images)), png)
    }

    /// A new event file, noted as this run's; `resumed_at` as [`EventWriter::create`] takes it.
    ///
    /// # Errors
    /// It cannot be made or noted.
    pub fn begin_events(&self, resumed_at: Option<u64>) -> Result<EventWriter> {
        let name = tensorboard::new_name();
        self.claim()?.will_write([name.clone()])?;
        EventWriter::create(self.dir.events().join(name), resumed_at)
    }

    /// Where the preview of real images goes.
    pub fn real_preview(&self) -> PathBuf {
        self.dir.previews().join(REALS)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        self.dir.root()
    }

    fn settings(&self) -> &Resolved {
        self.identity.settings
    }

    /// The state of the newest whole checkpoint; the best network is put back to what it was then.
    ///
    /// # Errors
    /// The checkpoint is of another run, or the folder cannot be read or written.
    pub fn newest(&self, observer: &dyn Observer) -> Result<Option<TrainState>> {
        let found = checkpoint::newest(&self.dir.checkpoints(), &saved::required, observer)?;
        let images = found.as_ref().map(|found| found.images);
        checkpoint::set_aside(&mut *self.claim()?, &self.dir.checkpoints(), images, observer)?;
        let Some(found) = found else { return Ok(None) };
        let mut state = TrainState::restore(&found, &self.identity, self.device)?;
        state.saved_images = Some(found.images);
        self.restore_best(&state, &found)?;
        Ok(Some(state))
    }

    /// The same for a replica that writes nothing; the first one has been here.
    ///
    /// # Errors
    /// As [`Self::newest`].
    pub fn read_newest(&self, observer: &dyn Observer) -> Result<Option<TrainState>> {
        let found = checkpoint::newest(&self.dir.checkpoints(), &saved::required, observer)?;
        found.map(|found| TrainState::restore(&found, &self.identity, self.device)).transpose()
    }

    /// Notes in a state that is about to be trained on how that is computed.
    ///
    /// # Errors
    /// It was trained until now in another way, and nobody asked to go on all the same.
    pub fn compute_here(&self, state: &mut TrainState, observer: &dyn Observer) -> Result<()> {
        let images = state.images(self.settings());
        match state.counters.computed_with.last() {
            Some(last) => match self.place.go_on(&last.arithmetic, &self.dir.checkpoints())? {
                None => return Ok(()),
                Some(words) => {
                    let told = format!("going on at {images} images with what was begun with {words}");
                    observer.note(&format!("{told}; the record says so"));
                }
            },
            None if images > 0 => observer.note(
                "the checkpoint is of an older version and does not say with how many threads and which instructions \
                 it was made: with others, the end differs a little from that of a run in one piece",
            ),
            None => {}
        }
        let arithmetic = self.place.arithmetic.clone();
        state.counters.computed_with.push(Stretch { from_images: images, arithmetic });
        Ok(())
    }

    fn restore_best(&self, state: &TrainState, found: &Verified) -> Result<()> {
        let path = self.dir.best_network();
        let Some(wanted) = &state.counters.best_sha256 else {
            return files::remove(&path);
        };
        if files::is_there(&path)? && files::sha256(&path)? == *wanted {
            return Ok(());
        }
        files::copy(&found.file(BEST), &path)
    }

    /// Writes a checkpoint and the last network, unless this state is already on disk.
    ///
    /// # Errors
    /// The disk is full, or cannot be written.
    pub fn save(&self, state: &mut TrainState) -> Result<()> {
        let images = state.images(self.settings());
        if state.saved_images == Some(images) {
            return Ok(());
        }
        let contents = state.contents(&self.identity, self.dir.best_network())?;
        checkpoint::save(&mut *self.claim()?, &self.dir.checkpoints(), images, &contents)?;
        self.save_network(&self.dir.last_network(), state, None)?;
        state.saved_images = Some(images);
        Ok(())
    }

    /// Makes the present average, of the given Frechet distance, the best network.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save_best(&self, state: &mut TrainState, distance: f64) -> Result<()> {
        let sha256 = self.save_network(&self.dir.best_network(), state, Some(distance))?;
        state.best_distance = Some(distance);
        state.counters.best_images = Some(state.images(self.settings()));
        state.counters.best_sha256 = Some(sha256);
        Ok(())
    }

    /// The last checkpoint and network; without any score the last network is also the best.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn finish(&self, state: &mut TrainState) -> Result<()> {
        self.save(state)?;
        // A run that was killed at its very end may have left more than are kept.
        checkpoint::prune(&mut *self.claim()?, &self.dir.checkpoints())?;
        self.save_network(&self.dir.last_network(), state, None)?;
        if state.counters.best_sha256.is_none() {
            files::copy(&self.dir.last_network(), &self.dir.best_network())?;
        }
        Ok(())
    }

    fn save_network(&self, path: &Path, state: &TrainState, distance: Option<f64>) -> Result<String> {
        let mut label = self.label.clone();
        label.provenance.images = Some(state.images(self.settings()));
        label.provenance.frechet = distance;
        weights::save_network(path, &state.average, Some(&state.discriminator), label)
    }

    /// Adds a tick to both logs and to the state's own copy.
    ///
    /// # Errors
    /// A log cannot be written.
    pub fn log(&self, state: &mut TrainState, record: &TickRecord, timing: &TimingRecord) -> Result<()> {
        let line = files::json_line(record)?;
        files::append(&self.dir.stats(), &line)?;
        state.stats.push(line);
        files::append(&self.dir.timing(), &files::json_line(timing)?)
    }

    /// Rewrites `stats.jsonl` to what the state has seen: ticks after its checkpoint will come again. What a kill left
    /// of a last line of `timing.jsonl` goes, so that the next one begins anew; and of an own event file's last record.
    ///
    /// # Errors
    /// One cannot be read or written.
    pub fn restore_logs(&self, state: &TrainState) -> Result<()> {
        let text: String = state.stats.iter().map(|line| format!("{line}\n")).collect();
        files::write(self.dir.stats(), text.as_bytes())?;
        files::cut_torn_line(&self.dir.timing())?;
        let claim = self.claim()?;
        tensorboard::cut_torn_records(self.dir.events(), |name| claim.owns(name))
    }
}

//! What is kept of a projection while it runs: where it is, so that a stopped one goes on there, and frames of its
//! film.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tch::{Device, Tensor};

use super::keeper::{Images, Keeper};
use super::targets::Target;
use crate::digest;
use crate::feed::padding;
use crate::files;
use crate::nets::network::Named;
use crate::nets::weights::{read_tensors, write_tensors};
use crate::problem::{Kind, Result};
use crate::project::{Moment, Underway};
use crate::records::label::Padding;
use crate::run_dir::ProjectionDir;

/// Between two savings of an unfinished descent.
const INTERVAL: Duration = Duration::from_secs(60);

/// Digits of the hash that a descent's file is named after.
const HASH: usize = 16;

/// Names of the saved tensors.
const UNKNOWNS: [&str; 3] = ["unknowns", "first", "second"];
const STEP: &str = "step";
const FRAME: &str = "frame.";

/// Keeps the unfinished descents of a stage's run on disk, and the frames of its films in memory.
pub struct Trace<'a> {
    dir: &'a ProjectionDir,
    /// Hash of all that the result of each image depends on.
    prints: HashMap<String, String>,
    padding: Padding,
    steps: u64,
    /// Frames wanted.
    frames: u64,
    saved: Instant,
    /// Images \[N, C, H, W\] of the present descent, oldest first.
    shown: Vec<Tensor>,
    /// Frames \[C, H, W\] of each finished image.
    films: HashMap<String, Vec<Vec<f32>>>,
}

/// Whether a file of this name is a descent that was stopped half-way.
pub fn is_descent(name: &str) -> bool {
    let stem = name.strip_suffix(".safetensors").unwrap_or_default();
    stem.len() == HASH && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl<'a> Trace<'a> {
    /// `prints` are the fingerprints of `targets`, `steps` those of a descent, `frames` those of a film (0: none).
    pub fn new(
        dir: &'a ProjectionDir,
        targets: &[Target],
        prints: &[String],
        padding: Padding,
        steps: u64,
        frames: u64,
    ) -> Self {
        let prints = targets.iter().zip(prints).map(|(target, print)| (target.id.to_string(), print.clone())).collect();
        let (saved, shown, films) = (Instant::now(), vec![], HashMap::new());
        Self { dir, prints, padding, steps, frames, saved, shown, films }
    }

    /// Takes the frames of a finished image; empty where none were wanted.
    pub fn film(&mut self, name: &str) -> Vec<Vec<f32>> {
        self.films.remove(name).unwrap_or_default()
    }

    /// Forgets unfinished descents: the items are written. What else lies in their folder is not the program's.
    ///
    /// # Errors
    /// They cannot be deleted.
    pub fn clear(dir: &ProjectionDir) -> Result<()> {
        let folder = dir.underway();
        for path in files::list_if_there(&folder)? {
            if path.file_name().and_then(|name| name.to_str()).is_some_and(is_descent) {
                files::remove(&path)?;
            }
        }
        files::remove_if_empty(&folder)
    }

    fn file(&self, Images { names, class }: Images<'_>) -> std::path::PathBuf {
        let prints: String = names.iter().map(|name| self.prints[name].as_str()).collect();
        // A film of other frames cannot be gone on with, nor a descent into another class: the settings that the prints
        // know say only that it was to be estimated.
        let prints = format!("{prints} {} {class}", self.frames);
        self.dir.underway().join(format!("{}.safetensors", &digest::sha256(prints.as_bytes())[..HASH]))
    }

    /// The frames shown so far are the films of `names`.
    fn finish_films(&mut self, names: &[String]) -> Result<()> {
        for (row, name) in (0..).zip(names) {
            let frame = |images: &Tensor| Vec::<f32>::try_from(images.get(row).flatten(0, -1));
            let frames = self.shown.iter().map(frame).collect::<std::result::Result<Vec<_>, _>>()?;
            self.films.insert(name.clone(), frames);
        }
        self.shown.clear();
        Ok(())
    }

    fn save(&mut self, images: Images<'_>, moment: &Moment<'_>) -> Result<()> {
        let Underway { step, tensors } = moment.underway();
        let mut named: Named = UNKNOWNS.iter().map(|name| (*name).to_owned()).zip(tensors).collect();
        named.insert(STEP.into(), Tensor::from(step as i64));
        let frames = self.shown.iter().enumerate();
        named.extend(frames.map(|(at, frame)| (format!("{FRAME}{at:04}"), frame.shallow_clone())));
        let path = self.file(images);
        write_tensors(&path, &named, "")?;
        self.saved = Instant::now();
        Ok(())
    }
}

impl Keeper for Trace<'_> {
    fn resume(&mut self, images: Images<'_>, device: Device) -> Result<Option<Underway>> {
        self.shown.clear();
        self.saved = Instant::now();
        let path = self.file(images);
        if !files::is_there(&path)? {
            return Ok(None);
        }
        let file = match read_tensors(&path) {
            Ok(file) => file,
            // No permission, a disk that fails: what is kept may be whole.
            Err(problem) if problem.kind() == Kind::Environment => return Err(problem),
            // What is damaged is begun anew.
            Err(_) => return Ok(None),
        };
        let frames = file.tensors.range(FRAME.to_owned()..).take_while(|(name, _)| name.starts_with(FRAME));
        self.shown = frames.map(|(_, frame)| frame.shallow_clone()).collect();
        let get = |name: &str| Some(file.tensors.get(name)?.to_device(device));
        let underway = || {
            let step = file.tensors.get(STEP)?.int64_value(&[]) as u64;
            Some(Underway { step, tensors: [get(UNKNOWNS[0])?, get(UNKNOWNS[1])?, get(UNKNOWNS[2])?] })
        };
        let underway = underway();
        if underway.as_ref().is_some_and(|underway| underway.step == self.steps) {
            // Stopped when nothing but the writing was left.
            self.finish_films(images.names)?;
        }
        Ok(underway)
    }

    fn keep(&mut self, images: Images<'_>, moment: &Moment<'_>, last_chance: bool) -> Result<()> {
        let done = moment.step + 1;
        if done * self.frames / self.steps > moment.step * self.frames / self.steps {
            self.shown.push(padding::crop(&self.padding, moment.images).to_device(Device::Cpu));
        }
        if last_chance || self.saved.elapsed() > INTERVAL {
            self.save(images, moment)?;
        }
        if done == self.steps { self.finish_films(images.names) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keeper::NothingKept;
    use super::super::projector::Run;
    use super::super::projector::tests::{opened, target};
    use super::*;
    use crate::nets::features::PixelPyramid;
    use crate::observer::Silent;
    use crate::problem::Problem;
    use crate::project::Projected;
    use crate::seed::RunSeed;

    /// Saves the first step and stops there.
    struct Stopped<'a>(Trace<'a>);

    impl Keeper for Stopped<'_> {
        fn resume(&mut self, images: Images<'_>, device: Device) -> Result<Option<Underway>> {
            self.0.resume(images, device)
        }

        fn keep(&mut self, images: Images<'_>, moment: &Moment<'_>, _: bool) -> Result<()> {
            self.0.keep(images, moment, true)?;
            Err(Problem::new(Kind::Interrupted, "stopped"))
        }
    }

    fn project(class: &str, keeper: &mut dyn Keeper) -> Result<Projected> {
        let (projector, config) = opened(class);
        let mut comparison = projector.comparison(&PixelPyramid, 1);
        let run = Run::new(&config, RunSeed(3), &Silent);
        let batch = projector.project(&mut comparison, &[&target("a")], &run, keeper)?;
        Ok(batch.projected)
    }

    #[test]
    fn a_descent_into_another_class_is_not_gone_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let dir = ProjectionDir::new(folder.path());
        // The same print, as where the class is estimated.
        let trace = || Trace::new(&dir, &[target("a")], &["print".to_owned()], Padding::none(16), 4, 0);
        assert_eq!(project("0", &mut Stopped(trace())).err().unwrap().kind(), Kind::Interrupted);
        assert_eq!(dir.underway().read_dir().unwrap().count(), 1);
        let (found, expected) = (project("1", &mut trace()).unwrap(), project("1", &mut NothingKept).unwrap());
        assert!(found.w.equal(&expected.w) && found.images.equal(&expected.images));
        let names = ["a".to_owned()];
        assert!(trace().resume(Images { names: &names, class: 0 }, Device::Cpu).unwrap().is_some());
    }
}

//! Trainings that shards make: stopped, killed, twice at once, and before anything else of the study is done.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tiny_runs::{TinyRuns, finish};

/// Long enough to be caught in the middle.
const SETTINGS: [&str; 3] = ["train.kimg=0.4", "conditional.kimg=0.4", "generators=2"];

fn study(tiny: &TinyRuns, verb: &str, out: &Path, arguments: &[&str]) -> Command {
    let mut command = tiny.study(&[verb], out, &SETTINGS);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn shard(tiny: &TinyRuns, out: &Path, stage: &str) -> Command {
    study(tiny, "run", out, &["--stage", stage, "--shard", "0/1"])
}

/// Where a shard has begun a training in the study `out`.
fn begun(out: &Path, stage: &str) -> Option<PathBuf> {
    let keys = fs::read_dir(out.join("units").join(stage)).ok()?;
    let folders = keys.map(|key| key.unwrap().path().join("training.begun"));
    folders.into_iter().find(|folder| folder.exists())
}

fn checkpoints(out: &Path, stage: &str) -> usize {
    let folder = begun(out, stage).map(|begun| begun.join("folder/training/checkpoints"));
    folder.and_then(|folder| fs::read_dir(folder).ok()).map_or(0, Iterator::count)
}

/// A shard that has saved its training more than once and is still at it.
fn at_work(tiny: &TinyRuns, out: &Path, stage: &str) -> Child {
    let child = shard(tiny, out, stage).spawn().unwrap();
    let since = Instant::now();
    while checkpoints(out, stage) < 3 {
        assert!(since.elapsed() < Duration::from_secs(60), "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn network(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("network-last.safetensors")).unwrap()
}

#[test]
fn a_training_that_is_stopped_or_killed_goes_on_and_needs_no_other_of_the_study() {
    let tiny = TinyRuns::new();
    let (whole, shared) = (tiny.at("whole"), tiny.at("shared"));
    finish(&mut study(&tiny, "run", &whole, &["--until", "train"]));
    finish(&mut study(&tiny, "run", &whole, &["--until", "train-conditional"]));
    let names = ["train", "train-conditional"];
    let gans = ["gan", "gan-conditional"];

    finish(&mut study(&tiny, "run", &shared, &["--before", "train-conditional"]));
    for (stage, gan) in names.into_iter().zip(gans).rev() {
        // Stopped, then killed, then twice at once.
        let child = at_work(&tiny, &shared, stage);
        // SAFETY: a signal to a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGTERM) }, 0);
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("the state is saved") && !said.contains("not kept"), "{said}");
        assert!(begun(&shared, stage).is_some() && !shared.join(gan).exists());
        let mut child = at_work(&tiny, &shared, stage);
        child.kill().unwrap();
        child.wait().unwrap();
        let both = [(); 2].map(|()| shard(&tiny, &shared, stage).spawn().unwrap());
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(begun(&shared, stage), None, "nothing is left but the unit");
        finish(&mut study(&tiny, "merge", &shared, &["--until", stage]));
        assert!(network(&shared.join(gan)) == network(&whole.join(gan)), "{stage}");
    }

    // Another generator needs the record of the first, and nothing that was drawn or projected.
    finish(&mut shard(&tiny, &shared, "train-2"));
    finish(&mut study(&tiny, "merge", &shared, &["--until", "train-2"]));
    finish(&mut shard(&tiny, &shared, "generate-2"));
    finish(&mut study(&tiny, "merge", &shared, &["--until", "generate-2"]));
    assert!(shared.join("synthetic-2/record.json").exists() && !shared.join("synthetic").exists());

    // Where a link lies in the place of its folder nothing is written.
    let elsewhere = tiny.at("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let linked = tiny.at("linked");
    finish(&mut study(&tiny, "run", &linked, &["--before", "train"]));
    let mut child = at_work(&tiny, &linked, "train");
    child.kill().unwrap();
    child.wait().unwrap();
    let folder = begun(&linked, "train").unwrap();
    fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &folder).unwrap();
    let output = shard(&tiny, &linked, "train").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("a link"), "{said}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

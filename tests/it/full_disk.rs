//! Every command on a disk that runs full or may not be written to: exit code 4, an error that names a file of the
//! folder, nothing half-written left, and, once there is room, the same command ends as if nothing had happened.
//!
//! The disk is a tmpfs of some kilobytes to megabytes in a mount namespace of its own, for which this test program
//! starts itself again with `unshare`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rimforge::data::patch_file;
use serde_json::Value;

use crate::cohort_files::CohortFiles;
use crate::command_line::TINY_STAGES;
use crate::fuzz::networks;
use crate::parity::fixture;
use crate::tiny_runs::TinyRuns;
use crate::{classify, phantoms, project_command};

/// Set in the process that may mount.
const INSIDE: &str = "RIMFORGE_OWN_MOUNTS";

/// Runs `work` in a process whose mounts nobody else sees: this test, started again.
pub fn with_own_mounts(test: &str, work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    let may_mount = |flags: &&&str| {
        let probe = Command::new("unshare").args([**flags, "mount", "-t", "tmpfs", "none", "/mnt"]).output();
        probe.is_ok_and(|probe| probe.status.success())
    };
    let Some(flags) = ["-rm", "-m"].iter().find(may_mount) else {
        // Past the test's captured output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: {test} needs `unshare -rm` and mount (user namespaces, or root)");
        return;
    };
    let run = Command::new("unshare")
        .arg(flags)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    println!("{}", String::from_utf8_lossy(&run.stdout));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// A place for a small disk, with what the commands read beside it.
struct Place {
    root: PathBuf,
    tiny: TinyRuns,
    _cohort: CohortFiles,
    _classified: classify::Folders,
    _temporary: tempfile::TempDir,
}

/// A command by its arguments, of which `OUT` stands for the folder on the small disk; without any, the one of
/// [`TinyRuns`].
struct Case {
    name: &'static str,
    arguments: Option<Vec<String>>,
}

impl Place {
    fn new() -> (Self, Vec<Case>) {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().to_owned();
        fs::create_dir(root.join("disk")).unwrap();
        let (cohort, classified) = (CohortFiles::new(4), classify::prepared());
        phantoms::rings(&root.join("rings"), 6, 2, 16);
        project_command::prepare(&root.join("lesions"));
        project_command::network(&root.join("lesions.safetensors"));
        fs::create_dir(root.join("images")).unwrap();
        let network = root.join("network/tiny.safetensors");
        networks::tiny(&root.join("network"), 16);
        let study = STUDY.replace("DISK", &root.join("disk").display().to_string()) + TINY_STAGES;
        fs::write(root.join("study.toml"), study).unwrap();
        let (rings, network) = (root.join("rings"), network.display().to_string());
        for image in ["images/a.npy", "images/b.npy"] {
            let pixels: Vec<f32> = (0..256).map(|at| (at * image.len() % 17) as f32 / 17.0).collect();
            patch_file::write(&root.join(image), &[1, 16, 16], &pixels).unwrap();
        }
        let words = |text: &str| -> Vec<String> {
            let place = |word: &str| match word {
                "IMAGE_A" => root.join("images/a.npy").display().to_string(),
                "IMAGE_B" => root.join("images/b.npy").display().to_string(),
                "COHORT" => cohort.root.display().to_string(),
                "RINGS" => rings.display().to_string(),
                "NETWORK" => network.clone(),
                "LESIONS" => root.join("lesions").display().to_string(),
                "THEIR_NETWORK" => root.join("lesions.safetensors").display().to_string(),
                "DATA" => classified.root.join("data").display().to_string(),
                "SYNTHETIC" => classified.root.join("synthetic").display().to_string(),
                "DENOISED" => classified.root.join("denoised").display().to_string(),
                "PICKLE" => fixture("pickles/tiny.protocol4.pkl").display().to_string(),
                "STUDY" => root.join("study.toml").display().to_string(),
                "OUT" => root.join("disk/out").display().to_string(),
                word => word.to_owned(),
            };
            text.split_whitespace().map(place).collect()
        };
        let own = COMMANDS.iter().map(|&(name, text)| Case { name, arguments: Some(words(text)) });
        let cases = own.chain(OF_TINY_RUNS.map(|name| Case { name, arguments: None })).collect();
        let tiny = TinyRuns::new();
        (Self { root, tiny, _cohort: cohort, _classified: classified, _temporary: temporary }, cases)
    }

    fn disk(&self) -> PathBuf {
        self.root.join("disk")
    }

    fn mount(&self, bytes: u64) -> Mounted<'_> {
        done(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "none"]).arg(self.disk()));
        Mounted(self)
    }

    fn run(&self, case: &Case) -> Output {
        let Some(arguments) = &case.arguments else {
            return self.tiny.command(case.name, &self.disk().join("out")).output().unwrap();
        };
        let program = env!("CARGO_BIN_EXE_rimforge");
        Command::new(program).args(arguments).current_dir(&self.root).output().unwrap()
    }
}

/// A small disk, until it goes out of scope.
struct Mounted<'a>(&'a Place);

impl Mounted<'_> {
    fn remount(&self, options: &str) {
        done(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(self.0.disk()));
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        done(Command::new("umount").arg(self.0.disk()));
    }
}

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

const STUDY: &str = r#"
name = "tiny"
out = "DISK/out"
cohort = { simulate = { preset = "tiny", patients = 12 } }
"#;

const COMMANDS: [(&str, &str); 10] = [
    ("simulate", "simulate --preset tiny --patients 6 --seed 3 --threads 1 --out OUT"),
    ("prepare", "prepare --cohort COHORT --out OUT"),
    (
        "train",
        "train --data RINGS --out OUT --device cpu --threads 1 --kimg 0.032 --batch 4 --set tick_kimg=0.008 \
         --set net.channel_base=64 --set net.channel_max=8 --set net.z_dim=8 --set net.w_dim=8",
    ),
    ("generate", "generate --network NETWORK --seeds 0-7 --format npy,png --out OUT --device cpu --threads 1"),
    (
        "project",
        "project --network NETWORK --images IMAGE_A IMAGE_B --steps 2 --features pixels --out OUT --device cpu \
         --threads 1",
    ),
    (
        "classify",
        "classify --data DATA --synthetic SYNTHETIC --denoised DENOISED --arms none,ada-gan --seeds 1 --epochs 1 \
         --batch 16 --out OUT --device cpu --threads 1",
    ),
    ("import", "import PICKLE --out OUT"),
    ("export", "export --network NETWORK --out OUT"),
    (
        "perturb",
        "perturb --network THEIR_NETWORK --data LESIONS --lesions 2 --steps 2 --out OUT --device cpu --threads 1",
    ),
    ("run", "run STUDY"),
];

/// Those that read what others made.
const OF_TINY_RUNS: [&str; 4] = ["two-sided", "evaluate", "explain", "segment"];

/// Files by their paths in `folder`, without what tells the time.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(&inside).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if !tells_the_time(&name) {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, timeless(&path));
            }
        }
    }
    found
}

/// The lock, logs of speed, TensorBoard's events, and the report, which shows how long stages took.
fn tells_the_time(name: &str) -> bool {
    name.starts_with("events.") || [".lock", "lock", "timing.jsonl", "index.html"].contains(&name)
}

/// The file's bytes; of a JSON file all but what something took in seconds and memory.
fn timeless(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut value) if path.extension().is_some_and(|ending| ending == "json") => {
            forget_times(&mut value);
            serde_json::to_vec(&value).unwrap()
        }
        _ => bytes,
    }
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let times = ["second", "per_s", "peak_bytes", "left_sha256"];
            fields.retain(|name, _| !times.iter().any(|time| name.contains(time)));
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => {
            items.retain(|item| !item.as_str().is_some_and(|name| name.contains("tfevents")));
            items.iter_mut().for_each(forget_times);
        }
        _ => {}
    }
}

fn bytes_in(folder: &Path) -> u64 {
    // A tmpfs gives whole pages.
    let pages = |bytes: &Vec<u8>| (bytes.len() as u64).div_ceil(4096) * 4096;
    files(folder).values().map(pages).sum()
}

/// Runs `case` on disks with these shares of the room that it needs.
fn run_full(place: &Place, case: &Case, shares: &[f64]) -> Vec<String> {
    let (whole, room) = {
        let _disk = place.mount(1 << 30);
        let output = place.run(case);
        if !output.status.success() {
            return vec![format!("{} with all the room that it needs: {}", case.name, said(&output))];
        }
        (files(&place.disk()), bytes_in(&place.disk()))
    };
    let mut faults = Vec::new();
    for share in shares {
        let fault = |text: String| format!("{} with {share} of {room} bytes: {text}", case.name);
        let disk = place.mount(((room as f64 * share) as u64).max(4096));
        let output = place.run(case);
        faults.extend(refusal_fault(place, &output, &["space", "free"]).map(fault));
        faults.extend(unfinished(&place.disk()).map(|path| fault(format!("left {path}"))));
        disk.remount("size=1g");
        let output = place.run(case);
        if output.status.success() {
            faults.extend(difference(&whole, &files(&place.disk())).map(fault));
        } else {
            faults.push(fault(format!("with room again: {}", said(&output))));
        }
    }
    faults
}

/// Runs `case` on a disk that may not be written to; what is already there stays.
fn run_read_only(place: &Place, case: &Case) -> Vec<String> {
    let disk = place.mount(1 << 30);
    disk.remount("ro");
    let empty = place.run(case);
    disk.remount("rw");
    let mut faults: Vec<String> = refusal_fault(place, &empty, &["ead-only"]).into_iter().collect();
    let output = place.run(case);
    assert!(output.status.success(), "{}: {}", case.name, said(&output));
    let before = files(&place.disk());
    disk.remount("ro");
    let again = place.run(case);
    // A command whose work is done may say so and succeed.
    if !again.status.success() {
        faults.extend(refusal_fault(place, &again, &["ead-only"]));
    }
    disk.remount("rw");
    faults.extend(difference(&before, &files(&place.disk())));
    faults.into_iter().map(|fault| format!("{}, read-only: {fault}", case.name)).collect()
}

/// What is wrong with a refusal: exit code 4, a file or folder of the disk, and one of the words.
fn refusal_fault(place: &Place, output: &Output, words: &[&str]) -> Option<String> {
    let text = said(output);
    if output.status.code() != Some(4) {
        return Some(format!("{}: {text}", output.status));
    }
    let named = text.contains(&place.disk().display().to_string());
    (!named || !words.iter().any(|word| text.contains(word))).then_some(text)
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" | ")
}

fn unfinished(folder: &Path) -> impl Iterator<Item = String> {
    files(folder).into_keys().filter(|name| name.contains(".unfinished-"))
}

fn difference(expected: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let names: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differing: Vec<_> = names.iter().filter(|name| expected.get(**name) != found.get(**name)).collect();
    (!differing.is_empty()).then(|| format!("other files than undisturbed: {differing:?}"))
}

fn judge(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// What is tried of the commands where there is no time for all: many small files, checkpoints, batches, a study.
const SOME: [&str; 5] = ["prepare", "train", "project", "export", "run"];

fn is_of_some(case: &Case) -> bool {
    SOME.contains(&case.name)
}

fn on_full_disks(shares: &[f64], wanted: fn(&Case) -> bool) {
    let (place, mut cases) = Place::new();
    cases.retain(wanted);
    let faults: Vec<String> = cases.iter().flat_map(|case| run_full(&place, case, shares)).collect();
    println!("\nfigure: {} commands on {} disks, {} faults", cases.len(), cases.len() * shares.len(), faults.len());
    judge(&faults);
}

#[test]
fn a_full_disk_costs_no_work() {
    with_own_mounts("full_disk::a_full_disk_costs_no_work", || on_full_disks(&[0.5], is_of_some));
}

#[test]
#[ignore = "some minutes: make attack"]
fn attack_with_full_disks() {
    let shares: Vec<f64> = (0..24).map(|part| f64::from(part) / 25.0).collect();
    with_own_mounts("full_disk::attack_with_full_disks", || on_full_disks(&shares, |_| true));
}

#[test]
fn a_disk_that_may_not_be_written_to_is_told_and_left_alone() {
    with_own_mounts("full_disk::a_disk_that_may_not_be_written_to_is_told_and_left_alone", || {
        on_disks_that_may_not_be_written_to(is_of_some)
    });
}

#[test]
#[ignore = "a minute and more: make attack"]
fn attack_with_read_only_disks() {
    with_own_mounts("full_disk::attack_with_read_only_disks", || on_disks_that_may_not_be_written_to(|_| true));
}

fn on_disks_that_may_not_be_written_to(wanted: fn(&Case) -> bool) {
    let (place, mut cases) = Place::new();
    cases.retain(wanted);
    judge(&cases.iter().flat_map(|case| run_read_only(&place, case)).collect::<Vec<_>>());
}

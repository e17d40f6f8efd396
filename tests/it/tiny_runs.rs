//! Every command that leaves files, small enough to be run hundreds of times: to be killed, or to see a disk fail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use rimforge::files;
use serde_json::Value;

use crate::cohort_files::{self, CohortFiles};
use crate::{evaluate, fuzz, project_command, segment};

/// In flow order.
pub const COMMANDS: [&str; 12] = [
    "simulate",
    "prepare",
    "train",
    "generate",
    "project",
    "perturb",
    "two-sided",
    "classify",
    "evaluate",
    "explain",
    "segment",
    "run",
];

const STUDY: &str = r#"
name = "tiny"
out = "set on the command line"
[engine]
device = "cpu"
threads = 1
[prepare]
patch = [8, 16, 16]
validation_fraction = 0.3
[train]
kimg = 0.024
batch = 4
tick_kimg = 0.008
frechet_ticks = 2
checkpoint_ticks = 1
[train.net]
channel_base = 64
channel_max = 8
z_dim = 8
w_dim = 8
[generate]
seeds = "0-5"
[project]
steps = 5
limit = 5
batch = 2
w_samples = 100
candidates = 20
[perturb]
lesions = 1
[classify]
arms = ["none", "ada-gan+ld"]
seeds = 2
epochs = 1
extra = 4
"#;

/// Patients of the cohort.
const PATIENTS: usize = 14;

/// Number of the lesion at a voxel of a cohort's volumes, 0 outside, and how deep inside its slice it lies: boxes of
/// 12 x 12 x 4 voxels, wide enough for a rim to be told from a core.
fn lesion(at: usize) -> (u32, usize) {
    let [width, height, _] = cohort_files::SHAPE;
    let [x, y, z] = [at % width, at / width % height, at / (width * height)];
    for (number, [left, top, first]) in (1..).zip([[2, 2, 2], [22, 3, 6], [12, 20, 10]]) {
        let (across, down) = (x.wrapping_sub(left), y.wrapping_sub(top));
        if across < 12 && down < 12 && z.wrapping_sub(first) < 4 {
            return (number, across.min(11 - across).min(down.min(11 - down)));
        }
    }
    (0, 0)
}

/// The cohort of [`CohortFiles`] with larger lesions, the first two of each patient with a rim.
fn cohort() -> CohortFiles {
    let cohort = CohortFiles::new(PATIENTS);
    let voxels = cohort_files::SHAPE.iter().product();
    for patient in 1..=PATIENTS {
        // A voxel of the edge is gone from each: no two patients have the same lesions.
        let edge = |number: u32| (0..voxels).filter(move |&at| lesion(at) == (number, 0));
        let gone = [1, 2, 3].map(|number| edge(number).nth(2 * patient));
        let label = |at: usize| if gone.contains(&Some(at)) { 0.0 } else { lesion(at).0 as f32 };
        let labels: Vec<f32> = (0..voxels).map(label).collect();
        let mut chimap = cohort_files::susceptibility(patient);
        for (at, value) in chimap.iter_mut().enumerate() {
            let (number, depth) = lesion(at);
            let rim = (number == 1 || number == 2) && (depth == 1 || depth == 2);
            *value = *value / 4.0 + if rim { 0.05 } else { 0.0 };
        }
        cohort_files::nifti(&cohort.chimap(patient), &chimap, 0.0);
        cohort_files::nifti(&cohort.label_map(patient), &labels, 0.0);
    }
    cohort
}

/// What the commands read.
pub struct TinyRuns {
    folder: tempfile::TempDir,
    cohort: CohortFiles,
}

/// Files by their paths below a folder, made by the first test that asks for them: what takes half a minute is the same
/// for all.
type Made = OnceLock<BTreeMap<PathBuf, Vec<u8>>>;

/// What every command reads, and what one does besides.
static OF_ALL: Made = Made::new();
static OF_EXPLAIN: Made = Made::new();
static OF_TWO_SIDED: Made = Made::new();

/// Every file below a folder.
fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        let (inner, here): (Vec<_>, Vec<_>) = files::list(&next).unwrap().into_iter().partition(|path| path.is_dir());
        folders.extend(inner);
        found.extend(here);
    }
    found
}

impl TinyRuns {
    /// A cohort, a prepared data set, a network, and what it drew and projected.
    pub fn new() -> Self {
        let tiny = Self { folder: tempfile::tempdir().unwrap(), cohort: cohort() };
        tiny.put(&OF_ALL, || {
            project_command::prepare(&tiny.at("data"));
            project_command::network(&tiny.at("network.safetensors"));
            std::fs::write(tiny.at("study.toml"), STUDY).unwrap();
            for (command, out) in [("generate", "synthetic"), ("project", "denoised")] {
                finish(&mut tiny.command(command, &tiny.at(out)));
            }
        });
        tiny
    }

    /// Puts the files there that `make` makes, by it the first time: of what is in the folder from the start, so that
    /// they are the same for all.
    fn put(&self, made: &'static Made, make: impl FnOnce()) {
        let root = self.folder.path();
        let files = made.get_or_init(|| {
            let before = files_below(root);
            make();
            let new = files_below(root).into_iter().filter(|path| !before.contains(path));
            new.map(|path| (path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
        });
        for (path, bytes) in files {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Where the cohort lies.
    pub fn cohort(&self) -> &Path {
        &self.cohort.root
    }

    /// A path in the folder that all lies in.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes what only this command reads, once.
    fn inputs_of(&self, name: &str) {
        match name {
            "explain" if !self.at("classified").exists() => {
                self.put(&OF_EXPLAIN, || {
                    finish(&mut self.command("classify", &self.at("classified")));
                });
            }
            "evaluate" if !self.at("held").exists() => {
                evaluate::data(&self.at("held"));
                evaluate::drawn(&self.at("held-drawn"), &self.at("held"), 40.0, 1.0);
            }
            "segment" if !self.at("traced").exists() => {
                std::fs::create_dir(self.at("traced")).unwrap();
                segment::prepared(&self.at("traced"), segment::ALL);
            }
            "two-sided" if !self.at("rims-as-rim").exists() => {
                self.put(&OF_TWO_SIDED, || {
                    for (folder, class) in [("contested", "ambiguous"), ("rims", "rim"), ("others", "non-rim")] {
                        finish(&mut self.with("project", &self.at(folder), &["--class", class, "--controls", "0"]));
                        self.projected_as(folder, "non-rim");
                        self.projected_as(folder, "rim");
                    }
                });
            }
            _ => {}
        }
    }

    /// The folder of projections as a conditional network would have left it, with losses of their own.
    fn projected_as(&self, folder: &str, class: &str) {
        let copy = self.at(&format!("{folder}-as-{class}"));
        fuzz::volumes::copy(&self.at(folder), &copy);
        let path = copy.join("record.json");
        let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for (at, lesion) in record["lesions"].as_array_mut().unwrap().iter_mut().enumerate() {
            let factor = if class == "rim" { 1.0 } else { 0.8 + 0.1 * (at % 5) as f64 };
            lesion["distance"] = (lesion["distance"].as_f64().unwrap() * factor).into();
            lesion["class"] = class.into();
        }
        std::fs::write(path, serde_json::to_vec(&record).unwrap()).unwrap();
    }

    /// The command of a name, with its results in `out`.
    pub fn command(&self, name: &str, out: &Path) -> Command {
        self.with(name, out, &[])
    }

    /// The same with other options: names that begin with "--" and their values.
    pub fn with(&self, name: &str, out: &Path, options: &[&str]) -> Command {
        self.inputs_of(name);
        let mut arguments = self.arguments(name, out);
        for (at, option) in options.iter().enumerate().filter(|(_, option)| option.starts_with("--")) {
            let value = options.get(at + 1).filter(|value| !value.starts_with("--"));
            match (arguments.iter().position(|known| known == option), value) {
                (Some(known), Some(value)) => arguments[known + 1] = (*value).to_owned(),
                _ => arguments.extend([option].into_iter().chain(value).map(|text| (*text).to_owned())),
            }
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.folder.path()).arg(name).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// What "run" does a study of, by the words of another command (`config show`) and with the same settings.
    pub fn study(&self, verb: &[&str], out: &Path, settings: &[&str]) -> Command {
        let run = self.command("run", out);
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.folder.path()).args(verb).args(run.get_args().skip(1));
        settings.iter().for_each(|setting| {
            command.args(["--set", setting]);
        });
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn arguments(&self, name: &str, out: &Path) -> Vec<String> {
        let arguments = match name {
            "simulate" => "--preset tiny --patients 2 --inversion l2 --seed 4 --threads 1",
            "prepare" => "--contrasts chimap,flair --seed 2",
            "train" => {
                "--data data --kimg 0.096 --batch 4 --seed 5 --set net.channel_base=128 --set net.channel_max=16 \
                 --set net.z_dim=16 --set net.w_dim=16 --set tick_kimg=0.008 --set checkpoint_ticks=1 \
                 --set frechet_ticks=3 --set preview_ticks=3 --set ada.initial_p=0.3"
            }
            "generate" => "--network network.safetensors --seeds 0-39 --format npy,png",
            "project" => {
                "--network network.safetensors --data data --slices 2 --controls 1 --choose-features 1 --steps 12 \
                 --batch 5 --film 3"
            }
            "perturb" => "--network network.safetensors --data data --lesions 1 --steps 12",
            "classify" => {
                "--data data --synthetic synthetic --denoised denoised --arms none,affine,ada-gan+ld --seeds 2 \
                 --epochs 4 --extra 6 --trust-origin"
            }
            "two-sided" => {
                "--data data --of-interest contested-as-rim,rims-as-rim,others-as-rim --calibrate train \
                 --other contested-as-non-rim,rims-as-non-rim,others-as-non-rim"
            }
            "evaluate" => {
                "--real held --synthetic held-drawn --network network.safetensors --paths 4 --pairs 10 --draws 100 \
                 --arms affine"
            }
            "explain" => {
                "--data data --classify classified --arms none,affine --fits 2 --lesions 4 --orders 1 --steps 4 \
                 --draws 100"
            }
            "segment" => {
                "--data traced/data --synthetic traced/synthetic --denoised traced/denoised --width tiny --seeds 2 \
                 --steps 12 --batch 8 --draws 100"
            }
            "run" => "study.toml",
            other => panic!("no tiny {other}"),
        };
        let (cohort, out) = (self.cohort.root.to_str().unwrap(), out.to_str().unwrap());
        let places = match name {
            "prepare" => format!("--cohort {cohort} --out {out}"),
            "run" => format!("--set cohort.path=\"{cohort}\" --set out=\"{out}\""),
            "simulate" | "two-sided" => format!("--out {out}"),
            _ => format!("--device cpu --threads 1 --out {out}"),
        };
        arguments.split_whitespace().chain(places.split_whitespace()).map(str::to_owned).collect()
    }
}

/// Runs a command that must succeed.
pub fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// SHA-256 of every file below a folder that must be the same however often the work was interrupted, by its path.
///
/// Not those: locks; wall-clock facts (`timing.jsonl`, event files, the report's page, which names seconds). Of JSON
/// the seconds, and hashes of records that have some, are left out, of marks the names of event files.
pub fn outcome(root: &Path) -> BTreeMap<String, String> {
    let kept = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        !(name.contains("lock") || name == "timing.jsonl" || name.contains("tfevents") || name == "index.html")
    };
    let hashed = |path: PathBuf| {
        let hash = match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => of_json(&path, root),
            // A study names its own folder.
            Some("toml") => rimforge::digest::sha256(anywhere(&path, root)),
            _ => files::sha256(&path).unwrap(),
        };
        (path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), hash)
    };
    files_below(root).into_iter().filter(kept).map(hashed).collect()
}

/// A text without the folder that it is in.
fn anywhere(path: &Path, root: &Path) -> String {
    std::fs::read_to_string(path).unwrap().replace(root.to_str().unwrap(), "OUT")
}

fn of_json(path: &Path, root: &Path) -> String {
    fn without_seconds(value: &mut Value) {
        match value {
            Value::Object(entries) => {
                entries
                    .retain(|name, _| !["seconds", "images_per_s", "timing", "left_sha256"].contains(&name.as_str()));
                entries.values_mut().for_each(without_seconds);
            }
            Value::Array(values) => {
                values.retain(|value| !value.as_str().is_some_and(|name| name.contains("tfevents")));
                values.iter_mut().for_each(without_seconds);
            }
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(&anywhere(path, root)).unwrap();
    without_seconds(&mut value);
    rimforge::digest::sha256(value.to_string())
}

/// Fails where a folder has anything that is not in `expected`, or something else, or lacks something.
pub fn assert_same(what: &str, out: &Path, expected: &BTreeMap<String, String>) {
    let found = outcome(out);
    let all = || found.keys().chain(expected.keys());
    let differ: Vec<&String> = all().filter(|file| found.get(*file) != expected.get(*file)).collect();
    assert!(differ.is_empty(), "{what}: {differ:?} differ");
}

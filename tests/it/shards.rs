//! Studies made by several processes, each a share of a stage's units: the same files as by one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rimforge::records::units::{PlanRecord, ShardRecord};
use serde_json::Value;

use crate::fuzz::volumes::copy;
use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

/// Every kind of unit: a trial of feature nets, batches with films, points of two curves.
const SETTINGS: [&str; 15] = [
    "project.choose_features=2",
    "project.curve=[0.0,0.5]",
    "project.towards_rim=0.1",
    "project.evidence='lesion'",
    "project.film=2",
    "perturb.lesions=2",
    "classify.additions=on-top",
    "classify.extra_weights=[0.5]",
    "classify.arms=['none','ada-gan+ld','latent-smote']",
    "explain.arms=['none']",
    "explain.fits=1",
    "explain.lesions=2",
    "explain.orders=1",
    "explain.steps=4",
    "explain.draws=100",
];

/// Stages that are made in units, in an order in which they can be.
const STAGES: [&str; 4] = ["project", "project-rims", "perturb", "classify"];

/// A study that is done up to its units, and what it comes to in one piece.
struct Base {
    tiny: TinyRuns,
    expected: BTreeMap<String, String>,
}

/// Made once for all tests, which copy it.
fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let tiny = TinyRuns::new();
        let base = tiny.at("base");
        finish(&mut study(&tiny, "run", &base, &["--before", "project"]));
        copy(&base, &tiny.at("whole"));
        finish(&mut study(&tiny, "run", &tiny.at("whole"), &[]));
        let expected = outcome(&tiny.at("whole"));
        Base { tiny, expected }
    })
}

impl Base {
    /// A copy of its own for a test.
    fn copy(&self, name: &str) -> PathBuf {
        let out = self.tiny.at(name);
        copy(&self.tiny.at("base"), &out);
        out
    }

    fn command(&self, verb: &str, out: &Path, arguments: &[&str]) -> Command {
        study(&self.tiny, verb, out, arguments)
    }

    fn shard(&self, out: &Path, stage: &str, shard: &str) -> Command {
        self.command("run", out, &["--json", "--stage", stage, "--shard", shard])
    }

    /// Fails where the study, without its units, is not as it is in one piece.
    fn assert_whole(&self, what: &str, out: &Path) {
        let _ = fs::remove_dir_all(out.join("units"));
        assert_same(what, out, &self.expected);
    }
}

/// `rimforge VERB study.toml` with the settings of these tests.
fn study(tiny: &TinyRuns, verb: &str, out: &Path, arguments: &[&str]) -> Command {
    let mut command = tiny.study(&[verb], out, &SETTINGS);
    command.args(arguments);
    command
}

/// By the template for GNU parallel, where that is installed.
#[test]
fn the_template_for_gnu_parallel_leaves_the_same_files() {
    // Another program of that name has other options.
    let told = Command::new("parallel").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    if !String::from_utf8_lossy(&told).contains("GNU parallel") {
        println!("skipped: GNU parallel is not installed");
        return;
    }
    by_a_template("by-parallel", |_, study| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut template = Command::new(root.join("clusters/parallel.sh"));
        template.arg(study).args(["3", "2"]).env("RIMFORGE", env!("CARGO_BIN_EXE_rimforge"));
        template
    });
}

/// A study by a template that `start` starts in a folder with a study file: the files of a run in one piece.
pub fn by_a_template(name: &str, start: impl FnOnce(&Path, &Path) -> Command) {
    let base = base();
    let out = base.copy(name);
    // Templates have no room for --set: all settings go into a file.
    let (study, folder) = (base.tiny.at(&format!("{name}.toml")), base.tiny.at(&format!("{name}-work")));
    let shown = finish(&mut base.tiny.study(&["config", "show"], &out, &SETTINGS)).stdout;
    fs::write(&study, shown).unwrap();
    fs::create_dir(&folder).unwrap();
    let mut template = start(&folder, &study);
    template.current_dir(&folder).stdin(Stdio::null());
    finish(&mut template);
    base.assert_whole(name, &out);
}

fn told(output: &Output) -> ShardRecord {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(command: &mut Command, code: i32, says: &[&str]) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(says.iter().all(|says| text.contains(says)) && !text.contains("panicked"), "{text}");
    text
}

/// The files of units below a folder, by their paths, and their bytes.
fn units(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => open.push(path),
                Some(ending) if ending == "unit" => {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, fs::read(&path).unwrap());
                }
                _ => {}
            }
        }
    }
    found
}

/// Makes every stage by `count` shards one after another and puts them in place.
fn by_shards(base: &Base, out: &Path, count: usize) {
    for stage in STAGES {
        let mut made = vec![];
        for index in 0..count {
            let output = finish(&mut base.shard(out, stage, &format!("{index}/{count}")));
            made.extend(told(&output).units);
        }
        let distinct: std::collections::BTreeSet<&String> = made.iter().collect();
        assert_eq!(distinct.len(), made.len(), "{stage}: a unit of two shards");
        finish(&mut base.command("merge", out, &["--until", stage]));
    }
}

#[test]
fn any_number_of_shards_comes_to_the_files_of_a_run_in_one_piece() {
    let base = base();
    let mut bytes: Option<BTreeMap<String, Vec<u8>>> = None;
    for count in [1, 3, 7] {
        let out = base.copy(&format!("by-{count}"));
        by_shards(base, &out, count);
        let mut found = units(&out.join("units"));
        // It tells how long each net took.
        found.retain(|name, _| !name.contains("feature-nets"));
        assert!(found.len() > 12, "{:?}", found.keys());
        let first = bytes.get_or_insert_with(|| found.clone());
        assert!(*first == found, "units of {count} shards have other bytes");
        // What is no unit is left to a run of the whole.
        refused(&mut base.command("merge", &out, &[]), 5, &["the stage explain is not done", "rimforge run"]);
        finish(&mut base.command("run", &out, &[]));
        base.assert_whole(&format!("{count} shards"), &out);
        // A merge of what is done has nothing to lack.
        finish(&mut base.command("merge", &out, &[]));
        base.assert_whole("merged once more", &out);
    }
}

#[test]
fn shards_at_once_in_one_folder_and_one_of_them_twice_do_not_disturb_each_other() {
    let base = base();
    let out = base.copy("at-once");
    for stage in ["project", "classify"] {
        finish(&mut base.command("run", &out, &["--before", stage]));
        let start = |shard| base.shard(&out, stage, shard).spawn().unwrap();
        let children = ["0/2", "0/2", "1/2"].map(start);
        for child in children.map(Child::wait_with_output) {
            let output = child.unwrap();
            assert!(output.status.success(), "{stage}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let before = units(&out.join("units"));
        let again = told(&finish(&mut base.shard(&out, stage, "0/1")));
        assert!(again.made.is_empty() && !again.units.is_empty(), "{again:?}");
        assert!(before == units(&out.join("units")));
        // A run of the whole takes them in as a merge does.
        finish(&mut base.command("run", &out, &["--until", stage]));
    }
    finish(&mut base.command("run", &out, &[]));
    base.assert_whole("at once", &out);
}

#[test]
fn a_shard_that_is_killed_is_repeated_and_makes_what_is_missing() {
    let base = base();
    let out = base.copy("killed");
    for stage in ["project", "classify"] {
        finish(&mut base.command("run", &out, &["--before", stage]));
        let mut kills = 0;
        loop {
            let mut child = base.shard(&out, stage, "0/1").spawn().unwrap();
            let (before, start) = (units(&out.join("units")).len(), Instant::now());
            // In the middle of the unit after the first that it leaves.
            while units(&out.join("units")).len() == before && child.try_wait().unwrap().is_none() {
                assert!(start.elapsed() < Duration::from_secs(60), "{stage}: no unit");
                std::thread::sleep(Duration::from_millis(3));
            }
            if kills == 2 || child.try_wait().unwrap().is_some() {
                assert!(child.wait().unwrap().success());
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
        }
        finish(&mut base.command("merge", &out, &["--until", stage]));
    }
    finish(&mut base.command("run", &out, &[]));
    base.assert_whole("killed", &out);
}

#[test]
fn a_shard_with_a_folder_of_its_own_only_reads_the_study() {
    let base = base();
    let out = base.copy("read-only");
    // As a clone or a link of a workflow would have it: nothing is written into it, not even a lock.
    let everything = |folder: &Path| {
        let mut all = outcome(folder);
        all.insert("lock".into(), format!("{:?}", fs::read(folder.join(".lock")).ok()));
        all
    };
    let before = everything(&out);
    let folders = ["shards/0", "shards/1", "shards/2"].map(|name| base.tiny.at(name));
    for (index, folder) in folders.iter().enumerate() {
        let shard = format!("{index}/3");
        let arguments = ["--stage", "project", "--shard", &shard, "--shard-out", folder.to_str().unwrap()];
        finish(&mut base.command("run", &out, &arguments));
    }
    assert!(everything(&out) == before, "a shard wrote into the study's folder");
    let text = |folder: &PathBuf| folder.to_str().unwrap().to_owned();
    let [first, second, third] = folders.each_ref().map(text);
    // Missing units are named, and nothing is made.
    let merge = |from: &[&str]| {
        let mut command = base.command("merge", &out, &["--until", "project"]);
        command.args(from);
        command
    };
    let text = refused(&mut merge(&[&first, &third]), 5, &["units of project are missing", "batch-00000"]);
    assert!(!text.contains("feature-nets"), "{text}");
    assert!(!out.join("denoised/record.json").exists());
    finish(&mut merge(&[&first, &second, &third]));
    finish(&mut base.command("run", &out, &[]));
    base.assert_whole("from folders of their own", &out);
    // Neither the study's folder nor one with something else in it.
    fs::write(base.tiny.at("shards/mine"), b"mine").unwrap();
    for folder in ["read-only/within", "shards"] {
        let folder = base.tiny.at(folder);
        let arguments = ["--stage", "project", "--shard", "0/3", "--shard-out", folder.to_str().unwrap()];
        refused(&mut base.command("run", &out, &arguments), 2, &["rimforge run --shard"]);
    }
}

#[test]
fn units_of_other_settings_and_damaged_ones_are_refused() {
    let base = base();
    let out = base.copy("other");
    let other = base.tiny.at("other-units");
    let arguments = ["--stage", "project", "--shard", "0/1", "--shard-out", other.to_str().unwrap()];
    finish(base.command("run", &out, &arguments).args(["--set", "project.steps=6"]));
    let from = other.to_str().unwrap();
    refused(&mut base.command("merge", &out, &["--until", "project", from]), 3, &["units of project for other keys"]);
    // The same under the name that those of this key would have.
    finish(&mut base.shard(&out, "project", "0/1"));
    let (own, others) = (units(&out.join("units")), units(&other));
    let (name, place) = (own.keys().find(|name| name.contains("batch-00000")).unwrap(), "batch-00000.unit");
    let path = out.join("units").join(name);
    let foreign = others.iter().find(|(name, _)| name.ends_with(place)).unwrap().1;
    let mut torn = own[name].clone();
    let middle = torn.len() / 2;
    torn[middle] ^= 1;
    for (bytes, says) in [(foreign, "a unit of stage project, unit batch-00000, key"), (&torn, "SHA-256")] {
        fs::write(&path, bytes).unwrap();
        for verb in ["merge", "run"] {
            refused(&mut base.command(verb, &out, &["--until", "project"]), 3, &[says, place, "run its shard again"]);
        }
    }
    // Its shard makes it anew, and no other.
    let made = told(&finish(&mut base.shard(&out, "project", "0/1"))).made;
    assert_eq!(made, ["batch-00000"]);
    assert!(own == units(&out.join("units")));
}

#[test]
fn a_shard_does_no_stage_but_its_own() {
    let base = base();
    let early = base.tiny.at("early");
    let shard = |out: &Path, stage: &str, shard: &str| base.shard(out, stage, shard);
    refused(&mut shard(&early, "project", "0/2"), 2, &["the stage prepare is not done", "--before STAGE"]);
    assert!(!early.exists());
    let out = base.copy("refusing");
    let before = outcome(&out);
    refused(&mut shard(&out, "classify", "0/2"), 2, &["the stage project is not done", "--before STAGE"]);
    refused(&mut shard(&out, "prepare", "0/2"), 2, &["--stage prepare", "train, generate, project, perturb"]);
    refused(&mut shard(&out, "project", "2/2"), 2, &["0/2 to 1/2"]);
    refused(&mut shard(&out, "project", "slurm"), 2, &["SLURM_ARRAY_TASK_ID"]);
    refused(&mut base.command("run", &out, &["--until", "projekt"]), 2, &["\"projekt\" is no stage", "project"]);
    let mut other = shard(&out, "project", "0/2");
    refused(other.args(["--set", "train.kimg=0.032"]), 2, &["the stage train is not done"]);
    assert!(before == outcome(&out), "what was refused left something");
    let slurm = [("ID", "7"), ("COUNT", "2"), ("MIN", "5"), ("MAX", "7"), ("STEP", "2")];
    let mut task = shard(&out, "project", "slurm");
    task.envs(slurm.map(|(name, number)| (format!("SLURM_ARRAY_TASK_{name}"), number)));
    assert_eq!(told(&finish(&mut task)).shard, "1/2");
}

#[test]
fn a_plan_lists_what_can_be_known_and_says_what_is_done() {
    let base = base();
    let plan = |out: &Path| -> PlanRecord {
        let output = finish(&mut base.command("plan", out, &["--json"]));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let nowhere = base.tiny.at("nowhere");
    let first = plan(&nowhere);
    assert!(!nowhere.exists());
    let stages = |plan: &PlanRecord| {
        let mut stages: Vec<String> = plan.units.iter().map(|unit| unit.stage.clone()).collect();
        stages.dedup();
        stages
    };
    let results: Value = serde_json::from_slice(&fs::read(base.tiny.at("whole/results.json")).unwrap()).unwrap();
    let ran: Vec<&str> = results["stages"].as_array().unwrap().iter().map(|s| s["stage"].as_str().unwrap()).collect();
    assert_eq!(stages(&first), ran);
    let of = |plan: &PlanRecord, stage: &str| -> Vec<_> {
        plan.units.iter().filter(|unit| unit.stage == stage).cloned().collect()
    };
    let unknown = of(&first, "project");
    assert!(unknown.len() == 1 && unknown[0].id == "project/*" && unknown[0].key.is_none() && unknown[0].shard);
    // Fits follow from the settings: three arms in two repetitions, two of which add something at a weight.
    assert_eq!(of(&first, "classify").len(), 10);

    let out = base.copy("planned");
    let before = outcome(&out);
    let second = plan(&out);
    assert!(before == outcome(&out), "a plan left something");
    let project = of(&second, "project");
    assert!(project.iter().all(|unit| unit.key.is_some() && !unit.done && unit.needs == ["generate"]));
    assert_eq!(project[0].id, "project/feature-nets");
    assert!(project[1].items.len() == 2 && project[1].id == "project/batch-00000", "{:?}", project[1]);
    assert!(of(&second, "train")[0].done && of(&second, "classify").iter().all(|unit| unit.key.is_none()));
    // Its files are those that shards leave.
    finish(&mut base.shard(&out, "project", "0/1"));
    let third = plan(&out);
    assert!(of(&third, "project").iter().all(|unit| unit.done));
    assert_eq!(units(&out.join("units")).len(), of(&third, "project").len());
    // A pipe in the place of a unit is none, and not waited for.
    let unit = out.join("units").join(units(&out.join("units")).keys().next().unwrap());
    fs::remove_file(&unit).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&unit).status().unwrap().success());
    assert_eq!(of(&plan(&out), "project").iter().filter(|unit| !unit.done).count(), 1);
    let whole = plan(&base.tiny.at("whole"));
    assert!(whole.units.iter().all(|unit| unit.done && unit.key.is_some()), "{whole:?}");
    let table = finish(&mut base.command("plan", &out, &[]));
    assert!(String::from_utf8_lossy(&table.stdout).contains("project"));
}

#[test]
fn a_file_system_without_locks_is_told_and_no_failure() {
    let base = base();
    let out = base.copy("without-locks");
    let output = base.command("run", &out, &["--until", "project"]).env("RIMFORGE_FAULT", "lock:1+").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("has no locks"), "{text}");
    let holder = fs::read_to_string(out.join(".lock")).unwrap();
    assert_eq!(holder.split(':').count(), 3, "{holder}");
}

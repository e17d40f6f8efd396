//! The command line as shells and scripts meet it: closed pipes, full disks, JSON, defaults in the help, logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rimforge::generate::GenerateConfig;
use rimforge::project::ProjectConfig;
use rimforge::train::TrainConfig;
use serde_json::Value;

use crate::parity::fixture;

/// Where a test runs the program.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What is printed by a command that must succeed.
    fn done(&self, arguments: &[&str]) -> (String, String) {
        let output = self.run(arguments);
        let (said, logged) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{logged}");
        (said, logged)
    }

    /// Runs with a standard output that nobody reads any more; the exit code must be 0 and nothing may be said about
    /// it.
    fn unread(&self, arguments: &[&str]) {
        let output = self.command(arguments).stdout(closed()).output().unwrap();
        let logged = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {logged}");
        assert!(!logged.contains("panic") && !logged.contains("pipe"), "{arguments:?}: {logged}");
    }

    /// Runs unread, then again with --json, whose record is given back.
    fn record(&self, arguments: &[&str]) -> Value {
        self.unread(arguments);
        let (said, _) = self.done(&[arguments, &["--json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?}: {error} in {said}"))
    }

    fn json(&self, name: &str) -> Value {
        read(&self.path(name))
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The end of a pipe that is written to, whose other end is closed.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];

/// A study of made-up lesions that takes seconds.
fn study(place: &Place) {
    study_on(place, r#"{ simulate = { preset = "tiny", patients = 12 } }"#);
}

/// The same study on the lesions that `[cohort]` is given as.
/// The settings of a study's stages that make each a matter of a second; they follow its name, folder and cohort.
pub const TINY_STAGES: &str = r#"
engine = { device = "cpu", threads = 1 }
generate = { seeds = "0-3" }
project = { steps = 2, limit = 2, w_samples = 64, candidates = 16 }
classify = { arms = ["none"], seeds = 1, epochs = 1, batch = 8, bootstrap_draws = 100, maps = 1 }

[train]
kimg = 0.016
batch = 4
tick_kimg = 0.008
net = { channel_base = 128, channel_max = 8, z_dim = 16, w_dim = 16 }
"#;

fn study_on(place: &Place, cohort: &str) {
    let settings = format!("name = \"tiny\"\nout = \"study\"\ncohort = {cohort}\n{TINY_STAGES}");
    fs::write(place.path("study.toml"), settings).unwrap();
}

#[test]
fn what_only_prints_ends_quietly_at_a_closed_pipe() {
    let place = Place::new();
    study(&place);
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["project", "--help"],
        &["config", "show", "study.toml"],
        &["config", "show", "study.toml", "--json"],
        &["doctor"],
        &["doctor", "--json"],
    ] {
        place.unread(arguments);
    }
    let shown: Value = serde_json::from_str(&place.done(&["config", "show", "study.toml", "--json"]).0).unwrap();
    assert_eq!(shown["train"]["batch"], 4);
    assert!(place.record(&["doctor"])["libtorch"].is_string());
}

#[test]
fn errors_keep_their_exit_code_where_nobody_reads_them() {
    let place = Place::new();
    let mut nothing = place.command(&["config", "show", "no-such.toml", "-vv"]);
    assert_eq!(nothing.stdout(closed()).stderr(closed()).status().unwrap().code(), Some(3));
    let mut unknown = place.command(&["no-such-command"]);
    assert_eq!(unknown.stdout(closed()).stderr(closed()).status().unwrap().code(), Some(2));
}

#[test]
fn a_full_disk_behind_standard_output_is_an_error() {
    let place = Place::new();
    study(&place);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = place.command(&["config", "show", "study.toml"]).stdout(full).output().unwrap();
    let logged = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{logged}");
    assert!(logged.contains("standard output") && logged.contains("free some space"), "{logged}");
}

#[test]
fn a_study_and_each_of_its_stages_finish_unread_and_give_their_records_as_json() {
    let place = Place::new();
    study(&place);
    let results = place.record(&["run", "study.toml"]);
    assert_eq!(results, place.json("study/results.json"));
    assert_eq!(results["name"], "tiny");

    let report = place.record(&["report", "study"]);
    assert!(place.path(report["report"].as_str().unwrap()).is_file());
    let prepared = place.record(&["prepare", "--cohort", "study/cohort", "--out", "data"]);
    assert_eq!(prepared["seed"], 1, "the seed of every command, unless told");
    let with_cpu = |arguments: &[&'static str]| [arguments, &CPU].concat();
    let small = ["net.channel_base=128", "net.channel_max=8", "net.z_dim=16", "net.w_dim=16", "tick_kimg=0.008"];
    let small: Vec<&str> = small.iter().flat_map(|setting| ["--set", setting]).collect();
    let train = with_cpu(&["train", "--data", "data", "--out", "gan", "--kimg", "0.008", "--batch", "4"]);
    let trained = place.record(&[train, small].concat());
    assert_eq!((&trained["seed"], &trained["batch"]), (&1.into(), &4.into()));
    let drawn = place.record(&with_cpu(&["generate", "--network", "gan", "--out", "drawn", "--seeds", "0-3"]));
    assert_eq!(drawn, place.json("drawn/record.json"));
    let project =
        ["project", "--network", "gan", "--data", "data", "--out", "projected", "--limit", "1", "--steps", "2"];
    let projected = place.record(&with_cpu(&project));
    assert_eq!((&projected, &projected["steps"]), (&place.json("projected/record.json"), &2.into()));
    let perturb =
        ["perturb", "--network", "gan", "--data", "data", "--out", "spoiled", "--lesions", "1", "--steps", "1"];
    assert_eq!(place.record(&with_cpu(&perturb)), place.json("spoiled/record.json"));
    let classify = ["classify", "--data", "data", "--out", "fits", "--arms", "none", "--seeds", "1", "--epochs", "1"];
    assert_eq!(place.record(&with_cpu(&classify)), place.json("fits/record.json"));
    let exported = place.record(&["export", "--network", "gan", "--out", "exported"]);
    assert_eq!(exported, place.json("exported/manifest.json"));
    let pickle = fixture("cond_r16_c3.network.pkl");
    let imported = place.record(&["import", pickle.to_str().unwrap(), "--out", "imported"]);
    assert_eq!(imported, place.json("imported/manifest.json"));
    let timed = place.record(&with_cpu(&["bench", "generate", "--batch", "1", "--repetitions", "1"]));
    assert_eq!((&timed["benchmark"], &timed["net"]), (&"generate".into(), &"small".into()));
    let simulated = place.record(&["simulate", "--preset", "tiny", "--out", "cohort"]);
    assert_eq!((&simulated["seed"], &simulated["preset"]), (&1.into(), &"tiny".into()));

    // A gate that does not pass keeps its exit code, whoever reads.
    let check = ["simulate", "--check", "cohort", "--json"];
    let unread = place.command(&check).stdout(closed()).status().unwrap().code();
    let read = place.run(&check);
    assert_eq!(unread, read.status.code());
    assert!(serde_json::from_slice::<Value>(&read.stdout).unwrap()["gates"].is_array());

    // What a second run of the study reads, keeps and begins, it says when asked.
    let (_, silent) = place.done(&["run", "study.toml"]);
    assert!(!silent.contains("INFO") && !silent.contains("reading study.toml"), "{silent}");
    let (said, logged) = place.done(&["run", "study.toml", "-v"]);
    let kept = "INFO train: settings and inputs are those of study/gan";
    assert!(logged.contains("INFO reading study.toml") && logged.contains(kept), "{logged}");
    assert!(!said.contains("INFO"), "{said}");
    let (_, logged) = place.done(&["run", "study.toml", "-vv", "--set", "classify.epochs=2"]);
    for line in [
        "INFO setting changed: classify.epochs: 1, now 2",
        "INFO project: settings and inputs are those of",
        "INFO classify: begins; settings or inputs changed",
        "INFO classifiers: begins, ",
        "DEBUG classifiers: 20 of ",
        "INFO classifiers: ended, ",
        "INFO classify: done, ",
    ] {
        assert!(logged.contains(line), "no {line:?} in {logged}");
    }
}

#[test]
fn a_study_of_a_cohort_that_was_simulated_elsewhere_ends_with_its_report() {
    let place = Place::new();
    place.done(&["simulate", "--preset", "tiny", "--patients", "12", "--out", "cohort"]);
    let own = place.json("cohort/record.json");
    assert_eq!(own["gallery"], "gallery.png");
    study_on(&place, r#"{ path = "cohort" }"#);
    place.done(&["run", "study.toml"]);
    // All that the cohort says of itself but its picture, which is not in the study folder.
    let results = place.json("study/results.json");
    let mut expected = own.clone();
    expected["gallery"] = Value::Null;
    assert_eq!(results["cohort"], expected);
    let report = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    assert!(report.contains("SIMULATED") && !report.contains("Example lesions of the cohort"));
    assert!(!place.path("study/cohort").exists());
    assert_eq!(place.json("cohort/record.json"), own, "nothing is written into a cohort");
}

#[test]
fn logs_name_files_checkpoints_and_batches() {
    let place = Place::new();
    crate::phantoms::rings(&place.path("data"), 6, 2, 16);
    let train = ["train", "--data", "data", "--out", "gan", "--kimg", "0.032", "--batch", "4"];
    let small = ["net.channel_base=128", "net.channel_max=8", "net.z_dim=16", "net.w_dim=16", "tick_kimg=0.016"];
    let small = small.iter().flat_map(|setting| ["--set", setting]);
    let train: Vec<&str> = train.into_iter().chain(CPU).chain(small).chain(["--set", "checkpoint_ticks=1"]).collect();
    let (_, silent) = place.done(&train);
    assert!(!silent.contains("INFO"), "{silent}");
    fs::remove_dir_all(place.path("gan")).unwrap();
    let (said, logged) = place.done(&[&train[..], &["-v"]].concat());
    for line in
        ["INFO reading data/manifest.json", "INFO saved checkpoint gan/", "INFO train: begins, ", "INFO libtorch "]
    {
        assert!(logged.contains(line), "no {line:?} in {logged}");
    }
    assert!(!said.contains("INFO") && !logged.contains("DEBUG"), "{said}{logged}");
    let longer: Vec<&str> = train.iter().map(|&word| if word == "0.032" { "0.064" } else { word }).collect();
    let (_, logged) = place.done(&[&longer[..], &["-v"]].concat());
    assert!(logged.contains("INFO going on from checkpoint gan/"), "{logged}");
}

/// The lines of a help text that tell of one option.
fn entry<'a>(help: &'a str, option: &str) -> Vec<&'a str> {
    let starts = |line: &&str| line.trim_start().starts_with('-');
    let named = |line: &&str| line.split_whitespace().any(|word| word == option);
    let mut lines = help.lines().skip_while(|line| !(starts(line) && named(line)));
    let first = lines.next().unwrap_or_else(|| panic!("no {option} in {help}"));
    [first].into_iter().chain(lines.take_while(|line| !starts(line))).collect()
}

#[test]
fn the_help_of_every_command_lists_its_defaults() {
    let place = Place::new();
    let (project, train) = (ProjectConfig::default(), TrainConfig::default());
    let number = |value: f64| value.to_string();
    for (command, option, default) in [
        ("simulate", "--preset", "demo".to_owned()),
        ("simulate", "--seed", "1".to_owned()),
        ("prepare", "--test-fraction", "0.25".to_owned()),
        ("prepare", "--contrasts", "chimap".to_owned()),
        ("prepare", "--seed", "1".to_owned()),
        ("train", "--kimg", number(train.kimg)),
        ("train", "--batch", train.batch.to_string()),
        ("train", "--net", "small".to_owned()),
        ("train", "--condition", "none".to_owned()),
        ("train", "--seed", "1".to_owned()),
        ("generate", "--seeds", GenerateConfig::default().seeds),
        ("generate", "--format", "npy,png".to_owned()),
        ("generate", "--walk-frames", "8".to_owned()),
        ("project", "--steps", project.steps.to_string()),
        ("project", "--learning-rate", number(project.learning_rate)),
        ("project", "--class", "ambiguous".to_owned()),
        ("project", "--seed", "1".to_owned()),
        ("perturb", "--steps", project.steps.to_string()),
        ("perturb", "--blur", "1.5".to_owned()),
        ("perturb", "--lesions", "8".to_owned()),
        ("perturb", "--seed", "1".to_owned()),
        ("classify", "--epochs", "25".to_owned()),
        ("classify", "--pooling", "mean".to_owned()),
        ("classify", "--seed", "1".to_owned()),
        ("classify", "--device", "auto".to_owned()),
        ("bench", "--repetitions", "3".to_owned()),
    ] {
        let help = place.done(&[command, "--help"]).0;
        let found = entry(&help, option).concat();
        assert!(found.contains(&format!("[default: {default}]")), "{command} {option}: {found}");
        assert!(!entry(&help, "--json").is_empty());
    }
    assert!(place.done(&["--help"]).0.contains("Exit codes"));
}

#[test]
fn every_command_has_a_page_and_so_have_those_below_it() {
    let place = Place::new();
    for (asked, title) in [
        (&["man"][..], ".TH rimforge 1"),
        (&["man", "train"], ".TH rimforge-train 1"),
        (&["man", "export", "bids"], ".TH rimforge-export-bids 1"),
        (&["man", "simulate", "skin"], ".TH rimforge-simulate-skin 1"),
    ] {
        let (page, _) = place.done(asked);
        assert!(page.contains(title) && page.contains(".SH OPTIONS"), "{asked:?}: {}", &page[..page.len().min(300)]);
    }
    let output = place.run(&["man", "export", "nifti"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("no command \"nifti\" of export") && said.contains("bids"), "{said}");
}

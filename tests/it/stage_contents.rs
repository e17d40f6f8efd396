//! What a stage of a study hands on is what lies in its folder: networks, data sets and files that something else put
//! there, and units of shards made with other ones, are no results of this study.

use std::fs;
use std::path::Path;
use std::process::Output;

use rimforge::digest;
use serde_json::Value;

use crate::fuzz::volumes::copy;
use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A network of the same shapes and other weights, in the place of a study's.
fn other_network(tiny: &TinyRuns, out: &Path) {
    let other = tiny.at("of-another-seed");
    run(tiny, &other, &["--before", "generate", "--set", "seed=9"]);
    for name in ["network-best.safetensors", "network-last.safetensors"] {
        fs::copy(other.join("gan").join(name), out.join("gan").join(name)).unwrap();
    }
}

fn run(tiny: &TinyRuns, out: &Path, more: &[&str]) -> String {
    text(&finish(tiny.command("run", out).args(more)))
}

#[test]
fn what_something_else_put_into_a_stage_is_set_aside_and_what_it_changed_made_anew() {
    let tiny = TinyRuns::new();
    let whole = tiny.at("whole");
    run(&tiny, &whole, &["--before", "project"]);
    let expected = outcome(&whole);
    // A network that the record is not of.
    other_network(&tiny, &whole);
    let network = fs::read(whole.join("gan/network-best.safetensors")).unwrap();
    let said = run(&tiny, &whole, &["--before", "project"]);
    assert!(said.contains("train: its results were changed by something else; made anew"), "{said}");
    assert!(said.contains("train: results of something else are in"), "{said}");
    assert!(said.contains("generate: done before, kept"), "the same network as before draws the same: {said}");
    assert!(fs::read(whole.join("gan.superseded-1/network-best.safetensors")).unwrap() == network);
    let now = outcome(&whole).into_iter().filter(|(name, _)| !name.contains("superseded"));
    assert!(now.eq(expected.clone()), "made anew alike");
    // A manifest.
    let manifest = whole.join("data/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"reader2\": true", "\"reader2\": false", 1)).unwrap();
    assert_ne!(fs::read_to_string(&manifest).unwrap(), text);
    let said = run(&tiny, &whole, &["--before", "project"]);
    assert!(said.contains("prepare: its results were changed by something else; made anew"), "{said}");
    assert_eq!(fs::read_to_string(&manifest).unwrap(), text);
    // A link in the place of a stage's folder is the user's.
    let (outside, drawn) = (tiny.at("outside"), whole.join("synthetic"));
    fs::create_dir(&outside).unwrap();
    fs::remove_dir_all(&drawn).unwrap();
    std::os::unix::fs::symlink(&outside, &drawn).unwrap();
    let output = tiny.command("run", &whole).args(["--before", "project"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("a link where this command makes a folder"), "{said}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_file_that_settings_name_counts_by_what_it_holds() {
    let tiny = TinyRuns::new();
    let (out, base) = (tiny.at("based"), tiny.at("base.safetensors"));
    let [one, other] = ["8", "9"].map(|seed| {
        let of_seed = tiny.at(seed);
        run(&tiny, &of_seed, &["--before", "generate", "--set", &format!("seed={seed}")]);
        of_seed.join("gan/network-best.safetensors")
    });
    fs::copy(one, &base).unwrap();
    let named = format!("train.base={}", base.display());
    let options = ["--before", "generate", "--set", &named];
    run(&tiny, &out, &options);
    assert!(run(&tiny, &out, &options).contains("train: done before, kept"));
    fs::copy(other, &base).unwrap();
    let said = run(&tiny, &out, &options);
    assert!(said.contains("train: settings or inputs changed"), "{said}");
    let record = json(&out.join("gan/record.json"));
    assert_eq!(record["base"]["sha256"], digest::sha256(fs::read(&base).unwrap()), "{}", record["base"]);
}

/// Two machines of the same settings whose trainings ended otherwise: images of one are none of the other's.
#[test]
fn units_of_another_network_are_not_merged() {
    let tiny = TinyRuns::new();
    let (one, other, units) = (tiny.at("one"), tiny.at("other"), tiny.at("units-of-other"));
    // More than one unit has.
    const SEEDS: [&str; 2] = ["--set", "generate.seeds=0-39"];
    run(&tiny, &one, &[&["--before", "generate"], &SEEDS[..]].concat());
    copy(&one, &other);
    other_network(&tiny, &other);
    // As if it had been trained there.
    let stamp = other.join(".stages/train.json");
    let mut trained = json(&stamp);
    trained["head_sha256"] = digest::sha256(fs::read(other.join("gan/network-best.safetensors")).unwrap()).into();
    fs::write(&stamp, trained.to_string()).unwrap();
    let shard = |out: &Path, shard: &str, more: &[&str]| {
        finish(tiny.command("run", out).args(["--stage", "generate", "--shard", shard]).args(SEEDS).args(more))
    };
    shard(&one, "0/2", &[]);
    shard(&other, "1/2", &["--shard-out", units.to_str().unwrap()]);
    let merge = |more: &[&str]| -> Output {
        tiny.study(&["merge"], &one, &[SEEDS[1]]).args(more).args(["--until", "generate"]).output().unwrap()
    };
    let output = merge(&[units.to_str().unwrap()]);
    let said = text(&output);
    assert!(!output.status.success() && said.contains("units of generate for other keys"), "{said}");
    assert!(!one.join("synthetic/record.json").exists());
    shard(&one, "1/2", &[]);
    let output = merge(&[]);
    assert!(output.status.success(), "{}", text(&output));
    let straight = tiny.at("straight");
    run(&tiny, &straight, &[&["--before", "project"], &SEEDS[..]].concat());
    assert_same("merged", &one.join("synthetic"), &outcome(&straight.join("synthetic")));
}

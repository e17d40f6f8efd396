//! Several generators in one study: trained apart, taken in turn by the fits, and in the intervals.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fuzz::volumes::copy;
use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Lesion and slice of each projection of a contested lesion.
fn projected(record: &Value) -> BTreeSet<(String, u64)> {
    let contested = record["lesions"].as_array().unwrap().iter().filter(|lesion| lesion["role"] == "ambiguous");
    contested.map(|lesion| (lesion["lesion_id"].to_string(), lesion["slice"].as_u64().unwrap())).collect()
}

/// Of two generators; latent SMOTE has projections into the first alone.
const SETTINGS: [&str; 3] = [
    "generators=2",
    "classify.seeds=4",
    "classify.arms=['none','ada-gan','ada-gan-ld','random-latents','latent-smote']",
];

fn study(tiny: &TinyRuns, out: &Path, arguments: &[&str]) -> Command {
    let mut command = tiny.study(&["run"], out, &SETTINGS);
    command.args(arguments);
    command
}

/// Puts in place what shards made, and makes nothing.
fn merge(tiny: &TinyRuns, out: &Path, until: &str) -> Command {
    let mut command = tiny.study(&["merge"], out, &SETTINGS);
    command.args(["--until", until]);
    command
}

#[test]
fn fits_take_generators_in_turn_in_one_piece_and_by_shards() {
    let tiny = TinyRuns::new();
    let (whole, shared) = (tiny.at("whole"), tiny.at("shared"));
    finish(&mut study(&tiny, &whole, &[]));
    finish(&mut study(&tiny, &shared, &["--until", "train"]));
    finish(&mut study(&tiny, &shared, &["--stage", "train-2", "--shard", "0/1"]));
    assert!(!shared.join("gan-2").exists(), "a shard leaves a unit");
    let units = shared.join("units/train-2");
    assert_eq!(fs::read_dir(&units).unwrap().count(), 1);
    finish(&mut merge(&tiny, &shared, "train-2"));
    let network = fs::read(shared.join("gan-2/network-best.safetensors")).unwrap();
    assert!(network == fs::read(whole.join("gan-2/network-best.safetensors")).unwrap());
    // By other settings there is nothing to put in place, and nothing is put out of the way.
    let mut other = merge(&tiny, &shared, "train-2");
    let output = other.args(["--set", "train.kimg=0.048"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("1 units of train are missing"), "{said}");
    assert!(shared.join("gan/record.json").exists() && !shared.join("gan.superseded-1").exists());
    finish(&mut study(&tiny, &shared, &["--before", "project-2"]));
    assert!(shared.join("gan-2/record.json").exists() && !shared.join("denoised-2").exists());
    for shard in ["0/2", "1/2"] {
        finish(&mut study(&tiny, &shared, &["--stage", "project-2", "--shard", shard]));
    }
    finish(&mut merge(&tiny, &shared, "project-2"));
    assert!(shared.join("denoised-2/record.json").exists());
    finish(&mut study(&tiny, &shared, &[]));
    fs::remove_dir_all(shared.join("units")).unwrap();
    assert_same("by shards", &shared, &outcome(&whole));

    let of = |name: &str| fs::read(whole.join(name)).unwrap();
    assert!(of("gan/network-best.safetensors") != of("gan-2/network-best.safetensors"));
    let results = json(&whole.join("results.json"));
    let further = results["further_generators"].as_array().unwrap();
    assert_eq!(further.len(), 1);
    assert_eq!(projected(&results["projection"]), projected(&further[0]["projection"]), "the same slices");
    let networks = [&results["synthesis"], &further[0]["synthesis"]].map(|drawn| drawn["network_sha256"].clone());
    assert_ne!(networks[0], networks[1]);
    assert_eq!(results["classify"]["generators"], 2);
    let notes = results["classify"]["evidence"]["notes"].to_string();
    assert!(notes.contains("of 2 generators in turn"), "{notes}");
    assert!(notes.contains("Those of Latent SMOTE took"), "{notes}");
    let page = fs::read_to_string(whole.join("report/index.html")).unwrap();
    assert!(page.contains("Generator by generator"), "a table of both");
    // The cohort is not simulated.
    assert_eq!(results["projection"]["patient_data"], true);
    assert!(page.contains("PATIENT DATA") && !page.contains("SIMULATED"));

    refusals(&tiny, &whole);
}

/// Folders that are not of the same generators, or not of the same slices.
fn refusals(tiny: &TinyRuns, whole: &Path) {
    let other = tiny.at("other");
    copy(&whole.join("denoised-2"), &other);
    let mut record = json(&other.join("record.json"));
    record["lesions"].as_array_mut().unwrap().pop();
    fs::write(other.join("record.json"), record.to_string()).unwrap();
    let at = |name: &str| whole.join(name).to_str().unwrap().to_owned();
    let other = other.to_str().unwrap().to_owned();
    let refused_with = |arms: &str, folders: &[(&str, &str)], code: i32, says: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.args(["classify", "--arms", arms, "--seeds", "2", "--epochs", "1", "--out"]);
        command.arg(tiny.at("refused")).arg("--data").arg(at("data"));
        folders.iter().for_each(|(option, folder)| {
            command.args([option, folder]);
        });
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(says), "{text}");
    };
    let refused =
        |folders: &[(&str, &str)], code: i32, says: &str| refused_with("none,ada-gan-ld", folders, code, says);
    let paths = ["denoised", "denoised-2", "synthetic", "synthetic-2"].map(at);
    let [first, second] = [&paths[0], &paths[1]].map(|path| ("--denoised", path.as_str()));
    let [drawn, drawn_too] = [&paths[2], &paths[3]].map(|path| ("--synthetic", path.as_str()));
    refused(&[first, ("--denoised", &other)], 5, "lacks slice");
    refused(&[first, second, drawn], 2, "--synthetic 1 times, --denoised 2 times");
    refused(&[first, second, first], 2, "3 generators for 2 repetitions");
    refused(&[first, first], 5, "of which ");
    refused_with("none,ada-gan", &[drawn, drawn], 5, "synthetic lesions of network ");
    let both = "none,ada-gan,ada-gan-ld";
    let swapped = [drawn, drawn_too, second, first];
    refused_with(both, &swapped, 5, "of which the synthetic lesions in the same place are");
    // Controls are drawn from the generators that lesions were projected into, in the same order.
    let networks = ["gan/network-best.safetensors", "gan-2/network-best.safetensors"].map(at);
    let [network, network_too] = [&networks[0], &networks[1]].map(|path| ("--network", path.as_str()));
    let arms = "none,ada-gan-ld,random-latents";
    refused_with(arms, &[first, second, network, network], 5, "is, too; expected each of another generator");
    refused_with(arms, &[first, second, network_too, network], 5, "of which the projections in the same place are");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.args(["classify", "--accepted-only", "--arms", "none,ada-gan-ld", "--out"]).arg(tiny.at("refused"));
    command.arg("--data").arg(at("data")).args([first.0, first.1, second.0, second.1]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("only accepted projections of 2 generators"));
}

//! `classify` takes only images that the record beside them lists, each with its hash: no image of a network that knows
//! the test lesions gets in, however it came into the folder.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use rimforge::data::Prepared;
use rimforge::nets::{Generator, GeneratorConfig, weights};
use rimforge::records::label::{NetworkLabel, Provenance};
use rimforge::records::synthesis::SynthesisRecord;
use rimforge::seed::RunSeed;
use tch::Device;

use crate::classify::{Folders, prepared};

/// An untrained generator that says it was trained on `data_sha256`.
fn network(path: &Path, seed: u64, data_sha256: &str) {
    let config =
        GeneratorConfig { z_dim: 16, w_dim: 16, channel_base: 128, channel_max: 8, ..GeneratorConfig::small(16, 1) };
    let generator = Generator::new(&config, RunSeed(seed), Device::Cpu).unwrap();
    let provenance = Provenance { data_sha256: Some(data_sha256.to_owned()), ..Provenance::default() };
    weights::save_network(path, &generator, None, NetworkLabel { provenance, ..NetworkLabel::default() }).unwrap();
}

/// As [`network`], and that its weights knew `ancestor_data` before.
fn descendant(path: &Path, data_sha256: Option<&str>, ancestor_data: &[&str]) {
    let config =
        GeneratorConfig { z_dim: 16, w_dim: 16, channel_base: 128, channel_max: 8, ..GeneratorConfig::small(16, 1) };
    let generator = Generator::new(&config, RunSeed(3), Device::Cpu).unwrap();
    let provenance = Provenance {
        data_sha256: data_sha256.map(str::to_owned),
        ancestor_data: ancestor_data.iter().map(|&data| data.to_owned()).collect(),
        ..Provenance::default()
    };
    weights::save_network(path, &generator, None, NetworkLabel { provenance, ..NetworkLabel::default() }).unwrap();
}

/// A data set, a network that was trained on it and one that was trained on another.
pub fn place() -> Folders {
    let folders = prepared();
    let data = Prepared::open(folders.at("data")).unwrap();
    network(&folders.at("own.safetensors"), 1, data.sha256());
    network(&folders.at("other.safetensors"), 2, "of another split");
    folders
}

pub fn generate(folders: &Folders, network: &str, out: &str, more: &[&str]) {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["generate", "--device", "cpu", "--network"]).arg(folders.at(network)).arg("--out");
    command.arg(folders.at(out)).args(more).assert().success();
}

fn classify(folders: &Folders, arm: &str, option: &str, from: &str) -> Output {
    classify_with(folders, arm, option, from, &[])
}

fn classify_with(folders: &Folders, arm: &str, option: &str, from: &str, more: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["classify", "--device", "cpu", "--arms", arm, "--seeds", "1", "--epochs", "1", "--extra", "2"]);
    command.arg("--data").arg(folders.at("data")).arg(option).arg(folders.at(from)).arg("--out");
    command.arg(folders.at("out")).args(more).output().unwrap()
}

/// What is trained on a base knows the base's data, too.
#[test]
fn a_network_that_started_from_one_of_other_data_is_taken_on_asked_trust_only() {
    let folders = place();
    let mut train = Command::cargo_bin("rimforge").unwrap();
    train.args(["train", "--device", "cpu", "--kimg", "0.004", "--batch", "4", "--set", "frechet_ticks=0"]);
    for set in ["net.z_dim=16", "net.w_dim=16", "net.channel_base=128", "net.channel_max=8"] {
        train.args(["--set", set]);
    }
    train.arg("--data").arg(folders.at("data")).arg("--base").arg(folders.at("other.safetensors"));
    train.arg("--out").arg(folders.at("gan")).assert().success();
    let network = folders.at("gan/network-last.safetensors");
    let saved = weights::load_image_network(&network, Device::Cpu).unwrap();
    assert_eq!(saved.description.label.provenance.ancestor_data, ["of another split"]);
    generate(&folders, "gan", "g", &["--seeds", "0-3"]);
    let record: SynthesisRecord = serde_json::from_slice(&fs::read(folders.at("g/record.json")).unwrap()).unwrap();
    assert_eq!(record.ancestor_data, ["of another split"]);
    let data = Prepared::open(folders.at("data")).unwrap().sha256().to_owned();
    descendant(&folders.at("unknown.safetensors"), None, &[]);
    descendant(&folders.at("same.safetensors"), Some(&data), &[&data]);
    generate(&folders, "unknown.safetensors", "u", &["--seeds", "0-3"]);
    generate(&folders, "same.safetensors", "s", &["--seeds", "0-3"]);
    for (from, says) in
        [("g", "started from one of data of another split"), ("u", "does not say which data set its network")]
    {
        refused(&classify(&folders, "ada-gan", "--synthetic", from), 5, says);
        let output = classify_with(&folders, "ada-gan", "--synthetic", from, &["--trust-origin"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = fs::read_to_string(folders.at("out/record.json")).unwrap();
        assert!(text.contains(says) && text.contains("taken on trust"), "{text}");
    }
    let output = classify(&folders, "ada-gan", "--synthetic", "s");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // A record whose line about the data was taken out.
    let record = folders.at("s/record.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"data_sha256\"", "\"gone\"")).unwrap();
    refused(&classify(&folders, "ada-gan", "--synthetic", "s"), 5, "does not say which data set");
}

pub fn refused(output: &Output, code: i32, says: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
}

#[test]
fn images_of_another_network_do_not_get_in() {
    let folders = place();
    let at = |name: &str| folders.at(name);
    let classify = || classify(&folders, "ada-gan", "--synthetic", "g");
    generate(&folders, "other.safetensors", "g", &["--seeds", "0-9"]);
    refused(&classify(), 5, "trained on data of another split");
    // A second run replaces all of the first, also where it draws fewer.
    generate(&folders, "own.safetensors", "g", &["--seeds", "0-3"]);
    assert!(!at("g/seed0004.npy").exists());
    let output = classify();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // An image that was added, one that was replaced, one of another number of digits.
    generate(&folders, "other.safetensors", "h", &["--seeds", "0-9"]);
    fs::copy(at("h/seed0009.npy"), at("g/seed0009.npy")).unwrap();
    refused(&classify(), 5, "images that the record does not list: seed0009.npy");
    fs::rename(at("g/seed0009.npy"), at("g/seed00003.npy")).unwrap();
    refused(&classify(), 5, "images that the record does not list: seed00003.npy");
    fs::remove_file(at("g/seed00003.npy")).unwrap();
    let own = fs::read(at("g/seed0002.npy")).unwrap();
    fs::copy(at("h/seed0002.npy"), at("g/seed0002.npy")).unwrap();
    refused(&classify(), 5, "seed0002.npy: not the image that the record lists");
    fs::write(at("g/seed0002.npy"), own).unwrap();
    assert!(classify().status.success());
    // Images without a record, and with one of a version that did not list them.
    let record: SynthesisRecord = serde_json::from_slice(&fs::read(at("g/record.json")).unwrap()).unwrap();
    rimforge::files::write_json(at("g/record.json"), &record.clone().without_images()).unwrap();
    refused(&classify(), 5, "a record of an earlier version");
    // Only pictures were drawn the second time: the arrays of the first must not stand for them.
    generate(&folders, "own.safetensors", "g", &["--seeds", "0-3", "--format", "png"]);
    refused(&classify(), 3, "no synthetic slice");
    fs::remove_file(at("g/record.json")).unwrap();
    refused(&classify(), 3, "record.json");
}

/// A record that names no channels is believed.
#[test]
fn images_of_another_window_do_not_get_in() {
    let folders = place();
    generate(&folders, "own.safetensors", "g", &["--seeds", "0-3"]);
    for (arm, option, folder) in [("ada-gan", "--synthetic", "g"), ("ada-gan-ld", "--denoised", "denoised")] {
        let record = folders.at(folder).join("record.json");
        let of_window = |low: f64| {
            let mut told: serde_json::Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
            let window = serde_json::json!({"low": low, "high": 100.0});
            told["contrasts"] = serde_json::json!([{"name": "chimap", "unit": "ppb", "window": window}]);
            fs::write(&record, told.to_string()).unwrap();
            classify(&folders, arm, option, folder)
        };
        let own = of_window(-100.0);
        assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stderr));
        refused(&of_window(-800.0), 3, "channels chimap -800..100 ppb; expected chimap -100..100 ppb");
    }
}

#[test]
fn projections_that_were_replaced_do_not_get_in() {
    let folders = place();
    let classify = || classify(&folders, "ada-gan-ld", "--denoised", "denoised");
    assert!(classify().status.success());
    let path = folders.at("denoised/sub-003_lesion-004_z00.npy");
    let own = fs::read(&path).unwrap();
    fs::copy(folders.at("denoised/sub-005_lesion-004_z00.npy"), &path).unwrap();
    refused(&classify(), 5, "sub-003_lesion-004_z00.npy: not the image that the record lists");
    fs::write(&path, own).unwrap();
    let record = folders.at("denoised/record.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("image_sha256", "hash_of_a_later_version")).unwrap();
    refused(&classify(), 5, "it has no hashes of its images");
    fs::write(&record, text.replace("\"sub-003_lesion-004_z00.npy\"", "\"../data/patches/x.npy\"")).unwrap();
    refused(&classify(), 3, "does not stay inside its folder");
}

//! What `export` gives away is what the program made: no weights that are no numbers, no files but those of the record.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use rimforge::data::patch_file;
use rimforge::files;
use serde_json::{Value, json};

use crate::classify::Folders;
use crate::leak_guard::{generate, place, refused};

fn export(folders: &Folders, what: &str, option: &str, from: &str) -> Output {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["export", what, option]).arg(folders.at(from)).arg("--out").arg(folders.at(&format!("{what}-out")));
    if what != "bids" {
        command.args(["--license", "mit"]);
    }
    command.output().unwrap()
}

fn change(record: &Path, edit: impl FnOnce(&mut Value)) {
    let mut told: Value = serde_json::from_slice(&fs::read(record).unwrap()).unwrap();
    edit(&mut told);
    fs::write(record, told.to_string()).unwrap();
}

fn passes(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn weights_that_are_no_numbers_are_not_published() {
    let folders = place();
    passes(&export(&folders, "card", "--network", "own.safetensors"));
    let path = folders.at("own.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    refused(&export(&folders, "card", "--network", "own.safetensors"), 3, "holds NaN or infinite values");
}

#[test]
fn a_description_lists_the_images_of_its_record_and_no_others() {
    let folders = place();
    generate(&folders, "own.safetensors", "g", &["--seeds", "0-3"]);
    let record = folders.at("g/record.json");
    let own = fs::read(&record).unwrap();
    passes(&export(&folders, "croissant", "--synthetic", "g"));
    change(&record, |told| told["images"][0]["path"] = json!("../data/patches/x.npy"));
    refused(&export(&folders, "croissant", "--synthetic", "g"), 3, "does not stay inside its folder");
    fs::write(&record, &own).unwrap();
    fs::copy(folders.at("g/seed0001.npy"), folders.at("g/seed0000.npy")).unwrap();
    refused(&export(&folders, "croissant", "--synthetic", "g"), 5, "seed0000.npy: not the image that the record lists");
}

#[test]
fn images_of_two_shapes_or_of_channels_by_other_names_are_no_set() {
    let folders = place();
    generate(&folders, "own.safetensors", "g", &["--seeds", "0-3"]);
    let record = folders.at("g/record.json");
    change(&record, |told| {
        told["contrasts"] = json!([{"name": "chimap", "unit": "ppb", "window": {"low": -100.0, "high": 100.0}}]);
        told["channels"] = json!(["chimap"]);
        told["learnt_from"] = json!({});
    });
    passes(&export(&folders, "bids", "--synthetic", "g"));
    change(&record, |told| told["channels"] = json!(["flair"]));
    refused(&export(&folders, "bids", "--synthetic", "g"), 3, "channels flair; expected chimap, as its contrasts");
    let small = patch_file::write(&folders.at("g/seed0002.npy"), &[1, 8, 8], &[0f32; 64]).unwrap();
    change(&record, |told| {
        told["channels"] = json!(["chimap"]);
        let images = told["images"].as_array_mut().unwrap();
        let image = images.iter_mut().find(|image| image["path"] == "seed0002.npy").unwrap();
        image["sha256"] = json!(small);
    });
    assert_eq!(files::sha256(folders.at("g/seed0002.npy")).unwrap(), small);
    refused(&export(&folders, "bids", "--synthetic", "g"), 3, "seed0002.npy: depth, height and width [1, 8, 8]");
}

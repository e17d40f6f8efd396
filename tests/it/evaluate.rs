//! `rimforge evaluate` through the program: what it says of sets whose order is known, and what it refuses.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rimforge::data::manifest::{Class, Manifest, Split};
use rimforge::data::{Prepared, patch_file};
use rimforge::files;
use rimforge::filter::gaussian;
use rimforge::name::{Inside, Name};
use rimforge::records::evaluate::{EvaluationRecord, Topic};
use serde_json::{Value, json};

use crate::noise::noise;
use crate::project_command;

const SIDE: usize = 32;

/// A slice of noise with a rim of so many ppb about the middle, -100..100 ppb as -1..1.
fn slice(seed: u32, rim: f32) -> Vec<f32> {
    let noise = |at: usize| noise(seed, at);
    let centre = [15.5 + noise(9001), 15.5 + noise(9002)];
    let radius = 8.0 + noise(9003);
    let value = |at: usize| {
        let distance = ((at % SIDE) as f32 - centre[0]).hypot((at / SIDE) as f32 - centre[1]);
        let ring = (-(distance - radius).powi(2) / 3.0).exp();
        (rim * (1.0 + 0.2 * noise(9004)) * ring + 5.0 * noise(at)) / 100.0
    };
    (0..SIDE * SIDE).map(value).collect()
}

/// A prepared data set: per side twelve patients with a rim lesion of three slices and a non-rim one; training patients
/// have a contested one, too.
pub fn data(folder: &Path) {
    fs::create_dir_all(folder.join("patches")).unwrap();
    let mut lesions = Vec::new();
    let mut slices = Vec::new();
    for patient in 0..28u32 {
        let split = if patient < 14 { Split::Train } else { Split::Test };
        let votes = [(true, true), (false, false), (true, false)];
        for (number, (reader1, reader2)) in votes.into_iter().enumerate().take(if patient < 14 { 3 } else { 2 }) {
            let index = lesions.len() as u32;
            let id: Name = Name::new(format!("sub-{patient:02}_lesion-{number}")).unwrap();
            let patch = Inside::new(format!("patches/{id}.npy")).unwrap();
            let rim = [40.0, 0.0, 20.0][number];
            let values: Vec<f32> =
                (0..3).flat_map(|z| slice(1000 * patient + 10 * number as u32 + z, rim)).map(|v| 100.0 * v).collect();
            let shape = [1, 3, SIDE as u64, SIDE as u64];
            let sha256 = patch_file::write(&patch.under(folder), &shape, &values).unwrap();
            lesions.push(json!({
                "id": id, "patient": format!("sub-{patient:02}"), "centre": [1, 2, 3],
                "affine": rimforge::nifti::Affine::IDENTITY, "reader1": reader1, "reader2": reader2,
                "class": Class::of_votes(reader1, reader2), "split": split, "voxels": 30, "patch": patch,
                "sha256": sha256,
            }));
            slices.extend((0..3).map(|z| json!({"lesion": index, "z": z, "voxels": 10})));
        }
    }
    let manifest = json!({
        "schema": rimforge::data::manifest::SCHEMA, "simulated": true,
        "contrasts": [{"name": "chimap", "unit": "ppb", "window": {"low": -100.0, "high": 100.0}}],
        "patch": [3, SIDE, SIDE], "patient_source": "participant_id", "voxel_mm": [1.0, 0.4, 0.4], "seed": 0,
        "lesions": lesions, "slices": slices, "inputs": [],
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    files::write_json(folder.join(rimforge::data::dataset::MANIFEST), &manifest).unwrap();
}

/// A folder as `generate` leaves it, of slices with a rim of so many ppb.
pub fn drawn(folder: &Path, data: &Path, rim: f32, blur: f64) {
    fs::create_dir_all(folder).unwrap();
    let image = |seed: u32| {
        let path = format!("seed{seed:04}.npy");
        let pixels = gaussian(&slice(77_000 + seed, rim), (SIDE, SIDE), blur);
        let sha256 = patch_file::write(&folder.join(&path), &[1, SIDE as u64, SIDE as u64], &pixels).unwrap();
        json!({"path": path, "sha256": sha256})
    };
    let images: Vec<Value> = (0..42).map(image).collect();
    let sha256 = Prepared::open(data).unwrap().sha256().to_owned();
    files::write_json(folder.join("record.json"), &json!({"data_sha256": sha256, "images": images})).unwrap();
}

pub fn evaluate(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(folder).arg("evaluate").args(["--device", "cpu", "--threads", "1"]).args(more);
    command.output().unwrap()
}

pub fn record(folder: &Path, more: &[&str]) -> EvaluationRecord {
    let output = evaluate(folder, &[more, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The value of a measure for each set of a topic.
pub fn values(record: &EvaluationRecord, topic: Topic, key: &str) -> Vec<(String, f64)> {
    let comparison = record.comparisons.iter().find(|comparison| comparison.topic == topic).unwrap();
    comparison.sets.iter().map(|set| (set.name.clone(), set.measures[key].value)).collect()
}

#[test]
fn weaker_and_blurred_rims_lie_farther_and_equal_ones_at_the_floor() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    data(&root.join("data"));
    for (name, rim, blur) in [("same", 40.0, 0.0), ("half", 20.0, 0.0), ("none", 0.0, 0.0), ("soft", 40.0, 1.5)] {
        drawn(&root.join(name), &root.join("data"), rim, blur);
    }
    let sets = ["--synthetic", "same", "--synthetic", "half", "--synthetic", "none", "--synthetic", "soft"];
    let common = [&["--real", "data", "--draws", "60", "--pairs", "30"][..], &sets].concat();
    let found = record(root, &[&common[..], &["--out", "out"]].concat());
    assert!(found.simulated && found.reference.is_some());
    for key in ["frechet", "kernel-cubic", "kernel-gaussian", "rim-ppb"] {
        let all = values(&found, Topic::Sets, key);
        let of = |name: &str| all.iter().find(|(set, _)| set == name).unwrap().1;
        assert!(of("same") < of("half") && of("half") < of("none"), "{key}: {all:?}");
        assert!(of("same") < of("soft"), "{key}: {all:?}");
        let floor = of("real rims");
        assert!((of("same") - floor).abs() < 0.5 * (of("half") - floor), "{key}: {all:?}");
    }
    for topic in [Topic::Blurred, Topic::Flattened] {
        let comparison = found.comparisons.iter().find(|comparison| comparison.topic == topic).unwrap();
        assert!(comparison.rises["kernel-gaussian"] && comparison.rises["frechet"], "{:?}", comparison.rises);
    }
    let flattened = found.comparisons.iter().find(|comparison| comparison.topic == Topic::Flattened).unwrap();
    assert!(flattened.rises["rim-ppb"], "{:?}", flattened.rises);
    let names: Vec<String> = values(&found, Topic::TrainingSets, "kernel-cubic").into_iter().map(|(n, _)| n).collect();
    let folders = ["real + same", "real + half", "real + none", "real + soft"];
    assert_eq!(names, [&["None", "Ambiguous", "Affine", "SMOTE"][..], &folders].concat());
    // Every number has its interval, and none a name that belongs to other weights.
    for set in found.comparisons.iter().flat_map(|comparison| &comparison.sets) {
        assert!(set.measures.values().all(|i| i.low <= i.value && i.value <= i.high), "{set:?}");
    }
    let names: String = found.measures.iter().map(|measure| measure.name.as_str()).collect();
    assert!(!["FID", "KID", "LPIPS"].iter().any(|name| names.contains(name)), "{names}");
    assert!(found.warnings.iter().any(|warning| warning.contains("fewer than the 1000")), "{:?}", found.warnings);
    // The same command gives the same record, a person's table its numbers.
    let again = record(root, &[&common[..], &["--out", "again"]].concat());
    assert_eq!(again, found);
    let text = evaluate(root, &[&common[..], &["--out", "out"]].concat());
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.starts_with("SIMULATED.") && text.contains("training sets, "), "{text}");
}

#[test]
fn a_network_is_looked_at_alone() {
    let folder = tempfile::tempdir().unwrap();
    project_command::network(&folder.path().join("net.safetensors"));
    let more =
        ["--network", "net.safetensors", "--out", "out", "--paths", "6", "--truncations", "0,1", "--pairs", "20"];
    let found = record(folder.path(), &more);
    let length = found.network.unwrap().path_length.unwrap();
    assert!(length.length.value > 0.0 && length.length.n == 6, "{length:?}");
    assert!(length.name.contains("own random"), "{length:?}");
    let diversity = values(&EvaluationRecord { network: None, ..found }, Topic::Truncation, "diversity");
    assert!(diversity[0].1.abs() < 1e-9 && diversity[1].1 > 0.0, "{diversity:?}");
}

#[test]
fn what_cannot_be_compared_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    data(&root.join("data"));
    drawn(&root.join("same"), &root.join("data"), 40.0, 0.0);
    let refused = |more: &[&str], code: i32, says: &str| {
        let output = evaluate(root, more);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(says), "{text}");
    };
    refused(&["--out", "o"], 2, "--real");
    refused(&["--real", "data", "--out", "o", "--draws", "3"], 2, "evaluate.draws = 3");
    refused(&["--real", "data", "--out", "o", "--synthetic", "data"], 3, "record");
    fs::write(root.join("net.pth"), b"no weights").unwrap();
    refused(&["--real", "data", "--out", "o", "--features", "net.pth"], 3, "net.pth");
    refused(&["--real", "data", "--out", "data"], 2, "data");
    // An image that is another than its record says.
    let pixels = slice(1, 0.0);
    patch_file::write(&root.join("same/seed0003.npy"), &[1, SIDE as u64, SIDE as u64], &pixels).unwrap();
    refused(&["--real", "data", "--out", "o", "--synthetic", "same"], 3, "seed0003.npy");
    // A record cut short.
    fs::write(root.join("same/record.json"), b"{\"images\": [").unwrap();
    refused(&["--real", "data", "--out", "o", "--synthetic", "same"], 3, "same/record.json");
}

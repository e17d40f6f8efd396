//! `rimforge tumours` through the program: discs of two populations that can be learnt, stops, leaks, and data that
//! lack something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rimforge::data::manifest::{Manifest, Split};
use rimforge::data::{Prepared, patch_file};
use rimforge::files;
use rimforge::name::{Inside, Name};
use rimforge::records::tumours::{Group, TumoursRecord};
use serde_json::{Value, json};

use crate::noise::noise;
use crate::tiny_runs::outcome;

const SIDE: usize = 16;
const PLANE: usize = SIDE * SIDE;

/// Patients of a population on a side of the split.
const PATIENTS: [(&str, Split, u32); 4] =
    [("GLI", Split::Train, 8), ("SSA", Split::Train, 4), ("GLI", Split::Test, 2), ("SSA", Split::Test, 3)];

/// What a data set is made of.
#[derive(Clone, Copy)]
struct Made {
    contrasts: &'static [&'static str],
    /// Classes name populations.
    named: bool,
    /// Unit of the map.
    unit: &'static str,
}

const ALL: Made = Made { contrasts: &["t1c", "t2f", "seg"], named: true, unit: "region" };

/// \[3, H, W\] in the network's range: two images and the map. Of the rare population images are brighter; tumours of
/// some seeds do not enhance.
fn slice(seed: u32, rare: bool, enhancing: bool) -> Vec<f32> {
    let centre = [0, 1].map(|at| 7.5 + 2.0 * noise(seed, 9001 + at));
    let far = |at: usize| ((at % SIDE) as f32 - centre[0]).hypot((at / SIDE) as f32 - centre[1]);
    let label = |at: usize| match far(at) {
        ..1.5 => 1u8,
        ..3.0 if enhancing => 3,
        ..3.0 => 1,
        ..5.0 => 2,
        _ => 0,
    };
    let shift = if rare { 0.2 } else { 0.0 };
    let t1c = (0..PLANE).map(|at| [-0.4, -0.8, -0.2, 0.6][usize::from(label(at))] + shift + 0.1 * noise(seed, at));
    let t2f = (0..PLANE).map(|at| [-0.4, 0.1, 0.5, 0.2][usize::from(label(at))] + shift + 0.1 * noise(seed + 7, at));
    let map = (0..PLANE).map(|at| f32::from(label(at)) / 1.5 - 1.0);
    t1c.chain(t2f).chain(map).collect()
}

/// Some of the three contrasts.
fn only(values: &[f32], contrasts: &[&str]) -> Vec<f32> {
    let channels = values.chunks_exact(PLANE).zip(["t1c", "t2f", "seg"]);
    channels.filter(|(_, name)| contrasts.contains(name)).flat_map(|(channel, _)| channel.to_vec()).collect()
}

/// A data set with two slices of each patient, and a folder as `generate --class each` leaves it.
fn prepared(root: &Path, made: Made) {
    let data = root.join("data");
    fs::create_dir_all(data.join("patches")).unwrap();
    fs::create_dir_all(root.join("drawn")).unwrap();
    let (mut lesions, mut slices) = (Vec::new(), Vec::new());
    let shape = [made.contrasts.len() as u64, SIDE as u64, SIDE as u64];
    for (number, (population, split, count)) in PATIENTS.into_iter().enumerate() {
        for patient in 0..count {
            let name = format!("BraTS-{population}-{number}{patient:04}");
            for (at, plane) in ["axial", "coronal"].into_iter().enumerate() {
                let id = Name::new(format!("{name}-000_{plane}")).unwrap();
                // The last patient of a list has nothing that enhances.
                let values =
                    slice((1000 * number as u32) + 10 * patient + at as u32, population == "SSA", patient + 1 < count);
                let physical = |(at, value): (usize, f32)| if at / PLANE == 2 { 1.5 * (value + 1.0) } else { value };
                let physical: Vec<f32> = values.into_iter().enumerate().map(physical).collect();
                let patch = Inside::new(format!("patches/{id}.npy")).unwrap();
                let values = only(&physical, made.contrasts);
                let sha256 =
                    patch_file::write(&patch.under(&data), &[shape[0], 1, shape[1], shape[2]], &values).unwrap();
                let class = if made.named { format!("{plane}-tumour-{population}") } else { format!("{plane}-tumour") };
                slices.push(json!({"lesion": lesions.len(), "z": 0, "voxels": 60}));
                lesions.push(json!({
                    "id": id, "patient": name, "centre": [8, 8, 0], "affine": rimforge::nifti::Affine::IDENTITY,
                    "reader1": null, "reader2": null, "class": class, "split": split, "voxels": 60, "patch": patch,
                    "sha256": sha256,
                }));
            }
        }
    }
    let contrast = |name: &&str| match *name {
        "seg" => json!({"name": "seg", "unit": made.unit, "window": {"low": 0.0, "high": 3.0}}),
        name => json!({"name": name, "unit": "a.u.", "window": {"low": -1.0, "high": 1.0}}),
    };
    let mut classes: Vec<&str> = lesions.iter().filter_map(|lesion| lesion["class"].as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    let manifest = json!({
        "schema": rimforge::data::manifest::SCHEMA, "simulated": true,
        "contrasts": made.contrasts.iter().map(contrast).collect::<Vec<_>>(), "patch": [1, SIDE, SIDE],
        "patient_source": "file name", "voxel_mm": null, "seed": 0, "classes": {"names": classes},
        "lesions": lesions, "slices": slices, "inputs": [],
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    files::write_json(data.join(rimforge::data::dataset::MANIFEST), &manifest).unwrap();
    let sha256 = Prepared::open(&data).unwrap().sha256().to_owned();
    let (mut images, mut classes) = (Vec::new(), Vec::new());
    for seed in 0..12u32 {
        let (path, rare) = (format!("seed{seed:04}.npy"), seed % 2 == 0);
        let values = only(&slice(90_000 + seed, rare, true), made.contrasts);
        let sha256 = patch_file::write(&root.join("drawn").join(&path), &shape, &values).unwrap();
        images.push(json!({"path": path, "sha256": sha256}));
        classes.push(if rare { "axial-tumour-SSA" } else { "axial-tumour-GLI" });
    }
    let record = json!({"data_sha256": sha256, "images": images, "image_classes": classes});
    files::write_json(root.join("drawn/record.json"), &record).unwrap();
}

fn made(made: Made) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    prepared(&root, made);
    (folder, root)
}

fn run(root: &Path, out: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(root).args(["tumours", "--data", "data", "--out", out, "--device", "cpu", "--width", "tiny"]);
    command.args(["--draws", "200", "--batch", "8", "--threads", "1"]).args(more);
    if !more.contains(&"--steps") {
        command.args(["--steps", "20"]);
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn record(root: &Path, out: &str, more: &[&str]) -> TumoursRecord {
    let output = run(root, out, &[&["--synthetic", "drawn"], more].concat());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&fs::read(root.join(out).join("record.json")).unwrap()).unwrap()
}

#[test]
fn every_arm_learns_from_its_own_slices_and_is_measured_on_both_populations() {
    let (_folder, root) = made(ALL);
    let found = record(&root, "out", &["--seeds", "2", "--steps", "150", "--learning-rate", "1e-2", "--extra", "4"]);
    assert_eq!(
        (found.rare.as_str(), &found.frequent, &found.contrasts),
        ("SSA", &vec!["GLI".into()], &vec!["t1c".into(), "t2f".into()])
    );
    let learns: Vec<[u64; 3]> =
        found.arms.iter().map(|arm| [arm.learns.frequent, arm.learns.rare, arm.learns.drawn]).collect();
    assert_eq!(learns, [[16, 0, 0], [16, 0, 4], [0, 0, 4], [16, 8, 0], [16, 8, 4]]);
    let rare = &found.test[&Group::Rare];
    assert_eq!((rare.patients, rare.slices, rare.without["whole"], rare.without["enhancing"]), (3, 6, 0, 1));
    assert_eq!(found.test[&Group::Frequent].patients, 2);
    for arm in &found.arms {
        for (group, dice) in &arm.groups {
            assert!(dice.dice["whole"].value > 0.5, "{} {group:?} {dice:?}", arm.key);
            let whole = dice.dice.values().chain(dice.differences.values());
            assert!(whole.into_iter().all(|i| i.low <= i.value && i.value <= i.high), "{dice:?}");
            assert_eq!(dice.differences.is_empty(), arm.key == "frequent");
            let seeds = &dice.by_seed["whole"];
            assert!(seeds.len() == 2 && (seeds[0] + seeds[1] - 2.0 * dice.dice["whole"].value).abs() < 1e-12);
        }
    }
    assert!(found.notes.iter().any(|note| note.contains("6 drawn pairs are of SSA; a repetition takes 4")));
    let picture = fs::read(root.join("out/tumours.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.windows(9).any(|part| part == b"SIMULATED"));
}

#[test]
fn a_run_goes_on_fit_by_fit_and_ends_in_the_same_bytes() {
    let (_folder, root) = made(ALL);
    record(&root, "out", &["--seeds", "1"]);
    let expected = outcome(&root.join("out"));
    let (fit, other) = ("out/fits/synthetic-only-seed0.safetensors", "out/fits/frequent+rare-seed0.safetensors");
    let age = || fs::metadata(root.join(other)).unwrap().modified().unwrap();
    let before = age();
    let bytes = fs::read(root.join(fit)).unwrap();
    fs::write(root.join(fit), &bytes[..bytes.len() - 5]).unwrap();
    fs::remove_file(root.join("out/record.json")).unwrap();
    record(&root, "out", &["--seeds", "1"]);
    assert_eq!((outcome(&root.join("out")), age()), (expected.clone(), before));
    record(&root, "out", &["--seeds", "1"]);
    assert_eq!(outcome(&root.join("out")), expected);
    let output = run(&root, "out", &["--synthetic", "drawn", "--seeds", "1"]);
    let text = said(&output);
    assert!(text.contains("SIMULATED") && text.contains("Enhancing tumour (label 3; 1 patients without)"), "{text}");
    assert!(text.contains("Frequent + drawn rare") && !text.contains("NaN"), "{text}");
}

#[test]
fn pairs_of_another_origin_and_test_images_among_them_are_refused() {
    let (_folder, root) = made(ALL);
    let path = root.join("drawn/record.json");
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let refused = |known: &Value, code: i32, words: &str| {
        fs::write(&path, known.to_string()).unwrap();
        let output = run(&root, "out", &["--synthetic", "drawn"]);
        assert!(output.status.code() == Some(code) && said(&output).contains(words), "{words}: {}", said(&output));
        assert!(!root.join("out/record.json").exists());
    };
    let mut known = good.clone();
    known["data_sha256"] = json!("0".repeat(64));
    refused(&known, 5, "trained on data");
    let mut known = good.clone();
    known["images"][2]["sha256"] = json!("0".repeat(64));
    refused(&known, 5, "not the image that the record lists");
    let mut known = good.clone();
    known["image_classes"] = json!([]);
    refused(&known, 3, "no class for each image");
    let mut known = good.clone();
    known["image_classes"] = json!(vec!["coronal-tumour-GLI"; 12]);
    refused(&known, 3, "none of 12 drawn pairs is of SSA");
    // A test image upside down, with other labels.
    let data = Prepared::open(root.join("data")).unwrap();
    let mut pixels = data.test().image(5).unwrap().pixels;
    pixels[..2 * PLANE].chunks_exact_mut(PLANE).for_each(<[f32]>::reverse);
    pixels[2 * PLANE..].fill(-1.0);
    let sha256 = patch_file::write(&root.join("drawn/seed0004.npy"), &[3, SIDE as u64, SIDE as u64], &pixels).unwrap();
    let mut known = good;
    known["images"][4]["sha256"] = json!(sha256);
    refused(&known, 5, "a leak");
}

#[test]
fn data_without_regions_images_or_populations_and_arms_without_pairs_say_what_to_do() {
    for (made_of, words) in [
        (Made { contrasts: &["t1c", "t2f"], ..ALL }, "0 maps of regions among the contrasts t1c, t2f"),
        (Made { unit: "a.u.", ..ALL }, "0 maps of regions among the contrasts t1c, t2f, seg"),
        (Made { contrasts: &["seg"], ..ALL }, "regions and no image beside them"),
        (Made { named: false, ..ALL }, "classes axial-tumour, coronal-tumour"),
    ] {
        let (_folder, root) = made(made_of);
        let output = run(&root, "out", &["--arms", "frequent"]);
        let text = said(&output);
        assert!(output.status.code() == Some(3) && text.contains(words), "{words}: {text}");
        assert!(text.contains("--slice-classes plane-tumour-population"), "{text}");
        assert!(!root.join("out").exists());
    }
    let (_folder, root) = made(ALL);
    let output = run(&root, "out", &["--arms", "frequent", "--rare", "MEN"]);
    assert!(output.status.code() == Some(3) && said(&output).contains("populations GLI, SSA"), "{}", said(&output));
    let output = run(&root, "out", &["--arms", "synthetic-only"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("--synthetic"), "{}", said(&output));
}

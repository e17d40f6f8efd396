//! `rimforge segment` through the program: rings with masks that can be learnt, kills, leaks, and data that lack
//! something.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use rimforge::data::manifest::{Class, Manifest, Split};
use rimforge::data::{Prepared, patch_file};
use rimforge::files;
use rimforge::name::{Inside, Name};
use rimforge::nifti::{self, Affine, Grid, Volume};
use rimforge::records::segment::SegmentRecord;
use serde_json::{Value, json};

use crate::noise::noise;
use crate::tiny_runs::outcome;

const SIDE: usize = 32;
const DEPTH: usize = 2;
const PLANE: usize = SIDE * SIDE;

/// What a data set is made of.
#[derive(Clone, Copy)]
pub struct Made {
    contrasts: &'static [&'static str],
    /// Something is traced in rims.
    traced: bool,
    /// Test patients whose first lesion is a rim.
    test_rims: u32,
}

pub const ALL: Made = Made { contrasts: &["chimap", "rim", "flair"], traced: true, test_rims: 6 };

/// One slice of all contrasts in the network's range, and the lesion's own mask: a ring, or a disc without rim.
fn slice(seed: u32, rim: bool, traced: bool) -> (Vec<f32>, Vec<u8>) {
    let centre = [15.5 + 3.0 * noise(seed, 9001), 15.5 + 3.0 * noise(seed, 9002)];
    let radius = 7.0 + 2.0 * noise(seed, 9003);
    let far = |at: usize| ((at % SIDE) as f32 - centre[0]).hypot((at / SIDE) as f32 - centre[1]);
    let ring = |at: usize| rim && (far(at) - radius).abs() < 1.5;
    let qsm = (0..PLANE)
        .map(|at| if ring(at) { 0.6 } else { 0.1 * f32::from(u8::from(far(at) < radius)) } + 0.2 * noise(seed, at));
    let map = (0..PLANE).map(|at| if ring(at) && traced { 1.0 } else { -1.0 });
    let flair = (0..PLANE).map(|at| if far(at) < radius + 1.5 { 0.4 } else { -0.4 } + 0.1 * noise(seed + 7, at));
    let own = (0..PLANE).map(|at| u8::from(far(at) < radius + 1.0)).collect();
    (qsm.chain(map).chain(flair).collect(), own)
}

/// Only some of the three contrasts of \[3, planes, H, W\].
fn only(values: &[f32], contrasts: &[&str]) -> Vec<f32> {
    let channels = values.chunks_exact(values.len() / 3).zip(["chimap", "rim", "flair"]);
    channels.filter(|(_, name)| contrasts.contains(name)).flat_map(|(channel, _)| channel.to_vec()).collect()
}

/// A data set of 12 training and 6 test patients with a rim lesion (or not) and a rim-free one, training patients with
/// a contested one; and folders as `generate` and `project` leave them.
pub fn prepared(root: &Path, made: Made) {
    for folder in ["data/patches", "synthetic", "denoised"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let data = root.join("data");
    let (mut lesions, mut slices, mut projections) = (Vec::new(), Vec::new(), Vec::new());
    for patient in 0..18u32 {
        let training = patient < 12;
        let name = format!("sub-{patient:02}");
        for number in 0..if training { 3 } else { 2 } {
            let rim = number == 0 && (training || patient - 12 < made.test_rims);
            let votes = (rim, rim || number == 2);
            let id = Name::new(format!("{name}_lesion-{number}")).unwrap();
            let planes: Vec<(Vec<f32>, Vec<u8>)> = (0..DEPTH)
                .map(|z| slice(1000 * patient + 10 * number + z as u32, rim || number == 2, made.traced))
                .collect();
            // Windows are -1 to 1 for images and 0 to 1 for the map.
            let physical = |channel: usize, value: f32| if channel == 1 { 0.5 * (value + 1.0) } else { value };
            let stacked: Vec<f32> = (0..3)
                .flat_map(|channel| {
                    planes
                        .iter()
                        .flat_map(move |(values, _)| &values[channel * PLANE..][..PLANE])
                        .map(move |v| physical(channel, *v))
                })
                .collect();
            let own: Vec<u8> = planes.iter().flat_map(|(_, own)| own.clone()).collect();
            let patch = Inside::new(format!("patches/{id}.npy")).unwrap();
            let mask = Inside::new(format!("patches/{id}_mask.npy")).unwrap();
            let shape = [DEPTH as u64, SIDE as u64, SIDE as u64];
            let shape4 = [made.contrasts.len() as u64, shape[0], shape[1], shape[2]];
            let sha256 = patch_file::write(&patch.under(&data), &shape4, &only(&stacked, made.contrasts)).unwrap();
            let mask_sha256 = patch_file::write(&mask.under(&data), &shape, &own).unwrap();
            let index = lesions.len();
            lesions.push(json!({
                "id": id, "patient": name, "centre": [16, 16, 1], "affine": rimforge::nifti::Affine::IDENTITY,
                "reader1": votes.0, "reader2": votes.1, "class": Class::of_votes(votes.0, votes.1),
                "split": if training { Split::Train } else { Split::Test }, "voxels": 30, "patch": patch,
                "sha256": sha256, "mask": mask, "mask_sha256": mask_sha256,
            }));
            slices.extend((0..DEPTH).map(|z| json!({"lesion": index, "z": z, "voxels": 10})));
            if number == 2 {
                let image = format!("{id}_z00.npy");
                let sha256 = image_file(&root.join("denoised").join(&image), 500 + patient, made);
                projections.push(json!({
                    "lesion_id": id, "patient": name, "slice": 0, "role": "ambiguous", "distance": 0.0,
                    "contrast_before": 0.0, "contrast_after": 0.0, "w_distance": 0.0, "rim_erased": false,
                    "rim_invented": false, "lesion_rms": 0.0, "slice_rms": 0.0, "figure": "figures/x.png",
                    "image": image, "image_sha256": sha256, "true_rim": null
                }));
            }
        }
    }
    let window = |name: &str| json!({"low": if name == "rim" { 0.0 } else { -1.0 }, "high": 1.0});
    let contrasts: Vec<Value> =
        made.contrasts.iter().map(|name| json!({"name": name, "unit": "x", "window": window(name)})).collect();
    let manifest = json!({
        "schema": rimforge::data::manifest::SCHEMA, "simulated": true, "contrasts": contrasts,
        "patch": [DEPTH, SIDE, SIDE], "patient_source": "participant_id", "voxel_mm": [1.0, 0.4, 0.4], "seed": 0,
        "lesions": lesions, "slices": slices, "inputs": [],
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    files::write_json(data.join(rimforge::data::dataset::MANIFEST), &manifest).unwrap();
    let sha256 = Prepared::open(&data).unwrap().sha256().to_owned();
    let images: Vec<Value> = (0..10)
        .map(|seed| {
            let path = format!("seed{seed:04}.npy");
            json!({"path": path, "sha256": image_file(&root.join("synthetic").join(&path), 90_000 + seed, made)})
        })
        .collect();
    files::write_json(root.join("synthetic/record.json"), &json!({"data_sha256": sha256, "images": images})).unwrap();
    let record = json!({
        "data_sha256": sha256, "network_sha256": "0", "features": "none", "steps": 1, "seed": 0,
        "lesions": projections, "feature_choice": [], "rim_measure": null, "without_core": 0, "flag_rates": [],
        "images": []
    });
    files::write_json(root.join("denoised/record.json"), &record).unwrap();
}

fn image_file(path: &Path, seed: u32, made: Made) -> String {
    let shape = [made.contrasts.len() as u64, SIDE as u64, SIDE as u64];
    patch_file::write(path, &shape, &only(&slice(seed, true, true).0, made.contrasts)).unwrap()
}

fn command(root: &Path, out: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(root).args(["segment", "--data", "data", "--synthetic", "synthetic", "--denoised", "denoised"]);
    command.args(["--out", out, "--device", "cpu", "--width", "tiny", "--seeds", "1", "--draws", "200"]);
    command.args(["--batch", "8"]).args(more);
    if !more.contains(&"--steps") {
        command.args(["--steps", "60"]);
    }
    command
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn record(root: &Path, out: &str, more: &[&str]) -> SegmentRecord {
    let output = command(root, out, more).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&fs::read(root.join(out).join("record.json")).unwrap()).unwrap()
}

fn made(made: Made) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    prepared(&root, made);
    (folder, root)
}

#[test]
fn every_arm_finds_rings_and_no_ring_where_none_is() {
    let (_folder, root) = made(ALL);
    let found = record(&root, "out", &["--threads", "1", "--steps", "200"]);
    let names: Vec<&str> = found.arms.iter().map(|arm| arm.key.as_str()).collect();
    assert_eq!(names, ["real", "synthetic", "denoised", "both"]);
    assert_eq!(found.contrasts, ["chimap", "flair"]);
    assert_eq!((found.test.traced, found.test.rim_free, found.test.traced_patients), (6, 6, 6));
    for arm in &found.arms {
        let of = |key: &str| arm.measures[key].value;
        assert!(of("dice") > 0.6 && of("surface-dice") > 0.6 && of("centreline-dice") > 0.6, "{arm:?}");
        assert!(of("hd95") < 4.0 && of("missed") == 0.0 && of("auroc") > 0.8, "{arm:?}");
        assert!(arm.measures.values().all(|i| i.low <= i.value && i.value <= i.high), "{arm:?}");
        assert_eq!(arm.differences.is_empty(), arm.key == "real");
        assert!((arm.dice_by_seed[0] - of("dice")).abs() < 1e-12 && arm.dice_by_seed.len() == 1, "{arm:?}");
    }
    assert!(found.arms[3].lesions.contains("10 synthetic rim") && found.arms[3].lesions.contains("12 denoised"));
    assert!(found.simulated && found.readers_dice.is_none());
    let picture = fs::read(root.join("out/rims.png")).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && picture.windows(9).any(|part| part == b"SIMULATED"));
    // What is computed does not depend on the number of threads; what is done is kept.
    assert_eq!(record(&root, "two", &["--threads", "2", "--steps", "200"]), found);
    let output = command(&root, "out", &["--threads", "1", "--steps", "200", "--json"]).output().unwrap();
    assert_eq!(serde_json::from_slice::<SegmentRecord>(&output.stdout).unwrap(), found);
}

#[test]
fn killed_runs_and_records_cut_short_end_as_one_in_one_piece() {
    let (_folder, root) = made(ALL);
    record(&root, "straight", &["--threads", "1"]);
    let expected = outcome(&root.join("straight"));
    for pause in [300, 700, 1500] {
        let mut child = command(&root, "killed", &["--threads", "1"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        let _ = child.kill();
        child.wait().unwrap();
    }
    record(&root, "killed", &["--threads", "1"]);
    assert_eq!(outcome(&root.join("killed")), expected);
    let path = root.join("killed/record.json");
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let fit = root.join("killed/fits/both-seed0.safetensors");
    let bytes = fs::read(&fit).unwrap();
    fs::write(&fit, &bytes[..bytes.len() - 5]).unwrap();
    record(&root, "killed", &["--threads", "1"]);
    assert_eq!(outcome(&root.join("killed")), expected);
    // Another seed: nothing of the old one is left.
    record(&root, "killed", &["--threads", "1", "--seed", "5", "--arms", "real"]);
    assert_ne!(outcome(&root.join("killed"))["record.json"], expected["record.json"]);
}

#[test]
fn a_test_image_among_what_is_added_is_found_even_with_another_mask() {
    let (_folder, root) = made(ALL);
    let data = Prepared::open(root.join("data")).unwrap();
    let mut pixels = data.test().image(2).unwrap().pixels;
    pixels.chunks_exact_mut(SIDE).for_each(<[f32]>::reverse);
    // The mask is another one than the test lesion's.
    pixels[PLANE..2 * PLANE].fill(-1.0);
    let path = root.join("synthetic/seed0003.npy");
    let sha256 = patch_file::write(&path, &[3, SIDE as u64, SIDE as u64], &pixels).unwrap();
    let record = root.join("synthetic/record.json");
    let mut known: Value = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    known["images"][3]["sha256"] = json!(sha256);
    fs::write(&record, known.to_string()).unwrap();
    let output = command(&root, "out", &[]).output().unwrap();
    assert!(output.status.code() == Some(5) && said(&output).contains("a leak"), "{}", said(&output));
    // A network of other data is refused as elsewhere.
    known["data_sha256"] = json!("0".repeat(64));
    fs::write(&record, known.to_string()).unwrap();
    let output = command(&root, "out", &[]).output().unwrap();
    assert!(output.status.code() == Some(5) && said(&output).contains("trained on data"), "{}", said(&output));
}

#[test]
fn without_flair_it_works_and_without_masks_it_says_what_is_missing() {
    let (_folder, root) = made(Made { contrasts: &["chimap", "rim"], test_rims: 1, ..ALL });
    let found = record(&root, "out", &["--arms", "real,both"]);
    assert_eq!(found.contrasts, ["chimap"]);
    // One patient alone has a rim: a number, no interval, and it is said.
    let dice = &found.arms[0].measures["dice"];
    assert!(dice.low == dice.value && dice.method.contains("no interval"), "{dice:?}");
    assert!(found.notes.iter().any(|note| note.contains("One patient alone")), "{:?}", found.notes);
    for (what, made_of, words) in [
        ("no map", Made { contrasts: &["chimap", "flair"], ..ALL }, "no traced rims among the contrasts"),
        ("no image", Made { contrasts: &["rim"], ..ALL }, "no image beside them"),
        ("nothing traced", Made { traced: false, ..ALL }, "no training rim with a traced mask"),
        ("no test rim", Made { test_rims: 0, ..ALL }, "no held-out rim with a traced mask"),
    ] {
        let (_folder, root) = made(made_of);
        let output = command(&root, "out", &["--arms", "real"]).output().unwrap();
        assert!(output.status.code() == Some(3) && said(&output).contains(words), "{what}: {}", said(&output));
        assert!(!root.join("out/record.json").exists());
    }
    let mut without = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    without.current_dir(&root).args(["segment", "--data", "data", "--out", "o", "--arms", "synthetic"]);
    let output = without.output().unwrap();
    assert!(output.status.code() == Some(2) && said(&output).contains("--synthetic"), "{}", said(&output));
}

#[test]
fn a_study_needs_several_contrasts_with_the_mask_among_them_and_what_its_arms_add() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    fs::write(&path, crate::settings::STUDY).unwrap();
    let load = |set: &[&str]| {
        let set: Vec<String> = set.iter().map(|set| (*set).to_owned()).collect();
        rimforge::study::RimStudy::load(&path, &set).map_err(|problem| problem.to_string())
    };
    let refused = |set: &[&str], words: &str| {
        let said = load(set).unwrap_err();
        assert!(said.contains(words), "{set:?}: {said}");
    };
    let segment = "segment.seeds=2";
    refused(&[segment], "[segment] without [multi_contrast]");
    refused(&[segment, "multi_contrast.contrasts=[\"chimap\", \"flair\"]"], "\"rim\" among them");
    refused(&[segment, "multi_contrast.denoise=0"], "\"denoised\" in segment.arms with multi_contrast.denoise = 0");
    let real = "segment.arms=[\"real\"]";
    assert!(load(&[segment, real, "multi_contrast.denoise=0"]).is_ok());
    let study = load(&[segment, "multi_contrast.denoise=8"]).unwrap();
    assert_eq!(study.segment.map(|segment| segment.seeds), Some(2));
}

/// The cohort's maps of tracings for the test rims of a data set: both readers traced what is in the first slice of a
/// lesion, one of them what is in the second. Gives the mean Dice of the two by hand.
fn traced_twice(root: &Path) -> f64 {
    let path = root.join("data").join(rimforge::data::dataset::MANIFEST);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut dices = vec![];
    for patient in 12..18u32 {
        let planes: Vec<Vec<f32>> =
            (0..2).map(|z| slice(1000 * patient + z, true, true).0[PLANE..2 * PLANE].to_vec()).collect();
        let share = |z: usize, value: f32| if value > 0.0 { [1.0, 0.5][z] } else { 0.0 };
        let data = (0..2).flat_map(|z| planes[z].iter().map(move |&value| share(z, value))).collect();
        let traced = |z: usize| planes[z].iter().filter(|&&value| value > 0.0).count() as f64;
        dices.push(2.0 * traced(0) / (2.0 * traced(0) + traced(1)));
        let name = format!("derivatives/lesions/sub-{patient}/anat/sub-{patient}_desc-rim_probseg.nii.gz");
        let file = root.join("cohort").join(&name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let grid = Grid::new([SIDE, SIDE, DEPTH], Affine::IDENTITY);
        nifti::write(&file, &Volume { grid, data }, "of a test").unwrap();
        manifest["inputs"].as_array_mut().unwrap().push(json!({
            "path": name, "sha256": files::sha256(&file).unwrap()
        }));
    }
    fs::write(&path, manifest.to_string()).unwrap();
    dices.iter().sum::<f64>() / dices.len() as f64
}

/// The data set lies where one of the header's two forms says; whichever it is, and no other place.
#[test]
fn readers_are_compared_where_the_data_set_lies() {
    let (_folder, root) = made(ALL);
    let expected = traced_twice(&root);
    let options = ["--arms", "real", "--steps", "10", "--cohort", "cohort"];
    let found = record(&root, "out", &options).readers_dice.unwrap();
    assert!((found.value - expected).abs() < 1e-9, "{found:?}, {expected} by hand");
    let shifted = |at: usize| {
        let path = root.join("data").join(rimforge::data::dataset::MANIFEST);
        let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for input in manifest["inputs"].as_array_mut().unwrap() {
            let file = root.join("cohort").join(input["path"].as_str().unwrap());
            let mut bytes = vec![];
            flate2::read::GzDecoder::new(fs::File::open(&file).unwrap()).read_to_end(&mut bytes).unwrap();
            bytes[at..at + 4].copy_from_slice(&5f32.to_le_bytes());
            let mut packed = GzEncoder::new(fs::File::create(&file).unwrap(), Compression::fast());
            packed.write_all(&bytes).and_then(|()| packed.finish()).unwrap();
            input["sha256"] = json!(files::sha256(&file).unwrap());
        }
        fs::write(&path, manifest.to_string()).unwrap();
    };
    // The sform is moved; then the qform, too.
    shifted(292);
    let found = record(&root, "moved", &options).readers_dice.unwrap();
    assert!((found.value - expected).abs() < 1e-9, "{found:?}");
    shifted(268);
    let output = command(&root, "elsewhere", &options).output().unwrap();
    let text = said(&output);
    assert!(output.status.code() == Some(3) && text.contains("lies elsewhere than the data set's lesions"), "{text}");
}

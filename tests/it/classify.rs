//! `rimforge classify` as a user runs it: rings against discs in a tiny prepared data set.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use rand::RngExt;
use rimforge::data::dataset::MANIFEST;
use rimforge::data::manifest::{Class, Classes, Items, Lesion, Manifest, SCHEMA, Slice, Split};
use rimforge::data::patch_file;
use rimforge::name::{Inside, Name};
use rimforge::records::classify::{ArmRecord, ClassifyRecord};
use rimforge::records::label::{Contrast, Window};
use rimforge::seed::RunSeed;
use serde_json::json;

use crate::leftovers::{assert_nothing_unfinished, leave_unfinished};

const SIDE: u32 = 16;
const DEPTH: u32 = 2;

/// A ring or a disc of random size and place on noise, values -100..100.
fn phantom(ring: bool, rng: &mut impl rand::Rng) -> Vec<f32> {
    let radius = rng.random_range(3.0..5.5f32);
    let (cx, cy) = (rng.random_range(6.5..9.5f32), rng.random_range(6.5..9.5f32));
    let mut pixels = Vec::new();
    for at in 0..SIDE * SIDE {
        let distance = ((at % SIDE) as f32 - cx).hypot((at / SIDE) as f32 - cy);
        let inside = if ring { (distance - radius).abs() < 1.1 } else { distance < radius };
        pixels.push(if inside { 40.0 } else { -40.0 } + rng.random_range(-30.0..30.0f32));
    }
    pixels
}

pub struct Folders {
    _temporary: tempfile::TempDir,
    pub root: PathBuf,
}

impl Folders {
    pub fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

/// 20 training, 8 validation and 16 test patients with a rim, two non-rims and a contested ring or disc each, truth
/// beside it; 12 synthetic rings; projections (rings again) of the training side's contested lesions.
pub fn prepared() -> Folders {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().to_owned();
    let data = root.join("data");
    for folder in ["data/patches", "synthetic", "denoised"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    let mut rng = RunSeed(5).stream("phantoms", 0);
    let mut manifest = Manifest {
        schema: SCHEMA,
        simulated: true,
        contrasts: vec![Contrast {
            name: "chimap".into(),
            unit: "ppb".into(),
            window: Window { low: -100.0, high: 100.0 },
        }],
        patch: [DEPTH, SIDE, SIDE],
        patient_source: "participant_id".into(),
        voxel_mm: Some([1.0, 0.4, 0.4]),
        seed: 0,
        classes: Classes::of_readers(),
        items: Items::Slices,
        lesions: vec![],
        slices: vec![],
        inputs: vec![],
    };
    let mut truth = String::from("participant_id\tlesion_id\ttrue_rim\n");
    let mut projections = vec![];
    for patient in 0..44u32 {
        let split = match patient {
            0..20 => Split::Train,
            20..28 => Split::Validation,
            _ => Split::Test,
        };
        for number in 1..=4u32 {
            let (reader1, reader2) = [(true, true), (false, false), (false, false), (true, false)][number as usize - 1];
            let ring = number == 1 || number == 4 && patient % 2 == 0;
            let (name, id) = (format!("sub-{patient:03}"), format!("sub-{patient:03}_lesion-{number:03}"));
            truth.push_str(&format!("{name}\t{number}\t{}\n", u8::from(ring)));
            let pixels: Vec<f32> = (0..DEPTH).flat_map(|_| phantom(ring, &mut rng)).collect();
            let id = Name::of_known(&id);
            let patch = Inside::of("patches", &id, ".npy");
            let lesion = manifest.lesions.len() as u32;
            let shape = [1, u64::from(DEPTH), u64::from(SIDE), u64::from(SIDE)];
            manifest.lesions.push(Lesion {
                sha256: patch_file::write(&data.join(&patch), &shape, &pixels).unwrap(),
                id: id.clone(),
                patient: name.clone(),
                centre: [0; 3],
                affine: rimforge::nifti::Affine::IDENTITY,
                patch_affine: None,
                reader1: Some(reader1),
                reader2: Some(reader2),
                class: Class::of_votes(reader1, reader2),
                label: None,
                split,
                voxels: 100,
                patch,
                mask: None,
                mask_sha256: None,
            });
            manifest.slices.extend((0..DEPTH).map(|z| Slice { lesion, z, voxels: 50 }));
            if number == 4 && split == Split::Train {
                let image = format!("{id}_z00.npy");
                let sha256 = write_slice(&root.join("denoised").join(&image), &mut rng);
                projections.push(projected(&id, &name, &image, &sha256));
            }
        }
    }
    std::fs::write(data.join(MANIFEST), serde_json::to_string(&manifest).unwrap()).unwrap();
    std::fs::write(root.join("truth.tsv"), truth).unwrap();
    let drawn = |seed: u32| {
        let path = format!("seed{seed:04}.npy");
        let sha256 = write_slice(&root.join("synthetic").join(&path), &mut rng);
        json!({"path": path, "sha256": sha256})
    };
    let images: Vec<_> = (0..12).map(drawn).collect();
    std::fs::write(
        root.join("synthetic/record.json"),
        json!({"data_sha256": data_sha256(&root), "images": images}).to_string(),
    )
    .unwrap();
    write_projections(&root, projections);
    Folders { _temporary: temporary, root }
}

/// Of the data set in the folders.
fn data_sha256(root: &Path) -> String {
    rimforge::data::Prepared::open(root.join("data")).unwrap().sha256().to_owned()
}

fn write_projections(root: &Path, lesions: Vec<serde_json::Value>) {
    let record = json!({
        "data_sha256": data_sha256(root),
        "network_sha256": "0", "features": "none", "steps": 1, "seed": 0, "lesions": lesions, "feature_choice": [],
        "rim_measure": null, "without_core": 0, "flag_rates": [], "images": []
    });
    std::fs::write(root.join("denoised/record.json"), record.to_string()).unwrap();
}

/// A ring in the network's range; gives the file's hash.
fn write_slice(path: &Path, rng: &mut impl rand::Rng) -> String {
    let pixels: Vec<f32> = phantom(true, rng).into_iter().map(|value| value / 100.0).collect();
    patch_file::write(path, &[1, u64::from(SIDE), u64::from(SIDE)], &pixels).unwrap()
}

/// Puts a test slice in the place of the first synthetic one, with a record that is in order.
pub fn leak(folders: &Folders, mirrored: bool) {
    let data = rimforge::data::Prepared::open(folders.at("data")).unwrap();
    let mut pixels = data.test().image(3).unwrap().pixels;
    if mirrored {
        pixels.chunks_exact_mut(SIDE as usize).for_each(<[f32]>::reverse);
    }
    let folder = folders.at("synthetic");
    let sha256 = patch_file::write(&folder.join("seed0000.npy"), &[1, u64::from(SIDE), u64::from(SIDE)], &pixels);
    let record = folder.join("record.json");
    let mut known: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    known["images"][0]["sha256"] = json!(sha256.unwrap());
    std::fs::write(record, known.to_string()).unwrap();
}

fn projected(id: &str, patient: &str, image: &str, sha256: &str) -> serde_json::Value {
    json!({
        "lesion_id": id, "patient": patient, "slice": 0, "role": "ambiguous", "distance": 0.0, "contrast_before": 0.0,
        "contrast_after": 0.0, "w_distance": 0.0, "rim_erased": false, "rim_invented": false, "lesion_rms": 0.0,
        "slice_rms": 0.0, "figure": "figures/x.png", "image": image, "image_sha256": sha256, "true_rim": null
    })
}

pub fn classify(folders: &Folders, out: &str, more: &[&str]) -> Output {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.arg("classify").arg("--device").arg("cpu");
    for (option, folder) in [("--data", "data"), ("--synthetic", "synthetic"), ("--denoised", "denoised")] {
        command.arg(option).arg(folders.at(folder));
    }
    command.arg("--out").arg(folders.at(out)).args(["--batch", "16", "--epochs", "15", "--extra", "8"]).args(more);
    command.output().unwrap()
}

pub fn record(folders: &Folders, out: &str) -> ClassifyRecord {
    serde_json::from_slice(&std::fs::read(folders.at(out).join("record.json")).unwrap()).unwrap()
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn all_arms_of_the_paper_separate_rings_from_discs_with_equal_steps() {
    let folders = prepared();
    let truth = folders.at("truth.tsv");
    let output = classify(&folders, "out", &["--seeds", "1", "--truth", truth.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("SIMULATED") && shown.contains("against the true label"), "{shown}");

    let record = record(&folders, "out");
    let names: Vec<&str> = record.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(names, ["None", "Ambiguous", "Affine", "ADA-GAN", "ADA-GAN-LD", "ADA-GAN+LD"]);
    // 20 rims and 40 non-rims of 2 slices; 15 passes in batches of 16; a third of a batch are rims.
    assert_eq!((record.optimiser_steps, record.rims_per_batch, record.extra_rims), (120 * 15 / 16 + 1, 5, 8));
    assert_eq!((record.test.lesions, record.test.rims, record.test.ambiguous, record.test.patients), (64, 16, 16, 16));
    for arm in &record.arms {
        let auroc = &arm.against_truth["auroc"];
        assert!(auroc.value > 0.9 && auroc.low > 0.8, "{} {auroc:?}", arm.name);
        let counts = arm.per_seed[0].confusion;
        let all = counts.true_positive + counts.false_positive + counts.true_negative + counts.false_negative;
        assert_eq!(all, 64);
        assert!(arm.against_readers["certain_auprc"].value >= arm.against_readers["auprc"].value);
    }
    // Half of the contested lesions are rims.
    let precision = record.arms[4].extra_label_precision.as_ref().unwrap();
    assert!(precision.n == 8 && precision.low < 0.5 && precision.high > 0.5, "{precision:?}");
    assert_eq!(record.arms[2].training_slices[1], ("real non-rim".to_owned(), 64));
    assert!(folders.at("out/cam.png").exists());

    // The same seed gives the same bytes, whatever the threads; finished fits are not done again.
    let again = classify(&folders, "again", &["--seeds", "1", "--threads", "1", "--truth", truth.to_str().unwrap()]);
    assert!(again.status.success(), "{}", text(&again));
    let bytes = |name: &str| std::fs::read(folders.at(name)).unwrap();
    assert!(bytes("out/record.json") == bytes("again/record.json"), "records differ");
    assert!(bytes("out/fits/none-seed0.safetensors") == bytes("again/fits/none-seed0.safetensors"));

    // Losing one fit costs one fit.
    let written = |arm: &str| std::fs::metadata(folders.at("out/fits").join(arm)).unwrap().modified().unwrap();
    let before = written("none-seed0.safetensors");
    std::fs::remove_file(folders.at("out/fits/ada-gan+ld-seed0.safetensors")).unwrap();
    std::fs::remove_file(folders.at("out/record.json")).unwrap();
    leave_unfinished(&folders.at("out"));
    let resumed = classify(&folders, "out", &["--seeds", "1", "--truth", truth.to_str().unwrap()]);
    assert!(resumed.status.success(), "{}", text(&resumed));
    assert_nothing_unfinished(&folders.at("out"));
    assert_eq!(written("none-seed0.safetensors"), before);
    assert!(bytes("out/record.json") == bytes("again/record.json"), "the resumed record differs");
}

#[test]
fn shuffled_labels_teach_nothing_and_leaked_test_lesions_do() {
    let folders = prepared();
    let scored = |out: &str, more: &[&str]| {
        let output = classify(&folders, out, more);
        assert!(output.status.success(), "{}", text(&output));
        record(&folders, out)
    };
    // One shuffle may by chance say much about rings and discs, or its opposite: many shuffles together say nothing.
    let chance = |arm: &ArmRecord| {
        let each: Vec<f64> = arm.per_seed.iter().map(|seed| seed.against_readers["certain_auroc"]).collect();
        assert_eq!(each.len(), 8);
        let mean = each.iter().sum::<f64>() / 8.0;
        let deviation = (each.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 7.0).sqrt();
        // The 97.5th percentile of Student's t with 7 degrees of freedom.
        let half = 2.365 * deviation / 8f64.sqrt();
        assert!((mean - 0.5).abs() < half, "{each:?}");
    };
    let shuffled = scored("shuffled", &["--arms", "none", "--seeds", "8", "--control", "shuffle-labels"]);
    assert_eq!(shuffled.control.as_deref(), Some("shuffle-labels"));
    chance(&shuffled.arms[0]);
    chance(&scored("arm", &["--arms", "none,shuffled-labels", "--seeds", "8"]).arms[1]);
    let leaked = scored("leaked", &["--arms", "none", "--seeds", "2", "--control", "duplicate-leak"]);
    let leaked = &leaked.arms[0].against_readers["certain_auroc"];
    assert!(leaked.value > 0.95, "{leaked:?}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folders = prepared();
    let refused = |output: Output, code: i32, says: &str| {
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(says) && !text.contains("panicked"), "{text}");
    };
    let data = folders.at("data");
    let mut bare = Command::cargo_bin("rimforge").unwrap();
    bare.args(["classify", "--device", "cpu", "--arms", "ada-gan", "--data"]).arg(&data);
    refused(
        bare.arg("--out").arg(folders.at("bare")).output().unwrap(),
        2,
        "give slices that generate drew (--synthetic)",
    );

    refused(classify(&folders, "x", &["--arms", "none,none"]), 2, "arm None is named twice");

    std::fs::write(folders.at("synthetic/record.json"), "{\"data_sha256\": \"of another cohort\"}").unwrap();
    refused(classify(&folders, "x", &["--arms", "ada-gan"]), 5, "trained on data of another cohort");

    // A projected test lesion must not be trained on.
    let leak = write_slice(&folders.at("denoised/leak.npy"), &mut RunSeed(0).stream("leak", 0));
    write_projections(&folders.root, vec![projected("sub-040_lesion-004", "sub-040", "leak.npy", &leak)]);
    refused(classify(&folders, "x", &["--arms", "ada-gan-ld"]), 5, "on the test side");
    write_projections(&folders.root, vec![projected("sub-999_lesion-001", "sub-999", "leak.npy", &leak)]);
    refused(classify(&folders, "x", &["--arms", "ada-gan-ld"]), 3, "is not in");

    let wrong = patch_file::write(&folders.at("denoised/wrong.npy"), &[1, 8, 8], &[0f32; 64]).unwrap();
    write_projections(&folders.root, vec![projected("sub-000_lesion-004", "sub-000", "wrong.npy", &wrong)]);
    refused(classify(&folders, "x", &["--arms", "ada-gan-ld"]), 3, "[1, 8, 8]");
}

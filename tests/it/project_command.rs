//! `rimforge project` as a user runs it: a tiny prepared data set, a small random network, a few steps.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use rimforge::data::dataset::MANIFEST;
use rimforge::data::manifest::{Class, Classes, Items, Lesion, Manifest, SCHEMA, Slice, Split};
use rimforge::data::patch_file;
use rimforge::name::{Inside, Name};
use rimforge::nets::weights::save_network;
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use rimforge::records::label::{Contrast, NetworkLabel, Window};
use rimforge::records::perturbation::PerturbationRecord;
use rimforge::records::projection::ProjectionRecord;
use rimforge::seed::RunSeed;
use tch::Device;

use crate::leftovers::{assert_nothing_unfinished, leave_unfinished};

const SIDE: u32 = 32;

/// Rings (40 ppb, both readers), discs (no reader) and half rings (one reader) of radius 8 on three slices.
///
/// Six training patients with one lesion of each kind, two validation patients likewise, two test patients.
pub fn prepare(root: &Path) {
    std::fs::create_dir_all(root.join("patches")).unwrap();
    let window = Window { low: -100.0, high: 100.0 };
    let mut manifest = Manifest {
        schema: SCHEMA,
        simulated: true,
        contrasts: vec![Contrast { name: "chimap".into(), unit: "ppb".into(), window }],
        patch: [3, SIDE, SIDE],
        patient_source: "participant_id".into(),
        voxel_mm: Some([1.0, 0.4, 0.4]),
        seed: 0,
        classes: Classes::of_readers(),
        items: Items::Slices,
        lesions: vec![],
        slices: vec![],
        inputs: vec![],
    };
    for patient in 0..10u32 {
        for (number, (reader1, reader2)) in [(true, true), (true, false), (false, false)].into_iter().enumerate() {
            let index = manifest.lesions.len() as u32;
            let id = Name::of_known(&format!("sub-{patient:03}_lesion-{number:03}"));
            let from_middle = |at: u32| f64::from(at) - f64::from(SIDE / 2);
            let radius = |at: u32| from_middle(at % SIDE).hypot(from_middle(at / SIDE % SIDE));
            let voxels = SIDE * SIDE * 3;
            let value = |at: u32| {
                let texture = f64::from((at * 7919 + index * 104_729) % 101) * 0.1 - 5.0;
                let edge = radius(at) > 5.0 && radius(at) <= 8.0;
                let shown = edge && (number == 0 || number == 1 && at % SIDE < SIDE / 2);
                (texture + if shown { 40.0 + f64::from(patient) } else { 0.0 }) as f32
            };
            let values: Vec<f32> = (0..voxels).map(value).collect();
            let mask: Vec<u8> = (0..voxels).map(|at| u8::from(radius(at) <= 8.0)).collect();
            let (patch, mask_file) = (Inside::of("patches", &id, ".npy"), Inside::of("patches", &id, "_mask.npy"));
            let shape = [3, u64::from(SIDE), u64::from(SIDE)];
            manifest.lesions.push(Lesion {
                sha256: patch_file::write(&root.join(&patch), &[1, shape[0], shape[1], shape[2]], &values).unwrap(),
                mask_sha256: Some(patch_file::write(&root.join(&mask_file), &shape, &mask).unwrap()),
                id,
                patient: format!("sub-{patient:03}"),
                centre: [0, 0, 0],
                affine: rimforge::nifti::Affine::IDENTITY,
                patch_affine: None,
                reader1: Some(reader1),
                reader2: Some(reader2),
                class: Class::of_votes(reader1, reader2),
                label: None,
                split: if patient < 6 { Split::Train } else { [Split::Validation, Split::Test][patient as usize % 2] },
                voxels: mask.iter().map(|&v| u64::from(v)).sum(),
                patch,
                mask: Some(mask_file),
            });
            manifest.slices.extend((0..3).map(|z| Slice { lesion: index, z, voxels: 200 + z % 2 }));
        }
    }
    std::fs::write(root.join(MANIFEST), serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// A random network for them.
pub fn network(path: &Path) {
    let config = GeneratorConfig {
        z_dim: 16,
        w_dim: 16,
        channel_base: 256,
        channel_max: 16,
        ..GeneratorConfig::small(i64::from(SIDE), 1)
    };
    let generator = Generator::new(&config, RunSeed(5), Device::Cpu).unwrap();
    let discriminator = Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(5), Device::Cpu).unwrap();
    save_network(path, &generator, Some(&discriminator), NetworkLabel::default()).unwrap();
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder.path().join("data"));
        network(&folder.path().join("network-last.safetensors"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn project(&self, more: &[&str]) -> Output {
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.current_dir(self.folder.path()).args(["project", "--out", "out", "--network", "."]);
        command.args(["--device", "cpu", "--threads", "1", "--steps", "3", "--seed", "4"]).args(more);
        command.output().unwrap()
    }

    /// Raises the edge of the half ring to `edge` ppb all round in the other slices of a patient's contested lesion.
    fn others_show(&self, patient: u32, edge: f32) {
        let (root, file) = (self.path("data"), self.path("data").join(MANIFEST));
        let mut manifest: Manifest = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let lesion = &mut manifest.lesions[3 * patient as usize + 1];
        let (path, shape) = (root.join(&lesion.patch), [1, 3, u64::from(SIDE), u64::from(SIDE)]);
        let mut values: Vec<f32> = patch_file::read(&path, &shape, &lesion.sha256).unwrap();
        for (at, value) in (0u32..).zip(&mut values).filter(|(at, _)| at / SIDE / SIDE != 1) {
            let from_middle = |at: u32| f64::from(at) - f64::from(SIDE / 2);
            let radius = from_middle(at % SIDE).hypot(from_middle(at / SIDE % SIDE));
            if radius > 5.0 && radius <= 8.0 {
                *value = edge;
            }
        }
        lesion.sha256 = patch_file::write(&path, &shape, &values).unwrap();
        std::fs::write(file, serde_json::to_vec(&manifest).unwrap()).unwrap();
    }

    fn record(&self) -> ProjectionRecord {
        serde_json::from_slice(&std::fs::read(self.path("out/record.json")).unwrap()).unwrap()
    }
}

#[test]
fn lesions_and_controls_are_projected_judged_and_not_redone() {
    let place = Place::new();
    let options = ["--data", "data", "--controls", "2", "--choose-features", "2", "--batch", "4"];
    let output = place.project(&options);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let record = place.record();
    let data = rimforge::data::Prepared::open(place.path("data")).unwrap();
    assert_eq!(record.projected_sha256.as_deref(), Some(data.sha256()));
    let roles = |role: &str| record.lesions.iter().filter(|lesion| lesion.role == role).count();
    assert_eq!([roles("ambiguous"), roles("rim"), roles("non-rim")], [6, 2, 2]);
    let side = |patient: &str| patient[4..].parse::<u32>().unwrap() < 6;
    assert!(record.lesions.iter().all(|lesion| side(&lesion.patient) == (lesion.role == "ambiguous")));
    // The slice that cuts most of the lesion is the middle one; a half ring shows about half of 40 ppb.
    assert!(record.lesions.iter().all(|lesion| lesion.slice == 1 && lesion.true_rim.is_none()));
    let ambiguous = record.lesions.iter().find(|lesion| lesion.role == "ambiguous").unwrap();
    assert!((10.0..30.0).contains(&ambiguous.contrast_before), "{}", ambiguous.contrast_before);
    let measure = record.rim_measure.as_ref().unwrap();
    assert_eq!((measure.training_rims, measure.unit.as_str()), (6, "ppb"));
    assert!(measure.absent < measure.present && measure.absent > 30.0, "{measure:?}");
    assert_eq!(record.feature_choice.len(), 3);
    assert_eq!(record.feature_choice.iter().filter(|choice| choice.chosen).count(), 1);
    let chosen = record.feature_choice.iter().find(|choice| choice.chosen).unwrap();
    assert_eq!(chosen.features, record.features);
    assert!(said.contains("interval"), "no share without its interval: {said}");
    let w = zip::ZipArchive::new(std::fs::File::open(place.path("out/projected_w.npz")).unwrap())
        .unwrap()
        .by_name("w.npy")
        .map(|file| npyz::NpyFile::new(file).unwrap().shape().to_vec())
        .unwrap();
    assert_eq!(w, [10, 8, 16]);

    let image = |lesion: usize| place.path("out").join(&record.lesions[lesion].image);
    let touched = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let (kept, remade) = (touched(&image(0)), std::fs::read(image(1)).unwrap());
    std::fs::remove_file(image(1)).unwrap();
    assert!(place.project(&options).status.success());
    assert_eq!(touched(&image(0)), kept, "a finished projection was redone");
    // Its whole batch was projected again: the same bits, which one image alone would not have.
    assert!(std::fs::read(image(1)).unwrap() == remade);
    // Nothing left to do: the same record to the byte.
    let after = std::fs::read(place.path("out/record.json")).unwrap();
    leave_unfinished(&place.path("out"));
    assert!(place.project(&options).status.success());
    assert_nothing_unfinished(&place.path("out"));
    assert!(std::fs::read(place.path("out/record.json")).unwrap() == after, "the record changed");
}

/// What the projected slice shows is the same in all of them: half a ring.
#[test]
fn the_other_slices_of_a_lesion_say_how_far_it_is_pulled() {
    let place = Place::new();
    place.others_show(0, 60.0);
    place.others_show(1, -20.0);
    let after = |evidence: &str| -> Vec<f64> {
        let output =
            place.project(&["--data", "data", "--features", "pixels", "--towards-rim", "1", "--evidence", evidence]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        place.record().lesions.iter().map(|lesion| lesion.contrast_after).collect()
    };
    let (slice, lesion) = (after("slice"), after("lesion"));
    assert!(lesion[0] > slice[0] && lesion[1] < slice[1], "{slice:?} {lesion:?}");
    // Evidence of other data: what was made is made again, though the projected slice and the settings are the same.
    place.others_show(0, -20.0);
    let less = after("lesion");
    assert!(less[0] < lesion[0], "{lesion:?} {less:?}");
}

#[test]
fn plain_images_are_projected_without_a_data_set() {
    let place = Place::new();
    let output = place.project(&["--data", "data", "--limit", "1"]);
    assert!(output.status.success());
    let image = place.path("out").join(&place.record().lesions[0].image);
    let target = place.path("mine.npy");
    std::fs::copy(image, &target).unwrap();
    let output = place.project(&["--images", "mine.npy", "--features", "pixels"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = place.record();
    assert_eq!(record.features, "multi-scale pixels");
    assert_eq!((record.images.len(), record.images[0].id.as_str(), record.lesions.len()), (1, "mine", 0));
    assert!(place.path("out").join(&record.images[0].figure).exists());
}

#[test]
fn unusable_requests_are_refused_with_advice() {
    let place = Place::new();
    let refused = |more: &[&str], code: i32, words: &str| {
        let output = place.project(more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {said}");
        assert!(said.contains(words), "{more:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    };
    refused(&["--data", "data", "--features", "vgg"], 2, "random-vgg, pixels, discriminator");
    refused(&["--data", "data", "--split", "test"], 2, "train");
    refused(&["--data", "data", "--condition", "1"], 2, "unconditional");
    refused(&["--data", "absent"], 3, "rimforge prepare");
    refused(&["--data", "data", "--features", "absent.pt"], 3, "absent.pt");
    std::fs::write(place.path("wrong.npy"), b"x").unwrap();
    refused(&["--images", "wrong.npy"], 3, "wrong.npy");
    refused(&["--images", "wrong.npy", "--data", "data"], 2, "cannot be used with");
    std::fs::create_dir(place.path("empty")).unwrap();
    refused(&["--data", "data", "--network", "empty"], 2, "network");
}

#[test]
fn known_lesions_are_spoiled_projected_and_measured() {
    let place = Place::new();
    let perturb = |more: &[&str]| {
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.current_dir(place.folder.path()).args([
            "perturb",
            "--data",
            "data",
            "--network",
            ".",
            "--out",
            "spoiled",
        ]);
        command.args(["--device", "cpu", "--threads", "1", "--steps", "3", "--lesions", "2"]).args(more);
        command.output().unwrap()
    };
    let output = perturb(&[]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = std::fs::read(place.path("spoiled/record.json")).unwrap();
    let record: PerturbationRecord = serde_json::from_slice(&text).unwrap();
    let rows: Vec<_> =
        record.summary.iter().map(|row| (row.role.as_str(), row.corruption.as_str(), row.lesions)).collect();
    let names = ["none", "Gaussian noise", "salt and pepper", "blur", "inpainting"];
    assert_eq!(rows[..5], names.map(|name| ("rim", name, 2)));
    assert_eq!(rows[5..], [("training rim", "none", 2), ("non-rim", "none", 2)]);
    let untouched = &record.cases[0].corrupted;
    assert_eq!((untouched.ssim, untouched.mse, untouched.lesion_rms), (1.0, 0.0, 0.0));
    assert!(record.cases[1].corrupted.ssim < 0.9 && record.cases[1].corrupted.lesion_rms > 10.0);
    // Held out: the rims that are spoiled are not those that the generator may have learnt from.
    let patient = |case: &str| case[4..7].parse::<u32>().unwrap();
    assert!(record.cases.iter().all(|case| (patient(&case.lesion_id) < 6) == (case.role == "training rim")));
    assert_eq!(record.sheets.len(), 4);
    assert!(record.sheets.iter().all(|sheet| place.path("spoiled").join(&sheet.file).exists()));
    assert_eq!((record.erased.as_ref().unwrap().n, record.hallucinated.as_ref().unwrap().n), (2, 2));
    assert!(said.contains("rims invented in non-rims"), "{said}");
    // A second run finds all cases done.
    leave_unfinished(&place.path("spoiled"));
    assert!(perturb(&[]).status.success());
    assert_nothing_unfinished(&place.path("spoiled"));
    assert!(std::fs::read(place.path("spoiled/record.json")).unwrap() == text);
    let refused = perturb(&["--salt-and-pepper", "2"]);
    assert_eq!(refused.status.code(), Some(2));
}

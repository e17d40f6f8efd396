//! `rimforge prepare` on small cohorts and image sets, good and bad.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use rimforge::data::manifest::{Class, Split};
use rimforge::data::{self, PrepareConfig, Prepared, PreparedVolumes, Source};
use rimforge::lab::Lab;
use rimforge::observer::{Observer, Silent};
use rimforge::problem::Kind;
use rimforge::records::prepare::PrepareRecord;
use rimforge::seed::RunSeed;

use crate::cohort_files::{self, CohortFiles, SHAPE};
use crate::leftovers::{assert_nothing_unfinished, leave_unfinished};
use crate::stopping::StopAfter;

fn prepare(source: &str, from: &Path, out: &Path) -> Command {
    let mut command = Command::cargo_bin("rimforge").expect("the program");
    command.args(["prepare", source]).arg(from).arg("--out").arg(out);
    command
}

/// Runs on a cohort that was spoilt, expects exit code 3, and returns standard error.
fn refused(cohort: &CohortFiles) -> String {
    let out = cohort.root.parent().expect("a parent").join("data");
    let failed = prepare("--cohort", &cohort.root, &out).assert().code(3);
    assert!(!out.join("manifest.json").exists(), "a refused cohort left a manifest");
    let text = String::from_utf8(failed.get_output().stderr.clone()).expect("UTF-8");
    assert!(text.contains("rimforge: ") && text.contains("expected") && !text.contains("panicked"), "{text}");
    text
}

#[test]
fn a_cohort_becomes_patches_with_a_proven_split() {
    let cohort = CohortFiles::new(8);
    let out = cohort.root.parent().unwrap().join("data");
    let done = prepare("--cohort", &cohort.root, &out)
        .args(["--contrasts", "chimap,flair,rim", "--rim-softness", "0", "--json"])
        .assert()
        .success();
    let record: PrepareRecord = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!((record.patients, record.lesions, record.slices), (8, 24, 24 * 4));
    assert_eq!((record.patients_on_two_sides, record.pixel_hashes_on_two_sides), (0, 0));
    // 8 both, 8 one, 8 neither: observed .667, expected 1/3 * 2/3 + 2/3 * 1/3 = .444, kappa .4.
    approx::assert_abs_diff_eq!(record.kappa.unwrap(), 0.4, epsilon = 1e-12);
    assert_eq!(record.counts.iter().map(|side| side.patients).collect::<Vec<_>>(), [5, 1, 2]);
    assert!(!record.simulated);
    // One slice of a training patient's two images, the traced map left out; each of its lesions is cut by its own.
    let figure = record.patient_figure.unwrap();
    assert_eq!((figure.rims + figure.contested + figure.others, figure.rims), (1, 1));
    assert_eq!(figure.contrasts, ["chimap -80 to 120 ppb", "flair 0 to 2.5 x foreground median"]);
    let picture = fs::read(out.join(figure.file.as_str())).unwrap();
    assert!(picture.windows(figure.patient.len()).any(|part| part == figure.patient.as_bytes()));

    let prepared = Prepared::open(&out).unwrap();
    assert_eq!(prepared.image_shape(), [3, 64, 64]);
    let manifest = prepared.manifest();
    let voxel = manifest.voxel_mm.unwrap();
    approx::assert_abs_diff_eq!(voxel[0], 1.0, epsilon = 1e-6);
    approx::assert_abs_diff_eq!(voxel[2], 0.4, epsilon = 1e-6);
    let lesion = &manifest.lesions[1];
    assert_eq!(
        (lesion.id.as_str(), lesion.class.clone(), lesion.voxels),
        ("sub-001_lesion-002", Class::AMBIGUOUS, 143)
    );
    assert_eq!(lesion.centre, [23, 11, 8]);
    // The centre voxel of the patch, in ppb, is that of the file in ppm.
    let patch = prepared.patch(1).unwrap();
    let source = cohort_files::susceptibility(1)[(8 * SHAPE[1] + 11) * SHAPE[0] + 23];
    approx::assert_abs_diff_eq!(patch[(12 * 64 + 32) * 64 + 32], source * 1000.0, epsilon = 1e-3);
    // FLAIR is about 1 in the background, whatever the scanner's units were.
    let flair = &patch[24 * 64 * 64..2 * 24 * 64 * 64];
    let mean = flair.iter().sum::<f32>() / flair.len() as f32;
    assert!((0.8..1.3).contains(&mean), "{mean}");
    // The rim channel of a rim is its traced mask, and nothing beyond the border.
    let rim = &prepared.patch(0).unwrap()[2 * 24 * 64 * 64..];
    assert_eq!(rim.iter().filter(|&&value| value == 0.5).count(), 144);
    assert_eq!(prepared.mask(0).unwrap().unwrap().iter().filter(|&&value| value == 1).count(), 143);
    // Softened it covers more at the same sum.
    let soft = cohort.root.with_extension("soft");
    prepare("--cohort", &cohort.root, &soft).args(["--contrasts", "chimap,rim"]).assert().success();
    let rim = &Prepared::open(&soft).unwrap().patch(0).unwrap()[24 * 64 * 64..];
    assert!((rim.iter().sum::<f32>() - 72.0).abs() < 0.1 && rim.iter().all(|value| (0.0..0.5).contains(value)));
    assert!(rim.iter().filter(|&&value| value > 0.0).count() > 300);
    let image = prepared.training_of_interest().image(0).unwrap();
    assert!(image.pixels.iter().all(|value| (-1.0..=1.0).contains(value)));
}

/// One patient's map lies beside its lesion, another's holds next to nothing.
#[test]
fn agreed_rims_without_a_trace_are_told() {
    let cohort = CohortFiles::new(8);
    let notes = |name: &str| {
        let mut command = prepare("--cohort", &cohort.root, &cohort.root.with_file_name(name));
        let done = command.args(["--contrasts", "chimap,rim", "--json"]).assert().success();
        let record: PrepareRecord = serde_json::from_slice(&done.get_output().stdout).unwrap();
        record.notes.into_iter().filter(|note| note.contains("nothing is traced")).collect::<Vec<_>>()
    };
    assert!(notes("own").is_empty());
    let own = cohort_files::rim();
    let mut aside = own.clone();
    aside.rotate_right(SHAPE[0] * 12);
    cohort_files::nifti(&cohort.rim(2), &aside, 0.0);
    cohort_files::nifti(&cohort.rim(5), &own.iter().map(|share| share / 1000.0).collect::<Vec<_>>(), 0.0);
    let told = notes("odd");
    assert_eq!(told.len(), 1, "{told:?}");
    let expected =
        "in 2 of 8 lesions that both readers call a rim nothing is traced (sub-002_lesion-001, sub-005_lesion-001)";
    assert!(told[0].starts_with(expected), "{told:?}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_another_split() {
    let cohort = CohortFiles::new(9);
    let folder = cohort.root.parent().unwrap();
    let manifest = |name: &str, seed: &str| {
        prepare("--cohort", &cohort.root, &folder.join(name)).args(["--seed", seed]).assert().success();
        fs::read_to_string(folder.join(name).join("manifest.json")).unwrap()
    };
    let first = manifest("a", "1");
    assert_eq!(first, manifest("b", "1"));
    assert_eq!(first, manifest("a", "1"));
    assert!(
        ["2", "3", "4"]
            .iter()
            .any(|seed| manifest("c", seed).replace(&format!("\"seed\": {seed}"), "\"seed\": 1") != first)
    );
}

#[test]
fn sessions_flips_and_ppb_are_understood() {
    let cohort = CohortFiles::new(4);
    // The first patient's map is in ppb and says so.
    let ppb: Vec<f32> = cohort_files::susceptibility(1).iter().map(|value| value * 1000.0).collect();
    cohort_files::nifti(&cohort.chimap(1), &ppb, 0.0);
    let sidecar = cohort.chimap(1).with_file_name("sub-001_Chimap.json");
    fs::write(sidecar, r#"{"Units": "ppb"}"#).unwrap();
    // The second keeps its images in a session.
    let session = cohort.root.join("sub-002/ses-01/anat");
    fs::create_dir_all(&session).unwrap();
    fs::rename(cohort.chimap(2), session.join("sub-002_ses-01_Chimap.nii.gz")).unwrap();
    let out = cohort.root.parent().unwrap().join("data");
    prepare("--cohort", &cohort.root, &out).assert().success();
    let prepared = Prepared::open(&out).unwrap();
    let largest = |lesion| prepared.patch(lesion).unwrap().iter().fold(0f32, |most, value| most.max(value.abs()));
    for lesion in [0, 3, 6] {
        assert!((50.0..80.0).contains(&largest(lesion)), "{}", largest(lesion));
    }
}

#[test]
fn truncated_and_lying_volumes_are_named() {
    let cohort = CohortFiles::new(4);
    let bytes = fs::read(cohort.chimap(2)).unwrap();
    fs::write(cohort.chimap(2), &bytes[..bytes.len() / 2]).unwrap();
    let text = refused(&cohort);
    assert!(text.contains("sub-002_Chimap.nii.gz") && text.contains("truncated or damaged"), "{text}");
    fs::write(cohort.chimap(2), b"").unwrap();
    assert!(refused(&cohort).contains("the header's 348 bytes"));
}

#[test]
fn nan_voxels_are_counted_and_holes_refused_above_one_percent() {
    let cohort = CohortFiles::new(4);
    let mut values = cohort_files::susceptibility(1);
    values[..100].fill(f32::NAN);
    cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
    let out = cohort.root.parent().unwrap().join("few");
    prepare("--cohort", &cohort.root, &out)
        .assert()
        .success()
        .stdout(contains("100 NaN or infinite voxels were set to 0"));
    // Within the slice in the middle, lines 3 to 14 of 25 voxels each.
    let middle = SHAPE[0] * SHAPE[1] * (SHAPE[2] / 2);
    (3..15).for_each(|y| values[middle + SHAPE[0] * y + 2..][..25].fill(f32::INFINITY));
    cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
    let text = refused(&cohort);
    let words = "300 of 23040 voxels (1.3 %) are NaN or infinite amid others that are not; expected at most 1 %";
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_contrast_on_another_grid_is_named_with_the_distance() {
    let cohort = CohortFiles::new(4);
    cohort_files::nifti(&cohort.chimap(3), &cohort_files::susceptibility(3), 0.05);
    let text = refused(&cohort);
    assert!(
        text.contains("sub-003_Chimap.nii.gz: not on the grid of") && text.contains("first voxels 0.050 mm apart"),
        "{text}"
    );
}

#[test]
fn reader_table_and_label_maps_must_agree_both_ways() {
    let cohort = CohortFiles::new(4);
    cohort.edit_table(|text| text.replace("sub-001\t3\t0\t0", "sub-001\t9\t0\t0"));
    let text = refused(&cohort);
    assert!(text.contains("only in the reader table (1): sub-001_lesion-009"), "{text}");
    assert!(text.contains("only in the label maps (1): sub-001_lesion-003"), "{text}");
}

#[test]
fn no_rim_one_class_one_patient_and_duplicates_each_have_their_own_words() {
    let cohort = CohortFiles::new(4);
    cohort.edit_table(|text| text.replace("\t1\t1\t1", "\t1\t0\t0"));
    assert!(refused(&cohort).contains("no rim: of 12 lesions none is called rim by both readers, 4 by exactly one"));

    let cohort = CohortFiles::new(4);
    cohort.edit_table(|text| text.replace("\t3\t0\t0", "\t3\t1\t1"));
    assert!(refused(&cohort).contains("one class only"));

    let text = refused(&CohortFiles::new(1));
    assert!(text.contains("1 patient; expected at least 3 patients"), "{text}");

    let cohort = CohortFiles::new(4);
    cohort.edit_table(|text| text + "sub-002\t1\t0\t0\n");
    assert!(refused(&cohort).contains("lesions that occur twice: sub-002_lesion-001"));
}

#[test]
fn missing_volumes_ambiguous_names_and_wrong_units_are_named() {
    let cohort = CohortFiles::new(4);
    fs::remove_file(cohort.chimap(2)).unwrap();
    let text = refused(&cohort);
    assert!(text.contains("no chimap volume; expected sub-002/anat/sub-002_Chimap.nii.gz"), "{text}");

    let cohort = CohortFiles::new(4);
    fs::copy(cohort.chimap(1), cohort.chimap(1).with_file_name("sub-001_run-2_Chimap.nii.gz")).unwrap();
    assert!(refused(&cohort).contains("2 volumes fit: sub-001_Chimap.nii.gz, sub-001_run-2_Chimap.nii.gz"));

    let cohort = CohortFiles::new(4);
    let ppb: Vec<f32> = cohort_files::susceptibility(1).iter().map(|value| value * 1000.0).collect();
    cohort_files::nifti(&cohort.chimap(1), &ppb, 0.0);
    assert!(refused(&cohort).contains("expected tens of ppb: BIDS stores ppm"));

    let cohort = CohortFiles::new(4);
    let half: Vec<f32> = cohort_files::labels().iter().map(|value| value * 0.5).collect();
    cohort_files::nifti(&cohort.label_map(1), &half, 0.0);
    assert!(refused(&cohort).contains("the value 0.5 in a label map"));

    let folder = tempfile::tempdir().unwrap();
    prepare("--cohort", folder.path(), &tempfile::tempdir().unwrap().path().join("data"))
        .assert()
        .code(3)
        .stderr(contains("no reader table"));
}

#[test]
fn the_same_volume_under_two_names_is_a_leak_that_is_refused() {
    let cohort = CohortFiles::new(5);
    fs::copy(cohort.chimap(1), cohort.chimap(2)).unwrap();
    let text = refused(&cohort);
    assert!(text.contains("identical pixels in different patients"), "{text}");
    assert!(text.contains("sub-001_lesion-001 slice") && text.contains("= sub-002_lesion-001 slice"), "{text}");
}

#[test]
fn a_second_run_in_the_folder_is_refused_and_changes_nothing() {
    let cohort = CohortFiles::new(4);
    let out = cohort.root.parent().unwrap().join("data");
    prepare("--cohort", &cohort.root, &out).assert().success();
    let _held = rimforge::files::lock(out.join(".lock")).unwrap();
    let text = contains("is working in this folder").and(contains("choose another --out"));
    prepare("--cohort", &cohort.root, &out).assert().code(4).stderr(text);
    assert!(Prepared::open(&out).is_ok());
}

#[test]
fn a_run_that_failed_half_way_leaves_no_manifest_and_goes_on_with_what_was_done() {
    let cohort = CohortFiles::new(6);
    let out = cohort.root.parent().unwrap().join("data");
    let whole = fs::read(cohort.chimap(6)).unwrap();
    fs::write(cohort.chimap(6), &whole[..whole.len() - 20]).unwrap();
    prepare("--cohort", &cohort.root, &out).env("RAYON_NUM_THREADS", "1").assert().code(3);
    assert!(!out.join("manifest.json").exists() && !out.join("record.json").exists());
    let making = out.join(".rimforge-new");
    let kept: Vec<_> = fs::read_dir(making.join(".partial")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!kept.is_empty());
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let patch = |folder: &Path| folder.join("patches").join("sub-001_lesion-001.npy");
    let before = written(&patch(&making));
    // One kept patch is damaged meanwhile: it must be cut again, the others not.
    fs::write(making.join("patches/sub-002_lesion-001.npy"), b"torn").unwrap();
    // The note of another is as a power cut may leave it.
    fs::write(making.join(".partial/sub-003.json"), b"").unwrap();
    fs::write(cohort.chimap(6), &whole).unwrap();
    leave_unfinished(&out);
    prepare("--cohort", &cohort.root, &out).assert().success();
    assert_nothing_unfinished(&out);
    assert_eq!(written(&patch(&out)), before);
    assert!(!making.exists());
    let fresh = cohort.root.parent().unwrap().join("fresh");
    prepare("--cohort", &cohort.root, &fresh).assert().success();
    assert_eq!(fs::read(out.join("manifest.json")).unwrap(), fs::read(fresh.join("manifest.json")).unwrap());
    Prepared::open(&out).unwrap();
}

#[test]
fn whole_patches_are_items_where_that_is_asked_for() {
    let cohort = CohortFiles::new(8);
    let folder = cohort.root.parent().unwrap().to_owned();
    let (slices, volumes) = (folder.join("slices"), folder.join("volumes"));
    prepare("--cohort", &cohort.root, &slices).assert().success();
    prepare("--cohort", &cohort.root, &volumes).args(["--items", "volumes"]).assert().success();
    let data = PreparedVolumes::open(&volumes).unwrap();
    assert_eq!(data.shape(), [1, 24, 64, 64]);
    let (flat, whole) = (Prepared::open(&slices).unwrap(), data.training());
    // The same patches on the same sides, but no slices.
    assert!(data.manifest().slices.is_empty());
    assert_eq!(data.manifest().lesions, flat.manifest().lesions);
    assert_eq!(whole.len(), flat.training_all().by_lesion().len());
    let image = flat.training_all().image(0).unwrap();
    let volume = whole.read(&[0]).unwrap().remove(0);
    assert_eq!(volume.lesion, image.lesion);
    assert_eq!(volume.values[image.z as usize * 64 * 64..][..64 * 64], image.pixels);
    // A data set of slices says nothing of items or classes, as before there were others.
    let text = fs::read_to_string(slices.join("manifest.json")).unwrap();
    assert!(!text.contains("\"items\"") && !text.contains("\"classes\""));
    for command in ["train", "classify"] {
        let mut refused = Command::cargo_bin("rimforge").unwrap();
        refused.args([command, "--data"]).arg(&volumes).arg("--out").arg(folder.join("out"));
        refused.assert().code(3).stderr(contains("items that are whole volumes"));
    }
    let pictures = images(&["rim/1.png", "x/2.png"], false);
    prepare("--images", &pictures.path().join("set"), &folder.join("x"))
        .args(["--items", "volumes"])
        .assert()
        .code(2)
        .stderr(contains("prepare.items = \"volumes\""));
    prepare("--cohort", &cohort.root, &folder.join("x"))
        .args(["--classes", "labels"])
        .assert()
        .code(2)
        .stderr(contains("prepare.classes = \"labels\""));
}

#[test]
fn a_request_to_stop_is_heeded_between_patients_and_the_next_run_ends_the_same() {
    let cohort = CohortFiles::new(6);
    let folder = cohort.root.parent().unwrap();
    let run = |name: &str, observer: &dyn Observer| {
        let source = Source::Cohort(cohort.root.clone());
        let lab = Lab { engine: &(), seed: RunSeed(0), observer };
        data::run_stage(&source, &PrepareConfig::default(), &folder.join(name), &lab)
    };
    // Six label maps and two patients.
    let problem = run("stopped", &StopAfter::steps(8)).unwrap_err();
    assert_eq!(problem.kind(), Kind::Interrupted);
    assert!(!folder.join("stopped/manifest.json").exists());
    assert!(fs::read_dir(folder.join("stopped/.rimforge-new/.partial")).unwrap().count() >= 2);
    assert_eq!(run("stopped", &Silent).unwrap(), run("whole", &Silent).unwrap());
    let manifest = |name: &str| fs::read(folder.join(name).join("manifest.json")).unwrap();
    assert_eq!(manifest("stopped"), manifest("whole"));
}

/// A gray PNG whose pixels differ from image to image.
fn png(number: usize, size: u32, deep: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, size, size);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(if deep { png::BitDepth::Sixteen } else { png::BitDepth::Eight });
    let values = (0..size * size * if deep { 2 } else { 1 }).map(|at| (at as usize * 31 + number * 17) as u8);
    encoder.write_header().unwrap().write_image_data(&values.collect::<Vec<_>>()).unwrap();
    bytes
}

/// `names` with distinct images in a folder.
fn images(names: &[&str], deep: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (number, name) in names.iter().enumerate() {
        let path = folder.path().join("set").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, png(number, 16, deep)).unwrap();
    }
    folder
}

#[test]
fn labels_of_a_folder_follow_names_not_positions() {
    // In path order 10.png comes before 2.png; the file lists them the other way round.
    let folder = images(&["1.png", "2.png", "10.png", "11.png", "3.png", "4.png"], false);
    let json = r#"{"labels": [["1.png", 0], ["2.png", 1], ["3.png", 1], ["4.png", 0], ["10.png", 0], ["11.png", 1]]}"#;
    fs::write(folder.path().join("set/dataset.json"), json).unwrap();
    let out = folder.path().join("data");
    prepare("--images", &folder.path().join("set"), &out)
        .assert()
        .success()
        .stdout(contains("each image counts as its own patient"));
    let prepared = Prepared::open(&out).unwrap();
    let manifest = prepared.manifest();
    let of = |id: &str| manifest.lesions.iter().find(|lesion| lesion.id == id).unwrap();
    for (id, class) in [("1", Class::NON_RIM), ("2", Class::RIM), ("10", Class::NON_RIM), ("11", Class::RIM)] {
        assert_eq!(of(id).class, class, "{id}");
    }
    let sides = [Split::Train, Split::Validation, Split::Test];
    assert!(sides.iter().all(|side| manifest.lesions.iter().any(|lesion| lesion.split == *side)));
    fs::write(folder.path().join("set/5.png"), png(9, 16, false)).unwrap();
    prepare("--images", &folder.path().join("set"), &out)
        .assert()
        .code(3)
        .stderr(contains("only in the images (1): 5.png"));
    assert_eq!(Prepared::open(&out).unwrap().sha256(), prepared.sha256(), "the one before stays");
}

#[test]
fn deep_images_in_labelled_folders_keep_their_patients_together() {
    let names =
        ["rim/a1.png", "rim/a2.png", "rim/b1.png", "rim/c1.png", "other/a3.png", "other/b2.png", "other/c2.png"];
    let folder = images(&names, true);
    let rows: String =
        names.iter().map(|name| format!("{name}\t{}\n", &name.split('/').nth(1).unwrap()[..1])).collect();
    let table = folder.path().join("patients.tsv");
    fs::write(&table, format!("file\tpatient\n{rows}")).unwrap();
    let out = folder.path().join("data");
    prepare("--images", &folder.path().join("set"), &out).arg("--patients").arg(&table).assert().success();
    let manifest = Prepared::open(&out).unwrap().manifest().clone();
    assert_eq!(manifest.contrasts[0].window.high, 65535.0);
    assert!(manifest.patient_source.contains("patients.tsv"));
    let sides: std::collections::BTreeSet<_> =
        manifest.lesions.iter().map(|lesion| (&lesion.patient, lesion.split as u8)).collect();
    assert_eq!(sides.len(), 3);
}

#[test]
fn twins_mixed_sizes_and_damaged_images_are_refused() {
    let folder = images(&["a.png", "b.png", "c.png", "d.png"], false);
    let set = folder.path().join("set");
    let out = folder.path().join("data");
    fs::copy(set.join("a.png"), set.join("e.png")).unwrap();
    prepare("--images", &set, &out)
        .assert()
        .code(3)
        .stderr(contains("identical pixels in different patients (1): a.png = e.png"));
    fs::write(set.join("e.png"), png(7, 8, false)).unwrap();
    prepare("--images", &set, &out)
        .assert()
        .code(3)
        .stderr(contains("e.png is 8 x 8, 8-bit gray but a.png is 16 x 16, 8-bit gray"));
    fs::write(set.join("e.png"), &png(7, 16, false)[..60]).unwrap();
    prepare("--images", &set, &out).assert().code(3).stderr(contains("e.png: not a readable PNG"));
}

#[test]
fn a_stylegan_zip_is_read_and_an_unsafe_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    let write = |entries: &[(&str, Vec<u8>)]| {
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        for (name, bytes) in entries {
            zip.start_file(*name, options).unwrap();
            std::io::Write::write_all(&mut zip, bytes).unwrap();
        }
        zip.finish().unwrap();
    };
    let names: Vec<String> = (0..8).map(|number| format!("00000/img{number:08}.png")).collect();
    let labels: Vec<(&String, usize)> = names.iter().enumerate().map(|(at, name)| (name, at % 2)).rev().collect();
    let json = serde_json::to_vec(&serde_json::json!({ "labels": labels })).unwrap();
    let mut entries: Vec<(&str, Vec<u8>)> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), png(at, 16, false))).collect();
    entries.push(("dataset.json", json));
    write(&entries);
    let out = folder.path().join("data");
    prepare("--zip", &path, &out).assert().success();
    let manifest = Prepared::open(&out).unwrap().manifest().clone();
    assert_eq!(manifest.patch, [1, 16, 16]);
    assert!(
        manifest.lesions.iter().all(|lesion| (lesion.class == Class::RIM) == (lesion.label.as_deref() == Some("1")))
    );
    assert_eq!(manifest.lesions[3].label.as_deref(), Some("1"));
    entries.push(("../outside.png", png(99, 16, false)));
    write(&entries);
    prepare("--zip", &path, &out).assert().code(3).stderr(contains("unsafe entry name: ../outside.png"));
    entries.pop();
    entries.remove(0);
    write(&entries);
    prepare("--zip", &path, &out).assert().code(3).stderr(contains("only in dataset.json (1): 00000/img00000000.png"));
}

#[test]
fn wrong_settings_are_usage_errors() {
    let cohort = CohortFiles::new(4);
    let out = cohort.root.parent().unwrap().join("data");
    prepare("--cohort", &cohort.root, &out)
        .args(["--window", "chimap=5:1"])
        .assert()
        .code(2)
        .stderr(contains("window 5:1"));
    prepare("--cohort", &cohort.root, &out)
        .args(["--window", "flair=0:1"])
        .assert()
        .code(2)
        .stderr(contains("a window for \"flair\""));
    prepare("--cohort", &cohort.root, &out).args(["--test-fraction", "1.5"]).assert().code(2);
    prepare("--cohort", &cohort.root, &out).arg("--images").arg(&out).assert().code(2);
    prepare("--cohort", &cohort.root, &out)
        .args(["--window", "chimap=-60:60"])
        .assert()
        .success()
        .stdout(contains("window -60 to 60"));
}

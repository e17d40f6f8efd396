//! `prepare --cohort` and `simulate --check` on volumes and cohorts that an attack found to pass in silence.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rimforge::data::Prepared;
use rimforge::records::prepare::PrepareRecord;

use crate::cohort_files::{self, CohortFiles, SHAPE, out, prepare};

fn said(command: &mut Command, code: i32) -> String {
    let ended = command.assert().code(code);
    String::from_utf8(ended.get_output().stderr.clone()).expect("UTF-8")
}

fn refused(cohort: &CohortFiles, more: &[&str]) -> String {
    let text = said(&mut prepare(cohort, "refused", more), 3);
    assert!(text.contains("expected") && !text.contains("panicked"), "{text}");
    text
}

/// What `simulate --check` says; a tiny cohort passes no gates, which is no matter here.
fn checked(cohort: &CohortFiles, code: i32, more: &[&str]) -> String {
    let mut command = Command::cargo_bin("rimforge").expect("the program");
    said(command.args(["simulate", "--check"]).arg(&cohort.root).args(more), code)
}

/// The hashes of all patches, and the notes.
fn prepared(cohort: &CohortFiles, name: &str, more: &[&str]) -> (Vec<String>, String) {
    prepare(cohort, name, more).assert().success();
    let data = Prepared::open(out(cohort, name)).expect("prepared data");
    let record = fs::read(out(cohort, name).join("record.json")).expect("a record");
    let record: PrepareRecord = serde_json::from_slice(&record).expect("a record");
    (data.manifest().lesions.iter().map(|lesion| lesion.sha256.clone()).collect(), record.notes.join("\n"))
}

/// Replaces bytes of a volume, which begin at the offsets given.
fn edit(path: &Path, changes: &[(usize, &[u8])]) {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).expect("file")).read_to_end(&mut bytes).expect("gzip");
    for (at, change) in changes {
        bytes[*at..at + change.len()].copy_from_slice(change);
    }
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    fs::write(path, zip.write_all(&bytes).and_then(|()| zip.finish()).expect("zipped")).expect("written");
}

/// Takes both forms out of a header.
fn silence(path: &Path) {
    edit(path, &[(252, &[0; 4])]);
}

/// A form that runs x the other way about the middle of the volume.
fn mirror_rows(path: &Path) {
    let last = 0.4 * (SHAPE[0] as f32 - 1.0);
    edit(path, &[(280, &(-0.4f32).to_le_bytes()), (292, &last.to_le_bytes())]);
}

fn volumes(cohort: &CohortFiles, patients: std::ops::RangeInclusive<usize>) -> Vec<PathBuf> {
    patients.flat_map(|patient| [cohort.chimap(patient), cohort.label_map(patient)]).collect()
}

#[test]
fn headers_that_say_no_place_are_named_once() {
    let cohort = CohortFiles::new(4);
    let (_, notes) = prepared(&cohort, "clean", &[]);
    assert!(!notes.contains("does not say where they lie"), "{notes}");
    volumes(&cohort, 1..=4).iter().for_each(|path| silence(path));
    let (_, notes) = prepared(&cohort, "silent", &[]);
    assert_eq!(notes.matches("8 volumes whose header does not say where they lie").count(), 1, "{notes}");
    assert!(notes.contains("left and right may be exchanged"), "{notes}");
    let text = checked(&cohort, 5, &[]);
    assert_eq!(text.matches("8 volumes whose header does not say where they lie").count(), 1, "{text}");
    // One that speaks beside one that does not is refused by either command.
    let cohort = CohortFiles::new(4);
    silence(&cohort.label_map(2));
    for text in [refused(&cohort, &[]), checked(&cohort, 3, &[])] {
        assert!(text.contains("sub-002_desc-lesions_dseg.nii.gz does not say where its voxels lie"), "{text}");
    }
}

#[test]
fn a_second_form_that_says_nothing_usable_is_named() {
    let cohort = CohortFiles::new(4);
    let (clean, _) = prepared(&cohort, "clean", &[]);
    // A quaternion that is longer than 1.
    let parts: Vec<u8> = [0.9f32; 3].iter().flat_map(|part| part.to_le_bytes()).collect();
    edit(&cohort.chimap(3), &[(252, &1i16.to_le_bytes()), (256, &parts)]);
    let (same, notes) = prepared(&cohort, "broken", &[]);
    assert_eq!(same, clean);
    let words = "1 volumes whose qform says nothing usable; the sform was taken";
    assert!(notes.contains(words) && notes.contains("sub-003_Chimap.nii.gz"), "{notes}");
    assert!(checked(&cohort, 5, &[]).contains(words));
    assert!(refused(&cohort, &["--form", "qform"]).contains("longer than 1"));
}

#[test]
fn forms_that_mirror_each_other_are_told_from_a_mirrored_volume() {
    let cohort = CohortFiles::new(4);
    let path = cohort.chimap(1);
    edit(&path, &[(252, &1i16.to_le_bytes())]);
    mirror_rows(&path);
    for text in [refused(&cohort, &[]), checked(&cohort, 3, &[])] {
        assert!(text.contains("sub-001_Chimap.nii.gz says two different things"), "{text}");
        assert!(text.contains("mirrored in one of the two") && text.contains("`--form qform`"), "{text}");
    }
    // The map torn alike: they lie on each other, and what was taken is said.
    edit(&cohort.label_map(1), &[(252, &1i16.to_le_bytes())]);
    mirror_rows(&cohort.label_map(1));
    let (_, notes) = prepared(&cohort, "alike", &[]);
    assert!(notes.contains("2 volumes whose header says two different places"), "{notes}");
    assert!(checked(&cohort, 5, &[]).contains("2 volumes whose header says two different places"));
}

#[test]
fn a_check_looks_at_the_headers_of_every_contrast_and_at_voxel_sizes() {
    let cohort = CohortFiles::new(4);
    let flair = cohort.root.join("sub-002/anat/sub-002_FLAIR.nii.gz");
    edit(&flair, &[(292, &3f32.to_le_bytes())]);
    checked(&cohort, 5, &[]);
    let text = checked(&cohort, 3, &["--contrasts", "chimap,flair"]);
    assert!(text.contains("sub-002_FLAIR.nii.gz: not on the grid of"), "{text}");
    let cohort = CohortFiles::new(4);
    for path in volumes(&cohort, 3..=3) {
        edit(&path, &[(320, &2f32.to_le_bytes())]);
    }
    for text in [refused(&cohort, &[]), checked(&cohort, 3, &[])] {
        assert!(text.contains("in sub-001 and of") && text.contains("one voxel size"), "{text}");
    }
}

#[test]
fn images_that_are_no_susceptibility_maps_do_not_pass_for_some() {
    let cohort = CohortFiles::new(4);
    let write = |change: &dyn Fn(f32) -> f32| {
        let values: Vec<f32> = cohort_files::susceptibility(2).into_iter().map(change).collect();
        cohort_files::nifti(&cohort.chimap(2), &values, 0.0);
    };
    for (name, change) in [
        ("its size", &f32::abs as &dyn Fn(f32) -> f32),
        ("an offset", &|value| value + 0.2),
        ("from 0 to 1", &|value| (value + 0.03) / 0.1),
    ] {
        write(change);
        for text in [refused(&cohort, &[]), checked(&cohort, 3, &[])] {
            assert!(text.contains("sub-002_Chimap.nii.gz: values of one sign"), "{name}: {text}");
        }
    }
    write(&|value| if value < -0.02 { -1.0 } else { value });
    let mut values = cohort_files::susceptibility(2);
    values[..SHAPE[0] * SHAPE[1] * 2].fill(-1.0);
    cohort_files::nifti(&cohort.chimap(2), &values, 0.0);
    assert!(refused(&cohort, &[]).contains("a fill value"));
    // Another scale is no error by itself, but is said.
    write(&|value| value * 10.0);
    let (_, notes) = prepared(&cohort, "tenfold", &[]);
    assert!(notes.contains("1 of 4 patients have susceptibilities more than 3 times larger"), "{notes}");
    assert!(notes.contains("sub-002 ("), "{notes}");
}

#[test]
fn one_volume_for_two_patients_is_refused() {
    let cohort = CohortFiles::new(4);
    fs::copy(cohort.chimap(1), cohort.chimap(3)).unwrap();
    // Other lesions, so that no slice is the same.
    let moved: Vec<f32> = (0..SHAPE.iter().product())
        .map(|at: usize| if at >= 5 { cohort_files::labels()[at - 5] } else { 0.0 })
        .collect();
    cohort_files::nifti(&cohort.label_map(3), &moved, 0.0);
    let text = refused(&cohort, &[]);
    assert!(text.contains("sub-001_Chimap.nii.gz") && text.contains("sub-003_Chimap.nii.gz"), "{text}");
}

#[test]
fn sessions_are_those_of_folders_where_names_say_none() {
    let cohort = CohortFiles::new(4);
    let (clean, _) = prepared(&cohort, "clean", &[]);
    let in_session = |session: &str, name: &str| {
        let folder = cohort.root.join(format!("sub-001/ses-{session}/anat"));
        fs::create_dir_all(&folder).unwrap();
        folder.join(name)
    };
    let path = in_session("02", "sub-001_Chimap.nii.gz");
    fs::rename(cohort.chimap(1), &path).unwrap();
    assert_eq!(prepared(&cohort, "folder", &[]).0, clean);
    let twin = in_session("01", "sub-001_Chimap.nii.gz");
    fs::copy(cohort.chimap(2), &twin).unwrap();
    let text = refused(&cohort, &[]);
    assert!(text.contains("differ in ses-01 or ses-02") && text.contains("--session 01"), "{text}");
    assert_eq!(prepared(&cohort, "chosen", &["--session", "02"]).0, clean);
    fs::remove_file(twin).unwrap();
    let map = cohort.root.join("derivatives/lesions/sub-001/ses-01/anat");
    fs::create_dir_all(&map).unwrap();
    fs::rename(cohort.label_map(1), map.join("sub-001_desc-lesions_dseg.nii.gz")).unwrap();
    assert!(refused(&cohort, &[]).contains("volumes of different sessions"));
    fs::rename(&path, in_session("02", "sub-001_ses-01_Chimap.nii.gz")).unwrap();
    assert!(refused(&cohort, &[]).contains("its name says another session than its folder"));
}

#[test]
fn a_blank_map_of_traced_rims_contradicts_readers_who_see_one() {
    let cohort = CohortFiles::new(4);
    let path = cohort.root.join("derivatives/lesions/sub-001/anat/sub-001_desc-rim_probseg.nii.gz");
    cohort_files::nifti(&path, &vec![0.0; SHAPE.iter().product()], 0.0);
    let text = refused(&cohort, &["--contrasts", "chimap,rim"]);
    assert!(text.contains("sub-001_desc-rim_probseg.nii.gz: nothing but zeros: no traced rims for sub-001"), "{text}");
    // Of a patient without an agreed rim it is as good as none.
    cohort.edit_table(|table| table.replace("sub-001\t1\t1\t1", "sub-001\t1\t0\t1"));
    prepared(&cohort, "without", &["--contrasts", "chimap,rim"]);
}

#[test]
fn traced_rims_that_fill_the_volume_are_none() {
    let cohort = CohortFiles::new(4);
    let path = cohort.root.join("derivatives/lesions/sub-001/anat/sub-001_desc-rim_probseg.nii.gz");
    cohort_files::nifti(&path, &vec![1.0; SHAPE.iter().product()], 0.0);
    let text = refused(&cohort, &["--contrasts", "chimap,rim"]);
    assert!(text.contains("sub-001_desc-rim_probseg.nii.gz: the same value in every voxel, and not 0"), "{text}");
    // Inverted: 0 on the rims, 1 everywhere else.
    let inverted: Vec<f32> = cohort_files::labels().iter().map(|label| f32::from(u8::from(*label == 0.0))).collect();
    cohort_files::nifti(&path, &inverted, 0.0);
    let text = refused(&cohort, &["--contrasts", "chimap,rim"]);
    assert!(text.contains("of all voxels are traced as rim") && text.contains("if the map is inverted"), "{text}");
}

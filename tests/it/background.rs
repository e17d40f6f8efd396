//! Volumes whose background is NaN, as many programs write it, and headers that say that their numbers are no image's.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use rimforge::data::prepare::run_stage;
use rimforge::data::prepare_config::Source;
use rimforge::data::{PrepareConfig, Prepared};
use rimforge::lab::Lab;
use rimforge::observer::Silent;
use rimforge::problem::{Kind, Result};
use rimforge::records::prepare::PrepareRecord;
use rimforge::seed::RunSeed;

use crate::cohort_files::{self, CohortFiles, SHAPE};

/// Prepares a cohort with patches of 4 x 12 x 12 voxels.
fn prepare(cohort: &CohortFiles, out: &str, contrasts: &[&str]) -> Result<PrepareRecord> {
    let contrasts = contrasts.iter().map(|&name| name.to_owned()).collect();
    let config = PrepareConfig { patch: [4, 12, 12], contrasts, ..PrepareConfig::default() };
    let lab = Lab { engine: &(), seed: RunSeed(1), observer: &Silent };
    run_stage(&Source::Cohort(cohort.root.clone()), &config, &cohort.root.with_file_name(out), &lab)
}

/// The hashes of all patches of a run that must succeed, and its record.
fn prepared(cohort: &CohortFiles, out: &str, contrasts: &[&str]) -> (Vec<String>, PrepareRecord) {
    let record = prepare(cohort, out, contrasts).unwrap();
    let data = Prepared::open(cohort.root.with_file_name(out)).unwrap();
    (data.manifest().lesions.iter().map(|lesion| lesion.sha256.clone()).collect(), record)
}

fn refused(cohort: &CohortFiles) -> String {
    let problem = prepare(cohort, "refused", &["chimap"]).unwrap_err();
    assert_eq!(problem.kind(), Kind::Input, "{problem}");
    problem.to_string()
}

fn voxel(at: usize) -> [usize; 3] {
    [at % SHAPE[0], at / SHAPE[0] % SHAPE[1], at / (SHAPE[0] * SHAPE[1])]
}

/// About the lesions, which lie between 4 and 34 along x and 4 and 30 along y, up to the borders.
fn outside([x, y, z]: [usize; 3]) -> bool {
    !(3..=35).contains(&x) || !(3..=31).contains(&y) || !(1..=14).contains(&z)
}

fn with(values: Vec<f32>, what: f32, gap: impl Fn([usize; 3]) -> bool) -> Vec<f32> {
    values.into_iter().enumerate().map(|(at, value)| if gap(voxel(at)) { what } else { value }).collect()
}

/// Each map of every patient with a background of `what`.
fn masked(cohort: &CohortFiles, what: f32) {
    for patient in 1..=4 {
        let chi = with(cohort_files::susceptibility(patient), what, outside);
        cohort_files::nifti(&cohort.chimap(patient), &chi, 0.0);
        let flair: Vec<f32> =
            with(cohort_files::susceptibility(patient), what, outside).iter().map(|value| 1000.0 + value).collect();
        let flair = with(flair, what, outside);
        let path = cohort.root.join(format!("sub-{patient:03}/anat/sub-{patient:03}_FLAIR.nii.gz"));
        cohort_files::nifti(&path, &flair, 0.0);
        cohort_files::nifti(&cohort.label_map(patient), &with(cohort_files::labels_of(patient), what, outside), 0.0);
    }
}

/// Half of each volume is background; the patches are those of the same maps with 0 there.
#[test]
fn a_background_of_nan_or_infinity_is_one_of_zeros_and_is_told() {
    let cohort = CohortFiles::new(4);
    let both = ["chimap", "flair"];
    masked(&cohort, 0.0);
    let (zeros, record) = prepared(&cohort, "zeros", &both);
    assert_eq!(record.non_finite_voxels, 0);
    assert!(!record.notes.iter().any(|note| note.contains("background")), "{:?}", record.notes);
    let count = (0..SHAPE.iter().product()).filter(|&at| outside(voxel(at))).count() as u64;
    for (name, what) in [("nan", f32::NAN), ("infinite", f32::NEG_INFINITY)] {
        masked(&cohort, what);
        let (patches, record) = prepared(&cohort, name, &both);
        assert_eq!(patches, zeros, "{name}");
        // Of both images of four patients; the label maps' are in the note alone.
        assert_eq!(record.non_finite_voxels, 8 * count);
        let said = format!("12 volumes whose background is NaN or infinite ({} voxels", 12 * count);
        let note = record.notes.iter().find(|note| note.starts_with(&said));
        let note = note.unwrap_or_else(|| panic!("{said}: {:?}", record.notes));
        // Of x = 1 to 12 that lesion 1's patch has, y likewise, and z = 3 to 6; lesion 3's has y = 21 to 32; lesion 2's
        // lies within. Of each of two images of four patients.
        assert!(note.contains("16 patches of lesions reach into it"), "{note}");
        let mut check = Command::cargo_bin("rimforge").unwrap();
        let output = check.args(["simulate", "--check"]).arg(&cohort.root).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains("8 volumes whose background is NaN or infinite"), "{text}");
    }
}

#[test]
fn holes_and_lesions_without_values_are_refused() {
    let cohort = CohortFiles::new(4);
    masked(&cohort, f32::NAN);
    let chi = |gap: &dyn Fn([usize; 3]) -> bool| {
        let values = with(cohort_files::susceptibility(2), f32::NAN, |voxel| outside(voxel) || gap(voxel));
        cohort_files::nifti(&cohort.chimap(2), &values, 0.0);
    };
    // Lesion 1 at x = 4 to 9: the background reaches into it.
    chi(&|[x, ..]| x < 6);
    let said = refused(&cohort);
    assert!(
        said.contains("sub-002_Chimap.nii.gz: values are missing where they matter: lesion 1 (48 of its 143"),
        "{said}"
    );
    // A hole beside lesion 2, in its patch: 27 of 576 voxels; and one in no patch.
    let hole = |from: [usize; 3]| {
        move |voxel: [usize; 3]| (0..3).all(|axis| (from[axis]..from[axis] + 3).contains(&voxel[axis]))
    };
    chi(&hole([17, 9, 6]));
    let said = refused(&cohort);
    assert!(said.contains("lesion 2 (27 of the 576 voxels of its patch are NaN or infinite)"), "{said}");
    chi(&hole([8, 24, 3]));
    prepared(&cohort, "elsewhere", &["chimap"]);
    // In a label map a hole may have been anything.
    let labels = with(cohort_files::labels(), f32::NAN, |voxel| outside(voxel) || hole([8, 24, 3])(voxel));
    cohort_files::nifti(&cohort.label_map(2), &labels, 0.0);
    let said = refused(&cohort);
    assert!(said.contains("27 NaN or infinite voxels amid the voxels of a label map"), "{said}");
}

/// Sets the intent code of a volume.
fn intend(path: &Path, code: i16) {
    use std::io::{Read, Write};
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes[68..70].copy_from_slice(&code.to_le_bytes());
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    fs::write(path, zip.write_all(&bytes).and_then(|()| zip.finish()).unwrap()).unwrap();
}

#[test]
fn a_header_that_says_that_its_numbers_are_no_image_is_believed() {
    let cohort = CohortFiles::new(4);
    let chimap = cohort.chimap(3);
    for (code, words) in [
        (3, "t statistics, by the header's intent code; expected a measured image"),
        (5, "z-scores, by the header's intent code"),
        (22, "p-values, by the header's intent code"),
        (1002, "labels, by the header's intent code"),
        (1005, "symmetric matrices (tensors) (intent code 1005)"),
        (1007, "vectors (intent code 1007)"),
        (1010, "quaternions (intent code 1010)"),
        (2003, "colours (intent code 2003)"),
        (2006, "displacements (FNIRT) (intent code 2006)"),
    ] {
        intend(&chimap, code);
        let said = refused(&cohort);
        assert!(said.contains("sub-003_Chimap.nii.gz: ") && said.contains(words), "{code}: {said}");
        assert!(said.contains("set the code to 0"), "{code}: {said}");
    }
    // An estimate is an image; programs that number clusters of a statistic leave its code in the map of labels.
    intend(&chimap, 1001);
    for code in [1002, 5] {
        intend(&cohort.label_map(3), code);
        prepared(&cohort, &format!("labels-{code}"), &["chimap"]);
    }
    intend(&cohort.label_map(3), 1007);
    assert!(refused(&cohort).contains("vectors (intent code 1007)"));
}

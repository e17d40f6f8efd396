//! `rimforge prepare --cohort` on volumes and BIDS folders as other people have them: headers, units, gaps, names.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use assert_cmd::Command;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use predicates::prelude::*;
use predicates::str::contains;
use rimforge::data::Prepared;
use rimforge::data::label_map::LabelMap;
use rimforge::data::pieces::Pieces;
use rimforge::nifti::{self, Form};
use rimforge::records::prepare::PrepareRecord;

use crate::allocation::peak_of;
use crate::cohort_files::{self, CohortFiles, SHAPE, out, prepare};

/// What standard error says of a cohort that is refused with exit code 3.
fn refused(cohort: &CohortFiles, more: &[&str]) -> String {
    let failed = prepare(cohort, "refused", more).assert().code(3);
    assert!(!out(cohort, "refused").join("manifest.json").exists());
    let text = String::from_utf8(failed.get_output().stderr.clone()).expect("UTF-8");
    assert!(text.contains("expected") && text.contains("what to do") && !text.contains("panicked"), "{text}");
    text
}

/// The hashes of all patches, once the cohort is prepared.
fn patches(cohort: &CohortFiles, name: &str, more: &[&str]) -> Vec<String> {
    prepare(cohort, name, more).assert().success();
    let data = Prepared::open(out(cohort, name)).expect("prepared data");
    data.manifest().lesions.iter().map(|lesion| lesion.sha256.clone()).collect()
}

fn notes(cohort: &CohortFiles, name: &str) -> String {
    let text = fs::read(out(cohort, name).join("record.json")).expect("a record");
    serde_json::from_slice::<PrepareRecord>(&text).expect("a record").notes.join("\n")
}

fn unzipped(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(path).expect("file")).read_to_end(&mut bytes).expect("gzip");
    bytes
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut zip = GzEncoder::new(Vec::new(), Compression::fast());
    zip.write_all(bytes).and_then(|()| zip.finish()).expect("zipped")
}

/// Replaces bytes of a volume, which begin at the offsets given.
fn edit(path: &Path, changes: &[(usize, &[u8])]) {
    let mut bytes = unzipped(path);
    for (at, change) in changes {
        bytes[*at..at + change.len()].copy_from_slice(change);
    }
    fs::write(path, zipped(&bytes)).expect("written");
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Says by the quaternion that the first voxel lies at the origin, without a rotation.
fn with_qform(path: &Path) {
    edit(path, &[(252, &1i16.to_le_bytes())]);
}

/// Voxels with the label of the first lesion.
fn in_lesion_1() -> impl Iterator<Item = usize> {
    cohort_files::labels().into_iter().enumerate().filter(|(_, label)| *label == 1.0).map(|(at, _)| at)
}

#[test]
fn two_forms_that_disagree_are_named_and_either_can_be_chosen() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "clean", &[]);
    // A registration moved the rows of the map by 3 mm; the label map was drawn on the quaternion's place.
    with_qform(&cohort.chimap(1));
    edit(&cohort.chimap(1), &[(292, &3f32.to_le_bytes())]);
    let text = refused(&cohort, &[]);
    assert!(text.contains("sub-001_Chimap.nii.gz: not on the grid of"), "{text}");
    assert!(text.contains("sub-001_Chimap.nii.gz says two different things, by its sform and by its qform"), "{text}");
    assert!(text.contains("by the qform both volumes lie on one grid"), "{text}");
    assert!(text.contains("`--form qform`") && !text.contains("resample"), "{text}");
    assert_eq!(patches(&cohort, "chosen", &["--form", "qform"]), clean);
    assert!(notes(&cohort, "chosen").contains("1 volumes whose header says two different places"));
    // Where the map was moved along, nothing is wrong, and it is said.
    with_qform(&cohort.label_map(1));
    edit(&cohort.label_map(1), &[(292, &3f32.to_le_bytes())]);
    assert_eq!(patches(&cohort, "moved", &[]), clean);
    assert!(notes(&cohort, "moved").contains("the sform was taken (--form qform takes the other)"));
    assert!(!notes(&cohort, "clean").contains("two different places"));
}

#[test]
fn volumes_far_off_the_patients_axes_are_told() {
    let cohort = CohortFiles::new(4);
    // By 30 degrees about the first axis; the map and the label map alike.
    let [cosine, sine] = [30f32.to_radians().cos(), 30f32.to_radians().sin()];
    for path in [cohort.chimap(1), cohort.label_map(1)] {
        let bytes = unzipped(&path);
        let row = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (y, z) = (row(296 + 4), row(312 + 8));
        let rows = [cosine * y, -sine * z, sine * y, cosine * z].map(f32::to_le_bytes);
        edit(&path, &[(300, &rows[0]), (304, &rows[1]), (316, &rows[2]), (320, &rows[3])]);
    }
    patches(&cohort, "slanted", &[]);
    let said = notes(&cohort, "slanted");
    assert!(said.contains("2 volumes whose axes lie more than 20 degrees off the patient's"), "{said}");
}

#[test]
fn grids_are_compared_in_voxels_at_the_corners() {
    let cohort = CohortFiles::new(4);
    // .49 degrees about z: .3 voxels at the far end of 40, .1 mm.
    let (sin, cos) = 0.49f32.to_radians().sin_cos();
    let rows = floats(&[0.4 * cos, -0.4 * sin, 0.0, 0.0, 0.4 * sin, 0.4 * cos, 0.0, 0.0]);
    edit(&cohort.chimap(2), &[(280, &rows)]);
    let text = refused(&cohort, &[]);
    assert!(text.contains("sub-002_Chimap.nii.gz: not on the grid of"), "{text}");
    assert!(text.contains("axes 0.49 degrees, farthest corners 0.3"), "{text}");
}

#[test]
fn sizes_of_another_unit_are_refused_whatever_the_label_map_says() {
    let cohort = CohortFiles::new(4);
    let metres = floats(&[4e-4, 0.0, 0.0, 0.0, 0.0, 4e-4, 0.0, 0.0, 0.0, 0.0, 1e-3, 0.0]);
    for patient in 1..=4 {
        for path in [cohort.chimap(patient), cohort.label_map(patient)] {
            edit(&path, &[(280, &metres)]);
        }
    }
    let text = refused(&cohort, &[]);
    assert!(text.contains("the sform gives voxels of 0.0004") && text.contains("plausible 0.05 to 20 mm"), "{text}");
    // They are metres: said so, they are right.
    for patient in 1..=4 {
        for path in [cohort.chimap(patient), cohort.label_map(patient)] {
            edit(&path, &[(123, &[1])]);
        }
    }
    patches(&cohort, "metres", &[]);
    let voxel = Prepared::open(out(&cohort, "metres")).unwrap().manifest().voxel_mm.unwrap();
    approx::assert_abs_diff_eq!(voxel[2], 0.4, epsilon = 1e-6);
}

#[test]
fn susceptibility_is_known_by_any_of_its_names() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "chimap", &[]);
    for patient in 1..=4 {
        let path = cohort.chimap(patient);
        fs::rename(&path, path.with_file_name(format!("sub-{patient:03}_QSM.nii.gz"))).unwrap();
    }
    assert_eq!(patches(&cohort, "qsm", &["--contrasts", "qsm", "--window", "qsm=-80:120"]), clean);
    assert_eq!(patches(&cohort, "other", &[]), clean);
    let data = Prepared::open(out(&cohort, "qsm")).unwrap();
    let contrast = &data.contrasts()[0];
    assert_eq!((contrast.name.as_str(), contrast.unit.as_str(), contrast.window.low), ("chimap", "ppb", -80.0));
}

#[test]
fn units_come_from_any_sidecar_that_applies() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "ppm", &[]);
    let ppb: Vec<f32> = cohort_files::susceptibility(2).iter().map(|value| value * 1000.0).collect();
    cohort_files::nifti(&cohort.chimap(2), &ppb, 0.0);
    assert!(refused(&cohort, &[]).contains("expected tens of ppb"));
    fs::write(cohort.root.join("sub-002/sub-002_Chimap.json"), "\u{feff}{\"Units\": \"ppb\"}").unwrap();
    let same = patches(&cohort, "ppb", &[]);
    assert_eq!(clean.len(), same.len());
    let value = |name: &str| Prepared::open(out(&cohort, name)).unwrap().patch(3).unwrap()[12 * 64 * 64];
    approx::assert_abs_diff_eq!(value("ppm"), value("ppb"), epsilon = 1e-3);
    fs::write(cohort.root.join("Chimap.json"), r#"{"Units": "rad"}"#).unwrap();
    assert!(refused(&cohort, &[]).contains("Chimap.json: Units \"rad\" for a susceptibility map"));
}

#[test]
fn a_lesion_without_values_is_named() {
    let cohort = CohortFiles::new(4);
    let spoiled = |value: f32| {
        let mut values = cohort_files::susceptibility(1);
        in_lesion_1().for_each(|at| values[at] = value);
        cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
        refused(&cohort, &[])
    };
    // 143 of 23040 voxels: .6 %.
    let text = spoiled(f32::NAN);
    assert!(text.contains("sub-001_Chimap.nii.gz: values are missing where they matter: lesion 1 (143 of its 143"));
    assert!(spoiled(f32::NEG_INFINITY).contains("lesion 1 (143 of its 143"));
    let text = spoiled(0.0);
    assert!(text.contains("lesion 1 (all its voxels are 0: it lies where the map holds nothing)"), "{text}");
    let mut values = cohort_files::susceptibility(1);
    values[5] = -9999.0;
    cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
    assert!(refused(&cohort, &[]).contains("its patch holds a value of -9.999e6 ppb"));
    // A slope that lifts a lesion beyond all numbers.
    let mut values = cohort_files::susceptibility(1);
    in_lesion_1().for_each(|at| values[at] = 3e38);
    cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
    edit(&cohort.chimap(1), &[(112, &2f32.to_le_bytes())]);
    assert!(refused(&cohort, &[]).contains("lesion 1 (143 of its 143"));
}

#[test]
fn what_is_no_susceptibility_map_has_words_that_fit() {
    let cohort = CohortFiles::new(4);
    let says = |value: &dyn Fn(usize) -> f32| {
        let values: Vec<f32> = (0..SHAPE.iter().product()).map(value).collect();
        cohort_files::nifti(&cohort.chimap(1), &values, 0.0);
        refused(&cohort, &[])
    };
    let zeros = says(&|_| 0.0);
    assert!(zeros.contains("nothing but zeros; expected a susceptibility map") && !zeros.contains("Units"), "{zeros}");
    assert!(says(&|_| 0.02).contains("the same value in every voxel"));
    assert!(says(&|at| (at % 3 == 0) as u8 as f32).contains("one value and 0, as a mask has"));
    assert!(says(&|at| (at % 629) as f32 / 100.0 - 314.0 / 100.0).contains("as a phase in radians does"));
    assert!(says(&|_| f32::NAN).contains("nothing but NaN or infinite voxels"));
}

#[test]
fn a_mask_of_several_lesions_is_no_label_map() {
    let cohort = CohortFiles::new(4);
    let mask: Vec<f32> = cohort_files::labels().iter().map(|label| label.min(1.0)).collect();
    cohort_files::nifti(&cohort.label_map(2), &mask, 0.0);
    let text = refused(&cohort, &[]);
    assert!(text.contains("all of the map is number 1, in 3 pieces of 144, 144, 144 voxels"), "{text}");
    assert!(text.contains("the reader table has 3 rows"), "{text}");
    cohort.edit_table(|text| text.replace("sub-002\t2\t0\t1\nsub-002\t3\t0\t0\n", ""));
    let text = refused(&cohort, &[]);
    assert!(text.contains("sub-002_desc-lesions_dseg.nii.gz: all of the map is number 1"), "{text}");
    assert!(text.contains("the reader table has 1 row "), "{text}");
    // Whatever the number is; 4 mm apart they are no lesion in pieces.
    let lesion: Vec<f32> = mask.iter().map(|label| 7.0 * label).collect();
    cohort_files::nifti(&cohort.label_map(2), &lesion, 0.0);
    cohort.edit_table(|text| text.replace("sub-002\t1\t1\t1", "sub-002\t7\t1\t1"));
    assert!(refused(&cohort, &[]).contains("all of the map is number 7, in 3 pieces"));
    // One lesion in two pieces, 3 voxels of .4 mm apart, is one.
    let two = |at: usize| f32::from((4..9).contains(&(at % 40)) || (12..17).contains(&(at % 40)));
    let rows = |at: usize| f32::from((4..10).contains(&(at / 40 % 36)) && (3..7).contains(&(at / (40 * 36))));
    let lesion: Vec<f32> = (0..SHAPE.iter().product()).map(|at| 7.0 * two(at) * rows(at)).collect();
    cohort_files::nifti(&cohort.label_map(2), &lesion, 0.0);
    prepare(&cohort, "pieces", &[]).assert().success();
}

#[test]
fn labels_that_are_none_are_named() {
    let cohort = CohortFiles::new(4);
    let says = |change: &dyn Fn(f32) -> f32| {
        let labels: Vec<f32> = cohort_files::labels().into_iter().map(change).collect();
        cohort_files::nifti(&cohort.label_map(1), &labels, 0.0);
        refused(&cohort, &[])
    };
    assert!(says(&|label| -label).contains("the value -1 in a label map"));
    assert!(says(&|label| label * 16_777_216.0).contains("the value 16777216 in a label map"));
    // An image in the map's place, of fewer values than a map may have.
    let noise = cohort_files::susceptibility(1).into_iter().map(|value| ((value + 0.03) * 1e6).round());
    cohort_files::nifti(&cohort.label_map(1), &noise.collect::<Vec<_>>(), 0.0);
    let text = refused(&cohort, &[]);
    assert!(text.contains("expected a number for each lesion, and a row"), "{text}");
}

#[test]
fn gzip_as_packers_leave_it_is_read_and_what_is_behind_it_named() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "clean", &[]);
    let path = cohort.chimap(1);
    let (whole, plain) = (fs::read(&path).unwrap(), unzipped(&path));
    fs::write(&path, [whole.clone(), vec![0; 512]].concat()).unwrap();
    assert_eq!(patches(&cohort, "padded", &[]), clean);
    // Members end in the header, in the voxels and before nothing.
    let members = [&plain[..100], &plain[100..5000], &plain[5000..], &[]].map(zipped).concat();
    fs::write(&path, members).unwrap();
    assert_eq!(patches(&cohort, "members", &[]), clean);
    fs::write(&path, [&whole[..], b"\0\0trash"].concat()).unwrap();
    assert!(refused(&cohort, &[]).contains("bytes behind the gzip data that are neither gzip data nor padding"));
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    assert!(refused(&cohort, &[]).contains("truncated or damaged"));
    fs::write(&path, zipped(&whole)).unwrap();
    assert!(refused(&cohort, &[]).contains("gzip data inside gzip data"));
    // More behind the voxels than the header speaks of.
    fs::write(&path, zipped(&[plain, vec![1; 2 << 20]].concat())).unwrap();
    assert!(refused(&cohort, &[]).contains("bytes behind the 40 x 36 x 16 voxels"));
}

#[test]
fn what_was_not_fetched_is_told_from_a_wrong_path() {
    let cohort = CohortFiles::new(4);
    let path = cohort.chimap(3);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("../../.git/annex/objects/x/y/MD5E-s1--z.nii.gz/MD5E-s1--z.nii.gz", &path).unwrap();
    let text = refused(&cohort, &[]);
    assert!(text.contains("not fetched") && text.contains("`datalad get FILE`, or `git annex get FILE`"), "{text}");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "/annex/objects/MD5E-s1--z.nii.gz\n").unwrap();
    assert!(refused(&cohort, &[]).contains("git-annex's note of a file whose content is not here"));
    fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").unwrap();
    assert!(refused(&cohort, &[]).contains("`git lfs pull`"));
    fs::write(&path, zipped(b"\0\0\0\x01\0\0\x01\0\0\0\x01\0")).unwrap();
    assert!(refused(&cohort, &[]).contains("an MGH volume"));
    fs::write(&path, &whole).unwrap();
    edit(&path, &[(344, b"ni1\0")]);
    assert!(refused(&cohort, &[]).contains("voxels are in another file (.hdr/.img)"));
    fs::rename(&path, path.with_file_name("sub-003_Chimap.hdr")).unwrap();
    let text = refused(&cohort, &[]);
    assert!(text.contains("no chimap volume; there is sub-003/anat/sub-003_Chimap.hdr (a .hdr/.img pair"), "{text}");
    let map = cohort.label_map(4);
    fs::remove_file(&map).unwrap();
    symlink("nowhere", &map).unwrap();
    let text = refused(&cohort, &["--contrasts", "flair"]);
    assert!(text.contains("sub-004_desc-lesions_dseg.nii.gz: a link to nowhere, which is not there"), "{text}");
}

#[test]
fn sessions_of_the_raw_data_alone_and_twins_can_be_chosen() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "clean", &[]);
    let folder = |session: &str| {
        let folder = cohort.root.join(format!("sub-002/ses-{session}/anat"));
        fs::create_dir_all(&folder).unwrap();
        folder.join(format!("sub-002_ses-{session}_Chimap.nii.gz"))
    };
    fs::copy(cohort.chimap(3), folder("02")).unwrap();
    fs::rename(cohort.chimap(2), folder("01")).unwrap();
    let text = refused(&cohort, &[]);
    assert!(text.contains("differ in ses-01 or ses-02") && text.contains("--session 01"), "{text}");
    assert_eq!(patches(&cohort, "session", &["--session", "01"]), clean);
    let text = refused(&cohort, &["--session", "1"]);
    assert!(text.contains("no ses-1 among") && text.contains("expected one of ses-01, ses-02"), "{text}");
    let twin = cohort.chimap(4).with_file_name("sub-004_run-2_Chimap.nii.gz");
    fs::rename(cohort.chimap(4), &twin).unwrap();
    fs::copy(cohort.chimap(1), twin.with_file_name("sub-004_run-1_Chimap.nii.gz")).unwrap();
    let text = refused(&cohort, &["--session", "01"]);
    assert!(text.contains("differ in run-1 or run-2") && text.contains("--entities run-1"), "{text}");
    assert_eq!(patches(&cohort, "run", &["--session", "01", "--entities", "run-2"]), clean);
    let text = refused(&cohort, &["--session", "01", "--entities", "run-2,acq-high"]);
    assert!(text.contains("no file with acq-high in its name"), "{text}");
}

#[test]
fn volumes_of_two_sessions_are_not_mixed() {
    let cohort = CohortFiles::new(4);
    for (session, suffix) in [("01", "Chimap"), ("02", "FLAIR")] {
        let folder = cohort.root.join(format!("sub-001/ses-{session}/anat"));
        fs::create_dir_all(&folder).unwrap();
        let from = cohort.root.join(format!("sub-001/anat/sub-001_{suffix}.nii.gz"));
        fs::rename(from, folder.join(format!("sub-001_ses-{session}_{suffix}.nii.gz"))).unwrap();
    }
    let text = refused(&cohort, &["--contrasts", "chimap,flair"]);
    assert!(text.contains("volumes of different sessions") && text.contains("--session"), "{text}");
}

#[test]
fn a_contrast_that_some_lack_is_named_with_all_who_do() {
    let cohort = CohortFiles::new(5);
    for patient in [2, 4] {
        fs::remove_file(cohort.root.join(format!("sub-00{patient}/anat/sub-00{patient}_FLAIR.nii.gz"))).unwrap();
    }
    let text = refused(&cohort, &["--contrasts", "chimap,flair"]);
    assert!(text.contains("no flair volume in 2 of 5 patients (sub-002, sub-004)"), "{text}");
}

#[test]
fn tables_and_folders_that_feed_a_note_stop_nothing() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "clean", &[]);
    fs::write(cohort.root.join("participants.tsv"), b"\xff\xfep\0a\0").unwrap();
    fs::create_dir(cohort.root.join("sub01")).unwrap();
    fs::remove_file(cohort.root.join("dataset_description.json")).unwrap();
    assert_eq!(patches(&cohort, "notes", &[]), clean);
    let notes = notes(&cohort, "notes");
    assert!(notes.contains("since participants.tsv cannot be used"), "{notes}");
    assert!(notes.contains("passed over, since BIDS names patients sub-*: sub01"), "{notes}");
    let mut typo = Command::cargo_bin("rimforge").unwrap();
    typo.args(["prepare", "--cohort"]).arg(cohort.root.join("participants.tsv")).arg("--out").arg(out(&cohort, "x"));
    typo.assert().code(3).stderr(contains("not a folder; expected a BIDS cohort"));
}

#[test]
fn a_patient_whose_folder_is_no_name_is_refused() {
    let cohort = CohortFiles::new(4);
    fs::create_dir(cohort.root.join("sub-\u{1b}[2J")).unwrap();
    let text = refused_any(&cohort);
    assert!(text.contains("a patient's folder cannot be used") && text.contains("control character"), "{text}");
}

fn refused_any(cohort: &CohortFiles) -> String {
    let failed = prepare(cohort, "refused", &[]).assert().code(3).stderr(contains("expected").and(contains("sub-")));
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

#[test]
fn other_headers_give_the_same_patches() {
    let cohort = CohortFiles::new(4);
    let clean = patches(&cohort, "clean", &[]);
    // NIfTI-2, most significant byte first.
    let plain = unzipped(&cohort.chimap(1));
    let mut bytes = vec![0u8; 544];
    let mut put = |at: usize, raw: &[u8]| bytes[at..at + raw.len()].copy_from_slice(raw);
    put(0, &540i32.to_be_bytes());
    put(4, b"n+2\0\r\n\x1a\n");
    put(12, &16i16.to_be_bytes());
    for (at, size) in [4, SHAPE[0], SHAPE[1], SHAPE[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(16 + 8 * at, &(size as i64).to_be_bytes());
    }
    put(168, &544i64.to_be_bytes());
    put(348, &1i32.to_be_bytes());
    for (row, size) in [0.4f32, 0.4, 1.0].into_iter().enumerate() {
        put(400 + 32 * row + 8 * row, &f64::from(size).to_be_bytes());
    }
    put(500, &2i32.to_be_bytes());
    bytes.extend(plain[352..].chunks(4).flat_map(|value| value.iter().rev().copied().collect::<Vec<_>>()));
    fs::write(cohort.chimap(1), zipped(&bytes)).unwrap();
    // An extension before the voxels.
    let plain = unzipped(&cohort.chimap(2));
    let mut extended = [&plain[..348], &[1, 0, 0, 0], &[32, 0, 0, 0, 6, 0, 0, 0], &[b' '; 24], &plain[352..]].concat();
    extended[108..112].copy_from_slice(&384f32.to_le_bytes());
    fs::write(cohort.chimap(2), zipped(&extended)).unwrap();
    // Uncompressed under a name that says otherwise, and without a unit.
    let mut plain = unzipped(&cohort.chimap(3));
    plain[123] = 0;
    fs::write(cohort.chimap(3), plain).unwrap();
    assert_eq!(patches(&cohort, "others", &[]), clean);
}

#[test]
fn several_volumes_and_types_that_are_no_map_are_named() {
    let cohort = CohortFiles::new(4);
    let says = |changes: &[(usize, &[u8])]| {
        cohort_files::nifti(&cohort.chimap(1), &cohort_files::susceptibility(1), 0.0);
        edit(&cohort.chimap(1), changes);
        prepare(&cohort, "refused", &[]).assert().code(3).get_output().stderr.clone()
    };
    let says = |changes: &[(usize, &[u8])]| String::from_utf8(says(changes)).unwrap();
    let echoes = says(&[(40, &[4, 0]), (48, &[5, 0])]);
    assert!(echoes.contains("5 volumes in one file") && echoes.contains("fslroi"), "{echoes}");
    assert!(says(&[(70, &32i16.to_le_bytes())]).contains("complex voxels"));
    assert!(says(&[(70, &128i16.to_le_bytes())]).contains("colour voxels"));
    assert!(says(&[(70, &1536i16.to_le_bytes())]).contains("128-bit"));
    assert!(says(&[(344, &[0; 4])]).contains("an ANALYZE header"));
}

/// 2^26 voxels of a byte each in less than a megabyte, which would be 268 MB as float32.
#[test]
fn a_small_file_of_many_voxels_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zeros.nii.gz");
    let mut header = vec![0u8; 352];
    let mut put = |at: usize, raw: &[u8]| header[at..at + raw.len()].copy_from_slice(raw);
    put(0, &348i32.to_le_bytes());
    for (at, size) in [3i16, 1024, 512, 128, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * at, &size.to_le_bytes());
    }
    put(70, &2i16.to_le_bytes());
    put(76, &floats(&[1.0, 0.5, 0.5, 0.5]));
    put(252, &1i16.to_le_bytes());
    put(344, b"n+1\0");
    let mut zip = GzEncoder::new(fs::File::create(&path).unwrap(), Compression::fast());
    zip.write_all(&header).unwrap();
    (0..64).for_each(|_| zip.write_all(&[0; 1 << 20]).unwrap());
    zip.finish().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 20);
    let ((), peak) = peak_of(|| {
        let file = nifti::open(&path, Form::Sform).unwrap();
        let mut pieces = Pieces::plan(&file.grid(), &[[500, 200, 60]], [24, 64, 64]);
        file.scan(|voxels| {
            pieces.add(voxels);
            Ok(())
        })
        .unwrap();
    });
    assert!(peak < 4 << 20, "{peak} bytes");
    let (map, peak) = peak_of(|| LabelMap::read(&path, Form::Sform).unwrap());
    assert!(map.lesions.is_empty() && peak < 2 << 20, "{peak} bytes");
    // A sparse file is not read at all.
    let sparse = folder.path().join("sparse.nii");
    fs::File::create(&sparse).unwrap().set_len(6 << 30).unwrap();
    let problem = nifti::open(&sparse, Form::Sform).err().unwrap().to_string();
    assert!(problem.contains("6442450944 bytes; expected at most 4 GiB"), "{problem}");
}

#[test]
fn names_that_mix_sessions_runs_or_patients_are_refused_and_other_kinds_are_told() {
    let cohort = CohortFiles::new(6);
    let anat = |patient: usize| cohort.root.join(format!("sub-{patient:03}/anat"));
    let flair = |patient: usize| anat(patient).join(format!("sub-{patient:03}_FLAIR.nii.gz"));
    // A contrast of an unknown session beside one of ses-2.
    let session = cohort.root.join("sub-002/ses-2/anat");
    fs::create_dir_all(&session).unwrap();
    let moved = session.join("sub-002_ses-2_FLAIR.nii.gz");
    fs::rename(flair(2), &moved).unwrap();
    let said = refused(&cohort, &["--contrasts", "chimap,flair"]);
    assert!(said.contains("volumes of different sessions") && said.contains("sub-002_ses-2_FLAIR"), "{said}");
    fs::rename(&moved, flair(2)).unwrap();
    fs::remove_dir_all(cohort.root.join("sub-002/ses-2")).unwrap();
    // A label map of another run than the image.
    let (map, image) = (cohort.label_map(3), cohort.chimap(3));
    let run = |path: &Path, run: &str, kind: &str| {
        let name = path.file_name().unwrap().to_string_lossy().replace(kind, &format!("{run}_{kind}"));
        path.with_file_name(name)
    };
    fs::rename(&map, run(&map, "run-1", "desc")).unwrap();
    fs::rename(&image, run(&image, "run-2", "Chimap")).unwrap();
    let said = refused(&cohort, &[]);
    assert!(said.contains("volumes of different runs"), "{said}");
    fs::rename(run(&map, "run-1", "desc"), &map).unwrap();
    fs::rename(run(&image, "run-2", "Chimap"), &image).unwrap();
    // One person under two names.
    let double = cohort.root.join("sub-3/anat");
    fs::create_dir_all(&double).unwrap();
    let said = refused(&cohort, &[]);
    assert!(said.contains("\"sub-003\" and \"sub-3\"") || said.contains("\"sub-3\" and \"sub-003\""), "{said}");
    fs::remove_dir_all(cohort.root.join("sub-3")).unwrap();
    // Another kind of file in one patient, lines and columns that are missing or too many: told, not refused.
    fs::rename(cohort.chimap(4), run(&cohort.chimap(4), "acq-B", "Chimap")).unwrap();
    let participants = cohort.root.join("participants.tsv");
    let text = fs::read_to_string(&participants).unwrap();
    fs::write(&participants, text.replace("sub-005\t40\n", "")).unwrap();
    cohort.edit_table(|text| {
        let lines = text.lines().enumerate();
        lines.map(|(at, line)| format!("{line}\t{}\n", if at == 0 { "consensus" } else { "1" })).collect()
    });
    prepare(&cohort, "told", &[]).assert().success();
    let notes = notes(&cohort, "told");
    for says in [
        "chimap is not the same kind of file in all patients: acq-B in sub-004",
        "patients without a line in participants.tsv: sub-005",
        "columns of lesions.tsv that are not used: consensus",
    ] {
        assert!(notes.contains(says), "{says}: {notes}");
    }
}

/// Names and signs that say nothing by themselves: examinations as patients, and maps of the other sign of the phase.
#[test]
fn patients_that_may_be_one_and_signs_that_differ_are_told() {
    let cohort = CohortFiles::new(4);
    let negated = |patient: usize| {
        let values: Vec<f32> = cohort_files::susceptibility(patient).iter().map(|value| -value).collect();
        cohort_files::nifti(&cohort.chimap(patient), &values, 0.0);
    };
    prepare(&cohort, "own", &[]).assert().success();
    assert!(!notes(&cohort, "own").contains("sign of the maps"), "{}", notes(&cohort, "own"));
    negated(2);
    prepare(&cohort, "one", &[]).assert().success();
    let told = notes(&cohort, "one");
    assert!(told.contains("the lesions of 1 of 4 patients lie as far below") && told.contains("sub-002"), "{told}");
    [1, 3, 4].into_iter().for_each(negated);
    prepare(&cohort, "all", &[]).assert().success();
    let told = notes(&cohort, "all");
    assert!(told.contains("a rim are less susceptible than what is around them"), "{told}");
    for (patient, name) in [(1, "sub-9v1"), (2, "sub-9v2")] {
        cohort.rename(patient, name);
    }
    prepare(&cohort, "visits", &[]).assert().success();
    let told = notes(&cohort, "visits");
    assert!(told.contains("may count examinations, each of them one patient: sub-9v1, sub-9v2"), "{told}");
}

/// What the images of a patient cannot show: that the lesions, the tracings or a contrast are not theirs.
#[test]
fn maps_of_other_patients_contrasts_or_things_are_refused_or_told() {
    let cohort = CohortFiles::new(4);
    let own = fs::read(cohort.label_map(1)).expect("file");
    // Packed anew it is another file, and the same map.
    fs::write(cohort.label_map(1), zipped(&unzipped(&cohort.label_map(3)))).expect("written");
    let text = refused(&cohort, &[]);
    assert!(text.contains("the same labels of lesions of two patients, voxel by voxel"), "{text}");
    assert!(text.contains("sub-001") && text.contains("sub-003"), "{text}");
    fs::write(cohort.label_map(1), own).expect("written");
    // Neither reader calls lesion 3 a rim.
    let labels = cohort_files::labels_of(1);
    let traced: Vec<f32> = labels.iter().map(|label| f32::from(u8::from(*label > 0.0))).collect();
    cohort_files::nifti(&cohort.rim(1), &traced, 0.0);
    prepare(&cohort, "traced", &["--contrasts", "chimap,rim"]).assert().success();
    let told = notes(&cohort, "traced");
    assert!(told.contains("lesions are traced as rim throughout, or for the most part"), "{told}");
    assert!(told.contains("sub-001_lesion-003"), "{told}");
    let anat = cohort.root.join("sub-001/anat");
    fs::copy(anat.join("sub-001_FLAIR.nii.gz"), anat.join("sub-001_T1w.nii.gz")).expect("copied");
    for patient in 2..=4 {
        let values: Vec<f32> =
            cohort_files::susceptibility(patient).iter().map(|value| 300.0 - 900.0 * value).collect();
        let path = cohort.root.join(format!("sub-{patient:03}/anat/sub-{patient:03}_T1w.nii.gz"));
        cohort_files::nifti(&path, &values, 0.0);
    }
    let text = refused(&cohort, &["--contrasts", "flair,t1w"]);
    assert!(text.contains("the t1w of sub-001 is its flair in all its lesions' patches"), "{text}");
    // A phase is no picture of tissue unless it is asked for.
    for patient in 1..=4 {
        let anat = cohort.root.join(format!("sub-{patient:03}/anat"));
        let name = |part: &str| anat.join(format!("sub-{patient:03}{part}_T1w.nii.gz"));
        fs::rename(name(""), name("_part-phase")).expect("renamed");
    }
    let text = refused(&cohort, &["--contrasts", "chimap,t1w"]);
    assert!(text.contains("the phase of a signal as t1w") && text.contains("--entities part-phase"), "{text}");
    prepare(&cohort, "phase", &["--contrasts", "chimap,t1w", "--entities", "part-phase"]).assert().success();
}

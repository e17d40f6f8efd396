//! A tiny BIDS cohort written byte by byte, so that the reader is not tested against its own idea of a file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Voxels of the test volumes: x, y, z.
pub const SHAPE: [usize; 3] = [40, 36, 16];

/// A cohort of `patients` patients, three lesions each: one that both readers call rim, one that one does, one neither.
pub struct CohortFiles {
    pub root: PathBuf,
    _folder: tempfile::TempDir,
}

impl CohortFiles {
    pub fn new(patients: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("cohort");
        let mut table = String::from("participant_id\tlesion_id\treader1\treader2\n");
        let mut participants = String::from("participant_id\tage\n");
        for patient in 1..=patients {
            let id = format!("sub-{patient:03}");
            let raw = root.join(&id).join("anat");
            let derived = root.join("derivatives/lesions").join(&id).join("anat");
            fs::create_dir_all(&raw).expect("folder");
            fs::create_dir_all(&derived).expect("folder");
            nifti(&raw.join(format!("{id}_Chimap.nii.gz")), &susceptibility(patient), 0.0);
            nifti(&raw.join(format!("{id}_FLAIR.nii.gz")), &flair(patient), 0.0);
            nifti(&derived.join(format!("{id}_desc-lesions_dseg.nii.gz")), &labels_of(patient), 0.0);
            nifti(&derived.join(format!("{id}_desc-rim_probseg.nii.gz")), &rim(), 0.0);
            table.push_str(&format!("{id}\t1\t1\t1\n{id}\t2\t0\t1\n{id}\t3\t0\t0\n"));
            participants.push_str(&format!("{id}\t40\n"));
        }
        fs::write(root.join("participants.tsv"), participants).expect("table");
        fs::write(root.join("derivatives/lesions/lesions.tsv"), table).expect("table");
        let description = r#"{"Name": "test", "BIDSVersion": "1.10.0"}"#;
        fs::write(root.join("dataset_description.json"), description).expect("description");
        Self { root, _folder: folder }
    }

    pub fn chimap(&self, patient: usize) -> PathBuf {
        self.root.join(format!("sub-{patient:03}/anat/sub-{patient:03}_Chimap.nii.gz"))
    }

    pub fn label_map(&self, patient: usize) -> PathBuf {
        let id = format!("sub-{patient:03}");
        self.root.join(format!("derivatives/lesions/{id}/anat/{id}_desc-lesions_dseg.nii.gz"))
    }

    /// Its traced rims.
    pub fn rim(&self, patient: usize) -> PathBuf {
        let id = format!("sub-{patient:03}");
        self.root.join(format!("derivatives/lesions/{id}/anat/{id}_desc-rim_probseg.nii.gz"))
    }

    pub fn reader_table(&self) -> PathBuf {
        self.root.join("derivatives/lesions/lesions.tsv")
    }

    /// Calls a patient `name` in all folders, files and tables.
    pub fn rename(&self, patient: usize, name: &str) {
        let id = format!("sub-{patient:03}");
        for root in [self.root.clone(), self.root.join("derivatives/lesions")] {
            let anat = root.join(&id).join("anat");
            for file in fs::read_dir(&anat).expect("folder").map(|entry| entry.expect("entry").path()) {
                let own = file.file_name().and_then(|own| own.to_str()).expect("name").replace(&id, name);
                fs::rename(&file, anat.join(own)).expect("renamed");
            }
            fs::rename(root.join(&id), root.join(name)).expect("renamed");
        }
        for table in [self.reader_table(), self.root.join("participants.tsv")] {
            let text = fs::read_to_string(&table).expect("table").replace(&id, name);
            fs::write(&table, text).expect("table");
        }
    }

    /// Rewrites the reader table.
    pub fn edit_table(&self, edit: impl Fn(String) -> String) {
        let text = fs::read_to_string(self.reader_table()).expect("table");
        fs::write(self.reader_table(), edit(text)).expect("table");
    }
}

fn each_voxel(value: impl Fn([usize; 3]) -> f32) -> Vec<f32> {
    let [width, height, depth] = SHAPE;
    let at = |index: usize| [index % width, index / width % height, index / (width * height)];
    (0..width * height * depth).map(|index| value(at(index))).collect()
}

/// Three boxes of 6 x 6 x 4 voxels.
fn label([x, y, z]: [usize; 3]) -> u32 {
    let inside = |first: [usize; 3]| {
        (x.wrapping_sub(first[0]) < 6) && (y.wrapping_sub(first[1]) < 6) && (z.wrapping_sub(first[2]) < 4)
    };
    [[4, 4, 3], [20, 8, 6], [28, 24, 9]].into_iter().position(inside).map_or(0, |at| at as u32 + 1)
}

pub fn labels() -> Vec<f32> {
    each_voxel(|at| label(at) as f32)
}

/// As [`labels`], but for a voxel of each lesion: no two patients have the same lesions.
pub fn labels_of(patient: usize) -> Vec<f32> {
    let gone = [[4, 4, 3], [20, 8, 6], [28, 24, 9]].map(|[x, y, z]| [x + patient % 6, y + patient / 6 % 6, z + 1]);
    each_voxel(|at| if gone.contains(&at) { 0.0 } else { label(at) as f32 })
}

/// Shares of the tracings: one of two readers traced the first lesion.
pub fn rim() -> Vec<f32> {
    each_voxel(|at| f32::from(label(at) == 1) * 0.5)
}

/// ppm: a patient-specific pseudo-random texture of +-0.03 with lesions of +0.04.
pub fn susceptibility(patient: usize) -> Vec<f32> {
    each_voxel(|[x, y, z]| {
        let mixed = (x * 73 + y * 179 + z * 283 + patient * 7919).wrapping_mul(2_654_435_761) >> 7 & 0xffff;
        mixed as f32 / 65_535.0 * 0.06 - 0.03 + if label([x, y, z]) > 0 { 0.04 } else { 0.0 }
    })
}

fn flair(patient: usize) -> Vec<f32> {
    susceptibility(patient).iter().map(|value| 1000.0 + 5000.0 * value.max(-0.1)).collect()
}

/// Writes float32 NIfTI-1 with 0.4 x 0.4 x 1 mm voxels; `shift` mm along x.
pub fn nifti(path: &Path, values: &[f32], shift: f32) {
    let mut bytes = vec![0u8; 352];
    let mut put = |at: usize, raw: &[u8]| bytes[at..at + raw.len()].copy_from_slice(raw);
    put(0, &348i32.to_le_bytes());
    for (axis, size) in [3, SHAPE[0], SHAPE[1], SHAPE[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * axis, &(size as i16).to_le_bytes());
    }
    put(70, &16i16.to_le_bytes());
    put(72, &32i16.to_le_bytes());
    for (axis, size) in [1.0f32, 0.4, 0.4, 1.0].into_iter().enumerate() {
        put(76 + 4 * axis, &size.to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(123, &[2]);
    put(254, &1i16.to_le_bytes());
    for (row, size) in [0.4f32, 0.4, 1.0].into_iter().enumerate() {
        put(280 + 16 * row + 4 * row, &size.to_le_bytes());
    }
    put(292, &shift.to_le_bytes());
    put(344, b"n+1\0");
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    let file = fs::File::create(path).expect("file");
    let mut zipped = GzEncoder::new(file, Compression::fast());
    zipped.write_all(&bytes).and_then(|()| zipped.finish().map(|_| ())).expect("written");
}

/// A folder beside the cohort.
pub fn out(cohort: &CohortFiles, name: &str) -> PathBuf {
    cohort.root.with_file_name(name)
}

/// `rimforge prepare` of the cohort into that folder.
pub fn prepare(cohort: &CohortFiles, name: &str, more: &[&str]) -> Command {
    let mut command = Command::cargo_bin("rimforge").expect("the program");
    command.args(["prepare", "--cohort"]).arg(&cohort.root).arg("--out").arg(out(cohort, name)).args(more);
    command
}

//! `rimforge prepare --fa` on maps and tables that contradict each other or hold something else.

use std::fs;
use std::path::{Path, PathBuf};

use rimforge::nifti::{self, Affine, Grid, Volume};
use rimforge::records::prepare::PrepareRecord;

use crate::place::{Place, read};

const SHAPE: [usize; 3] = [20, 20, 8];

const PREPARE: &str = "prepare --fa maps --side 8 --fa-slices 3 --test-fraction 0 --validation-fraction 0 --out";

fn inside([x, y, z]: [usize; 3]) -> bool {
    let [dx, dy, dz] = [x as f32 - 9.5, y as f32 - 9.5, z as f32 - 3.5];
    (dx / 8.0).powi(2) + (dy / 8.0).powi(2) + (dz / 4.0).powi(2) <= 1.0
}

fn volume(level: impl Fn([usize; 3]) -> f32) -> Volume<f32> {
    Volume::from_fn(Grid::new(SHAPE, Affine::IDENTITY), level)
}

/// Two healthy persons, and two patients with a lesion.
struct Maps(Place);

impl Maps {
    fn new() -> Self {
        let maps = Self(Place::new(""));
        for (at, person) in ["h1", "h2", "m1", "m2"].into_iter().enumerate() {
            let wave = move |[x, y, z]: [usize; 3]| ((x * (at + 2) + 3 * y + z) as f32 * 0.7).sin().abs() * 0.5 + 0.2;
            maps.write(person, "model-tensor_param-FA_dwimap", |at| if inside(at) { wave(at) } else { 0.0 });
            if person.starts_with('m') {
                // No two patients have the same lesion.
                let own = |at: [usize; 3]| lesion(at) && (person == "m1" || at != [6, 6, 2]);
                maps.write(person, "label-lesion_mask", |at| f32::from(u8::from(own(at))));
            }
        }
        maps.table("sub-h1\thealthy\nsub-h2\thealthy\nsub-m1\tMS\nsub-m2\tMS\n");
        maps
    }

    fn file(&self, person: &str, kind: &str) -> PathBuf {
        self.0.path(&format!("maps/sub-{person}/dwi/sub-{person}_{kind}.nii.gz"))
    }

    fn write(&self, person: &str, kind: &str, level: impl Fn([usize; 3]) -> f32) {
        let file = self.file(person, kind);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        nifti::write(&file, &volume(level), "of a test").unwrap();
    }

    fn table(&self, rows: &str) {
        fs::write(self.0.path("maps/participants.tsv"), format!("participant_id\tgroup\n{rows}")).unwrap();
    }

    fn done(&self, out: &str) -> PrepareRecord {
        self.0.done(&format!("{PREPARE} {out}"));
        read(&self.0.path(out).join("record.json"))
    }

    fn refused(&self, says: &str) {
        self.0.refused(3, &format!("{PREPARE} refused"), says);
        assert!(!self.0.path("refused/manifest.json").exists());
    }
}

fn lesion([x, y, z]: [usize; 3]) -> bool {
    (6..10).contains(&x) && (6..10).contains(&y) && (2..6).contains(&z)
}

#[test]
fn of_whom_the_table_says_nothing_is_no_patient() {
    let maps = Maps::new();
    let record = maps.done("good");
    assert_eq!(record.counts[0].classes.len(), 2, "{:?}", record.counts);
    for (rows, says) in [
        ("sub-h1\thealthy\nsub-m1\tMS\nsub-m2\tMS\n", "no line of sub-h2"),
        ("sub-h1\thealthy\nsub-h2\tn/a\nsub-m1\tMS\nsub-m2\tMS\n", "no group of sub-h2"),
        ("sub-h1\thealthy\nsub-h2\tNA\nsub-m1\tMS\nsub-m2\tMS\n", "no group of sub-h2"),
        ("sub-h1\thealthy\nsub-h2\t?\nsub-m1\tMS\nsub-m2\tMS\n", "no group of sub-h2"),
        ("sub-h1\thealthy\nsub-h2\tHealthy\nsub-m1\tMS\nsub-m2\tMS\n", "differ in spelling alone"),
        ("sub-h1\tHealthy\nsub-h2\tHealthy\nsub-m1\tMS\nsub-m2\tMS\n", "differ in spelling alone"),
        ("sub-h1\thealthy\nsub-h2\thealthy\nsub-m1\tMS\nsub-m2\tms\n", "differ in spelling alone"),
        ("sub-h1\thealthy\nsub-h2\thealthy\nsub-m1\tM\u{1b}S\nsub-m2\tM\u{1b}S\n", "maps: "),
    ] {
        maps.table(rows);
        maps.refused(says);
    }
    // Where nobody is called healthy nothing hangs on it.
    maps.table("sub-h1\tMS\nsub-m1\tMS\n");
    assert!(maps.done("one").notes.iter().any(|note| note.contains("one class")));
}

#[test]
fn masks_that_contradict_the_table_or_the_brain_are_refused_or_told() {
    let maps = Maps::new();
    let mask = "label-lesion_mask";
    maps.write("h1", mask, |at| f32::from(u8::from(lesion(at))));
    maps.refused("64 voxels of lesions of a person whom participants.tsv calls healthy");
    maps.write("h1", mask, |_| 0.0);
    maps.write("m1", mask, |_| 0.0);
    let record = maps.done("empty");
    assert!(record.notes.iter().any(|note| note.contains("without a lesion") && note.contains("sub-m1")));
    maps.write("m1", mask, |[x, y, _]| f32::from(u8::from(x == 0 && y < 4)));
    maps.refused("all 32 voxels of lesions lie outside the brain");
    maps.write("m1", mask, |[x, y, z]| f32::from(u8::from(lesion([x, y, z]) || x == 0)));
    let record = maps.done("partly");
    assert!(record.notes.iter().any(|note| note.contains("160 voxels of lesions of 1 persons")), "{:?}", record.notes);
}

#[test]
fn voxels_without_a_value_are_counted_and_not_taken_for_brain() {
    let maps = Maps::new();
    let kind = "model-tensor_param-FA_dwimap";
    let level = |at: [usize; 3]| (at[0] as f32 * 0.9).sin().abs() * 0.4 + 0.3;
    // The background alone.
    maps.write("m1", kind, |at| if inside(at) { level(at) } else { f32::NAN });
    let record = maps.done("background");
    assert!(record.non_finite_voxels > 1000, "{}", record.non_finite_voxels);
    assert!(record.notes.iter().any(|note| note.contains("background is NaN")), "{:?}", record.notes);
    // A hole in the brain.
    let hole = |at: [usize; 3]| lesion(at) && at[0] > 7;
    maps.write("m1", kind, |at| if hole(at) { f32::NAN } else { f32::from(u8::from(inside(at))) * level(at) });
    maps.refused("32 voxels within the map are NaN or infinite");
    // Half a brain is lost, which its mask knows.
    maps.write("m1", "desc-brain_mask", |at| f32::from(u8::from(inside(at))));
    maps.write("m1", kind, |at| if at[0] > 9 { f32::NAN } else { f32::from(u8::from(inside(at))) * level(at) });
    maps.refused("voxels of the brain of sub-m1 are NaN or infinite");
}

#[test]
fn statistics_and_windows_without_end_are_refused() {
    let maps = Maps::new();
    maps.0.refused(2, &format!("{PREPARE} x --window fa=-1e308:1e308"), "two finite numbers");
    let path = maps.file("m1", "model-tensor_param-FA_dwimap");
    intent(&path, 5);
    maps.refused("by the header's intent code");
}

#[test]
fn maps_of_another_parameter_or_person_are_refused_and_names_that_count_are_told() {
    let maps = Maps::new();
    let (kind, mask) = ("model-tensor_param-FA_dwimap", "label-lesion_mask");
    let own = fs::read(maps.file("m1", kind)).unwrap();
    maps.write("m1", kind, |at| f32::from(u8::from(inside(at))) * (7e-4 + 1e-5 * at[0] as f32));
    maps.refused("99 of 100 voxels of the brain are at most");
    fs::write(maps.file("m1", kind), own).unwrap();
    ["m1", "m2"].iter().for_each(|person| maps.write(person, mask, |at| f32::from(u8::from(lesion(at)))));
    maps.refused("the same labels of lesions of two persons, voxel by voxel");
}

/// Puts an intent code into the header of a packed volume.
fn intent(path: &Path, code: i16) {
    let mut bytes = vec![];
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(fs::File::open(path).unwrap()), &mut bytes).unwrap();
    bytes[68..70].copy_from_slice(&code.to_le_bytes());
    let mut packed = flate2::write::GzEncoder::new(fs::File::create(path).unwrap(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    packed.finish().unwrap();
}

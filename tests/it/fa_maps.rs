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

/// Groups, examinations and files of which the tables or names say more than one thing.
#[test]
fn groups_examinations_and_kinds_that_are_joined_are_told_or_refused() {
    let maps = Maps::new();
    let rows = "sub-h1\thealthy\nsub-h2\thealthy\nsub-m1\tMS\nsub-m2\t";
    maps.table(&format!("{rows}control\n"));
    maps.refused("the groups \"healthy\" and \"control\"");
    maps.table(&format!("{rows}NMOSD\n"));
    let told = maps.done("joined").notes.join("\n");
    assert!(told.contains("counted as \"patient\": MS (1 persons), NMOSD (1 persons)"), "{told}");
    assert!(!told.contains("not the same kind of file"), "{told}");
    // Another model, a mask under another word, and the mean of all.
    let kind = "model-tensor_param-FA_dwimap";
    fs::rename(maps.file("m2", kind), maps.file("m2", "model-DKI_param-FA_dwimap")).unwrap();
    fs::rename(maps.file("m2", "label-lesion_mask"), maps.file("m2", "label-WMH_mask")).unwrap();
    fs::copy(maps.file("h1", kind), maps.0.path("maps/mean_FA.nii.gz")).unwrap();
    let told = maps.done("kinds").notes.join("\n");
    assert!(told.contains("not the same kind of file in all patients: model-DKI in sub-m2; model-tensor in"), "{told}");
    assert!(told.contains("mean_FA") && told.contains("sub-m2_label-WMH_mask.nii.gz"), "{told}");
    // Examinations of persons whom the table names, and of those that it lists one by one.
    for (at, person) in ["h1", "h2", "m1", "m2"].into_iter().enumerate() {
        let file = maps.file(person, if person == "m2" { "model-DKI_param-FA_dwimap" } else { kind });
        fs::rename(file, maps.0.path(&format!("maps/P{}_time{}_FA.nii.gz", at / 2, at % 2 + 1))).unwrap();
    }
    for file in [maps.file("m1", "label-lesion_mask"), maps.0.path("maps/mean_FA.nii.gz")] {
        fs::remove_file(file).unwrap();
    }
    maps.table("P0\thealthy\nP1\tMS\n");
    let record = maps.done("examinations");
    assert!(record.notes.iter().any(|note| note.contains("taken for several examinations of one person")));
    assert_eq!(record.counts.iter().map(|side| side.patients).sum::<u64>(), 2, "{:?}", record.counts);
    maps.table("P0_time1\thealthy\nP0_time2\thealthy\nP1_time1\tMS\nP1_time2\tMS\n");
    let told = maps.done("each").notes.join("\n");
    assert!(told.contains("each of them one patient: sub-P0_time1, sub-P0_time2, sub-P1_time1"), "{told}");
}

/// Ringing around a brain is none of it, and noise there is no background.
#[test]
fn what_lies_around_a_brain_is_not_taken_for_it() {
    let maps = Maps::new();
    let kind = "model-tensor_param-FA_dwimap";
    let level = |at: [usize; 3]| (at[0] as f32 * 0.9).sin().abs() * 0.4 + 0.3;
    let shown =
        |record: &PrepareRecord| record.notes.iter().find(|note| note.contains("images show")).cloned().unwrap();
    let plain = shown(&maps.done("plain"));
    maps.write("m1", kind, |at| if inside(at) { level(at) } else { 1e-5 * (at[1] % 3) as f32 });
    assert_eq!(shown(&maps.done("ringing")), plain);
    maps.write("m1", kind, |at| if inside(at) { level(at) } else { 0.3 + 0.02 * (at[1] % 7) as f32 });
    maps.refused("100 % of the voxels are above 0.0001, and there is no mask of the brain");
}

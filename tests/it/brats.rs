//! `rimforge prepare --brats` on small sets, good and bad, and `simulate brain` on one case.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use rimforge::data::manifest::Manifest;
use rimforge::data::{Prepared, PreparedVolumes};
use rimforge::nifti::{self, Affine, Grid, Volume};
use rimforge::records::brain::BrainRecord;
use rimforge::records::prepare::PrepareRecord;
use tempfile::TempDir;

const SHAPE: [usize; 3] = [20, 24, 16];

/// The first voxel at the left, back and bottom; or at the right and front.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    Ras,
    Lps,
}

fn volume(stored: Stored, level: impl Fn([usize; 3]) -> f32) -> Volume<f32> {
    let [nx, ny, _] = SHAPE;
    match stored {
        Stored::Ras => Volume::from_fn(Grid::new(SHAPE, Affine::IDENTITY), level),
        Stored::Lps => {
            let [x, y] = [nx as f64 - 1.0, ny as f64 - 1.0];
            let rows = [[-1.0, 0.0, 0.0, x], [0.0, -1.0, 0.0, y], [0.0, 0.0, 1.0, 0.0]];
            let turned = |[x, y, z]: [usize; 3]| level([nx - 1 - x, ny - 1 - y, z]);
            Volume::from_fn(Grid::new(SHAPE, Affine(rows)), turned)
        }
    }
}

/// A brain of its own for each case: a ball with a slope, and levels below 0.
fn image(case: usize, contrast: usize) -> impl Fn([usize; 3]) -> f32 {
    move |[x, y, z]: [usize; 3]| {
        let [dx, dy, dz] = [x as f32 - 9.5, y as f32 - 11.5, z as f32 - 7.5];
        let inside = (dx / 8.0).powi(2) + (dy / 10.0).powi(2) + (dz / 7.0).powi(2) <= 1.0;
        let wave = ((x * (case + 2) + 3 * y) as f32 * 0.7 + z as f32 * (contrast + 1) as f32).sin();
        if inside { 10.0 * x as f32 + 40.0 * wave - 30.0 + 0.5 } else { 0.0 }
    }
}

/// A tumour right of the middle, of three regions.
fn labels(scheme: [f32; 3]) -> impl Fn([usize; 3]) -> f32 {
    move |[x, y, z]: [usize; 3]| {
        let away = (x as f32 - 13.0).powi(2) + (y as f32 - 12.0).powi(2) + (z as f32 - 7.5).powi(2);
        match away {
            ..=2.0 => scheme[0],
            ..=6.0 => scheme[2],
            ..=13.0 => scheme[1],
            _ => 0.0,
        }
    }
}

/// As [`labels`], but for a voxel of the core that swells: no two cases have the same tumour.
fn labels_of(case: usize, scheme: [f32; 3]) -> impl Fn([usize; 3]) -> f32 {
    let own = [12 + case % 3, 11 + case / 3 % 3, 7 + case / 9];
    move |at| if at == own { scheme[1] } else { labels(scheme)(at) }
}

struct Place {
    folder: TempDir,
}

/// Of each year: what stands before a kind, and the kinds.
const NEW: (&str, [&str; 5]) = ("-", ["t1c", "t1n", "t2f", "t2w", "seg"]);
const OLD: (&str, [&str; 5]) = ("_", ["t1ce", "t1", "flair", "t2", "seg"]);

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a case into `set/ID`.
    fn case(&self, set: &str, id: &str, number: usize, stored: Stored, (joint, kinds): (&str, [&str; 5])) {
        let folder = self.at(set).join(id);
        fs::create_dir_all(&folder).unwrap();
        let scheme = if joint == "-" { [1.0, 2.0, 3.0] } else { [1.0, 2.0, 4.0] };
        for (at, kind) in kinds.into_iter().enumerate() {
            let volume = match kind {
                "seg" => volume(stored, labels_of(number, scheme)),
                _ => volume(stored, image(number, at)),
            };
            nifti::write(&folder.join(format!("{id}{joint}{kind}.nii.gz")), &volume, "of a test").unwrap();
        }
    }

    /// The same case as the decathlon has it: four contrasts in one file, labels in another folder.
    fn of_decathlon(&self, set: &str, number: usize) {
        let [images, labelled] = ["imagesTr", "labelsTr"].map(|folder| self.at(set).join(folder));
        [&images, &labelled].into_iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        let single = self.at("single.nii.gz");
        let written = |contrast: &str| {
            let at = NEW.1.iter().position(|kind| *kind == contrast).unwrap();
            nifti::write(&single, &volume(Stored::Ras, image(number, at)), "of a test").unwrap();
            let mut unpacked = vec![];
            let mut file = flate2::read::GzDecoder::new(fs::File::open(&single).unwrap());
            std::io::Read::read_to_end(&mut file, &mut unpacked).unwrap();
            unpacked
        };
        let mut four = written("t2f");
        // Dimensions: 4 of them, the last 4.
        four[40..42].copy_from_slice(&4i16.to_le_bytes());
        four[48..50].copy_from_slice(&4i16.to_le_bytes());
        ["t1n", "t1c", "t2w"].iter().for_each(|contrast| four.extend_from_slice(&written(contrast)[352..]));
        let name = format!("BRATS_{:03}", number + 1);
        if number.is_multiple_of(2) {
            fs::write(images.join(format!("{name}.nii")), four).unwrap();
        } else {
            let file = fs::File::create(images.join(format!("{name}.nii.gz"))).unwrap();
            let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            std::io::Write::write_all(&mut packed, &four).unwrap();
            packed.finish().unwrap();
        }
        let labels = volume(Stored::Ras, labels_of(number, [2.0, 1.0, 3.0]));
        nifti::write(&labelled.join(format!("{name}.nii.gz")), &labels, "of a test").unwrap();
    }

    /// Six cases of one population, three of another, of which the last is examined twice.
    fn set(&self, set: &str, stored: Stored) {
        for number in 0..6 {
            let id = format!("BraTS-SSA-{:05}-000", 2 + 3 * number);
            self.case(&format!("{set}/95_Glioma"), &id, number, stored, NEW);
        }
        for number in 6..9 {
            self.case(set, &format!("BraTS-GLI-{number:05}-000"), number, stored, NEW);
        }
        self.case(set, "BraTS-GLI-00008-001", 9, stored, NEW);
    }

    fn prepare(&self, set: &str, options: &[&str]) -> Result<(Manifest, PrepareRecord, PathBuf), String> {
        let out = (0..).map(|at| self.at(&format!("out-{at}"))).find(|out| !out.exists()).unwrap();
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["prepare", "--brats"]).arg(self.at(set)).arg("--out").arg(&out).arg("--json");
        let sized = options.contains(&"--side");
        let output = command.args(if sized { &[][..] } else { &["--side", "8"] }).args(options).output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!said.contains("panicked") && !out.join("manifest.json").exists(), "{said}");
            return Err(format!("{:?} {said}", output.status.code()));
        }
        let data = Prepared::open(&out).unwrap();
        Ok((data.manifest().clone(), serde_json::from_slice(&output.stdout).unwrap(), out))
    }

    fn refused(&self, set: &str, options: &[&str], says: &[&str]) {
        let said = self.prepare(set, options).unwrap_err();
        assert!(says.iter().all(|word| said.contains(word)), "{said}");
    }
}

/// A prepared data set of volumes of 8 voxels each way, in two classes.
pub fn prepared_volumes(out: &std::path::Path) {
    let place = Place::new();
    place.set("set", Stored::Ras);
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["prepare", "--brats"]).arg(place.at("set")).arg("--out").arg(out);
    command.args(["--volumes", "--side", "8", "--contrasts", "t1c,seg"]).assert().success();
}

fn hashes(manifest: &Manifest) -> BTreeMap<String, String> {
    manifest.lesions.iter().map(|slice| (slice.id.to_string(), slice.sha256.clone())).collect()
}

#[test]
fn slices_of_three_planes_are_the_same_whichever_way_a_volume_is_stored() {
    let place = Place::new();
    place.set("ras", Stored::Ras);
    place.set("lps", Stored::Lps);
    let (manifest, record, out) = place.prepare("ras", &["--contrasts", "t1c,t2f,seg"]).unwrap();
    let (turned, other, _) = place.prepare("lps", &["--contrasts", "t1c,t2f,seg"]).unwrap();
    assert_eq!(hashes(&manifest), hashes(&turned));
    let classes = "axial, axial-tumour, coronal, coronal-tumour, sagittal, sagittal-tumour";
    assert_eq!(manifest.classes.listed(), classes);
    assert_eq!((manifest.patch, record.patients), ([1, 8, 8], 9));
    assert_eq!((record.patients_on_two_sides, record.pixel_hashes_on_two_sides), (0, 0));
    // Both examinations of one person are on one side, and each population is on every side.
    let sides = |part: &str| {
        let own = manifest.lesions.iter().filter(|slice| slice.id.contains(part));
        own.map(|slice| format!("{:?}", slice.split)).collect::<BTreeSet<_>>()
    };
    assert_eq!(sides("GLI-00008").len(), 1);
    assert_eq!((sides("SSA").len(), sides("GLI").len()), (3, 3));
    // What each volume's window was, and how it lay.
    assert_eq!(record.windows.len(), 2 * 10);
    assert!(record.windows.iter().all(|one| one.stored == "RAS" && one.high > one.low && one.low < 0.0));
    assert!(
        other.windows.iter().zip(&record.windows).all(|(a, b)| a.stored == "LPS" && (a.low, a.high) == (b.low, b.high))
    );
    // The background is the lower end exactly, levels below 0 or not; the labels are a channel.
    let data = Prepared::open(&out).unwrap();
    let train = data.training_all();
    let images = train.images().unwrap();
    assert!(images.iter().all(|image| image.pixels[0] == -1.0 && image.pixels.len() == 3 * 64));
    let labelled = images.iter().flat_map(|image| &image.pixels[2 * 64..]).any(|&level| level > 0.9);
    assert!(labelled && images.iter().any(|image| image.mask.as_ref().unwrap().contains(&1)));
    for (at, image) in images.iter().enumerate() {
        let (slice, lesion) = train.entry(at);
        let cut = image.mask.as_ref().unwrap().iter().filter(|&&inside| inside == 1).count();
        assert_eq!(cut, slice.voxels as usize);
        assert!(cut == 0 || lesion.class.name().ends_with("-tumour"));
    }
}

#[test]
fn options_choose_planes_classes_and_windows() {
    let place = Place::new();
    place.set("set", Stored::Ras);
    let (all, ..) = place.prepare("set", &["--planes", "coronal", "--least-area", "0"]).unwrap();
    assert_eq!(all.classes.listed(), "coronal, coronal-tumour");
    let (some, ..) = place.prepare("set", &["--planes", "coronal", "--least-area", "0", "--slice-step", "2"]).unwrap();
    let count = |manifest: &Manifest| manifest.lesions.len();
    assert!(count(&some) <= count(&all).div_ceil(2) + 10 && count(&some) * 3 > count(&all), "{}", count(&some));
    let (named, ..) = place.prepare("set", &["--slice-classes", "plane-tumour-population"]).unwrap();
    assert!(named.classes.listed().contains("axial-tumour-SSA") && named.classes.names.len() == 12);
    let (plain, ..) = place.prepare("set", &["--slice-classes", "plane"]).unwrap();
    assert_eq!(plain.classes.listed(), "axial, coronal, sagittal");
    let (_, narrow, _) = place.prepare("set", &[]).unwrap();
    let (_, wide, _) = place.prepare("set", &["--volume-window", "min-max"]).unwrap();
    assert!(narrow.windows.iter().zip(&wide.windows).all(|(a, b)| b.low < a.low && b.high > a.high));
    place.refused("set", &["--contrasts", "t1c,chimap"], &["Some(2)", "t1n, t1c, t2w, t2f, seg"]);
    place.refused("set", &["--contrasts", "seg"], &["one of them an image"]);
    place.refused("set", &["--planes", "axial,axial"], &["each once"]);
    place.refused("set", &["--window", "t1c=0:1"], &["each volume has its own"]);
    place.refused("set", &["--patients", "p.tsv"], &["the cases' names say it"]);
    let images = Command::cargo_bin("rimforge")
        .unwrap()
        .args(["prepare", "--planes", "axial", "--out", "x", "--images"])
        .arg(place.at("set"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&images.stderr).contains("brains with gliomas (--brats)"));
}

#[test]
fn older_names_and_numbers_mean_the_same() {
    let place = Place::new();
    for number in 0..4 {
        place.case("new", &format!("BraTS-GLI-{number:05}-000"), number, Stored::Ras, NEW);
        place.case("old", &format!("BraTS2021_{number:05}"), number, Stored::Lps, OLD);
    }
    let (new, ..) = place.prepare("new", &["--contrasts", "t1n,t2w,seg"]).unwrap();
    let (old, ..) = place.prepare("old", &["--contrasts", "t1n,t2w,seg"]).unwrap();
    let values = |manifest: &Manifest| hashes(manifest).into_values().collect::<BTreeSet<_>>();
    assert_eq!(values(&new), values(&old));
    // A 4 under a name of 2023: what enhances by the old number, or a cavity.
    let seg = |set: &str| place.at(set).join("BraTS-GLI-00001-000/BraTS-GLI-00001-000-seg.nii.gz");
    nifti::write(&seg("new"), &volume(Stored::Ras, labels([1.0, 2.0, 4.0])), "").unwrap();
    place.refused("new", &[], &["Some(3)", "the label 4 among 0, 1, 2, 4", "--label-scheme"]);
    let (cavity, ..) = place.prepare("new", &["--label-scheme", "brats-2024-gli"]).unwrap();
    assert!(!cavity.lesions.is_empty());
    nifti::write(&seg("new"), &volume(Stored::Ras, labels([1.0, 2.5, 3.0])), "").unwrap();
    place.refused("new", &[], &["a voxel of 2.5 in a map of labels"]);
}

/// Voxels without a value, beyond all measure, and twice.
#[test]
fn levels_that_are_none_are_counted_told_or_refused() {
    let place = Place::new();
    place.set("set", Stored::Ras);
    let id = "BraTS-SSA-00005-000";
    let file = |kind: &str| place.at(&format!("set/95_Glioma/{id}/{id}-{kind}.nii.gz"));
    let own = fs::read(file("t1c")).unwrap();
    let image = image(1, 0);
    let write = |level: &dyn Fn([usize; 3]) -> f32| {
        nifti::write(&file("t1c"), &volume(Stored::Lps, level), "").unwrap();
    };
    // The tumour's middle, seen through the mirrored axes.
    let tumour = |[x, y, z]: [usize; 3]| labels([1.0, 1.0, 1.0])([x, y, z]) > 0.0 && x == 13;
    write(&|at| if tumour(at) { f32::NAN } else { image(at) });
    place.refused("set", &[], &["Some(3)", "t1c.nii.gz", "voxels of the tumour of BraTS-SSA-00005-000 are NaN"]);
    write(&|at| if at[0] == 5 && (9..14).contains(&at[1]) && image(at) != 0.0 { f32::INFINITY } else { image(at) });
    place.refused("set", &["--slice-classes", "plane"], &["voxels within the brain of", "are NaN"]);
    // One voxel of some two thousand, and the background.
    write(&|at| if at == [6, 12, 7] || at[0] == 0 { f32::NAN } else { image(at) });
    let (_, record, _) = place.prepare("set", &[]).unwrap();
    assert_eq!(record.non_finite_voxels, 1 + 24 * 16);
    // Two voxels whose distance is beyond float32: the patches are numbers all the same.
    let huge = |[x, y, z]: [usize; 3]| match [x, y, z] {
        [9, 11, 7] => 3e38,
        [9, 12, 7] => -3e38,
        at => image(at),
    };
    write(&huge);
    let (manifest, _, out) = place.prepare("set", &["--volume-window", "min-max"]).unwrap();
    for slice in &manifest.lesions {
        let bytes = fs::read(out.join(slice.patch.as_str())).unwrap();
        let values: Vec<f32> = npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{}", slice.id);
    }
    let (_, record, _) = place.prepare("set", &[]).unwrap();
    assert!(record.notes.iter().any(|note| note.contains("2 voxels of 1 cases lie more than a thousand widths")));
    // The levels of another contrast, in a file of its own.
    fs::write(file("t1c"), &own).unwrap();
    nifti::write(&file("t1n"), &volume(Stored::Lps, &image), "other bytes").unwrap();
    place.refused("set", &["--contrasts", "t1c,t1n"], &["the t1n of BraTS-SSA-00005-000 is its t1c, voxel by voxel"]);
    // What is at fault is named, not the labels beside it.
    write(&|_| 0.0);
    place.refused("set", &[], &["t1c.nii.gz", "what to do"]);
}

#[test]
fn four_contrasts_in_one_file_are_read_as_four_files_are() {
    let place = Place::new();
    for number in 0..6 {
        place.case("new", &format!("BraTS-GLI-{number:05}-000"), number, Stored::Ras, NEW);
        place.of_decathlon("msd", number);
    }
    let values = |manifest: &Manifest| hashes(manifest).into_values().collect::<BTreeSet<_>>();
    for contrasts in ["t2w,t1c,seg", "t2f", "t1n,t2f"] {
        let [of_four, of_one] = ["new", "msd"].map(|set| place.prepare(set, &["--contrasts", contrasts]).unwrap());
        assert_eq!(values(&of_one.0), values(&of_four.0), "{contrasts}");
        assert_eq!(of_one.0.inputs.len(), 12, "an image and labels a case");
    }
    // Images without labels are passed over; what says that the order is another is believed.
    fs::create_dir(place.at("msd/imagesTs")).unwrap();
    fs::copy(place.at("msd/imagesTr/BRATS_001.nii"), place.at("msd/imagesTs/BRATS_099.nii")).unwrap();
    let (_, record, _) = place.prepare("msd", &[]).unwrap();
    assert!(
        record.notes.iter().any(|note| note.contains("images without labels in imagesTs, 1 passed over")),
        "{:?}",
        record.notes
    );
    assert!(record.notes.iter().any(|note| note.contains("each counts as a patient of its own")));
    let description = |first: &str| format!("{{\"modality\": {{\"0\": \"{first}\", \"1\": \"T1w\"}}}}");
    fs::write(place.at("msd/dataset.json"), description("flair")).unwrap();
    place.prepare("msd", &[]).unwrap();
    fs::write(place.at("msd/dataset.json"), description("T2w")).unwrap();
    place.refused("msd", &[], &["Some(3)", "modality 0 is \"T2w\"", "FLAIR, T1w, t1gd, T2w in this order"]);
    for (text, says) in [
        (r#"{"modality": ["FLAIR", "T1w"]}"#, "no list by number"),
        (r#"{"labels": {"1": "necrosis"}}"#, "label 1 is \"necrosis\""),
    ] {
        fs::write(place.at("msd/dataset.json"), text).unwrap();
        place.refused("msd", &[], &[says]);
    }
    fs::remove_file(place.at("msd/dataset.json")).unwrap();
    // A file of one volume, and one that ends within the last.
    let file = place.at("msd/imagesTr/BRATS_003.nii");
    let own = fs::read(&file).unwrap();
    fs::write(&file, &own[..own.len() - 1]).unwrap();
    place.refused("msd", &[], &["BRATS_003.nii", "header promises", "4 whole volumes"]);
    nifti::write(&file, &volume(Stored::Ras, image(2, 0)), "").unwrap();
    place.refused("msd", &[], &["BRATS_003.nii", "1 volumes in one file", "it is to hold 4"]);
}

#[test]
fn what_is_missing_empty_or_double_is_named() {
    let place = Place::new();
    place.set("set", Stored::Ras);
    let case = place.at("set/95_Glioma/BraTS-SSA-00005-000");
    let file = |kind: &str| case.join(format!("BraTS-SSA-00005-000-{kind}.nii.gz"));
    let own = fs::read(file("t1c")).unwrap();
    fs::write(file("t1c"), b"").unwrap();
    place.refused("set", &[], &["Some(3)", "BraTS-SSA-00005-000-t1c.nii.gz", "an empty file"]);
    fs::remove_file(file("t1c")).unwrap();
    place.refused("set", &[], &["no t1c of BraTS-SSA-00005-000", "t1n, t2f, t2w", "download the case again"]);
    fs::write(case.join("W39_1998.nii.gz"), &own).unwrap();
    place.refused("set", &[], &["no t1c of BraTS-SSA-00005-000", "rename it, if it is among W39_1998.nii.gz"]);
    fs::remove_file(case.join("W39_1998.nii.gz")).unwrap();
    fs::write(file("t1c"), &own).unwrap();
    fs::create_dir(place.at("set/copy")).unwrap();
    fs::write(place.at("set/copy/BraTS-SSA-00005-000-t1c.nii.gz"), &own).unwrap();
    place.refused("set", &[], &["two files for t1c of BraTS-SSA-00005-000"]);
    fs::remove_dir_all(place.at("set/copy")).unwrap();
    // One person under two names.
    let twin = place.at("set/95_Glioma/BraTS-SSA-00099-000");
    fs::create_dir(&twin).unwrap();
    for kind in NEW.1 {
        fs::copy(file(kind), twin.join(format!("BraTS-SSA-00099-000-{kind}.nii.gz"))).unwrap();
    }
    place.refused("set", &[], &["BraTS-SSA-00005-000", "BraTS-SSA-00099-000"]);
    // Whoever drew the tumour anew, or made one contrast again, made no other person of it.
    let redrawn = volume(Stored::Ras, labels([1.0, 2.0, 2.0]));
    nifti::write(&twin.join("BraTS-SSA-00099-000-seg.nii.gz"), &redrawn, "").unwrap();
    nifti::write(&twin.join("BraTS-SSA-00099-000-t1c.nii.gz"), &volume(Stored::Ras, image(98, 1)), "").unwrap();
    let both = ["--contrasts", "t1c,t2f,seg", "--slice-classes", "plane"];
    place.refused("set", &both, &["BraTS-SSA-00005-000", "BraTS-SSA-00099-000", "t2f"]);
    let volumes = ["--contrasts", "t1c,t2f,seg", "--volumes", "--side", "8"];
    place.refused("set", &volumes, &["BraTS-SSA-00005-000", "BraTS-SSA-00099-000", "t2f"]);
    fs::remove_dir_all(&twin).unwrap();
    let shifted = Volume {
        grid: Grid::new(SHAPE, Affine([[1.0, 0.0, 0.0, 9.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])),
        data: vec![1.0f32; 20 * 24 * 16],
    };
    nifti::write(&file("t2f"), &shifted, "").unwrap();
    place.refused("set", &["--contrasts", "t1c,t2f"], &["t2f.nii.gz", "another grid"]);
    nifti::write(&file("t1c"), &volume(Stored::Ras, |_| 0.0), "").unwrap();
    place.refused("set", &[], &["no voxel of BraTS-SSA-00005-000 is other than 0"]);
    nifti::write(&file("t1c"), &volume(Stored::Ras, |_| 7.5), "").unwrap();
    place.refused("set", &[], &["100 % of the voxels of BraTS-SSA-00005-000 are not 0"]);
    fs::copy(file("t1n"), file("t1c")).unwrap();
    place.refused("set", &["--contrasts", "t1n,t1c"], &["the same file as", "one volume lies under two names"]);
    fs::write(file("t1c"), &own).unwrap();
    fs::rename(file("seg"), place.at("seg")).unwrap();
    place.refused("set", &[], &["no labels of BraTS-SSA-00005-000", "--slice-classes plane"]);
    place.refused(
        "set",
        &["--volumes", "--volume-classes", "enhancement"],
        &["no labels of BraTS-SSA-00005-000", "--volume-classes population"],
    );
    place.prepare("set", &["--slice-classes", "plane"]).unwrap();
    fs::rename(place.at("seg"), file("seg")).unwrap();
    nifti::write(&file("t1c"), &volume(Stored::Ras, |_| 0.0), "").unwrap();
    // Cases that are no gliomas are passed over, bad ones as well, unless they are asked for.
    fs::create_dir_all(place.at("set/51_OtherNeoplasms")).unwrap();
    fs::rename(&case, place.at("set/51_OtherNeoplasms/BraTS-SSA-00005-000")).unwrap();
    let (_, record, _) = place.prepare("set", &[]).unwrap();
    assert!(
        record.notes.iter().any(|note| note.contains("51_OtherNeoplasms, which are no gliomas, 5 passed over")),
        "{:?}",
        record.notes
    );
    place.refused("set", &["--other-neoplasms"], &["no voxel of BraTS-SSA-00005-000"]);
    fs::create_dir(place.at("empty")).unwrap();
    place.refused("empty", &[], &["no case of BraTS"]);
}

/// What images cannot show: whose map of labels it is, and that it is one.
#[test]
fn labels_of_another_case_of_nothing_or_of_another_space_are_told() {
    let place = Place::new();
    place.set("set", Stored::Ras);
    let file = |id: &str| place.at(&format!("set/95_Glioma/{id}/{id}-seg.nii.gz"));
    let (one, other) = (file("BraTS-SSA-00002-000"), file("BraTS-SSA-00005-000"));
    let own = fs::read(&other).unwrap();
    fs::copy(&one, &other).unwrap();
    for options in [&["--contrasts", "t1c,seg"][..], &["--volumes", "--side", "8", "--contrasts", "t1c,seg"]] {
        place.refused(
            "set",
            options,
            &["BraTS-SSA-00002-000", "BraTS-SSA-00005-000", "the same labels of two persons"],
        );
    }
    nifti::write(&other, &volume_of_nothing(), "").unwrap();
    let (_, record, _) = place.prepare("set", &[]).unwrap();
    let told = "label maps without a voxel of a tumour, 1 of 10, whose slices count as without: BraTS-SSA-00005-000";
    assert!(record.notes.iter().any(|note| note == told), "{:?}", record.notes);
    nifti::write(&other, &volume(Stored::Ras, |[x, y, _]| f32::from(u8::from(x == 0 && y < 4))), "").unwrap();
    place.refused("set", &[], &["all 64 labelled voxels of BraTS-SSA-00005-000 lie outside the brain"]);
    fs::write(&other, own).unwrap();
    place.prepare("set", &[]).unwrap();
    // Of children the same name has two meanings.
    place.case("set", "BraTS-PED-00001-000", 17, Stored::Ras, NEW);
    place.refused("set", &[], &["a child's label map", "--label-scheme brats-2024-ped"]);
}

#[test]
fn examinations_that_names_count_are_of_one_person() {
    let place = Place::new();
    for number in 0..8 {
        place.case("set", &format!("10000{}_time{}", number / 2, 1 + number % 2), number, Stored::Ras, OLD);
    }
    let (manifest, record, _) = place.prepare("set", &[]).unwrap();
    assert_eq!((record.patients, record.patients_on_two_sides), (4, 0));
    assert!(manifest.lesions.iter().all(|slice| slice.patient.len() == 6), "{}", manifest.lesions[0].patient);
    let told = "taken for several examinations of one person by their names: 100000_time1";
    assert!(record.notes.iter().any(|note| note.contains(told)), "{:?}", record.notes);
    place.case("other", "BraTS-GLI-00001-000", 1, Stored::Ras, ("_", ["t1c", "t1n", "t2f", "t2w", "seg"]));
    place.refused("other", &[], &["no t1c of BraTS-GLI-00001-000", "BraTS-GLI-00001-000_t1c.nii.gz"]);
    fs::remove_file(place.at("other/BraTS-GLI-00001-000/BraTS-GLI-00001-000_seg.nii.gz")).unwrap();
    place.refused(
        "other",
        &["--slice-classes", "plane"],
        &["volumes under other names: BraTS-GLI-00001-000/BraTS-GLI-00001-000_t1c.nii.gz"],
    );
}

fn simulate(arguments: &[&str], out: &Path) -> Output {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["simulate", "brain"]).args(arguments).arg(out).arg("--json").output().unwrap()
}

/// A whole brain takes a minute: one case, of each way of asking for it.
#[test]
fn a_simulated_case_is_read_as_it_is_written() {
    let place = Place::new();
    let out = place.at("set");
    let first = simulate(&["--africa", "1", "--others", "0", "--threads", "2", "--out"], &out);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let record: BrainRecord = serde_json::from_slice(&first.stdout).unwrap();
    assert!(record.simulated && record.cases == 1 && record.populations[0].key == "SSA");
    let shape: Vec<&str> = record.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str()).collect();
    assert!(shape.len() <= 2, "{shape:?}");
    assert_eq!(simulate(&["--africa", "2", "--others", "0", "--out"], &out).status.code(), Some(2));
    let (manifest, record, _) = place
        .prepare("set", &["--side", "32", "--slice-step", "8", "--test-fraction", "0", "--validation-fraction", "0"])
        .unwrap_or_else(|said| panic!("{said}"));
    assert!(manifest.simulated && record.windows.len() == 1);
    assert!((30..80).contains(&manifest.lesions.len()), "{}", manifest.lesions.len());
    // Beside volumes of persons it would make theirs pass for simulated ones.
    place.set("mixed", Stored::Ras);
    fs::rename(place.at("mixed/95_Glioma/BraTS-SSA-00005-000"), out.join("BraTS-SSA-00005-000")).unwrap();
    place.refused("set", &["--side", "8"], &["says that it is simulated", "does not", "in a folder of their own"]);
}

#[test]
#[ignore = "minutes; `make attack` runs it"]
fn a_simulated_case_that_is_gone_is_made_again_alike() {
    let place = Place::new();
    let out = place.at("set");
    assert!(simulate(&["--africa", "1", "--others", "0", "--threads", "1", "--out"], &out).status.success());
    let seg = out.join("BraTS-Africa/95_Glioma").read_dir().unwrap().next().unwrap().unwrap().path();
    let seg = seg
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.to_string_lossy().contains("-seg"))
        .unwrap();
    let own = fs::read(&seg).unwrap();
    fs::remove_file(&seg).unwrap();
    assert!(simulate(&["--africa", "1", "--others", "0", "--threads", "2", "--out"], &out).status.success());
    assert_eq!(fs::read(&seg).unwrap(), own);
}

#[test]
fn a_case_is_one_volume_the_same_whichever_way_it_is_stored() {
    let place = Place::new();
    place.set("ras", Stored::Ras);
    place.set("lps", Stored::Lps);
    let prepare = |set: &str, more: &[&str]| {
        let out = place.at(&format!("{set}-{}", more.len()));
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["prepare", "--brats"]).arg(place.at(set)).arg("--out").arg(&out);
        let output = command.args(["--volumes", "--side", "8", "--contrasts", "t1c,seg"]).args(more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        if output.status.success() { Ok(PreparedVolumes::open(&out).unwrap()) } else { Err(said) }
    };
    let (ras, lps) = (prepare("ras", &[]).unwrap(), prepare("lps", &[]).unwrap());
    assert_eq!(hashes(ras.manifest()), hashes(lps.manifest()));
    assert_eq!((ras.shape(), ras.manifest().slices.len()), ([2, 8, 8, 8], 0));
    assert_eq!(ras.manifest().voxel_mm, Some([3.0; 3]), "24 voxels of 1 mm become 8");
    assert_eq!(ras.manifest().classes.listed(), "GLI, SSA");
    assert!(Prepared::open(ras.root()).unwrap_err().to_string().contains("whole volumes"));
    // The tumour lies to the right: in the first half of the width.
    let volume = &ras.training().read(&[0]).unwrap()[0];
    let mask = volume.mask.as_ref().unwrap();
    let right = mask.iter().enumerate().filter(|(at, inside)| **inside == 1 && at % 8 < 4).count();
    assert!(right > 0 && right * 2 > mask.iter().filter(|inside| **inside == 1).count());
    let said = prepare("ras", &["--volume-classes", "enhancement"]).map(|data| data.manifest().classes.listed());
    assert_eq!(said.unwrap(), "enhancing");

    place.set("empty", Stored::Ras);
    let path = place.at("empty/BraTS-GLI-00006-000/BraTS-GLI-00006-000-seg.nii.gz");
    nifti::write(&path, &volume_of_nothing(), "of a test").unwrap();
    let said = prepare("empty", &[]).map(|_| ()).unwrap_err();
    assert!(said.contains("without a labelled voxel") && said.contains("BraTS-GLI-00006-000"), "{said}");
}

fn volume_of_nothing() -> Volume<f32> {
    volume(Stored::Ras, |_| 0.0)
}

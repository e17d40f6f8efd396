//! Dermoscopic photographs as HAM10000 and the ISIC challenges hand them out, through the program: what is read, how
//! lesions are grouped, what is refused and in which words.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use jpeg_encoder::{ColorType, Encoder};
use rand::RngExt;
use rimforge::data::Prepared;
use rimforge::data::manifest::{Class, Lesion, Manifest, Split};
use rimforge::records::prepare::PrepareRecord;
use rimforge::seed::RunSeed;
use zip::write::SimpleFileOptions;

const WIDTH: usize = 96;
const HEIGHT: usize = 72;

/// RGB levels of a photograph: blotches that make the lesion, a little moved in each shot.
fn levels(lesion: u64, shot: usize) -> Vec<u8> {
    let mut rng = RunSeed(lesion).stream("blotches", 0);
    let blotches: Vec<[f32; 4]> = (0..6)
        .map(|_| {
            [
                rng.random_range(15.0..81.0),
                rng.random_range(5.0..67.0),
                rng.random_range(4.0..12.0),
                rng.random_range(-90.0..40.0),
            ]
        })
        .collect();
    let pixel = |at: usize| {
        let (x, y) = ((at % WIDTH) as f32 + 5.0 * shot as f32, (at / WIDTH) as f32 - 4.0 * shot as f32);
        let dark: f32 = blotches
            .iter()
            .map(|[cx, cy, size, depth]| depth * (-((x - cx).powi(2) + (y - cy).powi(2)) / (2.0 * size * size)).exp())
            .sum();
        [195.0, 150.0, 145.0].map(|skin: f32| (skin + dark).clamp(0.0, 255.0) as u8)
    };
    (0..WIDTH * HEIGHT).flat_map(pixel).collect()
}

fn encoded(levels: &[u8], [width, height]: [usize; 2], colour: ColorType, progressive: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 92);
    encoder.set_progressive(progressive);
    encoder.encode(levels, width as u16, height as u16, colour).unwrap();
    bytes
}

fn jpeg(lesion: u64, shot: usize) -> Vec<u8> {
    encoded(&levels(lesion, shot), [WIDTH, HEIGHT], ColorType::Rgb, lesion % 2 == 1)
}

fn png(depth: png::BitDepth, [width, height]: [usize; 2], levels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(levels).unwrap();
    bytes
}

/// A photograph of a set: of which lesion, which shot of it, and what the lesion is.
#[derive(Clone)]
struct Shot {
    image: String,
    lesion: u64,
    shot: usize,
    class: &'static str,
}

/// Five lesions of each of three classes, two photographs each.
fn shots() -> Vec<Shot> {
    let of = |at: usize| {
        let lesion = (at / 2) as u64;
        let class = ["df", "mel", "nv"][at / 10];
        Shot { image: format!("ISIC_{:07}", 24306 + at), lesion, shot: at % 2, class }
    };
    (0..30).map(of).collect()
}

/// HAM10000's table with these columns, in this separator.
fn metadata(shots: &[Shot], separator: char, dataset: bool) -> String {
    let mut text = "lesion_id,image_id,dx,dx_type,age,sex,localization".to_owned();
    text += if dataset { ",dataset\n" } else { "\n" };
    for Shot { image, lesion, class, .. } in shots {
        text += &format!(
            "HAM_{lesion:07},{image},{class},histo,80.0,male,scalp{}\n",
            if dataset { ",rosendahl" } else { "" }
        );
    }
    text.replace(',', &separator.to_string())
}

type Files = BTreeMap<String, Vec<u8>>;

/// The download: two folders of photographs.
fn ham() -> Files {
    let photograph = |(at, shot): (usize, &Shot)| {
        (format!("HAM10000_images_part_{}/{}.jpg", 1 + at / 15, shot.image), jpeg(shot.lesion, shot.shot))
    };
    let mut files: Files = shots().iter().enumerate().map(photograph).collect();
    files.insert("HAM10000_metadata.csv".into(), metadata(&shots(), ',', false).into_bytes());
    files
}

fn with(mut files: Files, more: &[(&str, &[u8])]) -> Files {
    files.extend(more.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
    files
}

/// The set with another table.
fn with_table(text: impl AsRef<[u8]>) -> Files {
    with(ham(), &[("HAM10000_metadata.csv", text.as_ref())])
}

struct Place(tempfile::TempDir);

struct Done {
    code: Option<i32>,
    said: String,
    out: PathBuf,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn written(&self, files: &Files) -> PathBuf {
        let set = tempfile::tempdir_in(self.0.path()).unwrap().keep();
        for (name, bytes) in files {
            fs::create_dir_all(set.join(name).parent().unwrap()).unwrap();
            fs::write(set.join(name), bytes).unwrap();
        }
        set
    }

    fn zipped(&self, files: &Files) -> PathBuf {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            zip.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        let path = self.0.path().join("set.zip");
        fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
        path
    }

    fn prepare(&self, source: &str, from: &Path, options: &[&str]) -> Done {
        let out = tempfile::tempdir_in(self.0.path()).unwrap().keep().join("data");
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["prepare", source]).arg(from).arg("--out").arg(&out).args(options);
        let output = command.timeout(std::time::Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{said}");
        Done { code: output.status.code(), said, out }
    }

    fn ham(&self, files: &Files) -> Done {
        self.prepare("--ham10000", &self.written(files), &[])
    }

    fn isic(&self, files: &Files) -> Done {
        self.prepare("--isic", &self.written(files), &[])
    }
}

impl Done {
    fn refused(self, says: &[&str]) {
        assert_eq!(self.code, Some(3), "{}", self.said);
        says.iter().for_each(|says| assert!(self.said.contains(says), "{says:?} in: {}", self.said));
        assert!(!self.out.join("manifest.json").exists());
    }

    fn manifest(self, says: &[&str]) -> Manifest {
        assert_eq!(self.code, Some(0), "{}", self.said);
        says.iter().for_each(|says| assert!(self.said.contains(says), "{says:?} in: {}", self.said));
        let data = Prepared::open(&self.out).unwrap();
        let record: PrepareRecord = serde_json::from_slice(&fs::read(self.out.join("record.json")).unwrap()).unwrap();
        assert_eq!((record.patients_on_two_sides, record.pixel_hashes_on_two_sides), (0, 0));
        data.manifest().clone()
    }
}

fn groups(lesions: &[Lesion]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    lesions.iter().for_each(|lesion| groups.entry(&lesion.patient).or_default().push(&lesion.id));
    groups
}

#[test]
fn ham10000_is_read_as_it_is_downloaded_whatever_its_form() {
    let place = Place::new();
    let done = place.ham(&ham());
    let out = done.out.clone();
    let manifest = done.manifest(&[
        "30 lesions of 15 patients",
        "labels from: the column dx of HAM10000_metadata.csv",
        "columns of HAM10000_metadata.csv that are not used: dx_type, age, sex, localization",
        "no photograph of akiec, bcc, bkl, vasc, so no such class",
        "before: 96 x 72 (30 images)",
        "near duplicates in different lesions: none",
    ]);
    assert_eq!(
        (manifest.classes.listed().as_str(), manifest.patch, manifest.simulated),
        ("df, mel, nv", [1, 64, 64], false)
    );
    let source = "the column lesion_id of HAM10000_metadata.csv, joined where photographs are near duplicates";
    assert_eq!(manifest.patient_source, source);
    let contrasts: Vec<_> =
        manifest.contrasts.iter().map(|c| (c.name.as_str(), c.unit.as_str(), c.window.high)).collect();
    assert_eq!(contrasts, ["image0", "image1", "image2"].map(|name| (name, "grey level", 255.0)));
    for (lesion, shot) in manifest.lesions.iter().zip(shots()) {
        let group = format!("HAM_{:07}", shot.lesion);
        assert_eq!((lesion.id.as_str(), lesion.class.name(), &lesion.patient), (&*shot.image, shot.class, &group));
        assert_eq!((lesion.label.as_deref(), lesion.reader1), (Some(shot.class), None));
    }
    for side in [Split::Train, Split::Validation, Split::Test] {
        let here: BTreeSet<&Class> = manifest.lesions.iter().filter(|l| l.split == side).map(|l| &l.class).collect();
        assert_eq!(here.len(), 3, "{side:?}");
    }
    // The same from other forms of the table, other orders, other folders, a zip.
    let mut reversed = shots();
    reversed.reverse();
    let one_folder = |files: Files| -> Files {
        files.into_iter().map(|(name, bytes)| (name.rsplit('/').next().unwrap().to_owned(), bytes)).collect()
    };
    let renamed = |table: &str, text: String| {
        let mut files = with(ham(), &[(table, text.as_bytes())]);
        files.remove("HAM10000_metadata.csv");
        files
    };
    let bare: Files = ham().into_iter().map(|(name, bytes)| (format!("archive/{name}"), bytes)).collect();
    for files in [
        renamed("HAM10000_metadata", metadata(&shots(), ',', true)),
        renamed("dataverse_files/HAM10000_metadata.tab", metadata(&reversed, '\t', true)),
        one_folder(ham()),
        bare,
    ] {
        let other = place.ham(&files).manifest(&[]);
        assert_eq!((other.lesions, other.slices), (manifest.lesions.clone(), manifest.slices.clone()));
    }
    let zipped = place.prepare("--ham10000", &place.zipped(&ham()), &[]).manifest(&[]);
    assert_eq!((zipped.lesions, zipped.inputs), (manifest.lesions.clone(), manifest.inputs.clone()));
    // The same command again writes the same bytes.
    let again = place.ham(&ham());
    for file in ["manifest.json", "record.json"] {
        assert_eq!(fs::read(out.join(file)).unwrap(), fs::read(again.out.join(file)).unwrap(), "{file}");
    }
    let larger = place.prepare("--ham10000", &place.written(&ham()), &["--side", "32", "--seed", "7"]).manifest(&[]);
    assert_eq!(larger.patch, [1, 32, 32]);
    assert_ne!(
        larger.lesions.iter().map(|l| l.split).collect::<Vec<_>>(),
        manifest.lesions.iter().map(|l| l.split).collect::<Vec<_>>()
    );
}

#[test]
fn what_else_a_download_holds_is_passed_over_or_named() {
    let place = Place::new();
    let first = jpeg(0, 0);
    let mask = png(png::BitDepth::Eight, [1, 1], &[0, 0, 0]);
    let more: [(&str, &[u8]); 6] = [
        ("HAM10000_segmentations/ISIC_0024306_segmentation.png", &mask),
        ("ISIC2018_Task3_Test_Images/ISIC_0034524.jpg", b"never looked at"),
        ("hmnist_28_28_RGB.csv", b"pixel0000\n1\n"),
        // Some downloads have each folder twice.
        ("ham10000_images_part_1/ISIC_0024306.jpg", &first),
        ("SIMULATED.md", b"No patient.\n"),
        ("HAM10000_images_part_1/.DS_Store", b"x"),
    ];
    let manifest = place.ham(&with(ham(), &more)).manifest(&[
        "SIMULATED",
        "1 masks of lesions are not used",
        "folders of pictures of which none is in the table, passed over: ISIC2018_Task3_Test_Images (1)",
        "1 files that are copies of another of the same name are not read again",
    ]);
    assert!(manifest.simulated && manifest.lesions.len() == 30);
    // As `simulate` leaves it: a description beside the table, and a picture of examples.
    let overview = png(png::BitDepth::Eight, [1, 1], &[0, 0, 0]);
    for (text, simulated) in [(r#"{"Name":"x","simulated":true}"#, true), (r#"{"Name":"photographs"}"#, false)] {
        let described = [("dataset_description.json", text.as_bytes()), ("gallery.png", &overview)];
        let manifest = place.ham(&with(ham(), &described)).manifest(&["passed over: the folder itself (1)"]);
        assert_eq!(manifest.simulated, simulated);
    }
    place.ham(&with(ham(), &[("dataset_description.json", b"{")])).refused(&["dataset_description.json"]);
    let other = ("ham10000_images_part_1/ISIC_0024306.jpg", jpeg(0, 1));
    place.ham(&with(ham(), &[(other.0, &other.1)])).refused(&["two files for ISIC_0024306"]);
    place.ham(&with(ham(), &[("HAM10000_images_part_1/ISIC_9.jpg", &first)])).refused(&[
        "only in the table: none; only in the folders of its photographs (1): HAM10000_images_part_1/ISIC_9.jpg",
    ]);
    let mut missing = ham();
    missing.remove("HAM10000_images_part_2/ISIC_0024335.jpg");
    place.ham(&missing).refused(&["only in the table (1): ISIC_0024335", "complete the download"]);
}

#[test]
fn tables_that_leak_or_contradict_are_refused() {
    let place = Place::new();
    let table = metadata(&shots(), ',', false);
    let twice = table.clone() + table.lines().nth(1).unwrap() + "\n";
    place.ham(&with_table(twice)).refused(&["1 images in more than one line: ISIC_0024306", "as it was published"]);
    let ended = table.replace("ISIC_0024306,", "ISIC_0024306.jpg,");
    assert_eq!(place.ham(&with_table(&ended)).manifest(&[]).lesions[0].id.as_str(), "ISIC_0024306");
    for (from, to, says) in [
        ("ISIC_0024306,df", "ISIC_0024306,scc", "line 2: dx is \"scc\"; expected akiec, bcc, bkl, df, mel, nv, vasc"),
        ("ISIC_0024306,df", "ISIC_0024306,", "line 2: dx is \"\""),
        (
            "ISIC_0024306,df",
            "ISIC_0024306,nv",
            "the lesion \"HAM_0000000\" is nv in ISIC_0024306 and df in ISIC_0024307",
        ),
        ("HAM_0000000,ISIC_0024306", ",ISIC_0024306", "line 2: ISIC_0024306 without lesion_id"),
        ("HAM_0000000,ISIC_0024306", "unknown,ISIC_0024306", "line 2: lesion_id"),
        ("HAM_0000000,ISIC_0024306", "HAM_0,ISIC_0024306", "lesions that differ in spelling alone"),
        ("lesion_id", "lesion", "no column lesion_id"),
        ("dx,", "diagnosis,", "no column dx"),
        ("ISIC_0024306,", "NaN,", "line 2: no name of an image"),
    ] {
        assert!(table.contains(from));
        place.ham(&with_table(table.replacen(from, to, 1))).refused(&[says]);
    }
    // A class of one lesion cannot be on every side.
    let lonely: Vec<Shot> = shots().into_iter().filter(|shot| shot.class != "df" || shot.lesion == 0).collect();
    let mut files = with_table(metadata(&lonely, ',', false));
    shots().iter().filter(|shot| shot.class == "df" && shot.lesion != 0).for_each(|shot| {
        files.remove(&format!("HAM10000_images_part_1/{}.jpg", shot.image));
    });
    place.ham(&files).refused(&["items of the class df in 1 of 11 patients", "can be left out of the table"]);
    let two =
        place.prepare("--ham10000", &place.written(&files), &["--test-fraction", "0", "--validation-fraction", "0"]);
    assert_eq!(two.manifest(&[]).lesions.len(), 22);
}

#[test]
fn copies_join_their_lesions_whatever_their_name_size_or_turn() {
    let place = Place::new();
    // Of the last lesion the first photograph once more, under the name of another lesion's.
    let copied = |bytes: &[u8]| with(ham(), &[("HAM10000_images_part_2/ISIC_0024326.jpg", bytes)]);
    let own = levels(14, 0);
    let mirrored: Vec<u8> = (0..WIDTH * HEIGHT)
        .flat_map(|at| {
            let from = at / WIDTH * WIDTH + WIDTH - 1 - at % WIDTH;
            own[3 * from..][..3].to_vec()
        })
        .collect();
    let doubled: Vec<u8> = (0..4 * WIDTH * HEIGHT)
        .flat_map(|at| own[3 * (at / (2 * WIDTH) / 2 * WIDTH + at % (2 * WIDTH) / 2)..][..3].to_vec())
        .collect();
    for bytes in [
        jpeg(14, 0),
        encoded(&mirrored, [WIDTH, HEIGHT], ColorType::Rgb, false),
        encoded(&doubled, [2 * WIDTH, 2 * HEIGHT], ColorType::Rgb, false),
    ] {
        let manifest = place.ham(&copied(&bytes)).manifest(&[
            "near duplicates in different lesions: 1 pairs of photographs",
            "near duplicates: ISIC_0024326 (HAM_0000010, nv) and ISIC_0024334 (HAM_0000014, nv)",
        ]);
        let joined = ["ISIC_0024326", "ISIC_0024327", "ISIC_0024334", "ISIC_0024335"];
        assert_eq!(groups(&manifest.lesions)["HAM_0000010"], joined);
        assert_eq!(groups(&manifest.lesions).len(), 14);
    }
    // The same pixels under two diagnoses: one of them is wrong.
    let other = ("HAM10000_images_part_1/ISIC_0024306.jpg", jpeg(14, 0));
    place.ham(&with(ham(), &[(other.0, &other.1)])).refused(&["identical pixels of two classes"]);
    // Nearly the same ones are joined, and told.
    let rescaled = encoded(&doubled, [2 * WIDTH, 2 * HEIGHT], ColorType::Rgb, false);
    place.ham(&with(ham(), &[(other.0, &rescaled)])).manifest(&["1 of these pairs are of two classes: look at them"]);
}

#[test]
fn photographs_of_other_kinds_are_named() {
    let place = Place::new();
    let levels = levels(7, 0);
    let whole = jpeg(7, 0);
    let gray: Vec<u8> = levels.iter().step_by(3).copied().collect();
    let inks = vec![90; 4 * 64 * 64];
    let deep: Vec<u8> = levels.iter().flat_map(|&level| [level, 0]).collect();
    let size = [WIDTH, HEIGHT];
    let name = "HAM10000_images_part_1/ISIC_0024310.jpg";
    let exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    for (bytes, says) in [
        (encoded(&gray, size, ColorType::Luma, false), "96 x 72, 8-bit gray; expected 8-bit RGB"),
        (encoded(&inks, [64, 64], ColorType::Cmyk, false), "four inks (CMYK)"),
        (whole[..whole.len() - 40].to_vec(), "a JPEG that is cut short"),
        ([&whole[..whole.len() / 2], b"\xff\xd9"].concat(), "pixels are damaged or cut short"),
        ([&whole[..2], exif, &whole[2..]].concat(), "(orientation 6)"),
        (
            encoded(&levels[..3 * 63 * 64], [63, 64], ColorType::Rgb, false),
            "an image of 63 x 64 pixels; expected at least 64",
        ),
        (png(png::BitDepth::Eight, size, &levels), "a PNG picture, whatever its name says"),
        (b"<!DOCTYPE html><html></html>".to_vec(), "whatever its name says"),
        (vec![], "an empty file"),
    ] {
        place.ham(&with(ham(), &[(name, &bytes)])).refused(&["ISIC_0024310.jpg", says]);
    }
    let mut files = ham();
    files.remove(name);
    let sixteen = with(files.clone(), &[("p/ISIC_0024310.png", &png(png::BitDepth::Sixteen, size, &deep))]);
    place.ham(&sixteen).refused(&["96 x 72, 16-bit RGB; expected 8-bit RGB"]);
    // A PNG is as good, and so is another size.
    let large: Vec<u8> = vec![170; 3 * 200 * 64];
    let mixed = with(files, &[("p/ISIC_0024310.png", &png(png::BitDepth::Eight, [200, 64], &large))]);
    place.ham(&mixed).manifest(&["before: 96 x 72 (29 images), 200 x 64 (1 images)"]);
    let said = place.prepare("--ham10000", &place.written(&ham()), &["--max-pixels", "6911"]);
    said.refused(&["an image of 96 x 72 pixels; expected at most 6911", "--max-pixels"]);
    let said = place.prepare("--ham10000", &place.written(&ham()), &["--rim-label", "mel"]).said;
    assert!(said.contains("prepare.rim_label = \"mel\"; expected plain images: the set's own tables say it"), "{said}");
}

/// A one-hot table of these columns.
fn one_hot(columns: &[&str], shots: &[Shot]) -> String {
    let mut text = format!("image,{}\n", columns.join(","));
    for shot in shots {
        let cells = columns.iter().map(|column| if column.to_lowercase() == shot.class { "1.0" } else { "0.0" });
        text += &format!("{},{}\n", shot.image, cells.collect::<Vec<_>>().join(","));
    }
    text
}

fn isic(table: &str, text: &str, lesions: &str) -> Files {
    let photograph = |shot: &Shot| (format!("Input/{}.jpg", shot.image), jpeg(shot.lesion, shot.shot));
    let mut files: Files = shots().iter().map(photograph).collect();
    let mut add = |name: String, text: String| _ = files.insert(name, text.into_bytes());
    add(format!("{table}GroundTruth.csv"), text.to_owned());
    if !lesions.is_empty() {
        let of = |shot: &Shot| format!("{},HAM_{:07},single image expert consensus\n", shot.image, shot.lesion);
        let lines: String = shots().iter().map(of).collect();
        add(format!("{table}{lesions}"), format!("image,lesion_id,diagnosis_confirm_type\n{lines}"));
    }
    files
}

const OF_2018: [&str; 7] = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];
const OF_2019: [&str; 9] = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"];

#[test]
fn one_hot_tables_of_2018_and_2019_are_read() {
    let place = Place::new();
    let old = isic("ISIC2018_Task3_Training_", &one_hot(&OF_2018, &shots()), "LesionGroupings.csv");
    let manifest = place.isic(&old).manifest(&[
        "labels from: the columns of ISIC2018_Task3_Training_GroundTruth.csv",
        "columns of ISIC2018_Task3_Training_LesionGroupings.csv that are not used: diagnosis_confirm_type",
        "no photograph of akiec, bcc, bkl, vasc, so no such class",
    ]);
    let ham = place.ham(&ham()).manifest(&[]);
    assert_eq!(manifest.lesions, ham.lesions);
    let new = isic("ISIC_2019_Training_", &one_hot(&OF_2019, &shots()), "Metadata.csv");
    let test: &[u8] = b"image,MEL,NV\nISIC_1,1,0\n";
    let new = with(new, &[("ISIC_2019_Test_GroundTruth.csv", test)]);
    let found = place.isic(&new).manifest(&[
        "no photograph of ak, bcc, bkl, scc, vasc, so no such class",
        "tables that are not used: ISIC_2019_Test_GroundTruth.csv",
    ]);
    assert_eq!((found.lesions, found.classes), (ham.lesions.clone(), ham.classes.clone()));
    // Without lesions each photograph is its own, and that is said; of an empty cell as well.
    let alone =
        place.isic(&isic("ISIC_2019_Training_", &one_hot(&OF_2019, &shots()), "")).manifest(&["no table of lesions"]);
    assert_eq!(groups(&alone.lesions).len(), 30);
    let metadata = String::from_utf8(new["ISIC_2019_Training_Metadata.csv"].clone()).unwrap();
    let empty = metadata.replace("ISIC_0024335,HAM_0000014", "ISIC_0024335,");
    let some = with(new.clone(), &[("ISIC_2019_Training_Metadata.csv", empty.as_bytes())]);
    let some = place.isic(&some).manifest(&["1 photographs without lesion_id"]);
    assert_eq!(groups(&some.lesions)["ISIC_0024335"], ["ISIC_0024335"]);
    let fewer = metadata.replace("ISIC_0024335,HAM_0000014,single image expert consensus\n", "");
    let fewer = with(new, &[("ISIC_2019_Training_Metadata.csv", fewer.as_bytes())]);
    place.isic(&fewer).refused(&["no line for 1 photographs: ISIC_0024335"]);
}

#[test]
fn one_hot_tables_that_say_nothing_or_too_much_are_refused() {
    let place = Place::new();
    let table = one_hot(&OF_2019, &shots());
    let line = table.lines().nth(1).unwrap();
    for (cells, says) in [
        ("0,0,0,0,0,1,0,1,0", "line 2: ISIC_0024306: 1 in DF and SCC; expected 1 in one column"),
        ("0,0,0,0,0,0,0,0,0", "line 2: ISIC_0024306: no 1 in any column"),
        ("0,0,0,0,0,nan,0,0,0", "line 2: ISIC_0024306: \"nan\" in DF"),
        ("0,0,0,0,0,0.5,0,0,0", "\"0.5\" in DF"),
        ("0,0,0,0,0,,0,0,0", "\"\" in DF"),
        ("0,0,0,0,0,0,0,0,1", "line 2: ISIC_0024306 is UNK; expected a diagnosis"),
    ] {
        let text = table.replacen(line, &format!("ISIC_0024306,{cells}"), 1);
        place.isic(&isic("ISIC_2019_Training_", &text, "")).refused(&[says]);
    }
    let twice = format!("{table}{line}\n");
    place.isic(&isic("ISIC_2019_Training_", &twice, "")).refused(&["1 images in more than one line: ISIC_0024306"]);
    let other = table.replacen("VASC", "LENTIGO", 1);
    place.isic(&isic("ISIC_2019_Training_", &other, "")).refused(&["columns that are no known diagnosis: LENTIGO"]);
    let two = with(isic("A_", &table, ""), &[("B_GroundTruth.csv", table.as_bytes())]);
    place.isic(&two).refused(&["more than one table: A_GroundTruth.csv, B_GroundTruth.csv"]);
    place.ham(&isic("A_", &table, "")).refused(&["no table of HAM10000", "--isic"]);
}

#[test]
fn plain_folders_of_jpegs_are_read_too_and_brought_to_a_side() {
    let place = Place::new();
    let file = |shot: &Shot| (format!("{}/{}.jpg", shot.class, shot.image), jpeg(shot.lesion, shot.shot));
    let files: Files = shots().iter().map(file).collect();
    let set = place.written(&files);
    let plain = place.prepare("--images", &set, &["--classes", "labels"]).manifest(&["96 x 72, 8-bit RGB"]);
    assert_eq!((plain.patch, plain.classes.listed().as_str()), ([1, 72, 96], "df, mel, nv"));
    let zip = place.prepare("--zip", &place.zipped(&files), &["--classes", "labels"]).manifest(&[]);
    assert_eq!(zip.lesions, plain.lesions);
    let sized = place.prepare("--images", &set, &["--classes", "labels", "--side", "32"]);
    let sized = sized.manifest(&["brought to 32 x 32 by the centred square"]);
    // The pixels are those of the other way in.
    let other = place.prepare("--ham10000", &place.written(&ham()), &["--side", "32"]).manifest(&[]);
    let hashes = |manifest: &Manifest| manifest.lesions.iter().map(|l| l.sha256.clone()).collect::<Vec<_>>();
    assert_eq!(hashes(&sized), hashes(&other));
    // Beside PNGs a JPEG is passed over, as ever.
    let mut mixed = files.clone();
    for shot in shots() {
        mixed.insert(
            format!("{}/{}.png", shot.class, shot.image),
            png(png::BitDepth::Eight, [WIDTH, HEIGHT], &levels(shot.lesion, shot.shot)),
        );
    }
    let mixed = place.prepare("--images", &place.written(&mixed), &["--classes", "labels"]);
    assert_eq!(mixed.manifest(&["images that are no PNG, 30 passed over"]).lesions.len(), 30);
    let small = place.prepare("--images", &set, &["--classes", "labels", "--side", "80"]);
    small.refused(&["an image of 96 x 72 pixels; expected at least 80 each way"]);
}

#[test]
fn copies_in_plain_folders_are_joined_where_that_is_asked_for() {
    let place = Place::new();
    let file = |shot: &Shot| (format!("{}/{}.jpg", shot.class, shot.image), jpeg(shot.lesion, shot.shot));
    let mut files: Files = shots().iter().map(file).collect();
    let wide: Vec<u8> = levels(14, 0);
    let doubled: Vec<u8> = (0..4 * WIDTH * HEIGHT)
        .flat_map(|at| wide[3 * (at / (2 * WIDTH) / 2 * WIDTH + at % (2 * WIDTH) / 2)..][..3].to_vec())
        .collect();
    files.insert("nv/copy.jpg".into(), encoded(&doubled, [2 * WIDTH, 2 * HEIGHT], ColorType::Rgb, false));
    let set = place.written(&files);
    let options = ["--classes", "labels", "--side", "32"];
    let apart = place.prepare("--images", &set, &options).manifest(&["near duplicates: not looked for"]);
    assert_eq!(groups(&apart.lesions).len(), 31);
    let joined = place.prepare("--images", &set, &[&options[..], &["--near-duplicates"]].concat());
    let joined = joined.manifest(&["near duplicates in different lesions: ", "copy (no lesion known, nv)"]);
    let own = joined.lesions.iter().find(|lesion| lesion.id.as_str() == "nv-copy").unwrap();
    let twin = joined.lesions.iter().find(|lesion| lesion.id.as_str() == "nv-ISIC_0024334").unwrap();
    assert!(own.patient == twin.patient && own.split == twin.split);
}

#[test]
fn lesions_of_one_person_are_on_one_side() {
    let place = Place::new();
    let text = metadata(&shots(), ',', false);
    let with_column = |name: &str| {
        let mut lines = text.lines();
        let head = format!("{},{name}\n", lines.next().unwrap());
        head + &lines.enumerate().map(|(at, line)| format!("{line},P{}\n", at % 6)).collect::<String>()
    };
    let persons = place.ham(&with_table(with_column("patient_id")));
    let manifest = persons.manifest(&["lesions of one person together: 6 persons are known"]);
    assert!(groups(&manifest.lesions).len() <= 6, "{:?}", groups(&manifest.lesions));
    // One person in two spellings, and names that count examinations.
    let of = |name: &dyn Fn(usize) -> String| {
        let mut lines = text.lines();
        let head = format!("{},patient_id\n", lines.next().unwrap());
        let rows = lines.enumerate().map(|(at, line)| format!("{line},{}\n", name(at)));
        place.ham(&with_table(head + &rows.collect::<String>()))
    };
    of(&|at| [format!("P{}", at % 6), format!("p0{}", at % 6)][at / 6 % 2].clone())
        .refused(&["persons that differ in spelling alone: ", "one spelling for one person"]);
    of(&|at| format!("P{}_2019-03-0{}", at % 6, 1 + at / 6 % 2)).manifest(&[
        "names differ in what may count examinations, each of them one patient: P0_2019-03-01, P0_2019-03-02",
    ]);
    place.ham(&with_table(with_column("Subject"))).refused(&["the column \"Subject\"", "a column called patient_id"]);
    place.ham(&with_table(text)).manifest(&[]);
}

#[test]
fn masks_that_are_named_after_photographs_are_not_taken_for_them() {
    let place = Place::new();
    let file = |shot: &Shot| (format!("{}/{}.jpg", shot.class, shot.image), jpeg(shot.lesion, shot.shot));
    let mut files: Files = shots().iter().map(file).collect();
    let levels: Vec<u8> = (0..3 * WIDTH * HEIGHT).map(|at| 255 * u8::from(at % (3 * WIDTH) > WIDTH)).collect();
    let mask = png(png::BitDepth::Eight, [WIDTH, HEIGHT], &levels);
    for shot in shots() {
        files.insert(format!("masks/{}_segmentation.png", shot.image), mask.clone());
    }
    let options = ["--classes", "labels"];
    let refused = |files: &Files| place.prepare("--images", &place.written(files), &options);
    refused(&files).refused(&["30 of 30 PNGs are named after JPEGs that lie here too", "move them elsewhere"]);
    place.prepare("--zip", &place.zipped(&files), &options).refused(&["30 of 30 PNGs are named after JPEGs"]);
    files.retain(|name, _| name.ends_with(".jpg"));
    let count = shots().len();
    files.insert("nv/mask.jpg".into(), encoded(&vec![0; 3 * WIDTH * HEIGHT], [WIDTH, HEIGHT], ColorType::Rgb, false));
    assert_eq!(refused(&files).manifest(&[]).lesions.len(), count + 1);
    let flat = |level: u8| png(png::BitDepth::Eight, [WIDTH, HEIGHT], &vec![level; 3 * WIDTH * HEIGHT]);
    let mut masks: Files = [("a/1.png".into(), mask.clone())].into();
    masks
        .extend((2..8u8).map(|number| (format!("{}/{number}.png", ["a", "b"][usize::from(number % 2)]), flat(number))));
    refused(&masks).manifest(&["1 of 7 images hold two levels alone, as masks do: a/1.png"]);
}

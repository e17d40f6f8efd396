//! Image folders, zips, tables and JSON as other people have them, through the program: what is read, what is refused,
//! and in which words.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use rimforge::data::Prepared;
use rimforge::data::manifest::{Class, Lesion};
use zip::CompressionMethod::{Deflated, Stored};
use zip::write::SimpleFileOptions;

use crate::cohort_files::CohortFiles;

/// A file by its name in a folder or zip.
type Named = (String, Vec<u8>);

type Files = Vec<Named>;

/// A gray PNG of 8 x 8, its levels as `number` has them.
fn picture(number: usize) -> Vec<u8> {
    let levels: Vec<u8> = (0..64).map(|at| (at * 31 + number * 17) as u8).collect();
    png(8, 8, png::BitDepth::Eight, &levels)
}

fn png(width: u32, height: u32, depth: png::BitDepth, levels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(levels).unwrap();
    bytes
}

/// Pictures under these names.
fn pictures(names: &[&str]) -> Files {
    names.iter().enumerate().map(|(number, name)| (name.to_string(), picture(number))).collect()
}

/// Four rims and four others, in folders.
fn classes() -> Files {
    pictures(&[
        "other/1.png",
        "other/2.png",
        "other/3.png",
        "other/4.png",
        "rim/1.png",
        "rim/2.png",
        "rim/3.png",
        "rim/4.png",
    ])
}

/// a.png to h.png.
fn plain() -> Files {
    pictures(&["a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "g.png", "h.png"])
}

/// `dataset.json` of a.png to h.png with these labels.
fn json(labels: [&str; 8]) -> Vec<u8> {
    let pairs: Vec<String> =
        labels.iter().zip(b'a'..).map(|(label, letter)| format!("[\"{}.png\", {label}]", letter as char)).collect();
    format!("{{\"labels\": [\n{}\n]}}\n", pairs.join(",\n")).into_bytes()
}

/// A table of a.png to h.png with these cells beside.
fn table(column: &str, cells: [&str; 8]) -> String {
    let lines = cells.iter().zip(b'a'..).map(|(cell, letter)| format!("{}.png\t{cell}\n", letter as char));
    format!("file\t{column}\n{}", lines.collect::<String>())
}

const HALF: [&str; 8] = ["rim", "rim", "rim", "rim", "x", "x", "x", "x"];

fn with(mut files: Files, more: &[(&str, &[u8])]) -> Files {
    files.extend(more.iter().map(|(name, bytes)| (name.to_string(), bytes.to_vec())));
    files
}

fn packed(files: &[Named], options: SimpleFileOptions) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

struct Place(tempfile::TempDir);

/// What the program did: what it said, and the data set where it made one.
struct Done {
    code: Option<i32>,
    said: String,
    data: Option<Prepared>,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn prepare(&self, source: &str, from: &Path, options: &[&str]) -> Done {
        let out = tempfile::tempdir_in(self.0.path()).unwrap().keep().join("data");
        let mut command = Command::cargo_bin("rimforge").unwrap();
        command.args(["prepare", source]).arg(from).arg("--out").arg(&out).args(options);
        let output = command.timeout(std::time::Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "{said}");
        let data = output.status.success().then(|| Prepared::open(&out).unwrap());
        assert_eq!(data.is_some(), out.join("manifest.json").exists(), "{said}");
        Done { code: output.status.code(), said, data }
    }

    fn folder(&self, files: &[Named], options: &[&str]) -> Done {
        let set = tempfile::tempdir_in(self.0.path()).unwrap().keep();
        for (name, bytes) in files {
            let path = set.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        self.prepare("--images", &set, options)
    }

    fn zip(&self, files: &[Named], options: &[&str]) -> Done {
        let path = self.write("set.zip", packed(files, SimpleFileOptions::default()));
        self.prepare("--zip", &path, options)
    }

    /// The same of a folder and of a zip.
    fn both(&self, files: &[Named], options: &[&str]) -> [Done; 2] {
        [self.folder(files, options), self.zip(files, options)]
    }
}

impl Done {
    fn refused(self, says: &[&str]) {
        assert_eq!(self.code, Some(3), "{}", self.said);
        says.iter().for_each(|says| assert!(self.said.contains(says), "{says:?} in: {}", self.said));
    }

    fn lesions(self, says: &[&str]) -> Vec<Lesion> {
        assert_eq!(self.code, Some(0), "{}", self.said);
        says.iter().for_each(|says| assert!(self.said.contains(says), "{says:?} in: {}", self.said));
        self.data.unwrap().manifest().lesions.clone()
    }
}

fn rims(lesions: &[Lesion]) -> Vec<&str> {
    lesions.iter().filter(|lesion| lesion.class == Class::RIM).map(|lesion| lesion.id.as_str()).collect()
}

#[test]
fn stray_items_are_named_and_change_no_label() {
    let place = Place::new();
    for done in place.both(&classes(), &[]) {
        let lesions = done.lesions(&["class of interest: the label rim (4); not told apart: other (4)"]);
        assert_eq!(rims(&lesions), ["rim-1", "rim-2", "rim-3", "rim-4"]);
    }
    for (stray, says) in [
        (
            ("overview.png", picture(90)),
            "images outside the folders other, rim, which would be the labels: overview.png",
        ),
        (("rim/excluded/9.png", picture(91)), "images at several depths of folders; the fewest are rim/excluded/9.png"),
    ] {
        for done in place.both(&with(classes(), &[(stray.0, &stray.1)]), &[]) {
            done.refused(&[says, "labels.tsv"]);
        }
    }
    for done in place.both(&with(plain(), &[("old/1.png", &picture(92))]), &[]) {
        done.refused(&["images outside the folders old"]);
    }
    let sides = pictures(&["train/1.png", "train/2.png", "test/3.png", "test/4.png"]);
    place.folder(&sides, &["--classes", "labels"]).refused(&["folders that name sides of a split"]);
    for folders in [["10001/1.png", "10002/2.png"], ["10253/0/1.png", "10254/1/2.png"]] {
        for done in place.both(&pictures(&folders), &[]) {
            done.refused(&["folders of five digits, which may be labels, patients or nothing: 10"]);
        }
    }
    // One folder around everything is as if it were not there.
    let around = pictures(&["mydata/1.png", "mydata/2.png", "mydata/3.png", "mydata/4.png"]);
    assert_eq!(
        rims(&place.folder(&around, &[]).lesions(&["the one folder, mydata, in which all images lie"])).len(),
        4
    );
    // No image: it is counted.
    place.folder(&with(classes(), &[("rim/notes.txt", b"x")]), &[]).lesions(&["other files, 1 passed over"]);
}

#[test]
fn tables_beside_the_images_are_used_or_refused_by_name() {
    let place = Place::new();
    // Two photographs of each of four patients, one of each class: side by side only if the table is read.
    let patients: String =
        classes().iter().map(|(name, _)| format!("{name}\tp{}\n", &name[name.len() - 5..][..1])).collect();
    let patients = format!("file\tpatient\n{patients}");
    for (name, text) in [("patients.tsv", patients.clone()), ("patients.csv", patients.replace('\t', ";"))] {
        for done in place.both(&with(classes(), &[(name, text.as_bytes())]), &[]) {
            let lesions = done.lesions(&[&format!("patients: the column patient of {name}")]);
            assert!(
                lesions
                    .iter()
                    .all(|one| lesions.iter().all(|other| one.patient != other.patient || one.split == other.split))
            );
        }
    }
    let labels = table("label", HALF).replace('\t', ",");
    for done in place.both(&with(plain(), &[("labels.csv", labels.as_bytes()), ("subjects.csv", b"x")]), &[]) {
        let lesions = done.lesions(&["labels from: labels.csv", "tables that are not used: subjects.csv"]);
        assert_eq!(rims(&lesions), ["a", "b", "c", "d"]);
    }
    for name in
        ["Labels.csv", "labels (1).tsv", "label.tsv", "labels.xlsx", "Dataset.json", "patient.tsv", "x/labels.tsv"]
    {
        for done in place.both(&with(plain(), &[(name, b"x")]), &[]) {
            done.refused(&[&format!("\"{name}\", which is not read under this name")]);
        }
    }
    // Neither is a column that seems to hold what is missing, or a table that is called so.
    for column in ["patient_id", "Subject ID", "lesion_id"] {
        let text = table(&format!("label\t{column}"), HALF.map(|_| "x\t1"));
        for done in place.both(&with(plain(), &[("labels.tsv", text.as_bytes())]), &[]) {
            done.refused(&[&format!("the column \"{column}\", which is not read, and no patient otherwise")]);
        }
    }
    let text = table("patient\tdiagnosis", ["1\trim"; 8]);
    place
        .folder(&with(plain(), &[("patients.tsv", text.as_bytes())]), &[])
        .refused(&["the column \"diagnosis\", which is not read, and no label otherwise"]);
    for name in ["labels.csv.gz", "labels.npy", "labels", "labels_final.txt", "dataset_v2.json", "metadata.csv"] {
        for done in place.both(&with(plain(), &[(name, b"x")]), &[]) {
            done.refused(&[&format!("\"{name}\", which is not read")]);
        }
    }
    // A table that is asked for takes the place of the one that lies there, which is said.
    let asked = place.write("asked.tsv", table("patient", ["1", "2", "3", "4", "5", "6", "7", "8"]));
    let lying = with(plain(), &[("patients.tsv", b"x")]);
    place.folder(&lying, &["--patients", asked.to_str().unwrap()]).lesions(&["patients.tsv is not used"]);
}

#[test]
fn labels_that_are_missing_or_odd_are_no_class() {
    let place = Place::new();
    for done in place.both(&with(plain(), &[("dataset.json", b"{}")]), &[]) {
        done.refused(&["dataset.json: no key labels"]);
    }
    for (odd, says) in [
        ("null", "h.png has the label null: there is none at line 9"),
        (
            "-1",
            "h.png has the label -1, which often means that there is none; labels are whole numbers from 0 at line 9",
        ),
        ("\"n/a\"", "h.png has the label \"n/a\", which means that there is none"),
        ("1.5", "h.png has the label 1.5"),
        ("NaN", "NaN there: a label is missing"),
    ] {
        let text = json(["0", "1", "0", "1", "0", "1", "0", odd]);
        place.zip(&with(plain(), &[("dataset.json", &text)]), &[]).refused(&[says]);
    }
    for (label, says) in [("n/a", "\"n/a\" means that it is missing"), ("", "\"\" means"), ("NaN", "\"NaN\" means")] {
        let text = table("label", ["rim", "rim", "rim", "rim", "x", "x", "x", label]);
        place.folder(&with(plain(), &[("labels.tsv", text.as_bytes())]), &[]).refused(&["labels.tsv: line 9", says]);
    }
    let spelled = pictures(&["Rim/1.png", "Rim/2.png", "rim/3.png", "rim/4.png", "other/5.png", "other/6.png"]);
    for done in place.both(&spelled, &[]) {
        done.refused(&["\"Rim\" (of Rim/1.png) and \"rim\" (of rim/3.png)"]);
    }
    let text = table("label", ["rim", "rim", "rim", "rim", "non-rim", "non-rim", "non_rim", "non-rim"]);
    place.folder(&with(plain(), &[("labels.tsv", text.as_bytes())]), &[]).refused(&["\"non-rim\"", "\"non_rim\""]);
    // A table with patients alone leaves the labels to the folders.
    let rows: String = classes().iter().zip(1..).map(|((name, _), patient)| format!("{name}\t{patient}\n")).collect();
    let text = format!("file\tpatient\n{rows}");
    let files = with(classes(), &[("labels.tsv", text.as_bytes())]);
    assert_eq!(rims(&place.folder(&files, &[]).lesions(&["labels from: sub-folders"])).len(), 4);
}

#[test]
fn json_and_tables_of_other_programs_are_understood() {
    let place = Place::new();
    let expected = ["b", "d", "f", "h"];
    let text = json(["0", "1.0", "0", "1", "0.0", "1", "0", "1"]);
    let wide = |text: &[u8]| -> Vec<u8> {
        let text = String::from_utf8(text.to_vec()).unwrap();
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    for text in [text.clone(), [b"\xef\xbb\xbf", text.as_slice()].concat(), wide(&text)] {
        for done in place.both(&with(plain(), &[("dataset.json", &text)]), &[]) {
            assert_eq!(rims(&done.lesions(&["the label 1 (4)"])), expected);
        }
    }
    let named = json(["\"x\"", "\"rim\"", "\"x\"", "\"rim\"", "\"x\"", "\"rim\"", "\"x\"", "\"rim\""]);
    assert_eq!(
        rims(&place.zip(&with(plain(), &[("dataset.json", &named)]), &[]).lesions(&["the label rim (4)"])),
        expected
    );
    let text = table("label", ["x", "rim", "x", "rim", "x", "rim", "x", "rim"]);
    let noted = text
        .replace("label\n", "label\tnote\t\t\n")
        .replace("rim\n", "rim\t\"unclear\t\t\n")
        .replace("x\n", "x\t\t\t\n");
    for text in [
        text.as_bytes().to_vec(),
        wide(text.as_bytes()),
        [b"\xef\xbb\xbf", text.replace('\n', "\r\n").as_bytes(), b"\t\t\r\n\r\n"].concat(),
        noted.into_bytes(),
        text.replace('\t', ";").into_bytes(),
    ] {
        let files = with(plain(), &[("labels.tsv", &text)]);
        assert_eq!(rims(&place.folder(&files, &[]).lesions(&[])), expected, "{}", String::from_utf8_lossy(&text));
    }
    let short = text.replace("g.png\tx\n", "g.png\n");
    place
        .folder(&with(plain(), &[("labels.tsv", short.as_bytes())]), &[])
        .refused(&["labels.tsv: line 8: 1 cells; expected 2"]);
}

#[test]
fn copies_of_one_original_are_refused_and_slices_of_one_volume_told() {
    let place = Place::new();
    let mut copies = classes();
    copies.extend(pictures(&["x", "y", "rim/1_flipped.png"]).split_off(2));
    let refused = place.both(&copies, &[]);
    refused.into_iter().for_each(|done| done.refused(&["copies of one original: rim/1.png, rim/1_flipped.png"]));
    let names: Vec<String> =
        (0..8).map(|at| format!("{}/P{}_slice{:03}.png", ["other", "rim"][at % 2], at / 4, at)).collect();
    let slices = pictures(&names.iter().map(String::as_str).collect::<Vec<_>>());
    place.folder(&slices, &[]).lesions(&["images that seem to be slices of one volume", "rim/P0_slice001.png"]);
}

#[test]
fn hidden_and_system_files_are_passed_over_alike_and_counted_once() {
    let place = Place::new();
    let clutter: [(&str, &[u8]); 7] = [
        (".ipynb_checkpoints/x.png", b"x"),
        ("rim/.ipynb_checkpoints/1-checkpoint.png", b"x"),
        ("__MACOSX/rim/._1.png", b"x"),
        ("rim/._2.png", b"x"),
        ("other/Thumbs.db", b"x"),
        ("desktop.ini", b"x"),
        ("@eaDir/1.png/SYNOPHOTO_THUMB_M.png", b"x"),
    ];
    for done in place.both(&with(classes(), &clutter), &[]) {
        let lesions =
            done.lesions(&["hidden or system files and folders, 7 passed over: .ipynb_checkpoints, @eaDir, __MACOSX"]);
        assert_eq!((lesions.len(), rims(&lesions).len()), (8, 4));
    }
}

#[test]
fn zips_are_read_as_packers_write_them() {
    let place = Place::new();
    let text = json(["0", "1", "0", "1", "0", "1", "0", "1"]);
    let honest = with(plain(), &[("dataset.json", &text)]);
    let renamed = |rename: &dyn Fn(&str) -> String| -> Files {
        honest.iter().map(|(name, bytes)| (rename(name), bytes.clone())).collect()
    };
    let default = SimpleFileOptions::default();
    let mut streamed = zip::ZipWriter::new_stream(Vec::new());
    for (name, bytes) in &honest {
        streamed.start_file(name.as_str(), default).unwrap();
        streamed.write_all(bytes).unwrap();
    }
    let streamed = streamed.finish().unwrap().into_inner();
    for (how, zip) in [
        ("a folder around everything", packed(&renamed(&|name| format!("mydata/{name}")), default)),
        ("./", packed(&renamed(&|name| format!("./{name}")), default)),
        ("backslashes", packed(&renamed(&|name| format!("mydata\\{name}")), default)),
        ("macOS", packed(&with(honest.clone(), &[("__MACOSX/._a.png", b"x")]), default)),
        ("zip64", packed(&honest, default.large_file(true))),
        ("data descriptors", streamed),
        ("stored", packed(&honest, default.compression_method(Stored))),
    ] {
        let path = place.write("set.zip", zip);
        let lesions = place.prepare("--zip", &path, &[]).lesions(&["labels from: dataset.json"]);
        assert_eq!(rims(&lesions), ["b", "d", "f", "h"], "{how}");
    }
    // The same folder around everything, unpacked.
    place.folder(&renamed(&|name| format!("mydata/{name}")), &[]).lesions(&["the folder around everything, mydata"]);
}

/// A PNG whose pixels are stored, not deflated, as some writers do: black, with one level that tells it from others.
fn uncompressed(number: u8) -> Vec<u8> {
    let mut levels = vec![0; 256 * 256];
    levels[0] = number;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 256, 256);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&levels).unwrap();
    bytes
}

#[test]
fn black_images_may_be_packed_small_and_bombs_are_bounded() {
    let place = Place::new();
    let black: Files = (0..6).map(|number| (format!("{number}.png"), uncompressed(number))).collect();
    let packed_small =
        packed(&black, SimpleFileOptions::default().compression_method(Deflated).compression_level(Some(9)));
    assert!(black[0].1.len() > 65_000 && packed_small.len() < 6 * 500, "{}", packed_small.len());
    let path = place.write("set.zip", packed_small);
    assert_eq!(place.prepare("--zip", &path, &[]).lesions(&[]).len(), 6);
    // More bytes than 8 x 8 pixels can need.
    let mut padded = picture(0);
    padded.resize(9 << 20, 0);
    place
        .zip(&with(plain(), &[("z.png", &padded)]), &[])
        .refused(&["z.png: 9437184 bytes for an image of 8 x 8 pixels"]);
    let many = ["--max-files", "7"];
    place.zip(&plain(), &many).refused(&["8 entries; expected at most 7", "--max-files"]);
    place.folder(&plain(), &many).refused(&["more than 7 files and folders", "--max-files"]);
}

#[test]
fn large_images_are_refused_by_their_header_or_cost_what_one_costs() {
    let place = Place::new();
    let large = png(3000, 3000, png::BitDepth::Eight, &vec![0; 9_000_000]);
    assert!(large.len() < 20_000);
    place
        .folder(&with(plain(), &[("a0.png", &large)]), &[])
        .refused(&["a0.png: an image of 3000 x 3000 pixels; expected at most 4194304 pixels", "--max-pixels"]);
    let huge = png(1500, 1500, png::BitDepth::Eight, &vec![7; 1500 * 1500]);
    let set: Files = (0..4).map(|number| (format!("{number}.png"), huge.clone())).collect();
    place
        .folder(&set, &["--max-pixels", "2000000"])
        .refused(&["an image of 1500 x 1500 pixels; expected at most 2000000"]);
    place.folder(&set, &["--max-pixels", "3000000"]).refused(&["identical pixels in different patients"]);
}

#[test]
fn names_in_two_unicode_forms_join_and_twins_are_refused() {
    let place = Place::new();
    let (apart, together) = ("cafe\u{301}", "caf\u{e9}");
    let names: Vec<String> = (0..6).map(|number| format!("{apart}{number}.png")).collect();
    let files = pictures(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let pairs: Vec<String> = (0..6).map(|number| format!("[\"{together}{number}.png\", {}]", number % 2)).collect();
    let text = format!("{{\"labels\": [{}]}}", pairs.join(", "));
    for done in place.both(&with(files.clone(), &[("dataset.json", text.as_bytes())]), &[]) {
        assert_eq!(rims(&done.lesions(&[])).len(), 3);
    }
    for done in place.both(&with(files, &[(&format!("{together}0.png"), &picture(50))]), &[]) {
        done.refused(&["differ only in their Unicode form", "cafe\\u{301}0.png", "caf\\u{e9}0.png"]);
    }
}

#[test]
fn files_that_are_no_such_png_are_called_what_they_are() {
    let place = Place::new();
    let one = |name: &str, bytes: &[u8], says: &[&str]| {
        place.folder(&with(plain(), &[(name, bytes)]), &[]).refused(says);
    };
    one("x.png", b"\xff\xd8\xff\xe0\0\x10JFIF\0", &["x.png: a JPEG picture, whatever its name says"]);
    one("x.png", b"", &["x.png: an empty file"]);
    one("x.png", b"version https://git-lfs.github.com/spec/v1\n", &["git lfs pull"]);
    one("x.png", &picture(9)[..60], &["x.png: not a readable PNG"]);
    let long = format!("{}/{}.png", "y".repeat(150), "z".repeat(150));
    place.folder(&pictures(&[&long, "w/1.png"]), &[]).refused(&["301 bytes; at most 200 are possible", "rename"]);
    place.folder(&[("a.tif".into(), vec![])], &[]).refused(&["no PNG and no JPEG here", "a.tif"]);
    place.folder(&[], &[]).refused(&["no PNG and no JPEG here"]);
    place.folder(&pictures(&["a.png"]), &[]).refused(&["1 patient; expected at least 3 patients"]);
    // Padding behind an image's end is nothing to it.
    let padded = [picture(9), vec![0; 100]].concat();
    let lesions = place.folder(&with(plain(), &[("x.png", &padded)]), &[]).lesions(&[]);
    assert_eq!(lesions.len(), 9);
    // Fewer bits than the others: a mask, perhaps.
    let mask = png(8, 8, png::BitDepth::One, &[0x0f; 8]);
    place
        .folder(&with(plain(), &[("x.png", &mask)]), &[])
        .lesions(&["1 images have fewer than 8 bits among others of 8, masks perhaps: x.png"]);
    // The same image as two things, of one patient.
    let twice = with(classes(), &[("rim/5.png", &picture(0))]);
    let patient = |name: &str| {
        if name == "rim/5.png" { "other-1".to_owned() } else { name.replace('/', "-").replace(".png", "") }
    };
    let rows: String = twice.iter().map(|(name, _)| format!("{name}\t{}\n", patient(name))).collect();
    let rows = format!("file\tpatient\n{rows}");
    let says = "identical pixels of two classes: \"other-1\" (non-rim) and \"rim-5\" (rim)";
    place.folder(&with(twice, &[("patients.tsv", rows.as_bytes())]), &[]).refused(&[says]);
}

#[test]
fn links_and_pipes_neither_hang_nor_vanish() {
    let place = Place::new();
    let set = place.path("linked");
    for (name, bytes) in plain() {
        place.write(&format!("linked/{name}"), bytes);
    }
    let refused = |says: &[&str]| place.prepare("--images", &set, &[]).refused(says);
    symlink("../annex/x.png", set.join("x.png")).unwrap();
    refused(&["x.png: a link to ../annex/x.png, which is not there", "datalad get"]);
    fs::remove_file(set.join("x.png")).unwrap();
    symlink(&set, set.join("loop")).unwrap();
    refused(&["loop: a link that leads back"]);
    fs::remove_file(set.join("loop")).unwrap();
    for pipe in ["x.png", "labels.tsv"] {
        let path = set.join(pipe);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused(&[pipe, "not a regular file"]);
        place.prepare("--zip", &path, &[]).refused(&["not a regular file"]);
        fs::remove_file(path).unwrap();
    }
    place.prepare("--images", &set, &[]).lesions(&[]);
    // Beside PNGs a JPEG is passed over, whatever it is; where there is none it is read, and must be there.
    symlink("../annex/y.jpg", set.join("y.jpg")).unwrap();
    place.prepare("--images", &set, &[]).lesions(&[]);
    let photographs = place.path("photographs");
    fs::create_dir(&photographs).unwrap();
    symlink("../annex/y.jpg", photographs.join("y.jpg")).unwrap();
    place.prepare("--images", &photographs, &[]).refused(&["y.jpg: a link to ../annex/y.jpg", "datalad get"]);
    fs::remove_file(photographs.join("y.jpg")).unwrap();
    fs::write(photographs.join(OsStr::from_bytes(b"L\xe4sion.jpg")), b"any").unwrap();
    place.prepare("--images", &photographs, &[]).refused(&["not UTF-8", "rename it"]);
}

#[test]
fn twelve_bits_in_sixteen_are_told() {
    let place = Place::new();
    let deep = |number: u16, most: u16| {
        let between = (0..62).map(|at| (at * 63 + number * 7) % (most + 1));
        let levels: Vec<u8> = [0, most].into_iter().chain(between).flat_map(u16::to_be_bytes).collect();
        png(8, 8, png::BitDepth::Sixteen, &levels)
    };
    let set = |most: u16| -> Files { (0..6).map(|number| (format!("{number}.png"), deep(number, most))).collect() };
    let done = place.folder(&set(3000), &["--validation-fraction", "0"]);
    done.lesions(&["the training images use the levels 0 to 3000 of 0 to 65535", "--window image0=0:3000"]);
    let windowed = place.folder(&set(3000), &["--window", "image0=0:4095"]);
    assert!(!windowed.said.contains("use the levels"), "{}", windowed.said);
    windowed.lesions(&[]);
}

#[test]
fn a_cohorts_tables_are_read_as_other_programs_write_them() {
    let place = Place::new();
    let cohort = CohortFiles::new(4);
    let plain = fs::read_to_string(cohort.reader_table()).unwrap();
    let expected = place.prepare("--cohort", &cohort.root, &[]).lesions(&[]);
    let participants = cohort.root.join("participants.tsv");
    let rows = fs::read_to_string(&participants).unwrap();
    // Trailing tabs as in OpenNeuro's ds003195; only a note comes of this table.
    fs::write(&participants, rows.replace("\t40\n", "\t40\t\t\n")).unwrap();
    assert!(!place.prepare("--cohort", &cohort.root, &[]).said.contains("not used"));
    // Lines that occur twice or name nobody change nothing: the patients are the folders.
    fs::write(&participants, format!("{rows}sub-004\t50\nn/a\t1\nn/a\t2\n")).unwrap();
    let said = place.prepare("--cohort", &cohort.root, &[]);
    said.lesions(&["participants that occur twice in participants.tsv: sub-004"]);
    fs::write(&participants, rows.replace("sub-003\t40\n", "sub-003\n")).unwrap();
    let said = place.prepare("--cohort", &cohort.root, &[]);
    said.lesions(&[
        "patients are the sub-* folders, since participants.tsv cannot be used",
        "line 4: 1 cells; expected 2",
    ]);
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for text in [
        wide,
        format!("\u{feff}{}\t\t\t\r\n\r\n", plain.replace('\n', "\r\n")).into_bytes(),
        plain.replace("\t1\t1\n", "\t1.0\t1.0\n").into_bytes(),
        plain
            .replace("reader2\n", "reader2\tnote\n")
            .replace("\t1\n", "\t1\t\"unclear\n")
            .replace("\t0\n", "\t0\t\n")
            .into_bytes(),
    ] {
        fs::write(cohort.reader_table(), &text).unwrap();
        let lesions = place.prepare("--cohort", &cohort.root, &[]).lesions(&[]);
        assert_eq!(lesions, expected, "{}", String::from_utf8_lossy(&text));
    }
    fs::write(cohort.reader_table(), plain.replace("sub-002\t2\t0\t1", "sub-002\t2\t0\t?")).unwrap();
    place
        .prepare("--cohort", &cohort.root, &[])
        .refused(&["lesions.tsv: line 6: reader2 says \"?\"; expected 1 (rim) or 0"]);
    fs::write(cohort.reader_table(), plain.replace("sub-002\t2", "../../evil\t2")).unwrap();
    place
        .prepare("--cohort", &cohort.root, &[])
        .refused(&["line 6: the name \"sub-../../evil_lesion-002\" has a path separator"]);
    fs::write(cohort.reader_table(), plain).unwrap();
    let description = cohort.root.join("dataset_description.json");
    let text = fs::read_to_string(&description).unwrap();
    fs::write(&description, format!("\u{feff}{text}")).unwrap();
    place.prepare("--cohort", &cohort.root, &[]).lesions(&[]);
}

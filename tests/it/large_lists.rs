//! Tables, `dataset.json` and lists of images as long as they may be: bounded memory, and a request to stop that is
//! answered.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zip::write::{SimpleFileOptions, ZipWriter};

use crate::bounded;

/// Bytes that the program may have with a list at its limit, libtorch's libraries among them.
const WITH_LIBRARIES: u64 = 256 << 20;

/// A gray PNG of 4 x 4, another one for each number.
fn picture(number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    let levels: Vec<u8> = (0..4).flat_map(|row| (number + row).to_le_bytes()).collect();
    encoder.write_header().unwrap().write_image_data(&levels).unwrap();
    bytes
}

/// `name` beside twelve images; the program's answer, which must be a refusal in words.
fn refused(name: &str, text: &[u8], says: &str) {
    let place = tempfile::tempdir().unwrap();
    let set = place.path().join("set");
    fs::create_dir(&set).unwrap();
    (0..12).for_each(|number| fs::write(set.join(format!("{number}.png")), picture(number)).unwrap());
    fs::write(set.join(name), text).unwrap();
    let arguments = ["prepare", "--images", "set", "--out", "out"].map(str::to_owned);
    let ran = bounded::run(&arguments, place.path(), Duration::from_secs(60));
    assert!(ran.code == Some(3) && ran.said.contains(says), "{name}: {}", ran.tale());
    assert!(ran.peak <= WITH_LIBRARIES, "{name} of {} bytes: {}", text.len(), ran.tale());
}

/// Near 16 MiB, the limit: as many lines as there may be, several cells each, wide letters.
#[test]
fn tables_near_their_limit_stay_within_the_memory_that_is_promised() {
    let lines = |line: &dyn Fn(usize) -> String, count: usize| (0..count).map(line).collect::<String>();
    let five = lines(&|at| format!("{at:07}.png,rim,p{at:06},1,0\n"), 499_999);
    refused(
        "labels.csv",
        format!("file,label,patient,reader1,reader2\n{five}").as_bytes(),
        "only in the table (499999)",
    );
    let patients = lines(&|at| format!("{at:012}.png\tsub-{at:08}\n"), 480_000);
    refused("patients.tsv", format!("file\tpatient\n{patients}").as_bytes(), "only in the table (480000)");
    let wide: Vec<u8> = format!("\u{feff}file,label\n{}", lines(&|at| format!("{at}\u{6f22}\u{5b57},rim\n"), 499_000))
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    refused("labels.csv", &wide, "only in the table (499000)");
    let named = lines(&|at| format!("[\"{at:06}{}\",1],", "x".repeat(60)), 199_999);
    let json = format!("{{\"labels\":[{}]}}", named.trim_end_matches(','));
    refused("dataset.json", json.as_bytes(), "only in dataset.json (199999)");
}

/// A zip of `count` images that are each a class's, as 200,000 would be.
fn zipped(path: &Path, count: u32) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for number in 0..count {
        zip.start_file(format!("images/{}/img{number:08}.png", ["other", "rim"][number as usize % 2]), stored).unwrap();
        zip.write_all(&picture(number)).unwrap();
    }
    File::create(path).unwrap().write_all(&zip.finish().unwrap().into_inner()).unwrap();
}

/// docs/images.md: about 1.5 kB for each image beside what the program always has.
#[test]
fn an_image_in_a_list_takes_the_memory_that_is_promised() {
    let place = tempfile::tempdir().unwrap();
    let peak = |count: u32| {
        zipped(&place.path().join("set.zip"), count);
        let arguments = ["prepare", "--zip", "set.zip", "--out", "out"].map(str::to_owned);
        let ran = bounded::run(&arguments, place.path(), Duration::from_secs(300));
        assert_eq!(ran.code, Some(0), "{}", ran.tale());
        fs::remove_dir_all(place.path().join("out")).unwrap();
        ran.peak
    };
    let (few, many) = (peak(500), peak(10_500));
    let each = many.saturating_sub(few) / 10_000;
    assert!(each <= 2000, "{each} bytes for each image ({few} and {many} in all)");
}

/// The split of many patients takes seconds, the images after it too; neither is deaf.
#[test]
fn a_request_to_stop_is_answered_while_many_images_are_dealt_and_decoded() {
    let place = tempfile::tempdir().unwrap();
    zipped(&place.path().join("set.zip"), 20_000);
    for wait in [0, 1000, 3000] {
        let _ = fs::remove_dir_all(place.path().join("out"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_rimforge"))
            .args(["prepare", "--zip", "set.zip", "--out", "out"])
            .current_dir(place.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The folder is claimed once requests are listened for.
        let begun = Instant::now();
        while !place.path().join("out").exists() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(wait));
        if child.try_wait().unwrap().is_some() {
            return;
        }
        let asked = Instant::now();
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 130)), "{code:?} {said}");
        assert!(asked.elapsed() < Duration::from_secs(4), "after {:?}: {said}", asked.elapsed());
    }
}

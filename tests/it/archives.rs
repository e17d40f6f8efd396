//! Archives and containers that were made to do harm: zip data sets byte by byte, tensors that lie about themselves,
//! images that unpack to more than memory; all refused by exit code 3 within bounds, and nothing of them is written.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::bounded::{MEMORY, run};
use crate::fuzz::images::{gray, with_checksums};

mod raw_zip;

mod tensors;

mod zips;

use raw_zip::zipped;

const LIMIT: Duration = Duration::from_secs(30);

/// What is wrong with what the program does with `bytes` in `file`, given to it by these arguments.
fn fault(place: &Path, file: &str, bytes: &[u8], arguments: &str) -> Option<String> {
    fs::write(place.join(file), bytes).unwrap();
    let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    let ran = run(&arguments, place, LIMIT);
    let limit = MEMORY.max((160 << 20) + 4 * bytes.len() as u64);
    let left = place.join("out/manifest.json").exists() || place.join("out/record.json").exists();
    let refused = ran.code == Some(3) && ran.peak <= limit && !left && !ran.said.contains('\u{1b}');
    (!refused).then(|| ran.tale())
}

/// Every name below `folder`.
fn names(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    found.sort();
    found
}

fn judge(what: &str, place: &Path, cases: &[(&str, Vec<u8>)], file: &str, arguments: &str) {
    let faults: Vec<String> = cases
        .iter()
        .filter_map(|(name, bytes)| fault(place, file, bytes, arguments).map(|fault| format!("{name}: {fault}")))
        .collect();
    println!("{what}: {} tried, {} faults", cases.len(), faults.len());
    assert!(faults.is_empty(), "{what}: {} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[test]
fn zips_made_to_do_harm_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let inside = place.path().join("a/b");
    fs::create_dir_all(&inside).unwrap();
    let arguments = "prepare --zip set.zip --out out";
    let good = fault(&inside, "set.zip", &zipped(&zips::honest()), arguments).unwrap();
    assert!(good.starts_with("exit code 0"), "the same zip without harm: {good}");
    fs::remove_dir_all(inside.join("out")).unwrap();
    judge("zips", &inside, &zips::hostile(), "set.zip", arguments);
    assert_eq!(names(place.path()), ["a"]);
    assert_eq!(names(&place.path().join("a")), ["b"]);
    assert!(!Path::new("/tmp/outside.png").exists());
}

#[test]
fn tensors_that_lie_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let arguments = "generate --network net.safetensors --seeds 0 --out out --device cpu";
    judge("safetensors", place.path(), &tensors::hostile(), "net.safetensors", arguments);
}

#[test]
fn descriptions_of_networks_that_are_not_in_the_file_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let sizes = [json!(1_000_000_000u64), json!(i64::MAX), json!(-1), json!(17)];
    let keys = ["z_dim", "w_dim", "c_dim", "resolution", "channels", "channel_base", "channel_max", "mapping_layers"];
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for key in keys {
        for value in &sizes {
            cases.push((format!("{key} = {value}"), tensors::resized(place.path(), &[(key, value.clone())])));
        }
    }
    let large = [("resolution", json!(1024)), ("channel_base", json!(1u64 << 40)), ("channel_max", json!(1u64 << 40))];
    cases.push(("all of them".into(), tensors::resized(place.path(), &large)));
    let cases: Vec<(&str, Vec<u8>)> = cases.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let arguments = "generate --network net.safetensors --seeds 0 --out out --device cpu";
    judge("descriptions", place.path(), &cases, "net.safetensors", arguments);
}

/// A PNG with this header and packed rows of zeros.
fn png(header: [u32; 2], depth_colour_interlace: [u8; 3], unpacked: usize) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![0; unpacked]).unwrap();
    let [depth, colour, interlace] = depth_colour_interlace;
    let sides = header.map(u32::to_be_bytes).concat();
    chunks(&[
        (b"IHDR", [sides, vec![depth, colour, 0, 0, interlace]].concat()),
        (b"IDAT", packer.finish().unwrap()),
        (b"IEND", vec![]),
    ])
}

fn chunks(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(*kind);
        bytes.extend(data);
        bytes.extend([0; 4]);
    }
    with_checksums(bytes)
}

#[test]
fn images_made_to_do_harm_are_refused() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("set")).unwrap();
    for at in 0..6 {
        fs::write(place.path().join(format!("set/{at}.png")), gray(at, 8)).unwrap();
    }
    let arguments = "prepare --images set --out out";
    let good = fault(place.path(), "set/6.png", &gray(6, 8), arguments).unwrap();
    assert!(good.starts_with("exit code 0"), "{good}");
    fs::remove_dir_all(place.path().join("out")).unwrap();
    let gray8 = [8, 0, 0];
    let texts = {
        let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&vec![b'a'; 300 << 20]).unwrap();
        let text = [b"key\0\0".as_slice(), &packer.finish().unwrap()].concat();
        let end = gray(1, 8);
        [&end[..33], &chunks(&[(b"zTXt", text)])[8..], &end[33..]].concat()
    };
    let mut lying = gray(1, 8);
    lying[33..37].copy_from_slice(&0xffff_fff0u32.to_be_bytes());
    let mut sum = gray(1, 8);
    sum[30] ^= 1;
    let cases = [
        ("sides of 2^31 - 1", png([0x7fff_ffff; 2], gray8, 100)),
        ("sides of 2^32 - 1", png([0xffff_ffff; 2], gray8, 100)),
        ("no sides", png([0; 2], gray8, 100)),
        ("one row of 2^31 - 1", png([0x7fff_ffff, 1], gray8, 100)),
        ("8100 x 8100 of nothing", png([8100; 2], gray8, 8100 * 8101)),
        ("65500 x 65500", png([65_500; 2], gray8, 1 << 20)),
        ("interlaced 65500 x 65500", png([65_500; 2], [8, 0, 1], 1 << 20)),
        ("more pixels than the sides say", png([64; 2], gray8, 300 << 20)),
        ("3 bits", png([8; 2], [3, 0, 0], 72)),
        ("a colour that is none", png([8; 2], [8, 5, 0], 72)),
        ("a chunk's length that lies", lying),
        ("a wrong sum", sum),
        ("a text that unpacks to 300 MB", texts),
    ];
    // An unread text may stand in an image that is read; then it must not have been unpacked.
    let (bombs, rest) = cases.split_at(12);
    judge("images", place.path(), bombs, "set/6.png", arguments);
    fs::write(place.path().join("set/6.png"), &rest[0].1).unwrap();
    let ran = run(&arguments.split(' ').map(str::to_owned).collect::<Vec<_>>(), place.path(), LIMIT);
    assert!(matches!(ran.code, Some(0 | 3)) && ran.peak < MEMORY, "{}", ran.tale());
}

#[test]
fn volumes_that_unpack_to_more_than_they_say_or_memory_holds_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let cohort = crate::cohort_files::CohortFiles::new(4);
    crate::fuzz::volumes::copy(&cohort.root, &place.path().join("cohort"));
    let header = |sizes: [i16; 4], bytes: usize| {
        let mut head = vec![0u8; 352 + bytes];
        let mut put = |at: usize, raw: &[u8]| head[at..at + raw.len()].copy_from_slice(raw);
        put(0, &348i32.to_le_bytes());
        sizes.iter().enumerate().for_each(|(axis, size)| put(40 + 2 * axis, &size.to_le_bytes()));
        put(70, &16i16.to_le_bytes());
        put(72, &32i16.to_le_bytes());
        [1.0f32, 0.4, 0.4, 1.0].iter().enumerate().for_each(|(axis, size)| put(76 + 4 * axis, &size.to_le_bytes()));
        put(108, &352f32.to_le_bytes());
        put(254, &1i16.to_le_bytes());
        [0.4f32, 0.4, 1.0].iter().enumerate().for_each(|(row, size)| put(280 + 20 * row, &size.to_le_bytes()));
        put(344, b"n+1\0");
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&head).unwrap();
        packer.finish().unwrap()
    };
    let cases = [
        ("sides of 32767", header([3, 32_767, 32_767, 32_767], 1000)),
        ("sides below zero", header([3, -4, -4, 4], 1000)),
        ("no sides", header([3, 0, 0, 0], 1000)),
        ("more dimensions than seven", header([9, 40, 36, 16], 1000)),
        ("a true volume of 400 MB that packs to 400 KB", header([3, 1000, 1000, 100], 400_000_000)),
        ("200 MB behind the voxels", header([3, 40, 36, 16], 40 * 36 * 16 * 4 + (200 << 20))),
        ("voxels that are not there", header([3, 500, 500, 400], 1000)),
    ];
    let file = "cohort/sub-001/anat/sub-001_Chimap.nii.gz";
    judge("volumes", place.path(), &cases, file, "prepare --cohort cohort --out out");
}

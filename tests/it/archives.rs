//! Archives and containers that were made to do harm: zip data sets byte by byte, tensors that lie about themselves,
//! images that unpack to more than memory; all refused by exit code 3 within bounds, and nothing of them is written.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::json;

use crate::bounded::{MEMORY, run};
use crate::fuzz::images::{entries, gray, name, with_checksums};
use crate::fuzz::networks;

const LIMIT: Duration = Duration::from_secs(30);

/// An entry of a zip: every field as it is to stand there, true or not.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    stored: Vec<u8>,
    method: u16,
    flags: u16,
    sum: u32,
    /// Packed, unpacked.
    sizes: [u32; 2],
    /// In the local header, where it says something else.
    local_sizes: Option<[u32; 2]>,
    /// Unix mode, where there is one.
    mode: u32,
    extra: Vec<u8>,
    /// Where the directory says that the entry lies, where it lies about it.
    offset: Option<u32>,
}

impl Entry {
    fn stored(name: impl Into<Vec<u8>>, bytes: Vec<u8>) -> Self {
        let (sum, size) = (sum(&bytes), bytes.len() as u32);
        let name = name.into();
        Self {
            name,
            stored: bytes,
            method: 0,
            flags: 0,
            sum,
            sizes: [size; 2],
            local_sizes: None,
            mode: 0,
            extra: vec![],
            offset: None,
        }
    }

    fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        let packed = packer.finish().unwrap();
        let sizes = [packed.len() as u32, bytes.len() as u32];
        Self { method: 8, sizes, sum: sum(bytes), ..Self::stored(name, packed) }
    }

    fn header(&self, sizes: [u32; 2]) -> Vec<u8> {
        let mut bytes = vec![20, 0];
        for half in [self.flags, self.method, 0, 0x21] {
            bytes.extend(half.to_le_bytes());
        }
        for word in [self.sum, sizes[0], sizes[1]] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend((self.extra.len() as u16).to_le_bytes());
        bytes
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// A zip of these entries, with this many entries said and `before` in front of the end record.
fn zip_of(entries: &[Entry], said: usize, before: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(bytes.len() as u32);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(entry.header(entry.local_sizes.unwrap_or(entry.sizes)));
        bytes.extend([&entry.name, &entry.extra, &entry.stored].into_iter().flatten());
        // Made by Unix.
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(entry.header(entry.sizes));
        // Length of a comment, number of a disk, attributes within.
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend([&entry.name, &entry.extra].into_iter().flatten());
    }
    let start = bytes.len() as u32;
    let size = directory.len() as u32;
    bytes.extend(directory);
    bytes.extend(before);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((said as u16).to_le_bytes().repeat(2));
    bytes.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

fn honest() -> Vec<Entry> {
    entries().into_iter().map(|(name, bytes)| Entry::stored(name, bytes)).collect()
}

fn zipped(entries: &[Entry]) -> Vec<u8> {
    zip_of(entries, entries.len(), b"")
}

/// The honest entries and one more.
fn with(entry: Entry) -> Vec<u8> {
    let mut all = honest();
    all.push(entry);
    zipped(&all)
}

/// The honest entries, the second one altered.
fn altered(alter: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut all = honest();
    alter(&mut all[1]);
    zipped(&all)
}

/// An end record of zip64 and its locator; offsets are those of `start`.
fn zip64(entries: u64, size: u64, offset: u64, start: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06".to_vec();
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([entries, entries, size, offset].map(u64::to_le_bytes).concat());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(start.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes
}

/// The honest entries with an end record of zip64 that says this about its directory.
fn lying_zip64(entries: u64, size: u64, offset: u64) -> Vec<u8> {
    with_zip64(&honest(), |_, _| (entries, size, offset))
}

/// `said` gives entries, size and offset of the directory as the end record of zip64 says them, from the true size and
/// offset.
fn with_zip64(all: &[Entry], said: impl FnOnce(u64, u64) -> (u64, u64, u64)) -> Vec<u8> {
    let plain = zipped(all);
    let end = plain.len() - 22;
    let word = |at: usize| u64::from(u32::from_le_bytes(*plain[end + at..].first_chunk().unwrap()));
    let (entries, size, offset) = said(word(12), word(16));
    let mut bytes = zip_of(all, 0xffff, &zip64(entries, size, offset, end as u64));
    let end = bytes.len() - 10;
    bytes[end..end + 8].fill(0xff);
    bytes
}

fn hostile_zips() -> Vec<(&'static str, Vec<u8>)> {
    let image = || gray(77, 8);
    let named = |name: &[u8]| with(Entry::stored(name.to_vec(), image()));
    let zeros = vec![0; 200 << 20];
    let many: Vec<Entry> = (0..200_001).map(|at| Entry::stored(format!("{at}.png"), vec![])).collect();
    vec![
        ("a way up", named(b"../outside.png")),
        ("a way up within", named(b"00000/../../outside.png")),
        ("a way up by backslashes", named(b"..\\..\\outside.png")),
        ("an absolute name", named(b"/tmp/outside.png")),
        ("a drive", named(b"C:\\outside.png")),
        ("a NUL", named(b"a\0b.png")),
        ("a control sequence", named(b"\x1b[2Ja.png")),
        ("no name", named(b"")),
        ("a name without end", named(&[b"x".repeat(65_000), b".png".to_vec()].concat())),
        ("a name that is no text", named(b"\xff\xfe.png")),
        ("a symbolic link", with(Entry { mode: 0o120_777, ..Entry::stored("link.png", b"/etc/passwd".to_vec()) })),
        ("a name twice", with(Entry::stored(name(0), image()))),
        ("two entries in one place", altered(|entry| entry.offset = Some(0))),
        ("an entry behind the end", altered(|entry| entry.offset = Some(0xffff_fff0))),
        ("an entry in the directory", {
            let at = zipped(&honest()).len() as u32 - 200;
            altered(|entry| entry.offset = Some(at))
        }),
        ("a size too large", altered(|entry| entry.sizes[1] += 1000)),
        ("a size too small", altered(|entry| entry.sizes[1] -= 10)),
        ("a packed size too large", altered(|entry| entry.sizes[0] = 0x7fff_ffff)),
        ("a wrong sum", altered(|entry| entry.sum ^= 1)),
        ("an encrypted entry", altered(|entry| entry.flags = 1)),
        ("bzip2", altered(|entry| entry.method = 12)),
        ("Zstandard", altered(|entry| entry.method = 93)),
        ("AES", altered(|entry| entry.method = 99)),
        ("a method that is none", altered(|entry| entry.method = 65_535)),
        ("a bomb", with(Entry::deflated("bomb.png", &zeros))),
        ("a bomb that says it is small", {
            let mut bomb = Entry::deflated("bomb.png", &zeros);
            bomb.sizes[1] = 1000;
            bomb.local_sizes = Some(bomb.sizes);
            with(bomb)
        }),
        ("a bomb of labels", {
            let mut all = honest();
            all.pop();
            all.push(Entry::deflated("dataset.json", &zeros));
            zipped(&all)
        }),
        ("nested labels", {
            let mut all = honest();
            all.pop();
            all.push(Entry::stored("dataset.json", b"[".repeat(1 << 20)));
            zipped(&all)
        }),
        ("a zip in a zip", zipped(&[Entry::stored("inner.zip", zipped(&honest()))])),
        ("nothing but the end", zip_of(&[], 0, b"")),
        ("more entries than said", zip_of(&many, 100, b"")),
        ("200,001 entries", with_zip64(&many, |size, offset| (200_001, size, offset))),
        ("more entries said than there", zip_of(&honest(), 60_000, b"")),
        ("entries of zip64 without end", lying_zip64(u64::MAX, 1000, 0)),
        ("a directory of zip64 without end", lying_zip64(9, u64::MAX, 0)),
        ("a directory of zip64 beyond the file", lying_zip64(9, 900, u64::MAX - 5)),
        ("sizes of zip64 without end", {
            let extra = [&[1u8, 0, 16, 0][..], &[0xff; 16]].concat();
            altered(|entry| (entry.sizes, entry.extra) = ([u32::MAX; 2], extra))
        }),
        ("the end alone", zipped(&honest())[zipped(&honest()).len() - 22..].to_vec()),
    ]
}

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
    let good = fault(&inside, "set.zip", &zipped(&honest()), arguments).unwrap();
    assert!(good.starts_with("exit code 0"), "the same zip without harm: {good}");
    fs::remove_dir_all(inside.join("out")).unwrap();
    judge("zips", &inside, &hostile_zips(), "set.zip", arguments);
    assert_eq!(names(place.path()), ["a"]);
    assert_eq!(names(&place.path().join("a")), ["b"]);
    assert!(!Path::new("/tmp/outside.png").exists());
}

/// A safetensors file with this header.
fn tensors(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; bytes]].concat()
}

fn hostile_tensors() -> Vec<(&'static str, Vec<u8>)> {
    let one = |dtype: &str, shape: serde_json::Value, offsets: [u64; 2]| {
        tensors(&json!({ "G.x": { "dtype": dtype, "shape": shape, "data_offsets": offsets } }).to_string(), 64)
    };
    let two = |first: [u64; 2], second: [u64; 2]| {
        let tensor = |offsets: [u64; 2]| json!({ "dtype": "F32", "shape": [(offsets[1] - offsets[0]) / 4], "data_offsets": offsets });
        tensors(&json!({ "a": tensor(first), "b": tensor(second) }).to_string(), 64)
    };
    let length = |length: u64| [&length.to_le_bytes()[..], b"{}"].concat();
    vec![
        ("tensors that overlap", two([0, 40], [24, 64])),
        ("a hole between tensors", two([0, 24], [40, 64])),
        ("a hole at the end", one("F32", json!([8]), [0, 32])),
        ("bytes beyond the file", one("F32", json!([1 << 20]), [0, 4 << 20])),
        ("an end before its start", one("F32", json!([4]), [48, 32])),
        ("a shape larger than its bytes", one("F32", json!([1 << 30, 1 << 30]), [0, 64])),
        ("a shape that wraps around", one("F32", json!([1u64 << 62, 16, 4]), [0, 64])),
        ("a shape below zero", one("F32", json!([-4]), [0, 64])),
        ("another type than its bytes", one("F64", json!([16]), [0, 64])),
        ("a type that is none", one("F99", json!([16]), [0, 64])),
        ("a shape of nothing by everything", one("F32", json!([0, 1u64 << 62, 1u64 << 62]), [0, 0])),
        ("a header without end", length(u64::MAX)),
        ("a header of 200 MB", length(200 << 20)),
        ("a header of 99 MB", length(99 << 20)),
        ("a header that is no text", [&8u64.to_le_bytes()[..], &[0xff; 8]].concat()),
        ("a header of levels", tensors(&"[".repeat(1 << 20), 0)),
        ("a header of levels within a tensor", tensors(&format!("{{\"a\":{}", "{\"a\":".repeat(1 << 20)), 0)),
        ("a description that is a number", tensors(r#"{"__metadata__":{"rimforge":7}}"#, 0)),
        ("a description of levels", {
            let text = "[".repeat(1 << 20);
            tensors(&json!({ "__metadata__": { "rimforge": text } }).to_string(), 0)
        }),
        ("no tensors", tensors("{}", 0)),
    ]
}

#[test]
fn tensors_that_lie_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let arguments = "generate --network net.safetensors --seeds 0 --out out --device cpu";
    judge("safetensors", place.path(), &hostile_tensors(), "net.safetensors", arguments);
}

/// A network file whose description says other sizes than its tensors have.
fn resized(place: &Path, sizes: &[(&str, serde_json::Value)]) -> Vec<u8> {
    let bytes = networks::tiny(place, 8);
    let end = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let mut header: serde_json::Value = serde_json::from_slice(&bytes[8..end]).unwrap();
    let text = header["__metadata__"]["rimforge"].as_str().unwrap();
    let mut description: serde_json::Value = serde_json::from_str(text).unwrap();
    for (key, value) in sizes {
        for network in ["generator", "discriminator"] {
            if description[network].get(*key).is_some() {
                description[network][*key] = value.clone();
            }
        }
    }
    header["__metadata__"]["rimforge"] = description.to_string().into();
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[end..]].concat()
}

#[test]
fn descriptions_of_networks_that_are_not_in_the_file_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let sizes = [json!(1_000_000_000u64), json!(i64::MAX), json!(-1), json!(17)];
    let keys = ["z_dim", "w_dim", "c_dim", "resolution", "channels", "channel_base", "channel_max", "mapping_layers"];
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for key in keys {
        for value in &sizes {
            cases.push((format!("{key} = {value}"), resized(place.path(), &[(key, value.clone())])));
        }
    }
    let large = [("resolution", json!(1024)), ("channel_base", json!(1u64 << 40)), ("channel_max", json!(1u64 << 40))];
    cases.push(("all of them".into(), resized(place.path(), &large)));
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

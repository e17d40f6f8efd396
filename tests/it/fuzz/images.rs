//! PNGs, zip data sets, and the texts beside plain images, through the stage that reads them.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use png::{BitDepth, ColorType};
use rimforge::data::png_image::decode;
use rimforge::data::{PrepareConfig, Source, run_stage};
use rimforge::lab::Lab;
use rimforge::observer::Silent;
use rimforge::problem::{Problem, Result};
use rimforge::seed::RunSeed;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::parsers::{Finish, Parser};

/// As `prepare` allows by default.
const MAX_PIXELS: u64 = 1 << 22;

/// Images of the small data sets below.
const IMAGES: usize = 8;

pub const PNG: Parser = Parser {
    name: "PNG",
    header: 64,
    text: false,
    short: 12_000,
    finish: Finish::OftenRepaired(with_checksums),
    set_up: |_| pngs(),
    read: |place, bytes| decode(bytes, MAX_PIXELS).map(drop).map_err(|found| Problem::input(place, found)),
};

pub const ZIP: Parser = Parser {
    name: "zip data set",
    header: 64,
    short: 1_500,
    finish: Finish::AsItIs,
    set_up: |_| {
        [CompressionMethod::Stored, CompressionMethod::Deflated]
            .iter()
            .map(|method| zipped(&entries(), *method))
            .collect()
    },
    read: |place, bytes| {
        let path = place.join("set.zip");
        fs::write(&path, bytes).unwrap();
        prepared(place, &Source::Zip(path), &of_label_one())
    },
    ..PNG
};

pub const DATASET_JSON: Parser = Parser {
    name: "dataset.json",
    header: 0,
    text: true,
    short: 800,
    set_up: |place| {
        fill(place);
        vec![labels(), br#"{"labels": null}"#.to_vec()]
    },
    read: |place, bytes| beside(place, "set/dataset.json", bytes, &of_label_one()),
    ..ZIP
};

pub const LABELS: Parser = Parser {
    name: "labels.tsv",
    set_up: |place| {
        fill(place);
        let row = |at: usize| format!("{}\t{}\tp{}\t{}\t{}\n", name(at), at % 2, at / 2, at % 2, at % 2);
        let rows: String = (0..IMAGES).map(row).collect();
        vec![format!("file\tlabel\tpatient\treader1\treader2\n{rows}").into_bytes()]
    },
    read: |place, bytes| beside(place, "set/labels.tsv", bytes, &of_label_one()),
    ..DATASET_JSON
};

pub const PATIENTS: Parser = Parser {
    name: "table of patients",
    set_up: |place| {
        fill(place);
        fs::write(place.join("set/dataset.json"), labels()).unwrap();
        let rows: String = (0..IMAGES).map(|at| format!("{}\tp{}\n", name(at), at / 2)).collect();
        vec![format!("file\tpatient\n{rows}").into_bytes()]
    },
    read: |place, bytes| {
        let config = PrepareConfig { patients: Some(place.join("patients.tsv")), ..of_label_one() };
        beside(place, "patients.tsv", bytes, &config)
    },
    ..DATASET_JSON
};

/// The label of interest is "1", where there are labels.
fn of_label_one() -> PrepareConfig {
    PrepareConfig { rim_label: None, ..PrepareConfig::default() }
}

/// Image `at` of a set has a path like those of StyleGAN2-ADA's tool.
pub fn name(at: usize) -> String {
    format!("00000/img{at:08}.png")
}

fn labels() -> Vec<u8> {
    let labels: Vec<(String, usize)> = (0..IMAGES).map(|at| (name(at), at % 2)).collect();
    serde_json::to_vec(&serde_json::json!({ "labels": labels })).unwrap()
}

/// The images of the folder `set`.
fn fill(place: &Path) {
    fs::create_dir_all(place.join("set/00000")).unwrap();
    for at in 0..IMAGES {
        fs::write(place.join("set").join(name(at)), gray(at, 8)).unwrap();
    }
}

pub fn entries() -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<(String, Vec<u8>)> = (0..IMAGES).map(|at| (name(at), gray(at, 8))).collect();
    entries.push(("dataset.json".into(), labels()));
    entries
}

pub fn zipped(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Prepares the folder `set` with `bytes` in a file of it or beside it.
fn beside(place: &Path, file: &str, bytes: &[u8], config: &PrepareConfig) -> Result<()> {
    fs::write(place.join(file), bytes).unwrap();
    prepared(place, &Source::Images(place.join("set")), config)
}

pub fn prepared(place: &Path, source: &Source, config: &PrepareConfig) -> Result<()> {
    let out = place.join("out");
    let lab = Lab { engine: &(), seed: RunSeed(1), observer: &Silent };
    let done = run_stage(source, config, &out, &lab).map(drop);
    if out.exists() {
        fs::remove_dir_all(out).unwrap();
    }
    done
}

/// A gray image that differs from those of other numbers.
pub fn gray(number: usize, side: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..side * side).map(|at| (at as usize * 31 + number * 17) as u8).collect();
    encoded(ColorType::Grayscale, BitDepth::Eight, side, &pixels)
}

fn encoded(colour: ColorType, depth: BitDepth, side: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        encoder.set_palette(vec![0, 0, 0, 90, 90, 90, 180, 180, 180, 255, 255, 255]);
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

fn pngs() -> Vec<Vec<u8>> {
    let values: Vec<u8> = (0..=255).collect();
    vec![
        gray(1, 8),
        encoded(ColorType::Grayscale, BitDepth::Sixteen, 8, &values[..128]),
        encoded(ColorType::Rgb, BitDepth::Eight, 8, &values[..192]),
        encoded(ColorType::Indexed, BitDepth::Two, 8, &values[..16]),
        encoded(ColorType::Grayscale, BitDepth::One, 8, &values[..8]),
        interlaced(),
    ]
}

/// Eight by eight gray pixels in the seven passes of Adam7.
pub fn interlaced() -> Vec<u8> {
    // Width and height of each pass; every row begins with its filter.
    let passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)];
    let rows: Vec<u8> =
        passes.iter().flat_map(|&(width, height)| [0, 7, 8, 9, 10, 11, 12, 13, 14][..=width].repeat(height)).collect();
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&rows).unwrap();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [8u32.to_be_bytes(), 8u32.to_be_bytes()].concat();
    for (kind, data) in
        [(b"IHDR", [header, vec![8, 0, 0, 0, 1]].concat()), (b"IDAT", packer.finish().unwrap()), (b"IEND", vec![])]
    {
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(&data);
        bytes.extend(checksum(&[kind, data.as_slice()].concat()));
    }
    bytes
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum().to_be_bytes()
}

/// The checksum of every chunk set right, as far as lengths lead to chunks.
pub fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(end) = (at + 8).checked_add(length).filter(|end| end + 4 <= bytes.len()) else { break };
        let sum = checksum(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum);
        at = end + 4;
    }
    bytes
}

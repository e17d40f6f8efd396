//! NIfTI-1 plain, packed, and mutated within the packing; label maps; the tables and sidecars of a cohort.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use rimforge::data::label_map::LabelMap;
use rimforge::data::{PrepareConfig, Source, run_stage};
use rimforge::lab::Lab;
use rimforge::nifti::{self, Form};
use rimforge::observer::Silent;
use rimforge::problem::Result;
use rimforge::seed::RunSeed;

use super::parsers::{Finish, Parser};
use crate::cohort_files::CohortFiles;
use crate::parity::fixture;

/// Header, and the four bytes that follow it.
const HEADER: usize = 352;

pub const PLAIN: Parser = Parser {
    name: "NIfTI",
    header: HEADER,
    text: false,
    short: 12_000,
    finish: Finish::AsItIs,
    set_up: |_| fixtures("nii"),
    read: |place, bytes| volume(place.join("volume.nii"), bytes),
};

pub const GZIP: Parser = Parser {
    name: "NIfTI, packed bytes",
    header: 32,
    short: 8_000,
    set_up: |_| fixtures("gz"),
    read: |place, bytes| volume(place.join("volume.nii.gz"), bytes),
    ..PLAIN
};

pub const IN_GZIP: Parser = Parser {
    name: "NIfTI in gzip",
    short: 8_000,
    finish: Finish::Wrapped(packed),
    set_up: |_| fixtures("gz").iter().map(|bytes| unpacked(bytes)).collect(),
    ..GZIP
};

pub const LABEL_MAP: Parser = Parser {
    name: "label map",
    header: HEADER,
    text: false,
    short: 3_000,
    finish: Finish::Wrapped(packed),
    set_up: |_| vec![unpacked(&fs::read(CohortFiles::new(1).label_map(1)).unwrap())],
    read: |place, bytes| {
        let path = place.join("map.nii.gz");
        fs::write(&path, bytes).unwrap();
        LabelMap::read(&path, Form::Sform).map(drop)
    },
};

pub const SIDECAR: Parser = Parser {
    name: "BIDS sidecar",
    header: 0,
    text: true,
    short: 150,
    finish: Finish::AsItIs,
    set_up: |place| {
        copy(&CohortFiles::new(4).root, &place.join("cohort"));
        vec![br#"{"Units": "ppm", "EchoTime": [0.004, 0.012], "Sources": ["a", {"b": null}]}"#.to_vec()]
    },
    read: |place, bytes| cohort_of(place, "sub-001/anat/sub-001_Chimap.json", bytes),
};

pub const READER_TABLE: Parser = Parser {
    name: "reader table of a cohort",
    set_up: |place| {
        let cohort = CohortFiles::new(4);
        copy(&cohort.root, &place.join("cohort"));
        vec![fs::read(cohort.reader_table()).unwrap()]
    },
    read: |place, bytes| cohort_of(place, "derivatives/lesions/lesions.tsv", bytes),
    ..SIDECAR
};

pub const PARTICIPANTS: Parser = Parser {
    name: "participants.tsv",
    set_up: |place| {
        let cohort = CohortFiles::new(4);
        copy(&cohort.root, &place.join("cohort"));
        vec![fs::read(cohort.root.join("participants.tsv")).unwrap()]
    },
    read: |place, bytes| cohort_of(place, "participants.tsv", bytes),
    ..SIDECAR
};

fn fixtures(ending: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(fixture("nifti")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    // The fixtures that the reader is to refuse are no start.
    paths.retain(|path| scanned(path).is_ok());
    assert!(paths.len() > 1, "{paths:?}");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn volume(path: PathBuf, bytes: &[u8]) -> Result<()> {
    fs::write(&path, bytes).unwrap();
    scanned(&path)
}

/// Reads all voxels of a volume.
fn scanned(path: &Path) -> Result<()> {
    nifti::open(path, Form::Sform)?.scan(|_| Ok(())).map(drop)
}

pub fn packed(bytes: Vec<u8>) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&bytes).unwrap();
    packer.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// Prepares the cohort with `bytes` in the place of one of its files.
fn cohort_of(place: &Path, file: &str, bytes: &[u8]) -> Result<()> {
    let (root, out) = (place.join("cohort"), place.join("out"));
    fs::write(root.join(file), bytes).unwrap();
    let config = PrepareConfig { patch: [2, 8, 8], ..PrepareConfig::default() };
    let lab = Lab { engine: &(), seed: RunSeed(1), observer: &Silent };
    let done = run_stage(&Source::Cohort(root), &config, &out, &lab).map(drop);
    if out.exists() {
        fs::remove_dir_all(out).unwrap();
    }
    done
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

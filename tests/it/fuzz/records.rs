//! What the program itself wrote and reads again: manifests, records, arrays, checkpoints' sums, logs.

use std::fs;
use std::path::Path;

use rimforge::classify::config::ClassifyConfig;
use rimforge::classify::projected;
use rimforge::data::dataset::MANIFEST;
use rimforge::data::{Prepared, patch_file};
use rimforge::observer::Silent;
use rimforge::problem::Problem;
use rimforge::records::training::TickRecord;
use rimforge::run_dir::{RECORD, StudyDir};
use rimforge::train::checkpoint;
use rimforge::{digest, files};

use super::parsers::{Finish, Parser};
use super::volumes::copy;
use crate::{classify, phantoms, report};

pub const MANIFEST_JSON: Parser = Parser {
    name: "manifest.json",
    header: 0,
    text: true,
    short: 1_500,
    finish: Finish::AsItIs,
    set_up: |place| {
        let data = place.join("data");
        phantoms::rings(&data, 2, 2, 8);
        vec![fs::read(data.join(MANIFEST)).unwrap()]
    },
    read: |place, bytes| {
        let data = place.join("data");
        fs::write(data.join(MANIFEST), bytes).unwrap();
        Prepared::open(&data)?.training_all().images().map(drop)
    },
};

pub const RESULTS: Parser = Parser {
    name: "results.json",
    short: 800,
    set_up: |place| {
        let (folder, _) = report::written();
        copy(folder.path(), &place.join("study"));
        vec![fs::read(StudyDir::new(place.join("study")).results()).unwrap()]
    },
    read: |place, bytes| {
        let dir = StudyDir::new(place.join("study"));
        fs::write(dir.results(), bytes).unwrap();
        rimforge::report::write(&dir).map(drop)
    },
    ..MANIFEST_JSON
};

pub const PROJECTION: Parser = Parser {
    name: "record.json of project",
    set_up: |place| {
        copy(&classify::prepared().root, place);
        vec![fs::read(place.join("denoised").join(RECORD)).unwrap()]
    },
    read: |place, bytes| {
        fs::write(place.join("denoised").join(RECORD), bytes).unwrap();
        let data = Prepared::open(place.join("data"))?;
        projected::projected(
            &place.join("denoised"),
            &data,
            (projected::Wanted::Contested, true),
            &ClassifyConfig::default(),
        )
        .map(drop)
    },
    ..MANIFEST_JSON
};

pub const NPY: Parser = Parser {
    name: "npy",
    header: 128,
    text: true,
    short: 6_000,
    finish: Finish::AsItIs,
    set_up: |_| vec![files::npy::npy(&[1, 2, 4, 4], &[0.5f32; 32]).unwrap()],
    read: |place, bytes| patch_file::parse::<f32>(place, bytes, &[1, 2, 4, 4]).map(drop),
};

pub const SUMS: Parser = Parser {
    name: "sums of a checkpoint",
    short: 1_500,
    set_up: |place| {
        write_checkpoint(place);
        vec![sums()]
    },
    read: |place, bytes| {
        // A damaged checkpoint is set aside, so there is a new one each time.
        write_checkpoint(place);
        fs::write(place.join("run/checkpoint-000000000100/SHA256SUMS"), bytes).unwrap();
        let required = |_: &checkpoint::Verified| Ok(vec!["counters.json".to_owned()]);
        let found = checkpoint::newest(&place.join("run"), &required, &Silent)?;
        fs::remove_dir_all(place.join("run")).unwrap();
        found.map(drop).ok_or_else(|| Problem::input(place, "a damaged checkpoint"))
    },
    ..NPY
};

pub const LOG: Parser = Parser {
    name: "log of JSON lines",
    set_up: |_| {
        let tick = r#"{"tick":1,"images":1000,"loss_g":1.0,"loss_d":1.2,"r1":0.1,"path_length":null,"ada_p":0.02,"#
            .to_owned()
            + r#""ada_rt":0.3,"frechet":null}"#;
        vec![format!("{tick}\n{tick}\n").into_bytes()]
    },
    read: |place, bytes| {
        let path = place.join("log.jsonl");
        fs::write(&path, bytes).unwrap();
        files::read_json_lines::<TickRecord>(&path).map(drop)
    },
    ..NPY
};

fn write_checkpoint(place: &Path) {
    let folder = place.join("run/checkpoint-000000000100");
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in TEXTS {
        fs::write(folder.join(name), text).unwrap();
    }
}

const TEXTS: [(&str, &str); 2] = [("counters.json", "{}"), ("settings.json", "{\"a\":1}")];

fn sums() -> Vec<u8> {
    let lines = TEXTS.iter().map(|(name, text)| format!("{}  {name}\n", digest::sha256(text.as_bytes())));
    lines.collect::<String>().into_bytes()
}

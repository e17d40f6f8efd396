//! Tables read on their own, study files, and what is typed.

use std::fs;

use rimforge::data::{table, truth};
use rimforge::latent::seeds::parse_seeds;
use rimforge::study::rim_lesions::RimStudy;
use rimforge::study::settings::overlay;
use rimforge::train::TrainConfig;

use super::parsers::{Finish, Parser};
use crate::command_line::TINY_STAGES;

const COLUMNS: &[u8] = b"file\tlabel\textra\na.png\t1\t\"x\"\nb.png\t0\t\nc.png\tn/a\t7\n";

pub const TSV: Parser = Parser {
    name: "table, tabs",
    header: 16,
    text: true,
    short: 6_000,
    finish: Finish::AsItIs,
    set_up: |_| vec![COLUMNS.to_vec(), [b"\xef\xbb\xbf", COLUMNS].concat()],
    read: |place, bytes| {
        let path = place.join("table.tsv");
        fs::write(&path, bytes).unwrap();
        table::read(&path, &["file"], &["label", "patient"]).map(drop)
    },
};

pub const CSV: Parser = Parser {
    name: "table, commas",
    set_up: |_| vec![COLUMNS.iter().map(|byte| if *byte == b'\t' { b',' } else { *byte }).collect()],
    read: |place, bytes| {
        let path = place.join("table.csv");
        fs::write(&path, bytes).unwrap();
        table::read(&path, &["file"], &["label", "patient"]).map(drop)
    },
    ..TSV
};

pub const TRUTH: Parser = Parser {
    name: "table of the truth",
    set_up: |_| vec![b"participant_id\tlesion_id\ttrue_rim\nsub-001\t1\t1\nsub-001\t2\t0\n".to_vec()],
    read: |place, bytes| {
        let path = place.join("truth.tsv");
        fs::write(&path, bytes).unwrap();
        truth::Truth::read(&path).map(drop)
    },
    ..TSV
};

const STUDY_HEAD: &str = r#"
kind = "rim-lesions"
name = "tiny"
seed = 1
out = "study"
cohort = { simulate = { preset = "tiny", patients = 12 } }
"#;

pub const STUDY: Parser = Parser {
    name: "study file",
    short: 3_000,
    set_up: |_| vec![[STUDY_HEAD, TINY_STAGES].concat().into()],
    read: |place, bytes| {
        let path = place.join("study.toml");
        fs::write(&path, bytes).unwrap();
        RimStudy::load(&path, &[]).map(drop)
    },
    ..TSV
};

pub const SET: Parser = Parser {
    name: "--set",
    short: 3_000,
    set_up: |_| {
        ["batch=16", "ada.ceiling=0.5", "symmetry=dihedral", "betas = [0, 0.99]", "net = { channel_max = 8 }"]
            .map(|text| text.as_bytes().to_vec())
            .to_vec()
    },
    read: |_, bytes| {
        let assignment = String::from_utf8_lossy(bytes).into_owned();
        overlay(&TrainConfig::default(), &[], &[assignment]).map(drop)
    },
    ..TSV
};

pub const SEEDS: Parser = Parser {
    name: "seeds",
    set_up: |_| ["0-99", "1,5,7-9"].map(|text| text.as_bytes().to_vec()).to_vec(),
    read: |_, bytes| parse_seeds(&String::from_utf8_lossy(bytes)).map(drop),
    ..TSV
};

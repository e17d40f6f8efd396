//! The list of parsers.

use std::path::Path;

use rimforge::problem::Result;

use super::{images, networks, records, tables, volumes};

/// One parser, or one place where a stage reads a file.
pub struct Parser {
    /// As the table of figures names it.
    pub name: &'static str,
    /// Leading bytes of which every bit is flipped.
    pub header: usize,
    /// Whether words, numbers and nesting are put in.
    pub text: bool,
    /// Inputs of the short form.
    pub short: u64,
    /// What is done to an input when its mutations are over.
    pub finish: Finish,
    /// Writes what the parser finds beside its input into a folder; gives valid inputs.
    pub set_up: fn(&Path) -> Vec<Vec<u8>>,
    /// Puts the input into the folder and reads it as the program does.
    pub read: fn(&Path, &[u8]) -> Result<()>,
}

/// What is done to an input when its mutations are over.
pub enum Finish {
    /// Nothing.
    AsItIs,
    /// The mutated bytes are packed, so that they are reached at all.
    Wrapped(fn(Vec<u8>) -> Vec<u8>),
    /// Half of the mutated inputs, and the valid ones, get their checksums or lengths right again.
    OftenRepaired(fn(Vec<u8>) -> Vec<u8>),
}

/// Every one.
pub static PARSERS: &[Parser] = &[
    volumes::PLAIN,
    volumes::GZIP,
    volumes::IN_GZIP,
    volumes::LABEL_MAP,
    volumes::SIDECAR,
    volumes::READER_TABLE,
    volumes::PARTICIPANTS,
    images::PNG,
    images::ZIP,
    images::DATASET_JSON,
    images::LABELS,
    images::PATIENTS,
    tables::TSV,
    tables::CSV,
    tables::TRUTH,
    tables::STUDY,
    tables::SET,
    tables::SEEDS,
    networks::SAFETENSORS,
    networks::DESCRIPTION,
    networks::PICKLE,
    networks::WEIGHTS,
    records::MANIFEST_JSON,
    records::RESULTS,
    records::PROJECTION,
    records::NPY,
    records::SUMS,
    records::LOG,
];

/// The one of this name.
pub fn parser(name: &str) -> &'static Parser {
    PARSERS.iter().find(|parser| parser.name == name).unwrap()
}

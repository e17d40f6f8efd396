//! A set read from its folder: truth beside what meters see.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;

use crate::files;
use crate::meters::{Meters, Picture, Skin};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::simulate::skin::jpeg;
use crate::simulate::skin::layout::{FACTORS, SkinLayout, image_id};

/// Images that are measured at most: the first ones, in whose order is no class.
const MOST: usize = 3000;

/// A table of a million images has about 1 GB.
const MOST_OF_TABLE: u64 = 8 << 30;

/// One image.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) lesion: String,
    pub(super) dx: String,
    /// By each reader a melanoma.
    pub(super) called: [bool; 2],
    /// Of its lesion.
    pub(super) photographs: usize,
    /// By factor, of the images that are measured.
    pub(super) truth: Vec<f64>,
    /// By factor; empty where it is not measured.
    pub(super) seen: Vec<f64>,
    /// Of the skin about the lesion, degrees.
    pub(super) typology_angle: f64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) factors: Vec<&'static str>,
    pub(super) side: usize,
    pub(super) rows: Vec<Row>,
}

impl Set {
    /// Of a folder: the table of factors, and the images that it names.
    pub(super) fn read(root: &Path, observer: &dyn Observer) -> Result<Self> {
        let factors: Vec<&'static str> = Skin.factors().iter().map(|factor| factor.name).collect();
        let path = root.join(FACTORS);
        let bytes = files::read(&path, MOST_OF_TABLE, "the truth of a simulated set")?;
        let wrong = |found: String| {
            Problem::input(&path, found).advice("simulate the set anew, or take the whole folder that simulate wrote")
        };
        let mut table = csv::Reader::from_reader(bytes.as_slice());
        let header = table.headers().map_err(|error| wrong(error.to_string()))?.clone();
        let column = |name: &str| {
            let at = header.iter().position(|own| own == name);
            at.ok_or_else(|| wrong(format!("no column {name}")))
        };
        let words = [column("image_id")?, column("lesion_id")?, column("dx")?];
        let called = [column("reader1_melanoma")?, column("reader2_melanoma")?];
        let shown = factors.iter().map(|name| column(&format!("shown_{name}"))).collect::<Result<Vec<usize>>>()?;
        let (mut rows, mut images) = (vec![], vec![]);
        for record in table.records() {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            let word = |at: usize| record.get(at).unwrap_or_default().to_owned();
            let number = |at: usize| {
                let value = word(at).parse::<f64>().ok().filter(|value| value.is_finite());
                value.ok_or_else(|| wrong(format!("{:?} in column {}", word(at), &header[at])))
            };
            images.push(word(words[0]));
            rows.push(Row {
                lesion: word(words[1]),
                dx: word(words[2]),
                called: [number(called[0])? > 0.5, number(called[1])? > 0.5],
                photographs: 0,
                truth: shown.iter().map(|at| number(*at)).collect::<Result<_>>()?,
                seen: vec![],
                typology_angle: 0.0,
            });
        }
        let mut photographs: BTreeMap<String, usize> = BTreeMap::new();
        rows.iter().for_each(|row| *photographs.entry(row.lesion.clone()).or_default() += 1);
        rows.iter_mut().for_each(|row| row.photographs = photographs[&row.lesion]);
        // The table is in the order of the numbers, and so are the files' names.
        let layout = SkinLayout::new(root, rows.len() as u32);
        let measured = rows.len().min(MOST);
        observer.begin("measure", "photographs", measured as u64);
        let seen = (0..measured).into_par_iter().map(|at| {
            if observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped between two photographs"));
            }
            if images[at] != image_id(at as u32) {
                return Err(wrong(format!(
                    "image {} in line {}, where {} was",
                    images[at],
                    at + 2,
                    image_id(at as u32)
                )));
            }
            let (values, side) = jpeg::read(&layout.path(&layout.image(at as u32)))?;
            if !Skin.takes([3, side, side]) {
                return Err(Problem::input(layout.path(&layout.image(at as u32)), format!("{side} pixels wide")));
            }
            observer.advance(1);
            let picture = Picture::new(&values, [3, side, side]);
            let (factors, skin) = Skin::measure_with_skin(&picture);
            Ok((factors, skin.typology_angle(), side))
        });
        let seen = seen.collect::<Result<Vec<_>>>();
        observer.end();
        let seen = seen?;
        let side = seen.first().map_or(0, |(_, _, side)| *side);
        for (row, (seen, angle, _)) in rows.iter_mut().zip(seen) {
            (row.seen, row.typology_angle) = (seen, angle);
        }
        if rows.is_empty() {
            return Err(wrong("no image".into()));
        }
        Ok(Self { factors, side, rows })
    }

    /// The first row of each lesion.
    pub(super) fn lesions(&self) -> Vec<&Row> {
        let mut seen: BTreeMap<&str, &Row> = BTreeMap::new();
        for row in &self.rows {
            seen.entry(&row.lesion).or_insert(row);
        }
        seen.into_values().collect()
    }

    /// The rows that are measured.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.seen.is_empty())
    }
}

//! Variants at equal budget: distance curves with the range over seeds, and a table.

use super::images::data_uri;
use super::numbers::{count, number};
use super::svg::{Axis, Plot};
use crate::problem::Result;
use crate::records::variants::{CurvePoint, Range, Reach, VariantRecord, VariantsRecord, Verdict};
use crate::run_dir::StudyDir;

/// Colours of the page's diagrams, in turn.
const COLOURS: [&str; 7] = ["c1", "c2", "c4", "c5", "c6", "c7", "c8"];

/// What the section shows.
pub struct Variants<'a> {
    /// As the stage left it.
    pub record: &'a VariantsRecord,
    /// Thousands of images of each training.
    pub kimg: String,
    /// Distances against images.
    pub by_images: String,
    /// Distances against seconds.
    pub by_seconds: String,
    /// One a variant.
    pub rows: Vec<VariantRow>,
    /// The same latents in each.
    pub sheet: String,
    /// How well classes are read.
    pub reader: Option<String>,
}

/// One variant.
pub struct VariantRow {
    /// As in the settings.
    pub key: String,
    /// What it changes.
    pub about: String,
    /// Distance at equal images, verdict, at equal seconds, verdict, until as near as the floor, as the first at its
    /// end, classes, planes, variety, that of the least varied class, parameters, images a second.
    pub cells: Vec<String>,
}

/// Of the study's record; reads the sheet.
///
/// # Errors
/// The sheet is missing.
pub fn section<'a>(record: Option<&'a VariantsRecord>, dir: &StudyDir) -> Result<Option<Variants<'a>>> {
    let Some(record) = record else { return Ok(None) };
    let percent = |share: f64| format!("{} %", number(100.0 * share, 0));
    Ok(Some(Variants {
        kimg: number(record.images as f64 / 1000.0, 0),
        by_images: curves(record, "thousands of images", |point| point.images as f64 / 1000.0),
        by_seconds: curves(record, "seconds of training", |point| point.seconds),
        rows: record.variants.iter().map(row).collect(),
        sheet: data_uri(dir.root(), &dir.variants(), &record.sheet)?,
        reader: record.reader.as_ref().map(|reader| {
            let planes = reader.planes.map_or_else(String::new, |share| format!(", the plane of {}", percent(share)));
            format!(
                "Classes of drawn images are read by {}; of {} held-out real slices it reads the class of {}{planes}.",
                reader.name,
                count(reader.held_out),
                percent(reader.accuracy)
            )
        }),
        record,
    }))
}

fn row(variant: &VariantRecord) -> VariantRow {
    let range =
        |range: &Range| format!("{} ({} to {})", number(range.mean, 4), number(range.low, 4), number(range.high, 4));
    let share = |found: &Option<Range>| {
        let percent = |value: f64| number(100.0 * value, 0);
        found.map_or("\u{2014}".to_owned(), |found| {
            format!("{} % ({} to {})", percent(found.mean), percent(found.low), percent(found.high))
        })
    };
    let verdict = |found: Option<Verdict>| found.map_or("\u{2014}".to_owned(), |found| found.words().to_owned());
    let whole = |value: f64| count(value.round() as u64);
    let words = |reach: Reach| reach.words(variant.runs.len() as u64, whole);
    let reach = |found: Option<Reach>| found.map_or("\u{2014}".to_owned(), words);
    VariantRow {
        key: variant.key.clone(),
        about: variant.about.clone(),
        cells: vec![
            range(&variant.at_equal_images),
            verdict(variant.verdict),
            range(&variant.at_equal_seconds),
            verdict(variant.verdict_at_equal_seconds),
            reach(variant.to_floor),
            reach(variant.to_first),
            share(&variant.fidelity),
            share(&variant.planes),
            share(&variant.variety),
            share(&variant.least_variety),
            count(variant.parameters),
            number(variant.images_per_s.mean, 0),
        ],
    }
}

/// The mean over seeds as a line, the range at each look as a whisker.
fn curves(record: &VariantsRecord, label: &str, x: impl Fn(&CurvePoint) -> f64) -> String {
    let looks = |variant: &VariantRecord| -> Vec<(f64, Range)> {
        let longest = variant.runs.iter().map(|run| run.points.len()).max().unwrap_or(0);
        let at = |look: usize| -> Option<(f64, Range)> {
            let points: Vec<&CurvePoint> = variant.runs.iter().filter_map(|run| run.points.get(look)).collect();
            let mean = points.iter().map(|point| x(point)).sum::<f64>() / points.len().max(1) as f64;
            Some((mean, Range::of(&points.iter().map(|point| point.distance).collect::<Vec<_>>())?))
        };
        (0..longest).filter_map(at).collect()
    };
    let all: Vec<(&VariantRecord, Vec<(f64, Range)>)> =
        record.variants.iter().map(|variant| (variant, looks(variant))).collect();
    let points = || all.iter().flat_map(|(_, looks)| looks);
    let across = Axis::around(label, points().map(|(x, _)| *x), Some(0.0));
    let up = Axis::around("Fréchet distance", points().map(|(_, range)| range.high).chain(record.floor), Some(0.0));
    let mut plot = Plot::new(548.0, 340.0, across, up);
    if let Some(floor) = record.floor {
        plot.horizontal_rule(floor, "c3");
        plot.legend("real to real", "c3");
    }
    for ((variant, looks), class) in all.iter().zip(COLOURS.iter().cycle()) {
        plot.line(&looks.iter().map(|(x, range)| (*x, range.mean)).collect::<Vec<_>>(), class);
        for (x, range) in looks {
            plot.line(&[(*x, range.low), (*x, range.high)], class);
        }
        plot.legend(&variant.key, class);
    }
    plot.finish(&format!("Distance of each variant by {label}"), true)
}

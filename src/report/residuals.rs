//! How far projections may be trusted, and whether residuals tell lesions.

use super::images::{Figure, data_uri};
use super::numbers::{count, interval, number, signed_interval};
use super::svg::{Axis, Plot};
use crate::problem::Result;
use crate::records::residuals::{AccuracyRow, Agreement, Detection, Detector, FoundOf, Measured, ResidualsRecord};
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Residuals<'a> {
    /// As the stage left it.
    pub record: &'a ResidualsRecord,
    /// Roles and corruptions.
    pub rows: Vec<Row>,
    /// Pictures of projections and of spoiled images.
    pub figures: Vec<Figure>,
    /// The detector; absent where none was tried.
    pub detection: Option<Found>,
}

/// A line of a table.
pub struct Row {
    /// What it is of.
    pub name: String,
    /// More on it.
    pub about: String,
    /// Numbers.
    pub cells: Vec<String>,
    /// Whether it needs no generator.
    pub baseline: bool,
}

/// The detector.
pub struct Found {
    /// What was scored.
    pub summary: String,
    /// The verdict in words.
    pub verdict: String,
    /// How much contrast is left.
    pub kept: Option<String>,
    /// One a score.
    pub rows: Vec<Row>,
    /// Average precision of each.
    pub plot: String,
    /// Limits of false findings an image.
    pub limits: Vec<String>,
    /// Share of lesions found, one a score.
    pub findings: Vec<Row>,
    /// Lesions by size and contrast.
    pub thirds: Vec<Row>,
    /// Pictures of lesions.
    pub figures: Vec<Figure>,
}

/// Of the study's record; reads the pictures.
///
/// # Errors
/// A picture cannot be read.
pub fn section<'a>(record: &'a ResidualsRecord, dir: &StudyDir) -> Result<Residuals<'a>> {
    let mut figures = vec![];
    let mut of_lesions = vec![];
    for sheet in &record.sheets {
        let image = data_uri(dir.root(), &dir.residuals(), &sheet.file)?;
        let figure = Figure { image, caption: sheet.caption.clone() };
        if sheet.file.as_str().ends_with("lesions.png") { of_lesions.push(figure) } else { figures.push(figure) }
    }
    Ok(Residuals {
        rows: record.accuracy.iter().flat_map(rows).collect(),
        detection: record.detection.as_ref().map(|found| detection(found, record, of_lesions)),
        figures,
        record,
    })
}

fn rows(row: &AccuracyRow) -> Vec<Row> {
    let of = |name: &str, agreement: &Agreement| {
        let Agreement { ssim, ssim_inside, mse, mse_inside, mse_lesions } = agreement;
        let mut cells: Vec<String> = [(ssim, 3), (ssim_inside, 3), (mse, 4), (mse_inside, 4)]
            .map(|(value, digits)| measured(value, digits))
            .into();
        cells.push(mse_lesions.as_ref().map_or("\u{2014}".into(), |mse| measured(mse, 4)));
        let done =
            if row.strength.is_empty() { String::new() } else { format!("{}, {}", row.corruption, row.strength) };
        Row {
            name: format!("{} ({} images of {})", row.role, count(row.images), count(row.patients)),
            about: [done.as_str(), name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": "),
            cells,
            baseline: name == "as spoiled",
        }
    };
    let spoiled = row.spoiled.as_ref().map(|agreement| of("as spoiled", agreement));
    let name = if spoiled.is_some() { "projected" } else { "" };
    spoiled.into_iter().chain([of(name, &row.projected)]).collect()
}

fn measured(value: &Measured, digits: usize) -> String {
    value.interval.as_ref().map_or_else(|| number(value.value, digits), |range| interval(range, digits))
}

fn detection(found: &Detection, record: &ResidualsRecord, figures: Vec<Figure>) -> Found {
    let [lesioned, healthy] = found.test;
    let name_of = |key: &str| found.detectors.iter().find(|one| one.key == key).map_or("", |one| one.name.as_str());
    let low = found.skill.interval.as_ref().map_or(f64::NAN, |range| range.low);
    let high = found.skill.interval.as_ref().map_or(f64::NAN, |range| range.high);
    let says = match (low > 0.0, high < 0.0) {
        (true, _) => "the generator adds to what can be had without it",
        (_, true) => "the score without generator is better",
        _ => "no difference shown",
    };
    let skill =
        found.skill.interval.as_ref().map_or_else(|| number(found.skill.value, 3), |range| signed_interval(range, 3));
    let row = |one: &Detector| Row {
        name: one.name.clone(),
        about: one.about.clone(),
        cells: vec![
            measured(&one.auprc, 3),
            measured(&one.auroc, 3),
            measured(&one.dice, 3),
            number(one.ceiling, 3),
            one.image_auroc.as_ref().map_or("\u{2014}".into(), |value| measured(value, 3)),
        ],
        baseline: one.baseline,
    };
    let findings = |one: &Detector| Row {
        name: one.name.clone(),
        about: String::new(),
        cells: one.froc.iter().map(|(_, share)| share.map_or("\u{2014}".into(), |share| number(share, 2))).collect(),
        baseline: one.baseline,
    };
    let third = |of: &'static str, unit: String, digits: usize| {
        move |third: &FoundOf| Row {
            name: of.into(),
            about: format!("{} to {}{unit}", number(third.limits[0], digits), number(third.limits[1], digits)),
            cells: vec![count(third.lesions), number(third.residual, 2), number(third.baseline, 2)],
            baseline: false,
        }
    };
    let unit = if record.unit.is_empty() { String::new() } else { format!(" {}", record.unit) };
    Found {
        summary: format!(
            "{} test images with lesions and {} without, of {} persons; {} pixels, {} of a lesion ({} %), {} lesions. What is \
             normal is known from {} healthy validation images, thresholds from {} validation images with lesions.",
            count(lesioned),
            count(healthy),
            count(found.patients),
            count(found.pixels),
            count((found.prevalence * found.pixels as f64).round() as u64),
            number(100.0 * found.prevalence, 2),
            count(found.lesions),
            count(found.calibration),
            count(found.validation)
        ),
        verdict: format!(
            "Skill: average precision of \u{201c}{}\u{201d} less that of the best score that needs no generator, \
             \u{201c}{}\u{201d}: {skill}; {says}.",
            name_of(&found.judged),
            name_of(&found.best_baseline)
        ),
        kept: found.contrast_kept.as_ref().map(|kept| measured(kept, 2)),
        rows: found.detectors.iter().map(row).collect(),
        plot: plot(found),
        limits: found
            .detectors
            .first()
            .map_or(vec![], |one| one.froc.iter().map(|(limit, _)| number(*limit, 1)).collect()),
        findings: found.detectors.iter().map(findings).collect(),
        thirds: found
            .by_size
            .iter()
            .map(third("size", " pixels".into(), 0))
            .chain(found.by_contrast.iter().map(third("contrast to healthy persons", unit, 3)))
            .collect(),
        figures,
    }
}

/// Average precision of every score with its interval; chance as a line.
fn plot(found: &Detection) -> String {
    let rows = found.detectors.len() as f64;
    let highest =
        found.detectors.iter().map(|one| one.auprc.interval.as_ref().map_or(one.auprc.value, |range| range.high));
    let across = Axis::around("average precision over pixels", highest.chain([found.prevalence]), Some(0.0));
    let up = Axis::fixed("", -0.5, rows - 0.5);
    let mut plot = Plot::new(700.0, 60.0 + 26.0 * rows, across, up).with_left_margin(260.0);
    plot.vertical_rule(found.prevalence, "c3");
    for (row, one) in found.detectors.iter().enumerate() {
        let y = rows - 1.0 - row as f64;
        let class = if one.baseline { "c1" } else { "c0" };
        plot.row_label(y, &one.name);
        if let Some(range) = &one.auprc.interval {
            plot.whisker(range.low, range.high, y, class);
        }
        plot.dot(one.auprc.value, y, 4.0, class);
    }
    plot.finish("Average precision of every score; the line is chance", false)
}

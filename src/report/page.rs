//! From the study's record to the values that the page template shows.

use askama::Template;

use super::beside::{self, Accuracy, Conditional, MultiContrast};
use super::figures;
use super::images::{Figure, data_uri, stage_image};
use super::numbers::{confusion, count, interval, median, number, signed_interval};
use crate::problem::{Kind, Problem, Result};
use crate::records::classify::{ArmRecord, ClassifyRecord};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// Denoised lesions shown side by side; the rest are in the study folder.
const SHOWN_DENOISED: usize = 8;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    study: &'a StudyRecord,
    headline: Vec<Fact>,
    summary: Vec<String>,
    both: u64,
    only_first: u64,
    only_second: u64,
    neither: u64,
    kappa: String,
    patients: String,
    lesions: String,
    rims_per_patient: String,
    gallery: Option<String>,
    contrasts: String,
    generator_parameters: String,
    discriminator_parameters: String,
    classifier_parameters: String,
    kimg: String,
    frechet_curve: String,
    loss_curves: String,
    augmentation_curves: String,
    real_grid: Option<String>,
    synthetic_grid: Option<String>,
    conditional: Option<Conditional<'a>>,
    accuracy: Option<Accuracy<'a>>,
    multi_contrast: Option<MultiContrast<'a>>,
    /// Numbers of the last two chapters, which depend on the one before.
    chapters: [u32; 2],
    roles: Vec<RoleRow>,
    truth_of_denoised: Option<String>,
    denoised: Vec<Figure>,
    contrast_scatter: String,
    arm_tables: Vec<ArmTable>,
    confusions: Vec<ArmRow>,
    differences: Vec<(String, String, String, String)>,
    arm_inputs: Vec<(String, String, String, String)>,
    maps: Vec<Figure>,
}

struct Fact {
    value: String,
    label: String,
}

struct RoleRow {
    role: String,
    slices: usize,
    before: String,
    after: String,
    erased: String,
    invented: String,
    lesion_rms: String,
    slice_rms: String,
    w_distance: String,
}

struct ArmTable {
    title: String,
    metrics: Vec<String>,
    rows: Vec<ArmRow>,
    plots: Vec<String>,
}

struct ArmRow {
    arm: String,
    cells: Vec<String>,
}

mod filters {
    /// `{{ value|num(2) }}`: fixed digits, em dash where undefined.
    #[askama::filter_fn]
    pub fn num(value: &f64, _: &dyn askama::Values, digits: usize) -> askama::Result<String> {
        Ok(super::number(*value, digits))
    }
}

/// The page as HTML text; every picture is inside it.
pub fn render(study: &StudyRecord, dir: &StudyDir) -> Result<String> {
    let cohort = &study.cohort;
    let projection = &study.projection;
    let classify = &study.classify;
    let page = Page {
        study,
        headline: headline(study),
        summary: summary(study),
        both: cohort.agreed_rims,
        only_first: cohort.reader1_rims - cohort.agreed_rims.min(cohort.reader1_rims),
        only_second: cohort.reader2_rims - cohort.agreed_rims.min(cohort.reader2_rims),
        neither: cohort.non_rims,
        kappa: match &study.prepare.kappa_interval {
            Some(kappa) => interval(kappa, 3),
            None => number(cohort.kappa, 3),
        },
        patients: count(cohort.patients),
        lesions: count(cohort.lesions),
        rims_per_patient: figures::rims_per_patient(cohort),
        gallery: cohort.gallery.as_ref().map(|file| data_uri(&dir.cohort().join(file))).transpose()?,
        contrasts: study.prepare.contrasts.join(", "),
        generator_parameters: count(study.training.generator_parameters),
        discriminator_parameters: count(study.training.discriminator_parameters),
        classifier_parameters: count(classify.parameters),
        kimg: number(study.training.images as f64 / 1000.0, 1),
        frechet_curve: figures::frechet_curve(&study.training),
        loss_curves: figures::loss_curves(&study.training),
        augmentation_curves: figures::augmentation_curves(&study.training),
        real_grid: study.synthesis.real_grid.as_ref().map(|f| data_uri(&dir.synthetic().join(f))).transpose()?,
        synthetic_grid: Some(data_uri(&dir.synthetic().join(&study.synthesis.synthetic_grid))?),
        conditional: beside::conditional(study, dir)?,
        accuracy: beside::accuracy(study, dir)?,
        multi_contrast: beside::multi_contrast(study, dir)?,
        chapters: if study.multi_contrast.is_some() { [6, 7] } else { [5, 6] },
        roles: roles(projection),
        truth_of_denoised: truth_of_denoised(projection),
        denoised: denoised(projection, dir)?,
        contrast_scatter: figures::contrast_scatter(projection),
        arm_tables: arm_tables(classify),
        confusions: classify.arms.iter().map(confusion_row).collect(),
        differences: differences(classify),
        arm_inputs: classify.arms.iter().map(arm_inputs).collect(),
        maps: stage_image(&dir.classify(), "cam.png", "Class activation maps of test rims, arm by arm.")?,
    };
    page.render().map_err(|error| Problem::new(Kind::Internal, format!("the report's template failed: {error}")))
}

fn headline(study: &StudyRecord) -> Vec<Fact> {
    let fact = |value: String, label: &str| Fact { value, label: label.to_owned() };
    let mut facts = vec![
        fact(count(study.cohort.lesions), "lesions"),
        fact(count(study.cohort.agreed_rims), "rims (both readers)"),
        fact(count(study.cohort.ambiguous), "ambiguous (one reader)"),
        fact(number(study.cohort.kappa, 2), "Cohen's κ"),
    ];
    if let Some(none) = study.classify.arms.first().and_then(|arm| arm.against_readers.get("auprc")) {
        facts.push(fact(interval(none, 2), "AUPRC, real lesions only"));
    }
    facts
}

/// The two sentences that a reader takes away: what changed, and whether zero is inside the interval.
fn summary(study: &StudyRecord) -> Vec<String> {
    let sentence = |against: &str, whose: &str| {
        let differences = study.classify.differences.iter();
        let rows = differences.filter(|d| d.metric == "auprc" && d.against == against && d.arm.contains("LD"));
        let parts: Vec<String> = rows.map(|d| format!("{} {}", d.arm, signed_interval(&d.difference, 3))).collect();
        (!parts.is_empty())
            .then(|| format!("Denoising, change of AUPRC from real lesions alone, {whose}: {}.", parts.join("; ")))
    };
    [sentence("readers", "against the readers' agreed label"), sentence("truth", "against the true label")]
        .into_iter()
        .flatten()
        .collect()
}

fn roles(projection: &ProjectionRecord) -> Vec<RoleRow> {
    let row = |role: &str| {
        let lesions: Vec<&ProjectedLesion> = projection.lesions.iter().filter(|l| l.role == role).collect();
        let middle = |of: fn(&ProjectedLesion) -> f64, digits| {
            median(lesions.iter().map(|l| of(l))).map_or_else(|| "—".into(), |value| number(value, digits))
        };
        let share = |of: fn(&ProjectedLesion) -> bool| share(lesions.iter().filter(|l| of(l)).count(), lesions.len());
        (!lesions.is_empty()).then(|| RoleRow {
            role: role.to_owned(),
            slices: lesions.len(),
            before: middle(|l| l.contrast_before, 1),
            after: middle(|l| l.contrast_after, 1),
            erased: share(|l| l.rim_erased),
            invented: share(|l| l.rim_invented),
            lesion_rms: middle(|l| l.lesion_rms, 1),
            slice_rms: middle(|l| l.slice_rms, 1),
            w_distance: middle(|l| l.w_distance, 2),
        })
    };
    ["ambiguous", "rim", "non-rim"].into_iter().filter_map(row).collect()
}

/// "3/20 = 15 % (5 to 36)", Wilson 1927.
fn share(hits: usize, of: usize) -> String {
    if of == 0 {
        return "—".into();
    }
    let (k, n) = (hits as f64, of as f64);
    let z2 = 1.959_963_984_540_054_f64.powi(2);
    let centre = (k + z2 / 2.0) / (n + z2);
    let half = (z2 * (k * (n - k) / n + z2 / 4.0)).sqrt() / (n + z2);
    let percent = |v: f64| number(v * 100.0, 0);
    format!(
        "{hits}/{of} = {} % ({} to {})",
        percent(k / n),
        percent((centre - half).max(0.0)),
        percent((centre + half).min(1.0))
    )
}

/// What only a simulation can say: how many of the denoised were never rims.
fn truth_of_denoised(projection: &ProjectionRecord) -> Option<String> {
    let known: Vec<bool> =
        projection.lesions.iter().filter(|l| l.role == "ambiguous").filter_map(|l| l.true_rim).collect();
    let rims = known.iter().filter(|rim| **rim).count();
    (!known.is_empty()).then(|| {
        format!(
            "Known truth: of the {} projected ambiguous slices {} show a lesion that truly has a rim; the others were never rims, and denoising labels them rim all the same.",
            known.len(),
            share(rims, known.len())
        )
    })
}

fn denoised(projection: &ProjectionRecord, dir: &StudyDir) -> Result<Vec<Figure>> {
    let ambiguous = projection.lesions.iter().filter(|lesion| lesion.role == "ambiguous");
    let shown = ambiguous.take(SHOWN_DENOISED);
    shown
        .map(|lesion| {
            let truth = match lesion.true_rim {
                Some(true) => ", truly a rim",
                Some(false) => ", truly not a rim",
                None => "",
            };
            Ok(Figure {
                image: data_uri(&dir.denoised().join(&lesion.figure))?,
                caption: format!(
                    "{} slice {}{truth}: rim contrast {} → {} ppb",
                    lesion.lesion_id,
                    lesion.slice,
                    number(lesion.contrast_before, 1),
                    number(lesion.contrast_after, 1)
                ),
            })
        })
        .collect()
}

/// Metrics of the arms' tables, in order: key, heading, whether it is plotted.
const METRICS: [(&str, &str, bool); 7] = [
    ("auprc", "AUPRC", true),
    ("auroc", "AUROC", true),
    ("accuracy", "accuracy", false),
    ("precision", "precision", false),
    ("sensitivity", "sensitivity", false),
    ("specificity", "specificity", false),
    ("balanced_accuracy", "balanced accuracy", false),
];

fn arm_tables(classify: &ClassifyRecord) -> Vec<ArmTable> {
    let table = |title: &str, truth: bool| {
        let of = |arm: &ArmRecord| if truth { arm.against_truth.clone() } else { arm.against_readers.clone() };
        let metrics: Vec<_> =
            METRICS.iter().filter(|(key, ..)| classify.arms.iter().any(|arm| of(arm).contains_key(*key))).collect();
        let row = |arm: &ArmRecord| {
            let values = of(arm);
            let cell = |key: &str| values.get(key).map_or_else(|| "—".into(), |i| interval(i, 2));
            ArmRow { arm: arm.name.clone(), cells: metrics.iter().map(|(key, ..)| cell(key)).collect() }
        };
        (!metrics.is_empty()).then(|| ArmTable {
            title: title.to_owned(),
            metrics: metrics.iter().map(|(_, name, _)| (*name).to_owned()).collect(),
            rows: classify.arms.iter().map(row).collect(),
            plots: metrics
                .iter()
                .filter(|(.., plotted)| *plotted)
                .map(|(key, name, _)| figures::arms_forest(classify, key, name, truth))
                .collect(),
        })
    };
    [table("Against the readers' agreed label", false), table("Against the true label (simulation only)", true)]
        .into_iter()
        .flatten()
        .collect()
}

fn confusion_row(arm: &ArmRecord) -> ArmRow {
    ArmRow { arm: arm.name.clone(), cells: arm.per_seed.iter().map(|seed| confusion(&seed.confusion)).collect() }
}

fn differences(classify: &ClassifyRecord) -> Vec<(String, String, String, String)> {
    let row = |d: &crate::records::classify::DifferenceRecord| {
        let name = METRICS.iter().find(|(key, ..)| *key == d.metric).map_or(d.metric.as_str(), |(_, name, _)| name);
        (d.arm.clone(), name.to_owned(), d.against.clone(), signed_interval(&d.difference, 3))
    };
    classify.differences.iter().map(row).collect()
}

/// Name, training slices, description, share of the added lesions that truly are rims.
fn arm_inputs(arm: &ArmRecord) -> (String, String, String, String) {
    let slices: Vec<String> = arm.training_slices.iter().map(|(origin, n)| format!("{} {origin}", count(*n))).collect();
    let true_share = arm.extra_label_precision.as_ref().map_or_else(|| "—".into(), |share| interval(share, 2));
    (arm.name.clone(), slices.join(", "), arm.description.clone(), true_share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_has_its_wilson_interval() {
        // 0.29 of 55: Wilson .19 to .42 (the paper's Table 1 redone).
        assert_eq!(share(16, 55), "16/55 = 29 % (19 to 42)");
        assert_eq!(share(0, 0), "—");
    }
}

//! The last but one section: whether an arm helps a classifier.

use super::figures;
use super::numbers::{confusion, count, interval, signed_interval};
use crate::records::Interval;
use crate::records::classify::{ArmRecord, ClassifyRecord, DENOISED, DifferenceRecord, WeightPoint};
use crate::records::evidence::ContrastRecord;

/// What the section shows.
pub struct Arms {
    /// One table for each kind of label.
    pub tables: Vec<ArmTable>,
    /// Confusion counts of each arm, seed by seed.
    pub confusions: Vec<ArmRow>,
    /// Every arm beside None.
    pub differences: Vec<DifferenceRow>,
    /// The arms at other weights of what they add; none where that was not asked for.
    pub weights: Vec<WeightRow>,
    /// What each arm learnt from.
    pub inputs: Vec<InputRow>,
}

/// An arm at one weight of what it adds.
pub struct WeightRow {
    /// Its name.
    pub arm: String,
    /// Beside 1 for the real lesions.
    pub weight: String,
    /// As in the tables' headings.
    pub metric: String,
    /// "readers" or "truth".
    pub against: String,
    /// With its interval.
    pub value: String,
    /// From None, with its interval.
    pub difference: String,
}

/// Metrics of all arms against one kind of label.
pub struct ArmTable {
    /// Whose label.
    pub title: String,
    /// Whether that is the truth, which a simulation alone has.
    pub truth: bool,
    /// Headings.
    pub metrics: Vec<String>,
    /// In the record's order.
    pub rows: Vec<ArmRow>,
    /// One for each metric that is plotted.
    pub plots: Vec<String>,
}

/// An arm's cells.
pub struct ArmRow {
    /// Its name.
    pub arm: String,
    /// One for each heading.
    pub cells: Vec<String>,
}

/// An arm minus None.
pub struct DifferenceRow {
    /// Its name.
    pub arm: String,
    /// As in the tables' headings.
    pub metric: String,
    /// "readers" or "truth".
    pub against: String,
    /// With its interval.
    pub difference: String,
}

/// What an arm saw.
pub struct InputRow {
    /// Its name.
    pub arm: String,
    /// Training slices by origin.
    pub slices: String,
    /// Share of the added lesions that truly are rims.
    pub truly_rims: String,
    /// What it is.
    pub description: String,
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

/// Reads the record.
pub fn section(classify: &ClassifyRecord) -> Arms {
    Arms {
        tables: arm_tables(classify),
        confusions: classify.arms.iter().map(confusion_row).collect(),
        differences: classify.differences.iter().map(difference).collect(),
        weights: weights(classify),
        inputs: classify.arms.iter().map(input).collect(),
    }
}

/// AUPRC of the None arm, where it was run.
pub fn real_lesions_only(classify: &ClassifyRecord) -> Option<String> {
    Some(interval(classify.none()?.against_readers.get("auprc")?, 2))
}

/// The two sentences that a reader takes away: what denoising changed, and whether zero is inside the interval.
pub fn summary(classify: &ClassifyRecord) -> Vec<String> {
    let sentence = |against: &str, whose: &str| {
        let differences = classify.differences.iter();
        let rows =
            differences.filter(|d| d.metric == "auprc" && d.against == against && DENOISED.contains(&d.arm.as_str()));
        let parts: Vec<String> =
            rows.map(|d| format!("{} {}", d.arm, signed_interval(of_evidence(classify, d), 3))).collect();
        (!parts.is_empty())
            .then(|| format!("Denoising, change of AUPRC from real lesions alone, {whose}: {}.", parts.join("; ")))
    };
    [sentence("readers", "against the readers' agreed label"), sentence("truth", "against the true label")]
        .into_iter()
        .flatten()
        .collect()
}

/// The interval over patients, generators and fits where there is one, as the evidence has it, else that over patients.
fn of_evidence<'a>(classify: &'a ClassifyRecord, difference: &'a DifferenceRecord) -> &'a Interval {
    let same = |contrast: &&ContrastRecord| {
        (&contrast.arm, &contrast.metric, &contrast.against)
            == (&difference.arm, &difference.metric, &difference.against)
    };
    let evidence = classify.evidence.as_ref();
    let contrast = evidence.and_then(|evidence| evidence.contrasts.iter().find(same));
    contrast.map_or(&difference.difference, |contrast| &contrast.difference)
}

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
            truth,
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

fn difference(d: &DifferenceRecord) -> DifferenceRow {
    DifferenceRow {
        arm: d.arm.clone(),
        metric: heading(&d.metric),
        against: d.against.clone(),
        difference: signed_interval(&d.difference, 3),
    }
}

/// Arm by arm, so that each one's curve stands together.
fn weights(classify: &ClassifyRecord) -> Vec<WeightRow> {
    let mut points: Vec<&WeightPoint> = classify.weights.iter().collect();
    let place = |name: &str| classify.arms.iter().position(|arm| arm.name == name);
    points.sort_by(|a, b| {
        let key = |point: &WeightPoint| (place(&point.arm), point.metric.clone(), point.against.clone());
        key(a).cmp(&key(b)).then(a.extra_weight.total_cmp(&b.extra_weight))
    });
    let row = |point: &WeightPoint| WeightRow {
        arm: point.arm.clone(),
        weight: point.extra_weight.to_string(),
        metric: heading(&point.metric),
        against: point.against.clone(),
        value: interval(&point.value, 2),
        difference: point.difference.as_ref().map_or_else(|| "—".into(), |found| signed_interval(found, 3)),
    };
    points.into_iter().map(row).collect()
}

fn heading(metric: &str) -> String {
    METRICS.iter().find(|(key, ..)| *key == metric).map_or(metric, |(_, name, _)| name).to_owned()
}

fn input(arm: &ArmRecord) -> InputRow {
    let slices: Vec<String> = arm.training_slices.iter().map(|(origin, n)| format!("{} {origin}", count(*n))).collect();
    InputRow {
        arm: arm.name.clone(),
        slices: slices.join(", "),
        truly_rims: arm.extra_label_precision.as_ref().map_or_else(|| "—".into(), |share| interval(share, 2)),
        description: arm.description.clone(),
    }
}

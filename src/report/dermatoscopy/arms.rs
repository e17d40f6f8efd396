//! Whether an arm helps a classifier of several classes.

use crate::records::classify::{ArmByClass, ArmRecord, ClassifyRecord, ExternalArm};
use crate::report::numbers::{interval, signed_interval};

/// What the section shows.
pub struct Arms {
    /// Metrics of the first table.
    pub heads: Vec<&'static str>,
    /// One an arm.
    pub overall: Vec<Row>,
    /// One an arm and metric.
    pub differences: Vec<Row>,
    /// One an arm, on other photographs; none where there were none.
    pub external: Vec<Row>,
    /// One an arm, a cell a class.
    pub recalls: Vec<Row>,
    /// One an arm.
    pub confusions: Vec<Matrix>,
}

/// A line of a table.
pub struct Row {
    /// Its first cell.
    pub arm: String,
    /// The others.
    pub cells: Vec<String>,
}

/// Who is taken for what.
pub struct Matrix {
    /// Name of the arm.
    pub arm: String,
    /// One a class.
    pub rows: Vec<Row>,
}

/// Metrics over all classes, in order: key and heading.
const OVERALL: [(&str, &str); 4] = [
    ("balanced_accuracy", "balanced accuracy"),
    ("macro_auprc", "AUPRC, mean of classes"),
    ("macro_auroc", "AUROC, mean of classes"),
    ("accuracy", "accuracy"),
];

/// Heading of a metric.
pub fn heading(metric: &str) -> &str {
    OVERALL.iter().find(|(key, _)| *key == metric).map_or(metric, |(_, heading)| heading)
}

/// Reads the record.
pub fn section(classify: &ClassifyRecord) -> Arms {
    let scored = || classify.arms.iter().filter_map(|arm| Some((arm, arm.by_class.as_ref()?)));
    let cells = |found: &ArmByClass| -> Vec<String> {
        let cell = |key: &str| found.overall.get(key).map_or_else(|| "—".into(), |value| interval(value, 3));
        OVERALL.iter().map(|(key, _)| cell(key)).collect()
    };
    let recalls = |found: &ArmByClass| {
        let cell = |metrics: &std::collections::BTreeMap<String, crate::records::Interval>| {
            metrics.get("sensitivity").map_or_else(|| "—".into(), |value| interval(value, 2))
        };
        found.classes.iter().map(|one| cell(&one.metrics)).collect()
    };
    let row = |arm: &ArmRecord, cells: Vec<String>| Row { arm: arm.name.clone(), cells };
    Arms {
        heads: OVERALL.iter().map(|(_, heading)| *heading).collect(),
        overall: scored().map(|(arm, found)| row(arm, cells(found))).collect(),
        differences: classify
            .differences
            .iter()
            .map(|one| Row {
                arm: one.arm.clone(),
                cells: vec![heading(&one.metric).to_owned(), signed_interval(&one.difference, 3)],
            })
            .collect(),
        external: classify
            .external
            .iter()
            .flat_map(|found| {
                let row = |arm: &ExternalArm| {
                    let difference =
                        found.differences.iter().find(|one| one.arm == arm.name && one.metric == "balanced_accuracy");
                    let said = difference.map_or_else(|| "—".into(), |one| signed_interval(&one.difference, 3));
                    Row { arm: arm.name.clone(), cells: cells(&arm.by_class).into_iter().chain([said]).collect() }
                };
                found.arms.iter().map(row).collect::<Vec<_>>()
            })
            .collect(),
        recalls: scored().map(|(arm, found)| row(arm, recalls(found))).collect(),
        confusions: scored().map(|(arm, found)| matrix(arm, found, classify)).collect(),
    }
}

/// Counts of all repetitions.
fn matrix(arm: &ArmRecord, found: &ArmByClass, classify: &ClassifyRecord) -> Matrix {
    let names = classify.classes.iter().map(|class| class.name().to_owned());
    let row = |(at, name): (usize, String)| {
        let cell = |column: usize| -> u64 { found.per_seed.iter().map(|seed| seed.confusion[at][column]).sum() };
        Row { arm: name, cells: (0..classify.classes.len()).map(|column| cell(column).to_string()).collect() }
    };
    Matrix { arm: arm.name.clone(), rows: names.enumerate().map(row).collect() }
}

//! What the page shows of sets of images against held-out ones: the paper's table 2, and what its numbers are worth.

use super::numbers::interval;
use crate::records::Interval;
use crate::records::evaluate::{Better, Comparison, EvaluationRecord, Measure, Topic};
use crate::records::study::StudyRecord;

/// What the section shows.
pub struct Evaluation<'a> {
    /// As the stage left it.
    pub record: &'a EvaluationRecord,
    /// One a topic.
    pub tables: Vec<Table>,
    /// Name and what it shows and does not show, one a measure.
    pub measures: Vec<(String, String)>,
    /// The network's path length with its name.
    pub path_length: Option<String>,
}

/// Measures downwards, sets across.
pub struct Table {
    /// For its heading.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Images of each set.
    pub images: u64,
    /// Sets.
    pub sets: Vec<String>,
    /// Measures.
    pub rows: Vec<Row>,
    /// Whether it says of its rows if they rise.
    pub yardstick: bool,
}

/// One measure of all sets.
pub struct Row {
    /// Name and unit.
    pub measure: String,
    /// "lower", "higher" or "as held-out".
    pub better: &'static str,
    /// One a set.
    pub cells: Vec<String>,
    /// "yes" or "NO" for a yardstick's.
    pub rises: &'static str,
}

/// `None` where the study does not evaluate.
pub fn section(study: &StudyRecord) -> Option<Evaluation<'_>> {
    let record = study.evaluation.as_ref()?;
    let path_length = record.network.as_ref().and_then(|network| network.path_length.as_ref());
    Some(Evaluation {
        record,
        tables: record.comparisons.iter().map(|comparison| table(comparison, record)).collect(),
        measures: record.measures.iter().map(|measure| (title(measure), measure.about.clone())).collect(),
        path_length: path_length.map(|length| format!("{}: {}", length.name, interval(&length.length, 1))),
    })
}

fn table(comparison: &Comparison, record: &EvaluationRecord) -> Table {
    let (title, about) = match comparison.topic {
        Topic::Sets => ("Each set by itself", "The first column is the floor: as far as real training images lie."),
        Topic::TrainingSets => (
            "Training sets against held-out rims (the paper's table 2)",
            "What each arm's classifier learns from. Differences within the intervals say nothing.",
        ),
        Topic::Blurred => (
            "Yardstick: real images blurred",
            "A measure that does not grow from column to column does not see sharpness.",
        ),
        Topic::Flattened => {
            ("Yardstick: rims lowered", "A measure that does not grow from column to column does not see rims.")
        }
        Topic::Truncation => (
            "The generator at several truncations",
            "Less variety to the left; what is gained by it, and what is lost.",
        ),
    };
    let held = record.reference.as_ref().filter(|_| matches!(comparison.topic, Topic::Sets | Topic::Truncation));
    let present = |measure: &&Measure| comparison.sets.iter().any(|set| set.measures.contains_key(&measure.key));
    let cell = |found: Option<&Interval>| found.map_or_else(|| "—".to_owned(), written);
    let row = |measure: &Measure| {
        let own = held.map(|held| cell(held.measures.get(&measure.key)));
        let cells = comparison.sets.iter().map(|set| cell(set.measures.get(&measure.key))).chain(own).collect();
        let better = match measure.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Alike => "as held-out",
        };
        let rises = match comparison.rises.get(&measure.key) {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        };
        Row { measure: self::title(measure), better, cells, rises }
    };
    let names = comparison.sets.iter().map(|set| set.name.clone());
    Table {
        title,
        about,
        images: comparison.images,
        sets: names.chain(held.map(|held| held.name.clone())).collect(),
        rows: record.measures.iter().filter(present).map(row).collect(),
        yardstick: !comparison.rises.is_empty(),
    }
}

fn title(measure: &Measure) -> String {
    if measure.unit.is_empty() { measure.name.clone() } else { format!("{} ({})", measure.name, measure.unit) }
}

/// With as many digits as its size asks for.
fn written(found: &Interval) -> String {
    let digits = match found.value.abs() {
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.01 => 3,
        _ => 5,
    };
    interval(found, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_follow_the_size() {
        let of = |value: f64, high: f64| {
            written(&Interval { value, low: 0.0, high, level: 0.95, n: 9, method: String::new() })
        };
        assert_eq!(of(12.34, 20.0), "12.3 (0.0 to 20.0)");
        assert_eq!(of(0.0031, 0.004), "0.00310 (0.00000 to 0.00400)");
    }
}

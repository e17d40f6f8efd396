//! The arms at several weights of what they add, for a terminal.

use std::fmt::Write;

use crate::commands::numbers::{bracketed, signed};
use crate::records::classify::ClassifyRecord;

/// A line for each arm, metric, label and weight; empty where none was asked for.
pub fn table(record: &ClassifyRecord) -> String {
    if record.weights.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "\nby the weight of what an arm adds\n{:<22}{:<8}{:<9}{:>7}  {:<19}minus None\n",
        "arm", "metric", "against", "weight", "value"
    );
    for point in &record.weights {
        let difference = point.difference.as_ref().map_or_else(|| "-".to_owned(), |less| signed(less, 3));
        let _ = writeln!(
            text,
            "{:<22}{:<8}{:<9}{:>7}  {:<19}{difference}",
            point.arm,
            point.metric,
            point.against,
            point.extra_weight,
            bracketed(&point.value, 2)
        );
    }
    text
}

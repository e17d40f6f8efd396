//! What was found, as a person reads it.

use super::{Checked, Convention, Shortened, Tried};
use crate::records::Confusion;

/// A paragraph for each answer.
pub fn in_words(checked: &Checked) -> String {
    let stated = &checked.stated;
    let digits = stated.digits as usize;
    let numbers: Vec<String> =
        stated.values.iter().map(|(metric, value)| format!("{} {value:.digits$}", metric.name())).collect();
    let mut lines = vec![format!(
        "{}; {} positives, {} negatives, {} tables of counts.",
        numbers.join(", "),
        stated.positives,
        stated.negatives,
        (stated.positives + 1) * (stated.negatives + 1)
    )];
    lines.extend(checked.tried.iter().filter(|tried| tried.fitting > 0).map(fitting));
    if checked.tried.iter().all(|tried| tried.fitting == 0) {
        let listed: Vec<&str> = Convention::ALL.iter().map(|convention| convention.about()).collect();
        lines.push(format!("No table of counts gives them, rounded or cut: {}.", listed.join("; ")));
    }
    if let Some(as_stated) = checked.tried.first().filter(|tried| tried.fitting == 0) {
        lines.push(format!("Nearest {}", nearest(checked, as_stated, digits)));
    }
    let best = checked.tried.iter().skip(1).min_by(|a, b| a.nearest.off.total_cmp(&b.nearest.off));
    if let Some(best) = best.filter(|best| best.fitting == 0 && checked.tried.iter().all(|tried| tried.fitting == 0)) {
        lines.push(format!("Of all others nearest {}", nearest(checked, best, digits)));
    }
    if let Some((low, high)) = checked.implied_share {
        let own = stated.positives as f64 / (stated.positives + stated.negatives) as f64;
        let fits = if (low..=high).contains(&own) { "which fits" } else { "which does not fit" };
        lines.push(format!(
            "Accuracy, precision and sensitivity of one class together say that {} % of the items are positive \
             ({:.1} to {:.1}); stated are {:.1} %, {fits}.",
            middle(low, high),
            100.0 * low,
            100.0 * high,
            100.0 * own
        ));
    } else if stated.values.len() > 2 && checked.tried.first().is_some_and(|tried| tried.fitting == 0) {
        lines.push("No share of positives makes them fit, or they are not the three that say it.".into());
    }
    lines.push(means(checked));
    lines.join("\n") + "\n"
}

fn middle(low: f64, high: f64) -> String {
    format!("about {:.0}", 50.0 * (low + high))
}

fn counts(table: &Confusion) -> String {
    format!(
        "TP {}, FN {}, FP {}, TN {}",
        table.true_positive, table.false_negative, table.false_positive, table.true_negative
    )
}

fn fitting(tried: &Tried) -> String {
    let how = match tried.shortened {
        Shortened::Rounded => "rounded",
        Shortened::Cut => "cut, not rounded",
    };
    let tables: Vec<String> = tried.tables.iter().map(counts).collect();
    let (word, more) = match tried.fitting {
        1 => ("1 table fits".to_owned(), ""),
        many => (format!("{many} tables fit"), if many as usize > tables.len() { "; and others" } else { "" }),
    };
    format!("{word} {} ({how}): {}{more}.", tried.convention.about(), tables.join("; "))
}

fn nearest(checked: &Checked, tried: &Tried, digits: usize) -> String {
    let values = tried.nearest.values.iter().zip(&checked.stated.values);
    let values: Vec<String> =
        values.map(|(value, (metric, _))| format!("{} {value:.width$}", metric.name(), width = digits + 1)).collect();
    format!(
        "{}: {}: {}; off by up to {:.width$}.",
        tried.convention.about(),
        counts(&tried.nearest.counts),
        values.join(", "),
        tried.nearest.off,
        width = digits + 1
    )
}

/// On means over runs.
fn means(checked: &Checked) -> String {
    let runs = checked.stated.runs;
    let able: Vec<&Tried> = checked.tried.iter().filter(|tried| tried.as_mean).collect();
    if able.is_empty() {
        return "Nor are they means over any number of runs on this test set, or of folds that share it evenly, under \
                any of these conventions: proved for rounded numbers."
            .into();
    }
    if runs == 1 {
        let each = |tried: &&Tried| {
            let share = |(share, table): &(f64, Confusion)| format!("{:.0} % of runs {}", 100.0 * share, counts(table));
            let shares: Vec<String> = tried.mixture.iter().map(share).collect();
            format!("{} ({})", tried.convention.about(), shares.join(", "))
        };
        let listed: Vec<String> = able.iter().map(each).collect();
        return format!(
            "Means over several runs could give them, however unlikely, {}. Under all other conventions they cannot. \
             --runs N asks for N of them.",
            listed.join("; ")
        );
    }
    let mut lines = Vec::new();
    for tried in able {
        lines.push(if tried.in_runs.is_empty() {
            format!(
                "As means over {runs} runs {}: not excluded, but no {runs} tables were found.",
                tried.convention.about()
            )
        } else {
            let mut told: Vec<(usize, Confusion)> = Vec::new();
            for table in &tried.in_runs {
                match told.iter_mut().find(|(_, other)| other == table) {
                    Some((count, _)) => *count += 1,
                    None => told.push((1, *table)),
                }
            }
            let told: Vec<String> = told.iter().map(|(count, table)| format!("{count} x {}", counts(table))).collect();
            format!("As means over {runs} runs {}: for one {}.", tried.convention.about(), told.join("; "))
        });
    }
    lines.join("\n")
}

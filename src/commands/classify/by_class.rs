//! The table of a comparison without a class of interest: every class against the rest, and who is taken for what.

use crate::commands::console::noted;
use crate::commands::numbers::bracketed;
use crate::records::Interval;
use crate::records::classify::{ArmByClass, ClassifyRecord};

/// Shown of all classes together, and of each.
const OVERALL: [&str; 4] = ["balanced_accuracy", "macro_auroc", "macro_auprc", "accuracy"];
const EACH: [&str; 5] = ["auroc", "auprc", "sensitivity", "specificity", "precision"];

/// For a terminal.
pub fn table(record: &ClassifyRecord, simulated: bool) -> String {
    let test = &record.test;
    let counts: Vec<String> = test.classes.iter().map(|count| format!("{} {}", count.items, count.class)).collect();
    let mut text = format!(
        "{}{} test items of {} groups: {}, {} contested; {} steps of {} slices, {} seeds\n",
        if simulated { "SIMULATED. " } else { "" },
        test.lesions,
        test.patients,
        counts.join(", "),
        test.ambiguous,
        record.optimiser_steps,
        record.batch,
        record.seeds.len()
    );
    text.push_str(&heading("arm", &OVERALL));
    let arms = || record.arms.iter().filter_map(|arm| Some((arm, arm.by_class.as_ref()?)));
    for (arm, found) in arms() {
        text.push_str(&row(&arm.name, OVERALL.iter().map(|metric| found.overall.get(*metric))));
    }
    for (arm, found) in arms() {
        text.push_str(&heading(&format!("{}: each against the rest", arm.name), &EACH));
        for one in &found.classes {
            text.push_str(&row(one.class.name(), EACH.iter().map(|metric| one.metrics.get(*metric))));
        }
        text.push_str(&confusion(record, &arm.name, found));
    }
    if let Some(external) = &record.external {
        let counts: Vec<String> =
            external.test.classes.iter().map(|count| format!("{} {}", count.items, count.class)).collect();
        let simulated = if external.simulated { "SIMULATED. " } else { "" };
        let title = format!("{simulated}external test: {}", counts.join(", "));
        text.push_str(&format!("\n{title}\n{}", heading("arm", &OVERALL)));
        for arm in &external.arms {
            text.push_str(&row(&arm.name, OVERALL.iter().map(|metric| arm.by_class.overall.get(*metric))));
        }
    }
    text.push_str("\nin brackets: 95 % intervals over test groups; seeds are averaged, in the last tables added up\n");
    text.push_str(&noted(&record.notes));
    text
}

fn heading(first: &str, columns: &[&str]) -> String {
    let names: String = columns.iter().map(|name| format!("{name:<19}")).collect();
    format!("\n{first:<38}{}\n", names.trim_end())
}

fn row<'a>(name: &str, cells: impl Iterator<Item = Option<&'a Interval>>) -> String {
    let cells: String = cells.map(|interval| format!("{:<19}", bracketed(interval, 2))).collect();
    format!("{name:<38}{}\n", cells.trim_end())
}

/// Items by class (rows) and answer (columns), all seeds together.
fn confusion(record: &ClassifyRecord, arm: &str, found: &ArmByClass) -> String {
    let names: Vec<&str> = record.classes.iter().map(|class| class.name()).collect();
    let width = 2 + names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let line = |first: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>width$}")).collect();
        format!("{first:<38}{cells}\n")
    };
    let columns = names.iter().map(|name| (*name).to_owned()).collect();
    let mut text = format!("\n{}", line(&format!("{arm}: is (down), answered"), columns));
    for (class, name) in names.iter().enumerate() {
        let sum = |answer: usize| found.per_seed.iter().map(|seed| seed.confusion[class][answer]).sum::<u64>();
        text.push_str(&line(name, (0..names.len()).map(|answer| sum(answer).to_string()).collect()));
    }
    text
}

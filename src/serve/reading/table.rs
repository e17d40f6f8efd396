//! The results as lines for a terminal.

use std::fmt::Write;

use crate::records::Interval;
use crate::records::reading::{Agreement, ReadingRecord, TaskRecord};

/// Table 1 and the agreements, for a person.
pub fn text(record: &ReadingRecord) -> String {
    let mut text = String::new();
    let simulated = if record.simulated { "SIMULATED. " } else { "" };
    let shown: Vec<String> = record
        .shown
        .iter()
        .map(|count| format!("{} {}", count.images, count.source.described(&record.interest)))
        .collect();
    line(&mut text, &format!("{simulated}images: {}; {} of them twice", shown.join("; "), record.repeats));
    for reader in &record.readers {
        let done = if reader.answered < reader.questions { " so far" } else { "" };
        let back = if reader.withdrawn > 0 { format!(", {} taken back", reader.withdrawn) } else { String::new() };
        line(
            &mut text,
            &format!("\n{}: {} of {} answered{done}{back}", reader.name, reader.answered, reader.questions),
        );
        tasks(&mut text, record, &reader.tasks);
    }
    if !record.together.is_empty() {
        line(&mut text, "\nall readers together");
        tasks(&mut text, record, &record.together);
    }
    if !record.pairs.is_empty() {
        line(&mut text, "\nbetween readers");
    }
    for pair in &record.pairs {
        let [one, other] = &pair.readers;
        let title = pair.task.title(&record.interest);
        line(&mut text, &format!("  {one} and {other}, {title} {}", agreement(&pair.agreement)));
    }
    line(&mut text, "\nin brackets: 95 % intervals, images of one patient taken together");
    record.notes.iter().for_each(|note| line(&mut text, &format!("note: {note}")));
    text
}

fn line(text: &mut String, more: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{more}");
}

fn tasks(text: &mut String, record: &ReadingRecord, tasks: &[TaskRecord]) {
    for task in tasks {
        let [yes, _] = task.task.answers(&record.interest);
        let seconds = task.median_seconds.map_or_else(String::new, |median| format!(", median {median:.1} s"));
        line(text, &format!("  {} ({} images{seconds})", task.task.title(&record.interest), task.answered));
        for called in &task.called {
            let what = called.source.described(&record.interest);
            let of = format!("{} of {}", called.yes, called.share.n);
            line(text, &format!("    {what:<22} called {} {of:>10}  {}", yes.to_lowercase(), share(&called.share)));
        }
        for (what, interval) in [("right", &task.accuracy), ("right, against the truth", &task.accuracy_to_truth)] {
            if let Some(interval) = interval {
                line(text, &format!("    {what}: {} of {} images", share(interval), interval.n));
            }
        }
        if let Some(denoising) = &task.denoising {
            let of = denoising.both + denoising.original_only + denoising.denoised_only + denoising.neither;
            let gain = denoising.difference.as_ref().map_or_else(|| "undefined".into(), share);
            line(
                text,
                &format!(
                    "    denoising of {of} contested: {} gained, {} lost; difference {gain}, exact McNemar p {:.3}",
                    denoising.denoised_only, denoising.original_only, denoising.p
                ),
            );
        }
        if let Some(again) = &task.again {
            line(text, &format!("    the same image again: {}", agreement(again)));
        }
    }
}

fn agreement(found: &Agreement) -> String {
    let kappa = match (&found.kappa, &found.kappa_interval) {
        (_, Some(interval)) => format!("{:.2} [{:.2}, {:.2}]", interval.value, interval.low, interval.high),
        (Some(kappa), None) => format!("{kappa:.2} [undefined: too few images]"),
        (None, None) => "undefined".into(),
    };
    format!("{} of {} images alike, kappa {kappa}", share(&found.same), found.same.n)
}

/// "29 % [19, 42]".
fn share(interval: &Interval) -> String {
    let [value, low, high] = [interval.value, interval.low, interval.high].map(|share| 100.0 * share);
    format!("{value:.0} % [{low:.0}, {high:.0}]")
}

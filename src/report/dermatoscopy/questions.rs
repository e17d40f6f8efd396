//! What the paper left open, and what the study's own numbers say about it.

use super::arms::Row;
use crate::records::Interval;
use crate::records::classify::{ClassifyRecord, DifferenceRecord};
use crate::records::dermatoscopy::DermatoscopyRecord;
use crate::records::directions::StableSet;
use crate::report::numbers::{interval, number, signed_interval};

/// The metric that the questions are about.
const METRIC: &str = "balanced_accuracy";

/// One row a question.
pub fn rows(study: &DermatoscopyRecord) -> Vec<Row> {
    let row = |question: &str, answer: String| Row { arm: question.into(), cells: vec![answer] };
    vec![
        row("Does any of it help beside the real lesions?", best(&study.classify)),
        row("Does filtering by the gate matter?", filtered(&study.classify)),
        row("How does the threshold decide?", thresholds(study)),
        row("Which transformations help?", subsets(study)),
        row("Do synthetic images alone suffice?", alone(&study.classify)),
        row("Does it hold on other photographs?", external(&study.classify)),
        row("Are the directions those of another generator, too?", second(study)),
    ]
}

fn of<'a>(classify: &'a ClassifyRecord, arm: &str) -> Option<&'a Interval> {
    classify.arms.iter().find(|one| one.name == arm)?.by_class.as_ref()?.overall.get(METRIC)
}

fn difference<'a>(classify: &'a ClassifyRecord, arm: &str) -> Option<&'a Interval> {
    let found = classify.differences.iter().find(|one| one.arm == arm && one.metric == METRIC)?;
    Some(&found.difference)
}

fn best(classify: &ClassifyRecord) -> String {
    let beside = classify.differences.iter().filter(|one| one.metric == METRIC && !one.arm.ends_with("only"));
    let best = beside.max_by(|a, b| a.difference.value.total_cmp(&b.difference.value));
    match best {
        Some(best) if best.difference.low > 0.0 => format!(
            "The largest gain of balanced accuracy is {}'s, {}; its interval leaves 0 out, but it is the largest of \
             several.",
            best.arm,
            signed_interval(&best.difference, 3)
        ),
        Some(best) => format!(
            "No arm's gain of balanced accuracy leaves 0 out of its interval; the largest is {}'s, {}.",
            best.arm,
            signed_interval(&best.difference, 3)
        ),
        None => "Not asked: no arm beside None.".into(),
    }
}

fn filtered(classify: &ClassifyRecord) -> String {
    let pairs = ["SA-2k", "SA-6k", "SA-12k"].into_iter().filter_map(|arm| {
        let [all, within] = [difference(classify, arm)?, difference(classify, &format!("{arm}, filtered"))?];
        Some(format!("{arm} {} unfiltered, {} filtered", signed_interval(all, 3), signed_interval(within, 3)))
    });
    let pairs: Vec<String> = pairs.collect();
    if pairs.is_empty() {
        return "Not asked: no arm was fitted both ways.".into();
    }
    format!("Balanced accuracy minus None's: {}.", pairs.join("; "))
}

fn thresholds(study: &DermatoscopyRecord) -> String {
    let rows = study.edits.iter().flat_map(|edits| &edits.sweep).map(|row| {
        let threshold = row.threshold.map_or("none".into(), |threshold| number(threshold, 2));
        format!("{threshold}: {} of {}", row.kept, row.images)
    });
    let kept = format!("Edits that each threshold keeps: {}.", rows.collect::<Vec<_>>().join("; "));
    let fitted = said(&study.classify.differences, |arm| {
        arm.strip_prefix("SA-2k, ").filter(|rest| rest.starts_with("nearest")).map(str::to_owned)
    });
    if fitted.is_empty() { kept } else { format!("{kept} Balanced accuracy minus None's: {fitted}.") }
}

fn subsets(study: &DermatoscopyRecord) -> String {
    let moved = |arm: &str| {
        let number: usize = arm.strip_prefix("SA-2k, direction ")?.parse().ok()?;
        let direction = study.edits.as_ref()?.directions.get(number.checked_sub(1)?)?;
        Some(format!("{} ({}) alone", direction.id, direction.name))
    };
    let alone = said(&study.classify.differences, moved);
    if alone.is_empty() {
        return "Not asked: no arm of one direction (sa-2k-along-1 and on).".into();
    }
    let all = said(&study.classify.differences, |arm| (arm == "SA-2k").then(|| "all together".into()));
    let both = [all, alone].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    format!("Balanced accuracy minus None's: {both}.")
}

/// Differences from None of the arms that `called` has words for.
fn said(differences: &[DifferenceRecord], called: impl Fn(&str) -> Option<String>) -> String {
    let arms = differences.iter().filter(|one| one.metric == METRIC);
    let one = |arm: &DifferenceRecord| Some(format!("{} {}", called(&arm.arm)?, signed_interval(&arm.difference, 3)));
    arms.filter_map(one).collect::<Vec<_>>().join("; ")
}

fn alone(classify: &ClassifyRecord) -> String {
    let arms = ["Synthetic only", "SA only", "None"];
    let said: Vec<String> =
        arms.into_iter().filter_map(|arm| Some(format!("{arm} {}", interval(of(classify, arm)?, 3)))).collect();
    format!("Balanced accuracy: {}.", said.join("; "))
}

fn second(study: &DermatoscopyRecord) -> String {
    let Some(second) = &study.directions.second else {
        return "Not asked: this study trained one generator ([second] trains another).".into();
    };
    let set = |set: &StableSet| {
        format!(
            "{} of {}: mean |cos| of what matched directions do {}, by chance up to {}, p = {}",
            set.method,
            set.layers,
            number(set.mean, 2),
            number(set.chance, 2),
            number(set.p, 3)
        )
    };
    let sets: Vec<String> = second.sets.iter().map(set).collect();
    let map = second.alignment.as_ref().map(|map| {
        format!(" Codes of one explain {} of the variance of held-out codes of the other.", number(map.r_squared, 2))
    });
    format!("{}.{}", sets.join("; "), map.unwrap_or_default())
}

fn external(classify: &ClassifyRecord) -> String {
    let Some(found) = &classify.external else { return "Not asked: no other photographs ([external]).".into() };
    let said = said(&found.differences, |arm| Some(arm.to_owned()));
    format!("Balanced accuracy minus None's: {said}.")
}

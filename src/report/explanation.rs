//! What the page shows of where the classifiers look: maps of attribution and what they are worth.

use super::images::{Figure, data_uri};
use super::numbers::{interval, interval_percent, number, signed_interval};
use crate::problem::Result;
use crate::records::explain::{CascadeRecord, ExplainedArm, ExplanationMeasure, ExplanationRecord, MapRecord};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Explanation<'a> {
    /// As the stage left it.
    pub record: &'a ExplanationRecord,
    /// Lesions with their maps; absent where none were asked for.
    pub figure: Option<Figure>,
    /// What the answers lose without the rim; empty without truth.
    pub effects: Vec<Effect>,
    /// For each measure its name, and whether more of it is better.
    pub measures: Vec<&'a ExplanationMeasure>,
    /// One a map of each arm, a line of chance first.
    pub rows: Vec<Row>,
    /// The same minus those of the first arm; empty where there is one arm.
    pub changes: Vec<Row>,
    /// Layers from the head downward.
    pub layers: Vec<String>,
    /// What is left of each map.
    pub cascade: Vec<Row>,
    /// What was found, in a sentence or two each.
    pub findings: Vec<String>,
}

/// A line of a table.
pub struct Row {
    /// Whose classifiers, or none.
    pub arm: String,
    /// Which map.
    pub map: String,
    /// Whether a classifier had a hand in it.
    pub of_classifier: bool,
    /// One a column.
    pub cells: Vec<String>,
}

/// An arm without rims.
pub struct Effect {
    /// Whose classifiers.
    pub arm: String,
    /// Log-odds with the rim, without it, and the difference.
    pub odds: [String; 3],
    /// Share that falls, share that falls below 0.
    pub shares: [String; 2],
}

/// `None` where the study does not explain.
///
/// # Errors
/// The figure is missing.
pub fn section<'a>(study: &'a StudyRecord, dir: &StudyDir) -> Result<Option<Explanation<'a>>> {
    let Some(record) = &study.explanation else { return Ok(None) };
    let figure = record.figure.as_ref().map(|file| -> Result<Figure> {
        let image = data_uri(dir.root(), &dir.explanation(), file)?;
        Ok(Figure { image, caption: caption(record) })
    });
    let present = |measure: &&ExplanationMeasure| {
        record.arms.iter().flat_map(|arm| &arm.maps).any(|map| map.scores.contains_key(&measure.key))
    };
    let measures: Vec<&ExplanationMeasure> = record.measures.iter().filter(present).collect();
    let layers = record.arms.iter().flat_map(|arm| &arm.maps).find(|map| !map.cascade.is_empty());
    let layers = layers.map(|map| map.cascade.iter().map(|step| step.layer.clone()).collect());
    Ok(Some(Explanation {
        record,
        figure: figure.transpose()?,
        effects: record.arms.iter().filter_map(effect).collect(),
        rows: rows(record, &measures),
        changes: changes(record, &measures),
        measures,
        layers: layers.unwrap_or_default(),
        cascade: cascade(record),
        findings: findings(record),
    }))
}

fn caption(record: &ExplanationRecord) -> String {
    let truth = if record.truth.is_some() {
        ", how much each pixel changes when the same lesion is simulated without its rim (the truth)"
    } else {
        ""
    };
    let simulated = if record.simulated { " SIMULATED." } else { "" };
    format!(
        "Test lesions, their traced rim{truth}, and the maps of the first repetition of each arm. Red speaks for a {}, \
         blue against it; each map is on its own scale.{simulated}",
        record.class
    )
}

fn effect(arm: &ExplainedArm) -> Option<Effect> {
    let effect = arm.effect.as_ref()?;
    Some(Effect {
        arm: arm.name.clone(),
        odds: [
            signed_interval(&effect.with_rim, 2),
            signed_interval(&effect.without_rim, 2),
            signed_interval(&effect.difference, 2),
        ],
        shares: [
            interval_percent(&effect.falls),
            effect.crosses.as_ref().map_or_else(|| "—".to_owned(), interval_percent),
        ],
    })
}

fn rows(record: &ExplanationRecord, measures: &[&ExplanationMeasure]) -> Vec<Row> {
    let chance = Row {
        arm: String::new(),
        map: "chance: an even map".into(),
        of_classifier: false,
        cells: cells(measures, |key| record.chance.get(key).map(|found| interval(found, 3))),
    };
    let mut rows = vec![chance];
    for arm in &record.arms {
        let line = |map: &MapRecord| Row {
            arm: arm.name.clone(),
            map: map.title.clone(),
            of_classifier: map.of_classifier,
            cells: cells(measures, |key| map.scores.get(key).map(|found| interval(found, 3))),
        };
        rows.extend(arm.maps.iter().map(line));
        rows.push(Row {
            arm: arm.name.clone(),
            map: "random order".into(),
            of_classifier: false,
            cells: cells(measures, |key| arm.random.get(key).map(|found| interval(found, 3))),
        });
    }
    rows
}

fn of_map(arm: &ExplainedArm, map: &MapRecord, cells: Vec<String>) -> Row {
    Row { arm: arm.name.clone(), map: map.title.clone(), of_classifier: true, cells }
}

fn changes(record: &ExplanationRecord, measures: &[&ExplanationMeasure]) -> Vec<Row> {
    let of = |arm: &ExplainedArm| {
        let cells = |map: &MapRecord| {
            cells(measures, |key| map.minus_first_arm.get(key).map(|found| signed_interval(found, 3)))
        };
        let line = |map| of_map(arm, map, cells(map));
        arm.maps.iter().filter(|map| !map.minus_first_arm.is_empty()).map(line).collect::<Vec<_>>()
    };
    record.arms.iter().flat_map(of).collect()
}

fn cells(measures: &[&ExplanationMeasure], cell: impl Fn(&str) -> Option<String>) -> Vec<String> {
    measures.iter().map(|measure| cell(&measure.key).unwrap_or_else(|| "—".into())).collect()
}

fn cascade(record: &ExplanationRecord) -> Vec<Row> {
    let of = |arm: &ExplainedArm| {
        let cell = |step: &CascadeRecord| {
            step.correlation.as_ref().map_or_else(|| "—".into(), |found| signed_interval(found, 2))
        };
        let line = |map: &MapRecord| of_map(arm, map, map.cascade.iter().map(cell).collect());
        arm.maps.iter().filter(|map| !map.cascade.is_empty()).map(line).collect::<Vec<_>>()
    };
    record.arms.iter().flat_map(of).collect()
}

/// Of each arm: which maps of it beat the bump in the middle, whether it depends on what was learned, and whether
/// the answer rests on the rim.
fn findings(record: &ExplanationRecord) -> Vec<String> {
    let mut found = Vec::new();
    for arm in &record.arms {
        found.extend(energy_finding(arm, record));
        found.extend(cascade_finding(arm));
        found.extend(effect_finding(arm, &record.class));
    }
    found
}

fn energy_finding(arm: &ExplainedArm, record: &ExplanationRecord) -> Option<String> {
    let energy = |map: &MapRecord| map.scores.get("energy").map(|score| score.value);
    let percent = |share: f64| format!("{} %", number(100.0 * share, 1));
    let own = arm.maps.iter().filter(|map| map.of_classifier);
    let own: Vec<(&str, f64)> = own.filter_map(|map| Some((map.title.as_str(), energy(map)?))).collect();
    let chance = record.chance.get("energy")?.value;
    let middle = arm.maps.iter().find(|map| map.key == "middle").and_then(energy)?;
    let shares: Vec<String> = own.iter().map(|(title, share)| format!("{title} {}", percent(*share))).collect();
    let above: Vec<&str> = own.iter().filter(|(_, share)| *share > middle).map(|(title, _)| *title).collect();
    let verdict =
        if above.is_empty() { "None lies above it.".into() } else { format!("Above it: {}.", above.join(", ")) };
    Some(format!(
        "{}: of the maps' energy lies in the traced rim: {}; of an even map {}, of a bump in the middle that knows no \
         classifier {}. {verdict}",
        arm.name,
        shares.join(", "),
        percent(chance),
        percent(middle)
    ))
}

fn cascade_finding(arm: &ExplainedArm) -> Option<String> {
    let last = |map: &MapRecord| {
        let left = map.cascade.last()?.correlation.as_ref()?;
        Some(format!("{} {}", map.title, signed_interval(left, 2)))
    };
    let left: Vec<String> = arm.maps.iter().filter_map(last).collect();
    let words = "once all layers are random, this rank correlation with its own map is left";
    (!left.is_empty()).then(|| {
        format!("{}: {words}: {}. What is far above 0 does not come from what was learned.", arm.name, left.join(", "))
    })
}

fn effect_finding(arm: &ExplainedArm, class: &str) -> Option<String> {
    let effect = arm.effect.as_ref()?;
    Some(format!(
        "{}: without its {class} the same lesion scores {} lower in log-odds, and lower at all in {} of lesions.",
        arm.name,
        interval(&effect.difference, 2),
        interval_percent(&effect.falls)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Interval;
    use crate::records::explain::RimEffect;

    fn interval_of(value: f64) -> Interval {
        Interval { value, low: value - 0.1, high: value + 0.1, level: 0.95, n: 9, method: String::new() }
    }

    fn map(key: &str, energy: f64, cascade: Vec<CascadeRecord>) -> MapRecord {
        MapRecord {
            key: key.into(),
            title: key.to_uppercase(),
            of_classifier: key != "middle",
            scores: [("energy".to_owned(), interval_of(energy))].into(),
            minus_first_arm: Default::default(),
            cascade,
        }
    }

    fn record(cam: f64) -> ExplanationRecord {
        let cascade = vec![CascadeRecord { layer: "head".into(), correlation: Some(interval_of(0.5)) }];
        let effect = RimEffect {
            with_rim: interval_of(1.0),
            without_rim: interval_of(-1.0),
            difference: interval_of(2.0),
            falls: interval_of(0.9),
            crosses: None,
        };
        ExplanationRecord {
            simulated: true,
            data_sha256: String::new(),
            seed: 1,
            class: "rim".into(),
            layer: "unit2".into(),
            grids: [[8, 8], [16, 16]],
            image: [64, 64],
            lesions: vec![],
            patients: 0,
            measures: vec![],
            chance: [("energy".to_owned(), interval_of(0.05))].into(),
            arms: vec![ExplainedArm {
                name: "None".into(),
                fits: vec![],
                maps: vec![map("cam", cam, cascade), map("middle", 0.2, vec![])],
                random: Default::default(),
                effect: Some(effect),
            }],
            truth: None,
            figure: None,
            notes: vec![],
        }
    }

    #[test]
    fn findings_say_what_the_numbers_say() {
        let better = findings(&record(0.25));
        assert!(better[0].contains("rim: CAM 25.0 %; of an even map 5.0 %, of a bump"), "{}", better[0]);
        assert!(better[0].ends_with("classifier 20.0 %. Above it: CAM."), "{}", better[0]);
        assert!(better[1].contains("CAM +0.50"), "{}", better[1]);
        assert!(better[2].contains("scores 2.00 (1.90 to 2.10) lower"), "{}", better[2]);
        assert!(findings(&record(0.1))[0].ends_with("None lies above it."));
    }
}

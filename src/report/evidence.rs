//! Beside the arms' scores: tests, whose variance, answers, calibration, values in use, power.

use super::numbers::{interval, number, signed_interval};
use crate::records::Interval;
use crate::records::classify::ClassifyRecord;
use crate::records::evidence::{ContrastRecord, EvidenceRecord};

/// What the section shows.
pub struct Evidence {
    /// In order; none is empty.
    pub tables: Vec<Table>,
    /// What is not there and why.
    pub notes: Vec<String>,
}

/// One table.
pub struct Table {
    /// What it is of.
    pub title: &'static str,
    /// What it shows and what it does not.
    pub says: String,
    /// Headings.
    pub heads: Vec<&'static str>,
    /// Cells, one for each heading.
    pub rows: Vec<Vec<String>>,
}

/// Reads the record; `None` where it has no evidence.
pub fn section(classify: &ClassifyRecord) -> Option<Evidence> {
    let evidence = classify.evidence.as_ref()?;
    let tables = [
        contrasts(evidence),
        auroc(evidence),
        answers(evidence),
        equal_calls(evidence),
        calibration(evidence),
        in_use(evidence),
        power(evidence),
    ];
    let tables = tables.into_iter().filter(|table| !table.rows.is_empty()).collect();
    Some(Evidence { tables, notes: evidence.notes.clone() })
}

/// The one question and its answer, where it was asked.
pub fn summary(classify: &ClassifyRecord) -> Option<String> {
    let primary = classify.evidence.as_ref()?.contrasts.iter().find(|contrast| contrast.primary)?;
    let least = primary.detectable.map_or_else(String::new, |least| {
        format!(
            " A true difference of {} is what such a test set finds with as many fits in 80 % of cases.",
            number(least, 3)
        )
    });
    Some(format!(
        "Primary question, {} minus None, {}, against {}: {}, p {}.{least}",
        primary.arm,
        metric(&primary.metric),
        whose(&primary.against),
        signed_interval(&primary.difference, 3),
        p_equal(primary.p)
    ))
}

fn metric(key: &str) -> &str {
    match key {
        "auprc" => "AUPRC",
        "auroc" => "AUROC",
        "balanced_accuracy" => "balanced accuracy",
        other => other,
    }
}

fn whose(against: &str) -> &'static str {
    if against == "truth" { "the true label" } else { "the readers' agreed label" }
}

/// "0.031", "< 0.001", or a dash.
fn p_value(p: Option<f64>) -> String {
    match p {
        Some(p) if p < 0.001 => "< 0.001".into(),
        Some(p) => number(p, 3),
        None => "—".into(),
    }
}

fn p_equal(p: Option<f64>) -> String {
    let text = p_value(p);
    if text.starts_with('<') { text } else { format!("= {text}") }
}

fn maybe(value: Option<&Interval>, digits: usize) -> String {
    value.map_or_else(|| "—".into(), |value| interval(value, digits))
}

fn signed(value: Option<&Interval>, digits: usize) -> String {
    value.map_or_else(|| "—".into(), |value| signed_interval(value, digits))
}

fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share, 0))
}

fn contrasts(evidence: &EvidenceRecord) -> Table {
    let share = |share: Option<f64>| share.map_or_else(|| "unknown".into(), percent);
    let row = |contrast: &ContrastRecord| {
        vec![
            format!("{}{}", contrast.arm, if contrast.primary { " (primary)" } else { "" }),
            metric(&contrast.metric).to_owned(),
            contrast.against.clone(),
            signed_interval(&contrast.difference, 3),
            p_value(contrast.p),
            p_value(contrast.p_corrected),
            percent(contrast.shares.patients),
            share(contrast.shares.generators),
            share(contrast.shares.fits),
            contrast.detectable.map_or_else(|| "—".into(), |least| number(least, 3)),
        ]
    };
    Table {
        title: "Is a difference from None more than chance?",
        says: "Interval and p over patients and, where they are known, generators and fits, by Student's t. It shows \
               whether another draw of these could turn the sign; it says nothing about other training cohorts, \
               other scanners or readers, and the AUPRC's is no better than its few positives. A corrected p is \
               Holm's over all but the primary question."
            .into(),
        heads: vec![
            "arm",
            "metric",
            "against",
            "difference",
            "p",
            "corrected",
            "variance by patients",
            "by generators",
            "by fits",
            "smallest found",
        ],
        rows: evidence.contrasts.iter().map(row).collect(),
    }
}

fn auroc(evidence: &EvidenceRecord) -> Table {
    let rows = evidence.auroc.iter().map(|row| {
        vec![
            row.arm.clone(),
            row.against.clone(),
            interval(&row.auroc, 3),
            interval(&row.none, 3),
            signed_interval(&row.difference, 3),
            p_value(row.p),
            p_value(row.p_corrected),
        ]
    });
    Table {
        title: "AUROC by DeLong's test, over patients",
        says: "Obuchowski's variance for lesions of the same patients, of these fits alone: it shows how well the \
               fits at hand rank these kinds of lesions, not what a repeated training would give. AUROC does not \
               depend on how rare rims are; AUPRC does."
            .into(),
        heads: vec!["arm", "against", "AUROC", "None's", "difference", "p", "corrected"],
        rows: rows.collect(),
    }
}

fn answers(evidence: &EvidenceRecord) -> Table {
    let rows = evidence.answers.iter().map(|row| {
        let seeds = row.per_seed.iter().map(|seed| {
            format!("seed {}: {} : {} (p {})", seed.seed, seed.arm_only, seed.none_only, p_equal(Some(seed.p)))
        });
        vec![
            row.arm.clone(),
            row.against.clone(),
            seeds.collect::<Vec<_>>().join("; "),
            p_value(Some(row.p_by_patient)),
            p_value(Some(row.p_corrected)),
        ]
    });
    Table {
        title: "Answers at the thresholds",
        says: "Lesions that only the arm : only None gets right, with exact McNemar p, which takes lesions of a \
               patient as independent and is too small where they are alike; the p by patient (exact sign flips over \
               all seeds) is not. It judges thresholds as much as scores."
            .into(),
        heads: vec!["arm", "against", "arm only : None only", "p by patient", "corrected"],
        rows: rows.collect(),
    }
}

fn equal_calls(evidence: &EvidenceRecord) -> Table {
    let rows = evidence.equal_calls.iter().map(|row| {
        vec![
            row.arm.clone(),
            row.against.clone(),
            number(row.calls, 1),
            number(row.none_calls, 1),
            signed(row.sensitivity.as_ref(), 3),
            signed(row.precision.as_ref(), 3),
        ]
    });
    Table {
        title: "Beside None that calls as many lesions",
        says: "More rims in training make a classifier call more lesions; so does another threshold. With None's \
               threshold moved to the arm's number of calls, what is left is ranking. It does not say which number \
               of calls is right."
            .into(),
        heads: vec!["arm", "against", "calls", "None's own", "sensitivity, difference", "precision, difference"],
        rows: rows.collect(),
    }
}

fn calibration(evidence: &EvidenceRecord) -> Table {
    let rows = evidence.calibration.iter().map(|row| {
        vec![
            row.arm.clone(),
            row.against.clone(),
            maybe(row.slope.as_ref(), 2),
            signed(row.intercept.as_ref(), 2),
            maybe(row.brier.as_ref(), 3),
            number(row.brier_of_prevalence, 3),
        ]
    });
    let shift = evidence.calibration.first().map_or(0.0, |row| row.shift);
    Table {
        title: "Calibration",
        says: format!(
            "Slope 1 is right, below 1 scores are too extreme; an intercept above 0 means that rims are more \
             frequent than the scores say. On the test side's own share of rims, log-odds shifted by {} for the \
             negatives that training leaves out; what an arm does to the balance itself is not taken back. A ranking \
             can be good where this is not, and the other way round.",
            number(shift, 2)
        ),
        heads: vec!["arm", "against", "slope", "intercept", "Brier score", "of the prevalence alone"],
        rows: rows.collect(),
    }
}

fn in_use(evidence: &EvidenceRecord) -> Table {
    let rows = evidence
        .in_use
        .iter()
        .map(|row| vec![row.arm.clone(), row.against.clone(), maybe(row.ppv.as_ref(), 2), maybe(row.npv.as_ref(), 3)]);
    let prevalence = evidence.in_use.first().map_or(0.0, |row| row.prevalence);
    Table {
        title: "What a call means in use",
        says: format!(
            "Predictive values where {} % of lesions are rims, from sensitivity and specificity on the test side. \
             They assume that rims and others look there as they do here, at the same thresholds.",
            number(100.0 * prevalence, 1)
        ),
        heads: vec!["arm", "against", "call is right (PPV)", "no call is right (NPV)"],
        rows: rows.collect(),
    }
}

fn power(evidence: &EvidenceRecord) -> Table {
    let rows = evidence.power.iter().map(|row| {
        vec![
            row.arm.clone(),
            row.against.clone(),
            format!("{} in {} patients", row.positives, row.patients),
            number(row.effective, 1),
            percent(row.discordance),
            row.detectable.map_or_else(|| "none".into(), |gain| format!("+{}", number(gain, 2))),
            row.needed_for_ten_points.map_or_else(|| "—".into(), |needed| number(needed.ceil(), 0)),
        ]
    });
    Table {
        title: "What this test set can find",
        says: "Smallest gain of sensitivity that the exact McNemar test finds in 80 % of such test sets, at the \
               discordance seen here (lesions that exactly one of the two finds), and the independent rims that a \
               gain of .10 needs. A difference that is not significant in a set too small for it shows nothing."
            .into(),
        heads: vec!["arm", "against", "rims", "independent ones", "discordance", "gain found", "rims for +.10"],
        rows: rows.collect(),
    }
}

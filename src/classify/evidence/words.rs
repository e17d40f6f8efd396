//! What is not there and why, and how much weight few patients or seeds bear.

use super::Ground;
use crate::records::evidence::EvidenceRecord;

/// Generators below which the spread among them rests on very few degrees of freedom.
const ENOUGH: usize = 5;

/// Patients with a positive below which intervals deserve little trust.
const FEW: usize = 20;

/// Whose chance is in the intervals.
fn of_generators(ground: &Ground<'_>) -> String {
    let beside = ground.beside_none();
    let alone = |at: usize| ground.runs.arms[at].generators == 1;
    let of_one = "took their generated lesions from one generator: what another would have given is unknown, not 0, and \
                  in no interval";
    let Some(several) = beside.iter().map(|(at, _)| ground.runs.arms[*at].generators).find(|count| *count > 1) else {
        return format!("All fits of an arm {of_one}.");
    };
    let told = format!(
        "Fits took the generated lesions of {several} generators in turn, which were trained from other random numbers: \
         a generator's chance is in interval and p of a metric's difference from None, in no other table, and is known \
         badly from fewer than {ENOUGH}."
    );
    let made = |(at, name): &(usize, &'static str)| {
        let arm = ground.runs.arms[*at].arm;
        (alone(*at) && arm.needs().iter().any(|source| source.is_of_a_generator())).then_some(*name)
    };
    let fits = ground.runs.arms.first().map_or(0, |arm| arm.fits.len());
    let alone_in_it = if fits < 2 * several {
        " With fewer than two fits of each generator a generator's chance and a fit's are told apart badly or not at all."
    } else {
        ""
    };
    let told = format!("{told}{alone_in_it}");
    let rest: Vec<&str> = beside.iter().filter_map(made).collect();
    if rest.is_empty() { told } else { format!("{told} Those of {} {of_one}.", rest.join(", ")) }
}

/// Sentences for the record.
pub fn notes(ground: &Ground<'_>, found: &EvidenceRecord) -> Vec<String> {
    let mut notes = Vec::new();
    let primary = &ground.config.primary;
    let asked = format!(
        "{} minus None, {}, against the {}",
        primary.arm.name(),
        primary.metric.key(),
        if primary.against(ground.lesions.truth.is_some()) == "truth" { "truth" } else { "readers" }
    );
    if ground.none().is_none() {
        notes.push("Without a None arm nothing is compared.".into());
    } else if found.contrasts.iter().any(|contrast| contrast.primary) {
        let rest = found.contrasts.iter().filter(|contrast| !contrast.primary && contrast.p.is_some()).count();
        notes.push(format!(
            "The primary question is {asked}: its p stands as it is. The p of the {rest} others are Holm's, over all \
             of them."
        ));
    } else if !ground.beside_none().is_empty() {
        notes.push(format!(
            "The primary question, {asked}, was not run or is undefined on this test set: all p are Holm's."
        ));
    }
    let repetitions = ground.runs.arms.first().map_or(0, |arm| arm.fits.len());
    if !ground.beside_none().is_empty() {
        notes.push(of_generators(ground));
        if repetitions == 1 {
            notes.push(
                "One fit an arm: the chance of a fit is unknown, not 0, and in no interval. Repeat with more seeds."
                    .into(),
            );
        }
    }
    for side in ground.sides() {
        let patients = &ground.lesions.patients;
        let whose = if side.name == "truth" { "truly positive" } else { "agreed positive" };
        match (side.patients_with(true, patients), side.patients_with(false, patients)) {
            (0, _) => notes.push(format!("No test lesion is {whose}: nothing can be ranked against that label.")),
            (_, 0) => notes.push(format!("Every test lesion is {whose}: nothing can be ranked against that label.")),
            (1, _) | (_, 1) => notes.push(format!(
                "One patient alone has lesions that are, or are not, {whose}: no interval over patients can be given."
            )),
            (few, _) if few < FEW => notes.push(format!(
                "Only {few} test patients have {whose} lesions: below {FEW} intervals rest on the t distribution \
                 alone, and a difference would have to be large to be seen."
            )),
            _ => {}
        }
    }
    let defined = |part: bool, what: &str| {
        (!part).then(|| format!("{what} is undefined for some arms: their scores part the classes, or are all alike."))
    };
    notes.extend(defined(found.calibration.iter().all(|arm| arm.slope.is_some()), "The calibration slope"));
    if found.in_use.iter().any(|arm| arm.ppv.is_none()) {
        notes.push("Predictive values are undefined where an arm calls no lesion, or too few in resamples.".into());
    }
    notes
}

//! What the test side's positives can show about a change of sensitivity, at the discordance that was found.

use super::contrasts::POWER;
use super::{Ground, Side};
use crate::records::evidence::PowerRecord;
use crate::statistics::power::{detectable_gain, items_needed};

/// Gain of sensitivity for which the number of positives is given.
const TEN_POINTS: f64 = 0.10;

/// Every arm and label with positives.
pub fn beside_none(ground: &Ground<'_>) -> Vec<PowerRecord> {
    let Some(none) = ground.none() else { return vec![] };
    let mut records = Vec::new();
    for side in ground.sides() {
        let positives = side.labels.iter().filter(|label| **label).count();
        if positives == 0 {
            continue;
        }
        for (arm, name) in ground.beside_none() {
            let (discordance, effect) = discordance(ground, &side, arm, none);
            let effective = positives as f64 / effect;
            records.push(PowerRecord {
                arm: name.to_owned(),
                against: side.name.to_owned(),
                positives: positives as u64,
                patients: side.patients_with(true, &ground.lesions.patients) as u64,
                discordance,
                effective,
                detectable: detectable_gain(effective.round() as u64, discordance, POWER),
                needed_for_ten_points: items_needed(discordance, TEN_POINTS, POWER),
            });
        }
    }
    records
}

/// Share of positives on which exactly one of the two is right, mean over repetitions, and the design effect of the
/// patients on their difference: its variance by patient over that of independent lesions, both without correction for
/// few, and never below 1 (Rao & Scott, Biometrics 48:577, 1992); 1 where nothing differs.
fn discordance(ground: &Ground<'_>, side: &Side, arm: usize, none: usize) -> (f64, f64) {
    let patients = ground.unique_patients();
    let (mut discordant, mut lesions, mut effects) = (0.0, 0.0, vec![]);
    for (own, of_none) in ground.called(arm).zip(ground.called(none)) {
        let mut differences = vec![0.0; patients.len()];
        let (mut sizes, mut squares) = (vec![0.0; patients.len()], 0.0);
        let place: std::collections::HashMap<&str, usize> =
            patients.iter().enumerate().map(|(at, patient)| (*patient, at)).collect();
        for (at, patient) in ground.lesions.patients.iter().enumerate().filter(|(at, _)| side.labels[*at]) {
            let found = |(scores, threshold): (&[f64], f64)| f64::from(u8::from(scores[at] >= threshold));
            let difference: f64 = found(own) - found(of_none);
            differences[place[patient.as_str()]] += difference;
            sizes[place[patient.as_str()]] += 1.0;
            squares += difference.abs();
        }
        let n: f64 = sizes.iter().sum();
        let gain = differences.iter().sum::<f64>() / n;
        let by_patient: f64 = differences.iter().zip(&sizes).map(|(sum, size)| (sum - size * gain).powi(2)).sum();
        let independent = squares - n * gain * gain;
        if independent > 0.0 {
            effects.push((by_patient / independent).max(1.0));
        }
        discordant += squares;
        lesions += n;
    }
    let effect = if effects.is_empty() { 1.0 } else { effects.iter().sum::<f64>() / effects.len() as f64 };
    (if lesions > 0.0 { discordant / lesions } else { 0.0 }, effect)
}

//! Lesions on which exactly one of an arm and None is right, each at its own threshold.

use super::Ground;
use crate::records::Confusion;
use crate::records::evidence::{AnswersRecord, DiscordantRecord};
use crate::statistics::compare::{holm, mcnemar_exact};
use crate::statistics::sign_flip::sign_flip;

/// Every arm and label.
pub fn beside_none(ground: &Ground<'_>) -> Vec<AnswersRecord> {
    let Some(none) = ground.none() else { return vec![] };
    let mut records = Vec::new();
    for side in ground.sides() {
        for (arm, name) in ground.beside_none() {
            let mut by_patient = vec![0_i64; ground.unique_patients().len()];
            let mut per_seed = Vec::new();
            for (seed, (own, of_none)) in (0..).zip(ground.called(arm).zip(ground.called(none))) {
                let (arm_only, none_only) = discordant(own, of_none, &side.labels);
                per_seed.push(DiscordantRecord { seed, arm_only, none_only, p: mcnemar_exact(arm_only, none_only) });
                let [own, of_none] = [own, of_none].map(|(s, threshold)| ground.by_patient(s, &side.labels, threshold));
                for (sum, (own, of_none)) in by_patient.iter_mut().zip(own.iter().zip(&of_none)) {
                    *sum += right(own) - right(of_none);
                }
            }
            records.push(AnswersRecord {
                arm: name.to_owned(),
                against: side.name.to_owned(),
                per_seed,
                p_by_patient: sign_flip(&by_patient),
                p_corrected: 1.0,
            });
        }
    }
    let corrected = holm(&records.iter().map(|record| record.p_by_patient).collect::<Vec<f64>>());
    records.iter_mut().zip(corrected).for_each(|(record, p)| record.p_corrected = p);
    records
}

fn right(counts: &Confusion) -> i64 {
    (counts.true_positive + counts.true_negative) as i64
}

/// Right by the first alone, and by the second alone.
pub fn discordant(first: (&[f64], f64), second: (&[f64], f64), labels: &[bool]) -> (u64, u64) {
    let mut found = (0, 0);
    for ((a, b), label) in first.0.iter().zip(second.0).zip(labels) {
        match ((*a >= first.1) == *label, (*b >= second.1) == *label) {
            (true, false) => found.0 += 1,
            (false, true) => found.1 += 1,
            _ => {}
        }
    }
    found
}

//! An arm beside None at as many calls: more positives in training move a threshold alone, and None can do that too.
//!
//! The number of calls on the test side sets None's threshold, no label does.

use super::{Ground, total};
use crate::records::Confusion;
use crate::records::evidence::EqualCallsRecord;
use crate::statistics::bootstrap::mean;
use crate::statistics::confusion::{precision, sensitivity};

/// Every arm and label.
pub fn beside_none(ground: &Ground<'_>) -> Vec<EqualCallsRecord> {
    let Some(none) = ground.none() else { return vec![] };
    let mut records = Vec::new();
    for side in ground.sides() {
        let carriers = side.patients_with(true, &ground.lesions.patients);
        for (arm, name) in ground.beside_none() {
            let mut pairs: Vec<[Vec<Confusion>; 2]> = Vec::new();
            let (mut calls, mut none_calls) = (vec![], vec![]);
            for ((own, threshold), (of_none, none_threshold)) in ground.called(arm).zip(ground.called(none)) {
                let called = calls_at(own, threshold);
                calls.push(Some(called as f64));
                none_calls.push(Some(calls_at(of_none, none_threshold) as f64));
                let moved = threshold_for(of_none, called);
                let counts = [(own, threshold), (of_none, moved)];
                pairs.push(counts.map(|(scores, threshold)| ground.by_patient(scores, &side.labels, threshold)));
            }
            let statistics = |copies: &[u32]| -> Vec<Option<f64>> {
                let difference = |of: fn(&Confusion) -> Option<f64>| {
                    mean(
                        pairs
                            .iter()
                            .map(|[own, of_none]| Some(of(&total(own, copies))? - of(&total(of_none, copies))?)),
                    )
                };
                vec![difference(sensitivity), difference(precision)]
            };
            let drawn = ground.bootstrap().draw(2, statistics);
            records.push(EqualCallsRecord {
                arm: name.to_owned(),
                against: side.name.to_owned(),
                calls: mean(calls).unwrap_or_default(),
                none_calls: mean(none_calls).unwrap_or_default(),
                sensitivity: drawn.interval(0, carriers),
                precision: drawn.interval(1, carriers),
            });
        }
    }
    records
}

fn calls_at(scores: &[f64], threshold: f64) -> usize {
    scores.iter().filter(|score| **score >= threshold).count()
}

/// The threshold that calls as many, or, among equal scores, the number nearest to it, the fewer of two.
fn threshold_for(scores: &[f64], calls: usize) -> f64 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut best, mut off) = (f64::INFINITY, calls);
    for at in 1..=sorted.len() {
        let ends = sorted.get(at).is_none_or(|next| *next != sorted[at - 1]);
        if ends && at.abs_diff(calls) < off {
            (best, off) = (sorted[at - 1], at.abs_diff(calls));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_for_a_number_of_calls_by_hand() {
        let scores = [3.0, 1.0, 2.0, 2.0, 0.5];
        assert_eq!(threshold_for(&scores, 0), f64::INFINITY);
        assert_eq!(threshold_for(&scores, 1), 3.0);
        // Two lie between one and three calls: the fewer.
        assert_eq!(threshold_for(&scores, 2), 3.0);
        assert_eq!(threshold_for(&scores, 3), 2.0);
        assert_eq!(threshold_for(&scores, 5), 0.5);
        assert_eq!(threshold_for(&[1.0; 4], 1), f64::INFINITY);
        assert_eq!(threshold_for(&[1.0; 4], 3), 1.0);
    }
}

//! Medians of items of several patients, with intervals over patients.

use super::bootstrap::{ClusterBootstrap, numbered};
use super::order::median;
use crate::records::Interval;
use crate::seed::RunSeed;

/// The median of `items`, each its patient and its value, with the percentile interval of the patient-cluster bootstrap
/// (Efron and Tibshirani 1993, section 13.3, patients as units); `None` without items.
pub fn median_over_patients(items: &[(&str, f64)], seed: RunSeed) -> Option<Interval> {
    let patients: Vec<&str> = items.iter().map(|(patient, _)| *patient).collect();
    ClusterBootstrap::by_patient(&patients, seed).interval(|copies| median_of(items, copies))
}

/// The median of `first` minus that of `second`, both over the same draws of patients: a patient may have items in
/// either. `None` where one of them has none.
pub fn medians_apart(first: &[(&str, f64)], second: &[(&str, f64)], seed: RunSeed) -> Option<Interval> {
    let patients: Vec<&str> = first.iter().chain(second).map(|(patient, _)| *patient).collect();
    let drawn = ClusterBootstrap::by_patient(&patients, seed).draw(1, |copies| {
        let (of_first, of_second) = copies.split_at(first.len());
        let apart = || Some(median_of(first, of_first)? - median_of(second, of_second)?);
        vec![apart()]
    });
    let carriers =
        [first, second].map(|items| numbered(&items.iter().map(|(patient, _)| *patient).collect::<Vec<_>>()).1);
    drawn.interval(0, carriers[0].min(carriers[1]))
}

fn median_of(items: &[(&str, f64)], copies: &[u32]) -> Option<f64> {
    let times = |((_, value), &copies): (&(&str, f64), &u32)| std::iter::repeat_n(*value, copies as usize);
    median(items.iter().zip(copies).flat_map(times))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: RunSeed = RunSeed(7);

    /// Of two patients with a value each, a draw has the one twice, the other twice or both: 0, 10 or 5.
    #[test]
    fn of_two_patients_the_interval_reaches_from_one_to_the_other() {
        let found = median_over_patients(&[("a", 0.0), ("b", 10.0)], SEED).unwrap();
        assert_eq!((found.value, found.low, found.high, found.n), (5.0, 0.0, 10.0, 2));
    }

    /// A patient's items come and go together, so that many of them make no interval narrower.
    #[test]
    fn many_items_of_one_patient_are_no_more_evidence_than_one() {
        let many: Vec<(&str, f64)> = (0..50).map(|_| ("a", 3.0)).chain([("b", 1.0)]).collect();
        let found = median_over_patients(&many, SEED).unwrap();
        assert_eq!((found.value, found.low, found.high), (3.0, 1.0, 3.0));
        assert!(median_over_patients(&many[..50], SEED).unwrap().is_of_one());
        assert_eq!(median_over_patients(&[], SEED), None);
    }

    #[test]
    fn the_difference_of_two_medians_is_paired_where_patients_are_in_both() {
        let first = [("a", 3.0), ("b", 13.0), ("c", 8.0)];
        let second = [("a", 1.0), ("b", 11.0), ("c", 6.0)];
        let found = medians_apart(&first, &second, SEED).unwrap();
        assert_eq!((found.value, found.low, found.high), (2.0, 2.0, 2.0));
        let unpaired = [("d", 1.0), ("e", 11.0), ("f", 6.0)];
        let found = medians_apart(&first, &unpaired, SEED).unwrap();
        assert!(found.value == 2.0 && found.low < 0.0 && found.high > 4.0, "{found:?}");
        assert_eq!(medians_apart(&first, &[], SEED), None);
    }
}

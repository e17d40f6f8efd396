//! Folds by patient.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Most folds that are dealt.
const MOST: u32 = 100;

/// Deals patients to folds 0 to `folds` - 1 so that each has about as many items of interest, and then as many items:
/// in a random order those with most first, each to the fold that has least. `items` are the patient of each item and
/// whether it is of interest.
///
/// # Errors
/// Fewer than two folds, or fewer patients than folds.
pub fn deal<'a>(
    items: impl Iterator<Item = (&'a str, bool)>,
    folds: u32,
    seed: RunSeed,
) -> Result<BTreeMap<&'a str, u32>> {
    if !(2..=MOST).contains(&folds) {
        return Err(Problem::usage(format!("--folds {folds}")).expected(format!("2 to {MOST}")));
    }
    let mut counts: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    for (patient, of_interest) in items {
        let [interest, all] = counts.entry(patient).or_default();
        *interest += u64::from(of_interest);
        *all += 1;
    }
    if counts.len() < folds as usize {
        return Err(Problem::usage(format!("--folds {folds} of {} patients", counts.len()))
            .expected("at least one patient a fold: all items of a patient are in one"));
    }
    let mut patients: Vec<(&str, [u64; 2])> = counts.into_iter().collect();
    patients.shuffle(&mut seed.stream("folds of an export", 0));
    patients.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    // Every patient has an item, so that an empty fold is the least filled among those that are alike in interest.
    let mut filled = vec![[0u64; 2]; folds as usize];
    let mut fold_of = BTreeMap::new();
    for (patient, [interest, all]) in patients {
        let least = (0..filled.len()).min_by_key(|&fold| filled[fold]).unwrap_or_default();
        filled[least][0] += interest;
        filled[least][1] += all;
        fold_of.insert(patient, least as u32);
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirteen patients with 1 to 13 items, of which every third is of interest.
    fn items() -> Vec<(String, bool)> {
        (0..13)
            .flat_map(|patient| (0..=patient).map(move |item| (format!("sub-{patient:02}"), item % 3 == 2)))
            .collect()
    }

    fn dealt(folds: u32, seed: u64) -> BTreeMap<String, u32> {
        let items = items();
        let own = items.iter().map(|(patient, interest)| (patient.as_str(), *interest));
        let dealt = deal(own, folds, RunSeed(seed)).unwrap();
        dealt.into_iter().map(|(patient, fold)| (patient.to_owned(), fold)).collect()
    }

    #[test]
    fn every_fold_has_its_share_of_patients_and_of_interest() {
        for folds in [2, 3, 5, 13] {
            let dealt = dealt(folds, 7);
            assert_eq!(dealt.len(), 13);
            let mut interest = vec![0; folds as usize];
            for (patient, of_interest) in items() {
                interest[dealt[&patient] as usize] += i32::from(of_interest);
            }
            let patients = |fold| dealt.values().filter(|other| **other == fold).count();
            assert!((0..folds).all(|fold| patients(fold) > 0), "{folds}: {dealt:?}");
            if folds < 13 {
                let (least, most) = (interest.iter().min().unwrap(), interest.iter().max().unwrap());
                assert!(most - least <= 1, "{folds}: {interest:?}");
            }
        }
    }

    #[test]
    fn a_deal_is_of_its_seed_and_cannot_be_of_fewer_patients_than_folds() {
        assert_eq!(dealt(5, 1), dealt(5, 1));
        // Patients who are alike are dealt as the stream has them.
        let alike: Vec<String> = (0..10).map(|patient| format!("sub-{patient}")).collect();
        let of = |seed| deal(alike.iter().map(|patient| (patient.as_str(), true)), 2, RunSeed(seed)).unwrap();
        assert!(of(1) == of(1) && (2..9).any(|seed| of(seed) != of(1)));
        let one = [("a", true), ("a", false), ("b", false)];
        assert!(deal(one.into_iter(), 3, RunSeed(0)).unwrap_err().to_string().contains("3 of 2 patients"));
        assert!(deal(one.into_iter(), 1, RunSeed(0)).is_err());
        assert_eq!(deal(one.into_iter(), 2, RunSeed(0)).unwrap().len(), 2);
    }
}

//! What a cohort holds, counted: votes, agreement, rims per patient, and how the votes relate to the truth.

use std::collections::BTreeMap;

use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::{CohortRecord, TruthCounts};
use crate::statistics::agreement::VoteTable;

/// A lesion as the summary sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LesionVotes<'a> {
    /// "sub-001".
    pub participant: &'a str,
    /// First and second reader say rim.
    pub votes: (bool, bool),
    /// Known only where the cohort was simulated.
    pub true_rim: Option<bool>,
}

/// Counts of a cohort; preset, seed, gates and gallery are left empty.
///
/// # Errors
/// When kappa is undefined: no lesion, or both readers give the same one answer to all.
pub fn summarise(patients: &[&str], lesions: &[LesionVotes]) -> Result<CohortRecord> {
    let table = VoteTable::from_votes(lesions.iter().map(|lesion| lesion.votes));
    let kappa = table.kappa().ok_or_else(|| {
        let found = if lesions.is_empty() { "no lesion" } else { "both readers give every lesion the same answer" };
        Problem::new(Kind::Input, found).expected("lesions with and without a rim in the readers' eyes")
    })?;
    let mut rims: BTreeMap<&str, u64> = patients.iter().map(|&id| (id, 0)).collect();
    for lesion in lesions.iter().filter(|lesion| lesion.votes == (true, true)) {
        *rims.entry(lesion.participant).or_default() += 1;
    }
    let mut rims_per_patient = BTreeMap::new();
    for rims in rims.values() {
        *rims_per_patient.entry(*rims).or_default() += 1;
    }
    let count = |wanted: &dyn Fn((bool, bool)) -> bool| {
        lesions.iter().filter(|lesion| lesion.true_rim == Some(true) && wanted(lesion.votes)).count() as u64
    };
    let truth = lesions.iter().all(|lesion| lesion.true_rim.is_some()).then(|| TruthCounts {
        rims: count(&|_| true),
        agreed_true: count(&|votes| votes == (true, true)),
        ambiguous_true: count(&|votes| votes.0 != votes.1),
        missed_by_both: count(&|votes| votes == (false, false)),
    });
    Ok(CohortRecord {
        simulated: truth.is_some(),
        preset: None,
        seed: None,
        patients: rims.len() as u64,
        lesions: lesions.len() as u64,
        agreed_rims: table.both,
        ambiguous: table.disputed(),
        non_rims: table.neither,
        reader1_rims: table.both + table.first_only,
        reader2_rims: table.both + table.second_only,
        kappa,
        rims_per_patient: rims_per_patient.into_iter().collect(),
        truth,
        gates: Vec::new(),
        gallery: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesion(participant: &str, first: u8, second: u8, truth: u8) -> LesionVotes<'_> {
        LesionVotes { participant, votes: (first == 1, second == 1), true_rim: Some(truth == 1) }
    }

    #[test]
    fn counts_by_hand() {
        let lesions = [
            lesion("a", 1, 1, 1),
            lesion("a", 1, 1, 0),
            lesion("a", 0, 1, 1),
            lesion("b", 1, 0, 0),
            lesion("b", 0, 0, 1),
            lesion("b", 0, 0, 0),
        ];
        let record = summarise(&["a", "b", "c"], &lesions).unwrap();
        assert_eq!((record.patients, record.lesions), (3, 6));
        assert_eq!((record.agreed_rims, record.ambiguous, record.non_rims), (2, 2, 2));
        assert_eq!((record.reader1_rims, record.reader2_rims), (3, 3));
        assert_eq!(record.rims_per_patient, [(0, 2), (2, 1)]);
        let truth = TruthCounts { rims: 3, agreed_true: 1, ambiguous_true: 1, missed_by_both: 1 };
        assert_eq!(record.truth, Some(truth));
        // Observed 4/6, by chance 1/2: (2/3 - 1/2) / (1/2).
        assert!((record.kappa - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn one_answer_to_all_has_no_kappa() {
        assert!(summarise(&["a"], &[lesion("a", 0, 0, 0)]).is_err());
    }
}

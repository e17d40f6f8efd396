//! From judged patients to numbers with intervals over patients.

use std::collections::BTreeMap;

use super::config::TumoursConfig;
use super::judge::Judged;
use super::material::HeldPatient;
use super::regions::Region;
use super::runs::ArmRuns;
use crate::records::Interval;
use crate::records::tumours::{Group, TumourDice};
use crate::seed::RunSeed;
use crate::segment::compare::share;
use crate::statistics::bootstrap::{ClusterBootstrap, mean};

/// Dice of every arm on each group of patients, and the differences from the arm at the place `reference`.
pub fn compare(
    runs: &[ArmRuns],
    reference: Option<usize>,
    patients: &[HeldPatient],
    (config, seed): (&TumoursConfig, RunSeed),
) -> Vec<BTreeMap<Group, TumourDice>> {
    let mut tables = vec![BTreeMap::new(); runs.len()];
    for (number, group) in (0..).zip(Group::ALL) {
        let own: Vec<usize> = (0..patients.len()).filter(|&at| (Group::Rare == group) == patients[at].rare).collect();
        if own.is_empty() {
            continue;
        }
        let judged: Vec<Vec<Vec<Judged>>> = runs
            .iter()
            .map(|run| run.judged.iter().map(|judged| own.iter().map(|&at| judged[at]).collect()).collect())
            .collect();
        let seed = seed.child("tumours intervals", number);
        for (table, dice) in tables.iter_mut().zip(of_group(&judged, reference, (config, seed))) {
            table.insert(group, dice);
        }
    }
    tables
}

/// Of one group; `judged` \[arms\]\[repetitions\]\[patients\]. The patients of a draw are the same for all arms and
/// regions, so that differences are paired.
fn of_group(
    judged: &[Vec<Vec<Judged>>],
    reference: Option<usize>,
    (config, seed): (&TumoursConfig, RunSeed),
) -> Vec<TumourDice> {
    let first = judged.iter().flatten().next().map_or(&[][..], Vec::as_slice);
    let patients: Vec<usize> = (0..first.len()).collect();
    let regions = Region::ALL.len();
    let one = |fits: &[Vec<Judged>], region: usize, copies: &[u32]| {
        mean(fits.iter().map(|fit| share(fit.iter().map(|dice| dice[region]), copies)))
    };
    let statistics = |copies: &[u32]| -> Vec<Option<f64>> {
        let own: Vec<Option<f64>> =
            judged.iter().flat_map(|fits| (0..regions).map(move |region| one(fits, region, copies))).collect();
        let less = |at: usize| Some(own[at]? - own[reference? * regions + at % regions]?);
        let differences: Vec<Option<f64>> = (0..own.len()).map(less).collect();
        own.into_iter().chain(differences).collect()
    };
    let count = judged.len() * regions;
    let bootstrap = ClusterBootstrap::by_patient(&patients, seed).draws(config.draws);
    let drawn = bootstrap.draw(2 * count, statistics);
    let with = |region: usize| first.iter().filter(|dice| dice[region].is_some()).count();
    let table = |from: usize| -> BTreeMap<String, Interval> {
        let named = (0..).zip(Region::ALL);
        named.filter_map(|(at, region)| Some((region.key(), drawn.interval(from + at, with(at))?))).collect()
    };
    let by_seed = |fits: &[Vec<Judged>], region: usize| -> Vec<f64> {
        let once = vec![1; patients.len()];
        fits.iter().filter_map(|fit| share(fit.iter().map(|dice| dice[region]), &once)).collect()
    };
    let arm = |at: usize| TumourDice {
        dice: table(at * regions),
        differences: if reference.is_some_and(|from| from != at) {
            table(count + at * regions)
        } else {
            BTreeMap::new()
        },
        by_seed: (0..).zip(Region::ALL).map(|(number, region)| (region.key(), by_seed(&judged[at], number))).collect(),
    };
    (0..judged.len()).map(arm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tumours::arms::Arm;
    use crate::tumours::material::ArmSet;
    use approx::assert_abs_diff_eq;

    /// Patient by patient the whole tumour of two rare patients and a frequent one; nobody's tumour enhances but one.
    fn run(arm: Arm, fits: &[[f64; 3]]) -> ArmRuns {
        let judged = |fit: &[f64; 3]| {
            let enhancing = [None, Some(0.5), None];
            (0..3).map(|at| [Some(fit[at]), None, enhancing[at]]).collect()
        };
        let judged = fits.iter().map(judged).collect();
        ArmRuns { arm, set: ArmSet { real: vec![], added: vec![] }, judged }
    }

    #[test]
    fn means_are_of_patients_with_the_region_and_differences_are_paired() {
        let patient = |name: &str, rare| HeldPatient { name: name.into(), rare, rows: vec![] };
        let patients = [patient("a", true), patient("b", true), patient("c", false)];
        let runs = [
            run(Arm::Frequent, &[[0.2, 0.6, 0.9], [0.4, 0.8, 0.9]]),
            run(Arm::FrequentSynthetic, &[[0.3, 0.7, 0.8], [0.5, 0.9, 0.8]]),
        ];
        let config = TumoursConfig { draws: 200, ..TumoursConfig::default() };
        let tables = compare(&runs, Some(0), &patients, (&config, RunSeed(1)));
        let rare = &tables[0][&Group::Rare];
        assert_abs_diff_eq!(rare.dice["whole"].value, 0.5, epsilon = 1e-12);
        assert!(rare.dice["whole"].low < 0.4 && rare.dice["whole"].high > 0.6 && rare.dice["whole"].n == 2);
        assert!(rare.differences.is_empty() && !rare.dice.contains_key("core"));
        assert_eq!(rare.dice["enhancing"].value, 0.5);
        assert_eq!(rare.by_seed["core"], [0f64; 0]);
        rare.by_seed["whole"].iter().zip([0.4, 0.6]).for_each(|(a, b)| assert_abs_diff_eq!(*a, b, epsilon = 1e-12));
        // Each patient gains a tenth, so every draw does.
        let gain = &tables[1][&Group::Rare].differences["whole"];
        [gain.value, gain.low, gain.high].iter().for_each(|value| assert_abs_diff_eq!(*value, 0.1, epsilon = 1e-12));
        assert_abs_diff_eq!(tables[1][&Group::Frequent].differences["whole"].value, -0.1, epsilon = 1e-12);
        let without = compare(&runs, None, &patients[..2], (&config, RunSeed(1)));
        assert!(without[1][&Group::Rare].differences.is_empty() && !without[1].contains_key(&Group::Frequent));
    }
}

//! The arms side by side where no class is of interest: each class against the rest, all of them together, and who is
//! taken for what. Contested test lesions are left out: no answer about them is right or wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::arms::Arm;
use super::compare::Comparison;
use super::config::ClassifyConfig;
use super::runs::{ArmRuns, Runs};
use crate::data::manifest::Manifest;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::classes::Classes;
use crate::records::classify::{
    ArmByClass, ArmRecord, ClassSeedScores, DifferenceRecord, OneAgainstRest, TestSetRecord,
};
use crate::records::prepare::ClassCount;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::{ClusterBootstrap, mean};
use crate::statistics::multiclass::{ByClass, ONE_AGAINST_REST, OVERALL};
use crate::statistics::proportion;

/// Overall metrics whose difference from the None arm is given.
const DIFFERENCES: [&str; 3] = ["macro_auroc", "macro_auprc", "balanced_accuracy"];

/// The test lesions in the order of the scores.
#[derive(Clone, Debug)]
pub struct TestItems {
    /// The group of each, the unit that is resampled.
    pub groups: Vec<String>,
    /// The number of each one's class; `None` where it is contested.
    pub labels: Vec<Option<usize>>,
    /// What they are told apart by.
    pub classes: Classes,
}

impl TestItems {
    /// `lesions` index the manifest.
    pub fn new(lesions: &[u32], manifest: &Manifest) -> Self {
        let entry = |&at: &u32| &manifest.lesions[at as usize];
        Self {
            groups: lesions.iter().map(|at| entry(at).patient.clone()).collect(),
            labels: lesions.iter().map(|at| manifest.classes.number(&entry(at).class)).collect(),
            classes: manifest.classes.clone(),
        }
    }

    /// The counts.
    pub fn record(&self) -> TestSetRecord {
        let count = |label| self.labels.iter().filter(|found| **found == label).count() as u64;
        let class =
            |(number, class): (usize, &_)| ClassCount { class: Clone::clone(class), items: count(Some(number)) };
        TestSetRecord {
            patients: self.groups.iter().collect::<BTreeSet<_>>().len() as u64,
            lesions: self.labels.len() as u64,
            rims: 0,
            ambiguous: count(None),
            non_rims: 0,
            prevalence: 0.0,
            true_prevalence: None,
            classes: self.classes.names.iter().enumerate().map(class).collect(),
        }
    }

    /// Those whose class is agreed: their places, classes and groups.
    fn agreed(&self) -> Agreed<'_> {
        let places: Vec<usize> = (0..self.labels.len()).filter(|&at| self.labels[at].is_some()).collect();
        Agreed {
            labels: self.labels.iter().copied().flatten().collect(),
            groups: places.iter().map(|&at| self.groups[at].as_str()).collect(),
            places,
        }
    }
}

struct Agreed<'a> {
    places: Vec<usize>,
    labels: Vec<usize>,
    groups: Vec<&'a str>,
}

/// All numbers of one repetition on one resample: each class against the rest, class by class, then the overall ones.
fn numbers(found: &ByClass, copies: &[u32]) -> Vec<Option<f64>> {
    let each = found.one_against_rest(copies);
    let overall = found.overall(&each, copies);
    each.into_iter().flatten().chain(overall).collect()
}

/// Scores all arms.
///
/// # Errors
/// A score that is not a number, or an arm that does not fit the classes.
pub fn compare(runs: &Runs, test: &TestItems, config: &ClassifyConfig, seed: RunSeed) -> Result<Comparison> {
    let agreed = test.agreed();
    let repetitions = |arm: &ArmRuns| -> Result<Vec<ByClass>> {
        let own = |scores: &Vec<f64>| agreed.places.iter().map(|&at| scores[at]).collect();
        let one = |scores: &Vec<Vec<f64>>| ByClass::new(&scores.iter().map(own).collect::<Vec<_>>(), &agreed.labels);
        arm.fits.iter().map(|fit| one(&fit.test)).collect()
    };
    let scored: Vec<Vec<ByClass>> = runs.arms.iter().map(repetitions).collect::<Result<_>>()?;
    let count = test.classes.count();
    let per_arm = count * ONE_AGAINST_REST.len() + OVERALL.len();
    let pairs = pairs(runs, count);

    // One vector a draw, so that everything is paired over the same groups: arms x numbers, then differences.
    let statistics = |copies: &[u32]| -> Vec<Option<f64>> {
        let mut values: Vec<Option<f64>> = Vec::with_capacity(scored.len() * per_arm + pairs.len());
        for arm in &scored {
            let each: Vec<Vec<Option<f64>>> = arm.iter().map(|one| numbers(one, copies)).collect();
            values.extend((0..per_arm).map(|number| mean(each.iter().map(|values| values[number]))));
        }
        let difference =
            |pair: &Pair| Some(values[pair.arm * per_arm + pair.at]? - values[pair.none * per_arm + pair.at]?);
        let differences: Vec<Option<f64>> = pairs.iter().map(difference).collect();
        values.extend(differences);
        values
    };
    let bootstrap =
        ClusterBootstrap::by_patient(&agreed.groups, seed.child("test patients", 0)).draws(config.bootstrap_draws);
    let intervals = bootstrap.intervals(scored.len() * per_arm + pairs.len(), statistics);

    let arms = runs.arms.iter().enumerate().map(|(at, arm)| {
        let own = &intervals[at * per_arm..(at + 1) * per_arm];
        arm_record(arm, &test.classes, by_class(own, &scored[at], &test.classes, &agreed))
    });
    let differences = pairs.iter().zip(&intervals[scored.len() * per_arm..]).filter_map(|(pair, interval)| {
        Some(DifferenceRecord {
            arm: runs.arms[pair.arm].arm.name().to_owned(),
            metric: pair.metric.to_owned(),
            against: "labels".into(),
            difference: interval.clone()?,
        })
    });
    Ok(Comparison { arms: arms.collect::<Result<_>>()?, differences: differences.collect(), evidence: None })
}

/// An overall metric of an arm beside the same of the None arm.
struct Pair {
    arm: usize,
    none: usize,
    /// Place among an arm's numbers.
    at: usize,
    metric: &'static str,
}

fn pairs(runs: &Runs, classes: usize) -> Vec<Pair> {
    let Some(none) = runs.arms.iter().position(|arm| arm.arm == Arm::None) else { return vec![] };
    let first = classes * ONE_AGAINST_REST.len();
    let metrics = || (first..).zip(OVERALL).filter(|(_, metric)| DIFFERENCES.contains(metric));
    let others = (0..runs.arms.len()).filter(|arm| *arm != none);
    others.flat_map(|arm| metrics().map(move |(at, metric)| Pair { arm, none, at, metric })).collect()
}

fn arm_record(arm: &ArmRuns, classes: &Classes, by_class: ArmByClass) -> Result<ArmRecord> {
    let slices = arm.sets[0].slices_by_origin();
    Ok(ArmRecord {
        name: arm.arm.name().to_owned(),
        description: format!("{}: {}", arm.arm.about(classes)?, arm.sets[0].lesions_text(classes)),
        training_slices: slices.into_iter().map(|(origin, count)| (origin.name(classes), count)).collect(),
        per_seed: vec![],
        against_readers: BTreeMap::new(),
        against_truth: BTreeMap::new(),
        extra_label_precision: None,
        by_class: Some(by_class),
    })
}

fn by_class(own: &[Option<Interval>], repetitions: &[ByClass], classes: &Classes, agreed: &Agreed<'_>) -> ArmByClass {
    let once = &vec![1; agreed.labels.len()];
    let recalls = recalls(repetitions, agreed, classes.count());
    let named = |names: &[&str], values: &[Option<Interval>]| -> BTreeMap<String, Interval> {
        let pairs = names.iter().zip(values);
        pairs.filter_map(|(name, interval)| Some(((*name).to_owned(), interval.clone()?))).collect()
    };
    let (each, overall) = own.split_at(classes.count() * ONE_AGAINST_REST.len());
    let one = |((class, values), recall): ((&_, &[Option<Interval>]), Option<Interval>)| OneAgainstRest {
        class: Clone::clone(class),
        metrics: named(&ONE_AGAINST_REST, values),
        recall,
    };
    let seed = |(seed, found): (u64, &ByClass)| {
        let values = found.overall(&found.one_against_rest(once), once);
        let defined = OVERALL.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?)));
        ClassSeedScores { seed, overall: defined.collect(), confusion: found.confusion(once) }
    };
    ArmByClass {
        overall: named(&OVERALL, overall),
        classes: classes.names.iter().zip(each.chunks(ONE_AGAINST_REST.len())).zip(recalls).map(one).collect(),
        per_seed: (0..).zip(repetitions).map(seed).collect(),
    }
}

/// Of each class the share of its items that are taken for it, on the mean over the repetitions.
fn recalls(repetitions: &[ByClass], agreed: &Agreed<'_>, classes: usize) -> Vec<Option<Interval>> {
    let right: Vec<Vec<bool>> = repetitions.iter().map(ByClass::right).collect();
    let share = |item: usize| right.iter().filter(|found| found[item]).count() as f64 / right.len() as f64;
    let of = |class: usize| {
        let own = (0..agreed.labels.len()).filter(|&item| agreed.labels[item] == class);
        proportion::clustered_means(own.map(|item| (agreed.groups[item], share(item))))
    };
    (0..classes).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::config::Width;
    use crate::classify::fit::Plan;
    use crate::classify::material::tests::three_classes;
    use crate::classify::runs::Fitted;
    use crate::records::classes::Class;

    /// 30 groups with a lesion of each of three classes and a contested one.
    fn items() -> TestItems {
        TestItems {
            groups: (0..120).map(|at| format!("lesion {}", at / 4)).collect(),
            labels: (0..120).map(|at| [Some(0), Some(1), Some(2), None][at % 4]).collect(),
            classes: Classes {
                names: ["bcc", "mel", "nv"].map(Class::new).to_vec(),
                contested: Some(Class::AMBIGUOUS),
                of_interest: None,
            },
        }
    }

    /// `lost` groups' second class is taken for the third.
    fn runs(lost: [usize; 2]) -> Runs {
        let score = |class: usize, at: usize, lost: usize| {
            let answer = match at % 4 {
                1 if at / 4 < lost => 2,
                3 => 0,
                own => own,
            };
            f64::from(u8::from(answer == class)) + at as f64 * 1e-4
        };
        let arm = |arm: Arm, lost: usize| ArmRuns {
            arm,
            sets: vec![arm.compose(&three_classes().select(0, RunSeed(0), 0, 2.0).unwrap(), 12); 2],
            fits: vec![
                Fitted {
                    validation: vec![],
                    test: (0..3).map(|class| (0..120).map(|at| score(class, at, lost)).collect()).collect(),
                };
                2
            ],
            generators: 1,
        };
        let classifier = Width::Small.classifier(1).of_classes(3);
        let plan = Plan { classifier, steps: 1, batch: 12, learning_rate: 1e-3 };
        Runs {
            plan,
            arms: vec![arm(Arm::None, lost[0]), arm(Arm::Oversample, lost[1])],
            computed_with: vec![],
            files: vec![],
        }
    }

    fn compared(lost: [usize; 2]) -> Comparison {
        let config = ClassifyConfig { bootstrap_draws: 200, ..Default::default() };
        compare(&runs(lost), &items(), &config, RunSeed(1)).unwrap()
    }

    #[test]
    fn the_record_holds_every_class_against_the_rest_and_who_is_taken_for_what() {
        let arm = &compared([6, 0]).arms[0];
        let found = arm.by_class.as_ref().unwrap();
        assert_eq!(found.per_seed.len(), 2);
        assert_eq!(found.per_seed[1].confusion, [[30, 0, 0], [0, 24, 6], [0, 0, 30]]);
        let of = |class: usize, metric: &str| found.classes[class].metrics[metric].clone();
        assert_eq!((found.classes[1].class.name(), of(1, "sensitivity").value), ("mel", 0.8));
        assert_eq!(found.classes[1].recall, proportion::wilson(24, 30));
        assert_eq!((of(2, "precision").value, of(2, "specificity").value), (30.0 / 36.0, 0.9));
        assert_eq!((of(0, "auroc").value, of(0, "auroc").n), (1.0, 30));
        assert_eq!(found.overall["accuracy"].value, 84.0 / 90.0);
        approx::assert_abs_diff_eq!(found.overall["balanced_accuracy"].value, 2.8 / 3.0, epsilon = 1e-12);
        assert!(found.overall["balanced_accuracy"].low < 2.8 / 3.0);
        assert!(arm.per_seed.is_empty() && arm.against_readers.is_empty());
        assert!(arm.description.contains("12 real bcc, 6 real mel, 2 real nv"), "{}", arm.description);
        let test = items().record();
        assert_eq!((test.lesions, test.ambiguous, test.patients), (120, 30, 30));
        assert_eq!(test.classes[2], ClassCount { class: Class::new("nv"), items: 30 });
    }

    #[test]
    fn differences_are_paired_and_from_none() {
        let found = compared([6, 0]);
        let metrics: Vec<&str> = found.differences.iter().map(|difference| difference.metric.as_str()).collect();
        assert_eq!(metrics, ["macro_auroc", "macro_auprc", "balanced_accuracy"]);
        let balanced = &found.differences[2];
        assert_eq!((balanced.arm.as_str(), balanced.against.as_str()), ("Oversample", "labels"));
        approx::assert_abs_diff_eq!(balanced.difference.value, 0.2 / 3.0, epsilon = 1e-12);
        assert!(balanced.difference.low > 0.0);
        let same = compared([6, 6]);
        assert!(same.differences.iter().all(|d| d.difference.low == 0.0 && d.difference.high == 0.0));
    }
}

//! The arms side by side where a class is of interest: every metric with its interval over patients, seeds averaged,
//! and differences from the None arm.

use std::collections::{BTreeMap, BTreeSet};

use super::arms::Arm;
use super::config::ClassifyConfig;
use super::evidence::{self, Contrasts, Ground};
use super::label_tables::{Against, Table};
use super::material::Origin;
use super::runs::{ArmRuns, Runs};
use super::scores::Scored;
use super::test_lesions::TestLesions;
use super::training_set::{Example, TrainingSet};
use crate::problem::Result;
use crate::records::classes::Classes;
use crate::records::classify::{ArmRecord, DifferenceRecord, SeedScores};
use crate::records::evidence::EvidenceRecord;
use crate::records::{Confusion, Interval};
use crate::seed::RunSeed;
use crate::statistics::bootstrap::{ClusterBootstrap, Drawn, mean};
use crate::statistics::confusion::positives;
use crate::statistics::proportion::wilson;

/// Metrics whose difference from the None arm is given.
const DIFFERENCES: [&str; 3] = ["auprc", "auroc", "balanced_accuracy"];

/// What scores are held against.
#[derive(Clone, Copy, Debug)]
pub struct Yardstick<'a> {
    /// The test side.
    pub lesions: &'a TestLesions,
    /// As in [`TestLesions::new`], for the labels of added lesions.
    pub truth: Option<&'a [bool]>,
    /// Logarithm of the share of the training side's other lesions that fits see.
    pub log_kept: f64,
}

/// One arm's repetitions scored against one table's labels.
type ScoredRepetitions = Vec<Scored>;

/// What the comparison found.
#[derive(Debug)]
pub struct Comparison {
    /// In the order of the runs.
    pub arms: Vec<ArmRecord>,
    /// From the None arm.
    pub differences: Vec<DifferenceRecord>,
    /// Where a class is of interest.
    pub evidence: Option<EvidenceRecord>,
}

/// Scores all arms. `thresholds[arm][repetition]`.
///
/// # Errors
/// A score that is not a number.
pub fn compare(
    runs: &Runs,
    thresholds: &[Vec<f64>],
    yardstick: Yardstick<'_>,
    config: &ClassifyConfig,
    seed: RunSeed,
) -> Result<Comparison> {
    let Yardstick { lesions, truth, log_kept } = yardstick;
    let tables = Table::all(lesions, config.reference_prevalence);
    let scored = runs.arms.iter().zip(thresholds).map(|(arm, thresholds)| score(arm, thresholds, &tables));
    let scored = scored.collect::<Result<_>>()?;
    let names: Vec<Vec<String>> = tables.iter().map(Table::names).collect();
    let baseline = runs.arms.iter().position(|arm| arm.arm == Arm::None);
    let pairs = pairs(&tables, &names, runs, baseline);
    let per_arm = names.iter().map(Vec::len).sum();
    let carriers: Vec<Vec<usize>> = tables.iter().map(|table| table.carriers(&lesions.patients)).collect();
    let scores = Scores { runs, thresholds, tables, names, per_arm, scored, pairs, carriers };
    let patients = seed.child("test patients", 0);
    let bootstrap = ClusterBootstrap::by_patient(&lesions.patients, patients).draws(config.bootstrap_draws);
    let drawn = bootstrap.draw(scores.count(), |copies| scores.values(copies));
    let intervals = scores.intervals(&drawn);
    let ground = Ground { runs, thresholds, lesions, config, patients, log_kept };
    let evidence = Some(evidence::evidence(&ground, &scores.contrasts(&drawn))?);

    let (own, of_pairs) = intervals.split_at(runs.arms.len() * per_arm);
    let arms = own.chunks(per_arm).enumerate().map(|(arm, own)| scores.record(arm, own, &lesions.classes, truth));
    Ok(Comparison { arms: arms.collect::<Result<_>>()?, differences: scores.differences(of_pairs), evidence })
}

/// Every arm against every table. Values stand in one order everywhere: arms x tables x metrics, then the differences
/// of the means over repetitions, then those of each repetition, one after the other.
struct Scores<'a> {
    runs: &'a Runs,
    /// By arm and repetition.
    thresholds: &'a [Vec<f64>],
    tables: Vec<Table>,
    /// Keys of each table.
    names: Vec<Vec<String>>,
    /// Values of an arm.
    per_arm: usize,
    /// By arm and table.
    scored: Vec<Vec<ScoredRepetitions>>,
    pairs: Vec<Pair>,
    /// Of each table's values.
    carriers: Vec<Vec<usize>>,
}

impl Scores<'_> {
    fn count(&self) -> usize {
        self.scored.len() * self.per_arm + self.pairs.len() * (1 + self.repetitions())
    }

    /// The same number for every arm.
    fn repetitions(&self) -> usize {
        self.runs.arms.first().map_or(0, |arm| arm.fits.len())
    }

    /// Of arms and pairs.
    fn intervals(&self, drawn: &Drawn) -> Vec<Option<Interval>> {
        let of_arm: Vec<usize> = self.carriers.concat();
        let own = (0..self.scored.len()).flat_map(|_| of_arm.iter().copied());
        let carriers: Vec<usize> = own.chain(self.pairs.iter().map(|pair| of_arm[pair.at])).collect();
        carriers.into_iter().enumerate().map(|(which, carriers)| drawn.interval(which, carriers)).collect()
    }

    /// The pairs with all that is known of each repetition.
    fn contrasts<'a>(&self, drawn: &'a Drawn) -> Contrasts<'a> {
        let of_arm: Vec<usize> = self.carriers.concat();
        let pair = |pair: &Pair| evidence::Contrast {
            arm: pair.arm,
            metric: pair.metric.clone(),
            against: pair.against.name(),
            carriers: of_arm[pair.at],
        };
        Contrasts {
            pairs: self.pairs.iter().map(pair).collect(),
            drawn,
            first: self.scored.len() * self.per_arm + self.pairs.len(),
            repetitions: self.repetitions(),
        }
    }

    /// One vector a resample, so that everything is paired over the same patients.
    fn values(&self, copies: &[u32]) -> Vec<Option<f64>> {
        let mut values: Vec<Option<f64>> = Vec::with_capacity(self.count());
        // By arm, repetition and place among an arm's values.
        let mut alone: Vec<Vec<Vec<Option<f64>>>> = Vec::new();
        for arm in &self.scored {
            let mut own = vec![Vec::with_capacity(self.per_arm); self.repetitions()];
            for (table, repetitions) in self.tables.iter().zip(arm) {
                let each: Vec<Vec<Option<f64>>> = repetitions.iter().map(|one| table.values(one, copies)).collect();
                values.extend((0..each[0].len()).map(|metric| mean(each.iter().map(|values| values[metric]))));
                own.iter_mut().zip(each).for_each(|(own, each)| own.extend(each));
            }
            alone.push(own);
        }
        let of = |arm: usize, at: usize| values[arm * self.per_arm + at];
        let differences = self.pairs.iter().map(|pair| Some(of(pair.arm, pair.at)? - of(pair.none, pair.at)?));
        let differences: Vec<_> = differences.collect();
        values.extend(differences);
        for pair in &self.pairs {
            let one = |repetition: usize| {
                Some(alone[pair.arm][repetition][pair.at]? - alone[pair.none][repetition][pair.at]?)
            };
            values.extend((0..self.repetitions()).map(one));
        }
        values
    }

    /// Of the arm at place `at`, whose intervals are `own`.
    fn record(
        &self,
        at: usize,
        own: &[Option<Interval>],
        classes: &Classes,
        truth: Option<&[bool]>,
    ) -> Result<ArmRecord> {
        let arm = &self.runs.arms[at];
        let slices = arm.sets[0].slices_by_origin();
        Ok(ArmRecord {
            name: arm.arm.name().to_owned(),
            description: format!("{}: {}", arm.arm.about(classes)?, arm.sets[0].lesions_text(classes)),
            training_slices: slices.into_iter().map(|(origin, count)| (origin.name(classes), count)).collect(),
            per_seed: per_seed(&self.scored[at], &self.tables, &self.names, &self.thresholds[at]),
            against_readers: collect(own, &self.tables, &self.names, Against::Readers),
            against_truth: collect(own, &self.tables, &self.names, Against::Truth),
            extra_label_precision: truth.and_then(|truth| added_precision(arm, truth)),
            by_class: None,
        })
    }

    fn differences(&self, intervals: &[Option<Interval>]) -> Vec<DifferenceRecord> {
        let record = |(pair, interval): (&Pair, &Option<Interval>)| {
            Some(DifferenceRecord {
                arm: self.runs.arms[pair.arm].arm.name().to_owned(),
                metric: pair.metric.clone(),
                against: pair.against.name().to_owned(),
                difference: interval.clone()?,
            })
        };
        self.pairs.iter().zip(intervals).filter_map(record).collect()
    }
}

fn score(arm: &ArmRuns, thresholds: &[f64], tables: &[Table]) -> Result<Vec<ScoredRepetitions>> {
    let repetitions = |table: &Table| {
        arm.fits
            .iter()
            .zip(thresholds)
            .map(|(fit, threshold)| Scored::new(&fit.test[0], &table.labels, *threshold))
            .collect()
    };
    tables.iter().map(repetitions).collect()
}

/// A metric of an arm beside the same of the None arm.
struct Pair {
    arm: usize,
    none: usize,
    /// Place of the metric among an arm's values.
    at: usize,
    metric: String,
    against: Against,
}

fn pairs(tables: &[Table], names: &[Vec<String>], runs: &Runs, baseline: Option<usize>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let Some(none) = baseline else { return pairs };
    for arm in (0..runs.arms.len()).filter(|arm| *arm != none) {
        let mut at = 0;
        for (table, names) in tables.iter().zip(names) {
            for name in names {
                if table.prefix.is_empty() && DIFFERENCES.contains(&name.as_str()) {
                    pairs.push(Pair { arm, none, at, metric: name.clone(), against: table.against });
                }
                at += 1;
            }
        }
    }
    pairs
}

/// The defined intervals of one label, by key.
fn collect(
    own: &[Option<Interval>],
    tables: &[Table],
    names: &[Vec<String>],
    against: Against,
) -> BTreeMap<String, Interval> {
    let keys = tables.iter().zip(names).flat_map(|(table, names)| names.iter().map(|name| (table.against, name)));
    let wanted = keys.zip(own).filter(|((of, _), _)| *of == against);
    wanted.filter_map(|((_, name), interval)| Some((name.clone(), interval.clone()?))).collect()
}

fn per_seed(
    scored: &[ScoredRepetitions],
    tables: &[Table],
    names: &[Vec<String>],
    thresholds: &[f64],
) -> Vec<SeedScores> {
    let once = vec![1; tables[0].labels.len()];
    let values = |repetition: usize, against: Against| -> BTreeMap<String, f64> {
        let of_table = |at: usize| names[at].iter().cloned().zip(tables[at].values(&scored[at][repetition], &once));
        let chosen = (0..tables.len()).filter(|at| tables[*at].against == against);
        chosen.flat_map(of_table).filter_map(|(name, value)| Some((name, value?))).collect()
    };
    let counts = |repetition: usize, against: Against| -> Option<Confusion> {
        let at = tables.iter().position(|table| table.against == against && table.prefix.is_empty())?;
        Some(scored[at][repetition].confusion(&once))
    };
    let one = |(repetition, threshold): (usize, &f64)| SeedScores {
        seed: repetition as u64,
        threshold: *threshold,
        against_readers: values(repetition, Against::Readers),
        against_truth: values(repetition, Against::Truth),
        confusion: counts(repetition, Against::Readers).unwrap_or_default(),
        confusion_truth: counts(repetition, Against::Truth).filter(|counts| positives(counts) > 0),
    };
    thresholds.iter().enumerate().map(one).collect()
}

/// How many of the distinct contested lesions that the arm called rims truly are.
fn added_precision(arm: &ArmRuns, truth: &[bool]) -> Option<Interval> {
    let contested = |example: &&Example| {
        matches!(example.unit.origin, Origin::Contested | Origin::Denoised) && example.target > 0.5
    };
    let added = arm.sets.iter().flat_map(TrainingSet::of_interest).filter(contested);
    let lesions: BTreeSet<u32> = added.filter_map(|example| example.unit.lesion).collect();
    let rims = lesions.iter().filter(|lesion| truth[**lesion as usize]).count();
    wilson(rims as u64, lesions.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::config::Width;
    use crate::classify::fit::Plan;
    use crate::classify::material::tests::small;
    use crate::classify::runs::Fitted;

    /// 40 patients with a rim and three others each; the last 10 patients' second lesion is contested and truly a rim.
    fn lesions() -> TestLesions {
        let mut found =
            TestLesions { patients: vec![], labels: vec![], truth: Some(vec![]), classes: Classes::of_readers() };
        for patient in 0..40 {
            for lesion in 0..4 {
                let label = match lesion {
                    0 => Some(true),
                    1 if patient >= 30 => None,
                    _ => Some(false),
                };
                found.patients.push(format!("sub-{patient:02}"));
                found.truth.as_mut().unwrap().push(label != Some(false));
                found.labels.push(label);
            }
        }
        found
    }

    fn set() -> TrainingSet {
        Arm::AdaGanLd.compose(&small().select(0, RunSeed(0), 5, 2.0).unwrap(), 12)
    }

    /// `noise` is the number of every how many lesions' scores are upside down; 0 is perfect against the truth.
    fn runs(noise: [usize; 2]) -> Runs {
        let truth = lesions().truth.unwrap();
        let fit = |noise: usize| Fitted {
            validation: vec![],
            test: vec![
                (0..160)
                    .map(|i| if truth[i] != (noise > 0 && i % noise == 0) { 1.0 } else { -1.0 } + i as f64 * 1e-3)
                    .collect(),
            ],
        };
        let arm = |arm, noise| ArmRuns { arm, sets: vec![set(); 2], fits: vec![fit(noise); 2], generators: 1 };
        let plan = Plan { classifier: Width::Small.classifier(1), steps: 1, batch: 12, learning_rate: 1e-3 };
        Runs {
            plan,
            arms: vec![arm(Arm::None, noise[0]), arm(Arm::AdaGanLd, noise[1])],
            computed_with: vec![],
            files: vec![],
        }
    }

    fn compared(noise: [usize; 2]) -> Comparison {
        let config = ClassifyConfig { bootstrap_draws: 200, ..Default::default() };
        let truth: Vec<bool> = (0..160).map(|i| i < 3).collect();
        let lesions = lesions();
        let yardstick = Yardstick { lesions: &lesions, truth: Some(&truth), log_kept: 0.0 };
        compare(&runs(noise), &[vec![0.0; 2], vec![0.0; 2]], yardstick, &config, RunSeed(1)).unwrap()
    }

    #[test]
    fn perfect_scores_are_perfect_against_the_truth_and_pay_for_the_contested_against_the_readers() {
        let none = &compared([0, 7]).arms[0];
        assert_eq!(none.against_truth["auroc"].value, 1.0);
        assert_eq!(none.against_truth["auprc"].low, 1.0);
        assert_eq!(none.against_readers["certain_auroc"].value, 1.0);
        // 10 contested lesions of 120 non-rims rank among the rims.
        assert!(none.against_readers["auroc"].value < 1.0);
        let expected = Confusion { true_positive: 40, false_positive: 10, true_negative: 110, false_negative: 0 };
        assert_eq!(none.per_seed[0].confusion, expected);
        assert_eq!(none.against_readers["precision"].value, 0.8);
        assert_eq!(none.against_readers["precision"].n, 40);
        assert!(none.against_readers.contains_key("auprc_at_3.3_percent"), "a quarter are rims: enriched");
        // All contested are rims, so no ranking among them; all are called so.
        assert!(!none.against_truth.contains_key("ambiguous_auroc"));
        assert_eq!(none.against_truth["ambiguous_sensitivity"].value, 1.0);
    }

    #[test]
    fn differences_are_paired_and_from_none() {
        let found = compared([7, 0]);
        let auroc = found.differences.iter().find(|d| d.metric == "auroc" && d.against == "truth").unwrap();
        assert_eq!(auroc.arm, "ADA-GAN-LD");
        assert!(auroc.difference.low > 0.0, "{auroc:?}");
        let same = compared([7, 7]);
        assert!(same.differences.iter().all(|d| d.difference.low == 0.0 && d.difference.high == 0.0));
        assert_eq!(same.differences.len(), 6);
    }

    #[test]
    fn the_precision_of_added_labels_counts_distinct_lesions() {
        let precision = compared([0, 0]).arms[1].extra_label_precision.clone().unwrap();
        let set = set();
        let denoised: Vec<_> = set.units().into_iter().filter(|unit| unit.origin == Origin::Denoised).collect();
        let drawn = denoised.len() as u64;
        assert_eq!(precision.n, drawn);
        let rims = denoised.iter().filter(|unit| unit.lesion < Some(3)).count();
        assert_eq!(precision.value, rims as f64 / drawn as f64);
    }
}

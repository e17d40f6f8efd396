//! Can numbers of a published table come from the stated test set? Every table of counts that it allows is tried under
//! every convention that is in use; then, whether means over several such tables reach the numbers.
//!
//! A single table is decided by counting. A mean over any number of runs on the same test set lies in the convex hull
//! of the single tables' numbers, and every point of the hull is a mean over enough runs or as near to one as wanted:
//! where hull and rounding box do not meet ([`hull`]), no number of runs helps. Means over folds that share the
//! positives and negatives evenly lie in the same hull, since such a fold's shares are among the whole set's. For a
//! given number of runs, tables are looked for one by one ([`runs`]); where none is found that proves nothing.

use serde::Serialize;

use crate::problem::{Problem, Result};
use crate::records::Confusion;

pub mod convention;

pub mod hull;

pub mod runs;

pub mod share;

pub mod words;

pub use convention::{Convention, Metric};
pub use share::Share;

/// Tables of counts that are tried, at most: (positives + 1) x (negatives + 1).
pub const MOST_TABLES: u64 = 4_000_000;

/// Decimals of a stated number, at most.
pub const MOST_DIGITS: u32 = 9;

/// Runs that were averaged, at most.
pub const MOST_RUNS: u64 = 1000;

/// How many of the tables that fit are told.
const TOLD: usize = 3;

/// Slack of a comparison of decimals, as a share of the last digit: .835 itself may round either way.
const SLACK: f64 = 1e-6;

/// What was published.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stated {
    /// Items of the positive class in the test set.
    pub positives: u64,
    /// Other items in it.
    pub negatives: u64,
    /// The numbers, each metric once, within 0..1.
    pub values: Vec<(Metric, f64)>,
    /// Decimals to which they are given.
    pub digits: u32,
    /// Runs that they are means over; 1 is a single table.
    pub runs: u64,
}

/// How a number was shortened to its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shortened {
    /// To the nearest; halves either way.
    Rounded,
    /// The rest cut off.
    Cut,
}

/// One convention, tried on every table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tried {
    /// Which.
    pub convention: Convention,
    /// How numbers were shortened where a table fits; rounded where none does.
    pub shortened: Shortened,
    /// How many tables fit.
    pub fitting: u64,
    /// A few of them.
    pub tables: Vec<Confusion>,
    /// The table whose largest deviation from the stated numbers is the smallest.
    pub nearest: Nearest,
    /// Whether means over some number of tables reach the rounded numbers.
    pub as_mean: bool,
    /// Tables with the shares of runs that have them, whose mean does; empty where none does.
    pub mixture: Vec<(f64, Confusion)>,
    /// So many tables as there are runs, whose mean fits; empty for a single table and where none were found.
    pub in_runs: Vec<Confusion>,
}

/// The table that comes nearest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Nearest {
    /// Its counts.
    pub counts: Confusion,
    /// Its numbers, in the order of the stated ones.
    pub values: Vec<f64>,
    /// Largest deviation from a stated number.
    pub off: f64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// What was asked.
    pub stated: Stated,
    /// Whether the numbers can come from the test set: of one table, or with several runs of a mean over them that was
    /// found or could not be excluded.
    pub possible: bool,
    /// Every convention.
    pub tried: Vec<Tried>,
    /// Lowest and highest share of positives at which accuracy, precision and sensitivity fit each other, whatever the
    /// size of the set; `None` where they are not all stated or fit at none.
    pub implied_share: Option<(f64, f64)>,
}

/// Tries all conventions.
///
/// # Errors
/// A class without items, too many tables, no number, one outside 0..1 or twice, or too many digits or runs.
pub fn check(stated: &Stated) -> Result<Checked> {
    stated.check()?;
    let tried: Vec<Tried> = Convention::ALL.iter().map(|convention| stated.try_with(*convention)).collect();
    let fits = |tried: &Tried| if stated.runs > 1 { tried.as_mean || tried.fitting > 0 } else { tried.fitting > 0 };
    Ok(Checked {
        stated: stated.clone(),
        possible: tried.iter().any(fits),
        tried,
        implied_share: stated.implied_share(),
    })
}

impl Stated {
    fn check(&self) -> Result<()> {
        let refuse = |found: String, expected: String| Err(Problem::usage(found).expected(expected));
        if self.positives == 0 || self.negatives == 0 {
            let found = format!("{} positives and {} negatives", self.positives, self.negatives);
            return refuse(found, "at least one of each".into());
        }
        let tables = (self.positives.saturating_add(1)).saturating_mul(self.negatives.saturating_add(1));
        if tables > MOST_TABLES {
            let found =
                format!("{} positives and {} negatives: {tables} tables of counts", self.positives, self.negatives);
            return refuse(found, format!("at most {MOST_TABLES}"));
        }
        if self.values.is_empty() {
            return refuse("no stated number".into(), "at least one, such as --accuracy .79".into());
        }
        for (at, (metric, value)) in self.values.iter().enumerate() {
            if !(0.0..=1.0).contains(value) {
                return refuse(format!("{} {value}", metric.name()), "a share within 0..1, such as .79 or 79%".into());
            }
            if self.values[..at].iter().any(|(other, _)| other == metric) {
                return refuse(format!("{} twice", metric.name()), "each number once".into());
            }
        }
        if self.digits == 0 || self.digits > MOST_DIGITS {
            return refuse(format!("{} digits", self.digits), format!("1 to {MOST_DIGITS}"));
        }
        if self.runs == 0 || self.runs > MOST_RUNS {
            return refuse(format!("{} runs", self.runs), format!("1 to {MOST_RUNS}"));
        }
        Ok(())
    }

    /// One unit of the last digit.
    fn unit(&self) -> f64 {
        10_f64.powi(-(self.digits as i32))
    }

    /// Every table of counts that the test set allows.
    fn tables(&self) -> impl Iterator<Item = Confusion> + '_ {
        (0..=self.positives).flat_map(move |hits| {
            (0..=self.negatives).map(move |alarms| Confusion {
                true_positive: hits,
                false_negative: self.positives - hits,
                false_positive: alarms,
                true_negative: self.negatives - alarms,
            })
        })
    }

    fn values_of(&self, table: &Confusion, convention: Convention) -> Vec<f64> {
        self.values.iter().map(|(metric, _)| convention.value(*metric, table)).collect()
    }

    /// Whether `value` may be written as `stated`.
    fn written(&self, value: f64, stated: f64, shortened: Shortened) -> bool {
        let (off, unit) = (value - stated, self.unit());
        match shortened {
            Shortened::Rounded => off.abs() <= unit * (0.5 + SLACK),
            Shortened::Cut => off >= -unit * SLACK && off < unit * (1.0 - SLACK),
        }
    }

    fn try_with(&self, convention: Convention) -> Tried {
        let mut found = [(0, Vec::new()), (0, Vec::new())];
        let mut nearest: Option<Nearest> = None;
        for counts in self.tables() {
            let values = self.values_of(&counts, convention);
            let pairs = || values.iter().zip(&self.values).map(|(value, (_, stated))| (*value, *stated));
            for (shortened, (fitting, told)) in [Shortened::Rounded, Shortened::Cut].into_iter().zip(&mut found) {
                if pairs().all(|(value, stated)| self.written(value, stated, shortened)) {
                    *fitting += 1;
                    if told.len() < TOLD {
                        told.push(counts);
                    }
                }
            }
            let off = pairs().map(|(value, stated)| (value - stated).abs()).fold(0.0, f64::max);
            if nearest.as_ref().is_none_or(|nearest| off < nearest.off) {
                nearest = Some(Nearest { counts, values, off });
            }
        }
        let [rounded, cut] = found;
        let (shortened, (fitting, tables)) =
            if rounded.0 == 0 && cut.0 > 0 { (Shortened::Cut, cut) } else { (Shortened::Rounded, rounded) };
        let mixture = hull::mixture(self, convention);
        let in_runs = match &mixture {
            Some(mixture) if self.runs > 1 => runs::look_for(self, convention, mixture).unwrap_or_default(),
            _ => vec![],
        };
        let nobody = Nearest { counts: Confusion::default(), values: vec![], off: f64::MAX };
        Tried {
            convention,
            shortened,
            fitting,
            tables,
            nearest: nearest.unwrap_or(nobody),
            as_mean: mixture.is_some(),
            mixture: mixture.unwrap_or_default(),
            in_runs,
        }
    }

    /// With negatives n for each positive, accuracy a = (s + n - s (1 / p - 1)) / (1 + n), so n = (a + s / p - 2 s) /
    /// (1 - a): at the corners of the rounding box.
    fn implied_share(&self) -> Option<(f64, f64)> {
        let value = |wanted| self.values.iter().find(|(metric, _)| *metric == wanted).map(|(_, value)| *value);
        let [accuracy, precision, sensitivity] =
            [value(Metric::Accuracy)?, value(Metric::Precision)?, value(Metric::Sensitivity)?];
        let ends = |value: f64| [-0.5, 0.5].map(|half| (value + half * self.unit()).clamp(0.0, 1.0));
        let mut range: Option<(f64, f64)> = None;
        for a in ends(accuracy) {
            for p in ends(precision) {
                for s in ends(sensitivity) {
                    if a >= 1.0 || p <= 0.0 {
                        return None;
                    }
                    let negatives = (a + s / p - 2.0 * s) / (1.0 - a);
                    let (low, high) = range.unwrap_or((negatives, negatives));
                    range = Some((low.min(negatives), high.max(negatives)));
                }
            }
        }
        let (fewest, most) = range.filter(|(_, most)| *most >= 0.0)?;
        Some((1.0 / (1.0 + most), 1.0 / (1.0 + fewest.max(0.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(values: [f64; 3], runs: u64) -> Stated {
        let metrics = [Metric::Accuracy, Metric::Precision, Metric::Sensitivity];
        Stated { positives: 60, negatives: 120, values: metrics.into_iter().zip(values).collect(), digits: 2, runs }
    }

    /// 51 of 60 found and 4 of 120 called so: accuracy 167 / 180 = .928, precision 51 / 55 = .927, sensitivity .85.
    #[test]
    fn a_table_that_exists_is_found_by_hand() {
        let found = check(&stated([0.93, 0.93, 0.85], 1)).unwrap();
        assert!(found.possible);
        let counts = Confusion { true_positive: 51, false_negative: 9, false_positive: 4, true_negative: 116 };
        assert_eq!((found.tried[0].convention, &found.tried[0].tables[..]), (Convention::Positive, &[counts][..]));
        let (low, high) = found.implied_share.unwrap();
        assert!(low < 1.0 / 3.0 && 1.0 / 3.0 < high, "{low} {high}");
    }

    /// Tables 3 and 4 of arXiv 2505.23353: seven of eight rows come from no table of 60 + 120, one with the classes the
    /// other way round.
    #[test]
    fn the_papers_rows() {
        for (name, row, possible, off) in [
            ("Ambiguous", [0.78, 0.93, 0.83], false, 0.0922),
            ("None", [0.79, 0.93, 0.85], false, 0.0878),
            ("Affine", [0.83, 0.92, 0.83], true, 0.0589),
            ("DeepSMOTE", [0.84, 0.92, 0.91], false, 0.0656),
            ("ADA-GAN-LD", [0.87, 0.91, 0.95], false, 0.0522),
            ("ADA-GAN", [0.85, 0.91, 0.93], false, 0.0611),
            ("ADA-GAN+LD", [0.85, 0.92, 0.92], false, 0.0611),
            ("ADA-cGAN", [0.86, 0.91, 0.93], false, 0.0552),
        ] {
            let found = check(&stated(row, 1)).unwrap();
            assert_eq!(found.possible, possible, "{name}");
            let as_stated = &found.tried[0];
            assert_eq!((as_stated.convention, as_stated.fitting), (Convention::Positive, 0), "{name}");
            assert!((as_stated.nearest.off - off).abs() < 5e-4, "{name}: {}", as_stated.nearest.off);
            assert!(!as_stated.as_mean, "{name}: no number of runs helps with rims as the positive class");
        }
        let affine = check(&stated([0.83, 0.92, 0.83], 1)).unwrap();
        let other = affine.tried.iter().find(|tried| tried.convention == Convention::Other).unwrap();
        let counts = Confusion { true_positive: 51, false_negative: 9, false_positive: 21, true_negative: 99 };
        assert_eq!(other.tables, [counts]);
        // Positives of .93 for the row None: the text says one in three.
        let (low, high) = check(&stated([0.79, 0.93, 0.85], 1)).unwrap().implied_share.unwrap();
        assert!(low > 0.9 && high == 1.0, "{low} {high}");
    }

    /// All conventions of all rows against NumPy's brute force and scipy's linear program.
    #[test]
    fn matches_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/fixtures/comparisons.json")).unwrap();
        let rows = reference["stated_table"].as_object().unwrap();
        assert_eq!(rows.len(), 9);
        for (name, row) in rows {
            let number = |key: &str| row[key].as_f64().unwrap();
            let found = check(&stated(["accuracy", "precision", "sensitivity"].map(number), 1)).unwrap();
            for (key, expected) in row["conventions"].as_object().unwrap() {
                let ours = found.tried.iter().find(|tried| serde_json::json!(tried.convention) == **key).unwrap();
                let tables: Vec<[u64; 4]> = serde_json::from_value(expected["tables"].clone()).unwrap();
                if ours.shortened == Shortened::Rounded {
                    assert_eq!(ours.fitting as usize, tables.len(), "{name} {key}");
                }
                assert_eq!(ours.as_mean, expected["as_mean"].as_bool().unwrap(), "{name} {key}");
                assert!((ours.nearest.off - expected["off"].as_f64().unwrap()).abs() < 1e-12, "{name} {key}");
            }
        }
    }

    /// Sensitivities 1 and 0 of one positive: .5 of that class comes from no table, from two runs, and from three not.
    #[test]
    fn means_over_runs() {
        let of = |runs: u64, value: f64| {
            let values = vec![(Metric::Sensitivity, value)];
            check(&Stated { positives: 1, negatives: 1, values, digits: 2, runs }).unwrap()
        };
        let one = of(1, 0.5);
        assert!(one.tried[0].fitting == 0 && one.tried[0].as_mean);
        let two = of(2, 0.5);
        assert!(two.possible && two.tried[0].in_runs.len() == 2);
        assert_eq!(of(3, 0.67).tried[0].in_runs.len(), 3);
        assert!(of(3, 0.5).tried[0].in_runs.is_empty());
    }

    #[test]
    fn cut_numbers_and_bad_ones() {
        // 2 of 3 is .666: rounded .67, cut .66.
        let thirds = |value| Stated {
            positives: 3,
            negatives: 1,
            values: vec![(Metric::Sensitivity, value)],
            digits: 2,
            runs: 1,
        };
        assert_eq!(check(&thirds(0.67)).unwrap().tried[0].shortened, Shortened::Rounded);
        let cut = check(&thirds(0.66)).unwrap();
        assert_eq!((cut.possible, cut.tried[0].shortened, cut.tried[0].fitting), (true, Shortened::Cut, 2));
        let twice = vec![(Metric::F1, 0.5), (Metric::F1, 0.5)];
        for bad in [
            Stated { positives: 0, ..thirds(0.5) },
            Stated { positives: u64::MAX, negatives: u64::MAX, ..thirds(0.5) },
            Stated { values: vec![], ..thirds(0.5) },
            Stated { values: twice, ..thirds(0.5) },
            Stated { digits: 0, ..thirds(0.5) },
            Stated { runs: 0, ..thirds(0.5) },
            thirds(79.0),
            thirds(f64::NAN),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}

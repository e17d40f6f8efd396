//! Ways to score one test side: against the readers or the truth, all lesions or some of them.

use std::collections::BTreeSet;

use super::scores::{METRICS, REWEIGHTED, Scored};
use super::test_lesions::TestLesions;

/// Reweighting is given where the test set has this many times the share of rims that is expected in use.
pub const ENRICHED: f64 = 1.5;

/// Whose labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Both readers'.
    Readers,
    /// The simulation's.
    Truth,
}

impl Against {
    /// As in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Readers => "readers",
            Self::Truth => "truth",
        }
    }
}

/// One way to score: labels, and the lesions that take part.
pub(super) struct Table {
    pub against: Against,
    pub prefix: &'static str,
    pub labels: Vec<bool>,
    pub takes_part: Vec<u32>,
    /// Share of rims to reweight to, where that is given.
    prevalence: Option<f64>,
}

impl Table {
    /// Those of the readers, and of the truth where it is known.
    pub fn all(lesions: &TestLesions, reference_prevalence: f64) -> Vec<Self> {
        let everyone = vec![1; lesions.labels.len()];
        let only = |contested: bool| {
            lesions.labels.iter().map(|label| u32::from(label.is_none() == contested)).collect::<Vec<u32>>()
        };
        let enriched = lesions.record().prevalence > ENRICHED * reference_prevalence;
        let prevalence = enriched.then_some(reference_prevalence);
        let readers = lesions.readers();
        let certain = only(false);
        let mut tables = vec![
            Self {
                against: Against::Readers,
                prefix: "",
                labels: readers.clone(),
                takes_part: everyone.clone(),
                prevalence,
            },
            Self { against: Against::Readers, prefix: "certain_", labels: readers, takes_part: certain, prevalence },
        ];
        if let Some(truth) = &lesions.truth {
            let contested = only(true);
            tables.extend([
                Self { against: Against::Truth, prefix: "", labels: truth.clone(), takes_part: everyone, prevalence },
                Self {
                    against: Against::Truth,
                    prefix: "ambiguous_",
                    labels: truth.clone(),
                    takes_part: contested,
                    prevalence: None,
                },
            ]);
        }
        tables
    }

    /// Keys in the order of [`Table::values`].
    pub fn names(&self) -> Vec<String> {
        let plain = METRICS.iter().map(|metric| format!("{}{metric}", self.prefix));
        let reweighted = self.prevalence.into_iter().flat_map(|prevalence| {
            let key = move |metric: &&str| format!("{}{metric}_at_{:.1}_percent", self.prefix, 100.0 * prevalence);
            REWEIGHTED.iter().map(key).collect::<Vec<_>>()
        });
        plain.chain(reweighted).collect()
    }

    /// Patients on whom each of [`Table::names`] depends: those with a positive for what is a share of positives, those
    /// with a negative for what is one of negatives, whichever are fewer for what needs both.
    pub fn carriers(&self, patients: &[String]) -> Vec<usize> {
        let with = |wanted: Option<bool>| {
            let takes = |at: &usize| self.takes_part[*at] > 0 && wanted.is_none_or(|wanted| self.labels[*at] == wanted);
            (0..patients.len()).filter(takes).map(|at| patients[at].as_str()).collect::<BTreeSet<_>>().len()
        };
        let [all, positive, negative] = [None, Some(true), Some(false)].map(with);
        let of = |name: &String| match name.strip_prefix(self.prefix).unwrap_or(name) {
            "accuracy" => all,
            "sensitivity" | "f1" => positive,
            "specificity" => negative,
            _ => positive.min(negative),
        };
        self.names().iter().map(of).collect()
    }

    /// In the order of [`Table::names`], of lesions that count `copies` times each.
    pub fn values(&self, scored: &Scored, copies: &[u32]) -> Vec<Option<f64>> {
        let copies: Vec<u32> = copies.iter().zip(&self.takes_part).map(|(copies, part)| copies * part).collect();
        let mut values = scored.metrics(&copies).to_vec();
        values.extend(self.prevalence.iter().flat_map(|prevalence| scored.metrics_at(*prevalence, &copies)));
        values
    }
}

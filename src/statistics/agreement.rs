//! Agreement of two readers on a yes-or-no question: Cohen's kappa (Educ Psychol Meas 20:37, 1960).

/// Votes of two readers on the same items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoteTable {
    /// Both say yes.
    pub both: u64,
    /// Only the first does.
    pub first_only: u64,
    /// Only the second does.
    pub second_only: u64,
    /// Neither says yes.
    pub neither: u64,
}

impl VoteTable {
    /// Counts votes (first reader, second reader), true = yes.
    pub fn from_votes(votes: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut table = Self::default();
        for vote in votes {
            match vote {
                (true, true) => table.both += 1,
                (true, false) => table.first_only += 1,
                (false, true) => table.second_only += 1,
                (false, false) => table.neither += 1,
            }
        }
        table
    }

    /// Items with two votes.
    pub fn total(&self) -> u64 {
        self.both + self.first_only + self.second_only + self.neither
    }

    /// Exactly one reader says yes.
    pub fn disputed(&self) -> u64 {
        self.first_only + self.second_only
    }

    /// Cohen's kappa in \[-1, 1\]; `None` without items or where both readers always give the same one answer. Its
    /// interval is that of a [`ClusterBootstrap`](super::bootstrap::ClusterBootstrap) around it: lesions of a patient
    /// are not independent.
    pub fn kappa(&self) -> Option<f64> {
        let shares = self.shares()?;
        let expected = shares.expected();
        (expected < 1.0).then(|| (shares.observed() - expected) / (1.0 - expected))
    }

    fn shares(&self) -> Option<Shares> {
        let n = self.total() as f64;
        let cell = |count: u64| count as f64 / n;
        (n > 0.0).then(|| Shares {
            cells: [[cell(self.both), cell(self.first_only)], [cell(self.second_only), cell(self.neither)]],
        })
    }
}

/// The table as shares of all items: cells \[first reader\]\[second reader\], 0 = yes.
struct Shares {
    cells: [[f64; 2]; 2],
}

impl Shares {
    fn margins(&self) -> [[f64; 2]; 2] {
        let [[a, b], [c, d]] = self.cells;
        [[a + b, c + d], [a + c, b + d]]
    }

    fn observed(&self) -> f64 {
        self.cells[0][0] + self.cells[1][1]
    }

    fn expected(&self) -> f64 {
        let [row, column] = self.margins();
        row[0] * column[0] + row[1] * column[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: observed (20 + 15) / 50 = .7; expected .5 * .6 + .5 * .4 = .5; kappa (.7 - .5) / (1 - .5) = .4.
    #[test]
    fn kappa_of_a_textbook_table() {
        let table = VoteTable { both: 20, first_only: 5, second_only: 10, neither: 15 };
        assert_abs_diff_eq!(table.kappa().unwrap(), 0.4, epsilon = 1e-12);
    }

    /// The paper's cohort: 260 agreed rims, 177 ambiguous, 7980 lesions in all.
    #[test]
    fn the_published_counts_give_the_published_kappa() {
        let inside = VoteTable { both: 260, first_only: 88, second_only: 89, neither: 7980 - 260 - 177 };
        assert_abs_diff_eq!(inside.kappa().unwrap(), 0.734, epsilon = 5e-4);
        let extra = VoteTable { neither: 7720, ..inside };
        assert_abs_diff_eq!(extra.kappa().unwrap(), 0.7347, epsilon = 5e-5);
    }

    #[test]
    fn undefined_without_lesions_or_without_two_answers() {
        assert_eq!(VoteTable::default().kappa(), None);
        assert_eq!(VoteTable { neither: 9, ..Default::default() }.kappa(), None);
        assert_eq!(VoteTable { both: 1, neither: 1, ..Default::default() }.kappa(), Some(1.0));
    }

    #[test]
    fn votes_are_counted_where_they_belong() {
        let table = VoteTable::from_votes([(true, true), (true, false), (false, false), (true, false)]);
        assert_eq!(table, VoteTable { both: 1, first_only: 2, second_only: 0, neither: 1 });
        assert_eq!((table.total(), table.disputed()), (4, 2));
    }

    /// statsmodels.stats.inter_rater.cohens_kappa; see tests/fixtures/make_statistics.py.
    #[test]
    fn matches_statsmodels() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["kappa"].as_array().unwrap() {
            let n = |i: usize| case["table"][i].as_u64().unwrap();
            let table = VoteTable { both: n(0), first_only: n(1), second_only: n(2), neither: n(3) };
            assert_abs_diff_eq!(table.kappa().unwrap(), case["kappa"].as_f64().unwrap(), epsilon = 1e-12);
        }
    }
}

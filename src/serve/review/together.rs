//! What the reviewers' logs come to: who accepts what, how far they agree, and what they accept together.

use super::items::Items;
use super::session::standing;
use crate::name::Name;
use crate::records::review::{
    Agreement, DecidedBy, DecisionLine, ReviewRecord, ReviewedDirection, ReviewerPair, ReviewerRecord, Verdict,
};
use crate::seed::RunSeed;
use crate::statistics::agreement::VoteTable;
use crate::statistics::bootstrap::ClusterBootstrap;
use crate::statistics::order::median;
use serde::{Deserialize, Serialize};

/// Whose acceptance a direction needs. Who has not decided does not count; unsure is no acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consensus {
    /// Everybody's.
    #[default]
    All,
    /// More than half of those who decided.
    Majority,
    /// Anybody's.
    Any,
}

impl Consensus {
    /// Whether these verdicts, at least one, make an acceptance.
    fn accepts(self, verdicts: &[Verdict]) -> bool {
        let accepted = verdicts.iter().filter(|verdict| **verdict == Verdict::Accept).count();
        match self {
            Self::All => accepted == verdicts.len() && accepted > 0,
            Self::Majority => 2 * accepted > verdicts.len(),
            Self::Any => accepted > 0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Majority => "majority",
            Self::Any => "any",
        }
    }
}

/// Everything that the logs, each with its reviewer, say of `items`.
pub fn summarise(
    items: &Items,
    logs: &[(Name, Vec<DecisionLine>)],
    consensus: Consensus,
    notes: Vec<String>,
) -> ReviewRecord {
    let stands: Vec<Vec<[Option<Verdict>; 2]>> = logs
        .iter()
        .map(|(_, lines)| {
            let found = standing(items, lines);
            found.iter().map(|both| both.map(|line| line.and_then(|line| line.decision))).collect()
        })
        .collect();
    let first = |reviewer: usize, at: usize| stands[reviewer][at][0];
    let count = items.list.len();
    let direction = |at: usize| {
        let verdicts: Vec<Option<Verdict>> = (0..logs.len()).map(|reviewer| first(reviewer, at)).collect();
        let said: Vec<Verdict> = verdicts.iter().copied().flatten().collect();
        let item = &items.list[at];
        ReviewedDirection { id: item.id.clone(), name: item.name.clone(), accepted: consensus.accepts(&said), verdicts }
    };
    let directions: Vec<ReviewedDirection> = (0..count).map(direction).collect();
    let mut pairs = Vec::new();
    for one in 0..logs.len() {
        for other in one + 1..logs.len() {
            let both = (0..count).filter_map(|at| Some((first(one, at)?, first(other, at)?)));
            if let Some(agreement) = agreement(&both.collect::<Vec<_>>()) {
                pairs.push(ReviewerPair { reviewers: [one, other].map(|at| logs[at].0.clone()), agreement });
            }
        }
    }
    ReviewRecord {
        simulated: items.simulated,
        record_sha256: items.record_sha256.clone(),
        network_sha256: items.network_sha256.clone(),
        consensus: consensus.name().into(),
        reviewers: logs
            .iter()
            .zip(&stands)
            .map(|((name, lines), stands)| reviewer(items, name, lines, stands))
            .collect(),
        pairs,
        accepted: directions.iter().filter(|one| one.accepted).map(|one| one.id.clone()).collect(),
        directions,
        notes,
    }
}

fn reviewer(items: &Items, name: &Name, lines: &[DecisionLine], stands: &[[Option<Verdict>; 2]]) -> ReviewerRecord {
    let verdicts = || stands.iter().filter_map(|both| both[0]);
    let twice: Vec<(Verdict, Verdict)> = stands.iter().filter_map(|both| Some((both[0]?, both[1]?))).collect();
    let people = lines.iter().filter(|line| line.by == DecidedBy::Person).count();
    let found = standing(items, lines);
    let times = found.iter().flatten().flatten().filter(|line| line.by == DecidedBy::Person);
    ReviewerRecord {
        name: name.clone(),
        by: if people > 0 || lines.is_empty() { DecidedBy::Person } else { DecidedBy::Gate },
        decided: verdicts().count() as u64,
        verdicts: Verdict::ALL.map(|wanted| verdicts().filter(|verdict| *verdict == wanted).count() as u64),
        changed: lines.iter().filter(|line| line.supersedes.is_some()).count() as u64,
        median_lead_time_s: median(times.map(|line| line.lead_time_s)),
        again: agreement(&twice),
    }
}

/// Of two verdicts on each picture, accepted or not; `None` without any.
fn agreement(both: &[(Verdict, Verdict)]) -> Option<Agreement> {
    let votes: Vec<(bool, bool)> =
        both.iter().map(|(one, other)| (*one == Verdict::Accept, *other == Verdict::Accept)).collect();
    let table = VoteTable::from_votes(votes.iter().copied());
    let kappa = |copies: &[u32]| {
        let drawn = votes.iter().zip(copies);
        VoteTable::from_votes(drawn.flat_map(|(vote, &times)| std::iter::repeat_n(*vote, times as usize))).kappa()
    };
    let pictures: Vec<usize> = (0..votes.len()).collect();
    (!votes.is_empty()).then(|| Agreement {
        pictures: votes.len() as u64,
        alike: table.total() - table.disputed(),
        kappa: table.kappa(),
        interval: ClusterBootstrap::by_patient(&pictures, RunSeed(0)).interval(kappa),
    })
}

#[cfg(test)]
mod tests {
    use super::super::items::tests::made_up;
    use super::super::session::line;
    use super::*;

    fn said(items: &Items, name: &str, verdicts: &[Verdict]) -> (Name, Vec<DecisionLine>) {
        let name = Name::of_known(name);
        let one = |(at, verdict): (usize, &Verdict)| DecisionLine {
            id: at as u64 + 1,
            decision: Some(*verdict),
            lead_time_s: at as f64,
            ..line(items, at, &name, DecidedBy::Person, "s")
        };
        let lines = verdicts.iter().enumerate().map(one).collect();
        (name, lines)
    }

    /// By hand: of 10 they agree on 8, 4 accepted and 4 not; each accepts 5, so .5 is expected: kappa (.8 - .5) / .5.
    #[test]
    fn two_reviewers_by_hand() {
        use Verdict::{Accept as A, Reject as R, Unsure as U};
        let items = made_up(10);
        let logs = [
            said(&items, "anna", &[A, A, A, A, A, R, R, R, R, R]),
            said(&items, "ben", &[A, A, A, A, R, A, U, R, R, R]),
        ];
        let record = summarise(&items, &logs, Consensus::All, vec![]);
        let pair = &record.pairs[0];
        assert_eq!((pair.agreement.pictures, pair.agreement.alike), (10, 8));
        approx::assert_abs_diff_eq!(pair.agreement.kappa.unwrap(), 0.6, epsilon = 1e-12);
        assert!(pair.agreement.interval.as_ref().is_some_and(|interval| interval.low < 0.6 && interval.high > 0.6));
        assert_eq!(record.accepted.len(), 4);
        assert_eq!(record.reviewers[1].verdicts, [5, 4, 1]);
        assert_eq!(record.reviewers[0].median_lead_time_s, Some(4.5));
        let accepted = |consensus| summarise(&items, &logs, consensus, vec![]).accepted.len();
        assert_eq!([Consensus::Majority, Consensus::Any].map(accepted), [4, 6]);
        assert!(record.reviewers[0].again.is_none());
        let alone = summarise(&items, &logs[..1], Consensus::All, vec![]);
        assert!(alone.pairs.is_empty() && alone.accepted.len() == 5);
        assert!(summarise(&items, &[], Consensus::All, vec![]).accepted.is_empty());
    }

    #[test]
    fn a_second_time_is_agreement_with_oneself() {
        let items = made_up(4);
        let (name, mut lines) = said(&items, "anna", &[Verdict::Accept, Verdict::Reject]);
        for (at, verdict) in [(0, Verdict::Accept), (1, Verdict::Accept)] {
            let own = line(&items, at, &name, DecidedBy::Person, "s");
            lines.push(DecisionLine { id: 3 + at as u64, again: true, decision: Some(verdict), ..own });
        }
        let record = summarise(&items, &[(name, lines)], Consensus::All, vec![]);
        let again = record.reviewers[0].again.as_ref().unwrap();
        assert_eq!((again.pictures, again.alike), (2, 1));
        assert_eq!(record.reviewers[0].decided, 2, "the second time decides nothing");
    }
}

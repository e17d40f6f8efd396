//! Looks for as many tables as there are runs whose mean rounds to the stated numbers.

use super::{Convention, SLACK, Stated};
use crate::records::Confusion;

/// Numbers of tables that are looked at before the search ends without an answer.
const EFFORT: usize = 50_000_000;

/// Begins with the tables of a `mixture` that has the right mean with any shares, as many of each as its share comes
/// to, and exchanges one table after the other for the one that brings the mean nearest. `None` where that ends off the
/// numbers, which does not prove that there are none.
pub fn look_for(stated: &Stated, convention: Convention, mixture: &[(f64, Confusion)]) -> Option<Vec<Confusion>> {
    let runs = stated.runs as usize;
    let half = stated.unit() * (0.5 + SLACK);
    let values = |table: &Confusion| stated.values_of(table, convention);
    let tables: Vec<(Vec<f64>, Confusion)> = stated.tables().map(|table| (values(&table), table)).collect();
    let mut chosen: Vec<(Vec<f64>, Confusion)> = shared(mixture, runs).iter().map(|t| (values(t), *t)).collect();
    // By how much the mean of sums lies outside of the box, in half units.
    let outside = |sums: &[f64]| -> f64 {
        let off = sums.iter().zip(&stated.values).map(|(sum, (_, stated))| (sum / runs as f64 - stated).abs());
        off.map(|off| ((off - half) / half).max(0.0)).sum()
    };
    let total = |chosen: &[(Vec<f64>, Confusion)]| -> Vec<f64> {
        let mut sums = vec![0.0; stated.values.len()];
        chosen.iter().for_each(|(values, _)| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value));
        sums
    };
    let mut effort = 0;
    loop {
        let before = outside(&total(&chosen));
        for run in 0..runs {
            let sums = total(&chosen);
            if outside(&sums) == 0.0 {
                return Some(chosen.into_iter().map(|(_, table)| table).collect());
            }
            effort += tables.len();
            if effort > EFFORT {
                return None;
            }
            let without: Vec<f64> = sums.iter().zip(&chosen[run].0).map(|(sum, own)| sum - own).collect();
            let with = |values: &[f64]| outside(&without.iter().zip(values).map(|(a, b)| a + b).collect::<Vec<_>>());
            let best = tables.iter().min_by(|a, b| with(&a.0).total_cmp(&with(&b.0)))?;
            if with(&best.0) < outside(&sums) {
                chosen[run] = best.clone();
            }
        }
        if outside(&total(&chosen)) >= before {
            return (before == 0.0).then(|| chosen.into_iter().map(|(_, table)| table).collect());
        }
    }
}

/// `runs` tables, each as often as its share comes to, by largest remainders.
fn shared(mixture: &[(f64, Confusion)], runs: usize) -> Vec<Confusion> {
    let mut counts: Vec<(usize, f64)> = mixture
        .iter()
        .map(|(share, _)| {
            let exact = share * runs as f64;
            (exact.floor() as usize, exact.fract())
        })
        .collect();
    while counts.iter().map(|(count, _)| count).sum::<usize>() < runs {
        let Some(most) = (0..counts.len()).max_by(|a, b| counts[*a].1.total_cmp(&counts[*b].1)) else { break };
        counts[most].0 += 1;
        counts[most].1 -= 1.0;
    }
    let of = |((count, _), (_, table)): (&(usize, f64), &(f64, Confusion))| vec![*table; *count];
    let mut tables: Vec<Confusion> = counts.iter().zip(mixture).flat_map(of).collect();
    tables.truncate(runs);
    tables
}

//! Whether the convex hull of all tables' numbers meets the box of numbers that round to the stated ones.
//!
//! Distance of the two sets by Wolfe's algorithm for the point of least norm in a polytope (Math Program 11:128, 1976)
//! on their difference: of both, the furthest point in a direction is all that is asked for.

use super::{Convention, SLACK, Stated};
use crate::records::Confusion;
use crate::statistics::linear_system::{Pivot, solve};

/// Rounds, at most; a polytope in five dimensions needs some tens.
const ROUNDS: usize = 10_000;

/// Distances below this, in half units of the last digit, are none.
const NONE: f64 = 1e-7;

/// Corners whose products leave less than this to a pivot lie in one plane.
const SINGULAR: f64 = 1e-12;

/// A point of the difference, and the table that it comes from.
#[derive(Clone)]
struct Corner {
    at: Vec<f64>,
    table: Confusion,
}

/// Tables with weights that add up to 1 and whose mean numbers lie in the box; `None` where there are none.
pub fn mixture(stated: &Stated, convention: Convention) -> Option<Vec<(f64, Confusion)>> {
    // In half units of the last digit about the stated numbers the box is a cube with sides at -1 and 1.
    let half = stated.unit() / 2.0;
    let place = |table: &Confusion| -> Vec<f64> {
        let values = stated.values_of(table, convention);
        values.iter().zip(&stated.values).map(|(value, (_, stated))| (value - stated) / half).collect()
    };
    let tables: Vec<(Vec<f64>, Confusion)> = stated.tables().map(|table| (place(&table), table)).collect();
    let side = 1.0 + 2.0 * SLACK;
    let lowest = |direction: &[f64]| -> Option<Corner> {
        let along = |at: &[f64]| dot(at, direction);
        let least = tables.iter().min_by(|a, b| along(&a.0).total_cmp(&along(&b.0)))?;
        // Less the furthest corner of the cube.
        let at = least.0.iter().zip(direction).map(|(at, d)| at - side * d.signum()).collect();
        Some(Corner { at, table: least.1 })
    };
    let first = lowest(&vec![1.0; stated.values.len()])?;
    let mut corners = vec![first];
    let mut weights = vec![1.0];
    for _ in 0..ROUNDS {
        let nearest = combine(&corners, &weights);
        let square = dot(&nearest, &nearest);
        if square.sqrt() < NONE {
            return Some(merged(&corners, &weights));
        }
        let next = lowest(&nearest)?;
        // No point of the difference lies on the other side of the plane through the nearest one.
        if square - dot(&nearest, &next.at) <= 1e-12 * (1.0 + square) {
            return None;
        }
        corners.push(next);
        weights.push(0.0);
        if !settle(&mut corners, &mut weights) {
            return None;
        }
    }
    None
}

/// Moves to the point of least norm in the hull of the corners, dropping those that it does not need; false where the
/// corners' plane is not told to the last bit, and nothing nearer is to be had.
fn settle(corners: &mut Vec<Corner>, weights: &mut Vec<f64>) -> bool {
    loop {
        let Some(wanted) = affine_minimum(corners) else { return false };
        if wanted.iter().all(|weight| *weight > 1e-12) {
            *weights = wanted;
            return true;
        }
        // As far towards it as no weight falls below 0.
        let mut share: f64 = 1.0;
        for (old, new) in weights.iter().zip(&wanted) {
            if *new <= 1e-12 && old - new > 0.0 {
                share = share.min(old / (old - new));
            }
        }
        for (old, new) in weights.iter_mut().zip(&wanted) {
            *old += share * (new - *old);
        }
        let kept: Vec<bool> = weights.iter().map(|weight| *weight > 1e-12).collect();
        if kept.iter().all(|kept| *kept) || !kept.contains(&true) {
            return false;
        }
        let mut at = kept.iter();
        corners.retain(|_| at.next() == Some(&true));
        weights.retain(|weight| *weight > 1e-12);
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}

/// Weights that add up to 1, of any sign, of the point of least norm in the plane through the corners.
fn affine_minimum(corners: &[Corner]) -> Option<Vec<f64>> {
    let n = corners.len();
    // Products of the corners, bordered by ones.
    let mut rows = vec![vec![0.0; n + 2]; n + 1];
    for row in 0..n {
        for column in 0..n {
            rows[row][column] = dot(&corners[row].at, &corners[column].at);
        }
        rows[row][n] = 1.0;
        rows[n][row] = 1.0;
    }
    rows[n][n + 1] = 1.0;
    solve(rows, Pivot::Largest(SINGULAR)).map(|mut solution| {
        solution.truncate(n);
        solution
    })
}

fn combine(corners: &[Corner], weights: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; corners.first().map_or(0, |corner| corner.at.len())];
    for (corner, weight) in corners.iter().zip(weights) {
        sum.iter_mut().zip(&corner.at).for_each(|(sum, at)| *sum += weight * at);
    }
    sum
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The same table from several corners of the cube counts once; the most frequent first.
fn merged(corners: &[Corner], weights: &[f64]) -> Vec<(f64, Confusion)> {
    let mut found: Vec<(f64, Confusion)> = Vec::new();
    for (corner, weight) in corners.iter().zip(weights) {
        match found.iter_mut().find(|(_, table)| *table == corner.table) {
            Some((sum, _)) => *sum += weight,
            None => found.push((*weight, corner.table)),
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::stated_table::Metric;

    fn stated(values: &[(Metric, f64)]) -> Stated {
        Stated { positives: 4, negatives: 4, values: values.to_vec(), digits: 2, runs: 1 }
    }

    /// Sensitivity and specificity are free of each other: any pair is a mean. Accuracy is their mean here, so .9 of
    /// both with .5 is none.
    #[test]
    fn what_can_be_a_mean_by_hand() {
        let both = [(Metric::Sensitivity, 0.9), (Metric::Specificity, 0.9)];
        let mixture_of = |values: &[(Metric, f64)]| mixture(&stated(values), Convention::Positive);
        let found = mixture_of(&both).unwrap();
        assert!((found.iter().map(|(weight, _)| weight).sum::<f64>() - 1.0).abs() < 1e-9);
        let mean =
            |metric| -> f64 { found.iter().map(|(w, table)| w * Convention::Positive.value(metric, table)).sum() };
        assert!((mean(Metric::Sensitivity) - 0.9).abs() < 0.00501 && (mean(Metric::Specificity) - 0.9).abs() < 0.00501);
        assert!(mixture_of(&[both[0], both[1], (Metric::Accuracy, 0.5)]).is_none());
        assert!(mixture_of(&[both[0], both[1], (Metric::Accuracy, 0.9)]).is_some());
    }
}

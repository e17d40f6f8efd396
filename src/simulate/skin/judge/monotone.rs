//! How much of a factor a meter's value tells, whatever curve leads from one to the other: isotonic regression.

use super::measured::Set;

/// Share of the truth's variance that a monotone curve explains which was fitted on every second lesion's images, on
/// the images of the others; below 0 where the mean alone would do better, 0 where nothing varies.
pub(super) fn explained(set: &Set, factor: usize) -> f64 {
    let (mut fitted, mut tested) = (vec![], vec![]);
    for row in set.measured() {
        let even = row.lesion.bytes().next_back().is_some_and(|last| last % 2 == 0);
        let pair = (row.seen[factor], row.truth[factor]);
        if even { fitted.push(pair) } else { tested.push(pair) }
    }
    let rising = direction(&fitted);
    let curve = isotonic(fitted.into_iter().map(|(seen, truth)| (rising * seen, truth)).collect());
    held_out(&curve, tested.into_iter().map(|(seen, truth)| (rising * seen, truth)).collect())
}

/// 1 where one grows with the other, else -1.
fn direction(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len().max(1) as f64;
    let means = pairs.iter().fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0 / count, sums.1 + pair.1 / count));
    let covariance: f64 = pairs.iter().map(|pair| (pair.0 - means.0) * (pair.1 - means.1)).sum();
    if covariance < 0.0 { -1.0 } else { 1.0 }
}

/// The rising steps nearest to the pairs by least squares (pool adjacent violators, Ayer et al. 1955): at the middle of
/// each pool its mean.
fn isotonic(mut pairs: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Sum of x, sum of y, count.
    let mut pools: Vec<(f64, f64, f64)> = vec![];
    for (x, y) in pairs {
        let mut pool = (x, y, 1.0);
        while let Some(last) = pools.last().filter(|last| last.1 / last.2 >= pool.1 / pool.2) {
            pool = (pool.0 + last.0, pool.1 + last.1, pool.2 + last.2);
            pools.pop();
        }
        pools.push(pool);
    }
    pools.into_iter().map(|(x, y, count)| (x / count, y / count)).collect()
}

/// The curve between its points, level beyond them.
fn value(curve: &[(f64, f64)], x: f64) -> f64 {
    let above = curve.partition_point(|point| point.0 < x);
    match (above.checked_sub(1).map(|below| curve[below]), curve.get(above)) {
        (Some(below), Some(above)) => {
            below.1 + (above.1 - below.1) * (x - below.0) / (above.0 - below.0).max(f64::MIN_POSITIVE)
        }
        (Some(end), None) => end.1,
        (None, Some(end)) => end.1,
        (None, None) => 0.0,
    }
}

fn held_out(curve: &[(f64, f64)], pairs: Vec<(f64, f64)>) -> f64 {
    let mean = pairs.iter().map(|pair| pair.1).sum::<f64>() / pairs.len().max(1) as f64;
    let all: f64 = pairs.iter().map(|pair| (pair.1 - mean).powi(2)).sum();
    let left: f64 = pairs.iter().map(|pair| (pair.1 - value(curve, pair.0)).powi(2)).sum();
    if all > 0.0 { 1.0 - left / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_and_shares_by_hand() {
        // 3 and 2 are out of order: their pool is 2.5 at the middle of their places.
        let curve = isotonic(vec![(0.0, 1.0), (1.0, 3.0), (2.0, 2.0), (3.0, 5.0)]);
        assert_eq!(curve, [(0.0, 1.0), (1.5, 2.5), (3.0, 5.0)]);
        assert_eq!((value(&curve, -1.0), value(&curve, 0.75), value(&curve, 9.0)), (1.0, 1.75, 5.0));
        // A perfect curve explains all, the mean nothing.
        assert_eq!(held_out(&[(0.0, 0.0), (1.0, 1.0)], vec![(0.0, 0.0), (1.0, 1.0)]), 1.0);
        assert_eq!(held_out(&[(0.0, 0.5)], vec![(0.0, 0.0), (1.0, 1.0)]), 0.0);
        assert_eq!(direction(&[(0.0, 1.0), (1.0, 0.0)]), -1.0);
    }
}

//! A share with its interval: of independent items, and of items that come in clusters.

use std::collections::BTreeMap;

use super::{LEVEL, normal_quantile};
use crate::records::Interval;

/// Wilson's score interval (1927) for `successes` of `n` independent items; `None` when `n` is 0 or smaller than
/// `successes`.
pub fn wilson(successes: u64, n: u64) -> Option<Interval> {
    (n > 0 && successes <= n).then(|| {
        let share = successes as f64 / n as f64;
        let [low, high] = limits(share, n as f64, LEVEL);
        Interval { value: share, low, high, level: LEVEL, n, method: "Wilson".to_owned() }
    })
}

/// Wilson's interval for a share of items that come in clusters, such as slices of one patient: items of a cluster are
/// alike, so they count as fewer than as many independent ones. `items` are (cluster, hit); `None` without any.
///
/// The interval is Wilson's on n / design effect (Dean & Pagano, J Surv Stat Methodol 3:484, 2015). The design effect
/// is the variance of the share as a ratio over clusters (Rao & Scott, Biometrics 48:577, 1992) over that of n
/// independent items, both without the correction for few of them, as Wilson's own is, and never below 1: k equal
/// items in each cluster count as one. Where all items agree, or one cluster holds them all, it cannot be estimated;
/// the items of a cluster then count as one voice, too: n^2 / sum of squared cluster sizes (Kish, Survey Sampling,
/// 1965, with a correlation of 1 within clusters). Where each item is a cluster of its own this is [`wilson`], to the
/// bit. `n` of the interval counts items; `method` says how many they come to.
pub fn clustered<C: Ord>(items: impl IntoIterator<Item = (C, bool)>) -> Option<Interval> {
    clustered_means(items.into_iter().map(|(cluster, hit)| (cluster, f64::from(u8::from(hit)))))
}

/// As [`clustered`], of items that were answered in several repetitions, each with the share of these in which it was
/// hit, 0 to 1. However many there are, an item is one item: repetitions do not narrow the interval.
pub fn clustered_means<C: Ord>(items: impl IntoIterator<Item = (C, f64)>) -> Option<Interval> {
    let mut clusters: BTreeMap<C, Cluster> = BTreeMap::new();
    for (cluster, hit) in items {
        let cluster = clusters.entry(cluster).or_default();
        cluster.items += 1;
        cluster.hits += hit;
    }
    let clusters: Vec<Cluster> = clusters.into_values().collect();
    let n = clusters.iter().map(|cluster| cluster.items).sum();
    if n == 0 {
        return None;
    }
    let share = clusters.iter().map(|cluster| cluster.hits).sum::<f64>() / n as f64;
    let [low, high] = limits(share, n as f64, LEVEL);
    let independent = Interval { value: share, low, high, level: LEVEL, n, method: "Wilson".to_owned() };
    if clusters.len() as u64 == n {
        return Some(independent);
    }
    let effective = effective_items(&clusters, independent.value);
    let [low, high] = limits(independent.value, effective, LEVEL);
    let method = format!("Wilson on {effective:.1} effective of {n} items in {} patients", clusters.len());
    Some(Interval { low, high, method, ..independent })
}

#[derive(Clone, Copy, Default)]
struct Cluster {
    items: u64,
    hits: f64,
}

/// How many independent items say as much about the share as these clusters do.
fn effective_items(clusters: &[Cluster], share: f64) -> f64 {
    let sum = |of: &dyn Fn(&Cluster) -> f64| clusters.iter().map(of).sum::<f64>();
    let n = sum(&|cluster| cluster.items as f64);
    let independent = share * (1.0 - share) / n;
    if independent == 0.0 || clusters.len() < 2 {
        return n * n / sum(&|cluster| (cluster.items as f64).powi(2));
    }
    let squares = sum(&|cluster| (cluster.hits - cluster.items as f64 * share).powi(2));
    n / (squares / (n * n) / independent).max(1.0)
}

/// Both limits of Wilson's interval for a share of `n` items, which need not be a whole number; `level` in (0, 1).
fn limits(share: f64, n: f64, level: f64) -> [f64; 2] {
    let z = normal_quantile(level);
    let shrink = 1.0 + z * z / n;
    let centre = (share + z * z / (2.0 * n)) / shrink;
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / shrink;
    // At 0 and n the limits are exactly 0 and 1; rounding must not move them past the estimate.
    [(centre - half).clamp(0.0, share), (centre + half).clamp(share, 1.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// 51 and 57 of 60 test rims: the intervals of the paper's sensitivities .85 and .95.
    #[test]
    fn sixty_test_rims() {
        for (found, low, high) in [(51, 0.739, 0.919), (57, 0.863, 0.983)] {
            let interval = wilson(found, 60).unwrap();
            assert_abs_diff_eq!(interval.low, low, epsilon = 5e-4);
            assert_abs_diff_eq!(interval.high, high, epsilon = 5e-4);
        }
    }

    #[test]
    fn the_ends() {
        assert_eq!(wilson(0, 10).unwrap().low, 0.0);
        assert_eq!(wilson(10, 10).unwrap().high, 1.0);
        // By hand with z^2 = 3.8415: 0 of 10 reaches up to z^2 / (10 + z^2) = .2775.
        assert_abs_diff_eq!(wilson(0, 10).unwrap().high, 0.2775, epsilon = 1e-4);
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(3, 2), None);
    }

    #[test]
    fn matches_statsmodels() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        for case in reference["wilson"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let [low, high] = limits(number("successes") / number("n"), number("n"), number("level"));
            assert_abs_diff_eq!(low, number("low"), epsilon = 1e-10);
            assert_abs_diff_eq!(high, number("high"), epsilon = 1e-10);
        }
    }

    /// (patient, hits, items) as items.
    fn items(clusters: &[[u64; 2]]) -> Vec<(usize, bool)> {
        let of = |(patient, [hits, items]): (usize, &[u64; 2])| {
            let hits = *hits;
            (0..*items).map(move |item| (patient, item < hits))
        };
        clusters.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn each_item_a_patient_of_its_own_is_wilson() {
        let items: Vec<(u32, bool)> = (0..20).map(|patient| (patient, patient < 3)).collect();
        assert_eq!(clustered(items), wilson(3, 20));
        assert_eq!(clustered(Vec::<(u32, bool)>::new()), None);
    }

    /// Three photographs of lesions of their own, answered twice: right in both, in one, in none. The mean is .5 of
    /// three, not of six.
    #[test]
    fn repetitions_are_no_further_items() {
        let found = clustered_means([(1, 1.0), (2, 0.5), (3, 0.0)]).unwrap();
        let [low, high] = limits(0.5, 3.0, LEVEL);
        assert_eq!((found.value, found.low, found.high, found.n), (0.5, low, high, 3));
        assert_eq!(clustered_means([(1, 1.0), (2, 0.0), (3, 0.0), (4, 1.0)]), wilson(2, 4));
    }

    /// Two slices each of four patients, of which two are hit in both: deviations of 1, variance 4/64; of eight
    /// independent slices .25 / 8, half of it, so eight slices count as the four patients. Where each patient is hit in
    /// one slice of two, the patients do not differ, and eight slices stay eight.
    #[test]
    fn slices_that_agree_within_a_patient_count_as_fewer() {
        let alike = clustered(items(&[[2, 2], [2, 2], [0, 2], [0, 2]])).unwrap();
        let patients = wilson(2, 4).unwrap();
        assert_abs_diff_eq!(alike.low, patients.low, epsilon = 1e-12);
        assert_abs_diff_eq!(alike.high, patients.high, epsilon = 1e-12);
        assert_eq!((alike.value, alike.n), (0.5, 8));
        assert_eq!(alike.method, "Wilson on 4.0 effective of 8 items in 4 patients");
        let mixed = clustered(items(&[[1, 2], [1, 2], [1, 2], [1, 2]])).unwrap();
        let plain = wilson(4, 8).unwrap();
        assert_eq!((mixed.low, mixed.high), (plain.low, plain.high));
    }

    /// None of 1 + 1 + 2 slices: 16 / (1 + 1 + 4) = 8/3 voices, which reach up to z^2 / (8/3 + z^2) = .590. One patient
    /// is one.
    #[test]
    fn where_all_agree_a_patient_is_one_voice() {
        let none = clustered(items(&[[0, 1], [0, 1], [0, 2]])).unwrap();
        assert_eq!((none.value, none.low), (0.0, 0.0));
        assert_abs_diff_eq!(none.high, 3.841_459 / (8.0 / 3.0 + 3.841_459), epsilon = 1e-6);
        let one = clustered(items(&[[2, 5]])).unwrap();
        assert!(one.method.starts_with("Wilson on 1.0 effective of 5 items"), "{}", one.method);
    }

    /// Variance: statsmodels' OLS on a constant with errors by cluster; limits: its Wilson interval.
    #[test]
    fn clusters_match_statsmodels() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/statistics.json")).unwrap();
        let cases = reference["clustered"].as_array().unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let clusters: Vec<[u64; 2]> = serde_json::from_value(case["clusters"].clone()).unwrap();
            let found = clustered(items(&clusters)).unwrap();
            for (ours, key) in [(found.value, "share"), (found.low, "low"), (found.high, "high")] {
                assert_abs_diff_eq!(ours, case[key].as_f64().unwrap(), epsilon = 1e-10);
            }
        }
    }
}

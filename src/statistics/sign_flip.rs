//! McNemar's test where items come in clusters: if two models are alike, which of them is called the first is a matter
//! of chance, cluster by cluster. The exact test turns that round for every set of clusters.
//!
//! With one item a cluster it is the exact McNemar test, to the bit of rounding. Sign-flip test: Fisher (The Design of
//! Experiments, 1935), with clusters as its units.

/// Largest sum of absolute differences that is taken as it is; above it, differences of the order of millions of items,
/// the normal limit is as good.
const LARGEST: u64 = 2_000_000;

/// Two-sided p of clusters' differences: of each, the items that only the first model has right less those that only
/// the second has, over all repetitions. The share of the 2^k assignments of signs whose sum is at least as far from 0;
/// 1 where nothing differs.
///
/// Exact for sums of absolute differences up to two million; beyond, by the normal distribution.
pub fn sign_flip(differences: &[i64]) -> f64 {
    let sizes: Vec<u64> = differences.iter().map(|d| d.unsigned_abs()).filter(|size| *size > 0).collect();
    let divisor = sizes.iter().copied().fold(0, greatest_common_divisor);
    if divisor == 0 {
        return 1.0;
    }
    let observed = (differences.iter().sum::<i64>().unsigned_abs() / divisor) as usize;
    let sizes: Vec<usize> = sizes.iter().map(|size| (size / divisor) as usize).collect();
    let most: usize = sizes.iter().sum();
    if most as u64 > LARGEST {
        let variance: f64 = sizes.iter().map(|size| (*size as f64).powi(2)).sum();
        return super::two_sided_p(observed as f64 / variance.sqrt());
    }
    // Probability of each sum of those sizes whose sign is plus; the signed sum is twice that less all.
    let mut chance = vec![0.0; most + 1];
    chance[0] = 1.0;
    let mut reached = 0;
    for size in sizes {
        reached += size;
        for sum in (0..=reached).rev() {
            let with = if sum >= size { chance[sum - size] } else { 0.0 };
            chance[sum] = 0.5 * (chance[sum] + with);
        }
    }
    let far = |plus: usize| (2 * plus).abs_diff(most) >= observed;
    chance.iter().enumerate().filter(|(plus, _)| far(*plus)).map(|(_, chance)| chance).sum::<f64>().min(1.0)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::statistics::compare::mcnemar_exact;

    /// Three patients +2, +1, -1: of the eight signed sums (4, 2, 2, 0, 0, -2, -2, -4) six are at least 2 from 0.
    #[test]
    fn three_patients_by_hand() {
        assert_eq!(sign_flip(&[2, 1, -1]), 0.75);
        assert_eq!(sign_flip(&[2, 1, 1]), 0.25);
        assert_eq!(sign_flip(&[0, 0]), 1.0);
        assert_eq!(sign_flip(&[]), 1.0);
    }

    #[test]
    fn one_item_a_patient_is_mcnemar() {
        for (first, second) in [(6, 0), (9, 3), (40, 61), (4, 4)] {
            let items: Vec<i64> = vec![1; first].into_iter().chain(vec![-1; second]).collect();
            let expected = mcnemar_exact(first as u64, second as u64);
            assert_abs_diff_eq!(sign_flip(&items), expected, epsilon = 1e-12);
        }
    }

    /// Six discordant lesions of one patient say as much as one coin.
    #[test]
    fn lesions_of_one_patient_are_one_voice() {
        assert_eq!(sign_flip(&[6]), 1.0);
        assert_eq!(sign_flip(&[3, 3]), 0.5);
        let far = sign_flip(&[4_000_001, -1, 4_000_000]);
        assert!((0.1..0.2).contains(&far), "{far}");
    }

    /// scipy.stats.permutation_test over all assignments of signs.
    #[test]
    fn matches_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/comparisons.json")).unwrap();
        let cases = reference["sign_flip"].as_array().unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let differences: Vec<i64> = serde_json::from_value(case["differences"].clone()).unwrap();
            assert_abs_diff_eq!(sign_flip(&differences), case["p"].as_f64().unwrap(), epsilon = 1e-12);
        }
    }
}

//! Whether two lists of numbers go together: Pearson's and Spearman's coefficients.

/// Pearson's correlation of pairs, -1 to 1; `None` for lists of different lengths, fewer than two pairs, or a list of
/// equal values.
pub fn pearson(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.len() != second.len() || first.len() < 2 {
        return None;
    }
    let n = first.len() as f64;
    let [mean_a, mean_b] = [first, second].map(|values| values.iter().sum::<f64>() / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let found = ab / (aa * bb).sqrt();
    found.is_finite().then(|| found.clamp(-1.0, 1.0))
}

/// Spearman's rank correlation: Pearson's of the ranks, equal values sharing the mean of theirs. `None` as there.
pub fn spearman(first: &[f64], second: &[f64]) -> Option<f64> {
    pearson(&ranks(first), &ranks(second))
}

/// Ranks from 1; equal values share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut below = 0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = below as f64 + (equal.len() as f64 + 1.0) / 2.0;
        equal.iter().for_each(|&at| ranks[at] = mean);
        below += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// By hand: deviations -1, 0, 1 and -1/3, 2/3, -1/3 go together by 0; 1, 2, 3 and 2, 4, 6 by 1.
    #[test]
    fn pearson_by_hand() {
        assert_abs_diff_eq!(pearson(&[1.0, 2.0, 3.0], &[0.0, 1.0, 0.0]).unwrap(), 0.0, epsilon = 1e-12);
        assert_abs_diff_eq!(pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]).unwrap(), 1.0, epsilon = 1e-12);
        assert_eq!(pearson(&[1.0, 1.0], &[0.0, 1.0]), None);
        assert_eq!(pearson(&[1.0], &[1.0]), None);
        assert_eq!(pearson(&[1.0, 2.0], &[1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn equal_values_share_their_ranks_and_only_order_counts() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 0.0, -0.0]), [4.5, 3.0, 4.5, 1.5, 1.5]);
        assert_abs_diff_eq!(spearman(&[1.0, 2.0, 3.0], &[1.0, 10.0, 11.0]).unwrap(), 1.0, epsilon = 1e-12);
    }

    /// scipy.stats.pearsonr and spearmanr; see tests/fixtures/make_explanation.py.
    #[test]
    fn matches_scipy() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/explanation.json")).unwrap();
        let cases = reference["correlations"].as_array().unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let list = |key: &str| serde_json::from_value::<Vec<f64>>(case[key].clone()).unwrap();
            let (a, b) = (list("a"), list("b"));
            assert_abs_diff_eq!(pearson(&a, &b).unwrap(), case["pearson"].as_f64().unwrap(), epsilon = 1e-12);
            assert_abs_diff_eq!(spearman(&a, &b).unwrap(), case["spearman"].as_f64().unwrap(), epsilon = 1e-12);
        }
    }
}

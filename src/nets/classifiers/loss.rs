//! What classifiers are trained with.

use tch::{Kind, Tensor};

/// Mean softmax cross-entropy of `logits` \[N, k\] against class probabilities `target` \[N, k\] (one-hot, or soft
/// labels whose rows add up to 1), each item weighted by `weight` \[N\]; divided by the sum of the weights.
pub fn cross_entropy(logits: &Tensor, target: &Tensor, weight: &Tensor) -> Tensor {
    let each = (logits.log_softmax(1, Kind::Float) * target).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    -(each * weight).sum(Kind::Float) / weight.sum(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    fn loss(logits: &[f32], target: &[f32], weight: &[f32]) -> f64 {
        let shape = [weight.len() as i64, -1];
        let (logits, target) = (Tensor::from_slice(logits).view(shape), Tensor::from_slice(target).view(shape));
        f64::try_from(cross_entropy(&logits, &target, &Tensor::from_slice(weight))).unwrap()
    }

    #[test]
    fn sure_and_right_costs_nothing_and_undecided_costs_the_log_of_the_number_of_classes() {
        assert_relative_eq!(loss(&[0.0, 100.0], &[0.0, 1.0], &[1.0]), 0.0, epsilon = 1e-6);
        assert_relative_eq!(loss(&[5.0, 5.0], &[1.0, 0.0], &[1.0]), 2f64.ln(), epsilon = 1e-6);
        assert_relative_eq!(loss(&[5.0, 5.0], &[0.5, 0.5], &[1.0]), 2f64.ln(), epsilon = 1e-6);
        assert_relative_eq!(loss(&[1.0, 1.0, 1.0, 1.0], &[0.0, 0.0, 1.0, 0.0], &[1.0]), 4f64.ln(), epsilon = 1e-6);
    }

    #[test]
    fn weights_share_and_soft_labels_are_mixtures() {
        // Logits 0, ln 3: probabilities 1/4 and 3/4. Weights 3 and 1 of costs ln 4 and ln 4/3.
        let (l, far, near) = (3f32.ln(), 4f64.ln(), (4.0f64 / 3.0).ln());
        let both = loss(&[0.0, l, 0.0, l], &[1.0, 0.0, 0.0, 1.0], &[3.0, 1.0]);
        assert_relative_eq!(both, (3.0 * far + near) / 4.0, epsilon = 1e-6);
        assert_relative_eq!(loss(&[0.0, l], &[0.25, 0.75], &[1.0]), 0.25 * far + 0.75 * near, epsilon = 1e-6);
    }
}

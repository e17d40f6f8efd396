//! Networks that tell classes apart, behind one trait.

use tch::{Kind, Tensor};

use super::network::Network;

pub mod cnn;

mod loss;

pub use loss::cross_entropy;

/// Whether normalisation uses the batch's own moments (and updates the running ones) or the running ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Of the batch.
    Train,
    /// Of all batches seen.
    Evaluate,
}

/// A network that tells `k` classes apart; an image is float32 \[channels, height, width\] in \[-1, 1\].
pub trait Classifier: Network {
    /// `k`, at least 2.
    fn classes(&self) -> i64;

    /// Images \[N, C, H, W\] -> logits \[N, k\].
    fn forward(&self, images: &Tensor, mode: Mode) -> Tensor;

    /// Images \[N, C, H, W\] -> what of the logit of `class` above the mean of the other logits comes from where, \[N,
    /// H', W'\] in evaluation mode: the class activation map of Zhou et al. 2016 (arXiv 1512.04150). The mean of a map
    /// is that difference.
    fn activation(&self, images: &Tensor, class: i64) -> Tensor;

    /// Images \[N, C, H, W\] -> the log-odds of each class, ln p / (1 - p), \[N, k\] in evaluation mode: its logit
    /// minus the log of the sum of the others' exponentials. Of two classes that is the difference of the two logits.
    fn scores(&self, images: &Tensor) -> Tensor {
        log_odds(&self.forward(images, Mode::Evaluate))
    }
}

/// Logits \[N, k\] -> log-odds \[N, k\] of the softmax.
fn log_odds(logits: &Tensor) -> Tensor {
    let count = logits.size()[1];
    let of = |class: i64| {
        let others: Vec<i64> = (0..count).filter(|&other| other != class).collect();
        let others = logits.index_select(1, &Tensor::from_slice(&others).to_device(logits.device()));
        logits.select(1, class) - others.to_kind(Kind::Float).logsumexp([1i64].as_slice(), false)
    };
    Tensor::stack(&(0..count).map(of).collect::<Vec<_>>(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_by_hand() {
        // Probabilities 1/7, 2/7, 4/7: odds 1/6, 2/5, 4/3. Adding a constant to all logits changes nothing.
        let logits = Tensor::from_slice(&[0.0f32, 2f32.ln(), 4f32.ln()]).view([1, 3]) + 3.0;
        let odds = Vec::<f32>::try_from(log_odds(&logits).exp().reshape([-1])).unwrap();
        for (found, expected) in odds.iter().zip([1.0 / 6.0, 2.0 / 5.0, 4.0 / 3.0]) {
            approx::assert_abs_diff_eq!(*found, expected, epsilon = 1e-5);
        }
        let two = log_odds(&Tensor::from_slice(&[0.3f32, -1.7]).view([1, 2]));
        assert_eq!(Vec::<f32>::try_from(two.reshape([-1])).unwrap(), [2.0, -2.0]);
    }
}

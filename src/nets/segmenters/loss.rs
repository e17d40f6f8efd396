//! What segmenting networks are trained with: cross-entropy and the soft Dice loss, whose sum is that of nnU-Net
//! (Isensee et al. 2021, Nat Methods 18:203, online methods).

use tch::{Kind, Reduction, Tensor};

/// Keeps the Dice loss of a batch without anything in it defined, as in nnU-Net.
const SMOOTH: f64 = 1e-5;

/// Mean binary cross-entropy of `logits` against a mask `target` of the same shape, 0 or 1.
pub fn cross_entropy(logits: &Tensor, target: &Tensor) -> Tensor {
    logits.binary_cross_entropy_with_logits::<Tensor>(target, None, None, Reduction::Mean)
}

/// 1 - (2 sum p g + s) / (sum p + sum g + s) over all pixels of the batch, with p the sigmoid of `logits`, g the mask
/// `target` of the same shape and s = 1e-5 (Milletari et al. 2016, arXiv 1606.04797, section 3, in the form of
/// Drozdzal et al. 2016, arXiv 1608.04117, equation 2; "batch Dice" of nnU-Net). Summed over the batch, so that a slice
/// without rim takes part instead of being undefined.
pub fn dice_loss(logits: &Tensor, target: &Tensor) -> Tensor {
    let p = logits.sigmoid();
    let both = (&p * target).sum(Kind::Float);
    let all = p.sum(Kind::Float) + target.sum(Kind::Float);
    (both * 2.0 + SMOOTH) / (all + SMOOTH) * -1.0 + 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    /// Four pixels at probability 1/2, two of them in the mask: cross-entropy ln 2; Dice 2 x 1 / (2 + 2) = 1/2.
    #[test]
    fn undecided_pixels_by_hand() {
        let logits = Tensor::zeros([1, 1, 2, 2], (Kind::Float, tch::Device::Cpu));
        let target = Tensor::from_slice(&[1f32, 0.0, 1.0, 0.0]).view([1, 1, 2, 2]);
        assert_abs_diff_eq!(f64::try_from(cross_entropy(&logits, &target)).unwrap(), 2f64.ln(), epsilon = 1e-6);
        assert_abs_diff_eq!(f64::try_from(dice_loss(&logits, &target)).unwrap(), 0.5, epsilon = 1e-5);
        // Sure and right costs nothing; sure of nothing where nothing is, neither.
        let sure: Tensor = (&target - 0.5) * 100.0;
        assert_abs_diff_eq!(f64::try_from(dice_loss(&sure, &target)).unwrap(), 0.0, epsilon = 1e-6);
        let none = target.zeros_like();
        assert_abs_diff_eq!(
            f64::try_from(dice_loss(&(none.ones_like() * -100.0), &none)).unwrap(),
            0.0,
            epsilon = 1e-6
        );
    }
}

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

/// Mean cross-entropy of `logits` \[N, K, H, W\] of labels that exclude each other against `masks` of the same shape,
/// 1 for a pixel's label and 0 for the others.
pub fn label_cross_entropy(logits: &Tensor, masks: &Tensor) -> Tensor {
    // Over masks and not over numbers of labels: the gradient of the latter has no deterministic kernel on a GPU.
    let own = (logits.log_softmax(1, Kind::Float) * masks).sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
    own.mean(Kind::Float) * -1.0
}

/// The mean of [`dice_loss`]'s form over the labels but the first, which is the background, with p the softmax of
/// `logits` \[N, K, H, W\] and g the `masks` of the same shape ("batch Dice" of nnU-Net without background). A label
/// that the batch lacks costs what is given to it.
pub fn label_dice_loss(logits: &Tensor, masks: &Tensor) -> Tensor {
    let labels = logits.size()[1] - 1;
    let p = logits.softmax(1, Kind::Float).narrow(1, 1, labels);
    let masks = masks.narrow(1, 1, labels);
    let by_label = |values: &Tensor| values.sum_dim_intlist([0i64, 2, 3].as_slice(), false, Kind::Float);
    let both = by_label(&(&p * &masks));
    let all = by_label(&p) + by_label(&masks);
    ((both * 2.0 + SMOOTH) / (all + SMOOTH)).mean(Kind::Float) * -1.0 + 1.0
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

    /// Four pixels at probability 1/4 for each of four labels: two are background, one each of labels 1 and 2, none of
    /// 3. Cross-entropy ln 4; Dice of labels 1 and 2: 2 x 1/4 / (1 + 1) = 1/4, of label 3: 0.
    #[test]
    fn undecided_labels_by_hand() {
        let logits = Tensor::zeros([1, 4, 2, 2], (Kind::Float, tch::Device::Cpu));
        let labels = Tensor::from_slice(&[0i64, 0, 1, 2]).view([1, 2, 2]);
        let masks = labels.one_hot(4).permute([0, 3, 1, 2]).to_kind(Kind::Float);
        let of = |loss: Tensor| f64::try_from(loss).unwrap();
        assert_abs_diff_eq!(of(label_cross_entropy(&logits, &masks)), 4f64.ln(), epsilon = 1e-6);
        assert_abs_diff_eq!(of(label_dice_loss(&logits, &masks)), 1.0 - 0.5 / 3.0, epsilon = 1e-5);
        // Sure and right costs nothing, of the label that is not there either.
        let sure: Tensor = (&masks - 0.5) * 100.0;
        assert_abs_diff_eq!(of(label_cross_entropy(&sure, &masks)), 0.0, epsilon = 1e-6);
        assert_abs_diff_eq!(of(label_dice_loss(&sure, &masks)), 0.0, epsilon = 1e-6);
    }
}

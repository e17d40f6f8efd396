//! The loss formulas of StyleGAN2-ADA: tensors in, a scalar tensor out; no networks, no state.

use tch::{Kind, Tensor};

/// Non-saturating logistic loss of the generator, mean of softplus(-D(G(z))) over `fake` \[N, 1\]
/// (Goodfellow et al. 2014).
pub fn generator_logistic(fake: &Tensor) -> Tensor {
    (-fake).softplus().mean(Kind::Float)
}

/// Logistic loss of the discriminator, mean of softplus(D(G(z))) plus mean of softplus(-D(x)), logits \[N, 1\].
pub fn discriminator_logistic(fake: &Tensor, real: &Tensor) -> Tensor {
    fake.softplus().mean(Kind::Float) + (-real).softplus().mean(Kind::Float)
}

/// R1 gradient penalty (Mescheder et al. 2018): gamma / 2 times the mean over images of |grad|^2, where
/// `gradient` \[N, C, H, W\] is that of the summed real logits by the images.
pub fn r1_penalty(gradient: &Tensor, gamma: f64) -> Tensor {
    squared_norms(gradient).mean(Kind::Float) * (gamma / 2.0)
}

fn squared_norms(gradient: &Tensor) -> Tensor {
    gradient.square().sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float)
}

/// Path lengths \[N\] (StyleGAN2, section 3.2): root of the squared gradient summed over the latent's
/// components and averaged over its layers; `gradient` \[N, layers, w\] is that of sum(image x noise / sqrt(H W)).
pub fn path_lengths(gradient: &Tensor) -> Tensor {
    gradient.square().sum_dim_intlist(2i64, false, Kind::Float).mean_dim(1i64, false, Kind::Float).sqrt()
}

/// The running mean of the path lengths after a batch: `decay` is the share of the batch's mean (0.01). The penalty is
/// against this mean, and its gradient flows through the batch's share of it; detach what is carried to the next step.
pub fn path_length_mean(mean: &Tensor, lengths: &Tensor, decay: f64) -> Tensor {
    mean.lerp(&lengths.mean(Kind::Float), decay)
}

/// Path-length penalty: `weight` times the mean of (length - mean)^2 over \[N\] lengths.
pub fn path_length_penalty(lengths: &Tensor, mean: &Tensor, weight: f64) -> Tensor {
    (lengths - mean).square().mean(Kind::Float) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tensor: &Tensor) -> f64 {
        tensor.double_value(&[])
    }

    #[test]
    fn an_undecided_discriminator_costs_ln_2_a_term() {
        let zero = Tensor::zeros([4, 1], (Kind::Float, tch::Device::Cpu));
        approx::assert_relative_eq!(value(&generator_logistic(&zero)), 2f64.ln(), max_relative = 1e-6);
        approx::assert_relative_eq!(value(&discriminator_logistic(&zero, &zero)), 4f64.ln(), max_relative = 1e-6);
    }

    #[test]
    fn the_losses_point_the_right_way() {
        let (low, high) = (Tensor::from_slice(&[-3f32]).view([1, 1]), Tensor::from_slice(&[3f32]).view([1, 1]));
        assert!(value(&generator_logistic(&high)) < value(&generator_logistic(&low)));
        assert!(value(&discriminator_logistic(&low, &high)) < value(&discriminator_logistic(&high, &low)));
    }

    #[test]
    fn r1_by_hand() {
        // Two images of 1x1x2 pixels: |grad|^2 = 9 + 16 and 0; gamma 2 makes the factor 1.
        let gradient = Tensor::from_slice(&[3f32, 4.0, 0.0, 0.0]).view([2, 1, 1, 2]);
        assert_eq!(value(&r1_penalty(&gradient, 2.0)), 12.5);
    }

    #[test]
    fn path_length_by_hand() {
        // One latent of two layers with squared norms 25 and 7: sqrt(16) = 4.
        let gradient = Tensor::from_slice(&[3f32, 4.0, 7f32.sqrt(), 0.0]).view([1, 2, 2]);
        let lengths = path_lengths(&gradient);
        approx::assert_relative_eq!(lengths.double_value(&[0]), 4.0, max_relative = 1e-6);
        let mean = path_length_mean(&Tensor::from(0f32), &lengths, 0.01);
        approx::assert_relative_eq!(value(&mean), 0.04, max_relative = 1e-6);
        let penalty = path_length_penalty(&lengths, &mean, 2.0);
        approx::assert_relative_eq!(value(&penalty), 2.0 * 3.96f64.powi(2), max_relative = 1e-6);
    }
}

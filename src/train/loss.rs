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

/// The discriminator's loss on pairs, mean of softplus(-(D(x) - D(G(z)))) over logits \[N, 1\] in the order of the
/// pairs (Jolicoeur-Martineau 2019; Huang et al. 2024, "The GAN is dead", equation 2); the generator's with the two
/// exchanged.
pub fn relativistic(better: &Tensor, worse: &Tensor) -> Tensor {
    (worse - better).softplus().mean(Kind::Float)
}

/// Mean over the images that `kept` \[N, 1\] marks with 1, not over all, of what each costs \[N, 1\].
pub fn mean_of_kept(costs: &Tensor, kept: &Tensor) -> Tensor {
    (costs * kept).sum(Kind::Float) / kept.sum(Kind::Float)
}

/// Marks with 1 the `share` (scalar, 0..1) of the images of each class with the largest logits \[N, 1\], at least one
/// of each that is there: those that look most real (Sinha et al. 2020, "Top-k training of GANs"). Of equal logits the
/// earlier ones. `c` is one-hot \[N, c_dim\]; within a class, because a rare one would else not be learnt from at all.
pub fn most_realistic(logits: &Tensor, c: Option<&Tensor>, share: &Tensor) -> Tensor {
    let logits = logits.detach().reshape([-1]);
    let images = logits.size()[0];
    let of_one_class = match c {
        Some(c) => c.matmul(&c.tr()),
        None => Tensor::ones([images, images], (Kind::Float, logits.device())),
    };
    let (row, column) = (logits.unsqueeze(1), logits.unsqueeze(0));
    let earlier = Tensor::ones([images, images], (Kind::Bool, logits.device())).tril(-1);
    let ahead = column.greater_tensor(&row).logical_or(&column.eq_tensor(&row).logical_and(&earlier));
    let rank = (&of_one_class * ahead.to_kind(Kind::Float)).sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    let count = of_one_class.sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
    // A hair below, so that a share of a whole number of images is that number whatever the rounding.
    rank.less_tensor(&(count * share - 1e-4).ceil().clamp_min(1.0)).to_kind(Kind::Float)
}

/// LeCam regularisation (Tseng et al. 2021, equation 3): mean of relu(D(x) - a_fake)^2 plus mean of
/// relu(a_real - D(G(z)))^2, where `means` \[2\] are running means of real and of generated logits.
pub fn lecam(real: &Tensor, fake: &Tensor, means: &Tensor) -> Tensor {
    let over = |difference: Tensor| difference.relu().square().mean(Kind::Float);
    over(real - means.get(1)) + over(means.get(0) - fake)
}

/// R1 gradient penalty (Mescheder et al. 2018): gamma / 2 times the mean over images of |grad|^2, where
/// `gradient` \[N, C, H, W\], of volumes \[N, C, D, H, W\], is that of the summed real logits by the images.
pub fn r1_penalty(gradient: &Tensor, gamma: f64) -> Tensor {
    squared_norms(gradient).mean(Kind::Float) * (gamma / 2.0)
}

fn squared_norms(gradient: &Tensor) -> Tensor {
    let axes: Vec<i64> = (1..gradient.dim() as i64).collect();
    gradient.square().sum_dim_intlist(axes.as_slice(), false, Kind::Float)
}

/// Path lengths \[N\] (StyleGAN2, section 3.2): root of the squared gradient summed over the latent's
/// components and averaged over its layers; `gradient` \[N, layers, w\] is that of
/// sum(image x noise / sqrt(H W)), of volumes sqrt(D H W).
pub fn path_lengths(gradient: &Tensor) -> Tensor {
    gradient.square().sum_dim_intlist(2i64, false, Kind::Float).mean_dim(1i64, false, Kind::Float).sqrt()
}

/// Share of a batch's mean in the running mean of path lengths.
const PATH_LENGTH_DECAY: f64 = 0.01;

/// Means of path lengths, scalars without gradient.
#[derive(Debug)]
pub struct PathLengthMeans {
    /// Of a batch: of the images of all replicas.
    pub of_batch: Tensor,
    /// The running mean with this batch in it.
    pub running: Tensor,
}

impl PathLengthMeans {
    /// `before` is the running mean until this batch.
    pub fn after(before: &Tensor, of_batch: Tensor) -> Self {
        Self { running: before.lerp(&of_batch, PATH_LENGTH_DECAY), of_batch }
    }
}

/// Path-length penalty, the mean of (length - m)^2 over \[N\] lengths against the running mean m.
///
/// The batch has a part in m, and the gradient goes through it: with a share b of the batch's mean l in m the gradient
/// is the mean of 2 (length - m) (d length - b dl). The second term is linear in dl, so that it may be taken from
/// the lengths of one replica at a time: their mean is the gradient of the batch.
pub fn path_length_penalty(lengths: &Tensor, means: &PathLengthMeans) -> Tensor {
    let PathLengthMeans { of_batch, running } = means;
    let through_mean = (running - of_batch) * (2.0 * PATH_LENGTH_DECAY) * lengths.mean(Kind::Float);
    // What is subtracted has no gradient: the value stays that of the penalty.
    (lengths - running).square().mean(Kind::Float) + &through_mean - through_mean.detach()
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

    fn logits(values: [f32; 4]) -> Tensor {
        Tensor::from_slice(&values).view([4, 1])
    }

    /// Real and generated logits; what they cost is worked out by hand from softplus.
    const REAL: [f32; 4] = [2.0, 0.5, -1.0, 0.25];
    const FAKE: [f32; 4] = [-1.0, 0.75, -0.5, 1.5];

    #[test]
    fn losses_of_known_logits() {
        let (real, fake) = (logits(REAL), logits(FAKE));
        let near = |found: Tensor, expected: f64| approx::assert_abs_diff_eq!(value(&found), expected, epsilon = 1e-6);
        near(generator_logistic(&fake), 0.718906);
        near(discriminator_logistic(&fake, &real), 1.528957);
        near(relativistic(&real, &fake), 0.837633);
        near(relativistic(&fake, &real), 1.087633);
        near(lecam(&real, &fake, &Tensor::from_slice(&[0.4f32, -0.2])), 2.075625);
        // Of 1.5 and 0.75, the two that look most real; the other end would cost 1.143669.
        let kept = most_realistic(&fake, None, &Tensor::from(0.5f32));
        assert_eq!(Vec::<f32>::try_from(kept.reshape([-1])).unwrap(), [0.0, 1.0, 0.0, 1.0]);
        near(mean_of_kept(&(-&fake).softplus(), &kept), 0.294142);
        let all = most_realistic(&fake, None, &Tensor::from(1f32));
        near(mean_of_kept(&(-&fake).softplus(), &all), 0.718906);
    }

    #[test]
    fn every_class_keeps_its_own_best() {
        // Three of one class, one of another, which would be the worst of all.
        let c = Tensor::from_slice(&[1f32, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]).view([4, 2]);
        let kept = |values: [f32; 4], share: f32| -> Vec<f32> {
            most_realistic(&logits(values), Some(&c), &Tensor::from(share)).reshape([-1]).try_into().unwrap()
        };
        assert_eq!(kept([1.0, 3.0, 2.0, -9.0], 0.5), [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(kept([1.0, 3.0, 2.0, -9.0], 0.01), [0.0, 1.0, 0.0, 1.0]);
        // Equal logits: the earlier.
        assert_eq!(kept([1.0, 1.0, 1.0, 1.0], 0.34), [1.0, 1.0, 0.0, 1.0]);
        assert_eq!(kept([1.0, 1.0, 1.0, 1.0], 1.0 / 3.0), [1.0, 0.0, 0.0, 1.0]);
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
        let means = PathLengthMeans::after(&Tensor::from(0f32), lengths.mean(Kind::Float));
        approx::assert_relative_eq!(value(&means.running), 0.04, max_relative = 1e-6);
        let penalty = path_length_penalty(&lengths, &means);
        approx::assert_relative_eq!(value(&penalty), 3.96f64.powi(2), max_relative = 1e-6);
    }

    #[test]
    fn the_gradient_of_path_lengths_goes_through_their_mean_and_may_be_taken_in_parts() {
        let before = Tensor::from(0.5f32);
        let lengths = Tensor::from_slice(&[1f32, 4.0, 2.0, 0.5]).set_requires_grad(true);
        let gradient = |loss: &Tensor| Tensor::run_backward(&[loss], &[&lengths], false, false).remove(0);
        // As published: the running mean is part of the graph.
        let mean = before.lerp(&lengths.mean(Kind::Float), PATH_LENGTH_DECAY);
        let expected = gradient(&(&lengths - mean).square().mean(Kind::Float));
        let means = || PathLengthMeans::after(&before, lengths.detach().mean(Kind::Float));
        let whole = path_length_penalty(&lengths, &means());
        let parts = [0, 2].map(|first| path_length_penalty(&lengths.narrow(0, first, 2), &means()));
        let parts = (&parts[0] + &parts[1]) / 2.0;
        approx::assert_relative_eq!(value(&parts), value(&whole), max_relative = 1e-6);
        for found in [gradient(&whole), gradient(&parts)] {
            assert!(found.allclose(&expected, 1e-6, 1e-7, false), "{found} and {expected}");
        }
    }
}

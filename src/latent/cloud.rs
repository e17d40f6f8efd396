//! The cloud of w that random latents map to: its centre, its deviation, and how far a w lies from it.

use tch::{Device, Kind, Tensor};

use super::seeds::RandomState;
use crate::nets::Generator;

/// Seed of the latents, as in the published projector.
const SEED: u32 = 123;

/// Members of the cloud whose own nearest neighbour gives the unit of distance.
const PROBES: i64 = 1000;

/// Share of the largest variance of w below which a direction is flat.
const FLAT: f64 = 1e-6;

/// Samples of w from random latents of a network.
pub struct LatentCloud {
    /// \[M, w_dim\].
    samples: Tensor,
    /// \[w_dim\].
    mean: Tensor,
    deviation: f64,
    /// Median distance of a member to its nearest other member.
    spacing: f64,
}

impl LatentCloud {
    /// Maps `count` latents z from RandomState(123), with class `condition` \[1, c_dim\] where the network has classes.
    pub fn sample(generator: &Generator, count: i64, condition: Option<&Tensor>) -> Self {
        tch::no_grad(|| {
            let z = RandomState::new(SEED).randn(count, generator.config().z_dim).to_device(generator.device());
            let c = condition.map(|c| c.expand([count, -1], false));
            Self::new(generator.mapping.forward(&z, c.as_ref()).select(1, 0).contiguous())
        })
    }

    /// A cloud of given samples \[M, w_dim\], M at least 2.
    pub fn new(samples: Tensor) -> Self {
        let count = samples.size()[0];
        assert!(count >= 2, "a cloud of {count}");
        let exact = samples.to_kind(Kind::Double);
        let mean = exact.mean_dim([0i64].as_slice(), false, None);
        let squares = (&exact - &mean).square().sum_dim_intlist([1i64].as_slice(), false, None);
        let deviation = squares.mean(None).sqrt().double_value(&[]);
        let probes = samples.narrow(0, 0, count.min(PROBES));
        // The nearest is the probe itself at distance 0; the second nearest is its neighbour.
        let (nearest, _) = distances(&probes, &samples).topk(2, 1, false, true);
        let spacing = nearest.select(1, 1).to_device(Device::Cpu).median().double_value(&[]);
        Self { mean: mean.to_kind(Kind::Float), samples, deviation, spacing }
    }

    /// \[M, w_dim\].
    pub fn samples(&self) -> &Tensor {
        &self.samples
    }

    /// Mean w \[w_dim\]: where the published projection starts.
    pub fn mean(&self) -> &Tensor {
        &self.mean
    }

    /// The mean for each of `count` images, \[count, w_dim\].
    pub fn mean_of(&self, count: i64) -> Tensor {
        self.mean.unsqueeze(0).repeat([count, 1])
    }

    /// Root of the mean squared distance to the mean, one number for the whole vector: the unit of the noise on w.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Symmetric root \[w_dim, w_dim\] of the inverse covariance of the samples: a w less the mean times this has its
    /// distance from the mean in deviations. Directions with less than a millionth of the largest variance count as
    /// having that.
    pub fn whitening(&self) -> Tensor {
        let centred = self.samples.to_kind(Kind::Double).to_device(Device::Cpu);
        let centred = &centred - centred.mean_dim([0i64].as_slice(), true, None);
        let covariance = centred.transpose(0, 1).matmul(&centred) / self.samples.size()[0] as f64;
        let (variances, directions) = covariance.linalg_eigh("L");
        let floor = variances.max().double_value(&[]) * FLAT;
        let scaled = &directions * variances.clamp_min(floor).rsqrt();
        scaled.matmul(&directions.transpose(0, 1)).to_kind(Kind::Float).to_device(self.samples.device())
    }

    /// Distance of each w \[N, L, w_dim\] to its nearest member, mean over its L layers, in units of the median
    /// distance between a member and its nearest other member: about 1 for another draw from the network, more the
    /// further outside.
    pub fn distance(&self, w: &Tensor) -> Vec<f64> {
        let (nearest, _) = distances(&w.flatten(0, 1), &self.samples).min_dim(1, false);
        let nearest = nearest.view([w.size()[0], -1]).mean_dim(1i64, false, None);
        let nearest = Vec::<f64>::try_from(nearest.to_kind(Kind::Double).to_device(Device::Cpu)).expect("one axis");
        nearest.into_iter().map(|d| d / self.spacing).collect()
    }
}

/// Euclidean distances \[A, B\] between rows of \[A, D\] and \[B, D\], exact for equal rows.
fn distances(a: &Tensor, b: &Tensor) -> Tensor {
    const WITHOUT_MATRIX_PRODUCT: i64 = 2;
    Tensor::cdist(a, b, 2.0, WITHOUT_MATRIX_PRODUCT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_corners_of_a_square() {
        let samples = Tensor::from_slice(&[0.0f32, 0.0, 2.0, 0.0, 0.0, 2.0, 2.0, 2.0]).view([4, 2]);
        let cloud = LatentCloud::new(samples);
        assert_eq!(Vec::<f32>::try_from(cloud.mean()).unwrap(), [1.0, 1.0]);
        assert!((cloud.deviation() - 2f64.sqrt()).abs() < 1e-12);
        // Neighbours are 2 apart; (5, 2) is 3 from its nearest corner.
        let w = Tensor::from_slice(&[5.0f32, 2.0, 2.0, 2.0]);
        assert_eq!(cloud.distance(&w.view([2, 1, 2])), [1.5, 0.0]);
        // One image with a w for each of two layers.
        assert_eq!(cloud.distance(&w.view([1, 2, 2])), [0.75]);
    }
}

//! What a descent aims at beside the distance as it is: places that count more, the cloud of w, a rim.

use tch::{Kind, Tensor};

use super::emphasis::Emphasis;
use super::rim_score::Pull;
use crate::latent::cloud::LatentCloud;
use crate::nets::features::{FeatureNet, squared_distance};
use crate::problem::{Problem, Result};

/// Settings of the aims.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// What of a slice counts.
    pub emphasis: Emphasis,
    /// Weight of the pull towards the cloud of w; 0 is none.
    pub cloud: f64,
    /// 0 is faithful, 1 as rim-like as the evidence lets it.
    pub towards_rim: f64,
}

/// Additions to the loss of one batch; none by default.
#[derive(Debug, Default)]
pub struct Aims {
    /// Factors of each image's features \[N, F\], of the targets' as well.
    pub factors: Option<Tensor>,
    /// Pull towards the cloud.
    pub cloud: Option<CloudPull>,
    /// Pull towards a rim.
    pub rim: Option<Pull>,
}

/// A normal prior on w: mean and covariance of the cloud.
#[derive(Debug)]
pub struct CloudPull {
    mean: Tensor,
    whitening: Tensor,
    weight: f64,
}

impl CloudPull {
    /// Towards `cloud`; `None` at weight 0.
    pub fn new(cloud: &LatentCloud, weight: f64) -> Option<Self> {
        let pull = || Self { mean: cloud.mean().shallow_clone(), whitening: cloud.whitening(), weight };
        (weight > 0.0).then(pull)
    }

    /// weight x sum over images of the squared Mahalanobis distance of w \[N, L, w_dim\] per dimension, mean over its
    /// layers; about weight x 1 an image for a w drawn at random. A scalar.
    fn penalty(&self, w: &Tensor) -> Tensor {
        let whitened = (w - &self.mean).matmul(&self.whitening);
        whitened.square().mean_dim([1i64, 2].as_slice(), false, None).sum(Kind::Float) * self.weight
    }
}

impl Aims {
    /// Features as they are compared.
    pub fn weighed(&self, features: Tensor) -> Tensor {
        match &self.factors {
            Some(factors) => features * factors,
            None => features,
        }
    }

    /// Squared distance \[N\] of the images to the targets, both \[N, C, R, R\], as it is compared.
    ///
    /// # Errors
    /// What the feature net reports.
    pub fn distance(&self, features: &dyn FeatureNet, images: &Tensor, targets: &Tensor) -> Result<Tensor> {
        let weighed = |images: &Tensor| Ok::<_, Problem>(self.weighed(features.features(images)?));
        Ok(squared_distance(&weighed(images)?, &weighed(targets)?))
    }

    /// `loss` and what these add for w \[N, L, w_dim\] and its images.
    pub fn added_to(&self, loss: Tensor, w: &Tensor, images: &Tensor) -> Tensor {
        let loss = match &self.cloud {
            Some(cloud) => loss + cloud.penalty(w),
            None => loss,
        };
        match &self.rim {
            Some(rim) => loss + rim.penalty(images),
            None => loss,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::features::PixelPyramid;
    use crate::nets::features::places::factors;

    /// By hand: deviations 2 and 1/2 along the axes, so (2, 1) is 1 and 2 deviations off: (1 + 4) / 2 of weight 10.
    #[test]
    fn a_distance_from_the_cloud_in_its_deviations() {
        let samples = Tensor::from_slice(&[2.0f32, 0.5, 2.0, -0.5, -2.0, 0.5, -2.0, -0.5]).view([4, 2]);
        let pull = CloudPull::new(&LatentCloud::new(samples), 10.0).unwrap();
        let w = Tensor::from_slice(&[2.0f32, 1.0]).view([1, 1, 2]);
        assert!((pull.penalty(&w).double_value(&[]) - 25.0).abs() < 1e-4);
        // In one of two layers, with the mean in the other: half of it.
        let two = Tensor::from_slice(&[2.0f32, 1.0, 0.0, 0.0]).view([1, 2, 2]);
        assert!((pull.penalty(&two).double_value(&[]) - 12.5).abs() < 1e-4);
    }

    fn expected(of: &str) -> f64 {
        let all: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/aims.json")).unwrap();
        all[of].as_f64().unwrap()
    }

    #[test]
    fn distances_weighed_and_from_a_cloud_agree_with_numpy() {
        const FLOAT: (Kind, tch::Device) = (Kind::Float, tch::Device::Cpu);
        let index = Tensor::arange(256, FLOAT);
        let image = |values: Tensor| values.sin().view([1, 1, 16, 16]);
        let (first, second) = (image(&index * 0.7), image(&index * 0.3 + 1.0));
        let weigh = |at: i64| if (at / 16 - 7).pow(2) + (at % 16 - 6).pow(2) <= 16 { 1.0f32 } else { 0.1 };
        let map = Tensor::from_slice(&(0..256).map(weigh).collect::<Vec<_>>()).view([1, 1, 16, 16]);
        let factors = Some(factors(&map, &PixelPyramid.places(&first).unwrap()));
        let aims = Aims { factors, ..Aims::default() };
        let [first, second] = [first, second].map(|image| aims.weighed(PixelPyramid.features(&image).unwrap()));
        let distance = squared_distance(&first, &second).double_value(&[0]);
        assert!((distance / expected("weighted_distance") - 1.0).abs() < 1e-5, "{distance}");

        let samples = (0..120).map(|at| (f64::from(at * at) * 0.37).sin() as f32).collect::<Vec<_>>();
        let pull = CloudPull::new(&LatentCloud::new(Tensor::from_slice(&samples).view([40, 3])), 1.0).unwrap();
        let penalty = pull.penalty(&Tensor::from_slice(&[0.5f32, -0.25, 1.0]).view([1, 1, 3])).double_value(&[]);
        assert!((penalty / expected("mahalanobis") - 1.0).abs() < 1e-4, "{penalty}");
    }
}

//! Where a descent begins: at the mean of w, as published, or at the drawn image that is most like the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::latent::cloud::LatentCloud;
use crate::nets::features::FeatureNet;
use crate::nets::{Generator, Noise};
use crate::problem::Result;

/// Images compared at a time.
const CHUNK: i64 = 50;

/// Which w a descent starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The mean of w.
    Mean,
    /// Of the first members of the cloud, the one whose image is nearest in features. Needs fewer steps
    /// (docs/performance.md).
    #[default]
    Nearest,
}

/// A cloud of w and the number that tells it from the projector's others: that of its class.
#[derive(Clone, Copy)]
pub struct NumberedCloud<'a> {
    /// 0 without classes.
    pub number: usize,
    /// Its first members are the candidates.
    pub cloud: &'a LatentCloud,
}

/// Bytes of features that a [`Comparison`] keeps, at most, over all clouds.
pub const MOST_KEPT: usize = 1 << 30;

/// A feature net and what it has seen of the candidates, so that the second batch of targets of a cloud does not have
/// them drawn and measured again.
///
/// Kept are F float32 features of each candidate: for 1000 images of 64x64 pixels 21 MiB with [`PixelPyramid`], 207 MiB
/// with a small network's discriminator, 469 MiB with [`RandomVgg`], 2656 MiB with the discriminator of the paper's
/// size; four times that for twice the side. What finds no room is drawn and measured for every batch anew, with the
/// same result to the bit.
///
/// [`PixelPyramid`]: crate::nets::features::PixelPyramid
/// [`RandomVgg`]: crate::nets::features::RandomVgg
pub struct Comparison<'a> {
    /// What images are compared by.
    pub features: &'a dyn FeatureNet,
    candidates: i64,
    /// Bytes that may still be kept.
    room: usize,
    /// Features \[CHUNK, F\] of the first candidates, by the number of the cloud.
    seen: BTreeMap<usize, Vec<Tensor>>,
}

impl<'a> Comparison<'a> {
    /// Compares by `features`, with so many first members of a cloud (all where it has fewer); keeps at most `room`
    /// bytes.
    pub fn new(features: &'a dyn FeatureNet, candidates: i64, room: usize) -> Self {
        Self { features, candidates, room, seen: BTreeMap::new() }
    }

    /// w \[N, w_dim\] for targets \[N, C, R, R\], compared after both sides' features are multiplied by each target's
    /// `factors` \[N, F\], where given; candidates are drawn with the network's own noise. One number of a
    /// cloud must always come with the same generator and cloud.
    ///
    /// # Errors
    /// What the feature net reports.
    pub fn start(
        &mut self,
        start: Start,
        generator: &Generator,
        of: NumberedCloud<'_>,
        targets: &Tensor,
        factors: Option<&Tensor>,
    ) -> Result<Tensor> {
        match start {
            Start::Mean => Ok(of.cloud.mean_of(targets.size()[0])),
            Start::Nearest => tch::no_grad(|| self.nearest(generator, of, targets, factors)),
        }
    }

    fn nearest(
        &mut self,
        generator: &Generator,
        of: NumberedCloud<'_>,
        targets: &Tensor,
        factors: Option<&Tensor>,
    ) -> Result<Tensor> {
        let NumberedCloud { number, cloud } = of;
        let wanted = self.features.features(targets)?;
        let members = cloud.samples().narrow(0, 0, self.candidates.min(cloud.samples().size()[0]));
        let layers = generator.synthesis.num_ws();
        let seen = self.seen.entry(number).or_default();
        let mut distances = Vec::new();
        for (at, chunk) in members.split(CHUNK, 0).iter().enumerate() {
            let drawn = match seen.get(at) {
                Some(features) => features.shallow_clone(),
                None => {
                    let ws = chunk.unsqueeze(1).expand([-1, layers, -1], false);
                    self.features.features(&generator.synthesis.forward(&ws, &Noise::Const))?
                }
            };
            distances.push(match factors {
                Some(factors) => weighed_distances(&wanted, &drawn, &factors.square()),
                None => Tensor::cdist(&wanted, &drawn, 2.0, None::<i64>),
            });
            let bytes = drawn.numel() * drawn.kind().elt_size_in_bytes();
            // The first chunks and no others, so that a chunk's place is its number.
            if at == seen.len() && bytes <= self.room {
                self.room -= bytes;
                seen.push(drawn);
            }
        }
        let best = Tensor::cat(&distances, 1).argmin(1, false);
        Ok(members.index_select(0, &best))
    }
}

/// Squared distances \[N, M\] of targets \[N, F\] to candidates \[M, F\], each feature by its target's weight \[N, F\].
fn weighed_distances(targets: &Tensor, candidates: &Tensor, weights: &Tensor) -> Tensor {
    let own = (weights * targets.square()).sum_dim_intlist([1i64].as_slice(), true, None);
    let crossed = (weights * targets).matmul(&candidates.transpose(0, 1));
    own - crossed * 2.0 + weights.matmul(&candidates.square().transpose(0, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latent::seeds::RandomState;
    use crate::nets::GeneratorConfig;
    use crate::nets::features::PixelPyramid;
    use crate::seed::RunSeed;
    use tch::{Device, Kind};

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn a_drawn_image_starts_at_its_own_w() {
        let small = GeneratorConfig::small(16, 1);
        let config = GeneratorConfig { z_dim: 8, w_dim: 6, channel_base: 64, channel_max: 8, ..small };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let cloud = LatentCloud::sample(&generator, 120, None);
        // Members 3 and 70 of the cloud, which begins with RandomState(123).
        let z = RandomState::new(123).randn(120, 8);
        let z = Tensor::stack(&[z.get(3), z.get(70)], 0);
        let targets = tch::no_grad(|| generator.forward(&z, None, &Noise::Const));
        let start = |start, candidates| {
            Comparison::new(&PixelPyramid, candidates, 0)
                .start(start, &generator, NumberedCloud { number: 0, cloud: &cloud }, &targets, None)
                .unwrap()
        };
        let found = start(Start::Nearest, 120);
        assert!(found.get(0).equal(&cloud.samples().get(3)) && found.get(1).equal(&cloud.samples().get(70)));
        assert!(!start(Start::Nearest, 60).get(1).equal(&cloud.samples().get(70)));
        assert!(start(Start::Mean, 120).get(1).equal(cloud.mean()));
    }

    #[test]
    fn what_finds_no_room_is_measured_again_with_the_same_result() {
        let small = GeneratorConfig::small(16, 1);
        let config = GeneratorConfig { z_dim: 8, w_dim: 6, channel_base: 64, channel_max: 8, ..small };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let cloud = LatentCloud::sample(&generator, 120, None);
        let chunk = CHUNK as usize * PixelPyramid.features(&Tensor::zeros([1, 1, 16, 16], FLOAT)).unwrap().numel() * 4;
        let targets = Tensor::arange(512, FLOAT).sin().view([2, 1, 16, 16]);
        let of = NumberedCloud { number: 0, cloud: &cloud };
        let anew = Comparison::new(&PixelPyramid, 120, 0).start(Start::Nearest, &generator, of, &targets, None);
        let anew = anew.unwrap();
        // Chunks of 50, 50 and 20: the last would fit beside the first, but not in its place.
        for (room, kept) in [(0, 0), (chunk + chunk / 2, 1), (usize::MAX, 3)] {
            let mut comparison = Comparison::new(&PixelPyramid, 120, room);
            for _ in 0..2 {
                let found = comparison.start(Start::Nearest, &generator, of, &targets, None).unwrap();
                assert!(found.equal(&anew));
                assert_eq!(comparison.seen[&0].len(), kept);
            }
        }
    }

    /// By hand: (1, 2) is nearer to (1, 5) than to (5, 2), but not where the second feature weighs four times the
    /// first.
    #[test]
    fn what_weighs_more_decides_what_is_nearest() {
        let row = |values: &[f32]| Tensor::from_slice(values).view([-1, 2]);
        let (target, candidates) = (row(&[1.0, 2.0]), row(&[1.0, 5.0, 5.0, 2.0]));
        let distances = |weights: &[f32]| {
            Vec::<f32>::try_from(weighed_distances(&target, &candidates, &row(weights)).flatten(0, -1)).unwrap()
        };
        assert_eq!(distances(&[1.0, 1.0]), [9.0, 16.0]);
        assert_eq!(distances(&[1.0, 4.0]), [36.0, 16.0]);
    }
}

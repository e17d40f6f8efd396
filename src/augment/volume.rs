//! Augmentation of volumes \[N, C, S, S, S\]: left-right mirror, small turns about the three axes, scale, shift by
//! fractions of a voxel, and a gain of each channel's levels above the background. The resampling gathers the eight
//! voxels around each place, with weights that do not depend on the volume: it is linear in the volume, so that every
//! derivative through it is exact.

use std::f64::consts::PI;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use tch::{Kind, Tensor};

use super::sets::AugmentConfig;

/// Level of the background.
const BACKGROUND: f64 = -1.0;

/// Rows of an affine map in voxels from the centre, in the order depth, height, width, the shift last.
type Map = [[f64; 4]; 3];

const STILL: Map = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// What happens to each volume of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeParams {
    /// Where in the source each voxel of the result is taken from.
    maps: Vec<Map>,
    /// Of each volume and channel, on levels above the background.
    gains: Vec<f64>,
}

/// The same as tensors, float32.
#[derive(Debug)]
pub struct VolumeTensors {
    /// \[N, 3, 4\].
    maps: Tensor,
    /// \[N, C\].
    gains: Tensor,
}

/// N, C and S of a batch.
#[derive(Clone, Copy, Debug)]
pub struct VolumesSize {
    /// N.
    pub volumes: usize,
    /// C.
    pub channels: usize,
    /// S, in voxels.
    pub side: usize,
}

impl VolumeParams {
    /// Draws everything at probability `p` in 0..=1.
    pub fn sample(rng: &mut impl Rng, p: f64, config: &AugmentConfig, size: VolumesSize) -> Self {
        let maps = (0..size.volumes).map(|_| map(rng, p, config, size.side as f64)).collect();
        let mut gain = |channel: usize| {
            let happens = happens(rng, config.contrast * p);
            let exponent = config.contrast_std * normal(rng);
            if happens && config.is_image(channel) { exponent.exp2() } else { 1.0 }
        };
        let gains = (0..size.volumes * size.channels).map(|at| gain(at % size.channels)).collect();
        Self { maps, gains }
    }

    /// Whether no volume is touched.
    pub fn is_still(&self) -> bool {
        self.maps.iter().all(|map| *map == STILL) && self.gains.iter().all(|&gain| gain == 1.0)
    }

    /// On the host.
    pub(super) fn tensors(&self) -> VolumeTensors {
        let floats = |values: Vec<f64>, shape: &[i64]| {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_slice(&values).reshape(shape)
        };
        let volumes = self.maps.len() as i64;
        VolumeTensors {
            maps: floats(self.maps.iter().flatten().flatten().copied().collect(), &[volumes, 3, 4]),
            gains: floats(self.gains.clone(), &[volumes, -1]),
        }
    }
}

fn happens(rng: &mut impl Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

fn normal(rng: &mut impl Rng) -> f64 {
    rng.sample(StandardNormal)
}

/// Mirror, then turns, scale and shift. Draws the same number of values whatever happens.
fn map(rng: &mut impl Rng, p: f64, config: &AugmentConfig, side: f64) -> Map {
    let mut map = STILL;
    let mirrored = happens(rng, config.flip * p) & happens(rng, 0.5);
    if mirrored {
        map[2][2] = -1.0;
    }
    let scaled = happens(rng, config.scale * p);
    let scale = (config.scale_std * normal(rng)).exp2();
    let turned = happens(rng, config.rotate * p);
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let angle = PI * config.rotate_max * (2.0 * rng.random::<f64>() - 1.0);
        if turned {
            let (sine, cosine) = angle.sin_cos();
            let (first, second) = (map[one], map[other]);
            map[one] = std::array::from_fn(|column| cosine * first[column] - sine * second[column]);
            map[other] = std::array::from_fn(|column| sine * first[column] + cosine * second[column]);
        }
    }
    let shifted = happens(rng, config.fine_shift * p);
    for row in &mut map {
        let shift = side * config.fine_shift_std * normal(rng);
        if scaled {
            row.iter_mut().for_each(|value| *value /= scale);
        }
        if shifted {
            row[3] += shift;
        }
    }
    map
}

impl VolumeTensors {
    /// The same with other tensors in the place of these, in a fixed order, each named.
    pub(super) fn map(&self, other: &mut dyn FnMut(&'static str, &Tensor) -> Tensor) -> Self {
        Self { maps: other("maps", &self.maps), gains: other("gains", &self.gains) }
    }

    /// Augments volumes \[N, C, S, S, S\] on the same device.
    pub(super) fn apply(&self, volumes: &Tensor) -> Tensor {
        let size = volumes.size();
        let moved = self.moved(&volumes.flatten(2, 4), size[2]).reshape(&size);
        let gains = self.gains.to_kind(volumes.kind()).reshape([size[0], size[1], 1, 1, 1]);
        (moved - BACKGROUND) * gains + BACKGROUND
    }

    /// `flat` \[N, C, S^3\] resampled; beyond the border lies what lies at it.
    fn moved(&self, flat: &Tensor, side: i64) -> Tensor {
        let (kind, device) = (flat.kind(), flat.device());
        let middle = (side - 1) as f64 / 2.0;
        let axis = Tensor::arange(side, (kind, device)) - middle;
        let along = |shape: [i64; 3]| axis.reshape(shape).expand([side; 3], false).flatten(0, 2);
        let places = [along([-1, 1, 1]), along([1, -1, 1]), along([1, 1, -1]), axis.ones_like().repeat([side * side])];
        let source = self.maps.to_kind(kind).matmul(&Tensor::stack(&places, 0)) + middle;
        let source = source.clamp(0.0, (side - 1) as f64);
        let lower = source.floor().clamp_max((side - 2) as f64);
        let upper_share = &source - &lower;
        let lower = lower.to_kind(Kind::Int64);
        let strides = [side * side, side, 1];
        let mut sum: Option<Tensor> = None;
        for corner in 0..8 {
            let mut index: Option<Tensor> = None;
            let mut weight: Option<Tensor> = None;
            for (axis, stride) in (0..).zip(strides) {
                let upper = (corner >> axis) & 1;
                let share = upper_share.select(1, axis);
                let share = if upper == 1 { share } else { 1.0 - share };
                let step = (lower.select(1, axis) + upper) * stride;
                index = Some(index.map_or_else(|| step.shallow_clone(), |index| index + &step));
                weight = Some(weight.map_or_else(|| share.shallow_clone(), |weight| weight * &share));
            }
            let (index, weight) = (index.expect("three axes"), weight.expect("three axes"));
            let index = index.unsqueeze(1).expand(flat.size(), false);
            let part = flat.gather(2, &index, false) * weight.unsqueeze(1);
            sum = Some(match sum {
                None => part,
                Some(sum) => sum + part,
            });
        }
        sum.expect("eight corners")
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::augment::ChannelRule;
    use crate::seed::RunSeed;

    const SIZE: VolumesSize = VolumesSize { volumes: 3, channels: 2, side: 6 };

    fn volumes() -> Tensor {
        (Tensor::arange(3 * 2 * 216, (Kind::Double, Device::Cpu)) * 1.7).sin().reshape([3, 2, 6, 6, 6])
    }

    fn sampled(p: f64) -> VolumeParams {
        let rules = vec![ChannelRule::Image, ChannelRule::GeometryOnly];
        let config = AugmentConfig::volumes().with_channels(rules);
        VolumeParams::sample(&mut RunSeed(3).stream("augment", 0), p, &config, SIZE)
    }

    #[test]
    fn what_is_not_touched_stays_bit_for_bit() {
        let still = sampled(0.0);
        assert!(still.is_still());
        let x = volumes().to_kind(Kind::Float);
        assert!(still.tensors().apply(&x).allclose(&x, 0.0, 2e-7, false));
        assert!(still.tensors().moved(&x.flatten(2, 4), 6).equal(&x.flatten(2, 4)));
        assert!(!sampled(1.0).is_still());
    }

    #[test]
    fn a_mirror_is_exact_and_a_shift_of_a_voxel_moves_by_one() {
        let flipped = VolumeParams { maps: vec![[STILL[0], STILL[1], [0.0, 0.0, -1.0, 0.0]]; 3], gains: vec![1.0; 6] };
        let x = volumes();
        assert!(flipped.tensors().apply(&x).allclose(&x.flip([4]), 0.0, 1e-12, false));
        let shifted = VolumeParams { maps: vec![[[1.0, 0.0, 0.0, 1.0], STILL[1], STILL[2]]; 3], gains: vec![1.0; 6] };
        let found = shifted.tensors().apply(&x);
        assert!(found.narrow(2, 0, 5).allclose(&x.narrow(2, 1, 5), 0.0, 1e-12, false));
        assert!(found.select(2, 5).allclose(&x.select(2, 5), 0.0, 1e-12, false), "the border goes on");
    }

    #[test]
    fn labels_move_with_the_image_and_keep_their_levels() {
        let mut params = sampled(1.0);
        assert!((0..3).all(|at| params.gains[2 * at + 1] == 1.0));
        params.gains = vec![1.0; 6];
        let moved = params.tensors().apply(&volumes());
        assert!(sampled(1.0).tensors().apply(&volumes()).select(1, 1).equal(&moved.select(1, 1)));
    }

    /// First and second derivatives of a quadratic form of the result, in float64, beside central differences.
    #[test]
    fn gradients_pass_twice() {
        let tensors = sampled(1.0).tensors();
        let x = volumes().set_requires_grad(true);
        let penalty = |x: &Tensor| {
            let loss = (tensors.apply(x).square() * 0.5).sum(Kind::Double);
            let gradient = Tensor::run_backward(&[loss], &[x], true, true).remove(0);
            (gradient.sin() * &gradient).sum(Kind::Double)
        };
        let gradient = Tensor::run_backward(&[penalty(&x)], &[&x], false, false).remove(0);
        let direction = volumes().cos();
        let step = 1e-5;
        let at = |t: f64| penalty(&(&x + &direction * t).detach().set_requires_grad(true)).double_value(&[]);
        let expected = (at(step) - at(-step)) / (2.0 * step);
        let found = (gradient * direction).sum(Kind::Double).double_value(&[]);
        assert!((found - expected).abs() < 1e-7 * expected.abs(), "{found} is not {expected}");
    }
}

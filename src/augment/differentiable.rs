//! DiffAugment (Zhao et al. 2020, "Differentiable augmentation for data-efficient GAN training"): brightness,
//! saturation and contrast, a shift, a blanked square, on every image that the discriminator sees and at full strength
//! always.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::params::BatchSize;

/// Largest shift, as a share of the side.
const SHIFT: f64 = 0.125;

/// Side of the blanked square, as a share of the image's.
const CUTOUT: f64 = 0.5;

/// Which values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Differentiable {
    /// As published; what comes in from outside, or is blanked, is 0.
    Published,
    /// For maps whose background is -1: values are scaled by 0.5 to 1.5 about -1 and not shifted, channels are not
    /// mixed, and what comes in, or is blanked, is -1.
    Medical,
}

impl Differentiable {
    fn fill(self) -> f64 {
        match self {
            Self::Published => 0.0,
            Self::Medical => -1.0,
        }
    }
}

/// What happens to each image of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct DifferentiableParams {
    /// Which values they are of.
    pub kind: Differentiable,
    /// What is added, -0.5 to 0.5.
    pub brightness: Vec<f32>,
    /// Factor on what a pixel departs from its mean over the channels, 0 to 2; 1 where there are no three image
    /// channels.
    pub saturation: Vec<f32>,
    /// Factor on what a value departs from the image's mean (medical: from -1), 0.5 to 1.5.
    pub contrast: Vec<f32>,
    /// Pixels down and to the right.
    pub shift: Vec<[i64; 2]>,
    /// First row and column that are blanked, and how many; may begin outside.
    pub cutout: Vec<[[i64; 2]; 2]>,
}

impl DifferentiableParams {
    /// `rgb` says whether the three channels are colours.
    pub fn sample(rng: &mut impl Rng, kind: Differentiable, rgb: bool, size: BatchSize) -> Self {
        let medical = kind == Differentiable::Medical;
        let mut found = Self {
            kind,
            brightness: Vec::new(),
            saturation: Vec::new(),
            contrast: Vec::new(),
            shift: Vec::new(),
            cutout: Vec::new(),
        };
        let sides = [size.height as i64, size.width as i64];
        let share = |side: i64, share: f64| (side as f64 * share + 0.5).floor() as i64;
        for _ in 0..size.images {
            let [brightness, saturation, contrast]: [f32; 3] = std::array::from_fn(|_| rng.random());
            found.brightness.push(if medical { 0.0 } else { brightness - 0.5 });
            found.saturation.push(if rgb && !medical { 2.0 * saturation } else { 1.0 });
            found.contrast.push(contrast + 0.5);
            found.shift.push(sides.map(|side| {
                let most = share(side, SHIFT);
                rng.random_range(-most..=most)
            }));
            found.cutout.push(sides.map(|side| {
                let cut = share(side, CUTOUT);
                // The centre lies anywhere in the image.
                [rng.random_range(0..side + 1 - cut % 2) - cut / 2, cut]
            }));
        }
        found
    }
}

/// [`DifferentiableParams`] as tensors, float32.
#[derive(Debug)]
pub struct DifferentiableTensors {
    kind: Differentiable,
    /// \[N, 3, 1, 1\]: brightness, saturation, contrast.
    values: Tensor,
    /// \[N, 1, H, H\] and \[N, 1, W, W\]: rows times image times columns is the shifted image.
    rows: Tensor,
    columns: Tensor,
    /// \[N, 1, H, W\]: 0 where blanked, else 1.
    kept: Tensor,
}

impl DifferentiableTensors {
    /// For images \[N, C, H, W\] of `shape`, on the host.
    pub fn of(params: &DifferentiableParams, shape: &[i64]) -> Self {
        let (height, width) = (shape[2], shape[3]);
        let values: Vec<f32> = (0..params.brightness.len())
            .flat_map(|i| [params.brightness[i], params.saturation[i], params.contrast[i]])
            .collect();
        // Ones at (i + by, i).
        let shifted = |side: i64, by: i64| {
            let ones = Tensor::ones([side, side], (Kind::Float, tch::Device::Cpu));
            ones.tril(-by) - ones.tril(-by - 1)
        };
        let stack = |matrices: Vec<Tensor>| Tensor::stack(&matrices, 0).unsqueeze(1);
        let kept = params.cutout.iter().map(|&[down, right]| {
            let kept = Tensor::ones([height, width], (Kind::Float, tch::Device::Cpu));
            let inside = |[first, count]: [i64; 2], side: i64| {
                let (from, to) = (first.clamp(0, side), (first + count).clamp(0, side));
                (from, to - from)
            };
            let ((top, rows), (left, columns)) = (inside(down, height), inside(right, width));
            let _ = kept.narrow(0, top, rows).narrow(1, left, columns).zero_();
            kept
        });
        Self {
            kind: params.kind,
            values: Tensor::from_slice(&values).reshape([-1, 3, 1, 1]),
            rows: stack(params.shift.iter().map(|[down, _]| shifted(height, *down)).collect()),
            columns: stack(params.shift.iter().map(|[_, right]| shifted(width, -right)).collect()),
            kept: stack(kept.collect()),
        }
    }

    /// As [`super::AugmentTensors::map`].
    pub fn map(&self, other: &mut dyn FnMut(&'static str, &Tensor) -> Tensor) -> Self {
        Self {
            kind: self.kind,
            values: other("values", &self.values),
            rows: other("rows", &self.rows),
            columns: other("columns", &self.columns),
            kept: other("kept", &self.kept),
        }
    }

    /// Images \[N, C, H, W\] -> the same; values change in `image_channels` alone. Gradients flow to the images, twice
    /// where wanted.
    pub fn apply(&self, images: &Tensor, image_channels: &[bool]) -> Tensor {
        let fill = self.kind.fill();
        let recoloured = super::apply::restore_masks(self.recolor(images), images, image_channels);
        let moved = self.rows.matmul(&(recoloured - fill)).matmul(&self.columns);
        moved * &self.kept + fill
    }

    fn recolor(&self, x: &Tensor) -> Tensor {
        let value = |at: i64| self.values.narrow(1, at, 1);
        if self.kind == Differentiable::Medical {
            return (x + 1.0) * value(2) - 1.0;
        }
        let about = |x: &Tensor, axes: &[i64], by: Tensor| {
            let mean = x.mean_dim(axes, true, None);
            (x - &mean) * by + mean
        };
        let x = x + value(0);
        let x = about(&x, &[1], value(1));
        about(&x, &[1, 2, 3], value(2))
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::seed::RunSeed;

    const SIZE: BatchSize = BatchSize { images: 64, channels: 1, height: 16, width: 16 };

    fn still(kind: Differentiable, images: usize) -> DifferentiableParams {
        DifferentiableParams {
            kind,
            brightness: vec![0.0; images],
            saturation: vec![1.0; images],
            contrast: vec![1.0; images],
            shift: vec![[0, 0]; images],
            cutout: vec![[[0, 0], [0, 0]]; images],
        }
    }

    fn applied(params: &DifferentiableParams, images: &Tensor, channels: &[bool]) -> Vec<f32> {
        let found = DifferentiableTensors::of(params, &images.size()).apply(images, channels);
        Vec::try_from(found.reshape([-1])).unwrap()
    }

    /// 1 2 / 3 4.
    fn four() -> Tensor {
        Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0]).view([1, 1, 2, 2])
    }

    #[test]
    fn a_shift_brings_the_filling_in() {
        for (kind, fill) in [(Differentiable::Published, 0.0), (Differentiable::Medical, -1.0)] {
            let down = DifferentiableParams { shift: vec![[1, 0]], ..still(kind, 1) };
            assert_eq!(applied(&down, &four(), &[true]), [fill, fill, 1.0, 2.0]);
            let left = DifferentiableParams { shift: vec![[0, -1]], ..still(kind, 1) };
            assert_eq!(applied(&left, &four(), &[true]), [2.0, fill, 4.0, fill]);
            // From a row above the image down to its first.
            let cut = DifferentiableParams { cutout: vec![[[-1, 2], [1, 2]]], ..still(kind, 1) };
            assert_eq!(applied(&cut, &four(), &[true]), [1.0, fill, 3.0, 4.0]);
        }
    }

    #[test]
    fn contrast_is_about_the_mean_or_about_the_background() {
        let half = |kind| DifferentiableParams { contrast: vec![0.5], ..still(kind, 1) };
        assert_eq!(applied(&half(Differentiable::Published), &four(), &[true]), [1.75, 2.25, 2.75, 3.25]);
        assert_eq!(applied(&half(Differentiable::Medical), &four(), &[true]), [0.0, 0.5, 1.0, 1.5]);
        let brighter = DifferentiableParams { brightness: vec![0.25], ..still(Differentiable::Published, 1) };
        assert_eq!(applied(&brighter, &four(), &[true]), [1.25, 2.25, 3.25, 4.25]);
        // A mask keeps its values.
        assert_eq!(applied(&brighter, &four(), &[false]), [1.0, 2.0, 3.0, 4.0]);
        let grey = DifferentiableParams { saturation: vec![0.0], ..still(Differentiable::Published, 1) };
        let colours = Tensor::from_slice(&[1.0_f32, 2.0, 6.0]).view([1, 3, 1, 1]);
        assert_eq!(applied(&grey, &colours, &[true; 3]), [3.0; 3]);
    }

    #[test]
    fn draws_stay_within_their_ranges_and_reach_them() {
        let mut rng = RunSeed(1).stream("differentiable", 0);
        let drawn = DifferentiableParams::sample(&mut rng, Differentiable::Published, true, SIZE);
        let range = |values: &[f32]| {
            (values.iter().copied().fold(f32::MAX, f32::min), values.iter().copied().fold(f32::MIN, f32::max))
        };
        for (values, low, high) in
            [(&drawn.brightness, -0.5, 0.5), (&drawn.saturation, 0.0, 2.0), (&drawn.contrast, 0.5, 1.5)]
        {
            let (least, most) = range(values);
            assert!(least >= low && most <= high && most - least > 0.8 * (high - low), "{least} {most}");
        }
        let shifts: Vec<i64> = drawn.shift.iter().flatten().copied().collect();
        assert_eq!((shifts.iter().min(), shifts.iter().max()), (Some(&-2), Some(&2)));
        let firsts: Vec<i64> = drawn.cutout.iter().flatten().map(|[first, _]| *first).collect();
        assert!(firsts.iter().all(|first| (-4..=12).contains(first)) && firsts.iter().any(|&first| first < 0));
        assert!(drawn.cutout.iter().flatten().all(|[_, count]| *count == 8));
    }

    #[test]
    fn gradients_pass_twice() {
        let size = BatchSize { images: 2, channels: 3, ..SIZE };
        let mut rng = RunSeed(2).stream("differentiable", 0);
        let params = DifferentiableParams::sample(&mut rng, Differentiable::Published, true, size);
        let shape = [2, 3, 16, 16];
        let tensors = DifferentiableTensors::of(&params, &shape);
        let x = Tensor::arange(2 * 3 * 256, (Kind::Double, Device::Cpu)).sin().reshape(shape).to_kind(Kind::Float);
        let penalty = |x: &Tensor| {
            let x = x.detach().set_requires_grad(true);
            let loss = tensors.apply(&x, &[true; 3]).square().sum(Kind::Float) * 0.5;
            let gradient = Tensor::run_backward(&[loss], &[&x], true, true).remove(0);
            (gradient.square().sum(Kind::Float) * 0.5, x)
        };
        let (value, at) = penalty(&x);
        let gradient = Tensor::run_backward(&[value], &[&at], false, false).remove(0);
        let direction = x.cos();
        let step = 0.01;
        let moved = |t: f64| penalty(&(&x + &direction * t)).0.double_value(&[]);
        let expected = (moved(step) - moved(-step)) / (2.0 * step);
        let found = (gradient * direction).sum(Kind::Double).double_value(&[]);
        assert!((found - expected).abs() < 1e-2 * expected.abs(), "{found} is not {expected}");
    }
}

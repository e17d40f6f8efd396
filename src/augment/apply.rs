//! Carrying out what [`AugmentParams`] says. Gradients flow to the images, twice where wanted.

use tch::{Kind, Tensor};

use super::bands::amplify;
use super::params::AugmentParams;
use super::tensors::{AugmentTensors, Margin, Recolor};
use super::warp::warp;

/// Augments images \[N, C, H, W\]; without any operation returns them as they are.
pub fn apply(images: &Tensor, params: &AugmentParams) -> Tensor {
    let tensors = AugmentTensors::of(params, &images.size(), Margin::AsNeeded);
    carry_out(images, &tensors.map(&mut |_, tensor| tensor.to_device(images.device())))
}

/// Augments images \[N, C, H, W\], or volumes \[N, C, D, H, W\], by tensors on their device.
pub fn carry_out(images: &Tensor, tensors: &AugmentTensors) -> Tensor {
    if let Some(volume) = &tensors.volume {
        return volume.apply(images);
    }
    let mut x = images.shallow_clone();
    if let Some(geometry) = &tensors.geometry {
        x = warp(&x, geometry);
    }
    let moved = x.shallow_clone();
    if let Some(color) = &tensors.color {
        x = recolor(&x, color);
    }
    if let Some(gains) = &tensors.bands {
        x = amplify(&x, gains);
    }
    if let Some(values) = &tensors.noise {
        x = &x + values;
    }
    if let Some(centres) = &tensors.cutout {
        x = &x * keep(&x, centres, tensors.cutout_size);
    }
    let x = restore_masks(x, &moved, &tensors.image_channels);
    match &tensors.differentiable {
        Some(differentiable) => differentiable.apply(&x, &tensors.image_channels),
        None => x,
    }
}

/// Takes the channels that only move from before the operations on values.
pub(super) fn restore_masks(x: Tensor, moved: &Tensor, image_channels: &[bool]) -> Tensor {
    if image_channels.iter().all(|&is_image| is_image) {
        return x;
    }
    let channels: Vec<Tensor> = image_channels
        .iter()
        .enumerate()
        .map(|(i, &is_image)| if is_image { &x } else { moved }.narrow(1, i as i64, 1))
        .collect();
    Tensor::cat(&channels, 1)
}

fn recolor(x: &Tensor, Recolor { matrix, shift }: &Recolor) -> Tensor {
    let (batch, channels, height, width) = x.size4().expect("images have 4 axes");
    if matrix.size()[1] == 1 {
        return shift.unsqueeze(3).addcmul(x, &matrix.unsqueeze(3));
    }
    shift.baddbmm(matrix, &x.reshape([batch, channels, height * width]), 1.0, 1.0).reshape(x.size())
}

/// 0 inside each image's rectangle, centred at `centres` \[N, 2\] as shares of the sides, 1 elsewhere: \[N, 1, H, W\].
fn keep(x: &Tensor, centres: &Tensor, side: f64) -> Tensor {
    let (batch, _, height, width) = x.size4().expect("images have 4 axes");
    let outside = |count: i64, axis: i64| {
        let position = (Tensor::arange(count, (Kind::Float, x.device())) + 0.5) / count as f64;
        (position.unsqueeze(0) - centres.narrow(1, axis, 1)).abs().ge(side / 2.0)
    };
    let (columns, rows) =
        (outside(width, 0).reshape([batch, 1, 1, width]), outside(height, 1).reshape([batch, 1, height, 1]));
    columns.logical_or(&rows).to_kind(x.kind())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::params::BatchSize;
    use crate::augment::sets::{AugmentConfig, ChannelRule};
    use crate::seed::RunSeed;
    use tch::Device;

    const SIZE: BatchSize = BatchSize { images: 4, channels: 3, height: 16, width: 16 };

    fn images() -> Tensor {
        Tensor::arange(4 * 3 * 256, (Kind::Double, Device::Cpu)).sin().reshape([4, 3, 16, 16]).to_kind(Kind::Float)
    }

    fn everything() -> AugmentConfig {
        AugmentConfig::published(&crate::augment::Group::ALL)
    }

    fn sample(p: f64, config: &AugmentConfig) -> AugmentParams {
        AugmentParams::sample(&mut RunSeed(1).stream("augment", 0), p, config, SIZE)
    }

    #[test]
    fn at_p_0_images_stay_as_they_are() {
        assert!(apply(&images(), &sample(0.0, &everything())).equal(&images()));
        assert!(!apply(&images(), &sample(1.0, &everything())).equal(&images()));
    }

    #[test]
    fn the_same_draws_give_the_same_images() {
        let config = everything();
        assert_eq!(sample(0.5, &config), sample(0.5, &config));
        assert!(apply(&images(), &sample(0.5, &config)).equal(&apply(&images(), &sample(0.5, &config))));
    }

    #[test]
    fn masks_move_with_the_image_and_keep_their_values() {
        let rules = vec![ChannelRule::Image, ChannelRule::GeometryOnly, ChannelRule::Image];
        let values = AugmentConfig { bands: 1.0, noise: 1.0, cutout: 1.0, ..AugmentConfig::medical() };
        let params = sample(1.0, &values.with_channels(rules));
        let geometry = AugmentParams {
            geometry: params.geometry.clone(),
            image_channels: vec![true; 3],
            ..AugmentParams::default()
        };
        let (found, moved) = (apply(&images(), &params), apply(&images(), &geometry));
        assert!(found.narrow(1, 1, 1).equal(&moved.narrow(1, 1, 1)));
        assert!(!found.narrow(1, 0, 1).allclose(&moved.narrow(1, 0, 1), 1e-3, 1e-3, false));
    }

    #[test]
    fn gradients_pass_twice() {
        // The augmentation is affine in the images: with y = A x + b, the gradient of sum(y^2)/2 is A^T y, and that of
        // |A^T y|^2/2 along v is (A A^T y) . (A v), here by finite differences.
        let params = sample(1.0, &everything());
        let x = images().set_requires_grad(true);
        let penalty = |x: &Tensor| {
            let loss = apply(x, &params).square().sum(Kind::Float) * 0.5;
            Tensor::run_backward(&[loss], &[x], true, true)[0].square().sum(Kind::Float) * 0.5
        };
        let gradient = &Tensor::run_backward(&[penalty(&x)], &[&x], false, false)[0];
        let direction = images().cos();
        let step = 0.01;
        let at = |t: f64| penalty(&(&x + &direction * t).detach().set_requires_grad(true)).double_value(&[]);
        let expected = (at(step) - at(-step)) / (2.0 * step);
        let found = (gradient * direction).sum(Kind::Double).double_value(&[]);
        assert!((found - expected).abs() < 1e-2 * expected.abs(), "{found} is not {expected}");
    }
}

//! Carrying out what [`AugmentParams`] says. Gradients flow to the images, twice where wanted.

use tch::{Kind, Tensor};

use super::bands::amplify;
use super::params::{AugmentParams, Color};
use super::warp::warp;

/// Augments images \[N, C, H, W\]; without any operation returns them as they are.
pub fn apply(images: &Tensor, params: &AugmentParams) -> Tensor {
    let mut x = images.shallow_clone();
    if let Some(maps) = &params.geometry {
        x = warp(&x, maps);
    }
    let moved = x.shallow_clone();
    if let Some(colors) = &params.color {
        x = recolor(&x, colors);
    }
    if let Some(gains) = &params.bands {
        x = amplify(&x, gains);
    }
    if let Some(values) = &params.noise {
        x = &x + Tensor::from_slice(values).to_device(x.device()).reshape(x.size());
    }
    if let Some(centres) = &params.cutout {
        x = &x * keep(&x, centres, params.cutout_size);
    }
    restore_masks(x, &moved, &params.image_channels)
}

/// Takes the channels that only move from before the operations on values.
fn restore_masks(x: Tensor, moved: &Tensor, image_channels: &[bool]) -> Tensor {
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

fn recolor(x: &Tensor, colors: &[Color]) -> Tensor {
    let (batch, channels, height, width) = x.size4().expect("images have 4 axes");
    let tensor = |values: Vec<f32>, shape: &[i64]| Tensor::from_slice(&values).reshape(shape).to_device(x.device());
    if channels != 3 {
        let (factors, shifts) = colors.iter().map(|map| map.grey()).map(|(f, s)| (f as f32, s as f32)).unzip();
        let shape = [batch, 1, 1, 1];
        return tensor(shifts, &shape).addcmul(x, &tensor(factors, &shape));
    }
    let part = |columns: std::ops::Range<usize>| -> Vec<f32> {
        colors.iter().flat_map(|map| map.rows).flat_map(|row| row[columns.clone()].to_vec()).map(|v| v as f32).collect()
    };
    let matrix = tensor(part(0..3), &[batch, 3, 3]);
    let shift = tensor(part(3..4), &[batch, 3, 1]);
    shift.baddbmm(&matrix, &x.reshape([batch, 3, height * width]), 1.0, 1.0).reshape([batch, 3, height, width])
}

/// 0 inside each image's rectangle, 1 elsewhere: \[N, 1, H, W\].
fn keep(x: &Tensor, centres: &[Option<[f64; 2]>], side: f64) -> Tensor {
    let (batch, _, height, width) = x.size4().expect("images have 4 axes");
    // A centre far away blanks nothing.
    let centre = |axis: usize| {
        let values: Vec<f32> = centres.iter().map(|centre| centre.map_or(9.0, |c| c[axis]) as f32).collect();
        Tensor::from_slice(&values).to_device(x.device()).reshape([batch, 1])
    };
    let outside = |count: i64, axis: usize| {
        let position = (Tensor::arange(count, (Kind::Float, x.device())) + 0.5) / count as f64;
        (position.unsqueeze(0) - centre(axis)).abs().ge(side / 2.0)
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
        AugmentConfig::published(&["blit", "geom", "color", "filter", "noise", "cutout"]).unwrap()
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

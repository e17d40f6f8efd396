//! Networks of volumes from networks of images of the same sizes (Carreira and Zisserman 2017, section 2, with the
//! kernel in one tap of the depth): a kernel becomes the centre of the new one, so that what does not change with the
//! depth is treated as an image was, away from the first and last slices.
//!
//! Weights are scaled at run time by one over the root of what a layer sees, which a volume has three times as much of
//! (27 taps, not 9): they are multiplied by the root of 3 beforehand. Spread over the three taps instead, they would
//! come out of the demodulation too large.

use tch::{Device, Tensor};

use super::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig};
use crate::nets::Network;
use crate::nets::network::Named;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// Depth of the smallest activations.
const START: i64 = 4;

/// A generator of volumes whose inner slices are `images`' images; maps of noise are drawn by `seed`.
///
/// # Errors
/// Variants that volumes do not have, or sides that they cannot have.
pub fn generator(images: &Generator, seed: RunSeed) -> Result<Generator> {
    let config = GeneratorConfig { dimensions: 3, ..images.config().clone() };
    let mut volumes = Generator::new(&config, seed, images.device()).map_err(no_counterpart)?;
    adopt(&mut volumes, &images.tensors())?;
    Ok(volumes)
}

/// As [`generator`]: judges a volume that does not change with the depth by its slices.
///
/// # Errors
/// As [`generator`].
pub fn discriminator(images: &Discriminator, seed: RunSeed) -> Result<Discriminator> {
    let device = images.parameters().first().map_or(Device::Cpu, |(_, tensor)| tensor.device());
    let config = DiscriminatorConfig { dimensions: 3, ..images.config().clone() };
    let mut volumes = Discriminator::new(&config, seed, device).map_err(no_counterpart)?;
    adopt(&mut volumes, &images.tensors())?;
    Ok(volumes)
}

fn no_counterpart(problem: Problem) -> Problem {
    Problem::usage("a network of images that no network of volumes can start from")
        .expected("StyleGAN2 without variants, of at most 256 pixels")
        .because(problem)
}

fn adopt<N: Network>(volumes: &mut N, images: &Named) -> Result<()> {
    let mut all = volumes.tensors();
    for (name, own) in &mut all {
        if name.ends_with("noise_const") {
            continue;
        }
        if let Some(old) = images.get(name) {
            *own = inflated(name, &old.detach(), &own.size());
        }
    }
    volumes.load(&all)
}

/// A tensor of images as the one of `size` that volumes have in its place.
fn inflated(name: &str, old: &Tensor, size: &[i64]) -> Tensor {
    if old.size() == size {
        return old.shallow_clone();
    }
    match size {
        // The learnt start [C, 4, 4, 4].
        [_, depth, _, _] if name.ends_with("const") => old.unsqueeze(1).repeat([1, *depth, 1, 1]),
        // A kernel [O, I, k, k, k].
        [_, _, depth, _, _] => {
            let sides = depth / 2;
            (old.unsqueeze(2) * (*depth as f64).sqrt()).constant_pad_nd([0, 0, 0, 0, sides, sides])
        }
        // The discriminator's layer over all places [O, C 4 4 4]: the mean over the depth, whose inputs are four times
        // as many.
        [outputs, inputs] => {
            let by_channel = old.reshape([*outputs, -1, 1, START * START]) / (START as f64).sqrt();
            by_channel.repeat([1, 1, START, 1]).reshape([*outputs, *inputs])
        }
        _ => old.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::nets::Noise;

    const OPTIONS: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn images() -> Generator {
        let small = GeneratorConfig::small(16, 2);
        let config = GeneratorConfig { channel_base: 128, channel_max: 16, z_dim: 8, w_dim: 8, ..small };
        Generator::new(&config, RunSeed(1), Device::Cpu).unwrap()
    }

    /// What zeros beyond the first and last slice do grows from 1 slice at 8 to 3 at 16.
    #[test]
    fn inner_slices_are_the_images_of_the_network_before() {
        let images = images();
        let volumes = generator(&images, RunSeed(2)).unwrap();
        let z = Tensor::randn([3, 8], OPTIONS);
        let flat = images.forward(&z, None, &Noise::None);
        let deep = volumes.forward(&z, None, &Noise::None);
        assert_eq!(deep.size(), [3, 2, 16, 16, 16]);
        let scale = flat.abs().max().double_value(&[]);
        for depth in 3..13 {
            let away = (deep.select(2, depth) - &flat).abs().max().double_value(&[]);
            assert!(away < 2e-5 * scale, "slice {depth} is {away} away");
        }
        assert!((deep.select(2, 0) - &flat).abs().max().double_value(&[]) > 1e-3 * scale, "edges differ");
    }

    #[test]
    fn a_discriminator_of_one_layer_sees_the_mean_over_the_depth() {
        let old = Tensor::randn([3, 2 * 16], OPTIONS);
        let new = inflated("b4.fc.weight", &old, &[3, 2 * 64]);
        let x = Tensor::randn([5, 2, 1, 4, 4], OPTIONS);
        let deep = x.expand([5, 2, 4, 4, 4], false).flatten(1, 4);
        // As the layers scale their weights: by one over the root of their inputs.
        let by = |weight: &Tensor, x: &Tensor| x.matmul(&weight.tr()) / (weight.size()[1] as f64).sqrt();
        assert!(by(&new, &deep).allclose(&by(&old, &x.flatten(1, 4)), 1e-5, 1e-5, false));
    }

    #[test]
    fn a_discriminator_takes_over_what_it_can() {
        let images = Discriminator::new(&DiscriminatorConfig::matching(images().config()), RunSeed(1), Device::Cpu);
        let volumes = discriminator(&images.unwrap(), RunSeed(2)).unwrap();
        let logits = volumes.forward(&Tensor::randn([4, 2, 16, 16, 16], OPTIONS), None);
        assert_eq!((logits.size(), logits.isfinite().all().int64_value(&[])), (vec![4, 1], 1));
    }

    #[test]
    fn variants_without_counterpart_are_refused() {
        let config = GeneratorConfig { attention: Some(8), ..images().config().clone() };
        let problem = generator(&Generator::new(&config, RunSeed(1), Device::Cpu).unwrap(), RunSeed(1)).unwrap_err();
        assert!(problem.to_string().contains("no network of volumes can start from"), "{problem}");
    }
}

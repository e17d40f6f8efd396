//! Images of seeds: each depends on its own seed alone, not on its company.

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::seeds;
use crate::nets::{Generator, Noise};
use crate::seed::RunSeed;

/// Images that pass through the network at a time; a last smaller batch is filled up, so that no image depends on it.
pub const BATCH: usize = 16;

/// The noise maps that images are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseMode {
    /// The network's own noise maps.
    Const,
    /// Fresh maps for each image, a function of its seed.
    Random,
    /// No noise.
    None,
}

impl NoiseMode {
    /// As written in a study file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Const => "const",
            Self::Random => "random",
            Self::None => "none",
        }
    }
}

/// Up to [`BATCH`] of anything, repeated from the first on until they are as many.
pub fn filled<T: Copy>(few: &[T]) -> Vec<T> {
    few.iter().copied().cycle().take(BATCH).collect()
}

/// Images \[N, C, R, R\] of `seeds` (at most [`BATCH`]), of `class` \[1, c_dim\] where the network has classes, or one
/// of each of the [`filled`] seeds \[BATCH, c_dim\].
pub fn draw(generator: &Generator, seeds: &[u32], class: Option<&Tensor>, truncation: f64, noise: NoiseMode) -> Tensor {
    let filled = filled(seeds);
    let ws = styles(generator, &filled, class, truncation);
    let images = tch::no_grad(|| match noise {
        NoiseMode::Const => generator.synthesis.forward(&ws, &Noise::Const),
        NoiseMode::None => generator.synthesis.forward(&ws, &Noise::None),
        NoiseMode::Random => {
            let maps = noise_maps(generator, &filled);
            generator.synthesis.forward(&ws, &Noise::Given(&maps))
        }
    });
    images.narrow(0, 0, seeds.len() as i64)
}

/// ws \[N, num_ws, w_dim\] of `seeds`, of `class` \[1 or N, c_dim\] where the network has classes.
pub fn styles(generator: &Generator, seeds: &[u32], class: Option<&Tensor>, truncation: f64) -> Tensor {
    tch::no_grad(|| {
        let z = seeds::latents(seeds, generator.config().z_dim).to_device(generator.device());
        let c = class.map(|class| class.expand([seeds.len() as i64, -1], false));
        generator.mapping.truncate(&generator.mapping.forward(&z, c.as_ref()), truncation, None)
    })
}

/// Images \[N, C, R, R\] of ws \[N, num_ws, w_dim\] with fresh noise maps, those of each image a function of its seed.
pub fn of_styles(generator: &Generator, ws: &Tensor, seeds: &[u32]) -> Tensor {
    let images = seeds.chunks(BATCH).zip((0i64..).step_by(BATCH)).map(|(chunk, first)| {
        let count = chunk.len() as i64;
        let filled = filled(chunk);
        let places: Vec<i64> = (0..count).cycle().take(BATCH).map(|at| first + at).collect();
        let ws = ws.index_select(0, &Tensor::from_slice(&places).to_device(ws.device()));
        let maps = noise_maps(generator, &filled);
        tch::no_grad(|| generator.synthesis.forward(&ws, &Noise::Given(&maps))).narrow(0, 0, count)
    });
    Tensor::cat(&images.collect::<Vec<_>>(), 0)
}

/// Noise maps \[N, 1, r, r\], or \[N, 1, r, r, r\], for each layer; each image's depend on its seed alone.
fn noise_maps(generator: &Generator, seeds: &[u32]) -> Vec<Tensor> {
    let shapes = generator.synthesis.noise_shapes();
    let dimensions = generator.config().dimensions as usize;
    let mut maps: Vec<Vec<Tensor>> = shapes.iter().map(|_| Vec::new()).collect();
    for &seed in seeds {
        let mut draws = RunSeed(u64::from(seed)).stream("generate.noise", 0);
        for (map, (_, side)) in maps.iter_mut().zip(&shapes) {
            let shape: Vec<i64> = [1, 1].into_iter().chain(std::iter::repeat_n(*side, dimensions)).collect();
            let count = shape.iter().product::<i64>() as usize;
            let values: Vec<f32> = StandardNormal.sample_iter(&mut draws).take(count).collect();
            map.push(Tensor::from_slice(&values).reshape(shape));
        }
    }
    maps.iter().map(|map| Tensor::cat(map, 0).to_device(generator.device())).collect()
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::nets::GeneratorConfig;

    /// Of latents of 8 numbers: on CPUs without AVX-512 libtorch's products of 5 to 7 by 4 to 8 numbers differ in the
    /// last place from row to row of a batch; no other small size that was tried does (1 to 512).
    fn generator(dimensions: i64) -> Generator {
        let small =
            GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 32, channel_max: 4, ..GeneratorConfig::small(8, 1) };
        Generator::new(&GeneratorConfig { dimensions, ..small }, RunSeed(1), Device::Cpu).unwrap()
    }

    #[test]
    fn an_image_depends_on_its_seed_alone() {
        for dimensions in [2, 3] {
            let generator = generator(dimensions);
            for noise in [NoiseMode::Const, NoiseMode::Random, NoiseMode::None] {
                let together = draw(&generator, &[3, 4, 5], None, 0.7, noise);
                let alone = draw(&generator, &[4], None, 0.7, noise);
                assert_eq!(together.size()[0], 3);
                assert!(together.narrow(0, 1, 1).equal(&alone), "{noise:?}");
            }
        }
    }

    #[test]
    fn images_of_styles_are_those_of_their_seeds() {
        let generator = generator(2);
        let seeds: Vec<u32> = (0..20).collect();
        let ws = styles(&generator, &seeds, None, 1.0);
        let images = of_styles(&generator, &ws, &seeds);
        assert_eq!(images.size()[0], 20);
        assert!(images.narrow(0, 18, 2).equal(&draw(&generator, &[18, 19], None, 1.0, NoiseMode::Random)));
    }

    #[test]
    fn at_psi_0_every_seed_has_the_average_style() {
        let mut generator = generator(2);
        let average = Tensor::from_slice(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        tch::no_grad(|| generator.mapping.w_avg.copy_(&average));
        let ws = styles(&generator, &[1, 2], None, 0.0);
        assert!(ws.equal(&average.expand([2, 4, 8], false)));
    }
}

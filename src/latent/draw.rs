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

/// Images \[N, C, R, R\] of `seeds` (at most [`BATCH`]), of `class` \[1, c_dim\] where the network has classes.
pub fn draw(generator: &Generator, seeds: &[u32], class: Option<&Tensor>, truncation: f64, noise: NoiseMode) -> Tensor {
    let filled: Vec<u32> = seeds.iter().copied().cycle().take(BATCH).collect();
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

/// ws \[N, num_ws, w_dim\] of `seeds`, of `class` \[1, c_dim\] where the network has classes.
pub fn styles(generator: &Generator, seeds: &[u32], class: Option<&Tensor>, truncation: f64) -> Tensor {
    tch::no_grad(|| {
        let z = seeds::latents(seeds, generator.config().z_dim).to_device(generator.device());
        let c = class.map(|class| class.expand([seeds.len() as i64, -1], false));
        generator.mapping.truncate(&generator.mapping.forward(&z, c.as_ref()), truncation, None)
    })
}

/// Noise maps \[N, 1, r, r\] for each layer; each image's depend on its seed alone.
fn noise_maps(generator: &Generator, seeds: &[u32]) -> Vec<Tensor> {
    let shapes = generator.synthesis.noise_shapes();
    let mut maps: Vec<Vec<Tensor>> = shapes.iter().map(|_| Vec::new()).collect();
    for &seed in seeds {
        let mut draws = RunSeed(u64::from(seed)).stream("generate.noise", 0);
        for (map, (_, side)) in maps.iter_mut().zip(&shapes) {
            let values: Vec<f32> = StandardNormal.sample_iter(&mut draws).take((side * side) as usize).collect();
            map.push(Tensor::from_slice(&values).reshape([1, 1, *side, *side]));
        }
    }
    maps.iter().map(|map| Tensor::cat(map, 0).to_device(generator.device())).collect()
}

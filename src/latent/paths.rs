//! Ways through the latent space: styles of two seeds mixed, paths between seeds, truncation from none to full.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::draw::{BATCH, styles};
use super::seeds;
use crate::nets::{Generator, Noise};
use crate::problem::{Problem, Result};

/// What a path between seeds runs through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Path {
    /// Straight in w.
    W,
    /// On the sphere in z (Shoemake 1985), which the mapping bends.
    Z,
}

/// Images \[rows x columns, C, R, R\], row by row: the styles of `rows`' seeds, but on `layers` those of `columns`'
/// seeds (StyleGAN, section 3.1).
///
/// # Errors
/// Layers that the network does not have.
pub fn mixed(
    generator: &Generator,
    (rows, columns): (&[u32], &[u32]),
    layers: &RangeInclusive<i64>,
    class: Option<&Tensor>,
    truncation: f64,
) -> Result<Tensor> {
    let last = generator.config().num_ws() - 1;
    if layers.is_empty() || *layers.start() < 0 || *layers.end() > last {
        return Err(Problem::usage(format!("layers {}-{}", layers.start(), layers.end()))
            .expected(format!("layers from 0 (coarse) to {last} (fine)")));
    }
    let (own, other) = (styles(generator, rows, class, truncation), styles(generator, columns, class, truncation));
    let (start, count) = (*layers.start(), layers.end() - layers.start() + 1);
    let cells: Vec<Tensor> = (0..rows.len() as i64)
        .flat_map(|row| (0..columns.len() as i64).map(move |column| (row, column)))
        .map(|(row, column)| {
            let ws = own.get(row).copy();
            ws.narrow(0, start, count).copy_(&other.get(column).narrow(0, start, count));
            ws
        })
        .collect();
    Ok(synthesise(generator, &Tensor::stack(&cells, 0)))
}

/// Images \[frames, C, R, R\] on the way from seed to seed, `frames` for each pair, both ends included once. `closed`
/// goes on to the first seed again, so that a film of it has no jump.
pub fn walk(
    generator: &Generator,
    seeds: &[u32],
    frames: usize,
    (path, closed): (Path, bool),
    class: Option<&Tensor>,
    truncation: f64,
) -> Tensor {
    let ends = match path {
        Path::W => styles(generator, seeds, class, truncation),
        Path::Z => seeds::latents(seeds, generator.config().z_dim).to_device(generator.device()),
    };
    let count = seeds.len() as i64;
    let pairs = if closed { count } else { count - 1 };
    let mut points = Vec::new();
    for pair in 0..pairs {
        let (from, to) = (ends.get(pair), ends.get((pair + 1) % count));
        for frame in 0..frames {
            let share = frame as f64 / frames as f64;
            points.push(match path {
                Path::W => from.lerp(&to, share),
                Path::Z => on_the_sphere(&from, &to, share),
            });
        }
    }
    if !closed {
        points.push(ends.get(count - 1));
    }
    let points = Tensor::stack(&points, 0);
    let ws = match path {
        Path::W => points,
        Path::Z => tch::no_grad(|| {
            let c = class.map(|class| class.expand([points.size()[0], -1], false));
            generator.mapping.truncate(&generator.mapping.forward(&points, c.as_ref()), truncation, None)
        }),
    };
    synthesise(generator, &ws)
}

/// Images \[seeds x psis, C, R, R\], a row for each seed.
pub fn truncation_sweep(generator: &Generator, seeds: &[u32], psis: &[f64], class: Option<&Tensor>) -> Tensor {
    let columns: Vec<Tensor> = psis.iter().map(|&psi| styles(generator, seeds, class, psi)).collect();
    let ws = Tensor::stack(&columns, 1).flatten(0, 1);
    synthesise(generator, &ws)
}

/// Images of ws \[N, num_ws, w_dim\] with the network's own noise.
fn synthesise(generator: &Generator, ws: &Tensor) -> Tensor {
    let draw = |part: &Tensor| tch::no_grad(|| generator.synthesis.forward(part, &Noise::Const));
    let parts: Vec<Tensor> = ws.split(BATCH as i64, 0).iter().map(draw).collect();
    Tensor::cat(&parts, 0)
}

/// Spherical interpolation of two vectors; straight where they point the same way.
fn on_the_sphere(from: &Tensor, to: &Tensor, share: f64) -> Tensor {
    let cosine = (from.dot(to) / (from.norm() * to.norm())).double_value(&[]).clamp(-1.0, 1.0);
    let angle = cosine.acos();
    if angle.sin() < 1e-6 {
        return from.lerp(to, share);
    }
    (from * ((1.0 - share) * angle).sin() + to * (share * angle).sin()).to_kind(Kind::Float) / angle.sin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::GeneratorConfig;
    use crate::seed::RunSeed;
    use tch::Device;

    fn generator() -> Generator {
        let small = GeneratorConfig::small(16, 1);
        let config = GeneratorConfig { z_dim: 8, w_dim: 6, channel_base: 64, channel_max: 8, ..small };
        Generator::new(&config, RunSeed(1), Device::Cpu).unwrap()
    }

    fn image(seed: u32) -> Tensor {
        let generator = generator();
        synthesise(&generator, &styles(&generator, &[seed], None, 1.0))
    }

    fn near(found: &Tensor, expected: &Tensor) -> bool {
        found.allclose(expected, 1e-4, 1e-5, false)
    }

    #[test]
    fn all_layers_mixed_are_the_column_and_some_are_neither() {
        let generator = generator();
        let all = mixed(&generator, (&[1, 2], &[3]), &(0..=5), None, 1.0).unwrap();
        assert!(near(&all.narrow(0, 0, 1), &image(3)) && near(&all.narrow(0, 1, 1), &image(3)));
        let coarse = mixed(&generator, (&[1], &[3]), &(0..=1), None, 1.0).unwrap();
        assert!(!near(&coarse, &image(3)) && !near(&coarse, &image(1)));
        assert!(mixed(&generator, (&[1], &[3]), &(0..=6), None, 1.0).unwrap_err().to_string().contains("to 5"));
    }

    #[test]
    fn a_walk_passes_its_seeds() {
        let generator = generator();
        for path in [Path::W, Path::Z] {
            let open = walk(&generator, &[1, 2, 3], 4, (path, false), None, 1.0);
            assert_eq!(open.size()[0], 9);
            for (at, seed) in [(0, 1), (4, 2), (8, 3)] {
                assert!(near(&open.narrow(0, at, 1), &image(seed)), "{path:?} {seed}");
            }
            assert_eq!(walk(&generator, &[1, 2, 3], 4, (path, true), None, 1.0).size()[0], 12);
        }
    }

    #[test]
    fn halfway_on_the_sphere_keeps_the_length() {
        let (x, y) = (Tensor::from_slice(&[2f32, 0.0]), Tensor::from_slice(&[0f32, 2.0]));
        let middle = Vec::<f32>::try_from(on_the_sphere(&x, &y, 0.5)).unwrap();
        assert!((middle[0] - 2f32.sqrt()).abs() < 1e-6 && (middle[1] - 2f32.sqrt()).abs() < 1e-6, "{middle:?}");
    }

    #[test]
    fn a_sweep_begins_at_the_mean_and_ends_at_the_seed() {
        let generator = generator();
        let sweep = truncation_sweep(&generator, &[1, 2], &[0.0, 1.0], None);
        assert!(near(&sweep.narrow(0, 0, 1), &sweep.narrow(0, 2, 1)));
        assert!(near(&sweep.narrow(0, 3, 1), &image(2)));
    }
}

//! Projecting and drawing with random networks on random images: speed does not depend on their values.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::clock::Clock;
use super::training::precision;
use super::{BenchRecord, Nets};
use crate::engine::precision::Scope;
use crate::latent::cloud::LatentCloud;
use crate::nets::features::RandomVgg;
use crate::nets::{Generator, Noise};
use crate::problem::{Problem, Result};
use crate::project::{Aims, Descent, Draws, ProjectConfig, Projection, optimise};
use crate::seed::RunSeed;

/// Milliseconds an image of a forward pass.
///
/// # Errors
/// Work that fails.
pub fn generate(clock: &Clock, nets: &Nets) -> Result<BenchRecord> {
    let precision = precision(clock, nets)?.0;
    let _precision = Scope::enter(precision);
    let generator = Generator::new(&nets.size.generator(), RunSeed(1), clock.device)?;
    let batch = nets.batch()?;
    let z = Tensor::randn([batch as i64, generator.config().z_dim], (Kind::Float, clock.device));
    let seconds = clock.seconds(|| {
        let images = tch::no_grad(|| generator.forward(&z, None, &Noise::Const));
        let _ = f64::try_from(images.sum(Kind::Double))?;
        Ok(())
    })?;
    let ms = 1e3 * seconds / batch as f64;
    let report = BenchRecord::new("generate", Some(nets), BTreeMap::from([("forward", ms)]))?;
    Ok(BenchRecord { precision: Some(precision.name()), images_per_s: Some(1e3 / ms), ..report })
}

/// Steps of one timed projection.
fn projector_steps(device: Device) -> u64 {
    // On a GPU many more than it does before it records them.
    if device == Device::Cpu { 4 } else { 200 }
}

/// Milliseconds an image and step of the projector.
///
/// # Errors
/// Work that fails.
pub fn project(clock: &Clock, nets: &Nets) -> Result<BenchRecord> {
    let precision = precision(clock, nets)?.0;
    let _precision = Scope::enter(precision);
    let config = nets.size.generator();
    if config.dimensions != 2 {
        return Err(Problem::usage("a projector of volumes").expected("--net small, paper or slice-256"));
    }
    let generator = Generator::new(&config, RunSeed(1), clock.device)?;
    let features = RandomVgg::new(1, clock.device);
    let batch = nets.batch()?;
    let targets = Tensor::randn(generator.config().images(batch as i64), (Kind::Float, clock.device)) * 0.3;
    let cloud = LatentCloud::sample(&generator, 256, None);
    let steps = projector_steps(clock.device);
    let names: Vec<String> = (0..batch).map(|image| image.to_string()).collect();
    let sides: Vec<i64> = generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect();
    let draws = Draws::sample(RunSeed(1), &names, &sides, generator.config().w_dim, steps, clock.device);
    let descent = Descent { steps, ..ProjectConfig::published().descent() };
    let projection = Projection {
        generator: &generator,
        features: &features,
        targets: &targets,
        start: &cloud.mean_of(batch as i64),
        deviation: cloud.deviation(),
        draws: &draws,
        descent: &descent,
        aims: &Aims::default(),
        graphs: clock.graphs,
    };
    let seconds = clock.seconds(|| optimise(&projection, None, &mut |_| true).map(drop))?;
    let steps = (batch * steps) as f64;
    let report = BenchRecord::new("project", Some(nets), BTreeMap::from([("step", 1e3 * seconds / steps)]))?;
    Ok(BenchRecord { precision: Some(precision.name()), image_steps_per_s: Some(steps / seconds), ..report })
}

//! Training, projecting and drawing with random networks on random images: speed does not depend on their values.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};

use super::clock::Clock;
use super::{BenchNet, BenchRecord, Nets};
use crate::augment::ChannelRule;
use crate::engine::precision::Scope;
use crate::engine::{Place, Precision, SideStream, conv3d};
use crate::latent::cloud::LatentCloud;
use crate::nets::features::RandomVgg;
use crate::nets::{Generator, Noise};
use crate::optim::Alone;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::project::{Aims, Descent, Draws, ProjectConfig, Projection, optimise};
use crate::records::label::NetworkLabel;
use crate::run_dir::GanDir;
use crate::seed::RunSeed;
use crate::train::config::{NetConfig, Preset};
use crate::train::identity::Identity;
use crate::train::schedule::Phase;
use crate::train::{RealBatch, Resolved, RunFolder, Runner, Step, TrainConfig, TrainState};

/// The settings of a training run with these networks.
fn settings(nets: &Nets) -> Result<Resolved> {
    let generator = nets.size.generator();
    let (channel_base, channel_max) = (Some(generator.channel_base), Some(generator.channel_max));
    let preset = if nets.size == BenchNet::Paper { Preset::Paper } else { Preset::Small };
    let net = NetConfig { preset, channel_base, channel_max, ..NetConfig::default() };
    let config = TrainConfig { net, batch: nets.batch()?, ..TrainConfig::default() };
    let (side, rules) = (generator.resolution, [ChannelRule::Image]);
    match generator.dimensions {
        2 => config.resolve(side, &rules, &[]),
        _ => config.resolve_volumes(side, &rules, &[]),
    }
}

/// The precision that is computed in, low where it can be trusted.
pub(super) fn precision(clock: &Clock, nets: &Nets) -> Result<Precision> {
    let chosen = nets.precision.resolve(clock.device, true)?;
    Ok(match nets.size.generator().dimensions {
        2 => chosen,
        _ => conv3d::for_volumes(chosen, clock.device).0,
    })
}

/// Milliseconds an image of each phase of a training step, of the moving average and of checkpoints.
///
/// # Errors
/// Work that fails.
pub fn train(clock: &Clock, nets: &Nets) -> Result<BenchRecord> {
    let _precision = Scope::enter(precision(clock, nets)?);
    let settings = settings(nets)?;
    let batch = settings.batch as f64;
    let mut state = TrainState::new(&settings, RunSeed(1), clock.device)?;
    let reals = Tensor::randn(settings.generator.images(settings.batch as i64), (Kind::Float, Device::Cpu)) * 0.3;
    let reals = RealBatch { pixels: reals, classes: None };
    let _stream = SideStream::enter(clock.device)?;
    let mut runner = Runner::new(clock.device, clock.graphs);
    let steps = Steps { clock, settings: &settings, reals: &reals };
    let mut parts_ms = BTreeMap::new();
    let mut step_ms = 0.0;
    for (name, phase) in [
        ("Gmain", Phase::GeneratorMain),
        ("Gpl", Phase::GeneratorPathLength),
        ("Dmain", Phase::DiscriminatorMain),
        ("Dr1", Phase::DiscriminatorR1),
    ] {
        let ms = 1e3 * steps.seconds((name, phase), &mut runner, &mut state)? / batch;
        parts_ms.insert(name, ms);
        step_ms += match phase {
            Phase::GeneratorPathLength => ms / settings.lazy.path_length_every as f64,
            Phase::DiscriminatorR1 => ms / settings.lazy.r1_every as f64,
            _ => ms,
        };
    }
    let average = 1e3 / batch
        * clock.seconds(|| {
            state.update_average(&settings);
            Ok(())
        })?;
    parts_ms.insert("moving average", average);
    // A checkpoint's time spread over the images between two.
    let apart = settings.checkpoint_ticks * settings.tick_steps * settings.batch;
    let checkpoint = 1e3 * checkpoint_seconds(clock, &settings, &mut state)? / apart as f64;
    parts_ms.insert("checkpoint", checkpoint);
    let report = BenchRecord::new("train", Some(nets), parts_ms)?;
    let step_ms = step_ms + average;
    Ok(BenchRecord {
        images_per_s: Some(1e3 / step_ms),
        checkpoint_share: Some(checkpoint / (step_ms + checkpoint)),
        ..report
    })
}

/// What every phase is timed with.
struct Steps<'a> {
    clock: &'a Clock,
    settings: &'a Resolved,
    reals: &'a RealBatch,
}

impl Steps<'_> {
    /// Seconds of one step of a phase.
    fn seconds(&self, (name, phase): (&str, Phase), runner: &mut Runner, state: &mut TrainState) -> Result<f64> {
        let &Self { clock, settings, reals } = self;
        // On a GPU the host draws one step while the device computes the one before: several at a time show what that
        // hides.
        let at_once = if clock.device == Device::Cpu { 1 } else { 16 };
        let mut index = 0;
        let seconds = clock.seconds(|| {
            for _ in 0..at_once {
                let (seed, peers) = (RunSeed(1), &Alone);
                let step = Step { settings, seed, index, learning_rate_scale: 1.0, reals, peers };
                index += 1;
                runner.run(phase, state, &step)?;
            }
            match state.probes.failed() {
                None => Ok(()),
                Some(_) => Err(Problem::new(ProblemKind::Gate, format!("the loss of {name} is not finite"))),
            }
        })?;
        Ok(seconds / f64::from(at_once))
    }
}

/// Of writing all of the state to the disk for temporary files.
fn checkpoint_seconds(clock: &Clock, settings: &Resolved, state: &mut TrainState) -> Result<f64> {
    let out = tempfile::tempdir()
        .map_err(|error| Problem::new(ProblemKind::Environment, format!("cannot make a temporary folder: {error}")))?;
    let identity = Identity { seed: RunSeed(1), settings, data_sha256: "bench" };
    let folder = RunFolder::open(
        GanDir::new(out.path()),
        identity,
        NetworkLabel::default(),
        clock.device,
        Place::here(clock.device),
    )?;
    clock.seconds(|| {
        state.saved_images = None;
        folder.save(state)
    })
}

/// Milliseconds an image of a forward pass.
///
/// # Errors
/// Work that fails.
pub fn generate(clock: &Clock, nets: &Nets) -> Result<BenchRecord> {
    let _precision = Scope::enter(precision(clock, nets)?);
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
    Ok(BenchRecord { images_per_s: Some(1e3 / ms), ..report })
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
    let _precision = Scope::enter(precision(clock, nets)?);
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
    Ok(BenchRecord { image_steps_per_s: Some(steps / seconds), ..report })
}

//! Training as `train` does it: each phase of a step in the precision and the parts that a run here would settle on,
//! and where these were free, in what it did not choose, too.

use std::collections::BTreeMap;
use std::thread::ScopedJoinHandle;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::clock::Clock;
use super::{BenchNet, BenchRecord, Nets};
use crate::augment::ChannelRule;
use crate::engine::precision::Scope;
use crate::engine::{Place, Precision, SideStream, Threads, conv3d, speed};
use crate::nets::DiscriminatorConfig;
use crate::optim::{Alone, Peers, Team};
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::label::NetworkLabel;
use crate::records::precision::PrecisionSpeed;
use crate::run_dir::GanDir;
use crate::seed::RunSeed;
use crate::train::config::{NetConfig, Preset};
use crate::train::identity::Identity;
use crate::train::schedule::Phase;
use crate::train::{RealBatch, Resolved, RunFolder, Runner, Step, TrainConfig, TrainState, settled};

/// The phases by the names that the literature has.
const PHASES: [(&str, Phase); 4] = [
    ("Gmain", Phase::GeneratorMain),
    ("Gpl", Phase::GeneratorPathLength),
    ("Dmain", Phase::DiscriminatorMain),
    ("Dr1", Phase::DiscriminatorR1),
];

/// How fast training was in one way of computing it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Way {
    /// Of activations and kernels.
    pub precision: &'static str,
    /// Parts of a batch, each on a thread of its own.
    pub replicas: u64,
    /// Threads of one operation.
    pub threads: usize,
    /// Images a second.
    pub images_per_s: f64,
}

/// The settings of a training run with these networks.
fn settings(nets: &Nets, replicas: Option<u64>) -> Result<Resolved> {
    let generator = nets.size.generator();
    let (channel_base, channel_max) = (Some(generator.channel_base), Some(generator.channel_max));
    let preset = if nets.size == BenchNet::Paper { Preset::Paper } else { Preset::Small };
    let net = NetConfig { preset, channel_base, channel_max, ..NetConfig::default() };
    let config = TrainConfig { net, batch: nets.batch()?, replicas, ..TrainConfig::default() };
    let (side, rules) = (generator.resolution, [ChannelRule::Image]);
    match generator.dimensions {
        2 => config.resolve(side, &rules, &[]),
        _ => config.resolve_volumes(side, &rules, &[]),
    }
}

/// The precision that is computed in, low where it can be trusted, and on a CPU what "auto" was settled by.
///
/// # Errors
/// A precision that the device does not have.
pub(super) fn precision(clock: &Clock, nets: &Nets) -> Result<(Precision, Option<PrecisionSpeed>)> {
    let (chosen, measured) = match (nets.precision, clock.device) {
        (Precision::Auto, Device::Cpu) => {
            let generator = nets.size.generator();
            let measured = settled::compare(&generator, &DiscriminatorConfig::matching(&generator))?;
            (speed::choose(measured.as_ref()), measured)
        }
        (precision, device) => (precision.resolve(device, true)?, None),
    };
    Ok(match nets.size.generator().dimensions {
        2 => (chosen, measured),
        _ => (conv3d::for_volumes(chosen, clock.device).0, measured),
    })
}

/// Milliseconds an image of each phase of a training step, of the moving average and of checkpoints.
///
/// # Errors
/// Work that fails; replicas that the batch does not allow.
pub fn train(clock: &Clock, nets: &Nets, (asked, threads): (Option<u64>, usize)) -> Result<BenchRecord> {
    let (precision, measured) = precision(clock, nets)?;
    let settings = settings(nets, asked)?;
    let replicas = settings.replicas(asked, clock.device, (threads, 1))?;
    let run = |precision: Precision, replicas: u64| {
        let settings = Resolved { precision, replicas, ..settings.clone() };
        let threads = settings.threads(threads);
        let timed = Timed::of(clock, &settings, threads)?;
        let images_per_s = 1e3 / timed.step_ms;
        Ok::<_, Problem>((timed, Way { precision: precision.name(), replicas, threads, images_per_s }))
    };
    let (timed, way) = run(precision, replicas)?;
    let mut ways = vec![way];
    if let (Precision::Auto, Some(_)) = (nets.precision, &measured) {
        let other = if precision == Precision::Float32 { Precision::Bfloat16 } else { Precision::Float32 };
        ways.push(run(other, replicas)?.1);
    }
    if asked.is_none() && replicas > 1 {
        ways.push(run(precision, 1)?.1);
    }
    let mut parts_ms = timed.parts_ms;
    // A checkpoint's time spread over the images between two.
    let apart = settings.checkpoint_ticks * settings.tick_steps * settings.batch;
    let checkpoint = 1e3 * checkpoint_seconds(clock, &settings)? / apart as f64;
    parts_ms.insert("checkpoint", checkpoint);
    let report = BenchRecord::new("train", Some(nets), parts_ms)?;
    Ok(BenchRecord {
        precision: Some(precision.name()),
        precision_speed: measured,
        images_per_s: Some(1e3 / timed.step_ms),
        ways,
        checkpoint_share: Some(checkpoint / (timed.step_ms + checkpoint)),
        ..report
    })
}

/// What one way took.
struct Timed {
    /// An image.
    parts_ms: BTreeMap<&'static str, f64>,
    /// An image, all phases as often as they are due, and the moving average.
    step_ms: f64,
}

impl Timed {
    /// The first replica holds the clock; the others do each phase as often.
    fn of(clock: &Clock, settings: &Resolved, threads: usize) -> Result<Self> {
        if settings.replicas == 1 {
            return Self::one(clock, settings, &Alone);
        }
        let _threads = Threads::enter(threads);
        let team = Team::new(settings.replicas as usize);
        let mut members = team.members(None).into_iter();
        let first = members.next().ok_or_else(|| Problem::new(ProblemKind::Internal, "no replica"))?;
        std::thread::scope(|scope| {
            let other = |member| {
                scope.spawn(move || {
                    tch::set_num_threads(threads as i32);
                    Self::one(clock, settings, &member).map(drop)
                })
            };
            let others: Vec<ScopedJoinHandle<'_, Result<()>>> = members.map(other).collect();
            let timed = Self::one(clock, settings, &first);
            drop(first);
            for thread in others {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            timed
        })
    }

    fn one(clock: &Clock, settings: &Resolved, peers: &dyn Peers) -> Result<Self> {
        let _precision = Scope::enter(settings.precision);
        let batch = settings.batch as f64;
        let mut state = TrainState::new(settings, RunSeed(1), clock.device)?;
        let count = settings.generator.images(settings.batch as i64);
        let reals = RealBatch { pixels: wave(&count), classes: None };
        let _stream = SideStream::enter(clock.device)?;
        let mut runner = Runner::new(clock.device, clock.graphs);
        let steps = Steps { clock, settings, reals: &reals, peers };
        let (mut parts_ms, mut step_ms) = (BTreeMap::new(), 0.0);
        for (name, phase) in PHASES {
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
                state.update_average(settings);
                Ok(())
            })?;
        parts_ms.insert("moving average", average);
        Ok(Self { parts_ms, step_ms: step_ms + average })
    }
}

/// Levels of real images; speed does not depend on them.
fn wave(shape: &[i64]) -> Tensor {
    Tensor::arange(shape.iter().product::<i64>(), (Kind::Float, Device::Cpu)).sin().reshape(shape) * 0.3
}

/// What every phase is timed with.
struct Steps<'a> {
    clock: &'a Clock,
    settings: &'a Resolved,
    reals: &'a RealBatch,
    peers: &'a dyn Peers,
}

impl Steps<'_> {
    /// Seconds of one step of a phase.
    fn seconds(&self, (name, phase): (&str, Phase), runner: &mut Runner, state: &mut TrainState) -> Result<f64> {
        let &Self { clock, settings, reals, peers } = self;
        // On a GPU the host draws one step while the device computes the one before: several at a time show what that
        // hides.
        let at_once = if clock.device == Device::Cpu { 1 } else { 16 };
        let mut index = 0;
        let seconds = clock.seconds(|| {
            for _ in 0..at_once {
                let seed = RunSeed(1);
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
fn checkpoint_seconds(clock: &Clock, settings: &Resolved) -> Result<f64> {
    let out = tempfile::tempdir()
        .map_err(|error| Problem::new(ProblemKind::Environment, format!("cannot make a temporary folder: {error}")))?;
    let mut state = TrainState::new(settings, RunSeed(1), clock.device)?;
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
        folder.save(&mut state)
    })
}

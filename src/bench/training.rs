//! Training as `train` does it: each phase of a step in the precision and the parts that a run here would settle on,
//! and where these were free, in what it did not choose, too; by one process or by several, each of which does as much
//! of every step as it would of a run.

use std::collections::BTreeMap;
use std::thread::ScopedJoinHandle;

use serde::Serialize;
use tch::{Device, Kind, Tensor};

use super::clock::Clock;
use super::metered::Metered;
use super::{BenchNet, BenchRecord, Nets};
use crate::augment::ChannelRule;
use crate::engine::precision::Scope;
use crate::engine::{Group, Place, Precision, SideStream, Threads, conv3d, speed};
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

/// What is computed in, and in how many parts: what a run settles before it begins. The first of several processes
/// settles it for all.
struct Settled {
    precision: Precision,
    /// What it was chosen by.
    measured: Option<PrecisionSpeed>,
    replicas: u64,
}

impl Settled {
    fn of(
        (clock, nets): (&Clock, &Nets),
        settings: &Resolved,
        (asked, threads): (Option<u64>, usize),
        group: Option<&Group>,
    ) -> Result<Self> {
        let processes = group.map_or(1, Group::size) as u64;
        let alone = || {
            let (precision, measured) = precision(clock, nets)?;
            let replicas = settings.replicas(asked, clock.device, (threads, processes))?;
            Ok::<_, Problem>(Self { precision, measured, replicas })
        };
        let Some(group) = group else { return alone() };
        settled::require_shares(settings, processes)?;
        let own = if group.rank() == 0 { Some(alone()?) } else { None };
        let said = own.as_ref().map_or([0.0; 2], |own| [own.precision.to_number(), own.replicas as f64]);
        let first = group.gather(&Tensor::from_slice(&said))?.remove(0);
        let precision = Precision::of_number(first.double_value(&[0]))?;
        Ok(own.unwrap_or(Self { precision, measured: None, replicas: first.double_value(&[1]) as u64 }))
    }
}

/// Milliseconds an image of each phase of a training step, of the moving average and of checkpoints; by the processes
/// of `group` together where there is one, which stays there for what follows.
///
/// # Errors
/// Work that fails; replicas or processes that the batch does not allow; another process has gone.
pub fn train(
    clock: &Clock,
    nets: &Nets,
    (asked, threads): (Option<u64>, usize),
    group: &mut Option<Group>,
) -> Result<BenchRecord> {
    let settings = settings(nets, asked)?;
    let processes = group.as_ref().map_or(1, Group::size);
    let Settled { precision, measured, replicas } =
        Settled::of((clock, nets), &settings, (asked, threads), group.as_ref())?;
    let both = group.as_ref().map_or(Ok(measured.is_some()), |group| any(group, measured.is_some()))?;
    let mut run = |precision: Precision, replicas: u64| {
        let settings = Resolved { precision, replicas, ..settings.clone() };
        let threads = settings.threads(threads * processes);
        let timed = Timed::of(clock, &settings, threads, group)?;
        let images_per_s = 1e3 / timed.step_ms;
        Ok::<_, Problem>((timed, Way { precision: precision.name(), replicas, threads, images_per_s }))
    };
    let (timed, way) = run(precision, replicas)?;
    let mut ways = vec![way];
    if nets.precision == Precision::Auto && both {
        let other = if precision == Precision::Float32 { Precision::Bfloat16 } else { Precision::Float32 };
        ways.push(run(other, replicas)?.1);
    }
    // As few parts as there can be.
    if asked.is_none() && replicas > processes as u64 {
        ways.push(run(precision, processes as u64)?.1);
    }
    let mut parts_ms = timed.parts_ms;
    // A checkpoint's time spread over the images between two.
    let apart = settings.checkpoint_ticks * settings.tick_steps * settings.batch;
    let checkpoint = match group {
        // The first process writes them.
        Some(group) if group.rank() > 0 => 0.0,
        _ => 1e3 * checkpoint_seconds(clock, &settings)? / apart as f64,
    };
    parts_ms.insert("checkpoint", checkpoint);
    let report = BenchRecord::new("train", Some(nets), parts_ms)?;
    Ok(BenchRecord {
        precision: Some(precision.name()),
        precision_speed: measured,
        processes: Some(processes),
        images_per_s: Some(1e3 / timed.step_ms),
        exchange_share: Some(timed.exchange_ms / timed.step_ms),
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
    /// An image, of that in exchanges.
    exchange_ms: f64,
}

/// Whether any process says so.
fn any(group: &Group, said: bool) -> Result<bool> {
    let all = group.gather(&Tensor::from(f64::from(u8::from(said))))?;
    Ok(all.iter().any(|said| said.double_value(&[]) > 0.0))
}

impl Timed {
    /// The first replica of each process holds its clock; the others do each phase as often.
    fn of(clock: &Clock, settings: &Resolved, threads: usize, group: &mut Option<Group>) -> Result<Self> {
        let _threads = Threads::enter(threads);
        if settings.replicas == 1 {
            return Self::one(clock, settings, &Alone);
        }
        let processes = group.as_ref().map_or(1, Group::size);
        let here = settings.replicas as usize / processes;
        let team = group.as_ref().map_or_else(|| Team::new(here), |group| Team::among(here, group));
        let mut members = team.members(group.take()).into_iter();
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
            *group = first.leave();
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
        let peers = &Metered::new(peers, clock.device);
        let steps = Steps { clock, settings, reals: &reals, peers };
        let (mut parts_ms, mut step_ms, mut exchange_ms) = (BTreeMap::new(), 0.0, 0.0);
        for (name, phase) in PHASES {
            let (seconds, of_exchanges) = steps.seconds((name, phase), &mut runner, &mut state)?;
            let ms = 1e3 * seconds / batch;
            parts_ms.insert(name, ms);
            let every = match phase {
                Phase::GeneratorPathLength => settings.lazy.path_length_every,
                Phase::DiscriminatorR1 => settings.lazy.r1_every,
                _ => 1,
            } as f64;
            step_ms += ms / every;
            exchange_ms += 1e3 * of_exchanges / batch / every;
        }
        if peers.size() > 1 {
            // As the loop does before every step.
            let asking = 1e3 * clock.seconds(|| peers.any(false).map(drop))? / batch;
            parts_ms.insert("whether to stop", asking);
            step_ms += asking;
            exchange_ms += asking;
        }
        let average = 1e3 / batch
            * clock.seconds(|| {
                state.update_average(settings);
                Ok(())
            })?;
        parts_ms.insert("moving average", average);
        Ok(Self { parts_ms, step_ms: step_ms + average, exchange_ms })
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
    peers: &'a Metered<'a>,
}

impl Steps<'_> {
    /// Seconds of one step of a phase, and of these in exchanges.
    fn seconds(&self, (name, phase): (&str, Phase), runner: &mut Runner, state: &mut TrainState) -> Result<(f64, f64)> {
        let &Self { clock, settings, reals, peers } = self;
        // On a GPU the host draws one step while the device computes the one before: several at a time show what that
        // hides.
        let at_once = if clock.device == Device::Cpu { 1 } else { 16 };
        let mut index = 0;
        let work = || {
            let before = peers.seconds();
            for _ in 0..at_once {
                let seed = RunSeed(1);
                let step = Step { settings, seed, index, learning_rate_scale: 1.0, reals, peers };
                index += 1;
                runner.run(phase, state, &step)?;
            }
            match state.probes.failed() {
                None => Ok(peers.seconds() - before),
                Some(_) => Err(Problem::new(ProblemKind::Gate, format!("the loss of {name} is not finite"))),
            }
        };
        let (seconds, of_exchanges) = clock.fastest(|| Ok(()), work)?;
        Ok((seconds / f64::from(at_once), of_exchanges / f64::from(at_once)))
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

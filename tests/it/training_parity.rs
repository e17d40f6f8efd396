//! Twenty training iterations, every draw fixed, against plain PyTorch (`tests/fixtures/make_training.py`).

use rimforge::augment::params::Color;
use rimforge::augment::{AugmentConfig, AugmentParams, ChannelRule};
use rimforge::engine::SideStream;
use rimforge::latent::seeds::RandomState;
use rimforge::nets::network::Named;
use rimforge::nets::weights::{part, read_tensors, without_resample_filters};
use rimforge::nets::{GeneratorConfig, Network};
use rimforge::optim::Alone;
use rimforge::seed::RunSeed;
use rimforge::train::draws::{Draws, FakeDraws, Mixing};
use rimforge::train::schedule::Phase;
use rimforge::train::stats::Quantity;
use rimforge::train::{RealBatch, Resolved, Runner, Step, TrainConfig, TrainState};
use tch::{Device, Kind, Tensor};

use crate::gpu;
use crate::parity::fixture;

const BATCH: i64 = 4;
const ITERATIONS: i64 = 20;

/// Of |a - b| / (|a| + rms of a), over all weights. The reference's own single-precision run is 2e-5 from its
/// double-precision run, which is what is stored.
const WEIGHTS: f64 = 5e-4;
const LOSSES: f64 = 1e-5;

fn settings() -> Resolved {
    let mut config = TrainConfig {
        batch: BATCH as u64,
        r1_gamma: Some(0.05), // With Adam's usual 1e-8 the sign of a gradient that is all but zero decides a full step.
        epsilon: 1e-2,
        ema_kimg: Some(10.0),
        ..TrainConfig::default()
    };
    config.ada.speed_kimg = Some(0.5);
    let mut settings = config.resolve(16, &[ChannelRule::Image; 3], &[1, 1]).unwrap();
    settings.generator = GeneratorConfig {
        z_dim: 32,
        w_dim: 48,
        channel_base: 256,
        channel_max: 32,
        mapping_layers: 3,
        ..settings.generator
    };
    settings.discriminator = rimforge::nets::DiscriminatorConfig::matching(&settings.generator);
    // What `recoloured` draws from: fixed shapes, as a GPU takes them, add no other operation.
    settings.augment = AugmentConfig { brightness: 1.0, contrast: 1.0, ..AugmentConfig::none() };
    settings
}

/// NumPy's legacy stream of one phase of one iteration.
struct Stream(RandomState);

impl Stream {
    fn of(iteration: i64, phase: i64) -> Self {
        Self(RandomState::new((1000 * iteration + phase) as u32))
    }

    fn normal(&mut self, shape: &[i64]) -> Tensor {
        let rows = shape[0];
        self.0.randn(rows, shape.iter().product::<i64>() / rows).reshape(shape)
    }
}

fn fakes(stream: &mut Stream, iteration: i64, phase: i64, count: i64) -> FakeDraws {
    let z = stream.normal(&[count, 32]);
    let second = stream.normal(&[count, 32]);
    let noise = [4, 8, 8, 16, 16].map(|side| stream.normal(&[count, 1, side, side]));
    let cutoffs: Vec<i64> = (0..count).map(|n| 1 + (iteration + n + phase) % 6).collect();
    let classes: Vec<i64> = (0..count).map(|n| (iteration + n + phase) % 2).collect();
    FakeDraws {
        z,
        c: Some(one_hot(&classes)),
        mixing: Some(Mixing { cutoffs: Tensor::from_slice(&cutoffs), z: second }),
        noise: noise.into(),
    }
}

fn one_hot(classes: &[i64]) -> Tensor {
    Tensor::from_slice(classes).one_hot(2).to_kind(Kind::Float)
}

/// x -> a x + b, `kind` 0 for generated images and 1 for real ones.
fn recoloured(iteration: i64, phase: i64, kind: i64) -> AugmentParams {
    let color = |n: i64| {
        let a = 1.0 + 0.1 * ((n + phase + kind) % 3 - 1) as f64;
        let b = 0.05 * ((iteration + n + kind) % 3 - 1) as f64;
        Color { rows: [[a, 0.0, 0.0, b], [0.0, a, 0.0, b], [0.0, 0.0, a, b]] }
    };
    AugmentParams {
        color: Some((0..BATCH).map(color).collect()),
        image_channels: vec![true; 3],
        drawn: true,
        ..AugmentParams::default()
    }
}

fn draws(phase: Phase, it: i64) -> Draws {
    match phase {
        Phase::GeneratorMain => {
            let fakes = fakes(&mut Stream::of(it, 0), it, 0, BATCH);
            Draws::GeneratorMain { fakes, augment: recoloured(it, 0, 0), augment_reals: None, share: None }
        }
        Phase::GeneratorPathLength => {
            let mut stream = Stream::of(it, 1);
            let fakes = fakes(&mut stream, it, 1, BATCH / 2);
            Draws::GeneratorPathLength { fakes, direction: stream.normal(&[BATCH / 2, 3, 16, 16]) }
        }
        Phase::DiscriminatorMain => Draws::DiscriminatorMain {
            fakes: fakes(&mut Stream::of(it, 2), it, 2, BATCH),
            augment_fakes: recoloured(it, 2, 0),
            augment_reals: recoloured(it, 2, 1),
            lecam: None,
            picks: vec![],
        },
        Phase::DiscriminatorR1 => Draws::DiscriminatorR1 { augment: recoloured(it, 3, 1), fakes: None },
    }
}

fn reals(it: i64) -> RealBatch {
    let pixels = (Stream::of(it, 4).normal(&[BATCH, 3, 16, 16]) * 0.5).clamp(-1.0, 1.0);
    let classes: Vec<i64> = (0..BATCH).map(|n| (3 * it + n) % 2).collect();
    RealBatch { pixels, classes: Some(one_hot(&classes)) }
}

/// Largest |found - expected| / (|expected| + rms of expected), and its tensor.
fn deviation(found: &Named, expected: &Named) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for (name, expected) in expected {
        let found = found[name].detach().to_device(Device::Cpu).to_kind(Kind::Double);
        let expected = expected.to_kind(Kind::Double);
        let scale = expected.abs() + expected.square().mean(Kind::Double).sqrt() + 1e-12;
        let error = ((found - &expected).abs() / scale).max().double_value(&[]);
        if error > worst.0 || error.is_nan() {
            worst = (error, name.clone());
        }
    }
    worst
}

#[test]
fn twenty_iterations_end_where_the_reference_does() {
    follow(Device::Cpu, 1.0);
}

/// Main phases and path length by repeating recorded ones in the end. Other rounding grows over the iterations.
#[test]
#[ignore = "needs a GPU"]
fn twenty_iterations_on_a_gpu_end_where_the_reference_does() {
    let (_alone, engine) = gpu::card(true);
    let _stream = SideStream::enter(engine.device).unwrap();
    follow(engine.device, 100.0);
}

/// Every phase often enough to be recorded and repeated.
#[test]
#[ignore = "needs a GPU"]
fn on_a_gpu_recorded_phases_do_what_plain_ones_do() {
    let train = |graphs: bool| {
        let (_alone, engine) = gpu::card(graphs);
        let _stream = SideStream::enter(engine.device).unwrap();
        let mut settings = settings();
        (settings.lazy.path_length_every, settings.lazy.r1_every) = (1, 1);
        let mut state = TrainState::new(&settings, RunSeed(0), engine.device).unwrap();
        let mut runner = Runner::new(engine.device, engine.graphs);
        for it in 0..8 {
            let reals = reals(it);
            let (index, peers) = (it as u64, &Alone);
            let step =
                Step { settings: &settings, seed: RunSeed(0), index, learning_rate_scale: 1.0, reals: &reals, peers };
            for phase in settings.lazy.due(index) {
                runner.run_with(draws(phase, it), &mut state, &step).unwrap();
            }
        }
        assert_eq!(state.probes.failed(), None);
        let own = |(name, tensor): (String, Tensor)| (name, tensor.to_device(Device::Cpu));
        state.generator.tensors().into_iter().map(own).collect::<Named>()
    };
    let (error, name) = deviation(&train(true), &train(false));
    assert!(error < 1e-3, "{name}: {error:.2e}");
}

/// `slack`: factor on the tolerances.
fn follow(device: Device, slack: f64) {
    let settings = settings();
    let weights = read_tensors(fixture("cond_r16_c3.weights.safetensors")).unwrap().tensors;
    let reference = read_tensors(fixture("training.safetensors")).unwrap().tensors;
    let trace = |name: &str| Vec::<f64>::try_from(&reference[&format!("trace.{name}")]).unwrap();
    let mut state = TrainState::new(&settings, RunSeed(0), device).unwrap();
    state.generator.load(&without_resample_filters(part("G.", &weights)).unwrap()).unwrap();
    state.average.copy_from(&state.generator).unwrap();
    state.discriminator.load(&without_resample_filters(part("D.", &weights)).unwrap()).unwrap();

    let mut runner = Runner::new(device, true);
    let mut losses: [Vec<f64>; 4] = Default::default();
    let (mut means, mut ps) = (vec![], vec![]);
    for it in 0..ITERATIONS {
        let reals = reals(it);
        let (index, peers) = (it as u64, &Alone);
        let step =
            Step { settings: &settings, seed: RunSeed(0), index, learning_rate_scale: 1.0, reals: &reals, peers };
        state.tick_sums.clear();
        for phase in settings.lazy.due(it as u64) {
            runner.run_with(draws(phase, it), &mut state, &step).unwrap();
        }
        state.end_step(&settings, &Alone).unwrap();
        let logged = [Quantity::LossGenerator, Quantity::LossDiscriminator, Quantity::R1, Quantity::PathLength];
        for (losses, quantity) in losses.iter_mut().zip(logged) {
            losses.extend(state.tick_sums.mean(quantity));
        }
        let sign = state.tick_sums.mean(Quantity::RealSign).unwrap();
        assert!(slack > 1.0 || sign == trace("sign")[it as usize], "signs of {it}");
        state.counters.step += 1;
        state.update_average(&settings);
        means.push(state.path_length_mean.double_value(&[]));
        ps.push(state.ada.p);
    }
    let close = |name: &str, found: &[f64]| {
        let expected = trace(name);
        assert_eq!(found.len(), expected.len(), "{name}");
        let error = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b.abs()).fold(0.0, f64::max);
        println!("{name}: {error:.1e}");
        assert!(error < slack * LOSSES, "{name}: {error:.2e}: {found:?} against {expected:?}");
    };
    close("gmain", &losses[0]);
    close("dmain", &losses[1]);
    close("r1", &losses[2]);
    close("pl_mean", &means);
    // Path lengths are logged, not their penalty, which the weights tell.
    assert_eq!(losses[3].len(), trace("pl").len());
    // The controller goes by the interval before the one that ends, so as not to wait for a GPU: p comes four batches
    // later.
    let interval = settings.ada.interval as usize;
    let expected = [vec![0.0; interval], trace("p")].concat();
    for (p, expected) in ps.iter().zip(expected) {
        assert!(slack > 1.0 || (p - expected).abs() < 1e-12, "{ps:?}");
    }
    let networks = [
        ("final.G.", state.generator.tensors()),
        ("final.D.", state.discriminator.tensors()),
        ("final.G_ema.", state.average.tensors()),
    ];
    for (prefix, found) in networks {
        let expected = part(prefix, &reference);
        assert!(expected.len() > 20, "{prefix}");
        let (error, name) = deviation(&found, &expected);
        println!("{prefix}: {error:.1e} at {name}");
        assert!(error < slack.min(20.0) * WEIGHTS, "{prefix}{name}: {error:.2e}");
    }
}

//! Speed of single layers: `cargo bench --bench layers -- low_pass` times those whose name has "low_pass" in it.
//!
//! A name is operation, direction, net and precision. Elements a second are those of the activation \[N, C, H, W\] that
//! the layer takes or gives in a small or a paper-sized net; backward is towards all inputs, weights included. Times
//! are wall-clock time: on a busy machine run with one thread (`taskset --cpu-list 0 cargo bench ...`), because several
//! wait for the one that something else has stopped. Networks as wholes are in `nets`.
#![allow(clippy::print_stdout, reason = "what was measured")]

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use rimforge::augment::params::BatchSize;
use rimforge::augment::{AugmentConfig, AugmentParams, apply};
use rimforge::engine::fused::{self, Before, Resample};
use rimforge::engine::precision::{self, Scope};
use rimforge::engine::{DeviceChoice, Engine, EngineConfig, Precision};
use rimforge::nets::layers::modulated::{StyledConv, StyledShape};
use rimforge::nets::layers::resample::Resampling;
use rimforge::nets::network::{Init, Role};
use rimforge::nets::{Generator, GeneratorConfig, Network};
use rimforge::optim::{Adam, AdamConfig, Flat};
use rimforge::seed::RunSeed;
use tch::{Device, Kind, Tensor};

const BOTH: [Precision; 2] = [Precision::Float32, Precision::Bfloat16];

/// For what is in float32 in any scope.
const FLOAT32: [Precision; 1] = [Precision::Float32];

/// Bound on activations, as in the networks.
const BOUND: Option<f64> = Some(256.0);

/// An activation in the middle of a network for 64x64 pixels.
#[derive(Clone, Copy)]
struct Shape {
    net: &'static str,
    batch: i64,
    channels: i64,
    side: i64,
    w_dim: i64,
}

const SHAPES: [Shape; 2] = [
    Shape { net: "small", batch: 32, channels: 32, side: 32, w_dim: 128 },
    Shape { net: "paper", batch: 8, channels: 512, side: 16, w_dim: 512 },
];

impl Shape {
    fn elements(&self) -> u64 {
        (self.batch * self.channels * self.side * self.side) as u64
    }

    /// \[N, C, H, W\] in the precision of the scope.
    fn activation(&self) -> Tensor {
        precision::lowered(&channels_last(&normal(&[self.batch, self.channels, self.side, self.side])))
    }

    /// \[C, C, 3, 3\].
    fn weight(&self) -> Tensor {
        normal(&[self.channels, self.channels, 3, 3])
    }
}

fn normal(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

/// `x` \[N, C, H, W\] with channels-last strides; tch has no argument for them.
fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// Forward without a graph, then forward and backward to all of `inputs`.
fn directions(
    group: &mut BenchmarkGroup<'_, WallTime>,
    at: &str,
    inputs: &[Tensor],
    work: impl Fn(&[Tensor]) -> Tensor,
) {
    group.bench_function(BenchmarkId::new("forward", at), |bencher| {
        bencher.iter(|| tch::no_grad(|| work(inputs)));
    });
    // In place: a layer that is made of its own parameters has them among the inputs.
    inputs.iter().for_each(|input| drop(input.set_requires_grad(true)));
    group.bench_function(BenchmarkId::new("forward+backward", at), |bencher| {
        bencher.iter(|| Tensor::run_backward(&[work(inputs)], inputs, false, false));
    });
}

/// A group of one operation: `make` gives its inputs at a shape and what to do with them.
fn operation<W: Fn(&[Tensor]) -> Tensor>(
    criterion: &mut Criterion,
    name: &str,
    precisions: &[Precision],
    make: impl Fn(Shape) -> (Vec<Tensor>, W),
) {
    let mut group = criterion.benchmark_group(name);
    for &precision in precisions {
        let _scope = Scope::enter(precision);
        for shape in SHAPES {
            let (inputs, work) = make(shape);
            group.throughput(Throughput::Elements(shape.elements()));
            directions(&mut group, &format!("{} {}", shape.net, precision.name()), &inputs, work);
        }
    }
}

fn activations(criterion: &mut Criterion) {
    operation(criterion, "activate", &BOTH, |shape| {
        let Shape { batch, channels, side, .. } = shape;
        let parts = [normal(&[batch, channels]), normal(&[channels]), normal(&[batch, 1, side, side]), normal(&[])];
        let inputs: Vec<Tensor> = std::iter::once(shape.activation()).chain(parts).collect();
        (inputs, |inputs: &[Tensor]| {
            let [x, scale, bias, map, strength] = inputs else { unreachable!("five inputs") };
            let before = Before { scale: Some(scale), bias: Some(bias), noise: Some((map, strength)), gain: 1.4 };
            fused::activate(x, before, BOUND)
        })
    });
}

fn convolutions(criterion: &mut Criterion) {
    operation(criterion, "convolution", &BOTH, |shape| {
        let work = |inputs: &[Tensor]| fused::convolution(&inputs[0], &inputs[1], 0.01, 1, 1);
        (vec![shape.activation(), shape.weight()], work)
    });
    operation(criterion, "transposed_convolution", &BOTH, |shape| {
        let work = |inputs: &[Tensor]| fused::transposed_convolution(&inputs[0], &inputs[1], 0.01, 2, 0);
        (vec![shape.activation(), shape.weight()], work)
    });
}

fn low_pass(criterion: &mut Criterion) {
    for mode in [Resample::Grow, Resample::Shrink, Resample::Halve, Resample::Double] {
        let work = move |inputs: &[Tensor]| fused::low_pass(&inputs[0], mode, 1.0);
        operation(criterion, &format!("low_pass {mode:?}"), &BOTH, |shape| (vec![shape.activation()], work));
    }
}

fn images(criterion: &mut Criterion) {
    operation(criterion, "to_image", &BOTH, |shape| {
        let work = |inputs: &[Tensor]| fused::to_image(&inputs[0], &inputs[1]);
        (vec![shape.activation(), normal(&[shape.batch, 1, shape.channels])], work)
    });
    operation(criterion, "from_image", &BOTH, |shape| {
        let work = |inputs: &[Tensor]| fused::from_image(&inputs[0], &inputs[1]);
        let image = normal(&[shape.batch, 1, shape.side, shape.side]);
        (vec![image, normal(&[1, 1, shape.channels])], work)
    });
}

fn perceptual(criterion: &mut Criterion) {
    operation(criterion, "unit_features", &FLOAT32, |shape| {
        (vec![shape.activation()], |inputs: &[Tensor]| fused::unit_features(&inputs[0]))
    });
    operation(criterion, "squared_distance", &FLOAT32, |shape| {
        // The targets' features take no gradient.
        let target = fused::unit_features(&shape.activation());
        (vec![fused::unit_features(&shape.activation())], move |inputs: &[Tensor]| {
            fused::squared_distance(&inputs[0], &target)
        })
    });
}

fn styled_conv(criterion: &mut Criterion) {
    for (name, double) in [("styled_conv", None), ("styled_conv doubling", Some(Resampling::Filter))] {
        operation(criterion, name, &BOTH, |shape| {
            let Shape { batch, channels, w_dim, .. } = shape;
            let side = if double.is_some() { 2 * shape.side } else { shape.side };
            let init = Init::new(RunSeed(1), Device::Cpu, "bench");
            let (inputs, outputs, resolution) = (channels, channels, side);
            let styled = StyledShape { inputs, outputs, w_dim, resolution, dimensions: 2, double };
            let conv = StyledConv::new(&init, styled, BOUND);
            let mut inputs = vec![shape.activation(), normal(&[batch, w_dim])];
            conv.visit("", &mut |_, tensor, role| {
                inputs.extend((role == Role::Parameter).then(|| tensor.shallow_clone()));
            });
            let noise = normal(&[batch, 1, side, side]);
            (inputs, move |inputs: &[Tensor]| conv.forward(&inputs[0], &inputs[1], Some(&noise)))
        });
    }
}

fn augment(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("augment");
    for channels in [1, 3] {
        let x = normal(&[32, channels, 64, 64]);
        let size = BatchSize { images: 32, channels: channels as usize, height: 64, width: 64 };
        let params = AugmentParams::sample(&mut RunSeed(1).stream("bench", 0), 0.5, &AugmentConfig::medical(), size);
        group.throughput(Throughput::Elements(x.numel() as u64));
        directions(&mut group, &format!("{channels} channels float32"), &[x], |inputs| apply(&inputs[0], &params));
    }
}

fn adam(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("adam");
    let config = AdamConfig { betas: (0.0, 0.99), epsilon: 1e-8 };
    for (net, sizes) in [("small", GeneratorConfig::small(64, 1)), ("paper", GeneratorConfig::paper(64, 1))] {
        let generator = Generator::new(&sizes, RunSeed(1), Device::Cpu).expect("sizes are good");
        let flat = Flat::new(generator.parameters().into_iter().map(|(_, tensor)| tensor).collect());
        let mut adam = Adam::new(flat.values(), config);
        let gradient = normal(&[generator.parameter_count() as i64]);
        group.throughput(Throughput::Elements(generator.parameter_count()));
        let rates = adam.next(0.002);
        group.bench_function(BenchmarkId::new("step", format!("{net} float32")), |bencher| {
            bencher.iter(|| adam.step(&gradient, &rates));
        });
    }
}

fn main() {
    let engine =
        Engine::start(&EngineConfig { device: DeviceChoice::Cpu, ..EngineConfig::default() }).expect("libtorch starts");
    println!("threads {}", engine.facts.threads);
    // The smallest number of samples that it takes: a paper-sized convolution is tenths of a second.
    let criterion = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300));
    let mut criterion = criterion.measurement_time(Duration::from_secs(2)).configure_from_args();
    for group in [activations, convolutions, low_pass, images, perceptual, styled_conv, augment, adam] {
        group(&mut criterion);
    }
    criterion.final_summary();
}

//! Speed of the networks and the augmentation next to the machine's convolution rate: `cargo bench --bench nets`.
//!
//! Times are processor time over wall-clock time of the best repetition; on a busy machine run with one thread
//! (`cargo bench --bench nets -- 1`) and read the processor time.
#![allow(clippy::print_stdout, reason = "what was measured")]

use std::time::{Duration, Instant};

use rimforge::augment::params::BatchSize;
use rimforge::augment::{AugmentConfig, AugmentParams, apply};
use rimforge::engine::{DeviceChoice, Engine, EngineConfig};
use rimforge::nets::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Network, Noise};
use rimforge::seed::RunSeed;
use tch::{Device, Kind, Tensor};

const BATCH: i64 = 32;

/// Best processor and wall-clock time of a few repetitions.
fn time(repetitions: usize, mut work: impl FnMut()) -> (f64, f64) {
    work();
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..repetitions {
        let (cpu, wall) = (processor_time(), Instant::now());
        work();
        best = (best.0.min((processor_time() - cpu).as_secs_f64()), best.1.min(wall.elapsed().as_secs_f64()));
    }
    best
}

fn processor_time() -> Duration {
    let mut usage = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `usage` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut usage) };
    Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32)
}

fn report(what: &str, (cpu, wall): (f64, f64), images: i64) {
    let images = images as f64;
    println!("{what:<34} {:8.2} ms CPU {:8.2} ms wall / image", cpu / images * 1e3, wall / images * 1e3);
}

fn gradients(loss: &Tensor, network: &dyn Network) {
    let parameters = network.parameters();
    let tensors: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
    let _ = Tensor::run_backward(&[loss], &tensors, false, false);
}

fn convolution_rate() -> (f64, f64) {
    let options = (Kind::Float, Device::Cpu);
    let x = Tensor::randn([8, 512, 32, 32], options).set_requires_grad(true);
    let w = Tensor::randn([512, 512, 3, 3], options).set_requires_grad(true);
    let (cpu, wall) = time(3, || {
        let y = x.conv2d(&w, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
        let _ = Tensor::run_backward(&[y.sum(Kind::Float)], &[&x, &w], false, false);
    });
    let flop = 6.0 * 8.0 * 512.0 * 512.0 * 9.0 * 1024.0;
    (flop / cpu / 1e9, flop / wall / 1e9)
}

fn main() {
    let threads = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(0);
    let engine = Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads, ..EngineConfig::default() })
        .expect("libtorch starts");
    println!("threads {}", engine.facts.threads);
    let (cpu, wall) = convolution_rate();
    println!("fp32 convolution rate {cpu:.0} GFLOP per CPU second, {wall:.0} per second");

    let config = GeneratorConfig::small(64, 1);
    let generator = Generator::new(&config, RunSeed(1), Device::Cpu).expect("sizes are good");
    let discriminator =
        Discriminator::new(&DiscriminatorConfig::matching(&config), RunSeed(1), Device::Cpu).expect("sizes are good");
    let options = (Kind::Float, Device::Cpu);
    let z = Tensor::randn([BATCH, config.z_dim], options);
    let real = Tensor::randn([BATCH, 1, 64, 64], options);
    let maps = |batch: i64| -> Vec<Tensor> {
        let shapes = generator.synthesis.noise_shapes();
        shapes.into_iter().map(|(_, side)| Tensor::randn([batch, 1, side, side], options)).collect()
    };
    let (noise, half_noise) = (maps(BATCH), maps(BATCH / 2));

    let g_main = time(4, || {
        let image = generator.forward(&z, None, &Noise::Given(&noise));
        gradients(&(-discriminator.forward(&image, None)).softplus().mean(Kind::Float), &generator);
    });
    report("Gmain", g_main, BATCH);
    let d_main = time(4, || {
        let fake = tch::no_grad(|| generator.forward(&z, None, &Noise::Given(&noise)));
        let loss = discriminator.forward(&fake, None).softplus().mean(Kind::Float);
        gradients(&loss, &discriminator);
        gradients(&(-discriminator.forward(&real, None)).softplus().mean(Kind::Float), &discriminator);
    });
    report("Dmain", d_main, BATCH);
    let r1 = time(2, || {
        let real = real.detach().set_requires_grad(true);
        let gradient =
            &Tensor::run_backward(&[discriminator.forward(&real, None).sum(Kind::Float)], &[&real], true, true)[0];
        gradients(&(gradient.square().sum(Kind::Float) / (2 * BATCH) as f64), &discriminator);
    });
    report("R1 (every 16th)", r1, BATCH);
    let path = time(2, || {
        let ws = generator.mapping.forward(&z.narrow(0, 0, BATCH / 2), None);
        let image = generator.synthesis.forward(&ws, &Noise::Given(&half_noise));
        let noise = Tensor::randn_like(&image) / 64.0;
        let gradient = &Tensor::run_backward(&[(image * noise).sum(Kind::Float)], &[&ws], true, true)[0];
        let lengths = gradient.square().sum_dim_intlist([2].as_slice(), false, Kind::Float).mean(Kind::Float).sqrt();
        gradients(&lengths.square(), &generator);
    });
    report("path length (every 4th, half batch)", path, BATCH);
    let both = (g_main.0 + d_main.0, g_main.1 + d_main.1);
    let images = BATCH as f64;
    println!(
        "Gmain + Dmain: {:.1} images per CPU second, {:.1} per second; {:.2} of the convolution rate at 1.15 GFLOP an \
         image",
        images / both.0,
        images / both.1,
        images / both.0 * 1.15 / cpu
    );

    let size = BatchSize { images: BATCH as usize, channels: 1, height: 64, width: 64 };
    for p in [0.3, 0.8] {
        let draw = time(4, || {
            let params = AugmentParams::sample(&mut RunSeed(1).stream("bench", 0), p, &AugmentConfig::medical(), size);
            let _ = apply(&real, &params);
        });
        report(&format!("augment forward, p {p}"), draw, BATCH);
        let x = real.detach().set_requires_grad(true);
        let back = time(4, || {
            let params = AugmentParams::sample(&mut RunSeed(1).stream("bench", 0), p, &AugmentConfig::medical(), size);
            let _ = Tensor::run_backward(&[apply(&x, &params).sum(Kind::Float)], &[&x], false, false);
        });
        report(&format!("augment forward + backward, p {p}"), back, BATCH);
    }
}

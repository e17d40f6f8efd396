//! Four images learnt by heart: the check before any larger training (whoever cannot do that, learns nothing).

use std::path::Path;

use serde_json::json;
use tch::{Device, Kind, Tensor};

use super::bench::{self, Bench, drawn, widened};
use super::config::InvertConfig;
use super::fitting::Course;
use super::material::{Images, Item};
use super::tuning::{Pivots, tune};
use super::{encoding, mending};
use crate::engine::Place;
use crate::name::Name;
use crate::nets::features::PixelPyramid;
use crate::nets::network::Network;
use crate::nets::weights::save_network;
use crate::nets::{Generator, GeneratorConfig, SavedNetwork, load_image_network};
use crate::observer::Observer;
use crate::observer::Silent;
use crate::observer::tests::StopAfterLooks;
use crate::problem::Kind as ProblemKind;
use crate::records::classes::Split;
use crate::records::label::NetworkLabel;
use crate::run_dir::InversionDir;
use crate::seed::RunSeed;

/// L2 on -1..1 that counts as learnt by heart.
const BY_HEART: f64 = 0.002;

const SIDE: i64 = 16;

/// A network of random weights in a file of its own.
fn network(folder: &Path, channels: i64, c_dim: i64) -> SavedNetwork {
    let small = GeneratorConfig::small(SIDE, channels);
    let sizes = GeneratorConfig { z_dim: 16, w_dim: 16, c_dim, channel_base: 256, channel_max: 32, ..small };
    let path = folder.join("network.safetensors");
    let generator = Generator::new(&sizes, RunSeed(1), Device::Cpu).unwrap();
    save_network(&path, &generator, None, NetworkLabel::default()).unwrap();
    let saved = load_image_network(&path, Device::Cpu).unwrap();
    for (_, tensor) in saved.generator.parameters() {
        let _ = tensor.set_requires_grad(false);
    }
    saved
}

/// Four discs of other places and sizes, of any number of channels.
fn discs(channels: i64) -> Images {
    let disc = |number: i64| {
        let (x, y, radius) = (5.0 + 2.0 * number as f64, 10.0 - number as f64, 3.0 + number as f64 / 2.0);
        let value = |at: i64| {
            let (row, column, channel) = (at / SIDE % SIDE, at % SIDE, at / (SIDE * SIDE));
            let far = (row as f64 - y).hypot(column as f64 - x);
            ((1.0 - 0.3 * channel as f64) * (radius - far)).tanh() as f32 * 0.7
        };
        Tensor::from_slice(&(0..channels * SIDE * SIDE).map(value).collect::<Vec<_>>()).view([channels, SIDE, SIDE])
    };
    let item = |number: i64| Item {
        id: Name::of_known(&format!("disc-{number}")),
        split: Split::Train,
        patient: number.to_string(),
        mask: None,
    };
    Images { items: (0..4).map(item).collect(), pixels: Tensor::stack(&(0..4).map(disc).collect::<Vec<_>>(), 0) }
}

/// Does something at a bench.
fn at_bench<T>(
    (channels, c_dim): (i64, i64),
    config: &InvertConfig,
    folder: &Path,
    observer: &dyn Observer,
    work: impl FnOnce(&Bench<'_>) -> T,
) -> T {
    let file = network(folder, channels, c_dim);
    let (place, dir) = (Place::here(Device::Cpu), InversionDir::new(folder.join("out")));
    work(&Bench {
        generator: &file.generator,
        cloud: bench::cloud(&file.generator, 400),
        features: &PixelPyramid,
        config,
        seed: RunSeed(5),
        place: &place,
        dir: &dir,
        observer,
        identity: json!("test"),
        graphs: false,
        file: &file,
        data_sha256: "data",
    })
}

fn l2(made: &Tensor, images: &Tensor) -> f64 {
    (made - images).square().mean(Kind::Double).double_value(&[])
}

/// At 800 steps and a locality of .1 it comes to .0022.
#[test]
#[ignore = "minutes"]
fn a_tuned_generator_learns_four_images_by_heart_and_stays_what_it_was_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let config = InvertConfig { pivotal_steps: 2000, pivotal_rate: 0.01, locality: 0.02, ..InvertConfig::default() };
    let images = discs(3);
    at_bench((3, 0), &config, folder.path(), &Silent, |bench| {
        let w = bench.cloud.samples().narrow(0, 0, 4).unsqueeze(1);
        let course = Course {
            whose: "the generator".into(),
            steps: config.pivotal_steps,
            rate: config.pivotal_rate,
            falls: false,
            key: "k".into(),
            underway: bench.dir.underway("t"),
        };
        let pivots = Pivots { w: &w, images: &images.pixels, purpose: "test" };
        let (tuned, losses) = tune(bench, &course, &pivots).unwrap();
        let found = l2(&drawn(&tuned, &w), &images.pixels);
        assert!(found < BY_HEART && losses.len() == 200, "{found}");
        // The mapping did not move: the same latents have the same w.
        let (before, after) = (bench.generator.tensors(), tuned.tensors());
        let moved = |name: &String| !before[name].equal(&after[name]);
        assert!(before.keys().filter(|name| name.starts_with("mapping.")).all(|name| !moved(name)));
        assert!(moved(&"synthesis.b8.conv1.weight".to_owned()) && !moved(&"synthesis.b8.conv1.noise_const".to_owned()));
    });
}

/// Takes minutes: the encoder finds places, the hypernetwork does the rest.
#[test]
#[ignore = "two minutes"]
fn a_hypernetwork_learns_four_images_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let config = InvertConfig {
        encoder_steps: 300,
        drawn_share: 0.0,
        width: 8,
        batch: 4,
        hyper_batch: 4,
        hyper_steps: 1500,
        hyper_passes: 2,
        hyper_rank: 4,
        learning_rate: 4e-3,
        feature_weight: 0.1,
        ..InvertConfig::default()
    };
    let images = discs(1);
    at_bench((1, 0), &config, folder.path(), &Silent, |bench| {
        let encoder = encoding::encoder(bench, &images).unwrap().network;
        let hyper = mending::hypernetwork(bench, &images, &encoder).unwrap().network;
        let (first, last) = tch::no_grad(|| {
            let ws = widened(bench.generator, &encoder.forward(&images.pixels));
            let first = drawn(bench.generator, &ws);
            (first, hyper.passes(bench.generator, [&images.pixels, &ws], config.hyper_passes, |_| {}).1)
        });
        let (first, last) = (l2(&first, &images.pixels), l2(&last, &images.pixels));
        assert!(last < BY_HEART && last < first, "{first} -> {last}");
    });
}

/// Stopped after some looks and gone on with: the same weights to the bit; of a conditional network, too.
#[test]
fn trainings_that_are_stopped_end_in_the_same_weights() {
    let config = InvertConfig {
        encoder_steps: 70,
        batch: 4,
        width: 4,
        hyper_steps: 60,
        hyper_batch: 2,
        hyper_passes: 2,
        ..InvertConfig::default()
    };
    for c_dim in [0, 3] {
        let images = discs(1);
        let ends = |stops: &[u32]| {
            let folder = tempfile::tempdir().unwrap();
            for &looks in stops {
                at_bench((1, c_dim), &config, folder.path(), &StopAfterLooks::new(looks), |bench| {
                    let problem = encoding::encoder(bench, &images).map(drop).unwrap_err();
                    assert_eq!(problem.kind(), ProblemKind::Interrupted);
                });
            }
            at_bench((1, c_dim), &config, folder.path(), &Silent, |bench| {
                let encoder = encoding::encoder(bench, &images).unwrap();
                assert!(!bench.dir.underway("encoder").exists());
                let hyper = mending::hypernetwork(bench, &images, &encoder.network).unwrap();
                // What is there is read back.
                assert_eq!(encoding::encoder(bench, &images).unwrap().kept.sha256, encoder.kept.sha256);
                (encoder.kept.sha256, hyper.kept.sha256)
            })
        };
        let whole = ends(&[]);
        // Before the first step, in the middle, and between two times that the state is kept by itself.
        assert_eq!(ends(&[0, 3, 3]), whole, "{c_dim} classes");
    }
}

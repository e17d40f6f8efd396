//! Tiny runs on volumes of 8 voxels each way.

use std::path::Path;

use tch::Device;

use super::*;
use crate::data::dataset::{MANIFEST, Prepared, tests::small};
use crate::data::manifest::Items;
use crate::data::{Condition, PreparedVolumes, patch_file};
use crate::engine::{DeviceChoice, Engine, EngineConfig, Precision};
use crate::nets::weights;
use crate::observer::tests::StopAfterLooks;
use crate::observer::{Observer, Silent};
use crate::problem::Kind;
use crate::train::BaseChoice;

/// Six patients with three lesions each, a ball of its own size and level in each volume.
fn volumes(root: &Path) -> PreparedVolumes {
    std::fs::create_dir_all(root).unwrap();
    let mut manifest = small(root);
    (manifest.items, manifest.patch) = (Items::Volumes, [8; 3]);
    manifest.slices.clear();
    for (number, lesion) in manifest.lesions.iter_mut().enumerate() {
        let level = |at: usize| {
            let [z, y, x] = [at / 64, at / 8 % 8, at % 8].map(|place| place as f32 - 3.5);
            let inside = z * z + y * y + x * x * 1.3 < 4.0 + number as f32;
            if inside { 10.0 * number as f32 + 3.0 * x } else { -100.0 }
        };
        let values: Vec<f32> = (0..512).map(level).collect();
        lesion.sha256 = patch_file::write(&root.join(&lesion.patch), &[1, 8, 8, 8], &values).unwrap();
        (lesion.mask, lesion.mask_sha256) = (None, None);
    }
    files::write_json(root.join(MANIFEST), &manifest).unwrap();
    PreparedVolumes::open(root).unwrap()
}

fn engine() -> Engine {
    Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads: 1, ..EngineConfig::default() }).unwrap()
}

/// Six steps, each a tick, with both regularisers and half of the volumes augmented.
fn config() -> TrainConfig {
    let mut config = TrainConfig { batch: 4, kimg: 0.024, tick_kimg: 0.004, ..TrainConfig::default() };
    (config.net.channel_base, config.net.channel_max) = (Some(32), Some(4));
    (config.net.z_dim, config.net.w_dim) = (Some(6), Some(6));
    (config.lazy.path_length_every, config.lazy.r1_every) = (2, 3);
    (config.checkpoint_ticks, config.preview_ticks, config.frechet_ticks) = (1, 3, 0);
    (config.ada.initial_p, config.ada.target) = (0.5, None);
    config.precision = Precision::Float32;
    config.condition = Condition::Readers;
    config
}

fn run(data: &PreparedVolumes, config: &TrainConfig, out: &Path, observer: &dyn Observer) -> Result<TrainingRecord> {
    let engine = engine();
    let lab = Lab { engine: &engine, seed: RunSeed(5), observer };
    Ok(run_volume_stage(data, config, out, &lab, None)?.expect("a process alone leaves a record"))
}

#[test]
fn a_run_that_is_stopped_ends_in_the_bytes_of_one_that_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = volumes(&folder.path().join("data"));
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    let record = run(&data, &config(), &straight, &Silent).unwrap();
    assert_eq!((record.images, record.train_lesions, record.classes.len()), (24, 4, 2));
    assert!(record.network.starts_with("8x8x8, 1 contrast, classes non-rim, rim"), "{}", record.network);
    let problem = run(&data, &config(), &stopped, &StopAfterLooks::new(3)).unwrap_err();
    assert_eq!(problem.kind(), Kind::Interrupted);
    run(&data, &config(), &stopped, &Silent).unwrap();
    let of = |out: &Path| {
        let dir = GanDir::new(out);
        [dir.last_network(), dir.best_network(), dir.stats()].map(|path| std::fs::read(path).unwrap())
    };
    assert!(of(&straight) == of(&stopped));
    let preview = |out: &Path| std::fs::read(out.join("previews/fakes-000000024.png")).unwrap();
    assert!(preview(&straight) == preview(&stopped));
}

#[test]
fn classes_are_told_and_a_run_starts_from_slices_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = volumes(&folder.path().join("data"));
    let out = folder.path().join("first");
    run(&data, &config(), &out, &Silent).unwrap();
    let file = GanDir::new(&out).last_network();
    let network = weights::load_network(&file, Device::Cpu).unwrap();
    assert_eq!((network.generator.config().dimensions, network.generator.config().c_dim), (3, 2));
    assert!(weights::load_image_network(&file, Device::Cpu).unwrap_err().to_string().contains("a network of volumes"));
    assert!(Prepared::open(data.root()).is_err(), "volumes are no slices");

    let images = crate::nets::GeneratorConfig { c_dim: 0, dimensions: 2, ..network.generator.config().clone() };
    let images = crate::nets::Generator::new(&images, RunSeed(3), Device::Cpu).unwrap();
    let base = folder.path().join("images.safetensors");
    crate::nets::save_network(&base, &images, None, NetworkLabel::default()).unwrap();
    let from = |side: &TrainConfig| TrainConfig { base: BaseChoice::File(base.clone()), ..side.clone() };
    let record = run(&data, &from(&config()), &folder.path().join("second"), &Silent).unwrap();
    let told = record.base.unwrap().description;
    assert!(told.contains("inflated from images") && told.contains("the discriminator"), "{told}");
    let mut wider = config();
    wider.net.channel_max = Some(2);
    let problem = run(&data, &from(&wider), &folder.path().join("third"), &Silent).unwrap_err().to_string();
    assert!(problem.contains("net.channel_max=4"), "{problem}");
}

#[test]
fn what_volumes_are_not_trained_with_is_refused() {
    let refused = |change: &dyn Fn(&mut TrainConfig)| {
        let mut config = config();
        change(&mut config);
        config.resolve_volumes(8, &[crate::augment::ChannelRule::Image], &[]).unwrap_err().to_string()
    };
    assert!(refused(&|config| config.symmetry = crate::train::Symmetry::Dihedral).contains("symmetry"));
    let noise = |config: &mut TrainConfig| config.ada.augment = "blit+noise".parse().unwrap();
    assert!(refused(&noise).contains("for volumes"));
    let settled = config().resolve_volumes(32, &[crate::augment::ChannelRule::Image], &[]).unwrap();
    assert_eq!((settled.generator.dimensions, settled.augment.quarter_turns), (3, 0.0));
    let usual = TrainConfig::default();
    let sizes = |side| {
        let generator = usual.resolve_volumes(side, &[crate::augment::ChannelRule::Image], &[]).unwrap().generator;
        (generator.channel_base, generator.channel_max)
    };
    assert_eq!([32, 64, 128].map(sizes), [(256, 32), (256, 32), (2048, 128)]);
}

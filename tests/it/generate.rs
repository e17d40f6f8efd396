//! Drawing images through the program: names, values, formats, seeds, and the errors of a user's mistakes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use nifti::{IntoNdArray, NiftiObject, ReaderOptions};

use rimforge::data::Prepared;
use rimforge::engine::{DeviceChoice, Engine, EngineConfig, Lab};
use rimforge::generate::{self, GenerateConfig};
use rimforge::latent::seeds;
use rimforge::nets::{Generator, GeneratorConfig, Noise, weights};
use rimforge::observer::Silent;
use rimforge::records::label::NetworkLabel;
use rimforge::records::synthesis::SynthesisRecord;
use rimforge::seed::RunSeed;
use serde_json::json;
use tch::{Device, Kind, Tensor};

use crate::phantoms;

/// A generator with random weights that says what a trained one says.
fn network(path: &Path, resolution: i64, channels: i64) -> Generator {
    let config = GeneratorConfig {
        z_dim: 16,
        w_dim: 16,
        channel_base: 128,
        channel_max: 8,
        ..GeneratorConfig::small(resolution, channels)
    };
    let generator = Generator::new(&config, RunSeed(2), Device::Cpu).unwrap();
    let contrasts = json!([
        {"name": "chimap", "unit": "ppb", "window": {"low": -100.0, "high": 150.0}},
        {"name": "flair", "unit": "a.u.", "window": {"low": 0.0, "high": 4.0}},
    ]);
    let contrasts = json!(contrasts.as_array().unwrap()[..channels as usize]);
    let provenance = json!({"simulated": true, "voxel_mm": [1.0, 0.4, 0.5]});
    let label = NetworkLabel::from_json([contrasts, provenance]).unwrap();
    weights::save_network(path, &generator, None, label).unwrap();
    generator
}

fn generate(network: &Path, out: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.arg("generate").arg("--network").arg(network).arg("--out").arg(out).args(["--device", "cpu"]);
    command.args(["--threads", "1"]).args(more).output().unwrap()
}

fn npy(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

#[test]
fn every_seed_is_numpys_and_every_format_holds_the_same_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let generator = network(&path, 16, 2);
    let out = folder.path().join("out");
    let output = generate(&path, &out, &["--seeds", "3,7-20", "--format", "npy,nifti", "--format", "png"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record: SynthesisRecord = serde_json::from_slice(&fs::read(out.join("record.json")).unwrap()).unwrap();
    assert_eq!((record.count, record.first_seed, record.last_seed), (15, 3, 20));

    let (shape, values) = npy(&out.join("seed0007.npy"));
    assert_eq!(shape, [2, 16, 16]);
    let z = seeds::latents(&[7], 16);
    let expected = Vec::<f32>::try_from(generator.forward(&z, None, &Noise::Const).reshape([-1])).unwrap();
    for (found, expected) in values.iter().zip(&expected) {
        approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-5);
    }

    // -1 is -100 ppb, 1 is 150 ppb, and the file is in ppm, x fastest.
    let object = ReaderOptions::new().read_file(out.join("seed0007_chimap.nii.gz")).unwrap();
    assert_eq!(object.header().pixdim[1..4], [0.5, 0.4, 1.0]);
    let volume = object.into_volume().into_ndarray::<f32>().unwrap();
    assert_eq!(volume.shape(), [16, 16, 1]);
    let ppm = (25.0 + 125.0 * values[2 * 16 + 5]) / 1000.0;
    approx::assert_relative_eq!(volume[[5, 2, 0]], ppm, max_relative = 1e-5);
    assert!(out.join("seed0020_flair.nii.gz").exists());

    let png = fs::read(out.join("seed0003.png")).unwrap();
    for text in ["SYNTHETIC", "SIMULATED", "seed 3"] {
        assert!(png.windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
    }
    assert!(out.join("grid.png").exists());
}

#[test]
fn an_image_depends_on_its_seed_and_not_on_its_company() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    network(&path, 16, 1);
    for noise in ["random", "const", "none"] {
        let image = |name: &str, seeds: &str| {
            let out = folder.path().join(format!("{name}-{noise}"));
            let output = generate(&path, &out, &["--seeds", seeds, "--format", "npy", "--noise", noise]);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            npy(&out.join("seed0005.npy")).1
        };
        assert_eq!(image("alone", "5"), image("many", "0-19"), "{noise}");
    }
}

#[test]
fn no_truncation_left_gives_the_mean_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    network(&path, 16, 1);
    let output = generate(&path, &folder.path().join("out"), &["--seeds", "0-1", "--trunc", "0", "--format", "npy"]);
    assert!(output.status.success());
    let image = |name: &str| npy(&folder.path().join("out").join(name));
    assert_eq!(image("seed0000.npy"), image("seed0001.npy"));
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let generator = network(&path, 16, 1);
    let error = |output: Output| (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
    let out = folder.path().join("out");
    let (code, text) = error(generate(&path, &out, &["--seeds", "9-3"]));
    assert_eq!(code, Some(2), "{text}");
    let (code, text) = error(generate(&folder.path().join("none"), &out, &[]));
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("none"), "{text}");
    let nameless = folder.path().join("nameless.safetensors");
    weights::save_network(&nameless, &generator, None, NetworkLabel::default()).unwrap();
    let (code, text) = error(generate(&nameless, &out, &["--format", "nifti"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("out of generate.formats (--format)"), "{text}");
    assert!(!out.exists());
}

#[test]
fn beside_real_rims_it_says_how_much_rim_the_synthetic_ones_show() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    phantoms::rings_and_plain(&data, 4, 6, 2, 64);
    let path = folder.path().join("network.safetensors");
    let generator = network(&path, 64, 1);
    let engine =
        Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads: 1, ..EngineConfig::default() }).unwrap();
    let config = GenerateConfig { seeds: "0-4".into(), ..GenerateConfig::default() };
    let data = Prepared::open(&data).unwrap();
    let out = folder.path().join("out");
    let lab = Lab { engine: &engine, seed: RunSeed(0), observer: &Silent };
    let inputs = generate::Inputs { network: &path, data: Some(&data) };
    // Of another window: the same numbers would be other ppb.
    let problem = generate::run_stage(inputs, &config, &out, &lab).unwrap_err().to_string();
    assert!(problem.contains("chimap -100..100 ppb; expected chimap -100..150 ppb"), "{problem}");
    let own = json!([{"name": "chimap", "unit": "ppb", "window": {"low": -100.0, "high": 100.0}}]);
    weights::save_network(&path, &generator, None, NetworkLabel::from_json([own, json!({})]).unwrap()).unwrap();
    let record = generate::run_stage(inputs, &config, &out, &lab).unwrap();
    let rims = record.rim_contrast.unwrap();
    // The phantoms' rings are 60 ppb high and 2.6 x 2 pixels wide; an untrained generator draws none.
    assert!(rims.real_median > 25.0, "{rims:?}");
    assert!(rims.synthetic_with_rim < 0.5, "{rims:?}");
    // Nor do the phantoms without a ring, measured the same way.
    assert!(rims.non_rims_with_rim.unwrap() < 0.1 && rims.non_rim_median.unwrap() < 25.0, "{rims:?}");
    assert!(out.join(record.real_grid.unwrap()).exists());
    let all = Tensor::from_slice(&npy(&out.join("seed0004.npy")).1);
    assert_eq!(all.isfinite().all().to_kind(Kind::Int64).int64_value(&[]), 1);
}

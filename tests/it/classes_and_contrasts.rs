//! Conditional networks, several contrasts and images that are not square, through the program from training to
//! projection.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nifti::{IntoNdArray, NiftiObject, ReaderOptions};
use rimforge::engine::{DeviceChoice, Engine, EngineConfig, Lab};
use rimforge::nets::weights::load_network;
use rimforge::observer::{Observer, Silent};
use rimforge::project::{self, BuiltIn, FeatureSetting, ProjectConfig, Space};
use rimforge::records::projection::ProjectionRecord;
use rimforge::records::synthesis::SynthesisRecord;
use rimforge::records::training::TrainingRecord;
use rimforge::seed::RunSeed;
use tch::Device;

use crate::phantoms;
use crate::stopping::StopAfter;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.0.path()).args(arguments).output().unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    /// 16 steps of a tiny network.
    fn train(&self, data: &str, out: &str, more: &[&str]) -> TrainingRecord {
        let mut arguments = vec!["train", "--data", data, "--out", out, "--kimg", "0.064", "--batch", "4"];
        arguments.extend(["--threads", "1", "--device", "cpu", "--seed", "5"]);
        for setting in ["net.channel_base=128", "net.channel_max=16", "net.z_dim=16", "net.w_dim=16", "tick_kimg=0.032"]
        {
            arguments.extend(["--set", setting]);
        }
        arguments.extend(["--set", "frechet_ticks=1"]);
        arguments.extend(more);
        self.done(&arguments);
        read(&self.path(out).join("record.json"))
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn npy(path: &Path) -> (Vec<u64>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

#[test]
fn a_generator_is_told_rims_from_non_rims_and_asked_for_either() {
    let place = Place::new();
    phantoms::rings_and_plain(&place.path("data"), 5, 20, 2, 16);
    let plain = place.train("data", "gan", &[]);
    assert!(plain.classes.is_empty() && plain.curve.iter().all(|tick| tick.frechet_all_classes.is_none()));
    let record =
        place.train("data", "cgan", &["--condition", "readers", "--base", "gan", "--set", "fake_classes=balanced"]);
    assert_eq!(record.classes, ["non-rim", "rim"]);
    // Two non-rims a rim, two slices each.
    assert_eq!((record.train_lesions, record.train_slices), (15, 30));
    assert!(record.curve.iter().all(|tick| tick.frechet.is_some() && tick.frechet_all_classes.is_some()));
    assert!(record.base.unwrap().description.contains("new: the class's embedding"));
    let network = load_network(place.path("cgan/network-best.safetensors"), Device::Cpu).unwrap();
    assert_eq!(network.generator.config().c_dim, 2);

    let arguments = ["generate", "--network", "cgan", "--out", "rims", "--seeds", "0-3", "--format", "npy"];
    let refused = place.run(&arguments);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("non-rim, rim"));
    place.done(&[&arguments[..], &["--class", "rim"]].concat());
    let drawn: SynthesisRecord = read(&place.path("rims/record.json"));
    assert_eq!((drawn.class, drawn.class_name.as_deref()), (Some(1), Some("rim")));
    place.done(&[
        "generate",
        "--network",
        "cgan",
        "--out",
        "others",
        "--seeds",
        "0-3",
        "--format",
        "npy",
        "--class",
        "0",
    ]);
    assert_ne!(npy(&place.path("rims/seed0001.npy")).1, npy(&place.path("others/seed0001.npy")).1);
}

#[test]
fn an_image_finds_its_class_and_its_film_is_kept() {
    let place = Place::new();
    phantoms::rings_and_plain(&place.path("data"), 5, 10, 2, 16);
    place.train("data", "cgan", &["--condition", "readers"]);
    for class in ["0", "1"] {
        place.done(&[
            "generate",
            "--network",
            "cgan",
            "--out",
            class,
            "--seeds",
            "2",
            "--format",
            "npy",
            "--class",
            class,
        ]);
        fs::copy(place.path(class).join("seed0002.npy"), place.path(&format!("class{class}.npy"))).unwrap();
    }
    let project = ["project", "--network", "cgan", "--images", "class0.npy", "class1.npy", "--condition", "estimate"];
    let more = ["--steps", "100", "--features", "pixels", "--threads", "1"];
    // One w for all layers: with one for each, the other class would reach the image about as well.
    place.done(&[&project[..], &more, &["--out", "one-w"]].concat());
    let record: ProjectionRecord = read(&place.path("one-w/record.json"));
    let classes: Vec<_> = record.images.iter().map(|image| image.class.as_deref().unwrap()).collect();
    assert_eq!(classes, ["non-rim", "rim"], "{:?}", record.images);
    place.done(&[&project[..], &more, &["--out", "out", "--space", "w-plus", "--film", "5"]].concat());
    let record: ProjectionRecord = read(&place.path("out/record.json"));
    assert_eq!(record.space, "w-plus");
    let mut w = zip::ZipArchive::new(fs::File::open(place.path("out/projected_w.npz")).unwrap()).unwrap();
    let w = npyz::NpyFile::new(w.by_name("w.npy").unwrap()).unwrap();
    assert_eq!(w.shape(), [2, 6, 16]);
    let w: Vec<f32> = w.into_vec().unwrap();
    assert_ne!(w[..16], w[16..32], "each layer has a w of its own");
    let film = fs::read(place.path("out").join(record.images[0].film.as_ref().unwrap())).unwrap();
    let film = png::Decoder::new(std::io::Cursor::new(film)).read_info().unwrap();
    assert_eq!(film.info().animation_control().unwrap().num_frames, 5);
}

#[test]
fn a_projection_goes_on_where_it_was_stopped_and_ends_in_the_same_bytes() {
    let place = Place::new();
    phantoms::rings(&place.path("data"), 5, 2, 16);
    place.train("data", "gan", &[]);
    place.done(&["generate", "--network", "gan", "--out", "drawn", "--seeds", "2", "--format", "npy"]);
    let engine =
        Engine::start(&EngineConfig { device: DeviceChoice::Cpu, threads: 1, ..EngineConfig::default() }).unwrap();
    let config = ProjectConfig {
        steps: 12,
        features: FeatureSetting::BuiltIn(BuiltIn::Pixels),
        space: Space::WPlus,
        film: 4,
        ..ProjectConfig::default()
    };
    let files = [place.path("drawn/seed0002.npy")];
    let run = |out: &str, observer: &dyn Observer| {
        let inputs = project::Inputs { network: &place.path("gan"), from: project::From::Images(&files) };
        project::run_stage(inputs, &config, &place.path(out), &Lab { engine: &engine, seed: RunSeed(1), observer })
    };
    run("whole", &Silent).unwrap();
    let stop = StopAfter::steps(7);
    let problem = run("stopped", &stop).unwrap_err();
    assert_eq!(problem.kind(), rimforge::problem::Kind::Interrupted);
    assert_eq!(fs::read_dir(place.path("stopped/underway")).unwrap().count(), 1);
    // Five steps are left: stopping after six more never happens if it goes on at the seventh.
    run("stopped", &StopAfter::steps(13)).unwrap();
    for file in ["images/seed0002.npy", "noise/seed0002.npz", "films/seed0002.png", "projected_w.npz"] {
        let [whole, stopped] = ["whole", "stopped"].map(|out| fs::read(place.path(out).join(file)).unwrap());
        assert!(whole == stopped, "{file} differs");
    }
    assert!(!place.path("stopped/underway").exists());
}

#[test]
fn a_rim_map_is_drawn_with_its_rim_and_stays_a_probability() {
    let place = Place::new();
    phantoms::rings(&place.path("single"), 5, 2, 16);
    phantoms::rings_with_map(&place.path("data"), 5, 2, 16);
    place.train("single", "gan", &[]);
    let record = place.train("data", "joint", &["--base", "gan"]);
    assert!(record.network.contains("2 contrasts"), "{}", record.network);
    assert!(record.base.unwrap().description.contains("new: channel 1"));
    let generate = ["generate", "--network", "joint", "--out", "out", "--seeds", "0-5", "--format", "nifti,npy"];
    place.done(&[&generate[..], &["--data", "data"]].concat());
    assert_eq!(npy(&place.path("out/seed0003.npy")).0, [2, 16, 16]);
    let map = ReaderOptions::new().read_file(place.path("out/seed0003_rim.nii.gz")).unwrap();
    let map = map.into_volume().into_ndarray::<f32>().unwrap();
    assert!(map.iter().all(|share| (0.0..=1.0).contains(share)));
    let record: SynthesisRecord = read(&place.path("out/record.json"));
    assert_eq!(record.channels, ["chimap", "rim"]);
}

#[test]
fn images_that_are_not_square_come_back_in_their_shape() {
    let place = Place::new();
    for (label, level) in [("dark", 40u8), ("light", 200)] {
        fs::create_dir_all(place.path("png").join(label)).unwrap();
        for index in 0..12u8 {
            let file = fs::File::create(place.path("png").join(label).join(format!("{label}{index}.png"))).unwrap();
            let mut encoder = png::Encoder::new(file, 20, 12);
            encoder.set_color(png::ColorType::Grayscale);
            let pixels: Vec<u8> = (0..240u32).map(|at| level + (at * 7919 % 13) as u8 + index).collect();
            encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
        }
    }
    place.done(&["prepare", "--images", "png", "--out", "data", "--rim-label", "light", "--seed", "1"]);
    let record = place.train("data", "gan", &["--condition", "labels"]);
    assert_eq!(record.classes, ["dark", "light"]);
    assert!(record.network.starts_with("32x32"), "{}", record.network);
    place.done(&[
        "generate",
        "--network",
        "gan",
        "--out",
        "out",
        "--seeds",
        "0-1",
        "--format",
        "npy,png",
        "--class",
        "light",
    ]);
    assert_eq!(npy(&place.path("out/seed0001.npy")).0, [1, 12, 20]);
    let picture = png::Decoder::new(std::io::BufReader::new(fs::File::open(place.path("out/seed0001.png")).unwrap()));
    let picture = picture.read_info().unwrap();
    assert_eq!((picture.info().width, picture.info().height), (20, 12));
    fs::copy(place.path("out/seed0001.npy"), place.path("mine.npy")).unwrap();
    place.done(&[
        "project",
        "--network",
        "gan",
        "--images",
        "mine.npy",
        "--out",
        "back",
        "--steps",
        "3",
        "--condition",
        "light",
    ]);
    assert_eq!(npy(&place.path("back/images/mine.npy")).0, [1, 12, 20]);
}

#[test]
fn the_latent_space_is_mixed_walked_and_swept() {
    let place = Place::new();
    phantoms::rings(&place.path("data"), 5, 2, 16);
    place.train("data", "gan", &[]);
    let generate = ["generate", "--network", "gan", "--out", "out", "--seeds", "0-3"];
    let more =
        ["--mix", "0-1:5-7", "--mix-layers", "0-2", "--walk", "1,2,3", "--walk-frames", "4", "--walk-space", "z"];
    place.done(&[&generate[..], &more, &["--truncation-sweep=-0.5,0,1"]].concat());
    let info = |name: &str| {
        let bytes = fs::read(place.path("out").join(name)).unwrap();
        png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap().info().clone()
    };
    let size = |columns: u32, rows: u32| (2 * (columns * 18 - 2), 2 * (rows * 18 - 2));
    let mix = info("style-mixing.png");
    assert_eq!((mix.width, mix.height), size(4, 3));
    let strip = info("walk-strip.png");
    assert_eq!((strip.width, strip.height), size(5, 2));
    assert_eq!(info("walk.png").animation_control().unwrap().num_frames, 12);
    let sweep = info("truncation.png");
    assert_eq!((sweep.width, sweep.height), size(3, 4));
    for (wrong, words) in
        [(["--mix", "0-1"], "a colon"), (["--walk", "1"], "two seeds"), (["--truncation-sweep", "9"], "-2 to 2")]
    {
        let output = place.run(&[&generate[..], &wrong].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(words), "{said}");
    }
}

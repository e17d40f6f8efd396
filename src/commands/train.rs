//! `rimforge train`: trains on the training rims, watches with a Frechet distance, previews and TensorBoard.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::events::EventWriter;
use super::generate::{Image, real_images};
use super::progress::Progress;
use super::{embedded, pictures, settings};
use crate::atomic_file;
use crate::augment::ChannelRule;
use crate::data::Prepared;
use crate::data::batches::{Batches, Images};
use crate::data::manifest::Manifest;
use crate::digest;
use crate::engine::{Engine, EngineConfig};
use crate::metrics::features::Features;
use crate::metrics::frechet;
use crate::nets::perceptual::FrechetFeatures;
use crate::nets::weights::{self, SavedNetwork};
use crate::nets::{Generator, Network, Noise, latents};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::raster::Canvas;
use crate::records::training::{BaseGenerator, TickRecord, TimingRecord, TrainingRecord};
use crate::run_dir::GanDir;
use crate::seed::RunSeed;
use crate::train::state::Identity;
use crate::train::{Control, Event, Label, RunFolder, TrainConfig, TrainState, Training, train};

/// Generated images for a Frechet distance; seeds 0.. of NumPy's RandomState.
const FRECHET_IMAGES: u32 = 300;

/// Images at a time where no gradient is needed.
const BATCH: i64 = 50;

/// Images of a preview grid.
const PREVIEW_IMAGES: u32 = 36;

#[derive(Args, Debug)]
pub struct TrainArgs {
    /// Prepared data set (`rimforge prepare`).
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the run; one that holds an unfinished run with equal settings is gone on with.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Thousands of real images to show.
    #[arg(long)]
    kimg: Option<f64>,
    /// Images a step.
    #[arg(long)]
    batch: Option<u64>,
    /// Size of the networks: small or paper.
    #[arg(long)]
    net: Option<String>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Network to start from: a file, "embedded", or "none" for random weights.
    #[arg(long, value_name = "FILE|embedded|none")]
    base: Option<String>,
    /// auto, cpu or cuda.
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads; 0 takes all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Any setting by its dotted name, e.g. ada.target=0.5; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn run(args: &TrainArgs) -> Result<()> {
    let engine = Engine::start(&EngineConfig { device: args.device.clone(), threads: args.threads })?;
    let named = [
        args.kimg.map(|kimg| format!("kimg={kimg}")),
        args.batch.map(|batch| format!("batch={batch}")),
        args.net.as_ref().map(|net| format!("net.preset={net:?}")),
        args.base.as_ref().map(|base| format!("base={base:?}")),
    ];
    let assignments: Vec<String> = named.into_iter().flatten().chain(args.set.iter().cloned()).collect();
    let config = settings::overlay(&TrainConfig::default(), &assignments)?;
    let data = Prepared::open(&args.data)?;
    let record = run_stage(&data, &args.out, &config, RunSeed(args.seed), &engine, &Progress::new()?)?;
    println!("trained on {} images in {:.0} s, {:.1} images/s", record.images, record.seconds, record.images_per_s);
    if let Some(distance) = record.best_frechet {
        let floor =
            record.frechet_real_floor.map_or(String::new(), |floor| format!(" (two halves of the reals: {floor:.3})"));
        println!("Frechet distance on {}: {distance:.3}{floor}", record.frechet_features);
    }
    println!("best network {}", GanDir::new(&args.out).best_network().display());
    Ok(())
}

/// Trains on the data set's training rims in `out` and leaves `record.json` there.
///
/// # Errors
/// No rims to learn from, a folder in use or with another run's settings, divergence, a full disk, or stopped on request.
pub fn run_stage(
    data: &Prepared,
    out: &Path,
    config: &TrainConfig,
    seed: RunSeed,
    engine: &Engine,
    observer: &dyn Observer,
) -> Result<TrainingRecord> {
    let rims = data.training_rims();
    let [channels, height, width] = data.image_shape();
    if height != width {
        return Err(Problem::usage(format!("images of {height} x {width} pixels"))
            .at(data.root())
            .expected("square ones"));
    }
    let settings = config.resolve(height as i64, &channel_rules(data.manifest()))?;
    let base = base_network(config, engine.device)?;
    let images = Images::load(&rims, engine.device).map_err(|problem| problem.at(data.root()))?;
    if images.is_empty() {
        return Err(Problem::input(data.root(), "no training slice that both readers call rim")
            .advice("check the reader table, or prepare with another split"));
    }
    let train_lesions = distinct(&images.lesions);
    let train_slices = images.len() as u64;
    let identity = images_hash(&images, base.as_ref().map(|base| base.sha256.as_str()))?;
    let batches = Batches::new(images, settings.batch as usize, seed, "train.reals")?;

    let dir = GanDir::new(out);
    let label = label(data, train_lesions, train_slices, seed)?;
    let identity = Identity { seed, settings: &settings, data_sha256: &identity };
    let folder = RunFolder::open(dir.clone(), identity, label, engine.device)?;
    let mut watch = Watch::new(&dir, data, batches.images(), settings.frechet_ticks > 0, engine.device)?;
    let start = || {
        let mut state = TrainState::new(&settings, seed, engine.device)?;
        if let Some(base) = &base {
            state.start_from(&base.generator, base.discriminator.as_ref()).map_err(|problem| problem.at(&base.name))?;
        }
        Ok(state)
    };
    let run = Training {
        reals: &batches,
        settings: &settings,
        total_images: config.total_images(),
        seed,
        folder: &folder,
        observer,
    };
    let state = train(&run, start, &mut |event| watch.on(event))?;

    let curve = read_lines::<TickRecord>(&dir.stats())?;
    let timing = read_lines::<TimingRecord>(&dir.timing())?;
    let seconds: f64 = timing.iter().map(|tick| tick.seconds).sum();
    let shown: f64 = timing.iter().map(|tick| tick.seconds * tick.images_per_s).sum();
    let best_images = state.counters.best_images.unwrap_or(state.images(&settings));
    let generator = &settings.generator;
    let record = TrainingRecord {
        network: format!(
            "{height}x{width}, {channels} {}, channel base {}, at most {} channels, z {}, w {}, mapping {}",
            if channels == 1 { "contrast" } else { "contrasts" },
            generator.channel_base,
            generator.channel_max,
            generator.z_dim,
            generator.w_dim,
            generator.mapping_layers
        ),
        generator_parameters: state.generator.parameter_count(),
        discriminator_parameters: state.discriminator.parameter_count(),
        train_lesions,
        train_slices,
        images: state.images(&settings),
        batch: settings.batch,
        seed: seed.0,
        seconds,
        images_per_s: if seconds > 0.0 { shown / seconds } else { 0.0 },
        final_ada_p: state.ada.p,
        best_images,
        best_frechet: state.best_distance,
        frechet_features: watch.features_name(),
        frechet_real_floor: watch.real_floor(data, &batches)?,
        base: base.as_ref().map(|base| BaseGenerator { description: base.description(), sha256: base.sha256.clone() }),
        rollbacks: state.counters.rollbacks.clone(),
        curve,
        network_sha256: hash_file(&dir.best_network())?,
    };
    atomic_file::write_json(dir.record(), &record)?;
    Ok(record)
}

/// The event handler: distance, previews, TensorBoard.
struct Watch {
    dir: GanDir,
    events: Option<EventWriter>,
    distance: Option<Distance>,
    texts: Vec<(&'static str, String)>,
}

struct Distance {
    features: FrechetFeatures,
    real: Features,
}

impl Watch {
    fn new(dir: &GanDir, data: &Prepared, reals: &Images, measure: bool, device: Device) -> Result<Self> {
        let distance = match measure {
            true => {
                let features = FrechetFeatures::new(reals.pixels.size()[1], device);
                Some(Distance { real: Features::new(&all_features(&features, &reals.pixels))?, features })
            }
            false => None,
        };
        let simulated = if data.manifest().simulated { "SIMULATED data" } else { "the given data" };
        let texts = vec![
            ("Description", format!("SYNTHETIC: drawn by a generator in training on {simulated}")),
            ("Software", format!("rimforge {}", env!("CARGO_PKG_VERSION"))),
        ];
        let watch = Self { dir: dir.clone(), events: None, distance, texts };
        let reals = real_images(&data.training_rims().largest_of_each_lesion())?;
        let reals: Vec<Canvas> = reals.iter().take(PREVIEW_IMAGES as usize).map(Image::canvas).collect();
        pictures::grid(&reals).write_png(dir.previews().join("reals.png"), &[("Description", simulated)])?;
        Ok(watch)
    }

    fn on(&mut self, event: Event<'_>) -> Result<Control> {
        match event {
            Event::Opened { images, .. } => {
                self.events = Some(EventWriter::create(self.dir.events(), (images > 0).then_some(images))?);
            }
            Event::Score { average, .. } => return Ok(self.score(average)?.map_or(Control::Continue, Control::Score)),
            Event::Preview { images, average, .. } => self.preview(images, average)?,
            Event::Tick { record, timing } => self.log(record, timing)?,
        }
        Ok(Control::Continue)
    }

    fn score(&self, average: &Generator) -> Result<Option<f64>> {
        let Some(Distance { features, real }) = &self.distance else {
            return Ok(None);
        };
        let fakes = Features::new(&all_features(features, &fixed_images(average, FRECHET_IMAGES)))?;
        Ok(Some(frechet::distance(real, &fakes)?.distance))
    }

    fn preview(&mut self, images: u64, average: &Generator) -> Result<()> {
        let cells: Vec<Canvas> =
            Image::split(&fixed_images(average, PREVIEW_IMAGES))?.iter().map(Image::canvas).collect();
        let sheet = pictures::grid(&cells);
        let texts: Vec<(&str, &str)> = self.texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let png = sheet.png(&texts)?;
        atomic_file::write(self.dir.previews().join(format!("fakes-{images:09}.png")), &png)?;
        let channels = if average.config().channels == 3 { 3 } else { 1 };
        self.with_events(|events| {
            events.image(
                "previews/average generator",
                images,
                &png,
                [sheet.width() as u64, sheet.height() as u64, channels],
            )
        })
    }

    fn log(&mut self, record: &TickRecord, timing: &TimingRecord) -> Result<()> {
        let frechet =
            self.distance.as_ref().map(|distance| format!("Frechet distance on {}", distance.features.name()));
        self.with_events(|events| {
            let mut scalar = |tag: &str, value: Option<f64>| match value {
                Some(value) => events.scalar(tag, record.images, value),
                None => Ok(()),
            };
            scalar("loss/generator", Some(record.loss_g))?;
            scalar("loss/discriminator", Some(record.loss_d))?;
            scalar("loss/R1 penalty", record.r1)?;
            scalar("loss/path length", record.path_length)?;
            scalar("augmentation/p", Some(record.ada_p))?;
            scalar("augmentation/r_t", Some(record.ada_rt))?;
            scalar(&frechet.unwrap_or_default(), record.frechet)?;
            scalar("machine/images per second", Some(timing.images_per_s))?;
            scalar("machine/peak memory in GiB", Some(timing.peak_bytes as f64 / f64::from(1 << 30)))?;
            events.flush()
        })
    }

    fn with_events(&mut self, act: impl FnOnce(&mut EventWriter) -> Result<()>) -> Result<()> {
        self.events.as_mut().map_or(Ok(()), act)
    }

    fn features_name(&self) -> String {
        self.distance.as_ref().map_or_else(|| "none".into(), |distance| distance.features.name().to_owned())
    }

    /// Distance between the slices of every second patient and those of the rest.
    fn real_floor(&self, data: &Prepared, reals: &Batches) -> Result<Option<f64>> {
        let Some(Distance { features, .. }) = &self.distance else {
            return Ok(None);
        };
        let images = reals.images();
        let mut patients: Vec<&str> =
            images.lesions.iter().map(|&lesion| data.lesion(lesion).patient.as_str()).collect();
        patients.dedup();
        let half = |odd: bool| -> Vec<i64> {
            let side = |lesion: u32| {
                let patient = data.lesion(lesion).patient.as_str();
                patients.iter().position(|known| *known == patient).is_some_and(|at| (at % 2 == 1) == odd)
            };
            (0..).zip(&images.lesions).filter(|(_, lesion)| side(**lesion)).map(|(at, _)| at).collect()
        };
        let (even, odd) = (half(false), half(true));
        if even.len() < 2 || odd.len() < 2 {
            return Ok(None);
        }
        let of = |picks: &[i64]| {
            let picks = Tensor::from_slice(picks).to_device(images.pixels.device());
            Features::new(&all_features(features, &images.pixels.index_select(0, &picks)))
        };
        Ok(Some(frechet::distance(&of(&even)?, &of(&odd)?)?.distance))
    }
}

/// Features \[N, F\] of any number of images.
fn all_features(features: &FrechetFeatures, images: &Tensor) -> Tensor {
    let parts: Vec<Tensor> = images.split(BATCH, 0).iter().map(|part| features.of(part)).collect();
    Tensor::cat(&parts, 0)
}

/// The images of seeds 0..`count` with the network's own noise.
fn fixed_images(generator: &Generator, count: u32) -> Tensor {
    let seeds: Vec<u32> = (0..count).collect();
    let z = latents::latents(&seeds, generator.config().z_dim).to_device(generator.device());
    let draw = |z: &Tensor| generator.forward(z, None, &Noise::Const);
    let parts: Vec<Tensor> = tch::no_grad(|| z.split(BATCH, 0).iter().map(draw).collect());
    Tensor::cat(&parts, 0)
}

/// A network to start from.
struct Base {
    name: String,
    generator: Generator,
    discriminator: Option<crate::nets::Discriminator>,
    provenance: serde_json::Value,
    sha256: String,
}

impl Base {
    fn description(&self) -> String {
        let images = self.provenance.get("images").and_then(serde_json::Value::as_u64);
        let data = if self.provenance["simulated"] == json!(true) { ", trained on a simulated cohort" } else { "" };
        format!("{}{data}{}", self.name, images.map_or(String::new(), |images| format!(", {images} images")))
    }
}

fn base_network(config: &TrainConfig, device: Device) -> Result<Option<Base>> {
    let (name, network) = match config.base.as_str() {
        "none" => return Ok(None),
        "embedded" => ("embedded base generator".to_owned(), embedded::base_network(device)?),
        file => {
            let path = super::network_source::network_file(Path::new(file))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, weights::load_network(path, device)?)
        }
    };
    let SavedNetwork { generator, discriminator, description, sha256 } = network;
    Ok(Some(Base { name, generator, discriminator, provenance: description.provenance, sha256 }))
}

/// Maps that are no intensities are moved by the augmentation, not recoloured.
fn channel_rules(manifest: &Manifest) -> Vec<ChannelRule> {
    let rule = |unit: &str| if unit == "probability" { ChannelRule::GeometryOnly } else { ChannelRule::Image };
    manifest.contrasts.iter().map(|contrast| rule(&contrast.unit)).collect()
}

fn label(data: &Prepared, lesions: u64, slices: u64, seed: RunSeed) -> Result<Label> {
    let manifest = data.manifest();
    let channels = serde_json::to_value(&manifest.contrasts)
        .map_err(|error| Problem::new(crate::problem::Kind::Internal, format!("cannot express contrasts: {error}")))?;
    let facts = [
        ("rimforge", json!(env!("CARGO_PKG_VERSION"))),
        ("simulated", json!(manifest.simulated)),
        ("voxel_mm", json!(manifest.voxel_mm)),
        ("data_sha256", json!(data.sha256())),
        ("train_lesions", json!(lesions)),
        ("train_slices", json!(slices)),
        ("seed", json!(seed.0)),
    ];
    Ok(Label { channels, provenance: facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect() })
}

/// Hash of every training pixel and of the base network.
fn images_hash(images: &Images, base: Option<&str>) -> Result<String> {
    let mut hash = Sha256::new();
    let pixels = images.pixels.to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut bytes = vec![0; pixels.numel() * size_of::<f32>()];
    pixels.f_copy_data_u8(&mut bytes, pixels.numel())?;
    hash.update(&bytes);
    hash.update(base.unwrap_or_default());
    Ok(digest::hex(hash.finalize()))
}

fn hash_file(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Problem::io(path, "reading", e))?;
    Ok(digest::sha256(&bytes))
}

fn distinct(lesions: &[u32]) -> u64 {
    lesions.iter().collect::<std::collections::BTreeSet<_>>().len() as u64
}

/// The lines of a log; none where it does not exist.
fn read_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        text => text.map_err(|e| Problem::io(path, "reading", e))?,
    };
    // A line that a kill cut short is a lost measurement, not an error.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

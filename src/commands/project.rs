//! `rimforge project`: lesions or plain images into a network's latent space.

use crate::name::shown_path;
use crate::settings::Settings;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::Console;
use super::engine_args::EngineArgs;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::{Evidence, From, Inputs, NoiseMaps, ProjectConfig, Space, Start, run_stage};
use crate::records::classes::{Class, Split};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::run_dir::ProjectionDir;
use crate::statistics::order::median;

/// Arguments of `rimforge project`.
#[derive(Args, Debug)]
pub struct ProjectArgs {
    /// Trained network: a .safetensors file, or the folder of an import or of a training run (its best network, else
    /// its last).
    #[arg(long)]
    network: PathBuf,
    /// Prepared data set.
    #[arg(long, required_unless_present = "images")]
    data: Option<PathBuf>,
    /// Plain images instead: float32 npy [channels, height, width] in the network's range.
    #[arg(long, num_args = 1.., conflicts_with_all = ["data", "class", "split", "controls", "choose_features"])]
    images: Vec<PathBuf>,
    /// Folder for the projections; a second run goes on where the first stopped.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<ProjectConfig, Typed>,
    /// The published descent: 1000 steps from the mean of w, rate .1, noise on w.
    #[arg(long, conflicts_with_all = ["steps", "learning_rate", "w_noise", "start"])]
    published: bool,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "project-settings")]
struct Typed {
    /// Lesions to project: ambiguous, rim or non-rim.
    #[arg(long)]
    class: Option<Class>,
    /// Side of the split: train or validation.
    #[arg(long, value_parser = choice::<Split>())]
    split: Option<Split>,
    /// At most so many lesions, drawn by the seed; 0 takes all.
    #[arg(long)]
    limit: Option<u64>,
    /// Slices of each lesion, those that cut most of it.
    #[arg(long)]
    slices: Option<u64>,
    /// Also project so many validation rims and so many validation non-rims.
    #[arg(long)]
    controls: Option<u64>,
    /// Optimiser steps of each image.
    #[arg(long)]
    steps: Option<u64>,
    /// Learning rate between the ramps.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Noise on w at first, in units of its deviation.
    #[arg(long)]
    w_noise: Option<f64>,
    /// auto, random-vgg, pixels, discriminator, or a file with the weights of VGG16, AlexNet, SqueezeNet 1.1 or
    /// Inception v3, with those of LPIPS where it has them (.pt, .pth, .safetensors); it is read as data, no code in it
    /// is run.
    #[arg(long)]
    features: Option<String>,
    /// Try each built-in feature net on so many validation rims first; auto then takes the one that keeps their
    /// contrast best.
    #[arg(long)]
    choose_features: Option<u64>,
    /// Images optimised together. The last bits of an image depend on those beside it: with another number, finished
    /// images are made again.
    #[arg(long)]
    batch: Option<u64>,
    /// Class of a conditional network: its name, its number from 0, or "estimate" for the one that fits each image
    /// best.
    #[arg(long, value_name = "K|estimate", allow_hyphen_values = true)]
    condition: Option<ClassChoice>,
    /// w, or w-plus for a w of its own in each layer, or w-plus-coarse in each of the coarser half.
    #[arg(long, value_parser = choice::<Space>())]
    space: Option<Space>,
    /// The noise maps of the layers: optimised (as published), fixed as drawn, or dropped (all zero).
    #[arg(long, value_parser = choice::<NoiseMaps>())]
    noise_maps: Option<NoiseMaps>,
    /// Where w begins: nearest (of 1000 drawn images) or mean (as published).
    #[arg(long, value_parser = choice::<Start>())]
    start: Option<Start>,
    /// Weight of what lies outside the lesion, where the lesion weighs 1.
    #[arg(long)]
    background: Option<f64>,
    /// Weight of w's distance from the cloud.
    #[arg(long)]
    cloud_pull: Option<f64>,
    /// 0 is faithful, 1 as rim-like as the evidence lets it.
    #[arg(long)]
    towards_rim: Option<f64>,
    /// What says how much of that pull is for a lesion: slice, the one that is projected, or lesion, all of its slices.
    #[arg(long, value_parser = choice::<Evidence>())]
    evidence: Option<Evidence>,
    /// Also write an animated PNG of each optimisation with so many frames.
    #[arg(long, value_name = "FRAMES")]
    film: Option<u64>,
}

impl ProjectArgs {
    fn config(&self) -> Result<ProjectConfig> {
        let base = if self.published { ProjectConfig::published() } else { ProjectConfig::default() };
        self.settings.over(&base)
    }
}

/// Projects and prints what came of it.
///
/// # Errors
/// Settings that make no sense, no usable network, data set or image, or a stage that fails or is stopped.
pub fn run(args: &ProjectArgs, console: &Console) -> Result<()> {
    let config = args.config()?;
    config.check()?;
    let engine = args.engine.start()?;
    let prepared = args.data.as_ref().map(Prepared::open).transpose()?;
    let from = prepared.as_ref().map_or(From::Images(&args.images), From::Data);
    let inputs = Inputs { network: &args.network, from };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}{}\n", summary(&record), shown_path(&ProjectionDir::new(&args.out).record())))
}

fn summary(record: &ProjectionRecord) -> String {
    let mut text = String::new();
    for choice in &record.feature_choice {
        let mark = if choice.chosen { "*" } else { " " };
        text += &format!(
            "{mark} {}: keeps {:.2} of a held-out rim's contrast (median of {}; quartiles {:.2} to {:.2}), {:.0} s\n",
            choice.features,
            choice.contrast_kept,
            choice.lesions,
            choice.quartiles.0,
            choice.quartiles.1,
            choice.seconds
        );
    }
    text += &format!("{} steps on {}\n", record.steps, record.features);
    text.extend(["ambiguous", "rim", "non-rim"].map(|role| of_role(record, role)));
    if record.without_core > 0 {
        text += &format!("lesions too small for a rim to be told from a core, {} left out\n", record.without_core);
    }
    for image in &record.images {
        let class = image.class.as_ref().map_or(String::new(), |class| format!(", class {class}"));
        text += &format!("{}: rms {:.4}, w distance {:.1}{class}\n", image.id, image.rms, image.w_distance);
    }
    if record.patient_data == Some(true) {
        text +=
            "patient data: each image is a generator's nearest one to a lesion of a person; pass it on as the scans\n";
    }
    text
}

/// Medians of the lesions of one role and the shares of them with a flag; empty where there are none.
fn of_role(record: &ProjectionRecord, role: &str) -> String {
    let lesions: Vec<_> = record.lesions.iter().filter(|lesion| lesion.role == role).collect();
    if lesions.is_empty() {
        return String::new();
    }
    let unit = record.rim_measure.as_ref().map_or("", |measure| measure.unit.as_str());
    let median = |value: fn(&ProjectedLesion) -> f64| {
        median(lesions.iter().map(|lesion| value(lesion))).expect("a lesion of the role")
    };
    let mut text = format!(
        "{role}: {} slices, median rim contrast {:.1} -> {:.1} {unit}, median w distance {:.1}, feature distance \
         {:.4}\n",
        lesions.len(),
        median(|lesion| lesion.contrast_before),
        median(|lesion| lesion.contrast_after),
        median(|lesion| lesion.w_distance),
        median(|lesion| lesion.distance),
    );
    for rate in record.flag_rates.iter().filter(|rate| rate.role == role) {
        let share = &rate.share;
        text += &format!(
            "  {}: {} of {} ({:.0} %, {:.0} % interval {:.0} to {:.0} %)\n",
            rate.flag,
            rate.flagged,
            share.n,
            100.0 * share.value,
            100.0 * share.level,
            100.0 * share.low,
            100.0 * share.high
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    fn config(more: &str) -> ProjectConfig {
        let arguments = format!("--network n --data d --out o {more}");
        parsed::<ProjectArgs>(&arguments.split_whitespace().collect::<Vec<_>>()).unwrap().config().unwrap()
    }

    #[test]
    fn every_option_sets_the_setting_of_its_name() {
        assert_eq!(config(""), ProjectConfig::default());
        let some = config(
            "--class rim --split validation --limit 1 --slices 2 --controls 3 --steps 4 --learning-rate 0.5 --w-noise 0.6 \
             --features pixels --choose-features 7 --batch 8 --condition 1 --space w-plus --start mean --film 9 \
             --background 0.1 --cloud-pull 0.2 --towards-rim 0.3 --evidence lesion",
        );
        assert_eq!(
            (some.class, some.split, some.space, some.start),
            (Class::RIM, Split::Validation, Space::WPlus, Start::Mean)
        );
        assert_eq!([some.limit, some.slices, some.controls, some.steps], [1, 2, 3, 4]);
        assert_eq!([some.choose_features, some.batch, some.film], [7, 8, 9]);
        assert_eq!([some.background, some.cloud_pull, some.towards_rim], [0.1, 0.2, 0.3]);
        assert_eq!(some.evidence, Evidence::Lesion);
        assert_eq!((some.learning_rate, some.w_noise, some.condition), (0.5, 0.6, Some(ClassChoice::Number(1))));
        assert_eq!(some.w_samples, ProjectConfig::default().w_samples);
    }

    #[test]
    fn the_published_descent_leaves_other_settings_to_the_options() {
        assert_eq!(config("--published"), ProjectConfig::published());
        assert_eq!(config("--published --slices 3"), ProjectConfig { slices: 3, ..ProjectConfig::published() });
        let both = ["--network", "n", "--data", "d", "--out", "o", "--published", "--steps", "3"];
        assert!(parsed::<ProjectArgs>(&both).is_err());
    }
}

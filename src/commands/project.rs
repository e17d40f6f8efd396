//! `rimforge project`: lesions or plain images into a network's latent space.

use super::choices::choice;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::project::{From, Inputs, run_stage};
use std::path::PathBuf;

use clap::Args;

use crate::commands::engine_args::EngineArgs;
use crate::commands::progress::Progress;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::{ProjectConfig, Space, Start};
use crate::records::classes::{Class, Split};
use crate::records::projection::ProjectionRecord;
use crate::run_dir::ProjectionDir;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::quantile;

#[derive(Args, Debug)]
pub struct ProjectArgs {
    /// Trained network: a .safetensors file, or the folder of a training run (its best network, else its last) or an import.
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
    /// Lesions to project: a class of the data set or its contested state; after readers ambiguous, rim or non-rim.
    #[arg(long, default_value = "ambiguous")]
    class: Class,
    /// Side of the split: train or validation.
    #[arg(long, default_value = "train", value_parser = choice::<Split>())]
    split: Split,
    /// At most so many lesions, drawn by the seed; 0 takes all.
    #[arg(long, default_value_t = ProjectConfig::default().limit)]
    limit: u64,
    /// Slices of each lesion, those that cut most of it.
    #[arg(long, default_value_t = ProjectConfig::default().slices)]
    slices: u64,
    /// Also project so many validation rims and so many validation non-rims.
    #[arg(long, default_value_t = ProjectConfig::default().controls)]
    controls: u64,
    /// Optimiser steps of each image.
    #[arg(long, default_value_t = ProjectConfig::default().steps)]
    steps: u64,
    /// The published descent: 1000 steps from the mean of w, rate .1, noise on w.
    #[arg(long, conflicts_with_all = ["steps", "learning_rate", "w_noise", "start"])]
    published: bool,
    /// Learning rate between the ramps.
    #[arg(long, default_value_t = ProjectConfig::default().learning_rate)]
    learning_rate: f64,
    /// Noise on w at first, in units of its deviation.
    #[arg(long, default_value_t = ProjectConfig::default().w_noise)]
    w_noise: f64,
    /// auto, random-vgg, pixels, discriminator, or a TorchScript file (VGG16 with LPIPS weighting).
    #[arg(long, default_value = "auto")]
    features: String,
    /// Try each built-in feature net on so many validation rims first; auto then takes the one that keeps their contrast best.
    #[arg(long, default_value_t = ProjectConfig::default().choose_features)]
    choose_features: u64,
    /// Images optimised together; changes speed and memory, not results.
    #[arg(long, default_value_t = ProjectConfig::default().batch)]
    batch: u64,
    /// Class of a conditional network: its name, its number from 0, or "estimate" for the one that fits each image best.
    #[arg(long, value_name = "K|estimate", allow_hyphen_values = true)]
    condition: Option<ClassChoice>,
    /// w, or w-plus for a w of its own in each layer.
    #[arg(long, default_value = "w", value_parser = choice::<Space>())]
    space: Space,
    /// Where w begins: nearest (of 1000 drawn images) or mean (as published).
    #[arg(long, default_value = "nearest", value_parser = choice::<Start>())]
    start: Start,
    /// Also write an animated PNG of each optimisation with so many frames.
    #[arg(long, default_value_t = 0, value_name = "FRAMES")]
    film: u64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: &ProjectArgs) -> Result<()> {
    let config = ProjectConfig {
        class: args.class.clone(),
        split: args.split,
        limit: args.limit,
        slices: args.slices,
        controls: args.controls,
        steps: args.steps,
        learning_rate: args.learning_rate,
        w_noise: args.w_noise,
        features: args.features.clone(),
        choose_features: args.choose_features,
        batch: args.batch,
        condition: args.condition.clone(),
        space: args.space,
        film: args.film,
        start: args.start,
        ..ProjectConfig::default()
    };
    let config = match args.published {
        true => {
            let ProjectConfig { steps, learning_rate, w_noise, start, .. } = ProjectConfig::published();
            ProjectConfig { steps, learning_rate, w_noise, start, ..config }
        }
        false => config,
    };
    config.validate()?;
    let observer = Progress::new()?;
    let engine = args.engine.start()?;
    let prepared = args.data.as_ref().map(Prepared::open).transpose()?;
    let from = prepared.as_ref().map_or(From::Images(&args.images), From::Data);
    let inputs = Inputs { network: &args.network, from };
    let lab = Lab { engine: &engine, seed: RunSeed(args.seed), observer: &observer };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    print_summary(&record);
    println!("{}", ProjectionDir::new(&args.out).record().display());
    Ok(())
}

fn print_summary(record: &ProjectionRecord) {
    for choice in &record.feature_choice {
        let mark = if choice.chosen { "*" } else { " " };
        println!(
            "{mark} {}: keeps {:.2} of a held-out rim's contrast (median of {}; quartiles {:.2} to {:.2}), {:.0} s",
            choice.features,
            choice.contrast_kept,
            choice.lesions,
            choice.quartiles.0,
            choice.quartiles.1,
            choice.seconds
        );
    }
    println!("{} steps on {}", record.steps, record.features);
    let unit = record.rim_measure.as_ref().map_or("", |measure| measure.unit.as_str());
    for role in ["ambiguous", "rim", "non-rim"] {
        let of_role: Vec<_> = record.lesions.iter().filter(|lesion| lesion.role == role).collect();
        if of_role.is_empty() {
            continue;
        }
        let median = |value: fn(&crate::records::projection::ProjectedLesion) -> f64| {
            let mut values: Vec<f64> = of_role.iter().map(|lesion| value(lesion)).collect();
            values.sort_by(f64::total_cmp);
            quantile(&values, 0.5)
        };
        println!(
            "{role}: {} slices, median rim contrast {:.1} -> {:.1} {unit}, median w distance {:.1}, feature distance {:.4}",
            of_role.len(),
            median(|lesion| lesion.contrast_before),
            median(|lesion| lesion.contrast_after),
            median(|lesion| lesion.w_distance),
            median(|lesion| lesion.distance),
        );
        for rate in record.flag_rates.iter().filter(|rate| rate.role == role) {
            let share = &rate.share;
            println!(
                "  {}: {} of {} ({:.0} %, {:.0} % interval {:.0} to {:.0} %)",
                rate.flag,
                rate.flagged,
                share.n,
                100.0 * share.value,
                100.0 * share.level,
                100.0 * share.low,
                100.0 * share.high
            );
        }
    }
    if record.without_core > 0 {
        println!("{} lesions are too small for a rim to be told from a core and were left out", record.without_core);
    }
    for image in &record.images {
        let class = image.class.as_ref().map_or(String::new(), |class| format!(", class {class}"));
        println!("{}: rms {:.4}, w distance {:.1}{class}", image.id, image.rms, image.w_distance);
    }
}

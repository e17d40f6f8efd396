//! `rimforge perturb`: how far to trust a projection. Known rims are spoiled and projected back; rims that the generator
//! learnt from (identity) and known non-rims (hallucination) are projected as they are.

use crate::engine::Lab;
use crate::perturb::{Inputs, Settings, run_stage, summary};
use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use crate::commands::engine_args::EngineArgs;
use crate::data::Prepared;
use crate::nets::class::ClassChoice;
use crate::perturb::corruption::PerturbConfig;
use crate::perturb::corruption::Strengths;
use crate::problem::Result;
use crate::project::{FeatureSetting, ProjectConfig};
use crate::run_dir::PerturbationDir;
use crate::seed::RunSeed;

#[derive(Args, Debug)]
pub struct PerturbArgs {
    /// Trained network: a .safetensors file, or the folder of a training run or an import.
    #[arg(long)]
    network: PathBuf,
    /// Prepared data set.
    #[arg(long)]
    data: PathBuf,
    /// Folder for the results; a second run goes on where the first stopped.
    #[arg(long)]
    out: PathBuf,
    /// Lesions of each role: held-out rims, training rims, non-rims.
    #[arg(long, default_value_t = 8)]
    lesions: u64,
    /// Standard deviation of the Gaussian noise, in the network's range of -1..1.
    #[arg(long, default_value_t = Strengths::default().noise)]
    noise: f64,
    /// Share of pixels that become black or white.
    #[arg(long, default_value_t = Strengths::default().salt_and_pepper)]
    salt_and_pepper: f64,
    /// Standard deviation of the blur in pixels.
    #[arg(long, default_value_t = Strengths::default().blur)]
    blur: f64,
    /// Side of the square that is filled, as a share of the image's.
    #[arg(long, default_value_t = Strengths::default().inpainting)]
    inpainting: f64,
    /// Optimiser steps of each image.
    #[arg(long, default_value_t = ProjectConfig::default().steps)]
    steps: u64,
    /// auto, random-vgg, pixels, discriminator, or a TorchScript file.
    #[arg(long, default_value = "auto")]
    features: FeatureSetting,
    /// Class of a conditional network: its name, its number from 0, or "estimate".
    #[arg(long, value_name = "K|estimate", allow_hyphen_values = true)]
    condition: Option<ClassChoice>,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: &PerturbArgs) -> Result<()> {
    let engine = args.engine.start()?;
    let strengths = Strengths {
        noise: args.noise,
        salt_and_pepper: args.salt_and_pepper,
        blur: args.blur,
        inpainting: args.inpainting,
    };
    let config = PerturbConfig::new(args.lesions, strengths);
    let project = ProjectConfig {
        steps: args.steps,
        features: args.features.clone(),
        condition: args.condition.clone(),
        ..ProjectConfig::default()
    };
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { network: &args.network, data: &data };
    let lab = Lab { engine: &engine, seed: RunSeed(args.seed), observer: &Progress::new()? };
    let record = run_stage(inputs, Settings { perturb: &config, project: &project }, &args.out, &lab)?;
    print!("{}", summary::table(&record));
    println!("{}", PerturbationDir::new(&args.out).record().display());
    Ok(())
}

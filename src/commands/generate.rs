//! `rimforge generate`: lesions from a trained network, one file a seed.

use super::choices::choice;
use crate::engine::Lab;
use crate::generate::stage::Opened;
use crate::generate::{Inputs, run_stage};
use crate::latent::draw::NoiseMode;
use crate::seed::RunSeed;
use std::path::PathBuf;

use super::progress::Progress;
use crate::commands::engine_args::EngineArgs;
use crate::data::Prepared;
use crate::generate::{Format, GenerateConfig};
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use clap::Args;

mod explore;

use explore::{ExploreArgs, Explorer};

#[derive(Args, Debug)]
pub struct GenerateArgs {
    /// A network file, or the folder of a training run (its best network, else its last) or an import.
    #[arg(long, value_name = "FILE|DIR")]
    network: PathBuf,
    /// Seeds and ranges of seeds, each NumPy's RandomState(seed).
    #[arg(long, default_value = "0-99", value_name = "0-99")]
    seeds: String,
    /// Truncation psi: 1 full variety, 0 the mean image.
    #[arg(long, default_value_t = 1.0, value_name = "PSI")]
    trunc: f64,
    /// Class of a conditional network: its name, or its number from 0.
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    class: Option<ClassChoice>,
    /// Noise maps.
    #[arg(long, value_parser = choice::<NoiseMode>(), default_value = "const")]
    noise: NoiseMode,
    /// What to write for each seed; may be repeated or given with commas.
    #[arg(long, value_parser = choice::<Format>(), value_delimiter = ',', default_value = "png")]
    format: Vec<Format>,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Prepared data set whose training rims to show and measure beside the synthetic ones.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    explore: ExploreArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub fn run(args: &GenerateArgs) -> Result<()> {
    let engine = args.engine.start()?;
    let config = GenerateConfig {
        seeds: args.seeds.clone(),
        truncation: args.trunc,
        noise: args.noise,
        formats: args.format.clone(),
        class: args.class.clone(),
    };
    let data = args.data.as_ref().map(Prepared::open).transpose()?;
    let inputs = Inputs { network: &args.network, data: data.as_ref() };
    // Every draw is a function of an image's own seed.
    let lab = Lab { engine: &engine, seed: RunSeed(0), observer: &Progress::new()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    println!("{} images in {}", record.count, args.out.display());
    if !args.explore.is_empty() {
        let opened = Opened::load(&args.network, args.class.as_ref(), engine.device)?;
        let explorer = Explorer {
            generator: &opened.network.generator,
            source: &opened.source,
            class: opened.class.as_ref(),
            truncation: args.trunc,
            seeds: &config.seed_numbers()?,
            out: &args.out,
        };
        for name in explorer.write(&args.explore)? {
            println!("{}", args.out.join(name).display());
        }
    }
    if let Some(rims) = &record.rim_contrast {
        println!(
            "rim contrast, median (quartiles): synthetic {:.1} ({:.1} to {:.1}) ppb, real rims {:.1} ({:.1} to {:.1}) ppb",
            rims.synthetic_median,
            rims.synthetic_quartiles.0,
            rims.synthetic_quartiles.1,
            rims.real_median,
            rims.real_quartiles.0,
            rims.real_quartiles.1
        );
        if let (Some(median), Some((low, high))) = (rims.non_rim_median, rims.non_rim_quartiles) {
            println!("the same measure on non-rims: {median:.1} ({low:.1} to {high:.1}) ppb");
        }
    }
    Ok(())
}

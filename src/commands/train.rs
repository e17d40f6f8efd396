//! `rimforge train`: trains on the training rims, watches with a Frechet distance, previews and TensorBoard.

use crate::engine::Lab;
use crate::train::run_stage;
use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use crate::commands::engine_args::EngineArgs;
use crate::data::Prepared;
use crate::problem::Result;
use crate::run_dir::GanDir;
use crate::seed::RunSeed;
use crate::study::settings;
use crate::train::TrainConfig;

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
    /// Classes of a conditional network: "readers" (rim and non-rim), "labels" (those of the source), or "none".
    #[arg(long, value_name = "none|readers|labels")]
    condition: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Any setting by its dotted name, e.g. ada.target=0.5; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn run(args: &TrainArgs) -> Result<()> {
    let engine = args.engine.start()?;
    let named = [
        args.kimg.map(|kimg| format!("kimg={kimg}")),
        args.batch.map(|batch| format!("batch={batch}")),
        args.net.as_ref().map(|net| format!("net.preset={net:?}")),
        args.base.as_ref().map(|base| format!("base={base:?}")),
        args.condition.as_ref().map(|condition| format!("condition={condition:?}")),
    ];
    let assignments: Vec<String> = named.into_iter().flatten().chain(args.set.iter().cloned()).collect();
    let config = settings::overlay(&TrainConfig::default(), &assignments)?;
    let data = Prepared::open(&args.data)?;
    let lab = Lab { engine: &engine, seed: RunSeed(args.seed), observer: &Progress::new()? };
    let record = run_stage(&data, &config, &args.out, &lab)?;
    println!("trained on {} images in {:.0} s, {:.1} images/s", record.images, record.seconds, record.images_per_s);
    if let Some(distance) = record.best_frechet {
        let floor =
            record.frechet_real_floor.map_or(String::new(), |floor| format!(" (two halves of the reals: {floor:.3})"));
        println!("Frechet distance on {}: {distance:.3}{floor}", record.frechet_features);
    }
    println!("best network {}", GanDir::new(&args.out).best_network().display());
    Ok(())
}

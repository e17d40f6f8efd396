//! `rimforge train`: trains on the training rims, watches with a Frechet distance, previews and TensorBoard.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::distributed::DistributedArgs;
use super::engine_args::EngineArgs;
use super::options::{Options, SeedArgs};
use crate::data::{AnyPrepared, Condition};
use crate::engine::Lab;
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::training::TrainingRecord;
use crate::run_dir::GanDir;
use crate::study::settings;
use crate::train::config::Preset;
use crate::train::{TrainConfig, not_arrived, run_stage_among, run_volume_stage};

/// Arguments of `rimforge train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    /// Prepared data set (`rimforge prepare`).
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of the run; one that holds an unfinished run with equal settings is gone on with.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<TrainConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    distributed: DistributedArgs,
    /// Any setting by its dotted name, e.g. ada.target=0.5; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "train-settings")]
struct Typed {
    /// Thousands of real images to show.
    #[arg(long)]
    kimg: Option<f64>,
    /// Images a step.
    #[arg(long)]
    batch: Option<u64>,
    /// Size of the networks.
    #[arg(id = "net.preset", long = "net", value_name = "NET", value_parser = choice::<Preset>())]
    #[serde(rename = "net.preset")]
    net: Option<Preset>,
    /// Network to start from: a file, "embedded", or "none" for random weights.
    #[arg(long, value_name = "FILE|embedded|none")]
    base: Option<String>,
    /// Classes of a conditional network: "readers" (rim and non-rim), "labels" (those of the source), or "none".
    #[arg(long, value_parser = choice::<Condition>())]
    condition: Option<Condition>,
}

impl TrainArgs {
    fn config(&self) -> Result<TrainConfig> {
        settings::overlay(&self.settings.config()?, &self.settings.names()?, &self.set)
    }
}

/// Trains and prints a summary.
///
/// # Errors
/// Settings that make no sense, no prepared data set, or training that fails or is stopped.
pub fn run(args: &TrainArgs, console: &Console) -> Result<()> {
    let config = args.config()?;
    let (engine, group) = args.distributed.start(&args.engine)?;
    let data = AnyPrepared::open(&args.data)?;
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = match &data {
        AnyPrepared::Slices(data) => run_stage_among(data, &config, &args.out, &lab, group)?,
        AnyPrepared::Volumes(data) => run_volume_stage(data, &config, &args.out, &lab, group)?,
    };
    // Another process reports.
    let Some(record) = record else { return Ok(()) };
    console.result(&record, || {
        format!("{}best network {}\n", summary(&record), shown_path(&GanDir::new(&args.out).best_network()))
    })
}

fn summary(record: &TrainingRecord) -> String {
    let TrainingRecord { images, seconds, images_per_s, .. } = record;
    let mut text = format!("trained on {images} images in {seconds:.0} s, {images_per_s:.1} images/s\n");
    if let Some(distance) = record.best_frechet {
        let floor =
            record.frechet_real_floor.map_or(String::new(), |floor| format!(" (two halves of the reals: {floor:.3})"));
        text += &format!("Frechet distance on {}: {distance:.3}{floor}\n", record.frechet_features);
    }
    text += &noted(not_arrived(record).as_slice());
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    fn config(more: &[&str]) -> TrainConfig {
        parsed::<TrainArgs>(&[&["--data", "d", "--out", "o"], more].concat()).unwrap().config().unwrap()
    }

    #[test]
    fn options_and_assignments_set_settings() {
        assert_eq!(config(&[]), TrainConfig::default());
        let some = config(&[
            "--kimg",
            "2",
            "--batch",
            "8",
            "--net",
            "paper",
            "--condition",
            "readers",
            "--set",
            "betas=[0,0.9]",
        ]);
        assert_eq!((some.kimg, some.batch, some.net.preset), (2.0, 8, Preset::Paper));
        assert_eq!((some.condition, some.betas), (Condition::Readers, (0.0, 0.9)));
        let twice = parsed::<TrainArgs>(&["--data", "d", "--out", "o", "--batch", "8", "--set", "batch=16"]);
        let said = twice.unwrap().config().unwrap_err().to_string();
        assert!(said.contains("--set batch=16"), "{said}");
    }
}

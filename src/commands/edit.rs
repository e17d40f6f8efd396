//! `rimforge edit`: training images along accepted directions, with their classes.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console::Console;
use super::engine_args::EngineArgs;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::directions::DirectionsConfig;
use crate::edit::{Accepted, EditConfig, Inputs, by_the_gate, directions_record, run_stage};
use crate::engine::Lab;
use crate::name::shown_path;
use crate::problem::Result;
use crate::project::FeatureSetting;
use crate::records::edit::EditRecord;
use crate::settings::Settings;

/// Arguments of `rimforge edit`.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// Prepared data set whose training side was inverted.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The network that was inverted: a file, or the folder of a training run.
    #[arg(long, value_name = "FILE|DIR")]
    network: PathBuf,
    /// Folder of `rimforge invert`.
    #[arg(long, value_name = "DIR")]
    inverted: PathBuf,
    /// Folder of `rimforge directions`.
    #[arg(long, value_name = "DIR")]
    directions: PathBuf,
    /// Feature net of the distance, as `rimforge directions` was given it.
    #[arg(long, value_name = "NET|FILE", default_value = "auto")]
    features: FeatureSetting,
    /// LPIPS weights of that net in a file of their own.
    #[arg(long, value_name = "FILE")]
    lpips_weights: Option<PathBuf>,
    #[command(flatten)]
    settings: Options<EditConfig, Typed>,
    /// Where to write.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "edit-settings")]
struct Typed {
    /// Edited images, each class in turn.
    #[arg(long)]
    images: Option<u64>,
    /// Shortest step in deviations of the codes.
    #[arg(long)]
    shortest: Option<f64>,
    /// Longest step, at most 3.
    #[arg(long)]
    longest: Option<f64>,
    /// Directions to edit along, by their ids; those that the gate accepts where none is given.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    accept: Option<Vec<String>>,
}

/// Edits and prints a summary.
///
/// # Errors
/// Settings that make no sense, no usable folder, no accepted direction, a failed write, or stopped on request.
pub fn run(args: &EditArgs, console: &Console) -> Result<()> {
    let config = args.settings.config()?;
    config.check()?;
    let accepted = accepted(&args.directions, &config)?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let (features, lpips_weights) = (args.features.clone(), args.lpips_weights.clone());
    let measured_by = DirectionsConfig { features, lpips_weights, ..DirectionsConfig::default() };
    let inputs = Inputs {
        data: &data,
        network: &args.network,
        inverted: &args.inverted,
        directions: &args.directions,
        accepted: &accepted,
        measured_by: &measured_by,
    };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}images in {}\n", summary(&record), shown_path(&args.out)))
}

/// Those that are named, or those that the gate accepts.
fn accepted(directions: &Path, config: &EditConfig) -> Result<Accepted> {
    if config.accept.is_empty() {
        return Ok(by_the_gate(&directions_record(directions)?));
    }
    Ok(Accepted { ids: config.accept.clone(), by: "who named them on the command line (--accept)".into() })
}

fn summary(record: &EditRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    text += &format!("accepted by {}\n", record.accepted_by);
    for one in &record.directions {
        text += &format!("{:<28} {:<20} {:>6} images, {:>6} within the gate\n", one.id, one.name, one.images, one.kept);
    }
    for class in &record.classes {
        text += &format!("{:<28} {:>6} images, {:>6} within the gate\n", class.class, class.images, class.kept);
    }
    text
}

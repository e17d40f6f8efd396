//! `rimforge evaluate`: how far images lie from held-out real ones, and what a network is like.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::bracketed;
use super::options::{Options, SeedArgs};
use super::volumes;
use crate::classify::Arm;
use crate::data::AnyPrepared;
use crate::engine::Lab;
use crate::evaluate::{EvaluateConfig, Inputs, folders_named, run_stage};
use crate::name::shown_path;
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::records::evaluate::{Comparison, EvaluationRecord, Measure};
use crate::run_dir::RECORD;
use crate::settings::Settings;

/// Arguments of `rimforge evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// Prepared data set: its held-out images are compared with, its training images are the floor.
    #[arg(long = "real", visible_alias = "data", value_name = "DIR", required_unless_present = "network")]
    data: Option<PathBuf>,
    /// Folder of `rimforge generate` or `rimforge project`; may be repeated.
    #[arg(long, visible_alias = "denoised", value_name = "DIR", requires = "data")]
    synthetic: Vec<PathBuf>,
    /// A network file, or the folder of a training run or an import: path length, and truncations.
    #[arg(long, value_name = "FILE|DIR")]
    network: Option<PathBuf>,
    /// Folder for the record.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<EvaluateConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "evaluate-settings")]
struct Typed {
    /// Weights of Inception v3, VGG16, AlexNet or SqueezeNet 1.1 for distances between sets; else an own small net.
    #[arg(long, value_name = "FILE")]
    features: Option<PathBuf>,
    /// Weights of VGG16, AlexNet or SqueezeNet 1.1 for distances between two images.
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
    /// LPIPS weights for --lpips, where they are a file of their own.
    #[arg(long, value_name = "FILE", requires = "lpips")]
    lpips_weights: Option<PathBuf>,
    /// Weights of CLIP's image encoder, for CMMD.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Pairs of images for the diversity of a set.
    #[arg(long)]
    pairs: Option<u64>,
    /// Arms made of the data set alone, whose training sets are compared, too: affine, smote, deep-smote, ...
    #[arg(long, value_parser = choice::<Arm>(), value_delimiter = ',')]
    arms: Option<Vec<Arm>>,
    /// Draws of every interval.
    #[arg(long)]
    draws: Option<u64>,
    /// Paths of the network's path length; 0 leaves it out.
    #[arg(long)]
    paths: Option<u64>,
    /// Truncations of the network.
    #[arg(long, value_name = "0.5,1", allow_hyphen_values = true, value_delimiter = ',')]
    truncations: Option<Vec<f64>>,
    /// Class of a conditional network: its name, or its number from 0.
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    class: Option<ClassChoice>,
}

/// Measures and prints the tables.
///
/// # Errors
/// Settings that make no sense, nothing to compare, no usable folder, network or weights, or stopped on request.
pub fn run(args: &EvaluateArgs, console: &Console) -> Result<()> {
    let config = args.settings.config()?;
    config.check()?;
    let engine = args.engine.start()?;
    let data = match args.data.as_ref().map(AnyPrepared::open).transpose()? {
        Some(AnyPrepared::Volumes(data)) => {
            let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
            let settings = (&config, !args.synthetic.is_empty());
            return volumes::evaluate(&data, args.network.as_deref(), settings, &args.out, (&lab, console));
        }
        Some(AnyPrepared::Slices(data)) => Some(data),
        None => None,
    };
    let sets = folders_named(&args.synthetic)?;
    let inputs = Inputs { data: data.as_ref(), sets: &sets, network: args.network.as_deref() };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", tables(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
pub fn tables(record: &EvaluationRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let _ = writeln!(text, "distances between sets: {} ({} numbers)", record.features, record.dimensions);
    if let Some(held) = &record.reference {
        let _ = writeln!(text, "held-out: {}, {} images of {} patients", held.name, held.available, held.groups);
    }
    for comparison in &record.comparisons {
        text.push_str(&table(comparison, record));
    }
    if let Some(length) = record.network.as_ref().and_then(|network| network.path_length.as_ref()) {
        let _ = writeln!(text, "\n{}: {}", length.name, bracketed(Some(&length.length), 5));
    }
    text.push_str("\nin brackets: 95 % intervals over patients, or over images drawn one by one\n");
    text.push_str(&noted(&record.warnings));
    text
}

fn table(comparison: &Comparison, record: &EvaluationRecord) -> String {
    let mut text = format!("\n{}, {} images each\n", comparison.topic.title(), comparison.images);
    let present = |measure: &&Measure| comparison.sets.iter().any(|set| set.measures.contains_key(&measure.key));
    for measure in record.measures.iter().filter(present) {
        let rises = comparison.rises.get(&measure.key);
        let rises = rises.map_or("", |rises| if *rises { "; grows along the steps" } else { "; does NOT grow" });
        let _ = writeln!(text, "  {} {}{rises}", measure.name, measure.unit);
        for set in &comparison.sets {
            let _ = writeln!(text, "    {:<32} {}", set.name, bracketed(set.measures.get(&measure.key), 5));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let args = parsed::<EvaluateArgs>(&["--real", "d", "--out", "o"]).unwrap();
        assert_eq!(args.settings.config().unwrap(), EvaluateConfig::default());
        let typed =
            ["--data", "d", "--synthetic", "a", "--synthetic", "b", "--out", "o", "--truncations", "1", "--paths", "0"];
        let args = parsed::<EvaluateArgs>(&typed).unwrap();
        let config = args.settings.config().unwrap();
        assert_eq!((args.synthetic.len(), config.truncations, config.paths), (2, vec![1.0], 0));
        assert!(parsed::<EvaluateArgs>(&["--network", "n", "--synthetic", "a", "--out", "o"]).is_err());
    }
}

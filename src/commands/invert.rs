//! `rimforge invert`: images to codes of a network, and what each way is worth.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::{Console, noted};
use super::engine_args::EngineArgs;
use super::numbers::bracketed;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::invert::{Embed, Inputs, InvertConfig, Method, Refine, run_stage};
use crate::meters::Plain;
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::invert::{InversionRecord, InvertedSide};
use crate::run_dir::InversionDir;

/// Arguments of `rimforge invert`.
#[derive(Args, Debug)]
pub struct InvertArgs {
    /// Trained network: a .safetensors file, or the folder of a training run or an import.
    #[arg(long)]
    network: PathBuf,
    /// Prepared data set: its training images are learnt from and inverted, its validation images measured on.
    #[arg(long)]
    data: PathBuf,
    /// Folder for the results; a second run goes on where the first stopped.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<InvertConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "invert-settings")]
struct Typed {
    /// How codes are found.
    #[arg(long, value_parser = choice::<Embed>())]
    embed: Option<Embed>,
    /// What is done to the generator then.
    #[arg(long, value_parser = choice::<Refine>())]
    refine: Option<Refine>,
    /// Other methods to measure beside it, separated by commas: "encoder", "encoder+hypernetwork",
    /// "w-descent+pivotal-each".
    #[arg(long, value_delimiter = ',')]
    compare: Option<Vec<Method>>,
    /// Training images to invert; 0 takes all.
    #[arg(long)]
    images: Option<u64>,
    /// Images of each side that methods are measured on.
    #[arg(long)]
    compared: Option<u64>,
    /// auto, random-vgg, pixels, discriminator, or a file with the weights of VGG16, AlexNet, SqueezeNet 1.1 or
    /// Inception v3 (.pt, .pth, .safetensors), which is read as data.
    #[arg(long)]
    features: Option<String>,
    /// Images together in a batch.
    #[arg(long)]
    batch: Option<u64>,
    /// Steps of a descent in W or W+.
    #[arg(long)]
    descent_steps: Option<u64>,
    /// Steps of the encoder's training.
    #[arg(long)]
    encoder_steps: Option<u64>,
    /// Steps of the hypernetwork's training.
    #[arg(long)]
    hyper_steps: Option<u64>,
    /// Passes of the hypernetwork.
    #[arg(long)]
    hyper_passes: Option<u64>,
    /// Rank of its offsets; 0 for one a pair of channels.
    #[arg(long)]
    hyper_rank: Option<u64>,
    /// Steps of pivotal tuning.
    #[arg(long)]
    pivotal_steps: Option<u64>,
    /// Adam's rate of pivotal tuning.
    #[arg(long)]
    pivotal_rate: Option<f64>,
    /// Channels of the first layer of encoder and hypernetwork.
    #[arg(long)]
    width: Option<u64>,
    /// Principal directions that codes are edited along to be measured; 0 for none.
    #[arg(long)]
    edits: Option<u64>,
}

/// Inverts, measures and prints the table.
///
/// # Errors
/// Settings that make no sense, no usable network or data set, or a stage that fails or is stopped.
pub fn run(args: &InvertArgs, console: &Console) -> Result<()> {
    let config = args.settings.config()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { network: &args.network, data: &data, meters: &Plain };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}{}\n", table(&record), shown_path(&InversionDir::new(&args.out).record())))
}

/// What the record says, for a terminal.
fn table(record: &InversionRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let images = &record.images;
    let _ = writeln!(
        text,
        "{} training images inverted by {}; learnt from {}; compared on {} of them and {} validation images",
        images.training, record.method, images.learnt, images.compared, images.validation
    );
    let _ = writeln!(
        text,
        "{:<28} {:<10} {:>22} {:>8} {:>6} {:>9} {:>7} {:>6} {:>10}",
        "method", "side", "L2 on -1..1", "distance", "SSIM", "lesion L2", "cloud", "LEC", "bytes"
    );
    for method in &record.methods {
        for side in &method.sides {
            let InvertedSide { l2, distance, ssim, lesion_l2, w_distance, inconsistency, .. } = side;
            let range = l2.as_ref().map_or_else(|| "-".into(), |l2| bracketed(l2, 4));
            let _ = writeln!(
                text,
                "{:<28} {:<10} {range:>22} {:>8} {:>6} {:>9} {:>7} {:>6} {:>10}",
                method.key,
                side.side,
                short(distance.as_ref(), 4),
                short(ssim.as_ref(), 3),
                short(lesion_l2.as_ref(), 4),
                short(w_distance.as_ref(), 2),
                inconsistency.map_or_else(|| "-".into(), |value| format!("{value:.2}")),
                method.bytes_of_an_image,
            );
        }
        for edit in &method.edits {
            let leak = edit.leak.map_or_else(|| "-".into(), |leak| format!("{leak:.2}"));
            let _ = writeln!(text, "  {}: {} x {:.2}, leak {leak}", edit.edit, edit.factor, edit.transfer);
        }
    }
    let _ = writeln!(text, "distance: {}; in brackets: 95 % intervals over groups", record.features);
    text.push_str(&noted(&record.notes));
    text
}

fn short(interval: Option<&Interval>, digits: usize) -> String {
    interval.map_or_else(|| "-".into(), |interval| format!("{:.digits$}", interval.value))
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let parse =
            |more: &[&str]| parsed::<InvertArgs>(&[&["--network", "n", "--data", "d", "--out", "o"], more].concat());
        assert_eq!(parse(&[]).unwrap().settings.config().unwrap(), InvertConfig::default());
        let typed = ["--embed", "w-descent", "--refine", "none", "--compare", "encoder,encoder+hypernetwork"];
        let config = parse(&typed).unwrap().settings.config().unwrap();
        assert_eq!((config.embed, config.refine, config.compare.len()), (Embed::WDescent, Refine::None, 2));
        assert!(parse(&["--compare", "encoder+magic"]).is_err());
        assert!(parse(&["--embed", "magic"]).is_err());
    }
}

//! `rimforge segment`: masks of rims, arm by arm.

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
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::segment::SegmentRecord;
use crate::run_dir::RECORD;
use crate::segment::arms::Arm;
use crate::segment::config::Width;
use crate::segment::{Inputs, SegmentConfig, run_stage};
use crate::settings::Settings;

/// Arguments of `rimforge segment`.
#[derive(Args, Debug)]
pub struct SegmentArgs {
    /// Prepared data set with the contrast "rim" and at least one other.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Slices that `generate` drew with a network of the data set's contrasts.
    #[arg(long, value_name = "DIR")]
    synthetic: Option<PathBuf>,
    /// Contested lesions that `project` found, in all contrasts.
    #[arg(long, value_name = "DIR")]
    denoised: Option<PathBuf>,
    /// The cohort that the data set was prepared from: how far its two readers' tracings agree.
    #[arg(long, value_name = "DIR")]
    cohort: Option<PathBuf>,
    /// Folder for the record, the figure and the fits.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<SegmentConfig, Typed>,
    /// Take images of networks that knew other or unknown data: that no test lesion was among them is then your word,
    /// and the record says so.
    #[arg(long)]
    trust_origin: bool,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "segment-settings")]
struct Typed {
    /// Arms, separated by commas.
    #[arg(long, value_parser = choice::<Arm>(), value_delimiter = ',')]
    arms: Option<Vec<Arm>>,
    /// Repetitions of every arm.
    #[arg(long)]
    seeds: Option<u64>,
    /// Steps of the optimiser.
    #[arg(long)]
    steps: Option<u64>,
    /// Of Adam at the first step.
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Slices in a batch.
    #[arg(long)]
    batch: Option<u64>,
    /// Channels of the network.
    #[arg(long, value_parser = choice::<Width>())]
    width: Option<Width>,
    /// Lesions or images that an arm adds of each of its sources, at most.
    #[arg(long)]
    extra: Option<u64>,
    /// Weight of the loss of what an arm adds.
    #[arg(long)]
    extra_weight: Option<f64>,
    /// Resamplings of the test patients.
    #[arg(long)]
    draws: Option<usize>,
}

/// Fits, measures and prints the table.
///
/// # Errors
/// Settings that make no sense, no usable data or images, or stopped on request.
pub fn run(args: &SegmentArgs, console: &Console) -> Result<()> {
    let config = SegmentConfig { trust_origin: args.trust_origin, ..args.settings.config()? };
    config.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs {
        data: &data,
        synthetic: args.synthetic.as_deref(),
        denoised: args.denoised.as_deref(),
        cohort: args.cohort.as_deref(),
    };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", table(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
fn table(record: &SegmentRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    let test = &record.test;
    let _ = writeln!(
        text,
        "{} of {} held-out rims are traced ({} patients), {} lesions are rim-free",
        test.traced, test.rims, test.traced_patients, test.rim_free
    );
    for measure in &record.measures {
        let _ = writeln!(text, "  {} {}", measure.name, measure.unit);
        for arm in &record.arms {
            let _ = writeln!(text, "    {:<24} {}", arm.name, bracketed(arm.measures.get(&measure.key), 3));
        }
        if let Some(readers) = record.readers_dice.as_ref().filter(|_| measure.key == "dice") {
            let _ = writeln!(text, "    {:<24} {}", "between two readers", bracketed(Some(readers), 3));
        }
    }
    text.push_str("in brackets: 95 % intervals over patients\n");
    text.push_str(&noted(&record.notes));
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let args = parsed::<SegmentArgs>(&["--data", "d", "--out", "o"]).unwrap();
        assert_eq!(args.settings.config().unwrap(), SegmentConfig::default());
        let typed = ["--data", "d", "--out", "o", "--arms", "real,both", "--width", "tiny", "--trust-origin"];
        let args = parsed::<SegmentArgs>(&typed).unwrap();
        let config = args.settings.config().unwrap();
        assert_eq!((config.arms, config.width, args.trust_origin), (vec![Arm::Real, Arm::Both], Width::Tiny, true));
        assert!(parsed::<SegmentArgs>(&["--data", "d", "--out", "o", "--arms", "fake"]).is_err());
    }
}

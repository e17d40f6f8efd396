//! `rimforge two-sided`: what projections of the same lesions as of one class and as of the other say about the class.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::choices::choice;
use super::console::Console;
use super::numbers::bracketed;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::lab::Lab;
use crate::name::shown_path;
use crate::problem::Result;
use crate::records::Interval;
use crate::records::two_sided::TwoSidedRecord;
use crate::run_dir::RECORD;
use crate::two_sided::truth::with_truth;
use crate::two_sided::{Inputs, Side, TwoSidedConfig, run_stage};

/// Arguments of `rimforge two-sided`.
#[derive(Args, Debug)]
pub struct TwoSidedArgs {
    /// Prepared data set.
    #[arg(long)]
    data: PathBuf,
    /// Folders of lesions projected as of interest (`rimforge project --condition rim`), separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    of_interest: Vec<PathBuf>,
    /// Folders of the same lesions projected as of the other class, with the same settings and seed.
    #[arg(long, value_delimiter = ',', required = true)]
    other: Vec<PathBuf>,
    /// True labels of a simulated cohort (derivatives/truth/truth.tsv); only what is printed is scored with them.
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Folder for the record, the sheet and the better images.
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<TwoSidedConfig, Typed>,
    #[command(flatten)]
    seed: SeedArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "two-sided-settings")]
struct Typed {
    /// Agreed lesions of this side make probabilities of losses; the generator has seen those of "train".
    #[arg(long, value_parser = choice::<Side>())]
    calibrate: Option<Side>,
    /// Share of those of interest that is assumed among the contested.
    #[arg(long)]
    prior: Option<f64>,
    /// Whether the size of both losses and of the lesion are inputs, too.
    #[arg(long)]
    covariates: Option<bool>,
}

/// Compares, calibrates, and prints what came out.
///
/// # Errors
/// Settings that make no sense, folders that cannot be compared, or too few agreed lesions.
pub fn run(args: &TwoSidedArgs, console: &Console) -> Result<()> {
    // How many a study would project is not asked here: the folders have what they have.
    let config = TwoSidedConfig { seen: 1, ..args.settings.config()? };
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { data: &data, of_interest: &args.of_interest, other: &args.other };
    let seed = args.seed.run_seed();
    let lab = Lab { engine: &(), seed, observer: console.observer()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    let record = with_truth(record, &data, args.truth.as_deref(), seed)?;
    console.result(&record, || format!("{}record {}\n", table(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
fn table(record: &TwoSidedRecord) -> String {
    let [of_interest, other] = &record.classes;
    let mut text = format!("{:<24} {:>12} {:>12} {:>11} {:>6}\n", "contested", "loss", "loss", "difference", "p");
    let _ = writeln!(text, "{:<24} {:>12} {:>12}", "", format!("as {of_interest}"), format!("as {other}"));
    for lesion in record.lesions.iter().filter(|lesion| lesion.is_contested(&record.classes)) {
        let p = lesion.probability.map_or_else(|| "-".into(), |p| format!("{p:.2}"));
        let (loss, beside) = (lesion.loss_of_interest, lesion.loss_other);
        let _ =
            writeln!(text, "{:<24} {loss:>12.4} {beside:>12.4} {:>+11.3} {p:>6}", lesion.lesion_id, lesion.difference);
    }
    let shown = |interval: &Option<Interval>| bracketed(interval, 2);
    for side in &record.agreed {
        let brier = side.brier.map_or_else(|| "undefined".into(), |brier| format!("{brier:.3}"));
        let (lesions, own) = (side.lesions, side.of_interest);
        let (auroc, share) = (shown(&side.auroc), side.brier_of_share);
        let line = format!("{lesions} agreed {} lesions, {own} {of_interest}: AUROC {auroc}", side.side);
        let alone = side.brier_without_difference.map_or_else(|| "undefined".into(), |brier| format!("{brier:.3}"));
        let _ = writeln!(text, "{line}, Brier {brier} (without the difference {alone}, of their share {share:.3})");
    }
    if let Some(truth) = &record.truth {
        let brier = truth.brier.map_or_else(|| "undefined".into(), |brier| format!("{brier:.3}"));
        let (lesions, own, expected) = (truth.lesions, truth.of_interest, truth.expected);
        let line = format!("{lesions} contested, {own} truly {of_interest}, {expected:.1} expected");
        let _ = writeln!(text, "{line}; Brier {brier} (of the prior {:.3})", truth.brier_of_prior);
        for (what, auroc) in &truth.auroc {
            let _ = writeln!(text, "  AUROC of {what}: {}", shown(auroc));
        }
    }
    text
}

//! `rimforge perturb`: how far to trust a projection. Known rims are spoiled and projected back; rims that the
//! generator learnt from (identity) and known non-rims (hallucination) are projected as they are.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::console::Console;
use super::engine_args::EngineArgs;
use super::options::{Options, SeedArgs};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::name::shown_path;
use crate::nets::class::ClassChoice;
use crate::perturb::PerturbConfig;
use crate::perturb::{Inputs, Settings as Both, run_stage};
use crate::problem::Result;
use crate::project::ProjectConfig;
use crate::records::perturbation::PerturbationRecord;
use crate::run_dir::PerturbationDir;

/// Arguments of `rimforge perturb`.
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
    /// Lesions of each role: held-out rims, training rims, non-rims. (A study that does not ask for any spoils none.)
    #[arg(long, default_value_t = 8)]
    lesions: u64,
    #[command(flatten)]
    spoil: Options<PerturbConfig, Spoil>,
    #[command(flatten)]
    project: Options<ProjectConfig, Project>,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "perturb-settings")]
struct Spoil {
    /// Standard deviation of the Gaussian noise, in the network's range of -1..1.
    #[arg(long)]
    noise: Option<f64>,
    /// Share of pixels that become black or white.
    #[arg(long)]
    salt_and_pepper: Option<f64>,
    /// Standard deviation of the blur in pixels.
    #[arg(long)]
    blur: Option<f64>,
    /// Side of the square that is filled, as a share of the image's.
    #[arg(long)]
    inpainting: Option<f64>,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "perturb-projection")]
struct Project {
    /// Optimiser steps of each image.
    #[arg(long)]
    steps: Option<u64>,
    /// auto, random-vgg, pixels, discriminator, or a TorchScript file.
    #[arg(long)]
    features: Option<String>,
    /// Class of a conditional network: its name, its number from 0, or "estimate".
    #[arg(long, value_name = "K|estimate", allow_hyphen_values = true)]
    condition: Option<ClassChoice>,
}

/// Spoils, projects back, and prints what returned.
///
/// # Errors
/// Settings that make no sense, no usable network or data set, or a stage that fails or is stopped.
pub fn run(args: &PerturbArgs, console: &Console) -> Result<()> {
    let config = PerturbConfig { lesions: args.lesions, ..args.spoil.config()? };
    let project = args.project.config()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs { network: &args.network, data: &data };
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let record = run_stage(inputs, Both { perturb: &config, project: &project }, &args.out, &lab)?;
    console.result(&record, || format!("{}{}\n", table(&record), shown_path(&PerturbationDir::new(&args.out).record())))
}

/// What the record says, for a terminal.
fn table(record: &PerturbationRecord) -> String {
    let unit = &record.unit;
    let mut text = format!(
        "{:<13} {:<16} {:>7}  {:>14}  {:>16}  {:>19}  {:>13}\n",
        "lesion",
        "corruption",
        "lesions",
        "SSIM",
        "MSE",
        format!("lesion RMS ({unit})"),
        "contrast kept"
    );
    for row in &record.summary {
        let pair = |a: f64, b: f64, digits: usize| format!("{a:.digits$} -> {b:.digits$}");
        let kept = row.contrast_kept.map_or_else(|| "-".into(), |kept| format!("{kept:.2}"));
        let _ = writeln!(
            text,
            "{:<13} {:<16} {:>7}  {:>14}  {:>16}  {:>19}  {:>13}",
            row.role,
            row.corruption,
            row.lesions,
            pair(row.corrupted.ssim, row.projected.ssim, 2),
            pair(row.corrupted.mse, row.projected.mse, 4),
            pair(row.corrupted.lesion_rms, row.projected.lesion_rms, 1),
            kept
        );
    }
    text.push_str("Medians against the slice as it was: spoiled -> projected.\n");
    for (what, share) in [("rims lost", &record.erased), ("rims invented in non-rims", &record.hallucinated)] {
        if let Some(share) = share {
            let percent = |value: f64| 100.0 * value;
            let (value, low, high) = (percent(share.value), percent(share.low), percent(share.high));
            let _ = writeln!(text, "{what}: {value:.0} % of {} ({low:.0} to {high:.0})", share.n);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_how_to_spoil_and_how_to_project() {
        let parse = |more: &[&str]| {
            parsed::<PerturbArgs>(&[&["--network", "n", "--data", "d", "--out", "o"], more].concat()).unwrap()
        };
        let plain = parse(&[]);
        assert_eq!((plain.lesions, plain.project.config().unwrap()), (8, ProjectConfig::default()));
        let some = parse(&["--blur", "3", "--steps", "2", "--lesions", "1"]);
        let spoil = some.spoil.config().unwrap();
        assert_eq!((spoil.blur, spoil.noise), (3.0, PerturbConfig::default().noise));
        assert_eq!((some.project.config().unwrap().steps, some.lesions), (2, 1));
    }
}

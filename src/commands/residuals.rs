//! `rimforge residuals`: how far to trust projections, and whether what they leave out tells lesions.

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
use crate::nets::class::ClassChoice;
use crate::problem::Result;
use crate::project::{FeatureSetting, ProjectConfig};
use crate::records::residuals::{AccuracyRow, Detection, Measured, ResidualsRecord};
use crate::residuals::config::Lesions;
use crate::residuals::stage::Settings as StageSettings;
use crate::residuals::{Inputs, ResidualsConfig, run_stage};
use crate::run_dir::RECORD;
use crate::settings::Settings;

/// Arguments of `rimforge residuals`.
#[derive(Args, Debug)]
pub struct ResidualsArgs {
    /// Network file, or the folder of a training run or an import.
    #[arg(long, value_name = "PATH")]
    network: PathBuf,
    /// Prepared data set with healthy images and images with lesions.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for the record, the pictures and the projections.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    settings: Options<ResidualsConfig, Typed>,
    #[command(flatten)]
    project: Projecting,
    /// Take a network that knew other data: that no test patient was among them is then your word.
    #[arg(long)]
    trust_origin: bool,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

#[derive(Args, Clone, Debug, Serialize)]
#[group(id = "residuals-settings")]
struct Typed {
    /// Classes without lesions, separated by commas (the class of interest unless told).
    #[arg(long, value_delimiter = ',')]
    healthy: Option<Vec<String>>,
    /// Classes with lesions (all others unless told).
    #[arg(long, value_delimiter = ',')]
    lesioned: Option<Vec<String>>,
    /// Lesions are below (dark, unless told) or above (bright) what is around them.
    #[arg(long, value_parser = choice::<Lesions>())]
    lesions: Option<Lesions>,
    /// The channel that is measured (the first unless told).
    #[arg(long)]
    channel: Option<String>,
    /// The channel that shows lesions (the masks unless told).
    #[arg(long)]
    truth: Option<String>,
    /// Images of each role whose agreement is measured.
    #[arg(long)]
    accuracy: Option<u64>,
    /// Healthy held-out images that are spoiled in every way.
    #[arg(long)]
    spoiled: Option<u64>,
    /// Healthy validation images that say what residual is normal; 0 tries no detector.
    #[arg(long)]
    calibration: Option<u64>,
    /// Validation images with lesions on which thresholds are chosen.
    #[arg(long)]
    validation: Option<u64>,
    /// Test images with lesions, and as many without.
    #[arg(long)]
    test: Option<u64>,
    /// Pixels at the brain's edge that are not scored.
    #[arg(long)]
    erosion: Option<u64>,
    /// Blur on every score, standard deviation in pixels.
    #[arg(long)]
    smooth: Option<f64>,
    /// Resamplings of the test patients.
    #[arg(long)]
    draws: Option<usize>,
    /// Images in the picture of lesions.
    #[arg(long)]
    shown: Option<usize>,
}

#[derive(Args, Clone, Debug)]
#[group(id = "residuals-project")]
struct Projecting {
    /// Optimiser steps of each image.
    #[arg(long)]
    steps: Option<u64>,
    /// Images optimised together.
    #[arg(long)]
    batch: Option<u64>,
    /// What distances are measured with: auto, discriminator, random-vgg, pixels, or the weights of a known net.
    #[arg(long)]
    features: Option<FeatureSetting>,
    /// Class of a conditional network that is projected into, or "estimate".
    #[arg(long)]
    condition: Option<ClassChoice>,
}

impl Projecting {
    fn config(&self) -> ProjectConfig {
        let usual = ProjectConfig::default();
        ProjectConfig {
            steps: self.steps.unwrap_or(usual.steps),
            batch: self.batch.unwrap_or(usual.batch),
            features: self.features.clone().unwrap_or(usual.features.clone()),
            condition: self.condition.clone(),
            ..usual
        }
    }
}

/// Projects, compares, detects and prints the tables.
///
/// # Errors
/// Settings that make no sense, no usable data or network, or stopped on request.
pub fn run(args: &ResidualsArgs, console: &Console) -> Result<()> {
    let config = ResidualsConfig { trust_origin: args.trust_origin, ..args.settings.config()? };
    let project = args.project.config();
    config.check()?;
    project.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let lab = Lab { engine: &engine, seed: args.seed.run_seed(), observer: console.observer()? };
    let inputs = Inputs { network: &args.network, data: &data };
    let record = run_stage(inputs, StageSettings { residuals: &config, project: &project }, &args.out, &lab)?;
    console.result(&record, || format!("{}record {}\n", table(&record), shown_path(&args.out.join(RECORD))))
}

/// What the record says, for a terminal.
pub fn table(record: &ResidualsRecord) -> String {
    let mut text = if record.simulated { "SIMULATED. ".to_owned() } else { String::new() };
    text.push_str("Projections against the images as they were; inside: without background\n");
    let _ = writeln!(
        text,
        "  {:<24} {:<16} {:>6} {:>8} {:>8} {:>9} {:>9} {:>9}",
        "images", "spoiled by", "n", "SSIM", "inside", "MSE", "inside", "lesions"
    );
    record.accuracy.iter().for_each(|row| text.push_str(&accuracy(row)));
    match &record.detection {
        Some(found) => text.push_str(&detection(found)),
        None => text.push('\n'),
    }
    text.push_str(&noted(&record.notes));
    text
}

fn accuracy(row: &AccuracyRow) -> String {
    let of = &row.projected;
    let lesions = of.mse_lesions.as_ref().map_or_else(|| "-".to_owned(), |mse| format!("{:.4}", mse.value));
    format!(
        "  {:<24} {:<16} {:>6} {:>8.3} {:>8.3} {:>9.4} {:>9.4} {lesions:>9}\n",
        row.role, row.corruption, row.images, of.ssim.value, of.ssim_inside.value, of.mse.value, of.mse_inside.value
    )
}

fn detection(found: &Detection) -> String {
    let [lesioned, healthy] = found.test;
    let mut text = format!(
        "Pixels of lesions: {lesioned} test images with lesions and {healthy} without of {} patients, prevalence \
         {:.4}\n",
        found.patients, found.prevalence
    );
    let _ = writeln!(text, "  {:<34} {:<24} {:>7} {:>7} {:>8}", "score", "AUPRC", "AUROC", "Dice", "ceiling");
    for one in &found.detectors {
        let mark = if one.baseline { "  (no generator)" } else { "" };
        let _ = writeln!(
            text,
            "  {:<34} {:<24} {:>7.3} {:>7.3} {:>8.3}{mark}",
            one.name,
            ranged(&one.auprc, 3),
            one.auroc.value,
            one.dice.value,
            one.ceiling
        );
    }
    let _ = writeln!(
        text,
        "skill: AUPRC of \"{}\" less that of the best score without generator, \"{}\": {}",
        found.judged,
        found.best_baseline,
        ranged(&found.skill, 3)
    );
    if let Some(kept) = &found.contrast_kept {
        let _ = writeln!(text, "a lesion's contrast that its projection keeps: {}", ranged(kept, 2));
    }
    text.push_str("in brackets: 95 % intervals over patients; thresholds of Dice from validation images\n");
    text
}

fn ranged(measured: &Measured, digits: usize) -> String {
    match &measured.interval {
        Some(range) => bracketed(range, digits),
        None => format!("{:.digits$}", measured.value),
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::parsed;
    use super::*;

    #[test]
    fn options_set_settings() {
        let base = ["--network", "n", "--data", "d", "--out", "o"];
        let args = parsed::<ResidualsArgs>(&base).unwrap();
        assert_eq!(args.settings.config().unwrap(), ResidualsConfig::default());
        assert_eq!(args.project.config(), ProjectConfig::default());
        let typed =
            [&base[..], &["--lesions", "bright", "--healthy", "a,b", "--steps", "7", "--condition", "a"]].concat();
        let args = parsed::<ResidualsArgs>(&typed).unwrap();
        let config = args.settings.config().unwrap();
        assert_eq!((config.lesions, config.healthy.len()), (Lesions::Bright, 2));
        assert_eq!(args.project.config().steps, 7);
    }
}

//! `rimforge classify`: one classifier per augmentation arm, compared on test lesions.

mod by_class;

use super::choices::choice;
use crate::classify::{Inputs, run_stage};
use crate::engine::Lab;
use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use crate::classify::Arm;
use crate::classify::config::{ClassifyConfig, Control, Pooling, ThresholdRule, Width};
use crate::commands::engine_args::EngineArgs;
use crate::data::Prepared;
use crate::problem::{Problem, Result};
use crate::records::Interval;
use crate::records::classify::{ArmRecord, ClassifyRecord};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;

#[derive(Args, Debug)]
pub struct ClassifyArgs {
    /// Prepared data set (`rimforge prepare`).
    #[arg(long)]
    data: PathBuf,
    /// Folder of synthetic slices (`rimforge generate --format npy`); needed by the ADA-GAN and ADA-GAN+LD arms.
    #[arg(long)]
    synthetic: Option<PathBuf>,
    /// Folder of a conditional generator's rims (`rimforge generate --class rim --format npy`); needed by the ADA-cGAN arm.
    #[arg(long)]
    conditional: Option<PathBuf>,
    /// Folder of projected contested lesions (`rimforge project`); needed by the ADA-GAN-LD and ADA-GAN+LD arms.
    #[arg(long)]
    denoised: Option<PathBuf>,
    /// True labels of a simulated cohort (derivatives/truth/truth.tsv); read for scoring only.
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Folder for the fits, the record and the figure; the same command goes on where it was stopped.
    #[arg(long)]
    out: PathBuf,
    /// Arms, separated by commas; the six of the paper unless told, which need a class of interest.
    #[arg(long, value_parser = choice::<Arm>(), value_delimiter = ',')]
    arms: Vec<Arm>,
    /// Repetitions of every arm [default: 3].
    #[arg(long)]
    seeds: Option<u64>,
    /// Passes over the None arm's slices; every arm takes as many steps [default: 25].
    #[arg(long)]
    epochs: Option<u64>,
    /// Slices in a batch [default: 64].
    #[arg(long)]
    batch: Option<u64>,
    /// Rims that each arm adds [default: 100].
    #[arg(long)]
    extra: Option<u64>,
    /// Training non-rims per agreed rim [default: 2].
    #[arg(long)]
    non_rims_per_rim: Option<f64>,
    /// Channels of the classifier [default: small].
    #[arg(long, value_parser = choice::<Width>())]
    width: Option<Width>,
    /// How slice scores become a lesion's [default: mean].
    #[arg(long, value_parser = choice::<Pooling>())]
    pooling: Option<Pooling>,
    /// How the threshold is chosen on the validation lesions [default: youden].
    #[arg(long, value_parser = choice::<ThresholdRule>())]
    threshold: Option<ThresholdRule>,
    /// Leave out projections whose rim was erased.
    #[arg(long)]
    accepted_only: bool,
    /// A run whose outcome is known, to test the machinery.
    #[arg(long, value_parser = choice::<Control>())]
    control: Option<Control>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print the record as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

impl ClassifyArgs {
    fn config(&self) -> ClassifyConfig {
        let default = ClassifyConfig::default();
        ClassifyConfig {
            arms: if self.arms.is_empty() { default.arms.clone() } else { self.arms.clone() },
            seeds: self.seeds.unwrap_or(default.seeds),
            epochs: self.epochs.unwrap_or(default.epochs),
            batch: self.batch.unwrap_or(default.batch),
            extra: self.extra.unwrap_or(default.extra),
            non_rims_per_rim: self.non_rims_per_rim.unwrap_or(default.non_rims_per_rim),
            width: self.width.unwrap_or(default.width),
            pooling: self.pooling.unwrap_or(default.pooling),
            threshold: self.threshold.unwrap_or(default.threshold),
            accepted_only: self.accepted_only,
            control: self.control,
            ..default
        }
    }
}

pub fn run(args: &ClassifyArgs) -> Result<()> {
    let config = args.config();
    config.check()?;
    let engine = args.engine.start()?;
    let data = Prepared::open(&args.data)?;
    let inputs = Inputs {
        data: &data,
        synthetic: args.synthetic.as_deref(),
        conditional: args.conditional.as_deref(),
        denoised: args.denoised.as_deref(),
        truth: args.truth.as_deref(),
    };
    let lab = Lab { engine: &engine, seed: RunSeed(args.seed), observer: &Progress::new()? };
    let record = run_stage(inputs, &config, &args.out, &lab)?;
    if args.json {
        let text = serde_json::to_string_pretty(&record).map_err(|error| {
            Problem::new(crate::problem::Kind::Internal, format!("cannot express as JSON: {error}"))
        })?;
        println!("{text}");
    } else {
        print!("{}", table(&record, data.manifest().simulated));
        println!("\nrecord {}", args.out.join(RECORD).display());
    }
    Ok(())
}

/// The arms' table with intervals, for a terminal.
pub fn table(record: &ClassifyRecord, simulated: bool) -> String {
    if !record.classes.is_empty() {
        return by_class::table(record, simulated);
    }
    const SHOWN: [&str; 5] = ["auprc", "auroc", "precision", "sensitivity", "accuracy"];
    let cell = |interval: Option<&Interval>| match interval {
        Some(i) => format!("{:.2} [{:.2}, {:.2}]", i.value, i.low, i.high),
        None => "undefined".into(),
    };
    let rows = |title: &str, of: &dyn Fn(&ArmRecord) -> &std::collections::BTreeMap<String, Interval>| -> String {
        let mut text = format!("\n{title}\n{:<22}", "arm");
        SHOWN.iter().for_each(|metric| text.push_str(&format!("{metric:<19}")));
        for arm in &record.arms {
            text.push_str(&format!("\n{:<22}", arm.name));
            SHOWN.iter().for_each(|metric| text.push_str(&format!("{:<19}", cell(of(arm).get(*metric)))));
        }
        text + "\n"
    };
    let test = &record.test;
    let simulated = if simulated { "SIMULATED. " } else { "" };
    let mut text = format!(
        "{simulated}{} test lesions of {} patients: {} rims ({:.1} %), {} contested, {} non-rims; {} steps of {} slices ({} rims), {} seeds\n",
        test.lesions,
        test.patients,
        test.rims,
        100.0 * test.prevalence,
        test.ambiguous,
        test.non_rims,
        record.optimiser_steps,
        record.batch,
        record.rims_per_batch,
        record.seeds.len()
    );
    text.push_str(&rows("against the readers' agreed label", &|arm| &arm.against_readers));
    if record.arms.iter().any(|arm| !arm.against_truth.is_empty()) {
        text.push_str(&rows("against the true label", &|arm| &arm.against_truth));
    }
    text.push_str("\nin brackets: 95 % intervals over test patients; seeds are averaged\n");
    record.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    text
}

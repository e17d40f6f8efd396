//! `rimforge classify`: one classifier per augmentation arm, compared on test lesions.

use std::path::{Path, PathBuf};

use clap::Args;
use tch::Tensor;

use super::progress::Progress;
use crate::atomic_file;
use crate::classify::compare::{self, TestLesions};
use crate::classify::config::{ClassifyConfig, Control, Pooling, ThresholdRule, Width};
use crate::classify::pool::{Extras, Pool};
use crate::classify::runs::{self, Machine, Runs};
use crate::classify::{Arm, arms, cam, extras, truth};
use crate::commands::engine_args::EngineArgs;
use crate::data::manifest::Class;
use crate::data::{Prepared, TestSlices};
use crate::engine::Engine;
use crate::nets::Network;
use crate::nets::cnn::{Cnn, SMALLEST};
use crate::observer::Observer;
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
    /// Arms, separated by commas; the six of the paper unless told.
    #[arg(long, value_enum, value_delimiter = ',')]
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
    #[arg(long, value_enum)]
    width: Option<Width>,
    /// How slice scores become a lesion's [default: mean].
    #[arg(long, value_enum)]
    pooling: Option<Pooling>,
    /// How the threshold is chosen on the validation lesions [default: youden].
    #[arg(long, value_enum)]
    threshold: Option<ThresholdRule>,
    /// Leave out projections whose rim was erased.
    #[arg(long)]
    accepted_only: bool,
    /// A run whose outcome is known, to test the machinery.
    #[arg(long, value_enum)]
    control: Option<Control>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print the record as JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// What a comparison reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub data: &'a Prepared,
    pub synthetic: Option<&'a Path>,
    pub conditional: Option<&'a Path>,
    pub denoised: Option<&'a Path>,
    pub truth: Option<&'a Path>,
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
    let record = run_stage(inputs, &args.out, &config, RunSeed(args.seed), &engine, &Progress::new()?)?;
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

/// Fits and compares all arms; leaves `record.json`, `cam.png` and the fits in `out`.
///
/// The record depends on the inputs, the settings and the seed; on the CPU not on the number of threads.
///
/// # Errors
/// Settings out of range, a source that an arm needs is missing, generated slices that may not be used here, one class only, a
/// diverged fit, a folder in use, a full disk, or stopped on request.
pub fn run_stage(
    inputs: Inputs<'_>,
    out: &Path,
    config: &ClassifyConfig,
    seed: RunSeed,
    engine: &Engine,
    observer: &dyn Observer,
) -> Result<ClassifyRecord> {
    config.check()?;
    let data = inputs.data;
    let manifest = data.manifest();
    let [_, height, width] = data.image_shape();
    if height != width || (height as i64) < SMALLEST {
        return Err(Problem::usage(format!("slices of {height} x {width} pixels"))
            .at(data.root())
            .expected(format!("square ones of at least {SMALLEST}")));
    }
    let _lock = atomic_file::lock(out.join(".lock"))?;
    let truth = inputs.truth.map(|path| truth::read(path, manifest)).transpose()?;
    let mut notes = Vec::new();
    let extras = load_extras(inputs, config, &mut notes)?;
    let pool = Pool::load(data, extras, config, seed, engine.device)?;
    let machine = Machine { device: engine.device, threads: engine.facts.threads };
    engine.set_deterministic(true);
    let runs = runs::run(data, &pool, config, seed, (out, machine), observer)?;

    let validation: Vec<u32> = pool.validation.lesions.iter().map(|group| group.lesion).collect();
    let mut validation_labels: Vec<bool> = validation.iter().map(|&at| data.lesion(at).class == Class::Rim).collect();
    if config.control == Some(Control::ShuffleLabels) {
        use rand::seq::SliceRandom;
        validation_labels.shuffle(&mut seed.stream("shuffled validation labels", 0));
    }
    let (thresholds, threshold_rule) = thresholds(&runs, &validation_labels, config, &mut notes)?;

    let lesions: Vec<u32> = pool.test.lesions.iter().map(|group| group.lesion).collect();
    let lesions = TestLesions::new(&lesions, manifest, truth.as_deref());
    observer.note("bootstrap over the test patients");
    let found = compare::compare(&runs, &thresholds, &lesions, truth.as_deref(), config, seed)?;
    let test = lesions.record();
    facts(&mut notes, config, &pool, &test);
    write_maps(&data.test(), out, config, &runs, engine, observer)?;

    let record = ClassifyRecord {
        pooling: config.pooling.description().to_owned(),
        optimiser_steps: runs.plan.steps,
        batch: config.batch,
        seeds: (0..config.seeds).collect(),
        threshold_rule,
        test,
        arms: found.arms,
        differences: found.differences,
        parameters: Cnn::new(&runs.plan.cnn, seed, tch::Device::Cpu).parameter_count(),
        extra_rims: pool.extra as u64,
        rims_per_batch: runs.arms.first().map_or(0, |arm| arm.sets[0].rims_per_batch),
        control: config.control.map(|control| control.name().to_owned()),
        notes,
    };
    atomic_file::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Reads what the asked arms need and nothing else.
fn load_extras(inputs: Inputs<'_>, config: &ClassifyConfig, notes: &mut Vec<String>) -> Result<Extras> {
    let wanted = |source: arms::Source| config.arms.iter().any(|arm| arm.needs().contains(&source));
    let mut extras = Extras::default();
    if let Some(folder) = inputs.synthetic.filter(|_| wanted(arms::Source::Synthetic)) {
        let loaded = extras::synthetic(folder, inputs.data)?;
        notes.extend(loaded.notes);
        extras.synthetic = Some(loaded.items);
    }
    if let Some(folder) = inputs.conditional.filter(|_| wanted(arms::Source::Conditional)) {
        let loaded = extras::synthetic(folder, inputs.data)?;
        notes.extend(loaded.notes);
        extras.conditional = Some(loaded.items);
    }
    // The contested arms take the slices that were projected, so that they and the denoised arms differ in nothing else.
    let contested = wanted(arms::Source::Denoised) || wanted(arms::Source::Ambiguous);
    if let Some(folder) = inputs.denoised.filter(|_| contested) {
        let loaded = extras::denoised(folder, inputs.data, config.accepted_only)?;
        notes.extend(loaded.notes);
        extras.denoised = Some(loaded.items);
    }
    Ok(extras)
}

/// One threshold per fit, from validation lesions alone; and the rule in words.
fn thresholds(
    runs: &Runs,
    labels: &[bool],
    config: &ClassifyConfig,
    notes: &mut Vec<String>,
) -> Result<(Vec<Vec<f64>>, String)> {
    let mut fixed = false;
    let mut all = Vec::new();
    for arm in &runs.arms {
        let mut own = Vec::new();
        for fit in &arm.fits {
            let chosen = config.threshold.choose(&fit.validation, labels)?;
            fixed |= chosen.is_none();
            own.push(chosen.unwrap_or(0.0));
        }
        all.push(own);
    }
    if fixed {
        notes.push("The validation side has one class only, so the threshold is the logit's zero.".into());
        return Ok((all, "Logit 0, because the validation side has one class only.".into()));
    }
    Ok((all, config.threshold.description().to_owned()))
}

fn facts(
    notes: &mut Vec<String>,
    config: &ClassifyConfig,
    pool: &Pool,
    test: &crate::records::classify::TestSetRecord,
) {
    if let Some(control) = config.control {
        notes.push(format!("CONTROL {}: these numbers test the machinery, not the arms.", control.name()));
    }
    if config.arms.iter().any(|arm| arm.adds()) && (pool.extra as u64) < config.extra {
        notes.push(format!(
            "Every arm adds {} rims instead of {}: the poorest source has no more.",
            pool.extra, config.extra
        ));
    }
    notes.push(
        "Batches draw lesions, not slices, and each batch has the None arm's share of rims: an arm changes which rims are seen, not how many."
            .into(),
    );
    notes.push("Contested training lesions are in neither class unless the arm says so. Contested test lesions count as non-rims, and are left out of the metrics whose names begin with certain.".into());
    let enriched = test.prevalence > compare::ENRICHED * config.reference_prevalence;
    if enriched {
        notes.push(format!(
            "The test set has {:.1} % rims, more than the {:.1} % of a clinical cohort; metrics whose names end in at_{:.1}_percent are reweighted to that.",
            100.0 * test.prevalence,
            100.0 * config.reference_prevalence,
            100.0 * config.reference_prevalence
        ));
    }
}

/// `cam.png`: the largest slices of a few test rims, spread over the test side, as the None arm and the denoised arm see them.
fn write_maps(
    test: &TestSlices,
    out: &Path,
    config: &ClassifyConfig,
    runs: &Runs,
    engine: &Engine,
    observer: &dyn Observer,
) -> Result<()> {
    let rims = test.of_class(Class::Rim).largest_of_each_lesion();
    let shown = config.maps.min(rims.len());
    if shown == 0 {
        observer.note("no test rim, so no class activation maps");
        return Ok(());
    }
    let shape = rims.prepared().image_shape().map(|n| n as i64);
    let mut pixels = Vec::new();
    for at in 0..shown {
        pixels.extend(rims.image(at * rims.len() / shown)?.pixels);
    }
    let slices =
        Tensor::from_slice(&pixels).view([shown as i64, shape[0], shape[1], shape[2]]).to_device(engine.device);
    let present = |arm: &Arm| config.arms.contains(arm);
    let mut chosen: Vec<Arm> = [Arm::None, Arm::AdaGanLd].into_iter().filter(present).collect();
    if chosen.is_empty() {
        chosen.push(config.arms[0]);
    }
    let load = |arm: &Arm| runs::load_network(&runs::fit_file(out, *arm, 0), &runs.plan, engine.device);
    let networks = chosen.iter().map(load).collect::<Result<Vec<_>>>()?;
    let named: Vec<(&str, &Cnn)> = chosen.iter().map(|arm| arm.name()).zip(&networks).collect();
    let simulated = rims.prepared().manifest().simulated;
    let footer = if simulated { "SIMULATED; red: for a rim" } else { "red: for a rim, blue: against" };
    let texts = [("Description", if simulated { "SIMULATED; class activation maps" } else { "class activation maps" })];
    cam::figure(&slices, &named, footer)?.write_png(out.join("cam.png"), &texts)
}

/// The arms' table with intervals, for a terminal.
pub fn table(record: &ClassifyRecord, simulated: bool) -> String {
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

//! The stage: a prepared data set and what the arms add in; scores of every arm with intervals out.

use std::path::Path;

use tch::Tensor;

use super::compare::{self, TestLesions};
use super::config::{ClassifyConfig, Control};
use super::pool::{Extras, Pool};
use super::runs::{self, Machine, Runs};
use super::{Arm, arms, cam, extras};
use crate::data::manifest::Class;
use crate::data::{Prepared, TestSlices, truth};
use crate::engine::{Engine, Lab};
use crate::files;
use crate::nets::Network;
use crate::nets::classifiers::cnn::{Cnn, SMALLEST};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::ClassifyRecord;
use crate::run_dir::RECORD;
use crate::settings::Settings;

/// What a comparison reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub data: &'a Prepared,
    pub synthetic: Option<&'a Path>,
    pub conditional: Option<&'a Path>,
    pub denoised: Option<&'a Path>,
    pub truth: Option<&'a Path>,
}

/// Fits and compares all arms; leaves `record.json`, `cam.png` and the fits in `out`.
///
/// The record depends on the inputs, the settings and the seed; on the CPU not on the number of threads.
///
/// # Errors
/// Settings out of range, a source that an arm needs is missing, generated slices that may not be used here, one class only, a
/// diverged fit, a folder in use, a full disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &ClassifyConfig, out: &Path, lab: &Lab<'_>) -> Result<ClassifyRecord> {
    let &Lab { engine, seed, observer } = lab;
    config.check()?;
    let data = inputs.data;
    let manifest = data.manifest();
    let [_, height, width] = data.image_shape();
    if height != width || (height as i64) < SMALLEST {
        return Err(Problem::usage(format!("slices of {height} x {width} pixels"))
            .at(data.root())
            .expected(format!("square ones of at least {SMALLEST}")));
    }
    let _lock = files::lock(out.join(".lock"))?;
    let truth = inputs.truth.map(|path| truth::read(path, manifest)).transpose()?;
    let mut notes = Vec::new();
    let extras = load_extras(inputs, config, &mut notes)?;
    let pool = Pool::load(data, extras, config, seed, engine.device)?;
    let machine = Machine { device: engine.device, threads: engine.facts.threads };
    engine.set_deterministic(true)?;
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
        rims_per_batch: rims_per_batch(&runs),
        control: config.control.map(|control| control.name().to_owned()),
        notes,
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Rims in every batch: the None arm's, wherever it stands; without it those of the first.
fn rims_per_batch(runs: &Runs) -> u64 {
    let none = runs.arms.iter().find(|arm| arm.arm == Arm::None);
    none.or(runs.arms.first()).map_or(0, |arm| arm.sets[0].rims_per_batch)
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

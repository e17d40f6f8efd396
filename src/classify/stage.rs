//! The stage: a prepared data set and what the arms add in; scores of every arm with intervals out.

use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use tch::Tensor;

use super::by_class::{self, TestItems};
use super::compare::{self, Comparison, Yardstick};
use super::config::{ClassifyConfig, Control};
use super::pool::Pool;
use super::runs::{self, Asked, Elsewhere, Runs, Workplace};
use super::source::{Given, Source};
use super::test_lesions::{self, TestLesions};
use super::{Arm, arms, cam, chance, external, fit_files, load, made, notes, start, weights};
use crate::data::slices::LesionSlices;
use crate::data::{Prepared, TestSlices, truth};
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::classifiers::Classifier;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::{ClassifyRecord, TestSetRecord};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::units::Ready;

/// What a comparison reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is learned from and scored on.
    pub data: &'a Prepared,
    /// Folders that `generate` wrote, one of each generator; repetitions take generators in turn.
    pub synthetic: &'a [PathBuf],
    /// Folder that `generate` wrote with a conditional generator.
    pub conditional: Option<&'a Path>,
    /// Folders that `project` wrote, of contested lesions, of the same generators.
    pub denoised: &'a [PathBuf],
    /// Folder that `project` wrote, of agreed training lesions of interest.
    pub projected_interest: Option<&'a Path>,
    /// Folder that `project` wrote, of agreed training lesions of the other class.
    pub projected_others: Option<&'a Path>,
    /// The generators that lesions were projected into, in the same order: each one's file, or the folder that it
    /// lies in.
    pub network: &'a [PathBuf],
    /// Folder that `two-sided` wrote.
    pub two_sided: Option<&'a Path>,
    /// Folder that `edit` wrote.
    pub edited: Option<&'a Path>,
    /// Table of true labels.
    pub truth: Option<&'a Path>,
    /// Another data set, of which nobody knows anything.
    pub external: Option<&'a Prepared>,
}

impl<'a> Inputs<'a> {
    pub(super) fn of(&self, given: Given) -> Option<&'a Path> {
        match given {
            Given::Synthetic => self.synthetic.first().map(PathBuf::as_path),
            Given::Conditional => self.conditional,
            Given::Denoised => self.denoised.first().map(PathBuf::as_path),
            Given::ProjectedInterest => self.projected_interest,
            Given::ProjectedOthers => self.projected_others,
            Given::Network => self.network.first().map(PathBuf::as_path),
            Given::TwoSided => self.two_sided,
            Given::Edited => self.edited,
            Given::Truth => self.truth,
        }
    }
}

/// What is scored, and on what.
#[derive(Clone, Copy)]
pub(super) struct Fits<'a> {
    pub(super) data: &'a Prepared,
    pub(super) pool: &'a Pool,
    pub(super) runs: &'a Runs,
    pub(super) config: &'a ClassifyConfig,
    pub(super) seed: RunSeed,
}

/// What the scores say.
pub(super) struct Outcome {
    pub(super) found: Comparison,
    test: TestSetRecord,
    threshold_rule: String,
}

/// Knows the stage's folders.
pub const OWNER: Owner = Owner::of("classify", unmarked);

fn written(config: &ClassifyConfig) -> Vec<String> {
    let fits = config.arms.iter().flat_map(|&arm| (0..config.seeds).map(move |seed| fit_files::name(arm, seed)));
    let made = made::FILES.map(str::to_owned);
    fits.chain([RECORD, runs::MAPS].map(str::to_owned)).chain(made).chain(weights::written(config)).collect()
}

/// A folder of a version before there were marks: with a record or with fits.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let fit = |name: &str| name.contains("-seed") && name.ends_with(".safetensors");
    let fits = files::files_in(folder, fit_files::FOLDER, fit)?;
    let known = !fits.is_empty() || files::parses::<ClassifyRecord>(&folder.join(RECORD))?;
    let known = known && files::was_locked(folder)?;
    Ok(known.then(|| fits.into_iter().chain([RECORD, runs::MAPS].map(str::to_owned)).collect()))
}

/// Fits and compares all arms; leaves `record.json`, `cam.png` and the fits in `out`.
///
/// The record depends on the inputs, the settings and the seed; on the CPU not on the number of threads.
///
/// # Errors
/// Settings out of range, an arm that does not fit the data set's classes, a source that an arm needs is missing,
/// generated slices that may not be used here, a class without training lesions, a diverged fit, a folder in use, a
/// full disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &ClassifyConfig, out: &Path, lab: &Lab<'_>) -> Result<ClassifyRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the fits that are ready ([`super::units`]).
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &ClassifyConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<ClassifyRecord> {
    let &Lab { engine, seed, observer } = lab;
    config.check()?;
    check_inputs(&inputs, config).map_err(|problem| problem.at(inputs.data.root()))?;
    let data = inputs.data;
    let folders = [inputs.conditional, inputs.projected_interest, inputs.projected_others];
    let more = [inputs.two_sided, inputs.edited];
    let of_generators = inputs.synthetic.iter().chain(inputs.denoised).chain(inputs.network).map(PathBuf::as_path);
    let read = folders
        .into_iter()
        .chain(more)
        .flatten()
        .chain(of_generators)
        .chain(inputs.truth)
        .chain([data.root()])
        .chain(inputs.external.map(Prepared::root))
        .map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write(written(config))?;
    let truth = inputs.truth.map(|path| truth::read(path, data.manifest())).transpose()?;
    let mut notes = Vec::new();
    let place = workplace(out, lab);
    engine.set_deterministic(true)?;
    let pool = pool(inputs, config, (place, truth.as_deref(), lab), &mut notes)?;
    let elsewhere = Elsewhere { ready, weight: None };
    let runs = runs::run(Asked { data, pool: &pool, config, seed }, place, (&mut claim, elsewhere), observer)?;

    notes.extend(start::told(&runs.plan.classifier, config.weights.as_deref()));
    let fits = Fits { data, pool: &pool, runs: &runs, config, seed };
    let outcome = match data.classes().of_interest {
        Some(_) => fits.against_the_other(truth.as_deref(), &mut notes, observer)?,
        None => fits.against_the_rest(observer)?,
    };
    let weights = weights::curve(&fits, truth.as_deref(), place, (&mut claim, ready), observer)?;
    notes::facts(&mut notes, config, &pool, &outcome.test, data.classes());
    notes.extend(chance::warning(config, &outcome.found.arms));
    let score = |set: &Prepared| external::score(set, (data, &pool, &runs), config, (place, seed), observer);
    let external = inputs.external.map(score).transpose()?;
    let record = ClassifyRecord { weights, external, ..fits.record(outcome, notes) };
    let before = files::read_note::<ClassifyRecord>(out.join(RECORD))?;
    if before.is_some_and(|before| before != record) {
        files::remove(&out.join(RECORD))?;
    }
    fits.write_maps(&data.test(), place, observer)?;
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// Where fits are made and kept.
pub(super) fn workplace<'a>(out: &'a Path, lab: &Lab<'a>) -> Workplace<'a> {
    let engine = lab.engine;
    Workplace { out, device: engine.device, place: &engine.place, threads: engine.facts.threads }
}

/// All slices that fits see or are scored on; `notes` are told what a reader should know of them.
pub(super) fn pool(
    inputs: Inputs<'_>,
    config: &ClassifyConfig,
    (place, truth, lab): (Workplace<'_>, Option<&[bool]>, &Lab<'_>),
    notes: &mut Vec<String>,
) -> Result<Pool> {
    let mut extras = load::extras(inputs, config, place.device, notes, lab.observer)?;
    // The one arm that learns from it is a control, and says so.
    extras.truth = truth.map(<[bool]>::to_vec).filter(|_| arms::sources(&config.arms).contains(&Source::Oracle));
    let (pool, said) = Pool::load(inputs.data, &extras, config, lab.seed, place, lab.observer)?;
    notes.extend(said);
    Ok(pool)
}

/// Refuses a data set that the classifier or an arm cannot take.
pub(super) fn check_inputs(inputs: &Inputs<'_>, config: &ClassifyConfig) -> Result<()> {
    let data = inputs.data;
    inputs.external.map(|set| external::require(set, data, config)).transpose()?;
    require_generators(inputs, config)?;
    let [channels, height, width] = data.image_shape();
    let classifier = config.classifier(channels, height);
    let smallest = classifier.smallest_side();
    if height != width || (height as i64) < smallest {
        let expected = format!("square ones of at least {smallest}: {} takes no others", classifier.title());
        return Err(Problem::usage(format!("slices of {height} x {width} pixels")).expected(expected));
    }
    config.arms.iter().try_for_each(|arm| arm.fits(data.classes()))?;
    for arm in &config.arms {
        let asked = arm.needs().iter().flat_map(|source| source.asks_for());
        if let Some(given) = asked.copied().find(|given| inputs.of(*given).is_none()) {
            return Err(given.lacking(*arm));
        }
        let voted =
            || data.manifest().lesions.iter().all(|lesion| lesion.reader1.is_some() && lesion.reader2.is_some());
        if arm.needs().contains(&Source::Posterior) && !voted() {
            return Err(Problem::usage(format!("arm {} with lesions that two readers did not vote on", arm.name()))
                .expected("both readers' votes for every lesion of the data set")
                .advice(format!("leave \"{}\" out of classify.arms (--arms)", arm.key())));
        }
    }
    if inputs.truth.is_some() && data.classes().of_interest.is_none() {
        return Err(
            Problem::usage("true labels (--truth) for a data set without a class of interest").advice("leave them out")
        );
    }
    Ok(())
}

/// Refuses folders that are not of as many generators, or of more than there are repetitions.
fn require_generators(inputs: &Inputs<'_>, config: &ClassifyConfig) -> Result<()> {
    let given = [inputs.synthetic, inputs.denoised, inputs.network].map(<[PathBuf]>::len);
    let generators = given.into_iter().max().unwrap_or_default();
    if given.iter().any(|count| ![0, generators].contains(count)) {
        let [synthetic, denoised, network] = given;
        return Err(Problem::usage(format!(
            "--synthetic {synthetic} times, --denoised {denoised} times, --network {network} times"
        ))
        .expected("the same generators in the same order")
        .advice("give each of them once for each generator, or not at all"));
    }
    if generators > 1 && inputs.data.classes().of_interest.is_none() {
        return Err(Problem::usage(format!("{generators} generators for a data set without a class of interest"))
            .expected("one: the comparison of several classes has no intervals over generators")
            .advice("give one generator's images"));
    }
    if generators as u64 > config.seeds {
        return Err(Problem::usage(format!("{generators} generators for {} repetitions", config.seeds))
            .expected("at least a repetition for each generator: repetitions take them in turn")
            .advice("set classify.seeds (--seeds) to twice as many, to tell a generator's chance from a fit's"));
    }
    if generators > 1 && config.accepted_only {
        return Err(Problem::usage(format!("only accepted projections of {generators} generators"))
            .expected("one generator: each erases the rims of other lesions, and lesions must be the same")
            .advice("leave out classify.accepted_only (--accepted-only), or give one generator"));
    }
    Ok(())
}

/// Rims in every batch: the None arm's, wherever it stands; without it those of the first.
fn rims_per_batch(runs: &Runs) -> u64 {
    let none = runs.arms.iter().find(|arm| arm.arm == Arm::None);
    none.or(runs.arms.first()).map_or(0, |arm| arm.sets[0].interest_per_batch())
}

impl Fits<'_> {
    fn record(&self, outcome: Outcome, notes: Vec<String>) -> ClassifyRecord {
        let &Self { data, pool, runs, config, seed } = self;
        let Outcome { found, test, threshold_rule } = outcome;
        let none_of_interest = data.classes().of_interest.is_none();
        ClassifyRecord {
            pooling: config.pooling.description(data.classes()),
            optimiser_steps: runs.plan.steps,
            batch: config.batch,
            seeds: (0..config.seeds).collect(),
            threshold_rule,
            test,
            arms: found.arms,
            differences: found.differences,
            parameters: runs.plan.classifier.build(seed, tch::Device::Cpu).parameter_count(),
            extra_rims: pool.extra as u64,
            rims_per_batch: rims_per_batch(runs),
            control: config.control.map(|control| control.name().to_owned()),
            notes,
            classes: if none_of_interest { data.classes().names.clone() } else { vec![] },
            computed_with: runs.computed_with.clone(),
            evidence: found.evidence,
            fits: runs.files.clone(),
            data_sha256: Some(data.sha256().to_owned()),
            weights: vec![],
            made: pool.made.clone(),
            external: None,
            generators: runs.arms.iter().map(|arm| arm.generators as u64).max().unwrap_or(1),
        }
    }

    /// The class of interest against the other, at thresholds of the validation side.
    pub(super) fn against_the_other(
        &self,
        truth: Option<&[bool]>,
        notes: &mut Vec<String>,
        observer: &dyn Observer,
    ) -> Result<Outcome> {
        let &Self { data, pool, runs, config, seed } = self;
        let manifest = data.manifest();
        let of_interest = |group: &LesionSlices| test_lesions::label(data.lesion(group.lesion), manifest) == Some(true);
        let mut labels: Vec<bool> = pool.validation.lesions.iter().map(of_interest).collect();
        if config.control == Some(Control::ShuffleLabels) {
            labels.shuffle(&mut seed.stream("shuffled validation labels", 0));
        }
        let (thresholds, threshold_rule) = self.thresholds(&labels, notes)?;
        let lesions = TestLesions::new(&self.test_lesions(), manifest, truth);
        observer.note("bootstrap over the test patients");
        let material = &pool.material;
        let others: usize = material.classes.iter().map(Vec::len).sum::<usize>() - material.of_interest().len();
        let kept = material.others_count(config.non_rims_per_rim) as f64 / others.max(1) as f64;
        let yardstick = Yardstick { lesions: &lesions, truth, log_kept: kept.ln() };
        let found = compare::compare(runs, &thresholds, yardstick, config, seed)?;
        Ok(Outcome { found, test: lesions.record(), threshold_rule })
    }

    /// Every class against the rest.
    fn against_the_rest(&self, observer: &dyn Observer) -> Result<Outcome> {
        let test = TestItems::new(&self.test_lesions(), self.data.manifest());
        observer.note("bootstrap over the test groups");
        let found = by_class::compare(self.runs, &test, self.config, self.seed)?;
        let threshold_rule = "None: the answer is the class with the highest score, the first of equals.".into();
        Ok(Outcome { found, test: test.record(), threshold_rule })
    }

    /// Indices into the manifest, in the order of the scores.
    fn test_lesions(&self) -> Vec<u32> {
        self.pool.test.lesions.iter().map(|group| group.lesion).collect()
    }

    /// One threshold per fit, from validation lesions alone (`labels`: of interest); and the rule in words.
    fn thresholds(&self, labels: &[bool], notes: &mut Vec<String>) -> Result<(Vec<Vec<f64>>, String)> {
        let rule = self.config.threshold;
        let mut fixed = false;
        let mut all = Vec::new();
        for arm in &self.runs.arms {
            let mut own = Vec::new();
            for fit in &arm.fits {
                let chosen = rule.choose(&fit.validation[0], labels)?;
                fixed |= chosen.is_none();
                own.push(chosen.unwrap_or(0.0));
            }
            all.push(own);
        }
        if fixed {
            notes.push("The validation side has one class only, so the threshold is the logit's zero.".into());
            return Ok((all, "Logit 0, because the validation side has one class only.".into()));
        }
        Ok((all, rule.description().to_owned()))
    }

    /// `cam.png`: the largest slices of a few test lesions (of interest, or of every class), spread over the test side,
    /// as the None arm and the denoised arm see them.
    fn write_maps(&self, test: &TestSlices, place: Workplace<'_>, observer: &dyn Observer) -> Result<()> {
        let (data, config) = (self.data, self.config);
        let interest = data.classes().of_interest.as_ref();
        let wanted = test.filter(|lesion| match interest {
            Some(class) => lesion.class == *class,
            None => data.class_of(lesion).is_some(),
        });
        let wanted = wanted.largest_of_each_lesion();
        let count = config.maps.min(wanted.len());
        let name = interest.map_or("lesion", |class| class.name());
        if count == 0 {
            observer.note(&format!("no test {name}, so no class activation maps"));
            return files::remove(&place.out.join(runs::MAPS));
        }
        let shape = data.image_shape().map(|n| n as i64);
        let (mut pixels, mut classes) = (Vec::new(), Vec::new());
        for at in (0..count).map(|at| at * wanted.len() / count) {
            pixels.extend(wanted.image(at)?.pixels);
            classes.extend(data.class_of(wanted.entry(at).1).map(|class| class as i64));
        }
        let slices =
            Tensor::from_slice(&pixels).view([count as i64, shape[0], shape[1], shape[2]]).to_device(place.device);
        let present = |arm: &Arm| config.arms.contains(arm);
        let mut chosen: Vec<Arm> = [Arm::None, Arm::AdaGanLd].into_iter().filter(present).collect();
        if chosen.is_empty() {
            chosen.push(config.arms[0]);
        }
        let load =
            |arm: &Arm| fit_files::load_network(&fit_files::path(place.out, *arm, 0), &self.runs.plan, place.device);
        let networks = chosen.iter().map(load).collect::<Result<Vec<_>>>()?;
        let named: Vec<(&str, &dyn Classifier)> =
            chosen.iter().zip(&networks).map(|(arm, network)| (arm.name(), network.as_ref())).collect();
        let speaks_for = interest.map_or_else(|| "its class".to_owned(), |class| format!("a {class}"));
        let simulated = data.manifest().simulated;
        let footer = if simulated {
            format!("SIMULATED; red: for {speaks_for}")
        } else {
            format!("red: for {speaks_for}, blue: against")
        };
        let heading = format!("test {name}");
        let texts =
            [("Description", if simulated { "SIMULATED; class activation maps" } else { "class activation maps" })];
        let shown = cam::Shown { slices: &slices, classes: &classes, heading: &heading, footer: &footer };
        cam::figure(&shown, &named)?.write_png(place.out.join(runs::MAPS), &texts)
    }
}

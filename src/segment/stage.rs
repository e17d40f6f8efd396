//! The stage: a prepared data set with a traced contrast, and pairs that arms add in; what every arm's masks of the
//! held-out lesions are worth out.

use std::path::Path;

use super::arms::Arm;
use super::ceiling::readers_dice;
use super::compare::{compare, dice_by_seed, measures};
use super::config::SegmentConfig;
use super::figure;
use super::fit::Plan;
use super::judge::{self, HeldLesion, diagonal};
use super::kept::{self, Fits};
use super::material::{Channels, Learnt};
use super::runs::{self, Work};
use crate::classify::drawn;
use crate::classify::extras::Extras;
use crate::classify::pool::Pool;
use crate::classify::projected::{self, Wanted};
use crate::classify::runs::Workplace;
use crate::classify::source::Source;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::Network;
use crate::nets::segmenters::UNet;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::segment::{SegmentRecord, SegmentedArm, SegmentedTest};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::units::{Ready, Share, Unit};

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is learned from and measured on: the contrast "rim" and at least one other.
    pub data: &'a Prepared,
    /// Folder that `generate` wrote with a network of the data set's contrasts.
    pub synthetic: Option<&'a Path>,
    /// Folder that `project` wrote, of contested lesions in all contrasts.
    pub denoised: Option<&'a Path>,
    /// The cohort that the data set was prepared from, for the readers' own agreement.
    pub cohort: Option<&'a Path>,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("segment", |_| Ok(None));

/// Name of the figure.
pub const PICTURE: &str = "rims.png";

fn written(config: &SegmentConfig) -> Vec<String> {
    let fits = config.arms.iter().flat_map(|&arm| (0..config.seeds).map(move |seed| runs::fit_name(arm, seed)));
    fits.chain([RECORD, PICTURE].map(str::to_owned)).collect()
}

/// Fits and compares all arms; leaves `record.json`, `rims.png` and the fits in `out`.
///
/// The record depends on the inputs, the settings and the seed; on the CPU not on the number of threads.
///
/// # Errors
/// Settings out of range, a data set without traced rims, an arm without its material, images that may not be used
/// here, no held-out rim with a traced mask, a diverged fit, a folder in use, a full disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &SegmentConfig, out: &Path, lab: &Lab<'_>) -> Result<SegmentRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the fits that are ready: the units of [`run_share`].
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &SegmentConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<SegmentRecord> {
    done(inputs, config, (out, Fits::All(ready)), lab)?
        .ok_or_else(|| Problem::new(Kind::Internal, "all fits were to be done"))
}

/// The units of the stage: one fit each, of an arm in a repetition; they follow from the settings alone.
pub fn units(config: &SegmentConfig) -> Vec<Unit> {
    let of_arm = |arm: &Arm| (0..config.seeds).map(|seed| Unit::new(kept::unit(&arm.key(), seed))).collect::<Vec<_>>();
    config.arms.iter().flat_map(of_arm).collect()
}

/// Makes a share of the fits of [`run_with`].
///
/// # Errors
/// As [`run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: &SegmentConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
    config.check()?;
    let to_do = kept::to_do(share, &units(config))?;
    if to_do.is_empty() {
        return Ok(());
    }
    let workplace = share.workplace()?;
    done(inputs, config, (workplace.path(), Fits::Units(share, &to_do)), lab).map(drop)
}

/// Fits, and compares where all fits are done.
fn done(
    inputs: Inputs<'_>,
    config: &SegmentConfig,
    (out, fits): (&Path, Fits<'_>),
    lab: &Lab<'_>,
) -> Result<Option<SegmentRecord>> {
    let &Lab { engine, seed, observer } = lab;
    config.check()?;
    let data = inputs.data;
    let channels = Channels::of(data)?;
    check_arms(&inputs, config)?;
    let folders = [inputs.synthetic, inputs.denoised, inputs.cohort].into_iter().flatten();
    let read = folders.chain([data.root()]).map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write(written(config))?;
    let mut notes = Vec::new();
    let extras = load_extras(inputs, config, &mut notes, observer)?;
    let place = Workplace { out, device: engine.device, place: &engine.place, threads: engine.facts.threads };
    engine.set_deterministic(true)?;
    let (pool, said) = Pool::load(data, &extras, &config.of_classifiers(), seed, place, observer)?;
    notes.extend(said);
    let (learnt, held, said) = Learnt::new(data, &channels, pool)?;
    notes.extend(said);
    let lesions = judge::lesions(data, &held, config)?;
    let test = tested(data, &lesions);
    if test.traced == 0 {
        return Err(Problem::input(data.root(), "no held-out rim with a traced mask")
            .expected("at least one agreed rim of the test side in whose own slices something is traced")
            .advice("prepare more data, or another split seed"));
    }
    let plan = Plan {
        network: config.width.network(channels.image.len() as i64),
        steps: config.steps,
        batch: config.batch,
        learning_rate: config.learning_rate,
        extra_weight: config.extra_weight,
    };
    let work = Work { data, learnt: &learnt, held: &held, lesions: &lesions, config, plan: &plan };
    let Some((runs, computed_with)) = runs::run(work, seed, (place, fits), observer)? else { return Ok(None) };
    observer.note("bootstrap over the test patients");
    let reference = config.arms.iter().position(|arm| *arm == Arm::Real);
    let numbers = compare(&runs, reference, &lesions, data, (config, seed))?;
    let readers_dice = match inputs.cohort {
        Some(cohort) => readers_dice(cohort, data, &lesions, (config, seed))?,
        None => None,
    };
    facts(&mut notes, config, &test, &lesions);
    let names = |at: &i64| data.contrasts()[*at as usize].name.to_string();
    let contrasts: Vec<String> = channels.image.iter().map(names).collect();
    let arm = |(run, (measures, differences)): (&runs::ArmRuns, _)| SegmentedArm {
        key: run.arm.key(),
        name: run.arm.name().into(),
        about: run.arm.about().into(),
        lesions: run.set.lesions_text(data.classes()),
        measures,
        differences,
        dice_by_seed: dice_by_seed(run),
    };
    let record = SegmentRecord {
        simulated: data.manifest().simulated,
        data_sha256: data.sha256().to_owned(),
        seed: seed.0,
        contrasts,
        parameters: UNet::new(&plan.network, RunSeed(0), tch::Device::Cpu).parameter_count(),
        steps: plan.steps,
        batch: plan.batch,
        seeds: config.seeds,
        test,
        measures: measures(config, diagonal(data)),
        arms: runs.iter().zip(numbers).map(arm).collect(),
        readers_dice,
        notes,
        computed_with,
    };
    let before = files::read_note::<SegmentRecord>(out.join(RECORD))?;
    if before.is_some_and(|before| before != record) {
        files::remove(&out.join(RECORD))?;
    }
    picture(work, &record.contrasts, place)?;
    files::write_json(out.join(RECORD), &record)?;
    Ok(Some(record))
}

/// Refuses an arm that is not given what it adds.
fn check_arms(inputs: &Inputs<'_>, config: &SegmentConfig) -> Result<()> {
    for arm in &config.arms {
        for source in arm.sources() {
            let (given, what, option) = match source {
                Source::Denoised => (inputs.denoised, "projections of contested lesions", "--denoised"),
                _ => (inputs.synthetic, "drawn pairs of image and mask", "--synthetic"),
            };
            if given.is_none() {
                return Err(Problem::usage(format!("arm \"{}\" without {what}", arm.key())).advice(format!(
                    "give the folder of them ({option}), or leave \"{}\" out of segment.arms (--arms)",
                    arm.key()
                )));
            }
        }
    }
    Ok(())
}

/// Reads what the asked arms need and nothing else.
fn load_extras(
    inputs: Inputs<'_>,
    config: &SegmentConfig,
    notes: &mut Vec<String>,
    observer: &dyn Observer,
) -> Result<Extras> {
    let data = inputs.data;
    let needed = |source: Source| config.arms.iter().any(|arm| arm.sources().contains(&source));
    let mut extras = Extras::default();
    if let Some(folder) = inputs.synthetic.filter(|_| needed(Source::Synthetic)) {
        extras.synthetic = vec![drawn::synthetic(folder, data, config.trust_origin, observer)?.noted(notes)];
    }
    if let Some(folder) = inputs.denoised.filter(|_| needed(Source::Denoised)) {
        let read = projected::projected(folder, data, (Wanted::Contested, true), &config.of_classifiers())?;
        extras.denoised = vec![read.noted(notes)];
    }
    Ok(extras)
}

fn tested(data: &Prepared, lesions: &[HeldLesion]) -> SegmentedTest {
    let patients = |keep: &dyn Fn(&HeldLesion) -> bool| {
        let kept = lesions.iter().filter(|lesion| keep(lesion)).map(|lesion| &data.lesion(lesion.lesion).patient);
        kept.collect::<std::collections::BTreeSet<_>>().len() as u64
    };
    let count = |keep: &dyn Fn(&HeldLesion) -> bool| lesions.iter().filter(|lesion| keep(lesion)).count() as u64;
    SegmentedTest {
        patients: patients(&|_| true),
        rims: count(&|lesion| lesion.of_interest),
        traced: count(&HeldLesion::is_traced),
        traced_patients: patients(&HeldLesion::is_traced),
        rim_free: count(&|lesion| !lesion.of_interest),
    }
}

/// What a reader of the numbers should know.
fn facts(notes: &mut Vec<String>, config: &SegmentConfig, test: &SegmentedTest, lesions: &[HeldLesion]) {
    notes.push(format!(
        "The mask is the map of traced rims at one half or more; a lesion's rim is looked for in its own mask and {} \
         mm around it. Contested test lesions are left out.",
        config.margin_mm
    ));
    if test.traced < test.rims {
        notes.push(format!(
            "{} of {} held-out rims have no traced mask: they count as rims for detection and have no overlap.",
            test.rims - test.traced,
            test.rims
        ));
    }
    if config.seeds == 1 {
        notes.push(
            "One fit an arm: how differently another would come out is not known, and no interval holds it.".into(),
        );
    }
    if test.traced_patients == 1 {
        notes.push("One patient alone has traced rims on the test side: overlap has no interval.".into());
    }
    let odd = lesions.iter().filter(|lesion| !lesion.of_interest && lesion.reference.contains(&true)).count();
    if odd > 0 {
        notes.push(format!(
            "In {odd} lesions that both readers call rim-free something is traced; for detection the readers' word \
             counts."
        ));
    }
}

/// Draws the figure with the networks of the first repetition.
fn picture(work: Work<'_>, contrasts: &[String], place: Workplace<'_>) -> Result<()> {
    let Work { data, held, lesions, config, plan, .. } = work;
    let chosen = figure::choice(lesions, data, config.shown);
    if chosen.is_empty() {
        return files::remove(&place.out.join(PICTURE));
    }
    let rows: Vec<figure::Row> = chosen.into_iter().map(figure::Row::of).collect();
    let mut arms = Vec::new();
    for &arm in &config.arms {
        let network = runs::load(place.out, arm, plan, place.device)?;
        arms.push((arm.name(), judge::predicted(&network, &held.images)?));
    }
    let footer = if data.manifest().simulated { "SIMULATED; " } else { "" };
    let footer = format!("{footer}yellow: traced, blue: found; the last row has no rim");
    let contrasts: Vec<&str> = contrasts.iter().map(String::as_str).collect();
    let texts = [("Description", footer.as_str())];
    figure::figure(&rows, &held.images, &contrasts, &arms, &footer)?.write_png(place.out.join(PICTURE), &texts)
}

//! The stage: a prepared data set with regions of tumours in two populations, and pairs drawn of the rare one in; what
//! every arm's labels of the held-out patients are worth out.

use std::collections::BTreeMap;
use std::path::Path;

use super::arms::Arm;
use super::compare::compare;
use super::config::TumoursConfig;
use super::figure;
use super::judge::{self, shows};
use super::material::{Channels, Held, HeldPatient, Learnt};
use super::populations::{self, PREPARE, population};
use super::regions::{LABELS, Region};
use super::runs::{self, ArmRuns, Work};
use crate::classify::labelled::{self, Kind, Labelled};
use crate::classify::runs::Workplace;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::Network;
use crate::nets::segmenters::{UNet, UNetConfig};
use crate::observer::Observer;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::tumours::{Group, TumourArm, TumourRegion, TumourSlices, TumourTest, TumoursRecord};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::segment::fit::Plan;
use crate::segment::kept::{self, Fits};
use crate::settings::Settings;
use crate::units::{Ready, Share, Unit};

/// What the stage reads.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What is learned from and measured on: images with a map of regions, classes that name populations.
    pub data: &'a Prepared,
    /// Folder that `generate` wrote with a network of this data set, each class in turn.
    pub synthetic: Option<&'a Path>,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("tumours", |_| Ok(None));

/// Name of the figure.
pub const PICTURE: &str = "tumours.png";

fn written(config: &TumoursConfig) -> Vec<String> {
    let fits = config.arms.iter().flat_map(|&arm| (0..config.seeds).map(move |seed| runs::fit_name(arm, seed)));
    fits.chain([RECORD, PICTURE].map(str::to_owned)).collect()
}

/// Fits and compares all arms; leaves `record.json`, `tumours.png` and the fits in `out`.
///
/// The record depends on the inputs, the settings and the seed; on the CPU not on the number of threads.
///
/// # Errors
/// Settings out of range, a data set without regions, images or two populations, an arm without its material, pairs
/// that may not be used here, no held-out patient of the rare population, a diverged fit, a folder in use, a full
/// disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &TumoursConfig, out: &Path, lab: &Lab<'_>) -> Result<TumoursRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the fits that are ready: the units of [`run_share`].
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &TumoursConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<TumoursRecord> {
    done(inputs, config, (out, Fits::All(ready)), lab)?
        .ok_or_else(|| Problem::new(ProblemKind::Internal, "all fits were to be done"))
}

/// The units of the stage: one fit each, of an arm in a repetition; they follow from the settings alone.
pub fn units(config: &TumoursConfig) -> Vec<Unit> {
    let of_arm = |arm: &Arm| (0..config.seeds).map(|seed| Unit::new(kept::unit(&arm.key(), seed))).collect::<Vec<_>>();
    config.arms.iter().flat_map(of_arm).collect()
}

/// Makes a share of the fits of [`run_with`].
///
/// # Errors
/// As [`run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: &TumoursConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
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
    config: &TumoursConfig,
    (out, fits): (&Path, Fits<'_>),
    lab: &Lab<'_>,
) -> Result<Option<TumoursRecord>> {
    let &Lab { engine, seed, observer } = lab;
    config.check()?;
    let data = inputs.data;
    let channels = Channels::of(data)?;
    let frequent = populations::frequent(data, &config.rare)?;
    check_arms(&inputs, config)?;
    let read = [inputs.synthetic, Some(data.root())].into_iter().flatten().map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write(written(config))?;
    let mut notes = Vec::new();
    let drawn = drawn(inputs, config, &mut notes, observer)?;
    let place = Workplace { out, device: engine.device, place: &engine.place, threads: engine.facts.threads };
    engine.set_deterministic(true)?;
    let (learnt, held) = Learnt::load(data, &channels, &drawn, (&config.rare, engine.device))?;
    check_slices(data, config, &learnt, &held)?;
    let plan = Plan {
        network: UNetConfig { outputs: LABELS as i64, ..config.width.network(channels.image.len() as i64) },
        steps: config.steps,
        batch: config.batch,
        learning_rate: config.learning_rate,
        extra_weight: config.extra_weight,
    };
    let work = Work { learnt: &learnt, held: &held, config, plan: &plan };
    let Some((runs, computed_with)) = runs::run(work, seed, (place, fits), observer)? else { return Ok(None) };
    observer.note("bootstrap over the test patients");
    let reference = config.arms.iter().position(|arm| *arm == Arm::Frequent);
    let groups = compare(&runs, reference, &held.patients, (config, seed));
    facts(&mut notes, config, &learnt, &held)?;
    let name = |at: &i64| data.contrasts()[*at as usize].name.to_string();
    let arm = |(run, groups): (&ArmRuns, _)| TumourArm {
        key: run.arm.key(),
        name: run.arm.name().into(),
        about: run.arm.about().into(),
        learns: learns(run, &learnt),
        groups,
    };
    let region =
        |region: Region| TumourRegion { key: region.key(), name: region.name().into(), about: region.about().into() };
    let record = TumoursRecord {
        simulated: data.manifest().simulated,
        data_sha256: data.sha256().to_owned(),
        seed: seed.0,
        rare: config.rare.clone(),
        frequent,
        contrasts: channels.image.iter().map(name).collect(),
        parameters: UNet::new(&plan.network, RunSeed(0), tch::Device::Cpu).parameter_count(),
        steps: plan.steps,
        batch: plan.batch,
        extra_weight: plan.extra_weight,
        seeds: config.seeds,
        test: tested(&held),
        regions: Region::ALL.map(region).into(),
        arms: runs.iter().zip(groups).map(arm).collect(),
        notes,
        computed_with,
    };
    let before = files::read_note::<TumoursRecord>(out.join(RECORD))?;
    if before.is_some_and(|before| before != record) {
        files::remove(&out.join(RECORD))?;
    }
    picture(work, &record, place)?;
    files::write_json(out.join(RECORD), &record)?;
    Ok(Some(record))
}

/// Refuses an arm that is not given what it adds.
fn check_arms(inputs: &Inputs<'_>, config: &TumoursConfig) -> Result<()> {
    match config.arms.iter().find(|arm| arm.takes_drawn() && inputs.synthetic.is_none()) {
        Some(arm) => Err(Problem::usage(format!("arm \"{}\" without drawn pairs", arm.key())).advice(format!(
            "give the folder of `rimforge generate --class each` (--synthetic), or leave \"{}\" out of tumours.arms \
             (--arms)",
            arm.key()
        ))),
        None => Ok(()),
    }
}

/// The drawn pairs of the rare population, where an arm asks for them.
fn drawn(
    inputs: Inputs<'_>,
    config: &TumoursConfig,
    notes: &mut Vec<String>,
    observer: &dyn Observer,
) -> Result<Vec<Labelled>> {
    let asked = config.arms.iter().any(|arm| arm.takes_drawn());
    let Some(folder) = inputs.synthetic.filter(|_| asked) else { return Ok(vec![]) };
    let data = inputs.data;
    let all = labelled::read(folder, data, Kind::Drawn, config.trust_origin, observer)?.noted(notes);
    let count = all.len();
    let of_rare = |pair: &Labelled| population(&data.classes().names[pair.class]) == Some(config.rare.as_str());
    let drawn: Vec<Labelled> = all.into_iter().filter(of_rare).collect();
    if drawn.is_empty() {
        return Err(Problem::input(folder.join(RECORD), format!("none of {count} drawn pairs is of {}", config.rare))
            .expected(format!("pairs whose class ends in -{}", config.rare))
            .advice("draw each class in turn (`rimforge generate --class each`) with more seeds"));
    }
    Ok(drawn)
}

/// Refuses a side of the split that lacks what an arm or the measures need.
fn check_slices(data: &Prepared, config: &TumoursConfig, learnt: &Learnt, held: &Held) -> Result<()> {
    let lacking = |found: String| Err(Problem::input(data.root(), found).advice(PREPARE));
    if config.arms.iter().any(|arm| arm.takes_frequent()) && learnt.frequent.is_empty() {
        return lacking(format!("no training slice of a population beside {}", config.rare));
    }
    if config.arms.iter().any(|arm| arm.takes_rare()) && learnt.rare.is_empty() {
        return lacking(format!("no training slice of {}, and arms that take them", config.rare));
    }
    let measured = |patient: &HeldPatient| patient.rare && shows(patient, Region::Whole, held);
    if !held.patients.iter().any(measured) {
        return lacking(format!("no test patient of {} with a tumour", config.rare));
    }
    Ok(())
}

fn learns(run: &ArmRuns, learnt: &Learnt) -> TumourSlices {
    let count = |rows: &[u32], of: bool| if of { rows.len() as u64 } else { 0 };
    let drawn = if run.arm.takes_frequent() { &run.set.added } else { &run.set.real };
    TumourSlices {
        frequent: count(&learnt.frequent, run.arm.takes_frequent()),
        rare: count(&learnt.rare, run.arm.takes_rare()),
        drawn: count(drawn, run.arm.takes_drawn()),
    }
}

fn tested(held: &Held) -> BTreeMap<Group, TumourTest> {
    let of = |group: Group| {
        let own: Vec<&HeldPatient> =
            held.patients.iter().filter(|patient| patient.rare == (group == Group::Rare)).collect();
        let without = |region: Region| own.iter().filter(|patient| !shows(patient, region, held)).count() as u64;
        let test = TumourTest {
            patients: own.len() as u64,
            slices: own.iter().map(|patient| patient.rows.len() as u64).sum(),
            without: Region::ALL.map(|region| (region.key(), without(region))).into(),
        };
        (test.patients > 0).then_some((group, test))
    };
    Group::ALL.into_iter().filter_map(of).collect()
}

/// What a reader of the numbers should know.
fn facts(notes: &mut Vec<String>, config: &TumoursConfig, learnt: &Learnt, held: &Held) -> Result<()> {
    notes.push(
        "Dice of a patient is over all of its slices together, as `prepare` cut them: a voxel counts once in each \
         plane that shows it, at the slices' resolution, and what lies outside of them does not count. It is not the \
         Dice of a BraTS ranking."
            .into(),
    );
    if let Some(least) = held.patients.iter().filter(|patient| patient.rare).map(|patient| patient.rows.len()).min() {
        let patients = held.patients.iter().filter(|patient| patient.rare).count();
        if patients < 5 {
            notes.push(match patients {
                1 => format!("One test patient of {} alone ({least} slices): no interval.", config.rare),
                _ => format!(
                    "{patients} test patients of {} alone ({least} slices or more each): their intervals are wide.",
                    config.rare
                ),
            });
        }
    }
    if !held.patients.iter().any(|patient| !patient.rare) {
        notes.push(format!("No test patient of a population beside {}.", config.rare));
    }
    if config.arms.iter().any(|arm| arm.takes_drawn()) {
        let (count, empty) = (learnt.drawn.len(), learnt.empty_drawn()?);
        notes.push(format!(
            "{count} drawn pairs are of {}; a repetition takes {} of them. {empty} of them show no region; a drawn map \
             is read as the nearest of its four levels.",
            config.rare,
            config.extra.min(count as u64)
        ));
    }
    if config.seeds == 1 {
        notes.push(
            "One fit an arm: how differently another would come out is not known, and no interval holds it.".into(),
        );
    }
    Ok(())
}

/// Draws the figure with the networks of the first repetition.
fn picture(work: Work<'_>, record: &TumoursRecord, place: Workplace<'_>) -> Result<()> {
    let Work { held, config, plan, .. } = work;
    let rows = figure::choice(held, config.shown);
    if rows.is_empty() {
        return files::remove(&place.out.join(PICTURE));
    }
    let numbers: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let shown = held.images.index_select(0, &tch::Tensor::from_slice(&numbers).to_device(place.device));
    let mut arms = Vec::new();
    for &arm in &config.arms {
        let network = runs::load(place.out, arm, plan, place.device)?;
        arms.push((arm.name(), judge::predicted(&network, &shown)?));
    }
    let simulated = if record.simulated { "SIMULATED; " } else { "" };
    let footer = format!("{simulated}test slices of {}; {}", config.rare, figure::LEGEND);
    let texts = [("Description", footer.as_str())];
    figure::figure(&rows, held, &record.contrasts, &arms, &footer)?.write_png(place.out.join(PICTURE), &texts)
}

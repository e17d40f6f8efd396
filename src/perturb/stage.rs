//! The stage: known lesions in; what projection makes of them, spoiled and as they are, out.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;

use super::config::PerturbConfig;
use super::corruption::Corruption;
use super::workbench::{Finished, Kept, Spoiled, Workbench};
use super::{sheet, summary};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::files::{self, Claim, Input, OutFolder, Owner};
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::acceptance::Levels;
use crate::project::batches::Batches;
use crate::project::config::ProjectConfig;
use crate::project::feature_choice::Features;
use crate::project::targets::{self, Pick, Target};
use crate::project::{Evidence, OneProjected, Session, units};
use crate::records::arithmetic::Arithmetic;
use crate::records::classes::{Class, Split};
use crate::records::perturbation::{PerturbationRecord, PerturbedCase};
use crate::run_dir::{PerturbationDir, RECORD};
use crate::seed::RunSeed;
use crate::settings::Settings as _;
use crate::units::{Ready, Share};

/// What is projected into, and the data set whose lesions are spoiled.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    /// Its lesions' training and validation sides are taken from.
    pub data: &'a Prepared,
}

/// How lesions are spoiled, and how they are projected.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Of this stage.
    pub perturb: &'a PerturbConfig,
    /// Of the projections.
    pub project: &'a ProjectConfig,
}

/// Folder of the pictures; its files are named after roles and lesions.
const SHEETS: &str = "sheets";

/// Knows the stage's folders.
pub const OWNER: Owner = Owner::of("perturb", unmarked);

/// A folder of a version before there were marks: with a record or with notes of finished cases.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    if !files::was_locked(folder)? {
        return Ok(None);
    }
    let of = |inner: &str, ending: &str| files::files_in(folder, inner, |name| name.ends_with(ending));
    let cases = of("cases", ".json")?;
    let mut known = files::parses::<PerturbationRecord>(&folder.join(RECORD))?;
    for case in &cases {
        known = known || files::parses::<Kept>(&folder.join(case))?;
    }
    let inside = [cases, of("images", ".npy")?, [RECORD, SHEETS].map(str::to_owned).to_vec()];
    Ok(known.then(|| inside.concat()))
}

/// Spoils, projects and measures; writes images, sheets and `record.json` into `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay. No rim on the validation side to hold out, or
/// whatever is wrong with the data, the network or the settings.
pub fn run_stage(inputs: Inputs<'_>, settings: Settings<'_>, out: &Path, lab: &Lab<'_>) -> Result<PerturbationRecord> {
    run_with(inputs, settings, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the units that are ready: the batches of [`run_share`].
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    settings: Settings<'_>,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<PerturbationRecord> {
    settings.check()?;
    let dir = PerturbationDir::new(out);
    let network = network_file(inputs.network)?;
    let read = [Input::of(&network), Input::of(inputs.data.root())];
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    let before = files::read_note::<PerturbationRecord>(dir.record())?;
    claim.narrow(SHEETS, known_sheets(out, before.as_ref())?)?;
    claim.will_write([RECORD])?;
    let session = Session::open(inputs.network, inputs.data, settings.project, lab)?;
    let levels = session.known_rims(1)?.levels;
    let net = session.features(session.projector.usual_features())?;
    let (bench, spoiled) = spoiled(&session, &net, settings, &dir)?;
    claim.will_write(spoiled.iter().flat_map(|item| PerturbationDir::files(&item.target.id)))?;
    let work = Work { spoiled: &spoiled, claim: &mut claim, ready };
    let finished = cases(&session, &bench, &net, work, lab.observer)?;
    let computed_with = Arithmetic::distinct(finished.iter().flat_map(|(_, made)| made).map(|made| &made.arithmetic));
    let cases: Vec<PerturbedCase> = finished.into_iter().map(|(case, _)| case).collect();
    if before.is_none_or(|before| before.cases != cases) {
        clear_sheets(&mut claim)?;
    }
    claim.will_write(sheet::names(&spoiled))?;
    let sheets = bench.sheets(&spoiled, &cases, inputs.data.manifest().simulated)?;
    let record = PerturbationRecord {
        network_sha256: session.projector.network_sha256.clone(),
        features: net.net.name().to_owned(),
        steps: settings.project.steps,
        seed: lab.seed.0,
        unit: session.unit.clone(),
        present: levels.present,
        absent: levels.absent,
        summary: summary::rows(&cases),
        erased: share(&spoiled, &cases, "rim", &|case| erased(&levels, case)),
        hallucinated: share(&spoiled, &cases, "non-rim", &|case| invented(&levels, case)),
        cases,
        sheets,
        computed_with,
    };
    files::write_json(dir.record(), &record)?;
    Ok(record)
}

impl Settings<'_> {
    fn check(&self) -> Result<()> {
        self.perturb.check()?;
        self.project.check()?;
        if self.perturb.lesions == 0 {
            return Err(Problem::usage("lesions = 0").expected("at least 1 lesion of each role"));
        }
        Ok(())
    }
}

/// All that is projected, spoiled and as it is.
fn spoiled<'a>(
    session: &'a Session<'_>,
    net: &Features<'_>,
    Settings { perturb: config, .. }: Settings<'_>,
    dir: &'a PerturbationDir,
) -> Result<(Workbench<'a>, Vec<Spoiled>)> {
    let strengths = config.strengths();
    let roles = roles(session, config.lesions)?;
    let settings = json!([session.settings(), net.identity, strengths]);
    let bench = Workbench { dir, gauge: &session.gauge, unit: &session.unit, strengths, settings };
    let spoiled: Vec<Spoiled> = roles
        .iter()
        .flat_map(|role| role.targets.iter().map(move |target| (role, target)))
        .flat_map(|(role, target)| role.corruptions.iter().map(move |&corruption| (role.name, target, corruption)))
        .map(|(role, target, corruption)| bench.spoil(role, target, corruption, session.seed))
        .collect();
    Ok((bench, spoiled))
}

/// Makes a share of the units of [`run_with`]: slices that are projected together.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished units stay. Otherwise as [`run_stage`].
pub fn run_share(inputs: Inputs<'_>, settings: Settings<'_>, share: &Share, lab: &Lab<'_>) -> Result<()> {
    settings.check()?;
    let session = Session::open(inputs.network, inputs.data, settings.project, lab)?;
    let net = session.features(session.projector.usual_features())?;
    let workplace = share.workplace()?;
    let dir = PerturbationDir::new(workplace.path());
    let (bench, spoiled) = spoiled(&session, &net, settings, &dir)?;
    let size = session.config.batch as usize;
    let to_do = share.to_do(units::batches(size as u64, spoiled.iter().map(|item| &item.target.id)))?;
    if to_do.is_empty() {
        return Ok(());
    }
    let prints: Vec<String> = spoiled.iter().map(|item| bench.print(item)).collect();
    let cut = Batches::new(&prints, size, &session.place);
    let places = |number: &usize| number * size..spoiled.len().min((number + 1) * size);
    let images: usize = to_do.iter().map(|number| places(number).len()).sum();
    lab.observer.begin("perturb", "image steps", images as u64 * session.config.steps);
    for number in to_do {
        let places = places(&number);
        let targets: Vec<&Target> = spoiled[places.clone()].iter().map(|item| &item.target).collect();
        session.project(&net, &targets, lab.observer, &mut |row, projected: OneProjected| {
            let at = places.start + row;
            bench.judge(&spoiled[at], &projected, cut.made(at)).map(drop)
        })?;
        share.leave(&units::batch(number), workplace.path(), files_of(&spoiled[places.clone()]))?;
    }
    lab.observer.end();
    Ok(())
}

/// Files of the cases, their notes behind the images that they speak of.
fn files_of(spoiled: &[Spoiled]) -> Vec<String> {
    let files = spoiled.iter().flat_map(|item| PerturbationDir::files(&item.target.id)).map(|name| name.to_string());
    let mut names: Vec<String> = files.collect();
    names.sort_by_key(|name| name.starts_with("cases/"));
    names
}

/// Lesions of one role and what is done to each.
struct Role {
    name: &'static str,
    targets: Vec<Target>,
    corruptions: &'static [Corruption],
}

/// Held-out rims, spoiled in every way; training rims and held-out non-rims as they are. At most `lesions` of each.
fn roles(session: &Session<'_>, lesions: u64) -> Result<[Role; 3]> {
    let evidence = session.evidence();
    let chosen = |class, split| {
        session.select(Pick { class, split, limit: lesions, slices: 1, evidence }).map(|found| found.targets)
    };
    let rims = chosen(Class::RIM, Split::Validation)?;
    require_some(session.prepared, &rims)?;
    let (all, as_they_are) = (&Corruption::ALL[..], &Corruption::ALL[..1]);
    Ok([
        Role { name: "rim", targets: rims, corruptions: all },
        Role { name: "training rim", targets: chosen(Class::RIM, Split::Train)?, corruptions: as_they_are },
        Role { name: "non-rim", targets: chosen(Class::NON_RIM, Split::Validation)?, corruptions: as_they_are },
    ])
}

fn require_some(prepared: &Prepared, rims: &[Target]) -> Result<()> {
    if !rims.is_empty() {
        return Ok(());
    }
    Err(Problem::input(prepared.root(), "no rim on the validation side")
        .expected("rims that the generator has not seen")
        .advice("prepare with a larger --validation-fraction"))
}

/// Refuses a data set without held-out rims to spoil, before a network is trained.
///
/// # Errors
/// No rim on the validation side that can be measured; a patch that cannot be read.
pub fn require_rims(prepared: &Prepared, seed: RunSeed) -> Result<()> {
    let (gauge, _) = targets::gauge(prepared);
    let pick = Pick { class: Class::RIM, split: Split::Validation, limit: 1, slices: 1, evidence: Evidence::Slice };
    require_some(prepared, &targets::select(prepared, pick, &gauge, seed)?.targets)
}

/// Sheets of a run of a version that noted their whole folder: those of its record; all, where it was not finished.
fn known_sheets(out: &Path, record: Option<&PerturbationRecord>) -> Result<Vec<String>> {
    match record {
        Some(record) => Ok(record.sheets.iter().map(|sheet| sheet.file.to_string()).collect()),
        None => files::files_in(out, SHEETS, |name| name.ends_with(".png")),
    }
}

/// Takes away the record, and then the sheets of its cases.
fn clear_sheets(claim: &mut Claim) -> Result<()> {
    files::remove(&claim.folder().join(RECORD))?;
    claim.forget(|name| name.starts_with("sheets/"))
}

/// Slices to be projected, and the folder that their cases go into.
struct Work<'a> {
    spoiled: &'a [Spoiled],
    claim: &'a mut Claim,
    ready: &'a Ready,
}

impl Work<'_> {
    /// Before anything is made: record and sheets go, so that the folder is one of an unfinished run; where any case is
    /// of other settings, so do the files of all that are not known to be of these. The same where none is known to be
    /// of these: what lies there is of other lesions then, or unfinished, and of settings that are not known.
    fn clear(&mut self, bench: &Workbench<'_>, cases: &[Option<Finished>]) -> Result<()> {
        clear_sheets(self.claim)?;
        let files = |item: &Spoiled| PerturbationDir::files(&item.target.id).map(|name| name.to_string());
        let of_cases = |name: &str| name.starts_with("images/") || name.starts_with("cases/");
        let mut others = cases.iter().all(Option::is_none) && {
            let own: BTreeSet<String> = self.spoiled.iter().flat_map(files).collect();
            let lies_there = |name: &str| bench.dir.root().join(name).symlink_metadata().is_ok();
            self.claim.written().any(|name| of_cases(name) && (!own.contains(name) || lies_there(name)))
        };
        for (item, _) in self.spoiled.iter().zip(cases).filter(|(_, case)| case.is_none()) {
            others = others || bench.is_of_others(item)?;
        }
        if !others {
            return Ok(());
        }
        let kept = self.spoiled.iter().zip(cases).filter(|(_, case)| case.is_some());
        let kept: BTreeSet<String> = kept.flat_map(|(item, _)| files(item)).collect();
        self.claim.forget(|name| of_cases(name) && !kept.contains(name))?;
        self.claim.will_write(self.spoiled.iter().flat_map(files))
    }
}

/// The case of each spoiled slice, in their order; what is finished is read back, the batches of which anything is
/// missing are projected and judged.
fn cases(
    session: &Session<'_>,
    bench: &Workbench<'_>,
    net: &Features<'_>,
    mut work: Work<'_>,
    observer: &dyn Observer,
) -> Result<Vec<Finished>> {
    let spoiled = work.spoiled;
    let steps = session.config.steps;
    observer.begin("perturb", "image steps", spoiled.len() as u64 * steps);
    let read = || spoiled.iter().map(|item| bench.finished(item)).collect::<Result<Vec<Option<Finished>>>>();
    let mut cases = read()?;
    let size = session.config.batch as usize;
    if cases.iter().any(Option::is_none) && work.ready.is_any() {
        work.clear(bench, &cases)?;
        for (number, (batch, cases)) in spoiled.chunks(size).zip(cases.chunks(size)).enumerate() {
            if cases.iter().any(Option::is_none) {
                work.ready.take(&units::batch(number), bench.dir.root(), &files_of(batch))?;
            }
        }
        cases = read()?;
    }
    let prints: Vec<String> = spoiled.iter().map(|item| bench.print(item)).collect();
    let cut = Batches::new(&prints, size, &session.place);
    let finished: Vec<_> = cases.iter().map(|case| case.as_ref().map(|(_, made)| made.as_ref())).collect();
    let to_do = cut.to_do(&finished, &[], bench.dir.root(), observer)?;
    let missing: BTreeSet<Name> = to_do.places.iter().map(|at| units::batch(at / size)).collect();
    work.ready.require_none(&missing.into_iter().collect::<Vec<_>>())?;
    if !to_do.places.is_empty() {
        work.clear(bench, &cases)?;
    }
    observer.advance((spoiled.len() - to_do.places.len()) as u64 * steps);
    let targets: Vec<&Target> = to_do.places.iter().map(|&at| &spoiled[at].target).collect();
    session.project(net, &targets, observer, &mut |row, projected: OneProjected| {
        let at = to_do.places[row];
        if !to_do.kept[at] {
            cases[at] = Some(bench.judge(&spoiled[at], &projected, cut.made(at))?);
        }
        Ok(())
    })?;
    observer.end();
    Ok(cases.into_iter().flatten().collect())
}

fn erased(levels: &Levels, case: &PerturbedCase) -> bool {
    levels.erased(case.contrast, case.projected.contrast)
}

fn invented(levels: &Levels, case: &PerturbedCase) -> bool {
    levels.invented(case.contrast, case.projected.contrast)
}

/// Share of the cases of `role` without corruption that `hit`.
fn share(
    spoiled: &[Spoiled],
    cases: &[PerturbedCase],
    role: &str,
    hit: &dyn Fn(&PerturbedCase) -> bool,
) -> Option<crate::records::Interval> {
    let patient =
        |item: &Spoiled| item.original.lesion.as_ref().map_or("", |lesion| lesion.patient.as_str()).to_owned();
    summary::share(spoiled.iter().map(patient).zip(cases), role, hit)
}

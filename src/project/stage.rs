//! The stage: select, decide the feature net, project batch by batch, judge, record.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::acceptance::{Gauge, Levels, flag_rates};
use super::curve;
use super::feature_choice::{Features, Trial, chosen, named};
use super::fingerprint::settings;
use super::items::{Channel, Item, Outcome};
use super::job::{Job, claim_items};
use super::needs;
use super::projector::Projector;
use super::session::{KnownRims, Session};
use super::targets::{Pick, Selection, Target};
use super::trace::is_descent;
use super::units;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::files::{self, Claim, Input, OutFolder, Owner};
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::project::config::ProjectConfig;
use crate::project::store;
use crate::records::arithmetic::Arithmetic;
use crate::records::classes::{Class, Split};
use crate::records::label::Contrast;
use crate::records::projection::{FeatureChoice, ProjectedLesion, ProjectionRecord, RimMeasure};
use crate::run_dir::ProjectionDir;
use crate::settings::Settings;
use crate::units::Ready;

/// What is projected into, and what is.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    /// The images.
    pub from: From<'a>,
}

/// Where the images come from that are projected.
#[derive(Clone, Copy)]
pub enum From<'a> {
    /// Lesions of a prepared data set, as the settings choose them.
    Data(&'a Prepared),
    /// Plain images: float32 npy \[C, H, W\] in the network's range.
    Images(&'a [PathBuf]),
}

/// Knows the stage's folders.
pub const OWNER: Owner = Owner::of("project", unmarked);

/// What a run writes beside the files of its items.
fn written(dir: &ProjectionDir) -> Vec<String> {
    let paths = [dir.latents(), dir.feature_choice(), dir.curve(), dir.record(), dir.underway()];
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(name).collect()
}

/// A folder of a version before there were marks: with a record of projections or notes of finished items, or with
/// nothing but a descent that was stopped.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    if !files::was_locked(folder)? {
        return Ok(None);
    }
    let dir = ProjectionDir::new(folder);
    let of = |inner: &str, ending: &str| files::files_in(folder, inner, |name| name.ends_with(ending));
    let items = of("items", ".json")?;
    let mut known = files::parses::<ProjectionRecord>(&dir.record())?;
    for item in &items {
        known = known || files::parses::<Item>(&folder.join(item))?;
    }
    known = known
        || files::holds_only(folder, "", |name| ["underway", "feature_choice.json"].contains(&name))?
            && files::holds_only(folder, "underway", is_descent)?;
    let mut all: Vec<String> = written(&dir).into_iter().chain(items).collect();
    for (inner, ending) in [("images", ".npy"), ("figures", ".png"), ("noise", ".npz"), ("films", ".png")] {
        all.extend(of(inner, ending)?);
    }
    Ok(known.then_some(all))
}

/// Projects lesions or plain images into a network's latent space; results in `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay and are not redone. Otherwise whatever is wrong with
/// the data, the network or the settings.
pub fn run_stage(inputs: Inputs<'_>, config: &ProjectConfig, out: &Path, lab: &Lab<'_>) -> Result<ProjectionRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the units of lesions' projections that are ready ([`super::units`]).
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: &ProjectConfig,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<ProjectionRecord> {
    config.check()?;
    let dir = ProjectionDir::new(out);
    let network = network_file(inputs.network)?;
    let images_read = match inputs.from {
        From::Data(prepared) => vec![Input::of(prepared.root())],
        From::Images(files) => files.iter().map(|file| Input::of(file)).collect(),
    };
    let read = images_read.into_iter().chain([Input::of(&network)]);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write(written(&dir))?;
    match inputs.from {
        From::Data(prepared) => {
            let session = Session::open(inputs.network, prepared, config, lab)?;
            lesions(&session, &dir, (&mut claim, ready), lab.observer)
        }
        From::Images(files) => {
            let projector = Projector::open(inputs.network, config, lab.engine.device, lab.engine.graphs)?;
            let place = Place { dir: &dir, claim: &mut claim };
            images(files, &projector, config, place, lab)
        }
    }
}

/// Lesions of one class and side, and their controls.
fn lesions(
    session: &Session<'_>,
    dir: &ProjectionDir,
    (claim, ready): (&mut Claim, &Ready),
    observer: &dyn Observer,
) -> Result<ProjectionRecord> {
    let Session { prepared, config, .. } = session;
    let KnownRims { levels, masked } = session.known_rims(config.slices)?;
    needs::require_masks(prepared, config, masked)?;
    let selection = selected(session, observer)?;
    claim_items(claim, &selection.targets, config.film)?;
    let all = units::all(config, &selection.targets);
    if config.choose_features > 0 && !files::is_there(&dir.feature_choice())? {
        let taken = ready.take(&units::trial(), dir.root(), &units::TRIAL_FILES.map(str::to_owned))?;
        ready.require_none(&if taken { vec![] } else { units::missing(&all, ready)? })?;
    }
    let (feature_choice, before) = tried(session, &levels, dir, observer)?;
    let features = session.features(chosen(&feature_choice)?.unwrap_or(session.projector.usual_features()))?;
    let channels = channels(prepared);
    let job = job(session, &levels, &features, (dir, &channels), &before);
    let items = job.run(&selection.targets, (claim, ready), observer)?;
    let curve = match config.curve.as_slice() {
        [] => Vec::new(),
        _ => curve::run(session, &features, &selection.targets, &levels, (dir, ready), observer)?,
    };
    let lesions = items.iter().filter_map(|item| match &item.outcome {
        Outcome::Lesion(lesion) => Some(lesion.clone()),
        Outcome::Image(_) => None,
    });
    let lesions: Vec<ProjectedLesion> = lesions.collect();
    let record = ProjectionRecord {
        flag_rates: flag_rates(&lesions),
        lesions,
        feature_choice,
        curve,
        rim_measure: Some(RimMeasure {
            method: Gauge::method(masked).to_owned(),
            unit: session.unit.clone(),
            training_rims: levels.rims as u64,
            present: levels.present,
            absent: levels.absent,
            w_unit: w_unit(config),
        }),
        without_core: selection.without_core,
        projected_sha256: Some(prepared.sha256().to_owned()),
        ..job.record(&items)
    };
    job.finish(&items, record)
}

/// How figures name the channels of a data set.
pub(super) fn channels(prepared: &Prepared) -> Vec<Channel> {
    let channel = |c: &Contrast| Channel { name: c.name.to_string(), unit: c.unit.clone(), scale: c.window.scale() };
    prepared.contrasts().iter().map(channel).collect()
}

/// The projections of a data set's lesions.
pub(super) fn job<'a>(
    session: &'a Session<'_>,
    levels: &Levels,
    features: &'a Features<'_>,
    (dir, channels): (&'a ProjectionDir, &'a [Channel]),
    before: &'a [Arithmetic],
) -> Job<'a> {
    Job {
        projector: &session.projector,
        features: features.net.as_ref(),
        settings: json!([session.settings(), features.identity, levels.present, levels.absent]),
        config: session.config,
        seed: session.seed,
        dir,
        gauge: &session.gauge,
        levels: Some(*levels),
        channels,
        simulated: session.prepared.manifest().simulated,
        place: &session.place,
        rim_score: session.rim_score.as_ref(),
        before,
    }
}

/// The lesions that the settings ask for, and their controls after them.
pub(super) fn selected(session: &Session<'_>, observer: &dyn Observer) -> Result<Selection> {
    let &Session { config, .. } = session;
    let &ProjectConfig { ref class, split, limit, slices, controls, .. } = config;
    let evidence = session.evidence();
    let mut selection = session.select(Pick { class: class.clone(), split, limit, slices, evidence })?;
    needs::require_some(session.prepared, config, &selection)?;
    for class in [Class::RIM, Class::NON_RIM].into_iter().filter(|_| controls > 0) {
        let pick = Pick { class: class.clone(), split: Split::Validation, limit: controls, slices, evidence };
        add_controls(&mut selection, session.select(pick)?, &class, controls, observer);
    }
    let faithful = selection.targets.iter().filter(|target| !session.can_pull(target)).count();
    if session.rim_score.is_some() && faithful > 0 {
        observer.note(&format!(
            "{faithful} of {} slices are not pulled towards a rim: their masks leave no edge, core or surroundings in \
             the patch",
            selection.targets.len()
        ));
    }
    Ok(selection)
}

/// Adds control lesions that are not already among the targets, and says so where there are fewer than asked.
fn add_controls(selection: &mut Selection, control: Selection, class: &Class, asked: u64, observer: &dyn Observer) {
    let lesions: BTreeSet<_> =
        control.targets.iter().filter_map(|t| t.lesion.as_ref()).map(|l| l.lesion_id.clone()).collect();
    if (lesions.len() as u64) < asked {
        observer.note(&format!(
            "only {} validation {} lesions for the controls ({asked} asked)",
            lesions.len(),
            class.name()
        ));
    }
    for target in control.targets {
        if selection.targets.iter().all(|other| other.id != target.id) {
            selection.targets.push(target);
        }
    }
}

/// How well each feature net keeps held-out rims, and how that was computed; empty where the settings ask for no trial.
pub(super) fn tried(
    session: &Session<'_>,
    levels: &Levels,
    dir: &ProjectionDir,
    observer: &dyn Observer,
) -> Result<(Vec<FeatureChoice>, Vec<Arithmetic>)> {
    let config = session.config;
    if config.choose_features == 0 {
        return Ok(Default::default());
    }
    let (limit, slices) = (config.choose_features, config.slices);
    let evidence = session.evidence();
    let rims = session.select(Pick { class: Class::RIM, split: Split::Validation, limit, slices, evidence })?;
    Trial { session, levels }.run(&rims.targets, dir, observer)
}

/// Where results go.
struct Place<'a> {
    dir: &'a ProjectionDir,
    claim: &'a mut Claim,
}

/// Plain images, float32 npy \[C, H, W\] in the network's range.
fn images(
    files: &[PathBuf],
    projector: &Projector,
    config: &ProjectConfig,
    Place { dir, claim }: Place<'_>,
    lab: &Lab<'_>,
) -> Result<ProjectionRecord> {
    let &Lab { seed, observer, .. } = lab;
    if config.background != 1.0 || config.towards_rim != 0.0 {
        let found = format!("background = {} and towards_rim = {}", config.background, config.towards_rim);
        return Err(Problem::usage(found)
            .expected("1 and 0 for plain images, which have no lesion masks")
            .advice("project the lesions of a prepared data set (--data)"));
    }
    let shape = projector.shape();
    let targets = plain_targets(files, shape)?;
    claim_items(claim, &targets, config.film)?;
    let features = named(projector, &config.features, projector.usual_features())?;
    let channel = |name: String| Channel { name, unit: "network units".to_owned(), scale: 1.0 };
    let channels: Vec<Channel> = match projector.source.contrasts.as_slice() {
        [] => (0..shape[0]).map(|c| channel(format!("channel {c}"))).collect(),
        known => known.iter().map(|c| channel(c.name.to_string())).collect(),
    };
    let gauge = Gauge { channel: 0, height: shape[1] as usize, width: shape[2] as usize, scale: 1.0 };
    let job = Job {
        projector,
        features: features.net.as_ref(),
        settings: json!([settings(config, projector, seed), features.identity]),
        config,
        seed,
        dir,
        gauge: &gauge,
        levels: None,
        channels: &channels,
        simulated: false,
        place: &lab.engine.place,
        rim_score: None,
        before: &[],
    };
    let items = job.run(&targets, (claim, &Ready::NONE), observer)?;
    let images = items.iter().filter_map(|item| match &item.outcome {
        Outcome::Image(image) => Some(image.clone()),
        Outcome::Lesion(_) => None,
    });
    let record = ProjectionRecord { images: images.collect(), ..job.record(&items) };
    job.finish(&items, record)
}

/// Reads images of the network's `shape`; each file's stem is its name.
fn plain_targets(files: &[PathBuf], shape: [i64; 3]) -> Result<Vec<Target>> {
    let mut targets: Vec<Target> = Vec::new();
    for file in files {
        let id = Name::new(file.file_stem().unwrap_or_default().to_string_lossy())
            .map_err(|fault| Problem::input(file, fault).advice("rename the file"))?;
        if targets.iter().any(|target| target.id == id) {
            return Err(Problem::input(file, format!("a second image called {id}")).advice("rename one of them"));
        }
        targets.push(Target { id, pixels: store::read_image(file, shape)?, mask: None, lesion: None });
    }
    Ok(targets)
}

fn w_unit(config: &ProjectConfig) -> String {
    format!(
        "median distance of a w to its nearest neighbour among the w of {} random latents; the distance is that of the \
         projected w to its nearest among them",
        config.w_samples
    )
}

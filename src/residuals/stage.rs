//! The stage: a network and a data set in; how its projections agree with images, and what their residuals detect out.

use std::path::Path;

use serde_json::json;

use super::config::ResidualsConfig;
use super::detection::{Material, Normals, Pair, detect, scored_pixels};
use super::detectors::Score;
use super::items::{Item, View};
use super::likeness::{Likeness, summarised};
use super::projected::{Descents, files_of};
use super::sheets::{self, Row, compared, difference_head, lesion_row, measured, sheet};
use crate::data::Prepared;
use crate::data::sides::Side;
use crate::data::slices::Slices;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::files::{self, Input, OutFolder, Owner};
use crate::perturb::corruption::{Corruption, corrupt};
use crate::problem::{Problem, Result};
use crate::project::feature_choice::{Features, named};
use crate::project::fingerprint::settings;
use crate::project::projector::Projector;
use crate::project::targets::Target;
use crate::project::{ProjectConfig, units};
use crate::records::residuals::{AccuracyRow, ResidualSheet, ResidualsRecord};
use crate::run_dir::RECORD;
use crate::seed::RunSeed;
use crate::settings::Settings as _;
use crate::units::{Ready, Share};

/// What is projected into, and the data set whose images are projected.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run or an import.
    pub network: &'a Path,
    /// Images of all sides: projecting changes nothing in the network, and a test image's residual is scored once.
    pub data: &'a Prepared,
}

/// How images are compared, and how they are projected.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// Of this stage.
    pub residuals: &'a ResidualsConfig,
    /// Of the projections.
    pub project: &'a ProjectConfig,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("residuals", |_| Ok(None));

/// Healthy training images that say what is normal without a generator, at most.
const MOST_HEALTHY: u64 = 4000;

/// Roles, as in records.
const ROLES: [&str; 3] = ["training", "healthy, held out", "with lesions, held out"];

/// The images of a run.
struct Chosen {
    training: Vec<Item>,
    calibration: Vec<Item>,
    validation: Vec<Item>,
    lesioned: Vec<Item>,
    healthy: Vec<Item>,
    /// Of `healthy`, each spoiled in every way but the first.
    spoiled: Vec<(usize, Corruption, Item)>,
}

impl Chosen {
    fn new(data: &Prepared, view: &View, config: &ResidualsConfig, seed: RunSeed) -> Result<Self> {
        let (validation, test) = (data.validation(), data.test());
        let wanted = config.calibration > 0;
        let of = |count: u64| if wanted { count } else { 0 };
        let least = config.accuracy.max(config.spoiled);
        let mut chosen = Self {
            training: view.healthy(&data.training_all(), config.accuracy, seed)?,
            calibration: view.healthy(&validation, config.calibration, seed)?,
            validation: view.lesioned(&validation, of(config.validation), seed)?,
            lesioned: view.lesioned(&test, of(config.test).max(config.accuracy), seed)?,
            healthy: view.healthy(&test, of(config.test).max(least), seed)?,
            spoiled: vec![],
        };
        if chosen.training.is_empty() || chosen.healthy.is_empty() {
            let side = if chosen.training.is_empty() { "training" } else { "test" };
            return Err(Problem::input(data.root(), format!("no {side} image without lesions"))
                .expected("images of healthy persons on every side of the split")
                .advice("prepare with more of them, or name their classes: residuals.healthy (--healthy)"));
        }
        let strengths = config.strengths();
        for (at, item) in chosen.healthy.iter().take(config.spoiled as usize).enumerate() {
            for corruption in Corruption::ALL.into_iter().skip(1) {
                let id = item.id.with(&format!("_{}", corruption.slug()));
                let mut draws = seed.stream(&format!("spoil {id}"), 0);
                let pixels = corrupt(&item.pixels, view.size, None, corruption, &strengths, &mut draws);
                chosen.spoiled.push((at, corruption, Item { id, pixels, ..item.clone() }));
            }
        }
        Ok(chosen)
    }

    /// All that is projected, in a fixed order.
    fn all(&self) -> impl Iterator<Item = &Item> {
        let own = [&self.training, &self.calibration, &self.validation, &self.lesioned, &self.healthy];
        own.into_iter().flatten().chain(self.spoiled.iter().map(|(_, _, item)| item))
    }
}

fn target(item: &Item) -> Target {
    Target { id: item.id.clone(), pixels: item.pixels.clone(), mask: None, lesion: None }
}

/// Projects, compares and detects; writes images, pictures and `record.json` into `out`.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished batches stay. No image without lesions, or whatever is wrong with
/// the data, the network or the settings.
pub fn run_stage(inputs: Inputs<'_>, config: Settings<'_>, out: &Path, lab: &Lab<'_>) -> Result<ResidualsRecord> {
    run_with(inputs, config, (out, &Ready::NONE), lab)
}

/// As [`run_stage`], taking in the units that are ready: the batches of [`run_share`].
///
/// # Errors
/// Those of [`run_stage`]; a unit that is not what it should be, or is missing where none is to be made.
pub fn run_with(
    inputs: Inputs<'_>,
    config: Settings<'_>,
    (out, ready): (&Path, &Ready),
    lab: &Lab<'_>,
) -> Result<ResidualsRecord> {
    let Settings { residuals: config, project } = config;
    config.check()?;
    project.check()?;
    let data = inputs.data;
    let view = View::of(data, config)?;
    let read = [Input::of(inputs.network), Input::of(data.root())];
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    let pictures = sheets::NAMES.map(|name| sheets::file(name).to_string());
    claim.will_write(pictures.iter().cloned().chain([RECORD.to_owned()]))?;
    let projector = opened(inputs, (config, project), lab)?;
    let net = named(&projector, &project.features, projector.usual_features())?;
    let chosen = Chosen::new(data, &view, config, lab.seed)?;
    let targets: Vec<Target> = chosen.all().map(target).collect();
    claim.will_write(targets.iter().flat_map(|target| files_of(&target.id)))?;
    let descents = descents(out, (&projector, &net), project, lab);
    let (images, computed_with) = descents.all(&targets, (&mut claim, ready), lab)?;
    let mut rest = images.as_slice();
    let mut paired = |items: usize| {
        let (own, others) = rest.split_at(items);
        rest = others;
        own
    };
    let training = pairs(&chosen.training, paired(chosen.training.len()));
    let calibration = pairs(&chosen.calibration, paired(chosen.calibration.len()));
    let validation = pairs(&chosen.validation, paired(chosen.validation.len()));
    let lesioned = pairs(&chosen.lesioned, paired(chosen.lesioned.len()));
    let healthy = pairs(&chosen.healthy, paired(chosen.healthy.len()));
    let spoiled = paired(chosen.spoiled.len());
    let shown = |pairs: &[Pair<'_>]| pairs.len().min(config.accuracy as usize);
    let roles = [&training[..shown(&training)], &healthy[..shown(&healthy)], &lesioned[..shown(&lesioned)]];
    let accuracy = accuracy(&view, roles, (&chosen, spoiled), config, lab.seed)?;
    let mut notes = projector.source.notes_beside(data);
    let mut found = vec![];
    let simulated = data.manifest().simulated;
    let about = if simulated { "SIMULATED; " } else { "" };
    found.push(projections_sheet(&view, roles, out, about)?);
    found.extend(spoiled_sheet(&view, &chosen, &healthy, spoiled, (out, about))?);
    let reference = view.healthy(&data.training_all(), MOST_HEALTHY, lab.seed.child("reference", 0))?;
    let detection = if config.calibration == 0 {
        notes.push("No detector was tried (residuals.calibration = 0).".to_owned());
        None
    } else if lesioned.is_empty() || validation.is_empty() || calibration.is_empty() {
        notes.push(lacking(&calibration, &validation, &lesioned));
        None
    } else {
        lab.observer.note("scoring pixels, and a bootstrap over the test patients");
        let test = lesioned.iter().chain(&healthy).copied().collect();
        let material = Material { healthy: &reference, calibration, validation, test };
        let normals = Normals::of(&view, &material, config.reach)?;
        let detection =
            detect(&view, &material, &normals, config, lab.seed).map_err(|problem| problem.at(data.root()))?;
        let sheet = lesions_sheet(&view, &lesioned, &normals, config, (lab.seed, out, about))?;
        found.extend(sheet);
        Some(detection)
    };
    if found.iter().all(|sheet| sheet.file != sheets::file(sheets::NAMES[2])) {
        files::remove(&out.join(sheets::file(sheets::NAMES[2])))?;
    }
    let names = |classes: &[crate::records::classes::Class]| classes.iter().map(|one| one.name().to_owned()).collect();
    let record = ResidualsRecord {
        simulated,
        network_sha256: projector.network_sha256.clone(),
        data_sha256: data.sha256().to_owned(),
        features: net.net.name().to_owned(),
        steps: project.steps,
        seed: lab.seed.0,
        channel: data.contrasts()[view.channel].name.to_string(),
        unit: view.unit.clone(),
        range: view.range,
        healthy: names(&view.healthy),
        lesioned: names(&view.lesioned),
        lesions: config.lesions.key().into(),
        accuracy,
        detection,
        sheets: found,
        notes,
        computed_with,
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// The network, as far as it may be used beside the data set.
fn opened(
    inputs: Inputs<'_>,
    (config, project): (&ResidualsConfig, &ProjectConfig),
    lab: &Lab<'_>,
) -> Result<Projector> {
    let Inputs { network, data } = inputs;
    network_file(network)?;
    let projector = Projector::open(network, project, lab.engine.device, lab.engine.graphs)?;
    projector.source.require_of(projector.generator.config().channels, data)?;
    let knew = projector.source.data_sha256.as_deref();
    if !config.trust_origin {
        data.require_made_of_it(network, "a network", knew).map_err(|problem| {
            problem
                .advice("or, where no test patient can have been among them: residuals.trust_origin (--trust-origin)")
        })?;
    }
    projector.source.notes_beside(data).iter().for_each(|note| lab.observer.note(note));
    Ok(projector)
}

fn descents<'a>(
    out: &'a Path,
    (projector, net): (&'a Projector, &'a Features<'a>),
    project: &'a ProjectConfig,
    lab: &'a Lab<'_>,
) -> Descents<'a> {
    let settings = json!(["residuals", settings(project, projector, lab.seed), net.identity]);
    Descents { out, projector, net, config: project, settings, place: &lab.engine.place }
}

/// Makes a share of the units of [`run_with`]: images that are projected together, cut from the whole list of those of
/// all roles.
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished units stay. Otherwise as [`run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: Settings<'_>, share: &Share, lab: &Lab<'_>) -> Result<()> {
    let Settings { residuals: config, project } = config;
    config.check()?;
    project.check()?;
    let view = View::of(inputs.data, config)?;
    let chosen = Chosen::new(inputs.data, &view, config, lab.seed)?;
    let targets: Vec<Target> = chosen.all().map(target).collect();
    let to_do = share.to_do(units::batches(project.batch, targets.iter().map(|target| &target.id)))?;
    if to_do.is_empty() {
        return Ok(());
    }
    let projector = opened(inputs, (config, project), lab)?;
    let net = named(&projector, &project.features, projector.usual_features())?;
    let workplace = share.workplace()?;
    let out = workplace.path();
    let descents = descents(out, (&projector, &net), project, lab);
    descents.batches(&targets, &to_do, lab, |number, files| share.leave(&units::batch(number), out, files))
}

fn pairs<'a>(items: &'a [Item], images: &'a [Vec<f32>]) -> Vec<Pair<'a>> {
    items.iter().zip(images).map(|(item, projection)| Pair { item, projection }).collect()
}

fn lacking(calibration: &[Pair<'_>], validation: &[Pair<'_>], lesioned: &[Pair<'_>]) -> String {
    let sides = [
        (calibration, "healthy validation images"),
        (validation, "validation images with lesions"),
        (lesioned, "test images with lesions"),
    ];
    let missing: Vec<&str> = sides.into_iter().filter(|(pairs, _)| pairs.is_empty()).map(|(_, what)| what).collect();
    format!("No detector was tried: no {}.", missing.join(", no "))
}

/// Each role as it is, then what was done to the held-out healthy ones.
fn accuracy(
    view: &View,
    roles: [&[Pair<'_>]; 3],
    (chosen, spoiled): (&Chosen, &[Vec<f32>]),
    config: &ResidualsConfig,
    seed: RunSeed,
) -> Result<Vec<AccuracyRow>> {
    let agreement = |of: Vec<(String, Likeness)>| summarised(&of, config.draws, seed);
    let patients = |of: &[(String, Likeness)]| {
        of.iter().map(|(patient, _)| patient).collect::<std::collections::BTreeSet<_>>().len() as u64
    };
    let mut rows = vec![];
    for (role, pairs) in ROLES.into_iter().zip(roles).filter(|(_, pairs)| !pairs.is_empty()) {
        let likeness =
            |pair: &Pair<'_>| Ok((pair.item.patient.clone(), Likeness::of(view, pair.item, pair.projection)?));
        let of = pairs.iter().map(likeness).collect::<Result<Vec<_>>>()?;
        rows.push(AccuracyRow {
            role: role.into(),
            corruption: Corruption::None.name().into(),
            strength: String::new(),
            images: of.len() as u64,
            patients: patients(&of),
            projected: agreement(of),
            spoiled: None,
        });
    }
    for corruption in Corruption::ALL.into_iter().skip(1) {
        let own = chosen.spoiled.iter().zip(spoiled).filter(|((_, done, _), _)| *done == corruption);
        let (mut after, mut before) = (vec![], vec![]);
        for ((at, _, item), projection) in own {
            let original = &chosen.healthy[*at];
            after.push((item.patient.clone(), Likeness::of(view, original, projection)?));
            before.push((item.patient.clone(), Likeness::of(view, original, &item.pixels)?));
        }
        if after.is_empty() {
            continue;
        }
        rows.push(AccuracyRow {
            role: ROLES[1].into(),
            corruption: corruption.name().into(),
            strength: corruption.strength(&config.strengths(), view.range / 2.0, &view.unit),
            images: after.len() as u64,
            patients: patients(&after),
            projected: agreement(after),
            spoiled: Some(agreement(before)),
        });
    }
    Ok(rows)
}

/// Images of each role in the first picture.
const OF_EACH: usize = 2;

fn projections_sheet(view: &View, roles: [&[Pair<'_>]; 3], out: &Path, about: &str) -> Result<ResidualSheet> {
    let mut rows = vec![];
    for (role, pairs) in ROLES.into_iter().zip(roles) {
        for pair in pairs.iter().take(OF_EACH) {
            let mut lines = vec![role.to_owned(), pair.item.id.to_string()];
            lines.extend(measured(&Likeness::of(view, pair.item, pair.projection)?));
            rows.push(Row { lines, cells: compared(view, pair.item, None, pair.projection) });
        }
    }
    let heads = ["image".to_owned(), "projected".to_owned(), difference_head(view)];
    let caption = "The first images of each role, their projections, and the signed difference.";
    let footer = format!("{about}red: the projection is higher; inside: without background");
    write(sheet(&heads, &rows, &footer), sheets::NAMES[0], caption, (out, about))
}

fn spoiled_sheet(
    view: &View,
    chosen: &Chosen,
    healthy: &[Pair<'_>],
    spoiled: &[Vec<f32>],
    (out, about): (&Path, &str),
) -> Result<Option<ResidualSheet>> {
    let file = out.join(sheets::file(sheets::NAMES[1]));
    let Some(first) = healthy.first().filter(|_| !chosen.spoiled.is_empty()) else {
        files::remove(&file)?;
        return Ok(None);
    };
    let row = |name: &str, shown: &[f32], projection: &[f32]| {
        let mut lines = vec![name.to_owned()];
        lines.extend(measured(&Likeness::of(view, first.item, projection)?));
        Ok::<_, Problem>(Row { lines, cells: compared(view, first.item, Some(shown), projection) })
    };
    let mut rows = vec![row("as it is", &first.item.pixels, first.projection)?];
    for ((_, corruption, item), projection) in chosen.spoiled.iter().zip(spoiled).filter(|((at, _, _), _)| *at == 0) {
        rows.push(row(corruption.name(), &item.pixels, projection)?);
    }
    let heads = ["image", "as projected", "projected"].map(str::to_owned);
    let heads: Vec<String> = heads.into_iter().chain([difference_head(view)]).collect();
    let caption = "One held-out healthy image spoiled in every way; differences are to the image as it was.";
    let footer = format!("{about}{}: differences are to the image before it was spoiled", first.item.id);
    write(sheet(&heads, &rows, &footer), sheets::NAMES[1], caption, (out, about)).map(Some)
}

fn lesions_sheet(
    view: &View,
    lesioned: &[Pair<'_>],
    normals: &Normals,
    config: &ResidualsConfig,
    (seed, out, about): (RunSeed, &Path, &str),
) -> Result<Option<ResidualSheet>> {
    // Those with most of a lesion, one a patient: what is to be seen is what becomes of it.
    let mut order: Vec<&Pair<'_>> = lesioned.iter().collect();
    let size = |pair: &Pair<'_>| pair.item.truth.iter().filter(|truth| **truth).count();
    order.sort_by_key(|pair| std::cmp::Reverse(size(pair)));
    let mut seen = std::collections::BTreeSet::new();
    order.retain(|pair| seen.insert(pair.item.patient.clone()));
    let mut rows = vec![];
    for pair in order.into_iter().take(config.shown) {
        let known = normals.known(pair.item.level, config, seed);
        let score = Score::ResidualZ.map(view, pair.item, pair.projection, &known);
        let inside = scored_pixels(pair.item, view, config.erosion);
        rows.push(lesion_row(view, *pair, &score, &inside)?);
    }
    if rows.is_empty() {
        return Ok(None);
    }
    let heads = ["lesions outlined", "image", "projected"].map(str::to_owned);
    let last = [difference_head(view), "residual, normalised (+-6)".to_owned()];
    let heads: Vec<String> = heads.into_iter().chain(last).collect();
    let caption = "Test images with most of a lesion, one a patient, not chosen by how well they went: the lesions \
                   outlined, the image, its projection, the signed difference, and the residual over what is normal.";
    let footer = format!("{about}red in the last column: more like a lesion than healthy residuals are");
    write(sheet(&heads, &rows, &footer), sheets::NAMES[2], caption, (out, about)).map(Some)
}

fn write(
    canvas: crate::raster::Canvas,
    name: &str,
    caption: &str,
    (out, about): (&Path, &str),
) -> Result<ResidualSheet> {
    let file = sheets::file(name);
    canvas.write_png(out.join(&file), &[("Description", &format!("{about}{caption}"))])?;
    Ok(ResidualSheet { file, caption: caption.to_owned() })
}

/// Refuses a data set in which no side has an image without lesions, before a network is trained.
///
/// # Errors
/// As [`run_stage`] would find it.
pub fn require_images(data: &Prepared, config: &ResidualsConfig, seed: RunSeed) -> Result<()> {
    fn some<S: Side>(view: &View, side: &Slices<S>, seed: RunSeed) -> Result<bool> {
        Ok(!view.healthy(side, 1, seed)?.is_empty())
    }
    let view = View::of(data, config)?;
    if some(&view, &data.training_all(), seed)? && some(&view, &data.test(), seed)? {
        return Ok(());
    }
    Err(Problem::input(data.root(), "no image without lesions on the training or the test side")
        .expected("images of healthy persons on every side of the split"))
}

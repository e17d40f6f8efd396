//! The stage: inverted training images and directions in; edited images with their classes, and a record, out.

use std::collections::HashSet;
use std::path::Path;

use tch::Tensor;

use super::EditConfig;
use super::inverted::Inverted;
use super::plan::{Planned, plan};
use super::sheet::{self, SHOWN, Shown};
use crate::data::{Prepared, patch_file};
use crate::directions::DirectionsConfig;
use crate::directions::features::Distance;
use crate::directions::gate::{self, Gate, Moved};
use crate::directions::saved::{Direction, Saved};
use crate::engine::Lab;
use crate::feed::image::Image;
use crate::feed::padding;
use crate::files::{self, Input, OutFolder, Owner};
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};
use crate::records::FileHash;
use crate::records::directions::DirectionsRecord;
use crate::records::edit::{Edit, EditClass, EditDirection, EditRecord};
use crate::run_dir::{DirectionsDir, RECORD};
use crate::settings::Settings;

/// What is edited, and along what.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What was inverted; the training side alone is edited.
    pub data: &'a Prepared,
    /// The network that was inverted: a file, or the folder of a training run.
    pub network: &'a Path,
    /// Folder that `invert` wrote.
    pub inverted: &'a Path,
    /// Folder that `directions` wrote.
    pub directions: &'a Path,
    /// Which of them images are edited along.
    pub accepted: &'a Accepted,
    /// What `directions` measured distances with: its feature net and LPIPS weights.
    pub measured_by: &'a DirectionsConfig,
}

/// Directions that somebody accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// As `directions` calls them.
    pub ids: Vec<Name>,
    /// Who, in words for the record.
    pub by: String,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("edit", |_| Ok(None));

/// Name of the picture.
const SHEET: &str = "sheet.png";

/// Images that are drawn at a time.
const TOGETHER: usize = 32;

/// Edits training images and writes `edit0000.npy`, ... (float32 \[channels, height, width\] in the network's range),
/// `sheet.png` and `record.json` into `out`, all at once when the last is drawn.
///
/// # Errors
/// Settings out of range, no accepted direction or one that `directions` did not find, directions or inversions of
/// another network, an inversion of other data or without a training image, a folder in use, a full disk, or stopped on
/// request.
pub fn run_stage(inputs: Inputs<'_>, config: &EditConfig, out: &Path, lab: &Lab<'_>) -> Result<EditRecord> {
    config.check()?;
    let read = [inputs.data.root(), inputs.network, inputs.inverted, inputs.directions].map(Input::of);
    let folder = OutFolder::new(OWNER, out).apart_from(read);
    folder.check()?;
    lab.engine.set_deterministic(true)?;
    let inverted = Inverted::read(inputs.inverted, inputs.network, inputs.data, lab.engine.device)?;
    let directions = accepted(&inputs, &inverted)?;
    let mut claim = folder.claim()?;
    // Nothing is gone on with.
    claim.discard()?;
    let names = (0..config.count(inverted.items.len())).map(name).chain([SHEET, RECORD].map(str::to_owned));
    claim.require_free(names)?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    let making = Making { inputs: &inputs, config, inverted: &inverted, directions: &directions, out: &staging, lab };
    let made = making.all().and_then(|record| {
        let names = record.images.iter().map(|image| image.path.clone()).chain([SHEET.to_owned()]).collect();
        claim.publish(names, &[RECORD], lab.observer)?;
        Ok(record)
    });
    if made.is_err() {
        // The first error is the one to show.
        let _ = claim.discard();
    }
    made
}

/// File of the image of an edit.
fn name(number: u64) -> String {
    format!("edit{number:04}.npy")
}

/// What `directions` says of those that are accepted.
struct Directions {
    all: Vec<Direction>,
    record: DirectionsRecord,
    gate: Gate,
}

fn accepted(inputs: &Inputs<'_>, inverted: &Inverted) -> Result<Directions> {
    let path = inputs.directions.join(RECORD);
    let record = directions_record(inputs.directions)?;
    inputs.data.require_made_of_it(inputs.directions, "directions", Some(&record.data_sha256))?;
    let vectors = inputs.directions.join(DirectionsDir::VECTORS);
    let found = files::sha256(&vectors)?;
    if found != record.vectors_sha256 {
        return Err(Problem::input(&vectors, format!("SHA-256 {found}"))
            .expected(format!("{}, as the record has it", crate::name::shown(&record.vectors_sha256)))
            .advice("run `rimforge directions` again"));
    }
    let saved = Saved::read(&inputs.directions.join(DirectionsDir::VECTORS))?;
    let (num_ws, w_dim) = inverted.code_shape();
    saved.require_of(&inverted.network.sha256, num_ws, w_dim).map_err(|problem| problem.at(inputs.directions))?;
    let mut seen = HashSet::new();
    if let Some(twice) = saved.directions.iter().find(|one| !seen.insert(&one.id)) {
        return Err(Problem::input(&vectors, format!("direction {} twice", twice.id))
            .expected("each direction once")
            .advice("run `rimforge directions` again"));
    }
    let one = |id: &Name| {
        saved.directions.iter().find(|one| one.id == *id).cloned().ok_or_else(|| {
            Problem::input(&path, format!("no direction {id}"))
                .expected("the directions that were accepted")
                .advice("accept directions of this folder")
        })
    };
    let all = inputs.accepted.ids.iter().map(one).collect::<Result<Vec<_>>>()?;
    if all.is_empty() {
        return Err(Problem::new(Kind::Gate, "no direction is accepted: there is nothing to edit along")
            .at(inputs.directions)
            .advice("accept some (`rimforge review`), or name them"));
    }
    let gate =
        Gate::of_record(&record.gate).map_err(|problem| problem.at(&path).advice("run `rimforge directions` again"))?;
    Ok(Directions { all, record, gate })
}

/// Bytes of a record of directions, at most.
const LARGEST_RECORD: u64 = 64 << 20;

/// What `directions` left in `folder`.
///
/// # Errors
/// No such record.
pub fn directions_record(folder: &Path) -> Result<DirectionsRecord> {
    let path = folder.join(RECORD);
    let what = "the record of `rimforge directions`";
    let text = files::read(&path, LARGEST_RECORD, what)
        .map_err(|problem| problem.advice("run `rimforge directions` first, and give its --out folder"))?;
    files::parse_json(&path, &text, what)
}

/// What is edited, with what, and where it is put until it is whole.
struct Making<'a> {
    inputs: &'a Inputs<'a>,
    config: &'a EditConfig,
    inverted: &'a Inverted,
    directions: &'a Directions,
    out: &'a Path,
    lab: &'a Lab<'a>,
}

/// What is known of the edits so far.
#[derive(Default)]
struct Made {
    images: Vec<FileHash>,
    classes: Vec<String>,
    edits: Vec<Edit>,
    moved: Vec<Moved>,
    shown: Vec<Shown>,
}

impl Making<'_> {
    fn all(&self) -> Result<EditRecord> {
        let &Self { inputs, config, inverted, directions, out, lab } = self;
        let data = inputs.data;
        let mut classes = vec![vec![]; data.classes().count()];
        for (place, item) in inverted.items.iter().enumerate() {
            if let Some(class) = data.class_of(data.lesion(item.lesion)) {
                classes[class].push(place);
            }
        }
        let edits = plan(&classes, directions.all.len(), config, lab.seed);
        if edits.is_empty() {
            return Err(Problem::input(inputs.inverted, "no inverted training image of any class")
                .expected("inversions of training images")
                .advice("run `rimforge invert` on this data set's training side"));
        }
        let DirectionsConfig { features, lpips_weights, .. } = inputs.measured_by;
        let distance = Distance::open(&inverted.network, features, lpips_weights.as_deref(), lab.engine.device)?;
        let known = &directions.record.distance;
        if distance.name != *known {
            return Err(Problem::new(Kind::Gate, format!("a gate in the {}", crate::name::shown(known)))
                .at(inputs.directions)
                .expected(format!("the {}", distance.name))
                .advice("name the net that `rimforge directions` was given (--features, --lpips-weights)"));
        }
        lab.observer.begin("edit", "images", edits.len() as u64);
        let mut made = Made::default();
        for chunk in edits.chunks(TOGETHER) {
            if lab.observer.stop_requested() {
                return Err(Problem::new(Kind::Interrupted, "stopped while editing images")
                    .advice("run the same command again"));
            }
            self.draw(chunk, &distance, &mut made)?;
            lab.observer.advance(chunk.len() as u64);
        }
        lab.observer.end();
        sheet::write(&made.shown, &inverted.source, &out.join(SHEET))?;
        let record = self.record(made, &classes, distance.name);
        files::write_json(out.join(RECORD), &record)?;
        Ok(record)
    }

    /// Draws, measures and writes some edits; a last smaller batch is filled up, so that no image depends on it.
    fn draw(&self, edits: &[Planned], distance: &Distance<'_>, made: &mut Made) -> Result<()> {
        let &Self { inputs, inverted, directions, out, .. } = self;
        let filled: Vec<Planned> = edits.iter().copied().cycle().take(TOGETHER).collect();
        let places: Vec<usize> = filled.iter().map(|edit| edit.item).collect();
        let (num_ws, w_dim) = inverted.code_shape();
        let nowhere =
            Tensor::zeros([1, num_ws as i64, w_dim as i64], (tch::Kind::Float, inverted.network.generator.device()));
        let shift = |edit: &Planned| directions.all[edit.direction].moved(&nowhere, edit.deviations);
        let shifts = Tensor::cat(&filled.iter().map(shift).collect::<Vec<_>>(), 0);
        let edited = inverted.images(&places, Some(&shifts))?;
        let plain = inverted.images(&places, None)?;
        let originals = inverted.originals(&places)?;
        let found = gate::measure(distance.net.as_ref(), &edited, &plain, &originals)?;
        let split = |images: &Tensor| Image::split(&padding::crop(&inverted.source.padding, images));
        let [edited, plain, originals] = [split(&edited)?, split(&plain)?, split(&originals)?];
        let images = edited.into_iter().zip(plain).zip(originals).zip(edits).zip(found);
        for ((((edited, inverted_image), original), edit), moved) in images {
            let path = name(made.images.len() as u64);
            let shape = edited.shape.map(|side| side as u64);
            let sha256 = patch_file::write(&out.join(&path), &shape, &edited.pixels)?;
            made.images.push(FileHash { path, sha256 });
            let item = &inverted.items[edit.item];
            let lesion = inputs.data.lesion(item.lesion);
            made.classes.push(lesion.class.name().to_owned());
            made.edits.push(Edit {
                lesion_id: lesion.id.clone(),
                slice: u64::from(item.slice),
                direction: directions.all[edit.direction].id.clone(),
                deviations: edit.deviations,
                to_inverted: moved.to_inverted,
                to_original: moved.to_original,
            });
            made.moved.push(moved);
            if made.shown.len() < SHOWN {
                made.shown.push(Shown { original, inverted: inverted_image, edited });
            }
        }
        Ok(())
    }

    fn record(&self, made: Made, inverted_of: &[Vec<usize>], distance: String) -> EditRecord {
        let &Self { inputs, inverted, directions, .. } = self;
        let data = inputs.data;
        let kept: Vec<bool> = made.moved.iter().map(|moved| directions.gate.passes(moved)).collect();
        let image_classes = made.classes;
        let class = |(number, class): (usize, &crate::records::classes::Class)| {
            let own = image_classes.iter().zip(&kept).filter(|(name, _)| *name == class.name());
            let (images, kept) = own.fold((0, 0), |(all, good), (_, kept)| (all + 1, good + u64::from(*kept)));
            EditClass { class: class.name().into(), inverted: inverted_of[number].len() as u64, images, kept }
        };
        let counts = EditRecord::by_direction(&made.edits, &kept);
        let direction = |one: &Direction| {
            let (images, kept) = counts.get(&one.id).copied().unwrap_or_default();
            EditDirection { id: one.id.clone(), name: one.name.clone(), images, kept }
        };
        let thresholds: Vec<f64> = directions.record.gate.sweep.iter().filter_map(|row| row.threshold).collect();
        EditRecord {
            simulated: data.manifest().simulated,
            network_sha256: inverted.network.sha256.clone(),
            data_sha256: inverted.source.data_sha256.clone(),
            ancestor_data: inverted.source.ancestor_data.clone(),
            edited_sha256: Some(data.sha256().to_owned()),
            inversion: inverted.method.clone(),
            accepted_by: inputs.accepted.by.clone(),
            directions: directions.all.iter().map(direction).collect(),
            distance,
            threshold: directions.gate.threshold,
            against: directions.record.gate.against.clone(),
            sweep: gate::sweep(&made.moved, directions.gate.against, &thresholds),
            classes: data.classes().names.iter().enumerate().map(class).collect(),
            images: made.images,
            image_classes,
            kept,
            edits: made.edits,
            sheet: SHEET.into(),
        }
    }
}

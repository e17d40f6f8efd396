//! The projections of each lesion as of interest and as of the other class, side by side.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::Prepared;
use crate::data::manifest::Split;
use crate::files;
use crate::name::{shown, shown_path};
use crate::problem::{Kind, Problem, Result};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::run_dir::RECORD;

/// Bytes of a record of projections, at most: an entry of some 600 for each of a hundred thousand images.
const LARGEST: u64 = 64 << 20;

/// A lesion's slices, each projected both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// At least one, ascending.
    pub slices: Vec<PairedSlice>,
}

/// A slice as of interest and as of the other class.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedSlice {
    /// Index within the patch.
    pub z: u32,
    /// Final distances.
    pub losses: [f64; 2],
    /// Files of the projections, with the hashes that their records list.
    pub images: [(PathBuf, String); 2],
    /// Rim contrast of the slice itself.
    pub contrast: f64,
}

/// What must be the same in all folders: the losses are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Of the network's file.
    pub network_sha256: String,
    /// Manifest that it was trained on.
    pub data_sha256: Option<String>,
    /// Those that its weights knew before.
    pub ancestor_data: Vec<String>,
    /// What losses are measured with.
    pub features: String,
    /// Optimiser steps.
    pub steps: u64,
    /// "w" or "w-plus".
    pub space: String,
    /// Of every draw.
    pub seed: u64,
    /// Hash of all other settings; absent in records of earlier versions.
    pub settings_sha256: Option<String>,
}

impl Setup {
    fn of(record: &ProjectionRecord) -> Self {
        Self {
            network_sha256: record.network_sha256.clone(),
            data_sha256: record.data_sha256.clone(),
            ancestor_data: record.ancestor_data.clone(),
            features: record.features.clone(),
            steps: record.steps,
            space: record.space.clone(),
            seed: record.seed,
            settings_sha256: record.settings_sha256.clone(),
        }
    }

    /// The first thing in which another is not the same: what, and both.
    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let text = |setup: &Self| {
            let Self { network_sha256, features, steps, space, seed, settings_sha256, .. } = setup;
            [
                ("network", network_sha256.clone()),
                ("features", features.clone()),
                ("steps", steps.to_string()),
                ("space", space.clone()),
                ("seed", seed.to_string()),
                ("other settings, of hash", settings_sha256.clone().unwrap_or_else(|| "unknown".into())),
            ]
        };
        let pairs = text(self).into_iter().zip(text(other));
        pairs.into_iter().find(|(own, other)| own != other).map(|((what, own), (_, other))| (what, own, other))
    }
}

/// Slices of one side of the comparison.
type Slices = BTreeMap<(u32, u32), (ProjectedLesion, PathBuf)>;

/// Reads the folders of both sides; lesions in the manifest's order.
///
/// # Errors
/// A folder without a record of `project`; folders whose projections cannot be compared; a projection as of another
/// class, of a lesion that the data set does not have or that is on its test side, or without its counterpart.
pub fn read(data: &Prepared, folders: [&[PathBuf]; 2], classes: [&str; 2]) -> Result<(Setup, Vec<Pair>)> {
    let mut setup = None;
    let mut sides: [Slices; 2] = Default::default();
    for ((side, folders), class) in sides.iter_mut().zip(folders).zip(classes) {
        for folder in folders {
            read_folder(data, folder, class, (side, &mut setup))?;
        }
    }
    let Some(setup) = setup else {
        return Err(Problem::usage("no folder of projections").expected("one of each class, that `project` wrote"));
    };
    let [of_interest, mut other] = sides;
    let mut pairs: Vec<Pair> = vec![];
    for (key, first) in of_interest {
        let second = other.remove(&key).ok_or_else(|| alone(&first, classes[1]))?;
        let image = |(lesion, folder): &(ProjectedLesion, PathBuf)| -> Result<(PathBuf, String)> {
            let sha256 = lesion.image_sha256.clone().ok_or_else(|| {
                Problem::new(Kind::Gate, "a record of an earlier version: it has no hashes of its images")
                    .at(folder.join(RECORD))
                    .advice("run the same `rimforge project` command again; what is finished is kept")
            })?;
            Ok((lesion.image.under(folder), sha256))
        };
        let losses = [first.0.distance, second.0.distance];
        let images = [image(&first)?, image(&second)?];
        let slice = PairedSlice { z: key.1, losses, images, contrast: first.0.contrast_before };
        match pairs.last_mut().filter(|pair| pair.lesion == key.0) {
            Some(pair) => pair.slices.push(slice),
            None => pairs.push(Pair { lesion: key.0, slices: vec![slice] }),
        }
    }
    match other.values().next() {
        Some(left) => Err(alone(left, classes[0])),
        None => Ok((setup, pairs)),
    }
}

fn alone((lesion, folder): &(ProjectedLesion, PathBuf), missing: &str) -> Problem {
    let found = format!("slice {} of {} is not projected as {missing}", lesion.slice, lesion.lesion_id);
    Problem::new(Kind::Input, found)
        .at(folder.join(RECORD))
        .expected("the same lesions on both sides")
        .advice(format!("project them with the same settings and --condition {missing}"))
}

fn read_folder(
    data: &Prepared,
    folder: &Path,
    class: &str,
    (side, setup): (&mut Slices, &mut Option<Setup>),
) -> Result<()> {
    let path = folder.join(RECORD);
    let what = "the record of a folder that `rimforge project` wrote";
    let bytes = files::read(&path, LARGEST, what)?;
    let record: ProjectionRecord = files::parse_json(&path, &bytes, what)?;
    data.require_made_of_it(&path, "projections", record.projected_sha256.as_deref())?;
    data.require_made_of_it(&path, "projections into a network", record.data_sha256.as_deref())?;
    let own = Setup::of(&record);
    let first = setup.get_or_insert_with(|| own.clone());
    if let Some((what, expected, found)) = first.differs(&own) {
        return Err(Problem::new(Kind::Gate, format!("projected with {what} {}", shown(&found)))
            .at(&path)
            .expected(format!("{}, as in the first folder: otherwise losses mean different things", shown(&expected)))
            .advice("project both sides with the same settings but for --condition"));
    }
    for entry in record.lesions {
        let place = data.manifest().lesions.iter().position(|lesion| lesion.id == entry.lesion_id);
        let known = place.map(|at| &data.manifest().lesions[at]).filter(|known| known.split != Split::Test);
        let (Some(place), Some(_)) = (place, known) else {
            let found = format!("{} is no lesion of the training or validation side", entry.lesion_id);
            return Err(Problem::new(Kind::Gate, found)
                .at(&path)
                .expected(format!("lesions of {}", data.root().display()))
                .advice("project the lesions of this data set"));
        };
        if entry.class.as_deref() != Some(class) {
            let found =
                format!("{} projected as {}", entry.lesion_id, shown(entry.class.as_deref().unwrap_or("no class")));
            return Err(Problem::new(Kind::Input, found)
                .at(&path)
                .expected(format!("all as {class}"))
                .advice(format!("project into a conditional network with --condition {class}")));
        }
        let (id, slice) = (entry.lesion_id.clone(), data.slice_of(&path, entry.slice)?);
        if !(entry.distance > 0.0 && entry.distance.is_finite()) {
            return Err(Problem::input(&path, format!("a distance of {} of slice {slice} of {id}", entry.distance))
                .expected("a number above 0")
                .advice("run the same `rimforge project` command again"));
        }
        if let Some((_, first)) = side.insert((place as u32, slice), (entry, folder.to_owned())) {
            return Err(Problem::input(&path, format!("slice {slice} of {id} is projected as {class} twice"))
                .expected("each slice in one folder of a side")
                .advice(format!("the other is in {}: leave one of the folders out", shown_path(&first))));
        }
    }
    Ok(())
}

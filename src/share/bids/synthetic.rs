//! Images that a network drew: a subject a seed, who is no person.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::dataset::{DESCRIPTION, Dataset, Scan};
use super::suffix::Suffix;
use super::{BidsOutcome, OWNER};
use crate::data::listed_image;
use crate::data::name_join::{listed, repeated};
use crate::files::npy::Npy;
use crate::files::{self, Input, OutFolder};
use crate::nifti::{Affine, Grid};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::synthesis::{LearntFrom, SynthesisRecord};
use crate::run_dir::RECORD;
use crate::share::drawn::{self, DrawnImage};
use crate::share::stop_if_asked;

/// Most bytes of one image: what the largest networks draw, several channels of it.
const LARGEST: u64 = 1 << 30;

/// Writes the drawn images of `folder` into `out`.
///
/// # Errors
/// No record of `generate` that says from what the network learnt and in which units it draws, no npy images, a
/// contrast that BIDS has no name for, an `out` that is not this command's, a failed write, or stopped on request.
pub fn write(folder: &Path, out: &Path, observer: &dyn Observer) -> Result<BidsOutcome> {
    let target = OutFolder::new(OWNER, out).apart_from([Input::of(folder)]);
    target.check()?;
    let record = drawn::record(folder)?;
    let path = folder.join(RECORD);
    let Some(learnt) = record.learnt_from.clone() else {
        return Err(Problem::input(&path, "a record that does not say what its network learnt from")
            .expected("one of this version: whether it was simulated, how large voxels are")
            .advice("draw the images again with `rimforge generate`"));
    };
    if record.contrasts.is_empty() {
        return Err(Problem::input(&path, "images whose contrasts and units nobody knows")
            .expected("a network trained by `rimforge train`, or imported with --window"));
    }
    record.contrasts.iter().try_for_each(|contrast| Suffix::of(contrast).map(drop))?;
    let images = drawn::images(&record, &path)?;
    let seeds: Vec<String> = images.iter().map(|(_, image)| seed(image)).collect();
    let twice = repeated(seeds.iter().map(String::as_str));
    if !twice.is_empty() {
        return Err(Problem::input(&path, format!("several images of one seed: {}", listed(&twice)))
            .expected("names with the seed's number in them, each once")
            .advice(drawn::AGAIN));
    }
    let mut claim = target.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    let mut dataset = Dataset::new(&staging);
    observer.begin("writing volumes", "images", images.len() as u64);
    let mut first = None;
    for (at, image) in &images {
        stop_if_asked(observer)?;
        let shape = one(&mut dataset, folder, (&record, &learnt), (*at, image))?;
        if *first.get_or_insert(shape) != shape {
            return Err(Problem::input(folder.join(&image.path), format!("depth, height and width {shape:?}"))
                .expected(format!("{:?}, as the images before it", first.unwrap_or(shape)))
                .advice(drawn::AGAIN));
        }
        observer.advance(1);
    }
    observer.end();
    let outcome = BidsOutcome {
        origin: "synthetic".into(),
        simulated: learnt.simulated,
        patient_data: false,
        subjects: dataset.subjects(),
        scans: images.len() as u64,
        notes: learnt
            .voxel_mm
            .is_none()
            .then(|| "voxels of unknown size: headers say 1 mm".into())
            .into_iter()
            .collect(),
    };
    let names = dataset.finish("Synthetic images", &about(&learnt), sources(&record))?;
    claim.publish(names, &[DESCRIPTION], observer)?;
    Ok(outcome)
}

/// The digits in an image's name.
fn seed(image: &DrawnImage) -> String {
    image.stem.chars().filter(char::is_ascii_digit).collect()
}

/// Writes one image; its depth, height and width.
fn one(
    dataset: &mut Dataset<'_>,
    folder: &Path,
    (record, learnt): (&SynthesisRecord, &LearntFrom),
    (at, image): (usize, &DrawnImage),
) -> Result<[usize; 3]> {
    let path = folder.join(&image.path);
    let bytes = image.bytes(folder, LARGEST)?;
    let array = Npy::open(&bytes).map_err(|problem| problem.at(&path))?;
    let shape: Vec<usize> = array.shape().iter().map(|&size| size as usize).collect();
    let channels = record.contrasts.len();
    let [depth, height, width] = match shape[..] {
        [found, height, width] if found == channels => [1, height, width],
        [found, depth, height, width] if found == channels => [depth, height, width],
        _ => {
            return Err(Problem::input(&path, format!("an array of shape {shape:?}"))
                .expected(format!("{channels} channels of an image or a volume")));
        }
    };
    let values = listed_image::finite(&path, array).map_err(|problem| problem.advice(drawn::AGAIN))?;
    let seed = seed(image);
    let subject = format!("sub-synth{seed}");
    let simulated = learnt.simulated.map_or_else(|| "n/a".to_owned(), |simulated| simulated.to_string());
    dataset.subject(&subject, ["synthetic".into(), simulated]);
    let class = record.image_classes.get(at).or(record.class_name.as_ref());
    let mut sidecar = Map::new();
    let mut say = |key: &str, value: Value| sidecar.insert(key.into(), value);
    say("Description", json!(about(learnt)));
    say("Synthetic", json!(true));
    say("Simulated", json!(learnt.simulated));
    say("Seed", json!(seed.parse::<u64>().ok()));
    say("Class", json!(class));
    say("Truncation", json!(record.truncation));
    say("NetworkSHA256", json!(record.network_sha256));
    say("DataSHA256", json!(record.data_sha256));
    say("SkullStripped", json!(false));
    let scan = Scan {
        subject: &subject,
        desc: "synthetic",
        shape: [depth, height, width],
        affine: affine([depth, height, width], learnt.voxel_mm.unwrap_or([1.0; 3])),
        sidecar: &sidecar,
        header: if learnt.simulated == Some(true) { "SIMULATED SYNTHETIC" } else { "SYNTHETIC" },
    };
    dataset.add(&scan, &record.contrasts, &values)?;
    Ok([depth, height, width])
}

/// About the world's origin. Slices lie as cohorts have them; volumes are of brains, whose first voxel is the patient's
/// upper right front.
fn affine([depth, height, width]: [usize; 3], [depth_mm, height_mm, width_mm]: [f64; 3]) -> Affine {
    let upright = Grid::centred([width, height, depth], [width_mm, height_mm, depth_mm]).affine();
    if depth == 1 {
        return upright;
    }
    let last = |size: usize| size as f64 - 1.0;
    upright.along([(0, last(width), -1.0), (1, last(height), -1.0), (2, last(depth), -1.0)])
}

fn about(learnt: &LearntFrom) -> String {
    let from = match learnt.simulated {
        Some(true) => "SIMULATED data",
        Some(false) => "measured data",
        None => "data that it does not name",
    };
    format!(
        "SYNTHETIC: drawn by a generator that was trained on {from}. No subject is a person. A generator may repeat what \
         it learnt from: near copies of training images are not ruled out."
    )
}

fn sources(record: &SynthesisRecord) -> Vec<Value> {
    let data = record.data_sha256.iter().chain(&record.ancestor_data);
    data.map(|sha256| json!({"Version": format!("prepared data set, SHA-256 of its manifest {sha256}")})).collect()
}

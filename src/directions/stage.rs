//! The stage: a network and its data set in; named directions, their pictures and what random ones reach out.

use std::path::Path;

use tch::{Kind, Tensor};

use super::bench::{Bench, Draws, factors};
use super::class_scores::{ClassScores, OfDiscriminator};
use super::config::{DirectionsConfig, MetersChoice};
use super::features::Distance;
use super::found::{self, FoundSet, Subject, deviations};
use super::gate::Gate;
use super::null::Null;
use super::opened::Opened;
use super::record::Writer;
use super::second::First;
use super::{calibration, record};
use crate::data::{Prepared, TrainSlices};
use crate::engine::Lab;
use crate::feed::padding;
use crate::files::{self, Input, OutFolder, Owner};
use crate::meters::Meters;
use crate::name::Inside;
use crate::problem::{Problem, Result};
use crate::records::directions::DirectionsRecord;
use crate::run_dir::{DirectionsDir, RECORD};
use crate::settings::Settings;

/// What directions are looked for in.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// A network file, or the folder of a training run.
    pub network: &'a Path,
    /// Its data set, of which the training side alone is looked at.
    pub data: &'a Prepared,
    /// A network that was trained from other weights, to see whether it has the same directions.
    pub second: Option<&'a Path>,
    /// Who tells classes; without it the discriminator of a conditional network does.
    pub classes: Option<&'a dyn ClassScores>,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("directions", |_| Ok(None));

/// Training images that the deviations of factors are of, at most; evenly spread over all.
const MOST_REALS: usize = 1000;

/// Finds, names and draws directions; leaves `record.json`, `directions.safetensors`, `atlas.png` and a strip for each
/// direction in `out`. A run that was stopped begins anew and ends in the same bytes.
///
/// # Errors
/// Settings out of range, a network of other images than the data set's, no image to calibrate a threshold on, a second
/// network of common ancestry, a folder in use, a full disk, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &DirectionsConfig, out: &Path, lab: &Lab<'_>) -> Result<DirectionsRecord> {
    config.check()?;
    let data = inputs.data;
    let read = [data.root(), inputs.network].into_iter().chain(inputs.second);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read.map(Input::of)).claim()?;
    lab.engine.set_deterministic(true)?;
    let opened = Opened::new(inputs.network, data, config, lab)?;
    let groups = found::groups(config, opened.network.generator.num_ws());
    if groups.is_empty() {
        return Err(Problem::usage(format!(
            "directions.layers of which the network of {} w has none",
            opened.network.generator.num_ws()
        ))
        .expected("\"all\", or groups of layers that it has"));
    }
    let count = (config.count as usize).min(opened.network.generator.config().w_dim as usize);
    let ids = groups.iter().flat_map(|(group, _)| config.methods.iter().map(move |method| (*method, *group)));
    let strips: Vec<Inside> = ids
        .flat_map(|(method, group)| (0..count).map(move |at| DirectionsDir::strip(&FoundSet::id(method, group, at))))
        .collect();
    // It speaks of pictures that are about to be replaced.
    files::remove(&out.join(RECORD))?;
    claim.forget(|name| name.starts_with("strips/") && !strips.iter().any(|strip| strip.as_str() == name))?;
    let names = [RECORD, DirectionsDir::VECTORS, DirectionsDir::ATLAS].map(str::to_owned);
    claim.will_write(strips.iter().map(Inside::to_string).chain(names))?;

    let (measured, meters) = meters_of(config.meters, data)?;
    let distance =
        Distance::open(&opened.network, &config.features, config.lpips_weights.as_deref(), lab.engine.device)?;
    let slices = training(data)?;
    let reals = reals(&slices, meters)?;
    let calibration = calibration::of(&slices, &opened, distance.net.as_ref(), config, lab)?;
    let gate =
        Gate::new(config.threshold, config.against, calibration.as_ref()).map_err(|problem| problem.at(data.root()))?;
    let own = opened.network.discriminator.as_ref().filter(|network| network.config().c_dim > 0).map(OfDiscriminator);
    let classes = inputs.classes.or(own.as_ref().map(|own| own as &dyn ClassScores));
    let generator = &opened.network.generator;
    let bench = Bench {
        draws: generator,
        padding: opened.source.padding,
        meters,
        distance: distance.net.as_ref(),
        classes,
        cloud: &opened.cloud,
        codes: &opened.codes.w,
        reach: config.reach,
    };
    let drawn = drawn(&bench)?;
    let subject = Subject {
        bench: &bench,
        spread: &opened.spread,
        layers: &opened.layers,
        deviations: &reals,
        config,
        observer: lab.observer,
    };
    let (sets, nulls) = search(&subject, count as u64, inputs.second.is_some(), lab)?;
    let first = First { opened: &opened, sets: &sets, deviations: &reals, meters, config, data };
    let second = inputs.second.map(|path| first.compared_with(path, lab)).transpose();
    lab.observer.end();
    let writer = Writer { opened: &opened, bench: &bench, config, gate, lab, out };
    let found = record::Found {
        sets: &sets,
        nulls: &nulls,
        deviations: [&reals, &drawn],
        second: second?,
        calibration,
        distance: &distance.name,
        meters: measured,
        data,
    };
    writer.write(found)
}

/// All sets with the null of their groups: groups in the settings' order, methods within them.
fn search(subject: &Subject<'_>, count: u64, twice: bool, lab: &Lab<'_>) -> Result<(Vec<FoundSet>, Vec<Null>)> {
    let (groups, config) = (subject.groups(), subject.config);
    let directions = groups.len() as u64 * config.methods.len() as u64 * count;
    let ways = directions * if twice { 2 } else { 1 } + groups.len() as u64 * config.random;
    lab.observer.begin("directions", "images", ways * subject.bench.images());
    let (mut sets, mut nulls) = (vec![], vec![]);
    for (group, indices) in groups {
        let own = config.methods.iter().map(|method| subject.find(*method, group, indices.clone()));
        let own = own.collect::<Result<Vec<_>>>()?;
        let sigmas: Vec<f64> = own.iter().flat_map(|set| set.directions.iter().map(|one| one.sigma)).collect();
        let null = subject.null(group, &indices, &sigmas, lab.seed)?;
        nulls.extend(own.iter().map(|_| null.clone()));
        sets.extend(own);
    }
    Ok((sets, nulls))
}

/// Training images that belong to a class.
fn training(data: &Prepared) -> Result<TrainSlices> {
    let slices = data.training_all().filter(|lesion| data.class_of(lesion).is_some());
    if slices.is_empty() {
        return Err(Problem::input(data.root(), "no training image of any class")
            .expected("images whose factors tell how far a direction goes"));
    }
    Ok(slices)
}

/// The meters that are asked for, and what records call them.
fn meters_of(choice: MetersChoice, data: &Prepared) -> Result<(&'static str, &'static dyn Meters)> {
    let [channels, height, width] = data.image_shape();
    let (name, meters) = choice.meters(data.contrasts());
    if meters.takes([channels, height, width]) {
        return Ok((name, meters));
    }
    Err(Problem::usage(format!("images of {channels} x {height} x {width}"))
        .at(data.root())
        .expected(format!("images that the {name} meters can measure"))
        .advice("choose others: directions.meters (--meters)"))
}

/// Deviations of the factors among training images.
fn reals(slices: &TrainSlices, meters: &dyn Meters) -> Result<Vec<f64>> {
    let count = slices.len().min(MOST_REALS);
    let [channels, height, width] = slices.prepared().image_shape().map(|side| side as i64);
    let mut measured = Vec::new();
    for at in 0..count {
        let image = slices.image(at * slices.len() / count)?;
        measured.extend(factors(meters, &Tensor::from_slice(&image.pixels).view([1, channels, height, width]))?);
    }
    Ok(deviations(&measured))
}

/// Deviations of the factors among the images of the codes.
fn drawn(bench: &Bench<'_>) -> Result<Vec<f64>> {
    let images = bench.draws.images(&found::whole(&bench.codes.to_kind(Kind::Float), bench.draws.num_ws()));
    Ok(deviations(&factors(bench.meters, &padding::crop(&bench.padding, &images))?))
}

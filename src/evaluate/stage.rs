//! The stage: a data set, folders of images and a network in; their distances, and what stands between these and what
//! they are usually taken for, out.

use std::path::Path;

use super::config::EvaluateConfig;
use super::draw::{Drawn, draw};
use super::eye::Eye;
use super::measures::{self, all};
use super::meter::{Held, Meter};
use super::network::{Opened, stopped};
use super::seen::{RimMap, Seen};
use super::sets::{self, Made, Named, Sets};
use super::sources::{Source, Unit};
use super::warnings::{self, Facts};
use super::yardsticks;
use crate::classify::made::of_data::{self, of_data};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::network_source::network_file;
use crate::files::{self, Input, OutFolder, Owner};
use crate::metrics::ms_ssim::scales;
use crate::problem::{Kind, Problem, Result};
use crate::records::evaluate::{Comparison, EvaluatedSet, EvaluationRecord, Topic};
use crate::run_dir::RECORD;
use crate::settings::Settings;

/// What is looked at; at least a data set or a network.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Its held-out images are compared with; without it the network is looked at alone.
    pub data: Option<&'a Prepared>,
    /// Folders that `generate` or `project` wrote.
    pub sets: &'a [SetFolder<'a>],
    /// A network file, or the folder of a training run or an import.
    pub network: Option<&'a Path>,
}

/// A folder of images and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetFolder<'a> {
    /// By itself.
    pub name: String,
    /// The training set that it makes with the real ones; an arm's name in a study.
    pub training: String,
    /// Where it lies.
    pub folder: &'a Path,
    /// Where it has too few images to stand by itself, that is noted and it does not; else it is refused.
    pub may_lack: bool,
}

/// Knows the stage's folders; none is older than marks.
pub const OWNER: Owner = Owner::of("evaluate", |_| Ok(None));

/// Fewest images of a set that say anything.
pub(super) const FEWEST: usize = 8;

/// Images of a network that is looked at without real ones.
const ALONE: usize = 100;

/// Measures all sets and writes `record.json` into `out`.
///
/// # Errors
/// Neither data nor network, settings out of range, too few held-out images, a folder, a file of weights or a network
/// that cannot be used, a folder in use, or stopped on request.
pub fn run_stage(inputs: Inputs<'_>, config: &EvaluateConfig, out: &Path, lab: &Lab<'_>) -> Result<EvaluationRecord> {
    config.check()?;
    if inputs.data.is_none() && (inputs.network.is_none() || !inputs.sets.is_empty()) {
        return Err(Problem::usage("no data set to compare with")
            .expected("a prepared data set (--data), or a network (--network) to look at alone"));
    }
    let network = inputs.network.map(network_file).transpose()?;
    let read =
        config.files().map(|(_, file)| file.as_path()).chain(network.as_deref()).chain(inputs.data.map(Prepared::root));
    let read = read.chain(inputs.sets.iter().map(|set| set.folder)).map(Input::of);
    let mut claim = OutFolder::new(OWNER, out).apart_from(read).claim()?;
    claim.will_write([RECORD])?;
    if inputs.data.is_some() {
        claim.will_write(of_data::files(&config.arms))?;
    }
    if inputs.data.is_none() && config.clip.is_some() {
        return Err(Problem::usage("evaluate.clip (--clip) without real images")
            .expected("a prepared data set (--real), with whose held-out images CMMD compares"));
    }
    lab.engine.set_deterministic(true)?;
    let opened = network.as_deref().map(|file| Opened::load(file, config, lab.engine.device)).transpose()?;
    let shape = match (inputs.data, &opened) {
        (Some(data), _) => data.image_shape(),
        (None, Some(opened)) => opened.shape(),
        (None, None) => return Err(Problem::usage("no data set to compare with")),
    };
    if let Some(opened) = opened.as_ref().filter(|opened| opened.shape() != shape) {
        return Err(Problem::usage(format!("a network of images {:?} beside data of {shape:?}", opened.shape()))
            .expected("channels, height and width of the data set"));
    }
    if let (Some(opened), Some(data)) = (&opened, inputs.data) {
        opened.source.require_of(data.image_shape()[0] as i64, data)?;
    }
    let eye = Eye::open(config, shape[0] as i64, lab.engine.device)?;
    let work = Work { config, lab, out, eye: &eye, shape, opened: opened.as_ref() };
    let record = match inputs.data {
        Some(data) => work.against(data, inputs.sets)?,
        None => work.network_alone()?,
    };
    files::write_json(out.join(RECORD), &record)?;
    Ok(record)
}

/// What all steps share.
struct Work<'a> {
    config: &'a EvaluateConfig,
    lab: &'a Lab<'a>,
    out: &'a Path,
    eye: &'a Eye,
    shape: [usize; 3],
    opened: Option<&'a Opened>,
}

/// Sets of one number of images, drawn but not yet looked at.
struct Table {
    topic: Topic,
    held: Drawn,
    sets: Vec<(Named, Drawn)>,
}

impl Work<'_> {
    fn against(&self, data: &Prepared, folders: &[SetFolder<'_>]) -> Result<EvaluationRecord> {
        let &Self { config, lab, .. } = self;
        let (made, left_out) = self.made(data)?;
        let draw = sets::Draw { extra: config.extra as usize, seed: lab.seed };
        let mut sets = Sets::of(data, made, folders, draw)?;
        sets.notes.extend(left_out);
        sets.notes.extend(self.opened.iter().flat_map(|opened| opened.source.notes_beside(data)));
        let mut tables = vec![
            self.table(Topic::Sets, &sets.held, &sets.alone)?,
            self.table(Topic::TrainingSets, &sets.held, &sets.training)?,
        ];
        let truncated = self.truncated(&mut sets)?;
        if !truncated.is_empty() {
            tables.push(self.table(Topic::Truncation, &sets.held, &truncated)?);
        }
        let map = RimMap::of(data.contrasts(), self.shape);
        let meter = Meter::new(self.eye, config, data.manifest().voxel_mm.map_or(1.0, |mm| mm[2]), lab);
        let total: usize = tables.iter().map(|table| table.sets.len()).sum();
        lab.observer.begin("evaluate", "sets", total as u64);
        let (mut comparisons, mut dimensions, mut reference) = (Vec::new(), 0, None);
        for table in &tables {
            let seen = self.look(&sets, table, map.as_ref())?;
            let held = meter.held(&seen, seen.chosen(&table.held))?;
            dimensions = dimensions.max(held.frechet_dimensions());
            comparisons.push(self.compare(&meter, &seen, &held, table)?);
            if reference.is_none() {
                reference = Some(EvaluatedSet {
                    name: sets.held.name.clone(),
                    about: sets.held.about.clone(),
                    available: sets.held.images() as u64,
                    groups: held.groups().count() as u64,
                    measures: meter.diversity(&seen, held.chosen())?,
                });
            }
        }
        lab.observer.end();
        if config.yardsticks {
            comparisons.extend(self.yardsticks(&meter, &mut sets, &tables[1], map.as_ref())?);
        }
        let images = comparisons.iter().map(|comparison| comparison.images).min().unwrap_or(0);
        let patients = reference.as_ref().map_or(0, |held| held.groups);
        let mut warnings = warnings::of(&self.facts(images, patients, dimensions as u64));
        warnings.append(&mut sets.notes);
        let components = self.eye.is_own().then_some(dimensions as u64);
        let thickness = if data.manifest().voxel_mm.is_some() { "mm" } else { "pixels" };
        let record = self.record(components, thickness)?;
        Ok(EvaluationRecord {
            simulated: data.manifest().simulated,
            data_sha256: Some(data.sha256().to_owned()),
            reference,
            comparisons,
            warnings,
            ..record
        })
    }

    /// What arms make of the data set, and why some cannot.
    fn made(&self, data: &Prepared) -> Result<(Vec<Made>, Vec<String>)> {
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for &arm in &self.config.arms {
            match of_data(arm, data, self.config.extra as usize, self.out, self.lab) {
                Ok(images) if images.is_empty() => {
                    notes.push(format!("{} is not among the training sets: no class is of interest.", arm.name()));
                }
                Ok(images) => all.push(Made { arm, images }),
                Err(problem) if problem.kind() == Kind::Usage => {
                    notes.push(format!("{} is not among the training sets: {problem}.", arm.name()));
                }
                Err(problem) => return Err(problem),
            }
        }
        Ok((all, notes))
    }

    /// The network without real images: path length, and how unlike its images are at each truncation.
    fn network_alone(&self) -> Result<EvaluationRecord> {
        let &Self { config, lab, .. } = self;
        let meter = Meter::new(self.eye, config, 1.0, lab);
        let mut sets = Vec::new();
        let mut sources = Vec::new();
        let count = ALONE.min(config.images as usize);
        for named in self.psi_sets(count, &mut sources)? {
            let drawn = draw(&named.units, count, lab.seed);
            let seen = Seen::look(&sources, &[&drawn], self.shape, self.eye, None, self.lab.observer)?;
            let measures = meter.diversity(&seen, &seen.chosen(&drawn))?;
            sets.push(evaluated(&named, &drawn, measures));
        }
        let truncation = Comparison { topic: Topic::Truncation, images: count as u64, sets, rises: Default::default() };
        let facts = self.facts(count as u64, u64::MAX, 0);
        Ok(EvaluationRecord {
            simulated: self.opened.is_some_and(|opened| opened.source.simulated),
            comparisons: if truncation.sets.is_empty() { vec![] } else { vec![truncation] },
            warnings: warnings::of(&facts),
            ..self.record(None, "pixels")?
        })
    }

    /// What does not depend on sets.
    fn record(&self, components: Option<u64>, thickness: &str) -> Result<EvaluationRecord> {
        let &Self { config, lab, eye, shape, .. } = self;
        let network =
            self.opened.map(|opened| opened.curves(eye, config.paths, lab.seed.child("paths", 0), lab.observer));
        let scales = scales(shape[1].min(shape[2]) as i64);
        Ok(EvaluationRecord {
            simulated: false,
            data_sha256: None,
            seed: lab.seed.0,
            features: eye.names.features.clone(),
            dimensions: eye
                .vectors(
                    &tch::Tensor::zeros(
                        [1, shape[0] as i64, shape[1] as i64, shape[2] as i64],
                        (tch::Kind::Float, tch::Device::Cpu),
                    ),
                    lab.observer,
                )?
                .size()[1] as u64,
            perceptual: eye.names.perceptual.clone(),
            measures: all(&eye.names, components, config.neighbours, scales, thickness),
            reference: None,
            comparisons: vec![],
            network: network.transpose()?,
            warnings: vec![],
        })
    }

    fn facts(&self, images: u64, patients: u64, dimensions: u64) -> Facts {
        let side = self.shape[1].min(self.shape[2]) as u64;
        Facts {
            images,
            patients,
            dimensions,
            own_net: self.eye.is_own(),
            clip: self.eye.clip_is_published(),
            neighbours: self.config.neighbours,
            scales: scales(side as i64),
            side,
            channels: self.shape[0] as u64,
        }
    }

    /// Draws as many images of each set, and of the held-out ones, as the smallest has.
    fn table(&self, topic: Topic, held: &Named, sets: &[Named]) -> Result<Table> {
        let smallest = sets.iter().map(Named::images).min().unwrap_or(0).min(held.images());
        let count = smallest.min(self.config.images as usize);
        if count < FEWEST {
            let least = sets.iter().chain([held]).min_by_key(|set| set.images());
            let least = least.map_or("", |set| set.name.as_str());
            return Err(Problem::usage(format!("{count} images of {least}"))
                .expected(format!("at least {FEWEST}"))
                .advice("prepare, draw or project more, or leave that set out"));
        }
        let seed = self.lab.seed.child("held-out", count as u64);
        let drawn =
            |(at, set): (usize, &Named)| (set.clone(), draw(&set.units, count, self.lab.seed.child("set", at as u64)));
        Ok(Table { topic, held: draw(&held.units, count, seed), sets: sets.iter().enumerate().map(drawn).collect() })
    }

    /// All images of a table, originals of projections among them.
    fn look(&self, sets: &Sets<'_>, table: &Table, map: Option<&RimMap>) -> Result<Seen> {
        let originals = Drawn {
            images: table.sets.iter().flat_map(|(set, drawn)| pairs(set, drawn)).map(|(_, at)| at).collect(),
            groups: vec![],
        };
        let drawn: Vec<&Drawn> =
            [&table.held, &originals].into_iter().chain(table.sets.iter().map(|(_, drawn)| drawn)).collect();
        Seen::look(&sets.sources, &drawn, self.shape, self.eye, map, self.lab.observer)
    }

    fn compare(&self, meter: &Meter<'_>, seen: &Seen, held: &Held, table: &Table) -> Result<Comparison> {
        let mut sets = Vec::new();
        for (named, drawn) in &table.sets {
            if self.lab.observer.stop_requested() {
                return Err(stopped());
            }
            self.lab.observer.status(&named.name);
            let chosen = seen.chosen(drawn);
            let mut measures = meter.distances(seen, &chosen, held)?;
            if matches!(table.topic, Topic::Sets | Topic::Truncation) {
                measures.extend(meter.diversity(seen, &chosen)?);
                measures.extend(self.fidelity(meter, seen, named, drawn)?);
            }
            sets.push(evaluated(named, drawn, measures));
            self.lab.observer.advance(1);
        }
        let images = table.held.images.len() as u64;
        Ok(Comparison { topic: table.topic, images, sets, rises: Default::default() })
    }

    fn fidelity(&self, meter: &Meter<'_>, seen: &Seen, set: &Named, drawn: &Drawn) -> Result<super::meter::Numbers> {
        let patient: std::collections::HashMap<(usize, usize), &String> =
            drawn.images.iter().copied().zip(&drawn.groups).collect();
        let both = pairs(set, drawn).into_iter().filter_map(|(projected, original)| {
            Some(((seen.row(projected)?, seen.row(original)?), (*patient.get(&projected)?).clone()))
        });
        let (rows, patients): (Vec<(i64, i64)>, Vec<String>) = both.unzip();
        meter.fidelity(seen, &rows, &patients)
    }

    /// The network's images at each truncation as sets of their own.
    fn truncated(&self, sets: &mut Sets<'_>) -> Result<Vec<Named>> {
        let count = sets.held.images().min(self.config.images as usize);
        self.psi_sets(count, &mut sets.sources)
    }

    fn psi_sets(&self, count: usize, sources: &mut Vec<Source<'_>>) -> Result<Vec<Named>> {
        let Some(opened) = self.opened else { return Ok(vec![]) };
        let mut sets = Vec::new();
        for &psi in &self.config.truncations {
            let images = opened.images(count, psi, self.lab.observer)?;
            let unit = |at| Unit { group: format!("image {at}"), images: vec![(sources.len(), at)] };
            sets.push(Named {
                name: format!("psi {psi}"),
                about: "the network's images of the first seeds".into(),
                units: (0..images.len()).map(unit).collect(),
                originals: vec![],
            });
            sources.push(Source::Made(images));
        }
        Ok(sets)
    }

    /// The floor's images made worse, beside the floor.
    fn yardsticks(
        &self,
        meter: &Meter<'_>,
        sets: &mut Sets<'_>,
        of: &Table,
        map: Option<&RimMap>,
    ) -> Result<Vec<Comparison>> {
        let (floor, drawn) = &of.sets[0];
        let floor = Named { name: "as they are".into(), ..floor.clone() };
        let seen = Seen::look(&sets.sources, &[drawn], self.shape, self.eye, None, self.lab.observer)?;
        let rows: Vec<i64> = seen.chosen(drawn).rows;
        let steps = yardsticks::steps(&seen.images(&rows), map)?;
        let mut comparisons = Vec::new();
        for topic in [Topic::Blurred, Topic::Flattened] {
            let mut table = Table { topic, held: of.held.clone(), sets: vec![(floor.clone(), drawn.clone())] };
            for step in steps.iter().filter(|step| step.topic == topic) {
                let source = sets.sources.len();
                sets.sources.push(Source::Made(step.images.clone()));
                let images = (0..step.images.len()).map(|at| (source, at)).collect();
                let named = Named { name: step.name.clone(), about: step.about.clone(), ..floor.clone() };
                table.sets.push((named, Drawn { images, groups: drawn.groups.clone() }));
            }
            if table.sets.len() > 1 {
                let seen = self.look(sets, &table, map)?;
                let held = meter.held(&seen, seen.chosen(&table.held))?;
                let mut comparison = self.compare(meter, &seen, &held, &table)?;
                yardsticks::note_rises(&mut comparison, measures::distances());
                comparisons.push(comparison);
            }
        }
        Ok(comparisons)
    }
}

/// Projections among the drawn images with their originals: source and place of each.
fn pairs(set: &Named, drawn: &Drawn) -> Vec<((usize, usize), (usize, usize))> {
    let original: std::collections::HashMap<usize, usize> = set.originals.iter().copied().collect();
    let pair = |&image: &(usize, usize)| Some((image, (sets::CONTESTED, *original.get(&image.1)?)));
    drawn.images.iter().filter_map(pair).collect()
}

fn evaluated(named: &Named, drawn: &Drawn, measures: super::meter::Numbers) -> EvaluatedSet {
    let chosen: std::collections::BTreeSet<&String> = drawn.groups.iter().collect();
    EvaluatedSet {
        name: named.name.clone(),
        about: named.about.clone(),
        available: named.images() as u64,
        groups: chosen.len() as u64,
        measures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_are_paired_with_their_own_slices() {
        let set = Named { name: "p".into(), about: String::new(), units: vec![], originals: vec![(0, 7), (2, 9)] };
        let drawn = Drawn { images: vec![(4, 0), (4, 1), (4, 2)], groups: vec!["a".into(); 3] };
        assert_eq!(pairs(&set, &drawn), [((4, 0), (3, 7)), ((4, 2), (3, 9))]);
    }
}

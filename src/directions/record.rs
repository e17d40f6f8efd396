//! What was found, on the disk: pictures, vectors, and the record of it all.

use std::path::Path;

use super::atlas;
use super::bench::{Bench, Draws, Way, steps};
use super::config::{DirectionsConfig, Method};
use super::factorised::Variant;
use super::found::{self, FoundSet, whole};
use super::gate::{Against, Gate, Moved, Threshold, sweep};
use super::null::Null;
use super::opened::Opened;
use super::saved::{Direction, Saved};
use crate::data::Prepared;
use crate::digest;
use crate::engine::Lab;
use crate::feed::image::Image;
use crate::feed::network_source::as_refs;
use crate::feed::padding;
use crate::files;
use crate::name::Inside;
use crate::problem::Result;
use crate::raster::Canvas;
use crate::records::directions::{
    Calibration, ClassShare, CodeRecord, DirectionRecord, DirectionSet, DirectionsRecord, FactorRecord, GateRecord,
    LayerRecord, NullRecord, StabilityRecord,
};
use crate::records::spelling;
use crate::run_dir::{DirectionsDir, RECORD};

/// Deviations of less than this share of the largest component's are said to lead out of the cloud.
const FLAT: f64 = 0.05;

/// What was found.
pub(super) struct Found<'a> {
    /// Sets in the record's order.
    pub sets: &'a [FoundSet],
    /// For each set what random directions of its group reach.
    pub nulls: &'a [Null],
    /// Of the factors, among training images and among the codes' images.
    pub deviations: [&'a [f64]; 2],
    /// Another network's.
    pub second: Option<StabilityRecord>,
    /// The gate's yardstick.
    pub calibration: Option<Calibration>,
    /// Name of the distance.
    pub distance: &'a str,
    /// Name of the meters.
    pub meters: &'a str,
    /// The data set.
    pub data: &'a Prepared,
}

/// Writes it.
pub(super) struct Writer<'a> {
    /// The network and its codes.
    pub opened: &'a Opened,
    /// What measured.
    pub bench: &'a Bench<'a>,
    /// What a person set.
    pub config: &'a DirectionsConfig,
    /// What passes.
    pub gate: Gate,
    /// Engine, seed, observer.
    pub lab: &'a Lab<'a>,
    /// The stage's folder.
    pub out: &'a Path,
}

impl Writer<'_> {
    /// Pictures and vectors first, the record last.
    pub fn write(&self, found: Found<'_>) -> Result<DirectionsRecord> {
        let &Self { opened, bench, config, lab, out, .. } = self;
        let simulated = opened.source.simulated || found.data.manifest().simulated;
        let mut drawn = Vec::new();
        let mut sets = Vec::new();
        for (set, null) in found.sets.iter().zip(found.nulls) {
            sets.push(self.set(set, null, simulated, &mut drawn)?);
        }
        let texts = opened.source.texts("rows are directions, columns steps in deviations of the codes");
        atlas::atlas(&drawn).write_png(out.join(DirectionsDir::ATLAS), &as_refs(&texts))?;
        let saved = self.saved(&found, &sets);
        let vectors_sha256 = saved.write(&out.join(DirectionsDir::VECTORS))?;
        let record = DirectionsRecord {
            simulated,
            network_sha256: opened.network.sha256.clone(),
            data_sha256: found.data.sha256().to_owned(),
            seed: lab.seed.0,
            image: found.data.image_shape().map(|side| side as u64),
            meters: found.meters.to_owned(),
            factors: self.factors(found.deviations),
            distance: found.distance.to_owned(),
            class_scores: bench.classes.map(|classes| classes.name()),
            samples: config.samples,
            classes: self.classes(),
            codes: self.codes(),
            shown: config.shown,
            steps: steps(config.reach).to_vec(),
            reach: config.reach,
            layers: self.layers(),
            notes: self.notes(&found, &sets),
            gate: self.gate_record(&found),
            sets,
            second: found.second,
            vectors: DirectionsDir::VECTORS.into(),
            vectors_sha256,
            atlas: DirectionsDir::ATLAS.into(),
            computed_with: lab.engine.place.arithmetic.clone(),
        };
        files::write_json(out.join(RECORD), &record)?;
        Ok(record)
    }

    fn set(
        &self,
        set: &FoundSet,
        null: &Null,
        simulated: bool,
        drawn: &mut Vec<(String, Canvas)>,
    ) -> Result<DirectionSet> {
        let factors = self.bench.meters.factors();
        let widest = self.opened.spread.components()?.values.first().copied().unwrap_or_default().max(0.0).sqrt();
        let mut directions = Vec::new();
        for (at, one) in set.directions.iter().enumerate() {
            let id = FoundSet::id(set.method, set.group, at);
            let scores = &one.scores;
            let name = factors[scores.leading].name;
            let (strip, sheet, strip_sha256) = self.strip(set, one, at, simulated)?;
            let beats_null = null.is_beaten_by(scores);
            let beyond = if beats_null { "" } else { ", within chance" };
            let words = format!(
                "{id}  {name} {:+.2}  purity {:.2}{beyond}  sigma {:.3}",
                scores.effects[scores.leading], scores.purity, one.sigma
            );
            drawn.push((words, sheet));
            let passing = scores.ends.iter().filter(|end| self.gate.passes(&moved(**end))).count();
            directions.push(DirectionRecord {
                id,
                name: name.to_owned(),
                value: one.value,
                share: one.share,
                subspace: one.subspace.map(|number| number as u64),
                sigma: one.sigma,
                sigma_share: if widest > 0.0 { one.sigma / widest } else { 0.0 },
                effects: scores.effects.clone(),
                monotonicity: scores.monotonicity.clone(),
                purity: scores.purity,
                leak: scores.leak,
                distances: scores.distances.clone(),
                cloud: scores.cloud.clone(),
                passing: passing as f64 / scores.ends.len() as f64,
                beats_null,
                strip,
                strip_sha256,
            });
        }
        Ok(DirectionSet {
            method: set.method.name().into(),
            variant: (set.method == Method::ClosedForm).then(|| spelling::name(&self.config.variant)),
            layers: set.group.name().into(),
            indices: [set.indices.start as u64, set.indices.end as u64 - 1],
            stacked: set.stacked.clone(),
            directions,
            null: NullRecord {
                directions: self.config.random,
                strongest: null.strongest,
                effects: null.effects.clone(),
                purity: null.purity,
                monotonicity: null.monotonicity,
                leak: null.leak,
                distance: null.distance,
                cloud: null.cloud,
            },
        })
    }

    /// Draws and writes a direction's strip; its name, itself, and its hash.
    fn strip(
        &self,
        set: &FoundSet,
        one: &found::Found,
        at: usize,
        simulated: bool,
    ) -> Result<(Inside, Canvas, String)> {
        let generator = &self.opened.network.generator;
        let codes = self.bench.codes.narrow(0, 0, self.config.shown as i64);
        let ws = whole(&codes, generator.num_ws());
        let way = Way { vector: &one.vector, sigma: one.sigma, indices: set.indices.clone() };
        let mut rows = vec![vec![]; self.config.shown as usize];
        for step in atlas::columns(self.config.reach) {
            let images = padding::crop(&self.opened.source.padding, &generator.images(&way.moved(&ws, step)));
            for (row, image) in rows.iter_mut().zip(Image::split(&images)?) {
                row.push(image.canvas(self.opened.source.look()));
            }
        }
        let sheet = atlas::strip(&rows, self.config.reach, simulated);
        let name = DirectionsDir::strip(&FoundSet::id(set.method, set.group, at));
        let texts = self.opened.source.texts("the same codes moved along one direction");
        let bytes = sheet.png(&as_refs(&texts))?;
        files::write(name.under(self.out), &bytes)?;
        Ok((name, sheet, digest::sha256(&bytes)))
    }

    fn saved(&self, found: &Found<'_>, sets: &[DirectionSet]) -> Saved {
        let directions = found.sets.iter().zip(sets).flat_map(|(set, recorded)| {
            set.directions.iter().zip(&recorded.directions).map(|(one, recorded)| Direction {
                id: recorded.id.clone(),
                name: recorded.name.clone(),
                vector: one.vector.clone(),
                sigma: one.sigma,
                indices: set.indices.clone(),
            })
        });
        Saved { network_sha256: self.opened.network.sha256.clone(), directions: directions.collect() }
    }

    fn factors(&self, [reals, drawn]: [&[f64]; 2]) -> Vec<FactorRecord> {
        let factors = self.bench.meters.factors().iter().zip(reals.iter().zip(drawn));
        let record = |(factor, (deviation, drawn)): (&crate::meters::Factor, (&f64, &f64))| FactorRecord {
            name: factor.name.into(),
            unit: factor.unit.into(),
            deviation: *deviation,
            drawn_deviation: *drawn,
        };
        factors.map(record).collect()
    }

    fn classes(&self) -> Vec<ClassShare> {
        let shares = self.opened.shares.0.iter().enumerate().filter(|(_, share)| **share > 0.0);
        shares.map(|(class, share)| ClassShare { name: self.opened.class_name(class), share: *share }).collect()
    }

    fn codes(&self) -> Vec<CodeRecord> {
        let codes = &self.opened.codes;
        let class = |at: usize| codes.classes.get(at).map(|class| self.opened.class_name(*class as usize));
        codes.seeds.iter().enumerate().map(|(at, &seed)| CodeRecord { seed, class: class(at) }).collect()
    }

    fn layers(&self) -> Vec<LayerRecord> {
        let feeds = |index: usize| {
            let own = self.opened.layers.iter().filter(|layer| layer.index == index);
            own.map(|layer| layer.name.clone()).collect()
        };
        let count = self.bench.draws.num_ws();
        (0..count).map(|index| LayerRecord { index: index as u64, feeds: feeds(index) }).collect()
    }

    fn gate_record(&self, found: &Found<'_>) -> GateRecord {
        let ends = found.sets.iter().flat_map(|set| &set.directions).flat_map(|one| &one.scores.ends);
        let all: Vec<Moved> = ends.map(|end| moved(*end)).collect();
        GateRecord {
            threshold: self.gate.threshold,
            from: match self.config.threshold {
                Threshold::None => "none".into(),
                Threshold::Calibrated => "calibrated".into(),
                Threshold::At(_) => "set".into(),
            },
            against: match self.gate.against {
                Against::Inverted => "inverted".into(),
                Against::Original => "original".into(),
            },
            calibration: found.calibration.clone(),
            sweep: sweep(&all, self.gate.against, &self.config.sweep),
        }
    }

    fn notes(&self, found: &Found<'_>, sets: &[DirectionSet]) -> Vec<String> {
        let mut notes = vec![
            "A w of index i feeds the i-th convolution and the image layer of the block before (layers)".to_owned()
                + match self.config.variant {
                    Variant::Normalised => "; the closed form stacks the convolutions and the last image layer.",
                    Variant::Published => "; the closed form stacks every convolution and no image layer.",
                },
            "The images that the gate is swept over were drawn, not inverted: an unedited image is its own original."
                .to_owned(),
        ];
        if self.bench.classes.is_none() {
            notes.push("Nobody tells classes: the leak into the class is not known.".into());
        }
        if found.calibration.is_none() {
            notes.push("Too few pairs of photographs of one lesion on the training side to calibrate the gate.".into());
        }
        let still =
            self.bench.meters.factors().iter().zip(found.deviations[0]).filter(|(_, deviation)| **deviation == 0.0);
        for (factor, _) in still {
            notes.push(format!("{} does not vary among the training images: its effects count as 0.", factor.name));
        }
        notes.extend(self.opened.source.notes_beside(found.data));
        let flat = sets.iter().flat_map(|set| &set.directions).filter(|one| one.sigma_share < FLAT).count();
        if flat > 0 {
            notes.push(format!(
                "{flat} directions have less than 5 % of the largest component's deviation: codes hardly differ along \
                 them."
            ));
        }
        notes
    }
}

/// An image that was drawn and moved: what it was is its own original.
fn moved(end: f64) -> Moved {
    Moved { to_inverted: end, to_original: end }
}

//! A network opened for the lesions of a data set: what is the same whether they are projected as they are or spoiled
//! first.

use std::path::Path;

use serde_json::{Value, json};

use super::acceptance::{Gauge, Levels};
use super::bands::Bands;
use super::evidence::Evidence;
use super::feature_choice::{Features, named};
use super::fingerprint;
use super::projector::{OneProjected, Projector, Run};
use super::rim_score::RimScore;
use super::targets::{self, Pick, Selection, Target};
use super::{BuiltIn, ProjectConfig};
use crate::data::Prepared;
use crate::engine::{Lab, Place};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classes::{Class, Split};
use crate::seed::RunSeed;

/// A network and a data set that it can be used on.
pub struct Session<'a> {
    /// The network.
    pub projector: Projector,
    /// The data set.
    pub prepared: &'a Prepared,
    /// How its pictures are measured.
    pub gauge: Gauge,
    /// Physical unit of what is measured: "ppb".
    pub unit: String,
    /// How to project.
    pub config: &'a ProjectConfig,
    /// Of every draw.
    pub seed: RunSeed,
    /// Where it is computed.
    pub place: Place,
    /// What tells a rim, where projections are pulled towards one.
    pub rim_score: Option<RimScore>,
}

/// What known rims say about the contrast of a rim.
#[derive(Clone, Copy, Debug)]
pub struct KnownRims {
    /// From here on a slice shows a rim, and none below.
    pub levels: Levels,
    /// All have masks, so that contrast is measured inside them.
    pub masked: bool,
}

impl<'a> Session<'a> {
    /// Opens a network file, or the network in the folder of a training run or an import, for the data set's lesions.
    ///
    /// # Errors
    /// Data without a class of interest, no usable network, or data that are not what it draws: another shape, or
    /// other channels or windows.
    pub fn open(network: &Path, prepared: &'a Prepared, config: &'a ProjectConfig, lab: &Lab<'_>) -> Result<Self> {
        if prepared.classes().of_interest.is_none() {
            return Err(Problem::usage(format!("a data set of the classes {}", prepared.classes().listed()))
                .at(prepared.root())
                .expected("a class of interest: projections are judged by what they make of it")
                .advice("prepare with prepare.classes = \"interest\" and prepare.rim_label (--rim-label)"));
        }
        let projector = Projector::open(network, config, lab.engine.device, lab.engine.graphs)?;
        projector.source.require_of(projector.generator.config().channels, prepared)?;
        projector.source.notes_beside(prepared).iter().for_each(|note| lab.observer.note(note));
        let (gauge, unit) = targets::gauge(prepared);
        let rim_score = learnt_score(prepared, config, &gauge, lab.seed)?;
        if rim_score.is_none() && config.evidence == Evidence::Lesion {
            lab.observer.note("project.evidence says nothing here: project.towards_rim is 0, so nothing is pulled");
        }
        let (seed, place) = (lab.seed, lab.engine.place.clone());
        Ok(Self { projector, prepared, gauge, unit, config, seed, place, rim_score })
    }

    /// Slices of the lesions of one class and side.
    ///
    /// # Errors
    /// A patch that cannot be read.
    pub fn select(&self, pick: Pick) -> Result<Selection> {
        targets::select(self.prepared, pick, &self.gauge, self.seed)
    }

    /// What the targets of its projections are to bring along: other slices only where something is pulled by them.
    pub fn evidence(&self) -> Evidence {
        if self.rim_score.is_some() { self.config.evidence } else { Evidence::Slice }
    }

    /// What the training rims' own contrasts say, `slices` of each lesion.
    ///
    /// # Errors
    /// Fewer than five that can be measured.
    pub fn known_rims(&self, slices: u64) -> Result<KnownRims> {
        known_rims(self.prepared, &self.gauge, self.seed, slices)
    }

    /// Whether the mask of a target has the places at which a rim is read, without which nothing pulls it.
    pub fn can_pull(&self, target: &Target) -> bool {
        target.mask.as_ref().is_some_and(|mask| Bands::of(mask, self.gauge.width).is_some())
    }

    /// The feature net of the settings; `auto` is what "auto" means.
    ///
    /// # Errors
    /// No such net, or one that this network cannot have.
    pub fn features(&self, auto: BuiltIn) -> Result<Features<'_>> {
        named(&self.projector, &self.config.features, auto)
    }

    /// What every projection of this session depends on, feature net aside.
    pub fn settings(&self) -> Value {
        let mut settings = fingerprint::settings(self.config, &self.projector, self.seed);
        if let Some(pull) = self.pull_identity().filter(|_| self.config.towards_rim > 0.0) {
            settings["rim_score"] = pull;
        }
        settings
    }

    /// What tells its pull towards a rim from every other, strength aside: the score, and the data set whose other
    /// slices are evidence.
    pub fn pull_identity(&self) -> Option<Value> {
        let score = self.rim_score.as_ref()?.identity();
        Some(match self.config.evidence {
            Evidence::Slice => score,
            Evidence::Lesion => json!([score, self.prepared.sha256()]),
        })
    }

    /// Projects `targets` batch by batch and hands over each with its place among them.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; what the feature net or `done` reports.
    pub fn project(
        &self,
        features: &Features<'_>,
        targets: &[&Target],
        observer: &dyn Observer,
        done: &mut dyn FnMut(usize, OneProjected) -> Result<()>,
    ) -> Result<()> {
        self.projector.project_all(features.net.as_ref(), targets, &self.run(observer), done)
    }

    /// How its projections are made.
    pub fn run<'b>(&'b self, observer: &'b dyn Observer) -> Run<'b> {
        Run { rim_score: self.rim_score.as_ref(), ..Run::new(self.config, self.seed, observer) }
    }
}

/// As [`Session::known_rims`].
pub(super) fn known_rims(prepared: &Prepared, gauge: &Gauge, seed: RunSeed, slices: u64) -> Result<KnownRims> {
    let pick = Pick { class: Class::RIM, split: Split::Train, limit: 0, slices, evidence: Evidence::Slice };
    let rims = targets::select(prepared, pick, gauge, seed)?.targets;
    let masked = rims.iter().all(|target| target.mask.is_some());
    let contrasts = rims.iter().filter_map(|target| target.lesion.as_ref()).map(|lesion| lesion.contrast);
    let levels = Levels::of_rims(contrasts.collect()).map_err(|problem| problem.at(prepared.root()))?;
    Ok(KnownRims { levels, masked })
}

/// What tells the agreed rims of the training side from its agreed lesions without one, where projections are pulled
/// towards a rim.
pub(super) fn learnt_score(
    prepared: &Prepared,
    config: &ProjectConfig,
    gauge: &Gauge,
    seed: RunSeed,
) -> Result<Option<RimScore>> {
    if !config.curve.iter().chain([&config.towards_rim]).any(|&towards| towards > 0.0) {
        return Ok(None);
    }
    let of_class = |class: Class| {
        let &ProjectConfig { slices, evidence, .. } = config;
        let pick = Pick { class, split: Split::Train, limit: 0, slices, evidence };
        Ok::<_, Problem>(targets::select(prepared, pick, gauge, seed)?.targets)
    };
    RimScore::learnt(gauge, config.evidence, &of_class(Class::RIM)?, &of_class(Class::NON_RIM)?)
        .map(Some)
        .map_err(|problem| problem.at(prepared.root()))
}

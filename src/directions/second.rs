//! The same search in a network that was trained from other weights, and what of the first it has, too.

use std::path::Path;

use tch::Tensor;

use super::align::{Alignment, matched, principal_cosines};
use super::ancestry;
use super::bench::{Bench, Draws};
use super::codes;
use super::config::DirectionsConfig;
use super::found::{FoundSet, Subject, whole};
use super::null::{SHARE, unit_vector};
use super::opened::Opened;
use super::stability::by_effects;
use crate::data::Prepared;
use crate::engine::Lab;
use crate::feed::padding;
use crate::meters::Meters;
use crate::name::Name;
use crate::nets::class::ClassChoice;
use crate::nets::features::PixelPyramid;
use crate::problem::Result;
use crate::project::ProjectConfig;
use crate::project::keeper::NothingKept;
use crate::project::projector::{Projector, Run, pixels_of};
use crate::project::targets::Target;
use crate::records::directions::{AlignedSet, AlignmentRecord, StabilityRecord, StablePair, StableSet};
use crate::seed::RunSeed;
use crate::statistics::order::quantile;

/// Penalty of the linear map between codes.
const RIDGE: f64 = 1e-3;

/// The first network's side of the comparison.
pub struct First<'a> {
    /// It and its codes.
    pub opened: &'a Opened,
    /// Its directions.
    pub sets: &'a [FoundSet],
    /// Deviations of the factors, \[factor\].
    pub deviations: &'a [f64],
    /// What is read off a picture.
    pub meters: &'a dyn Meters,
    /// What a person set.
    pub config: &'a DirectionsConfig,
    /// The data set of both.
    pub data: &'a Prepared,
}

impl First<'_> {
    /// Looks for the same directions in the network of `path`.
    ///
    /// # Errors
    /// A network of other images or of common ancestry; too few codes to align; stopped on request.
    pub fn compared_with(&self, path: &Path, lab: &Lab<'_>) -> Result<StabilityRecord> {
        let second = Opened::new(path, self.data, self.config, lab)?;
        ancestry::refuse_shared(&self.opened.network.generator, &second.network.generator)
            .map_err(|problem| problem.at(path))?;
        let alignment = match self.config.align {
            0 => None,
            _ => Some(self.align(path, lab)?),
        };
        let bench = Bench {
            draws: &second.network.generator,
            padding: second.source.padding,
            meters: self.meters,
            // What is asked of it needs no distance; this one costs least.
            distance: &PixelPyramid,
            classes: None,
            cloud: &second.cloud,
            codes: &second.codes.w,
            reach: self.config.reach,
        };
        let subject = Subject {
            bench: &bench,
            spread: &second.spread,
            layers: &second.layers,
            deviations: self.deviations,
            config: self.config,
            observer: lab.observer,
        };
        let mut sets = Vec::new();
        for (at, set) in (0..).zip(self.sets) {
            let other = subject.find(set.method, set.group, set.indices.clone())?;
            sets.push(self.matched(set, &other, alignment.as_ref(), lab.seed.child("stability", at))?);
        }
        let alignment = alignment.map(|alignment| AlignmentRecord {
            pairs: alignment.pairs.map(|count| count as u64),
            steps: self.config.align_steps,
            r_squared: alignment.r_squared,
        });
        Ok(StabilityRecord {
            network_sha256: second.network.sha256.clone(),
            shuffles: self.config.shuffles,
            sets,
            alignment,
        })
    }

    fn matched(
        &self,
        set: &FoundSet,
        other: &FoundSet,
        alignment: Option<&Alignment>,
        seed: RunSeed,
    ) -> Result<StableSet> {
        // A network of a shorter w may have fewer directions.
        let count = set.directions.len().min(other.directions.len());
        let matching = by_effects(&set.effects()[..count], &other.effects(), self.config.shuffles as usize, seed);
        let factors = self.meters.factors();
        let pair = |(at, &(partner, cosine)): (usize, &(usize, f64))| StablePair {
            id: FoundSet::id(set.method, set.group, at),
            partner: partner as u64 + 1,
            partner_name: factors[other.directions[partner].scores.leading].name.to_owned(),
            cosine,
        };
        Ok(StableSet {
            method: set.method.name().into(),
            layers: set.group.name().into(),
            pairs: matching.pairs.iter().enumerate().map(pair).collect(),
            mean: matching.mean,
            chance: matching.chance,
            p: matching.p,
            aligned: alignment.map(|map| self.aligned(map, set, other, seed)).transpose()?,
        })
    }

    fn aligned(&self, map: &Alignment, set: &FoundSet, other: &FoundSet, seed: RunSeed) -> Result<AlignedSet> {
        let count = set.directions.len().min(other.directions.len());
        let carried: Vec<Vec<f64>> =
            set.directions[..count].iter().map(|one| map.carried(&one.vector)).collect::<Result<_>>()?;
        let vectors: Vec<Vec<f64>> = other.directions.iter().map(|one| one.vector.clone()).collect();
        let mean = |pairs: &[(usize, f64)]| pairs.iter().map(|(_, cosine)| cosine).sum::<f64>() / pairs.len() as f64;
        let pairs = matched(&carried, &vectors);
        let found = mean(&pairs);
        let length = vectors[0].len();
        let mut by_chance: Vec<f64> = (0..self.config.shuffles)
            .map(|draw| {
                let seed = seed.child("random set", draw);
                let random: Vec<Vec<f64>> =
                    (0..vectors.len() as u64).map(|at| unit_vector(length, seed, "direction", at)).collect();
                mean(&matched(&carried, &random))
            })
            .collect();
        by_chance.sort_by(f64::total_cmp);
        let reached = by_chance.iter().filter(|value| **value >= found).count();
        Ok(AlignedSet {
            cosines: pairs.iter().map(|(_, cosine)| *cosine).collect(),
            mean: found,
            chance: quantile(&by_chance, SHARE),
            p: (reached + 1) as f64 / (by_chance.len() + 1) as f64,
            principal: principal_cosines(&carried, &vectors)?,
        })
    }

    /// Codes of the first network against those that its images are projected to in the second.
    fn align(&self, path: &Path, lab: &Lab<'_>) -> Result<Alignment> {
        let first = self.opened;
        let generator = &first.network.generator;
        let codes = codes::of_seeds(generator, &first.shares, self.config.align as usize, lab.seed.child("align", 0));
        let images = generator.images(&whole(&codes.w, generator.num_ws()));
        let images = padding::crop(&first.source.padding, &images);
        let target = |(at, pixels): (usize, Vec<f32>)| {
            let id = Name::of_known(&format!("seed{}", codes.seeds[at]));
            Target { id, pixels, mask: None, lesion: None }
        };
        let targets: Vec<Target> = pixels_of(&images)?.into_iter().enumerate().map(target).collect();
        let condition = (generator.config().c_dim > 0).then(|| ClassChoice::Name("estimate".into()));
        let config = ProjectConfig { steps: self.config.align_steps, condition, ..ProjectConfig::default() };
        let projector = Projector::open(path, &config, lab.engine.device, lab.engine.graphs)?;
        let net = projector.built_in(projector.usual_features())?;
        let observer = lab.observer;
        observer.begin("codes of the second network", "image steps", self.config.align * config.steps);
        let run = Run::new(&config, lab.seed.child("align", 1), observer);
        let batches = targets.chunks(run.batch);
        let mut comparison = projector.comparison(net.as_ref(), batches.len());
        let mut projected = Vec::new();
        for batch in batches {
            let batch: Vec<&Target> = batch.iter().collect();
            let w = projector.project(&mut comparison, &batch, &run, &mut NothingKept)?.projected.w;
            projected.push(w.mean_dim([1i64].as_slice(), false, None));
        }
        observer.end();
        Alignment::fit(&codes.w, &Tensor::cat(&projected, 0), RIDGE)
    }
}

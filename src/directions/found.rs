//! Directions of one method and group of layers in one network, measured.

use std::ops::Range;

use tch::Tensor;

use super::bench::{Bench, ENDS, EVERY, Way};
use super::config::{DirectionsConfig, Method};
use super::eigen::subspaces;
use super::factorised::Stack;
use super::layers::{LayerGroup, StyleLayer};
use super::null::{Null, unit_vector};
use super::principal::Spread;
use super::scores::Scores;
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::seed::RunSeed;

/// One direction, its leading factor rising.
pub struct Found {
    /// Of unit length.
    pub vector: Vec<f64>,
    /// Eigenvalue or variance.
    pub value: f64,
    /// Of the sum of all values.
    pub share: f64,
    /// Which it shares with neighbours.
    pub subspace: Option<usize>,
    /// Deviation of the codes along it.
    pub sigma: f64,
    /// What it does.
    pub scores: Scores,
}

/// Those of one method and group.
pub struct FoundSet {
    /// How they were found.
    pub method: Method,
    /// What they move.
    pub group: LayerGroup,
    /// The w that they move.
    pub indices: Range<usize>,
    /// Layers whose weights were stacked.
    pub stacked: Vec<String>,
    /// In falling order of their values.
    pub directions: Vec<Found>,
}

impl FoundSet {
    /// Name of the direction of this place: "closed-form_all_01".
    pub fn id(method: Method, group: LayerGroup, at: usize) -> Name {
        Name::of_known(&format!("{}_{}_{:02}", method.name(), group.name(), at + 1))
    }

    /// Effects \[direction\]\[factor\].
    pub fn effects(&self) -> Vec<Vec<f64>> {
        self.directions.iter().map(|one| one.scores.effects.clone()).collect()
    }
}

/// A network whose directions are looked for.
pub struct Subject<'a> {
    /// What measures.
    pub bench: &'a Bench<'a>,
    /// How its codes spread.
    pub spread: &'a Spread,
    /// Its layers that take a w.
    pub layers: &'a [StyleLayer],
    /// Deviations of the factors, \[factor\].
    pub deviations: &'a [f64],
    /// What a person set.
    pub config: &'a DirectionsConfig,
    /// Is told of every direction.
    pub observer: &'a dyn Observer,
}

impl Subject<'_> {
    /// Groups of the settings that the network is large enough for.
    pub fn groups(&self) -> Vec<(LayerGroup, Range<usize>)> {
        groups(self.config, self.bench.draws.num_ws())
    }

    /// Directions of a method for a group.
    ///
    /// # Errors
    /// A solver that does not converge, what the feature net refuses, or stopped on request.
    pub fn find(&self, method: Method, group: LayerGroup, indices: Range<usize>) -> Result<FoundSet> {
        let (parts, stacked) = match method {
            Method::ClosedForm => {
                let stack = Stack::new(self.layers, &indices, self.config.variant)?;
                (stack.directions(self.config.variant)?, stack.layers)
            }
            Method::Ganspace => (self.spread.components()?, vec![]),
        };
        let sum: f64 = parts.values.iter().sum();
        let near = subspaces(&parts.values);
        let parts = parts.first(self.config.count as usize);
        let mut directions = Vec::new();
        for (at, (vector, value)) in parts.vectors.into_iter().zip(parts.values).enumerate() {
            let sigma = self.spread.along(&vector);
            let (scores, vector) = self.upwards(vector, sigma, &indices)?;
            directions.push(Found { vector, value, share: value / sum, subspace: near[at], sigma, scores });
        }
        Ok(FoundSet { method, group, indices, stacked, directions })
    }

    /// Scores of a direction or its opposite, whichever its leading factor rises along, and that vector.
    fn upwards(&self, mut vector: Vec<f64>, sigma: f64, indices: &Range<usize>) -> Result<(Scores, Vec<f64>)> {
        let scores = self.scores(&vector, sigma, indices, &EVERY)?;
        if !scores.falls() {
            return Ok((scores, vector));
        }
        vector.iter_mut().for_each(|value| *value = -*value);
        Ok((scores.opposite(), vector))
    }

    /// Random directions of the group, the i-th moved as far as the i-th of `sigmas`, from the first again where there
    /// are fewer.
    ///
    /// # Errors
    /// As [`Subject::find`].
    pub fn null(&self, group: LayerGroup, indices: &Range<usize>, sigmas: &[f64], seed: RunSeed) -> Result<Null> {
        let length = self.bench.codes.size()[1] as usize;
        let random = (0..self.config.random).map(|at| {
            let vector = unit_vector(length, seed, &format!("random direction {}", group.name()), at);
            self.scores(&vector, sigmas[at as usize % sigmas.len()], indices, &ENDS)
        });
        Ok(Null::of(&random.collect::<Result<Vec<_>>>()?))
    }

    fn scores(&self, vector: &[f64], sigma: f64, indices: &Range<usize>, watched: &[usize]) -> Result<Scores> {
        if self.observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped between two directions")
                .advice("the same command begins anew and ends in the same bytes"));
        }
        let measured = self.bench.measure(&Way { vector, sigma, indices: indices.clone() }, watched)?;
        self.observer.advance(self.bench.images());
        Ok(Scores::of(&measured, self.config.reach, self.deviations))
    }
}

/// Groups of the settings that a network of so many w is large enough for.
pub fn groups(config: &DirectionsConfig, num_ws: usize) -> Vec<(LayerGroup, Range<usize>)> {
    let all = config.layers.iter().map(|group| (*group, group.indices(num_ws)));
    all.filter(|(_, indices)| !indices.is_empty()).collect()
}

/// Standard deviation of each factor over pictures \[picture\]\[factor\], with their number below.
pub fn deviations(factors: &[Vec<f64>]) -> Vec<f64> {
    let count = factors.len() as f64;
    let of = |factor: usize| {
        let mean = factors.iter().map(|values| values[factor]).sum::<f64>() / count;
        (factors.iter().map(|values| (values[factor] - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    (0..factors.first().map_or(0, Vec::len)).map(of).collect()
}

/// ws \[N, num_ws, w_dim\] of codes \[N, w_dim\].
pub fn whole(codes: &Tensor, num_ws: usize) -> Tensor {
    codes.unsqueeze(1).repeat([1, num_ws as i64, 1])
}

#[cfg(test)]
mod tests {
    use super::super::bench::tests::{bench, codes};
    use super::*;
    use crate::latent::cloud::LatentCloud;
    use crate::observer::Silent;

    /// Codes of the toy spread most along its brightness, then along its middle: so its components are named, whatever
    /// sign they were found with.
    #[test]
    fn components_of_the_toy_carry_the_names_of_its_factors() {
        let (samples, codes) = (codes(4000), codes(64));
        let cloud = LatentCloud::new(samples.narrow(0, 0, 500));
        let (bench, spread) = (bench(&cloud, &codes), Spread::of(&samples));
        let config = DirectionsConfig { count: 2, random: 50, ..DirectionsConfig::default() };
        let deviations = [0.05, 0.05, 0.05, 0.5];
        let subject = Subject {
            bench: &bench,
            spread: &spread,
            layers: &[],
            deviations: &deviations,
            config: &config,
            observer: &Silent,
        };
        let (group, indices) = subject.groups()[0].clone();
        let set = subject.find(Method::Ganspace, group, indices.clone()).unwrap();
        let sigmas: Vec<f64> = set.directions.iter().map(|one| one.sigma).collect();
        approx::assert_abs_diff_eq!(sigmas[..], [1.0, 0.7], epsilon = 0.05);
        let null = subject.null(group, &indices, &sigmas, RunSeed(3)).unwrap();
        let first = &set.directions[0];
        assert!(first.scores.leading == 0 && null.is_beaten_by(&first.scores), "{:?}", first.scores);
        assert!(first.vector[0] > 0.99, "brightness rises along it");
        assert_eq!(FoundSet::id(set.method, set.group, 0).as_str(), "ganspace_all_01");
        assert_eq!(deviations.len(), set.effects()[0].len());
    }

    #[test]
    fn deviations_by_hand() {
        assert_eq!(super::deviations(&[vec![1.0, 5.0], vec![3.0, 5.0]]), [1.0, 0.0]);
    }
}

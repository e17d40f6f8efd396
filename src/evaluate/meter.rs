//! The numbers of one set beside the held-out one, each with its interval.

use std::collections::BTreeMap;

use rand::RngExt;
use tch::{Kind, Tensor};

use super::config::EvaluateConfig;
use super::eye::Eye;
use super::measures::key;
use super::seen::{Chosen, Seen};
use crate::engine::Lab;
use crate::metrics::components::Components;
use crate::metrics::features::Features;
use crate::metrics::frechet;
use crate::metrics::groups::Groups;
use crate::metrics::half_samples::Halves;
use crate::metrics::mmd::{Grouped, Kernel, Mmd, median_distance};
use crate::metrics::ms_ssim::{ms_ssim, scales};
use crate::metrics::prdc::Neighbourhoods;
use crate::metrics::wasserstein;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;

/// Units of the kernel distance with the Gaussian kernel.
const GAUSSIAN_SCALE: f64 = 1000.0;

/// Width of CMMD's kernel on embeddings of unit length (Jayasumana et al. 2024, section 4).
const CMMD_SIGMA: f64 = 10.0;

/// By key.
pub type Numbers = BTreeMap<String, Interval>;

/// Everything that a set is measured with, at one number of images.
pub struct Meter<'a> {
    eye: &'a Eye,
    config: &'a EvaluateConfig,
    /// Millimetres of a pixel, or 1.
    pixel: f64,
    seed: RunSeed,
    observer: &'a dyn Observer,
}

/// The held-out images, ready to be compared with.
pub struct Held {
    chosen: Chosen,
    vectors: Features,
    embeddings: Option<Features>,
    axes: Option<Components>,
    reduced: Features,
    sigma: f64,
    readouts: [Vec<f64>; 4],
}

impl<'a> Meter<'a> {
    /// `pixel` is a pixel's side in mm, or 1.
    pub fn new(eye: &'a Eye, config: &'a EvaluateConfig, pixel: f64, lab: &Lab<'a>) -> Self {
        Self { eye, config, pixel, seed: lab.seed, observer: lab.observer }
    }

    /// Prepares the held-out images.
    ///
    /// # Errors
    /// Fewer than two patients or images.
    pub fn held(&self, seen: &Seen, chosen: Chosen) -> Result<Held> {
        let vectors = vectors(seen, &chosen)?;
        // The published distance is one of all features.
        let own = self.eye.is_own();
        let axes = own.then(|| Components::of(&vectors, self.config.components as i64)).transpose()?;
        let reduced = reduce(axes.as_ref(), &vectors)?;
        let sigma = median_distance(Grouped { features: &vectors, groups: &chosen.groups })?;
        let embeddings = self.embeddings(seen, &chosen)?;
        Ok(Held { readouts: self.readouts(seen, &chosen), chosen, vectors, embeddings, axes, reduced, sigma })
    }

    /// Distances of a set to the held-out images.
    ///
    /// # Errors
    /// A set of one patient.
    pub fn distances(&self, seen: &Seen, set: &Chosen, held: &Held) -> Result<Numbers> {
        let mut numbers = Numbers::new();
        let vectors = vectors(seen, set)?;
        let groups = [&held.chosen.groups, &set.groups];
        let draws = self.config.draws as usize;
        let grouped =
            [(&held.vectors, groups[0]), (&vectors, groups[1])].map(|(features, groups)| Grouped { features, groups });
        for (name, kernel, scale) in
            [(key::CUBIC, Kernel::Cubic, 1.0), (key::GAUSSIAN, Kernel::Gaussian { sigma: held.sigma }, GAUSSIAN_SCALE)]
        {
            let found = Mmd::new(grouped[0], grouped[1], kernel)?.interval(draws, self.seed.child(name, 0))?;
            numbers.insert(name.into(), scaled(found, scale));
        }
        if let (Some(held), Some(set)) = (&held.embeddings, self.embeddings(seen, set)?) {
            let [a, b] = [(held, groups[0]), (&set, groups[1])].map(|(features, groups)| Grouped { features, groups });
            let kernel = Kernel::Gaussian { sigma: CMMD_SIGMA };
            let found = Mmd::new(a, b, kernel)?.interval(draws, self.seed.child(key::CMMD, 0))?;
            numbers.insert(key::CMMD.into(), scaled(found, GAUSSIAN_SCALE));
        }
        let halves = Halves { groups, draws, seed: self.seed };
        let reduced = reduce(held.axes.as_ref(), &vectors)?;
        self.frechet(&halves, [&held.reduced, &reduced], &mut numbers)?;
        self.neighbours(&halves, [&held.vectors, &vectors], &mut numbers)?;
        self.physical(&halves, [&held.readouts, &self.readouts(seen, set)], &mut numbers)?;
        // A record holds no number without an interval, and JSON none without end.
        numbers.retain(|_, found| [found.value, found.low, found.high].iter().all(|value| value.is_finite()));
        Ok(numbers)
    }

    fn embeddings(&self, seen: &Seen, set: &Chosen) -> Result<Option<Features>> {
        let found = self.eye.embeddings(&seen.images(&set.rows), self.observer)?;
        found.map(|found| Features::new(&found)).transpose()
    }

    fn frechet(&self, halves: &Halves<'_>, sets: [&Features; 2], numbers: &mut Numbers) -> Result<()> {
        let value = frechet::distance(sets[0], sets[1])?.distance;
        let part =
            |set: &Features, rows: &[i64]| Features::new(&set.tensor().index_select(0, &Tensor::from_slice(rows)));
        let statistic = |a: &[i64], b: &[i64]| match a.len().min(b.len()) {
            0 | 1 => Ok(vec![f64::NAN]),
            _ => Ok(vec![frechet::distance(&part(sets[0], a)?, &part(sets[1], b)?)?.distance]),
        };
        let found = halves.intervals(&[value], &[[0.0, f64::INFINITY]], statistic)?;
        numbers.extend([key::FRECHET.to_owned()].into_iter().zip(found));
        Ok(())
    }

    fn neighbours(&self, halves: &Halves<'_>, sets: [&Features; 2], numbers: &mut Numbers) -> Result<()> {
        let k = self.config.neighbours as i64;
        if sets[0].n().min(sets[1].n()) <= k {
            return Ok(());
        }
        let balls = Neighbourhoods::new(sets, halves.groups)?;
        let list =
            |found: crate::metrics::prdc::Prdc| vec![found.precision, found.recall, found.density, found.coverage];
        let bounds = [[0.0, 1.0], [0.0, 1.0], [0.0, f64::INFINITY], [0.0, 1.0]];
        let statistic = |a: &[i64], b: &[i64]| {
            if (a.len().min(b.len()) as i64) <= k { Ok(vec![f64::NAN; 4]) } else { Ok(list(balls.of_rows([a, b], k)?)) }
        };
        let found = halves.intervals(&list(balls.all(k)?), &bounds, statistic)?;
        let keys = [key::PRECISION, key::RECALL, key::DENSITY, key::COVERAGE].map(str::to_owned);
        numbers.extend(keys.into_iter().zip(found));
        Ok(())
    }

    fn physical(&self, halves: &Halves<'_>, sets: [&[Vec<f64>; 4]; 2], numbers: &mut Numbers) -> Result<()> {
        let apart = |rows: Option<[&[i64]; 2]>| -> Vec<f64> {
            let of = |at: usize| {
                let part = |side: usize| -> Vec<f64> {
                    let all = &sets[side][at];
                    let values: Vec<f64> = match rows {
                        Some(rows) => rows[side].iter().map(|&row| all[row as usize]).collect(),
                        None => all.clone(),
                    };
                    values.into_iter().filter(|value| value.is_finite()).collect()
                };
                wasserstein::distance(&part(0), &part(1)).unwrap_or(f64::NAN)
            };
            (0..4).map(of).collect()
        };
        let values = apart(None);
        let bounds = [[0.0, f64::INFINITY]; 4];
        let found = halves.intervals(&values, &bounds, |a, b| Ok(apart(Some([a, b]))))?;
        numbers.extend(key::READOUTS.map(str::to_owned).into_iter().zip(found));
        Ok(())
    }

    /// Values of each readout, one an image, NaN where there is none; thickness in mm.
    fn readouts(&self, seen: &Seen, set: &Chosen) -> [Vec<f64>; 4] {
        let units = [1.0, self.pixel, 1.0, 1.0];
        let of = |at: usize| {
            let value = |row: &i64| seen.readouts[*row as usize].map_or(f64::NAN, |all| all[at] * units[at]);
            set.rows.iter().map(value).collect()
        };
        [of(0), of(1), of(2), of(3)]
    }

    /// How unlike two images of a set are; nothing for a set of one patient.
    ///
    /// # Errors
    /// As the nets.
    pub fn diversity(&self, seen: &Seen, set: &Chosen) -> Result<Numbers> {
        let count = set.rows.len();
        let mut rng = self.seed.stream("pairs", 0);
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        // Most pairs are of two patients where there are several; a few tries too many do not matter.
        for _ in 0..20 * self.config.pairs {
            let (a, b) = (rng.random_range(0..count), rng.random_range(0..count));
            if !set.groups.together(a, b) && pairs.len() < self.config.pairs as usize {
                pairs.push((a, b));
            }
        }
        let rows = |of: fn(&(usize, usize)) -> usize| pairs.iter().map(|pair| set.rows[of(pair)]).collect::<Vec<_>>();
        let pixels = [rows(|pair| pair.0), rows(|pair| pair.1)].map(|rows| seen.images(&rows));
        let weight = |copies: &[u32], at: usize| f64::from(copies[pairs[at].0]) * f64::from(copies[pairs[at].1]);
        self.of_pairs(pixels, &set.names, &weight, [key::DIVERSITY, key::LIKENESS])
    }

    /// How much projections keep of their originals: pairs of rows, and the patient of each pair.
    ///
    /// # Errors
    /// As the nets.
    pub fn fidelity(&self, seen: &Seen, pairs: &[(i64, i64)], patients: &[String]) -> Result<Numbers> {
        let rows = |of: fn(&(i64, i64)) -> i64| pairs.iter().map(of).collect::<Vec<_>>();
        let pixels = [rows(|pair| pair.0), rows(|pair| pair.1)].map(|rows| seen.images(&rows));
        let weight = |copies: &[u32], at: usize| f64::from(copies[at]);
        self.of_pairs(pixels, patients, &weight, [key::TO_ORIGINAL, key::LIKE_ORIGINAL])
    }

    fn of_pairs(
        &self,
        [a, b]: [Tensor; 2],
        names: &[String],
        weight: &(dyn Fn(&[u32], usize) -> f64 + Sync),
        keys: [&str; 2],
    ) -> Result<Numbers> {
        let size = a.size();
        let mut numbers = Numbers::new();
        if size[0] == 0 {
            return Ok(numbers);
        }
        let mut values = vec![(keys[0], self.eye.between(&a, &b)?)];
        if scales(size[2].min(size[3])) > 0 {
            values.push((keys[1], ms_ssim(&a.to_kind(Kind::Double), &b.to_kind(Kind::Double), 2.0)?));
        }
        let bootstrap = ClusterBootstrap::by_patient(names, self.seed).draws(self.config.draws as usize);
        for (key, values) in values {
            let mean = |copies: &[u32]| {
                let weights: Vec<f64> = (0..values.len()).map(|at| weight(copies, at)).collect();
                let total: f64 = weights.iter().sum();
                (total > 0.0).then(|| values.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total)
            };
            numbers.extend(bootstrap.interval(mean).map(|interval| (key.to_owned(), interval)));
        }
        Ok(numbers)
    }
}

impl Held {
    /// Which images, with their groups.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// Numbers an image that the Frechet distance is taken on.
    pub fn frechet_dimensions(&self) -> i64 {
        self.reduced.dims()
    }

    /// Groups of the held-out images.
    pub fn groups(&self) -> &Groups {
        &self.chosen.groups
    }
}

fn vectors(seen: &Seen, set: &Chosen) -> Result<Features> {
    Features::new(&seen.vectors.index_select(0, &Tensor::from_slice(&set.rows)))
}

fn reduce(axes: Option<&Components>, set: &Features) -> Result<Features> {
    match axes {
        Some(axes) => axes.apply(set),
        None => Features::new(set.tensor()),
    }
}

fn scaled(interval: Interval, scale: f64) -> Interval {
    let Interval { value, low, high, .. } = interval;
    Interval { value: value * scale, low: low * scale, high: high * scale, ..interval }
}

//! The projector itself: Adam on w and the noise maps of many images at once.
//!
//! Every image has its own w, maps and moments, and the loss is a sum over images, so an image's path is the one it
//! would take alone. Nothing is read back from the device before the end.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::aims::Aims;
use super::draws::Draws;
use super::{noise, schedule};
use crate::engine::{GraphMemory, Repeated, SideStream};
use crate::nets::features::{FeatureNet, squared_distance};
use crate::nets::{Generator, Noise};
use crate::optim::{Adam, AdamConfig};
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// How to descend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Descent {
    /// Steps of Adam.
    pub steps: u64,
    /// Learning rate between the ramps.
    pub learning_rate: f64,
    /// Noise on w at first, in units of its deviation.
    pub w_noise: f64,
    /// Weight of the noise maps' autocorrelation.
    pub noise_regularisation: f64,
    /// What is optimised besides the noise maps.
    pub space: Space,
    /// What becomes of the noise maps.
    pub noise_maps: NoiseMaps,
}

/// What becomes of the noise maps: what they may carry w need not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoiseMaps {
    /// Optimised beside w, as published.
    #[default]
    Optimised,
    /// As they are drawn, for each image its own.
    Fixed,
    /// Zero everywhere.
    Dropped,
}

impl NoiseMaps {
    /// Whether they are as published; a setting that is is not written.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What is optimised besides the noise maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Space {
    /// One w for all layers, as published: stays near what the generator draws.
    #[default]
    W,
    /// A w for each layer: nearer to the original, further from what the generator draws.
    WPlus,
    /// A w for each layer of the coarser half, one for all others: place and form are free, texture is one.
    WPlusCoarse,
}

impl Space {
    /// As written in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::W => "w",
            Self::WPlus => "w-plus",
            Self::WPlusCoarse => "w-plus-coarse",
        }
    }

    /// How many w are optimised, of a network of so many layers.
    fn unknown(self, layers: i64) -> i64 {
        match self {
            Self::W => 1,
            Self::WPlus => layers,
            Self::WPlusCoarse => layers / 2 + 1,
        }
    }
}

/// Projections of N images.
pub struct Projected {
    /// \[N, L, w_dim\]: L is 1 where one w serves all layers.
    pub w: Tensor,
    /// The optimised maps, one \[N, 1, r, r\] per styled convolution.
    pub noise: Vec<Tensor>,
    /// Images of w with the optimised maps, \[N, C, R, R\] in the network's range.
    pub images: Tensor,
    /// Squared feature distance of `images` to their targets, without the noise term.
    pub distance: Vec<f64>,
}

/// A descent under way: what the next step depends on, random draws aside.
#[derive(Debug)]
pub struct Underway {
    /// Steps done.
    pub step: u64,
    /// Unknowns, and Adam's first and second moments, each \[N, unknowns\].
    pub tensors: [Tensor; 3],
}

/// What is known after each step.
pub struct Moment<'a> {
    /// Counted from 0.
    pub step: u64,
    /// \[N, L, w_dim\].
    pub w: Tensor,
    /// Images that the step's gradient came from, \[N, C, R, R\].
    pub images: &'a Tensor,
    adam: &'a Adam,
}

impl Moment<'_> {
    /// A copy of everything that the next step depends on.
    pub fn underway(&self) -> Underway {
        let tensors = [&self.adam.values, &self.adam.first, &self.adam.second].map(Tensor::copy);
        Underway { step: self.step + 1, tensors }
    }
}

/// Called after each step; false ends the descent.
pub type AfterStep<'a> = dyn FnMut(&Moment<'_>) -> bool + 'a;

/// Everything that a descent depends on.
pub struct Projection<'a> {
    /// Frozen: no gradient reaches its weights.
    pub generator: &'a Generator,
    /// What images are compared in.
    pub features: &'a dyn FeatureNet,
    /// \[N, C, R, R\] in -1..1.
    pub targets: &'a Tensor,
    /// \[N, w_dim\]: where w begins.
    pub start: &'a Tensor,
    /// Deviation of w, the unit of the noise on it.
    pub deviation: f64,
    /// First noise maps, and the noise on w.
    pub draws: &'a Draws,
    /// How to descend.
    pub descent: &'a Descent,
    /// What is aimed at beside the distance.
    pub aims: &'a Aims,
    /// Whether a GPU records the steps (`Engine::graphs`).
    pub graphs: bool,
}

/// Projects from the start or from `underway`. `after_step` sees each step and ends the descent by returning false.
///
/// # Errors
/// `Kind::Interrupted` where `after_step` returned false; what the feature net reports; a result that is not finite.
pub fn optimise(
    projection: &Projection<'_>,
    underway: Option<Underway>,
    after_step: &mut AfterStep<'_>,
) -> Result<Projected> {
    let &Projection { generator, features, targets, start, deviation, draws, descent, aims, graphs } = projection;
    let device = generator.device();
    let _stream = SideStream::enter(device)?;
    let target_features = tch::no_grad(|| features.features(targets).map(|found| aims.weighed(found)))?;
    let layers = generator.synthesis.num_ws();
    let mut unknowns = Unknowns::start(start, (descent.space, layers), (&draws.noise, descent.noise_maps));
    let mut adam = Adam::new(&unknowns.all, AdamConfig::default());
    let mut first = 0;
    if let Some(Underway { step, tensors }) = underway {
        [adam.values, adam.first, adam.second] = tensors;
        unknowns.all = adam.values.shallow_clone();
        first = step;
    }
    let schedule = Schedule::of(descent, deviation, draws, device);
    let (mut repeated, mut memory) = (Repeated::new(device, graphs), GraphMemory::default());
    for step in first..descent.steps {
        schedule.move_to(step);
        let mut made = None;
        repeated.run(&mut memory, || {
            made = Some(descend(projection, &target_features, &schedule, &unknowns, &mut adam));
        })?;
        // A repetition of recorded work makes the images where the recording did.
        if let Some(made) = made {
            unknowns.shown = made?;
        }
        let w = unknowns.split(&unknowns.all).0;
        let moment = Moment { step, w, images: &unknowns.shown, adam: &adam };
        if !after_step(&moment) {
            return Err(Problem::new(ProblemKind::Interrupted, "projection stopped"));
        }
    }
    projected(projection, &target_features, &unknowns)
}

/// Images of where a descent ended, and how far they are from the targets.
fn projected(projection: &Projection<'_>, target_features: &Tensor, unknowns: &Unknowns) -> Result<Projected> {
    let &Projection { generator, features, aims, .. } = projection;
    tch::no_grad(|| {
        let (w, noise) = unknowns.split(&unknowns.all);
        let images = synthesise(generator, &w, &noise);
        let distance =
            squared_distance(&aims.weighed(features.features(&images)?), target_features).to_kind(Kind::Double);
        let distance = Vec::<f64>::try_from(distance).map_err(Problem::from)?;
        if let Some(image) = distance.iter().position(|d| !d.is_finite()) {
            return Err(Problem::new(ProblemKind::Gate, format!("projection of image {image} of the batch diverged"))
                .advice("check that the network and the images are finite, or lower the learning rate"));
        }
        let own = |tensor: &Tensor| tensor.copy();
        Ok(Projected { w: own(&w), noise: noise.iter().map(own).collect(), images, distance })
    })
}

/// One step; returns the images that its gradient came from. Nothing in it comes from the host, so that a GPU can
/// record it.
fn descend(
    projection: &Projection<'_>,
    target_features: &Tensor,
    schedule: &Schedule,
    unknowns: &Unknowns,
    adam: &mut Adam,
) -> Result<Tensor> {
    let &Projection { generator, features, descent, aims, .. } = projection;
    let all = unknowns.all.detach().set_requires_grad(true);
    let (w, maps) = unknowns.split(&all);
    let images = synthesise(generator, &(&w + schedule.noise()), &maps);
    let distance = squared_distance(&aims.weighed(features.features(&images)?), target_features).sum(Kind::Float);
    let distance = aims.added_to(distance, &w, &images);
    let free = unknowns.held.is_none();
    let loss = if free { distance + noise::regularisation(&maps) * descent.noise_regularisation } else { distance };
    let gradient = Tensor::run_backward(&[loss], &[&all], false, false).remove(0);
    tch::no_grad(|| {
        let _ = adam.step(&gradient, &schedule.rates());
        if free {
            unknowns.split(&unknowns.all).1.iter_mut().for_each(noise::renormalise);
        }
    });
    Ok(images.detach())
}

/// What differs from step to step, on the device: all of it, and in fixed places what the present step takes.
struct Schedule {
    /// float32 \[steps, 3\]: scale of the noise on w, then Adam's rates.
    table: Tensor,
    now: Tensor,
    /// Normals for w \[steps with noise, N, w_dim\].
    normals: Tensor,
    normals_now: Tensor,
}

impl Schedule {
    fn of(descent: &Descent, deviation: f64, draws: &Draws, device: Device) -> Self {
        let row = |step: u64| {
            let noise = deviation * schedule::w_noise(step, descent.steps, descent.w_noise);
            let learning_rate = schedule::learning_rate(step, descent.steps, descent.learning_rate);
            let [rate, root] = AdamConfig::default().rates(learning_rate, step + 1);
            [noise as f32, rate, root]
        };
        let values: Vec<f32> = (0..descent.steps).flat_map(row).collect();
        let shape = draws.w.size();
        Self {
            table: Tensor::from_slice(&values).view([-1, 3]).to_device(device),
            now: Tensor::zeros([3], (Kind::Float, device)),
            normals: draws.w.shallow_clone(),
            normals_now: Tensor::zeros(&shape[1..], (Kind::Float, device)),
        }
    }

    fn move_to(&self, step: u64) {
        let step = step as i64;
        self.now.shallow_clone().copy_(&self.table.get(step));
        if step < self.normals.size()[0] {
            self.normals_now.shallow_clone().copy_(&self.normals.get(step));
        }
    }

    /// \[N, 1, w_dim\].
    fn noise(&self) -> Tensor {
        self.normals_now.unsqueeze(1) * self.now.get(0)
    }

    /// Adam's, \[2\].
    fn rates(&self) -> Tensor {
        self.now.narrow(0, 1, 2)
    }
}

/// Images of w \[N, L, w_dim\], one repeated over the layers where L is 1, with given maps.
pub fn synthesise(generator: &Generator, w: &Tensor, maps: &[Tensor]) -> Tensor {
    generator.synthesis.forward(&w.expand([-1, generator.synthesis.num_ws(), -1], false), &Noise::Given(maps))
}

/// w and all maps that are optimised side by side in one tensor \[N, U w_dim + sum of r^2\], so that Adam is a handful
/// of operations.
struct Unknowns {
    all: Tensor,
    /// How many w are unknown, and for how many layers.
    layers: [i64; 2],
    /// U w_dim, then the number of values of each map that is optimised.
    lengths: Vec<i64>,
    sides: Vec<i64>,
    /// The maps where they are none of the unknowns.
    held: Option<Vec<Tensor>>,
    /// Images of the last step, \[N, C, R, R\].
    shown: Tensor,
}

impl Unknowns {
    /// `w` \[N, w_dim\].
    fn start(w: &Tensor, (space, layers): (Space, i64), (noise, maps): (&[Tensor], NoiseMaps)) -> Self {
        let unknown = space.unknown(layers);
        let layers = [unknown, if space == Space::W { 1 } else { layers }];
        let held = match maps {
            NoiseMaps::Optimised => None,
            NoiseMaps::Fixed => Some(noise.iter().map(Tensor::shallow_clone).collect()),
            NoiseMaps::Dropped => Some(noise.iter().map(Tensor::zeros_like).collect()),
        };
        let noise = if held.is_some() { &[] } else { noise };
        let mut parts = vec![w.repeat([1, unknown])];
        parts.extend(noise.iter().map(|map| map.flatten(1, -1)));
        Self {
            layers,
            held,
            lengths: parts.iter().map(|part| part.size()[1]).collect(),
            sides: noise.iter().map(|map| map.size()[2]).collect(),
            all: Tensor::cat(&parts, 1),
            shown: Tensor::new(),
        }
    }

    /// w \[N, L, w_dim\] and the maps \[N, 1, r, r\]; where all of them are unknown, views of `all`.
    fn split(&self, all: &Tensor) -> (Tensor, Vec<Tensor>) {
        let mut parts = all.split_with_sizes(&self.lengths, 1);
        let [unknown, layers] = self.layers;
        let mut w = parts.remove(0).unflatten(1, [unknown, -1]);
        if unknown < layers {
            let others = w.narrow(1, unknown - 1, 1).expand([-1, layers - unknown, -1], false);
            w = Tensor::cat(&[w, others], 1);
        }
        if let Some(held) = &self.held {
            return (w, held.iter().map(Tensor::shallow_clone).collect());
        }
        let maps = parts.iter().zip(&self.sides).map(|(part, &side)| part.unflatten(1, [1, side, side]));
        (w, maps.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::watch::{self, PlainOperations, operations};
    use crate::nets::GeneratorConfig;
    use crate::nets::features::RandomVgg;
    use crate::seed::RunSeed;

    #[test]
    fn the_present_step_has_its_rates_and_its_noise() {
        let draws = Draws { noise: vec![], w: Tensor::ones([75, 1, 1], (Kind::Float, Device::Cpu)) };
        let descent = Descent {
            steps: 100,
            learning_rate: 0.1,
            w_noise: 0.05,
            noise_regularisation: 0.0,
            space: Space::W,
            noise_maps: NoiseMaps::Optimised,
        };
        let schedule = Schedule::of(&descent, 2.0, &draws, Device::Cpu);
        // The third step: halfway to the plateau less a bit; the corrections are 1 - .9^3 and 1 - .999^3.
        schedule.move_to(2);
        let rates = Vec::<f32>::try_from(schedule.rates()).unwrap();
        approx::assert_relative_eq!(rates[0], 0.04 / 0.271, max_relative = 1e-6);
        approx::assert_relative_eq!(rates[1], 0.002_997_001f32.sqrt(), max_relative = 1e-6);
        // Halfway to where it ends, a quarter of 2 x 0.05.
        schedule.move_to(37);
        assert!((schedule.noise().double_value(&[0, 0, 0]) - 0.0257).abs() < 1e-4);
    }

    #[test]
    fn unknowns_are_views_of_one_tensor() {
        let maps = [
            Tensor::ones([2, 1, 4, 4], (Kind::Float, Device::Cpu)),
            Tensor::zeros([2, 1, 8, 8], (Kind::Float, Device::Cpu)),
        ];
        let w = Tensor::from_slice(&[3.0f32, 4.0, 3.0, 4.0]).view([2, 2]);
        let free = (&maps[..], NoiseMaps::Optimised);
        let unknowns = Unknowns::start(&w, (Space::W, 3), free);
        assert_eq!(unknowns.all.size(), [2, 2 + 16 + 64]);
        let (w, mut views) = unknowns.split(&unknowns.all);
        assert_eq!(w.double_value(&[1, 0, 1]), 4.0);
        let _ = views[0].fill_(7.0);
        assert_eq!(unknowns.all.double_value(&[1, 2]), 7.0);
        let for_each_layer = Unknowns::start(&w_of(3.0), (Space::WPlus, 3), free);
        let (w, _) = for_each_layer.split(&for_each_layer.all);
        assert_eq!((w.size(), w.double_value(&[1, 2, 0])), (vec![2, 3, 2], 3.0));
    }

    /// Of five layers the first two have a w each, and the last three one.
    #[test]
    fn the_finer_layers_share_a_w_and_maps_that_are_held_are_no_unknowns() {
        let maps = [Tensor::ones([2, 1, 4, 4], (Kind::Float, Device::Cpu))];
        for (held, level) in [(NoiseMaps::Fixed, 1.0), (NoiseMaps::Dropped, 0.0)] {
            let unknowns = Unknowns::start(&w_of(3.0), (Space::WPlusCoarse, 5), (&maps, held));
            assert_eq!(unknowns.all.size(), [2, 3 * 2]);
            let _ = unknowns.all.narrow(1, 4, 2).fill_(7.0);
            let (w, maps) = unknowns.split(&unknowns.all);
            let of = |layer: i64| w.double_value(&[1, layer, 0]);
            assert_eq!((w.size(), [0, 1, 2, 3, 4].map(of)), (vec![2, 5, 2], [3.0, 3.0, 7.0, 7.0, 7.0]));
            assert_eq!((maps.len(), maps[0].mean(Kind::Float).double_value(&[])), (1, level));
        }
    }

    fn w_of(level: f64) -> Tensor {
        Tensor::full([2, 2], level, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_step_neither_waits_for_the_device_nor_brings_it_numbers() {
        let config =
            GeneratorConfig { z_dim: 8, w_dim: 8, channel_base: 64, channel_max: 8, ..GeneratorConfig::small(16, 1) };
        let generator = Generator::new(&config, RunSeed(1), Device::Cpu).unwrap();
        let names = ["one".to_owned(), "two".to_owned()];
        let sides: Vec<i64> = generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect();
        let draws = Draws::sample(RunSeed(1), &names, &sides, 8, 10, Device::Cpu);
        let options = (Kind::Float, Device::Cpu);
        let (targets, start) = (Tensor::zeros([2, 1, 16, 16], options), Tensor::zeros([2, 8], options));
        let descent = Descent {
            steps: 10,
            learning_rate: 0.1,
            w_noise: 0.05,
            noise_regularisation: 1e5,
            space: Space::W,
            noise_maps: NoiseMaps::Optimised,
        };
        let features = RandomVgg::new(1, Device::Cpu);
        let projection = Projection {
            generator: &generator,
            features: &features,
            targets: &targets,
            start: &start,
            deviation: 1.0,
            draws: &draws,
            descent: &descent,
            aims: &Aims::default(),
            graphs: true,
        };
        let _plain = PlainOperations::enter();
        let wanted = features.features(&targets).unwrap();
        let unknowns = Unknowns::start(&start, (Space::W, 1), (&draws.noise, NoiseMaps::Optimised));
        let mut adam = Adam::new(&unknowns.all, AdamConfig::default());
        let schedule = Schedule::of(&descent, 1.0, &draws, Device::Cpu);
        let mut step = || drop(descend(&projection, &wanted, &schedule, &unknowns, &mut adam).unwrap());
        step();
        let names = operations(step);
        assert!(names.len() > 100, "{}", names.len());
        for name in watch::NOT_TO_RECORD {
            assert!(!names.iter().any(|found| found == name), "{name}");
        }
    }
}

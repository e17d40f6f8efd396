//! A network opened for projection: frozen weights, its cloud of w, its feature nets.

use std::path::Path;

use tch::{Device, Tensor};

use super::aims::{Aims, CloudPull, Wanted};
use super::keeper::{Images, Keeper, NothingKept};
use super::optimise::synthesise;
use super::rim_score::RimScore;
use super::start::NumberedCloud;
use super::targets::Target;
use super::{
    BuiltIn, Comparison, Descent, Draws, Moment, ProjectConfig, Projected, Projection, Start, optimise, start,
};
use crate::engine::precision::{Precision, Scope};
use crate::feed::network_source::{NetworkImages, network_file};
use crate::feed::padding;
use crate::latent::cloud::LatentCloud;
use crate::nets::class::{ClassChoice, class_number, one_hot};
use crate::nets::features::{DiscriminatorFeatures, FeatureNet, PixelPyramid, RandomVgg, places};
use crate::nets::network::Network;
use crate::nets::weights::load_image_network;
use crate::nets::{Discriminator, Generator};
use crate::observer::Observer;
use crate::pickle::read_features;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// The condition that asks for the class that fits best.
const ESTIMATE: &str = "estimate";

/// One in so many steps tells which class fits.
const TRIAL_SHARE: u64 = 5;
const FEWEST_TRIAL_STEPS: u64 = 20;

/// A network with frozen weights, and all that a projection into it needs beside the images.
pub struct Projector {
    /// Draws the images.
    pub generator: Generator,
    /// One of the feature nets; an imported network may come without it.
    pub discriminator: Option<Discriminator>,
    /// What the network file says about its images.
    pub source: NetworkImages,
    /// One for each class, or one.
    clouds: Vec<LatentCloud>,
    condition: Condition,
    start: Start,
    candidates: i64,
    /// Of activations and kernels.
    pub precision: Precision,
    /// Of the network file.
    pub network_sha256: String,
    /// Where the networks are.
    pub device: Device,
    graphs: bool,
    sides: Vec<i64>,
}

/// The class that images are projected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Number of the cloud: the class, or 0 without classes.
    Given(usize),
    Estimate,
}

/// How images are projected, whichever they are.
pub struct Run<'a> {
    /// The optimiser's settings.
    pub descent: Descent,
    /// Images optimised together.
    pub batch: usize,
    /// Of every draw.
    pub seed: RunSeed,
    /// Advanced by the batch's size at every step; may ask to stop.
    pub observer: &'a dyn Observer,
    /// What is aimed at beside the distance.
    pub wanted: Wanted,
    /// What tells a rim; without it nothing is pulled towards one.
    pub rim_score: Option<&'a RimScore>,
}

impl<'a> Run<'a> {
    /// As the settings say.
    pub fn new(config: &ProjectConfig, seed: RunSeed, observer: &'a dyn Observer) -> Self {
        let wanted = config.wanted();
        Self { descent: config.descent(), batch: config.batch as usize, seed, observer, wanted, rim_score: None }
    }
}

/// A projected batch and the class of each image.
pub struct Batch {
    /// In the order of the targets.
    pub projected: Projected,
    /// Numbers; empty without classes.
    pub classes: Vec<i64>,
    /// Distance of each w \[N, L, w_dim\] to the cloud of its class.
    pub w_distance: Vec<f64>,
}

/// A projected image.
pub struct OneProjected {
    /// \[C, H, W\] in the network's range.
    pub pixels: Vec<f32>,
    /// The same.
    pub image: Tensor,
    /// Distance of its w to the cloud, in units of the cloud's own spacing.
    pub w_distance: f64,
}

impl Projector {
    /// Opens a network file, or the network in the folder of a training run or an import; with `graphs` a GPU records
    /// the steps (`Engine::graphs`).
    pub fn open(path: &Path, config: &ProjectConfig, device: Device, graphs: bool) -> Result<Self> {
        let network = load_image_network(network_file(path)?, device)?;
        for (_, parameter) in network.generator.parameters() {
            let _ = parameter.set_requires_grad(false);
        }
        for (_, parameter) in network.discriminator.iter().flat_map(Network::parameters) {
            let _ = parameter.set_requires_grad(false);
        }
        let source = NetworkImages::of(&network.description);
        let c_dim = network.generator.config().c_dim;
        let condition = match &config.condition {
            Some(ClassChoice::Name(name)) if name == ESTIMATE && c_dim > 0 => Condition::Estimate,
            choice => {
                let number =
                    class_number(c_dim, &source.classes, choice.as_ref(), "--condition").map_err(|problem| {
                        if c_dim > 0 {
                            problem.advice("or --condition estimate: the class that fits each image best")
                        } else {
                            problem
                        }
                    })?;
                Condition::Given(number.unwrap_or(0) as usize)
            }
        };
        let cloud = |class: Option<i64>| {
            let c = class.map(|class| one_hot(&[class], c_dim, device));
            LatentCloud::sample(&network.generator, config.w_samples as i64, c.as_ref())
        };
        Ok(Self {
            clouds: if c_dim == 0 { vec![cloud(None)] } else { (0..c_dim).map(|class| cloud(Some(class))).collect() },
            condition,
            start: config.start,
            candidates: config.candidates as i64,
            precision: config.precision.resolve(device, network.generator.config().conv_clamp.is_some())?,
            sides: network.generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect(),
            generator: network.generator,
            discriminator: network.discriminator,
            network_sha256: network.sha256,
            source,
            device,
            graphs,
        })
    }

    /// Image shape of the network: channels, height, width.
    pub fn shape(&self) -> [i64; 3] {
        let padding = self.source.padding;
        [self.generator.config().channels, padding.height as i64, padding.width as i64]
    }

    /// Name of a class, or its number where it has none.
    pub fn class_name(&self, class: i64) -> String {
        self.source.classes.get(class as usize).cloned().unwrap_or_else(|| class.to_string())
    }

    /// What "auto" means without a measurement on the data at hand. The discriminator's features kept most of known
    /// rims' contrast where the three were compared (README, "What was measured"); an imported network may come
    /// without it.
    pub fn usual_features(&self) -> BuiltIn {
        if self.discriminator.is_some() { BuiltIn::Discriminator } else { BuiltIn::RandomVgg }
    }

    /// The feature net that comes with the program.
    ///
    /// # Errors
    /// The discriminator's features of a network file without one.
    pub fn built_in(&self, net: BuiltIn) -> Result<Box<dyn FeatureNet + '_>> {
        let [channels, _, _] = self.shape();
        match (net, &self.discriminator) {
            (BuiltIn::RandomVgg, _) => Ok(Box::new(RandomVgg::new(channels, self.device))),
            (BuiltIn::Pixels, _) => Ok(Box::new(PixelPyramid)),
            (BuiltIn::Discriminator, Some(discriminator)) => Ok(Box::new(DiscriminatorFeatures(discriminator))),
            (BuiltIn::Discriminator, None) => Err(Problem::usage("the network file holds no discriminator")
                .advice("take the file of a training run, or project.features = \"random-vgg\" (--features)")),
        }
    }

    /// The feature net whose weights a file holds.
    ///
    /// # Errors
    /// No such file, or one that holds the weights of no known net.
    pub fn from_weights(&self, file: &Path) -> Result<Box<dyn FeatureNet + '_>> {
        Ok(Box::new(read_features(file, self.device)?))
    }

    /// What so many batches are to be projected with by a feature net; for [`Self::project`] of this projector alone.
    pub fn comparison<'a>(&self, features: &'a dyn FeatureNet, batches: usize) -> Comparison<'a> {
        // The trial of each class is followed by a descent in one of them.
        let again = batches > 1 || self.condition == Condition::Estimate;
        Comparison::new(features, self.candidates, if again { start::MOST_KEPT } else { 0 })
    }

    /// Projects one batch. `keeper` sees every step of the final descent and may end it.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; what the feature net or `keeper` reports.
    pub fn project(
        &self,
        comparison: &mut Comparison<'_>,
        batch: &[&Target],
        run: &Run<'_>,
        keeper: &mut dyn Keeper,
    ) -> Result<Batch> {
        let classes = match self.condition {
            Condition::Given(class) => vec![class; batch.len()],
            Condition::Estimate => self.estimate(comparison, batch, run)?,
        };
        let mut parts = Vec::new();
        for class in 0..self.clouds.len() {
            let places: Vec<usize> = (0..batch.len()).filter(|&at| classes[at] == class).collect();
            if places.is_empty() {
                continue;
            }
            let own: Vec<&Target> = places.iter().map(|&at| batch[at]).collect();
            let projected = self.descend(comparison, &own, class, run, keeper)?;
            parts.push((places, class, projected));
        }
        Ok(self.in_order(parts, classes))
    }

    /// Projects any number of images, batch by batch, without a trace of the way; hands over each with its place.
    ///
    /// # Errors
    /// As [`Projector::project`], and what `done` reports.
    pub fn project_all(
        &self,
        features: &dyn FeatureNet,
        targets: &[&Target],
        run: &Run<'_>,
        done: &mut dyn FnMut(usize, OneProjected) -> Result<()>,
    ) -> Result<()> {
        let batches = targets.chunks(run.batch);
        let mut comparison = self.comparison(features, batches.len());
        let mut place = 0;
        for batch in batches {
            let Batch { projected, w_distance, .. } = self.project(&mut comparison, batch, run, &mut NothingKept)?;
            for (row, (pixels, w_distance)) in pixels_of(&projected.images)?.into_iter().zip(w_distance).enumerate() {
                done(place, OneProjected { pixels, image: projected.images.get(row as i64), w_distance })?;
                place += 1;
            }
        }
        Ok(())
    }

    /// The class of each image whose projection with a fifth of the steps comes nearest.
    fn estimate(&self, comparison: &mut Comparison<'_>, batch: &[&Target], run: &Run<'_>) -> Result<Vec<usize>> {
        let steps = (run.descent.steps / TRIAL_SHARE).max(FEWEST_TRIAL_STEPS);
        let short = Run { descent: Descent { steps, ..run.descent }, observer: &Quiet(run.observer), ..*run };
        let mut best = vec![(f64::INFINITY, 0); batch.len()];
        for class in 0..self.clouds.len() {
            let tried = self.descend(comparison, batch, class, &short, &mut NothingKept)?;
            for (best, distance) in best.iter_mut().zip(tried.distance) {
                if distance < best.0 {
                    *best = (distance, class);
                }
            }
        }
        Ok(best.into_iter().map(|(_, class)| class).collect())
    }

    /// Projects one batch into one class.
    fn descend(
        &self,
        comparison: &mut Comparison<'_>,
        batch: &[&Target],
        class: usize,
        run: &Run<'_>,
        keeper: &mut dyn Keeper,
    ) -> Result<Projected> {
        let &Run { ref descent, seed, observer, .. } = run;
        let names: Vec<String> = batch.iter().map(|target| target.id.to_string()).collect();
        let w_dim = self.generator.config().w_dim;
        let draws = Draws::sample(seed, &names, &self.sides, w_dim, descent.steps, self.device);
        let [channels, height, width] = self.shape();
        let pixels: Vec<f32> = batch.iter().flat_map(|target| target.pixels.iter().copied()).collect();
        let targets = Tensor::from_slice(&pixels).view([batch.len() as i64, channels, height, width]);
        let targets = padding::pad(&self.source.padding, &targets.to_device(self.device));
        let images = Images { names: &names, class };
        let underway = keeper.resume(images, self.device)?;
        observer.advance(underway.as_ref().map_or(0, |underway| underway.step) * batch.len() as u64);
        let mut failed = Ok(());
        let mut after_step = |moment: &Moment<'_>| {
            observer.advance(batch.len() as u64);
            let stop = observer.stop_requested();
            failed = keeper.keep(images, moment, stop);
            failed.is_ok() && !stop
        };
        let _precision = Scope::enter(self.precision);
        let (generator, cloud) = (&self.generator, &self.clouds[class]);
        let own = NumberedCloud { number: class, cloud };
        let mut aims = self.aims(run, batch, comparison.features, cloud, &targets)?;
        let start = comparison.start(self.start, generator, own, &targets, aims.factors.as_ref())?;
        if let Some(score) = run.rim_score.filter(|_| run.wanted.towards_rim > 0.0) {
            let far = tch::no_grad(|| {
                let images = synthesise(generator, &start.unsqueeze(1), &draws.noise);
                aims.distance(comparison.features, &images, &targets)
            })?;
            aims.rim = score.pull(batch, run.wanted.towards_rim, &far, &self.source.padding);
        }
        let projection = Projection {
            generator,
            features: comparison.features,
            targets: &targets,
            start: &start,
            deviation: cloud.deviation(),
            draws: &draws,
            descent,
            aims: &aims,
            graphs: self.graphs,
        };
        let projected = optimise(&projection, underway, &mut after_step);
        failed?;
        projected.map_err(|problem| match problem.kind() {
            crate::problem::Kind::Interrupted => problem.advice("the same command goes on where it stopped"),
            _ => problem,
        })
    }

    /// What a run wants of a batch before anything is drawn for it, its targets \[N, C, R, R\] padded.
    fn aims(
        &self,
        run: &Run<'_>,
        batch: &[&Target],
        features: &dyn FeatureNet,
        cloud: &LatentCloud,
        targets: &Tensor,
    ) -> Result<Aims> {
        let Wanted { emphasis, cloud: weight, .. } = run.wanted;
        let padding = &self.source.padding;
        let factors = match emphasis.map(batch, padding, self.device) {
            Some(map) => Some(places::factors(&map, &tch::no_grad(|| features.places(targets))?)),
            None => None,
        };
        Ok(Aims { factors, cloud: CloudPull::new(cloud, weight), rim: None })
    }

    fn in_order(&self, parts: Vec<(Vec<usize>, usize, Projected)>, classes: Vec<usize>) -> Batch {
        let mut order: Vec<(usize, i64)> = parts.iter().flat_map(|(places, ..)| places.clone()).zip(0..).collect();
        order.sort_unstable();
        let order = Tensor::from_slice(&order.iter().map(|(_, row)| *row).collect::<Vec<_>>()).to_device(self.device);
        let joined = |tensors: &[&Tensor]| Tensor::cat(tensors, 0).index_select(0, &order);
        let all = |of: &dyn Fn(&Projected) -> Tensor| {
            let tensors: Vec<Tensor> = parts.iter().map(|(_, _, part)| of(part)).collect();
            joined(&tensors.iter().collect::<Vec<_>>())
        };
        let mut distance = vec![0.0; classes.len()];
        let mut w_distance = vec![0.0; classes.len()];
        for (places, class, part) in &parts {
            let from_cloud = self.clouds[*class].distance(&part.w);
            for (row, &at) in places.iter().enumerate() {
                (distance[at], w_distance[at]) = (part.distance[row], from_cloud[row]);
            }
        }
        let maps = 0..self.sides.len();
        let images = padding::crop(&self.source.padding, &all(&|part| part.images.shallow_clone()));
        let noise = maps.map(|map| all(&|part| part.noise[map].shallow_clone())).collect();
        let projected = Projected { w: all(&|part| part.w.shallow_clone()), noise, images, distance };
        let conditional = self.generator.config().c_dim > 0;
        let classes = if conditional { classes.into_iter().map(|class| class as i64).collect() } else { vec![] };
        Batch { projected, classes, w_distance }
    }
}

/// Images \[N, C, H, W\] as plain values, one vector an image.
///
/// # Errors
/// The copy from the device failed.
pub fn pixels_of(images: &Tensor) -> Result<Vec<Vec<f32>>> {
    let images = images.to_device(Device::Cpu);
    (0..images.size()[0]).map(|i| Ok(Vec::<f32>::try_from(images.get(i).flatten(0, -1))?)).collect()
}

/// Passes on a request to stop and nothing else.
struct Quiet<'a>(&'a dyn Observer);

impl Observer for Quiet<'_> {
    fn begin(&self, _: &str, _: &str, _: u64) {}
    fn advance(&self, _: u64) {}
    fn status(&self, _: &str) {}
    fn note(&self, _: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        self.0.stop_requested()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::nets::GeneratorConfig;
    use crate::nets::weights::save_network;
    use crate::observer::Silent;
    use crate::records::label::NetworkLabel;

    const CANDIDATES: u64 = 60;

    /// A network of two classes, opened to project into one of them or to estimate it.
    pub fn opened(condition: &str) -> (Projector, ProjectConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        let small = GeneratorConfig::small(16, 1);
        let sizes = GeneratorConfig { z_dim: 8, w_dim: 6, c_dim: 2, channel_base: 64, channel_max: 8, ..small };
        let generator = Generator::new(&sizes, RunSeed(1), Device::Cpu).unwrap();
        save_network(&path, &generator, None, NetworkLabel::default()).unwrap();
        let condition = Some(condition.parse::<ClassChoice>().unwrap());
        let config =
            ProjectConfig { steps: 4, w_samples: 80, candidates: CANDIDATES, condition, ..ProjectConfig::default() };
        (Projector::open(&path, &config, Device::Cpu, true).unwrap(), config)
    }

    pub fn target(id: &str) -> Target {
        let phase = id.len() as f32;
        let pixels = (0..256).map(|at| (phase * at as f32).sin()).collect();
        Target { id: crate::name::Name::of_known(id), pixels, mask: None, lesion: None }
    }

    /// Counts the images that it is shown.
    struct Counting(Cell<i64>);

    impl FeatureNet for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        fn features(&self, images: &Tensor) -> Result<Tensor> {
            self.0.set(self.0.get() + images.size()[0]);
            PixelPyramid.features(images)
        }
    }

    #[test]
    fn candidates_are_measured_once_for_all_batches_of_a_class() {
        for (condition, classes) in [("1", 1), ("estimate", 2)] {
            let (projector, config) = opened(condition);
            let project = |comparison: &mut Comparison<'_>, id: &str| {
                let run = Run::new(&config, RunSeed(3), &Silent);
                projector.project(comparison, &[&target(id)], &run, &mut NothingKept).unwrap()
            };
            let net = Counting(Cell::new(0));
            let mut comparison = projector.comparison(&net, 2);
            project(&mut comparison, "a");
            let first = net.0.take();
            let second = project(&mut comparison, "bb");
            assert_eq!(first - net.0.get(), classes * CANDIDATES as i64, "{condition}");
            let anew = project(&mut Comparison::new(&net, CANDIDATES as i64, 0), "bb");
            assert!(second.projected.w.equal(&anew.projected.w) && second.classes == anew.classes);
            assert!(second.projected.images.equal(&anew.projected.images));
        }
    }
}

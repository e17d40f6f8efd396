//! A network opened for projection: frozen weights, its cloud of w, its feature nets.

use std::path::Path;

use tch::{Device, Tensor};

use super::targets::Target;
use super::{
    BuiltIn, Comparison, Descent, Draws, Moment, ProjectConfig, Projected, Projection, Start, Underway, optimise, start,
};
use crate::engine::precision::{Precision, Scope};
use crate::feed::network_source::{Source, network_file};
use crate::latent::cloud::LatentCloud;
use crate::nets::class::{ClassChoice, class_number, one_hot};
use crate::nets::features::{DiscriminatorFeatures, FeatureNet, PixelPyramid, RandomVgg, TorchScriptFeatures};
use crate::nets::network::Network;
use crate::nets::weights::load_network;
use crate::nets::{Discriminator, Generator};
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::seed::RunSeed;

/// The condition that asks for the class that fits best.
const ESTIMATE: &str = "estimate";

/// One in so many steps tells which class fits.
const TRIAL_SHARE: u64 = 5;
const FEWEST_TRIAL_STEPS: u64 = 20;

pub struct Projector {
    pub generator: Generator,
    pub discriminator: Option<Discriminator>,
    pub source: Source,
    /// One for each class, or one.
    clouds: Vec<LatentCloud>,
    condition: Condition,
    start: Start,
    candidates: i64,
    pub precision: Precision,
    pub network_sha256: String,
    /// Manifest of the data set that the network was trained on, where it says so.
    pub data_sha256: Option<String>,
    pub device: Device,
    sides: Vec<i64>,
}

/// The class that images are projected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Number of the cloud: the class, or 0 without classes.
    Given(usize),
    Estimate,
}

/// A projected batch and the class of each image.
pub struct Batch {
    pub projected: Projected,
    /// Numbers; empty without classes.
    pub classes: Vec<i64>,
    /// Distance of each w \[N, L, w_dim\] to the cloud of its class.
    pub w_distance: Vec<f64>,
}

impl Projector {
    /// Opens a network file, or the network in the folder of a training run or an import.
    pub fn open(path: &Path, config: &ProjectConfig, device: Device) -> Result<Self> {
        let network = load_network(network_file(path)?, device)?;
        for (_, parameter) in network.generator.parameters() {
            let _ = parameter.set_requires_grad(false);
        }
        for (_, parameter) in network.discriminator.iter().flat_map(Network::parameters) {
            let _ = parameter.set_requires_grad(false);
        }
        let source = Source::of(&network.description);
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
            source,
            sides: network.generator.synthesis.noise_shapes().into_iter().map(|(_, side)| side).collect(),
            generator: network.generator,
            discriminator: network.discriminator,
            network_sha256: network.sha256,
            data_sha256: network.description.provenance["data_sha256"].as_str().map(str::to_owned),
            device,
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

    /// What "auto" means without a measurement on the data at hand. The discriminator's features kept most of known rims'
    /// contrast where the three were compared (README, "What was measured"); an imported network may come without it.
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
                .advice("take the file of a training run, or --features random-vgg")),
        }
    }

    /// The feature net of a TorchScript file.
    ///
    /// # Errors
    /// No such file, or one that is no usable feature net.
    pub fn torch_script(&self, file: &Path) -> Result<Box<dyn FeatureNet + '_>> {
        Ok(Box::new(TorchScriptFeatures::load(file, self.device)?))
    }

    /// What so many batches are to be projected with by a feature net; for [`Self::project`] of this projector alone.
    pub fn comparison<'a>(&self, features: &'a dyn FeatureNet, batches: usize) -> Comparison<'a> {
        // The trial of each class is followed by a descent in one of them.
        let again = batches > 1 || self.condition == Condition::Estimate;
        Comparison::new(features, self.candidates, if again { start::MOST_KEPT } else { 0 })
    }

    /// Projects one batch; advances `observer` by the batch's size at every step. `keeper` sees every step of the final descent
    /// and may end it.
    pub fn project(
        &self,
        comparison: &mut Comparison<'_>,
        batch: &[Target],
        descent: &Descent,
        seed: RunSeed,
        observer: &dyn Observer,
        keeper: &mut dyn Keeper,
    ) -> Result<Batch> {
        let classes = match self.condition {
            Condition::Given(class) => vec![class; batch.len()],
            Condition::Estimate => self.estimate(comparison, batch, descent, seed, observer)?,
        };
        let mut parts = Vec::new();
        for class in 0..self.clouds.len() {
            let places: Vec<usize> = (0..batch.len()).filter(|&at| classes[at] == class).collect();
            if places.is_empty() {
                continue;
            }
            let own: Vec<Target> = places.iter().map(|&at| batch[at].clone()).collect();
            let projected = self.descend(comparison, &own, class, descent, seed, observer, keeper)?;
            parts.push((places, class, projected));
        }
        Ok(self.in_order(parts, classes))
    }

    /// The class of each image whose projection with a fifth of the steps comes nearest.
    fn estimate(
        &self,
        comparison: &mut Comparison<'_>,
        batch: &[Target],
        descent: &Descent,
        seed: RunSeed,
        observer: &dyn Observer,
    ) -> Result<Vec<usize>> {
        let short = Descent { steps: (descent.steps / TRIAL_SHARE).max(FEWEST_TRIAL_STEPS), ..*descent };
        let mut best = vec![(f64::INFINITY, 0); batch.len()];
        for class in 0..self.clouds.len() {
            let silent = &Quiet(observer);
            let tried = self.descend(comparison, batch, class, &short, seed, silent, &mut NothingKept)?;
            for (best, distance) in best.iter_mut().zip(tried.distance) {
                if distance < best.0 {
                    *best = (distance, class);
                }
            }
        }
        Ok(best.into_iter().map(|(_, class)| class).collect())
    }

    #[expect(clippy::too_many_arguments, reason = "a projection depends on all of them")]
    fn descend(
        &self,
        comparison: &mut Comparison<'_>,
        batch: &[Target],
        class: usize,
        descent: &Descent,
        seed: RunSeed,
        observer: &dyn Observer,
        keeper: &mut dyn Keeper,
    ) -> Result<Projected> {
        let names: Vec<String> = batch.iter().map(|target| target.id.clone()).collect();
        let w_dim = self.generator.config().w_dim;
        let draws = Draws::sample(seed, &names, &self.sides, w_dim, descent.steps, self.device);
        let [channels, height, width] = self.shape();
        let pixels: Vec<f32> = batch.iter().flat_map(|target| target.pixels.iter().copied()).collect();
        let targets = Tensor::from_slice(&pixels).view([batch.len() as i64, channels, height, width]);
        let targets = self.source.padding.pad(&targets.to_device(self.device));
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
        let start = comparison.start(self.start, generator, (class, cloud), &targets)?;
        let projection = Projection {
            generator,
            features: comparison.features,
            targets: &targets,
            start: &start,
            deviation: cloud.deviation(),
            draws: &draws,
            descent,
        };
        let projected = optimise(&projection, underway, &mut after_step);
        failed?;
        projected.map_err(|problem| match problem.kind() {
            crate::problem::Kind::Interrupted => problem.advice("the same command goes on where it stopped"),
            _ => problem,
        })
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
        let images = self.source.padding.crop(&all(&|part| part.images.shallow_clone()));
        let noise = maps.map(|map| all(&|part| part.noise[map].shallow_clone())).collect();
        let projected = Projected { w: all(&|part| part.w.shallow_clone()), noise, images, distance };
        let conditional = self.generator.config().c_dim > 0;
        let classes = if conditional { classes.into_iter().map(|class| class as i64).collect() } else { vec![] };
        Batch { projected, classes, w_distance }
    }
}

/// What one descent projects, and into what.
#[derive(Clone, Copy, Debug)]
pub struct Images<'a> {
    pub names: &'a [String],
    /// Number of the class, 0 without classes. An estimate may come out differently when it is made again: with other threads,
    /// or beside other images.
    pub class: usize,
}

/// What is done with a descent while it runs.
pub trait Keeper {
    /// Where an earlier attempt at `images` got to.
    fn resume(&mut self, images: Images<'_>, device: Device) -> Result<Option<Underway>>;

    /// After each step; `last_chance` where the descent is about to be stopped.
    fn keep(&mut self, images: Images<'_>, moment: &Moment<'_>, last_chance: bool) -> Result<()>;
}

/// For descents that are short or need no trace.
pub struct NothingKept;

impl Keeper for NothingKept {
    fn resume(&mut self, _: Images<'_>, _: Device) -> Result<Option<Underway>> {
        Ok(None)
    }

    fn keep(&mut self, _: Images<'_>, _: &Moment<'_>, _: bool) -> Result<()> {
        Ok(())
    }
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

    const CANDIDATES: u64 = 60;

    /// A network of two classes, opened to project into one of them or to estimate it.
    pub fn opened(condition: &str) -> (Projector, ProjectConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.safetensors");
        let small = GeneratorConfig::small(16, 1);
        let sizes = GeneratorConfig { z_dim: 8, w_dim: 6, c_dim: 2, channel_base: 64, channel_max: 8, ..small };
        let generator = Generator::new(&sizes, RunSeed(1), Device::Cpu).unwrap();
        save_network(&path, &generator, None, serde_json::Value::Null, serde_json::Value::Null).unwrap();
        let condition = Some(condition.parse::<ClassChoice>().unwrap());
        let config =
            ProjectConfig { steps: 4, w_samples: 80, candidates: CANDIDATES, condition, ..ProjectConfig::default() };
        (Projector::open(&path, &config, Device::Cpu).unwrap(), config)
    }

    pub fn target(id: &str) -> Target {
        let phase = id.len() as f32;
        let pixels = (0..256).map(|at| (phase * at as f32).sin()).collect();
        Target { id: id.to_owned(), pixels, mask: None, lesion: None }
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
                let descent = config.descent();
                let batch = [target(id)];
                projector.project(comparison, &batch, &descent, RunSeed(3), &Silent, &mut NothingKept).unwrap()
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

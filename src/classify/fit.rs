//! One fit: Adam on the cross-entropy of batches, for a fixed number of steps; and the scores of slices.

use serde::Serialize;
use tch::{Device, Tensor};

use super::augment::{self, Augment};
use super::descent::{Course, descend};
use super::sampler::{Batch, Sampler};
use super::training_set::TrainingSet;
use crate::nets::classifiers::{Classifier, ClassifierConfig, Mode, cross_entropy};
use crate::observer::Observer;
use crate::problem::Result;
use crate::seed::RunSeed;

/// Slices scored at once.
const SCORED: i64 = 256;

/// Steps between two looks at the clock, the loss and the wish to stop.
const CHUNK: u64 = 20;

/// What is equal in all arms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The network; finished fits are known by this name of it, whichever it is.
    #[serde(rename = "cnn")]
    pub classifier: ClassifierConfig,
    /// Of the optimiser.
    pub steps: u64,
    /// Slices in a batch.
    pub batch: u64,
    /// Of Adam.
    pub learning_rate: f64,
}

/// How slices are seen, and what those beside the real ones count; equal in all arms, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Manner {
    /// How slices are changed each time.
    pub augment: Augment,
    /// Weight of the mean loss of what stands beside the real lesions; that of the real ones counts 1.
    pub extra_weight: f64,
}

impl Manner {
    /// Slices as they are, and nothing beside the real ones.
    pub fn is_plain(self) -> bool {
        self.augment.is_none() && self.extra_weight == 0.0
    }
}

impl Plan {
    /// Slices a step of what stands beside the real lesions: a quarter of a batch, so that at a weight of a quarter
    /// each counts as much as a real one.
    pub fn added_batch(&self) -> u64 {
        (self.batch / 4).max(1)
    }

    /// `epochs` passes over `slices` slices.
    pub fn steps_for(slices: u64, epochs: u64, batch: u64) -> u64 {
        (slices * epochs).div_ceil(batch).max(1)
    }
}

/// Trains a classifier on rows of `pixels` \[N, C, H, W\] in \[-1, 1\], from drawn weights; see [`Fit::from`].
///
/// # Errors
/// The loss is not a number, or the observer asks to stop.
pub fn fit(
    set: &TrainingSet,
    pixels: &Tensor,
    plan: &Plan,
    manner: Manner,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<(Box<dyn Classifier>, Vec<f64>)> {
    let network = plan.classifier.build(seed, pixels.device());
    Fit { set, pixels, plan, manner, seed }.from(network, observer)
}

/// What a fit learns, and how.
#[derive(Clone, Copy)]
pub struct Fit<'a> {
    /// Which rows, as what.
    pub set: &'a TrainingSet,
    /// Slices \[N, C, H, W\] in \[-1, 1\].
    pub pixels: &'a Tensor,
    /// Steps, batches, rate.
    pub plan: &'a Plan,
    /// How slices are seen.
    pub manner: Manner,
    /// Of the order of slices and of their changes.
    pub seed: RunSeed,
}

impl Fit<'_> {
    /// Trains `network`; also the mean loss of each chunk of 20 steps.
    ///
    /// The loss is that of the real lesions plus the weight times that of what the set adds. A weight of 0 is a fit
    /// without what is added, to the bit: batches, changes and normalisation of the real ones do not know of the
    /// others.
    ///
    /// Repeats exactly for an equal network and equal arguments on one thread. Draws nothing from libtorch's generator.
    ///
    /// # Errors
    /// The loss is not a number, or the observer asks to stop.
    pub fn from(
        self,
        network: Box<dyn Classifier>,
        observer: &dyn Observer,
    ) -> Result<(Box<dyn Classifier>, Vec<f64>)> {
        let parameters = network.parameters().into_iter().map(|(_, parameter)| parameter).collect();
        let steps = Steps { network: network.as_ref(), of: self };
        let course = Course { whose: "the classifier", steps: self.plan.steps, chunk: CHUNK };
        let losses = descend(parameters, course, |_| self.plan.learning_rate, |step| steps.loss(step), observer)?;
        Ok((network, losses))
    }
}

/// What the loss of every step is made of.
struct Steps<'a> {
    network: &'a dyn Classifier,
    of: Fit<'a>,
}

impl Steps<'_> {
    fn loss(&self, step: u64) -> Tensor {
        let &Self { network, of: Fit { set, plan, manner, seed, .. } } = self;
        let sampler = Sampler::new(set, plan.batch, seed);
        let real = sampler.at(step);
        let x = self.slices(&real, seed, step);
        if manner.extra_weight == 0.0 || set.added().is_empty() {
            return self.cross_entropy(&network.forward(&x, Mode::Train), &real);
        }
        let added = sampler.added_at(step, plan.added_batch());
        let beside = self.slices(&added, seed.child("added", 0), step);
        let (logits, of_added) = network.forward_beside(&x, &beside);
        self.cross_entropy(&logits, &real) + self.cross_entropy(&of_added, &added) * manner.extra_weight
    }

    /// As they are seen in this step.
    fn slices(&self, batch: &Batch, seed: RunSeed, step: u64) -> Tensor {
        let pixels = self.of.pixels;
        let x = pixels.index_select(0, &Tensor::from_slice(&batch.rows).to_device(pixels.device()));
        match self.of.manner.augment {
            Augment::None => x,
            Augment::DihedralShift => augment::apply(&x, &augment::changes(batch.rows.len(), x.size()[3], seed, step)),
        }
    }

    fn cross_entropy(&self, logits: &Tensor, batch: &Batch) -> Tensor {
        let device = logits.device();
        let classes = self.network.classes();
        let target = Tensor::from_slice(&batch.targets).view([-1, classes]).to_device(device);
        let weight = Tensor::from_slice(&batch.weights).to_device(device);
        match self.of.set.logit_shift() {
            None => cross_entropy(logits, &target, &weight),
            Some((class, shift)) => {
                let mut shifts = vec![0f32; classes as usize];
                shifts[class] = shift;
                cross_entropy(&(logits + Tensor::from_slice(&shifts).to_device(device)), &target, &weight)
            }
        }
    }
}

/// Log-odds of the classes `wanted` for each row of `pixels`: one list a class.
///
/// # Errors
/// libtorch refuses the pixels.
pub fn score(network: &dyn Classifier, pixels: &Tensor, wanted: &[i64]) -> Result<Vec<Vec<f32>>> {
    let mut scores = vec![Vec::new(); wanted.len()];
    let count = pixels.size()[0];
    for first in (0..count).step_by(SCORED as usize) {
        let part = pixels.narrow(0, first, SCORED.min(count - first));
        let odds = tch::no_grad(|| network.scores(&part)).to_device(Device::Cpu);
        for (list, &class) in scores.iter_mut().zip(wanted) {
            list.extend(Vec::<f32>::try_from(odds.select(1, class))?);
        }
    }
    Ok(scores)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::classify::arms::Arm;
    use crate::classify::config::Width;
    use crate::classify::material::tests::{rims, units};
    use crate::classify::material::{Material, Origin, Supply};
    use crate::classify::source::Source;
    use crate::nets::classifiers::cnn::CnnConfig;
    use crate::observer::Silent;
    use rand::RngExt;

    /// A bright ring or a bright disc of random size and place on noise, 16x16, values in [-1, 1].
    pub fn phantom(ring: bool, rng: &mut impl rand::Rng) -> Vec<f32> {
        let radius = rng.random_range(3.0..5.5f32);
        let (cx, cy) = (rng.random_range(6.0..10.0f32), rng.random_range(6.0..10.0f32));
        let inside = |d: f32| if ring { (d - radius).abs() < 1.1 } else { d < radius };
        let mut pixels = Vec::with_capacity(256);
        for y in 0..16 {
            for x in 0..16 {
                let d = ((x as f32 - cx).powi(2) + (y as f32 - cy).powi(2)).sqrt();
                let value = if inside(d) { 0.5 } else { -0.4 };
                pixels.push(value + rng.random_range(-0.3..0.3f32));
            }
        }
        pixels
    }

    /// 40 rings (rims), 80 discs.
    fn phantoms() -> (Tensor, Material) {
        let mut rng = RunSeed(9).stream("phantoms", 0);
        let pixels: Vec<f32> = (0..120).flat_map(|i| phantom(i < 40, &mut rng)).collect();
        let material = Material {
            classes: vec![units(Origin::Other, 40, 40, 2), units(Origin::Interest, 20, 0, 2)],
            interest: Some(1),
            leaked: vec![vec![]; 2],
            ..Material::default()
        };
        (Tensor::from_slice(&pixels).view([120, 1, 16, 16]), material)
    }

    const AS_THEY_ARE: Manner = Manner { augment: Augment::None, extra_weight: 0.0 };

    fn plan(cnn: CnnConfig) -> Plan {
        Plan { classifier: ClassifierConfig::Cnn(cnn), steps: 120, batch: 16, learning_rate: 3e-3 }
    }

    /// Weights and losses of 20 steps on the rings and discs, with the rings' first 10 added once more.
    fn short(arm: Arm, extra_weight: f64) -> (Vec<f32>, Vec<f64>) {
        tch::set_num_threads(1);
        let (pixels, mut material) = phantoms();
        material.supplies.insert(Source::Synthetic, Supply::Drawn(rims(units(Origin::Synthetic, 10, 0, 1))));
        let set = arm.compose(&material.select(0, RunSeed(0), 10, 2.0).unwrap(), 16);
        let cnn = CnnConfig { channels: 1, widths: [4, 8, 8, 8, 8, 8], classes: 2 };
        let plan = Plan { steps: 20, ..plan(cnn) };
        let manner = Manner { augment: Augment::DihedralShift, extra_weight };
        let (network, losses) = fit(&set, &pixels, &plan, manner, RunSeed(1), &Silent).unwrap();
        let values = network.tensors().into_values().flat_map(|x| Vec::<f32>::try_from(x.reshape([-1])).unwrap());
        (values.collect(), losses)
    }

    #[test]
    fn an_addition_of_weight_0_is_none_to_the_bit_and_one_of_little_weight_is_near() {
        let none = short(Arm::None, 0.25);
        assert_eq!(short(Arm::AdaGan, 0.0), none);
        let far = |weight: f64| {
            let (values, _) = short(Arm::AdaGan, weight);
            values.iter().zip(&none.0).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max)
        };
        let (near, far) = (far(1e-6), far(0.25));
        assert!(near > 0.0 && near < 0.02 && far > 5.0 * near, "{near} {far}");
    }

    fn trained(seed: u64) -> (Vec<f32>, Vec<f64>) {
        tch::set_num_threads(1);
        let (pixels, material) = phantoms();
        let set = Arm::None.compose(&material.select(0, RunSeed(0), 0, 2.0).unwrap(), 16);
        let cnn = CnnConfig { channels: 1, widths: [4, 8, 8, 8, 8, 8], classes: 2 };
        let (network, losses) = fit(&set, &pixels, &plan(cnn), AS_THEY_ARE, RunSeed(seed), &Silent).unwrap();
        (score(network.as_ref(), &pixels, &[1]).unwrap().remove(0), losses)
    }

    #[test]
    fn rings_are_told_from_discs_and_the_fit_repeats() {
        let (scores, losses) = trained(1);
        let right = scores.iter().enumerate().filter(|(i, score)| (**score > 0.0) == (*i < 40)).count();
        assert!(right >= 114, "{right} of 120 right, losses {losses:?}");
        assert!(losses[losses.len() - 1] < 0.5 * losses[0]);
        assert_eq!(trained(1), (scores.clone(), losses));
        assert_ne!(trained(2).0, scores);
    }

    #[test]
    fn twenty_five_epochs_of_a_hundred_slices_in_batches_of_64_are_40_steps() {
        assert_eq!(Plan::steps_for(100, 25, 64), 40);
        assert_eq!(Plan::steps_for(1, 1, 64), 1);
    }

    /// Part of the key that finished fits are found by: other words, and every kept fit is done again.
    #[test]
    fn a_plan_is_written_as_it_ever_was() {
        let plan = Plan { classifier: Width::Small.classifier(1), steps: 40, batch: 64, learning_rate: 1e-3 };
        let cnn = r#"{"channels":1,"widths":[8,16,24,32,32,32]}"#;
        let expected = format!(r#"{{"cnn":{cnn},"steps":40,"batch":64,"learning_rate":0.001}}"#);
        assert_eq!(serde_json::to_string(&plan).unwrap(), expected);
    }
}

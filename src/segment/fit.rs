//! One fit: Adam on cross-entropy plus Dice loss, for a fixed number of steps.

use serde::Serialize;
use tch::Tensor;

use super::material::Learnt;
use crate::classify::augment;
use crate::classify::descent::{Course, descend};
use crate::classify::sampler::{Batch, Sampler};
use crate::classify::training_set::TrainingSet;
use crate::nets::Network;
use crate::nets::segmenters::{UNet, UNetConfig, cross_entropy, dice_loss};
use crate::observer::Observer;
use crate::problem::Result;
use crate::seed::RunSeed;

/// Steps between two looks at the clock, the loss and the wish to stop.
pub(crate) const CHUNK: u64 = 10;

/// Power of the fall of the learning rate, as in nnU-Net.
const POWER: f64 = 0.9;

/// What is equal in all arms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The network.
    pub network: UNetConfig,
    /// Of the optimiser.
    pub steps: u64,
    /// Slices in a batch of real lesions.
    pub batch: u64,
    /// Of Adam at the first step.
    pub learning_rate: f64,
    /// Weight of the loss of what an arm adds.
    pub extra_weight: f64,
}

impl Plan {
    /// Slices a step of what an arm adds: a quarter of a batch, as `classify` has it.
    pub fn added_batch(&self) -> u64 {
        (self.batch / 4).max(1)
    }

    /// Of the optimiser at a step.
    pub(crate) fn rate(&self, step: u64) -> f64 {
        self.learning_rate * (1.0 - step as f64 / self.steps as f64).powf(POWER)
    }
}

/// Trains a network on rows of the pairs; also the mean loss of each chunk of 10 steps. The loss is that of the real
/// lesions plus the weight times that of what the set adds. Each slice is mirrored or turned by quarters, and shifted,
/// anew each time, image and mask alike.
///
/// Repeats exactly for equal arguments on one thread. Draws nothing from libtorch's generator.
///
/// # Errors
/// The loss is not a number, or the observer asks to stop.
pub fn fit(
    set: &TrainingSet,
    learnt: &Learnt,
    plan: &Plan,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<(UNet, Vec<f64>)> {
    let network = UNet::new(&plan.network, seed, learnt.pairs.device());
    let parameters = network.parameters().into_iter().map(|(_, parameter)| parameter).collect();
    let course = Course { whose: "the network", steps: plan.steps, chunk: CHUNK };
    let loss = |step| step_loss(&network, set, learnt, plan, (seed, step));
    let losses = descend(parameters, course, |step| plan.rate(step), loss, observer)?;
    Ok((network, losses))
}

/// Of one step: real ones and added ones go through the network together and are counted apart.
fn step_loss(network: &UNet, set: &TrainingSet, learnt: &Learnt, plan: &Plan, (seed, step): (RunSeed, u64)) -> Tensor {
    let sampler = Sampler::new(set, plan.batch, seed);
    let real = pairs(learnt, &sampler.at(step), seed, step);
    let count = real.size()[0];
    let channels = real.size()[1] - 1;
    let of = |pairs: &Tensor, logits: &Tensor| {
        let masks = pairs.narrow(1, channels, 1);
        cross_entropy(logits, &masks) + dice_loss(logits, &masks)
    };
    if plan.extra_weight == 0.0 || set.added().is_empty() {
        return of(&real, &network.forward(&real.narrow(1, 0, channels)));
    }
    let batch = sampler.added_at(step, plan.added_batch());
    let added = pairs(learnt, &batch, seed.child("added", 0), step);
    let all = Tensor::cat(&[&real, &added], 0);
    let logits = network.forward(&all.narrow(1, 0, channels));
    let beside = of(&added, &logits.narrow(0, count, added.size()[0]));
    of(&real, &logits.narrow(0, 0, count)) + beside * plan.extra_weight
}

/// As they are seen in this step.
fn pairs(learnt: &Learnt, batch: &Batch, seed: RunSeed, step: u64) -> Tensor {
    let rows = Tensor::from_slice(&batch.rows).to_device(learnt.pairs.device());
    let pairs = learnt.pairs.index_select(0, &rows);
    augment::apply(&pairs, &augment::changes(batch.rows.len(), pairs.size()[3], seed, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::material::{Material, Origin, Supply, Unit};
    use crate::classify::source::Source;
    use crate::classify::training_set::Example;
    use crate::observer::Silent;
    use crate::segment::arms::Arm;
    use crate::segment::config::SegmentConfig;
    use rand::RngExt;

    /// Bright rings on noise with their masks, and bright discs without any; 16x16.
    fn phantoms() -> Learnt {
        let mut rng = RunSeed(4).stream("rings", 0);
        let mut values = Vec::new();
        for at in 0..60 {
            let ring = at < 30;
            let radius = rng.random_range(3.0..5.5f32);
            let centre = [0, 1].map(|_| rng.random_range(6.0..10.0f32));
            let far = |pixel: usize| ((pixel % 16) as f32 - centre[0]).hypot((pixel / 16) as f32 - centre[1]);
            let inside = |pixel: usize| if ring { (far(pixel) - radius).abs() < 1.1 } else { far(pixel) < radius };
            values
                .extend((0..256).map(|pixel| if inside(pixel) { 0.5 } else { -0.4 } + rng.random_range(-0.3..0.3f32)));
            values.extend((0..256).map(|pixel| f32::from(u8::from(ring && inside(pixel)))));
        }
        let unit = |origin: Origin, row: u32| Unit { origin, rows: vec![row], lesion: Some(row) };
        let material = Material {
            classes: vec![
                (30..60).map(|row| unit(Origin::Other, row)).collect(),
                (0..20).map(|row| unit(Origin::Interest, row)).collect(),
            ],
            interest: Some(1),
            leaked: vec![vec![]; 2],
            supplies: [(
                Source::Synthetic,
                Supply::Drawn(
                    (20..30).map(|row| Example { unit: unit(Origin::Synthetic, row), target: 1.0 }).collect(),
                ),
            )]
            .into(),
            ..Material::default()
        };
        Learnt { pairs: Tensor::from_slice(&values).view([60, 2, 16, 16]), material }
    }

    fn fitted(arm: Arm, seed: u64, extra_weight: f64) -> (Vec<f32>, Vec<f64>) {
        tch::set_num_threads(1);
        let learnt = phantoms();
        let config = SegmentConfig { batch: 8, ..SegmentConfig::default() };
        let set = learnt.set(arm, 0, RunSeed(0), &config).unwrap();
        let network = UNetConfig { channels: 1, widths: [4, 4, 8, 8], outputs: 1 };
        let plan = Plan { network, steps: 240, batch: 8, learning_rate: 1e-2, extra_weight };
        let (network, losses) = fit(&set, &learnt, &plan, RunSeed(seed), &Silent).unwrap();
        let images = learnt.pairs.narrow(1, 0, 1);
        (Vec::try_from(network.probabilities(&images).reshape([-1])).unwrap(), losses)
    }

    #[test]
    fn rings_are_found_and_discs_are_not_and_the_fit_repeats() {
        let (found, losses) = fitted(Arm::Real, 1, 0.25);
        let masks: Vec<f32> = Vec::try_from(phantoms().pairs.narrow(1, 1, 1).reshape([-1])).unwrap();
        let dice = |rows: std::ops::Range<usize>| {
            let part = rows.start * 256..rows.end * 256;
            let (mut both, mut all) = (0.0, 0.0);
            for (p, m) in found[part.clone()].iter().zip(&masks[part]) {
                let p = f64::from(u8::from(*p >= 0.5));
                both += p * f64::from(*m);
                all += p + f64::from(*m);
            }
            (2.0 * both / f64::max(all, 1.0), all)
        };
        // Rings that were not learnt from, too.
        assert!(dice(0..20).0 > 0.8 && dice(20..30).0 > 0.7, "{:?} {:?} {losses:?}", dice(0..20), dice(20..30));
        // As many discs as rings, in which all that is found is false; the rings' sum counts found and true ones.
        assert!(dice(30..60).1 < 0.25 * dice(0..30).1 / 2.0, "{:?} {:?}", dice(30..60), dice(0..30));
        assert_eq!(fitted(Arm::Real, 1, 0.25), (found.clone(), losses));
        assert_ne!(fitted(Arm::Real, 2, 0.25).0, found);
    }

    #[test]
    fn an_addition_of_weight_0_is_none_to_the_bit() {
        let none = fitted(Arm::Real, 1, 0.25);
        assert_eq!(fitted(Arm::Synthetic, 1, 0.0), none);
        assert_ne!(fitted(Arm::Synthetic, 1, 0.25).0, none.0);
    }
}

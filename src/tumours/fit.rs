//! One fit: Adam on cross-entropy plus Dice loss of four labels, for a fixed number of steps.

use tch::Tensor;

use super::material::{ArmSet, Learnt};
use super::regions::masks;
use crate::classify::augment;
use crate::classify::descent::{Course, descend};
use crate::feed::epochs::Epochs;
use crate::nets::Network;
use crate::nets::segmenters::{UNet, label_cross_entropy, label_dice_loss};
use crate::observer::Observer;
use crate::problem::Result;
use crate::seed::RunSeed;
use crate::segment::fit::{CHUNK, Plan};

/// Trains a network on rows of the pairs; also the mean loss of each chunk of 10 steps. The loss is that of the batch
/// plus the weight times that of what the set adds, which has a batch and a deck of its own and so takes no place of
/// a real slice. Each slice is mirrored or turned by quarters, and shifted, anew each time, image and labels alike.
///
/// Repeats exactly for equal arguments on one thread. Draws nothing from libtorch's generator.
///
/// # Errors
/// The loss is not a number, or the observer asks to stop.
///
/// # Panics
/// A set of no rows.
pub fn fit(
    set: &ArmSet,
    learnt: &Learnt,
    plan: &Plan,
    seed: RunSeed,
    observer: &dyn Observer,
) -> Result<(UNet, Vec<f64>)> {
    let network = UNet::new(&plan.network, seed, learnt.pairs.device());
    let parameters = network.parameters().into_iter().map(|(_, parameter)| parameter).collect();
    let course = Course { whose: "the network", steps: plan.steps, chunk: CHUNK };
    let real = Deck { rows: &set.real, rounds: Epochs::new(set.real.len(), seed, "real"), seed };
    let own = seed.child("added", 0);
    let added = Deck { rows: &set.added, rounds: Epochs::new(set.added.len(), own, "added"), seed: own };
    let loss = |step| step_loss(&network, [&real, &added], learnt, plan, step);
    let losses = descend(parameters, course, |step| plan.rate(step), loss, observer)?;
    Ok((network, losses))
}

/// Deals rows: each once a round, in an order drawn anew for every round.
struct Deck<'a> {
    rows: &'a [u32],
    rounds: Epochs,
    seed: RunSeed,
}

impl Deck<'_> {
    /// `count` pairs \[count, C + 1, S, S\] as they are seen in this step.
    fn at(&self, learnt: &Learnt, count: u64, step: u64) -> Tensor {
        let draws = step * count..(step + 1) * count;
        let rows: Vec<i64> = draws.map(|draw| i64::from(self.rows[self.rounds.at(draw).item])).collect();
        let pairs = learnt.pairs.index_select(0, &Tensor::from_slice(&rows).to_device(learnt.pairs.device()));
        augment::apply(&pairs, &augment::changes(rows.len(), pairs.size()[3], self.seed, step))
    }
}

/// Of one step: real ones and added ones go through the network together and are counted apart.
fn step_loss(network: &UNet, [real, added]: [&Deck<'_>; 2], learnt: &Learnt, plan: &Plan, step: u64) -> Tensor {
    let pairs = real.at(learnt, plan.batch, step);
    let channels = pairs.size()[1] - 1;
    let of = |pairs: &Tensor, logits: &Tensor| {
        let masks = masks(&pairs.narrow(1, channels, 1));
        label_cross_entropy(logits, &masks) + label_dice_loss(logits, &masks)
    };
    if plan.extra_weight == 0.0 || added.rows.is_empty() {
        return of(&pairs, &network.forward(&pairs.narrow(1, 0, channels)));
    }
    let beside = added.at(learnt, plan.added_batch(), step);
    let (count, more) = (pairs.size()[0], beside.size()[0]);
    let logits = network.forward(&Tensor::cat(&[&pairs, &beside], 0).narrow(1, 0, channels));
    of(&pairs, &logits.narrow(0, 0, count)) + of(&beside, &logits.narrow(0, count, more)) * plan.extra_weight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::segmenters::UNetConfig;
    use crate::observer::Silent;
    use rand::RngExt;

    /// Discs about a brighter core on noise, 16x16: oedema 2 about enhancing 3.
    fn phantoms() -> Learnt {
        let mut rng = RunSeed(4).stream("discs", 0);
        let mut values: Vec<f32> = Vec::new();
        for _ in 0..24 {
            let centre = [0, 1].map(|_| rng.random_range(6.0..10.0f32));
            let far = |at: usize| ((at % 16) as f32 - centre[0]).hypot((at / 16) as f32 - centre[1]);
            let label = |at: usize| match far(at) {
                ..2.5 => 3.0,
                ..5.0 => 2.0,
                _ => 0.0f32,
            };
            values.extend((0..256).map(|at| label(at) / 3.0 - 0.5 + rng.random_range(-0.1..0.1f32)));
            values.extend((0..256).map(label));
        }
        let pairs = Tensor::from_slice(&values).view([24, 2, 16, 16]);
        Learnt { pairs, frequent: (0..12).collect(), rare: vec![], drawn: (12..16).collect() }
    }

    fn fitted(added: bool, seed: u64, extra_weight: f64) -> (Vec<i64>, Vec<f64>) {
        tch::set_num_threads(1);
        let learnt = phantoms();
        let added = if added { learnt.drawn.clone() } else { vec![] };
        let set = ArmSet { real: learnt.frequent.clone(), added };
        let network = UNetConfig { channels: 1, widths: [4, 4, 8, 8], outputs: 4 };
        let plan = Plan { network, steps: 120, batch: 8, learning_rate: 1e-2, extra_weight };
        let (network, losses) = fit(&set, &learnt, &plan, RunSeed(seed), &Silent).unwrap();
        let found = network.probabilities(&learnt.pairs.narrow(1, 0, 1)).argmax(1, false);
        (Vec::try_from(found.reshape([-1])).unwrap(), losses)
    }

    #[test]
    fn labels_are_learnt_and_the_fit_repeats_and_an_addition_of_weight_0_is_none() {
        let (found, losses) = fitted(false, 1, 0.5);
        let truth: Vec<f32> = Vec::try_from(phantoms().pairs.narrow(1, 1, 1).reshape([-1])).unwrap();
        // Slices that were not learnt from.
        let held = 16 * 256..24 * 256;
        let right = held.clone().filter(|&at| found[at] == truth[at] as i64).count() as f64 / held.len() as f64;
        assert!(right > 0.93, "{right} {losses:?}");
        assert_eq!(fitted(false, 1, 0.5), (found.clone(), losses.clone()));
        assert_eq!(fitted(true, 1, 0.0), (found.clone(), losses.clone()));
        assert_ne!(fitted(true, 1, 0.5).1, losses);
        assert_ne!(fitted(false, 2, 0.5).1, losses);
    }
}

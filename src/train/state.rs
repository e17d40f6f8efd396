//! Everything that matters for the next training step.
//!
//! If a field matters for the next step it is in [`TrainState`], and `saved.rs` stores it in a checkpoint. Random
//! draws need no state: each is a function of the run's seed, its purpose and the step.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::config::Resolved;
use super::schedule::{self, Trained};
use super::stats::{Probes, Quantity, TickSums};
use super::{Scores, transfer};
use crate::augment::Ada;
use crate::engine::Download;
use crate::nets::weights::bytes_of;
use crate::nets::{Discriminator, Generator, Network};
use crate::optim::{Adam, AdamConfig, Flat, Peers, ema};
use crate::problem::Result;
use crate::records::arithmetic::Stretch;
use crate::records::training::TickRecord;
use crate::seed::RunSeed;

/// The whole state of a run.
#[derive(Debug)]
pub struct TrainState {
    /// The generator in training.
    pub generator: Generator,
    /// The discriminator in training.
    pub discriminator: Discriminator,
    /// Moving average of the generator; the result of training.
    pub average: Generator,
    /// Its parameters, in the order of the generator's own.
    flat_average: Flat,
    /// The generator's parameters and their optimiser.
    pub optimised_generator: Optimised,
    /// The discriminator's parameters but those of frozen blocks, and their optimiser.
    pub optimised_discriminator: Optimised,
    /// Running mean of the path lengths, float32 scalar.
    pub path_length_mean: Tensor,
    /// Running means of real and of generated logits, and of ones, by which the others count, float32 \[3\]; of LeCam
    /// regularisation.
    pub logit_means: Tensor,
    /// Augmentation probability and its controller.
    pub ada: Ada,
    /// Sum of sign D(real) and number of images in the controller's present interval, float64 \[2\]; with a fixed p in
    /// all.
    pub ada_signal: Tensor,
    /// Those of the interval before, which the controller goes by at the end of the present one: by then they have
    /// reached the host without anyone waiting for them.
    pub(super) ada_reading: Download,
    /// Of the present tick.
    pub tick_sums: TickSums,
    /// Whether the steps since the last look went well; empty in a checkpoint, which is saved after a look.
    pub probes: Probes,
    /// What is counted and told in words.
    pub counters: Counters,
    /// Frechet distance of the best snapshot.
    pub best_distance: Option<f64>,
    /// The lines of `stats.jsonl`.
    pub stats: Vec<String>,
    /// Images of the checkpoint that holds exactly this state, where there is one; not part of a checkpoint.
    pub saved_images: Option<u64>,
}

/// The whole numbers and texts of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counters {
    /// Training steps done.
    pub step: u64,
    /// Ticks done.
    pub tick: u64,
    /// Images at which the best snapshot was taken.
    pub best_images: Option<u64>,
    /// SHA-256 of its network file.
    pub best_sha256: Option<String>,
    /// Times that training was rolled back in this run; each halves the learning rate.
    pub rollbacks: Vec<String>,
    /// How it was computed, from where on; empty where an older version did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub computed_with: Vec<Stretch>,
}

/// The parameters of a network and Adam on them.
#[derive(Debug)]
pub struct Optimised {
    /// The trained parameters, side by side.
    pub flat: Flat,
    /// On their values.
    pub adam: Adam,
}

impl Optimised {
    fn new(parameters: Vec<Tensor>, config: AdamConfig) -> Self {
        let flat = Flat::new(parameters);
        let adam = Adam::new(flat.values(), config);
        Self { flat, adam }
    }
}

impl TrainState {
    /// The state before the first step: random networks, the average equal to the generator.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn new(settings: &Resolved, seed: RunSeed, device: Device) -> Result<Self> {
        let generator = Generator::new(&settings.generator, seed, device)?;
        let mut average = Generator::new(&settings.generator, seed, device)?;
        average.copy_from(&generator)?;
        let discriminator = Discriminator::new(&settings.discriminator, seed, device)?;
        let optimised = |parameters, network| Optimised::new(parameters, schedule::optimiser(settings, network));
        let ada_signal = Tensor::zeros([2], (Kind::Double, device));
        Ok(Self {
            optimised_generator: optimised(values(generator.parameters()), Trained::Generator),
            optimised_discriminator: optimised(trained(&discriminator, settings), Trained::Discriminator),
            flat_average: Flat::new(values(average.parameters())),
            probes: Probes::new(device),
            ada_reading: Download::new(&ada_signal)?,
            path_length_mean: Tensor::zeros([0i64; 0], (Kind::Float, device)),
            logit_means: Tensor::zeros([3], (Kind::Float, device)),
            ada: Ada::new(&settings.ada),
            ada_signal,
            tick_sums: TickSums::new(device),
            counters: Counters::default(),
            best_distance: None,
            stats: Vec::new(),
            saved_images: None,
            generator,
            discriminator,
            average,
        })
    }

    /// Takes what it can of a trained generator and, where given, discriminator; returns what starts anew.
    ///
    /// # Errors
    /// Networks that differ in more than classes and channels.
    pub fn start_from(
        &mut self,
        generator: &Generator,
        discriminator: Option<&Discriminator>,
        channels: &transfer::ChannelMap,
    ) -> Result<transfer::Fresh> {
        let mut fresh = transfer::generator(&mut self.generator, generator, channels)?;
        self.average.copy_from(&self.generator)?;
        match discriminator {
            Some(discriminator) => {
                fresh.extend(transfer::discriminator(&mut self.discriminator, discriminator, channels)?)
            }
            None => fresh.push("the discriminator".into()),
        }
        Ok(fresh)
    }

    /// Where the networks are.
    pub fn device(&self) -> Device {
        self.generator.device()
    }

    /// The parameters of `network` and their optimiser.
    pub fn optimised(&mut self, network: Trained) -> &mut Optimised {
        match network {
            Trained::Generator => &mut self.optimised_generator,
            Trained::Discriminator => &mut self.optimised_discriminator,
        }
    }

    /// A hash of both networks' trained weights, float64 \[4\], whole numbers of 16 bits each.
    ///
    /// # Errors
    /// The GPU reports a failure.
    pub fn weights_in_short(&self) -> Result<Tensor> {
        let mut hash = Sha256::new();
        for optimised in [&self.optimised_generator, &self.optimised_discriminator] {
            hash.update(bytes_of(optimised.flat.values())?);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let words: Vec<f64> = hash[..8].chunks(2).map(|two| f64::from(u16::from_le_bytes([two[0], two[1]]))).collect();
        Ok(Tensor::from_slice(&words))
    }

    /// Real images shown so far.
    pub fn images(&self, settings: &Resolved) -> u64 {
        self.counters.step * settings.batch
    }

    /// Moves the generator's average towards the generator; call after the step is counted.
    pub fn update_average(&mut self, settings: &Resolved) {
        let decay = ema::decay(settings.batch, self.images(settings), settings.ema_half_life, settings.ema_ramp);
        ema::update(self.flat_average.values(), self.optimised_generator.flat.values(), decay);
        tch::no_grad(|| {
            for ((_, mut average), (_, live)) in self.average.buffers().into_iter().zip(self.generator.buffers()) {
                average.copy_(&live);
            }
        });
    }

    /// Ends the sums of the step over all replicas, and tells the controller of the augmentation probability that a
    /// batch is done.
    ///
    /// # Errors
    /// The GPU reports a failure, or another replica of the run has gone.
    pub fn end_step(&mut self, settings: &Resolved, peers: &dyn Peers) -> Result<()> {
        self.ada_signal += self.tick_sums.end_step(peers)?;
        if settings.ada_fixed {
            return Ok(());
        }
        if !self.ada.is_due(&settings.ada) {
            self.ada.observe(&settings.ada, settings.batch, 0.0, 0);
            return Ok(());
        }
        let before = self.ada_reading.values()?;
        let (sum, count) = (before.double_value(&[0]), before.double_value(&[1]));
        self.ada.observe(&settings.ada, settings.batch, sum, count as u64);
        self.ada_reading.start(&self.ada_signal)?;
        let _ = self.ada_signal.zero_();
        Ok(())
    }

    /// The line of the log for the tick that ends here; starts the next tick's sums.
    pub fn tick_record(&mut self, settings: &Resolved, scores: Option<Scores>) -> TickRecord {
        let mean = |quantity| self.tick_sums.mean(quantity);
        let always = |quantity| mean(quantity).expect("a tick has at least one step");
        let record = TickRecord {
            tick: self.counters.tick,
            images: self.images(settings),
            loss_g: always(Quantity::LossGenerator),
            loss_d: always(Quantity::LossDiscriminator),
            r1: mean(Quantity::R1),
            path_length: mean(Quantity::PathLength),
            ada_p: self.ada.p,
            ada_rt: always(Quantity::RealSign),
            frechet: scores.map(|scores| scores.distance),
            frechet_all_classes: scores.and_then(|scores| scores.all_classes),
        };
        self.tick_sums.clear();
        record
    }
}

fn values(named: Vec<(String, Tensor)>) -> Vec<Tensor> {
    named.into_iter().map(|(_, tensor)| tensor).collect()
}

/// The discriminator's parameters but those of the frozen blocks, highest resolution first.
fn trained(discriminator: &Discriminator, settings: &Resolved) -> Vec<Tensor> {
    let frozen: Vec<String> = (0..settings.freeze_discriminator)
        .map(|block| format!("b{}.", settings.discriminator.resolution >> block))
        .collect();
    let named = discriminator.parameters();
    values(named.into_iter().filter(|(name, _)| !frozen.iter().any(|block| name.starts_with(block))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn freezing_leaves_the_highest_blocks_out() {
        let settings = Resolved::tiny(8, &[]);
        let discriminator = Discriminator::new(&settings.discriminator, RunSeed(0), Device::Cpu).unwrap();
        let all = trained(&discriminator, &settings).len();
        let frozen = trained(&discriminator, &Resolved { freeze_discriminator: 1, ..settings });
        let high = discriminator.parameters().iter().filter(|(name, _)| name.starts_with("b8.")).count();
        assert!(high > 0);
        assert_eq!(frozen.len(), all - high);
    }
}

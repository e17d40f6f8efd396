//! Into how many parts a training run is divided, each on a thread of its own ([`super::replicas`]).

use tch::Device;

use super::config::{Resolved, TrainConfig};
use crate::nets::GeneratorConfig;
use crate::problem::{Problem, Result};
use crate::settings::Settings;

/// Arithmetic of training on one image up to which a batch is divided without being asked to. Larger layers keep the
/// threads of one operation busy, and every replica holds networks and moments of its own.
const MOST_GFLOP: f64 = 20.0;

/// Parts of a batch that machines with fewer cores compute, too, so that a run is the same on 1 and 2 of them.
const LEAST: u64 = 2;

/// GFLOP of training on one image: two for each product and sum of the convolutions; 4.75 forward passes of the
/// generator and 8.4 of the discriminator, which is what all phases of lazy regularisation come to.
pub fn training_gflop(config: &GeneratorConfig) -> f64 {
    let (taps, places) = (3i64.pow(config.dimensions as u32), |side: i64| side.pow(config.dimensions as u32));
    let width = |side: i64| config.channels_at(side);
    let (mut generator, mut discriminator) = (0, taps * (width(4) + 1) * width(4) * places(4));
    let mut side = 4;
    while side <= config.resolution {
        let here = width(side);
        generator += taps * here * here * places(side) + config.channels * here * places(side);
        if side > 4 {
            let below = width(side / 2);
            generator += taps * below * here * places(side / 2);
            discriminator += taps * (here * here * places(side) + here * below * places(side / 2));
            discriminator += here * below * places(side / 2);
        }
        side *= 2;
    }
    discriminator += config.channels * width(config.resolution) * places(config.resolution);
    2e-9 * (4.75 * generator as f64 + 8.4 * discriminator as f64)
}

/// Numbers of parts that so many groups of the minibatch deviation can be divided into, ascending.
pub(super) fn divisions(groups: u64) -> Vec<u64> {
    (1..=groups).filter(|parts| groups.is_multiple_of(*parts)).collect()
}

impl TrainConfig {
    /// Refuses parts that the batch, or what spans it, does not allow.
    ///
    /// # Errors
    /// `Kind::Usage`, as [`Settings::check`].
    pub(super) fn check_replicas(&self, group: u64) -> Result<()> {
        let (Some(parts), groups) = (self.replicas, self.batch / group.min(self.batch)) else { return Ok(()) };
        if !divisions(groups).contains(&parts) {
            let list = divisions(groups).iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            let expected =
                format!("one of {list}: a batch of {} has {groups} groups of the minibatch deviation", self.batch);
            return Err(Self::refuse("replicas", parts, expected));
        }
        let spans = self.objective.top_k < 1.0 || self.quantise.of_network().is_some();
        if parts > 1 && spans {
            return Err(Self::refuse("replicas", parts, "1 with train.objective.top_k or train.quantise"));
        }
        Ok(())
    }
}

impl Resolved {
    /// Whether a step takes more from the whole batch than replicas tell each other: the best share of it, or codes of
    /// features.
    fn spans_the_batch(&self) -> bool {
        self.objective.top_k < 1.0 || self.discriminator.quantise.is_some()
    }

    /// Settles [`TrainConfig::replicas`]: `asked`, which its check has let pass, or as many parts as all processes have
    /// threads, but at least 2, where the layers are small and the batch has so many groups; an equal share for each of
    /// the processes.
    ///
    /// # Errors
    /// `Kind::Usage`: several on a card, or for processes that cannot share them.
    pub fn replicas(&self, asked: Option<u64>, device: Device, (threads, processes): (usize, u64)) -> Result<u64> {
        let alone = device != Device::Cpu || self.spans_the_batch();
        if processes > 1 && self.spans_the_batch() {
            return Err(Problem::usage("several processes with train.objective.top_k or train.quantise")
                .expected("one process: what these take from a batch is not exchanged"));
        }
        match asked {
            Some(parts) if !parts.is_multiple_of(processes) => Err(TrainConfig::refuse(
                "replicas",
                parts,
                format!("a multiple of the {processes} processes; a run that goes on keeps the number it began with"),
            )),
            Some(parts) if parts > processes && device != Device::Cpu => {
                let expected = format!("{processes} on a GPU: a card computes one");
                Err(TrainConfig::refuse("replicas", parts, expected))
            }
            Some(parts) => Ok(parts),
            None if alone || training_gflop(&self.generator) > MOST_GFLOP => Ok(processes),
            None => {
                let most = LEAST.max(threads as u64 * processes);
                let fit = |parts: &u64| *parts <= most && parts.is_multiple_of(processes);
                Ok(divisions(self.groups()).into_iter().filter(fit).max().unwrap_or(processes))
            }
        }
    }

    /// Threads of one operation where a process has so many.
    pub fn threads(&self, of_process: usize) -> usize {
        (of_process / self.replicas as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::ChannelRule;
    use crate::train::config::Preset;

    fn resolved(change: impl Fn(&mut TrainConfig)) -> Resolved {
        let mut config = TrainConfig::default();
        change(&mut config);
        config.resolve(64, &[ChannelRule::Image], &[]).unwrap()
    }

    #[test]
    fn a_small_net_takes_a_part_a_thread_and_at_least_two() {
        let small = resolved(|_| ());
        let found = [1, 2, 3, 4, 6, 8, 64].map(|threads| small.replicas(None, Device::Cpu, (threads, 1)).unwrap());
        assert_eq!(found, [2, 2, 2, 4, 4, 8, 8]);
        assert_eq!(Resolved { replicas: 8, ..small.clone() }.threads(64), 8);
        assert_eq!(Resolved { replicas: 2, ..small.clone() }.threads(1), 1);
        // Processes take an equal share each.
        let shared = [(1, 2), (2, 4), (16, 4)].map(|place| small.replicas(None, Device::Cpu, place).unwrap());
        assert_eq!(shared, [2, 8, 8]);
        assert!(small.replicas(Some(2), Device::Cpu, (2, 4)).unwrap_err().to_string().contains("4 processes"));
        // Four images are one group.
        assert_eq!(resolved(|config| config.batch = 4).replicas(None, Device::Cpu, (8, 1)).unwrap(), 1);
    }

    #[test]
    fn what_spans_the_batch_and_large_layers_stay_whole() {
        let of = |change: &dyn Fn(&mut TrainConfig)| resolved(change).replicas(None, Device::Cpu, (8, 1)).unwrap();
        assert_eq!(of(&|config| config.net.preset = Preset::Paper), 1);
        assert_eq!(of(&|config| config.objective.top_k = 0.5), 1);
        assert_eq!(of(&|config| config.quantise.sides = vec![8]), 1);
        assert_eq!(resolved(|_| ()).replicas(None, Device::Cuda(0), (8, 1)).unwrap(), 1);
        // The published size where a person asks for it.
        let paper = resolved(|config| config.net.preset = Preset::Paper);
        assert_eq!(paper.replicas(Some(4), Device::Cpu, (2, 1)).unwrap(), 4);
    }

    #[test]
    fn parts_that_cut_a_group_are_refused_with_those_that_do_not() {
        let of = |change: &dyn Fn(&mut TrainConfig)| {
            let mut config = TrainConfig::default();
            change(&mut config);
            config.check().map_err(|problem| problem.to_string())
        };
        assert!(of(&|config| config.replicas = Some(8)).is_ok());
        let problem = of(&|config| config.replicas = Some(3)).unwrap_err();
        assert!(problem.contains("1, 2, 4, 8") && problem.contains("8 groups"), "{problem}");
        let problem = of(&|config| (config.replicas, config.objective.top_k) = (Some(2), 0.5)).unwrap_err();
        assert!(problem.contains("top_k"), "{problem}");
        let whole = resolved(|_| ());
        assert!(whole.replicas(Some(2), Device::Cuda(0), (2, 1)).unwrap_err().to_string().contains("on a GPU"));
        // A card each.
        let on_cards = |asked, processes| whole.replicas(asked, Device::Cuda(0), (8, processes));
        assert_eq!((on_cards(None, 4).unwrap(), on_cards(Some(2), 2).unwrap()), (4, 2));
        assert!(on_cards(Some(4), 2).unwrap_err().to_string().contains("2 on a GPU"));
    }
}

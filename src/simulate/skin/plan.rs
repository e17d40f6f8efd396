//! Which lesions there are and how often each was photographed; nothing is rendered yet.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use super::classes::{ALL, Diagnosis, PHOTOGRAPHS};
use super::factors::{Lesion, Photograph};
use crate::problem::Result;
use crate::seed::RunSeed;
use crate::settings::Settings;

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkinConfig {
    /// Lesions of all classes, at HAM10000's shares.
    pub lesions: u32,
    /// Lesions of a class, at least.
    pub least: u32,
    /// Side of a photograph, pixels; a pigment network shows from 128 on.
    pub side: u32,
    /// Of every draw.
    pub seed: u64,
}

impl Default for SkinConfig {
    fn default() -> Self {
        Self { lesions: 1000, least: 16, side: 64, seed: 1 }
    }
}

impl Settings for SkinConfig {
    const SECTION: &'static str = "simulate";

    fn check(&self) -> Result<()> {
        Self::within("least", self.least, 1, 100_000)?;
        Self::within("lesions", self.lesions, 7 * self.least.min(100_000), 1_000_000)?;
        Self::within("side", self.side, 32, 1024)?;
        Ok(())
    }
}

/// One lesion with its photographs.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// From 0 on, in a random order.
    pub number: u32,
    /// What it is.
    pub lesion: Lesion,
    /// Its photographs, and the number of each, from 0 on over all lesions.
    pub photographs: Vec<(u32, Photograph)>,
}

/// Lesions of each class: HAM10000's shares of `total`, at least `least`; the most frequent class gives what others
/// take.
pub fn counts(total: u32, least: u32) -> [(Diagnosis, u32); 7] {
    let all: f64 = ALL.iter().map(|class| f64::from(class.lesions())).sum();
    let share = |class: Diagnosis| (f64::from(total) * f64::from(class.lesions()) / all).round() as u32;
    let mut counts = ALL.map(|class| (class, share(class).max(least)));
    let sum: u32 = counts.iter().map(|(_, count)| count).sum();
    if let Some(most) = counts.iter_mut().max_by_key(|(_, count)| *count) {
        most.1 = (most.1 + total).saturating_sub(sum).max(least);
    }
    counts
}

/// All of them; the order says nothing about the class.
pub fn plan(config: &SkinConfig) -> Vec<Planned> {
    let seed = RunSeed(config.seed);
    let mut classes: Vec<Diagnosis> = counts(config.lesions, config.least)
        .into_iter()
        .flat_map(|(class, count)| std::iter::repeat_n(class, count as usize))
        .collect();
    classes.shuffle(&mut seed.stream("order", 0));
    let mut photographs = 0;
    let planned = |(number, dx): (u32, Diagnosis)| {
        let mut rng = seed.stream("lesion", u64::from(number));
        let lesion = Lesion::draw(dx, &mut rng);
        let own = (0..times(&mut rng)).map(|_| {
            photographs += 1;
            (photographs - 1, Photograph::draw(&mut rng))
        });
        Planned { number, lesion, photographs: own.collect() }
    };
    (0..).zip(classes).map(planned).collect()
}

/// Photographs of a lesion.
fn times(rng: &mut impl Rng) -> u32 {
    let mut at = rng.random_range(0..PHOTOGRAPHS.iter().sum::<u32>());
    for (times, lesions) in (1..).zip(PHOTOGRAPHS) {
        if at < lesions {
            return times;
        }
        at -= lesions;
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_set_is_ham10000s_and_a_small_one_keeps_rare_classes() {
        assert!(counts(7470, 1).iter().all(|(class, count)| *count == class.lesions()));
        let small = counts(400, 10);
        assert_eq!(small.iter().map(|(_, count)| count).sum::<u32>(), 400);
        assert_eq!(small.iter().find(|(class, _)| *class == Diagnosis::Df).unwrap().1, 10);
    }

    #[test]
    fn a_plan_follows_its_seed_and_photographs_share_their_lesion() {
        let config = SkinConfig { lesions: 200, least: 4, ..SkinConfig::default() };
        let plan_a = plan(&config);
        assert_eq!(plan_a, plan(&config));
        assert_ne!(plan_a, plan(&SkinConfig { seed: 2, ..config }));
        let numbers: Vec<u32> = plan_a.iter().flat_map(|one| one.photographs.iter().map(|(at, _)| *at)).collect();
        assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
        assert!(plan_a.iter().any(|one| one.photographs.len() > 1) && numbers.len() < 400);
        // The first fifty lesions are not of one class.
        assert!(plan_a[..50].iter().any(|one| one.lesion.dx != plan_a[0].lesion.dx));
    }
}

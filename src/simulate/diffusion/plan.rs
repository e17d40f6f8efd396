//! Which persons there are, and what each is to have; nothing is simulated yet.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::lesions::{Burden, HEALTHY};
use super::signal::Microstructure;
use crate::problem::Result;
use crate::seed::RunSeed;
use crate::settings::Settings;
use crate::simulate::brain::anatomy::Person;

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionConfig {
    /// Healthy persons.
    pub healthy: u64,
    /// Persons with multiple sclerosis.
    pub ms: u64,
    /// Of every draw.
    pub seed: u64,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self { healthy: 8, ms: 32, seed: 1 }
    }
}

impl Settings for DiffusionConfig {
    const SECTION: &'static str = "simulate.diffusion";

    fn check(&self) -> Result<()> {
        Self::within("healthy", self.healthy, 0, 10_000)?;
        Self::within("ms", self.ms, 0, 10_000)?;
        if self.healthy + self.ms == 0 {
            return Err(Self::refuse("ms", 0, "at least one person of either group"));
        }
        Ok(())
    }
}

/// Who.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// No lesions.
    Healthy,
    /// Multiple sclerosis.
    Ms,
}

impl Group {
    /// Both, the healthy first.
    pub const ALL: [Self; 2] = [Self::Healthy, Self::Ms];

    /// In tables.
    pub fn key(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Ms => "ms",
        }
    }

    /// In the persons' names.
    fn letters(self) -> &'static str {
        match self {
            Self::Healthy => "HC",
            Self::Ms => "MS",
        }
    }
}

/// One person.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// "sub-MS001".
    pub id: String,
    /// Who.
    pub group: Group,
    /// Years.
    pub age: f64,
    /// Whose brain.
    pub person: Person,
    /// What is in it.
    pub burden: Burden,
    /// Its white matter.
    pub own: Microstructure,
    /// Of fibres, lesions and noise.
    pub seed: RunSeed,
}

/// All persons, the healthy first.
pub fn plan(config: &DiffusionConfig) -> Vec<Subject> {
    let of = |group: Group, count: u64| {
        (1..=count).map(move |number| subject(group, number, RunSeed(config.seed).child(group.key(), number)))
    };
    of(Group::Healthy, config.healthy).chain(of(Group::Ms, config.ms)).collect()
}

fn subject(group: Group, number: u64, seed: RunSeed) -> Subject {
    let mut rng = seed.stream("subject", 0);
    let age: f64 = rng.random_range(20.0..62.0);
    let older = (age - 20.0) / 42.0;
    let is_sick = group == Group::Ms;
    // Atrophy widens ventricles and sulci (De Stefano et al. 2014), and white matter without lesions loses a few
    // hundredths of its anisotropy (Filippi et al. 2001).
    let lost: f64 = if is_sick { rng.random_range(0.0..1.0) } else { 0.0 };
    let whole = normal(&mut rng, 0.95, 0.02);
    let person = Person {
        size: [0, 1, 2].map(|_| (whole * normal(&mut rng, 1.0, 0.012)).clamp(0.9, 0.985)),
        ventricles: (0.78 + 0.45 * older) * normal(&mut rng, 1.0, 0.1).clamp(0.75, 1.3)
            + if is_sick { 0.05 + 0.28 * lost } else { 0.0 },
        cortex_mm: normal(&mut rng, 3.0 - 0.2 * older - 0.15 * lost, 0.1),
        sulcus_mm: 0.8 + 0.5 * older + 0.3 * lost,
        seed: seed.child("folds", 0),
    };
    let own = Microstructure {
        across: normal(&mut rng, 0.012 * older, 0.011) + if is_sick { 0.008 + 0.018 * lost } else { 0.0 },
        snr: normal(&mut rng, 25.0, 2.5).clamp(18.0, 32.0),
    };
    let burden = if is_sick { Burden::draw(seed) } else { HEALTHY };
    Subject { id: format!("sub-{}{number:03}", group.letters()), group, age, person, burden, own, seed }
}

fn normal(rng: &mut impl Rng, mean: f64, deviation: f64) -> f64 {
    let draw: f64 = StandardNormal.sample(rng);
    mean + deviation * draw
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_its_seed_and_groups_differ() {
        let config = DiffusionConfig { healthy: 40, ms: 80, seed: 3 };
        let all = plan(&config);
        assert_eq!(all, plan(&config));
        assert_ne!(all[0], plan(&DiffusionConfig { seed: 4, ..config.clone() })[0]);
        // A person does not depend on how many there are.
        assert_eq!(all[..7], plan(&DiffusionConfig { healthy: 7, ms: 0, ..config })[..]);
        assert_eq!((all[0].id.as_str(), all[40].id.as_str()), ("sub-HC001", "sub-MS001"));
        let (healthy, sick) = all.split_at(40);
        assert!(healthy.iter().all(|one| one.burden.count == 0) && sick.iter().all(|one| one.burden.count >= 3));
        let severe = sick.iter().filter(|one| one.burden.is_severe).count();
        assert!((6..30).contains(&severe), "{severe}");
        let mean =
            |some: &[Subject], of: &dyn Fn(&Subject) -> f64| some.iter().map(of).sum::<f64>() / some.len() as f64;
        assert!(mean(sick, &|one| one.person.ventricles) > mean(healthy, &|one| one.person.ventricles) + 0.1);
        assert!(mean(sick, &|one| one.own.across) > mean(healthy, &|one| one.own.across) + 0.008);
    }

    #[test]
    fn nobody_and_too_many_are_refused() {
        for (healthy, ms, is_good) in [(0, 0, false), (1, 0, true), (0, 10_000, true), (10_001, 0, false)] {
            assert_eq!(DiffusionConfig { healthy, ms, seed: 1 }.check().is_ok(), is_good);
        }
    }
}

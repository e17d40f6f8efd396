//! Which cases there are, whose, and where they were examined; nothing is simulated yet.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::anatomy::Person;
use super::scanner::{Examination, Scanner};
use super::tumour::{Grade, Tumour};
use crate::problem::Result;
use crate::seed::RunSeed;
use crate::settings::Settings;

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrainConfig {
    /// Cases of the rare population, in the layout of BraTS-Africa.
    pub africa: u32,
    /// Cases of the frequent one, in that of BraTS 2023.
    pub others: u32,
    /// Of every draw.
    pub seed: u64,
}

impl Default for BrainConfig {
    fn default() -> Self {
        Self { africa: 12, others: 24, seed: 1 }
    }
}

impl Settings for BrainConfig {
    const SECTION: &'static str = "simulate";

    fn check(&self) -> Result<()> {
        Self::within("africa", self.africa, 0, 10_000)?;
        Self::within("others", self.others, 0, 10_000)?;
        if self.africa + self.others == 0 {
            return Err(Self::refuse("others", 0, "at least one case of either population"));
        }
        Ok(())
    }
}

/// Whose brains, and whose scanners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Population {
    /// BraTS-Africa: mostly 1.5 T with slices of 5 mm; tumours that are seen late.
    #[serde(rename = "SSA")]
    Africa,
    /// Everybody else of BraTS: mostly 3 T with 1 mm.
    #[serde(rename = "GLI")]
    Others,
}

impl Population {
    /// As in the cases' names.
    pub fn key(self) -> &'static str {
        match self {
            Self::Africa => "SSA",
            Self::Others => "GLI",
        }
    }

    fn scanner(self, draw: f64) -> Scanner {
        match self {
            Self::Africa if draw < 0.8 => Scanner::LowThick,
            Self::Others if draw < 0.75 => Scanner::HighThin,
            _ => Scanner::LowThin,
        }
    }

    /// Volume of tumour and swelling of the middle case, ml.
    fn median_ml(self) -> f64 {
        match self {
            Self::Africa => 130.0,
            Self::Others => 90.0,
        }
    }
}

/// Which way the stored axes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// To the right, front and head: 144 of BraTS-Africa's 146.
    Ras,
    /// To the left, back and head: its other two, and all of BraTS before.
    Lps,
}

impl Stored {
    /// In tables.
    pub fn key(self) -> &'static str {
        match self {
            Self::Ras => "RAS",
            Self::Lps => "LPS",
        }
    }
}

/// One case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// "BraTS-SSA-00002-000".
    pub id: String,
    /// Whose.
    pub population: Population,
    /// How the arrays lie.
    pub stored: Stored,
    /// Whose brain.
    pub person: Person,
    /// What grew in it.
    pub tumour: Tumour,
    /// Where it was seen.
    pub examination: Examination,
}

/// BraTS-Africa numbers its cases with gaps.
const NUMBER_STEPS: std::ops::Range<u32> = 1..4;

/// Of 95 gliomas of BraTS-Africa 89 have three labels, 5 two and 1 one.
const GRADES: [u32; 3] = [89, 5, 1];

/// All cases, the rare population first.
pub fn plan(config: &BrainConfig) -> Vec<Case> {
    let of = |population: Population, count: u32| {
        let mut numbers = RunSeed(config.seed).stream(population.key(), 0);
        let mut number = 1;
        (0..count)
            .map(|at| {
                number += numbers.random_range(NUMBER_STEPS);
                case(population, number, RunSeed(config.seed).child(population.key(), u64::from(at) + 1))
            })
            .collect::<Vec<_>>()
    };
    [of(Population::Africa, config.africa), of(Population::Others, config.others)].concat()
}

fn case(population: Population, number: u32, seed: RunSeed) -> Case {
    let mut rng = seed.stream("case", 0);
    let grade = match rng.random_range(0..GRADES.iter().sum::<u32>()) {
        at if at < GRADES[0] => Grade::Enhancing,
        at if at < GRADES[0] + GRADES[1] => Grade::Dark,
        _ => Grade::Infiltrating,
    };
    let scanner = population.scanner(rng.random_range(0.0..1.0));
    // More of them than the two of 146, so that a small set has one.
    let stored =
        if population == Population::Africa && rng.random_range(0.0..1.0) < 0.9 { Stored::Ras } else { Stored::Lps };
    Case {
        id: format!("BraTS-{}-{number:05}-000", population.key()),
        population,
        stored,
        person: Person::draw(seed.child("person", 0)),
        tumour: Tumour::draw(seed.child("tumour", 0), population.median_ml(), grade),
        examination: Examination::draw(scanner, seed.child("examination", 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_follows_its_seed_and_populations_differ() {
        let config = BrainConfig { africa: 60, others: 60, seed: 3 };
        let cases = plan(&config);
        assert_eq!(cases, plan(&config));
        assert_ne!(cases[0], plan(&BrainConfig { seed: 4, ..config.clone() })[0]);
        // A case does not depend on how many there are.
        assert_eq!(cases[..7], plan(&BrainConfig { africa: 7, others: 0, ..config })[..]);
        let of = |population: Population| cases.iter().filter(move |case| case.population == population);
        let thick = |case: &&Case| case.examination.scanner == Scanner::LowThick;
        assert!(of(Population::Africa).filter(thick).count() > 40 && of(Population::Others).all(|case| !thick(&case)));
        let turned = of(Population::Africa).filter(|case| case.stored == Stored::Lps).count();
        assert!((1..20).contains(&turned), "{turned}");
        let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 120);
    }
}

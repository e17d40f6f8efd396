//! What the compared arms need of the study's other settings.

use super::check::clash;
use super::config::RimStudy;
use crate::classify::Arm;
use crate::classify::source::{Given, Source as Material};
use crate::data::truth;
use crate::generate::Format;
use crate::nets::class::ClassChoice;
use crate::problem::{Problem, Result};
use crate::records::classes::{Class, Split};

/// Whether a class of a generator that is told the readers' word is the one of interest.
fn is_rim(class: &ClassChoice) -> bool {
    match class {
        ClassChoice::Name(name) => name == Class::RIM.name(),
        ClassChoice::Number(number) => *number == 1,
    }
}

fn beside(arm: Arm) -> String {
    format!("\"{}\" in classify.arms", arm.key())
}

fn without(arm: Arm) -> String {
    format!("leave \"{}\" out of classify.arms", arm.key())
}

/// Refuses an arm whose images a section of the settings makes, and that `is_there` not.
fn require_section(arm: Arm, is_there: bool, (section, makes): (&str, &str)) -> Result<()> {
    if is_there {
        return Ok(());
    }
    Err(Problem::usage(format!("{} without {makes}", beside(arm)))
        .expected(format!("a section [{section}]"))
        .advice(format!("add it, or {}", without(arm))))
}

impl RimStudy {
    /// Each arm must find what it adds.
    pub(super) fn check_arms(&self) -> Result<()> {
        for arm in &self.classify.arms {
            if arm.share().is_some() {
                let found = format!("\"{}\" in classify.arms", arm.key());
                return Err(Problem::usage(found)
                    .expected("arms of the class of interest: this kind of study draws no other")
                    .advice("leave it out, or give images of every class to `rimforge classify`"));
            }
            for source in arm.needs() {
                for given in source.asks_for() {
                    match given {
                        Given::Synthetic => self.check_synthetic(*arm)?,
                        Given::Conditional => self.check_conditional(*arm)?,
                        Given::TwoSided => {
                            let what = ("two_sided", "lesions projected as of either class");
                            require_section(*arm, self.two_sided.is_some(), what)?;
                        }
                        Given::Denoised => {
                            self.check_contested(*arm)?;
                            self.check_projected_as(*arm)?;
                        }
                        // Projected, or trained, by the study itself; truth is looked for in its cohort.
                        Given::ProjectedInterest
                        | Given::ProjectedOthers
                        | Given::Network
                        | Given::Edited
                        | Given::Truth => {}
                    }
                }
                if source.of_contested() {
                    self.check_contested(*arm)?;
                }
                if matches!(source, Material::Agreeing | Material::Realistic) {
                    self.check_choice(*arm)?;
                }
            }
        }
        Ok(())
    }

    /// Refuses an arm that is told the truth, and a cohort that has none.
    pub(super) fn check_truth(&self) -> Result<()> {
        let told = |arm: &&Arm| arm.needs().iter().any(|source| source.asks_for().contains(&Given::Truth));
        let (Some(arm), Some(folder)) = (self.classify.arms.iter().find(told), &self.cohort.path) else {
            return Ok(());
        };
        match truth::find(folder)? {
            Some(_) => Ok(()),
            None => Err(Problem::usage(format!("{} with a cohort that knows no truth", beside(*arm)))
                .at(folder)
                .expected("derivatives/truth/truth.tsv in it, as simulated cohorts have")
                .advice(without(*arm))),
        }
    }

    /// Whoever chooses needs more than is taken.
    fn check_choice(&self, arm: Arm) -> Result<()> {
        let drawn = self.generate.seed_numbers()?.len();
        if drawn >= 2 {
            return Ok(());
        }
        Err(clash("generate.seeds", drawn, &beside(arm), "at least two, better twice classify.extra: the arm chooses")
            .advice(format!("draw more, or {}", without(arm))))
    }

    fn check_conditional(&self, arm: Arm) -> Result<()> {
        require_section(arm, self.conditional.is_some(), ("conditional", "a conditional generator"))?;
        self.check_arrays(arm)
    }

    fn check_synthetic(&self, arm: Arm) -> Result<()> {
        self.check_arrays(arm)?;
        match &self.generate.class {
            Some(class) if !is_rim(class) => {
                Err(clash("generate.class", class.quoted(), &beside(arm), "\"rim\": the arm adds rims")
                    .advice(format!("correct it, or {}", without(arm))))
            }
            _ => Ok(()),
        }
    }

    /// What contested lesions are projected as is what they are learnt as.
    fn check_projected_as(&self, arm: Arm) -> Result<()> {
        match &self.project.condition {
            Some(class) if !is_rim(class) => {
                Err(clash("project.condition", class.quoted(), &beside(arm), "\"rim\": the arm takes them for rims")
                    .advice(format!("correct it, or {}", without(arm))))
            }
            _ => Ok(()),
        }
    }

    /// Classifiers read what was drawn as arrays.
    fn check_arrays(&self, arm: Arm) -> Result<()> {
        if self.generate.formats.contains(&Format::Npy) {
            return Ok(());
        }
        let formats = self.generate.formats.iter().map(crate::records::spelling::name).collect::<Vec<_>>();
        Err(clash("generate.formats", format!("{formats:?}"), &beside(arm), "\"npy\" among them")
            .advice(format!("add \"npy\", or {}", without(arm))))
    }

    fn check_contested(&self, arm: Arm) -> Result<()> {
        if self.project.class != Class::AMBIGUOUS {
            let class = format!("{:?}", self.project.class.name());
            return Err(clash("project.class", class, &beside(arm), "\"ambiguous\", which the arm adds")
                .advice(format!("leave project.class out, or {}", without(arm))));
        }
        if self.project.split != Split::Train {
            let expected = "\"train\": nothing else may be learnt from";
            return Err(clash("project.split", "\"validation\"", &beside(arm), expected)
                .advice(format!("leave project.split out, or {}", without(arm))));
        }
        Ok(())
    }
}

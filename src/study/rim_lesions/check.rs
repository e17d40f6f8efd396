//! What no run of the study can use, seen before anything runs: values out of range, and settings that contradict each
//! other.

use std::fmt::Display;

use super::config::{CohortSource, ConditionalConfig, MultiContrastConfig, RimStudy};
use super::further::MOST;
use crate::classify::Arm;
use crate::classify::source::Source as Material;
use crate::data::intensity::default_contrast;
use crate::data::manifest::Items;
use crate::data::prepare_config::check_contrasts;
use crate::data::{Condition, PrepareConfig, Source};
use crate::engine::{DeviceChoice, Precision};
use crate::evaluate::EvaluateConfig;
use crate::nets::class::ClassChoice;
use crate::problem::{Problem, Result};
use crate::project::{FeatureSetting, ProjectConfig};
use crate::records::classes::{Class, Classes, Split};
use crate::records::label::{Padding, SUSCEPTIBILITY, known_as};
use crate::settings::Settings;
use crate::train::{BaseChoice, TrainConfig, channel_rule, check_embedded_base};

/// What a simulated cohort holds.
const SIMULATED: [&str; 3] = [SUSCEPTIBILITY, "flair", "rim"];

impl Settings for RimStudy {
    const SECTION: &'static str = "";

    /// All sections, then what they say against each other.
    fn check(&self) -> Result<()> {
        Self::named("name", &self.name)?;
        Self::named("out", &self.out.to_string_lossy())?;
        self.engine.check()?;
        self.cohort.check()?;
        self.prepare.check()?;
        self.train.check()?;
        self.generate.check()?;
        self.project.check()?;
        self.perturb.check()?;
        self.classify.check()?;
        self.conditional.iter().try_for_each(Settings::check)?;
        self.two_sided.iter().try_for_each(Settings::check)?;
        self.multi_contrast.iter().try_for_each(Settings::check)?;
        self.evaluate.iter().try_for_each(Settings::check)?;
        self.explain.iter().try_for_each(Settings::check)?;
        self.segment.iter().try_for_each(Settings::check)?;
        self.check_cohort()?;
        self.check_split()?;
        self.check_trainings()?;
        self.check_classes()?;
        self.check_two_sided()?;
        self.check_arms()?;
        self.check_generators()?;
        self.check_explained()?;
        self.check_segment()?;
        self.check_precision()
    }
}

impl Settings for CohortSource {
    const SECTION: &'static str = "cohort";

    fn check(&self) -> Result<()> {
        match (&self.path, &self.simulate) {
            (Some(path), None) => Self::named("path", &path.to_string_lossy()),
            (None, Some(simulate)) => simulate.check(),
            (None, None) => Err(Problem::usage("no cohort")
                .expected("`path` or `simulate` under [cohort]")
                .advice("write [cohort] path = \"my/bids/folder\", or [cohort.simulate] preset = \"demo\"")),
            (Some(path), Some(_)) => Err(Self::refuse(
                "path",
                format!(
                    "{:?} beside [cohort.simulate]: both a cohort on disk and a simulated one",
                    path.display().to_string()
                ),
                "one of the two",
            )
            .advice("remove cohort.path or [cohort.simulate]")),
        }
    }
}

impl Settings for ConditionalConfig {
    const SECTION: &'static str = "conditional";

    fn check(&self) -> Result<()> {
        Self::positive("kimg", self.kimg.unwrap_or(1.0), 1e9)
    }
}

impl Settings for MultiContrastConfig {
    const SECTION: &'static str = "multi_contrast";

    fn check(&self) -> Result<()> {
        if let Err(expected) = check_contrasts(&self.contrasts) {
            return Err(Self::refuse("contrasts", format!("{:?}", self.contrasts), expected));
        }
        Self::positive("kimg", self.kimg.unwrap_or(1.0), 1e9)
    }
}

/// `key = found` beside another setting that it cannot stand with.
pub(super) fn clash(key: &str, found: impl Display, beside: &str, expected: impl Into<String>) -> Problem {
    Problem::usage(format!("{key} = {found} with {beside}")).expected(expected)
}

impl RimStudy {
    fn check_generators(&self) -> Result<()> {
        Self::within("generators", self.generators, 1, MOST)?;
        let found = self.generators;
        if found > self.classify.seeds {
            let beside = format!("classify.seeds = {}", self.classify.seeds);
            return Err(clash("generators", found, &beside, "at least a repetition for each generator")
                .advice("set classify.seeds to twice as many, so that a generator's chance can be told from a fit's"));
        }
        if found > 1 && self.classify.accepted_only {
            let expected = "one generator: each erases the rims of other lesions, and lesions must be the same";
            return Err(clash("generators", found, "classify.accepted_only = true", expected)
                .advice("leave out classify.accepted_only, or take one generator"));
        }
        let in_turn = [Material::Synthetic, Material::Denoised, Material::RandomLatents, Material::GeneratorMean];
        let in_turn = [&in_turn[..], &[Material::Agreeing, Material::Realistic, Material::Mixed]].concat();
        let takes = |arm: &Arm| arm.needs().iter().any(|source| in_turn.contains(source));
        if found > 1 && !self.classify.arms.iter().any(takes) {
            return Err(clash(
                "generators",
                found,
                "no arm that takes of several",
                "ada-gan, ada-gan-ld or ada-gan+ld",
            )
            .advice("add one of them to classify.arms, or take one generator"));
        }
        Ok(())
    }

    /// Refuses a study whose files are not there.
    ///
    /// # Errors
    /// The cohort's folder, the base network or the feature net is missing; or a cohort's truth, where an arm is told
    /// it.
    pub fn check_files(&self) -> Result<()> {
        let base = match &self.train.base {
            BaseChoice::File(file) => Some(("train.base", file)),
            BaseChoice::None | BaseChoice::Embedded => None,
        };
        let features = match &self.project.features {
            FeatureSetting::Weights(file) => Some(("project.features", file)),
            FeatureSetting::Auto | FeatureSetting::BuiltIn(_) => None,
        };
        let cohort = self.cohort.path.as_ref().map(|path| ("cohort.path", path));
        let of_evaluate = self.evaluate.iter().flat_map(EvaluateConfig::files);
        let weights = self.classify.weights.as_ref().map(|path| ("classify.weights", path));
        match [cohort, base, features, weights]
            .into_iter()
            .flatten()
            .chain(of_evaluate)
            .find(|(_, path)| !path.exists())
        {
            Some((key, path)) => Err(Problem::input(path, format!("nothing there, and {key} names it"))
                .expected("a file or a folder")
                .advice(format!("correct {key}; paths are relative to where the command runs"))),
            None => self.check_truth(),
        }
    }

    /// The data sets that are prepared, and the section that names their contrasts.
    fn prepared(&self) -> Vec<(&'static str, PrepareConfig)> {
        let multi = self.multi_contrast.as_ref();
        let multi = multi.map(|multi| ("multi_contrast.contrasts", self.multi_contrast_stages(multi).0));
        [("prepare.contrasts", self.prepare.clone())].into_iter().chain(multi).collect()
    }

    fn check_cohort(&self) -> Result<()> {
        let folder = self.cohort.path.clone().unwrap_or_default();
        if self.cohort.path.as_ref() == Some(&self.out) {
            let found = format!("{:?}", self.out.display().to_string());
            return Err(clash("out", &found, &format!("cohort.path = {found}"), "another folder than the cohort's")
                .advice("name a folder for the study's results; nothing is written into a cohort"));
        }
        for (key, prepare) in self.prepared() {
            prepare.check_for(&Source::Cohort(folder.clone()))?;
            if self.cohort.simulate.is_none() {
                continue;
            }
            if !prepare.contrasts.iter().all(|name| SIMULATED.contains(&name.as_str())) {
                let expected = format!("of {}, which a simulated cohort holds", SIMULATED.join(", "));
                return Err(clash(key, format!("{:?}", prepare.contrasts), "[cohort.simulate]", expected)
                    .advice("take the others out, or give a cohort that has them as cohort.path"));
            }
            if let Some(entity) = prepare.entities.first() {
                return Err(clash("prepare.entities", format!("[{entity:?}]"), "[cohort.simulate]", "no entities")
                    .advice("leave them out: simulated patients have one volume of each contrast"));
            }
            if let Some(session) = &prepare.session {
                return Err(clash("prepare.session", format!("{session:?}"), "[cohort.simulate]", "no session")
                    .advice("leave it out: simulated patients are imaged once"));
            }
        }
        let [_, height, width] = self.prepare.patch;
        let classifier = self.classify.classifier(self.prepare.contrasts.len(), height as usize);
        let smallest = classifier.smallest_side();
        if height != width || i64::from(height) < smallest {
            let who = classifier.title();
            let expected = format!("height and width alike, at least {smallest}: {who} takes no other slices");
            return Err(PrepareConfig::refuse("patch", format!("{:?}", self.prepare.patch), expected));
        }
        Ok(())
    }

    fn check_split(&self) -> Result<()> {
        if self.prepare.test_fraction == 0.0 {
            return Err(PrepareConfig::refuse(
                "test_fraction",
                0,
                "a share above 0: the classifiers are compared on it",
            ));
        }
        let needs = [
            ("project.split", "\"validation\"".to_owned(), self.project.split == Split::Validation),
            ("project.controls", self.project.controls.to_string(), self.project.controls > 0),
            ("project.choose_features", self.project.choose_features.to_string(), self.project.choose_features > 0),
            ("perturb.lesions", self.perturb.lesions.to_string(), self.perturb.lesions > 0),
        ];
        match needs.into_iter().find(|(.., needed)| *needed && self.prepare.validation_fraction == 0.0) {
            Some((key, found, _)) => Err(clash(
                key,
                found,
                "prepare.validation_fraction = 0",
                "lesions on the validation side, where it takes them from",
            )
            .advice(format!("raise prepare.validation_fraction, or leave {key} out"))),
            None => Ok(()),
        }
    }

    /// Every generator that is trained, with the contrasts that it is trained on.
    fn trainings(&self) -> Vec<(TrainConfig, Vec<String>)> {
        let conditional =
            self.conditional.as_ref().map(|section| (self.conditional_train(section), self.prepare.contrasts.clone()));
        let multi = self.multi_contrast.as_ref();
        let multi = multi.map(|section| (self.multi_contrast_stages(section).1, section.contrasts.clone()));
        [(self.train.clone(), self.prepare.contrasts.clone())].into_iter().chain(conditional).chain(multi).collect()
    }

    /// Side of the networks' square in pixels.
    pub fn side(&self) -> i64 {
        let [_, height, width] = self.prepare.patch;
        Padding::of(height as usize, width as usize).side as i64
    }

    fn check_trainings(&self) -> Result<()> {
        for (train, contrasts) in self.trainings() {
            let rules: Vec<_> = contrasts.iter().map(|name| channel_rule(&default_contrast(name).unit)).collect();
            train.check_for(self.side(), &rules)?;
            let names: Vec<String> = contrasts.iter().map(|name| known_as(name).to_owned()).collect();
            check_embedded_base(&train, self.side(), &names)?;
        }
        match self.train.condition {
            Condition::Labels => Err(TrainConfig::refuse(
                "condition",
                "\"labels\"",
                "\"none\" or \"readers\": a cohort gives its lesions no labels",
            )),
            Condition::None | Condition::Readers => Ok(()),
        }
    }

    /// What is drawn and projected must name a class where the generator knows classes, and none where it does not.
    fn check_classes(&self) -> Result<()> {
        let conditional = self.train.condition == Condition::Readers;
        let beside = if conditional { "train.condition = \"readers\"" } else { "train.condition = \"none\"" };
        let readers = Classes::of_readers();
        if !readers.has(&self.project.class) {
            return Err(ProjectConfig::refuse(
                "class",
                format!("\"{}\"", self.project.class),
                "ambiguous, rim or non-rim",
            ));
        }
        if self.prepare.items != Items::Slices {
            return Err(PrepareConfig::refuse(
                "items",
                "\"volumes\"",
                "\"slices\": the rim study trains and projects those",
            ));
        }
        let estimate = ClassChoice::Name("estimate".into());
        let evaluated = self.evaluate.as_ref().and_then(|evaluate| evaluate.class.clone());
        let evaluated = evaluated.or_else(|| self.generate.class.clone());
        for (key, class, more) in [
            ("generate.class", &self.generate.class, None),
            ("evaluate.class", &evaluated, None),
            ("project.condition", &self.project.condition, Some(&estimate)),
        ] {
            let known = |class: &ClassChoice| match class {
                ClassChoice::Number(number) => (0..readers.count() as i64).contains(number),
                ClassChoice::Name(name) => readers.number(&Class::new(name.as_str())).is_some() || more == Some(class),
            };
            let problem = match class {
                None if conditional => {
                    clash(key, "nothing", beside, "\"rim\" or \"non-rim\"").advice(format!("set {key}"))
                }
                Some(class) if !conditional => clash(key, class.quoted(), beside, "no class")
                    .advice(format!("leave {key} out, or set train.condition = \"readers\"")),
                Some(class) if !known(class) => {
                    clash(key, class.quoted(), beside, "\"rim\" or \"non-rim\"").advice(format!("correct {key}"))
                }
                _ => continue,
            };
            return Err(problem);
        }
        Ok(())
    }

    /// Only an arm that is compared has classifiers to explain.
    fn check_explained(&self) -> Result<()> {
        let explained = self.explain.iter().flat_map(|explain| &explain.arms);
        match explained.into_iter().find(|arm| !self.classify.arms.contains(arm)) {
            Some(arm) => Err(clash(
                "explain.arms",
                format!("\"{}\"", arm.key()),
                "classify.arms without it",
                "arms that are compared: their classifiers are explained",
            )
            .advice(format!("add \"{}\" to classify.arms, or name others in explain.arms", arm.key()))),
            None => Ok(()),
        }
    }

    /// Lesions are projected into the conditional generator, and held-out ones calibrate.
    fn check_two_sided(&self) -> Result<()> {
        let Some(config) = &self.two_sided else { return Ok(()) };
        let section = "[two_sided]";
        if self.conditional.is_none() {
            return Err(Problem::usage(format!("{section} without a conditional generator"))
                .expected("a section [conditional]")
                .advice("add it, or leave [two_sided] out"));
        }
        let expected = "\"ambiguous\", whose probability is asked for";
        if self.project.class != Class::AMBIGUOUS {
            let class = format!("{:?}", self.project.class.name());
            return Err(clash("project.class", class, section, expected).advice("leave project.class out"));
        }
        if self.prepare.validation_fraction == 0.0 && config.held_out > 0 {
            let beside = "prepare.validation_fraction = 0";
            let expected = "lesions on the validation side, where it takes them from";
            return Err(clash("two_sided.held_out", config.held_out, beside, expected).advice(
                "raise prepare.validation_fraction, or set two_sided.held_out = 0 and calibrate on \"train\"",
            ));
        }
        Ok(())
    }

    fn check_precision(&self) -> Result<()> {
        let of_gpus = |precision: Precision| matches!(precision, Precision::Tf32 | Precision::Float16);
        let asked = [("train.precision", self.train.precision), ("project.precision", self.project.precision)];
        match asked.into_iter().find(|(_, precision)| of_gpus(*precision)) {
            Some((key, precision)) if self.engine.device == DeviceChoice::Cpu => {
                let expected = "\"auto\", \"float32\" or \"bfloat16\"";
                Err(clash(key, format!("{:?}", precision.name()), "engine.device = \"cpu\"", expected)
                    .advice("correct it, or set engine.device = \"cuda\" where there is a GPU"))
            }
            _ => Ok(()),
        }
    }
}

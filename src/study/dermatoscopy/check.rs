//! What no run of the study can use, seen before anything runs.

use super::config::{DermatoscopyStudy, ImageSource};
use crate::classify::source::Source;
use crate::data::manifest::Items;
use crate::data::prepare_config::ClassSource;
use crate::data::{Condition, Prepared};
use crate::generate::Format;
use crate::generate::config::EACH;
use crate::problem::{Problem, Result};
use crate::settings::Settings;
use crate::study::StudyKind;
use crate::train::BaseChoice;

impl Settings for DermatoscopyStudy {
    const SECTION: &'static str = "";

    /// All sections, then what they say against each other.
    fn check(&self) -> Result<()> {
        if self.kind != StudyKind::Dermatoscopy {
            return Err(Self::refuse("kind", "another kind", "\"dermatoscopy\""));
        }
        Self::named("name", &self.name)?;
        Self::named("out", &self.out.to_string_lossy())?;
        self.engine.check()?;
        self.images.check()?;
        self.external.iter().try_for_each(|images| images.check().map_err(|problem| problem.at("[external]")))?;
        self.prepare.check()?;
        self.train.check()?;
        self.second.iter().try_for_each(|second| second.check().map_err(|problem| problem.at("[second]")))?;
        self.generate.check()?;
        self.invert.check()?;
        self.directions.check()?;
        self.edit.check()?;
        self.classify.check()?;
        self.check_classes()?;
        self.check_second()?;
        self.check_external()?;
        self.check_arms()
    }
}

impl Settings for ImageSource {
    const SECTION: &'static str = "images";

    fn check(&self) -> Result<()> {
        let named = [("ham10000", &self.ham10000), ("isic", &self.isic), ("folder", &self.folder)];
        let given: Vec<&str> = named.iter().filter(|(_, path)| path.is_some()).map(|(name, _)| *name).collect();
        let count = given.len() + usize::from(self.simulate.is_some());
        if count == 0 {
            return Err(Problem::usage("no photographs")
                .expected("`ham10000`, `isic`, `folder` or `simulate` under [images]")
                .advice("write [images] ham10000 = \"my/HAM10000\", or [images.simulate]"));
        }
        if count > 1 {
            let also = self.simulate.iter().map(|_| "simulate");
            let all: Vec<&str> = given.into_iter().chain(also).collect();
            return Err(Problem::usage(format!("photographs from {} at once under [images]", all.join(" and ")))
                .expected("one source")
                .advice("leave one of them"));
        }
        if let Some(simulate) = &self.simulate {
            simulate.check()?;
        }
        named
            .iter()
            .filter_map(|(name, path)| Some((name, path.as_ref()?)))
            .try_for_each(|(name, path)| Self::named(name, &path.to_string_lossy()))
    }
}

impl DermatoscopyStudy {
    /// Refuses a study whose files are not there.
    ///
    /// # Errors
    /// The photographs or the base network are missing.
    pub fn check_files(&self) -> Result<()> {
        let base = self.train.base.file().map(|path| ("train.base", path));
        let images = self.images.path().map(|path| ("images", path));
        let external = self.external.as_ref().and_then(ImageSource::path).map(|path| ("external", path));
        let second = self.second.as_ref().and_then(|second| second.base.file()).map(|path| ("second.base", path));
        match [images, external, base, second].into_iter().flatten().find(|(_, path)| !path.exists()) {
            Some((key, path)) => {
                Err(Problem::input(path, format!("nothing there, and {key} names it")).advice(format!("correct {key}")))
            }
            None => Ok(()),
        }
    }

    /// Every stage speaks of the same classes.
    fn check_classes(&self) -> Result<()> {
        let wrong = |key: &str, found: String, expected: &str| {
            Err(Problem::usage(format!("{key} = {found} in a study of this kind"))
                .expected(expected)
                .advice(format!("leave {key} out")))
        };
        if self.prepare.classes != ClassSource::Labels {
            return wrong("prepare.classes", "\"interest\"".into(), "\"labels\": each diagnosis is a class");
        }
        if self.prepare.items != Items::Slices {
            return wrong("prepare.items", "\"volumes\"".into(), "photographs");
        }
        if self.train.condition != Condition::Labels {
            return wrong("train.condition", "another".into(), "\"labels\": the generator is told the class");
        }
        if self.generate.class.as_ref().is_none_or(|class| class.to_string() != EACH) {
            return wrong("generate.class", "one class".into(), "\"each\": arms add images of every class");
        }
        if !self.generate.formats.contains(&Format::Npy) {
            return wrong("generate.formats", "without \"npy\"".into(), "\"npy\" among them: arms read it");
        }
        Ok(())
    }

    /// The second generator is of the same classes, and of other weights from the start.
    fn check_second(&self) -> Result<()> {
        let Some(second) = &self.second else { return Ok(()) };
        let (key, found, expected) = if second.condition != self.train.condition {
            ("condition", "another", "\"labels\", as the first generator has it")
        } else if second.base != BaseChoice::None && second.base == self.train.base {
            ("base", "that of [train]", "\"none\": generators of common ancestry have common directions")
        } else {
            return Ok(());
        };
        Err(Problem::usage(format!("second.{key} = {found}"))
            .expected(expected)
            .advice(format!("correct {key} under [second]")))
    }

    /// The other photographs are others.
    fn check_external(&self) -> Result<()> {
        let Some(external) = &self.external else { return Ok(()) };
        let same = match (&external.simulate, &self.images.simulate) {
            (Some(other), Some(own)) => other.seed == own.seed,
            _ => external.path().is_some() && external.path() == self.images.path(),
        };
        if same {
            return Err(Problem::usage("the photographs of [images] under [external]")
                .expected("others, or another seed of the simulation")
                .advice("correct [external], or leave it out"));
        }
        Ok(())
    }

    /// Refuses arms that want more images than will be drawn or edited, before a generator is trained.
    ///
    /// # Errors
    /// The first such arm, with the number that it wants.
    pub fn require_images(&self, prepared: &Prepared) -> Result<()> {
        let training = prepared.training_all().filter(|lesion| prepared.class_of(lesion).is_some());
        let lesions = training.by_lesion().len();
        let drawn = self.generate.seed_numbers()?.len() as u64;
        for arm in &self.classify.arms {
            let Some(share) = arm.share() else { continue };
            let wanted = share.count(lesions) as u64;
            let (key, there, correct) = match share.source {
                Source::DrawnByClass => {
                    ("generate.seeds", drawn, format!("generate.seeds = \"0-{}\"", wanted.saturating_sub(1)))
                }
                _ => ("edit.images", self.edit.count(lesions), "edit.images = 0, which makes enough".to_owned()),
            };
            if there < wanted {
                let found = format!("{key}: {there} images, and \"{}\" in classify.arms takes {wanted}", arm.key());
                return Err(Problem::usage(found)
                    .expected(format!("at least {wanted}, for {lesions} training photographs"))
                    .advice(format!("set {correct}, or leave \"{}\" out of classify.arms", arm.key())));
            }
        }
        Ok(())
    }

    /// Each arm must be one of this study's.
    fn check_arms(&self) -> Result<()> {
        let foreign = self.classify.arms.iter().find(|arm| arm.share().is_none() && arm.adds());
        match foreign {
            Some(arm) => Err(Problem::usage(format!("\"{}\" in classify.arms in a study of this kind", arm.key()))
                .expected("arms of every class")
                .advice(format!("leave \"{}\" out of classify.arms", arm.key()))),
            None => Ok(()),
        }
    }
}

//! What no run of the study can use, seen before anything runs.

use super::config::{BrainSource, GliomaStudy};
use crate::data::Condition;
use crate::data::manifest::Items;
use crate::data::prepare_config::ClassSource;
use crate::generate::Format;
use crate::generate::config::EACH;
use crate::problem::{Problem, Result};
use crate::settings::Settings;
use crate::study::StudyKind;
use crate::train::check_embedded_base;

impl Settings for GliomaStudy {
    const SECTION: &'static str = "";

    /// All sections, then what they say against each other.
    fn check(&self) -> Result<()> {
        if self.kind != StudyKind::Glioma {
            return Err(Self::refuse("kind", "another kind", "\"glioma\""));
        }
        Self::named("name", &self.name)?;
        Self::named("out", &self.out.to_string_lossy())?;
        self.engine.check()?;
        self.brains.check()?;
        self.prepare.check()?;
        self.train.check()?;
        self.generate.check()?;
        self.tumours.iter().try_for_each(Settings::check)?;
        self.variants.iter().try_for_each(Settings::check)?;
        if let Some(side) = self.prepare.side {
            check_embedded_base(&self.train, side as i64, &self.prepare.contrasts)?;
        }
        self.check_classes()
    }
}

impl Settings for BrainSource {
    const SECTION: &'static str = "brains";

    fn check(&self) -> Result<()> {
        match (&self.brats, &self.simulate) {
            (None, None) => Err(Problem::usage("no brains")
                .expected("`brats` or `simulate` under [brains]")
                .advice("write [brains] brats = \"my/BraTS-Africa\", or [brains.simulate]")),
            (Some(_), Some(_)) => Err(Problem::usage("brains from brats and simulate at once under [brains]")
                .expected("one source")
                .advice("leave one of them")),
            (Some(path), None) => Self::named("brats", &path.to_string_lossy()),
            (None, Some(simulate)) => simulate.check(),
        }
    }
}

impl GliomaStudy {
    /// Refuses a study whose files are not there.
    ///
    /// # Errors
    /// The volumes or the base network are missing.
    pub fn check_files(&self) -> Result<()> {
        let base = self.train.base.file().map(|path| ("train.base", path));
        let brains = self.brains.brats.as_deref().map(|path| ("brains.brats", path));
        match [brains, base].into_iter().flatten().find(|(_, path)| !path.exists()) {
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
            return wrong("prepare.classes", "\"interest\"".into(), "\"labels\": planes, tumour and population");
        }
        if self.prepare.items != Items::Slices {
            return wrong("prepare.items", "\"volumes\"".into(), "slices");
        }
        if self.prepare.brats.volumes {
            return wrong("prepare.brats.volumes", "true".into(), "slices");
        }
        if self.train.condition != Condition::Labels {
            return wrong("train.condition", "another".into(), "\"labels\": the generator is told the class");
        }
        if self.generate.class.as_ref().is_none_or(|class| class.to_string() != EACH) {
            return wrong("generate.class", "one class".into(), "\"each\": images of every class");
        }
        if !self.generate.formats.contains(&Format::Npy) {
            return wrong("generate.formats", "without \"npy\"".into(), "\"npy\" among them");
        }
        Ok(())
    }
}

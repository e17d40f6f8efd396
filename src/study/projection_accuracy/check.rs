//! What no run of the study can use, seen before anything runs.

use super::config::{MapSource, ProjectionAccuracyStudy};
use crate::data::Condition;
use crate::data::fa_maps::FA;
use crate::data::manifest::Items;
use crate::problem::{Problem, Result};
use crate::project::FeatureSetting;
use crate::settings::Settings;
use crate::study::StudyKind;
use crate::train::check_embedded_base;

impl Settings for ProjectionAccuracyStudy {
    const SECTION: &'static str = "";

    /// All sections, then what they say against each other.
    fn check(&self) -> Result<()> {
        if self.kind != StudyKind::ProjectionAccuracy {
            return Err(Self::refuse("kind", "another kind", "\"projection-accuracy\""));
        }
        Self::named("name", &self.name)?;
        Self::named("out", &self.out.to_string_lossy())?;
        self.engine.check()?;
        self.maps.check()?;
        self.prepare.check()?;
        self.train.check()?;
        self.generate.check()?;
        self.project.check()?;
        self.residuals.check()?;
        let side = self.prepare.side.unwrap_or(64);
        check_embedded_base(&self.train, i64::from(side), &[FA.to_owned()])?;
        self.check_settings_together()
    }
}

impl Settings for MapSource {
    const SECTION: &'static str = "maps";

    fn check(&self) -> Result<()> {
        match (&self.fa, &self.simulate) {
            (None, None) => Err(Problem::usage("no maps")
                .expected("`fa` or `simulate` under [maps]")
                .advice("write [maps] fa = \"my/derivatives\", or [maps.simulate]")),
            (Some(_), Some(_)) => Err(Problem::usage("maps from fa and simulate at once under [maps]")
                .expected("one source")
                .advice("leave one of them")),
            (Some(path), None) => Self::named("fa", &path.to_string_lossy()),
            (None, Some(simulate)) => simulate.check(),
        }
    }
}

impl ProjectionAccuracyStudy {
    /// Refuses a study whose files are not there.
    ///
    /// # Errors
    /// The maps, the base network or the weights of a feature net are missing.
    pub fn check_files(&self) -> Result<()> {
        let maps = self.maps.fa.as_deref().map(|path| ("maps.fa", path));
        let base = self.train.base.file().map(|path| ("train.base", path));
        let features = match &self.project.features {
            FeatureSetting::Weights(path) => Some(("project.features", path.as_path())),
            _ => None,
        };
        match [maps, base, features].into_iter().flatten().find(|(_, path)| !path.exists()) {
            Some((key, path)) => {
                Err(Problem::input(path, format!("nothing there, and {key} names it")).advice(format!("correct {key}")))
            }
            None => Ok(()),
        }
    }

    fn check_settings_together(&self) -> Result<()> {
        let wrong = |key: &str, found: &str, expected: &str| {
            Err(Problem::usage(format!("{key} = {found} in a study of this kind"))
                .expected(expected)
                .advice(format!("leave {key} out")))
        };
        if self.prepare.items != Items::Slices {
            return wrong("prepare.items", "\"volumes\"", "slices");
        }
        if self.train.condition == Condition::Readers {
            return wrong("train.condition", "\"readers\"", "\"none\", or \"labels\": the groups of the participants");
        }
        Ok(())
    }
}

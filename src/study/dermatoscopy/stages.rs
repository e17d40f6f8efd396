//! The stages, each with what its results depend on.

use std::path::{Path, PathBuf};

use super::Run;
use super::config::ImageSource;
use crate::classify::source::Given;
use crate::data::{PrepareConfig, Prepared, Source, image_inputs, run_stage as prepare};
use crate::edit::Accepted;
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::ClassifyRecord;
use crate::records::directions::DirectionsRecord;
use crate::records::edit::EditRecord;
use crate::records::invert::InversionRecord;
use crate::records::prepare::PrepareRecord;
use crate::records::skin::SkinRecord;
use crate::records::synthesis::SynthesisRecord;
use crate::records::training::TrainingRecord;
use crate::serve::review::Review;
use crate::serve::review::together::Consensus;
use crate::simulate::skin;
use crate::simulate::writing::Writing;
use crate::study::cache::{ABSENT, Done, Stage};
use crate::study::drawn::draw;
use crate::study::trained::train;
use crate::units::{Ready, Share};
use crate::{classify, directions, edit, generate, invert, meters};

/// Where the photographs lie.
pub struct Photographs {
    source: Source,
    /// What was simulated; absent for the user's own.
    pub record: Option<SkinRecord>,
    /// A hash over all files.
    key: String,
}

impl Photographs {
    /// Refuses photographs that are not as they were when the study began: results of two states would be
    /// mixed.
    fn require_unchanged(&self, config: &PrepareConfig, observer: &dyn Observer) -> Result<()> {
        let (Source::Ham10000(path) | Source::Isic(path) | Source::Images(path)) = &self.source else {
            return Ok(());
        };
        if image_inputs::sha256(path, config, observer)? == self.key {
            return Ok(());
        }
        Err(Problem::input(path, "photographs that changed while the study was at work")
            .expected("a folder into which nothing is written meanwhile")
            .advice("run the same command again: what changed is made anew"))
    }
}

impl Run<'_> {
    /// Simulates the photographs of a source into `folder`, or looks at those that are given.
    pub fn photographs(
        &mut self,
        source: &ImageSource,
        (name, folder): (&'static str, PathBuf),
    ) -> Result<Photographs> {
        let &mut Self { study, ref lab, ref mut stages, .. } = self;
        if let Some(config) = &source.simulate {
            let stage = Stage::new(name, folder.clone(), config, &[])?;
            let done = stages.run(stage, |folder| skin::run_stage(Writing::default(), config, folder, lab))?;
            let key = image_inputs::sha256(&folder, &study.prepare, lab.observer)?;
            return Ok(Photographs { source: Source::Ham10000(folder), record: Some(done.record), key });
        }
        let given = source.source().ok_or_else(|| Problem::usage("no photographs"))?;
        let path = source.path().unwrap_or(Path::new(""));
        lab.observer.note(&format!("reading {} to see whether it changed", path.display()));
        let key = image_inputs::sha256(path, &study.prepare, lab.observer)?;
        Ok(Photographs { key, source: given, record: None })
    }

    /// Brings the photographs to one size and splits them by lesions.
    pub fn prepare(&mut self, photographs: &Photographs) -> Result<Done<PrepareRecord>> {
        self.prepare_into(photographs, "prepare", self.dir.data())
    }

    fn prepare_into(
        &mut self,
        photographs: &Photographs,
        name: &'static str,
        folder: PathBuf,
    ) -> Result<Done<PrepareRecord>> {
        let config = &self.study.prepare;
        let stage = Stage::new(name, folder, &(config, self.study.seed), &[&photographs.key])?;
        let lab = self.lab.of_stage(name);
        let cut = |folder: &Path| {
            let record = prepare(&photographs.source, config, folder, &lab)?;
            photographs.require_unchanged(config, lab.observer)?;
            Ok(record)
        };
        self.stages.run(stage, cut)
    }

    /// Prepares the other photographs, where there are some.
    pub fn external(&mut self) -> Result<Option<Done<PrepareRecord>>> {
        let Some(source) = &self.study.external else { return Ok(None) };
        let photographs = self.photographs(source, ("simulate-external", self.dir.external_photographs()))?;
        self.prepare_into(&photographs, "prepare-external", self.dir.external_data()).map(Some)
    }

    /// Trains the generator, which is told the classes, on the training lesions.
    pub fn train(&mut self, prepared: &Prepared, data_key: &str) -> Result<Done<TrainingRecord>> {
        let config = &self.study.train;
        let folder = self.dir.gan().root().to_owned();
        let stage = Stage::new("train", folder, &(config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train");
        train(&mut self.stages, stage, (prepared, config), &lab)
    }

    /// Trains another generator of the same photographs, whose random stream and weights are its own.
    pub fn train_second(&mut self, prepared: &Prepared, data_key: &str) -> Result<Option<Done<TrainingRecord>>> {
        let Some(config) = self.study.second.as_ref().filter(|_| !self.stages.passes("train-second")) else {
            return Ok(None);
        };
        let folder = self.dir.second_gan().root().to_owned();
        let stage = Stage::new("train-second", folder, &(config, self.study.seed), &[data_key])?;
        let lab = self.lab.of_stage("train-second");
        train(&mut self.stages, stage, (prepared, config), &lab).map(Some)
    }

    fn network(&self) -> PathBuf {
        self.dir.gan().best_network()
    }

    /// Draws images, each class in turn.
    pub fn generate(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<SynthesisRecord>> {
        let (config, network) = (&self.study.generate, self.network());
        let stage = Stage::new("generate", self.dir.synthetic(), config, &[gan_key])?;
        let lab = self.lab.of_stage("generate");
        let inputs = generate::Inputs { network: &network, data: Some(prepared) };
        draw(&mut self.stages, stage, (inputs, config), &lab)
    }

    /// Inverts training photographs.
    pub fn invert(&mut self, prepared: &Prepared, gan_key: &str) -> Result<Done<InversionRecord>> {
        let (config, network) = (&self.study.invert, self.network());
        let stage = Stage::new("invert", self.dir.inverted(), &(config, self.study.seed), &[gan_key])?;
        let lab = self.lab.of_stage("invert");
        let inputs = invert::Inputs { network: &network, data: prepared, meters: &meters::Skin };
        let invert = |folder: &Path, ready: &Ready| invert::run_with(inputs, config, (folder, ready), &lab);
        let share = |share: &Share| invert::run_share(inputs, config, share, &lab);
        self.stages.run_in_units(stage, |_| true, invert, share)
    }

    /// Finds directions of the latent space and says what each moves.
    pub fn directions(&mut self, prepared: &Prepared, keys: &[&str]) -> Result<Done<DirectionsRecord>> {
        let (config, network) = (&self.study.directions, self.network());
        let stage = Stage::new("directions", self.dir.directions(), &(config, self.study.seed), keys)?;
        let lab = self.lab.of_stage("directions");
        let second = self.study.second.as_ref().map(|_| self.dir.second_gan().best_network());
        let inputs = directions::Inputs { network: &network, data: prepared, second: second.as_deref(), classes: None };
        self.stages.run(stage, |folder| directions::run_stage(inputs, config, folder, &lab))
    }

    /// The directions that a person accepted in the folder of their review; without one those that pass the gate.
    pub fn accepted(&self, directions: &Done<DirectionsRecord>) -> Result<Accepted> {
        let named = &self.study.edit.accept;
        if !named.is_empty() {
            return Ok(Accepted { ids: named.clone(), by: "who named them in the settings (edit.accept)".into() });
        }
        let review = Review::open(&self.dir.directions())?;
        if let Some((ids, people)) = review.accepted_by_people(Consensus::All)? {
            let people: Vec<&str> = people.iter().map(Name::as_str).collect();
            return Ok(Accepted { ids, by: format!("{} (`rimforge review`)", people.join(" and ")) });
        }
        Ok(edit::by_the_gate(&directions.record))
    }

    /// Edits training photographs along accepted directions; none where no direction was accepted, which is a result.
    pub fn edit(
        &mut self,
        prepared: &Prepared,
        accepted: &Accepted,
        keys: [&str; 2],
    ) -> Result<Option<Done<EditRecord>>> {
        if accepted.ids.is_empty() {
            let text =
                format!("no direction is accepted by {}: nothing is edited, and no arm learns from edits", accepted.by);
            self.lab.observer.note(&text);
            return Ok(None);
        }
        let config = &self.study.edit;
        let (inverted, directions) = (self.dir.inverted(), self.dir.directions());
        let settings = (config, &accepted.ids, &accepted.by, self.study.seed);
        let stage = Stage::new("edit", self.dir.edited(), &settings, &keys)?;
        let lab = self.lab.of_stage("edit");
        let network = self.network();
        let inputs = edit::Inputs {
            data: prepared,
            network: &network,
            inverted: &inverted,
            directions: &directions,
            accepted,
            measured_by: &self.study.directions,
        };
        let edit = |folder: &Path| edit::run_stage(inputs, config, folder, &lab);
        self.stages.run_until(stage, EditRecord::has_hashes, edit).map(Some)
    }

    /// Fits one classifier an arm and compares them; `keys` are those of the images that arms add.
    pub fn classify(
        &mut self,
        prepared: &Prepared,
        external: Option<&Prepared>,
        keys: [&str; 3],
    ) -> Result<Done<ClassifyRecord>> {
        let mut config = self.study.classify.clone();
        let is_edited = keys[1] != ABSENT;
        if !is_edited {
            config.arms.retain(|arm| !arm.needs().iter().any(|source| source.asks_for().contains(&Given::Edited)));
        }
        let config = &config;
        let (synthetic, edited) = ([self.dir.synthetic()], self.dir.edited());
        let stage = Stage::new("classify", self.dir.classify(), &(config, self.study.seed), &keys)?;
        let lab = self.lab.of_stage("classify");
        let inputs = classify::Inputs {
            data: prepared,
            synthetic: &synthetic,
            conditional: None,
            denoised: &[],
            projected_interest: None,
            projected_others: None,
            network: &[],
            two_sided: None,
            edited: is_edited.then_some(&*edited),
            truth: None,
            external,
        };
        let fit = |folder: &Path, ready: &Ready| classify::run_with(inputs, config, (folder, ready), &lab);
        let share = |share: &Share| classify::units::run_share(inputs, config, share, &lab);
        self.stages.run_in_units(stage, |_| true, fit, share)
    }
}

//! A network as model hubs have them: README.md with their YAML head, model.safetensors, config.json.
//!
//! Numbers stand in the card only where a record beside the network, or the data set that is given, has them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use super::license;
use crate::data::AnyPrepared;
use crate::data::manifest::{Lesion, Split};
use crate::feed::network_source::network_file;
use crate::files::{self, Input, OutFolder, Owner};
use crate::nets::weights::{NetworkDescription, read_description, read_tensors};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::training::TrainingRecord;
use crate::run_dir::RECORD;

/// Names of the files.
pub const README: &str = "README.md";
const MODEL: &str = "model.safetensors";
const CONFIG: &str = "config.json";

/// Largest record of a training run in bytes.
const LARGEST_RECORD: u64 = 256 << 20;

/// Knows the folders of this export; there is no version of it without marks.
const OWNER: Owner = Owner::of("export card", |_| Ok(None));

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// A network file, or a folder with one.
    pub network: &'a Path,
    /// The data set that it was trained on, to say of how many patients.
    pub data: Option<&'a Path>,
    /// As hubs spell it: "cc-by-4.0".
    pub license: &'a str,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CardOutcome {
    /// Of the network's file.
    pub network_sha256: String,
    /// Whether it learnt from simulated data; absent where it does not say.
    pub simulated: Option<bool>,
    /// Patients whom it learnt from; absent without the data set, and where that does not tell.
    pub patients: Option<u64>,
    /// Frechet distance that the run recorded.
    pub frechet: Option<f64>,
    /// What the card could not say.
    pub notes: Vec<String>,
}

/// All that the card says.
struct Known {
    sha256: String,
    description: NetworkDescription,
    /// Of the run that made this very file.
    training: Option<TrainingRecord>,
    patients: Option<u64>,
}

/// Writes the three files into `out`.
///
/// # Errors
/// No license that could be one, no usable network or one with weights that are no numbers, a data set that it was not
/// trained on, an `out` that is not this command's, or a failed write.
pub fn write(card: Card<'_>, out: &Path, observer: &dyn Observer) -> Result<CardOutcome> {
    license::check_word(card.license)?;
    let file = network_file(card.network)?;
    let read = [Some(file.as_path()), card.data].into_iter().flatten().map(Input::of);
    let folder = OutFolder::new(OWNER, out).apart_from(read);
    folder.check()?;
    let (description, sha256) = read_description(&file)?;
    let training = training(&file, &sha256)?;
    let patients = card.data.map(|data| patients(data, &description)).transpose()?.flatten();
    let known = Known { sha256, description, training, patients };
    let mut claim = folder.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    files::copy(&file, &staging.join(MODEL))?;
    // Whole, so that weights that are no numbers are not given away.
    if read_tensors(staging.join(MODEL)).map_err(|problem| problem.at(&file))?.sha256 != known.sha256 {
        return Err(Problem::input(&file, "changed while it was copied").advice("run the same command again"));
    }
    files::write_json(staging.join(CONFIG), &known.config()?)?;
    files::write(staging.join(README), known.text(card.license).as_bytes())?;
    claim.publish(vec![MODEL.into(), CONFIG.into()], &[README], observer)?;
    Ok(known.outcome())
}

/// The record of the training run in the network's folder, where it is of this network.
fn training(file: &Path, sha256: &str) -> Result<Option<TrainingRecord>> {
    let path = file.parent().map_or_else(|| PathBuf::from(RECORD), |folder| folder.join(RECORD));
    let Some(text) = files::read_if_there(&path, LARGEST_RECORD, "the record of a training run")? else {
        return Ok(None);
    };
    let record: Option<TrainingRecord> = serde_json::from_slice(&text).ok();
    Ok(record.filter(|record| record.network_sha256 == sha256))
}

/// Patients whose items the network learnt from, of the data set that it says it was trained on: of the class of
/// interest, of all classes, or of the whole training side, whichever has as many items as it says; else `None`.
fn patients(data: &Path, description: &NetworkDescription) -> Result<Option<u64>> {
    let data = AnyPrepared::open(data)?;
    let known = description.label.provenance.data_sha256.as_deref().unwrap_or("that it does not name");
    if known != data.sha256() {
        return Err(Problem::new(Kind::Gate, format!("data {}", data.sha256()))
            .at(data.root())
            .expected(format!("data {known}, on which the network was trained"))
            .advice("give the data set of its training (--data), or leave it out"));
    }
    let manifest = data.manifest();
    let training: Vec<&Lesion> = manifest.lesions.iter().filter(|lesion| lesion.split == Split::Train).collect();
    let of =
        |keep: &dyn Fn(&Lesion) -> bool| training.iter().copied().filter(|lesion| keep(lesion)).collect::<Vec<_>>();
    let agreed = |lesion: &Lesion| manifest.classes.number(&lesion.class).is_some();
    let sets = [of(&|lesion| manifest.classes.of_interest.as_ref() == Some(&lesion.class)), of(&agreed), of(&|_| true)];
    let items = description.label.provenance.train_lesions;
    let learnt = sets.iter().find(|set| !set.is_empty() && Some(set.len() as u64) == items);
    let patients = |set: &Vec<&Lesion>| set.iter().map(|lesion| lesion.patient.as_str()).collect::<BTreeSet<_>>().len();
    Ok(learnt.map(|set| patients(set) as u64))
}

impl Known {
    fn outcome(&self) -> CardOutcome {
        let mut notes = vec![];
        if self.training.is_none() {
            notes.push("no record of the run that made this network beside it: the card has no scores".into());
        }
        if self.patients.is_none() {
            notes.push(
                "how many patients it learnt from is not said: give the data set that it was trained on (--data)"
                    .into(),
            );
        }
        CardOutcome {
            network_sha256: self.sha256.clone(),
            simulated: self.description.label.provenance.simulated,
            patients: self.patients,
            frechet: self.frechet(),
            notes,
        }
    }

    fn frechet(&self) -> Option<f64> {
        self.training.as_ref().and_then(|record| record.best_frechet)
    }

    fn config(&self) -> Result<Value> {
        let [channels, provenance] = self.description.label.to_json()?;
        Ok(json!({
            "model_type": "rimforge",
            "rimforge_version": env!("CARGO_PKG_VERSION"),
            "generator": self.description.generator,
            "discriminator": self.description.discriminator,
            "channels": channels,
            "provenance": provenance,
            "sha256": self.sha256,
        }))
    }

    fn text(&self, license: &str) -> String {
        let simulated = self.description.label.provenance.simulated;
        let mut text = format!(
            "---\nlicense: {license}\nlibrary_name: rimforge\npipeline_tag: unconditional-image-generation\ntags:\n"
        );
        let mut tags = vec!["rimforge", "stylegan2-ada", "synthetic-data"];
        tags.extend((simulated == Some(true)).then_some("simulated-data"));
        tags.iter().for_each(|tag| text += &format!("- {tag}\n"));
        text += "---\n\n";
        let title = if simulated == Some(true) { "SIMULATED: a generator" } else { "A generator" };
        let _ = writeln!(text, "# {title} of {}\n", self.shown());
        text += &self.learnt();
        text += &self.scores();
        text += USE;
        text += LIMITS;
        text
    }

    /// "chimap (-80 to 120 ppb)".
    fn shown(&self) -> String {
        let contrast = |one: &crate::records::label::Contrast| {
            format!("{} ({} to {} {})", plain(&one.name), one.window.low, one.window.high, plain(&one.unit))
        };
        match &self.description.label.contrasts[..] {
            [] => "images whose contrasts nobody noted".into(),
            contrasts => contrasts.iter().map(contrast).collect::<Vec<_>>().join(", "),
        }
    }

    /// What it was trained on.
    fn learnt(&self) -> String {
        let provenance = &self.description.label.provenance;
        let config = &self.description.generator;
        let mut text = "## What it learnt from\n\n".to_owned();
        let mut say = |line: String| text += &format!("- {line}\n");
        say(match provenance.simulated {
            Some(true) => "SIMULATED data: no patient's.".into(),
            Some(false) => "Measured data.".into(),
            None => "Whether its data were simulated is not known.".into(),
        });
        match &provenance.data_sha256 {
            Some(sha256) => say(format!("Prepared data set with the manifest of SHA-256 `{}`.", plain(sha256))),
            None => say("Its data set is not known.".into()),
        }
        for before in &provenance.ancestor_data {
            say(format!("Its weights had known another data set before: `{}`.", plain(before)));
        }
        if let Some(patients) = self.patients {
            say(format!("{patients} patients; those held out of the data set were not shown to it."));
        }
        if let (Some(lesions), Some(slices)) = (provenance.train_lesions, provenance.train_slices) {
            say(format!("{lesions} items, {slices} images of them."));
        }
        if let Some(images) = provenance.images {
            say(format!("{images} images shown to the discriminator, repeats counted."));
        }
        if let Some(imported) = &provenance.imported {
            say(format!("Imported from a {} of SHA-256 `{}`.", plain(&imported.format), plain(&imported.sha256)));
        }
        if let Some(classes) = provenance.classes.as_ref().filter(|classes| !classes.is_empty()) {
            say(format!("Classes: {}.", classes.iter().map(|class| plain(class)).collect::<Vec<_>>().join(", ")));
        }
        say(format!("{} x {} pixels, {} channels.", config.resolution, config.resolution, config.channels));
        text + "\n"
    }

    /// What its run recorded.
    fn scores(&self) -> String {
        let mut text = "## Scores\n\n".to_owned();
        match (&self.training, self.frechet()) {
            (Some(record), Some(frechet)) => {
                let _ = write!(
                    text,
                    "Frechet distance to the real training images {frechet:.4}, on features of {} (no FID, and not \
                     comparable with one). ",
                    plain(&record.frechet_features)
                );
                text += &match record.frechet_real_floor {
                    Some(floor) => format!("Two halves of the real images, by patient, are {floor:.4} apart.\n\n"),
                    None => "\n\n".into(),
                };
                text += "The network was chosen by this distance, which flatters it.\n\n";
            }
            _ => text += "None was recorded beside this network.\n\n",
        }
        text
    }
}

const USE: &str = "\
## Use

```python
from rimforge_reader import latents, load_generator  # in rimforge's source: pip install ./python

network = load_generator(\"model.safetensors\", backend=\"numpy\")  # or torch
images = network(latents([0, 1], network.description.sizes.z_dim))  # about -1..1; windows: config.json
```

The program draws with it, too: `rimforge generate --network model.safetensors`.

";

const LIMITS: &str = "\
## Limits

- What it draws is synthetic: no measurement and no person, and no ground for a diagnosis.
- A generator of few images may repeat them: near copies of training images are not ruled out, and neither is it that \
whether somebody was among them can be told.
- It knows the scanners, the patients and the readers of its data set and no others.
- It stands under the license above by the word of whoever exported it; what was agreed for the data holds, too.
";

/// A word of a file inside Markdown: on one line, and no markup of its own.
fn plain(text: &str) -> String {
    let letter = |letter: char| if letter.is_control() || "`<>[]|*\\".contains(letter) { '_' } else { letter };
    text.chars().map(letter).collect()
}

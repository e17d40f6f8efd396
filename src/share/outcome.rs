//! What an export of a data set holds and where it comes from: printed, and written into it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::collection::{Case, Collection, Place};
use super::target::Target;

/// What was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// Version of the program that wrote it.
    pub rimforge: String,
    /// Whether the data set is a simulation.
    pub simulated: bool,
    /// Whether images that a network drew are among the training ones.
    pub synthetic: bool,
    /// Manifest of the data set.
    pub data_sha256: String,
    /// Networks that drew images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_sha256: Vec<String>,
    /// What labels say.
    pub target: Target,
    /// Names of their numbers, from 0.
    pub labels: Vec<String>,
    /// The image's channels.
    pub channels: Vec<Channel>,
    /// Whether real values are clipped to the windows, beside drawn ones.
    pub clipped: bool,
    /// Examples to learn from, drawn ones among them.
    pub training: u64,
    /// Those that were drawn.
    pub drawn: u64,
    /// Examples for choices.
    pub validation: u64,
    /// Held-out examples.
    pub test: u64,
    /// Patients of the three sides.
    pub patients: [u64; 3],
    /// Folds over the training patients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<u32>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// A channel of the images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Channel {
    /// "chimap".
    pub name: String,
    /// As in the files: "ppm".
    pub unit: String,
}

impl Outcome {
    /// Of a collection.
    pub fn of(all: &Collection) -> Self {
        let manifest = all.data.manifest();
        let training = |place: Place| matches!(place, Place::Training(_));
        let sides: [&dyn Fn(Place) -> bool; 3] =
            [&training, &|place| place == Place::Validation, &|place| place == Place::Test];
        let patients = sides.map(|side| {
            let own = all.cases.iter().filter(|case| side(case.place));
            own.filter_map(|case| case.patient.as_deref()).collect::<BTreeSet<_>>().len() as u64
        });
        let [training, validation, test] = sides.map(|side| all.count(|case| side(case.place)));
        let channel = |&at: &usize| Channel {
            name: manifest.contrasts[at].name.to_string(),
            unit: manifest.contrasts[at].unit_in_volumes().to_owned(),
        };
        Self {
            rimforge: env!("CARGO_PKG_VERSION").into(),
            simulated: manifest.simulated,
            synthetic: !all.drawn.is_empty(),
            data_sha256: all.data.sha256().to_owned(),
            network_sha256: all.drawn.iter().map(|set| set.record.network_sha256.clone()).collect(),
            target: all.task.target,
            labels: all.task.labels.clone(),
            channels: all.task.image.iter().map(channel).collect(),
            clipped: all.is_clipped(),
            training,
            drawn: all.count(Case::is_drawn),
            validation,
            test,
            patients,
            folds: all.folds,
            notes: all.notes.clone(),
        }
    }

    /// What it is, in a sentence: "SIMULATED; 40 real examples ...".
    pub fn sentence(&self) -> String {
        let simulated = if self.simulated { "SIMULATED. " } else { "" };
        let channels: Vec<String> = self.channels.iter().map(|one| format!("{} in {}", one.name, one.unit)).collect();
        let drawn = match self.drawn {
            0 => String::new(),
            drawn => format!(" ({drawn} of them drawn by a network)"),
        };
        format!(
            "{simulated}{} training examples{drawn}, {} for validation, {} for test, of {}, {} and {} patients; {}; \
             labels: {}",
            self.training,
            self.validation,
            self.test,
            self.patients[0],
            self.patients[1],
            self.patients[2],
            channels.join(", "),
            self.labels.join(", ")
        )
    }
}

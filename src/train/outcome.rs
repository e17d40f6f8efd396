//! What a finished run leaves on record.

use super::{TrainState, Training};
use crate::files;
use crate::nets::Network;
use crate::problem::Result;
use crate::records::training::{BaseGenerator, TickRecord, TimingRecord, TrainingRecord};

/// A finished run.
pub(super) struct Outcome<'a> {
    pub(super) run: &'a Training<'a>,
    pub(super) state: &'a TrainState,
    pub(super) items: Items<'a>,
    /// The network that it started from, where there is one.
    pub(super) base: Option<BaseGenerator>,
}

/// What it learnt from.
pub(super) struct Items<'a> {
    pub(super) lesions: u64,
    pub(super) images: u64,
    /// Names of the classes; empty without condition.
    pub(super) classes: &'a [String],
}

impl Outcome<'_> {
    /// The record, from the state and the logs. `features` names the feature net of Frechet distances, `floor` is the
    /// distance between real images.
    ///
    /// # Errors
    /// A log or the best network cannot be read.
    pub(super) fn record(self, features: String, floor: Option<f64>) -> Result<TrainingRecord> {
        let network = self.network();
        let Self { run, state, items, base } = self;
        let (settings, dir) = (run.settings, &run.folder.dir);
        let timing = files::read_json_lines::<TimingRecord>(&dir.timing())?;
        let seconds: f64 = timing.iter().map(|tick| tick.seconds).sum();
        let shown: f64 = timing.iter().map(|tick| tick.seconds * tick.images_per_s).sum();
        Ok(TrainingRecord {
            network,
            generator_parameters: state.generator.parameter_count(),
            discriminator_parameters: state.discriminator.parameter_count(),
            train_lesions: items.lesions,
            train_slices: items.images,
            classes: items.classes.to_vec(),
            precision: settings.precision.name().to_owned(),
            precision_choice: files::read_note(dir.precision())?,
            replicas: settings.replicas,
            images: state.images(settings),
            batch: settings.batch,
            seed: run.seed.0,
            seconds,
            images_per_s: if seconds > 0.0 { shown / seconds } else { 0.0 },
            final_ada_p: state.ada.p,
            best_images: state.counters.best_images.unwrap_or(state.images(settings)),
            best_frechet: state.best_distance,
            frechet_features: features,
            frechet_real_floor: floor,
            base,
            rollbacks: state.counters.rollbacks.clone(),
            curve: files::read_json_lines::<TickRecord>(&dir.stats())?,
            network_sha256: files::sha256(dir.best_network())?,
            computed_with: state.counters.computed_with.clone(),
        })
    }

    /// The networks' sizes in words.
    fn network(&self) -> String {
        let generator = &self.run.settings.generator;
        let side = generator.resolution.to_string();
        let sides = vec![side; generator.dimensions as usize].join("x");
        let channels = generator.channels;
        format!(
            "{sides}, {channels} {}{}, channel base {}, at most {} channels, z {}, w {}, mapping {}",
            if channels == 1 { "contrast" } else { "contrasts" },
            if self.items.classes.is_empty() {
                String::new()
            } else {
                format!(", classes {}", self.items.classes.join(", "))
            },
            generator.channel_base,
            generator.channel_max,
            generator.z_dim,
            generator.w_dim,
            generator.mapping_layers
        )
    }
}

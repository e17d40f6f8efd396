//! What a finished run leaves on record.

use super::reals::TrainingSet;
use super::{TrainState, Training};
use crate::files;
use crate::nets::Network;
use crate::problem::Result;
use crate::records::training::{BaseGenerator, TickRecord, TimingRecord, TrainingRecord};

/// A finished run.
pub(super) struct Outcome<'a> {
    pub(super) run: &'a Training<'a>,
    pub(super) state: &'a TrainState,
    pub(super) set: &'a TrainingSet,
    /// The network that it started from, where there is one.
    pub(super) base: Option<BaseGenerator>,
}

impl Outcome<'_> {
    /// The record, from the state and the logs. `features` names the feature net of Frechet distances, `floor` is the
    /// distance between real images.
    ///
    /// # Errors
    /// A log or the best network cannot be read.
    pub(super) fn record(self, features: String, floor: Option<f64>) -> Result<TrainingRecord> {
        let network = self.network();
        let Self { run, state, set, base } = self;
        let (settings, dir) = (run.settings, &run.folder.dir);
        let timing = files::read_json_lines::<TimingRecord>(&dir.timing())?;
        let seconds: f64 = timing.iter().map(|tick| tick.seconds).sum();
        let shown: f64 = timing.iter().map(|tick| tick.seconds * tick.images_per_s).sum();
        Ok(TrainingRecord {
            network,
            generator_parameters: state.generator.parameter_count(),
            discriminator_parameters: state.discriminator.parameter_count(),
            train_lesions: set.lesions(),
            train_slices: set.images.len() as u64,
            classes: set.chosen.names.clone(),
            precision: settings.precision.name().to_owned(),
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
        let (side, channels) = (generator.resolution, generator.channels);
        format!(
            "{side}x{side}, {channels} {}{}, channel base {}, at most {} channels, z {}, w {}, mapping {}",
            if channels == 1 { "contrast" } else { "contrasts" },
            if self.set.c_dim() > 0 {
                format!(", classes {}", self.set.chosen.names.join(", "))
            } else {
                String::new()
            },
            generator.channel_base,
            generator.channel_max,
            generator.z_dim,
            generator.w_dim,
            generator.mapping_layers
        )
    }
}

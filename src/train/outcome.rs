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

/// Of the distance between two halves of the real images: above so many of them nothing is near.
const FAR: f64 = 20.0;

/// A fall since three quarters of the run that was no noise.
const STILL_FALLING: f64 = 0.9;

/// What the distances of a finished run of `rimforge train` say to who would use its network: that it has not arrived.
/// `None` where they do not.
pub fn not_arrived(record: &TrainingRecord) -> Option<String> {
    let measured: Vec<(u64, f64)> = record.curve.iter().filter_map(|tick| Some((tick.images, tick.frechet?))).collect();
    told(&measured, record.best_frechet?, record.frechet_real_floor)
}

/// The same of distances at images; `floor` is the distance between two halves of the real ones.
fn told(measured: &[(u64, f64)], best: f64, floor: Option<f64>) -> Option<String> {
    let &(images, last) = measured.last()?;
    let before = measured.iter().rev().find(|(then, _)| 4 * then <= 3 * images).map(|(_, distance)| *distance);
    let falling = last <= best && before.is_some_and(|before| last < STILL_FALLING * before);
    let far = floor.map(|floor| best / floor).filter(|&ratio| ratio.is_finite() && ratio > FAR);
    let advice = "the same command with a larger --kimg goes on from here";
    match (far, falling) {
        (None, false) => None,
        (None, true) => Some(format!("the Frechet distance was still falling when training ended: {advice}")),
        (Some(ratio), falling) => {
            let falling = if falling { ", and still falling" } else { "" };
            Some(format!(
                "the Frechet distance is {ratio:.0} times that of two halves of the real images{falling}: look at the \
                 previews before anything is made of this network; {advice}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(distances: &[f64]) -> Option<String> {
        let measured: Vec<(u64, f64)> = (1..).zip(distances.iter().copied()).collect();
        told(&measured, distances.iter().copied().fold(f64::INFINITY, f64::min), Some(1.0))
    }

    #[test]
    fn a_run_that_has_not_arrived_says_so() {
        assert_eq!(of(&[8.0, 4.0, 3.9, 3.8]), None);
        assert_eq!(of(&[8.0, 4.0, 3.0, 3.5]), None);
        assert_eq!(of(&[]), None);
        assert!(of(&[8.0, 4.0, 3.0, 2.0]).unwrap().starts_with("the Frechet distance was still falling"));
        let far = of(&[80.0, 40.0, 40.0, 41.0]).unwrap();
        assert!(far.starts_with("the Frechet distance is 40 times") && !far.contains("falling"), "{far}");
        assert!(of(&[80.0, 70.0, 60.0, 50.0]).unwrap().contains("50 times"));
    }
}

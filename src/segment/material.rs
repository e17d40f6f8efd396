//! What is learnt from and what is held out: slices of all contrasts, the traced one the mask, the others the image.

use tch::{Device, Kind as Type, Tensor};

use super::arms::Arm;
use super::config::SegmentConfig;
use crate::classify::material::{Material, Supply, Unit};
use crate::classify::pool::{Pool, Scoring};
use crate::classify::source::Source;
use crate::classify::training_set::{Example, TrainingSet};
use crate::classify::{Arm as ClassifierArm, proof};
use crate::data::Prepared;
use crate::nets::segmenters::unet;
use crate::problem::{Problem, Result};
use crate::records::classes::Class;
use crate::seed::RunSeed;

/// Name of the traced contrast.
pub const TRACED: &str = "rim";

/// Share of the traced map from which on a voxel belongs to the mask.
pub const INSIDE: f64 = 0.5;

/// Which channels are what.
#[derive(Clone, Debug, PartialEq)]
pub struct Channels {
    /// Of the image; at least one.
    pub image: Vec<i64>,
    /// The traced map.
    pub traced: i64,
    /// The traced map's network value at [`INSIDE`].
    threshold: f64,
}

impl Channels {
    /// Of a data set.
    ///
    /// # Errors
    /// No traced contrast or none beside it, slices that the network cannot take, or no class of interest.
    pub fn of(data: &Prepared) -> Result<Self> {
        let contrasts = data.contrasts();
        let names: Vec<&str> = contrasts.iter().map(|contrast| contrast.name.as_str()).collect();
        let advice = "prepare the cohort with --contrasts chimap,rim,flair, or as many of them as it has";
        let Some(traced) = names.iter().position(|name| *name == TRACED) else {
            return Err(Problem::input(
                data.root(),
                format!("no traced rims among the contrasts {}", names.join(", ")),
            )
            .expected("a contrast \"rim\", the map of traced rims (*_desc-rim_probseg)")
            .advice(advice));
        };
        let image: Vec<i64> = (0..names.len()).filter(|at| *at != traced).map(|at| at as i64).collect();
        if image.is_empty() {
            return Err(Problem::input(data.root(), "traced rims and no image beside them")
                .expected("at least one other contrast, to find the rims in")
                .advice(advice));
        }
        if data.classes().of_interest.is_none() {
            return Err(Problem::input(data.root(), "no class of interest").expected("rims beside other lesions"));
        }
        let [_, height, width] = data.image_shape();
        if height != width || !height.is_multiple_of(unet::MULTIPLE as usize) {
            let expected = format!("square slices whose side is a multiple of {}", unet::MULTIPLE);
            return Err(Problem::input(data.root(), format!("slices of {height} x {width} pixels")).expected(expected));
        }
        let threshold = f64::from(contrasts[traced].window.to_network(INSIDE as f32));
        Ok(Self { image, traced: traced as i64, threshold })
    }

    /// Images \[N, C, S, S\] of slices \[N, all, S, S\].
    fn images(&self, slices: &Tensor) -> Tensor {
        slices.index_select(1, &Tensor::from_slice(&self.image).to_device(slices.device()))
    }

    /// Masks \[N, 1, S, S\], 0 or 1, of slices \[N, all, S, S\].
    fn masks(&self, slices: &Tensor) -> Tensor {
        slices.narrow(1, self.traced, 1).ge(self.threshold).to_kind(Type::Float)
    }
}

/// Everything that fits read; shared storage, nobody writes to it.
#[derive(Debug)]
pub struct Learnt {
    /// \[N, C + 1, S, S\]: the image's channels and behind them the mask.
    pub pairs: Tensor,
    /// What there is to train on, by rows of `pairs`.
    pub material: Material,
}

/// Slices that are held out.
#[derive(Debug)]
pub struct Held {
    /// \[N, C, S, S\].
    pub images: Tensor,
    /// \[N, 1, S, S\], 0 or 1.
    pub masks: Tensor,
    /// Which slices are of which lesion.
    pub scoring: Scoring,
}

impl Learnt {
    /// Splits what `classify` loaded and proved into images and masks, and proves once more that no held-out image is
    /// among the images alone: a copy with another mask is a copy. Rims of whom nothing is traced are left out, and so
    /// are lesions of the other class with something traced in their slices; what was left out is told.
    ///
    /// # Errors
    /// A leak, or no training rim with a mask.
    pub fn new(data: &Prepared, channels: &Channels, pool: Pool) -> Result<(Self, Held, Vec<String>)> {
        let (images, masks) = (channels.images(&pool.pixels), channels.masks(&pool.pixels));
        let held = Held {
            images: channels.images(&pool.test.pixels),
            masks: channels.masks(&pool.test.pixels),
            scoring: pool.test,
        };
        proof::check(data, &pool.material, &images, &held.images)?;
        let traced = traced_rows(&masks)?;
        let mut material = pool.material;
        let interest = material.interest.unwrap_or_default();
        let shows = |unit: &Unit| unit.rows.iter().any(|&row| traced[row as usize]);
        let before = [0, 1].map(|class| material.classes[class].len());
        material.classes[interest].retain(shows);
        material.classes[1 - interest].retain(|unit| !shows(unit));
        let mut notes = Vec::new();
        let gone = |class: usize| before[class] - material.classes[class].len();
        let (rims, free) = (gone(interest), gone(1 - interest));
        let name = |class: usize| -> &Class { &data.classes().names[class] };
        if rims > 0 {
            notes.push(format!("{rims} training {}s of whom nothing is traced are not learnt from.", name(interest)));
        }
        if free > 0 {
            notes.push(format!(
                "{free} training {}s in whose slices something is traced are not learnt from.",
                name(1 - interest)
            ));
        }
        for (source, what) in [(Source::Synthetic, "drawn images"), (Source::Denoised, "projections")] {
            let examples = material.supplies.get(&source).map(Supply::examples).unwrap_or_default();
            let empty = examples.iter().filter(|example| !shows(&example.unit)).count();
            if empty > 0 {
                notes.push(format!(
                    "{empty} of {} {what} have no mask: they are learnt from as lesions without a rim.",
                    examples.len()
                ));
            }
        }
        if material.classes[interest].is_empty() {
            return Err(Problem::input(data.root(), format!("no training {} with a traced mask", name(interest)))
                .expected("at least one whose map of traced rims is one half or more somewhere")
                .advice("look at the cohort's *_desc-rim_probseg files: are they of these lesions?"));
        }
        Ok((Self { pairs: Tensor::cat(&[images, masks], 1), material }, held, notes))
    }

    /// The training set of an arm in a repetition. What it adds is drawn from each of its sources by itself.
    ///
    /// # Errors
    /// No training lesion without rim.
    pub fn set(&self, arm: Arm, repetition: u64, seed: RunSeed, config: &SegmentConfig) -> Result<TrainingSet> {
        let selection = self.material.select(repetition, seed, config.extra as usize, config.rim_free_per_rim)?;
        let mut set = ClassifierArm::None.compose(&selection, config.batch);
        if let TrainingSet::Interest(set) = &mut set {
            set.added = arm.sources().iter().flat_map(|source| selection.as_made(*source)).collect::<Vec<Example>>();
        }
        Ok(set)
    }

    /// A handle for another thread; tensors share storage.
    pub fn clone_for_thread(&self) -> Self {
        Self { pairs: self.pairs.shallow_clone(), material: self.material.clone() }
    }
}

/// Whether anything is traced in each slice.
fn traced_rows(masks: &Tensor) -> Result<Vec<bool>> {
    let most = masks.amax([1i64, 2, 3].as_slice(), false).to_device(Device::Cpu);
    Ok(Vec::<f32>::try_from(most)?.into_iter().map(|most| most > 0.0).collect())
}

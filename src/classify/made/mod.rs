//! What arms add that nobody hands over: made here out of the data set and of what is given, each kind in a file.

use tch::Device;

use super::arms;
use super::config::ClassifyConfig;
use super::extras::Extras;
use super::material::{Material, Supply};
use super::rows::Rows;
use super::runs::Workplace;
use super::source::Source;
use crate::data::Prepared;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::classify::MadeContrast;
use crate::seed::RunSeed;

mod contrast;

mod cross_fit;

mod deep_smote;

mod keep;

mod latents;

mod mixup;

mod neighbours;

pub mod of_data;

mod posterior;

mod realism;

mod smote;

mod two_sided;

pub use keep::FILES;

/// What is made from, and where.
pub struct Workshop<'a> {
    /// The data set.
    pub data: &'a Prepared,
    /// How.
    pub config: &'a ClassifyConfig,
    /// Of every draw.
    pub seed: RunSeed,
    /// What was handed over.
    pub extras: &'a Extras,
    /// Lesions that every adding arm adds.
    pub extra: usize,
    /// Where nets are trained, and where what took long is kept.
    pub place: Workplace<'a>,
    /// Progress, and the wish to stop.
    pub observer: &'a dyn Observer,
}

impl Workshop<'_> {
    /// Makes what the arms need beyond what lies in `material` already; gives what a reader should know about it.
    ///
    /// # Errors
    /// Rims of one patient alone where points between them are wanted, a generator that may not be used here, a
    /// diverged fit, a full disk, or stopped on request.
    pub fn make(&self, rows: &mut Rows, material: &mut Material) -> Result<Vec<String>> {
        if self.place.device != Device::Cpu {
            return self.make_all(rows, material);
        }
        // As fits, so that the result does not depend on how many there are.
        tch::set_num_threads(1);
        let made = self.make_all(rows, material);
        tch::set_num_threads(self.place.threads as i32);
        made
    }

    fn make_all(&self, rows: &mut Rows, material: &mut Material) -> Result<Vec<String>> {
        let mut notes = vec![];
        if material.of_interest().is_empty() {
            return Ok(notes);
        }
        for source in arms::sources(&self.config.arms) {
            let supply = match source {
                Source::Affine => Supply::Each(self.each(|repetition| {
                    let seed = self.seed.child("affine", repetition);
                    Ok(rows.affine(material.of_interest(), self.extra, seed))
                })?),
                Source::Smote => smote::make(self, rows, material)?,
                Source::DeepSmote => deep_smote::make(self, rows, material, deep_smote::Penalty::Paper)?,
                Source::DeepSmoteCode => deep_smote::make(self, rows, material, deep_smote::Penalty::Code)?,
                Source::RandomLatents => latents::random(self, rows, material)?,
                Source::GeneratorMean => latents::mean(self, rows)?,
                Source::LatentSmote => latents::between(self, rows)?,
                Source::Agreeing => cross_fit::agreeing(self, rows, material)?,
                Source::Realistic => realism::make(rows, material, self.data)?,
                Source::Posterior => posterior::make(self, rows, material, &mut notes)?,
                Source::Oracle => posterior::oracle(self, material)?,
                Source::Mixed => mixup::make(self, rows, material)?,
                Source::TwoSided => two_sided::originals(self, material)?,
                Source::TwoSidedImage => two_sided::images(self, rows, material)?,
                // Read, not made.
                Source::Synthetic
                | Source::Conditional
                | Source::Denoised
                | Source::Ambiguous
                | Source::DrawnByClass
                | Source::Edited
                | Source::EditedKept
                | Source::EditedAlong(_)
                | Source::EditedNearest(_)
                | Source::ProjectedInterest
                | Source::ProjectedOthers => continue,
            };
            material.supplies.insert(source, supply);
        }
        Ok(notes)
    }

    /// How much rim is left in what was made of rims; none where no arm makes such, or there is no map to measure on.
    ///
    /// # Errors
    /// The copy from the device failed.
    pub fn contrasts(&self, rows: &Rows, material: &Material) -> Result<Vec<MadeContrast>> {
        contrast::measured(self.data, self.config, rows, material)
    }

    /// One of each repetition.
    fn each<T>(&self, make: impl FnMut(u64) -> Result<T>) -> Result<Vec<T>> {
        (0..self.config.seeds).map(make).collect()
    }
}

/// A number for each lesion's patient, the same for the lesions of one.
fn patients(data: &Prepared, lesions: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut known: Vec<&str> = vec![];
    let number = |lesion: u32| {
        let patient = data.lesion(lesion).patient.as_str();
        known.iter().position(|other| *other == patient).unwrap_or_else(|| {
            known.push(patient);
            known.len() - 1
        })
    };
    lesions.map(number).collect()
}

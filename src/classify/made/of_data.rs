//! What an arm adds that needs nothing but the data set, as images: for those who compare training sets without
//! fitting.

use std::path::Path;

use tch::Kind as Type;

use super::{FILES, Workshop};
use crate::classify::config::ClassifyConfig;
use crate::classify::extras::Extras;
use crate::classify::pool::real;
use crate::classify::rows::Rows;
use crate::classify::runs::Workplace;
use crate::classify::source::Source;
use crate::classify::training_set::Example;
use crate::classify::{Arm, arms};
use crate::data::Prepared;
use crate::engine::Lab;
use crate::problem::Result;

/// One image that an arm adds to the class of interest.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// \[C, H, W\] in -1..1, row-major.
    pub pixels: Vec<f32>,
    /// Index into the manifest's lesions of the one that it was made from; none where it stands between several.
    pub lesion: Option<u32>,
}

/// Whether the arm needs nothing but the data set, and adds something.
pub fn needs_data_alone(arm: Arm) -> bool {
    arm.adds() && arm.needs().iter().all(|source| source.is_made_of_rims())
}

/// Files that [`of_data`] leaves in its folder for these arms, so that it need not train twice.
pub fn files(arms: &[Arm]) -> impl Iterator<Item = &'static str> {
    let needed = arms::sources(arms);
    let file = |source| match source {
        Source::DeepSmote => Some(FILES[2]),
        Source::DeepSmoteCode => Some(FILES[3]),
        _ => None,
    };
    needed.into_iter().filter_map(file)
}

/// `extra` images that `arm` adds in the first repetition of a comparison with the stage's seed and usual settings;
/// `out` keeps what took long to make. None where no class of the data set is of interest.
///
/// # Errors
/// Rims of one patient alone where points between those of several are wanted, a diverged fit, a full disk, or stopped
/// on request.
pub fn of_data(arm: Arm, data: &Prepared, extra: usize, out: &Path, lab: &Lab<'_>) -> Result<Vec<Added>> {
    let config = ClassifyConfig { arms: vec![arm], extra: extra as u64, seeds: 1, ..ClassifyConfig::default() };
    let training = data.training_all();
    let mut rows = Rows::new(&training, lab.engine.device)?;
    let mut material = real(&training);
    let place =
        Workplace { out, device: lab.engine.device, place: &lab.engine.place, threads: lab.engine.facts.threads };
    let extras = Extras::default();
    let shop =
        Workshop { data, config: &config, seed: lab.seed, extras: &extras, extra, place, observer: lab.observer };
    shop.make(&mut rows, &mut material)?;
    let examples: Vec<&Example> = material.supplies.values().flat_map(|supply| supply.examples()).collect();
    let places: Vec<i64> = examples.iter().map(|example| i64::from(example.unit.rows[0])).collect();
    if places.is_empty() {
        return Ok(vec![]);
    }
    let stack = rows.stack();
    let one = |(&place, example): (&i64, &&Example)| {
        let pixels = stack.get(place).to_device(tch::Device::Cpu).to_kind(Type::Float).contiguous().view(-1);
        Ok(Added { pixels: Vec::try_from(&pixels)?, lesion: example.unit.lesion })
    };
    places.iter().zip(&examples).map(one).collect()
}

//! How much of what makes a rim is left in the rims that arms make of others: blurring takes a ring of one or two
//! pixels away before anything else.

use tch::{Device, Tensor};

use crate::classify::arms::Arm;
use crate::classify::config::ClassifyConfig;
use crate::classify::material::{Material, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::source::Source;
use crate::data::Prepared;
use crate::metrics::rim_meter::RimMeter;
use crate::problem::Result;
use crate::records::classify::MadeContrast;

/// What is made of real ones, between them.
const MADE: [Source; 4] = [Source::Smote, Source::DeepSmote, Source::DeepSmoteCode, Source::LatentSmote];

/// Slices of a kind that are measured, at most; evenly spread over all of them.
const SLICES: usize = 300;

/// Of each arm that adds made ones and nothing else; none where there is no susceptibility map to measure rims on.
///
/// # Errors
/// The copy from the device failed.
pub(super) fn measured(
    data: &Prepared,
    config: &ClassifyConfig,
    rows: &Rows,
    material: &Material,
) -> Result<Vec<MadeContrast>> {
    let made = |arm: &Arm| MADE.into_iter().find(|source| arm.needs() == [*source]);
    let arms: Vec<(Arm, Source)> = config.arms.iter().filter_map(|arm| Some((*arm, made(arm)?))).collect();
    if arms.is_empty() {
        return Ok(vec![]);
    }
    let pixels = rows.stack();
    let [_, height, width] = data.image_shape();
    let real = slices(&pixels, material.of_interest().iter())?;
    let others = slices(&pixels, material.others().iter())?;
    let mut found = vec![];
    for (arm, source) in arms {
        let examples = material.supply(source).map(Supply::examples).unwrap_or_default();
        let own = slices(&pixels, examples.iter().map(|example| &example.unit))?;
        let mut meter = RimMeter::new(data.contrasts(), [height, width]);
        own.iter().for_each(|slice| meter.synthetic(slice));
        real.iter().for_each(|slice| meter.real(slice));
        others.iter().for_each(|slice| meter.non_rim(slice));
        let summary = meter.summary();
        let name = arm.name().to_owned();
        found.extend(summary.map(|rim_contrast| MadeContrast { arm: name, slices: own.len() as u64, rim_contrast }));
    }
    Ok(found)
}

/// Pixels \[C, H, W\] of the units' slices.
fn slices<'a>(pixels: &Tensor, units: impl Iterator<Item = &'a Unit>) -> Result<Vec<Vec<f32>>> {
    let all: Vec<u32> = units.flat_map(|unit| unit.rows.iter().copied()).collect();
    let count = all.len().min(SLICES);
    let chosen = (0..count).map(|at| i64::from(all[at * all.len() / count]));
    chosen.map(|row| Ok(Vec::try_from(pixels.get(row).to_device(Device::Cpu).reshape([-1]))?)).collect()
}

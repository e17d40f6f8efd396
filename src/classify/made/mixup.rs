//! A contested lesion mixed with its projection (mixup: Zhang et al. 2018, arXiv 1710.09412).

use rand_distr::{Beta, Distribution};
use tch::Tensor;

use super::Workshop;
use crate::classify::material::{Material, Origin, Supply, Unit};
use crate::classify::rows::Rows;
use crate::classify::source::Source;
use crate::classify::training_set::Example;
use crate::problem::{Kind, Problem, Result};

/// Both parameters of the distribution of the lesion's own share.
const ALPHA: f64 = 0.4;

/// Probability of the lesion itself to be of interest, and of its projection.
const TARGETS: [f64; 2] = [0.5, 1.0];

/// A mixed lesion for every contested one, in their order.
pub(super) fn make(shop: &Workshop<'_>, rows: &mut Rows, material: &Material) -> Result<Supply> {
    let beta = Beta::new(ALPHA, ALPHA).map_err(|error| Problem::new(Kind::Internal, format!("Beta: {error}")))?;
    let (pixels, device) = (rows.stack(), rows.device());
    let slices = |unit: &Unit| {
        let places: Vec<i64> = unit.rows.iter().map(|&row| i64::from(row)).collect();
        pixels.index_select(0, &Tensor::from_slice(&places).to_device(device))
    };
    let mut mixed = |projections: &Supply| {
        let mut mixed = vec![];
        for (at, (lesion, projection)) in (0..).zip(material.contested.iter().zip(projections.examples())) {
            let own: f64 = beta.sample(&mut shop.seed.stream("mixup", at));
            let target = own * TARGETS[0] + (1.0 - own) * TARGETS[1];
            mixed.push((slices(lesion) * own + slices(&projection.unit) * (1.0 - own), target as f32, lesion.lesion));
        }
        let example = |(pixels, target, lesion)| {
            let unit = Unit { origin: Origin::Mixed, rows: rows.push(pixels).collect(), lesion };
            Example { unit, target }
        };
        Supply::Drawn(mixed.into_iter().map(example).collect())
    };
    let of_each = material.supply(Source::Denoised).map(Supply::by_generator).unwrap_or_default();
    let supply = Supply::of_generators(of_each.into_iter().map(&mut mixed).collect());
    supply.ok_or_else(|| Problem::new(Kind::Internal, "nothing was projected"))
}

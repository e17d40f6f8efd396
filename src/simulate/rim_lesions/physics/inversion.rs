//! From field to susceptibility: the choice of inversion, and the two that are one division in k-space.
//!
//! * TKD: thresholded k-space division (Shmueli 2009), |D| kept at or above a threshold.
//! * L2: closed form with a gradient penalty (Bilgic 2014), D F / (D^2 + lambda |G|^2), |G|^2 in 1/mm^2.
//! * TV: see `tv.rs`.

use serde::{Deserialize, Serialize};

use super::fit::FieldFit;
use super::k_space::KSpace;
use super::tv::{self, TvConfig};
use crate::nifti::Volume;

/// Which inversion, with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub enum Inversion {
    /// Thresholded k-space division.
    Tkd {
        /// 0.15 to 0.2; 1/threshold bounds the gain.
        threshold: f32,
    },
    /// Closed form with a penalty on the gradient's square.
    L2 {
        /// mm^2.
        lambda: f32,
    },
    /// Total variation that spares the magnitude's edges.
    Tv(TvConfig),
}

impl Inversion {
    /// With the usual threshold.
    pub const TKD: Self = Self::Tkd { threshold: 0.18 };
    /// With a weight of .01 mm^2.
    pub const L2: Self = Self::L2 { lambda: 0.01 };
    /// With the default settings.
    pub const TV: Self = Self::Tv(TvConfig::DEFAULT);

    /// "tkd", "l2" or "tv".
    pub fn name(&self) -> &'static str {
        match self {
            Self::Tkd { .. } => "tkd",
            Self::L2 { .. } => "l2",
            Self::Tv(_) => "tv",
        }
    }
}

/// Empty margin around the field for the transforms, mm: the kernel's periodic copies stay outside the slab's
/// neighbourhood.
const MARGIN_MM: f64 = 12.0;

/// Susceptibility in ppb, up to a constant, from the fitted field inside `mask`.
pub fn invert(fit: &FieldFit, mask: &Volume<bool>, b0: [f64; 3], inversion: &Inversion) -> Volume<f32> {
    let grid = fit.field_ppb.grid;
    let space = KSpace::new(grid, b0, MARGIN_MM);
    let data = match inversion {
        Inversion::Tkd { threshold } => tkd(&space, &masked(&fit.field_ppb, mask), *threshold),
        Inversion::L2 { lambda } => l2(&space, &masked(&fit.field_ppb, mask), *lambda),
        Inversion::Tv(config) => {
            let weights = tv::Weights::new(fit, mask, config);
            tv::solve(&space, &masked(&fit.field_ppb, mask), &weights, config)
        }
    };
    Volume { grid, data }
}

fn masked(field: &Volume<f32>, mask: &Volume<bool>) -> Vec<f32> {
    let inside = mask.data.iter();
    let mean = mean_inside(field, mask);
    field.data.iter().zip(inside).map(|(&value, &inside)| if inside { value - mean } else { 0.0 }).collect()
}

/// A field is known up to a constant; without its mean the mask's border is no step.
fn mean_inside(field: &Volume<f32>, mask: &Volume<bool>) -> f32 {
    let (mut sum, mut count) = (0.0, 0u64);
    for (&value, _) in field.data.iter().zip(&mask.data).filter(|(_, inside)| **inside) {
        sum += f64::from(value);
        count += 1;
    }
    (sum / count.max(1) as f64) as f32
}

pub(super) fn tkd(space: &KSpace, field: &[f32], threshold: f32) -> Vec<f32> {
    let divided = |&d: &f32| {
        if d == 0.0 {
            0.0
        } else if d.abs() < threshold {
            d.signum() / threshold
        } else {
            1.0 / d
        }
    };
    space.filter(field, space.dipole.iter().map(divided))
}

pub(super) fn l2(space: &KSpace, field: &[f32], lambda: f32) -> Vec<f32> {
    let gradient = space.gradient_squared();
    let factor = space.dipole.iter().zip(&gradient).map(|(&d, &g)| {
        let below = d * d + lambda * g;
        if below == 0.0 { 0.0 } else { d / below }
    });
    space.filter(field, factor)
}

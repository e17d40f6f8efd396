//! Patterns inside the lesion: dark lines about pale holes, and dark dots.

use super::lesion::Lesion;
use super::pigment::inner;
use super::plane::{Plane, extreme, quantile, smoothed};

/// Blood adds this share of its density in green to red and blue together: what goes beyond is melanin's.
const BLOODLESS: f64 = 1.1;

/// What is larger than this share of the side is no pattern; a pigment network has 30 to 80 thousandths.
const COARSE: f64 = 0.04;

/// Radius that a dot has at most, as a share of the side.
const DOT: f64 = 0.022;

/// A dot is darker than its surroundings by this density, and by so many times what the network is.
const DARKER: (f64, f64) = (0.35, 3.0);

/// Share of the strongest pixels that tell dots, not lines.
const STRONGEST: f64 = 0.1;

/// Patterns of the lesion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Texture {
    /// Mean deviation from the surroundings over the lesion's mean density beyond the skin's; the strongest tenth and
    /// what skin has left out.
    pub(super) network: f64,
    /// Share of the lesion that dark dots cover.
    pub(super) dots: f64,
}

impl Texture {
    /// Of the lesion of a picture; `hairs` are not looked at.
    pub(super) fn new(plane: &Plane, lesion: &Lesion, hairs: &[bool]) -> Self {
        let inner = inner(plane, lesion, hairs);
        let count = inner.iter().filter(|inner| **inner).count();
        if !lesion.is_there() || count < 12 {
            return Self::default();
        }
        let grey: Vec<f64> = lesion.beyond.iter().map(|[red, green, blue]| red + blue - BLOODLESS * green).collect();
        let radius = (COARSE * plane.side()).round().max(2.0) as usize;
        let skin: Vec<bool> = lesion.inside.iter().zip(hairs).map(|(inside, hair)| !inside && !hair).collect();
        let rough = |counts: &[bool]| {
            let coarse = smoothed(&grey, counts, plane.width, radius);
            let mut sizes: Vec<f64> =
                (0..grey.len()).filter(|at| counts[*at]).map(|at| (grey[at] - coarse[at]).abs()).collect();
            let most = quantile(&mut sizes, 1.0 - STRONGEST);
            let kept = sizes.iter().filter(|size| **size <= most);
            kept.clone().sum::<f64>() / kept.count().max(1) as f64
        };
        let (lines, bare) = (rough(&inner), rough(&skin));
        let mean = (0..grey.len()).filter(|at| inner[*at]).map(|at| grey[at]).sum::<f64>() / count as f64;
        let lines = (lines * lines - bare * bare).max(0.0).sqrt();
        let size = (DOT * plane.side()).round().max(1.0) as usize;
        let opened = extreme(&extreme(&grey, plane.width, size, f64::min), plane.width, size, f64::max);
        let darker = DARKER.0.max(DARKER.1 * lines);
        let dots = (0..grey.len()).filter(|at| inner[*at] && grey[*at] - opened[*at] > darker).count();
        Self { network: lines / mean.abs().max(0.05), dots: dots as f64 / count as f64 }
    }
}

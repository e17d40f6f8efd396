//! Patterns inside the lesion: dark lines about pale holes, and dark dots.

use super::lesion::Lesion;
use super::pigment::inner;
use super::plane::{Plane, extreme, quantile, smoothed};

/// Blood adds this share of its density in green to red: what goes beyond is melanin's.
const BLOODLESS: f64 = 0.375;

/// What is larger than this share of the side is no pattern; a pigment network has 30 to 80 thousandths.
const COARSE: f64 = 0.04;

/// Radius that a dot has at most, as a share of the side.
const DOT: f64 = 0.022;

/// A dot is darker than its surroundings by this density in red.
const DARKER: f64 = 0.6;

/// A dot stands out of the network's lines: by so much more than most of the lesion has, and what is most.
const BEYOND: (f64, f64, f64) = (1.3, 0.3, 0.85);

/// Share of the strongest pixels that tell dots, not lines.
const STRONGEST: f64 = 0.1;

/// Patterns of the lesion.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Texture {
    /// Mean deviation of melanin's density from the surroundings; the strongest tenth, and what skin has, left out.
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
        let grey: Vec<f64> = lesion.beyond.iter().map(|[red, green, _]| red - BLOODLESS * green).collect();
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
        let lines = (lines * lines - bare * bare).max(0.0).sqrt();
        let size = (DOT * plane.side()).round().max(1.0) as usize;
        let red: Vec<f64> = lesion.beyond.iter().map(|beyond| beyond[0]).collect();
        let opened = extreme(&extreme(&red, plane.width, size, f64::min), plane.width, size, f64::max);
        let beside: Vec<f64> = (0..red.len()).filter(|at| inner[*at]).map(|at| red[at] - opened[at]).collect();
        let darker = DARKER.max(BEYOND.0 * quantile(&mut beside.clone(), BEYOND.2) + BEYOND.1);
        let dots = beside.iter().filter(|beside| **beside > darker).count();
        Self { network: lines, dots: dots as f64 / count as f64 }
    }
}

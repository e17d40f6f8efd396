//! One slice of a lesion as a reader's eye goes round it: along rays from its centroid the edge is compared with the
//! lesion's core and with the tissue outside.

use std::f64::consts::TAU;

use crate::nifti::{Grid, Volume};
use crate::statistics::order::quantile;

/// Rays from a slice's centroid.
const SECTORS: usize = 36;

/// Share of the edge that must show the contrast.
pub(super) const ARC: f64 = 2.0 / 3.0;

/// Where a ray looks for the rim, mm from the traced edge (negative inside), and the width it averages over.
const RIM_FROM_MM: f64 = -1.6;
const RIM_TO_MM: f64 = 0.4;
const STEP_MM: f64 = 0.4;

/// Where it takes the surround, mm outside the edge.
const SURROUND_MM: [f64; 3] = [1.2, 1.6, 2.0];

/// The core is what lies within this share of the way to the edge.
const CORE_SHARE: f64 = 0.5;

/// Contrast beyond this impresses a reader no further, ppb.
pub(super) const CAP_PPB: f64 = 60.0;

/// An edge that exceeds the core by more is a vessel's or a bleed's, ppb: iron in rims reaches about 90 before
/// blurring.
const VESSEL_PPB: f64 = 80.0;

/// What the eye cannot tell from nothing even without noise, ppb; added to the noise in quadrature.
const FLOOR_PPB: f64 = 4.0;

/// Surround that is brighter than white matter by more is another tissue: half of the 50 ppb between grey and white.
const GREY_ABOVE_WHITE_PPB: f64 = 25.0;

/// Slices whose section of the lesion is smaller (mm2) show no ring to judge.
const LEAST_AREA_MM2: f64 = 4.5;

/// Weights of the 2/3-arc contrast and of the mean contrast (a bright arc draws the eye even where it is short).
const ARC_WEIGHT: f64 = 0.7;
const MEAN_WEIGHT: f64 = 0.3;

/// One slice's part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub z: usize,
    /// Contrast over noise.
    pub cnr: f64,
    /// Share of the edge, 0..1, that stands out by more than the noise.
    pub arc: f64,
    /// Share of the edge, 0..1, that no iron in a rim explains.
    pub decoy: f64,
    /// sd of the tissue about the lesion.
    pub noise_ppb: f64,
}

/// Box of a label's voxels, ends included.
#[derive(Clone, Copy)]
pub(super) struct Extent {
    pub low: [usize; 3],
    pub high: [usize; 3],
}

/// One axial slice of one lesion.
pub(super) struct Plane<'a> {
    /// The reconstructed map, ppb.
    pub chi: &'a Volume<f32>,
    /// The traced lesions, on the same grid.
    pub labels: &'a Volume<u16>,
    pub label: u16,
    pub z: usize,
    /// Of the lesion in all slices.
    pub extent: Extent,
}

/// One ray: ring and surround in ppb.
struct Sector {
    ring: f64,
    surround: f64,
}

impl Plane<'_> {
    /// What the slice shows; `None` where its section is too small or too near the volume's border.
    pub fn section(&self) -> Option<Section> {
        let centre = self.centroid()?;
        let radii: Vec<f64> = (0..SECTORS).map(|k| self.edge(centre, direction(k))).collect();
        let core = self.core(centre, &radii)?;
        let all: Vec<Sector> =
            radii.iter().enumerate().filter_map(|(k, &radius)| self.sector(centre, direction(k), radius)).collect();
        if all.len() < SECTORS / 2 {
            return None;
        }
        let sectors = white_matter_edge(all);
        let mut around: Vec<f64> = sectors.iter().map(|sector| sector.surround).collect();
        around.sort_by(f64::total_cmp);
        // Half the 16-84 % range is the sd of a normal, and a vessel beside the lesion does not blow it up.
        let noise_ppb = (quantile(&around, 0.8413) - quantile(&around, 0.1587)) / 2.0;
        let scale = noise_ppb.hypot(FLOOR_PPB);
        let mut contrasts: Vec<f64> = sectors
            .iter()
            .map(|sector| (sector.ring - core).min(sector.ring - sector.surround).clamp(-CAP_PPB, CAP_PPB))
            .collect();
        let n = contrasts.len() as f64;
        let share = |holds: &dyn Fn(&Sector) -> bool| sectors.iter().filter(|s| holds(s)).count() as f64 / n;
        let decoy = share(&|s| s.ring - core > VESSEL_PPB || (s.ring - core > scale && s.surround > s.ring));
        contrasts.sort_by(f64::total_cmp);
        let two_thirds = quantile(&contrasts, 1.0 - ARC);
        let mean = contrasts.iter().sum::<f64>() / n;
        let cnr = (ARC_WEIGHT * two_thirds + MEAN_WEIGHT * mean) / scale;
        let arc = contrasts.iter().filter(|&&contrast| contrast > scale).count() as f64 / n;
        Some(Section { z: self.z, cnr, arc, decoy, noise_ppb })
    }

    /// Centre of the section in voxels; `None` when it is too small.
    fn centroid(&self) -> Option<[f64; 2]> {
        let (mut sum, mut n) = ([0.0; 2], 0usize);
        for y in self.extent.low[1]..=self.extent.high[1] {
            for x in self.extent.low[0]..=self.extent.high[0] {
                if *self.labels.at([x, y, self.z]) == self.label {
                    sum = [sum[0] + x as f64, sum[1] + y as f64];
                    n += 1;
                }
            }
        }
        let [dx, dy, _] = self.grid().voxel_mm();
        (n as f64 * dx * dy >= LEAST_AREA_MM2).then(|| sum.map(|s| s / n as f64))
    }

    fn grid(&self) -> &Grid {
        &self.chi.grid
    }

    /// Distance in mm from the centroid to the last voxel of the lesion along a ray.
    fn edge(&self, centre: [f64; 2], direction: [f64; 2]) -> f64 {
        let [dx, dy, _] = self.grid().voxel_mm();
        let step = 0.5 * dx.min(dy);
        let span = |axis: usize| (self.extent.high[axis] - self.extent.low[axis] + 1) as f64;
        let steps = ((span(0) * dx).hypot(span(1) * dy) / step).ceil() as usize;
        let last = (0..=steps).rev().find(|&k| {
            let [x, y] = self.position(centre, direction, k as f64 * step).map(|c| c.round() as i64);
            self.grid().inside([x, y, self.z as i64]).is_some_and(|voxel| *self.labels.at(voxel) == self.label)
        });
        // Half a voxel beyond the last one that belongs to it.
        last.map_or(0.0, |k| k as f64 * step) + 0.5 * step
    }

    /// Median of the inner half, ppb: a central vein does not count as core.
    fn core(&self, centre: [f64; 2], radii: &[f64]) -> Option<f64> {
        let mut values: Vec<f64> = Vec::with_capacity(radii.len() * 3);
        for (k, radius) in radii.iter().enumerate() {
            let shares = [0.1, 0.3, 1.0].map(|share| share * CORE_SHARE);
            values.extend(shares.iter().filter_map(|share| self.value(centre, direction(k), share * radius)));
        }
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| quantile(&values, 0.5))
    }

    fn sector(&self, centre: [f64; 2], direction: [f64; 2], radius: f64) -> Option<Sector> {
        let at = |offset: f64| self.value(centre, direction, radius + offset);
        let deepest = RIM_FROM_MM.max(-CORE_SHARE * radius);
        let positions = ((RIM_TO_MM - deepest) / STEP_MM).floor() as usize;
        let along: Vec<f64> = (0..=positions).filter_map(|k| at(RIM_TO_MM - k as f64 * STEP_MM)).collect();
        let ring = match along.as_slice() {
            [] => return None,
            [only] => *only,
            more => more.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).fold(f64::NEG_INFINITY, f64::max),
        };
        let outside: Vec<f64> = SURROUND_MM
            .iter()
            .filter(|&&offset| !self.in_another_lesion(self.position(centre, direction, radius + offset)))
            .filter_map(|&offset| at(offset))
            .collect();
        let surround = outside.iter().sum::<f64>() / outside.len() as f64;
        (!outside.is_empty()).then_some(Sector { ring, surround })
    }

    fn in_another_lesion(&self, position: [f64; 2]) -> bool {
        let [x, y] = position.map(|c| c.round() as i64);
        let found = self.grid().inside([x, y, self.z as i64]).map_or(0, |voxel| *self.labels.at(voxel));
        found != 0 && found != self.label
    }

    /// Voxel position `mm` along a ray.
    fn position(&self, centre: [f64; 2], direction: [f64; 2], mm: f64) -> [f64; 2] {
        let [dx, dy, _] = self.grid().voxel_mm();
        [centre[0] + direction[0] * mm / dx, centre[1] + direction[1] * mm / dy]
    }

    /// Bilinear value `mm` along a ray; `None` outside the grid.
    fn value(&self, centre: [f64; 2], direction: [f64; 2], mm: f64) -> Option<f64> {
        let [x, y] = self.position(centre, direction, mm);
        let (x0, y0) = (x.floor(), y.floor());
        let corner = |dx: i64, dy: i64| {
            self.grid()
                .inside([x0 as i64 + dx, y0 as i64 + dy, self.z as i64])
                .map(|voxel| f64::from(*self.chi.at(voxel)))
        };
        let (fx, fy) = (x - x0, y - y0);
        let low = corner(0, 0)? * (1.0 - fx) + corner(1, 0)? * fx;
        let high = corner(0, 1)? * (1.0 - fx) + corner(1, 1)? * fx;
        Some(low * (1.0 - fy) + high * fy)
    }
}

/// The sectors that border on white matter: the rule asks for 2/3 of that edge, and where cortex or a nucleus touches
/// the lesion nothing can be said. At least half of all sectors, the darker surrounds first, are kept.
fn white_matter_edge(mut sectors: Vec<Sector>) -> Vec<Sector> {
    sectors.sort_by(|a, b| a.surround.total_cmp(&b.surround));
    let half = sectors.len().div_ceil(2);
    // White matter is the darkest tissue about a lesion: the lowest quarter's middle stands for it.
    let white = sectors[sectors.len() / 8].surround;
    let bordering = sectors.partition_point(|sector| sector.surround <= white + GREY_ABOVE_WHITE_PPB);
    sectors.truncate(bordering.max(half));
    sectors
}

fn direction(sector: usize) -> [f64; 2] {
    let angle = sector as f64 * TAU / SECTORS as f64;
    [angle.cos(), angle.sin()]
}

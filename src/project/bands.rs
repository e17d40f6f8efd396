//! What a slice shows of a rim inside its lesion's mask: how far the edge band lies above the core and above the tissue
//! around the lesion, and how much of the way round it does.

use std::f64::consts::TAU;

use crate::filter::dilated;
use crate::metrics::rim_contrast::edge_and_core;

/// The tissue around a lesion: farther from its mask than the first, up to the second, pixels.
const AROUND: [usize; 2] = [1, 4];

/// Parts of the way round a lesion: at the smallest edge bands, of some thirty pixels, still two or three each.
const SECTORS: usize = 12;

/// Edge minus core and edge minus surroundings, in the data's unit; closure, 0 to 1.
pub type Readouts = [f64; 3];

/// Where a mask has its edge band, its core and its surroundings, as indices into a slice; none of them is empty.
pub struct Bands {
    edge: Vec<usize>,
    /// Sector of each of `edge`, by the angle about the mask's centroid.
    sectors: Vec<usize>,
    core: Vec<usize>,
    around: Vec<usize>,
}

impl Bands {
    /// Of a mask with rows of `width`; `None` where it has no core, edge or surroundings.
    pub fn of(mask: &[bool], width: usize) -> Option<Self> {
        let [edge, core] = edge_and_core(mask, width);
        let [near, far] = AROUND.map(|radius| dilated(mask, width, radius));
        let around: Vec<bool> = far.iter().zip(&near).map(|(&far, &near)| far && !near).collect();
        let [edge, core, around] = [&edge, &core, &around].map(|part| inside(part));
        let lesion = inside(mask);
        let centroid = [lesion.iter().map(|at| at % width).sum(), lesion.iter().map(|at| at / width).sum()]
            .map(|sum: usize| sum as f64 / lesion.len() as f64);
        let sector = |at: &usize| {
            let turn = ((at / width) as f64 - centroid[1]).atan2((at % width) as f64 - centroid[0]) / TAU;
            ((turn + 0.5) * SECTORS as f64) as usize % SECTORS
        };
        let sectors = edge.iter().map(sector).collect();
        let found = Self { edge, sectors, core, around };
        [&found.edge, &found.core, &found.around].iter().all(|part| !part.is_empty()).then_some(found)
    }

    /// Whose sums over the `pixels` of a slice are edge minus core and edge minus surroundings.
    pub fn maps(&self, pixels: usize) -> [Vec<f64>; 2] {
        [&self.core, &self.around].map(|other| {
            let mut map = vec![0.0; pixels];
            self.edge.iter().for_each(|&at| map[at] += 1.0 / self.edge.len() as f64);
            other.iter().for_each(|&at| map[at] -= 1.0 / other.len() as f64);
            map
        })
    }

    /// Of the measured channel of a slice, with `scale` of the data's unit per unit of its range. Closure is the share
    /// of the sectors with edge pixels whose edge is above the core and above the surroundings, in the mean of each.
    pub fn readouts(&self, plane: &[f32], scale: f64) -> Readouts {
        // By the maps, so that they are to the last bit what a pull along these sees.
        let [above_core, above_around] = self.maps(plane.len()).map(|map| readout(&map, plane, scale));
        let mean = |places: &[usize]| places.iter().map(|&at| f64::from(plane[at])).sum::<f64>() / places.len() as f64;
        let level = mean(&self.core).max(mean(&self.around));
        let of_sector = |sector| -> Vec<usize> {
            let all = self.edge.iter().zip(&self.sectors);
            all.filter(|(_, other)| **other == sector).map(|(&at, _)| at).collect()
        };
        let sectors: Vec<Vec<usize>> = (0..SECTORS).map(of_sector).filter(|own| !own.is_empty()).collect();
        let above = sectors.iter().filter(|own| mean(own) > level).count();
        [above_core, above_around, above as f64 / sectors.len() as f64]
    }
}

/// What a map of [`Bands::maps`] reads off the measured channel of a slice.
fn readout(map: &[f64], plane: &[f32], scale: f64) -> f64 {
    scale * map.iter().zip(plane).map(|(weight, &value)| weight * f64::from(value)).sum::<f64>()
}

fn inside(part: &[bool]) -> Vec<usize> {
    (0..part.len()).filter(|&at| part[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    /// A square lesion of 9 x 9 pixels, its core of 3 x 3, about (7, 7).
    fn mask() -> Vec<bool> {
        (0..SIDE * SIDE).map(|at| (3..12).contains(&(at % SIDE)) && (3..12).contains(&(at / SIDE))).collect()
    }

    fn slice(edge: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        let value = |(x, y): (usize, usize)| match (x, y) {
            _ if (6..9).contains(&x) && (6..9).contains(&y) => 0.1,
            _ if (3..12).contains(&x) && (3..12).contains(&y) => edge(x, y),
            _ => 0.0,
        };
        (0..SIDE * SIDE).map(|at| value((at % SIDE, at / SIDE))).collect()
    }

    /// By hand: an edge of .4 is 30 ppb above a core of .1 and 40 above tissue of 0, all the way round; one that is so
    /// on the right of the middle alone, and dark on its left, is closed on the six right ones of twelve sectors.
    #[test]
    fn readouts_are_in_the_unit_of_the_data_and_closure_is_a_share_of_the_way_round() {
        let places = Bands::of(&mask(), SIDE).unwrap();
        let close = |found: Readouts, expected: Readouts| {
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4)
        };
        let found = places.readouts(&slice(|_, _| 0.4), 100.0);
        assert!(close(found, [30.0, 40.0, 1.0]), "{found:?}");
        let half = places.readouts(&slice(|x, _| if x >= 7 { 0.4 } else { -0.4 }), 100.0);
        assert!(half[2] == 0.5, "{half:?}");
        let none = places.readouts(&slice(|_, _| 0.05), 100.0);
        assert!(close(none, [-5.0, 5.0, 0.0]), "{none:?}");
    }

    #[test]
    fn readouts_agree_with_scipy() {
        let all: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/aims.json")).unwrap();
        let expected: Readouts = serde_json::from_value(all["readouts"].clone()).unwrap();
        let place = |at: usize| [(at / SIDE) as f64, (at % SIDE) as f64];
        let inside = |[y, x]: [f64; 2]| ((y - 7.2) / 3.4).powi(2) + ((x - 7.6) / 4.7).powi(2) <= 1.0;
        let mask: Vec<bool> = (0..SIDE * SIDE).map(|at| inside(place(at))).collect();
        let plane: Vec<f32> = (0..SIDE * SIDE).map(|at| (0.7 * at as f64).sin() as f32).collect();
        let found = Bands::of(&mask, SIDE).unwrap().readouts(&plane, 80.0);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4), "{found:?}");
        assert!(expected[2] > 0.0 && expected[2] < 1.0);
        // One that the slice cuts.
        let inside = |[y, x]: [f64; 2]| ((y - 1.2) / 6.4).powi(2) + ((x - 7.6) / 5.7).powi(2) <= 1.0;
        let mask: Vec<bool> = (0..SIDE * SIDE).map(|at| inside(place(at))).collect();
        let expected: Readouts = serde_json::from_value(all["readouts_cut"].clone()).unwrap();
        let found = Bands::of(&mask, SIDE).unwrap().readouts(&plane, 80.0);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4), "{found:?}");
    }

    #[test]
    fn a_mask_without_a_core_or_without_surroundings_has_no_readouts() {
        assert!(Bands::of(&vec![true; SIDE * SIDE], SIDE).is_none());
        assert!(Bands::of(&(0..SIDE * SIDE).map(|at| at == 100).collect::<Vec<_>>(), SIDE).is_none());
    }
}

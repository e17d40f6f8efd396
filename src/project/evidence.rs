//! By what a lesion says how much of a rim it shows: the slice that is projected, or all of its slices.
//!
//! Noise or a vein may hide a faint rim in one slice, or feign one, and another slice of the same lesion tells. What
//! the others show is evidence that the projected slice does not have.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::acceptance::Gauge;
use super::bands::{Bands, Readouts};
use crate::data::slices::SliceImage;
use crate::statistics::grouped_calibration::Calibration;

/// Share of rims among what is judged: a contested lesion has one reader's word for a rim and one's against it, however
/// rare rims are among all lesions.
const EVEN: f64 = 0.5;

/// What says how strongly a projection is pulled towards a rim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// The slice itself, in proportion to its probability of a rim among the agreed training lesions.
    #[default]
    Slice,
    /// The mean readouts of all prepared slices of the lesion that have a core, as [`LesionScore::share`] weighs them.
    Lesion,
}

impl Evidence {
    /// Whether it is the default; a setting that is is not written.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Probability of a rim from the mean readouts of a lesion's slices.
#[derive(Clone, Debug, PartialEq)]
pub struct LesionScore(Calibration);

impl LesionScore {
    /// From agreed lesions; `None` as [`Calibration::fit`].
    pub fn learnt(lesions: &[Readouts], rims: &[bool]) -> Option<Self> {
        Calibration::fit(&lesions.iter().map(|readouts| readouts.to_vec()).collect::<Vec<_>>(), rims).map(Self)
    }

    /// How much of a pull towards a rim is for a lesion: from 0 for what is as likely none, or likelier, to 1 for what
    /// is one for sure. A weak pull moves a slice nearly as far as a strong one, so that one in proportion to the
    /// probability would draw rims into what probably is none.
    pub fn share(&self, mean: &Readouts) -> f64 {
        (2.0 * self.0.probability(mean, Some(EVEN)) - 1.0).max(0.0)
    }

    /// What tells it from every other, for fingerprints.
    pub fn identity(&self) -> Value {
        let Calibration { centres, scales, line, share } = &self.0;
        json!(["beyond even odds", centres, scales, line.intercept, line.slopes, share])
    }
}

/// What each slice of a lesion shows, by its place in the patch; those are left out whose mask has no core, edge or
/// surroundings.
pub fn shown(slices: &[SliceImage], gauge: &Gauge) -> Vec<(u32, Readouts)> {
    let of = |slice: &SliceImage| {
        let bands = Bands::of(&slice.inside()?, gauge.width)?;
        Some((slice.z, bands.readouts(gauge.measured(&slice.pixels), gauge.scale)))
    };
    slices.iter().filter_map(of).collect()
}

/// Readouts of a lesion's slices beside one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beside {
    /// How many could be read.
    pub slices: u32,
    /// Their sums.
    pub sums: Readouts,
}

impl Beside {
    /// Of what the slices of a lesion show but that at `z`.
    pub fn of(shown: &[(u32, Readouts)], z: u32) -> Self {
        let mut beside = Self::default();
        shown.iter().filter(|(other, _)| *other != z).for_each(|(_, readouts)| beside.add(*readouts));
        beside
    }

    fn add(&mut self, readouts: Readouts) {
        self.slices += 1;
        self.sums.iter_mut().zip(readouts).for_each(|(sum, readout)| *sum += readout);
    }

    /// Mean readouts of the lesion, those of the one slice among them.
    pub fn mean_with(mut self, own: Readouts) -> Readouts {
        self.add(own);
        self.sums.map(|sum| sum / f64::from(self.slices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    /// A slice of a square lesion of 9 x 9 pixels with an edge so far above core and surroundings.
    fn slice(z: u32, edge: f32, masked: bool) -> SliceImage {
        let inside = |at: usize, from, to| (from..to).contains(&(at % SIDE)) && (from..to).contains(&(at / SIDE));
        let value = |at| if inside(at, 3, 12) && !inside(at, 6, 9) { edge } else { 0.0 };
        let mask = masked.then(|| (0..SIDE * SIDE).map(|at| u8::from(inside(at, 3, 12))).collect());
        SliceImage { lesion: 0, z, pixels: (0..SIDE * SIDE).map(value).collect(), mask }
    }

    /// By hand: the slice itself shows 10 ppb, those beside it 30 and 50, one without a mask cannot be read: 30 ppb,
    /// closed all round. What the slice itself shows counts once, and as it is projected.
    #[test]
    fn a_lesion_shows_what_its_slices_show_in_the_mean() {
        let gauge = Gauge { channel: 0, height: SIDE, width: SIDE, scale: 100.0 };
        let slices = [slice(4, 0.3, true), slice(5, 0.1, true), slice(6, 0.5, true), slice(7, 0.9, false)];
        let beside = Beside::of(&shown(&slices, &gauge), 5);
        assert_eq!(beside.slices, 2);
        let mean = beside.mean_with([10.0, 10.0, 1.0]);
        assert!(
            mean.iter().zip([30.0, 30.0, 1.0]).all(|(found, expected)| (found - expected).abs() < 1e-4),
            "{mean:?}"
        );
        assert_eq!(Beside::default().mean_with([1.0, 2.0, 0.5]), [1.0, 2.0, 0.5]);
    }

    /// By hand: readouts that say nothing leave even odds, however few of the agreed lesions are rims; so what is read
    /// off a lesion that lies amid both kinds pulls nothing.
    #[test]
    fn rare_rims_are_no_evidence_against_one() {
        let at = |edge: f64| [edge, edge, 0.5];
        let lesions: Vec<Readouts> = [30.0, 30.0, -10.0, -10.0, -10.0, -10.0, -10.0, -10.0].map(at).into();
        let score = LesionScore::learnt(&lesions, &[true, true, false, false, false, false, false, false]).unwrap();
        assert!(score.share(&at(30.0)) > 0.5 && score.share(&at(-10.0)) == 0.0);
        let flat: Vec<Readouts> = vec![at(0.0); 4];
        let blind = LesionScore::learnt(&flat, &[true, false, false, false]).unwrap();
        assert!(blind.share(&at(0.0)).abs() < 1e-9);
        assert_ne!(score.identity(), blind.identity());
    }
}

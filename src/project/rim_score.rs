//! How much a slice looks like one of a rim inside its mask, learnt from the agreed lesions of the training side, and
//! the pull of a projection towards that.
//!
//! Read are two numbers of a slice: how far the mask's edge band lies above its core, and above the tissue around the
//! lesion. A logistic regression on them tells the agreed training rims from the agreed training non-rims. Its log-odds
//! are linear in the pixels, so that a descent can follow them. How much a lesion is pulled its own pixels say
//! ([`Evidence`]): what shows some of a rim becomes more of one, what shows none is left alone. No contested lesion, no
//! held-out one and no truth is learnt from.

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use super::acceptance::Gauge;
use super::bands::Bands;
use super::evidence::{Evidence, LesionScore};
use super::targets::Target;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::records::label::Padding;
use crate::statistics::logistic::Logistic;
use crate::statistics::recalibration::probability;

/// Weight of the pull at full strength, in units of the distance at which a descent starts: so it means the same for
/// every feature net.
const STRONGEST: f64 = 1.0;

/// Log-odds of a rim from the two readouts of a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct RimScore {
    fitted: Logistic,
    /// Deviation of each readout over the training slices, in the data's unit.
    deviations: [f64; 2],
    channel: usize,
    /// Of the data's unit per unit of the network's range.
    scale: f64,
    /// What says how much is pulled; absent where the slice itself does.
    lesion: Option<LesionScore>,
}

/// What a batch is pulled by.
#[derive(Debug)]
pub struct Pull {
    /// Log-odds per unit of each pixel \[N, C, R, R\].
    map: Tensor,
    /// Log-odds of an image of zeros.
    intercept: f64,
    /// Weight of each image's pull \[N\].
    strength: Tensor,
}

impl RimScore {
    /// From the slices of agreed training lesions with the class of interest and without, picked with this evidence.
    ///
    /// # Errors
    /// Masks too small, or too few lesions for both classes.
    pub fn learnt(gauge: &Gauge, evidence: Evidence, rims: &[Target], others: &[Target]) -> Result<Self> {
        let (mut rows, mut lesions, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for (targets, label) in [(rims, true), (others, false)] {
            for target in targets {
                if let Some(bands) = bands(target, gauge.width) {
                    let readouts = bands.readouts(gauge.measured(&target.pixels), gauge.scale);
                    rows.push([readouts[0], readouts[1]]);
                    lesions.push(target.mean_of_lesion(readouts));
                    labels.push(label);
                }
            }
        }
        let refused = || {
            let interest = labels.iter().filter(|&&label| label).count();
            let others = labels.len() - interest;
            let found = format!("{interest} rims and {others} other training lesions whose rim can be scored");
            Problem::new(ProblemKind::Input, found)
                .expected("some of each, with masks, that a straight line of readouts can tell apart")
                .advice(
                    "set project.towards_rim to 0 and leave project.curve empty, or prepare a cohort with more lesions",
                )
        };
        if rows.is_empty() {
            return Err(refused());
        }
        let deviations = [0, 1].map(|at| deviation(&rows.iter().map(|row| row[at]).collect::<Vec<f64>>()));
        let unit: Vec<Vec<f64>> = rows.iter().map(|row| vec![row[0] / deviations[0], row[1] / deviations[1]]).collect();
        let fitted = Logistic::fit(&unit, &labels).ok_or_else(refused)?;
        let lesion = match evidence {
            Evidence::Slice => None,
            Evidence::Lesion => Some(LesionScore::learnt(&lesions, &labels).ok_or_else(refused)?),
        };
        Ok(Self { fitted, deviations, channel: gauge.channel, scale: gauge.scale, lesion })
    }

    /// What tells it from every other, for fingerprints.
    pub fn identity(&self) -> Value {
        let slice = json!([self.fitted.intercept, self.fitted.slopes, self.deviations]);
        match &self.lesion {
            None => slice,
            Some(lesion) => json!([slice, lesion.identity()]),
        }
    }

    /// Log-odds of each of the network-range pixels of a slice.
    fn map(&self, bands: &Bands, pixels: usize) -> Vec<f64> {
        let [core, around] = bands.maps(pixels);
        let per_unit = [0, 1].map(|at| self.fitted.slopes[at] / self.deviations[at] * self.scale);
        core.iter().zip(&around).map(|(core, around)| core * per_unit[0] + around * per_unit[1]).collect()
    }

    /// How much of the strongest pull is for a target, 0 to 1; `map` is that of its slice.
    fn share(&self, target: &Target, (bands, map): (&Bands, &[f64]), plane: &[f32]) -> f64 {
        match &self.lesion {
            None => {
                let odds = map.iter().zip(plane).map(|(w, &x)| w * f64::from(x)).sum::<f64>();
                probability(self.fitted.intercept + odds)
            }
            Some(lesion) => lesion.share(&target.mean_of_lesion(bands.readouts(plane, self.scale))),
        }
    }

    /// The pull of a batch at `towards` of 0..1, in units of the distances \[N\] at which its descents start; `None`
    /// where nothing is pulled.
    pub fn pull(&self, batch: &[&Target], towards: f64, distances: &Tensor, padding: &Padding) -> Option<Pull> {
        let device = distances.device();
        let plane = padding.height * padding.width;
        let (mut map, mut strength) = (Vec::new(), Vec::new());
        let channels = batch.first()?.pixels.len() / plane;
        for target in batch {
            let mut image = vec![0f32; channels * plane];
            let mut share = 0.0;
            if let Some(bands) = bands(target, padding.width) {
                let own = self.map(&bands, plane);
                share = self.share(target, (&bands, &own), &target.pixels[self.channel * plane..][..plane]);
                for (to, from) in image[self.channel * plane..].iter_mut().zip(own) {
                    *to = from as f32;
                }
            }
            map.extend(image);
            strength.push((STRONGEST * towards * share) as f32);
        }
        if strength.iter().all(|&strength| strength == 0.0) {
            return None;
        }
        let shape = [batch.len() as i64, channels as i64, padding.height as i64, padding.width as i64];
        let map = Tensor::from_slice(&map).view(shape).to_device(device);
        // Beyond the image nothing is read: there are zeros, not the border again.
        let [top, left] = padding.offset().map(|n| n as i64);
        let [bottom, right] = [padding.side - padding.height, padding.side - padding.width].map(|n| n as i64);
        let map = map.constant_pad_nd([left, right - left, top, bottom - top]);
        let strength = Tensor::from_slice(&strength).to_device(device) * distances;
        Some(Pull { map, intercept: self.fitted.intercept, strength })
    }
}

impl Pull {
    /// Sum over images \[N, C, R, R\] of strength x softplus(-log-odds), a scalar.
    pub fn penalty(&self, images: &Tensor) -> Tensor {
        let odds = (images * &self.map).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Float) + self.intercept;
        ((-odds).softplus() * &self.strength).sum(Kind::Float)
    }
}

/// `None` without a mask that can be read.
fn bands(target: &Target, width: usize) -> Option<Bands> {
    Bands::of(target.mask.as_ref()?, width)
}

/// Root of the mean squared distance from the mean; 1 where all are equal.
fn deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
    if square > 0.0 { square.sqrt() } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::project::evidence::Beside;
    use crate::project::targets::OfLesion;
    use crate::records::classes::Class;
    use tch::Device;

    const SIDE: usize = 16;

    fn gauge() -> Gauge {
        Gauge { channel: 0, height: SIDE, width: SIDE, scale: 100.0 }
    }

    /// A 9 x 9 lesion whose edge band lies `edge` above its core of 3 x 3, on tissue of 0.
    fn lesion(edge: f32) -> Target {
        let inside =
            |at: usize, from: usize, to: usize| (from..to).contains(&(at % SIDE)) && (from..to).contains(&(at / SIDE));
        let value = |at: usize| match at {
            _ if inside(at, 6, 9) => 0.1,
            _ if inside(at, 3, 12) => 0.1 + edge,
            _ => 0.0,
        };
        let count = SIDE * SIDE;
        let mask = Some((0..count).map(|at| inside(at, 3, 12)).collect());
        Target { id: Name::of_known("a"), pixels: (0..count).map(value).collect(), mask, lesion: None }
    }

    fn learnt() -> RimScore {
        let rims: Vec<Target> = [0.2, 0.3, 0.4].map(lesion).into();
        let others: Vec<Target> = [-0.2, -0.1, 0.0, 0.1].map(lesion).into();
        RimScore::learnt(&gauge(), Evidence::Slice, &rims, &others).unwrap()
    }

    #[test]
    fn a_slice_is_pulled_as_its_own_evidence_says() {
        let score = learnt();
        let (faint, none) = (lesion(0.15), lesion(-0.2));
        let distances = Tensor::from_slice(&[2.0f32, 2.0]);
        let padding = Padding::of(SIDE, SIDE);
        let pull = score.pull(&[&faint, &none], 0.5, &distances, &padding).unwrap();
        let strength = Vec::<f32>::try_from(&pull.strength).unwrap();
        // Half strength of a distance of 2, times probabilities.
        assert!((0.3..0.8).contains(&strength[0]) && strength[1] < 0.1, "{strength:?}");
        let images = |edge: f32| Tensor::from_slice(&lesion(edge).pixels).view([1, 1, 16, 16]).repeat([2, 1, 1, 1]);
        let penalty = |edge: f32| pull.penalty(&images(edge)).double_value(&[]);
        assert!(penalty(0.3) < penalty(0.15) && penalty(0.15) < penalty(-0.2));
        assert!(score.pull(&[&Target { mask: None, ..faint }], 0.5, &distances.narrow(0, 0, 1), &padding).is_none());
    }

    /// A lesion whose other slices show this much of a rim each, in ppb and all round.
    fn among(edge: f32, others: f64) -> Target {
        let beside =
            Beside { slices: 4, sums: [4.0 * others, 4.0 * others + 40.0, if others > 0.0 { 4.0 } else { 0.0 }] };
        let lesion = OfLesion {
            lesion_id: Name::of_known("a"),
            patient: "a".to_owned(),
            slice: 3,
            role: Class::AMBIGUOUS,
            contrast: 0.0,
            beside,
        };
        Target { lesion: Some(lesion), ..self::lesion(edge) }
    }

    /// Of two slices alike the one is pulled whose neighbours show a rim; along the same map as ever.
    #[test]
    fn a_slice_is_pulled_as_the_other_slices_of_its_lesion_say() {
        let rims: Vec<Target> = [0.2, 0.3, 0.4].map(|edge| among(edge, 100.0 * f64::from(edge))).into();
        let others: Vec<Target> = [-0.2, -0.1, 0.0, 0.1].map(|edge| among(edge, 100.0 * f64::from(edge))).into();
        let score = RimScore::learnt(&gauge(), Evidence::Lesion, &rims, &others).unwrap();
        assert!(score.identity() != learnt().identity() && score.fitted == learnt().fitted);
        let (shown, not) = (among(0.15, 35.0), among(0.15, -15.0));
        let padding = Padding::of(SIDE, SIDE);
        let distances = Tensor::from_slice(&[2.0f32, 2.0]);
        let pull = score.pull(&[&shown, &not], 0.5, &distances, &padding).unwrap();
        let strength = Vec::<f32>::try_from(&pull.strength).unwrap();
        assert!(strength[0] > 0.6 && strength[1] == 0.0, "{strength:?}");
        let as_ever = learnt().pull(&[&shown, &not], 0.5, &distances, &padding).unwrap();
        assert!(pull.map.equal(&as_ever.map) && pull.intercept == as_ever.intercept);
    }

    #[test]
    fn the_pull_agrees_with_numpy() {
        let all: serde_json::Value = serde_json::from_str(include_str!("../../tests/fixtures/aims.json")).unwrap();
        // One pixel that is the log-odds less the intercept of .25.
        let map = Tensor::ones([3, 1, 1, 1], (Kind::Float, Device::Cpu));
        let pull = Pull { map, intercept: 0.25, strength: Tensor::from_slice(&[0.2f32, 1.0, 0.5]) };
        let images = Tensor::from_slice(&[-1.75f32, 0.0, 3.75]).view([3, 1, 1, 1]);
        let expected = all["pull"].as_f64().unwrap();
        assert!((pull.penalty(&images).double_value(&[]) / expected - 1.0).abs() < 1e-5);
    }

    #[test]
    fn lesions_without_masks_teach_nothing() {
        let without = Target { mask: None, ..lesion(0.3) };
        let one = std::slice::from_ref(&without);
        assert!(RimScore::learnt(&gauge(), Evidence::Slice, one, one).is_err());
        assert!(RimScore::learnt(&gauge(), Evidence::Lesion, &[lesion(0.3)], &[]).is_err());
        assert_eq!(learnt().identity(), learnt().identity());
    }
}

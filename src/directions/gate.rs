//! How far an edited image may lie from what it was.
//!
//! Two distances are told apart: of the edited image to the image that the inversion gave (the edit alone) and to the
//! photograph (edit and inversion). Which of them is gated is a setting; both are recorded. A threshold means something
//! only beside what the same distance says of two photographs of one lesion, and of two lesions of one class.

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::name::shown;
use crate::nets::features::{FeatureNet, squared_distance};
use crate::problem::{Kind, Problem, Result};
use crate::records::directions::{Calibration, GateRecord, SweepRow};
use crate::statistics::order::quantile;

/// Images compared at a time.
const TOGETHER: usize = 32;

/// Quantiles that a calibration tells.
pub const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Fewest pairs of photographs of one lesion that a threshold is calibrated on.
pub const FEWEST_PAIRS: usize = 20;

/// What an image may not be farther away than.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum Threshold {
    /// Every image passes.
    None,
    /// This distance.
    At(f64),
    /// The quantile of pairs of photographs of one lesion that the settings name.
    #[default]
    Calibrated,
}

/// As a study file or a person spells it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "another value, expected \"none\", \"calibrated\" or a distance")]
enum Written {
    Distance(f64),
    Word(String),
}

impl TryFrom<Written> for Threshold {
    type Error = String;

    fn try_from(written: Written) -> std::result::Result<Self, String> {
        match written {
            Written::Distance(distance) => Ok(Self::At(distance)),
            Written::Word(word) => match word.as_str() {
                "none" => Ok(Self::None),
                "calibrated" => Ok(Self::Calibrated),
                word => word
                    .parse()
                    .map(Self::At)
                    .map_err(|_| format!("a threshold {word:?}, expected \"none\", \"calibrated\" or a distance")),
            },
        }
    }
}

impl From<Threshold> for Written {
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::None => Self::Word("none".into()),
            Threshold::At(distance) => Self::Distance(distance),
            Threshold::Calibrated => Self::Word("calibrated".into()),
        }
    }
}

/// What an edited image is held to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// The image that the inversion gave: the size of the edit.
    #[default]
    Inverted,
    /// The photograph: edit and inversion together.
    Original,
}

/// How far an edited image lies from what it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// To the inverted image.
    pub to_inverted: f64,
    /// To the photograph.
    pub to_original: f64,
}

/// A threshold that is known, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// `None` lets everything pass.
    pub threshold: Option<f64>,
    /// Which of the two distances is meant.
    pub against: Against,
}

impl Gate {
    /// What the settings ask for, with what was calibrated.
    ///
    /// # Errors
    /// A calibrated threshold is asked for and there are too few pairs to know it.
    pub fn new(asked: Threshold, against: Against, calibration: Option<&Calibration>) -> Result<Self> {
        let threshold = match (asked, calibration) {
            (Threshold::None, _) => None,
            (Threshold::At(distance), _) => Some(distance),
            (Threshold::Calibrated, Some(calibration)) => Some(calibration.threshold),
            (Threshold::Calibrated, None) => {
                return Err(Problem::usage(
                    "a calibrated threshold for data without pairs of photographs of one lesion",
                )
                .expected(format!("at least {FEWEST_PAIRS} pairs on the training side"))
                .advice("set a distance, or \"none\": directions.threshold (--threshold)"));
            }
        };
        Ok(Self { threshold, against })
    }

    /// That a record tells of.
    ///
    /// # Errors
    /// A word or a number that no gate has.
    pub fn of_record(record: &GateRecord) -> Result<Self> {
        let against = match record.against.as_str() {
            "original" => Against::Original,
            "inverted" => Against::Inverted,
            other => {
                return Err(Problem::new(Kind::Input, format!("a gate against \"{}\"", shown(other)))
                    .expected("\"inverted\" or \"original\""));
            }
        };
        match record.threshold.filter(|most| !(*most >= 0.0 && most.is_finite())) {
            Some(most) => Err(Problem::new(Kind::Input, format!("a gate at a distance of {most}"))
                .expected("a distance from 0 on, or null")),
            None => Ok(Self { threshold: record.threshold, against }),
        }
    }

    /// Whether an edited image may stay.
    pub fn passes(&self, moved: &Moved) -> bool {
        let distance = match self.against {
            Against::Inverted => moved.to_inverted,
            Against::Original => moved.to_original,
        };
        self.threshold.is_none_or(|most| distance <= most)
    }
}

/// Both distances of each of edited images \[N, C, R, R\] to those that they were made from.
///
/// # Errors
/// What the feature net refuses.
pub fn measure(net: &dyn FeatureNet, edited: &Tensor, inverted: &Tensor, original: &Tensor) -> Result<Vec<Moved>> {
    let [to_inverted, to_original] = [distances(net, edited, inverted)?, distances(net, edited, original)?];
    let moved = |(to_inverted, to_original)| Moved { to_inverted, to_original };
    Ok(to_inverted.into_iter().zip(to_original).map(moved).collect())
}

/// The distance of each image of the first batch \[N, C, R, R\] to that of the second.
///
/// # Errors
/// What the feature net refuses.
pub fn distances(net: &dyn FeatureNet, first: &Tensor, second: &Tensor) -> Result<Vec<f64>> {
    let parts = first.split(TOGETHER as i64, 0).into_iter().zip(second.split(TOGETHER as i64, 0));
    let mut found = Vec::new();
    for (a, b) in parts {
        let distances = tch::no_grad(|| Ok::<_, Problem>(squared_distance(&net.features(&a)?, &net.features(&b)?)))?;
        found.extend(Vec::<f64>::try_from(distances.to_device(Device::Cpu).to_kind(tch::Kind::Double))?);
    }
    Ok(found)
}

/// What distances of pairs of one lesion and of other lesions of the same class say; `share` is the quantile of the
/// first that a calibrated threshold is. `None` with fewer than [`FEWEST_PAIRS`] pairs of either.
pub fn calibrate(same: &[f64], other: &[f64], share: f64) -> Option<Calibration> {
    if same.len().min(other.len()) < FEWEST_PAIRS {
        return None;
    }
    let [same, other] = [same, other].map(|values| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    });
    let threshold = quantile(&same, share);
    Some(Calibration {
        same_pairs: same.len() as u64,
        other_pairs: other.len() as u64,
        shares: SHARES.to_vec(),
        same: SHARES.iter().map(|share| quantile(&same, *share)).collect(),
        other: SHARES.iter().map(|share| quantile(&other, *share)).collect(),
        quantile: share,
        threshold,
        others_within: other.iter().filter(|distance| **distance <= threshold).count() as f64 / other.len() as f64,
    })
}

/// How many edited images each threshold keeps; none at all first, then `thresholds`.
pub fn sweep(moved: &[Moved], against: Against, thresholds: &[f64]) -> Vec<SweepRow> {
    let row = |threshold: Option<f64>| {
        let gate = Gate { threshold, against };
        let kept = moved.iter().filter(|one| gate.passes(one)).count() as u64;
        SweepRow { threshold, kept, images: moved.len() as u64 }
    };
    std::iter::once(None).chain(thresholds.iter().copied().map(Some)).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::features::PixelPyramid;

    /// Distances 1 to 100 within lesions, 51 to 150 between: by hand the 95 % quantile is 95.05, and 45 of 100 others
    /// lie within it.
    #[test]
    fn a_calibration_by_hand() {
        let same: Vec<f64> = (1..=100).map(f64::from).collect();
        let other: Vec<f64> = (51..=150).map(f64::from).collect();
        let found = calibrate(&same, &other, 0.95).unwrap();
        approx::assert_abs_diff_eq!(found.threshold, 95.05, epsilon = 1e-9);
        assert_eq!((found.others_within, found.same[2], found.other[2]), (0.45, 50.5, 100.5));
        assert!(calibrate(&same[..19], &other, 0.95).is_none());
        let gate = |asked| Gate::new(asked, Against::Inverted, Some(&found)).unwrap().threshold;
        assert_eq!([Threshold::None, Threshold::At(0.2)].map(gate), [None, Some(0.2)]);
        assert_eq!(gate(Threshold::Calibrated), Some(found.threshold));
        let said = Gate::new(Threshold::Calibrated, Against::Inverted, None).unwrap_err().to_string();
        assert!(said.contains("at least 20 pairs") && said.contains("--threshold"), "{said}");
    }

    #[test]
    fn either_distance_can_be_gated_and_a_sweep_counts() {
        let moved = [(0.05, 0.3), (0.12, 0.12), (0.4, 0.1)]
            .map(|(to_inverted, to_original)| Moved { to_inverted, to_original });
        let passing = |against, threshold| {
            moved.iter().filter(|one| Gate { threshold: Some(threshold), against }.passes(one)).count()
        };
        assert_eq!([passing(Against::Inverted, 0.12), passing(Against::Original, 0.12)], [2, 2]);
        assert_eq!(passing(Against::Inverted, 0.05), 1);
        let rows = sweep(&moved, Against::Inverted, &[0.1, 0.2]);
        assert_eq!(
            rows.iter().map(|row| (row.threshold, row.kept)).collect::<Vec<_>>(),
            [(None, 3), (Some(0.1), 1), (Some(0.2), 2)]
        );
    }

    #[test]
    fn distances_are_those_of_pairs_and_zero_to_itself() {
        let a = crate::latent::seeds::RandomState::new(1).randn(40, 64).view([40, 1, 8, 8]);
        let b = a.flip([0]);
        let moved = measure(&PixelPyramid, &a, &a, &b).unwrap();
        assert!(moved.len() == 40 && moved.iter().all(|one| one.to_inverted == 0.0 && one.to_original > 0.0));
        approx::assert_abs_diff_eq!(moved[0].to_original, moved[39].to_original, epsilon = 1e-6);
    }

    #[test]
    fn thresholds_are_written_as_they_are_read() {
        for (text, expected) in
            [("0.2", Threshold::At(0.2)), ("\"none\"", Threshold::None), ("\"calibrated\"", Threshold::Calibrated)]
        {
            let read: Threshold = serde_json::from_str(text).unwrap();
            assert_eq!((read, serde_json::to_string(&read).unwrap().as_str()), (expected, text));
        }
        assert_eq!(serde_json::from_str::<Threshold>("\"0.3\"").unwrap(), Threshold::At(0.3), "as it is typed");
        assert!(serde_json::from_str::<Threshold>("\"most\"").is_err());
    }
}

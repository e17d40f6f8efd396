//! What a network's labels of the held-out patients are worth, patient by patient.

use tch::{Kind as Type, Tensor};

use super::material::{Held, HeldPatient, planes};
use super::regions::Region;
use crate::metrics::overlap::dice;
use crate::nets::segmenters::UNet;
use crate::problem::{Kind, Problem, Result};

/// Slices looked at together.
const CHUNK: i64 = 64;

/// Dice of each region of a patient; none of a region that the patient lacks.
pub type Judged = [Option<f64>; Region::ALL.len()];

/// Judges a network's labels of all patients.
///
/// # Errors
/// Answers that are no numbers.
pub fn judge(network: &UNet, images: &Tensor, held: &Truth) -> Result<Vec<Judged>> {
    let found = predicted(network, images)?;
    Ok(held
        .patients
        .iter()
        .map(|patient| Region::ALL.map(|region| of(patient, region, &held.labels, &found)))
        .collect())
}

/// What is true of the held-out slices: [`Held`] without its tensor, so that threads can share it.
#[derive(Debug)]
pub struct Truth {
    labels: Vec<Vec<u8>>,
    patients: Vec<HeldPatient>,
}

impl Truth {
    /// Of what is held out.
    pub fn of(held: &Held) -> Self {
        Self { labels: held.labels.clone(), patients: held.patients.clone() }
    }
}

/// Dice of a region over all voxels of all of a patient's slices together; `None` where it is not there in truth.
fn of(patient: &HeldPatient, region: Region, truth: &[Vec<u8>], found: &[Vec<u8>]) -> Option<f64> {
    let mask = |labels: &[Vec<u8>]| -> Vec<bool> {
        patient.rows.iter().flat_map(|&row| labels[row].iter().map(|&label| region.has(label))).collect()
    };
    let truth = mask(truth);
    if truth.contains(&true) { dice(&mask(found), &truth) } else { None }
}

/// Whether a patient's slices show a region.
pub fn shows(patient: &HeldPatient, region: Region, held: &Held) -> bool {
    patient.rows.iter().any(|&row| held.labels[row].iter().any(|&label| region.has(label)))
}

/// A network's labels of each slice of `images` \[N, C, S, S\]: the likeliest.
///
/// # Errors
/// Answers that are no numbers.
pub fn predicted(network: &UNet, images: &Tensor) -> Result<Vec<Vec<u8>>> {
    let count = images.size()[0];
    let mut found = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(CHUNK as usize) {
        let p = network.probabilities(&images.narrow(0, first, CHUNK.min(count - first)));
        if !f64::try_from(p.sum(Type::Double))?.is_finite() {
            return Err(Problem::new(Kind::Gate, "a network whose answers are no numbers")
                .advice("lower the learning rate (tumours.learning_rate, --learning-rate)"));
        }
        found.extend(planes(&p.argmax(1, true))?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two slices of one patient. Whole: truth 2 + 2, found 2 + 1, common 1 + 1: 2 x 2 / 7. Core: truth 1, found 2,
    /// common 1: 2 / 3. Nothing enhances in truth: no Dice, whatever was found. The mean of the slices' own Dice of
    /// the whole would be (1/2 + 2/3) / 2.
    #[test]
    fn dice_is_of_all_of_a_patients_slices_together() {
        let truth = [vec![1, 2, 0, 0], vec![9; 4], vec![0, 2, 2, 0]];
        let found = [vec![1, 0, 3, 0], vec![0; 4], vec![0, 2, 0, 0]];
        let patient = HeldPatient { name: "a".into(), rare: true, rows: vec![0, 2] };
        let dice = Region::ALL.map(|region| of(&patient, region, &truth, &found));
        assert_eq!(dice, [Some(4.0 / 7.0), Some(2.0 / 3.0), None]);
        let nothing = vec![vec![0; 4]; 3];
        assert_eq!(of(&patient, Region::Whole, &truth, &nothing), Some(0.0));
    }
}

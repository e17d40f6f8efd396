//! Proof that nothing of the test side is learnt from: no patient of it, and no slice of it in any of its eight
//! mirrorings and quarter turns. A control that leaks on purpose is laid behind what is proven.

use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use super::augment::{Change, apply};
use super::material::{Material, Unit};
use crate::data::Prepared;
use crate::data::manifest::Split;
use crate::problem::{Kind, Problem, Result};

/// Slices that are turned at a time.
const CHUNK: i64 = 256;

/// Refuses material of the test side; `pixels` \[N, C, S, S\] are the rows that `material` speaks of, `test` the slices
/// that are scored.
///
/// # Errors
/// A lesion of a test patient, or a slice whose pixels are those of a test slice as it is, mirrored or turned.
pub fn check(data: &Prepared, material: &Material, pixels: &Tensor, test: &Tensor) -> Result<()> {
    let units = material.units();
    let lesions = &data.manifest().lesions;
    let tested: BTreeSet<&str> =
        lesions.iter().filter(|lesion| lesion.split == Split::Test).map(|lesion| lesion.patient.as_str()).collect();
    let patient = |unit: &&&Unit| unit.lesion.map(|lesion| lesions[lesion as usize].patient.as_str());
    if let Some(unit) = units.iter().find(|unit| patient(unit).is_some_and(|patient| tested.contains(patient))) {
        let found = format!("{} is of a test patient", lesions[unit.lesion.unwrap_or_default() as usize].id);
        return Err(Problem::new(Kind::Gate, found).at(data.root()).expected("training patients alone"));
    }
    let scored = in_every_turn(test)?;
    let Some((row, slice)) =
        hashes(pixels, 0)?.iter().enumerate().find_map(|(row, hash)| Some((row as u32, scored.get(hash)?)))
    else {
        return Ok(());
    };
    let origin = units.iter().find(|unit| unit.rows.contains(&row)).map(|unit| unit.origin.name(data.classes()));
    let what = origin.unwrap_or_else(|| "training slice".to_owned());
    Err(Problem::new(Kind::Gate, format!("a leak: a slice ({what}) is test slice {slice}, pixel by pixel"))
        .at(data.root())
        .expected("nothing of the test side among what is learnt from, as it is, mirrored or turned")
        .advice("take the image out, or prepare again from images that occur once"))
}

/// Refuses an external test set with an image that is learnt from or tested on, as it is, mirrored or turned; `known`
/// and `external` \[N, C, S, S\].
///
/// # Errors
/// Such an image.
pub fn check_external(set: &Prepared, known: &[&Tensor], external: &Tensor) -> Result<()> {
    let scored = in_every_turn(external)?;
    for pixels in known {
        if let Some(at) = hashes(pixels, 0)?.iter().find_map(|hash| scored.get(hash)) {
            return Err(Problem::new(
                Kind::Gate,
                format!("image {at} of the external test set is one of the data set's"),
            )
            .at(set.root())
            .expected("images that no fit learnt from, was chosen by or is tested on, mirrored or turned")
            .advice("take it out, and prepare the external set again"));
        }
    }
    Ok(())
}

/// Of every slice in each of its eight mirrorings and turns, its place.
fn in_every_turn(pixels: &Tensor) -> Result<HashMap<[u8; 32], usize>> {
    let mut places = HashMap::new();
    for turn in 0..8 {
        places.extend(hashes(pixels, turn)?.into_iter().zip(0..));
    }
    Ok(places)
}

/// Of every slice's pixels, turned. One of a single value proves nothing and has the hash of no other.
fn hashes(pixels: &Tensor, turn: u8) -> Result<Vec<[u8; 32]>> {
    let pixels = pixels.to_device(Device::Cpu);
    let count = pixels.size()[0];
    let mut hashes = Vec::with_capacity(count as usize);
    for first in (0..count).step_by(CHUNK as usize) {
        let part = pixels.narrow(0, first, CHUNK.min(count - first));
        let slices = part.size()[0] as usize;
        let turned = apply(&part, &vec![Change { turn, shift: [0, 0] }; slices]);
        let values: Vec<f32> = Vec::try_from(turned.reshape([-1]))?;
        for slice in values.chunks_exact(values.len() / slices) {
            let mut hash = Sha256::new();
            if slice.iter().all(|value| *value == slice[0]) {
                hash.update(format!("alone: {turn} {} of {count}", hashes.len()));
            }
            slice.iter().for_each(|value| hash.update(value.to_le_bytes()));
            hashes.push(hash.finalize().into());
        }
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind as Type;

    #[test]
    fn a_slice_is_known_in_any_turn_and_an_empty_one_never() {
        let x = Tensor::arange(36, (Type::Float, Device::Cpu)).view([1, 1, 6, 6]);
        let turned: Vec<[u8; 32]> = (0..8).flat_map(|turn| hashes(&x, turn).unwrap()).collect();
        for other in [x.flip([2]), x.rot90(1, [2, 3]), x.transpose(2, 3)] {
            assert!(turned.contains(&hashes(&other, 0).unwrap()[0]));
        }
        assert!(!turned.contains(&hashes(&x.roll([1], [3]), 0).unwrap()[0]));
        let empty = |count| hashes(&Tensor::zeros([count, 1, 6, 6], (Type::Float, Device::Cpu)), 0).unwrap();
        assert!(empty(3).iter().all(|hash| !empty(2).contains(hash)));
    }
}

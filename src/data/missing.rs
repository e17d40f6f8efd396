//! Values that are missing where they matter: a lesion on voxels that were NaN, or where a map holds nothing.

use crate::nifti::MAX_NON_FINITE_SHARE;

use super::label_map::Lesion;
use super::patches;
use super::plausible::LARGEST_PPB;

/// Whether NaN or infinite voxels of a volume (x, y, z each) are more than one in a hundred of a lesion's own, or of
/// the part of its patch of `shape` = \[depth, height, width\] that lies inside the volume of `volume_shape`; in
/// words.
pub(crate) fn non_finite(
    lesion: &Lesion,
    voxels: impl Iterator<Item = [usize; 3]>,
    shape: [u32; 3],
    volume_shape: [usize; 3],
) -> Option<String> {
    let centre = lesion.extent.centre;
    let places: Vec<usize> = voxels.filter_map(|voxel| patches::place(voxel, centre, shape)).collect();
    if places.is_empty() {
        return None;
    }
    let mask = lesion.mask(shape);
    let own = mask.iter().filter(|&&inside| inside == 1).count();
    let patch = patches::inside(centre, shape, volume_shape).iter().map(ExactSizeIterator::len).product::<usize>();
    let in_lesion = places.iter().filter(|&&place| mask[place] == 1).count();
    let too_many = |count: usize, of: usize| count as f64 > MAX_NON_FINITE_SHARE * of as f64;
    if too_many(in_lesion, own) {
        return Some(format!("{in_lesion} of its {own} voxels are NaN or infinite"));
    }
    too_many(places.len(), patch)
        .then(|| format!("{} of the {patch} voxels of its patch are NaN or infinite", places.len()))
}

/// Share of a lesion's voxels that may have the very same value. An image has noise; what repeats is a fill value, or a
/// hole that was filled with 0.
const MOST_ALIKE: f64 = 0.5;

/// Lesions of fewer voxels are not asked for variety.
const VARIED: usize = 8;

/// Whether a lesion's voxels in a patch of values in physical units hold nothing: more than half are 0 or another value
/// that is the same in all of them, or one in the patch is no number that a map in ppb (`in_ppb`) or a weighted image
/// can have; in words.
pub(crate) fn nothing(mask: &[u8], values: &[f32], in_ppb: bool) -> Option<String> {
    let own = || mask.iter().zip(values).filter(|(inside, _)| **inside == 1).map(|(_, &value)| value);
    if own().count() > 0 && own().all(|value| value == 0.0) {
        return Some("all its voxels are 0: it lies where the map holds nothing".into());
    }
    let mut values_of: Vec<u32> = own().map(|value| (value + 0.0).to_bits()).collect();
    values_of.sort_unstable();
    let alike = values_of.chunk_by(|a, b| a == b).max_by_key(|alike| alike.len()).unwrap_or_default();
    let (count, voxels) = (alike.len(), values_of.len());
    if voxels >= VARIED && count as f64 > MOST_ALIKE * voxels as f64 {
        let value = alike.first().map_or(0.0, |&bits| f32::from_bits(bits));
        return Some(format!("{count} of its {voxels} voxels are {value}: a hole or a fill value"));
    }
    let most = if in_ppb { LARGEST_PPB } else { f32::MAX };
    let odd = values.iter().find(|value| value.abs() > most || !value.is_finite())?;
    let unit = if in_ppb { " ppb" } else { " times the foreground's median" };
    Some(format!("its patch holds a value of {odd:e}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lesion_of_zeros_and_fill_values_are_told() {
        let mask = [0, 1, 1, 0];
        assert_eq!(nothing(&mask, &[9.0, 0.0, 1.0, 9.0], true), None);
        assert!(nothing(&mask, &[9.0, 0.0, -0.0, 9.0], true).unwrap().contains("all its voxels are 0"));
        let ten = |same: usize, value: f32| {
            let values: Vec<f32> = (0..10).map(|at| if at < same { value } else { at as f32 }).collect();
            nothing(&[1; 10], &values, true)
        };
        assert_eq!(ten(5, 0.0), None);
        assert_eq!(ten(6, 0.0).unwrap(), "6 of its 10 voxels are 0: a hole or a fill value");
        assert_eq!(ten(10, -99.0).unwrap(), "10 of its 10 voxels are -99: a hole or a fill value");
        let fill = nothing(&mask, &[9.0, 1.0, 1.0, -9.999e6], true).unwrap();
        assert_eq!(fill, "its patch holds a value of -9.999e6 ppb");
        assert_eq!(nothing(&mask, &[9.0, 1.0, 1.0, -9.999e6], false), None);
        assert!(nothing(&mask, &[9.0, 1.0, 1.0, f32::INFINITY], false).unwrap().contains("inf"));
    }
}

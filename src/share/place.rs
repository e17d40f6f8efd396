//! Where an item's voxels lie in the world, as far as its data set says.

use crate::data::manifest::{Lesion, Manifest};
use crate::nifti::Affine;
use crate::problem::{Problem, Result};

/// Voxel-to-world affine (x along the width) of a lesion's patch.
///
/// A cohort's patch is a cut about the lesion's centre; what was averaged or turned says itself where it lies; plain
/// images lie nowhere and have pixels of 1.
///
/// # Errors
/// A data set of an earlier version that does not say it.
pub fn of_patch(lesion: &Lesion, manifest: &Manifest) -> Result<Affine> {
    if let Some(affine) = lesion.patch_affine {
        return Ok(affine);
    }
    if manifest.voxel_mm.is_none() && lesion.mask.is_none() && lesion.affine == Affine::IDENTITY {
        return Ok(Affine::IDENTITY);
    }
    if lesion.reader1.is_none() {
        return Err(Problem::input(&lesion.patch, "a patch that does not say where it lies")
            .expected("a data set of this version, which notes it")
            .advice("run `rimforge prepare` again"));
    }
    let first = |axis: usize| {
        let first = lesion.centre[axis] - i64::from(manifest.patch[2 - axis]) / 2;
        (axis, first as f64, 1.0)
    };
    Ok(lesion.affine.along([first(0), first(1), first(2)]))
}

/// The same of slice `z` of the patch.
pub fn of_slice(patch: Affine, z: u32) -> Affine {
    patch.along([(0, 0.0, 1.0), (1, 0.0, 1.0), (2, f64::from(z), 1.0)])
}

/// An affine with the same axes whose middle is the world's origin, for what was drawn and lies nowhere; `shape` is
/// width, height, depth.
pub fn centred(affine: Affine, shape: [usize; 3]) -> Affine {
    let middle = affine.place(shape.map(|size| (size as f64 - 1.0) / 2.0));
    let first = affine.column(3);
    let mut centred = affine;
    for (row, (first, middle)) in centred.0.iter_mut().zip(first.into_iter().zip(middle)) {
        row[3] = first - middle;
    }
    centred
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::tests::small;

    #[test]
    fn a_cut_lies_about_its_centre_and_what_was_turned_where_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = small(folder.path());
        let affine = Affine([[0.4, 0.0, 0.0, -10.0], [0.0, 0.4, 0.0, 5.0], [0.0, 0.0, 1.0, 2.0]]);
        let lesion = &mut manifest.lesions[0];
        lesion.affine = affine;
        // A patch of 3 x 4 x 4 (depth, height, width) about 1, 2, 3 begins at voxel -1, 0, 2.
        let found = of_patch(&manifest.lesions[0], &manifest).unwrap();
        for (found, expected) in found.column(3).into_iter().zip([-10.4, 5.0, 4.0]) {
            approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-12);
        }
        assert_eq!(of_slice(found, 2).column(3)[2], 6.0);
        let centred = centred(found, [4, 4, 1]);
        approx::assert_abs_diff_eq!(centred.place([1.5, 1.5, 0.0])[0], 0.0, epsilon = 1e-12);
        assert_eq!(centred.column(0), found.column(0));
        let lesion = &mut manifest.lesions[0];
        lesion.reader1 = None;
        let problem = of_patch(&manifest.lesions[0], &manifest).unwrap_err().to_string();
        assert!(problem.contains("does not say where it lies") && problem.contains("prepare` again"), "{problem}");
        manifest.lesions[0].patch_affine = Some(affine);
        assert_eq!(of_patch(&manifest.lesions[0], &manifest).unwrap(), affine);
    }

    #[test]
    fn plain_images_lie_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let mut manifest = small(folder.path());
        manifest.voxel_mm = None;
        (manifest.lesions[0].mask, manifest.lesions[0].reader1) = (None, None);
        assert_eq!(of_patch(&manifest.lesions[0], &manifest).unwrap(), Affine::IDENTITY);
    }
}

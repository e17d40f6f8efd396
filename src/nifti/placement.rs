//! Whether two volumes lie on one grid, and what is to be said where they do not: that one must be resampled, or that
//! the header of one says two different things and the other believed the one that was not asked for.

use std::path::Path;

use super::forms::Form;
use super::grid::{Grid, TOLERANCE_VOXELS};
use super::layout::Layout;
use super::ras::RasAxes;
use crate::problem::{Problem, Result};

/// Voxels that a corner must move from one form to the other before they count as two opinions: the rounding of a
/// quaternion alone can move it by a third of one.
const DISAGREEMENT_VOXELS: f64 = 1.0;

/// Where a volume's voxels lie once its axes are in RAS+ order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// By the form that was asked for.
    pub grid: Grid,
    /// By the other one, where the header has both.
    pub other: Option<Grid>,
}

impl Placement {
    /// What a header says.
    pub fn of(layout: &Layout) -> Self {
        let ras = |grid: &Grid| RasAxes::new(grid).grid;
        Self { grid: ras(&layout.grid), other: layout.other.as_ref().map(ras) }
    }

    /// The grid by the form that was not asked for, if that is another place.
    pub fn disagreement(&self) -> Option<Grid> {
        self.other.filter(|other| {
            let apart = self.grid.voxels_apart(other);
            other.shape != self.grid.shape || apart.is_nan() || apart > DISAGREEMENT_VOXELS
        })
    }

    /// Holds the volume at `path`, which lies as `other` says, to this grid, that of `reference`; both were read by
    /// `form`.
    ///
    /// # Errors
    /// What keeps the two apart, with the measured numbers; a header that says two different things is named.
    pub fn require(&self, other: &Placement, path: &Path, reference: &Path, form: Form) -> Result<()> {
        let Some(found) = self.grid.mismatch(&other.grid) else { return Ok(()) };
        let problem = |found: String| {
            Problem::input(path, found).expected(format!(
                "the same shape, and corners that lie within {TOLERANCE_VOXELS} voxels of each other"
            ))
        };
        let found = format!("not on the grid of {}: {found}", reference.display());
        let torn = [(path, other), (reference, self)].into_iter().find(|(_, place)| place.disagreement().is_some());
        let Some((file, place)) = torn else {
            return Err(problem(found).advice("resample it onto that grid (antsApplyTransforms, mri_vol2vol, flirt)"));
        };
        let moved = place.disagreement().and_then(|by_other| place.grid.mismatch(&by_other)).unwrap_or_default();
        let (used, unused) = (form.name(), form.other().name());
        let mine = self.other.unwrap_or(self.grid);
        let fits = match mine.mismatch(&other.other.unwrap_or(other.grid)) {
            None => format!("; by the {unused} both volumes lie on one grid"),
            Some(_) => String::new(),
        };
        Err(problem(format!(
            "{found}. The header of {} says two different things, by its sform and by its qform ({moved}), and the \
             {used} was taken{fits}",
            file.display()
        ))
        .advice(format!(
            "`--form {unused}` (prepare.form) takes the other; or make the two agree in the file (nifti_tool, \
             fslorient), if you know which holds"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Affine;

    fn at(x: f64) -> Grid {
        Grid::new([4, 4, 4], Affine([[1.0, 0.0, 0.0, x], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    }

    fn says(map: Placement, volume: Placement) -> String {
        map.require(&volume, Path::new("chi.nii"), Path::new("map.nii"), Form::Sform).unwrap_err().to_string()
    }

    #[test]
    fn a_volume_elsewhere_is_to_be_resampled_and_a_torn_header_named() {
        let (here, moved) =
            (Placement { grid: at(0.0), other: Some(at(0.3)) }, Placement { grid: at(3.0), other: None });
        assert_eq!(here.disagreement(), None);
        let text = says(here, moved);
        assert!(text.contains("chi.nii: not on the grid of map.nii: first voxels 3.000 mm apart"), "{text}");
        assert!(text.contains("resample it"), "{text}");
        let torn = Placement { grid: at(3.0), other: Some(at(0.0)) };
        let text = says(Placement { grid: at(0.0), other: None }, torn);
        assert!(text.contains("The header of chi.nii says two different things"), "{text}");
        assert!(text.contains("by the qform both volumes lie on one grid"), "{text}");
        assert!(text.contains("`--form qform`") && !text.contains("resample"), "{text}");
        let nowhere = says(Placement { grid: at(9.0), other: None }, torn);
        assert!(nowhere.contains("two different things") && !nowhere.contains("lie on one grid"), "{nowhere}");
        assert!(torn.require(&torn, Path::new("a"), Path::new("b"), Form::Sform).is_ok());
    }
}

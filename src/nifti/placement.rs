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

/// Where a volume's voxels lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placement {
    /// By the form that was asked for, once its axes are in RAS+ order.
    pub grid: Grid,
    /// As stored: two mirrored affines about the middle of a volume are one grid in RAS+ order.
    stored: Grid,
    /// The same by the other form, where the header has both.
    other: Option<Grid>,
    /// The form that was not asked for, where the header has it and what it says is unusable.
    pub broken: Option<Form>,
    /// Whether the header says where they lie.
    pub stated: bool,
}

impl Placement {
    /// What a header says.
    pub fn of(layout: &Layout) -> Self {
        Self { broken: layout.broken, ..Self::new(layout.grid, layout.other, layout.stated) }
    }

    fn new(stored: Grid, other: Option<Grid>, stated: bool) -> Self {
        Self { grid: ras(&stored), stored, other, broken: None, stated }
    }

    /// What keeps the two forms apart, in words, if they mean different places.
    pub fn disagreement(&self) -> Option<String> {
        let other = self.other?;
        let apart = self.stored.voxels_apart(&other);
        if apart <= DISAGREEMENT_VOXELS {
            return None;
        }
        self.stored.mismatch(&other).or_else(|| Some(format!("farthest corners {apart} voxels")))
    }

    /// Holds the volume at `path`, which lies as `other` says, to this grid, that of `reference`; both were read by
    /// `form`.
    ///
    /// # Errors
    /// What keeps the two apart, with the measured numbers; a header that says two different things is named. Where
    /// both forms put them on one grid, but mirrored against each other, only `form` by choice tells which holds.
    pub fn require(&self, other: &Placement, path: &Path, reference: &Path, form: Form) -> Result<()> {
        let problem = |found: String| {
            Problem::input(path, found).expected(format!(
                "the same shape, and corners that lie within {TOLERANCE_VOXELS} voxels of each other"
            ))
        };
        if self.stated != other.stated {
            let (silent, speaking) = if self.stated { (path, reference) } else { (reference, path) };
            return Err(problem(format!(
                "the header of {} does not say where its voxels lie (sform_code and qform_code are 0), that of {} does",
                silent.display(),
                speaking.display()
            ))
            .advice(
                "copy the place into the header that lacks it (fslcpgeom, nibabel), if both have the same voxels",
            ));
        }
        let by_other = |place: &Placement| place.other.unwrap_or(place.stored);
        let torn = self.other.is_some() || other.other.is_some();
        let (mine, others) = (by_other(self), by_other(other));
        let fits = ras(&mine).mismatch(&ras(&others)).is_none();
        let (used, unused) = (form.name(), form.other().name());
        let make_agree = "make the two agree in the file (nifti_tool, fslorient), if you know which holds";
        let Some(found) = self.grid.mismatch(&other.grid) else {
            if !(torn && fits && form.is_sform() && self.moved(&mine, &other.stored, &others)) {
                return Ok(());
            }
            return Err(problem(format!(
                "by the sform and by the qform on the grid of {}, but mirrored in one of the two: the header of {} \
                 says two different things",
                reference.display(),
                self.torn_file(other, path, reference).display()
            ))
            .advice(format!("`--form {unused}` (prepare.form) takes the {unused}; or {make_agree}")));
        };
        let found = format!("not on the grid of {}: {found}", reference.display());
        let disagreement = self.disagreement().or_else(|| other.disagreement());
        let resample = "resample one onto the grid of the other (antsApplyTransforms, mri_vol2vol, flirt), a label map by \
                        its nearest neighbour";
        if torn && fits {
            let words = disagreement.map(|moved| format!(" ({moved})")).unwrap_or_default();
            return Err(problem(format!(
                "{found}. The header of {} says two different things, by its sform and by its qform{words}, and the \
                 {used} was taken; by the {unused} both volumes lie on one grid",
                self.torn_file(other, path, reference).display()
            ))
            .advice(format!("`--form {unused}` (prepare.form) takes the other; or {make_agree}")));
        }
        match disagreement {
            None => Err(problem(found).advice(resample)),
            Some(moved) => Err(problem(format!(
                "{found}. The header of {} says two different things, by its sform and by its qform ({moved}); neither \
                 lies on that grid",
                self.torn_file(other, path, reference).display()
            ))
            .advice(resample)),
        }
    }

    /// The file whose two forms are farther apart.
    fn torn_file<'a>(&self, other: &Placement, path: &'a Path, reference: &'a Path) -> &'a Path {
        let apart = |place: &Placement| place.other.map_or(-1.0, |by_other| place.stored.voxels_apart(&by_other));
        if apart(other) >= apart(self) { path } else { reference }
    }

    /// Whether a voxel of another volume meets another voxel of this one by the other forms, `mine` and `others`, than
    /// by those that were taken; all as stored.
    fn moved(&self, mine: &Grid, theirs: &Grid, others: &Grid) -> bool {
        let last = theirs.shape.map(|size| size as f64 - 1.0);
        let corner = |of: usize| [0, 1, 2].map(|axis| if of >> axis & 1 == 1 { last[axis] } else { 0.0 });
        let meets = |own: &Grid, grid: &Grid, voxel: [f64; 3]| {
            let (affine, place) = (own.affine(), grid.affine().place(voxel));
            let first = affine.column(3);
            affine.steps([0, 1, 2].map(|row| place[row] - first[row]))
        };
        (0..8).any(|of| {
            let (a, b) = (meets(&self.stored, theirs, corner(of)), meets(mine, others, corner(of)));
            (0..3).any(|axis| (a[axis] - b[axis]).abs() > DISAGREEMENT_VOXELS)
        })
    }
}

fn ras(grid: &Grid) -> Grid {
    RasAxes::new(grid).grid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::Affine;

    fn at(x: f64) -> Grid {
        Grid::new([4, 4, 4], Affine([[1.0, 0.0, 0.0, x], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    }

    /// The grid of `at(x)` mirrored about its own box.
    fn mirrored(x: f64) -> Grid {
        Grid::new([4, 4, 4], Affine([[-1.0, 0.0, 0.0, x + 3.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]))
    }

    fn place(stored: Grid, other: Option<Grid>) -> Placement {
        Placement::new(stored, other, true)
    }

    fn held(map: Placement, volume: Placement, form: Form) -> Result<()> {
        map.require(&volume, Path::new("chi.nii"), Path::new("map.nii"), form)
    }

    fn says(map: Placement, volume: Placement) -> String {
        held(map, volume, Form::Sform).unwrap_err().to_string()
    }

    #[test]
    fn a_volume_elsewhere_is_to_be_resampled_and_a_torn_header_named() {
        let (here, moved) = (place(at(0.0), Some(at(0.3))), place(at(3.0), None));
        assert_eq!(here.disagreement(), None);
        let text = says(here, moved);
        assert!(text.contains("chi.nii: not on the grid of map.nii: first voxels 3.000 mm apart"), "{text}");
        assert!(text.contains("resample one onto the grid of the other"), "{text}");
        let torn = place(at(3.0), Some(at(0.0)));
        let text = says(place(at(0.0), None), torn);
        assert!(text.contains("The header of chi.nii says two different things"), "{text}");
        assert!(text.contains("by the qform both volumes lie on one grid"), "{text}");
        assert!(text.contains("`--form qform`") && !text.contains("resample"), "{text}");
        let nowhere = says(place(at(9.0), None), torn);
        assert!(nowhere.contains("two different things") && nowhere.contains("neither lies on that grid"), "{nowhere}");
        assert!(nowhere.contains("resample") && !nowhere.contains("--form"), "{nowhere}");
        // What is too little for two opinions is named where it is what keeps the volumes apart.
        let little = says(place(at(0.0), None), place(at(0.3), Some(at(0.0))));
        assert!(little.contains("by the qform both volumes lie on one grid") && little.contains("--form"), "{little}");
        assert!(held(torn, torn, Form::Sform).is_ok());
    }

    #[test]
    fn a_mirror_about_the_volumes_own_box_is_seen() {
        let (plain, torn) = (place(at(0.0), None), place(at(0.0), Some(mirrored(0.0))));
        assert_eq!(torn.grid, place(mirrored(0.0), None).grid, "one grid in RAS+ order");
        assert!(torn.disagreement().is_some_and(|words| words.contains("180.00 degrees")));
        let text = says(place(mirrored(0.0), None), torn);
        assert!(text.contains("the header of chi.nii says two different things"), "{text}");
        assert!(text.contains("mirrored in one of the two") && text.contains("`--form qform`"), "{text}");
        assert!(says(torn, plain).contains("the header of map.nii says two different things"));
        // By choice, and where both are torn alike, the two lie on each other as they were stored.
        assert!(held(place(mirrored(0.0), None), place(mirrored(0.0), Some(at(0.0))), Form::Qform).is_ok());
        assert!(held(torn, torn, Form::Sform).is_ok());
        // Other axes and one opinion each are no mirror.
        assert!(held(plain, place(mirrored(0.0), None), Form::Sform).is_ok());
    }

    #[test]
    fn a_header_without_a_place_goes_with_none_that_has_one() {
        let silent = Placement::new(at(0.0), None, false);
        let text = says(place(at(0.0), None), silent);
        assert!(text.contains("the header of chi.nii does not say where its voxels lie"), "{text}");
        assert!(says(silent, place(at(0.0), None)).contains("the header of map.nii does not say"), "{text}");
        assert!(held(silent, silent, Form::Sform).is_ok());
    }
}

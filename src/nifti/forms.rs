//! Where a header says that its voxels lie. It can say so twice, by three rows (sform) and by a quaternion (qform), and
//! the two need not agree: a registration that moves one leaves the other where it was.
//!
//! Read as nibabel reads it: codes outside the standard's 0 to 5 count as 0, `qfac` is -1 where it is exactly that,
//! sizes are taken without their sign, and without either form the volume's centre is the origin and x runs to the
//! left. Other than there, lengths are in mm whatever the header's unit is, a size of 0 is not made up, and a
//! quaternion that rounding made a little too long is brought to length 1, as the standard's own library does.

use serde::{Deserialize, Serialize};

use super::affine::Affine;
use super::layout::{Fields, Unusable, unusable};

/// Which of a header's two forms is believed where it has both; where it has one, that one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The rows: what registrations and most readers take.
    #[default]
    Sform,
    /// The quaternion: where the scanner put the volume, if a registration moved only the rows.
    Qform,
}

impl Form {
    /// Whether it is the default.
    pub fn is_sform(&self) -> bool {
        *self == Self::Sform
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::Sform => Self::Qform,
            Self::Qform => Self::Sform,
        }
    }

    /// "sform" or "qform".
    pub fn name(self) -> &'static str {
        match self {
            Self::Sform => "sform",
            Self::Qform => "qform",
        }
    }
}

/// Where a header says that its voxels lie; mm.
pub(super) struct Said {
    /// By the form that was asked for, or what stands in for it.
    pub affine: Affine,
    /// By the other form, where it says something usable.
    pub other: Option<Affine>,
    /// The other form, where the header has it and what it says is unusable.
    pub broken: Option<Form>,
    /// Whether either form says anything: without one only the sizes are known, and not left from right.
    pub stated: bool,
}

/// What a header says; `form` is believed where it says two things.
///
/// # Errors
/// No usable affine; the words name the other form where that is one.
pub(super) fn said(fields: &Fields, form: Form) -> Result<Said, Unusable> {
    let mm = match fields.xyzt_units & 7 {
        0 | 2 => 1.0,
        1 => 1000.0,
        3 => 0.001,
        other => return unusable(format!("the spatial unit {other}"), "unknown (0), m (1), mm (2) or um (3)"),
    };
    let usable = |rows: Rows| {
        let affine = Affine(rows.map(|row| row.map(|value| value * mm)));
        affine.check().map(|()| affine)
    };
    let by = |form: Form| match form {
        Form::Sform => is_known(fields.sform_code).then(|| usable(fields.srow)),
        Form::Qform => is_known(fields.qform_code).then(|| from_quaternion(fields).and_then(usable)),
    };
    let (chosen, other) = (by(form), by(form.other()));
    let stated = chosen.is_some() || other.is_some();
    let broken = matches!((&chosen, &other), (Some(_), Some(Err(_)))).then(|| form.other());
    let (chosen, name, other) = match (chosen, other) {
        (Some(chosen), other) => (chosen, form.name(), other.and_then(Result::ok)),
        (None, Some(only)) => (only, form.other().name(), None),
        (None, None) => (usable(from_sizes(fields)), "pixdim", None),
    };
    match chosen {
        Ok(affine) => Ok(Said { affine, other, broken, stated }),
        Err(found) => {
            let unit = match fields.xyzt_units & 7 {
                1 => " (its unit is metres)",
                3 => " (its unit is micrometres)",
                _ => "",
            };
            let expected = "a header that says where its voxels lie: the sizes of voxels in mm, or the unit that holds";
            let another = other
                .map(|_| format!("its {0} is usable: `--form {0}` (prepare.form) takes that", form.other().name()));
            let advice =
                another.or_else(|| Some("correct the header, or say its unit there (nifti_tool, nibabel)".into()));
            Err(Unusable { found: format!("the {name}{unit} gives {found}"), expected, advice })
        }
    }
}

type Rows = [[f64; 4]; 3];

/// The standard's codes for "it says something"; a number beyond them is damage, not a space.
fn is_known(code: i32) -> bool {
    (1..=5).contains(&code)
}

/// NIfTI-1 "method 1", with nibabel's choice of origin, the volume's centre, and of x, which runs to the left.
fn from_sizes(fields: &Fields) -> Rows {
    let [x, y, z] = [1, 2, 3].map(|axis| fields.pixdim[axis].abs());
    let [nx, ny, nz] = [1, 2, 3].map(|axis| fields.dim[axis] as f64);
    let to_centre = |voxels: f64, size: f64| (voxels - 1.0) / 2.0 * size;
    let right = [x, 0.0, 0.0, -to_centre(nx, x)];
    [right.map(|value| -value), [0.0, y, 0.0, -to_centre(ny, y)], [0.0, 0.0, z, -to_centre(nz, z)]]
}

/// NIfTI-1 "method 2": rotation by a unit quaternion, voxel sizes, `qfac` on the third axis.
///
/// A mirrored axis is `qfac`'s to say (nifti1.h: the pixdim\[\] are sizes, and only a rotation and `qfac` give them
/// directions), so sizes must be positive. One that is not is taken for its size, as nibabel's repair of headers does.
fn from_quaternion(fields: &Fields) -> Result<Rows, String> {
    let [mut b, mut c, mut d] = fields.quatern;
    let square = b * b + c * c + d * d;
    let rest = 1.0 - square;
    // Rounding to 32 bits may push it below zero by some 1e-7.
    if rest.is_nan() || rest < -1e-5 {
        return Err(format!("the quaternion ({b}, {c}, {d}), which is longer than 1"));
    }
    if rest < 0.0 {
        [b, c, d] = [b, c, d].map(|part| part / square.sqrt());
    }
    let a = rest.max(0.0).sqrt();
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    let pixdim = fields.pixdim;
    #[expect(clippy::float_cmp, reason = "only -1 itself says that the third axis is turned round")]
    let qfac = if pixdim[0] == -1.0 { -1.0 } else { 1.0 };
    let size = [pixdim[1].abs(), pixdim[2].abs(), pixdim[3].abs() * qfac];
    Ok([0, 1, 2].map(|row| {
        let [x, y, z] = rotation[row];
        [x * size[0], y * size[1], z * size[2], fields.qoffset[row]]
    }))
}

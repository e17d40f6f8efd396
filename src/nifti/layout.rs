//! What a header says about its voxels, believed only as far as it makes sense.
//!
//! Own code and not the `nifti` crate: there a NaN `scl_slope` makes a NaN volume, integer outputs are truncated, and
//! memory is asked for on the header's word.

use super::affine::Affine;
use super::grid::Grid;
use super::header::{HEADER_BYTES, Header};

/// First byte that voxels may have: after the header and the four extension flags.
pub const FIRST_VOXEL: u64 = 352;

/// More voxels than any one volume that rimforge is meant for (1024 x 1024 x 512).
const MAX_VOXELS: u64 = 1 << 29;

/// How a voxel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 64 bits.
    U64,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

/// Where and how the voxels of a 3-D volume lie in its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Where they lie in the world.
    pub grid: Grid,
    /// Their type.
    pub storage: Storage,
    /// Most significant byte first.
    pub big_endian: bool,
    /// Offset of the first voxel in the (uncompressed) file.
    pub offset: u64,
    /// Stored value times slope plus intercept is the value.
    pub slope: f64,
    /// See `slope`.
    pub intercept: f64,
}

/// What was found and what was expected, without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// What the header says.
    pub found: String,
    /// What it could have said.
    pub expected: &'static str,
}

fn unusable<T>(found: impl Into<String>, expected: &'static str) -> Result<T, Unusable> {
    Err(Unusable { found: found.into(), expected })
}

impl Storage {
    fn from_code(code: i16) -> Result<Self, Unusable> {
        Ok(match code {
            2 => Self::U8,
            4 => Self::I16,
            8 => Self::I32,
            16 => Self::F32,
            64 => Self::F64,
            256 => Self::I8,
            512 => Self::U16,
            768 => Self::U32,
            1024 => Self::I64,
            1280 => Self::U64,
            32 | 1792 | 2048 => return unusable(format!("complex voxels (data type {code})"), "real ones"),
            128 | 2304 => return unusable(format!("colour voxels (data type {code})"), "one number per voxel"),
            _ => return unusable(format!("data type {code}"), "an integer or floating-point type of NIfTI-1"),
        })
    }

    /// Bytes of one voxel.
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

impl Layout {
    /// Reads a single-file NIfTI-1 header of a 3-D volume.
    ///
    /// # Errors
    /// Another format, more or fewer dimensions, no real type, no usable affine, or numbers that make no sense.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Unusable> {
        let (header, big_endian) = match (bytes[0], bytes[1], bytes[2], bytes[3]) {
            (0x5c, 1, 0, 0) => (Header::read(bytes, false), false),
            (0, 0, 1, 0x5c) => (Header::read(bytes, true), true),
            (0x1c, 2, 0, 0) | (0, 0, 2, 0x1c) => return unusable("a NIfTI-2 header", "NIfTI-1 (.nii or .nii.gz)"),
            _ => return unusable("no NIfTI-1 header", "348 as its first number"),
        };
        match &header.magic {
            b"n+1\0" => {}
            b"ni1\0" => {
                return unusable("a header whose voxels are in another file (.hdr/.img)", "one .nii or .nii.gz");
            }
            other => return unusable(format!("the magic bytes {:?}", other.escape_ascii().to_string()), "n+1"),
        }
        let shape = shape(&header)?;
        let affine = affine(&header)?;
        affine.check().map_err(|found| Unusable { found, expected: "a usable sform, qform or pixdim" })?;
        let (slope, intercept) = scaling(&header)?;
        let storage = Storage::from_code(header.datatype)?;
        Ok(Self { grid: Grid::new(shape, affine), storage, big_endian, offset: offset(&header)?, slope, intercept })
    }

    /// Bytes from the file's start to the end of its voxels; no overflow, `MAX_VOXELS` being what it is.
    pub fn promised_bytes(&self) -> u64 {
        self.offset + self.grid.voxels() as u64 * self.storage.bytes() as u64
    }
}

fn shape(header: &Header) -> Result<[usize; 3], Unusable> {
    let count = header.dim[0];
    if !(1..=7).contains(&count) {
        return unusable(format!("{count} dimensions"), "3");
    }
    let dims = &header.dim[1..=count as usize];
    if count < 3 || dims[3..].iter().any(|&size| size != 1) {
        return unusable(format!("dimensions {dims:?}"), "three, or more of which the further are 1");
    }
    if dims.iter().any(|&size| size < 1) {
        return unusable(format!("dimensions {dims:?}"), "positive ones");
    }
    let voxels: u64 = dims[..3].iter().map(|&size| size as u64).product();
    if voxels > MAX_VOXELS {
        return unusable(format!("{voxels} voxels ({dims:?})"), "at most 536870912");
    }
    Ok([dims[0] as usize, dims[1] as usize, dims[2] as usize])
}

fn offset(header: &Header) -> Result<u64, Unusable> {
    let offset = f64::from(header.vox_offset);
    match offset {
        // Some writers leave it at 0 and mean the default.
        0.0 => Ok(FIRST_VOXEL),
        _ if offset.fract() == 0.0 && (FIRST_VOXEL as f64..1e9).contains(&offset) => Ok(offset as u64),
        _ => unusable(format!("vox_offset {offset}"), "a whole number of bytes, 352 or more"),
    }
}

/// As nibabel: slope 0, NaN or infinite means "not scaled"; a good slope with a bad intercept means nothing.
fn scaling(header: &Header) -> Result<(f64, f64), Unusable> {
    let (slope, intercept) = (f64::from(header.scl_slope), f64::from(header.scl_inter));
    if slope == 0.0 || !slope.is_finite() {
        return Ok((1.0, 0.0));
    }
    if !intercept.is_finite() {
        return unusable(format!("scl_slope {slope} with scl_inter {intercept}"), "a finite intercept");
    }
    Ok((slope, intercept))
}

/// sform where there is one, else qform, else voxel sizes alone; in mm.
fn affine(header: &Header) -> Result<Affine, Unusable> {
    let mm = match header.xyzt_units & 7 {
        0 | 2 => 1.0,
        1 => 1000.0,
        3 => 0.001,
        other => return unusable(format!("the spatial unit {other}"), "unknown (0), m (1), mm (2) or um (3)"),
    };
    let rows = if header.sform_code > 0 {
        [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from))
    } else if header.qform_code > 0 {
        from_quaternion(header)?
    } else {
        from_sizes(header)
    };
    Ok(Affine(rows.map(|row| row.map(|value| value * mm))))
}

/// NIfTI-1 "method 1", with nibabel's choice of origin, the volume's centre, and of x, which runs to the left.
fn from_sizes(header: &Header) -> [[f64; 4]; 3] {
    let [x, y, z] = [1, 2, 3].map(|axis| f64::from(header.pixdim[axis]).abs());
    let [nx, ny, nz] = [1, 2, 3].map(|axis| f64::from(header.dim[axis]));
    let to_centre = |voxels: f64, size: f64| (voxels - 1.0) / 2.0 * size;
    let right = [x, 0.0, 0.0, -to_centre(nx, x)];
    [right.map(|value| -value), [0.0, y, 0.0, -to_centre(ny, y)], [0.0, 0.0, z, -to_centre(nz, z)]]
}

/// NIfTI-1 "method 2": rotation by a unit quaternion, voxel sizes, `qfac` on the third axis.
///
/// A mirrored axis is `qfac`'s to say (nifti1.h: the pixdim\[\] are sizes, and only a rotation and `qfac` give them
/// directions), so sizes must be positive. One that is not is taken for its size, as nibabel's repair of headers does.
fn from_quaternion(header: &Header) -> Result<[[f64; 4]; 3], Unusable> {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let rest = 1.0 - (b * b + c * c + d * d);
    // Rounding to 32 bits may push the square of a below zero by some 1e-7.
    if rest.is_nan() || rest < -1e-5 {
        return unusable(format!("the quaternion ({b}, {c}, {d})"), "a length of at most 1");
    }
    let a = rest.max(0.0).sqrt();
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ];
    let pixdim = header.pixdim.map(f64::from);
    let qfac = if pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let size = [pixdim[1].abs(), pixdim[2].abs(), pixdim[3].abs() * qfac];
    let first = [header.qoffset_x, header.qoffset_y, header.qoffset_z].map(f64::from);
    Ok([0, 1, 2].map(|row| {
        let [x, y, z] = rotation[row];
        [x * size[0], y * size[1], z * size[2], first[row]]
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 x 3 x 4 voxels of .5 x 1 x 2 mm, float32, without any place in the world.
    fn header() -> Header {
        Header {
            sizeof_hdr: 348,
            dim: [3, 2, 3, 4, 1, 1, 1, 1],
            datatype: 16,
            pixdim: [1.0, 0.5, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0],
            magic: *b"n+1\0",
            ..Header::zeroed()
        }
    }

    fn rows(header: Header) -> [[f64; 4]; 3] {
        Layout::parse(&header.to_bytes()).unwrap().grid.affine().0
    }

    #[test]
    fn the_three_ways_to_a_place_by_hand() {
        let centred = [[-0.5, 0.0, 0.0, 0.25], [0.0, 1.0, 0.0, -1.0], [0.0, 0.0, 2.0, -3.0]];
        assert_eq!(rows(header()), centred);
        // A quarter turn about z takes x to y and y to -x.
        let half = 0.5f32.sqrt();
        let turned = Header { qform_code: 1, quatern_d: half, qoffset_y: 7.0, xyzt_units: 2, ..header() };
        let expected = [[0.0, -1.0, 0.0, 0.0], [0.5, 0.0, 0.0, 7.0], [0.0, 0.0, 2.0, 0.0]];
        for (found, expected) in rows(turned).iter().flatten().zip(expected.iter().flatten()) {
            approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-6);
        }
        let negative = Header { pixdim: [1.0, -0.5, -1.0, -2.0, 0.0, 0.0, 0.0, 0.0], ..turned };
        assert_eq!(rows(negative), rows(turned), "sizes without their signs");
        // The sform wins, here in metres.
        let [srow_x, srow_y, srow_z] = [[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0]];
        let sform = Header { sform_code: 1, srow_x, srow_y, srow_z, xyzt_units: 1, ..turned };
        assert_eq!(rows(sform)[0], [1000.0, 0.0, 0.0, 500.0]);
        assert_eq!(rows(sform)[2], [0.0, 0.0, -1000.0, 0.0]);
    }

    #[test]
    fn no_offset_means_352_and_no_slope_means_unscaled() {
        let layout = Layout::parse(&header().to_bytes()).unwrap();
        assert_eq!((layout.offset, layout.slope, layout.intercept), (352, 1.0, 0.0));
        assert_eq!(layout.promised_bytes(), 352 + 24 * 4);
        let scaled = Header { vox_offset: 400.0, scl_slope: 2.0, scl_inter: -1.0, ..header() };
        let layout = Layout::parse(&scaled.to_bytes()).unwrap();
        assert_eq!((layout.offset, layout.slope, layout.intercept), (400, 2.0, -1.0));
    }
}

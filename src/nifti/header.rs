//! The 348 bytes at the head of a NIfTI-1 file, believed only as far as they make sense.
//!
//! Own code and not the `nifti` crate: there a NaN `scl_slope` makes a NaN volume, integer outputs are truncated, and
//! memory is asked for on the header's word. Field offsets: NIfTI-1 specification, <https://nifti.nimh.nih.gov/nifti-1>.

use super::grid::Grid;

/// Bytes of the header proper.
pub const HEADER_BYTES: usize = 348;

/// First byte that voxels may have: after the header and the four extension flags.
const FIRST_VOXEL: u64 = 352;

/// More voxels than any one volume that rimforge is meant for (1024 x 1024 x 512).
const MAX_VOXELS: u64 = 1 << 29;

/// How a voxel is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    U8,
    I8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    F32,
    F64,
}

/// What the reader needs from the header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Header {
    pub grid: Grid,
    pub storage: Storage,
    pub big_endian: bool,
    /// Offset of the first voxel in the (uncompressed) file.
    pub offset: u64,
    /// Stored value times slope plus intercept is the value.
    pub slope: f64,
    pub intercept: f64,
}

/// What was found and what was expected, without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    pub found: String,
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

    pub fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::I64 | Self::U64 | Self::F64 => 8,
        }
    }
}

/// The header's raw fields in either byte order.
struct Fields<'a> {
    bytes: &'a [u8; HEADER_BYTES],
    big_endian: bool,
}

impl Fields<'_> {
    fn i16(&self, at: usize) -> i16 {
        let raw = [self.bytes[at], self.bytes[at + 1]];
        if self.big_endian { i16::from_be_bytes(raw) } else { i16::from_le_bytes(raw) }
    }

    fn i32(&self, at: usize) -> i32 {
        let raw = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2], self.bytes[at + 3]];
        if self.big_endian { i32::from_be_bytes(raw) } else { i32::from_le_bytes(raw) }
    }

    fn f64(&self, at: usize) -> f64 {
        f64::from(f32::from_bits(self.i32(at) as u32))
    }
}

impl Header {
    /// Reads a single-file NIfTI-1 header of a 3-D volume.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Unusable> {
        let fields = match (bytes[0], bytes[1], bytes[2], bytes[3]) {
            (0x5c, 1, 0, 0) => Fields { bytes, big_endian: false },
            (0, 0, 1, 0x5c) => Fields { bytes, big_endian: true },
            (0x1c, 2, 0, 0) | (0, 0, 2, 0x1c) => return unusable("a NIfTI-2 header", "NIfTI-1 (.nii or .nii.gz)"),
            _ => return unusable("no NIfTI-1 header", "348 as its first number"),
        };
        match &bytes[344..348] {
            b"n+1\0" => {}
            b"ni1\0" => {
                return unusable("a header whose voxels are in another file (.hdr/.img)", "one .nii or .nii.gz");
            }
            other => return unusable(format!("the magic bytes {:?}", other.escape_ascii().to_string()), "n+1"),
        }
        let shape = shape(&fields)?;
        let grid = Grid { shape, affine: affine(&fields)? };
        grid.check().map_err(|found| Unusable { found, expected: "a usable sform, qform or pixdim" })?;
        let (slope, intercept) = scaling(&fields)?;
        let storage = Storage::from_code(fields.i16(70))?;
        Ok(Self { grid, storage, big_endian: fields.big_endian, offset: offset(&fields)?, slope, intercept })
    }

    /// Bytes from the file's start to the end of its voxels; no overflow, `MAX_VOXELS` being what it is.
    pub fn promised_bytes(&self) -> u64 {
        self.offset + self.grid.voxels() as u64 * self.storage.bytes() as u64
    }
}

fn shape(fields: &Fields) -> Result<[usize; 3], Unusable> {
    let count = fields.i16(40);
    if !(1..=7).contains(&count) {
        return unusable(format!("{count} dimensions"), "3");
    }
    let dims: Vec<i16> = (1..=count as usize).map(|axis| fields.i16(40 + 2 * axis)).collect();
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

fn offset(fields: &Fields) -> Result<u64, Unusable> {
    let offset = fields.f64(108);
    match offset {
        // Some writers leave it at 0 and mean the default.
        0.0 => Ok(FIRST_VOXEL),
        _ if offset.fract() == 0.0 && (FIRST_VOXEL as f64..1e9).contains(&offset) => Ok(offset as u64),
        _ => unusable(format!("vox_offset {offset}"), "a whole number of bytes, 352 or more"),
    }
}

/// As nibabel: slope 0, NaN or infinite means "not scaled"; a good slope with a bad intercept means nothing.
fn scaling(fields: &Fields) -> Result<(f64, f64), Unusable> {
    let (slope, intercept) = (fields.f64(112), fields.f64(116));
    if slope == 0.0 || !slope.is_finite() {
        return Ok((1.0, 0.0));
    }
    if !intercept.is_finite() {
        return unusable(format!("scl_slope {slope} with scl_inter {intercept}"), "a finite intercept");
    }
    Ok((slope, intercept))
}

/// sform where there is one, else qform, else voxel sizes alone; in mm.
fn affine(fields: &Fields) -> Result<[[f64; 4]; 3], Unusable> {
    let mm = match fields.bytes[123] & 7 {
        0 | 2 => 1.0,
        1 => 1000.0,
        3 => 0.001,
        other => return unusable(format!("the spatial unit {other}"), "unknown (0), m (1), mm (2) or um (3)"),
    };
    let affine = if fields.i16(254) > 0 {
        [0, 1, 2].map(|row| [0, 1, 2, 3].map(|column| fields.f64(280 + 16 * row + 4 * column)))
    } else if fields.i16(252) > 0 {
        from_quaternion(fields)?
    } else {
        // NIfTI-1 "method 1", with nibabel's choice of origin: the volume's centre.
        let size = [1, 2, 3].map(|axis| fields.f64(76 + 4 * axis).abs());
        let mut affine = [[0.0; 4]; 3];
        for axis in 0..3 {
            affine[axis][axis] = size[axis];
            affine[axis][3] = -(f64::from(fields.i16(42 + 2 * axis)) - 1.0) / 2.0 * size[axis];
        }
        // It has x run to the left.
        affine[0] = affine[0].map(|value| -value);
        affine
    };
    Ok(affine.map(|row| row.map(|value| value * mm)))
}

/// NIfTI-1 "method 2": rotation by a unit quaternion, voxel sizes, `qfac` on the third axis.
fn from_quaternion(fields: &Fields) -> Result<[[f64; 4]; 3], Unusable> {
    let (b, c, d) = (fields.f64(256), fields.f64(260), fields.f64(264));
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
    let qfac = if fields.f64(76) < 0.0 { -1.0 } else { 1.0 };
    let mut affine = [[0.0; 4]; 3];
    for row in 0..3 {
        for axis in 0..3 {
            let size = fields.f64(76 + 4 * (axis + 1)) * if axis == 2 { qfac } else { 1.0 };
            affine[row][axis] = rotation[row][axis] * size;
        }
        affine[row][3] = fields.f64(268 + 4 * row);
    }
    Ok(affine)
}

//! What a header says about its voxels, believed only as far as it makes sense.
//!
//! Own code and not the `nifti` crate: there a NaN `scl_slope` makes a NaN volume, integer outputs are truncated, and
//! memory is asked for on the header's word.

use super::forms::{self, Form};
use super::grid::Grid;
use super::header::{HEADER_2_BYTES, HEADER_BYTES, Header, Header2};
use super::intent::Intent;

/// First byte that the voxels of a NIfTI-1 file may have: after the header and the four extension flags.
pub const FIRST_VOXEL: u64 = 352;

/// The same of a NIfTI-2 file.
const FIRST_VOXEL_2: u64 = 544;

/// More voxels than any one volume that rimforge is meant for (1024 x 1024 x 512; a whole head of .5 mm has 512 x 512 x
/// 400). A place in a volume is a number of 32 bits, and a volume is read in seconds.
pub const MAX_VOXELS: u64 = 1 << 29;

/// Farthest that the voxels may begin in a file: extensions (DICOM headers, AFNI's history) stay far below.
const MAX_OFFSET: u64 = 64 << 20;

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

/// One of the volumes that lie behind one another in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Counted from 0; below `of`.
    pub at: u32,
    /// How many the file holds.
    pub of: u32,
}

impl Part {
    /// The only one.
    pub const WHOLE: Self = Self { at: 0, of: 1 };
}

/// Where and how the voxels of a 3-D volume lie in its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Layout {
    /// Where they lie in the world.
    pub grid: Grid,
    /// Where they would lie by the form that was not believed, where the header has a usable one.
    pub other: Option<Grid>,
    /// The form that was not believed, where the header has it and what it says is unusable.
    pub broken: Option<Form>,
    /// Whether the header says where they lie: without a form (both codes 0) only their sizes are known.
    pub stated: bool,
    /// What its numbers are; no [`Intent::Other`].
    pub intent: Intent,
    /// Their type.
    pub storage: Storage,
    /// Most significant byte first.
    pub big_endian: bool,
    /// Bytes of the header proper.
    pub header: usize,
    /// Offset of the first voxel in the (uncompressed) file.
    pub offset: u64,
    /// Which of its volumes is meant.
    pub part: Part,
    /// Its description has the word "SIMULATED", as this program writes it.
    pub simulated: bool,
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
    /// What a person can do, where the header itself says that.
    pub advice: Option<String>,
}

pub(super) fn unusable<T>(found: impl Into<String>, expected: &'static str) -> Result<T, Unusable> {
    Err(Unusable { found: found.into(), expected, advice: None })
}

/// What is read of a header of either version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    big_endian: bool,
    pub dim: [i64; 8],
    intent_code: i32,
    datatype: i16,
    descrip: [u8; 80],
    pub pixdim: [f64; 8],
    vox_offset: f64,
    /// Where the voxels begin at the earliest.
    first_voxel: u64,
    scl_slope: f64,
    scl_inter: f64,
    pub xyzt_units: i32,
    pub qform_code: i32,
    pub sform_code: i32,
    /// b, c, d.
    pub quatern: [f64; 3],
    pub qoffset: [f64; 3],
    pub srow: [[f64; 4]; 3],
}

impl Fields {
    fn of_1(header: &Header, big_endian: bool) -> Self {
        Self {
            big_endian,
            dim: header.dim.map(i64::from),
            intent_code: i32::from(header.intent_code),
            datatype: header.datatype,
            descrip: header.descrip,
            pixdim: header.pixdim.map(f64::from),
            vox_offset: f64::from(header.vox_offset),
            first_voxel: FIRST_VOXEL,
            scl_slope: f64::from(header.scl_slope),
            scl_inter: f64::from(header.scl_inter),
            xyzt_units: i32::from(header.xyzt_units),
            qform_code: i32::from(header.qform_code),
            sform_code: i32::from(header.sform_code),
            quatern: [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from),
            qoffset: [header.qoffset_x, header.qoffset_y, header.qoffset_z].map(f64::from),
            srow: [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from)),
        }
    }

    fn of_2(header: &Header2, big_endian: bool) -> Self {
        Self {
            big_endian,
            dim: header.dim,
            intent_code: header.intent_code,
            datatype: header.datatype,
            descrip: header.descrip,
            pixdim: header.pixdim,
            vox_offset: header.vox_offset as f64,
            first_voxel: FIRST_VOXEL_2,
            scl_slope: header.scl_slope,
            scl_inter: header.scl_inter,
            xyzt_units: header.xyzt_units,
            qform_code: header.qform_code,
            sform_code: header.sform_code,
            quatern: [header.quatern_b, header.quatern_c, header.quatern_d],
            qoffset: [header.qoffset_x, header.qoffset_y, header.qoffset_z],
            srow: [header.srow_x, header.srow_y, header.srow_z],
        }
    }
}

/// How many bytes the header has of a file that begins with these four; `None` where they begin no NIfTI file.
pub fn header_bytes(start: [u8; 4]) -> Option<usize> {
    [HEADER_BYTES, HEADER_2_BYTES].into_iter().find(|&size| {
        let size = size as i32;
        [size.to_le_bytes(), size.to_be_bytes()].contains(&start)
    })
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
            32 | 1792 | 2048 => {
                return unusable(
                    format!("complex voxels (data type {code})"),
                    "real ones: the magnitude, the phase or the map, whichever is meant",
                );
            }
            128 | 2304 => return unusable(format!("colour voxels (data type {code})"), "one number per voxel"),
            1536 => {
                return unusable(
                    format!("128-bit floating-point voxels (data type {code})"),
                    "64 bits or fewer: save it as float32",
                );
            }
            1 => return unusable("voxels of one bit (data type 1)", "whole bytes: save it as uint8"),
            _ => return unusable(format!("data type {code}"), "an integer or floating-point type of NIfTI"),
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
    /// Reads the header of a 3-D volume in a single file: 348 bytes of NIfTI-1 or 540 of NIfTI-2 ([`header_bytes`]).
    ///
    /// # Errors
    /// Another format, more or fewer dimensions, no real type, what is said to be no image, no usable affine, or
    /// numbers that make no sense.
    pub fn parse(bytes: &[u8], form: Form) -> Result<Self, Unusable> {
        Self::parse_of(bytes, form, Part::WHOLE)
    }

    /// The same of a file that holds several volumes on one grid, of which `part` is meant; as many as it says.
    ///
    /// # Errors
    /// Those of [`Layout::parse`]; another number of volumes.
    pub fn parse_of(bytes: &[u8], form: Form, part: Part) -> Result<Self, Unusable> {
        let fields = if let Ok(bytes) = <&[u8; HEADER_BYTES]>::try_from(bytes) {
            let big_endian = bytes[0] == 0;
            let header = Header::read(bytes, big_endian);
            single_file(&header.magic, b"n+1\0", b"ni1\0")?;
            Fields::of_1(&header, big_endian)
        } else if let Ok(bytes) = <&[u8; HEADER_2_BYTES]>::try_from(bytes) {
            let big_endian = bytes[0] == 0;
            let header = Header2::read(bytes, big_endian);
            single_file(&header.magic, b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n")?;
            Fields::of_2(&header, big_endian)
        } else {
            return unusable(format!("a header of {} bytes", bytes.len()), "348 or 540");
        };
        let shape = shape(&fields, part.of)?;
        let storage = Storage::from_code(fields.datatype)?;
        let intent = intent(&fields)?;
        let said = forms::said(&fields, form)?;
        let (slope, intercept) = scaling(&fields)?;
        Ok(Self {
            grid: Grid::new(shape, said.affine),
            other: said.other.map(|affine| Grid::new(shape, affine)),
            broken: said.broken,
            stated: said.stated,
            intent,
            storage,
            header: bytes.len(),
            big_endian: fields.big_endian,
            simulated: fields.descrip.windows(b"SIMULATED".len()).any(|word| word == b"SIMULATED"),
            offset: offset(&fields)?,
            part,
            slope,
            intercept,
        })
    }

    /// How far a stored value may lie from the one that was meant, at most: half the scaling's step where whole numbers
    /// are stored and scaled, else 0.
    pub fn rounding(&self) -> f64 {
        let whole = !matches!(self.storage, Storage::F32 | Storage::F64);
        let scaled = self.slope.to_bits() != 1f64.to_bits();
        if whole && scaled { self.slope.abs() / 2.0 } else { 0.0 }
    }

    /// Bytes from the file's start to the end of its volumes; no overflow, `MAX_VOXELS` being what it is.
    pub fn promised_bytes(&self) -> u64 {
        self.offset + self.volume_bytes() * u64::from(self.part.of)
    }

    /// Bytes of one volume.
    pub fn volume_bytes(&self) -> u64 {
        self.grid.voxels() as u64 * self.storage.bytes() as u64
    }
}

fn single_file(magic: &[u8], single: &[u8], pair: &[u8]) -> Result<(), Unusable> {
    if magic == single {
        return Ok(());
    }
    let told = |found: &str, advice: &str| {
        Err(Unusable { found: found.into(), expected: "one .nii or .nii.gz", advice: Some(advice.into()) })
    };
    if magic == pair {
        return told(
            "a header whose voxels are in another file (.hdr/.img)",
            "make one .nii.gz of the two (fslchfiletype NIFTI_GZ, nibabel)",
        );
    }
    // ANALYZE has NIfTI-1's size; a header of 540 bytes is none of it, whatever it lacks.
    if magic.len() == 4 && magic.iter().all(|&byte| byte == 0) {
        return told(
            "an ANALYZE header (no magic bytes), which does not say left from right",
            "convert it to NIfTI from the scanner's files, where the sides are known",
        );
    }
    let expected = "n+1 or, in NIfTI-2, n+2 with the bytes that a transfer as text spoils";
    unusable(format!("the magic bytes {:?}", magic.escape_ascii().to_string()), expected)
}

fn shape(fields: &Fields, volumes: u32) -> Result<[usize; 3], Unusable> {
    let count = fields.dim[0];
    if !(1..=7).contains(&count) {
        return unusable(format!("{count} dimensions"), "3");
    }
    let dims = &fields.dim[1..=count as usize];
    if count < 3 {
        return unusable(format!("dimensions {dims:?}"), "three, or more of which the further are 1");
    }
    if dims.iter().any(|&size| size < 1) {
        return unusable(format!("dimensions {dims:?}"), "positive ones");
    }
    let several = dims[3..].iter().fold(1i64, |product, &size| product.saturating_mul(size));
    if several != i64::from(volumes) && volumes != 1 {
        let found = format!("{several} volumes in one file (dimensions {dims:?})");
        let advice = Some(format!("it is to hold {volumes}, one a contrast, on one grid"));
        return Err(Unusable { found, expected: "as many volumes as it has contrasts", advice });
    }
    if several != i64::from(volumes) {
        let found = format!("{several} volumes in one file (dimensions {dims:?}): echoes, times or directions");
        let expected = "three dimensions, or more of which the further are 1";
        let advice = "save the volume that is meant on its own (fslroi FILE NEW 0 1; mrconvert -coord 3 0)";
        return Err(Unusable { found, expected, advice: Some(advice.into()) });
    }
    let voxels = dims[..3].iter().fold(1i64, |product, &size| product.saturating_mul(size));
    if voxels as u64 > MAX_VOXELS {
        return unusable(format!("{voxels} voxels ({dims:?})"), "at most 536870912");
    }
    Ok([dims[0] as usize, dims[1] as usize, dims[2] as usize])
}

/// What the numbers are, where they can be an image's.
fn intent(fields: &Fields) -> Result<Intent, Unusable> {
    match Intent::of(fields.intent_code) {
        Intent::Other(name) => Err(Unusable {
            found: format!("{name} (intent code {})", fields.intent_code),
            expected: "an image or a label map, one number per voxel",
            advice: Some(CORRECT_INTENT.into()),
        }),
        intent => Ok(intent),
    }
}

/// What to do about an intent code that does not hold.
pub const CORRECT_INTENT: &str = "give the image; if it is one and its header is wrong, set the code to 0 (nifti_tool \
                                  -mod_hdr -mod_field intent_code 0; nibabel: header.set_intent(0))";

fn offset(fields: &Fields) -> Result<u64, Unusable> {
    let offset = fields.vox_offset;
    match offset {
        // Some writers leave it at 0 and mean the default.
        0.0 => Ok(fields.first_voxel),
        _ if offset.fract() == 0.0 && (fields.first_voxel as f64..=MAX_OFFSET as f64).contains(&offset) => {
            Ok(offset as u64)
        }
        _ => unusable(format!("vox_offset {offset}"), "0, or a whole number of bytes behind the header, up to 64 MiB"),
    }
}

/// As nibabel: slope 0, NaN or infinite means "not scaled"; a good slope with a bad intercept means nothing.
fn scaling(fields: &Fields) -> Result<(f64, f64), Unusable> {
    let (slope, intercept) = (fields.scl_slope, fields.scl_inter);
    if slope == 0.0 || !slope.is_finite() {
        return Ok((1.0, 0.0));
    }
    if !intercept.is_finite() {
        return unusable(format!("scl_slope {slope} with scl_inter {intercept}"), "a finite intercept");
    }
    Ok((slope, intercept))
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
        Layout::parse(&header.to_bytes(), Form::Sform).unwrap().grid.affine().0
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
        // The sform wins, here in metres, unless the other is asked for.
        let [srow_x, srow_y, srow_z] = [[0.001, 0.0, 0.0, 0.5], [0.0, 0.001, 0.0, 0.0], [0.0, 0.0, -0.001, 0.0]];
        let metres = Header { pixdim: turned.pixdim.map(|mm| mm / 1000.0), qoffset_y: 0.007, ..turned };
        let sform = Header { sform_code: 1, srow_x, srow_y, srow_z, xyzt_units: 1, ..metres };
        approx::assert_abs_diff_eq!(rows(sform)[0][0], 1.0, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(rows(sform)[0][3], 500.0, epsilon = 1e-6);
        approx::assert_abs_diff_eq!(rows(sform)[2][2], -1.0, epsilon = 1e-6);
        let (by_rows, by_quaternion) = (parsed(sform, Form::Sform), parsed(sform, Form::Qform));
        assert_eq!((by_rows.other, by_quaternion.other), (Some(by_quaternion.grid), Some(by_rows.grid)));
        approx::assert_abs_diff_eq!(by_quaternion.grid.affine().0[1][3], 7.0, epsilon = 1e-5);
        // Where there is one form, it is taken, whichever is asked for.
        assert_eq!(parsed(turned, Form::Sform), parsed(turned, Form::Qform));
        assert_eq!(parsed(turned, Form::Sform).other, None);
    }

    fn parsed(header: Header, form: Form) -> Layout {
        Layout::parse(&header.to_bytes(), form).unwrap()
    }

    #[test]
    fn codes_qfac_and_long_quaternions_as_nibabel_has_them() {
        let half = 0.5f32.sqrt();
        let turned = Header { qform_code: 1, quatern_d: half, qoffset_y: 7.0, ..header() };
        let [srow_x, srow_y, srow_z] = [[9.0, 0.0, 0.0, 0.0], [0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]];
        for sform_code in [0, -1, 6, 300] {
            assert_eq!(rows(Header { sform_code, srow_x, srow_y, srow_z, ..turned }), rows(turned), "{sform_code}");
        }
        let third = |qfac: f32| {
            let mut header = turned;
            header.pixdim[0] = qfac;
            rows(header)[2][2]
        };
        assert_eq!([1.0, 0.0, f32::NAN, -0.5, -1.0].map(third), [2.0, 2.0, 2.0, 2.0, -2.0]);
        // Half a turn, 1 + 1e-6 long: still a turn, and voxels keep their size.
        let long = Layout::parse(&Header { quatern_d: 1.000_001, ..turned }.to_bytes(), Form::Sform).unwrap();
        assert_eq!(long.grid.voxel_mm(), [0.5, 1.0, 2.0]);
        let refused = |header: Header| Layout::parse(&header.to_bytes(), Form::Sform).unwrap_err();
        assert!(refused(Header { quatern_d: 1.1, ..turned }).found.contains("longer than 1"));
        let flat = Header { pixdim: [1.0, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], ..turned };
        assert!(refused(flat).found.contains("do not span space"), "a size of 0 is not made up");
    }

    #[test]
    fn a_form_of_another_unit_is_refused_and_the_usable_one_named() {
        let [srow_x, srow_y, srow_z] = [[5e-4, 0.0, 0.0, 0.0], [0.0, 1e-3, 0.0, 0.0], [0.0, 0.0, 2e-3, 0.0]];
        let header = Header { sform_code: 1, srow_x, srow_y, srow_z, xyzt_units: 2, ..header() };
        let refused = |header: Header, form: Form| Layout::parse(&header.to_bytes(), form).unwrap_err();
        let alone = refused(header, Form::Sform);
        assert!(alone.found.starts_with("the sform gives voxels of 0.0005"), "{}", alone.found);
        assert!(!alone.advice.unwrap().contains("--form"));
        let beside = Header { qform_code: 1, ..header };
        assert!(refused(beside, Form::Sform).advice.unwrap().contains("`--form qform`"));
        assert_eq!(parsed(beside, Form::Qform).grid.voxel_mm(), [0.5, 1.0, 2.0]);
        // The unit saves it, or spoils it.
        assert!(parsed(Header { xyzt_units: 1, ..header }, Form::Sform).grid.voxel_mm()[0] > 0.49);
        let micro = refused(Header { xyzt_units: 3, ..header }, Form::Sform);
        assert!(micro.found.contains("its unit is micrometres"), "{}", micro.found);
    }

    #[test]
    fn the_wider_header_says_the_same() {
        let one = parsed(Header { vox_offset: 0.0, scl_slope: 2.0, scl_inter: -1.0, ..header() }, Form::Sform);
        let wide = Header2 {
            sizeof_hdr: 540,
            magic: *b"n+2\0\r\n\x1a\n",
            dim: [3, 2, 3, 4, 1, 1, 1, 1],
            datatype: 16,
            pixdim: [1.0, 0.5, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0],
            scl_slope: 2.0,
            scl_inter: -1.0,
            ..Header2::read(&[0; HEADER_2_BYTES], false)
        };
        let two = Layout::parse(&wide.to_bytes(), Form::Sform).unwrap();
        assert_eq!(two, Layout { header: 540, offset: 544, ..one });
        let huge = Header2 { dim: [3, 1 << 40, 1 << 40, 1 << 40, 1, 1, 1, 1], ..wide };
        let found = Layout::parse(&huge.to_bytes(), Form::Sform).unwrap_err().found;
        assert!(found.starts_with("9223372036854775807 voxels"), "{found}");
    }

    #[test]
    fn no_offset_means_352_and_no_slope_means_unscaled() {
        let layout = parsed(header(), Form::Sform);
        assert_eq!((layout.offset, layout.slope, layout.intercept), (352, 1.0, 0.0));
        assert_eq!(layout.promised_bytes(), 352 + 24 * 4);
        let scaled = Header { vox_offset: 400.0, scl_slope: 2.0, scl_inter: -1.0, ..header() };
        let layout = parsed(scaled, Form::Sform);
        assert_eq!((layout.offset, layout.slope, layout.intercept), (400, 2.0, -1.0));
    }
}

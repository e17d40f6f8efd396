//! The 348 bytes at the head of a NIfTI-1 file and the 540 of a NIfTI-2 file: every field by the standard's name, in
//! one table for reading and writing.
//!
//! Source of names, types and places: nifti1.h, <https://nifti.nimh.nih.gov/nifti-1>, and nifti2.h,
//! <https://nifti.nimh.nih.gov/nifti-2>. What the standard keeps of
//! ANALYZE 7.5 or leaves to programs (`data_type`, `db_name`, `cal_max`, `intent_p*`, `slice_*`, `aux_file` and so on)
//! is not looked at, and 0 where rimforge writes.

/// Bytes of a NIfTI-1 header proper.
pub const HEADER_BYTES: usize = 348;

/// Bytes of a NIfTI-2 header proper.
pub const HEADER_2_BYTES: usize = 540;

/// A value in the header, in either byte order.
trait Field: Copy {
    const BYTES: usize;

    /// From its first [`Field::BYTES`] bytes.
    fn read(bytes: &[u8], big_endian: bool) -> Self;

    /// Appends it, least significant byte first.
    fn append(self, bytes: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field for $number {
            const BYTES: usize = size_of::<$number>();

            fn read(bytes: &[u8], big_endian: bool) -> Self {
                let mut raw = [0; size_of::<$number>()];
                raw.copy_from_slice(&bytes[..Self::BYTES]);
                if big_endian { Self::from_be_bytes(raw) } else { Self::from_le_bytes(raw) }
            }

            fn append(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}

numbers!(u8, i16, i32, i64, f32, f64);

impl<T: Field, const COUNT: usize> Field for [T; COUNT] {
    const BYTES: usize = COUNT * T::BYTES;

    fn read(bytes: &[u8], big_endian: bool) -> Self {
        std::array::from_fn(|at| T::read(&bytes[at * T::BYTES..], big_endian))
    }

    fn append(self, bytes: &mut Vec<u8>) {
        self.into_iter().for_each(|value| value.append(bytes));
    }
}

/// Makes the type, its reading and its writing of one table: name, type and offset of each field, in ascending order.
macro_rules! header {
    (
        $(#[$of:meta])* $header:ident of $size:ident bytes:
        $($(#[$about:meta])* $name:ident: $kind:ty = $offset:literal,)*
    ) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $header {
            $($(#[$about])* pub $name: $kind,)*
        }

        impl $header {
            /// The fields of a header in the byte order that `big_endian` says.
            pub fn read(bytes: &[u8; $size], big_endian: bool) -> Self {
                Self { $($name: <$kind as Field>::read(&bytes[$offset..], big_endian),)* }
            }

            /// The header's bytes, least significant first.
            pub fn to_bytes(&self) -> [u8; $size] {
                let mut bytes = [0; $size];
                $(
                    let mut field = Vec::with_capacity(<$kind as Field>::BYTES);
                    self.$name.append(&mut field);
                    bytes[$offset..$offset + field.len()].copy_from_slice(&field);
                )*
                bytes
            }

            /// Offset and length of each field, in bytes.
            #[cfg(test)]
            const PLACES: &'static [(usize, usize)] = &[$(($offset, <$kind as Field>::BYTES),)*];
        }
    };
}

header! {
    /// A NIfTI-1 header as stored: nothing in it is believed yet.
    Header of HEADER_BYTES bytes:
    /// 348 in the file's own byte order; 540 is NIfTI-2.
    sizeof_hdr: i32 = 0,
    /// Number of dimensions, then the size along each.
    dim: [i16; 8] = 40,
    /// What the numbers are ([`super::intent`]); 0: not said.
    intent_code: i16 = 68,
    /// Code of the voxels' type.
    datatype: i16 = 70,
    /// Bits per voxel.
    bitpix: i16 = 72,
    /// `qfac` (-1: the third axis of the quaternion's rotation is turned round), then the voxel's size along each
    /// dimension.
    pixdim: [f32; 8] = 76,
    /// Offset of the first voxel in the file, in bytes.
    vox_offset: f32 = 108,
    /// Stored value times this plus `scl_inter` is the value; 0: not scaled.
    scl_slope: f32 = 112,
    /// See `scl_slope`.
    scl_inter: f32 = 116,
    /// Unit of space in the low three bits (1 m, 2 mm, 3 um), of time in the next three.
    xyzt_units: u8 = 123,
    /// Any text, padded with zeros.
    descrip: [u8; 80] = 148,
    /// Above 0: the quaternion says where the voxels lie, and the number in which space.
    qform_code: i16 = 252,
    /// Above 0: `srow_x`, `srow_y`, `srow_z` say where the voxels lie.
    sform_code: i16 = 254,
    /// Of the unit quaternion (a, b, c, d) with a of 0 or more.
    quatern_b: f32 = 256,
    /// See `quatern_b`.
    quatern_c: f32 = 260,
    /// See `quatern_b`.
    quatern_d: f32 = 264,
    /// World x of the first voxel under the quaternion.
    qoffset_x: f32 = 268,
    /// World y of it.
    qoffset_y: f32 = 272,
    /// World z of it.
    qoffset_z: f32 = 276,
    /// First row of the voxel-to-world affine.
    srow_x: [f32; 4] = 280,
    /// Second row of it.
    srow_y: [f32; 4] = 296,
    /// Third row of it.
    srow_z: [f32; 4] = 312,
    /// "n+1\0": voxels in the same file; "ni1\0": in another.
    magic: [u8; 4] = 344,
}

header! {
    /// A NIfTI-2 header as stored: the same fields in wider types at other places.
    Header2 of HEADER_2_BYTES bytes:
    /// 540 in the file's own byte order.
    sizeof_hdr: i32 = 0,
    /// "n+2\0" and four bytes that a transfer as text would spoil.
    magic: [u8; 8] = 4,
    /// See [`Header::datatype`].
    datatype: i16 = 12,
    /// See [`Header::bitpix`].
    bitpix: i16 = 14,
    /// See [`Header::dim`].
    dim: [i64; 8] = 16,
    /// See [`Header::pixdim`].
    pixdim: [f64; 8] = 104,
    /// See [`Header::vox_offset`].
    vox_offset: i64 = 168,
    /// See [`Header::scl_slope`].
    scl_slope: f64 = 176,
    /// See [`Header::scl_slope`].
    scl_inter: f64 = 184,
    /// See [`Header::descrip`].
    descrip: [u8; 80] = 240,
    /// See [`Header::qform_code`].
    qform_code: i32 = 344,
    /// See [`Header::sform_code`].
    sform_code: i32 = 348,
    /// See [`Header::quatern_b`].
    quatern_b: f64 = 352,
    /// See [`Header::quatern_b`].
    quatern_c: f64 = 360,
    /// See [`Header::quatern_b`].
    quatern_d: f64 = 368,
    /// See [`Header::qoffset_x`].
    qoffset_x: f64 = 376,
    /// See [`Header::qoffset_y`].
    qoffset_y: f64 = 384,
    /// See [`Header::qoffset_z`].
    qoffset_z: f64 = 392,
    /// See [`Header::srow_x`].
    srow_x: [f64; 4] = 400,
    /// See [`Header::srow_y`].
    srow_y: [f64; 4] = 432,
    /// See [`Header::srow_z`].
    srow_z: [f64; 4] = 464,
    /// See [`Header::xyzt_units`].
    xyzt_units: i32 = 500,
    /// See [`Header::intent_code`].
    intent_code: i32 = 504,
}

impl Header {
    /// All fields 0.
    pub fn zeroed() -> Self {
        Self::read(&[0; HEADER_BYTES], false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_none_reaches_into_the_next() {
        for pair in Header::PLACES.windows(2).chain(Header2::PLACES.windows(2)) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?}");
        }
        assert_eq!((Header::PLACES.last(), Header2::PLACES.last()), (Some(&(344, 4)), Some(&(504, 4))));
    }

    /// Byte `k` is `k` (modulo 256): bytes 40 and 41 are 0x28 and 0x29.
    #[test]
    fn fields_by_hand_in_either_byte_order() {
        let bytes: [u8; HEADER_BYTES] = std::array::from_fn(|at| at as u8);
        let little = Header::read(&bytes, false);
        assert_eq!((little.sizeof_hdr, little.dim[0], little.datatype), (0x0302_0100, 0x2928, 0x4746));
        assert_eq!((little.dim[7], little.bitpix), (0x3736, 0x4948));
        assert_eq!(little.pixdim[1].to_bits(), 0x5352_5150);
        assert_eq!((little.xyzt_units, little.descrip[0], little.descrip[79]), (123, 148, 227));
        let big = Header::read(&bytes, true);
        assert_eq!((big.sizeof_hdr, big.dim[0], big.sform_code), (0x0001_0203, 0x2829, 0xfeff_u16 as i16));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let header = Header {
            sizeof_hdr: 348,
            dim: [3, 4, 5, 6, 1, 1, 1, 1],
            descrip: *b"SIMULATED padded to eighty bytes with dots......................................",
            srow_z: [0.0, -0.0, 2.5, f32::MIN_POSITIVE],
            magic: *b"n+1\0",
            ..Header::zeroed()
        };
        let bytes = header.to_bytes();
        assert_eq!(bytes[..4], [92, 1, 0, 0]);
        assert_eq!(bytes[40..44], [3, 0, 4, 0]);
        assert_eq!(Header::read(&bytes, false), header);
    }
}

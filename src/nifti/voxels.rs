//! Stored voxels to float32, a block at a time: the type is asked for once a block and not once a voxel, so that the
//! loops become vector instructions.

use super::layout::{Layout, Storage};

impl Layout {
    /// Decodes as many voxels as `values` holds from as many times [`Storage::bytes`] bytes: stored value times slope
    /// plus intercept, rounded once.
    pub fn decode(&self, raw: &[u8], values: &mut [f32]) {
        match self.storage {
            Storage::U8 => self.narrow(raw, values, |bytes| f32::from(u8::from_le_bytes(bytes))),
            Storage::I8 => self.narrow(raw, values, |bytes| f32::from(i8::from_le_bytes(bytes))),
            Storage::U16 => self.narrow(raw, values, |bytes| f32::from(u16::from_le_bytes(bytes))),
            Storage::I16 => self.narrow(raw, values, |bytes| f32::from(i16::from_le_bytes(bytes))),
            Storage::F32 => self.narrow(raw, values, f32::from_le_bytes),
            Storage::U32 => self.wide(raw, values, |bytes| f64::from(u32::from_le_bytes(bytes))),
            Storage::I32 => self.wide(raw, values, |bytes| f64::from(i32::from_le_bytes(bytes))),
            Storage::U64 => self.wide(raw, values, |bytes| u64::from_le_bytes(bytes) as f64),
            Storage::I64 => self.wide(raw, values, |bytes| i64::from_le_bytes(bytes) as f64),
            Storage::F64 => self.wide(raw, values, f64::from_le_bytes),
        }
    }

    /// Types whose values are all float32 values: without a scaling there is nothing to round.
    fn narrow<const BYTES: usize>(&self, raw: &[u8], values: &mut [f32], stored: impl Fn([u8; BYTES]) -> f32) {
        if self.slope == 1.0 && self.intercept == 0.0 {
            // The intercept makes 0 of -0, as it does in the scaling.
            let zero = self.intercept as f32;
            self.each(raw, values, |bytes| stored(bytes) + zero);
        } else {
            self.wide(raw, values, |bytes| f64::from(stored(bytes)));
        }
    }

    fn wide<const BYTES: usize>(&self, raw: &[u8], values: &mut [f32], stored: impl Fn([u8; BYTES]) -> f64) {
        let (slope, intercept) = (self.slope, self.intercept);
        self.each(raw, values, |bytes| (stored(bytes) * slope + intercept) as f32);
    }

    fn each<const BYTES: usize>(&self, raw: &[u8], values: &mut [f32], value: impl Fn([u8; BYTES]) -> f32) {
        let voxels = values.iter_mut().zip(raw.as_chunks().0);
        if self.big_endian {
            voxels.for_each(|(voxel, &(mut bytes))| {
                bytes.reverse();
                *voxel = value(bytes);
            })
        } else {
            voxels.for_each(|(voxel, &bytes)| *voxel = value(bytes))
        }
    }
}

/// Makes 0 of what is NaN or infinite.
pub(super) fn zero_non_finite(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = if value.is_finite() { *value } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::affine::Affine;
    use crate::nifti::grid::Grid;

    fn layout(storage: Storage, big_endian: bool, slope: f64, intercept: f64) -> Layout {
        let grid = Grid::new([2, 1, 1], Affine::IDENTITY);
        let (other, broken) = (None, None);
        let intent = crate::nifti::Intent::Image;
        Layout {
            grid,
            other,
            broken,
            stated: true,
            intent,
            storage,
            header: 348,
            big_endian,
            simulated: false,
            offset: 352,
            part: crate::nifti::Part::WHOLE,
            slope,
            intercept,
        }
    }

    #[test]
    fn every_type_in_either_byte_order_by_hand() {
        let cases: [(Storage, Vec<u8>, [f32; 2]); 10] = [
            (Storage::U8, vec![7, 255], [7.0, 255.0]),
            (Storage::I8, vec![7, 255], [7.0, -1.0]),
            (Storage::U16, [258u16, 65535].map(u16::to_le_bytes).concat(), [258.0, 65535.0]),
            (Storage::I16, [258i16, -2].map(i16::to_le_bytes).concat(), [258.0, -2.0]),
            (Storage::U32, [1u32 << 31, 3].map(u32::to_le_bytes).concat(), [2147483648.0, 3.0]),
            (Storage::I32, [-5i32, 70000].map(i32::to_le_bytes).concat(), [-5.0, 70000.0]),
            (Storage::U64, [1u64 << 63, 3].map(u64::to_le_bytes).concat(), [9223372036854775808.0, 3.0]),
            (Storage::I64, [-5i64, 70000].map(i64::to_le_bytes).concat(), [-5.0, 70000.0]),
            (Storage::F32, [-0.25f32, 1e30].map(f32::to_le_bytes).concat(), [-0.25, 1e30]),
            (Storage::F64, [-0.25f64, 1e30].map(f64::to_le_bytes).concat(), [-0.25, 1e30]),
        ];
        for (storage, raw, expected) in cases {
            let mut values = [9.0; 2];
            layout(storage, false, 1.0, 0.0).decode(&raw, &mut values);
            assert_eq!(values, expected, "{storage:?}");
            let turned: Vec<u8> = raw.chunks(storage.bytes()).flat_map(|voxel| voxel.iter().rev().copied()).collect();
            layout(storage, true, 2.0, 1.0).decode(&turned, &mut values);
            assert_eq!(values, expected.map(|value| (f64::from(value) * 2.0 + 1.0) as f32), "{storage:?}");
        }
    }

    #[test]
    fn a_scaling_that_does_nothing_gives_the_same_bits_as_none() {
        let raw = [-0.0f32, 0.0, 1e-42, -3.5].map(f32::to_le_bytes).concat();
        let (mut without, mut with) = ([9.0; 4], [9.0; 4]);
        let layout = layout(Storage::F32, false, 1.0, 0.0);
        layout.narrow(&raw, &mut without, f32::from_le_bytes);
        layout.wide(&raw, &mut with, |bytes| f64::from(f32::from_le_bytes(bytes)));
        assert_eq!(without.map(f32::to_bits), with.map(f32::to_bits));
        assert_eq!(without[0].to_bits(), 0);
    }

    #[test]
    fn what_is_not_finite_once_scaled_becomes_0() {
        let raw = [f32::NAN, 2.0, f32::NEG_INFINITY, 3e38].map(f32::to_le_bytes).concat();
        let mut values = [9.0; 4];
        layout(Storage::F32, false, 2.0, 0.0).decode(&raw, &mut values);
        zero_non_finite(&mut values);
        assert_eq!(values, [0.0, 4.0, 0.0, 0.0]);
    }
}

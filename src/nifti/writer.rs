//! NIfTI-1 volumes (`.nii.gz`) with the same bytes for the same values: no time stamp, fixed compression.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::volume::{Grid, Volume};
use crate::files;
use crate::problem::{Problem, Result};

/// A voxel type that NIfTI knows.
pub trait Element: Copy {
    /// NIfTI data type code and bits per voxel.
    const CODE: (i16, i16);
    type Bytes: AsRef<[u8]>;

    fn little_endian(self) -> Self::Bytes;
}

impl Element for f32 {
    const CODE: (i16, i16) = (16, 32);
    type Bytes = [u8; 4];

    fn little_endian(self) -> [u8; 4] {
        self.to_le_bytes()
    }
}

impl Element for u16 {
    const CODE: (i16, i16) = (512, 16);
    type Bytes = [u8; 2];

    fn little_endian(self) -> [u8; 2] {
        self.to_le_bytes()
    }
}

const HEADER: usize = 348;
/// Header and four bytes that say "no extensions".
const DATA_OFFSET: usize = 352;

/// Writes `volume` atomically. `description` goes to the header's `descrip`, of which NIfTI keeps 79 bytes.
pub fn write<T: Element>(path: &Path, volume: &Volume<T>, description: &str) -> Result<()> {
    let mut bytes = Vec::with_capacity(DATA_OFFSET + volume.data.len() * T::CODE.1 as usize / 8);
    bytes.extend_from_slice(&header(volume.grid, T::CODE, description));
    bytes.extend_from_slice(&[0; DATA_OFFSET - HEADER]);
    for &value in &volume.data {
        bytes.extend_from_slice(value.little_endian().as_ref());
    }
    let file = files::writer(path)?;
    let mut gz = GzBuilder::new().mtime(0).write(file, Compression::new(4));
    let failed = |error| Problem::io(path, "writing", error);
    gz.write_all(&bytes).map_err(failed)?;
    gz.finish().map_err(failed)?.commit()
}

/// Little-endian, RAS axes, origin at the grid's centre, in both sform and qform.
fn header(grid: Grid, (code, bits): (i16, i16), description: &str) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &(HEADER as i32).to_le_bytes());
    // dim: three dimensions, the rest 1.
    for (k, n) in [3, grid.shape[0], grid.shape[1], grid.shape[2], 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * k, &(n as i16).to_le_bytes());
    }
    put(70, &code.to_le_bytes());
    put(72, &bits.to_le_bytes());
    // pixdim[0] is qfac, the handedness of the quaternion's axes.
    for (k, size) in [1.0, grid.voxel_mm[0], grid.voxel_mm[1], grid.voxel_mm[2]].into_iter().enumerate() {
        put(76 + 4 * k, &(size as f32).to_le_bytes());
    }
    put(108, &(DATA_OFFSET as f32).to_le_bytes());
    // scl_slope 1, scl_inter 0.
    put(112, &1f32.to_le_bytes());
    // xyzt_units: mm.
    put(123, &[2]);
    let description = description.as_bytes();
    put(148, &description[..description.len().min(79)]);
    // qform and sform codes: scanner coordinates.
    put(252, &1i16.to_le_bytes());
    put(254, &1i16.to_le_bytes());
    for (row, line) in grid.affine().iter().enumerate() {
        put(268 + 4 * row, &(line[3] as f32).to_le_bytes());
        for (column, value) in line.iter().enumerate() {
            put(280 + 16 * row + 4 * column, &(*value as f32).to_le_bytes());
        }
    }
    put(344, b"n+1\0");
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use nifti::{IntoNdArray, NiftiObject, ReaderOptions};

    #[test]
    fn another_reader_finds_the_values_and_the_axes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let grid = Grid::new([4, 3, 2], [0.4, 0.5, 1.0]);
        let volume = Volume::from_fn(grid, |[x, y, z]| x as f32 + 10.0 * y as f32 + 100.0 * z as f32 + 0.5);
        write(&path, &volume, "SIMULATED by a test").unwrap();
        let read = ReaderOptions::new().read_file(&path).unwrap();
        let header = read.header().clone();
        assert_eq!(&header.dim[..4], &[3, 4, 3, 2]);
        assert!(header.descrip.starts_with(b"SIMULATED"));
        assert_eq!(header.srow_x, [0.4, 0.0, 0.0, -0.6]);
        assert_eq!((header.quatern_x, header.quatern_z), (-0.6, -0.5));
        let array = read.into_volume().into_ndarray::<f32>().unwrap();
        assert_eq!(array[[3, 2, 1]], 123.5);
        assert_eq!(array[[1, 0, 0]], 1.5);
    }

    #[test]
    fn the_same_values_are_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a.nii.gz", "b.nii.gz"].map(|name| folder.path().join(name));
        let labels = Volume::from_fn(Grid::new([5, 5, 5], [1.0; 3]), |[x, ..]| x as u16);
        write(&a, &labels, "x").unwrap();
        write(&b, &labels, "x").unwrap();
        assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    }
}

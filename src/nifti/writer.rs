//! NIfTI-1 volumes (`.nii.gz`) with the same bytes for the same values: no time stamp, fixed compression.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use super::grid::Grid;
use super::header::{HEADER_BYTES, Header};
use super::layout::FIRST_VOXEL;
use super::volume::Volume;
use crate::files;
use crate::problem::{Kind, Problem, Result};

/// A voxel type that is written.
pub trait Element: Copy {
    /// Its code in the header.
    const DATATYPE: i16;
    /// Its bytes.
    type Bytes: AsRef<[u8]>;

    /// Least significant byte first.
    fn little_endian(self) -> Self::Bytes;
}

impl Element for f32 {
    const DATATYPE: i16 = 16;
    type Bytes = [u8; 4];

    fn little_endian(self) -> [u8; 4] {
        self.to_le_bytes()
    }
}

impl Element for u8 {
    const DATATYPE: i16 = 2;
    type Bytes = [u8; 1];

    fn little_endian(self) -> [u8; 1] {
        [self]
    }
}

impl Element for u16 {
    const DATATYPE: i16 = 512;
    type Bytes = [u8; 2];

    fn little_endian(self) -> [u8; 2] {
        self.to_le_bytes()
    }
}

/// What a reader of the volume does not see, but the file's bytes show.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Style {
    /// Of gzip, 0 to 9.
    compression: u32,
    /// `pixdim` of the dimensions that a volume does not have.
    unused_pixdim: f32,
}

/// Of whole volumes: they are large.
const VOLUME: Style = Style { compression: 4, unused_pixdim: 0.0 };

/// Of single slices.
const SLICE: Style = Style { compression: 6, unused_pixdim: 1.0 };

/// Writes `volume` atomically. `description` goes to the header's `descrip`, of which NIfTI keeps 79 bytes.
///
/// # Errors
/// More voxels along an axis than NIfTI-1 can say (32767), data that do not fill the grid, or a disk that is full.
pub fn write<T: Element>(path: &Path, volume: &Volume<T>, description: &str) -> Result<()> {
    write_as(path, volume, description, VOLUME)
}

/// Writes `values` (`width` x `height`, x fastest) as a volume one slice deep.
///
/// `voxel_mm` is depth, height, width; the affine has no rotation and puts the image's centre at the origin. At most
/// 79 bytes of `description` are kept.
///
/// # Errors
/// Those of [`write`].
pub fn write_slice(
    path: &Path,
    values: &[f32],
    [width, height]: [usize; 2],
    [depth_mm, height_mm, width_mm]: [f64; 3],
    description: &str,
) -> Result<()> {
    let grid = Grid::centred([width, height, 1], [width_mm, height_mm, depth_mm]);
    write_as(path, &Volume { grid, data: values.to_vec() }, description, SLICE)
}

fn write_as<T: Element>(path: &Path, volume: &Volume<T>, description: &str, style: Style) -> Result<()> {
    let header = header::<T>(&volume.grid, description, style).map_err(|problem| problem.at(path))?;
    if volume.data.len() != volume.grid.voxels() {
        let found = format!("{} values for {:?} voxels", volume.data.len(), volume.grid.shape);
        return Err(Problem::new(Kind::Internal, found).at(path));
    }
    let mut bytes = Vec::with_capacity(FIRST_VOXEL as usize + size_of_val(volume.data.as_slice()));
    bytes.extend_from_slice(&header.to_bytes());
    // Four bytes that say "no extensions".
    bytes.resize(FIRST_VOXEL as usize, 0);
    for &value in &volume.data {
        bytes.extend_from_slice(value.little_endian().as_ref());
    }
    let file = files::writer(path)?;
    let mut gz = GzBuilder::new().mtime(0).write(file, Compression::new(style.compression));
    let failed = |error| Problem::io(path, "writing", error);
    gz.write_all(&bytes).map_err(failed)?;
    gz.finish().map_err(failed)?.commit()
}

/// Little-endian; the affine as sform, and as qform where that needs no rotation.
fn header<T: Element>(grid: &Grid, description: &str, style: Style) -> Result<Header> {
    const MILLIMETRES: u8 = 2;
    const SCANNER: i16 = 1;
    let mut dim = [1; 8];
    dim[0] = 3;
    let mut pixdim = [style.unused_pixdim; 8];
    // qfac: the quaternion's axes are right-handed.
    pixdim[0] = 1.0;
    for axis in 0..3 {
        dim[1 + axis] = i16::try_from(grid.shape[axis]).map_err(|_| {
            Problem::new(Kind::Input, format!("{} voxels along one axis", grid.shape[axis]))
                .expected("at most 32767, which is all that NIfTI-1 can say")
        })?;
        pixdim[1 + axis] = grid.voxel_mm()[axis] as f32;
    }
    let mut descrip = [0; 80];
    let kept = description.len().min(79);
    descrip[..kept].copy_from_slice(&description.as_bytes()[..kept]);
    let affine = grid.affine();
    let first = affine.column(3).map(|mm| mm as f32);
    let [srow_x, srow_y, srow_z] = affine.0.map(|row| row.map(|value| value as f32));
    Ok(Header {
        sizeof_hdr: HEADER_BYTES as i32,
        dim,
        datatype: T::DATATYPE,
        bitpix: 8 * size_of::<T>() as i16,
        pixdim,
        vox_offset: FIRST_VOXEL as f32,
        scl_slope: 1.0,
        xyzt_units: MILLIMETRES,
        descrip,
        // Quaternion b, c, d are zero: no rotation.
        qform_code: if affine.is_upright() { SCANNER } else { 0 },
        sform_code: SCANNER,
        qoffset_x: first[0],
        qoffset_y: first[1],
        qoffset_z: first[2],
        srow_x,
        srow_y,
        srow_z,
        magic: *b"n+1\0",
        ..Header::zeroed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::affine::Affine;
    use crate::nifti::{Form, open};
    use nifti::{IntoNdArray, NiftiObject, NiftiVolume, RandomAccessNiftiVolume, ReaderOptions};

    #[test]
    fn another_reader_finds_the_values_and_the_axes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let grid = Grid::centred([4, 3, 2], [0.4, 0.5, 1.0]);
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
    fn a_slice_comes_back_with_its_size_voxels_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let values: Vec<f32> = (0..12).map(|v| v as f32 * 0.01).collect();
        write_slice(&path, &values, [4, 3], [2.0, 0.5, 0.4], "SYNTHETIC").unwrap();
        let object = ReaderOptions::new().read_file(&path).unwrap();
        let header = object.header();
        assert_eq!(header.dim[..4], [3, 4, 3, 1]);
        assert_eq!(header.pixdim[1..4], [0.4, 0.5, 2.0]);
        assert_eq!(header.srow_x, [0.4, 0.0, 0.0, -0.6]);
        assert_eq!(header.srow_y, [0.0, 0.5, 0.0, -0.5]);
        assert_eq!(header.srow_z, [0.0, 0.0, 2.0, 0.0]);
        assert_eq!(object.volume().dim(), [4, 3, 1]);
        approx::assert_relative_eq!(object.volume().get_f32(&[3, 1, 0]).unwrap(), 0.07);
    }

    #[test]
    fn a_turned_volume_keeps_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turned.nii.gz");
        let affine = Affine([[0.0, -0.5, 0.0, 9.0], [0.5, 0.0, 0.0, -3.0], [0.0, 0.0, 2.0, 1.0]]);
        let volume = Volume::from_fn(Grid::new([2, 3, 2], affine), |[x, y, z]| (x + 2 * y + 6 * z) as f32);
        write(&path, &volume, "").unwrap();
        assert_eq!(open(&path, Form::Sform).unwrap().read_into(Vec::new()).unwrap().volume, volume);
    }

    #[test]
    fn the_same_values_are_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a.nii.gz", "b.nii.gz"].map(|name| folder.path().join(name));
        let labels = Volume::from_fn(Grid::centred([5, 5, 5], [1.0; 3]), |[x, ..]| x as u16);
        write(&a, &labels, "x").unwrap();
        write(&b, &labels, "x").unwrap();
        assert_eq!(std::fs::read(a).unwrap(), std::fs::read(b).unwrap());
    }

    #[test]
    fn what_nifti_cannot_say_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let problem = write_slice(&path, &[0.0; 40_000], [40_000, 1], [1.0; 3], "").unwrap_err().to_string();
        assert!(problem.contains("a.nii.gz: 40000 voxels along one axis"), "{problem}");
        assert!(write_slice(&path, &[0.0; 5], [2, 3], [1.0; 3], "").is_err());
        assert!(!path.exists());
    }
}

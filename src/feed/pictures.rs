//! Images of the network's range as pictures and as one-slice NIfTI files.

use std::io::Write;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::files;
use crate::problem::{Problem, Result};
use crate::raster::{BLACK, Canvas};
use crate::records::label::Contrast;

/// Pixels between two images of a grid.
const GAP: usize = 2;

/// How an image of three channels is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As red, green and blue.
    Colour,
    /// Each channel in grey, side by side.
    Grey,
}

impl Look {
    /// Plain pictures of three channels are photographs; maps of three kinds are not.
    pub fn of(contrasts: &[Contrast]) -> Self {
        let photograph = contrasts.iter().all(|contrast| contrast.unit == "grey level");
        if photograph && (contrasts.len() == 3 || contrasts.is_empty()) { Self::Colour } else { Self::Grey }
    }
}

/// One image \[channels, height, width\] in the network's range.
pub fn canvas(pixels: &[f32], [channels, height, width]: [usize; 3], look: Look) -> Canvas {
    let plane = height * width;
    let planes: Vec<&[f32]> = pixels.chunks_exact(plane).collect();
    let (Look::Colour, &[red, green, blue]) = (look, planes.as_slice()) else {
        let parts: Vec<Canvas> = planes.iter().map(|plane| Canvas::grey(width, plane)).collect();
        return Canvas::tiled(&parts, channels, 0, BLACK);
    };
    let mut colour = Canvas::new(width, height, BLACK);
    for (at, ((&r, &g), &b)) in red.iter().zip(green).zip(blue).enumerate() {
        colour.set(at % width, at / width, [r, g, b].map(|level| crate::raster::grey(level)[0]));
    }
    colour
}

/// Images in a square grid; small ones enlarged.
pub fn grid(cells: &[Canvas]) -> Canvas {
    let columns = (cells.len() as f64).sqrt().ceil() as usize;
    let sheet = Canvas::tiled(cells, columns, GAP, BLACK);
    let largest = cells.iter().map(Canvas::width).max().unwrap_or(0);
    if largest < 128 { sheet.enlarged(2) } else { sheet }
}

/// Writes `values` (`width` x `height`, x fastest) as a gzipped NIfTI-1 volume one slice deep.
///
/// `voxel_mm` is depth, height, width; the affine has no rotation and puts the image's centre at the origin. At most
/// 79 characters of `description` are stored. The same values give the same bytes.
pub fn write_slice_nifti(
    path: &Path,
    values: &[f32],
    [width, height]: [usize; 2],
    voxel_mm: [f64; 3],
    description: &str,
) -> Result<()> {
    let mut file = nifti_header([width, height], voxel_mm, description);
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    let failed = |error| Problem::io(path, "compressing", error);
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
    packed.write_all(&file).map_err(failed)?;
    files::write(path, &packed.finish().map_err(failed)?)
}

/// A little-endian NIfTI-1 header with the four bytes that say "no extension" (nifti1.h).
fn nifti_header([width, height]: [usize; 2], [depth_mm, height_mm, width_mm]: [f64; 3], description: &str) -> Vec<u8> {
    const FLOAT32: i16 = 16;
    const MILLIMETRES: u8 = 2;
    const SCANNER: i16 = 1;
    let mut header = vec![0u8; 352];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &348i32.to_le_bytes());
    for (index, size) in [3, width as i16, height as i16, 1, 1, 1, 1, 1].into_iter().enumerate() {
        put(40 + 2 * index, &size.to_le_bytes());
    }
    put(70, &FLOAT32.to_le_bytes());
    put(72, &32i16.to_le_bytes());
    let spacing = [1.0, width_mm, height_mm, depth_mm, 1.0, 1.0, 1.0, 1.0];
    for (index, size) in spacing.into_iter().enumerate() {
        put(76 + 4 * index, &(size as f32).to_le_bytes());
    }
    put(108, &352f32.to_le_bytes());
    put(112, &1f32.to_le_bytes());
    put(123, &[MILLIMETRES]);
    let text = &description.as_bytes()[..description.len().min(79)];
    put(148, text);
    put(252, &SCANNER.to_le_bytes());
    put(254, &SCANNER.to_le_bytes());
    let origin = [-(width as f64 - 1.0) / 2.0 * width_mm, -(height as f64 - 1.0) / 2.0 * height_mm, 0.0];
    // Quaternion b, c, d are zero: no rotation.
    for (index, offset) in origin.into_iter().enumerate() {
        put(268 + 4 * index, &(offset as f32).to_le_bytes());
    }
    for (row, (size, offset)) in [width_mm, height_mm, depth_mm].into_iter().zip(origin).enumerate() {
        put(280 + 16 * row + 4 * row, &(size as f32).to_le_bytes());
        put(280 + 16 * row + 12, &(offset as f32).to_le_bytes());
    }
    put(344, b"n+1\0");
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use nifti::{NiftiObject, NiftiVolume, RandomAccessNiftiVolume, ReaderOptions};

    #[test]
    fn a_slice_comes_back_with_its_size_voxels_and_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        let values: Vec<f32> = (0..12).map(|v| v as f32 * 0.01).collect();
        write_slice_nifti(&path, &values, [4, 3], [2.0, 0.5, 0.4], "SYNTHETIC").unwrap();
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
    fn one_channel_is_grey_two_lie_side_by_side_three_may_be_colour() {
        let pixels = [-1.0, 1.0, 1.0];
        assert_eq!(canvas(&pixels[..1], [1, 1, 1], Look::Colour).get(0, 0), Some([0; 3]));
        let two = canvas(&pixels[..2], [2, 1, 1], Look::Colour);
        assert_eq!((two.width(), two.get(1, 0)), (2, Some([255; 3])));
        assert_eq!(canvas(&pixels, [3, 1, 1], Look::Colour).get(0, 0), Some([0, 255, 255]));
        assert_eq!(canvas(&pixels, [3, 1, 1], Look::Grey).width(), 3);
    }
}

//! NumPy files of a projection: npy and npz bytes, and the reader for a user's images.

use std::io::{Cursor, Write};
use std::path::Path;

use tch::{Device, Kind as Type, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::files;
use crate::files::npy::{self, Npy};
use crate::files::{kind_of, npy_header};
use crate::problem::{Kind, Problem, Result};

/// Writes a float32 tensor as npy, replacing `path` in one step.
pub fn write_npy(path: &Path, tensor: &Tensor) -> Result<()> {
    files::write(path, &npy(path, tensor)?)
}

/// Writes named float32 tensors as npz, replacing `path` in one step.
pub fn write_npz(path: &Path, arrays: &[(&str, &Tensor)]) -> Result<()> {
    files::write(path, &npz(path, arrays)?)
}

/// The bytes of such a file; `path` names it in errors.
pub fn npz(path: &Path, arrays: &[(&str, &Tensor)]) -> Result<Vec<u8>> {
    let failed =
        |error: zip::result::ZipError| Problem::new(Kind::Internal, format!("zip: {error}")).at(path).because(error);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // Noise does not compress; NumPy's savez stores, too. A fixed date keeps equal results equal in bytes.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, tensor) in arrays {
        archive.start_file(format!("{name}.npy"), options).map_err(failed)?;
        archive.write_all(&npy(path, tensor)?).map_err(|error| Problem::io(path, "writing", error))?;
    }
    Ok(archive.finish().map_err(failed)?.into_inner())
}

fn npy(path: &Path, tensor: &Tensor) -> Result<Vec<u8>> {
    let shape: Vec<u64> = tensor.size().iter().map(|&n| n as u64).collect();
    let values = Vec::<f32>::try_from(tensor.to_device(Device::Cpu).to_kind(Type::Float).flatten(0, -1))?;
    npy::npy(&shape, &values).map_err(|problem| problem.at(path))
}

/// Reads back `count` float32 values that [`write_npy`] wrote.
pub fn read_plain(path: &Path, count: usize) -> Result<Vec<f32>> {
    let most = (npy_header::LONGEST + count.saturating_mul(size_of::<f32>())) as u64;
    let bytes = files::read(path, most, &format!("an array of {count} float32"))?;
    let named = |problem: Problem| problem.at(path).advice("delete the file and run the command again");
    let values: Vec<f32> = Npy::open(&bytes).and_then(Npy::values).map_err(named)?;
    if values.len() == count {
        return Ok(values);
    }
    Err(named(Problem::new(Kind::Input, format!("{} values instead of {count}", values.len()))))
}

/// Reads an image \[C, H, W\] in the network's range from an npy file of floating-point numbers, in C or Fortran order;
/// \[H, W\] is taken as one channel.
///
/// # Errors
/// Not such a file (what it is instead is told), another shape than `shape`, or values that are not finite or far
/// outside -1..1.
pub fn read_image(path: &Path, shape: [i64; 3]) -> Result<Vec<f32>> {
    let what =
        format!("a NumPy array (npy) of float32 {shape:?} (channels, height, width) in the network's range -1..1");
    let named = |problem: Problem| problem.at(path).expected(&what);
    let wrong = |found: String| named(Problem::new(Kind::Input, found));
    let (file, length) = kind_of::open(path, &what)?;
    let header = npy::header(&kind_of::start(path, &file, npy_header::LONGEST)?).map_err(named)?;
    let mut found: Vec<i64> = header.shape.iter().map(|&n| n as i64).collect();
    if found.len() == 2 {
        found.insert(0, 1);
    }
    if found != shape {
        return Err(wrong(format!("an array of shape {:?}", header.shape)));
    }
    if length - (header.start as u64).min(length) != header.bytes {
        let held = length - (header.start as u64).min(length);
        return Err(wrong(format!(
            "an npy file with {held} bytes of values where its header promises {}",
            header.bytes
        )));
    }
    let bytes = files::read(path, length, &what)?;
    let values = Npy::open(&bytes).and_then(Npy::floats).map_err(named)?;
    match values.iter().find(|value| !value.is_finite() || value.abs() > 4.0) {
        Some(value) => Err(wrong(format!("a value of {value}"))),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::NpyFile;

    #[test]
    fn arrays_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let tensor = Tensor::arange(6, (Type::Float, Device::Cpu)).view([1, 2, 3]) / 10.0;
        write_npy(&path, &tensor).unwrap();
        assert_eq!(read_image(&path, [1, 2, 3]).unwrap(), [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]);
        let path = folder.path().join("a.npz");
        write_npz(&path, &[("w", &tensor), ("noise.b4", &tensor.view([6]))]).unwrap();
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        for (name, shape) in [("w.npy", vec![1, 2, 3]), ("noise.b4.npy", vec![6])] {
            let array = NpyFile::new(archive.by_name(name).unwrap()).unwrap();
            assert_eq!(array.shape(), shape);
            assert_eq!(array.into_vec::<f32>().unwrap()[5], 0.5);
        }
    }

    #[test]
    fn images_that_do_not_fit_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.npy");
        write_npy(&path, &Tensor::zeros([4, 4], (Type::Float, Device::Cpu))).unwrap();
        assert_eq!(read_image(&path, [1, 4, 4]).unwrap().len(), 16);
        assert!(read_image(&path, [3, 4, 4]).unwrap_err().to_string().contains("image.npy"));
        write_npy(&path, &Tensor::full([4, 4], 128.0, (Type::Float, Device::Cpu))).unwrap();
        assert!(read_image(&path, [1, 4, 4]).unwrap_err().to_string().contains("128"));
        std::fs::write(&path, b"x").unwrap();
        assert!(read_image(&path, [1, 4, 4]).is_err());
    }
}

//! NumPy's npy files of float32 and u8: bytes out, bytes in, every promise of the header checked.

use npyz::{AutoSerialize, Deserialize, NpyFile, Order, WriterBuilder};

use crate::problem::{Kind, Problem, Result};

/// What arrays consist of.
pub trait Element: AutoSerialize + Deserialize + Copy {
    /// Appends the values' bytes, least significant first, all in one go.
    fn append(values: &[Self], bytes: &mut Vec<u8>);
}

impl Element for f32 {
    fn append(values: &[f32], bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + size_of_val(values), 0);
        for (stored, value) in bytes[start..].as_chunks_mut().0.iter_mut().zip(values) {
            *stored = value.to_le_bytes();
        }
    }
}

impl Element for u8 {
    fn append(values: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(values);
    }
}

/// The bytes of a file that holds `values`, as many as `shape` says, in C order.
///
/// # Errors
/// More or fewer values, which is a defect of the program.
pub fn npy<T: Element>(shape: &[u64], values: &[T]) -> Result<Vec<u8>> {
    if shape.iter().product::<u64>() != values.len() as u64 {
        return Err(Problem::new(Kind::Internal, format!("{} values for a shape of {shape:?}", values.len())));
    }
    let mut bytes = Vec::with_capacity(size_of_val(values) + 128);
    let header = npyz::WriteOptions::<T>::new().default_dtype().shape(shape).writer(&mut bytes);
    header
        .write_header_only()
        .map_err(|error| Problem::new(Kind::Internal, format!("no npy header for {shape:?}: {error}")))?;
    T::append(values, &mut bytes);
    Ok(bytes)
}

/// A file's header, its values still as bytes: so that whoever reads it can look at the shape first.
pub struct Npy<'a>(NpyFile<&'a [u8]>);

impl<'a> Npy<'a> {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// No npy file, or one in Fortran order; the file has no name yet.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let file =
            NpyFile::new(bytes).map_err(|error| Problem::new(Kind::Input, format!("not an npy file: {error}")))?;
        if file.order() != Order::C {
            return Err(Problem::new(Kind::Input, format!("an array of shape {:?} in Fortran order", file.shape()))
                .expected("C order")
                .advice("save numpy.ascontiguousarray(array)"));
        }
        Ok(Self(file))
    }

    /// Slowest axis first.
    pub fn shape(&self) -> &[u64] {
        self.0.shape()
    }

    /// The values, as many as the shape says.
    ///
    /// # Errors
    /// Values of another type, or fewer than promised.
    pub fn values<T: Element>(self) -> Result<Vec<T>> {
        let found = self.0.dtype().descr();
        let damaged = |error| Problem::new(Kind::Input, format!("damaged npy file: {error}"));
        match self.0.data() {
            Ok(values) => values.collect::<std::io::Result<_>>().map_err(damaged),
            Err(_) => {
                Err(Problem::new(Kind::Input, format!("values of type {found}")).expected(T::default_dtype().descr()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Format 1.0: magic, version, length of the header, header padded with spaces to a multiple of 64, values.
    #[test]
    fn three_bytes_by_hand() {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, ), }";
        let expected =
            [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), format!("{header:117}\n").as_bytes(), &[7, 8, 255]].concat();
        let bytes = npy(&[3], &[7u8, 8, 255]).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
        let array = Npy::open(&bytes).unwrap();
        assert_eq!(array.shape(), [3]);
        assert_eq!(array.values::<u8>().unwrap(), [7, 8, 255]);
    }

    #[test]
    fn types_and_orders_are_told_apart() {
        let bytes = npy(&[2, 1], &[1.5f32, -0.0]).unwrap();
        assert_eq!(Npy::open(&bytes).unwrap().values::<f32>().unwrap(), [1.5, -0.0]);
        let problem = Npy::open(&bytes).unwrap().values::<u8>().unwrap_err().to_string();
        assert!(problem.contains("values of type '<f4'; expected '|u1'"), "{problem}");
        let at = bytes.windows(5).position(|five| five == b"False").unwrap();
        let mut fortran = bytes.clone();
        fortran[at..at + 5].copy_from_slice(b"True ");
        assert!(Npy::open(&fortran).err().unwrap().to_string().contains("Fortran"));
    }

    #[test]
    fn every_cut_is_a_problem_and_none_a_panic() {
        assert_eq!(npy(&[2, 3], &[1u8; 5]).unwrap_err().kind(), Kind::Internal);
        let bytes = npy(&[5], &[1u8, 2, 3, 4, 5]).unwrap();
        for end in 0..bytes.len() {
            assert!(Npy::open(&bytes[..end]).and_then(Npy::values::<u8>).is_err(), "cut at {end}");
        }
    }
}

//! NumPy's npy files: bytes of float32 and u8 arrays out, and in what NumPy may have written, every promise of the
//! header checked (format: `numpy.lib.format`).

use npyz::{AutoSerialize, WriterBuilder};

use super::kind_of::FileKind;
use super::npy_header::{Header, Number, Scalar};
use crate::problem::{Kind, Problem, Result};

/// What arrays consist of.
pub trait Element: AutoSerialize + Copy {
    /// Their type as npy names it.
    const DESCR: &'static str;

    /// Appends the values' bytes, least significant first, all in one go.
    fn append(values: &[Self], bytes: &mut Vec<u8>);

    /// The way back.
    fn taken(bytes: &[u8]) -> Vec<Self>;

    /// Whether it is a number: neither NaN nor infinite.
    fn is_number(self) -> bool {
        true
    }
}

impl Element for f32 {
    const DESCR: &'static str = "<f4";

    fn append(values: &[f32], bytes: &mut Vec<u8>) {
        let start = bytes.len();
        bytes.resize(start + size_of_val(values), 0);
        for (stored, value) in bytes[start..].as_chunks_mut().0.iter_mut().zip(values) {
            *stored = value.to_le_bytes();
        }
    }

    fn taken(bytes: &[u8]) -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|stored| f32::from_le_bytes(*stored)).collect()
    }

    fn is_number(self) -> bool {
        self.is_finite()
    }
}

impl Element for u8 {
    const DESCR: &'static str = "|u1";

    fn append(values: &[u8], bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(values);
    }

    fn taken(bytes: &[u8]) -> Vec<u8> {
        bytes.to_vec()
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
#[derive(Debug)]
pub struct Npy<'a> {
    header: Header,
    /// As many as the header promises.
    data: &'a [u8],
}

impl<'a> Npy<'a> {
    /// Takes a file's bytes.
    ///
    /// # Errors
    /// No npy file (what it is instead is told), a header beyond its limits, or more or fewer values than it promises;
    /// the file has no name yet.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let header = header(bytes)?;
        let data = &bytes[header.start..];
        if header.bytes != data.len() as u64 {
            let found = format!(
                "an npy file with {} bytes of values where an array of shape {:?} has {}",
                data.len(),
                header.shape,
                header.bytes
            );
            return Err(Problem::new(Kind::Input, found).advice("the file is cut off or damaged; write it again"));
        }
        Ok(Self { header, data })
    }

    /// Slowest axis first.
    pub fn shape(&self) -> &[u64] {
        &self.header.shape
    }

    /// The values in C order, as many as the shape says.
    ///
    /// # Errors
    /// Values of another type.
    pub fn values<T: Element>(self) -> Result<Vec<T>> {
        if self.header.number.descr() != T::DESCR {
            return Err(Problem::new(Kind::Input, format!("values of type '{}'", self.header.descr))
                .expected(format!("'{}'", T::DESCR)));
        }
        Ok(self.in_c_order(T::taken(self.data)))
    }

    /// The values as float32 in C order: of any floating-point type in either byte order, rounded to the nearest.
    ///
    /// # Errors
    /// Values that are no floating-point numbers.
    pub fn floats(self) -> Result<Vec<f32>> {
        let Number { scalar, big } = self.header.number;
        let values = match scalar {
            Scalar::F16 => of::<2>(self.data, big, |bytes| widened(u16::from_le_bytes(bytes))),
            Scalar::F32 => of::<4>(self.data, big, f32::from_le_bytes),
            Scalar::F64 => of::<8>(self.data, big, |bytes| f64::from_le_bytes(bytes) as f32),
            Scalar::U8 | Scalar::Whole(_) => {
                return Err(Problem::new(Kind::Input, format!("whole numbers (type '{}')", self.header.descr))
                    .advice("scale the array and save it as float32: array.astype(numpy.float32)"));
            }
        };
        Ok(self.in_c_order(values))
    }

    /// `values` as they lie in the file, in C order.
    fn in_c_order<T: Copy>(&self, values: Vec<T>) -> Vec<T> {
        let shape: Vec<usize> = self.header.shape.iter().map(|&side| side as usize).collect();
        if !self.header.fortran || shape.len() < 2 {
            return values;
        }
        let mut strides = vec![1; shape.len()];
        for axis in 1..shape.len() {
            strides[axis] = strides[axis - 1] * shape[axis - 1];
        }
        let mut place = vec![0; shape.len()];
        let mut ordered = Vec::with_capacity(values.len());
        while ordered.len() < values.len() {
            ordered.push(values[place.iter().zip(&strides).map(|(at, stride)| at * stride).sum::<usize>()]);
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                if place[axis] < shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        ordered
    }
}

/// The header of the file that begins with `start`, of which the first [`super::npy_header::LONGEST`] bytes are enough.
///
/// # Errors
/// No npy file (what it is instead is told), or a header beyond its limits; the file has no name yet.
pub fn header(start: &[u8]) -> Result<Header> {
    if start.starts_with(b"\x93NUMPY") {
        return Header::parse(start);
    }
    Err(FileKind::mistaken(start, "a NumPy array (npy)", |kind| {
        Some(match kind {
            Some(FileKind::NumpyArchive) => "save each array as a file of its own with numpy.save".into(),
            _ => "save it from Python with numpy.save".into(),
        })
    }))
}

/// Numbers of N bytes each.
fn of<const N: usize>(bytes: &[u8], big: bool, number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    let ordered = |stored: &[u8; N]| {
        let mut bytes = *stored;
        if big {
            bytes.reverse();
        }
        number(bytes)
    };
    bytes.as_chunks().0.iter().map(ordered).collect()
}

/// IEEE 754 binary16 to binary32, exactly.
fn widened(half: u16) -> f32 {
    let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 31), f32::from(half & 0x3ff));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
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

    /// A file of format 1.0 with this header's words and these values.
    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
    }

    #[test]
    fn types_and_orders_are_told_apart() {
        let bytes = npy(&[2, 1], &[1.5f32, -0.0]).unwrap();
        assert_eq!(Npy::open(&bytes).unwrap().values::<f32>().unwrap(), [1.5, -0.0]);
        let problem = Npy::open(&bytes).unwrap().values::<u8>().unwrap_err().to_string();
        assert!(problem.contains("values of type '<f4'; expected '|u1'"), "{problem}");
        // Two rows of three, column after column.
        let bytes = file("|u1", "True", "(2, 3)", &[1, 4, 2, 5, 3, 6]);
        assert_eq!(Npy::open(&bytes).unwrap().values::<u8>().unwrap(), [1, 2, 3, 4, 5, 6]);
        // Entry (i, j, k) of 2 x 3 x 2 is 100 i + 10 j + k.
        let fortran: Vec<u8> = (0..12).map(|at| at % 2 * 100 + at / 2 % 3 * 10 + at / 6).collect();
        let c: Vec<u8> = (0..12).map(|at| at / 6 * 100 + at / 2 % 3 * 10 + at % 2).collect();
        assert_eq!(Npy::open(&file("|u1", "True", "(2, 3, 2)", &fortran)).unwrap().values::<u8>().unwrap(), c);
    }

    #[test]
    fn floating_point_numbers_of_every_width_and_byte_order_become_float32() {
        let values = [1.5f32, -0.25, 2048.0];
        let halves = [0x3e00u16, 0xb400, 0x6800];
        let little: [(&str, Vec<u8>); 3] = [
            ("f2", halves.map(u16::to_le_bytes).concat()),
            ("f4", values.map(f32::to_le_bytes).concat()),
            ("f8", values.map(|value| f64::from(value).to_le_bytes()).concat()),
        ];
        for (name, bytes) in little {
            let width = bytes.len() / 3;
            let big: Vec<u8> = bytes.chunks(width).flat_map(|number| number.iter().rev().copied()).collect();
            for (order, data) in [("<", &bytes), (">", &big)] {
                let file = file(&format!("{order}{name}"), "False", "(3,)", data);
                assert_eq!(Npy::open(&file).unwrap().floats().unwrap(), values, "{order}{name}");
            }
        }
        // The least and the largest half, an infinity and a NaN.
        assert_eq!([0x0001, 0x7bff, 0xfc00].map(widened), [2f32.powi(-24), 65504.0, f32::NEG_INFINITY]);
        assert!(widened(0x7e00).is_nan());
        for descr in ["|u1", "|i1", "<i2", ">u4", "<i8", "|b1"] {
            let width = usize::from(descr.as_bytes()[2] - b'0');
            let file = file(descr, "False", "(1,)", &vec![0; width]);
            let problem = Npy::open(&file).unwrap().floats().unwrap_err().to_string();
            assert!(problem.contains(descr) && problem.contains("float32"), "{problem}");
        }
    }

    #[test]
    fn every_cut_is_a_problem_and_none_a_panic() {
        assert_eq!(npy(&[2, 3], &[1u8; 5]).unwrap_err().kind(), Kind::Internal);
        let bytes = npy(&[5], &[1u8, 2, 3, 4, 5]).unwrap();
        for end in 0..bytes.len() {
            assert!(Npy::open(&bytes[..end]).and_then(Npy::values::<u8>).is_err(), "cut at {end}");
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert!(Npy::open(&longer).unwrap_err().to_string().contains("6 bytes of values"));
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, says) in [
            (b"\x89PNG\r\n\x1a\n".as_slice(), "a PNG picture; expected a NumPy array"),
            (b"", "an empty file"),
            (b"x", "unknown kind"),
        ] {
            let problem = Npy::open(bytes).unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }
}

//! The header of an npy file: a Python literal of three entries, read by hand within a length and without nesting.

use crate::name;
use crate::problem::{Kind, Problem, Result};

/// Magic, version, length and the longest header: NumPy's own of an array take some 128 bytes.
pub const LONGEST: usize = 12 + (1 << 16);

/// Most axes: NumPy's own limit.
const MOST_AXES: usize = 64;

/// What a file says of its array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Slowest axis first.
    pub shape: Vec<u64>,
    /// Whether the first axis runs fastest.
    pub fortran: bool,
    /// Type of the elements as written.
    pub descr: String,
    /// The same.
    pub number: Number,
    /// First byte of the values.
    pub start: usize,
    /// Bytes of the values.
    pub bytes: u64,
}

/// A type of elements with its byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// The type.
    pub scalar: Scalar,
    /// Whether the most significant byte comes first.
    pub big: bool,
}

/// Types of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// Unsigned, one byte.
    U8,
    /// Any other whole or truth value, of so many bytes.
    Whole(u64),
}

impl Number {
    /// The name of what this program writes; empty for what it does not.
    pub fn descr(self) -> &'static str {
        match (self.scalar, self.big) {
            (Scalar::F32, false) => "<f4",
            (Scalar::U8, _) => "|u1",
            _ => "",
        }
    }

    fn size(self) -> u64 {
        match self.scalar {
            Scalar::F16 => 2,
            Scalar::F32 => 4,
            Scalar::F64 => 8,
            Scalar::U8 => 1,
            Scalar::Whole(size) => size,
        }
    }

    /// "<f4" and the like; what it is in words otherwise.
    fn parse(descr: &str) -> std::result::Result<Self, &'static str> {
        let (order, code) = descr.split_at_checked(1).ok_or("values without a type")?;
        let big = match order {
            "<" | "|" | "=" => false,
            ">" => true,
            _ => return Err("values of an unknown type"),
        };
        let scalar = match code {
            "f2" => Scalar::F16,
            "f4" => Scalar::F32,
            "f8" => Scalar::F64,
            "u1" => Scalar::U8,
            "b1" | "i1" => Scalar::Whole(1),
            "i2" | "u2" => Scalar::Whole(2),
            "i4" | "u4" => Scalar::Whole(4),
            "i8" | "u8" => Scalar::Whole(8),
            _ => {
                return Err(match code.as_bytes().first() {
                    Some(b'c') => "complex numbers",
                    Some(b'O') => "Python objects, which are a program and no numbers",
                    Some(b'U' | b'S' | b'a') => "texts",
                    Some(b'M' | b'm') => "times",
                    Some(b'f') => "numbers of extended precision",
                    _ => "values of an unknown type",
                });
            }
        };
        Ok(Self { scalar, big })
    }
}

impl Header {
    /// The header of a file that begins with `start`, NumPy's magic word included.
    ///
    /// # Errors
    /// Another version, a header that is cut off, longer than [`LONGEST`] or no such literal, a type that holds no
    /// numbers, or a shape beyond every memory; the file has no name yet.
    pub fn parse(start: &[u8]) -> Result<Self> {
        let cut = || wrong("an npy file that is cut off within its header").advice("copy or write the file again");
        let number = |range: std::ops::Range<usize>| {
            let bytes = start.get(range)?;
            Some(bytes.iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte)))
        };
        let (length, begin) = match start.get(6..8).ok_or_else(cut)? {
            [1, 0] => (number(8..10).ok_or_else(cut)?, 10),
            [2 | 3, 0] => (number(8..12).ok_or_else(cut)?, 12),
            version => return Err(wrong(format!("npy format {}.{}", version[0], version[1])).expected("1.0 to 3.0")),
        };
        if length > LONGEST - 12 {
            return Err(wrong(format!("an npy header of {length} bytes"))
                .expected(format!("at most {} bytes", LONGEST - 12))
                .advice("save the array alone with numpy.save"));
        }
        let end = begin + length;
        let text = std::str::from_utf8(start.get(begin..end).ok_or_else(cut)?)
            .map_err(|_| wrong("an npy header that is no text"))?;
        let entries = Literal(text).entries()?;
        let number = Number::parse(&entries.descr).map_err(|what| {
            wrong(format!("an array of {what} (type '{}')", name::shown(&short(&entries.descr))))
                .advice("save it as float32: array.astype(numpy.float32)")
        })?;
        let count = entries.shape.iter().try_fold(number.size(), |bytes, &side| bytes.checked_mul(side));
        let bytes = count.filter(|&bytes| bytes <= isize::MAX as u64).ok_or_else(|| {
            wrong(format!("an npy header that promises an array of shape {:?}", entries.shape))
                .expected("an array that a memory can hold")
        })?;
        let Entries { descr, fortran, shape } = entries;
        Ok(Self { shape, fortran, descr, number, start: end, bytes })
    }
}

struct Entries {
    descr: String,
    fortran: bool,
    shape: Vec<u64>,
}

/// What is left of the text.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    /// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}, in any order, each key once.
    fn entries(mut self) -> Result<Entries> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.accept('}') {
            let key = self.quoted()?;
            self.expect(':')?;
            let again = match key {
                "descr" => {
                    if self.peek() == Some('[') {
                        return Err(wrong("an array of records with named fields")
                            .advice("save the one field that holds the numbers: numpy.save(file, array[\"field\"])"));
                    }
                    descr.replace(self.quoted()?.to_owned()).is_some()
                }
                "fortran_order" => fortran.replace(self.flag()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => true,
            };
            if again {
                return Err(self.odd());
            }
            if !self.accept(',') && self.peek() != Some('}') {
                return Err(self.odd());
            }
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) if self.0.trim_start().is_empty() => {
                Ok(Entries { descr, fortran, shape })
            }
            _ => Err(self.odd()),
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.0 = self.0.trim_start();
        self.0.chars().next()
    }

    fn accept(&mut self, letter: char) -> bool {
        let there = self.peek() == Some(letter);
        if there {
            self.0 = &self.0[letter.len_utf8()..];
        }
        there
    }

    fn expect(&mut self, letter: char) -> Result<()> {
        if self.accept(letter) { Ok(()) } else { Err(self.odd()) }
    }

    fn quoted(&mut self) -> Result<&'a str> {
        let mark = self.peek().filter(|mark| ['\'', '"'].contains(mark)).ok_or_else(|| self.odd())?;
        let (word, rest) = self.0[1..].split_once(mark).ok_or_else(|| self.odd())?;
        self.0 = rest;
        Ok(word)
    }

    fn flag(&mut self) -> Result<bool> {
        self.peek();
        for (word, flag) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(flag);
            }
        }
        Err(self.odd())
    }

    /// (3, 4), (3,), (); the numbers of Python 2 may end in L.
    fn shape(&mut self) -> Result<Vec<u64>> {
        let mut shape = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.peek();
            let digits = self.0.len() - self.0.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
            let side = self.0[..digits].parse().map_err(|_| self.odd())?;
            self.0 = &self.0[digits..];
            self.0 = self.0.strip_prefix('L').unwrap_or(self.0);
            shape.push(side);
            if shape.len() > MOST_AXES || !self.accept(',') && self.peek() != Some(')') {
                return Err(self.odd());
            }
        }
        Ok(shape)
    }

    fn odd(&self) -> Problem {
        wrong(format!("an npy header that goes on with \"{}\"", name::shown(&short(self.0))))
            .expected("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }")
            .advice("the file is damaged, or no array of numbers; save it again with numpy.save")
    }
}

fn wrong(found: impl Into<String>) -> Problem {
    Problem::new(Kind::Input, found)
}

/// At most 40 characters.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str) -> Vec<u8> {
        [b"\x93NUMPY\x02\x00".as_slice(), &(header.len() as u32).to_le_bytes(), header.as_bytes()].concat()
    }

    fn says(header: &str) -> String {
        Header::parse(&file(header)).unwrap_err().to_string()
    }

    #[test]
    fn headers_of_every_writer_are_read() {
        for header in [
            "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4), }     \n",
            "{\"shape\":(3,4),\"fortran_order\":True,\"descr\":\">f8\"}",
            "{'descr': '>f8', 'fortran_order': True, 'shape': (3L, 4L), }\n",
        ] {
            let found = Header::parse(&file(header)).unwrap();
            assert_eq!((found.shape.as_slice(), found.fortran, found.bytes), ([3, 4].as_slice(), true, 96));
            assert_eq!(found.number, Number { scalar: Scalar::F64, big: true });
            assert_eq!(found.start, 12 + header.len());
        }
        let scalar = Header::parse(&file("{'descr': '|u1', 'fortran_order': False, 'shape': ()}")).unwrap();
        assert_eq!((scalar.shape.len(), scalar.bytes), (0, 1));
    }

    #[test]
    fn brackets_without_end_and_lengths_without_bound_are_refused_at_once() {
        let nested = "[".repeat(60_000);
        for header in [&nested, &format!("{{'descr': {nested}"), &format!("{{'shape': ({nested}"), &"(".repeat(24)] {
            assert!(!says(header).is_empty());
        }
        assert!(says(&" ".repeat(1 << 17)).contains("header of 131072 bytes"));
        let huge = [b"\x93NUMPY\x02\x00".as_slice(), &u32::MAX.to_le_bytes()].concat();
        assert!(Header::parse(&huge).unwrap_err().to_string().contains("4294967295 bytes"));
        let shape = |shape: &str| says(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"));
        assert!(shape("(4294967296, 4294967296)").contains("promises an array"));
        assert!(shape("(99999999999999999999,)").contains("goes on with"));
        assert!(shape("(-1,)").contains("goes on with"));
        assert!(shape(&format!("({})", "1,".repeat(65))).contains("goes on with"));
    }

    #[test]
    fn what_is_no_array_of_numbers_is_named() {
        let of = |descr: &str| says(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}"));
        for (descr, words) in [
            ("'|O'", "Python objects"),
            ("'<c8'", "complex numbers"),
            ("'<U5'", "texts"),
            ("'<M8[ns]'", "times"),
            ("'<f16'", "extended precision"),
            ("[('a', '<f4')]", "named fields"),
            ("'\u{1b}[2J'", "unknown type"),
        ] {
            let said = of(descr);
            assert!(said.contains(words) && !said.contains('\u{1b}'), "{said}");
        }
        assert!(says("{'descr': '<f4', 'fortran_order': False}").contains("header"));
        assert!(says("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}").contains("header"));
    }
}

//! safetensors files, read strictly and little by little: the header first, so that names and shapes are known before a
//! tensor is made; then one tensor after the other.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::network::Named;
use crate::digest;
use crate::files::kind_of::{self, FileKind};
use crate::name::shown;
use crate::problem::{Kind as ProblemKind, Problem, Result};

/// Longest header in bytes: that of a network with 400 tensors takes 40 kB; the rest is for its label.
const LONGEST_HEADER: u64 = 16 << 20;

/// More axes than any tensor of a network has.
const MOST_AXES: usize = 8;

/// Bytes that are read over at a time.
const CHUNK: u64 = 1 << 20;

/// Differences that an error lists; there may be one for each tensor.
const LISTED: usize = 8;

/// Element types with their bytes, and what libtorch calls those that are read.
const TYPES: [(&str, u64, Option<Kind>); 13] = [
    ("F32", 4, Some(Kind::Float)),
    ("F64", 8, Some(Kind::Double)),
    ("F16", 2, Some(Kind::Half)),
    ("BF16", 2, Some(Kind::BFloat16)),
    ("I64", 8, Some(Kind::Int64)),
    ("U8", 1, Some(Kind::Uint8)),
    ("I32", 4, None),
    ("I16", 2, None),
    ("I8", 1, None),
    ("U64", 8, None),
    ("U32", 4, None),
    ("U16", 2, None),
    ("BOOL", 1, None),
];

/// What a reader wants, for the words about what it got.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// E.g. "a network file of rimforge (safetensors)".
    pub what: &'static str,
    /// What to do with a file of another kind.
    pub advice: fn(Option<FileKind>) -> Option<String>,
}

impl Wanted {
    /// Tensors, whatever they are of.
    pub const TENSORS: Self = Self { what: "a safetensors file", advice: |_| None };
}

/// Where one tensor lies.
#[derive(Clone, Debug)]
struct Place {
    dtype: String,
    shape: Vec<i64>,
    /// Bytes from the first one behind the header.
    start: u64,
    end: u64,
}

/// A file whose header was read and found whole: its tensors lie side by side and end with the file.
#[derive(Debug)]
pub struct TensorHeader {
    path: PathBuf,
    file: File,
    places: BTreeMap<String, Place>,
    metadata: BTreeMap<String, String>,
    /// Of what was read.
    hash: Sha256,
}

impl TensorHeader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// No such file, no safetensors file (what it is instead is told), one that is cut off, a header longer than 16
    /// MiB, a name twice, an unknown type, or tensors that overlap or leave holes.
    pub fn open(path: &Path, wanted: Wanted) -> Result<Self> {
        tracing::info!("reading {}", path.display());
        let (mut file, length) = kind_of::open(path, wanted.what)?;
        let failed = |error| Problem::io(path, "reading", error);
        let mut hash = Sha256::new();
        let start = kind_of::start(path, &file, 9)?;
        let whole = |found: String| {
            Problem::input(path, format!("not a whole safetensors file: {found}"))
                .advice("the file may be cut off; copy or write it again")
        };
        let [a, b, c, d, 0, 0, 0, 0, b'{'] = start[..] else {
            std::io::Seek::rewind(&mut file).map_err(failed)?;
            let start = kind_of::start(path, &file, kind_of::START)?;
            return Err(FileKind::mistaken(&start, wanted.what, wanted.advice).at(path));
        };
        let header_length = u64::from(u32::from_le_bytes([a, b, c, d]));
        // "{}" is the shortest.
        if header_length < 2 {
            return Err(whole(format!("a header of {header_length} bytes")));
        }
        if header_length > LONGEST_HEADER {
            return Err(whole(format!("a header of {header_length} bytes"))
                .expected(format!("at most {LONGEST_HEADER}, in front of the tensors")));
        }
        if header_length + 8 > length {
            return Err(whole(format!("{length} bytes, of which the header alone takes {header_length}")));
        }
        let mut header = vec![b'{'];
        (&file).take(header_length - 1).read_to_end(&mut header).map_err(failed)?;
        hash.update(&start[..8]);
        hash.update(&header);
        let Header { places, metadata } =
            serde_json::from_slice(&header).map_err(|error| whole(format!("its header: {error}")))?;
        contiguous(&places, length - 8 - header_length).map_err(whole)?;
        Ok(Self { path: path.to_owned(), file, places, metadata, hash })
    }

    /// An entry of the file's metadata; empty where there is none.
    pub fn metadata(&self, key: &str) -> &str {
        self.metadata.get(key).map_or("", String::as_str)
    }

    /// Names and shapes of the tensors, in the order of the file.
    pub fn shapes(&self) -> Vec<(String, Vec<i64>)> {
        let mut places: Vec<_> = self.places.iter().collect();
        places.sort_by_key(|(_, place)| (place.start, place.end));
        places.into_iter().map(|(name, place)| (name.clone(), place.shape.clone())).collect()
    }

    /// Refuses a file that has not exactly the `expected` float32 tensors, before any is read.
    ///
    /// # Errors
    /// Lists what is missing, unknown, or of another shape or type.
    pub fn fits(&self, expected: &BTreeMap<String, Vec<i64>>) -> Result<()> {
        let mut differences = Vec::new();
        for (name, shape) in expected {
            match self.places.get(name) {
                None => differences.push(format!("{name} is missing")),
                Some(place) if place.shape != *shape => {
                    differences.push(format!("{name} has shape {:?}, not {shape:?}", place.shape));
                }
                Some(place) if place.dtype != "F32" => {
                    differences.push(format!("{name} is of type {}, not F32", shown(&place.dtype)));
                }
                Some(_) => {}
            }
        }
        let unknown = self.places.keys().filter(|name| !expected.contains_key(*name));
        differences.extend(unknown.map(|name| format!("{} belongs to no network", shown(&short(name)))));
        if differences.is_empty() {
            return Ok(());
        }
        let rest = differences.len().saturating_sub(LISTED);
        let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        let listed = differences[..differences.len() - rest].join("; ");
        Err(Problem::input(&self.path, format!("tensors that are not those of its description: {listed}{more}"))
            .expected("a network file as rimforge writes it")
            .advice("the file is damaged or was altered; copy or import it again"))
    }

    /// The tensors whose names `keep` wants, on the CPU, and the SHA-256 of the file.
    ///
    /// # Errors
    /// Reading failed, the file became shorter, a wanted tensor is of a type that no network has, or not finite.
    pub fn read(mut self, keep: impl Fn(&str) -> bool) -> Result<(Named, String)> {
        let mut places: Vec<_> = std::mem::take(&mut self.places).into_iter().collect();
        places.sort_by_key(|(_, place)| (place.start, place.end));
        let mut tensors = Named::new();
        for (name, place) in places {
            if keep(&name) {
                let tensor = self.tensor(&name, &place)?;
                tensors.insert(name, tensor);
            } else {
                let mut left = place.end - place.start;
                while left > 0 {
                    let bytes = self.bytes(left.min(CHUNK))?;
                    left -= bytes.len() as u64;
                }
            }
        }
        Ok((tensors, digest::hex(self.hash.finalize())))
    }

    fn tensor(&mut self, name: &str, place: &Place) -> Result<Tensor> {
        let known = TYPES.iter().find(|(dtype, ..)| *dtype == place.dtype).and_then(|(.., kind)| *kind);
        let kind = known.ok_or_else(|| {
            Problem::input(&self.path, format!("{} is of type {}", shown(&short(name)), shown(&place.dtype)))
                .expected("floating-point numbers, or whole ones of type I64 or U8")
        })?;
        let bytes = self.bytes(place.end - place.start)?;
        let tensor = Tensor::f_from_data_size(&bytes, &place.shape, kind)?;
        if tensor.is_floating_point() && tensor.isfinite().all().int64_value(&[]) == 0 {
            return Err(Problem::input(&self.path, format!("{} holds NaN or infinite values", shown(&short(name)))));
        }
        Ok(tensor)
    }

    /// The next `count` bytes, which the header promises and the file's length confirmed.
    fn bytes(&mut self, count: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let failed = |error| Problem::io(&self.path, "reading", error);
        (&self.file).take(count).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != count {
            return Err(Problem::input(&self.path, "a file that becomes shorter while it is read"));
        }
        self.hash.update(&bytes);
        Ok(bytes)
    }
}

/// Each tensor begins where the one before ended, and the last ends with the file; each has as many bytes as its shape
/// and type say.
fn contiguous(places: &BTreeMap<String, Place>, length: u64) -> std::result::Result<(), String> {
    let mut in_order: Vec<_> = places.iter().collect();
    in_order.sort_by_key(|(_, place)| (place.start, place.end));
    let mut at = 0;
    for (name, place) in in_order {
        let name = shown(&short(name)).into_owned();
        let Some((_, size, _)) = TYPES.iter().find(|(dtype, ..)| *dtype == place.dtype) else {
            return Err(format!("{name} is of the unknown type {}", shown(&short(&place.dtype))));
        };
        let bytes = place.shape.iter().try_fold(*size, |bytes, &side| bytes.checked_mul(side as u64));
        if place.start != at || place.end < at {
            return Err(format!("{name} lies at bytes {} to {} where {at} is next", place.start, place.end));
        }
        if bytes != Some(place.end - place.start) {
            let held = place.end - place.start;
            return Err(format!("{name} has {held} bytes for a shape of {:?}", place.shape));
        }
        at = place.end;
    }
    if at == length { Ok(()) } else { Err(format!("its tensors take {at} bytes where {length} follow the header")) }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The header as JSON has it.
struct Header {
    places: BTreeMap<String, Place>,
    metadata: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tensors by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Header, M::Error> {
                let mut header = Header { places: BTreeMap::new(), metadata: BTreeMap::new() };
                let mut described = false;
                while let Some(key) = map.next_key::<String>()? {
                    let twice = if key == "__metadata__" {
                        header.metadata = map.next_value::<Texts>()?.0;
                        std::mem::replace(&mut described, true)
                    } else {
                        let written: Written = map.next_value()?;
                        let place = written.place().map_err(M::Error::custom)?;
                        header.places.insert(key.clone(), place).is_some()
                    };
                    if twice {
                        return Err(M::Error::custom(format!("the name {} twice", shown(&short(&key)))));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Texts by name, each name once.
struct Texts(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("texts by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<Texts, M::Error> {
                let mut texts = BTreeMap::new();
                while let Some((key, text)) = map.next_entry::<String, String>()? {
                    let name = shown(&short(&key)).into_owned();
                    if texts.insert(key, text).is_some() {
                        return Err(M::Error::custom(format!("the name {name} twice in its metadata")));
                    }
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// A tensor's entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Written {
    fn place(self) -> std::result::Result<Place, String> {
        if self.shape.len() > MOST_AXES {
            return Err(format!("a tensor of {} axes", self.shape.len()));
        }
        let side = |side: u64| i64::try_from(side).map_err(|_| format!("a side of {side}"));
        let shape = self.shape.into_iter().map(side).collect::<std::result::Result<_, _>>()?;
        Ok(Place { dtype: self.dtype, shape, start: self.data_offsets.0, end: self.data_offsets.1 })
    }
}

/// The problem of sizes that no network can be built from, found in a file.
pub(super) fn unusable(problem: &Problem) -> Problem {
    Problem::new(ProblemKind::Input, format!("a description of a network with {problem}"))
        .advice("the file is damaged or was altered; copy or import it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn entry(name: &str, dtype: &str, shape: &str, from: u64, to: u64) -> String {
        format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{from},{to}]}}")
    }

    #[test]
    fn tensors_are_read_in_the_order_of_the_file_and_hashed_with_it() {
        let header = format!(
            "{{\"__metadata__\":{{\"a\":\"b\"}},{},{}}}",
            entry("x", "U8", "[3]", 8, 11),
            entry("y", "F32", "[2]", 0, 8)
        );
        let file = file(&header, &[[1.5f32, -2.0].map(f32::to_le_bytes).concat(), vec![7, 8, 9]].concat());
        let opened = TensorHeader::open(file.path(), Wanted::TENSORS).unwrap();
        assert_eq!(opened.metadata("a"), "b");
        assert_eq!(opened.shapes(), [("y".into(), vec![2]), ("x".into(), vec![3])]);
        let (tensors, sha256) = opened.read(|name| name == "x").unwrap();
        assert_eq!(sha256, digest::sha256(std::fs::read(file.path()).unwrap()));
        assert_eq!(tensors.len(), 1);
        assert_eq!(Vec::<u8>::try_from(&tensors["x"]).unwrap(), [7, 8, 9]);
    }

    #[test]
    fn every_lie_of_a_header_is_told() {
        let (x, y) = (entry("x", "F32", "[1]", 0, 4), entry("y", "F32", "[1]", 4, 8));
        let nested = "[".repeat(200_000);
        for (header, says) in [
            (format!("{{{x},{}}}", entry("y", "F32", "[1]", 0, 4)), "y lies at bytes 0 to 4 where 4 is next"),
            (format!("{{{x},{}}}", entry("y", "F32", "[0]", 8, 8)), "y lies at bytes 8 to 8 where 4 is next"),
            (format!("{{{x},{x}}}"), "the name x twice"),
            (format!("{{{x}}}"), "its tensors take 4 bytes where 8 follow"),
            (format!("{{{}}}", entry("x", "F32", "[3]", 0, 8)), "x has 8 bytes for a shape of [3]"),
            (format!("{{{}}}", entry("x", "F32", "[4611686018427387904, 4]", 0, 8)), "x has 8 bytes for a shape"),
            (format!("{{{}}}", entry("x", "F32", "[1,1,1,1,1,1,1,1,2]", 0, 8)), "a tensor of 9 axes"),
            (format!("{{{}}}", entry("x", "F32", "[18446744073709551615]", 0, 8)), "a side of"),
            (format!("{{{}}}", entry("x\\u001b[2J", "Q4", "[1]", 0, 8)), "x\\u{1b}[2J is of the unknown type Q4"),
            (format!("{{\"__metadata__\":{{\"a\":\"1\",\"a\":\"2\"}},{x},{y}}}"), "the name a twice in its metadata"),
            (format!("{{\"__metadata__\":{nested}"), "its header"),
            (format!("{{\"x\":{nested}"), "its header"),
        ] {
            let file = file(&header, &[0; 8]);
            let problem = TensorHeader::open(file.path(), Wanted::TENSORS).unwrap_err();
            assert_eq!(problem.kind(), ProblemKind::Input);
            assert!(problem.to_string().contains(says), "{problem}");
        }
        let good = file(&format!("{{{x},{y}}}"), &[0; 8]);
        TensorHeader::open(good.path(), Wanted::TENSORS).unwrap().read(|_| true).unwrap();
    }

    #[test]
    fn values_that_are_no_numbers_and_other_types_are_refused_by_the_tensors_name() {
        for (dtype, data, says) in [
            ("F32", f32::NAN.to_le_bytes(), "x holds NaN or infinite values"),
            ("F32", f32::INFINITY.to_le_bytes(), "x holds NaN or infinite values"),
            ("I32", [0; 4], "x is of type I32"),
        ] {
            let file = file(&format!("{{{}}}", entry("x", dtype, "[1]", 0, 4)), &data);
            let opened = TensorHeader::open(file.path(), Wanted::TENSORS).unwrap();
            assert!(opened.read(|_| true).unwrap_err().to_string().contains(says));
        }
    }

    #[test]
    fn a_sparse_file_and_a_header_without_end_are_refused_before_they_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(6 << 30).unwrap();
        let says = || TensorHeader::open(file.path(), Wanted::TENSORS).unwrap_err().to_string();
        assert!(says().contains("a file of an unknown kind; expected a safetensors file"), "{}", says());
        std::fs::write(file.path(), [&(1u64 << 31).to_le_bytes(), b"{".as_slice()].concat()).unwrap();
        file.as_file().set_len(6 << 30).unwrap();
        assert!(says().contains("a header of 2147483648 bytes"));
        std::fs::write(file.path(), [&100u64.to_le_bytes(), b"{}".as_slice()].concat()).unwrap();
        assert!(says().contains("10 bytes, of which the header alone takes 100"));
        for length in [0u64, 1] {
            std::fs::write(file.path(), [&length.to_le_bytes(), b"{}".as_slice()].concat()).unwrap();
            file.as_file().set_len(6 << 30).unwrap();
            assert!(says().contains(&format!("a header of {length} bytes")), "{}", says());
        }
    }
}

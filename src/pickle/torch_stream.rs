//! What `torch.save` wrote until PyTorch 1.5 as data: five pickles one after the other (magic number, version, machine,
//! the object, the storages' keys), then the elements of each storage behind their count.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::budget::Budget;
use super::cursor::Cursor;
use super::machine::{self, Dialect};
use super::parameters::{self, Parameter, StorageId};
use super::storage::{MAGIC, VERSION};
use super::torch_zip::{LONGEST_INDEX, made, span};
use super::value::Value;
use crate::problem::{Kind, Problem, Result};

/// A file and the tensors that its index names.
pub struct TorchStream {
    file: File,
    /// First byte of each storage's elements, by key.
    places: std::collections::BTreeMap<String, u64>,
    /// In the order of the index.
    pub parameters: Vec<Parameter>,
}

impl TorchStream {
    /// Reads the index of an opened file of `length` bytes.
    ///
    /// # Errors
    /// No such stream, an index longer than 16 MiB, one that names functions, numbers of a machine that is not
    /// little-endian, or storages that do not fill the file.
    pub fn open(path: &Path, mut file: File, length: u64) -> Result<Self> {
        let failed = |error| Problem::io(path, "reading", error);
        let mut head = Vec::new();
        (&mut file).take(LONGEST_INDEX).read_to_end(&mut head).map_err(failed)?;
        let mut cursor = Cursor::new(&head);
        let mut budget = Budget::of_index(head.len());
        let mut next = |budget: &mut Budget| machine::read(&mut cursor, budget, Dialect::Weights);
        let magic = next(&mut budget)?;
        if magic.root != Value::Long(&MAGIC) {
            return Err(wrong(format!("a pickle that holds {}", magic.heap.describe(magic.root)))
                .expected("weights as torch.save writes them")
                .advice("save the weights from Python: torch.save(net.state_dict(), FILE)"));
        }
        if next(&mut budget)?.root != Value::Int(VERSION) {
            return Err(wrong("another version of torch.save's stream").expected(VERSION.to_string()));
        }
        let machine = next(&mut budget)?;
        if machine.heap.entry(machine.root, "little_endian") != Some(Value::Bool(true)) {
            return Err(wrong("numbers of a machine that is not little-endian"));
        }
        let object = next(&mut budget)?;
        let parameters = parameters::collect(&object, &mut budget)?;
        let keys = next(&mut budget)?;
        let keys: Vec<&str> = keys
            .heap
            .sequence(keys.root)
            .unwrap_or_default()
            .iter()
            .filter_map(|key| if let Value::Text(key) = key { Some(*key) } else { None })
            .collect();
        let places = places(&keys, &parameters::storages(&object.heap), cursor.position() as u64, length)?;
        Ok(Self { file, places, parameters })
    }

    /// The tensor of `parameter`, float32 on the CPU.
    ///
    /// # Errors
    /// Elements that are missing or of another number, no floating-point numbers, or not finite.
    pub fn read(&mut self, path: &Path, parameter: &Parameter) -> Result<tch::Tensor> {
        let failed = |error| Problem::io(path, "reading", error);
        let problem = |what: &str| wrong(format!("{}: {what}", parameter.name));
        let (first, last) = span(parameter)?;
        let place = *self.places.get(&parameter.storage.key).ok_or_else(|| problem("its elements are missing"))?;
        let mut count = [0; 8];
        self.file.seek(SeekFrom::Start(place - 8)).map_err(failed)?;
        self.file.read_exact(&mut count).map_err(failed)?;
        if u64::from_le_bytes(count) != parameter.storage.count {
            return Err(problem("another number of elements than the index promises"));
        }
        self.file.seek(SeekFrom::Start(place + first)).map_err(failed)?;
        let mut bytes = Vec::new();
        (&mut self.file).take(last - first).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 != last - first {
            return Err(
                problem("fewer elements than promised").advice("the file is cut off; copy or download it again")
            );
        }
        made(parameter, &bytes)
    }
}

/// Where the elements of each storage begin: they lie side by side, in the order of the keys, from `start` to the end.
fn places(
    keys: &[&str],
    storages: &[StorageId],
    start: u64,
    length: u64,
) -> Result<std::collections::BTreeMap<String, u64>> {
    let known: std::collections::BTreeMap<&str, &StorageId> =
        storages.iter().map(|storage| (storage.key.as_str(), storage)).collect();
    let mut places = std::collections::BTreeMap::new();
    let mut at = Some(start);
    for key in keys {
        let bytes = known.get(key).and_then(|storage| storage.count.checked_mul(storage.element.size() as u64));
        let bytes = bytes.ok_or_else(|| wrong("a storage that no tensor names"))?;
        let begin = at.and_then(|at| at.checked_add(8));
        if let Some(begin) = begin {
            places.insert((*key).to_owned(), begin);
        }
        at = begin.and_then(|begin| begin.checked_add(bytes));
    }
    match at {
        Some(end) if end == length => Ok(places),
        _ => Err(wrong(format!("{length} bytes where the index promises others"))
            .advice("the file is cut off or damaged; copy or download it again")),
    }
}

fn wrong(found: impl Into<String>) -> Problem {
    Problem::new(Kind::Input, found)
}

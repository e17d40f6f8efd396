//! The zip archives of `torch.save` and `torch.jit.save` as data: an index, which is a pickle, and a file of elements
//! for each storage. Code and constants in them are never read.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use zip::ZipArchive;

use super::budget::Budget;
use super::cursor::Cursor;
use super::machine::{self, Dialect};
use super::parameters::{self, Parameter};
use super::tensor;
use crate::files::zip_entries;
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Bytes of the index: that of a net with 600 tensors takes 200 kB.
pub const LONGEST_INDEX: u64 = 16 << 20;

/// Entries of an archive: a net with 600 tensors has 600 of them.
const MOST_ENTRIES: u64 = 1 << 16;

/// A storage may be so many times larger than the part of it that a tensor shows.
const LARGEST_SHARE: u64 = 8;

/// An archive and the tensors that its index names.
pub struct TorchZip {
    archive: ZipArchive<File>,
    /// Name of the folder that everything in the archive lies in.
    folder: String,
    /// In the order of the index.
    pub parameters: Vec<Parameter>,
}

impl TorchZip {
    /// Reads the index of an opened file; the file has no name yet.
    ///
    /// # Errors
    /// No archive of PyTorch, more than 65536 entries, an index longer than 16 MiB, one that names functions, or
    /// numbers of a machine that is not little-endian.
    pub fn open(path: &Path, mut file: File) -> Result<Self> {
        let failed = |error| Problem::io(path, "reading", error);
        let entries = zip_entries::promised(&mut file).map_err(failed)?;
        let entries = entries.ok_or_else(|| damaged("it has no end"))?;
        if entries > MOST_ENTRIES {
            return Err(
                wrong(format!("a zip archive of {entries} entries")).expected(format!("at most {MOST_ENTRIES}"))
            );
        }
        let mut archive = ZipArchive::new(file).map_err(|error| damaged(&error.to_string()))?;
        let of_index = |name: Cow<str>| {
            let folder = name.strip_suffix("/data.pkl")?;
            (!folder.contains('/')).then(|| folder.to_owned())
        };
        let mut folders = archive.file_names().flatten().filter_map(of_index);
        let (index, other) = (folders.next(), folders.next());
        drop(folders);
        if let (Some(one), Some(other)) = (&index, other) {
            let found = format!("two indices, {}/data.pkl and {}/data.pkl", shown(one), shown(&other));
            return Err(wrong(found).expected("the weights of one net"));
        }
        let folder = index.ok_or_else(|| {
            wrong("a zip archive without data.pkl")
                .expected("what torch.save or torch.jit.save writes since PyTorch 1.6")
                .advice("load it in Python and save its weights: torch.save(net.state_dict(), FILE)")
        })?;
        if archive.has_duplicate_names() {
            let mut again = File::open(path).map_err(failed)?;
            let is_read = |name: &[u8]| name.strip_prefix(folder.as_bytes()).is_some_and(is_read);
            if let Some(name) =
                zip_entries::doubled(&mut again, archive.central_directory_start(), is_read).map_err(failed)?
            {
                let name = String::from_utf8_lossy(&name).into_owned();
                return Err(wrong(format!("two entries named {}", shown(&name))).expected("each name once"));
            }
        }
        let index = bytes(&mut archive, &format!("{folder}/data.pkl"), LONGEST_INDEX)?;
        if let Some(order) = optional(&mut archive, &format!("{folder}/byteorder"))?
            && order.trim_ascii() != b"little"
        {
            return Err(wrong("numbers of a machine that is not little-endian"));
        }
        let mut budget = Budget::of_index(index.len());
        let pickle = machine::read(&mut Cursor::new(&index), &mut budget, Dialect::Weights)?;
        let parameters = parameters::collect(&pickle, &mut budget)?;
        Ok(Self { archive, folder, parameters })
    }

    /// The tensor of `parameter`, float32 on the CPU.
    ///
    /// # Errors
    /// Elements that are missing, fewer than promised, no floating-point numbers, or not finite.
    pub fn read(&mut self, parameter: &Parameter) -> Result<tch::Tensor> {
        let name = format!("{}/data/{}", self.folder, parameter.storage.key);
        let size = parameter.storage.element.size() as u64;
        let (first, last) = span(parameter)?;
        let problem = |what: String| wrong(format!("{}: {what}", parameter.name));
        let entry = self.archive.by_name(&name).map_err(|error| problem(format!("its elements: {error}")))?;
        if parameter.storage.count.checked_mul(size) != Some(entry.size()) {
            let (held, count) = (entry.size(), parameter.storage.count);
            return Err(problem(format!("{held} bytes where the index promises {count} elements of {size}")));
        }
        let behind = entry.size() - last;
        let mut entry = entry;
        let mut bytes = Vec::new();
        // To its end, where its checksum is held against what was read.
        let read = std::io::copy(&mut (&mut entry).take(first), &mut std::io::sink())
            .and_then(|_| (&mut entry).take(last - first).read_to_end(&mut bytes))
            .and_then(|_| std::io::copy(&mut entry.take(behind + 1), &mut std::io::sink()));
        match read {
            Ok(rest) if bytes.len() as u64 == last - first && rest == behind => {}
            Ok(_) => return Err(problem("another number of elements than promised".into())),
            Err(error) => {
                return Err(problem(format!("damaged: {error}")).advice("copy or download the file again"));
            }
        }
        made(parameter, &bytes)
    }
}

/// Whether an entry below the archive's folder is read: the index, the order of bytes, elements.
fn is_read(name: &[u8]) -> bool {
    matches!(name, b"/data.pkl" | b"/byteorder") || name.starts_with(b"/data/")
}

/// Bytes of a storage from a tensor's first element to its last.
///
/// # Errors
/// A tensor that reaches outside its storage, or shows a small part of a large one.
pub fn span(parameter: &Parameter) -> Result<(u64, u64)> {
    let wrong = |what: &str| wrong(format!("{} {what}", parameter.name));
    let (size, count) = (parameter.storage.element.size() as u64, parameter.storage.count);
    let available = usize::try_from(count).map_err(|_| wrong("has a storage beyond every memory"))?;
    let outside = || wrong("reaches outside its storage");
    let (first, last, elements) = tensor::extent(&parameter.strided(), available).ok_or_else(outside)?;
    if count > LARGEST_SHARE * elements as u64 + (1 << 18) {
        return Err(wrong(&format!("shows {elements} elements of a storage of {count}"))
            .advice("save the weights as tensors of their own: {name: tensor.clone() for each}"));
    }
    Ok((first as u64 * size, last as u64 * size))
}

/// The tensor of `parameter` from its bytes.
///
/// # Errors
/// No floating-point numbers, or values that are not finite.
pub fn made(parameter: &Parameter, bytes: &[u8]) -> Result<tch::Tensor> {
    let kind = parameter.storage.element.kind();
    if !matches!(kind, tch::Kind::Half | tch::Kind::BFloat16 | tch::Kind::Float | tch::Kind::Double) {
        return Err(wrong(format!("{} is of type {kind:?}", parameter.name)).expected("floating-point numbers"));
    }
    tensor::strided(&parameter.name, kind, &parameter.strided(), bytes)
}

fn bytes(archive: &mut ZipArchive<File>, name: &str, most: u64) -> Result<Vec<u8>> {
    let problem = |what: String| wrong(format!("{name}: {what}"));
    let entry = archive.by_name(name).map_err(|error| problem(error.to_string()))?;
    if entry.size() > most {
        return Err(problem(format!("{} bytes", entry.size())).expected(format!("at most {most}")));
    }
    let mut bytes = Vec::new();
    let damaged = |error| problem(format!("damaged: {error}"));
    let limit = entry.size() + 1;
    entry.take(limit).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 == limit {
        return Err(problem("more bytes than the archive's directory says".into()));
    }
    Ok(bytes)
}

/// A small entry that need not be there.
fn optional(archive: &mut ZipArchive<File>, name: &str) -> Result<Option<Vec<u8>>> {
    if archive.index_for_name(name).is_none() {
        return Ok(None);
    }
    bytes(archive, name, 64).map(Some)
}

fn damaged(how: &str) -> Problem {
    wrong(format!("a damaged zip archive: {how}")).advice("copy or download the file again")
}

fn wrong(found: impl Into<String>) -> Problem {
    Problem::new(Kind::Input, found)
}

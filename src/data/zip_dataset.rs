//! A zip of PNGs, as StyleGAN2-ADA's dataset tool or a person packed it. Entries are read in place, never written to
//! disk.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::{CompressionMethod, ZipArchive};

use super::image_files::{is_jpeg, is_png, matters};
use super::image_store::ImageStore;
use super::passed_over::passed_over;
use super::prepare_config::PrepareConfig;
use crate::files::kind_of::{FileKind, START};
use crate::files::zip_entries;
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Folders nested deeper than this are a mistake, as in a folder of images.
const MAX_DEPTH: usize = 16;

/// Of an entry's name, in bytes: as long as a path may be.
const MAX_NAME: usize = 4096;

/// A zip that passed the checks.
#[derive(Debug)]
pub struct ZipDataset {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    /// Where each file stands in the archive, by its name without "." parts and with / between folders.
    places: HashMap<String, usize>,
}

impl ZipDataset {
    /// Opens a zip and checks its directory: at most `config.max_files` entries, of which those that are read unpack to
    /// at most `config.max_zip_bytes`. Nothing is unpacked.
    ///
    /// # Errors
    /// No such file, no zip, or one that is damaged, dangerous to unpack, encrypted or packed in a way that is not
    /// known here.
    pub fn open(path: &Path, config: &PrepareConfig) -> Result<Self> {
        Self::open_reading(path, config, |any_png| if any_png { matters } else { matters_or_jpeg })
    }

    /// As [`ZipDataset::open`], for who reads other files than plain images and their tables: `reads` says by a name
    /// whether it is read, once it is known whether there is a PNG.
    ///
    /// # Errors
    /// The same.
    pub(super) fn open_reading(
        path: &Path,
        config: &PrepareConfig,
        reads: impl Fn(bool) -> fn(&str) -> bool,
    ) -> Result<Self> {
        tracing::info!("reading {}", path.display());
        let bad = |found: String| Problem::input(path, found);
        let facts = path.metadata().map_err(|error| Problem::io(path, "opening", error))?;
        if facts.is_dir() {
            return Err(bad("a folder".into()).expected("a zip").advice("give a folder as --images"));
        }
        if !facts.is_file() {
            return Err(bad("not a regular file".into()).expected("a zip"));
        }
        let mut file = File::open(path).map_err(|error| Problem::io(path, "opening", error))?;
        let count = zip_entries::promised(&mut file).map_err(|error| Problem::io(path, "reading", error))?;
        let count = count.ok_or_else(|| no_zip(path, "it has no end"))?;
        if count > config.max_files {
            return Err(too_many(path, count, config));
        }
        let mut archive =
            ZipArchive::new(BufReader::new(file)).map_err(|error| no_zip(path, &error.to_string()).because(error))?;
        if archive.len() as u64 > config.max_files {
            return Err(too_many(path, archive.len() as u64, config));
        }
        let reads = reads(archive.file_names().any(|name| name.is_ok_and(|name| is_png(&name))));
        if archive.has_duplicate_names() {
            let twice = doubled(path, archive.central_directory_start(), reads)?;
            if let Some(name) = twice {
                return Err(two_entries(path, &name));
            }
        }
        let overlapping = archive.has_overlapping_entries().map_err(|error| bad(format!("a damaged zip: {error}")))?;
        if overlapping {
            return Err(bad("entries that overlap".into()).advice("this zip was not made by an honest packer"));
        }
        let places = entries(path, &mut archive, config.max_zip_bytes, reads)?;
        Ok(Self { path: path.to_owned(), archive, places })
    }
}

fn matters_or_jpeg(path: &str) -> bool {
    matters(path) || passed_over(path).is_none() && is_jpeg(path)
}

fn too_many(path: &Path, count: u64, config: &PrepareConfig) -> Problem {
    Problem::input(path, format!("{count} entries"))
        .expected(format!("at most {}", config.max_files))
        .advice("raise prepare.max_files (--max-files) if there are so many images")
}

/// A name that is read and that two entries have; of those that are passed over any number may have the same.
fn doubled(path: &Path, directory: u64, reads: fn(&str) -> bool) -> Result<Option<String>> {
    let failed = |error| Problem::io(path, "reading", error);
    let name = |raw: &[u8]| safe_name(&String::from_utf8_lossy(raw)).ok();
    let is_read = |raw: &[u8]| !raw.ends_with(b"/") && name(raw).is_some_and(|name| reads(&name));
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let twice = zip_entries::doubled(&mut file, directory, is_read).map_err(failed)?;
    Ok(twice.and_then(|raw| name(&raw)))
}

fn two_entries(path: &Path, name: &str) -> Problem {
    Problem::input(path, format!("two entries named {}", shown(name)))
        .expected("each name once")
        .advice("pack the folder again, each file once")
}

fn no_zip(path: &Path, error: &str) -> Problem {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(START as u64).read_to_end(&mut first));
    match FileKind::of(&first).filter(|kind| read.is_ok() && *kind != FileKind::Zip) {
        Some(_) => {
            let advice = |_| Some("pack the folder as a zip, or give it as --images".to_owned());
            FileKind::mistaken(&first, "a zip of images", advice).at(path)
        }
        None => Problem::input(path, format!("not a readable zip: {error}")).advice("copy or download the file again"),
    }
}

impl ImageStore for ZipDataset {
    fn place(&self) -> &Path {
        &self.path
    }

    fn files(&mut self) -> Vec<String> {
        self.places.keys().cloned().collect()
    }

    /// Unpacks one entry into memory; its checksum is checked.
    fn read(&mut self, name: &str, most: u64, what: &str) -> Result<Vec<u8>> {
        let bad = |found: String| Problem::input(&self.path, format!("{}: {found}", shown(name)));
        let Some(&place) = self.places.get(name) else { return Err(bad("no such entry".into())) };
        let entry = self.archive.by_index(place).map_err(|error| bad(error.to_string()))?;
        let promised = entry.size();
        if promised > most {
            return Err(bad(format!("unpacks to {promised} bytes")).expected(format!("{what} of at most {most} bytes")));
        }
        let mut bytes = Vec::new();
        entry
            .take(promised + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| bad(format!("damaged: {error}")).advice("copy or download the file again"))?;
        if bytes.len() as u64 != promised {
            return Err(bad(format!("another size than the zip's directory says ({promised} bytes)")));
        }
        Ok(bytes)
    }
}

/// Checks every entry's name, and of those that are read kind, packing and sizes.
fn entries(
    path: &Path,
    archive: &mut ZipArchive<BufReader<File>>,
    max_bytes: u64,
    reads: fn(&str) -> bool,
) -> Result<HashMap<String, usize>> {
    let bad = |found: String| Problem::input(path, found);
    let mut places = HashMap::new();
    let mut total = 0u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| bad(format!("entry {index}: {error}")))?;
        let raw = entry.name_raw();
        let name = safe_name(&String::from_utf8_lossy(raw))
            .map_err(|found| bad(found).advice("pack it again: `zip -r set.zip FOLDER`, in the folder above it"))?;
        if entry.is_dir() {
            continue;
        }
        if reads(&name) {
            if std::str::from_utf8(raw).is_err() {
                return Err(bad(format!("an entry name that is not UTF-8: {}", raw.escape_ascii()))
                    .advice("pack it again with names in UTF-8 (7-Zip: -mcu=on), or without letters beyond ASCII"));
            }
            if entry.is_symlink() {
                return Err(bad(format!("{} is a symbolic link", shown(&name))).expected("files"));
            }
            if entry.encrypted() {
                return Err(bad(format!("{} is encrypted", shown(&name))).expected("a zip without a password"));
            }
            require_known_method(entry.compression()).map_err(|method| {
                bad(format!("{} is packed by the method {method}", shown(&name)))
                    .expected("deflate, or no compression")
                    .advice("pack it again with `zip -r set.zip FOLDER`, or unpack it and give the folder as --images")
            })?;
            total = total.saturating_add(entry.size());
        }
        if places.insert(name.clone(), index).is_some() && reads(&name) {
            return Err(two_entries(path, &name));
        }
    }
    if total > max_bytes {
        return Err(bad(format!("{total} bytes unpacked"))
            .expected(format!("at most {max_bytes}"))
            .advice("raise prepare.max_zip_bytes (--max-zip-bytes) if you trust the file"));
    }
    Ok(places)
}

/// The name of a method that is not deflate.
#[allow(deprecated, reason = "the number of a method that the zip crate does not know stands nowhere else")]
fn require_known_method(method: CompressionMethod) -> std::result::Result<(), String> {
    match method {
        CompressionMethod::Stored | CompressionMethod::Deflated => Ok(()),
        CompressionMethod::Unsupported(number) => {
            Err(format!("{} ({number})", CompressionMethod::name_from_u16(number)))
        }
        other => Err(other.to_string()),
    }
}

/// A relative name that stays below the data set on every system, with / between folders (some packers of Windows write
/// \\) and without "." parts.
fn safe_name(name: &str) -> std::result::Result<String, String> {
    if name.len() > MAX_NAME {
        return Err(format!("an entry name of {} bytes; at most {MAX_NAME} are possible", name.len()));
    }
    let slashed = name.replace('\\', "/");
    let absolute = slashed.starts_with('/') || slashed.as_bytes().get(1) == Some(&b':');
    let parts: Vec<&str> = slashed.trim_end_matches('/').split('/').filter(|part| *part != ".").collect();
    if absolute || name.contains('\0') || parts.iter().any(|part| part.is_empty() || *part == "..") {
        return Err(format!("an unsafe entry name: {}", name.escape_default()));
    }
    if parts.len() > MAX_DEPTH + 1 {
        return Err(format!("an entry in folders nested more than {MAX_DEPTH} deep: {}", shown(parts[0])));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    fn write(entries: &[(&str, Vec<u8>)]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut zip = ZipWriter::new(file.as_file_mut());
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        file
    }

    fn opened(path: &Path) -> Result<ZipDataset> {
        ZipDataset::open(path, &PrepareConfig::default())
    }

    fn open(entries: &[(&str, Vec<u8>)]) -> Result<ZipDataset> {
        opened(write(entries).path())
    }

    #[test]
    fn names_and_bytes_of_an_honest_zip() {
        let file = write(&[("./00000/b.png", vec![2]), ("00000\\a.png", vec![1]), ("__MACOSX/._a.png", vec![0])]);
        let mut zip = opened(file.path()).unwrap();
        let mut names = zip.files();
        names.sort();
        assert_eq!(names, ["00000/a.png", "00000/b.png", "__MACOSX/._a.png"]);
        assert_eq!(zip.read("00000/b.png", 1, "").unwrap(), [2]);
        assert!(zip.read("00000/b.png", 0, "a PNG").unwrap_err().to_string().contains("unpacks to 1 bytes"));
    }

    #[test]
    fn dangerous_names_are_refused() {
        for name in ["../a.png", "x/../../a.png", "/a.png", "c:/a.png", "x\\..\\a.png", "x//a.png", "a\0.png"] {
            let found = safe_name(name).unwrap_err();
            assert!(found.contains("unsafe entry name"), "{name}: {found}");
        }
        for (name, safe) in
            [("00000/img..1.png", "00000/img..1.png"), ("./x/./a.png", "x/a.png"), ("x\\a.png", "x/a.png")]
        {
            assert_eq!(safe_name(name).unwrap(), safe);
        }
        assert!(safe_name(&format!("{}a.png", "x/".repeat(16))).is_ok());
        assert!(safe_name(&format!("{}a.png", "x/".repeat(17))).unwrap_err().contains("more than 16 deep"));
        assert!(safe_name(&"x".repeat(4097)).unwrap_err().contains("an entry name of 4097 bytes"));
        let problem = open(&[("../a.png", vec![1])]).unwrap_err().to_string();
        assert!(problem.contains("unsafe entry name: ../a.png"), "{problem}");
        let twice = open(&[("a.png", vec![1]), ("./a.png", vec![1])]).unwrap_err().to_string();
        assert!(twice.contains("two entries named a.png"), "{twice}");
    }

    #[test]
    fn a_second_entry_of_the_same_name_is_refused() {
        let file = write(&[("a.png", vec![1]), ("b.png", vec![2])]);
        let bytes = std::fs::read(file.path()).unwrap();
        let text: Vec<u8> = bytes;
        let twin: Vec<u8> = {
            let mut twin = text.clone();
            for at in 0..twin.len() - 5 {
                if &twin[at..at + 5] == b"b.png" {
                    twin[at] = b'a';
                }
            }
            twin
        };
        std::fs::write(file.path(), twin).unwrap();
        let problem = opened(file.path()).unwrap_err().to_string();
        assert!(problem.contains("two entries named a.png"), "{problem}");
        // What is passed over may be there twice.
        for name in ["x.txt", ".DS_Store", "__MACOSX/._a.png"] {
            let other = format!("y{}", &name[1..]);
            let file = write(&[("a.png", vec![1]), (name, vec![2]), (&other, vec![3])]);
            let mut bytes = std::fs::read(file.path()).unwrap();
            for at in 0..bytes.len() - other.len() {
                if bytes[at..].starts_with(other.as_bytes()) {
                    bytes[at] = name.as_bytes()[0];
                }
            }
            std::fs::write(file.path(), bytes).unwrap();
            assert_eq!(opened(file.path()).unwrap().read("a.png", 1, "a PNG").unwrap(), [1], "{name}");
        }
    }

    #[test]
    fn what_unpacks_to_too_much_or_is_too_many_is_refused() {
        let file = write(&[("a.png", vec![0; 9000]), ("b.bin", vec![0; 9000])]);
        let at_most = |max_zip_bytes, max_files| {
            let config = PrepareConfig { max_zip_bytes, max_files, ..PrepareConfig::default() };
            ZipDataset::open(file.path(), &config).map_err(|problem| problem.to_string())
        };
        assert!(at_most(9000, 2).is_ok(), "what is not read does not count");
        let large = at_most(8999, 2).unwrap_err();
        assert!(large.contains("raise prepare.max_zip_bytes (--max-zip-bytes)"), "{large}");
        let many = at_most(9000, 1).unwrap_err();
        assert!(many.contains("2 entries; expected at most 1") && many.contains("--max-files"), "{many}");
    }

    #[test]
    fn other_archives_and_methods_are_called_by_their_names() {
        let place = tempfile::tempdir().unwrap();
        let said = |bytes: &[u8]| {
            let path = place.path().join("set.zip");
            std::fs::write(&path, bytes).unwrap();
            opened(&path).unwrap_err().to_string()
        };
        assert!(said(b"Rar!\x1a\x07").contains("a RAR archive; expected a zip of images"));
        assert!(said(b"").contains("an empty file; expected a zip of images"));
        assert!(said(b"PK\x03\x04").contains("not a readable zip"));
        assert!(opened(place.path()).unwrap_err().to_string().contains("give a folder as --images"));
        let mut bytes = std::fs::read(write(&[("a.png", vec![1, 2])]).path()).unwrap();
        // Method 8 stands at byte 8 of the entry's header and at byte 10 of its line in the directory.
        let directory = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        [8, directory + 10].into_iter().for_each(|at| bytes[at] = 9);
        let other = said(&bytes);
        assert!(other.contains("a.png is packed by the method Deflate64 (9); expected deflate"), "{other}");
        // So does the flag of encryption, two bytes before.
        [6, directory + 8].into_iter().for_each(|at| bytes[at] |= 1);
        assert!(said(&bytes).contains("a.png is encrypted"));
    }

    #[test]
    fn every_truncation_and_flipped_bit_is_read_or_refused() {
        let json = br#"{"labels": null}"#.to_vec();
        let file = write(&[("a.png", (0..60).collect()), ("dataset.json", json)]);
        let bytes = std::fs::read(file.path()).unwrap();
        let try_all = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            opened(file.path()).and_then(|mut zip| zip.read("a.png", 100, "a PNG"))
        };
        for end in 0..bytes.len() {
            assert!(try_all(&bytes[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = try_all(&flipped);
        }
    }
}

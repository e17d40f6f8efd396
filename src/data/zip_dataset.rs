//! A StyleGAN2-ADA data set: PNGs and `dataset.json` in one zip. Entries are read in place, never written to disk.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::image_labels::Labels;
use super::name_join::repeated;
use crate::problem::{Problem, Result};

const MAX_ENTRIES: usize = 200_000;

/// Unpacked size over packed size; images and JSON do not compress further.
const MAX_RATIO: u64 = 200;

/// Of one entry.
const MAX_ENTRY_BYTES: u64 = 64 << 20;

/// A zip that passed the checks.
#[derive(Debug)]
pub struct ZipDataset {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    /// As in the zip, sorted.
    pub names: Vec<String>,
    /// Of the images.
    pub labels: Labels,
    /// Entries that are neither PNG nor dataset.json.
    pub others: u64,
}

impl ZipDataset {
    /// Opens and checks the directory of a zip; at most `max_bytes` may come out of it.
    ///
    /// # Errors
    /// No such file, no zip, or one that is damaged, dangerous to unpack or without images.
    pub fn open(path: &Path, max_bytes: u64) -> Result<Self> {
        tracing::info!("reading {}", path.display());
        let bad = |found: String| Problem::input(path, found);
        let file = File::open(path).map_err(|error| Problem::io(path, "opening", error))?;
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            bad(format!("not a readable zip: {error}")).advice("copy or download the file again").because(error)
        })?;
        if archive.len() > MAX_ENTRIES {
            return Err(bad(format!("{} entries", archive.len())).expected(format!("at most {MAX_ENTRIES}")));
        }
        if archive.has_duplicate_names() {
            return Err(bad("two entries of the same name".into()).expected("each name once"));
        }
        let overlapping = archive.has_overlapping_entries().map_err(|error| bad(format!("a damaged zip: {error}")))?;
        if overlapping {
            return Err(bad("entries that overlap".into()).advice("this zip was not made by an honest packer"));
        }
        let Entries { names, others, json } = entries(path, &mut archive, max_bytes)?;
        let labels = Labels::from_folders(&names);
        let mut dataset = Self { path: path.to_owned(), archive, names, labels, others };
        if json {
            let text = dataset.read("dataset.json")?;
            dataset.labels = Labels::from_dataset_json(&text, &dataset.names).map_err(|problem| problem.at(path))?;
        }
        Ok(dataset)
    }

    /// Unpacks one entry into memory; its checksum is checked.
    ///
    /// # Errors
    /// No such entry, or one that is damaged or of another size than the directory says.
    pub fn read(&mut self, name: &str) -> Result<Vec<u8>> {
        let bad = |found: String| Problem::input(&self.path, format!("{name}: {found}"));
        let entry = self.archive.by_name(name).map_err(|error| bad(error.to_string()))?;
        let promised = entry.size().min(MAX_ENTRY_BYTES);
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

/// What a zip holds, by its directory.
struct Entries {
    /// Of the images, sorted.
    names: Vec<String>,
    /// Files that are neither PNG nor dataset.json.
    others: u64,
    /// Whether there is a dataset.json.
    json: bool,
}

/// Checks every entry's name, kind and sizes; nothing is unpacked.
fn entries(path: &Path, archive: &mut ZipArchive<BufReader<File>>, max_bytes: u64) -> Result<Entries> {
    let bad = |found: String| Problem::input(path, found);
    let mut names = Vec::new();
    let (mut total, mut others, mut json) = (0u64, 0, false);
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| bad(format!("entry {index}: {error}")))?;
        let name = checked_name(entry.name_raw()).map_err(&bad)?;
        if entry.is_symlink() {
            return Err(bad(format!("{name} is a symbolic link")).expected("files"));
        }
        if entry.is_dir() {
            continue;
        }
        let (size, packed) = (entry.size(), entry.compressed_size());
        if size > MAX_ENTRY_BYTES || size > packed.saturating_mul(MAX_RATIO).saturating_add(1024) {
            return Err(bad(format!("{name} unpacks from {packed} to {size} bytes"))
                .expected(format!("at most {MAX_ENTRY_BYTES} bytes and {MAX_RATIO} times its packed size")));
        }
        total = total.saturating_add(size);
        match name.as_str() {
            "dataset.json" => json = true,
            _ if name.to_ascii_lowercase().ends_with(".png") => names.push(name),
            _ => others += 1,
        }
    }
    if total > max_bytes {
        return Err(bad(format!("{total} bytes unpacked"))
            .expected(format!("at most {max_bytes}"))
            .advice("raise prepare.max_zip_bytes (--max-zip-bytes) if you trust the file"));
    }
    if names.is_empty() {
        return Err(bad("no PNG in this zip".into()).expected("a data set of StyleGAN2-ADA's dataset tool"));
    }
    names.sort();
    // Names that differ in bytes only that are not UTF-8 never get here; a repeat would still shift nothing.
    if let Some(name) = repeated(names.iter().map(String::as_str)).first() {
        return Err(bad(format!("two entries named {name}")).expected("each name once"));
    }
    Ok(Entries { names, others, json })
}

/// A relative name that stays below the data set on every system.
fn checked_name(raw: &[u8]) -> std::result::Result<String, String> {
    let shown = || raw.escape_ascii().to_string();
    let Ok(name) = std::str::from_utf8(raw) else {
        return Err(format!("an entry name that is not UTF-8: {}", shown()));
    };
    let absolute = name.starts_with('/') || name.as_bytes().get(1) == Some(&b':');
    let climbing = name.trim_end_matches('/').split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if absolute || climbing || name.contains(['\\', '\0']) {
        return Err(format!("an unsafe entry name: {}", shown()));
    }
    Ok(name.to_owned())
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

    fn open(entries: &[(&str, Vec<u8>)]) -> Result<ZipDataset> {
        ZipDataset::open(write(entries).path(), 1 << 30)
    }

    #[test]
    fn names_and_labels_of_an_honest_zip() {
        let json = br#"{"labels": [["00000/b.png", 1], ["00000/a.png", 0]]}"#.to_vec();
        let file = write(&[("00000/b.png", vec![2]), ("00000/a.png", vec![1]), ("dataset.json", json)]);
        let mut zip = ZipDataset::open(file.path(), 1 << 30).unwrap();
        assert_eq!(zip.names, ["00000/a.png", "00000/b.png"]);
        assert_eq!(zip.labels.label.clone().unwrap()["00000/b.png"], "1");
        assert_eq!(zip.read("00000/b.png").unwrap(), [2]);
    }

    #[test]
    fn dangerous_names_are_refused() {
        for name in ["../a.png", "x/../../a.png", "/a.png", "c:/a.png", "x\\a.png", "x//a.png", "./a.png"] {
            let found = checked_name(name.as_bytes()).unwrap_err();
            assert!(found.contains("unsafe entry name"), "{name}: {found}");
        }
        assert!(checked_name(b"a\0.png").is_err());
        assert!(checked_name(b"\xff.png").is_err());
        assert_eq!(checked_name(b"00000/img..1.png").unwrap(), "00000/img..1.png");
        let problem = open(&[("../a.png", vec![1])]).unwrap_err().to_string();
        assert!(problem.contains("unsafe entry name: ../a.png"), "{problem}");
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
        let problem = ZipDataset::open(file.path(), 1 << 30).unwrap_err().to_string();
        assert!(problem.contains("same name"), "{problem}");
    }

    #[test]
    fn bombs_are_refused_by_ratio_and_by_size() {
        let bomb = open(&[("a.png", vec![0; 4 << 20])]).unwrap_err().to_string();
        assert!(bomb.contains("unpacks from"), "{bomb}");
        let file = write(&[("a.png", (0..9000u32).map(|i| (i * i / 7) as u8).collect())]);
        let large = ZipDataset::open(file.path(), 8000).unwrap_err().to_string();
        assert!(large.contains("raise prepare.max_zip_bytes (--max-zip-bytes)"), "{large}");
    }

    #[test]
    fn every_truncation_and_flipped_bit_is_read_or_refused() {
        let json = br#"{"labels": null}"#.to_vec();
        let file = write(&[("a.png", (0..60).collect()), ("dataset.json", json)]);
        let bytes = std::fs::read(file.path()).unwrap();
        let try_all = |bytes: &[u8]| {
            std::fs::write(file.path(), bytes).unwrap();
            ZipDataset::open(file.path(), 1 << 20).and_then(|mut zip| zip.read("a.png"))
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

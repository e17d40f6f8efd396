//! Zips written byte by byte, so that every field can lie.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// An entry of a zip: every field as it is to stand there, true or not.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub stored: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub sum: u32,
    /// Packed, unpacked.
    pub sizes: [u32; 2],
    /// In the local header, where it says something else.
    pub local_sizes: Option<[u32; 2]>,
    /// Unix mode, where there is one.
    pub mode: u32,
    pub extra: Vec<u8>,
    /// Where the directory says that the entry lies, where it lies about it.
    pub offset: Option<u32>,
}

impl Entry {
    pub fn stored(name: impl Into<Vec<u8>>, bytes: Vec<u8>) -> Self {
        let (sum, size) = (sum(&bytes), bytes.len() as u32);
        let name = name.into();
        Self {
            name,
            stored: bytes,
            method: 0,
            flags: 0,
            sum,
            sizes: [size; 2],
            local_sizes: None,
            mode: 0,
            extra: vec![],
            offset: None,
        }
    }

    pub fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::best());
        packer.write_all(bytes).unwrap();
        let packed = packer.finish().unwrap();
        let sizes = [packed.len() as u32, bytes.len() as u32];
        Self { method: 8, sizes, sum: sum(bytes), ..Self::stored(name, packed) }
    }

    fn header(&self, sizes: [u32; 2]) -> Vec<u8> {
        let mut bytes = vec![20, 0];
        for half in [self.flags, self.method, 0, 0x21] {
            bytes.extend(half.to_le_bytes());
        }
        for word in [self.sum, sizes[0], sizes[1]] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend((self.extra.len() as u16).to_le_bytes());
        bytes
    }
}

fn sum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// A zip of these entries, with this many entries said and `before` in front of the end record.
pub fn zip_of(entries: &[Entry], said: usize, before: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(bytes.len() as u32);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(entry.header(entry.local_sizes.unwrap_or(entry.sizes)));
        bytes.extend([&entry.name, &entry.extra, &entry.stored].into_iter().flatten());
        // Made by Unix.
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(entry.header(entry.sizes));
        // Length of a comment, number of a disk, attributes within.
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend([&entry.name, &entry.extra].into_iter().flatten());
    }
    let start = bytes.len() as u32;
    let size = directory.len() as u32;
    bytes.extend(directory);
    bytes.extend(before);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((said as u16).to_le_bytes().repeat(2));
    bytes.extend([size.to_le_bytes(), start.to_le_bytes()].concat());
    bytes.extend([0, 0]);
    bytes
}

pub fn zipped(entries: &[Entry]) -> Vec<u8> {
    zip_of(entries, entries.len(), b"")
}

/// An end record of zip64 and its locator; offsets are those of `start`.
pub fn zip64(entries: u64, size: u64, offset: u64, start: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06".to_vec();
    bytes.extend(44u64.to_le_bytes());
    bytes.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([entries, entries, size, offset].map(u64::to_le_bytes).concat());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(start.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    bytes
}

//! How many entries a zip says it has, before its directory is read into memory.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

/// The last record of a zip, 22 bytes with a comment of up to 65,535, behind the locator (20) and the record (56) that
/// large zips have there.
const TAIL: u64 = 22 + 65_535 + 20 + 56;

const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const LARGE_END: &[u8] = b"PK\x06\x06";

/// The largest number of entries that any record at the end of the file may promise (APPNOTE 4.3.14 to 4.3.16): a
/// reader may take each of them for the right one. `None` where no zip ends there. The file is left at its start.
///
/// # Errors
/// The file cannot be read.
pub fn promised(file: &mut File) -> Result<Option<u64>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = at(file, length.saturating_sub(TAIL))?;
    let ends = records(&tail, END).map(|record| number::<2>(record, 8).max(number::<2>(record, 10)));
    let Some(mut most) = ends.max() else {
        file.seek(SeekFrom::Start(0))?;
        return Ok(None);
    };
    most = most.max(of_large(&tail));
    for locator in records(&tail, LOCATOR) {
        // Where something stands before the zip, the record is somewhere behind the place that is named.
        let record = at(file, number::<8>(locator, 8))?;
        most = most.max(of_large(&record));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Some(most))
}

/// The first name, as its bytes, that is `read` and that several entries of the directory at `start` have: a reader
/// that knows entries by their names keeps one of them.
///
/// # Errors
/// The file cannot be read.
pub fn doubled(file: &mut (impl Read + Seek), start: u64, read: impl Fn(&[u8]) -> bool) -> Result<Option<Vec<u8>>> {
    let mut seen = HashSet::new();
    let mut place = file.seek(SeekFrom::Start(start))?;
    let mut header = [0; 46];
    while file.read_exact(&mut header).is_ok() && header.starts_with(b"PK\x01\x02") {
        let mut name = vec![0; number::<2>(&header, 28) as usize];
        file.read_exact(&mut name)?;
        place += 46 + name.len() as u64 + number::<2>(&header, 30) + number::<2>(&header, 32);
        if read(&name) && !seen.insert(name.clone()) {
            return Ok(Some(name));
        }
        file.seek(SeekFrom::Start(place))?;
    }
    Ok(None)
}

/// The most that a record of a large zip among these bytes promises, on this disk or on all.
fn of_large(bytes: &[u8]) -> u64 {
    records(bytes, LARGE_END).map(|record| number::<8>(record, 24).max(number::<8>(record, 32))).max().unwrap_or(0)
}

/// As many bytes as the end of a zip may have, from `place` on.
fn at(file: &mut File, place: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A place beyond what a file can have has nothing.
    if file.seek(SeekFrom::Start(place.min(i64::MAX as u64))).is_ok() {
        file.take(TAIL).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// What follows from each place on where the signature stands.
fn records<'a>(bytes: &'a [u8], signature: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let places = (0..bytes.len()).filter(move |&place| bytes[place..].starts_with(signature));
    places.map(|place| &bytes[place..])
}

/// `N` bytes at `place` as a number, the lowest first; 0 where they are not there.
fn number<const N: usize>(record: &[u8], place: usize) -> u64 {
    let bytes = record.get(place..place + N).unwrap_or_default();
    bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn count(bytes: &[u8]) -> Option<u64> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        promised(&mut file).unwrap()
    }

    #[test]
    fn small_and_large_zips_say_how_much_they_hold() {
        let end = |count: u16| [b"PK\x05\x06\0\0\0\0\0\0".as_slice(), &count.to_le_bytes(), &[0; 10]].concat();
        assert_eq!(count(&end(513)), Some(513));
        assert_eq!(count(&[&[7; 100_000], end(3).as_slice(), b"a comment"].concat()), Some(3));
        let large = [b"PK\x06\x06".as_slice(), &[0; 28], &(1u64 << 40).to_le_bytes(), &[0; 16]].concat();
        let locator = |place: u64| [b"PK\x06\x07".as_slice(), &[0; 4], &place.to_le_bytes(), &[0; 4]].concat();
        assert_eq!((large.len(), locator(0).len()), (56, 20));
        assert_eq!(count(&[large.clone(), locator(0), end(0xffff)].concat()), Some(1 << 40));
        // The record far from the end, and a locator that is off.
        assert_eq!(count(&[large.clone(), vec![7; 200_000], locator(0), end(0xffff)].concat()), Some(1 << 40));
        assert_eq!(count(&[vec![7; 50], large.clone(), locator(0), end(0xffff)].concat()), Some(1 << 40));
        // More on this disk than on all of them; a locator that is not just before the end, as in a comment.
        let more = [b"PK\x05\x06\0\0\0\0\x09\0".as_slice(), &[0; 12]].concat();
        assert_eq!(count(&more), Some(9));
        assert_eq!(count(&[large.clone(), vec![7; 200_000], end(1), locator(0)].concat()), Some(1 << 40));
        assert_eq!((count(b""), count(b"PK\x05\x06")), (None, Some(0)));
        assert_eq!(count(&[end(3), vec![0; 70_000]].concat()), None, "more behind it than a comment can be");
        assert_eq!(count(&[locator(u64::MAX), end(3)].concat()), Some(3));
    }
}

//! How many entries a zip says it has, before its directory is read into memory.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};

/// The last record of a zip, 22 bytes with a comment of up to 65,535, behind the locator (20) and the record (56) that
/// large zips have there.
const TAIL: u64 = 22 + 65_535 + 20 + 56;

const END: &[u8] = b"PK\x05\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const LARGE_END: &[u8] = b"PK\x06\x06";

/// The largest number of entries that any record at the end of the file may promise (APPNOTE 4.3.14 to 4.3.16): a
/// reader may take each of them for the right one. 0 where there is no such record.
pub(super) fn promised(file: &mut File) -> Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = at(file, length.saturating_sub(TAIL), TAIL)?;
    let mut most = 0;
    for (place, record) in records(&tail, END) {
        most = most.max(number::<2>(record, 10));
        let locator = place.checked_sub(20).map(|before| &tail[before..]).filter(|before| before.starts_with(LOCATOR));
        if let Some(locator) = locator {
            let record = at(file, number::<8>(locator, 8), 56)?;
            most = most.max(if record.starts_with(LARGE_END) { number::<8>(&record, 32) } else { 0 });
        }
    }
    // Where something stands before the zip, the locator's place is off; the record is just before it all the same.
    let large = records(&tail, LARGE_END).map(|(_, record)| number::<8>(record, 32)).max();
    file.seek(SeekFrom::Start(0))?;
    Ok(most.max(large.unwrap_or(0)))
}

fn at(file: &mut File, place: u64, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(place))?;
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the signature stands, and what follows from there.
fn records<'a>(bytes: &'a [u8], signature: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let places = (0..bytes.len()).filter(move |&place| bytes[place..].starts_with(signature));
    places.map(|place| (place, &bytes[place..]))
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

    fn count(bytes: &[u8]) -> u64 {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        promised(&mut file).unwrap()
    }

    #[test]
    fn small_and_large_zips_say_how_much_they_hold() {
        let end = |count: u16| [b"PK\x05\x06\0\0\0\0\0\0".as_slice(), &count.to_le_bytes(), &[0; 10]].concat();
        assert_eq!(count(&end(513)), 513);
        assert_eq!(count(&[&[7; 100_000], end(3).as_slice(), b"a comment"].concat()), 3);
        let large = [b"PK\x06\x06".as_slice(), &[0; 28], &(1u64 << 40).to_le_bytes(), &[0; 16]].concat();
        let locator = |place: u64| [b"PK\x06\x07".as_slice(), &[0; 4], &place.to_le_bytes(), &[0; 4]].concat();
        assert_eq!((large.len(), locator(0).len()), (56, 20));
        assert_eq!(count(&[large.clone(), locator(0), end(0xffff)].concat()), 1 << 40);
        // The record far from the end, and a locator that is off.
        assert_eq!(count(&[large.clone(), vec![7; 200_000], locator(0), end(0xffff)].concat()), 1 << 40);
        assert_eq!(count(&[vec![7; 50], large, locator(0), end(0xffff)].concat()), 1 << 40);
        assert_eq!((count(b""), count(b"PK\x05\x06")), (0, 0));
    }
}

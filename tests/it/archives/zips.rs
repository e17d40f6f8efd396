//! Zip data sets that were made to do harm.

use super::raw_zip::{Entry, zip_of, zip64, zipped};
use crate::fuzz::images::{entries, gray, name};

/// A zip that is read.
pub fn honest() -> Vec<Entry> {
    entries().into_iter().map(|(name, bytes)| Entry::stored(name, bytes)).collect()
}

/// The honest entries and one more.
fn with(entry: Entry) -> Vec<u8> {
    let mut all = honest();
    all.push(entry);
    zipped(&all)
}

/// The honest entries, the second one altered.
fn altered(alter: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut all = honest();
    alter(&mut all[1]);
    zipped(&all)
}

/// The honest entries with an end record of zip64 that says this about its directory.
fn lying_zip64(entries: u64, size: u64, offset: u64) -> Vec<u8> {
    with_zip64(&honest(), |_, _| (entries, size, offset))
}

/// `said` gives entries, size and offset of the directory as the end record of zip64 says them, from the true size and
/// offset.
fn with_zip64(all: &[Entry], said: impl FnOnce(u64, u64) -> (u64, u64, u64)) -> Vec<u8> {
    let plain = zipped(all);
    let end = plain.len() - 22;
    let word = |at: usize| u64::from(u32::from_le_bytes(*plain[end + at..].first_chunk().unwrap()));
    let (entries, size, offset) = said(word(12), word(16));
    let mut bytes = zip_of(all, 0xffff, &zip64(entries, size, offset, end as u64));
    let end = bytes.len() - 10;
    bytes[end..end + 8].fill(0xff);
    bytes
}

/// Each by what is wrong with it.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let image = || gray(77, 8);
    let named = |name: &[u8]| with(Entry::stored(name.to_vec(), image()));
    let zeros = vec![0; 200 << 20];
    let many: Vec<Entry> = (0..200_001).map(|at| Entry::stored(format!("{at}.png"), vec![])).collect();
    vec![
        ("a way up", named(b"../outside.png")),
        ("a way up within", named(b"00000/../../outside.png")),
        ("a way up by backslashes", named(b"..\\..\\outside.png")),
        ("an absolute name", named(b"/tmp/outside.png")),
        ("a drive", named(b"C:\\outside.png")),
        ("a NUL", named(b"a\0b.png")),
        ("a control sequence", named(b"\x1b[2Ja.png")),
        ("no name", named(b"")),
        ("a name without end", named(&[b"x".repeat(65_000), b".png".to_vec()].concat())),
        ("a name that is no text", named(b"\xff\xfe.png")),
        ("a symbolic link", with(Entry { mode: 0o120_777, ..Entry::stored("link.png", b"/etc/passwd".to_vec()) })),
        ("a name twice", with(Entry::stored(name(0), image()))),
        ("two entries in one place", altered(|entry| entry.offset = Some(0))),
        ("an entry behind the end", altered(|entry| entry.offset = Some(0xffff_fff0))),
        ("an entry in the directory", {
            let at = zipped(&honest()).len() as u32 - 200;
            altered(|entry| entry.offset = Some(at))
        }),
        ("a size too large", altered(|entry| entry.sizes[1] += 1000)),
        ("a size too small", altered(|entry| entry.sizes[1] -= 10)),
        ("a packed size too large", altered(|entry| entry.sizes[0] = 0x7fff_ffff)),
        ("a wrong sum", altered(|entry| entry.sum ^= 1)),
        ("an encrypted entry", altered(|entry| entry.flags = 1)),
        ("bzip2", altered(|entry| entry.method = 12)),
        ("Zstandard", altered(|entry| entry.method = 93)),
        ("AES", altered(|entry| entry.method = 99)),
        ("a method that is none", altered(|entry| entry.method = 65_535)),
        ("a bomb", with(Entry::deflated("bomb.png", &zeros))),
        ("a bomb that says it is small", {
            let mut bomb = Entry::deflated("bomb.png", &zeros);
            bomb.sizes[1] = 1000;
            bomb.local_sizes = Some(bomb.sizes);
            with(bomb)
        }),
        ("a bomb of labels", {
            let mut all = honest();
            all.pop();
            all.push(Entry::deflated("dataset.json", &zeros));
            zipped(&all)
        }),
        ("nested labels", {
            let mut all = honest();
            all.pop();
            all.push(Entry::stored("dataset.json", b"[".repeat(1 << 20)));
            zipped(&all)
        }),
        ("a zip in a zip", zipped(&[Entry::stored("inner.zip", zipped(&honest()))])),
        ("nothing but the end", zip_of(&[], 0, b"")),
        ("more entries than said", zip_of(&many, 100, b"")),
        ("200,001 entries", with_zip64(&many, |size, offset| (200_001, size, offset))),
        ("more entries said than there", zip_of(&honest(), 60_000, b"")),
        ("entries of zip64 without end", lying_zip64(u64::MAX, 1000, 0)),
        ("a directory of zip64 without end", lying_zip64(9, u64::MAX, 0)),
        ("a directory of zip64 beyond the file", lying_zip64(9, 900, u64::MAX - 5)),
        ("sizes of zip64 without end", {
            let extra = [&[1u8, 0, 16, 0][..], &[0xff; 16]].concat();
            altered(|entry| (entry.sizes, entry.extra) = ([u32::MAX; 2], extra))
        }),
        ("the end alone", zipped(&honest())[zipped(&honest()).len() - 22..].to_vec()),
    ]
}

//! What is done to a valid input: bits, bytes, blocks, numbers and words, one change or several on top of another.

use rand::{Rng, RngExt};

/// Longest input that is made of a shorter one.
const LONGEST: usize = 1 << 20;

/// Integers at which arithmetic goes wrong.
const MAGIC: [u64; 12] =
    [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 31, 1 << 40, i64::MAX as u64, u64::MAX];

/// Texts that stand where a number stood.
const NUMBERS: [&str; 13] = [
    "0",
    "-1",
    "1e308",
    "1e999",
    "-0.0",
    "NaN",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e-400",
    "null",
    "123456789012345678901234567890123456789012345678901234567890",
];

/// Texts that stand anywhere in a text.
const WORDS: [&str; 22] = [
    "\0",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\t",
    ",",
    "=",
    "[",
    "]",
    "{",
    "}",
    "..",
    "../../../x",
    "/etc/passwd",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[2J",
    "\\ud800",
    "\\u0000",
    "true",
    "n/a",
];

/// What opens and closes a level of nesting.
const NESTS: [(&str, &str); 4] = [("[", "]"), ("{\"a\":", "}"), ("(", ")"), ("[[", "]]")];

/// One to eight changes of `bytes`; `others` lend blocks, `text` says whether words and nesting make sense.
pub fn mutated(mut bytes: Vec<u8>, others: &[Vec<u8>], text: bool, draws: &mut impl Rng) -> Vec<u8> {
    for _ in 0..1 << draws.random_range(0..4u32) {
        match draws.random_range(0..if text { 13 } else { 9 }) {
            0 => flip(&mut bytes, draws),
            1 => overwrite(&mut bytes, draws),
            2 | 3 => number_in_bytes(&mut bytes, draws),
            4 => drop(bytes.drain(block(bytes.len(), draws))),
            5 => duplicate(&mut bytes, draws),
            6 => insert(&mut bytes, draws),
            7 => splice(&mut bytes, others, draws),
            8 => bytes.truncate(draws.random_range(0..=bytes.len())),
            9 | 10 => number_in_text(&mut bytes, draws),
            11 => word(&mut bytes, draws),
            _ => nest(&mut bytes, draws),
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn place(length: usize, draws: &mut impl Rng) -> usize {
    // Headers are where formats can be hurt: every other change falls on the first 512 bytes.
    let within = if draws.random() { length.min(512) } else { length };
    draws.random_range(0..=within)
}

/// At most 256 bytes, now and then all that follow.
fn block(length: usize, draws: &mut impl Rng) -> std::ops::Range<usize> {
    let start = place(length, draws);
    let most = if draws.random_range(0..8) == 0 { length - start } else { (length - start).min(256) };
    start..start + draws.random_range(0..=most)
}

fn flip(bytes: &mut [u8], draws: &mut impl Rng) {
    let at = place(bytes.len(), draws);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << draws.random_range(0..8u32);
    }
}

fn overwrite(bytes: &mut [u8], draws: &mut impl Rng) {
    let at = place(bytes.len(), draws);
    if let Some(byte) = bytes.get_mut(at) {
        *byte = draws.random();
    }
}

fn number_in_bytes(bytes: &mut [u8], draws: &mut impl Rng) {
    let width = [2, 4, 8][draws.random_range(0..3usize)];
    let magic = MAGIC[draws.random_range(0..MAGIC.len())];
    let (little, big) = (magic.to_le_bytes(), magic.to_be_bytes());
    let number = if draws.random() { &little[..width] } else { &big[8 - width..] };
    let at = place(bytes.len().saturating_sub(width), draws);
    if let Some(there) = bytes.get_mut(at..at + width) {
        there.copy_from_slice(number);
    }
}

fn duplicate(bytes: &mut Vec<u8>, draws: &mut impl Rng) {
    let copied = bytes[block(bytes.len(), draws)].to_vec();
    let times = if draws.random_range(0..16) == 0 { 64 } else { 1 };
    let at = place(bytes.len(), draws);
    bytes.splice(at..at, copied.repeat(times));
}

fn insert(bytes: &mut Vec<u8>, draws: &mut impl Rng) {
    let length = draws.random_range(1..=16usize);
    let new: Vec<u8> = (0..length).map(|_| draws.random()).collect();
    let at = place(bytes.len(), draws);
    bytes.splice(at..at, new);
}

fn splice(bytes: &mut Vec<u8>, others: &[Vec<u8>], draws: &mut impl Rng) {
    let other = &others[draws.random_range(0..others.len())];
    let taken = other[block(other.len(), draws)].to_vec();
    let at = place(bytes.len(), draws);
    let end = (at + taken.len()).min(bytes.len());
    bytes.splice(at..end, taken);
}

fn number_in_text(bytes: &mut Vec<u8>, draws: &mut impl Rng) {
    let start = place(bytes.len(), draws);
    let Some(at) = bytes[start..].iter().position(u8::is_ascii_digit).map(|at| start + at) else { return };
    let end = bytes[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |length| at + length);
    let number = NUMBERS[draws.random_range(0..NUMBERS.len())];
    bytes.splice(at..end, number.bytes());
}

fn word(bytes: &mut Vec<u8>, draws: &mut impl Rng) {
    let at = place(bytes.len(), draws);
    let word = WORDS[draws.random_range(0..WORDS.len())];
    bytes.splice(at..at, word.bytes());
}

/// Opens up to 60,000 levels, and closes them again or not.
fn nest(bytes: &mut Vec<u8>, draws: &mut impl Rng) {
    let (open, close) = NESTS[draws.random_range(0..NESTS.len())];
    let levels = [3, 200, 60_000][draws.random_range(0..3usize)];
    let closed = if draws.random() { close.repeat(levels) } else { String::new() };
    let at = place(bytes.len(), draws);
    bytes.splice(at..at, open.repeat(levels).bytes().chain(closed.bytes()));
}

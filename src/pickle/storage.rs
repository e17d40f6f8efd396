//! The elements of one tensor as `torch.save`'s older stream, which plain pickles carry inside a byte string: five
//! small pickles (magic number, version, machine, storage, keys), then the length and the raw elements.

use super::budget::Budget;
use super::cursor::Cursor;
use super::globals::{Element, Global};
use super::machine::{Dialect, Pickle, read as read_pickle};
use super::value::{Value, shortened};
use crate::problem::{Kind, Problem, Result};

/// 0x1950a86a20f9469cfc6c.
pub(super) const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

pub(super) const VERSION: i64 = 1001;

/// Reads a stream that holds one storage; returns the element type and where in `bytes` the elements start and how many
/// bytes they take.
///
/// # Errors
/// Not such a stream, a big-endian machine, a view of another storage, a device that is neither CPU nor GPU, or a
/// length that differs from what is there.
pub fn read(bytes: &[u8], budget: &mut Budget) -> Result<(Element, usize, usize)> {
    let foreign = |found: String| {
        Problem::new(Kind::Input, format!("a tensor's storage holds {found}"))
            .expected("one storage as torch.save writes it inside a pickle")
    };
    let mut cursor = Cursor::new(bytes);
    let magic = read_pickle(&mut cursor, budget, Dialect::Storage)?;
    if magic.root != Value::Long(&MAGIC) {
        return Err(foreign(format!("{} in place of the magic number", magic.heap.describe(magic.root))));
    }
    let version = read_pickle(&mut cursor, budget, Dialect::Storage)?;
    if version.root != Value::Int(VERSION) {
        return Err(foreign(format!("version {}", version.heap.describe(version.root))));
    }
    let machine = read_pickle(&mut cursor, budget, Dialect::Storage)?;
    if machine.heap.entry(machine.root, "little_endian") != Some(Value::Bool(true)) {
        return Err(foreign("numbers of a machine that is not little-endian".into()));
    }
    let storage = read_pickle(&mut cursor, budget, Dialect::Storage)?;
    let (element, key, count) = describe(&storage).ok_or_else(|| {
        let parts: Vec<String> = match storage.heap.tuple(storage.root) {
            Some(parts) => parts.iter().take(8).map(|part| storage.heap.describe(*part)).collect(),
            None => vec![storage.heap.describe(storage.root)],
        };
        foreign(format!("({})", shortened(&parts.join(", "))))
    })?;
    let keys = read_pickle(&mut cursor, budget, Dialect::Storage)?;
    if keys.heap.sequence(keys.root) != Some(&[Value::Text(key)]) {
        return Err(foreign("more than one part".into()));
    }
    let written = cursor.u64()?;
    let length = count.checked_mul(element.size() as u64);
    if written != count || length != Some(cursor.remaining() as u64) {
        let found = format!("{} bytes for {written} of {count} elements", cursor.remaining());
        return Err(foreign(found).advice("the file is cut off or damaged; copy or download it again"));
    }
    Ok((element, cursor.position(), cursor.remaining()))
}

/// Element type, key and count of ('storage', class, key, device, count[, view]).
fn describe<'a>(storage: &Pickle<'a>) -> Option<(Element, &'a str, u64)> {
    let parts = storage.heap.tuple(storage.root)?;
    let (parts, view) = parts.split_at_checked(5)?;
    if !matches!(view, [] | [Value::None]) {
        return None;
    }
    match *parts {
        [
            Value::Text("storage"),
            Value::Global(Global::StorageClass(element)),
            Value::Text(key),
            Value::Text(device),
            Value::Int(count),
        ] if is_device(device) => Some((element, key, u64::try_from(count).ok()?)),
        _ => None,
    }
}

/// "cpu", "cuda", "cuda:3": where the tensor lay when it was saved; it is read into memory all the same.
fn is_device(name: &str) -> bool {
    match name.strip_prefix("cuda") {
        Some(rest) => rest.is_empty() || rest.strip_prefix(':').is_some_and(|index| index.parse::<u16>().is_ok()),
        None => name == "cpu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_a_network_may_have_lain_on() {
        for name in ["cpu", "cuda", "cuda:0", "cuda:7"] {
            assert!(is_device(name), "{name}");
        }
        for name in ["", "meta", "cuda:", "cuda:x", "cudax", "cpu:0"] {
            assert!(!is_device(name), "{name}");
        }
    }
}

//! How much memory a JSON text may take as values: a short word or an empty list takes many times its two bytes.

/// Bytes that every text may take.
const ALWAYS: u64 = 256 << 20;

/// Times its own length that a longer text may take.
const TIMES: u64 = 4;

/// A word in a list that doubles as it grows: twice its place, and what the allocator gives for a byte.
const WORD: u64 = 80;

/// A list or an object, likewise.
const CONTAINER: u64 = 48;

/// A number or a truth, likewise.
const VALUE: u64 = 16;

/// Whether the values of a text may take more memory than such a file is worth (256 MiB or four times its length, in
/// bytes). Keys are not counted: nearly all are the program's fields; those of its few maps are names of arms.
pub(super) fn is_too_little_for(text: &[u8]) -> bool {
    let bound = ALWAYS.max(TIMES * text.len() as u64);
    // Nothing takes more for its bytes than a word of one letter.
    text.len() as u64 * WORD / 3 > bound && room(text) > bound
}

fn room(text: &[u8]) -> u64 {
    let mut room = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let after = after_word(text, at);
                let next = text[after..].iter().position(|byte| !byte.is_ascii_whitespace());
                if next.is_none_or(|next| text[after + next] != b':') {
                    room += WORD;
                }
                at = after;
            }
            b'[' | b'{' => room += CONTAINER,
            b',' => room += VALUE,
            _ => {}
        }
    }
    room
}

/// The place behind the quotation mark that ends the word whose first letter is at `at`.
fn after_word(text: &[u8], mut at: usize) -> usize {
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two containers, one word (the key "a" is none, the word has a quotation mark in it), three commas.
    #[test]
    fn room_by_hand() {
        assert_eq!(room(br#"{"a": ["x\"y\\", 1, 2],"b":true}"#), 2 * CONTAINER + WORD + 3 * VALUE);
        assert_eq!(room(br#"["cut \"#), CONTAINER + WORD);
        assert_eq!(room(b"\"cut"), WORD);
    }

    #[test]
    fn lists_of_almost_nothing_are_too_long_and_records_are_not() {
        let list = |part: &str, bytes: usize| format!("[{}0]", part.repeat(bytes / part.len())).into_bytes();
        for part in ["\"\",", "\"a\",", "[],", "{},", "0,"] {
            assert!(!is_too_little_for(&list(part, 1 << 20)), "{part}");
            assert!(is_too_little_for(&list(part, 64 << 20)), "{part}");
        }
        let image = format!(r#"{{"path":"seed0001.npy","sha256":"{:064}","rim_ppb":12.3456,"kept":true}},"#, 1);
        assert!(!is_too_little_for(&list(&image, 128 << 20)));
        assert!(!is_too_little_for(&list("        -0.1234567,\n", 128 << 20)));
    }
}

//! Where in a JSON text an error lies, as a person would name it: "lesions\[3\].id".
//!
//! Found in the text alone. Reading it again through a reader that notes the keys on its way would do the same, and
//! costs another copy of the code of every type that is read.

/// What a place is inside of.
enum Level<'a> {
    /// An object, with the key whose value comes; `None` where a key does.
    Object(Option<&'a [u8]>),
    /// An array, with the number of the element.
    Array(usize),
}

/// The key that a text leads to at the byte `column` of `line`, both from 1 as `serde_json` counts them; empty at the
/// top. Values that are finished lie above: an object that misses a key is named by its own.
pub fn place(text: &[u8], line: usize, column: usize) -> String {
    let before: usize = text.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    let end = before.saturating_add(column).min(text.len());
    let mut levels = Vec::new();
    let mut rest = &text[..end];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' => levels.push(Level::Object(None)),
            b'[' => levels.push(Level::Array(0)),
            b'}' | b']' => drop(levels.pop()),
            b',' => match levels.last_mut() {
                Some(Level::Object(key)) => *key = None,
                Some(Level::Array(at)) => *at += 1,
                None => {}
            },
            b'"' => {
                let length = string_length(rest);
                if let Some(Level::Object(key @ None)) = levels.last_mut() {
                    *key = Some(&rest[..length]);
                }
                // The closing quote, too, where there is one.
                rest = rest.get(length + 1..).unwrap_or_default();
            }
            _ => {}
        }
    }
    words(&levels)
}

/// Bytes before the quote that ends a string.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    end.unwrap_or(text.len())
}

fn words(levels: &[Level]) -> String {
    let mut words = String::new();
    for level in levels {
        match level {
            Level::Object(Some(key)) => {
                if !words.is_empty() {
                    words.push('.');
                }
                words.push_str(&String::from_utf8_lossy(key));
            }
            Level::Object(None) => {}
            Level::Array(at) => words.push_str(&format!("[{at}]")),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read counts")]
    struct Lesion {
        id: String,
        #[serde(default)]
        centre: [f64; 3],
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it is read counts")]
    struct Manifest {
        lesions: Vec<Lesion>,
        #[serde(default)]
        side: u8,
    }

    #[test]
    fn places_are_those_of_keys_and_elements() {
        for (text, expected) in [
            ("{\"side\": 300}", "side"),
            ("{\"side\": \"a\\\",{[\", \"lesions\": []}", "side"),
            ("{\n \"lesions\": [\n  {\"id\": \"a\"},\n  {\"id\": 5}\n ]\n}", "lesions[1].id"),
            ("{\"lesions\": [{\"id\": \"a\", \"centre\": [1, 2, \"x\"]}]}", "lesions[0].centre[2]"),
            // What is missing has no place; what misses it has.
            ("{\"lesions\": [{\"id\": \"a\"}, {\"centre\": [1, 2, 3]}]}", "lesions[1]"),
            ("{\"lesions\": [{\"id\": \"a\", \"centre\": [1, 2]}]}", "lesions[0].centre"),
            ("{\"lesions\": [{\"id\": \"a\", \"name\": 3}]}", "lesions[0].name"),
            ("{\"lesions\": [{\"id\": \"a\"", "lesions[0].id"),
            ("{\"lesions\": [{\"id\": \"a", "lesions[0].id"),
            ("{\"lesions\": {}}", "lesions"),
            ("{}", ""),
            ("[", "[0]"),
            ("nothing", ""),
            ("", ""),
        ] {
            let error = serde_json::from_str::<Manifest>(text).unwrap_err();
            assert_eq!(place(text.as_bytes(), error.line(), error.column()), expected, "{text}: {error}");
        }
    }

    #[test]
    fn no_position_is_too_far() {
        for (line, column) in [(0, 0), (9, 9), (usize::MAX, usize::MAX)] {
            assert_eq!(place(b"{\"a\": [1, {\"b\"", line, column), if line == 0 { "" } else { "a[1].b" });
        }
    }
}

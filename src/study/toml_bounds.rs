//! What a TOML text may be before it is parsed: parsers and what walks their tables call themselves once for each
//! level, so that a text of a few kilobytes could take the whole stack.

use std::path::Path;

use crate::files;
use crate::problem::{Problem, Result};

/// Bytes of a study file, at most: the longest that comes with the program has 4 KB.
pub const LONGEST_FILE: u64 = 1 << 20;

/// Bytes of an assignment on the command line, at most.
pub const LONGEST_ASSIGNMENT: usize = 1 << 16;

/// Levels of brackets and of dotted names, at most; the settings themselves have four.
const DEEPEST: usize = 64;

/// Names and tables of names, at most: the longest study has some two hundred settings.
const MOST_NAMES: usize = 20_000;

/// The text of a study file, a byte order mark at its beginning aside.
///
/// # Errors
/// No such file or no regular one, one of more than [`LONGEST_FILE`] bytes, not UTF-8, or too deep.
pub fn text_of(path: &Path) -> Result<String> {
    let bytes = files::read(path, LONGEST_FILE, "a study file")?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Problem::usage(format!("a byte {:#04x} in line {line} that is no UTF-8", error.as_bytes()[at]))
            .at(path)
            .expected("TOML, whose text is UTF-8")
            .advice("save the file as UTF-8, not as Latin-1 or UTF-16")
    })?;
    if let Some(fault) = fault(&text) {
        return Err(Problem::usage(fault).at(path).expected("a study file").advice("correct it"));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What is too deep or too much in `text`, in words; `None` where nothing is.
///
/// Counted are brackets outside of strings and comments, and dots between names: any that no other mark than a quote
/// parts. A string is read as a parser of TOML would, so that one full of brackets is none.
pub fn fault(text: &str) -> Option<String> {
    let (mut brackets, mut dots, mut names) = (0usize, 0usize, 0usize);
    let mut string: Option<&str> = None;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let step = match string {
            Some(end) if rest.starts_with(end) => {
                string = None;
                end.len()
            }
            // In a basic string a backslash takes the next letter with it.
            Some(end) if letter == '\\' && end.starts_with('"') => {
                1 + rest[1..].chars().next().map_or(0, char::len_utf8)
            }
            // A string of one line ends there at the latest, if only in an error.
            Some(end) if letter == '\n' && end.len() == 1 => {
                (string, dots) = (None, 0);
                1
            }
            Some(_) => letter.len_utf8(),
            None => {
                let opens = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|mark| rest.starts_with(mark));
                string = opens;
                match letter {
                    '[' | '{' => (brackets, dots) = (brackets + 1, 0),
                    ']' | '}' => {
                        names += dots + 1;
                        (brackets, dots) = (brackets.saturating_sub(1), 0);
                    }
                    '.' => dots += 1,
                    '=' => {
                        names += dots + 1;
                        dots = 0;
                    }
                    ',' | '\n' => dots = 0,
                    _ => {}
                }
                match (letter, opens) {
                    ('#', _) => rest.find('\n').unwrap_or(rest.len()),
                    (_, Some(mark)) => mark.len(),
                    (_, None) => letter.len_utf8(),
                }
            }
        };
        if brackets > DEEPEST || dots > DEEPEST {
            let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
            return Some(format!("more than {DEEPEST} levels in line {line}"));
        }
        if names > MOST_NAMES {
            return Some(format!("more than {MOST_NAMES} names"));
        }
        rest = &rest[step..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_studies_hold_is_shallow() {
        let numbers = vec!["0.25"; 500].join(", ");
        for text in [
            "a.b.c = 1\n[train.ada]\nx = { y = [1, [2, 3]] }\n".to_owned(),
            format!("many = [{numbers}]\n").repeat(100),
            format!("name = \"{}\"\nother = '{}'\n", "[".repeat(1000), "{.".repeat(1000)),
            format!("name = \"\"\"\n{}\"\"\"\n# {}\n", "[\n".repeat(1000), "[".repeat(1000)),
            r#"name = "a \" b" # '[["#.to_owned(),
            "[[a]]\n".repeat(1000),
        ] {
            assert_eq!(fault(&text), None, "{text:.80}");
        }
    }

    #[test]
    fn many_names_are_told() {
        for many in ["a.b.c.d = 1\n".repeat(5001), "a = [[],[]]\n".repeat(6000), "[a.b]\n".repeat(10_001)] {
            assert_eq!(fault(&many).unwrap(), "more than 20000 names");
        }
        assert_eq!(fault(&"a.b = 1.5\n".repeat(10_000)), None);
    }

    #[test]
    fn deep_brackets_and_names_are_told_with_their_line() {
        for (deep, line) in [
            (format!("a = 1\nb = {}", "[".repeat(60_000)), 2),
            (format!("b = {}", "{a = ".repeat(60_000)), 1),
            (format!("{}b = 1", "a.".repeat(60_000)), 1),
            (format!("\n\n[{}b]", "\"a\" . ".repeat(100)), 3),
            (format!("b = {{{}b = 1}}", "a.".repeat(65)), 1),
            (format!("b = [\n{}", "[\n".repeat(70)), 65),
        ] {
            let said = fault(&deep).unwrap();
            assert_eq!(said, format!("more than 64 levels in line {line}"));
        }
    }
}

//! The license that whoever shares gives: none is made up.

use crate::name::shown;
use crate::problem::{Problem, Result};

/// Longest in bytes.
const LONGEST: usize = 200;

/// A license as model hubs spell it: letters, digits, dots and dashes.
///
/// # Errors
/// Another text.
pub fn check_word(license: &str) -> Result<()> {
    let letters = license.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-+".contains(letter));
    if letters && !license.is_empty() && license.len() <= LONGEST {
        return Ok(());
    }
    Err(refused(license).expected("a word as hubs have it: cc-by-4.0, mit, other"))
}

/// A license by its name, its SPDX identifier or its address.
///
/// # Errors
/// Nothing, or a text with control characters.
pub fn check(license: &str) -> Result<()> {
    let empty = license.trim().is_empty();
    if !empty && license.len() <= LONGEST && !license.chars().any(char::is_control) {
        return Ok(());
    }
    Err(refused(license).expected("a license's name or address: https://creativecommons.org/licenses/by/4.0/"))
}

fn refused(license: &str) -> Problem {
    let start: String = license.chars().take(60).collect();
    Problem::usage(format!("--license \"{}\"", shown(&start)))
        .advice("say under which license you may pass it on; nobody else can know")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_a_word_or_a_name_and_never_nothing() {
        assert!(check_word("cc-by-4.0").is_ok() && check("https://creativecommons.org/licenses/by/4.0/").is_ok());
        for wrong in ["", "mit\nlibrary_name: x", "a b", "[x]"] {
            assert!(check_word(wrong).unwrap_err().to_string().contains("--license"), "{wrong:?}");
        }
        for wrong in ["", "  ", "a\u{1b}[2J"] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }
}

//! Words that stand where a label is missing.

use super::near_names::one_form;
use crate::name::Name;

/// As statistics programs and spreadsheets write it, in lower case; "none" and "unknown" can be findings and are not
/// among them, but Python's "None" is.
const MISSING: [&str; 16] =
    ["", "na", "n/a", "n.a.", "nan", "-nan", "null", "nil", "<na>", "#n/a", "#na", "-", "--", "?", ".", "missing"];

/// Whether `word` says that nothing is known.
pub(super) fn is_missing(word: &str) -> bool {
    let word = word.trim();
    word == "None" || MISSING.contains(&&*word.to_lowercase())
}

/// What is wrong with `word` as a label or a group, in words that quote it: missing, or no [`Name`].
pub(super) fn fault(word: &str) -> Option<String> {
    if is_missing(word) {
        return Some(format!("\"{word}\" means that it is missing"));
    }
    Name::new(one_form(word)).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_missing_and_findings_are_findings() {
        for word in ["", " ", "n/a", "N/A", "NaN", "None", "NULL", "?", "-"] {
            assert!(is_missing(word), "{word:?}");
        }
        for word in ["none", "unknown", "nail", "0", "-1", "nano"] {
            assert_eq!(fault(word), None);
        }
        assert!(fault("a/b").unwrap().contains("path separator"));
        assert!(fault("n/a").unwrap().contains("missing"));
    }
}

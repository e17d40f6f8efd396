//! Words that stand where a label is missing.

use super::near_names::one_form;
use crate::name::{Name, shown};

/// As statistics programs and spreadsheets write it, in lower case; "none" and "unknown" can be findings and are not
/// among them, but Python's "None" is.
const MISSING: [&str; 38] = [
    "",
    "na",
    "n/a",
    "n.a.",
    "n.a",
    "n\\a",
    "nan",
    "-nan",
    "nat",
    "null",
    "(null)",
    "<null>",
    "nil",
    "<na>",
    "#n/a",
    "#n/a!",
    "#na",
    "#ref!",
    "#value!",
    "#name?",
    "#num!",
    "#div/0!",
    "#null!",
    "\\n",
    "(none)",
    "<none>",
    "missing",
    "(missing)",
    "(blank)",
    "(empty)",
    "unlabeled",
    "unlabelled",
    "notlabeled",
    "notlabelled",
    "nolabel",
    "unannotated",
    "notannotated",
    "todo",
];

/// Groups of items of which nobody knows whose they are: no patient. As labels they may be findings.
const NOBODY: [&str; 8] = ["none", "unknown", "unk", "unkn", "anonymous", "anon", "undefined", "tbd"];

/// Whether `word` says that nothing is known.
pub(super) fn is_missing(word: &str) -> bool {
    let word: String = word.chars().filter(|letter| !letter.is_whitespace()).collect();
    let is_mark = |letter| matches!(letter, '?' | '.' | '-' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    // A spreadsheet shows what its column is too narrow for as a row of these.
    let too_narrow = word.len() > 1 && word.bytes().all(|byte| byte == b'#');
    word == "None" || too_narrow || word.chars().all(is_mark) || MISSING.contains(&&*word.to_lowercase())
}

/// Whether `word` is a number below 0, which often stands for "none".
pub(super) fn is_negative(word: &str) -> bool {
    let word = word.trim().replace('\u{2212}', "-");
    word.starts_with('-') && word.parse::<f64>().is_ok_and(|number| number < 0.0)
}

/// As [`fault`], of a patient: -1 and "unknown" are none.
pub(super) fn patient_fault(word: &str) -> Option<String> {
    if is_negative(word) || NOBODY.contains(&&*word.trim().to_lowercase()) {
        return Some(format!("\"{}\" means that it is missing", shown(word)));
    }
    if is_rounded(word) {
        return Some(format!(
            "\"{}\" is a number that a spreadsheet rounded: several persons may have it",
            shown(word)
        ));
    }
    fault(word)
}

/// Whether `word` is a long number as spreadsheets shorten it: "1.23E+05".
fn is_rounded(word: &str) -> bool {
    let power = word.trim().split_once('E').map(|(_, power)| power);
    power.is_some_and(|power| power.starts_with('+')) && word.trim().replace(',', ".").parse::<f64>().is_ok()
}

/// What is wrong with `word` as a label or a group, in words that quote it: missing, or no [`Name`].
pub(super) fn fault(word: &str) -> Option<String> {
    if is_missing(word) {
        return Some(format!("\"{}\" means that it is missing", shown(word)));
    }
    Name::new(one_form(word)).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_is_missing_and_findings_are_findings() {
        for word in [
            "",
            " ",
            "n/a",
            "N/A",
            "NaN",
            "None",
            "NULL",
            "?",
            "-",
            "#REF!",
            "#N/A",
            "#VALUE!",
            "NaT",
            "(null)",
            "\u{2013}",
            "\u{2014}",
            "??",
            "N / A",
            "\\N",
            "...",
            "Unlabeled",
            "not labelled",
            "TODO",
            "######",
        ] {
            assert!(is_missing(word), "{word:?}");
        }
        for word in ["none", "unknown", "nail", "0", "-1", "nano"] {
            assert_eq!(fault(word), None);
        }
        for word in ["Unknown", "-1", "-1.0", "none", "\u{2212}9"] {
            assert!(patient_fault(word).is_some_and(|fault| fault.contains("missing")), "{word}");
        }
        assert_eq!((patient_fault("p-1"), patient_fault("1"), is_negative("-a")), (None, None, false));
        assert!(fault("a/b").unwrap().contains("path separator"));
        assert!(fault("n/a").unwrap().contains("missing"));
    }
}

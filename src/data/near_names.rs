//! Words that a person takes for one and a program for two: "Rim" and "rim", "non-rim" and "non rim", the same letters
//! in two Unicode forms.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::name::shown;

/// Letters with their accents in one piece, whatever form the text came in: macOS writes file names with the accents
/// apart, tables have them together.
pub fn one_form(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// What two words share that differ by case, white space, Unicode form, `-` and `_` between letters, or as "1", "01"
/// and "1.0" do.
pub fn near_key(text: &str) -> String {
    key(text, None)
}

/// As [`near_key`], for names of things that are numbered: what stands between two figures still parts them ("1-11" is
/// not "11-1", "P 1" is "P1"), zeros before a number do not count ("P1" and "P01"), and a number is no decimal
/// fraction ("1.1" is not "1.10"), but for one that a program made of a whole number ("1.0", "P1.0"). The full stop of
/// a sentence is no part of a name ("P1.").
pub fn near_id_key(text: &str) -> String {
    let key = key(text, Some('-'));
    let key = key.trim_end_matches('.');
    let is_whole = |whole: &&str| whole.ends_with(|last: char| last.is_ascii_digit()) && !whole.contains('.');
    let letters: Vec<char> = key.strip_suffix(".0").filter(is_whole).unwrap_or(key).chars().collect();
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut short = String::new();
    let mut in_number = false;
    for (at, &letter) in letters.iter().enumerate() {
        if letter == '0' && !in_number && is_digit(at + 1) {
            continue;
        }
        in_number = letter.is_ascii_digit();
        short.push(letter);
    }
    short
}

fn is_quotation_mark(letter: char) -> bool {
    matches!(letter, '"' | '\'' | '`' | '\u{b4}' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}')
}

fn key(text: &str, parting: Option<char>) -> String {
    let seen: String = text.nfkc().filter(|letter| !is_invisible(*letter)).collect();
    let has_latin = seen.bytes().any(|letter| letter.is_ascii_alphabetic());
    let folded: String = seen.chars().map(|letter| if has_latin { latin(letter) } else { letter }).collect();
    // What becomes of a Turkish I with a dot that is made small.
    let folded = folded.to_lowercase().replace("i\u{307}", "i");
    // A quotation mark that a table's writer forgot to close, or wrote twice.
    let folded = folded.trim().trim_matches(is_quotation_mark).trim();
    let numeric =
        parting.is_none() && folded.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-'));
    if let Some(number) = folded.parse::<f64>().ok().filter(|number| numeric && number.abs() < 1e15) {
        return (number + 0.0).to_string();
    }
    let is_parting = |letter: char| letter.is_whitespace() || is_hyphen(letter);
    // A sign before or behind a word means something: "HER2+", "HER2-".
    let inner = folded.trim_matches(is_parting);
    let start = folded.len() - folded.trim_start_matches(is_parting).len();
    let mut key = folded[..start].to_owned();
    let mut parted = false;
    for letter in inner.chars() {
        if is_parting(letter) {
            parted = true;
            continue;
        }
        let parts_figures = letter.is_ascii_digit() && key.ends_with(|before: char| before.is_ascii_digit());
        key.extend(parting.filter(|_| parted && parts_figures));
        parted = false;
        key.push(letter);
    }
    key.push_str(&folded[start + inner.len()..]);
    key
}

/// Whatever a keyboard or a program of texts puts between two parts of a word.
fn is_hyphen(letter: char) -> bool {
    matches!(letter, '-' | '_' | '\u{2d7}' | '\u{58a}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}')
}

/// The Latin letter that one of another alphabet looks like, which only a slip of the keyboard puts beside Latin ones;
/// Greek letters mean something where they are small, and their capitals are no other than the Latin ones.
fn latin(letter: char) -> char {
    const ALIKE: [(&str, &str); 4] = [
        // Cyrillic: small, capital.
        ("\u{430}\u{435}\u{456}\u{458}\u{43a}\u{43c}\u{43e}\u{440}\u{441}\u{443}\u{445}\u{455}", "aeijkmopcyxs"),
        (
            "\u{410}\u{412}\u{415}\u{406}\u{408}\u{41a}\u{41c}\u{41d}\u{41e}\u{420}\u{421}\u{422}\u{423}\u{425}\u{405}",
            "ABEIJKMHOPCTYXS",
        ),
        // Greek.
        (
            "\u{391}\u{392}\u{395}\u{396}\u{397}\u{399}\u{39a}\u{39c}\u{39d}\u{39f}\u{3a1}\u{3a4}\u{3a5}\u{3a7}\u{3bf}",
            "ABEZHIKMNOPTYXo",
        ),
        // Turkish: i without a dot, which "RIM" becomes where it is made small, and I with one.
        ("\u{131}\u{130}", "ii"),
    ];
    let found = ALIKE.iter().find_map(|(own, latin)| own.chars().zip(latin.chars()).find(|(own, _)| *own == letter));
    found.map_or(letter, |(_, latin)| latin)
}

/// Without width, so that no person sees it.
pub(super) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// The first two of `words` that differ and share a key; equal words are one.
pub fn look_alikes<'a>(
    words: impl IntoIterator<Item = &'a str>,
    key: impl Fn(&str) -> String,
) -> Option<(&'a str, &'a str)> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for word in words {
        match seen.insert(key(word), word) {
            Some(earlier) if earlier != word => return Some((earlier, word)),
            _ => {}
        }
    }
    None
}

/// Words that stand before a person's number.
const PERSON: [&str; 5] = ["sub", "subject", "patient", "pat", "participant"];

/// The first two names of persons that may be one's: those that share a [`near_id_key`], and a bare number and the same
/// with a word for a person before it ("1", "sub-01").
pub fn look_alike_persons<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, &'a str)> {
    let names: Vec<&str> = names.into_iter().collect();
    let is_number = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    look_alikes(names.iter().copied(), near_id_key).or_else(|| {
        let keys: HashMap<String, &str> = names.iter().map(|name| (near_id_key(name), *name)).collect();
        names.iter().find_map(|name| {
            let key = near_id_key(name);
            let number = PERSON.into_iter().find_map(|word| key.strip_prefix(word).filter(|rest| is_number(rest)))?;
            Some((*keys.get(number)?, *name))
        })
    })
}

/// A word in quotation marks; where letters are beyond ASCII with its code points too, since the word alone may look
/// like another.
pub fn spelled(word: &str) -> String {
    if word.is_ascii() {
        return format!("\"{}\"", shown(word));
    }
    let code = |letter: char| {
        if letter.is_ascii() { shown(&letter.to_string()).into_owned() } else { letter.escape_unicode().to_string() }
    };
    format!("\"{}\" (in code points \"{}\")", shown(word), word.chars().map(code).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_word_share_a_key_and_other_words_do_not() {
        for (one, other) in [
            ("rim", "RIM"),
            ("rim", " rim\u{a0}"),
            ("non-rim", "Non Rim"),
            ("non_rim", "nonrim"),
            ("l\u{e4}sion", "la\u{308}sion"),
            ("1", "1.0"),
            ("01", "1"),
            ("ri\u{200b}m", "rim"),
            ("\u{ff52}im", "rim"),
            ("non\u{2011}rim", "non-rim"),
            ("non\u{2212}rim", "Non\u{a0}Rim"),
            ("non \u{2013} rim", "non-rim"),
            ("non\u{ad}rim", "nonrim"),
            ("r\u{456}m", "rim"),
            ("r\u{131}m", "RIM"),
            ("R\u{130}M", "rim"),
            ("ri\u{307}m", "rim"),
            ("R\u{399}M", "rim"),
            ("\u{420}RL", "PRL"),
            ("\u{41d}EALTHY", "healthy"),
            ("\"rim", "rim"),
            ("'rim'", "rim"),
            ("\u{201e}rim\u{201c}", "rim"),
        ] {
            assert_eq!(near_key(one), near_key(other), "{one:?} {other:?}");
        }
        for (one, other) in [
            ("rim", "rims"),
            ("HER2+", "HER2-"),
            ("1", "-1"),
            ("HER2", "HER2-"),
            ("+", "-"),
            ("a", "b"),
            ("\u{441}", "c"),
            ("5\u{3bc}m", "5mm"),
            ("\u{3b1}-rim", "a-rim"),
        ] {
            assert_ne!(near_key(one), near_key(other), "{one:?} {other:?}");
        }
        assert_eq!(near_id_key("sub_01"), near_id_key("SUB-01"));
        assert_eq!(near_id_key("sub\u{a0}01"), near_id_key("sub01"));
        assert_ne!(near_id_key("sub-1-2"), near_id_key("sub-12"));
        for (one, other) in
            [("1-11", "11-1"), ("1.1", "1.10"), ("P10", "P1"), ("v1.2.0", "v1.2"), ("0", "00x"), ("a0", "a")]
        {
            assert_ne!(near_id_key(one), near_id_key(other), "{one} {other}");
        }
        for (one, other) in [
            ("sub-1", "sub-01"),
            ("P1", "P001"),
            ("1", "01"),
            ("01", "1.0"),
            ("0", "00"),
            ("P 1", "P1"),
            ("HAM_04.", "HAM_04"),
            ("P1", "P1.0"),
        ] {
            assert_eq!(near_id_key(one), near_id_key(other), "{one} {other}");
        }
    }

    #[test]
    fn look_alikes_are_named_and_their_difference_is_seen() {
        assert_eq!(look_alikes(["a", "b", "a", "B"], near_key), Some(("b", "B")));
        assert_eq!(look_alikes(["a", "b", "a"], near_key), None);
        assert_eq!(look_alike_persons(["2", "sub-01", "1"]), Some(("1", "sub-01")));
        assert_eq!(look_alike_persons(["P1", "p01"]), Some(("P1", "p01")));
        assert_eq!(look_alike_persons(["subject1", "patient1", "2", "P1", "1a", "patient"]), None);
        assert_eq!(spelled("rim"), "\"rim\"");
        assert_eq!(spelled("rim "), "\"rim \"");
        assert_eq!(spelled("e\u{301}"), "\"e\u{301}\" (in code points \"e\\u{301}\")");
        assert_eq!(one_form("e\u{301}.png"), "\u{e9}.png");
    }
}

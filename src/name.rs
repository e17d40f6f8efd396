//! Words that come out of files: names that become parts of file names, and paths inside a record's own folder.
//!
//! A lesion called `../../../x` or a picture called `/etc/passwd` is refused where it is read, so that nothing that is
//! built from it later can lead out of a folder. [`shown`] is for text that is quoted to a person.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name in bytes: what is appended to one ("_z12_training-rim_inpainting" and ".json") still fits into
/// [`LONGEST_PART`].
pub const LONGEST: usize = 200;

/// Longest name of a file in bytes that file systems allow.
const LONGEST_PART: usize = 255;

/// Most parts of a path inside a folder.
const DEEPEST: usize = 8;

/// A name that can be a file's name on its own: 1 to [`LONGEST`] bytes, neither "." nor "..", without path separators
/// and control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Checks `text`.
    ///
    /// # Errors
    /// What is wrong with it, in words that quote it.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(fault) => Err(format!("the name \"{}\" {fault}", shown(&shortened(&text)))),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For words that were checked more strictly before, or are the program's own: what could not stand in a name is
    /// replaced by "_" and what is too long cut, so that it is one whatever it was.
    pub fn of_known(text: &str) -> Self {
        let letters = text.chars().map(|letter| if fault(&format!("x{letter}")).is_some() { '_' } else { letter });
        let mut name: String = letters.collect();
        while name.len() > LONGEST {
            name.pop();
        }
        Self(if fault(&name).is_some() { "_".into() } else { name })
    }

    /// The name of something that belongs to this one, e.g. "sub-001_lesion-003" and "_z12"; `suffix` is the program's
    /// own and at most 45 bytes long, so that an ending still fits behind it.
    pub fn with(&self, suffix: &str) -> Self {
        Self(format!("{self}{suffix}"))
    }
}

fn fault(text: &str) -> Option<String> {
    match text {
        "." | ".." => Some("means a folder".into()),
        _ if text.contains(['/', '\\']) => Some("has a path separator in it".into()),
        _ => word_fault(text),
    }
}

/// As [`fault`], of a part of a path: a name with what the program appended to it, which may be longer than one.
fn part_fault(text: &str) -> Option<String> {
    match text.len() {
        0..=LONGEST => fault(text),
        _ => text.chars().find_map(|letter| fault(&format!("x{letter}"))),
    }
}

/// The first 60 letters of a text, and dots where there are more.
pub fn shortened(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
    }
}

/// What is wrong with `text` as a word that stands in tables and pictures but in no file name, such as a class: `None`
/// where it has 1 to [`LONGEST`] bytes and no control characters.
pub fn word_fault(text: &str) -> Option<String> {
    match text {
        "" => Some("is empty".into()),
        _ if text.len() > LONGEST => Some(format!("has {} bytes; at most {LONGEST} are possible", text.len())),
        _ if text.chars().any(is_control) => Some("has a control character in it".into()),
        _ => None,
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(text)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::new(text)
    }
}

/// A word of the program's own: what comes out of a file does not live for ever.
impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self::of_known(text)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, text: &str) -> bool {
        self.0 == text
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, text: &&str) -> bool {
        self.0 == *text
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for Name {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A path inside the folder that a record describes: at most 8 parts, joined by "/", each as a [`Name`] is, but of up
/// to 255 bytes, so that what the program appends to a name has room.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Inside(String);

impl Inside {
    /// Checks `text`.
    ///
    /// # Errors
    /// What is wrong with it, in words that quote it: a part that is empty, "..", too long or with letters that no
    /// [`Name`] has, an absolute path, or too many parts.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        let wrong = |fault: &str| format!("the path \"{}\" {fault}", shown(&shortened(&text)));
        if text.split('/').count() > DEEPEST {
            return Err(wrong(&format!("has more than {DEEPEST} parts")));
        }
        if text.split('/').any(|part| part.len() > LONGEST_PART) {
            return Err(wrong(&format!("has a part of more than {LONGEST_PART} bytes")));
        }
        match text.split('/').find_map(part_fault) {
            None => Ok(Self(text)),
            Some(_) => Err(wrong("does not stay inside its folder")),
        }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file `name` with the ending `ending` in `folder`, e.g. "images", a lesion's slice and ".npy".
    pub fn of(folder: &'static str, name: &Name, ending: &'static str) -> Self {
        Self(format!("{folder}/{name}{ending}"))
    }

    /// The file in `folder`.
    pub fn under(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }
}

impl AsRef<Path> for Inside {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl TryFrom<String> for Inside {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(text)
    }
}

/// A path of the program's own, e.g. "gallery.png".
impl From<&'static str> for Inside {
    fn from(path: &'static str) -> Self {
        Self(path.split('/').map(|part| Name::of_known(part).0).collect::<Vec<_>>().join("/"))
    }
}

impl From<Inside> for String {
    fn from(path: Inside) -> Self {
        path.0
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `text` as a person may be shown it: control characters, which could move a terminal's cursor, colour it or turn the
/// reading direction, stand as `\u{1b}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let escape = |letter: char| {
        if is_control(letter) { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    Cow::Owned(text.chars().map(escape).collect())
}

/// [`shown`], line by line: for texts of the program's own, which have lines and columns.
pub fn shown_lines(text: &str) -> String {
    text.split('\n')
        .map(|line| line.split('\t').map(shown).collect::<Vec<_>>().join("\t"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// [`shown`], each line after the first set in by two spaces: for words of others, of which none is to pass for a line
/// of the program's own.
pub fn set_in(text: &str) -> String {
    text.split('\n').map(|line| shown(line.trim_start())).collect::<Vec<_>>().join("\n  ")
}

/// A path as a person may be shown it; what is no UTF-8 stands as U+FFFD.
pub fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// The controls of C0 and C1, line and paragraph separators, what turns the reading direction, and what has no width:
/// names that differ in these alone look the same. The joiners between letters of some scripts are not among them.
fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_field_pass_and_what_leads_elsewhere_does_not() {
        for name in ["sub-001_lesion-003", "läsion 3", ".hidden", "a..b", "QSM (ppb)", "n/a".replace('/', "-").as_str()]
        {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
        let long = "x".repeat(LONGEST + 1);
        for (name, says) in [
            ("", "is empty"),
            ("..", "means a folder"),
            ("../../../evil", "has a path separator"),
            ("a\\b", "has a path separator"),
            ("a\0b", "control character"),
            ("a\u{202e}b", "control character"),
            ("a\u{61c}b", "control character"),
            ("a\u{200b}b", "control character"),
            ("a\u{e0041}b", "control character"),
            (&long, "has 201 bytes"),
        ] {
            let fault = Name::new(name).unwrap_err();
            assert!(fault.contains(says) && !fault.chars().any(is_control) && fault.len() < 150, "{fault}");
        }
        assert!(Name::new(&long[1..]).is_ok());
        for (text, name) in [("image0", "image0"), ("a/b\n", "a_b_"), ("..", "_"), ("", "_"), (&long, &long[1..])] {
            assert_eq!(Name::of_known(text).as_str(), name);
        }
        assert_eq!(Name::of_known("a").with("_z02").as_str(), "a_z02");
    }

    #[test]
    fn a_path_stays_inside_its_folder() {
        let path = Inside::new("fits/none_seed-1/cam.png").unwrap();
        assert_eq!(path.under(Path::new("out")), Path::new("out/fits/none_seed-1/cam.png"));
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a\\..\\b", "1/2/3/4/5/6/7/8/9"] {
            assert!(Inside::new(path).is_err(), "{path}");
        }
        let (long, too_long) = ("x".repeat(LONGEST_PART), "x".repeat(LONGEST_PART + 1));
        assert!(Inside::new(format!("patches/{long}")).is_ok());
        let said = Inside::new(format!("patches/{too_long}")).unwrap_err();
        assert!(said.contains("has a part of more than 255 bytes"), "{said}");
        assert!(Inside::new(format!("patches/{}\n", &long[1..])).is_err());
    }

    #[test]
    fn files_hold_them_as_plain_text_and_wrong_ones_are_refused_when_read() {
        assert_eq!(serde_json::to_string(&Name::new("a b").unwrap()).unwrap(), "\"a b\"");
        assert_eq!(serde_json::from_str::<Inside>("\"a/b\"").unwrap().as_str(), "a/b");
        let problem = serde_json::from_str::<Name>("\"../x\"").unwrap_err().to_string();
        assert!(problem.contains("\"../x\" has a path separator"), "{problem}");
        assert!(serde_json::from_str::<Inside>("\"../x\"").is_err());
    }

    #[test]
    fn what_is_shown_leaves_the_terminal_alone() {
        assert_eq!(shown("läsion 3"), "läsion 3");
        assert_eq!(shown("\u{1b}[2Jx\n\u{9b}"), "\\u{1b}[2Jx\\u{a}\\u{9b}");
        assert_eq!(shown_lines("a\tb\n\rc\n"), "a\tb\n\\u{d}c\n");
        assert_eq!(set_in("a\nrimforge: b\r"), "a\n  rimforge: b\\u{d}");
        assert_eq!(shown_path(Path::new("a\nb")), "a\\u{a}b");
    }
}

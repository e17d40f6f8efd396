//! `dataset.json` of StyleGAN2-ADA: `{"labels": [["00000/img00000000.png", 3], ...]}` or `{"labels": null}`. Other keys
//! are passed over.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::foreign_text;
use super::odd_label::{self, is_negative};
use crate::name::shown;
use crate::problem::{Kind, Problem, Result};

/// Its file name.
pub(super) const NAME: &str = "dataset.json";

/// Of the file: 200 thousand images with names of 70 letters. Taken apart it takes several times as much memory.
pub(super) const MAX_BYTES: u64 = 16 << 20;

/// Of an image's name: as long as a path may be.
const MAX_NAME: usize = 4096;

/// Places of a one-hot label.
const MAX_CLASSES: usize = 10_000;

/// Whole numbers up to here are exact as floating point numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Names of images and their labels.
pub(super) type Pairs = Vec<(String, String)>;

/// The names and labels in the order of the file; `None` where it says that there are none (`null`).
///
/// A label is a whole number from 0 (1.0 is 1), a one-hot list (its place), or a name. The text may be UTF-8 or UTF-16,
/// with or without a mark. What is passed over may be nested as deep as it is long: it is skipped, not built.
///
/// # Errors
/// No such JSON; no key `labels`; more than `most` labels; a label that is missing (null, "n/a", NaN, -1) or odd, with
/// its image and its place in the text.
pub(super) fn parse(bytes: &[u8], most: u64) -> Result<Option<Pairs>> {
    let expected = "{\"labels\": [[\"name.png\", 0], ...]}";
    let bad = |found: String| Problem::new(Kind::Input, found).expected(expected);
    let text = foreign_text::decode(bytes).map_err(&bad)?;
    let mut json = serde_json::Deserializer::from_str(&text);
    let found = Top { most }.deserialize(&mut json).and_then(|found| json.end().map(|()| found));
    found.map_err(|error| {
        if error.is_data() {
            return bad(error.to_string());
        }
        let hint = what_stands_there(&text, error.line(), error.column());
        bad(format!("not a dataset.json: {error}{hint}"))
    })
}

/// Words of Python that JSON does not have, where the parser stopped at one.
fn what_stands_there(text: &str, line: usize, column: usize) -> &'static str {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let rest = line.as_bytes().get(column.saturating_sub(1)..).unwrap_or_default();
    let starts = |words: &[&str]| words.iter().any(|word| rest.starts_with(word.as_bytes()));
    match () {
        () if starts(&["NaN", "Infinity", "-Infinity"]) => {
            " (NaN there: a label is missing, and JSON has no such word)"
        }
        () if starts(&["None", "True", "False", "'"]) => {
            " (Python's own notation there: write the file with json.dump)"
        }
        () => "",
    }
}

struct Top {
    most: u64,
}

impl<'de> DeserializeSeed<'de> for Top {
    type Value = Option<Pairs>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top {
    type Value = Option<Pairs>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object with the key labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut labels = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "labels" {
                map.next_value::<IgnoredAny>()?;
            } else if labels.replace(map.next_value_seed(List { most: self.most })?).is_some() {
                return Err(A::Error::custom("the key labels twice"));
            }
        }
        labels.ok_or_else(|| A::Error::custom("no key labels: write \"labels\": null if there are none"))
    }
}

struct List {
    most: u64,
}

impl<'de> DeserializeSeed<'de> for List {
    type Value = Option<Pairs>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List {
    type Value = Option<Pairs>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("under labels a list of pairs of an image's name and its label, or null")
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Self::Value, A::Error> {
        let mut pairs = Pairs::new();
        let mut places = None;
        while let Some((name, Label { text, one_hot })) = list.next_element_seed(Pair)? {
            if pairs.len() as u64 == self.most {
                return Err(A::Error::custom(format!("more than {} labels", self.most)));
            }
            if *places.get_or_insert(one_hot) != one_hot {
                let found = format!("the label of {} is of another kind or length than those before it", shown(&name));
                return Err(A::Error::custom(found));
            }
            pairs.push((name, text));
        }
        Ok(Some(pairs))
    }
}

struct Pair;

impl<'de> DeserializeSeed<'de> for Pair {
    type Value = (String, Label);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Pair {
    type Value = (String, Label);

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a pair of an image's name and its label")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> std::result::Result<Self::Value, A::Error> {
        let Some(name) = pair.next_element::<String>()? else { return Err(A::Error::custom("an empty pair")) };
        if name.len() > MAX_NAME {
            return Err(A::Error::custom(format!("a name of {} bytes; at most {MAX_NAME} are possible", name.len())));
        }
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(A::Error::custom(format!("a name that is no text in UTF-8: {}", shown(&name))));
        }
        let Some(label) = pair.next_element_seed(OfImage { name: &name })? else {
            return Err(A::Error::custom(format!("{} without a label", shown(&name))));
        };
        if pair.next_element::<IgnoredAny>()?.is_some() {
            return Err(A::Error::custom(format!("{} with more than one label", shown(&name))));
        }
        Ok((name, label))
    }
}

/// A label as a word, and how many places it had as a one-hot list.
struct Label {
    text: String,
    one_hot: Option<usize>,
}

/// The label of the image `name`.
struct OfImage<'a> {
    name: &'a str,
}

impl OfImage<'_> {
    fn odd<E: Error>(&self, label: impl fmt::Display, why: &str) -> E {
        E::custom(format!("{} has the label {}{why}", shown(self.name), shown(&label.to_string())))
    }
}

impl<'de> DeserializeSeed<'de> for OfImage<'_> {
    type Value = Label;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Label, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OfImage<'_> {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "for {} a whole number from 0, a one-hot list or a name", shown(self.name))
    }

    fn visit_u64<E: Error>(self, label: u64) -> std::result::Result<Label, E> {
        Ok(Label { text: label.to_string(), one_hot: None })
    }

    fn visit_i64<E: Error>(self, label: i64) -> std::result::Result<Label, E> {
        Err(self.odd(label, ", which often means that there is none; labels are whole numbers from 0"))
    }

    fn visit_f64<E: Error>(self, label: f64) -> std::result::Result<Label, E> {
        if label.fract() == 0.0 && (0.0..=EXACT).contains(&label) {
            return self.visit_u64(label as u64);
        }
        Err(self.odd(label, "; labels are whole numbers from 0"))
    }

    fn visit_str<E: Error>(self, label: &str) -> std::result::Result<Label, E> {
        if label.contains(char::REPLACEMENT_CHARACTER) {
            return Err(self.odd(format!("\"{label}\""), ", which is no text in UTF-8"));
        }
        if odd_label::is_missing(label) || is_negative(label) {
            return Err(self.odd(format!("\"{label}\""), ", which means that there is none"));
        }
        if let Some(fault) = odd_label::fault(label.trim()) {
            return Err(E::custom(format!("the label of {}: {fault}", shown(self.name))));
        }
        Ok(Label { text: label.trim().to_owned(), one_hot: None })
    }

    fn visit_bool<E: Error>(self, label: bool) -> std::result::Result<Label, E> {
        Err(self.odd(label, "; write 1 or 0"))
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<Label, E> {
        Err(self.odd("null", ": there is none"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Label, A::Error> {
        let (mut count, mut hot) = (0, None);
        while let Some(weight) = list.next_element::<f64>()? {
            let odd = match weight {
                0.0 => false,
                1.0 => hot.replace(count).is_some(),
                _ => true,
            };
            if odd || count == MAX_CLASSES {
                return Err(self.odd("list", " that is not one-hot: all 0 but for one 1, in at most 10000 places"));
            }
            count += 1;
        }
        let Some(place) = hot else { return Err(self.odd("list", " without a 1: it names no class")) };
        Ok(Label { text: place.to_string(), one_hot: Some(count) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(list: &str) -> Result<Option<Pairs>> {
        parse(format!("{{\"x\": [1], \"labels\": {list}}}").as_bytes(), 3)
    }

    fn refused(list: &str) -> String {
        labels(list).unwrap_err().to_string()
    }

    #[test]
    fn numbers_one_hot_lists_and_names_are_labels() {
        assert_eq!(labels("null").unwrap(), None);
        for (label, word) in [("1", "1"), ("1.0", "1"), ("[0, 0, 1.0]", "2"), ("\" rim\"", "rim"), ("\"3\"", "3")] {
            assert_eq!(labels(&format!("[[\"a.png\", {label}]]")).unwrap().unwrap()[0].1, word);
        }
    }

    #[test]
    fn what_is_missing_or_odd_is_refused_with_image_and_place() {
        for (label, says) in [
            ("null", "a.png has the label null: there is none at line 1"),
            ("-1", "the label -1, which often means that there is none"),
            ("1.5", "the label 1.5; labels are whole numbers"),
            ("1e300", "whole numbers from 0"),
            ("true", "the label true; write 1 or 0"),
            ("\"n/a\"", "the label \"n/a\", which means that there is none"),
            ("\"-1.0\"", "the label \"-1.0\", which means that there is none"),
            ("\"a/b\"", "the label of a.png: the name \"a/b\" has a path separator"),
            ("\"a\\u0007\"", "control character"),
            ("[0.5, 0.5]", "not one-hot"),
            ("[1, 1]", "not one-hot"),
            ("[0, 0]", "names no class"),
            ("{}", "for a.png a whole number from 0"),
            ("NaN", "NaN there: a label is missing"),
            ("None", "Python's own notation"),
            ("0, 1", "a.png with more than one label"),
        ] {
            let said = refused(&format!("[[\"a.png\", {label}]]"));
            assert!(said.contains(says) && said.contains("line 1"), "{label}: {said}");
        }
        assert!(refused("[[\"a.png\"]]").contains("a.png without a label"));
        assert!(refused("[[\"a\", [0, 1]], [\"b\", [0, 1, 0]]]").contains("label of b is of another kind or length"));
        assert!(refused("[[\"a\", [0, 1]], [\"b\", 1]]").contains("another kind"));
        assert!(refused("{\"a.png\": 0}").contains("a list of pairs"));
        assert!(refused("[[\"a\", 0], [\"b\", 0], [\"c\", 0], [\"d\", 0]]").contains("more than 3 labels"));
        assert!(refused("null, \"labels\": null").contains("labels twice"));
    }

    #[test]
    fn a_file_without_labels_or_of_another_kind_says_so() {
        let said = |bytes: &[u8]| parse(bytes, 3).unwrap_err().to_string();
        assert!(said(b"{}").contains("no key labels"));
        assert!(said(b"{\"labels\": [[\"a\", \"l\xe4sion\"]]}").contains("no text in UTF-8"));
        assert!(said(b"{\"labels\": [[\"\xe4.png\", 1]]}").contains("a name that is no text in UTF-8"));
        let long = format!("{{\"labels\": [[\"{}\", 1]]}}", "x".repeat(4097));
        assert!(said(long.as_bytes()).contains("a name of 4097 bytes"));
        assert!(said(b"[]").contains("expected an object with the key labels"));
        assert!(said(b"").contains("not a dataset.json: EOF"));
        let deep = format!("{{\"x\": {}1{}}}", "[".repeat(60_000), "]".repeat(60_000));
        assert!(said(deep.as_bytes()).contains("no key labels"), "what is passed over may be deep");
        assert!(said(deep.replace('x', "labels").as_bytes()).contains("invalid type: sequence, expected a string"));
        assert_eq!(parse(b"\xef\xbb\xbf{\"labels\": null}", 3).unwrap(), None);
        let wide: Vec<u8> = "\u{feff}{\"labels\": null}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(parse(&wide, 3).unwrap(), None);
    }
}

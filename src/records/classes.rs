//! What the items of a data set are told apart by: named classes, perhaps a contested state, and the side of the split.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::{shown, word_fault};

/// The name of a class, or of the contested state, as files spell it: "rim", "non-rim", "ambiguous", "mel".
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(Cow<'static, str>);

impl Class {
    /// The class of interest where two readers say it: both see a rim.
    pub const RIM: Self = Self(Cow::Borrowed("rim"));
    /// Neither reader sees a rim.
    pub const NON_RIM: Self = Self(Cow::Borrowed("non-rim"));
    /// Exactly one reader sees a rim: the contested state.
    pub const AMBIGUOUS: Self = Self(Cow::Borrowed("ambiguous"));

    /// A class called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// What two readers make of a lesion.
    pub fn of_votes(reader1: bool, reader2: bool) -> Self {
        match (reader1, reader2) {
            (true, true) => Self::RIM,
            (false, false) => Self::NON_RIM,
            _ => Self::AMBIGUOUS,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Class {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::new(name))
    }
}

/// Side of the split that an item is on, with all that share its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Learned from.
    Train,
    /// For thresholds and early choices.
    Validation,
    /// Scored once; shown to no generator or fit, and to no projector but that whose residuals are the score.
    Test,
}

/// The classes of a data set in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// Class `k` is the `k`-th; at least one, each name once.
    pub names: Vec<Class>,
    /// What an item is called that belongs to no class because the labels disagree about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contested: Option<Class>,
    /// The class that is looked for, where one of two is: what generators learn and augmentation adds to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_interest: Option<Class>,
}

impl Classes {
    /// The classes of lesions that two readers looked at for rims; a data set that says nothing else has these.
    pub fn of_readers() -> Self {
        Self {
            names: vec![Class::NON_RIM, Class::RIM],
            contested: Some(Class::AMBIGUOUS),
            of_interest: Some(Class::RIM),
        }
    }

    /// Whether they are [`Classes::of_readers`].
    pub fn is_of_readers(&self) -> bool {
        *self == Self::of_readers()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The number of a class; `None` for the contested state and for names that are no class.
    pub fn number(&self, class: &Class) -> Option<usize> {
        self.names.iter().position(|name| name == class)
    }

    /// The number of the class of interest, where there is one.
    pub fn interest(&self) -> Option<usize> {
        self.number(self.of_interest.as_ref()?)
    }

    /// Whether what was drawn or projected as of `class` is of the class of interest: where it is of no class, or none
    /// is of interest, nothing says otherwise.
    pub fn is_of_interest(&self, class: Option<&str>) -> bool {
        let other = |interest: &Class| class.is_some_and(|class| class != interest.name());
        !self.of_interest.as_ref().is_some_and(other)
    }

    /// Whether an item may be called `class`.
    pub fn has(&self, class: &Class) -> bool {
        self.number(class).is_some() || self.contested.as_ref() == Some(class)
    }

    /// "akiec, bcc, nv".
    pub fn listed(&self) -> String {
        self.names.iter().map(Class::name).collect::<Vec<_>>().join(", ")
    }

    fn wrong_word(&self) -> Option<String> {
        self.names.iter().chain(&self.contested).find_map(|class| {
            let start: String = class.name().chars().take(60).collect();
            word_fault(class.name()).map(|fault| format!("a class \"{}\" that {fault}", shown(&start)))
        })
    }

    /// What is wrong with them, in words; `None` where nothing is.
    pub fn fault(&self) -> Option<String> {
        let mut seen = std::collections::BTreeSet::new();
        let twice = self.names.iter().find(|name| !seen.insert(*name));
        match (&self.contested, &self.of_interest) {
            _ if self.names.is_empty() => Some("no class".into()),
            _ if self.names.iter().any(|name| name.name().is_empty()) => Some("a class without a name".into()),
            _ if self.wrong_word().is_some() => self.wrong_word(),
            _ if twice.is_some() => twice.map(|name| format!("the class {name} twice")),
            (Some(name), _) if self.names.contains(name) => Some(format!("{name} both a class and contested")),
            (_, Some(name)) if !self.names.contains(name) => Some(format!("the class of interest {name} is no class")),
            (_, Some(_)) if self.count() != 2 => Some(format!("a class of interest among {} classes", self.count())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words_in_files_and_numbers_in_memory() {
        let text = serde_json::to_string(&[Class::RIM, Class::of_votes(true, false), Class::new("mel")]).unwrap();
        assert_eq!(text, r#"["rim","ambiguous","mel"]"#);
        assert_eq!(serde_json::from_str::<Vec<Class>>(&text).unwrap()[0], Class::RIM);
        assert_eq!(serde_json::to_string(&Split::Train).unwrap(), "\"train\"");
        let classes = Classes::of_readers();
        assert_eq!((classes.number(&Class::RIM), classes.number(&Class::NON_RIM)), (Some(1), Some(0)));
        assert_eq!((classes.number(&Class::AMBIGUOUS), classes.has(&Class::AMBIGUOUS)), (None, true));
        assert_eq!(classes.interest(), Some(1));
        let of_interest = |classes: &Classes| [Some("rim"), Some("non-rim"), None].map(|it| classes.is_of_interest(it));
        assert_eq!(of_interest(&classes), [true, false, true]);
        assert_eq!(of_interest(&Classes { of_interest: None, ..classes }), [true; 3]);
    }

    #[test]
    fn classes_that_cannot_be_are_named() {
        let classes = |names: &[&str], contested: Option<&str>, of_interest: Option<&str>| Classes {
            names: names.iter().map(|name| Class::new(*name)).collect(),
            contested: contested.map(Class::new),
            of_interest: of_interest.map(Class::new),
        };
        assert_eq!(classes(&["a", "b", "c"], Some("d"), None).fault(), None);
        assert_eq!(classes(&["a", "b"], None, Some("b")).fault(), None);
        for (wrong, says) in [
            (classes(&[], None, None), "no class"),
            (classes(&["a", "b", "a"], None, None), "a twice"),
            (classes(&["a", "b"], Some("a"), None), "both a class and contested"),
            (classes(&["a", "b"], None, Some("c")), "c is no class"),
            (classes(&["a", "b", "c"], None, Some("c")), "among 3 classes"),
        ] {
            assert!(wrong.fault().unwrap().contains(says));
        }
    }
}

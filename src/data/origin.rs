//! What a generator knew, and whether its images may stand beside a data set.

use std::path::Path;

use crate::name::shown;
use crate::problem::{Kind, Problem, Result};
use crate::records::label::UNKNOWN_DATA;

/// The data sets that a generator knows, as the record of its images says.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// That it was trained on.
    pub data: Option<&'a str>,
    /// Those that its weights knew before.
    pub before: &'a [String],
}

impl Origin<'_> {
    /// Refuses all but the data set `own`: the test lesions of one split are training lesions of another. What is
    /// `trusted` all the same earns a note.
    ///
    /// # Errors
    /// `Kind::Gate`: another data set, or, unless `trusted`, one that is not known.
    pub fn check(&self, record: &Path, what: &str, own: &str, trusted: bool) -> Result<Vec<String>> {
        let refused = |found: String, advice: &str| {
            Err(Problem::new(Kind::Gate, found).at(record).expected(format!("data {own}")).advice(advice))
        };
        if let Some(found) = self.data.filter(|found| *found != own) {
            let advice = "train, generate and project on the data set that the classifier is tested with, or test \
                          lesions may leak";
            return refused(format!("made by a network that was trained on data {}", shown(found)), advice);
        }
        let mut others: Vec<&str> = self.before.iter().map(String::as_str).filter(|before| *before != own).collect();
        others.extend(self.data.is_none().then_some(UNKNOWN_DATA));
        let Some(other) = others.first() else { return Ok(vec![]) };
        let found = match (self.data, *other) {
            (None, _) => "does not say which data set its network was trained on".to_owned(),
            (_, UNKNOWN_DATA) => "is of a network that started from one of unknown data".to_owned(),
            (_, other) => format!("is of a network that started from one of data {}", shown(other)),
        };
        if trusted {
            return Ok(vec![format!("the {what} set {found}; that no test lesion was in it is taken on trust")]);
        }
        let advice = "train without --base or on a base of this data set, or test lesions may leak; where you know that \
                      none was in the other data, say so with classify.trust_origin = true (--trust-origin)";
        refused(format!("the {what} set {found}"), advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_networks_that_knew_nothing_but_this_data_set_are_taken_without_trust() {
        let check = |data: Option<&str>, before: &[&str], trusted: bool| {
            let before: Vec<String> = before.iter().map(|&before| before.to_owned()).collect();
            Origin { data, before: &before }.check(Path::new("r"), "synthetic", "own", trusted)
        };
        for trusted in [false, true] {
            assert!(check(Some("own"), &[], trusted).unwrap().is_empty());
            assert!(check(Some("own"), &["own"], trusted).unwrap().is_empty());
            let problem = check(Some("b"), &[], trusted).unwrap_err();
            assert!(problem.kind() == Kind::Gate && problem.to_string().contains("trained on data b"), "{problem}");
        }
        for (data, before, says) in [
            (None, &[][..], "does not say which data set"),
            (None, &["own"], "does not say which data set"),
            (Some("own"), &["b"], "started from one of data b"),
            (Some("own"), &["own", "unknown"], "started from one of unknown data"),
        ] {
            let problem = check(data, before, false).unwrap_err();
            assert!(problem.kind() == Kind::Gate && problem.to_string().contains(says), "{problem}");
            assert!(problem.to_string().contains("--trust-origin"), "{problem}");
            let notes = check(data, before, true).unwrap();
            assert!(notes[0].contains(says) && notes[0].contains("taken on trust"), "{notes:?}");
        }
    }
}

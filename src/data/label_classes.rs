//! Labels to classes: one of interest, or each its own.

use std::collections::BTreeMap;
use std::path::Path;

use super::image_labels::Labels;
use super::manifest::{Class, Classes};
use super::name_join::listed;
use super::near_names::{near_key, one_form, spelled};
use super::odd_label::is_negative;
use super::prepare_config::{ClassSource, PrepareConfig};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Most labels of which each is a class: the split keeps a count of every class for every patient.
pub const MAX_LABELS: usize = 256;

/// The classes of a set of images, and what each image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Of the set.
    pub classes: Classes,
    /// In the order of the names.
    pub images: Vec<LabelledImage>,
    /// How labels became classes, for the record.
    pub notes: Vec<String>,
}

/// One image's class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// One of the set's classes, or its contested state.
    pub class: Class,
    /// The label that the source gives it.
    pub label: Option<String>,
}

/// How many images have each label.
type Counts<'a> = BTreeMap<&'a str, usize>;

/// The classes of `count` images at `place` and each image's own, in the order of the names.
///
/// # Errors
/// Labels that are asked for and not there, a set that does not say which of its labels is of interest, or too many.
pub fn classes(place: &Path, labels: &Labels, count: usize, config: &PrepareConfig) -> Result<Labelled> {
    let mut counts = Counts::new();
    labels.label.iter().flatten().for_each(|label| *counts.entry(label).or_default() += 1);
    let set = LabelSet { place, labels, count, counts, config };
    match config.classes {
        ClassSource::Interest => set.by_interest(),
        ClassSource::Labels => set.by_label(),
    }
}

struct LabelSet<'a> {
    place: &'a Path,
    labels: &'a Labels,
    count: usize,
    counts: Counts<'a>,
    config: &'a PrepareConfig,
}

impl LabelSet<'_> {
    /// One label is of interest and one may be contested; the others are not told apart. Votes of readers outrank
    /// labels. An unlabelled set is all of interest: there is nothing else to learn from it.
    fn by_interest(&self) -> Result<Labelled> {
        let asked = self.config.rim_label.as_deref();
        let labelled = |class: &dyn Fn(usize) -> Class, notes| {
            let image = |at: usize| LabelledImage { class: class(at), label: self.own_label(at) };
            Labelled { classes: Classes::of_readers(), images: (0..self.count).map(image).collect(), notes }
        };
        if let Some(votes) = &self.labels.votes {
            if let Some(label) = asked.or(self.config.ambiguous_label.as_deref()) {
                return Err(Problem::usage(format!(
                    "the label {} is asked for where readers' votes say what each image is",
                    spelled(label)
                ))
                .advice(
                    "leave out prepare.rim_label and prepare.ambiguous_label (--rim-label, --ambiguous-label), or the \
                     columns reader1 and reader2",
                ));
            }
            return Ok(labelled(&|at| super::reader_table::class(votes[at]), vec![]));
        }
        let Some(labels) = &self.labels.label else {
            return match asked {
                Some(label) => Err(Problem::usage(format!("prepare.rim_label = {label:?} for a set without labels"))
                    .advice("leave prepare.rim_label (--rim-label) out: every image is of the class of interest then")),
                None => Ok(labelled(&|_| Class::RIM, vec![])),
            };
        };
        let obvious = || {
            let binary = self.counts.keys().copied().eq(["0", "1"]).then_some("1");
            self.counts.contains_key("rim").then_some("rim").or(binary).ok_or_else(|| {
                let labels = listed(&self.known());
                Problem::usage(format!("which of the labels {labels} is the class of interest?")).advice(
                    "name it in prepare.rim_label (--rim-label), or take each label as a class of its own with \
                     prepare.classes = \"labels\" (--classes)",
                )
            })
        };
        let interest = match asked {
            Some(asked) => self.require_known(asked)?,
            None => obvious()?,
        };
        let ambiguous = self.contested()?;
        self.refuse_negative(&[Some(interest), ambiguous])?;
        self.refuse_doubted(interest, ambiguous)?;
        let notes = vec![self.told(interest, ambiguous)];
        let class = |at: usize| match labels[at].as_str() {
            label if label == interest => Class::RIM,
            label if Some(label) == ambiguous => Class::AMBIGUOUS,
            _ => Class::NON_RIM,
        };
        Ok(labelled(&class, notes))
    }

    /// Which label is what, with the number of its images.
    fn told(&self, interest: &str, ambiguous: Option<&str>) -> String {
        let counted = |label: &str| format!("{} ({})", shown(label), self.counts.get(label).unwrap_or(&0));
        let rest = self.counts.keys().filter(|label| **label != interest && Some(**label) != ambiguous);
        let rest: Vec<String> = rest.map(|label| counted(label)).collect();
        let contested = ambiguous.map(|label| format!("; contested: {}", counted(label))).unwrap_or_default();
        let others = if rest.is_empty() { "none".into() } else { listed(&rest) };
        format!("class of interest: the label {}{contested}; not told apart: {others}", counted(interest))
    }

    /// Each label is a class, but for the one that is contested.
    fn by_label(&self) -> Result<Labelled> {
        if let Some(label) = &self.config.rim_label {
            return Err(Problem::usage(format!(
                "prepare.rim_label = {label:?} where each label is a class of its own"
            ))
            .advice("leave out prepare.rim_label (--rim-label), or prepare.classes = \"labels\" (--classes)"));
        }
        let Some(labels) = &self.labels.label else {
            return Err(Problem::usage("prepare.classes = \"labels\" (--classes) for a set without labels")
                .expected("images whose folder, table or dataset.json names a label for each"));
        };
        if self.counts.len() > MAX_LABELS {
            return Err(Problem::input(self.place, format!("{} labels: {}", self.counts.len(), listed(&self.known())))
                .expected(format!("at most {MAX_LABELS}, each of them a class")));
        }
        let contested = self.contested()?;
        self.refuse_negative(&[contested])?;
        let classes = self.counts.keys().copied().filter(|label| Some(*label) != contested);
        let classes = Classes {
            names: in_order(classes).into_iter().map(Class::new).collect(),
            contested: contested.map(Class::new),
            of_interest: None,
        };
        let image = |at: usize| LabelledImage { class: Class::new(&labels[at]), label: self.own_label(at) };
        Ok(Labelled { classes, images: (0..self.count).map(image).collect(), notes: vec![] })
    }

    /// Where everything but one label is the other class, a word of doubt would make non-rims of what may be rims.
    fn is_in_doubt(&self, label: &str) -> bool {
        means_doubt(label) || self.config.classes == ClassSource::Interest && is_undecided(label)
    }

    /// The label of items that are in doubt, asked for or obvious.
    fn contested(&self) -> Result<Option<&str>> {
        match self.config.ambiguous_label.as_deref() {
            Some(asked) => self.require_known(asked).map(Some),
            None => match self.counts.keys().find(|label| **label != "ambiguous" && self.is_in_doubt(label)) {
                Some(label) => Err(Problem::input(self.place, format!("the label {}", spelled(label)))
                    .expected("\"ambiguous\", spelled exactly so, if it means that an image is in doubt")
                    .advice(
                        "spell it so, name it in prepare.ambiguous_label (--ambiguous-label), or call it otherwise",
                    )),
                None => Ok(self.counts.contains_key("ambiguous").then_some("ambiguous")),
            },
        }
    }

    /// -1 often stands for "none": it is a class only where somebody says so.
    fn refuse_negative(&self, named: &[Option<&str>]) -> Result<()> {
        let odd = |(label, _): &(&&str, &usize)| is_negative(label) && !named.contains(&Some(**label));
        match self.counts.iter().find(odd) {
            Some((label, images)) => Err(Problem::input(
                self.place,
                format!("the label {} for {images} images, which often means that there is none", shown(label)),
            )
            .expected("a label for each image")
            .advice(format!(
                "leave these images out, name the label otherwise, or let it be contested: --ambiguous-label={}",
                shown(label)
            ))),
            None => Ok(()),
        }
    }

    /// "rim?" beside "rim" is no other class: somebody is in doubt.
    fn refuse_doubted(&self, interest: &str, contested: Option<&str>) -> Result<()> {
        let mark = |letter: char| "?!*.,:;()[]'\"\u{201c}\u{201d}\u{2018}\u{2019} ".contains(letter);
        let bare = |label: &str| near_key(label.trim_matches(mark));
        let same = |label: &str| bare(label) == bare(interest) || bare(label) == bare(interest) + "s";
        let near = |label: &&&str| ![Some(interest), contested].contains(&Some(**label)) && same(label);
        match self.counts.keys().find(near) {
            Some(label) => Err(Problem::input(
                self.place,
                format!("the label {} beside the class of interest, {}", spelled(label), spelled(interest)),
            )
            .expected("labels that are told apart by more than a mark")
            .advice(format!(
                "write both alike, call it otherwise, or let it be contested: --ambiguous-label={}",
                shown(label)
            ))),
            None => Ok(()),
        }
    }

    fn known(&self) -> Vec<String> {
        self.counts.keys().map(|&label| label.to_owned()).collect()
    }

    /// The label that is asked for, as the source spells it: in whichever Unicode form.
    fn require_known(&self, asked: &str) -> Result<&str> {
        let known = self.counts.keys().find(|label| one_form(label) == one_form(asked));
        known.copied().ok_or_else(|| {
            Problem::usage(format!("no image has the label {}", spelled(asked))).expected(listed(&self.known()))
        })
    }

    fn own_label(&self, at: usize) -> Option<String> {
        self.labels.label.as_ref().map(|labels| labels[at].clone())
    }
}

/// Whether a label seems to say what "ambiguous" does, or is that word with a slip of the pen.
fn means_doubt(label: &str) -> bool {
    let key = near_key(label);
    let starts = ["ambig", "contested"];
    starts.iter().any(|word| key.starts_with(word))
}

/// Whether a label seems to say that nobody decided: "uncertain", "probable rim", "rim possible". Beside labels that
/// are each a class these may be findings.
fn is_undecided(label: &str) -> bool {
    let key = near_key(label);
    let ends = |word: &&str| key.ends_with(*word) && !key.ends_with(&format!("un{word}"));
    UNDECIDED.contains(&&*key) || MAYBE.iter().any(|word| key.starts_with(word)) || MAYBE_LAST.iter().any(ends)
}

/// What is not decided, as [`near_key`] has it.
const UNDECIDED: [&str; 7] = ["disputed", "unsure", "unclear", "unknown", "undetermined", "excluded", "notsure"];

/// Beginnings of what may be.
const MAYBE: [&str; 9] =
    ["uncertain", "equivocal", "indeterminate", "inconclusive", "doubtful", "possibl", "probabl", "suspect", "maybe"];

/// Ends of what may be.
const MAYBE_LAST: [&str; 9] = [
    "uncertain",
    "equivocal",
    "indeterminate",
    "inconclusive",
    "doubtful",
    "possible",
    "probable",
    "suspected",
    "maybe",
];

/// Distinct labels in the order of their numbers as classes: whole numbers by size, others by the alphabet.
pub(super) fn in_order<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> =
        labels.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().map(str::to_owned).collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(labels: &[&str], config: &PrepareConfig) -> Result<Labelled> {
        let label = Some(labels.iter().map(|&label| label.to_owned()).collect());
        classes(Path::new("set"), &Labels { label, ..Labels::default() }, labels.len(), config)
    }

    fn asked(rim: Option<&str>, classes: ClassSource) -> PrepareConfig {
        PrepareConfig { rim_label: rim.map(str::to_owned), classes, ..PrepareConfig::default() }
    }

    #[test]
    fn the_class_of_interest_is_named_or_obvious_or_asked_for_and_told() {
        let interest = |rim| asked(rim, ClassSource::Interest);
        let found = of(&["x", "rim", "ambiguous", "x"], &interest(None)).unwrap();
        assert!(found.classes.is_of_readers());
        let classes: Vec<Class> = found.images.into_iter().map(|image| image.class).collect();
        assert_eq!(classes, [Class::NON_RIM, Class::RIM, Class::AMBIGUOUS, Class::NON_RIM]);
        let told = "class of interest: the label rim (1); contested: ambiguous (1); not told apart: x (2)";
        assert_eq!(found.notes, [told]);
        assert!(of(&["0", "1"], &interest(None)).unwrap().notes[0].contains("the label 1 (1)"));
        let skin = ["mel", "nv"];
        assert!(of(&skin, &interest(None)).unwrap_err().to_string().contains("mel, nv"));
        let first = of(&skin, &interest(Some("mel"))).unwrap().images[0].clone();
        assert_eq!(first, LabelledImage { class: Class::RIM, label: Some("mel".into()) });
        assert!(of(&skin, &interest(Some("bcc"))).is_err());
        assert!(of(&skin, &asked(Some("mel"), ClassSource::Labels)).is_err());
        let accent = of(&["a\u{308}", "b"], &interest(Some("\u{e4}"))).unwrap();
        assert_eq!(accent.images[0].class, Class::RIM);
    }

    #[test]
    fn every_label_is_a_class_where_that_is_asked_for() {
        let by_label = asked(None, ClassSource::Labels);
        let images = ["nv", "bcc", "mel", "ambiguous", "bcc"];
        let found = of(&images, &by_label).unwrap();
        assert_eq!(found.classes.listed(), "bcc, mel, nv");
        assert_eq!((found.classes.contested, found.classes.of_interest), (Some(Class::AMBIGUOUS), None));
        let own: Vec<&str> = found.images.iter().map(|image| image.class.name()).collect();
        assert_eq!(own, images);
        let doubtful = PrepareConfig { ambiguous_label: Some("nv".into()), ..by_label.clone() };
        assert_eq!(of(&images, &doubtful).unwrap().classes.names.len(), 3);
        assert_eq!(in_order(["10", "9", "-1", "9"]), ["-1", "9", "10"]);
        assert_eq!(in_order(["b", "10", "9"]), ["10", "9", "b"]);
        let bare = classes(Path::new("set"), &Labels::default(), 1, &by_label).unwrap_err().to_string();
        assert!(bare.contains("a set without labels"), "{bare}");
        let many: Vec<String> = (0..=MAX_LABELS).map(|label| label.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(of(&many, &by_label).unwrap_err().to_string().contains("257 labels"));
    }

    #[test]
    fn minus_one_among_others_is_no_class_unless_it_is_named() {
        let config = |ambiguous: Option<&str>| PrepareConfig {
            ambiguous_label: ambiguous.map(str::to_owned),
            ..asked(Some("1"), ClassSource::Interest)
        };
        assert!(of(&["-1", "0", "1"], &config(None)).unwrap_err().to_string().contains("the label -1 for 1 images"));
        assert_eq!(of(&["-1", "0", "1"], &config(Some("-1"))).unwrap().images[0].class, Class::AMBIGUOUS);
        for label in ["-1", "-1.0", "-9"] {
            assert!(of(&[label, "1"], &config(None)).unwrap_err().to_string().contains("often means"), "{label}");
        }
        assert!(of(&["-a", "1"], &config(None)).is_ok());
        let near = of(&["rim", "Ambiguous", "x"], &asked(None, ClassSource::Interest)).unwrap_err().to_string();
        assert!(near.contains("the label \"Ambiguous\"; expected \"ambiguous\", spelled exactly so"), "{near}");
        for (label, says) in [
            ("ambigous", "the label \"ambigous\"; expected \"ambiguous\""),
            ("contested", "the label \"contested\"; expected \"ambiguous\""),
            ("Uncertain", "the label \"Uncertain\"; expected \"ambiguous\""),
            ("probable rim", "the label \"probable rim\"; expected \"ambiguous\""),
            ("unknown", "the label \"unknown\"; expected \"ambiguous\""),
            ("rim possible", "the label \"rim possible\"; expected \"ambiguous\""),
            ("rim?", "the label \"rim?\" beside the class of interest, \"rim\""),
            ("Rim (?)", "beside the class of interest"),
            ("'rim'", "beside the class of interest"),
            ("rims", "beside the class of interest"),
        ] {
            let said = of(&["rim", label, "x"], &asked(None, ClassSource::Interest)).unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
            let doubtful = PrepareConfig { ambiguous_label: Some(label.into()), ..PrepareConfig::default() };
            assert_eq!(of(&["rim", label, "x"], &doubtful).unwrap().images[1].class, Class::AMBIGUOUS);
        }
        assert!(["unequivocal", "rim unequivocal", "no doubt"].iter().all(|word| !is_undecided(word)));
        assert!(of(&["possible MS", "probable MS", "unknown"], &asked(None, ClassSource::Labels)).is_ok());
        assert!(of(&["HER2+", "HER2-"], &asked(Some("HER2+"), ClassSource::Interest)).is_ok());
        let votes = Labels { votes: Some(vec![(true, true)]), ..Labels::default() };
        let said = classes(Path::new("set"), &votes, 1, &config(None)).unwrap_err();
        assert!(said.kind() == crate::problem::Kind::Usage && said.to_string().contains("readers' votes"), "{said}");
    }
}

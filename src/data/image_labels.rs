//! Labels and patients of plain images: `dataset.json` of StyleGAN2-ADA, `labels.tsv`, sub-folders; joined by exact
//! name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::manifest::{Class, Classes};
use super::name_join::{listed, repeated, unmatched};
use super::prepare_config::{ClassSource, PrepareConfig};
use super::table;
use crate::problem::{Kind, Problem, Result};

/// What is known of each image, by its name relative to the folder or zip ("00000/img00000001.png").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The source's own label; absent where the set has none.
    pub label: Option<BTreeMap<String, String>>,
    /// Votes of two readers; they outrank the label.
    pub votes: Option<BTreeMap<String, (bool, bool)>>,
    /// The group that an image belongs to; absent where each is its own.
    pub patient: Option<BTreeMap<String, String>>,
    /// Where the labels come from, for the record.
    pub source: String,
}

/// `{"labels": [["00000/img00000000.png", 3], ...]}` or `{"labels": null}`; other keys are ignored.
#[derive(Deserialize)]
struct DatasetJson {
    labels: Option<Vec<(String, JsonLabel)>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonLabel {
    Number(u64),
    OneHot(Vec<f64>),
}

impl Labels {
    /// Parses StyleGAN2-ADA's `dataset.json`; `names` are the images that it must name, no more and no fewer.
    pub fn from_dataset_json(text: &[u8], names: &[String]) -> Result<Self> {
        let bad = |found: String| Problem::new(Kind::Input, found);
        let parsed: DatasetJson = serde_json::from_slice(text).map_err(|error| {
            bad(format!("not a dataset.json: {error}")).expected("{\"labels\": [[\"name.png\", 0], ...]}")
        })?;
        let source = "dataset.json".to_owned();
        let Some(pairs) = parsed.labels else { return Ok(Self { source, ..Self::default() }) };
        let twice = repeated(pairs.iter().map(|(name, _)| name.as_str()));
        if !twice.is_empty() {
            return Err(bad(format!("images named twice: {}", listed(&twice))).expected("one label an image"));
        }
        require_same_names(pairs.iter().map(|(name, _)| name.as_str()), names, "dataset.json")?;
        let label = |(name, label): (String, JsonLabel)| match label {
            JsonLabel::Number(number) => Ok((name, number.to_string())),
            JsonLabel::OneHot(weights) => match weights.iter().filter(|&&weight| weight != 0.0).count() {
                1 if weights.contains(&1.0) => {
                    let place = weights.iter().position(|&weight| weight == 1.0).unwrap_or_default();
                    Ok((name, place.to_string()))
                }
                _ => Err(bad(format!("{name} has the label {weights:?}")).expected("a number or a one-hot list")),
            },
        };
        let label = pairs.into_iter().map(label).collect::<Result<_>>()?;
        Ok(Self { label: Some(label), source, ..Self::default() })
    }

    /// Reads `labels.tsv`: `file`, and any of `label`, `patient`, `reader1` with `reader2`.
    pub fn from_table(path: &Path, names: &[String]) -> Result<Self> {
        let table = table::read(path, &["file"], &["label", "patient", "reader1", "reader2"])?;
        let files: Vec<&str> = table.rows.iter().map(|row| row.cell(0)).collect();
        let twice = repeated(files.iter().copied());
        if !twice.is_empty() {
            return Err(Problem::input(path, format!("files that occur twice: {}", listed(&twice)))
                .expected("one line an image"));
        }
        require_same_names(files, names, "the table").map_err(|problem| problem.at(path))?;
        let column = |at: usize| -> Result<Option<BTreeMap<String, String>>> {
            let mut cells = BTreeMap::new();
            for row in &table.rows {
                match row.cells[at].as_deref() {
                    None => return Ok(None),
                    Some("") => return Err(Problem::input(path, format!("line {}: an empty cell", row.line))),
                    Some(cell) => cells.insert(row.cell(0).to_owned(), cell.to_owned()),
                };
            }
            Ok(Some(cells))
        };
        let (first, second) = (column(3)?, column(4)?);
        if first.is_some() != second.is_some() {
            return Err(Problem::input(path, "one reader's column").expected("both reader1 and reader2, or neither"));
        }
        let vote = |cell: &String| match cell.as_str() {
            "1" => Ok(true),
            "0" => Ok(false),
            other => {
                Err(Problem::input(path, format!("a reader says {other:?}")).expected("1 (of interest) or 0 (not)"))
            }
        };
        let votes = first.zip(second).map(|(first, second)| {
            first
                .iter()
                .map(|(name, cell)| Ok((name.clone(), (vote(cell)?, vote(&second[name])?))))
                .collect::<Result<_>>()
        });
        Ok(Self { label: column(1)?, patient: column(2)?, votes: votes.transpose()?, source: table_name(path) })
    }

    /// Takes the patients from a table of its own: `file`, `patient`.
    pub fn with_patients(mut self, path: &Path, names: &[String]) -> Result<Self> {
        if self.patient.is_some() {
            return Err(Problem::input(path, "patients from two tables").expected("one"));
        }
        let table = Self::from_table(path, names)?;
        let Some(patient) = table.patient else {
            return Err(Problem::input(path, "no column patient").expected("file and patient"));
        };
        self.patient = Some(patient);
        Ok(self)
    }

    /// Labels are the names of the first folder, where every image is in one. Folders of five digits, as
    /// StyleGAN2-ADA's own tool makes them, mean nothing.
    pub fn from_folders(names: &[String]) -> Self {
        let source = "sub-folders".to_owned();
        let label: Option<BTreeMap<String, String>> = names
            .iter()
            .map(|name| name.split_once('/').map(|(folder, _)| (name.clone(), folder.to_owned())))
            .collect();
        let numbered = |folder: &String| folder.len() == 5 && folder.bytes().all(|byte| byte.is_ascii_digit());
        match label {
            Some(label) if !label.values().all(numbered) => Self { label: Some(label), source, ..Self::default() },
            _ => Self { source: "none".into(), ..Self::default() },
        }
    }

    /// The set's classes and each image's own, in the order of `names`.
    ///
    /// # Errors
    /// Labels that are asked for and not there, or a set that does not say which of its labels is of interest.
    pub fn classes(&self, names: &[String], config: &PrepareConfig) -> Result<Labelled> {
        match config.classes {
            ClassSource::Interest => self.by_interest(names, config),
            ClassSource::Labels => self.by_label(names, config),
        }
    }

    /// One label is of interest and one may be contested; the others are not told apart. Votes of readers outrank
    /// labels. An unlabelled set is all of interest: there is nothing else to learn from it.
    fn by_interest(&self, names: &[String], config: &PrepareConfig) -> Result<Labelled> {
        let (interest, ambiguous) = (config.rim_label.as_deref(), config.ambiguous_label.as_deref());
        let labelled = |class: &dyn Fn(&String) -> Class| {
            let image = |name: &String| LabelledImage { class: class(name), label: self.own_label(name) };
            Ok(Labelled { classes: Classes::of_readers(), images: names.iter().map(image).collect() })
        };
        if let Some(votes) = &self.votes {
            return labelled(&|name| super::reader_table::class(votes[name]));
        }
        let Some(labels) = &self.label else {
            return match interest {
                Some(label) => Err(Problem::usage(format!("prepare.rim_label = {label:?} for a set without labels"))
                    .advice("leave prepare.rim_label (--rim-label) out: every image is of the class of interest then")),
                None => labelled(&|_| Class::RIM),
            };
        };
        let known: BTreeSet<&str> = labels.values().map(String::as_str).collect();
        let chosen = interest.or_else(|| known.contains("rim").then_some("rim"));
        let chosen = chosen.or_else(|| known.iter().copied().eq(["0", "1"]).then_some("1"));
        let ambiguous = ambiguous.or_else(|| known.contains("ambiguous").then_some("ambiguous"));
        let Some(interest) = chosen else {
            let labels = known_list(&known);
            return Err(Problem::usage(format!("which of the labels {labels} is the class of interest?")).advice(
                "name it in prepare.rim_label (--rim-label), or take each label as a class of its own with \
                 prepare.classes = \"labels\" (--classes)",
            ));
        };
        [Some(interest), ambiguous].into_iter().flatten().try_for_each(|asked| require_known(asked, &known))?;
        labelled(&|name| match labels[name].as_str() {
            label if label == interest => Class::RIM,
            label if Some(label) == ambiguous => Class::AMBIGUOUS,
            _ => Class::NON_RIM,
        })
    }

    /// Each label is a class, but for the one that is contested.
    fn by_label(&self, names: &[String], config: &PrepareConfig) -> Result<Labelled> {
        if let Some(label) = &config.rim_label {
            return Err(Problem::usage(format!(
                "prepare.rim_label = {label:?} where each label is a class of its own"
            ))
            .advice("leave out prepare.rim_label (--rim-label), or prepare.classes = \"labels\" (--classes)"));
        }
        let Some(labels) = &self.label else {
            return Err(Problem::usage("prepare.classes = \"labels\" (--classes) for a set without labels")
                .expected("images whose folder, table or dataset.json names a label for each"));
        };
        let known: BTreeSet<&str> = labels.values().map(String::as_str).collect();
        let contested = config.ambiguous_label.as_deref();
        let contested = contested.or_else(|| known.contains("ambiguous").then_some("ambiguous"));
        contested.map_or(Ok(()), |asked| require_known(asked, &known))?;
        let classes = known.iter().copied().filter(|label| Some(*label) != contested);
        let classes = Classes {
            names: in_order(classes).into_iter().map(Class::new).collect(),
            contested: contested.map(Class::new),
            of_interest: None,
        };
        let image = |name: &String| LabelledImage { class: Class::new(&labels[name]), label: self.own_label(name) };
        Ok(Labelled { classes, images: names.iter().map(image).collect() })
    }

    fn own_label(&self, name: &str) -> Option<String> {
        self.label.as_ref().map(|labels| labels[name].clone())
    }
}

/// The classes of a set of images, and what each image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled {
    /// Of the set.
    pub classes: Classes,
    /// In the order of the names.
    pub images: Vec<LabelledImage>,
}

/// One image's class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledImage {
    /// One of the set's classes, or its contested state.
    pub class: Class,
    /// The label that the source gives it.
    pub label: Option<String>,
}

/// Distinct labels in the order of their numbers as classes: whole numbers by size, others by the alphabet.
pub(super) fn in_order<'a>(labels: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = labels.into_iter().collect::<BTreeSet<_>>().into_iter().map(str::to_owned).collect();
    if names.iter().all(|name| name.parse::<i64>().is_ok()) {
        names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
    }
    names
}

fn known_list(known: &BTreeSet<&str>) -> String {
    listed(&known.iter().map(|&label| label.to_owned()).collect::<Vec<_>>())
}

fn require_known(asked: &str, known: &BTreeSet<&str>) -> Result<()> {
    if known.contains(asked) {
        Ok(())
    } else {
        Err(Problem::usage(format!("no image has the label {asked:?}")).expected(known_list(known)))
    }
}

fn table_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn require_same_names<'a>(listed: impl IntoIterator<Item = &'a str>, images: &'a [String], table: &str) -> Result<()> {
    match unmatched(listed, images.iter().map(String::as_str)) {
        None => Ok(()),
        Some(found) => Err(Problem::new(Kind::Input, found.describe(table, "the images"))
            .expected("the same names on both sides, spelled exactly alike")
            .advice("names are relative to the data set, with / between folders; nothing is ever matched by position")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// The published patch gave image i, in path order, the i-th label of the file: here 2.png would get 10.png's.
    #[test]
    fn labels_follow_names_whatever_the_order_of_the_file() {
        let images = names(&["1.png", "10.png", "2.png"]);
        let json = br#"{"labels": [["1.png", 0], ["2.png", 1], ["10.png", 0]]}"#;
        let labels = Labels::from_dataset_json(json, &images).unwrap().label.unwrap();
        assert_eq!(images.iter().map(|name| labels[name].as_str()).collect::<Vec<_>>(), ["0", "0", "1"]);
    }

    #[test]
    fn an_extra_image_or_label_is_an_error_with_both_lists_and_shifts_nothing() {
        let json = br#"{"labels": [["a.png", 0], ["b.png", 1]]}"#;
        let problem = Labels::from_dataset_json(json, &names(&["a.png", "c.png"])).unwrap_err().to_string();
        assert!(problem.contains("only in dataset.json (1): b.png; only in the images (1): c.png"), "{problem}");
    }

    #[test]
    fn no_labels_one_hot_lists_repeats_and_nonsense() {
        let images = names(&["a.png"]);
        assert_eq!(Labels::from_dataset_json(br#"{"labels": null}"#, &images).unwrap().label, None);
        let one_hot = Labels::from_dataset_json(br#"{"labels": [["a.png", [0, 0, 1]]]}"#, &images).unwrap();
        assert_eq!(one_hot.label.unwrap()["a.png"], "2");
        assert!(Labels::from_dataset_json(br#"{"labels": [["a.png", [0.5, 0.5]]]}"#, &images).is_err());
        let twice = Labels::from_dataset_json(br#"{"labels": [["a.png", 0], ["a.png", 1]]}"#, &images).unwrap_err();
        assert!(twice.to_string().contains("named twice: a.png"));
        assert!(Labels::from_dataset_json(b"[]", &images).unwrap_err().to_string().contains("not a dataset.json"));
    }

    #[test]
    fn folders_are_labels_unless_they_are_numbered_by_the_packing_tool() {
        let labels = Labels::from_folders(&names(&["rim/a.png", "other/b.png"]));
        assert_eq!(labels.label.unwrap()["rim/a.png"], "rim");
        assert_eq!(Labels::from_folders(&names(&["00000/img00000000.png"])).label, None);
        assert_eq!(Labels::from_folders(&names(&["a.png", "rim/b.png"])).label, None);
    }

    #[test]
    fn the_class_of_interest_is_named_or_obvious_or_asked_for() {
        let images = names(&["x/1.png", "rim/2.png", "ambiguous/3.png"]);
        let labels = Labels::from_folders(&images);
        let asked = |rim: Option<&str>, classes| PrepareConfig {
            rim_label: rim.map(str::to_owned),
            classes,
            ..PrepareConfig::default()
        };
        let interest = |rim| asked(rim, ClassSource::Interest);
        let found = labels.classes(&images, &interest(None)).unwrap();
        assert!(found.classes.is_of_readers());
        let classes: Vec<Class> = found.images.into_iter().map(|image| image.class).collect();
        assert_eq!(classes, [Class::NON_RIM, Class::RIM, Class::AMBIGUOUS]);
        let skin = names(&["mel/1.png", "nv/2.png"]);
        let labels = Labels::from_folders(&skin);
        assert!(labels.classes(&skin, &interest(None)).unwrap_err().to_string().contains("mel, nv"));
        let first = labels.classes(&skin, &interest(Some("mel"))).unwrap().images[0].clone();
        assert_eq!(first, LabelledImage { class: Class::RIM, label: Some("mel".into()) });
        assert!(labels.classes(&skin, &interest(Some("bcc"))).is_err());
        assert!(labels.classes(&skin, &asked(Some("mel"), ClassSource::Labels)).is_err());
    }

    #[test]
    fn every_label_is_a_class_where_that_is_asked_for() {
        let asked = PrepareConfig { classes: ClassSource::Labels, ..PrepareConfig::default() };
        let images = names(&["nv/1.png", "bcc/2.png", "mel/3.png", "ambiguous/4.png", "bcc/5.png"]);
        let found = Labels::from_folders(&images).classes(&images, &asked).unwrap();
        assert_eq!(found.classes.listed(), "bcc, mel, nv");
        assert_eq!((found.classes.contested, found.classes.of_interest), (Some(Class::AMBIGUOUS), None));
        let own: Vec<&str> = found.images.iter().map(|image| image.class.name()).collect();
        assert_eq!(own, ["nv", "bcc", "mel", "ambiguous", "bcc"]);
        let doubtful = PrepareConfig { ambiguous_label: Some("nv".into()), ..asked.clone() };
        assert_eq!(Labels::from_folders(&images).classes(&images, &doubtful).unwrap().classes.names.len(), 3);
        assert_eq!(in_order(["10", "9", "-1", "9"]), ["-1", "9", "10"]);
        assert_eq!(in_order(["b", "10", "9"]), ["10", "9", "b"]);
        let bare = names(&["1.png"]);
        let problem = Labels::from_folders(&bare).classes(&bare, &asked).unwrap_err().to_string();
        assert!(problem.contains("a set without labels"), "{problem}");
    }
}

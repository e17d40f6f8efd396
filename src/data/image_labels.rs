//! Labels and patients of plain images: `dataset.json` of StyleGAN2-ADA, `labels.tsv`, sub-folders; joined by exact name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::manifest::Class;
use super::name_join::{listed, repeated, unmatched};
use super::table;
use crate::problem::{Kind, Problem, Result};

/// What is known of each image, by its name relative to the folder or zip ("00000/img00000001.png").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The source's own label; absent where the set has none.
    pub label: Option<BTreeMap<String, String>>,
    /// Votes of two readers; they outrank the label.
    pub votes: Option<BTreeMap<String, (bool, bool)>>,
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
            other => Err(Problem::input(path, format!("a reader says {other:?}")).expected("1 (rim) or 0 (no rim)")),
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

    /// Labels are the names of the first folder, where every image is in one. Folders of five digits, as StyleGAN2-ADA's
    /// own tool makes them, mean nothing.
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

    /// Each image's class and own label, by the two names that say which label is the class of interest and which is
    /// contested. An unlabelled set is all of interest: there is nothing else to learn from it.
    pub fn classes(
        &self,
        names: &[String],
        rim: Option<&str>,
        ambiguous: Option<&str>,
    ) -> Result<Vec<(Class, Option<String>)>> {
        if let Some(votes) = &self.votes {
            let class = |name: &String| (super::reader_table::class(votes[name]), self.own_label(name));
            return Ok(names.iter().map(class).collect());
        }
        let Some(labels) = &self.label else {
            return match rim {
                Some(rim) => Err(Problem::usage(format!("--rim-label {rim} for a set without labels"))),
                None => Ok(names.iter().map(|_| (Class::Rim, None)).collect()),
            };
        };
        let known: BTreeSet<&str> = labels.values().map(String::as_str).collect();
        let known_list = || listed(&known.iter().map(|&label| label.to_owned()).collect::<Vec<_>>());
        let chosen = rim.or_else(|| known.contains("rim").then_some("rim"));
        let chosen = chosen.or_else(|| known.iter().copied().eq(["0", "1"]).then_some("1"));
        let ambiguous = ambiguous.or_else(|| known.contains("ambiguous").then_some("ambiguous"));
        let Some(rim) = chosen else {
            return Err(Problem::usage(format!("which of the labels {} is the class of interest?", known_list()))
                .advice("say so with --rim-label NAME"));
        };
        for asked in [Some(rim), ambiguous].into_iter().flatten() {
            if !known.contains(asked) {
                return Err(Problem::usage(format!("no image has the label {asked:?}")).expected(known_list()));
            }
        }
        let class = |name: &String| match labels[name].as_str() {
            label if label == rim => Class::Rim,
            label if Some(label) == ambiguous => Class::Ambiguous,
            _ => Class::NonRim,
        };
        Ok(names.iter().map(|name| (class(name), self.own_label(name))).collect())
    }

    fn own_label(&self, name: &str) -> Option<String> {
        self.label.as_ref().map(|labels| labels[name].clone())
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
        let classes: Vec<Class> =
            labels.classes(&images, None, None).unwrap().into_iter().map(|(class, _)| class).collect();
        assert_eq!(classes, [Class::NonRim, Class::Rim, Class::Ambiguous]);
        let skin = names(&["mel/1.png", "nv/2.png"]);
        let labels = Labels::from_folders(&skin);
        assert!(labels.classes(&skin, None, None).unwrap_err().to_string().contains("mel, nv"));
        assert_eq!(labels.classes(&skin, Some("mel"), None).unwrap()[0], (Class::Rim, Some("mel".into())));
        assert!(labels.classes(&skin, Some("bcc"), None).is_err());
    }
}

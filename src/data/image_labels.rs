//! Labels and patients of plain images: `dataset.json` of StyleGAN2-ADA, a table of labels or patients, sub-folders;
//! joined by exact name.

use std::collections::BTreeSet;
use std::path::Path;

use super::dataset_json;
use super::image_columns::{Known, not_read};
use super::label_folders::{self, OfFolders};
use super::name_join::{listed, places};
use super::near_names::{look_alike_persons, look_alikes, near_key, spelled};
use super::odd_label;
use super::prepare_config::PrepareConfig;
use super::table::{self, Row, Table, Wanted};
use super::votes_and_words::require_votes_fit;
use crate::name::shown;
use crate::problem::{Problem, Result};

/// What is known of each image, in the order of the images' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// The source's own label; absent where the set has none.
    pub label: Option<Vec<String>>,
    /// Votes of two readers; they outrank the label.
    pub votes: Option<Vec<(bool, bool)>>,
    /// The group that an image belongs to; absent where each is its own.
    pub patient: Option<Vec<String>>,
    /// Where the labels come from, for the record.
    pub source: String,
    /// Where the patients come from; empty where none are known.
    pub patient_source: String,
    /// What the record should say about them.
    pub notes: Vec<String>,
}

/// A table's text and where it lies.
pub(super) struct Text<'a> {
    /// Names it in errors, and says by its ending what separates the cells.
    pub path: &'a Path,
    /// As in the file.
    pub bytes: &'a [u8],
}

impl Labels {
    /// Of a `dataset.json`; `names` are the images that it must name, no more and no fewer.
    ///
    /// # Errors
    /// What [`dataset_json::parse`] refuses, names that do not fit, or "no labels" where folders show some.
    pub(super) fn from_json(text: &Text, names: &[String], config: &PrepareConfig) -> Result<Self> {
        let at = |problem: Problem| problem.at(text.path);
        let source = dataset_json::NAME.to_owned();
        let Some(pairs) = dataset_json::parse(text.bytes, config.max_files).map_err(at)? else {
            let folders = label_folders::named(names);
            if folders.len() > 1 {
                return Err(at(Problem::input(
                    text.path,
                    format!("no labels, but folders that look like them: {}", listed(&folders)),
                ))
                .expected("labels, or images in folders that mean nothing")
                .advice("remove dataset.json to take the folders as labels, or put all images into one folder"));
            }
            return Ok(Self { source, ..Self::default() });
        };
        let listed: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        let places = places(&listed, names, dataset_json::NAME).map_err(at)?;
        let labels = in_places(places, pairs.into_iter().map(|(_, label)| label));
        label_folders::require_no_contradiction(text.path, names, &labels)?;
        Ok(Self { label: Some(labels), source, ..Self::default() })
    }

    /// Of a table: `file`, and any of `label`, `patient`, `reader1` with `reader2`. Labels that it does not have are
    /// those of the folders.
    ///
    /// # Errors
    /// What [`table::parse`] refuses, names that do not fit, none of these columns, a cell that is empty or odd, or
    /// labels that contradict the folders.
    pub(super) fn from_table(text: &Text, names: &[String], config: &PrepareConfig) -> Result<Self> {
        let path = text.path;
        let columns = Wanted { required: &["file"], optional: &["label", "patient", "reader1", "reader2"] };
        let table = table::parse(path, text.bytes, &columns)?;
        let places = join(path, &table, names)?;
        let word = |row: Row, at: usize| match odd_label::fault(row.cell(at)) {
            None => Ok(row.cell(at).to_owned()),
            Some(fault) => Err(Problem::input(path, format!("line {}: {fault}", row.line())).advice(
                "write what it is, or leave out the image and its line; a label that is in doubt can have a name of \
                 its own, which --ambiguous-label takes",
            )),
        };
        let (label, patient) = (column(&table, &places, 1, word)?, column(&table, &places, 2, patient_word(path))?);
        let source = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let found = Self { label, patient, votes: votes(path, &table, &places)?, ..Self::default() };
        let has_labels = found.label.is_some() || found.votes.is_some();
        let has_patients = found.patient.is_some() || config.patients.is_some();
        let further = not_read(path, &table.further, Known { labels: has_labels, patients: has_patients })?;
        if !has_labels && found.patient.is_none() {
            return Err(
                Problem::input(path, "no column label, patient, reader1 or reader2").expected("file and one of these")
            );
        }
        let patient_source =
            found.patient.as_ref().map_or(String::new(), |_| format!("the column patient of {source}"));
        if found.label.is_none() && found.votes.is_none() {
            let mut found = Self { patient: found.patient, patient_source, ..Self::from_folders(path, names, config)? };
            found.notes.extend(further);
            return Ok(found);
        }
        if let Some(label) = &found.label {
            label_folders::require_no_contradiction(path, names, label)?;
        }
        if let Some(votes) = &found.votes {
            let folders = label_folders::first(names);
            for words in [found.label.as_ref(), folders.as_ref()].into_iter().flatten() {
                require_votes_fit(path, names, words, votes, config)?;
            }
        }
        Ok(Self { source, patient_source, notes: further.into_iter().collect(), ..found })
    }

    /// Takes the patients from a table of its own: `file`, `patient`; `called` is how the record names it.
    ///
    /// # Errors
    /// As [`Labels::from_table`]; patients that are known already.
    pub(super) fn with_patients(mut self, text: &Text, called: &str, names: &[String]) -> Result<Self> {
        let path = text.path;
        if self.patient.is_some() {
            return Err(Problem::input(path, format!("patients, which {} gives already", self.patient_source))
                .expected("one table with patients"));
        }
        let table = table::parse(path, text.bytes, &Wanted { required: &["file", "patient"], optional: &[] })?;
        let places = join(path, &table, names)?;
        let labels = self.label.is_some() || self.votes.is_some();
        self.notes.extend(not_read(path, &table.further, Known { labels, patients: true })?);
        self.patient = column(&table, &places, 1, patient_word(path))?;
        self.patient_source = format!("the column patient of {called}");
        Ok(self)
    }

    /// Labels are the names of the first folder, where every image is in one.
    ///
    /// # Errors
    /// Folders that may mean something else; see [`label_folders::of`].
    pub(super) fn from_folders(place: &Path, names: &[String], config: &PrepareConfig) -> Result<Self> {
        let OfFolders { label, note } = label_folders::of(place, names, config)?;
        let source = if label.is_some() { label_folders::SOURCE } else { "none" };
        Ok(Self { label, source: source.into(), notes: note.into_iter().collect(), ..Self::default() })
    }

    /// Reads labels that a program wrote as floating point numbers, 0.0 and 1.0, as the whole numbers that they are.
    pub(super) fn read_whole_numbers(&mut self) {
        let whole = |label: &String| {
            let (number, zeros) = label.split_once('.').unwrap_or((label, "0"));
            let is_whole = !zeros.is_empty() && zeros.bytes().all(|digit| digit == b'0');
            (is_whole && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
                .then(|| number.to_owned())
        };
        if let Some(numbers) = self.label.as_ref().and_then(|labels| labels.iter().map(whole).collect()) {
            self.label = Some(numbers);
        }
    }

    /// Holds labels and patients to one spelling each.
    ///
    /// # Errors
    /// Two that differ by case, white space, Unicode form, `-` or `_` alone, each with an image.
    pub(super) fn require_one_spelling(&self, place: &Path, names: &[String]) -> Result<()> {
        for (what, words) in [("labels", &self.label), ("patients", &self.patient)] {
            let Some(words) = words else { continue };
            let distinct: BTreeSet<&str> = words.iter().map(String::as_str).collect();
            let alike = if what == "labels" { look_alikes(distinct, near_key) } else { look_alike_persons(distinct) };
            if let Some((one, other)) = alike {
                let image = |word: &str| words.iter().position(|own| own == word).map_or("", |at| names[at].as_str());
                let of = |word: &str| format!("{} (of {})", spelled(word), shown(image(word)));
                return Err(Problem::input(
                    place,
                    format!("{what} that differ in spelling alone: {} and {}", of(one), of(other)),
                )
                .expected("one spelling for one thing")
                .advice("write both alike, or, if they are two things, name them apart more clearly"));
            }
        }
        Ok(())
    }
}

/// Reads a cell that says whose image it is.
fn patient_word(path: &Path) -> impl Fn(Row, usize) -> Result<String> {
    move |row: Row, at: usize| match odd_label::patient_fault(row.cell(at)) {
        None => Ok(row.cell(at).to_owned()),
        Some(fault) => Err(Problem::input(path, format!("line {}: {fault}", row.line()))
            .expected("the patient of each image; an image of its own can have its own name there")),
    }
}

/// `values` in the places of their images.
fn in_places<T>(places: Vec<usize>, values: impl Iterator<Item = T>) -> Vec<T> {
    let mut placed: Vec<(usize, T)> = places.into_iter().zip(values).collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, value)| value).collect()
}

/// Which image each line is about.
fn join(path: &Path, table: &Table, names: &[String]) -> Result<Vec<usize>> {
    let files: Vec<&str> = table.rows().map(|row| row.cell(0)).collect();
    places(&files, names, "the table").map_err(|problem| problem.at(path))
}

/// A column by image; `None` where the table lacks it.
fn column<T>(
    table: &Table,
    places: &[usize],
    at: usize,
    read: impl Fn(Row, usize) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    if !table.has(at) {
        return Ok(None);
    }
    let cells = table.rows().map(|row| read(row, at)).collect::<Result<Vec<T>>>()?;
    Ok(Some(in_places(places.to_vec(), cells.into_iter())))
}

fn votes(path: &Path, table: &Table, places: &[usize]) -> Result<Option<Vec<(bool, bool)>>> {
    let vote = |row: Row, at: usize| {
        super::reader_table::whole_number(row.cell(at)).filter(|vote| *vote < 2).map(|vote| vote == 1).ok_or_else(
            || {
                let found = format!("line {}: reader{} says \"{}\"", row.line(), at - 2, shown(row.cell(at)));
                Problem::input(path, found).expected("1 (of interest) or 0 (not)")
            },
        )
    };
    match (column(table, places, 3, vote)?, column(table, places, 4, vote)?) {
        (Some(first), Some(second)) => Ok(Some(first.into_iter().zip(second).collect())),
        (None, None) => Ok(None),
        _ => Err(Problem::input(path, "one reader's column").expected("both reader1 and reader2, or neither")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn json(text: &str, images: &[&str]) -> Result<Labels> {
        let text = Text { path: Path::new("dataset.json"), bytes: text.as_bytes() };
        Labels::from_json(&text, &names(images), &PrepareConfig::default())
    }

    fn table(text: &str, images: &[&str]) -> Result<Labels> {
        let text = Text { path: Path::new("labels.tsv"), bytes: text.as_bytes() };
        Labels::from_table(&text, &names(images), &PrepareConfig::default())
    }

    /// The published patch gave image i, in path order, the i-th label of the file: here 2.png would get 10.png's.
    #[test]
    fn labels_follow_names_whatever_the_order_of_the_file() {
        let text = r#"{"labels": [["1.png", 0], ["2.png", 1], ["10.png", 0]]}"#;
        assert_eq!(json(text, &["1.png", "10.png", "2.png"]).unwrap().label.unwrap(), ["0", "0", "1"]);
        let text = "file\tlabel\tpatient\nb.png\trim\tp2\na.png\tx\tp1\n";
        let labels = table(text, &["a.png", "b.png"]).unwrap();
        assert_eq!((labels.label.unwrap(), labels.patient.unwrap()), (names(&["x", "rim"]), names(&["p1", "p2"])));
    }

    #[test]
    fn an_extra_image_or_label_is_an_error_with_both_lists_and_shifts_nothing() {
        let text = r#"{"labels": [["a.png", 0], ["b.png", 1]]}"#;
        let problem = json(text, &["a.png", "c.png"]).unwrap_err().to_string();
        assert!(problem.contains("only in dataset.json (1): b.png; only in the images (1): c.png"), "{problem}");
        let twice = json(r#"{"labels": [["a.png", 0], ["a.png", 1]]}"#, &["a.png"]).unwrap_err().to_string();
        assert!(twice.contains("named twice: a.png"), "{twice}");
    }

    #[test]
    fn labels_that_contradict_folders_or_votes_are_refused() {
        let text = r#"{"labels": [["other/a.png", "rim"], ["rim/b.png", "other"]]}"#;
        let said = json(text, &["other/a.png", "rim/b.png"]).unwrap_err().to_string();
        assert!(said.contains("\"rim\" for other/a.png"), "{said}");
        let votes = "file\treader1\treader2\nother/a.png\t1\t1\nrim/b.png\t0\t0\n";
        let said = table(votes, &["other/a.png", "rim/b.png"]).unwrap_err().to_string();
        assert!(said.contains("both readers say 1 of other/a.png, which is called other"), "{said}");
        let both = "file\tlabel\treader1\treader2\na.png\trim\t0\t0\nb.png\tx\t0\t1\n";
        let said = table(both, &["a.png", "b.png"]).unwrap_err().to_string();
        assert!(said.contains("both readers say 0 of a.png, which is called rim"), "{said}");
        assert!(table(&both.replace("rim\t0\t0", "rim\t1\t1"), &["a.png", "b.png"]).is_ok());
    }

    #[test]
    fn no_labels_are_none_unless_folders_say_otherwise() {
        let none = r#"{"labels": null}"#;
        assert_eq!(json(none, &["a.png"]).unwrap().label, None);
        assert_eq!(json(none, &["00000/img00000999.png", "00001/img00001000.png"]).unwrap().label, None);
        let said = json(none, &["other/a.png", "rim/b.png"]).unwrap_err().to_string();
        assert!(said.contains("no labels, but folders that look like them: other, rim"), "{said}");
    }

    #[test]
    fn a_table_of_patients_alone_leaves_the_labels_to_the_folders() {
        let labels = table("file\tpatient\nrim/b.png\tp\nother/a.png\tp\n", &["other/a.png", "rim/b.png"]).unwrap();
        assert_eq!(labels.label.unwrap(), ["other", "rim"]);
        assert_eq!(
            (labels.source.as_str(), labels.patient_source.as_str()),
            ("sub-folders", "the column patient of labels.tsv")
        );
        let text = "file\tpatient\tdx\nrim/b.png\tp\tx\nother/a.png\tp\ty\n";
        assert!(table(text, &["other/a.png", "rim/b.png"]).unwrap_err().to_string().contains("\"dx\""));
    }

    #[test]
    fn odd_cells_are_named_with_their_line() {
        let said =
            |text: &str| table(&format!("file\tlabel\treader1\treader2\n{text}"), &["a.png"]).unwrap_err().to_string();
        for cell in ["n/a", "NaN", "", "null"] {
            assert!(said(&format!("a.png\t{cell}\t1\t1\n")).contains("line 2: \""), "{cell}");
        }
        assert!(said("a.png\trim/x\t1\t1\n").contains("path separator"));
        assert!(said("a.png\trim\t1\tn/a\n").contains("line 2: reader2 says \"n/a\""));
        let bare = table("file\tdiagnosis\na.png\tx\n", &["a.png"]).unwrap_err().to_string();
        assert!(bare.contains("the column \"diagnosis\", which is not read, and no label otherwise"), "{bare}");
        let bare = table("file\tage\na.png\tx\n", &["a.png"]).unwrap_err().to_string();
        assert!(bare.contains("no column label, patient, reader1 or reader2"), "{bare}");
        let said = table("file\tlabel\tPatient ID\na.png\tx\t1\n", &["a.png"]).unwrap_err().to_string();
        assert!(said.contains("\"Patient ID\"") && said.contains("rename the column to patient"), "{said}");
        let told = table("file\tlabel\tage\na.png\tx\t1\n", &["a.png"]).unwrap().notes;
        assert_eq!(told, ["columns of labels.tsv that are not used: age"]);
        let said = table("file\tpatient\na.png\t-1\n", &["a.png"]).unwrap_err().to_string();
        assert!(said.contains("line 2: \"-1\" means that it is missing"), "{said}");
        let votes = table("file\treader1\treader2\na.png\t1.0\t0\n", &["a.png"]).unwrap().votes;
        assert_eq!(votes, Some(vec![(true, false)]));
    }

    #[test]
    fn spellings_of_one_label_or_patient_are_named_both() {
        let said = |text: &str| {
            let images = ["a.png", "b.png"];
            let labels = table(&format!("file\tlabel\tpatient\n{text}"), &images).unwrap();
            labels.require_one_spelling(Path::new("set"), &names(&images)).map_err(|problem| problem.to_string())
        };
        let rim = said("a.png\trim\tp1\nb.png\tRim\tp2\n").unwrap_err();
        assert!(
            rim.contains("labels that differ in spelling alone: \"Rim\" (of b.png) and \"rim\" (of a.png)"),
            "{rim}"
        );
        for (one, other) in [("sub-1", "sub-01"), ("P1", "P01"), ("1", "1.0")] {
            let text = format!("a.png\trim\t{one}\nb.png\tx\t{other}\n");
            assert!(said(&text).unwrap_err().contains("patients that differ"), "{text}");
        }
        assert_eq!(said("a.png\trim\t1.1\nb.png\tx\t1.10\n"), Ok(()));
        let mut labels = table("file\tlabel\na.png\t0.0\nb.png\t1\n", &["a.png", "b.png"]).unwrap();
        labels.read_whole_numbers();
        assert_eq!(labels.label.unwrap(), ["0", "1"]);
        assert!(said("a.png\trim\tsub-01\nb.png\tx\tsub_01\n").unwrap_err().contains("patients that differ"));
        assert_eq!(said("a.png\trim\t1-11\nb.png\tx\t11-1\n"), Ok(()));
    }
}

//! What tables say of photographs, in whichever form they say it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::data::image_columns;
use crate::data::image_files::is_picture;
use crate::data::image_store::ImageStore;
use crate::data::name_join::{listed, repeated};
use crate::data::near_names::{look_alike_persons, look_alikes, near_id_key, one_form, spelled};
use crate::data::odd_label;
use crate::data::{table, visits};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// One photograph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Its name, without ending.
    pub image: String,
    /// The lesion that it shows; `None` where that is not known.
    pub lesion: Option<String>,
    /// Whose it is; `None` where that is not known.
    pub person: Option<String>,
    /// What the lesion is: "akiec", "mel".
    pub class: String,
}

/// All of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Photographs {
    /// Sorted by image.
    pub rows: Vec<Row>,
    /// Classes that the table can name.
    pub known: Vec<String>,
    /// Where the classes come from, for the record.
    pub source: String,
    /// Where the lesions come from, for manifest and record.
    pub lesion_source: String,
    /// What the record should say about them.
    pub notes: Vec<String>,
}

/// Lines of a table of photographs: as many as there may be images in a folder unless more are asked for.
const MAX_ROWS: usize = 200_000;

/// The columns of the table at `path`.
///
/// # Errors
/// What [`table::parse`] refuses, or more than 200,000 lines.
pub(super) fn columns(path: &Path, bytes: &[u8], wanted: &table::Wanted<'_>) -> Result<table::Table> {
    let table = table::parse(path, bytes, wanted)?;
    let rows = table.rows().len();
    if rows > MAX_ROWS {
        return Err(Problem::input(path, format!("{rows} photographs")).expected(format!("at most {MAX_ROWS}")));
    }
    Ok(table)
}

/// The bytes of a table at `name` and the path that names it in errors.
pub(super) fn table_at(store: &mut dyn ImageStore, name: &str) -> Result<(PathBuf, Vec<u8>)> {
    let path = store.place().join(name);
    tracing::info!("reading {}", path.display());
    let bytes = store.read(name, table::MAX_BYTES, "a table")?;
    crate::files::kind_of::require_fetched(&path, &bytes, "a table")?;
    Ok((path, bytes))
}

/// The name of a photograph in a cell: without the ending of a picture.
///
/// # Errors
/// An empty cell.
pub(super) fn image_name(path: &Path, line: u64, cell: &str) -> Result<String> {
    let bare = if is_picture(cell) { cell.rsplit_once('.').map_or(cell, |(stem, _)| stem) } else { cell };
    if odd_label::is_missing(bare) {
        return Err(Problem::input(path, format!("line {line}: no name of an image: \"{}\"", shown(cell))));
    }
    Ok(one_form(bare).into_owned())
}

/// The lesion in a cell; `None` where it is empty.
///
/// # Errors
/// A word that stands for no lesion.
pub(super) fn lesion_name(path: &Path, line: u64, cell: &str) -> Result<Option<String>> {
    name_in(path, line, (cell, "lesion_id"), "the lesion that the photograph shows")
}

/// The column of persons, where a table has one.
pub(super) const PERSON: &str = "patient_id";

/// The person in a cell; `None` where it is empty.
///
/// # Errors
/// A word that stands for nobody.
pub(super) fn person_name(path: &Path, line: u64, cell: &str) -> Result<Option<String>> {
    name_in(path, line, (cell, PERSON), "whose lesion the photograph shows, or an empty cell")
}

fn name_in(path: &Path, line: u64, (cell, column): (&str, &str), expected: &str) -> Result<Option<String>> {
    if cell.is_empty() {
        return Ok(None);
    }
    match odd_label::patient_fault(cell) {
        None => Ok(Some(one_form(cell).into_owned())),
        Some(fault) => {
            Err(Problem::input(path, format!("line {line}: {column}: {fault}")).expected(expected.to_owned()))
        }
    }
}

/// Refuses a column that seems to say whose a lesion is under another name: lesions of one person would be dealt to two
/// sides.
///
/// # Errors
/// The first of the `further` columns of that kind.
pub(super) fn require_no_persons(path: &Path, further: &[String]) -> Result<()> {
    match further.iter().find(|column| image_columns::names_persons(column)) {
        None => Ok(()),
        Some(column) => Err(Problem::input(path, format!("the column {}, which is not read", spelled(column)))
            .expected(format!("a column called {PERSON}, if it says whose a lesion is"))
            .advice(format!("rename the column to {PERSON}, or remove it if it means something else"))),
    }
}

/// Refuses images that a table names more than once.
pub(super) fn require_once(path: &Path, images: &[&str]) -> Result<()> {
    let twice = repeated(images.iter().copied());
    if twice.is_empty() {
        return Ok(());
    }
    Err(Problem::input(path, format!("{} images in more than one line: {}", twice.len(), listed(&twice)))
        .expected("each image once")
        .advice(
            "take the table as it was published; one in which rare classes are copied puts copies of a photograph on \
             both sides of a split (classify has an arm that oversamples after it)",
        ))
}

impl Photographs {
    /// Sorts the rows and holds them to each other; `path` names them in errors.
    ///
    /// # Errors
    /// No rows, images twice, one lesion of two classes, or lesions or persons that differ in
    /// spelling alone.
    pub(super) fn checked(mut self, path: &Path) -> Result<Self> {
        if self.rows.is_empty() {
            return Err(Problem::input(path, "a table without lines").expected("a line for each photograph"));
        }
        require_once(path, &self.rows.iter().map(|row| row.image.as_str()).collect::<Vec<_>>())?;
        self.rows.sort_by(|one, other| one.image.cmp(&other.image));
        let images = self.rows.iter().map(|row| row.image.as_str());
        if let Some((one, other)) = look_alikes(images.collect::<BTreeSet<_>>(), |name| name.to_lowercase()) {
            let found = format!("{} and {} differ only in upper and lower case", spelled(one), spelled(other));
            return Err(Problem::input(path, found).expected("images with names of their own"));
        }
        let mut class_of: BTreeMap<&str, &Row> = BTreeMap::new();
        for row in &self.rows {
            let Some(lesion) = &row.lesion else { continue };
            let first = *class_of.entry(lesion).or_insert(row);
            if first.class != row.class {
                let of = |row: &Row| format!("{} in {}", shown(&row.class), shown(&row.image));
                let found = format!("the lesion {} is {} and {}", spelled(lesion), of(first), of(row));
                return Err(Problem::input(path, found).expected("one diagnosis of one lesion"));
            }
        }
        if let Some((one, other)) = look_alikes(class_of.keys().copied().collect::<BTreeSet<_>>(), near_id_key) {
            let found = format!("lesions that differ in spelling alone: {} and {}", spelled(one), spelled(other));
            return Err(Problem::input(path, found).expected("one spelling for one lesion"));
        }
        let persons: BTreeSet<&str> = self.rows.iter().filter_map(|row| row.person.as_deref()).collect();
        if let Some((one, other)) = look_alike_persons(persons.iter().copied()) {
            let found = format!("persons that differ in spelling alone: {} and {}", spelled(one), spelled(other));
            return Err(Problem::input(path, found)
                .expected("one spelling for one person")
                .advice("make them alike, or rename one if they are two people"));
        }
        let visits = visits::alike(persons);
        self.notes.extend(visits);
        Ok(self)
    }
}

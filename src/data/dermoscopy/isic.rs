//! Tables of the ISIC challenges (2018 task 3, 2019): a column for each diagnosis with a 1 in one of them, and another
//! table with the lesion of each photograph, where there is one.

use std::collections::HashMap;

use super::layout::Layout;
use super::photographs::{
    PERSON, Photographs, Row, columns, image_name, lesion_name, person_name, require_no_persons, require_once, table_at,
};
use crate::data::image_store::ImageStore;
use crate::data::name_join::listed;
use crate::data::near_names::spelled;
use crate::data::table::{self, Wanted};
use crate::name::shown;
use crate::problem::{Problem, Result};

/// Columns of diagnoses. 2019 parts AKIEC into AK and SCC; UNK is none of the others.
const DIAGNOSES: [&str; 10] = ["MEL", "NV", "BCC", "AKIEC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"];

/// Columns of the organisers' scoring, which say nothing of the photograph.
const WEIGHTS: [&str; 2] = ["score_weight", "validation_weight"];

/// Reads the tables. A class is called as its column, in lower case.
///
/// # Errors
/// A table without the columns or with others, an image twice or missing in the table of lesions, a line with other
/// cells than one 1 and zeros, one that is "UNK", or a lesion of two diagnoses.
pub(super) fn read(store: &mut dyn ImageStore, layout: &Layout) -> Result<Photographs> {
    let (path, bytes) = table_at(store, &layout.table)?;
    let table = columns(&path, &bytes, &Wanted { required: &["image"], optional: &DIAGNOSES })?;
    let (weights, others): (Vec<String>, Vec<String>) =
        table.further.clone().into_iter().partition(|column| WEIGHTS.contains(&column.as_str()));
    if !others.is_empty() {
        return Err(Problem::input(&path, format!("columns that are no known diagnosis: {}", listed(&others)))
            .expected(format!("image and any of {}", DIAGNOSES.join(", ")))
            .advice("remove them if they say nothing of what a photograph shows"));
    }
    let present: Vec<(usize, &'static str)> = (1..).zip(DIAGNOSES).filter(|(column, _)| table.has(*column)).collect();
    let known: Vec<&str> = present.iter().map(|(_, name)| *name).collect();
    let rows = table.rows().map(|row| {
        let image = image_name(&path, row.line(), row.cell(0))?;
        let class = class(row, &present).map_err(|found| {
            Problem::input(&path, format!("line {}: {}: {found}", row.line(), shown(&image)))
                .expected("1 in one column, 0 in the others")
        })?;
        if class == "UNK" {
            return Err(Problem::input(&path, format!("line {}: {} is UNK", row.line(), shown(&image)))
                .expected("a diagnosis")
                .advice("leave these lines and their photographs out: what is none of the classes is no class"));
        }
        Ok(Row { image, lesion: None, person: None, class: class.to_lowercase() })
    });
    let mut rows: Vec<Row> = rows.collect::<Result<_>>()?;
    require_once(&path, &rows.iter().map(|row| row.image.as_str()).collect::<Vec<_>>())?;
    let mut notes: Vec<String> = Vec::new();
    if !weights.is_empty() {
        notes.push(format!("columns of {} that are not used: {}", layout.table, listed(&weights)));
    }
    if !layout.unused.is_empty() {
        notes.push(format!("tables that are not used: {}", listed(&layout.unused)));
    }
    let lesion_source = match &layout.lesions {
        Some(lesions) => {
            notes.extend(add_lesions(store, lesions, &mut rows)?);
            format!("the column lesion_id of {lesions}")
        }
        None => "no table of lesions: each photograph counts as a lesion of its own".to_owned(),
    };
    if layout.lesions.is_none() {
        notes.push(format!(
            "{lesion_source}; other photographs of one lesion may be on two sides unless they are near duplicates"
        ));
    }
    Photographs {
        rows,
        known: known.into_iter().filter(|name| *name != "UNK").map(str::to_lowercase).collect(),
        source: format!("the columns of {}", layout.table),
        lesion_source,
        notes,
    }
    .checked(&path)
}

/// The column with the 1.
fn class(row: table::Row<'_>, present: &[(usize, &'static str)]) -> std::result::Result<&'static str, String> {
    let mut found = None;
    for &(column, name) in present {
        let cell = row.cell(column);
        match cell.parse::<f64>() {
            Ok(0.0) => {}
            Ok(1.0) if found.is_some() => return Err(format!("1 in {} and {name}", found.unwrap_or_default())),
            Ok(1.0) => found = Some(name),
            _ => return Err(format!("{} in {name}", spelled(cell))),
        }
    }
    found.ok_or_else(|| "no 1 in any column".to_owned())
}

/// Takes the lesions from their table; returns what to say about it.
fn add_lesions(store: &mut dyn ImageStore, name: &str, rows: &mut [Row]) -> Result<Vec<String>> {
    let (path, bytes) = table_at(store, name)?;
    let table = columns(&path, &bytes, &Wanted { required: &["image", "lesion_id"], optional: &[PERSON] })?;
    require_no_persons(&path, &table.further)?;
    let images: Vec<String> =
        table.rows().map(|row| image_name(&path, row.line(), row.cell(0))).collect::<Result<_>>()?;
    require_once(&path, &images.iter().map(String::as_str).collect::<Vec<_>>())?;
    let line_of: HashMap<&str, table::Row<'_>> = images.iter().map(String::as_str).zip(table.rows()).collect();
    let missing: Vec<String> =
        rows.iter().filter(|row| !line_of.contains_key(row.image.as_str())).map(|row| row.image.clone()).collect();
    if !missing.is_empty() {
        return Err(Problem::input(&path, format!("no line for {} photographs: {}", missing.len(), listed(&missing)))
            .expected("the lesion of each photograph, or an empty cell where it is not known"));
    }
    for row in rows.iter_mut() {
        let line = line_of[row.image.as_str()];
        row.lesion = lesion_name(&path, line.line(), line.cell(1))?;
        if table.has(2) {
            row.person = person_name(&path, line.line(), line.cell(2))?;
        }
    }
    let unknown = rows.iter().filter(|row| row.lesion.is_none()).count();
    let further =
        (!table.further.is_empty()).then(|| format!("columns of {name} that are not used: {}", listed(&table.further)));
    let unknown = (unknown > 0)
        .then(|| format!("{unknown} photographs without lesion_id, each of which counts as a lesion of its own"));
    Ok(further.into_iter().chain(unknown).collect())
}

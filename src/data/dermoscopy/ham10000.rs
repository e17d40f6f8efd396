//! HAM10000's table (Tschandl et al., Sci Data 2018): a line for each photograph with its lesion and diagnosis, `dx`,
//! and further columns that are not used. `dx_type`, how the diagnosis was made, least of all: it gives the class
//! away.

use super::layout::Layout;
use super::photographs::{
    PERSON, Photographs, Row, columns, image_name, lesion_name, person_name, require_no_persons, table_at,
};
use crate::data::image_store::ImageStore;
use crate::data::name_join::listed;
use crate::data::near_names::spelled;
use crate::data::table::{self, Wanted};
use crate::problem::{Problem, Result};

/// Its diagnoses.
const CLASSES: [&str; 7] = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"];

/// Reads the table.
///
/// # Errors
/// A table without the columns, an image twice, a diagnosis that is none of the seven, a photograph without lesion, or
/// a lesion of two diagnoses.
pub(super) fn read(store: &mut dyn ImageStore, layout: &Layout) -> Result<Photographs> {
    let (path, bytes) = table_at(store, &layout.table)?;
    let wanted = Wanted { required: &["lesion_id", "image_id", "dx"], optional: &[PERSON] };
    let table = columns(&path, &bytes, &wanted)?;
    require_no_persons(&path, &table.further)?;
    let row = |row: table::Row<'_>| {
        let (image, class) = (image_name(&path, row.line(), row.cell(1))?, row.cell(2).to_owned());
        let Some(lesion) = lesion_name(&path, row.line(), row.cell(0))? else {
            return Err(Problem::input(&path, format!("line {}: {image} without lesion_id", row.line()))
                .expected("the lesion that each photograph shows"));
        };
        if !CLASSES.contains(&class.as_str()) {
            return Err(Problem::input(&path, format!("line {}: dx is {}", row.line(), spelled(&class)))
                .expected(CLASSES.join(", ")));
        }
        let person = if table.has(3) { person_name(&path, row.line(), row.cell(3))? } else { None };
        Ok(Row { image, lesion: Some(lesion), person, class })
    };
    let further = (!table.further.is_empty())
        .then(|| format!("columns of {} that are not used: {}", layout.table, listed(&table.further)));
    Photographs {
        rows: table.rows().map(row).collect::<Result<_>>()?,
        known: CLASSES.map(str::to_owned).to_vec(),
        source: format!("the column dx of {}", layout.table),
        lesion_source: format!("the column lesion_id of {}", layout.table),
        notes: further.into_iter().collect(),
    }
    .checked(&path)
}

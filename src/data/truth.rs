//! The true labels of a simulated cohort (`derivatives/truth/truth.tsv`, column `true_rim`). Only what scores or judges
//! reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::reader_table::{lesion_rows, yes_or_no};
use crate::files;
use crate::name::Inside;
use crate::problem::{Kind, Problem, Result};

/// Where a simulated cohort has it.
const TABLE: &str = "derivatives/truth/truth.tsv";

/// Whether each lesion of a cohort truly is of the class of interest.
#[derive(Clone, Debug)]
pub struct Truth {
    table: PathBuf,
    /// By the lesion's name, "sub-001_lesion-003".
    of_interest: BTreeMap<String, bool>,
}

/// The truth table of a cohort, where there is one.
///
/// # Errors
/// Whether there is one cannot be told just now.
pub fn find(cohort: &Path) -> Result<Option<PathBuf>> {
    let path = cohort.join(TABLE);
    Ok(files::is_there(&path)?.then_some(path))
}

/// Whether each lesion of the manifest truly is of the class of interest, in its order.
///
/// # Errors
/// Those of [`Truth::read`] and [`Truth::of`]; a table in a cohort whose readers' table is not the one that the
/// manifest was made of: lesions of simulated cohorts have the same names everywhere.
pub fn read(table: &Path, manifest: &Manifest) -> Result<Vec<bool>> {
    require_same_cohort(table, manifest)?;
    let truth = Truth::read(table)?;
    manifest.lesions.iter().map(|lesion| truth.of(&lesion.id)).collect()
}

/// Refuses a table that lies in another cohort than the manifest's, as its readers' table says; of one that lies
/// elsewhere nothing is known.
///
/// # Errors
/// `Kind::Gate`.
pub fn require_same_cohort(table: &Path, manifest: &Manifest) -> Result<()> {
    let Some(cohort) = table.ancestors().nth(3).filter(|cohort| cohort.join(TABLE) == table) else { return Ok(()) };
    for input in manifest.inputs.iter().filter(|input| input.path.ends_with(".tsv")) {
        let Ok(inside) = Inside::new(input.path.clone()) else { continue };
        let file = inside.under(cohort);
        if files::is_there(&file)? && files::sha256(&file)? != input.sha256 {
            return Err(Problem::new(
                Kind::Gate,
                format!("the truth of another cohort: its {} is another", input.path),
            )
            .at(table)
            .expected("the truth of the cohort that the data set was prepared from")
            .advice("give derivatives/truth/truth.tsv of that cohort, or leave the truth out"));
        }
    }
    Ok(())
}

impl Truth {
    /// Reads a table with the columns `participant_id`, `lesion_id` (the number in the label map) and `true_rim` (1 or
    /// 0).
    ///
    /// # Errors
    /// No such file or column, any other value, or a lesion twice.
    pub fn read(table: &Path) -> Result<Self> {
        let (rows, _) = lesion_rows(table, &["true_rim"], |row| yes_or_no(table, row, 2, "true_rim"))?;
        let of_interest = rows.into_iter().map(|(key, of_interest)| (key.to_string(), of_interest)).collect();
        Ok(Self { table: table.to_owned(), of_interest })
    }

    /// Of the lesion of a name.
    ///
    /// # Errors
    /// A lesion that the table does not have.
    pub fn of(&self, lesion: &str) -> Result<bool> {
        self.of_interest.get(lesion).copied().ok_or_else(|| {
            Problem::input(&self.table, format!("no lesion {lesion}"))
                .expected("every lesion of the data")
                .advice("give the truth of the same cohort")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(text: &str) -> Result<Truth> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.tsv");
        std::fs::write(&path, text).unwrap();
        Truth::read(&path)
    }

    #[test]
    fn labels_are_found_by_name_whatever_the_tables_order() {
        let table = "lesion_id\ttrue_rim\tparticipant_id\n12\t1\tsub-01\n1\t0\tsub-01\n3\t1\tsub-09\n";
        let truth = truth(table).unwrap();
        assert_eq!(["sub-01_lesion-001", "sub-01_lesion-012"].map(|id| truth.of(id).unwrap()), [false, true]);
        let problem = truth.of("sub-01_lesion-002").unwrap_err().to_string();
        assert!(problem.contains("truth.tsv: no lesion sub-01_lesion-002"), "{problem}");
    }

    #[test]
    fn double_lesions_odd_values_and_missing_columns_are_refused() {
        let problem =
            |rows: &str| truth(&format!("participant_id\tlesion_id\ttrue_rim\n{rows}")).unwrap_err().to_string();
        assert!(problem("sub-01\t1\t1\nsub-01\t1\t1\n").contains("twice"));
        for odd in ["maybe", "true", "", "2"] {
            let said = problem(&format!("sub-01\t1\t{odd}\n"));
            assert!(said.contains(&format!("line 2: true_rim says {odd:?}; expected 1")), "{said}");
        }
        assert!(problem("sub-01\tone\t1\n").contains("lesion_id \"one\""));
        assert!(truth("participant_id\tlesion_id\n").unwrap_err().to_string().contains("true_rim"));
    }

    /// Lesions of simulated cohorts have the same names in all of them.
    #[test]
    fn the_truth_of_another_cohort_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join(TABLE);
        std::fs::create_dir_all(table.parent().unwrap()).unwrap();
        std::fs::write(&table, "participant_id\tlesion_id\ttrue_rim\n").unwrap();
        std::fs::write(folder.path().join("readers.tsv"), "readers of this cohort").unwrap();
        let made_of = |sha256: String| -> Manifest {
            let manifest = serde_json::json!({
                "schema": 1, "simulated": true, "contrasts": [], "patch": [1, 2, 2], "patient_source": "participant_id",
                "voxel_mm": [1.0, 0.4, 0.4], "seed": 7, "lesions": [], "slices": [],
                "inputs": [{"path": "readers.tsv", "sha256": sha256}],
            });
            serde_json::from_value(manifest).unwrap()
        };
        let own = made_of(crate::digest::sha256(b"readers of this cohort"));
        assert_eq!(read(&table, &own).unwrap(), Vec::<bool>::new());
        let other = made_of(crate::digest::sha256(b"readers of another"));
        let said = read(&table, &other).unwrap_err().to_string();
        assert!(said.contains("the truth of another cohort: its readers.tsv is another"), "{said}");
        // Of a table that lies elsewhere nothing is known.
        let elsewhere = folder.path().join("truth.tsv");
        std::fs::copy(&table, &elsewhere).unwrap();
        assert!(read(&elsewhere, &other).is_ok());
    }

    #[test]
    fn a_cohort_without_the_table_has_no_truth() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()).unwrap(), None);
    }
}

//! Columns of a table beside images that are not read, though their names say that they hold patients or labels.

use std::path::Path;

use super::name_join::listed;
use super::near_names::{near_key, spelled};
use crate::problem::{Problem, Result};

/// Names of columns with whose cells images belong together, as [`near_key`] has them.
const PATIENTS: [&str; 49] = [
    "patient",
    "patients",
    "patientid",
    "patientids",
    "patientno",
    "patientnr",
    "patientnum",
    "patientnumber",
    "patientname",
    "patientkey",
    "patientuid",
    "patientcode",
    "idpatient",
    "pat",
    "patid",
    "patno",
    "pid",
    "ptid",
    "pt",
    "subject",
    "subjects",
    "subjectid",
    "subjectno",
    "subjectnumber",
    "subjectcode",
    "subj",
    "subjid",
    "sub",
    "subid",
    "sid",
    "participant",
    "participants",
    "participantid",
    "case",
    "caseid",
    "casenumber",
    "caseno",
    "lesion",
    "lesionid",
    "person",
    "personid",
    "mrn",
    "animal",
    "animalid",
    "mouse",
    "mouseid",
    "donor",
    "donorid",
    "studyinstanceuid",
];

/// Names of columns that say what an image is, as [`near_key`] has them.
const LABELS: [&str; 37] = [
    "label",
    "labels",
    "labelid",
    "labelname",
    "class",
    "classes",
    "classid",
    "classname",
    "classlabel",
    "classification",
    "target",
    "targets",
    "diagnosis",
    "diagnoses",
    "diagnostic",
    "dx",
    "diag",
    "y",
    "ytrue",
    "category",
    "categories",
    "categoryid",
    "type",
    "lesiontype",
    "outcome",
    "truth",
    "groundtruth",
    "gt",
    "gold",
    "goldstandard",
    "rim",
    "isrim",
    "hasrim",
    "rimstatus",
    "prl",
    "finding",
    "malignant",
];

/// What is known without these columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Labels or votes, by this table or otherwise than by folders.
    pub labels: bool,
    /// Patients.
    pub patients: bool,
}

/// Whether a column seems to say whose something is; one of lesions does not.
pub(super) fn names_persons(column: &str) -> bool {
    let key = near_key(column);
    PATIENTS.contains(&&*key) && !key.starts_with("lesion")
}

/// Refuses a column that seems to hold what is not known; what to note of the `further` columns otherwise.
///
/// # Errors
/// The first such column, by its name.
pub(super) fn not_read(path: &Path, further: &[String], known: Known) -> Result<Option<String>> {
    for (is_known, words, what) in
        [(known.labels, LABELS.as_slice(), "label"), (known.patients, PATIENTS.as_slice(), "patient")]
    {
        let seems = |column: &&String| words.contains(&&*near_key(column));
        if let Some(column) = further.iter().find(seems).filter(|_| !is_known) {
            return Err(Problem::input(
                path,
                format!("the column {}, which is not read, and no {what} otherwise", spelled(column)),
            )
            .expected(format!("a column called {what}, if that is what it holds"))
            .advice(format!("rename the column to {what}, or remove it if it means something else")));
        }
    }
    let file = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    Ok((!further.is_empty()).then(|| format!("columns of {file} that are not used: {}", listed(further))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_seem_to_hold_what_is_missing_are_refused_and_others_told() {
        let of = |column: &str, labels, patients| {
            not_read(Path::new("x/labels.csv"), &[column.to_owned()], Known { labels, patients })
                .map_err(|problem| problem.to_string())
        };
        for column in
            ["patient_id", "subject", "participant_id", "PatientID", "Patient ID", "subject_id", "case", "lesion_id"]
        {
            let said = of(column, true, false).unwrap_err();
            assert!(said.contains(&format!("\"{column}\"")) && said.contains("called patient"), "{said}");
            assert_eq!(of(column, false, true), Ok(Some(format!("columns of labels.csv that are not used: {column}"))));
        }
        for column in ["diagnosis", "Class", "target", "dx", "y", "category", "ground truth"] {
            let said = of(column, false, true).unwrap_err();
            assert!(said.contains(&format!("\"{column}\"")) && said.contains("called label"), "{said}");
            assert!(of(column, true, false).is_ok());
        }
        assert!(of("age", false, false).unwrap().is_some());
        assert_eq!(["Patient ID", "subject", "lesion_id", "age"].map(names_persons), [true, true, false, false]);
        assert_eq!(not_read(Path::new("t"), &[], Known { labels: false, patients: false }).unwrap(), None);
    }
}

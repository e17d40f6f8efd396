//! Tables beside images, by their file names: those that are used, those that nearly have such a name, and others.

use super::dataset_json;
use super::near_names::near_key;

/// What a table beside images is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    /// `dataset.json`.
    Json,
    /// `labels.tsv`, `labels.csv`.
    Labels,
    /// `patients.tsv`, `patients.csv`.
    Patients,
}

/// What a file is by its name, as far as tables go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lying {
    /// A name that is read where it lies beside the images.
    Known(TableKind),
    /// A name that a person may take for one: "Labels.csv", "label.tsv", "labels (1).tsv", "labels.xlsx".
    Near(TableKind),
    /// A file that may tell anything about the images: "metadata.csv".
    Metadata,
    /// Another table.
    Table,
    /// No table.
    Other,
}

/// Of tables.
const ENDINGS: [&str; 13] =
    ["tsv", "csv", "tab", "txt", "json", "jsonl", "xlsx", "xls", "ods", "parquet", "feather", "sav", "dta"];

/// Of files that hold no table, whatever they are called: texts, programs, pictures.
const NO_TABLE: [&str; 32] = [
    "md", "rst", "pdf", "doc", "docx", "odt", "rtf", "tex", "html", "htm", "py", "ipynb", "r", "m", "sh", "log", "png",
    "jpg", "jpeg", "tif", "tiff", "bmp", "gif", "webp", "heic", "svg", "dcm", "nii", "ppt", "pptx", "sha256", "md5",
];

/// Takes a file name, without folders, apart.
pub(super) fn lying(name: &str) -> Lying {
    match name {
        dataset_json::NAME => return Lying::Known(TableKind::Json),
        "labels.tsv" | "labels.csv" => return Lying::Known(TableKind::Labels),
        "patients.tsv" | "patients.csv" => return Lying::Known(TableKind::Patients),
        _ => {}
    }
    let name = name.to_lowercase();
    let (stem, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    if NO_TABLE.contains(&ending) {
        return Lying::Other;
    }
    let begins = |words: &[&str]| {
        let key = near_key(stem.split('.').next().unwrap_or_default());
        words.iter().any(|word| key.starts_with(word))
    };
    let words: Vec<&str> = stem.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    // Further words may be prose or another thing: only tables may have them before the known one.
    let is_table = ENDINGS.contains(&ending) && ending != "txt";
    let has = |known: &[&str]| begins(known) || is_table && words.iter().any(|word| known.contains(word));
    match () {
        () if has(LABELS) => Lying::Near(TableKind::Labels),
        () if has(PATIENTS) => Lying::Near(TableKind::Patients),
        () if begins(&["dataset"]) && !begins(&["datasetdescription"]) => Lying::Near(TableKind::Json),
        () if begins(&["metadata"]) => Lying::Metadata,
        () if is_table => Lying::Table,
        () => Lying::Other,
    }
}

const LABELS: &[&str] = &["label", "labels"];

const PATIENTS: &[&str] = &["patient", "patients"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_near_or_neither() {
        use TableKind::{Json, Labels, Patients};
        for (name, lies) in [
            ("labels.csv", Lying::Known(Labels)),
            ("patients.tsv", Lying::Known(Patients)),
            ("dataset.json", Lying::Known(Json)),
            ("Dataset.JSON", Lying::Near(Json)),
            ("LABELS.tsv", Lying::Near(Labels)),
            ("labels_v2.csv", Lying::Near(Labels)),
            ("labels.txt", Lying::Near(Labels)),
            ("labels.tsv.txt", Lying::Near(Labels)),
            ("patient-list.xlsx", Lying::Near(Patients)),
            ("how labels were made.txt", Lying::Other),
            ("README.txt", Lying::Other),
            ("metadata.csv", Lying::Metadata),
            ("labels.csv.gz", Lying::Near(Labels)),
            ("labels.db", Lying::Near(Labels)),
            ("labels.bak", Lying::Near(Labels)),
            ("labels", Lying::Near(Labels)),
            ("labels_final.txt", Lying::Near(Labels)),
            ("patients.tsv.gz", Lying::Near(Patients)),
            ("dataset.json.gz", Lying::Near(Json)),
            ("dataset_v2.json", Lying::Near(Json)),
            ("dataset_description.json", Lying::Table),
            ("labels.pdf", Lying::Other),
            ("participants.tsv", Lying::Table),
            ("a.json", Lying::Table),
            ("labels.png", Lying::Other),
        ] {
            assert_eq!(lying(name), lies, "{name}");
        }
    }
}

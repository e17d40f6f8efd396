//! Tables beside images, by their file names: those that are used, those that nearly have such a name, and others.

use super::dataset_json;

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
    /// Another table.
    Table,
    /// No table.
    Other,
}

const ENDINGS: [&str; 13] =
    ["tsv", "csv", "tab", "txt", "json", "jsonl", "xlsx", "xls", "ods", "parquet", "feather", "sav", "dta"];

/// Takes a file name, without folders, apart.
pub(super) fn lying(name: &str) -> Lying {
    match name {
        dataset_json::NAME => return Lying::Known(TableKind::Json),
        "labels.tsv" | "labels.csv" => return Lying::Known(TableKind::Labels),
        "patients.tsv" | "patients.csv" => return Lying::Known(TableKind::Patients),
        _ => {}
    }
    let name = name.to_lowercase();
    let Some((stem, ending)) = name.rsplit_once('.').filter(|(_, ending)| ENDINGS.contains(ending)) else {
        return Lying::Other;
    };
    let words: Vec<&str> = stem.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    // Text may be prose: only what is called so and nothing else.
    let prose = ending == "txt" && !words.iter().all(|word| [LABELS, PATIENTS, &ENDINGS].concat().contains(word));
    match () {
        () if prose => Lying::Other,
        () if has(LABELS) => Lying::Near(TableKind::Labels),
        () if has(PATIENTS) => Lying::Near(TableKind::Patients),
        () if ending == "json" && words == ["dataset"] => Lying::Near(TableKind::Json),
        () if ending == "txt" => Lying::Other,
        () => Lying::Table,
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
            ("metadata.csv", Lying::Table),
            ("participants.tsv", Lying::Table),
            ("a.json", Lying::Table),
            ("labels.png", Lying::Other),
        ] {
            assert_eq!(lying(name), lies, "{name}");
        }
    }
}

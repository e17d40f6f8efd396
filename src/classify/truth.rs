//! The true labels of a simulated cohort. Only scoring reads them.

use std::collections::HashMap;
use std::path::Path;

use crate::data::manifest::Manifest;
use crate::problem::{Problem, Result};

/// Whether each lesion of the manifest truly is a rim, in its order.
///
/// The table is tab-separated with the columns `participant_id`, `lesion_id` (the number in the label map) and
/// `true_rim`.
///
/// # Errors
/// No such file or column, an unreadable value, a lesion twice, or a lesion of the manifest that it does not have.
pub fn read(path: &Path, manifest: &Manifest) -> Result<Vec<bool>> {
    let text = std::fs::read_to_string(path).map_err(|error| Problem::io(path, "reading", error))?;
    parse(&text, manifest).map_err(|problem| problem.at(path))
}

fn parse(text: &str, manifest: &Manifest) -> Result<Vec<bool>> {
    let mut table = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(text.as_bytes());
    let broken = |error: csv::Error| Problem::new(crate::problem::Kind::Input, format!("not a table: {error}"));
    let header = table.headers().map_err(broken)?.clone();
    let column = |name: &str| {
        header.iter().position(|found| found == name).ok_or_else(|| {
            Problem::new(crate::problem::Kind::Input, format!("no column {name:?}"))
                .expected("participant_id, lesion_id and true_rim, separated by tabs")
        })
    };
    let (patient, lesion, rim) = (column("participant_id")?, column("lesion_id")?, column("true_rim")?);
    let mut known: HashMap<String, bool> = HashMap::new();
    for row in table.records() {
        let row = row.map_err(broken)?;
        let cell = |at: usize| row.get(at).unwrap_or_default().trim();
        let value = match cell(rim).to_ascii_lowercase().as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            other => {
                return Err(Problem::new(crate::problem::Kind::Input, format!("true_rim {other:?}"))
                    .expected("1, 0, true or false"));
            }
        };
        let id = match cell(lesion).parse::<u32>() {
            Ok(number) => format!("{}_lesion-{number:03}", cell(patient)),
            Err(_) => cell(lesion).to_owned(),
        };
        if known.insert(id.clone(), value).is_some() {
            return Err(Problem::new(crate::problem::Kind::Input, format!("lesion {id} twice")));
        }
    }
    let of = |id: &String| {
        known.get(id).copied().ok_or_else(|| {
            Problem::new(crate::problem::Kind::Input, format!("no lesion {id}"))
                .expected("every lesion of the data set")
                .advice("give the truth of the cohort that was prepared")
        })
    };
    manifest.lesions.iter().map(|lesion| of(&lesion.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::manifest::{Class, Classes, Items, Lesion, SCHEMA, Split};

    fn manifest(lesions: &[(&str, u32)]) -> Manifest {
        let lesion = |(patient, number): &(&str, u32)| Lesion {
            id: format!("{patient}_lesion-{number:03}"),
            patient: (*patient).into(),
            centre: [0; 3],
            affine: [[0.0; 4]; 3],
            reader1: Some(false),
            reader2: Some(false),
            class: Class::NON_RIM,
            label: None,
            split: Split::Test,
            voxels: 1,
            patch: "p.npy".into(),
            mask: None,
            sha256: String::new(),
            mask_sha256: None,
        };
        Manifest {
            schema: SCHEMA,
            simulated: true,
            contrasts: vec![],
            patch: [1, 1, 1],
            patient_source: "participant_id".into(),
            voxel_mm: None,
            seed: 0,
            classes: Classes::of_readers(),
            items: Items::Slices,
            lesions: lesions.iter().map(lesion).collect(),
            slices: vec![],
            inputs: vec![],
        }
    }

    #[test]
    fn labels_come_in_the_manifests_order_whatever_the_tables() {
        let manifest = manifest(&[("sub-01", 1), ("sub-01", 12)]);
        let table = "lesion_id\ttrue_rim\tparticipant_id\n12\t1\tsub-01\n1\t0\tsub-01\n3\t1\tsub-09\n";
        assert_eq!(parse(table, &manifest).unwrap(), [false, true]);
    }

    #[test]
    fn missing_or_double_lesions_and_odd_values_are_refused() {
        let manifest = manifest(&[("sub-01", 1)]);
        let problem = |rows: &str| {
            parse(&format!("participant_id\tlesion_id\ttrue_rim\n{rows}"), &manifest).unwrap_err().to_string()
        };
        assert!(problem("sub-01\t2\t1\n").contains("no lesion sub-01_lesion-001"));
        assert!(problem("sub-01\t1\t1\nsub-01\t1\t1\n").contains("twice"));
        assert!(problem("sub-01\t1\tmaybe\n").contains("maybe"));
        assert!(parse("participant_id\tlesion_id\n", &manifest).unwrap_err().to_string().contains("true_rim"));
    }
}

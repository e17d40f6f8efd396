//! Which files of a download are what, by their names: the table of diagnoses, the one of lesions, photographs, the
//! mark of a simulation.

use std::path::Path;

use serde_json::Value;

use super::Origin;
use crate::data::image_files::{file_name, is_picture};
use crate::data::image_store::ImageStore;
use crate::data::name_join::listed;
use crate::data::passed_over::passed_over;
use crate::files;
use crate::name::shown;
use crate::problem::{Problem, Result};

/// HAM10000's table, with any of the endings under which it is handed on.
const HAM10000: [&str; 5] = [
    "ham10000_metadata",
    "ham10000_metadata.csv",
    "ham10000_metadata.tab",
    "ham10000_metadata.tsv",
    "ham10000_metadata.txt",
];

/// What ends the name of ISIC's table of diagnoses, and of those that say which lesion a photograph shows.
const GROUND_TRUTH: &str = "groundtruth.csv";
const LESIONS: [&str; 2] = ["lesiongroupings.csv", "metadata.csv"];

/// The file, with any ending, that says of a folder that it is simulated.
const SIMULATED: &str = "simulated";

/// Says it too, where it lies beside the table of diagnoses.
const DESCRIPTION: &str = "dataset_description.json";

/// Of such a description, in bytes.
const MOST_DESCRIPTION: u64 = 1 << 20;

/// Names relative to the folder or zip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The table of diagnoses.
    pub table: String,
    /// The table of lesions, where it is another and there.
    pub lesions: Option<String>,
    /// Everything called as a picture, sorted.
    pub pictures: Vec<String>,
    /// Whether there is a file called so.
    simulated: bool,
    /// A description of the set.
    description: Option<String>,
    /// Tables of the same kinds that are not used.
    pub unused: Vec<String>,
}

/// Whether a file of this name may be read.
pub(super) fn is_read(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    passed_over(path).is_none()
        && (is_picture(path)
            || name == DESCRIPTION
            || HAM10000.contains(&name.as_str())
            || is_truth(&name)
            || is_lesions(&name))
}

fn is_truth(name: &str) -> bool {
    name.ends_with(GROUND_TRUTH)
}

fn is_lesions(name: &str) -> bool {
    LESIONS.iter().any(|ending| name.ends_with(ending)) && !HAM10000.contains(&name)
}

impl Layout {
    /// Sorts out the files at `place`.
    ///
    /// # Errors
    /// No table, more than one where none is the training's, or no picture.
    pub(super) fn of(place: &Path, files: Vec<String>, origin: Origin) -> Result<Self> {
        let mut files: Vec<String> = files.into_iter().filter(|path| passed_over(path).is_none()).collect();
        files.sort();
        let lower = |path: &str| file_name(path).to_lowercase();
        let called = |is: &dyn Fn(&str) -> bool| -> Vec<String> {
            files.iter().filter(|path| is(&lower(path))).cloned().collect()
        };
        let tables = match origin {
            Origin::Ham10000 => called(&|name| HAM10000.contains(&name)),
            Origin::Isic => called(&is_truth),
        };
        let training: Vec<&String> = tables.iter().filter(|path| lower(path).contains("training")).collect();
        let table = match (tables.as_slice(), training.as_slice()) {
            ([table], _) => table.clone(),
            (_, [table]) => (*table).clone(),
            ([], _) => return Err(no_table(place, origin)),
            _ => {
                return Err(Problem::input(place, format!("more than one table: {}", listed(&tables)))
                    .expected("one table of diagnoses, or one whose name has Training in it")
                    .advice("move the others, with their photographs, elsewhere"));
            }
        };
        let (lesions, unused) = match origin {
            Origin::Ham10000 => (None, vec![]),
            Origin::Isic => {
                let start = lower(&table).strip_suffix(GROUND_TRUTH).unwrap_or_default().to_owned();
                let candidates = called(&is_lesions);
                let belongs = |path: &&String| LESIONS.iter().any(|end| lower(path) == format!("{start}{end}"));
                let own: Vec<String> = candidates.iter().filter(belongs).cloned().collect();
                if own.len() > 1 {
                    return Err(Problem::input(place, format!("both {}", own.join(" and ")))
                        .expected("one table of lesions beside the table of diagnoses"));
                }
                let unused: Vec<String> = candidates.into_iter().filter(|path| !own.contains(path)).collect();
                if own.is_empty() {
                    require_others(place, &unused, &tables, &start)?;
                }
                (own.first().cloned(), unused)
            }
        };
        let unused = tables.into_iter().filter(|path| *path != table).chain(unused).collect();
        // Where it lies above neither the table nor a photograph it speaks of something else.
        let folder = table.strip_suffix(file_name(&table)).unwrap_or_default();
        let simulated = files.iter().any(|path| {
            let (above, name) = path.split_at(path.len() - file_name(path).len());
            let stem = name.split_once('.').map_or(name, |(stem, _)| stem);
            stem.to_lowercase() == SIMULATED
                && (folder.starts_with(above) || files.iter().any(|file| is_picture(file) && file.starts_with(above)))
        });
        let beside = format!("{folder}{DESCRIPTION}");
        let description = files.contains(&beside).then_some(beside);
        let pictures: Vec<String> = files.into_iter().filter(|path| is_picture(path)).collect();
        if pictures.is_empty() {
            return Err(Problem::input(place, "no photograph here").expected("*.jpg or *.png, at any depth"));
        }
        Ok(Self { table, lesions, pictures, simulated, description, unused })
    }

    /// Whether the set says that it is simulated, by a file's name or in its description.
    ///
    /// # Errors
    /// A description that is no JSON or beyond 1 MiB.
    pub(super) fn says_simulated(&self, store: &mut dyn ImageStore) -> Result<bool> {
        let Some(name) = &self.description else { return Ok(self.simulated) };
        let bytes = store.read(name, MOST_DESCRIPTION, "a description of a data set")?;
        let path = store.place().join(name);
        let description: Value = files::parse_json(&path, &bytes, "a description of a data set")?;
        let said = ["Name", "GeneratedBy"].iter().filter_map(|key| description.get(*key));
        let flag = description.get("simulated").and_then(Value::as_bool).unwrap_or_default();
        Ok(self.simulated || flag || said.map(Value::to_string).any(|text| text.to_lowercase().contains("simulat")))
    }
}

/// Refuses a table of lesions that belongs to no table of diagnoses, where the one in use has none: unread, photographs
/// of one lesion would be dealt to two sides.
fn require_others(place: &Path, lesions: &[String], tables: &[String], start: &str) -> Result<()> {
    let starts: Vec<String> = tables
        .iter()
        .filter_map(|path| file_name(path).to_lowercase().strip_suffix(GROUND_TRUTH).map(str::to_owned))
        .collect();
    let is_of_none = |path: &&String| {
        let name = file_name(path).to_lowercase();
        let own = |start: &String| LESIONS.iter().any(|end| name == format!("{start}{end}"));
        !starts.iter().any(own)
    };
    let Some(lost) = lesions.iter().find(is_of_none) else { return Ok(()) };
    let called = LESIONS.map(|end| format!("{start}{end}")).join(" or ");
    Err(Problem::input(place, format!("a table of lesions that belongs to no table of diagnoses: {}", shown(lost)))
        .expected(format!("{called}, in any case of letters, beside the table of diagnoses"))
        .advice("rename it if it says which lesion each photograph shows, or move it elsewhere"))
}

fn no_table(place: &Path, origin: Origin) -> Problem {
    match origin {
        Origin::Ham10000 => Problem::input(place, "no table of HAM10000")
            .expected("HAM10000_metadata.csv (or .tab, or without ending), at any depth")
            .advice(
                "give the folder that holds table and photographs; tables of the ISIC challenges are read by --isic",
            ),
        Origin::Isic => Problem::input(place, "no table of an ISIC challenge")
            .expected("*_GroundTruth.csv with the columns image, MEL, NV, ..., at any depth")
            .advice("give the folder that holds tables and photographs; HAM10000's own table is read by --ham10000"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str], origin: Origin) -> Result<Layout> {
        Layout::of(Path::new("set"), files.iter().map(|&file| file.to_owned()).collect(), origin)
    }

    #[test]
    fn tables_are_found_under_the_names_of_their_downloads() {
        for name in ["HAM10000_metadata", "HAM10000_metadata.csv", "x/ham10000_Metadata.tab"] {
            let found = of(&[name, "p/b.JPG", "p/a.png", "._HAM10000_metadata", "hmnist_8_8_L.csv"], Origin::Ham10000);
            let found = found.unwrap();
            assert_eq!((found.table.as_str(), found.pictures.join(" ")), (name, "p/a.png p/b.JPG".to_owned()));
            assert!(!found.simulated && found.description.is_none());
        }
        let isic = [
            "ISIC_2019_Test_GroundTruth.csv",
            "ISIC_2019_Training_GroundTruth.csv",
            "ISIC_2019_Training_Metadata.csv",
            "ISIC_2019_Test_Metadata.csv",
            "i/a.jpg",
            "SIMULATED.txt",
        ];
        let found = of(&isic, Origin::Isic).unwrap();
        assert_eq!((found.table.as_str(), found.lesions.as_deref(), found.simulated), (isic[1], Some(isic[2]), true));
        assert_eq!(found.unused, [isic[0], isic[3]]);
        let other = [isic[1], isic[2], "i/a.jpg", "trial/SIMULATED.txt"];
        assert!(!of(&other, Origin::Isic).unwrap().simulated, "of something else that lies below");
        assert!(of(&[&other[..], &["trial/b.jpg"]].concat(), Origin::Isic).unwrap().simulated);
        let below = ["SIMULATED", "t/HAM10000_metadata.csv", "t/a.jpg"];
        assert!(of(&below, Origin::Ham10000).unwrap().simulated);
        let groups =
            ["t/ISIC2018_Task3_Training_GroundTruth.csv", "ISIC2018_Task3_Training_LesionGroupings.csv", "a.jpg"];
        assert_eq!(of(&groups, Origin::Isic).unwrap().lesions.as_deref(), Some(groups[1]));
    }

    #[test]
    fn no_table_two_tables_and_no_picture_are_named() {
        let refused = |files: &[&str], origin| of(files, origin).unwrap_err().to_string();
        let lost = ["ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Train_Metadata.csv", "a.jpg"];
        let said = refused(&lost, Origin::Isic);
        assert!(
            said.contains("ISIC_2019_Train_Metadata.csv") && said.contains("isic_2019_training_metadata"),
            "{said}"
        );
        let said = refused(&["a.jpg", "ISIC2018_Task3_Training_GroundTruth.csv"], Origin::Ham10000);
        assert!(said.contains("no table of HAM10000") && said.contains("--isic"), "{said}");
        assert!(refused(&["a.jpg", "HAM10000_metadata.csv"], Origin::Isic).contains("--ham10000"));
        let said = refused(&["a.jpg", "HAM10000_metadata.csv", "x/HAM10000_metadata"], Origin::Ham10000);
        assert!(said.contains("more than one table: HAM10000_metadata.csv, x/HAM10000_metadata"), "{said}");
        assert!(refused(&["HAM10000_metadata.csv", "a.tif"], Origin::Ham10000).contains("no photograph here"));
    }
}

//! The one place that knows file names under a study folder.

mod editing;
mod people;
mod projection;
mod study;
mod training;

pub use editing::{DirectionsDir, InversionDir};
pub use people::{ReadingDir, ReviewDir};
pub use projection::{PerturbationDir, ProjectionDir, TwoSidedDir};
pub use study::StudyDir;
pub use training::{ExportDir, GanDir, ImportDir, VariantsDir};

/// Name of the record that each stage leaves in its folder when it is done.
pub const RECORD: &str = "record.json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Inside, Name};
    use std::path::Path;

    #[test]
    fn the_longest_name_has_room_for_all_that_is_appended_to_it() {
        // Of letters of two bytes each, as an id may have them.
        let longest = Name::new("\u{e4}".repeat(crate::name::LONGEST / 2)).unwrap();
        let slice = longest.with("_z4095");
        let case = slice.with("_training-rim_salt-and-pepper");
        let (projected, perturbed) = (ProjectionDir::new("out"), PerturbationDir::new("out"));
        let patches = [".npy", "_mask.npy"].map(|ending| Inside::of("patches", &longest, ending));
        let inside: Vec<Inside> = ProjectionDir::files(&slice, true)
            .into_iter()
            .chain(PerturbationDir::files(&case))
            .chain([PerturbationDir::sheet(&case)])
            .chain(patches)
            .collect();
        for path in &inside {
            assert_eq!(Inside::new(path.as_str()).as_ref(), Ok(path));
            let written = serde_json::to_string(path).unwrap();
            assert_eq!(&serde_json::from_str::<Inside>(&written).unwrap(), path, "a record can be read back");
        }
        let others = [projected.noise(&slice), projected.item(&slice), perturbed.case(&case)];
        for path in inside.iter().map(|path| path.under(Path::new("out"))).chain(others) {
            assert!(path.file_name().unwrap().len() <= 255, "{}", path.display());
        }
    }
}

//! Contracts with neighbours: what the program leaves in the forms that others read, so that nobody needs a script
//! between.
//!
//! collection (what goes out, whose it is, where it may be learnt from) -> monai, nnunet; bids, croissant and card take
//! folders and networks. Docs: `docs/sharing.md`.

mod target;

mod place;

mod drawn;

mod folds;

mod example;

mod collection;

mod written;

mod outcome;

mod license;

pub mod bids;

pub mod card;

pub mod croissant;

pub mod monai;

pub mod nnunet;

use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

pub use collection::Wanted;
pub use outcome::Outcome;
pub use target::Target;

fn stop_if_asked(observer: &dyn Observer) -> Result<()> {
    if !observer.stop_requested() {
        return Ok(());
    }
    Err(Problem::new(Kind::Interrupted, "stopped before all was written").advice("run the same command again"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::{Path, PathBuf};

    use super::collection::{Collection, Place};
    use super::*;
    use crate::data::dataset::tests::small;
    use crate::data::patch_file;
    use crate::data::{AnyPrepared, Prepared};
    use crate::files;
    use crate::observer::Silent;
    use crate::records::FileHash;
    use crate::records::classes::Class;
    use crate::records::synthesis::{LearntFrom, SynthesisRecord};
    use crate::seed::RunSeed;

    /// A folder with `data`, of six patients in pairs on the three sides with three lesions of three slices each.
    pub fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        small(&data);
        (folder, data)
    }

    pub fn wanted(data: &Path) -> Wanted<'_> {
        Wanted { data, synthetic: &[], target: None, whole: false, folds: None, seed: RunSeed(0), trust_origin: false }
    }

    /// Two images as a network of `data` draws them, in `folder`.
    pub fn drawn(folder: &Path, data_sha256: Option<&str>, ancestors: &[&str]) {
        let image = |seed: u32| {
            let path = format!("seed{seed:04}.npy");
            std::fs::create_dir_all(folder).unwrap();
            let values: Vec<f32> = (0..16).map(|at| (at as f32 - 8.0) / 7.0 + seed as f32 * 1e-3).collect();
            FileHash { sha256: patch_file::write(&folder.join(&path), &[1, 4, 4], &values).unwrap(), path }
        };
        let data = Prepared::open(folder.parent().unwrap().join("data")).unwrap();
        let record = SynthesisRecord {
            network_sha256: "ab".repeat(32),
            data_sha256: data_sha256.map(str::to_owned),
            ancestor_data: ancestors.iter().map(|&one| one.to_owned()).collect(),
            learnt_from: Some(LearntFrom { simulated: Some(true), voxel_mm: Some([1.0, 0.4, 0.4]) }),
            count: 2,
            first_seed: 0,
            last_seed: 1,
            truncation: 1.0,
            noise: "const".into(),
            class: None,
            class_name: None,
            channels: vec!["chimap".into()],
            contrasts: data.contrasts().to_vec(),
            images: vec![image(0), image(1)],
            image_classes: vec![],
            synthetic_grid: "grid.png".into(),
            grid_images: 1,
            real_grid: None,
            rim_contrast: None,
            map_contrast: None,
        };
        files::write_json(folder.join("record.json"), &record).unwrap();
    }

    fn sha256(data: &Path) -> String {
        AnyPrepared::open(data).unwrap().sha256().to_owned()
    }

    fn refused(wanted: &Wanted<'_>) -> Problem {
        Collection::open(wanted, &Silent).unwrap_err()
    }

    #[test]
    fn every_item_is_on_its_own_side_and_what_has_no_label_is_counted() {
        let (_folder, data) = folder();
        let all = Collection::open(&wanted(&data), &Silent).unwrap();
        assert_eq!((all.task.target, all.cases.len()), (Target::Lesions, 54));
        let outcome = Outcome::of(&all);
        assert_eq!((outcome.training, outcome.validation, outcome.test, outcome.patients), (18, 18, 18, [2; 3]));
        assert_eq!(all.cases[1].name, "sub-000_lesion-000_z01");
        let classes = Wanted { target: Some(Target::Classes), ..wanted(&data) };
        let all = Collection::open(&classes, &Silent).unwrap();
        assert_eq!((all.cases.len(), all.notes.as_slice()), (36, &["items that are contested, 6 left out".into()][..]));
        assert!(all.cases.iter().all(|case| case.class != Some(Class::AMBIGUOUS)));
        let whole = Wanted { whole: true, ..wanted(&data) };
        assert_eq!(Collection::open(&whole, &Silent).unwrap().cases.len(), 18);
    }

    #[test]
    fn folds_are_of_patients_that_are_not_held_out() {
        let (_folder, data) = folder();
        let all = Collection::open(&Wanted { folds: Some(4), ..wanted(&data) }, &Silent).unwrap();
        for case in &all.cases {
            let patient: u32 = case.patient.as_ref().unwrap()[4..].parse().unwrap();
            match case.place {
                Place::Training(Some(fold)) => assert!(patient < 4 && fold < 4),
                Place::Test => assert!(patient >= 4),
                other => panic!("{other:?}"),
            }
        }
        let told = refused(&Wanted { folds: Some(5), ..wanted(&data) }).to_string();
        assert!(told.contains("5 of 4 patients"), "{told}");
    }

    #[test]
    fn a_patient_who_is_tested_on_is_never_learnt_from() {
        let (_folder, data) = folder();
        let mut all = Collection::open(&wanted(&data), &Silent).unwrap();
        all.cases[0].place = Place::Test;
        let problem = all.check().unwrap_err();
        assert_eq!(problem.kind(), Kind::Gate);
        assert!(problem.to_string().contains("sub-000 is tested on and learnt from"), "{problem}");
    }

    #[test]
    fn drawn_images_are_learnt_from_alone_and_only_of_networks_of_this_data() {
        let (folder, data) = folder();
        let own = sha256(&data);
        let place = [folder.path().join("drawn")];
        let of = |trust_origin: bool| Wanted {
            synthetic: &place,
            target: Some(Target::Classes),
            trust_origin,
            ..wanted(&data)
        };
        drawn(&place[0], Some(&own), &[]);
        let all = Collection::open(&of(false), &Silent).unwrap();
        let drawn_ones: Vec<_> = all.cases.iter().filter(|case| case.is_drawn()).collect();
        assert_eq!(drawn_ones.len(), 2);
        assert!(drawn_ones.iter().all(|case| case.place == Place::Training(None) && case.class == Some(Class::RIM)));
        assert_eq!((all.count(|_| true), Outcome::of(&all).training, all.is_clipped()), (38, 14, true));

        for (data_sha256, ancestors, trusted) in
            [(Some("cd"), &[][..], true), (None, &[], false), (Some(&*own), &["cd"], false)]
        {
            drawn(&place[0], data_sha256, ancestors);
            assert_eq!(refused(&of(trusted)).kind(), Kind::Gate, "{data_sha256:?} {ancestors:?}");
        }
        let all = Collection::open(&of(true), &Silent).unwrap();
        assert!(all.notes.iter().any(|note| note.contains("taken on trust")), "{:?}", all.notes);

        drawn(&place[0], Some(&own), &[]);
        let told = refused(&Wanted { folds: Some(2), ..of(false) }).to_string();
        assert!(told.contains("--folds with --synthetic") && told.contains("every fold"), "{told}");
        let told = refused(&Wanted { target: Some(Target::Lesions), ..of(false) }).to_string();
        assert!(told.contains("masks of lesions"), "{told}");
        let told = refused(&Wanted { whole: true, ..of(false) }).to_string();
        assert!(told.contains("--whole with --synthetic"), "{told}");
    }

    #[test]
    fn a_drawn_image_that_is_not_the_listed_one_takes_no_place() {
        let (folder, data) = folder();
        let (place, out) = ([folder.path().join("drawn")], folder.path().join("out"));
        drawn(&place[0], Some(&sha256(&data)), &[]);
        patch_file::write(&place[0].join("seed0001.npy"), &[1, 4, 4], &[0.5f32; 16]).unwrap();
        let wanted = Wanted { synthetic: &place, target: Some(Target::Classes), ..wanted(&data) };
        let problem = monai::write(&wanted, &out, &Silent).unwrap_err();
        assert_eq!(problem.kind(), Kind::Gate);
        assert!(problem.to_string().contains("not the image that the record lists"), "{problem}");
        assert!(!out.join(monai::DATALIST).exists());
    }

    #[test]
    fn targets_that_the_data_do_not_have_are_named() {
        let (folder, data) = folder();
        for (target, says) in [(Target::Regions, "no regions"), (Target::Rims, "no rims")] {
            let told = refused(&Wanted { target: Some(target), ..wanted(&data) }).to_string();
            assert!(told.contains(says) && told.contains("--contrasts"), "{told}");
        }
        let classes = Wanted { target: Some(Target::Classes), ..wanted(&data) };
        let told = nnunet::write(&classes, &folder.path().join("Dataset501_x"), &Silent).unwrap_err().to_string();
        assert!(told.contains("classes of whole images") && told.contains("export monai"), "{told}");
    }
}

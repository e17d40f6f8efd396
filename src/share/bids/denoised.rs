//! Projections of lesions into a network's latent space: of patients, so that they are patient data.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, json};

use super::dataset::{DESCRIPTION, Dataset, Scan, description_of, subject};
use super::suffix::Suffix;
use super::{BidsOutcome, OWNER};
use crate::data::Prepared;
use crate::data::patch_file;
use crate::files::{self, Input, OutFolder};
use crate::name::Name;
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::projection::{ProjectedLesion, ProjectionRecord};
use crate::run_dir::ProjectionDir;
use crate::share::{place, stop_if_asked};

/// Largest record in bytes, as elsewhere.
const LARGEST_RECORD: u64 = 64 << 20;

/// What is projected.
#[derive(Clone, Copy, Debug)]
pub struct Projected<'a> {
    /// The folder of `project`.
    pub folder: &'a Path,
    /// The data set whose lesions they are.
    pub data: &'a Path,
    /// Whether whoever calls knows that it is data of patients.
    pub known_as_patients: bool,
}

/// Writes the projections into `out`.
///
/// # Errors
/// Lesions of patients whom the caller does not know as such, projections of another data set, a contrast or a patient
/// that BIDS has no name for, an `out` that is not this command's, a failed write, or stopped on request.
pub fn write(of: Projected<'_>, out: &Path, observer: &dyn Observer) -> Result<BidsOutcome> {
    let target = OutFolder::new(OWNER, out).apart_from([Input::of(of.folder), Input::of(of.data)]);
    target.check()?;
    let data = Prepared::open(of.data)?;
    let simulated = data.manifest().simulated;
    if !simulated && !of.known_as_patients {
        return Err(Problem::new(Kind::Gate, "projections of lesions of patients, which are patient data")
            .at(of.folder)
            .expected("--patient-data, which says that you may write and pass on such data")
            .advice("what a network draws by itself may go out without: --synthetic"));
    }
    let record = record(of.folder)?;
    let path = ProjectionDir::new(of.folder).record();
    match &record.projected_sha256 {
        Some(sha256) if sha256 == data.sha256() => {}
        other => {
            let found = other.as_deref().unwrap_or("that the record does not name");
            return Err(Problem::new(Kind::Gate, format!("projections of lesions of data {found}"))
                .at(&path)
                .expected(format!("data {}", data.sha256()))
                .advice("give the data set whose lesions were projected (--data)"));
        }
    }
    data.contrasts().iter().try_for_each(|contrast| Suffix::of(contrast).map(drop))?;
    let mut seen = BTreeSet::new();
    if let Some(entry) = record.lesions.iter().find(|entry| !seen.insert((&entry.lesion_id, entry.slice))) {
        return Err(Problem::input(&path, format!("slice {} of {} twice", entry.slice, entry.lesion_id))
            .expected("each slice once")
            .advice("project the lesions again with `rimforge project`"));
    }
    let place_of: BTreeMap<&Name, u32> =
        (0u32..).zip(&data.manifest().lesions).map(|(at, lesion)| (&lesion.id, at)).collect();
    let mut claim = target.claim()?;
    claim.discard()?;
    let staging = claim.staging()?;
    files::make_folder(&staging)?;
    let mut dataset = Dataset::new(&staging);
    observer.begin("writing volumes", "projections", record.lesions.len() as u64);
    for entry in &record.lesions {
        stop_if_asked(observer)?;
        let Some(&lesion) = place_of.get(&entry.lesion_id) else {
            return Err(Problem::input(&path, format!("lesion {} is not in the data set", entry.lesion_id)));
        };
        one(&mut dataset, of.folder, (&data, &record), (entry, lesion))?;
        observer.advance(1);
    }
    observer.end();
    let outcome = BidsOutcome {
        origin: "denoised".into(),
        simulated: Some(simulated),
        patient_data: !simulated,
        subjects: dataset.subjects(),
        scans: record.lesions.len() as u64,
        notes: vec![],
    };
    let source = json!({"Version": format!("prepared data set, SHA-256 of its manifest {}", data.sha256())});
    let name = if simulated { "Projected lesions, SIMULATED" } else { "Projected lesions, PATIENT DATA" };
    let names = dataset.finish(name, about(simulated), vec![source])?;
    claim.publish(names, &[DESCRIPTION], observer)?;
    Ok(outcome)
}

fn record(folder: &Path) -> Result<ProjectionRecord> {
    let path = ProjectionDir::new(folder).record();
    let wanted = "the record of a folder that `rimforge project` wrote";
    let text = files::read(&path, LARGEST_RECORD, wanted)
        .map_err(|problem| problem.expected(wanted).advice("give the --out folder of `rimforge project`"))?;
    let record: ProjectionRecord = files::parse_json(&path, &text, wanted)?;
    if record.has_hashes() && !record.lesions.is_empty() {
        return Ok(record);
    }
    Err(Problem::input(&path, "no projected lesions with their hashes")
        .expected("lesions of a data set, projected by this version")
        .advice("project the lesions again with `rimforge project`"))
}

fn one(
    dataset: &mut Dataset<'_>,
    folder: &Path,
    (data, record): (&Prepared, &ProjectionRecord),
    (entry, lesion): (&ProjectedLesion, u32),
) -> Result<()> {
    let manifest = data.manifest();
    let known = data.lesion(lesion);
    let [channels, height, width] = data.image_shape();
    let shape = [channels, height, width].map(|size| size as u64);
    let sha256 = entry.image_sha256.as_deref().unwrap_or_default();
    let values: Vec<f32> = patch_file::read(&folder.join(&entry.image), &shape, sha256)
        .map_err(|problem| problem.advice("project the lesions again with `rimforge project`"))?;
    let slice = data.slice_of(&ProjectionDir::new(folder).record(), entry.slice)?;
    let subject = subject(&known.patient).map_err(|problem| problem.at(data.root()))?;
    let patch = place::of_patch(known, manifest).map_err(|problem| problem.at(data.root()))?;
    let origin = if manifest.simulated { "simulated" } else { "patient" };
    dataset.subject(&subject, [origin.into(), manifest.simulated.to_string()]);
    let mut sidecar = Map::new();
    let mut say = |key: &str, value| sidecar.insert(key.into(), value);
    say("Description", json!(about(manifest.simulated)));
    say("PatientData", json!(!manifest.simulated));
    say("Simulated", json!(manifest.simulated));
    say("Denoised", json!(true));
    say("Lesion", json!(entry.lesion_id));
    say("Slice", json!(entry.slice));
    say("Role", json!(entry.role));
    if let Some(class) = &entry.class {
        say("ProjectedAs", json!(class));
    }
    say("Side", json!(known.split));
    say("Seed", json!(record.seed));
    say("NetworkSHA256", json!(record.network_sha256));
    say("DataSHA256", json!(data.sha256()));
    say("SkullStripped", json!(false));
    let scan = Scan {
        subject: &subject,
        desc: &description_of(&entry.lesion_id, &known.patient, entry.slice),
        shape: [1, height, width],
        affine: place::of_slice(patch, slice),
        sidecar: &sidecar,
        header: if manifest.simulated { "SIMULATED DENOISED" } else { "PATIENT DATA DENOISED" },
    };
    dataset.add(&scan, data.contrasts(), &values)
}

fn about(simulated: bool) -> &'static str {
    if simulated {
        "SIMULATED: lesions of a simulated cohort, projected into a generator's latent space. What is shown is the \
         generator's nearest image, not the lesion as it was."
    } else {
        "PATIENT DATA: lesions of patients, projected into a generator's latent space. What is shown is the generator's \
         nearest image, not the lesion as it was measured; it is data of that patient all the same, and falls under what \
         was agreed for the patient's images."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::share::tests::folder;

    /// A projection of the contested lesion of the first patient, of data that are measured unless `simulated`.
    fn projected(root: &Path, simulated: bool) {
        let path = root.join("data/manifest.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let said = |simulated: bool| format!("\"simulated\": {simulated}");
        std::fs::write(&path, text.replace(&said(true), &said(simulated))).unwrap();
        let data = Prepared::open(root.join("data")).unwrap();
        std::fs::create_dir_all(root.join("projected")).unwrap();
        let values: Vec<f32> = (0..16).map(|at| at as f32 / 8.0 - 1.0).collect();
        let image = patch_file::write(&root.join("projected/a.npy"), &[1, 4, 4], &values).unwrap();
        let record = json!({
            "network_sha256": "ab", "projected_sha256": data.sha256(), "features": "pixels", "steps": 1, "seed": 3,
            "feature_choice": [], "rim_measure": null, "without_core": 0, "flag_rates": [], "images": [],
            "lesions": [{
                "lesion_id": "sub-000_lesion-001", "patient": "sub-000", "slice": 2, "role": "ambiguous", "distance": 0.0,
                "contrast_before": 0.0, "contrast_after": 0.0, "w_distance": 0.0, "rim_erased": false,
                "rim_invented": false, "lesion_rms": 0.0, "slice_rms": 0.0, "figure": "f.png", "image": "a.npy",
                "image_sha256": image, "true_rim": null,
            }],
        });
        files::write_json(root.join("projected/record.json"), &record).unwrap();
    }

    fn written(root: &Path, known_as_patients: bool) -> Result<BidsOutcome> {
        let (folder, data) = (&root.join("projected"), &root.join("data"));
        write(Projected { folder, data, known_as_patients }, &root.join("out"), &Silent)
    }

    #[test]
    fn lesions_of_patients_go_out_only_as_what_they_are() {
        let (folder, _) = folder();
        let root = folder.path();
        projected(root, false);
        let problem = written(root, false).unwrap_err();
        assert_eq!(problem.kind(), Kind::Gate);
        assert!(problem.to_string().contains("patient data") && !root.join("out").exists(), "{problem}");
        let outcome = written(root, true).unwrap();
        assert_eq!((outcome.patient_data, outcome.simulated, outcome.scans), (true, Some(false), 1));
        let said = |name: &str| std::fs::read_to_string(root.join("out").join(name)).unwrap();
        let stem = "sub-000/anat/sub-000_desc-denoisedLesion001z02_Chimap";
        assert!(said(&format!("{stem}.json")).contains("\"PatientData\": true"));
        assert!(said("README.md").contains("PATIENT DATA") && said(DESCRIPTION).contains("PATIENT DATA"));
        assert!(said("participants.tsv").contains("sub-000\tpatient\tfalse"));
        let file = crate::nifti::open(&root.join(format!("out/{stem}.nii.gz")), crate::nifti::Form::Sform).unwrap();
        // About 1, 2, 3 of a patch 3 deep: its slice 2 is at z 4, and begins at x -1, y 0.
        assert_eq!(file.grid().affine().column(3), [-1.0, 0.0, 4.0]);
    }

    #[test]
    fn simulated_lesions_are_no_patient_data_and_say_simulated() {
        let (folder, _) = folder();
        let root = folder.path();
        projected(root, true);
        let outcome = written(root, false).unwrap();
        assert_eq!((outcome.patient_data, outcome.simulated), (false, Some(true)));
        assert!(std::fs::read_to_string(root.join("out/README.md")).unwrap().contains("SIMULATED"));
    }

    #[test]
    fn projections_of_other_data_are_refused() {
        let (folder, _) = folder();
        let root = folder.path();
        projected(root, true);
        let record = root.join("projected/record.json");
        let text = std::fs::read_to_string(&record).unwrap();
        let own = Prepared::open(root.join("data")).unwrap().sha256().to_owned();
        std::fs::write(&record, text.replace(&own, &"0".repeat(64))).unwrap();
        let problem = written(root, false).unwrap_err();
        assert!(problem.kind() == Kind::Gate && problem.to_string().contains("--data"), "{problem}");
    }
}

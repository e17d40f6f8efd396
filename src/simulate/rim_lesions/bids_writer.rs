//! The simulated cohort on disk: BIDS with the lesions and the truth as derivatives, SIMULATED on every face.
//!
//! Volumes can be written as soon as a patient is done, tables when the readers have voted.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::layout::{CohortLayout, GALLERY};
use super::phantom::{LesionTruth, Phantom, Sex};
use super::plan::PatientPlan;
use super::presets::CohortDesign;
use super::readers::Visibility;
use crate::files;
use crate::nifti::Volume;
use crate::nifti::writer::{self, Element};
use crate::problem::Result;

const BIDS_VERSION: &str = "1.9.0";
const NIFTI_DESCRIPTION: &str = concat!("SIMULATED, no patient: rimforge ", env!("CARGO_PKG_VERSION"));
const SIMULATED: &str = "SIMULATED by rimforge: a susceptibility phantom, no patient.";

/// Of ppb.
const PPM: f32 = 1e-3;

/// 2^-14 ppm is 0.06 ppb, against a noise of 1 to 3 ppb.
const MAP_BITS: i32 = 14;

/// Rounds to multiples of 2^-`bits`, so that float32 compresses: far below the noise, and exact in ppm and ppb alike.
fn rounded(volume: &Volume<f32>, scale: f32, bits: i32) -> Volume<f32> {
    let steps = 2f32.powi(bits);
    volume.map(|value| (value * scale * steps).round() / steps)
}

/// A map in ppb as the written file, which is in ppm, gives it back.
pub(super) fn as_written(chi_ppb: &Volume<f32>) -> Volume<f32> {
    rounded(chi_ppb, PPM, MAP_BITS).map(|value| value / PPM)
}

/// A patient's four volumes with their sidecars.
///
/// # Errors
/// Writing failed.
pub fn write_volumes(
    layout: &CohortLayout,
    plan: &PatientPlan,
    design: &CohortDesign,
    phantom: &Phantom,
    chi_ppb: &Volume<f32>,
) -> Result<()> {
    let id = &plan.participant();
    let echoes = &design.echoes;
    write_volume(
        &layout.chimap(id),
        &rounded(chi_ppb, PPM, MAP_BITS),
        json!({
            "Units": "ppm",
            "MagneticFieldStrength": echoes.hz_per_ppm / 42.577,
            "EstimationReference": SIMULATED,
            "EstimationAlgorithm": format!(
                "dipole inversion ({}), zero is the mean of cerebrospinal fluid", design.inversion.name()
            ),
            "Description": format!(
                "{SIMULATED} {} echoes from {} ms every {} ms, {} mm in plane interpolated to {} mm.",
                echoes.count, echoes.first_ms, echoes.spacing_ms, echoes.in_plane_mm, design.grid.voxel_mm()[0]
            ),
        }),
    )?;
    write_volume(
        &layout.flair(id),
        &rounded(&phantom.flair, 1.0, 10),
        json!({
            "MagneticFieldStrength": echoes.hz_per_ppm / 42.577,
            "Description": format!("{SIMULATED} Relative to white matter = 1."),
        }),
    )?;
    write_volume(
        &layout.lesion_map(id),
        &phantom.labels,
        json!({
            "Description": format!("{SIMULATED} Voxel value is lesion_id of lesions.tsv; 0 is no lesion."),
        }),
    )?;
    write_volume(
        &layout.rim_map(id),
        &rounded(&phantom.rim_trace, 1.0, 10),
        json!({
            "Description": format!("{SIMULATED} Mean of two tracings of rims."),
        }),
    )
}

fn write_volume<T: Element>(path: &Path, volume: &Volume<T>, sidecar: Value) -> Result<()> {
    writer::write(path, volume, NIFTI_DESCRIPTION)?;
    files::write_json(path.with_extension("").with_extension("json"), &sidecar)
}

/// A lesion with what both readers said and what is true.
#[derive(Clone, Copy, Debug)]
pub struct LesionRow<'a> {
    /// "sub-001".
    pub participant: &'a str,
    /// What is true of it.
    pub truth: &'a LesionTruth,
    /// How visible a rim is; `None` for a lesion too small to judge.
    pub visibility: Option<&'a Visibility>,
    /// First and second reader say rim.
    pub votes: (bool, bool),
}

/// Everything that is not a volume: descriptions, participants, reader table, truth.
///
/// # Errors
/// Writing failed.
pub fn write_tables(
    layout: &CohortLayout,
    design: &CohortDesign,
    plans: &[PatientPlan],
    rows: &[LesionRow],
) -> Result<()> {
    let preset = design.preset.name();
    let about = format!("preset {preset}, seed {}: {}", design.seed, design.description);
    write_raw(layout, plans, &about)?;
    write_lesions(layout, rows, &about)?;
    write_truth(layout, rows, &about)
}

fn generated_by(about: &str) -> Value {
    json!([{
        "Name": "rimforge",
        "Version": env!("CARGO_PKG_VERSION"),
        "Description": format!("{SIMULATED} {about}"),
    }])
}

fn write_raw(layout: &CohortLayout, plans: &[PatientPlan], about: &str) -> Result<()> {
    let root = layout.root();
    files::write_json(
        root.join("dataset_description.json"),
        &json!({
            "Name": format!("SIMULATED cohort of rim lesions ({about})"),
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "License": "CC0",
            "Authors": ["SIMULATED by rimforge"],
            "GeneratedBy": generated_by(about),
        }),
    )?;
    files::write(root.join("README"), readme(about).as_bytes())?;
    // What BIDS does not know: the picture for the eye and rimforge's own records.
    files::write(root.join(".bidsignore"), format!("{GALLERY}\nrecord.json\n.rimforge/\n").as_bytes())?;
    let mut table = "participant_id\tage\tsex\n".to_owned();
    for plan in plans {
        let sex = match plan.sex {
            Sex::Female => "F",
            Sex::Male => "M",
        };
        let _ = writeln!(table, "{}\t{}\t{sex}", plan.participant(), plan.age_years);
    }
    files::write(root.join("participants.tsv"), table.as_bytes())?;
    files::write_json(
        root.join("participants.json"),
        &json!({
            "age": {"Description": "SIMULATED age", "Units": "year"},
            "sex": {"Description": "SIMULATED sex", "Levels": {"F": "female", "M": "male"}},
        }),
    )
}

fn readme(about: &str) -> String {
    format!(
        "SIMULATED COHORT - NO PATIENT DATA

Made by rimforge {} ({about}).

A susceptibility phantom with multiple-sclerosis lesions, the field it makes, the multi-echo signal with noise, the
reconstruction, and two simulated readers who judge what the reconstruction shows. Good for testing methods;
no result on it is a clinical one.

sub-*/anat/*_Chimap.nii.gz                 susceptibility map, ppm, zero is cerebrospinal fluid
sub-*/anat/*_FLAIR.nii.gz                  FLAIR, relative to white matter = 1
derivatives/lesions/lesions.tsv            both readers' votes on each lesion (1: rim)
derivatives/lesions/sub-*/anat/*_dseg      lesion label map
derivatives/lesions/sub-*/anat/*_probseg   mean of two tracings of rims
derivatives/truth/truth.tsv                the truth about each lesion; only for scoring
",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_lesions(layout: &CohortLayout, rows: &[LesionRow], about: &str) -> Result<()> {
    let folder = layout.lesions();
    write_derivative(&folder, "lesions and readers", about)?;
    let mut table = "participant_id\tlesion_id\treader1\treader2\n".to_owned();
    for LesionRow { participant, truth, votes, .. } in rows {
        let (first, second) = (u8::from(votes.0), u8::from(votes.1));
        let _ = writeln!(table, "{participant}\t{}\t{first}\t{second}", truth.label);
    }
    files::write(layout.reader_table(), table.as_bytes())?;
    let levels = json!({"0": "no rim", "1": "rim"});
    files::write_json(
        folder.join("lesions.json"),
        &json!({
            "lesion_id": {"Description": "value of the lesion in the patient's desc-lesions_dseg"},
            "reader1": {"Description": "SIMULATED first reader", "Levels": levels},
            "reader2": {"Description": "SIMULATED second reader", "Levels": levels},
        }),
    )
}

fn write_truth(layout: &CohortLayout, rows: &[LesionRow], about: &str) -> Result<()> {
    let folder = layout.truth();
    write_derivative(&folder, "truth, only for scoring", about)?;
    let mut table = "participant_id\tlesion_id\ttrue_rim\tcriterion_rim\tkind\tdiameter_mm\trim_fraction\trim_ppb\t\
                     rim_thickness_mm\tdecoy\tvisibility\tx\ty\tz\n"
        .to_owned();
    for LesionRow { participant, truth, visibility, .. } in rows {
        let name = |value: Value| value.as_str().unwrap_or("n/a").to_owned();
        let kind = name(json!(truth.kind));
        let decoy = name(json!(truth.decoy));
        let visibility = visibility.map_or("n/a".to_owned(), |seen| format!("{:.4}", seen.raw));
        let [x, y, z] = truth.centre;
        let _ = writeln!(
            table,
            "{participant}\t{}\t{}\t{}\t{kind}\t{:.2}\t{:.3}\t{:.1}\t{:.2}\t{decoy}\t{visibility}\t{x}\t{y}\t{z}",
            truth.label,
            u8::from(truth.true_rim),
            u8::from(truth.criterion_rim),
            truth.diameter_mm,
            truth.rim_fraction,
            truth.rim_ppb,
            truth.rim_thickness_mm,
        );
    }
    files::write(layout.truth_table(), table.as_bytes())?;
    let levels = json!({"0": "no", "1": "yes"});
    files::write_json(
        folder.join("truth.json"),
        &json!({
            "lesion_id": {"Description": "value of the lesion in the patient's desc-lesions_dseg"},
            "true_rim": {"Description": "an iron-laden shell exists", "Levels": levels},
            "criterion_rim": {
                "Description": "without noise the shell covers 2/3 of the edge on at least two slices", "Levels": levels
            },
            "kind": {"Description": "rim, diffuse (evenly paramagnetic) or isointense"},
            "diameter_mm": {"Description": "of the sphere of equal volume", "Units": "mm"},
            "rim_fraction": {"Description": "share of the edge that the shell covers, 0 to 1"},
            "rim_ppb": {"Description": "mean excess of the shell over the lesion's core, parts per billion"},
            "rim_thickness_mm": {"Description": "mean thickness of the shell", "Units": "mm"},
            "decoy": {"Description": "what makes a rim-less edge look like a rim"},
            "visibility": {"Description": "how much of a rim the reconstructed map shows, in noise units"},
            "x": {"Description": "centre voxel, first axis"},
            "y": {"Description": "centre voxel, second axis"},
            "z": {"Description": "centre voxel, third axis"},
        }),
    )
}

fn write_derivative(folder: &Path, what: &str, about: &str) -> Result<()> {
    files::write_json(
        folder.join("dataset_description.json"),
        &json!({
            "Name": format!("SIMULATED: {what}"),
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "derivative",
            "GeneratedBy": generated_by(about),
        }),
    )
}

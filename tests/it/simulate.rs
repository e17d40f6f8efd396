//! A cohort is simulated as a user would, and the folder looked at: layout, counts, same bytes, stop and go on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rimforge::nifti::{Grid, Volume};
use rimforge::observer::Silent;
use rimforge::problem::{Kind, Result};
use rimforge::records::cohort::CohortRecord;
use rimforge::simulate::rim_lesions::pipeline::simulate;
use rimforge::simulate::rim_lesions::{
    CohortConfig, CohortDesign, LesionKind, LesionTruth, PatientPlan, Phantom, Preset, Tissue,
};
use rimforge::simulate::rim_lesions::{Existing, Writing};

use crate::leftovers::leave_unfinished;
use crate::stopping::StopAfter;

/// Spheres on a lattice in even white matter beside a block of CSF: enough of a phantom for everything after anatomy.
fn spheres(plan: &PatientPlan) -> Result<Phantom> {
    let grid: Grid = plan.grid;
    let radius = 4.0;
    let centres: Vec<[f64; 3]> = (0..plan.lesions)
        .map(|n| [n % 3, n / 3 % 3, n / 9].map(f64::from))
        .map(|[x, y, z]| [12.0 * (x - 1.0), 12.0 * (y - 1.0), 11.0 * (z - 0.5)])
        .collect();
    let mut labels = Volume::filled(grid, 0);
    let mut rim_trace = Volume::filled(grid, 0.0);
    let csf = Volume::from_fn(grid, |[x, ..]| x < 6);
    let chi_ppb = Volume::from_fn(grid, |voxel| {
        let at = grid.mm_of(voxel.map(|v| v as f64));
        for (n, centre) in centres.iter().enumerate() {
            let distance = (0..3).map(|a| (at[a] - centre[a]).powi(2)).sum::<f64>().sqrt();
            if distance < radius {
                *labels.at_mut(voxel) = n as u16 + 1;
                let shell = n < plan.true_rims as usize && distance > radius - 1.2;
                *rim_trace.at_mut(voxel) = f32::from(u8::from(shell));
                return if shell { 45.0 } else { 0.0 };
            }
        }
        if *csf.at(voxel) { 19.0 } else { -30.0 }
    });
    let lesions = centres.iter().enumerate().map(|(n, &centre)| {
        let true_rim = n < plan.true_rims as usize;
        let share = f64::from(u8::from(true_rim));
        LesionTruth {
            label: n as u16 + 1,
            centre: grid.voxel_of(centre).map(|v| v.round() as i64),
            diameter_mm: 2.0 * radius,
            kind: if true_rim { LesionKind::Rim } else { LesionKind::Diffuse },
            true_rim,
            criterion_rim: true_rim,
            rim_fraction: share,
            rim_ppb: 45.0 * share,
            rim_thickness_mm: 1.2 * share,
            decoy: None,
        }
    });
    Ok(Phantom {
        lesions: lesions.collect(),
        tissue: Tissue {
            chi_ppb,
            r2star_per_s: Volume::filled(grid, 20.0),
            magnitude: Volume::filled(grid, 1.0),
            brain: Volume::filled(grid, true),
            csf,
        },
        flair: labels.map(|&label| if label > 0 { 1.7 } else { 1.0 }),
        labels,
        rim_trace,
    })
}

fn writing(threads: usize, existing: Existing) -> Writing {
    Writing { existing, threads: Some(threads) }
}

fn design(seed: u64) -> CohortDesign {
    CohortConfig { preset: Preset::Tiny, seed, ..CohortConfig::default() }.design().unwrap()
}

/// Every file below `root` with its bytes; the lock names the process and is left out.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() != "lock" {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn assert_same(a: &Path, b: &Path) {
    let (a, b) = (files(a), files(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (name, bytes) in &a {
        assert!(bytes == &b[name], "{name} differs");
    }
}

#[test]
fn stopped_and_resumed_with_other_threads_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [straight, stopped] = ["straight", "stopped"].map(|name| folder.path().join(name));
    let record = simulate(&design(7), &straight, &spheres, writing(2, Existing::Refuse), &Silent).unwrap();

    let built = AtomicUsize::new(0);
    let counting = |plan: &PatientPlan| {
        built.fetch_add(1, Ordering::SeqCst);
        spheres(plan)
    };
    let stop = StopAfter::steps(1);
    let problem = simulate(&design(7), &stopped, &counting, writing(1, Existing::Refuse), &stop).unwrap_err();
    assert_eq!(problem.kind(), Kind::Interrupted);
    assert_eq!(built.load(Ordering::SeqCst), 1);
    leave_unfinished(&stopped);
    let resumed = simulate(&design(7), &stopped, &counting, writing(1, Existing::Refuse), &Silent).unwrap();
    assert_eq!(built.load(Ordering::SeqCst), 3, "a finished patient is not made again");

    assert_eq!(record, resumed);
    assert_same(&straight, &stopped);
    leave_unfinished(&stopped);
    simulate(&design(7), &stopped, &counting, writing(1, Existing::Refuse), &Silent).unwrap();
    assert_same(&straight, &stopped);
}

#[test]
fn other_settings_are_refused_unless_replaced_and_strangers_are_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("cohort");
    simulate(&design(7), &out, &spheres, writing(2, Existing::Refuse), &Silent).unwrap();
    let problem = simulate(&design(8), &out, &spheres, writing(2, Existing::Refuse), &Silent).unwrap_err();
    assert_eq!(problem.kind(), Kind::Usage);
    simulate(&design(8), &out, &spheres, writing(2, Existing::Replace), &Silent).unwrap();
    let fresh = folder.path().join("fresh");
    simulate(&design(8), &fresh, &spheres, writing(1, Existing::Refuse), &Silent).unwrap();
    assert_same(&out, &fresh);

    let stranger = folder.path().join("stranger");
    std::fs::create_dir(&stranger).unwrap();
    std::fs::write(stranger.join("thesis.txt"), "mine").unwrap();
    assert!(simulate(&design(7), &stranger, &spheres, writing(1, Existing::Replace), &Silent).is_err());
    assert_eq!(files(&stranger).len(), 1);
}

#[test]
fn votes_and_truth_are_those_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let design = design(7);
    let record = simulate(&design, folder.path(), &spheres, writing(2, Existing::Refuse), &Silent).unwrap();
    assert_eq!((record.patients, record.lesions), (3, u64::from(design.lesions)));
    assert_eq!((record.agreed_rims, record.ambiguous), (design.readers.agreed, design.readers.ambiguous));
    let truth = record.truth.unwrap();
    assert_eq!(truth.rims, u64::from(design.true_rims));
    assert_eq!(truth.agreed_true + truth.ambiguous_true + truth.missed_by_both, truth.rims);
    // Perfect shells of 45 ppb: what both readers see must be rims.
    assert_eq!(truth.agreed_true, record.agreed_rims);

    let table = std::fs::read_to_string(folder.path().join("derivatives/lesions/lesions.tsv")).unwrap();
    let both = table.lines().filter(|line| line.ends_with("\t1\t1")).count() as u64;
    let one = table.lines().filter(|line| line.ends_with("\t1\t0") || line.ends_with("\t0\t1")).count() as u64;
    assert_eq!((both, one), (record.agreed_rims, record.ambiguous));
    assert_eq!(table.lines().next().unwrap(), "participant_id\tlesion_id\treader1\treader2");
}

#[test]
fn the_folder_is_bids_and_says_simulated() {
    let folder = tempfile::tempdir().unwrap();
    simulate(&design(7), folder.path(), &spheres, writing(2, Existing::Refuse), &Silent).unwrap();
    let found = files(folder.path());
    for name in [
        "dataset_description.json",
        "README",
        "participants.tsv",
        "participants.json",
        "sub-001/anat/sub-001_Chimap.nii.gz",
        "sub-001/anat/sub-001_Chimap.json",
        "sub-003/anat/sub-003_FLAIR.nii.gz",
        "derivatives/lesions/dataset_description.json",
        "derivatives/lesions/sub-002/anat/sub-002_desc-lesions_dseg.nii.gz",
        "derivatives/lesions/sub-002/anat/sub-002_desc-rim_probseg.nii.gz",
        "derivatives/truth/truth.tsv",
    ] {
        assert!(found.contains_key(name), "{name} is missing");
    }
    for (name, bytes) in found.iter().filter(|(name, _)| name.ends_with(".json") && !name.starts_with('.')) {
        let says = String::from_utf8_lossy(bytes).contains("SIMULATED");
        assert!(says || name.ends_with("truth.json"), "{name} does not say SIMULATED");
    }
    let map = nifti::ReaderOptions::new().read_file(folder.path().join("sub-001/anat/sub-001_Chimap.nii.gz")).unwrap();
    use nifti::{IntoNdArray, NiftiObject};
    assert!(map.header().descrip.starts_with(b"SIMULATED"));
    let values = map.into_volume().into_ndarray::<f32>().unwrap();
    // White matter lies about 49 ppb below CSF: the map is in ppm.
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| *v != 0.0).collect();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    assert!((-0.07..-0.02).contains(&median), "{median} ppm");
}

/// The program itself: simulate, look at what it left, check it again.
#[test]
fn the_program_simulates_and_checks() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let run = |out: &Path, threads: &str| {
        let mut command = assert_cmd::Command::cargo_bin("rimforge").unwrap();
        command.args(["simulate", "--preset", "tiny", "--seed", "3", "--threads", threads, "--json", "--out"]);
        let output = command.arg(out).assert().success().get_output().stdout.clone();
        serde_json::from_slice::<CohortRecord>(&output).unwrap()
    };
    let record = run(&one, "1");
    assert_eq!(run(&two, "2"), record);
    assert_same(&one, &two);

    assert!(record.simulated && record.preset.as_deref() == Some("tiny"));
    assert_eq!((record.patients, record.lesions, record.agreed_rims, record.ambiguous), (3, 12, 3, 2));
    assert_eq!(record.truth.unwrap().rims, 4);
    assert_eq!(record.gallery, Some("gallery.png".into()));
    assert!(std::fs::read(one.join("gallery.png")).unwrap().starts_with(b"\x89PNG"));

    // Twelve lesions cannot pass every gate; the command says which do not, and exits with 5.
    let check =
        assert_cmd::Command::cargo_bin("rimforge").unwrap().args(["simulate", "--check"]).arg(&one).output().unwrap();
    let failed = record.gates.iter().filter(|gate| !gate.passed).count();
    assert_eq!(check.status.code(), Some(if failed == 0 { 0 } else { 5 }));
    let printed = String::from_utf8(check.stdout).unwrap();
    assert_eq!(printed.lines().filter(|line| line.starts_with("FAIL")).count(), failed);
    assert!(printed.starts_with("SIMULATED, 3 patients, 12 lesions"));

    // A broken copy is an unusable input, not a failed gate.
    std::fs::remove_file(two.join("derivatives/lesions/sub-002/anat/sub-002_desc-lesions_dseg.nii.gz")).unwrap();
    assert_cmd::Command::cargo_bin("rimforge").unwrap().args(["simulate", "--check"]).arg(&two).assert().code(3);
}

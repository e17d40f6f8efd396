//! `simulate diffusion` on a healthy person and one with multiple sclerosis.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use rimforge::nifti::{self, Form, Volume};
use rimforge::records::diffusion::DiffusionRecord;

fn simulate(arguments: &[&str], out: &Path) -> Output {
    let mut command = Command::cargo_bin("rimforge").unwrap();
    command.args(["simulate", "diffusion"]).args(arguments).arg(out).arg("--json").output().unwrap()
}

/// All files but the mark, which lists what was there when.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found.retain(|path, _| !path.starts_with(".rimforge"));
    found
}

fn volume(path: &Path) -> Volume<f32> {
    let open = nifti::open(path, Form::Sform).unwrap();
    assert!(open.says_simulated(), "{}", path.display());
    open.read_into(Vec::new()).unwrap().volume
}

#[test]
fn a_cohort_is_whole_believed_and_the_same_again() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("set");
    let two = ["--healthy", "1", "--ms", "1", "--seed", "5"];
    let with = |more: &[&'static str]| [&two[..], more].concat();
    let first = simulate(&with(&["--threads", "1", "--out"]), &out);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let record: DiffusionRecord = serde_json::from_slice(&first.stdout).unwrap();
    assert!(record.simulated && record.persons == 2 && record.groups.len() == 2);
    let failed: Vec<&str> = record.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let table = fs::read_to_string(out.join("participants.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["participant_id", "group", "age", "lesions", "lesion_ml"]);
    for row in &rows[1..] {
        let [id, group] = [row[0], row[1]];
        let file = |kind: &str| out.join(format!("{id}/{kind}").replace("SUB", id));
        let fa = volume(&file("dwi/SUB_space-MNI152NLin6Asym_model-tensor_param-FA_dwimap.nii.gz"));
        let mask = volume(&file("dwi/SUB_space-MNI152NLin6Asym_desc-brain_mask.nii.gz"));
        let flair = volume(&file("anat/SUB_space-MNI152NLin6Asym_FLAIR.nii.gz"));
        assert_eq!((fa.grid.shape, fa.grid.affine().place([0.0; 3])), ([91, 109, 91], [-90.0, -126.0, -72.0]));
        assert!(fa.grid.mismatch(&flair.grid).is_none() && fa.grid.mismatch(&mask.grid).is_none());
        assert!(
            fa.data.iter().zip(&mask.data).all(|(fa, mask)| (0.0..=1.0).contains(fa) && (*mask > 0.0 || *fa == 0.0))
        );
        let lesions = file("anat/SUB_space-MNI152NLin6Asym_label-lesion_mask.nii.gz");
        assert_eq!(lesions.exists(), group == "ms");
        if group == "ms" {
            let ml = volume(&lesions).data.iter().filter(|&&marked| marked > 0.0).count() as f64 * 0.008;
            assert!((ml - row[4].parse::<f64>().unwrap()).abs() < 1e-3 && ml > 0.0);
        } else {
            assert_eq!(row[3..], ["0", "0.000"]);
        }
    }
    // What is gone is made again, alike, whatever the threads.
    let own = bytes(&out);
    fs::remove_file(out.join("sub-MS001/dwi/sub-MS001_space-MNI152NLin6Asym_model-tensor_param-FA_dwimap.nii.gz"))
        .unwrap();
    assert!(simulate(&with(&["--threads", "2", "--out"]), &out).status.success());
    assert!(bytes(&out) == own);
    assert!(simulate(&["--check"], &out).status.success());
    // Other settings do not overwrite it.
    assert_eq!(simulate(&["--healthy", "2", "--ms", "0", "--out"], &out).status.code(), Some(2));
    assert!(bytes(&out) == own);
    // A table of other persons is no set.
    fs::write(out.join("participants.tsv"), table.replace("sub-MS001", "sub-MS003")).unwrap();
    assert_eq!(simulate(&["--check"], &out).status.code(), Some(3));
}

#[test]
fn folders_of_others_and_nobody_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let foreign = place.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("notes.txt"), "mine").unwrap();
    assert_eq!(simulate(&["--healthy", "1", "--ms", "0", "--out"], &foreign).status.code(), Some(2));
    assert_eq!(bytes(&foreign).len(), 1);
    let nobody = simulate(&["--healthy", "0", "--ms", "0", "--out"], &place.path().join("none"));
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("simulate.diffusion.ms"));
    assert!(!simulate(&["--check"], &foreign).status.success());
}

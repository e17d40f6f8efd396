//! A cohort that changes while a study works on it: told, and never mixed.

use std::fs;
use std::path::Path;
use std::process::{Child, Output};
use std::time::{Duration, Instant};

use rimforge::data::PrepareConfig;
use rimforge::data::cohort_inputs::CohortInputs;
use rimforge::observer::Silent;

use crate::cohort_files::{self, CohortFiles};
use crate::tiny_runs::{TinyRuns, finish};

/// Waits until the study has written `file`.
fn reached(child: &mut Child, file: &Path) {
    let start = Instant::now();
    while !file.exists() {
        assert!(child.try_wait().unwrap().is_none(), "ended before {}", file.display());
        assert!(start.elapsed() < Duration::from_secs(300), "no {}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_volume_that_is_rewritten_between_stages_is_noticed_and_the_next_run_takes_it() {
    let tiny = TinyRuns::new();
    let out = tiny.at("out");
    let chimap = tiny.cohort().join("sub-002/anat/sub-002_Chimap.nii.gz");
    let mut child = tiny.command("run", &out).spawn().unwrap();
    reached(&mut child, &out.join("data/record.json"));
    // The same bytes at another time are no change; others are.
    // In one step, or the study might read half of it.
    let again = chimap.with_extension("again");
    fs::copy(&chimap, &again).unwrap();
    fs::rename(&again, &chimap).unwrap();
    reached(&mut child, &out.join("gan/record.json"));
    let other: Vec<f32> = cohort_files::susceptibility(2).iter().map(|value| value / 3.0).collect();
    cohort_files::nifti(&chimap, &other, 0.0);
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("sub-002_Chimap.nii.gz: changed while the study was at work"), "{said}");
    assert!(!out.join("results.json").exists());
    let said = text(&finish(&mut tiny.command("run", &out)));
    assert!(said.contains("prepare: settings or inputs changed; older results are in"), "{said}");
    assert!(out.join("results.json").exists());
}

#[test]
fn every_file_that_is_read_counts_and_no_other() {
    let cohort = CohortFiles::new(3);
    let config = PrepareConfig::default();
    let read = || CohortInputs::read(&cohort.root, &[&config], &Silent).unwrap();
    let before = read();
    let held = |before: &CohortInputs| before.require_unchanged(&cohort.root, &[&config], &Silent);
    held(&before).unwrap();
    fs::write(cohort.root.join("notes.txt"), "later").unwrap();
    held(&before).unwrap();
    let changed = |path: &Path| {
        let before = read();
        let whole = fs::read(path).ok();
        fs::write(path, b"{\"Units\": \"ppm\"}").unwrap();
        let said = held(&before).unwrap_err().to_string();
        match whole {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        held(&before).unwrap();
        said
    };
    for path in [cohort.chimap(2), cohort.label_map(3), cohort.root.join("participants.tsv")] {
        assert!(changed(&path).contains("changed while the study was at work"), "{}", path.display());
    }
    // A sidecar that was not there.
    let sidecar = cohort.root.join("sub-001/anat/sub-001_Chimap.json");
    assert!(changed(&sidecar).contains("sub-001_Chimap.json: changed while"));
    cohort.edit_table(|table| table.replace("sub-001\t1\t1\t1", "sub-001\t1\t0\t1"));
    assert!(held(&before).unwrap_err().to_string().contains("lesions.tsv: changed while"));
}

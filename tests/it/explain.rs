//! `rimforge explain` through the program: what it says with and without the truth, what it refuses, and that a killed
//! run ends as one that was not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rimforge::records::explain::ExplanationRecord;
use rimforge::records::study::StudyRecord;

use crate::classify::{Folders, classify, prepared, text};
use crate::tiny_runs::TinyRuns;

fn rimforge(command: &str, folder: &Path, more: &str) -> Command {
    let mut run = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    run.current_dir(folder).arg(command).args(more.split_whitespace());
    run
}

fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    output
}

fn record(folder: &Path) -> ExplanationRecord {
    serde_json::from_slice(&fs::read(folder.join("record.json")).unwrap()).unwrap()
}

/// Says why not, with the exit code.
fn refused(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), text(&output))
}

/// Rings and discs without a cohort, and a comparison of two arms on them.
fn compared() -> Folders {
    let folders = prepared();
    let output = classify(&folders, "out", &["--seeds", "2", "--arms", "none,ada-gan-ld"]);
    assert!(output.status.success(), "{}", text(&output));
    folders
}

const QUICK: &str = "--device cpu --threads 1 --data data --classify out --lesions 8 --orders 1 --steps 4 --draws 100";

fn explain(folders: &Folders, more: &str) -> Command {
    let root = folders.at("data").parent().unwrap().to_owned();
    rimforge("explain", &root, &format!("{QUICK} {more}"))
}

#[test]
fn without_a_cohort_it_says_what_is_not_known_and_the_rest_is_there() {
    let folders = compared();
    let output = done(explain(&folders, "--out maps"));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("deletion, lower is better") && shown.contains("None random order"), "{shown}");
    let found = record(&folders.at("maps"));
    assert_eq!((found.lesions.len(), found.patients, found.class.as_str()), (8, 8, "rim"));
    assert!(found.truth.is_none() && found.chance.is_empty());
    assert!(found.notes.iter().any(|note| note.contains("cannot be simulated without their rims")), "{found:?}");
    assert!(found.notes.iter().any(|note| note.contains("No rim of these lesions was traced")), "{found:?}");
    let [none, ld] = &found.arms[..] else { panic!("{found:?}") };
    assert_eq!((none.name.as_str(), ld.name.as_str(), none.fits.len()), ("None", "ADA-GAN-LD", 2));
    assert!(none.effect.is_none());
    let maps: Vec<&str> = none.maps.iter().map(|map| map.key.as_str()).collect();
    assert_eq!(maps, ["cam", "grad-cam", "hires-cam", "edges", "middle"]);
    for map in none.maps.iter().chain(&ld.maps) {
        assert_eq!(map.scores.keys().collect::<Vec<_>>(), ["deletion", "insertion"]);
        assert!(map.scores.values().all(|i| i.low <= i.value && i.value <= i.high), "{map:?}");
        assert_eq!(map.cascade.len(), if map.of_classifier { 7 } else { 0 });
    }
    assert!(none.maps[0].minus_first_arm.is_empty() && ld.maps[0].minus_first_arm.len() == 2);
    assert!(folders.at("maps/maps.png").is_file());
    // The hashes are those of the comparison's record, and the same command gives the same record.
    let comparison: serde_json::Value =
        serde_json::from_slice(&fs::read(folders.at("out/record.json")).unwrap()).unwrap();
    assert_eq!(comparison["fits"].as_array().unwrap().len(), 4);
    assert_eq!(comparison["fits"][0]["sha256"], none.fits[0].sha256.as_str());
    done(explain(&folders, "--out maps"));
    assert_eq!(record(&folders.at("maps")), found);
}

#[test]
fn what_is_not_as_the_comparison_left_it_is_refused() {
    let folders = compared();
    let (code, said) = refused(explain(&folders, "--out maps --arms none,oracle"));
    assert!(code == Some(2) && said.contains("arm Oracle, which was not compared"), "{said}");
    let (code, said) = refused(explain(&folders, "--out out"));
    assert!(code == Some(2) || code == Some(4), "{said}");
    let root = folders.at("data").parent().unwrap().to_owned();
    let elsewhere = format!("{QUICK} --out maps").replace("--classify out", "--classify data");
    let (code, said) = refused(rimforge("explain", &root, &elsewhere));
    assert!(code == Some(3), "{code:?} {said}");

    // One weight is another: the hash tells; without hashes, as older versions left a record, the scores do.
    let path = folders.at("out/fits/none-seed0.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    changed[8 + header..8 + header + 4].copy_from_slice(&8f32.to_le_bytes());
    fs::write(&path, &changed).unwrap();
    let (code, said) = refused(explain(&folders, "--out maps"));
    assert!(code == Some(3) && said.contains("changed since it was fitted"), "{said}");
    let record_path = folders.at("out/record.json");
    let kept = fs::read_to_string(&record_path).unwrap();
    let mut older: serde_json::Value = serde_json::from_str(&kept).unwrap();
    older.as_object_mut().unwrap().remove("fits");
    fs::write(&record_path, older.to_string()).unwrap();
    let (code, said) = refused(explain(&folders, "--out maps"));
    assert!(code == Some(3) && said.contains("scored otherwise than its file says"), "{said}");
    fs::write(&path, &whole).unwrap();
    done(explain(&folders, "--out older"));
    assert!(record(&folders.at("older")).notes[0].contains("older version"));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (code, said) = refused(explain(&folders, "--out maps"));
    assert!(code == Some(3) && said.contains("none-seed0.safetensors"), "{said}");
    fs::write(&path, &whole).unwrap();
    fs::write(&record_path, &kept[..kept.len() / 2]).unwrap();
    let (code, said) = refused(explain(&folders, "--out maps"));
    assert!(code == Some(3) && said.contains("record.json"), "{said}");
    assert!(!folders.at("maps/record.json").exists());
}

/// A small simulated cohort, prepared, with one classifier of little training.
fn simulated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    done(rimforge("simulate", root, "--preset tiny --patients 12 --out cohort"));
    let prepare = "--cohort cohort --out data --test-fraction 0.4 --validation-fraction 0.2";
    done(rimforge("prepare", root, prepare));
    let learn = "--data data --out out --arms none --seeds 1 --epochs 4 --device cpu --threads 1";
    done(rimforge("classify", root, learn));
    folder
}

const WITH_TRUTH: &str = "--arms none --cohort cohort --simulated-by tiny --simulated-patients 12";

#[test]
fn a_simulated_cohort_has_the_truth_and_a_killed_run_ends_as_one_that_was_not() {
    let folder = simulated();
    let root = folder.path();
    let run = |more: &str| rimforge("explain", root, &format!("{QUICK} {WITH_TRUTH} {more}"));
    done(run("--out whole"));
    let found = record(&root.join("whole"));
    let truth = found.truth.as_ref().unwrap();
    assert!(found.simulated && truth.lesions >= 2 && truth.apart_ppb < 0.07, "{truth:?}");
    let traced = found.lesions.iter().filter(|lesion| lesion.traced > 0).count();
    assert!(traced >= 2, "{:?}", found.lesions);
    for lesion in found.lesions.iter().filter(|lesion| lesion.rim_changes.is_some()) {
        let change = lesion.rim_changes.unwrap();
        assert!((5.0..120.0).contains(&change) && lesion.scores[0].without_rim.is_some(), "{lesion:?}");
    }
    let arm = &found.arms[0];
    let effect = arm.effect.as_ref().unwrap();
    let expected = effect.with_rim.value - effect.without_rim.value;
    assert!((effect.difference.value - expected).abs() < 1e-9);
    let score = |key: &str, measure: &str| arm.maps.iter().find(|map| map.key == key).unwrap().scores[measure].value;
    // The truth agrees with itself, and lies in the rim that was traced: several times what an even map has there.
    assert!((score("truth", "truth-correlation") - 1.0).abs() < 1e-9);
    assert!((score("truth", "truth-overlap") - 1.0).abs() < 1e-9);
    assert!(score("truth", "energy") > 3.0 * found.chance["energy"].value, "{found:?}");
    assert!(score("truth", "truth-correlation") > score("truth-on-grid", "truth-correlation"));

    // Killed as soon as the first lesion without its rim lies there; half of one is then made again.
    let mut child = run("--out killed").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let twins = root.join("killed/twins");
    let start = Instant::now();
    let notes = || fs::read_dir(&twins).map_or(0, |all| all.filter(ends_in_json).count());
    while notes() == 0 && child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(notes() > 0 && !root.join("killed/record.json").exists());
    let some = fs::read_dir(&twins).unwrap().map(|one| one.unwrap().path());
    let some = some.filter(|path| path.extension().is_some_and(|ending| ending == "npy")).min().unwrap();
    let bytes = fs::read(&some).unwrap();
    fs::write(&some, &bytes[..bytes.len() / 2]).unwrap();
    done(run("--out killed"));
    for file in ["record.json", "maps.png"] {
        assert!(fs::read(root.join("killed").join(file)).unwrap() == fs::read(root.join("whole").join(file)).unwrap());
    }
    assert_eq!(fs::read(&some).unwrap(), bytes);

    // The label maps of another cohort with the same patients: only the file's date differs here.
    let patients = fs::read_dir(root.join("cohort/derivatives/lesions")).unwrap().map(|entry| entry.unwrap().path());
    let maps = patients.filter(|path| path.is_dir()).map(|path| {
        let id = path.file_name().unwrap().to_string_lossy().into_owned();
        path.join("anat").join(format!("{id}_desc-lesions_dseg.nii.gz"))
    });
    let maps: Vec<(PathBuf, Vec<u8>)> =
        maps.filter(|map| map.exists()).map(|map| (map.clone(), fs::read(&map).unwrap())).collect();
    assert!(!maps.is_empty());
    for (map, own) in &maps {
        fs::write(map, [&own[..4], &[0, 0, 0, 1], &own[8..]].concat()).unwrap();
    }
    let (code, said) = refused(run("--out strange"));
    assert!(code == Some(3) && said.contains("another file than the data set's"), "{said}");
    for (map, own) in &maps {
        fs::write(map, own).unwrap();
    }
    // Settings of another cohort, and patients that they do not make.
    let (code, said) = refused(run("--out other --simulated-seed 5"));
    assert!(code == Some(3) && said.contains("ppb from those that are simulated again"), "{said}");
}

fn ends_in_json(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".json"))
}

#[test]
fn a_study_explains_where_it_is_asked_to_and_the_report_says_what_is_absent() {
    let tiny = TinyRuns::new();
    let run = |out: &str, more: &[&str]| {
        let mut command = tiny.command("run", &tiny.at(out));
        more.iter().for_each(|setting| {
            command.args(["--set", *setting]);
        });
        command.output().unwrap()
    };
    let (code, said) = {
        let output = run("none", &["explain.arms=['none', 'affine']"]);
        (output.status.code(), text(&output))
    };
    assert!(code == Some(2) && said.contains("classify.arms without it"), "{said}");
    assert!(!tiny.at("none/data").exists());
    let settings = ["explain.arms=['none', 'ada-gan+ld']", "explain.draws=100", "explain.steps=4"];
    let output = run("all", &settings);
    assert!(output.status.success(), "{}", text(&output));
    let results: StudyRecord = serde_json::from_slice(&fs::read(tiny.at("all/results.json")).unwrap()).unwrap();
    let explanation = results.explanation.unwrap();
    assert!(explanation.truth.is_none() && explanation.arms.len() == 2);
    let page = fs::read_to_string(tiny.at("all/report/index.html")).unwrap();
    assert!(page.contains("What do the classifiers look at?"), "no section");
    assert!(
        page.contains("cannot be simulated without their rims") && !page.contains("The same lesions without their")
    );
    // Done before, kept; a study without the section has neither stage nor words.
    let again = run("all", &settings);
    assert!(text(&again).contains("explain: done before, kept"), "{}", text(&again));
    let output = run("plain", &[]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(!tiny.at("plain/explanation").exists());
    assert!(!fs::read_to_string(tiny.at("plain/report/index.html")).unwrap().contains("What do the classifiers"));
}

//! Every arm of the comparison in a study that makes what they need, and what is refused before anything runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use rimforge::classify::Arm;
use rimforge::records::classify::ClassifyRecord;
use rimforge::records::spelling;
use rimforge::records::study::StudyRecord;
use rimforge::study::RimStudy;

use crate::classify::{classify, prepared, record, text};
use crate::settings::load_any;
use crate::tiny_runs::TinyRuns;

/// A third of all lesions are rims by this table; nothing but the oracle arm and scoring reads it.
pub fn write_truth(cohort: &Path) {
    let folder = cohort.join("derivatives/truth");
    std::fs::create_dir_all(&folder).unwrap();
    let mut table = String::from("participant_id\tlesion_id\ttrue_rim\n");
    for patient in 1..=14 {
        for lesion in 1..=3 {
            table.push_str(&format!("sub-{patient:03}\t{lesion}\t{}\n", u8::from(lesion == 1)));
        }
    }
    std::fs::write(folder.join("truth.tsv"), table).unwrap();
}

/// Names of all arms of a study of rim lesions: of none that takes images of every class.
fn names() -> BTreeSet<&'static str> {
    let arm = |name: &str| serde_json::from_value::<Arm>(name.into()).unwrap();
    spelling::names::<Arm>().iter().copied().filter(|name| arm(name).share().is_none()).collect()
}

/// The same as a setting.
fn all() -> String {
    let names: Vec<String> = names().iter().map(|name| format!("'{name}'")).collect();
    format!("classify.arms=[{}]", names.join(","))
}

/// `rimforge run` of the tiny study with settings over it.
pub fn study(tiny: &TinyRuns, out: &str, settings: &[&str]) -> Output {
    let mut command = tiny.command("run", &tiny.at(out));
    for setting in settings {
        command.args(["--set", *setting]);
    }
    command.output().unwrap()
}

#[test]
fn a_study_makes_what_its_arms_need_and_every_arm_says_what_it_added() {
    let tiny = TinyRuns::new();
    write_truth(tiny.cohort());
    let all = all();
    let two_sided = "two_sided.calibrate=validation";
    let settings =
        [all.as_str(), "conditional.kimg=0.024", two_sided, "classify.seeds=1", "classify.deep_smote_epochs=2"];
    let output = study(&tiny, "all", &settings);
    assert!(output.status.success(), "{}", text(&output));
    let results: StudyRecord = serde_json::from_slice(&std::fs::read(tiny.at("all/results.json")).unwrap()).unwrap();
    let record: &ClassifyRecord = &results.classify;
    assert_eq!(record.arms.len(), names().len());
    let stages: Vec<&str> = results.stages.iter().map(|stage| stage.stage.as_str()).collect();
    assert!(stages.contains(&"project-rims") && stages.contains(&"project-non-rims"), "{stages:?}");
    // Of six synthetic lesions the choosing arms leave half, so all add three.
    assert_eq!(record.extra_rims, 3);
    let said = |name: &str| {
        let arm = record.arms.iter().find(|arm| arm.name == name);
        arm.unwrap_or_else(|| panic!("no {name}")).description.clone()
    };
    for (name, added) in [
        ("Ambiguous", "3 contested as rim"),
        ("Ambiguous as non-rim", "3 contested as non-rim"),
        ("Soft label", "3 contested as rim with probability 0.50"),
        ("EM", "3 contested as rim with probability"),
        ("SMOTE", "3 slice between rims as rim"),
        ("DeepSMOTE", "3 decoded slice between rims as rim"),
        ("DeepSMOTE (code)", "3 decoded slice between rims as rim"),
        ("Latent SMOTE", "3 image between projected rims as rim"),
        ("ADA-GAN", "3 synthetic rim as rim"),
        ("ADA-cGAN", "3 synthetic rim of the conditional generator as rim"),
        ("ADA-GAN, agreed", "3 synthetic rim as rim"),
        ("ADA-GAN, realistic", "3 synthetic rim as rim"),
        ("ADA-GAN-LD", "3 denoised contested as rim"),
        ("ADA-GAN-LD, matched", "3 projected rim as rim, 3 projected non-rim as non-rim"),
        ("Projected non-rims", "3 projected non-rim as rim"),
        ("Projection mixup", "3 contested mixed with its projection as rim with probability"),
        ("Two-sided", "3 contested as rim with probability"),
        ("Two-sided, image", "3 projection of a contested one as what it fits better as rim with probability"),
        ("Random latents", "3 image set of random latents as rim"),
        ("Generator's mean", "3 image of the generator's mean as rim"),
    ] {
        assert!(said(name).contains(added), "{name}: {}", said(name));
    }
    assert!(said("Oracle").contains("contested as"), "{}", said("Oracle"));
    assert!(record.notes.iter().any(|note| note.starts_with("EM: ")), "{:?}", record.notes);
    let fits = std::fs::read_dir(tiny.at("all/classify/fits")).unwrap().count();
    assert_eq!(fits, record.arms.len());

    // Codes of other lesions, put in the place of those that the record was written with.
    let file = std::fs::read_dir(tiny.at("all")).unwrap().map(|entry| entry.unwrap().path().join("projected_w.npz"));
    let rims = file.filter(|file| file.exists() && file.to_string_lossy().contains("rims")).find(|file| {
        let record = std::fs::read_to_string(file.with_file_name("record.json")).unwrap();
        record.contains("\"role\": \"rim\"")
    });
    let rims = rims.unwrap();
    let own = std::fs::read(&rims).unwrap();
    let mut other = own.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    std::fs::write(&rims, other).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("rimforge").unwrap();
    command.arg("classify").arg("--data").arg(tiny.at("all/data")).arg("--projected-rims").arg(rims.parent().unwrap());
    command.arg("--network").arg(tiny.at("all/gan")).args([
        "--arms",
        "none,latent-smote",
        "--primary-arm",
        "latent-smote",
    ]);
    let output = command.args(["--seeds", "1", "--epochs", "1", "--out"]).arg(tiny.at("swapped")).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("projected_w.npz: SHA-256"), "{}", text(&output));
    std::fs::write(&rims, own).unwrap();

    // A stage that was stopped before its record makes nothing anew.
    let made = |name: &str| std::fs::metadata(tiny.at("all/classify/made").join(name)).unwrap().modified().unwrap();
    let before = ["cross-fit-0.safetensors", "cross-fit-1.safetensors", "deep-smote.safetensors"].map(made);
    let stamp = tiny.at("all/.stages/classify.json");
    let mut stopped: serde_json::Value = serde_json::from_slice(&std::fs::read(&stamp).unwrap()).unwrap();
    stopped["record"] = serde_json::Value::Null;
    std::fs::write(&stamp, stopped.to_string()).unwrap();
    let again = study(&tiny, "all", &settings);
    assert!(again.status.success(), "{}", text(&again));
    assert_eq!(["cross-fit-0.safetensors", "cross-fit-1.safetensors", "deep-smote.safetensors"].map(made), before);
}

#[test]
fn a_study_whose_arms_cannot_have_their_material_does_not_begin() {
    let tiny = TinyRuns::new();
    for (settings, says) in [
        (&["classify.arms=['none', 'oracle']"][..], "with a cohort that knows no truth"),
        (&["classify.arms=['none', 'ada-cgan']"][..], "a section [conditional]"),
        (&["classify.arms=['ada-gan-agreement']", "generate.seeds='3'"][..], "the arm chooses"),
        (&["classify.arms=['mixup']", "project.class=rim"][..], "\"mixup\" in classify.arms"),
    ] {
        let output = study(&tiny, "none", settings);
        assert_eq!(output.status.code(), Some(2), "{settings:?}: {}", text(&output));
        assert!(text(&output).contains(says), "{settings:?}: {}", text(&output));
        assert!(!tiny.at("none/data").exists(), "{settings:?}: it began");
    }
}

#[test]
fn the_studies_that_come_along_can_be_used_and_the_full_one_has_every_arm() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("studies");
    for file in std::fs::read_dir(&folder).unwrap() {
        load_any(&file.unwrap().path()).unwrap();
    }
    let full = RimStudy::load(&folder.join("rim-lesions-full.toml"), &[]).unwrap();
    let named: BTreeSet<String> = full.classify.arms.iter().map(|arm| arm.key()).collect();
    // Its slices are mirrored, turned and shifted in every arm.
    let all: BTreeSet<String> = names().into_iter().filter(|name| *name != "classical").map(str::to_owned).collect();
    assert_eq!(named, all);
    // Every instrument, too, and projections that keep rims.
    assert!(full.conditional.is_some() && full.two_sided.is_some() && full.multi_contrast.is_some());
    assert!(full.evaluate.is_some() && full.explain.is_some() && full.segment.is_some());
    assert!(full.project.towards_rim > 0.0 && !full.project.curve.is_empty() && full.generators > 2);
}

#[test]
fn the_command_names_the_option_that_gives_what_an_arm_lacks() {
    let folders = prepared();
    for (arm, says) in [
        ("random-latents", "(--network)"),
        ("latent-smote", "(--projected-rims)"),
        ("source-matched", "(--projected-rims)"),
        ("projected-non-rims", "(--projected-non-rims)"),
        ("oracle", "(--truth)"),
        ("two-sided", "(--two-sided)"),
        ("ada-cgan", "(--conditional)"),
    ] {
        let output = classify(&folders, "lacking", &["--arms", arm]);
        assert_eq!(output.status.code(), Some(2), "{arm}: {}", text(&output));
        assert!(text(&output).contains(says), "{arm}: {}", text(&output));
    }
}

#[test]
fn an_addition_of_no_weight_scores_as_none_and_in_place_displaces() {
    let folders = prepared();
    let scores = |out: &str, more: &[&str]| {
        let arms = ["--arms", "none,ada-gan", "--seeds", "1"];
        let output = classify(&folders, out, &[&arms[..], more].concat());
        assert!(output.status.success(), "{}", text(&output));
        record(&folders, out).arms.into_iter().map(|arm| (arm.against_readers, arm.description)).collect::<Vec<_>>()
    };
    let nothing = scores("nothing", &["--extra-weight", "0"]);
    assert_eq!(nothing[0].0, nothing[1].0);
    let on_top = scores("on-top", &[]);
    assert_eq!(on_top[0].0, nothing[0].0);
    assert_ne!(on_top[1].0, nothing[1].0);
    let in_place = scores("in-place", &["--additions", "in-place", "--augment", "none"]);
    assert_ne!(in_place[1].0, on_top[1].0);
}

/// A generator that gives a training image back would do the same: the image is known as the test side's.
#[test]
fn a_test_slice_among_the_synthetic_ones_is_caught_even_mirrored() {
    let folders = prepared();
    for (mirrored, says) in [(false, "a leak: a slice (synthetic rim) is test slice"), (true, "a leak")] {
        crate::classify::leak(&folders, mirrored);
        let output = classify(&folders, "leaked", &["--arms", "none,ada-gan", "--seeds", "1"]);
        assert_eq!(output.status.code(), Some(5), "{}", text(&output));
        assert!(text(&output).contains(says), "{}", text(&output));
    }
    let clean = classify(&folders, "clean", &["--arms", "none", "--seeds", "1"]);
    assert!(clean.status.success(), "where no arm learns from it there is nothing to refuse: {}", text(&clean));
}

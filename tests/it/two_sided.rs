//! Contested lesions projected as of either class: through a study, through the command, and what is refused.

use std::path::PathBuf;
use std::process::Output;

use rimforge::records::study::StudyRecord;
use rimforge::records::two_sided::TwoSidedRecord;

use crate::arms::{study, write_truth};
use crate::classify::text;
use crate::tiny_runs::TinyRuns;

fn results(tiny: &TinyRuns) -> StudyRecord {
    serde_json::from_slice(&std::fs::read(tiny.at("two/results.json")).unwrap()).unwrap()
}

/// The command on the study's own folders.
fn compare(tiny: &TinyRuns, out: &str, [of_interest, other]: [&str; 2]) -> Output {
    let mut command = assert_cmd::Command::cargo_bin("rimforge").unwrap();
    let folder = |name: &str| -> PathBuf { tiny.at("two").join(name) };
    command.arg("two-sided").args(["--seed", "1"]).arg("--data").arg(folder("data"));
    command.arg("--of-interest").arg(folder(of_interest)).arg("--other").arg(folder(other));
    command.arg("--out").arg(tiny.at(out)).output().unwrap()
}

const BOTH: [&str; 2] = ["contested-as-rim", "contested-as-non-rim"];

#[test]
fn a_study_projects_both_ways_and_the_command_says_the_same_or_why_not() {
    let tiny = TinyRuns::new();
    write_truth(tiny.cohort());
    let arms = "classify.arms=['none', 'two-sided', 'two-sided-image']";
    let settings =
        [arms, "conditional.kimg=0.024", "two_sided.seen=3", "classify.extra_weights=[0, 2]", "classify.seeds=1"];
    let output = study(&tiny, "two", &settings);
    assert!(output.status.success(), "{}", text(&output));
    let found = results(&tiny);
    let record = found.two_sided.clone().unwrap();
    assert_eq!(record.classes, ["rim", "non-rim"]);
    let contested: Vec<_> = record.lesions.iter().filter(|lesion| lesion.is_contested(&record.classes)).collect();
    assert!(!contested.is_empty());
    for lesion in &contested {
        let p = lesion.probability.unwrap();
        assert!(lesion.side == "train" && p > 0.0 && p < 1.0 && lesion.true_rim.is_some(), "{lesion:?}");
        assert!(lesion.loss_of_interest != lesion.loss_other, "{lesion:?}");
    }
    // Both sides of the split, and what is known of each: agreed lesions of the validation side calibrate.
    let sides: Vec<&str> = record.agreed.iter().map(|side| side.side.as_str()).collect();
    assert_eq!((sides, record.calibration.side.as_str()), (vec!["validation", "train"], "validation"));
    let truth = record.truth.as_ref().unwrap();
    assert_eq!(truth.lesions as usize, contested.len());
    let page = std::fs::read_to_string(tiny.at("two/report/index.html")).unwrap();
    assert!(page.contains("As what does a contested lesion fit better?") && page.contains("minus None"));

    // The curve: at weight 0 every arm is None, number by number; at 2 it is not.
    let classify = &found.classify;
    let none = &classify.arms[0];
    let weights = |weight: f64| classify.weights.iter().filter(move |point| point.extra_weight == weight);
    assert!(weights(0.0).count() >= 4 && weights(2.0).count() == weights(0.0).count());
    for point in weights(0.0) {
        let of_none = if point.against == "truth" { &none.against_truth } else { &none.against_readers };
        assert_eq!(point.value, of_none[&point.metric], "{} {}", point.arm, point.metric);
        assert_eq!(point.difference.as_ref().map(|found| (found.low, found.high)), Some((0.0, 0.0)));
    }
    for arm in ["two-sided", "two-sided-image"] {
        let fit = |name: String| {
            let file = rimforge::nets::weights::read_tensors(tiny.at("two/classify").join(name)).unwrap();
            file.tensors["scores.test"].shallow_clone()
        };
        let of_none = fit("fits/none-seed0.safetensors".into());
        assert!(fit(format!("weights/0/fits/{arm}-seed0.safetensors")).equal(&of_none));
        assert!(!fit(format!("weights/2/fits/{arm}-seed0.safetensors")).equal(&of_none));
    }

    // Held-out and contested lesions alone say the same of the contested.
    let output = compare(&tiny, "again", BOTH);
    assert!(output.status.success(), "{}", text(&output));
    let again: TwoSidedRecord = serde_json::from_slice(&std::fs::read(tiny.at("again/record.json")).unwrap()).unwrap();
    assert_eq!(again.calibration, record.calibration);
    assert!(again.truth.is_none() && again.lesions.iter().all(|lesion| lesion.true_rim.is_none()));
    for lesion in again.lesions.iter().filter(|lesion| lesion.is_contested(&again.classes)) {
        let before = contested.iter().find(|before| before.lesion_id == lesion.lesion_id).unwrap();
        assert_eq!((lesion.probability, &lesion.images), (before.probability, &before.images));
        let image = &lesion.images[0];
        let of_study = std::fs::read(tiny.at("two/two-sided").join(&image.image)).unwrap();
        assert_eq!(std::fs::read(tiny.at("again").join(&image.image)).unwrap(), of_study);
    }

    // What cannot be compared is refused by name.
    let output = compare(&tiny, "same", [BOTH[0], BOTH[0]]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("projected as rim; expected all as non-rim"), "{}", text(&output));
    let output = compare(&tiny, "odd", [BOTH[0], "rims-as-non-rim"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("is not projected as non-rim"), "{}", text(&output));
    let output = {
        let mut command = assert_cmd::Command::cargo_bin("rimforge").unwrap();
        let both = [BOTH[0], BOTH[0]].map(|name| tiny.at("two").join(name));
        command.arg("two-sided").arg("--data").arg(tiny.at("two/data")).arg("--of-interest");
        command.arg(format!("{},{}", both[0].display(), both[1].display()));
        command.arg("--other").arg(tiny.at("two").join(BOTH[1])).arg("--out").arg(tiny.at("twice")).output().unwrap()
    };
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    assert!(text(&output).contains("is projected as rim twice"), "{}", text(&output));
    let path = tiny.at("two").join(BOTH[1]).join("record.json");
    let own = std::fs::read_to_string(&path).unwrap();
    let record: serde_json::Value = serde_json::from_str(&own).unwrap();
    for (key, says) in [("settings_sha256", "projected with other settings"), ("data_sha256", "of data another")] {
        let found = record[key].as_str().unwrap();
        std::fs::write(&path, own.replace(found, "another")).unwrap();
        let output = compare(&tiny, "other", BOTH);
        assert_eq!(output.status.code(), Some(5), "{key}: {}", text(&output));
        assert!(text(&output).contains(says), "{key}: {}", text(&output));
    }
    let odd = [("slice", 4_294_967_296u64, "slice 4294967296 of a patch"), ("distance", 0, "a distance of 0")];
    for (key, value, says) in odd {
        let mut changed = record.clone();
        changed["lesions"][0][key] = value.into();
        std::fs::write(&path, changed.to_string()).unwrap();
        let output = compare(&tiny, "odd", BOTH);
        assert!(output.status.code() == Some(3) && text(&output).contains(says), "{key}: {}", text(&output));
    }
    std::fs::write(&path, own).unwrap();
    classes_that_are_learnt(&tiny);
    let image = std::fs::read_dir(tiny.at("two/contested-as-rim/images")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&image).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&image, bytes).unwrap();
    let other = tiny.at("two/contested-as-non-rim/images").join(image.file_name().unwrap());
    let mut bytes = std::fs::read(&other).unwrap();
    bytes[last] ^= 1;
    std::fs::write(&other, bytes).unwrap();
    let output = compare(&tiny, "changed", BOTH);
    assert_eq!(output.status.code(), Some(5), "{}", text(&output));
    assert!(text(&output).contains("not the image that the record lists"), "{}", text(&output));
    assert!(!tiny.at("changed/record.json").exists());
}

/// What was drawn or projected as of the other class is not learnt as of interest, and a record is held to itself.
fn classes_that_are_learnt(tiny: &TinyRuns) {
    let at = |name: &str| tiny.at("two").join(name).to_str().unwrap().to_owned();
    let program = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("rimforge").unwrap();
        command.args(arguments).output().unwrap()
    };
    let (data, network, drawn) = (at("data"), at("gan-conditional"), at("as-non-rim"));
    let output = program(&["generate", "--network", &network, "--class", "non-rim", "--seeds", "0-5", "--out", &drawn]);
    assert!(output.status.success(), "{}", text(&output));
    let refused = |arms: &str, more: &[&str], code: i32, says: &str| {
        let out = at("refused");
        let fixed = ["classify", "--data", &data, "--out", &out, "--arms", arms, "--seeds", "1", "--epochs", "1"];
        let output = program(&[&fixed, more].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output));
        assert!(text(&output).contains(says), "{says}: {}", text(&output));
    };
    let others = at(BOTH[1]);
    refused("none,ada-gan", &["--synthetic", &drawn], 5, "images of class non-rim; expected images of class rim");
    refused("none,ada-cgan", &["--conditional", &drawn], 5, "generate with --class rim");
    refused("none,ada-gan-ld", &["--denoised", &others], 5, "projected as non-rim; expected all as rim");
    let path = tiny.at("two/two-sided/record.json");
    let own = std::fs::read_to_string(&path).unwrap();
    let record: serde_json::Value = serde_json::from_str(&own).unwrap();
    let contested = record["lesions"].as_array().unwrap().iter().position(|one| one["class"] == "ambiguous").unwrap();
    for (value, says) in [(2.0, "a probability of 2 of"), (-0.25, "a probability of -0.25 of")] {
        let mut changed = record.clone();
        changed["lesions"][contested]["probability"] = value.into();
        std::fs::write(&path, changed.to_string()).unwrap();
        refused("none,two-sided", &["--two-sided", &at("two-sided")], 3, says);
    }
    let mut changed = record.clone();
    let mut twin = changed["lesions"][contested].clone();
    twin["probability"] = 0.5.into();
    changed["lesions"].as_array_mut().unwrap().push(twin);
    std::fs::write(&path, changed.to_string()).unwrap();
    refused("none,two-sided", &["--two-sided", &at("two-sided")], 3, "twice; expected each lesion once");
    std::fs::write(&path, own).unwrap();
}

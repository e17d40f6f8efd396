//! Records, units and logs that something else than the program changed, where nothing else would notice.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::tiny_runs::{TinyRuns, finish};

fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.args(arguments);
    command
}

/// Of images that are taken out: each once, each with its own class, within windows that there can be.
#[test]
fn a_record_of_drawn_images_is_held_to_itself() {
    let tiny = TinyRuns::new();
    let (gan, drawn) = (tiny.at("gan"), tiny.at("drawn"));
    finish(&mut tiny.command("train", &gan));
    let mut generate = program(&["generate", "--seeds", "0-5", "--format", "npy", "--device", "cpu", "--network"]);
    finish(generate.arg(&gan).arg("--out").arg(&drawn));
    let record = drawn.join("record.json");
    let own = fs::read(&record).unwrap();
    let export = |out: &str| {
        let mut command = program(&["export", "bids", "--synthetic"]);
        command.arg(&drawn).arg("--out").arg(tiny.at(out)).output().unwrap()
    };
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 4] = [
        (|record| record["image_classes"] = json!(["rim"]), "1 classes of"),
        (
            |record| {
                let first = record["images"][0].clone();
                record["images"].as_array_mut().unwrap().push(first);
            },
            "twice among its images",
        ),
        (|record| record["contrasts"][0]["window"] = json!({"low": -1e308, "high": 1e308}), "two finite numbers"),
        (|record| record["contrasts"][0]["window"] = json!({"low": 1.0, "high": 1.0}), "two finite numbers"),
    ];
    for (change, says) in changes {
        fs::write(&record, &own).unwrap();
        edit(&record, change);
        let output = export("refused");
        assert!(output.status.code() == Some(3) && said(&output).contains(says), "{says}: {}", said(&output));
        assert!(said(&output).contains("record.json") && !tiny.at("refused/dataset_description.json").exists());
    }
    // The classifier asks for the classes, too.
    fs::write(&record, &own).unwrap();
    edit(&record, |record| record["image_classes"] = json!(["rim"]));
    let mut classify = program(&["classify", "--arms", "none,ada-gan", "--seeds", "1", "--epochs", "1", "--data"]);
    classify.arg(tiny.at("data")).arg("--synthetic").arg(&drawn).arg("--out").arg(tiny.at("classes"));
    let output = classify.output().unwrap();
    assert!(output.status.code() == Some(3) && said(&output).contains("1 classes of"), "{}", said(&output));

    // A value that is no number, whose file has the hash that the record has.
    fs::write(&record, &own).unwrap();
    let file = drawn.join("seed0001.npy");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&file, &bytes).unwrap();
    edit(&record, |record| {
        let images = record["images"].as_array_mut().unwrap();
        let image = images.iter_mut().find(|image| image["path"] == "seed0001.npy").unwrap();
        image["sha256"] = json!(rimforge::digest::sha256(&bytes));
    });
    let output = export("nan");
    assert!(output.status.code() == Some(3) && said(&output).contains("not a number"), "{}", said(&output));

    // Nothing forbids these, but what learns from them is told.
    let far = [&bytes[..bytes.len() - 64 * 4], &2f32.to_le_bytes().repeat(64)[..]].concat();
    let copy = fs::read(drawn.join("seed0000.npy")).unwrap();
    fs::write(&record, &own).unwrap();
    for (name, bytes) in [("seed0001.npy", &far), ("seed0002.npy", &copy), ("seed0003.npy", &copy)] {
        fs::write(drawn.join(name), bytes).unwrap();
        edit(&record, |record| {
            let images = record["images"].as_array_mut().unwrap();
            let image = images.iter_mut().find(|image| image["path"] == name).unwrap();
            image["sha256"] = json!(rimforge::digest::sha256(bytes));
        });
    }
    let output = finish(&mut classify);
    let text = said(&output) + &String::from_utf8_lossy(&output.stdout);
    for says in [
        "2 of 6 synthetic images",
        "are copies of another one",
        "1 of 6 synthetic images",
        "far out of the network's range",
    ] {
        assert!(text.contains(says), "{says}: {text}");
    }
}

/// A plan does not call a unit done that a merge would refuse by its length or label, and a merge says which file.
#[test]
fn damaged_units_are_not_done_and_others_are_named_by_their_file() {
    let tiny = TinyRuns::new();
    let out = tiny.at("study");
    let study = |verb: &str, arguments: &[&str]| {
        let mut command = tiny.study(&[verb], &out, &[]);
        command.args(arguments);
        command
    };
    finish(&mut study("run", &["--before", "generate"]));
    finish(&mut study("run", &["--stage", "generate", "--shard", "0/1"]));
    let done = || {
        let plan: Value = serde_json::from_slice(&finish(&mut study("plan", &["--json"])).stdout).unwrap();
        let units = plan["units"].as_array().unwrap();
        let unit = units.iter().find(|unit| unit["stage"] == "generate").unwrap();
        (unit["done"].as_bool().unwrap(), unit["output"].as_str().unwrap().to_owned())
    };
    let (whole, path) = done();
    assert!(whole);
    let bytes = fs::read(&path).unwrap();
    for damaged in [&bytes[..10], &bytes[..bytes.len() - 1], b"hello"] {
        fs::write(&path, damaged).unwrap();
        assert!(!done().0, "{} bytes", damaged.len());
        let output = study("merge", &["--until", "generate"]).output().unwrap();
        assert!(output.status.code() == Some(3) && said(&output).contains(&path), "{}", said(&output));
    }
    // Whole, and of other files than this unit has.
    let lines: Vec<&[u8]> = bytes.splitn(3, |&byte| byte == b'\n').collect();
    let mut head: Value = serde_json::from_slice(lines[1]).unwrap();
    head["files"] = json!([["extra", 1]]);
    let body = [head.to_string().as_bytes(), b"\nx"].concat();
    let forged = [format!("rimforge-unit-1 {}\n", rimforge::digest::sha256(&body)).as_bytes(), &body].concat();
    fs::write(&path, forged).unwrap();
    let output = study("merge", &["--until", "generate"]).output().unwrap();
    let text = said(&output);
    assert!(output.status.code() == Some(3) && text.contains(&path) && text.contains("extra"), "{text}");
}

/// Nothing is written through a link that lies where a folder of a BIDS App's results is to be; other studies than of
/// rim lesions are no BIDS App's.
#[test]
fn a_bids_app_follows_no_link_and_runs_no_other_study() {
    let tiny = TinyRuns::new();
    let (out, elsewhere) = (tiny.at("app"), tiny.at("elsewhere"));
    fs::create_dir_all(&elsewhere).unwrap();
    fs::create_dir_all(&out).unwrap();
    std::os::unix::fs::symlink(&elsewhere, out.join("participants")).unwrap();
    let app = |level: &str, more: &[&str]| {
        let mut command = program(&["bids-app"]);
        command.arg(tiny.cohort()).arg(&out).arg(level).args(more).output().unwrap()
    };
    let output = app("participant", &["--participant_label", "001"]);
    assert!(output.status.code() == Some(2) && said(&output).contains("a link"), "{}", said(&output));
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    let study = tiny.at("glioma.toml");
    fs::write(&study, "kind = \"glioma\"\nname = \"x\"\nout = \"x\"\n").unwrap();
    for level in ["participant", "group"] {
        let output = app(level, &["--study", study.to_str().unwrap()]);
        assert!(
            output.status.code() == Some(2) && said(&output).contains("of the kind \"glioma\""),
            "{}",
            said(&output)
        );
    }
}

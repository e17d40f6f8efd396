//! Results that are replaced step by step: whatever fails between two steps, the folder has the result before, or none,
//! and the next run ends as if nothing had been there; what is the user's stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use rimforge::data::Prepared;
use rimforge::evaluate::require_images;
use rimforge::problem::Kind;
use serde_json::Value;

use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

/// A run with other settings that fails at the N-th operation of a kind, for one N after the other, as if it were
/// killed there; after each the folder is looked at and the run repeated.
fn between_all_steps(tiny: &TinyRuns, command: &str, other: &[&str], fault: &str) {
    let folder = |name: &str| tiny.at(&format!("{command}-{}-{name}", fault.replace(':', "")));
    let (out, straight) = (folder("out"), folder("straight"));
    finish(&mut tiny.with(command, &straight, other));
    let expected = outcome(&straight);
    finish(&mut tiny.command(command, &out));
    let before = outcome(&out);
    let mut failed = 0;
    for at in [1, 2, 5, 12] {
        let run = tiny.with(command, &out, other).env("RIMFORGE_FAULT", format!("{fault}:{at}+")).output().unwrap();
        let what = format!("{command} {fault}:{at}");
        if !run.status.success() {
            assert_eq!(run.status.code(), Some(4), "{what}: {}", String::from_utf8_lossy(&run.stderr));
            failed += 1;
            assert_neither_stale_nor_torn(&what, &out, [&before, &expected]);
        }
        // In turn on with what was begun, and back to the settings before.
        if at != 2 {
            finish(&mut tiny.with(command, &out, other));
            assert_same(&what, &out, &expected);
        }
        finish(&mut tiny.command(command, &out));
        assert_same(&format!("{what}, and back"), &out, &before);
        if run.status.success() {
            break;
        }
    }
    assert!(failed > 1, "{command}: {fault} failed {failed} times");
}

/// A record stands beside the whole result that it is of, or there is none; a file is of one of the two results, or
/// unfinished.
fn assert_neither_stale_nor_torn(what: &str, out: &Path, [before, after]: [&BTreeMap<String, String>; 2]) {
    let now = outcome(out);
    let Some(record) = now.get("record.json") else { return };
    let whole = [before, after].into_iter().find(|result| result.get("record.json") == Some(record));
    let whole = whole.unwrap_or_else(|| panic!("{what}: a record of neither result"));
    let differ = |name: &&String| name.as_str() != ".rimforge.json" && now.get(*name) != whole.get(*name);
    let missing: Vec<&String> = whole.keys().filter(differ).collect();
    assert!(missing.is_empty(), "{what}: a record beside other files than its own: {missing:?}");
}

#[test]
fn whatever_fails_between_the_steps_of_replacing_a_result_the_next_run_ends_alike() {
    let tiny = TinyRuns::new();
    for (command, other) in [
        ("project", &["--steps", "9", "--choose-features", "0", "--film", "0"][..]),
        ("perturb", &["--steps", "9"]),
        ("classify", &["--epochs", "3"]),
    ] {
        for fault in ["remove", "rename"] {
            between_all_steps(&tiny, command, other, fault);
        }
    }
}

/// Other lesions and other arms as well as other settings: what of the result before has no counterpart goes, too.
#[test]
fn a_run_of_other_lesions_or_arms_leaves_nothing_of_those_before() {
    let tiny = TinyRuns::new();
    let cases: [(&str, &[&str]); 3] = [
        ("project", &["--class", "rim", "--steps", "9", "--choose-features", "0", "--controls", "0"]),
        ("perturb", &["--seed", "9", "--steps", "9"]),
        ("classify", &["--arms", "none,affine", "--epochs", "3", "--seeds", "1"]),
    ];
    for (command, other) in cases {
        let (out, straight) = (tiny.at(&format!("{command}-out")), tiny.at(&format!("{command}-straight")));
        finish(&mut tiny.command(command, &out));
        let before = outcome(&out);
        fs::write(out.join("mine.txt"), b"mine").unwrap();
        finish(&mut tiny.with(command, &straight, other));
        finish(&mut tiny.with(command, &out, other));
        assert_eq!(fs::read(out.join("mine.txt")).unwrap(), b"mine");
        fs::remove_file(out.join("mine.txt")).unwrap();
        assert_same(command, &out, &outcome(&straight));
        finish(&mut tiny.command(command, &out));
        assert_same(&format!("{command}, and back"), &out, &before);
    }
}

#[test]
fn event_files_that_training_did_not_write_are_the_users() {
    let tiny = TinyRuns::new();
    let (out, straight) = (tiny.at("gan"), tiny.at("straight"));
    finish(&mut tiny.with("train", &out, &["--kimg", "0.032"]));
    let users = ["events.out.tfevents.0000000001.000000001.rimforge", "events.out.tfevents.2.mine", "events.txt"];
    users.iter().for_each(|name| fs::write(out.join(name), b"no record of TensorBoard's").unwrap());
    finish(&mut tiny.command("train", &out));
    for name in users {
        assert_eq!(fs::read(out.join(name)).unwrap(), b"no record of TensorBoard's", "{name}");
        fs::remove_file(out.join(name)).unwrap();
    }
    let mark: Value = serde_json::from_slice(&fs::read(out.join(".rimforge.json")).unwrap()).unwrap();
    let noted = mark["files"].as_array().unwrap().iter().filter_map(Value::as_str);
    let noted: Vec<&str> = noted.filter(|name| name.starts_with("events.")).collect();
    assert_eq!(noted.len(), 2, "one of each run: {noted:?}");
    assert!(noted.iter().all(|name| out.join(name).is_file()));
    finish(&mut tiny.command("train", &straight));
    let network = |folder: &Path| fs::read(folder.join("network-last.safetensors")).unwrap();
    assert!(network(&out) == network(&straight));
}

/// Five projected lesions are too few to be compared by themselves, which is no reason to lose the study.
#[test]
fn a_study_with_few_contested_lesions_is_evaluated_and_comes_to_its_end() {
    let tiny = TinyRuns::new();
    let study = fs::read_to_string(tiny.at("study.toml")).unwrap();
    fs::write(tiny.at("study.toml"), study + "[evaluate]\ndraws = 20\npairs = 20\npaths = 4\n").unwrap();
    let out = tiny.at("study");
    finish(&mut tiny.command("run", &out));
    let results: Value = serde_json::from_slice(&fs::read(out.join("results.json")).unwrap()).unwrap();
    let warnings = results["evaluation"]["warnings"].to_string();
    assert!(warnings.contains("denoised") && warnings.contains("does not stand by itself"), "{warnings}");
    assert!(out.join("report/index.html").is_file());
}

#[test]
fn too_few_held_out_images_are_told_before_a_network_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..8u8 {
        let path = folder.path().join(["images/rim", "images/other"][usize::from(number % 2)]);
        fs::create_dir_all(&path).unwrap();
        let mut encoder = png::Encoder::new(fs::File::create(path.join(format!("{number}.png"))).unwrap(), 16, 16);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = (0..=255u8).map(|at| at.wrapping_mul(31).wrapping_add(number * 17)).collect();
        encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    }
    let mut prepare = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    prepare.current_dir(folder.path()).args(["prepare", "--images", "images", "--rim-label", "rim", "--out", "data"]);
    finish(&mut prepare);
    let data = Prepared::open(folder.path().join("data")).unwrap();
    let problem = require_images(&data).unwrap_err();
    assert!(problem.kind() == Kind::Input && problem.to_string().contains("slices of rim for [evaluate]"), "{problem}");
}

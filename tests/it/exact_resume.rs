//! What is gone on with ends in the bytes of a run in one piece, or says why it cannot.

use std::path::{Path, PathBuf};
use std::process::Command;

use rimforge::files;
use serde_json::Value;

use crate::tiny_runs::{TinyRuns, assert_same, finish, outcome};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What a command says that must end with the exit code.
fn refused(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    said
}

fn said(command: &mut Command) -> String {
    String::from_utf8_lossy(&finish(command).stderr).into_owned()
}

/// Names a file that leads to itself, which no reader gets past: as a server that does not answer. The file is kept.
fn unreachable(path: &Path) -> impl FnOnce() + use<> {
    let (path, away) = (path.to_owned(), path.with_file_name("away"));
    std::fs::rename(&path, &away).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    move || {
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&away, &path).unwrap();
    }
}

/// The items of the folder in the list's order: those of the record.
fn items(out: &Path) -> Vec<PathBuf> {
    let images = json(&out.join("record.json"))["lesions"].as_array().unwrap().clone();
    let stem = |image: &Value| Path::new(image["image"].as_str().unwrap()).file_stem().unwrap().to_owned();
    images.iter().map(|image| out.join("items").join(stem(image)).with_extension("json")).collect()
}

#[test]
fn a_projection_killed_between_two_items_of_a_batch_ends_alike() {
    let tiny = TinyRuns::new();
    let straight = tiny.at("straight");
    for (number, more) in [&[][..], &["--space", "w-plus", "--start", "mean"]].into_iter().enumerate() {
        let out = tiny.at(&format!("out-{number}"));
        let project = |out: &Path| tiny.with("project", out, more);
        finish(&mut project(&straight));
        finish(&mut project(&out));
        let expected = outcome(&straight);
        assert_same("two runs", &out, &expected);
        let all = items(&out);
        assert!(all.len() > 10, "three batches, the last of them short");
        // Batches of five: killed after the second item of the first, after the first of the second; in the last.
        for missing in [&[2, 3, 4][..], &[6, 7, 8, 9, 10, 11], &[all.len() - 1], &[0, 7]] {
            for &at in missing {
                std::fs::remove_file(&all[at]).unwrap();
            }
            std::fs::remove_file(out.join("record.json")).unwrap();
            finish(&mut project(&out));
            assert_same(&format!("{more:?} without {missing:?}"), &out, &expected);
        }
        std::fs::remove_dir_all(&straight).unwrap();
    }
}

#[test]
fn a_longer_list_or_another_batch_makes_what_a_fresh_run_makes() {
    let tiny = TinyRuns::new();
    let (straight, out) = (tiny.at("straight"), tiny.at("out"));
    let project = |out: &Path, more: &[&str]| {
        tiny.with("project", out, &[&["--controls", "0", "--choose-features", "0"], more].concat())
    };
    finish(&mut project(&straight, &[]));
    let expected = outcome(&straight);
    for (first, second) in [(&["--limit", "2"][..], &[][..]), (&["--batch", "3"], &[])] {
        finish(&mut project(&out, first));
        let said = said(&mut project(&out, second));
        assert!(said.contains("projected beside others"), "{first:?}: {said}");
        assert_same(&format!("after {first:?}"), &out, &expected);
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn other_threads_and_instructions_are_refused_where_something_is_left_to_do() {
    let tiny = TinyRuns::new();
    let train = |kimg: &str, more: &[&str]| tiny.with("train", &tiny.at("gan"), &[&["--kimg", kimg], more].concat());
    finish(&mut train("0.032", &[]));
    // Done is done, whoever asks.
    finish(&mut train("0.032", &["--threads", "2"]));
    let said = refused(&mut train("0.064", &["--threads", "2"]), 2);
    for part in ["begun with 1 thread (now 2)", "--threads 1", "--elsewhere"] {
        assert!(said.contains(part), "{said}");
    }
    let said = refused(train("0.064", &[]).env("ATEN_CPU_CAPABILITY", "default"), 2);
    assert!(said.contains("instruction set") && said.contains("--elsewhere"), "{said}");
    let record = || json(&tiny.at("gan/record.json"));
    assert_eq!(record()["computed_with"].as_array().unwrap().len(), 1);
    finish(&mut train("0.064", &["--threads", "2", "--elsewhere"]));
    let computed = record()["computed_with"].clone();
    assert_eq!((&computed[0]["from_images"], &computed[1]["from_images"]), (&0.into(), &32.into()));
    assert_eq!((&computed[0]["arithmetic"]["threads"], &computed[1]["arithmetic"]["threads"]), (&1.into(), &2.into()));

    let project = |more: &[&str]| tiny.with("project", &tiny.at("out"), more);
    finish(&mut project(&[]));
    finish(&mut project(&["--threads", "2"]));
    std::fs::remove_file(&items(&tiny.at("out"))[1]).unwrap();
    let said = refused(&mut project(&["--threads", "2"]), 2);
    assert!(said.contains("begun with 1 thread (now 2)") && said.contains("--elsewhere"), "{said}");
    refused(project(&[]).env("ATEN_CPU_CAPABILITY", "default"), 2);
    finish(&mut project(&["--threads", "2", "--elsewhere"]));
    assert_eq!(json(&tiny.at("out/record.json"))["computed_with"].as_array().unwrap().len(), 2);

    // A fit has one thread whatever the command has.
    let classify = |more: &[&str]| tiny.with("classify", &tiny.at("classified"), more);
    finish(&mut classify(&[]));
    let fit = || files::list(&tiny.at("classified/fits")).unwrap().remove(0);
    std::fs::remove_file(fit()).unwrap();
    let said = refused(classify(&[]).env("ATEN_CPU_CAPABILITY", "default"), 2);
    assert!(said.contains("instruction set"), "{said}");
    finish(&mut classify(&["--threads", "2"]));
    assert_eq!(json(&tiny.at("classified/record.json"))["computed_with"].as_array().unwrap().len(), 1);
}

/// Takes the entry away everywhere in a JSON file, as if an older version had written it.
fn without(path: &Path, entry: &str) {
    fn take(value: &mut Value, entry: &str) {
        if let Value::Object(entries) = value {
            entries.remove(entry);
            entries.values_mut().for_each(|value| take(value, entry));
        }
    }
    let mut value = json(path);
    take(&mut value, entry);
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn what_older_versions_left_is_gone_on_with_and_that_is_said() {
    let tiny = TinyRuns::new();
    let out = tiny.at("out");
    finish(&mut tiny.command("project", &out));
    let all = items(&out);
    all.iter().for_each(|item| without(item, "made"));
    let kept = std::fs::metadata(&all[0]).unwrap().modified().unwrap();
    finish(&mut tiny.command("project", &out));
    std::fs::remove_file(&all[7]).unwrap();
    let told = said(&mut tiny.command("project", &out));
    assert!(told.contains("finished images of an older version"), "{told}");
    assert_eq!(std::fs::metadata(&all[0]).unwrap().modified().unwrap(), kept, "the first batch is whole");

    let gan = tiny.at("gan");
    finish(&mut tiny.with("train", &gan, &["--kimg", "0.032"]));
    for checkpoint in files::list(&gan.join("checkpoints")).unwrap() {
        let (state, sums) = (checkpoint.join("state.json"), checkpoint.join("SHA256SUMS"));
        let before = files::sha256(&state).unwrap();
        without(&state, "computed_with");
        let text = std::fs::read_to_string(&sums).unwrap().replace(&before, &files::sha256(&state).unwrap());
        std::fs::write(&sums, text).unwrap();
    }
    let told = said(&mut tiny.with("train", &gan, &["--kimg", "0.04", "--threads", "2"]));
    assert!(told.contains("of an older version") && !told.contains("damaged"), "{told}");
    assert_eq!(json(&gan.join("record.json"))["computed_with"][0]["from_images"], 32);
}

#[test]
fn a_flipped_bit_a_torn_log_and_an_unfinished_save_do_not_change_the_end() {
    let tiny = TinyRuns::new();
    let (straight, out) = (tiny.at("straight"), tiny.at("out"));
    finish(&mut tiny.command("train", &straight));
    finish(&mut tiny.with("train", &out, &["--kimg", "0.048"]));
    let best = out.join("network-best.safetensors");
    let flipped = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let mut bytes = std::fs::read(&best).unwrap();
    flipped(&mut bytes);
    // In place, as a bad block does.
    std::io::Write::write_all(&mut std::fs::OpenOptions::new().write(true).open(&best).unwrap(), &bytes).unwrap();
    let events =
        files::list(&out).unwrap().into_iter().find(|path| path.to_str().unwrap().contains("tfevents")).unwrap();
    for (log, torn) in [("timing.jsonl", &b"{\"tick\":7,\"sec"[..]), ("stats.jsonl", b"{\"ti"), ("", &[9, 0, 0, 0])] {
        let log = if log.is_empty() { events.clone() } else { out.join(log) };
        let mut file = std::fs::OpenOptions::new().append(true).open(log).unwrap();
        std::io::Write::write_all(&mut file, torn).unwrap();
    }
    let staging = out.join("checkpoints/.unfinished-checkpoint-000000000056");
    std::fs::create_dir(&staging).unwrap();
    std::fs::write(staging.join("state.json"), b"half").unwrap();
    let told = said(&mut tiny.command("train", &out));
    assert!(!told.contains("damaged"), "{told}");
    assert_same("train", &out, &outcome(&straight));
    let timing = std::fs::read_to_string(out.join("timing.jsonl")).unwrap();
    assert!(timing.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{timing}");
    assert_eq!(timing.lines().count(), 12);
}

#[test]
fn what_cannot_be_read_just_now_is_named_and_nothing_is_thrown_away() {
    let tiny = TinyRuns::new();
    let paths: [(&str, &str); 6] = [
        ("train", "checkpoints/checkpoint-000000000096/generator.safetensors"),
        ("train", "network-best.safetensors"),
        ("project", "feature_choice.json"),
        ("perturb", "cases/*"),
        ("classify", "fits/*"),
        ("run", ".stages/train.json"),
    ];
    let mut done = Vec::new();
    for (command, place) in paths {
        let out = tiny.at(command);
        if !done.contains(&command) {
            finish(&mut tiny.command(command, &out));
            done.push(command);
        }
        let path = match place.strip_suffix("/*") {
            Some(folder) => files::list(&out.join(folder)).unwrap().remove(0),
            None => out.join(place),
        };
        let before = outcome(&out);
        let restore = unreachable(&path);
        let said = refused(&mut tiny.command(command, &out), 4);
        assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "{said}");
        restore();
        assert_same(&format!("{command} {place}"), &out, &before);
        finish(&mut tiny.command(command, &out));
        assert_same(&format!("{command} {place} again"), &out, &before);
    }
}

//! Answers that cannot be kept or are not this study's: each is told, with an exit code, and nothing is lost.

use std::fs;
use std::process::Command;

use rimforge::name::Name;
use rimforge::serve::reading::store::Store;
use serde_json::json;

use super::study::{Running, SMALL, Study};
use crate::full_disk::with_own_mounts;

fn answer(question: usize) -> serde_json::Value {
    json!({"question": question, "yes": true, "milliseconds": 700})
}

/// A study in which `count` questions are answered.
fn answered(count: usize) -> Study {
    let study = Study::new();
    let running = study.begin(&SMALL);
    (0..count).for_each(|question| assert_eq!(running.page.post("/api/answer", &answer(question)).status, 200));
    running.kill();
    study
}

fn kept(study: &Study) -> usize {
    Store::open(&study.answers()).unwrap().reader(&Name::of_known("reader-1")).unwrap().answers.len()
}

#[test]
fn other_settings_images_or_readers_names_are_refused() {
    let study = answered(2);
    let refused = |more: &[&str], code: i32, says: &str| {
        let (found, said) = study.refused(more);
        assert!(found == code && said.contains(says), "{more:?}: {found} {said}");
    };
    refused(&["--items", "12"], 2, "other settings than those it was begun with");
    refused(&["--seed", "2"], 2, "leave the options out to go on");
    refused(&["--reader", "../a"], 2, "--reader: the name \"../a\" has a path separator");
    refused(&["--reader", &"a".repeat(61)], 2, "a name of 61 bytes");
    refused(&["--sources", "real,martian"], 2, "martian");
    refused(&["--truth", "t.tsv"], 2, "--results");
    let record = study.root.join("synthetic/record.json");
    let good = fs::read_to_string(&record).unwrap();
    // Images in another order of the record are other images for the same seed.
    let mut other: serde_json::Value = serde_json::from_str(&good).unwrap();
    other["images"].as_array_mut().unwrap().reverse();
    fs::write(&record, other.to_string()).unwrap();
    refused(&[], 3, "answers to other images than this study has now");
    refused(&["--results"], 3, "move the folder away to begin anew");
    fs::remove_file(&record).unwrap();
    refused(&[], 3, "--sources");
    fs::write(&record, good).unwrap();
    assert_eq!(kept(&study), 2);
    assert_eq!(study.results()["readers"][0]["answered"], 2);
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rimforge")).arg("read").arg(empty.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "of what is no study nothing is made");
}

#[test]
fn a_damaged_database_a_foreign_one_and_one_in_use_are_told() {
    let study = answered(3);
    let good = fs::read(study.answers()).unwrap();
    let refused = |code: i32, says: &str| {
        for more in [&[][..], &["--results"]] {
            let (found, said) = study.refused(more);
            assert!(found == code && said.contains(says) && said.contains("what to do"), "{found} {said}");
        }
    };
    let mut spoiled = good.clone();
    spoiled[4096..].iter_mut().for_each(|byte| *byte = !*byte);
    fs::write(study.answers(), &spoiled).unwrap();
    refused(3, "damaged");
    assert_eq!(fs::read(study.answers()).unwrap(), spoiled, "left for who can save it");
    fs::write(study.answers(), &good[..good.len() / 2]).unwrap();
    refused(3, "damaged");
    fs::write(study.answers(), b"my notes, which have nothing to do with it").unwrap();
    refused(3, "answers.sqlite");
    fs::write(study.answers(), &good).unwrap();
    let running = study.begin(&[]);
    refused(4, "one reader at a time");
    running.kill();
    assert_eq!(kept(&study), 3);
    // Who has put something into the folder himself keeps it.
    let other = Study::new();
    fs::create_dir(other.root.join("reading")).unwrap();
    fs::write(other.answers(), b"mine").unwrap();
    let (code, said) = other.refused(&SMALL);
    assert!(code == 2 && said.contains("a folder with something else in it"), "{said}");
    assert_eq!(fs::read(other.answers()).unwrap(), b"mine");
}

#[test]
fn a_database_that_another_program_holds_is_told_on_the_page() {
    let study = answered(1);
    let running = study.begin(&[]);
    // What SQLite's own shell does where somebody edits with it.
    let other = rusqlite::Connection::open(study.answers()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let reply = running.page.post("/api/answer", &answer(1));
    let said = reply.json()["problem"].as_str().unwrap().to_owned();
    assert!(reply.status == 503 && said.contains("another program holds the database"), "{reply:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(running.page.post("/api/answer", &answer(1)).status, 200);
    running.kill();
    assert_eq!(kept(&study), 2);
}

/// The port is another program's.
#[test]
fn a_port_that_is_taken_is_told() {
    let study = Study::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = study.refused(&[&SMALL[..], &["--port", &port]].concat());
    assert!(code == 4 && said.contains("choose another --port"), "{said}");
}

#[test]
fn a_full_disk_loses_no_answer() {
    with_own_mounts("reading::faults::a_full_disk_loses_no_answer", || {
        let study = Study::new();
        let folder = study.root.join("reading");
        fs::create_dir(&folder).unwrap();
        let mount = |options: &str| {
            let place = folder.to_str().unwrap();
            let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none", place]).status().unwrap();
            assert!(done.success(), "{options}");
        };
        mount("size=256k");
        let running = study.begin(&SMALL);
        assert_eq!(running.page.post("/api/answer", &answer(0)).status, 200);
        fill(&folder.join("users-file"));
        let (mut given, mut refusals) = (1, 0);
        for _ in 0..6 {
            let reply = running.page.post("/api/answer", &answer(given));
            if reply.status == 200 {
                given += 1;
                continue;
            }
            let said = reply.json()["problem"].as_str().unwrap().to_owned();
            assert!(reply.status == 503 && said.contains("nothing that was answered is lost"), "{reply:?}");
            refusals += 1;
        }
        assert!(refusals > 0, "{given} answers went into a full disk");
        assert_eq!(running.page.answered(), given as u64);
        // Killed on the full disk, too: with room again it goes on.
        running.kill();
        fs::remove_file(folder.join("users-file")).unwrap();
        let again = Running::of(&mut study.command(&[]));
        assert_eq!(again.page.answered(), given as u64);
        assert_eq!(again.page.post("/api/answer", &answer(given)).status, 200);
        again.kill();
        assert_eq!(kept(&study), given + 1);
    });
}

/// Takes all that is left of a disk.
fn fill(path: &std::path::Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

//! The program as a BIDS App is called.

use std::fs;
use std::process::{Command, Output};

use rimforge::records::cohort::ParticipantRecord;
use serde_json::Value;

use crate::place::read;
use crate::tiny_runs::TinyRuns;

fn app(tiny: &TinyRuns, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    command.current_dir(tiny.at("")).args(["bids-app", tiny.cohort().to_str().unwrap()]);
    command.args(arguments.split_whitespace()).output().unwrap()
}

fn done(tiny: &TinyRuns, arguments: &str) -> String {
    let output = app(tiny, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(tiny: &TinyRuns, arguments: &str, says: &str) {
    let output = app(tiny, arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains(says), "{arguments}: {text}");
}

#[test]
fn participants_are_read_one_by_one_and_the_group_is_the_study() {
    let tiny = TinyRuns::new();
    let files = || {
        let names = fs::read_dir(tiny.at("app/participants")).unwrap();
        let mut names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    };
    done(&tiny, "app participant --participant_label 003 sub-001 --skip_bids_validator");
    assert_eq!(files(), ["sub-001.json", "sub-003.json"]);
    let one: ParticipantRecord = read(&tiny.at("app/participants/sub-003.json"));
    assert_eq!((one.lesions, one.agreed_rims, one.ambiguous, one.non_rims), (3, 1, 1, 1));
    let before = fs::read(tiny.at("app/participants/sub-003.json")).unwrap();
    let said = done(&tiny, "app participant --participant-label 002 --json");
    assert_eq!(serde_json::from_str::<Vec<ParticipantRecord>>(&said).unwrap()[0].participant, "sub-002");
    done(&tiny, "app participant");
    assert_eq!(files().len(), 14);
    assert_eq!(fs::read(tiny.at("app/participants/sub-003.json")).unwrap(), before);
    refused(&tiny, "app participant --participant_label 077", "no participant sub-077");
    refused(&tiny, "app group --participant_label 001", "leave the participants");
    fs::create_dir_all(tiny.at("foreign/participants")).unwrap();
    fs::write(tiny.at("foreign/participants/sub-001.json"), "mine").unwrap();
    refused(&tiny, "foreign participant", "something else in it");

    done(&tiny, "app group --study study.toml --skip_bids_validator");
    let results: Value = read(&tiny.at("app/study/results.json"));
    assert_eq!(results["cohort"]["patients"], 14);
    assert!(tiny.at("app/study/report/index.html").exists());
    let version = Command::new(env!("CARGO_BIN_EXE_rimforge")).args(["bids-app", "--version"]).output().unwrap();
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
}

/// Its inputs are the app's arguments, and its version the program's.
#[test]
fn the_description_for_launchers_speaks_of_this_program() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/clusters/boutiques.json")).unwrap();
    let app: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(app["tool-version"], env!("CARGO_PKG_VERSION"));
    let help = Command::new(env!("CARGO_BIN_EXE_rimforge")).args(["bids-app", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let line = app["command-line"].as_str().unwrap();
    for input in app["inputs"].as_array().unwrap() {
        assert!(line.contains(input["value-key"].as_str().unwrap()), "{input}");
        let shown = match input["command-line-flag"].as_str() {
            Some(flag) => help.contains(flag),
            None => ["<BIDS_DIR>", "<OUTPUT_DIR>", "<LEVEL>"].iter().all(|argument| help.contains(argument)),
        };
        assert!(shown, "{input}");
    }
    let codes = app["error-codes"].as_array().unwrap().iter().map(|code| code["code"].as_i64().unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 130]);
}

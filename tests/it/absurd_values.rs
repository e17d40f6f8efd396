//! Values that nobody means, for every key of a study file and every option: taken or refused, at once, in little
//! memory, and never a panic.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::{CommandFactory, Parser};
use rimforge::cli::Cli;
use rimforge::problem::Kind;

use crate::allocation::peak_of;
use crate::settings::{REAL, STUDY, all_keys, load};

/// One megabyte is far more than any setting needs; the promise to users is 256.
const MOST_BYTES: usize = 64 << 20;

fn absurd() -> Vec<String> {
    let fixed = [
        "-1",
        "0",
        "1e308",
        "nan",
        "inf",
        "9223372036854775807",
        "18446744073709551616",
        "\"\"",
        "[]",
        "[1e308, -1e308]",
        "[9223372036854775807, 0, 0]",
        "\"../../../x\"",
        "\"\\u001b[2J\\u0000\"",
        "a\nb = 1",
        "0-9999999,0-9999999,0-9999999",
    ];
    let long = [format!("\"{}\"", "x".repeat(60_000)), "{a=".repeat(20_000)];
    fixed.into_iter().map(str::to_owned).chain(long).collect()
}

#[test]
fn every_setting_takes_or_refuses_absurd_values_at_once_and_in_little_memory() {
    let mut keys = BTreeSet::new();
    all_keys("", &mut keys);
    assert!(keys.len() > 80, "{}", keys.len());
    for key in &keys {
        let study = if key == "cohort.path" { REAL } else { STUDY };
        for value in absurd() {
            let case = format!("{key}={:.60}", value);
            let begun = Instant::now();
            let setting = [format!("{key}={value}")];
            let read = AssertUnwindSafe(|| peak_of(|| load(study, &setting).map(|study| study.resolved())));
            let (read, peak) = catch_unwind(read).unwrap_or_else(|_| panic!("{case}: a panic"));
            if let Err(problem) = read {
                assert!(matches!(problem.kind(), Kind::Usage | Kind::Input), "{case}: {problem}");
                assert!(problem.to_string().lines().all(|line| line.len() < 20_000), "{case}");
                assert!(!problem.to_string().contains('\u{1b}'), "{case}: {problem}");
            }
            assert!(begun.elapsed() < Duration::from_secs(1), "{case}: {:?}", begun.elapsed());
            assert!(peak < MOST_BYTES, "{case}: {peak} bytes");
        }
    }
}

#[test]
fn every_option_is_parsed_whatever_it_is_given() {
    let mut cli = Cli::command();
    cli.build();
    let mut tried = 0;
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            for value in absurd().into_iter().step_by(3) {
                let words = ["rimforge".to_owned(), command.get_name().to_owned(), format!("--{option}={value}")];
                let parsed = catch_unwind(|| Cli::try_parse_from(&words).is_ok());
                assert!(parsed.is_ok(), "{} --{option} {value:.60}", command.get_name());
                tried += 1;
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

/// The program's exit code and what it says; with little address space beyond what libtorch takes to load.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -v 4000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rimforge")])
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:.60?} wrote something");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_program_refuses_them_with_code_2_and_writes_nothing() {
    let deep = format!("{}x=1", "a.".repeat(30_000));
    let brackets = format!("name={}", "[".repeat(60_000));
    for (arguments, says) in [
        (&["bench", "generate", "--threads", "4294967296"][..], "engine.threads = 4294967296"),
        (&["bench", "generate", "--threads", "18446744073709551615"], "threads = 18446744073709551615; expected"),
        (&["bench", "generate", "--batch", "18446744073709551615"], "--batch 18446744073709551615; expected 1 to 4096"),
        (&["bench", "generate", "--repetitions", "4294967295"], "--repetitions 4294967295; expected"),
        (&["generate", "--network", "n", "--out", "o", "--seeds", "0-18446744073709551615"], "generate.seeds = "),
        (&["generate", "--network", "n", "--out", "o", "--seeds", "0-9999999,0-9999999"], "ten million"),
        (&["generate", "--network", "n", "--out", "o", "--trunc", "nan"], "generate.truncation = NaN"),
        (&["classify", "--data", "d", "--out", "o", "--seeds", "18446744073709551615"], "seeds = 18446744073709551615"),
        (&["train", "--data", "d", "--out", "o", "--batch", "9223372036854775804"], "train.batch = "),
        (&["train", "--data", "d", "--out", "o", "--set", &deep], "more than 64 levels"),
        (&["train", "--data", "d", "--out", "o", "--set", &brackets], "more than 64 levels"),
        (&["simulate", "--patients", "10000", "--out", "o"], "cohort.simulate.patients = 10000"),
        (&["prepare", "--cohort", "c", "--out", "o", "--contrasts", "a/b"], "prepare.contrasts = "),
        (&["prepare", "--cohort", "c", "--out", "o", "--contrasts", &"q".repeat(300)], "prepare.contrasts = "),
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:.60?}: {said}");
        assert!(said.contains(says), "{arguments:.60?}: {said}");
    }
}

#[test]
fn a_study_file_that_is_none_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let sparse = std::fs::File::create(path("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    for (name, text) in [
        ("latin", b"seed = 1\nname = \"l\xe4sion\"\n".as_slice()),
        ("twice", b"seed = 1\nseed = 2\n"),
        ("deep", "[\n".repeat(60_000).as_bytes()),
        ("utf16", b"\xff\xfes\0e\0"),
    ] {
        std::fs::write(path(name), text).unwrap();
    }
    assert!(Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    for (name, kind, says) in [
        ("sparse", Kind::Input, "a file of 1073741824 bytes"),
        ("latin", Kind::Usage, "a byte 0xe4 in line 2"),
        ("twice", Kind::Usage, "look at line 2"),
        ("deep", Kind::Usage, "more than 64 levels in line 65"),
        ("utf16", Kind::Usage, "a byte 0xff in line 1"),
        ("fifo", Kind::Input, "not a regular file"),
        ("", Kind::Input, "a folder"),
        ("/dev/zero", Kind::Input, "not a regular file"),
        ("none", Kind::Input, "check the path"),
    ] {
        let problem = rimforge::study::RimStudy::load(&path(name), &[]).unwrap_err();
        assert!(problem.kind() == kind && problem.to_string().contains(says), "{name}: {problem}");
    }
    let dressed = "\u{feff}name = \"a\"\r\n[cohort]\r\npath = \"c\"\r\n";
    std::fs::write(path("dressed"), dressed).unwrap();
    let study = rimforge::study::RimStudy::load(&path("dressed"), &[]).unwrap();
    assert_eq!(study.name, "a");
}

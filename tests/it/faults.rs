//! A disk that fails: the N-th operation on files fails, for every N, in every command; and what that leaves.
//!
//! The long form, every N: `cargo test --release --test it -- --ignored faults --nocapture`.

use std::path::Path;
use std::process::Output;

use crate::tiny_runs::{COMMANDS, TinyRuns, assert_same, finish, outcome};

const FAULT: &str = "RIMFORGE_FAULT";

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Operations on files of a command that runs to its end.
fn operations(tiny: &TinyRuns, command: &str, out: &Path) -> u64 {
    // The first line of `-v` about each operation; none fails.
    let output = finish(tiny.command(command, out).arg("-v").env(FAULT, "any:1000000000"));
    text(&output).lines().filter(|line| line.contains("on files:")).count() as u64
}

/// Runs a command with a fault and then without one; says whether the fault came.
fn with_fault(
    tiny: &TinyRuns,
    command: &str,
    fault: &str,
    expected: &std::collections::BTreeMap<String, String>,
) -> bool {
    let out = tiny.at("faulty");
    let output = tiny.command(command, &out).env(FAULT, fault).output().unwrap();
    let said = text(&output);
    let failed = !output.status.success();
    if failed {
        assert_eq!(output.status.code(), Some(4), "{command} with {fault}: {said}");
        assert!(!said.contains("panicked"), "{command} with {fault}: {said}");
        let named = said.lines().any(|line| line.contains(out.to_str().unwrap()) || line.contains("faulty"));
        assert!(named, "{command} with {fault} names no file: {said}");
    }
    finish(&mut tiny.command(command, &out));
    assert_same(&format!("{command} after {fault}"), &out, expected);
    std::fs::remove_dir_all(&out).unwrap();
    failed
}

/// Tries about `most` numbers of operations, spread over all; prints how many there are.
fn attack(tiny: &TinyRuns, command: &str, most: u64) -> (u64, u64) {
    let straight = tiny.at("straight");
    let all = operations(tiny, command, &straight);
    let expected = outcome(&straight);
    std::fs::remove_dir_all(&straight).unwrap();
    assert!(all > 10, "{command}: {all} operations");
    let step = all.div_ceil(most).max(1) as usize;
    let mut failures = 0;
    let mut tried = 0;
    for at in (1..=all).step_by(step) {
        // Once alone, and every other time with all that follow, as on a disk that stays full.
        let fault = format!("any:{at}{}", if at % 2 == 0 { "+" } else { "" });
        failures += u64::from(with_fault(tiny, command, &fault, &expected));
        tried += 1;
    }
    println!(
        "{command}: {tried} of {all} operations on files failed, {failures} runs ended with exit 4, all ends equal"
    );
    (tried, failures)
}

#[test]
fn a_failing_disk_is_told_and_the_next_run_ends_alike() {
    let tiny = TinyRuns::new();
    for command in ["prepare", "train", "project"] {
        let (tried, failures) = attack(&tiny, command, 2);
        assert_eq!(failures, tried, "{command}: a failure was passed over");
    }
}

#[test]
#[ignore = "many minutes; `make attack` runs it"]
fn faults_of_every_operation() {
    let tiny = TinyRuns::new();
    let most = std::env::var("RIMFORGE_ATTACK_FAULTS").map_or(u64::MAX, |text| text.parse().unwrap());
    for command in COMMANDS {
        attack(&tiny, command, most);
    }
}

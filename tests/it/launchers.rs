//! What starts several processes elsewhere, started for real where it is installed: torchrun, mpiexec, Snakemake.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::several_processes::{assert_same, data, port, results, train};
use crate::shards;

/// Whether a program of this name answers with such words; says so where it does not.
fn installed(program: &str, says: &str) -> bool {
    let output = Command::new(program).arg("--version").output();
    let text = output.map(|found| [found.stdout, found.stderr].concat()).unwrap_or_default();
    let found = String::from_utf8_lossy(&text).contains(says);
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// A launcher with these arguments before the program's.
fn launch(launcher: &str, before: &[&str], program: &Command, after: &[&str]) -> Command {
    let mut command = Command::new(launcher);
    command.args(before).arg(program.get_program()).args(program.get_args()).args(after);
    for name in ["RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "LOCAL_WORLD_SIZE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

fn succeeded(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{text}");
    text
}

/// Trains by two processes of a launcher, and holds what they leave to a run of one.
fn leaves_what_one_process_leaves(launcher: &str, before: &[&str], after: &[&str], variables: &[(&str, &str)]) {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let of = |name: &str| out.path().join(name);
    succeeded(&train(data.path(), &of("one"), "0.064").output().unwrap());
    let mut command = launch(launcher, before, &train(data.path(), &of("two"), "0.064"), after);
    succeeded(&command.envs(variables.iter().copied()).output().unwrap());
    assert_same(launcher, &results(&of("two")), &results(&of("one")));
}

/// `bench train` by two processes of a launcher: one result, of both.
fn is_timed(launcher: &str, before: &[&str], after: &[&str], variables: &[(&str, &str)]) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    program.args(["bench", "train", "--net", "small", "--json", "--device", "cpu"]);
    let output = launch(launcher, before, &program, after).envs(variables.iter().copied()).output().unwrap();
    succeeded(&output);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["processes"], 2, "{found}");
    assert!(found["images_per_s"].as_f64().is_some_and(|rate| rate > 0.0), "{found}");
    let share = found["exchange_share"].as_f64().unwrap();
    assert!(share > 0.0 && share < 1.0, "{found}");
}

#[test]
fn torchrun() {
    // It tells no version, and imports torch to tell its options.
    let output = Command::new("torchrun").arg("--help").output();
    if !output.is_ok_and(|output| output.status.success()) {
        println!("skipped: torchrun is not installed");
        return;
    }
    let port = port();
    let before = ["--no-python", "--nproc-per-node", "2", "--master-port", &port];
    leaves_what_one_process_leaves("torchrun", &before, &[], &[]);
    is_timed("torchrun", &before, &[], &[]);
}

#[test]
fn mpiexec() {
    let open_mpi = Command::new("mpiexec").arg("--version").output().is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains("Open MPI")
            || String::from_utf8_lossy(&output.stdout).contains("OpenRTE")
    });
    if !(open_mpi || installed("mpiexec", "HYDRA")) {
        return;
    }
    // Open MPI counts cores, and does not start as root unasked.
    let before: &[&str] = if open_mpi { &["--allow-run-as-root", "--oversubscribe", "-n", "2"] } else { &["-n", "2"] };
    let port = port();
    let variables = [("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", port.as_str())];
    leaves_what_one_process_leaves("mpiexec", before, &["--distributed", "mpi"], &variables);
    is_timed("mpiexec", before, &["--distributed", "mpi"], &variables);
}

#[test]
fn snakemake() {
    if !installed("snakemake", ".") {
        return;
    }
    shards::by_a_template("by-snakemake", |folder, study| {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("clusters/Snakefile");
        let mut command = Command::new("snakemake");
        command.arg("--snakefile").arg(file).args(["--cores", "2", "--config"]);
        command.arg(format!("study={}", study.display())).arg("shards=3");
        command.arg(format!("rimforge={}", env!("CARGO_BIN_EXE_rimforge")));
        command.current_dir(folder).env("XDG_CACHE_HOME", folder);
        command
    });
}

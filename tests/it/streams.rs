//! Streams, signals and limits of the system: whatever happens to them, the work is finished or ends in an exit code
//! of the program's own with a line about it.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// A cohort of a moment.
const SIMULATE: &str = "simulate --preset tiny --patients 3 --seed 1 --threads 1 --out out";

/// Work of minutes that can be stopped.
const LONG: &str = "simulate --preset tiny --patients 900 --seed 1 --threads 2 --out out";

/// Runs a line of the shell in which `rf` is the program.
fn shell(folder: &Path, line: &str) -> Output {
    command(folder, line).output().unwrap()
}

fn command(folder: &Path, line: &str) -> Command {
    // Under nohup tests have HUP ignored, which children inherit.
    let mut command = Command::new("env");
    let line = line.replace("rf ", &format!("'{}' ", env!("CARGO_BIN_EXE_rimforge")));
    command.current_dir(folder).args(["--default-signal=HUP", "sh", "-c", &line]).env_remove("RUST_BACKTRACE");
    command
}

fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn results_that_cannot_be_printed_are_an_error_and_a_closed_pipe_is_none() {
    let folder = place();
    fs::write(folder.path().join("s.toml"), "[cohort]\npath = \"c\"\n").unwrap();
    for (line, code) in [
        ("rf config show s.toml > /dev/full", 4),
        ("rf --help > /dev/full", 4),
        ("rf --version > /dev/full", 4),
        ("rf config show s.toml --json > /dev/full 2> /dev/full", 4),
        ("rf config show s.toml >&-", 0),
        ("rf config show s.toml <&- >&- 2>&-", 0),
        ("rf config show none.toml 2> /dev/full", 3),
        ("rf config show none.toml 2>&-", 3),
        ("rf nonsense 2> /dev/full", 2),
        ("rf nonsense <&- >&- 2>&-", 2),
        ("rf config show s.toml -vv 2> /dev/full", 0),
        ("rf config show s.toml -vv 2>&-", 0),
    ] {
        let output = shell(folder.path(), line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", text(&output.stderr));
    }
    let output = shell(folder.path(), "rf --help > /dev/full");
    assert!(text(&output.stderr).contains("standard output: printing failed: No space left"), "{output:?}");
}

#[test]
fn nobody_who_reads_what_is_said_is_no_reason_to_stop() {
    let folder = place();
    let output = shell(folder.path(), &format!("rf {SIMULATE} <&- >&- 2> /dev/full -vv"));
    assert_eq!(output.status.code(), Some(0));
    assert!(folder.path().join("out/record.json").exists());
    // Both ends in a pipe whose reader has gone.
    let folder = place();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = command(folder.path(), &format!("exec rf {SIMULATE} -vv"))
        .stdout(writer.try_clone().unwrap())
        .stderr(writer)
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(folder.path().join("out/record.json").exists());
}

#[test]
fn odd_surroundings_change_nothing() {
    let folder = place();
    fs::write(folder.path().join("s.toml"), "[cohort]\npath = \"c\"\n").unwrap();
    let usual = shell(folder.path(), "rf config show s.toml").stdout;
    assert!(!usual.is_empty());
    for odd in [
        "env -u HOME LANG=C TERM=",
        "env TERM=xterm-nonsense COLUMNS=0",
        "env TMPDIR=/none COLUMNS=1 NO_COLOR=",
        "env RUST_LOG=trace RUST_BACKTRACE=full CLICOLOR_FORCE=1",
    ] {
        let output = shell(folder.path(), &format!("{odd} rf config show s.toml"));
        assert_eq!((output.status.code(), &output.stdout), (Some(0), &usual), "{odd}");
    }
    // A terminal of one column; the program draws its bars there.
    let line = format!("script -qec \"stty cols 1; exec '{}' {SIMULATE}\" /dev/null", env!("CARGO_BIN_EXE_rimforge"));
    let output = shell(folder.path(), &line);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn limits_of_the_system_end_in_code_4_with_advice() {
    for (limit, arguments, says) in [
        ("ulimit -f 16", SIMULATE, "raise the limit on the size of files (ulimit -f)"),
        ("ulimit -n 5", SIMULATE, "raise the limit on open files (ulimit -n)"),
    ] {
        let folder = place();
        let output = shell(folder.path(), &format!("{limit}; exec rf {arguments}"));
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{limit}: {said}");
        assert!(said.contains(says), "{limit}: {said}");
    }
}

/// The program at work, its standard error in a pipe.
fn at_work(folder: &Path, before: &str) -> Child {
    command(folder, &format!("{before}exec rf {LONG} -v")).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

/// Waits for the words "begins" of the first piece of work, from which on the program watches for signals.
fn begun(child: &mut Child) -> String {
    let stderr = child.stderr.as_mut().unwrap();
    let mut said = Vec::new();
    while !text(&said).contains("begins") {
        let mut byte = [0];
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", text(&said));
        said.push(byte[0]);
    }
    text(&said)
}

fn signal(child: &Child, names: &[&str]) {
    let kills: Vec<String> = names.iter().map(|name| format!("kill -{name} {}", child.id())).collect();
    // Two of a kind at the very same time are one to the system.
    assert!(Command::new("sh").args(["-c", &kills.join("; sleep 0.002; ")]).status().unwrap().success());
}

fn ended(child: &mut Child) -> (ExitStatus, String, Duration) {
    let begun = Instant::now();
    let mut said = String::new();
    child.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
    (child.wait().unwrap(), said, begun.elapsed())
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    for names in [["INT", "INT"], ["TERM", "INT"], ["HUP", "TERM"]] {
        let folder = place();
        let mut child = at_work(folder.path(), "");
        begun(&mut child);
        signal(&child, &names);
        let (status, said, elapsed) = ended(&mut child);
        assert_eq!((status.code(), status.signal()), (Some(130), None), "{names:?}: {said}");
        assert!(elapsed < Duration::from_secs(2), "{names:?}: {elapsed:?}");
    }
}

#[test]
fn a_first_signal_is_answered_and_the_work_stops_at_a_safe_point() {
    for name in ["INT", "TERM"] {
        let folder = place();
        let mut child = at_work(folder.path(), "");
        begun(&mut child);
        signal(&child, &[name]);
        let (status, said, _) = ended(&mut child);
        assert_eq!((status.code(), status.signal()), (Some(130), None), "{name}: {said}");
        assert!(said.contains("stopping at the next safe point; press Ctrl-C again"), "{said}");
        assert!(said.contains("rimforge: "), "{said}");
    }
}

#[test]
fn a_closing_terminal_that_it_is_to_outlive_does_not_stop_it() {
    let folder = place();
    let mut child = at_work(folder.path(), "trap '' HUP; ");
    begun(&mut child);
    signal(&child, &["HUP", "HUP"]);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "nohup is of no use");
    signal(&child, &["INT", "INT"]);
    assert_eq!(ended(&mut child).0.code(), Some(130));
}

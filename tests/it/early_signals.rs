//! Requests to stop that come while the program begins: libtorch, which the system loads first, takes a fifth of a
//! second.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const SIGNALS: [(&str, i32); 3] = [("HUP", 1), ("INT", 2), ("TERM", 15)];

fn started(folder: &Path, line: &str) -> Child {
    // Under nohup tests have HUP ignored, which a child inherits and the program respects.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP,INT,TERM", env!("CARGO_BIN_EXE_rimforge")]);
    command.current_dir(folder).args(line.split(' ')).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

/// Waits until the program answers signal `number` itself.
fn answers(child: &Child, number: i32) -> Duration {
    let begun = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigCgt:")?.trim(), 16).ok());
        if mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1) {
            return begun.elapsed();
        }
        if begun.elapsed() > Duration::from_secs(30) {
            signal(child, "KILL");
            panic!("signal {number} is not answered");
        }
    }
}

/// 130; `None` where the signal itself ended the process, which it may only before anything of the program ran.
fn code(status: ExitStatus, number: i32) -> Option<i32> {
    assert!(status.code().is_some() || status.signal() == Some(number), "{status}");
    status.code()
}

#[test]
fn a_request_to_stop_has_its_exit_code_from_before_libtorch_begins() {
    for command in ["doctor", "simulate --preset tiny --patients 900 --seed 1 --threads 1 --out out"] {
        for (name, number) in SIGNALS {
            for wait in [0, 30, 90] {
                let folder = tempfile::tempdir().unwrap();
                let mut child = started(folder.path(), command);
                answers(&child, number);
                std::thread::sleep(Duration::from_millis(wait));
                signal(&child, name);
                assert_eq!(code(child.wait().unwrap(), number), Some(130), "{command}: {name} {wait} ms after");
            }
        }
    }
}

/// The program answers well before its own first word, which comes after libtorch's beginning.
#[test]
fn it_answers_before_libtorch_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    let is_early = |_| {
        let begun = Instant::now();
        let mut child = started(folder.path(), "--version");
        let answered = answers(&child, 15);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        answered < begun.elapsed() / 2
    };
    // Other tests may delay the look, never bring the answer forward.
    assert!((0..5).any(is_early), "it answers in the second half of its beginning");
}

#[test]
fn at_any_moment_it_ends_by_its_own_code_or_by_the_signal() {
    let folder = tempfile::tempdir().unwrap();
    for wait in (0..300).step_by(20) {
        let (name, number) = SIGNALS[wait / 20 % 3];
        let mut child = started(folder.path(), "simulate --preset tiny --patients 900 --seed 1 --threads 1 --out out");
        std::thread::sleep(Duration::from_millis(wait as u64));
        signal(&child, name);
        let ended = code(child.wait().unwrap(), number);
        assert!([None, Some(130)].contains(&ended), "{name} after {wait} ms: {ended:?}");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert!(left <= 1, "only the folder that was asked for");
    }
}

//! A study of thirty lesions with drawn and projected images, and `rimforge read` on it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::http::Page;
use crate::tiny_runs::TinyRuns;

/// Settings of the tests: five sources, of which the small study has enough.
pub const SMALL: [&str; 4] = ["--items", "10", "--repeats", "3"];

/// Questions of that: both tasks.
pub const QUESTIONS: u64 = 2 * (10 + 3);

/// A study folder of its own.
pub struct Study {
    _folder: tempfile::TempDir,
    pub root: PathBuf,
}

impl Study {
    pub fn new() -> Self {
        static MADE: OnceLock<TinyRuns> = OnceLock::new();
        let made = MADE.get_or_init(TinyRuns::new);
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a study");
        for stage in ["data", "synthetic", "denoised"] {
            copy(&made.at(stage), &root.join(stage));
        }
        Self { _folder: folder, root }
    }

    pub fn answers(&self) -> PathBuf {
        self.root.join("reading/answers.sqlite")
    }

    pub fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.arg("read").arg(&self.root).args(more);
        command
    }

    pub fn run(&self, more: &[&str]) -> Output {
        self.command(more).stdin(Stdio::null()).output().unwrap()
    }

    /// What a run that fails says, with its exit code.
    pub fn refused(&self, more: &[&str]) -> (i32, String) {
        let output = self.run(more);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    pub fn results(&self) -> Value {
        let output = self.run(&["--results", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn begin(&self, more: &[&str]) -> Running {
        Running::of(&mut self.command(more))
    }
}

/// A folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}

/// The program, serving.
pub struct Running {
    child: Child,
    pub address: String,
    pub page: Page,
}

impl Running {
    /// Waits for the address.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut all = String::new();
        let address = loop {
            let mut line = String::new();
            if said.read_line(&mut line).unwrap() == 0 {
                panic!("no address: {all}");
            }
            if let Some((_, address)) = line.trim().split_once(" answers at ") {
                break address.to_owned();
            }
            all += &line;
        };
        child.stderr = Some(said.into_inner());
        Self { child, page: Page::of(&address), address }
    }

    /// At once, as SIGKILL does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &number]).status().unwrap().success());
    }

    /// Exit code, standard output, and what is left of standard error.
    pub fn ended(mut self) -> (i32, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code().unwrap(), out, err)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

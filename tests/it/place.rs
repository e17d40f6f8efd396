//! A folder with a study file in it, and the program run there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Goes with its folder.
pub struct Place(tempfile::TempDir);

impl Place {
    /// With `study` as study.toml.
    pub fn new(study: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("study.toml"), study).unwrap();
        place
    }

    /// Of what lies there.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program with arguments parted by spaces.
    pub fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.current_dir(self.0.path()).args(arguments.split_whitespace()).output().unwrap()
    }

    /// What it said, which must have succeeded.
    pub fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments}: {said}");
        said
    }

    /// It must have refused in these words, and with this code.
    pub fn refused(&self, code: i32, arguments: &str, says: &str) {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {text}");
        assert!(text.contains(says) && !text.contains("panicked"), "{arguments}: {text}");
    }
}

/// A JSON file as a record.
pub fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

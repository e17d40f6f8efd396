//! The one error type of the library: it cannot be built without saying what was found and what to do.
//!
//! A stage returns [`Problem`]; `main` prints it and picks the exit code from its [`Kind`].

use std::fmt;
use std::path::{Path, PathBuf};

/// Result of every fallible library function.
pub type Result<T> = std::result::Result<T, Problem>;

/// What went wrong, as far as a calling script cares. The numbers are the program's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A defect of rimforge itself.
    Internal = 1,
    /// Settings or options that make no sense (clap itself also exits with 2).
    Usage = 2,
    /// A file or a data set that cannot be used as it is.
    Input = 3,
    /// The machine: disk full, no permission, libtorch missing, folder in use by another run.
    Environment = 4,
    /// A check that was asked for did not pass (cohort gates, split proof, diverged training).
    Gate = 5,
    /// Stopped on request at a safe point; the same command goes on from there.
    Interrupted = 130,
}

/// An error for a person: which file, what was found, what was expected, what to do.
#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    path: Option<PathBuf>,
    found: String,
    expected: Option<String>,
    advice: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Problem {
    /// `found` says what is there or what happened.
    pub fn new(kind: Kind, found: impl Into<String>) -> Self {
        Self { kind, path: None, found: found.into(), expected: None, advice: None, source: None }
    }

    /// An unusable input: `found` says what is there.
    pub fn input(path: impl AsRef<Path>, found: impl Into<String>) -> Self {
        Self::new(Kind::Input, found).at(path)
    }

    /// A setting or option that makes no sense.
    pub fn usage(found: impl Into<String>) -> Self {
        Self::new(Kind::Usage, found)
    }

    /// Reading or writing `path` failed; tells a full disk and missing permission apart.
    pub fn io(path: impl AsRef<Path>, doing: &str, error: std::io::Error) -> Self {
        use std::io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem, StorageFull};
        let (kind, advice) = match error.kind() {
            NotFound => (Kind::Input, Some("check the path")),
            StorageFull => {
                (Kind::Environment, Some("free some space and run the same command again; finished work is kept"))
            }
            PermissionDenied if matches!(doing, "reading" | "opening" | "listing") => {
                (Kind::Environment, Some("see that you may read it"))
            }
            PermissionDenied | ReadOnlyFilesystem => (Kind::Environment, Some("choose a folder that you may write to")),
            _ => (Kind::Environment, None),
        };
        let mut problem = Self::new(kind, format!("{doing} failed: {error}")).at(path).because(error);
        problem.advice = advice.map(str::to_owned);
        problem
    }

    /// The file, folder or option that it is about.
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// What would have been right.
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// What the person can do now.
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The error underneath, which `-v` shows.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What a calling script cares about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is about, where that is known.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        write!(f, "{}", self.found)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "\n  what to do: {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_file_found_expected_and_advice() {
        let problem = Problem::input("a.nii", "3 dimensions").expected("4").advice("pick the QSM volume");
        assert_eq!(problem.to_string(), "a.nii: 3 dimensions; expected 4\n  what to do: pick the QSM volume");
        assert_eq!(problem.kind() as i32, 3);
    }

    #[test]
    fn a_full_disk_is_the_machines_fault() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Problem::io("x", "writing", full).kind(), Kind::Environment);
    }
}

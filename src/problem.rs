//! The one error type of the library: it cannot be built without saying what was found and what to do.
//!
//! A stage returns [`Problem`]; `main` prints it and picks the exit code from its [`Kind`].

use std::fmt;
use std::path::{Path, PathBuf};

use crate::name::{set_in, shown};

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
    /// A check did not pass: cohort gates, split proof, images of a network that saw another split or other data, test
    /// lesions among what is learnt from, diverged training, numbers of a table that cannot be, units that a merge
    /// lacks.
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

    /// Reading or writing `path` failed; tells a full disk, limits of the system and missing permission apart.
    pub fn io(path: impl AsRef<Path>, doing: &str, error: std::io::Error) -> Self {
        let (kind, advice) = cause(&error, doing);
        let mut problem = Self::new(kind, format!("{doing} failed: {error}")).at(path).because(error);
        problem.advice = advice.map(str::to_owned);
        problem
    }

    /// The system has no memory left for what is to be done; `found` says which request it refused.
    pub fn memory(found: &str) -> Self {
        // libtorch's words end in its own stack, which a panic quotes on one line.
        let asked = found.find("you tried to allocate").map_or(found, |at| &found[at..]);
        let first = asked.split(['\n', '\\', '.']).next().unwrap_or_default();
        let first: String = first.chars().take(200).collect();
        Self::new(Kind::Environment, format!("not enough memory: {first}")).advice(MORE_MEMORY)
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

    /// More to do, behind what is advised already.
    pub fn more_advice(self, more: &str) -> Self {
        let advice = self.advice.as_ref().map_or_else(|| more.to_owned(), |advice| format!("{advice}; {more}"));
        self.advice(advice)
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

/// What helps where memory is short.
const MORE_MEMORY: &str = "use smaller batches, patches or networks, or a machine with more memory; the same command \
     goes on from what is finished";

/// Whether the words of a library say that memory ran out: libtorch's allocators for CPU and GPU, C++'s and the
/// system's own.
pub fn is_memory_shortage(said: &str) -> bool {
    [
        "can't allocate memory",
        "not enough memory",
        "out of memory",
        "std::bad_alloc",
        "Cannot allocate memory",
        // oneDNN's only words for it.
        "could not create a primitive",
        "CUDNN_STATUS_ALLOC_FAILED",
        "CUBLAS_STATUS_ALLOC_FAILED",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// Whose fault a failure to read or write is, and what helps.
fn cause(error: &std::io::Error, doing: &str) -> (Kind, Option<&'static str>) {
    use std::io::ErrorKind as Io;
    let reads = ["reading", "opening", "listing"].iter().any(|word| doing.starts_with(word));
    match error.kind() {
        Io::NotFound | Io::NotADirectory | Io::IsADirectory => (Kind::Input, Some("check the path")),
        Io::InvalidFilename => (Kind::Input, Some("choose shorter names: file systems take at most 255 bytes each")),
        Io::StorageFull | Io::QuotaExceeded => {
            (Kind::Environment, Some("free some space and run the same command again; finished work is kept"))
        }
        // Bytes that are no text where text was expected.
        Io::InvalidData => (Kind::Input, None),
        Io::FileTooLarge => (
            Kind::Environment,
            Some(
                "raise the limit on the size of files (ulimit -f) and run the same command again; finished work is kept",
            ),
        ),
        Io::PermissionDenied if reads => (Kind::Environment, Some("make it readable for this user")),
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (Kind::Environment, Some("choose a folder that you may write to"))
        }
        Io::OutOfMemory => (Kind::Environment, Some(MORE_MEMORY)),
        // The standard library has no name for the limits on open files: of the process, of the machine.
        _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            (Kind::Environment, Some("raise the limit on open files (ulimit -n) and run the same command again"))
        }
        _ => (Kind::Environment, None),
    }
}

/// Longest part of a message in letters: a name of megabytes is recognised by its beginning.
const LONGEST: usize = 4000;

/// A part of a message on one line: what came out of a file can neither steer a terminal nor begin a line of its own.
fn one_line(text: &str) -> String {
    match shortened(text) {
        (all, false) => shown(all).into_owned(),
        (start, true) => format!("{}...", shown(start)),
    }
}

/// The beginning of `text`, and whether it is not all.
fn shortened(text: &str) -> (&str, bool) {
    text.char_indices().nth(LONGEST).map_or((text, false), |(end, _)| (&text[..end], true))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", one_line(&path.to_string_lossy()))?;
        }
        write!(f, "{}", one_line(&self.found))?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {}", one_line(expected))?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "\n  what to do: {}", set_in(shortened(advice).0))?;
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
        let advice = |problem: Problem| problem.to_string().split_once("to do: ").map(|(_, advice)| advice.to_owned());
        assert_eq!(advice(problem.more_advice("try")).as_deref(), Some("pick the QSM volume; try"));
        assert_eq!(advice(Problem::usage("x").more_advice("try")).as_deref(), Some("try"));
    }

    #[test]
    fn a_full_disk_and_a_limit_are_the_machines_fault_and_each_has_its_advice() {
        let said = |code: i32, doing| {
            let problem = Problem::io("x", doing, std::io::Error::from_raw_os_error(code));
            (problem.kind(), problem.to_string())
        };
        for (code, advice) in [
            (libc::ENOSPC, "free some space"),
            (libc::EDQUOT, "free some space"),
            (libc::EFBIG, "ulimit -f"),
            (libc::EMFILE, "ulimit -n"),
            (libc::ENOMEM, "a machine with more memory"),
            (libc::EROFS, "choose a folder"),
        ] {
            let (kind, text) = said(code, "writing");
            assert!(kind == Kind::Environment && text.contains(advice), "{code}: {text}");
        }
        assert!(said(libc::EACCES, "reading").1.contains("make it readable"));
        let (kind, text) = said(libc::ENAMETOOLONG, "writing");
        assert!(kind == Kind::Input && text.contains("shorter names"), "{text}");
    }

    #[test]
    fn words_out_of_files_stay_on_their_line_and_leave_the_terminal_alone() {
        let problem =
            Problem::input("a\nrimforge: done", "the name \u{1b}[2J").expected("x\ry").advice("one\n  two\u{9b}");
        let text = problem.to_string();
        assert_eq!(
            text,
            "a\\u{a}rimforge: done: the name \\u{1b}[2J; expected x\\u{d}y\n  what to do: one\n  two\\u{9b}"
        );
        assert!(Problem::usage("y".repeat(1 << 20)).to_string().len() < 5000);
    }

    #[test]
    fn libraries_that_lack_memory_are_understood() {
        let torch = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you \
                     tried to allocate 4398046511104 bytes. Error code 12 (Cannot allocate memory)";
        assert!(is_memory_shortage(torch) && is_memory_shortage("CUDA out of memory. Tried"));
        assert!(!is_memory_shortage("shape mismatch"));
        let problem = Problem::memory(torch);
        assert_eq!(problem.kind(), Kind::Environment);
        let said = "not enough memory: you tried to allocate 4398046511104 bytes\n  what to do: ";
        assert!(problem.to_string().starts_with(said), "{problem}");
    }
}

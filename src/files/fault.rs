//! Faults on purpose: the N-th operation on files fails, so that a test sees what a failing disk leaves behind.
//!
//! `RIMFORGE_FAULT=KIND:N` in the environment makes the N-th operation (from 1) of a kind fail: "create", "write",
//! "flush", "rename", "folder", "remove" or "lock", or "any" of them but the last. `KIND:N+` makes all from there on
//! fail, as on a disk that stays full. Creating and writing fail as on a full disk, a write after half of its bytes;
//! locking as on a file system that has no locks, which is no failure of the run; the others as on a broken disk.
//! Without the variable, which nothing but tests sets, an operation costs one look at a number; where it is set, a
//! warning says so.

use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of Linux and macOS.
const INPUT_OUTPUT_ERROR: i32 = 5;
const NO_SPACE: i32 = 28;

const VARIABLE: &str = "RIMFORGE_FAULT";

/// What is done to a file or a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Making a file, or opening one to append to it.
    Create,
    /// Writing bytes.
    Write,
    /// Waiting until the disk has a file or a folder's names.
    Flush,
    /// Giving another name.
    Rename,
    /// Making a folder.
    Folder,
    /// Deleting a file or a folder.
    Remove,
    /// Taking a lock.
    Lock,
}

impl Operation {
    const ALL: [(&'static str, Self); 7] = [
        ("create", Self::Create),
        ("write", Self::Write),
        ("flush", Self::Flush),
        ("rename", Self::Rename),
        ("folder", Self::Folder),
        ("remove", Self::Remove),
        ("lock", Self::Lock),
    ];

    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Create | Self::Write | Self::Folder => NO_SPACE,
            Self::Flush | Self::Rename | Self::Remove => INPUT_OUTPUT_ERROR,
            Self::Lock => libc::ENOLCK,
        })
    }
}

/// Which operations fail.
#[derive(Debug)]
enum Plan {
    /// None.
    Sound,
    /// The `at`-th of a kind, or of all but locking; and those after it.
    Failing { of: Option<Operation>, at: u64, and_on: bool, done: AtomicU64 },
    /// All: the variable's text says nothing.
    Unclear(String),
}

impl Plan {
    fn parse(text: &str) -> Self {
        let number = |number: &str| {
            let (digits, and_on) = number.strip_suffix('+').map_or((number, false), |digits| (digits, true));
            Some((digits.parse().ok().filter(|&at: &u64| at > 0)?, and_on))
        };
        let known = |name: &str| match name {
            "any" => Some(None),
            name => Operation::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, operation)| Some(operation)),
        };
        match text.split_once(':').and_then(|(name, at)| Some((known(name)?, number(at)?))) {
            Some((of, (at, and_on))) => Self::Failing { of, at, and_on, done: AtomicU64::new(0) },
            None => Self::Unclear(text.to_owned()),
        }
    }

    fn next(&self, operation: Operation, path: &Path) -> io::Result<()> {
        match self {
            Self::Sound => Ok(()),
            Self::Unclear(text) => Err(io::Error::other(format!("{VARIABLE} is {text:?}, no KIND:N"))),
            Self::Failing { of, at, and_on, done } => {
                if of.unwrap_or(operation) != operation || (of.is_none() && operation == Operation::Lock) {
                    return Ok(());
                }
                let number = done.fetch_add(1, Ordering::SeqCst) + 1;
                tracing::info!("operation {number} on files: {operation:?} {}", path.display());
                if number == *at || (*and_on && number > *at) { Err(operation.error()) } else { Ok(()) }
            }
        }
    }
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Stands before each operation: an error where it is to fail.
///
/// # Errors
/// The operation is one that `RIMFORGE_FAULT` names.
pub fn before(operation: Operation, path: &Path) -> io::Result<()> {
    #[cfg(test)]
    if let Some(planned) = tests::planned(operation, path) {
        return planned;
    }
    let plan = || match std::env::var_os(VARIABLE) {
        None => Plan::Sound,
        Some(text) => {
            tracing::warn!("{VARIABLE} is set: writing files fails on purpose, as it says");
            Plan::parse(&text.to_string_lossy())
        }
    };
    PLAN.get_or_init(plan).next(operation, path)
}

#[cfg(test)]
/// Faults of one thread alone.
pub mod tests {
    use std::cell::RefCell;

    use super::*;

    thread_local! {
        static OF_THIS_THREAD: RefCell<Option<Plan>> = const { RefCell::new(None) };
    }

    /// What this thread's own plan says, where it has one.
    pub(super) fn planned(operation: Operation, path: &Path) -> Option<io::Result<()>> {
        OF_THIS_THREAD.with_borrow(|plan| plan.as_ref().map(|plan| plan.next(operation, path)))
    }

    /// Runs `work` on this thread under a plan such as "any:3"; also how many operations it counted.
    pub fn under<T>(plan: &str, work: impl FnOnce() -> T) -> (T, u64) {
        OF_THIS_THREAD.set(Some(Plan::parse(plan)));
        let result = work();
        match OF_THIS_THREAD.take() {
            Some(Plan::Failing { done, .. }) => (result, done.into_inner()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_operation_that_is_named_fails_and_no_other() {
        let fails = |plan: &str| -> Vec<bool> {
            let kinds = [Operation::Write, Operation::Flush, Operation::Write, Operation::Write];
            under(plan, || kinds.map(|kind| before(kind, Path::new("x")).is_err())).0.to_vec()
        };
        assert_eq!(fails("any:2"), [false, true, false, false]);
        assert_eq!(fails("any:2+"), [false, true, true, true]);
        assert_eq!(fails("write:2"), [false, false, true, false]);
        assert_eq!(fails("write:2+"), [false, false, true, true]);
        assert_eq!(fails("any:9"), [false; 4]);
        for text in ["", "write", "write:0", "write:x", "burn:1"] {
            let problem = Plan::parse(text).next(Operation::Write, Path::new("x")).unwrap_err();
            assert!(problem.to_string().contains("KIND:N"), "{problem}");
        }
    }
}

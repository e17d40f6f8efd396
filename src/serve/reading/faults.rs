//! What SQLite could not do, in words for a person: whose fault it is, and what to do now.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::problem::{Kind, Problem};

/// A failed `doing` ("keeping an answer").
pub fn told(path: &Path, doing: &str, error: Error) -> Problem {
    let code = error.sqlite_error_code();
    let of = |kind: Kind, found: &str| Problem::new(kind, format!("{doing} failed: {found}")).at(path);
    let problem = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            of(Kind::Environment, "another program holds the database")
                .advice("close what has it open, and answer again; nothing that was answered is lost")
        }
        Some(ErrorCode::DiskFull) => of(Kind::Environment, "the disk is full")
            .advice("free some space, and answer again; nothing that was answered is lost"),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            of(Kind::Environment, &format!("{error}")).advice("make the file and its folder writable for this user")
        }
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => of(Kind::Environment, &format!("{error}")).advice(
            "look at the disk (room, limits on the size of files), and answer again; nothing that was answered is lost",
        ),
        _ => damaged(path, &format!("{doing}: {error}")),
    };
    problem.because(error)
}

/// Contents that this program did not write.
pub fn damaged(path: &Path, found: &str) -> Problem {
    Problem::input(path, format!("damaged: {found}")).expected("the answers of a reader study").advice(
        "put a copy of it back, or save what can be read with `sqlite3 FILE .recover`, and move it away to begin anew",
    )
}

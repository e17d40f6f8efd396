//! What lies beside the database of answers before it is opened: the journal of a run that was killed.

use std::path::{Path, PathBuf};

use crate::files::kind_of;
use crate::problem::{Problem, Result};

/// Refuses what SQLite would play back over the database before anybody can look at it: its journal where that says
/// that the database was larger than `most` bytes or is no file, and the log that this program never writes.
///
/// # Errors
/// Such a file beside the database at `path`.
pub(super) fn require_own(path: &Path, most: u64) -> Result<()> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let refused = |path: &Path, found: String| {
        Problem::input(path, found)
            .expected("nothing, or what a killed run of this program left")
            .advice("move it out of the folder, and keep it: answers may be in it")
    };
    for log in ["-wal", "-shm"].map(beside) {
        if log.symlink_metadata().is_ok() {
            return Err(refused(&log, "a log of another way of writing".into()));
        }
    }
    let journal = beside("-journal");
    let Ok(facts) = journal.symlink_metadata() else { return Ok(()) };
    if !facts.is_file() || facts.len() > most {
        return Err(refused(&journal, format!("no journal of these answers, or one of {} bytes", facts.len())));
    }
    // https://sqlite.org/fileformat.html, 3: the pages that the database had, at 16, and their size, at 24.
    let (file, _) = kind_of::open(&journal, "a journal")?;
    let head = kind_of::start(&journal, &file, 28)?;
    let number = |at: usize| {
        head.get(at..at + 4).map_or(0, |four| u64::from(u32::from_be_bytes(four.try_into().unwrap_or_default())))
    };
    // 0 means the database's own, which may be the largest.
    let page = match number(24) {
        0 => 65_536,
        size => size,
    };
    let bytes = number(16).saturating_mul(page);
    if bytes > most {
        return Err(refused(&journal, format!("the journal of a database of {bytes} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 3 pages of 4096 bytes: 12,288.
    #[test]
    fn a_journal_of_a_larger_database_and_other_logs_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.sqlite");
        let beside = |ending: &str| folder.path().join(format!("answers.sqlite{ending}"));
        let mut head = vec![0; 512];
        head[16..20].copy_from_slice(&3u32.to_be_bytes());
        head[24..28].copy_from_slice(&4096u32.to_be_bytes());
        std::fs::write(beside("-journal"), &head).unwrap();
        require_own(&path, 12_288).unwrap();
        let said = require_own(&path, 12_287).unwrap_err().to_string();
        assert!(said.contains("a database of 12288 bytes"), "{said}");
        head[24..28].fill(0);
        std::fs::write(beside("-journal"), &head).unwrap();
        assert!(require_own(&path, 3 * 65_536 - 1).is_err());
        require_own(&path, 3 * 65_536).unwrap();
        // What a kill left of a journal that was only begun.
        std::fs::write(beside("-journal"), b"").unwrap();
        require_own(&path, 0).unwrap();
        std::fs::remove_file(beside("-journal")).unwrap();
        std::os::unix::fs::symlink("elsewhere", beside("-journal")).unwrap();
        assert!(require_own(&path, 1 << 20).is_err());
        std::fs::remove_file(beside("-journal")).unwrap();
        std::fs::write(beside("-wal"), b"").unwrap();
        assert!(require_own(&path, 1 << 20).is_err());
    }
}

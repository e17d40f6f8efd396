//! Logs: files that grow by whole lines, and are freed of a torn one.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::fault::{self, Operation};
use super::folder::parent;
use super::whole::{is_there, sync_folder, write_or_half};
use crate::problem::{Problem, Result};

/// Adds `line` and a line's end to a log, which is made where there is none; not flushed to disk.
///
/// # Errors
/// It cannot be written, or is a link, behind which a file of the user's is.
pub fn append(path: &Path, line: &str) -> Result<()> {
    let text = format!("{line}\n");
    let write = || {
        fault::before(Operation::Create, path)?;
        let mut file = OpenOptions::new().create(true).append(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
        write_or_half(&mut file, text.as_bytes(), path)?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|error| Problem::io(path, "writing", error))
}

/// Adds `line` and a line's end to a log of `length` bytes, which is made where there is none; returns the log's length
/// then, once it is on the disk. What follows those bytes, as a failed write before may have left it, goes first.
///
/// # Errors
/// It cannot be written or flushed, or is a link; what was written of the line is taken off again as far as the disk
/// lets it.
pub fn append_flushed(path: &Path, length: u64, line: &str) -> Result<u64> {
    let text = format!("{line}\n");
    let is_new = !is_there(path)?;
    let write = || -> io::Result<()> {
        fault::before(Operation::Create, path)?;
        let mut file = OpenOptions::new().create(true).append(true).custom_flags(libc::O_NOFOLLOW).open(path)?;
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        let written = write_or_half(&mut file, text.as_bytes(), path)
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| fault::before(Operation::Flush, path))
            .and_then(|()| file.sync_data());
        // The next line takes it off otherwise.
        written.inspect_err(|_| drop(file.set_len(length)))
    };
    write().map_err(|error| Problem::io(path, "writing", error))?;
    if is_new {
        sync_folder(parent(path))?;
    }
    Ok(length + text.len() as u64)
}

/// Bytes of a log that are looked at together, from its end on.
const BLOCK: usize = 1 << 16;

/// Takes off the end of a log what follows its last line's end; nothing where there is no log.
///
/// # Errors
/// It cannot be read or written, or is a link.
pub fn cut_torn_line(path: &Path) -> Result<()> {
    let failed = |error| Problem::io(path, "reading", error);
    if !is_there(path)? {
        return Ok(());
    }
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path).map_err(failed)?;
    let mut whole = file.metadata().map_err(failed)?.len();
    let length = whole;
    let mut block = vec![0; BLOCK];
    while whole > 0 {
        let start = whole.saturating_sub(BLOCK as u64);
        let block = &mut block[..(whole - start) as usize];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(block)).map_err(failed)?;
        let end = block.iter().rposition(|&byte| byte == b'\n');
        whole = end.map_or(start, |end| start + end as u64 + 1);
        if end.is_some() {
            break;
        }
    }
    if whole == length { Ok(()) } else { cut(path, whole) }
}

/// Makes a file so many bytes long.
///
/// # Errors
/// It cannot be written, or is a link.
pub fn cut(path: &Path, length: u64) -> Result<()> {
    fault::before(Operation::Write, path)
        .and_then(|()| OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(path))
        .and_then(|file| file.set_len(length))
        .map_err(|error| Problem::io(path, "writing", error))
}

#[cfg(test)]
mod tests {
    use super::super::fault::tests::under;
    use super::*;

    #[test]
    fn a_line_that_is_flushed_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert_eq!(append_flushed(&path, 0, "one").unwrap(), 4);
        std::fs::write(&path, b"one\nhal").unwrap();
        assert_eq!(append_flushed(&path, 4, "two").unwrap(), 8);
        // Opening, writing, flushing.
        for at in 1..=3 {
            let (done, _) = under(&format!("any:{at}"), || append_flushed(&path, 8, "three"));
            assert!(done.is_err(), "{at}");
            assert_eq!(std::fs::read(&path).unwrap(), b"one\ntwo\n", "{at}");
        }
    }

    #[test]
    fn a_line_that_could_not_be_added_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        append(&path, "one").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\n");
        let (done, _) = under("write:1", || append(&path, "second"));
        assert!(done.unwrap_err().to_string().contains("log: writing failed"));
        assert_eq!(std::fs::read(&path).unwrap(), b"one\nsec", "torn, as on a full disk");
        cut_torn_line(&path).unwrap();
        append(&path, "second").unwrap();
        cut_torn_line(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one\nsecond\n");
        for torn in [BLOCK - 1, BLOCK, 3 * BLOCK + 7] {
            // As a power cut leaves it: zeros where the line was to be.
            std::fs::write(&path, [&b"one\n"[..], &vec![0; torn]].concat()).unwrap();
            cut_torn_line(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"one\n", "{torn}");
        }
        std::fs::write(&path, b"on").unwrap();
        cut_torn_line(&path).unwrap();
        cut_torn_line(&folder.path().join("none")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[test]
    fn a_log_that_is_a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (users, log) = (folder.path().join("users"), folder.path().join("log"));
        std::fs::write(&users, b"mine, without an end").unwrap();
        std::os::unix::fs::symlink(&users, &log).unwrap();
        for done in [append(&log, "line"), cut_torn_line(&log), cut(&log, 3)] {
            assert_eq!(done.unwrap_err().path(), Some(log.as_path()));
        }
        assert_eq!(std::fs::read(&users).unwrap(), b"mine, without an end");
    }
}

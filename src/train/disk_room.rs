//! Whether a checkpoint will fit on the disk, asked before anything of it is written.

#![allow(unsafe_code, reason = "the system's answer about a disk comes through libc")]

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::checkpoint;
use crate::problem::{Kind, Problem, Result};

/// Room asked for beyond the bare size of a checkpoint.
const MARGIN: f64 = 1.1;

/// Two checkpoints of `size` bytes must fit before the first is written (2.2 times its size), one more later;
/// `existing` is the number of those that are there, `free` of bytes that are left.
///
/// # Errors
/// They do not fit.
pub(super) fn check(folder: &Path, size: u64, existing: usize, free: u64) -> Result<()> {
    let copies = checkpoint::KEPT.saturating_sub(existing).max(1);
    let needed = (MARGIN * copies as f64 * size as f64) as u64;
    if free >= needed {
        return Ok(());
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Err(Problem::new(Kind::Environment, format!("{:.1} MiB free on this disk", mib(free)))
        .at(folder)
        .expected(format!("{:.1} MiB for a checkpoint", mib(needed)))
        .advice("free some space and run the same command again; the previous checkpoint is intact"))
}

/// Bytes that this user may still write on the disk of `folder`.
///
/// # Errors
/// The system does not tell.
pub(super) fn free_bytes(folder: &Path) -> Result<u64> {
    let failed = |error| Problem::io(folder, "asking for free space", error);
    let path = CString::new(folder.as_os_str().as_bytes())
        .map_err(|e| failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, e)))?;
    let mut facts = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` is NUL-terminated, `facts` has room for one statvfs, and all-zero is a valid statvfs.
    let (code, facts) = unsafe { (libc::statvfs(path.as_ptr(), facts.as_mut_ptr()), facts.assume_init()) };
    if code != 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_noticed_before_anything_is_written() {
        let mib = 1 << 20;
        let problem = check(Path::new("run"), 10 * mib, 0, 21 * mib).unwrap_err();
        assert_eq!(problem.kind(), Kind::Environment);
        assert!(problem.to_string().contains("22.0 MiB"), "{problem}");
        check(Path::new("run"), 10 * mib, 0, 22 * mib).unwrap();
        check(Path::new("run"), 10 * mib, 2, 11 * mib).unwrap();
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
    }
}

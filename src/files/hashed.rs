//! Hashes of files; a file that is hashed as it is read, so that its bytes pass through the processor's cache once.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Take};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::digest;
use crate::observer::{Observer, Silent};
use crate::problem::{Kind, Problem, Result};

/// Small enough to stay in the second-level cache beside what the bytes are inflated to.
const BUFFER: usize = 1 << 17;

/// SHA-256 of a file, as text; a large one does not fill the memory.
///
/// # Errors
/// No such file, something that is no file, or one that may not be read.
pub fn sha256(path: impl AsRef<Path>) -> Result<String> {
    sha256_unless_stopped(path, &Silent)
}

/// As [`sha256`], of what may have gigabytes: given up where the user asks to stop.
///
/// # Errors
/// Those of [`sha256`]; `Kind::Interrupted`.
pub fn sha256_unless_stopped(path: impl AsRef<Path>, observer: &dyn Observer) -> Result<String> {
    let path = path.as_ref();
    let failed = |error| Problem::io(path, "reading", error);
    // A pipe would keep who opens it waiting for ever.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Problem::input(path, "not a regular file").expected("a file"));
    }
    let mut file = HashedFile::new(File::open(path).map_err(failed)?, u64::MAX);
    loop {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped while its hash was computed")
                .at(path)
                .advice("run the same command again; what is finished is kept"));
        }
        match file.fill_buf().map_err(failed)?.len() {
            0 => return file.finish().map_err(failed),
            length => file.consume(length),
        }
    }
}

/// Reads at most a given number of bytes of a file.
pub struct HashedFile {
    file: Take<File>,
    buffer: Vec<u8>,
    /// What of the buffer is still to be consumed.
    left: std::ops::Range<usize>,
    hash: Sha256,
    failure: Option<io::Error>,
}

impl HashedFile {
    /// From the file's present place on, `most` bytes at most.
    pub fn new(file: File, most: u64) -> Self {
        Self { file: file.take(most), buffer: vec![0; BUFFER], left: 0..0, hash: Sha256::new(), failure: None }
    }

    /// Whether and why reading the file itself failed; tells that from bytes that make no sense.
    pub fn failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// SHA-256 of the whole file; reads on to its end.
    ///
    /// # Errors
    /// Reading on failed.
    pub fn finish(mut self) -> io::Result<String> {
        loop {
            let left = self.fill_buf()?.len();
            if left == 0 {
                return Ok(digest::hex(self.hash.finalize()));
            }
            self.consume(left);
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        let mut end = 0;
        while end < self.buffer.len() {
            match self.file.read(&mut self.buffer[end..]) {
                Ok(0) => break,
                Ok(count) => end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.hash.update(&self.buffer[..end]);
        self.left = 0..end;
        Ok(())
    }
}

impl BufRead for HashedFile {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left.is_empty()
            && let Err(error) = self.refill()
        {
            let kind = error.kind();
            self.failure = Some(error);
            return Err(kind.into());
        }
        Ok(&self.buffer[self.left.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.left.start = (self.left.start + count).min(self.left.end);
    }
}

impl Read for HashedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::tests::StopAfterLooks;

    #[test]
    fn the_hash_is_that_of_the_whole_file_however_much_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        let bytes: Vec<u8> = (0..3 * BUFFER + 5).map(|at| (at * 31) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        for read in [0, 1, BUFFER, 2 * BUFFER + 1] {
            let mut file = HashedFile::new(File::open(&path).unwrap(), u64::MAX);
            let mut start = vec![0; read];
            file.read_exact(&mut start).unwrap();
            assert_eq!(start, bytes[..read]);
            assert_eq!(file.finish().unwrap(), digest::sha256(&bytes));
        }
        assert_eq!(sha256(&path).unwrap(), digest::sha256(&bytes));
        assert!(sha256(folder.path().join("none")).unwrap_err().to_string().contains("none: reading failed"));
    }

    #[test]
    fn a_request_to_stop_is_answered_within_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bytes");
        std::fs::write(&path, vec![7; 2 * BUFFER]).unwrap();
        let problem = sha256_unless_stopped(&path, &StopAfterLooks::new(1)).unwrap_err();
        assert!(problem.kind() == Kind::Interrupted && problem.to_string().contains("bytes: stopped"), "{problem}");
    }

    #[test]
    fn a_failure_to_read_is_kept() {
        // A folder can be opened but not read.
        let mut file = HashedFile::new(File::open(std::env::temp_dir()).unwrap(), 10);
        assert!(file.fill_buf().is_err());
        assert!(file.failure().is_some_and(|error| error.raw_os_error().is_some()));
    }
}

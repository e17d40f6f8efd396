//! The program with a limit on its time, its memory told afterwards.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How the program ended.
pub struct Ran {
    /// None where a signal ended it; see `endless`.
    pub code: Option<i32>,
    /// What stood on standard error, on one line.
    pub said: String,
    /// Most memory that it had, bytes.
    pub peak: u64,
    pub took: Duration,
    /// It was killed because its time was over.
    pub endless: bool,
}

impl Ran {
    /// For the message of a test.
    pub fn tale(&self) -> String {
        let how = match (self.endless, self.code) {
            (true, _) => "no end".to_owned(),
            (_, Some(code)) => format!("exit code {code}"),
            (_, None) => "ended by a signal".to_owned(),
        };
        format!("{how} after {:.1} s with {} MB: {}", self.took.as_secs_f64(), self.peak >> 20, self.said)
    }
}

/// Runs the program in `folder`, at most for `limit` and in 8 GiB of address space.
#[allow(unsafe_code, reason = "only the system knows how much memory a process had")]
pub fn run(arguments: &[String], folder: &Path, limit: Duration) -> Ran {
    let heard = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    let child = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -v 8388608; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rimforge")])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(heard.reopen().unwrap())
        .spawn()
        .unwrap();
    let (mut status, mut endless) = (0, false);
    // SAFETY: zeroes are a value of this plain structure.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let pid = child.id() as libc::pid_t;
    loop {
        // SAFETY: both pointers are to values of ours; the child is waited for here alone.
        match unsafe { libc::wait4(pid, &raw mut status, libc::WNOHANG, &raw mut usage) } {
            0 if start.elapsed() > limit && !endless => {
                endless = true;
                // SAFETY: the child has not been waited for, so its number is still its own.
                unsafe { libc::kill(pid, libc::SIGKILL) };
            }
            0 => std::thread::sleep(Duration::from_millis(5)),
            found => {
                assert_eq!(found, pid);
                break;
            }
        }
    }
    let text = String::from_utf8_lossy(&std::fs::read(heard.path()).unwrap()).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ran {
        code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        said: lines.join(" | "),
        peak: usage.ru_maxrss as u64 * 1024,
        took: start.elapsed(),
        endless,
    }
}

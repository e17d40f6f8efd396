//! The program with a limit on its time and address space; the most memory that it had.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// libtorch's libraries, which the program has before it reads anything, and the 256 MB that any input may take.
pub const MEMORY: u64 = (160 + 256) << 20;

/// How the program ended.
pub struct Ran {
    /// None where a signal ended it; see `endless`.
    pub code: Option<i32>,
    /// What stood on standard error, on one line.
    pub said: String,
    /// Most memory that it had, bytes, as far as looking every few milliseconds tells.
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
        format!("{how} after {:.1} s with {} MB: {:.500}", self.took.as_secs_f64(), self.peak >> 20, self.said)
    }
}

/// Runs the program in `folder`, at most for `limit` and in 8 GiB of address space.
pub fn run(arguments: &[String], folder: &Path, limit: Duration) -> Ran {
    let heard = tempfile::NamedTempFile::new().unwrap();
    let start = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -c 0; ulimit -v 8388608; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rimforge")])
        .args(arguments)
        .current_dir(folder)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(heard.reopen().unwrap())
        .spawn()
        .unwrap();
    let (mut peak, mut endless) = (0, false);
    // The system's own account at the end would be of no use: it begins with the memory of the process that forked.
    let status = loop {
        peak = peak.max(most_memory(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > limit && !endless {
            endless = true;
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let text = String::from_utf8_lossy(&std::fs::read(heard.path()).unwrap()).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Ran { code: status.code(), said: lines.join(" | "), peak, took: start.elapsed(), endless }
}

/// Most memory that a process has had since it began, bytes; 0 once it is over.
fn most_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

//! The process that gives inputs to a parser one after another and measures each; what kills it, its parent sees.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rimforge::problem::{Kind, Result};
use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use super::parsers::{Parser, parser};
use crate::allocation::peak_of;

/// A parser with so many faults is not tried any further.
pub const ENOUGH: u64 = 20;

/// Names the worker's order (JSON) in its environment.
pub const ORDER: &str = "RIMFORGE_FUZZ_ORDER";

/// Longest time of one input.
const LONGEST: Duration = Duration::from_secs(2);

/// Longest text that a person is to read, bytes.
const LONGEST_MESSAGE: usize = 16 << 10;

/// Memory that any input may take, and how many times its size a larger one may.
const MEMORY: (u64, u64) = (256 << 20, 4);

/// What a worker is to do.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// Of the parser.
    pub parser: String,
    /// Of the inputs.
    pub seed: u64,
    /// Number of the first input.
    pub first: u64,
    /// Where inputs end, and the cuts and flips are spread by; without it the time alone ends them.
    pub most: Option<u64>,
    /// No input is begun after so long.
    pub seconds: f64,
    /// A folder of the worker's own.
    pub place: PathBuf,
    /// Where inputs that did harm are kept.
    pub kept: PathBuf,
}

/// What a worker tells while it runs, as whole numbers in a file: it may be killed at any moment.
#[derive(Clone, Copy, Default)]
pub struct Progress {
    /// Number of the input it is at.
    pub at: u64,
    /// Inputs that were read without complaint.
    pub accepted: u64,
    /// Most memory of an input, bytes.
    pub peak: u64,
    /// Longest time of an input, microseconds.
    pub longest: u64,
}

impl Progress {
    /// Where it stands in a worker's folder.
    pub fn path(place: &Path) -> PathBuf {
        place.join("progress")
    }

    /// What the worker told last; nothing before its first input.
    pub fn read(place: &Path) -> Self {
        let bytes = std::fs::read(Self::path(place)).unwrap_or_default();
        let mut numbers = bytes.as_chunks().0.iter().map(|number| u64::from_le_bytes(*number));
        let mut next = || numbers.next().unwrap_or_default();
        Self { at: next(), accepted: next(), peak: next(), longest: next() }
    }

    fn write(&self, file: &File) {
        let bytes = [self.at, self.accepted, self.peak, self.longest].map(u64::to_le_bytes).concat();
        file.write_all_at(&bytes, 0).unwrap();
    }
}

static PANIC: Mutex<String> = Mutex::new(String::new());

/// Does what the environment orders; nothing where this is an ordinary test run.
pub fn serve() {
    let Ok(order) = std::env::var(ORDER) else { return };
    let order: Order = serde_json::from_str(&order).unwrap();
    let parser = parser(&order.parser);
    tch::set_num_threads(1);
    std::env::set_current_dir(&order.place).unwrap();
    let inputs = Inputs::new(parser, &order.place.join("inside"), order.seed, order.most);
    let log = File::create(Progress::path(&order.place)).unwrap();
    std::panic::set_hook(Box::new(|panic| *PANIC.lock().unwrap() = panic.to_string()));
    let (start, mut progress) = (Instant::now(), Progress { at: order.first, ..Progress::default() });
    let (mut faults, most) = (0, order.most.unwrap_or(u64::MAX));
    while progress.at < most && start.elapsed().as_secs_f64() < order.seconds && faults < ENOUGH {
        progress.write(&log);
        let number = progress.at;
        let bytes = inputs.get(number);
        let tried = tried(parser, &order.place.join("inside"), &bytes);
        progress.accepted += u64::from(tried.accepted);
        progress.peak = progress.peak.max(tried.peak);
        progress.longest = progress.longest.max(tried.took.as_micros() as u64);
        let refused = number < inputs.valid() && !tried.accepted;
        if let Some(fault) = tried.fault(bytes.len()).or(refused.then(|| format!("refused: valid: {}", tried.said))) {
            keep(&order.kept, parser.name, number, &bytes, &fault);
            faults += 1;
        }
        progress.at += 1;
    }
    progress.write(&log);
    std::fs::write(order.place.join("done"), b"").unwrap();
}

/// Writes an input that did harm and what it did, for a person and for the table; the word before the first ": " is the
/// kind of harm.
pub fn keep(folder: &Path, parser: &str, number: u64, bytes: &[u8], fault: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let name = format!("{}-{number}", parser.replace([' ', '.', ','], "-"));
    std::fs::write(folder.join(format!("{name}.input")), bytes).unwrap();
    std::fs::write(folder.join(format!("{name}.fault")), format!("{parser}, input {number}: {fault}\n")).unwrap();
}

/// What an input did.
struct Tried {
    accepted: bool,
    said: String,
    kind: Option<Kind>,
    panic: Option<String>,
    peak: u64,
    took: Duration,
}

impl Tried {
    fn fault(&self, size: usize) -> Option<String> {
        if let Some(panic) = &self.panic {
            return Some(format!("panic: {panic}"));
        }
        let blamed = match self.kind {
            Some(Kind::Internal) => Some("itself"),
            Some(Kind::Environment) => Some("the machine"),
            _ => None,
        };
        if let Some(blamed) = blamed {
            return Some(format!("blame: the program blames {blamed} for its input: {}", self.said));
        }
        if self.said.len() > LONGEST_MESSAGE {
            return Some(format!("message: {} bytes: {:.200}", self.said.len(), self.said));
        }
        if let Some(letter) = self.said.chars().find(|letter| letter.is_control() && *letter != '\n') {
            return Some(format!("control: {letter:?} would reach the terminal: {:?}", self.said));
        }
        let most = MEMORY.0.max(MEMORY.1 * size as u64);
        if self.peak > most {
            return Some(format!("memory: {} bytes for an input of {size}", self.peak));
        }
        (self.took > LONGEST).then(|| format!("time: {:.1} s for an input of {size} bytes", self.took.as_secs_f64()))
    }
}

/// Gives the input to the parser; a second and third time where the machine may have been busy with something else.
fn tried(parser: &Parser, place: &Path, bytes: &[u8]) -> Tried {
    let mut first = once(parser, place, bytes);
    for _ in 0..2 {
        if first.took <= LONGEST {
            break;
        }
        first.took = first.took.min(once(parser, place, bytes).took);
    }
    first
}

fn once(parser: &Parser, place: &Path, bytes: &[u8]) -> Tried {
    let resident = forget_peak();
    let start = Instant::now();
    let (result, allocated) = peak_of(|| catch_unwind(AssertUnwindSafe(|| (parser.read)(place, bytes))));
    let took = start.elapsed();
    let peak = (allocated as u64).max(memory("VmHWM:").saturating_sub(resident));
    let panic = result.is_err().then(|| std::mem::take(&mut *PANIC.lock().unwrap()));
    let read: Option<Result<()>> = result.ok();
    let problem = read.as_ref().and_then(|read| read.as_ref().err());
    let mut said = String::new();
    if let Some(problem) = problem {
        write!(said, "{problem}").unwrap();
    }
    Tried {
        accepted: read.as_ref().is_some_and(Result::is_ok),
        kind: problem.map(|problem| problem.kind()),
        said,
        panic,
        peak,
        took,
    }
}

/// Makes the system forget the most memory this process had; what it has now, bytes.
fn forget_peak() -> u64 {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    memory("VmRSS:")
}

/// A line of `/proc/self/status`, bytes; 0 where the system has none.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = status.lines().find_map(|found| found.strip_prefix(line)?.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0u64) * 1024
}

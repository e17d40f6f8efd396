//! Runs workers over all parsers, two at a time; notes what killed them; the table of figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::inputs::Inputs;
use super::parsers::{PARSERS, Parser};
use super::worker::{ENOUGH, ORDER, Order, Progress, keep};

/// An input at which a worker stands so long is taken for endless. Beyond the 2 s that the worker itself measures: the
/// machine may be busy.
const ENDLESS: Duration = Duration::from_secs(15);

/// Address space of a worker in KiB, libtorch's own 2 GiB and more included.
const ADDRESS_SPACE: u64 = 8 << 20;

/// How much is tried of each parser.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Of every input.
    pub seed: u64,
    /// Share of a parser's short number of inputs; without it the time alone ends them.
    pub short: bool,
    /// For each parser.
    pub seconds: f64,
}

/// What came of one parser.
#[derive(Default)]
pub struct Figures {
    pub inputs: u64,
    pub accepted: u64,
    /// By kind: panic, death, endless, memory, time, blame, message, control, refused, outside.
    pub faults: BTreeMap<String, u64>,
    pub peak: u64,
    pub longest: u64,
}

/// Where inputs that did harm and the figures are kept.
pub fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/attack/parsers")
}

/// All parsers, two at a time.
pub fn run(plan: Plan) -> Vec<(&'static str, Figures)> {
    let (next, done) = (Mutex::new(PARSERS.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(parser) = next.lock().unwrap().next() else { break };
                    let figures = attack(parser, plan);
                    done.lock().unwrap().push((parser.name, figures));
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// Markdown: a row for each parser.
pub fn table(figures: &[(&str, Figures)]) -> String {
    let mut table =
        String::from("| parser | inputs | read | harm | largest peak MB | longest s |\n|---|---|---|---|---|---|\n");
    for (name, it) in figures {
        let harm: Vec<String> = it.faults.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let harm = if harm.is_empty() { "none".into() } else { harm.join(", ") };
        let (peak, longest) = (it.peak as f64 / (1 << 20) as f64, it.longest as f64 / 1e6);
        let _ = writeln!(table, "| {name} | {} | {} | {harm} | {peak:.1} | {longest:.3} |", it.inputs, it.accepted);
    }
    table
}

fn attack(parser: &'static Parser, plan: Plan) -> Figures {
    let mut figures = Figures::default();
    let most = plan.short.then_some(parser.short);
    let (mut first, start) = (0, Instant::now());
    while most.is_none_or(|most| first < most) {
        let left = plan.seconds - start.elapsed().as_secs_f64();
        let faults: u64 = figures.faults.values().sum();
        if left <= 0.0 || faults >= ENOUGH {
            break;
        }
        let place = tempfile::tempdir_in(room()).unwrap();
        let order = Order {
            parser: parser.name.into(),
            seed: plan.seed,
            first,
            most,
            seconds: left,
            place: place.path().to_owned(),
            kept: kept(),
        };
        let fault = watch(spawn(&order), place.path());
        let progress = Progress::read(place.path());
        figures.accepted += progress.accepted;
        figures.peak = figures.peak.max(progress.peak);
        figures.longest = figures.longest.max(progress.longest);
        let stray = stray(place.path());
        if !stray.is_empty() {
            *figures.faults.entry("outside".into()).or_default() += stray.len() as u64;
        }
        let finished = fault.is_none();
        if let Some(fault) = fault {
            let inputs = Inputs::new(parser, &place.path().join("again"), plan.seed, most);
            keep(&kept(), parser.name, progress.at, &inputs.get(progress.at), &fault);
        }
        let end = progress.at.max(first) + u64::from(!finished);
        for number in first..end {
            if let Some(kind) = fault_of(parser.name, number) {
                *figures.faults.entry(kind).or_default() += 1;
            }
        }
        figures.inputs += end - first;
        first = end;
        if finished {
            break;
        }
    }
    figures
}

/// A memory disk where there is one: a million small files are written.
fn room() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// This test program again, with one test of it, within bounds that the system enforces.
fn spawn(order: &Order) -> Child {
    let bounded = format!("ulimit -c 0; ulimit -v {ADDRESS_SPACE}; exec \"$0\" \"$@\"");
    Command::new("sh")
        .args(["-c", &bounded])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "fuzz::serves_inputs_to_a_parser", "--ignored", "--nocapture"])
        .env(ORDER, serde_json::to_string(order).unwrap())
        .env("TMPDIR", order.place.join("inside"))
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(order.place.join("said")).unwrap())
        .spawn()
        .unwrap()
}

/// Waits for the worker; what ended it before its time.
fn watch(mut worker: Child, place: &Path) -> Option<String> {
    let (mut seen, mut since) = (u64::MAX, Instant::now());
    loop {
        if let Some(status) = worker.try_wait().unwrap() {
            let whole = place.join("done").exists();
            let said = std::fs::read_to_string(place.join("said")).unwrap_or_default();
            return (!whole).then(|| format!("death: the process ended with {}\n{said}", ending(status)));
        }
        let at = Progress::read(place).at;
        if at != seen {
            (seen, since) = (at, Instant::now());
        }
        if since.elapsed() > ENDLESS {
            worker.kill().unwrap();
            worker.wait().unwrap();
            return Some(format!("endless: no end within {} s", ENDLESS.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| format!("{status}"), |signal| format!("signal {signal}"))
}

/// The kind of harm that the input of this number did.
fn fault_of(parser: &str, number: u64) -> Option<String> {
    let name = format!("{}-{number}.fault", parser.replace([' ', '.', ','], "-"));
    let text = std::fs::read_to_string(kept().join(name)).ok()?;
    text.split(": ").nth(1).map(str::to_owned)
}

/// What lies in a worker's folder beside its own: a parser wrote where it may not.
fn stray(place: &Path) -> Vec<PathBuf> {
    let own = ["inside", "again", "progress", "done", "said"];
    let entries = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap());
    entries.filter(|entry| !own.contains(&&*entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
}

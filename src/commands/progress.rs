//! Progress on a terminal as bars, elsewhere as a plain line now and then; and the request to stop.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::ending::stop;
use crate::name::{set_in, shown};
use crate::observer::Observer;
use crate::problem::Result;

/// Seconds between two plain lines where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

const BAR: &str = "{prefix:>12} {bar:30.cyan/blue} {pos}/{len} {unit} {per_sec} {eta} left {msg}";

/// Where nobody knows how much it will be.
const OPEN: &str = "{prefix:>12} {pos} {unit} {per_sec} {msg}";

/// The command line's observer. What it is told is also an event of the log: pieces of work at "information", steps at
/// "debugging".
pub struct Progress {
    stop: Arc<AtomicBool>,
    watching: OnceLock<()>,
    screen: Screen,
}

/// Standard error, with the bar of the present work where it is a terminal. Clones share the bar.
#[derive(Clone)]
pub struct Screen {
    work: Arc<Mutex<Option<Work>>>,
    terminal: bool,
}

struct Work {
    bar: ProgressBar,
    label: String,
    unit: String,
    total: u64,
    status: String,
    begun: Instant,
    printed: Instant,
}

impl Progress {
    /// Nothing is watched or drawn yet.
    #[expect(clippy::new_without_default, reason = "one a process, made on purpose")]
    pub fn new() -> Self {
        let screen = Screen { work: Arc::new(Mutex::new(None)), terminal: std::io::stderr().is_terminal() };
        Self { stop: Arc::new(AtomicBool::new(false)), watching: OnceLock::new(), screen }
    }

    /// Where it draws.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Lets a stage know of a request to stop ([`stop::watch`]). A second call does nothing.
    ///
    /// # Errors
    /// Another `Progress` of this process watches already, or the system refuses.
    pub fn watch_for_stop(&self) -> Result<()> {
        if self.watching.get().is_some() {
            return Ok(());
        }
        let screen = self.screen();
        stop::watch(&self.stop, move || {
            screen.line("\nstopping at the next safe point; press Ctrl-C again to stop at once");
        })?;
        self.watching.get_or_init(|| ());
        Ok(())
    }

    /// Lines of the program's own above the bar; what they quote is escaped already.
    pub fn say(&self, text: &str) {
        self.screen.line(text);
    }
}

impl Screen {
    /// Whether a person looks at it.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// A line above the bar. Where nobody reads standard error any more, it is lost.
    fn line(&self, text: &str) {
        self.above_bar(&format!("{text}\n"));
    }

    fn above_bar(&self, text: &str) {
        let write = || {
            // There is no place left to say that standard error is closed.
            let _ = std::io::stderr().lock().write_all(text.as_bytes());
        };
        match self.work().as_ref().filter(|_| self.terminal) {
            Some(work) => work.bar.suspend(write),
            None => write(),
        }
    }

    /// Held only while something is drawn; nothing may be logged meanwhile, for the log draws, too.
    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.above_bar(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Work {
    fn new(label: &str, unit: &str, total: u64, terminal: bool) -> Self {
        let bar = if terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        bar.set_length(total);
        let name = unit.to_owned();
        let style =
            ProgressStyle::with_template(if total == 0 { OPEN } else { BAR }).expect("the template is well formed");
        bar.set_style(style.with_key("unit", move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&name);
        }));
        bar.set_prefix(label.to_owned());
        let now = Instant::now();
        let status = String::new();
        Self { bar, label: label.into(), unit: unit.into(), total, status, begun: now, printed: now }
    }

    fn plain(&self) -> String {
        let done = self.bar.position();
        let elapsed = self.bar.elapsed();
        let rate = done as f64 / elapsed.as_secs_f64().max(1e-9);
        let left = HumanDuration(self.bar.eta());
        let (label, unit, total, status) = (&self.label, &self.unit, self.total, &self.status);
        if total == 0 {
            return format!("{label}: {done} {unit}, {rate:.2}/s {status}");
        }
        format!("{label}: {done}/{total} {unit}, {rate:.2}/s, {left:#} left {status}")
    }
}

impl Observer for Progress {
    fn begin(&self, label: &str, unit: &str, total: u64) {
        *self.screen.work() = Some(Work::new(&shown(label), &shown(unit), total, self.screen.terminal));
        tracing::info!("{label}: begins, {total} {unit}");
    }

    fn advance(&self, steps: u64) {
        let terminal = self.screen.terminal;
        let told = self.screen.work().as_mut().map(|work| {
            work.bar.inc(steps);
            let due = !terminal && work.printed.elapsed() >= PLAIN_INTERVAL;
            if due {
                work.printed = Instant::now();
            }
            let step = format!("{}: {} of {} {}", work.label, work.bar.position(), work.total, work.unit);
            (step, due.then(|| work.plain()))
        });
        if let Some((step, plain)) = told {
            tracing::debug!("{step}");
            plain.into_iter().for_each(|line| self.screen.line(&line));
        }
    }

    fn status(&self, text: &str) {
        if let Some(work) = self.screen.work().as_mut() {
            work.status = shown(text).into_owned();
            work.bar.set_message(work.status.clone());
        }
        tracing::debug!("{text}");
    }

    fn note(&self, text: &str) {
        self.screen.line(&set_in(text));
    }

    fn end(&self) {
        let work = self.screen.work().take();
        if let Some(work) = work {
            if !self.screen.terminal {
                self.screen.line(&work.plain());
            }
            work.bar.finish();
            let (done, seconds) = (work.bar.position(), work.begun.elapsed().as_secs_f64());
            tracing::info!("{}: ended, {done} {} in {seconds:.1} s", work.label, work.unit);
        }
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Kind;

    /// The only test that takes over Ctrl-C: the handler is the process's.
    #[test]
    fn one_a_process_watches_for_stop_and_another_is_told_so() {
        let first = Progress::new();
        first.watch_for_stop().unwrap();
        first.watch_for_stop().unwrap();
        let problem = Progress::new().watch_for_stop().unwrap_err();
        assert_eq!(problem.kind(), Kind::Environment);
        assert!(!first.stop_requested());
    }

    #[test]
    fn work_says_how_far_it_is_and_an_end_clears_it() {
        let progress = Progress::new();
        progress.begin("train", "images", 8);
        progress.status("loss 1");
        progress.advance(2);
        let line = progress.screen.work().as_ref().map(Work::plain).unwrap();
        assert!(line.starts_with("train: 2/8 images, ") && line.ends_with(" left loss 1"), "{line}");
        progress.begin("fit", "steps", 0);
        progress.advance(2);
        let line = progress.screen.work().as_ref().map(Work::plain).unwrap();
        assert!(line.starts_with("fit: 2 steps, ") && !line.contains("left"), "{line}");
        progress.end();
        assert!(progress.screen.work().is_none());
    }
}

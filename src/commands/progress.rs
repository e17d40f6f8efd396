//! Progress on a terminal as bars, elsewhere as a plain line now and then; and the request to stop.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

/// Seconds between two plain lines where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The command line's observer.
pub struct Progress {
    stop: Arc<AtomicBool>,
    current: Mutex<Option<Work>>,
    terminal: bool,
}

struct Work {
    bar: ProgressBar,
    label: String,
    unit: String,
    total: u64,
    status: String,
    printed: Instant,
}

impl Progress {
    /// Also takes over Ctrl-C and the request to end that a batch queue or a closing terminal sends: the first asks the
    /// stage to stop at its next safe point, the second ends at once.
    pub fn new() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(Kind::Interrupted as i32);
            }
            eprintln!("\nstopping at the next safe point; press Ctrl-C again to stop at once");
        })
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot watch for Ctrl-C: {error}")))?;
        Ok(Self { stop, current: Mutex::new(None), terminal: std::io::stderr().is_terminal() })
    }

    fn with(&self, act: impl FnOnce(&mut Work)) {
        if let Some(work) = self.current.lock().expect("no panic while a bar is drawn").as_mut() {
            act(work);
        }
    }
}

impl Work {
    fn print_plain(&mut self) {
        let done = self.bar.position();
        let elapsed = self.bar.elapsed();
        let rate = done as f64 / elapsed.as_secs_f64().max(1e-9);
        let left = HumanDuration(self.bar.eta());
        let (label, unit, total, status) = (&self.label, &self.unit, self.total, &self.status);
        eprintln!("{label}: {done}/{total} {unit}, {rate:.2}/s, {left:#} left {status}");
        self.printed = Instant::now();
    }
}

impl Observer for Progress {
    fn begin(&self, label: &str, unit: &str, total: u64) {
        let bar = if self.terminal { ProgressBar::new(total) } else { ProgressBar::hidden() };
        bar.set_length(total);
        let style = ProgressStyle::with_template(
            "{prefix:>12} {bar:30.cyan/blue} {pos}/{len} {unit} {per_sec} {eta} left {msg}",
        )
        .expect("the template is well formed");
        let name = unit.to_owned();
        bar.set_style(style.with_key("unit", move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&name);
        }));
        bar.set_prefix(label.to_owned());
        let work =
            Work { bar, label: label.into(), unit: unit.into(), total, status: String::new(), printed: Instant::now() };
        *self.current.lock().expect("no panic while a bar is drawn") = Some(work);
    }

    fn advance(&self, steps: u64) {
        let terminal = self.terminal;
        self.with(|work| {
            work.bar.inc(steps);
            if !terminal && work.printed.elapsed() >= PLAIN_INTERVAL {
                work.print_plain();
            }
        });
    }

    fn status(&self, text: &str) {
        self.with(|work| {
            work.status = text.to_owned();
            work.bar.set_message(text.to_owned());
        });
    }

    fn note(&self, text: &str) {
        let current = self.current.lock().expect("no panic while a bar is drawn");
        match current.as_ref().filter(|_| self.terminal) {
            Some(work) => work.bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    fn end(&self) {
        let work = self.current.lock().expect("no panic while a bar is drawn").take();
        if let Some(mut work) = work {
            if !self.terminal {
                work.print_plain();
            }
            work.bar.finish();
        }
    }

    fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

//! The one place that prints. Results go to standard output: text for a person, or JSON and nothing else. Progress,
//! warnings, logs and what went wrong go to standard error, above the bars that stand there.
//!
//! A reader that closed the pipe (`| head`) had enough, which is no error: what is left to print is dropped, the work
//! is finished, and the exit code is the work's. Any other failure to print results is an error.

use std::error::Error;
use std::io::{ErrorKind, Write};

use serde::Serialize;
use tracing_subscriber::fmt::format::debug_fn;

use super::progress::Progress;
use crate::name::{set_in, shown, shown_lines};
use crate::observer::Observer;
use crate::problem::{Problem, Result};

/// What a command talks to; made once, by `main`.
pub struct Console {
    progress: Progress,
    json: bool,
}

impl Console {
    /// `json`: results are printed as JSON.
    pub fn new(json: bool) -> Self {
        Self { progress: Progress::new(), json }
    }

    /// For the stage that a command calls. From here on Ctrl-C asks that stage to stop at its next safe point.
    ///
    /// # Errors
    /// Another console of this process watches for Ctrl-C.
    pub fn observer(&self) -> Result<&dyn Observer> {
        self.progress.watch_for_stop()?;
        Ok(&self.progress)
    }

    /// Prints what a command found: `record` where JSON is asked for, else the lines of `text`.
    ///
    /// # Errors
    /// Standard output cannot be written to (a full disk behind `> FILE`), or the record cannot be expressed as JSON.
    pub fn result(&self, record: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        if !self.json {
            return print(&shown_lines(&text()));
        }
        print(&(crate::files::json_text(record)? + "\n"))
    }

    /// Says what went wrong, with `causes` also what was behind it.
    pub fn problem(&self, problem: &Problem, causes: bool) {
        let mut text = format!("rimforge: {problem}");
        let mut cause = problem.source();
        while let Some(error) = cause.filter(|_| causes) {
            text += &format!("\n  caused by: {}", set_in(&error.to_string()));
            cause = error.source();
        }
        self.progress.say(&text);
    }

    /// Sends the events of the library to standard error from here on: warnings, with `verbosity` 1 what is read,
    /// kept, begun and done, with 2 each step. Without effect where the process has a subscriber already.
    pub fn log(&self, verbosity: u8) {
        let level = match verbosity {
            0 => tracing::Level::WARN,
            1 => tracing::Level::INFO,
            _ => tracing::Level::DEBUG,
        };
        let screen = self.progress.screen();
        let logs = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_target(false)
            .with_timer(tracing_subscriber::fmt::time::uptime())
            .with_ansi(screen.is_terminal())
            .fmt_fields(debug_fn(|out, _, value| write!(out, "{}", shown(&format!("{value:?}")))));
        // A program around the library may have its own.
        let _ = logs.with_writer(move || screen.clone()).try_init();
    }
}

/// What a record says beside its numbers, a line each.
pub fn noted(notes: &[String]) -> String {
    notes.iter().map(|note| format!("note: {note}\n")).collect()
}

/// Prints `text` on standard output.
///
/// # Errors
/// It cannot be written to, unless nobody reads it any more.
pub fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem::io("standard output", "printing", error)),
        _ => Ok(()),
    }
}

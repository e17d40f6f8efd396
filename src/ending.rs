//! How the process ends where something breaks beneath the stages: a panic, no memory, a limit on the size of files.
//!
//! Whatever it is, standard error gets a line where it can be written to, and the exit code is one of [`Kind`]'s.
//! Nothing here may itself panic or allocate where memory has run out.

pub mod stop;

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write;
use std::panic::{self, PanicHookInfo, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGABRT, SIGXFSZ};
use signal_hook::low_level;

use crate::problem::{Kind, Problem, is_memory_shortage};

/// The system's allocator, which remembers that it once had nothing to give. Rust then aborts the process; the handler
/// of that abort reads here whether memory was the reason.
pub struct Noting;

static REFUSED: AtomicBool = AtomicBool::new(false);

fn noted(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        REFUSED.store(true, Ordering::SeqCst);
    }
    block
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises to us what it would to the system.
        noted(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller promises to us what it would to the system.
        noted(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller promises to us what it would to the system.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises to us what it would to the system.
        noted(unsafe { System.realloc(block, layout, size) })
    }
}

/// A panic of any thread was for want of memory or of threads.
static SHORTAGE: AtomicBool = AtomicBool::new(false);

/// Runs `work`, which picks the exit code, and ends the process with it.
///
/// A panic ends it with the code of a defect, or of the machine where memory ran out, after a line about it. It ends
/// without the destructors of libraries: threads of libtorch may still be running, and one that finds its library torn
/// down ends the process in a memory fault.
pub fn end_with(work: impl FnOnce() -> u8 + UnwindSafe) -> ! {
    panic::set_hook(Box::new(tell_of_panic));
    // A file that grows beyond the limit of the shell or the batch queue then fails to be written, which is told.
    let _ = signal_hook::flag::register(SIGXFSZ, std::sync::Arc::new(AtomicBool::new(false)));
    // SAFETY: `tell_of_abort` calls nothing but write and _exit, which may be called in a handler of signals.
    let _ = unsafe { low_level::register(SIGABRT, tell_of_abort) };
    let code = panic::catch_unwind(work).unwrap_or(Kind::Internal as u8);
    let code = if SHORTAGE.load(Ordering::SeqCst) { Kind::Environment as u8 } else { code };
    low_level::exit(i32::from(code))
}

/// What the machine lacks where the words of a panic say so.
fn shortage(said: &str) -> Option<Problem> {
    let no_thread = ["ThreadPoolBuildError", "failed to spawn thread"].iter().any(|words| said.contains(words));
    if no_thread {
        let problem = Problem::new(Kind::Environment, format!("the system gives no more threads: {said}"));
        return Some(problem.advice("raise the limit on processes (ulimit -u), or ask for fewer --threads"));
    }
    is_memory_shortage(said).then(|| Problem::memory(said))
}

fn tell_of_panic(panic: &PanicHookInfo<'_>) {
    if SHORTAGE.load(Ordering::SeqCst) {
        // What breaks because a thread that lacked memory is gone has been told already.
        return;
    }
    let said = panic.payload_as_str().unwrap_or("no words");
    let text = if let Some(problem) = shortage(said) {
        SHORTAGE.store(true, Ordering::SeqCst);
        format!("rimforge: {problem}\n")
    } else {
        let place = panic.location().map_or_else(String::new, |at| {
            // Of a library's file the last parts say which it is.
            let parts: Vec<&str> = at.file().split('/').collect();
            format!(" at {}:{}", parts[parts.len().saturating_sub(4)..].join("/"), at.line())
        });
        let trace = Backtrace::capture();
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("{trace}"),
            _ => String::new(),
        };
        let defect = Problem::new(Kind::Internal, format!("a defect of rimforge{place}: {said}"))
            .advice("report it with the command and its input; with RUST_BACKTRACE=1 in the environment it says more");
        format!("rimforge: {defect}\n{trace}")
    };
    // There is no place left to say that standard error is closed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

const NO_MEMORY: &[u8] = b"rimforge: not enough memory\n  what to do: use smaller batches, patches or networks, or a \
    machine with more memory; the same command goes on from what is finished\n";

const ABORTED: &[u8] = b"rimforge: a defect of rimforge or of a library beneath it ended the process\n  what to do: \
    report it with the command and its input\n";

/// Called by the system where the process is being aborted: by Rust for want of memory or for a panic within a panic,
/// by C++ for an exception that nobody catches.
fn tell_of_abort() {
    let refused = REFUSED.load(Ordering::SeqCst);
    let (text, kind) = if refused { (NO_MEMORY, Kind::Environment) } else { (ABORTED, Kind::Internal) };
    // SAFETY: the pointer and the length are of one slice that lives for ever.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    low_level::exit(kind as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_is_told_from_a_defect() {
        let pool =
            "The global thread pool has not been initialized.: ThreadPoolBuildError { kind: IOError(Os { code: 11 }) }";
        assert!(shortage(pool).unwrap().to_string().contains("ulimit -u"));
        assert_eq!(shortage("std::bad_alloc").unwrap().kind(), Kind::Environment);
        assert!(shortage("index out of bounds").is_none());
    }
}

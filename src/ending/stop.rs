//! The request to stop: Ctrl-C, the end of a job, a closing terminal.

use std::io;
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level;

use crate::problem::{Kind, Problem, Result};

/// Ctrl-C, the end of a job, and the closing terminal.
const STOP: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Something of this process watches.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// Nothing has begun that could stop at a safe point.
static AT_ONCE: AtomicBool = AtomicBool::new(true);

/// From here on a request to stop ends the process with the exit code for it, until something watches that can stop at
/// a safe point. A signal that the process was started to ignore, or that something answers already, is let be.
///
/// It allocates nothing and needs no library but the system's: the loader may call it before all others begin.
pub extern "C" fn end_at_once() {
    for signal in STOP {
        // SAFETY: an action of zeros is one; both pointers are of actions that outlive the calls.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            if libc::sigaction(signal, ptr::null(), &raw mut action) == 0 && action.sa_sigaction == libc::SIG_DFL {
                action.sa_sigaction = end as extern "C" fn(libc::c_int) as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
    }
}

/// Called by the system where a signal of [`STOP`] arrives; what watches is called after it.
extern "C" fn end(_signal: libc::c_int) {
    if AT_ONCE.load(Ordering::SeqCst) {
        low_level::exit(Kind::Interrupted as i32);
    }
}

/// Takes over Ctrl-C and the request to end that a batch queue or a closing terminal sends: the first sets `asked` and
/// calls `tell`, in a thread of its own; the second ends at once, whatever the threads of libtorch are doing. A closing
/// terminal that the process is to outlive (`nohup`) is none of its business.
///
/// # Errors
/// This process watches already, or the system refuses.
pub fn watch(asked: &Arc<AtomicBool>, tell: impl FnOnce() + Send + 'static) -> Result<()> {
    let failed =
        |error: io::Error| Problem::new(Kind::Environment, format!("cannot watch for Ctrl-C: {error}")).because(error);
    if WATCHED.swap(true, Ordering::SeqCst) {
        return Err(Problem::new(Kind::Environment, "cannot watch for Ctrl-C: something else of this process does"));
    }
    let outlives = is_ignored(SIGHUP);
    let signals: Vec<i32> = STOP.into_iter().filter(|&signal| signal != SIGHUP || !outlives).collect();
    for &signal in &signals {
        // In this order: who finds the flag set was not the first, and the handler itself ends the process.
        flag::register_conditional_shutdown(signal, Kind::Interrupted as i32, Arc::clone(asked)).map_err(failed)?;
        flag::register(signal, Arc::clone(asked)).map_err(failed)?;
    }
    AT_ONCE.store(false, Ordering::SeqCst);
    // Where the system gives no pipe or thread for it, the request goes without an answer, and works all the same.
    if let Ok(mut first) = Signals::new(signals) {
        let wait = move || {
            if first.forever().next().is_some() {
                tell();
            }
        };
        let _ = std::thread::Builder::new().name("stop".into()).spawn(wait);
    }
    Ok(())
}

/// Whether the process was started so that it ignores `signal`; not where the system does not tell.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Signal n is bit n - 1.
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

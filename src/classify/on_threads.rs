//! Fits on several threads, as `classify` and `segment` do them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tch::Device;

use super::runs::Workplace;
use crate::problem::{Kind, Problem, Result};

/// Does the jobs 0 to `count` - 1 on as many threads as the place has on a CPU, on one elsewhere; each thread works
/// with a `handle` of its own and lets libtorch compute on one thread. Results in the order of the jobs.
///
/// # Errors
/// The first failure in the order of the jobs; it ends the work.
pub(crate) fn on_threads<H: Send, T: Send>(
    count: usize,
    place: Workplace<'_>,
    handle: impl Fn() -> H,
    job: impl Fn(&H, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let workers = if place.device == Device::Cpu { place.threads.clamp(1, count.max(1)) } else { 1 };
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Vec<Mutex<Option<Result<T>>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let work = |handle: H| {
        tch::set_num_threads(1);
        while !failed.load(Ordering::SeqCst) {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(slot) = results.get(at) else { break };
            let result = job(&handle, at);
            failed.fetch_or(result.is_err(), Ordering::SeqCst);
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let handle = handle();
            scope.spawn(|| work(handle));
        }
    });
    // The number is libtorch's default for threads to come; the workers have set it to theirs.
    tch::set_num_threads(place.threads as i32);
    let mut done = Vec::new();
    let mut unfinished = false;
    for result in results {
        match result.into_inner().unwrap_or_default() {
            Some(result) => done.push(result?),
            None => unfinished = true,
        }
    }
    if unfinished { Err(Problem::new(Kind::Internal, "a fit ended without a result")) } else { Ok(done) }
}

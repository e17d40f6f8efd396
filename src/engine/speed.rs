//! Whether bfloat16 pays: measured on the work at hand, not looked up.
//!
//! A processor that has instructions for bfloat16 need not be faster with them: without matrix units (AMX) an Intel
//! core does as many products a cycle in float32, and rounding costs more.

use std::time::Duration;

use super::precision::{Precision, Scope, has_bfloat16};
use super::threads::Threads;
use crate::records::precision::PrecisionSpeed;

/// A gain below which the exacter numbers are worth more.
const GAIN: f64 = 1.1;

/// Pairs of turns, at least and at most.
const PAIRS: (usize, usize) = (3, 15);

/// After so long there are no more than the least.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// Times `work`, which must be the same each time, in float32 and in bfloat16 by turns, after one turn of each that is
/// not counted; `None` on a processor without bfloat16.
///
/// It runs on one thread and is timed by what this thread had of the processor: a busy machine makes it longer, and
/// neither precision more than the other. Work that leaves this thread would not be counted.
pub fn compare(work: &dyn Fn()) -> Option<PrecisionSpeed> {
    if !has_bfloat16() {
        return None;
    }
    let _one = Threads::enter(1);
    let time = |precision| {
        let _scope = Scope::enter(precision);
        let start = processor_time();
        work();
        processor_time().saturating_sub(start).as_secs_f64()
    };
    let pair = || (time(Precision::Float32), time(Precision::Bfloat16));
    let begun = processor_time();
    pair();
    let mut ratios = Vec::new();
    while ratios.len() < PAIRS.0 || (ratios.len() < PAIRS.1 && processor_time().saturating_sub(begun) < LONG_ENOUGH) {
        let (full, low) = pair();
        ratios.push(full / low.max(1e-9));
    }
    ratios.sort_by(f64::total_cmp);
    let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share).round() as usize];
    Some(PrecisionSpeed { ratio: at(0.5), lower: at(0.25), upper: at(0.75), pairs: ratios.len() as u64 })
}

/// What "auto" comes to on a CPU: bfloat16 where at least three pairs of four gained enough, else float32; so it is
/// float32 wherever the pairs lie too far apart to tell.
pub fn choose(measured: Option<&PrecisionSpeed>) -> Precision {
    match measured {
        Some(speed) if speed.lower > GAIN => Precision::Bfloat16,
        _ => Precision::Float32,
    }
}

/// What this thread had of the processor so far.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec that outlives the call, which fills it.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(status, 0, "the clock of the thread can be read");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::engine::precision;
    use tch::Kind;

    /// Keeps the processor busy for so long.
    fn busy(time: Duration) {
        let start = processor_time();
        while processor_time() - start < time {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn what_is_twice_as_fast_is_seen_to_be_and_chosen() {
        if !has_bfloat16() {
            assert_eq!((compare(&|| ()), choose(None)), (None, Precision::Float32));
            return;
        }
        let turns = Cell::new(0);
        let of = |full: u64, low: u64| {
            let work = || {
                turns.set(turns.get() + 1);
                busy(Duration::from_millis(if precision::kind() == Kind::Float { full } else { low }));
            };
            compare(&work)
        };
        let before = tch::get_num_threads();
        let speed = of(20, 10).unwrap();
        assert!(
            (speed.ratio - 2.0).abs() < 0.2 && speed.lower <= speed.ratio && speed.ratio <= speed.upper,
            "{speed:?}"
        );
        assert_eq!((choose(Some(&speed)), turns.get()), (Precision::Bfloat16, 2 + 2 * speed.pairs));
        assert_eq!(
            (choose(of(20, 20).as_ref()), choose(of(10, 14).as_ref())),
            (Precision::Float32, Precision::Float32)
        );
        assert_eq!(tch::get_num_threads(), before);
    }

    #[test]
    fn pairs_that_lie_apart_decide_for_float32() {
        let speed = |lower| PrecisionSpeed { ratio: 1.8, lower, upper: 4.0, pairs: 9 };
        assert_eq!((choose(Some(&speed(0.9))), choose(Some(&speed(1.5)))), (Precision::Float32, Precision::Bfloat16));
    }
}

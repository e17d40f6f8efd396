//! Work that is repeated on the same tensors: a GPU records it once and then repeats it by one launch; a CPU does it
//! each time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tch::Device;

use super::checked;
use super::ffi::{self, RawGraph};
use crate::problem::{Kind, Problem, Result};

/// Times that work is done before it is recorded: libtorch picks its kernels and makes its workspaces then.
const WARM_UP: u32 = 3;

/// The memory of recordings that are never under way together.
#[derive(Debug, Default)]
pub struct GraphMemory([u64; 2]);

/// Work on fixed tensors. It reads and writes only tensors that live as long as it does: a repetition of the recording
/// sees no number of the host, and nothing in it may wait for the device.
#[derive(Debug)]
pub struct Repeated {
    records: bool,
    done: u32,
    recording: Option<Recording>,
}

impl Repeated {
    /// Work on `device`. With `graphs` ([`super::Engine::graphs`]) a GPU records it; a CPU never does.
    pub fn new(device: Device, graphs: bool) -> Self {
        Self { records: graphs && device != Device::Cpu, done: 0, recording: None }
    }

    /// Does the work once: by itself, or by repeating what was recorded. On a GPU within a [`super::SideStream`].
    ///
    /// # Errors
    /// The work cannot be recorded (nothing of it was done then, and this process can record no more), or the GPU
    /// reports a failure.
    pub fn run(&mut self, memory: &mut GraphMemory, work: impl FnOnce()) -> Result<()> {
        if !self.records || self.done < WARM_UP {
            work();
            self.done += 1;
            return Ok(());
        }
        if self.recording.is_none() {
            self.recording = Some(Recording::of(memory, work)?);
        }
        self.recording.as_ref().map_or(Ok(()), Recording::replay)
    }
}

#[derive(Debug)]
struct Recording(*mut RawGraph);

impl Recording {
    fn of(memory: &mut GraphMemory, work: impl FnOnce()) -> Result<Self> {
        // SAFETY: two numbers are read; what is returned is freed once, in `drop`.
        let recording = Self(unsafe { ffi::rf_graph_begin(memory.0.as_ptr()) });
        let advice = |problem: Problem| {
            problem.advice("go on without recorded steps: --no-graphs, or engine.graphs = false in a study")
        };
        checked(!recording.0.is_null(), "recording a step on the GPU").map_err(advice)?;
        // An operation that cannot be recorded panics, as any operation that fails.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            let reason = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
            let problem = Problem::new(Kind::Environment, format!("a step cannot be recorded on the GPU: {reason}"));
            return Err(advice(problem));
        }
        // SAFETY: the handle is this recording's own; two numbers are written.
        checked(unsafe { ffi::rf_graph_end(recording.0, memory.0.as_mut_ptr()) } == 0, "recording a step on the GPU")
            .map_err(advice)?;
        Ok(recording)
    }

    fn replay(&self) -> Result<()> {
        // SAFETY: the handle is this recording's own, and it has ended.
        checked(unsafe { ffi::rf_graph_replay(self.0) } == 0, "repeating a recorded step on the GPU")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the handle is this recording's own and is not used again.
            unsafe { ffi::rf_graph_free(self.0) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_does_the_work_each_time() {
        let mut repeated = Repeated::new(Device::Cpu, true);
        let mut times = 0;
        for _ in 0..2 * WARM_UP {
            repeated.run(&mut GraphMemory::default(), || times += 1).unwrap();
        }
        assert_eq!((times, repeated.recording.is_some()), (2 * WARM_UP, false));
    }

    #[test]
    fn a_graph_that_outgrows_its_room_is_refused() {
        // SAFETY: fills room that the shim makes for it and gives back, with less beyond than it has put a fence
        // around.
        let outcomes = [0, 8, 512].map(|bytes| unsafe { ffi::rf_graph_larger_by(bytes) });
        assert_eq!(outcomes, [0, -1, -1]);
        // SAFETY: a query without arguments.
        let reason = unsafe { ffi::text(ffi::rf_last_error()) };
        assert!(reason.contains("larger than"), "{reason}");
    }

    #[test]
    fn without_a_gpu_a_recording_is_refused_with_advice() {
        let problem = Recording::of(&mut GraphMemory::default(), || panic!("the work is not to begin"));
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains("--no-graphs"), "{problem}");
    }
}

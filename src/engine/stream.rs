//! A GPU's order of work: a stream of one's own, and marks in it. On the CPU, where work is done when it is asked for,
//! nothing.

use tch::Device;

use super::checked;
use super::ffi::{self, RawEvent, RawStream};
use crate::problem::Result;

/// While it lives, this thread's GPU work is in a stream of its own, as recording a graph asks; dropping it waits for
/// the work. It stays on its thread.
#[derive(Debug)]
pub struct SideStream(*mut RawStream);

impl SideStream {
    /// Moves this thread's work on `device` to its side stream; on the CPU does nothing.
    ///
    /// # Errors
    /// The GPU does not answer.
    pub fn enter(device: Device) -> Result<Self> {
        let Device::Cuda(index) = device else {
            return Ok(Self(std::ptr::null_mut()));
        };
        // SAFETY: takes no pointers; what it returns goes to `rf_stream_leave` once.
        let handle = unsafe { ffi::rf_stream_enter(index as i32) };
        checked(!handle.is_null(), "entering a stream of the GPU")?;
        Ok(Self(handle))
    }
}

impl Drop for SideStream {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the handle is from `rf_stream_enter` and is used once. A failure shows at the next operation.
            unsafe { ffi::rf_stream_leave(self.0) };
        }
    }
}

/// A mark in this thread's stream, to wait for.
#[derive(Debug)]
pub(super) struct Event {
    handle: *mut RawEvent,
    index: i32,
}

impl Event {
    /// `None` on the CPU, where there is nothing to wait for.
    pub(super) fn new(device: Device) -> Result<Option<Self>> {
        let Device::Cuda(index) = device else {
            return Ok(None);
        };
        // SAFETY: takes nothing; what it returns is freed once, in `drop`.
        let handle = unsafe { ffi::rf_event_new() };
        checked(!handle.is_null(), "making a mark in the GPU's stream")?;
        Ok(Some(Self { handle, index: index as i32 }))
    }

    pub(super) fn record(&mut self) -> Result<()> {
        // SAFETY: the handle is this event's own.
        checked(unsafe { ffi::rf_event_record(self.handle, self.index) } == 0, "marking the GPU's stream")
    }

    /// Waits until the GPU has come to where this was last recorded; not at all where it never was.
    pub(super) fn wait(&self) -> Result<()> {
        // SAFETY: the handle is this event's own.
        checked(unsafe { ffi::rf_event_wait(self.handle) } == 0, "waiting for the GPU")
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is this event's own and is not used again.
        unsafe { ffi::rf_event_free(self.handle) }
    }
}

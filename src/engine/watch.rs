//! For tests: which libtorch operations work consists of, and how it is on a device that the shim's kernels do not know.

use std::ffi::c_int;

use super::ffi;

/// Reading a number from the device, or choosing elements by value, makes the host wait for it; tch makes a tensor of the
/// host's numbers in a new one of zeros. Work that is
/// to be recorded does neither.
pub const NOT_TO_RECORD: [&str; 6] =
    ["aten::item", "aten::is_nonzero", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::zeros"];

/// Names of the operations that `work` asks for on this thread, in order, not of those that they are made of ("aten::add", "aten::_local_scalar_dense").
pub fn operations(work: impl FnOnce()) -> Vec<String> {
    // SAFETY: the second call ends what the first began, on the same thread.
    unsafe { ffi::rf_watch_operations() };
    work();
    let names = unsafe { ffi::text(ffi::rf_watched_operations()) };
    names.lines().map(str::to_owned).collect()
}

/// While it lives, this thread computes by plain operations, as a GPU does.
pub struct PlainOperations(c_int);

impl PlainOperations {
    pub fn enter() -> Self {
        // SAFETY: sets a flag of this thread.
        Self(unsafe { ffi::rf_use_kernels(0) })
    }
}

impl Drop for PlainOperations {
    fn drop(&mut self) {
        // SAFETY: sets a flag of this thread.
        unsafe { ffi::rf_use_kernels(self.0) };
    }
}

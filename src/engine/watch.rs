//! For tests: which libtorch operations work consists of, and how it is on a device that the shim's kernels do not know.

use std::ffi::c_int;

use super::ffi;

/// What work that is to be recorded does not do: reading a number from the device, or choosing elements by value, makes the
/// host wait for it; a tensor of the host's numbers is made by tch in a new one of zeros (a copy to another device does not
/// show on a CPU); and libtorch's second derivative of a convolution computes a kernel's gradient that nobody asks for.
pub const NOT_TO_RECORD: [&str; 7] = [
    "aten::item",
    "aten::is_nonzero",
    "aten::nonzero",
    "aten::masked_select",
    "aten::equal",
    "aten::zeros",
    "aten::_convolution_double_backward",
];

/// Names of the operations that `work` asks for on this thread, in order, not of those that they are made of ("aten::add",
/// "aten::item").
pub fn operations(work: impl FnOnce()) -> Vec<String> {
    // SAFETY: takes no pointers; the call below ends what this one begins, on the same thread.
    unsafe { ffi::rf_watch_operations() };
    work();
    // SAFETY: a query without arguments.
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

//! Declarations of `shim/rimforge_shim.h`.

use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    pub(super) fn rf_last_error() -> *const c_char;
    pub(super) fn rf_compiled_version() -> *const c_char;
    pub(super) fn rf_loaded_version() -> u64;
    pub(super) fn rf_cpu_capability() -> *const c_char;
    pub(super) fn rf_open_cuda(path: *const c_char) -> c_int;
    pub(super) fn rf_set_deterministic(on: c_int);
    pub(super) fn rf_set_allow_tf32(on: c_int);
    pub(super) fn rf_set_flush_denormal(on: c_int) -> c_int;
    pub(super) fn rf_styled_activation(
        x: *const c_void,
        scale: *const c_void,
        bias: *const c_void,
        noise: *const c_void,
        strength: *const c_void,
        bound: f64,
    ) -> *mut c_void;
    pub(super) fn rf_scale_channels(x: *const c_void, scale: *const c_void) -> *mut c_void;
}

/// Copies a string that the shim owns.
pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::from("unknown");
    }
    // SAFETY: the shim returns null or a NUL-terminated string that lives until its next call on this thread.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

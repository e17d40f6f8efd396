//! Declarations of `shim/rimforge_shim.h`.

use std::ffi::{CStr, c_char, c_int, c_void};

unsafe extern "C" {
    pub(super) fn rf_last_error() -> *const c_char;
    pub(super) fn rf_compiled_version() -> *const c_char;
    pub(super) fn rf_loaded_version() -> u64;
    pub(super) fn rf_loaded_from() -> *const c_char;
    pub(super) fn rf_cpu_capability() -> *const c_char;
    pub(super) fn rf_open_cuda(path: *const c_char) -> c_int;
    pub(super) fn rf_gpu_name(index: c_int) -> *const c_char;
    pub(super) fn rf_gpu_has_bfloat16() -> c_int;
    pub(super) fn rf_set_tuned(on: c_int);
    pub(super) fn rf_peak_bytes(index: c_int) -> i64;
    pub(super) fn rf_stream_enter(index: c_int) -> *mut c_void;
    pub(super) fn rf_stream_leave(handle: *mut c_void) -> c_int;
    pub(super) fn rf_event_new() -> *mut c_void;
    pub(super) fn rf_event_free(event: *mut c_void);
    pub(super) fn rf_event_record(event: *mut c_void, index: c_int) -> c_int;
    pub(super) fn rf_event_wait(event: *const c_void) -> c_int;
    pub(super) fn rf_pinned_like(tensor: *const c_void) -> *mut c_void;
    pub(super) fn rf_copy_async(to: *const c_void, from: *const c_void) -> c_int;
    pub(super) fn rf_graph_begin(pool: *const u64) -> *mut c_void;
    pub(super) fn rf_graph_end(graph: *mut c_void, pool: *mut u64) -> c_int;
    pub(super) fn rf_graph_replay(graph: *mut c_void) -> c_int;
    pub(super) fn rf_graph_free(graph: *mut c_void);
    #[cfg(test)]
    pub(super) fn rf_use_kernels(on: c_int) -> c_int;
    #[cfg(test)]
    pub(super) fn rf_watch_operations();
    #[cfg(test)]
    pub(super) fn rf_watched_operations() -> *const c_char;
    pub(super) fn rf_set_deterministic(on: c_int);
    pub(super) fn rf_set_allow_tf32(on: c_int);
    pub(super) fn rf_set_flush_denormal(on: c_int) -> c_int;
    pub(super) fn rf_styled_activation(
        x: *const c_void,
        scale: *const c_void,
        bias: *const c_void,
        noise: *const c_void,
        strength: *const c_void,
        gain: f64,
        bound: f64,
    ) -> *mut c_void;
    pub(super) fn rf_convolution(
        x: *const c_void,
        weight: *const c_void,
        gain: f64,
        stride: i64,
        padding: i64,
    ) -> *mut c_void;
    pub(super) fn rf_linear(
        x: *const c_void,
        weight: *const c_void,
        bias: *const c_void,
        gain: f64,
        bias_gain: f64,
    ) -> *mut c_void;
    pub(super) fn rf_transposed_convolution(
        x: *const c_void,
        weight: *const c_void,
        gain: f64,
        stride: i64,
        padding: i64,
    ) -> *mut c_void;
    pub(super) fn rf_to_image(x: *const c_void, kernel: *const c_void) -> *mut c_void;
    pub(super) fn rf_from_image(image: *const c_void, kernel: *const c_void, kind: c_int) -> *mut c_void;
    pub(super) fn rf_unit_features(x: *const c_void) -> *mut c_void;
    pub(super) fn rf_squared_distance(a: *const c_void, b: *const c_void) -> *mut c_void;
    pub(super) fn rf_adam(
        values: *const c_void,
        first: *const c_void,
        second: *const c_void,
        gradient: *const c_void,
        rates: *const c_void,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
    ) -> *mut c_void;
    pub(super) fn rf_low_pass(x: *const c_void, mode: c_int, gain: f64) -> *mut c_void;
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

//! Declarations of `shim/rimforge_shim.h`. Each kind of C++ object has a type of its own here, which only the shim can
//! make and look into, so that the compiler keeps a stream from being taken for an event.

use std::ffi::{CStr, c_char, c_int};
use std::marker::{PhantomData, PhantomPinned};

/// Of no size that Rust knows, not to be moved, and bound to no other thread's use.
type Opaque = PhantomData<(*mut u8, PhantomPinned)>;

/// `at::Tensor`, what tch holds as `C_tensor`.
#[repr(C)]
pub(super) struct RawTensor {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

/// `c10::Stream`: the stream that work comes back to.
#[repr(C)]
pub(super) struct RawStream {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

/// `c10::Event`: a mark in a stream.
#[repr(C)]
pub(super) struct RawEvent {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

/// `rimforge::Graph`: recorded work of a GPU.
#[repr(C)]
pub(super) struct RawGraph {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

/// `rimforge::Group`: processes that answer each other.
#[repr(C)]
pub(super) struct RawGroup {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

/// `rimforge::Cards`: the cards of such processes.
#[repr(C)]
pub(super) struct RawCards {
    _bytes: [u8; 0],
    _opaque: Opaque,
}

unsafe extern "C" {
    pub(super) fn rf_last_error() -> *const c_char;
    pub(super) fn rf_compiled_version() -> *const c_char;
    pub(super) fn rf_loaded_version() -> u64;
    pub(super) fn rf_loaded_from() -> *const c_char;
    pub(super) fn rf_cpu_capability() -> *const c_char;
    pub(super) fn rf_open_cuda(path: *const c_char) -> c_int;
    pub(super) fn rf_gpu_name(index: c_int) -> *const c_char;
    pub(super) fn rf_gpu_has_bfloat16() -> c_int;
    pub(super) fn rf_set_tuned(on: c_int) -> c_int;
    pub(super) fn rf_peak_bytes(index: c_int) -> i64;
    pub(super) fn rf_stream_enter(index: c_int) -> *mut RawStream;
    pub(super) fn rf_stream_leave(before: *mut RawStream) -> c_int;
    pub(super) fn rf_event_new() -> *mut RawEvent;
    pub(super) fn rf_event_free(event: *mut RawEvent);
    pub(super) fn rf_event_record(event: *mut RawEvent, index: c_int) -> c_int;
    pub(super) fn rf_event_wait(event: *const RawEvent) -> c_int;
    pub(super) fn rf_pinned_like(tensor: *const RawTensor) -> *mut RawTensor;
    pub(super) fn rf_copy_async(to: *const RawTensor, from: *const RawTensor) -> c_int;
    pub(super) fn rf_graph_begin(pool: *const u64) -> *mut RawGraph;
    pub(super) fn rf_graph_end(graph: *mut RawGraph, pool: *mut u64) -> c_int;
    pub(super) fn rf_graph_replay(graph: *mut RawGraph) -> c_int;
    pub(super) fn rf_graph_free(graph: *mut RawGraph);
    #[cfg(test)]
    pub(super) fn rf_use_kernels(on: c_int) -> c_int;
    #[cfg(test)]
    pub(super) fn rf_watch_operations() -> c_int;
    #[cfg(test)]
    pub(super) fn rf_watched_operations() -> *const c_char;
    #[cfg(test)]
    pub(super) fn rf_graph_larger_by(bytes: i64) -> c_int;
    pub(super) fn rf_set_deterministic(on: c_int) -> c_int;
    pub(super) fn rf_set_allow_tf32(on: c_int) -> c_int;
    pub(super) fn rf_set_tiles(on: c_int);
    pub(super) fn rf_has_tiles() -> c_int;
    pub(super) fn rf_set_flush_denormal(on: c_int) -> c_int;
    pub(super) fn rf_styled_activation(
        x: *const RawTensor,
        scale: *const RawTensor,
        bias: *const RawTensor,
        noise: *const RawTensor,
        strength: *const RawTensor,
        gain: f64,
        bound: f64,
    ) -> *mut RawTensor;
    pub(super) fn rf_convolution(
        x: *const RawTensor,
        weight: *const RawTensor,
        gain: f64,
        stride: i64,
        padding: i64,
    ) -> *mut RawTensor;
    pub(super) fn rf_linear(
        x: *const RawTensor,
        weight: *const RawTensor,
        bias: *const RawTensor,
        gain: f64,
        bias_gain: f64,
    ) -> *mut RawTensor;
    pub(super) fn rf_transposed_convolution(
        x: *const RawTensor,
        weight: *const RawTensor,
        gain: f64,
        stride: i64,
        padding: i64,
    ) -> *mut RawTensor;
    pub(super) fn rf_to_image(x: *const RawTensor, kernel: *const RawTensor) -> *mut RawTensor;
    pub(super) fn rf_from_image(image: *const RawTensor, kernel: *const RawTensor, kind: c_int) -> *mut RawTensor;
    pub(super) fn rf_unit_features(x: *const RawTensor) -> *mut RawTensor;
    pub(super) fn rf_squared_distance(a: *const RawTensor, b: *const RawTensor) -> *mut RawTensor;
    pub(super) fn rf_adam(
        values: *const RawTensor,
        first: *const RawTensor,
        second: *const RawTensor,
        gradient: *const RawTensor,
        rates: *const RawTensor,
        beta1: f64,
        beta2: f64,
        epsilon: f64,
    ) -> *mut RawTensor;
    pub(super) fn rf_group_new(
        host: *const c_char,
        port: c_int,
        rank: c_int,
        size: c_int,
        serves: c_int,
        prefix: *const c_char,
        connect_s: c_int,
    ) -> *mut RawGroup;
    pub(super) fn rf_group_free(group: *mut RawGroup);
    pub(super) fn rf_group_gather(
        group: *const RawGroup,
        own: *const RawTensor,
        all: *const *const RawTensor,
        wait_ms: c_int,
    ) -> c_int;
    pub(super) fn rf_group_tell(group: *const RawGroup, name: *const c_char, bytes: *mut u8, count: i64) -> c_int;
    pub(super) fn rf_nccl_open(beside: *const c_char) -> c_int;
    pub(super) fn rf_nccl_id(id: *mut u8) -> c_int;
    pub(super) fn rf_cards_new(id: *const u8, rank: c_int, size: c_int, index: c_int) -> *mut RawCards;
    pub(super) fn rf_cards_free(cards: *mut RawCards);
    pub(super) fn rf_cards_gather(
        cards: *mut RawCards,
        own: *const RawTensor,
        all: *const RawTensor,
        wait_s: c_int,
    ) -> c_int;
    pub(super) fn rf_use_card(index: c_int) -> c_int;
    pub(super) fn rf_low_pass(x: *const RawTensor, mode: c_int, gain: f64) -> *mut RawTensor;
    pub(super) fn rf_scale_channels(x: *const RawTensor, scale: *const RawTensor) -> *mut RawTensor;
}

/// Copies a string that the shim owns.
pub(super) fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::from("unknown");
    }
    // SAFETY: the shim returns null or a NUL-terminated string that lives until its next call on this thread.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

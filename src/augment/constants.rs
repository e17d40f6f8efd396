//! Matrices that depend on sizes only, built once and kept on the device that uses them.

use std::cell::RefCell;
use std::collections::HashMap;

use tch::{Device, Tensor};

/// What a matrix is for, and the side of its images.
pub type Key = (&'static str, i64);

thread_local! {
    static KEPT: RefCell<HashMap<(Key, Device), Tensor>> = RefCell::default();
}

/// The matrix of `key` on `device`; `build` makes it on the host. Kept, so that recorded work finds it there; there are
/// few for each side of images.
pub fn on(device: Device, key: Key, build: impl FnOnce() -> Tensor) -> Tensor {
    KEPT.with_borrow_mut(|kept| kept.entry((key, device)).or_insert_with(|| build().to_device(device)).shallow_clone())
}

//! How many threads libtorch uses for one operation of the caller's thread, for a while.

use std::marker::PhantomData;

/// While it lives, operations of this thread, and by default of threads that begin meanwhile, run on so many threads.
/// It ends on the thread that it began on.
pub struct Threads {
    before: i32,
    of_this_thread: PhantomData<*const ()>,
}

impl Threads {
    /// `threads` at least 1.
    pub fn enter(threads: usize) -> Self {
        let before = tch::get_num_threads();
        tch::set_num_threads(threads as i32);
        Self { before, of_this_thread: PhantomData }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        tch::set_num_threads(self.before);
    }
}

//! How much of anything a connection may ask for.

use std::time::Duration;

/// Bytes of a request's line and headers, at most: what hyper takes as its smallest buffer.
pub const MOST_HEAD_BYTES: usize = 8192;

/// Bytes of a body, at most: an answer has some eighty.
pub const MOST_BODY_BYTES: usize = 4096;

/// Bounds of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For a request's head, and again for its body.
    pub patience: Duration,
    /// For a connection as a whole, its reply read; each carries one request.
    pub connection: Duration,
    /// Connections at one time; further ones wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { patience: Duration::from_secs(10), connection: Duration::from_secs(30), connections: 64 }
    }
}

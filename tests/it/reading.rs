//! `rimforge read` as a reader, an attacker, a full disk and a killed process see it.

/// A study that is small enough to be read through in seconds, and the program on it.
pub mod study;

/// Requests as bytes.
pub mod http;

/// Chromium, driven through a pipe.
pub mod chromium;

mod attack;

mod browser;

mod faults;

mod kills;

mod results;

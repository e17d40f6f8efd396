//! 1. Files to patches.

pub mod manifest;

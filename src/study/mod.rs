//! Recipes: a study's settings, its stages in order, what is kept of them.

pub mod config;

pub mod settings;

pub mod cache;

mod changes;

pub mod extensions;

pub mod rim_lesions;

pub use config::StudyConfig;

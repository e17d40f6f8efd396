//! Recipes: a study's settings, its stages in order, what is kept of them.
//!
//! A recipe is a folder here: its settings, its stages in the order in which they run, its record. What recipes share
//! lives once beside them: reading a study file with `--set` ([`settings`]), the stages' cache ([`cache`]), the study
//! folder ([`folder`]).

pub mod kind;

pub mod settings;

pub mod folder;

mod changes;

pub mod cache;

pub mod rim_lesions;

pub use kind::StudyKind;
pub use rim_lesions::StudyConfig;

//! One file a subcommand: arguments, resolved settings, the call of the stage, what is printed.

pub mod bench;

pub mod classify;

pub mod cohort_check;

pub mod doctor;

pub mod embedded;

pub mod engine_args;

pub mod events;

pub mod export;

pub mod generate;

pub mod image;

pub mod import;

pub mod network_source;

pub mod perturb;

pub mod pictures;

pub mod prepare;

pub mod progress;

pub mod project;

pub mod report;

pub mod settings;

pub mod simulate;

pub mod train;

pub mod config;

pub mod run;

//! One file a subcommand: arguments, resolved settings, the call of the stage, what is printed.

pub mod bench;

mod choices;

pub mod classify;

pub mod doctor;

pub mod engine_args;

pub mod export;

pub mod generate;

pub mod import;

pub mod perturb;

pub mod prepare;

pub mod progress;

pub mod project;

pub mod report;

pub mod simulate;

pub mod train;

pub mod config;

pub mod run;

//! One file a subcommand: arguments, resolved settings, the call of the stage, what is printed.

pub mod classify;

pub mod cohort_check;

pub mod doctor;

pub mod events;

pub mod generate;

pub mod prepare;

pub mod progress;

pub mod project;

pub mod report;

pub mod simulate;

pub mod train;

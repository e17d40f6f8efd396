//! The integration tests, one binary; each module drives the library or the program as a user would.

mod architecture;

mod parity;
mod project;

mod project_command;

mod augment_parity;
mod cohort_files;

mod prepare;

mod classify;

mod simulate;

mod generate;

mod phantoms;

mod train;

mod report;

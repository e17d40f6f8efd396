//! One file a subcommand: arguments, resolved settings, the call of the stage, what is printed.

pub mod console;

pub mod progress;

mod numbers;

mod choices;

pub mod options;

pub mod engine_args;

pub mod bench;

pub mod bids_app;

pub mod check_table;

mod brats_args;

mod fa_args;

pub mod classify;

pub mod completions;

pub mod config;

pub mod directions;

mod distributed;

pub mod man;

pub mod doctor;

pub mod edit;

pub mod evaluate;

pub mod explain;

pub mod export;

mod export_bids;

mod export_card;

mod export_data;

pub mod export_forms;

pub mod generate;

pub mod import;

pub mod invert;

pub mod merge;

pub mod perturb;

pub mod plan;

pub mod prepare;

mod primary_args;

pub mod project;

pub mod read;

pub mod report;
pub mod residuals;

pub mod review;

pub mod run;

pub mod segment;

pub mod shards;

pub mod tumours;

mod sources;

pub mod simulate;

mod simulate_brain;

mod simulate_diffusion;

mod simulate_skin;

pub mod train;

pub mod two_sided;

pub mod variants;

mod volumes;

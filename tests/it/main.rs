//! The integration tests, one binary; each module drives the library or the program as a user would.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "all of it is tests, what they share as well")]

/// Imports between modules, as ARCHITECTURE.md allows them.
mod architecture;
mod bench;
mod bids_app;

/// One test at a time on a card.
mod gpu;
mod hand_edited;

/// Values and gradients of networks and augmentation against the reference's.
mod parity;

mod augment_parity;

/// Networks of the reference: in, out, and files made to do harm.
mod pickles;

mod import_export;

/// Closed pipes, JSON, help and logs of every command.
mod command_line;

/// Published numbers beside the test set that they state.
mod check_table;

mod leftovers;

/// Closed streams, signals, limits of the system.
mod streams;

/// Names and paths in files that lead elsewhere or steer a terminal.
mod outside;

/// What nobody means, for every key and option.
mod absurd_values;
/// Folders that are written, and images that may be learnt from.
mod own_folders;

mod leak_guard;

/// Every arm of the comparison, in a study that makes what they need.
mod arms;

/// Images inverted for editing.
mod invert;

/// Lesions projected as of either class.
mod two_sided;

mod project;

/// The stages through the program, in flow order.
mod simulate;

mod prepare;

/// Maps of anisotropy, simulated and small.
mod diffusion;

/// Gliomas as BraTS has them, simulated and small.
mod brats;

/// Folders, zips and tables of images that other people made.
mod images_as_they_are;
mod volumes_as_they_are;
mod volumes_attacked;

/// Volumes whose background is no number, and headers that say what numbers mean.
mod background;

/// Files in which one byte is another.
mod damage;

mod train;

/// Every parser against damaged inputs, in a process that may die of them.
mod fuzz;

/// Every command on disks that are full.
mod full_disk;

mod noise;

mod odd_files;

mod archives;

mod no_execution;

mod bounded;

/// Tables and lists of images as long as they may be.
mod large_lists;
mod launchers;

/// Every key of a study file.
mod settings;
mod several_processes;
mod supply_chain;

mod training_parity;

mod generate;
mod given_away;

mod generators;

mod project_command;

/// Files of weights and networks that are not what they should be, or made to do harm.
mod feature_files;

mod hostile_networks;

mod classes_and_contrasts;

mod classify;

mod named_classes;

mod report;

mod evidence;

mod clip;

mod reading;

mod review;

/// Small data sets that the tests above write.
mod cohort_files;

mod phantoms;

/// What several of them share.
mod stopping;

/// Kills and failing disks; what they try.
mod tiny_runs;

mod kill_chains;

mod faults;

mod dermatoscopy;
mod glioma;
mod projection_accuracy;
mod place;
mod shards;
mod shards_of_each_kind;
mod shards_of_trainings;
mod stage_contents;
mod early_signals;

mod evaluate;

/// Maps of what classifiers look at, and what they are worth.
mod explain;
mod fa_maps;

/// Directions of a latent space, and what people say of them.
mod directions;

mod segment;

/// Drawn slice-mask pairs of a rare population of gliomas.
mod tumours;

mod digits;

mod exact_resume;

mod folders_gone_on_with;

mod nothing_stale;

/// A cohort that somebody writes to while a study is at work.
mod changed_cohort;

/// Counts memory for the tests that promise a bound.
mod allocation;

/// Photographs of skin as HAM10000 and the ISIC challenges hand them out.
mod dermoscopy;

/// DenseNets as classifiers, and files of their weights.
mod densenet;

//! Files to patches, and prepared patches to training images.
//!
//! [`manifest`] is the data set on disk, [`dataset`] and [`volumes`] read it (test items are another type than training
//! items).

pub mod manifest;

pub mod name_join;

pub mod near_names;

mod foreign_text;

mod table_lines;

pub mod table;

pub mod reader_table;

pub mod truth;

pub mod bids;

pub mod cohort_inputs;

pub mod image_inputs;

pub mod patches;

mod patient_figure;

mod lesion_figure;

mod cohort_figures;

pub mod rim_maps;

pub mod label_map;

pub mod split;

mod ranks;

pub mod measure;

pub mod intensity;

pub mod png_image;

mod png_chunks;

mod jpeg_segments;

mod jpeg_huffman;

mod jpeg_scans;

pub mod jpeg_image;

mod picture;

mod area_average;

mod thumbnail;

mod odd_label;

mod one_origin;

mod passed_over;

mod image_tables;

mod image_files;

mod dataset_json;

mod image_columns;

mod votes_and_words;

mod label_folders;

pub mod image_labels;

pub mod label_classes;

mod image_store;

pub mod png_folder;

pub mod zip_dataset;

pub mod patch_file;

pub mod listed_image;

pub mod origin;

pub mod pieces;

mod lesion_pieces;

pub(crate) mod missing;

mod plausible;

pub(crate) mod background;

mod streamed_ranks;

pub(crate) mod place_notes;

mod slice_ranges;

mod bids_finder;

mod bids_name;

mod sidecar;

pub(crate) mod channel;

mod cohort_patient;

pub(crate) mod from_cohort;

mod image_patches;

mod named_after;

mod own_labels;

mod visits;

mod texts;

pub mod near_duplicates;

mod groups;

mod from_images;

mod dermoscopy;

pub mod brats;

pub mod brats_inputs;

pub mod fa_maps;

mod volume_files;

pub mod fa_inputs;

pub mod prepare_config;

mod extracted;

pub mod prepare;

pub mod dataset;

pub mod sides;

pub mod slices;

pub mod volumes;

pub mod condition;

pub use condition::{Condition, Conditioned};
pub use prepare::run_stage;
pub use prepare_config::{PrepareConfig, Source};

pub use dataset::Prepared;
pub use slices::{SliceImage, TestSlices, TrainSlices, ValidationSlices};
pub use volumes::{AnyPrepared, PreparedVolumes};

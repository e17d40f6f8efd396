//! The page of a dermatoscopy study.

mod arms;

mod inversion;

mod questions;

mod page;

mod sections;

pub use page::render;

//! The page of a glioma study.

mod page;

pub use page::render;

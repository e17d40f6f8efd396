//! The page of a study of projection accuracy.

mod page;

pub use page::render;

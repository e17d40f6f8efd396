//! Lesions: their outlines, their material with or without an iron rim, and what is true of each.

pub(crate) mod draw;

pub(crate) mod place;

pub(crate) mod shape;

pub(crate) use draw::draw;
pub(crate) use place::{Planned, place};

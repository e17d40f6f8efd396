//! Originals, what the inversion made of them, and edits, side by side.

use crate::feed::image::Image;
use crate::feed::network_source::{NetworkImages, as_refs};
use crate::problem::Result;
use crate::raster::{BLACK, Canvas};
use std::path::Path;

/// Edits in the picture, at most.
pub const SHOWN: usize = 42;

/// Cells between two of which there is a gap.
const GAP: usize = 2;

/// One edit as three images, as the network draws them.
pub struct Shown {
    /// The photograph.
    pub original: Image,
    /// As the inversion gave it.
    pub inverted: Image,
    /// As it was edited.
    pub edited: Image,
}

/// Writes triples of original, inverted and edited image, four to a row.
///
/// # Errors
/// A failed write.
pub fn write(shown: &[Shown], source: &NetworkImages, path: &Path) -> Result<()> {
    let look = source.look();
    let triple = |one: &Shown| {
        let cells = [&one.original, &one.inverted, &one.edited].map(|image| image.canvas(look));
        Canvas::tiled(&cells, 3, 0, BLACK)
    };
    let cells: Vec<Canvas> = shown.iter().map(triple).collect();
    let texts = source.texts("training images: original, inverted, edited");
    Canvas::tiled(&cells, 4, GAP, BLACK).write_png(path, &as_refs(&texts))
}

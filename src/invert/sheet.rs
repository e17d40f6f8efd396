//! Images beside what each method makes of them.

use tch::Tensor;

use super::bench::Bench;
use super::material::Images;
use super::method::Method;
use crate::feed::image::Image;
use crate::feed::padding;
use crate::feed::pictures::Look;
use crate::name::Inside;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, WHITE};
use crate::records::classes::Split;
use crate::records::label::Padding;
use crate::records::perturbation::Sheet;
use crate::records::spelling;
use crate::run_dir::InversionDir;

/// Images on a sheet.
const ROWS: usize = 8;
/// Side of a picture, at least.
const PICTURE: usize = 128;
const GAP: usize = 6;
const LINE: usize = GLYPH_HEIGHT + 3;
/// Lines of a column's head.
const HEAD: usize = 2 * LINE + GAP;

/// Images and what methods drew of them.
pub(super) struct Gallery<'a> {
    /// The compared ones.
    pub images: &'a Images,
    /// Of each method, in the same order, \[N, C, R, R\].
    pub drawn: &'a [(Method, Tensor)],
    /// Of the network.
    pub padding: &'a Padding,
    /// How they are shown.
    pub look: Look,
    /// Whether the sheets say SIMULATED.
    pub simulated: bool,
}

impl Gallery<'_> {
    /// Writes a sheet for each side that has images.
    ///
    /// # Errors
    /// A failed write.
    pub fn write(&self, bench: &Bench<'_>) -> Result<Vec<Sheet>> {
        let mut sheets = Vec::new();
        for split in [Split::Train, Split::Validation] {
            let side = spelling::name(&split);
            let file: Inside = InversionDir::sheet(&side);
            let own = (0i64..).zip(&self.images.items).filter(|(_, item)| item.split == split);
            let rows: Vec<i64> = own.map(|(row, _)| row).take(ROWS).collect();
            if rows.is_empty() {
                continue;
            }
            let word = if self.simulated { "SIMULATED; " } else { "" };
            let caption = format!(
                "{word}the first {} images of the {side} side, and what each method draws of them.",
                rows.len()
            );
            let canvas = self.sheet(&rows)?;
            canvas.write_png(bench.dir.root().join(&file), &[("Description", &caption)])?;
            sheets.push(Sheet { file, caption });
        }
        Ok(sheets)
    }

    fn sheet(&self, rows: &[i64]) -> Result<Canvas> {
        let rows = Tensor::from_slice(rows).to_device(self.images.pixels.device());
        let column = |tensor: &Tensor| -> Result<Vec<Canvas>> {
            let images = padding::crop(self.padding, &tensor.index_select(0, &rows));
            let cells = Image::split(&images)?.into_iter().map(|image| image.canvas(self.look));
            Ok(cells.map(|cell| cell.enlarged((PICTURE / cell.width().max(1)).max(1))).collect())
        };
        let original = if self.simulated { "original (SIMULATED)" } else { "original" };
        let mut columns = vec![(original.to_owned(), column(&self.images.pixels)?)];
        for (method, drawn) in self.drawn {
            columns.push((method.to_string(), column(drawn)?));
        }
        let cell = |of: &dyn Fn(&Canvas) -> usize| columns.iter().flat_map(|(_, c)| c).map(of).max().unwrap_or(0);
        let (wide, high) = (cell(&Canvas::width), cell(&Canvas::height));
        let count = columns.first().map_or(0, |(_, cells)| cells.len());
        let mut canvas = Canvas::new(GAP + columns.len() * (wide + GAP), HEAD + count * (high + GAP), WHITE);
        for (at, (name, cells)) in columns.iter().enumerate() {
            let left = GAP + at * (wide + GAP);
            for (line, part) in name.split_inclusive('+').enumerate() {
                canvas.text(left, 2 + line * LINE, part, BLACK, 1);
            }
            cells.iter().enumerate().for_each(|(row, cell)| canvas.blit(cell, left, HEAD + row * (high + GAP)));
        }
        Ok(canvas)
    }
}

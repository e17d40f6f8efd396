//! The same latents, class by class, in each variant.

use crate::data::Prepared;
use crate::feed::image::Image;
use crate::feed::padding;
use crate::feed::pictures::Look;
use crate::latent::draw::{NoiseMode, draw, filled};
use crate::nets::Generator;
use crate::nets::class::one_hot;
use crate::problem::Result;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, WHITE};
use crate::records::label::Padding;
use crate::run_dir::VariantsDir;

/// Images of a row: seeds from 0 on.
const IMAGES: u32 = 12;
/// Side of a picture, at least.
const PICTURE: usize = 64;
const GAP: usize = 4;

/// One variant's.
pub(super) struct Row {
    /// Of the variant.
    pub name: String,
    /// In the order of the seeds.
    pub images: Vec<Image>,
}

/// Images of seeds from 0 on, each class in turn.
pub(super) fn images(generator: &Generator, padding: &Padding) -> Result<Vec<Image>> {
    let seeds: Vec<u32> = (0..IMAGES).collect();
    let count = generator.config().c_dim;
    let classes: Vec<i64> = seeds.iter().map(|&seed| i64::from(seed) % count.max(1)).collect();
    let c = (count > 0).then(|| one_hot(&filled(&classes), count, generator.device()));
    Image::split(&padding::crop(padding, &draw(generator, &seeds, c.as_ref(), 1.0, NoiseMode::Const)))
}

/// Writes the sheet.
pub(super) fn write(rows: &[Row], data: &Prepared, classes: &[String], dir: &VariantsDir) -> Result<()> {
    let look = Look::of(data.contrasts());
    let line = GLYPH_HEIGHT + 3;
    // Channels of an image one below the other, so that a row of many images stays narrow.
    let cells = |image: &Image| -> Canvas {
        let plane = image.shape[1] * image.shape[2];
        let of_one = |pixels: &[f32]| Image { pixels: pixels.to_vec(), shape: [1, image.shape[1], image.shape[2]] };
        let cell = match look {
            Look::Colour => image.canvas(look),
            Look::Grey => {
                let planes: Vec<Canvas> =
                    image.pixels.chunks_exact(plane).map(|pixels| of_one(pixels).canvas(look)).collect();
                Canvas::tiled(&planes, 1, 0, BLACK)
            }
        };
        cell.enlarged((PICTURE / image.shape[2].max(1)).max(1))
    };
    let drawn: Vec<(&str, Vec<Canvas>)> =
        rows.iter().map(|row| (row.name.as_str(), row.images.iter().map(cells).collect())).collect();
    let size = |of: fn(&Canvas) -> usize| drawn.iter().flat_map(|(_, cells)| cells).map(of).max().unwrap_or(1);
    let (wide, high) = (size(Canvas::width), size(Canvas::height));
    let (columns, head) = (IMAGES as usize, 2 * line);
    let row_height = line + high + GAP;
    let mut canvas = Canvas::new(GAP + columns * (wide + GAP), head + drawn.len() * row_height + GAP, WHITE);
    let marked = if data.manifest().simulated { "SYNTHETIC, of SIMULATED data" } else { "SYNTHETIC" };
    canvas.text(GAP, 3, marked, BLACK, 1);
    for (column, class) in (0..columns).zip(classes.iter().cycle()) {
        // As much of the name as a column holds.
        let short: String = class.chars().take(wide / 6).collect();
        canvas.text(GAP + column * (wide + GAP), 3 + line, &short, BLACK, 1);
    }
    for (row, (name, cells)) in drawn.iter().enumerate() {
        let top = head + row * row_height;
        canvas.text(GAP, top + 2, name, BLACK, 1);
        for (column, cell) in cells.iter().enumerate() {
            canvas.blit(cell, GAP + column * (wide + GAP), top + line);
        }
    }
    let text = format!("{marked}: the same latents and classes in each variant's first training, after all images");
    canvas.write_png(dir.sheet(), &[("Description", &text)])
}

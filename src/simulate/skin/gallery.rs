//! A sheet of examples: a row a class, SIMULATED on its face.

use super::classes::ALL;
use super::optics::table::ColourTable;
use super::plan::Planned;
use super::render::render;
use super::structures::Structures;
use crate::raster::{Canvas, GLYPH_HEIGHT, Rgb};
use crate::seed::RunSeed;

const COLUMNS: usize = 10;

/// Pictures smaller than this are enlarged to it.
const SIDE: usize = 96;

const GAP: usize = 4;

/// Left of each row, for the class.
const NAMES: usize = 48;

const BACKGROUND: Rgb = [18, 18, 22];

const QUIET: Rgb = [170, 170, 178];

const WARNING: Rgb = [255, 176, 0];

/// The first lesions of each class.
pub fn of(plan: &[Planned], side: usize, table: &ColourTable) -> Canvas {
    let enlarge = SIDE.div_ceil(side);
    let cell = side * enlarge + GAP;
    let top = 2 * GLYPH_HEIGHT + 3 * GAP;
    let mut sheet = Canvas::new(NAMES + COLUMNS * cell, top + ALL.len() * cell, BACKGROUND);
    sheet.text(GAP, GAP, "SIMULATED: no patient, no skin", WARNING, 2);
    for (row, class) in ALL.into_iter().enumerate() {
        let y = top + row * cell;
        sheet.text(GAP, y + cell / 2, class.key(), QUIET, 1);
        let own = plan.iter().filter(|planned| planned.lesion.dx == class).take(COLUMNS);
        for (column, planned) in own.enumerate() {
            let mut rng = RunSeed(planned.lesion.texture).stream("structures", 0);
            let structures = Structures::new(&planned.lesion, &mut rng);
            let levels = render(&structures, &planned.photographs[0].1, side, table);
            let mut picture = Canvas::new(side, side, BACKGROUND);
            for (at, level) in levels.chunks_exact(3).enumerate() {
                picture.set(at % side, at / side, [level[0], level[1], level[2]]);
            }
            sheet.blit(&picture.enlarged(enlarge), NAMES + column * cell, y);
        }
    }
    sheet
}

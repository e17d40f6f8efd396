//! A sheet of example lesions for the eye: rims, ambiguous lesions and non-rims in rows, as a reader would see them.
//!
//! Shows any cohort, simulated or not; a simulated one says so in its pixels and in the PNG's text. Chooses and draws
//! only: patches come in one by one, the picture goes out.

use super::meter::LesionPatch;
use crate::data::slices;
use crate::raster::{BLACK, Canvas, GLYPH_HEIGHT, Rgb, WHITE, text_width};

/// Black and white of the window, ppb: one ppb a grey level, white matter (about -50 against CSF) dark but not black.
pub const WINDOW_PPB: [f64; 2] = [-130.0, 125.0];

const COLUMNS: usize = 10;
const ENLARGE: usize = 2;
const GAP: usize = 4;
const MARGIN: usize = 8;
const MOST_PER_PATIENT: usize = 3;
const BACKGROUND: Rgb = [18, 18, 22];
const QUIET: Rgb = [170, 170, 178];
const WARNING: Rgb = [255, 176, 0];

/// Which row a lesion belongs to.
const ROWS: [&str; 3] = ["RIM: both readers", "AMBIGUOUS: one of two readers", "NO RIM: neither reader"];

/// Lesions chosen so far.
#[derive(Clone, Debug)]
pub struct Gallery {
    simulated: bool,
    per_row: usize,
    rows: [Vec<Example>; 3],
    pixel_mm: f64,
}

#[derive(Clone, Debug)]
struct Example {
    patient: String,
    picture: Canvas,
}

impl Gallery {
    /// Rows of at most `per_row` lesions (a row of the sheet holds 10; more wrap).
    pub fn new(simulated: bool, per_row: usize) -> Self {
        Self { simulated, per_row, rows: Default::default(), pixel_mm: 0.0 }
    }

    /// Shows the lesion in the slice where it is largest, anterior up; the first lesions of each row are kept, at most
    /// three of a patient.
    pub fn offer(&mut self, patient: &str, lesion: &LesionPatch) {
        let row = &mut self.rows[match lesion.votes {
            (true, true) => 0,
            (false, false) => 2,
            _ => 1,
        }];
        let of_patient = row.iter().filter(|example| example.patient == patient).count();
        if row.len() >= self.per_row || of_patient >= MOST_PER_PATIENT {
            return;
        }
        self.pixel_mm = lesion.voxel_mm[2];
        row.push(Example { patient: patient.to_owned(), picture: drawn(lesion) });
    }

    /// The sheet; `None` while no lesion was offered.
    pub fn canvas(&self) -> Option<Canvas> {
        let cell = self.rows.iter().flatten().next()?;
        let (width, height) = (cell.picture.width(), cell.picture.height());
        let line = GLYPH_HEIGHT * 2;
        let band = |row: &Vec<Example>| line + GAP + row.len().div_ceil(COLUMNS) * (height + GAP) + MARGIN;
        let head = 2 * MARGIN + line;
        let total = head + self.rows.iter().filter(|row| !row.is_empty()).map(band).sum::<usize>();
        let across = (COLUMNS * (width + GAP) - GAP).max(text_width(&self.caption(), 1) + 240) + 2 * MARGIN;
        let mut sheet = Canvas::new(across, total, BACKGROUND);
        self.head(&mut sheet);
        let mut y = head;
        for (row, title) in self.rows.iter().zip(ROWS).filter(|(row, _)| !row.is_empty()) {
            sheet.text(MARGIN, y, title, WHITE, 2);
            for (at, example) in row.iter().enumerate() {
                let (column, rank) = (at % COLUMNS, at / COLUMNS);
                let corner = [MARGIN + column * (width + GAP), y + line + GAP + rank * (height + GAP)];
                sheet.blit(&example.picture, corner[0], corner[1]);
                if self.simulated {
                    let text = "SIMULATED";
                    let [x, y] = [corner[0] + width - text_width(text, 1) - 2, corner[1] + height - GLYPH_HEIGHT - 2];
                    sheet.fill(x - 1, y - 1, text_width(text, 1) + 2, GLYPH_HEIGHT + 2, BLACK);
                    sheet.text(x, y, text, WARNING, 1);
                }
            }
            y += band(row);
        }
        Some(sheet)
    }

    /// Keyword and text for the PNG's text chunks.
    pub fn texts(&self) -> Vec<(&'static str, String)> {
        let origin = if self.simulated { "SIMULATED, no patient. " } else { "" };
        vec![
            ("Description", format!("{origin}Lesions on susceptibility maps. {}", self.caption())),
            ("Window", format!("{} {} ppb", WINDOW_PPB[0], WINDOW_PPB[1])),
        ]
    }

    fn caption(&self) -> String {
        let [low, high] = WINDOW_PPB;
        format!("susceptibility {low} (black) to {high} ppb (white), largest slice of each lesion")
    }

    fn head(&self, sheet: &mut Canvas) {
        let mut x = MARGIN;
        if self.simulated {
            sheet.text(x, MARGIN, "SIMULATED", WARNING, 2);
            x += text_width("SIMULATED", 2) + 2 * MARGIN;
        }
        sheet.text(x, MARGIN + GLYPH_HEIGHT / 2, &self.caption(), QUIET, 1);
        // A length to measure by.
        let bar = (10.0 / self.pixel_mm * ENLARGE as f64).round() as usize;
        let right = sheet.width() - MARGIN;
        sheet.fill(right.saturating_sub(bar), MARGIN + GLYPH_HEIGHT + 3, bar, 2, QUIET);
        sheet.text(right.saturating_sub(text_width("10 mm", 1)), MARGIN, "10 mm", QUIET, 1);
    }
}

fn drawn(lesion: &LesionPatch) -> Canvas {
    let [_, height, width] = lesion.shape;
    let plane = height * width;
    let z = slices::largest_slice(lesion.mask, plane, |&inside| inside);
    let slice = &lesion.chi_ppb[z * plane..(z + 1) * plane];
    let upright: Vec<f32> = slice.chunks(width).rev().flatten().copied().collect();
    Canvas::from_values(width, &upright, grey_of).enlarged(ENLARGE)
}

fn grey_of(ppb: f32) -> Rgb {
    let [low, high] = WINDOW_PPB;
    [((f64::from(ppb) - low) / (high - low) * 255.0).round().clamp(0.0, 255.0) as u8; 3]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [2, 64, 64];

    /// Black but for one white pixel at x = 3, y = 60 (anterior) of the second slice, which holds the lesion.
    fn offer(gallery: &mut Gallery, patient: &str, votes: (bool, bool)) {
        let plane = SHAPE[1] * SHAPE[2];
        let mut chi = vec![-500.0; 2 * plane];
        chi[plane + 60 * 64 + 3] = 500.0;
        let mask: Vec<bool> = (0..2 * plane).map(|at| at >= plane).collect();
        gallery.offer(
            patient,
            &LesionPatch { votes, shape: SHAPE, voxel_mm: [1.0, 0.4, 0.4], chi_ppb: &chi, mask: &mask },
        );
    }

    #[test]
    fn shows_the_largest_slice_with_anterior_up() {
        let mut gallery = Gallery::new(false, 5);
        assert_eq!(gallery.canvas(), None);
        offer(&mut gallery, "sub-001", (true, true));
        let sheet = gallery.canvas().unwrap();
        let top = 2 * MARGIN + 4 * GLYPH_HEIGHT + GAP;
        // Three rows from the top of the patch, doubled.
        assert_eq!(sheet.get(MARGIN + 6, top + 6), Some(WHITE));
        assert_eq!(sheet.get(MARGIN + 5, top + 6), Some(BLACK));
        assert_eq!(sheet.get(MARGIN, top), Some(BLACK));
    }

    #[test]
    fn rows_are_limited_and_no_patient_fills_one() {
        let mut gallery = Gallery::new(true, 4);
        for _ in 0..9 {
            offer(&mut gallery, "sub-001", (true, false));
        }
        assert_eq!(gallery.rows.each_ref().map(Vec::len), [0, 3, 0]);
        offer(&mut gallery, "sub-002", (false, true));
        offer(&mut gallery, "sub-003", (false, true));
        offer(&mut gallery, "sub-003", (false, false));
        assert_eq!(gallery.rows.each_ref().map(Vec::len), [0, 4, 1]);
    }

    #[test]
    fn simulated_lesions_say_so_in_pixels_and_text() {
        let coloured = |gallery: &Gallery| {
            let sheet = gallery.canvas().unwrap();
            (0..sheet.height()).any(|y| (0..sheet.width()).any(|x| sheet.get(x, y) == Some(WARNING)))
        };
        for simulated in [true, false] {
            let mut gallery = Gallery::new(simulated, 4);
            offer(&mut gallery, "sub-001", (true, true));
            assert_eq!(coloured(&gallery), simulated);
            assert_eq!(gallery.texts().iter().any(|(_, text)| text.contains("SIMULATED")), simulated);
        }
    }

    #[test]
    fn the_window_has_one_grey_level_a_ppb() {
        assert_eq!([-200.0, -130.0, -50.0, 125.0, 300.0].map(|ppb| grey_of(ppb)[0]), [0, 0, 80, 255, 255]);
    }
}

//! Small RGB pictures for people: a canvas with blit, enlargement, 5x7 text, two colour maps, and PNG output.
//!
//! Figures made of pixels only; charts with axes are the report's (SVG). Nothing here knows what it draws.

use std::path::Path;

use crate::files;
use crate::problem::{Kind, Problem, Result};

mod font;

pub use font::{GLYPH_HEIGHT, GLYPH_WIDTH};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// All levels 0.
pub const BLACK: Rgb = [0, 0, 0];
/// All levels 255.
pub const WHITE: Rgb = [255, 255, 255];

/// A picture, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    /// One colour all over; in pixels.
    pub fn new(width: usize, height: usize, background: Rgb) -> Self {
        Self { width, height, pixels: vec![background; width * height] }
    }

    /// One pixel per value, coloured by `colour`; `values` is row-major and holds `width` x n values.
    pub fn from_values(width: usize, values: &[f32], colour: impl Fn(f32) -> Rgb) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "{} values do not fill rows of {width}", values.len());
        Self { width, height: values.len() / width, pixels: values.iter().map(|&v| colour(v)).collect() }
    }

    /// Greys from values in the network's range (-1 black, 1 white).
    pub fn grey(width: usize, values: &[f32]) -> Self {
        Self::from_values(width, values, grey)
    }

    /// Blue (-range), white (0), red (+range).
    pub fn signed(width: usize, values: &[f32], range: f32) -> Self {
        Self::from_values(width, values, |v| blue_white_red(v / range))
    }

    /// Equal cells row by row, `gap` pixels apart; the cell is as large as the largest picture.
    pub fn tiled(cells: &[Canvas], columns: usize, gap: usize, background: Rgb) -> Self {
        let columns = columns.clamp(1, cells.len().max(1));
        let rows = cells.len().div_ceil(columns);
        let width = cells.iter().map(|c| c.width).max().unwrap_or(0);
        let height = cells.iter().map(|c| c.height).max().unwrap_or(0);
        let mut sheet = Self::new(
            columns * width + columns.saturating_sub(1) * gap,
            rows * height + rows.saturating_sub(1) * gap,
            background,
        );
        for (i, cell) in cells.iter().enumerate() {
            sheet.blit(cell, (i % columns) * (width + gap), (i / columns) * (height + gap));
        }
        sheet
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// In pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixel at column `x`, row `y`; `None` outside.
    pub fn get(&self, x: usize, y: usize) -> Option<Rgb> {
        (x < self.width && y < self.height).then(|| self.pixels[y * self.width + x])
    }

    /// Sets a pixel; outside the canvas nothing happens.
    pub fn set(&mut self, x: usize, y: usize, colour: Rgb) {
        if x < self.width && y < self.height {
            self.pixels[y * self.width + x] = colour;
        }
    }

    /// Copies `other` with its top left corner at (x, y); what would lie outside is cut off.
    pub fn blit(&mut self, other: &Canvas, x: usize, y: usize) {
        if x >= self.width {
            return;
        }
        let columns = other.width.min(self.width - x);
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let from = row * other.width;
            let to = (y + row) * self.width + x;
            self.pixels[to..to + columns].copy_from_slice(&other.pixels[from..from + columns]);
        }
    }

    /// Fills a rectangle whose upper left pixel is (x, y); what lies outside is left out.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Rgb) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                self.pixels[row * self.width + column] = colour;
            }
        }
    }

    /// Each pixel becomes `factor` x `factor`.
    pub fn enlarged(&self, factor: usize) -> Self {
        let mut large = Self::new(self.width * factor, self.height * factor, BLACK);
        for y in 0..large.height {
            for x in 0..large.width {
                large.pixels[y * large.width + x] = self.pixels[(y / factor) * self.width + x / factor];
            }
        }
        large
    }

    /// Writes `text` in 5x7 letters, `scale` pixels a dot, top left at (x, y). ASCII and ±; others show as a box.
    pub fn text(&mut self, x: usize, y: usize, text: &str, colour: Rgb, scale: usize) {
        for (i, letter) in text.chars().enumerate() {
            let left = x + i * (GLYPH_WIDTH + 1) * scale;
            for (column, bits) in font::glyph(letter).into_iter().enumerate() {
                for row in (0..GLYPH_HEIGHT).filter(|row| bits >> row & 1 == 1) {
                    self.fill(left + column * scale, y + row * scale, scale, scale, colour);
                }
            }
        }
    }

    /// PNG bytes with `texts` as (keyword, text) chunks, e.g. ("Description", "SIMULATED").
    ///
    /// # Errors
    /// A keyword that PNG does not allow (1 to 79 Latin-1 characters), or an empty canvas.
    pub fn png(&self, texts: &[(&str, &str)]) -> Result<Vec<u8>> {
        encode(std::slice::from_ref(self), None, texts)
    }

    /// The frames as an animated PNG that starts anew when it ends; viewers that know no animation show the first.
    ///
    /// # Errors
    /// As [`Self::png`]; no frame, or frames of unequal size.
    pub fn film(frames: &[Canvas], per_second: u16, texts: &[(&str, &str)]) -> Result<Vec<u8>> {
        encode(frames, Some(per_second), texts)
    }

    /// Writes [`Self::png`] to `path`, making its folder.
    ///
    /// # Errors
    /// Those of [`Self::png`]; writing failed.
    pub fn write_png(&self, path: impl AsRef<Path>, texts: &[(&str, &str)]) -> Result<()> {
        files::write(path, &self.png(texts)?)
    }
}

/// One frame, or several shown at `per_second`.
fn encode(frames: &[Canvas], per_second: Option<u16>, texts: &[(&str, &str)]) -> Result<Vec<u8>> {
    let size = |canvas: &Canvas| (canvas.width, canvas.height);
    let Some(first) = frames.first().filter(|first| frames.iter().all(|frame| size(frame) == size(first))) else {
        return Err(Problem::new(Kind::Internal, "a film needs frames, all of one size"));
    };
    let grey = frames.iter().flat_map(|frame| &frame.pixels).all(|[r, g, b]| r == g && g == b);
    let fail = |error: png::EncodingError| Problem::new(Kind::Internal, format!("PNG: {error}")).because(error);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, first.width as u32, first.height as u32);
    encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    if let Some(per_second) = per_second {
        encoder.set_animated(frames.len() as u32, 0).map_err(fail)?;
        encoder.set_frame_delay(1, per_second).map_err(fail)?;
    }
    for (keyword, text) in texts {
        let (keyword, text) = ((*keyword).to_owned(), (*text).to_owned());
        // The usual chunk holds Latin-1 alone; a class or a patient may be called otherwise.
        let added = if text.chars().all(|letter| u32::from(letter) < 256) {
            encoder.add_text_chunk(keyword, text)
        } else {
            encoder.add_itxt_chunk(keyword, text)
        };
        added.map_err(fail)?;
    }
    let mut writer = encoder.write_header().map_err(fail)?;
    for frame in frames {
        let data: Vec<u8> =
            if grey { frame.pixels.iter().map(|p| p[0]).collect() } else { frame.pixels.as_flattened().to_vec() };
        writer.write_image_data(&data).map_err(fail)?;
    }
    writer.finish().map_err(fail)?;
    Ok(bytes)
}

/// Width in pixels of [`Canvas::text`].
pub fn text_width(text: &str, scale: usize) -> usize {
    (text.chars().count() * (GLYPH_WIDTH + 1)).saturating_sub(1) * scale
}

/// Grey level of a value in the network's range: truncation of clamp(127.5 v + 128, 0, 255).
pub fn grey(value: f32) -> Rgb {
    [(value * 127.5 + 128.0).clamp(0.0, 255.0) as u8; 3]
}

/// -1 blue, 0 white, 1 red, linear between, clipped beyond; NaN is black.
pub fn blue_white_red(value: f32) -> Rgb {
    const BLUE: [f32; 3] = [33.0, 73.0, 173.0];
    const RED: [f32; 3] = [184.0, 29.0, 44.0];
    if value.is_nan() {
        return BLACK;
    }
    let end = if value < 0.0 { BLUE } else { RED };
    let weight = value.abs().min(1.0);
    end.map(|channel| (255.0 + weight * (channel - 255.0)).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>, Vec<(String, String)>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut data).unwrap();
        data.truncate(frame.buffer_size());
        let texts = &reader.info().uncompressed_latin1_text;
        (frame, data, texts.iter().map(|t| (t.keyword.clone(), t.text.clone())).collect())
    }

    #[test]
    fn texts_of_any_script_are_kept() {
        let texts = [("Description", "läsion"), ("Comment", "病変 3")];
        let png = Canvas::new(2, 2, BLACK).png(&texts).unwrap();
        let reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let info = reader.info();
        assert_eq!(info.uncompressed_latin1_text[0].text, "läsion");
        assert_eq!(info.utf8_text[0].get_text().unwrap(), "病変 3");
    }

    #[test]
    fn a_film_has_all_its_frames_and_needs_one_size() {
        let frames = [BLACK, WHITE, BLACK].map(|colour| Canvas::new(3, 2, colour));
        let bytes = Canvas::film(&frames, 10, &[]).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let greys = [0, 1, 2].map(|_| {
            reader.next_frame(&mut data).unwrap();
            data[0]
        });
        assert_eq!(greys, [0, 255, 0]);
        assert!(Canvas::film(&[Canvas::new(1, 1, BLACK), Canvas::new(2, 1, BLACK)], 10, &[]).is_err());
    }

    #[test]
    fn greys_are_those_of_the_network_range() {
        assert_eq!([-1.0, 0.0, 1.0, 3.0, -3.0].map(|v| grey(v)[0]), [0, 128, 255, 255, 0]);
    }

    #[test]
    fn the_signed_map_is_white_at_zero_and_clips() {
        assert_eq!(blue_white_red(0.0), WHITE);
        assert_eq!(blue_white_red(5.0), [184, 29, 44]);
        assert_eq!(blue_white_red(-5.0), [33, 73, 173]);
        assert_eq!(blue_white_red(f32::NAN), BLACK);
    }

    #[test]
    fn tiles_enlarges_and_cuts_at_the_edge() {
        let cell = Canvas::new(2, 1, WHITE);
        let sheet = Canvas::tiled(&[cell.clone(), cell.clone(), cell.clone()], 2, 1, BLACK);
        assert_eq!((sheet.width(), sheet.height()), (5, 3));
        assert_eq!([0, 1, 2, 3, 4].map(|x| sheet.get(x, 0).unwrap()[0]), [255, 255, 0, 255, 255]);
        assert_eq!([0, 1, 2, 3, 4].map(|x| sheet.get(x, 2).unwrap()[0]), [255, 255, 0, 0, 0]);
        let large = sheet.enlarged(3);
        assert_eq!((large.width(), large.get(14, 2), large.get(6, 0)), (15, Some(WHITE), Some(BLACK)));
        let mut small = Canvas::new(2, 2, BLACK);
        small.blit(&cell, 1, 1);
        small.blit(&cell, 9, 9);
        assert_eq!((small.get(1, 1), small.get(0, 1), small.get(2, 1)), (Some(WHITE), Some(BLACK), None));
    }

    #[test]
    fn letters_have_their_strokes() {
        let mut canvas = Canvas::new(text_width("T-", 1), GLYPH_HEIGHT, BLACK);
        assert_eq!(canvas.width(), 11);
        canvas.text(0, 0, "T-", WHITE, 1);
        let row = |y| (0..11).map(|x| if canvas.get(x, y) == Some(WHITE) { '#' } else { '.' }).collect::<String>();
        assert_eq!(row(0), "#####......");
        assert_eq!(row(3), "..#...#####");
        assert_eq!(row(6), "..#........");
    }

    #[test]
    fn a_png_comes_back_with_its_text() {
        let grey = Canvas::grey(2, &[-1.0, 1.0, 0.0, -1.0]);
        let (frame, data, texts) = decode(&grey.png(&[("Description", "SIMULATED")]).unwrap());
        assert_eq!((frame.width, frame.height, frame.color_type), (2, 2, png::ColorType::Grayscale));
        assert_eq!(data, [0, 255, 128, 0]);
        assert_eq!(texts, [("Description".to_owned(), "SIMULATED".to_owned())]);
        let (frame, data, _) = decode(&Canvas::signed(1, &[2.0], 2.0).png(&[]).unwrap());
        assert_eq!((frame.color_type, data), (png::ColorType::Rgb, vec![184, 29, 44]));
    }
}

//! One PNG as float32 planes in grey levels: 8 or 16 bit, gray or RGB, within limits that a hostile file cannot
//! stretch.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

/// Memory the decoder may ask for: an RGB image of 2048 x 2048 in 16 bit and some.
const MAX_BYTES: usize = 64 << 20;

/// A decoded image.
#[derive(Clone, Debug, PartialEq)]
pub struct PngImage {
    /// Whether the pixels have a colour.
    pub form: Form,
    /// \[channels, height, width\], 0..255 or 0..65535.
    pub levels: Vec<f32>,
}

/// What all images of a set must share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// 1 (gray) or 3 (RGB).
    pub channels: u32,
    /// In pixels.
    pub height: u32,
    /// In pixels.
    pub width: u32,
    /// 255 or 65535.
    pub white: u32,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colour = if self.channels == 1 { "gray" } else { "RGB" };
        let bits = if self.white == 255 { 8 } else { 16 };
        write!(f, "{} x {}, {bits}-bit {colour}", self.width, self.height)
    }
}

/// Decodes a PNG; palettes and 1, 2 and 4 bit gray become 8 bit. Refuses transparency that hides something.
///
/// # Errors
/// What was found: no PNG, one that is damaged or too large, or transparency.
pub fn decode(bytes: &[u8]) -> Result<PngImage, String> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_BYTES });
    decoder.set_transformations(Transformations::EXPAND);
    let damaged = |error: png::DecodingError| format!("not a readable PNG: {error}");
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (colour, depth) = reader.output_color_type();
    let info = reader.info();
    let (width, height) = (info.width, info.height);
    let samples = colour.samples();
    let size = depth as usize / 8 * samples * width as usize * height as usize;
    let expected = reader.output_buffer_size().filter(|&bytes| bytes == size && bytes <= MAX_BYTES);
    let Some(size) = expected else { return Err(format!("an image of {width} x {height} pixels")) };
    let mut raw = vec![0; size];
    reader.next_frame(&mut raw).map_err(damaged)?;
    let values: Vec<u16> = match depth {
        BitDepth::Eight => raw.iter().map(|&value| u16::from(value)).collect(),
        BitDepth::Sixteen => raw.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect(),
        other => return Err(format!("{other:?} bits a sample")),
    };
    let white = if depth == BitDepth::Eight { 255 } else { 65535 };
    let channels = match colour {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba => 3,
        ColorType::Indexed => return Err("an unexpanded palette".into()),
    };
    if samples > channels && values.iter().skip(channels).step_by(samples).any(|&alpha| u32::from(alpha) != white) {
        return Err("transparent pixels".into());
    }
    let plane = |channel| values.iter().skip(channel).step_by(samples).map(|&value| f32::from(value));
    let levels = (0..channels).flat_map(plane).collect();
    Ok(PngImage { form: Form { channels: channels as u32, height, width, white }, levels })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(colour: ColorType, depth: BitDepth, [width, height]: [u32; 2], data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    #[test]
    fn gray_and_colour_in_8_and_16_bit() {
        let gray = decode(&encode(ColorType::Grayscale, BitDepth::Eight, [2, 1], &[7, 255])).unwrap();
        assert_eq!((gray.form.to_string().as_str(), gray.levels), ("2 x 1, 8-bit gray", vec![7.0, 255.0]));
        let deep = decode(&encode(ColorType::Grayscale, BitDepth::Sixteen, [1, 1], &[1, 2])).unwrap();
        assert_eq!((deep.form.white, deep.levels), (65535, vec![258.0]));
        let colour = decode(&encode(ColorType::Rgb, BitDepth::Eight, [2, 1], &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(colour.levels, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let opaque = decode(&encode(ColorType::GrayscaleAlpha, BitDepth::Eight, [1, 1], &[9, 255])).unwrap();
        assert_eq!(opaque.levels, [9.0]);
        let one_bit = decode(&encode(ColorType::Grayscale, BitDepth::One, [2, 1], &[0b1000_0000])).unwrap();
        assert_eq!(one_bit.levels, [255.0, 0.0]);
    }

    #[test]
    fn transparency_truncation_and_huge_headers_are_refused() {
        let hidden = encode(ColorType::GrayscaleAlpha, BitDepth::Eight, [1, 1], &[9, 12]);
        assert_eq!(decode(&hidden).unwrap_err(), "transparent pixels");
        let whole = encode(ColorType::Rgb, BitDepth::Sixteen, [3, 3], &[5; 54]);
        let last = whole.len() - 12;
        for end in 0..last {
            assert!(decode(&whole[..end]).is_err(), "cut at {end}");
        }
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = decode(&flipped);
        }
        let mut huge = whole;
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(decode(&huge).is_err());
    }
}

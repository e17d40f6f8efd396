//! One PNG as float32 planes in grey levels: 8 or 16 bit, gray or RGB, within limits that a hostile file cannot
//! stretch. Nothing is allocated before the header's size is within them.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::png_chunks;
use crate::files::kind_of::{FileKind, START};

/// What the decoder may ask for beside the pixels: rows, palette and buffers of an image of the largest width.
const MAX_DECODER_BYTES: usize = 64 << 20;

/// What a PNG may hold beside its pixels: colour profiles, notes of an editor.
const MAX_METADATA: u64 = 8 << 20;

/// A decoded image.
#[derive(Clone, Debug, PartialEq)]
pub struct PngImage {
    /// Whether the pixels have a colour.
    pub form: Form,
    /// \[channels, height, width\], 0..255 or 0..65535.
    pub levels: Vec<f32>,
    /// Exponent that the file declares for its levels, where it does: 1/2.2 for most, 1 for linear ones.
    pub gamma: Option<f32>,
    /// Whether it is gray in 1, 2 or 4 bits, which are stretched to 8.
    pub few_bits: bool,
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

impl Form {
    /// Of an image's file, from its header alone: nothing is decoded.
    ///
    /// # Errors
    /// In words: no PNG, one that only Apple's programs read, more than `max_pixels` pixels, or more bytes than such an
    /// image can need.
    pub fn read(bytes: &[u8], max_pixels: u64) -> Result<Self, String> {
        let Some(rest) = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n") else {
            return Err(match FileKind::of(&bytes[..bytes.len().min(START)]) {
                Some(kind) => {
                    let remedy = kind.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                    format!("{}, whatever its name says{remedy}", kind.words())
                }
                None if bytes.starts_with(b"\x89PNG") => {
                    "a PNG whose line ends were changed on the way; copy it again, in binary mode".into()
                }
                None => "not a readable PNG: it does not begin as one".into(),
            });
        };
        if rest.get(4..8) == Some(b"CgBI") {
            return Err("Apple's own form of PNG (CgBI), which other programs cannot read; \
                        convert it with `pngcrush -revert-iphone-optimizations`"
                .into());
        }
        let header: &[u8; 25] = match rest.first_chunk() {
            Some(header) if header[4..8] == *b"IHDR" => header,
            _ => return Err("not a readable PNG: its header is missing or cut short".into()),
        };
        let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (width, height, depth, colour) = (number(8), number(12), header[16], header[17]);
        require_size(bytes.len(), [height, width], max_pixels)?;
        let channels = if matches!(colour, 2 | 3 | 6) { 3 } else { 1 };
        Ok(Self { channels, height, width, white: if depth == 16 { 65535 } else { 255 } })
    }

    /// Values of an image.
    pub fn samples(&self) -> usize {
        self.channels as usize * self.height as usize * self.width as usize
    }
}

/// Holds an image's file of `bytes` bytes to the size that its header states, \[height, width\].
///
/// # Errors
/// In words: no pixels, more than `max_pixels`, or more bytes than such an image can need.
pub(super) fn require_size(bytes: usize, [height, width]: [u32; 2], max_pixels: u64) -> Result<(), String> {
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 {
        return Err(format!("not a readable PNG: an image of {width} x {height} pixels"));
    }
    if pixels > max_pixels {
        return Err(format!(
            "an image of {width} x {height} pixels; expected at most {max_pixels} pixels; make the images smaller \
             (networks take at most 1024 x 1024), or raise prepare.max_pixels (--max-pixels)"
        ));
    }
    let most = most_bytes(pixels);
    if bytes as u64 > most {
        return Err(format!("{bytes} bytes for an image of {width} x {height} pixels; expected at most {most}"));
    }
    Ok(())
}

/// Bytes that a PNG of so many pixels may have: twice what four 16-bit channels take uncompressed, and metadata.
pub fn most_bytes(pixels: u64) -> u64 {
    pixels.saturating_mul(16).saturating_add(MAX_METADATA)
}

/// Decodes a PNG; palettes and 1, 2 and 4 bit gray become 8 bit, levels stay as stored, whatever gamma or profile the
/// file declares. Refuses transparency that hides something, and animations.
///
/// # Errors
/// What was found: what [`Form::read`] refuses, a file that is damaged or cut short, transparency, several pictures,
/// what `png_chunks::require_whole` refuses.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<PngImage, String> {
    let form = Form::read(bytes, max_pixels)?;
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_DECODER_BYTES });
    decoder.set_transformations(Transformations::EXPAND);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.ignore_checksums(false);
    let damaged = |error: png::DecodingError| format!("not a readable PNG: {error}");
    let mut reader = decoder.read_info().map_err(damaged)?;
    if let Some(animation) = reader.info().animation_control {
        return Err(format!("an animated PNG of {} pictures; expected one picture", animation.num_frames));
    }
    let few_bits = reader.info().color_type == ColorType::Grayscale && (reader.info().bit_depth as u8) < 8;
    let indexed = reader.info().color_type == ColorType::Indexed;
    let gamma = reader.info().gama_chunk.map(|gamma| gamma.into_value());
    let (colour, depth) = reader.output_color_type();
    let samples = colour.samples();
    let size = depth as usize / 8 * samples * form.width as usize * form.height as usize;
    let expected = reader.output_buffer_size().filter(|&bytes| bytes == size);
    let Some(size) = expected else { return Err("an image whose size is not what its header says".into()) };
    let mut raw = vec![0; size];
    reader.next_frame(&mut raw).map_err(damaged)?;
    png_chunks::require_whole(bytes)?;
    if indexed {
        require_colours(bytes)?;
    }
    let level = |at: usize| match depth {
        BitDepth::Sixteen => u16::from_be_bytes([raw[2 * at], raw[2 * at + 1]]),
        _ => u16::from(raw[at]),
    };
    let channels = match colour {
        ColorType::Grayscale | ColorType::GrayscaleAlpha => 1,
        ColorType::Rgb | ColorType::Rgba => 3,
        ColorType::Indexed => return Err("an unexpanded palette".into()),
    };
    if channels != form.channels as usize || (depth == BitDepth::Sixteen) != (form.white == 65535) {
        return Err("an image whose colour is not what its header says".into());
    }
    let pixels = form.width as usize * form.height as usize;
    if samples > channels && (0..pixels).any(|pixel| u32::from(level(pixel * samples + channels)) != form.white) {
        return Err("transparent pixels; lay the image on a background first".into());
    }
    let plane = |channel: usize| (0..pixels).map(move |pixel| (channel, pixel));
    let levels = (0..channels).flat_map(plane).map(|(channel, pixel)| f32::from(level(pixel * samples + channel)));
    Ok(PngImage { form, levels: levels.collect(), gamma, few_bits })
}

/// Refuses pixels whose number is beyond the palette: they have no colour. The decoder would make them black.
fn require_colours(bytes: &[u8]) -> Result<(), String> {
    let damaged = |error: png::DecodingError| format!("not a readable PNG: {error}");
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: MAX_DECODER_BYTES });
    decoder.set_transformations(Transformations::IDENTITY);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let colours = reader.info().palette.as_ref().map_or(0, |palette| palette.len() / 3);
    let (bits, width) = (reader.info().bit_depth as usize, reader.info().width as usize);
    let Some(size) = reader.output_buffer_size() else { return Err("an image too large".into()) };
    let mut raw = vec![0u8; size];
    let row_bytes = reader.next_frame(&mut raw).map_err(damaged)?.line_size;
    let number = |row: &[u8], at: usize| {
        let shift = 8 - bits - at * bits % 8;
        usize::from(row[at * bits / 8] >> shift) & ((1 << bits) - 1)
    };
    let beyond = raw.chunks_exact(row_bytes).any(|row| (0..width).any(|at| number(row, at) >= colours));
    if beyond { Err(format!("pixels beyond the {colours} colours of its palette")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 22;

    fn decode(bytes: &[u8]) -> Result<PngImage, String> {
        super::decode(bytes, MOST)
    }

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
        assert_eq!(&opaque.levels, &[9.0]);
        let one_bit = decode(&encode(ColorType::Grayscale, BitDepth::One, [2, 1], &[0b1000_0000])).unwrap();
        assert_eq!((one_bit.levels, one_bit.few_bits, opaque.few_bits), (vec![255.0, 0.0], true, false));
    }

    #[test]
    fn transparency_truncation_and_huge_headers_are_refused() {
        let hidden = encode(ColorType::GrayscaleAlpha, BitDepth::Eight, [1, 1], &[9, 12]);
        assert!(decode(&hidden).unwrap_err().contains("transparent pixels"));
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

    #[test]
    fn what_is_no_such_png_is_called_by_its_name() {
        assert!(decode(b"\xff\xd8\xff\xe0 JFIF").unwrap_err().contains("a JPEG picture, whatever its name says"));
        assert!(decode(b"").unwrap_err().contains("an empty file"));
        assert!(decode(b"\x89PNG\n\x1a\n\0\0").unwrap_err().contains("line ends were changed"));
        let pointer = decode(b"version https://git-lfs.github.com/spec/v1\n").unwrap_err();
        assert!(pointer.contains("Git LFS's note") && pointer.contains("`git lfs pull`"), "{pointer}");
        let whole = encode(ColorType::Grayscale, BitDepth::Eight, [2, 1], &[7, 8]);
        let apple = [&whole[..8], b"\0\0\0\x04CgBI\0\0\0\0\0\0\0\0", &whole[8..]].concat();
        assert!(decode(&apple).unwrap_err().contains("CgBI"));
        let mut animated = Vec::new();
        let mut encoder = png::Encoder::new(&mut animated, 1, 1);
        encoder.set_animated(2, 0).unwrap();
        let mut writer = encoder.write_header().unwrap();
        [[1u8], [2]].iter().for_each(|levels| writer.write_image_data(levels).unwrap());
        writer.finish().unwrap();
        assert!(decode(&animated).unwrap_err().contains("an animated PNG of 2 pictures"));
    }

    #[test]
    fn colours_beyond_the_palette_and_wrong_checksums_are_refused() {
        let palette = |pixels: &[u8], depth| {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 3, 1);
            encoder.set_color(ColorType::Indexed);
            encoder.set_depth(depth);
            encoder.set_palette(vec![1, 2, 3, 4, 5, 6, 7, 8, 9]);
            encoder.write_header().unwrap().write_image_data(pixels).unwrap();
            decode(&bytes)
        };
        let levels = [1.0, 4.0, 7.0, 2.0, 5.0, 8.0, 3.0, 6.0, 9.0];
        assert_eq!(palette(&[0, 1, 2], BitDepth::Eight).unwrap().levels, levels);
        assert_eq!(palette(&[0b00_01_10_00], BitDepth::Two).unwrap().levels, levels);
        let beyond = "pixels beyond the 3 colours of its palette";
        assert_eq!(palette(&[0, 1, 3], BitDepth::Eight).unwrap_err(), beyond);
        assert_eq!(palette(&[0b00_01_11_00], BitDepth::Two).unwrap_err(), beyond);
        let mut wrong = encode(ColorType::Grayscale, BitDepth::Eight, [2, 1], &[7, 255]);
        // Behind the pixels' own checksum: the chunk's (4 bytes), and the last chunk (12).
        let end = wrong.len() - 16;
        wrong[end - 1] ^= 1;
        let start = wrong.windows(4).position(|four| four == b"IDAT").unwrap();
        let mut sum = flate2::Crc::new();
        sum.update(&wrong[start..end]);
        wrong[end..end + 4].copy_from_slice(&sum.sum().to_be_bytes());
        assert!(decode(&wrong).unwrap_err().contains("not a readable PNG"));
    }

    #[test]
    fn sizes_are_looked_at_before_pixels() {
        let black = encode(ColorType::Grayscale, BitDepth::Eight, [64, 65], &[0; 64 * 65]);
        let said = super::decode(&black, 64 * 64).unwrap_err();
        assert!(
            said.contains("an image of 64 x 65 pixels; expected at most 4096") && said.contains("--max-pixels"),
            "{said}"
        );
        assert!(super::decode(&black, 64 * 65).is_ok());
        // Whatever follows the image's end is no pixel; there may be some, not any amount.
        let mut padded = black.clone();
        padded.resize(black.len() + 100, 0);
        assert_eq!(decode(&padded), decode(&black));
        padded.resize(most_bytes(64 * 65) as usize + 1, 0);
        assert!(decode(&padded).unwrap_err().contains("for an image of 64 x 65 pixels"));
    }

    #[test]
    fn gamma_is_told_and_not_applied() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_source_gamma(png::ScaledFloat::new(1.0));
        encoder.write_header().unwrap().write_image_data(&[9]).unwrap();
        let image = decode(&bytes).unwrap();
        assert_eq!((image.levels, image.gamma), (vec![9.0], Some(1.0)));
    }
}

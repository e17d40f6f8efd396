//! One JPEG as float32 planes in grey levels: 8 bit, gray or RGB, baseline or progressive, within limits that a hostile
//! file cannot stretch. Nothing is allocated before the header's size is within them.
//!
//! The decoder is the one without vector code, whose levels are the same on every machine. Another decoder's may differ
//! by some levels: the standard leaves open how finely the transform is computed and how colours are spread.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::jpeg_scans;
use super::jpeg_segments::frame;
use super::png_image::{Form, PngImage, require_size};
use crate::files::kind_of::{FileKind, START};

/// Passes over the pixels of one progressive file, at most; encoders make about ten.
const MAX_SCANS: usize = jpeg_scans::MOST_SCANS;

/// Of an image's file, from its segments: nothing is decoded.
///
/// # Errors
/// In words: no JPEG, one that is cut short or of a kind that is not read, inks instead of colours, pixels that viewers
/// turn before they show them, more than `max_pixels` pixels, or more bytes than such an image can need.
pub fn form(bytes: &[u8], max_pixels: u64) -> Result<Form, String> {
    if !bytes.starts_with(b"\xff\xd8\xff") {
        return Err(match FileKind::of(&bytes[..bytes.len().min(START)]) {
            Some(kind) => {
                let remedy = kind.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
                format!("{}, whatever its name says{remedy}", kind.words())
            }
            None => "not a readable JPEG: it does not begin as one".into(),
        });
    }
    let frame = frame(bytes)?;
    let (height, width) = (u32::from(frame.height), u32::from(frame.width));
    require_size(bytes.len(), [height, width], max_pixels)?;
    let channels = match frame.channels {
        channels @ (1 | 3) => u32::from(channels),
        4 => return Err("a JPEG of four inks (CMYK), whose colours depend on the press; convert it to RGB".into()),
        other => return Err(format!("a JPEG of {other} channels; expected gray or RGB")),
    };
    if let Some(turn @ 2..=8) = frame.turn {
        return Err(format!(
            "pixels that its Exif or XMP data turn or mirror before viewers show them (orientation {turn}); save it as it is \
             shown (mogrify -auto-orient, Pillow's exif_transpose)"
        ));
    }
    Ok(Form { channels, height, width, white: 255 })
}

/// Decodes a JPEG; levels are as stored, whatever colour profile the file declares.
///
/// # Errors
/// What was found: what [`form`] refuses, or a file that is damaged.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<PngImage, String> {
    let form = form(bytes, max_pixels)?;
    // Where codes end early or mean nothing the decoder goes on with made-up ones, whatever its mode.
    jpeg_scans::require_whole(bytes)?;
    let colour = if form.channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(form.width as usize)
        .set_max_height(form.height as usize)
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(colour);
    let levels = JpegDecoder::new_with_options(Cursor::new(bytes), options)
        .decode()
        .map_err(|error| format!("not a readable JPEG: {error}"))?;
    if levels.len() != form.samples() {
        return Err("an image whose size is not what its header says".into());
    }
    let channels = form.channels as usize;
    let plane = |channel: usize| levels.iter().skip(channel).step_by(channels).map(|&level| f32::from(level));
    Ok(PngImage { form, levels: (0..channels).flat_map(plane).collect(), gamma: None, few_bits: false })
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

    use super::*;
    use crate::data::area_average::centred_square;
    use crate::data::png_image::most_bytes;

    const MOST: u64 = 1 << 22;

    fn encode(colour: ColorType, [width, height]: [u16; 2], progressive: bool, levels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(levels, width, height, colour).unwrap();
        bytes
    }

    /// Slow waves, which hardly change on the way.
    fn waves(channels: usize, [width, height]: [u16; 2]) -> Vec<u8> {
        let level = |at: usize| {
            let (x, y) = (at / channels % usize::from(width), at / channels / usize::from(width));
            (128.0 + 60.0 * (x as f64 / 9.0 + (at % channels) as f64).sin() + 40.0 * (y as f64 / 7.0).cos()) as u8
        };
        (0..channels * usize::from(width) * usize::from(height)).map(level).collect()
    }

    fn furthest(image: &PngImage, levels: &[u8]) -> f32 {
        let (channels, pixels) = (image.form.channels as usize, levels.len() / image.form.channels as usize);
        let expected = (0..channels * pixels).map(|at| f32::from(levels[at % pixels * channels + at / pixels]));
        expected.zip(&image.levels).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn gray_and_colour_baseline_and_progressive() {
        for (colour, channels) in [(ColorType::Luma, 1), (ColorType::Rgb, 3)] {
            for progressive in [false, true] {
                for size in [[61, 45], [16, 16], [1, 1], [8, 70]] {
                    let levels = waves(channels, size);
                    let image = decode(&encode(colour, size, progressive, &levels), MOST).unwrap();
                    let form = [image.form.channels, image.form.width, image.form.height, image.form.white];
                    assert_eq!(form, [channels as u32, size[0].into(), size[1].into(), 255]);
                    let furthest = furthest(&image, &levels);
                    assert!(furthest < 12.0, "{channels} {progressive} {size:?}: {furthest}");
                }
            }
        }
    }

    #[derive(serde::Deserialize)]
    struct Reference {
        height: usize,
        width: usize,
        side: usize,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        jpeg: String,
        levels: String,
        square: Vec<f32>,
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..][..2], 16).unwrap()).collect()
    }

    /// tests/fixtures/make_jpeg.py: levels of libjpeg-turbo, and OpenCV's means over areas. Decoders may round
    /// otherwise and spread colours of half the resolution otherwise across an edge, hardly on the mean.
    #[test]
    fn levels_are_those_of_libjpeg_turbo_and_means_those_of_opencv() {
        let text = include_str!("../../tests/fixtures/jpeg.json");
        let Reference { height, width, side, cases } = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), 5);
        for Case { name, jpeg, levels, square } in cases {
            let image = decode(&bytes(&jpeg), MOST).unwrap();
            let expected: Vec<f32> = bytes(&levels).into_iter().map(f32::from).collect();
            let apart: Vec<f32> = image.levels.iter().zip(&expected).map(|(a, b)| (a - b).abs()).collect();
            let (most, mean) =
                (apart.iter().copied().fold(0.0, f32::max), apart.iter().sum::<f32>() / apart.len() as f32);
            assert_eq!(apart.len(), expected.len());
            assert!(most <= 3.0 && mean < 0.3, "{name}: at most {most}, {mean} on the mean");
            let means = centred_square(&expected, [height, width], side);
            assert_eq!(means.len(), square.len());
            assert!(means.iter().zip(&square).all(|(a, b)| (a - b).abs() < 1e-3), "{name}");
        }
    }

    #[test]
    fn inks_turns_sizes_and_other_files_are_refused() {
        let inks = encode(ColorType::Cmyk, [8, 8], false, &waves(4, [8, 8]));
        assert!(decode(&inks, MOST).unwrap_err().contains("four inks (CMYK)"));
        let plain = encode(ColorType::Rgb, [64, 65], false, &waves(3, [64, 65]));
        let said = decode(&plain, 64 * 64).unwrap_err();
        assert!(said.contains("an image of 64 x 65 pixels; expected at most 4096"), "{said}");
        let exif = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0";
        let turned = [&plain[..2], exif, &plain[2..]].concat();
        assert!(decode(&turned, MOST).unwrap_err().contains("(orientation 8)"));
        let upright = turned.iter().enumerate().map(|(at, &byte)| if at == 2 + 28 { 1 } else { byte });
        assert_eq!(decode(&upright.collect::<Vec<_>>(), MOST), decode(&plain, MOST));
        assert!(decode(b"\x89PNG\r\n\x1a\n", MOST).unwrap_err().contains("a PNG picture, whatever its name says"));
        let mut padded = plain.clone();
        padded.resize(most_bytes(64 * 65) as usize + 1, 0);
        assert!(decode(&padded, MOST).unwrap_err().contains("for an image of 64 x 65 pixels"));
    }

    #[test]
    fn what_is_cut_or_changed_never_breaks_more_than_itself() {
        for progressive in [false, true] {
            let whole = encode(ColorType::Rgb, [24, 17], progressive, &waves(3, [24, 17]));
            for end in 0..whole.len() {
                assert!(decode(&whole[..end], MOST).is_err(), "cut at {end}");
            }
            for bit in 0..8 * whole.len() {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let _ = decode(&flipped, 1 << 16);
            }
        }
    }
}

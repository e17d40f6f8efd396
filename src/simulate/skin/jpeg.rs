//! A photograph as JPEG: colours at full resolution and little loss, so that what is small in it stays.

use std::io::Cursor;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::files;
use crate::problem::{Kind, Problem, Result};

/// Of JPEG's 1 to 100: levels change by about 1.
const QUALITY: u8 = 95;

/// In each file.
const COMMENT: &[u8] = b"SIMULATED by rimforge: no patient, no skin";

/// A file of this size is none of ours.
const MOST: u64 = 16 << 20;

/// The file's bytes, of levels in red, green and blue, pixel by pixel, of a square of `side`.
///
/// # Errors
/// `Kind::Internal`: levels of another number.
pub fn encode(levels: &[u8], side: u32) -> Result<Vec<u8>> {
    let internal = |error| Problem::new(Kind::Internal, format!("cannot encode a JPEG: {error}"));
    let side = u16::try_from(side).map_err(|_| Problem::new(Kind::Internal, format!("a JPEG {side} pixels wide")))?;
    let mut bytes = vec![];
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
    encoder.encode(levels, side, side, ColorType::Rgb).map_err(internal)?;
    Ok(commented(bytes))
}

/// With a comment (marker FE) after the start of the image, where viewers look for one.
fn commented(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (COMMENT.len() as u16 + 2).to_be_bytes();
    let comment = [&[0xff, 0xfe], &length[..], COMMENT].concat();
    bytes.splice(2..2, comment);
    bytes
}

/// Levels 0 to 1 as \[3, side, side\], and the side.
///
/// # Errors
/// `Kind::Input`: no JPEG of a square in three colours.
pub fn read(path: &Path) -> Result<(Vec<f32>, usize)> {
    let bytes = files::read(path, MOST, "a photograph")?;
    let options = DecoderOptions::new_safe().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    let wrong = |found: String| {
        Problem::new(Kind::Input, found)
            .at(path)
            .expected("a square JPEG as simulate wrote it")
            .advice("delete it and run the same command again")
    };
    let levels = decoder.decode().map_err(|error| wrong(format!("no readable JPEG: {error}")))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    if width != height || levels.len() != 3 * width * height || width == 0 {
        return Err(wrong(format!("{width} x {height} pixels, {} values", levels.len())));
    }
    let plane = |channel: usize| levels.iter().skip(channel).step_by(3).map(|level| f32::from(*level) / 255.0);
    Ok(((0..3).flat_map(plane).collect(), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_that_it_is_simulated_and_keeps_its_levels() {
        let levels: Vec<u8> = (0..3 * 24 * 24).map(|at| (at / 9 % 200 + 20) as u8).collect();
        let bytes = encode(&levels, 24).unwrap();
        assert!(bytes.windows(COMMENT.len()).any(|part| part == COMMENT));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        files::write(&path, &bytes).unwrap();
        let (read, side) = super::read(&path).unwrap();
        assert_eq!(side, 24);
        let off = |at: usize| (255.0 * read[at % 3 * 576 + at / 3] - f32::from(levels[at])).abs();
        assert!((0..levels.len()).map(off).sum::<f32>() / (levels.len() as f32) < 1.5);
        files::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert_eq!(super::read(&path).unwrap_err().kind(), Kind::Input);
    }
}

//! What a PNG says beside the pixels that a decoder gives: rows behind the last one, a turn that viewers apply.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::texts;

/// Bytes that are inflated at once.
const BLOCK: usize = 1 << 15;

/// The Exif tag "Orientation"; 1 means that the pixels lie as they are shown.
const ORIENTATION: u16 = 0x0112;

/// Holds a PNG that a decoder has read to the size that its header states and to what viewers show.
///
/// # Errors
/// In words: pixels behind the last row, which a decoder cuts off without a word, or pixels that viewers turn or mirror
/// before they show them (Exif).
pub fn require_whole(png: &[u8]) -> Result<(), String> {
    let Some(expected) = chunks(png).next().and_then(|(_, header)| stored_bytes(header)) else {
        return Err("not a readable PNG: its header is missing or cut short".into());
    };
    let mut pixels = ZlibDecoder::new(Pixels { chunks: chunks(png), rest: &[] });
    let (mut block, mut found) = (vec![0; BLOCK], 0u64);
    while found <= expected {
        match pixels.read(&mut block) {
            Ok(0) => break,
            Ok(count) => found += count as u64,
            Err(error) => return Err(format!("not a readable PNG: {error} behind its pixels")),
        }
    }
    if found > expected {
        return Err("more rows of pixels than its header states: the height there does not hold".into());
    }
    let exif = chunks(png).find(|(kind, _)| *kind == b"eXIf").and_then(|(_, exif)| orientation(exif));
    let raw = || chunks(png).find_map(|(kind, text)| texts::exif(kind, text)).and_then(|exif| orientation(&exif));
    let xmp = || chunks(png).find_map(|(kind, text)| texts::xmp(kind, text)).and_then(|xmp| orientation_in_xmp(&xmp));
    match exif.or_else(raw).or_else(xmp) {
        None | Some(1) => Ok(()),
        Some(turn @ 2..=8) => Err(format!(
            "pixels that its Exif or XMP data turn or mirror before viewers show them (orientation {turn}); save it as it is \
             shown (mogrify -auto-orient, Pillow's exif_transpose)"
        )),
        // A number that means nothing turns nothing.
        Some(_) => Ok(()),
    }
}

/// The orientation that XMP tells, as an attribute or an element (`tiff:Orientation`, Exif's numbers); none where it
/// tells none.
pub(super) fn orientation_in_xmp(xmp: &[u8]) -> Option<u16> {
    let key = b"tiff:Orientation";
    let behind = xmp.windows(key.len()).position(|word| word == key)? + key.len();
    let digit = |letter: &&u8| !matches!(letter, b'=' | b'"' | b'\'' | b'>' | b' ');
    let number = xmp.get(behind..)?.iter().find(digit)?;
    number.is_ascii_digit().then(|| u16::from(number - b'0'))
}

/// Kind and contents of each chunk behind the signature, as far as they are whole.
fn chunks(png: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = png.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk::<4>()?;
        let (kind, behind) = behind.split_first_chunk::<4>()?;
        let contents = behind.get(..u32::from_be_bytes(*length) as usize)?;
        // Four bytes of checksum.
        rest = behind.get(contents.len() + 4..).unwrap_or_default();
        Some((kind, contents))
    })
}

/// The contents of all IDAT chunks, one after the other.
struct Pixels<'a, I> {
    chunks: I,
    rest: &'a [u8],
}

impl<'a, I: Iterator<Item = (&'a [u8; 4], &'a [u8])>> Read for Pixels<'a, I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() {
            match self.chunks.find(|(kind, _)| *kind == b"IDAT") {
                Some((_, contents)) => self.rest = contents,
                None => return Ok(0),
            }
        }
        self.rest.read(into)
    }
}

/// Bytes that the rows of a whole image take before they are packed, each with its filter's byte (PNG, section 7.2).
fn stored_bytes(header: &[u8]) -> Option<u64> {
    let number = |at: usize| Some(u64::from(u32::from_be_bytes(*header.get(at..)?.first_chunk()?)));
    let (width, height) = (number(0)?, number(4)?);
    let channels = match header.get(9)? {
        2 => 3,
        4 => 2,
        6 => 4,
        _ => 1,
    };
    let bits = u64::from(*header.get(8)?) * channels;
    let pass = |width: u64, height: u64| if width == 0 { 0 } else { height * (1 + (width * bits).div_ceil(8)) };
    // Adam7: where each pass begins and how far its pixels are apart, x and y (section 8.2).
    const PASSES: [[u64; 4]; 7] =
        [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
    let of = |size: u64, first: u64, step: u64| size.saturating_sub(first).div_ceil(step);
    match header.get(12)? {
        0 => Some(pass(width, height)),
        _ => Some(PASSES.iter().map(|&[x, y, across, down]| pass(of(width, x, across), of(height, y, down))).sum()),
    }
}

/// What the first directory of Exif data (TIFF 6.0, section 2) says of the orientation.
pub(super) fn orientation(exif: &[u8]) -> Option<u16> {
    let big = match exif.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let two = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let four = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let directory = four(4)? as usize;
    let entries = usize::from(two(directory)?);
    let places = (0..entries).map(|entry| directory.saturating_add(2 + 12 * entry));
    places.take_while(|&place| place < exif.len()).find(|&place| two(place) == Some(ORIENTATION)).and_then(|at| {
        match two(at + 2) {
            // A short is what the standard has; some programs write a byte or a long, and viewers believe them.
            Some(1) => exif.get(at + 8).map(|&byte| u16::from(byte)),
            Some(4) => four(at + 8).map(|long| u16::try_from(long).unwrap_or(u16::MAX)),
            _ => two(at + 8),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    #[test]
    fn the_orientation_is_read_as_a_short_a_byte_or_a_long() {
        let entry = |kind: u16, value: [u8; 4]| {
            [&b"MM\0*\0\0\0\x08\0\x01\x01\x12"[..], &kind.to_be_bytes(), &[0, 0, 0, 1], &value, &[0; 4]].concat()
        };
        for (kind, value) in [(3, [0, 6, 0, 0]), (1, [6, 0, 0, 0]), (4, [0, 0, 0, 6])] {
            assert_eq!(orientation(&entry(kind, value)), Some(6), "{kind}");
        }
    }

    fn chunk(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        // Checksums are the decoder's to hold.
        [&(contents.len() as u32).to_be_bytes()[..], kind, contents, &[0; 4]].concat()
    }

    fn packed(bytes: usize) -> Vec<u8> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&vec![0; bytes]).unwrap();
        zlib.finish().unwrap()
    }

    /// width, height, bits, colour, interlaced; bytes of rows; further chunks.
    fn png([width, height, bits, colour, interlaced]: [u8; 5], bytes: usize, more: &[u8]) -> Vec<u8> {
        let header = [0, 0, 0, width, 0, 0, 0, height, bits, colour, 0, 0, interlaced];
        let (first, second) = { (packed(bytes)[..3].to_vec(), packed(bytes)[3..].to_vec()) };
        let parts = [chunk(b"IHDR", &header), more.to_vec(), chunk(b"IDAT", &first), chunk(b"IDAT", &second)];
        [b"\x89PNG\r\n\x1a\n".to_vec(), parts.concat(), chunk(b"IEND", &[])].concat()
    }

    /// 3 x 2 pixels: gray of 8 bits has rows of 1 + 3 bytes, of 1 bit of 1 + 1, RGB of 16 bits of 1 + 18. Interlaced,
    /// they are in the passes 1 (1 x 1), 4 (1 x 1), 6 (1 x 1) and 7 (3 x 1): 2 + 2 + 2 + 4 bytes.
    #[test]
    fn rows_behind_the_last_are_told() {
        for (header, bytes) in [
            ([3, 2, 8, 0, 0], 8),
            ([3, 2, 1, 0, 0], 4),
            ([3, 2, 16, 2, 0], 38),
            ([3, 2, 8, 6, 0], 26),
            ([3, 2, 8, 4, 0], 14),
            ([3, 2, 8, 0, 1], 10),
        ] {
            assert_eq!(require_whole(&png(header, bytes, &[])), Ok(()), "{header:?}");
            let more = require_whole(&png(header, bytes + 1, &[]));
            assert!(more.is_err_and(|found| found.contains("more rows")), "{header:?}");
        }
        assert!(require_whole(&png([3, 2, 8, 0, 0], 1 << 20, &[])).is_err());
        assert!(require_whole(b"\x89PNG\r\n\x1a\n").is_err());
    }

    #[test]
    fn a_turn_that_viewers_apply_is_told() {
        let exif = |turn: u16, big: bool| {
            let two = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
            let four = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
            let head: &[u8] = if big { b"MM\0*" } else { b"II*\0" };
            let entry = [&two(ORIENTATION)[..], &two(3), &four(1), &two(turn), &[0; 2]].concat();
            chunk(b"eXIf", &[head, &four(8), &two(1), &entry, &four(0)].concat())
        };
        for big in [true, false] {
            let told = |turn: u16| require_whole(&png([3, 2, 8, 0, 0], 8, &exif(turn, big)));
            assert!([0, 1, 9].map(told).iter().all(Result::is_ok));
            assert!([2, 6, 8].map(told).iter().all(|told| told.as_ref().is_err_and(|found| found.contains("turn"))));
        }
        for odd in [&b"MM\0*"[..], b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff\x12\x01"] {
            assert_eq!(require_whole(&png([3, 2, 8, 0, 0], 8, &chunk(b"eXIf", odd))), Ok(()));
        }
    }
}

//! What a JPEG says of itself before its pixels are decoded (ITU-T T.81, annex B): size, channels, the turn that
//! viewers apply, and whether it has an end.

use super::png_chunks::{orientation, orientation_in_xmp};

/// What the segments of a whole JPEG say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub height: u16,
    pub width: u16,
    /// 1 (gray), 3 (colour) or 4 (inks).
    pub channels: u8,
    /// Exif's orientation, where it says one; else that of XMP, which some viewers follow.
    pub turn: Option<u16>,
}

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;

/// What a segment of XMP begins with (ISO 16684-1, 7.6).
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";

/// Reads the segments up to the end of the image; what follows it is no part of it.
///
/// # Errors
/// In words: a file that ends before its image does, two images in one frame, no image, or one of a kind that is not
/// decoded: of 12 bits, lossless, arithmetic, of a height that follows its pixels, or of colours that two of its
/// segments state differently.
pub(super) fn frame(jpeg: &[u8]) -> Result<Frame, String> {
    let cut = || "a JPEG that is cut short: it has no end; copy or download the file again".to_owned();
    let mut rest = jpeg.strip_prefix(&[0xff, START_OF_IMAGE]).ok_or("not a readable JPEG: it does not begin as one")?;
    let (mut frame, mut turn, mut told, mut scans) = (None, None, None, 0);
    let (mut is_jfif, mut adobe, mut letters) = (false, None, false);
    loop {
        let marker;
        (marker, rest) = next_marker(rest).ok_or_else(cut)?;
        match marker {
            END_OF_IMAGE if scans > 0 => break,
            END_OF_IMAGE => return Err("not a readable JPEG: it has no pixels".into()),
            START_OF_IMAGE => return Err("not a readable JPEG: another image begins within it".into()),
            // Restart markers and the temporary one stand alone.
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
        }
        let (length, _) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let segment = rest.get(2..length).ok_or_else(|| if length < 2 { damaged() } else { cut() })?;
        rest = &rest[length..];
        match marker {
            0xc0..=0xc2 if frame.is_some() => return Err("not a readable JPEG: it states two sizes".into()),
            0xc0..=0xc2 => {
                frame = Some(size(segment)?);
                // A component has three bytes, of which the first is its name.
                letters = segment.get(6..).is_some_and(|of| of.iter().step_by(3).take(3).eq(b"RGB"));
            }
            // The others of these numbers are tables.
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let kind = if marker < 0xc8 { "a lossless or hierarchical" } else { "an arithmetically coded" };
                return Err(format!("{kind} JPEG, which is not read; convert it to PNG"));
            }
            APP0 => is_jfif |= segment.starts_with(b"JFIF\0"),
            APP14 => adobe = adobe.or(segment.strip_prefix(b"Adobe").and_then(|rest| rest.get(6)).copied()),
            APP1 => {
                turn = turn.or(segment.strip_prefix(b"Exif\0\0").and_then(orientation));
                told = told.or(segment.strip_prefix(XMP).and_then(orientation_in_xmp));
            }
            START_OF_SCAN if frame.is_none() => return Err("not a readable JPEG: pixels before its size".into()),
            START_OF_SCAN => scans += 1,
            _ => {}
        }
    }
    let [height, width, channels] = frame.ok_or_else(damaged)?;
    // JFIF and Adobe's transform 1 have luminance and two differences of colour (ITU-T T.871, 7), Adobe's transform 0
    // and components that are called R, G and B are those colours. Decoders differ in which they believe.
    let (differences, plain) = (is_jfif || adobe.is_some_and(|transform| transform != 0), adobe == Some(0) || letters);
    if channels == 3 && differences && plain {
        return Err(
            "a JPEG that states its colours twice and differently (as YCbCr and as RGB), which viewers show in \
                    two ways; save it again as plain JPEG or PNG"
                .into(),
        );
    }
    Ok(Frame { height, width, channels: channels as u8, turn: turn.or(told) })
}

fn damaged() -> String {
    "not a readable JPEG: its segments are damaged".into()
}

/// The next marker, and what follows it. Within a scan 0xff 0x00 is a level's byte, and bytes of 0xff may come before a
/// marker.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let at = bytes.windows(2).position(|two| two[0] == 0xff && two[1] != 0 && two[1] != 0xff)?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}

/// Height, width and channels out of a frame's header.
fn size(header: &[u8]) -> Result<[u16; 3], String> {
    let Some(&[bits, h0, h1, w0, w1, channels]) = header.first_chunk::<6>() else { return Err(damaged()) };
    let (height, width) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([w0, w1]));
    if bits != 8 {
        return Err(format!("a JPEG of {bits} bits; expected 8"));
    }
    if height == 0 || width == 0 {
        return Err(format!("not a readable JPEG: an image of {width} x {height} pixels"));
    }
    Ok([height, width, u16::from(channels)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(marker: u8, contents: &[u8]) -> Vec<u8> {
        [&[0xff, marker][..], &(contents.len() as u16 + 2).to_be_bytes(), contents].concat()
    }

    /// A frame of 3 x 2 pixels, a scan of one stuffed byte with a restart, the end.
    fn jpeg(frame: u8, bits: u8, more: &[u8]) -> Vec<u8> {
        let header = segment(frame, &[bits, 0, 2, 0, 3, 3]);
        let scan = [segment(START_OF_SCAN, &[1, 2, 3]), vec![7, 0xff, 0, 0xff, 0xd0, 9]].concat();
        [&[0xff, 0xd8][..], more, &header, &scan, &[0xff, 0xff, 0xd9], b"behind"].concat()
    }

    #[test]
    fn size_channels_and_turn_are_read_up_to_the_end() {
        let plain = Frame { height: 2, width: 3, channels: 3, turn: None };
        assert_eq!(frame(&jpeg(0xc0, 8, &[])), Ok(plain));
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let turned = jpeg(0xc2, 8, &[segment(0xfe, b"a note"), segment(APP1, exif)].concat());
        assert_eq!(frame(&turned), Ok(Frame { turn: Some(6), ..plain }));
        let xmp = |turn: &str| segment(APP1, &[XMP, turn.as_bytes()].concat());
        let told = jpeg(0xc0, 8, &xmp("<rdf:Description tiff:Orientation=\"8\"/>"));
        assert_eq!(frame(&told), Ok(Frame { turn: Some(8), ..plain }));
        let both = jpeg(0xc0, 8, &[xmp("<tiff:Orientation>3</tiff:Orientation>"), segment(APP1, exif)].concat());
        assert_eq!(frame(&both), Ok(Frame { turn: Some(6), ..plain }), "viewers believe Exif");
        let whole = jpeg(0xc1, 8, &[]);
        let end = whole.len() - b"behind".len();
        (0..end).for_each(|length| assert!(frame(&whole[..length]).is_err(), "cut at {length}"));
        assert!(frame(&whole[..end]).is_ok());
    }

    #[test]
    fn colours_are_stated_once_or_alike() {
        let jfif = segment(APP0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
        let adobe = |transform| segment(APP14, &[b"Adobe\0d\0\0\0\0".as_slice(), &[transform]].concat());
        let of = |more: &[&[u8]]| frame(&jpeg(0xc0, 8, &more.concat()));
        assert!(of(&[&jfif]).is_ok() && of(&[&adobe(0)]).is_ok() && of(&[&jfif, &adobe(1)]).is_ok());
        assert!(of(&[&jfif, &adobe(0)]).unwrap_err().contains("states its colours twice"));
        let named = |more: &[u8]| {
            let header = segment(0xc0, b"\x08\0\x02\0\x03\x03R\x11\0G\x11\0B\x11\0");
            let scan = [segment(START_OF_SCAN, &[1, 2, 3]), vec![7]].concat();
            frame(&[&[0xff, 0xd8][..], more, &header, &scan, &[0xff, 0xd9]].concat())
        };
        assert!(named(&[]).is_ok() && named(&adobe(0)).is_ok());
        assert!(named(&jfif).unwrap_err().contains("states its colours twice"));
        assert!(named(&adobe(1)).unwrap_err().contains("states its colours twice"));
        assert!(of(&[&adobe(0), &jfif]).unwrap_err().contains("states its colours twice"));
    }

    #[test]
    fn kinds_that_are_not_decoded_are_named() {
        for (bytes, says) in [
            (jpeg(0xc3, 8, &[]), "a lossless or hierarchical JPEG"),
            (jpeg(0xc9, 8, &[]), "an arithmetically coded JPEG"),
            (jpeg(0xc1, 12, &[]), "a JPEG of 12 bits; expected 8"),
            (jpeg(0xc0, 8, &segment(0xc0, &[8, 0, 0, 0, 3, 3])), "an image of 3 x 0 pixels"),
            (jpeg(0xc0, 8, &segment(0xc0, &[8, 0, 2, 0, 3, 3])), "two sizes"),
            (jpeg(0xc0, 8, &segment(START_OF_SCAN, &[])), "pixels before its size"),
            (jpeg(0xc0, 8, &[0xff, 0xd9]), "no pixels"),
            (jpeg(0xc0, 8, &[0xff, 0xd8]), "another image begins"),
            (jpeg(0xc0, 8, &[0xff, 0xe1, 0, 1]), "segments are damaged"),
            (b"\x89PNG".to_vec(), "does not begin as one"),
        ] {
            let said = frame(&bytes).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }
}

//! What texts of a PNG say of its orientation: XMP, and Exif data as programs wrote them before there was a chunk for
//! them, under "Raw profile type exif", a count of bytes and hexadecimal digits.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// What a text may hold once it is inflated.
const MOST: u64 = 1 << 20;

/// Under which names (ImageMagick, ExifTool).
const KEYWORDS: [&[u8]; 2] = [b"Raw profile type exif", b"Raw profile type APP1"];

/// Keyword of the text that holds XMP.
const XMP: &[u8] = b"XML:com.adobe.xmp";

/// The text of a chunk of `kind` behind its keyword, inflated where it is packed; `None` where it is no text.
fn text(kind: &[u8; 4], chunk: &[u8]) -> Option<Vec<u8>> {
    let end = chunk.iter().position(|&byte| byte == 0)?;
    let text = &chunk[end + 1..];
    match kind {
        b"tEXt" => Some(text.to_vec()),
        // A method (0, zlib), then the text.
        b"zTXt" => inflated(text.get(1..)?),
        // Whether it is compressed and how, a language, the keyword in it, then the text (PNG, section 11.3.4.5).
        b"iTXt" => {
            let (flags, rest) = text.split_at_checked(2)?;
            let text = rest.splitn(3, |&byte| byte == 0).nth(2)?;
            if flags[0] == 0 { Some(text.to_vec()) } else { inflated(text) }
        }
        _ => None,
    }
}

/// The XMP of a chunk of `kind`; none where it is another.
pub(super) fn xmp(kind: &[u8; 4], chunk: &[u8]) -> Option<Vec<u8>> {
    chunk.strip_prefix(XMP).filter(|rest| rest.first() == Some(&0))?;
    text(kind, chunk)
}

/// The Exif data (TIFF) of a chunk of `kind`; none where it is no such text, or none that can be read.
pub(super) fn exif(kind: &[u8; 4], chunk: &[u8]) -> Option<Vec<u8>> {
    // Looked at first, so that no other text is inflated.
    let end = chunk.iter().position(|&byte| byte == 0)?;
    KEYWORDS.iter().find(|known| chunk[..end].eq_ignore_ascii_case(known))?;
    let text = text(kind, chunk)?;
    // "\nexif\n      38\n45786966..."
    let mut words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (_name, _count) = (words.next()?, words.next()?);
    let digits: Vec<u8> =
        words.flatten().map(|&digit| char::from(digit).to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Some(bytes.strip_prefix(b"Exif\0\0").map_or_else(|| bytes.clone(), <[u8]>::to_vec))
}

fn inflated(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).take(MOST).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    /// As ImageMagick writes it: lines of digits, "Exif\0\0" before the TIFF.
    const TEXT: &[u8] = b"\nexif\n      10\n457869660000\n4d4d002a\n";

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).unwrap();
        zlib.finish().unwrap()
    }

    #[test]
    fn exif_in_texts_is_read_packed_or_not() {
        let key = b"Raw profile type exif\0";
        for (kind, contents) in [
            (b"tEXt", [key, TEXT].concat()),
            (b"zTXt", [&key[..], b"\0", &packed(TEXT)].concat()),
            (b"iTXt", [&key[..], b"\0\0en\0\0", TEXT].concat()),
            (b"iTXt", [&key[..], b"\x01\0\0\0", &packed(TEXT)].concat()),
            (b"tEXt", [&b"Raw profile type APP1\0\napp1\n4\n"[..], b"4d4d002a"].concat()),
        ] {
            assert_eq!(exif(kind, &contents).as_deref(), Some(&b"MM\0*"[..]), "{}", String::from_utf8_lossy(kind));
        }
    }

    #[test]
    fn xmp_is_read_packed_or_not() {
        let key = b"XML:com.adobe.xmp\0";
        for contents in [[&key[..], b"\0\0\0\0<x/>"].concat(), [&key[..], b"\x01\0\0\0", &packed(b"<x/>")].concat()] {
            assert_eq!(xmp(b"iTXt", &contents).as_deref(), Some(&b"<x/>"[..]));
        }
        assert_eq!(xmp(b"iTXt", b"Comment\0\0\0\0\0<x/>"), None);
        assert_eq!(xmp(b"iTXt", b"XML:com.adobe.xmp2\0\0\0\0\0<x/>"), None);
    }

    #[test]
    fn other_texts_and_damaged_ones_hold_none() {
        let key = b"Raw profile type exif\0";
        for (kind, contents) in [
            (b"tEXt", [&b"Comment\0"[..], TEXT].concat()),
            (b"eXIf", [key, TEXT].concat()),
            (b"tEXt", key[..21].to_vec()),
            (b"tEXt", [&key[..], b"\nexif\n"].concat()),
            (b"tEXt", [&key[..], b"\nexif\n4\nzz"].concat()),
            (b"zTXt", [&key[..], b"\0no zlib"].concat()),
            (b"zTXt", key.to_vec()),
            (b"iTXt", [&key[..], b"\0"].concat()),
        ] {
            assert_eq!(exif(kind, &contents), None, "{contents:?}");
        }
    }
}

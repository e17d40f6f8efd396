//! Text as other programs write it: UTF-8 with or without a mark, UTF-16 as spreadsheets export it.

use std::borrow::Cow;

/// The text of `bytes`; what is no text there becomes U+FFFD, which no file of sense holds, so that a reader can refuse
/// it where it matters.
///
/// UTF-16 is known by its mark, or by a first letter of ASCII with a zero beside it.
///
/// # Errors
/// In words: UTF-16 with an odd number of bytes; UTF-32.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Err("text in UTF-32; save it as UTF-8".into()),
        [0xef, 0xbb, 0xbf, rest @ ..] => Ok(String::from_utf8_lossy(rest)),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes).map(Cow::Owned),
        [1..=u8::MAX, 0, ..] => wide(bytes, u16::from_le_bytes).map(Cow::Owned),
        [0, 1..=u8::MAX, ..] => wide(bytes, u16::from_be_bytes).map(Cow::Owned),
        _ => Ok(String::from_utf8_lossy(bytes)),
    }
}

fn wide(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err("text in UTF-16 with half a letter at its end".into());
    }
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    Ok(char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_wide_letters_are_understood() {
        let wide = |mark: &[u8], unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            mark.iter().copied().chain("a\u{e9}".encode_utf16().flat_map(unit)).collect()
        };
        for bytes in [
            "a\u{e9}".as_bytes().to_vec(),
            b"\xef\xbb\xbfa\xc3\xa9".to_vec(),
            wide(b"\xff\xfe", u16::to_le_bytes),
            wide(b"\xfe\xff", u16::to_be_bytes),
            wide(b"", u16::to_le_bytes),
            wide(b"", u16::to_be_bytes),
        ] {
            assert_eq!(decode(&bytes).unwrap(), "a\u{e9}", "{bytes:?}");
        }
        assert_eq!(decode(b"a\xe9").unwrap(), "a\u{fffd}");
        assert!(decode(b"\xff\xfea").unwrap_err().contains("half a letter"));
        assert!(decode(b"\xff\xfe\0\0a\0\0\0").unwrap_err().contains("UTF-32"));
        assert_eq!(decode(b"").unwrap(), "");
    }
}

//! What a file is that is not what its name says.

/// First bytes and what they begin.
const BEGINNINGS: [(&[u8], &str); 21] = [
    (b"\xff\xd8\xff", "a JPEG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"\x89PNG\r\n\x1a\n", "a PNG"),
    (b"\x93NUMPY", "an array of numpy"),
    (b"%PDF", "a PDF"),
    (b"<svg", "an SVG drawing"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"\x1f\x8b", "a gzip file"),
    (b"PK\x03\x04", "a zip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"\0\x05\x16\x07", "a note of macOS (AppleDouble), no image"),
    (b"version https://git-lfs", "a pointer of git-lfs, not the file: fetch it with `git lfs pull`"),
    (b"/annex/objects", "a pointer of git-annex, not the file: fetch it with `datalad get`"),
    (b"SIMPLE  =", "a FITS image"),
];

/// "a JPEG", where the first bytes say so.
pub(super) fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, text: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(text));
    match bytes {
        [] => Some("an empty file"),
        _ if at(0, b"RIFF") && at(8, b"WEBP") => Some("a WebP"),
        _ if at(4, b"ftyp") => Some("a HEIC, AVIF or MP4 file"),
        _ if at(128, b"DICM") => Some("a DICOM file"),
        _ if at(257, b"ustar") => Some("a tar archive"),
        _ => BEGINNINGS.iter().find(|(beginning, _)| bytes.starts_with(beginning)).map(|(_, kind)| *kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        assert_eq!(kind_of(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("a JPEG"));
        assert_eq!(kind_of(b"RIFF\x10\0\0\0WEBPVP8 "), Some("a WebP"));
        assert_eq!(kind_of(b""), Some("an empty file"));
        assert_eq!(kind_of(b"some text"), None);
        let dicom = [vec![0; 128], b"DICM".to_vec()].concat();
        assert_eq!(kind_of(&dicom), Some("a DICOM file"));
    }
}

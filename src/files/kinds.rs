//! Kinds of files by their first bytes: the one table of them, with what each is called and how what is not there yet
//! is fetched. What else to do about a kind is for each reader to say.

use crate::problem::{Kind, Problem};

/// Kinds of files that people give in place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// No bytes.
    Empty,
    /// Git LFS keeps such a text in place of a file that was not fetched.
    LfsPointer,
    /// So does git-annex.
    AnnexPointer,
    /// A download that was answered with a page.
    WebPage,
    /// `torch.save` or `torch.jit.save` of today.
    TorchArchive,
    /// Several arrays of NumPy.
    NumpyArchive,
    /// Any other zip archive.
    Zip,
    /// Python's pickle, which is also what `torch.save` wrote until version 1.5.
    Pickle,
    /// Tensors.
    Safetensors,
    /// A network as a graph of operations.
    Onnx,
    /// An array of NumPy.
    Npy,
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A picture.
    Tiff,
    /// A picture.
    Gif,
    /// A picture.
    Bmp,
    /// A picture.
    WebP,
    /// A picture or a film of a telephone.
    Heic,
    /// A drawing.
    Svg,
    /// A picture of a telescope.
    Fits,
    /// A document.
    Pdf,
    /// Compressed, mostly NIfTI.
    Gzip,
    /// Compressed.
    Bzip2,
    /// Compressed.
    Xz,
    /// Compressed.
    Zstd,
    /// Several files.
    Tar,
    /// Several files.
    SevenZip,
    /// Several files.
    Rar,
    /// What macOS notes of a file beside it.
    AppleDouble,
    /// A volume.
    Nifti,
    /// A volume of FreeSurfer.
    Mgh,
    /// A volume.
    Nrrd,
    /// A volume of MRtrix.
    Mrtrix,
    /// A volume's description.
    MetaImage,
    /// A volume of MINC 1.
    Minc,
    /// A slice or a volume of a scanner.
    Dicom,
    /// Of MATLAB 7.3, Keras, MINC 2 or another.
    Hdf5,
    /// Of MATLAB before 7.3.
    Matlab,
    /// Settings, labels, records.
    Json,
}

/// Where in a file which bytes stand; the first that fits is the kind.
const BEGINNINGS: [(FileKind, usize, &[u8]); 41] = [
    (FileKind::LfsPointer, 0, b"version https://git-lfs"),
    (FileKind::AnnexPointer, 0, b"/annex/objects/"),
    (FileKind::Zip, 0, b"PK\x03\x04"),
    (FileKind::Zip, 0, b"PK\x05\x06"),
    (FileKind::Pickle, 0, b"\x80\x02"),
    (FileKind::Pickle, 0, b"\x80\x03"),
    (FileKind::Pickle, 0, b"\x80\x04"),
    (FileKind::Pickle, 0, b"\x80\x05"),
    (FileKind::Npy, 0, b"\x93NUMPY"),
    (FileKind::Png, 0, b"\x89PNG\r\n\x1a\n"),
    (FileKind::Jpeg, 0, b"\xff\xd8\xff"),
    (FileKind::Tiff, 0, b"II*\0"),
    (FileKind::Tiff, 0, b"MM\0*"),
    (FileKind::Gif, 0, b"GIF8"),
    (FileKind::Bmp, 0, b"BM"),
    (FileKind::WebP, 8, b"WEBP"),
    (FileKind::Heic, 4, b"ftyp"),
    (FileKind::Fits, 0, b"SIMPLE  ="),
    (FileKind::Pdf, 0, b"%PDF"),
    (FileKind::Gzip, 0, b"\x1f\x8b"),
    (FileKind::Bzip2, 0, b"BZh"),
    (FileKind::Xz, 0, b"\xfd7zXZ\0"),
    (FileKind::Zstd, 0, b"\x28\xb5\x2f\xfd"),
    (FileKind::SevenZip, 0, b"7z\xbc\xaf\x27\x1c"),
    (FileKind::Rar, 0, b"Rar!"),
    (FileKind::Tar, 257, b"ustar"),
    (FileKind::AppleDouble, 0, b"\0\x05\x16\x07"),
    (FileKind::Dicom, 128, b"DICM"),
    (FileKind::Nifti, 344, b"n+1\0"),
    (FileKind::Nifti, 344, b"ni1\0"),
    (FileKind::Nifti, 4, b"n+2\0"),
    (FileKind::Nifti, 4, b"ni2\0"),
    (FileKind::Mgh, 0, b"\0\0\0\x01\0\0"),
    (FileKind::Nrrd, 0, b"NRRD"),
    (FileKind::Mrtrix, 0, b"mrtrix image"),
    (FileKind::MetaImage, 0, b"ObjectType"),
    (FileKind::MetaImage, 0, b"NDims"),
    (FileKind::Minc, 0, b"CDF\x01"),
    (FileKind::Hdf5, 0, b"\x89HDF\r\n\x1a\n"),
    (FileKind::Matlab, 0, b"MATLAB"),
    (FileKind::Svg, 0, b"<svg"),
];

impl FileKind {
    /// The kind of the file that begins with `start`, its first [`super::kind_of::START`] bytes or all where it has
    /// fewer; `None` for a kind that is not among these.
    pub fn of(start: &[u8]) -> Option<Self> {
        if start.is_empty() {
            return Some(Self::Empty);
        }
        let known =
            BEGINNINGS.iter().find(|(_, at, bytes)| start.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
        match known {
            Some((Self::Zip, ..)) => Some(archive(start)),
            Some((kind, ..)) => Some(*kind),
            None => by_shape(start),
        }
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::LfsPointer => "Git LFS's note of a file whose content is not here",
            Self::AnnexPointer => "git-annex's note of a file whose content is not here",
            Self::WebPage => "a web page (HTML or XML), not the file itself",
            Self::TorchArchive => "a zip archive of PyTorch (torch.save or TorchScript)",
            Self::NumpyArchive => "a zip archive of NumPy arrays (npz)",
            Self::Zip => "a zip archive",
            Self::Pickle => "a Python pickle",
            Self::Safetensors => "a safetensors file",
            Self::Onnx => "an ONNX network",
            Self::Npy => "a NumPy array (npy)",
            Self::Png => "a PNG picture",
            Self::Jpeg => "a JPEG picture",
            Self::Tiff => "a TIFF picture",
            Self::Gif => "a GIF picture",
            Self::Bmp => "a BMP picture",
            Self::WebP => "a WebP picture",
            Self::Heic => "a HEIC, AVIF or MP4 file",
            Self::Svg => "an SVG drawing",
            Self::Fits => "a FITS image",
            Self::Pdf => "a PDF",
            Self::Gzip => "a gzip file (mostly NIfTI)",
            Self::Bzip2 => "a bzip2 file",
            Self::Xz => "an xz file",
            Self::Zstd => "a zstd file",
            Self::Tar => "a tar archive",
            Self::SevenZip => "a 7z archive",
            Self::Rar => "a RAR archive",
            Self::AppleDouble => "a note of macOS (AppleDouble) about a file",
            Self::Nifti => "a NIfTI volume",
            Self::Mgh => "an MGH volume (.mgh, .mgz)",
            Self::Nrrd => "an NRRD volume",
            Self::Mrtrix => "an MRtrix volume",
            Self::MetaImage => "a MetaImage header (.mhd, .mha)",
            Self::Minc => "a MINC 1 volume",
            Self::Dicom => "a DICOM file",
            Self::Hdf5 => "an HDF5 file (MATLAB 7.3, MINC 2, Keras)",
            Self::Matlab => "a MATLAB file",
            Self::Json => "a JSON text",
        }
    }

    /// What brings the file itself, where this one only stands for it.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("copy or download the file again"),
            Self::LfsPointer => Some("fetch it: `git lfs pull`"),
            Self::AnnexPointer => Some(GET),
            Self::WebPage => Some("download the file itself, signed in: what was saved is a page in its place"),
            Self::AppleDouble => Some("give the file without \"._\" before its name"),
            _ => None,
        }
    }

    /// The problem that a file beginning with `start` is not the `expected`; `advice` for its kind, where nothing has
    /// to be fetched first.
    pub fn mistaken(start: &[u8], expected: &str, advice: impl FnOnce(Option<Self>) -> Option<String>) -> Problem {
        let kind = Self::of(start);
        let found = kind.map_or("a file of an unknown kind", Self::words);
        let problem = Problem::new(Kind::Input, found).expected(expected);
        let remedy = kind.and_then(Self::remedy).map(str::to_owned);
        match remedy.or_else(|| advice(kind)) {
            Some(advice) => problem.advice(advice),
            None => problem,
        }
    }
}

/// How content of git-annex is fetched.
pub(super) const GET: &str = "fetch it: `datalad get FILE`, or `git annex get FILE`";

/// Kinds that no fixed bytes begin.
fn by_shape(start: &[u8]) -> Option<FileKind> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    match start {
        // The length of a header of JSON.
        [a, b, c, d, 0, 0, 0, 0, b'{', ..] if u32::from_le_bytes([*a, *b, *c, *d]) >= 2 => Some(FileKind::Safetensors),
        // Version of the format, then the name of the program that wrote it.
        [0x08, 1..=32, 0x12, length, name, ..] if *length > 0 && name.is_ascii_alphabetic() => Some(FileKind::Onnx),
        _ if text.starts_with(b"<") => Some(FileKind::WebPage),
        _ if text.starts_with(b"{") || text.starts_with(b"[") => Some(FileKind::Json),
        _ => None,
    }
}

/// What a zip archive holds, by the name of its first entry.
fn archive(start: &[u8]) -> FileKind {
    let length = start.get(26..28).map_or(0, |length| usize::from(u16::from_le_bytes([length[0], length[1]])));
    let name = start.get(30..(30 + length).min(start.len())).unwrap_or_default();
    let ends = |with: &[u8]| name.ends_with(with);
    let within = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    match name {
        _ if ends(b".npy") => FileKind::NumpyArchive,
        _ if ends(b"/data.pkl") || ends(b"/version") || ends(b"/byteorder") || ends(b"/.format_version") => {
            FileKind::TorchArchive
        }
        _ if within(b"/data/") || within(b"/code/") || within(b"/constants") => FileKind::TorchArchive,
        _ => FileKind::Zip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip's first local header with the name of its entry.
    fn zip(name: &str) -> Vec<u8> {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(26, 0);
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes
    }

    fn with(place: usize, magic: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; super::super::kind_of::START];
        bytes[place..place + magic.len()].copy_from_slice(magic);
        bytes
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let cases: [(Vec<u8>, Option<FileKind>); 27] = [
            (vec![], Some(FileKind::Empty)),
            (b"version https://git-lfs.github.com/spec/v1\n".to_vec(), Some(FileKind::LfsPointer)),
            (b"/annex/objects/MD5E-s5--x.nii.gz\n".to_vec(), Some(FileKind::AnnexPointer)),
            (b"\n <!DOCTYPE html>".to_vec(), Some(FileKind::WebPage)),
            (zip("vgg16/data.pkl"), Some(FileKind::TorchArchive)),
            (zip("archive/data/0"), Some(FileKind::TorchArchive)),
            (zip("w.npy"), Some(FileKind::NumpyArchive)),
            (zip("images/1.png"), Some(FileKind::Zip)),
            (b"\x80\x04\x95".to_vec(), Some(FileKind::Pickle)),
            (b"\x10\0\0\0\0\0\0\0{}".to_vec(), Some(FileKind::Safetensors)),
            (b"\0\0\0\0\0\0\0\0{}".to_vec(), None),
            (b"\x08\x07\x12\x07pytorch".to_vec(), Some(FileKind::Onnx)),
            (b"\x93NUMPY\x01\0".to_vec(), Some(FileKind::Npy)),
            (b"\x89PNG\r\n\x1a\n".to_vec(), Some(FileKind::Png)),
            (b"\xff\xd8\xff\xe0".to_vec(), Some(FileKind::Jpeg)),
            (b"II*\0".to_vec(), Some(FileKind::Tiff)),
            (b"\x1f\x8b\x08".to_vec(), Some(FileKind::Gzip)),
            (with(344, b"n+1\0"), Some(FileKind::Nifti)),
            (with(128, b"DICM"), Some(FileKind::Dicom)),
            (b"\x89HDF\r\n\x1a\n".to_vec(), Some(FileKind::Hdf5)),
            (b"\xef\xbb\xbf{\"a\": 1}".to_vec(), Some(FileKind::Json)),
            (b"RIFF\x10\0\0\0WEBPVP8 ".to_vec(), Some(FileKind::WebP)),
            (b"\0\0\0\x01\0\0\x01\0".to_vec(), Some(FileKind::Mgh)),
            (b"<svg xmlns=".to_vec(), Some(FileKind::Svg)),
            (with(257, b"ustar"), Some(FileKind::Tar)),
            (vec![0; super::super::kind_of::START], None),
            (b"x".to_vec(), None),
        ];
        for (start, kind) in cases {
            assert_eq!(FileKind::of(&start), kind, "{}", start.escape_ascii());
        }
    }

    #[test]
    fn a_mistaken_file_is_named_and_fetching_goes_first() {
        let told = |start: &[u8]| FileKind::mistaken(start, "a network", |_| Some("use import".into())).to_string();
        assert!(told(b"\x80\x02.").contains("a Python pickle; expected a network\n  what to do: use import"));
        assert!(told(b"").contains("an empty file") && told(b"").contains("download the file again"));
        assert!(told(b"?").contains("unknown kind"));
    }
}

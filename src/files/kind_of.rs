//! What a file is by its first bytes, so that a reader can name what it was given in place of what it reads.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::problem::{Problem, Result};

/// Bytes from which every kind can be told.
pub const START: usize = 512;

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
    /// Compressed, mostly NIfTI.
    Gzip,
    /// A volume.
    Nifti,
    /// A slice or a volume of a scanner.
    Dicom,
    /// Of MATLAB, Keras or another.
    Hdf5,
    /// Settings, labels, records.
    Json,
}

impl FileKind {
    /// The kind of the file that begins with `start`, its first [`START`] bytes or all where it has fewer; `None` for
    /// a kind that is not among these.
    pub fn of(start: &[u8]) -> Option<Self> {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        let begins = |with: &[u8]| start.starts_with(with);
        let at = |place: usize, with: &[u8]| start.get(place..).is_some_and(|rest| rest.starts_with(with));
        Some(match start {
            [] => Self::Empty,
            _ if begins(b"version https://git-lfs") => Self::LfsPointer,
            _ if begins(b"/annex/objects/") => Self::AnnexPointer,
            _ if begins(b"PK\x03\x04") || begins(b"PK\x05\x06") => archive(start),
            [0x80, 2..=5, ..] => Self::Pickle,
            _ if begins(b"\x93NUMPY") => Self::Npy,
            _ if begins(b"\x89PNG\r\n\x1a\n") => Self::Png,
            _ if begins(b"\xff\xd8\xff") => Self::Jpeg,
            _ if begins(b"II*\0") || begins(b"MM\0*") => Self::Tiff,
            _ if begins(b"\x1f\x8b") => Self::Gzip,
            _ if begins(b"\x89HDF\r\n\x1a\n") => Self::Hdf5,
            _ if at(128, b"DICM") => Self::Dicom,
            _ if at(344, b"n+1\0") || at(344, b"ni1\0") || at(4, b"n+2\0") || at(4, b"ni2\0") => Self::Nifti,
            // The length of a header of JSON.
            [a, b, c, d, 0, 0, 0, 0, b'{', ..] if u32::from_le_bytes([*a, *b, *c, *d]) >= 2 => Self::Safetensors,
            // Version of the format, then the name of the program that wrote it.
            [0x08, 1..=32, 0x12, length, name, ..] if *length > 0 && name.is_ascii_alphabetic() => Self::Onnx,
            _ if text.starts_with(b"<") => Self::WebPage,
            _ if text.starts_with(b"{") || text.starts_with(b"[") => Self::Json,
            _ => return None,
        })
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::LfsPointer => "a Git LFS pointer, not the file itself",
            Self::AnnexPointer => "a pointer of git-annex, not the file itself",
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
            Self::Gzip => "a gzip file (mostly NIfTI)",
            Self::Nifti => "a NIfTI volume",
            Self::Dicom => "a DICOM file",
            Self::Hdf5 => "an HDF5 file (MATLAB, Keras)",
            Self::Json => "a JSON text",
        }
    }

    /// What brings the file itself, where this one only stands for it.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Empty => Some("copy or download the file again"),
            Self::LfsPointer => Some("fetch the file with git lfs pull"),
            Self::AnnexPointer => Some("fetch the file with git annex get (datalad get)"),
            Self::WebPage => Some("download the file itself: what was saved is a page in its place"),
            _ => None,
        }
    }

    /// The problem that a file beginning with `start` is not the `expected`; `advice` for its kind, where nothing has
    /// to be fetched first.
    pub fn mistaken(start: &[u8], expected: &str, advice: impl FnOnce(Option<Self>) -> Option<String>) -> Problem {
        let kind = Self::of(start);
        let found = kind.map_or("a file of an unknown kind", Self::words);
        let problem = Problem::new(crate::problem::Kind::Input, found).expected(expected);
        let remedy = kind.and_then(Self::remedy).map(str::to_owned);
        match remedy.or_else(|| advice(kind)) {
            Some(advice) => problem.advice(advice),
            None => problem,
        }
    }
}

/// Refuses a pointer of Git LFS or git-annex that stands where a file of `expected` should; `bytes`: the file's.
///
/// # Errors
/// It is one; with how the file itself is fetched.
pub fn require_fetched(path: &Path, bytes: &[u8], expected: &str) -> Result<()> {
    match FileKind::of(&bytes[..bytes.len().min(START)]) {
        Some(kind @ (FileKind::LfsPointer | FileKind::AnnexPointer)) => {
            let problem = Problem::input(path, kind.words()).expected(expected);
            Err(kind.remedy().into_iter().fold(problem, Problem::advice))
        }
        _ => Ok(()),
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

/// A regular file, opened, with its length in bytes; `what` was expected.
///
/// # Errors
/// No such file (a link whose target was not fetched is named as one), one that may not be read, or something that is
/// no file, which is told before it is opened.
pub fn open(path: &Path, what: &str) -> Result<(File, u64)> {
    let failed = |error| not_fetched(path).unwrap_or_else(|| Problem::io(path, "reading", error));
    let facts = path.metadata().map_err(failed)?;
    if !facts.is_file() {
        let found = if facts.is_dir() { "a folder" } else { "not a regular file" };
        return Err(Problem::input(path, found).expected(what));
    }
    Ok((File::open(path).map_err(failed)?, facts.len()))
}

/// The first bytes of an opened file, at most `most`.
///
/// # Errors
/// The file cannot be read.
pub fn start(path: &Path, file: &File, most: usize) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    file.take(most as u64).read_to_end(&mut start).map_err(|error| Problem::io(path, "reading", error))?;
    Ok(start)
}

/// The problem of a link that leads nowhere; `None` for anything else.
pub fn not_fetched(path: &Path) -> Option<Problem> {
    let target = std::fs::read_link(path).ok().filter(|_| !path.exists())?;
    let annexed = target.components().any(|part| part.as_os_str() == "annex");
    Some(if annexed {
        Problem::input(path, "a link of git-annex whose content is not here")
            .expected("the file itself")
            .advice("fetch the file with git annex get (datalad get)")
    } else {
        Problem::input(path, format!("a link to {}, where there is nothing", target.display())).advice("check the path")
    })
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
        let mut bytes = vec![0; START];
        bytes[place..place + magic.len()].copy_from_slice(magic);
        bytes
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let cases: [(Vec<u8>, Option<FileKind>); 23] = [
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
            (vec![0; START], None),
            (b"x".to_vec(), None),
        ];
        for (start, kind) in cases {
            assert_eq!(FileKind::of(&start), kind, "{}", start.escape_ascii());
        }
    }

    #[test]
    fn what_was_not_fetched_is_told_and_a_device_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("a.nii.gz");
        std::os::unix::fs::symlink("../.git/annex/objects/x/y", &link).unwrap();
        let problem = open(&link, "a volume").unwrap_err().to_string();
        assert!(problem.contains("a link of git-annex") && problem.contains("datalad get"), "{problem}");
        let lost = folder.path().join("b");
        std::os::unix::fs::symlink("nowhere", &lost).unwrap();
        assert!(open(&lost, "a volume").unwrap_err().to_string().contains("a link to nowhere"));
        for (path, says) in [(folder.path(), "a folder; expected a volume"), (Path::new("/dev/zero"), "not a regular")]
        {
            assert!(open(path, "a volume").unwrap_err().to_string().contains(says));
        }
        std::fs::write(lost.with_file_name("c"), b"12345").unwrap();
        let (file, length) = open(&lost.with_file_name("c"), "a volume").unwrap();
        assert_eq!((start(&lost, &file, 3).unwrap().as_slice(), length), (b"123".as_slice(), 5));
    }

    #[test]
    fn pointers_are_no_files_and_tables_are() {
        let says = |bytes: &[u8]| require_fetched(Path::new("t.tsv"), bytes, "a table").err().map(|it| it.to_string());
        assert_eq!(says(b"a\tb\n"), None);
        assert_eq!(says(b""), None);
        let told = says(b"/annex/objects/MD5E-s1--x.tsv\n").unwrap();
        assert!(told.contains("t.tsv: a pointer of git-annex") && told.contains("git annex get"), "{told}");
    }

    #[test]
    fn a_mistaken_file_is_named_and_fetching_goes_first() {
        let told = |start: &[u8]| FileKind::mistaken(start, "a network", |_| Some("use import".into())).to_string();
        assert!(told(b"\x80\x02.").contains("a Python pickle; expected a network\n  what to do: use import"));
        assert!(told(b"").contains("an empty file") && told(b"").contains("download the file again"));
        assert!(told(b"?").contains("unknown kind"));
    }
}

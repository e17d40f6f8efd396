//! What is there where a NIfTI file is not, told by its first bytes and named with what to do.

use crate::files::kind_of::FileKind;
use crate::problem::{Kind, Problem};

/// What a file that is no NIfTI file is, by its first bytes, as a problem without the file's name; `None` where they
/// say nothing, or that it should be one.
pub(super) fn told_by(start: &[u8]) -> Option<Problem> {
    const VOLUME: &str = "a NIfTI volume";
    match FileKind::of(start) {
        // It was unpacked once.
        Some(FileKind::Gzip) => {
            let found = Problem::new(Kind::Input, "gzip data inside gzip data").expected(VOLUME);
            Some(found.advice("unpack it once (gunzip)"))
        }
        None | Some(FileKind::Empty | FileKind::Nifti) => {
            let blank = start.len() >= 4 && start.iter().all(|&byte| byte == 0);
            let found = Problem::new(Kind::Input, "nothing but zero bytes").expected(VOLUME);
            blank.then(|| found.advice("copy or download it again: its content never arrived"))
        }
        Some(kind) => Some(FileKind::mistaken(start, VOLUME, |_| Some(advice(kind).into()))),
    }
}

/// How the volume in such a file becomes a NIfTI file.
fn advice(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Dicom => "convert the series to NIfTI (dcm2niix)",
        FileKind::Mgh => "convert it (mri_convert IN.mgz OUT.nii.gz)",
        FileKind::Mrtrix => "convert it (mrconvert IN.mif OUT.nii.gz)",
        FileKind::Hdf5 => "convert it to NIfTI (mnc2nii, niftiwrite)",
        FileKind::Minc => "convert it to NIfTI (mnc2nii)",
        FileKind::Matlab => "write it as NIfTI (niftiwrite)",
        FileKind::Npy | FileKind::NumpyArchive | FileKind::Pickle => "write it as NIfTI with its affine (nibabel)",
        FileKind::Zip | FileKind::TorchArchive => "unpack it (unzip)",
        FileKind::Bzip2 => "unpack it (bunzip2)",
        FileKind::Xz => "unpack it (unxz)",
        FileKind::Zstd => "unpack it (unzstd)",
        FileKind::Tar => "unpack it (tar xf)",
        FileKind::SevenZip | FileKind::Rar => "unpack it",
        FileKind::Png | FileKind::Jpeg | FileKind::Tiff | FileKind::Gif | FileKind::Bmp | FileKind::WebP => {
            "give the volume that it shows"
        }
        FileKind::Pdf | FileKind::Svg => "give the volume that it shows",
        FileKind::Json => "give the volume that it describes",
        _ => "convert it to NIfTI (.nii.gz)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_told_by_their_first_bytes() {
        let says = |start: &[u8]| told_by(start).unwrap().to_string();
        let mut dicom = [0; 140];
        dicom[128..132].copy_from_slice(b"DICM");
        assert!(says(&dicom).contains("a DICOM file; expected a NIfTI volume\n  what to do: convert"));
        assert!(says(b"\0\0\0\x01\0\0\x01\0").contains("an MGH volume"));
        assert!(says(b"version https://git-lfs.github.com/spec/v1\n").contains("`git lfs pull`"));
        assert!(says(b"/annex/objects/MD5E-s3--abc.nii.gz\n").contains("`datalad get FILE`"));
        assert!(says(&[0; 348]).contains("nothing but zero bytes"));
        assert!(told_by(b"\x5c\x01\0\0").is_none() && told_by(b"").is_none());
    }
}

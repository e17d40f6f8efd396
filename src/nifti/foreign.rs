//! What is there where a NIfTI file is not: content that was never fetched, and other formats, told by their first
//! bytes and named with what to do.

use std::fs::Metadata;
use std::path::Path;

use crate::problem::{Problem, Result};

const GET: &str = "fetch it: `datalad get FILE`, or `git annex get FILE`";

const CONVERT: &str = "convert it to NIfTI (.nii.gz)";

/// Beginnings, where in the file they stand, what they betray, and what to do about it.
const KINDS: [(&[u8], usize, &str, &str); 31] = [
    (b"/annex/objects/", 0, "git-annex's note of a file whose content is not here", GET),
    (b"version https://git-lfs", 0, "git LFS's note of a file whose content is not here", "fetch it: `git lfs pull`"),
    (b"DICM", 128, "a DICOM file", "convert the series to NIfTI (dcm2niix)"),
    (b"\0\0\0\x01\0\0", 0, "an MGH volume (.mgh, .mgz)", "convert it (mri_convert IN.mgz OUT.nii.gz)"),
    (b"NRRD", 0, "an NRRD volume", CONVERT),
    (b"mrtrix image", 0, "an MRtrix volume", "convert it (mrconvert IN.mif OUT.nii.gz)"),
    (b"ObjectType", 0, "a MetaImage header (.mhd, .mha)", CONVERT),
    (b"NDims", 0, "a MetaImage header (.mhd, .mha)", CONVERT),
    (b"\x89HDF", 0, "an HDF5 file (MINC 2, MATLAB 7.3)", "convert it to NIfTI (mnc2nii, niftiwrite)"),
    (b"CDF\x01", 0, "a MINC 1 volume", "convert it to NIfTI (mnc2nii)"),
    (b"MATLAB", 0, "a MATLAB file", "write it as NIfTI (niftiwrite)"),
    (b"\x93NUMPY", 0, "a NumPy array", "write it as NIfTI with its affine (nibabel)"),
    (b"\x80\x02", 0, "a Python pickle", "write it as NIfTI with its affine (nibabel)"),
    (b"\x80\x04", 0, "a Python pickle", "write it as NIfTI with its affine (nibabel)"),
    (b"\x1f\x8b", 0, "gzip data inside gzip data", "unpack it once (gunzip)"),
    (b"PK\x03\x04", 0, "a zip archive", "unpack it (unzip)"),
    (b"BZh", 0, "bzip2 data", "unpack it (bunzip2)"),
    (b"\xfd7zXZ", 0, "xz data", "unpack it (unxz)"),
    (b"\x28\xb5\x2f\xfd", 0, "zstd data", "unpack it (unzstd)"),
    (b"7z\xbc\xaf", 0, "a 7z archive", "unpack it"),
    (b"ustar", 257, "a tar archive", "unpack it (tar xf)"),
    (b"\x89PNG", 0, "a PNG picture", "give the volume that it shows"),
    (b"\xff\xd8\xff", 0, "a JPEG picture", "give the volume that it shows"),
    (b"II*\0", 0, "a TIFF picture", "give the volume that it shows"),
    (b"MM\0*", 0, "a TIFF picture", "give the volume that it shows"),
    (b"%PDF", 0, "a PDF", "give the volume that it shows"),
    (b"<!DOCTYPE", 0, "a web page", "download the file again, signed in: this is a page of the server"),
    (b"<!doctype", 0, "a web page", "download the file again, signed in: this is a page of the server"),
    (b"<html", 0, "a web page", "download the file again, signed in: this is a page of the server"),
    (b"<?xml", 0, "an XML text", "download the file again: this is a server's answer"),
    (b"{", 0, "a JSON text", "give the volume that it describes"),
];

/// What a file that is no NIfTI file is, by its first bytes, as a problem without the file's name.
pub(super) fn told_by(start: &[u8]) -> Option<Problem> {
    let found = |found: &str| Problem::new(crate::problem::Kind::Input, found).expected("a NIfTI volume");
    let known = KINDS.iter().find(|(bytes, at, ..)| start.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    if let Some((_, _, kind, advice)) = known {
        return Some(found(kind).advice(*advice));
    }
    let blank = start.len() >= 4 && start.iter().all(|&byte| byte == 0);
    blank.then(|| found("nothing but zero bytes").advice("copy or download it again: its content never arrived"))
}

/// Size and kind of a file that holds a volume.
///
/// # Errors
/// No such file; a link to content that is not here, as git-annex leaves it, is told from a wrong path.
pub fn facts(path: &Path) -> Result<Metadata> {
    std::fs::metadata(path).map_err(|error| {
        let link = (error.kind() == std::io::ErrorKind::NotFound).then(|| std::fs::read_link(path).ok()).flatten();
        match link {
            None => Problem::io(path, "reading", error),
            Some(target) if target.to_string_lossy().contains("annex/objects") => {
                Problem::input(path, "not fetched: a link of git-annex whose content is not here")
                    .expected("the file's content")
                    .advice(GET)
            }
            Some(target) => Problem::input(path, format!("a link to {}, which is not there", target.display()))
                .expected("the file's content")
                .advice("copy the file that it stands for, or correct the link"),
        }
    })
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

    #[test]
    fn a_link_without_content_is_told_from_a_wrong_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii.gz");
        assert!(facts(&path).unwrap_err().to_string().contains("check the path"));
        std::os::unix::fs::symlink(".git/annex/objects/Xq/7/MD5E-s3--abc.nii.gz/MD5E-s3--abc.nii.gz", &path).unwrap();
        let text = facts(&path).unwrap_err().to_string();
        assert!(text.contains("not fetched") && text.contains("git annex get"), "{text}");
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("../elsewhere.nii.gz", &path).unwrap();
        let text = facts(&path).unwrap_err().to_string();
        assert!(text.contains("a link to ../elsewhere.nii.gz, which is not there"), "{text}");
    }
}

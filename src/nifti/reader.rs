//! NIfTI-1 volumes (.nii, .nii.gz) as float32 in the header's scaling, with NaN counted and no byte taken on trust.
//!
//! Memory is asked for only as voxels really arrive, after the header's promise has been held against the file's size,
//! so a small file cannot ask for a large volume.

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::grid::Grid;
use super::header::HEADER_BYTES;
use super::layout::Layout;
use super::volume::Volume;
use crate::files::hashed::HashedFile;
use crate::problem::{Problem, Result};

/// Share of voxels that may be NaN or infinite; above it a volume is refused.
pub const MAX_NON_FINITE_SHARE: f64 = 0.01;

/// Deflate cannot shrink anything more than 1032 times; a little is allowed for.
const MAX_GZIP_RATIO: u64 = 1100;

/// Larger files are no single volume.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Bytes behind the voxels that are still read, so that gzip's checksum at the end is checked.
const MAX_TRAILING_BYTES: u64 = 1 << 20;

/// Voxels that are inflated, decoded and passed on at once: they stay in the second-level cache meanwhile.
const BLOCK: usize = 1 << 15;

/// A volume as read.
#[derive(Clone, Debug)]
pub struct NiftiFile {
    /// Its axes are as stored.
    pub volume: Volume<f32>,
    /// Voxels that were NaN or infinite and are 0 now.
    pub non_finite: u64,
    /// Of the file's bytes.
    pub sha256: String,
}

/// A volume whose voxels went elsewhere.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// Where they lie.
    pub grid: Grid,
    /// Voxels that were NaN or infinite and passed for 0.
    pub non_finite: u64,
    /// Of the file's bytes.
    pub sha256: String,
}

/// Reads a volume; its axes are as stored.
///
/// # Errors
/// Everything that is not a whole, finite (up to [`MAX_NON_FINITE_SHARE`]), real-valued 3-D NIfTI-1 volume.
pub fn read(path: &Path) -> Result<NiftiFile> {
    read_into(path, Vec::new())
}

/// As [`read`], into memory that an earlier volume leaves: fresh memory costs as much as decoding does.
///
/// # Errors
/// Those of [`read`].
pub fn read_into(path: &Path, mut values: Vec<f32>) -> Result<NiftiFile> {
    values.clear();
    let ScannedFile { grid, non_finite, sha256 } = scan(path, |voxels| append(&mut values, voxels))?;
    Ok(NiftiFile { volume: Volume { grid, data: values }, non_finite, sha256 })
}

/// Reads a volume without keeping it: `see` is shown all its voxels in stored order, some at a time.
///
/// # Errors
/// Those of [`read`], which may come to light only after `see` was shown voxels; those of `see`.
pub fn scan(path: &Path, see: impl FnMut(&[f32]) -> Result<()>) -> Result<ScannedFile> {
    let failed = |error| Problem::io(path, "reading", error);
    let facts = std::fs::metadata(path).map_err(failed)?;
    if !facts.is_file() {
        return Err(Problem::input(path, "not a file").expected("a .nii or .nii.gz file"));
    }
    if facts.len() > MAX_FILE_BYTES {
        return Err(Problem::input(path, format!("{} bytes", facts.len())).expected("at most 4 GiB"));
    }
    tracing::info!("reading {}", path.display());
    let mut file = HashedFile::new(File::open(path).map_err(failed)?, MAX_FILE_BYTES);
    let (grid, non_finite) = match parse_bytes(&mut file, facts.len(), see) {
        Ok(parsed) => parsed,
        Err(problem) => return Err(file.failure().map_or_else(|| problem.at(path), failed)),
    };
    Ok(ScannedFile { grid, non_finite, sha256: file.finish().map_err(failed)? })
}

/// The volume in a file's bytes, and how many voxels were NaN or infinite.
#[cfg(test)]
fn parse(bytes: &[u8]) -> Result<(Volume<f32>, u64)> {
    let mut values = Vec::new();
    let (grid, non_finite) = parse_bytes(bytes, bytes.len() as u64, |voxels| append(&mut values, voxels))?;
    Ok((Volume { grid, data: values }, non_finite))
}

fn append(values: &mut Vec<f32>, voxels: &[f32]) -> Result<()> {
    values.try_reserve(voxels.len()).map_err(|_| bad(format!("no memory for {} voxels and more", values.len())))?;
    values.extend_from_slice(voxels);
    Ok(())
}

/// `size`: of the file.
fn parse_bytes(mut bytes: impl BufRead, size: u64, see: impl FnMut(&[f32]) -> Result<()>) -> Result<(Grid, u64)> {
    let start = bytes.fill_buf().map_err(|error| cut_short(error, "the header's 348 bytes"))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        parse_stream(MultiGzDecoder::new(bytes), size.saturating_mul(MAX_GZIP_RATIO), see)
    } else {
        parse_stream(bytes, size, see)
    }
}

/// `most`: bytes that the stream can possibly give.
fn parse_stream(mut stream: impl Read, most: u64, see: impl FnMut(&[f32]) -> Result<()>) -> Result<(Grid, u64)> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).map_err(|error| cut_short(error, "the header's 348 bytes"))?;
    let layout = Layout::parse(&head).map_err(|why| bad(why.found).expected(why.expected))?;
    if layout.promised_bytes() > most {
        let shape = layout.grid.shape;
        return Err(bad(format!("at most {most} bytes where the header promises {}", layout.promised_bytes()))
            .expected(format!("a whole volume of {} x {} x {} voxels", shape[0], shape[1], shape[2]))
            .advice(COPY_AGAIN));
    }
    let skipped = std::io::copy(&mut (&mut stream).take(layout.offset - HEADER_BYTES as u64), &mut std::io::sink())
        .map_err(|error| cut_short(error, "the bytes before the voxels"))?;
    if skipped < layout.offset - HEADER_BYTES as u64 {
        return Err(bad("the file ends before its voxels").advice(COPY_AGAIN));
    }
    let non_finite = voxels(&mut stream, &layout, see)?;
    std::io::copy(&mut stream.take(MAX_TRAILING_BYTES), &mut std::io::sink())
        .map_err(|error| cut_short(error, "the end of the file"))?;
    let count = layout.grid.voxels();
    if non_finite as f64 > MAX_NON_FINITE_SHARE * count as f64 {
        let percent = 100.0 * non_finite as f64 / count as f64;
        return Err(bad(format!("{non_finite} of {count} voxels ({percent:.1} %) are NaN or infinite"))
            .expected("at most 1 %")
            .advice("set what lies outside the brain to 0, or repair the reconstruction"));
    }
    Ok((layout.grid, non_finite))
}

/// Returns how many voxels were NaN or infinite.
fn voxels(stream: &mut impl Read, layout: &Layout, mut see: impl FnMut(&[f32]) -> Result<()>) -> Result<u64> {
    let size = layout.storage.bytes();
    let count = layout.grid.voxels();
    let mut raw = vec![0; count.min(BLOCK) * size];
    let mut values = vec![0.0; count.min(BLOCK)];
    let mut non_finite = 0;
    for first in (0..count).step_by(BLOCK) {
        let now = (count - first).min(BLOCK);
        let (raw, values) = (&mut raw[..now * size], &mut values[..now]);
        stream
            .read_exact(raw)
            .map_err(|error| cut_short(error, &format!("{count} voxels, of which {first} were whole")))?;
        non_finite += layout.decode(raw, values);
        see(values)?;
    }
    Ok(non_finite)
}

const COPY_AGAIN: &str = "copy or download the file again: it is truncated or damaged";

fn bad(found: impl Into<String>) -> Problem {
    Problem::new(crate::problem::Kind::Input, found)
}

fn cut_short(error: std::io::Error, expected: &str) -> Problem {
    let found = match error.kind() {
        ErrorKind::UnexpectedEof => "the file ends too early".to_owned(),
        _ => format!("damaged gzip data: {error}"),
    };
    bad(found).expected(expected).advice(COPY_AGAIN).because(error)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;
    use crate::data::patches::{Border, cut};
    use crate::problem::Kind;

    fn fixtures() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nifti")
    }

    /// What nibabel reads from a fixture.
    #[derive(Deserialize)]
    struct Expected {
        shape: [usize; 3],
        affine: [[f64; 4]; 3],
        values: Vec<f32>,
        ras_affine: [[f64; 4]; 3],
        ras_values: Vec<f32>,
    }

    fn close(a: &[[f64; 4]; 3], b: &[[f64; 4]; 3]) -> bool {
        a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn reads_what_nibabel_reads_in_stored_and_in_ras_order() {
        let text = std::fs::read_to_string(fixtures().join("expected.json")).unwrap();
        let expected: std::collections::BTreeMap<String, Expected> = serde_json::from_str(&text).unwrap();
        assert_eq!(expected.len(), 9);
        for (name, expected) in expected {
            let file = read(&fixtures().join(&name)).unwrap();
            assert_eq!(file.volume.grid.shape, expected.shape, "{name}");
            assert!(close(&file.volume.grid.affine().0, &expected.affine), "{name}: {:?}", file.volume.grid.affine().0);
            let largest = expected.values.iter().fold(0f32, |most, value| most.max(value.abs()));
            for (ours, nibabels) in file.volume.data.iter().zip(&expected.values) {
                assert!((ours - nibabels).abs() <= 1e-6 * largest, "{name}: {ours} {nibabels}");
            }
            let ras = file.volume.oriented();
            let grid = ras.axes.grid;
            assert!(close(&grid.affine().0, &expected.ras_affine), "{name}: {:?}", grid.affine().0);
            let whole = grid.shape.map(|size| size as u32);
            let centre = grid.shape.map(|size| size as i64 / 2);
            let values = cut(&ras, centre, [whole[2], whole[1], whole[0]], Border::Zero);
            for (ours, nibabels) in values.iter().zip(&expected.ras_values) {
                assert!((ours - nibabels).abs() <= 1e-6 * largest, "{name} in RAS: {ours} {nibabels}");
            }
        }
    }

    fn plain() -> Vec<u8> {
        std::fs::read(fixtures().join("f32_nan_slope.nii")).unwrap()
    }

    /// The file with bytes `at..` replaced.
    fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
        let mut file = plain();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    }

    fn refused(bytes: &[u8]) -> String {
        let problem = parse(bytes).unwrap_err();
        assert_eq!(problem.kind(), Kind::Input);
        problem.to_string()
    }

    #[test]
    fn says_what_is_wrong_with_a_header() {
        assert!(refused(&with(42, &[0xff, 0x7f])).contains("the header promises"), "huge width");
        let huge = with(42, &[0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f]);
        assert!(refused(&huge).contains("35181150961663 voxels"), "{}", refused(&huge));
        assert!(refused(&with(42, &[0xfe, 0xff])).contains("-2"));
        assert!(refused(&with(40, &[2, 0])).contains("expected three"));
        assert!(refused(&with(70, &[32, 0])).contains("complex"));
        assert!(refused(&with(70, &[128, 0])).contains("colour"));
        assert!(refused(&with(0, &[0x1c, 2])).contains("NIfTI-2"));
        assert!(refused(&with(344, b"ni1")).contains(".hdr/.img"));
        assert!(refused(&with(108, &f32::NAN.to_le_bytes())).contains("vox_offset NaN"));
        assert!(refused(&with(108, &3e9f32.to_le_bytes())).contains("vox_offset"));
        assert!(refused(&with(280, &f32::NAN.to_le_bytes())).contains("NaN or infinite entries"));
        let slope_without_intercept = with(112, &[2f32.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat());
        assert!(refused(&slope_without_intercept).contains("scl_inter inf"));
    }

    #[test]
    fn counts_nan_voxels_up_to_one_in_a_hundred_and_refuses_more() {
        // 60 voxels: none may be NaN, for one is 1.7 %.
        let one = with(352 + 4 * 7, &f32::NAN.to_le_bytes());
        assert!(refused(&one).contains("1 of 60 voxels (1.7 %) are NaN or infinite"));
        // 128 voxels: one is .8 %.
        let mut larger = with(42, &[8, 0, 8, 0, 2, 0]);
        larger.resize(352 + 4 * 128, 0);
        larger[352..352 + 8].copy_from_slice(&[5f32.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat());
        let (volume, non_finite) = parse(&larger).unwrap();
        assert_eq!((non_finite, volume.data[0], volume.data[1]), (1, 5.0, 0.0));
    }

    #[test]
    fn every_truncation_is_a_problem_and_none_a_panic() {
        for name in ["f32_nan_slope.nii", "f32.nii.gz", "i16_scaled.nii.gz", "f64_oblique.nii"] {
            let bytes = std::fs::read(fixtures().join(name)).unwrap();
            assert!(parse(&bytes).is_ok());
            for end in 0..bytes.len() {
                assert!(parse(&bytes[..end]).is_err(), "{name} cut at {end} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn every_flipped_header_bit_is_read_or_refused_within_the_files_means() {
        let bytes = plain();
        for bit in 0..8 * 352 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok((volume, _)) = parse(&flipped) {
                assert_eq!(volume.data.len(), volume.grid.voxels());
                assert!(volume.data.len() <= bytes.len());
                assert!(volume.data.iter().all(|value| value.is_finite()));
            }
        }
    }

    #[test]
    fn a_small_gzip_file_cannot_promise_a_large_volume() {
        use std::io::Write;
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        zipped.write_all(&with(42, &[0, 2, 0, 2, 0, 2])).unwrap();
        let found = refused(&zipped.finish().unwrap());
        assert!(found.contains("promises 536871264"), "{found}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut head in proptest::collection::vec(any::<u8>(), 348), tail in 0..400usize) {
            head[..4].copy_from_slice(&348i32.to_le_bytes());
            head[344..].copy_from_slice(b"n+1\0");
            head.extend(std::iter::repeat_n(7, tail));
            let _ = parse(&head);
        }

        #[test]
        fn a_damaged_gzip_stream_is_read_or_refused(at in 0..240usize, to in any::<u8>()) {
            let mut bytes = std::fs::read(fixtures().join("u16_4d.nii.gz")).unwrap();
            let at = at % bytes.len();
            bytes[at] = to;
            let _ = parse(&bytes);
        }
    }
}

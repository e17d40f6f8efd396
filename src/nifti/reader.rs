//! NIfTI volumes (.nii, .nii.gz) as float32 in the header's scaling, with what is no number found and no byte taken on
//! trust.
//!
//! Memory is asked for only as voxels really arrive, after the header's promise has been held against the file's size,
//! so a small file cannot ask for a large volume. Who needs only parts of one [`open`]s it and is shown all voxels,
//! some at a time: then only the parts are kept.

use std::fs::File;
use std::io::{BufRead, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::foreign;
use super::forms::Form;
use super::gaps::{Finder, Gaps, Scattered};
use super::grid::Grid;
use super::header::HEADER_BYTES;
use super::intent::Intent;
use super::layout::{Layout, Part, header_bytes};
use super::members::{Behind, Members};
use super::placement::Placement;
use super::volume::Volume;
use super::voxels::zero_non_finite;
use crate::files::hashed::HashedFile;
use crate::files::kind_of;
use crate::problem::{Problem, Result};

/// Share of voxels that may be NaN or infinite without being background ([`super::gaps`]); above it a volume is
/// refused.
pub const MAX_HOLES: f64 = 0.01;

/// Deflate cannot shrink anything more than 1032 times; a little is allowed for.
const MAX_GZIP_RATIO: u64 = 1100;

/// Larger files are no single volume: [`super::layout::MAX_VOXELS`] of 8 bytes, uncompressed, are as much.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Bytes that may lie behind the voxels. They are read, so that gzip's checksum at the end is checked; more of them
/// mean that the header speaks of less than the file holds.
const MAX_TRAILING_BYTES: u64 = 1 << 20;

/// Voxels that are inflated, decoded and passed on at once: they stay in the second-level cache meanwhile.
const BLOCK: usize = 1 << 15;

/// A volume as read.
#[derive(Clone, Debug)]
pub struct NiftiFile {
    /// Its axes are as stored.
    pub volume: Volume<f32>,
    /// What else is known of it.
    pub facts: ScannedFile,
}

/// What is known of a file once all its voxels were seen.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// The voxels that were NaN or infinite and passed for 0.
    pub gaps: Gaps,
    /// Of the file's bytes.
    pub sha256: String,
}

/// A volume of which the header is read and the voxels are not.
pub struct OpenVolume {
    path: PathBuf,
    stream: Stream<HashedFile>,
    layout: Layout,
}

enum Stream<R> {
    Plain(R),
    Zipped(Box<Members<R>>),
}

impl<R: BufRead> Stream<R> {
    /// Plain where the bytes do not begin as gzip's do.
    fn new(mut bytes: R) -> Self {
        match bytes.fill_buf() {
            Ok([0x1f, 0x8b, ..]) => Self::Zipped(Box::new(Members::new(bytes))),
            // What cannot be read is told when it is.
            _ => Self::Plain(bytes),
        }
    }

    /// Bytes that it can possibly give, the file having `size` of them.
    fn most(&self, size: u64) -> u64 {
        match self {
            Self::Plain(_) => size,
            Self::Zipped(_) => size.saturating_mul(MAX_GZIP_RATIO),
        }
    }

    fn into_inner(self) -> Option<R> {
        match self {
            Self::Plain(bytes) => Some(bytes),
            Self::Zipped(members) => members.into_inner(),
        }
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(bytes) => bytes.read(into),
            Self::Zipped(members) => members.read(into),
        }
    }
}

/// Opens a volume and reads its header; `form` says where its voxels lie if it has two minds about that.
///
/// # Errors
/// Everything that is not a real-valued 3-D NIfTI volume of at most 2^29 voxels in a file of at most 4 GiB, content
/// that was not fetched, or a header that promises more than the file can hold.
pub fn open(path: &Path, form: Form) -> Result<OpenVolume> {
    open_part(path, form, Part::WHOLE)
}

/// The same of a file that holds several volumes on one grid, of which `part` is read; the others are passed over.
///
/// # Errors
/// Those of [`open`]; another number of volumes than `part` says.
pub fn open_part(path: &Path, form: Form, part: Part) -> Result<OpenVolume> {
    let failed = |error| Problem::io(path, "reading", error);
    let facts = kind_of::facts(path)?;
    if !facts.is_file() {
        return Err(Problem::input(path, "not a file").expected("a .nii or .nii.gz file"));
    }
    if facts.len() > MAX_FILE_BYTES {
        return Err(Problem::input(path, format!("{} bytes", facts.len())).expected("at most 4 GiB"));
    }
    tracing::info!("reading {}", path.display());
    let file = File::open(path).map_err(failed)?;
    let mut stream = Stream::new(HashedFile::new(file, MAX_FILE_BYTES));
    match read_layout(&mut stream, facts.len(), (form, part)) {
        Ok(layout) => Ok(OpenVolume { path: path.to_owned(), stream, layout }),
        Err(problem) => Err(really(problem, stream, path)),
    }
}

/// The failure to read the file itself, where that is what is behind a problem.
fn really(problem: Problem, stream: Stream<HashedFile>, path: &Path) -> Problem {
    match stream.into_inner().and_then(|mut file| file.failure()) {
        Some(error) => Problem::io(path, "reading", error),
        None => problem.at(path),
    }
}

impl OpenVolume {
    /// Where its voxels lie, as stored.
    pub fn grid(&self) -> Grid {
        self.layout.grid
    }

    /// Where its voxels lie once its axes are in RAS+ order, by either form.
    pub fn placement(&self) -> Placement {
        Placement::of(&self.layout)
    }

    /// Whether its header says that it is simulated.
    pub fn says_simulated(&self) -> bool {
        self.layout.simulated
    }

    /// What its header says that its numbers are; no [`Intent::Other`].
    pub fn intent(&self) -> Intent {
        self.layout.intent
    }

    /// How far a value may lie from the one that was meant, by its scaling alone ([`Layout::rounding`]).
    pub fn rounding(&self) -> f64 {
        self.layout.rounding()
    }

    /// Shows `see` all its voxels in stored order, some at a time.
    ///
    /// # Errors
    /// A file that ends too early, is damaged, holds more than its header says, or that is NaN or infinite throughout
    /// or in more than [`MAX_HOLES`] of its voxels beside the background, all of which may come to light only after
    /// `see` was shown voxels; errors of `see`.
    pub fn scan(mut self, see: impl FnMut(&[f32]) -> Result<()>) -> Result<ScannedFile> {
        let gaps = match read_voxels(&mut self.stream, &self.layout, see) {
            Ok(gaps) => gaps,
            Err(problem) => return Err(really(problem, self.stream, &self.path)),
        };
        let failed = |error| Problem::io(&self.path, "reading", error);
        let sha256 = self.stream.into_inner().map(HashedFile::finish).transpose().map_err(failed)?;
        Ok(ScannedFile { gaps, sha256: sha256.unwrap_or_default() })
    }

    /// The whole volume, its axes as stored, in memory that an earlier volume leaves: fresh memory costs as much as
    /// decoding does.
    ///
    /// # Errors
    /// Those of [`OpenVolume::scan`]; no memory.
    pub fn read_into(self, mut values: Vec<f32>) -> Result<NiftiFile> {
        values.clear();
        let grid = self.grid();
        let facts = self.scan(|voxels| append(&mut values, voxels))?;
        Ok(NiftiFile { volume: Volume { grid, data: values }, facts })
    }
}

/// The volume in a file's bytes, and how many voxels were NaN or infinite.
#[cfg(test)]
fn parse(bytes: &[u8]) -> Result<(Volume<f32>, u64)> {
    let mut values = Vec::new();
    let mut stream = Stream::new(bytes);
    let layout = read_layout(&mut stream, bytes.len() as u64, (Form::Sform, Part::WHOLE))?;
    let gaps = read_voxels(&mut stream, &layout, |voxels| append(&mut values, voxels))?;
    Ok((Volume { grid: layout.grid, data: values }, gaps.voxels()))
}

fn append(values: &mut Vec<f32>, voxels: &[f32]) -> Result<()> {
    values.try_reserve(voxels.len()).map_err(|_| bad(format!("no memory for {} voxels and more", values.len())))?;
    values.extend_from_slice(voxels);
    Ok(())
}

/// `size`: of the file.
fn read_layout(stream: &mut Stream<impl BufRead>, size: u64, (form, part): (Form, Part)) -> Result<Layout> {
    let mut head = Vec::with_capacity(HEADER_BYTES);
    let cut = |error| cut_short(error, "the header's 348 bytes");
    stream.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut head).map_err(cut)?;
    let start = head.first_chunk().copied();
    let Some(header) = start.and_then(header_bytes) else {
        let short = head.len() < HEADER_BYTES;
        return Err(foreign::told_by(&head).unwrap_or_else(|| {
            if short {
                ends_too_early("the header's 348 bytes")
            } else {
                bad("no NIfTI header").expected("348 (NIfTI-1) or 540 (NIfTI-2) as its first number")
            }
        }));
    };
    stream.by_ref().take((header - HEADER_BYTES) as u64).read_to_end(&mut head).map_err(cut)?;
    if head.len() < header {
        return Err(ends_too_early(&format!("the header's {header} bytes")));
    }
    let layout = Layout::parse_of(&head, form, part).map_err(|why| {
        let problem = bad(why.found).expected(why.expected);
        why.advice.into_iter().fold(problem, Problem::advice)
    })?;
    let (most, promised) = (stream.most(size), layout.promised_bytes());
    if promised > most {
        let ([x, y, z], of) = (layout.grid.shape, layout.part.of);
        let whole = if of == 1 { "a whole volume".to_owned() } else { format!("{of} whole volumes") };
        return Err(bad(format!("at most {most} bytes where the header promises {promised}"))
            .expected(format!("{whole} of {x} x {y} x {z} voxels"))
            .advice(COPY_AGAIN));
    }
    Ok(layout)
}

/// The voxels that were NaN or infinite.
fn read_voxels(
    stream: &mut Stream<impl BufRead>,
    layout: &Layout,
    see: impl FnMut(&[f32]) -> Result<()>,
) -> Result<Gaps> {
    let Part { at, of } = layout.part;
    let before = layout.offset - layout.header as u64 + u64::from(at) * layout.volume_bytes();
    pass_over(stream, before, "the bytes before the voxels")?;
    let gaps = voxels(stream, layout, see)?;
    pass_over(stream, u64::from(of - at - 1) * layout.volume_bytes(), "the volumes behind the one that is read")?;
    let behind = std::io::copy(&mut stream.by_ref().take(MAX_TRAILING_BYTES + 1), &mut std::io::sink())
        .map_err(|error| cut_short(error, "the end of the file"))?;
    let [x, y, z] = layout.grid.shape;
    if behind > MAX_TRAILING_BYTES {
        return Err(bad(format!("more than {MAX_TRAILING_BYTES} bytes behind the {x} x {y} x {z} voxels"))
            .expected("a header that speaks of all that the file holds")
            .advice("save the volume that is meant on its own, with a header of its own"));
    }
    let (count, found) = (layout.grid.voxels() as u64, gaps.voxels());
    if found == count {
        return Err(bad("nothing but NaN or infinite voxels")
            .expected("a volume that holds values")
            .advice("repair the reconstruction, or save it again"));
    }
    let holes = found - gaps.background();
    if holes as f64 > MAX_HOLES * count as f64 {
        let percent = 100.0 * holes as f64 / count as f64;
        let found = format!("{holes} of {count} voxels ({percent:.1} %) are NaN or infinite amid others that are not");
        return Err(bad(found)
            .expected("at most 1 %; a background about all the rest, up to the volume's border, may be NaN")
            .advice("repair the reconstruction, or set what holds no value to 0"));
    }
    Ok(gaps)
}

fn pass_over(stream: &mut Stream<impl BufRead>, bytes: u64, what: &str) -> Result<()> {
    let passed = std::io::copy(&mut stream.by_ref().take(bytes), &mut std::io::sink())
        .map_err(|error| cut_short(error, what))?;
    if passed < bytes { Err(ends_too_early(what)) } else { Ok(()) }
}

fn voxels(stream: &mut impl Read, layout: &Layout, mut see: impl FnMut(&[f32]) -> Result<()>) -> Result<Gaps> {
    let size = layout.storage.bytes();
    let count = layout.grid.voxels();
    let mut raw = vec![0; count.min(BLOCK) * size];
    let mut values = vec![0.0; count.min(BLOCK)];
    let mut finder = Finder::new(layout.grid.shape);
    for first in (0..count).step_by(BLOCK) {
        let now = (count - first).min(BLOCK);
        let (raw, values) = (&mut raw[..now * size], &mut values[..now]);
        stream
            .read_exact(raw)
            .map_err(|error| cut_short(error, &format!("{count} voxels, of which {first} were whole")))?;
        layout.decode(raw, values);
        finder.add(values).map_err(|Scattered| {
            bad("NaN or infinite voxels scattered over the whole volume")
                .expected("values, and at most a background that is NaN")
                .advice("repair the reconstruction, or set what holds no value to 0")
        })?;
        zero_non_finite(values);
        see(values)?;
    }
    Ok(finder.finish())
}

const COPY_AGAIN: &str = "copy or download the file again: it is truncated or damaged";

fn bad(found: impl Into<String>) -> Problem {
    Problem::new(crate::problem::Kind::Input, found)
}

fn ends_too_early(expected: &str) -> Problem {
    bad("the file ends too early").expected(expected).advice(COPY_AGAIN)
}

fn cut_short(error: std::io::Error, expected: &str) -> Problem {
    if error.kind() == ErrorKind::UnexpectedEof {
        return ends_too_early(expected).because(error);
    }
    if error.get_ref().is_some_and(|why| why.is::<Behind>()) {
        return bad("bytes behind the gzip data that are neither gzip data nor padding")
            .expected("the end of the file, or zeros up to it")
            .advice("`gzip -dc FILE | gzip > NEW` drops them, if the volume before them is right");
    }
    bad(format!("damaged gzip data: {error}")).expected(expected).advice(COPY_AGAIN).because(error)
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
        assert_eq!(expected.len(), 17);
        for (name, expected) in expected {
            let file = open(&fixtures().join(&name), Form::Sform).unwrap().read_into(Vec::new()).unwrap();
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
        assert!(refused(&with(68, &1007i16.to_le_bytes())).contains("vectors (intent code 1007)"));
        assert!(parse(&with(68, &5i16.to_le_bytes())).is_ok(), "statistics are for whoever reads them to judge");
        let of_2 = with(0, &[0x1c, 2]);
        assert!(refused(&of_2).contains("the magic bytes"), "a NIfTI-2 size over a NIfTI-1 magic");
        assert!(refused(&of_2[..539]).contains("the header's 540 bytes"));
        assert!(refused(&with(344, b"ni1")).contains(".hdr/.img"));
        assert!(refused(&with(108, &f32::NAN.to_le_bytes())).contains("vox_offset NaN"));
        assert!(refused(&with(108, &3e9f32.to_le_bytes())).contains("vox_offset"));
        assert!(refused(&with(280, &f32::NAN.to_le_bytes())).contains("NaN or infinite entries"));
        let slope_without_intercept = with(112, &[2f32.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat());
        assert!(refused(&slope_without_intercept).contains("scl_inter inf"));
    }

    #[test]
    fn counts_what_is_no_number_and_refuses_holes_of_more_than_one_in_a_hundred() {
        // 5 x 4 x 3 voxels: none in the middle may be NaN, for one is 1.7 %; at the border any may.
        let (middle, border) = (1 + 5 + 20, 7);
        let nan = |at: usize| with(352 + 4 * at, &f32::NAN.to_le_bytes());
        let said = refused(&nan(middle));
        assert!(said.contains("1 of 60 voxels (1.7 %) are NaN or infinite amid others"), "{said}");
        let (volume, gaps) = parse(&nan(border)).unwrap();
        assert_eq!((gaps, volume.data[border]), (1, 0.0));
        assert_eq!(volume.data[middle], parse(&plain()).unwrap().0.data[middle]);
        let all = [plain()[..352].to_vec(), f32::NAN.to_le_bytes().repeat(60)].concat();
        assert!(refused(&all).contains("nothing but NaN"));
        // 5 x 5 x 5 voxels: one is .8 %.
        let mut larger = with(42, &[5, 0, 5, 0, 5, 0]);
        larger.resize(352 + 4 * 125, 0);
        let middle = 352 + 4 * (2 + 10 + 50);
        larger[middle..middle + 8].copy_from_slice(&[f32::INFINITY.to_le_bytes(), 5f32.to_le_bytes()].concat());
        let (volume, gaps) = parse(&larger).unwrap();
        assert_eq!((gaps, volume.data[62], volume.data[63]), (1, 0.0, 5.0));
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

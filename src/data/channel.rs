//! One contrast of a patient, from its file to patches in physical units.

use std::path::Path;

use super::bids::ContrastFile;
use super::intensity;
use super::measure::Measure;
use super::patches::Border;
use super::pieces::Pieces;
use super::plausible::{self, Sizes, Verdict};
use super::rim_maps::TRACED;
use super::streamed_ranks::{self, Counted, is_positive};
use crate::filter::gaussian;
use crate::nifti::layout::CORRECT_INTENT;
use crate::nifti::{self, Form, Gaps, Intent, OpenVolume, ScannedFile};
use crate::problem::{Problem, Result};
use crate::records::label::SUSCEPTIBILITY_NAMES;

/// Voxels up to which weighted contrasts are kept in memory to find their medians, those of all patients that are
/// worked on at once together (100 MB); a larger one is read again for each step.
const KEPT_VOXELS: usize = 3 << 23;

/// Share of a weighted image's foreground that may be negative: what resampling leaves at edges.
const MOST_NEGATIVE: f64 = 0.01;

/// Share of the foreground's median from which on a negative value counts.
const NEGATIVE_FROM: f32 = 0.1;

/// A contrast as stored, as far as patches need it; only what is cut is brought into physical units.
pub(crate) struct Channel {
    pieces: Pieces,
    scale: f32,
    /// Of the smoothing within a slice, in voxels; only a traced map has one.
    softness: Option<f64>,
    /// Nothing but 0 is in it; only of a traced map.
    is_blank: bool,
    /// Voxels that were NaN or infinite and are 0 now.
    pub gaps: Gaps,
    /// Of the file.
    pub sha256: String,
}

/// What of a volume is wanted.
pub(crate) struct Wanted<'a> {
    /// Of the patches: x, y, z.
    pub centres: &'a [[i64; 3]],
    /// Depth, height, width of each.
    pub shape: [u32; 3],
    /// Of traced maps.
    pub rim_softness: f64,
    /// By which the file was opened.
    pub form: Form,
}

impl Channel {
    /// Reads `file`, which is the contrast's and lies at `path`; `memory` is used for volumes that must be whole and
    /// handed back.
    ///
    /// # Errors
    /// A file that cannot be read, or values that the contrast cannot have.
    pub fn read(
        file: OpenVolume,
        contrast: &ContrastFile,
        path: &Path,
        wanted: &Wanted,
        memory: &mut Vec<f32>,
    ) -> Result<Self> {
        let grid = file.grid();
        let mut pieces = Pieces::plan(&grid, wanted.centres, wanted.shape);
        let measure = contrast.measure();
        if measure != Measure::Traced {
            require_image(file.intent(), path)?;
        }
        let rounding = file.rounding();
        let mut is_blank = false;
        let (scale, facts) = match measure {
            Measure::Susceptibility => susceptibility(file, contrast, path, wanted.form, &mut pieces)?,
            Measure::Traced => {
                let (sizes, facts) = traced(file, path, &mut pieces)?;
                is_blank = sizes.is_blank();
                (1.0, facts)
            }
            Measure::Weighted => {
                let kept = is_kept(grid.voxels(), rayon::current_num_threads());
                let (median, facts) = if kept {
                    kept_median(file, &mut pieces, memory)?
                } else {
                    streamed_median(file, path, wanted.form, &mut pieces)?
                };
                let mut weights = Weights::new(median, rounding);
                if kept {
                    weights.add(memory);
                } else {
                    scan_again(path, wanted.form, &mut |voxels| weights.add(voxels))?;
                }
                let median = weights.check().map_err(|problem| problem.at(path))?;
                (1.0 / median, facts)
            }
        };
        let softness = (measure == Measure::Traced).then_some(wanted.rim_softness);
        let ScannedFile { gaps, sha256 } = facts;
        Ok(Self { pieces, scale, softness, is_blank, gaps, sha256 })
    }

    /// Takes what other patches need of the same file, which lies at `path`, in place of what it has.
    ///
    /// # Errors
    /// The file cannot be read any more, or has changed.
    pub fn take(&mut self, path: &Path, wanted: &Wanted) -> Result<()> {
        let file = nifti::open(path, wanted.form)?;
        // What was held is given back first.
        self.pieces = Pieces::plan(&file.grid(), &[], wanted.shape);
        self.pieces = Pieces::plan(&file.grid(), wanted.centres, wanted.shape);
        let facts = file.scan(|voxels| {
            self.pieces.add(voxels);
            Ok(())
        })?;
        if facts.sha256 == self.sha256 {
            return Ok(());
        }
        Err(Problem::input(path, "changed while it was read").expected("a file that nothing writes to"))
    }

    /// Cuts into `patch`, which is of `shape` = \[depth, height, width\] about `centre` = x, y, z, the wanted one of
    /// index `which`, and all zeros.
    pub fn cut(&self, which: usize, centre: [i64; 3], shape: [u32; 3], patch: &mut [f32]) {
        // Beyond the border nothing was traced.
        let border = if self.softness.is_some() { Border::Zero } else { Border::Edge };
        self.pieces.cut_into(which, centre, shape, border, patch);
        patch.iter_mut().for_each(|value| *value *= self.scale);
        let Some(softness) = self.softness else { return };
        let (height, width) = (shape[1] as usize, shape[2] as usize);
        // Most slices hold nothing, which stays nothing.
        let traced = |slice: &&mut [f32]| slice.iter().any(|value| value.to_bits() != 0);
        for slice in patch.chunks_exact_mut(height * width).filter(traced) {
            slice.copy_from_slice(&gaussian(slice, (height, width), softness));
        }
    }

    /// Whether it is a traced map in which nothing is traced.
    pub fn is_blank(&self) -> bool {
        self.is_blank
    }
}

/// Refuses what the header calls a statistic or labels. Label maps and traced rims may have any intent: programs that
/// number clusters or trace on a statistical map leave its code in the header, and whole numbers and shares from 0 to 1
/// are told by their values.
pub(super) fn require_image(intent: Intent, path: &Path) -> Result<()> {
    let found = match intent {
        Intent::Statistic(name) => format!("{name}, by the header's intent code"),
        Intent::Labels => "labels, by the header's intent code".to_owned(),
        _ => return Ok(()),
    };
    Err(Problem::input(path, found).expected("a measured image").advice(CORRECT_INTENT))
}

/// Whether a weighted volume stays in memory while its median is found, where so many patients are worked on at once.
fn is_kept(voxels: usize, workers: usize) -> bool {
    voxels <= KEPT_VOXELS / workers.max(1)
}

/// Whether a weighted image can be one.
struct Weights {
    median: Option<f32>,
    sizes: Sizes,
    negative: usize,
    foreground: usize,
}

impl Weights {
    /// `median`: of the foreground, where there is one; `rounding`: as [`Sizes::new`] takes it.
    fn new(median: Option<f32>, rounding: f64) -> Self {
        Self { median, sizes: Sizes::new(1.0, rounding), negative: 0, foreground: 0 }
    }

    fn add(&mut self, values: &[f32]) {
        self.sizes.add(values);
        let floor = NEGATIVE_FROM * self.median.unwrap_or_default();
        self.negative += values.iter().filter(|&&value| value < -floor).count();
        self.foreground += values.iter().filter(|value| value.abs() > floor).count();
    }

    /// The median by which the image is divided.
    fn check(&self) -> Result<f32> {
        let problem = |found: &str| Problem::new(crate::problem::Kind::Input, found).expected("a weighted image");
        if let Some((found, advice)) = self.sizes.flat() {
            return Err(problem(found).advice(advice));
        }
        let Some(median) = self.median else {
            return Err(problem("no positive voxel").expected("an image to normalise"));
        };
        if self.negative as f64 > MOST_NEGATIVE * self.foreground as f64 {
            let percent = 100.0 * self.negative as f64 / self.foreground as f64;
            return Err(problem(&format!("{percent:.1} % of the foreground is negative"))
                .expected("a weighted image, whose values are 0 or more: it is divided by its foreground's median")
                .advice(format!(
                    "if it is a susceptibility map, name it so ({}); if it was centred or made a z-score, give the \
                     image before that",
                    SUSCEPTIBILITY_NAMES.join(", ")
                )));
        }
        Ok(median)
    }
}

/// What takes stored values to ppb.
fn susceptibility(
    file: OpenVolume,
    contrast: &ContrastFile,
    path: &Path,
    form: Form,
    pieces: &mut Pieces,
) -> Result<(f32, ScannedFile)> {
    let scale = contrast.scale as f32;
    let rounding = file.rounding();
    let mut sizes = Sizes::new(scale, rounding);
    let facts = file.scan(|voxels| {
        sizes.add(voxels);
        pieces.add(voxels);
        Ok(())
    })?;
    match sizes.verdict() {
        Verdict::Plausible => Ok((scale, facts)),
        Verdict::Something(found, advice) => {
            Err(Problem::input(path, found).expected("a susceptibility map").advice(advice))
        }
        Verdict::OtherUnit { rank } => {
            let mut walk = |see: &mut dyn FnMut(&[f32])| {
                let mut sizes = Vec::new();
                scan_again(path, form, &mut |voxels| {
                    sizes.clear();
                    // Sizes that may have been 0 count as 0 here as they do there.
                    let size =
                        |value: &f32| if f64::from(value.abs()) > rounding { (value * scale).abs() } else { 0.0 };
                    sizes.extend(voxels.iter().map(size));
                    see(&sizes);
                })
            };
            let mut positive = Counted::new(is_positive);
            walk(&mut |sizes| positive.add(sizes))?;
            let typical = positive.value(rank, &mut walk)?.unwrap_or_default();
            Err(plausible::other_unit(typical).at(path))
        }
    }
}

fn traced(file: OpenVolume, path: &Path, pieces: &mut Pieces) -> Result<(Sizes, ScannedFile)> {
    let mut sizes = Sizes::new(1.0, file.rounding());
    let (mut all, mut inside) = (0u64, 0u64);
    let facts = file.scan(|voxels| {
        pieces.add(voxels);
        sizes.add(voxels);
        all += voxels.len() as u64;
        inside += voxels.iter().filter(|share| **share >= TRACED).count() as u64;
        match voxels.iter().find(|value| !(-1e-3..=1.001).contains(*value)) {
            None => Ok(()),
            Some(value) => {
                Err(Problem::input(path, format!("the value {value}")).expected("probabilities from 0 to 1"))
            }
        }
    })?;
    if sizes.is_filled() {
        return Err(Problem::input(path, "the same value in every voxel, and not 0")
            .expected("0 where no rim was traced")
            .advice("give the traced rims, or leave the contrast out of --contrasts"));
    }
    if 2 * inside > all {
        let percent = 100 * inside / all;
        return Err(Problem::input(path, format!("{percent} % of all voxels are traced as rim"))
            .expected("1 on traced rims and 0 elsewhere")
            .advice("exchange 0 and 1, if the map is inverted"));
    }
    Ok((sizes, facts))
}

fn kept_median(file: OpenVolume, pieces: &mut Pieces, memory: &mut Vec<f32>) -> Result<(Option<f32>, ScannedFile)> {
    let file = file.read_into(std::mem::take(memory))?;
    pieces.add(&file.volume.data);
    let median = intensity::foreground_median(&file.volume.data);
    *memory = file.volume.data;
    Ok((median, file.facts))
}

fn streamed_median(
    file: OpenVolume,
    path: &Path,
    form: Form,
    pieces: &mut Pieces,
) -> Result<(Option<f32>, ScannedFile)> {
    let mut positive = Counted::new(is_positive);
    let facts = file.scan(|voxels| {
        positive.add(voxels);
        pieces.add(voxels);
        Ok(())
    })?;
    let mut walk = |see: &mut dyn FnMut(&[f32])| scan_again(path, form, see);
    let median = streamed_ranks::foreground_median(&positive, &mut walk)?;
    Ok((median, facts))
}

fn scan_again(path: &Path, form: Form, see: &mut dyn FnMut(&[f32])) -> Result<()> {
    nifti::open(path, form)?.scan(|voxels| {
        see(voxels);
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Grid, Volume, write};

    #[test]
    fn a_weighted_image_is_neither_flat_nor_signed() {
        let check = |values: &[f32]| {
            let mut weights = Weights::new(intensity::foreground_median(values), 0.0);
            values.chunks(7).for_each(|some| weights.add(some));
            weights.check().map_err(|problem| problem.to_string())
        };
        // 199 voxels of 90 to 110 and one of -50: .5 %; with four it is 2 %.
        let image = |negative: usize| {
            (0..200).map(|at| if at < negative { -50.0 } else { 90.0 + (at % 21) as f32 }).collect::<Vec<f32>>()
        };
        assert!(check(&image(1)).is_ok());
        let signed = check(&image(4)).unwrap_err();
        assert!(signed.contains("2.0 % of the foreground is negative") && signed.contains("z-score"), "{signed}");
        assert!(signed.contains("chimap, qsm"), "{signed}");
        // What resampling leaves about the head is small.
        let ringing: Vec<f32> = image(0).into_iter().chain([-3.0; 100]).collect();
        assert!(check(&ringing).is_ok());
        assert!(check(&[7.0; 9]).unwrap_err().contains("the same value in every voxel"));
        assert!(check(&[0.0, 7.0, 7.0]).unwrap_err().contains("one value and 0, as a mask has"));
        assert!(check(&[0.0; 9]).unwrap_err().contains("nothing but zeros"));
        assert!(check(&[-1.0, -2.0, 0.0]).unwrap_err().contains("no positive voxel"));
    }

    #[test]
    fn volumes_in_memory_are_within_one_bound_however_many_are_worked_on() {
        for workers in [0, 1, 2, 3, 16, 64, 1000] {
            let most = KEPT_VOXELS / workers.max(1);
            assert!(is_kept(most, workers) && !is_kept(most + 1, workers));
            assert!(4 * workers * most <= 101_000_000, "{workers}");
        }
        // 256 x 256 x 176 with two workers, but not with four.
        assert!(is_kept(256 * 256 * 176, 2) && !is_kept(256 * 256 * 176, 4));
    }

    /// The volume is kept by one worker and read again by hundreds, with the same result.
    #[test]
    fn the_number_of_workers_decides_what_stays_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flair.nii.gz");
        let volume = Volume::from_fn(Grid::centred([128, 128, 64], [1.0; 3]), |[x, y, z]| {
            ((x * 73 + y * 179 + z * 283) % 997) as f32 + 1.0
        });
        write(&path, &volume, "").unwrap();
        let contrast = ContrastFile { name: "flair".into(), path: Some(path.clone()), scale: 1.0 };
        let read = |workers: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).build().unwrap();
            pool.install(|| {
                let mut memory = Vec::new();
                let wanted =
                    Wanted { centres: &[[30, 30, 16]], shape: [2, 4, 4], rim_softness: 0.0, form: Form::Sform };
                let file = nifti::open(&path, Form::Sform).unwrap();
                let channel = Channel::read(file, &contrast, &path, &wanted, &mut memory).unwrap();
                let mut patch = vec![0.0; 32];
                channel.cut(0, [30, 30, 16], [2, 4, 4], &mut patch);
                (patch, memory.len())
            })
        };
        let (one, many) = (read(1), read(KEPT_VOXELS / (128 * 128 * 64) + 1));
        assert_eq!((one.1, many.1), (128 * 128 * 64, 0));
        assert_eq!(one.0, many.0);
    }

    #[test]
    fn other_patches_of_a_file_are_taken_and_a_change_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chi.nii");
        let of = |shift: usize| {
            Volume::from_fn(Grid::centred([20, 20, 20], [1.0; 3]), |[x, y, z]| {
                (((x + shift) * 73 + y * 179 + z * 283) % 97) as f32 - 48.0
            })
        };
        let volume = of(0);
        write(&path, &volume, "").unwrap();
        let contrast = ContrastFile { name: "chimap".into(), path: Some(path.clone()), scale: 1.0 };
        let wanted = |centres| Wanted { centres, shape: [2, 4, 4], rim_softness: 0.0, form: Form::Sform };
        let file = nifti::open(&path, Form::Sform).unwrap();
        let mut channel = Channel::read(file, &contrast, &path, &wanted(&[[5, 5, 5]]), &mut Vec::new()).unwrap();
        let centres = [[9, 8, 7], [15, 3, 11]];
        channel.take(&path, &wanted(&centres)).unwrap();
        for (which, &centre) in centres.iter().enumerate() {
            let mut patch = vec![0.0; 32];
            channel.cut(which, centre, [2, 4, 4], &mut patch);
            assert_eq!(patch, crate::data::patches::cut(&volume.clone().oriented(), centre, [2, 4, 4], Border::Edge));
        }
        write(&path, &of(1), "").unwrap();
        let problem = channel.take(&path, &wanted(&centres)).unwrap_err().to_string();
        assert!(problem.contains("chi.nii: changed while it was read"), "{problem}");
    }

    #[test]
    fn a_large_weighted_volume_gives_what_one_in_memory_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flair.nii.gz");
        let volume = Volume::from_fn(Grid::centred([40, 31, 33], [1.0; 3]), |[x, y, z]| {
            ((x * 73 + y * 179 + z * 283) % 997) as f32 - 100.0
        });
        write(&path, &volume, "").unwrap();
        let centre = [20, 15, 16];
        let plan = || Pieces::plan(&volume.grid, &[centre], [3, 5, 7]);
        let (mut kept, mut streamed) = (plan(), plan());
        let open = || nifti::open(&path, Form::Sform).unwrap();
        let (median, facts) = kept_median(open(), &mut kept, &mut Vec::new()).unwrap();
        let (again, same) = streamed_median(open(), &path, Form::Sform, &mut streamed).unwrap();
        assert_eq!((median, facts.sha256), (again, same.sha256));
        assert_eq!(median, intensity::foreground_median(&volume.data));
        let patch = |pieces: &Pieces| {
            let mut patch = vec![0.0; 105];
            pieces.cut_into(0, centre, [3, 5, 7], Border::Edge, &mut patch);
            patch
        };
        assert_eq!(patch(&kept), patch(&streamed));
        assert_eq!(patch(&kept)[52], *volume.at([20, 15, 16]));
    }
}

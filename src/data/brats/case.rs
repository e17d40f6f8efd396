//! One case: its volumes read, brought to one orientation and held to each other; what maps to -1..1.

use std::path::Path;

use super::config::BratsConfig;
use super::labels::Scheme;
use super::layout::{CaseFiles, LABELS, VolumeFile};
use crate::data::background::BackgroundNotes;
use crate::data::channel::require_image;
use crate::data::missing::Lost;
use crate::data::name_join::listed;
use crate::data::place_notes::PlaceNotes;
use crate::name::shown;
use crate::nifti::{self, Form, Grid, RasVolume};
use crate::problem::{Problem, Result};
use crate::records::FileHash;
use crate::records::prepare::VolumeWindowed;

/// The volumes of a case that channels need, and its labels.
pub(super) struct CaseVolumes {
    /// In RAS+ order.
    pub grid: Grid,
    /// Of each channel, in RAS+ order with x fastest: 0 to 1 over its window inside the brain, 0 outside; regions 0 to
    /// 3 where the channel is the labels.
    pub channels: Vec<Vec<f32>>,
    /// Regions, or nothing where the case has no labels.
    pub regions: Option<Vec<u8>>,
    /// Where any channel that is an image is not 0.
    pub brain: Vec<bool>,
    /// What to put into the record.
    pub windows: Vec<VolumeWindowed>,
    /// Of what was read.
    pub inputs: Vec<FileHash>,
    /// A header says that it is simulated.
    pub simulated: bool,
    /// What headers leave open about where their volumes lie.
    pub places: PlaceNotes,
    /// Of volumes whose background is no number.
    pub background: BackgroundNotes,
    /// Labelled voxels where there is no brain.
    pub outside: u64,
    /// Voxels of images that were NaN or infinite.
    pub non_finite: u64,
    /// Voxels a thousand times their window's width away from it.
    pub far: u64,
}

/// Voxels of a volume: 256 x 256 x 256. Every set of this kind is on one grid of 240 x 240 x 155.
pub(in crate::data) const MOST_VOXELS: usize = 1 << 24;

/// Degrees between a volume's axis and the patient's, at most.
pub(in crate::data) const MOST_TILT: f64 = 20.0;

/// Widths of its window that a voxel may lie away from it, unless it is told.
const FAR: f32 = 1e3;

/// Share of a volume that is a brain, at most: heads fill 17 to 20 % of these grids, and half of a tightly cut one.
pub(in crate::data) const MOST_BRAIN: f64 = 0.65;

impl CaseVolumes {
    /// Reads the channels of a case, and its labels.
    ///
    /// # Errors
    /// A volume that is missing, is none, or lies on another grid; labels that their scheme does not explain; a case
    /// without brain.
    pub fn read(case: &CaseFiles, contrasts: &[String], config: &BratsConfig, form: Form) -> Result<Self> {
        let mut grid: Option<Grid> = None;
        let (mut inputs, mut windows, mut simulated) = (vec![], vec![], false);
        let (mut places, mut background) = (PlaceNotes::default(), BackgroundNotes::default());
        let mut lost: Vec<(&'static str, Lost)> = vec![];
        let mut read = |kind: &'static str| -> Result<(RasVolume, String)> {
            let Some(VolumeFile { path, part }) = case.files.get(kind) else {
                let there: Vec<&str> = case.files.keys().copied().collect();
                let place = case.place();
                let folder = place.parent().unwrap_or(&place);
                let problem = Problem::input(folder, format!("no {kind} of {}", case.id))
                    .expected(format!("it beside {}", there.join(", ")));
                return Err(problem.advice(match others(folder, case) {
                    None => "download the case again, or prepare other contrasts".to_owned(),
                    Some(names) => {
                        format!("rename it, if it is among {names}, or prepare other contrasts; otherwise download the case again")
                    }
                }));
            };
            let open = nifti::open_part(path, form, *part)?;
            if open.grid().voxels() > MOST_VOXELS {
                return Err(Problem::input(path, format!("a volume of {:?} voxels", open.grid().shape))
                    .expected(format!("at most {MOST_VOXELS}, as 256 x 256 x 256 has"))
                    .advice("resample the case to 1 mm, or cut away what is empty around the head"));
            }
            if let Some(degrees) = tilt(&open.grid()) {
                return Err(Problem::input(path, format!("axes that are {degrees:.0} degrees off the patient's"))
                    .expected("axes along left-right, back-front and down-up, as registration to an atlas leaves them")
                    .advice("reslice the case to an upright grid"));
            }
            if kind != LABELS {
                require_image(open.intent(), path)?;
            }
            simulated |= open.says_simulated();
            let name = format!("{kind} of {}", case.id);
            places.add(&open.placement(), &name);
            let file = open.read_into(Vec::new())?;
            background.add(&name, file.facts.gaps.background(), 0);
            let sha256 = file.facts.sha256;
            let shown_name = path.display().to_string();
            let twin = inputs.iter().find(|earlier: &&FileHash| earlier.sha256 == sha256);
            if let Some(twin) = twin.filter(|twin| part.of == 1 || twin.path != shown_name) {
                return Err(Problem::input(path, format!("the same file as {}", shown(&twin.path)))
                    .expected(format!("{kind} of {}", case.id))
                    .advice("download the case again: one volume lies under two names"));
            }
            if twin.is_none() {
                inputs.push(FileHash { path: shown_name, sha256 });
            }
            let stored = stored_as(&file.volume.grid);
            let gaps = file.facts.gaps;
            let volume = file.volume.oriented();
            let own = volume.axes.grid;
            lost.push((kind, Lost::of(gaps, volume.axes)));
            if let Some(found) = grid.get_or_insert(own).mismatch(&own) {
                return Err(Problem::input(path, format!("another grid than the case's first volume: {found}"))
                    .expected("all volumes of a case on one grid"));
            }
            Ok((volume, stored))
        };
        let mut channels = Vec::with_capacity(contrasts.len());
        let mut brain = vec![];
        let mut regions = None;
        for contrast in contrasts {
            let kind = super::layout::known().find(|kind| kind == contrast).unwrap_or(LABELS);
            if kind == LABELS {
                // Filled in below: labels are read for every case.
                channels.push(vec![]);
                continue;
            }
            let (volume, orientation) = read(kind)?;
            let values = upright(&volume);
            if brain.is_empty() {
                brain = vec![false; values.len()];
            }
            brain.iter_mut().zip(&values).for_each(|(inside, &value)| *inside |= value != 0.0);
            windows.push((kind, orientation));
            channels.push(values);
        }
        if case.files.contains_key(LABELS) {
            let (volume, _) = read(LABELS)?;
            let path = &case.files[LABELS].path;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if config.labels.is_open(&name) {
                return Err(Problem::input(
                    path,
                    "a child's label map: its numbers mean one thing since 2024, another before",
                )
                .expected("word of which")
                .advice(
                    "--label-scheme brats-2024-ped (1 enhancing, 2 dark core, 3 cysts, 4 oedema) or brats-2023 (1 \
                         core, 2 oedema, 3 enhancing), prepare.brats.labels; it holds for all cases of a set",
                ));
            }
            let scheme: Scheme = config.labels.of_file(&name);
            let found = scheme.regions(&upright(&volume)).map_err(|(found, expected)| {
                Problem::input(path, found)
                    .expected(expected)
                    .advice("say what the numbers mean: prepare.brats.labels (--label-scheme)")
            })?;
            regions = Some(found);
        }
        let grid = grid.ok_or_else(|| Problem::usage("no contrast"))?;
        if !brain.iter().any(|&inside| inside) {
            let place = case.place();
            return Err(Problem::input(place, format!("no voxel of {} is other than 0", case.id))
                .expected("a brain, with 0 around it")
                .advice("download the case again, or leave it out"));
        }
        let inside = brain.iter().filter(|&&inside| inside).count();
        if inside as f64 > MOST_BRAIN * brain.len() as f64 {
            let place = case.place();
            let share = 100.0 * inside as f64 / brain.len() as f64;
            return Err(Problem::input(place, format!("{share:.0} % of the voxels of {} are not 0", case.id))
                .expected("a brain with 0 around it, as skull stripping leaves it")
                .advice("set the background to 0; a volume that was normalised has another number there"));
        }
        let of_tumour = regions.iter().flatten().filter(|&&region| region != 0).count();
        let mut non_finite = 0;
        for (kind, lost) in &lost {
            let fault = if *kind == LABELS {
                (lost.holes() > 0).then(|| format!("{} voxels of a map of labels are NaN or infinite", lost.holes()))
            } else {
                non_finite += lost.voxels();
                let in_tumour = |at: usize| regions.as_ref().is_some_and(|regions| regions[at] != 0);
                let holes = lost
                    .has_too_many_holes(inside)
                    .then(|| format!("{} voxels within the brain of {} are NaN or infinite", lost.holes(), case.id));
                let tumour = lost.words(&format!("the tumour of {}", case.id), of_tumour, in_tumour);
                tumour.or(holes)
            };
            if let Some(found) = fault {
                return Err(Problem::input(&case.files[kind].path, found)
                    .expected("numbers wherever something was measured; the background may be NaN")
                    .advice("download or convert the case again, or leave it out"));
            }
        }
        let twin = (1..channels.len()).find_map(|at| {
            let earlier = (0..at).find(|&earlier| !channels[at].is_empty() && channels[at] == channels[earlier])?;
            Some((&contrasts[at], &contrasts[earlier]))
        });
        if let Some((one, other)) = twin {
            let place = case.files.get(one.as_str()).map(|file| file.path.clone()).unwrap_or_default();
            return Err(Problem::input(place, format!("the {one} of {} is its {other}, voxel by voxel", case.id))
                .expected("an image of its own for each contrast")
                .advice("download the case again: one volume lies under two names"));
        }
        let labelled = regions.iter().flatten().zip(&brain).filter(|&(&region, &inside)| region != 0 && !inside);
        let outside = labelled.count() as u64;
        let all = of_tumour as u64;
        if let Some(labels) = case.files.get(LABELS).filter(|_| all > 0 && outside == all) {
            return Err(Problem::input(
                &labels.path,
                format!("all {all} labelled voxels of {} lie outside the brain", case.id),
            )
            .expected("labels of this case, on the grid of its images")
            .advice("look whether the map is another case's, or of another space"));
        }
        let (mut told, mut far) = (vec![], 0);
        for (values, contrast) in channels.iter_mut().zip(contrasts) {
            match windows.iter().find(|(kind, _)| kind == contrast) {
                Some((kind, orientation)) => {
                    let [low, high] = window(values, &brain, config.window.parts());
                    if high <= low {
                        return Err(Problem::input(
                            &case.files[kind].path,
                            format!("levels of {low} alone in the brain"),
                        )
                        .expected("an image"));
                    }
                    let (from, width) = (f64::from(low), f64::from(high) - f64::from(low));
                    for (value, &inside) in values.iter_mut().zip(&brain) {
                        *value = if inside { ((f64::from(*value) - from) / width) as f32 } else { 0.0 };
                        far += u64::from(!(-FAR..=FAR).contains(value));
                    }
                    told.push(VolumeWindowed {
                        case: case.id.to_string(),
                        contrast: (*kind).to_owned(),
                        stored: orientation.clone(),
                        low: f64::from(low),
                        high: f64::from(high),
                    });
                }
                None => {
                    let Some(regions) = &regions else {
                        let place = case.place();
                        return Err(Problem::input(place, format!("no labels of {}", case.id))
                            .expected("seg, which is asked for as a channel"));
                    };
                    *values = regions.iter().map(|&region| f32::from(region)).collect();
                }
            }
        }
        let windows = told;
        Ok(Self {
            grid,
            channels,
            regions,
            brain,
            windows,
            inputs,
            simulated,
            places,
            background,
            outside,
            non_finite,
            far,
        })
    }
}

/// Volumes in a case's folder under names that say nothing of which they are.
fn others(folder: &Path, case: &CaseFiles) -> Option<String> {
    let known: Vec<&Path> = case.files.values().map(|file| file.path.as_path()).collect();
    let is_volume = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.ends_with(".nii") || name.ends_with(".nii.gz")
    };
    let paths = crate::files::list(folder).ok()?;
    let unknown = paths.iter().filter(|path| is_volume(path) && !known.contains(&path.as_path()));
    let names: Vec<String> =
        unknown.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    (!names.is_empty()).then(|| listed(&names))
}

/// The angle between a stored axis and the patient's nearest one, where it is so large that planes would not be those
/// of their names.
pub(in crate::data) fn tilt(grid: &Grid) -> Option<f64> {
    let off = |axis: usize| {
        let step = grid.affine().column(axis);
        let most = step.iter().fold(0.0f64, |most, part| most.max(part.abs()));
        (most / grid.voxel_mm()[axis]).min(1.0).acos().to_degrees()
    };
    let worst = [0, 1, 2].map(off).into_iter().fold(0.0, f64::max);
    (worst > MOST_TILT).then_some(worst)
}

/// "RAS", "LPS": where each stored axis leads.
pub(in crate::data) fn stored_as(grid: &Grid) -> String {
    const WAYS: [[char; 2]; 3] = [['L', 'R'], ['P', 'A'], ['I', 'S']];
    let way = |axis: usize| {
        let step = grid.affine().column(axis);
        let most = (0..3).max_by(|&a, &b| step[a].abs().total_cmp(&step[b].abs())).unwrap_or_default();
        WAYS[most][usize::from(step[most] > 0.0)]
    };
    [0, 1, 2].map(way).into_iter().collect()
}

/// The values with x, to the right, fastest.
pub(in crate::data) fn upright(volume: &RasVolume) -> Vec<f32> {
    let [nx, ny, nz] = volume.axes.grid.shape;
    let mut values = Vec::with_capacity(volume.data.len());
    for z in 0..nz {
        for y in 0..ny {
            let row = volume.axes.offset(1, y) + volume.axes.offset(2, z);
            values.extend((0..nx).map(|x| volume.data[row + volume.axes.offset(0, x)]));
        }
    }
    values
}

/// The levels at both ends, of voxels of the brain, by nearest rank.
fn window(values: &[f32], brain: &[bool], parts: [f64; 2]) -> [f32; 2] {
    let mut inside: Vec<f32> =
        values.iter().zip(brain).filter(|(_, inside)| **inside).map(|(value, _)| *value).collect();
    let last = (inside.len() - 1) as f64;
    parts.map(|part| {
        let at = (last * part / 1000.0).round() as usize;
        *inside.select_nth_unstable_by(at, f32::total_cmp).1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nifti::{Affine, Volume};

    #[test]
    fn either_stored_order_gives_the_same_array() {
        let values: Vec<f32> = (0..24).map(|at| at as f32).collect();
        let ras = Volume { grid: Grid::new([4, 3, 2], Affine::IDENTITY), data: values.clone() };
        let rows = [[-1.0, 0.0, 0.0, 3.0], [0.0, -1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 0.0]];
        let turned =
            Volume::from_fn(Grid::new([4, 3, 2], Affine(rows)), |[x, y, z]| values[3 - x + 4 * (2 - y) + 12 * z]);
        assert_eq!([stored_as(&ras.grid), stored_as(&turned.grid)], ["RAS", "LPS"]);
        assert!(tilt(&ras.grid).is_none());
        let (sine, cosine) = 30f64.to_radians().sin_cos();
        let rows = [[cosine, -sine, 0.0, 0.0], [sine, cosine, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        assert!((tilt(&Grid::new([4, 3, 2], Affine(rows))).unwrap() - 30.0).abs() < 1e-9);
        assert_eq!(upright(&ras.oriented()), values);
        assert_eq!(upright(&turned.oriented()), values);
    }

    #[test]
    fn a_window_is_of_the_brain_alone() {
        let values: Vec<f32> = (0..2001).map(|at| at as f32).collect();
        let brain: Vec<bool> = (0..2001).map(|at| at >= 1000).collect();
        assert_eq!(window(&values, &brain, [5.0, 995.0]), [1005.0, 1995.0]);
        assert_eq!(window(&values, &brain, [0.0, 1000.0]), [1000.0, 2000.0]);
    }
}

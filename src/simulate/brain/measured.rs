//! A set read from its folder: what its files measure.

use std::path::Path;

use rayon::prelude::*;

use super::layout::CASES;
use super::plan::{Case, plan};
use super::tables::{self, Row};
use super::tumour::{CORE, ENHANCING, OEDEMA};
use super::{BrainConfig, layout};
use crate::files;
use crate::nifti::{self, Form, RasVolume};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::simulate::brain::scanner::Contrast;

/// A table of 20,000 cases has about 5 MB.
const MOST_OF_TABLE: u64 = 64 << 20;

/// One case, from its T1-weighted image and its labels, in RAS+ order.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) row: Row,
    /// Voxels of the brain, ml.
    pub(super) brain_ml: f64,
    /// Its box from left to right, back to front, down to up, mm.
    pub(super) extent: [f64; 3],
    /// Largest slice across each axis, mm2.
    pub(super) areas: [f64; 3],
    /// Slices across each axis with at least a fifth of that.
    pub(super) usable: [f64; 3],
    /// Necrosis and dark core, swelling, what takes up contrast, ml.
    pub(super) labels_ml: [f64; 3],
    /// Voxels of a label where there is no brain.
    pub(super) outside: u64,
    /// Voxels below 0 in any image.
    pub(super) negative: u64,
}

impl Measured {
    /// Volume of the whole tumour, ml.
    pub(super) fn whole_ml(&self) -> f64 {
        self.labels_ml.iter().sum()
    }
}

/// Measures all cases.
///
/// # Errors
/// No simulated set, files that are not those of its settings, or a request to stop.
pub(super) fn measured(root: &Path, config: &BrainConfig, observer: &dyn Observer) -> Result<Vec<Measured>> {
    let path = root.join(CASES);
    let bytes = files::read(&path, MOST_OF_TABLE, "the truth of a simulated set")?;
    let wrong = |found: String| Problem::input(&path, found).advice("simulate the set anew, or take the whole folder");
    let text = String::from_utf8(bytes).map_err(|_| wrong("no text".into()))?;
    let rows = tables::read(&text).map_err(&wrong)?;
    let cases = plan(config);
    if !cases.iter().map(|case| case.id.as_str()).eq(rows.iter().map(|row| row.id.as_str())) {
        return Err(wrong("cases of other settings".into()));
    }
    observer.begin("measuring", "cases", cases.len() as u64);
    let pairs: Vec<(&Case, Row)> = cases.iter().zip(rows).collect();
    let all = pairs.into_par_iter().with_max_len(1).map(|(case, row)| {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped between two cases"));
        }
        let one = of(root, case, row)?;
        observer.advance(1);
        Ok(one)
    });
    let all = all.collect();
    observer.end();
    all
}

fn of(root: &Path, case: &Case, row: Row) -> Result<Measured> {
    let read = |suffix: &str| -> Result<RasVolume> {
        let open = nifti::open(&root.join(layout::file(case, suffix)), Form::Sform)?;
        Ok(open.read_into(Vec::new())?.volume.oriented())
    };
    let image = read(Contrast::T1n.suffix())?;
    let grid = image.axes.grid;
    let ml = grid.voxel_mm().iter().product::<f64>() / 1000.0;
    let (mut low, mut high) = ([usize::MAX; 3], [0; 3]);
    let mut areas = grid.shape.map(|size| vec![0u32; size]);
    let mut inside = 0u64;
    for (at, &level) in image.data.iter().enumerate() {
        if level == 0.0 {
            continue;
        }
        inside += 1;
        let voxel = image.axes.voxel(at);
        for axis in 0..3 {
            low[axis] = low[axis].min(voxel[axis]);
            high[axis] = high[axis].max(voxel[axis]);
            areas[axis][voxel[axis]] += 1;
        }
    }
    let mut negative = 0;
    for contrast in super::scanner::CONTRASTS {
        let other = read(contrast.suffix())?;
        negative += other.data.iter().filter(|&&level| level < 0.0).count() as u64;
    }
    let labels = read("seg")?;
    let count = |label: u8| labels.data.iter().filter(|&&own| own == f32::from(label)).count() as f64 * ml;
    let outside = labels.data.iter().zip(&image.data).filter(|&(&label, &level)| label != 0.0 && level == 0.0).count();
    let largest = areas.each_ref().map(|slices| slices.iter().copied().max().unwrap_or_default());
    let usable = |axis: usize| areas[axis].iter().filter(|&&area| area > 0 && 5 * area >= largest[axis]).count() as f64;
    let mm = grid.voxel_mm();
    Ok(Measured {
        row,
        brain_ml: inside as f64 * ml,
        extent: std::array::from_fn(|axis| {
            (high[axis] + 1).saturating_sub(low[axis].min(high[axis])) as f64 * mm[axis]
        }),
        areas: std::array::from_fn(|axis| f64::from(largest[axis]) * mm[(axis + 1) % 3] * mm[(axis + 2) % 3]),
        usable: [0, 1, 2].map(usable),
        labels_ml: [CORE, OEDEMA, ENHANCING].map(count),
        outside: outside as u64,
        negative,
    })
}

//! A set read from its folder: what its files measure, held against the anatomy that its settings make again.

use std::path::Path;

use rayon::prelude::*;

use super::DiffusionConfig;
use super::head::Head;
use super::layout::{FA, FLAIR, LESIONS, MASK, PARTICIPANTS, file, has};
use super::plan::{Group, Subject, plan};
use super::tables::{self, Row};
use super::tracts::is_callosum;
use crate::files;
use crate::nifti::{self, Form};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

/// A table of 20,000 persons has less than 1 MB.
const MOST_OF_TABLE: u64 = 16 << 20;

/// A sum and how much went into it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.count += 1.0;
    }

    /// NaN of nothing.
    pub(super) fn value(&self) -> f64 {
        self.sum / self.count
    }
}

/// One person's files.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    pub(super) row: Row,
    /// Volume of the brain's mask, ml.
    pub(super) brain_ml: f64,
    /// Anisotropy where white matter has more than .9 of a voxel, away from lesions.
    pub(super) white: Mean,
    /// Of cortex and nuclei, alike.
    pub(super) grey: Mean,
    /// Of fluid.
    pub(super) csf: Mean,
    /// Of the callosum near the midplane.
    pub(super) callosum: Mean,
    /// In the lesions' mask, where white matter has more than .7 of a voxel.
    pub(super) lesions: Mean,
    /// FLAIR in lesions, and in white matter away from them.
    pub(super) flair: [Mean; 2],
    /// Volume of the lesions' mask, ml.
    pub(super) lesion_ml: f64,
    /// Voxels with anisotropy where the mask says there is no brain.
    pub(super) outside: u64,
}

/// Measures all persons.
///
/// # Errors
/// No simulated set, files that are not those of its settings, or a request to stop.
pub(super) fn measured(root: &Path, config: &DiffusionConfig, observer: &dyn Observer) -> Result<Vec<Measured>> {
    let path = root.join(PARTICIPANTS);
    let bytes = files::read(&path, MOST_OF_TABLE, "the persons of a simulated set")?;
    let wrong = |found: String| Problem::input(&path, found).advice("simulate the set anew, or take the whole folder");
    let text = String::from_utf8(bytes).map_err(|_| wrong("no text".into()))?;
    let rows = tables::read(&text).map_err(&wrong)?;
    let subjects = plan(config);
    if !subjects.iter().map(|one| one.id.as_str()).eq(rows.iter().map(|row| row.id.as_str())) {
        return Err(wrong("persons of other settings".into()));
    }
    observer.begin("measuring", "persons", subjects.len() as u64);
    let pairs: Vec<(&Subject, Row)> = subjects.iter().zip(rows).collect();
    let all = pairs.into_par_iter().with_max_len(1).map(|(subject, row)| {
        if observer.stop_requested() {
            return Err(Problem::new(Kind::Interrupted, "stopped between two persons"));
        }
        let one = of(root, subject, row)?;
        observer.advance(1);
        Ok(one)
    });
    let all = all.collect();
    observer.end();
    all
}

fn of(root: &Path, subject: &Subject, row: Row) -> Result<Measured> {
    let head = Head::new(&subject.person);
    let read = |kind: &str| -> Result<Vec<f32>> {
        let path = root.join(file(subject, kind));
        let volume = nifti::open(&path, Form::Sform)?.read_into(Vec::new())?.volume;
        match head.grid.mismatch(&volume.grid) {
            Some(found) => Err(Problem::input(&path, found).expected("MNI's grid of 2 mm")),
            None => Ok(volume.data),
        }
    };
    let (fa, mask, flair) = (read(FA)?, read(MASK)?, read(FLAIR)?);
    if subject.group == Group::Healthy && files::is_there(&root.join(file(subject, LESIONS)))? {
        return Err(Problem::input(root.join(file(subject, LESIONS)), "lesions of a healthy person"));
    }
    let lesions = if has(subject, LESIONS) { read(LESIONS)? } else { vec![0.0; fa.len()] };
    let ml = head.grid.voxel_mm().iter().product::<f64>() / 1000.0;
    let mut made = Measured {
        row,
        brain_ml: mask.iter().filter(|&&inside| inside > 0.0).count() as f64 * ml,
        white: Mean::default(),
        grey: Mean::default(),
        csf: Mean::default(),
        callosum: Mean::default(),
        lesions: Mean::default(),
        flair: [Mean::default(); 2],
        lesion_ml: lesions.iter().filter(|&&marked| marked > 0.0).count() as f64 * ml,
        outside: 0,
    };
    let near = near(&lesions, head.grid.shape);
    for (at, &value) in fa.iter().enumerate() {
        if mask[at] == 0.0 {
            made.outside += u64::from(value != 0.0);
            continue;
        }
        match (lesions[at] > 0.0, near[at]) {
            (true, _) if head.white[at] > 0.7 => {
                made.lesions.add(value);
                made.flair[0].add(flair[at]);
            }
            (false, false) if head.white[at] > 0.9 => {
                made.white.add(value);
                made.flair[1].add(flair[at]);
                if is_callosum(head.place(at)) {
                    made.callosum.add(value);
                }
            }
            (false, false) if head.grey[at] > 0.9 => made.grey.add(value),
            (false, false) if head.csf[at] > 0.9 => made.csf.add(value),
            _ => {}
        }
    }
    Ok(made)
}

/// Voxels that touch a lesion by a face, twice removed: its soft edge is neither sick nor well.
fn near(lesions: &[f32], shape: [usize; 3]) -> Vec<bool> {
    let mut near: Vec<bool> = lesions.iter().map(|&marked| marked > 0.0).collect();
    for _ in 0..2 {
        let before = near.clone();
        for stride in [1, shape[0], shape[0] * shape[1]] {
            for at in stride..near.len() {
                near[at] |= before[at - stride];
                near[at - stride] |= before[at];
            }
        }
    }
    near
}

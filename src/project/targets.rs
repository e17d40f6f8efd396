//! Which slices of a prepared data set are projected.

use rand::seq::SliceRandom;

use crate::data::Prepared;
use crate::data::dataset::{Side as SideOf, Slices};
use crate::data::manifest;
use crate::problem::Result;
use crate::project::acceptance::Gauge;
use crate::project::config::{Class, Side};
use crate::seed::RunSeed;

/// An image to project.
#[derive(Clone, Debug)]
pub struct Target {
    /// File stem of what belongs to it, and the name of its random streams.
    pub id: String,
    /// \[C, H, W\] in the network's range.
    pub pixels: Vec<f32>,
    /// \[H, W\].
    pub mask: Option<Vec<bool>>,
    /// Absent for plain images.
    pub lesion: Option<OfLesion>,
}

#[derive(Clone, Debug)]
pub struct OfLesion {
    pub lesion_id: String,
    pub patient: String,
    pub slice: u64,
    pub role: Class,
    pub contrast: f64,
}

/// Slices of the lesions of one class and side.
#[derive(Debug, Default)]
pub struct Selection {
    /// In the manifest's order.
    pub targets: Vec<Target>,
    /// Lesions left out because no slice's mask has a core.
    pub without_core: u64,
}

/// How slices are picked.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    pub class: Class,
    pub split: Side,
    /// Lesions; 0 takes all.
    pub limit: u64,
    /// Slices of each.
    pub slices: u64,
}

/// The gauge of a data set: its QSM channel where there is one, else its first.
pub fn gauge(prepared: &Prepared) -> (Gauge, String) {
    let contrasts = prepared.contrasts();
    let channel = contrasts.iter().position(|contrast| contrast.name == "chimap").unwrap_or(0);
    let [_, height, width] = prepared.image_shape();
    let gauge = Gauge { channel, height, width, scale: contrasts[channel].window.scale() };
    (gauge, contrasts[channel].unit.clone())
}

/// Picks lesions in an order drawn by `seed`, and of each the slices that cut most of it and whose rim can be measured.
pub fn select(prepared: &Prepared, pick: Pick, gauge: &Gauge, seed: RunSeed) -> Result<Selection> {
    match pick.split {
        Side::Train => of_side(&prepared.training_all(), pick, gauge, seed),
        Side::Validation => of_side(&prepared.validation(), pick, gauge, seed),
    }
}

fn of_side<S: SideOf>(side: &Slices<S>, pick: Pick, gauge: &Gauge, seed: RunSeed) -> Result<Selection> {
    let slices = side.of_class(match pick.class {
        Class::Ambiguous => manifest::Class::Ambiguous,
        Class::Rim => manifest::Class::Rim,
        Class::NonRim => manifest::Class::NonRim,
    });
    let mut groups = slices.by_lesion();
    groups.shuffle(&mut seed.stream(&format!("projected {} lesions", pick.class.name()), 0));
    let mut found: Vec<(usize, Target)> = Vec::new();
    let (mut lesions, mut without_core) = (0, 0);
    for group in &mut groups {
        if pick.limit > 0 && lesions == pick.limit {
            break;
        }
        group.positions.sort_by_key(|&position| (std::cmp::Reverse(slices.entry(position).0.voxels), position));
        let before = found.len();
        for &position in &group.positions {
            if found.len() - before == pick.slices as usize {
                break;
            }
            let image = slices.image(position)?;
            let mask: Option<Vec<bool>> = image.mask.map(|mask| mask.iter().map(|&voxel| voxel > 0).collect());
            let Some(contrast) = gauge.contrast(&image.pixels, mask.as_deref()) else { continue };
            let (slice, lesion) = slices.entry(position);
            let lesion = OfLesion {
                lesion_id: lesion.id.clone(),
                patient: lesion.patient.clone(),
                slice: u64::from(slice.z),
                role: pick.class,
                contrast,
            };
            let target = Target { id: slices.id(position), pixels: image.pixels, mask, lesion: Some(lesion) };
            found.push((position, target));
        }
        if found.len() > before { lesions += 1 } else { without_core += 1 }
    }
    found.sort_by_key(|(position, _)| *position);
    Ok(Selection { targets: found.into_iter().map(|(_, target)| target).collect(), without_core })
}

//! Which slices of a prepared data set are projected.

use rand::seq::SliceRandom;

use crate::data::Prepared;
use crate::data::sides::Side;
use crate::data::slices::Slices;
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};
use crate::project::acceptance::Gauge;
use crate::project::bands::Readouts;
use crate::project::evidence::{Beside, Evidence, shown};
use crate::records::classes::{Class, Split};
use crate::records::label::measured;
use crate::seed::RunSeed;

/// An image to project.
#[derive(Clone, Debug)]
pub struct Target {
    /// File stem of what belongs to it, and the name of its random streams.
    pub id: Name,
    /// \[C, H, W\] in the network's range.
    pub pixels: Vec<f32>,
    /// \[H, W\].
    pub mask: Option<Vec<bool>>,
    /// Absent for plain images.
    pub lesion: Option<OfLesion>,
}

/// Where a slice of a data set comes from.
#[derive(Clone, Debug)]
pub struct OfLesion {
    /// As the manifest names it, e.g. "sub-001_lesion-003"; its other slices have the same.
    pub lesion_id: Name,
    /// The lesion's group.
    pub patient: String,
    /// Slice index within the patch.
    pub slice: u64,
    /// The class for which it was picked.
    pub role: Class,
    /// What the gauge says of it, in the channel's unit.
    pub contrast: f64,
    /// What the lesion's other slices show; nothing where the slice alone is evidence.
    pub beside: Beside,
}

impl Target {
    /// The same without what the lesion's other slices show.
    pub fn by_itself(mut self) -> Self {
        if let Some(lesion) = &mut self.lesion {
            lesion.beside = Beside::default();
        }
        self
    }

    /// Mean readouts of the lesion, of which this slice has its `own`.
    pub fn mean_of_lesion(&self, own: Readouts) -> Readouts {
        self.lesion.as_ref().map(|lesion| lesion.beside).unwrap_or_default().mean_with(own)
    }
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
#[derive(Clone, Debug)]
pub struct Pick {
    /// Of these lesions: a class, or the contested ones.
    pub class: Class,
    /// On this side, which is not the test side.
    pub split: Split,
    /// Lesions; 0 takes all.
    pub limit: u64,
    /// Slices of each.
    pub slices: u64,
    /// Whether their other slices are read as well.
    pub evidence: Evidence,
}

/// The gauge of a data set, and the unit that it measures in: of the channel that rims are measured on.
pub fn gauge(prepared: &Prepared) -> (Gauge, String) {
    let contrasts = prepared.contrasts();
    let channel = measured(contrasts);
    let [_, height, width] = prepared.image_shape();
    let gauge = Gauge { channel, height, width, scale: contrasts[channel].window.scale() };
    (gauge, contrasts[channel].unit.clone())
}

/// Picks lesions in an order drawn by `seed`, and of each the slices that cut most of it and whose rim can be measured.
///
/// # Errors
/// The test side, a class that the data set does not have, or a patch that cannot be read.
pub fn select(prepared: &Prepared, pick: Pick, gauge: &Gauge, seed: RunSeed) -> Result<Selection> {
    if !prepared.classes().has(&pick.class) {
        let contested = prepared.classes().contested.iter().map(|class| format!(" or {class}")).collect::<String>();
        return Err(Problem::usage(format!("no class {:?} in this data set", pick.class.name()))
            .at(prepared.root())
            .expected(format!("{}{contested}", prepared.classes().listed())));
    }
    match pick.split {
        Split::Train => of_side(&prepared.training_all(), pick, gauge, seed),
        Split::Validation => of_side(&prepared.validation(), pick, gauge, seed),
        Split::Test => Err(Problem::new(Kind::Gate, "test lesions are shown to no projector")),
    }
}

fn of_side<S: Side>(side: &Slices<S>, pick: Pick, gauge: &Gauge, seed: RunSeed) -> Result<Selection> {
    let slices = side.of_class(&pick.class);
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
        let all = match pick.evidence {
            Evidence::Slice => vec![],
            Evidence::Lesion => slices.images_of(group)?,
        };
        let shown = shown(&all, gauge);
        let mut read = all.into_iter();
        for &position in &group.positions {
            if found.len() - before == pick.slices as usize {
                break;
            }
            let image = read.next().map_or_else(|| slices.image(position), Ok)?;
            let mask = image.inside();
            let Some(contrast) = gauge.contrast(&image.pixels, mask.as_deref()) else { continue };
            let (slice, lesion) = slices.entry(position);
            let lesion = OfLesion {
                lesion_id: lesion.id.clone(),
                patient: lesion.patient.clone(),
                slice: u64::from(slice.z),
                role: pick.class.clone(),
                contrast,
                beside: Beside::of(&shown, slice.z),
            };
            let target = Target { id: slices.id(position), pixels: image.pixels, mask, lesion: Some(lesion) };
            found.push((position, target));
        }
        if found.len() > before { lesions += 1 } else { without_core += 1 }
    }
    found.sort_by_key(|(position, _)| *position);
    Ok(Selection { targets: found.into_iter().map(|(_, target)| target).collect(), without_core })
}

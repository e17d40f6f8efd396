//! Which lesions are explained, and what is known of them.

use std::collections::BTreeMap;

use super::attribution::MARGIN;
use super::perturbed::SOFTNESS;
use crate::data::Prepared;
use crate::data::slices::TestSlices;
use crate::filter::dilated;
use crate::filter::gaussian;
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};

/// One test lesion by its largest slice.
#[derive(Debug)]
pub(super) struct Item {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// "sub-001_lesion-003".
    pub id: Name,
    pub patient: String,
    /// Of the slice within the patch.
    pub z: u32,
    /// \[channels, height, width\] in \[-1, 1\].
    pub pixels: Vec<f32>,
    /// The same, so soft that no rim is left.
    pub nothing: Vec<f32>,
    /// The traced rim in this slice, and with its margin; absent where nothing was traced.
    pub rim: Option<Rim>,
    /// Absent where it is not known.
    pub truth: Option<Truth>,
}

/// A traced rim.
#[derive(Debug)]
pub(super) struct Rim {
    pub traced: Vec<bool>,
    pub region: Vec<bool>,
}

/// What of a slice comes from its rim.
#[derive(Debug)]
pub(super) struct Truth {
    /// The slice as it is without the rim, in the network's range.
    pub without: Vec<f32>,
    /// Height x width: how much the two slices differ, in the network's units, channels added up.
    pub difference: Vec<f32>,
}

impl Truth {
    /// Of a slice of `channels` channels and the same without its rim.
    pub fn new(with: &[f32], without: Vec<f32>, channels: usize) -> Self {
        let plane = with.len() / channels.max(1);
        let difference = |at: usize| {
            let one = |channel: usize| (with[channel * plane + at] - without[channel * plane + at]).abs();
            (0..channels).map(one).sum()
        };
        Self { difference: (0..plane).map(difference).collect(), without }
    }
}

impl Rim {
    /// Of a slice's tracings; `None` where there are none in it.
    pub fn new(traced: Vec<bool>, width: usize) -> Option<Self> {
        traced.contains(&true).then(|| Self { region: dilated(&traced, width, MARGIN), traced })
    }
}

/// The largest slices of at most `most` test lesions of the class of interest: one of every patient, then a second of
/// every patient, and so on, in the data set's order.
///
/// # Errors
/// No class of interest, fewer than two test lesions of it, or a patch that cannot be read.
pub(super) fn choose(data: &Prepared, most: usize) -> Result<Vec<Item>> {
    let Some(class) = &data.classes().of_interest else {
        return Err(Problem::usage("a data set without a class of interest")
            .at(data.root())
            .expected("one whose maps can be asked where they see it, such as the rim")
            .advice("name the label of interest when preparing (--rim-label)"));
    };
    let slices = data.test().of_class(class).largest_of_each_lesion();
    if slices.len() < 2 {
        return Err(Problem::new(Kind::Input, format!("{} test lesions of the class {class}", slices.len()))
            .at(data.root())
            .expected("at least two")
            .advice("prepare with a larger test share"));
    }
    let [_, height, width] = data.image_shape();
    positions(&slices, most)
        .into_iter()
        .map(|position| {
            let (slice, lesion) = slices.entry(position);
            let pixels = slices.image(position)?.pixels;
            let soft = |channel: &[f32]| gaussian(channel, (height, width), SOFTNESS);
            let nothing = pixels.chunks_exact(height * width).flat_map(soft).collect();
            let (id, patient) = (lesion.id.clone(), lesion.patient.clone());
            Ok(Item { lesion: slice.lesion, id, patient, z: slice.z, pixels, nothing, rim: None, truth: None })
        })
        .collect()
}

fn positions(slices: &TestSlices, most: usize) -> Vec<usize> {
    let mut turn: BTreeMap<&str, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, usize)> = slices
        .entries()
        .enumerate()
        .map(|(position, (_, lesion))| {
            let own = turn.entry(lesion.patient.as_str()).or_default();
            *own += 1;
            (*own, position)
        })
        .collect();
    turns.sort_unstable();
    let mut chosen: Vec<usize> = turns.into_iter().take(most).map(|(_, position)| position).collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_adds_up_over_channels() {
        let truth = Truth::new(&[1.0, 0.0, 0.5, 0.5], vec![0.5, 0.0, 1.0, 0.5], 2);
        assert_eq!(truth.difference, [1.0, 0.0]);
    }

    #[test]
    fn a_slice_without_tracing_has_no_rim() {
        assert!(Rim::new(vec![false; 16], 4).is_none());
        let one: Vec<bool> = (0..16).map(|at| at == 5).collect();
        assert_eq!(Rim::new(one, 4).unwrap().region.iter().filter(|inside| **inside).count(), 11);
    }
}

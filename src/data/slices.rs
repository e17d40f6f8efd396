//! Slices of one side of a prepared data set.

use std::collections::HashMap;
use std::marker::PhantomData;

use rayon::prelude::*;

use super::dataset::Prepared;
use super::manifest::{Class, Lesion, Slice};
use super::sides::{Side, Test, Train, Validation};
use crate::name::Name;
use crate::problem::{Kind, Problem, Result};

/// Slices to learn from.
pub type TrainSlices = Slices<Train>;

/// Slices for thresholds and early choices.
pub type ValidationSlices = Slices<Validation>;

/// Slices to score.
pub type TestSlices = Slices<Test>;

/// One slice of a lesion's patch.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceImage {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Slice index within the patch.
    pub z: u32,
    /// \[channels, height, width\] in \[-1, 1\].
    pub pixels: Vec<f32>,
    /// Lesion mask \[height, width\], 1 inside; absent for plain images.
    pub mask: Option<Vec<u8>>,
}

impl SliceImage {
    /// Which pixels are of the lesion, where there is a mask.
    pub fn inside(&self) -> Option<Vec<bool>> {
        self.mask.as_ref().map(|mask| mask.iter().map(|&voxel| voxel > 0).collect())
    }
}

/// Slices of one side, in the manifest's order.
#[derive(Clone, Debug)]
pub struct Slices<S: Side> {
    data: Prepared,
    /// Indices into the manifest's slices.
    picks: Vec<u32>,
    side: PhantomData<S>,
}

/// One lesion of a side and where its slices are in the set's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LesionSlices {
    /// Index into the manifest's lesions.
    pub lesion: u32,
    /// Positions in the set, ascending.
    pub positions: Vec<usize>,
}

/// The slice that cuts most of a lesion, the first of several, of a mask \[depth, pixels of a slice\]; 0 of none.
pub fn largest_slice<T>(mask: &[T], pixels: usize, inside: impl Fn(&T) -> bool) -> usize {
    let areas = mask.chunks(pixels).map(|slice| slice.iter().filter(|voxel| inside(voxel)).count());
    areas.enumerate().max_by_key(|&(z, area)| (area, usize::MAX - z)).map_or(0, |(z, _)| z)
}

impl<S: Side> Slices<S> {
    /// All slices of the side.
    pub(super) fn of(data: &Prepared) -> Self {
        let on_side = |slice: &Slice| data.lesion(slice.lesion).split == S::SPLIT;
        let slices = (0u32..).zip(&data.manifest().slices);
        let picks = slices.filter(|(_, slice)| on_side(slice)).map(|(at, _)| at).collect();
        Self { data: data.clone(), picks, side: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.picks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    /// The data set that they are of.
    pub fn prepared(&self) -> &Prepared {
        &self.data
    }

    /// The slice at a position, and its lesion.
    pub fn entry(&self, position: usize) -> (&Slice, &Lesion) {
        let slice = &self.data.manifest().slices[self.picks[position] as usize];
        (slice, self.data.lesion(slice.lesion))
    }

    /// All slices with their lesions.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Slice, &Lesion)> {
        (0..self.len()).map(|position| self.entry(position))
    }

    /// "sub-001_lesion-003_z12".
    pub fn id(&self, position: usize) -> Name {
        let (slice, lesion) = self.entry(position);
        lesion.id.with(&format!("_z{:02}", slice.z))
    }

    /// Those of one class, or the contested ones.
    pub fn of_class(&self, class: &Class) -> Self {
        self.filter(|lesion| lesion.class == *class)
    }

    /// Those whose lesion satisfies `keep`.
    pub fn filter(&self, keep: impl Fn(&Lesion) -> bool) -> Self {
        let lesion_of = |&pick: &u32| self.data.lesion(self.data.manifest().slices[pick as usize].lesion);
        let picks = self.picks.iter().copied().filter(|pick| keep(lesion_of(pick))).collect();
        Self { data: self.data.clone(), picks, side: PhantomData }
    }

    /// Grouped by lesion, in the manifest's order of first slices.
    pub fn by_lesion(&self) -> Vec<LesionSlices> {
        let mut groups: Vec<LesionSlices> = Vec::new();
        let mut place: HashMap<u32, usize> = HashMap::new();
        for (position, (slice, _)) in self.entries().enumerate() {
            let at = *place.entry(slice.lesion).or_insert_with(|| {
                groups.push(LesionSlices { lesion: slice.lesion, positions: Vec::new() });
                groups.len() - 1
            });
            groups[at].positions.push(position);
        }
        groups
    }

    /// The middle slice of each lesion: the one with most lesion voxels, the lowest of equals.
    pub fn largest_of_each_lesion(&self) -> Self {
        let voxels = |position: &usize| self.entry(*position).0.voxels;
        let best = |group: &LesionSlices| {
            let most = group.positions.iter().map(voxels).max().unwrap_or(0);
            group.positions.iter().copied().find(|position| voxels(position) == most)
        };
        let picks = self.by_lesion().iter().filter_map(best).map(|position| self.picks[position]).collect();
        Self { data: self.data.clone(), picks, side: PhantomData }
    }

    /// Reads one slice.
    ///
    /// # Errors
    /// A patch that is missing or not what the manifest promises.
    pub fn image(&self, position: usize) -> Result<SliceImage> {
        let (slice, _) = self.entry(position);
        let mut images = self.data.slices_of(slice.lesion, &[slice.z])?;
        images.pop().ok_or_else(|| Problem::new(Kind::Internal, "no slice was read"))
    }

    /// Reads the slices of one lesion, in the order of its positions.
    ///
    /// # Errors
    /// As [`Slices::image`].
    pub fn images_of(&self, group: &LesionSlices) -> Result<Vec<SliceImage>> {
        let zs: Vec<u32> = group.positions.iter().map(|&position| self.entry(position).0.z).collect();
        self.data.slices_of(group.lesion, &zs)
    }

    /// Reads all slices, each patch file once and in parallel, in the set's order.
    ///
    /// # Errors
    /// As [`Slices::image`].
    pub fn images(&self) -> Result<Vec<SliceImage>> {
        let groups = self.by_lesion();
        let read = |group: &LesionSlices| Ok(group.positions.iter().copied().zip(self.images_of(group)?).collect());
        let mut images: Vec<(usize, SliceImage)> =
            groups.par_iter().map(read).collect::<Result<Vec<Vec<_>>>>()?.into_iter().flatten().collect();
        images.sort_by_key(|(position, _)| *position);
        Ok(images.into_iter().map(|(_, image)| image).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_slice_is_the_first_with_most_of_the_lesion() {
        let mask = [0, 1, 0, /**/ 1, 1, 0, /**/ 0, 1, 1, /**/ 2, 2, 2u8];
        assert_eq!(largest_slice(&mask, 3, |&inside| inside == 1), 1);
        assert_eq!(largest_slice(&mask, 3, |&inside| inside > 0), 3);
        assert_eq!(largest_slice(&mask, 3, |_| false), 0);
    }
}

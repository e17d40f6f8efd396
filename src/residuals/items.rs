//! Which images are projected, and for what: drawn by the seed, patients in turn, so that no patient has more images
//! than it must.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::config::ResidualsConfig;
use crate::data::Prepared;
use crate::data::sides::Side;
use crate::data::slices::{SliceImage, Slices};
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::classes::Class;
use crate::seed::RunSeed;

/// An image of a data set as this stage sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// "sub-MS001_axial-040_z00".
    pub id: Name,
    /// Its group.
    pub patient: String,
    /// Where its slice lies, in voxels from the volume's first.
    pub level: i64,
    /// \[C, H, W\] in the network's range.
    pub pixels: Vec<f32>,
    /// \[H, W\]: what is not cut away.
    pub inside: Vec<bool>,
    /// \[H, W\]: pixels of lesions.
    pub truth: Vec<bool>,
}

impl Item {
    /// Whether it shows a lesion.
    pub fn is_lesioned(&self) -> bool {
        self.truth.contains(&true)
    }
}

/// What is the same for all images of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The channel that is measured.
    pub channel: usize,
    /// The channel that shows lesions, where no mask does.
    pub truth: Option<usize>,
    /// Rows and columns.
    pub size: (usize, usize),
    /// Units of the channel's window from end to end.
    pub range: f64,
    /// Of the channel.
    pub unit: String,
    /// Classes without lesions.
    pub healthy: Vec<Class>,
    /// Classes with lesions.
    pub lesioned: Vec<Class>,
}

/// Levels at or below this, in the network's range, are cut away: the lower end of every window is -1.
const CUT_AWAY: f32 = -1.0 + 1e-6;

impl View {
    /// Of a data set, as the settings say.
    ///
    /// # Errors
    /// A channel or a class that it does not have; nothing that says which classes are healthy.
    pub fn of(data: &Prepared, config: &ResidualsConfig) -> Result<Self> {
        let contrasts = data.contrasts();
        let names: Vec<&str> = contrasts.iter().map(|contrast| contrast.name.as_str()).collect();
        let channel_of = |asked: &str, setting: &str| {
            names.iter().position(|name| *name == asked).ok_or_else(|| {
                Problem::usage(format!("no channel {asked:?} (residuals.{setting})"))
                    .at(data.root())
                    .expected(names.join(", "))
            })
        };
        let channel = config.channel.as_deref().map(|name| channel_of(name, "channel")).transpose()?.unwrap_or(0);
        let truth = config.truth.as_deref().map(|name| channel_of(name, "truth")).transpose()?;
        let classes = data.classes();
        let named = |asked: &[String]| -> Result<Vec<Class>> {
            let known = |name: &String| {
                let class = Class::new(name.clone());
                classes.has(&class).then_some(class).ok_or_else(|| {
                    Problem::usage(format!("no class {name:?}")).at(data.root()).expected(classes.listed())
                })
            };
            asked.iter().map(known).collect()
        };
        let mut healthy = named(&config.healthy)?;
        let mut lesioned = named(&config.lesioned)?;
        if healthy.is_empty() {
            healthy.extend(classes.of_interest.clone());
        }
        if lesioned.is_empty() && !healthy.is_empty() {
            lesioned.extend(classes.names.iter().filter(|class| !healthy.contains(class)).cloned());
        }
        if healthy.is_empty() {
            return Err(Problem::usage("nothing says which classes are without lesions")
                .at(data.root())
                .expected(format!("some of {}", classes.listed()))
                .advice("name them: residuals.healthy (--healthy); of maps of anisotropy participants.tsv says it"));
        }
        let [_, height, width] = data.image_shape();
        let contrast = &contrasts[channel];
        Ok(Self {
            channel,
            truth,
            size: (height, width),
            range: 2.0 * contrast.window.scale(),
            unit: contrast.unit.clone(),
            healthy,
            lesioned,
        })
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// The measured channel of \[C, H, W\].
    pub fn plane<'a>(&self, pixels: &'a [f32]) -> &'a [f32] {
        &pixels[self.channel * self.pixels()..][..self.pixels()]
    }

    fn item<S: Side>(&self, slices: &Slices<S>, position: usize, image: SliceImage) -> Option<Item> {
        let (_, lesion) = slices.entry(position);
        let healthy = self.healthy.contains(&lesion.class);
        let truth: Vec<bool> = if let Some(channel) = self.truth {
            let contrast = &slices.prepared().contrasts()[channel];
            let plane = &image.pixels[channel * self.pixels()..][..self.pixels()];
            plane.iter().map(|&level| contrast.window.to_physical(level) >= 0.5).collect()
        } else if let Some(mask) = image.inside() {
            mask
        } else if healthy {
            vec![false; self.pixels()]
        } else {
            // What a patient's image without a mask shows is not known.
            return None;
        };
        let inside = self.plane(&image.pixels).iter().map(|&level| level > CUT_AWAY).collect();
        Some(Item {
            id: slices.id(position),
            patient: lesion.patient.clone(),
            level: lesion.centre[2],
            pixels: image.pixels,
            inside,
            truth,
        })
    }

    /// At most `count` images of the healthy classes without lesions.
    ///
    /// # Errors
    /// A patch that cannot be read.
    pub fn healthy<S: Side>(&self, side: &Slices<S>, count: u64, seed: RunSeed) -> Result<Vec<Item>> {
        self.drawn(side, &self.healthy, count, &|item| !item.is_lesioned(), seed.child("healthy", 0))
    }

    /// At most `count` images of the other classes with lesions.
    ///
    /// # Errors
    /// As [`View::healthy`].
    pub fn lesioned<S: Side>(&self, side: &Slices<S>, count: u64, seed: RunSeed) -> Result<Vec<Item>> {
        self.drawn(side, &self.lesioned, count, &Item::is_lesioned, seed.child("lesioned", 0))
    }

    /// Of each patient one image, then a second of each, until there are `count`.
    fn drawn<S: Side>(
        &self,
        side: &Slices<S>,
        classes: &[Class],
        count: u64,
        wanted: &dyn Fn(&Item) -> bool,
        seed: RunSeed,
    ) -> Result<Vec<Item>> {
        let mut of_patient: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (position, (_, lesion)) in side.entries().enumerate() {
            if classes.contains(&lesion.class) {
                of_patient.entry(&lesion.patient).or_default().push(position);
            }
        }
        let mut draws = seed.stream("residual images", 0);
        let mut queues: Vec<Vec<usize>> = of_patient.into_values().collect();
        queues.iter_mut().for_each(|positions| positions.shuffle(&mut draws));
        queues.shuffle(&mut draws);
        let mut found: Vec<Item> = vec![];
        while (found.len() as u64) < count && queues.iter().any(|queue| !queue.is_empty()) {
            for queue in &mut queues {
                if found.len() as u64 == count {
                    break;
                }
                while let Some(position) = queue.pop() {
                    let item = self.item(side, position, side.image(position)?);
                    if let Some(item) = item.filter(|item| wanted(item)) {
                        found.push(item);
                        break;
                    }
                }
            }
        }
        Ok(found)
    }
}

//! The units of a stage that draws: ranges of its seeds.
//!
//! An image depends on its seed alone. Ranges are whole batches of the list all the same: what passes through the
//! network together is then what would without them.

use std::path::Path;

use super::drawing::Drawing;
use super::stage::{Inputs, opened};
use super::{Format, GenerateConfig};
use crate::engine::Lab;
use crate::latent::draw::BATCH;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::settings::Settings;
use crate::units::{Share, Unit};

/// Ranges of a list, unless they would have more than [`MOST`] images.
const RANGES: usize = 100;

/// Images of a range, at most: those of 512 pixels and four channels are a file of 1 GB.
const MOST: usize = 256;

/// Seeds that are drawn by one process.
pub(super) struct Range<'a> {
    /// "range-00003".
    pub name: Name,
    /// In the order of the settings.
    pub seeds: &'a [u32],
}

impl<'a> Range<'a> {
    /// The ranges of these seeds, in their order.
    pub fn all(seeds: &'a [u32]) -> Vec<Self> {
        let size = seeds.len().div_ceil(RANGES).next_multiple_of(BATCH).clamp(BATCH, MOST);
        let range = |(number, seeds)| Self { name: Name::of_known(&format!("range-{number:05}")), seeds };
        seeds.chunks(size).enumerate().map(range).collect()
    }

    /// Its seeds as settings spell them: "0-15".
    fn spelled(&self) -> String {
        let runs = self.seeds.chunk_by(|one, next| one.checked_add(1) == Some(*next));
        let spelled = runs.map(|run| match run {
            [one] => one.to_string(),
            _ => format!("{}-{}", run[0], run[run.len() - 1]),
        });
        spelled.collect::<Vec<_>>().join(",")
    }
}

/// The units of a stage with these settings, from which alone they follow.
///
/// # Errors
/// A bad list of seeds.
pub fn units(config: &GenerateConfig) -> Result<Vec<Unit>> {
    let seeds = config.seed_numbers()?;
    let unit = |range: &Range<'_>| Unit { name: range.name.clone(), items: vec![range.spelled()] };
    Ok(Range::all(&seeds).iter().map(unit).collect())
}

/// Makes a share of the units of [`super::stage::run_with`].
///
/// # Errors
/// `Kind::Interrupted` once asked to stop; finished units stay. Otherwise as [`super::run_stage`].
pub fn run_share(inputs: Inputs<'_>, config: &GenerateConfig, share: &Share, lab: &Lab<'_>) -> Result<()> {
    config.check()?;
    let to_do = share.to_do(units(config)?)?;
    if to_do.is_empty() {
        return Ok(());
    }
    let opened = opened(inputs, config, lab)?;
    let seeds = config.seed_numbers()?;
    let ranges = Range::all(&seeds);
    let images: usize = to_do.iter().map(|&place| ranges[place].seeds.len()).sum();
    lab.observer.begin("generate", "images", images as u64);
    for range in to_do.into_iter().map(|place| &ranges[place]) {
        // One of its own for each: a range is as much as may lie there at a time.
        let workplace = share.workplace()?;
        let out: &Path = workplace.path();
        let drawing = Drawing { opened: &opened, config, seeds: &seeds, out };
        let with_arrays = config.formats.contains(&Format::Npy);
        drawing.draw(range.seeds, lab.observer, &mut |seed, image| {
            if with_arrays { Ok(()) } else { drawing.array(seed, image) }
        })?;
        share.leave(&range.name, out, range.seeds.iter().flat_map(|&seed| drawing.names_in_unit(seed)))?;
        workplace.close().map_err(|error| Problem::io(std::env::temp_dir(), "clearing", error))?;
    }
    lab.observer.end();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_whole_batches_of_the_list_and_few() {
        let sizes = |count: u32| -> Vec<usize> {
            let seeds: Vec<u32> = (0..count).collect();
            let ranges = Range::all(&seeds);
            assert_eq!(ranges.iter().flat_map(|range| range.seeds).copied().collect::<Vec<_>>(), seeds);
            ranges.iter().map(|range| range.seeds.len()).collect()
        };
        assert_eq!(sizes(1), [1]);
        assert_eq!(sizes(40), [16, 16, 8]);
        assert_eq!((sizes(1600).len(), sizes(1601)[0], sizes(16_000).len()), (100, 32, 100));
        let many = sizes(100_000);
        assert!(many[0] == MOST && many.len() == 391 && many.iter().all(|size| *size == MOST || *size == 160));
    }

    #[test]
    fn seeds_are_spelled_as_in_settings() {
        let config = |seeds: &str| GenerateConfig { seeds: seeds.into(), ..GenerateConfig::default() };
        let spelled = |seeds: &str| units(&config(seeds)).unwrap().into_iter().flat_map(|unit| unit.items);
        assert_eq!(spelled("30,0-17,4294967295").collect::<Vec<_>>(), ["30,0-14", "15-17,4294967295"]);
        assert!(units(&config("1,1")).is_err());
    }
}

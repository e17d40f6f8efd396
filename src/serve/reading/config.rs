//! How a reader study is composed; fixed when it is begun, and kept with its answers.

use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Result};
use crate::records::reading::Source;

/// Most images: each is held in memory, and nobody answers more.
pub const MOST_ITEMS: usize = 2000;

/// Composition of a reader study.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadConfig {
    /// Images in all, each shown once in each task; at most [`MOST_ITEMS`].
    pub items: usize,
    /// Of them, how many come a second time in each task; at most half.
    pub repeats: usize,
    /// Every choice and every order derives from it.
    pub seed: u64,
    /// Where images come from; real and synthetic ones three parts each, other ones two, contested and denoised ones
    /// one. Real and synthetic alone are the paper's 55 and 55.
    pub sources: Vec<Source>,
}

impl Default for ReadConfig {
    fn default() -> Self {
        Self { items: 110, repeats: 20, seed: 1, sources: Source::ALL.to_vec() }
    }
}

/// What was typed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// As in [`ReadConfig`].
    pub items: Option<usize>,
    /// As in [`ReadConfig`].
    pub repeats: Option<usize>,
    /// As in [`ReadConfig`].
    pub seed: Option<u64>,
    /// As in [`ReadConfig`]; in any order.
    pub sources: Option<Vec<Source>>,
}

impl Asked {
    /// What was typed over `base`.
    pub fn over(&self, base: &ReadConfig) -> ReadConfig {
        let listed = |asked: &Vec<Source>| Source::ALL.into_iter().filter(|source| asked.contains(source)).collect();
        ReadConfig {
            items: self.items.unwrap_or(base.items),
            repeats: self.repeats.unwrap_or(base.repeats),
            seed: self.seed.unwrap_or(base.seed),
            sources: self.sources.as_ref().map_or_else(|| base.sources.clone(), listed),
        }
    }
}

impl ReadConfig {
    /// Refuses what cannot be shown.
    ///
    /// # Errors
    /// `Kind::Usage` with the value and what would be right.
    pub fn check(&self) -> Result<()> {
        if !(2..=MOST_ITEMS).contains(&self.items) {
            return Err(Problem::usage(format!("items = {}", self.items)).expected(format!("2 to {MOST_ITEMS}")));
        }
        if self.repeats > self.items / 2 {
            return Err(Problem::usage(format!("repeats = {} of {} items", self.repeats, self.items))
                .expected("at most half of the items, so that the second time comes long after the first"));
        }
        let both = [true, false].map(|measured| self.sources.iter().any(|source| source.is_measured() == measured));
        if both != [true; 2] {
            let names: Vec<&str> = self.sources.iter().map(|source| source.name()).collect();
            return Err(Problem::usage(format!("sources = {:?}", names.join(",")))
                .expected("one of real, other and contested, and one of synthetic and denoised"));
        }
        Ok(())
    }

    /// Images asked of each source, in the order of [`Source::ALL`]; as many contested as denoised ones, which come in
    /// pairs.
    pub fn counts(&self) -> Vec<(Source, usize)> {
        let parts = |source: Source| match source {
            Source::Real | Source::Synthetic => 3,
            Source::Other => 2,
            Source::Contested | Source::Denoised => 1,
        };
        let all: usize = self.sources.iter().map(|&source| parts(source)).sum();
        let mut counts: Vec<(Source, usize)> =
            self.sources.iter().map(|&source| (source, self.items * parts(source) / all)).collect();
        let mut left = self.items - counts.iter().map(|(_, count)| count).sum::<usize>();
        let pair = |source: Source| !matches!(source, Source::Contested | Source::Denoised);
        while left > 0 {
            let before = left;
            for (_, count) in counts.iter_mut().filter(|(source, _)| pair(*source)).take(left) {
                *count += 1;
                left -= 1;
            }
            if left == before {
                // Pairs alone: an odd image out.
                break;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(items: usize, sources: &[Source]) -> Vec<usize> {
        let config = ReadConfig { items, sources: sources.to_vec(), ..ReadConfig::default() };
        config.counts().iter().map(|(_, count)| *count).collect()
    }

    /// 110 in parts of 3, 3, 2, 1, 1 of ten; the paper's 55 and 55.
    #[test]
    fn images_are_shared_out_among_the_sources() {
        assert_eq!(counts(110, &Source::ALL), [33, 33, 22, 11, 11]);
        assert_eq!(counts(110, &[Source::Real, Source::Synthetic]), [55, 55]);
        assert_eq!(counts(12, &Source::ALL), [4, 4, 2, 1, 1]);
        assert_eq!(counts(13, &[Source::Contested, Source::Denoised]), [6, 6]);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let says = |config: ReadConfig| config.check().unwrap_err().to_string();
        let good = ReadConfig::default();
        good.check().unwrap();
        assert!(says(ReadConfig { items: 1, repeats: 0, ..good.clone() }).contains("items = 1; expected 2 to 2000"));
        assert!(says(ReadConfig { repeats: 56, ..good.clone() }).contains("repeats = 56 of 110 items"));
        assert!(says(ReadConfig { sources: vec![Source::Real], ..good.clone() }).contains("sources = \"real\""));
        let asked = Asked { sources: Some(vec![Source::Synthetic, Source::Real]), seed: Some(7), ..Asked::default() };
        let config = asked.over(&good);
        assert_eq!((config.seed, config.items), (7, 110));
        assert_eq!(config.sources, [Source::Real, Source::Synthetic], "in one order however they were typed");
    }
}

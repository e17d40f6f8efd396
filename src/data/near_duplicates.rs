//! Photographs that are nearly the same and count as of different lesions.

use rayon::prelude::*;

use super::extracted::stop_if_asked;
use super::thumbnail::{BITS, TURNS, Thumbnail};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};

/// Photographs that are compared with all before them between two looks whether to stop.
const BLOCK: usize = 256;

/// Pairs that are kept: of photographs of different lesions nearly none are alike, so more mean something else.
const MOST: usize = 200_000;

/// All pairs of photographs of different lesions that show the same, whatever their brightness and however mirrored or
/// turned, as places in `thumbnails`, the smaller first, sorted; `lesions` says by number which lesion each shows.
///
/// Each is compared with each: 10,000 take about a second on one core, their number squared.
///
/// # Errors
/// More than 200,000 pairs, or a request to stop.
pub(super) fn pairs(
    thumbnails: &[Thumbnail],
    lesions: &[usize],
    observer: &dyn Observer,
) -> Result<Vec<(usize, usize)>> {
    let hashes: Vec<u64> = thumbnails.par_iter().map(Thumbnail::hash).collect();
    let mut found = Vec::new();
    observer.begin("comparing photographs", "photographs", thumbnails.len() as u64);
    for start in (0..thumbnails.len()).step_by(BLOCK) {
        stop_if_asked(observer)?;
        let block = start..(start + BLOCK).min(thumbnails.len());
        let count = block.len() as u64;
        let before = |at: usize| {
            let turns: Vec<Thumbnail> = (0..TURNS).map(|turn| thumbnails[at].turned(turn)).collect();
            let turned: Vec<u64> = turns.iter().map(Thumbnail::hash).collect();
            let same = |other: usize| {
                let near = |turn: usize| (turned[turn] ^ hashes[other]).count_ones() <= BITS;
                (0..TURNS).any(|turn| near(turn) && turns[turn].shows_the_same_as(&thumbnails[other]))
            };
            let others = (0..at).filter(|&other| lesions[other] != lesions[at] && same(other));
            others.map(|other| (other, at)).collect::<Vec<_>>()
        };
        found.extend(block.into_par_iter().flat_map_iter(before).collect::<Vec<_>>());
        if found.len() > MOST {
            return Err(Problem::new(Kind::Input, format!("more than {MOST} pairs of photographs that look the same"))
                .expected("photographs of different lesions, few of which are alike")
                .advice("look at some of them: are they all blank, or copies?"));
        }
        observer.advance(count);
    }
    observer.end();
    found.sort_unstable();
    Ok(found)
}

/// The first photograph of `known` and of `others` (each \[channels, side, side\], 0 to 255) that show the same, as
/// places in either.
///
/// # Errors
/// A request to stop.
pub fn between(
    known: &[Vec<f32>],
    others: &[Vec<f32>],
    side: usize,
    observer: &dyn Observer,
) -> Result<Option<(usize, usize)>> {
    let thumbnails: Vec<Thumbnail> = known.par_iter().chain(others).map(|planes| Thumbnail::of(planes, side)).collect();
    // As of two lesions: those of one set are not compared.
    let sets: Vec<usize> = (0..thumbnails.len()).map(|at| usize::from(at >= known.len())).collect();
    let found = pairs(&thumbnails, &sets, observer)?;
    Ok(found.first().map(|&(one, other)| (one, other - known.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    /// A dark patch on a slope.
    fn thumbnail(x: f32, y: f32) -> Thumbnail {
        let level = |at: usize| {
            let (row, column) = ((at / 32) as f32, (at % 32) as f32);
            150.0 + column - 90.0 * (-((column - x).powi(2) + (row - y).powi(2)) / 40.0).exp()
        };
        Thumbnail::of(&(0..1024).map(level).collect::<Vec<_>>(), 32)
    }

    #[test]
    fn copies_of_other_lesions_are_paired_whatever_their_turn() {
        let first = thumbnail(20.0, 9.0);
        let all = [first.clone(), thumbnail(9.0, 24.0), first.turned(6), thumbnail(26.0, 16.0), first.clone()];
        assert_eq!(pairs(&all, &[0, 1, 2, 3, 4], &Silent).unwrap(), [(0, 2), (0, 4), (2, 4)]);
        assert_eq!(pairs(&all, &[0, 1, 2, 3, 0], &Silent).unwrap(), [(0, 2), (2, 4)]);
        assert_eq!(pairs(&[], &[], &Silent).unwrap(), []);
    }

    #[test]
    fn copies_between_two_sets_are_found_and_those_within_one_are_not() {
        let planes = |x: f32| -> Vec<f32> {
            let level = |at: usize| {
                let (row, column) = ((at / 32 % 32) as f32, (at % 32) as f32);
                150.0 + column - 90.0 * (-((column - x).powi(2) + (row - 9.0).powi(2)) / 40.0).exp()
            };
            (0..3 * 1024).map(level).collect()
        };
        let brighter: Vec<f32> = planes(20.0).iter().map(|level| level * 0.97 + 9.0).collect();
        let (known, others) = ([planes(9.0), planes(9.0), planes(20.0)], [planes(26.0), brighter]);
        assert_eq!(between(&known, &others, 32, &Silent).unwrap(), Some((2, 1)));
        assert_eq!(between(&known, &others[..1], 32, &Silent).unwrap(), None);
    }

    #[test]
    fn a_set_of_blanks_is_refused_before_its_pairs_fill_the_memory() {
        let blank = Thumbnail::of(&[9.0; 16], 4);
        let many = vec![blank; 900];
        let said = pairs(&many, &(0..900).collect::<Vec<_>>(), &Silent).unwrap_err().to_string();
        assert!(said.contains("more than 200000 pairs"), "{said}");
    }
}

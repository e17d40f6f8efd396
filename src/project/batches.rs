//! Which batches are still to be projected.
//!
//! How a batch is multiplied and summed depends on how many images are in it, so that an image's last bits depend on
//! those beside it. Batches are therefore cut from the whole list of targets, whatever is finished of it; one of which
//! anything is missing is projected whole; and a finished image says which batch it was in.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::engine::Place;
use crate::observer::Observer;
use crate::problem::Result;
use crate::records::arithmetic::Arithmetic;

/// What a finished image says of how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Hash of the fingerprints of the images that were projected together, in their order.
    pub batch: String,
    /// How it was computed.
    pub arithmetic: Arithmetic,
}

/// A finished image, as far as batches go: how it was made, `None` where an older version did not say.
pub type Finished<'a> = Option<&'a Made>;

/// The list of targets cut into batches.
pub struct Batches<'a> {
    place: &'a Place,
    size: usize,
    /// Of each batch.
    hashes: Vec<String>,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct ToDo {
    /// Places in the list of targets, batch by batch; all batches but the list's last are full, so that to cut them
    /// again gives the same ones.
    pub places: Vec<usize>,
    /// For each place in the list whether its files are kept as they are.
    pub kept: Vec<bool>,
}

impl<'a> Batches<'a> {
    /// Of targets with these fingerprints, `size` together, computed at `place`.
    pub fn new(prints: &[String], size: usize, place: &'a Place) -> Self {
        let hash = |batch: &[String]| digest::sha256(batch.concat());
        Self { place, size, hashes: prints.chunks(size).map(hash).collect() }
    }

    /// What is said of the image at one place of the list, made now.
    pub fn made(&self, at: usize) -> Made {
        Made { batch: self.hashes[at / self.size].clone(), arithmetic: self.place.arithmetic.clone() }
    }

    /// Names of descents under way: of each place in the list, with all that its result depends on.
    pub fn traced(&self, prints: &[String]) -> Result<Vec<String>> {
        let arithmetic = crate::files::json_line(&self.place.arithmetic)?;
        let of = |(at, print): (usize, &String)| {
            digest::sha256(format!("{print} {} {arithmetic}", self.hashes[at / self.size]))
        };
        Ok(prints.iter().enumerate().map(of).collect())
    }

    /// What is still to be done where `finished` images of the list are there (`None`: not). `others` are parts of the
    /// same work that were done before; `at` is where all that lies.
    ///
    /// # Errors
    /// There is something to do, and what is kept was computed otherwise, and nobody asked to go on all the same.
    pub fn to_do(
        &self,
        finished: &[Option<Finished<'_>>],
        others: &[Arithmetic],
        at: &Path,
        observer: &dyn Observer,
    ) -> Result<ToDo> {
        let mut to_do = ToDo { places: Vec::new(), kept: vec![true; finished.len()] };
        let (mut before, mut regrouped, mut unknown): (Vec<&Arithmetic>, _, _) = (others.iter().collect(), 0, false);
        for ((number, batch), hash) in finished.chunks(self.size).enumerate().zip(&self.hashes) {
            let of_batch = |made: &&Made| made.batch == *hash;
            before.extend(batch.iter().flatten().flatten().filter(|made| of_batch(made)).map(|made| &made.arithmetic));
            let alike = batch.iter().all(|one| *one == batch[0]) && batch[0].is_some();
            if alike && batch[0].flatten().is_none_or(|made| of_batch(&made)) {
                unknown |= batch[0] == Some(None);
                continue;
            }
            regrouped += batch.iter().flatten().filter(|made| made.is_none_or(|made| !of_batch(&made))).count();
            for (row, one) in batch.iter().enumerate() {
                let place = number * self.size + row;
                to_do.places.push(place);
                to_do.kept[place] = one.flatten().is_some_and(|made| *made == self.made(place));
            }
        }
        if to_do.places.is_empty() {
            return Ok(to_do);
        }
        for begun in Arithmetic::distinct(before) {
            if let Some(words) = self.place.go_on(&begun, at)? {
                observer.note(&format!("going on with what was begun with {words}; the record says so"));
            }
        }
        if regrouped > 0 {
            observer.note(&format!(
                "{regrouped} finished images were projected beside others (another batch size or list, or an older \
                 version): made again, since that changes their last bits"
            ));
        }
        if unknown {
            observer.note(
                "finished images of an older version do not say with how many threads and which instructions they \
                 were made; they are kept",
            );
        }
        Ok(to_do)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::observer::Silent;
    use crate::problem::Kind;

    fn prints(count: usize) -> Vec<String> {
        (0..count).map(|at| format!("print {at}")).collect()
    }

    #[test]
    fn a_batch_is_done_whole_and_finished_batches_are_left_alone() {
        let place = Place::here(Device::Cpu);
        let batches = Batches::new(&prints(8), 3, &place);
        let made: Vec<Made> = (0..8).map(|at| batches.made(at)).collect();
        let to_do = |missing: &[usize]| {
            let finished: Vec<_> = (0..8).map(|at| (!missing.contains(&at)).then_some(Some(&made[at]))).collect();
            batches.to_do(&finished, &[], Path::new("out"), &Silent).unwrap()
        };
        assert_eq!(to_do(&[]), ToDo { places: vec![], kept: vec![true; 8] });
        let found = to_do(&[1]);
        assert_eq!(found.places, [0, 1, 2]);
        assert_eq!(found.kept, [true, false, true, true, true, true, true, true]);
        // The last batch has two: what is to be done, cut into threes again, is the same batches.
        assert_eq!(to_do(&[0, 7]).places, [0, 1, 2, 6, 7]);
        assert_eq!(to_do(&[0, 1, 2, 3, 4, 5, 6, 7]).places, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn images_of_other_batches_are_made_again() {
        let place = Place::here(Device::Cpu);
        let by_three = Batches::new(&prints(6), 3, &place);
        let made: Vec<Made> = (0..6).map(|at| by_three.made(at)).collect();
        let places = |prints: &[String], size: usize| {
            let batches = Batches::new(prints, size, &place);
            let finished: Vec<_> = (0..prints.len()).map(|at| made.get(at).map(Some)).collect();
            batches.to_do(&finished, &[], Path::new("out"), &Silent).unwrap()
        };
        assert_eq!(places(&prints(6), 2), ToDo { places: vec![0, 1, 2, 3, 4, 5], kept: vec![false; 6] });
        // A list that has grown behind its full batches keeps them.
        assert_eq!(places(&prints(8), 3).places, [6, 7]);
        assert_eq!(places(&prints(5), 3).places, [3, 4]);
    }

    #[test]
    fn what_was_computed_otherwise_is_not_gone_on_with_unasked() {
        let here = Place::here(Device::Cpu);
        let there = here.with_threads(here.arithmetic.threads.unwrap() + 1);
        let made: Vec<Made> = (0..4).map(|at| Batches::new(&prints(4), 2, &there).made(at)).collect();
        let finished = |count: usize| -> Vec<_> { (0..4).map(|at| (at < count).then_some(Some(&made[at]))).collect() };
        let at = Path::new("out");
        let batches = Batches::new(&prints(4), 2, &here);
        assert!(batches.to_do(&finished(4), &[], at, &Silent).unwrap().places.is_empty(), "all is done");
        let problem = batches.to_do(&finished(3), &[], at, &Silent).unwrap_err();
        assert!(problem.kind() == Kind::Usage && problem.to_string().contains("--elsewhere"), "{problem}");
        // A part of the work before the images counts, too.
        let others = [there.arithmetic.clone()];
        assert!(batches.to_do(&[None; 4], &others, at, &Silent).is_err());
        let anywhere = Place { elsewhere: true, ..here.clone() };
        let found = Batches::new(&prints(4), 2, &anywhere).to_do(&finished(3), &[], at, &Silent).unwrap();
        assert_eq!(found, ToDo { places: vec![2, 3], kept: vec![true, true, false, false] });
    }

    #[test]
    fn what_older_versions_made_is_kept_where_nothing_is_missing_of_its_batch() {
        let place = Place::here(Device::Cpu);
        let batches = Batches::new(&prints(4), 2, &place);
        let to_do =
            |finished: &[Option<Finished<'_>>]| batches.to_do(finished, &[], Path::new("out"), &Silent).unwrap().places;
        assert!(to_do(&[Some(None); 4]).is_empty());
        assert_eq!(to_do(&[Some(None), Some(None), Some(None), None]), [2, 3]);
        let made = batches.made(0);
        assert_eq!(to_do(&[Some(None), Some(Some(&made)), Some(None), Some(None)]), [0, 1]);
    }

    #[test]
    fn a_descent_is_known_by_its_batch_and_its_arithmetic() {
        let here = Place::here(Device::Cpu);
        let there = here.with_threads(99);
        let traced = |size, place: &Place| Batches::new(&prints(2), size, place).traced(&prints(2)).unwrap();
        let all = [traced(1, &here), traced(2, &here), traced(2, &there)];
        assert!(all[0][0] != all[1][0] && all[1][0] != all[2][0] && all[1][0] != all[1][1]);
        assert_eq!(traced(2, &here), all[1]);
    }
}

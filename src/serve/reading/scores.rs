//! From answers to table 1: shares with intervals, accuracy, agreement of a reader with himself and with others.

use std::collections::BTreeMap;

use super::items::{Item, Items};
use super::store::{Answer, Reader};
use crate::records::Interval;
use crate::records::reading::{Agreement, Called, Denoising, PairRecord, ReaderRecord, Source, Task, TaskRecord};
use crate::seed::RunSeed;
use crate::statistics::agreement::VoteTable;
use crate::statistics::bootstrap::ClusterBootstrap;
use crate::statistics::compare::mcnemar_exact;
use crate::statistics::order::median;
use crate::statistics::proportion::clustered;

/// What scores are made of.
pub struct Scoring<'a> {
    /// The images.
    pub items: &'a Items,
    /// Whether each image truly is of the class of interest: measured images of a simulated cohort.
    pub truth: Vec<Option<bool>>,
    /// Of the intervals' draws.
    pub seed: RunSeed,
}

/// Number of an image, and the answer.
type Vote = (usize, bool);

impl Scoring<'_> {
    /// One reader, whose order has `questions`.
    pub fn reader(&self, reader: &Reader, questions: usize) -> ReaderRecord {
        let tasks = Task::ALL.into_iter().filter_map(|task| self.of_reader(reader, task)).collect();
        ReaderRecord {
            name: reader.name.to_string(),
            answered: reader.answers.len() as u64,
            questions: questions as u64,
            withdrawn: reader.withdrawn,
            tasks,
        }
    }

    fn of_reader(&self, reader: &Reader, task: Task) -> Option<TaskRecord> {
        let firsts = firsts(reader, task);
        let mut record = self.task(task, &[firsts.as_slice()])?;
        let first: BTreeMap<usize, bool> = firsts.into_iter().collect();
        let again = answers(reader, task).filter(|answer| answer.again);
        let twice: Vec<(usize, bool, bool)> =
            again.filter_map(|answer| Some((answer.item, *first.get(&answer.item)?, answer.yes))).collect();
        record.again = self.agreement(&twice);
        record.median_seconds = median(answers(reader, task).map(|answer| f64::from(answer.milliseconds) / 1000.0));
        Some(record)
    }

    /// All readers together.
    pub fn together(&self, readers: &[Reader]) -> Vec<TaskRecord> {
        let of = |task: Task| -> Vec<Vec<Vote>> { readers.iter().map(|reader| firsts(reader, task)).collect() };
        let record = |task: Task| {
            let votes = of(task);
            self.task(task, &votes.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        Task::ALL.into_iter().filter_map(record).collect()
    }

    /// Each two readers in each task.
    pub fn pairs(&self, readers: &[Reader]) -> Vec<PairRecord> {
        let mut pairs = Vec::new();
        for (at, one) in readers.iter().enumerate() {
            for other in &readers[at + 1..] {
                for task in Task::ALL {
                    let theirs: BTreeMap<usize, bool> = firsts(other, task).into_iter().collect();
                    let both: Vec<(usize, bool, bool)> = firsts(one, task)
                        .into_iter()
                        .filter_map(|(item, yes)| Some((item, yes, *theirs.get(&item)?)))
                        .collect();
                    let readers = [one, other].map(|reader| reader.name.to_string());
                    let agreement = self.agreement(&both);
                    pairs.extend(agreement.map(|agreement| PairRecord { readers, task, agreement }));
                }
            }
        }
        pairs
    }

    fn item(&self, number: usize) -> &Item {
        &self.items.list[number]
    }

    /// `by_reader` holds each reader's votes; `None` without an answer.
    fn task(&self, task: Task, by_reader: &[&[Vote]]) -> Option<TaskRecord> {
        let votes: Vec<Vote> = by_reader.concat();
        if votes.is_empty() {
            return None;
        }
        let pairs: Vec<_> = by_reader.iter().flat_map(|votes| self.denoised_pairs(votes)).collect();
        let called = Source::ALL.into_iter().filter_map(|source| {
            let of = || votes.iter().filter(|(item, _)| self.item(*item).source == source);
            let share = self.share(of().copied())?;
            Some(Called { source, yes: of().filter(|(_, yes)| *yes).count() as u64, share })
        });
        let right = |is: &dyn Fn(usize) -> Option<bool>| {
            self.share(votes.iter().filter_map(|&(item, yes)| Some((item, is(item)? == yes))))
        };
        let class = task == Task::Class;
        Some(TaskRecord {
            task,
            answered: votes.len() as u64,
            called: called.collect(),
            accuracy: match task {
                Task::Origin => right(&|item| Some(self.item(item).source.is_measured())),
                Task::Class => right(&|item| self.item(item).source.label()),
            },
            accuracy_to_truth: class.then(|| right(&|item| self.truth[item])).flatten(),
            again: None,
            denoising: class.then(|| self.denoising(&pairs)).flatten(),
            median_seconds: None,
        })
    }

    fn share(&self, hits: impl Iterator<Item = Vote>) -> Option<Interval> {
        clustered(hits.map(|(item, hit)| (self.item(item).group.as_str(), hit)))
    }

    /// Of (image, one answer, another answer).
    fn agreement(&self, twice: &[(usize, bool, bool)]) -> Option<Agreement> {
        let table = VoteTable::from_votes(twice.iter().map(|&(_, one, other)| (one, other)));
        let same = self.share(twice.iter().map(|&(item, one, other)| (item, one == other)))?;
        let kappa = |copies: &[u32]| {
            let drawn = twice.iter().zip(copies);
            let votes = drawn.flat_map(|(&(_, one, other), &times)| std::iter::repeat_n((one, other), times as usize));
            VoteTable::from_votes(votes).kappa()
        };
        let groups: Vec<&str> = twice.iter().map(|(item, ..)| self.item(*item).group.as_str()).collect();
        Some(Agreement {
            both: table.both,
            first_only: table.first_only,
            second_only: table.second_only,
            neither: table.neither,
            same,
            kappa: table.kappa(),
            kappa_interval: ClusterBootstrap::by_patient(&groups, self.seed).interval(kappa),
        })
    }

    /// Contested images that a reader has answered both as measured and denoised: (patient, before, after).
    fn denoised_pairs(&self, votes: &[Vote]) -> Vec<(&str, bool, bool)> {
        let of = |source: Source| -> BTreeMap<&str, (&str, bool)> {
            let mine = votes.iter().map(|&(number, yes)| (self.item(number), yes));
            let mine = mine.filter(|(item, _)| item.source == source);
            mine.map(|(item, yes)| (item.id.as_str(), (item.group.as_str(), yes))).collect()
        };
        let denoised = of(Source::Denoised);
        let originals = of(Source::Contested).into_iter();
        originals.filter_map(|(id, (group, before))| Some((group, before, denoised.get(id)?.1))).collect()
    }

    fn denoising(&self, pairs: &[(&str, bool, bool)]) -> Option<Denoising> {
        let table = VoteTable::from_votes(pairs.iter().map(|&(_, before, after)| (before, after)));
        let difference = |copies: &[u32]| {
            let gain = |before: bool, after: bool| f64::from(i8::from(after) - i8::from(before));
            let drawn = pairs.iter().zip(copies);
            let sum: f64 = drawn.map(|(&(_, before, after), &times)| f64::from(times) * gain(before, after)).sum();
            let count: u32 = copies.iter().sum();
            (count > 0).then(|| sum / f64::from(count))
        };
        let groups: Vec<&str> = pairs.iter().map(|(group, ..)| *group).collect();
        (!pairs.is_empty()).then(|| Denoising {
            both: table.both,
            original_only: table.first_only,
            denoised_only: table.second_only,
            neither: table.neither,
            difference: ClusterBootstrap::by_patient(&groups, self.seed).interval(difference),
            p: mcnemar_exact(table.first_only, table.second_only),
        })
    }
}

fn answers(reader: &Reader, task: Task) -> impl Iterator<Item = &Answer> {
    reader.answers.iter().filter(move |answer| answer.task == task)
}

fn firsts(reader: &Reader, task: Task) -> Vec<Vote> {
    answers(reader, task).filter(|answer| !answer.again).map(|answer| (answer.item, answer.yes)).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::super::items::tests::made_up;
    use super::*;
    use crate::name::Name;
    use crate::statistics::proportion::wilson;

    /// First answers `yes` of the images in turn, and a second answer of image 0.
    fn reader(name: &str, task: Task, yes: &[bool], again: Option<bool>) -> Reader {
        let answer = |question, item, yes, again| Answer { question, task, item, again, yes, milliseconds: 2000 };
        let mut answers: Vec<Answer> = yes.iter().enumerate().map(|(at, &yes)| answer(at, at, yes, false)).collect();
        answers.extend(again.map(|yes| answer(answers.len(), 0, yes, true)));
        Reader { name: Name::of_known(name), answers, withdrawn: 0 }
    }

    fn scoring(items: &Items) -> Scoring<'_> {
        let truth = items.list.iter().map(|item| item.source.is_measured().then_some(item.source == Source::Real));
        Scoring { items, truth: truth.collect(), seed: RunSeed(1) }
    }

    /// Ten images, the five sources in turn, the first five called real: of each source one of two. Right are the
    /// measured ones among the first (real, other, contested) and the drawn among the last (synthetic, denoised).
    #[test]
    fn table_one_by_hand() {
        let items = made_up(10);
        let yes: Vec<bool> = (0..10).map(|at| at < 5).collect();
        let record = scoring(&items).reader(&reader("a", Task::Origin, &yes, Some(false)), 24);
        assert_eq!((record.answered, record.tasks.len()), (11, 1));
        let task = &record.tasks[0];
        assert_eq!(task.answered, 10, "the second answer to an image is none of table 1");
        assert_eq!(task.called.iter().map(|called| called.source).collect::<Vec<_>>(), Source::ALL);
        assert!(task.called.iter().all(|called| called.yes == 1 && called.share.value == 0.5 && called.share.n == 2));
        let synthetic = &task.called[1].share;
        let independent = wilson(1, 2).unwrap();
        assert_eq!((synthetic.low, synthetic.high), (independent.low, independent.high));
        assert_abs_diff_eq!(task.accuracy.as_ref().unwrap().value, 0.5);
        let again = task.again.as_ref().unwrap();
        assert_eq!((again.first_only, again.same.value, again.kappa), (1, 0.0, Some(0.0)));
        assert_eq!(task.median_seconds, Some(2.0));
        assert!(task.denoising.is_none() && task.accuracy_to_truth.is_none());
    }

    /// Rims are called in the real and the denoised images: all labels are met; of the measured ones, of which only
    /// the real are rims, all truths; each contested lesion is a rim once it is denoised.
    #[test]
    fn the_second_task_knows_labels_truth_and_pairs() {
        let items = made_up(20);
        let yes: Vec<bool> = (0..20).map(|at| at % 5 == 0 || at % 5 == 4).collect();
        let task = scoring(&items).reader(&reader("a", Task::Class, &yes, None), 24).tasks.remove(0);
        assert_eq!(task.accuracy.as_ref().map(|share| (share.value, share.n)), Some((1.0, 8)));
        assert_eq!(task.accuracy_to_truth.as_ref().map(|share| (share.value, share.n)), Some((1.0, 12)));
        let denoising = task.denoising.unwrap();
        assert_eq!((denoising.denoised_only, denoising.both, denoising.original_only, denoising.neither), (4, 0, 0, 0));
        assert_eq!(denoising.difference.map(|gain| (gain.value, gain.low)), Some((1.0, 1.0)));
        assert_abs_diff_eq!(denoising.p, 0.125, epsilon = 1e-12);
        assert!(task.again.is_none());
    }

    /// Two readers who agree on 15 of 20 images: as in the textbook, yes by both 8, by neither 7; expected agreement
    /// (11 x 10 + 9 x 10) / 400 = .5, kappa (.75 - .5) / .5 = .5.
    #[test]
    fn readers_are_compared_on_what_both_have_answered() {
        let items = made_up(25);
        let one: Vec<bool> = (0..25).map(|at| at < 11).collect();
        let other: Vec<bool> = (0..20).map(|at| at < 8 || (11..13).contains(&at)).collect();
        let readers = [reader("a", Task::Class, &one, None), reader("b", Task::Class, &other, None)];
        let pairs = scoring(&items).pairs(&readers);
        assert_eq!(pairs.len(), 1);
        let found = &pairs[0].agreement;
        assert_eq!((found.both, found.first_only, found.second_only, found.neither), (8, 3, 2, 7));
        assert_abs_diff_eq!(found.kappa.unwrap(), 0.5, epsilon = 1e-12);
        let interval = found.kappa_interval.as_ref().unwrap();
        assert!(interval.low < 0.5 && 0.5 < interval.high && interval.method.contains("patient-cluster bootstrap"));
        let together = scoring(&items).together(&readers);
        assert_eq!((together.len(), together[0].answered), (1, 45));
        // 5 patients have the pairs of 25 images; those of the first reader are 5, of the second 4.
        let Denoising { both, original_only, denoised_only, neither, .. } = together[0].denoising.clone().unwrap();
        assert_eq!(both + original_only + denoised_only + neither, 9);
    }
}

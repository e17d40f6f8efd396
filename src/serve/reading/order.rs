//! In which order a reader sees the images: shuffled by seed and reader, repeats long after the first time.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::items::Item;
use crate::name::Name;
use crate::records::reading::Task;
use crate::seed::RunSeed;

/// Orders that are tried; the one in which the two images of a lesion lie farthest apart is taken.
const TRIES: u64 = 100;

/// One question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub task: Task,
    /// Of the image of this number.
    pub item: usize,
    /// The image comes the second time in this task.
    pub again: bool,
}

/// All questions of a reader, one task after the other; which comes first is drawn, too.
pub fn questions(items: &[Item], repeats: usize, seed: RunSeed, reader: &Name) -> Vec<Question> {
    let seed = seed.child(&format!("reader {reader}"), 0);
    let mut tasks = Task::ALL;
    if seed.stream("first task", 0).random::<bool>() {
        tasks.reverse();
    }
    tasks.into_iter().flat_map(|task| of_task(items, repeats, seed, task)).collect()
}

fn of_task(items: &[Item], repeats: usize, seed: RunSeed, task: Task) -> Vec<Question> {
    let order = apart(items, seed, task);
    let count = order.len();
    // As far behind the first time as half of the images.
    let gap = count.div_ceil(2);
    let mut rng = seed.stream(&format!("repeats {}", task.name()), 0);
    let mut early: Vec<usize> = (0..count - gap).collect();
    early.shuffle(&mut rng);
    // (how many first times come before it, question); equal ones in the order drawn.
    let mut second: Vec<(usize, usize)> =
        early.into_iter().take(repeats).map(|at| (rng.random_range(at + 1 + gap..=count), order[at])).collect();
    second.sort_by_key(|(behind, _)| *behind);
    let mut questions = Vec::with_capacity(count + second.len());
    let mut second = second.into_iter().peekable();
    for (at, &item) in order.iter().enumerate() {
        questions.push(Question { task, item, again: false });
        while let Some((_, item)) = second.next_if(|(behind, _)| *behind == at + 1) {
            questions.push(Question { task, item, again: true });
        }
    }
    questions
}

/// A shuffled order in which images of one lesion, as measured and denoised, are no neighbours as far as that goes.
fn apart(items: &[Item], seed: RunSeed, task: Task) -> Vec<usize> {
    let shuffled = |attempt: u64| {
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.shuffle(&mut seed.stream(&format!("order {}", task.name()), attempt));
        order
    };
    let mut best = shuffled(0);
    let mut distance = nearest_pair(items, &best);
    for attempt in 1..TRIES {
        let order = shuffled(attempt);
        let found = nearest_pair(items, &order);
        if found > distance {
            (best, distance) = (order, found);
        }
    }
    best
}

/// Smallest distance of two images of one lesion; the whole length where there are no two.
fn nearest_pair(items: &[Item], order: &[usize]) -> usize {
    let mut last: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let mut nearest = order.len();
    for (at, &item) in order.iter().enumerate() {
        if let Some(before) = last.insert(items[item].id.as_str(), at) {
            nearest = nearest.min(at - before);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::records::reading::Source;

    pub fn items(count: usize) -> Vec<Item> {
        let item = |at: usize| Item {
            source: Source::ALL[at % 5],
            // A denoised one is of the lesion of the contested one before it.
            id: Name::of_known(&format!("lesion-{}", at - usize::from(at % 5 == 4))),
            slice: None,
            group: format!("patient-{}", at % 7),
            sha256: format!("{at:064x}"),
        };
        (0..count).map(item).collect()
    }

    fn of(reader: &str) -> Vec<Question> {
        questions(&items(110), 20, RunSeed(1), &Name::of_known(reader))
    }

    #[test]
    fn each_image_comes_once_in_each_task_and_the_repeats_once_more_long_after() {
        let questions = of("a");
        assert_eq!(questions.len(), 2 * 130);
        let [first, second] = [&questions[..130], &questions[130..]];
        assert_ne!(first[0].task, second[0].task);
        for half in [first, second] {
            assert!(half.iter().all(|question| question.task == half[0].task));
            let mut seen: HashMap<usize, usize> = HashMap::new();
            for (at, question) in half.iter().enumerate() {
                let before = seen.insert(question.item, at);
                assert_eq!(before.is_some(), question.again);
                assert!(before.is_none_or(|before| at - before > 55), "{at} {before:?}");
            }
            assert_eq!(seen.len(), 110);
            assert_eq!(half.iter().filter(|question| question.again).count(), 20);
        }
    }

    #[test]
    fn the_order_is_the_readers_own_and_the_same_each_time() {
        assert_eq!(of("a"), of("a"));
        let positions = |questions: &[Question], task: Task| -> Vec<usize> {
            let of_task = questions.iter().filter(|question| question.task == task && !question.again);
            of_task.map(|question| question.item).collect()
        };
        for task in Task::ALL {
            let [a, b] = ["a", "b"].map(|reader| positions(&of(reader), task));
            let same = a.iter().zip(&b).filter(|(a, b)| a == b).count();
            assert!(same < 10, "{same} of 110 at the same place");
        }
        let firsts: std::collections::BTreeSet<Task> =
            (0..20).map(|reader| of(&format!("reader-{reader}"))[0].task).collect();
        assert_eq!(firsts.len(), 2, "either task comes first");
        assert_ne!(of("a"), questions(&items(110), 20, RunSeed(2), &Name::of_known("a")));
    }

    #[test]
    fn the_two_images_of_a_lesion_are_no_neighbours() {
        let items = items(110);
        for reader in ["a", "b", "c"] {
            let questions = questions(&items, 0, RunSeed(3), &Name::of_known(reader));
            for half in questions.chunks(110) {
                let order: Vec<usize> = half.iter().map(|question| question.item).collect();
                assert!(nearest_pair(&items, &order) >= 5, "{}", nearest_pair(&items, &order));
            }
        }
    }

    /// Where an image stands says nothing of where it comes from: each source is spread over the first half as over
    /// the second.
    #[test]
    fn the_place_does_not_tell_the_source() {
        let items = items(110);
        let mut early = [0; 5];
        for reader in 0..40 {
            let questions = questions(&items, 0, RunSeed(4), &Name::of_known(&format!("r{reader}")));
            questions[..55].iter().for_each(|question| early[question.item % 5] += 1);
        }
        for count in early {
            // 22 of 110 images, 40 readers: 440 expected, standard deviation below 15.
            assert!((380..=500).contains(&count), "{early:?}");
        }
    }

    #[test]
    fn few_images_can_be_ordered_too() {
        for (count, repeats) in [(2, 1), (2, 0), (3, 1), (5, 2)] {
            let found = questions(&items(count), repeats, RunSeed(1), &Name::of_known("a"));
            assert_eq!(found.len(), 2 * (count + repeats), "{count}");
        }
    }
}

//! Which image is edited how: a function of the seed and of the image's number alone.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::config::EditConfig;
use crate::seed::RunSeed;

/// One edit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Planned {
    /// Place of the inverted image.
    pub item: usize,
    /// Place of the direction.
    pub direction: usize,
    /// Signed step in deviations of the codes.
    pub deviations: f64,
}

/// Plans `count` edits of items, of which `classes[k]` are those of class `k`, along one of `directions`
/// directions each. The classes come in turn, those without an item not at all; within a class each item comes as often
/// as any other, and so do the directions.
pub fn plan(classes: &[Vec<usize>], directions: usize, config: &EditConfig, seed: RunSeed) -> Vec<Planned> {
    let count = config.count(classes.iter().map(Vec::len).sum());
    let classes: Vec<&Vec<usize>> = classes.iter().filter(|items| !items.is_empty()).collect();
    if classes.is_empty() || directions == 0 {
        return vec![];
    }
    let one = |number: u64| {
        let (class, turn) = ((number % classes.len() as u64) as usize, number / classes.len() as u64);
        let items = classes[class];
        let dealt = |purpose: &str, count: usize| {
            let (round, at) = (turn / count as u64, (turn % count as u64) as usize);
            let mut order: Vec<usize> = (0..count).collect();
            order.shuffle(&mut seed.child(purpose, class as u64).stream("order", round));
            order[at]
        };
        let mut step = seed.stream("step", number);
        let size = config.shortest + (config.longest - config.shortest) * step.random::<f64>();
        let deviations = if step.random() { size } else { -size };
        Planned { item: items[dealt("item", items.len())], direction: dealt("direction", directions), deviations }
    };
    (0..count).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn classes_items_and_directions_come_alike_often() {
        let classes = [vec![0, 1, 2, 3], vec![], vec![4, 5]];
        let config = EditConfig { images: 48, ..EditConfig::default() };
        let edits = plan(&classes, 3, &config, RunSeed(1));
        let count = |of: &dyn Fn(&Planned) -> usize| {
            let mut counts = BTreeMap::new();
            edits.iter().for_each(|edit| *counts.entry(of(edit)).or_insert(0) += 1);
            counts.into_values().collect::<Vec<i32>>()
        };
        // 24 edits a class: 6 of each of four items, 12 of each of two; 8 of each class along each direction.
        assert_eq!(count(&|edit| edit.item), [6, 6, 6, 6, 12, 12]);
        assert_eq!(count(&|edit| edit.direction), [16, 16, 16]);
        assert!(edits.iter().all(|edit| (0.5..=2.0).contains(&edit.deviations.abs())));
        assert!(edits.iter().any(|edit| edit.deviations > 0.0) && edits.iter().any(|edit| edit.deviations < 0.0));
    }

    #[test]
    fn an_edit_depends_on_its_number_and_not_on_how_many_there_are() {
        let classes = [vec![0, 1, 2], vec![3]];
        let of = |images| plan(&classes, 2, &EditConfig { images, ..EditConfig::default() }, RunSeed(7));
        assert_eq!(of(10), of(100)[..10]);
        assert_ne!(plan(&classes, 2, &EditConfig { images: 10, ..EditConfig::default() }, RunSeed(8))[..], of(10)[..]);
        assert!(plan(&[vec![]], 2, &EditConfig::default(), RunSeed(1)).is_empty());
    }
}

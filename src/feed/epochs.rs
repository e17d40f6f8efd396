//! Endless draws without replacement: every item once an epoch, in an order drawn anew for each.

use std::cell::RefCell;

use rand::seq::SliceRandom;

use crate::seed::RunSeed;

/// Which item a draw gets: a function of (seed, purpose, number of items, draw) alone. The order of the epoch that was
/// last asked for is kept, so that draws one after the other shuffle once an epoch.
#[derive(Clone, Debug)]
pub struct Epochs {
    items: usize,
    seed: RunSeed,
    purpose: String,
    /// Number of the epoch, and its order.
    last: RefCell<Option<(u64, Vec<usize>)>>,
}

/// What a draw got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The epoch that the draw falls into, from 0.
    pub epoch: u64,
    /// The item, 0..items.
    pub item: usize,
}

impl Epochs {
    /// Over `items` items, at least 1; `purpose` names the random stream.
    pub fn new(items: usize, seed: RunSeed, purpose: &str) -> Self {
        Self { items, seed, purpose: purpose.to_owned(), last: RefCell::default() }
    }

    /// Draw number `draw`, counted from 0.
    ///
    /// # Panics
    /// There are no items.
    pub fn at(&self, draw: u64) -> Drawn {
        let items = self.items as u64;
        let epoch = draw / items;
        let mut last = self.last.borrow_mut();
        if last.as_ref().is_none_or(|(of, _)| *of != epoch) {
            let mut order: Vec<usize> = (0..self.items).collect();
            order.shuffle(&mut self.seed.stream(&self.purpose, epoch));
            *last = Some((epoch, order));
        }
        let item = last.as_ref().map_or(0, |(_, order)| order[(draw % items) as usize]);
        Drawn { epoch, item }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_holds_each_item_once_and_orders_differ() {
        let epochs = Epochs::new(5, RunSeed(1), "test");
        let drawn: Vec<Drawn> = (0..15).map(|draw| epochs.at(draw)).collect();
        let orders: Vec<Vec<usize>> =
            drawn.chunks(5).map(|epoch| epoch.iter().map(|drawn| drawn.item).collect()).collect();
        for (number, order) in orders.iter().enumerate() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
            assert!(drawn[5 * number..5 * number + 5].iter().all(|drawn| drawn.epoch == number as u64));
        }
        assert!(orders.iter().any(|order| *order != orders[0]));
    }

    #[test]
    fn what_was_asked_for_before_changes_nothing() {
        let kept = Epochs::new(5, RunSeed(1), "test");
        for draw in [12, 3, 11, 4, 5, 0, 14] {
            assert_eq!(kept.at(draw), Epochs::new(5, RunSeed(1), "test").at(draw));
        }
        assert!((0..5).any(|draw| Epochs::new(5, RunSeed(1), "other").at(draw) != kept.at(draw)));
    }
}

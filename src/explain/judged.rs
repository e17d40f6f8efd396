//! Every map of an arm's classifiers, and every number of it, lesion by lesion.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use tch::{Kind, Tensor};

use super::config::ExplainConfig;
use super::fits::ArmFits;
use super::items::Item;
use super::maps::{Method, enlarged, lists, of_class};
use super::perturbed::{Subject, areas, order_of};
use super::stage::controls_of;
use super::tally::Column;
use super::{attribution, cascade, words};
use crate::engine::Lab;
use crate::nets::classifiers::Classifier;
use crate::problem::{Kind as ProblemKind, Problem, Result};
use crate::statistics::correlation::pearson;

/// A kind of map.
pub(super) struct MapName {
    pub key: &'static str,
    pub title: &'static str,
    pub of_classifier: bool,
}

const fn control(key: &'static str, title: &'static str) -> MapName {
    MapName { key, title, of_classifier: false }
}

/// Those of the classifier in the order of [`Method::ALL`], then those of none in the order of [`controls_of`].
pub(super) const MAPS: [MapName; 7] = [
    MapName { key: "cam", title: "CAM", of_classifier: true },
    MapName { key: "grad-cam", title: "Grad-CAM", of_classifier: true },
    MapName { key: "hires-cam", title: "HiResCAM", of_classifier: true },
    control("edges", "edges of the slice"),
    control("middle", "bump in the middle"),
    control("truth", "exact change by the rim"),
    control("truth-on-grid", "exact change on the CAM's grid"),
];

/// What is known of an arm's classifiers, one value a lesion, means over the repetitions.
pub(super) struct ArmTally {
    /// By the map's place in [`MAPS`] and the measure's key.
    pub scores: BTreeMap<(usize, String), Column>,
    /// Deletion and insertion in random orders.
    pub random: [Column; 2],
    /// Log-odds of the slice, and of the slice without its rim.
    pub with: Column,
    pub without: Column,
    /// By layer from the head downward: of each method.
    pub cascade: Vec<(String, [Column; 3])>,
    /// Of the first repetition, for the figure: each method's maps at the size of the image.
    pub shown: [Vec<Vec<f32>>; 3],
    /// Rows and columns of the class activation map, and of the other two.
    pub grids: [[u64; 2]; 2],
}

/// What all arms share.
pub(super) struct Judge<'a> {
    pub config: &'a ExplainConfig,
    pub lab: &'a Lab<'a>,
    pub items: &'a [Item],
    /// Of the items, \[N, C, H, W\].
    pub images: &'a Tensor,
    /// Height and width.
    pub image: [usize; 2],
    pub class: i64,
}

impl Judge<'_> {
    /// All numbers of an arm.
    ///
    /// # Errors
    /// libtorch refuses something, or stopped on request.
    pub fn arm(&self, arm: &ArmFits) -> Result<ArmTally> {
        let lesions = self.items.len();
        let new = || Column::new(lesions);
        let mut tally = ArmTally {
            scores: BTreeMap::new(),
            random: [new(), new()],
            with: new(),
            without: new(),
            cascade: vec![],
            shown: [vec![], vec![], vec![]],
            grids: [[0; 2]; 2],
        };
        for (repetition, fit) in (0u64..).zip(&arm.fits) {
            self.fit(fit.network.as_ref(), repetition, &mut tally)?;
        }
        Ok(tally)
    }

    fn fit(&self, network: &dyn Classifier, repetition: u64, tally: &mut ArmTally) -> Result<()> {
        let &Self { config, lab, items, images, image, class } = self;
        let layer = config.layer as usize;
        let maps = of_class(network, images, class, layer);
        tally.grids = [0, 1].map(|at| [1, 2].map(|axis| maps[at].size()[axis] as u64));
        let grid = tally.grids[0].map(|side| side as usize);
        let large = [0, 1, 2].map(|at: usize| lists(&enlarged(&maps[at], image)));
        let [cam, grad, hires] = large;
        let large = [cam?, grad?, hires?];
        debug_assert_eq!(large.len(), Method::ALL.len());
        let odds: Vec<f64> =
            Vec::try_from(tch::no_grad(|| network.scores(images)).select(1, class).to_kind(Kind::Double))?;
        for (at, item) in items.iter().enumerate() {
            if lab.observer.stop_requested() {
                return Err(Problem::new(ProblemKind::Interrupted, "stopped; lesions without their rims are kept"));
            }
            tally.with.add(at, Some(odds[at]));
            tally.without.add(at, self.without(network, item)?);
            let own = large.iter().map(|maps| Some(maps[at].clone()));
            let all: Vec<Option<Vec<f32>>> = own.chain(controls_of(item, image, grid)).collect();
            self.item(network, (at, item), &all, tally)?;
            lab.observer.advance(1);
        }
        let seed = lab.seed.child("random layers", repetition);
        let steps = cascade::cascade(network, images, class, layer, seed)?;
        for (number, step) in steps.into_iter().enumerate() {
            if tally.cascade.len() == number {
                tally.cascade.push((step.layer, std::array::from_fn(|_| Column::new(items.len()))));
            }
            for (column, correlations) in tally.cascade[number].1.iter_mut().zip(&step.correlations) {
                correlations.iter().enumerate().for_each(|(at, value)| column.add(at, *value));
            }
        }
        if repetition == 0 {
            tally.shown = large;
        }
        Ok(())
    }

    /// Log-odds of a slice without its rim.
    fn without(&self, network: &dyn Classifier, item: &Item) -> Result<Option<f64>> {
        let Some(truth) = &item.truth else { return Ok(None) };
        let image = self.tensor(&truth.without).unsqueeze(0);
        let odds = tch::no_grad(|| network.scores(&image)).select(1, self.class);
        Ok(Some(f64::try_from(odds.squeeze())?))
    }

    fn tensor(&self, pixels: &[f32]) -> Tensor {
        let [height, width] = self.image.map(|side| side as i64);
        Tensor::from_slice(pixels).view([-1, height, width]).to_device(self.images.device())
    }

    fn item(
        &self,
        network: &dyn Classifier,
        (at, item): (usize, &Item),
        maps: &[Option<Vec<f32>>],
        tally: &mut ArmTally,
    ) -> Result<()> {
        let (image, nothing) = (self.tensor(&item.pixels), self.tensor(&item.nothing));
        let subject = Subject { image: &image, nothing: &nothing };
        let steps = self.config.steps as usize;
        for (which, map) in maps.iter().enumerate() {
            let Some(map) = map else { continue };
            let found = areas(network, &subject, &order_of(map), self.class, steps)?;
            let perturbed = [(words::DELETION, Some(found.deletion)), (words::INSERTION, Some(found.insertion))];
            for (key, value) in shown_by(map, item).into_iter().chain(perturbed) {
                let column = tally.scores.entry((which, key.to_owned()));
                column.or_insert_with(|| Column::new(self.items.len())).add(at, value);
            }
        }
        // The same orders for every classifier, so that arms differ in nothing else.
        let plane = self.image[0] * self.image[1];
        for draw in 0..self.config.orders {
            let mut order: Vec<usize> = (0..plane).collect();
            order.shuffle(&mut self.lab.seed.child("random order", draw).stream("lesion", at as u64));
            let found = areas(network, &subject, &order, self.class, steps)?;
            tally.random[0].add(at, Some(found.deletion));
            tally.random[1].add(at, Some(found.insertion));
        }
        Ok(())
    }
}

/// What a map shows of where the rim is.
fn shown_by(map: &[f32], item: &Item) -> [(&'static str, Option<f64>); 4] {
    let rim = item.rim.as_ref();
    let truth = item.truth.as_ref().map(|truth| truth.difference.as_slice());
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|&value| value.into()).collect() };
    let points = rim.and_then(|rim| attribution::points_into(map, &rim.region));
    [
        (words::POINTING, points.map(|hit| f64::from(u8::from(hit)))),
        (words::ENERGY, rim.and_then(|rim| attribution::energy_in(map, &rim.traced))),
        (words::CORRELATION, truth.and_then(|truth| pearson(&wide(map), &wide(truth)))),
        (words::OVERLAP, truth.and_then(|truth| attribution::overlap(map, truth))),
    ]
}

//! The paper's figures 3 to 5: how generator and discriminator learn, how a contested lesion is denoised, and what the
//! generator is made of; with this run's own numbers.

use super::diagram::{Block, Diagram};
use super::numbers::{number, thousands};
use crate::records::projection::ProjectionRecord;
use crate::records::training::TrainingRecord;

/// Of a picture, CSS pixels.
const WIDTH: f64 = 870.0;

/// Height of a box.
const HIGH: f64 = 52.0;

fn block(x: f64, y: f64, width: f64) -> Block {
    Block { x, y, width, height: HIGH }
}

/// Generator against discriminator, both kinds of images augmented alike (the paper's figure 3).
pub fn training(training: &TrainingRecord) -> String {
    let mut d = Diagram::new(WIDTH, 210.0);
    let z = d.block(block(4.0, 20.0, 70.0), &["z", "random"], "c3");
    let generator = d.block(block(106.0, 20.0, 176.0), &["generator", &count(training.generator_parameters)], "c1");
    let fake = d.block(block(314.0, 20.0, 100.0), &["synthetic", "rims"], "c1");
    let slices = format!("{} slices", training.train_slices);
    d.block(block(314.0, 110.0, 100.0), &["agreed rims", &slices], "c2");
    let augment = Block { x: 450.0, y: 52.0, width: 152.0, height: 78.0 };
    let chance = format!("with chance p = {}", number(training.final_ada_p, 3));
    let augment = d.block(augment, &["augmentation,", "same for both,", &chance], "c3");
    let judge = Block { x: 634.0, y: 65.0, width: 176.0, height: HIGH };
    let judge = d.block(judge, &["discriminator", &count(training.discriminator_parameters)], "c2");
    d.across(z, generator);
    d.across(generator, fake);
    d.arrow(&[[414.0, 46.0], [432.0, 46.0], [432.0, 78.0], [augment.x, 78.0]], "c3");
    d.arrow(&[[414.0, 136.0], [432.0, 136.0], [432.0, 104.0], [augment.x, 104.0]], "c3");
    d.across(augment, judge);
    d.arrow(&[[judge.x + judge.width, 91.0], [832.0, 91.0]], "c3");
    d.words([836.0, 95.0], "real?");
    d.arrow(&[[722.0, 117.0], [722.0, 186.0], [526.0, 186.0], [526.0, 130.0]], "c3");
    d.words([544.0, 180.0], "sure of real images: more of it");
    d.arrow(&[[722.0, 65.0], [722.0, 8.0], [194.0, 8.0], [194.0, 20.0]], "c3");
    d.words([440.0, 22.0], "gradient");
    d.finish("Training of generator and discriminator with adaptive augmentation")
}

/// From a contested lesion to its nearest agreed rim (the paper's figure 4).
pub fn denoising(projection: &ProjectionRecord) -> String {
    let mut d = Diagram::new(WIDTH, 180.0);
    let space = if projection.space == "w-plus" { "w+ (one a layer)" } else { "w (one for all layers)" };
    let start = d.block(block(4.0, 20.0, 120.0), &[space, "and noise maps"], "c3");
    let generator = d.block(block(160.0, 20.0, 130.0), &["generator", "(fixed)"], "c1");
    let image = d.block(block(326.0, 20.0, 130.0), &["projection:", "the denoised lesion"], "c1");
    d.block(block(326.0, 108.0, 130.0), &["contested lesion,", "one reader: rim"], "c2");
    let distance = Block { x: 512.0, y: 50.0, width: 236.0, height: 80.0 };
    let lines = ["distance between features", "+ noise maps' autocorrelation", "+ what the settings add"];
    let distance = d.block(distance, &lines, "c3");
    d.across(start, generator);
    d.across(generator, image);
    d.arrow(&[[456.0, 46.0], [484.0, 46.0], [484.0, 76.0], [distance.x, 76.0]], "c3");
    d.arrow(&[[456.0, 134.0], [484.0, 134.0], [484.0, 104.0], [distance.x, 104.0]], "c3");
    d.arrow(&[[630.0, 130.0], [630.0, 172.0], [64.0, 172.0], [64.0, 72.0]], "c3");
    d.words([84.0, 164.0], &format!("gradient, {} steps of Adam", projection.steps));
    d.finish("Denoising by latent projection")
}

/// Mapping and synthesis (the paper's figure 5).
pub fn modules(training: &TrainingRecord) -> String {
    let mut d = Diagram::new(WIDTH, 190.0);
    let z = d.block(block(4.0, 20.0, 60.0), &["z"], "c3");
    let mapping = d.block(block(96.0, 20.0, 150.0), &["mapping: normalised,", "fully connected"], "c1");
    let w = d.block(block(278.0, 20.0, 60.0), &["w"], "c3");
    d.across(z, mapping);
    d.across(mapping, w);
    let constant = d.block(block(96.0, 106.0, 100.0), &["learned", "constant 4 x 4"], "c1");
    let layer = d.block(
        Block { x: 246.0, y: 106.0, width: 250.0, height: HIGH },
        &["for each size: up x 2, convolution", "modulated by w, demodulated"],
        "c1",
    );
    let image = d.block(block(546.0, 106.0, 150.0), &["sum of the sizes'", "images"], "c1");
    d.across(constant, layer);
    d.across(layer, image);
    d.arrow(&[[308.0, 72.0], [308.0, 106.0]], "c3");
    d.block(block(386.0, 20.0, 120.0), &["noise,", "one map a layer"], "c3");
    d.arrow(&[[446.0, 72.0], [446.0, 106.0]], "c3");
    d.words([4.0, 182.0], &training.network);
    d.finish("Mapping and synthesis network")
}

fn count(parameters: u64) -> String {
    format!("{} thousand numbers", thousands(parameters))
}

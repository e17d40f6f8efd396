//! The augmentation against reference values with every draw at one percentile.

use rimforge::augment::params::BatchSize;
use rimforge::augment::{AugmentParams, AugmentSet, apply};
use rimforge::nets::weights::read_tensors;

use crate::parity::{assert_close, fixture};

fn check(channels: usize, name: &str, groups: &[&str]) {
    let reference = read_tensors(fixture("augment.safetensors")).unwrap().tensors;
    let config = groups.join("+").parse::<AugmentSet>().unwrap().config();
    let size = BatchSize { images: 2, channels, height: 32, width: 32 };
    for q in ["0.1", "0.35", "0.6", "0.85"] {
        let params = AugmentParams::at_percentile(q.parse().unwrap(), &config, size);
        let found = apply(&reference[&format!("x_c{channels}")], &params);
        let case = format!("{name}_c{channels}_q{q}");
        assert_close(&case, &found, &reference[&case], 1e-4);
    }
}

#[test]
fn copying_moves_give_the_reference_values() {
    check(1, "blit", &["blit"]);
    check(3, "blit", &["blit"]);
}

#[test]
fn geometry_gives_the_reference_values() {
    check(1, "geom", &["geom"]);
    check(3, "geom", &["geom"]);
}

#[test]
fn colour_gives_the_reference_values() {
    check(1, "color", &["color"]);
    check(3, "color", &["color"]);
}

#[test]
fn the_published_pipe_gives_the_reference_values() {
    check(1, "bgc", &["blit", "geom", "color"]);
    check(3, "bgc", &["blit", "geom", "color"]);
}

#[test]
fn filters_and_cutout_give_the_reference_values() {
    check(1, "bgcfnc", &["blit", "geom", "color", "filter", "cutout"]);
    check(3, "bgcfnc", &["blit", "geom", "color", "filter", "cutout"]);
}

//! What a network and a data set say about their images.

use serde::{Deserialize, Serialize};

/// One channel of an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// BIDS suffix in lower case: "chimap", "flair", "rim"; "image0".. for plain images.
    pub name: String,
    /// "ppb", "a.u.", "probability", "grey level".
    pub unit: String,
    /// What the network's range means in that unit.
    pub window: Window,
}

/// The susceptibility map, on which the rim study measures.
pub const SUSCEPTIBILITY: &str = "chimap";

/// The channel that a rim's contrast is measured on: the susceptibility map where there is one, else the first.
pub fn measured(contrasts: &[Contrast]) -> usize {
    contrasts.iter().position(|contrast| contrast.name == SUSCEPTIBILITY).unwrap_or(0)
}

/// Linear map low..high -> -1..1, clipped; its inverse is exact inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub low: f64,
    pub high: f64,
}

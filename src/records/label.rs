//! What a network and a data set say about their images.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// BIDS suffix in lower case: "chimap", "flair", "rim"; "image0".. for plain images.
    pub name: String,
    /// "ppb", "a.u.", "probability", "grey level".
    pub unit: String,
    pub window: Window,
}

/// Linear map low..high -> -1..1, clipped; its inverse is exact inside the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub low: f64,
    pub high: f64,
}

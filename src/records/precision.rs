//! What bfloat16 brings on a machine, as it was measured.

use serde::{Deserialize, Serialize};

/// The same work in float32 and in bfloat16, by turns on one thread; time of the processor, not of the clock on the
/// wall, so that other work on the machine hardly counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionSpeed {
    /// Time in float32 over time in bfloat16, median of the pairs; above 1 where bfloat16 is faster.
    pub ratio: f64,
    /// First quartile of the pairs.
    pub lower: f64,
    /// Third quartile.
    pub upper: f64,
    /// Pairs of turns.
    pub pairs: u64,
}

/// `precision.json` of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenPrecision {
    /// "float32" or "bfloat16".
    pub precision: String,
    /// The seconds of the two compared, by which it was chosen; the one part that does not repeat.
    pub seconds: PrecisionSpeed,
}

impl PrecisionSpeed {
    /// "2.31 times as fast (2.25 to 2.40 in 9 pairs)".
    pub fn in_words(&self) -> String {
        let Self { ratio, lower, upper, pairs } = self;
        format!("{ratio:.2} times as fast ({lower:.2} to {upper:.2} in {pairs} pairs)")
    }
}

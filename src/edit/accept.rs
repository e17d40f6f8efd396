//! Directions that nobody looked at, accepted by what was measured of them.

use super::stage::Accepted;
use crate::records::directions::{DirectionRecord, DirectionSet, DirectionsRecord};

/// Share of the images at a direction's ends that must pass the gate.
const PASSING: f64 = 0.5;

/// Who accepted, where it was this rule.
pub const BY_THE_GATE: &str = "no person: purity and effect beyond the null, at least half of the ends within the gate, \
                               and no more leak into the class than random directions have";

/// The directions that the rule accepts.
pub fn by_the_gate(record: &DirectionsRecord) -> Accepted {
    let accepts = |set: &DirectionSet, one: &DirectionRecord| {
        let leaks = one.leak.zip(set.null.leak).is_some_and(|(leak, most)| leak > most);
        one.beats_null && one.passing >= PASSING && !leaks
    };
    let ids = record.sets.iter().flat_map(|set| {
        set.directions.iter().filter(move |one| accepts(set, one)).map(|one| one.id.clone())
    });
    Accepted { ids: ids.collect(), by: BY_THE_GATE.into() }
}

//! Directions that nobody looked at, accepted by what was measured of them.

use super::stage::Accepted;
use crate::records::directions::DirectionsRecord;

/// Who accepted, where it was this rule.
pub const BY_THE_GATE: &str = "no person: purity and effect beyond the null, at least half of the ends within the gate, \
                               and no more leak into the class than random directions have";

/// The directions that the rule accepts.
pub fn by_the_gate(record: &DirectionsRecord) -> Accepted {
    let ids = record
        .sets
        .iter()
        .flat_map(|set| set.directions.iter().filter(|one| set.accepts(one)).map(|one| one.id.clone()));
    Accepted { ids: ids.collect(), by: BY_THE_GATE.into() }
}

//! What follows from gates: a note while a simulation ends, a refusal where somebody asked for a check.

use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;

/// Notes each that did not pass.
pub fn tell_failed(gates: &[Gate], observer: &dyn Observer) {
    for gate in gates.iter().filter(|gate| !gate.passed) {
        observer.note(&format!(
            "gate not passed: {} {:.3}, wanted {:.3} to {:.3}",
            gate.name, gate.value, gate.low, gate.high
        ));
    }
}

/// Refuses what has a gate that did not pass; `advice` says what that means for it.
///
/// # Errors
/// `Kind::Gate`, with the gates' names.
pub fn require_all(gates: &[Gate], advice: &str) -> Result<()> {
    let failed: Vec<&str> = gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str()).collect();
    if failed.is_empty() {
        return Ok(());
    }
    let found = format!("{} of {} gates not passed: {}", failed.len(), gates.len(), failed.join("; "));
    Err(Problem::new(Kind::Gate, found).expected("every value in its range").advice(advice))
}

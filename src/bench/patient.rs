//! One patient of the paper's cohort, on one core.

use std::collections::BTreeMap;

use super::BenchRecord;
use super::clock::Clock;
use crate::problem::{Kind, Problem, Result};
use crate::simulate::rim_lesions::{CohortConfig, Preset, anatomy, physics, plan};

/// Milliseconds of its parts.
///
/// # Errors
/// Work that fails.
pub fn simulate(clock: &Clock) -> Result<BenchRecord> {
    let design = CohortConfig { preset: Preset::Paper, patients: Some(1), ..CohortConfig::default() }.design()?;
    let plan = plan::plan(&design).remove(0);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|error| Problem::new(Kind::Environment, format!("cannot start a thread: {error}")))?;
    let mut parts_ms = BTreeMap::new();
    let phantom = pool.install(|| anatomy::build(&plan))?;
    let anatomy_s = pool.install(|| clock.seconds(|| anatomy::build(&plan).map(drop)))?;
    let acquisition =
        physics::Acquisition { echoes: design.echoes, background: design.background, snr: plan.snr, b0: plan.b0 };
    let scan_s = pool.install(|| {
        clock.seconds(|| {
            physics::reconstruct(&phantom.tissue, &acquisition, &design.inversion, plan.seed.child("scan", 0)).map(drop)
        })
    })?;
    parts_ms.insert("anatomy and lesions", 1e3 * anatomy_s);
    parts_ms.insert("scan and inversion", 1e3 * scan_s);
    let report = BenchRecord::new("simulate", None, parts_ms)?;
    Ok(BenchRecord { seconds_per_patient: Some(anatomy_s + scan_s), ..report })
}

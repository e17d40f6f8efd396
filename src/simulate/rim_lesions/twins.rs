//! A simulated patient scanned once more without the iron of one rim: what of the map comes from that rim, exactly.
//!
//! Everything else is the same: tissue, the lesion's core, other lesions and their rims, noise of the scanner, residue
//! of the background, inversion. The difference of the two maps is therefore what the rim does to the map, dipole field
//! and inversion included, and not what a person would trace.

use super::CohortConfig;
use super::anatomy::build_without_rim;
use super::bids_writer::as_written;
use super::pipeline::{most_threads, scan};
use super::plan::{PatientPlan, plan};
use super::presets::CohortDesign;
use crate::digest;
use crate::files;
use crate::nifti::RasVolume;
use crate::problem::Result;

/// The patients of a simulated cohort, to be scanned again.
#[derive(Debug)]
pub struct Twins {
    design: CohortDesign,
    plans: Vec<PatientPlan>,
}

impl Twins {
    /// Of the cohort that `config` makes.
    ///
    /// # Errors
    /// Settings that make no cohort.
    pub fn new(config: &CohortConfig) -> Result<Self> {
        let design = config.design()?;
        let plans = plan(&design);
        Ok(Self { design, plans })
    }

    /// Hash of all that decides a scan, the program's version included.
    ///
    /// # Errors
    /// Settings that cannot be expressed as JSON.
    pub fn key(&self) -> Result<String> {
        Ok(digest::sha256(files::json_line(&("twins", env!("CARGO_PKG_VERSION"), &self.design))?))
    }

    /// Scans at once that memory holds, `wanted` at most and one at least.
    pub fn at_once(&self, wanted: usize) -> usize {
        wanted.clamp(1, most_threads(&self.design))
    }

    /// The susceptibility map of a participant ("sub-001") in ppb, as its file gives it back; without the rim of the
    /// lesion of the label `without`, where one is given. `None` where the cohort has no such participant.
    ///
    /// # Errors
    /// As the simulation itself.
    pub fn map(&self, participant: &str, without: Option<u16>) -> Result<Option<RasVolume>> {
        let Some(plan) = self.plans.iter().find(|plan| plan.participant() == participant) else { return Ok(None) };
        let phantom = build_without_rim(plan, without)?;
        Ok(Some(as_written(&scan(&phantom, plan, &self.design)?).oriented()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::rim_lesions::presets::Preset;
    use crate::simulate::rim_lesions::{anatomy, phantom::LesionKind};

    #[test]
    fn only_what_the_rim_does_differs_and_without_a_rim_nothing() {
        let twins = Twins::new(&CohortConfig { preset: Preset::Tiny, ..CohortConfig::default() }).unwrap();
        let plan = twins.plans.iter().find(|plan| plan.true_rims > 0).unwrap();
        let phantom = anatomy::build(plan).unwrap();
        let rim = phantom.lesions.iter().find(|lesion| lesion.kind == LesionKind::Rim).unwrap();
        let plain = phantom.lesions.iter().find(|lesion| lesion.kind != LesionKind::Rim).unwrap();
        let id = plan.participant();
        let original = twins.map(&id, None).unwrap().unwrap();
        assert_eq!(twins.map(&id, Some(plain.label)).unwrap().unwrap().data, original.data);
        let without = twins.map(&id, Some(rim.label)).unwrap().unwrap();
        let differences: Vec<f32> = original.data.iter().zip(&without.data).map(|(a, b)| a - b).collect();
        // The iron is gone where it was: in the traced rim of this lesion the map loses tens of ppb; in the tissue of
        // other lesions it stays within what the dipole field and the inversion carry over.
        let mean = |at: &dyn Fn(usize) -> bool| {
            let chosen: Vec<f64> = (0..differences.len()).filter(|i| at(*i)).map(|i| differences[i].into()).collect();
            chosen.iter().sum::<f64>() / chosen.len() as f64
        };
        let traced = |i: usize| phantom.labels.data[i] == rim.label && phantom.rim_trace.data[i] >= 1.0;
        let others = |i: usize| phantom.labels.data[i] != 0 && phantom.labels.data[i] != rim.label;
        let (rim_loses, others_lose) = (mean(&traced), mean(&others));
        assert!(rim_loses > 10.0 && others_lose.abs() < 1.0, "{rim_loses} ppb in the rim, {others_lose} elsewhere");
        assert_eq!(twins.map("sub-999", None).unwrap().map(|map| map.data.len()), None);
    }
}

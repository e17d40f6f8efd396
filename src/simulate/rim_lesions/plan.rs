//! What is decided about each patient before anything is drawn: counts and random effects.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};

use super::phantom::Sex;
use super::presets::CohortDesign;
use crate::nifti::Grid;
use crate::seed::RunSeed;

/// One patient of the cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct PatientPlan {
    /// From 0 in the cohort.
    pub index: u32,
    /// The patient's own seed; every stage draws from a named stream of it.
    pub seed: RunSeed,
    /// Acquisition grid of the slab.
    pub grid: Grid,
    /// Lesions to place, rims included.
    pub lesions: u32,
    /// Lesions with an iron shell.
    pub true_rims: u32,
    /// Draw rim-less lesions from the rims' size distribution (the hard variant).
    pub match_sizes: bool,
    /// Magnitude over noise sd of one real channel in white matter at the first echo.
    pub snr: f64,
    /// Unit vector of the static field in the grid's axes.
    pub b0: [f64; 3],
    /// Factor on iron-laden tissue (deep grey, rims), about 1.
    pub iron: f64,
    /// 18 to 80.
    pub age_years: u32,
    /// Seven in ten are women, as in multiple sclerosis.
    pub sex: Sex,
}

impl PatientPlan {
    /// BIDS participant label with its prefix: "sub-001".
    pub fn participant(&self) -> String {
        format!("sub-{:03}", self.index + 1)
    }
}

/// The most lesions that a patient is given, in units of the cohort's mean: a slab has only so much room.
const MOST_LESIONS: f64 = 2.2;

fn most_lesions(design: &CohortDesign) -> u32 {
    (MOST_LESIONS * f64::from(design.lesions) / f64::from(design.patients)).ceil() as u32
}

/// Every patient of the cohort; lesions and true rims add up to the design's.
pub fn plan(design: &CohortDesign) -> Vec<PatientPlan> {
    let seed = RunSeed(design.seed);
    let rims = rims_per_patient(design, seed);
    let lesions = lesions_per_patient(design, &rims, seed);
    (0..design.patients)
        .map(|index| {
            let mut rng = seed.stream("patient", u64::from(index));
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let (snr, pitch, roll, iron, age) = (normal(), normal(), normal(), normal(), normal());
            let (pitch, roll) = ((10.0 * pitch).to_radians(), (5.0 * roll).to_radians());
            PatientPlan {
                index,
                seed: seed.child("patient", u64::from(index)),
                grid: design.grid,
                lesions: lesions[index as usize],
                true_rims: rims[index as usize],
                match_sizes: design.match_sizes,
                snr: design.snr * (0.25 * snr).exp(),
                b0: [roll.sin() * pitch.cos(), pitch.sin(), roll.cos() * pitch.cos()],
                iron: (0.15 * iron).exp(),
                age_years: (45.0 + 12.0 * age).round().clamp(18.0, 80.0) as u32,
                sex: if rng.random_bool(0.7) { Sex::Female } else { Sex::Male },
            }
        })
        .collect()
}

/// True rims of each patient: quantiles of the design's histogram, corrected by single rims to the exact total,
/// shuffled.
fn rims_per_patient(design: &CohortDesign, seed: RunSeed) -> Vec<u32> {
    let patients = design.patients as usize;
    let total: u32 = design.rims_histogram.iter().sum();
    let mean = design.rims_histogram.iter().zip(0..).map(|(n, k)| n * k).sum::<u32>() as f64 / f64::from(total.max(1));
    // A preset with more or fewer rims than its histogram keeps the shape and stretches the counts.
    let stretch = f64::from(design.true_rims) / f64::from(design.patients) / mean.max(f64::MIN_POSITIVE);
    let most = most_lesions(design) - 1;
    let mut counts: Vec<u32> = (0..patients)
        .map(|rank| {
            let wanted = (rank as f64 + 0.5) / patients as f64 * f64::from(total);
            let mut below = 0.0;
            let at = design.rims_histogram.iter().position(|&n| {
                below += f64::from(n);
                wanted < below
            });
            let rims = at.unwrap_or(design.rims_histogram.len().saturating_sub(1)) as f64 * stretch;
            (rims.round() as u32).min(most)
        })
        .collect();
    // One rim at a time from or to the patients that have most, in turn, without emptying or filling any class of
    // patients.
    let mut turn = 0;
    while counts.iter().sum::<u32>() != design.true_rims {
        let at = patients - 1 - turn % patients;
        if counts.iter().sum::<u32>() < design.true_rims {
            counts[at] = (counts[at] + 1).min(most);
        } else {
            counts[at] = counts[at].saturating_sub(1);
        }
        turn += 1;
    }
    counts.shuffle(&mut seed.stream("rims per patient", 0));
    counts
}

/// Lesions of each patient: lognormal burden, larger with rims, at least one more than the rims, adding up to the
/// design's.
fn lesions_per_patient(design: &CohortDesign, rims: &[u32], seed: RunSeed) -> Vec<u32> {
    let patients = rims.len();
    let mut rng = seed.stream("lesions per patient", 0);
    let weights: Vec<f64> = rims
        .iter()
        .map(|&rims| {
            let burden: f64 = StandardNormal.sample(&mut rng);
            ((0.4 * burden).exp() * (1.0 + 0.03 * f64::from(rims))).min(MOST_LESIONS)
        })
        .collect();
    let sum: f64 = weights.iter().sum();
    let most = most_lesions(design);
    let mut counts: Vec<u32> = weights
        .iter()
        .zip(rims)
        .map(|(weight, &rims)| ((weight / sum * f64::from(design.lesions)).round() as u32).min(most).max(rims + 1))
        .collect();
    // Rounding and the limits leave a few too many or too few: correct one patient after the other.
    let mut turn = 0;
    while counts.iter().sum::<u32>() != design.lesions && turn < 1000 * patients {
        let at = turn % patients;
        if counts.iter().sum::<u32>() < design.lesions {
            counts[at] += 1;
        } else if counts[at] > rims[at] + 1 {
            counts[at] -= 1;
        }
        turn += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::rim_lesions::presets::{CohortConfig, Preset};

    fn planned(preset: Preset, patients: Option<u32>) -> (CohortDesign, Vec<PatientPlan>) {
        let design = CohortConfig { preset, patients, ..CohortConfig::default() }.design().unwrap();
        let plans = plan(&design);
        (design, plans)
    }

    #[test]
    fn counts_add_up_for_every_preset_and_size() {
        for preset in [Preset::Paper, Preset::PaperOptimist, Preset::PaperPessimist, Preset::Demo, Preset::Tiny] {
            for patients in [None, Some(5), Some(64)] {
                let (design, plans) = planned(preset, patients);
                assert_eq!(plans.len(), design.patients as usize);
                assert_eq!(plans.iter().map(|p| p.lesions).sum::<u32>(), design.lesions, "{preset:?} {patients:?}");
                assert_eq!(plans.iter().map(|p| p.true_rims).sum::<u32>(), design.true_rims, "{preset:?} {patients:?}");
                assert!(plans.iter().all(|p| p.true_rims < p.lesions));
            }
        }
    }

    #[test]
    fn half_rims_still_fit() {
        for preset in [Preset::Paper, Preset::Demo] {
            let config = CohortConfig { preset, prevalence: Some(0.5), ..CohortConfig::default() };
            let design = config.design().unwrap();
            let plans = plan(&design);
            assert_eq!(plans.iter().map(|p| p.true_rims).sum::<u32>(), design.true_rims);
            assert_eq!(plans.iter().map(|p| p.lesions).sum::<u32>(), design.lesions);
            assert!(plans.iter().all(|p| p.true_rims < p.lesions && p.lesions <= most_lesions(&design)));
        }
    }

    #[test]
    fn the_paper_presets_rims_are_spread_as_its_histogram() {
        let (design, plans) = planned(Preset::Paper, None);
        for (rims, &patients) in design.rims_histogram.iter().enumerate() {
            assert_eq!(plans.iter().filter(|p| p.true_rims as usize == rims).count(), patients as usize);
        }
    }

    #[test]
    fn patients_differ_in_their_effects_and_repeat() {
        let (_, plans) = planned(Preset::Paper, None);
        assert_eq!(plans, planned(Preset::Paper, None).1);
        let mean_snr = plans.iter().map(|p| p.snr.ln()).sum::<f64>() / 256.0;
        assert!((mean_snr - 40f64.ln()).abs() < 0.06);
        let pitch: Vec<f64> = plans.iter().map(|p| p.b0[1].asin().to_degrees()).collect();
        let sd = (pitch.iter().map(|p| p * p).sum::<f64>() / 256.0).sqrt();
        assert!((8.0..12.0).contains(&sd), "{sd}");
        assert!(plans.iter().all(|p| (p.b0.iter().map(|b| b * b).sum::<f64>() - 1.0).abs() < 1e-12));
    }
}

//! Differences from None over patients, generators and fits, the primary one as it is and all others by Holm.

use super::{Ground, is_primary};
use crate::records::evidence::{ContrastRecord, VarianceShares};
use crate::statistics::bootstrap::Drawn;
use crate::statistics::compare::holm;
use crate::statistics::hierarchy::{Spread, Values, spread};

/// Power at which the smallest difference is given.
pub const POWER: f64 = 0.8;

/// A metric of an arm beside None's.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// Place among the arms.
    pub arm: usize,
    /// As in records.
    pub metric: String,
    /// "readers" or "truth".
    pub against: &'static str,
    /// Patients on whom it depends.
    pub carriers: usize,
}

/// All of them with their resamples.
#[derive(Clone, Debug)]
pub struct Contrasts<'a> {
    /// In the order of the differences.
    pub pairs: Vec<Contrast>,
    /// Statistics of the sample and its resamples.
    pub drawn: &'a Drawn,
    /// Place of the first pair's first repetition among them; all of one pair's stand together.
    pub first: usize,
    /// Of every pair.
    pub repetitions: usize,
}

/// Tests each contrast that is defined on the sample and on at least half of its resamples.
pub fn tested(ground: &Ground<'_>, contrasts: &Contrasts<'_>) -> Vec<ContrastRecord> {
    let mut records: Vec<ContrastRecord> = (0..contrasts.pairs.len())
        .filter_map(|at| {
            let pair = &contrasts.pairs[at];
            let spread = spread_of(ground, contrasts, at)?;
            let primary = is_primary(&ground.config.primary, ground, pair.arm, &pair.metric, pair.against);
            Some(ContrastRecord {
                arm: ground.runs.arms[pair.arm].arm.name().to_owned(),
                metric: pair.metric.clone(),
                against: pair.against.to_owned(),
                primary,
                difference: spread.interval([-1.0, 1.0], contrasts.drawn.clusters as u64)?,
                shares: shares(&spread),
                p: spread.p(),
                p_corrected: None,
                detectable: spread.detectable(POWER).filter(|least| *least <= 1.0),
            })
        })
        .collect();
    correct(&mut records);
    records
}

/// Where all repetitions have one generator, its part stays unknown.
fn spread_of(ground: &Ground<'_>, contrasts: &Contrasts<'_>, pair: usize) -> Option<Spread> {
    let own = contrasts.first + pair * contrasts.repetitions;
    let own = own..own + contrasts.repetitions;
    let defined = |values: &Vec<Option<f64>>| values[own.clone()].iter().copied().collect::<Option<Vec<f64>>>();
    let whole = defined(&contrasts.drawn.estimates)?;
    let resampled: Vec<Vec<f64>> = contrasts.drawn.values.iter().filter_map(defined).collect();
    if 2 * resampled.len() < contrasts.drawn.values.len() {
        return None;
    }
    let generators = ground.runs.arms[contrasts.pairs[pair].arm].generator_of_each();
    let carriers = contrasts.pairs[pair].carriers;
    spread(&Values { whole: &whole, resampled: &resampled, generators: &generators, carriers })
}

fn shares(spread: &Spread) -> VarianceShares {
    let total = spread.total();
    let of = |part: f64| if total > 0.0 { part / total } else { 0.0 };
    VarianceShares { patients: of(spread.patients), generators: spread.generators.map(of), fits: spread.fits.map(of) }
}

/// Holm's p over all that have one, the primary question aside.
fn correct(records: &mut [ContrastRecord]) {
    let rest = |record: &&mut ContrastRecord| !record.primary && record.p.is_some();
    let p: Vec<f64> = records.iter().filter(|record| !record.primary).filter_map(|record| record.p).collect();
    let corrected = holm(&p);
    records.iter_mut().filter(rest).zip(corrected).for_each(|(record, p)| record.p_corrected = Some(p));
    records.iter_mut().filter(|record| record.primary).for_each(|record| record.p_corrected = record.p);
}

//! Numbers of single lesions, and what they come to: means with intervals over patients.

use crate::records::Interval;
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;
use crate::statistics::proportion::clustered;

/// One number of each lesion, a mean over what was added; undefined where nothing was.
#[derive(Clone, Debug)]
pub(super) struct Column(Vec<(f64, u32)>);

impl Column {
    /// Of so many lesions.
    pub fn new(lesions: usize) -> Self {
        Self(vec![(0.0, 0); lesions])
    }

    pub fn add(&mut self, lesion: usize, value: Option<f64>) {
        let (sum, n) = &mut self.0[lesion];
        if let Some(value) = value {
            *sum += value;
            *n += 1;
        }
    }

    pub fn values(&self) -> Vec<Option<f64>> {
        self.0.iter().map(|&(sum, n)| (n > 0).then(|| sum / f64::from(n))).collect()
    }
}

/// Lesion by lesion, where both are defined.
pub(super) fn minus(first: &[Option<f64>], second: &[Option<f64>]) -> Vec<Option<f64>> {
    first.iter().zip(second).map(|(a, b)| Some((*a)? - (*b)?)).collect()
}

/// Draws intervals over the patients of the lesions.
pub(super) struct Statistician<'a> {
    /// Of each lesion.
    pub patients: Vec<&'a str>,
    pub draws: usize,
    pub seed: RunSeed,
}

impl Statistician<'_> {
    /// Mean over the lesions for which it is defined; `None` without any.
    pub fn mean(&self, values: &[Option<f64>]) -> Option<Interval> {
        let defined: Vec<(f64, &str)> =
            values.iter().zip(&self.patients).filter_map(|(value, patient)| Some(((*value)?, *patient))).collect();
        let patients: Vec<&str> = defined.iter().map(|(_, patient)| *patient).collect();
        let bootstrap = ClusterBootstrap::by_patient(&patients, self.seed).draws(self.draws);
        bootstrap.interval(|copies| {
            let n: u32 = copies.iter().sum();
            let sum: f64 = defined.iter().zip(copies).map(|((value, _), &copies)| value * f64::from(copies)).sum();
            (n > 0).then(|| sum / f64::from(n))
        })
    }

    /// As [`Statistician::mean`] of hits and misses, 1 and 0: where all are alike no resample differs, and the interval
    /// is that of a share ([`clustered`]).
    pub fn hits(&self, values: &[Option<f64>]) -> Option<Interval> {
        let all = |share: f64| values.iter().flatten().all(|&value| value == share);
        if all(0.0) || all(1.0) { self.share(values, |value| value > 0.5) } else { self.mean(values) }
    }

    /// Share of the lesions with a value whose value is a `hit`.
    pub fn share(&self, values: &[Option<f64>], hit: impl Fn(f64) -> bool) -> Option<Interval> {
        clustered(values.iter().zip(&self.patients).filter_map(|(value, patient)| Some((*patient, hit((*value)?)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_is_left_out_and_what_never_differs_is_a_share() {
        let mut column = Column::new(3);
        column.add(0, Some(1.0));
        column.add(0, Some(2.0));
        column.add(1, None);
        column.add(2, Some(4.0));
        assert_eq!(column.values(), [Some(1.5), None, Some(4.0)]);
        assert_eq!(minus(&column.values(), &[Some(1.0), Some(1.0), None]), [Some(0.5), None, None]);
        let statistician = Statistician { patients: vec!["a", "b", "c"], draws: 200, seed: RunSeed(1) };
        let mean = statistician.mean(&column.values()).unwrap();
        assert_eq!((mean.value, mean.n), (2.75, 2));
        assert!(mean.low < mean.value && mean.high > mean.value);
        let always = statistician.hits(&[Some(1.0); 3]).unwrap();
        assert_eq!((always.value, always.high), (1.0, 1.0));
        assert!(always.low < 0.6, "{always:?}");
        assert_eq!(statistician.hits(&column.values()), Some(mean));
        assert_eq!((statistician.mean(&[None; 3]), statistician.hits(&[None; 3])), (None, None));
    }
}

//! How well scores rank pixels of lesions above all others: average precision, AUROC, Dice.
//!
//! Scores are cut at 4096 of their quantiles, so that a bootstrap over patients adds up counts; where there are fewer
//! different scores nothing is lost. Ties count as one threshold, as in [`crate::statistics::ranking`].

/// Groups of scores, at most.
const BINS: usize = 4096;

/// The scored pixels of one image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scored {
    /// Number of its patient.
    pub patient: usize,
    /// Of each pixel.
    pub scores: Vec<f32>,
    /// Whether it is of a lesion.
    pub truth: Vec<bool>,
}

/// Pixels of lesions and others above each threshold, patient by patient.
pub struct Counts {
    /// Lowest score of each group, falling.
    pub thresholds: Vec<f32>,
    /// Of each patient: of lesions and not, in each group.
    of: Vec<Vec<[u32; 2]>>,
}

/// What a sample of patients says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Average precision.
    pub auprc: Option<f64>,
    /// Area under the ROC curve.
    pub auroc: Option<f64>,
    /// Highest Dice of any threshold.
    pub best_dice: Option<f64>,
    /// Place of that threshold.
    pub best_at: usize,
}

impl Counts {
    /// Of images of `patients` patients.
    pub fn of(images: &[Scored], patients: usize) -> Self {
        let mut all: Vec<f32> = images.iter().flat_map(|image| image.scores.iter().copied()).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        let step = all.len().div_ceil(BINS).max(1);
        let mut thresholds: Vec<f32> = all.iter().copied().skip(step - 1).step_by(step).collect();
        thresholds.extend(all.last());
        thresholds.dedup();
        let mut of = vec![vec![[0; 2]; thresholds.len()]; patients];
        for image in images {
            for (score, &truth) in image.scores.iter().zip(&image.truth) {
                // The first group whose lowest score is not above this one.
                let group = thresholds.partition_point(|threshold| threshold > score);
                of[image.patient][group][usize::from(!truth)] += 1;
            }
        }
        Self { thresholds, of }
    }

    /// Of patients each counted so many times.
    pub fn summary(&self, copies: &[u32]) -> Summary {
        let groups = self.totals(copies);
        let [positives, negatives] =
            groups.iter().fold([0.0, 0.0], |[yes, no], [more_yes, more_no]| [yes + more_yes, no + more_no]);
        if positives == 0.0 {
            return Summary::default();
        }
        let (mut precision, mut area, mut best) = (0.0, 0.0, (0.0, 0));
        let [mut found, mut wrong] = [0.0, 0.0];
        for (at, [yes, no]) in groups.into_iter().enumerate() {
            area += no * (found + yes / 2.0);
            found += yes;
            wrong += no;
            if yes > 0.0 {
                precision += yes * found / (found + wrong);
            }
            let dice = 2.0 * found / (positives + found + wrong);
            if dice > best.0 {
                best = (dice, at);
            }
        }
        Summary {
            auprc: Some(precision / positives),
            auroc: (negatives > 0.0).then(|| area / (positives * negatives)),
            best_dice: Some(best.0),
            best_at: best.1,
        }
    }

    /// Dice where scores of `threshold` or more are called lesions; `None` without a pixel of a lesion.
    pub fn dice(&self, threshold: f32, copies: &[u32]) -> Option<f64> {
        let groups = self.totals(copies);
        let positives: f64 = groups.iter().map(|[yes, _]| yes).sum();
        let above = self.thresholds.iter().zip(&groups).take_while(|(lowest, _)| **lowest >= threshold);
        let (found, wrong) = above.fold((0.0, 0.0), |(found, wrong), (_, [yes, no])| (found + yes, wrong + no));
        (positives > 0.0).then(|| 2.0 * found / (positives + found + wrong))
    }

    fn totals(&self, copies: &[u32]) -> Vec<[f64; 2]> {
        let mut groups = vec![[0.0; 2]; self.thresholds.len()];
        for (patient, &times) in self.of.iter().zip(copies).filter(|(_, times)| **times > 0) {
            for (sum, own) in groups.iter_mut().zip(patient) {
                sum[0] += f64::from(times) * f64::from(own[0]);
                sum[1] += f64::from(times) * f64::from(own[1]);
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;
    use crate::statistics::ranking::Ranking;
    use rand::RngExt;

    #[test]
    fn average_precision_and_dice_by_hand() {
        let truth = vec![true, false, true, false, false];
        let image = Scored { patient: 0, scores: vec![5.0, 4.0, 3.0, 2.0, 1.0], truth };
        let counts = Counts::of(&[image], 1);
        let found = counts.summary(&[1]);
        // Precision 1 at the first, 2/3 at the second pixel of a lesion; 5 of 6 pairs in order.
        assert!((found.auprc.unwrap() - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        assert!((found.auroc.unwrap() - 5.0 / 6.0).abs() < 1e-12);
        // The first three pixels: 2 * 2 / (2 + 3).
        assert!((found.best_dice.unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(counts.thresholds[found.best_at], 3.0);
        assert_eq!(counts.dice(3.0, &[1]), Some(0.8));
        assert_eq!(counts.dice(9.0, &[1]), Some(0.0));
        assert_eq!(counts.summary(&[0]), Summary::default());
    }

    #[test]
    fn many_pixels_agree_with_the_exact_ranking() {
        let mut draws = RunSeed(3).stream("pixels", 0);
        let mut image = |patient: usize| {
            let truth: Vec<bool> = (0..20_000).map(|_| draws.random_bool(0.02)).collect();
            let score = |truth: &bool| draws.random::<f32>() + if *truth { 0.6 } else { 0.0 };
            let scores = truth.iter().map(score).collect();
            Scored { patient, scores, truth }
        };
        let images = [image(0), image(1), image(0)];
        let counts = Counts::of(&images, 2);
        let exact = |wanted: &[usize]| {
            let of = images.iter().filter(|image| wanted.contains(&image.patient));
            let (scores, truth): (Vec<f64>, Vec<bool>) = of
                .flat_map(|one| one.scores.iter().map(|score| f64::from(*score)).zip(one.truth.iter().copied()))
                .unzip();
            let ranking = Ranking::new(&scores, &truth).unwrap();
            (ranking.average_precision_of(None, None).unwrap(), ranking.auroc_of(None).unwrap())
        };
        for (copies, wanted) in [([1, 1], &[0, 1][..]), ([0, 1], &[1]), ([3, 0], &[0])] {
            let (found, (auprc, auroc)) = (counts.summary(&copies), exact(wanted));
            assert!((found.auprc.unwrap() - auprc).abs() < 2e-3, "{found:?} {auprc}");
            assert!((found.auroc.unwrap() - auroc).abs() < 1e-3, "{found:?} {auroc}");
        }
    }
}

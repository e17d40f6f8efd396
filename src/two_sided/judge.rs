//! Losses of both sides to probabilities.

use super::config::{Side, TwoSidedConfig};
use crate::problem::{Kind, Problem, Result};
use crate::statistics::grouped_calibration::{Calibration, Sample, without_own_group};

/// What the calibration sees of a lesion, in words; without covariates the first alone.
pub const INPUTS: [&str; 3] = [
    "difference of the losses as a share of both, above 0 where the lesion fits better as of interest",
    "logarithm of both losses' mean",
    "logarithm of the lesion's voxels in its slices",
];

/// Patients of each class on the side that calibrates, at least: with one, nothing is left without it.
const FEWEST_PATIENTS: usize = 2;

/// A lesion, as far as it is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// Whether it is of interest; `None` where that is contested.
    pub of_interest: Option<bool>,
    /// Of the split.
    pub side: Side,
    /// Whose lesion it is.
    pub patient: String,
    /// Final loss as of interest and as of the other class, above 0; means over slices.
    pub losses: [f64; 2],
    /// Lesion voxels in its slices, mean.
    pub voxels: f64,
}

impl Losses {
    /// How much better it fits as of interest: difference of the losses as a share of both, -1 to 1; 0 where both are.
    pub fn difference(&self) -> f64 {
        let [of_interest, other] = self.losses;
        if of_interest + other > 0.0 { (other - of_interest) / (other + of_interest) } else { 0.0 }
    }

    /// As [`INPUTS`] says.
    pub fn inputs(&self, covariates: bool) -> Vec<f64> {
        let more = self.covariates().into_iter().filter(|_| covariates);
        [self.difference()].into_iter().chain(more).collect()
    }

    fn covariates(&self) -> [f64; 2] {
        [(self.losses[0] + self.losses[1]) / 2.0, self.voxels].map(|value| value.max(f64::MIN_POSITIVE).ln())
    }
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// On all agreed lesions of the side that calibrates.
    pub calibration: Calibration,
    /// Lesions that it was fitted on, and patients of theirs.
    pub lesions: usize,
    /// Their patients.
    pub patients: usize,
    /// Of each lesion, by a calibration without its patient: at `prior` where it is contested, at the share of the
    /// agreed lesions where it is not; `None` where without the patient a class is missing.
    pub probabilities: Vec<Option<f64>>,
    /// The same at the share of the agreed lesions, for all, by what is left without the difference: what the size of
    /// losses and lesion say alone.
    pub without_difference: Vec<Option<f64>>,
}

/// Calibrates on the agreed lesions of one side and judges all.
///
/// # Errors
/// Fewer than two patients with either class there; a regression that does not come to rest.
pub fn judge(lesions: &[Losses], config: &TwoSidedConfig) -> Result<Judged> {
    let &TwoSidedConfig { calibrate, prior, covariates, .. } = config;
    let agreed: Vec<(&Losses, bool)> = lesions
        .iter()
        .filter(|lesion| lesion.side == calibrate)
        .filter_map(|lesion| Some((lesion, lesion.of_interest?)))
        .collect();
    let patients = |wanted: &dyn Fn(bool) -> bool| {
        let mut names: Vec<&str> =
            agreed.iter().filter(|(_, label)| wanted(*label)).map(|(lesion, _)| lesion.patient.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    };
    let (with, without) = (patients(&|label| label), patients(&|label| !label));
    if with.min(without) < FEWEST_PATIENTS {
        let found = format!(
            "agreed {} lesions of {with} patients of interest and of {without} others, projected both ways",
            calibrate.name()
        );
        return Err(Problem::new(Kind::Input, found)
            .expected(format!("at least {FEWEST_PATIENTS} patients of each, to make probabilities of losses"))
            .advice("project more agreed lesions both ways, or calibrate on the other side (two_sided.calibrate)"));
    }
    let labels: Vec<bool> = agreed.iter().map(|(_, label)| *label).collect();
    let groups: Vec<&str> = agreed.iter().map(|(lesion, _)| lesion.patient.as_str()).collect();
    let cross_fitted = |inputs: &dyn Fn(&Losses) -> Vec<f64>, prior: Option<f64>| {
        let rows: Vec<Vec<f64>> = agreed.iter().map(|(lesion, _)| inputs(lesion)).collect();
        let judged: Vec<(Vec<f64>, &str)> =
            lesions.iter().map(|lesion| (inputs(lesion), lesion.patient.as_str())).collect();
        without_own_group(&Sample { rows: &rows, labels: &labels, groups: &groups }, &judged, prior)
    };
    let inputs = |lesion: &Losses| lesion.inputs(covariates);
    let rows: Vec<Vec<f64>> = agreed.iter().map(|(lesion, _)| inputs(lesion)).collect();
    let calibration = Calibration::fit(&rows, &labels)
        .ok_or_else(|| Problem::new(Kind::Gate, "losses that no calibration could be fitted to"))?;
    let either = cross_fitted(&inputs, Some(prior)).into_iter().zip(cross_fitted(&inputs, None));
    let probabilities = lesions
        .iter()
        .zip(either)
        .map(|(lesion, (at_prior, as_found))| if lesion.of_interest.is_none() { at_prior } else { as_found })
        .collect();
    let without_difference = cross_fitted(&|lesion: &Losses| lesion.covariates().to_vec(), None);
    let patients = patients(&|_| true);
    Ok(Judged { calibration, lesions: rows.len(), patients, probabilities, without_difference })
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::StandardNormal;

    use super::*;
    use crate::problem::Kind;
    use crate::seed::RunSeed;
    use crate::statistics::calibration::brier;
    use crate::statistics::ranking::Ranking;

    /// Lesions whose losses are those of a generator: `scale` of a simple or a complex lesion, less by the share `own`
    /// as of the right class; noise of a twentieth.
    struct World {
        own: f64,
        /// Loss of the class of interest, in units of the other's.
        better_trained: f64,
        /// How much less their own class costs lesions that the generator has seen.
        seen: f64,
    }

    const PLAIN: World = World { own: 0.08, better_trained: 1.0, seen: 0.0 };

    impl World {
        /// `counts` of interest and others, two a patient.
        fn lesions(&self, side: Side, counts: [usize; 2], contested: bool, seed: u64) -> (Vec<Losses>, Vec<bool>) {
            let mut rng = RunSeed(seed).stream("lesions", 0);
            let mut made = (vec![], vec![]);
            for at in 0..counts[0] + counts[1] {
                let truth = at < counts[0];
                let mut normal = || -> f64 { rng.sample(StandardNormal) };
                let scale = (0.8 * normal()).exp();
                let own = self.own + if side == Side::Train && !contested { self.seen } else { 0.0 };
                let mut loss = |of_interest: bool| {
                    let fit = if of_interest == truth { 1.0 - own } else { 1.0 };
                    let class = if of_interest { self.better_trained } else { 1.0 };
                    scale * class * (fit + 0.05 * normal())
                };
                let losses = [loss(true), loss(false)];
                let patient = format!("{} {} {}", side.name(), contested, at / 2);
                let of_interest = (!contested).then_some(truth);
                made.0.push(Losses { of_interest, side, patient, losses, voxels: 100.0 });
                made.1.push(truth);
            }
            made
        }
    }

    fn on(calibrate: Side) -> TwoSidedConfig {
        TwoSidedConfig { calibrate, ..TwoSidedConfig::default() }
    }

    fn judged(known: Vec<Losses>, contested: &[Losses], calibrate: Side) -> Vec<f64> {
        let all = [known, contested.to_vec()].concat();
        let found = judge(&all, &on(calibrate)).unwrap().probabilities;
        found[all.len() - contested.len()..].iter().map(|p| p.unwrap()).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Trap: class sizes. The class of interest is a quarter of those that calibrate, and the generator draws it worse;
    /// half of the contested are of it, and half of them is expected.
    #[test]
    fn neither_the_sizes_of_the_classes_nor_a_better_trained_one_is_evidence() {
        let plain = |world: &World| {
            let (known, _) = world.lesions(Side::Validation, [100, 300], false, 1);
            let (contested, _) = world.lesions(Side::Train, [200, 200], true, 2);
            judged(known, &contested, Side::Validation)
        };
        let even = plain(&PLAIN);
        let worse = plain(&World { better_trained: 1.3, ..PLAIN });
        assert!((mean(&even) - 0.5).abs() < 0.03, "{}", mean(&even));
        assert!((mean(&worse) - 0.5).abs() < 0.03, "{}", mean(&worse));
        // Without the calibration every lesion is called other: its loss as of interest is the larger one.
        let (contested, _) = World { better_trained: 1.3, ..PLAIN }.lesions(Side::Train, [200, 200], true, 2);
        assert!(contested.iter().filter(|lesion| lesion.difference() > 0.0).count() < 20);
        // Without taking out the sizes a quarter would be expected.
        let (known, _) = PLAIN.lesions(Side::Validation, [100, 300], false, 1);
        let calibration = judge(&known, &on(Side::Validation)).unwrap().calibration;
        let (contested, _) = PLAIN.lesions(Side::Train, [200, 200], true, 2);
        let raw: Vec<f64> =
            contested.iter().map(|lesion| calibration.probability(&lesion.inputs(true), None)).collect();
        assert!(mean(&raw) < 0.42, "{}", mean(&raw));
    }

    /// Trap: lesions that the generator has seen. Their own class fits them better than it fits any contested lesion,
    /// so that a calibration on them takes the contested ones' smaller differences for less than they are, and its
    /// probabilities of agreed lesions look better than they are.
    #[test]
    fn seen_lesions_calibrate_others_badly_and_held_out_ones_do_not() {
        let world = World { seen: 0.25, ..PLAIN };
        let (held_out, truth_held_out) = world.lesions(Side::Validation, [150, 150], false, 3);
        let (seen, truth_seen) = world.lesions(Side::Train, [150, 150], false, 4);
        let (contested, truth) = world.lesions(Side::Train, [200, 200], true, 5);
        let of = |calibrate: Side| {
            let known = [held_out.clone(), seen.clone()].concat();
            brier(&judged(known, &contested, calibrate), &truth).unwrap().unwrap()
        };
        let (fair, flattered) = (of(Side::Validation), of(Side::Train));
        assert!(fair < 0.20 && flattered > fair + 0.01, "{fair} and {flattered}");
        let own = |lesions: &[Losses], side: Side, truth: &[bool]| {
            let p: Vec<f64> = judge(lesions, &on(side)).unwrap().probabilities.into_iter().flatten().collect();
            brier(&p, truth).unwrap().unwrap()
        };
        // Cross-fitting by patient does not help: the bias is the generator's.
        let (honest, own_seen) =
            (own(&held_out, Side::Validation, &truth_held_out), own(&seen, Side::Train, &truth_seen));
        assert!(own_seen < 0.02 && honest > 0.1, "{own_seen} and {honest}");
    }

    /// Trap: simple lesions fit both classes. The loss as of interest tells simple from complex and nothing else; the
    /// plain difference is large where the lesion is complex; its share of both is what the classes differ in.
    #[test]
    fn a_simple_lesion_is_no_rim_for_fitting_well() {
        let (lesions, truth) = PLAIN.lesions(Side::Validation, [200, 200], false, 6);
        let auroc = |score: &dyn Fn(&Losses) -> f64| {
            let scores: Vec<f64> = lesions.iter().map(score).collect();
            Ranking::new(&scores, &truth).unwrap().auroc_of(None).unwrap()
        };
        let alone = auroc(&|lesion| -lesion.losses[0]);
        let share = auroc(&|lesion| lesion.difference());
        assert!((alone - 0.5).abs() < 0.08 && share > 0.85, "{alone} and {share}");
        // Where rims are the simpler lesions, size and both losses take that up: equal ones are told apart by chance.
        let mut simple = lesions.clone();
        for (lesion, truth) in simple.iter_mut().zip(&truth) {
            let factor = if *truth { 0.2 } else { 1.0 };
            lesion.losses = lesion.losses.map(|loss| loss * factor);
        }
        let found = judge(&simple, &on(Side::Validation)).unwrap().calibration.line.slopes;
        assert!(found[0] > 0.5 && found[1] < -0.5, "{found:?}");
    }

    /// Trap: covariates that know the class. Where rims are the larger lesions and both losses say nothing, the size
    /// alone makes probabilities that look calibrated; what is left without the difference says so, and without
    /// covariates the prior is all there is.
    #[test]
    fn a_probability_that_is_one_of_size_is_told_as_such() {
        let (mut lesions, truth) = World { own: 0.0, ..PLAIN }.lesions(Side::Validation, [150, 150], false, 8);
        for (at, lesion) in lesions.iter_mut().enumerate() {
            lesion.voxels = if truth[at] { 300.0 } else { 100.0 } * (1.0 + (at % 7) as f64);
        }
        let of = |config: &TwoSidedConfig| {
            let found = judge(&lesions, config).unwrap();
            let score =
                |p: Vec<Option<f64>>| brier(&p.into_iter().flatten().collect::<Vec<_>>(), &truth).unwrap().unwrap();
            (score(found.probabilities), score(found.without_difference), found.calibration.line.slopes)
        };
        let (with, alone, slopes) = of(&on(Side::Validation));
        assert!(with < 0.2 && (with - alone).abs() < 0.01, "{with} and {alone}");
        assert!(slopes[0].abs() < 0.5 && slopes[2] > 1.5, "{slopes:?}");
        let (plain, _, slopes) = of(&TwoSidedConfig { covariates: false, ..on(Side::Validation) });
        assert!(plain > 0.24 && slopes.len() == 1, "{plain}");
    }

    #[test]
    fn too_few_patients_are_refused_by_name() {
        let (lesions, _) = PLAIN.lesions(Side::Validation, [2, 8], false, 7);
        let problem = judge(&lesions, &on(Side::Validation)).unwrap_err();
        assert_eq!(problem.kind(), Kind::Input);
        assert!(problem.to_string().contains("of 1 patients of interest and of 4 others"), "{problem}");
        assert!(judge(&lesions, &on(Side::Train)).is_err());
    }

    /// By hand: losses of 3 and 5 differ by a quarter of their sum; the mean is 4.
    #[test]
    fn inputs_by_hand() {
        let lesion = Losses {
            of_interest: None,
            side: Side::Train,
            patient: "a".into(),
            losses: [3.0, 5.0],
            voxels: std::f64::consts::E,
        };
        assert_eq!(lesion.difference(), 0.25);
        approx::assert_abs_diff_eq!(lesion.inputs(true)[..], [0.25, 4f64.ln(), 1.0], epsilon = 1e-12);
        assert_eq!(lesion.inputs(false), [0.25]);
        assert_eq!(Losses { losses: [0.0; 2], ..lesion }.difference(), 0.0);
    }
}

//! Whether a cohort is worth believing: counts, agreement, mean contrast, one-number baselines, texture.
//!
//! Works on any cohort as loaded from disk, simulated or not, one lesion at a time. The difficulty for a trained
//! classifier is not judged here: `classify` reports it.

use serde::{Deserialize, Serialize};

use super::texture::{LAGS, Texture};
use crate::data::slices::largest_slice;
use crate::problem::{Kind, Problem, Result};
use crate::records::cohort::Gate;
use crate::statistics::agreement::VoteTable;
use crate::statistics::ranking::Ranking;

/// One lesion with the map about it.
#[derive(Clone, Copy, Debug)]
pub struct LesionPatch<'a> {
    /// First and second reader say rim.
    pub votes: (bool, bool),
    /// Depth, height, width.
    pub shape: [usize; 3],
    /// Voxel size in the same order, mm.
    pub voxel_mm: [f64; 3],
    /// Susceptibility, ppb, width fastest.
    pub chi_ppb: &'a [f32],
    /// The lesion.
    pub mask: &'a [bool],
}

/// What was asked of a simulated cohort; a real one has no asked counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedCounts {
    /// Lesions in all.
    pub lesions: u64,
    /// Lesions that both readers call rims.
    pub agreed: u64,
    /// Lesions that exactly one reader calls a rim.
    pub ambiguous: u64,
}

/// What a cohort is held to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Counts that must be met exactly.
    pub asked: Option<AskedCounts>,
    /// Share of agreed rims at which the baselines are scored: the paper's 260 of 7980, also for an enriched cohort.
    pub prevalence: f64,
    /// Highest average precision that a single number may reach.
    pub baseline_limit: f64,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self { asked: None, prevalence: 260.0 / 7980.0, baseline_limit: 0.35 }
    }
}

/// Collects lesions, then judges.
#[derive(Clone, Debug, Default)]
pub struct GateMeter {
    config: GateConfig,
    votes: Vec<(bool, bool)>,
    mean_ppb: Vec<f64>,
    volume_mm3: Vec<f64>,
    centre_minus_edge: Vec<f64>,
    /// Of the agreed rims, in the slice where each is largest.
    textures: Vec<Texture>,
}

impl GateMeter {
    /// No lesion yet.
    pub fn new(config: GateConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Adds a lesion.
    ///
    /// # Errors
    /// The lengths disagree, the mask is empty or a voxel of the lesion is not finite.
    pub fn add(&mut self, lesion: &LesionPatch) -> Result<()> {
        let voxels: usize = lesion.shape.iter().product();
        if lesion.chi_ppb.len() != voxels || lesion.mask.len() != voxels {
            let found = format!("{} map and {} mask voxels", lesion.chi_ppb.len(), lesion.mask.len());
            return Err(
                Problem::new(Kind::Input, found).expected(format!("{voxels} for a patch of {:?}", lesion.shape))
            );
        }
        let inside: Vec<f64> =
            lesion.chi_ppb.iter().zip(lesion.mask).filter(|(_, m)| **m).map(|(v, _)| f64::from(*v)).collect();
        if inside.is_empty() || inside.iter().any(|value| !value.is_finite()) {
            return Err(Problem::new(Kind::Input, "a lesion patch without finite lesion voxels")
                .expected("a mask that covers the lesion and a map without holes there"));
        }
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        self.votes.push(lesion.votes);
        self.mean_ppb.push(mean);
        self.volume_mm3.push(inside.len() as f64 * lesion.voxel_mm.iter().product::<f64>());
        // A lesion that is all edge shows no difference.
        self.centre_minus_edge.push(centre_minus_edge(lesion).unwrap_or(0.0));
        if lesion.votes == (true, true) {
            self.textures.extend(lesion.largest_slice_texture());
        }
        Ok(())
    }

    /// The verdicts in a fixed order; those that need a class which is not there are left out, and the counts fail.
    ///
    /// # Errors
    /// A defect in ranking what [`Self::add`] let through.
    pub fn gates(&self) -> Result<Vec<Gate>> {
        let table = VoteTable::from_votes(self.votes.iter().copied());
        let mut gates = self.counts(&table);
        gates.extend(self.kappa(&table));
        gates.extend(self.mean_difference());
        gates.extend(self.baselines()?);
        if !self.textures.is_empty() {
            gates.extend(texture_gates(&Texture::mean_of(&self.textures), self.textures.len()));
        }
        Ok(gates)
    }

    fn counts(&self, table: &VoteTable) -> Vec<Gate> {
        let total = table.total();
        let of = |name: &str, value: u64, asked: Option<u64>| {
            let (low, high) = asked.map_or((1, total.max(1)), |asked| (asked, asked));
            let source = if asked.is_some() { "asked of the simulation" } else { "both classes are needed" };
            Gate::new(name, "lesions", value as f64, [low as f64, high as f64], source)
        };
        let asked = self.config.asked;
        let mut gates = vec![
            of("agreed rims", table.both, asked.map(|a| a.agreed)),
            of("non-rims", table.neither, asked.map(|a| a.lesions.saturating_sub(a.agreed + a.ambiguous))),
        ];
        if let Some(asked) = asked {
            gates.push(of("ambiguous lesions", table.disputed(), Some(asked.ambiguous)));
        }
        gates
    }

    /// Asked counts fix kappa to within the split of single votes; otherwise readers must agree as real ones do.
    fn kappa(&self, table: &VoteTable) -> Option<Gate> {
        let asked = self.config.asked.and_then(|asked| {
            let half = asked.ambiguous / 2;
            VoteTable {
                both: asked.agreed,
                first_only: half,
                second_only: asked.ambiguous - half,
                neither: asked.lesions.saturating_sub(asked.agreed + asked.ambiguous),
            }
            .kappa()
        });
        let (range, source) = match asked {
            Some(kappa) => ([kappa - 0.03, kappa + 0.01], "follows from the asked counts (260/177/7980 gives 0.734)"),
            None => ([0.60, 0.85], "published 0.73 (arXiv 2505.23353); between readers 0.69 (Reeves 2023)"),
        };
        table.kappa().map(|kappa| Gate::new("Cohen's kappa between the readers", "", kappa, range, source))
    }

    /// Whole-lesion mean of agreed rims minus that of lesions that nobody calls rim.
    fn mean_difference(&self) -> Option<Gate> {
        let of = |wanted: (bool, bool)| -> Option<(f64, f64)> {
            let values: Vec<f64> =
                self.votes.iter().zip(&self.mean_ppb).filter(|(v, _)| **v == wanted).map(|(_, m)| *m).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
            (values.len() > 1).then_some((mean, variance / n))
        };
        let ((rim, rim_error), (other, other_error)) = (of((true, true))?, of((false, false))?);
        let error = (rim_error + other_error).sqrt();
        let source = format!("4.27 ppb (Zhang 2019), taken as 2 to 8, widened by one standard error of {error:.1} ppb");
        Some(Gate::new("mean of rims minus non-rims", "ppb", rim - other, [2.0 - error, 8.0 + error], &source))
    }

    /// Average precision of one number a lesion, in its better direction, at the configured prevalence.
    fn baselines(&self) -> Result<Vec<Gate>> {
        let labels: Vec<bool> = self.votes.iter().map(|&vote| vote == (true, true)).collect();
        let rims = labels.iter().filter(|&&label| label).count();
        let share = 100.0 * self.config.prevalence;
        let source = format!(
            "a single number must not solve the task; {} lesions, {rims} rims, negatives weighted to {share:.1} % rims",
            labels.len()
        );
        let mut gates = Vec::new();
        for (name, scores) in [
            ("average precision of the lesion's mean alone", &self.mean_ppb),
            ("average precision of the lesion's size alone", &self.volume_mm3),
            ("average precision of centre minus edge alone", &self.centre_minus_edge),
        ] {
            let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
            let score = |scores: &[f64]| -> Result<Option<f64>> {
                Ok(Ranking::new(scores, &labels)?.average_precision_of(None, Some(self.config.prevalence)))
            };
            if let (Some(up), Some(down)) = (score(scores)?, score(&turned)?) {
                gates.push(Gate::new(name, "", up.max(down), [0.0, self.config.baseline_limit], &source));
            }
        }
        Ok(gates)
    }
}

impl LesionPatch<'_> {
    /// Texture of the slice in which the lesion is largest; `None` unless its pixels are the published .4 mm.
    fn largest_slice_texture(&self) -> Option<Texture> {
        let [_, height, width] = self.shape;
        let [_, dy, dx] = self.voxel_mm;
        let z = largest_slice(self.mask, height * width, |&inside| inside);
        let published = [dx, dy].iter().all(|mm| (mm - 0.4).abs() < 0.05);
        if published { Texture::of(&self.chi_ppb[z * height * width..(z + 1) * height * width], width) } else { None }
    }
}

/// Mean of the lesion's core minus mean of its edge (voxels within 2 pixels of its border in the slice), ppb; `None`
/// without a core.
fn centre_minus_edge(lesion: &LesionPatch) -> Option<f64> {
    let [_, height, width] = lesion.shape;
    let (mut core, mut edge) = ((0.0, 0u32), (0.0, 0u32));
    for (slice, mask) in lesion.chi_ppb.chunks(height * width).zip(lesion.mask.chunks(height * width)) {
        let is_core = |at: usize| {
            let (x, y) = (at % width, at / width);
            // The city-block ball of radius 2 lies in the lesion.
            (-2i64..=2).all(|dy| {
                let rest = 2 - dy.abs();
                (-rest..=rest).all(|dx| {
                    let (x, y) = (x as i64 + dx, y as i64 + dy);
                    (0..width as i64).contains(&x)
                        && (0..height as i64).contains(&y)
                        && mask[x as usize + y as usize * width]
                })
            })
        };
        for at in (0..mask.len()).filter(|&at| mask[at]) {
            let side = if is_core(at) { &mut core } else { &mut edge };
            *side = (side.0 + f64::from(slice[at]), side.1 + 1);
        }
    }
    (core.1 > 0).then(|| core.0 / f64::from(core.1) - edge.0 / f64::from(edge.1))
}

/// Against published 64x64 images: 8-bit, from a generator, at a window that is not published; measured on 61 of them
/// by tests/fixtures/make_texture.py.
///
/// Ratios need no window and get a factor of 1.3: the standard error of 61 images is about 3 %, the rest is for what a
/// generator smooths and what was chosen for publication. Spreads in ppb take about 1 ppb a grey level, known to a
/// factor of 1.5 at best.
fn texture_gates(t: &Texture, slices: usize) -> Vec<Gate> {
    const PUBLISHED_SD: f64 = 37.6;
    /// Mean of along x and along y at each of `LAGS`.
    const PUBLISHED_RMS: [f64; 5] = [9.65, 17.25, 28.57, 40.73, 50.04];
    const PUBLISHED_TAILS: f64 = 2.65;
    let source = |what: &str| format!("{what} in published images (arXiv 2505.23353); {slices} slices of agreed rims");
    let times = |target: f64, factor: f64| [target / factor, target * factor];
    let mut gates = vec![
        Gate::new(
            "sd within a slice",
            "ppb",
            t.sd,
            times(PUBLISHED_SD, 1.5),
            &source("37.6 grey levels of about 1 ppb"),
        ),
        Gate::new(
            "centre minus 24 pixels out",
            "ppb",
            t.centre_excess,
            times(39.0, 1.5),
            &source("39 grey levels of about 1 ppb"),
        ),
        Gate::new(
            "rms difference at 2 pixels over that at 1",
            "",
            t.rms_difference[1] / t.rms_difference[0],
            [1.6, 2.0],
            &source("1.79 (1 is white noise, 2 is smooth)"),
        ),
    ];
    for (k, lag) in LAGS.iter().enumerate() {
        let target = PUBLISHED_RMS[k] / PUBLISHED_SD;
        gates.push(Gate::new(
            format!("rms difference at {lag} pixels over the sd"),
            "",
            t.rms_difference[k] / t.sd,
            times(target, 1.3),
            &source(&format!("{target:.2}")),
        ));
    }
    let [_, p5, p25, _, p75, p95, _] = t.percentiles;
    gates.push(Gate::new(
        "5-95 % range over the 25-75 % range",
        "",
        (p95 - p5) / (p75 - p25),
        times(PUBLISHED_TAILS, 1.3),
        &source("2.65"),
    ));
    gates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;
    use rand::RngExt;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    const SIZE: usize = 64;

    /// What a test breaks in an otherwise sound cohort.
    #[derive(Clone, Copy, Default)]
    struct Flaw {
        rim_mean: f64,
        rim_radius: f64,
        rim_hollow: f64,
        noise: f64,
        random_reader: bool,
        lesions_short: usize,
    }

    fn normal(rng: &mut ChaCha8Rng) -> f64 {
        StandardNormal.sample(rng)
    }

    /// Random waves with correlation lengths of 3.5 and 10 pixels, sd 37: the published texture.
    fn tissue(rng: &mut ChaCha8Rng) -> Vec<f64> {
        let waves: Vec<[f64; 3]> = (0..60)
            .map(|k| {
                let length = if k % 2 == 0 { 3.5 } else { 10.0 };
                [normal(rng) / length, normal(rng) / length, rng.random_range(0.0..std::f64::consts::TAU)]
            })
            .collect();
        let scale = 37.0 / (waves.len() as f64 / 2.0).sqrt();
        let value =
            |x: f64, y: f64| waves.iter().map(|[u, v, phase]| (u * x + v * y + phase).cos()).sum::<f64>() * scale;
        (0..SIZE * SIZE).map(|at| value((at % SIZE) as f64, (at / SIZE) as f64)).collect()
    }

    /// 400 lesions, 30 agreed and 20 ambiguous; rims are 5 ppb above the rest in the mean.
    fn cohort(flaw: Flaw) -> Vec<Gate> {
        let mut rng = RunSeed(8).stream("test", 0);
        let asked = AskedCounts { lesions: 400, agreed: 30, ambiguous: 20 };
        let mut meter = GateMeter::new(GateConfig { asked: Some(asked), ..Default::default() });
        for lesion in 0..400 - flaw.lesions_short {
            let mut votes = match lesion {
                0..30 => (true, true),
                30..50 => (lesion % 2 == 0, lesion % 2 == 1),
                _ => (false, false),
            };
            let rim = votes == (true, true);
            if flaw.random_reader {
                votes.1 = rng.random_range(0.0..1.0) < 0.1;
            }
            let radius = 8.0 + 1.5 * normal(&mut rng) + if rim { flaw.rim_radius } else { 0.0 };
            let distance = |at: usize| ((at % SIZE) as f64 - 31.5).hypot((at / SIZE) as f64 - 31.5);
            let mask: Vec<bool> = (0..SIZE * SIZE).map(|at| distance(at) < radius).collect();
            let mut chi = if rim { tissue(&mut rng) } else { vec![0.0; SIZE * SIZE] };
            let inside: Vec<f64> = chi.iter().zip(&mask).filter(|(_, m)| **m).map(|(v, _)| *v).collect();
            let own = inside.iter().sum::<f64>() / inside.len() as f64;
            let shift = 40.0 - own + 10.0 * normal(&mut rng) + if rim { 5.0 + flaw.rim_mean } else { 0.0 };
            let hollow = 10.0 * normal(&mut rng) - if rim { flaw.rim_hollow } else { 0.0 };
            for (at, value) in chi.iter_mut().enumerate() {
                *value += if mask[at] { shift } else { 0.0 } + flaw.noise * normal(&mut rng);
                // Its mean over the lesion is about 0, so that only the difference of core and edge moves.
                *value += if distance(at) < radius - 3.0 {
                    hollow / 2.0
                } else if mask[at] {
                    -hollow / 3.0
                } else {
                    0.0
                };
            }
            let chi_ppb: Vec<f32> = chi.iter().map(|&v| v as f32).collect();
            meter
                .add(&LesionPatch {
                    votes,
                    shape: [1, SIZE, SIZE],
                    voxel_mm: [1.0, 0.4, 0.4],
                    chi_ppb: &chi_ppb,
                    mask: &mask,
                })
                .unwrap();
        }
        meter.gates().unwrap()
    }

    fn failed(gates: &[Gate]) -> Vec<&str> {
        gates.iter().filter(|gate| !gate.passed).map(|gate| gate.name.as_str()).collect()
    }

    #[test]
    fn a_sound_cohort_passes_every_gate() {
        let gates = cohort(Flaw::default());
        assert_eq!(failed(&gates), Vec::<&str>::new(), "{gates:#?}");
        assert_eq!(gates.len(), 17);
    }

    #[test]
    fn each_flaw_fails_its_gate() {
        for (flaw, name) in [
            (Flaw { rim_mean: 12.0, ..Default::default() }, "mean of rims minus non-rims"),
            (Flaw { rim_mean: -8.0, ..Default::default() }, "mean of rims minus non-rims"),
            (Flaw { rim_mean: 45.0, ..Default::default() }, "average precision of the lesion's mean alone"),
            (Flaw { rim_radius: 6.0, ..Default::default() }, "average precision of the lesion's size alone"),
            (Flaw { rim_hollow: 50.0, ..Default::default() }, "average precision of centre minus edge alone"),
            (Flaw { noise: 20.0, ..Default::default() }, "rms difference at 1 pixels over the sd"),
            (Flaw { noise: 20.0, ..Default::default() }, "rms difference at 2 pixels over that at 1"),
            (Flaw { noise: 60.0, ..Default::default() }, "sd within a slice"),
            (Flaw { random_reader: true, ..Default::default() }, "Cohen's kappa between the readers"),
            (Flaw { random_reader: true, ..Default::default() }, "agreed rims"),
            (Flaw { lesions_short: 1, ..Default::default() }, "non-rims"),
        ] {
            let gates = cohort(flaw);
            assert!(failed(&gates).contains(&name), "{name} not in {:?}", failed(&gates));
        }
    }

    #[test]
    fn a_cohort_without_rims_is_told_so() {
        let mut meter = GateMeter::new(GateConfig::default());
        let (chi, mask) = (vec![0.0; 25], vec![true; 25]);
        let lesion =
            LesionPatch { votes: (false, false), shape: [1, 5, 5], voxel_mm: [1.0; 3], chi_ppb: &chi, mask: &mask };
        meter.add(&lesion).unwrap();
        assert_eq!(failed(&meter.gates().unwrap()), ["agreed rims"]);
        assert!(meter.add(&LesionPatch { mask: &[false; 25], ..lesion }).is_err());
        assert!(meter.add(&LesionPatch { shape: [2, 5, 5], ..lesion }).is_err());
        assert!(meter.add(&LesionPatch { chi_ppb: &[f32::NAN; 25], ..lesion }).is_err());
    }

    /// By hand: a lesion that fills 7x7 pixels has a core of 3x3; core 10, edge 50.
    #[test]
    fn centre_minus_edge_by_hand() {
        let mask = vec![true; 49];
        let chi: Vec<f32> = (0..49)
            .map(|at| if (2..5).contains(&(at % 7)) && (2..5).contains(&(at / 7)) { 10.0 } else { 50.0 })
            .collect();
        let lesion =
            LesionPatch { votes: (true, true), shape: [1, 7, 7], voxel_mm: [1.0; 3], chi_ppb: &chi, mask: &mask };
        assert_eq!(centre_minus_edge(&lesion), Some(-40.0));
    }
}

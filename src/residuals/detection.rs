//! The residual as a detector: what is normal, every score of every test pixel, thresholds from validation images, and
//! the skill over the best score that needs no generator.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::config::ResidualsConfig;
use super::detectors::{Known, Score};
use super::items::{Item, View};
use super::lesions::{self, Image, patches};
use super::normal::{Normal, Place};
use super::pixels::{Counts, Scored, Summary};
use crate::problem::{Kind, Problem, Result};
use crate::records::residuals::{Detection, Detector, FoundOf, Measured};
use crate::seed::RunSeed;
use crate::statistics::bootstrap::ClusterBootstrap;
use crate::statistics::order::quantile;

/// False findings an image of the curves.
const LIMITS: [f64; 4] = [0.5, 1.0, 2.0, 4.0];

/// Part of an image's pixels whose mean score is the image's.
const HIGHEST: f64 = 0.01;

/// An image with its projection \[C, H, W\].
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// The image.
    pub item: &'a Item,
    /// What the generator makes of it.
    pub projection: &'a [f32],
}

/// What the detector is made from and tried on.
pub struct Material<'a> {
    /// Healthy training images, as they are.
    pub healthy: &'a [Item],
    /// Healthy validation images.
    pub calibration: Vec<Pair<'a>>,
    /// Validation images with lesions.
    pub validation: Vec<Pair<'a>>,
    /// Test images with and without.
    pub test: Vec<Pair<'a>>,
}

/// What is normal at each level that occurs.
pub struct Normals {
    levels: BTreeMap<i64, [Place; 2]>,
}

impl Normals {
    /// Of healthy images and of what their projections leave, at the levels of all images to be scored.
    ///
    /// # Errors
    /// None of either.
    pub fn of(view: &View, material: &Material<'_>, reach: u64) -> Result<Self> {
        let plane = |item: &Item| (item.level, view.plane(&item.pixels).to_vec());
        let healthy = Normal::new(view, material.healthy.iter().map(plane).collect(), reach);
        let left = |pair: &Pair<'_>| {
            let (before, after) = (view.plane(&pair.item.pixels), view.plane(pair.projection));
            (pair.item.level, before.iter().zip(after).map(|(before, after)| before - after).collect())
        };
        let residuals = Normal::new(view, material.calibration.iter().map(left).collect(), reach);
        let wanted = material.validation.iter().chain(&material.test).map(|pair| pair.item.level);
        let levels: Vec<i64> = wanted.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let at = |level: &i64| {
            let places = healthy.at(*level).zip(residuals.at(*level));
            let (levels, residuals) = places.ok_or_else(|| Problem::new(Kind::Internal, "no healthy image"))?;
            Ok((*level, [levels, residuals]))
        };
        Ok(Self { levels: levels.par_iter().map(at).collect::<Result<BTreeMap<_, _>>>()? })
    }

    /// What scores of an image at `level` need.
    pub fn known<'a>(&'a self, level: i64, config: &ResidualsConfig, seed: RunSeed) -> Known<'a> {
        let [levels, residuals] = &self.levels[&level];
        Known { levels, residuals, lesions: config.lesions, smooth: config.smooth, seed }
    }
}

/// Pixels that are scored: inside, and not within `erosion` pixels of what is not.
pub fn scored_pixels(item: &Item, view: &View, erosion: u64) -> Vec<bool> {
    let (height, width) = view.size;
    let reach = erosion as i64;
    let open = |at: usize| {
        let (x, y) = ((at % width) as i64, (at / width) as i64);
        (-reach..=reach).all(|dy| {
            (-reach..=reach).all(|dx| {
                let (x, y) = (x + dx, y + dy);
                x >= 0
                    && y >= 0
                    && x < width as i64
                    && y < height as i64
                    && item.inside[y as usize * width + x as usize]
            })
        })
    };
    // Where nothing is cut away an image has no edge.
    if !item.inside.contains(&false) {
        return item.inside.clone();
    }
    (0..item.inside.len()).map(|at| item.inside[at] && open(at)).collect()
}

/// Scores of one set of images by one score.
struct Tried {
    pixels: Vec<Scored>,
    images: Vec<Image>,
}

/// Tries every score.
///
/// # Errors
/// No pixel of a lesion on either side.
pub fn detect(
    view: &View,
    material: &Material<'_>,
    normals: &Normals,
    config: &ResidualsConfig,
    seed: RunSeed,
) -> Result<Detection> {
    let patients_of = |pairs: &[Pair<'_>]| {
        let mut names: Vec<String> = pairs.iter().map(|pair| pair.item.patient.clone()).collect();
        names.sort();
        names.dedup();
        names
    };
    let patients = patients_of(&material.test);
    let validation_patients = patients_of(&material.validation);
    let tried = |score: Score, pairs: &[Pair<'_>], patients: &[String]| {
        tried(score, pairs, patients, (view, normals, config, seed))
    };
    let bootstrap = ClusterBootstrap::by_patient(&patients, seed.child("pixels", 0)).draws(config.draws);
    let once = vec![1; patients.len()];
    let (mut detectors, mut counted, mut kept) = (vec![], vec![], vec![]);
    for score in Score::ALL {
        let validation = tried(score, &material.validation, &validation_patients);
        let threshold = {
            let counts = Counts::of(&validation.pixels, validation_patients.len());
            let found = counts.summary(&vec![1; validation_patients.len()]);
            counts.thresholds.get(found.best_at).copied().filter(|_| found.best_dice.is_some())
        };
        let threshold = threshold.ok_or_else(|| {
            Problem::new(Kind::Input, "no validation image whose lesions are scored")
                .advice("prepare with more validation patients, or lower residuals.erosion (--erosion)")
        })?;
        let test = tried(score, &material.test, &patients);
        let counts = Counts::of(&test.pixels, patients.len());
        let Summary { auprc: Some(auprc), auroc: Some(auroc), best_dice: Some(ceiling), .. } = counts.summary(&once)
        else {
            return Err(Problem::new(Kind::Input, "no test image whose lesions are scored")
                .advice("prepare with more test patients, or lower residuals.erosion (--erosion)"));
        };
        let dice = counts.dice(threshold, &once).unwrap_or_default();
        let mut intervals = bootstrap
            .intervals(3, |copies| {
                let found = counts.summary(copies);
                vec![found.auprc, found.auroc, counts.dice(threshold, copies)]
            })
            .into_iter();
        let mut measured = |value: f64| Measured { value, interval: intervals.next().flatten() };
        detectors.push(Detector {
            key: score.key().into(),
            name: score.name().into(),
            about: score.about().into(),
            baseline: score.is_baseline(),
            auprc: measured(auprc),
            auroc: measured(auroc),
            threshold: f64::from(threshold),
            dice: measured(dice),
            ceiling,
            image_auroc: image_auroc(&test.pixels, &patients, config.draws, seed),
            froc: lesions::free_response(&test.images, view.size.1, &LIMITS),
        });
        counted.push(counts);
        kept.push((threshold, test));
    }
    let judged = 0;
    let best = (0..Score::ALL.len())
        .filter(|&at| Score::ALL[at].is_baseline())
        .max_by(|&a, &b| detectors[a].auprc.value.total_cmp(&detectors[b].auprc.value))
        .unwrap_or_default();
    let skill = |copies: &[u32]| Some(counted[judged].summary(copies).auprc? - counted[best].summary(copies).auprc?);
    let pixels: u64 = kept[judged].1.pixels.iter().map(|image| image.scores.len() as u64).sum();
    let positive = kept[judged].1.pixels.iter().flat_map(|image| &image.truth).filter(|truth| **truth).count() as f64;
    let lesioned = material.test.iter().filter(|pair| pair.item.is_lesioned()).count() as u64;
    let shares =
        Shares { view, normals, config, seed, pairs: &material.test, judged: &kept[judged], best: &kept[best] };
    let of_lesions = shares.of_lesions();
    Ok(Detection {
        calibration: material.calibration.len() as u64,
        validation: material.validation.len() as u64,
        test: [lesioned, material.test.len() as u64 - lesioned],
        patients: patients.len() as u64,
        pixels,
        prevalence: positive / pixels.max(1) as f64,
        lesions: of_lesions.len() as u64,
        judged: detectors[judged].key.clone(),
        best_baseline: detectors[best].key.clone(),
        skill: Measured { value: skill(&once).unwrap_or_default(), interval: bootstrap.interval(skill) },
        contrast_kept: contrast_kept(&of_lesions, config.draws, seed),
        by_size: thirds(&of_lesions, &|lesion| lesion.size),
        by_contrast: thirds(&of_lesions, &|lesion| lesion.contrast),
        detectors,
    })
}

fn tried(
    score: Score,
    pairs: &[Pair<'_>],
    patients: &[String],
    (view, normals, config, seed): (&View, &Normals, &ResidualsConfig, RunSeed),
) -> Tried {
    let one = |pair: &Pair<'_>| {
        let item = pair.item;
        let map = score.map(view, item, pair.projection, &normals.known(item.level, config, seed));
        let inside = scored_pixels(item, view, config.erosion);
        let places: Vec<usize> = (0..map.len()).filter(|&at| inside[at]).collect();
        let pixels = Scored {
            patient: patients.binary_search(&item.patient).unwrap_or_default(),
            scores: places.iter().map(|&at| map[at]).collect(),
            truth: places.iter().map(|&at| item.truth[at]).collect(),
        };
        let truth: Vec<bool> = item.truth.iter().zip(&inside).map(|(truth, inside)| *truth && *inside).collect();
        let scores =
            map.into_iter().zip(&inside).map(|(score, inside)| if *inside { score } else { f32::NEG_INFINITY });
        (pixels, Image { scores: scores.collect(), lesions: patches(&truth, view.size.1), truth })
    };
    let (pixels, images) = pairs.par_iter().map(one).unzip();
    Tried { pixels, images }
}

/// How well the mean of an image's highest scores tells whether it shows a lesion.
fn image_auroc(images: &[Scored], patients: &[String], draws: usize, seed: RunSeed) -> Option<Measured> {
    let highest = |image: &Scored| {
        let mut scores: Vec<f64> = image.scores.iter().map(|score| f64::from(*score)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let count = ((scores.len() as f64 * HIGHEST).ceil() as usize).clamp(1, scores.len().max(1));
        scores.iter().take(count).sum::<f64>() / count as f64
    };
    let used: Vec<&Scored> = images.iter().filter(|image| !image.scores.is_empty()).collect();
    let scores: Vec<f64> = used.iter().map(|image| highest(image)).collect();
    let labels: Vec<bool> = used.iter().map(|image| image.truth.contains(&true)).collect();
    let ranking = crate::statistics::ranking::Ranking::new(&scores, &labels).ok()?;
    let value = ranking.auroc_of(None)?;
    let of: Vec<&str> = used.iter().map(|image| patients[image.patient].as_str()).collect();
    let bootstrap = ClusterBootstrap::by_patient(&of, seed.child("images", 0)).draws(draws);
    Some(Measured { value, interval: bootstrap.interval(|copies| ranking.auroc_of(Some(copies))) })
}

/// A lesion of a test image.
struct Lesion {
    patient: String,
    /// Pixels.
    size: f64,
    /// Mean below (or above) healthy images, in the channel's unit, positive as lesions are.
    contrast: f64,
    /// Of its projection.
    contrast_after: f64,
    by_residual: bool,
    by_baseline: bool,
}

struct Shares<'a> {
    view: &'a View,
    normals: &'a Normals,
    config: &'a ResidualsConfig,
    seed: RunSeed,
    pairs: &'a [Pair<'a>],
    judged: &'a (f32, Tried),
    best: &'a (f32, Tried),
}

impl Shares<'_> {
    fn of_lesions(&self) -> Vec<Lesion> {
        let sign = f64::from(self.config.lesions.sign());
        let mut all = vec![];
        for (at, pair) in self.pairs.iter().enumerate() {
            let known = self.normals.known(pair.item.level, self.config, self.seed);
            let image = &self.judged.1.images[at];
            let width = self.view.size.1;
            let (by_residual, _) = lesions::findings(image, self.judged.0, width);
            let (by_baseline, _) = lesions::findings(&self.best.1.images[at], self.best.0, width);
            for (lesion, (by_residual, by_baseline)) in
                image.lesions.iter().zip(by_residual.into_iter().zip(by_baseline))
            {
                let mean = |pixels: &[f32]| {
                    let plane = self.view.plane(pixels);
                    let of = |at: &usize| f64::from(plane[*at]) - f64::from(known.levels.mean[*at]);
                    sign * self.view.range / 2.0 * lesion.iter().map(of).sum::<f64>() / lesion.len() as f64
                };
                all.push(Lesion {
                    patient: pair.item.patient.clone(),
                    size: lesion.len() as f64,
                    contrast: mean(&pair.item.pixels),
                    contrast_after: mean(pair.projection),
                    by_residual,
                    by_baseline,
                });
            }
        }
        all
    }
}

/// Contrast of all projections over that of all lesions that have any: a share of sums, as that of one faint lesion is
/// anything.
fn contrast_kept(lesions: &[Lesion], draws: usize, seed: RunSeed) -> Option<Measured> {
    let used: Vec<&Lesion> = lesions.iter().filter(|lesion| lesion.contrast > 0.0).collect();
    let share = |copies: &[u32]| {
        let sum = |of: &dyn Fn(&Lesion) -> f64| {
            used.iter().zip(copies).map(|(lesion, &times)| of(lesion) * f64::from(times)).sum::<f64>()
        };
        let before = sum(&|lesion| lesion.contrast);
        (before > 0.0).then(|| sum(&|lesion| lesion.contrast_after) / before)
    };
    let value = share(&vec![1; used.len()])?;
    let patients: Vec<&str> = used.iter().map(|lesion| lesion.patient.as_str()).collect();
    let interval = ClusterBootstrap::by_patient(&patients, seed.child("contrast", 0)).draws(draws).interval(share);
    Some(Measured { value, interval })
}

/// Lesions in thirds of what `of` says, and which are found.
fn thirds(lesions: &[Lesion], of: &dyn Fn(&Lesion) -> f64) -> Vec<FoundOf> {
    let mut values: Vec<f64> = lesions.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let (Some(&lowest), Some(&highest)) = (values.first(), values.last()) else { return vec![] };
    let cuts = [f64::NEG_INFINITY, quantile(&values, 1.0 / 3.0), quantile(&values, 2.0 / 3.0), f64::INFINITY];
    let third = |ends: &[f64]| {
        let own: Vec<&Lesion> = lesions.iter().filter(|one| of(one) > ends[0] && of(one) <= ends[1]).collect();
        let share = |found: &dyn Fn(&Lesion) -> bool| {
            own.iter().filter(|lesion| found(lesion)).count() as f64 / own.len() as f64
        };
        (!own.is_empty()).then(|| FoundOf {
            limits: [ends[0].max(lowest), ends[1].min(highest)],
            lesions: own.len() as u64,
            residual: share(&|lesion| lesion.by_residual),
            baseline: share(&|lesion| lesion.by_baseline),
        })
    };
    cuts.windows(2).filter_map(third).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;
    use crate::residuals::config::Lesions;

    fn view() -> View {
        View {
            channel: 0,
            truth: None,
            size: (16, 16),
            range: 1.0,
            unit: "FA".into(),
            healthy: vec![],
            lesioned: vec![],
        }
    }

    /// Level .4 with noise of its own, the lesion, where there is one, .3 lower.
    fn item(number: usize, patient: &str, lesioned: bool) -> Item {
        let wave = |at: usize| ((at * 31 + number * 17) % 13) as f32 / 130.0;
        let truth: Vec<bool> =
            (0..256).map(|at| lesioned && (5..8).contains(&(at % 16)) && (4..9).contains(&(at / 16))).collect();
        let pixels = (0..256).map(|at| 0.4 + wave(at) - if truth[at] { 0.3 } else { 0.0 }).collect();
        Item {
            id: Name::of_known(&format!("{patient}-{number}")),
            patient: patient.into(),
            level: 0,
            pixels,
            inside: vec![true; 256],
            truth,
        }
    }

    /// A generator that draws healthy images finds what is none; one that copies finds nothing, and a baseline wins.
    #[test]
    fn skill_is_what_the_generator_adds_and_says_when_it_is_negative() {
        let healthy: Vec<Item> = (0..9).map(|number| item(number, "t", false)).collect();
        let calibration: Vec<Item> = (20..28).map(|number| item(number, "v", false)).collect();
        let validation: Vec<Item> = (30..34).map(|number| item(number, "w", true)).collect();
        let test: Vec<Item> =
            (40..52).map(|number| item(number, &format!("p{}", number % 4), number % 2 == 0)).collect();
        let healed = |item: &Item| -> Vec<f32> {
            item.pixels.iter().zip(&item.truth).map(|(value, truth)| value + if *truth { 0.3 } else { 0.0 }).collect()
        };
        let copied = |item: &Item| item.pixels.clone();
        let config = ResidualsConfig { draws: 100, lesions: Lesions::Dark, smooth: 0.0, ..ResidualsConfig::default() };
        let run = |projected: &dyn Fn(&Item) -> Vec<f32>| {
            let drawn = |items: &[Item]| items.iter().map(projected).collect::<Vec<_>>();
            let drawn = [drawn(&calibration), drawn(&validation), drawn(&test)];
            fn pairs<'a>(items: &'a [Item], drawn: &'a [Vec<f32>]) -> Vec<Pair<'a>> {
                items.iter().zip(drawn).map(|(item, projection)| Pair { item, projection }).collect()
            }
            let material = Material {
                healthy: &healthy,
                calibration: pairs(&calibration, &drawn[0]),
                validation: pairs(&validation, &drawn[1]),
                test: pairs(&test, &drawn[2]),
            };
            let normals = Normals::of(&view(), &material, 2).unwrap();
            detect(&view(), &material, &normals, &config, RunSeed(1)).unwrap()
        };
        let found = run(&healed);
        assert!((found.detectors[0].auprc.value - 1.0).abs() < 1e-9, "{:?}", found.detectors[0]);
        assert!(found.skill.value >= 0.0 && found.contrast_kept.as_ref().unwrap().value < 0.2);
        assert_eq!((found.test, found.patients, found.lesions), ([6, 6], 4, 6));
        assert_eq!(found.by_size[0].residual, 1.0);
        assert_eq!(found.detectors[0].froc[0], (0.5, Some(1.0)));
        let found = run(&copied);
        assert!(found.skill.value < -0.5, "{:?}", found.skill);
        assert!((found.contrast_kept.as_ref().unwrap().value - 1.0).abs() < 1e-6);
        let chance = found.detectors.iter().find(|one| one.key == "random").unwrap();
        assert!((chance.auprc.value - found.prevalence).abs() < 0.05, "{chance:?}");
    }

    #[test]
    fn the_edge_of_what_is_inside_is_not_scored() {
        let mut own = item(0, "a", false);
        (0..256).for_each(|at| own.inside[at] = (4..12).contains(&(at % 16)) && (4..12).contains(&(at / 16)));
        let count = |erosion: u64| scored_pixels(&own, &view(), erosion).iter().filter(|inside| **inside).count();
        assert_eq!([count(0), count(1), count(2)], [64, 36, 16]);
        own.inside.fill(true);
        assert_eq!(scored_pixels(&own, &view(), 3), vec![true; 256]);
    }
}

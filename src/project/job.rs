//! One run over targets: what is finished is read back, the batches of which anything is missing are projected, judged
//! and written.

use std::collections::BTreeSet;
use std::ops::Range;

use tch::Tensor;

use super::batches::Batches;
use super::fingerprint::{self, fingerprint};
use super::items::{self, Captions, Channel, Finished, Item, Outcome};
use super::projector::{Batch, Projector, Run, pixels_of};
use super::rim_score::RimScore;
use super::start::Comparison;
use super::targets::Target;
use super::trace::Trace;
use super::units;
use crate::digest;
use crate::engine::Place;
use crate::files::{self, Claim};
use crate::name::Name;
use crate::nets::features::FeatureNet;
use crate::observer::Observer;
use crate::problem::Result;
use crate::project::acceptance::{Gauge, Levels};
use crate::project::{ProjectConfig, store};
use crate::records::arithmetic::Arithmetic;
use crate::records::projection::{ProjectedImage, ProjectedLesion, ProjectionRecord};
use crate::run_dir::ProjectionDir;
use crate::seed::RunSeed;
use crate::units::Ready;

/// One run over targets, with all that its results depend on.
pub struct Job<'a> {
    /// The network.
    pub projector: &'a Projector,
    /// What images are compared by.
    pub features: &'a dyn FeatureNet,
    /// All that every result depends on; part of each item's fingerprint.
    pub settings: serde_json::Value,
    /// How to project.
    pub config: &'a ProjectConfig,
    /// Of every draw.
    pub seed: RunSeed,
    /// Where results go.
    pub dir: &'a ProjectionDir,
    /// How images are measured.
    pub gauge: &'a Gauge,
    /// Absent for plain images.
    pub levels: Option<Levels>,
    /// How figures name the channels.
    pub channels: &'a [Channel],
    /// Whether figures say SIMULATED.
    pub simulated: bool,
    /// Where it is computed.
    pub place: &'a Place,
    /// What tells a rim, where projections are pulled towards one.
    pub rim_score: Option<&'a RimScore>,
    /// How parts of the same work were computed that were done before: the trial of feature nets.
    pub before: &'a [Arithmetic],
}

/// The targets, and how they are projected together.
#[derive(Clone, Copy)]
struct Work<'a> {
    targets: &'a [Target],
    prints: &'a [String],
    cut: &'a Batches<'a>,
}

/// What projects one batch after another.
struct Bench<'a> {
    job: &'a Job<'a>,
    work: Work<'a>,
    /// Names of the noise maps.
    maps: Vec<String>,
    trace: Trace<'a>,
    comparison: Comparison<'a>,
    run: Run<'a>,
}

impl Bench<'_> {
    /// Projects the targets at these places together, judges and writes those that are not `kept`.
    fn project(&mut self, batch: &[usize], kept: &[bool]) -> Result<Vec<(usize, Item)>> {
        let Work { targets, prints, cut } = self.work;
        let (job, config) = (self.job, self.job.config);
        let captions = Captions {
            channels: job.channels,
            width: job.gauge.width,
            film: config.film,
            simulated: job.simulated,
            maps: &self.maps,
        };
        tracing::info!("projecting a batch of {} images", batch.len());
        let chosen: Vec<&Target> = batch.iter().map(|&at| &targets[at]).collect();
        let projected = job.projector.project(&mut self.comparison, &chosen, &self.run, &mut self.trace)?;
        let outcomes = job.judge(&chosen, &projected)?;
        let mut written = vec![];
        for ((index, &at), outcome) in batch.iter().enumerate().zip(outcomes) {
            if kept[at] {
                continue;
            }
            let (target, fingerprint, made) = (&targets[at], prints[at].clone(), cut.made(at));
            // The record of an earlier projection of other settings must not stand beside the new files.
            files::remove(&job.dir.item(&target.id))?;
            if config.film > 0 {
                items::write_film(job.dir, target, &self.trace.film(&target.id), &captions)?;
            }
            let finished = Finished { target, projected: &projected.projected, index, outcome, fingerprint, made };
            written.push((at, items::write(job.dir, finished, &captions)?));
        }
        Ok(written)
    }
}

/// Folders of items' files.
const OF_ITEMS: [&str; 5] = ["images/", "figures/", "noise/", "films/", "items/"];

/// Notes the files of the targets, films where wanted, as this stage's.
pub(super) fn claim_items(claim: &mut Claim, targets: &[Target], film: u64) -> Result<()> {
    claim.will_write(files_of(targets.iter(), film > 0))
}

/// Names of the files of the targets, films among them where asked for.
pub(super) fn files_of<'a>(targets: impl Iterator<Item = &'a Target>, film: bool) -> impl Iterator<Item = String> {
    targets.flat_map(move |target| ProjectionDir::files(&target.id, film)).map(|name| name.to_string())
}

impl Job<'_> {
    /// Projects what is neither finished nor ready; the items come in the targets' order.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; finished batches stay. A failed read or write, or what the feature net
    /// reports; something to do beside what was computed elsewhere, or where nothing is to be made.
    pub fn run(
        &self,
        targets: &[Target],
        (claim, ready): (&mut Claim, &Ready),
        observer: &dyn Observer,
    ) -> Result<Vec<Item>> {
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&self.settings, target)).collect();
        let mut items = self.finished(targets, &prints)?;
        let size = self.config.batch as usize;
        if items.iter().any(Option::is_none) && ready.is_any() {
            self.clear(targets, &prints, &items, claim)?;
            self.take(targets, &items, ready)?;
            items = self.finished(targets, &prints)?;
        }
        let cut = Batches::new(&prints, size, self.place);
        let finished: Vec<_> = items.iter().map(|item| item.as_ref().map(|item| item.made.as_ref())).collect();
        let to_do = cut.to_do(&finished, self.before, self.dir.root(), observer)?;
        let missing: BTreeSet<Name> = to_do.places.iter().map(|at| units::batch(at / size)).collect();
        ready.require_none(&missing.into_iter().collect::<Vec<_>>())?;
        let kept = targets.len() - to_do.places.len();
        if kept < targets.len() {
            self.clear(targets, &prints, &items, claim)?;
        }
        tracing::info!("{kept} of {} projections were made before, kept", targets.len());
        observer.begin("project", "image steps", targets.len() as u64 * self.config.steps);
        observer.advance(kept as u64 * self.config.steps);
        let work = Work { targets, prints: &prints, cut: &cut };
        let mut bench = self.bench(work, to_do.places.len().div_ceil(size), observer)?;
        for batch in to_do.places.chunks(size) {
            for (at, item) in bench.project(batch, &to_do.kept)? {
                items[at] = Some(item);
            }
        }
        observer.end();
        Trace::clear(self.dir)?;
        Ok(items.into_iter().flatten().collect())
    }

    /// Projects the batches of these numbers and hands over each that is done with the places of its targets.
    ///
    /// # Errors
    /// `Kind::Interrupted` once asked to stop; a failed write, what the feature net or `done` reports.
    pub fn run_batches(
        &self,
        targets: &[Target],
        numbers: &[usize],
        observer: &dyn Observer,
        mut done: impl FnMut(usize, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let prints: Vec<String> = targets.iter().map(|target| fingerprint(&self.settings, target)).collect();
        let size = self.config.batch as usize;
        let cut = Batches::new(&prints, size, self.place);
        let of = |number: usize| number * size..targets.len().min((number + 1) * size);
        let images: usize = numbers.iter().map(|&number| of(number).len()).sum();
        observer.begin("project", "image steps", images as u64 * self.config.steps);
        let mut bench = self.bench(Work { targets, prints: &prints, cut: &cut }, numbers.len(), observer)?;
        let none_kept = vec![false; targets.len()];
        for &number in numbers {
            bench.project(&of(number).collect::<Vec<_>>(), &none_kept)?;
            done(number, of(number))?;
        }
        observer.end();
        Trace::clear(self.dir)
    }

    fn finished(&self, targets: &[Target], prints: &[String]) -> Result<Vec<Option<Item>>> {
        let pairs = targets.iter().zip(prints);
        pairs.map(|(target, print)| items::finished(self.dir, target, print, self.config.film)).collect()
    }

    /// Takes in the batches of which anything is missing and that are ready.
    fn take(&self, targets: &[Target], items: &[Option<Item>], ready: &Ready) -> Result<()> {
        let size = self.config.batch as usize;
        for (number, (targets, items)) in targets.chunks(size).zip(items.chunks(size)).enumerate() {
            if items.iter().any(Option::is_none) {
                let names: Vec<String> = files_of(targets.iter(), self.config.film > 0).collect();
                ready.take(&units::batch(number), self.dir.root(), &names)?;
            }
        }
        Ok(())
    }

    /// Ready to project some `batches` of the targets.
    fn bench<'b>(&'b self, work: Work<'b>, batches: usize, observer: &'b dyn Observer) -> Result<Bench<'b>> {
        let maps = self.projector.generator.synthesis.noise_shapes().into_iter().map(|(name, _)| name).collect();
        let Work { targets, prints, cut } = work;
        let (padding, film) = (self.projector.source.padding, self.config.film);
        let trace = Trace::new(self.dir, targets, &cut.traced(prints)?, padding, self.config.steps, film);
        let run = Run { rim_score: self.rim_score, ..Run::new(self.config, self.seed, observer) };
        let comparison = self.projector.comparison(self.features, batches);
        Ok(Bench { job: self, work, maps, trace, comparison, run })
    }

    /// Removes what trying out feature nets, or pulls towards a rim, left, where none are tried.
    fn remove_tries(&self, no_choice: bool, no_curve: bool) -> Result<()> {
        if no_choice {
            files::remove(&self.dir.feature_choice())?;
        }
        if no_curve {
            files::remove(&self.dir.curve())?;
        }
        Ok(())
    }

    /// Before anything is made: the record goes, so that the folder is one of an unfinished run. Where any item is of
    /// other settings, so do the files of all that are not known to be of these: whatever fails or is killed from here
    /// on, nothing is left that could be taken for a result of these settings. The same where none is known to be of
    /// these: what lies there is of other lesions then, or unfinished, and of settings that are not known.
    fn clear(&self, targets: &[Target], prints: &[String], items: &[Option<Item>], claim: &mut Claim) -> Result<()> {
        files::remove(&self.dir.record())?;
        files::remove(&self.dir.latents())?;
        self.remove_tries(self.config.choose_features == 0, self.config.curve.is_empty())?;
        let of_items = |name: &str| OF_ITEMS.iter().any(|folder| name.starts_with(folder));
        let mut others = items.iter().all(Option::is_none) && {
            let own: BTreeSet<String> = files_of(targets.iter(), self.config.film > 0).collect();
            let lies_there = |name: &str| self.dir.root().join(name).symlink_metadata().is_ok();
            claim.written().any(|name| of_items(name) && (!own.contains(name) || lies_there(name)))
        };
        for ((target, print), _) in targets.iter().zip(prints).zip(items).filter(|(_, item)| item.is_none()) {
            others = others || items::is_of_others(self.dir, target, print)?;
        }
        if !others {
            return Ok(());
        }
        let kept = targets.iter().zip(items).filter(|(_, item)| item.is_some());
        let kept: BTreeSet<String> = files_of(kept.map(|(target, _)| target), self.config.film > 0).collect();
        claim.forget(|name| of_items(name) && !kept.contains(name))?;
        claim_items(claim, targets, self.config.film)
    }

    fn judge(&self, batch: &[&Target], Batch { projected, classes, w_distance }: &Batch) -> Result<Vec<Outcome>> {
        let after = pixels_of(&projected.images)?;
        let mut outcomes = Vec::new();
        for (i, target) in batch.iter().enumerate() {
            let mask = target.mask.as_deref();
            let (lesion_rms, slice_rms) = self.gauge.root_mean_squares(&target.pixels, &after[i], mask);
            let (figure, image) = (ProjectionDir::figure(&target.id), ProjectionDir::image(&target.id));
            let film = (self.config.film > 0).then(|| ProjectionDir::film(&target.id));
            let class = classes.get(i).map(|&class| self.projector.class_name(class));
            outcomes.push(match (&target.lesion, &self.levels) {
                (Some(lesion), Some(levels)) => {
                    let before = lesion.contrast;
                    let after = self.gauge.contrast_after(&after[i], target)?;
                    Outcome::Lesion(ProjectedLesion {
                        lesion_id: lesion.lesion_id.clone(),
                        patient: lesion.patient.clone(),
                        slice: lesion.slice,
                        role: lesion.role.name().to_owned(),
                        distance: projected.distance[i],
                        contrast_before: before,
                        contrast_after: after,
                        w_distance: w_distance[i],
                        rim_erased: levels.erased(before, after),
                        rim_invented: levels.invented(before, after),
                        lesion_rms,
                        slice_rms,
                        figure,
                        image,
                        image_sha256: None,
                        film,
                        class,
                        true_rim: None,
                    })
                }
                _ => Outcome::Image(ProjectedImage {
                    id: target.id.clone(),
                    distance: projected.distance[i],
                    w_distance: w_distance[i],
                    rms: slice_rms,
                    figure,
                    image,
                    film,
                    class,
                }),
            });
        }
        Ok(outcomes)
    }

    /// A record of this run without its images: `items` say how they were computed.
    pub fn record(&self, items: &[Item]) -> ProjectionRecord {
        let computed_with = Arithmetic::distinct(items.iter().flat_map(|item| &item.made).map(|made| &made.arithmetic));
        ProjectionRecord {
            network_sha256: self.projector.network_sha256.clone(),
            data_sha256: self.projector.source.data_sha256.clone(),
            ancestor_data: self.projector.source.ancestor_data.clone(),
            projected_sha256: None,
            patient_data: self.levels.is_some().then_some(!self.simulated),
            contrasts: self.projector.source.contrasts.clone(),
            settings_sha256: Some(fingerprint::alike(&self.settings)),
            latents_sha256: None,
            features: self.features.name().to_owned(),
            steps: self.config.steps,
            space: self.config.space.name().to_owned(),
            seed: self.seed.0,
            lesions: Vec::new(),
            feature_choice: Vec::new(),
            rim_measure: None,
            without_core: 0,
            flag_rates: Vec::new(),
            true_among_ambiguous: None,
            curve: Vec::new(),
            images: Vec::new(),
            computed_with,
        }
    }

    /// Writes w of all items, then the record; takes away the record of other items and what is no part of this one.
    ///
    /// # Errors
    /// A failed write.
    pub fn finish(&self, items: &[Item], record: ProjectionRecord) -> Result<ProjectionRecord> {
        let config = self.projector.generator.config();
        let w: Vec<f32> = items.iter().flat_map(|item| item.w.iter().copied()).collect();
        let w = Tensor::from_slice(&w).view([items.len() as i64, -1, config.w_dim]);
        let w = w.expand([-1, config.num_ws(), -1], false);
        let latents = store::npz(&self.dir.latents(), &[("w", &w)])?;
        let record = ProjectionRecord { latents_sha256: Some(digest::sha256(&latents)), ..record };
        let before = files::read_note::<ProjectionRecord>(self.dir.record())?;
        if before.is_some_and(|before| before != record) {
            // It speaks of other items than the file that is written next.
            files::remove(&self.dir.record())?;
        }
        self.remove_tries(record.feature_choice.is_empty(), record.curve.is_empty())?;
        files::write(self.dir.latents(), &latents)?;
        files::write_json(self.dir.record(), &record)?;
        Ok(record)
    }
}

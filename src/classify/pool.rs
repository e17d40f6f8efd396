//! All slices of a comparison in memory: the rows that [`Material`] numbers, and the lesions that are scored.

use std::collections::HashMap;

use tch::{Device, Tensor};

use super::config::{ClassifyConfig, Control, Pooling};
use super::extras::{Denoised, Extras, Synthetic};
use super::labelled::Labelled;
use super::made::Workshop;
use super::material::{Material, Origin, Supply, Unit};
use super::proof;
use super::rows::Rows;
use super::runs::{Workplace, pixels_sha256};
use super::source::Source;
use super::training_set::Example;
use crate::data::sides::Side;
use crate::data::slices::{LesionSlices, Slices};
use crate::data::{Prepared, TrainSlices};
use crate::feed::batches::Images;
use crate::observer::Observer;
use crate::problem::{Problem, Result};
use crate::records::classify::MadeContrast;
use crate::seed::RunSeed;

/// Lesions to be scored.
#[derive(Debug)]
pub struct Scoring {
    /// \[N, C, H, W\].
    pub pixels: Tensor,
    /// Each lesion with the rows of its slices.
    pub lesions: Vec<LesionSlices>,
}

impl Scoring {
    pub(super) fn load<S: Side>(slices: &Slices<S>, device: Device) -> Result<Self> {
        Ok(Self { pixels: Images::load(slices, device)?.pixels, lesions: slices.by_lesion() })
    }

    /// All of several, one behind the other.
    pub(super) fn joined(parts: Vec<Self>) -> Self {
        let pixels = Tensor::cat(&parts.iter().map(|part| &part.pixels).collect::<Vec<_>>(), 0);
        let mut lesions = Vec::new();
        let mut rows = 0;
        for part in parts {
            let moved = |group: LesionSlices| LesionSlices {
                positions: group.positions.iter().map(|position| position + rows).collect(),
                ..group
            };
            lesions.extend(part.lesions.into_iter().map(moved));
            rows += part.pixels.size()[0] as usize;
        }
        Self { pixels, lesions }
    }

    /// Scores of the lesions, class by class, from those of the slices.
    pub(super) fn pooled(&self, classes: &[Vec<f32>], pooling: Pooling) -> Vec<Vec<f64>> {
        let lesion = |slices: &[f32], positions: &[usize]| {
            pooling.pool(&mut positions.iter().map(|&at| slices[at]).collect::<Vec<_>>())
        };
        let class = |slices: &Vec<f32>| self.lesions.iter().map(|group| lesion(slices, &group.positions)).collect();
        classes.iter().map(class).collect()
    }

    fn clone_for_thread(&self) -> Self {
        Self { pixels: self.pixels.shallow_clone(), lesions: self.lesions.clone() }
    }
}

/// Everything that fits read; shared storage, nobody writes to it.
#[derive(Debug)]
pub struct Pool {
    /// \[N, C, H, W\] in \[-1, 1\]; the rows that `material` speaks of.
    pub pixels: Tensor,
    /// What there is to train on.
    pub material: Material,
    /// Lesions for thresholds.
    pub validation: Scoring,
    /// Lesions that are scored.
    pub test: Scoring,
    /// Lesions that every adding arm adds.
    pub extra: usize,
    /// How much rim is left in what was made of rims.
    pub made: Vec<MadeContrast>,
}

impl Pool {
    /// Loads the data set, lays generated slices behind its training slices, makes what arms need beyond them, and
    /// proves that nothing of the test side is among it; also what a reader should know about what was made.
    ///
    /// # Errors
    /// An arm's source is missing or empty, a projected slice is not one of the data set's, no test lesion, a slice of
    /// the test side among what is learnt from, or as [`Workshop::make`].
    pub fn load(
        data: &Prepared,
        extras: &Extras,
        config: &ClassifyConfig,
        seed: RunSeed,
        place: Workplace<'_>,
        observer: &dyn Observer,
    ) -> Result<(Self, Vec<String>)> {
        let device = place.device;
        let training = data.training_all();
        let test = data.test();
        if test.is_empty() {
            return Err(Problem::input(data.root(), "no test lesion").advice("prepare with a test share above 0"));
        }
        let mut rows = Rows::new(&training, device)?;
        let mut material = real(&training);
        read(extras, &training, &mut rows, &mut material)?;
        require_shares(config, &material, data)?;
        let extra = extra_count(config, &material, data)?;
        let shop = Workshop { data, config, seed, extras, extra, place, observer };
        let notes = shop.make(&mut rows, &mut material)?;
        let made = shop.contrasts(&rows, &material)?;
        let scored = Scoring::load(&test, device)?;
        proof::check(data, &material, &rows.stack(), &scored.pixels)?;
        if config.control == Some(Control::DuplicateLeak) {
            material.leaked = rows.leak(&test)?;
        }
        let validation = Scoring::load(&data.validation(), device)?;
        Ok((Self { pixels: rows.stack(), material, validation, test: scored, extra, made }, notes))
    }

    /// A handle for another thread; tensors share storage.
    pub fn clone_for_thread(&self) -> Self {
        Self {
            pixels: self.pixels.shallow_clone(),
            material: self.material.clone(),
            validation: self.validation.clone_for_thread(),
            test: self.test.clone_for_thread(),
            extra: self.extra,
            made: vec![],
        }
    }

    /// Numbers of the classes that lesions are scored for: the one of interest, or each.
    pub fn scored(&self) -> Vec<i64> {
        match self.material.interest {
            Some(interest) => vec![interest as i64],
            None => (0..self.material.classes.len() as i64).collect(),
        }
    }

    /// SHA-256 over every pixel, so that a finished fit is reused for the same ones only.
    pub fn sha256(&self) -> Result<String> {
        pixels_sha256(&[&self.pixels, &self.validation.pixels, &self.test.pixels])
    }
}

/// What was handed over, as rows and supplies.
fn read(extras: &Extras, training: &TrainSlices, rows: &mut Rows, material: &mut Material) -> Result<()> {
    let better = extras.two_sided.iter().flatten().map(|lesion| &lesion.better);
    match extras.denoised.first() {
        Some(denoised) => material.contested = originals(training, denoised)?,
        // Then the contested ones are those that were projected as of either class.
        None if extras.two_sided.is_some() => material.contested = originals(training, better)?,
        None => {}
    }
    let surely = |unit| Example { unit, target: 1.0 };
    let mut denoised = |lesions: &Vec<Denoised>| -> Vec<Example> {
        lesions.iter().map(|lesion| surely(rows.projected(lesion, Origin::Denoised))).collect()
    };
    let denoised = extras.denoised.iter().map(&mut denoised).collect();
    let mut drawn = |slices: &Vec<Synthetic>, origin| -> Vec<Example> {
        slices.iter().map(|slice| surely(rows.synthetic(slice, origin))).collect()
    };
    let synthetic = extras.synthetic.iter().map(|slices| drawn(slices, Origin::Synthetic)).collect();
    let conditional = extras.conditional.iter().map(|slices| drawn(slices, Origin::Conditional)).collect();
    for (source, lists) in
        [(Source::Denoised, denoised), (Source::Synthetic, synthetic), (Source::Conditional, conditional)]
    {
        supply(material, source, lists);
    }
    for (source, lesions, origin, target) in [
        (Source::ProjectedInterest, &extras.projected_interest, Origin::ProjectedInterest, 1.0),
        (Source::ProjectedOthers, &extras.projected_others, Origin::ProjectedOther, 0.0),
    ] {
        if let Some(lesions) = lesions {
            let one = |lesion: &Denoised| Example { unit: rows.projected(lesion, origin), target };
            supply(material, source, vec![lesions.iter().map(one).collect()]);
        }
    }
    read_of_every_class(extras, rows, material);
    Ok(())
}

/// What generators made, a list of each; nothing where there is none.
fn supply(material: &mut Material, source: Source, lists: Vec<Vec<Example>>) {
    if let Some(supply) = Supply::of_generators(lists.into_iter().map(Supply::Drawn).collect()) {
        material.supplies.insert(source, supply);
    }
}

/// Images with a class each; those that a gate kept are the same rows once more.
fn read_of_every_class(extras: &Extras, rows: &mut Rows, material: &mut Material) {
    let interest = material.interest;
    let mut examples = |images: &[Labelled], origin: fn(u32) -> Origin| -> Vec<Example> {
        let one = |image: &Labelled| {
            let target = f32::from(u8::from(interest == Some(image.class)));
            Example { unit: rows.synthetic(&image.image, origin(image.class as u32)), target }
        };
        images.iter().map(one).collect()
    };
    let drawn = extras.drawn_by_class.iter().map(|images| examples(images, Origin::Drawn)).collect();
    supply(material, Source::DrawnByClass, drawn);
    if let Some(images) = &extras.edited {
        let edited = examples(images, Origin::Edited);
        let some = |of: &dyn Fn(&Labelled) -> bool| {
            let some = edited.iter().zip(images).filter(|(_, image)| of(image)).map(|(example, _)| example.clone());
            Supply::Drawn(some.collect())
        };
        material.supplies.insert(Source::EditedKept, some(&|image| image.kept));
        for number in Source::ALONG {
            let along = |image: &Labelled| image.edit.is_some_and(|edit| edit.direction + 1 == usize::from(number));
            material.supplies.insert(Source::EditedAlong(number), some(&along));
        }
        let mut distances: Vec<f64> = images.iter().filter_map(|image| Some(image.edit?.distance)).collect();
        distances.sort_by(f64::total_cmp);
        for percent in Source::NEAREST {
            let most = distances.get((distances.len() * usize::from(percent) / 100).saturating_sub(1));
            let near = |image: &Labelled| image.edit.zip(most).is_some_and(|(edit, most)| edit.distance <= *most);
            material.supplies.insert(Source::EditedNearest(percent), some(&near));
        }
        material.supplies.insert(Source::Edited, Supply::Drawn(edited));
    }
}

/// Refuses an arm that wants more images of every class than there are.
fn require_shares(config: &ClassifyConfig, material: &Material, data: &Prepared) -> Result<()> {
    let lesions = match material.interest {
        Some(_) => material.of_interest().len() + material.others_count(config.non_rims_per_rim),
        None => material.classes.iter().map(Vec::len).sum(),
    };
    for arm in &config.arms {
        let Some(share) = arm.share() else { continue };
        let (wanted, there) = (share.count(lesions), material.supply(share.source).map_or(0, Supply::count));
        if there < wanted.max(1) {
            let found =
                format!("arm {} takes {wanted} images beside {lesions} training lesions, of {there}", arm.name());
            let more = match share.source {
                Source::DrawnByClass => "draw more (generate.seeds, --seeds)",
                Source::EditedKept => "edit more (edit.images, --images), or set a wider gate (edit.gate, --gate)",
                Source::EditedAlong(_) => "accept more directions, or edit more (edit.images, --images)",
                _ => "edit more (edit.images, --images)",
            };
            return Err(Problem::usage(found)
                .at(data.root())
                .expected(format!("at least {wanted}"))
                .advice(format!("{more}, or leave \"{}\" out of classify.arms (--arms)", arm.key())));
        }
    }
    Ok(())
}

/// The real part: one unit a lesion.
pub(crate) fn real(training: &TrainSlices) -> Material {
    let data = training.prepared();
    let interest = data.classes().interest();
    let none = vec![vec![]; data.classes().count()];
    let mut material = Material { classes: none.clone(), interest, leaked: none, ..Material::default() };
    for group in training.by_lesion() {
        let (list, origin) = match data.class_of(data.lesion(group.lesion)) {
            None => (&mut material.contested, Origin::Contested),
            Some(class) if interest == Some(class) => (&mut material.classes[class], Origin::Interest),
            Some(class) if interest.is_some() => (&mut material.classes[class], Origin::Other),
            Some(class) => (&mut material.classes[class], Origin::Class(class as u32)),
        };
        let rows = group.positions.iter().map(|&position| position as u32).collect();
        list.push(Unit { origin, rows, lesion: Some(group.lesion) });
    }
    material
}

/// The contested slices that were projected, lesion by lesion: what an arm gets of them must not differ in the choice
/// of slices.
fn originals<'a>(training: &TrainSlices, denoised: impl IntoIterator<Item = &'a Denoised>) -> Result<Vec<Unit>> {
    let places: HashMap<(u32, u32), u32> =
        training.entries().enumerate().map(|(at, (slice, _))| ((slice.lesion, slice.z), at as u32)).collect();
    let row = |lesion: u32, z: u32| {
        places.get(&(lesion, z)).copied().ok_or_else(|| {
            let id = &training.prepared().lesion(lesion).id;
            Problem::input(
                training.prepared().root(),
                format!("slice {z} of {id} was projected but is no training slice"),
            )
            .advice("project the lesions of this data set again")
        })
    };
    let unit = |lesion: &Denoised| -> Result<Unit> {
        let rows = lesion.slices.iter().map(|(z, _)| row(lesion.lesion, *z)).collect::<Result<_>>()?;
        Ok(Unit { origin: Origin::Contested, rows, lesion: Some(lesion.lesion) })
    };
    denoised.into_iter().map(unit).collect()
}

/// How many lesions each adding arm adds: what was asked for, or what the poorest source of the arms in question has.
fn extra_count(config: &ClassifyConfig, material: &Material, data: &Prepared) -> Result<usize> {
    let mut extra = if material.interest.is_some() { config.extra as usize } else { 0 };
    for arm in config.arms.iter().filter(|arm| arm.adds()) {
        for source in arm.needs() {
            let Some(available) = source.available(material, config) else { continue };
            if available == 0 {
                return Err(source.lacking(*arm).at(data.root()));
            }
            extra = extra.min(available);
        }
    }
    Ok(extra)
}

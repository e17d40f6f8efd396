//! What is done with a run while it trains: distance, previews, TensorBoard.

use tch::{Device, Tensor};

use super::reals::TrainingSet;
use crate::data::Prepared;
use crate::feed::image::Image;
use crate::feed::padding;
use crate::feed::pictures::{self, Look};
use crate::latent::seeds;
use crate::metrics::features::Features;
use crate::metrics::frechet;
use crate::nets::class::one_hot;
use crate::nets::features::FrechetFeatures;
use crate::nets::{Generator, Noise};
use crate::problem::Result;
use crate::raster::Canvas;
use crate::records::label::Padding;
use crate::records::training::{TickRecord, TimingRecord};
use crate::tensorboard::EventWriter;
use crate::train::draws::class_at;
use crate::train::{At, Next, RunFolder, Scores, Watcher};

/// Generated images for a Frechet distance; seeds 0.. of NumPy's RandomState.
const FRECHET_IMAGES: u32 = 300;

/// Images at a time where no gradient is needed.
const BATCH: i64 = 50;

/// Images of a preview grid.
const PREVIEW_IMAGES: u32 = 36;

/// The watcher of the stage.
pub struct Watch<'a> {
    folder: &'a RunFolder<'a>,
    events: Option<EventWriter>,
    distance: Option<Distance>,
    texts: Vec<(&'static str, String)>,
    padding: Padding,
    look: Look,
    classes: Classes,
}

/// Which classes are drawn.
struct Classes {
    /// Share of each among the real images; empty without classes.
    shares: Vec<f64>,
    /// The class that the distance is of; all where none is.
    interest: Option<i64>,
}

struct Distance {
    features: FrechetFeatures,
    /// Of the class of interest, or of everything where no class is.
    real: Features,
    /// Of all classes, where that is something else.
    all: Option<Features>,
}

impl<'a> Watch<'a> {
    /// For a run in `folder` on `set`; `measure` asks for distances. Draws the real images, too.
    ///
    /// # Errors
    /// A slice cannot be read, or the disk is full.
    pub fn new(folder: &'a RunFolder<'a>, data: &Prepared, set: &TrainingSet, measure: bool) -> Result<Self> {
        let device = folder.device;
        let reals = &set.images.pixels;
        let compared = Tensor::from_slice(&set.compared());
        let distance = if measure {
            let features = FrechetFeatures::new(reals.size()[1], device);
            let of = |images: &Tensor| Features::new(&features.of_all(images));
            let real = of(&reals.index_select(0, &compared))?;
            let all = set.chosen.interest.map(|_| of(reals)).transpose()?;
            Some(Distance { real, all, features })
        } else {
            None
        };
        let simulated = if data.manifest().simulated { "SIMULATED data" } else { "the given data" };
        let texts = vec![
            ("Description", format!("SYNTHETIC: drawn by a generator in training on {simulated}")),
            ("Software", format!("rimforge {}", env!("CARGO_PKG_VERSION"))),
        ];
        let counts = set.chosen.counts();
        let classes = Classes {
            shares: counts.iter().map(|&count| count as f64 / counts.iter().sum::<u64>() as f64).collect(),
            interest: set.chosen.interest.map(|number| number as i64),
        };
        let look = Look::of(data.contrasts());
        let padding = set.padding;
        let watch = Self { folder, events: None, distance, texts, padding, look, classes };
        let shown = set.chosen.slices.largest_of_each_lesion();
        let reals = Image::of_slices(&shown)?;
        let reals: Vec<Canvas> = reals.iter().take(PREVIEW_IMAGES as usize).map(|image| image.canvas(look)).collect();
        pictures::grid(&reals).write_png(folder.real_preview(), &[("Description", simulated)])?;
        Ok(watch)
    }

    fn scores(&self, average: &Generator) -> Result<Option<Scores>> {
        let Some(Distance { features, real, all }) = &self.distance else {
            return Ok(None);
        };
        let distance = |reals: &Features, class: Option<i64>| -> Result<f64> {
            let fakes = fixed_images(average, &self.classes.draw(FRECHET_IMAGES, class), FRECHET_IMAGES);
            Ok(frechet::distance(reals, &Features::new(&features.of_all(&fakes))?)?.distance)
        };
        let all_classes = all.as_ref().map(|all| distance(all, None)).transpose()?;
        Ok(Some(Scores { distance: distance(real, self.classes.interest)?, all_classes }))
    }

    fn draw(&mut self, images: u64, average: &Generator) -> Result<()> {
        let fakes = fixed_images(average, &self.classes.draw(PREVIEW_IMAGES, None), PREVIEW_IMAGES);
        let cells: Vec<Canvas> =
            Image::split(&padding::crop(&self.padding, &fakes))?.iter().map(|image| image.canvas(self.look)).collect();
        let sheet = pictures::grid(&cells);
        let texts: Vec<(&str, &str)> = self.texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let png = sheet.png(&texts)?;
        self.folder.write_preview(images, &png)?;
        let channels = if self.look == Look::Colour { 3 } else { 1 };
        self.with_events(|events| {
            events.image(
                "previews/average generator",
                images,
                &png,
                [sheet.width() as u64, sheet.height() as u64, channels],
            )
        })
    }

    fn log(&mut self, record: &TickRecord, timing: &TimingRecord) -> Result<()> {
        let frechet =
            self.distance.as_ref().map(|distance| format!("Frechet distance on {}", distance.features.name()));
        self.with_events(|events| log(events, record, timing, &frechet.unwrap_or_default()))
    }

    fn with_events(&mut self, act: impl FnOnce(&mut EventWriter) -> Result<()>) -> Result<()> {
        self.events.as_mut().map_or(Ok(()), act)
    }

    /// Name of the feature net that distances are measured in.
    pub fn features_name(&self) -> String {
        self.distance.as_ref().map_or_else(|| "none".into(), |distance| distance.features.name().to_owned())
    }

    /// Distance between the slices of every second patient and those of the rest.
    pub fn real_floor(&self, data: &Prepared, set: &TrainingSet) -> Result<Option<f64>> {
        let Some(Distance { features, .. }) = &self.distance else {
            return Ok(None);
        };
        let images = &set.images;
        let compared = set.compared();
        let patient = |at: i64| data.lesion(images.lesions[at as usize]).patient.as_str();
        let mut patients: Vec<&str> = compared.iter().map(|&at| patient(at)).collect();
        patients.dedup();
        let half = |odd: bool| -> Vec<i64> {
            let side = |at: i64| {
                let own = patient(at);
                patients.iter().position(|known| *known == own).is_some_and(|at| (at % 2 == 1) == odd)
            };
            compared.iter().copied().filter(|&at| side(at)).collect()
        };
        let (even, odd) = (half(false), half(true));
        if even.len() < 2 || odd.len() < 2 {
            return Ok(None);
        }
        let of = |picks: &[i64]| {
            let picks = Tensor::from_slice(picks);
            Features::new(&features.of_all(&images.pixels.index_select(0, &picks)))
        };
        Ok(Some(frechet::distance(&of(&even)?, &of(&odd)?)?.distance))
    }
}

impl Watcher for Watch<'_> {
    fn opened(&mut self, at: At) -> Result<()> {
        self.events = Some(self.folder.begin_events((at.images > 0).then_some(at.images))?);
        Ok(())
    }

    fn score(&mut self, _: At, average: &Generator) -> Result<Option<Scores>> {
        self.scores(average)
    }

    fn preview(&mut self, at: At, average: &Generator) -> Result<()> {
        self.draw(at.images, average)
    }

    fn tick(&mut self, record: &TickRecord, timing: &TimingRecord) -> Result<Next> {
        self.log(record, timing)?;
        Ok(Next::GoOn)
    }
}

/// The numbers of a tick; `frechet` is what a distance is called.
pub(super) fn log(events: &mut EventWriter, record: &TickRecord, timing: &TimingRecord, frechet: &str) -> Result<()> {
    let mut scalar = |tag: &str, value: Option<f64>| match value {
        Some(value) => events.scalar(tag, record.images, value),
        None => Ok(()),
    };
    scalar("loss/generator", Some(record.loss_g))?;
    scalar("loss/discriminator", Some(record.loss_d))?;
    scalar("loss/R1 penalty", record.r1)?;
    scalar("loss/path length", record.path_length)?;
    scalar("augmentation/p", Some(record.ada_p))?;
    scalar("augmentation/r_t", Some(record.ada_rt))?;
    scalar(frechet, record.frechet)?;
    scalar(&format!("{frechet}, all classes"), record.frechet_all_classes)?;
    scalar("machine/images per second", Some(timing.images_per_s))?;
    scalar("machine/peak memory in GiB", Some(timing.peak_bytes as f64 / f64::from(1 << 30)))?;
    events.flush()
}

/// The images of seeds 0..`count` with the network's own noise; `c` is \[count, c_dim\].
fn fixed_images(generator: &Generator, c: &Option<Tensor>, count: u32) -> Tensor {
    let seeds: Vec<u32> = (0..count).collect();
    let device = generator.device();
    let z = seeds::latents(&seeds, generator.config().z_dim).to_device(device);
    let parts = (0..i64::from(count)).step_by(BATCH as usize).map(|start| {
        let rows = |all: &Tensor| all.narrow(0, start, BATCH.min(i64::from(count) - start)).to_device(device);
        tch::no_grad(|| generator.forward(&rows(&z), c.as_ref().map(rows).as_ref(), &Noise::Const))
    });
    Tensor::cat(&parts.collect::<Vec<_>>(), 0)
}

impl Classes {
    /// One-hot \[count, c_dim\]: all `class`, or each class as often as it is among the real images; `None` without
    /// classes.
    fn draw(&self, count: u32, class: Option<i64>) -> Option<Tensor> {
        if self.shares.is_empty() {
            return None;
        }
        let at = |index: u32| class_at(&self.shares, (f64::from(index) + 0.5) / f64::from(count));
        let numbers: Vec<i64> = (0..count).map(|index| class.unwrap_or_else(|| at(index))).collect();
        Some(one_hot(&numbers, self.shares.len() as i64, Device::Cpu))
    }
}

//! What is done with a run on volumes while it trains: distance over three planes, sheets of three views, TensorBoard.

use tch::{Device, Tensor};

use super::set::VolumeSet;
use crate::data::PreparedVolumes;
use crate::feed::pictures::Look;
use crate::feed::volumes::{PLANES, inner_slices, three_views};
use crate::latent::seeds;
use crate::metrics::features::Features;
use crate::metrics::frechet;
use crate::nets::class::one_hot;
use crate::nets::features::FrechetFeatures;
use crate::nets::{Generator, Noise};
use crate::problem::Result;
use crate::records::training::{TickRecord, TimingRecord};
use crate::tensorboard::EventWriter;
use crate::train::draws::class_at;
use crate::train::watch::log;
use crate::train::{At, Next, RunFolder, Scores, Watcher};

/// Generated volumes for a distance; seeds 0.. of NumPy's RandomState.
const FRECHET_VOLUMES: u32 = 48;

/// Volumes at a time where no gradient is needed.
const BATCH: i64 = 8;

/// Volumes of a sheet.
const SHEET: u32 = 8;

/// The watcher of the stage.
pub(super) struct VolumeWatch<'a> {
    folder: &'a RunFolder<'a>,
    events: Option<EventWriter>,
    features: Option<(FrechetFeatures, Vec<Features>)>,
    texts: Vec<(&'static str, String)>,
    look: Look,
    /// Share of each class among the real volumes; empty without classes.
    shares: Vec<f64>,
}

impl<'a> VolumeWatch<'a> {
    /// For a run in `folder` on `set`; `measure` asks for distances. Draws the real volumes, too.
    ///
    /// # Errors
    /// The disk is full.
    pub fn new(folder: &'a RunFolder<'a>, data: &PreparedVolumes, set: &VolumeSet, measure: bool) -> Result<Self> {
        let reals = &set.images.pixels;
        let features = if measure {
            let net = FrechetFeatures::new(reals.size()[1], folder.device);
            let real = of_planes(&net, reals)?;
            Some((net, real))
        } else {
            None
        };
        let simulated = if data.manifest().simulated { "SIMULATED data" } else { "the given data" };
        let texts = vec![
            ("Description", format!("SYNTHETIC: volumes drawn by a generator in training on {simulated}")),
            ("Software", format!("rimforge {}", env!("CARGO_PKG_VERSION"))),
        ];
        let counts = set.counts();
        let shares = counts.iter().map(|&count| count as f64 / counts.iter().sum::<u64>() as f64).collect();
        let look = Look::of(&data.manifest().contrasts);
        let shown = reals.narrow(0, 0, reals.size()[0].min(i64::from(SHEET)));
        three_views(&shown, look)?.write_png(folder.real_preview(), &[("Description", simulated)])?;
        Ok(Self { folder, events: None, features, texts, look, shares })
    }

    /// Name of the features that distances are measured in.
    pub fn features_name(&self) -> String {
        let name = |(net, _): &(FrechetFeatures, Vec<Features>)| format!("{}, mean over three planes", net.name());
        self.features.as_ref().map_or_else(|| "none".into(), name)
    }

    /// Distance between the volumes of every second patient and those of the rest.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn real_floor(&self, data: &PreparedVolumes, set: &VolumeSet) -> Result<Option<f64>> {
        let Some((net, _)) = &self.features else {
            return Ok(None);
        };
        let [even, odd] = set.halves(data);
        if even.size()[0] == 0 || odd.size()[0] == 0 {
            return Ok(None);
        }
        let of = |picks: &Tensor| of_planes(net, &set.images.pixels.index_select(0, picks));
        mean_distance(&of(&even)?, &of(&odd)?).map(Some)
    }

    /// The volumes of seeds 0.. with the network's own noise, of each class as often as it is among the reals.
    fn drawn(&self, generator: &Generator, count: u32) -> Tensor {
        let device = generator.device();
        let seeds: Vec<u32> = (0..count).collect();
        let z = seeds::latents(&seeds, generator.config().z_dim);
        let class = |at: u32| class_at(&self.shares, (f64::from(at) + 0.5) / f64::from(count));
        let c = (!self.shares.is_empty())
            .then(|| one_hot(&(0..count).map(class).collect::<Vec<_>>(), self.shares.len() as i64, Device::Cpu));
        let parts = (0..i64::from(count)).step_by(BATCH as usize).map(|start| {
            let rows = |all: &Tensor| all.narrow(0, start, BATCH.min(i64::from(count) - start)).to_device(device);
            tch::no_grad(|| generator.forward(&rows(&z), c.as_ref().map(rows).as_ref(), &Noise::Const))
        });
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    }
}

/// Features of the inner slices of each plane.
fn of_planes(net: &FrechetFeatures, volumes: &Tensor) -> Result<Vec<Features>> {
    PLANES.iter().map(|&plane| Features::new(&net.of_all(&inner_slices(volumes, plane)))).collect()
}

fn mean_distance(a: &[Features], b: &[Features]) -> Result<f64> {
    let each: Vec<f64> = a.iter().zip(b).map(|(a, b)| Ok(frechet::distance(a, b)?.distance)).collect::<Result<_>>()?;
    Ok(each.iter().sum::<f64>() / each.len() as f64)
}

impl Watcher for VolumeWatch<'_> {
    fn opened(&mut self, at: At) -> Result<()> {
        self.events = Some(self.folder.begin_events((at.images > 0).then_some(at.images))?);
        Ok(())
    }

    fn score(&mut self, _: At, average: &Generator) -> Result<Option<Scores>> {
        let Some((net, real)) = &self.features else {
            return Ok(None);
        };
        let fakes = of_planes(net, &self.drawn(average, FRECHET_VOLUMES))?;
        Ok(Some(Scores { distance: mean_distance(real, &fakes)?, all_classes: None }))
    }

    fn preview(&mut self, at: At, average: &Generator) -> Result<()> {
        let sheet = three_views(&self.drawn(average, SHEET), self.look)?;
        let texts: Vec<(&str, &str)> = self.texts.iter().map(|(key, text)| (*key, text.as_str())).collect();
        self.folder.write_preview(at.images, &sheet.png(&texts)?)
    }

    fn tick(&mut self, record: &TickRecord, timing: &TimingRecord) -> Result<Next> {
        let name = self.features_name();
        if let Some(events) = &mut self.events {
            log(events, record, timing, &format!("Frechet distance on {name}"))?;
        }
        Ok(Next::GoOn)
    }
}

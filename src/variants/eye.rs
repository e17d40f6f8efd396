//! What looks at drawn images: reads their classes, and says how varied those of a class are.

use tch::{Device, Kind, Tensor};

use super::reader::{self, ClassReader};
use crate::data::Prepared;
use crate::feed::batches::Images;
use crate::feed::padding;
use crate::latent::draw::{BATCH, NoiseMode, draw, filled};
use crate::nets::Generator;
use crate::nets::class::one_hot;
use crate::nets::features::FrechetFeatures;
use crate::problem::Result;
use crate::records::label::Padding;
use crate::records::variants::{ClassReaderRecord, Range};
use crate::train::TrainingSet;

/// First words of classes that are planes.
const PLANES: [&str; 3] = ["axial", "coronal", "sagittal"];

/// Reads classes, and says how varied the images of a class are.
pub(super) struct Eye {
    features: FrechetFeatures,
    /// Where images lie in the network's square.
    pub padding: Padding,
    classes: Vec<String>,
    planes: Option<Vec<usize>>,
    reader: Option<(ClassReader, ClassReaderRecord)>,
    /// Of each class, how far its training slices lie apart ([`apart`]).
    deviations: Vec<f64>,
}

/// What drawn images of the classes in turn are like; nothing is known without classes.
#[derive(Default)]
pub(super) struct Seen {
    /// Share read as of the class that was asked for.
    pub fidelity: Option<f64>,
    /// Share read as of its plane.
    pub planes: Option<f64>,
    /// How far apart images of a class lie, as a share of what its training slices do, mean over classes.
    pub variety: Option<f64>,
    /// The same of the least varied class.
    pub least_variety: Option<f64>,
}

/// Deviation over the images \[N, C, H, W\] of each pixel, mean over pixels and channels; 0 of a single one.
fn apart(images: &Tensor) -> f64 {
    let images = images.to_kind(Kind::Double);
    let mean = images.mean_dim([0i64].as_slice(), true, None);
    (images - mean).square().mean_dim([0i64].as_slice(), false, None).sqrt().mean(Kind::Double).double_value(&[])
}

/// [`apart`] of the images of each of `count` classes.
fn apart_by_class(images: &Tensor, classes: &[i64], count: usize) -> Vec<f64> {
    let of = |class: i64| {
        let rows: Vec<i64> = (0i64..).zip(classes).filter(|&(_, own)| *own == class).map(|(row, _)| row).collect();
        let rows = Tensor::from_slice(&rows).to_device(images.device());
        if rows.numel() == 0 { 0.0 } else { apart(&images.index_select(0, &rows)) }
    };
    (0..count as i64).map(of).collect()
}

impl Eye {
    /// Learns from the training slices of `set` and tries itself on held-out ones.
    pub fn open(data: &Prepared, set: &TrainingSet, device: Device) -> Result<Self> {
        let features = FrechetFeatures::new(set.images.pixels.size()[1], device);
        let classes: Vec<String> = set.chosen.names.clone();
        let planes = reader::grouped(&classes, &PLANES);
        let mut eye = Self { features, padding: set.padding, planes, classes, reader: None, deviations: vec![] };
        if eye.classes.is_empty() {
            return Ok(eye);
        }
        let numbers: Vec<i64> = set.chosen.classes.iter().map(|&class| class as i64).collect();
        eye.deviations = apart_by_class(&set.images.pixels, &numbers, eye.classes.len());
        let reader = ClassReader::fit(&eye.features.of_all(&set.images.pixels), &numbers, eye.classes.len())?;
        let mut held = Images::load(&data.validation(), Device::Cpu)?;
        held.pixels = padding::pad(&set.padding, &held.pixels);
        let number = |lesion: &u32| -> Option<i64> {
            let class = data.class_of(data.lesion(*lesion))?;
            let name = data.classes().names.get(class)?.to_string();
            eye.classes.iter().position(|known| *known == name).map(|at| at as i64)
        };
        let (rows, asked): (Vec<i64>, Vec<i64>) =
            (0i64..).zip(&held.lesions).filter_map(|(row, lesion)| Some((row, number(lesion)?))).unzip();
        if asked.is_empty() {
            return Ok(eye);
        }
        let found = reader.read(&eye.features.of_all(&held.pixels.index_select(0, &Tensor::from_slice(&rows))))?;
        let (accuracy, planes) = eye.shares(&found, &asked);
        let record = ClassReaderRecord {
            name: format!("a linear map from {}, fitted to the training slices", eye.features.name()),
            classes: eye.classes.clone(),
            held_out: asked.len() as u64,
            accuracy,
            planes,
        };
        eye.reader = Some((reader, record));
        Ok(eye)
    }

    /// Shares read as asked, by class and by plane.
    fn shares(&self, found: &[i64], asked: &[i64]) -> (f64, Option<f64>) {
        let planes = self.planes.as_ref().map(|planes| reader::share(found, asked, |class| planes[class as usize]));
        (reader::share(found, asked, |class| class as usize), planes)
    }

    /// At so many drawn images, each class in turn.
    pub fn look(&self, generator: &Generator, drawn: u64) -> Result<Seen> {
        let Some((reader, _)) = self.reader.as_ref().filter(|_| drawn > 0) else {
            return Ok(Seen::default());
        };
        let count = self.classes.len() as i64;
        let asked: Vec<i64> = (0..drawn as i64).map(|image| image % count).collect();
        let (mut found, mut images) = (Vec::new(), Vec::new());
        for (at, classes) in asked.chunks(BATCH).enumerate() {
            let seeds: Vec<u32> = (0..classes.len()).map(|image| (at * BATCH + image) as u32).collect();
            let c = one_hot(&filled(classes), count, generator.device());
            let drawn = draw(generator, &seeds, Some(&c), 1.0, NoiseMode::Const);
            found.extend(reader.read(&self.features.of_all(&drawn))?);
            images.push(drawn);
        }
        let (fidelity, planes) = self.shares(&found, &asked);
        let deviations = apart_by_class(&Tensor::cat(&images, 0), &asked, self.classes.len());
        let both = deviations.iter().zip(&self.deviations).filter(|(_, real)| **real > 0.0);
        let shares: Vec<f64> = both.map(|(drawn, real)| drawn / real).collect();
        let variety = Range::of(&shares);
        Ok(Seen {
            fidelity: Some(fidelity),
            planes,
            variety: variety.map(|range| range.mean),
            least_variety: variety.map(|range| range.low),
        })
    }

    /// How well it reads, where there are classes.
    pub fn record(self) -> Option<ClassReaderRecord> {
        self.reader.map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_one_image_over_and_over_has_no_variety() {
        // Two images of class 0, -1 and 1 everywhere; two alike of class 1; none of class 2.
        let images = Tensor::from_slice(&[-1f32, 1.0, 0.5, 0.5]).view([4, 1, 1, 1]).expand([4, 2, 3, 3], false);
        assert_eq!(apart_by_class(&images, &[0, 0, 1, 1], 3), [1.0, 0.0, 0.0]);
    }
}

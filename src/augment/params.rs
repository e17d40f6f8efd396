//! Every random choice of one augmentation, made before anything is computed.

use std::f64::consts::PI;

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use statrs::function::erf::erf_inv;

use super::affine::Affine;
use super::differentiable::DifferentiableParams;
use super::sets::AugmentConfig;
use super::volume::{VolumeParams, VolumesSize};

/// Expected power of natural images in the four frequency bands, lowest first (appendix B).
const BAND_POWER: [f64; 4] = [10.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0, 1.0 / 13.0];

/// What happens to each image of a batch; `None` where no image is touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AugmentParams {
    /// Where a source pixel goes.
    pub geometry: Option<Vec<Affine>>,
    /// What becomes of the channels' values.
    pub color: Option<Vec<Color>>,
    /// Gain of each frequency band, lowest first.
    pub bands: Option<Vec<[f64; 4]>>,
    /// Values to add, \[N, C, H, W\] in row order.
    pub noise: Option<Vec<f32>>,
    /// Centre (x, y) of the blanked rectangle as shares of the sides; `None` where nothing of the image is blanked.
    pub cutout: Option<Vec<Option<[f64; 2]>>>,
    /// Side of the blanked rectangle as a share of the image's.
    pub cutout_size: f64,
    /// DiffAugment, whose shapes do not depend on what was drawn.
    pub differentiable: Option<DifferentiableParams>,
    /// Of volumes, in the place of all others.
    pub volume: Option<VolumeParams>,
    /// For each channel whether it takes operations on values.
    pub image_channels: Vec<bool>,
    /// Whether anything could have happened: p was above 0.
    pub drawn: bool,
}

/// Map of channel values: rows of an affine 3x3 matrix with the shift in the last column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Color {
    /// \[\[red by red, by green, by blue, shift\], ...\].
    pub rows: [[f64; 4]; 3],
}

impl Color {
    const IDENTITY: Self = Self { rows: [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]] };

    /// Factor and shift of a grey value, seen as equal red, green and blue, averaged again.
    pub fn grey(&self) -> (f64, f64) {
        let factor = self.rows.iter().map(|row| row[0] + row[1] + row[2]).sum::<f64>() / 3.0;
        (factor, self.rows.iter().map(|row| row[3]).sum::<f64>() / 3.0)
    }

    fn scaled(self, by: f64) -> Self {
        Self { rows: self.rows.map(|row| row.map(|v| v * by)) }
    }

    fn shifted(mut self, by: f64) -> Self {
        for row in &mut self.rows {
            row[3] += by;
        }
        self
    }

    /// Followed by a linear map.
    fn then(self, matrix: [[f64; 3]; 3]) -> Self {
        let row = |weights: [f64; 3]| std::array::from_fn(|j| (0..3).map(|k| weights[k] * self.rows[k][j]).sum());
        Self { rows: matrix.map(row) }
    }
}

/// Size of the batch that is augmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSize {
    /// N.
    pub images: usize,
    /// C.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Where draws come from: a generator, or one percentile for all of them.
trait Draws {
    /// Uniform on [0, 1).
    fn uniform(&mut self) -> f64;
    /// Standard normal.
    fn normal(&mut self) -> f64;

    fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Whether the turn after the stretch may happen.
    fn turns_twice(&self) -> bool {
        true
    }
}

struct Random<'a, R: Rng>(&'a mut R);

impl<R: Rng> Draws for Random<'_, R> {
    fn uniform(&mut self) -> f64 {
        self.0.random()
    }
    fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }
}

/// Every uniform draw is q and every normal draw erf^-1(2q - 1); what may happen does, except for the turn after the
/// stretch. The reference values were made so.
struct Percentile(f64);

impl Draws for Percentile {
    fn uniform(&mut self) -> f64 {
        self.0
    }
    fn normal(&mut self) -> f64 {
        erf_inv(2.0 * self.0 - 1.0)
    }
    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0
    }
    fn turns_twice(&self) -> bool {
        false
    }
}

impl AugmentParams {
    /// Draws everything at probability `p` in 0..=1.
    pub fn sample(rng: &mut impl Rng, p: f64, config: &AugmentConfig, size: BatchSize) -> Self {
        let drawn = draw(&mut Random(rng), p, config, size);
        let Some(kind) = config.differentiable else {
            return drawn;
        };
        let rgb = size.channels == 3 && (0..3).all(|channel| config.is_image(channel));
        Self { differentiable: Some(DifferentiableParams::sample(rng, kind, rgb, size)), ..drawn }
    }

    /// The same for a batch of volumes.
    pub fn sample_volumes(rng: &mut impl Rng, p: f64, config: &AugmentConfig, size: VolumesSize) -> Self {
        let image_channels = (0..size.channels).map(|channel| config.is_image(channel)).collect();
        let known = [config.flip, config.scale, config.rotate, config.fine_shift, config.contrast];
        let drawn = p > 0.0 && known.into_iter().any(|probability| probability > 0.0);
        let volume = drawn.then(|| VolumeParams::sample(rng, p, config, size));
        Self { volume, image_channels, drawn, ..Self::default() }
    }

    /// The same augmentation with every operation that `config` knows carried out on every image, on most to no effect,
    /// so that what is computed does not depend on what was drawn. At p = 0, as it is.
    pub fn in_full(&self, config: &AugmentConfig, size: BatchSize) -> Self {
        if !self.drawn || self.volume.is_some() {
            return self.clone();
        }
        let values = size.images * size.channels * size.height * size.width;
        let full = |part: bool| part.then_some(());
        let geometric = [config.flip, config.quarter_turns, config.shift, config.scale, config.rotate]
            .into_iter()
            .chain([config.stretch, config.fine_shift]);
        let colors = [config.brightness, config.contrast, config.luma_flip, config.hue, config.saturation];
        let known = |probability: f64| probability > 0.0;
        let each = size.images;
        Self {
            geometry: full(geometric.into_iter().any(known))
                .map(|()| self.geometry.clone().unwrap_or_else(|| vec![Affine::IDENTITY; each])),
            color: full(colors.into_iter().any(known))
                .map(|()| self.color.clone().unwrap_or_else(|| vec![Color::IDENTITY; each])),
            bands: full(known(config.bands)).map(|()| self.bands.clone().unwrap_or_else(|| vec![[1.0; 4]; each])),
            noise: full(known(config.noise)).map(|()| self.noise.clone().unwrap_or_else(|| vec![0.0; values])),
            cutout: full(known(config.cutout)).map(|()| self.cutout.clone().unwrap_or_else(|| vec![None; each])),
            ..self.clone()
        }
    }

    /// For comparison with reference values: p = 1, every draw at percentile `q`.
    pub fn at_percentile(q: f64, config: &AugmentConfig, size: BatchSize) -> Self {
        draw(&mut Percentile(q), 1.0, config, size)
    }
}

fn draw(draws: &mut impl Draws, p: f64, config: &AugmentConfig, size: BatchSize) -> AugmentParams {
    let image_channels = (0..size.channels).map(|i| config.is_image(i)).collect();
    if p <= 0.0 {
        return AugmentParams { image_channels, ..AugmentParams::default() };
    }
    let geometry: Vec<_> = (0..size.images).map(|_| draw_geometry(draws, p, config, size)).collect();
    let color: Vec<_> = (0..size.images).map(|_| draw_color(draws, p, config, size.channels)).collect();
    let bands: Vec<_> = (0..size.images).map(|_| draw_bands(draws, p, config)).collect();
    let noise: Vec<_> = (0..size.images).map(|_| draw_noise_std(draws, p, config)).collect();
    let cutout: Vec<_> = (0..size.images)
        .map(|_| draws.happens(config.cutout * p).then(|| [draws.uniform(), draws.uniform()]))
        .collect();
    AugmentParams {
        geometry: geometry.iter().any(|map| *map != Affine::IDENTITY).then_some(geometry),
        color: color.iter().any(|map| *map != Color::IDENTITY).then_some(color),
        bands: bands.iter().any(|gains| *gains != [1.0; 4]).then_some(bands),
        noise: noise.iter().any(|std| *std != 0.0).then(|| noise_values(draws, &noise, size)),
        cutout: cutout.iter().any(Option::is_some).then_some(cutout),
        cutout_size: config.cutout_size,
        differentiable: None,
        volume: None,
        image_channels,
        drawn: true,
    }
}

fn draw_geometry(draws: &mut impl Draws, p: f64, config: &AugmentConfig, size: BatchSize) -> Affine {
    let (width, height) = (size.width as f64, size.height as f64);
    let mut map = Affine::IDENTITY;
    if draws.happens(config.flip * p) && draws.uniform() >= 0.5 {
        map = map.scale(-1.0, 1.0);
    }
    if draws.happens(config.quarter_turns * p) {
        let turns = (draws.uniform() * 4.0).floor();
        if turns > 0.0 {
            map = map.rotate(-PI / 2.0 * turns);
        }
    }
    if draws.happens(config.shift * p) {
        let mut shift = |side: f64| ((2.0 * draws.uniform() - 1.0) * config.shift_max * side).round();
        let (x, y) = (shift(width), shift(height));
        map = map.translate(x, y);
    }
    if draws.happens(config.scale * p) {
        let factor = (draws.normal() * config.scale_std).exp2();
        map = map.scale(factor, factor);
    }
    // Two turns, before and after the stretch, that together happen with probability p.
    let turn = 1.0 - (1.0 - (config.rotate * p).min(1.0)).sqrt();
    if draws.happens(turn) {
        map = map.rotate(-(2.0 * draws.uniform() - 1.0) * PI * config.rotate_max);
    }
    if draws.happens(config.stretch * p) {
        let factor = (draws.normal() * config.stretch_std).exp2();
        map = map.scale(factor, 1.0 / factor);
    }
    if draws.turns_twice() && draws.happens(turn) {
        map = map.rotate(-(2.0 * draws.uniform() - 1.0) * PI * config.rotate_max);
    }
    if draws.happens(config.fine_shift * p) {
        let (x, y) = (draws.normal(), draws.normal());
        map = map.translate(x * config.fine_shift_std * width, y * config.fine_shift_std * height);
    }
    map
}

fn draw_color(draws: &mut impl Draws, p: f64, config: &AugmentConfig, channels: usize) -> Color {
    let mut map = Color::IDENTITY;
    if draws.happens(config.brightness * p) {
        map = map.shifted(draws.normal() * config.brightness_std);
    }
    if draws.happens(config.contrast * p) {
        map = map.scaled((draws.normal() * config.contrast_std).exp2());
    }
    // Of a colour, u u^T keeps the grey part and 1 - u u^T the rest, with u = (1, 1, 1)/sqrt 3.
    let identity = |i: usize, j: usize| f64::from(u8::from(i == j));
    let matrix = |f: &dyn Fn(usize, usize) -> f64| std::array::from_fn(|i| std::array::from_fn(|j| f(i, j)));
    if draws.happens(config.luma_flip * p) && draws.uniform() >= 0.5 {
        map = map.then(matrix(&|i, j| identity(i, j) - 2.0 / 3.0));
    }
    if channels != 3 {
        return map;
    }
    if draws.happens(config.hue * p) {
        let (sin, cos) = ((2.0 * draws.uniform() - 1.0) * PI).sin_cos();
        // Rodrigues' formula about u; the cross-product matrix of u is antisymmetric with entries 1/sqrt 3.
        let cross = |i: usize, j: usize| match (j + 3 - i) % 3 {
            0 => 0.0,
            1 => -1.0 / 3.0_f64.sqrt(),
            _ => 1.0 / 3.0_f64.sqrt(),
        };
        map = map.then(matrix(&|i, j| cos * identity(i, j) + (1.0 - cos) / 3.0 + sin * cross(i, j)));
    }
    if draws.happens(config.saturation * p) {
        let factor = (draws.normal() * config.saturation_std).exp2();
        map = map.then(matrix(&|i, j| 1.0 / 3.0 + (identity(i, j) - 1.0 / 3.0) * factor));
    }
    map
}

/// Each band in turn is amplified, then all are scaled so that the expected power stays.
fn draw_bands(draws: &mut impl Draws, p: f64, config: &AugmentConfig) -> [f64; 4] {
    let mut gains = [1.0; 4];
    for band in 0..4 {
        if draws.happens(config.bands * p) {
            let mut step = [1.0; 4];
            step[band] = (draws.normal() * config.bands_std).exp2();
            let power: f64 = step.iter().zip(BAND_POWER).map(|(gain, share)| share * gain * gain).sum();
            for (gain, step) in gains.iter_mut().zip(step) {
                *gain *= step / power.sqrt();
            }
        }
    }
    gains
}

fn draw_noise_std(draws: &mut impl Draws, p: f64, config: &AugmentConfig) -> f64 {
    if draws.happens(config.noise * p) { draws.normal().abs() * config.noise_std } else { 0.0 }
}

fn noise_values(draws: &mut impl Draws, stds: &[f64], size: BatchSize) -> Vec<f32> {
    let values = size.channels * size.height * size.width;
    stds.iter().flat_map(|&std| std::iter::repeat_n(std, values)).map(|std| (draws.normal() * std) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::RunSeed;

    const SIZE: BatchSize = BatchSize { images: 4000, channels: 1, height: 64, width: 64 };

    #[test]
    fn an_operation_happens_as_often_as_asked() {
        let cutout = AugmentConfig { cutout: 0.5, ..AugmentConfig::none() };
        let params = AugmentParams::sample(&mut RunSeed(3).stream("augment", 0), 0.4, &cutout, SIZE);
        let count = params.cutout.unwrap().iter().flatten().count() as f64;
        // Binomial(4000, 0.2): 800 +- 25.
        assert!((count - 800.0).abs() < 100.0, "{count}");
        assert!(params.geometry.is_none() && params.color.is_none() && params.noise.is_none());
    }

    #[test]
    fn both_turns_together_happen_with_probability_p() {
        let rotate = AugmentConfig { rotate: 1.0, ..AugmentConfig::none() };
        let params = AugmentParams::sample(&mut RunSeed(3).stream("augment", 0), 0.5, &rotate, SIZE);
        let count = params.geometry.unwrap().iter().filter(|map| **map != Affine::IDENTITY).count() as f64;
        // Binomial(4000, 0.5): 2000 +- 32.
        assert!((count - 2000.0).abs() < 130.0, "{count}");
    }

    #[test]
    fn a_luma_flip_negates_grey_and_bands_keep_the_power() {
        let flip = AugmentConfig { luma_flip: 1.0, ..AugmentConfig::none() };
        let params = AugmentParams::at_percentile(0.9, &flip, SIZE);
        let (factor, shift) = params.color.unwrap()[0].grey();
        approx::assert_abs_diff_eq!(factor, -1.0, epsilon = 1e-12);
        assert_eq!(shift, 0.0);
        let bands = AugmentConfig { bands: 1.0, ..AugmentConfig::none() };
        let params = AugmentParams::sample(&mut RunSeed(3).stream("augment", 0), 0.25, &bands, SIZE);
        // One amplified band alone keeps the expected power exactly.
        let alone = params
            .bands
            .unwrap()
            .into_iter()
            .find(|gains| gains[1] > gains[0] && gains[0] == gains[2] && gains[2] == gains[3])
            .unwrap();
        let power: f64 = alone.iter().zip(BAND_POWER).map(|(gain, share)| share * gain * gain).sum();
        approx::assert_abs_diff_eq!(power, 1.0, epsilon = 1e-9);
    }
}

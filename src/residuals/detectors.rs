//! Scores of pixels, the higher the more like a lesion: what a projection leaves, and what needs no generator.

use rand::RngExt;

use super::config::Lesions;
use super::items::{Item, View};
use super::normal::Place;
use crate::filter::gaussian;
use crate::seed::RunSeed;

/// A score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Image less projection, with the sign of lesions, in deviations of what healthy images leave there.
    ResidualZ,
    /// The same without deviations.
    Residual,
    /// Its size alone.
    ResidualSize,
    /// In deviations, with the other sign.
    ResidualOther,
    /// The image in deviations of healthy images there.
    ZScore,
    /// The image less their mean.
    Template,
    /// Its size alone.
    TemplateSize,
    /// The image itself.
    Intensity,
    /// By chance.
    Random,
}

/// What scores need beside the image.
pub struct Known<'a> {
    /// Of healthy training images.
    pub levels: &'a Place,
    /// Of what projections of healthy validation images leave: image less projection.
    pub residuals: &'a Place,
    /// How lesions differ.
    pub lesions: Lesions,
    /// Deviation of the blur, in pixels.
    pub smooth: f64,
    /// Of the score by chance.
    pub seed: RunSeed,
}

impl Score {
    /// In the order of the tables; the first is the one that is judged.
    pub const ALL: [Self; 9] = [
        Self::ResidualZ,
        Self::Residual,
        Self::ResidualSize,
        Self::ResidualOther,
        Self::ZScore,
        Self::Template,
        Self::TemplateSize,
        Self::Intensity,
        Self::Random,
    ];

    /// As in files.
    pub fn key(self) -> &'static str {
        match self {
            Self::ResidualZ => "residual-z",
            Self::Residual => "residual",
            Self::ResidualSize => "residual-size",
            Self::ResidualOther => "residual-other-sign",
            Self::ZScore => "z-score",
            Self::Template => "template",
            Self::TemplateSize => "template-size",
            Self::Intensity => "intensity",
            Self::Random => "random",
        }
    }

    /// As a reader sees it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ResidualZ => "residual, normalised",
            Self::Residual => "residual",
            Self::ResidualSize => "size of the residual",
            Self::ResidualOther => "residual, normalised, other sign",
            Self::ZScore => "z-score",
            Self::Template => "difference from the mean",
            Self::TemplateSize => "size of that difference",
            Self::Intensity => "intensity",
            Self::Random => "by chance",
        }
    }

    /// What it is.
    pub fn about(self) -> &'static str {
        match self {
            Self::ResidualZ => {
                "image less projection, with the sign of lesions, over the deviation of healthy residuals"
            }
            Self::Residual => "image less projection, with the sign of lesions",
            Self::ResidualSize => "size of image less projection",
            Self::ResidualOther => "the first with the sign turned: what it finds is no lesion",
            Self::ZScore => "image less the mean of healthy images there, over their deviation",
            Self::Template => "image less the mean of healthy images there",
            Self::TemplateSize => "size of image less that mean",
            Self::Intensity => "the image, with the sign of lesions",
            Self::Random => "noise",
        }
    }

    /// Whether it needs no generator.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::ZScore | Self::Template | Self::TemplateSize | Self::Intensity | Self::Random)
    }

    /// \[H, W\] of an image and its projection \[C, H, W\].
    pub fn map(self, view: &View, item: &Item, projection: &[f32], known: &Known<'_>) -> Vec<f32> {
        let (image, drawn) = (view.plane(&item.pixels), view.plane(projection));
        let sign = known.lesions.sign();
        let over = |of: &dyn Fn(usize) -> f32| -> Vec<f32> { (0..image.len()).map(of).collect() };
        let residual = |at: usize| image[at] - drawn[at];
        let normalised = |at: usize| (residual(at) - known.residuals.mean[at]) / known.residuals.deviation[at];
        let difference = |at: usize| image[at] - known.levels.mean[at];
        let map = match self {
            Self::ResidualZ => over(&|at| sign * normalised(at)),
            Self::Residual => over(&|at| sign * residual(at)),
            Self::ResidualSize => over(&|at| residual(at).abs()),
            Self::ResidualOther => over(&|at| -sign * normalised(at)),
            Self::ZScore => over(&|at| sign * difference(at) / known.levels.deviation[at]),
            Self::Template => over(&|at| sign * difference(at)),
            Self::TemplateSize => over(&|at| difference(at).abs()),
            Self::Intensity => over(&|at| sign * image[at]),
            Self::Random => {
                let mut draws = known.seed.stream(&format!("chance {}", item.id), 0);
                return (0..image.len()).map(|_| draws.random::<f32>()).collect();
            }
        };
        gaussian(&map, view.size, known.smooth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn scores_of_one_pixel_by_hand() {
        let view = View {
            channel: 1,
            truth: None,
            size: (1, 1),
            range: 1.0,
            unit: "FA".into(),
            healthy: vec![],
            lesioned: vec![],
        };
        let item = Item {
            id: Name::of_known("a"),
            patient: "a".into(),
            level: 0,
            pixels: vec![9.0, -0.2],
            inside: vec![true],
            truth: vec![true],
        };
        let place = |mean: f32, deviation: f32| Place { mean: vec![mean], deviation: vec![deviation], images: 9 };
        let (levels, residuals) = (place(0.4, 0.2), place(-0.1, 0.05));
        let known =
            Known { levels: &levels, residuals: &residuals, lesions: Lesions::Dark, smooth: 0.0, seed: RunSeed(1) };
        let of = |score: Score| score.map(&view, &item, &[7.0, 0.2], &known)[0];
        // Image -.2, projection .2: a residual of -.4, where -.1 is normal within .05.
        for (score, expected) in [
            (Score::ResidualZ, 6.0),
            (Score::Residual, 0.4),
            (Score::ResidualSize, 0.4),
            (Score::ResidualOther, -6.0),
            (Score::ZScore, 3.0),
            (Score::Template, 0.6),
            (Score::TemplateSize, 0.6),
            (Score::Intensity, 0.2),
        ] {
            assert!((of(score) - expected).abs() < 1e-5, "{score:?}: {}", of(score));
        }
        let bright = Known { lesions: Lesions::Bright, ..known };
        assert!((Score::Intensity.map(&view, &item, &[7.0, 0.2], &bright)[0] + 0.2).abs() < 1e-6);
    }
}

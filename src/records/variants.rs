//! `record.json` of `variants`.

use serde::{Deserialize, Serialize};

use crate::name::Inside;

/// Variants trained at equal budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantsRecord {
    /// Whether the data are simulated.
    pub simulated: bool,
    /// Of the data set.
    pub data_sha256: String,
    /// Of the stage; each training derives its own.
    pub seed: u64,
    /// Trainings of each variant.
    pub seeds: u64,
    /// Images that each saw.
    pub images: u64,
    /// Training slices.
    pub train_slices: u64,
    /// "CPU, 2 threads".
    pub place: String,
    /// What distances are measured in.
    pub features: String,
    /// Distance between the training slices of every second patient and those of the rest.
    pub floor: Option<f64>,
    /// Seconds at which variants are compared at equal time: of the training that took the fewest.
    pub equal_seconds: f64,
    /// What reads the classes of drawn images; absent without classes.
    pub reader: Option<ClassReaderRecord>,
    /// In the order of the settings.
    pub variants: Vec<VariantRecord>,
    /// The same latents in each.
    pub sheet: Inside,
    /// What to mind.
    pub notes: Vec<String>,
}

/// How well real slices that it did not learn from are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassReaderRecord {
    /// In words.
    pub name: String,
    /// Classes.
    pub classes: Vec<String>,
    /// Slices of the validation side.
    pub held_out: u64,
    /// Share of them read as their class.
    pub accuracy: f64,
    /// Share of them read as of their plane, where classes begin with one.
    pub planes: Option<f64>,
}

/// One variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// As in the settings.
    pub key: String,
    /// What it changes.
    pub about: String,
    /// Trainable numbers of both networks.
    pub parameters: u64,
    /// Over its trainings: distance after all images.
    pub at_equal_images: Range,
    /// Distance at the last look before [`VariantsRecord::equal_seconds`].
    pub at_equal_seconds: Range,
    /// Real images shown in a second.
    pub images_per_s: Range,
    /// Share of drawn images read as of the class that was asked for.
    pub fidelity: Option<Range>,
    /// Share read as of its plane.
    pub planes: Option<Range>,
    /// How far apart drawn images of a class lie, as a share of what its training slices do, mean over classes:
    /// deviation of each pixel over the images. Of a network that draws one image of each class, 0.
    pub variety: Option<Range>,
    /// The same of the class that is least varied.
    pub least_variety: Option<Range>,
    /// Until it is as near as two halves of the real slices are to each other.
    #[serde(default)]
    pub to_floor: Option<Reach>,
    /// Until it is as near as the first variant is in the mean after all images.
    #[serde(default)]
    pub to_first: Option<Reach>,
    /// Against the first variant, after all images; absent for the first.
    pub verdict: Option<Verdict>,
    /// The same at equal time.
    pub verdict_at_equal_seconds: Option<Verdict>,
    /// One a seed.
    pub runs: Vec<VariantRun>,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantRun {
    /// Counted from 0.
    pub seed: u64,
    /// In the order of the run.
    pub points: Vec<CurvePoint>,
    /// As [`VariantRecord::fidelity`].
    pub fidelity: Option<f64>,
    /// As [`VariantRecord::planes`].
    pub planes: Option<f64>,
    /// As [`VariantRecord::variety`].
    pub variety: Option<f64>,
    /// As [`VariantRecord::least_variety`].
    pub least_variety: Option<f64>,
    /// Times that it diverged and was rolled back.
    pub rollbacks: u64,
}

/// A look at a training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Real images shown.
    pub images: u64,
    /// Seconds of training until then.
    pub seconds: f64,
    /// Fréchet distance of drawn to real training slices.
    pub distance: f64,
}

/// What a distance costs: the first look of each training at which it is that near or nearer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reach {
    /// The distance.
    pub distance: f64,
    /// Trainings that came that near.
    pub trainings: u64,
    /// Real images shown until then, of those; absent where there is none.
    pub images: Option<Range>,
    /// Seconds of training until then, of those.
    pub seconds: Option<Range>,
}

impl Reach {
    /// Of `runs`, to `distance`.
    pub fn of(runs: &[VariantRun], distance: f64) -> Self {
        let near = |run: &VariantRun| run.points.iter().find(|point| point.distance <= distance).copied();
        let reached: Vec<CurvePoint> = runs.iter().filter_map(near).collect();
        let range = |of: fn(&CurvePoint) -> f64| Range::of(&reached.iter().map(of).collect::<Vec<_>>());
        Self {
            distance,
            trainings: reached.len() as u64,
            images: range(|point| point.images as f64),
            seconds: range(|point| point.seconds),
        }
    }

    /// "12000 images, 80 s", "... (2 of 3)" where not each of the `trainings` came that near, "not reached";
    /// `whole` writes a number without its fraction.
    pub fn words(&self, trainings: u64, whole: impl Fn(f64) -> String) -> String {
        let (Some(images), Some(seconds)) = (self.images, self.seconds) else { return "not reached".into() };
        let part =
            if self.trainings < trainings { format!(" ({} of {trainings})", self.trainings) } else { String::new() };
        format!("{} images, {} s{part}", whole(images.mean), whole(seconds.mean))
    }
}

/// Of several trainings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Mean.
    pub mean: f64,
    /// Lowest.
    pub low: f64,
    /// Highest.
    pub high: f64,
}

impl Range {
    /// Of at least one number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let (first, rest) = values.split_first()?;
        let (low, high) = rest.iter().fold((*first, *first), |(low, high), v| (low.min(*v), high.max(*v)));
        Some(Self { mean: values.iter().sum::<f64>() / values.len() as f64, low, high })
    }
}

/// Whether two ranges lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole range lies below: nearer to the real slices.
    Nearer,
    /// The whole range lies above.
    Farther,
    /// The ranges overlap, or there is one training of each.
    NoDifferenceShown,
}

impl Verdict {
    /// Of `range` against `first`, each of `runs` trainings.
    pub fn of(range: Range, first: Range, runs: u64) -> Self {
        match () {
            () if runs < 2 => Self::NoDifferenceShown,
            () if range.high < first.low => Self::Nearer,
            () if range.low > first.high => Self::Farther,
            () => Self::NoDifferenceShown,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Nearer => "nearer",
            Self::Farther => "farther",
            Self::NoDifferenceShown => "no difference shown",
        }
    }
}

#[cfg(test)]
impl VariantRun {
    /// A training of which its curve alone is known.
    pub(crate) fn of_points(points: Vec<CurvePoint>) -> Self {
        Self { seed: 0, points, fidelity: None, planes: None, variety: None, least_variety: None, rollbacks: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_reached_at_the_first_look_that_is_as_near() {
        let run = |distances: &[f64]| {
            let point = |(at, &distance): (usize, &f64)| CurvePoint {
                images: 100 * (at as u64 + 1),
                seconds: 10.0 * (at + 1) as f64,
                distance,
            };
            VariantRun::of_points(distances.iter().enumerate().map(point).collect())
        };
        let runs = [run(&[3.0, 1.0, 2.0]), run(&[4.0, 3.0, 1.5]), run(&[9.0, 8.0, 7.0])];
        let range = |low: f64, high: f64| Some(Range { mean: (low + high) / 2.0, low, high });
        let expected = Reach { distance: 1.5, trainings: 2, images: range(200.0, 300.0), seconds: range(20.0, 30.0) };
        assert_eq!(Reach::of(&runs, 1.5), expected);
        let words = |distance, of| Reach::of(&runs, distance).words(of, |value| format!("{value:.0}"));
        assert_eq!([words(1.5, 2), words(1.5, 3)], ["250 images, 25 s", "250 images, 25 s (2 of 3)"]);
        assert_eq!(words(0.5, 3), "not reached");
        assert_eq!(Reach::of(&runs, 0.5), Reach { distance: 0.5, trainings: 0, images: None, seconds: None });
    }

    #[test]
    fn ranges_that_overlap_show_no_difference() {
        let range = |values: &[f64]| Range::of(values).unwrap();
        assert_eq!(range(&[2.0, 1.0, 6.0]), Range { mean: 3.0, low: 1.0, high: 6.0 });
        assert_eq!(Range::of(&[]), None);
        let first = range(&[2.0, 3.0]);
        for (other, expected) in [
            (&[1.0, 1.5], Verdict::Nearer),
            (&[1.0, 2.0], Verdict::NoDifferenceShown),
            (&[2.5, 9.0], Verdict::NoDifferenceShown),
            (&[3.5, 9.0], Verdict::Farther),
        ] {
            assert_eq!(Verdict::of(range(other), first, 2), expected, "{other:?}");
        }
        assert_eq!(Verdict::of(range(&[1.0]), range(&[2.0]), 1), Verdict::NoDifferenceShown);
    }
}

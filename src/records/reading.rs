//! What readers made of blinded images: table 1 of the paper, with intervals and agreement.

use serde::{Deserialize, Serialize};

use super::Interval;
use super::classes::Class;

/// Where a shown image comes from, which its reader is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A slice of a real item of the class of interest, of the validation or test side.
    Real,
    /// Drawn by the generator of the class of interest.
    Synthetic,
    /// A slice of a real item of another class, of the validation or test side.
    Other,
    /// A contested item as it was measured: the original of a denoised one.
    Contested,
    /// A contested item projected into the generator's latent space.
    Denoised,
}

impl Source {
    /// In the order of tables.
    pub const ALL: [Self; 5] = [Self::Real, Self::Synthetic, Self::Other, Self::Contested, Self::Denoised];

    /// As files and options spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Synthetic => "synthetic",
            Self::Other => "other",
            Self::Contested => "contested",
            Self::Denoised => "denoised",
        }
    }

    /// Whether a scanner measured it; else a generator made it.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Real | Self::Other | Self::Contested)
    }

    /// Whether it is agreed to be of the class of interest; `None` where nobody knows.
    pub fn label(self) -> Option<bool> {
        match self {
            Self::Real => Some(true),
            Self::Other => Some(false),
            Self::Synthetic | Self::Contested | Self::Denoised => None,
        }
    }

    /// In words, with the class of interest: "real rim".
    pub fn described(self, interest: &Class) -> String {
        match self {
            Self::Real => format!("real {interest}"),
            Self::Synthetic => format!("synthetic {interest}"),
            Self::Other => format!("real non-{interest}"),
            Self::Contested => "contested, as measured".into(),
            Self::Denoised => "contested, denoised".into(),
        }
    }
}

/// What a reader is asked of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Real, or made by a generator? Yes is "real".
    Origin,
    /// Of the class of interest, or not? Yes is that class.
    Class,
}

impl Task {
    /// In the order of tables.
    pub const ALL: [Self; 2] = [Self::Origin, Self::Class];

    /// As files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Class => "class",
        }
    }

    /// As a title: "Real or synthetic?", "Rim or not?".
    pub fn title(self, interest: &Class) -> String {
        match self {
            Self::Origin => "Real or synthetic?".into(),
            Self::Class => format!("{} or not?", capital(interest.name())),
        }
    }

    /// Both answers, yes first.
    pub fn answers(self, interest: &Class) -> [String; 2] {
        match self {
            Self::Origin => ["Real".into(), "Synthetic".into()],
            Self::Class => [capital(interest.name()), format!("No {interest}")],
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `reading.json`: the answers of all readers so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadingRecord {
    /// Whether the images are of a simulated cohort.
    pub simulated: bool,
    /// What the second task asks about.
    pub interest: Class,
    /// Of the choice of images and of every order.
    pub seed: u64,
    /// Images that come a second time in each task.
    pub repeats: u64,
    /// SHA-256 of the list of images, which the answers belong to.
    pub list_sha256: String,
    /// Manifest of the data set that the real images are of.
    pub data_sha256: String,
    /// The generator of the synthetic images; absent where none are shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_sha256: Option<String>,
    /// Images by source, in the order of [`Source::ALL`].
    pub shown: Vec<SourceCount>,
    /// In the order of their names.
    pub readers: Vec<ReaderRecord>,
    /// The answers of all readers together; none where fewer than two have answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<TaskRecord>,
    /// Each two readers on the images that both have answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<PairRecord>,
    /// What whoever reads the numbers should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How many images of a source are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Where they come from.
    pub source: Source,
    /// Each counted once, however often it is shown.
    pub images: u64,
}

/// One reader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReaderRecord {
    /// As given on the command line.
    pub name: String,
    /// Questions answered, repeats among them.
    pub answered: u64,
    /// Questions in all.
    pub questions: u64,
    /// Answers that were taken back.
    pub withdrawn: u64,
    /// The tasks that have an answer.
    pub tasks: Vec<TaskRecord>,
}

/// The answers to one task. An image that comes twice counts by its first answer, except in `again`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// What was asked.
    pub task: Task,
    /// First answers.
    pub answered: u64,
    /// Table 1: by source, how many were called real, or of the class of interest.
    pub called: Vec<Called>,
    /// Share of right answers: origin over all images; class over those whose readers agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Interval>,
    /// Class alone: share of right answers over all measured images against the truth of a simulated cohort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_to_truth: Option<Interval>,
    /// The same image twice; absent where none has come twice yet, and where readers are taken together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Agreement>,
    /// Class alone: contested images before and after denoising.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denoising: Option<Denoising>,
    /// Median time from the picture to the answer in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_seconds: Option<f64>,
}

/// Images of one source that were called real, or of the class of interest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// Where they come from.
    pub source: Source,
    /// So many were.
    pub yes: u64,
    /// Of so many; the interval takes the items of one patient together.
    pub share: Interval,
}

/// Two answers to the same images: one reader's at two times, or two readers'.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Both yes.
    pub both: u64,
    /// Only the first.
    pub first_only: u64,
    /// Only the second.
    pub second_only: u64,
    /// Both no.
    pub neither: u64,
    /// Share of equal answers.
    pub same: Interval,
    /// Cohen's kappa; undefined where all answers are one and the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
    /// Its interval over patients; absent where too few draws have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kappa_interval: Option<Interval>,
}

/// Two readers on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PairRecord {
    /// Their names.
    pub readers: [String; 2],
    /// What was asked.
    pub task: Task,
    /// First answers of both.
    pub agreement: Agreement,
}

/// Contested images that were seen both as measured and denoised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Denoising {
    /// Of the class of interest both times.
    pub both: u64,
    /// Only as measured: what makes an image of the class is gone.
    pub original_only: u64,
    /// Only denoised.
    pub denoised_only: u64,
    /// Neither time.
    pub neither: u64,
    /// Share called of the class denoised, minus that as measured; over patients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Interval>,
    /// McNemar's exact two-sided p of the two that differ.
    pub p: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_files_are_the_names() {
        for source in Source::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.name());
        }
        for task in Task::ALL {
            assert_eq!(serde_json::to_value(task).unwrap(), task.name());
        }
        assert_eq!(Task::Class.title(&Class::RIM), "Rim or not?");
        assert_eq!(Task::Class.answers(&Class::RIM), ["Rim", "No rim"]);
    }
}

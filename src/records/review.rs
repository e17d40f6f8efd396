//! What people decided about directions: every decision as a line of a log, and what they come to together.

use serde::{Deserialize, Serialize};

use super::Interval;
use crate::name::{Inside, Name};

/// What is decided of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may be used.
    Accept,
    /// It may not.
    Reject,
    /// It cannot be told.
    Unsure,
}

impl Verdict {
    /// In the order of the page.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Reject, Self::Unsure];
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// A person who saw the picture.
    Person,
    /// The null and the gate of the record, without a person.
    Gate,
}

/// A line of `decisions.jsonl`. Lines are added and never changed: each holds the hash of the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionLine {
    /// Number of the line from 1.
    pub id: u64,
    /// UTC, "2026-11-26T15:04:05.678Z".
    pub time: String,
    /// Whose log it is.
    pub reviewer: Name,
    /// Of one start of the program.
    pub session: String,
    /// SHA-256 of the network's file.
    pub network_sha256: String,
    /// SHA-256 of the record that the picture belongs to.
    pub record_sha256: String,
    /// "closed-form", "ganspace".
    pub method: String,
    /// "normalised", "published"; absent where the method has none.
    pub variant: Option<String>,
    /// "all", "coarse", "middle", "fine".
    pub layers: String,
    /// The first and the last w that are moved.
    pub indices: [u64; 2],
    /// Of the direction: "closed-form_all_01".
    pub direction: Name,
    /// 1: along the vector as it is stored, on which the leading factor rises.
    pub sign: i8,
    /// Length of a step of one deviation.
    pub sigma: f64,
    /// Deviations at both ends of the picture.
    pub range: [f64; 2],
    /// Of the codes in the picture.
    pub seeds: Vec<u32>,
    /// Every picture that was shown.
    pub pictures: Vec<ShownPicture>,
    /// Number of the question from 1.
    pub question: u64,
    /// The picture came the second time.
    pub again: bool,
    /// Whether scores stood beside the picture.
    pub scores_shown: bool,
    /// What the gate says.
    pub gate: GateValues,
    /// Absent where the line takes another one back.
    pub decision: Option<Verdict>,
    /// Who decided.
    pub by: DecidedBy,
    /// What the direction is called: the factor that it moves, or what the reviewer calls it.
    pub name: String,
    /// In the reviewer's words.
    pub comment: String,
    /// From the picture's being there to the decision.
    pub lead_time_s: f64,
    /// Number of the line that this one takes the place of, or takes back.
    pub supersedes: Option<u64>,
    /// Of the program: "rimforge 0.1.0".
    pub program: String,
    /// SHA-256 of the line before, without its end; 64 zeros in the first.
    pub previous_sha256: String,
    /// SHA-256 of this line as it is without this entry, so that a change of the last one shows, too; lines of earlier
    /// versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_sha256: Option<String>,
}

/// A picture as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownPicture {
    /// Relative to the folder of directions.
    pub path: Inside,
    /// Of its bytes.
    pub sha256: String,
}

/// What null and gate say of a direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateValues {
    /// Name of the distance.
    pub distance: String,
    /// Absent where every image passes.
    pub threshold: Option<f64>,
    /// "inverted", "original".
    pub against: String,
    /// Share of images at both ends that pass.
    pub passing: f64,
    /// Whether the direction is beyond chance.
    pub beats_null: bool,
}

/// `record.json` of `review --summary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewRecord {
    /// Whether the network learnt from a simulation.
    pub simulated: bool,
    /// SHA-256 of the record of the directions.
    pub record_sha256: String,
    /// SHA-256 of the network's file.
    pub network_sha256: String,
    /// "all", "majority" or "any" reviewers must accept.
    pub consensus: String,
    /// Everyone who decided.
    pub reviewers: Vec<ReviewerRecord>,
    /// Agreement of every two.
    pub pairs: Vec<ReviewerPair>,
    /// Directions in the record's order.
    pub directions: Vec<ReviewedDirection>,
    /// Those that the reviewers accept together.
    pub accepted: Vec<Name>,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// One reviewer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewerRecord {
    /// As they call themselves.
    pub name: Name,
    /// "person" or "gate".
    pub by: DecidedBy,
    /// Directions with a decision.
    pub decided: u64,
    /// Of them accepted, rejected, unsure.
    pub verdicts: [u64; 3],
    /// Lines that took others back or their place.
    pub changed: u64,
    /// Median seconds from picture to decision; absent without any.
    pub median_lead_time_s: Option<f64>,
    /// Agreement with themselves on pictures that came twice, accepted or not; absent without any.
    pub again: Option<Agreement>,
}

/// Agreement on accepting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Pictures that both judged.
    pub pictures: u64,
    /// Of them judged alike.
    pub alike: u64,
    /// Cohen's kappa; absent where all verdicts are one and the same.
    pub kappa: Option<f64>,
    /// Its interval; absent where it is not defined on half of the draws.
    pub interval: Option<Interval>,
}

/// Two reviewers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewerPair {
    /// Who.
    pub reviewers: [Name; 2],
    /// On the first showing of every picture.
    pub agreement: Agreement,
}

/// One direction and what was said of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReviewedDirection {
    /// Of the direction.
    pub id: Name,
    /// The factor that it moves.
    pub name: String,
    /// Each reviewer's verdict, in the order of the reviewers; absent where there is none.
    pub verdicts: Vec<Option<Verdict>>,
    /// Whether it is accepted.
    pub accepted: bool,
}

//! What a study consists of, stage by stage and unit by unit, and what a shard made of it.

use serde::{Deserialize, Serialize};

/// What `rimforge plan` prints: every unit of a study in an order in which they can be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Of the study.
    pub name: String,
    /// Its folder.
    pub out: String,
    /// Stages that are made as a whole are one unit each.
    pub units: Vec<UnitRecord>,
}

/// A part of a study that one process makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitRecord {
    /// "prepare", or "project/batch-00003"; of a stage whose units are not known yet "project/*".
    pub id: String,
    /// "project".
    pub stage: String,
    /// Hash over the stage's settings and inputs; null until the stages before it are done, whose results it hashes.
    pub key: Option<String>,
    /// Stages that must be done before.
    pub needs: Vec<String>,
    /// The file that says that it is done; null where that hangs on a key that is not known yet.
    pub output: Option<String>,
    /// Whether it is there.
    pub done: bool,
    /// Whether `run --shard` makes it.
    pub shard: bool,
    /// What is in it, where its name does not say so: images that are projected together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
}

/// What `rimforge run --shard` prints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// "project".
    pub stage: String,
    /// Of the stage.
    pub key: String,
    /// "2/7": the third of seven.
    pub shard: String,
    /// Folder of units that new ones went into.
    pub folder: String,
    /// Units of this shard; none where the stage was done before.
    pub units: Vec<String>,
    /// Those that were made now: the others were there. Beside them perhaps one that all others needed.
    pub made: Vec<String>,
}

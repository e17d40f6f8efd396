//! What is reviewed: the directions of a folder, each with the strip that was drawn for it, all of it held in memory.

use std::path::Path;

use crate::digest;
use crate::files;
use crate::name::Inside;
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::directions::{DirectionRecord, DirectionSet, DirectionsRecord};
use crate::records::review::GateValues;
use crate::run_dir::RECORD;

/// Longest record that is read.
const MOST_RECORD_BYTES: u64 = 256 << 20;

/// Largest strip that is shown.
const MOST_PICTURE_BYTES: u64 = 64 << 20;

/// Most directions of a folder: their strips are held in memory.
const MOST_ITEMS: usize = 2000;

/// Of all strips together.
const MOST_PICTURES_BYTES: u64 = 256 << 20;

/// A direction with its picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Of the direction.
    pub id: Name,
    /// "closed-form", "ganspace".
    pub method: String,
    /// Of the method, where it has several.
    pub variant: Option<String>,
    /// Which layers it moves.
    pub layers: String,
    /// The first and the last w that it moves.
    pub indices: [u64; 2],
    /// Length of a step of one deviation.
    pub sigma: f64,
    /// The factor that it moves.
    pub name: String,
    /// Scores in words, for a page that shows them.
    pub scores: String,
    /// What null and gate say.
    pub gate: GateValues,
    /// Whether it is accepted where nobody looks ([`DirectionSet::accepts`]).
    pub passes: bool,
    /// Its strip.
    pub picture: Inside,
    /// Of the strip's bytes.
    pub picture_sha256: String,
    /// The strip, PNG.
    pub bytes: Vec<u8>,
}

/// All directions of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Items {
    /// Whether the network learnt from a simulation.
    pub simulated: bool,
    /// Of the network's file.
    pub network_sha256: String,
    /// Of the record.
    pub record_sha256: String,
    /// Deviations at the ends.
    pub reach: f64,
    /// Of the codes in the strips.
    pub seeds: Vec<u32>,
    /// In the record's order.
    pub list: Vec<Item>,
}

impl Items {
    /// Reads the record of a folder of directions and every strip that it names.
    ///
    /// # Errors
    /// No record, no direction in it, or a strip that is not the one that it names.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(RECORD);
        if !files::is_there(&path)? {
            return Err(Problem::input(&path, "no record of directions")
                .expected("the --out folder of `rimforge directions`")
                .advice("run `rimforge directions` first, to its end"));
        }
        let bytes = files::read(&path, MOST_RECORD_BYTES, "a record of directions")?;
        let record: DirectionsRecord = files::parse_json(&path, &bytes, "a record of directions")?;
        let all = || record.sets.iter().flat_map(|set| set.directions.iter().map(move |one| (set, one)));
        let count = all().count();
        if count == 0 || count > MOST_ITEMS {
            return Err(
                Problem::input(&path, format!("{count} directions")).expected(format!("1 to {MOST_ITEMS} to look at"))
            );
        }
        // Before any is read: all of them stay in memory, so that a key is answered at once.
        let mut bytes_of_all = 0u64;
        for (_, one) in all() {
            let strip = one.strip.under(folder);
            bytes_of_all += std::fs::metadata(&strip).map_err(|error| Problem::io(&strip, "reading", error))?.len();
        }
        if bytes_of_all > MOST_PICTURES_BYTES {
            return Err(Problem::input(&path, format!("strips of {bytes_of_all} bytes in all"))
                .expected(format!("at most {MOST_PICTURES_BYTES}"))
                .advice("find directions of fewer codes, or fewer of them (directions.shown, directions.count)"));
        }
        let mut list = Vec::with_capacity(count);
        for (set, one) in all() {
            list.push(item(folder, &record, set, one)?);
        }
        Ok(Self {
            simulated: record.simulated,
            record_sha256: digest::sha256(&bytes),
            reach: record.reach,
            seeds: record.codes.iter().take(record.shown as usize).map(|code| code.seed).collect(),
            network_sha256: record.network_sha256,
            list,
        })
    }

    /// The item whose direction and picture these are.
    pub fn place(&self, id: &Name, picture_sha256: &str) -> Option<usize> {
        self.list.iter().position(|item| item.id == *id && item.picture_sha256 == picture_sha256)
    }
}

fn item(folder: &Path, record: &DirectionsRecord, set: &DirectionSet, one: &DirectionRecord) -> Result<Item> {
    let path = one.strip.under(folder);
    let bytes = files::read(&path, MOST_PICTURE_BYTES, "the strip of a direction")?;
    if digest::sha256(&bytes) != one.strip_sha256 {
        return Err(Problem::input(&path, "not the strip that the record names")
            .expected(format!("SHA-256 {}", one.strip_sha256))
            .advice("run `rimforge directions` again into this folder"));
    }
    let chance = if one.beats_null { "beyond chance" } else { "within chance" };
    Ok(Item {
        id: one.id.clone(),
        method: set.method.clone(),
        variant: set.variant.clone(),
        layers: set.layers.clone(),
        indices: set.indices,
        sigma: one.sigma,
        name: one.name.clone(),
        scores: format!(
            "{}: purity {:.2}, {chance}; {:.0} % of ends within the gate",
            one.name,
            one.purity,
            100.0 * one.passing
        ),
        gate: GateValues {
            distance: record.distance.clone(),
            threshold: record.gate.threshold,
            against: record.gate.against.clone(),
            passing: one.passing,
            beats_null: one.beats_null,
        },
        passes: set.accepts(one),
        picture: one.strip.clone(),
        picture_sha256: one.strip_sha256.clone(),
        bytes,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// So many directions that nobody found.
    pub fn made_up(count: usize) -> Items {
        let item = |at: usize| {
            let bytes = vec![at as u8; 9];
            Item {
                id: Name::of_known(&format!("closed-form_all_{at:02}")),
                method: "closed-form".into(),
                variant: Some("normalised".into()),
                layers: "all".into(),
                indices: [0, 9],
                sigma: 0.5,
                name: "brightness".into(),
                scores: "brightness: purity 0.90".into(),
                gate: GateValues {
                    distance: "distance of made-up features".into(),
                    threshold: Some(0.2),
                    against: "inverted".into(),
                    passing: if at.is_multiple_of(3) { 0.9 } else { 0.1 },
                    beats_null: at.is_multiple_of(2),
                },
                passes: at.is_multiple_of(6),
                picture: Inside::of("strips", &Name::of_known(&format!("{at}")), ".png"),
                picture_sha256: digest::sha256(&bytes),
                bytes,
            }
        };
        Items {
            simulated: true,
            network_sha256: "a1".into(),
            record_sha256: "b2".into(),
            reach: 3.0,
            seeds: vec![7, 8],
            list: (0..count).map(item).collect(),
        }
    }
}

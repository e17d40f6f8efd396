//! What drawn pairs are worth to a segmentation of tumours: Dice of each arm by population and region.

use super::images::{Figure, stage_image};
use super::numbers::{count, interval};
use crate::problem::Result;
use crate::records::tumours::{Group, TumourArm, TumoursRecord};
use crate::run_dir::StudyDir;

/// What the section shows.
pub struct Tumours<'a> {
    /// As the stage left it.
    pub record: &'a TumoursRecord,
    /// Of one network.
    pub parameters: String,
    /// What it sees.
    pub contrasts: String,
    /// One a population.
    pub tables: Vec<Table>,
    /// What each arm learns from.
    pub arms: Vec<(String, String, String)>,
    /// Some test slices.
    pub figures: Vec<Figure>,
}

/// A population's.
pub struct Table {
    /// Patients and slices.
    pub caption: String,
    /// Regions, each with its labels.
    pub heads: Vec<String>,
    /// Arms.
    pub rows: Vec<Row>,
}

/// One arm.
pub struct Row {
    /// Its name.
    pub name: String,
    /// Dice and difference from the first arm, region by region.
    pub cells: Vec<String>,
}

/// Of the study's record; reads the picture.
///
/// # Errors
/// The picture cannot be read.
pub fn section<'a>(record: Option<&'a TumoursRecord>, dir: &StudyDir) -> Result<Option<Tumours<'a>>> {
    let Some(record) = record else { return Ok(None) };
    let caption = "Test slices of the rare population, not chosen by how well they went: images, truth, and what the \
                   first fit of every arm finds.";
    let learns = |arm: &TumourArm| {
        let parts = [(arm.learns.frequent, "frequent"), (arm.learns.rare, "rare"), (arm.learns.drawn, "drawn")];
        let said =
            parts.iter().filter(|(slices, _)| *slices > 0).map(|(slices, of)| format!("{} {of}", count(*slices)));
        said.collect::<Vec<_>>().join(", ")
    };
    Ok(Some(Tumours {
        parameters: count(record.parameters),
        contrasts: record.contrasts.join(" and "),
        tables: record.test.keys().map(|group| table(record, *group)).collect(),
        arms: record.arms.iter().map(|arm| (arm.name.clone(), arm.about.clone(), learns(arm))).collect(),
        figures: stage_image(dir.root(), &dir.tumours(), "tumours.png", caption)?,
        record,
    }))
}

fn table(record: &TumoursRecord, group: Group) -> Table {
    let whose = match group {
        Group::Rare => format!("{} (the rare population)", record.rare),
        Group::Frequent => record.frequent.join(", "),
    };
    let test = &record.test[&group];
    let heads = record.regions.iter().flat_map(|region| {
        let without = test.without.get(&region.key).copied().unwrap_or_default();
        let left_out = if without > 0 { format!(", {} without", count(without)) } else { String::new() };
        [format!("{} ({}{left_out})", region.name, region.about), "less the first arm's".to_owned()]
    });
    let row = |arm: &TumourArm| {
        let found = arm.groups.get(&group);
        let cells = record.regions.iter().flat_map(|region| {
            let dice = found.and_then(|found| found.dice.get(&region.key));
            let less = found.and_then(|found| found.differences.get(&region.key));
            [dice, less].map(|value| value.map_or("\u{2014}".to_owned(), |value| interval(value, 3)))
        });
        Row { name: arm.name.clone(), cells: cells.collect() }
    };
    Table {
        caption: format!(
            "{whose}: {} test patient{}, {} slices",
            count(test.patients),
            if test.patients == 1 { "" } else { "s" },
            count(test.slices)
        ),
        heads: heads.collect(),
        rows: record.arms.iter().map(row).collect(),
    }
}

//! Whose a study folder is, as `run` and `report` know it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::files::{self, Owner};
use crate::problem::{Problem, Result};
use crate::records::study::StudyRecord;
use crate::run_dir::StudyDir;

/// Knows the folders of studies.
pub const OWNER: Owner = Owner::of("run", unmarked);

/// The report's file in a study folder.
pub const PAGE: &str = "report/index.html";

/// Folder of what is known of each stage of a study, apart from the stages' own folders (a cohort is BIDS and holds
/// nothing else).
pub const STAMPS: &str = ".stages";

/// What every page that the program wrote has in its title.
const TITLE: &str = "rimforge report";

/// How far into a page its title is looked for.
const HEAD: u64 = 4096;

/// What a run writes itself, relative to the folder; the stages' folders are the stages' own.
pub fn written() -> [&'static str; 4] {
    ["study.toml", "results.json", STAMPS, PAGE]
}

/// A folder of a version before there were marks: with results, or with the stamps of a run that was stopped.
fn unmarked(folder: &Path) -> Result<Option<Vec<String>>> {
    let dir = StudyDir::new(folder);
    let stopped = files::was_locked(folder)? && dir.settings().is_file() && folder.join(STAMPS).is_dir();
    if !stopped && !files::parses::<StudyRecord>(&dir.results())? {
        return Ok(None);
    }
    let page = is_page(&dir.report())?;
    let names = written().into_iter().filter(|name| *name != PAGE || page);
    Ok(Some(names.map(str::to_owned).collect()))
}

fn is_page(path: &Path) -> Result<bool> {
    if !path.symlink_metadata().is_ok_and(|facts| facts.is_file()) {
        return Ok(false);
    }
    let mut head = Vec::new();
    let read = File::open(path).and_then(|page| page.take(HEAD).read_to_end(&mut head));
    read.map_err(|error| Problem::io(path, "reading", error))?;
    Ok(head.windows(TITLE.len()).any(|part| part == TITLE.as_bytes()))
}

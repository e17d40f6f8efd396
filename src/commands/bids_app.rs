//! `rimforge bids-app BIDS_DIR OUTPUT_DIR participant|group`: the study of rim lesions as a BIDS App is called.
//!
//! A generator learns from all persons at once, so the persons' own level only reads and checks their files, as many
//! of them at once as one likes; the group's level is the study. `clusters/boutiques.json` describes the same to
//! launchers.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::console::Console;
use super::shards::{StudyText, walk};
use crate::files::{self, Input, OutFolder, Owner};
use crate::gates::examine;
use crate::name::{Name, shown_path};
use crate::problem::{Problem, Result};
use crate::records::cohort::ParticipantRecord;
use crate::records::label::SUSCEPTIBILITY;
use crate::records::spelling;
use crate::study::{RimStudy, StudyFile, StudyKind, What};

/// The settings where no study file is named: all defaults.
const DEFAULTS: &str = "name = \"Rim lesions\"\n";

/// Folder of what is known of each participant, in the output folder.
const PARTICIPANTS: &str = "participants";

/// Knows that folder; no version before this one left any.
const OWNER: Owner = Owner::of("bids-app", |_| Ok(None));

/// Folder of the study, in the output folder.
const STUDY: &str = "study";

/// Arguments of `rimforge bids-app`.
#[derive(Args, Debug)]
pub struct BidsAppArgs {
    /// The data set: BIDS with derivatives/lesions, as `rimforge prepare --cohort` reads it.
    bids_dir: PathBuf,

    /// Folder for results; nothing is written elsewhere.
    output_dir: PathBuf,

    /// What is done.
    level: Level,

    /// Participants, without "sub-"; all where none is named. Of the participant level alone.
    #[arg(long = "participant_label", alias = "participant-label", value_name = "LABEL", num_args = 1..)]
    participant_label: Vec<String>,

    /// Taken for the sake of the launchers that give it: no validator is run.
    #[arg(long = "skip_bids_validator", alias = "skip-bids-validator")]
    skip_bids_validator: bool,

    /// A study file with other settings; its cohort and folder are those named above.
    #[arg(long, value_name = "FILE")]
    study: Option<PathBuf>,

    /// Override a setting: --set train.kimg=20 (repeatable, each setting once).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl BidsAppArgs {
    fn text<'a>(&'a self, set: &'a [String]) -> StudyText<'a> {
        StudyText { path: self.study.as_deref(), without: DEFAULTS, set }
    }
}

/// Levels of analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Read and check each participant's files; leaves `participants/sub-LABEL.json`.
    Participant,
    /// The study: generator, projections, classifiers, report; leaves `study/`.
    Group,
}

/// Does one level.
///
/// # Errors
/// As `rimforge run`; participants that are not there, or named at the group's level.
pub fn run(args: &BidsAppArgs, console: &Console) -> Result<()> {
    let out = args.output_dir.join(STUDY);
    let quoted = |path: &Path| {
        let text = path.to_str().ok_or_else(|| Problem::usage("a path that is no text (UTF-8)").at(path))?;
        files::json_line(&text)
    };
    let own = [("cohort.path", &args.bids_dir), ("out", &out)];
    let own = own.into_iter().map(|(key, path)| Ok(format!("{key}={}", quoted(path)?))).collect::<Result<Vec<_>>>()?;
    let set = [own, args.set.clone()].concat();
    match args.level {
        Level::Group if !args.participant_label.is_empty() => {
            Err(Problem::usage("--participant_label at the group level")
                .expected("all participants: the group is what is learnt from")
                .advice("leave the participants that are not meant out of the data set"))
        }
        Level::Group => {
            let file = args.text(&set).read()?;
            require_rims(&file, args.study.as_deref())?;
            walk(&file, What::Run, console)
        }
        Level::Participant => participants(args, &set, console),
    }
}

/// Refuses a study of another kind: a BIDS App reads cohorts of rim lesions.
fn require_rims(file: &StudyFile<'_>, path: Option<&Path>) -> Result<()> {
    let kind = StudyKind::of(file)?;
    if kind == StudyKind::RimLesions {
        return Ok(());
    }
    Err(Problem::usage(format!("a study of the kind \"{}\"", spelling::name(&kind)))
        .at(path.unwrap_or(Path::new("")))
        .expected("one of rim lesions, whose cohorts a BIDS App reads")
        .advice("run it with `rimforge run`"))
}

fn participants(args: &BidsAppArgs, set: &[String], console: &Console) -> Result<()> {
    let file = args.text(set).read()?;
    require_rims(&file, args.study.as_deref())?;
    let study: RimStudy = file.settings()?;
    let label = |label: &String| format!("sub-{}", label.strip_prefix("sub-").unwrap_or(label));
    let wanted: Vec<String> = args.participant_label.iter().map(label).collect();
    let folder = args.output_dir.join(PARTICIPANTS);
    files::refuse_link(&folder)?;
    OutFolder::new(OWNER, &folder).apart_from([Input::of(&args.bids_dir)]).share()?;
    let mut all: Vec<ParticipantRecord> = vec![];
    let reading = (SUSCEPTIBILITY, &study.prepare);
    examine::participants(&args.bids_dir, reading, &wanted, console.observer()?, |record| {
        let name = Name::new(record.participant.as_str()).map_err(|fault| Problem::input(&args.bids_dir, fault))?;
        // Several processes may do this at once: each file is whole, and the same whoever writes it.
        files::write_json(folder.join(format!("{name}.json")), &record)?;
        all.push(record);
        Ok(())
    })?;
    console.result(&all, || {
        let line = |one: &ParticipantRecord| {
            let ParticipantRecord { participant, lesions, agreed_rims, ambiguous, non_rims, .. } = one;
            format!(
                "{participant}: {lesions} lesions, {agreed_rims} rims, {ambiguous} contested, {non_rims} non-rims\n"
            )
        };
        all.iter().map(line).chain([format!("{}\n", shown_path(&folder))]).collect()
    })
}

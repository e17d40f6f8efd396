//! The review: people look at what directions do and say which may be used; every decision is a line of an append-only
//! log.
//!
//! Each reviewer has a folder of their own below `review/reviewers`, so that two can work at once and one cannot work
//! twice at once. What a picture is, the page is told only where scores are asked for; that a picture comes the second
//! time, never.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::files::{self, Claim, OutFolder, Owner};
use crate::name::{Name, shown_path};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::review::{DecidedBy, DecisionLine, ReviewRecord, Verdict};
use crate::run_dir::{RECORD, ReviewDir};
use crate::seed::RunSeed;
use crate::serve::server::Server;

mod clock;

pub mod items;

pub mod order;

pub mod log;

pub mod session;

pub mod routes;

pub mod together;

use items::Items;
use log::{Log, Read};
use session::{Session, line, standing};
use together::Consensus;

/// Knows the folders of reviewers and of the summary.
pub const OWNER: Owner = Owner::of("review", |_| Ok(None));

/// Name of the reviewer that is none.
const GATE: &str = "gate";

/// Longest name of a reviewer in bytes.
const LONGEST_NAME: usize = 60;

/// A folder of directions under review.
pub struct Review {
    dir: ReviewDir,
    items: Items,
}

/// One reviewer's log, held by this process.
struct Held {
    _claim: Claim,
    log: Log,
}

impl Review {
    /// Of the folder that `rimforge directions` wrote.
    ///
    /// # Errors
    /// No record of directions, or a picture that is not the one that it names.
    pub fn open(folder: &Path) -> Result<Self> {
        Ok(Self { dir: ReviewDir::of(folder), items: Items::read(folder)? })
    }

    /// No folder of the review is a link: what is behind one was not made here.
    fn require_own_folders(&self) -> Result<()> {
        let reviewers = self.dir.reviewers();
        let above = reviewers.parent().map(Path::to_owned);
        above.into_iter().chain([reviewers, self.dir.summary()]).try_for_each(|folder| files::refuse_link(&folder))
    }

    fn hold(&self, reviewer: &Name, observer: &dyn Observer) -> Result<Held> {
        self.require_own_folders()?;
        let folder = self.dir.reviewer(reviewer);
        files::refuse_link(&folder)?;
        let mut claim = OutFolder::new(OWNER, &folder).claim().map_err(|problem| match problem.kind() {
            Kind::Environment if std::error::Error::source(&problem).is_none() => {
                problem.advice("that reviewer is at work elsewhere: end that program, or take another --reviewer")
            }
            _ => problem,
        })?;
        claim.will_write([ReviewDir::DECISIONS, ReviewDir::CUT_SHORT])?;
        let aside = folder.join(ReviewDir::CUT_SHORT);
        let (log, torn) = Log::open(&folder.join(ReviewDir::DECISIONS), &aside)?;
        if torn {
            let said = "a crash had cut the last line of the log short: it decides nothing and is kept in";
            observer.note(&format!("{said} {}", shown_path(&aside)));
        }
        if let Some(line) = log.lines().iter().find(|line| line.reviewer != *reviewer) {
            return Err(Problem::input(folder.join(ReviewDir::DECISIONS), format!("decisions of {}", line.reviewer))
                .expected(format!("those of {reviewer}")));
        }
        Ok(Held { _claim: claim, log })
    }

    /// Lets `reviewer` decide in a browser until the page says that it is enough, or the process is asked to stop;
    /// gives the questions with a decision and all of them.
    ///
    /// # Errors
    /// A log that is damaged or held by another process; a server that the system refuses.
    pub fn read(self, reviewer: &Name, scores: bool, server: Server, observer: &dyn Observer) -> Result<[usize; 2]> {
        let Held { _claim, log } = self.hold(reviewer, observer)?;
        // The order is the reviewer's and the pictures' alone.
        let session = Session::new(reviewer, self.items, log, RunSeed(0), scores);
        let shared = Arc::new(Mutex::new(session));
        server.run(routes::pages(Arc::clone(&shared)), || {
            observer.stop_requested() || routes::held(&shared).is_finished()
        })?;
        let progress = routes::held(&shared).progress();
        Ok(progress)
    }

    /// Decides without a person, by [`DirectionSet::accepts`](crate::records::directions::DirectionSet::accepts). Every
    /// line says so. Decisions that stand are not made again. Gives how many of all are
    /// accepted.
    ///
    /// # Errors
    /// As [`Review::read`].
    pub fn decide_by_gate(&self, observer: &dyn Observer) -> Result<[usize; 2]> {
        let reviewer = Name::from(GATE);
        let mut held = self.hold(&reviewer, observer)?;
        let session = &self.items.record_sha256[..self.items.record_sha256.len().min(16)];
        let mut accepted = 0;
        for (at, item) in self.items.list.iter().enumerate() {
            accepted += usize::from(item.passes);
            let verdict = if item.passes { Verdict::Accept } else { Verdict::Reject };
            let before = standing(&self.items, held.log.lines())[at][0].map(|line| (line.id, line.decision));
            if before.is_some_and(|(_, decision)| decision == Some(verdict)) {
                continue;
            }
            held.log.add(DecisionLine {
                question: at as u64 + 1,
                scores_shown: true,
                decision: Some(verdict),
                comment: format!(
                    "decided without a person: {} by purity and effect, {:.0} % of images within the gate",
                    if item.gate.beats_null { "beyond chance" } else { "within chance" },
                    100.0 * item.gate.passing
                ),
                supersedes: before.map(|(id, _)| id),
                ..line(&self.items, at, &reviewer, DecidedBy::Gate, session)
            })?;
        }
        Ok([accepted, self.items.list.len()])
    }

    /// What all logs say together, left in `review/summary`, too. Logs of people go before the gate's, which counts
    /// only where nobody decided.
    ///
    /// # Errors
    /// No log, a damaged one, or a disk that does not take the record.
    pub fn summary(&self, consensus: Consensus) -> Result<ReviewRecord> {
        let mut notes = Vec::new();
        let mut logs = Vec::new();
        for folder in self.folders()? {
            let path = folder.join(ReviewDir::DECISIONS);
            let read = Read::of(&path)?;
            // A copied folder is not a second reviewer.
            let named = |line: &DecisionLine| folder.file_name().is_some_and(|name| name == line.reviewer.as_str());
            if let Some(line) = read.lines.iter().find(|line| !named(line)) {
                return Err(Problem::input(&path, format!("decisions of {}", line.reviewer))
                    .expected("those of the reviewer whose name the folder has")
                    .advice("put the folder elsewhere, or give it its reviewer's name"));
            }
            if read.is_torn() {
                notes.push(format!("The last line of {} was cut short and counts for nothing.", shown_path(&path)));
            }
            let Some(first) = read.lines.first() else { continue };
            logs.push((first.reviewer.clone(), read.lines));
        }
        if logs.is_empty() {
            return Err(Problem::input(self.dir.reviewers(), "no decisions yet")
                .expected("the logs of reviewers")
                .advice("let somebody decide: rimforge review DIR --reviewer NAME, or --auto"));
        }
        if logs.iter().any(|(name, _)| name.as_str() != GATE) {
            logs.retain(|(name, _)| name.as_str() != GATE);
        } else {
            notes.push("Decided by the null and the gate, without a person.".into());
        }
        let stale = logs.iter().flat_map(|(_, lines)| lines).filter(|line| {
            line.pictures.first().is_none_or(|shown| self.items.place(&line.direction, &shown.sha256).is_none())
        });
        let stale = stale.count();
        if stale > 0 {
            notes.push(format!("{stale} lines are about pictures that are no more, and count for nothing."));
        }
        let record = together::summarise(&self.items, &logs, consensus, notes);
        let folder = self.dir.summary();
        let mut claim = OutFolder::new(OWNER, &folder).claim()?;
        claim.will_write([RECORD])?;
        files::write_json(folder.join(RECORD), &record)?;
        Ok(record)
    }

    /// Directions that people accepted together, and who they are; `None` where no person decided anything.
    ///
    /// # Errors
    /// As [`Review::summary`].
    pub fn accepted_by_people(&self, consensus: Consensus) -> Result<Option<(Vec<Name>, Vec<Name>)>> {
        let mut begun = false;
        for folder in self.folders()? {
            begun |= !Read::of(&folder.join(ReviewDir::DECISIONS))?.lines.is_empty();
        }
        if !begun {
            return Ok(None);
        }
        let record = self.summary(consensus)?;
        let people: Vec<Name> =
            record.reviewers.iter().map(|one| one.name.clone()).filter(|name| name.as_str() != GATE).collect();
        Ok((!people.is_empty()).then_some((record.accepted, people)))
    }

    /// Folders of reviewers, by name.
    fn folders(&self) -> Result<Vec<PathBuf>> {
        self.require_own_folders()?;
        let root = self.dir.reviewers();
        if !files::is_there(&root)? {
            return Ok(vec![]);
        }
        let mut folders: Vec<PathBuf> = files::list(&root)?.into_iter().filter(|path| path.is_dir()).collect();
        folders.sort();
        folders.iter().try_for_each(|folder| files::refuse_link(folder))?;
        Ok(folders)
    }
}

/// A reviewer's name as it is typed.
///
/// # Errors
/// `Kind::Usage`: no name, a long one, or the gate's.
pub fn reviewer_name(text: &str) -> Result<Name> {
    let name = Name::new(text).map_err(|fault| Problem::usage(format!("--reviewer: {fault}")))?;
    if name.len() > LONGEST_NAME || name.as_str() == GATE {
        return Err(Problem::usage(format!("--reviewer: {name}"))
            .expected(format!("a name of at most {LONGEST_NAME} bytes, other than \"{GATE}\"")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::items::tests::made_up;
    use super::*;
    use crate::observer::Silent;

    fn review(folder: &Path, count: usize) -> Review {
        Review { dir: ReviewDir::of(folder), items: made_up(count) }
    }

    /// Directions 0 and 6 of 7 are beyond chance and within the gate.
    #[test]
    fn without_a_person_the_gate_decides_says_so_and_says_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let review = review(folder.path(), 7);
        for _ in 0..2 {
            assert_eq!(review.decide_by_gate(&Silent).unwrap(), [2, 7]);
        }
        let log = review.dir.reviewer(&Name::of_known(GATE)).join(ReviewDir::DECISIONS);
        let lines = Read::of(&log).unwrap().lines;
        assert_eq!(lines.len(), 7);
        assert!(lines.iter().all(|line| line.by == DecidedBy::Gate && line.comment.contains("without a person")));
        let record = review.summary(Consensus::All).unwrap();
        assert_eq!(
            record.accepted.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
            ["closed-form_all_00", "closed-form_all_06"]
        );
        assert!(record.notes[0].contains("without a person"));
        let written: ReviewRecord =
            serde_json::from_slice(&std::fs::read(review.dir.summary().join(RECORD)).unwrap()).unwrap();
        assert_eq!(written, record);
        // A person's word goes before it.
        let anna = Name::of_known("anna");
        let mut held = review.hold(&anna, &Silent).unwrap();
        let own = line(&review.items, 3, &anna, DecidedBy::Person, "s");
        held.log.add(DecisionLine { decision: Some(Verdict::Accept), ..own }).unwrap();
        let said = review.hold(&anna, &Silent).err().unwrap().to_string();
        assert!(said.contains("--reviewer"), "{said}");
        let record = review.summary(Consensus::All).unwrap();
        assert_eq!((record.accepted.len(), record.reviewers.len()), (1, 1));
        assert_eq!(record.accepted[0].as_str(), "closed-form_all_03");
    }

    #[test]
    fn links_are_not_followed_and_a_copy_of_a_folder_is_no_second_reviewer() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let review = review(folder.path(), 7);
        review.decide_by_gate(&Silent).unwrap();
        let copy = review.dir.reviewers().join("bert");
        std::fs::create_dir(&copy).unwrap();
        let log = review.dir.reviewer(&Name::of_known(GATE)).join(ReviewDir::DECISIONS);
        std::fs::copy(&log, copy.join(ReviewDir::DECISIONS)).unwrap();
        let said = review.summary(Consensus::All).unwrap_err().to_string();
        assert!(said.contains("decisions of gate") && said.contains("bert"), "{said}");
        std::fs::remove_dir_all(&copy).unwrap();

        let moved = outside.path().join("moved");
        for link in [review.dir.reviewer(&Name::of_known(GATE)), review.dir.reviewers(), folder.path().join("review")] {
            std::fs::rename(&link, &moved).unwrap();
            std::os::unix::fs::symlink(&moved, &link).unwrap();
            assert!(review.summary(Consensus::All).unwrap_err().to_string().contains("a link"), "{}", link.display());
            assert!(review.decide_by_gate(&Silent).unwrap_err().to_string().contains("a link"), "{}", link.display());
            std::fs::remove_file(&link).unwrap();
            std::fs::rename(&moved, &link).unwrap();
        }
        review.summary(Consensus::All).unwrap();
    }

    #[test]
    fn nothing_decided_is_said_and_names_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        assert!(review(folder.path(), 3).summary(Consensus::All).unwrap_err().to_string().contains("no decisions yet"));
        assert!(Review::open(folder.path()).err().unwrap().to_string().contains("rimforge directions"));
        for wrong in ["", "a/b", "gate", "..", &"x".repeat(61)] {
            assert_eq!(reviewer_name(wrong).unwrap_err().kind(), Kind::Usage, "{wrong}");
        }
        assert_eq!(reviewer_name("Anna B.").unwrap().as_str(), "Anna B.");
    }
}

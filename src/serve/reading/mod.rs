//! The reader study: blinded images of a study, two questions of each, every answer of every reader kept, and table 1
//! made of them.
//!
//! The images are chosen once, by a seed ([`items`]), and each reader sees them in an order of his own ([`order`]).
//! What the page gets of an image is its grey levels and the number of the question; what the image is stays here and
//! is read again only by scoring ([`scores`]).

use std::collections::HashSet;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::Prepared;
use crate::data::truth::{self, Truth};
use crate::files::{self, Claim, OutFolder, Owner};
use crate::name::{Name, shown_path};
use crate::observer::Observer;
use crate::problem::{Kind, Problem, Result};
use crate::records::reading::{ReadingRecord, Source, SourceCount};
use crate::run_dir::{ReadingDir, StudyDir};
use crate::seed::RunSeed;
use crate::serve::server::Server;

pub mod config;

mod drawn;

mod faults;

pub mod items;

mod journal;

pub mod order;

pub mod store;

pub mod session;

pub mod routes;

pub mod scores;

pub mod table;

use config::{Asked, ReadConfig};
use items::Items;
use scores::Scoring;
use session::Session;
use store::{Answer, Reader, Store};

/// Knows the folders of reader studies.
pub const OWNER: Owner = Owner::of("read", |_| Ok(None));

/// Longest name of a reader in bytes.
const LONGEST_NAME: usize = 60;

/// A reader study, held by this process.
pub struct Reading {
    dir: StudyDir,
    config: ReadConfig,
    items: Items,
    held: Held,
}

/// Its folder and the answers in it.
struct Held {
    _claim: Claim,
    store: Store,
}

impl Held {
    fn take(folder: &ReadingDir) -> Result<Self> {
        let mut claim = OutFolder::new(OWNER, folder.root()).claim().map_err(|problem| match problem.kind() {
            // Of what the system refuses the reason has its own advice.
            Kind::Environment if problem.source().is_none() => {
                problem.advice("one reader at a time: wait for the other, or end that program")
            }
            _ => problem,
        })?;
        let journal = format!("{}-journal", ReadingDir::ANSWERS);
        claim.will_write([ReadingDir::ANSWERS, ReadingDir::RESULTS, &journal])?;
        Ok(Self { store: Store::open(&folder.answers())?, _claim: claim })
    }
}

impl Reading {
    /// Begins the reader study of a study's folder, or opens the one that was begun there.
    ///
    /// # Errors
    /// A study whose images cannot be shown; answers that belong to other images, were begun with other settings, are
    /// damaged, locked, or held by another process.
    pub fn open(dir: &StudyDir, asked: &Asked) -> Result<Self> {
        let folder = dir.reading();
        // Of what is no study nothing is made.
        let there = if files::is_there(&folder.answers())? { Some(Held::take(&folder)?) } else { None };
        let known = there.as_ref().map_or(Ok(None), |held| held.store.study())?;
        let config = asked.over(known.as_ref().map_or(&ReadConfig::default(), |(config, _)| config));
        config.check()?;
        if let Some((begun, _)) = known.as_ref().filter(|(begun, _)| *begun != config) {
            return Err(Problem::usage(format!(
                "other settings than those it was begun with: {}",
                files::json_line(&config)?
            ))
            .at(folder.answers())
            .expected(files::json_line(begun)?)
            .advice("leave the options out to go on, or move the folder away to begin anew"));
        }
        let items = items::choose(dir, &config)?;
        let mut held = there.map_or_else(|| Held::take(&folder), Ok)?;
        match known {
            None => held.store.begin(&config, &items)?,
            Some((_, list)) if list == items.sha256()? => {}
            Some(_) => {
                return Err(Problem::input(folder.answers(), "answers to other images than this study has now")
                    .expected("the images that the reader study was begun with")
                    .advice(
                        "put that state of the study back, or move the folder away to begin anew; reading.json beside \
                         the answers keeps what came out of them",
                    ));
            }
        }
        Ok(Self { dir: dir.clone(), config, items, held })
    }

    /// As [`Reading::open`], of one that was begun.
    ///
    /// # Errors
    /// As there; nothing was begun.
    pub fn begun(dir: &StudyDir, asked: &Asked) -> Result<Self> {
        let answers = dir.reading().answers();
        if !files::is_there(&answers)? {
            let advice = format!("let somebody read first: rimforge read {}", shown_path(dir.root()));
            return Err(Problem::input(answers, "no answers yet").expected("a reader study").advice(advice));
        }
        Self::open(dir, asked)
    }

    /// Lets `reader` answer in a browser until all is answered and the page says so, or the process is asked to stop;
    /// gives the answers so far and the number of questions, and writes the results.
    ///
    /// # Errors
    /// A name that is none, answers of another order, a server that the system refuses; results that cannot be written.
    pub fn read(self, reader: &Name, server: Server, observer: &dyn Observer) -> Result<[usize; 2]> {
        let Self { dir, config, items, held } = self;
        let study = dir.root().file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let session = Session::new(study, reader, items, config.repeats, RunSeed(config.seed), held.store)?;
        let shared = Arc::new(Mutex::new(session));
        server.run(routes::pages(Arc::clone(&shared)), || {
            observer.stop_requested() || routes::held(&shared).is_finished()
        })?;
        let session = Arc::into_inner(shared)
            .ok_or_else(|| Problem::new(Kind::Internal, "a page is still served after the server's end"))?
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let progress = session.progress();
        let (items, store) = session.into_parts();
        Self { dir, config, items, held: Held { store, ..held } }.results(None)?;
        Ok(progress)
    }

    /// What came out of all answers so far, left in the folder, too. `truth` is the table of a simulated cohort where
    /// it does not lie in the study's own.
    ///
    /// # Errors
    /// A damaged database, a truth of another cohort; a disk that does not take the results.
    pub fn results(&self, truth: Option<&Path>) -> Result<ReadingRecord> {
        let (items, config) = (&self.items, &self.config);
        let readers = self.held.store.readers()?;
        let questions = |name: &Name| order::questions(&items.list, config.repeats, RunSeed(config.seed), name).len();
        for reader in &readers {
            if let Some(found) = impossible(reader, items.list.len(), questions(&reader.name)) {
                return Err(faults::damaged(self.held.store.path(), &found));
            }
        }
        let scoring = Scoring { items, truth: self.truth(truth)?, seed: RunSeed(config.seed).child("reading", 0) };
        let count = |source: Source| items.list.iter().filter(|item| item.source == source).count() as u64;
        let shown = Source::ALL.into_iter().map(|source| SourceCount { source, images: count(source) });
        let record = ReadingRecord {
            simulated: items.simulated,
            interest: items.interest.clone(),
            seed: config.seed,
            repeats: config.repeats as u64,
            list_sha256: items.sha256()?,
            data_sha256: items.data_sha256.clone(),
            network_sha256: items.network_sha256.clone(),
            shown: shown.filter(|count| count.images > 0).collect(),
            readers: readers.iter().map(|reader| scoring.reader(reader, questions(&reader.name))).collect(),
            together: if readers.len() > 1 { scoring.together(&readers) } else { vec![] },
            pairs: scoring.pairs(&readers),
            notes: items.notes.clone(),
        };
        files::write_json(self.dir.reading().results(), &record)?;
        Ok(record)
    }

    /// Of each image, where it is known.
    fn truth(&self, given: Option<&Path>) -> Result<Vec<Option<bool>>> {
        let own = truth::find(&self.dir.cohort())?;
        if let Some(table) = given.filter(|_| self.dir.data().is_dir()) {
            truth::require_same_cohort(table, Prepared::open(self.dir.data())?.manifest())?;
        }
        let Some(table) = given.map(Path::to_owned).or(own) else { return Ok(vec![None; self.items.list.len()]) };
        let truth = Truth::read(&table)?;
        let of = |item: &items::Item| item.source.is_measured().then(|| truth.of(&item.id)).transpose();
        self.items.list.iter().map(of).collect()
    }
}

/// Answers that no page can have sent, in words: to questions or images that there are not, or twice to one image.
fn impossible(reader: &Reader, images: usize, questions: usize) -> Option<String> {
    let mut seen = HashSet::new();
    reader.answers.iter().find_map(|answer| {
        let Answer { question, task, item, again, .. } = *answer;
        let name = &reader.name;
        if question >= questions {
            return Some(format!("an answer of {name} to question {} of {questions}", question + 1));
        }
        if item >= images {
            return Some(format!("an answer of {name} to image {item} of {images}"));
        }
        (!seen.insert((task.name(), item, again))).then(|| format!("two answers of {name} to image {item} in one task"))
    })
}

/// A reader's name as it is typed.
///
/// # Errors
/// `Kind::Usage`: no name, or a long one.
pub fn reader_name(text: &str) -> Result<Name> {
    let name = Name::new(text).map_err(|fault| Problem::usage(format!("--reader: {fault}")))?;
    if name.len() > LONGEST_NAME {
        return Err(Problem::usage(format!("--reader: a name of {} bytes", name.len()))
            .expected(format!("at most {LONGEST_NAME}")));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::reading::Task;

    #[test]
    fn answers_that_no_page_can_have_sent_are_told() {
        let answer =
            |question, item, again| Answer { question, task: Task::Class, item, again, yes: true, milliseconds: 900 };
        let said = |answers: &[Answer]| {
            let reader = Reader { name: Name::of_known("a"), answers: answers.to_vec(), withdrawn: 0 };
            impossible(&reader, 5, 12)
        };
        assert_eq!(said(&[answer(0, 3, false), answer(11, 3, true), answer(2, 4, false)]), None);
        assert_eq!(said(&[answer(12, 3, false)]).as_deref(), Some("an answer of a to question 13 of 12"));
        assert_eq!(said(&[answer(0, 5, false)]).as_deref(), Some("an answer of a to image 5 of 5"));
        let twice = [answer(0, 3, false), answer(1, 3, false)];
        assert_eq!(said(&twice).as_deref(), Some("two answers of a to image 3 in one task"));
    }
}

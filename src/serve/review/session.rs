//! One reviewer at work: what is decided of which picture, what the page is told, and what becomes of what it sends.

use serde::{Deserialize, Serialize};

use super::clock;
use super::items::Items;
use super::log::Log;
use super::order::{Question, questions};
use crate::name::Name;
use crate::problem::Result;
use crate::records::review::{DecidedBy, DecisionLine, ShownPicture, Verdict};
use crate::seed::RunSeed;
use crate::serve::reply;

/// Longest time that a decision is said to have taken: an hour. Whoever takes longer was away.
const LONGEST_MILLISECONDS: u32 = 3_600_000;

/// Longest comment or name in letters.
const LONGEST_TEXT: usize = 500;

/// Line 0: nothing is known of it yet but what was shown.
pub(super) fn line(items: &Items, at: usize, reviewer: &Name, by: DecidedBy, session: &str) -> DecisionLine {
    let item = &items.list[at];
    DecisionLine {
        id: 0,
        time: clock::now(),
        reviewer: reviewer.clone(),
        session: session.to_owned(),
        network_sha256: items.network_sha256.clone(),
        record_sha256: items.record_sha256.clone(),
        method: item.method.clone(),
        variant: item.variant.clone(),
        layers: item.layers.clone(),
        indices: item.indices,
        direction: item.id.clone(),
        sign: 1,
        sigma: item.sigma,
        range: [-items.reach, items.reach],
        seeds: items.seeds.clone(),
        pictures: vec![ShownPicture { path: item.picture.clone(), sha256: item.picture_sha256.clone() }],
        question: 0,
        again: false,
        scores_shown: false,
        gate: item.gate.clone(),
        decision: None,
        by,
        name: item.name.clone(),
        comment: String::new(),
        lead_time_s: 0.0,
        supersedes: None,
        program: format!("rimforge {}", env!("CARGO_PKG_VERSION")),
        previous_sha256: String::new(),
        own_sha256: None,
    }
}

/// For each item and showing (first, second) the line that stands: not taken back, and of this picture. Lines of
/// pictures that are no more are left out.
pub(super) fn standing<'a>(items: &Items, lines: &'a [DecisionLine]) -> Vec<[Option<&'a DecisionLine>; 2]> {
    let mut found = vec![[None; 2]; items.list.len()];
    for line in lines {
        let Some(place) = line.pictures.first().and_then(|shown| items.place(&line.direction, &shown.sha256)) else {
            continue;
        };
        let stands = &mut found[place][usize::from(line.again)];
        *stands = match line.decision {
            Some(_) => Some(line),
            // Taking a line back brings what it had taken the place of.
            None => line
                .supersedes
                .and_then(|taken| lines.get(taken as usize - 1)?.supersedes)
                .and_then(|earlier| lines.get(earlier as usize - 1).filter(|earlier| earlier.decision.is_some())),
        };
    }
    found
}

/// One reviewer's way through the pictures.
pub struct Session {
    reviewer: Name,
    items: Items,
    questions: Vec<Question>,
    log: Log,
    session: String,
    scores_shown: bool,
    finished: bool,
}

/// What the page sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Number of the question that it shows, from 0.
    pub question: usize,
    /// Lines of the log that it knows of.
    pub lines: usize,
    /// The decision.
    pub decision: Verdict,
    /// In the reviewer's words; may be empty.
    pub comment: String,
    /// What the reviewer calls the direction; empty for the name that it has.
    pub name: String,
    /// Since the picture was there.
    pub milliseconds: u32,
}

/// What the page sends to take the last decision back.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// Lines of the log that it knows of.
    pub lines: usize,
}

/// What the page is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    reviewer: String,
    simulated: bool,
    /// Lines of the log.
    lines: usize,
    /// The first question without a decision; none where all have one.
    next: Option<usize>,
    /// Question of the decision that an undo takes back.
    last: Option<usize>,
    questions: Vec<Asked>,
}

/// A question as the page knows it. Whether the picture comes the second time, it is not told.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Asked {
    decision: Option<Verdict>,
    comment: String,
    /// Scores in words, where they are shown.
    scores: Option<String>,
}

/// What became of something that the page sent.
pub type Outcome = reply::Outcome<Standing>;

impl Session {
    /// Goes on where `reviewer` was.
    pub fn new(reviewer: &Name, items: Items, log: Log, seed: RunSeed, scores_shown: bool) -> Self {
        let questions = questions(items.list.len(), seed, reviewer);
        let begun = format!("{reviewer} {} {}", clock::now(), std::process::id());
        let session = crate::digest::sha256(begun.as_bytes())[..16].to_owned();
        Self { reviewer: reviewer.clone(), items, questions, log, session, scores_shown, finished: false }
    }

    fn decisions(&self) -> Vec<Option<&DecisionLine>> {
        let standing = standing(&self.items, self.log.lines());
        self.questions.iter().map(|question| standing[question.item][usize::from(question.again)]).collect()
    }

    /// Where the reviewer stands.
    pub fn standing(&self) -> Standing {
        let decisions = self.decisions();
        let asked = |(question, decision): (&Question, &Option<&DecisionLine>)| Asked {
            decision: decision.and_then(|line| line.decision),
            comment: decision.map_or_else(String::new, |line| line.comment.clone()),
            scores: self.scores_shown.then(|| self.items.list[question.item].scores.clone()),
        };
        Standing {
            reviewer: self.reviewer.to_string(),
            simulated: self.items.simulated,
            lines: self.log.lines().len(),
            next: decisions.iter().position(Option::is_none),
            last: self.last().map(|(question, _)| question),
            questions: self.questions.iter().zip(&decisions).map(asked).collect(),
        }
    }

    /// The question of the latest decision that stands, and its line.
    fn last(&self) -> Option<(usize, &DecisionLine)> {
        let decisions = self.decisions();
        let all = decisions.iter().enumerate().filter_map(|(question, line)| Some((question, (*line)?)));
        all.max_by_key(|(_, line)| line.id)
    }

    /// The strip of a question, PNG.
    pub fn picture(&self, question: usize) -> Option<&[u8]> {
        self.questions.get(question).map(|question| self.items.list[question.item].bytes.as_slice())
    }

    /// Keeps a decision.
    ///
    /// # Errors
    /// The disk does not take it; nothing is decided then.
    pub fn decide(&mut self, given: Given) -> Result<Outcome> {
        if given.lines != self.log.lines().len() {
            return Ok(Outcome::Elsewhere(self.standing()));
        }
        let too_long = |text: &str| text.chars().count() > LONGEST_TEXT;
        let Some(&Question { item, again }) = self.questions.get(given.question) else { return Ok(Outcome::Wrong) };
        if too_long(&given.comment) || too_long(&given.name) {
            return Ok(Outcome::Wrong);
        }
        let before = self.decisions()[given.question].map(|line| line.id);
        let own = line(&self.items, item, &self.reviewer, DecidedBy::Person, &self.session);
        let name = if given.name.trim().is_empty() { own.name.clone() } else { given.name };
        self.log.add(DecisionLine {
            question: given.question as u64 + 1,
            again,
            scores_shown: self.scores_shown,
            decision: Some(given.decision),
            name,
            comment: given.comment,
            lead_time_s: f64::from(given.milliseconds.min(LONGEST_MILLISECONDS)) / 1000.0,
            supersedes: before,
            ..own
        })?;
        Ok(Outcome::Kept(self.standing()))
    }

    /// Takes the latest decision back by a line of its own.
    ///
    /// # Errors
    /// The disk does not take it; the decision then stands.
    pub fn undo(&mut self, undo: Undo) -> Result<Outcome> {
        let Some((question, taken)) = self.last().filter(|_| undo.lines == self.log.lines().len()) else {
            return Ok(Outcome::Elsewhere(self.standing()));
        };
        let taken = taken.id;
        let Question { item, again } = self.questions[question];
        let own = line(&self.items, item, &self.reviewer, DecidedBy::Person, &self.session);
        self.log.add(DecisionLine {
            question: question as u64 + 1,
            again,
            scores_shown: self.scores_shown,
            supersedes: Some(taken),
            ..own
        })?;
        Ok(Outcome::Kept(self.standing()))
    }

    /// The reviewer has had enough, for now or for good.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether [`Session::finish`] was called.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Questions with a decision, and all of them.
    pub fn progress(&self) -> [usize; 2] {
        [self.decisions().iter().flatten().count(), self.questions.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::items::tests::made_up;
    use super::*;

    fn session(folder: &std::path::Path, items: Items) -> Session {
        let (log, _) = Log::open(&folder.join("log"), &folder.join("aside")).unwrap();
        Session::new(&Name::of_known("anna"), items, log, RunSeed(1), false)
    }

    fn given(session: &Session, question: usize, decision: Verdict) -> Given {
        let lines = session.log.lines().len();
        Given { question, lines, decision, comment: String::new(), name: String::new(), milliseconds: 1500 }
    }

    #[test]
    fn decisions_move_on_change_go_back_and_are_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = session(folder.path(), made_up(9));
        assert_eq!(one.progress(), [0, 10]);
        for (question, decision) in [(0, Verdict::Accept), (1, Verdict::Reject), (3, Verdict::Unsure)] {
            assert!(matches!(one.decide(given(&one, question, decision)).unwrap(), Outcome::Kept(_)));
        }
        assert_eq!(one.standing().next, Some(2), "one that was passed over comes next");
        let stale = Given { lines: 2, ..given(&one, 2, Verdict::Accept) };
        assert!(matches!(one.decide(stale).unwrap(), Outcome::Elsewhere(_)), "a key pressed twice");
        assert_eq!(one.decide(given(&one, 10, Verdict::Accept)).unwrap(), Outcome::Wrong);
        let long = Given { comment: "x".repeat(501), ..given(&one, 2, Verdict::Accept) };
        assert_eq!(one.decide(long).unwrap(), Outcome::Wrong);
        // Another decision on the first, taken back: the earlier one stands again.
        one.decide(given(&one, 0, Verdict::Reject)).unwrap();
        assert_eq!((one.log.lines()[3].supersedes, one.standing().last), (Some(1), Some(0)));
        one.undo(Undo { lines: 4 }).unwrap();
        let decision = |session: &Session, question: usize| session.standing().questions[question].decision;
        assert_eq!(decision(&one, 0), Some(Verdict::Accept));
        // The one before that in time is the third.
        assert_eq!(one.standing().last, Some(3));
        one.undo(Undo { lines: 5 }).unwrap();
        assert_eq!((decision(&one, 3), one.progress()), (None, [2, 10]));
        drop(one);
        let again = session(folder.path(), made_up(9));
        assert_eq!((again.progress(), decision(&again, 1)), ([2, 10], Some(Verdict::Reject)));
        assert_eq!(again.log.lines().len(), 6, "nothing is taken out of the log");
    }

    #[test]
    fn a_line_says_all_that_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = session(folder.path(), made_up(9));
        let words = Given { comment: "ragged".into(), name: "size".into(), ..given(&one, 4, Verdict::Accept) };
        one.decide(words).unwrap();
        let line = &one.log.lines()[0];
        let item = one.questions[4].item;
        assert_eq!(line.direction, one.items.list[item].id);
        assert_eq!(line.pictures[0].sha256, one.items.list[item].picture_sha256);
        assert_eq!((line.question, line.lead_time_s, line.scores_shown), (5, 1.5, false));
        assert_eq!((line.name.as_str(), line.comment.as_str(), line.by), ("size", "ragged", DecidedBy::Person));
        assert_eq!((line.seeds.clone(), line.range, line.session.len()), (vec![7, 8], [-3.0, 3.0], 16));
    }

    #[test]
    fn decisions_on_other_pictures_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = session(folder.path(), made_up(9));
        (0..10).for_each(|question| drop(one.decide(given(&one, question, Verdict::Accept)).unwrap()));
        assert_eq!((one.progress(), one.standing().next), ([10, 10], None));
        drop(one);
        let mut others = made_up(9);
        others.list[3].picture_sha256 = "c3".into();
        let again = session(folder.path(), others);
        let shown = again.questions.iter().filter(|question| question.item == 3).count();
        assert_eq!(again.progress(), [10 - shown, 10]);
    }

    /// The page is told the same of a picture whatever it is, and whether it came before.
    #[test]
    fn the_page_is_told_neither_scores_nor_repeats() {
        let folder = tempfile::tempdir().unwrap();
        let one = session(folder.path(), made_up(9));
        let said = serde_json::to_string(&one.standing()).unwrap();
        assert!(!said.contains("again") && !said.contains("purity") && !said.contains("closed-form"), "{said}");
        let standing = one.standing();
        assert!(standing.questions.iter().all(|asked| *asked == standing.questions[0]));
    }
}

//! One reader at work: which question is next, what is kept of an answer, and all that the page is told.

use serde::{Deserialize, Serialize};

use super::items::Items;
use super::order::{Question, questions};
use super::store::{Answer, Store};
use crate::name::Name;
use crate::problem::{Problem, Result};
use crate::records::reading::Task;
use crate::seed::RunSeed;
use crate::serve::reply;

/// Longest time that an answer is said to have taken: an hour. Whoever takes longer was away.
const LONGEST_MILLISECONDS: u32 = 3_600_000;

/// One reader's way through all questions.
pub struct Session {
    study: String,
    reader: Name,
    items: Items,
    questions: Vec<Question>,
    store: Store,
    answered: usize,
    finished: bool,
}

/// What the page sends.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Number of the question that it shows.
    pub question: usize,
    /// The left answer.
    pub yes: bool,
    /// Since the picture was there.
    pub milliseconds: u32,
}

/// What the page sends to take an answer back.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Number of the question whose answer it is: the last that was answered.
    pub question: usize,
}

/// What the page is told. Nothing in it depends on what the image is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    study: String,
    reader: String,
    simulated: bool,
    /// Channels, height, width.
    shape: [usize; 3],
    /// The channels are red, green and blue.
    colour: bool,
    /// What is shown, "chimap −80 to 120 ppb".
    shown: Vec<String>,
    answered: usize,
    questions: usize,
    /// None where all are answered.
    now: Option<Asked>,
}

/// The question that is next.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Asked {
    title: String,
    answers: [String; 2],
    about: &'static str,
    /// Of how many tasks this is which, from 1.
    task: [usize; 2],
    /// Of how many questions of the task this is which, from 1.
    of_task: [usize; 2],
}

/// What became of something that the page sent.
pub type Outcome = reply::Outcome<Standing>;

impl Session {
    /// Goes on where `reader` was.
    ///
    /// # Errors
    /// Answers of another order: those of another version of the program.
    pub fn new(
        study: String,
        reader: &Name,
        items: Items,
        repeats: usize,
        seed: RunSeed,
        store: Store,
    ) -> Result<Self> {
        let questions = questions(&items.list, repeats, seed, reader);
        let answers = store.reader(reader)?.answers;
        for (at, answer) in answers.iter().enumerate() {
            let Answer { task, item, again, .. } = *answer;
            if answer.question != at || questions.get(at) != Some(&Question { task, item, again }) {
                let found = format!("answers of {reader} in another order, from question {} on", at + 1);
                return Err(Problem::input(store.path(), found)
                    .expected("the order that this version of rimforge gives")
                    .advice("go on with the version that they were given with, or as another --reader"));
            }
        }
        let answered = answers.len();
        Ok(Self { study, reader: reader.clone(), items, questions, store, answered, finished: false })
    }

    /// Where the reader stands.
    pub fn standing(&self) -> Standing {
        let items = &self.items;
        let window = |contrast: &crate::records::label::Contrast| {
            let [low, high] = [contrast.window.low, contrast.window.high].map(|end| format!("{end}").replace('-', "−"));
            format!("{} {low} to {high} {}", contrast.name, contrast.unit)
        };
        // Files hold them in single precision: .4 is .4000000059604645 there.
        let size = items.pixel_mm.map(|sides| sides.map(|side| side as f32));
        let size = size.map(|[height, width]| format!("pixels of {height} × {width} mm"));
        Standing {
            study: self.study.clone(),
            reader: self.reader.to_string(),
            simulated: items.simulated,
            shape: items.shape,
            colour: items.shape[0] == 3 && items.contrasts.iter().all(|contrast| contrast.unit == "grey level"),
            shown: items.contrasts.iter().map(window).chain(size).collect(),
            answered: self.answered,
            questions: self.questions.len(),
            now: self.questions.get(self.answered).map(|question| self.asked(question.task)),
        }
    }

    fn asked(&self, task: Task) -> Asked {
        let of_task = self.questions.iter().filter(|question| question.task == task).count();
        let before = self.questions[..self.answered].iter().filter(|question| question.task == task).count();
        Asked {
            title: task.title(&self.items.interest),
            answers: task.answers(&self.items.interest),
            about: match task {
                Task::Origin => {
                    "Some of these images were measured by a scanner, others were drawn by a generator or went through \
                     one. Which is this?"
                }
                Task::Class => {
                    "Judge what the image shows, whether it was measured or drawn and whatever you said of it before."
                }
            },
            task: [if self.questions[0].task == task { 1 } else { 2 }, 2],
            of_task: [before + 1, of_task],
        }
    }

    /// Grey levels \[channels, height, width\] of the image of a question.
    pub fn image(&self, question: usize) -> Option<&[u8]> {
        self.questions.get(question).map(|question| self.items.pixels[question.item].as_slice())
    }

    /// Keeps an answer to the question that is next.
    ///
    /// # Errors
    /// The disk does not take it; the question then stays the next one.
    pub fn answer(&mut self, given: Given) -> Result<Outcome> {
        let Some(&Question { task, item, again }) = self.questions.get(self.answered) else {
            return Ok(Outcome::Elsewhere(self.standing()));
        };
        if given.question != self.answered {
            return Ok(Outcome::Elsewhere(self.standing()));
        }
        let milliseconds = given.milliseconds.min(LONGEST_MILLISECONDS);
        let answer = Answer { question: self.answered, task, item, again, yes: given.yes, milliseconds };
        self.store.add(&self.reader, &answer)?;
        self.answered += 1;
        Ok(Outcome::Kept(self.standing()))
    }

    /// Takes the last answer back.
    ///
    /// # Errors
    /// The disk does not take it; the answer then stands.
    pub fn withdraw(&mut self, withdrawn: Withdrawn) -> Result<Outcome> {
        if Some(withdrawn.question) != self.answered.checked_sub(1) {
            return Ok(Outcome::Elsewhere(self.standing()));
        }
        self.store.withdraw(&self.reader, withdrawn.question)?;
        self.answered -= 1;
        Ok(Outcome::Kept(self.standing()))
    }

    /// The reader has had enough, for now or for good.
    pub fn finish(&mut self) {
        self.finished = true;
    }

    /// Whether [`Session::finish`] was called.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The images, and the answers in their database.
    pub fn into_parts(self) -> (Items, Store) {
        (self.items, self.store)
    }

    /// Questions answered, and all of them.
    pub fn progress(&self) -> [usize; 2] {
        [self.answered, self.questions.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::ReadConfig;
    use super::super::items::tests::made_up;
    use super::*;

    fn session(folder: &std::path::Path, items: Items, reader: &str) -> Session {
        let mut store = Store::open(&folder.join("answers.sqlite")).unwrap();
        if store.study().unwrap().is_none() {
            store.begin(&ReadConfig::default(), &items).unwrap();
        }
        Session::new("made-up".into(), &Name::of_known(reader), items, 2, RunSeed(1), store).unwrap()
    }

    fn given(question: usize) -> Given {
        Given { question, yes: question.is_multiple_of(3), milliseconds: 700 }
    }

    #[test]
    fn answers_move_on_go_back_and_are_there_when_the_reader_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = session(folder.path(), made_up(10), "a");
        assert_eq!(one.progress(), [0, 24]);
        for question in 0..5 {
            assert!(matches!(one.answer(given(question)).unwrap(), Outcome::Kept(_)));
        }
        assert!(matches!(one.answer(given(4)).unwrap(), Outcome::Elsewhere(_)), "a key pressed twice");
        assert!(matches!(one.answer(given(6)).unwrap(), Outcome::Elsewhere(_)));
        assert!(matches!(one.withdraw(Withdrawn { question: 3 }).unwrap(), Outcome::Elsewhere(_)));
        assert!(matches!(one.withdraw(Withdrawn { question: 4 }).unwrap(), Outcome::Kept(_)));
        assert_eq!(one.progress(), [4, 24]);
        drop(one);
        let mut again = session(folder.path(), made_up(10), "a");
        assert_eq!(again.progress(), [4, 24]);
        assert_eq!(session(folder.path(), made_up(10), "b").progress(), [0, 24], "each reader from the first question");
        for question in 4..24 {
            assert!(matches!(again.answer(given(question)).unwrap(), Outcome::Kept(_)));
        }
        assert_eq!(again.standing().now, None);
        assert!(matches!(again.answer(given(24)).unwrap(), Outcome::Elsewhere(_)));
        assert!(again.image(23).is_some() && again.image(24).is_none());
    }

    /// The same positions, every image of another source: the page is told the same to the letter.
    #[test]
    fn what_the_page_is_told_does_not_depend_on_what_an_image_is() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut other = made_up(10);
        other.list.iter_mut().for_each(|item| item.source = crate::records::reading::Source::Synthetic);
        let mut sessions =
            [made_up(10), other].into_iter().zip(&folders).map(|(items, folder)| session(folder.path(), items, "a"));
        let (mut one, mut two) = (sessions.next().unwrap(), sessions.next().unwrap());
        for question in 0..24 {
            let said = [&one, &two].map(|session| serde_json::to_string(&session.standing()).unwrap());
            assert_eq!(said[0], said[1]);
            assert!(!said[0].contains("lesion-") && !said[0].contains("patient"), "{}", said[0]);
            assert_eq!(one.image(question), two.image(question));
            one.answer(given(question)).unwrap();
            two.answer(given(question)).unwrap();
        }
    }

    #[test]
    fn answers_of_another_order_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = session(folder.path(), made_up(10), "a");
        (0..5).for_each(|question| drop(one.answer(given(question)).unwrap()));
        drop(one);
        let store = Store::open(&folder.path().join("answers.sqlite")).unwrap();
        let Err(problem) = Session::new("x".into(), &Name::of_known("a"), made_up(10), 2, RunSeed(2), store) else {
            panic!("another seed, another order")
        };
        assert!(problem.to_string().contains("answers of a in another order"), "{problem}");
    }
}

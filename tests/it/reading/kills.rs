//! The program killed while answers come in: what was acknowledged is there, what was not is there whole or not at all.

use std::time::Duration;

use rand::RngExt;
use rimforge::name::Name;
use rimforge::seed::RunSeed;
use rimforge::serve::reading::store::Store;
use serde_json::json;

use super::study::{QUESTIONS, SMALL, Study};

/// The answer that is given to a question: another for each, and none that a default could be.
fn yes(question: u64) -> bool {
    question.is_multiple_of(3) || question % 7 == 1
}

fn answer(question: u64) -> serde_json::Value {
    json!({"question": question, "yes": yes(question), "milliseconds": 400 + question})
}

#[test]
fn an_acknowledged_answer_outlives_any_kill() {
    let study = Study::new();
    let mut draws = RunSeed(11).stream("kills of a reader", 0);
    let (mut acknowledged, mut kills) = (0, 0);
    loop {
        let running = study.begin(if kills == 0 { &SMALL } else { &[] });
        let page = running.page.clone();
        let there = page.answered();
        assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}");
        acknowledged = there;
        if kills == 12 {
            break;
        }
        let answering = std::thread::spawn(move || {
            let mut given = 0;
            while page.try_post("/api/answer", &answer(there + given)).is_some_and(|reply| reply.status == 200) {
                given += 1;
            }
            given
        });
        // An answer takes some milliseconds here, most of them for the disk.
        std::thread::sleep(Duration::from_micros(draws.random_range(0..20_000)));
        running.kill();
        kills += 1;
        acknowledged += answering.join().unwrap();
    }
    let running = study.begin(&[]);
    for question in acknowledged..QUESTIONS {
        assert_eq!(running.page.post("/api/answer", &answer(question)).status, 200);
    }
    assert!(running.page.get("/api/state").json()["now"].is_null());
    assert_eq!(running.page.post("/api/finish", &json!({})).status, 200);
    let (code, out, err) = running.ended();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains(&format!("{QUESTIONS} of {QUESTIONS} questions answered")), "{out}");
    let reader = Store::open(&study.answers()).unwrap().reader(&Name::of_known("reader-1")).unwrap();
    assert_eq!(reader.answers.len() as u64, QUESTIONS);
    for given in &reader.answers {
        let question = given.question as u64;
        assert_eq!((given.yes, u64::from(given.milliseconds)), (yes(question), 400 + question), "{question}");
    }
}

#[test]
fn a_request_to_stop_keeps_what_was_answered_and_says_where_it_goes_on() {
    let study = Study::new();
    for (name, before) in [("INT", 0), ("TERM", 2)] {
        let running = study.begin(if before == 0 { &SMALL } else { &[] });
        for question in before..before + 2 {
            assert_eq!(running.page.post("/api/answer", &answer(question)).status, 200);
        }
        running.signal(name);
        let (code, out, err) = running.ended();
        assert_eq!((code, out.as_str()), (130, ""), "{err}");
        let said = format!("{} of {QUESTIONS} questions answered", before + 2);
        assert!(err.contains(&said) && err.contains("the same command goes on from there"), "{err}");
    }
    assert_eq!(study.results()["readers"][0]["answered"], 4);
}

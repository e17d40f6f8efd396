//! `rimforge review` as reviewers, an attacker and a killed process see it, and in a real browser.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rand::RngExt;
use rimforge::records::review::{DecidedBy, DecisionLine, Verdict};
use rimforge::seed::RunSeed;
use rimforge::serve::review::log::Read;
use serde_json::{Value, json};

use crate::classify::text;
use crate::directions::Place;
use crate::reading::chromium::{Chromium, installed};
use crate::reading::http::{Page, exchange};
use crate::reading::study::{Running, copy};

/// Directions of the folder, and questions: one in ten comes twice.
const DIRECTIONS: u64 = 16;
const QUESTIONS: u64 = DIRECTIONS + 2;

/// A folder of directions of its own.
struct Folder {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

impl Folder {
    fn new() -> Self {
        static MADE: OnceLock<Place> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let place = Place::new();
            place.found("out", "--network one.safetensors");
            place
        });
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("some directions");
        copy(&made.at("out"), &root);
        Self { _folder: folder, root }
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
        command.arg("review").arg(&self.root).args(more);
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.command(more).stdin(Stdio::null()).output().unwrap()
    }

    fn begin(&self, more: &[&str]) -> Running {
        Running::of(&mut self.command(more))
    }

    fn log(&self, reviewer: &str) -> PathBuf {
        self.root.join("review/reviewers").join(reviewer).join("decisions.jsonl")
    }

    fn lines(&self, reviewer: &str) -> Vec<DecisionLine> {
        Read::of(&self.log(reviewer)).unwrap().lines
    }

    fn summary(&self, more: &[&str]) -> Value {
        let output = self.run(&[&["--summary", "--json"], more].concat());
        assert!(output.status.success(), "{}", text(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn verdict(question: u64) -> &'static str {
    ["accept", "reject", "accept", "unsure"][question as usize % 4]
}

/// What the page sends for a question, where the log has so many lines.
fn given(question: u64, lines: u64) -> Value {
    json!({
        "question": question, "lines": lines, "decision": verdict(question), "comment": format!("no. {question}"),
        "name": "", "milliseconds": 700 + question,
    })
}

fn decide_all(page: &Page) {
    for question in 0..QUESTIONS {
        assert_eq!(page.post("/api/decide", &given(question, question)).status, 200);
    }
    assert!(page.get("/api/state").json()["next"].is_null());
}

/// All strips stay in memory: how much that is is known before any is read.
#[test]
fn strips_beyond_all_measure_are_refused_unread() {
    let folder = Folder::new();
    let strips = std::fs::read_dir(folder.root.join("strips")).unwrap().map(|entry| entry.unwrap().path());
    let strips: Vec<PathBuf> = strips.filter(|path| path.extension().is_some_and(|ending| ending == "png")).collect();
    assert!(strips.len() >= DIRECTIONS as usize);
    for strip in &strips {
        std::fs::OpenOptions::new().write(true).open(strip).unwrap().set_len(60 << 20).unwrap();
    }
    let output = folder.run(&["--summary"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output).contains("bytes in all; expected at most"), "{}", text(&output));
}

#[test]
fn an_acknowledged_decision_outlives_any_kill() {
    let folder = Folder::new();
    let mut draws = RunSeed(12).stream("kills of a reviewer", 0);
    let (mut acknowledged, mut kills) = (0, 0);
    while kills < 8 {
        let running = folder.begin(&[]);
        let page = running.page.clone();
        let there = page.get("/api/state").json()["lines"].as_u64().unwrap();
        assert!(there == acknowledged || there == acknowledged + 1, "{there} of {acknowledged}");
        acknowledged = there;
        let deciding = std::thread::spawn(move || {
            let mut given_now = 0;
            loop {
                let lines = there + given_now;
                let body = given(lines % QUESTIONS, lines);
                if page.try_post("/api/decide", &body).is_none_or(|reply| reply.status != 200) {
                    return given_now;
                }
                given_now += 1;
            }
        });
        std::thread::sleep(Duration::from_micros(draws.random_range(0..20_000)));
        running.kill();
        kills += 1;
        acknowledged += deciding.join().unwrap();
    }
    // The chain holds over all starts, and every line is what was sent.
    let lines = folder.lines("reviewer-1");
    assert!(lines.len() as u64 == acknowledged || lines.len() as u64 == acknowledged + 1);
    for (at, line) in (0..).zip(&lines) {
        let question = at % QUESTIONS;
        assert_eq!(
            (line.id, line.question, line.comment.as_str()),
            (at + 1, question + 1, format!("no. {question}").as_str())
        );
        assert_eq!(serde_json::to_value(line.decision).unwrap(), verdict(question));
        assert_eq!(line.supersedes, (at >= QUESTIONS).then(|| at + 1 - QUESTIONS));
    }
}

#[test]
fn a_line_that_a_crash_cut_is_put_aside_and_named_and_a_changed_one_is_refused() {
    let folder = Folder::new();
    let running = folder.begin(&[]);
    (0..3).for_each(|question| drop(running.page.post("/api/decide", &given(question, question))));
    running.kill();
    let log = folder.log("reviewer-1");
    let whole = fs::read(&log).unwrap();
    let half = br#"{"id":4,"time":"2026-"#;
    fs::write(&log, [&whole[..], half].concat()).unwrap();
    let mut command = folder.command(&[]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        said += &line.unwrap();
        if said.contains(" answers at ") && said.contains("cut-short") {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("cut the last line of the log short") && said.contains("cut-short"), "{said}");
    assert_eq!(fs::read(&log).unwrap(), whole);
    let aside = fs::read(log.with_file_name("cut-short.txt")).unwrap();
    assert_eq!(aside, [&half[..], b"\n"].concat());

    let changed = String::from_utf8(whole).unwrap().replacen("\"decision\":\"accept\"", "\"decision\":\"reject\"", 1);
    fs::write(&log, &changed).unwrap();
    for more in [vec![], vec!["--summary"]] {
        let output = folder.run(&more);
        assert!(
            output.status.code() == Some(3) && text(&output).contains("line 1: changed since it was written"),
            "{}",
            text(&output)
        );
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), changed);
}

#[test]
fn two_reviewers_work_at_once_and_agree_as_far_as_they_do() {
    let folder = Folder::new();
    let (anna, ben) = (folder.begin(&["--reviewer", "anna"]), folder.begin(&["--reviewer", "ben"]));
    let twice = folder.run(&["--reviewer", "anna"]);
    assert!(twice.status.code() == Some(4) && text(&twice).contains("another --reviewer"), "{}", text(&twice));
    decide_all(&anna.page);
    decide_all(&ben.page);
    for running in [anna, ben] {
        assert_eq!(running.page.post("/api/finish", &json!({})).status, 200);
        let (code, out, err) = running.ended();
        assert!(code == 0 && out.contains(&format!("{QUESTIONS} of {QUESTIONS} pictures decided")), "{out} {err}");
    }
    let lines = [folder.lines("anna"), folder.lines("ben")];
    let order = |lines: &[DecisionLine]| lines.iter().map(|line| line.direction.to_string()).collect::<Vec<_>>();
    assert_ne!(order(&lines[0]), order(&lines[1]), "each in an order of their own");
    assert_eq!(lines[0].iter().filter(|line| line.again).count(), 2);
    let record = folder.summary(&[]);
    assert_eq!(record["directions"].as_array().unwrap().len() as u64, DIRECTIONS);
    let agreement = &record["pairs"][0]["agreement"];
    assert_eq!(agreement["pictures"], DIRECTIONS);
    assert!(agreement["kappa"].as_f64().is_some_and(|kappa| (-1.0..=1.0).contains(&kappa)));
    assert_eq!(record["reviewers"][0]["again"]["pictures"], 2);
    let accepted = |rule: &str| folder.summary(&["--consensus", rule])["accepted"].as_array().unwrap().len();
    let [all, majority, any] = ["all", "majority", "any"].map(accepted);
    assert!(all == majority && all < any, "of two, more than half is both: {all} {majority} {any}");
    let text = String::from_utf8(folder.run(&["--summary"]).stdout).unwrap();
    assert!(text.starts_with("SIMULATED") && text.contains("anna and ben: ") && text.contains("kappa"), "{text}");
}

#[test]
fn without_a_person_every_line_says_so() {
    let folder = Folder::new();
    let output = folder.run(&["--summary"]);
    assert!(output.status.code() == Some(3) && text(&output).contains("no decisions yet"), "{}", text(&output));
    let output = folder.run(&["--auto"]);
    assert!(output.status.success() && text(&output).contains("without a person"), "{}", text(&output));
    let lines = folder.lines("gate");
    assert_eq!(lines.len() as u64, DIRECTIONS);
    assert!(lines.iter().all(|line| line.by == DecidedBy::Gate && line.comment.contains("without a person")));
    let accepted = lines.iter().filter(|line| line.decision == Some(Verdict::Accept)).count();
    assert_eq!(folder.summary(&[])["accepted"].as_array().unwrap().len(), accepted);
    assert!(lines.iter().all(|line| line.decision != Some(Verdict::Accept) || line.gate.beats_null));
    // A strip that is not the one of the record is no picture to judge.
    fs::write(folder.root.join("strips/ganspace_all_01.png"), b"another").unwrap();
    let output = folder.run(&["--auto"]);
    assert!(output.status.code() == Some(3) && text(&output).contains("ganspace_all_01.png"), "{}", text(&output));
    let nothing = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rimforge"));
    let output = command.arg("review").arg(nothing.path()).output().unwrap();
    assert!(output.status.code() == Some(3) && text(&output).contains("rimforge directions"), "{}", text(&output));
    assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0, "nothing is made of what is none");
}

#[test]
fn nobody_gets_in_by_another_name_or_without_the_token() {
    let folder = Folder::new();
    let running = folder.begin(&[]);
    let page = &running.page;
    let own = String::from_utf8(page.posted("/api/decide", &given(0, 0).to_string())).unwrap();
    let forged = |from: &str, to: &str| {
        let sent = own.replacen(from, to, 1);
        assert_ne!(sent, own);
        exchange(page.port, sent.as_bytes()).unwrap().status
    };
    let port = page.port;
    assert_eq!(forged(&format!("Host: 127.0.0.1:{port}"), &format!("Host: evil.example:{port}")), 403);
    assert_eq!(forged(&format!("Origin: http://127.0.0.1:{port}"), "Origin: http://evil.example"), 403);
    assert_eq!(forged(&page.token, &"0".repeat(32)), 401);
    assert_eq!(forged("application/json", "text/plain"), 415);
    assert_eq!(forged("\"decision\":\"accept\"", "\"decision\":\"delete\""), 400);
    assert_eq!(forged("\"question\":0", "\"question\":99"), 400);
    for (path, status) in
        [("/api/picture/99", 404), ("/api/picture/..%2f", 404), ("/api/decide", 405), ("/record.json", 404)]
    {
        assert_eq!(page.get(path).status, status, "{path}");
    }
    let reply = page.get("/api/picture/0");
    assert!(reply.body.starts_with(b"\x89PNG") && reply.header("content-type") == Some("image/png"));
    let policy = page.get("/").header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!folder.log("reviewer-1").exists(), "nothing was decided");
}

fn look(chromium: &mut Chromium, name: &str) {
    let picture = chromium.picture();
    assert!(picture.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("RIMFORGE_PICTURES") {
        fs::write(Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
    }
}

/// Waits for a question with so many lines in the log, and until a key counts.
fn at(chromium: &mut Chromium, question: u64, lines: u64) {
    chromium
        .wait(&format!("document.body.dataset.question === '{question}' && document.body.dataset.lines === '{lines}'"));
    std::thread::sleep(Duration::from_millis(200));
}

/// Names of controls that assistive technology would read, of those that have none.
const NAMELESS: &str = "[...document.querySelectorAll('button, input, img, progress, dialog')].filter((e) => \
    !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || e.alt || e.textContent.trim() || \
    (e.labels && e.labels.length && e.labels[0].textContent.trim()))).map((e) => e.id).join(' ')";

#[test]
fn a_whole_session_by_keyboard_in_a_browser() {
    let Some(program) = installed() else {
        // Past the test's captured output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium is installed to drive the reviewer's page");
        return;
    };
    let folder = Folder::new();
    let running = folder.begin(&["--reviewer", "anna"]);
    let mut chromium = Chromium::start(&program, 1280, 900);
    chromium.open(&running.address);
    at(&mut chromium, 0, 0);
    look(&mut chromium, "review");
    assert_eq!(chromium.value("document.getElementById('picture').naturalWidth > 100"), json!(true));
    assert_eq!(chromium.value("document.getElementById('simulated').checkVisibility()"), json!(true));
    assert_eq!(chromium.value(NAMELESS), json!(""));
    // Arrows only move, and a picture is there at once.
    let mut took = vec![];
    for question in [1, 2, 3, 2, 1, 0] {
        let before = chromium.value("Number(document.body.dataset.question)").as_u64().unwrap();
        chromium.press(if question > before { "ArrowRight" } else { "ArrowLeft" });
        at(&mut chromium, question, 0);
        took.push(chromium.value("Number(document.body.dataset.took)").as_f64().unwrap());
    }
    took.sort_by(f64::total_cmp);
    assert!(took[3] < 100.0, "milliseconds from key to picture: {took:?}");
    assert!(!folder.log("anna").exists(), "arrows decide nothing");
    for (question, key) in [(0, "a"), (1, "r"), (2, "u")] {
        chromium.press(key);
        at(&mut chromium, question + 1, question + 1);
    }
    let decisions = |folder: &Folder| folder.lines("anna").iter().map(|line| line.decision).collect::<Vec<_>>();
    assert_eq!(decisions(&folder), [Verdict::Accept, Verdict::Reject, Verdict::Unsure].map(Some));
    // Undo, another verdict, help that swallows keys, a comment whose letters decide nothing.
    chromium.press("z");
    at(&mut chromium, 2, 4);
    chromium.press("?");
    chromium.wait("document.getElementById('keys').open");
    chromium.press("a");
    chromium.press("?");
    chromium.wait("!document.getElementById('keys').open");
    chromium.click("comment");
    chromium.call("Input.insertText", json!({"text": "arbitrary"}));
    chromium.press("r");
    chromium.press("Enter");
    chromium.press("r");
    at(&mut chromium, 3, 5);
    let lines = folder.lines("anna");
    assert_eq!((lines[3].decision, lines[3].supersedes), (None, Some(3)));
    assert_eq!((lines[4].decision, lines[4].supersedes), (Some(Verdict::Reject), None));
    assert!(lines[4].comment.starts_with("arbitrary") && lines[4].lead_time_s > 0.0, "{:?}", lines[4]);
    // The program is killed: the page says so, and a new one goes on, on a small screen.
    running.kill();
    chromium.press("a");
    chromium.wait("document.body.dataset.screen === 'over'");
    chromium.complaints.clear();
    let running = folder.begin(&["--reviewer", "anna"]);
    chromium.size(390, 844);
    chromium.open(&running.address);
    at(&mut chromium, 3, 5);
    look(&mut chromium, "review-390");
    let fits = "(() => { const page = document.documentElement; const box = (id) => \
        document.getElementById(id).getBoundingClientRect(); return page.scrollWidth <= 390 && \
        page.scrollHeight <= 844 && box('unsure').right <= 390 && box('accept').height >= 44 && box('finish').bottom <= 844 && \
        box('picture').height > 100; })()";
    assert_eq!(chromium.value(fits), json!(true));
    chromium.click("accept");
    at(&mut chromium, 4, 6);
    for question in 4..QUESTIONS {
        chromium.press("a");
        at(&mut chromium, if question + 1 == QUESTIONS { question } else { question + 1 }, question + 3);
    }
    assert!(chromium.value("document.getElementById('said').textContent").as_str().unwrap().contains("All pictures"));
    assert!(chromium.complaints.is_empty(), "{:?}", chromium.complaints);
    chromium.click("finish");
    chromium.wait("document.body.dataset.screen === 'over'");
    let (code, out, err) = running.ended();
    assert!(code == 0 && out.contains(&format!("{QUESTIONS} of {QUESTIONS}")), "{out} {err}");
    assert_eq!(folder.lines("anna").len() as u64, QUESTIONS + 2);
}

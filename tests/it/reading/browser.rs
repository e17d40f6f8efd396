//! The page in a real browser: keys, the mouse, the way back, a reload, a program that is killed, a small screen.
//!
//! With `RIMFORGE_PICTURES` set to a folder, the screens are left there to be looked at.

use std::io::Write;

use rimforge::name::Name;
use rimforge::serve::reading::store::Store;
use serde_json::json;

use super::chromium::{Chromium, installed};
use super::study::{QUESTIONS, SMALL, Study};

fn look(chromium: &mut Chromium, name: &str) {
    let picture = chromium.picture();
    assert!(picture.starts_with(b"\x89PNG"));
    if let Some(folder) = std::env::var_os("RIMFORGE_PICTURES") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), picture).unwrap();
    }
}

/// Waits until so many questions are answered and `screen` is there; on the question's screen, until a key counts.
fn at(chromium: &mut Chromium, answered: u64, screen: &str) {
    chromium.wait(&format!(
        "document.body.dataset.answered === '{answered}' && document.body.dataset.screen === '{screen}'"
    ));
    if screen == "ask" {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

/// Answers the questions from `from` on to before `to`, which are of one task.
fn answer(chromium: &mut Chromium, from: u64, to: u64, next: &str) -> Vec<bool> {
    let keys = [("1", true), ("2", false), ("ArrowLeft", true), ("ArrowRight", false), ("2", false)];
    let mut given = vec![];
    for question in from..to {
        let (key, yes) = keys[question as usize % keys.len()];
        chromium.press(key);
        given.push(yes);
        at(chromium, question + 1, if question + 1 == to { next } else { "ask" });
    }
    given
}

/// Whether all of the page is within a window: the image whole, the answers large enough for a finger, nothing to
/// scroll.
fn fits(width: u32, height: u32) -> String {
    format!(
        "(() => {{ const page = document.documentElement; const at = (id) => document.getElementById(id)\
         .getBoundingClientRect(); const [image, right, tools] = [at('image'), at('right'), at('smooth')]; \
         return page.scrollWidth <= {width} && page.scrollHeight <= {height} && image.left >= 0 && image.top >= 0 && \
         image.right <= {width} && image.bottom <= right.top && right.right <= {width} && right.height >= 44 && \
         tools.bottom <= {height}; }})()"
    )
}

#[test]
fn a_reader_answers_with_keys_in_a_browser() {
    let Some(program) = installed() else {
        // Past the test's captured output, so that it is seen.
        let _ = writeln!(std::io::stderr(), "skipped: no Chromium is installed to drive the reader's page");
        return;
    };
    let study = Study::new();
    let half = QUESTIONS / 2;
    let running = study.begin(&SMALL);
    let mut chromium = Chromium::start(&program, 1280, 900);
    chromium.open(&running.address);
    at(&mut chromium, 0, "intro");
    look(&mut chromium, "intro");
    chromium.press("Enter");
    at(&mut chromium, 0, "ask");
    look(&mut chromium, "question");
    // What is drawn is what the program holds, enlarged by a whole number, and the page says that it is simulated.
    let image = running.page.get("/api/image/0").body;
    let drawn = chromium.value(
        "(() => { const c = document.getElementById('image'); \
         return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; })()",
    );
    let drawn: Vec<u8> = drawn.as_array().unwrap().iter().map(|level| level.as_u64().unwrap() as u8).collect();
    let expected: Vec<u8> = image.iter().flat_map(|&level| [level, level, level, 255]).collect();
    assert_eq!(drawn, expected);
    let times = chromium.value("document.getElementById('image').getBoundingClientRect().width / 32").as_f64().unwrap();
    assert!(times >= 15.0 && (times - times.round()).abs() < 1e-6, "{times}");
    assert_eq!(chromium.value("document.getElementById('simulated').checkVisibility()"), json!(true));
    // Nothing in the page tells the lesion or where the image comes from.
    let page = chromium.value("document.documentElement.outerHTML").as_str().unwrap().to_owned();
    assert!(!page.contains("lesion-") && !page.contains("sub-0") && !page.contains("seed00"), "{page}");

    let mut given = answer(&mut chromium, 0, 4, "ask");
    // A key of another use, and one that is held down, answer nothing; the way back takes one answer back.
    chromium.press("x");
    chromium.press("s");
    assert_eq!(chromium.value("document.getElementById('smooth').getAttribute('aria-pressed')"), json!("true"));
    let held = json!({"type": "rawKeyDown", "key": "1", "code": "1", "windowsVirtualKeyCode": 49, "autoRepeat": true});
    chromium.call("Input.dispatchKeyEvent", held);
    assert_eq!(running.page.answered(), 4);
    chromium.press("Backspace");
    at(&mut chromium, 3, "ask");
    given.pop();
    chromium.click("left");
    given.push(true);
    at(&mut chromium, 4, "ask");
    // A reload goes on where it was.
    chromium.call("Page.reload", json!({}));
    at(&mut chromium, 4, "intro");
    chromium.click("begin");
    at(&mut chromium, 4, "ask");
    given.extend(answer(&mut chromium, 4, half, "intro"));
    chromium.press("Enter");
    at(&mut chromium, half, "ask");
    given.extend(answer(&mut chromium, half, half + 3, "ask"));
    assert!(chromium.complaints.is_empty(), "{:?}", chromium.complaints);
    // A window that becomes smaller takes the image with it.
    for (width, height) in [(390, 844), (1280, 500), (1280, 900)] {
        chromium.size(width, height);
        chromium.wait(&fits(width, height));
    }

    // The program is killed: the page says so, and a new one goes on.
    running.kill();
    chromium.press("1");
    chromium.wait("document.body.dataset.screen === 'over'");
    look(&mut chromium, "gone");
    chromium.complaints.clear();
    let running = study.begin(&[]);
    chromium.open(&format!("http://127.0.0.1:{}/", running.page.port));
    chromium.wait("document.body.innerText.includes('This address is not complete')");
    chromium.complaints.clear();
    chromium.size(390, 844);
    chromium.open(&running.address);
    at(&mut chromium, half + 3, "intro");
    look(&mut chromium, "intro-390");
    chromium.click("begin");
    at(&mut chromium, half + 3, "ask");
    look(&mut chromium, "question-390");
    assert_eq!(chromium.value(&fits(390, 844)), json!(true));
    assert!(chromium.value("document.getElementById('image').getBoundingClientRect().width").as_f64().unwrap() > 300.0);
    given.extend(answer(&mut chromium, half + 3, QUESTIONS, "done"));
    look(&mut chromium, "done-390");
    chromium.press("Backspace");
    chromium.wait(&format!("document.body.dataset.answered === '{}'", QUESTIONS - 1));
    at(&mut chromium, QUESTIONS - 1, "ask");
    chromium.click("right");
    given.pop();
    given.push(false);
    at(&mut chromium, QUESTIONS, "done");
    chromium.press("Enter");
    chromium.wait("document.body.dataset.screen === 'over'");
    assert!(chromium.complaints.is_empty(), "{:?}", chromium.complaints);
    let (code, out, err) = running.ended();
    assert!(code == 0 && out.contains(&format!("{QUESTIONS} of {QUESTIONS}")), "{out} {err}");
    let reader = Store::open(&study.answers()).unwrap().reader(&Name::of_known("reader-1")).unwrap();
    assert_eq!(reader.answers.iter().map(|answer| answer.yes).collect::<Vec<_>>(), given);
    assert_eq!(reader.withdrawn, 2);
    assert!(reader.answers.iter().all(|answer| (100..60_000).contains(&answer.milliseconds)), "{:?}", reader.answers);
}

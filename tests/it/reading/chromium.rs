//! A real Chromium without a window, driven through the pipe that it offers for that: JSON messages with a zero byte
//! behind each, in on its descriptor 3, out on 4.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// A page is waited for at most so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where Linux distributions put it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub struct Chromium {
    child: Child,
    to: File,
    from: Receiver<Value>,
    session: Option<String>,
    next: u64,
    /// What the page and the browser complained of.
    pub complaints: Vec<String>,
    _folder: tempfile::TempDir,
}

/// Where it is installed.
pub fn installed() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    all.into_iter().find(|path| path.is_file())
}

impl Chromium {
    /// Starts it with one empty page of `width` x `height` pixels.
    pub fn start(program: &PathBuf, width: u32, height: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for pipe in ["in", "out"] {
            assert!(Command::new("mkfifo").arg(at(pipe)).status().unwrap().success());
        }
        // A shell, since the standard library hands down no descriptor beyond the first three.
        let line = format!(
            "exec \"$0\" --headless --remote-debugging-pipe --no-sandbox --disable-gpu --no-first-run --disable-quic \
             --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
             --user-data-dir='{0}/profile' about:blank 3<'{0}/in' 4>'{0}/out'",
            folder.path().display()
        );
        let child = Command::new("sh")
            .args(["-c", &line])
            .arg(program)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Opened in the shell's order: each waits for the other side.
        let to = File::options().write(true).open(at("in")).unwrap();
        let mut out = BufReader::new(File::open(at("out")).unwrap());
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let value = serde_json::from_slice(&message).unwrap();
                message.clear();
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        let mut chromium = Self { child, to, from, session: None, next: 0, complaints: vec![], _folder: folder };
        let target = chromium.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = chromium.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        chromium.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            chromium.call(domain, json!({}));
        }
        chromium.size(width, height);
        chromium
    }

    /// A command of the DevTools protocol and its result.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.tried(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn tried(&mut self, method: &str, parameters: Value) -> Result<Value, Value> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.from.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {method}"));
            if message["id"] == id {
                return message.get("error").map_or_else(|| Ok(message["result"].clone()), |error| Err(error.clone()));
            }
            let said = match message["method"].as_str() {
                Some("Log.entryAdded") => message["params"]["entry"].to_string(),
                Some("Runtime.exceptionThrown") => message["params"].to_string(),
                _ => continue,
            };
            self.complaints.push(said);
        }
    }

    pub fn size(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    pub fn open(&mut self, address: &str) {
        // From one address to another of the same page the browser only scrolls.
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.call("Page.navigate", json!({"url": address}));
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", asked);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// Until an expression is true; between two pages there is none to ask.
    pub fn wait(&mut self, expression: &str) {
        let begun = Instant::now();
        let asked = json!({"expression": expression, "returnByValue": true});
        while !self.tried("Runtime.evaluate", asked.clone()).is_ok_and(|found| found["result"]["value"] == json!(true))
        {
            if begun.elapsed() > PATIENCE {
                let screen = self.value("document.body.innerText");
                panic!("{expression} does not come: {screen} {:?}", self.complaints);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A key of the keyboard, pressed and let go.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            "Backspace" => 8,
            "Enter" => 13,
            letter => u32::from(letter.to_uppercase().bytes().next().unwrap()),
        };
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// A click in the middle of an element.
    pub fn click(&mut self, element: &str) {
        let place = format!(
            "(() => {{ const box = document.getElementById('{element}').getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let place = self.value(&place);
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// The page as a PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}));
        base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

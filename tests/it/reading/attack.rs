//! Requests that are not the page's: other hosts, origins and sites, no token, paths that lead out, too much of
//! anything, too slow, badly put together. Each gets its refusal, none an effect, and the page is served on.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rimforge::name::Name;
use rimforge::observer::Observer;
use rimforge::run_dir::StudyDir;
use rimforge::serve::limits::Limits;
use rimforge::serve::reading::Reading;
use rimforge::serve::reading::config::Asked;
use rimforge::serve::server::Server;
use serde_json::json;

use super::http::{Page, Reply, connected, exchange, rest};
use super::study::Study;

/// Stops a server from another thread.
struct Until(AtomicBool);

impl Observer for Until {
    fn begin(&self, _label: &str, _unit: &str, _total: u64) {}
    fn advance(&self, _steps: u64) {}
    fn status(&self, _text: &str) {}
    fn note(&self, _text: &str) {}
    fn end(&self) {}
    fn stop_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// As the program has them, but for less patience.
const LIMITS: Limits =
    Limits { patience: Duration::from_millis(400), connection: Duration::from_millis(1500), connections: 16 };

/// Serves a study in another thread while `work` attacks it; gives the answers that are there then.
fn besieged(work: impl FnOnce(&Page)) -> usize {
    let study = Study::new();
    let asked = Asked { items: Some(10), repeats: Some(3), ..Asked::default() };
    let reading = Reading::open(&StudyDir::new(&study.root), &asked).unwrap();
    let server = Server::bind(0, LIMITS).unwrap();
    let page = Page::of(&server.address());
    let until = Until(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| reading.read(&Name::of_known("a"), server, &until).unwrap());
        let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&page)));
        until.0.store(true, Ordering::SeqCst);
        let [answered, _] = serving.join().unwrap();
        worked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        answered
    })
}

/// What is right: to be spoiled in one place each.
struct Requests<'a> {
    page: &'a Page,
}

impl Requests<'_> {
    /// A GET of the state, with `more` lines in its head.
    fn get(&self, path: &str, more: &str) -> Vec<u8> {
        format!("{}{more}\r\n", self.page.head("GET", path)).into_bytes()
    }

    /// One in whose head `old` stands for `new`.
    fn spoiled(&self, old: &str, new: &str) -> Vec<u8> {
        let right = String::from_utf8(self.answer()).unwrap();
        assert!(right.contains(old), "{old}");
        right.replacen(old, new, 1).into_bytes()
    }

    /// The right answer to the first question, were it not spoiled.
    fn answer(&self) -> Vec<u8> {
        self.page.posted("/api/answer", &json!({"question": 0, "yes": true, "milliseconds": 900}).to_string())
    }

    fn body(&self, body: &str) -> Vec<u8> {
        self.page.posted("/api/answer", body)
    }

    /// With a body in chunks, whatever they are.
    fn chunked(&self, chunks: &str) -> Vec<u8> {
        let (head, port) = (self.page.head("POST", "/api/answer"), self.page.port);
        let more = format!("Origin: http://127.0.0.1:{port}\r\nContent-Type: application/json\r\n");
        format!("{head}{more}Transfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes()
    }
}

/// Name, bytes, and the status that is due; 0 stands for a connection that is closed without a word.
fn attacks(page: &Page) -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let r = Requests { page };
    let (port, token) = (page.port, page.token.as_str());
    let host = format!("Host: 127.0.0.1:{port}");
    let origin = format!("Origin: http://127.0.0.1:{port}");
    let secret = format!("X-Rimforge-Token: {token}\r\n");
    let wrong = token.chars().rev().collect::<String>();
    let long = "x".repeat(9000);
    let in_path = {
        let first = |path: &str| format!("{path} HTTP/1.1\r\n{host}\r\n");
        (first("/api/answer") + &secret, first(&format!("/api/answer?token={token}")))
    };
    let mut all: Vec<(&'static str, Vec<u8>, &'static [u16])> = vec![
        ("a name that was made to point here", r.spoiled(&host, &format!("Host: evil.example:{port}")), &[403]),
        ("the right name behind another", r.spoiled(&host, &format!("Host: 127.0.0.1.evil.example:{port}")), &[403]),
        ("a host without its port", r.spoiled(&host, "Host: 127.0.0.1"), &[403]),
        ("another port", r.spoiled(&host, "Host: 127.0.0.1:1"), &[403]),
        ("another loopback address", r.spoiled(&host, &format!("Host: 127.0.0.2:{port}")), &[403]),
        ("all addresses", r.spoiled(&host, &format!("Host: 0.0.0.0:{port}")), &[403]),
        ("the sixth version's loopback", r.spoiled(&host, &format!("Host: [::1]:{port}")), &[403]),
        ("an empty host", r.spoiled(&host, "Host: "), &[403, 400]),
        ("no host", r.spoiled(&format!("{host}\r\n"), ""), &[403, 400]),
        ("two hosts", r.spoiled(&host, &format!("{host}\r\nHost: evil.example")), &[403, 400]),
        ("a user before the host", r.spoiled(&host, &format!("Host: evil@127.0.0.1:{port}")), &[403, 400]),
        ("a host in the first line", r.spoiled("POST /", &format!("POST http://127.0.0.1:{port}/")), &[400]),
        ("another host in the first line", r.spoiled("POST /", "POST http://evil.example/"), &[400]),
        ("a proxy", format!("CONNECT evil.example:443 HTTP/1.1\r\n{host}\r\n{secret}\r\n").into_bytes(), &[400]),
        ("another origin", r.spoiled(&origin, "Origin: http://evil.example"), &[403]),
        ("another port's origin", r.spoiled(&origin, "Origin: http://127.0.0.1:1"), &[403]),
        ("another scheme's origin", r.spoiled(&origin, &format!("Origin: https://127.0.0.1:{port}")), &[403]),
        ("a longer origin", r.spoiled(&origin, &format!("{origin}.evil.example")), &[403]),
        ("no origin's origin", r.spoiled(&origin, "Origin: null"), &[403]),
        ("an empty origin", r.spoiled(&origin, "Origin: "), &[403]),
        ("no origin", r.spoiled(&format!("{origin}\r\n"), ""), &[403]),
        ("two origins", r.spoiled(&origin, &format!("{origin}\r\nOrigin: http://evil.example")), &[403]),
        ("a GET of another origin", r.get("/api/state", "Origin: http://evil.example\r\n"), &[403]),
        ("another site", r.spoiled(&origin, &format!("{origin}\r\nSec-Fetch-Site: cross-site")), &[403]),
        ("a site beside", r.spoiled(&origin, &format!("{origin}\r\nSec-Fetch-Site: same-site")), &[403]),
        ("an unheard-of site", r.get("/api/state", "Sec-Fetch-Site: home\r\n"), &[403]),
        ("the page itself from another site", r.get("/", "Sec-Fetch-Site: cross-site\r\n"), &[403]),
        ("no token", r.spoiled(&secret, ""), &[401]),
        ("a wrong token", r.spoiled(token, &wrong), &[401]),
        ("a shorter token", r.spoiled(token, &token[..31]), &[401]),
        ("a longer token", r.spoiled(token, &format!("{token}0")), &[401]),
        ("an empty token", r.spoiled(token, ""), &[401]),
        ("two tokens", r.spoiled(&secret, &format!("{secret}X-Rimforge-Token: {wrong}\r\n")), &[401]),
        ("a token in the path", r.spoiled(&in_path.0, &in_path.1), &[401]),
        ("a token as a cookie", r.spoiled(&secret, &format!("Cookie: token={token}\r\n")), &[401]),
        ("a form", r.spoiled("application/json", "application/x-www-form-urlencoded"), &[415]),
        ("plain text", r.spoiled("application/json", "text/plain"), &[415]),
        ("no kind", r.spoiled("Content-Type: application/json\r\n", ""), &[415]),
        ("a page asking beforehand", r.spoiled("POST", "OPTIONS"), &[405, 403]),
        ("PUT", r.spoiled("POST", "PUT"), &[405]),
        ("DELETE", r.spoiled("POST", "DELETE"), &[405]),
        ("PATCH", r.spoiled("POST", "PATCH"), &[405]),
        ("TRACE", r.spoiled("POST", "TRACE"), &[405]),
        ("an unheard-of method", r.spoiled("POST", "BREW"), &[405]),
        ("an answer by GET", r.get("/api/answer", ""), &[405]),
        ("an end by GET", r.get("/api/finish", ""), &[405]),
        ("a POST to the page", r.spoiled("/api/answer", "/"), &[405]),
        ("less than the page sends", r.body("{\"question\":0}"), &[400]),
        (
            "more than the page sends",
            r.body("{\"question\":0,\"yes\":true,\"milliseconds\":9,\"reader\":\"b\"}"),
            &[400],
        ),
        ("a question below none", r.body("{\"question\":-1,\"yes\":true,\"milliseconds\":9}"), &[400]),
        ("a question beyond all", r.body("{\"question\":99999,\"yes\":true,\"milliseconds\":9}"), &[409]),
        ("a time beyond all", r.body("{\"question\":0,\"yes\":true,\"milliseconds\":1e400}"), &[400]),
        (
            "an answer that is none",
            r.body("{\"question\":0,\"yes\":\"'; DROP TABLE answer\",\"milliseconds\":9}"),
            &[400],
        ),
        ("no JSON", r.body("question=0"), &[400]),
        ("nothing", r.body(""), &[400]),
        ("JSON without an end", r.body(&"[".repeat(4000)), &[400]),
        ("a body of more than four kilobytes", r.body(&"1".repeat(5000)), &[413]),
        ("a promise of gigabytes", r.spoiled("Content-Length: ", "Content-Length: 9999999"), &[413]),
        (
            "a promise of more than numbers hold",
            r.spoiled("Content-Length: ", "Content-Length: 99999999999999999999"),
            &[400],
        ),
        ("two lengths", r.spoiled("Content-Length: ", "Content-Length: 3\r\nContent-Length: "), &[400]),
        ("a length below none", r.spoiled("Content-Length: ", "Content-Length: -"), &[400]),
        ("less than was promised", r.spoiled("Content-Length: ", "Content-Length: 1"), &[408]),
        ("endless chunks", r.chunked(&format!("400\r\n{}\r\n", "1".repeat(1024)).repeat(9)), &[400]),
        ("a chunk that is no number", r.chunked("xyz\r\n{}\r\n0\r\n\r\n"), &[400]),
        ("a chunk that is shorter than it says", r.chunked("20\r\n{}\r\n0\r\n\r\n"), &[400, 408]),
        ("a chunk of more than numbers hold", r.chunked("ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"), &[400]),
        ("chunks without an end", r.chunked("2\r\n{}\r\n"), &[408]),
        ("an unheard-of coding", r.spoiled("Content-Length: ", "Transfer-Encoding: gzip\r\nContent-Length: "), &[400]),
        ("a long header", r.get("/", &format!("X-Long: {long}\r\n")), &[431]),
        ("many headers", r.get("/", &"X: y\r\n".repeat(300)), &[431]),
        ("a long path", r.get(&format!("/{long}"), ""), &[414, 431]),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400, 0]),
        ("another version", r.spoiled("HTTP/1.1", "HTTP/3.0"), &[400, 505]),
        ("no line's end", vec![b'A'; 20_000], &[400, 431]),
        ("a broken line", format!("{}Broken\r\n\r\n", page.head("GET", "/")).into_bytes(), &[400]),
        ("a line within a header", r.get("/", "X: a\0b\r\n"), &[400]),
    ];
    let paths = [
        "/../../etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/api/image/../../../data/manifest.json",
        "/api/image/..%2f..%2fdata%2fmanifest.json",
        "/api/image/%2e%2e%2fmanifest.json",
        "/api/image/1%00.npy",
        "/api/image/-1",
        "/api/image/+1",
        "/api/image/1e1",
        "/api/image/0x1",
        "/api/image/99",
        "/api/image/99999999999999999999999",
        "/api/image/",
        "/api/image/1/2",
        "/reading/answers.sqlite",
        "/data/manifest.json",
        "//127.0.0.1/api/state",
        "/api//state",
        "/API/state",
        "/.git/config",
    ];
    all.extend(paths.map(|path| ("a path", r.get(path, ""), &[404_u16, 400][..])));
    all
}

fn assert_safe(name: &str, reply: &Reply) {
    for header in ["content-security-policy", "x-content-type-options", "cross-origin-resource-policy", "cache-control"]
    {
        assert!(reply.header(header).is_some(), "{name}: no {header} in {}", reply.head);
    }
    for header in ["access-control-allow-origin", "set-cookie", "server"] {
        assert!(reply.header(header).is_none(), "{name}: {header} in {}", reply.head);
    }
}

#[test]
fn requests_that_are_not_the_pages_are_refused_without_effect() {
    let answered = besieged(|page| {
        let attacks = attacks(page);
        assert!(attacks.len() >= 90, "{}", attacks.len());
        for (name, bytes, due) in attacks {
            let begun = Instant::now();
            let reply = exchange(page.port, &bytes);
            let status = reply.as_ref().map_or(0, |reply| reply.status);
            assert!(due.contains(&status), "{name}: {status} where {due:?} is due: {reply:?}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{name}: {:?}", begun.elapsed());
            let Some(reply) = reply else { continue };
            let text = String::from_utf8_lossy(&reply.body);
            for secret in [page.token.as_str(), "sub-0", "manifest", "root:"] {
                assert!(!text.contains(secret) && !reply.head.contains(secret), "{name}: {secret} in {text}");
            }
            // What hyper itself refuses has no body and no headers of ours.
            if !reply.body.is_empty() {
                assert_safe(name, &reply);
            }
        }
        assert_eq!(page.answered(), 0);
        let own = page.get("/api/state");
        assert_safe("the page's own", &own);
        assert_eq!(own.header("connection"), Some("close"));
        // What is right is right by either name of the machine, and only once.
        let answer = Requests { page }.answer();
        assert_eq!(exchange(page.port, &answer).unwrap().status, 200);
        assert_eq!(exchange(page.port, &answer).unwrap().status, 409);
        let other = String::from_utf8(page.posted("/api/withdraw", "{\"question\":0}")).unwrap();
        let other = other.replace("127.0.0.1", "localhost");
        assert_eq!(exchange(page.port, other.as_bytes()).unwrap().status, 200);
        assert_eq!(exchange(page.port, &answer).unwrap().status, 200);
    });
    assert_eq!(answered, 1);
}

#[test]
fn several_requests_in_one_connection_are_one() {
    let answered = besieged(|page| {
        let request = |question: u64| {
            page.posted("/api/answer", &json!({"question": question, "yes": true, "milliseconds": 9}).to_string())
        };
        let many: Vec<u8> = (0..20).flat_map(request).collect();
        let mut stream = connected(page.port);
        let _ = stream.write_all(&many);
        let said = String::from_utf8_lossy(&rest(&mut stream)).into_owned();
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        // A body that holds another request is a body.
        let inner = String::from_utf8(request(1)).unwrap();
        assert_eq!(exchange(page.port, &page.posted("/api/answer", &inner)).unwrap().status, 400);
        // A length and chunks: whatever ends the body, what is behind it is not served.
        let both = format!(
            "{}Origin: http://127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            page.head("POST", "/api/answer"),
            page.port
        );
        assert_eq!(exchange(page.port, both.as_bytes()).unwrap().status, 400);
        assert_eq!(page.answered(), 1);
    });
    assert_eq!(answered, 1);
}

/// As many connections as there may be, none of which comes to an end: heads that stop, bodies that drip, replies that
/// nobody reads. The page waits no longer than they are borne with.
#[test]
fn those_who_take_their_time_do_not_keep_others_waiting() {
    besieged(|page| {
        let begun = Instant::now();
        let mut slow: Vec<TcpStream> = Vec::new();
        let body = Requests { page }.answer();
        for number in 0..48 {
            let mut stream = connected(page.port);
            let _ = match number % 4 {
                0 => stream.write_all(b""),
                1 => stream.write_all(b"GET / HTTP/1.1\r\nHost: 127"),
                2 => stream.write_all(&body[..body.len() - 5]),
                _ => stream.write_all(&Requests { page }.get("/reading.js", "")),
            };
            slow.push(stream);
        }
        // A header every tenth of a second, for as long as it is taken.
        let mut drip = connected(page.port);
        let dripping = std::thread::spawn(move || {
            let _ = drip.write_all(b"GET / HTTP/1.1\r\n");
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(20) && drip.write_all(b"X: y\r\n").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
            begun.elapsed()
        });
        assert_eq!(page.answered(), 0);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(dripping.join().unwrap() < Duration::from_secs(10));
        drop(slow);
        assert_eq!(page.answered(), 0);
    });
}

/// Sizes, headers and kinds of the replies are the same for every image, and the page asks for nothing elsewhere.
#[test]
fn replies_do_not_tell_what_an_image_is() {
    besieged(|page| {
        let replies: Vec<Reply> = (0..26).map(|question| page.get(&format!("/api/image/{question}"))).collect();
        let without_date = |reply: &Reply| {
            reply.head.lines().filter(|line| !line.starts_with("date")).map(str::to_owned).collect::<Vec<_>>()
        };
        for reply in &replies {
            assert_eq!((reply.status, reply.body.len()), (200, 32 * 32));
            assert_eq!(without_date(reply), without_date(&replies[0]));
        }
        let differ = replies.iter().filter(|reply| reply.body != replies[0].body).count();
        assert!(differ > 15, "{differ}");
        for path in ["/", "/reading.js", "/reading.css"] {
            let reply = page.get(path);
            assert_safe(path, &reply);
            let text = String::from_utf8(reply.body).unwrap();
            for elsewhere in [
                "http://",
                "https://",
                "//cdn",
                "url(",
                "@import",
                "<script>",
                " style=",
                "onclick",
                "innerHTML",
                "eval(",
            ] {
                assert!(!text.contains(elsewhere), "{path}: {elsewhere}");
            }
        }
    });
}

//! Requests as bytes on a socket of their own, replies as they come.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    fn of(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self { status, head, body: bytes[end + 4..].to_vec() })
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The value of a header that stands there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends `bytes` and reads until the server closes; `None` where it says nothing.
pub fn exchange(port: u16, bytes: &[u8]) -> Option<Reply> {
    let mut stream = connected(port);
    // A server that has refused may have closed its side already.
    let _ = stream.write_all(bytes);
    Reply::of(&rest(&mut stream))
}

pub fn connected(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// All that comes until the other side closes.
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut block) {
        bytes.extend_from_slice(&block[..read]);
    }
    let _ = stream.shutdown(Shutdown::Both);
    bytes
}

/// A page by its address.
#[derive(Clone, Debug)]
pub struct Page {
    pub port: u16,
    pub token: String,
}

impl Page {
    /// Of "http://127.0.0.1:PORT/#TOKEN".
    pub fn of(address: &str) -> Self {
        let (place, token) = address.split_once("/#").unwrap();
        let port = place.strip_prefix("http://127.0.0.1:").unwrap().parse().unwrap();
        assert!(token.len() == 32 && token.bytes().all(|digit| digit.is_ascii_hexdigit()), "{token}");
        Self { port, token: token.to_owned() }
    }

    /// The head of a request as the page sends it, without the empty line behind.
    pub fn head(&self, method: &str, path: &str) -> String {
        let Self { port, token } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Rimforge-Token: {token}\r\n")
    }

    /// `None` where the program is gone.
    pub fn try_get(&self, path: &str) -> Option<Reply> {
        TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        exchange(self.port, format!("{}\r\n", self.head("GET", path)).as_bytes())
    }

    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap()
    }

    /// A POST as the page sends it, whole.
    pub fn posted(&self, path: &str, body: &str) -> Vec<u8> {
        let (head, port, length) = (self.head("POST", path), self.port, body.len());
        let more = format!("Origin: http://127.0.0.1:{port}\r\nContent-Type: application/json\r\n");
        format!("{head}{more}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        exchange(self.port, &self.posted(path, &body.to_string())).unwrap()
    }

    /// As [`Page::post`]; `None` where the program is gone or dies over it.
    pub fn try_post(&self, path: &str, body: &Value) -> Option<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(&self.posted(path, &body.to_string())).ok()?;
        Reply::of(&rest(&mut stream))
    }

    pub fn answered(&self) -> u64 {
        self.get("/api/state").json()["answered"].as_u64().unwrap()
    }
}

//! What goes back: pages, bytes and JSON, each with the headers that keep a browser from doing more with it.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::guard::Refusal;
use crate::files;
use crate::problem::{Kind, Problem, Result};

/// Of every reply. The page runs its own script, talks to its own server and can be shown in no frame.
const SAFE: [(HeaderName, &str); 7] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
    ),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (CACHE_CONTROL, "no-store"),
];

/// The reply with the headers of every reply.
pub fn safe(mut reply: Response) -> Response {
    for (name, value) in SAFE {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// `body` as `kind`, e.g. "text/html; charset=utf-8".
pub fn bytes(kind: &'static str, body: impl Into<Body>) -> Response {
    of(StatusCode::OK, kind, body.into())
}

/// A value as JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match files::json_line(value) {
        Ok(text) => of(status, "application/json", text.into()),
        Err(defect) => problem(&defect),
    }
}

/// Why a request was not served.
pub fn refusal(refusal: Refusal) -> Response {
    of(refusal.status, "application/json", json!({"problem": refusal.said}).to_string().into())
}

/// What became of something that a page sent; `S` tells where its session stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<S> {
    /// It is on the disk.
    Kept(S),
    /// The page knows of another state than there is: something was sent from another window, or a reply was lost.
    Elsewhere(S),
    /// What no page sends.
    Wrong,
}

/// Reads what a page sent as JSON, acts on it, and says what became of it.
pub fn sent<T: DeserializeOwned, S: Serialize>(body: &[u8], act: impl FnOnce(T) -> Result<Outcome<S>>) -> Response {
    let wrong = || refusal(Refusal { status: StatusCode::BAD_REQUEST, said: "not what the page sends" });
    let Ok(value) = serde_json::from_slice(body) else { return wrong() };
    match act(value) {
        Ok(Outcome::Kept(standing)) => json(StatusCode::OK, &standing),
        Ok(Outcome::Elsewhere(standing)) => json(StatusCode::CONFLICT, &standing),
        Ok(Outcome::Wrong) => wrong(),
        Err(defect) => {
            tracing::warn!("{defect}");
            problem(&defect)
        }
    }
}

/// What went wrong while a request was served: the machine's fault, or the program's.
pub fn problem(problem: &Problem) -> Response {
    let status = match problem.kind() {
        Kind::Environment => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    of(status, "application/json", json!({"problem": problem.to_string()}).to_string().into())
}

fn of(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut reply = Response::new(body);
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    reply
}

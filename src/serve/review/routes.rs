//! The page and what it asks for. Pictures go by the number of the question.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::session::{Given, Session, Standing, Undo};
use crate::serve::guard::Refusal;
use crate::serve::reply;

const PAGE: &str = include_str!("page/review.html");
const SCRIPT: &str = include_str!("page/review.js");
const STYLE: &str = include_str!("page/review.css");

/// What the handlers share: one reviewer at work.
pub type Shared = Arc<Mutex<Session>>;

/// All that the server answers to.
pub fn pages(session: Shared) -> Router {
    Router::new()
        .route("/", get(async || reply::bytes("text/html; charset=utf-8", PAGE)))
        .route("/review.js", get(async || reply::bytes("text/javascript; charset=utf-8", SCRIPT)))
        .route("/review.css", get(async || reply::bytes("text/css; charset=utf-8", STYLE)))
        .route("/api/state", get(state))
        .route("/api/picture/{question}", get(picture))
        .route("/api/decide", post(decide))
        .route("/api/undo", post(undo))
        .route("/api/finish", post(finish))
        .with_state(session)
}

/// A handler that panicked left the session as it was before: what it changes last is the log.
pub fn held(session: &Shared) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn state(State(session): State<Shared>) -> Response {
    reply::json(StatusCode::OK, &held(&session).standing())
}

async fn picture(State(session): State<Shared>, Path(question): Path<String>) -> Response {
    let digits = !question.is_empty() && question.bytes().all(|byte| byte.is_ascii_digit());
    let number = question.parse::<usize>().ok().filter(|_| digits);
    let session = held(&session);
    match number.and_then(|number| session.picture(number)) {
        Some(bytes) => reply::bytes("image/png", bytes.to_vec()),
        None => reply::refusal(Refusal { status: StatusCode::NOT_FOUND, said: "no picture of that number" }),
    }
}

async fn decide(State(session): State<Shared>, body: Bytes) -> Response {
    reply::sent::<Given, Standing>(&body, |given| held(&session).decide(given))
}

async fn undo(State(session): State<Shared>, body: Bytes) -> Response {
    reply::sent::<Undo, Standing>(&body, |undo| held(&session).undo(undo))
}

async fn finish(State(session): State<Shared>) -> Response {
    let mut session = held(&session);
    session.finish();
    reply::json(StatusCode::OK, &session.standing())
}

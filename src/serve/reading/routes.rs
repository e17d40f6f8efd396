//! The page and what it asks for. Images go by the number of the question; nothing has a name, and every image of a
//! study has as many bytes as the next one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use super::session::{Given, Session, Standing, Withdrawn};
use crate::serve::guard::Refusal;
use crate::serve::reply;

const PAGE: &str = include_str!("page/reading.html");
const SCRIPT: &str = include_str!("page/reading.js");
const STYLE: &str = include_str!("page/reading.css");

/// What the handlers share: one reader at work.
pub type Shared = Arc<Mutex<Session>>;

/// All that the server answers to.
pub fn pages(session: Shared) -> Router {
    Router::new()
        .route("/", get(async || reply::bytes("text/html; charset=utf-8", PAGE)))
        .route("/reading.js", get(async || reply::bytes("text/javascript; charset=utf-8", SCRIPT)))
        .route("/reading.css", get(async || reply::bytes("text/css; charset=utf-8", STYLE)))
        .route("/api/state", get(state))
        .route("/api/image/{question}", get(image))
        .route("/api/answer", post(answer))
        .route("/api/withdraw", post(withdraw))
        .route("/api/finish", post(finish))
        .with_state(session)
}

/// A handler that panicked left the session as it was before: what it changes last is a number.
pub fn held(session: &Shared) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn state(State(session): State<Shared>) -> Response {
    reply::json(StatusCode::OK, &held(&session).standing())
}

async fn image(State(session): State<Shared>, Path(question): Path<String>) -> Response {
    let digits = !question.is_empty() && question.bytes().all(|byte| byte.is_ascii_digit());
    let number = question.parse::<usize>().ok().filter(|_| digits);
    let session = held(&session);
    match number.and_then(|number| session.image(number)) {
        Some(levels) => reply::bytes("application/octet-stream", levels.to_vec()),
        None => reply::refusal(Refusal { status: StatusCode::NOT_FOUND, said: "no image of that number" }),
    }
}

async fn answer(State(session): State<Shared>, body: Bytes) -> Response {
    reply::sent::<Given, Standing>(&body, |given| held(&session).answer(given))
}

async fn withdraw(State(session): State<Shared>, body: Bytes) -> Response {
    reply::sent::<Withdrawn, Standing>(&body, |withdrawn| held(&session).withdraw(withdrawn))
}

async fn finish(State(session): State<Shared>) -> Response {
    let mut session = held(&session);
    session.finish();
    reply::json(StatusCode::OK, &session.standing())
}

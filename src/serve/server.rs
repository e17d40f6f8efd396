//! A server on 127.0.0.1 that lives as long as a command does: one thread, one request a connection.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener as Listener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::guard::{Guard, Refusal};
use super::limits::{Limits, MOST_BODY_BYTES, MOST_HEAD_BYTES};
use super::reply;
use super::token::Token;
use crate::problem::{Kind, Problem, Result};

/// How often it is asked whether to go on, and how long connections have to end then.
const GLANCE: Duration = Duration::from_millis(50);
const FAREWELL: Duration = Duration::from_secs(1);

/// Bound to its port, not yet serving.
pub struct Server {
    listener: TcpListener,
    port: u16,
    token: Token,
    limits: Limits,
}

impl Server {
    /// Takes `port` of 127.0.0.1; 0 stands for any that is free.
    ///
    /// # Errors
    /// The port is in use or not this user's to take.
    pub fn bind(port: u16, limits: Limits) -> Result<Self> {
        let failed = |error: std::io::Error| {
            let problem = Problem::new(Kind::Environment, format!("cannot listen on 127.0.0.1:{port}: {error}"));
            match error.kind() {
                ErrorKind::AddrInUse => problem.advice("another program has that port: choose another --port, or none"),
                ErrorKind::PermissionDenied => problem.advice("choose a --port of 1024 or above, or none"),
                _ => problem,
            }
            .because(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        Ok(Self { listener, port, token: Token::new()?, limits })
    }

    /// What a person opens; its part behind the "#" is the secret.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token.digits())
    }

    /// Serves `pages` until `ended` says so, which it is asked some twenty times a second.
    ///
    /// # Errors
    /// The system refuses what a server needs.
    pub fn run(self, pages: Router, ended: impl Fn() -> bool) -> Result<()> {
        let failed = |error: std::io::Error| {
            Problem::new(Kind::Environment, format!("cannot serve a page: {error}")).because(error)
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let limits = self.limits;
        let gate = Gate { guard: Arc::new(Guard::new(self.token, self.port)), limits };
        let pages = pages.layer(from_fn_with_state(gate, guarded));
        runtime.block_on(async {
            let listener = Listener::from_std(self.listener).map_err(failed)?;
            let seats = Arc::new(Semaphore::new(limits.connections));
            let accepting = tokio::spawn(accept(listener, pages, Arc::clone(&seats), limits));
            while !ended() {
                sleep(GLANCE).await;
            }
            accepting.abort();
            // The reply that told the page of the end is still on its way.
            let _ = timeout(FAREWELL, seats.acquire_many(limits.connections as u32)).await;
            Ok(())
        })
    }
}

async fn accept(listener: Listener, pages: Router, seats: Arc<Semaphore>, limits: Limits) {
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = pages.clone();
                tokio::spawn(async move {
                    // A caller that is too slow is left alone.
                    let _ = timeout(limits.connection, serve(stream, pages, limits)).await;
                    drop(seat);
                });
            }
            // No file descriptor is left, or the caller is gone: the next one may fare better.
            Err(error) => {
                tracing::warn!("a connection was not taken: {error}");
                sleep(GLANCE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, pages: Router, limits: Limits) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_buf_size(MOST_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(pages));
    if let Err(error) = connection.await {
        tracing::debug!("a connection ended: {error}");
    }
}

/// What stands before every page.
#[derive(Clone)]
struct Gate {
    guard: Arc<Guard>,
    limits: Limits,
}

async fn guarded(State(gate): State<Gate>, request: Request, next: Next) -> Response<Body> {
    let (head, body) = request.into_parts();
    let admitted = match gate.guard.admit(&head) {
        Ok(()) => whole(&head, body, gate.limits).await,
        Err(refusal) => Err(refusal),
    };
    reply::safe(match admitted {
        Ok(body) => next.run(Request::from_parts(head, body)).await,
        Err(refusal) => {
            tracing::debug!("refused {} {}: {}", head.method, head.uri.path(), refusal.said);
            reply::refusal(refusal)
        }
    })
}

/// The body, read to its end within its limits, so that no handler waits for anybody.
async fn whole(head: &Parts, body: Body, limits: Limits) -> std::result::Result<Body, Refusal> {
    let promised = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if promised.is_some_and(|length| length > MOST_BODY_BYTES as u64) {
        return Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, said: "a body of more than 4096 bytes" });
    }
    match timeout(limits.patience, to_bytes(body, MOST_BODY_BYTES)).await {
        Ok(Ok(bytes)) => Ok(Body::from(bytes)),
        Ok(Err(_)) => {
            let said = "a body that is cut short, badly put together or of more than 4096 bytes";
            Err(Refusal { status: StatusCode::BAD_REQUEST, said })
        }
        Err(_) => Err(Refusal { status: StatusCode::REQUEST_TIMEOUT, said: "a body that does not come to its end" }),
    }
}

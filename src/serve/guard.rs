//! Which requests reach a page: those of a browser that shows this very server, and of programs that know the token.
//!
//! A page of somebody else can make a browser send requests here. It cannot choose their `Host` (a name that is made to
//! point at 127.0.0.1 stands there: DNS rebinding), nor their `Origin` and `Sec-Fetch-Site`, nor does it know the
//! token. All of it is looked at, of every request, before anything else is.

use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};

use super::token::Token;

/// The header that carries the token: a page of another origin cannot set it without asking first, which is refused.
pub const TOKEN_HEADER: &str = "x-rimforge-token";

/// Below it everything needs the token; beside it lies what is the same for everybody.
const PRIVATE: &str = "/api/";

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Of the reply.
    pub status: StatusCode,
    /// For whoever looks into it.
    pub said: &'static str,
}

fn refuse(status: StatusCode, said: &'static str) -> Result<(), Refusal> {
    Err(Refusal { status, said })
}

/// Knows the one server that it stands before.
pub struct Guard {
    token: Token,
    hosts: [String; 2],
}

impl Guard {
    /// Of a server that listens on `port`.
    pub fn new(token: Token, port: u16) -> Self {
        Self { token, hosts: ["127.0.0.1", "localhost"].map(|name| format!("{name}:{port}")) }
    }

    /// Lets a request through by its head.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn admit(&self, head: &Parts) -> Result<(), Refusal> {
        if head.uri.scheme().is_some() || head.uri.authority().is_some() {
            return refuse(StatusCode::BAD_REQUEST, "this is no proxy");
        }
        if !one(&head.headers, HOST.as_str()).is_some_and(|host| self.hosts.iter().any(|own| own.as_bytes() == host)) {
            return refuse(StatusCode::FORBIDDEN, "the address names another host");
        }
        self.same_origin(head)?;
        if head.method == Method::POST && !is_json(&head.headers) {
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a body that is not application/json");
        }
        if head.uri.path().starts_with(PRIVATE)
            && !one(&head.headers, TOKEN_HEADER).is_some_and(|offered| self.token.is(offered))
        {
            return refuse(StatusCode::UNAUTHORIZED, "without the token of the printed address");
        }
        Ok(())
    }

    fn same_origin(&self, head: &Parts) -> Result<(), Refusal> {
        let effects = !matches!(head.method, Method::GET | Method::HEAD);
        let is_own = |origin: &[u8]| {
            let host = origin.strip_prefix(b"http://");
            host.is_some_and(|host| self.hosts.iter().any(|own| own.as_bytes() == host))
        };
        let origin = head.headers.contains_key(ORIGIN);
        if (origin || effects) && !one(&head.headers, ORIGIN.as_str()).is_some_and(is_own) {
            return refuse(StatusCode::FORBIDDEN, "from a page of another origin");
        }
        let site = head.headers.contains_key("sec-fetch-site");
        let known: [&[u8]; 2] = [b"same-origin", b"none"];
        if site && !one(&head.headers, "sec-fetch-site").is_some_and(|site| known.contains(&site)) {
            return refuse(StatusCode::FORBIDDEN, "from a page of another site");
        }
        Ok(())
    }
}

/// The value of a header that stands there once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then(|| first.as_bytes())
}

fn is_json(headers: &HeaderMap) -> bool {
    one(headers, CONTENT_TYPE.as_str()).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/json"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn said(guard: &Guard, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.admit(&request.body(()).unwrap().into_parts().0).map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn own_pages_and_the_token_open_it_and_nothing_less() {
        let token = Token::new().unwrap();
        let guard = Guard::new(token.clone(), 81);
        let host = ("host", "127.0.0.1:81");
        let key = (TOKEN_HEADER, token.digits());
        let own = ("origin", "http://127.0.0.1:81");
        let json = ("content-type", "application/json");
        assert_eq!(said(&guard, "GET", "/", &[host]), Ok(()));
        assert_eq!(said(&guard, "GET", "/", &[("host", "localhost:81"), ("sec-fetch-site", "none")]), Ok(()));
        assert_eq!(said(&guard, "GET", "/api/state", &[host, key]), Ok(()));
        assert_eq!(said(&guard, "POST", "/api/answer", &[host, key, own, json]), Ok(()));
        for (method, headers, status) in [
            ("GET", vec![key], 403),
            ("GET", vec![host, host, key], 403),
            ("GET", vec![("host", "127.0.0.1"), key], 403),
            ("GET", vec![("host", "127.0.0.1:81.evil.example"), key], 403),
            ("GET", vec![host, key, ("origin", "null")], 403),
            ("GET", vec![host, key, ("origin", "http://127.0.0.1:82")], 403),
            ("GET", vec![host, key, ("origin", "https://127.0.0.1:81")], 403),
            ("GET", vec![host, key, own, own], 403),
            ("GET", vec![host, key, ("sec-fetch-site", "same-site")], 403),
            ("GET", vec![host, key, ("sec-fetch-site", "cross-site")], 403),
            ("GET", vec![host], 401),
            ("GET", vec![host, key, key], 401),
            ("GET", vec![host, (TOKEN_HEADER, "")], 401),
            ("POST", vec![host, key, json], 403),
            ("POST", vec![host, key, own], 415),
            ("POST", vec![host, key, own, ("content-type", "text/plain")], 415),
            ("OPTIONS", vec![host, key], 403),
        ] {
            assert_eq!(said(&guard, method, "/api/state", &headers), Err(status), "{method} {headers:?}");
        }
        assert_eq!(said(&guard, "GET", "http://127.0.0.1:81/api/state", &[host, key]), Err(400));
    }
}

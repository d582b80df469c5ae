//! What the demo's API answers: the endpoints of a shop and of an LLM gateway.
//!
//! An answer depends on the request alone, its `X-Request-Id` included, so that the same requests give the same statuses and
//! delays on every run.

use super::answer::{Answer, Body};
use super::lcg::Lcg;
use super::message::Request;
use std::fmt;
use std::time::Duration;

/// A method and a path template, `/v2/orders/{id}` for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The path, with `{id}` in place of an identifier.
    pub path: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
}

impl Endpoint {
    /// The endpoint that a request with this method and this path, with or without a query, reaches.
    pub fn of(method: &str, target: &str) -> Option<Self> {
        route(method, target).map(|route| route.endpoint)
    }

    fn is_reached_by(self, method: &str, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        let same_path = match self.path.strip_suffix("{id}") {
            Some(prefix) => path.strip_prefix(prefix).is_some_and(|id| !id.is_empty() && !id.contains('/')),
            None => path == self.path,
        };
        same_path && method == self.method
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

struct Route {
    endpoint: Endpoint,
    answer: fn(&Request, &mut Lcg) -> Answer,
}

const fn on(method: &'static str, path: &'static str, answer: fn(&Request, &mut Lcg) -> Answer) -> Route {
    let endpoint = Endpoint { path, method };
    Route { endpoint, answer }
}

const ROUTES: [Route; 10] = [
    on("POST", "/v1/chat/completions", chat),
    on("POST", "/v1/messages", messages),
    on("POST", "/v1/embeddings", embeddings),
    on("GET", "/v2/orders", orders),
    on("GET", "/v2/orders/{id}", order),
    on("POST", "/v2/orders", new_order),
    on("GET", "/healthz", health),
    on("HEAD", "/healthz", health),
    on("POST", "/login", login),
    on("GET", "/internal/report", report),
];

fn route(method: &str, target: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.endpoint.is_reached_by(method, target))
}

pub(super) fn answer(request: &Request) -> Answer {
    let request_id = request.header("x-request-id");
    let mut lcg = Lcg::of(request_id.unwrap_or(&request.target));
    let answer = match route(&request.method, &request.target) {
        Some(route) => (route.answer)(request, &mut lcg),
        None => Answer::json(404, r#"{"error":"no such endpoint"}"#),
    };
    let answer = match request_id {
        Some(id) => answer.with("X-Request-Id", id),
        None => answer,
    };
    match request.is_last() {
        true => answer.with("Connection", "close"),
        false => answer,
    }
}

fn chat(_: &Request, lcg: &mut Lcg) -> Answer {
    let answer = match lcg.one_in(6) {
        true => too_many(lcg),
        false => streamed(lcg, "{\"choices\":[{\"delta\":{\"content\":\"word \"}}]}"),
    };
    let processing_ms = answer.wait.as_millis().to_string();
    rate_limited(answer, lcg).with("OpenAI-Version", "2020-10-01").with("OpenAI-Processing-Ms", processing_ms)
}

fn messages(_: &Request, lcg: &mut Lcg) -> Answer {
    let answer = streamed(lcg, "{\"type\":\"content_block_delta\",\"delta\":{\"text\":\"word \"}}");
    rate_limited(answer, lcg)
}

/// Last byte 150 to 600 ms after the request: 70 to 170 ms to the first token, then 8 to 16 events 10 to 25 ms apart.
fn streamed(lcg: &mut Lcg, event: &str) -> Answer {
    let first_ms = lcg.between(70, 170);
    let tokens = lcg.between(8, 16);
    let gap = Duration::from_millis(lcg.between(10, 26).into());
    let mut events = vec![format!("data: {event}\n\n"); tokens as usize];
    events.push("data: [DONE]\n\n".to_owned());
    Answer::new(200, "text/event-stream; charset=utf-8", Body::Streamed { events, gap })
        .after_ms(first_ms)
        .with("Cache-Control", "no-cache")
}

fn embeddings(_: &Request, lcg: &mut Lcg) -> Answer {
    if lcg.one_in(12) {
        let answer = too_many(lcg);
        return rate_limited(answer, lcg);
    }
    let vector = vec!["0.0123"; 96].join(",");
    let body = format!("{{\"data\":[{{\"embedding\":[{vector}]}}]}}");
    let answer = Answer::json(200, &body).after_ms(lcg.between(15, 45));
    rate_limited(answer, lcg)
}

fn too_many(lcg: &mut Lcg) -> Answer {
    Answer::json(429, r#"{"error":{"type":"rate_limit_exceeded"}}"#)
        .after_ms(lcg.between(1, 4))
        .with("Retry-After", lcg.between(1, 6).to_string())
}

fn rate_limited(answer: Answer, lcg: &mut Lcg) -> Answer {
    let remaining = match answer.status {
        429 => 0,
        _ => lcg.between(1, 600),
    };
    answer.with("X-RateLimit-Limit-Requests", "600").with("X-RateLimit-Remaining-Requests", remaining.to_string())
}

fn orders(_: &Request, lcg: &mut Lcg) -> Answer {
    let body = format!("{{\"orders\":[{}]}}", vec![ORDER; 20].join(","));
    shop(Answer::json(200, &body).after_ms(lcg.between(8, 22)))
}

fn order(_: &Request, lcg: &mut Lcg) -> Answer {
    let answer = match lcg.one_in(8) {
        true => Answer::json(404, r#"{"error":"no such order"}"#),
        false => Answer::json(200, ORDER),
    };
    shop(answer.after_ms(lcg.between(3, 12)))
}

fn new_order(_: &Request, lcg: &mut Lcg) -> Answer {
    let location = format!("/v2/orders/{}", lcg.between(1000, 9999));
    shop(Answer::json(201, ORDER).after_ms(lcg.between(12, 40)).with("Location", location))
}

const ORDER: &str = r#"{"id":1842,"state":"paid","items":[{"sku":"A-17","count":2}]}"#;

fn shop(answer: Answer) -> Answer {
    answer.with("X-Api-Version", "2026-04-01")
}

fn health(_: &Request, _: &mut Lcg) -> Answer {
    Answer::new(200, "text/plain", Body::Whole("ok\n".to_owned()))
}

fn login(_: &Request, lcg: &mut Lcg) -> Answer {
    let wait_ms = lcg.between(20, 60);
    let answer = match lcg.one_in(4) {
        true => Answer::json(401, r#"{"error":"wrong password"}"#).with("WWW-Authenticate", "Basic realm=\"shop\""),
        false => Answer::json(200, r#"{"user":"alice"}"#).with("Set-Cookie", format!("session={}; HttpOnly; SameSite=Lax", lcg.hex(32))),
    };
    answer.after_ms(wait_ms)
}

fn report(_: &Request, lcg: &mut Lcg) -> Answer {
    let wait_ms = lcg.between(180, 480);
    match lcg.one_in(4) {
        true => Answer::json(503, r#"{"error":"report is being built"}"#).after_ms(wait_ms).with("Retry-After", "30"),
        false => Answer::new(200, "text/csv; charset=utf-8", Body::Whole("day,orders,revenue\n".repeat(400))).after_ms(wait_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, answer};
    use crate::command::demo::answer::{Answer, Body};
    use crate::command::demo::message::Request;
    use std::collections::BTreeSet;

    fn ask(method: &str, target: &str, id: u32) -> Answer {
        let head = format!("{method} {target} HTTP/1.1\r\nX-Request-Id: req_{id}\r\n\r\n");
        answer(&Request::read(&mut head.as_bytes()).expect("a request"))
    }

    #[test]
    fn finds_the_endpoint_of_a_path() {
        let path = |method, target| Endpoint::of(method, target).map(|endpoint| endpoint.path);
        assert_eq!(path("GET", "/v2/orders/17?x=y"), Some("/v2/orders/{id}"));
        assert_eq!(path("GET", "/v2/orders?api_key=***"), Some("/v2/orders"));
        assert_eq!(path("GET", "/v2/orders/"), None);
        assert_eq!(path("GET", "/v2/orders/17/items"), None);
        assert_eq!(path("PUT", "/v2/orders"), None);
    }

    #[test]
    fn answers_the_same_request_alike() {
        let parts = |id| {
            let answer = ask("GET", "/internal/report", id);
            (answer.status, answer.wait)
        };
        assert_eq!(parts(3), parts(3));
    }

    #[test]
    fn gives_every_status_that_the_demo_promises() {
        let statuses = |method, target| -> BTreeSet<u16> { (0..200).map(|id| ask(method, target, id).status).collect() };
        assert_eq!(statuses("POST", "/v1/chat/completions"), [200, 429].into());
        assert_eq!(statuses("POST", "/v1/embeddings"), [200, 429].into());
        assert_eq!(statuses("GET", "/v2/orders/1"), [200, 404].into());
        assert_eq!(statuses("POST", "/v2/orders"), [201].into());
        assert_eq!(statuses("POST", "/login"), [200, 401].into());
        assert_eq!(statuses("GET", "/internal/report"), [200, 503].into());
        assert_eq!(statuses("GET", "/nothing"), [404].into());
    }

    #[test]
    fn streams_an_answer_in_150_to_600_ms() {
        for id in 0..200 {
            let answer = ask("POST", "/v1/messages", id);
            let Body::Streamed { events, gap } = &answer.body else {
                panic!("not streamed");
            };
            let last_byte_ms = (answer.wait + *gap * events.len() as u32).as_millis();
            assert!((150..=600).contains(&last_byte_ms), "{last_byte_ms}");
        }
    }
}

//! Who calls the demo's API, and with what: credentials of every kind, versions in headers, media types and paths.
//!
//! The secrets are made up. They are here so that the demo shows them redacted.

use super::lcg::Lcg;
use std::ops::Range;

/// Every secret that the clients send, so that a test can look for them in what ehl prints.
pub const SECRETS: [&str; 8] = [BEARER_KEY, VENDOR_KEY, BASIC, SESSION, SHOP_KEY, QUERY_KEY, JWT, LINK_TOKEN];

const BEARER_KEY: &str = "sk-demo-9vQ2mB7xLr4TzKp8WcYd";
const VENDOR_KEY: &str = "sk-demo-api03-Hn5sJw1eGf6UaXo0";
const BASIC: &str = "YWxpY2U6d29uZGVybGFuZA==";
const SESSION: &str = "3f8a1c77d05b4e929b61e0c4a7d2f585";
const SHOP_KEY: &str = "shop_live_51Mz0kQeRtYuIoPa";
const QUERY_KEY: &str = "qk_7d41b8f20c9e";
const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZXBvcnRzIn0.ZGVtby1zaWduYXR1cmU";
const LINK_TOKEN: &str = "lt_0b6fd2a94c";

/// One client: a program somewhere that calls the API again and again.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: &'static str,
    pub(super) user_agent: &'static str,
    pub(super) stack: Stack,
    pub(super) keep_alive: bool,
    /// Between an answer and the next call.
    pub(super) pause_ms: Range<u32>,
    pub(super) call: fn(&mut Lcg) -> Call,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stack {
    V4,
    /// IPv4 where there is no other.
    V6,
}

/// A request to send. `Host`, `User-Agent`, `Content-Length` and `Connection` are added by the client.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<&'static str>,
}

impl Call {
    fn new(method: &'static str, host: &'static str, target: impl Into<String>) -> Self {
        Self { method, host, target: target.into(), headers: Vec::new(), body: None }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn request_id(self, lcg: &mut Lcg) -> Self {
        self.with("X-Request-Id", format!("req_{}", lcg.hex(12)))
    }

    fn body(self, content_type: &str, body: &'static str) -> Self {
        Self { body: Some(body), ..self.with("Content-Type", content_type) }
    }
}

/// About 60 calls a second in all.
pub(super) const PROFILES: [Profile; 8] = [
    Profile { name: "assistant", user_agent: "OpenAI/Python 1.99.1", stack: Stack::V4, keep_alive: true, pause_ms: 20..80, call: chat },
    Profile { name: "agent", user_agent: "Anthropic/JS 0.60.0", stack: Stack::V6, keep_alive: true, pause_ms: 20..80, call: messages },
    Profile {
        name: "indexer",
        user_agent: "python-requests/2.32.3",
        stack: Stack::V4,
        keep_alive: true,
        pause_ms: 40..100,
        call: embeddings,
    },
    Profile {
        name: "storefront",
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        stack: Stack::V6,
        keep_alive: true,
        pause_ms: 35..75,
        call: browse,
    },
    Profile { name: "checkout", user_agent: "Go-http-client/1.1", stack: Stack::V4, keep_alive: true, pause_ms: 60..140, call: buy },
    Profile { name: "prober", user_agent: "kube-probe/1.34", stack: Stack::V4, keep_alive: false, pause_ms: 80..120, call: probe },
    Profile { name: "login", user_agent: "curl/8.14.1", stack: Stack::V4, keep_alive: false, pause_ms: 80..200, call: log_in },
    Profile { name: "dashboard", user_agent: "Grafana/12.1.0", stack: Stack::V6, keep_alive: true, pause_ms: 50..250, call: report },
];

const LLM: &str = "llm.example";
const SHOP: &str = "shop.example";
const OPS: &str = "ops.example";

fn chat(lcg: &mut Lcg) -> Call {
    Call::new("POST", LLM, "/v1/chat/completions")
        .with("Authorization", format!("Bearer {BEARER_KEY}"))
        .with("Accept", "text/event-stream")
        .request_id(lcg)
        .body("application/json", r#"{"model":"demo-large","stream":true,"messages":[{"role":"user","content":"Hello"}]}"#)
}

fn messages(lcg: &mut Lcg) -> Call {
    Call::new("POST", LLM, "/v1/messages")
        .with("X-Api-Key", VENDOR_KEY)
        .with("Anthropic-Version", "2023-06-01")
        .with("Accept", "text/event-stream")
        .request_id(lcg)
        .body("application/json", r#"{"model":"demo-small","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#)
}

fn embeddings(lcg: &mut Lcg) -> Call {
    Call::new("POST", LLM, "/v1/embeddings")
        .with("Authorization", format!("Bearer {BEARER_KEY}"))
        .with("Api-Version", "2026-02-15")
        .request_id(lcg)
        .body("application/json", r#"{"model":"demo-embed","input":"The quick brown fox jumps over the lazy dog"}"#)
}

fn browse(lcg: &mut Lcg) -> Call {
    let target = match lcg.one_in(4) {
        true => format!("/v2/orders?page={}&api_key={QUERY_KEY}", lcg.between(1, 9)),
        false => format!("/v2/orders/{}", lcg.between(1000, 9999)),
    };
    Call::new("GET", SHOP, target)
        .with("Cookie", format!("theme=dark; session={SESSION}"))
        .with("Accept", "application/vnd.shop.v2+json")
        .with("Accept-Language", "en-GB,en;q=0.7")
        .request_id(lcg)
}

fn buy(lcg: &mut Lcg) -> Call {
    Call::new("POST", SHOP, "/v2/orders")
        .with("X-Api-Key", SHOP_KEY)
        .with("Traceparent", format!("00-{}-{}-01", lcg.hex(32), lcg.hex(16)))
        .with("Idempotency-Key", lcg.hex(16))
        .request_id(lcg)
        .body("application/json; version=2", r#"{"items":[{"sku":"A-17","count":2}],"currency":"EUR"}"#)
}

fn probe(lcg: &mut Lcg) -> Call {
    let method = if lcg.one_in(2) { "HEAD" } else { "GET" };
    Call::new(method, OPS, "/healthz")
}

fn log_in(lcg: &mut Lcg) -> Call {
    Call::new("POST", SHOP, "/login")
        .with("Authorization", format!("Basic {BASIC}"))
        .request_id(lcg)
        .body("application/x-www-form-urlencoded", "remember=1")
}

fn report(lcg: &mut Lcg) -> Call {
    let month = lcg.between(1, 13);
    let target = format!("/internal/report?month=2026-{month:02}&token={LINK_TOKEN}");
    Call::new("GET", OPS, target).with("Authorization", format!("Bearer {JWT}")).with("Accept", "text/csv").request_id(lcg)
}

#[cfg(test)]
mod tests {
    use super::{Lcg, PROFILES, SECRETS};
    use crate::command::demo::endpoints::Endpoint;

    #[test]
    fn calls_known_endpoints_only() {
        for profile in PROFILES {
            let mut lcg = Lcg::new(1);
            for _ in 0..50 {
                let call = (profile.call)(&mut lcg);
                assert!(Endpoint::of(call.method, &call.target).is_some(), "{call:?}");
            }
        }
    }

    #[test]
    fn sends_every_secret_that_it_names() {
        let mut lcg = Lcg::new(1);
        let calls: String = (0..400).map(|i| format!("{:?}", (PROFILES[i % PROFILES.len()].call)(&mut lcg))).collect();
        for secret in SECRETS {
            assert!(calls.contains(secret), "{secret} is never sent");
        }
    }
}

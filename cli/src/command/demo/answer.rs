//! An answer of the demo's API: what to send, and at what pace.

use std::time::Duration;

/// What to send, and when.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    /// Before the head.
    pub(super) wait: Duration,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Whole(String),
    /// Server-sent events, a `gap` before each.
    Streamed {
        events: Vec<String>,
        gap: Duration,
    },
}

impl Answer {
    pub(super) fn new(status: u16, content_type: &str, body: Body) -> Self {
        Self { status, headers: vec![("Content-Type", content_type.to_owned())], wait: Duration::ZERO, body }
    }

    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::new(status, "application/json", Body::Whole(body.to_owned()))
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn after_ms(mut self, wait_ms: u32) -> Self {
        self.wait = Duration::from_millis(wait_ms.into());
        self
    }

    /// Status line and headers. The one that frames the body, and the empty line, are the sender's.
    pub(super) fn head(&self) -> String {
        let now = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        let mut head = format!("HTTP/1.1 {} {}\r\nServer: ehl-demo\r\nDate: {now}\r\n", self.status, reason(self.status),);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "",
    }
}

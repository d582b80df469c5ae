//! Exchanges with known times, sizes and headers, as a capture file: many at a time, each on its own connection.

use std::fmt::Write as _;

use tempfile::TempDir;

use crate::support::pcap::timed;
use crate::support::segment::{Conversation, Segment, Shape};

/// What is known of an exchange.
pub(crate) struct Exchange {
    pub(crate) method: &'static str,
    pub(crate) host: &'static str,
    pub(crate) template: &'static str,
    pub(crate) client: &'static str,
    pub(crate) api_version: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) auth: &'static str,
    pub(crate) tenant: &'static str,
    /// `None`: it was not answered.
    pub(crate) status: Option<u16>,
    /// It was not answered, and its connection did not end.
    pub(crate) is_open: bool,
    pub(crate) begin_ns: u64,
    response_ns: u64,
    last_ns: u64,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
}

impl Exchange {
    pub(crate) fn response_time_ms(&self) -> Option<f64> {
        self.status.map(|_| (self.response_ns - self.begin_ns) as f64 / 1e6)
    }

    pub(crate) fn duration_ms(&self) -> Option<f64> {
        self.status.map(|_| (self.last_ns - self.begin_ns) as f64 / 1e6)
    }

    /// Until when it is in flight. Of one that is not answered, nobody knows: it does not count.
    pub(crate) fn end_ns(&self) -> u64 {
        match (self.status, self.is_open) {
            (Some(_), _) => self.last_ns,
            (None, true) => u64::MAX,
            (None, false) => 0,
        }
    }
}

/// A capture file and what is in it.
pub(crate) struct Traffic {
    pub(crate) exchanges: Vec<Exchange>,
    _folder: TempDir,
    path: String,
    first_ns: u64,
    last_ns: u64,
}

const BEGAN_NS: u64 = 1_700_000_000_000_000_000;

/// Method, host, how the path begins and ends, template, share of the exchanges in per mille, typical time in microseconds.
type Endpoint = (&'static str, &'static str, [&'static str; 2], &'static str, u64, u64);
const ENDPOINTS: [Endpoint; 5] = [
    ("GET", "api.example", ["/v1/users/", ""], "/v1/users/{id}", 450, 4_000),
    ("POST", "api.example", ["/v1/users/", "/orders?id=7"], "/v1/users/{id}/orders", 200, 20_000),
    ("GET", "api.example", ["/reports/2026-11-", ""], "/reports/{date}", 150, 90_000),
    ("DELETE", "shop.example:8080", ["/carts/1b4e28ba-2fa1-11d2-883f-0016d3cca4", ""], "/carts/{uuid}", 150, 900),
    ("GET", "shop.example:8080", ["/", "?q=x"], "/", 50, 300),
];
const CLIENTS: [&str; 4] = ["192.0.2.1", "192.0.2.77", "2001:db8::5", "198.51.100.3"];
const VERSIONS: [&str; 3] = ["2024-06-01", "v2", "3.1"];
const MEDIA_TYPES: [&str; 2] = ["application/json", "text/event-stream"];
const CREDENTIALS: [(&str, &str); 3] =
    [("none", ""), ("bearer", "Authorization: Bearer abc.def.ghi\r\n"), ("basic", "Authorization: Basic dXNlcjpwYXNz\r\n")];
const TENANTS: [&str; 20] = [
    "acme", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "jetty", "knoll", "lagoon", "mesa", "north", "ocean",
    "prairie", "quarry", "ridge", "shore", "tundra",
];

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Around `typical`, sometimes much more, never less than a half.
    fn time_ns(&mut self, typical_us: u64) -> u64 {
        let tail = [1, 1, 1, 1, 1, 1, 2, 3, 8, 20];
        let spread = self.below(typical_us * 1000) * self.one_of(&tail);
        typical_us * 500 + spread
    }
}

impl Traffic {
    pub(crate) fn generate(count: usize) -> Self {
        let mut numbers = Numbers(42);
        let mut packets: Vec<(u64, Segment)> = Vec::new();
        let mut begin_ns = BEGAN_NS;
        let mut exchanges = Vec::new();
        for number in 0..count {
            // In waves, so that the number in flight varies.
            begin_ns += numbers.below(if number / 500 % 2 == 0 { 200_000 } else { 6_000_000 });
            exchanges.push(Exchange::generate(number, begin_ns, &mut numbers, &mut packets));
        }
        packets.sort_by_key(|(time_ns, _)| *time_ns);
        let [first_ns, last_ns] = [packets.first(), packets.last()].map(|packet| packet.map_or(0, |(time_ns, _)| *time_ns));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("traffic.pcap");
        let file = timed(1, u32::MAX, packets.iter().map(|(time_ns, segment)| (*time_ns, segment.frame(Shape::Plain))));
        std::fs::write(&path, file).expect("a file");
        Self { exchanges, path: path.to_str().expect("text").to_owned(), _folder: folder, first_ns, last_ns }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn seconds(&self) -> f64 {
        (self.last_ns - self.first_ns) as f64 / 1e9
    }
}

impl Exchange {
    fn generate(number: usize, begin_ns: u64, numbers: &mut Numbers, packets: &mut Vec<(u64, Segment)>) -> Self {
        let mut share = numbers.below(1000);
        let picked = ENDPOINTS.iter().find(|endpoint| {
            let is_it = share < endpoint.4;
            share = share.saturating_sub(endpoint.4);
            is_it
        });
        let (method, host, [before, after], template, _, typical_us) = *picked.expect("shares add up");
        let (client, api_version, media_type, tenant) =
            (numbers.one_of(&CLIENTS), numbers.one_of(&VERSIONS), numbers.one_of(&MEDIA_TYPES), numbers.one_of(&TENANTS));
        let (auth, credentials) = numbers.one_of(&CREDENTIALS);
        let variable = match template {
            "/" => String::new(),
            "/reports/{date}" => format!("{:02}", 1 + numbers.below(28)),
            "/carts/{uuid}" => format!("{:02x}", numbers.below(256)),
            _ => number.to_string(),
        };
        let status = match numbers.below(100) {
            0 | 1 => None,
            2..=5 => Some(503),
            6..=12 => Some(404),
            13..=20 => Some(201),
            _ => Some(200),
        };
        let is_open = status.is_none() && numbers.below(4) == 0;
        let response_ns = begin_ns + numbers.time_ns(typical_us);
        let last_ns = response_ns + numbers.below(5_000_000);

        let mut request = format!("{method} {before}{variable}{after} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {client}\r\n");
        write!(request, "API-Version: {api_version}\r\nX-Tenant: {tenant}\r\n{credentials}\r\n").expect("text");
        let body = "b".repeat(100 + numbers.below(900) as usize);
        let head = format!(
            "HTTP/1.1 {} Reason\r\nContent-Type: {media_type}; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            status.unwrap_or(0),
            body.len()
        );

        let mut talk = Conversation::new(u16::try_from(10_000 + number).expect("a port for each"));
        packets.extend(talk.open().map(|segment| (begin_ns, segment)));
        packets.push((begin_ns, talk.request(&request)));
        if status.is_some() {
            packets.push((response_ns, talk.response(format!("{head}{}", &body[..50]))));
            packets.push((last_ns, talk.response(&body[50..])));
        }
        if !is_open {
            packets.extend(talk.close().map(|segment| (last_ns, segment)));
        }
        let response_bytes = if status.is_some() { head.len() + body.len() } else { 0 };
        let (request_bytes, response_bytes) = (request.len() as u64, response_bytes as u64);
        Self {
            method,
            host,
            template,
            client,
            api_version,
            media_type,
            auth,
            tenant,
            status,
            is_open,
            begin_ns,
            response_ns,
            last_ns,
            request_bytes,
            response_bytes,
        }
    }
}

//! API runtime statistics of a group of exchanges: volume, errors, times, bytes. Sums and histograms, so that those of several runs can
//! be added.

use super::histogram::Histogram;
use super::llm::Llm;
use crate::http::exchange::{Exchange, Flags};
use crate::http::head::Head;

/// What is known of a group's exchanges.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Exchanges, whole or half.
    pub requests: u64,
    /// Those with a status of 400 to 499.
    pub errors_4xx: u64,
    /// Those with a status of 500 to 599.
    pub errors_5xx: u64,
    /// Requests whose connection or stream ended without a response.
    pub no_answer: u64,
    /// Those that were not over when the run ended.
    pub open: u64,
    /// Calls of gRPC that failed, whatever their HTTP status.
    pub errors_grpc: u64,
    /// First byte of the request to first byte of the final response.
    pub response_time: Histogram,
    /// First byte of the request to last byte of the response.
    pub duration: Histogram,
    /// Heads and bodies of requests, in bytes.
    pub request_bytes: u64,
    /// Heads and bodies of responses, in bytes.
    pub response_bytes: u64,
    /// The most requests of the group in flight at a time.
    pub in_flight_max: u32,
    /// Beginning of the first and of the last one, in nanoseconds since 1970.
    pub seen_ns: Option<(u64, u64)>,
    /// What gateways of large language models said, if that is wanted.
    pub llm: Option<Box<Llm>>,
}

impl Stats {
    /// Counts an exchange.
    pub fn add(&mut self, exchange: &Exchange) {
        let Exchange { request, response, request_bytes, response_bytes, flags, .. } = exchange;
        self.requests += 1;
        match response.as_ref().and_then(|head| head.status) {
            Some(400..=499) => self.errors_4xx += 1,
            Some(500..=599) => self.errors_5xx += 1,
            _ => {}
        }
        let is_open = flags.has(Flags::OPEN);
        self.open += u64::from(is_open);
        // Where bytes are missing, the answer may have been among them.
        let is_unanswered = request.is_some() && response.is_none() && exchange.response_first_ns.is_none();
        self.no_answer += u64::from(is_unanswered && !is_open && !flags.has(Flags::GAP));
        self.errors_grpc += u64::from(response.as_ref().and_then(Head::grpc_status).is_some_and(|status| status != 0));
        if let Some(ns) = exchange.response_time_ns() {
            self.response_time.record(ns);
        }
        if let Some(ns) = exchange.duration_ns() {
            self.duration.record(ns);
        }
        self.request_bytes += request_bytes.unwrap_or(0);
        self.response_bytes += response_bytes.unwrap_or(0);
        if let Some(gateway) = exchange.gateway() {
            self.llm.get_or_insert_default().add(exchange, &gateway);
        }
        let time_ns = exchange.time_ns();
        let (first_ns, last_ns) = self.seen_ns.unwrap_or((time_ns, time_ns));
        self.seen_ns = Some((first_ns.min(time_ns), last_ns.max(time_ns)));
    }

    /// 4xx, 5xx and no answer: failures as a user of the API counts them.
    pub fn errors(&self) -> u64 {
        self.errors_4xx + self.errors_5xx + self.no_answer
    }

    /// The same as a share of all requests; `None` when there were none.
    pub fn error_rate(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors() as f64 / self.requests as f64)
    }
}

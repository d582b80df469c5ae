//! What gateways of large language models say of themselves in the fields of a head: whose API it is, how much of a quota is left, when to
//! come again, and how long they claim to have worked. Bodies are not looked at.
//!
//! Whoever sends these fields may write anything: what is not understood counts as not said.

mod claimed;
mod delay;
mod provider;
mod quota;
mod quota_list;

use claimed::Claimed;
use delay::Delay;
pub use provider::Provider;
use provider::{Evidence, Place};
pub use quota::Quota;
use quota::Quotas;

use super::exchange::Exchange;
use super::head::{Direction, Head};
use super::sent::{Field, Line, Sent};

/// What one head says. Times may depend on when it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement {
    evidence: Evidence,
    quotas: Quotas,
    retry_after: Option<Delay>,
    claimed: Option<Claimed>,
}

impl Statement {
    /// Reads all fields of a head.
    pub(super) fn new(sent: &Sent<'_>) -> Self {
        let direction = sent.line.direction();
        let mut statement = Self::default();
        for field in sent.fields {
            statement.evidence.observe(field, direction);
            if direction == Direction::Response {
                statement.observe_response(field);
            }
        }
        if let Line::Request { target, authority, .. } = sent.line {
            let host = sent.fields.iter().find(|field| field.is("host")).map(|field| field.value);
            statement.evidence.observe_place(Place::of(authority.or(host).unwrap_or_default(), target.unwrap_or_default()));
        }
        statement.quotas.observe_lists(sent.fields);
        statement
    }

    fn observe_response(&mut self, field: &Field<'_>) {
        self.quotas.observe(field);
        self.claimed = claimed::better(self.claimed, field);
        // RFC 9110 section 10.2.3. OpenAI and Azure say it in milliseconds too, which is finer.
        if field.is("retry-after") {
            self.retry_after = self.retry_after.or_else(|| Delay::parse(field.value));
        } else if field.is("retry-after-ms") {
            self.retry_after = Delay::of_millis(field.value).or(self.retry_after);
        }
    }
}

/// What an exchange says of the gateway that answered it. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Whose API it is, by the fields of both heads; `None` when they do not tell.
    pub provider: Option<Provider>,
    /// Whether the response is a stream of events, by its media type; `None` when that was not seen.
    pub is_streamed: Option<bool>,
    /// Of requests.
    pub requests: Quota<u64>,
    /// Of tokens.
    pub tokens: Quota<u64>,
    /// How long to wait, from the first byte of the response on.
    pub retry_after_ns: Option<u64>,
    /// How long the server says that it took, and the name of the field that says so.
    pub claimed: Option<(u64, &'static str)>,
    /// What of the response time is not claimed; 0 when more is claimed than was seen.
    pub unclaimed_ns: Option<u64>,
}

impl Exchange {
    /// What both heads say of the gateway; `None` when it was not wanted, or neither head was seen.
    pub fn gateway(&self) -> Option<Gateway> {
        let [request, response] = [&self.request, &self.response].map(Option::as_ref);
        let [asked, answered] = [request, response].map(|head| head.and_then(Head::llm));
        if asked.is_none() && answered.is_none() {
            return None;
        }
        let provider =
            provider::of(asked.map(|said| &said.evidence), answered.map(|said| &said.evidence), response.is_none_or(Head::is_whole));
        let is_streamed = response.and_then(is_streamed);
        let Some(Statement { quotas, retry_after, claimed, .. }) = answered else {
            return Some(Gateway { provider, is_streamed, ..Gateway::default() });
        };
        let sent_ns = self.response_first_ns.unwrap_or(0);
        let since = |delay: Delay| delay.since(sent_ns);
        let claimed = claimed.map(Claimed::get);
        Some(Gateway {
            provider,
            is_streamed,
            requests: quotas.requests().map(since),
            tokens: quotas.tokens().map(since),
            retry_after_ns: retry_after.map(since),
            claimed,
            unclaimed_ns: self.response_time_ns().zip(claimed).map(|(ns, (claimed_ns, _))| ns.saturating_sub(claimed_ns)),
        })
    }
}

/// Media types whose messages are sent as they come to be: server-sent events (HTML Living Standard, section 9.2), lines of JSON, JSON
/// texts (RFC 7464), and the messages of AWS.
const STREAMS: [&str; 6] = [
    "text/event-stream",
    "application/x-ndjson",
    "application/ndjson",
    "application/json-seq",
    "application/stream+json",
    "application/vnd.amazon.eventstream",
];

fn is_streamed(response: &Head) -> Option<bool> {
    match response.media_type() {
        Some(media_type) => Some(STREAMS.iter().any(|stream| media_type.eq_ignore_ascii_case(stream.as_bytes()))),
        None => response.is_whole().then_some(false),
    }
}

#[cfg(test)]
mod tests;

//! What gateways of large language models said, and how their streams went, over a group of exchanges. Counts, extremes and histograms, so
//! that those of several runs can be put together.

use super::histogram::Histogram;
use crate::http::exchange::Exchange;
use crate::http::llm::{Gateway, Provider};

/// What is known of a group's exchanges. Times are nanoseconds.
#[derive(Clone, Debug, Default)]
pub struct Llm {
    /// Whose API it was.
    pub provider: Option<OneOrMixed>,
    /// Responses that were streams of events.
    pub streamed: u64,
    /// Of those: first byte of the request to first byte of the response.
    pub stream_first_byte: Times,
    /// To its last byte, where it was seen.
    pub stream_last_byte: Times,
    /// The fewest requests that were left.
    pub remaining_requests_min: Option<u64>,
    /// The fewest tokens that were left.
    pub remaining_tokens_min: Option<u64>,
    /// The longest time until a quota was to be whole again.
    pub reset_max_ns: Option<u64>,
    /// Responses 429.
    pub rate_limited: u64,
    /// The longest time that a client was told to wait.
    pub retry_after_max_ns: Option<u64>,
    /// How long servers said that they worked.
    pub claimed: Times,
    /// What of the response time was not claimed, where something was.
    pub unclaimed: Times,
}

/// All exchanges that told it have the same, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneOrMixed {
    /// This one.
    One(Provider),
    /// Several.
    Mixed,
}

/// A histogram that takes memory only when there is something to record: most groups have few of them.
#[derive(Clone, Debug, Default)]
pub struct Times(Option<Box<Histogram>>);

impl Llm {
    /// Counts an exchange, and what it says.
    pub fn add(&mut self, exchange: &Exchange, gateway: &Gateway) {
        let Gateway { provider, is_streamed, requests, tokens, retry_after_ns, claimed, unclaimed_ns } = *gateway;
        self.provider = OneOrMixed::of(self.provider, provider.map(OneOrMixed::One));
        if is_streamed == Some(true) {
            self.streamed += 1;
            self.stream_first_byte.record(exchange.response_time_ns());
            self.stream_last_byte.record(exchange.duration_ns());
        }
        self.remaining_requests_min = least(self.remaining_requests_min, requests.remaining);
        self.remaining_tokens_min = least(self.remaining_tokens_min, tokens.remaining);
        self.reset_max_ns = self.reset_max_ns.max(requests.reset).max(tokens.reset);
        self.rate_limited += u64::from(exchange.response.as_ref().and_then(|head| head.status) == Some(429));
        self.retry_after_max_ns = self.retry_after_max_ns.max(retry_after_ns);
        self.claimed.record(claimed.map(|(ns, _)| ns));
        self.unclaimed.record(unclaimed_ns);
    }
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    [one, other].into_iter().flatten().min()
}

impl OneOrMixed {
    fn of(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if one != other => Some(Self::Mixed),
            _ => one.or(other),
        }
    }

    /// As in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::One(provider) => provider.as_str(),
            Self::Mixed => "mixed",
        }
    }
}

impl Times {
    fn record(&mut self, ns: Option<u64>) {
        if let Some(ns) = ns {
            self.0.get_or_insert_default().record(ns);
        }
    }

    /// The histogram; `None` when there is nothing in it.
    pub fn get(&self) -> Option<&Histogram> {
        self.0.as_deref()
    }

    /// As [`Histogram::quantile`].
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        self.get()?.quantile(quantile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::Flags;
    use crate::http::llm::Quota;
    use crate::stream::{Endpoint, Origin};

    const MILLI_NS: u64 = 1_000_000;

    /// Of a first byte after 20 ms, and a last one after `last_ms`.
    fn exchange(last_ms: Option<u64>) -> Exchange {
        Exchange {
            client: Endpoint::UNKNOWN,
            proxied: None,
            server: Endpoint::UNKNOWN,
            origin: Origin::Unknown,
            request: None,
            response: None,
            request_first_ns: Some(0),
            response_first_ns: Some(20 * MILLI_NS),
            response_last_ns: last_ms.map(|ms| ms * MILLI_NS),
            request_bytes: None,
            response_bytes: None,
            stream_id: None,
            flags: Flags::default(),
        }
    }

    #[test]
    fn only_streams_count_as_such() {
        let mut llm = Llm::default();
        for (is_streamed, last_ms) in [(Some(true), Some(900)), (Some(true), None), (Some(false), Some(5000)), (None, Some(7000))] {
            llm.add(&exchange(last_ms), &Gateway { is_streamed, ..Gateway::default() });
        }
        let counts = [&llm.stream_first_byte, &llm.stream_last_byte, &llm.claimed].map(|times| times.get().map_or(0, Histogram::len));
        assert_eq!((llm.streamed, counts), (2, [2, 1, 0]));
        assert_eq!(llm.stream_last_byte.quantile(0.99), Some(900 * MILLI_NS));
    }

    #[test]
    fn what_is_not_said_changes_nothing() {
        let mut llm = Llm::default();
        let quota = |remaining, reset| Quota { limit: None, remaining, reset };
        for (requests, tokens) in [(Some(7), Some(70)), (Some(3), None), (None, Some(90))] {
            let (requests, tokens) = (quota(requests, requests), quota(tokens, tokens));
            llm.add(&exchange(None), &Gateway { requests, tokens, retry_after_ns: tokens.remaining, ..Gateway::default() });
        }
        assert_eq!((llm.remaining_requests_min, llm.remaining_tokens_min), (Some(3), Some(70)));
        assert_eq!((llm.reset_max_ns, llm.retry_after_max_ns, llm.rate_limited), (Some(90), Some(90), 0));
    }

    #[test]
    fn several_providers_are_mixed() {
        let name = |providers: &[Option<Provider>]| {
            let mut llm = Llm::default();
            providers.iter().for_each(|provider| llm.add(&exchange(None), &Gateway { provider: *provider, ..Gateway::default() }));
            llm.provider.map(OneOrMixed::as_str)
        };
        let (anthropic, groq) = (Some(Provider::Anthropic), Some(Provider::Groq));
        assert_eq!(name(&[None, None]), None);
        assert_eq!(name(&[None, groq, None, groq]), Some("groq"));
        assert_eq!(name(&[groq, anthropic, groq]), Some("mixed"));
    }
}

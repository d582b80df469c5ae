//! How long a server says that it worked.

use super::delay::decimal;
use crate::http::sent::Field;

/// A time in nanoseconds, and the place of the field that says it in [`FIELDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    ns: u64,
    place: usize,
}

/// Fields in milliseconds. Those of the one who made the answer count before those of who passed it on:
/// - `openai-processing-ms` (OpenAI, "Debugging requests");
/// - `x-amzn-bedrock-invocation-latency` (Amazon Bedrock, logged beside the token counts);
/// - `x-metrics-e2e-ms` (xAI);
/// - `x-litellm-response-duration-ms` (LiteLLM, "Response Headers");
/// - `x-envoy-upstream-service-time` (Envoy, "HTTP header manipulation"; Anthropic, Azure, Mistral and Cohere send it);
/// - `x-kong-upstream-latency` (Kong);
/// - `server-timing` (W3C Server Timing): the longest `dur`.
const FIELDS: [&str; 7] = [
    "openai-processing-ms",
    "x-amzn-bedrock-invocation-latency",
    "x-metrics-e2e-ms",
    "x-litellm-response-duration-ms",
    "x-envoy-upstream-service-time",
    "x-kong-upstream-latency",
    SERVER_TIMING,
];
const SERVER_TIMING: &str = "server-timing";

const MILLI_NS: u64 = 1_000_000;
/// Nobody waits longer.
const LONGEST_NS: u64 = 24 * 3600 * 1_000_000_000;

impl Claimed {
    /// The time, and the name of the field.
    pub(super) fn get(self) -> (u64, &'static str) {
        (self.ns, FIELDS[self.place])
    }
}

/// The better statement of one that is known and what `field` says; of equal ones the first.
pub(super) fn better(known: Option<Claimed>, field: &Field<'_>) -> Option<Claimed> {
    let Some(place) = FIELDS.iter().position(|name| field.is(name)) else { return known };
    if known.is_some_and(|known| known.place <= place) {
        return known;
    }
    let ns = if FIELDS[place] == SERVER_TIMING { longest(field.value) } else { decimal(field.value, MILLI_NS) };
    ns.filter(|ns| *ns <= LONGEST_NS).map(|ns| Claimed { ns, place }).or(known)
}

/// Metrics have names and parameters: `gfet4t7; dur=598, db;desc="a";dur=53.2`.
fn longest(value: &[u8]) -> Option<u64> {
    let parameters = value.split(|byte| matches!(byte, b',' | b';')).map(<[u8]>::trim_ascii);
    let durations = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"dur=").then(|| decimal(value, MILLI_NS))?
    });
    durations.max()
}

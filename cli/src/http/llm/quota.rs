//! Quotas: how many requests or tokens are allowed, how many are left, and when all of them are there again.

use super::delay::Delay;
use super::quota_list;
use crate::http::sent::Field;

/// What is said of a quota; `T` is how long until it is whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota<T> {
    /// How many in all.
    pub limit: Option<u64>,
    /// How many are left.
    pub remaining: Option<u64>,
    /// Until it is whole again.
    pub reset: Option<T>,
}

impl<T> Default for Quota<T> {
    fn default() -> Self {
        Self { limit: None, remaining: None, reset: None }
    }
}

impl<T: Copy> Quota<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Quota<U> {
        Quota { limit: self.limit, remaining: self.remaining, reset: self.reset.map(map) }
    }
}

/// Names of the fields for limit, remaining and reset.
type Family = [&'static str; 3];

/// Of requests. Of several families in one head the first counts, so that what is said belongs together: that of a model's provider, the
/// shorter window first, before those that any server may have.
const REQUESTS: [Family; 9] = [
    // Anthropic, "Rate limits", Response headers.
    ["anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"],
    // OpenAI, "Rate limits in headers"; Azure, Groq, xAI and LiteLLM have the same.
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    // Mistral.
    ["x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute", "x-ratelimit-reset-req-minute"],
    // Cerebras, "Rate limits".
    ["x-ratelimit-limit-requests-minute", "x-ratelimit-remaining-requests-minute", "x-ratelimit-reset-requests-minute"],
    ["x-ratelimit-limit-requests-day", "x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"],
    // Cohere, of trial keys: without reset.
    ["x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining", ""],
    // Together, OpenRouter, and most gateways.
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
    ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"],
    // draft-ietf-httpapi-ratelimit-headers, up to -06.
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
];

/// Of tokens, likewise.
const TOKENS: [Family; 9] = [
    // Anthropic says the tighter one of input and output in the first.
    ["anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    ["anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
    ["anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    // Mistral, Cerebras.
    ["x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"],
    // Mistral, before.
    ["ratelimitbysize-limit", "ratelimitbysize-remaining", "ratelimitbysize-reset"],
    ["x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute", "x-ratelimitbysize-reset-minute"],
    // Together.
    ["x-tokenlimit-limit", "x-tokenlimit-remaining", "x-tokenlimit-reset"],
    // Fireworks.
    ["x-ratelimit-limit-tokens-prompt", "x-ratelimit-remaining-tokens-prompt", "x-ratelimit-reset-tokens-prompt"],
];

/// The quotas of a head.
#[derive(Clone, Debug, Default)]
pub(super) struct Quotas {
    requests: Best,
    tokens: Best,
}

/// The quota of the first family that says something.
#[derive(Clone, Debug, Default)]
struct Best {
    family: Option<usize>,
    quota: Quota<Delay>,
}

impl Quotas {
    pub(super) fn observe(&mut self, field: &Field<'_>) {
        self.requests.observe(field, &REQUESTS);
        self.tokens.observe(field, &TOKENS);
    }

    /// Takes `RateLimit` and `RateLimit-Policy` into account, where nothing else was said of requests.
    pub(super) fn observe_lists(&mut self, fields: &[Field<'_>]) {
        if self.requests.family.is_none() {
            self.requests.quota = quota_list::quota(fields).unwrap_or_default();
        }
    }

    pub(super) fn requests(&self) -> Quota<Delay> {
        self.requests.quota
    }

    pub(super) fn tokens(&self) -> Quota<Delay> {
        self.tokens.quota
    }
}

impl Best {
    fn observe(&mut self, field: &Field<'_>, families: &[Family]) {
        let earlier = &families[..self.family.map_or(families.len(), |family| family + 1)];
        let found = earlier.iter().enumerate().find_map(|(at, names)| Some((at, names.iter().position(|name| field.is(name))?)));
        let Some((family, what)) = found else { return };
        let (count, delay) = if what == 2 { (None, Delay::parse(field.value)) } else { (count(field.value), None) };
        if count.is_none() && delay.is_none() {
            return;
        }
        if self.family != Some(family) {
            *self = Self { family: Some(family), quota: Quota::default() };
        }
        let Quota { limit, remaining, reset } = &mut self.quota;
        match what {
            0 => *limit = limit.or(count),
            1 => *remaining = remaining.or(count),
            _ => *reset = reset.or(delay),
        }
    }
}

/// A whole number; in drafts of the IETF, the windows of the policy may follow: `100, 100;w=60`.
pub(super) fn count(value: &[u8]) -> Option<u64> {
    let number = value.split(|byte| matches!(byte, b',' | b';')).next()?.trim_ascii();
    let digits = std::str::from_utf8(number).ok().filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

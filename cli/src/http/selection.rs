//! Which exchanges are kept: those that match every criterion given. What is unknown matches nothing.

use std::ops::RangeInclusive;

use super::exchange::Exchange;
use crate::stream::watched::Filter;

/// Criteria; an empty list, or `None`, is none.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Methods, compared without regard to case.
    pub methods: Vec<String>,
    /// Patterns for the path without its query; `*` stands for any text.
    pub paths: Vec<String>,
    /// Patterns for the host with or without its port, compared without regard to case.
    pub hosts: Vec<String>,
    /// Status codes.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// Response time in nanoseconds that must be exceeded.
    pub slower_than_ns: Option<u64>,
    /// Ports and networks of either end, where no source looked at them before.
    pub ends: Option<Filter>,
}

impl Selection {
    /// Whether the exchange is kept.
    pub fn keeps(&self, exchange: &Exchange) -> bool {
        let request = exchange.request.as_ref();
        let status = exchange.response.as_ref().and_then(|head| head.status);
        any(&self.methods, request.and_then(|head| head.method()), |method, wanted| method.eq_ignore_ascii_case(wanted.as_bytes()))
            && any(&self.paths, request.and_then(|head| head.path()), |path, pattern| matches(pattern.as_bytes(), without_query(path)))
            && any(&self.hosts, request.and_then(|head| head.host()), |host, pattern| {
                let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
                matches(pattern.as_bytes(), &host) || matches(pattern.as_bytes(), without_port(&host))
            })
            && any(&self.statuses, status, |status, range| range.contains(&status))
            && self.ends.as_ref().is_none_or(|ends| exchange.client.is_known() && ends.watches([exchange.client, exchange.server]))
            && self.slower_than_ns.is_none_or(|limit| exchange.response_time_ns().is_some_and(|time| time > limit))
    }
}

impl Selection {
    /// Whether it cannot be told if the exchange is between ends that are kept.
    pub fn lacks_ends_of(&self, exchange: &Exchange) -> bool {
        self.ends.is_some() && !exchange.client.is_known()
    }
}

fn any<T: Copy, W>(wanted: &[W], value: Option<T>, fits: impl Fn(T, &W) -> bool) -> bool {
    wanted.is_empty() || value.is_some_and(|value| wanted.iter().any(|wanted| fits(value, wanted)))
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'?').next().unwrap_or(path)
}

/// RFC 3986 section 3.2.3: what follows the last colon, if that is digits.
fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if host[colon + 1..].iter().all(u8::is_ascii_digit) => &host[..colon],
        _ => host,
    }
}

/// Whether `text` fits `pattern` as a whole. Linear in their product at worst: only the last `*` is ever gone back to.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_port_off_a_host() {
        for (host, bare) in [("a:80", "a"), ("a", "a"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a:", "a")] {
            assert_eq!(without_port(host.as_bytes()), bare.as_bytes(), "{host}");
        }
    }

    #[test]
    fn matches_patterns_as_a_whole() {
        for (pattern, text, fits) in [
            ("/v1/chat", "/v1/chat", true),
            ("/v1/chat", "/v1/chat/completions", false),
            ("/v1/*", "/v1/chat/completions", true),
            ("*completions", "/v1/chat/completions", true),
            ("/*/chat*", "/v1/v2/chat", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }
}

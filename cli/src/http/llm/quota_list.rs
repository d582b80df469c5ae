//! `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: from -08 on lists of items with parameters
//! (`"default";r=50;t=30`, and `"default";q=100;w=60`), in -07 a dictionary (`limit=100, remaining=50, reset=30`).

use super::delay::Delay;
use super::quota::{Quota, count};
use crate::http::sent::Field;

/// The quota of requests of which the least is left.
pub(super) fn quota(fields: &[Field<'_>]) -> Option<Quota<Delay>> {
    let value = |name: &str| fields.iter().find(|field| field.is(name)).map(|field| field.value);
    let limits = value("ratelimit")?;
    if let Some(quota) = dictionary(limits) {
        return Some(quota);
    }
    let policies = || items(value("ratelimit-policy").unwrap_or_default());
    let quotas = items(limits).filter_map(|item| {
        let policy = policies().find(|policy| policy.name == item.name);
        let unit = policy.and_then(|policy| policy.parameter(b"qu")).unwrap_or(b"\"requests\"");
        let limit = policy.and_then(|policy| count(policy.parameter(b"q")?));
        let remaining = count(item.parameter(b"r")?)?;
        let reset = item.parameter(b"t").and_then(Delay::parse);
        (unit == b"\"requests\"").then_some(Quota { limit, remaining: Some(remaining), reset })
    });
    quotas.min_by_key(|quota| quota.remaining)
}

fn dictionary(value: &[u8]) -> Option<Quota<Delay>> {
    let member = |name: &[u8]| value.split(|byte| *byte == b',').find_map(|member| member.trim_ascii().strip_prefix(name));
    let remaining = count(member(b"remaining=")?)?;
    let reset = member(b"reset=").and_then(Delay::parse);
    Some(Quota { limit: member(b"limit=").and_then(count), remaining: Some(remaining), reset })
}

/// An item of a list (RFC 9651 section 3.1). Names with commas or semicolons in them are not told from two.
#[derive(Clone, Copy)]
struct Item<'a> {
    name: &'a [u8],
    parameters: &'a [u8],
}

fn items(value: &[u8]) -> impl Iterator<Item = Item<'_>> {
    value.split(|byte| *byte == b',').map(|item| {
        let name_len = memchr::memchr(b';', item).unwrap_or(item.len());
        Item { name: item[..name_len].trim_ascii(), parameters: &item[name_len..] }
    })
}

impl<'a> Item<'a> {
    fn parameter(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut parameters = self.parameters.split(|byte| *byte == b';');
        parameters.find_map(|parameter| parameter.trim_ascii().strip_prefix(name)?.strip_prefix(b"="))
    }
}

//! Fields that carry an id of the request, as servers and gateways use them.

use super::head::Direction;
use super::sent::Field;

/// Of several the earliest counts.
const NAMES: [&str; 14] = [
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "x-ms-request-id",
    "apim-request-id",
    "mistral-correlation-id",
    "x-ds-trace-id",
    "nvcf-reqid",
    "x-debug-trace-id",
    "x-litellm-call-id",
    "x-kong-request-id",
    "cf-ray",
];
/// So many of them in requests. Others there are added by proxies, and would hide what the server says.
const IN_REQUESTS: usize = 7;

/// The rank of a field that carries an id, if it is better than the `known` one.
pub(super) fn rank(field: &Field<'_>, direction: Direction, known: Option<usize>) -> Option<usize> {
    let names = if direction == Direction::Request { IN_REQUESTS } else { NAMES.len() };
    NAMES[..known.unwrap_or(names)].iter().position(|name| field.is(name))
}

//! Which ids and digests a field or a parameter may show although they look random.

use super::folded_name::FoldedName;
use super::random::Allowed;

/// What the values of a header field may show.
pub(super) fn field(name: &[u8]) -> Allowed {
    let Some(folded) = FoldedName::of(name) else {
        return Allowed::Ids;
    };
    let letters = folded.letters();
    if OPAQUE_FIELDS.contains(&letters) || letters.starts_with(b"xamzchecksum") {
        Allowed::Opaque
    } else if holds_request_id(letters) || ACCOUNT_FIELDS.contains(&letters) {
        Allowed::RequestIds
    } else if LONG_HEX_LAST_WORDS.contains(&folded.last_word()) {
        Allowed::LongHex
    } else {
        Allowed::Ids
    }
}

/// What the value of a parameter may show. A parameter that is only called `id` may hold anybody's key.
pub(super) fn parameter(name: &[u8]) -> Allowed {
    let Some(folded) = FoldedName::of(name) else {
        return Allowed::Ids;
    };
    match folded.letters() {
        b"boundary" => Allowed::Opaque,
        letters if holds_request_id(letters) => Allowed::RequestIds,
        _ => Allowed::Ids,
    }
}

fn holds_request_id(letters: &[u8]) -> bool {
    REQUEST_ID_STEMS.iter().any(|stem| letters.windows(stem.len()).any(|window| window == *stem))
}

/// Made to tell one request or one delivery from another, and read by people who look for it.
const REQUEST_ID_STEMS: &[&[u8]] = &[
    b"requestid",
    b"correlationid",
    b"traceid",
    b"traceparent",
    b"tracestate",
    b"tracecontext",
    b"spanid",
    b"xb3",
    b"sentrytrace",
    b"cfray",
    b"idempotencykey",
    b"transactionid",
    b"invocationid",
    b"operationid",
    b"activityid",
];

/// An account's name with its provider, not a key to it.
const ACCOUNT_FIELDS: &[&[u8]] = &[b"openaiorganization", b"openaiproject", b"anthropicorganizationid"];

/// Validators and checksums of content, and request ids that are long base64.
const OPAQUE_FIELDS: &[&[u8]] = &[
    b"etag",
    b"ifmatch",
    b"ifnonematch",
    b"ifrange",
    b"contentmd5",
    b"digest",
    b"contentdigest",
    b"reprdigest",
    b"xamzcontentsha256",
    b"xgooghash",
    b"xamzid2",
    b"xamzcfid",
];

const LONG_HEX_LAST_WORDS: &[&[u8]] = &[
    b"id",
    b"uuid",
    b"guid",
    b"sha",
    b"sha1",
    b"sha256",
    b"md5",
    b"hash",
    b"commit",
    b"revision",
    b"version",
    b"build",
    b"release",
    b"checksum",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_ids_and_digests_show_them() {
        for (name, allowed) in [
            ("ETag", Allowed::Opaque),
            ("X-Request-Id", Allowed::RequestIds),
            ("traceparent", Allowed::RequestIds),
            ("x-b3-spanid", Allowed::RequestIds),
            ("openai-organization", Allowed::RequestIds),
            ("x-device-id", Allowed::LongHex),
            ("x-git-commit", Allowed::LongHex),
            ("user-agent", Allowed::Ids),
        ] {
            assert_eq!(field(name.as_bytes()), allowed, "{name}");
        }
    }

    #[test]
    fn a_parameter_called_id_shows_short_ids_only() {
        assert_eq!(parameter(b"id"), Allowed::Ids);
        assert_eq!(parameter(b"trace_id"), Allowed::RequestIds);
        assert_eq!(parameter(b"boundary"), Allowed::Opaque);
    }
}

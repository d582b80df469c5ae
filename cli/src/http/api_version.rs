//! The version of the API that a request asked for or a response came from.
//!
//! A field such as `Anthropic-Version` says it best, then a media-type parameter, then the query
//! (`?api-version=2024-02-01`), then a path segment (`/v1/`). What does not look like a version is not taken for one,
//! so that no secret in a made-up `X-Api-Version` gets into the column.

use super::redact::holds_secret;
use super::sent::{Field, Known};

/// Where a version was found; a smaller one is the better statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A `*-version` field.
    Header,
    /// A parameter or a part of the media type in `Accept` or `Content-Type`.
    MediaType,
    /// An `api-version` parameter of the query.
    Query,
    /// A `/vN/` path segment.
    Path,
}

impl Source {
    /// The word that stands in the `api_version_source` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::MediaType => "media-type",
            Self::Query => "query",
            Self::Path => "path",
        }
    }
}

/// The best version seen so far. Of two statements of one kind the first counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApiVersion<'m> {
    found: Option<(Source, &'m [u8])>,
}

impl<'m> ApiVersion<'m> {
    /// The version as it was written, and where.
    pub fn get(&self) -> Option<(&'m [u8], Source)> {
        self.found.map(|(source, version)| (version, source))
    }

    /// Takes a header field into account.
    pub(super) fn observe(&mut self, field: &Field<'m>) {
        match field.known {
            Known::Other if names_api_version(field.name) => {
                self.offer(Source::Header, Some(field.value.trim_ascii()).filter(|version| is_version(version)));
            }
            Known::Accept | Known::ContentType => self.offer(Source::MediaType, media_type_version(field.value)),
            _ => {}
        }
    }

    /// Takes a request-target into account.
    pub fn observe_target(&mut self, target: &'m [u8]) {
        let path_len = target.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(target.len());
        let (path, query) = target.split_at(path_len);
        self.offer(Source::Query, query_version(query));
        self.offer(Source::Path, path_version(path));
    }

    fn offer(&mut self, source: Source, version: Option<&'m [u8]>) {
        if let Some(version) = version
            && self.found.is_none_or(|(found, _)| source < found)
        {
            self.found = Some((source, version));
        }
    }
}

/// Whether a field states the version of an API, not of the software or protocol that happens to speak.
fn names_api_version(name: &[u8]) -> bool {
    const SUFFIX: &[u8] = b"-version";
    /// `Sec-WebSocket-Version`, `X-AspNet-Version`, `X-App-Version`, ...
    const SOFTWARE: &str = "websocket aspnet aspnetmvc mime server platform runtime package sdk client app application agent \
        browser os build software lib library driver kernel plugin engine node php python java ua full \
        protocol http tls ssl schema content object resource document file model data image release git \
        powered";
    let Some((before, suffix)) = name.split_last_chunk::<{ SUFFIX.len() }>() else {
        return false;
    };
    if suffix[0] != b'-' || !suffix.eq_ignore_ascii_case(SUFFIX) {
        return false;
    }
    let mut words = before.split(|byte| *byte == b'-');
    let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    let says_api = words.clone().any(|word| is(word, "api") || is(word, "mcp"));
    says_api || !words.any(|word| SOFTWARE.split(' ').any(|known| is(word, known)))
}

/// `application/json;version=2`, `application/vnd.github.v3+json`.
fn media_type_version(value: &[u8]) -> Option<&[u8]> {
    // Most have neither parameters nor a vendor's name with its dots.
    memchr::memchr2(b';', b'.', value)?;
    value.split(|byte| *byte == b',').find_map(|media_type| {
        let mut parts = media_type.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let essence = parts.next().unwrap_or_default();
        let parameter = parts.find_map(|parameter| {
            let version = parameter_value(parameter, &["version", "v", "api-version", "ver"])?;
            let version = version.strip_prefix(b"\"").and_then(|version| version.strip_suffix(b"\"")).unwrap_or(version);
            (is_numbered(version) && is_version(version)).then_some(version)
        });
        parameter.or_else(|| vendor_version(essence))
    })
}

/// The `v3` of `application/vnd.github.v3+json`: vendors' types only, others have no versions in their names.
fn vendor_version(essence: &[u8]) -> Option<&[u8]> {
    const PREFIX: &[u8] = b"vnd.";
    let slash = essence.iter().position(|byte| *byte == b'/')?;
    let subtype = &essence[slash + 1..];
    let vendor = subtype.get(..PREFIX.len())?.eq_ignore_ascii_case(PREFIX);
    let parts = || subtype.split(|byte| matches!(byte, b'.' | b'+' | b'-'));
    parts().find(|part| vendor && is_path_version(part))
}

fn query_version(query: &[u8]) -> Option<&[u8]> {
    let parameters = query.get(1..)?.split(|byte| matches!(byte, b'&' | b'#'));
    let versions = parameters.into_iter().filter_map(|parameter| parameter_value(parameter, &["api-version", "api_version", "apiversion"]));
    versions.into_iter().find(|version| is_version(version))
}

fn parameter_value<'p>(parameter: &'p [u8], names: &[&str]) -> Option<&'p [u8]> {
    let equals = parameter.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes())).then_some(value)
}

/// The first `/vN/` segment; in the absolute form of a target the scheme and host do not count.
fn path_version(path: &[u8]) -> Option<&[u8]> {
    let scheme_len = if path.starts_with(b"/") { None } else { path.windows(3).position(|three| three == b"://") };
    let mut segments = path[scheme_len.map_or(0, |at| at + 3)..].split(|byte| *byte == b'/');
    segments.next()?;
    // `/v1beta/models/x:generate` has its method in the last segment, never in this one.
    segments.find(|segment| is_path_version(segment))
}

/// `v1`, `v1.2`, `V2`, `v2beta1`, `v1alpha`, `v2024-01`.
fn is_path_version(text: &[u8]) -> bool {
    const MAX_DIGITS: usize = 8;
    let [b'v' | b'V', rest @ ..] = text else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || digits > MAX_DIGITS {
        return false;
    }
    let rest = &rest[digits..];
    let more_numbers = rest.iter().take_while(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')).count();
    more_numbers <= MAX_DIGITS && is_stage(&rest[more_numbers..])
}

/// What may follow the numbers of a version: nothing, `beta`, `rc2`.
fn is_stage(text: &[u8]) -> bool {
    let letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (stage, number) = text.split_at(letters);
    let known = ["alpha", "beta", "rc", "preview", "p", "eap"];
    text.is_empty()
        || (known.iter().any(|known| stage.eq_ignore_ascii_case(known.as_bytes()))
            && number.len() <= 3
            && number.iter().all(u8::is_ascii_digit))
}

/// A number, a date, or a word for a state, with what may be appended to it: `2023-06-01`, `v2`, `2024-05-01-preview`,
/// `1.x`, `latest`, `registry/2.0`. No part is long enough to hold a key.
fn is_version(text: &[u8]) -> bool {
    const MAX_LEN: usize = 32;
    const MAX_PART_LEN: usize = 8;
    const MAX_WORD_LEN: usize = 12;
    let is_word = |part: &[u8]| part.len() <= MAX_WORD_LEN && part.iter().all(u8::is_ascii_alphabetic);
    let is_part = |part: &[u8]| is_word(part) || (part.len() <= MAX_PART_LEN && part.iter().all(u8::is_ascii_alphanumeric));
    let number = text.iter().rposition(|byte| *byte == b'/').map_or(text, |slash| &text[slash + 1..]);
    !text.is_empty()
        && text.len() <= MAX_LEN
        && (is_word(text) || is_numbered(number))
        && text.split(|byte| matches!(byte, b'.' | b'-' | b'_' | b'/' | b':' | b'+')).all(is_part)
        && !holds_secret(text)
}

/// Whether a version begins with its number: `2`, `v2`.
fn is_numbered(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', ..] | [b'v' | b'V', b'0'..=b'9', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(target: &str, fields: &[(&str, &str)]) -> Option<(String, &'static str)> {
        let mut version = ApiVersion::default();
        version.observe_target(target.as_bytes());
        for (name, value) in fields {
            version.observe(&Field::new(name.as_bytes(), value.as_bytes()));
        }
        version.get().map(|(version, source)| (String::from_utf8_lossy(version).into_owned(), source.as_str()))
    }

    fn found(version: &str, source: &'static str) -> Option<(String, &'static str)> {
        Some((version.to_owned(), source))
    }

    #[test]
    fn fields_that_end_in_version_state_it() {
        for (name, value) in [
            ("api-version", "2"),
            ("X-API-Version", "1.4"),
            ("anthropic-version", "2023-06-01"),
            ("openai-version", "2020-10-01"),
            ("x-ms-version", "2020-10-02"),
            ("X-GitHub-Api-Version", "2022-11-28"),
            ("Stripe-Version", "2023-10-16"),
            ("Accept-Version", "1.x"),
            ("Docker-Distribution-Api-Version", "registry/2.0"),
            ("mcp-protocol-version", "2025-06-18"),
            ("x-client-api-version", "latest"),
        ] {
            assert_eq!(version("/", &[(name, value)]), found(value, "header"), "{name}");
        }
    }

    #[test]
    fn versions_of_software_do_not_count() {
        for name in "sec-websocket-version X-AspNet-Version X-AspNetMvc-Version MIME-Version Server-Version \
            x-stainless-runtime-version x-stainless-package-version Sec-CH-UA-Platform-Version X-App-Version \
            version conversion"
            .split(' ')
        {
            assert_eq!(version("/", &[(name, "13")]), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_version_is_not_shown() {
        for value in ["", "d41d8cd98f00b204e9800998ecf8427e", "Bearer abc", "sk-ant-api03-AbCdEfGhIjKl", "a=b", "*"] {
            assert_eq!(version("/", &[("x-api-version", value)]), None, "{value}");
        }
    }

    #[test]
    fn media_types_state_it_in_a_parameter_or_a_vendors_name() {
        for (value, expected) in [
            ("application/vnd.github.v3+json", Some("v3")),
            ("application/vnd.company-v2+json", Some("v2")),
            ("application/json;version=2", Some("2")),
            ("application/json; charset=utf-8; Version=\"1.1\"", Some("1.1")),
            ("text/html, application/vnd.x.v2beta1+json;q=0.9", Some("v2beta1")),
            ("text/html,application/signed-exchange;v=b3;q=0.9", None),
            ("application/json", None),
            ("application/v1", None),
            ("", None),
        ] {
            let expected = expected.and_then(|expected| found(expected, "media-type"));
            assert_eq!(version("/", &[("Accept", value)]), expected, "{value}");
        }
    }

    #[test]
    fn paths_state_it_in_a_segment() {
        for (target, expected) in [
            ("/v1/chat/completions", Some("v1")),
            ("/api/v2", Some("v2")),
            ("/v2beta1/x", Some("v2beta1")),
            ("/v1.24/containers", Some("v1.24")),
            ("/api/V3/x?y=/v9/", Some("V3")),
            ("/v2024-01-01/x", Some("v2024-01-01")),
            ("http://v1/v4/x", Some("v4")),
            ("/videos/vx/v/1", None),
            ("/v1x9/y", None),
            ("/v123456789/y", None),
            ("v1:443", None),
            ("*", None),
            ("", None),
        ] {
            let expected = expected.and_then(|expected| found(expected, "path"));
            assert_eq!(version(target, &[]), expected, "{target}");
        }
    }

    #[test]
    fn the_best_statement_counts_in_any_order() {
        let target = "/v1/x?api-version=2024-02-01";
        let accept = ("Accept", "application/json;version=3");
        let field = ("api-version", "4");
        assert_eq!(version("/v1/x", &[]), found("v1", "path"));
        assert_eq!(version(target, &[]), found("2024-02-01", "query"));
        assert_eq!(version(target, &[accept]), found("3", "media-type"));
        assert_eq!(version(target, &[field, accept]), found("4", "header"));
        assert_eq!(version(target, &[accept, field]), found("4", "header"));
    }
}

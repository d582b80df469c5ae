//! What an exchange must look like to be kept, and the header elements to show of it.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use clap::ValueEnum;

use super::Invalid;

/// A request method as typed; compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(pub String);

impl FromStr for Method {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        if is_token(typed) {
            Ok(Self(typed.to_owned()))
        } else {
            Err(Invalid::new("not a method", "write GET, POST or another one-word name"))
        }
    }
}

const PATHS: &str = "write /v1/chat, or /v1/* where * stands for anything";

/// A glob on the path without its query: `*` stands for any text, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(pub String);

impl FromStr for PathPattern {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        if !typed.starts_with(['/', '*']) {
            return Err(Invalid::new("no path begins like this", PATHS));
        }
        if typed.contains('?') {
            return Err(Invalid::new("the query is not compared", PATHS));
        }
        Ok(Self(typed.to_owned()))
    }
}

const HOSTS: &str = "write api.example.com, or *.example.com where * stands for anything";

/// A glob on the host, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(pub String);

impl FromStr for HostPattern {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        if typed.is_empty() {
            return Err(Invalid::new("not a host", HOSTS));
        }
        if typed.contains(['/', ' ']) {
            return Err(Invalid::new("a host has no scheme, path or space", HOSTS));
        }
        Ok(Self(typed.to_owned()))
    }
}

const STATUSES: &str = "write 404, 5xx or 200-299";

/// One element of a status list: `404`, `5xx` or `200-299`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRange(pub RangeInclusive<u16>);

impl FromStr for StatusRange {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        if let Some(class) = status_class(typed) {
            return Ok(Self(class));
        }
        let (first, last) = typed.split_once('-').unwrap_or((typed, typed));
        let (first, last) = (status(first)?, status(last)?);
        if first > last {
            return Err(Invalid::new("the range is the wrong way round", STATUSES));
        }
        Ok(Self(first..=last))
    }
}

fn status_class(typed: &str) -> Option<RangeInclusive<u16>> {
    let [class @ b'1'..=b'9', b'x' | b'X', b'x' | b'X'] = typed.as_bytes() else {
        return None;
    };
    let first = u16::from(class - b'0') * 100;
    Some(first..=first + 99)
}

/// Three digits, of which RFC 9110 section 15 uses 100 to 599; servers send others too.
fn status(typed: &str) -> Result<u16, Invalid> {
    match typed.parse() {
        Ok(status @ 100..=999) => Ok(status),
        _ => Err(Invalid::new("not a status", STATUSES)),
    }
}

const HEADER_NAMES: &str = "write x-request-id, request:accept or response:server";

/// A header element by name, of both messages or of one. `Display` gives it back in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderName {
    /// The message it was narrowed to.
    pub direction: Option<Direction>,
    /// In lower case: names are compared without regard to case.
    pub name: String,
}

/// Which message of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    Request,
    /// From server to client.
    Response,
}

impl FromStr for HeaderName {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let (direction, name) = match typed.split_once(':') {
            Some((prefix, name)) => (Some(direction(prefix)?), name),
            None => (None, typed),
        };
        if !is_token(name) {
            return Err(Invalid::new("not a header name", HEADER_NAMES));
        }
        let name = name.to_ascii_lowercase();
        Ok(Self { direction, name })
    }
}

fn direction(typed: &str) -> Result<Direction, Invalid> {
    match typed {
        "request" => Ok(Direction::Request),
        "response" => Ok(Direction::Response),
        _ => Err(Invalid::new("only `request:` or `response:` may stand in front", HEADER_NAMES)),
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self.direction {
            None => "",
            Some(Direction::Request) => "request:",
            Some(Direction::Response) => "response:",
        };
        write!(f, "{prefix}{}", self.name)
    }
}

/// RFC 9110 section 5.6.2: `token = 1*tchar`.
fn is_token(typed: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !typed.is_empty() && typed.bytes().all(tchar)
}

/// Which messages a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Messages {
    /// header elements of requests
    Request,
    /// header elements of responses
    Response,
    /// both, each ranked in its own rows
    Both,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_tokens_known_or_not() {
        for typed in ["GET", "get", "PURGE", "M-SEARCH", "VERSION-CONTROL"] {
            assert_eq!(typed.parse(), Ok(Method(typed.to_owned())));
        }
        for typed in ["", "GET /", "a/b", "GE\tT", "é"] {
            let expected = "not a method; write GET, POST or another one-word name";
            assert_eq!(refusal::<Method>(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn path_patterns_begin_like_a_path_and_have_no_query() {
        for typed in ["/", "/v1/chat", "/v1/*/messages", "*", "*/health", "/a%20b"] {
            assert_eq!(typed.parse(), Ok(PathPattern(typed.to_owned())));
        }
        for (typed, wrong) in [
            ("", "no path begins like this"),
            ("v1/chat", "no path begins like this"),
            ("http://api/v1", "no path begins like this"),
            ("/search?q=1", "the query is not compared"),
        ] {
            assert_eq!(refusal::<PathPattern>(typed), format!("{wrong}; {PATHS}"), "{typed:?}");
        }
    }

    #[test]
    fn host_patterns_are_hosts_not_urls() {
        for typed in ["api.example.com", "*.example.com", "API", "10.0.0.1:8080", "[::1]"] {
            assert_eq!(typed.parse(), Ok(HostPattern(typed.to_owned())));
        }
        for (typed, wrong) in [
            ("", "not a host"),
            ("http://api", "a host has no scheme, path or space"),
            ("api/v1", "a host has no scheme, path or space"),
            ("a b", "a host has no scheme, path or space"),
        ] {
            assert_eq!(refusal::<HostPattern>(typed), format!("{wrong}; {HOSTS}"), "{typed:?}");
        }
    }

    #[test]
    fn statuses_are_single_classes_or_ranges() {
        for (typed, range) in [("404", 404..=404), ("5xx", 500..=599), ("4XX", 400..=499), ("200-299", 200..=299), ("999", 999..=999)] {
            assert_eq!(typed.parse(), Ok(StatusRange(range)), "{typed}");
        }
    }

    #[test]
    fn a_refused_status_says_what_would_be_right() {
        for (typed, wrong) in [
            ("", "not a status"),
            ("0", "not a status"),
            ("99", "not a status"),
            ("1000", "not a status"),
            ("0xx", "not a status"),
            ("xx", "not a status"),
            ("5x", "not a status"),
            ("ok", "not a status"),
            ("200-", "not a status"),
            ("4xx-5xx", "not a status"),
            ("500-400", "the range is the wrong way round"),
        ] {
            let expected = format!("{wrong}; {STATUSES}");
            assert_eq!(refusal::<StatusRange>(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn header_names_may_be_narrowed_to_one_message() {
        for (typed, direction, name) in [
            ("X-Request-Id", None, "x-request-id"),
            ("request:Accept", Some(Direction::Request), "accept"),
            ("response:server", Some(Direction::Response), "server"),
            ("request", None, "request"),
            ("x_odd!name", None, "x_odd!name"),
        ] {
            let name = name.to_owned();
            assert_eq!(typed.parse(), Ok(HeaderName { direction, name }), "{typed}");
        }
    }

    #[test]
    fn header_names_print_as_typed_but_in_lower_case() {
        for (typed, printed) in
            [("X-Request-Id", "x-request-id"), ("request:Accept", "request:accept"), ("response:server", "response:server")]
        {
            let name: HeaderName = typed.parse().expect(typed);
            assert_eq!(name.to_string(), printed);
        }
    }

    #[test]
    fn a_refused_header_name_says_what_would_be_right() {
        const PREFIX: &str = "only `request:` or `response:` may stand in front";
        for (typed, wrong) in [
            ("", "not a header name"),
            ("request:", "not a header name"),
            ("x request", "not a header name"),
            ("naïve", "not a header name"),
            ("request:a:b", "not a header name"),
            ("host:", PREFIX),
            (":path", PREFIX),
            ("trailer:etag", PREFIX),
        ] {
            let expected = format!("{wrong}; {HEADER_NAMES}");
            assert_eq!(refusal::<HeaderName>(typed), expected, "{typed:?}");
        }
    }

    fn refusal<T: FromStr<Err = Invalid> + fmt::Debug>(typed: &str) -> String {
        typed.parse::<T>().expect_err("refused").to_string()
    }
}

//! What is kept of a head: the elements that rows and reports show, redacted.

use super::api_version::{ApiVersion, Source};
use super::auth::Auth;
use super::forwarded::Client;
use super::llm::Statement;
use super::redact::{Redactor, authority_len};
use super::request_id;
use super::sent::{Field, Known, Line, Sent};

/// Which half of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// From the client.
    Request,
    /// From the server.
    Response,
}

impl Direction {
    /// As in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// A version of HTTP (RFC 9110 section 2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    /// 0 to 2.
    pub major: u8,
    /// 0 to 9.
    pub minor: u8,
}

impl Version {
    /// A request of one line, and a response without head.
    pub const HTTP_0_9: Self = Self { major: 0, minor: 9 };
    /// Not known.
    pub const UNKNOWN: Self = Self { major: 0, minor: 0 };
    /// Without persistent connections and transfer codings.
    pub const HTTP_1_0: Self = Self { major: 1, minor: 0 };
    /// In frames, without a minor version.
    pub const HTTP_2: Self = Self { major: 2, minor: 0 };

    /// As in output; `None` when it is not known.
    pub fn as_str(self) -> Option<&'static str> {
        const MINORS: [&str; 10] = ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "1.8", "1.9"];
        match self {
            Self::HTTP_0_9 => Some("0.9"),
            Self::HTTP_2 => Some("2"),
            Self { major: 1, minor } => MINORS.get(usize::from(minor)).copied(),
            _ => None,
        }
    }
}

/// Which elements to keep besides those of the default columns.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Header elements by lower-case name, and of which half (either if `None`).
    pub columns: Vec<(Option<Direction>, String)>,
    /// All elements, with length and fingerprint.
    pub all: bool,
    /// What gateways of large language models say of limits and times.
    pub llm: bool,
}

/// A head without its secrets.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// All texts, one after the other.
    text: Vec<u8>,
    /// Version of HTTP.
    pub version: Version,
    /// Status code, of a response.
    pub status: Option<u16>,
    method: Option<Text>,
    path: Option<Text>,
    host: Option<Text>,
    user_agent: Option<Text>,
    content_type: Option<Text>,
    /// And the rank of its field.
    request_id: Option<(Text, usize)>,
    api_version: Option<(Text, Source)>,
    /// Its credentials, of a request, by what was seen of it.
    auth: Auth,
    /// All its fields were seen.
    is_whole: bool,
    /// Status of the call, of a response: it may stand in the trailers.
    grpc_status: Option<u16>,
    /// Who it is from, by its fields, of a request.
    pub(super) client: Client,
    columns: Vec<Option<Text>>,
    elements: Vec<Stored>,
    llm: Option<Box<Statement>>,
}

#[derive(Clone, Copy, Debug)]
struct Text {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    name: Text,
    display: Text,
    length: u32,
    fingerprint: u64,
}

/// A header element: what may be shown of it, and what tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// Field name in lower case.
    pub name: &'a [u8],
    /// The value, redacted.
    pub display: &'a [u8],
    /// Length of the value on the wire in bytes.
    pub length: u32,
    /// Tells different values from each other, whatever is shown; comparable within one run.
    pub fingerprint: u64,
}

impl Head {
    /// Keeps what is wanted of a head.
    pub(super) fn new(sent: &Sent<'_>, wanted: &Wanted, redactor: &Redactor) -> Self {
        let Sent { line, version, fields, is_whole } = *sent;
        let mut head = Self { text: Vec::with_capacity(256), version, is_whole, ..Self::default() };
        let mut version = ApiVersion::default();
        let direction = line.direction();
        match line {
            Line::Request { method, target, authority } => {
                head.request_line(method, target, authority, redactor);
                version.observe_target(target.unwrap_or_default());
                head.auth.observe_target(target.unwrap_or_default());
                head.client = Client::of(sent);
            }
            Line::Response { status } => head.status = status,
        }
        for field in fields {
            head.field(field, direction, redactor);
            version.observe(field);
        }
        // Fields that were not seen may say it better.
        if let Some((value, source)) = version.get().filter(|(_, source)| is_whole || *source == Source::Header) {
            let text = head.push(|text| {
                redactor.field_value(b"api-version", value, text);
            });
            head.api_version = Some((text, source));
        }
        head.columns = wanted.columns.iter().map(|(half, name)| head.column_of(fields, direction, *half, name, redactor)).collect();
        head.keep_elements(fields, wanted, redactor);
        head.llm = wanted.llm.then(|| Box::new(Statement::new(sent)));
        head
    }

    /// Adds the trailer fields of the same message (RFC 9110 section 6.5).
    pub(super) fn trailers(&mut self, fields: &[Field<'_>], direction: Direction, wanted: &Wanted, redactor: &Redactor) {
        for field in fields {
            self.observe_grpc_status(field);
        }
        for (column, (half, name)) in wanted.columns.iter().enumerate() {
            if self.columns.get(column).is_some_and(Option::is_none) {
                self.columns[column] = self.column_of(fields, direction, *half, name, redactor);
            }
        }
        self.keep_elements(fields, wanted, redactor);
    }

    /// RFC 9112 section 3.2: origin-form, absolute-form (whose authority counts instead of Host), authority-form, `*`. RFC 9113
    /// section 8.3.1: `:authority` counts instead of Host too.
    fn request_line(&mut self, method: Option<&[u8]>, target: Option<&[u8]>, authority: Option<&[u8]>, redactor: &Redactor) {
        self.method = method.map(|method| {
            self.push(|text| {
                redactor.token(method, text);
            })
        });
        let (in_target, path) = target.map_or((None, None), |target| {
            let (authority, path) = split_target(target);
            (authority, Some(path))
        });
        self.host = in_target.or(authority).map(|authority| {
            self.push(|text| {
                redactor.authority(authority, text);
            })
        });
        self.path = path.map(|path| {
            self.push(|text| {
                redactor.target(path, text);
            })
        });
    }

    fn field(&mut self, field: &Field<'_>, direction: Direction, redactor: &Redactor) {
        let request = direction == Direction::Request;
        if request {
            self.auth.observe(field);
        }
        match field.known {
            // With HTTP/2, an authority that is not known would count instead.
            Known::Host if request && self.host.is_none() && (self.is_whole || self.version != Version::HTTP_2) => {
                self.host = Some(self.push(|text| {
                    redactor.authority(field.value, text);
                }));
            }
            Known::UserAgent if request && self.user_agent.is_none() => self.user_agent = Some(self.value(field, redactor)),
            Known::ContentType if self.content_type.is_none() => self.content_type = Some(self.value(field, redactor)),
            Known::RequestId => self.observe_request_id(field, direction, redactor),
            Known::Other => match field.name.len() {
                11 if !request => self.observe_grpc_status(field),
                6 | 10..=22 => self.observe_request_id(field, direction, redactor),
                _ => {}
            },
            _ => {}
        }
    }

    fn observe_request_id(&mut self, field: &Field<'_>, direction: Direction, redactor: &Redactor) {
        if let Some(rank) = request_id::rank(field, direction, self.request_id.map(|(_, rank)| rank)) {
            self.request_id = Some((self.value(field, redactor), rank));
        }
    }

    /// A decimal number (gRPC over HTTP2, Responses). What is none says nothing.
    fn observe_grpc_status(&mut self, field: &Field<'_>) {
        if field.is("grpc-status") {
            let digits = std::str::from_utf8(field.value).ok().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
            self.grpc_status = digits.and_then(|digits| digits.parse().ok());
        }
    }

    fn column_of(
        &mut self,
        fields: &[Field<'_>],
        direction: Direction,
        half: Option<Direction>,
        name: &str,
        redactor: &Redactor,
    ) -> Option<Text> {
        let is_wanted = half.is_none_or(|half| half == direction);
        let field = fields.iter().find(|field| is_wanted && field.is(name))?;
        Some(self.value(field, redactor))
    }

    fn keep_elements(&mut self, fields: &[Field<'_>], wanted: &Wanted, redactor: &Redactor) {
        if wanted.all {
            self.elements.reserve_exact(fields.len());
            for field in fields {
                let stored = self.store(field, redactor);
                self.elements.push(stored);
            }
        }
    }

    fn store(&mut self, field: &Field<'_>, redactor: &Redactor) -> Stored {
        let name = self.push(|text| {
            let start = text.len();
            if field.known == Known::Other {
                redactor.token(field.name, text); // In its own case, which tells tokens from words.
            } else {
                text.extend_from_slice(field.name);
            }
            text[start..].make_ascii_lowercase();
        });
        let display = self.value(field, redactor);
        let length = u32::try_from(field.value.len()).unwrap_or(u32::MAX);
        Stored { name, display, length, fingerprint: redactor.fingerprint(field.value) }
    }

    fn value(&mut self, field: &Field<'_>, redactor: &Redactor) -> Text {
        self.push(|text| {
            redactor.field_value(field.name, field.value, text);
        })
    }

    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Text {
        let start = self.text.len() as u32;
        write(&mut self.text);
        Text { start, end: self.text.len() as u32 }
    }

    fn text(&self, text: Option<Text>) -> Option<&[u8]> {
        self.text.get(text?.start as usize..text?.end as usize)
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        let llm = if self.llm.is_some() { size_of::<Statement>() } else { 0 };
        self.text.capacity() + self.columns.capacity() * size_of::<Option<Text>>() + self.elements.capacity() * size_of::<Stored>() + llm
    }

    /// Method of a request.
    pub fn method(&self) -> Option<&[u8]> {
        self.text(self.method)
    }

    /// Whether all its fields were seen.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Kind of credentials of a request; `None` when fields that were not seen may say more.
    pub fn auth(&self) -> Option<Auth> {
        (self.is_whole || self.auth.is_strongest()).then_some(self.auth)
    }

    /// Status of a gRPC call; those that are registered are 0 to 16.
    pub fn grpc_status(&self) -> Option<u16> {
        self.grpc_status
    }

    /// Path and query of a request.
    pub fn path(&self) -> Option<&[u8]> {
        self.text(self.path)
    }

    /// Authority that a request is for.
    pub fn host(&self) -> Option<&[u8]> {
        self.text(self.host)
    }

    /// User-Agent.
    pub fn user_agent(&self) -> Option<&[u8]> {
        self.text(self.user_agent)
    }

    /// Content-Type.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.text(self.content_type)
    }

    /// Content-Type without its parameters (RFC 9110 section 8.3.1).
    pub fn media_type(&self) -> Option<&[u8]> {
        self.content_type().map(|value| value.split(|byte| *byte == b';').next().unwrap_or(value).trim_ascii())
    }

    /// The best field that carries an id of the request.
    pub fn request_id(&self) -> Option<&[u8]> {
        self.text(self.request_id.map(|(text, _)| text))
    }

    /// Version of the API, and where it stood.
    pub fn api_version(&self) -> Option<(&[u8], Source)> {
        let (text, source) = self.api_version?;
        Some((self.text(Some(text))?, source))
    }

    /// The wanted column at `index`, if the head has it.
    pub fn column(&self, index: usize) -> Option<&[u8]> {
        self.text(*self.columns.get(index)?)
    }

    /// What it says of gateways of large language models, if that is wanted.
    pub(super) fn llm(&self) -> Option<&Statement> {
        self.llm.as_deref()
    }

    /// All elements, if all are wanted.
    pub fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        self.elements.iter().map(|stored| Element {
            name: self.text(Some(stored.name)).unwrap_or_default(),
            display: self.text(Some(stored.display)).unwrap_or_default(),
            length: stored.length,
            fingerprint: stored.fingerprint,
        })
    }
}

/// The authority of an absolute-form target, and path and query.
fn split_target(target: &[u8]) -> (Option<&[u8]>, &[u8]) {
    if target.starts_with(b"/") {
        return (None, target);
    }
    let Some(scheme) = memchr::memmem::find(target, b"://") else {
        return (None, target);
    };
    if !target[..scheme].iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return (None, target);
    }
    let rest = &target[scheme + 3..];
    let end = authority_len(rest);
    let path = if end == rest.len() { b"/" } else { &rest[end..] };
    (Some(&rest[..end]), path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_absolute_targets_apart() {
        for (target, authority, path) in [
            ("/a?b=http://c/d", None, "/a?b=http://c/d"),
            ("http://u:p@h:1/a?b", Some("u:p@h:1"), "/a?b"),
            ("http://h", Some("h"), "/"),
            ("http://h?x", Some("h"), "?x"),
            ("http://u:p/w?x@h/a", Some("u:p/w?x@h"), "/a"),
            ("*", None, "*"),
            ("h:443", None, "h:443"),
        ] {
            assert_eq!(split_target(target.as_bytes()), (authority.map(str::as_bytes), path.as_bytes()), "{target}");
        }
    }
}

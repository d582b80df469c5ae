//! What a decoded header list says: pseudo-header fields and others (RFC 9113 section 8.3).

use ehl_probes_common::walk::is_token;
use smallvec::SmallVec;

use super::hpack::{Decoded, List};
use crate::http::exchange::Flags;
use crate::http::head::Version;
use crate::http::sent::{Field, Line, Sent};

/// A header list, taken apart. What is unknown is left out, and `is_whole` says so.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    method: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    status: Option<u16>,
    /// It has pseudo-header fields of a request, or of a response.
    pub(super) is_request: bool,
    pub(super) is_response: bool,
    regular: SmallVec<[Field<'a>; 32]>,
    /// All names and values are known.
    pub(super) is_whole: bool,
    /// What is odd about it.
    pub(super) flags: Flags,
}

impl<'a> Fields<'a> {
    pub(super) fn of(list: &'a List) -> Self {
        let mut fields = Self { is_whole: list.unknown() == 0 && !list.is_truncated(), ..Self::default() };
        if list.unknown() > 0 {
            fields.flags |= Flags::UNKNOWN_FIELDS;
        }
        if list.is_truncated() {
            fields.flags |= Flags::TRUNCATED;
        }
        for Decoded { name, value } in list.fields() {
            match (name, value) {
                (Some(name), value) if name.first() == Some(&b':') => fields.pseudo(name, value),
                (Some(name), Some(value)) => fields.regular(name, value),
                _ => {}
            }
        }
        fields
    }

    fn pseudo(&mut self, name: &[u8], value: Option<&'a [u8]>) {
        // "All pseudo-header fields MUST appear in a field block before all regular field lines."
        if !self.regular.is_empty() {
            self.flags |= Flags::MALFORMED;
        }
        // "The same pseudo-header field name MUST NOT appear more than once in a field block."
        let is_repeated = match name {
            b":method" => set(&mut self.method, value),
            b":path" => set(&mut self.path, value),
            // An empty one is none, and Host may say it.
            b":authority" => set(&mut self.authority, value.filter(|value| !value.is_empty())),
            b":status" => self.set_status(value),
            b":scheme" | b":protocol" => false,
            _ => true,
        };
        if is_repeated {
            self.flags |= Flags::MALFORMED;
        }
        self.is_response |= name == b":status";
        self.is_request |= matches!(name, b":method" | b":path" | b":authority" | b":scheme");
    }

    /// RFC 9110 section 15: three digits.
    fn set_status(&mut self, value: Option<&[u8]>) -> bool {
        let Some(value) = value else { return false };
        let status = match value {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()),
            _ => None,
        };
        set(&mut self.status, status) || status.is_none()
    }

    fn regular(&mut self, name: &'a [u8], value: &'a [u8]) {
        if !is_field_name(name) || value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            self.flags |= Flags::MALFORMED;
        }
        self.regular.push(Field::new(name, value));
    }

    /// Whether it makes sense as a head, or as trailers, or what is known of it does.
    pub(super) fn is_sane(&self) -> bool {
        !(self.flags.has(Flags::MALFORMED) || self.is_request && self.is_response)
    }

    pub(super) fn is_interim(&self) -> bool {
        self.status.is_some_and(|status| status < 200)
    }

    pub(super) fn regular_fields(&self) -> &[Field<'a>] {
        &self.regular
    }

    pub(super) fn request(&self) -> Sent<'_> {
        self.sent(Line::Request { method: self.method, target: self.path, authority: self.authority })
    }

    pub(super) fn response(&self) -> Sent<'_> {
        self.sent(Line::Response { status: self.status })
    }

    fn sent<'s>(&'s self, line: Line<'s>) -> Sent<'s> {
        Sent { line, version: Version::HTTP_2, fields: &self.regular, is_whole: self.is_whole }
    }
}

/// Keeps the first value; answers whether there was one before.
fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_repeated = place.is_some();
    if !is_repeated {
        *place = value;
    }
    is_repeated
}

/// RFC 9113 section 8.2: a token in lower case.
fn is_field_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| is_token(*byte) && !byte.is_ascii_uppercase())
}

//! What a message says in its first line, or in several fields together, as elements of their own.
//!
//! Their names begin with a colon, which no field name does: a line that begins with one has no name in HTTP/1, and in HTTP/2 it is a
//! pseudo-header field (RFC 9113 section 8.3), which is not kept as a field.

use std::hash::BuildHasher as _;
use std::io::Write as _;

use foldhash::quality::RandomState;

use crate::aggregate::path_template;
use crate::http::auth::Auth;
use crate::http::head::{Direction, Element, Head};

/// Those of one head.
#[derive(Debug, Default)]
pub(super) struct Pseudo {
    /// All values, one after the other.
    text: Vec<u8>,
    /// Names, and where the values end.
    named: Vec<(&'static str, usize)>,
    /// Whoever chooses values must not choose their fingerprints: it is seeded at random.
    fingerprints: RandomState,
}

impl Pseudo {
    /// Those of `head`, instead of what was there.
    pub(super) fn read(&mut self, direction: Direction, head: &Head) {
        self.text.clear();
        self.named.clear();
        if direction == Direction::Request {
            self.copy(":method", head.method());
            if let Some(path) = head.path() {
                self.push(":path", |text| path_template::push(text, path));
            }
            self.copy(":auth", head.auth().map(Auth::as_str).map(str::as_bytes));
        }
        if let Some(status) = head.status {
            self.push(":status", |text| write!(text, "{status}").expect("a Vec takes every write"));
        }
        self.copy(":api_version", head.api_version().map(|(version, _)| version));
        if let Some(media_type) = head.media_type() {
            self.push(":content_type", |text| text.extend(media_type.iter().map(u8::to_ascii_lowercase)));
        }
        self.copy(":http_version", head.version.as_str().map(str::as_bytes));
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = Element<'_>> {
        let mut start = 0;
        self.named.iter().map(move |(name, end)| {
            let display = &self.text[start..*end];
            start = *end;
            let length = u32::try_from(display.len()).unwrap_or(u32::MAX);
            Element { name: name.as_bytes(), display, length, fingerprint: self.fingerprints.hash_one(display) }
        })
    }

    fn copy(&mut self, name: &'static str, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.push(name, |text| text.extend_from_slice(value));
        }
    }

    fn push(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.text);
        self.named.push((name, self.text.len()));
    }
}

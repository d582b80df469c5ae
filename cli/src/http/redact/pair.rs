//! Names and values inside a value: query, matrix and form parameters, JSON members, header-like text.

use super::bytes::{RUN, SPACE, WALL, class, span};
use super::names::{self, Kind};
use super::scan::Scan;
use super::scheme;

/// How far ahead a name is looked for. Longer ones do not occur, and the walk stays linear.
const MAX_NAME_LEN: usize = 64;

/// Where a value stands, and how it ends.
#[derive(Clone, Copy)]
struct Place {
    /// A member of an object.
    json: bool,
    /// How often the delimiter before the value was percent-encoded.
    encoding: usize,
}

/// A value without its quotes, and where to go on.
struct Found {
    start: usize,
    end: usize,
    next: usize,
}

impl Scan<'_, '_> {
    /// Looks at the name before the `=` or `:` at `at`, hides the value behind it if the name is a secret's.
    /// Returns where to go on.
    pub(super) fn pair(&mut self, at: usize) -> usize {
        let colon = self.bytes[at] == b':';
        if colon {
            self.chunk_colon.get_or_insert(at);
        } else {
            self.restart_chunk(at + 1);
        }
        let (from, to) = self.name_before(at);
        // `/v1/tokens:count` is a method, `https://` a scheme.
        if to == from || colon && (self.in_path || self.bytes[at + 1..].starts_with(b"//")) {
            return at + 1;
        }
        self.key = Some((from, to));
        let kind = names::parameter(&self.bytes[from..to]);
        if kind == Kind::Plain || self.is_signature_input() {
            return at + 1;
        }
        let place = Place { json: colon && to < at, encoding: self.mask.encoding(at) };
        let found = self.value_after(at + 1, colon, place, kind);
        let value = &self.bytes[found.start..found.end];
        let first_word = &value[..span_without(value, SPACE)];
        if kind.admits(if kind == Kind::Login { first_word } else { value }) {
            return at + 1;
        }
        if kind.admits(first_word) && self.raw_words_follow(found.start + first_word.len()) {
            return found.start + first_word.len();
        }
        self.mask.hide(found.start, found.end);
        self.restart_chunk(found.next);
        found.next
    }

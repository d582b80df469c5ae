//! Names and values inside a value: query, matrix and form parameters, JSON members, header-like text.

use super::bytes::{RUN, SPACE, WALL, class, span};
use super::names::{self, Kind};
use super::scan::Scan;
use super::scheme;

/// How far back a name is looked for. Longer ones do not occur, and the walk stays linear.
const MAX_NAME_LEN: usize = 64;

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
        if kind == Kind::Plain {
            return at + 1;
        }
        let quoted_name = to < at;
        let (start, end) = self.value_after(at + 1, colon, quoted_name && colon, kind);
        if kind.is_secret() || !names::is_count(&self.bytes[start..end]) {
            self.mask.hide(start, end);
        }
        self.restart_chunk(end);
        end
    }

    /// The name that ends before `at`: quotes, brackets and white space between do not matter
    /// (`"token" :`, `user[token]=`).
    fn name_before(&self, at: usize) -> (usize, usize) {
        let floor = at.saturating_sub(MAX_NAME_LEN);
        let is_frame = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b']' | b'[' | b' ' | b'\t');
        let frame = self.bytes[floor..at].iter().rev().take_while(|byte| is_frame(byte)).count();
        let to = at - frame;
        let is_name = |byte: &u8| class(*byte) & RUN != 0 && *byte != b'/' || matches!(byte, b'[' | b']' | b'$');
        let from = to - self.bytes[floor..to].iter().rev().take_while(|byte| is_name(byte)).count();
        (from, to)
    }

    /// The value that starts at `at`, without its quotes.
    fn value_after(&self, at: usize, colon: bool, json: bool, kind: Kind) -> (usize, usize) {
        let encoding = self.mask.encoding(at - 1);
        let mut start = at + span(&self.bytes[at..], SPACE);
        if start < self.bytes.len() && self.mask.encoding(start) > encoding {
            // A quote that is encoded deeper than the `=` belongs to the value: `password=%22a`.
            return (at, self.bare_end(at, json, encoding));
        }
        let escaped = self.bytes[start..].starts_with(b"\\");
        start += usize::from(escaped);
        match self.bytes.get(start) {
            Some(quote @ (b'"' | b'\'')) => (start + 1, self.quote_end(start + 1, *quote, escaped)),
            Some(b'[' | b'{') if json || !colon => (start, self.bracket_end(start)),
            Some(_) if colon && matches!(kind, Kind::Credentials | Kind::Cookie | Kind::SetCookie) => (start, self.line_end(start)),
            _ => (start, self.bare_end(start, json, encoding)),
        }
    }

    /// The closing quote, not an escaped one unless the opening one was.
    fn quote_end(&self, start: usize, quote: u8, escaped: bool) -> usize {
        let mut at = start;
        while at < self.bytes.len() {
            match self.bytes[at] {
                b'\\' if !escaped => at += 1,
                byte if byte == quote => return at - usize::from(escaped && at > start),
                _ => {}
            }
            at += 1;
        }
        self.bytes.len()
    }

    fn bracket_end(&self, start: usize) -> usize {
        let mut depth = 0_usize;
        for (n, byte) in self.bytes[start..].iter().enumerate() {
            match byte {
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return start + n + 1;
            }
        }
        self.bytes.len()
    }

    fn line_end(&self, start: usize) -> usize {
        start + self.bytes[start..].iter().take_while(|byte| **byte != b'"').count()
    }

    /// Where a value without quotes ends. Passwords hold almost anything, so most delimiters only end it where a
    /// name follows, and none that is encoded deeper than the `=` before the value (`password=a%26b`).
    fn bare_end(&self, start: usize, json: bool, encoding: usize) -> usize {
        let mut at = start;
        while at < self.bytes.len() {
            let byte = self.bytes[at];
            let ends = self.mask.encoding(at) <= encoding
                && match byte {
                    _ if class(byte) & WALL != 0 => true,
                    _ if class(byte) & SPACE != 0 => !scheme::is_known(self.bytes[start..at].trim_ascii_end()),
                    b'&' => true,
                    b'/' | b'?' => self.in_path,
                    b'}' | b']' => json,
                    b',' | b';' | b'#' | b'|' | b')' => json || self.in_path || self.name_follows(at + 1),
                    _ => false,
                };
            if ends {
                return at;
            }
            at += 1;
        }
        at
    }

    /// Whether `at` starts something else than more of the same value: nothing, white space, `name=`.
    fn name_follows(&self, at: usize) -> bool {
        let rest = &self.bytes[at..];
        let name = rest.iter().take(MAX_NAME_LEN).take_while(|byte| class(**byte) & RUN != 0).count();
        match rest.get(name) {
            None => name == 0,
            Some(b'=' | b':') => name > 0,
            Some(byte) => name == 0 && class(*byte) & (SPACE | WALL) != 0,
        }
    }
}

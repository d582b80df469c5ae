//! Names and values inside a value: query, matrix and form parameters, JSON members, header-like text.
//!
//! A secret's value runs to what parts it from the next pair, whatever it holds on the way.

use super::bytes::{RUN, SPACE, WALL, class};
use super::login;
use super::names::{self, Kind};
use super::scan::Scan;
use super::scheme;

/// How far ahead a name is looked for. Longer ones do not occur, and the walk stays linear.
const MAX_NAME_LEN: usize = 64;

/// What the name and the delimiter before a value say about its end.
#[derive(Clone, Copy)]
struct Place {
    /// Behind a colon, not an equals sign.
    colon: bool,
    /// A member of an object.
    json: bool,
    /// How often the delimiter was percent-encoded.
    encoding: usize,
}

/// A value without its quotes, and where to go on.
#[derive(Clone, Copy)]
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
        if to == from || colon && self.bytes[at + 1..].starts_with(b"//") {
            return at + 1;
        }
        if colon && self.in_path {
            return self.labelled_tail(from, at);
        }
        self.key = Some((from, to));
        let kind = self.kind(from, to, at);
        let harmless = match kind {
            Kind::Plain => true,
            Kind::Login => !login::holds_password(self.word_after(at + 1)),
            _ => self.labels_signature(from, to),
        };
        if harmless {
            return at + 1;
        }
        let json = colon && to < at;
        let encoding = self.mask.encoding(if json { at.min(to) } else { at }).max(self.mask.encoding(at));
        let found = self.value_after(at + 1, Place { colon, json, encoding }, kind);
        if kind == Kind::Login || !kind.admits(&self.bytes[found.start..found.end]) {
            self.mask.hide(found.start, found.end);
        }
        self.restart_chunk(found.next);
        found.next
    }

    /// What the name says, or the pair before: `{"name": "password", "value": "abc"}`.
    fn kind(&mut self, from: usize, to: usize, at: usize) -> Kind {
        const NAMES: [&[u8]; 6] = [b"name", b"key", b"field", b"header", b"param", b"parameter"];
        const VALUES: [&[u8]; 4] = [b"value", b"val", b"content", b"data"];
        let name = &self.bytes[from..to];
        let is_one_of = |list: &[&[u8]]| list.iter().any(|known| name.eq_ignore_ascii_case(known));
        if self.value_follows && is_one_of(&VALUES) {
            self.value_follows = false;
            return Kind::Secret;
        }
        if is_one_of(&NAMES) {
            self.value_follows = names::parameter(self.word_after(at + 1)).is_secret();
        }
        names::parameter(name)
    }

    /// `sig1=("@method")` in `Signature-Input` (RFC 9421) says what was signed.
    fn labels_signature(&self, from: usize, to: usize) -> bool {
        self.name.eq_ignore_ascii_case(b"signature-input")
            && self.bytes[from..to].starts_with(b"sig")
            && self.bytes[to..].starts_with(b"=(")
    }

    /// The name that ends before `at`: quotes, brackets and white space between do not matter (`"token" :`,
    /// `user[token]=`), nor does what is encoded deeper than the delimiter. It never reaches back over another
    /// delimiter, so that the walks of all pairs together are linear.
    fn name_before(&self, at: usize) -> (usize, usize) {
        let is_frame = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b']' | b'[' | b' ' | b'\t' | b'+');
        let frame = self.bytes[..at].iter().rev().take_while(|byte| is_frame(byte)).count();
        let to = at - frame;
        let quoted = self.bytes[to..at].iter().any(|byte| matches!(byte, b'"' | b'\''));
        let encoding = self.mask.encoding(at);
        let mut from = to;
        while from > 0 {
            let byte = self.bytes[from - 1];
            let ends =
                matches!(byte, b'=' | b':') || (ends_name(byte) && !(quoted && byte == b' ') && self.mask.encoding(from - 1) <= encoding);
            if ends {
                break;
            }
            from -= 1;
        }
        (from, to)
    }

    fn word_after(&self, at: usize) -> &[u8] {
        let rest = &self.bytes[at..];
        let frame = rest.iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b' ' | b'+')).count();
        let word = &rest[frame..];
        let ends = |byte: &u8| class(*byte) & (SPACE | WALL) != 0 || matches!(byte, b'&' | b'=' | b',' | b';');
        &word[..word.iter().take_while(|byte| !ends(byte)).count()]
    }

    /// The value that starts at `at`, without its quotes.
    fn value_after(&self, at: usize, place: Place, kind: Kind) -> Found {
        let mut start = at + self.space(at, place);
        if start < self.bytes.len() && self.mask.encoding(start) > place.encoding {
            // A quote that is encoded deeper than the `=` belongs to the value: `password=%22a`.
            return self.bare(at, place);
        }
        let escaped = self.bytes[start..].starts_with(b"\\");
        start += usize::from(escaped);
        match self.bytes.get(start) {
            Some(quote @ (b'"' | b'\'')) => {
                let end = self.quote_end(start + 1, *quote, escaped);
                let next = self.bytes.len().min(end + 1 + usize::from(escaped));
                self.with_tail(Found { start: start + 1, end, next }, place)
            }
            Some(b'[' | b'{') if place.json || !place.colon => {
                let end = self.bracket_end(start);
                self.with_tail(Found { start, end, next: end }, place)
            }
            _ if matches!(kind, Kind::Credentials | Kind::Cookie | Kind::SetCookie) => {
                let end = self.line_end(start, place);
                Found { start, end, next: end }
            }
            _ => self.bare(start, place),
        }
    }

    /// White space at `at`; forms encode it as `+`, which no member of an object starts with.
    fn space(&self, at: usize, place: Place) -> usize {
        self.bytes[at..].iter().take_while(|byte| class(**byte) & SPACE != 0 || (place.json && **byte == b'+')).count()
    }

    /// What stands behind a closing quote or bracket without parting the pair from the next: `{a}b`.
    fn with_tail(&self, found: Found, place: Place) -> Found {
        let rest = found.next + self.space(found.next, place);
        let is_over = place.json && self.bytes.get(rest).is_none_or(|byte| matches!(byte, b',' | b'}' | b']'));
        let end = if is_over { found.next } else { self.bare_end(found.next, place) };
        if end == found.next { found } else { Found { start: found.start, end, next: end } }
    }

    fn bare(&self, start: usize, place: Place) -> Found {
        let end = self.bare_end(start, place);
        Found { start, end, next: end }
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

    /// The end of credentials, which may have parameters of their own.
    fn line_end(&self, start: usize, place: Place) -> usize {
        let is_parameter = self.is_url || !place.colon;
        let ends = |at: usize| self.closes(at) || (is_parameter && self.bytes[at] == b'&' && self.mask.encoding(at) <= place.encoding);
        (start..self.bytes.len()).find(|at| ends(*at)).unwrap_or(self.bytes.len())
    }

    /// Where a value without quotes ends. Passwords hold almost anything, so most delimiters only end it where a
    /// name follows, and none that is encoded deeper than the `=` before the value (`password=a%26b`).
    fn bare_end(&self, start: usize, place: Place) -> usize {
        let ends = |at: usize| {
            self.mask.encoding(at) <= place.encoding
                && match self.bytes[at] {
                    b'&' => true,
                    b'/' | b'?' => self.in_path,
                    b'}' | b']' if place.json => true,
                    b',' | b';' | b'#' | b'|' | b')' => self.name_follows(at + 1),
                    byte if class(byte) & SPACE != 0 => {
                        self.name_follows(at + 1) && !scheme::is_known(self.bytes[start..at].trim_ascii_end())
                    }
                    _ => self.closes(at),
                }
        };
        (start..self.bytes.len()).find(|at| ends(*at)).unwrap_or(self.bytes.len())
    }

    /// Whether `at` starts something else than more of the same value: nothing, or `name=`.
    fn name_follows(&self, at: usize) -> bool {
        const MAX_GAP: usize = 8;
        let rest = &self.bytes[at..];
        let gap = rest.iter().take(MAX_GAP).take_while(|byte| class(**byte) & SPACE != 0 || **byte == b'+').count();
        let rest = &rest[gap..];
        let Some(first) = rest.first() else {
            return true;
        };
        let rest = &rest[usize::from(matches!(first, b'"' | b'\''))..];
        let name = rest.iter().take(MAX_NAME_LEN).take_while(|byte| class(**byte) & RUN != 0).count();
        let rest = &rest[name..];
        let rest = &rest[usize::from(matches!(rest.first(), Some(b'"' | b'\'')))..];
        // Padding is no value: `Bearer YWI=`.
        let has_value = |byte: &u8| class(*byte) & SPACE == 0 && *byte != b'=';
        match rest {
            [b':', ..] => name > 0,
            [b'=', value, ..] => name > 0 && has_value(value),
            _ => false,
        }
    }
}

/// What stands before the name of a pair. Anything else may be part of the name, if only to disguise it.
fn ends_name(byte: u8) -> bool {
    class(byte) & SPACE != 0
        || matches!(
            byte,
            b'&' | b'?' | b';' | b',' | b'{' | b'}' | b'(' | b')' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'|' | b'#' | b'/' | b'\\'
        )
}

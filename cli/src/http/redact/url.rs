//! The authority of a URL: userinfo before its `@`, and labels of the host that are tokens.

use super::bytes::{JOINER, RUN, SPACE, WALL, class, span_without};
use super::random::{self, Allowed, Tally};
use super::scan::Scan;
use super::vendor;

impl Scan<'_, '_> {
    /// Reads the authority that begins at `start`, behind `//`; returns where to go on.
    pub(super) fn authority(&mut self, start: usize) -> usize {
        let encoding = self.mask.encoding(start.saturating_sub(1));
        let mut end = start;
        while end < self.bytes.len() && !(ends_authority(self.bytes[end]) && self.mask.encoding(end) <= encoding) {
            if self.raw && self.bytes[end] == b'%' {
                return end; // The walk ends here, and starts again decoded.
            }
            end += 1;
        }
        let host = match self.bytes[start..end].iter().rposition(|byte| *byte == b'@') {
            Some(at) => {
                self.mask.hide(start, start + at);
                start + at + 1
            }
            None => start,
        };
        let cut = end == self.bytes.len() && self.bytes.ends_with(b":");
        if !cut && !port_is_number(&self.bytes[host..end]) {
            // Userinfo that was cut before its `@`, or a password that holds a `/`: no port looks like this, and
            // nobody writes an empty one.
            end += span_without(&self.bytes[end..], SPACE | WALL);
            self.mask.hide(host, end);
        } else {
            self.labels(host, end);
        }
        self.in_path = true;
        self.restart_chunk(end);
        end
    }

    /// Masks labels of a host name that are tokens or random strings.
    pub(super) fn labels(&mut self, start: usize, end: usize) {
        let mut from = start;
        for label in self.bytes[start..end].split(|byte| !(class(*byte) & RUN != 0 && *byte != b'.')) {
            let random = label.len() >= random::MIN_LEN && Tally::of(label, Allowed::Ids).is_secret();
            if random || holds_vendor_token(label) {
                self.mask.hide(from, from + label.len());
            }
            from += label.len() + 1;
        }
    }

    /// `user:password@` where no `//` stands before it.
    pub(super) fn userinfo_before(&mut self, at: usize) {
        const NAMES_A_PERSON: [&[u8]; 6] = [b"mailto", b"sip", b"sips", b"acct", b"xmpp", b"im"];
        if let Some(colon) = self.chunk_colon {
            let user = &self.bytes[self.chunk..colon];
            if !NAMES_A_PERSON.iter().any(|scheme| user.eq_ignore_ascii_case(scheme)) {
                self.mask.hide(self.chunk, at);
            }
        }
        self.restart_chunk(at + 1);
    }
}

fn ends_authority(byte: u8) -> bool {
    class(byte) & (SPACE | WALL) != 0 || matches!(byte, b'/' | b'?' | b'#')
}

fn holds_vendor_token(label: &[u8]) -> bool {
    let starts_word = |at: usize| at == 0 || class(label[at - 1]) & JOINER != 0;
    (0..label.len()).any(|at| starts_word(at) && vendor::starts_token(&label[at..], false))
}

/// Whether what follows the host's colon, if there is one, can be a port. IPv6 addresses have colons of their own.
fn port_is_number(host: &[u8]) -> bool {
    let host = host.iter().position(|byte| matches!(byte, b',' | b';' | b')' | b'|' | b'\'')).map_or(host, |end| &host[..end]);
    let after_address = host.iter().rposition(|byte| *byte == b']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = host[after_address..].iter().position(|byte| *byte == b':') else {
        return true;
    };
    let port = &host[after_address + colon + 1..];
    // Without brackets, as in `X-Forwarded-For`; one colon alone may be a password's.
    let is_address = port.contains(&b':') && host.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'));
    (!port.is_empty() && port.iter().all(u8::is_ascii_digit)) || is_address
}

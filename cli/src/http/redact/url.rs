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

/// How much of what follows `scheme://` in a target is its authority. Where no port stands behind the first colon, that
/// colon is a password's, and `/`, `?` and `#` before the last `@` are part of it; without any `@` all may be.
pub(in crate::http) fn authority_len(rest: &[u8]) -> usize {
    let end = rest.iter().position(|byte| ends_authority(*byte)).unwrap_or(rest.len());
    let host = rest[..end].iter().rposition(|byte| *byte == b'@').map_or(0, |at| at + 1);
    if port_is_number(&rest[host..end]) || rest[host..end].ends_with(b":") {
        return end;
    }
    let Some(at) = rest.iter().rposition(|byte| *byte == b'@').filter(|at| *at >= end) else {
        return rest.len();
    };
    at + rest[at..].iter().position(|byte| ends_authority(*byte)).unwrap_or(rest.len() - at)
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
    is_port(port) || is_address
}

/// A password of so few digits is not told from a port.
fn is_port(text: &[u8]) -> bool {
    const MAX_DIGITS: usize = 5;
    if text.len() > MAX_DIGITS {
        return false;
    }
    let number = text.iter().try_fold(0_u32, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')));
    !text.is_empty() && number.is_some_and(|number| number <= u32::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_without_a_port_reaches_to_the_last_at_sign() {
        for (rest, authority) in [
            ("h/a", "h"),
            ("h:80/a?b=c@d", "h:80"),
            ("h:/a", "h:"),
            ("bob:pw@h:80/a", "bob:pw@h:80"),
            ("bob:a/b@h/c", "bob:a/b@h"),
            ("bob:a?b#c@h", "bob:a?b#c@h"),
            ("bob:a/b@c@h?d", "bob:a/b@c@h"),
            ("bob:a/b", "bob:a/b"),
            ("[::1]:80/a", "[::1]:80"),
        ] {
            assert_eq!(&rest[..authority_len(rest.as_bytes())], authority, "{rest}");
        }
    }

    #[test]
    fn a_port_has_sixteen_bits() {
        for (text, expected) in [("0", true), ("65535", true), ("65536", false), ("000080", false), ("", false), ("8o", false)] {
            assert_eq!(is_port(text.as_bytes()), expected, "{text}");
        }
    }
}

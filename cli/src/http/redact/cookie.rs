//! Cookies: their names and attributes may be shown, their values never.

use super::mask::STARS;
use super::{holds_secret, whole};

/// `a=1; b=2` as `a=***; b=***`. A name that is a secret itself is hidden; a pair without a name is a value.
pub(super) fn request(value: &[u8], out: &mut Vec<u8>) -> bool {
    let mut hidden = false;
    for (n, cookie) in value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).enumerate() {
        if n > 0 {
            out.extend_from_slice(b"; ");
        }
        hidden |= pair(cookie, out);
    }
    hidden
}

/// `a=1; Path=/; HttpOnly` as `a=***; Path=/; HttpOnly`. What is no attribute of RFC 6265bis may be the tail of a
/// value that holds a `;`.
pub(super) fn response(value: &[u8], out: &mut Vec<u8>) -> bool {
    let mut parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let mut hidden = pair(parts.next().unwrap_or_default(), out);
    for part in parts {
        out.extend_from_slice(b"; ");
        hidden |= attribute(part, out);
    }
    hidden
}

fn pair(cookie: &[u8], out: &mut Vec<u8>) -> bool {
    if cookie.is_empty() {
        return false;
    }
    let equals = cookie.iter().position(|byte| *byte == b'=');
    // Only padding behind the first `=`: a bare base64 value, not a name.
    if let Some(equals) = equals.filter(|at| cookie[*at..].iter().any(|byte| *byte != b'=')) {
        let name = cookie[..equals].trim_ascii();
        let readable = name.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b'\\'));
        if readable {
            whole(name, out);
        } else {
            out.extend_from_slice(STARS);
        }
        out.push(b'=');
    }
    out.extend_from_slice(STARS);
    true
}

fn attribute(part: &[u8], out: &mut Vec<u8>) -> bool {
    let equals = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
    let (name, value) = part.split_at(equals);
    let known = |names: &[&str]| names.iter().any(|known| name.trim_ascii().eq_ignore_ascii_case(known.as_bytes()));
    let shown = match value.strip_prefix(b"=") {
        None => part.is_empty() || known(&["Secure", "HttpOnly", "Partitioned"]),
        Some(value) => known(&["Path", "Domain", "Expires", "Max-Age", "SameSite", "Priority"]) && is_harmless(value.trim_ascii()),
    };
    out.extend_from_slice(if shown { part } else { STARS });
    !shown
}

/// Two cookies joined by a comma hide the second one in an attribute of the first.
fn is_harmless(value: &[u8]) -> bool {
    !value.contains(&b'=') && !holds_secret(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(mask: impl Fn(&[u8], &mut Vec<u8>) -> bool, value: &str) -> String {
        let mut out = Vec::new();
        mask(value.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn keeps_the_names_of_request_cookies() {
        for (value, expected) in [
            ("a=1; b=2", "a=***; b=***"),
            ("a=1;b=\"x=y\"", "a=***; b=***"),
            ("a=1;\r\n b=2", "a=***; b=***"),
            ("ghp_x=1", "***=***"),
            ("bare", "***"),
            ("dGVzdA==", "***"),
            ("a=\"x;y\"", "a=***; ***"),
            ("not a name=1", "***=***"),
            ("a=1;", "a=***; "),
        ] {
            assert_eq!(shown(request, value), expected, "{value}");
        }
    }

    #[test]
    fn keeps_the_attributes_of_response_cookies() {
        for (value, expected) in [
            ("sid=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax", "sid=***; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax"),
            ("sid=abc; expires=Wed, 21 Oct 2026 07:28:00 GMT", "sid=***; expires=Wed, 21 Oct 2026 07:28:00 GMT"),
            ("a=1; Path=/, b=secret", "a=***; ***"),
            ("a=x;y; Path=/", "a=***; ***; Path=/"),
            ("a=1; Path=/reset/7MA4YWxkTrZu0gWq9", "a=***; ***"),
            ("a", "***"),
        ] {
            assert_eq!(shown(response, value), expected, "{value}");
        }
    }
}

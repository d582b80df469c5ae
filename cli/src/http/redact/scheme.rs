//! HTTP authentication schemes: which may be shown, and which word before a string makes it a credential.

use super::mask::STARS;

/// The IANA "HTTP Authentication Schemes" registry. A value's first word is shown only if it is one of these: any
/// other first word may be part of the secret.
const REGISTERED: &[&[u8]] = &[
    b"Basic",         // RFC 7617
    b"Bearer",        // RFC 6750
    b"Concealed",     // RFC 9729
    b"Digest",        // RFC 7616
    b"DPoP",          // RFC 9449
    b"GNAP",          // RFC 9635
    b"HOBA",          // RFC 7486
    b"Mutual",        // RFC 8120
    b"Negotiate",     // RFC 4559
    b"OAuth",         // RFC 5849
    b"PrivateToken",  // RFC 9577
    b"SCRAM-SHA-1",   // RFC 7804
    b"SCRAM-SHA-256", // RFC 7804
    b"vapid",         // RFC 8292
];

/// Not registered, but in use before a credential.
const UNREGISTERED: &[&[u8]] = &[b"ApiKey", b"AWS4-HMAC-SHA256", b"Hawk", b"NTLM", b"Token"];

pub(super) fn is_registered(word: &[u8]) -> bool {
    REGISTERED.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

pub(super) fn is_known(word: &[u8]) -> bool {
    /// Bit n: a scheme has n letters.
    const LENGTHS: u32 = 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 16;
    word.len() < 32
        && LENGTHS & (1 << word.len()) != 0
        && (is_registered(word) || UNREGISTERED.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)))
}

/// Bearer and Basic: what follows is a credential whatever it looks like.
pub(super) fn is_always_followed_by_credentials(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"Bearer") || word.eq_ignore_ascii_case(b"Basic")
}

/// Shows `Bearer ***` for `Bearer abc`, `***` for what has no registered scheme; true when something was hidden.
pub(super) fn mask(value: &[u8], out: &mut Vec<u8>) -> bool {
    let value = value.trim_ascii();
    let scheme_len = value.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    let (scheme, credentials) = value.split_at(scheme_len);
    if is_registered(scheme) {
        out.extend_from_slice(scheme);
        if credentials.is_empty() {
            return false;
        }
        out.push(b' ');
    }
    if !value.is_empty() {
        out.extend_from_slice(STARS);
    }
    !value.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_scheme_only_if_it_is_registered() {
        for (value, shown) in [
            ("Bearer abc", "Bearer ***"),
            ("bearer   abc def", "bearer ***"),
            ("Basic dXNlcjpwYXNz", "Basic ***"),
            ("SCRAM-SHA-256 data=abc", "SCRAM-SHA-256 ***"),
            ("Digest username=\"bob\",\r\n response=\"abc\"", "Digest ***"),
            ("AWS4-HMAC-SHA256 Credential=AKIA/x", "***"),
            ("hunter2 hunter3", "***"),
            ("hunter2", "***"),
            ("Bearer:abc", "***"),
            ("Negotiate", "Negotiate"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            assert_eq!(mask(value.as_bytes(), &mut out), shown.contains("***"), "{value}");
            assert_eq!(String::from_utf8_lossy(&out), shown, "{value}");
        }
    }
}

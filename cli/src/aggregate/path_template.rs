//! Paths without what differs from request to request: `/users/4711` is `/users/{id}`.
//!
//! Decided from the shape of each segment alone, so that the same path has the same template in every run.

use std::net::IpAddr;

/// What a template is cut to, in bytes: nobody reads on, and whoever chooses paths must not choose how much memory they take.
const MAX_LEN: usize = 512;

/// Writes the template of a path after what is in `out`. The query is left out.
pub fn push(out: &mut Vec<u8>, path: &[u8]) {
    let start = out.len();
    let path = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or(path);
    for (place, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if place > 0 {
            out.push(b'/');
        }
        push_segment(out, segment);
        if out.len() - start > MAX_LEN {
            out.truncate(start + MAX_LEN);
            out.extend_from_slice("…".as_bytes());
            return;
        }
    }
}

fn push_segment(out: &mut Vec<u8>, segment: &[u8]) {
    // Most are words, and nothing below is one.
    if segment.iter().all(u8::is_ascii_alphabetic) {
        return out.extend_from_slice(segment);
    }
    if let Some(name) = kind(segment) {
        return out.extend_from_slice(name);
    }
    // `4711:cancel`, `4711.json`.
    let mark = segment.iter().rposition(|byte| matches!(byte, b'.' | b':')).filter(|at| is_word(&segment[at + 1..]));
    if let Some(name) = mark.and_then(|at| kind(&segment[..at])) {
        out.extend_from_slice(name);
        return out.extend_from_slice(&segment[mark.unwrap_or(0)..]);
    }
    // `order-20017`.
    let digits = segment.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (stem, number) = segment.split_at(segment.len() - digits);
    let is_marked = stem.ends_with(b"-") || stem.ends_with(b"_");
    if (NUMBERED_DIGITS..=20).contains(&digits) && is_marked && !is_year(number) && !is_date(number) {
        out.extend_from_slice(stem);
        return out.extend_from_slice(b"{id}");
    }
    out.extend_from_slice(segment);
}

/// Digits after a name that number things: fewer may be a version, as in `gpt-4` or `sha-256`.
const NUMBERED_DIGITS: usize = 4;

/// The placeholder for a segment that is one of many.
fn kind(segment: &[u8]) -> Option<&'static [u8]> {
    Some(if segment.is_empty() {
        return None;
    } else if is_date(segment) {
        b"{date}"
    } else if segment.iter().all(u8::is_ascii_digit) {
        b"{id}"
    } else if is_uuid(segment) {
        b"{uuid}"
    } else if is_hash(segment) {
        b"{hash}"
    } else if is_address(segment) {
        b"{ip}"
    } else if is_mail(segment) {
        b"{email}"
    } else if is_identifier(segment) {
        b"{id}"
    } else {
        return None;
    })
}

fn is_word(text: &[u8]) -> bool {
    (1..=32).contains(&text.len()) && text[0].is_ascii_alphabetic() && text.iter().all(u8::is_ascii_alphanumeric)
}

/// `2026-11-22`, `20261122`, and either with a time after it (RFC 3339).
fn is_date(text: &[u8]) -> bool {
    let number = |digits: &[u8]| digits.iter().fold(0_u32, |number, digit| number * 10 + u32::from(digit.wrapping_sub(b'0')));
    let is_day = |year: &[u8], month: &[u8], day: &[u8]| {
        let is_number = [year, month, day].iter().all(|part| part.iter().all(u8::is_ascii_digit));
        is_number && is_year(year) && (1..=12).contains(&number(month)) && (1..=31).contains(&number(day))
    };
    let rest = match text {
        [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, rest @ ..] if is_day(&[*y1, *y2, *y3, *y4], &[*m1, *m2], &[*d1, *d2]) => rest,
        [y1, y2, y3, y4, m1, m2, d1, d2, rest @ ..] if is_day(&[*y1, *y2, *y3, *y4], &[*m1, *m2], &[*d1, *d2]) => rest,
        _ => return false,
    };
    match rest {
        [] => true,
        [b'T' | b't', time @ ..] => !time.is_empty() && time.iter().all(|byte| byte.is_ascii_digit() || b":.+-Zz%".contains(byte)),
        _ => false,
    }
}

fn is_year(text: &[u8]) -> bool {
    matches!(text, [b'1', b'9', ..] | [b'2', b'0', ..]) && text.len() == 4 && text.iter().all(u8::is_ascii_digit)
}

/// RFC 9562 section 4, with its hyphens.
fn is_uuid(text: &[u8]) -> bool {
    let at_hyphen = |place: usize| matches!(place, 8 | 13 | 18 | 23);
    text.len() == 36 && text.iter().enumerate().all(|(place, byte)| if at_hyphen(place) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// Digits and letters of a hash or an object's id in hexadecimal.
fn is_hash(text: &[u8]) -> bool {
    const SHORTEST: usize = 12;
    text.len() >= SHORTEST && text.iter().all(u8::is_ascii_hexdigit) && text.iter().any(u8::is_ascii_digit)
}

fn is_address(text: &[u8]) -> bool {
    let is_candidate = text.contains(&b'.') || text.contains(&b':');
    is_candidate && std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

fn is_mail(text: &[u8]) -> bool {
    let mut halves = text.splitn(2, |byte| *byte == b'@');
    let (name, domain) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    !name.is_empty() && domain.contains(&b'.')
}

/// Letters and digits as nobody writes them: ULIDs, KSUIDs, `msg_01XFDUDYJgAACzvnptvVoYEL`, `chatcmpl-9xK2mQ7vB4`.
fn is_identifier(text: &[u8]) -> bool {
    /// A name as in `msg_`, and the least that follows it.
    const LONGEST_NAME: usize = 16;
    const SHORTEST_REST: usize = 8;
    const SHORTEST: usize = 20;
    /// Where upper and lower case tell as much as digits do.
    const SHORTEST_MIXED: usize = 16;
    let is_mixed = |text: &[u8]| {
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        let changes = text.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
        let is_mixed_case = text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase);
        let is_random = changes >= 2 || is_mixed_case && text.len() >= SHORTEST_MIXED;
        text.iter().all(u8::is_ascii_alphanumeric) && (1..text.len()).contains(&digits) && is_random
    };
    if text.len() >= SHORTEST && is_mixed(text) {
        return true;
    }
    let Some(mark) = text.iter().position(|byte| matches!(byte, b'_' | b'-')) else { return false };
    let (name, rest) = (&text[..mark], &text[mark + 1..]);
    is_word(name) && name.len() <= LONGEST_NAME && rest.len() >= SHORTEST_REST && is_mixed(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: &str) -> String {
        let mut out = Vec::new();
        push(&mut out, path.as_bytes());
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn what_differs_from_request_to_request_is_folded() {
        for (path, folded) in [
            ("/users/4711", "/users/{id}"),
            ("/users/4711/orders/12?page=2", "/users/{id}/orders/{id}"),
            ("/users/1b4e28ba-2fa1-11d2-883f-0016d3cca427/avatar.png", "/users/{uuid}/avatar.png"),
            ("/blobs/1B4E28BA-2FA1-11D2-883F-0016D3CCA427.png", "/blobs/{uuid}.png"),
            ("/objects/507f1f77bcf86cd799439011", "/objects/{hash}"),
            ("/commits/da39a3ee5e6b4b0d3255bfef95601890afd80709.diff", "/commits/{hash}.diff"),
            ("/reports/2026-11-22", "/reports/{date}"),
            ("/reports/20261122/summary", "/reports/{date}/summary"),
            ("/since/2026-11-22T10:11:12Z", "/since/{date}"),
            ("/orders/order-20017", "/orders/order-{id}"),
            ("/jobs/4711:cancel", "/jobs/{id}:cancel"),
            ("/jobs/4711.json", "/jobs/{id}.json"),
            ("/hosts/10.1.2.3/metrics", "/hosts/{ip}/metrics"),
            ("/hosts/fe80::1", "/hosts/{ip}"),
            ("/accounts/a.b@example.com", "/accounts/{email}"),
            ("/v1/messages/msg_01XFDUDYJgAACzvnptvVoYEL", "/v1/messages/{id}"),
            ("/v1/threads/thread_abc123def456", "/v1/threads/{id}"),
            ("/u/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/u/{id}"),
        ] {
            assert_eq!(template(path), folded, "{path}");
        }
    }

    #[test]
    fn names_stay() {
        for path in [
            "/",
            "",
            "*",
            "/v1/chat/completions",
            "/v1/models/gpt-4o-mini",
            "/v1/models/claude-3-5-sonnet-20241022",
            "/v1/models/text-embedding-3-small",
            "/v1beta/models/gemini-2.0-flash:generateContent",
            "/docs/sha-256/utf-8",
            "/archive/report-2024",
            "/deadbeef/facade/decade",
            "/static/app.min.js",
            "/a//b/",
            "/users/***/keys",
        ] {
            assert_eq!(template(path), path);
        }
    }

    #[test]
    fn absurd_paths_are_cut() {
        let long = template(&format!("/{}", "a/".repeat(100_000)));
        assert_eq!((long.len(), long.ends_with('…')), (MAX_LEN + "…".len(), true));
        template(&"/%ff\u{0}{}".repeat(50));
        let mut out = b"GET ".to_vec();
        push(&mut out, b"/\xff\xfe/7");
        assert_eq!(out, b"GET /\xff\xfe/{id}");
    }
}

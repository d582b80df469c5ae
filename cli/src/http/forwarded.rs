//! Who a request is from, as the proxies on its way say: `Forwarded` (RFC 7239), else `X-Forwarded-For`.
//!
//! Only an IP address is ever taken from these fields; whatever else they hold is not kept.

use std::net::{IpAddr, Ipv6Addr};

use super::sent::{Field, Known, Sent};

/// What a request's fields say of its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Client {
    /// Nothing: no such field, or empty ones.
    #[default]
    Unsaid,
    /// That there is another one than the sender, but not its address: `unknown`, an obfuscated identifier, or nonsense.
    Unknown,
    /// Its address.
    Address(IpAddr),
}

impl Client {
    /// From the leftmost element of the field that takes precedence. Several lines of a field are one list (RFC 9110 section
    /// 5.3), and its empty elements do not count (section 5.6.1).
    pub(super) fn of(head: &Sent<'_>) -> Self {
        if !head.is_whole {
            // The field that takes precedence may be missing, or cut within an address.
            return Self::Unknown;
        }
        let first = |name: Known| lines(head.fields, name).find_map(|value| elements(value).find(|element| !element.is_empty()));
        let address = match (first(Known::Forwarded), first(Known::ForwardedFor)) {
            (Some(element), _) => forwarded_for(element),
            (None, Some(element)) => node(element),
            (None, None) => return Self::Unsaid,
        };
        address.map_or(Self::Unknown, Self::Address)
    }
}

fn lines<'a>(fields: &[Field<'a>], name: Known) -> impl Iterator<Item = &'a [u8]> {
    fields.iter().filter(move |field| field.known == name).map(|field| field.value)
}

fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    unquoted(value, b',').map(<[u8]>::trim_ascii)
}

/// Splits where `separator` stands outside of quoted strings (RFC 9110 section 5.6.4).
fn unquoted(bytes: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.split(move |byte| {
        let is_separator = !quoted && *byte == separator;
        quoted ^= *byte == b'"' && !escaped;
        escaped = quoted && *byte == b'\\' && !escaped;
        is_separator
    })
}

/// RFC 7239 section 4: `for=192.0.2.60;proto=http;by=203.0.113.43`, names in any case. A parameter may not occur twice.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let value = |pair: &[u8]| -> Option<Vec<u8>> {
        let (name, value) = pair.split_at_checked(4)?;
        if name.eq_ignore_ascii_case(b"for=") { Some(unquote(value).unwrap_or_default()) } else { None }
    };
    let mut values = unquoted(element, b';').filter_map(|pair| value(pair.trim_ascii()));
    let first = values.next()?;
    if values.next().is_some() { None } else { node(&first) }
}

/// A token as it is, a quoted string without its quotes and backslashes; `None` when it does not end.
fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = value.strip_prefix(b"\"") else { return Some(value.to_vec()) };
    let quoted = quoted.strip_suffix(b"\"")?;
    let mut text = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return None,
            b'\\' => text.push(*bytes.next()?),
            _ => text.push(*byte),
        }
    }
    Some(text)
}

/// The IP address of a node (RFC 7239 section 6), without its port. Proxies write IPv6 addresses without brackets too.
fn node(node: &[u8]) -> Option<IpAddr> {
    let node = std::str::from_utf8(node).ok()?;
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let is_node = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return address.parse::<Ipv6Addr>().ok().filter(|_| is_node).map(|address| address.to_canonical());
    }
    if let Some((address, port)) = node.split_once(':')
        && !port.contains(':')
    {
        return address.parse().ok().filter(|_| is_port(port)).map(IpAddr::V4);
    }
    node.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// RFC 7239 section 6: up to five digits, or an obfuscated port.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exchange::Flags;
    use super::super::raw;
    use super::*;

    /// `src`: not said; `null`: unknown; else the address.
    fn client(fields: &str) -> String {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
        match Client::of(&raw::parse(head.as_bytes(), &mut raw::Fields::new()).expect("a head").sent()) {
            Client::Unsaid => "src".to_owned(),
            Client::Unknown => "null".to_owned(),
            Client::Address(address) => address.to_string(),
        }
    }

    #[test]
    fn reads_forwarded() {
        for (value, expected) in [
            // RFC 7239 sections 4 and 6.
            ("for=\"_gazonk\"", "null"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", "192.0.2.43"),
            ("for=192.0.2.43,for=198.51.100.17;by=203.0.113.60;proto=http;host=example.com", "192.0.2.43"),
            ("for=_hidden, for=_SEVKISEK", "null"),
            ("for=unknown, for=192.0.2.1", "null"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=\"192.0.2.43:_port.1\"", "192.0.2.43"),
            ("proto=https;FOR=192.0.2.1", "192.0.2.1"),
            ("by=\"a, for=1.1.1.1; for=2.2.2.2\" ; for=192.0.2.1", "192.0.2.1"),
            ("by=\"\\\"; for=1.1.1.1\";for=192.0.2.1", "192.0.2.1"),
            ("by=\"\\\\\";for=192.0.2.1", "192.0.2.1"),
            ("for=\"\\192.0.2.1\"", "192.0.2.1"),
            (" , ,for=192.0.2.1", "192.0.2.1"),
            ("for=\"[::ffff:192.0.2.1]\"", "192.0.2.1"),
            // As sent, if not as specified.
            ("for=192.0.2.43:80", "192.0.2.43"),
            ("for=[2001:db8::1]:80", "2001:db8::1"),
            ("for=2001:db8::1", "2001:db8::1"),
            // No element before the second one says who the client is.
            ("proto=https", "null"),
            ("proto=https, for=192.0.2.1", "null"),
            ("for=", "null"),
            ("for", "null"),
            ("for=\"\"", "null"),
            ("for = 192.0.2.1", "null"),
            ("for= 192.0.2.1", "null"),
            ("for=192.0.2.1;for=192.0.2.2", "null"),
            ("for=192.0.2.1;for=192.0.2.1", "null"),
            ("for=\"192.0.2.1", "null"),
            ("for=\"192.0.2.1, for=192.0.2.2", "null"),
            ("for=192.0.2.1\"", "null"),
            ("for=\"192.0.2.1\"x", "null"),
            ("for=\"192.0.2.1\\\"", "null"),
            ("for='192.0.2.1'", "null"),
            ("for=192.0.2", "null"),
            ("for=3221225985", "null"),
            ("for=0xc0.0.2.1", "null"),
            ("for=192.0.2.1 ignored", "null"),
            ("for=example.com", "null"),
            ("for=Bearer-s3cr3t", "null"),
            ("xfor=192.0.2.1", "null"),
            ("192.0.2.1", "null"),
            ("for=\u{ff11}92.0.2.1", "null"),
            ("", "src"),
            (" \t", "src"),
            (",,", "src"),
        ] {
            assert_eq!(client(&format!("Forwarded: {value}")), expected, "{value}");
        }
    }

    #[test]
    fn reads_x_forwarded_for() {
        for (value, expected) in [
            ("203.0.113.195", "203.0.113.195"),
            ("203.0.113.195, 2001:db8:85a3:8d3:1319:8a2e:370:7348, 10.0.0.1", "203.0.113.195"),
            ("2001:db8::1,10.0.0.1", "2001:db8::1"),
            ("1.2.3.4:80", "1.2.3.4"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("\t1.2.3.4 ,x", "1.2.3.4"),
            (", 1.2.3.4", "1.2.3.4"),
            ("unknown, 1.2.3.4", "null"),
            ("unknown", "null"),
            ("-", "null"),
            ("for=1.2.3.4", "null"),
            ("\"1.2.3.4\"", "null"),
            ("1.2.3.4:", "null"),
            ("1.2.3.4:x", "null"),
            ("1.2.3.4:123456", "null"),
            ("1.2.3.4:-1", "null"),
            ("1.2.3.4:_", "null"),
            ("1.2.3.4:_a b", "null"),
            ("[1.2.3.4]", "null"),
            ("[2001:db8::1", "null"),
            ("[2001:db8::1]80", "null"),
            ("[2001:db8::1]:", "null"),
            ("2001:db8::1]", "null"),
            ("[]", "null"),
            ("fe80::1%eth0", "null"),
            ("[fe80::1%25eth0]", "null"),
            ("01.2.3.4", "null"),
            ("1.2.3", "null"),
            ("1.2.3.4/24", "null"),
            ("1.2.3.4 5.6.7.8", "null"),
            ("1.2.3.4;5.6.7.8", "null"),
            (":80", "null"),
            (":", "null"),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "null"),
            ("alice@example.com, 1.2.3.4", "null"),
            ("", "src"),
            (", ,", "src"),
        ] {
            assert_eq!(client(&format!("x-forwarded-for: {value}")), expected, "{value}");
        }
    }

    #[test]
    fn forwarded_takes_precedence_even_if_it_says_unknown() {
        for (fields, expected) in [
            ("X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.2", "192.0.2.2"),
            ("Forwarded: for=unknown\r\nX-Forwarded-For: 192.0.2.1", "null"),
            ("Forwarded:\r\nX-Forwarded-For: 192.0.2.1", "192.0.2.1"),
            ("Forwarded: for=192.0.2.2\r\nX-Forwarded-For:", "192.0.2.2"),
            ("Host: x", "src"),
        ] {
            assert_eq!(client(fields), expected, "{fields}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        for (fields, expected) in [
            ("Forwarded: for=192.0.2.1\r\nForwarded: for=192.0.2.2", "192.0.2.1"),
            ("FORWARDED: for=_a\r\nforwarded: for=192.0.2.2", "null"),
            ("Forwarded:\r\nForwarded: for=192.0.2.2", "192.0.2.2"),
            ("X-Forwarded-For: 192.0.2.1\r\nHost: x\r\nX-FORWARDED-FOR: 192.0.2.2", "192.0.2.1"),
            ("X-Forwarded-For: ,\r\nX-Forwarded-For: 192.0.2.2", "192.0.2.2"),
            ("X-Forwarded-For:\r\n 192.0.2.1,\r\n\t192.0.2.2", "192.0.2.1"),
        ] {
            assert_eq!(client(fields), expected, "{fields}");
        }
    }

    #[test]
    fn what_a_cut_head_says_is_not_known() {
        let mut fields = raw::Fields::new();
        let mut head = raw::parse(b"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n", &mut fields).expect("the start of a head");
        assert_eq!(Client::of(&head.sent()), Client::Address([192, 0, 2, 1].into()));
        head.flags |= Flags::TRUNCATED;
        assert_eq!(Client::of(&head.sent()), Client::Unknown);
    }

    #[test]
    fn long_lists_are_read_no_further_than_their_first_element() {
        let fields = format!("X-Forwarded-For: {}192.0.2.1{}", ",".repeat(50_000), ",x".repeat(20_000));
        assert_eq!(client(&fields), "192.0.2.1");
    }
}

//! The PROXY protocol: what a proxy that relays TCP says of its client before the first byte of it.
//!
//! Source: HAProxy's proxy-protocol.txt, sections 2.1 (version 1, a line of text) and 2.2 (version 2, binary). Where in a
//! connection a header may stand is for `messages` to know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::stream::Endpoint;

/// Section 2.1: the longest line, with its CRLF.
const MAX_V1: usize = 107;
/// A header of version 2 may be 65,551 bytes long, nearly all of it extensions (TLVs). What proxies send, certificates'
/// names included, is far below this; a longer one is taken for none.
const MAX_V2: usize = 4096;

const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length.
const V2_FIXED: usize = 16;

/// What the bytes at the start of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proxy {
    /// Perhaps a header: more bytes are needed to tell.
    Partial,
    /// No header.
    No,
    /// A header of `len` bytes. `client` is who connected to the proxy; `None` when the header leaves that to the connection
    /// itself (`UNKNOWN`, `LOCAL`), or names no IP address.
    Header { len: usize, client: Option<Endpoint> },
}

/// Looks at the first bytes of a connection.
pub(super) fn parse(bytes: &[u8]) -> Proxy {
    if shares_start(bytes, V1) {
        version_1(bytes)
    } else if shares_start(bytes, V2) {
        version_2(bytes)
    } else {
        Proxy::No
    }
}

/// Whether the bytes start with a whole signature, so that they are no message even where the start of the connection was not
/// seen.
pub(super) fn is_signed(bytes: &[u8]) -> bool {
    (bytes.starts_with(V1) || bytes.starts_with(V2)) && parse(bytes) != Proxy::No
}

/// Whether one is the start of the other.
fn shares_start(bytes: &[u8], signature: &[u8]) -> bool {
    let shared = bytes.len().min(signature.len());
    bytes[..shared] == signature[..shared]
}

/// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n`, with `TCP6` or `UNKNOWN` too.
fn version_1(bytes: &[u8]) -> Proxy {
    let Some(rest) = bytes.strip_prefix(V1) else { return Proxy::Partial };
    if ![&b"TCP4 "[..], b"TCP6 ", b"UNKNOWN ", b"UNKNOWN\r"].iter().any(|protocol| shares_start(rest, protocol)) {
        return Proxy::No;
    }
    let limit = bytes.len().min(MAX_V1);
    let Some(newline) = memchr::memchr(b'\n', &bytes[..limit]) else {
        return if limit < MAX_V1 { Proxy::Partial } else { Proxy::No };
    };
    let len = newline + 1;
    let Some(line) = bytes[V1.len()..len].strip_suffix(b"\r\n") else { return Proxy::No };
    if line == b"UNKNOWN" || line.starts_with(b"UNKNOWN ") {
        return Proxy::Header { len, client: None };
    }
    match line_client(line) {
        Some(client) => Proxy::Header { len, client: Some(client) },
        None => Proxy::No,
    }
}

/// Protocol, source and destination address, source and destination port: all of them have to be right.
fn line_client(line: &[u8]) -> Option<Endpoint> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    let mut word = || words.next();
    let (protocol, source, destination) = (word()?, word()?, word()?);
    let (source_port, destination_port) = (port(word()?)?, port(word()?)?);
    let [source, destination] = [source, destination].map(|text| match protocol {
        "TCP4" => text.parse().map(IpAddr::V4).ok(),
        _ => text.parse().map(IpAddr::V6).ok(),
    });
    let (Some(source), Some(_), Some(_), None) = (source, destination, Some(destination_port), word()) else { return None };
    Some(endpoint(source, source_port))
}

/// Section 2.1: decimal, without leading zeros.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

fn version_2(bytes: &[u8]) -> Proxy {
    if bytes.get(12).is_some_and(|version_and_command| !matches!(version_and_command, 0x20 | 0x21)) {
        return Proxy::No;
    }
    let Some(&[command, family, high, low]) = bytes.get(V2.len()..V2_FIXED).and_then(|fixed| fixed.first_chunk()) else {
        return Proxy::Partial;
    };
    let len = V2_FIXED + usize::from(u16::from_be_bytes([high, low]));
    let needed = if command & 0xf == 0 { Some(0) } else { addresses_len(family) };
    if len > MAX_V2 || needed.is_none_or(|needed| len < V2_FIXED + needed) {
        return Proxy::No;
    }
    let Some(rest) = bytes.get(V2_FIXED..len) else { return Proxy::Partial };
    // LOCAL: the proxy's own connection, as for a health check; family and addresses are to be ignored.
    let client = if command & 0xf == 0 { None } else { binary_client(family, rest) };
    Proxy::Header { len, client }
}

/// How many bytes of addresses come with an address family and transport protocol. Others are to be rejected.
fn addresses_len(family: u8) -> Option<usize> {
    match family {
        0x00 => Some(0),
        0x11 | 0x12 => Some(12),
        0x21 | 0x22 => Some(36),
        0x31 | 0x32 => Some(216),
        _ => None,
    }
}

/// Source address, destination address, source port, destination port, in network byte order; extensions follow.
fn binary_client(family: u8, bytes: &[u8]) -> Option<Endpoint> {
    let port = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    match family >> 4 {
        1 => Some(endpoint(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(), port(8)?)),
        2 => Some(endpoint(Ipv6Addr::from(*bytes.first_chunk::<16>()?).into(), port(32)?)),
        _ => None,
    }
}

fn endpoint(address: IpAddr, port: u16) -> Endpoint {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    Endpoint { address: address.octets(), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `-`: no header; `...`: more is needed; else its length and the client.
    fn shown(bytes: &[u8]) -> String {
        match parse(bytes) {
            Proxy::No => "-".to_owned(),
            Proxy::Partial => "...".to_owned(),
            Proxy::Header { len, client: None } => format!("{len}"),
            Proxy::Header { len, client: Some(client) } => format!("{len} {} {}", client.ip(), client.port),
        }
    }

    #[test]
    fn reads_version_1() {
        for (bytes, expected) in [
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\nGET /", "45 192.0.2.1 56324"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "56 255.255.255.255 65535"),
            ("PROXY TCP6 2001:db8::1 ::1 1 0\r\n", "32 2001:db8::1 1"),
            ("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", "37 192.0.2.1 1"),
            ("PROXY UNKNOWN\r\nGET /", "15"),
            ("PROXY UNKNOWN 192.0.2.1 whatever\r\n", "34"),
            ("PROXY UNKNOWN \r\n", "16"),
            // Not in the form that section 2.1 asks for: to be rejected.
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\nGET /", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 \r\n", "-"),
            ("PROXY TCP4  192.0.2.1 198.51.100.1 56324 443\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 1\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 01 443\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 198.51.100.1 1 \r\n", "-"),
            ("PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", "-"),
            ("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", "-"),
            ("PROXY TCP4 192.0.2.1 secret 1 2\r\n", "-"),
            ("PROXY TCP4 2001:db8::1 ::1 1 2\r\n", "-"),
            ("PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", "-"),
            ("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "-"),
            ("PROXY TCP4 \u{661}92.0.2.1 198.51.100.1 1 2\r\n", "-"),
            ("PROXY TCP4\r\n", "-"),
            ("PROXY TCP5 1.1.1.1", "-"),
            ("PROXY UDP4 ", "-"),
            ("PROXY UNKNOWN\n", "-"),
            ("PROXY UNKNOWNS\r\n", "-"),
            ("PROXY /path HTTP/1.1\r\n", "-"),
            ("PROXY\r\n", "-"),
            ("proxy TCP4", "-"),
            ("PROPFIND /", "-"),
            ("P", "..."),
            ("PROXY", "..."),
            ("PROXY ", "..."),
            ("PROXY T", "..."),
            ("PROXY TCP4 \0", "..."),
            ("PROXY UNKNOWN\r", "..."),
            ("", "..."),
        ] {
            assert_eq!(shown(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_line_ends_within_107_bytes() {
        let line = |len: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(len - 16));
        assert_eq!(shown(line(107).as_bytes()), "107");
        assert_eq!(shown(line(108).as_bytes()), "-");
        assert_eq!(shown(&line(200).as_bytes()[..106]), "...");
        assert_eq!(shown(&line(200).as_bytes()[..107]), "-");
    }

    fn binary(command: u8, family: u8, len: u16, rest: &[u8]) -> Vec<u8> {
        [V2, &[command, family], &len.to_be_bytes(), rest].concat()
    }

    #[test]
    fn reads_version_2() {
        let four: &[u8] = &[192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 1, 0xbb];
        let six = &[&Ipv6Addr::LOCALHOST.octets()[..], &[0xfe; 16], &[0, 7, 0, 80]].concat()[..];
        let mapped = &[&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets()[..], &[0; 20]].concat()[..];
        let with_extensions = &[four, b"\x04\0\x03abcGET /"].concat()[..];
        let unix = &[b'/'; 216][..];
        for (command, family, len, rest, expected) in [
            (0x21, 0x11, 12, four, "28 192.0.2.1 56324"),
            (0x21, 0x12, 12, four, "28 192.0.2.1 56324"),
            (0x21, 0x11, 18, with_extensions, "34 192.0.2.1 56324"),
            (0x21, 0x21, 36, six, "52 ::1 7"),
            (0x21, 0x22, 36, six, "52 ::1 7"),
            (0x21, 0x21, 36, mapped, "52 127.0.0.1 0"),
            (0x21, 0x31, 216, unix, "232"),
            (0x21, 0x32, 216, unix, "232"),
            (0x21, 0x00, 0, b"GET /", "16"),
            (0x21, 0x00, 12, four, "28"),
            (0x20, 0x11, 12, four, "28"),
            (0x20, 0x00, 0, b"", "16"),
            (0x20, 0xff, 12, four, "28"),
            // Less than the family's addresses.
            (0x21, 0x11, 11, four, "-"),
            (0x21, 0x21, 12, four, "-"),
            (0x21, 0x31, 12, four, "-"),
            // Unknown command, version, family, protocol.
            (0x22, 0x11, 12, four, "-"),
            (0x11, 0x11, 12, four, "-"),
            (0x31, 0x11, 12, four, "-"),
            (0x00, 0x11, 12, four, "-"),
            (0x21, 0x41, 12, four, "-"),
            (0x21, 0x13, 12, four, "-"),
            (0x21, 0x10, 12, four, "-"),
            (0x21, 0x01, 12, four, "-"),
            // Not whole.
            (0x21, 0x11, 12, b"", "..."),
            (0x21, 0x11, 19, with_extensions.get(..18).unwrap_or_default(), "..."),
            // Longer than what is waited for.
            (0x21, 0x11, 4080, four, "..."),
            (0x21, 0x11, 4081, four, "-"),
            (0x20, 0x00, 0xffff, b"", "-"),
        ] {
            assert_eq!(shown(&binary(command, family, len, rest)), expected, "{command:#x} {family:#x} {len}");
        }
    }

    #[test]
    fn a_header_is_partial_wherever_it_is_cut() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n".to_vec();
        for whole in [line, binary(0x21, 0x11, 12, &[1; 12]), binary(0x20, 0, 3, b"\x04\0\0")] {
            for cut in 0..whole.len() {
                assert_eq!(parse(&whole[..cut]), Proxy::Partial, "{cut} of {whole:?}");
            }
            assert!(matches!(parse(&whole), Proxy::Header { len, .. } if len == whole.len()));
        }
    }

    #[test]
    fn blank_lines_are_no_header() {
        for bytes in ["\r\nGET / HTTP/1.1", "\r\n\r\nGET", "\r\n\r\n\0\r\nQUIT\r\n", "\n", "\r\r"] {
            assert_eq!(shown(bytes.as_bytes()), "-", "{bytes:?}");
        }
        assert_eq!(shown(b"\r\n\r\n"), "...");
    }

    #[test]
    fn only_a_whole_signature_is_known_without_its_place() {
        assert!(is_signed(b"PROXY TCP4 1") && is_signed(V2) && is_signed(&binary(0x21, 0x11, 12, b"")));
        assert!(!is_signed(b"PROXY") && !is_signed(b"\r\n\r\n") && !is_signed(b"PROXY /x HTTP/1.1\r\n") && !is_signed(b"GET / "));
    }
}

//! Connections that start with a PROXY header, or seem to, and requests that say who they are from.

use crate::found::Script;

const V1: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
/// From 10.1.2.3, with one extension.
const V2: &str = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\x0a\x01\x02\x03\x0a\0\0\x01\x04\x57\0\x50\x04\0\x02ab";
const GET: &str = "GET /n/0 HTTP/1.1\r\n\r\n";
const GET_1: &str = "GET /n/1 HTTP/1.1\r\n\r\n";
const POST: &str = "POST /n/0 HTTP/1.1\r\nContent-Length: 60\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nX-Answer: 0\r\nContent-Length: 2\r\n\r\nok";
const OK_1: &str = "HTTP/1.1 200 OK\r\nX-Answer: 1\r\nContent-Length: 2\r\n\r\nok";

/// A header, and how its client shows.
const HEADERS: [(&str, &str); 4] =
    [(V1, " for 192.0.2.7"), (V2, " for 10.1.2.3"), ("PROXY UNKNOWN\r\n", ""), ("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "")];

fn pair(number: usize, client: &str) -> String {
    format!("GET /n/{number} -> Some(200) answer {number}, Some(21) Some(53) bytes []{client}")
}

impl Script {
    fn client_all(self, parts: &[&str]) -> Self {
        parts.iter().filter(|part| !part.is_empty()).fold(self, |script, part| script.client(part))
    }
}

#[test]
fn a_header_may_be_cut_anywhere() {
    for (header, client) in HEADERS {
        let told = [pair(0, client), pair(1, client)];
        let told = told.each_ref().map(String::as_str);
        for cut in 0..=header.len() {
            let (first, last) = header.split_at(cut);
            let together = format!("{last}{GET}");
            for parts in [&[first, last, GET][..], &[first, &together]] {
                Script::opened().client_all(parts).server(OK).client(GET_1).server(OK_1).tells(&told);
            }
        }
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    for (header, client) in HEADERS {
        let bytes: Vec<_> = (0..header.len()).map(|at| &header[at..=at]).collect();
        Script::opened().client_all(&bytes).client(GET).server(OK).tells(&[&pair(0, client)]);
        let all = format!("{header}{GET}");
        let bytes: Vec<_> = (0..all.len()).map(|at| &all[at..=at]).collect();
        Script::opened().client_all(&bytes).server(OK).tells(&[&pair(0, client)]);
    }
}

#[test]
fn a_head_after_a_cut_header_is_seen_whole_however_long_it_is() {
    let body = "-".repeat(60);
    let pad = "x".repeat(5000);
    let head = format!("POST /n/0 HTTP/1.1\r\nContent-Length: 60\r\nX-Pad: {pad}\r\n\r\n");
    for (header, client) in HEADERS {
        for cut in 0..=header.len() {
            let (first, last) = header.split_at(cut);
            let together = format!("{last}{head}");
            let told = format!("POST /n/0 -> Some(200) answer 0, Some({}) Some(53) bytes []{client}", head.len() + 60);
            Script::opened().client_all(&[first, &together, &body]).server(OK).tells(&[&told]);
        }
    }
}

#[test]
fn a_header_that_is_longer_than_a_window_is_read_to_its_end() {
    // A byte of the length that is no ASCII would be two bytes of text.
    for len in [0x0370, 0x044c, 0x0f20] {
        let addresses = "\x0a\x01\x02\x03\x0a\0\0\x01\x04\x57\0\x50";
        let mut header = "\r\n\r\n\0\r\nQUIT\n\x21\x11".to_owned();
        header.extend([char::from((len >> 8) as u8), char::from(len as u8)]);
        header += addresses;
        header += &"GET /trap HTTP/1.1\r\n\r\n".repeat(200)[..len - addresses.len()];
        Script::opened().client(&header).client(GET).server(OK).tells(&[&pair(0, " for 10.1.2.3")]);
        Script::opened().client(&(header + GET)).server(OK).tells(&[&pair(0, " for 10.1.2.3")]);
    }
}

#[test]
fn a_connection_that_was_joined_may_start_with_a_whole_signature() {
    for (header, client, signature) in [(V1, " for 192.0.2.7", 6), (V2, " for 10.1.2.3", 12)] {
        for cut in signature..=header.len() {
            let (first, last) = header.split_at(cut);
            let together = format!("{last}{GET}");
            for parts in [&[first, last, GET][..], &[first, &together]] {
                Script::joined().client_all(parts).server(OK).client(GET_1).server(OK_1).tells(&[&pair(0, client), &pair(1, client)]);
            }
        }
    }
}

#[test]
fn blank_lines_before_a_request_are_no_header() {
    for blank in ["\r\n", "\r\n\r\n", "\r", "\n", "\r\n\r"] {
        let together = format!("{blank}{GET}");
        Script::opened().client(blank).client(GET).server(OK).tells(&[&pair(0, "")]);
        Script::opened().client(&together).server(OK).tells(&[&pair(0, "")]);
    }
}

#[test]
fn what_starts_like_a_header_may_be_a_request() {
    for method in ["P", "PR", "PROX", "PROXY", "PROXYING", "PROPFIND"] {
        let request = format!("{method} /n/0 HTTP/1.1\r\nHost: example.com\r\nX-Pad: a b\r\n\r\n");
        let told = format!("{method} /n/0 -> Some(200) answer 0, Some({}) Some(53) bytes []", request.len());
        for cut in 1..request.len() {
            let (first, last) = request.split_at(cut);
            Script::opened().client_all(&[first, last]).server(OK).tells(&[&told]);
        }
    }
}

#[test]
fn garbage_after_a_header_is_no_request() {
    for (header, _) in HEADERS {
        for garbage in ["\x01\x02\x03", "(x) y", header] {
            let script = Script::opened().client(header).client(garbage);
            assert_eq!(script.told(), [const { Vec::<String>::new() }; 2], "{garbage:?} after {header:?}");
            let together = format!("{header}{garbage}");
            assert_eq!(Script::opened().client(&together).told(), [const { Vec::<String>::new() }; 2], "{garbage:?} after {header:?}");
        }
    }
}

#[test]
fn a_header_in_the_middle_of_a_connection_is_none() {
    for header in [V1, V2] {
        for parts in [&[header, GET_1][..], &[&format!("{header}{GET_1}")]] {
            for told in Script::opened().client(GET).server(OK).client_all(parts).server(OK_1).told() {
                assert!(told.contains(&pair(0, "")), "{told:?}");
                assert!(told.iter().all(|row| !row.contains(" for ")), "{told:?}");
            }
        }
    }
}

#[test]
fn a_header_from_the_server_is_none() {
    for header in [V1, V2] {
        for told in Script::opened().client(GET).server(header).server(OK).told() {
            assert!(told.iter().all(|row| !row.contains(" for ")), "{told:?}");
        }
    }
}

#[test]
fn a_header_that_was_lost_tells_nothing() {
    for told in Script::opened().client(V1).lost().client(GET).server(OK).told() {
        assert!(told.iter().all(|row| !row.contains(" for ")), "{told:?}");
    }
}

#[test]
fn a_response_without_its_request_has_the_connections_client() {
    let told = "? ? -> Some(200) answer 0, None Some(53) bytes [] for 192.0.2.7";
    let script = Script::opened().client(V1).client(GET).lost().server(OK);
    for rows in script.told() {
        assert_eq!(rows, [told]);
    }
}

#[test]
fn a_request_says_who_it_is_from_for_itself_alone() {
    let forwarded = |value: &str| format!("GET /n/0 HTTP/1.1\r\n{value}\r\n\r\n");
    for (field, client) in [
        ("Forwarded: for=\"[2001:db8::1]:4711\"", " for 2001:db8::1"),
        ("X-Forwarded-For: 203.0.113.195, 10.0.0.1", " for 203.0.113.195"),
        ("Forwarded: for=unknown", " for ?"),
        ("X-Forwarded-For:", " for 192.0.2.7"),
    ] {
        let request = forwarded(field);
        let first = format!("GET /n/0 -> Some(200) answer 0, Some({}) Some(53) bytes []{client}", request.len());
        let second = pair(1, " for 192.0.2.7");
        Script::opened().client(V1).client(&request).server(OK).client(GET_1).server(OK_1).tells(&[&first, &second]);
    }
}

#[test]
fn a_body_goes_on_after_a_header() {
    let body = "-".repeat(60);
    let told = "POST /n/0 -> Some(200) answer 0, Some(102) Some(53) bytes [] for 192.0.2.7";
    Script::opened().client(&format!("{V1}{POST}")).client(&body).server(OK).tells(&[told]);
}

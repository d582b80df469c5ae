//! The column `client`: who a request is from, past the proxies before the server.

mod support;

use serde_json::Value;
use support::can_run;
use support::heads::{answer, get};
use support::segment::Conversation;
use support::wire::{Medium as _, Wire, observe_with};

const COLUMNS: [&str; 2] = ["--columns", "method,path,status,client"];
const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n";
/// From 2001:db8::7 to ::, with an extension.
const VERSION_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x29\
    \x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xdc\x04\x01\xbb\x04\0\x02ab";

#[test]
fn a_proxy_header_cut_at_any_byte_names_the_client_of_every_request() {
    if !can_run(&[]) {
        return;
    }
    let mut expected = Vec::new();
    let seen = observe_with(&mut Wire::new(), &COLUMNS, |wire| {
        for (header, client, first_port) in [(VERSION_1, "192.0.2.7", 2000), (VERSION_2, "2001:db8::7", 3000)] {
            for (cut, port) in (0..=header.len()).zip(first_port..) {
                let mut talk = Conversation::new(port);
                wire.send_all(&talk.open());
                let head = [header, get(&format!("/{port}/a")).as_bytes()].concat();
                let whole = talk.request(head);
                wire.send_all(whole.cut(cut).iter().filter(|part| !part.payload.is_empty()));
                wire.send(&talk.response(answer(200)));
                wire.send(&talk.request(get(&format!("/{port}/b"))));
                wire.send(&talk.response(answer(404)));
                expected.extend([("a", 200), ("b", 404)].map(|(name, status)| format!("/{port}/{name} {status} {client}")));
            }
        }
    });
    assert_eq!(clients(&seen.rows), expected);
}

#[test]
fn header_fields_name_the_client_and_nothing_but_addresses_is_shown() {
    if !can_run(&[]) {
        return;
    }
    let fields = [
        ("Forwarded: for=\"[2001:db8::1]:4711\";by=s3cr3t\r\nX-Forwarded-For: 192.0.2.1", "2001:db8::1"),
        ("X-Forwarded-For: 203.0.113.195:80, 10.0.0.1", "203.0.113.195"),
        ("Forwarded: for=_s3cr3t\r\nX-Forwarded-For: 192.0.2.1", "null"),
        ("X-Forwarded-For: s3cr3t", "null"),
        ("X-Forwarded-For:", "10.9.0.1"),
    ];
    let mut expected = Vec::new();
    let seen = observe_with(&mut Wire::new(), &COLUMNS, |wire| {
        for ((field, client), port) in fields.iter().zip(2000..) {
            let mut talk = Conversation::new(port);
            wire.send_all(&talk.open());
            wire.send(&talk.request(format!("GET /{port} HTTP/1.1\r\n{field}\r\n\r\n")));
            wire.send(&talk.response(answer(200)));
            expected.push(format!("/{port} 200 {client}"));
        }
    });
    assert_eq!(clients(&seen.rows), expected);
    assert!(!seen.outcome.text().contains("s3cr3t"), "{}", seen.outcome);
}

/// `PATH STATUS CLIENT` of each row, sorted.
fn clients(rows: &[Value]) -> Vec<String> {
    let text = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
    let mut clients: Vec<_> = rows.iter().map(|row| ["path", "status", "client"].map(|key| text(&row[key])).join(" ")).collect();
    clients.sort();
    clients
}

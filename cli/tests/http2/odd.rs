//! Peers and captures that are odd, each in its smallest form.

use ehl_probes_common::frame::kind;
use ehl_probes_common::record::tcp_flag;

use crate::frame::{frame, settings};
use crate::generate::SERVER;
use crate::script::{END_HEADERS, ENDS, GET, OK, SWITCHING, Script, TOLD, answer, get, ok, preface};

const HEAD_UPGRADE: &[u8] = b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

#[test]
fn another_connection_of_which_the_server_alone_is_seen_is_another() {
    let script = Script::opened().client(&preface()).client(&get(1)).server(&answer());
    let far = 500_000;
    let script = script.push(SERVER, far, tcp_flag::SYN | tcp_flag::ACK, b"");
    script.push(SERVER, far + 1, tcp_flag::ACK, &answer()).tells(&["1: ? ? ? -> 200 answer 0 grpc ?, ? 22 bytes []", TOLD]);
}

#[test]
fn trailers_are_no_head_where_that_was_lost() {
    let script = Script::opened().client(&[preface(), get(1)].concat()).server(&settings(&[]));
    let script = script.lost(SERVER, &frame(kind::HEADERS, END_HEADERS, 1, OK));
    script.server(&frame(kind::HEADERS, ENDS, 1, b"\xbe")).client(&get(3)).server(&ok(3)).tells(&[
        "1: GET a / -> ? answer ? grpc ?, 15 ? bytes [\"gap\", \"unknown-fields\"]",
        "3: GET a / -> 200 answer 0 grpc ?, 15 22 bytes []",
    ]);
}

#[test]
fn a_server_cannot_rewrite_a_request() {
    let promise = frame(kind::PUSH_PROMISE, END_HEADERS, 1, &[&3u32.to_be_bytes()[..], b"\x83\x86\x84"].concat());
    let script = Script::opened().client(&[preface(), get(1), get(3)].concat());
    script
        .server(&[settings(&[]), promise, ok(1), ok(3)].concat())
        .tells_with(1, &[TOLD, "3: GET a / -> 200 answer 0 grpc ?, 15 22 bytes []"]);
}

#[test]
fn an_upgrade_may_ask_for_the_head_alone() {
    let script = Script::opened().client(HEAD_UPGRADE).server(SWITCHING).server(&answer());
    script
        .client(&[preface(), get(3)].concat())
        .server(&ok(3))
        .tells(&["1: HEAD a / -> 200 answer 0 grpc ?, 63 22 bytes []", "3: GET a / -> 200 answer 0 grpc ?, 15 22 bytes []"]);
}

#[test]
fn an_upgrade_whose_101_was_lost_is_known_by_its_preface() {
    let script = Script::opened().client(HEAD_UPGRADE).lost(SERVER, SWITCHING);
    script
        .client(&[preface(), get(3)].concat())
        .server(&settings(&[]))
        .server(&ok(3))
        .tells(&["?: HEAD a / -> ? answer ? grpc ?, 63 ? bytes [\"open\"]", "3: GET a / -> 200 answer 0 grpc ?, 15 22 bytes []"]);
}

#[test]
fn a_server_may_refuse_in_http_1() {
    let script = Script::opened().client(&[preface(), get(1)].concat());
    script
        .server(b"HTTP/1.1 400 Bad Request\r\nX-Answer: 0\r\nContent-Length: 0\r\n\r\n")
        .tells(&["?: ? ? ? -> 400 answer 0 grpc ?, ? 60 bytes []", "1: GET a / -> ? answer ? grpc ?, 15 ? bytes [\"open\"]"]);
}

#[test]
fn a_server_sends_no_preface() {
    let client = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    let server = [&b"HTTP/1.1 200 OK\r\nX-Answer: 0\r\n\r\n"[..], &preface()].concat();
    let told = "?: HEAD a / -> 200 answer 0 grpc ?, 28 32 bytes []";
    Script::opened().client(client).server(&server).tells_with(1, &[told]);
}

#[test]
fn a_table_may_be_larger_than_was_seen_to_be_allowed() {
    let script = Script::opened().client(&[preface(), frame(kind::HEADERS, ENDS, 1, &[b"\x3f\xe1\xff\x03", GET].concat())].concat());
    script.server(&answer()).tells(&["1: GET a / -> 200 answer 0 grpc ?, 19 22 bytes []"]);
}

//! What the generated conversations found, each in its smallest form.

use ehl_probes_common::frame::{PREFACE, kind};

use crate::frame::{frame, settings};
use crate::script::{END_HEADERS, ENDS, GET, OK, SWITCHING, Script, TOLD, UPGRADE, answer, get, ok, preface};

#[test]
fn a_preface_may_be_cut_anywhere() {
    for cut in 0..PREFACE.len() {
        let (first, last) = PREFACE.split_at(cut);
        let rest = [last, &settings(&[]), &get(1)].concat();
        Script::opened().client(first).client(&rest).server(&answer()).tells(&[TOLD]);
        Script::opened().client(first).server(&settings(&[])).client(&rest).server(&ok(1)).tells(&[TOLD]);
    }
}

#[test]
fn a_server_may_speak_first_in_parts() {
    let first = settings(&[(3, 100)]);
    for cut in 0..first.len() {
        let (begin, end) = first.split_at(cut);
        let asked = [preface(), get(1)].concat();
        Script::opened().server(begin).server(end).client(&asked).server(&ok(1)).tells(&[TOLD]);
        Script::opened().server(begin).client(&asked).server(&[end, &ok(1)].concat()).tells(&[TOLD]);
    }
}

#[test]
fn what_follows_a_first_frame_in_parts_may_be_of_any_type() {
    let unknown = frame(0x20, 0, 0, b"hello");
    let script = Script::opened().server(&settings(&[])[..5]).client(&[preface(), get(1)].concat());
    script.server(&[&settings(&[])[5..], &unknown, &ok(1)].concat()).tells(&[TOLD]);
}

#[test]
fn a_server_may_speak_before_a_proxys_client_is_named() {
    let asked = [b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", &preface()[..], &get(1)].concat();
    let told = format!("{TOLD} for 192.0.2.7");
    for cut in [0, 3, 20, 44, 50] {
        let (first, last) = asked.split_at(cut);
        Script::opened().server(&settings(&[])).client(first).client(last).server(&ok(1)).tells(&[&told]);
        Script::opened().client(first).server(&settings(&[])).client(last).server(&ok(1)).tells(&[&told]);
    }
}

#[test]
fn requests_that_come_after_a_goaway_are_refused() {
    let goaway = frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let script = Script::opened().client(&[preface(), get(1)].concat()).server(&[answer(), goaway].concat());
    script.client(&get(3)).tells(&[TOLD, "3: GET a / -> ? answer ? grpc ?, 15 ? bytes [\"goaway\"]"]);
}

#[test]
fn the_largest_table_that_was_allowed_may_be_used() {
    let larger = frame(kind::HEADERS, ENDS, 1, &[b"\x3f\xe1\x3f", OK].concat());
    let told = TOLD.replace(" 22 ", " 25 ");
    for allowed in [&[(1, 8192)][..], &[(1, 8192), (1, 100)]] {
        let said = [&PREFACE[..], &settings(allowed), &get(1)].concat();
        Script::opened().client(&said).server(&[settings(&[]), larger.clone()].concat()).tells(&[&told]);
        // Of a server that does not wait for the client.
        let said = [&PREFACE[..], &settings(&[]), &frame(kind::HEADERS, ENDS, 1, &[b"\x3f\xe1\x3f", GET].concat())].concat();
        let told = TOLD.replace(" 15 ", " 18 ");
        Script::opened().server(&settings(allowed)).client(&said).server(&ok(1)).tells(&[&told]);
    }
}

#[test]
fn the_answer_to_an_upgrade_may_come_with_the_101() {
    let told = format!("1: GET a / -> 200 answer 0 grpc ?, {} 22 bytes []", UPGRADE.len());
    let answered = [SWITCHING, &answer()].concat();
    for cut in 0..answered.len() {
        let (first, last) = answered.split_at(cut);
        Script::opened().client(UPGRADE).server(first).server(last).client(&preface()).tells(&[&told]);
    }
}

#[test]
fn an_upgrade_says_how_large_the_table_may_be() {
    let larger = frame(kind::HEADERS, ENDS, 1, &[b"\x3f\xe1\x3f", OK].concat());
    let told = format!("1: GET a / -> 200 answer 0 grpc ?, {} 25 bytes []", UPGRADE.len());
    let script = Script::opened().client(UPGRADE).server(&[SWITCHING, &settings(&[])].concat());
    script.server(&larger).client(&preface()).tells(&[&told]);
}

#[test]
fn a_response_whose_status_is_not_known_may_be_an_interim_one() {
    // It stands in an entry that was sent before.
    let told = "1: ? ? ? -> 200 answer 0 grpc ?, ? 22 bytes [\"unknown-fields\"]";
    let interim = frame(kind::HEADERS, END_HEADERS, 1, b"\xbf");
    let begin = frame(kind::HEADERS, ENDS, 3, OK);
    let before = "3: ? ? ? -> 200 answer 0 grpc ?, ? 22 bytes []";
    let said = [begin, interim, ok(1)].concat();
    Script::joined().server(&said).tells(&[told, before]);
}

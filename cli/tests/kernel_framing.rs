//! Where heads begin and bodies end: pipelining, Content-Length, chunks, interim responses, responses without a body.

mod support;

use std::fmt::Write as _;

use support::can_run;
use support::heads::{answer, asked, get, traps};
use support::segment::Conversation;
use support::wire::{Medium as _, Wire, observe};

#[test]
fn three_heads_in_one_segment_are_three_rows() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        wire.send(&talk.request([get("/a"), get("/b"), get("/c")].concat()));
        wire.send(&talk.response([answer(200), answer(404), answer(201)].concat()));
    });
    assert_eq!(seen.exchanges, ["GET /a 200", "GET /b 404", "GET /c 201"]);
}

#[test]
fn a_head_after_the_end_of_a_body_inside_a_segment_is_a_row() {
    if !can_run(&[]) {
        return;
    }
    let body = "b".repeat(4000);
    let post = format!("POST /body HTTP/1.1\r\nHost: raw.example\r\nContent-Length: 4000\r\n\r\n{body}{}", get("/next"));
    let reply = format!("HTTP/1.1 201 Created\r\nContent-Length: 4000\r\n\r\n{body}{}", answer(202));
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let requests: Vec<_> = post.as_bytes().chunks(1400).map(|part| talk.request(part)).collect();
        wire.send_all(&requests);
        let responses: Vec<_> = reply.as_bytes().chunks(1400).map(|part| talk.response(part)).collect();
        wire.send_all(&responses);
    });
    assert_eq!(seen.exchanges, ["GET /next 202", "POST /body 201"]);
}

#[test]
fn a_body_whose_segments_start_like_heads_is_no_row() {
    if !can_run(&[]) {
        return;
    }
    let mut request_len = 0;
    let mut response_len = 0;
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let head = "POST /body HTTP/1.1\r\nHost: raw.example\r\nContent-Length: 4000\r\n\r\n";
        request_len = head.len() + 4000;
        wire.send(&talk.request(head));
        wire.send_all(&traps().map(|trap| talk.request(trap)));
        let head = "HTTP/1.1 201 Created\r\nContent-Length: 4000\r\n\r\n";
        response_len = head.len() + 4000;
        wire.send(&talk.response(head));
        wire.send_all(&traps().map(|trap| talk.response(trap)));
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(202)));
    });
    assert_eq!(seen.exchanges, ["GET /next 202", "POST /body 201"]);
    assert_sizes(&seen.rows, request_len, response_len);
}

#[test]
fn a_chunked_body_whose_segments_start_like_heads_is_no_row() {
    if !can_run(&[]) {
        return;
    }
    // Each segment ends with the size line of the next one's chunk, so that it starts with the chunk's data.
    let chunks = || {
        let mut parts = traps().map(|trap| format!("{trap}\r\n3e8\r\n"));
        parts[3] = format!("{}\r\n0\r\n\r\n", traps()[3]);
        parts
    };
    let body_len: usize = chunks().iter().map(String::len).sum();
    let request = "POST /body HTTP/1.1\r\nHost: raw.example\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n";
    let response = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n";
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        wire.send(&talk.request(request));
        wire.send_all(&chunks().map(|chunk| talk.request(chunk)));
        wire.send(&talk.response(response));
        wire.send_all(&chunks().map(|chunk| talk.response(chunk)));
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(202)));
    });
    assert_eq!(seen.exchanges, ["GET /next 202", "POST /body 201"]);
    assert_sizes(&seen.rows, request.len() + body_len, response.len() + body_len);
}

#[track_caller]
fn assert_sizes(rows: &[serde_json::Value], request: usize, response: usize) {
    let row = rows.iter().find(|row| row["path"] == "/body").expect("the row with the body");
    assert_eq!((&row["request_bytes"], &row["response_bytes"]), (&request.into(), &response.into()));
}

#[test]
fn interim_responses_do_not_complete_an_exchange() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let head = "POST /careful HTTP/1.1\r\nHost: raw.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
        wire.send(&talk.request(head));
        wire.send(&talk.response("HTTP/1.1 100 Continue\r\n\r\n"));
        wire.send(&talk.response("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"));
        wire.send(&talk.request("hello"));
        wire.send(&talk.response("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"));
        wire.send(&talk.response(answer(201)));
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(404)));
    });
    assert_eq!(seen.exchanges, ["GET /next 404", "POST /careful 201"]);
}

#[test]
fn responses_that_have_no_body_whatever_they_announce_do_not_swallow_the_next() {
    if !can_run(&[]) {
        return;
    }
    let bodiless = |status: u16| format!("HTTP/1.1 {status} Reason\r\nContent-Length: 500\r\n\r\n");
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        for (method, path, status) in [("HEAD", "/head", 200), ("GET", "/empty", 204), ("GET", "/cached", 304)] {
            wire.send(&talk.request(asked(method, path)));
            wire.send(&talk.response(bodiless(status)));
            wire.send(&talk.request(get(&format!("/after{path}"))));
            wire.send(&talk.response(answer(404)));
        }
    });
    let after = ["GET /after/cached 404", "GET /after/empty 404", "GET /after/head 404"];
    assert_eq!(seen.exchanges, [&after[..], &["GET /cached 304", "GET /empty 204", "HEAD /head 200"]].concat());
}

#[test]
fn nothing_after_a_switch_of_protocols_is_a_row() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut upgraded = Conversation::new(2000);
        wire.send_all(&upgraded.open());
        wire.send(&upgraded.request("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"));
        wire.send(&upgraded.response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"));
        let mut tunnelled = Conversation::new(2001);
        wire.send_all(&tunnelled.open());
        wire.send(&tunnelled.request("CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n"));
        wire.send(&tunnelled.response("HTTP/1.1 200 Connected\r\n\r\n"));
        for talk in [&mut upgraded, &mut tunnelled] {
            wire.send(&talk.request(get("/trap")));
            wire.send(&talk.response(answer(404)));
        }
    });
    let methods_and_statuses: Vec<_> = seen.rows.iter().map(|row| (row["method"].as_str(), row["status"].as_u64())).collect();
    assert_eq!(methods_and_statuses.len(), 2, "{:?}", seen.exchanges);
    assert!(methods_and_statuses.contains(&(Some("GET"), Some(101))), "{:?}", seen.exchanges);
    assert!(methods_and_statuses.contains(&(Some("CONNECT"), Some(200))), "{:?}", seen.exchanges);
}

#[test]
fn an_unknown_method_among_pipelined_requests_shifts_no_pair() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        wire.send_all(&[get("/a"), asked("PURGE", "/b"), get("/c")].map(|head| talk.request(head)));
        wire.send_all(&[answer(200), answer(405), answer(201)].map(|head| talk.response(head)));
    });
    assert_eq!(seen.exchanges, ["GET /a 200", "GET /c 201", "PURGE /b 405"]);
}

#[test]
fn a_head_too_long_to_keep_is_still_a_row() {
    if !can_run(&[]) {
        return;
    }
    let mut head = String::from("GET /long HTTP/1.1\r\nHost: raw.example\r\n");
    for index in 0..300 {
        write!(head, "X-Fill-{index}: {}\r\n", "f".repeat(400)).expect("a string takes text");
    }
    head.push_str("\r\n");
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let parts: Vec<_> = head.as_bytes().chunks(1400).map(|part| talk.request(part)).collect();
        wire.send_all(&parts);
        wire.send(&talk.response(answer(431)));
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(200)));
    });
    assert_eq!(seen.exchanges, ["GET /long 431", "GET /next 200"]);
}

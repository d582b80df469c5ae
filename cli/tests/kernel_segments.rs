//! What `ehl capture` makes of TCP segments in any order, split, repeated, lost, wrapped: crafted frames on an
//! interface, no TCP stack on either side.

mod support;

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use support::can_run;
use support::capture::Capture;
use support::netns::run;
use support::process::Running;
use support::segment::{Conversation, Segment, Shape};
use support::wire::{Medium as _, Tunnel, Wire, observe};

/// A request without a body.
fn get(path: &str) -> String {
    asked("GET", path)
}

fn asked(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: raw.example\r\n\r\n")
}

/// A response with a body of five bytes.
fn answer(status: u16) -> String {
    format!("HTTP/1.1 {status} Reason\r\nContent-Length: 5\r\n\r\nhello")
}

#[test]
fn the_frames_of_these_tests_are_well_formed_as_tcpdump_reads_them() {
    if !can_run(&["tcpdump"]) {
        return;
    }
    let mut wire = Wire::new();
    let mut tcpdump = wire.namespace().command("tcpdump");
    tcpdump
        .args("-i seen -n -e -vv -l -c 8".split_whitespace())
        .arg("ether src 02:00:00:00:00:01");
    let mut tcpdump = Running::start(tcpdump.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let stderr = tcpdump.child().stderr.take().expect("stderr is piped");
    let ready = BufReader::new(stderr)
        .lines()
        .any(|line| line.is_ok_and(|line| line.contains("listening on")));
    assert!(ready, "tcpdump listens");

    let mut plain = Conversation::new(2000);
    wire.send_all(&plain.open());
    for shape in [Shape::Vlan, Shape::QinQ, Shape::TcpOptions, Shape::Padded] {
        wire.shape = shape;
        wire.send(&plain.request("x"));
    }
    wire.shape = Shape::Ipv6Extensions;
    wire.send(&Conversation::over_ipv6(2000).request(get("/ipv6")));
    tcpdump.wait();

    let stdout = tcpdump.child().stdout.take().expect("stdout is piped");
    let text = std::io::read_to_string(stdout).expect("tcpdump prints text");
    assert_eq!(text.matches("(correct)").count(), 8, "{text}");
    assert!(!text.contains("incorrect"), "{text}");
    for part in [
        "vlan 100",
        "vlan 200",
        "sack 2",
        "length 60:",
        "HBH",
        "DSTOPT",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_request_head_split_at_any_byte_in_either_order_is_one_row() {
    split_everywhere(|talk, cut, swapped| {
        let whole = talk.request(get(&format!("/cut/{cut}/{swapped}")));
        let parts = in_order(whole.cut(cut), swapped);
        parts
            .into_iter()
            .chain([talk.response(answer(status_of(cut)))])
            .collect()
    });
}

#[test]
fn a_response_head_split_at_any_byte_in_either_order_is_one_row() {
    split_everywhere(|talk, cut, swapped| {
        let request = talk.request(get(&format!("/cut/{cut}/{swapped}")));
        let parts = in_order(talk.response(answer(status_of(cut))).cut(cut), swapped);
        [request].into_iter().chain(parts).collect()
    });
}

/// Heads here are at least this long.
const SHORTEST: usize = 48;

fn split_everywhere(segments: impl Fn(&mut Conversation, usize, bool) -> Vec<Segment>) {
    if !can_run(&[]) {
        return;
    }
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for (cut, swapped) in (1..SHORTEST).flat_map(|cut| [(cut, false), (cut, true)]) {
            let port = 1000 + 2 * u16::try_from(cut).expect("a small number") + u16::from(swapped);
            let mut talk = Conversation::new(port);
            wire.send_all(&talk.open());
            wire.send_all(&segments(&mut talk, cut, swapped));
            expected.push(format!("GET /cut/{cut}/{swapped} {}", status_of(cut)));
        }
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
}

fn status_of(cut: usize) -> u16 {
    400 + u16::try_from(cut).expect("a small number")
}

fn in_order([first, second]: [Segment; 2], swapped: bool) -> [Segment; 2] {
    if swapped {
        [second, first]
    } else {
        [first, second]
    }
}

#[test]
fn heads_that_come_a_byte_at_a_time_are_rows() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        for (path, status) in [("/slow", 200), ("/slower", 404)] {
            wire.send_all(&talk.request(get(path)).bytewise());
            wire.send_all(&talk.response(answer(status)).bytewise());
        }
    });
    assert_eq!(seen.exchanges, ["GET /slow 200", "GET /slower 404"]);
}

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
    let post = format!(
        "POST /body HTTP/1.1\r\nHost: raw.example\r\nContent-Length: 4000\r\n\r\n{body}{}",
        get("/next")
    );
    let reply = format!(
        "HTTP/1.1 201 Created\r\nContent-Length: 4000\r\n\r\n{body}{}",
        answer(202)
    );
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let requests: Vec<_> = post
            .as_bytes()
            .chunks(1400)
            .map(|part| talk.request(part))
            .collect();
        wire.send_all(&requests);
        let responses: Vec<_> = reply
            .as_bytes()
            .chunks(1400)
            .map(|part| talk.response(part))
            .collect();
        wire.send_all(&responses);
    });
    assert_eq!(seen.exchanges, ["GET /next 202", "POST /body 201"]);
}

/// What a segment of a body may start with, 1000 bytes long.
fn traps() -> [String; 4] {
    [
        "GET /trap HTTP/1.1\r\nHost: trap.example\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "",
        "PUT /trap ",
    ]
    .map(|trap| format!("{trap:x<1000}"))
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
    let request =
        "POST /body HTTP/1.1\r\nHost: raw.example\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n";
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
    assert_sizes(
        &seen.rows,
        request.len() + body_len,
        response.len() + body_len,
    );
}

#[track_caller]
fn assert_sizes(rows: &[serde_json::Value], request: usize, response: usize) {
    let row = rows
        .iter()
        .find(|row| row["path"] == "/body")
        .expect("the row with the body");
    assert_eq!(
        (&row["request_bytes"], &row["response_bytes"]),
        (&request.into(), &response.into())
    );
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
        for (method, path, status) in [
            ("HEAD", "/head", 200),
            ("GET", "/empty", 204),
            ("GET", "/cached", 304),
        ] {
            wire.send(&talk.request(asked(method, path)));
            wire.send(&talk.response(bodiless(status)));
            wire.send(&talk.request(get(&format!("/after{path}"))));
            wire.send(&talk.response(answer(404)));
        }
    });
    let after = [
        "GET /after/cached 404",
        "GET /after/empty 404",
        "GET /after/head 404",
    ];
    assert_eq!(
        seen.exchanges,
        [
            &after[..],
            &["GET /cached 304", "GET /empty 204", "HEAD /head 200"]
        ]
        .concat()
    );
}

#[test]
fn nothing_after_a_switch_of_protocols_is_a_row() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut upgraded = Conversation::new(2000);
        wire.send_all(&upgraded.open());
        wire.send(&upgraded.request(
            "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        ));
        wire.send(
            &upgraded.response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
        );
        let mut tunnelled = Conversation::new(2001);
        wire.send_all(&tunnelled.open());
        wire.send(
            &tunnelled.request("CONNECT far.example:443 HTTP/1.1\r\nHost: far.example:443\r\n\r\n"),
        );
        wire.send(&tunnelled.response("HTTP/1.1 200 Connected\r\n\r\n"));
        for talk in [&mut upgraded, &mut tunnelled] {
            wire.send(&talk.request(get("/trap")));
            wire.send(&talk.response(answer(404)));
        }
    });
    let methods_and_statuses: Vec<_> = seen
        .rows
        .iter()
        .map(|row| (row["method"].as_str(), row["status"].as_u64()))
        .collect();
    assert_eq!(methods_and_statuses.len(), 2, "{:?}", seen.exchanges);
    assert!(
        methods_and_statuses.contains(&(Some("GET"), Some(101))),
        "{:?}",
        seen.exchanges
    );
    assert!(
        methods_and_statuses.contains(&(Some("CONNECT"), Some(200))),
        "{:?}",
        seen.exchanges
    );
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
fn a_lost_request_head_leaves_the_other_pairs_right() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        keep_alive(wire, |index, is_request| index == 3 && is_request);
    });
    let mut expected: Vec<_> = pairs()
        .filter(|(index, _)| *index != 3)
        .map(|(_, pair)| pair)
        .collect();
    expected.insert(0, "- - 403".into());
    assert_eq!(seen.exchanges, expected);
}

#[test]
fn a_lost_response_head_leaves_the_other_pairs_right() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        keep_alive(wire, |index, is_request| index == 3 && !is_request);
    });
    let expected: Vec<_> = pairs()
        .map(|(index, pair)| if index == 3 { "GET /3 -".into() } else { pair })
        .collect();
    assert_eq!(seen.exchanges, expected);
}

/// Ten exchanges, one after the other on one connection, but for the segments that are lost.
fn keep_alive(wire: &mut Wire, is_lost: impl Fn(u16, bool) -> bool) {
    let mut talk = Conversation::new(2000);
    wire.send_all(&talk.open());
    for index in 0..10 {
        let segments = [
            talk.request(get(&format!("/{index}"))),
            talk.response(answer(400 + index)),
        ];
        let arriving = segments
            .iter()
            .zip([true, false])
            .filter(|(_, is_request)| !is_lost(index, *is_request));
        wire.send_all(arriving.map(|(segment, _)| segment));
    }
}

fn pairs() -> impl Iterator<Item = (u16, String)> {
    (0..10).map(|index| (index, format!("GET /{index} {}", 400 + index)))
}

#[test]
fn a_lost_head_among_pipelined_requests_gives_no_wrong_pair() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        let [first, _lost, third] =
            [get("/a"), get("/b"), get("/c")].map(|head| talk.request(head));
        wire.send_all(&[first, third]);
        // Each acknowledges all three requests, so that only their order tells which is answered.
        wire.send_all(&[answer(200), answer(405), answer(201)].map(|head| talk.response(head)));
        wire.send(&talk.request(get("/d")));
        wire.send(&talk.response(answer(202)));
    });
    for wrong in [
        "GET /a 405",
        "GET /a 201",
        "GET /c 200",
        "GET /c 405",
        "GET /c 202",
        "GET /d 201",
    ] {
        assert!(
            !seen.exchanges.iter().any(|row| row == wrong),
            "{:?}",
            seen.exchanges
        );
    }
    assert!(
        seen.exchanges.iter().any(|row| row == "GET /d 202"),
        "{:?}",
        seen.exchanges
    );
}

#[test]
fn lost_bytes_of_a_body_do_not_hide_the_next_head() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        wire.send(&talk.request(get("/body")));
        wire.send(&talk.response("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"));
        let [first, _lost, third, fourth] = traps().map(|trap| talk.response(trap));
        wire.send_all(&[first, third, fourth]);
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(202)));
    });
    assert_eq!(seen.exchanges, ["GET /body 200", "GET /next 202"]);
}

#[test]
fn segments_sent_again_whole_or_cut_anew_are_one_row() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        for (path, status) in [("/again", 200), ("/anew", 404)] {
            for whole in [talk.request(get(path)), talk.response(answer(status))] {
                let [[first, _], [_, second]] = [whole.cut(12), whole.cut(20)];
                wire.send_all(&[
                    first.clone(),
                    whole.clone(),
                    second.clone(),
                    whole.clone(),
                    first,
                    second,
                ]);
            }
        }
    });
    assert_eq!(seen.exchanges, ["GET /again 200", "GET /anew 404"]);
}

#[test]
fn keep_alive_probes_do_not_disturb_a_connection() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send_all(&talk.open());
        for (path, status) in [("/before", 200), ("/after", 404)] {
            wire.send(&talk.request(get(path)));
            wire.send(&talk.response(answer(status)));
            // RFC 9293 section 3.8.4: a probe is one byte or none, one before the next that is due.
            for payload in [&b""[..], b"G"] {
                let mut probe = talk.request("");
                probe.seq = probe.seq.wrapping_sub(1);
                probe.payload = payload.to_vec();
                wire.send(&probe);
            }
        }
    });
    assert_eq!(seen.exchanges, ["GET /after 404", "GET /before 200"]);
}

#[test]
fn sequence_numbers_may_wrap_inside_heads_and_bodies() {
    if !can_run(&[]) {
        return;
    }
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for before_wrap in 0..120 {
            let start = u32::MAX - before_wrap;
            let port = 2000 + u16::try_from(before_wrap).expect("a small number");
            let mut talk = Conversation::new(port).starting_at(start, start);
            wire.send_all(&talk.open());
            for (path, status) in [("/wrap", 200), ("/wrapped", 404)] {
                wire.send_all(&talk.request(get(path)).cut(25));
                wire.send_all(&talk.response(answer(status)).cut(25));
                expected.push(format!("GET {path} {status}"));
            }
        }
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
}

#[test]
fn a_port_used_again_is_a_new_connection() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        // The first response announces a body that never comes: nothing of it may be left in the second connection.
        let mut first = Conversation::new(2000);
        wire.send_all(&first.open());
        wire.send(&first.request(get("/first")));
        wire.send(&first.response("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"));
        wire.send_all(&first.close());
        let mut second = Conversation::new(2000).starting_at(50_000, 60_000);
        wire.send_all(&second.open());
        wire.send(&second.request(get("/second")));
        wire.send(&second.response(answer(404)));
    });
    assert_eq!(seen.exchanges, ["GET /first 200", "GET /second 404"]);
}

#[test]
fn a_connection_joined_in_the_middle_gives_its_next_exchanges() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut talk = Conversation::new(2000);
        wire.send(&talk.response("the rest of a body that began before"));
        wire.send(&talk.request(get("/joined")));
        wire.send(&talk.response(answer(200)));
        wire.send(&talk.request(get("/later")));
        wire.send(&talk.response(answer(404)));
    });
    assert_eq!(seen.exchanges, ["GET /joined 200", "GET /later 404"]);
}

#[test]
fn one_direction_alone_gives_rows_with_the_other_half_empty() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        let mut asking = Conversation::new(2000);
        let mut answering = Conversation::new(2001);
        for (path, status) in [("/a", 200), ("/b", 404)] {
            wire.send(&asking.request(get(path)));
            asking.response(answer(status));
            answering.request(get(path));
            wire.send(&answering.response(answer(status)));
        }
    });
    assert_eq!(
        seen.exchanges,
        ["- - 200", "- - 404", "GET /a -", "GET /b -"]
    );
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
        let parts: Vec<_> = head
            .as_bytes()
            .chunks(1400)
            .map(|part| talk.request(part))
            .collect();
        wire.send_all(&parts);
        wire.send(&talk.response(answer(431)));
        wire.send(&talk.request(get("/next")));
        wire.send(&talk.response(answer(200)));
    });
    assert_eq!(seen.exchanges, ["GET /long 431", "GET /next 200"]);
}

#[test]
fn many_conversations_at_once_are_told_apart() {
    if !can_run(&[]) {
        return;
    }
    let mut talks: Vec<_> = (0..200)
        .map(|index| Conversation::new(2000 + index))
        .collect();
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for round in 0..3 {
            let mut rounds = Vec::new();
            for (talk, index) in talks.iter_mut().zip(0..) {
                let [first, second] = talk.request(get(&format!("/{index}/{round}"))).cut(9);
                let [third, fourth] = talk.response(answer(200 + index)).cut(11);
                expected.push(format!("GET /{index}/{round} {}", 200 + index));
                rounds.push([first, second, third, fourth]);
            }
            (0..4).for_each(|part| wire.send_all(rounds.iter().map(|segments| &segments[part])));
        }
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
}

#[test]
fn vlan_tags_options_extension_headers_and_padding_make_no_difference() {
    if !can_run(&[]) {
        return;
    }
    let shapes = [
        Shape::Plain,
        Shape::Vlan,
        Shape::QinQ,
        Shape::TcpOptions,
        Shape::Padded,
        Shape::Ipv6Extensions,
    ];
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for (shape, port) in shapes.into_iter().zip(2000..) {
            wire.shape = shape;
            let mut talks = vec![Conversation::over_ipv6(port)];
            if shape != Shape::Ipv6Extensions {
                talks.push(Conversation::new(port));
            }
            for (mut talk, name) in talks.into_iter().zip(["6", "4"]) {
                wire.send_all(&talk.open());
                wire.send_all(&talk.request(get(&format!("/{shape:?}/{name}"))).cut(3));
                wire.send_all(&talk.response(answer(404)).cut(2));
                expected.push(format!("GET /{shape:?}/{name} 404"));
            }
        }
        wire.shape = Shape::Plain;
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
    let addresses = |row: &serde_json::Value| format!("{} {}", row["src"], row["dst"]);
    let over_ipv6 = seen
        .rows
        .iter()
        .filter(|row| addresses(row) == r#""fd00::1" "fd00::2""#)
        .count();
    let over_ipv4 = seen
        .rows
        .iter()
        .filter(|row| addresses(row) == r#""10.9.0.1" "10.9.0.2""#)
        .count();
    assert_eq!((over_ipv6, over_ipv4), (6, 5));
}

#[test]
fn an_interface_without_a_link_layer_is_read_from_its_ip_header() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Tunnel::new(), |tunnel| {
        for (mut talk, path) in [
            (Conversation::new(2000), "/ipv4"),
            (Conversation::over_ipv6(2000), "/ipv6"),
        ] {
            tunnel.send_all(&talk.open());
            tunnel.send_all(&talk.request(get(path)).cut(20));
            tunnel.send_all(&talk.response(answer(404)).cut(20));
        }
    });
    assert_eq!(seen.exchanges, ["GET /ipv4 404", "GET /ipv6 404"]);
}

#[test]
fn an_interface_that_disappears_does_not_end_the_run() {
    if !can_run(&[]) {
        return;
    }
    let wire = Wire::new();
    let netns = wire.namespace();
    let capture = Capture::start(
        netns,
        &["capture", "--for", "3s", "--format", "ndjson", "-i", "seen"],
    );
    run(std::process::Command::new("ip").args(["-n", netns.name(), "link", "del", "seen"]));
    capture.finish().exited(0);
}

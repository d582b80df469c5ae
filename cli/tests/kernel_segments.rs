//! What `ehl capture` makes of TCP segments in any order, split, sent again, or lost: crafted frames on an interface, no
//! TCP stack on either side.

mod support;

use support::can_run;
use support::heads::{answer, get, traps};
use support::segment::{Conversation, Segment};
use support::wire::{Medium as _, Wire, observe};

#[test]
fn a_request_head_split_at_any_byte_in_either_order_is_one_row() {
    split_everywhere(|talk, cut, swapped| {
        let whole = talk.request(get(&format!("/cut/{cut}/{swapped}")));
        let parts = in_order(whole.cut(cut), swapped);
        parts.into_iter().chain([talk.response(answer(status_of(cut)))]).collect()
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
    if swapped { [second, first] } else { [first, second] }
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
fn a_lost_request_head_leaves_the_other_pairs_right() {
    if !can_run(&[]) {
        return;
    }
    let seen = observe(&mut Wire::new(), |wire| {
        keep_alive(wire, |index, is_request| index == 3 && is_request);
    });
    let mut expected: Vec<_> = pairs().filter(|(index, _)| *index != 3).map(|(_, pair)| pair).collect();
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
    let expected: Vec<_> = pairs().map(|(index, pair)| if index == 3 { "GET /3 -".into() } else { pair }).collect();
    assert_eq!(seen.exchanges, expected);
}

/// Ten exchanges, one after the other on one connection, but for the segments that are lost.
fn keep_alive(wire: &mut Wire, is_lost: impl Fn(u16, bool) -> bool) {
    let mut talk = Conversation::new(2000);
    wire.send_all(&talk.open());
    for index in 0..10 {
        let segments = [talk.request(get(&format!("/{index}"))), talk.response(answer(400 + index))];
        let arriving = segments.iter().zip([true, false]).filter(|(_, is_request)| !is_lost(index, *is_request));
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
        let [first, _lost, third] = [get("/a"), get("/b"), get("/c")].map(|head| talk.request(head));
        wire.send_all(&[first, third]);
        // Each acknowledges all three requests, so that only their order tells which is answered.
        wire.send_all(&[answer(200), answer(405), answer(201)].map(|head| talk.response(head)));
        wire.send(&talk.request(get("/d")));
        wire.send(&talk.response(answer(202)));
    });
    for wrong in ["GET /a 405", "GET /a 201", "GET /c 200", "GET /c 405", "GET /c 202", "GET /d 201"] {
        assert!(!seen.exchanges.iter().any(|row| row == wrong), "{:?}", seen.exchanges);
    }
    assert!(seen.exchanges.iter().any(|row| row == "GET /d 202"), "{:?}", seen.exchanges);
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
                wire.send_all(&[first.clone(), whole.clone(), second.clone(), whole.clone(), first, second]);
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
    assert_eq!(seen.exchanges, ["- - 200", "- - 404", "GET /a -", "GET /b -"]);
}

#[test]
fn many_conversations_at_once_are_told_apart() {
    if !can_run(&[]) {
        return;
    }
    let mut talks: Vec<_> = (0..200).map(|index| Conversation::new(2000 + index)).collect();
    let mut expected = Vec::new();
    let seen = observe(&mut Wire::new(), |wire| {
        for round in 0..3 {
            let mut rounds = Vec::new();
            for (talk, index) in talks.iter_mut().zip(0..) {
                let [first, second] = talk.request(get(&format!("/{index}/{round}"))).cut(9);
                let [third, fourth] = talk.response(answer(400 + index)).cut(11);
                expected.push(format!("GET /{index}/{round} {}", 400 + index));
                rounds.push([first, second, third, fourth]);
            }
            (0..4).for_each(|part| wire.send_all(rounds.iter().map(|segments| &segments[part])));
        }
    });
    expected.sort();
    assert_eq!(seen.exchanges, expected);
}

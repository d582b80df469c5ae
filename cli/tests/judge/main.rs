//! What `ehl capture --read` makes of capture files, judged by `tshark`: the same requests (method, target, host) and the
//! same final responses (status), in the same order per connection.
//!
//! Needs no root. The captures are in `../shared/corpora/http-pcap` beside the project, or in `http-pcap` of the directory
//! that `EHL_CORPORA` names; the rest is made up here. `EHL_BIN` names another program to test, and with `EHL_REQUIRE_JUDGE`
//! a missing tshark is a failure.

mod capture;
mod corpus;
mod ehl_rows;
mod needed;
mod reading;
mod said;
mod tshark;

#[path = "../conversation/generate.rs"]
#[expect(dead_code, reason = "sizes are not judged here")]
mod generate;
#[path = "../conversation/message.rs"]
mod message;
#[path = "../conversation/random.rs"]
#[expect(dead_code, reason = "nothing is chosen by bytes here")]
mod random;
#[path = "../conversation/wire.rs"]
#[expect(dead_code, reason = "some cuts are not made here")]
mod wire;

use std::fs;

use capture::Capture;
use corpus::{DIFFERENCES, Known};
use generate::{Shape, conversation};
use needed::can_judge;
use random::Random;
use reading::{Difference, differences};
use said::{SAID, Said};
use wire::{Cutting, reorder, repeat, wire};

#[test]
fn captures_of_others_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let Some(captures) = corpus::captures() else { return };
    let found: Vec<_> = captures.iter().flat_map(|file| judge(file)).collect();
    let is_known = |difference: &&Difference| !DIFFERENCES.iter().any(|known| known.is(difference));
    let unknown: Vec<_> = found.iter().filter(is_known).collect();
    let stale: Vec<&Known> = DIFFERENCES.iter().filter(|known| !found.iter().any(|difference| known.is(difference))).collect();
    assert!(unknown.is_empty() && stale.is_empty(), "not in the table: {unknown:#?}\nno longer so: {stale:#?}");
}

#[test]
fn known_differences_are_few_and_their_bytes_are_in_the_captures() {
    assert!(DIFFERENCES.len() <= 5);
    let Some(captures) = corpus::captures() else { return };
    for Known { capture, bytes, .. } in DIFFERENCES {
        let file = captures.iter().find(|file| file.file_name().is_some_and(|name| name.to_string_lossy() == *capture));
        let file = file.unwrap_or_else(|| panic!("no capture {capture}"));
        let content = fs::read(file).expect("a capture can be read");
        assert!(memchr::memmem::find(&content, bytes).is_some(), "{capture} has no \"{}\"", bytes.escape_ascii());
    }
}

#[test]
fn what_a_lenient_reader_logs_is_logged() {
    if !can_judge() {
        return;
    }
    let said: Vec<&Said> = SAID.iter().copied().flatten().collect();
    let mut file = Capture::new();
    for (number, Said { segments, .. }) in said.iter().enumerate() {
        file.say(number, segments);
    }
    let (_directory, path) = file.write();
    let differences = judge(&path);
    let rows = ehl_rows::readings(&path);
    let mut wrong = Vec::new();
    for (number, Said { what, told, against, .. }) in said.iter().enumerate() {
        let connection = capture::connection(number);
        let by_ehl = rows.get(&connection).map(ToString::to_string).unwrap_or_default();
        let difference = differences.iter().find(|difference| difference.connection == connection);
        if by_ehl != *told || difference.is_some() != against.is_some() {
            wrong.push(format!("{what}: {by_ehl:?}, not {told:?}; known to be against tshark: {against:?}; is: {difference:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn generated_conversations_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let mut file = Capture::new();
    for number in 0..200 {
        let random = &mut Random::new(number as u64);
        let made = conversation(shape(random), random);
        let cutting = random.pick(&[Cutting::Mss, Cutting::Offload, Cutting::UpTo(3000), Cutting::Wicked, Cutting::WholeHeads]);
        let packets = wire(&made, cutting, true, false, random).packets;
        // Between the CR and the LF of what frames a chunk, tshark loses its place.
        if !packets.iter().any(|packet| packet.payload.ends_with(b"\r")) {
            file.packets(number, &packets);
        }
    }
    judge_all(&file);
}

#[test]
fn swapped_and_repeated_segments_are_read_as_tshark_reads_them() {
    if !can_judge() {
        return;
    }
    let mut file = Capture::new();
    for number in 0..200 {
        let random = &mut Random::new(1000 + number as u64);
        let made = conversation(shape(random), random);
        let mut packets = wire(&made, random.pick(&[Cutting::Mss, Cutting::UpTo(3000)]), true, false, random).packets;
        reorder(&mut packets, random.pick(&[0, 1, 5]), random);
        file.packets(number, &repeat(packets, &made, random.pick(&[0, 1, 5]), random));
    }
    judge_all(&file);
}

/// What tshark can judge. It does not know all methods, reads no folded framing and no lists of lengths, takes what follows a
/// CONNECT for a tunnel whatever the answer is, takes body for a head where a segment starts like one, and misses answers
/// that are cut where requests are pipelined.
fn shape(random: &mut Random) -> Shape {
    let bytes = random.pick(&[500, 2000, 20_000]);
    Shape { bytes, depth: 1, odd: false, plain: true, traps: false, whole: false }
}

#[track_caller]
fn judge_all(file: &Capture) {
    let (_directory, path) = file.write();
    assert!(!ehl_rows::readings(&path).is_empty());
    let found = judge(&path);
    assert!(found.is_empty(), "{} differ: {:#?}", found.len(), &found[..found.len().min(3)]);
}

/// What the two say differently of a capture.
fn judge(file: &std::path::Path) -> Vec<Difference> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let rows = ehl_rows::readings(file);
    let read = tshark::readings(file, tshark::Bodies::Whole);
    if differences(&name, &read, &rows).is_empty() {
        return Vec::new();
    }
    let read = tshark::with_unfinished(read, &tshark::readings(file, tshark::Bodies::Apart));
    differences(&name, &read, &rows)
}

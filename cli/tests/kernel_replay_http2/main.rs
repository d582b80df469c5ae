//! Made-up conversations of HTTP/2 are the same rows live and from a capture file: as they were said, out of order, and with
//! segments repeated. Whether the rows are true is for the tests that need no kernel.
//!
//! `EHL_CASES` sets how many conversations each test makes up.

#[path = "../http2/frame.rs"]
mod frame;
#[path = "../http2/generate.rs"]
#[expect(dead_code, reason = "the truth is not asked for here")]
mod generate;
#[path = "../http2/hpack.rs"]
mod hpack;
#[path = "../http2/line.rs"]
mod line;
#[path = "../conversation/message.rs"]
#[expect(dead_code, reason = "there are no chunks, and heads are others")]
mod message;
#[path = "../http2/opening.rs"]
mod opening;
#[path = "../http2/plan.rs"]
mod plan;
#[path = "../kernel_replay/played.rs"]
mod played;
#[path = "../conversation/random.rs"]
#[expect(dead_code, reason = "nothing is chosen by bytes here")]
mod random;
#[path = "../kernel_replay/recording.rs"]
#[expect(dead_code, reason = "no capture is read here")]
mod recording;
#[path = "../support/mod.rs"]
mod support;
#[path = "../http2/talk.rs"]
mod talk;
#[path = "../conversation/wire.rs"]
#[expect(dead_code, reason = "some cuts are not made here")]
mod wire;

use generate::{Shape, conversation};
use played::{assert_same, play, rows_of_recordings};
use random::Random;
use recording::Recording;
use support::can_run;
use wire::{Cutting, Packet, reorder, repeat, wire};

#[test]
fn conversations_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    let recordings = recordings(|random| said(random).1);
    assert_same(&recordings, &rows_of_recordings(&recordings), &play(&recordings));
}

#[test]
fn conversations_out_of_order_and_repeated_are_the_same_rows_live_and_read() {
    if !can_run(&[]) {
        return;
    }
    let disturbed = recordings(|random| {
        let (conversation, mut packets) = said(random);
        reorder(&mut packets, random.pick(&[0, 5, 30]), random);
        repeat(packets, &conversation, random.pick(&[0, 5, 30]), random)
    });
    assert_same(&disturbed, &rows_of_recordings(&disturbed), &play(&disturbed));
}

fn said(random: &mut Random) -> (generate::Conversation, Vec<Packet>) {
    let (bytes, streams, depth) = (random.pick(&[0, 500, 2000, 20_000]), random.pick(&[1, 3, 10, 50]), random.pick(&[1, 2, 10]));
    let odd = random.percent(70);
    let shape = Shape { bytes, streams, depth, traps: random.percent(70), pads: random.percent(50), cuts: true, tables: true, odd };
    let cutting = random.pick(&[Cutting::Mss, Cutting::UpTo(200), Cutting::UpTo(3000), Cutting::Wicked, Cutting::Wicked]);
    let conversation = conversation(shape, random);
    let packets = wire(&conversation, cutting, true, false, random).packets;
    (conversation, packets)
}

/// Each with a client port of its own.
fn recordings(make: impl Fn(&mut Random) -> Vec<Packet>) -> Vec<Recording> {
    let count = std::env::var("EHL_CASES").map_or(100, |text| text.parse().expect("EHL_CASES is a number"));
    let recording = |number: u16| Recording::of("conversation", number, &make(&mut Random::new(u64::from(number))));
    (0..count).map(recording).collect()
}

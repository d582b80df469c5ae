//! Generated conversations of HTTP/2 with a known truth, through the kernel's walk and the streams, frames and heads of user
//! space, all on the host.
//!
//! `EHL_CASES` sets how many conversations each test makes up (or which: `40..41`); with `EHL_SHOW`, a failed test shows
//! what was on the wire.

mod case;
mod found;
mod frame;
mod garbage;
mod generate;
mod hostile;
mod hpack;
mod line;
mod lost;
mod odd;
mod opening;
mod plan;
mod rows;
mod script;
mod talk;
mod truth;

#[path = "../conversation/check.rs"]
mod check;
#[path = "../conversation/memory.rs"]
mod memory;
#[path = "../conversation/message.rs"]
#[expect(dead_code, reason = "there are no chunks, and heads are others")]
mod message;
#[path = "../conversation/random.rs"]
mod random;
#[path = "../conversation/show.rs"]
mod show;
#[path = "../conversation/tap.rs"]
#[expect(dead_code, reason = "counters are not looked at")]
mod tap;
#[path = "../conversation/wire.rs"]
mod wire;

use case::{Case, is_truth_told, submitted, submitted_by, ways};
use check::check;
use random::Random;
use rows::from_records;
use wire::Packet;

#[test]
fn tells_exactly_what_was_said_however_it_is_cut() {
    check("in order", 400, |random| Case::new(random).is_told_in_time());
}

#[test]
fn tells_exactly_what_a_process_wrote_and_read() {
    check("tls", 400, |random| Case::new(random).is_told_by_processes());
}

#[test]
fn a_process_may_be_joined_at_any_call() {
    check("tls joined", 400, |random| {
        let case = Case::partly(random);
        let packets = &case.wire.packets[random.within(0..case.wire.packets.len())..];
        show::case(&case);
        show::packets(packets);
        for process in [0, 1] {
            let rows = from_records(&submitted_by(process, packets)).rows;
            case.is_plausible("process", &rows)?;
            case.is_found_again("process", [packets; 2], &rows)?;
        }
        Ok(())
    });
}

#[test]
fn is_not_shaken_by_reordering_and_repetition() {
    check("disorder", 400, |random| {
        let case = Case::with(false, random);
        case.is_told_of(&case.disordered(random))
    });
}

#[test]
fn holds_for_what_a_fuzzer_chooses() {
    check("chosen by bytes", 1000, |random| {
        let choices: Vec<u8> = (0..random.within(0..300)).map(|_| random.number() as u8).collect();
        is_truth_told(&choices)
    });
}

#[test]
fn a_connection_may_be_joined_at_any_segment() {
    check("joined", 400, |random| {
        let case = Case::partly(random);
        let packets = &case.wire.packets[random.within(0..case.wire.packets.len())..];
        show::case(&case);
        show::packets(packets);
        for (what, told) in ways(packets) {
            case.is_plausible(what, &told.rows)?;
            case.is_found_again(what, [packets; 2], &told.rows)?;
        }
        Ok(())
    });
}

#[test]
fn lost_segments_cost_what_they_carried_and_what_needs_it() {
    check("lost segments", 400, |random| {
        let case = Case::partly(random);
        let (packets, after) = lose(case.wire.packets.clone(), random);
        show::case(&case);
        show::packets(&packets);
        for (what, told) in ways(&packets) {
            case.is_plausible(what, &told.rows)?;
            case.is_found_again(what, [&packets[after[0]..], &packets[after[1]..]], &told.rows)?;
        }
        Ok(())
    });
}

#[test]
fn lost_records_make_nothing_wrong() {
    check("lost records", 400, |random| {
        let case = Case::partly(random);
        show::case(&case);
        show::packets(&case.wire.packets);
        let percent = random.pick(&[1, 5, 20]);
        let mut records = submitted(&case.wire.packets);
        records.retain(|_| !random.percent(percent));
        show::records(&records);
        case.is_plausible("kernel", &from_records(&records).rows)
    });
}

/// Those that are not lost, and of each end the first one after the last one that is.
fn lose(packets: Vec<Packet>, random: &mut Random) -> (Vec<Packet>, [usize; 2]) {
    let percent = random.pick(&[1, 1, 5, 20]);
    let burst = random.pick(&[1, 3, 10]);
    // For a while all is well again.
    let until = random.within(0..packets.len());
    let (mut left, mut kept, mut after) = (0, Vec::new(), [0; 2]);
    for (number, packet) in packets.into_iter().enumerate() {
        left = if number < until && random.percent(percent) { random.within(0..burst) + 1 } else { left };
        if left > 0 {
            left -= 1;
            after[packet.from] = kept.len();
        } else {
            kept.push(packet);
        }
    }
    (kept, after)
}

#[test]
fn a_head_that_cannot_be_decoded_is_counted_and_makes_nothing_wrong() {
    check("undecodable", 400, |random| {
        let mut case = Case::of(false, random.percent(50), false, random);
        let Some(place) = case.corrupt(random) else { return Ok(()) };
        show::case(&case);
        show::packets(&case.wire.packets);
        for (what, told) in ways(&case.wire.packets) {
            case.is_plausible(what, &told.rows)?;
            if told.undecodable == 0 {
                return Err(format!("{what}: the head at {place:?} was decoded"));
            }
        }
        Ok(())
    });
}

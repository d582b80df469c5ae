//! Generated conversations of HTTP/2 with a known truth, through the kernel's walk and the streams, frames and heads of user
//! space, all on the host.
//!
//! `EHL_CASES` sets how many conversations each test makes up (or which: `40..41`); with `EHL_SHOW`, a failed test shows
//! what was on the wire.

mod case;
mod frame;
mod generate;
mod hpack;
mod opening;
mod plan;
mod rows;
mod talk;
mod truth;

#[path = "../conversation/check.rs"]
mod check;
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
#[expect(dead_code, reason = "heads are cut always")]
mod wire;

use case::{Case, is_truth_told};
use check::check;

#[test]
fn tells_exactly_what_was_said_however_it_is_cut() {
    check("in order", 400, |random| Case::new(random).is_told_in_time());
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

//! The bytes choose a conversation, and how it is cut, mixed up and repeated on the wire: what is told of it is the truth.
//! With `EHL_SHOW`, what was on the wire is shown.

#![no_main]

#[path = "../../tests/conversation/case.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod case;
#[path = "../../tests/conversation/generate.rs"]
mod generate;
#[path = "../../tests/conversation/message.rs"]
mod message;
#[path = "../../tests/conversation/random.rs"]
mod random;
#[path = "../../tests/conversation/rows.rs"]
mod rows;
#[path = "../../tests/conversation/show.rs"]
mod show;
#[path = "../../tests/conversation/tap.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod tap;
#[path = "../../tests/conversation/wire.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod wire;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|choices: &[u8]| {
    if let Err(why) = case::is_truth_told(choices) {
        panic!("{why}");
    }
});

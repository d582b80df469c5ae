//! What a failed case was, for the eye: on request.
#![expect(clippy::print_stdout, reason = "the test harness captures it, and shows it when the test fails")]

use ehl_probes_common::record::{self, RecordHeader};

use crate::case::Case;
use crate::wire::Packet;

/// What was said.
pub(crate) fn case(case: &Case) {
    if is_wanted() {
        println!("{:?} {:?} first {:?} {:#?}", case.shape, case.cutting, case.wire.first, case.conversation.truths);
    }
}

/// What was on the wire.
pub(crate) fn packets(packets: &[Packet]) {
    if is_wanted() {
        println!("{packets:#?}");
    }
}

/// What the kernel submitted.
pub(crate) fn records(records: &[Vec<u8>]) {
    if !is_wanted() {
        return;
    }
    for bytes in records {
        let (header, captured) = record::decode(bytes).expect("the kernel's own layout");
        let RecordHeader { time_ns, source_port, sequence, acknowledgement, payload_len, flags, tcp_flags, framing, .. } = header;
        let shown = captured[..captured.len().min(60)].escape_ascii();
        println!(
            "{time_ns} {source_port} {sequence}+{payload_len} ack {acknowledgement} flags {flags:#x} tcp {tcp_flags:#x} framing {framing:#x} \"{shown}\""
        );
    }
}

fn is_wanted() -> bool {
    std::env::var_os("EHL_SHOW").is_some()
}

//! Generated conversations with a known truth, through the kernel's walk and the streams, messages and pairs of user space,
//! all on the host.
//!
//! `EHL_CASES` sets how many conversations each test makes up (or which: `40..41`); with `EHL_SHOW`, a failed test shows
//! what was on the wire.

mod case;
mod check;
mod found;
mod frames;
mod garbage;
mod generate;
mod memory;
mod message;
mod proxy;
mod random;
mod rows;
mod show;
mod tap;
mod wire;

use std::ops::Range;

use ehl_probes_common::counter::Counter;
use ehl_probes_common::record;

use case::{Case, is_truth_told, same, submitted};
use check::check;
use rows::{Row, from_packets, from_records};
use tap::{Loops, PORTS};
use wire::Cutting;

#[test]
fn tells_exactly_what_was_said_however_it_is_cut() {
    check("in order", 400, |random| {
        let case = Case::new(random);
        case.is_told_of(&case.wire.packets)
    });
}

#[test]
fn tells_exactly_what_a_process_wrote_and_read() {
    check("tls", 400, |random| Case::new(random).is_told_by_processes());
}

#[test]
fn keeps_plain_bodies_down() {
    check("bodies", 200, |random| {
        let case = Case::of(Cutting::WholeHeads, false, true, random);
        show::case(&case);
        show::packets(&case.wire.packets);
        let (kernel, records) = submitted(&case.wire.packets, Loops::LONG);
        let desynchronised = kernel.counted(Counter::Desynchronised);
        if desynchronised > 0 {
            return Err(format!("{desynchronised} directions fell out of step"));
        }
        for bytes in &records {
            let (header, captured) = record::decode(bytes).expect("the kernel's own layout");
            let from = usize::from(header.source_port == PORTS[1]);
            let at = header.sequence.wrapping_sub(case.wire.first[from]) as usize;
            let body = &case.conversation.streams[from].body;
            if !captured.is_empty() && body[at..at + captured.len()].contains(&true) {
                return Err(format!("body at {at} in {header:?}"));
            }
        }
        same("kernel", &case.truth(), &from_records(&records))
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
    check("chosen by bytes", 400, |random| {
        let choices: Vec<u8> = (0..random.within(0..300)).map(|_| random.number() as u8).collect();
        is_truth_told(&choices)
    });
}

#[test]
fn short_loops_of_old_kernels_cost_rows_but_never_wrong_ones() {
    check("short loops", 200, |random| {
        let case = Case::new(random);
        show::case(&case);
        show::packets(&case.wire.packets);
        if case.shape.depth > 1 {
            // Of a client that does not wait for answers, it has to be seen that it does not.
            return Ok(());
        }
        let (_, records) = submitted(&case.wire.packets, Loops::SHORT);
        plausible("kernel", &case, &from_records(&records))
    });
}

#[test]
fn lost_segments_cost_what_they_carried_and_no_more() {
    check("lost segments", 400, |random| {
        let mut case = Case::new(random);
        let mut lost = Lost::default();
        let packets = std::mem::take(&mut case.wire.packets);
        let percent = random.pick(&[1, 1, 5, 20]);
        let burst = random.pick(&[1, 3, 10]);
        let mut left = 0;
        let packets: Vec<_> = packets
            .into_iter()
            .filter(|packet| {
                left = if random.percent(percent) { random.within(0..burst) + 1 } else { left };
                let range = packet.offset..packet.offset.wrapping_add(packet.payload.len());
                let is_lost = left > 0 && case.may_lose(packet.from, &range);
                left = left.saturating_sub(1);
                if is_lost {
                    lost.push(packet.from, range);
                }
                !is_lost
            })
            .collect();
        show::case(&case);
        show::packets(&packets);
        let (_, records) = submitted(&packets, Loops::LONG);
        let found = from_records(&records);
        plausible("kernel", &case, &found)?;
        lost.elsewhere("kernel", &case, &found)?;
        let found = from_packets(&packets);
        plausible("raw", &case, &found)?;
        lost.elsewhere("raw", &case, &found)
    });
}

#[test]
fn lost_records_cost_what_they_carried_and_no_more() {
    check("lost records", 400, |random| {
        let case = Case::new(random);
        let mut lost = Lost::default();
        show::case(&case);
        show::packets(&case.wire.packets);
        let (_, records) = submitted(&case.wire.packets, Loops::LONG);
        let percent = random.pick(&[1, 1, 5, 20]);
        let burst = random.pick(&[1, 3, 10]);
        let mut left = 0;
        let records: Vec<_> = records
            .into_iter()
            .filter(|bytes| {
                left = if random.percent(percent) { random.within(0..burst) + 1 } else { left };
                let (header, _) = record::decode(bytes).expect("the kernel's own layout");
                let from = usize::from(header.source_port == PORTS[1]);
                let at = header.sequence.wrapping_sub(case.wire.first[from]);
                let at = if at == u32::MAX { usize::MAX } else { at as usize };
                let range = at..at.wrapping_add(header.payload_len as usize);
                let is_lost = left > 0 && case.may_lose(from, &range);
                left = left.saturating_sub(1);
                if is_lost {
                    lost.push(from, range);
                }
                !is_lost
            })
            .collect();
        show::records(&records);
        let found = from_records(&records);
        plausible("kernel", &case, &found)?;
        lost.elsewhere("kernel", &case, &found)
    });
}

impl Case {
    /// Whether this may get lost. Of a client that does not wait for answers, it has to be seen that it does not.
    fn may_lose(&self, from: usize, range: &Range<usize>) -> bool {
        let truths = &self.conversation.truths;
        let early = truths.iter().position(|truth| truth.pipelined).map_or(0, |first| truths[first].spans[from].end);
        // Where a stream begins, and of a client ...
        range.start != usize::MAX && (self.with_syn || range.start > 0) && range.start >= early
    }
}

/// What was not seen, by stream.
#[derive(Default)]
struct Lost([Vec<Range<usize>>; 2]);

impl Lost {
    fn push(&mut self, from: usize, range: Range<usize>) {
        // A flag alone counts as a byte; that of a SYN stands before the first one.
        let start = if range.start == usize::MAX { 0 } else { range.start };
        self.0[from].push(start..range.end.max(start + 1));
    }

    /// Exchanges that were seen whole, after one that was, are told: of a client that waits for each answer, where nothing is
    /// odd and no body looks like a message.
    fn elsewhere(&self, what: &str, case: &Case, found: &[Row]) -> Result<(), String> {
        if case.shape.depth > 1 || case.shape.traps || case.shape.odd {
            return Ok(());
        }
        let truths = &case.conversation.truths;
        let mut before_is_whole = true;
        for (number, truth) in truths.iter().enumerate() {
            let is_whole = [0, 1].iter().all(|from| {
                let begin = if number == 0 { 0 } else { truths[number - 1].spans[*from].end };
                let end = if number + 1 == truths.len() { usize::MAX } else { truth.spans[*from].end };
                self.0[*from].iter().all(|lost| lost.end <= begin || lost.start >= end)
            });
            let row = Row::true_to(number, truth);
            if before_is_whole && is_whole && !found.contains(&row) {
                return Err(format!("{what}\n  not told: {row:?}\n  lost: {:?}\n  told: {found:?}", self.0));
            }
            // What the server acknowledged with an early answer does not tell where the next request starts.
            before_is_whole = is_whole && !truth.early;
        }
        Ok(())
    }
}

/// Half an exchange may be told, but no wrong one.
fn plausible(what: &str, case: &Case, found: &[Row]) -> Result<(), String> {
    for row in found {
        let by_path = row.path.as_deref().and_then(|path| path.strip_prefix("/n/")?.parse::<usize>().ok());
        let by_answer = row.answer.as_deref().and_then(|answer| answer.parse::<usize>().ok());
        let is_trap = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("trap"));
        let is_true = match (by_path, by_answer) {
            (Some(request), Some(response)) => request == response,
            // Body that was taken for a head, alone.
            (Some(_), None) => !is_trap(&row.answer),
            (None, Some(_)) => !is_trap(&row.path),
            (None, None) => true,
        };
        // Lost in a body, one may take the end of it for the start of a head, or a field for one. It stays half a row.
        let is_half = by_path.is_none() || by_answer.is_none();
        // What an early answer acknowledged may be where the body goes on.
        let truths = &case.conversation.truths;
        let after_early = by_path.is_some_and(|number| number > 0 && truths[number - 1].early);
        let may_be_odd = is_half && (case.shape.traps || case.shape.depth > 1) || after_early;
        let truth = |number: Option<usize>| number.map(|number| Row::true_to(number, &truths[number]));
        let method = truth(by_path).is_none_or(|truth| truth.method == row.method);
        let status = truth(by_answer).is_none_or(|truth| truth.status == row.status);
        if !(is_true && (may_be_odd || method && status)) {
            return Err(format!("{what}\n  told: {row:?}"));
        }
    }
    Ok(())
}

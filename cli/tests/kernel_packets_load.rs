//! Packets in numbers that no table and no ring takes: totals stay exact, memory bounded, and what is lost is told.
//!
//! The tests here take turns. They mean the program as it is installed; give them a release build (`EHL_BIN`).

mod support;

use std::io::{PipeReader, Read as _};
use std::mem;
use std::os::fd::AsRawFd as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::Signal;
use support::can_run;
use support::capture::{Capture, ehl};
use support::frame::*;
use support::outcome::csv_rows;
use support::packets::{Place, TC_EGRESS, XDP_NATIVE};
use support::process::peak_resident_bytes;
use support::quiet::Quiet;
use support::wait_for;
use support::wire::stay_on;

const MIB: u64 = 1 << 20;
const RESIDENT_LIMIT: u64 = 64 * MIB;
/// 50,000 new ones a second for 10 seconds.
const FLOWS: u32 = 500_000;

fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Frames of so many flows, one each, as fast as the interface takes them.
fn send_flows(quiet: &Quiet, place: Place, flows: u32) {
    let socket = if place.direction == "egress" { quiet.way_out() } else { quiet.way_in() };
    let template = ethernet(IPV4, &ipv4(UDP, &udp(0, 53, &[7; 18])));
    let numbers: Vec<u32> = (0..flows).collect();
    for numbers in numbers.chunks(512) {
        let mut frames: Vec<_> = numbers
            .iter()
            .map(|number| {
                let [a, b, c, d] = number.to_be_bytes();
                let mut frame = template.clone();
                // The sender's address and port.
                frame[28..30].copy_from_slice(&[a, b]);
                frame[34..36].copy_from_slice(&[c, d]);
                frame
            })
            .collect();
        let parts: Vec<_> =
            frames.iter_mut().map(|frame| libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() }).collect();
        let mut messages: Vec<libc::mmsghdr> = parts
            .iter()
            .map(|part| {
                // SAFETY: all bytes zero is a valid mmsghdr.
                let mut message: libc::mmsghdr = unsafe { mem::zeroed() };
                message.msg_hdr.msg_iov = std::ptr::from_ref(part).cast_mut();
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        let mut left = &mut messages[..];
        while !left.is_empty() {
            let count = libc::c_uint::try_from(left.len()).expect("a small number");
            // SAFETY: each message has one part, which is a frame that lives through the call.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), left.as_mut_ptr(), count, 0) };
            let sent = usize::try_from(sent).unwrap_or_else(|_| panic!("frames are refused: {}", std::io::Error::last_os_error()));
            left = &mut left[sent..];
        }
    }
}

#[test]
fn totals_of_half_a_million_flows_are_exact_in_bounded_memory() {
    if !can_run(&[]) {
        return;
    }
    let _turn = alone();
    for (place, max_flows) in [(TC_EGRESS, 65_536), (TC_EGRESS, 100), (XDP_NATIVE, 65_536)] {
        let mut quiet = Quiet::new();
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let max = max_flows.to_string();
        let mut command = ehl(quiet.namespace(), &place.args("flows", &["--format", "csv", "--max-flows", &max, "--by", "tuple"]));
        let capture = Capture::spawn_with_stdout(&mut command, writer.into());
        drop(command);
        let mut reader = Waiting { reader, read: Vec::new() };
        reader.until_heading();
        send_flows(&quiet, place, FLOWS);
        if place == XDP_NATIVE {
            quiet.settle();
        }
        capture.signal(Signal::INT);
        // It has all that it will ever have, and cannot write it.
        let peak = if max_flows > 1000 { reader.until_full(|| peak_resident_bytes(capture.pid())) } else { 0 };
        let rows = csv_rows(&reader.rest());
        capture.finish().exited(0);

        let sum = |column: &str| rows.iter().map(|row| row[column].parse::<u64>().expect("a number")).sum::<u64>();
        let counted = quiet.counters();
        let (packets, bytes) = match place {
            // Frames that came faster than they were taken in are not counted as received.
            XDP_NATIVE => (counted.received, counted.received_bytes + 14 * counted.received),
            _ => (u64::from(FLOWS), u64::from(FLOWS) * 60),
        };
        assert_eq!((sum("packets"), sum("bytes")), (packets, bytes), "{place:?}, {max_flows}");
        assert_eq!(rows.len(), max_flows + 1, "{place:?}");
        assert_eq!(rows.last().expect("there are rows")["src"], "other");
        assert!(rows[..max_flows].iter().all(|row| row["packets"] == "1"), "{place:?}, {max_flows}");
        assert!(peak < RESIDENT_LIMIT, "{} MiB resident", peak / MIB);
    }
}

/// The reader of a pipe that it may leave full.
struct Waiting {
    reader: PipeReader,
    read: Vec<u8>,
}

impl Waiting {
    fn until_heading(&mut self) {
        while !self.read.contains(&b'\n') {
            let mut part = [0; 4096];
            let len = self.reader.read(&mut part).expect("the pipe can be read");
            assert!(len > 0, "it ends before its heading");
            self.read.extend_from_slice(&part[..len]);
        }
    }

    /// Runs `look` while the writer waits for the reader.
    fn until_full<T>(&self, look: impl FnOnce() -> T) -> T {
        // The writer fills pages, which may not be full.
        const ALMOST: u64 = 32 << 10;
        wait_for("the pipe to be full", || {
            let waiting = rustix::io::ioctl_fionread(&self.reader).expect("a pipe tells");
            (waiting > ALMOST).then_some(())
        });
        look()
    }

    fn rest(mut self) -> Vec<u8> {
        self.reader.read_to_end(&mut self.read).expect("the pipe can be read");
        self.read
    }
}

#[test]
fn totals_are_exact_when_all_cpus_add_to_the_same_flows() {
    if !can_run(&[]) {
        return;
    }
    let _turn = alone();
    const SHARED: u32 = 20_000;
    const ROUNDS: u32 = 5;
    let cpus = std::thread::available_parallelism().expect("there are CPUs").get();
    // One that moves where it likes; `Quiet` keeps its own thread on one CPU.
    let quiet = Quiet::new();
    let columns = "packets,bytes,min_bytes,max_bytes,segments";
    let args = TC_EGRESS.args("flows", &["--format", "csv", "--columns", columns]);
    let capture = Capture::start(quiet.namespace(), &args);
    std::thread::scope(|scope| {
        for cpu in 0..cpus {
            let quiet = &quiet;
            scope.spawn(move || {
                stay_on(cpu);
                (0..ROUNDS).for_each(|_| send_flows(quiet, TC_EGRESS, SHARED));
            });
        }
    });
    let outcome = capture.stop().exited(0);
    let rows = outcome.text();
    let each = cpus as u64 * u64::from(ROUNDS);
    let expected = format!("{each},{},60,60,{each}", each * 60);
    let wrong: Vec<_> = rows.lines().skip(1).filter(|row| *row != expected).collect();
    assert_eq!((rows.lines().count() - 1, wrong), (SHARED as usize, Vec::new()));
}

#[test]
fn what_a_full_ring_does_not_take_is_counted() {
    if !can_run(&[]) {
        return;
    }
    let _turn = alone();
    const FRAMES: u64 = 20_000;
    for place in [TC_EGRESS, XDP_NATIVE] {
        let mut quiet = Quiet::new();
        let args = place.args("capture", &["--format", "ndjson", "--ring-size", "256KiB", "--fail-on-loss"]);
        let capture = Capture::start(quiet.namespace(), &args);
        capture.signal(Signal::STOP);
        if place == TC_EGRESS {
            quiet.transmit(FRAMES);
        } else {
            quiet.receive(FRAMES);
        }
        quiet.settle();
        capture.signal(Signal::CONT);
        let outcome = capture.stop().exited(5);
        let (received, sent) = quiet.counted();
        let passed = if place == TC_EGRESS { sent } else { received };
        let rows = outcome.rows().len() as u64;
        let lost = outcome.accounting("lost");
        assert!(rows > 0 && lost > 0, "{}", outcome.summary());
        assert_eq!((rows + lost, outcome.accounting("events"), outcome.accounting("rows")), (passed, passed, rows));
        assert_eq!(outcome.summary()["accounting"]["packets"]["seen"], passed);
        assert!(outcome.stderr.contains("packets were lost"), "{outcome}");
    }
}

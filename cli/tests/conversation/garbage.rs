//! Segments that no client or server would send: nothing panics, and what is kept is bounded.

use ehl::source::ring;

use crate::check::check;
use crate::memory::kept;
use crate::random::Random;
use crate::rows::tracker;
use crate::tap::{Kernel, Loops};
use crate::wire::Packet;

/// More than this is not kept for one hostile connection: the tracker's own limit, and what a few exchanges and vectors add.
const MOST: isize = 12 << 20;

#[test]
fn garbage_neither_panics_nor_piles_up() {
    check("garbage", 60, |random| {
        let loops = random.pick(&[Loops::LONG, Loops::SHORT]);
        let (mut kernel, mut tracker) = (Kernel::new(loops), tracker());
        let mut sequences = [random.number() as u32, random.number() as u32];
        let (before, mut most) = (kept(), 0);
        for number in 0..random.within(1..1500) {
            kernel.packet(&packet(number, &mut sequences, random));
            for record in kernel.take_records() {
                let segment = ring::decode(&record, 0).map_err(|error| format!("{error:?}"))?;
                tracker.segment(&segment, &mut |_| {});
            }
            most = most.max(kept() - before);
        }
        tracker.finish(&mut |_| {});
        if most > MOST { Err(format!("{most} bytes were kept")) } else { Ok(()) }
    });
}

fn packet(number: usize, sequences: &mut [u32; 2], random: &mut Random) -> Packet {
    let from = random.within(0..2);
    let payload = payload(random);
    let jump = match random.within(0..20) {
        0 => random.within(0..3000) as u32,
        1 => 0u32.wrapping_sub(random.within(0..3000) as u32),
        2 if random.percent(10) => random.number() as u32,
        _ => 0,
    };
    let sequence = sequences[from].wrapping_add(jump);
    sequences[from] = sequence.wrapping_add(payload.len() as u32);
    let acknowledgement = if random.percent(95) { sequences[1 - from] } else { random.number() as u32 };
    let flags = if random.percent(97) { 0x10 } else { random.number() as u8 };
    let time_ns = number as u64 * if random.percent(99) { 100_000 } else { 5_000_000 };
    Packet { time_ns, from, interface: random.pick(&[2, 2, 2, 3]), sequence, acknowledgement, flags, payload, offset: 0 }
}

fn payload(random: &mut Random) -> Vec<u8> {
    const PIECES: [&[u8]; 24] = [
        b"GET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\n\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 \r\n\r\n",
        b"HTTP/1.1 100 \r\n\r\n",
        b"HTTP/1.1 204 \r\n\r\n",
        b"HTTP/1.",
        b"Content-Length: 5\r\n",
        b"Content-Length: 99999999999999\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b" folded\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"ffffffffffff\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    ];
    let mut payload = Vec::new();
    for _ in 0..random.within(0..8) {
        match random.within(0..8) {
            0 => payload.extend((0..random.within(0..50)).map(|_| random.number() as u8)),
            1 => {
                let most = random.pick(&[10, 2000, 60_000]);
                payload.resize(payload.len() + random.within(0..most) + 1, b'a');
            }
            _ => payload.extend_from_slice(random.pick(&PIECES)),
        }
    }
    payload
}

//! Frames (RFC 9113 sections 4 and 6).

use ehl_probes_common::frame::{PREFACE, frame_flag, kind};

use crate::generate::Shape;
use crate::random::Random;

/// A frame of any kind.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).expect("a frame is short").to_be_bytes();
    let header = [&len[1..], &[kind, flags], &stream.to_be_bytes()];
    [&header.concat(), payload].concat()
}

/// With padding, now and then.
pub(crate) fn padded(kind: u8, flags: u8, stream: u32, payload: &[u8], pads: bool, random: &mut Random) -> Vec<u8> {
    if !pads || random.percent(85) {
        return frame(kind, flags, stream, payload);
    }
    let padding = random.pick(&[0, 1, 10, 255]);
    frame(kind, flags | frame_flag::PADDED, stream, &[&[padding], payload, &vec![0; usize::from(padding)]].concat())
}

/// HEADERS or PUSH_PROMISE, and CONTINUATION. What is promised or said of priority comes before the block.
pub(crate) fn head(kind: u8, flags: u8, stream: u32, before: &[u8], block: &[u8], shape: Shape, random: &mut Random) -> Vec<u8> {
    let Shape { pads, cuts, .. } = shape;
    let most = if cuts { random.pick(&[16_000, 16_000, 16_000, 100, 10, 1]) } else { 16_000 };
    let mut parts: Vec<&[u8]> = block.chunks(most.max(block.len() / 20 + 1).min(16_000)).collect();
    if pads && parts.len() > 1 && random.percent(10) {
        parts.insert(random.within(0..parts.len()), &[]);
    }
    let last = parts.len() - 1;
    let end = |number: usize| if number == last { frame_flag::END_HEADERS } else { 0 };
    let mut bytes = padded(kind, flags | end(0), stream, &[before, parts[0]].concat(), pads, random);
    for (number, part) in parts.iter().enumerate().skip(1) {
        bytes.extend(frame(kind::CONTINUATION, end(number), stream, part));
    }
    bytes
}

/// SETTINGS.
pub(crate) fn settings(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(kind::SETTINGS, 0, 0, &payload)
}

/// What says nothing of any stream, and may come at any time.
pub(crate) fn noise(stream: u32, random: &mut Random) -> Vec<u8> {
    let origin = b"\0\x12http://example.com";
    match random.within(0..9) {
        0 => frame(kind::PING, 0, 0, b"12345678"),
        1 => frame(kind::PING, frame_flag::ACK, 0, b"HTTP/1.1"),
        2 => frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 255, 255]),
        3 => frame(kind::WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1]),
        4 => frame(kind::PRIORITY, 0, stream, &[0, 0, 0, 0, 16]),
        // Reserved by nobody for nothing.
        5 => frame(0x0b + 0x1f * random.within(0..8) as u8, random.number() as u8, stream, b"nothing at all"),
        // PRIORITY_UPDATE (RFC 9218 section 7.1).
        6 => frame(0x10, 0, 0, &[&stream.to_be_bytes()[..], b"u=1, i"].concat()),
        // ALTSVC (RFC 7838 section 4).
        7 => frame(0x0a, 0, 0, origin),
        _ => frame(random.pick(&[0x0c, 0x20, 0xff]), 0, 0, &vec![0; random.pick(&[0, 9, 300])]),
    }
}

/// Frames and heads that nobody sent.
pub(crate) fn traps() -> Vec<Vec<u8>> {
    const GET: &[u8] = b"\x82\x86\x44\x05/trap\x41\x04trap";
    const OK: &[u8] = b"\x88\x40\x08x-answer\x04trap";
    let ends = frame_flag::END_HEADERS | frame_flag::END_STREAM;
    vec![
        b"GET /trap HTTP/1.1\r\nHost: trap\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\nX-Answer: trap\r\nContent-Length: 0\r\n\r\n".to_vec(),
        PREFACE.to_vec(),
        [PREFACE, &settings(&[])[..], &frame(kind::HEADERS, ends, 1, GET)].concat(),
        [settings(&[(1, 0)]), frame(kind::HEADERS, ends, 1, OK)].concat(),
        frame(kind::HEADERS, ends, 3, GET),
        frame(kind::HEADERS, ends, 3, OK),
        frame(kind::RST_STREAM, 0, 1, &[0; 4]),
        frame(kind::GOAWAY, 0, 0, &[0; 8]),
        frame(kind::DATA, frame_flag::END_STREAM, 5, b""),
    ]
}

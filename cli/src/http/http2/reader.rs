//! Frames in one direction of a connection: where they start, and the heads in them.
//!
//! Where the start of the connection was not seen, or bytes are missing, a frame starts where something looks like its
//! header, and headers follow where the lengths say. Until there are enough of them, or a head among them, nothing is told.

use ehl_probes_common::frame::{FRAME_HEADER_LEN, Frame, frame_flag, kind};
use ehl_probes_common::record::flag;

use super::event::{Event, Place};
use super::fields::Fields;
use super::hpack::Decoder;
use super::looks_like_frame;
use super::streams::Streams;
use crate::http::side::Side;
use crate::stream::Part;

/// So many frame headers in a row are no accident: of random bytes, one in five million looks like one.
const SURE_HEADERS: u8 = 3;
/// Bytes of a head's frames that are kept; a peer that sends more is up to no good, or mad.
const MAX_BLOCK: usize = 256 << 10;
/// What is told of frames before it is sure that they are.
const MAX_PENDING: usize = 64;
const HEADER_LEN: usize = FRAME_HEADER_LEN as usize;

/// The frames of one sender.
#[derive(Debug)]
pub(super) struct Reader {
    state: State,
    trust: Trust,
    decoder: Decoder,
    /// Payload of the current frame, when it comes in parts.
    payload: Vec<u8>,
    block: Option<Block>,
    /// The sender lets the other one use a table of so many bytes, or may have.
    table_size: Option<u32>,
    /// If these are frames, the first one is a server's.
    opens: bool,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// So many bytes of the client's preface are to come.
    Preface(usize),
    /// Of a frame header.
    Header { bytes: [u8; HEADER_LEN], have: usize, first_ns: u64 },
    /// Of a payload.
    Payload(Payload),
    /// Not known.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Payload {
    frame: Frame,
    left: u32,
    /// When the frame's first byte came.
    first_ns: u64,
    /// Bytes of a DATA frame that were not told yet.
    untold: u32,
}

const BOUNDARY: State = State::Header { bytes: [0; HEADER_LEN], have: 0, first_ns: 0 };

#[derive(Debug)]
enum Trust {
    /// Frames start where this reader says.
    Sure,
    /// So many headers made sense, and this is what they told.
    Guess { headers: u8, pending: Vec<Event> },
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// These are frames.
    Sure,
    /// They may be.
    Unsure,
    /// They are none, as far as it goes.
    Refused,
}

/// A head that goes on in CONTINUATION frames.
#[derive(Debug)]
struct Block {
    place: Place,
    bytes: Vec<u8>,
    /// Longer than is kept.
    is_cut: bool,
}

/// Why a frame cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Nonsense;

impl Reader {
    /// Of a client of which so many bytes of its preface are to come.
    pub(super) fn client(preface_left: usize) -> Self {
        Self { state: State::Preface(preface_left), trust: Trust::Sure, ..Self::server() }
    }

    /// Of one that begins with a frame.
    pub(super) fn server() -> Self {
        Self {
            state: BOUNDARY,
            trust: Trust::Sure,
            decoder: Decoder::opened(),
            payload: Vec::new(),
            block: None,
            table_size: None,
            opens: false,
        }
    }

    /// Of one that seems to begin with a frame.
    pub(super) fn perhaps_server() -> Self {
        Self { trust: Trust::unproven(), opens: true, ..Self::server() }
    }

    /// Of one of which the start was not seen.
    pub(super) fn joined() -> Self {
        Self { state: State::Lost, trust: Trust::unproven(), decoder: Decoder::joined(), table_size: Some(u32::MAX), ..Self::server() }
    }

    /// The next part; `is_http2` when the connection is one, so that only the place in it may be lost.
    pub(super) fn part(&mut self, part: &Part<'_>, is_http2: bool, streams: &mut Streams, side: &mut Side<'_>) -> Taken {
        if part.proven & flag::HTTP2 != 0 && part.proven & flag::HEAD_START != 0 {
            self.believe(streams, side);
        }
        let covered = part.covered as usize;
        let mut at = 0;
        while at < covered {
            let captured = part.captured.get(at..).unwrap_or(&[]);
            at += match self.state {
                State::Preface(left) => {
                    let count = left.min(covered - at);
                    self.state = if count == left { BOUNDARY } else { State::Preface(left - count) };
                    count
                }
                State::Header { .. } => self.read_header(captured, part.time_ns, streams, side),
                State::Payload(payload) => self.read_payload(payload, captured, covered - at, part.time_ns, streams, side),
                State::Lost => match find(captured, at, is_http2) {
                    Some(offset) => {
                        self.state = BOUNDARY;
                        offset
                    }
                    None => break,
                },
            };
        }
        match (&self.trust, self.state) {
            (Trust::Sure, _) => Taken::Sure,
            (Trust::Guess { .. }, State::Lost) if !is_http2 => Taken::Refused,
            (Trust::Guess { .. }, _) => Taken::Unsure,
        }
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self, missing: u32, streams: &mut Streams, side: &mut Side<'_>) {
        match self.state {
            State::Payload(payload) if !is_kept(&payload.frame) && missing <= payload.left && missing > 0 => {
                let untold = payload.untold + missing;
                self.skip(Payload { untold, left: payload.left - missing, ..payload }, 0, streams, side);
            }
            _ => self.lose(streams, side),
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self, side: &mut Side<'_>) {
        let is_within_head = match self.state {
            State::Payload(Payload { frame, .. }) => is_of_head(&frame),
            _ => false,
        };
        if matches!(self.trust, Trust::Sure) && (is_within_head || self.block.is_some()) {
            side.outcome.counts.undecodable += 1;
        }
        self.forget_frame();
        self.state = State::Lost;
    }

    /// How many of the next bytes are body for certain.
    pub(super) fn body_left(&self) -> u64 {
        match (&self.trust, self.state) {
            (Trust::Sure, State::Payload(Payload { frame, left, .. })) if frame.kind == kind::DATA => u64::from(left),
            _ => 0,
        }
    }

    /// The sender of the other direction's heads may use a table of so many bytes.
    pub(super) fn allow_table(&mut self, bytes: u32) {
        self.decoder.allow(bytes);
    }

    /// The largest table that this sender allowed the other one since the last call, or may have.
    pub(super) fn take_table_size(&mut self) -> Option<u32> {
        self.table_size.take()
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        self.payload.capacity() + self.block.as_ref().map_or(0, |block| block.bytes.capacity()) + self.decoder.size()
    }

    /// The source says that a frame starts here.
    fn believe(&mut self, streams: &mut Streams, side: &mut Side<'_>) {
        let is_expected = matches!(self.state, State::Preface(_) | State::Header { have: 0, .. });
        if !is_expected {
            self.lose(streams, side);
            self.state = BOUNDARY;
        }
        self.trust(streams, side);
    }

    fn read_header(&mut self, captured: &[u8], time_ns: u64, streams: &mut Streams, side: &mut Side<'_>) -> usize {
        let State::Header { mut bytes, have, first_ns } = self.state else { return 0 };
        let Some(count) = Some((HEADER_LEN - have).min(captured.len())).filter(|count| *count > 0) else {
            // Not captured.
            self.lose(streams, side);
            return 0;
        };
        bytes[have..have + count].copy_from_slice(&captured[..count]);
        let first_ns = if have == 0 { time_ns } else { first_ns };
        if have + count < HEADER_LEN {
            self.state = State::Header { bytes, have: have + count, first_ns };
            return count;
        }
        let frame = Frame::of(&bytes);
        let opens = std::mem::take(&mut self.opens);
        if self.takes(&frame).is_err() || opens && !frame.is_server_preface() {
            self.stray(streams, side);
            return count;
        }
        if opens {
            self.trust(streams, side);
        }
        if let Trust::Guess { headers, .. } = &mut self.trust {
            *headers += 1;
            if *headers == SURE_HEADERS {
                self.trust(streams, side);
            }
        }
        let untold = if frame.kind == kind::DATA { FRAME_HEADER_LEN } else { 0 };
        let payload = Payload { frame, left: frame.length, first_ns, untold };
        self.state = State::Payload(payload);
        if frame.length == 0 {
            self.end_frame(payload, &[], time_ns, streams, side);
        }
        count
    }

    /// Whether the frame may come now.
    fn takes(&self, frame: &Frame) -> Result<(), Nonsense> {
        let continues = self.block.as_ref().map(|block| block.place.stream);
        let is_due = match continues {
            // "Any number of CONTINUATION frames can be sent, as long as the preceding frame is on the same stream and is a
            // HEADERS, PUSH_PROMISE, or CONTINUATION frame without the END_HEADERS flag set." (RFC 9113 section 6.10)
            Some(stream) => frame.kind == kind::CONTINUATION && frame.stream == stream,
            None => frame.kind != kind::CONTINUATION,
        };
        let is_good = match self.trust {
            Trust::Sure => frame.is_possible(),
            Trust::Guess { .. } => frame.is_plausible(),
        };
        if is_due && is_good { Ok(()) } else { Err(Nonsense) }
    }

    fn read_payload(
        &mut self,
        payload: Payload,
        captured: &[u8],
        rest: usize,
        time_ns: u64,
        streams: &mut Streams,
        side: &mut Side<'_>,
    ) -> usize {
        let Payload { frame, left, untold, .. } = payload;
        let count = rest.min(left as usize);
        let now = Payload { left: left - count as u32, ..payload };
        if !is_kept(&frame) {
            self.skip(Payload { untold: untold + count as u32, ..now }, time_ns, streams, side);
            return count;
        }
        let Some(bytes) = captured.get(..count) else {
            // Not captured.
            self.lose(streams, side);
            return count;
        };
        self.state = State::Payload(now);
        if now.left > 0 {
            if self.payload.len() < MAX_BLOCK {
                self.payload.extend_from_slice(bytes);
            }
        } else if self.payload.is_empty() {
            self.end_frame(now, bytes, time_ns, streams, side);
        } else {
            let mut whole = std::mem::take(&mut self.payload);
            whole.extend_from_slice(bytes);
            self.end_frame(now, &whole, time_ns, streams, side);
        }
        count
    }

    /// Payload that is only counted; `time_ns` is 0 when it is not known.
    fn skip(&mut self, payload: Payload, time_ns: u64, streams: &mut Streams, side: &mut Side<'_>) {
        let Payload { frame, left, untold, .. } = payload;
        self.state = if left == 0 { BOUNDARY } else { State::Payload(Payload { untold: 0, ..payload }) };
        if frame.kind != kind::DATA {
            return;
        }
        self.tell(Event::Data { stream: frame.stream, count: u64::from(untold), time_ns }, streams, side);
        if left == 0 && frame.flags & frame_flag::END_STREAM != 0 {
            self.tell(Event::End { stream: frame.stream, time_ns }, streams, side);
        }
    }

    /// A frame is here, with all of its payload if it is kept.
    fn end_frame(&mut self, payload: Payload, bytes: &[u8], time_ns: u64, streams: &mut Streams, side: &mut Side<'_>) {
        let Payload { frame, first_ns, .. } = payload;
        if !is_kept(&frame) {
            return self.skip(payload, time_ns, streams, side);
        }
        self.state = BOUNDARY;
        let size = u64::from(FRAME_HEADER_LEN + frame.length);
        match frame.kind {
            kind::HEADERS | kind::PUSH_PROMISE => {
                let Some((promised, fragment)) = fragment(&frame, bytes) else { return self.stray(streams, side) };
                let ends = frame.kind == kind::HEADERS && frame.flags & frame_flag::END_STREAM != 0;
                let place = Place { stream: frame.stream, promised, ends, first_ns, last_ns: time_ns, size };
                if frame.flags & frame_flag::END_HEADERS != 0 && frame.length as usize <= MAX_BLOCK {
                    self.head(&place, fragment, streams, side);
                } else {
                    self.block = Some(Block { place, bytes: fragment.to_vec(), is_cut: frame.length as usize > MAX_BLOCK });
                    self.end_block(&frame, streams, side);
                }
            }
            kind::CONTINUATION => {
                let Some(block) = &mut self.block else { return };
                block.place.last_ns = time_ns;
                block.place.size += size;
                block.is_cut |= block.bytes.len() + frame.length as usize > MAX_BLOCK;
                if !block.is_cut {
                    block.bytes.extend_from_slice(bytes);
                }
                self.end_block(&frame, streams, side);
            }
            kind::RST_STREAM => self.tell(Event::Reset { stream: frame.stream }, streams, side),
            kind::GOAWAY => {
                let last = bytes.first_chunk().map_or(0, |last| u32::from_be_bytes(*last) & 0x7fff_ffff);
                self.tell(Event::GoAway { last }, streams, side);
            }
            _ => self.settings(&frame, bytes),
        }
    }

    /// RFC 9113 section 6.5: identifiers of two bytes, values of four.
    fn settings(&mut self, frame: &Frame, bytes: &[u8]) {
        const HEADER_TABLE_SIZE: u16 = 1;
        let (settings, _) = bytes.as_chunks::<6>();
        for [id_high, id_low, value @ ..] in settings {
            if frame.flags & frame_flag::ACK == 0 && u16::from_be_bytes([*id_high, *id_low]) == HEADER_TABLE_SIZE {
                self.table_size = self.table_size.max(Some(u32::from_be_bytes(*value)));
            }
        }
    }

    fn end_block(&mut self, frame: &Frame, streams: &mut Streams, side: &mut Side<'_>) {
        if frame.flags & frame_flag::END_HEADERS == 0 {
            return;
        }
        let Some(Block { place, bytes, is_cut }) = self.block.take() else { return };
        if is_cut {
            self.decoder.forget();
            return self.undecoded(&place, streams, side);
        }
        self.head(&place, &bytes, streams, side);
    }

    /// A whole head, or trailers.
    fn head(&mut self, place: &Place, block: &[u8], streams: &mut Streams, side: &mut Side<'_>) {
        let mut list = std::mem::take(&mut side.outcome.list);
        match (self.decoder.decode(block, &mut list), &self.trust) {
            (Ok(()), _) => self.fields(place, &Fields::of(&list), list.unknown(), streams, side),
            (Err(_), Trust::Sure) => self.undecoded(place, streams, side),
            (Err(_), Trust::Guess { .. }) => self.stray(streams, side),
        }
        side.outcome.list = list;
    }

    /// `unknown` of them are not known, or only in part.
    fn fields(&mut self, place: &Place, fields: &Fields<'_>, unknown: u64, streams: &mut Streams, side: &mut Side<'_>) {
        if let Trust::Guess { .. } = self.trust {
            if !fields.is_sane() {
                return self.stray(streams, side);
            }
            if fields.is_request || fields.is_response || streams.has(place.stream) {
                self.trust(streams, side);
            }
        }
        if let Trust::Sure = self.trust {
            side.outcome.counts.unknown_fields += unknown;
            streams.head(place, fields, side);
        }
    }

    fn undecoded(&mut self, place: &Place, streams: &mut Streams, side: &mut Side<'_>) {
        side.outcome.counts.undecodable += 1;
        streams.undecoded(place, side);
    }

    fn tell(&mut self, event: Event, streams: &mut Streams, side: &mut Side<'_>) {
        match &mut self.trust {
            Trust::Sure => streams.event(event, side),
            Trust::Guess { pending, .. } if pending.len() < MAX_PENDING => pending.push(event),
            Trust::Guess { .. } => {}
        }
    }

    /// It is sure now where frames start.
    fn trust(&mut self, streams: &mut Streams, side: &mut Side<'_>) {
        if let Trust::Guess { pending, .. } = std::mem::replace(&mut self.trust, Trust::Sure) {
            for event in pending {
                streams.event(event, side);
            }
        }
    }

    /// What stands where a frame should start is none.
    fn stray(&mut self, streams: &mut Streams, side: &mut Side<'_>) {
        if let Trust::Sure = self.trust {
            side.outcome.counts.undecodable += 1;
        }
        self.lose(streams, side);
    }

    /// Where the next frame starts is not known, and heads may be missing.
    fn lose(&mut self, streams: &mut Streams, side: &mut Side<'_>) {
        self.forget_frame();
        self.state = State::Lost;
        if let Trust::Sure = std::mem::replace(&mut self.trust, Trust::unproven()) {
            streams.lose(side);
        }
        // What a guess decoded may have been no head.
        self.decoder = Decoder::joined();
        self.table_size = Some(u32::MAX);
    }

    fn forget_frame(&mut self) {
        self.payload = Vec::new();
        self.block = None;
    }
}

impl Trust {
    fn unproven() -> Self {
        Self::Guess { headers: 0, pending: Vec::new() }
    }
}

fn is_of_head(frame: &Frame) -> bool {
    matches!(frame.kind, kind::HEADERS | kind::PUSH_PROMISE | kind::CONTINUATION)
}

/// Whether its payload says something.
fn is_kept(frame: &Frame) -> bool {
    is_of_head(frame) || matches!(frame.kind, kind::RST_STREAM | kind::SETTINGS | kind::GOAWAY)
}

/// Where something looks like a frame header: only at the start of a part, unless the connection is known to have frames.
fn find(bytes: &[u8], at: usize, is_http2: bool) -> Option<usize> {
    if !is_http2 {
        return (at == 0 && looks_like_frame(bytes)).then_some(0);
    }
    memchr::memchr_iter(0, bytes).find(|offset| looks_like_frame(&bytes[*offset..]))
}

/// The stream that is promised, and the part of a head, in the payload of HEADERS or PUSH_PROMISE (RFC 9113 sections 6.2, 6.6).
fn fragment<'a>(frame: &Frame, payload: &'a [u8]) -> Option<(Option<u32>, &'a [u8])> {
    let (padding, rest) = if frame.flags & frame_flag::PADDED == 0 {
        (0, payload)
    } else {
        payload.split_first().map(|(n, rest)| (usize::from(*n), rest))?
    };
    let rest = rest.get(..rest.len().checked_sub(padding)?)?;
    if frame.kind == kind::PUSH_PROMISE {
        let (promised, rest) = rest.split_first_chunk()?;
        return Some((Some(u32::from_be_bytes(*promised) & 0x7fff_ffff), rest));
    }
    let priority = if frame.flags & frame_flag::PRIORITY == 0 { 0 } else { 5 };
    Some((None, rest.get(priority..)?))
}

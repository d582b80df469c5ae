//! Frames in one direction of a connection: where they start, and the heads in them.
//!
//! Where the start of the connection was not seen, or bytes are missing, a frame starts where something looks like its
//! header, and headers follow where the lengths say. Until there are enough of them, or a head among them, nothing is told.

use ehl_probes_common::frame::{FRAME_HEADER_LEN, Frame, frame_flag, kind};
use ehl_probes_common::record::flag;

use super::block::{self, Block, MAX_BLOCK, is_of_head};
use super::event::{Event, Place};
use super::fields::Fields;
use super::hpack::{Decoder, List};
use super::looks_like_frame;
use super::trust::{Told, Trust};
use crate::http::side::Side;
use crate::stream::Part;

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
    /// If these are frames, the first one is a server's.
    opens: bool,
    /// Bytes were missing, or nonsense.
    was_lost: bool,
    /// Not all of the current payload was captured.
    is_cut: bool,
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
            decoder: opened(),
            payload: Vec::new(),
            block: None,
            opens: false,
            was_lost: false,
            is_cut: false,
        }
    }

    /// Of one that seems to begin with a frame.
    pub(super) fn perhaps_server() -> Self {
        Self { trust: Trust::NONE, opens: true, ..Self::server() }
    }

    /// Of one of which the start was not seen.
    pub(super) fn joined() -> Self {
        Self { state: State::Lost, trust: Trust::NONE, decoder: Decoder::joined(), ..Self::server() }
    }

    /// The next part; `is_http2` when the connection is one, so that only the place in it may be lost.
    pub(super) fn part(&mut self, part: &Part<'_>, is_http2: bool, told: &mut Told<'_, '_>) -> Taken {
        if part.proven & flag::HTTP2 != 0 && part.proven & flag::HEAD_START != 0 {
            self.believe(told);
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
                State::Header { .. } => self.read_header(captured, part.time_ns, told),
                State::Payload(payload) => self.read_payload(payload, captured, covered - at, part.time_ns, told),
                State::Lost if self.opens => break,
                State::Lost => match find(captured, at, is_http2) {
                    Some(offset) => {
                        self.state = BOUNDARY;
                        offset
                    }
                    None => break,
                },
            };
        }
        match self.state {
            _ if self.trust.is_sure() => Taken::Sure,
            State::Lost if !is_http2 || self.opens => Taken::Refused,
            _ => Taken::Unsure,
        }
    }

    /// Bytes are missing.
    pub(super) fn gap(&mut self, missing: u32, told: &mut Told<'_, '_>) {
        match self.state {
            State::Payload(payload) if self.trust.is_sure() && !is_said(&payload.frame) && (1..=payload.left).contains(&missing) => {
                let untold = payload.untold + missing;
                self.skip(Payload { untold, left: payload.left - missing, ..payload }, 0, told);
            }
            _ => {
                self.opens = false;
                self.lose(told);
            }
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&mut self, side: &mut Side<'_>) {
        let is_within_head = match self.state {
            State::Payload(Payload { frame, .. }) => is_of_head(&frame),
            _ => false,
        };
        if self.trust.is_sure() && (is_within_head || self.block.is_some()) {
            side.outcome.counts.undecodable += 1;
        }
        self.forget_frame();
        self.state = State::Lost;
    }

    /// How many of the next bytes are body for certain.
    pub(super) fn body_left(&self) -> u64 {
        match self.state {
            State::Payload(Payload { frame, left, .. }) if frame.kind == kind::DATA && self.trust.is_sure() => u64::from(left),
            _ => 0,
        }
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        self.payload.capacity() + self.block.as_ref().map_or(0, Block::size) + self.decoder.size()
    }

    /// The source says that a frame starts here.
    fn believe(&mut self, told: &mut Told<'_, '_>) {
        let is_expected = matches!(self.state, State::Preface(_) | State::Header { have: 0, .. });
        if !is_expected {
            self.lose(told);
            self.state = BOUNDARY;
        }
        self.trust.settle(told);
    }

    fn read_header(&mut self, captured: &[u8], time_ns: u64, told: &mut Told<'_, '_>) -> usize {
        let State::Header { mut bytes, have, first_ns } = self.state else { return 0 };
        let Some(count) = Some((HEADER_LEN - have).min(captured.len())).filter(|count| *count > 0) else {
            // Not captured.
            self.lose(told);
            return 0;
        };
        bytes[have..have + count].copy_from_slice(&captured[..count]);
        let first_ns = if have == 0 { time_ns } else { first_ns };
        if have + count < HEADER_LEN {
            self.state = State::Header { bytes, have: have + count, first_ns };
            return count;
        }
        let frame = Frame::of(&bytes);
        if !self.takes(&frame) || self.opens && !frame.is_server_preface() {
            self.stray(told);
            return count;
        }
        if std::mem::take(&mut self.opens) {
            self.trust.settle(told);
        }
        self.trust.header(told);
        let untold = if frame.kind == kind::DATA { FRAME_HEADER_LEN } else { 0 };
        let payload = Payload { frame, left: frame.length, first_ns, untold };
        self.state = State::Payload(payload);
        if frame.length == 0 {
            self.end_frame(payload, &[], time_ns, told);
        }
        count
    }

    /// Whether the frame may come now.
    fn takes(&self, frame: &Frame) -> bool {
        let is_due = match &self.block {
            // "Any number of CONTINUATION frames can be sent, as long as the preceding frame is on the same stream and is a
            // HEADERS, PUSH_PROMISE, or CONTINUATION frame without the END_HEADERS flag set." (RFC 9113 section 6.10)
            Some(block) => frame.kind == kind::CONTINUATION && frame.stream == block.place.stream,
            None => frame.kind != kind::CONTINUATION,
        };
        let is_good = if self.trust.is_sure() { frame.is_possible() } else { frame.is_plausible() };
        is_due && is_good
    }

    fn read_payload(&mut self, payload: Payload, captured: &[u8], rest: usize, time_ns: u64, told: &mut Told<'_, '_>) -> usize {
        let Payload { frame, left, untold, .. } = payload;
        let count = rest.min(left as usize);
        let now = Payload { left: left - count as u32, ..payload };
        if !is_said(&frame) {
            self.skip(Payload { untold: untold + count as u32, ..now }, time_ns, told);
            return count;
        }
        self.state = State::Payload(now);
        let Some(bytes) = captured.get(..count).filter(|_| !self.is_cut) else {
            self.cut(now, time_ns, told);
            return count;
        };
        if now.left > 0 {
            if self.payload.len() < MAX_BLOCK {
                self.payload.extend_from_slice(bytes);
            }
        } else if self.payload.is_empty() {
            self.end_frame(now, bytes, time_ns, told);
        } else {
            let mut whole = std::mem::take(&mut self.payload);
            whole.extend_from_slice(bytes);
            self.end_frame(now, &whole, time_ns, told);
        }
        count
    }

    /// Not all of the payload was captured.
    fn cut(&mut self, payload: Payload, time_ns: u64, told: &mut Told<'_, '_>) {
        let Payload { frame, left, first_ns, .. } = payload;
        if !self.trust.is_sure() {
            return self.lose(told);
        }
        self.is_cut = left > 0;
        if left > 0 {
            return;
        }
        self.payload = Vec::new();
        self.state = BOUNDARY;
        match frame.kind {
            kind::RST_STREAM => self.trust.tell(Event::Reset { stream: frame.stream }, told),
            kind::HEADERS | kind::CONTINUATION => {
                self.decoder.forget();
                let begun = self.block.take();
                let mut block = begun.unwrap_or_else(|| Block { place: block::place(&frame, None, first_ns, time_ns), bytes: None });
                if frame.kind == kind::CONTINUATION {
                    block.extend(&frame, &[], time_ns);
                }
                if frame.flags & frame_flag::END_HEADERS == 0 {
                    self.block = Some(Block { bytes: None, ..block });
                } else {
                    told.side.outcome.counts.truncated += 1;
                    told.streams.undecoded(&block.place, true, told.side);
                }
            }
            kind::PUSH_PROMISE => self.lose(told),
            _ => {}
        }
    }

    /// Payload that is only counted; `time_ns` is 0 when it is not known.
    fn skip(&mut self, payload: Payload, time_ns: u64, told: &mut Told<'_, '_>) {
        let Payload { frame, left, untold, .. } = payload;
        self.state = if left == 0 { BOUNDARY } else { State::Payload(Payload { untold: 0, ..payload }) };
        if frame.kind != kind::DATA {
            return;
        }
        self.trust.tell(Event::Data { stream: frame.stream, count: u64::from(untold), time_ns }, told);
        if left == 0 && frame.flags & frame_flag::END_STREAM != 0 {
            self.trust.tell(Event::End { stream: frame.stream, time_ns }, told);
        }
    }

    /// A frame is here, with all of its payload if it is kept.
    fn end_frame(&mut self, payload: Payload, bytes: &[u8], time_ns: u64, told: &mut Told<'_, '_>) {
        let Payload { frame, first_ns, .. } = payload;
        if !is_said(&frame) {
            return self.skip(payload, time_ns, told);
        }
        self.state = BOUNDARY;
        match frame.kind {
            kind::HEADERS | kind::PUSH_PROMISE => {
                let Some((place, fragment)) = block::begin(&frame, bytes, first_ns, time_ns) else { return self.stray(told) };
                if frame.flags & frame_flag::END_HEADERS != 0 && block::is_kept(&frame, 0) {
                    self.head(&place, fragment, told);
                } else {
                    self.block = Some(Block::new(&frame, place, fragment));
                    self.end_block(&frame, told);
                }
            }
            kind::CONTINUATION => {
                if let Some(block) = &mut self.block {
                    block.extend(&frame, bytes, time_ns);
                }
                self.end_block(&frame, told);
            }
            kind::RST_STREAM => self.trust.tell(Event::Reset { stream: frame.stream }, told),
            kind::GOAWAY => {
                let last = bytes.first_chunk().map_or(0, |last| u32::from_be_bytes(*last) & 0x7fff_ffff);
                self.trust.tell(Event::GoAway { last }, told);
            }
            _ => {}
        }
    }

    fn end_block(&mut self, frame: &Frame, told: &mut Told<'_, '_>) {
        let Some(Block { place, bytes }) = self.block.take_if(|_| frame.flags & frame_flag::END_HEADERS != 0) else { return };
        match bytes {
            Some(bytes) => self.head(&place, &bytes, told),
            None => {
                self.decoder.forget();
                self.undecoded(&place, told);
            }
        }
    }

    /// A whole head, or trailers.
    fn head(&mut self, place: &Place, block: &[u8], told: &mut Told<'_, '_>) {
        let mut list = std::mem::take(&mut told.side.outcome.list);
        match self.decoder.decode(block, &mut list) {
            Ok(()) => self.fields(place, &list, told),
            Err(_) if self.trust.is_sure() => self.undecoded(place, told),
            Err(_) => self.stray(told),
        }
        told.side.outcome.list = list;
    }

    fn fields(&mut self, place: &Place, list: &List, told: &mut Told<'_, '_>) {
        let fields = Fields::of(list);
        let place = &Place { after_gap: self.was_lost && !self.trust.is_sure(), ..*place };
        if !self.trust.is_sure() {
            if !fields.is_sane() || self.was_lost && !told.streams.may_be(place) {
                return self.stray(told);
            }
            if fields.is_request || fields.is_response || told.streams.has(place.stream) {
                self.trust.settle(told);
            }
        }
        if self.trust.is_sure() {
            told.side.outcome.counts.unknown_fields += list.unknown();
            told.streams.head(place, &fields, told.side);
        }
    }

    fn undecoded(&mut self, place: &Place, told: &mut Told<'_, '_>) {
        told.side.outcome.counts.undecodable += 1;
        told.streams.undecoded(place, false, told.side);
    }

    /// What stands where a frame should start is none.
    fn stray(&mut self, told: &mut Told<'_, '_>) {
        if self.trust.is_sure() {
            told.side.outcome.counts.undecodable += 1;
        }
        self.lose(told);
    }

    /// Where the next frame starts is not known, and heads may be missing.
    fn lose(&mut self, told: &mut Told<'_, '_>) {
        self.forget_frame();
        self.state = State::Lost;
        if std::mem::replace(&mut self.trust, Trust::NONE).is_sure() {
            self.was_lost = true;
            told.streams.lose(told.side);
        }
        // What a guess decoded may have been no head.
        self.decoder = Decoder::joined();
    }

    fn forget_frame(&mut self) {
        self.payload = Vec::new();
        self.is_cut = false;
        self.block = None;
    }
}

/// Of a connection that is seen from its start. Which sizes of the table its receiver allowed by when is not known for certain,
/// because SETTINGS may be lost, or captured late: the sender is trusted.
fn opened() -> Decoder {
    let mut decoder = Decoder::opened();
    decoder.allow(u32::MAX);
    decoder
}

/// Whether its payload says something.
fn is_said(frame: &Frame) -> bool {
    is_of_head(frame) || matches!(frame.kind, kind::RST_STREAM | kind::GOAWAY)
}

/// Where something looks like a frame header: only at the start of a part, unless the connection is known to have frames.
fn find(bytes: &[u8], at: usize, is_http2: bool) -> Option<usize> {
    if !is_http2 {
        return (at == 0 && looks_like_frame(bytes)).then_some(0);
    }
    memchr::memchr_iter(0, bytes).find(|offset| looks_like_frame(&bytes[*offset..]))
}

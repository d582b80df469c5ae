//! HTTP/2 in clear (RFC 9113): frames, heads, and the streams that they make.
//!
//! A `reader::Reader` for each direction finds the frames; `hpack` decodes the heads in them; `streams::Streams` makes
//! exchanges. A connection that is older than the capture is read too: where its frames start is found out, and what its
//! heads take from the unknown part of the dynamic table is unknown.

mod block;
mod event;
mod fields;
pub(super) mod hpack;
mod reader;
mod stream;
mod streams;
mod trust;

use ehl_probes_common::frame::{Frame, PREFACE, kind};

pub(super) use self::hpack::List;
use self::reader::{Reader, Taken};
use self::streams::Streams;
use self::trust::Told;
use super::exchange::{Exchange, Exchanges, Flags};
use super::side::Side;
use crate::stream::Part;

/// What tells that frames begin in a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// The client's preface, of which so many bytes came before.
    Preface(usize),
    /// The server's first frame.
    First,
    /// What may be a part of its header.
    PerhapsFirst,
    /// The source knows it, and where a frame starts it says so.
    Proven,
    /// Bytes in the middle of a connection look like the start of a frame.
    Guess,
}

/// The frames of one connection.
#[derive(Debug)]
pub(super) struct Http2 {
    /// By sender.
    readers: [Option<Reader>; 2],
    streams: Streams,
    /// This is HTTP/2, beyond doubt.
    is_sure: bool,
}

impl Http2 {
    /// In which `sender` sent what tells it.
    pub(super) fn new() -> Self {
        Self { readers: [None, None], streams: Streams::default(), is_sure: false }
    }

    /// From here on, what `sender` sends are frames.
    pub(super) fn begin(&mut self, sender: usize, begin: Begin) {
        self.is_sure |= !matches!(begin, Begin::Guess | Begin::PerhapsFirst);
        self.readers[sender] = Some(match begin {
            Begin::Preface(seen) => Reader::client(PREFACE.len() - seen.min(PREFACE.len())),
            Begin::First => Reader::server(),
            Begin::PerhapsFirst => Reader::perhaps_server(),
            Begin::Proven | Begin::Guess => Reader::joined(),
        });
    }

    /// What the other end sends are frames too; `is_new` when it has sent nothing yet.
    pub(super) fn begin_other(&mut self, sender: usize, is_new: bool) {
        self.readers[sender].get_or_insert_with(|| if is_new { Reader::perhaps_server() } else { Reader::joined() });
    }

    /// The answer to an exchange of HTTP/1 comes as stream 1 (RFC 9113 section 3.1, as RFC 7540 section 3.2 had it).
    pub(super) fn upgrade(&mut self, exchange: Box<Exchange>) {
        self.streams.upgrade(exchange);
    }

    /// Whether what `sender` sends are frames.
    pub(super) fn reads(&self, sender: usize) -> bool {
        self.readers[sender].is_some()
    }

    pub(super) fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// The next part of one direction. Answers whether it is one of frames; if not, it is as if nothing had been guessed.
    pub(super) fn part(&mut self, part: &Part<'_>, side: &mut Side<'_>) -> bool {
        let Self { readers, streams, is_sure } = self;
        let this = &mut readers[side.sender];
        let Some(reader) = this else { return false };
        match reader.part(part, *is_sure, &mut Told { streams, side }) {
            Taken::Refused => {
                *this = None;
                return false;
            }
            Taken::Unsure => {}
            Taken::Sure => *is_sure = true,
        }
        true
    }

    /// Bytes are missing in one direction. Answers as [`Http2::part`] does.
    pub(super) fn gap(&mut self, missing: u32, side: &mut Side<'_>) -> bool {
        let Some(reader) = &mut self.readers[side.sender] else { return false };
        if !self.is_sure {
            self.readers[side.sender] = None;
            return false;
        }
        reader.gap(missing, &mut Told { streams: &mut self.streams, side });
        true
    }

    /// One direction is over.
    pub(super) fn close(&mut self, side: &mut Side<'_>) {
        if let Some(reader) = &mut self.readers[side.sender] {
            reader.close(side);
        }
        if !side.is_client() {
            self.streams.finish_unanswered(side.outcome);
        }
    }

    /// Nothing more comes: what is open becomes exchanges.
    pub(super) fn finish(&mut self, flags: Flags, exchanges: &mut Exchanges) {
        self.streams.finish(flags, exchanges);
    }

    /// How many of the next bytes of a direction are body for certain.
    pub(super) fn body_left(&self, sender: usize) -> u64 {
        self.readers[sender].as_ref().map_or(0, Reader::body_left)
    }

    /// Whether no stream is open.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        let readers: usize = self.readers.iter().flatten().map(Reader::size).sum();
        size_of::<Self>() + readers + self.streams.size()
    }
}

/// Whether the bytes look like the start of a frame.
pub(super) fn looks_like_frame(bytes: &[u8]) -> bool {
    first_frame(bytes).is_some_and(|frame| frame.is_plausible() && frame.kind != kind::CONTINUATION)
}

/// Whether they may be the first frame of a server.
pub(super) fn is_server_preface(bytes: &[u8]) -> bool {
    first_frame(bytes).is_some_and(|frame| frame.is_server_preface())
}

/// Whether they are less than a frame header, and may be the start of that one: SETTINGS, and not many.
pub(super) fn starts_server_preface(bytes: &[u8]) -> bool {
    const MOST_OF_LENGTH: usize = 2;
    let begin = [0, 0, 0, kind::SETTINGS, 0, 0, 0, 0, 0];
    let is_alike = |(at, (byte, expected)): (usize, (&u8, &u8))| (1..=MOST_OF_LENGTH).contains(&at) || byte == expected;
    let is_short = bytes.get(1).is_none_or(|byte| *byte <= 1);
    is_short && bytes.len() < begin.len() && bytes.iter().zip(&begin).enumerate().all(is_alike)
}

fn first_frame(bytes: &[u8]) -> Option<Frame> {
    bytes.first_chunk().map(Frame::of)
}

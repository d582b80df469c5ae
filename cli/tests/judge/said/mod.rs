//! What a client and a server may say that a strict reader refuses, or that is easily misread.

mod bodies;
mod exchanges;
mod framing;
mod lines;
mod others;

use Segment::{C, S};

/// All of it.
pub(crate) const SAID: [&[Said]; 5] = [exchanges::SAID, bodies::SAID, lines::SAID, framing::SAID, others::SAID];

/// A connection, and what ehl makes of it.
pub(crate) struct Said {
    pub(crate) what: &'static str,
    pub(crate) segments: &'static [Segment],
    /// As text: the requests, and the statuses of the responses.
    pub(crate) told: &'static str,
    /// Why ehl is right where tshark makes something else of it.
    pub(crate) against: Option<&'static str>,
}

/// Bytes that one end sends.
#[derive(Clone, Copy)]
pub(crate) enum Segment {
    /// The client.
    C(&'static str),
    /// The server.
    S(&'static str),
}

impl Segment {
    pub(crate) fn payload(self) -> &'static str {
        match self {
            C(payload) | S(payload) => payload,
        }
    }
}

const fn same(what: &'static str, segments: &'static [Segment], told: &'static str) -> Said {
    Said { what, segments, told, against: None }
}

const fn against(what: &'static str, segments: &'static [Segment], told: &'static str, why: &'static str) -> Said {
    Said { what, segments, told, against: Some(why) }
}

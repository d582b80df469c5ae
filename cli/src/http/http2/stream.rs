//! One stream: a request and its response, as far as they were seen.

use super::fields::Fields;
use crate::http::exchange::{Exchange, Flags};
use crate::http::head::{Direction, Head, Version};
use crate::http::sent::{Line, Sent};
use crate::http::side::Side;

/// An exchange that is not complete.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) exchange: Box<Exchange>,
    /// A head of the request was seen, and of the final response, or what may be one.
    pub(super) asked: bool,
    pub(super) answered: bool,
    pub(super) request_over: bool,
    pub(super) response_over: bool,
}

impl Stream {
    /// Nothing was seen of it yet.
    pub(super) fn new(exchange: Box<Exchange>) -> Self {
        Self { exchange, asked: false, answered: false, request_over: false, response_over: false }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.request_over && self.response_over
    }

    /// With `flags` if it is not complete.
    pub(super) fn finished(self, flags: Flags) -> Box<Exchange> {
        let (is_complete, response_over) = (self.is_complete(), self.response_over);
        let mut exchange = self.exchange;
        if !is_complete {
            exchange.flags |= flags;
        }
        if !response_over {
            exchange.response_last_ns = None;
        }
        exchange
    }
}

/// Trailers of a message whose head was lost are all that is known of it.
pub(super) fn trailers(head: &mut Option<Head>, direction: Direction, fields: &Fields<'_>, side: &Side<'_>) {
    let line = match direction {
        Direction::Request => Line::Request { method: None, target: None, authority: None },
        Direction::Response => Line::Response { status: None },
    };
    let (wanted, redactor) = (&side.shared.wanted, &side.shared.redactor);
    let sent = Sent { line, version: Version::HTTP_2, fields: &[], is_whole: false };
    head.get_or_insert_with(|| Head::new(&sent, wanted, redactor)).trailers(fields.regular_fields(), direction, wanted, redactor);
}

pub(super) fn malformed(is_odd: bool) -> Flags {
    if is_odd { Flags::MALFORMED } else { Flags::default() }
}

pub(super) fn add(bytes: &mut Option<u64>, count: u64) {
    *bytes = bytes.map(|bytes| bytes + count);
}

/// Bytes that the heads keep.
pub(super) fn size(exchange: &Exchange) -> usize {
    let Exchange { request, response, .. } = exchange;
    request.as_ref().map_or(0, Head::size) + response.as_ref().map_or(0, Head::size)
}

//! Tells which response answers which request of a connection.
//!
//! Responses come in the order of the requests (RFC 9112 section 9.3.2), and a response answers only a request that its
//! segment acknowledges. So an unknown method or a lost head never shifts the pairs after it: a lost request leaves a
//! marker that takes one response; after a lost response, requests whose client had already seen the missing bytes are
//! passed over.

use std::collections::VecDeque;

use super::exchange::{Exchange, Flags};
use super::framing::Method;
use super::head::Head;
use super::messages::Start;
use crate::stream::{Endpoint, Origin};

/// Requests of one connection that wait for their response.
const MAX_WAITING: usize = 256;

/// The ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) origin: Origin,
}

/// The exchanges of one connection that are not complete.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// In the order of the requests. The first one may be in the middle of its response.
    waiting: VecDeque<Waiting>,
    /// A response head was lost where the client's stream of responses had this sequence number.
    lost_response: Option<u32>,
    /// What the last response without request acknowledged.
    orphan_acknowledged: Option<u32>,
}

#[derive(Debug)]
struct Waiting {
    exchange: Box<Exchange>,
    method: Method,
    start: Start,
    /// Stands for a request whose head was lost.
    lost: bool,
    request_over: bool,
    answered: bool,
    response_over: bool,
}

impl Pairing {
    /// A request's head.
    pub(super) fn request(&mut self, ends: Ends, head: Head, method: Method, start: &Start, flags: Flags, out: &mut Vec<Exchange>) {
        if self.waiting.len() == MAX_WAITING {
            self.pass_over(Flags::GAP, out);
        }
        let mut waiting = Waiting::new(ends, method, *start, flags);
        waiting.exchange.request = Some(head);
        waiting.exchange.request_first_ns = Some(start.time_ns);
        waiting.exchange.request_bytes = Some(0);
        self.waiting.push_back(waiting);
    }

    /// A final response starts. Answers the method of the request that it belongs to.
    pub(super) fn answer(&mut self, ends: Ends, start: &Start, out: &mut Vec<Exchange>) -> Method {
        // The one before is over, whatever was seen of it.
        while self.waiting.front().is_some_and(|first| first.answered) {
            self.pass_over(Flags::default(), out);
        }
        if let Some(lost_at) = self.lost_response.take() {
            self.pass_over_lost(lost_at, out);
        }
        match self.waiting.front_mut() {
            Some(first) if is_after(start.acknowledgement, first.start.sequence) => {
                first.answered = true;
                if first.lost {
                    first.exchange.flags |= Flags::GAP;
                }
            }
            _ => {
                self.orphan_acknowledged = Some(start.acknowledgement);
                let mut orphan = Waiting::new(ends, Method::Unknown, *start, Flags::default());
                orphan.answered = true;
                orphan.request_over = true;
                self.waiting.push_front(orphan);
            }
        }
        self.waiting.front().map_or(Method::Unknown, |first| first.method)
    }

    /// The head of the response that [`Pairing::answer`] placed.
    pub(super) fn response(&mut self, head: Head, start: &Start, flags: Flags) {
        if let Some(first) = self.waiting.front_mut() {
            first.exchange.response = Some(head);
            first.exchange.response_first_ns = Some(start.time_ns);
            first.exchange.response_bytes = Some(0);
            first.exchange.flags |= flags;
        }
    }

    /// Bytes of the current request.
    pub(super) fn request_bytes(&mut self, count: u64) {
        if let Some(last) = self.uploading() {
            last.exchange.request_bytes = last.exchange.request_bytes.map(|bytes| bytes + count);
        }
    }

    /// Bytes of the current response; `time_ns` is 0 when it is not known.
    pub(super) fn response_bytes(&mut self, count: u64, time_ns: u64) {
        if let Some(first) = self.answering() {
            first.exchange.response_bytes = first.exchange.response_bytes.map(|bytes| bytes + count);
            if time_ns > 0 {
                first.exchange.response_last_ns = Some(time_ns);
            }
        }
    }

    /// Something is odd about the current request.
    pub(super) fn request_odd(&mut self, flags: Flags) {
        if let Some(last) = self.uploading() {
            last.exchange.flags |= flags;
        }
    }

    /// Something is odd about the current response.
    pub(super) fn response_odd(&mut self, flags: Flags) {
        if let Some(first) = self.answering() {
            first.exchange.flags |= flags;
        }
    }

    /// The current request is over.
    pub(super) fn request_end(&mut self, flags: Flags, out: &mut Vec<Exchange>) {
        if let Some(last) = self.uploading() {
            last.exchange.flags |= flags;
            last.request_over = true;
            if flags.has(Flags::TRUNCATED) {
                last.exchange.request_bytes = None;
            }
        }
        self.complete(out);
    }

    /// The current response is over.
    pub(super) fn response_end(&mut self, flags: Flags, out: &mut Vec<Exchange>) {
        if let Some(first) = self.answering() {
            first.exchange.flags |= flags;
            first.response_over = true;
            if flags.has(Flags::GAP) || flags.has(Flags::TRUNCATED) {
                first.exchange.response_bytes = None;
                first.exchange.response_last_ns = None;
            }
        }
        self.complete(out);
    }

    /// At least one request head was lost, at `start`.
    pub(super) fn lost_request(&mut self, ends: Ends, start: Start) {
        if self.orphan_acknowledged.take().is_some_and(|acknowledged| is_after(acknowledged, start.sequence)) {
            // Its response came before, and found no request.
            return;
        }
        if self.waiting.back().is_none_or(|last| !last.lost) && self.waiting.len() < MAX_WAITING {
            let mut marker = Waiting::new(ends, Method::Unknown, start, Flags::GAP);
            marker.lost = true;
            marker.request_over = true;
            self.waiting.push_back(marker);
        }
    }

    /// At least one response head was lost, at the byte at `sequence`.
    pub(super) fn lost_response(&mut self, sequence: u32) {
        if self.lost_response.is_none() {
            self.lost_response = Some(sequence);
        }
    }

    /// Nothing more comes: what is not complete becomes rows with `flags`.
    pub(super) fn finish(&mut self, flags: Flags, out: &mut Vec<Exchange>) {
        while !self.waiting.is_empty() {
            self.pass_over(flags, out);
        }
        self.lost_response = None;
    }

    /// Whether requests wait for their response.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn uploading(&mut self) -> Option<&mut Waiting> {
        self.waiting.back_mut().filter(|last| !last.request_over)
    }

    fn answering(&mut self) -> Option<&mut Waiting> {
        self.waiting.front_mut().filter(|first| first.answered && !first.response_over)
    }

    fn complete(&mut self, out: &mut Vec<Exchange>) {
        while self.waiting.front().is_some_and(|first| first.response_over && first.request_over) {
            out.extend(self.waiting.pop_front().map(|first| *first.exchange));
        }
    }

    /// The first one will not get (more of) its response.
    fn pass_over(&mut self, flags: Flags, out: &mut Vec<Exchange>) {
        let Some(mut first) = self.waiting.pop_front() else { return };
        if first.lost && !first.answered {
            return;
        }
        if !(first.response_over && first.request_over) {
            first.exchange.flags |= flags;
            if !first.response_over {
                first.exchange.response_last_ns = None;
            }
        }
        out.push(*first.exchange);
    }

    /// After a gap in the responses: the first request's response was in it. So was that of each further request, as long
    /// as the client had seen bytes after the gap's start when it sent the one after.
    fn pass_over_lost(&mut self, lost_at: u32, out: &mut Vec<Exchange>) {
        if self.waiting.is_empty() {
            return;
        }
        self.pass_over(Flags::GAP, out);
        while self.waiting.len() > 1 && self.waiting.get(1).is_some_and(|second| is_after(second.start.acknowledgement, lost_at)) {
            let first_is_later = self.waiting.front().is_some_and(|first| is_after(first.start.acknowledgement, lost_at));
            if first_is_later {
                return;
            }
            self.pass_over(Flags::GAP, out);
        }
    }
}

impl Waiting {
    fn new(ends: Ends, method: Method, start: Start, flags: Flags) -> Self {
        let exchange = Box::new(Exchange {
            client: ends.client,
            server: ends.server,
            origin: ends.origin,
            request: None,
            response: None,
            request_first_ns: None,
            response_first_ns: None,
            response_last_ns: None,
            request_bytes: None,
            response_bytes: None,
            flags,
        });
        Self { exchange, method, start, lost: false, request_over: false, answered: false, response_over: false }
    }
}

/// Whether `a` comes after `b` in sequence space.
fn is_after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

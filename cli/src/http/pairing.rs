//! Tells which response answers which request of a connection.
//!
//! Responses come in the order of the requests (RFC 9112 section 9.3.2). A response answers only a request that its
//! segment acknowledges, and a client that does not pipeline has the whole response to a request when it sends the next one:
//! what the next request acknowledges tells which responses were lost on the way here. So an unknown method or a lost head
//! never shifts the pairs after it.
//!
//! With a client that pipelines, that cannot be told. A lost request leaves a marker that takes one response; after a lost
//! response nothing is paired until the connection has been quiet: a half exchange rather than a wrong one.

use std::collections::VecDeque;

use super::exchange::{Exchange, Flags};
use super::framing::Method;
use super::head::Head;
use super::messages::Start;
use crate::stream::{Endpoint, Origin};

/// Requests of one connection that wait for their response.
const MAX_WAITING: usize = 256;

/// A connection over which nothing was sent for so long has no response under way.
const QUIET_NS: u64 = 1_000_000_000;

/// A request as it arrives.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) ends: Ends,
    pub(super) head: Head,
    pub(super) method: Method,
    pub(super) start: Start,
    pub(super) flags: Flags,
}

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
    /// Response heads were lost before the byte of this sequence number.
    lost_response: Option<u32>,
    /// What the last response without request acknowledged.
    orphan_acknowledged: Option<u32>,
    /// The client was seen to send a request before it had the response to the one before.
    pipelines: bool,
    /// After a loss, which response answers which request is not known.
    unsure: bool,
    /// When the last message was seen.
    last_ns: u64,
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
    /// A request's head. `seen` is how far the stream of responses was seen when it came.
    pub(super) fn request(&mut self, request: Request, seen: Option<u32>, out: &mut Vec<Exchange>) {
        let Request { ends, head, method, start, flags } = request;
        self.settle(&start, seen, out);
        if self.waiting.len() == MAX_WAITING {
            self.pass_over(Flags::GAP, out);
        }
        let mut waiting = Waiting::new(ends, method, start, flags);
        waiting.exchange.request = Some(head);
        waiting.exchange.request_first_ns = Some(start.time_ns);
        waiting.exchange.request_bytes = Some(0);
        self.waiting.push_back(waiting);
    }

    /// A final response starts. Answers the method of the request that it belongs to.
    pub(super) fn answer(&mut self, ends: Ends, start: &Start, out: &mut Vec<Exchange>) -> Method {
        self.last_ns = start.time_ns;
        // The one before is over, whatever was seen of it.
        while self.waiting.front().is_some_and(|first| first.answered) {
            self.pass_over(Flags::default(), out);
        }
        if let Some(resumed) = self.lost_response.take() {
            self.pass_over_lost(resumed, out);
        }
        match self.waiting.front_mut() {
            Some(first) if !self.unsure && is_after(start.acknowledgement, first.start.sequence) => {
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
        self.last_ns = self.last_ns.max(time_ns);
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

    /// At least one response head was lost; the stream goes on with the byte at `resumed`.
    pub(super) fn lost_response(&mut self, resumed: u32) {
        self.lost_response = Some(resumed);
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

    /// Before a new request: what it tells of those that wait.
    fn settle(&mut self, start: &Start, seen: Option<u32>, out: &mut Vec<Exchange>) {
        let is_quiet = start.time_ns.saturating_sub(self.last_ns) > QUIET_NS;
        self.last_ns = start.time_ns;
        if self.unsure && is_quiet {
            while !self.waiting.is_empty() {
                self.pass_over(Flags::GAP, out);
            }
            self.unsure = false;
        }
        let Some(first) = self.waiting.front() else { return };
        let waits = |waiting: &Waiting| !waiting.answered;
        if self.pipelines || !self.waiting.iter().any(waits) {
            return;
        }
        // The client has bytes of responses that were not seen here.
        let is_ahead = seen.is_none_or(|seen| is_after(start.acknowledgement, seen));
        if first.answered || !is_ahead {
            self.pipelines = self.waiting.iter().any(|waiting| waits(waiting) && !waiting.lost);
            return;
        }
        while self.waiting.front().is_some_and(|first| waits(first) && is_after(start.acknowledgement, first.start.acknowledgement)) {
            self.pass_over(Flags::GAP, out);
        }
        self.lost_response = None;
    }

    /// After a gap in the responses up to `resumed`: those that started in it. A response starts where the client was in
    /// their stream when it sent the request.
    fn pass_over_lost(&mut self, resumed: u32, out: &mut Vec<Exchange>) {
        self.unsure |= self.pipelines;
        while self.waiting.front().is_some_and(|first| self.unsure || is_after(resumed, first.start.acknowledgement)) {
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

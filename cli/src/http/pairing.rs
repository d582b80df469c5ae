//! Tells which response answers which request of a connection.
//!
//! Responses come in the order of the requests (RFC 9112 section 9.3.2). A response answers only a request that its segment
//! acknowledges, and starts only after what the client had received when it sent that request.
//!
//! Where a head may have been lost, the order alone tells nothing. But a client that waits for each answer acknowledges
//! all of it with its next request, so that the answer to that one starts at exactly this byte. From such a pair on, the
//! order counts again. A client that was seen not to wait (pipelining) gives no such hint: then nothing is paired.

use std::collections::VecDeque;

use super::exchange::{Ends, Exchange, Exchanges, Flags};
use super::framing::Method;
use super::head::{Head, Version};
use super::messages::Start;

/// Requests of one connection that wait for their response.
const MAX_WAITING: usize = 256;

/// The exchanges of one connection that are not complete.
#[derive(Debug)]
pub(super) struct Pairing {
    /// In the order of the requests. The first one may be in the middle of its response.
    waiting: VecDeque<Waiting>,
    /// Bytes that the heads of these keep.
    buffered: usize,
    order: Order,
    /// Requests may have been lost after the last one that waits.
    request_lost: bool,
    /// The client was seen to send a request before it had the answer to the one before.
    pipelined: bool,
    /// Sequence number after the last response that was seen whole.
    response_end: Option<u32>,
}

/// Whether the next response answers the first request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// All heads were seen.
    Known,
    /// The connection was joined in the middle.
    Joined,
    /// A head may have been lost.
    Lost,
}

#[derive(Debug)]
struct Waiting {
    exchange: Box<Exchange>,
    method: Method,
    start: Start,
    /// Requests may have been lost before this one.
    after_lost: bool,
    /// Where the response starts.
    response_sequence: u32,
    request_over: bool,
    answered: bool,
    response_over: bool,
}

impl Pairing {
    /// Of a connection that was joined in the middle.
    pub(super) fn joined() -> Self {
        Self { waiting: VecDeque::new(), buffered: 0, order: Order::Joined, request_lost: false, pipelined: false, response_end: None }
    }

    /// Of a connection that was seen to begin.
    pub(super) fn opened() -> Self {
        Self { order: Order::Known, ..Self::joined() }
    }

    /// A request's head.
    pub(super) fn request(&mut self, ends: Ends, head: Head, method: Method, start: &Start, flags: Flags, out: &mut Exchanges) {
        if self.waiting.len() == MAX_WAITING {
            self.pass_over(Flags::GAP, out);
            // Its response is still to come, and which one that is nobody can tell.
            self.order = Order::Lost;
            self.pipelined = true;
        }
        let before = self.waiting.back().filter(|last| last.exchange.request.is_some() && !last.start.guessed);
        let is_early = before.is_some_and(|last| last.start.acknowledgement == start.acknowledgement)
            || self.response_end.is_some_and(|end| is_after(end, start.acknowledgement));
        self.pipelined |= is_early && !start.guessed;
        let mut waiting = Waiting::new(ends, method, *start, flags);
        waiting.after_lost = std::mem::take(&mut self.request_lost);
        self.buffered += head.size();
        waiting.exchange.request = Some(head);
        waiting.exchange.request_first_ns = Some(start.time_ns);
        waiting.exchange.request_bytes = Some(0);
        self.waiting.push_back(waiting);
    }

    /// A final response starts. Answers the method of the request that it belongs to.
    pub(super) fn answer(&mut self, ends: Ends, start: &Start, out: &mut Exchanges) -> Method {
        // The one before is over, whatever was seen of it.
        while self.waiting.front().is_some_and(|first| first.answered) {
            self.pass_over(Flags::default(), out);
        }
        if start.guessed && self.order == Order::Known || self.waiting.front().is_some_and(|first| first.after_lost) {
            self.order = Order::Lost;
        }
        if self.find(start, out) {
            self.order = Order::Known;
        } else {
            let flags = if self.order == Order::Lost { Flags::GAP } else { Flags::default() };
            let mut orphan = Waiting::new(ends, Method::Unknown, *start, flags);
            orphan.request_over = true;
            self.waiting.push_front(orphan);
        }
        let Some(first) = self.waiting.front_mut() else { return Method::Unknown };
        first.answered = true;
        first.method
    }

    /// A response without a head starts: whether it answers a request of HTTP/0.9, which alone gets such a one.
    pub(super) fn answer_simple(&mut self, start: &Start) -> bool {
        let Some(first) = self.waiting.front_mut().filter(|first| first.is_simple() && first.may_get(start)) else { return false };
        first.answered = true;
        first.response_sequence = start.sequence;
        first.exchange.response_first_ns = Some(start.time_ns);
        first.exchange.response_bytes = Some(0);
        true
    }

    /// The exchange that is being answered turns its connection into a tunnel: from here on, all bytes are its bytes.
    pub(super) fn tunnel(&mut self) {
        if let Some(first) = self.answering() {
            first.request_over = false;
        }
    }

    /// The exchange that is being answered goes on elsewhere.
    pub(super) fn take_answered(&mut self) -> Option<Box<Exchange>> {
        self.answering()?;
        let first = self.waiting.pop_front()?;
        self.buffered -= first.size();
        Some(first.exchange)
    }

    /// Whether a response that starts here answers a request that waits for one: then that is the first one now.
    fn find(&mut self, start: &Start, out: &mut Exchanges) -> bool {
        if self.order == Order::Known {
            self.pipelined |= self.waiting.get(1).is_some_and(|second| !is_after(second.start.acknowledgement, start.sequence));
            return self.waiting.front().is_some_and(|first| first.may_get(start));
        }
        if self.pipelined {
            while self.waiting.front().is_some_and(|first| first.may_get(start)) {
                self.pass_over(Flags::GAP, out);
            }
            return false;
        }
        let Some(found) = self.waiting.iter().position(|waiting| waiting.expects(start)) else {
            return false;
        };
        for _ in 0..found {
            self.pass_over(Flags::GAP, out);
        }
        true
    }

    /// Whether the place tells that the answer to a request starts here.
    pub(super) fn expects(&self, start: &Start) -> bool {
        !self.pipelined && self.waiting.iter().any(|waiting| waiting.expects(start))
    }

    /// Whether the client sends requests before it has the answers to those before.
    pub(super) fn is_pipelined(&self) -> bool {
        self.pipelined
    }

    /// Whether the connection was joined in the middle, and nothing was lost since.
    pub(super) fn is_joined(&self) -> bool {
        self.order == Order::Joined && !self.request_lost
    }

    /// Whether the order of requests and responses tells which belong together.
    pub(super) fn is_in_order(&self) -> bool {
        self.order == Order::Known && self.waiting.iter().all(|waiting| !waiting.after_lost)
    }

    /// The head of the response that [`Pairing::answer`] placed.
    pub(super) fn response(&mut self, head: Head, start: &Start, flags: Flags) {
        if let Some(first) = self.waiting.front_mut() {
            self.buffered += head.size();
            first.exchange.response = Some(head);
            first.response_sequence = start.sequence;
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
            first.exchange.response_last_ns = (time_ns > 0).then_some(time_ns);
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
    pub(super) fn request_end(&mut self, flags: Flags, out: &mut Exchanges) {
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
    pub(super) fn response_end(&mut self, flags: Flags, out: &mut Exchanges) {
        if let Some(first) = self.waiting.front_mut().filter(|first| first.is_answering()) {
            first.exchange.flags |= flags;
            first.response_over = true;
            if flags.has(Flags::GAP) || flags.has(Flags::TRUNCATED) {
                first.exchange.response_bytes = None;
                first.exchange.response_last_ns = None;
            } else if first.exchange.request.is_some() || !first.start.guessed {
                let end = first.exchange.response_bytes.map(|bytes| first.response_sequence.wrapping_add(bytes as u32));
                self.response_end = end;
                let is_pair = first.exchange.request.is_some();
                let mut later = self.waiting.iter().skip(1).filter(|later| is_pair && !later.start.guessed);
                self.pipelined |= end.is_some_and(|end| later.any(|later| is_after(end, later.start.acknowledgement)));
            }
        }
        self.complete(out);
    }

    /// Requests may have been lost.
    pub(super) fn lose_request(&mut self) {
        self.request_lost = true;
    }

    /// Responses may have been lost.
    pub(super) fn lose_response(&mut self) {
        self.order = Order::Lost;
    }

    /// No response comes any more. A request whose response is over may still be under way.
    pub(super) fn finish_responses(&mut self, flags: Flags, out: &mut Exchanges) {
        while self.waiting.front().is_some_and(|first| !first.response_over) {
            self.pass_over(flags, out);
        }
    }

    /// Nothing more comes: what is not complete becomes rows with `flags`.
    pub(super) fn finish(&mut self, flags: Flags, out: &mut Exchanges) {
        while !self.waiting.is_empty() {
            self.pass_over(flags, out);
        }
    }

    /// Bytes kept for exchanges that are not complete.
    pub(super) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Whether requests wait for their response.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn uploading(&mut self) -> Option<&mut Waiting> {
        self.waiting.back_mut().filter(|last| !last.request_over)
    }

    fn answering(&mut self) -> Option<&mut Waiting> {
        self.waiting.front_mut().filter(|first| first.is_answering())
    }

    fn complete(&mut self, out: &mut Exchanges) {
        while self.waiting.front().is_some_and(|first| first.response_over && first.request_over) {
            self.pass_over(Flags::default(), out);
        }
    }

    /// The first one will not get (more of) its response.
    fn pass_over(&mut self, flags: Flags, out: &mut Exchanges) {
        let Some(mut first) = self.waiting.pop_front() else { return };
        self.buffered -= first.size();
        if !(first.response_over && first.request_over) {
            first.exchange.flags |= flags;
            if !first.response_over {
                first.exchange.response_last_ns = None;
            }
        }
        out.push(first.exchange);
    }
}

impl Waiting {
    fn new(ends: Ends, method: Method, start: Start, flags: Flags) -> Self {
        let exchange = Box::new(Exchange { flags, ..Exchange::between(&ends) });
        Self {
            exchange,
            method,
            start,
            after_lost: false,
            response_sequence: start.sequence,
            request_over: false,
            answered: false,
            response_over: false,
        }
    }
}

impl Waiting {
    /// Bytes that the heads keep.
    fn size(&self) -> usize {
        let Exchange { request, response, .. } = &*self.exchange;
        request.as_ref().map_or(0, Head::size) + response.as_ref().map_or(0, Head::size)
    }

    fn is_simple(&self) -> bool {
        self.exchange.request.as_ref().is_some_and(|head| head.version == Version::HTTP_0_9)
    }

    fn is_answering(&self) -> bool {
        self.answered && !self.response_over
    }

    /// Whether a response that starts here may answer this request: the server had seen the request, and the client had
    /// not seen the response.
    fn may_get(&self, response: &Start) -> bool {
        !self.answered
            && is_after(response.acknowledgement, self.start.sequence)
            && !is_after(self.start.acknowledgement, response.sequence)
    }

    /// Whether it does, of a client that waits for each answer.
    fn expects(&self, response: &Start) -> bool {
        self.may_get(response) && self.start.acknowledgement == response.sequence
    }
}

/// Whether `a` comes after `b` in sequence space.
fn is_after(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) > 0
}

//! What the messages of one direction mean for the connection: which end is the client, which response answers which request.

use super::connection::{Outcome, Shared};
use super::counts::Counts;
use super::exchange::{Ends, Exchange, Flags};
use super::first_line::Line;
use super::framing::{self, Framing, Method};
use super::head::{Direction, Head};
use super::messages::{Extent, Protocol, Sink, Start};
use super::pairing::Pairing;
use super::raw::Raw;
use crate::stream::{Endpoint, Origin};

/// One direction, as its messages see it.
pub(super) struct Side<'a> {
    pub(super) sender: usize,
    pub(super) ends: [Endpoint; 2],
    pub(super) origin: Origin,
    pub(super) client: &'a mut Option<usize>,
    pub(super) proxied: &'a mut [Option<Endpoint>; 2],
    pub(super) interim: &'a mut bool,
    pub(super) interim_at: &'a mut Option<u32>,
    /// How much of this half the other end has acknowledged.
    pub(super) acknowledged: Option<u32>,
    /// How much was seen of the other half.
    pub(super) answered: Option<u32>,
    /// Nothing was.
    pub(super) is_alone: bool,
    pub(super) pairing: &'a mut Pairing,
    pub(super) doubtful: &'a mut Option<Box<Doubtful>>,
    pub(super) shared: &'a Shared,
    pub(super) outcome: &'a mut Outcome,
    /// The other half carries HTTP/1.
    pub(super) is_other_http1: bool,
    /// The connection became a tunnel.
    pub(super) tunnel: bool,
    /// It turned to HTTP/2, which brings the answer to this one.
    pub(super) upgraded: Option<Box<Exchange>>,
}

impl Side<'_> {
    /// Whether the sender is known to be the client.
    pub(super) fn is_client(&self) -> bool {
        *self.client == Some(self.sender)
    }

    /// What may have been a request was one if this is its answer.
    fn settle(&mut self, ends: Ends, response: &Start) {
        let Some(doubtful) = self.doubtful.take_if(|doubtful| doubtful.gets(response)) else { return };
        let Doubtful { head, method, start, len, flags } = *doubtful;
        let exchanges = &mut self.outcome.exchanges;
        self.pairing.request(ends, head, method, &start, flags | Flags::GAP, exchanges);
        self.pairing.request_bytes(u64::from(len));
        self.pairing.request_end(Flags::default(), exchanges);
        self.outcome.counts.undecodable = self.outcome.counts.undecodable.saturating_sub(1);
    }

    pub(super) fn ends(&self) -> Ends {
        let client = self.client.unwrap_or(self.sender);
        Ends { client: self.ends[client], proxied: self.proxied[client], server: self.ends[1 - client], origin: self.origin }
    }

    /// Whether what looks like a head, at a place that may be within a body, is one. Of a client that waits for each answer,
    /// a request starts where the server's last acknowledgement ended, or where the client received something since its last
    /// byte, and a response where the request's acknowledgement did. Where nothing is seen of the server, it is enough that
    /// the client does.
    fn is_likely(&self, direction: Direction, start: &Start) -> bool {
        match direction {
            Direction::Request if self.is_alone && start.answered => true,
            Direction::Request => match self.acknowledged {
                Some(acknowledged) => (acknowledged == start.sequence || start.answered && start.follows) && !self.pairing.is_pipelined(),
                None => self.pairing.is_joined(),
            },
            Direction::Response => {
                self.pairing.is_idle() || self.pairing.expects(&Start { sequence: self.interim_at.unwrap_or(start.sequence), ..*start })
            }
        }
    }
}

impl Sink for Side<'_> {
    fn is_server(&self) -> bool {
        self.client.is_some_and(|client| client != self.sender)
    }

    fn proxied(&mut self, client: Option<Endpoint>) {
        self.proxied[self.sender] = client;
    }

    fn head(&mut self, mut raw: Raw<'_>, len: usize, start: &Start, extent: Extent) -> Option<Framing> {
        let direction = if matches!(raw.line, Line::Request { .. }) { Direction::Request } else { Direction::Response };
        // A request in the responses' direction is no message of this connection, but body that was taken for one.
        let client = *self.client.get_or_insert(if direction == Direction::Request { self.sender } else { 1 - self.sender });
        if (client == self.sender) != (direction == Direction::Request) {
            return None;
        }
        if start.guessed && !self.is_likely(direction, start) {
            // The client has an answer that was not seen: what was lost before this were whole exchanges.
            let is_ahead = self.answered.is_some_and(|answered| start.acknowledgement.wrapping_sub(answered) as i32 > 0);
            if extent == Extent::AtOnce && is_ahead && !raw.flags.has(Flags::MALFORMED) && !self.pairing.is_pipelined() {
                *self.doubtful = Doubtful::new(&raw, len, start, self.shared).map(Box::new);
            }
            return None;
        }
        if extent == Extent::Cut {
            raw.flags |= Flags::TRUNCATED;
            self.outcome.counts.truncated += 1;
        }
        let flags = raw.flags;
        let head = |raw: &Raw<'_>| Head::new(&raw.sent(), &self.shared.wanted, &self.shared.redactor);
        match raw.line {
            Line::Request { method, .. } => {
                let (framing, odd) = framing::request(&raw);
                let ends = self.ends();
                self.pairing.request(ends, head(&raw), Method::of(method), start, flags | odd, &mut self.outcome.exchanges);
                Some(framing)
            }
            Line::Response { status: 100 | 102..=199 } => {
                *self.interim = true;
                self.interim_at.get_or_insert(start.sequence);
                Some(Framing::Length(0))
            }
            Line::Response { status } => {
                *self.interim = false;
                let ends = self.ends();
                let first = Start { sequence: self.interim_at.take().unwrap_or(start.sequence), ..*start };
                self.settle(ends, &first);
                let method = self.pairing.answer(ends, &first, &mut self.outcome.exchanges);
                let may_turn = method != Method::Connect && (method != Method::Unknown || !start.guessed);
                if status == 101 && may_turn && framing::turns_to_http2(&raw) {
                    self.upgraded = self.pairing.take_answered();
                    return Some(Framing::Http2);
                }
                let (framing, odd) = framing::response(&raw, status, method);
                self.pairing.response(head(&raw), start, flags | odd);
                if framing == Framing::Tunnel {
                    self.pairing.tunnel();
                    self.tunnel = true;
                }
                Some(framing)
            }
        }
    }

    fn bytes(&mut self, count: u64, time_ns: u64) {
        if self.is_client() {
            self.pairing.request_bytes(count);
        } else if !*self.interim {
            self.pairing.response_bytes(count, time_ns);
        }
    }

    fn end(&mut self, flags: Flags) {
        if self.is_client() {
            self.pairing.request_end(flags, &mut self.outcome.exchanges);
        } else if !*self.interim {
            self.pairing.response_end(flags, &mut self.outcome.exchanges);
        }
    }

    fn odd(&mut self, flags: Flags) {
        if self.is_client() {
            self.pairing.request_odd(flags);
        } else {
            self.pairing.response_odd(flags);
        }
    }

    fn lost_head(&mut self) {
        if self.is_client() {
            self.pairing.lose_request();
        } else {
            *self.interim_at = None;
            self.pairing.lose_response();
        }
    }

    fn undecodable(&mut self) {
        self.outcome.counts.undecodable += 1;
    }

    fn foreign(&mut self, protocol: Protocol) {
        let Counts { tls, other, .. } = &mut self.outcome.counts;
        *match protocol {
            Protocol::Tls => tls,
            Protocol::Other => other,
        } += 1;
    }

    fn headless(&mut self, start: &Start) -> bool {
        !self.is_client() && self.pairing.answer_simple(start)
    }

    fn may_be_http2(&self) -> bool {
        !self.is_other_http1
    }
}

/// What looks like a request without a body, at a place that may be within one. The answer tells: that to the head starts where
/// its acknowledgement ended, and acknowledges the head and not a byte more.
#[derive(Debug)]
pub(super) struct Doubtful {
    head: Head,
    method: Method,
    start: Start,
    len: u32,
    flags: Flags,
}

impl Doubtful {
    fn new(raw: &Raw<'_>, len: usize, start: &Start, shared: &Shared) -> Option<Self> {
        let Line::Request { method, .. } = raw.line else { return None };
        let (framing, odd) = framing::request(raw);
        let head = || Head::new(&raw.sent(), &shared.wanted, &shared.redactor);
        let len = u32::try_from(len).ok().filter(|_| framing == Framing::Length(0))?;
        Some(Self { head: head(), method: Method::of(method), start: *start, len, flags: raw.flags | odd })
    }

    fn gets(&self, response: &Start) -> bool {
        response.sequence == self.start.acknowledgement && response.acknowledgement == self.start.sequence.wrapping_add(self.len)
    }

    /// Bytes that it keeps.
    pub(super) fn size(&self) -> usize {
        self.head.size()
    }
}

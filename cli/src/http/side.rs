//! What the messages of one direction mean for the connection: which end is the client, which response answers which request.

use super::connection::{Outcome, Shared};
use super::counts::Counts;
use super::exchange::Flags;
use super::first_line::Line;
use super::framing::{self, Framing, Method};
use super::head::{Direction, Head};
use super::messages::{Protocol, Sink, Start};
use super::pairing::{Ends, Pairing};
use super::raw;
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
    pub(super) pairing: &'a mut Pairing,
    pub(super) shared: &'a Shared,
    pub(super) outcome: &'a mut Outcome,
    /// The connection became a tunnel.
    pub(super) tunnel: bool,
}

impl Side<'_> {
    fn is_client(&self) -> bool {
        *self.client == Some(self.sender)
    }

    fn ends(&self) -> Ends {
        let client = self.client.unwrap_or(self.sender);
        Ends { client: self.ends[client], proxied: self.proxied[client], server: self.ends[1 - client], origin: self.origin }
    }

    /// Whether what looks like a head, at a place that may be within a body, is one. Of a client that waits for each answer,
    /// a request starts where the server's last acknowledgement ended, and a response where the request's did.
    fn is_likely(&self, direction: Direction, start: &Start) -> bool {
        match direction {
            Direction::Request => match self.acknowledged {
                Some(acknowledged) => acknowledged == start.sequence && !self.pairing.is_pipelined(),
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

    fn head(&mut self, bytes: &[u8], start: &Start, truncated: bool) -> Option<Framing> {
        let mut raw = raw::parse(bytes)?;
        let direction = if matches!(raw.line, Line::Request { .. }) { Direction::Request } else { Direction::Response };
        // A request in the responses' direction is no message of this connection, but body that was taken for one.
        let client = *self.client.get_or_insert(if direction == Direction::Request { self.sender } else { 1 - self.sender });
        if (client == self.sender) != (direction == Direction::Request) {
            return None;
        }
        if start.guessed && !self.is_likely(direction, start) {
            return None;
        }
        if truncated {
            raw.flags |= Flags::TRUNCATED;
            self.outcome.counts.truncated += 1;
        }
        let flags = raw.flags;
        let head = |raw: &raw::Raw<'_>| Head::new(raw, &self.shared.wanted, &self.shared.redactor);
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
                let method = self.pairing.answer(ends, &first, &mut self.outcome.exchanges);
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
        let Counts { tls, http2, other, .. } = &mut self.outcome.counts;
        *match protocol {
            Protocol::Tls => tls,
            Protocol::Http2 => http2,
            Protocol::Other => other,
        } += 1;
    }

    fn headless(&mut self, start: &Start) -> bool {
        !self.is_client() && self.pairing.answer_simple(start)
    }
}

//! Conversations of a client and a server, and the truth about them.

use std::collections::VecDeque;
use std::ops::{Range, RangeInclusive};

use crate::message::{Bytes, Head};
use crate::random::Random;

/// The client's and the server's place in pairs.
pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;

/// What kind of conversation is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of both streams together, about.
    pub(crate) bytes: usize,
    /// Requests that may be under way at a time.
    pub(crate) depth: usize,
    /// Whether heads may be what a strict server refuses.
    pub(crate) odd: bool,
    /// Whether methods are known ones that leave the connection as it is.
    pub(crate) plain: bool,
    /// Whether bodies contain what looks like messages.
    pub(crate) traps: bool,
    /// Whether heads are sent in one go.
    pub(crate) whole: bool,
}

/// An exchange as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    /// The answer begins before the request is over.
    pub(crate) early: bool,
    /// The request did not wait for the answer to the one before.
    pub(crate) pipelined: bool,
    /// Where request and response stand in their streams.
    pub(crate) spans: [Range<usize>; 2],
}

/// Bytes that one end sends in one go.
#[derive(Clone, Debug)]
pub(crate) struct Send {
    pub(crate) from: usize,
    pub(crate) range: Range<usize>,
    /// How much of the other stream the sender may have acknowledged by then.
    pub(crate) acknowledged: RangeInclusive<usize>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It goes on.
    Open,
    /// FIN from this end, then from the other.
    Fin(usize),
    /// RST from this end.
    Reset(usize),
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    pub(crate) streams: [Bytes; 2],
    pub(crate) sends: Vec<Send>,
    pub(crate) truths: Vec<Truth>,
    pub(crate) end: End,
}

/// Makes a conversation.
pub(crate) fn conversation(shape: Shape, random: &mut Random) -> Conversation {
    let mut making = Making { shape, random, streams: Default::default(), sends: Vec::new(), truths: Vec::new(), waiting: VecDeque::new() };
    let end = making.run();
    let Making { streams, sends, truths, .. } = making;
    Conversation { streams, sends, truths, end }
}

struct Making<'r> {
    shape: Shape,
    random: &'r mut Random,
    streams: [Bytes; 2],
    sends: Vec<Send>,
    truths: Vec<Truth>,
    waiting: VecDeque<Waiting>,
}

/// A request that was sent, and what is left to send of its response.
struct Waiting {
    response: Bytes,
    sent: usize,
    /// How much of the client's stream the server has to have seen.
    needs: usize,
    /// What the request lacks until the response has begun.
    rest: Option<Bytes>,
}

/// What becomes of a connection after an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Another,
    Tunnel,
    Close,
}

struct Exchange {
    method: &'static str,
    status: u16,
    request: Bytes,
    /// Request bytes that wait for an interim response, or let the response begin before them.
    rest: Option<Bytes>,
    interim: Bytes,
    response: Bytes,
    after: After,
}

impl Making<'_> {
    fn run(&mut self) -> End {
        let mut last = After::Another;
        let mut left = self.random.within(1..30);
        loop {
            let used = self.streams[CLIENT].len()
                + self.streams[SERVER].len()
                + self.waiting.iter().map(|w| w.response.len() - w.sent).sum::<usize>();
            let more = left > 0 && last == After::Another && (used < self.shape.bytes || self.truths.is_empty());
            // A request whose rest is not sent keeps the client from the next one.
            let free = self.waiting.len() < self.shape.depth && self.waiting.iter().all(|waiting| waiting.rest.is_none());
            if more && free && (self.waiting.is_empty() || self.random.percent(60)) {
                last = self.ask(self.shape.bytes.saturating_sub(used));
                left -= 1;
            } else if !self.waiting.is_empty() {
                self.answer();
            } else {
                break;
            }
        }
        match last {
            After::Another => self.random.pick(&[End::Open, End::Fin(CLIENT), End::Fin(SERVER), End::Reset(CLIENT), End::Reset(SERVER)]),
            After::Close => End::Fin(SERVER),
            After::Tunnel => {
                self.tunnel();
                End::Fin(SERVER)
            }
        }
    }

    fn ask(&mut self, budget: usize) -> After {
        let number = self.truths.len();
        let path = format!("/n/{number}");
        let exchange = self.exchange(number, &path, budget);
        if number > 0 && self.shape.odd && self.random.percent(5) {
            // RFC 9112 section 2.2: to be ignored before a request line.
            self.streams[CLIENT].text(b"\r\n");
        }
        let begin = self.streams[CLIENT].len();
        let request_len = exchange.request.len() + exchange.rest.as_ref().map_or(0, Bytes::len);
        let from = self.sends.iter().filter(|send| send.from == CLIENT).map(|send| send.range.end).max().unwrap_or(0);
        self.streams[CLIENT].cut();
        self.streams[CLIENT].append(&exchange.request);
        self.send(CLIENT, from, 0);
        let response_begin =
            self.streams[SERVER].len() + self.waiting.iter().map(|w| w.response.len() - w.sent).sum::<usize>() + exchange.interim.len();
        self.truths.push(Truth {
            method: exchange.method,
            path,
            status: exchange.status,
            request_bytes: request_len as u64,
            response_bytes: exchange.response.len() as u64,
            early: exchange.rest.is_some(),
            pipelined: !self.waiting.is_empty(),
            spans: [begin..begin + request_len, response_begin..response_begin + exchange.response.len()],
        });
        let mut response = exchange.interim;
        response.cut();
        response.append(&exchange.response);
        self.waiting.push_back(Waiting { response, sent: 0, needs: self.streams[CLIENT].len(), rest: exchange.rest });
        exchange.after
    }

    /// Sends the next part of the first response, or of several.
    fn answer(&mut self) {
        let from = self.streams[SERVER].len();
        let mut needs = 0;
        while let Some(first) = self.waiting.front_mut() {
            needs = first.needs.max(needs);
            let left = first.response.len() - first.sent;
            let all = first.rest.is_none() && self.random.percent(70) || left < 2;
            let mut count = if all { left } else { self.random.within(1..left) };
            while self.shape.whole && count < left && !first.response.body[first.sent + count] {
                count += 1;
            }
            let part = first.response.slice(first.sent..first.sent + count);
            self.streams[SERVER].append(&part);
            first.sent += count;
            if first.rest.is_some() || first.sent < first.response.len() {
                break;
            }
            self.waiting.pop_front();
            if self.random.percent(50) {
                break;
            }
        }
        self.send(SERVER, from, needs);
        if let Some(rest) = self.waiting.front_mut().and_then(|first| first.rest.take()) {
            let from = self.streams[CLIENT].len();
            self.streams[CLIENT].append(&rest);
            self.send(CLIENT, from, 0);
        }
        self.waiting.retain(|waiting| waiting.sent < waiting.response.len() || waiting.rest.is_some());
    }

    fn send(&mut self, from: usize, begin: usize, needs: usize) {
        let other = self.streams[1 - from].len();
        let before = self.sends.iter().rev().find(|send| send.from == from).map_or(0, |send| *send.acknowledged.start());
        // Who waits for each answer has seen all of it.
        let least = if self.shape.depth == 1 { other } else { needs.max(before) };
        let least = self.random.within(least..other + 1);
        self.sends.push(Send { from, range: begin..self.streams[from].len(), acknowledged: least..=other });
    }

    fn tunnel(&mut self) {
        for _ in 0..self.random.within(0..10) {
            let from = self.random.within(0..2);
            let begin = self.streams[from].len();
            let len = self.random.within(1..3000);
            self.streams[from].body(len, self.shape.traps, self.random);
            if let Some(last) = self.truths.last_mut() {
                let bytes = if from == SERVER { &mut last.response_bytes } else { &mut last.request_bytes };
                *bytes += len as u64;
                last.spans[from].end += len;
            }
            self.send(from, begin, 0);
        }
    }

    fn exchange(&mut self, number: usize, path: &str, budget: usize) -> Exchange {
        let alone = self.waiting.is_empty() && self.shape.depth == 1 || self.truths.len() > 2 && self.waiting.is_empty();
        let method =
            self.random.pick(&["GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "M-SEARCH", "frobnicate", "X", "CONNECT"]);
        let method = if method == "CONNECT" && !alone { "PATCH" } else { method };
        let method = if self.shape.plain && matches!(method, "frobnicate" | "X" | "CONNECT") { "PROPFIND" } else { method };
        let may_upload = !matches!(method, "CONNECT" | "HEAD") && (method != "GET" || self.random.percent(10));
        let (request_head, request_body) = self.message(Head::new(format!("{method} {path} HTTP/1.1")), may_upload, false, budget);
        let status = self.random.pick(&[200u16, 200, 200, 201, 204, 206, 301, 304, 404, 500, 599]);
        let mut after = After::Another;
        let (status, close) = match method {
            "CONNECT" if self.random.percent(50) => {
                after = After::Tunnel;
                (200, false)
            }
            "GET" if alone && self.random.percent(3) => {
                after = After::Tunnel;
                (101, false)
            }
            "CONNECT" => (407, false),
            "HEAD" => (status, false),
            _ if !matches!(status, 204 | 304) && alone && self.random.percent(6) => {
                after = After::Close;
                (status, true)
            }
            _ => (status, false),
        };
        let bodyless = method == "HEAD" || matches!(status, 204 | 304) || after == After::Tunnel;
        let reason = self.random.pick(&[" OK", " Some Reason", " ", ""]);
        let mut head = Head::new(format!("HTTP/1.1 {status}{reason}"));
        head.field(format!("X-Answer: {number}"));
        let (mut response, body) = if bodyless {
            // What frames a body here frames none.
            match self.random.within(0..3) {
                0 if after == After::Another => head.field(format!("Content-Length: {}", self.random.within(0..100_000))),
                1 if after == After::Another => head.field("Transfer-Encoding: chunked"),
                _ => {}
            }
            self.pad(&mut head);
            (head.bytes(self.shape.odd, self.random), Bytes::default())
        } else {
            let (head, body) = self.message(head, true, close, budget);
            (head, body)
        };
        response.append(&body);
        let (mut request, mut rest) = (request_head, None);
        if request_body.len() > 1 && after != After::Tunnel && self.random.percent(15) {
            let at = self.random.within(0..request_body.len());
            request.append(&request_body.slice(0..at));
            rest = Some(request_body.slice(at..request_body.len()));
        } else {
            request.append(&request_body);
        }
        let mut interim = Bytes::default();
        while self.random.percent(if rest.is_some() { 50 } else { 3 }) {
            let line = self.random.pick(&["100 Continue", "102 Processing", "103 Early Hints", "100"]);
            let mut head = Head::new(format!("HTTP/1.1 {line}"));
            if line.starts_with("103") {
                head.field("Link: </style.css>; rel=preload");
            }
            interim.append(&head.bytes(false, self.random));
        }
        Exchange { method, status, request, rest, interim, response, after }
    }

    /// A head with fields that frame the body, and the body.
    fn message(&mut self, mut head: Head, may_have_body: bool, close: bool, budget: usize) -> (Bytes, Bytes) {
        let len = if may_have_body { self.body_len(budget) } else { 0 };
        let mut body = Bytes::default();
        let (odd, traps) = (self.shape.odd && self.random.percent(15), self.shape.traps);
        let is_response = head.is_response();
        if close {
            if odd {
                head.field("Transfer-Encoding: gzip");
            }
            body.body(len, traps, self.random);
        } else if !may_have_body && (!is_response || self.random.percent(50)) {
            if !is_response && self.random.percent(20) {
                head.field("Content-Length: 0");
            }
        } else if self.random.percent(60) {
            let field = match self.random.within(0..6) {
                0 if odd => format!("Content-Length: {len}, {len}"),
                1 if odd => format!("Content-Length : {len}"),
                2 if odd => format!("Content-Length: {len} \t"),
                3 if odd => format!("Content-Length:\r\n {len}"),
                4 if odd => format!("Content-Length: {len}\r\nContent-Length: {len}"),
                5 if odd => format!("Content-Length:  \t{len}"),
                1 => format!("content-length:{len}"),
                2 => format!("CONTENT-LENGTH: {len}"),
                3 => format!("Content-Length: 0{len}"),
                _ => format!("Content-Length: {len}"),
            };
            head.field(field);
            body.body(len, traps, self.random);
        } else {
            let field = match self.random.within(0..5) {
                0 if odd => "Transfer-Encoding: gzip, chunked",
                1 if odd => "Transfer-Encoding: chunked\r\nContent-Length: 3",
                2 if odd => "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
                3 if odd => "Transfer-Encoding:\r\n chunked",
                4 if odd => "Transfer-Encoding : chunked ",
                1 => "transfer-encoding:Chunked",
                _ => "Transfer-Encoding: chunked",
            };
            head.field(field);
            body.chunked(len, traps, self.random);
        }
        self.pad(&mut head);
        (head.bytes(self.shape.odd, self.random), body)
    }

    fn pad(&mut self, head: &mut Head) {
        let most = if self.random.percent(10) { 30_000 } else { 600 };
        let len = self.random.within(0..most.min(self.shape.bytes + 1));
        if self.random.percent(60) {
            head.pad(len, self.shape.traps, self.random);
        }
    }

    fn body_len(&mut self, budget: usize) -> usize {
        let most = self.random.pick(&[0usize, 1, 10, 100, 2000, 20_000, 200_000]);
        self.random.within(0..most.min(budget) + 1)
    }
}
